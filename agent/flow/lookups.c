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
slurp(const char *path, char **ret_data, size_t *ret_length, struct error *err)
{
	FILE *file = fopen(path, "rb");
	struct buffer buffer;
	int result = -1;

	if (file == NULL)
		return error_system(err, ERROR_LOOKUP_FILE, errno, "the lookup file %s", path);
	buffer_init(&buffer, FILE_MAX_BYTES);
	for (;;) {
		size_t got;

		if (buffer_reserve(&buffer, 65536) != 0) {
			(void)error_set(err, ERROR_LOOKUP_FILE, "A lookup table has at most 64 MiB.", "the lookup file %s is too large", path);
			break;
		}
		got = fread(buffer.data + buffer.length, 1, 65536, file);
		buffer.length += got;
		if (got == 0) {
			result = ferror(file) ? error_system(err, ERROR_LOOKUP_FILE, errno, "the lookup file %s", path) : 0;
			break;
		}
	}
	fclose(file);
	if (result == 0 && !text_is_utf8(buffer.data, buffer.length))
		result = error_set(err, ERROR_LOOKUP_FILE, "Save it as UTF-8.", "the lookup file %s is not UTF-8 text", path);
	if (result != 0) {
		buffer_free(&buffer);
		return -1;
	}
	*ret_data = buffer.data;
	*ret_length = buffer.length;
	return 0;
}

static int
row_fault(const struct config_lookup_table *table, uint32_t line, const char *fault, struct error *err)
{
	(void)error_set(err, ERROR_LOOKUP_FILE, "Correct this line of the lookup file.", "the lookup table %s: %s", table->head.name, fault);
	error_place(err, "%s:%u", table->path, line);
	return -1;
}

/* All rows of the file as keys and values in `lookup`, whose arrays are the caller's to free. */
static int
parse(const struct config_lookup_table *table, char *data, size_t length, struct rules_lookup *lookup, struct error *err)
{
	char *at = data, *end = data + length;
	struct syncline_slice *keys = NULL, *values = NULL;
	uint32_t line = 1, room = 0;
	struct row row;
	int key, value;

	if (length >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
		at += 3;
	next_row(&at, end, table->delimiter[0], &line, &row);
	key = column(&row, table->key);
	value = column(&row, table->value);
	if (key < 0 || value < 0)
		return row_fault(table, 1, key < 0 ? "its first line lacks the column that `key` names" : "its first line lacks the column that `value` names", err);
	while (at < end) {
		uint32_t began = line;

		next_row(&at, end, table->delimiter[0], &line, &row);
		if (row.count == 1 && row.cells[0].length == 0)
			continue;
		if (row.open_quote || row.too_many || (int)row.count <= key || (int)row.count <= value)
			return row_fault(table, began, row.open_quote ? "a quote is not closed" : "a row has the wrong number of columns", err);
		if (lookup->count == room) {
			room = room > 0 ? room * 2 : 256;
			if ((keys = realloc((void *)(uintptr_t)lookup->keys, room * sizeof *keys)) == NULL)
				return error_memory(err);
			lookup->keys = keys;
			if ((values = realloc((void *)(uintptr_t)lookup->values, room * sizeof *values)) == NULL)
				return error_memory(err);
			lookup->values = values;
		}
		keys[lookup->count] = row.cells[key];
		values[lookup->count++] = row.cells[value];
	}
	return 0;
}

static int
load_table(const struct config_lookup_table *table, struct rules_lookup_table **ret_table, struct error *err)
{
	struct rules_lookup lookup = { .name = table->head.name,
		.missing = table->missing == CONFIG_MISSING_NULL ? RULES_MISSING_NULL : RULES_MISSING_REJECT };
	char *data;
	size_t length;

	if (slurp(table->path, &data, &length, err) != 0) {
		error_place(err, "%s:%u", table->head.place.file, table->head.place.line);
		return -1;
	}
	if (parse(table, data, length, &lookup, err) == 0 && (*ret_table = rules_lookup_new(&lookup, err)) == NULL)
		error_place(err, "%s", table->path);
	free((void *)(uintptr_t)lookup.keys);
	free((void *)(uintptr_t)lookup.values);
	free(data);
	return *ret_table != NULL ? 0 : -1;
}

int
lookups_load(const struct model *model, struct lookups *ret_lookups, struct error *err)
{
	struct lookups lookups = { NULL, 0 };

	if (model->lookup_count > 0 && (lookups.tables = calloc(model->lookup_count, sizeof(struct rules_lookup_table *))) == NULL)
		return error_memory(err);
	for (; lookups.count < model->lookup_count; lookups.count++)
		if (load_table(&model->lookups[lookups.count], &lookups.tables[lookups.count], err) != 0) {
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
