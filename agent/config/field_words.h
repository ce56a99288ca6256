/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * field_words.h: the words for what the SDK's struct syncline_field says, shared by contracts and their JSON Schema.
 * agent/config alone uses it.
 */
#ifndef CONFIG_FIELD_WORDS_H
#define CONFIG_FIELD_WORDS_H

#include <syncline/value.h>

#include "base/error.h"

struct field_flag {
	const char *word;
	uint8_t flag; /* SYNCLINE_FIELD_* */
};
#define FIELD_FLAG_COUNT 7u
extern const struct field_flag field_flags[FIELD_FLAG_COUNT];
extern const char *const field_types[SYNCLINE_TYPE_COUNT + 1]; /* by SYNCLINE_TYPE_*; "" has no word */
/* SYNCLINE_TYPE_* of a word, or -1. */
int field_type_of(const char *word);
/* That a field can be written at all; -1 with `err` when not. */
int field_check(const struct syncline_field *field, struct error *err);

#endif
