/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h: one line of JSON taken apart, strictly by RFC 8259, without a tree and without a rounding.  json-c was measured and
 * left: it clamps integers beyond 64 bits, replaces lone surrogates, and lets the last of two members of one name win.
 */
#ifndef PLUGIN_JSONL_JSON_H
#define PLUGIN_JSONL_JSON_H

#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 64u
#define JSON_MEMBERS_MAX 4096u

enum json_kind {
	JSON_NULL,
	JSON_TRUE,
	JSON_FALSE,
	JSON_INTEGER,  /* within 64 bits: `integer`, and its text */
	JSON_DECIMAL,  /* -?digits[.digits] */
	JSON_EXPONENT, /* a number with an exponent */
	JSON_TEXT,     /* without escapes */
	JSON_NESTED,   /* an object or a list: its text */
	JSON_BAD       /* a value that can't be taken; the line has a fault */
};

struct json_member {
	const char *name;
	const char *data;
	uint32_t name_length;
	uint32_t length;
	int64_t integer;
	enum json_kind kind;
};

struct json_line {
	struct json_member *members; /* room for JSON_MEMBERS_MAX, made by json_line_init */
	uint32_t count;
	const char *fault; /* NULL: the line is good */
	size_t fault_at;   /* bytes from the line's start */
	int broken;        /* the fault is one of syntax: no member counts */
};
int json_line_init(struct json_line *line);
void json_line_free(struct json_line *line);
/*
 * Takes a line apart that is one JSON object; escapes are resolved in place, so `text` is changed and must live as long as the
 * members are used.  The result is in line->fault.
 */
void json_line_parse(struct json_line *line, char *text, size_t length);
/* Nothing but blanks? */
int json_is_blank(const char *text, size_t length);
/* Is this the text of one JSON value, in UTF-8, no deeper than JSON_DEPTH_MAX? */
int json_is_value(const char *text, size_t length);
/*
 * "1.5e3" -> "1500", "25e-3" -> "0.025": exactly, without an exponent.  Bytes written, 0: more than capacity.
 */
size_t json_without_exponent(const char *text, size_t length, char *buffer, size_t capacity);

#endif
