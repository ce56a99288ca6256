/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h: JSON's numbers with their own digits, for the functions of rules.  Private to this folder.
 */
#ifndef RULES_FUNCTIONS_JSON_H
#define RULES_FUNCTIONS_JSON_H

#include "rules/functions/sql.h"

/* A number as RFC 8259 has it, "1.50", "-2e3": its digits without an exponent.  false: it is none, or beyond 1,000 digits. */
bool json_number_parse(const char *text, size_t length, struct decimal *ret_value);

/* The elements of a JSON list that is known to be well-formed, one after the other. */
struct json_list {
	const char *p, *end;
};
bool json_list_begin(struct json_list *list, const char *text, size_t length);
/* 1: an element, 0: there is none left. */
int json_list_next(struct json_list *list, const char **ret_element, size_t *ret_length);

/* false after an error was set: it is no JSON. */
bool json_check(sqlite3_context *sql, sqlite3_value *value);
/*
 * The number at a path (as SQLite's -> takes it; NULL: the text itself) of a JSON text: 1, 0 when there is none or null, -1
 * after an error was set.
 */
int json_decimal(sqlite3_context *sql, const char *text, size_t length, sqlite3_value *path, struct decimal *ret_value);

#endif
