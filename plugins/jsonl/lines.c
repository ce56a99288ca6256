/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines.c: lines of a file as records.  A batch's lines are loaded first, for only then its fields are known; they stand in one
 * buffer, members pointing into it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "jsonl.h"

#define READ_SIZE (256u * 1024u)
#define BATCH_BYTES (1024u * 1024u)
#define SLOTS (sizeof ((struct name_table *)0)->slots / sizeof(uint32_t))
#define DECIMAL_MAX 1000u

static char *
copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

static uint32_t
hash(const char *name, uint32_t length)
{
	uint32_t h = 2166136261u;

	while (length-- > 0)
		h = (h ^ (unsigned char)*name++) * 16777619u;
	return h;
}

/* The index of a name, made when it is new; UINT32_MAX: no room, UINT32_MAX - 1: no memory. */
static uint32_t
intern(struct name_table *t, const char *name, uint32_t length)
{
	size_t slot = hash(name, length) % SLOTS;

	for (; t->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
		uint32_t i = t->slots[slot] - 1;

		if (t->lengths[i] == length && memcmp(t->names[i], name, length) == 0)
			return i;
	}
	if (t->count == SYNCLINE_FIELDS_MAX)
		return UINT32_MAX;
	if ((t->names[t->count] = malloc((size_t)length + 1)) == NULL)
		return UINT32_MAX - 1;
	memcpy(t->names[t->count], name, length);
	t->names[t->count][length] = '\0';
	t->lengths[t->count] = length;
	t->stamps[t->count] = 0;
	t->slots[slot] = ++t->count;
	return t->count - 1;
}

/* Back to `count` names, which may be those of the contract. */
static void
forget_names(struct name_table *t, uint32_t count)
{
	while (t->count > count)
		free(t->names[--t->count]);
	memset(t->slots, 0, sizeof t->slots);
	for (uint32_t i = 0; i < t->count; i++) {
		size_t slot = hash(t->names[i], t->lengths[i]) % SLOTS;

		while (t->slots[slot] != 0)
			slot = (slot + 1) % SLOTS;
		t->slots[slot] = i + 1;
	}
}

static uint32_t
copy_shape(struct lines *l, const struct syncline_object *object, struct syncline_error *err)
{
	struct shape *s = &l->shape;

	s->keys = calloc(object->key_count + 1, sizeof *s->keys);
	s->types = calloc(object->field_count + 1, 1);
	s->tenant = copy(object->tenant);
	s->version = copy(object->version);
	if (s->keys == NULL || s->types == NULL || (object->tenant != NULL && s->tenant == NULL) || (object->version != NULL && s->version == NULL))
		return syncline_fail_memory(err);
	for (; s->key_count < object->key_count; s->key_count++)
		if ((s->keys[s->key_count] = strdup(object->key[s->key_count])) == NULL)
			return syncline_fail_memory(err);
	for (uint32_t i = 0; i < object->field_count; i++) {
		struct syncline_field field;
		uint32_t at;

		syncline_copy(&field, sizeof field, syncline_at(object->fields, i));
		at = intern(l->table, field.name, (uint32_t)strlen(field.name));
		if (at >= SYNCLINE_FIELDS_MAX)
			return at == UINT32_MAX ? syncline_fail(err, SYNCLINE_CONFIG, "The contract has more than 4,096 fields.")
			                        : syncline_fail_memory(err);
		s->types[at] = field.type;
	}
	l->table->kept = l->table->count;
	return SYNCLINE_OK;
}

uint32_t
lines_init(struct lines *l, struct instance *c, const struct syncline_object *object, struct syncline_error *err)
{
	uint32_t result;

	memset(l, 0, sizeof *l);
	l->c = c;
	l->fd = -1;
	l->capacity = BATCH_BYTES + LINE_BYTES_MAX + READ_SIZE + 2;
	l->text = malloc(l->capacity);
	l->table = calloc(1, sizeof *l->table);
	l->values = calloc(SYNCLINE_FIELDS_MAX, sizeof *l->values);
	syncline_buffer_init(&l->id, SYNCLINE_RECORD_MAX);
	syncline_buffer_init(&l->tenant, SYNCLINE_RECORD_MAX);
	syncline_buffer_init(&l->version, SYNCLINE_RECORD_MAX);
	syncline_buffer_init(&l->note, 4096);
	syncline_buffer_init(&l->numbers, 2 * SYNCLINE_RECORD_MAX);
	if (l->text == NULL || l->table == NULL || l->values == NULL || json_line_init(&l->json) != 0)
		result = syncline_fail_memory(err);
	else
		result = copy_shape(l, object, err);
	if (result != SYNCLINE_OK)
		lines_free(l);
	return result;
}

void
lines_free(struct lines *l)
{
	for (uint32_t i = 0; i < l->shape.key_count; i++)
		free(l->shape.keys[i]);
	free(l->shape.keys);
	free(l->shape.types);
	free(l->shape.tenant);
	free(l->shape.version);
	if (l->table != NULL)
		while (l->table->count > 0)
			free(l->table->names[--l->table->count]);
	free(l->table);
	free(l->text);
	free(l->cells);
	free(l->values);
	json_line_free(&l->json);
	syncline_buffer_free(&l->id);
	syncline_buffer_free(&l->tenant);
	syncline_buffer_free(&l->version);
	syncline_buffer_free(&l->note);
	syncline_buffer_free(&l->numbers);
	memset(l, 0, sizeof *l);
}

void
lines_start(struct lines *l, int fd, uint64_t offset, uint64_t number)
{
	l->fd = fd;
	l->offset = offset;
	l->number = number;
	l->begin = l->filled = 0;
	l->at_end = 0;
	l->too_long = 0;
	l->line_count = 0;
}

/* More bytes behind text[filled]; the text that was loaded before stays where it is. */
static uint32_t
read_more(struct lines *l, struct syncline_error *err)
{
	size_t room = l->capacity - 1 - l->filled;
	ssize_t n;

	do
		n = pread(l->fd, l->text + l->filled, room < READ_SIZE ? room : READ_SIZE, (off_t)(l->offset + (l->filled - l->begin)));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return syncline_fail_errno(err, errno, "A file of JSON lines can't be read.");
	l->filled += (size_t)n;
	l->at_end = n == 0;
	return SYNCLINE_OK;
}

static uint32_t
add_cells(struct lines *l, struct line *line, struct syncline_error *err)
{
	const struct json_line *json = &l->json;

	if (l->cell_count + json->count > l->cell_room) {
		size_t room = (l->cell_room + json->count) * 2;
		struct cell *cells = realloc(l->cells, room * sizeof *cells);

		if (cells == NULL)
			return syncline_fail_memory(err);
		l->cells = cells;
		l->cell_room = room;
	}
	line->first = (uint32_t)l->cell_count;
	l->stamp++;
	for (uint32_t i = 0; i < json->count; i++) {
		const struct json_member *m = &json->members[i];
		struct name_table *t = l->table;
		/* Most lines have the members of the line before, in its order. */
		uint32_t field = i < t->count && t->lengths[i] == m->name_length && memcmp(t->names[i], m->name, m->name_length) == 0
		                         ? i : intern(t, m->name, m->name_length);

		if (field == UINT32_MAX - 1)
			return syncline_fail_memory(err);
		if (field == UINT32_MAX)
			return SYNCLINE_CONFLICT; /* the batch has no room for another field */
		if (t->stamps[field] == l->stamp && line->fault == NULL) {
			line->fault = "a member stands there twice";
			line->fault_at = 0;
			line->fault_field = field;
		}
		t->stamps[field] = l->stamp;
		l->cells[l->cell_count++] = (struct cell){ .field = field, .kind = m->kind, .length = m->length, .integer = m->integer, .data = m->data };
	}
	line->count = json->count;
	return SYNCLINE_OK;
}

/* One line of `length` bytes at text[begin], its end behind `skip` bytes.  SYNCLINE_CONFLICT: it belongs to the next batch. */
static uint32_t
take_line(struct lines *l, size_t length, size_t skip, struct syncline_error *err)
{
	struct line *line = &l->line[l->line_count];
	char *text = l->text + l->begin;
	uint32_t names = l->table->count, result = SYNCLINE_OK;
	size_t cells = l->cell_count;

	memset(line, 0, sizeof *line);
	line->fault_field = UINT32_MAX;
	line->number = l->number + 1;
	line->end = l->offset + skip;
	if (line->number == 1 && length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
		text += 3;
		length -= 3;
	}
	if (!json_is_blank(text, length)) {
		json_line_parse(&l->json, text, length);
		line->fault = l->json.fault;
		line->fault_at = l->json.fault_at;
		line->broken = l->json.broken;
		if (!line->broken)
			result = add_cells(l, line, err);
		if (result == SYNCLINE_CONFLICT && l->line_count > 0) {
			/* Escapes were resolved in place: the line is read again from the file. */
			forget_names(l->table, names);
			l->cell_count = cells;
			l->filled = l->begin;
			l->at_end = 0;
			return SYNCLINE_CONFLICT;
		}
		if (result == SYNCLINE_CONFLICT) {
			line->fault = "it has members beyond the 4,096 fields that an object may have";
			line->broken = 1;
			line->count = 0;
			l->cell_count = cells;
			forget_names(l->table, names);
			result = SYNCLINE_OK;
		}
		l->line_count += result == SYNCLINE_OK;
	}
	l->number++;
	l->begin += skip;
	l->offset += skip;
	return result;
}

/* A line without an end in sight: it is a reject, and its rest is skipped. */
static void
drop_long(struct lines *l)
{
	if (!l->too_long) {
		struct line *line = &l->line[l->line_count++];

		memset(line, 0, sizeof *line);
		line->fault_field = UINT32_MAX;
		line->number = ++l->number;
		line->fault = "it has more than 4 MiB";
		line->broken = 1;
		l->too_long = 1;
	}
	l->offset += l->filled - l->begin;
	l->filled = l->begin;
}

/* The next step: a line, more bytes, or the end.  ret_stop: this batch is over. */
static uint32_t
step(struct lines *l, int *ret_stop, struct syncline_error *err)
{
	size_t have = l->filled - l->begin;
	char *newline = have > 0 ? memchr(l->text + l->begin, '\n', have) : NULL;
	size_t length = newline != NULL ? (size_t)(newline - (l->text + l->begin)) : have;
	uint32_t result;

	if (newline == NULL && !l->at_end) {
		if (have > LINE_BYTES_MAX) {
			drop_long(l);
			return SYNCLINE_OK;
		}
		if (l->filled + 1 >= l->capacity) {
			*ret_stop = 1;
			return SYNCLINE_OK;
		}
		return read_more(l, err);
	}
	if (l->too_long) {
		l->line[l->line_count - 1].end = l->offset + length + (newline != NULL);
		l->offset += length + (newline != NULL);
		l->begin += length + (newline != NULL);
		l->too_long = 0;
		return SYNCLINE_OK;
	}
	if (have == 0) {
		*ret_stop = 1;
		return SYNCLINE_OK;
	}
	if (length > LINE_BYTES_MAX) {
		drop_long(l);
		l->offset -= have;
		l->filled += have;
		return SYNCLINE_OK;
	}
	result = take_line(l, length, length + (newline != NULL), err);
	if (result == SYNCLINE_CONFLICT) {
		*ret_stop = 1;
		return SYNCLINE_OK;
	}
	return result;
}

uint32_t
lines_load(struct lines *l, const struct syncline_call *call, int keep_names, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_OK, rounds = 0;
	int stop = 0;

	if (l->begin > 0 && l->filled > l->begin)
		memmove(l->text, l->text + l->begin, l->filled - l->begin);
	l->filled -= l->begin;
	l->begin = 0;
	l->line_count = 0;
	l->cell_count = 0;
	if (!keep_names && l->table->count > l->table->kept)
		forget_names(l->table, l->table->kept);
	/* A line that is too long is finished before the batch ends, so that its end is known. */
	while (result == SYNCLINE_OK && !stop && (l->too_long || (l->line_count < LINES_MAX && l->begin < BATCH_BYTES))) {
		result = step(l, &stop, err);
		if (result == SYNCLINE_OK && ++rounds % 256 == 0 && syncline_cancelled(call))
			result = syncline_fail_cancelled(err);
	}
	return result;
}

uint32_t
lines_set_fields(struct lines *l, struct syncline_batch *batch, const char *directory, const char *file, struct syncline_error *err)
{
	struct syncline_field *fields = calloc(l->table->count + 1, sizeof *fields);
	struct syncline_buffer origin;
	uint32_t result;

	if (fields == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < l->table->count; i++)
		fields[i] = syncline_field(l->table->names[i], SYNCLINE_TYPE_ABSENT, 0);
	result = l->c->batch->set_fields(batch, fields, l->table->count, err);
	free(fields);
	syncline_buffer_init(&origin, 0);
	if (file != NULL)
		syncline_buffer_format(&origin, "%s/%s", directory, file);
	if (result == SYNCLINE_OK && file != NULL && syncline_buffer_string(&origin) == NULL)
		result = syncline_fail_memory(err);
	if (result == SYNCLINE_OK && file != NULL && syncline_is_utf8(origin.data, origin.length))
		result = l->c->batch->set_origin(batch, origin.data, err);
	syncline_buffer_free(&origin);
	return result;
}

static const struct cell *
cell_named(const struct lines *l, const struct line *line, const char *name)
{
	size_t length = strlen(name);

	for (uint32_t i = 0; i < line->count; i++) {
		const struct cell *cell = &l->cells[line->first + i];

		if (l->table->lengths[cell->field] == length && memcmp(l->table->names[cell->field], name, length) == 0)
			return cell;
	}
	return NULL;
}

/* What a cell is as text, for ids; -1 for null, nested, absent. */
static int
cell_text(const struct cell *cell, struct syncline_slice *ret)
{
	if (cell == NULL)
		return -1;
	switch (cell->kind) {
	case JSON_TEXT:
	case JSON_INTEGER:
	case JSON_DECIMAL:
		*ret = syncline_slice(cell->data, cell->length);
		return 0;
	case JSON_TRUE:
		*ret = syncline_slice("true", 4);
		return 0;
	case JSON_FALSE:
		*ret = syncline_slice("false", 5);
		return 0;
	default:
		return -1;
	}
}

/* Absent where a part of it can't be read; -1 without memory, for then nothing is wrong with the line. */
static int
native_id(struct lines *l, const struct line *line, struct syncline_value *ret_id)
{
	struct syncline_slice parts[32];
	size_t needed = 0, length;

	*ret_id = syncline_absent();
	if (l->shape.key_count == 0 || l->shape.key_count > 32 || line->broken)
		return 0;
	for (uint32_t i = 0; i < l->shape.key_count; i++) {
		const struct cell *cell = cell_named(l, line, l->shape.keys[i]);

		if (cell_text(cell, &parts[i]) != 0 || cell->field == line->fault_field)
			return 0;
		needed += 2 * parts[i].length + 1;
	}
	syncline_buffer_clear(&l->id);
	if (needed > l->id.max)
		return 0;
	if (syncline_buffer_reserve(&l->id, needed) != 0)
		return -1;
	if (l->c->batch->join_key(parts, l->shape.key_count, l->id.data, l->id.capacity, &length) == SYNCLINE_OK)
		*ret_id = syncline_text(l->id.data, length);
	return 0;
}

static int
base64(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52
	     : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Bytes of a base64 text into the numbers buffer; -1 when it is none. */
static int
decode_base64(struct lines *l, const struct cell *cell, size_t *ret_at, size_t *ret_length)
{
	size_t n = cell->length, pad = 0;
	uint32_t bits = 0;

	while (pad < 2 && n > pad && cell->data[n - 1 - pad] == '=')
		pad++;
	if (n % 4 != 0 || syncline_buffer_reserve(&l->numbers, n / 4 * 3 + 1) != 0)
		return -1;
	*ret_at = l->numbers.length;
	for (size_t i = 0; i < n; i++) {
		int value = i < n - pad ? base64((unsigned char)cell->data[i]) : 0;

		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 == 3) {
			char *out = l->numbers.data + l->numbers.length;

			out[0] = (char)(bits >> 16);
			out[1] = (char)(bits >> 8);
			out[2] = (char)bits;
			l->numbers.length += 3;
			bits = 0;
		}
	}
	*ret_length = n / 4 * 3 - pad;
	l->numbers.length = *ret_at + *ret_length;
	return 0;
}

/* The contract knows more than JSON can say: times, dates, bytes.  What doesn't fit stays a text, for the rules to judge. */
static struct syncline_value
typed_text(struct lines *l, const struct cell *cell, uint8_t type)
{
	int64_t number;
	size_t at, length;

	if (type == SYNCLINE_TYPE_TIMESTAMP && syncline_text_to_timestamp(NULL, cell->data, cell->length, &number, NULL) == 0)
		return syncline_timestamp(number);
	if (type == SYNCLINE_TYPE_DATE && syncline_text_to_date(NULL, cell->data, cell->length, &number) == 0)
		return syncline_date(number);
	if (type == SYNCLINE_TYPE_DECIMAL && cell->length <= DECIMAL_MAX && syncline_is_decimal(cell->data, cell->length))
		return syncline_decimal(cell->data, cell->length);
	if (type == SYNCLINE_TYPE_BYTES && decode_base64(l, cell, &at, &length) == 0)
		return syncline_bytes(l->numbers.data + at, length);
	return syncline_text(cell->data, cell->length);
}

/* NULL, or why the value can't be taken. */
static const char *
cell_value(struct lines *l, const struct cell *cell, uint8_t type, struct syncline_value *v)
{
	char *room;
	size_t length;

	switch (cell->kind) {
	case JSON_NULL:
		*v = syncline_null();
		return NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		*v = syncline_boolean(cell->kind == JSON_TRUE);
		return NULL;
	case JSON_INTEGER:
		*v = type == SYNCLINE_TYPE_DECIMAL ? syncline_decimal(cell->data, cell->length) : syncline_integer(cell->integer);
		return NULL;
	case JSON_DECIMAL:
		if (cell->length > DECIMAL_MAX)
			return "has a number of more than 1,000 characters";
		*v = syncline_decimal(cell->data, cell->length);
		return NULL;
	case JSON_EXPONENT:
		room = l->numbers.data + l->numbers.length;
		length = json_without_exponent(cell->data, cell->length, room, DECIMAL_MAX);
		if (length == 0)
			return "has a number that takes more than 1,000 digits";
		l->numbers.length += length;
		*v = syncline_decimal(room, length);
		return NULL;
	case JSON_TEXT:
		*v = typed_text(l, cell, type);
		return NULL;
	case JSON_NESTED:
		*v = syncline_json(cell->data, cell->length);
		return NULL;
	default:
		return "can't be read";
	}
}

/* -1: no memory for the reason. */
static int
reject(struct lines *l, const struct line *line, struct syncline_record *record, const char *name, const char *fault)
{
	record->op = SYNCLINE_OP_REJECT;
	record->values = NULL;
	record->value_count = 0;
	record->tenant = record->version = syncline_absent();
	syncline_buffer_clear(&l->note);
	if (name != NULL)
		syncline_buffer_format(&l->note, "%s%s%s. Correct it at its source.", name, name[0] != '\0' ? " " : "", fault);
	else
		syncline_buffer_format(&l->note, "Byte %llu: %s. Correct the line, or the program that wrote it.",
		                       (unsigned long long)line->fault_at + 1, fault);
	if (l->note.failed)
		return -1;
	record->note = syncline_text(l->note.data, l->note.length);
	return 0;
}

/* Room for all numbers of a line and for bytes in base64, so that nothing moves while the record is put together. */
static int
reserve_numbers(struct lines *l, const struct line *line)
{
	size_t needed = 1;

	for (uint32_t i = 0; i < line->count; i++) {
		const struct cell *cell = &l->cells[line->first + i];

		if (cell->kind == JSON_EXPONENT)
			needed += DECIMAL_MAX;
		else if (cell->kind == JSON_TEXT && cell->field < l->table->kept && l->shape.types[cell->field] == SYNCLINE_TYPE_BYTES)
			needed += cell->length + 4;
	}
	syncline_buffer_clear(&l->numbers);
	return syncline_buffer_reserve(&l->numbers, needed);
}

static void
head_value(const struct lines *l, const struct line *line, const char *name, struct syncline_value *ret_value)
{
	struct syncline_slice text;

	if (name != NULL && cell_text(cell_named(l, line, name), &text) == 0)
		*ret_value = syncline_text(text.data, text.length);
}

uint32_t
lines_record(struct lines *l, uint32_t at, struct syncline_record *ret_record, struct syncline_error *err)
{
	const struct line *line = &l->line[at];
	struct syncline_record record = syncline_record(SYNCLINE_OP_SEEN);
	int failed = native_id(l, line, &record.native_id);

	record.place = line->number;
	if (failed == 0 && line->fault != NULL) {
		failed = reject(l, line, &record, line->fault_field != UINT32_MAX ? l->table->names[line->fault_field] : NULL,
		                line->fault_field != UINT32_MAX ? "stands there twice" : line->fault);
	} else if (failed == 0 && l->shape.key_count > 0 && record.native_id.type == SYNCLINE_TYPE_ABSENT) {
		failed = reject(l, line, &record, "", "A member of the key is missing, null or nested");
	} else if (failed == 0) {
		if (reserve_numbers(l, line) != 0)
			return syncline_fail_memory(err);
		memset(l->values, 0, l->table->count * sizeof *l->values);
		record.values = l->values;
		record.value_count = l->table->count;
		for (uint32_t i = 0; i < line->count; i++) {
			const struct cell *cell = &l->cells[line->first + i];
			uint8_t type = cell->field < l->table->kept ? l->shape.types[cell->field] : 0;
			const char *fault = cell_value(l, cell, type, &l->values[cell->field]);

			if (fault != NULL) {
				failed = reject(l, line, &record, l->table->names[cell->field], fault);
				break;
			}
		}
	}
	if (failed != 0)
		return syncline_fail_memory(err);
	if (record.op == SYNCLINE_OP_SEEN) {
		head_value(l, line, l->shape.tenant, &record.tenant);
		head_value(l, line, l->shape.version, &record.version);
	}
	*ret_record = record;
	return SYNCLINE_OK;
}

uint32_t
lines_add(struct lines *l, struct syncline_batch *batch, struct syncline_record *record, struct syncline_error *err)
{
	struct syncline_error said = { .struct_size = sizeof said };
	uint32_t result = l->c->batch->add(batch, record, &said);

	if (result == SYNCLINE_INVALID && record->op == SYNCLINE_OP_SEEN) {
		struct line line = { .number = record->place };

		if (reject(l, &line, record, "", said.message) != 0)
			return syncline_fail_memory(err);
		result = l->c->batch->add(batch, record, &said);
	}
	return result == SYNCLINE_OK ? SYNCLINE_OK : syncline_fail(err, result, "%s", said.message);
}
