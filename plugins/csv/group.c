/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group.c: rows that share a key become one record: the columns of the first row, and all rows as a JSON list.
 *
 * The rows of a key must stand together.  A first pass over the file finds the keys that stand in more than one place; each
 * piece of such a key is a reject, so that half an order never passes for the whole.  For the same reason a row whose key
 * can't be read makes rejects of the groups on both sides of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "table.h"

struct piece {
	bool open, bad;
	bool memory;            /* there was none: the read ends, rather than call the record bad */
	uint64_t line;          /* the first row's */
	uint64_t offset, begin; /* where reading must begin to see it again: bytes, line */
	uint32_t rows;
	struct syncline_value id, tenant;
	struct syncline_buffer data; /* id, tenant and the first row's values */
	struct syncline_buffer list;
	struct syncline_buffer why;
	struct syncline_value *values; /* u.data: offset + 1 into data for those that have bytes */
};

struct csv_group {
	struct csv_table *table;
	struct piece pieces[2];
	unsigned now; /* the piece being collected; the other one was handed out last */
	struct csv_set repeated;
	uint64_t tainted; /* line of an unreadable row before the group that comes next; 0: none */
	uint64_t tainted_offset, tainted_begin; /* where reading must begin to see it again */
	bool ended;
};

uint32_t
csv_group_new(struct csv_table *t, struct csv_group **ret_group, struct syncline_error *err)
{
	struct csv_group *g = calloc(1, sizeof *g);

	if (g == NULL)
		return syncline_fail_memory(err);
	g->table = t;
	g->repeated.max = t->object->key_memory / sizeof(uint64_t) / 8;
	for (int i = 0; i < 2; i++) {
		struct piece *p = &g->pieces[i];

		syncline_buffer_init(&p->data, SYNCLINE_RECORD_MAX);
		syncline_buffer_init(&p->list, SYNCLINE_RECORD_MAX);
		syncline_buffer_init(&p->why, 4096);
		p->values = calloc(t->field_count + 1u, sizeof *p->values);
		if (p->values == NULL || syncline_buffer_reserve(&p->why, 2000) != 0) { /* a reason must not be lost for want of memory */
			csv_group_free(g);
			return syncline_fail_memory(err);
		}
	}
	*ret_group = g;
	return SYNCLINE_OK;
}

void
csv_group_free(struct csv_group *g)
{
	if (g == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		syncline_buffer_free(&g->pieces[i].data);
		syncline_buffer_free(&g->pieces[i].list);
		syncline_buffer_free(&g->pieces[i].why);
		free(g->pieces[i].values);
	}
	csv_set_free(&g->repeated);
	free(g);
}

void
csv_group_reset(struct csv_group *g)
{
	g->pieces[0].open = g->pieces[1].open = false;
	g->tainted = 0;
	g->ended = false;
}

static uint64_t
key_hash(const struct syncline_value *id)
{
	return syncline_hash(7, id->u.data, id->length);
}

/* Keys that only ever rise, or only ever fall, can't come again: then no memory of them is needed. */
struct order {
	struct syncline_buffer last; /* ended by NUL */
	bool up, down, up_bytes, down_bytes, any;
};

static int
watch(struct order *w, const struct syncline_value *id)
{
	struct syncline_buffer next;
	const char *now;
	int natural, bytes;

	syncline_buffer_init(&next, 0);
	if (syncline_buffer_append(&next, id->u.data, id->length) != 0 || (now = syncline_buffer_string(&next)) == NULL) {
		syncline_buffer_free(&next);
		return -1;
	}
	if (w->any) {
		natural = csv_name_order(w->last.data, now);
		bytes = strcmp(w->last.data, now);
		w->up &= natural < 0;
		w->down &= natural > 0;
		w->up_bytes &= bytes < 0;
		w->down_bytes &= bytes > 0;
	}
	w->any = true;
	syncline_buffer_free(&w->last);
	w->last = next;
	return 0;
}

static uint32_t
unsorted(struct csv_table *t, struct syncline_error *err)
{
	uint32_t result = syncline_fail(err, SYNCLINE_INVALID, "The file %s is not sorted by its key, and too large to tell whether rows of a key "
	                                "stand apart.", csv_stream_name(t->stream));

	syncline_hint(err, "Have the export sorted by the key, or raise key_memory.");
	return result;
}

uint32_t
csv_group_survey(struct csv_group *g, struct csv_table *whole, const struct syncline_call *call, struct syncline_error *err)
{
	struct csv_set seen = { .max = whole->object->key_memory / sizeof(uint64_t) };
	struct order order = { .up = true, .down = true, .up_bytes = true, .down_bytes = true };
	struct csv_read_row row;
	uint64_t last = 0, hash;
	bool end = false, full = false, any = false;
	uint32_t result;

	syncline_buffer_init(&order.last, 0);
	while ((result = csv_table_key(whole, call, &row, &end, err)) == SYNCLINE_OK && !end) {
		int added;

		if (row.state == CSV_ROW_KEYLESS)
			continue;
		hash = key_hash(&row.native_id);
		if (any && hash == last)
			continue;
		any = true;
		last = hash;
		if (watch(&order, &row.native_id) != 0) {
			result = syncline_fail_memory(err);
			break;
		}
		added = full ? -1 : csv_set_add(&seen, hash);
		full |= added < 0;
		if ((added == 0 && csv_set_add(&g->repeated, hash) < 0) ||
		    (full && !order.up && !order.down && !order.up_bytes && !order.down_bytes)) {
			result = unsorted(whole, err);
			break;
		}
	}
	syncline_buffer_free(&order.last);
	csv_set_free(&seen);
	return result;
}

/* Copies into the piece; the value's data is an offset until seal(), since the buffer may move. */
static int
keep(struct piece *p, const struct syncline_value *value, struct syncline_value *ret_value)
{
	*ret_value = *value;
	switch (value->type) {
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT:
		ret_value->u.integer = (int64_t)p->data.length;
		return syncline_buffer_append(&p->data, value->u.data, value->length);
	default:
		return 0;
	}
}

static void
seal(const struct piece *p, struct syncline_value *value)
{
	switch (value->type) {
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT: {
		size_t at = (size_t)value->u.integer;

		value->u.data = value->length > 0 ? p->data.data + at : "";
		break;
	}
	default:
		break;
	}
}

static void
spoil(struct piece *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void
spoil(struct piece *p, const char *format, ...)
{
	char text[1400];
	va_list args;

	if (p->bad)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	p->bad = true;
	syncline_buffer_clear(&p->why);
	syncline_buffer_text(&p->why, text);
}

static void
append(struct csv_group *g, struct piece *p, const struct csv_read_row *row)
{
	struct csv_table *t = g->table;

	size_t most = 64;

	p->rows++;
	if (row->state == CSV_ROW_BAD) {
		/* The record's place is its first row. */
		if (row->line == p->line)
			spoil(p, "%.*s", (int)t->note.length, t->note.data);
		else
			spoil(p, "line %llu: %.*s", (unsigned long long)row->line, (int)t->note.length, t->note.data);
	}
	if (p->bad)
		return;
	for (uint32_t i = 0; i < t->column_count; i++)
		most += (size_t)t->values[i].length * 6 + strlen(t->columns[i].json) + 64;
	syncline_buffer_text(&p->list, p->rows > 1 ? ",{" : "[{");
	for (uint32_t i = 0; i < t->column_count; i++) {
		if (i > 0)
			syncline_buffer_char(&p->list, ',');
		syncline_buffer_text(&p->list, t->columns[i].json);
		csv_value_json(&t->values[i], &p->list);
	}
	syncline_buffer_char(&p->list, '}');
	if (syncline_buffer_reserve(&p->list, 1) != 0) /* give() closes the list without fail */
		p->list.failed = 1;
	if (p->list.failed && p->list.length + most * 2 < SYNCLINE_RECORD_MAX) {
		p->memory = true;
		return;
	}
	if (p->list.failed || p->list.length + p->data.length > SYNCLINE_RECORD_MAX - 2)
		spoil(p, "with line %llu the rows of this key are more than 4 MiB together. Check the key, or split the record at the source.",
		      (unsigned long long)row->line);
}

static void
start(struct csv_group *g, struct piece *p, const struct csv_read_row *row, uint64_t offset, uint64_t line)
{
	struct csv_table *t = g->table;
	int failed;

	p->open = true;
	p->bad = p->memory = false;
	p->rows = 0;
	p->line = row->line;
	p->offset = g->tainted != 0 ? g->tainted_offset : offset;
	p->begin = g->tainted != 0 ? g->tainted_begin : line;
	syncline_buffer_clear(&p->data);
	syncline_buffer_clear(&p->list);
	p->data.failed = p->list.failed = 0;
	if (keep(p, &row->native_id, &p->id) != 0 || keep(p, &row->tenant, &p->tenant) != 0) {
		p->open = false;
		p->memory = true;
		return;
	}
	failed = 0;
	for (uint32_t i = 0; row->state == CSV_ROW_GOOD && i < t->column_count; i++)
		failed |= keep(p, &t->values[i], &p->values[i]);
	/* The first row fits: what is missing is memory. */
	if (failed && p->data.length < t->object->row_max) {
		p->memory = true;
		return;
	}
	if (failed)
		spoil(p, "the row is too large.");
	if (g->tainted != 0)
		spoil(p, "the rows of this key may not be all, since line %llu before them can't be read. Correct that line.",
		      (unsigned long long)g->tainted);
	if (csv_set_has(&g->repeated, key_hash(&row->native_id)))
		spoil(p, "rows of this key stand in several places of the file, so none of them is the whole record. Have the export "
		      "sorted by its key.");
	g->tainted = 0;
	append(g, p, row);
}

static const struct syncline_record *
give(struct csv_group *g, struct piece *p)
{
	struct csv_table *t = g->table;

	p->open = false;
	seal(p, &p->id);
	seal(p, &p->tenant);
	if (!p->bad && syncline_buffer_char(&p->list, ']') != 0)
		spoil(p, "the rows of this key are too large together.");
	if (p->bad) {
		syncline_buffer_clear(&t->note);
		syncline_buffer_append(&t->note, p->why.data, p->why.length);
		csv_table_reject(t, p->line, &p->id);
		t->refused.tenant = p->tenant;
		return &t->refused;
	}
	for (uint32_t i = 0; i < t->column_count; i++)
		seal(p, &p->values[i]);
	p->values[t->column_count] = syncline_json(p->list.data, p->list.length);
	t->record.place = p->line;
	t->record.native_id = p->id;
	t->record.tenant = p->tenant;
	t->record.values = p->values;
	t->record.value_count = t->field_count;
	t->stats.records++;
	return &t->record;
}

static bool
same_key(const struct piece *p, const struct csv_read_row *row)
{
	return p->id.length == row->native_id.length && memcmp(p->data.data + p->id.u.integer, row->native_id.u.data, p->id.length) == 0;
}

uint32_t
csv_group_next(struct csv_group *g, const struct syncline_call *call, const struct syncline_record **ret_record, struct syncline_error *err)
{
	struct csv_table *t = g->table;

	for (;;) {
		struct piece *p = &g->pieces[g->now];
		struct csv_read_row row;
		uint64_t offset, line;
		bool end = false;
		uint32_t result;

		if (g->pieces[0].memory || g->pieces[1].memory)
			return syncline_fail_memory(err);
		csv_stream_tell(t->stream, &offset, &line);
		if (!g->ended && (result = csv_table_row(t, call, &row, &end, err)) != SYNCLINE_OK)
			return result;
		g->ended |= end;
		if (g->ended) {
			*ret_record = p->open ? give(g, p) : NULL;
			return SYNCLINE_OK;
		}
		if (row.state == CSV_ROW_KEYLESS) {
			if (p->open)
				spoil(p, "the rows of this key may not be all, since line %llu behind them can't be read. Correct that line.",
				      (unsigned long long)row.line);
			if (g->tainted == 0) {
				g->tainted = row.line;
				g->tainted_offset = offset;
				g->tainted_begin = line;
			}
			*ret_record = csv_table_reject(t, row.line, NULL);
			return SYNCLINE_OK;
		}
		if (p->open && same_key(p, &row)) {
			/* What stood between was a row of another or of this key: it can't be told. */
			g->tainted = 0;
			append(g, p, &row);
			continue;
		}
		if (!p->open) {
			start(g, p, &row, offset, line);
			continue;
		}
		g->now = !g->now;
		start(g, &g->pieces[g->now], &row, offset, line);
		*ret_record = give(g, p);
		return SYNCLINE_OK;
	}
}

void
csv_group_tell(const struct csv_group *g, uint64_t *ret_offset, uint64_t *ret_line)
{
	const struct piece *p = &g->pieces[g->now];

	if (p->open) {
		*ret_offset = p->offset;
		*ret_line = p->begin;
	} else if (g->tainted != 0) {
		*ret_offset = g->tainted_offset;
		*ret_line = g->tainted_begin;
	} else {
		csv_stream_tell(g->table->stream, ret_offset, ret_line);
	}
}
