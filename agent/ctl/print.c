/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.c: sentences and tables for people, JSON for programs.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void
ctl_say(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	if (ctl->quiet || ctl->json)
		return;
	fflush(stdout); /* what was said before stands before, in one log as well */
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Each line of `text` behind an indent. */
static void
print_indented(const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		fprintf(stderr, "    %.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

void
ctl_say_error(const struct ctl *ctl, const struct error *err)
{
	if (ctl->json) {
		struct buffer json;

		buffer_init(&json, 0);
		ctl_json_open(&json, NULL, '{');
		ctl_json_key(&json, "error");
		ctl_json_error(&json, err);
		ctl_json_close(&json, '}');
		ctl_json_print(&json, CTL_FAILED);
		return;
	}
	fflush(stdout);
	fprintf(stderr, "%s%s%s [%s]\n", err->place, err->place[0] != '\0' ? ": " : "", err->message, error_name(err->code));
	print_indented(err->detail);
	if (err->hint[0] != '\0')
		fprintf(stderr, "    next: %s\n", err->hint);
}

/* A comma, unless a bracket or a colon stands before. */
static void
separate(struct buffer *json)
{
	char last = json->length > 0 ? json->data[json->length - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		buffer_char(json, ',');
}

void
ctl_json_key(struct buffer *json, const char *name)
{
	separate(json);
	if (name == NULL)
		return;
	text_json_string(json, name, strlen(name));
	buffer_char(json, ':');
}

void
ctl_json_text(struct buffer *json, const char *name, const char *text)
{
	ctl_json_key(json, name);
	if (text != NULL)
		text_json_string(json, text, strlen(text));
	else
		buffer_text(json, "null");
}

void
ctl_json_number(struct buffer *json, const char *name, long long number)
{
	ctl_json_key(json, name);
	buffer_format(json, "%lld", number);
}

void
ctl_json_boolean(struct buffer *json, const char *name, bool value)
{
	ctl_json_key(json, name);
	buffer_text(json, value ? "true" : "false");
}

void
ctl_json_open(struct buffer *json, const char *name, char bracket)
{
	if (json->length > 0)
		ctl_json_key(json, name);
	buffer_char(json, bracket);
}

void
ctl_json_close(struct buffer *json, char bracket)
{
	buffer_char(json, bracket);
}

void
ctl_json_error(struct buffer *json, const struct error *err)
{
	buffer_char(json, '{');
	ctl_json_text(json, "code", error_name(err->code));
	ctl_json_text(json, "class", error_class_name(err->klass));
	ctl_json_text(json, "place", err->place);
	ctl_json_text(json, "message", err->message);
	ctl_json_text(json, "detail", err->detail);
	ctl_json_text(json, "hint", err->hint);
	buffer_char(json, '}');
}

enum ctl_exit
ctl_json_print(struct buffer *json, enum ctl_exit status)
{
	const char *text = json->failed ? NULL : buffer_string(json);

	if (text == NULL || puts(text) < 0 || fflush(stdout) != 0) {
		fputs("the result could not be printed\n", stderr);
		status = CTL_FAILED;
	}
	buffer_free(json);
	return status;
}

void
ctl_table_init(struct ctl_table *table, size_t columns, unsigned right, const char *const *heads)
{
	memset(table, 0, sizeof *table);
	arena_init(&table->arena, 0);
	table->columns = columns;
	table->right = right;
	ctl_table_row(table, heads);
}

void
ctl_table_row(struct ctl_table *table, const char *const *cells)
{
	if (table->rows == table->room) {
		size_t room = table->room > 0 ? table->room * 2 : 32;
		const char **more = realloc(table->cells, room * table->columns * sizeof *more);

		if (more == NULL) {
			table->failed = true;
			return;
		}
		table->cells = more;
		table->room = room;
	}
	for (size_t c = 0; c < table->columns; c++) {
		char *copy = arena_text(&table->arena, cells[c] != NULL ? cells[c] : "");

		if (copy == NULL) {
			table->failed = true;
			return;
		}
		for (char *p = copy; *p != '\0'; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7F)
				*p = ' '; /* what came from outside does not steer the terminal */
		table->cells[table->rows * table->columns + c] = copy;
	}
	table->rows++;
}

static size_t
width(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}

void
ctl_table_print(struct ctl_table *table)
{
	size_t *widths = calloc(table->columns, sizeof *widths);

	if (widths == NULL)
		table->failed = true;
	for (size_t i = 0; i < table->rows * table->columns && !table->failed; i++) {
		size_t w = width(table->cells[i]);

		if (w > widths[i % table->columns])
			widths[i % table->columns] = w;
	}
	for (size_t i = 0; i < table->rows * table->columns && !table->failed; i++) {
		size_t c = i % table->columns;
		int pad = (int)(widths[c] - width(table->cells[i]));

		if ((table->right >> c & 1) != 0)
			printf("%*s%s", pad, "", table->cells[i]);
		else
			printf("%s%*s", table->cells[i], c + 1 < table->columns ? pad : 0, "");
		fputs(c + 1 < table->columns ? "  " : "\n", stdout);
	}
	if (table->failed)
		fputs("there was not enough memory to print the table\n", stderr);
	free(widths);
	ctl_table_drop(table);
}

void
ctl_table_drop(struct ctl_table *table)
{
	free(table->cells);
	table->cells = NULL;
	arena_free(&table->arena);
}
