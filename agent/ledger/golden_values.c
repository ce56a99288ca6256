/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golden_values.c: a record as a row and back, byte for byte.  What a column holds from a former type of its field and the
 * present type can't read is null.
 */
#include "ledger/golden.h"

#include <string.h>

#include "base/text.h"

static int
bind_value(sqlite3_stmt *statement, int at, const struct syncline_value *value, char *scratch)
{
	size_t length;

	switch (value->type) {
	case SYNCLINE_TYPE_NULL:
		return sqlite3_bind_null(statement, at);
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
		return sqlite3_bind_int64(statement, at, value->u.integer);
	case SYNCLINE_TYPE_DATE:
		length = text_from_date(value->u.integer, scratch);
		return sqlite3_bind_text(statement, at, scratch, (int)length, SQLITE_STATIC);
	case SYNCLINE_TYPE_TIMESTAMP:
		length = text_from_timestamp(value->u.integer, scratch);
		return sqlite3_bind_text(statement, at, scratch, (int)length, SQLITE_STATIC);
	default:
		return sqlite3_bind_text(statement, at, value->length > 0 ? value->u.data : "", (int)value->length, SQLITE_STATIC);
	}
}

/* [[field, object, microseconds, clock], ...] */
static int
write_stamps(const struct ledger_record *record, struct buffer *text)
{
	buffer_clear(text);
	for (uint32_t i = 0; i < record->stamp_count; i++) {
		const struct ledger_stamp *stamp = &record->stamps[i];

		buffer_format(text, "%s[%u,%u,%lld,%u]", i > 0 ? "," : "[", stamp->field, stamp->object, (long long)stamp->at_us, stamp->clock);
	}
	return buffer_char(text, ']');
}

int
golden_bind(struct golden *golden, sqlite3_stmt *statement, const struct ledger_record *record, struct buffer *stamps, struct error *err)
{
	const struct config_entity *entity = golden->entity;
	int failed = 0;

	sqlite3_bind_int64(statement, 1, record->id);
	sqlite3_bind_int64(statement, 2, record->unit);
	sqlite3_bind_int64(statement, 3, record->state);
	sqlite3_bind_int64(statement, 4, (int64_t)record->generation);
	sqlite3_bind_int64(statement, 5, record->version);
	sqlite3_bind_int64(statement, 6, record->updated_us);
	if (record->stamp_count == 0)
		sqlite3_bind_null(statement, 7);
	else if (write_stamps(record, stamps) != 0 || stamps->failed)
		return error_memory(err);
	else
		failed |= sqlite3_bind_text(statement, 7, stamps->data, (int)stamps->length, SQLITE_STATIC);
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const struct syncline_value *value = &record->values[i];

		if (value->type != SYNCLINE_TYPE_NULL && value->type != golden->types[i])
			return error_set(err, ERROR_INTERNAL, NULL, "A value of type %u was to be stored in the field \"%s\" of \"%s\", which takes %u.",
			                 value->type, entity->fields[i].head.name, entity->head.name, golden->types[i]);
		failed |= bind_value(statement, (int)(GOLDEN_OWN + 1 + i), value, golden->scratch[i]);
	}
	return failed ? error_memory(err) : 0;
}

static int64_t
number_in(const char **at)
{
	bool minus = **at == '-';
	uint64_t value = 0;

	if (minus)
		(*at)++;
	for (; **at >= '0' && **at <= '9'; (*at)++)
		value = value * 10 + (uint64_t)(**at - '0');
	return minus ? (int64_t)(0 - value) : (int64_t)value;
}

/* As write_stamps() made it; anything else in the column ends the list. */
static int
read_stamps(const char *text, struct arena *arena, struct ledger_record *record)
{
	uint32_t count = 0;

	for (const char *p = text; *p != '\0'; p++)
		count += *p == '[';
	if (count < 2)
		return 0;
	if ((record->stamps = arena_array(arena, count, sizeof *record->stamps)) == NULL)
		return -1;
	for (const char *p = text + 1; *p == '[' && record->stamp_count < count; ) {
		struct ledger_stamp *stamp = &record->stamps[record->stamp_count];
		int64_t numbers[4] = { 0 };

		for (int i = 0; i < 4; i++) {
			p++;
			numbers[i] = number_in(&p);
			if (*p != (i < 3 ? ',' : ']'))
				return 0;
		}
		stamp->field = (uint32_t)numbers[0];
		stamp->object = (uint32_t)numbers[1];
		stamp->at_us = numbers[2];
		stamp->clock = (uint8_t)numbers[3];
		record->stamp_count++;
		p++;
		if (*p == ',')
			p++;
	}
	return 0;
}

static int
read_value(sqlite3_stmt *statement, int at, uint8_t type, struct arena *arena, struct syncline_value *ret_value)
{
	int kind = sqlite3_column_type(statement, at);
	const char *text;
	size_t length;

	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
	if (kind == SQLITE_NULL)
		return 0;
	if (kind == SQLITE_INTEGER && (type == SYNCLINE_TYPE_INTEGER || type == SYNCLINE_TYPE_BOOLEAN)) {
		ret_value->u.integer = sqlite3_column_int64(statement, at);
		ret_value->type = type == SYNCLINE_TYPE_BOOLEAN && (uint64_t)ret_value->u.integer > 1 ? SYNCLINE_TYPE_NULL : type;
		return 0;
	}
	if ((text = (const char *)sqlite3_column_text(statement, at)) == NULL)
		return -1;
	length = (size_t)sqlite3_column_bytes(statement, at);
	switch (type) {
	case SYNCLINE_TYPE_INTEGER:
	case SYNCLINE_TYPE_BOOLEAN:
		if (text_to_integer(text, length, &ret_value->u.integer) &&
		    (type == SYNCLINE_TYPE_INTEGER || (uint64_t)ret_value->u.integer <= 1))
			ret_value->type = type;
		return 0;
	case SYNCLINE_TYPE_DATE:
		if (text_to_date(text, length, &ret_value->u.integer))
			ret_value->type = type;
		return 0;
	case SYNCLINE_TYPE_TIMESTAMP:
		if (text_to_timestamp(text, length, &ret_value->u.integer))
			ret_value->type = type;
		return 0;
	case SYNCLINE_TYPE_DECIMAL:
		if (!text_is_decimal(text, length))
			return 0;
		break;
	default:
		break;
	}
	if ((ret_value->u.data = arena_copy(arena, text, length)) == NULL)
		return -1;
	ret_value->type = type;
	ret_value->length = (uint32_t)length;
	return 0;
}

int
golden_read(struct golden *golden, sqlite3_stmt *statement, struct arena *arena, struct ledger_record *ret_record, struct error *err)
{
	uint32_t count = golden->entity->field_count;
	struct ledger_record record = { .id = sqlite3_column_int64(statement, 0) };
	const char *stamps;

	record.unit = (uint32_t)sqlite3_column_int64(statement, 1);
	record.state = (uint8_t)sqlite3_column_int(statement, 2);
	record.generation = (uint64_t)sqlite3_column_int64(statement, 3);
	record.version = (uint32_t)sqlite3_column_int64(statement, 4);
	record.updated_us = sqlite3_column_int64(statement, 5);
	if ((record.values = arena_alloc(arena, (count + 1) * sizeof *record.values)) == NULL)
		return error_memory(err);
	if (sqlite3_column_type(statement, 6) != SQLITE_NULL &&
	    ((stamps = (const char *)sqlite3_column_text(statement, 6)) == NULL || read_stamps(stamps, arena, &record) != 0))
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		if (read_value(statement, (int)(GOLDEN_OWN + i), golden->types[i], arena, &record.values[i]) != 0)
			return error_memory(err);
	*ret_record = record;
	return 0;
}
