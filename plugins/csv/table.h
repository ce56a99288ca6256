/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h: what table.c (one row, one record) and group.c (several rows, one record) share.
 */
#ifndef CSV_TABLE_H
#define CSV_TABLE_H

#include "stream.h"

struct csv_column {
	const char *name;
	const char *json; /* "name": with its quotes and colon */
	uint8_t type;
};

struct csv_table {
	const struct csv_object *object;
	struct csv_stream *stream;
	struct csv_pool pool;
	struct csv_column *columns;
	uint32_t column_count;
	struct syncline_field *fields; /* the columns, then group_into */
	uint32_t field_count;
	bool plain; /* all columns are text and nothing is null: a value is its bytes */
	uint32_t *keys; /* columns */
	int64_t tenant; /* column, or -1 */
	struct syncline_value *values;
	struct syncline_buffer scratch, key, note;
	struct syncline_record record, refused;
	struct csv_table_stats stats;
	bool memory; /* there was none for the row: the read ends, rather than call the row bad */
	int documents; /* the folder that content names files in, once it was needed; else -1 */
	char version[64];
	struct csv_group *group; /* NULL: one row is one record */
};

/* A row of the file, read as far as it goes. */
enum csv_row_state {
	CSV_ROW_GOOD,
	CSV_ROW_BAD,    /* the key is readable, a value isn't: table->note says why */
	CSV_ROW_KEYLESS /* not even the key: table->note says why */
};
struct csv_read_row {
	enum csv_row_state state;
	uint64_t line;
	struct syncline_value native_id, tenant; /* until the next row */
};
/* table->values hold the row's values when it is good.  ret_end: no more rows. */
uint32_t csv_table_row(struct csv_table *table, const struct syncline_call *call, struct csv_read_row *ret_row, bool *ret_end,
                       struct syncline_error *err);
/* The key alone, without values: for the survey of a file. */
uint32_t csv_table_key(struct csv_table *table, const struct syncline_call *call, struct csv_read_row *ret_row, bool *ret_end,
                       struct syncline_error *err);
const struct syncline_record *csv_table_reject(struct csv_table *table, uint64_t line, const struct syncline_value *native_id);

uint32_t csv_group_new(struct csv_table *table, struct csv_group **ret_group, struct syncline_error *err);
void csv_group_free(struct csv_group *group);
/* Which keys stand in more than one place of the file: one pass over it with a stream of its own. */
uint32_t csv_group_survey(struct csv_group *group, struct csv_table *whole, const struct syncline_call *call, struct syncline_error *err);
uint32_t csv_group_next(struct csv_group *group, const struct syncline_call *call, const struct syncline_record **ret_record,
                        struct syncline_error *err);
void csv_group_tell(const struct csv_group *group, uint64_t *ret_offset, uint64_t *ret_line);
void csv_group_reset(struct csv_group *group);

#endif
