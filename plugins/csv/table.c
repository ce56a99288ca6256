/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c: a file as records: the header, types, native ids, and a reject with its line for every row that can't be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "table.h"

#define SHOWN 60 /* bytes of a value in a message */

int
csv_set_add(struct csv_set *set, uint64_t hash)
{
	size_t i;

	hash |= hash == 0;
	if ((set->count + 1) * 8 > set->room * 7) {
		struct csv_set larger = { .room = set->room > 0 ? set->room * 2 : 1024, .max = set->max };

		if (larger.room > set->max || (larger.slots = calloc(larger.room, sizeof *larger.slots)) == NULL)
			return csv_set_has(set, hash) ? 0 : -1;
		for (i = 0; i < set->room; i++)
			if (set->slots[i] != 0)
				csv_set_add(&larger, set->slots[i]);
		free(set->slots);
		*set = larger;
	}
	for (i = hash & (set->room - 1); set->slots[i] != 0; i = (i + 1) & (set->room - 1))
		if (set->slots[i] == hash)
			return 0;
	set->slots[i] = hash;
	set->count++;
	return 1;
}

bool
csv_set_has(const struct csv_set *set, uint64_t hash)
{
	hash |= hash == 0;
	if (set->count == 0)
		return false;
	for (size_t i = hash & (set->room - 1); set->slots[i] != 0; i = (i + 1) & (set->room - 1))
		if (set->slots[i] == hash)
			return true;
	return false;
}

void
csv_set_free(struct csv_set *set)
{
	free(set->slots);
	memset(set, 0, sizeof *set);
}

static bool
name_taken(const struct csv_table *t, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return true;
	return false;
}

/* The second OrderID becomes OrderID_2, a column without a name column_7. */
static uint32_t
name_column(struct csv_table *t, uint32_t index, const char *data, size_t length, struct syncline_error *err)
{
	char name[SYNCLINE_NAME_MAX + 16];
	uint32_t result;

	while (length > 0 && (data[0] == ' ' || data[0] == '\t')) {
		data++;
		length--;
	}
	while (length > 0 && (data[length - 1] == ' ' || data[length - 1] == '\t'))
		length--;
	if (length > SYNCLINE_NAME_MAX - 8 || !csv_is_utf8(data, length)) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The name of column %u in the file %s is %s.", index + 1, csv_stream_name(t->stream),
		                       length > SYNCLINE_NAME_MAX - 8 ? "longer than 247 bytes" : "not text in the configured encoding");
		syncline_hint(err, "Check encoding, delimiter, skip_lines and header.");
		return result;
	}
	if (length == 0)
		snprintf(name, sizeof name, "column_%u", index + 1);
	else
		snprintf(name, sizeof name, "%.*s", (int)length, data);
	for (unsigned n = 2; name_taken(t, index, name); n++)
		snprintf(name, sizeof name, "%.*s_%u", length == 0 ? 6 : (int)length, length == 0 ? "column" : data, n);
	if ((t->columns[index].name = csv_pool_copy(&t->pool, name, strlen(name))) == NULL)
		return syncline_fail_memory(err);
	return SYNCLINE_OK;
}

static uint32_t
name_columns(struct csv_table *t, const struct csv_stream_row *first, struct syncline_error *err)
{
	const struct csv_object *o = t->object;
	uint32_t count = first != NULL ? first->row.count : o->columns.count, result;

	if (first != NULL && first->row.fault != CSV_FAULT_NONE) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The header of the file %s can't be read: its quotes are not closed.", csv_stream_name(t->stream));
		syncline_hint(err, "Check quote, delimiter and skip_lines.");
		return result;
	}
	if (first != NULL && o->columns.count > 0 && o->columns.count != count) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The file %s has %u columns; the setting columns names %u.", csv_stream_name(t->stream), count,
		                       o->columns.count);
		syncline_hint(err, "Adapt columns, or check delimiter and skip_lines.");
		return result;
	}
	if (count > SYNCLINE_FIELDS_MAX - 1) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The file %s has %u columns; at most 4,095 are possible.", csv_stream_name(t->stream), count);
		syncline_hint(err, "Check the delimiter.");
		return result;
	}
	if ((t->columns = csv_pool_alloc(&t->pool, sizeof *t->columns * (count + 1))) == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		const char *data = o->columns.count > 0 ? o->columns.items[i] : o->header ? first->row.fields[i].data : "";
		size_t length = o->columns.count > 0 ? strlen(data) : o->header ? first->row.fields[i].length : 0;

		if ((result = name_column(t, i, data, length, err)) != SYNCLINE_OK)
			return result;
	}
	t->column_count = count;
	return SYNCLINE_OK;
}

static int64_t
find_column(const struct csv_table *t, const char *name)
{
	for (uint32_t i = 0; name != NULL && i < t->column_count; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return i;
	return -1;
}

static uint32_t
missing(const struct csv_table *t, const char *what, const char *name, struct syncline_error *err)
{
	struct syncline_buffer names;
	uint32_t result;

	syncline_buffer_init(&names, 600);
	for (uint32_t i = 0; i < t->column_count; i++)
		syncline_buffer_format(&names, "%s%s", i > 0 ? ", " : "", t->columns[i].name);
	result = syncline_fail(err, SYNCLINE_CONFIG, "The file %s has no column %s, which is the %s of the object %s.", csv_stream_name(t->stream), name,
	                       what, t->object->alias);
	syncline_detail(err, "Its columns are: %s", names.length > 0 ? syncline_buffer_string(&names) : "none");
	syncline_hint(err, "Correct the object's %s, or check delimiter, encoding, header and skip_lines.", what);
	syncline_buffer_free(&names);
	return result;
}

static uint32_t
set_type(struct csv_table *t, const struct syncline_field *field, struct syncline_error *err)
{
	int64_t at = find_column(t, field->name);
	uint32_t result;

	if (at < 0)
		return SYNCLINE_OK; /* its values are absent: the file does not say */
	switch (field->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_TEXT:
		break;
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_DATE:
	case SYNCLINE_TYPE_TIMESTAMP:
	case SYNCLINE_TYPE_CONTENT:
		t->columns[at].type = field->type;
		break;
	default:
		result = syncline_fail(err, SYNCLINE_CONFIG, "The contract of %s wants the column %s as JSON or bytes, which a CSV file doesn't have.",
		                       t->object->alias, field->name);
		syncline_hint(err, "Declare it as text.");
		return result;
	}
	return SYNCLINE_OK;
}

static uint32_t
give_types(struct csv_table *t, struct syncline_error *err)
{
	const struct csv_object *o = t->object;
	uint32_t result;
	int64_t at;

	for (uint32_t i = 0; i < t->column_count; i++)
		t->columns[i].type = SYNCLINE_TYPE_TEXT;
	for (uint32_t i = 0; i < o->field_count; i++)
		if ((result = set_type(t, &o->fields[i], err)) != SYNCLINE_OK)
			return result;
	if ((t->keys = csv_pool_alloc(&t->pool, sizeof *t->keys * (o->key.count + 1))) == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < o->key.count; i++) {
		if ((at = find_column(t, o->key.items[i])) < 0)
			return missing(t, "key", o->key.items[i], err);
		t->keys[i] = (uint32_t)at;
	}
	t->tenant = find_column(t, o->tenant);
	if (o->tenant != NULL && t->tenant < 0)
		return missing(t, "tenant", o->tenant, err);
	if (o->content != NULL) {
		if ((at = find_column(t, o->content)) < 0)
			return missing(t, "content", o->content, err);
		t->columns[at].type = SYNCLINE_TYPE_CONTENT;
	}
	if (o->group_into != NULL && find_column(t, o->group_into) >= 0) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "group_into of %s is %s, which is a column of the file %s already.", o->alias, o->group_into,
		                       csv_stream_name(t->stream));
		syncline_hint(err, "Choose a name that no column has.");
		return result;
	}
	t->plain = o->nulls.count == 0;
	for (uint32_t i = 0; i < t->column_count; i++)
		t->plain &= t->columns[i].type == SYNCLINE_TYPE_TEXT;
	return SYNCLINE_OK;
}

static uint32_t
make_fields(struct csv_table *t, struct syncline_error *err)
{
	const struct csv_object *o = t->object;
	struct syncline_buffer json;

	t->field_count = t->column_count + (o->group_into != NULL);
	t->fields = csv_pool_alloc(&t->pool, sizeof *t->fields * (t->field_count + 1u));
	t->values = csv_pool_alloc(&t->pool, sizeof *t->values * (t->field_count + 1u));
	if (t->fields == NULL || t->values == NULL)
		return syncline_fail_memory(err);
	syncline_buffer_init(&json, 0);
	for (uint32_t i = 0; i < t->column_count; i++) {
		struct csv_column *c = &t->columns[i];

		t->fields[i] = syncline_field(c->name, c->type, 0);
		for (uint32_t k = 0; k < o->key.count; k++)
			t->fields[i].flags |= t->keys[k] == i ? SYNCLINE_FIELD_KEY : 0;
		syncline_buffer_clear(&json);
		syncline_json_string(&json, c->name, strlen(c->name));
		syncline_buffer_char(&json, ':');
		c->json = json.failed ? NULL : csv_pool_copy(&t->pool, json.data, json.length);
		if (c->json == NULL) {
			syncline_buffer_free(&json);
			return syncline_fail_memory(err);
		}
	}
	syncline_buffer_free(&json);
	if (o->group_into != NULL)
		t->fields[t->column_count] = syncline_field(o->group_into, SYNCLINE_TYPE_JSON, 0);
	return SYNCLINE_OK;
}

/* The header; without one the first row tells how many columns there are, and is read again. */
static uint32_t
begin(struct csv_table *t, const struct syncline_call *call, struct syncline_error *err)
{
	const struct csv_object *o = t->object;
	struct csv_stream_row first;
	uint32_t result;
	bool end = false;

	if (o->header || o->columns.count == 0) {
		if ((result = csv_stream_next(t->stream, call, &first, &end, err)) != SYNCLINE_OK)
			return result;
		if (end) /* an empty file; its columns are those that it should have */
			t->column_count = 0;
		else if ((result = name_columns(t, &first, err)) != SYNCLINE_OK)
			return result;
	} else if ((result = name_columns(t, NULL, err)) != SYNCLINE_OK) {
		return result;
	}
	if (!end && (result = give_types(t, err)) != SYNCLINE_OK)
		return result;
	csv_stream_expect(t->stream, t->column_count);
	return make_fields(t, err);
}

static uint32_t
open_plain(const struct csv_object *o, const struct syncline_call *call, int folder, const char *name, struct csv_table **ret_table,
           struct syncline_error *err)
{
	struct csv_table *t = calloc(1, sizeof *t);
	uint32_t result;

	if (t == NULL)
		return syncline_fail_memory(err);
	t->object = o;
	t->tenant = t->documents = -1;
	t->record = syncline_record(SYNCLINE_OP_SEEN);
	syncline_buffer_init(&t->scratch, 0);
	syncline_buffer_init(&t->key, 0);
	syncline_buffer_init(&t->note, 4096);
	/* A reason must not be lost for want of memory. */
	result = syncline_buffer_reserve(&t->note, 2000) != 0 ? syncline_fail_memory(err) : csv_stream_open(o, folder, name, &t->stream, err);
	if (result == SYNCLINE_OK)
		result = begin(t, call, err);
	if (result == SYNCLINE_OK && !o->header && o->columns.count == 0) {
		/* The row that told the number of columns is data. */
		csv_stream_close(t->stream);
		t->stream = NULL;
		if ((result = csv_stream_open(o, folder, name, &t->stream, err)) == SYNCLINE_OK)
			csv_stream_expect(t->stream, t->column_count);
	}
	if (result != SYNCLINE_OK)
		csv_table_close(t);
	else
		*ret_table = t;
	return result;
}

uint32_t
csv_table_open(const struct csv_object *o, const struct syncline_call *call, int folder, const char *name, struct csv_table **ret_table,
               struct syncline_error *err)
{
	struct csv_table *t, *survey = NULL;
	uint32_t result = open_plain(o, call, folder, name, &t, err);

	if (result != SYNCLINE_OK)
		return result;
	if (o->group_into != NULL && t->column_count > 0) {
		if ((result = csv_group_new(t, &t->group, err)) == SYNCLINE_OK &&
		    (result = open_plain(o, call, folder, name, &survey, err)) == SYNCLINE_OK)
			result = csv_group_survey(t->group, survey, call, err);
		csv_table_close(survey);
	}
	if (result != SYNCLINE_OK)
		csv_table_close(t);
	else
		*ret_table = t;
	return result;
}

void
csv_table_close(struct csv_table *t)
{
	if (t == NULL)
		return;
	csv_group_free(t->group);
	csv_stream_close(t->stream);
	if (t->documents >= 0)
		close(t->documents);
	syncline_buffer_free(&t->scratch);
	syncline_buffer_free(&t->key);
	syncline_buffer_free(&t->note);
	csv_pool_free(&t->pool);
	free(t);
}

/* Why a row is refused.  Its line is the record's place, which the note need not say again. */
static void
say(struct csv_table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void
say(struct csv_table *t, const char *format, ...)
{
	char text[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	syncline_buffer_clear(&t->note);
	syncline_buffer_text(&t->note, text);
}

/* A value as a message shows it: one line, cut, always UTF-8. */
static const char *
shown(const char *data, size_t length, char *buffer)
{
	size_t cut = length < SHOWN ? length : SHOWN, n = 0;

	while (cut > 0 && cut < length && ((unsigned char)data[cut] & 0xc0) == 0x80)
		cut--;
	if (csv_is_utf8(data, cut)) {
		for (size_t i = 0; i < cut; i++)
			buffer[n++] = (unsigned char)data[i] < 0x20 || data[i] == 0x7f ? ' ' : data[i];
	} else {
		for (size_t i = 0; i < cut; i++)
			n += (size_t)snprintf(buffer + n, 5, (unsigned char)data[i] >= 0x20 && (unsigned char)data[i] < 0x7f ? "%c" : "\\x%02X",
			                      (unsigned char)data[i]);
	}
	snprintf(buffer + n, 4, "%s", cut < length ? "..." : "");
	return buffer;
}

static void
say_fault(struct csv_table *t, const struct csv_stream_row *r)
{
	const char *column = r->row.fault_column <= t->column_count ? t->columns[r->row.fault_column - 1].name : "behind the last one";

	switch (r->row.fault) {
	case CSV_FAULT_UNTERMINATED:
		say(t, "the quote that opens in line %llu, column %s, is never closed. Close it, or double a quote that belongs to the value; "
		    "reading went on with the next line.", (unsigned long long)(r->line + r->row.fault_line), column);
		break;
	case CSV_FAULT_AFTER_QUOTE:
		say(t, "the quoted value of column %s that begins in line %llu is followed by something else than a delimiter. Double the quotes "
		    "that belong to the value, or check delimiter and escape.", column, (unsigned long long)(r->line + r->row.fault_line));
		break;
	default:
		say(t, "the row is longer than row_max (%lu bytes). Look for a missing line end, or raise row_max.",
		    (unsigned long)t->object->row_max);
	}
}

/* What can be wrong with a row as a whole; true: it is, and has no key. */
static bool
unreadable(struct csv_table *t, const struct csv_stream_row *r)
{
	const struct csv_row *row = &r->row;
	char value[SHOWN * 4 + 8];

	if (row->fault != CSV_FAULT_NONE) {
		say_fault(t, r);
		return true;
	}
	if (row->count != t->column_count) {
		say(t, "the row has %u values where the header names %u columns. Look for a delimiter, quote or line end that should be quoted.",
		    row->count, t->column_count);
		return true;
	}
	if (!row->high && !row->nul)
		return false;
	for (uint32_t i = 0; i < row->count; i++) {
		const struct csv_field *f = &row->fields[i];

		if (csv_is_utf8(f->data, f->length))
			continue;
		say(t, "column %s: \"%s\" %s", t->columns[i].name, shown(f->data, f->length, value),
		    memchr(f->data, 0, f->length) != NULL ? "holds a NUL byte. Have the export written without it, or check encoding (UTF-16?)."
		                                         : "is not text in the configured encoding. Check encoding.");
		return true;
	}
	return false;
}

static bool
take_key(struct csv_table *t, const struct csv_stream_row *r, struct csv_read_row *ret)
{
	const struct csv_object *o = t->object;
	struct syncline_slice parts[64];
	size_t bytes = 0, length;

	ret->native_id = syncline_absent();
	if (o->key.count == 0)
		return true;
	for (uint32_t i = 0; i < o->key.count; i++) {
		const struct csv_field *f = &r->row.fields[t->keys[i]];

		if (f->length == 0 || csv_is_null(o, f->data, f->length)) {
			say(t, "the key column %s is empty. A record can't be told from others without it: have the export fill it in.",
			    t->columns[t->keys[i]].name);
			return false;
		}
		if (i >= sizeof parts / sizeof parts[0]) {
			say(t, "the key has more than 64 columns.");
			return false;
		}
		parts[i] = syncline_slice(f->data, f->length);
		bytes += f->length * 2 + 1;
	}
	if (o->key.count == 1) {
		ret->native_id = syncline_text(parts[0].data, parts[0].length);
		return true;
	}
	syncline_buffer_clear(&t->key);
	if (syncline_buffer_reserve(&t->key, bytes) != 0) {
		t->memory = true;
		return false;
	}
	if (o->instance->batch->join_key(parts, o->key.count, t->key.data, t->key.capacity, &length) != SYNCLINE_OK) {
		say(t, "the key is too long.");
		return false;
	}
	ret->native_id = syncline_text(t->key.data, length);
	return true;
}

/* Every value by its type; false: one can't be read. */
static bool
take_values(struct csv_table *t, const struct csv_stream_row *r)
{
	const struct csv_object *o = t->object;
	const struct csv_field *fields = r->row.fields;
	char value[SHOWN * 4 + 8];

	if (t->plain) {
		for (uint32_t i = 0; i < t->column_count; i++)
			t->values[i] = syncline_text(fields[i].data, fields[i].length);
		return true;
	}
	syncline_buffer_clear(&t->scratch);
	if (r->row.bytes + 4 * (size_t)t->column_count > t->scratch.capacity &&
	    syncline_buffer_reserve(&t->scratch, r->row.bytes + 4 * (size_t)t->column_count) != 0) {
		t->memory = true;
		return false;
	}
	for (uint32_t i = 0; i < t->column_count; i++) {
		if (csv_value_read(o, t->columns[i].type, fields[i].data, fields[i].length, &t->scratch, &t->values[i]) == 0)
			continue;
		say(t, "column %s: \"%s\" is not %s. Correct it at the source, adapt the setting, or declare the column as text.",
		    t->columns[i].name, shown(fields[i].data, fields[i].length, value), csv_type_words(t->columns[i].type));
		return false;
	}
	return true;
}

static uint32_t
read_row(struct csv_table *t, const struct syncline_call *call, bool values, struct csv_read_row *ret, bool *ret_end, struct syncline_error *err)
{
	struct csv_stream_row r;
	uint32_t result = csv_stream_next(t->stream, call, &r, ret_end, err);

	if (result != SYNCLINE_OK || *ret_end)
		return result;
	ret->line = r.line;
	ret->native_id = ret->tenant = syncline_absent();
	t->memory = false;
	if (unreadable(t, &r) || !take_key(t, &r, ret)) {
		ret->state = CSV_ROW_KEYLESS;
		ret->native_id = syncline_absent();
		return t->memory ? syncline_fail_memory(err) : SYNCLINE_OK;
	}
	if (t->tenant >= 0) {
		const struct csv_field *f = &r.row.fields[t->tenant];

		if (f->length > 0 && !csv_is_null(t->object, f->data, f->length))
			ret->tenant = syncline_text(f->data, f->length);
	}
	ret->state = !values || take_values(t, &r) ? CSV_ROW_GOOD : CSV_ROW_BAD;
	return t->memory ? syncline_fail_memory(err) : SYNCLINE_OK;
}

uint32_t
csv_table_row(struct csv_table *t, const struct syncline_call *call, struct csv_read_row *ret_row, bool *ret_end, struct syncline_error *err)
{
	return read_row(t, call, true, ret_row, ret_end, err);
}

uint32_t
csv_table_key(struct csv_table *t, const struct syncline_call *call, struct csv_read_row *ret_row, bool *ret_end, struct syncline_error *err)
{
	return read_row(t, call, false, ret_row, ret_end, err);
}

const struct syncline_record *
csv_table_reject(struct csv_table *t, uint64_t line, const struct syncline_value *native_id)
{
	struct syncline_record *r = &t->refused;

	*r = syncline_record(SYNCLINE_OP_REJECT);
	r->place = line;
	if (native_id != NULL)
		r->native_id = *native_id;
	if (t->note.length > 0 && t->note.data[0] >= 'a' && t->note.data[0] <= 'z')
		t->note.data[0] = (char)(t->note.data[0] - 'a' + 'A');
	r->note = syncline_text(t->note.data, t->note.length);
	t->stats.rejects++;
	t->stats.keyless += r->native_id.type == SYNCLINE_TYPE_ABSENT;
	return r;
}

static uint32_t
next_record(struct csv_table *t, const struct syncline_call *call, const struct syncline_record **ret_record, struct syncline_error *err)
{
	struct csv_read_row row;
	uint32_t result;
	bool end = false;

	if (t->group != NULL)
		return csv_group_next(t->group, call, ret_record, err);
	if ((result = csv_table_row(t, call, &row, &end, err)) != SYNCLINE_OK)
		return result;
	if (end) {
		*ret_record = NULL;
		return SYNCLINE_OK;
	}
	if (row.state != CSV_ROW_GOOD) {
		*ret_record = csv_table_reject(t, row.line, &row.native_id);
		t->refused.tenant = row.tenant;
		return SYNCLINE_OK;
	}
	t->record.place = row.line;
	t->record.native_id = row.native_id;
	t->record.tenant = row.tenant;
	t->record.values = t->values;
	t->record.value_count = t->column_count;
	t->stats.records++;
	*ret_record = &t->record;
	return SYNCLINE_OK;
}

/* A row is what stands in it and the document that it names, which may be another one while the row stays as it is. */
uint32_t
csv_table_next(struct csv_table *t, const struct syncline_call *call, const struct syncline_record **ret_record, struct syncline_error *err)
{
	uint32_t result = next_record(t, call, ret_record, err);

	if (result != SYNCLINE_OK || *ret_record != &t->record || t->object->content == NULL)
		return result;
	t->record.version = syncline_absent();
	for (uint32_t i = 0; i < t->column_count; i++) {
		const struct syncline_value *value = &t->record.values[i];

		if (value->type == SYNCLINE_TYPE_CONTENT && csv_document_version(t->object, &t->documents, value, t->version, sizeof t->version) == 0)
			t->record.version = syncline_string(t->version);
	}
	return SYNCLINE_OK;
}

const struct syncline_record *
csv_table_refused(struct csv_table *t, const struct syncline_record *record, const char *why)
{
	say(t, "the record can't be taken: %s Look at the row; it is too large or not what its columns say.", why);
	t->stats.records--;
	return csv_table_reject(t, record->place, record->native_id.length <= SYNCLINE_NAME_MAX * 16 ? &record->native_id : NULL);
}

const struct syncline_field *
csv_table_fields(const struct csv_table *t, uint32_t *ret_count)
{
	*ret_count = t->field_count;
	return t->fields;
}

void
csv_table_tell(struct csv_table *t, uint64_t *ret_offset, uint64_t *ret_line)
{
	if (t->group != NULL)
		csv_group_tell(t->group, ret_offset, ret_line);
	else
		csv_stream_tell(t->stream, ret_offset, ret_line);
}

uint32_t
csv_table_seek(struct csv_table *t, const struct syncline_call *call, uint64_t offset, uint64_t line, struct syncline_error *err)
{
	if (t->group != NULL)
		csv_group_reset(t->group);
	return csv_stream_seek(t->stream, call, offset, line, err);
}

const struct csv_table_stats *
csv_table_stats(const struct csv_table *t)
{
	return &t->stats;
}

struct csv_stream *
csv_table_stream(const struct csv_table *t)
{
	return t->stream;
}
