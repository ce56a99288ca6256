/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookups.c: lookup tables from their files: small CSV files in UTF-8 whose first line names the columns.  They belong to the
 * configuration, so a fault in one is a fault of the configuration, with file and line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "flow/mappings.h"

#define FILE_MAX_BYTES (64u * 1024u * 1024u)
#define COLUMNS_MAX 64u

/* One row, unquoted in place: the cells point into the file's buffer. */
struct row {
	struct syncline_slice cells[COLUMNS_MAX];
	uint32_t count;
	bool too_many;
	bool open_quote;
};

/* Reads the row at *at and moves *at and *line behind it. */
static void
next_row(char **at, char *end, char delimiter, uint32_t *line, struct row *row)
{
	char *p = *at;

	memset(row, 0, sizeof *row);
	for (bool more = true; more;) {
		char *start = p, *to = p;
		bool quoted = p < end && *p == '"';

		if (quoted) {
			for (p++; p < end && (*p != '"' || (p + 1 < end && p[1] == '"')); p++) {
				*line += *p == '\n';
				p += *p == '"';
				*to++ = *p;
			}
			row->open_quote = row->open_quote || p == end;
			p += p < end;
		}
		for (; p < end && *p != delimiter && *p != '\n'; p++)
			if (*p != '\r' || p + 1 == end || p[1] != '\n')
				*to++ = *p;
		if (row->count < COLUMNS_MAX)
			row->cells[row->count++] = (struct syncline_slice){ start, (size_t)(to - start) };
		else
			row->too_many = true;
		more = p < end && *p == delimiter;
		p += p < end;
	}
	++*line;
	*at = p;
}

static int
column(const struct row *head, const char *name)
{
	for (uint32_t i = 0; i < head->count; i++)
		if (head->cells[i].length == strlen(name) && memcmp(head->cells[i].data, name, strlen(name)) == 0)
			return (int)i;
	return -1;
}

static int
slurp(const char *path, struct buffer *buffer, struct error *err)
{
	FILE *file = fopen(path, "rb");
	size_t got;
	int result = 0;

	if (file == NULL) {
		(void)error_system(err, ERROR_LOOKUP_FILE, errno, "the lookup file %s", path);
		error_hint(err, "Put it there, or correct `file`, which is read from the folder of the configuration.");
		return -1;
	}
	do {
		if (buffer->length >= FILE_MAX_BYTES) {
			result = error_set(err, ERROR_LOOKUP_FILE, "Make an entity of what is larger.", "the lookup file %s has more than 64 MiB", path);
			break;
		}
		if (buffer_reserve(buffer, 65536) != 0) {
			result = error_memory(err);
			break;
		}
		got = fread(buffer->data + buffer->length, 1, 65536, file);
		buffer->length += got;
		if (got == 0 && ferror(file))
			result = error_system(err, ERROR_LOOKUP_FILE, errno, "the lookup file %s", path);
	} while (got > 0);
	fclose(file);
	return result;
}

static int
row_fault(const struct config_lookup_table *table, uint32_t line, const char *fault, struct error *err)
{
	(void)error_set(err, ERROR_LOOKUP_FILE, "Correct this line of the lookup file.", "the lookup table %s: %s", table->head.name, fault);
	error_place(err, "%s:%u", table->path, line);
	return -1;
}

/* Line by line, so that the line can be named; no character of UTF-8 holds a line end. */
static int
check_text(const struct config_lookup_table *table, const struct buffer *text, struct error *err)
{
	const char *at = text->data, *end = at + text->length;

	for (uint32_t line = 1; at < end; line++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop != NULL ? stop + 1 : end;
		if (!text_is_utf8(at, (size_t)(stop - at)))
			return row_fault(table, line, "this is not UTF-8 text", err);
		at = stop;
	}
	return 0;
}

/* The table while its rows are gathered. */
struct rows {
	struct syncline_slice *keys, *values;
	uint32_t *lines;
	uint32_t count, room;
};

static int
add_row(struct rows *rows, struct syncline_slice key, struct syncline_slice value, uint32_t line, struct error *err)
{
	if (rows->count == rows->room) {
		uint32_t room = rows->room > 0 ? rows->room * 2 : 256;
		void *grown;

		if ((grown = realloc(rows->keys, room * sizeof *rows->keys)) == NULL)
			return error_memory(err);
		rows->keys = grown;
		if ((grown = realloc(rows->values, room * sizeof *rows->values)) == NULL)
			return error_memory(err);
		rows->values = grown;
		if ((grown = realloc(rows->lines, room * sizeof *rows->lines)) == NULL)
			return error_memory(err);
		rows->lines = grown;
		rows->room = room;
	}
	rows->keys[rows->count] = key;
	rows->values[rows->count] = value;
	rows->lines[rows->count++] = line;
	return 0;
}

static int
parse(const struct config_lookup_table *table, struct buffer *text, struct rows *rows, struct error *err)
{
	char *at = text->data, *end = at + text->length;
	uint32_t line = 1, columns;
	struct row row;
	int key, value;

	if (text->length >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
		at += 3;
	next_row(&at, end, table->delimiter[0], &line, &row);
	if (row.open_quote || row.too_many)
		return row_fault(table, 1, row.open_quote ? "a quote is not closed" : "a lookup file has at most 64 columns", err);
	columns = row.count;
	key = column(&row, table->key);
	value = column(&row, table->value);
	if (key < 0 || value < 0)
		return row_fault(table, 1, key < 0 ? "its first line lacks the column that `key` names" : "its first line lacks the column that `value` names", err);
	while (at < end) {
		uint32_t began = line;

		next_row(&at, end, table->delimiter[0], &line, &row);
		if (row.count == 1 && row.cells[0].length == 0 && !row.open_quote)
			continue;
		if (row.open_quote || row.too_many || row.count != columns)
			return row_fault(table, began, row.open_quote ? "a quote is not closed" : "a row has not as many columns as the first line", err);
		if (add_row(rows, row.cells[key], row.cells[value], began, err) != 0)
			return -1;
	}
	return 0;
}

struct keyed {
	struct syncline_slice key;
	uint32_t line;
};

static int
by_key(const void *first, const void *second)
{
	const struct keyed *a = first, *b = second;
	size_t common = a->key.length < b->key.length ? a->key.length : b->key.length;
	int order = common > 0 ? memcmp(a->key.data, b->key.data, common) : 0;

	if (order == 0)
		order = (a->key.length > b->key.length) - (a->key.length < b->key.length);
	return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

/* Why no table came of the rows: most likely a key that stands twice, and then its second line is the place. */
static void
place_of_twin(const struct config_lookup_table *table, const struct rows *rows, struct error *err)
{
	struct keyed *keyed = err->code == ERROR_RULE_LOOKUP && rows->count > 1 ? calloc(rows->count, sizeof *keyed) : NULL;
	uint32_t first = 0, second = 0;

	for (uint32_t i = 0; keyed != NULL && i < rows->count; i++)
		keyed[i] = (struct keyed){ rows->keys[i], rows->lines[i] };
	if (keyed != NULL)
		qsort(keyed, rows->count, sizeof *keyed, by_key);
	for (uint32_t i = 1; keyed != NULL && i < rows->count; i++) {
		const struct syncline_slice *a = &keyed[i - 1].key, *b = &keyed[i].key;

		if (a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0) && (second == 0 || keyed[i].line < second)) {
			first = keyed[i - 1].line;
			second = keyed[i].line;
		}
	}
	free(keyed);
	if (second == 0) {
		error_place(err, "%s", table->path);
		return;
	}
	error_place(err, "%s:%u", table->path, second);
	error_detail(err, "the key stands in line %u already", first);
}

static int
load_table(const struct config_lookup_table *table, struct rules_lookup_table **ret_table, struct error *err)
{
	struct rules_lookup lookup = { .name = table->head.name,
		.missing = table->missing == CONFIG_MISSING_NULL ? RULES_MISSING_NULL : RULES_MISSING_REJECT };
	struct rows rows = { NULL, NULL, NULL, 0, 0 };
	struct buffer text;
	int result;

	buffer_init(&text, FILE_MAX_BYTES + 65536);
	if ((result = slurp(table->path, &text, err)) != 0)
		error_place(err, "%s:%u", table->head.place.file, table->head.place.line);
	if (result == 0)
		result = check_text(table, &text, err);
	if (result == 0)
		result = parse(table, &text, &rows, err);
	lookup.keys = rows.keys;
	lookup.values = rows.values;
	lookup.count = rows.count;
	if (result == 0 && (*ret_table = rules_lookup_new(&lookup, err)) == NULL) {
		place_of_twin(table, &rows, err);
		result = -1;
	}
	free(rows.keys);
	free(rows.values);
	free(rows.lines);
	buffer_free(&text);
	return result;
}

/* A table of the same name without a row. */
static int
stand_in(const struct config_lookup_table *table, struct rules_lookup_table **ret_table, struct error *err)
{
	struct rules_lookup empty = { .name = table->head.name, .missing = RULES_MISSING_NULL };

	return (*ret_table = rules_lookup_new(&empty, err)) != NULL ? 0 : -1;
}

int
lookups_load(const struct model *model, struct diagnostics *diagnostics, struct lookups *ret_lookups, struct error *err)
{
	struct lookups lookups = { NULL, 0 };

	if (model->lookup_count > 0 && (lookups.tables = calloc(model->lookup_count, sizeof(struct rules_lookup_table *))) == NULL)
		return error_memory(err);
	for (; lookups.count < model->lookup_count; lookups.count++) {
		const struct config_lookup_table *table = &model->lookups[lookups.count];
		struct error mistake = { 0 };

		if (load_table(table, &lookups.tables[lookups.count], &mistake) == 0)
			continue;
		if (diagnostics != NULL && mistake.code != ERROR_MEMORY) {
			diagnostics_add(diagnostics, NULL, &mistake);
			if (stand_in(table, &lookups.tables[lookups.count], &mistake) == 0)
				continue;
		}
		if (err != NULL)
			*err = mistake;
		lookups_free(&lookups);
		return -1;
	}
	*ret_lookups = lookups;
	return 0;
}

void
lookups_free(struct lookups *lookups)
{
	for (uint32_t i = 0; i < lookups->count; i++)
		rules_lookup_free(lookups->tables[i]);
	free(lookups->tables);
	*lookups = (struct lookups){ NULL, 0 };
}
