/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_seal.c: the values of sensitive fields (types email, phone, iban, or `sensitive = true`) leave the JSON of a history
 * row and are sealed together with the record's key.  The names stay: that the phone number changed is worth knowing even when
 * nobody may know it any more.
 */
#include "ledger/history.h"

#include <stdlib.h>
#include <string.h>

static bool
is_sensitive(const struct config_field *field)
{
	if (field->sensitive || field->type == CONFIG_FIELD_EMAIL || field->type == CONFIG_FIELD_PHONE || field->type == CONFIG_FIELD_IBAN)
		return true;
	for (uint32_t i = 0; i < field->field_count; i++)
		if (is_sensitive(&field->fields[i]))
			return true;
	return false;
}

/* Only what is known to be harmless is left open: a field that is no longer configured may have been anything. */
static bool
is_open(const struct config_entity *entity, const char *name, size_t length)
{
	for (uint32_t i = 0; entity != NULL && i < entity->field_count; i++)
		if (strlen(entity->fields[i].head.name) == length && memcmp(entity->fields[i].head.name, name, length) == 0)
			return !is_sensitive(&entity->fields[i]);
	return false;
}

/* JSON that this program made: one object, its members one after the other.  A scanner of spans, so that digits stay as they are. */

static const char *
skip_blank(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

static const char *
skip_string(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '"' ? p + 1 : NULL;
}

static const char *
skip_value(const char *p)
{
	unsigned depth = 0;

	for (;;) {
		if (*p == '\0')
			return depth == 0 ? p : NULL;
		if (*p == '"') {
			if ((p = skip_string(p)) == NULL)
				return NULL;
			continue;
		}
		if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
			return p;
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	}
}

struct member {
	const char *name, *value;
	size_t name_length, value_length;
};

/* The next member after `*at` (which stands behind '{' or a member); 1, 0 at the end, -1 when this is no object. */
static int
next_member(const char **at, struct member *ret_member)
{
	const char *p = skip_blank(*at), *end;

	if (*p == ',')
		p = skip_blank(p + 1);
	if (*p == '}')
		return 0;
	if (*p != '"' || (end = skip_string(p)) == NULL)
		return -1;
	ret_member->name = p + 1;
	ret_member->name_length = (size_t)(end - 1 - ret_member->name);
	p = skip_blank(end);
	if (*p != ':')
		return -1;
	p = skip_blank(p + 1);
	if ((end = skip_value(p)) == NULL)
		return -1;
	ret_member->value = p;
	ret_member->value_length = (size_t)(end - p);
	*at = end;
	return 1;
}

/* Copies the object `json` into `open` without its sensitive values, and those into `sealed`, a JSON array without its brackets. */
static int
divide(const struct config_entity *entity, const char *json, struct buffer *open, struct buffer *sealed, unsigned *number)
{
	const char *at = skip_blank(json);
	struct member member;
	int more;

	if (*at++ != '{')
		return -1;
	buffer_char(open, '{');
	while ((more = next_member(&at, &member)) == 1) {
		buffer_format(open, "%s\"%.*s\":", open->length > 1 ? "," : "", (int)member.name_length, member.name);
		if (is_open(entity, member.name, member.name_length)) {
			buffer_append(open, member.value, member.value_length);
			continue;
		}
		buffer_format(open, "{\"sealed\":%u}", (*number)++);
		if (sealed->length > 0)
			buffer_char(sealed, ',');
		buffer_append(sealed, member.value, member.value_length);
	}
	buffer_char(open, '}');
	return more;
}

void
history_seal_free(struct history_seal *seal)
{
	buffer_free(&seal->before);
	buffer_free(&seal->after);
	buffer_free(&seal->sealed);
}

int
history_seal(struct ledger *ledger, const struct ledger_history *row, struct history_seal *seal, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;
	const struct config_entity *entity = ledger_entity(ledger, row->entity);
	struct buffer plain;
	unsigned number = 0;
	int result = 0;

	seal->any = false;
	if (keys == NULL || (row->before == NULL && row->after == NULL))
		return 0;
	buffer_clear(&seal->before);
	buffer_clear(&seal->after);
	buffer_clear(&seal->sealed);
	buffer_init(&plain, 0);
	if ((row->before != NULL && divide(entity, row->before, &seal->before, &plain, &number) != 0) ||
	    (row->after != NULL && divide(entity, row->after, &seal->after, &plain, &number) != 0))
		result = error_set(err, ERROR_INTERNAL, NULL, "The values of a history row of record %lld are no JSON object.", (long long)row->record);
	else if (plain.failed || seal->before.failed || seal->after.failed)
		result = error_memory(err);
	else if (number > 0)
		result = keys->seal(keys->data, row->record, (struct syncline_slice){ plain.data, (uint32_t)plain.length }, &seal->sealed, err);
	seal->any = result == 0 && number > 0;
	buffer_free(&plain);
	return result;
}

/* The values that `plain` holds, one after the other, take the places that were left for them. */
static int
join(const char *json, const char *const *values, const size_t *lengths, unsigned count, const char *instead, struct buffer *joined)
{
	static const char mark[] = "{\"sealed\":";
	const char *at = skip_blank(json);
	struct member member;
	int more;

	if (*at++ != '{')
		return -1;
	buffer_char(joined, '{');
	while ((more = next_member(&at, &member)) == 1) {
		unsigned long number = count;

		buffer_format(joined, "%s\"%.*s\":", joined->length > 1 ? "," : "", (int)member.name_length, member.name);
		if (member.value_length <= sizeof mark || strncmp(member.value, mark, sizeof mark - 1) != 0) {
			buffer_append(joined, member.value, member.value_length);
			continue;
		}
		if (instead == NULL)
			number = strtoul(member.value + sizeof mark - 1, NULL, 10);
		if (number < count)
			buffer_append(joined, values[number], lengths[number]);
		else
			buffer_text(joined, instead != NULL ? instead : "null");
	}
	buffer_char(joined, '}');
	return more;
}

static unsigned
list_values(const char *plain, struct arena *arena, const char ***ret_values, size_t **ret_lengths)
{
	unsigned room = 1, count = 0;

	for (const char *p = plain; *p != '\0'; p++)
		room += *p == ',';
	*ret_values = arena_array(arena, room, sizeof **ret_values);
	*ret_lengths = arena_array(arena, room, sizeof **ret_lengths);
	if (*ret_values == NULL || *ret_lengths == NULL)
		return 0;
	for (const char *p = plain, *end; count < room && (end = skip_value(p)) != NULL; p = end + 1) {
		(*ret_values)[count] = p;
		(*ret_lengths)[count++] = (size_t)(end - p);
		if (*end != ',')
			break;
	}
	return count;
}

static int
replace(const char **json, const char *const *values, const size_t *lengths, unsigned count, const char *instead, struct arena *arena,
        struct error *err)
{
	struct buffer joined;
	const char *copy = NULL;

	if (*json == NULL)
		return 0;
	buffer_init(&joined, 0);
	/* What is no object was not made by history_seal() and is shown as it is. */
	if (join(*json, values, lengths, count, instead, &joined) == 0 && !joined.failed)
		copy = arena_copy(arena, joined.data, joined.length);
	else if (!joined.failed)
		copy = *json;
	buffer_free(&joined);
	if (copy == NULL)
		return error_memory(err);
	*json = copy;
	return 0;
}

int
history_unseal(struct ledger *ledger, int64_t record, struct syncline_slice sealed, struct arena *arena, const char **before,
               const char **after, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;
	const char **values = NULL, *text, *instead = keys == NULL ? "{\"sealed\":true}" : NULL;
	struct error why = { 0 };
	struct buffer plain;
	size_t *lengths = NULL;
	unsigned count = 0;
	int result = 0;

	buffer_init(&plain, 0);
	if (keys != NULL && keys->open(keys->data, record, sealed, &plain, &why) != 0) {
		if (why.code != ERROR_LEDGER_ERASED) {
			buffer_free(&plain);
			if (err != NULL)
				*err = why;
			return -1;
		}
		instead = "{\"erased\":true}";
	}
	if (instead == NULL) {
		if ((text = buffer_string(&plain)) == NULL || (count = list_values(text, arena, &values, &lengths)) == 0)
			result = error_memory(err);
	}
	if (result == 0)
		result = replace(before, values, lengths, count, instead, arena, err);
	if (result == 0)
		result = replace(after, values, lengths, count, instead, arena, err);
	buffer_free(&plain);
	return result;
}
