/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.c: values and native ids, from result columns and to parameters.  The storage class of each value decides; the
 * column's declared type only says what a text or a number stands for.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

#define DECIMAL_MAX 1000u
#define EXACT_DIGITS 15 /* what a REAL keeps of any decimal number */

const char no_memory[] = "could not be read for want of memory";

int
scratch_init(struct scratch *scratch, uint32_t values)
{
	scratch->capacity = (size_t)values * REAL_TEXT_MAX + 1;
	scratch->used = 0;
	scratch->data = malloc(scratch->capacity);
	return scratch->data != NULL ? 0 : -1;
}

/* "-1.5e-07" -> "-0.00000015". */
static size_t
without_exponent(const char *text, char *out)
{
	const char *e = strchr(text, 'e'), *p = text;
	char digits[32] = "", *start = out;
	int count = 0, point = -1, exponent = atoi(e + 1);

	if (*p == '-')
		*out++ = *p++;
	for (; p < e; p++) {
		if (*p == '.')
			point = count;
		else
			digits[count++] = *p;
	}
	point = (point < 0 ? count : point) + exponent;
	if (point <= 0) {
		*out++ = '0';
		*out++ = '.';
		for (int i = point; i < 0; i++)
			*out++ = '0';
	}
	for (int i = 0; i < count || i < point; i++) {
		if (i == point && i > 0)
			*out++ = '.';
		*out++ = i < count ? digits[i] : '0';
	}
	return (size_t)(out - start);
}

size_t
real_text(double number, char *buffer)
{
	char text[32];
	size_t length;

	if (!isfinite(number))
		return 0;
	for (int digits = EXACT_DIGITS; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	if (strchr(text, 'e') != NULL)
		return without_exponent(text, buffer);
	length = strlen(text);
	memcpy(buffer, text, length);
	return length;
}

static size_t
integer_text(int64_t number, char *buffer)
{
	return (size_t)snprintf(buffer, 24, "%lld", (long long)number);
}

static const char *
read_text(sqlite3_stmt *s, int at, enum kind kind, int is_json, struct syncline_value *v)
{
	const char *text = (const char *)sqlite3_column_text(s, at);
	size_t length = (size_t)sqlite3_column_bytes(s, at);
	int64_t number;

	if (text == NULL)
		return no_memory;
	if (!syncline_is_utf8(text, length))
		return memchr(text, 0, length) != NULL ? "holds a NUL character" : "is not valid UTF-8";
	if (kind == KIND_DATE && syncline_text_to_date(NULL, text, length, &number) == 0)
		*v = syncline_date(number);
	else if (kind == KIND_TIMESTAMP && syncline_text_to_timestamp(NULL, text, length, &number, NULL) == 0)
		*v = syncline_timestamp(number);
	else if ((kind == KIND_DECIMAL || kind == KIND_REAL) && length <= DECIMAL_MAX && syncline_is_decimal(text, length))
		*v = syncline_decimal(text, length);
	else if (kind == KIND_JSON && is_json)
		*v = syncline_json(text, length);
	else
		*v = syncline_text(text, length);
	return NULL;
}

/* The bytes of a column: NULL when there are none.  Only the connection knows whether that is for want of memory. */
static int
blob_of(sqlite3_stmt *s, int at, const void **ret_data, size_t *ret_length)
{
	const void *data = sqlite3_column_blob(s, at);

	if (data == NULL && (sqlite3_errcode(sqlite3_db_handle(s)) & 0xff) == SQLITE_NOMEM)
		return -1;
	*ret_data = data;
	*ret_length = data != NULL ? (size_t)sqlite3_column_bytes(s, at) : 0;
	return 0;
}

const char *
value_read(sqlite3_stmt *s, int at, enum kind kind, int is_json, struct scratch *scratch, struct syncline_value *v)
{
	char *room = scratch->data + scratch->used;
	const void *bytes;
	int64_t integer;
	size_t length;

	switch (sqlite3_column_type(s, at)) {
	case SQLITE_NULL:
		*v = syncline_null();
		return NULL;
	case SQLITE_INTEGER:
		integer = sqlite3_column_int64(s, at);
		if (kind == KIND_BOOLEAN && (integer == 0 || integer == 1)) {
			*v = syncline_boolean(integer == 1);
		} else if (kind == KIND_DECIMAL || kind == KIND_REAL) {
			length = integer_text(integer, room);
			scratch->used += length;
			*v = syncline_decimal(room, length);
		} else {
			*v = syncline_integer(integer);
		}
		return NULL;
	case SQLITE_FLOAT:
		length = real_text(sqlite3_column_double(s, at), room);
		if (length == 0)
			return "is an infinite number";
		scratch->used += length;
		*v = syncline_decimal(room, length);
		return NULL;
	case SQLITE_TEXT:
		return read_text(s, at, kind, is_json, v);
	default:
		if (blob_of(s, at, &bytes, &length) != 0)
			return no_memory;
		*v = syncline_bytes(bytes, length);
		return NULL;
	}
}

/* json() fails for want of memory, and for what no reader takes; json_valid() beside it knows the grammar. */
static const char *
look_twice(struct instance *c, const char *text, size_t length, int *ret_is_json)
{
	int rc = SQLITE_OK, is_json = 0;

	if (c->json == NULL)
		rc = sqlite3_prepare_v3(c->db, "SELECT json_valid(?1), json(?1) IS NULL", -1, SQLITE_PREPARE_PERSISTENT, &c->json, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(c->json, 1, text, (int)length, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(c->json);
	if (rc == SQLITE_ROW)
		is_json = sqlite3_column_int(c->json, 0);
	sqlite3_reset(c->json); /* what stays bound is bound anew before it is looked at again */
	if (rc != SQLITE_ROW && (rc & 0xff) != SQLITE_ERROR)
		return no_memory;
	*ret_is_json = is_json;
	return NULL;
}

const char *
json_read(struct instance *c, sqlite3_stmt *s, int at, int *ret_is_json)
{
	const char *text;

	*ret_is_json = sqlite3_column_int(s, at + 1);
	if (*ret_is_json || sqlite3_column_type(s, at) != SQLITE_TEXT)
		return NULL;
	text = (const char *)sqlite3_column_text(s, at);
	return text == NULL ? no_memory : look_twice(c, text, (size_t)sqlite3_column_bytes(s, at), ret_is_json);
}

/*
 * A number in a numeric column becomes an integer of 64 bits or a REAL.  A REAL keeps 15 digits of any number; with more, what
 * is read back may be another one, and the database says nothing.
 */
static int
loses_digits(const char *text, size_t length)
{
	int64_t integer;
	size_t digits = 0, zeros = 0;

	if (!syncline_is_decimal(text, length) || syncline_to_integer(text, length, &integer) == 0)
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || (digits == 0 && text[i] == '0'))
			continue;
		digits++;
		zeros = text[i] == '0' ? zeros + 1 : 0;
	}
	return digits - (digits > 0 ? zeros : 0) > EXACT_DIGITS;
}

static const char *
bound(int rc)
{
	return rc == SQLITE_OK ? NULL : rc == SQLITE_TOOBIG ? "is too large for SQLite" : no_memory;
}

static const char *
bind_text(sqlite3_stmt *s, int parameter, const struct column *column, const struct syncline_value *v)
{
	enum affinity affinity = column != NULL ? column->affinity : AFFINITY_INTEGER;

	if (affinity != AFFINITY_TEXT && affinity != AFFINITY_BLOB && loses_digits(v->u.data, v->length))
		return "has more than 15 digits, which this column would round without a word; declare the column as TEXT";
	return bound(sqlite3_bind_text(s, parameter, v->length > 0 ? v->u.data : "", (int)v->length, SQLITE_STATIC));
}

/* "2026-02-28T12:30:00.5Z" -> "2026-02-28 12:30:00.5", as SQLite's own functions write times. */
static const char *
bind_time(sqlite3_stmt *s, int parameter, int64_t us, int iso)
{
	char text[64];
	size_t length;

	if (syncline_timestamp_to_text(NULL, us, text, sizeof text, &length) != 0)
		return "is a time outside the years 1 to 9999";
	if (!iso && length > 11) {
		text[10] = ' ';
		if (text[length - 1] == 'Z')
			length--;
	}
	return bound(sqlite3_bind_text(s, parameter, text, (int)length, SQLITE_TRANSIENT));
}

const char *
value_bind(sqlite3_stmt *s, int parameter, const struct column *column, const struct syncline_value *v, int iso)
{
	char text[64];
	size_t length;

	switch (v->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return bound(sqlite3_bind_null(s, parameter));
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
		if (column != NULL && column->affinity == AFFINITY_REAL && (v->u.integer > INT64_C(1) << 53 || v->u.integer < -(INT64_C(1) << 53)))
			return "has more digits than this REAL column keeps";
		return bound(sqlite3_bind_int64(s, parameter, v->u.integer));
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_JSON:
		return bind_text(s, parameter, column, v);
	case SYNCLINE_TYPE_BYTES:
		return bound(v->length == 0 ? sqlite3_bind_zeroblob(s, parameter, 0)
		                            : sqlite3_bind_blob(s, parameter, v->u.data, (int)v->length, SQLITE_STATIC));
	case SYNCLINE_TYPE_TIMESTAMP:
		return bind_time(s, parameter, v->u.integer, iso);
	case SYNCLINE_TYPE_DATE:
		if (syncline_date_to_text(NULL, v->u.integer, text, sizeof text, &length) != 0)
			return "is a date outside the years 1 to 9999";
		return bound(sqlite3_bind_text(s, parameter, text, (int)length, SQLITE_TRANSIENT));
	default:
		return "is a document, which this connector does not store";
	}
}

const char *
key_read(const struct instance *c, sqlite3_stmt *s, int first, uint32_t count, struct syncline_buffer *buffer)
{
	struct syncline_slice parts[KEY_PARTS_MAX];
	char numbers[KEY_PARTS_MAX][REAL_TEXT_MAX];
	size_t needed = 0, length;

	for (uint32_t i = 0; i < count; i++) {
		int at = first + (int)i;

		switch (sqlite3_column_type(s, at)) {
		case SQLITE_INTEGER:
			parts[i] = syncline_slice(numbers[i], integer_text(sqlite3_column_int64(s, at), numbers[i]));
			break;
		case SQLITE_FLOAT:
			parts[i] = syncline_slice(numbers[i], real_text(sqlite3_column_double(s, at), numbers[i]));
			break;
		case SQLITE_TEXT:
			parts[i].data = sqlite3_column_text(s, at);
			parts[i].length = (size_t)sqlite3_column_bytes(s, at);
			if (parts[i].data == NULL)
				return no_memory;
			if (!syncline_is_utf8(parts[i].data, parts[i].length))
				return "its key is not valid UTF-8 text without NUL";
			break;
		case SQLITE_NULL:
			return "its key is NULL";
		default:
			return "its key holds bytes; read it through a view with hex() of that column";
		}
		needed += 2 * parts[i].length + 1;
	}
	if (buffer->max != 0 && (needed > buffer->max || buffer->length > buffer->max - needed))
		return "its key is too long";
	/* There is room for the longest form of it: what fails then is memory. */
	if (syncline_buffer_reserve(buffer, needed) != 0 ||
	    c->batch->join_key(parts, count, buffer->data + buffer->length, buffer->capacity - buffer->length, &length) != SYNCLINE_OK)
		return no_memory;
	buffer->length += length;
	return NULL;
}

uint32_t
key_bind(const struct instance *c, sqlite3_stmt *s, int first, const struct table *t, const void *native_id, size_t length,
         struct syncline_buffer *buffer, struct syncline_error *err)
{
	struct syncline_slice id = { native_id, length }, parts[KEY_PARTS_MAX];

	if (t->key_count == 1)
		return sqlite3_bind_text(s, first, length > 0 ? native_id : "", (int)length, SQLITE_STATIC) == SQLITE_OK ? SYNCLINE_OK
		                                                                                                        : syncline_fail_memory(err);
	syncline_buffer_clear(buffer);
	if (length >= buffer->max)
		return SYNCLINE_NOT_FOUND;
	if (syncline_buffer_reserve(buffer, length + 1) != 0)
		return syncline_fail_memory(err);
	if (c->batch->split_key(&id, t->key_count, buffer->data, buffer->capacity, parts) != SYNCLINE_OK)
		return SYNCLINE_NOT_FOUND;
	for (uint32_t i = 0; i < t->key_count; i++)
		if (sqlite3_bind_text(s, first + (int)i, parts[i].length > 0 ? parts[i].data : "", (int)parts[i].length, SQLITE_TRANSIENT) != SQLITE_OK)
			return syncline_fail_memory(err);
	return SYNCLINE_OK;
}

int
cell_read(sqlite3_stmt *s, int at, struct cell *cell)
{
	struct cell made = { .type = sqlite3_column_type(s, at) };
	const void *data = NULL;

	if (made.type == SQLITE_INTEGER) {
		made.integer = sqlite3_column_int64(s, at);
	} else if (made.type == SQLITE_FLOAT) {
		made.real = sqlite3_column_double(s, at);
	} else if (made.type != SQLITE_NULL) {
		if (made.type == SQLITE_BLOB) {
			if (blob_of(s, at, &data, &made.length) != 0)
				return -1;
		} else {
			data = sqlite3_column_text(s, at);
			if (data == NULL)
				return -1;
			made.length = (size_t)sqlite3_column_bytes(s, at);
		}
		if ((made.data = malloc(made.length + 1)) == NULL)
			return -1;
		if (made.length > 0)
			memcpy(made.data, data, made.length);
	}
	cell_free(cell);
	*cell = made;
	return 0;
}

int
cell_copy(struct cell *to, const struct cell *from)
{
	struct cell made = *from;

	if (from->data != NULL) {
		if ((made.data = malloc(from->length + 1)) == NULL)
			return -1;
		memcpy(made.data, from->data, from->length);
	}
	cell_free(to);
	*to = made;
	return 0;
}

int
cell_bind(sqlite3_stmt *s, int parameter, const struct cell *cell)
{
	switch (cell->type) {
	case SQLITE_INTEGER:
		return sqlite3_bind_int64(s, parameter, cell->integer);
	case SQLITE_FLOAT:
		return sqlite3_bind_double(s, parameter, cell->real);
	case SQLITE_TEXT:
		return sqlite3_bind_text(s, parameter, cell->data, (int)cell->length, SQLITE_TRANSIENT);
	case SQLITE_BLOB:
		return cell->length > 0 ? sqlite3_bind_blob(s, parameter, cell->data, (int)cell->length, SQLITE_TRANSIENT)
		                        : sqlite3_bind_zeroblob(s, parameter, 0);
	default:
		return sqlite3_bind_null(s, parameter);
	}
}

void
cell_free(struct cell *cell)
{
	free(cell->data);
	memset(cell, 0, sizeof *cell);
}
