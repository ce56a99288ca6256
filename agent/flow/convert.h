/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.h: records from one binding of a flow through the rules into another, without a ledger.  For files, first looks and
 * benchmarks: nothing is kept, so running it twice writes twice.
 *
 * A thread reads, some apply the rules, the caller's writes; batches keep their order (ring.h).
 */
#ifndef FLOW_CONVERT_H
#define FLOW_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/model.h"
#include "flow/systems.h"

#define CONVERT_STAGE_READ 0u  /* the connector could not read the row */
#define CONVERT_STAGE_RULES 1u /* a rule or a check refused it */
#define CONVERT_STAGE_WRITE 2u /* the target refused it */
const char *convert_stage_name(uint32_t stage);

/* Texts are valid during the call alone; "" where there is nothing to say. */
struct convert_reject {
	uint32_t stage;
	const char *origin; /* file or page */
	uint64_t place;     /* line in it, 0: not known */
	const char *native_id;
	const char *field;
	const char *rule;
	const char *rule_file;
	uint32_t rule_line;
	const char *value;
	const char *reason;
	const char *hint;
	bool first; /* of this record: its further faults follow */
};

struct convert_counts {
	uint64_t read;       /* records that the source gave, rejected rows included */
	uint64_t written;    /* committed at the target */
	uint64_t rejected[3]; /* records, per stage */
	uint64_t uncertain;  /* sent, and nobody knows */
	uint64_t skipped;    /* by create_if, or deleted at the source */
	uint64_t other_units; /* of tenants that belong to none of the units asked for */
	uint64_t documents;
	uint64_t document_bytes;
	uint64_t expected;   /* about how many the source has, 0: not known */
};

struct convert_options {
	const struct model *model;
	const struct systems *systems;
	const char *flow, *from, *to;
	const char *unit; /* NULL: all units of the flow */
	uint32_t limit;   /* read so many records at most, 0: all */
	uint32_t workers; /* threads that apply rules, 0: one per processor, four at most */
	void (*rejected)(void *data, const struct convert_reject *reject);
	/* After each batch.  false: stop. */
	bool (*progress)(void *data, const struct convert_counts *counts);
	void *data;
};

/* 0: all records were read, and ret_counts says what became of them.  -1: it stopped; ret_counts is set all the same. */
int convert(const struct convert_options *options, struct convert_counts *ret_counts, struct error *err);

#endif
