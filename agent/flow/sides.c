/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sides.c: what both sides of a question show, and what they agreed on before.  Of the latter a link keeps hashes alone; the value is
 * looked for among those that the record has or had.
 */
#include <json.h>
#include <sodium.h>
#include <string.h>

#include "base/text.h"
#include "flow/values.h"
#include "flow/vector.h"
#include "flow/work.h"

struct former {
	struct work *work;
	const struct config_field *field;
	uint64_t word;
	struct syncline_value *value;
	bool found;
};

static bool
is_former(struct former *former, const struct syncline_value *value)
{
	uint64_t word;

	if (former->found || vector_word_of(ledger_hash_key(former->work->ledger), former->field, value, &former->work->scratch, &word) != 0 ||
	    word != former->word)
		return false;
	*former->value = *value;
	former->found = true;
	return true;
}

/* A value as values_json() wrote it, of a field of this type; its bytes are those of `text`.  false: it is none. */
static bool
read_text(const struct config_field *field, const char *text, struct syncline_value *ret_value)
{
	struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(text), .u.data = text };

	if (field->type == CONFIG_FIELD_DECIMAL)
		value.type = SYNCLINE_TYPE_DECIMAL;
	if (field->type == CONFIG_FIELD_DATE || field->type == CONFIG_FIELD_TIMESTAMP) {
		int64_t number;
		bool date = field->type == CONFIG_FIELD_DATE;

		if (!(date ? text_to_date(text, strlen(text), &number) : text_to_timestamp(text, strlen(text), &number)))
			return false;
		value = (struct syncline_value){ .type = date ? SYNCLINE_TYPE_DATE : SYNCLINE_TYPE_TIMESTAMP, .u.integer = number };
	}
	*ret_value = value;
	return true;
}

bool
work_value_of(struct arena *arena, const struct config_field *field, struct json_object *json, struct syncline_value *ret_value)
{
	const char *text;

	switch (json_object_get_type(json)) {
	case json_type_null:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
		return true;
	case json_type_boolean:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_BOOLEAN, .u.integer = json_object_get_boolean(json) };
		return true;
	case json_type_int:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_INTEGER, .u.integer = json_object_get_int64(json) };
		return true;
	case json_type_string:
		return (text = arena_text(arena, json_object_get_string(json))) != NULL && read_text(field, text, ret_value);
	default:
		text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		if (text == NULL || (text = arena_text(arena, text)) == NULL)
			return false;
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_JSON, .length = (uint32_t)strlen(text), .u.data = text };
		return true;
	}
}

/* The field of an event. */
static void
look_at(struct former *former, const char *event)
{
	struct json_object *all = !former->found && event != NULL ? json_tokener_parse(event) : NULL, *member;
	struct syncline_value value;

	if (all != NULL && json_object_is_type(all, json_type_object) && json_object_object_get_ex(all, former->field->head.name, &member) &&
	    work_value_of(&former->work->arena, former->field, member, &value))
		is_former(former, &value);
	json_object_put(all);
}

static int
look_back(void *data, const struct ledger_history *row)
{
	if (row->event != LEDGER_EVENT_CREATED && row->event != LEDGER_EVENT_CHANGED)
		return 0;
	look_at(data, row->before);
	look_at(data, row->after);
	return 0;
}

int
work_agreed(struct work *work, const struct work_record *record, const struct work_link *link, uint32_t field, struct syncline_value *ret_value,
            bool *ret_found, struct error *err)
{
	static const struct syncline_value empty = { .type = SYNCLINE_TYPE_NULL };
	struct former former = { .work = work, .field = work_field(work, field), .word = link->seen[work_word(work, field)], .value = ret_value };

	*ret_found = false;
	if (former.word == VECTOR_UNKNOWN)
		return 0;
	if (!is_former(&former, &empty) && !is_former(&former, &record->at.values[field]) && (record->before == NULL || !is_former(&former, &record->before[field])) &&
	    !record->fresh && ledger_history_of(work->ledger, record->at.id, look_back, &former, err) != 0)
		return -1;
	*ret_found = former.found;
	return 0;
}

static void
put_member(struct buffer *out, const char *name, const struct syncline_value *value)
{
	buffer_format(out, "%s\"%s\":", out->data[out->length - 1] == '{' ? "" : ",", name);
	values_json(out, value);
}

int
work_sides(struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link, const uint32_t *fields,
           uint32_t count, const char **ret_text, struct error *err)
{
	struct buffer *out = &work->text;

	buffer_clear(out);
	for (uint32_t i = 0; i < count; i++) {
		const char *name = work_field(work, fields[i])->head.name;
		struct syncline_value base;
		bool found = false;

		if (link != NULL && work_agreed(work, record, link, fields[i], &base, &found, err) != 0)
			return -1;
		buffer_char(out, i == 0 ? '{' : ',');
		text_json_string(out, name, strlen(name));
		buffer_text(out, ":{");
		if (out->failed)
			return error_memory(err);
		if (found)
			put_member(out, "base", &base);
		put_member(out, "golden", &record->at.values[fields[i]]);
		put_member(out, "incoming", &row->values[fields[i]]);
		buffer_char(out, '}');
	}
	buffer_char(out, '}');
	if (out->failed || (*ret_text = arena_copy(&work->arena, out->data, out->length)) == NULL)
		return error_memory(err);
	return 0;
}

void
work_about(const struct work *work, const struct row *row, const struct work_record *record, const uint32_t *fields, uint32_t count, uint8_t ret_about[16])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, ledger_hash_key(work->ledger), 16, 16);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t words[3] = { work_word(work, fields[i]), record->words[work_word(work, fields[i])], row->words[work_word(work, fields[i])] };

		crypto_generichash_update(&state, (const unsigned char *)words, sizeof words);
	}
	crypto_generichash_final(&state, ret_about, 16);
}
