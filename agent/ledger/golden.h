/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golden.h: the golden tables as the files of this folder see them: one table an entity, a column a field, and the statements
 * that follow from them.  Inside agent/ledger alone.
 *
 * golden_ENTITY: _id, _unit, _state, _generation, _version, _updated, _stamps, then the fields.  Fields of numbers that a
 * person may rely on digit by digit (decimals), times, dates and lists are TEXT; integer, boolean and ref are INTEGER.
 */
#ifndef LEDGER_GOLDEN_H
#define LEDGER_GOLDEN_H

#include "ledger/inside.h"
#include "ledger/records.h"

#define GOLDEN_OWN 7 /* columns of ours, before the fields */
#define GOLDEN_FIELDS_MAX 1900u

/* Made once per open ledger and entity, in the ledger's arena. */
struct golden {
	const struct config_entity *entity;
	struct golden *next;
	bool there;          /* a READER may find no table yet */
	uint8_t *types;      /* SYNCLINE_TYPE_*, a field each */
	char (*scratch)[32]; /* dates and times as they are being bound, a field each */
	/* SQL; the fields stand in the model's order behind our columns. */
	const char *range;   /* ids ?1 to ?2 */
	const char *scan;    /* live, above ?1, at most ?2 */
	const char *scan_unit;
	const char *insert;  /* nothing happens when the id is there */
	const char *update;
	const char *change;  /* the same where unit and state are what they were; else nothing happens */
	const char *state;   /* unit and state of id ?1 */
	const char *exists;
	const char *generations; /* ids ?1 to ?2 */
};

/* NULL with err: no memory.  The table may be missing (`there`). */
struct golden *golden_of(struct ledger *ledger, const struct config_entity *entity, struct error *err);
/* Forgets what is known of tables, after they were changed. */
void golden_forget(struct ledger *ledger);
/* Makes the index of a ref field unless it is there. */
int golden_index_ref(struct ledger *ledger, const struct config_entity *entity, const struct config_field *field, struct error *err);
/* The contract's type of a field's values. */
uint8_t golden_type(const struct config_field *field);

/* Binds all of a record, ?1 and on; its texts stay the record's until the statement was reset. */
int golden_bind(struct golden *golden, sqlite3_stmt *statement, const struct ledger_record *record, struct buffer *stamps, struct error *err);
/* The row that the statement stands on. */
int golden_read(struct golden *golden, sqlite3_stmt *statement, struct arena *arena, struct ledger_record *ret_record, struct error *err);

/* Appends the name in double quotes, as SQL wants it. */
int golden_quote(struct buffer *buffer, const char *prefix, const char *name);

/* How many live ones there are, kept beside the rows so that asking costs one look. */
int ledger_count_records(struct ledger *ledger, uint32_t entity, uint32_t unit, int64_t more, struct error *err);
int ledger_count_links(struct ledger *ledger, uint32_t object, uint32_t unit, int64_t more, struct error *err);

#endif
