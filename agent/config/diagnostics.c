/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagnostics.c: the mistakes of one load, kept until all were found, then sorted as a person reads files.  Used by the
 * thread that loads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/model.h"

void
diagnostics_init(struct diagnostics *diagnostics)
{
	memset(diagnostics, 0, sizeof *diagnostics);
}

/* One more slot, or NULL: without memory, or because there are enough already. */
static struct diagnostic *
slot(struct diagnostics *diagnostics)
{
	struct diagnostic *items;
	size_t capacity = diagnostics->capacity != 0 ? diagnostics->capacity * 2 : 16;

	if (diagnostics->count == DIAGNOSTICS_MAX) {
		diagnostics->dropped++;
		return NULL;
	}
	if (diagnostics->count == diagnostics->capacity) {
		if ((items = realloc(diagnostics->items, capacity * sizeof *items)) == NULL) {
			diagnostics->no_memory = true;
			return NULL;
		}
		diagnostics->items = items;
		diagnostics->capacity = capacity;
	}
	return &diagnostics->items[diagnostics->count++];
}

void
diagnostics_add(struct diagnostics *diagnostics, const struct config_place *place, const struct error *err)
{
	struct diagnostic *item = slot(diagnostics);

	if (item == NULL)
		return;
	memset(item, 0, sizeof *item);
	item->error = *err;
	item->order = (uint32_t)diagnostics->count;
	if (place == NULL || place->file == NULL)
		return;
	item->error.place[0] = '\0';
	if (place->line == 0)
		error_place(&item->error, "%s", place->file);
	else if (place->column == 0)
		error_place(&item->error, "%s:%u", place->file, (unsigned)place->line);
	else
		error_place(&item->error, "%s:%u:%u", place->file, (unsigned)place->line, (unsigned)place->column);
	item->file_length = (uint32_t)strlen(place->file);
	if (item->file_length >= sizeof item->error.place)
		item->file_length = sizeof item->error.place - 1;
	item->line = place->line;
	item->column = place->column;
}

static int
compare(const void *left, const void *right)
{
	const struct diagnostic *a = left, *b = right;

	uint32_t length = a->file_length < b->file_length ? a->file_length : b->file_length;
	int order = memcmp(a->error.place, b->error.place, length);

	if (order != 0)
		return order;
	if (a->file_length != b->file_length)
		return a->file_length < b->file_length ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void
diagnostics_sort(struct diagnostics *diagnostics)
{
	struct diagnostic *items = diagnostics->items;
	size_t kept = 0;

	if (diagnostics->count > 1)
		qsort(items, diagnostics->count, sizeof *items, compare);
	for (size_t i = 0; i < diagnostics->count; i++)
		if (kept == 0 || items[i].error.code != items[kept - 1].error.code || strcmp(items[i].error.place, items[kept - 1].error.place) != 0 ||
		    strcmp(items[i].error.message, items[kept - 1].error.message) != 0) {
			if (kept != i)
				items[kept] = items[i];
			kept++;
		}
	diagnostics->count = kept;
}

static void
json_pair(struct buffer *buffer, const char *name, const char *text, size_t length)
{
	buffer_format(buffer, ",\"%s\":", name);
	text_json_string(buffer, text, length);
}

int
diagnostics_json(const struct diagnostics *diagnostics, struct buffer *buffer)
{
	buffer_char(buffer, '[');
	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct diagnostic *item = &diagnostics->items[i];
		const struct error *err = &item->error;

		buffer_text(buffer, i == 0 ? "\n{\"code\":" : ",\n{\"code\":");
		text_json_string(buffer, error_name(err->code), strlen(error_name(err->code)));
		json_pair(buffer, "file", err->place, item->file_length);
		buffer_format(buffer, ",\"line\":%u,\"column\":%u", (unsigned)item->line, (unsigned)item->column);
		json_pair(buffer, "message", err->message, strlen(err->message));
		json_pair(buffer, "detail", err->detail, strlen(err->detail));
		json_pair(buffer, "hint", err->hint, strlen(err->hint));
		buffer_char(buffer, '}');
	}
	buffer_text(buffer, diagnostics->count != 0 ? "\n]\n" : "]\n");
	return buffer->failed ? -1 : 0;
}

void
diagnostics_free(struct diagnostics *diagnostics)
{
	free(diagnostics->items);
	diagnostics_init(diagnostics);
}
