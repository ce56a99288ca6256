/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_help.h: what the tests of rules share: one record in, one rule over it, one value or a reason out.
 */
#ifndef TESTS_RULES_HELP_H
#define TESTS_RULES_HELP_H

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rules/rules.h"

/* Fields that the tests read; `records` gives their values. */
enum { F_NAME1, F_NAME2, F_PLZ, F_UMSATZ, F_RABATT, F_MENGE, F_AKTIV, F_DATUM, F_STAND, F_ADDRESS, F_LINES, F_ANY, F_BIG, F_ODD, F_COUNT };
extern const struct rules_field test_fields[F_COUNT];

struct outcome {
	bool compiled;
	struct error mistake;   /* when it was not compiled */
	bool rejected;
	char reason[400], hint[300], field[300];
	uint8_t type;           /* of the value */
	char text[4000];        /* as text; "NULL", "(absent)" */
	bool copy;
};
/* One rule of the type; `scale` below 0: none. */
struct outcome rule_over(const char *expression, enum rules_type type, int scale, const struct syncline_value *values);
/* The usual record. */
void usual_values(struct syncline_value values[F_COUNT]);
struct syncline_value text_value(const char *text);
struct syncline_value typed_value(uint8_t type, const char *text);
struct syncline_value number_value(uint8_t type, int64_t number);
struct batch *batch_of(const struct rules_field *fields, uint32_t count, const struct syncline_value *values, uint32_t records);
struct rules_lookup_table *countries(enum rules_missing missing);

#define assert_gives(expression, type, scale, expected)                                        \
	do {                                                                                   \
		struct outcome o_ = rule_over(expression, type, scale, NULL);                  \
		if (!o_.compiled)                                                              \
			fail_msg("%s: %s\n%s", expression, o_.mistake.message, o_.mistake.detail); \
		if (o_.rejected)                                                               \
			fail_msg("%s: rejected: %s", expression, o_.reason);                   \
		assert_string_equal(o_.text, expected);                                        \
	} while (0)
#define assert_mistake(expression, type, scale, words)                                         \
	do {                                                                                   \
		struct outcome o_ = rule_over(expression, type, scale, NULL);                  \
		if (o_.compiled)                                                               \
			fail_msg("%s was accepted and gave %s", expression, o_.rejected ? o_.reason : o_.text); \
		if (strstr(o_.mistake.message, words) == NULL && strstr(o_.mistake.hint, words) == NULL) \
			fail_msg("%s: \"%s\" (%s) does not speak of \"%s\"", expression, o_.mistake.message, o_.mistake.hint, words); \
		assert_true(o_.mistake.hint[0] != '\0');                                       \
		assert_non_null(strchr(o_.mistake.detail, '^'));                               \
	} while (0)
#define assert_rejects(expression, type, scale, words)                                         \
	do {                                                                                   \
		struct outcome o_ = rule_over(expression, type, scale, NULL);                  \
		if (!o_.compiled)                                                              \
			fail_msg("%s: %s", expression, o_.mistake.message);                    \
		if (!o_.rejected)                                                              \
			fail_msg("%s was not rejected and gave %s", expression, o_.text);      \
		if (strstr(o_.reason, words) == NULL && strstr(o_.hint, words) == NULL)        \
			fail_msg("%s: \"%s\" (%s) does not speak of \"%s\"", expression, o_.reason, o_.hint, words); \
	} while (0)

#endif
