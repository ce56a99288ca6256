/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * item.h: one batch on its way through a conversion, with all that became of its records.  Made by the reader, worked on by
 * one worker, and ended by the writer; never by two of them at once.
 */
#ifndef FLOW_ITEM_H
#define FLOW_ITEM_H

#include "base/memory.h"
#include "flow/choice.h"
#include "flow/convert.h"
#include "rules/rules.h"

/* What goes to the target: records of one unit. */
struct item_writes {
	struct batch *batch;
	const char *const *keys; /* the native id of each record at its source, in the item's arena */
};

/* Of one text of a reject no more is kept than this; a batch of rejects with long texts must not be what ends a conversion. */
#define ITEM_TEXT_MAX 480u

struct item_reject {
	struct item_reject *next;
	struct convert_reject reject; /* texts in the item's arena */
};

struct item {
	struct arena arena;
	struct batch *native;    /* as read */
	uint64_t number;         /* of the batch in this conversion, from 0 */
	struct item_writes *writes; /* one for each unit */
	uint32_t write_count;
	struct item_reject *rejects, **last, *newest;
	size_t reject_bytes;
	struct convert_counts counts;
	struct error error;      /* code not ERROR_NONE: the conversion ends here */
};

struct item *item_new(struct batch *native, uint64_t number, struct error *err); /* takes the batch over when it succeeds */
void item_free(struct item *item);
void item_free_void(void *item);
/* Copies, shortened where a text is long.  -1: no memory. */
int item_reject(struct item *item, const struct convert_reject *reject);
/* Bytes as a text that ends with NUL, shortened to fit into `to`, which it returns. */
const char *item_cut(char *to, size_t size, const void *data, size_t length);

/* What a worker has of its own. */
struct work {
	const struct convert_options *options;
	const struct mapping *read, *write;
	const struct choice *choice;
	struct rules_worker *rules;
	struct batch_builder *builder;
	uint8_t seed[16];       /* of this conversion: attempt keys follow from it */
	uint8_t record_key[16]; /* of the unit at work: record ids follow from it */
	int64_t run_time_us;
	char id[33];
};
/* Applies the rules to the item's batch; a failure stands in the item. */
void item_work(struct work *work, struct item *item);

#endif
