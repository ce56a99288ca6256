/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c: tables for people.  On a terminal that is too narrow for one, the columns that do not fit stand below each row, with their heads;
 * into a file or a pipe a row is a line, however long.
 */
#include "ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#define BELOW 6 /* blanks before what stands below a row */

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
		ctl_clean(copy, true);
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

/* The end of what still fits into `room` characters: behind a blank or a comma, or, where a word is longer than that, all of it. */
static const char *
line_end(const char *text, size_t room)
{
	const char *end = NULL, *at = text;

	for (size_t count = 0; *at != '\0'; at++) {
		if (((unsigned char)*at & 0xC0) != 0x80 && ++count > room && end != NULL)
			return end;
		if (*at == ' ' || *at == ',')
			end = at + 1;
	}
	return at;
}

/* A cell below its row.  What is to be typed is left whole: a line that the terminal breaks by itself can still be copied. */
static void
print_below(const char *head, const char *text, size_t columns)
{
	size_t indent = BELOW + width(head) + 2, room = columns > indent + BELOW ? columns - indent : BELOW;
	bool whole = strcmp(head, "NEXT") == 0;

	ctl_format("%*s%s  ", BELOW, "", head);
	for (bool first = true; *text != '\0'; first = false) {
		const char *end = whole ? text + strlen(text) : line_end(text, room);
		size_t length = (size_t)(end - text);

		while (length > 0 && text[length - 1] == ' ')
			length--;
		ctl_format("%*s%.*s\n", first ? 0 : (int)indent, "", (int)length, text);
		text = end;
	}
}

/* How many columns a row has that are beside each other; the others stand below. */
static size_t
beside(const struct ctl_table *table, const size_t *widths, size_t columns)
{
	size_t all = 0, c = 0;

	while (c < table->columns && (columns == 0 || c == 0 || all + widths[c] <= columns))
		all += widths[c++] + 2;
	return c;
}

static void
print_row(const struct ctl_table *table, const size_t *widths, const char *const *cells, size_t across, size_t columns)
{
	for (size_t c = 0; c < across; c++) {
		int pad = (int)(widths[c] - width(cells[c]));

		if ((table->right >> c & 1) != 0)
			ctl_format("%*s%s", pad, "", cells[c]);
		else
			ctl_format("%s%*s", cells[c], c + 1 < across ? pad : 0, "");
		ctl_format("%s", c + 1 < across ? "  " : "\n");
	}
	for (size_t c = across; c < table->columns && cells != table->cells; c++)
		if (cells[c][0] != '\0')
			print_below(table->cells[c], cells[c], columns);
}

void
ctl_table_print(struct ctl_table *table)
{
	size_t *widths = calloc(table->columns, sizeof *widths), columns = ctl_columns(), across;

	if (widths == NULL)
		table->failed = true;
	for (size_t i = 0; i < table->rows * table->columns && !table->failed; i++) {
		size_t w = width(table->cells[i]);

		if (w > widths[i % table->columns])
			widths[i % table->columns] = w;
	}
	across = !table->failed ? beside(table, widths, columns) : 0;
	for (size_t row = 0; row < table->rows && !table->failed; row++)
		print_row(table, widths, table->cells + row * table->columns, across, columns);
	if (table->failed)
		ctl_remark("there was not enough memory to print the table [%s]", error_name(ERROR_MEMORY));
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
