/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * item.h: one batch on its way through a conversion, with all that became of its records.  Made by the reader, worked on by
 * one worker, and ended by the writer; never by two of them at once.
 */
#ifndef FLOW_ITEM_H
#define FLOW_ITEM_H

#include "base/memory.h"
#include "flow/convert.h"
#include "rules/rules.h"

struct item_reject {
	struct item_reject *next;
	struct convert_reject reject; /* texts in the item's arena */
};

struct item {
	struct arena arena;
	struct batch *native;    /* as read */
	struct batch **writes;   /* as they go to the target, one for each unit */
	uint32_t write_count;
	struct item_reject *rejects, **last;
	struct convert_counts counts;
	struct error error;      /* code not ERROR_NONE: the conversion ends here */
};

struct item *item_new(struct batch *native, struct error *err); /* takes the batch over when it succeeds */
void item_free(struct item *item);
void item_free_void(void *item);
/* Copies.  -1: no memory. */
int item_reject(struct item *item, const struct convert_reject *reject);
/* A text of the item's own from bytes that don't end with NUL; "" without memory. */
const char *item_text(struct item *item, const void *data, size_t length);

/* What a worker has of its own. */
struct work {
	const struct convert_options *options;
	const struct config_binding *from, *to;
	const struct mapping *read, *write;
	const struct config_unit *const *units; /* that are wanted, ended by NULL */
	const struct syncline_slice *tenants;   /* of each of them; NULL: the object has no tenant, and there is one unit */
	struct rules_worker *rules;
	struct batch_builder *builder;
	uint8_t seed[16];     /* of this conversion: attempt keys follow from it */
	uint8_t entity_key[16]; /* record ids follow from it */
	int64_t run_time_us;
	char id[33];
};
/* Applies the rules to the item's batch; a failure stands in the item. */
void item_work(struct work *work, struct item *item);

#endif
