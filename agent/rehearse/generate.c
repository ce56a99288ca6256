/* SPDX-License-Identifier: BSD-2-Clause */
/* generate.c: see generate.h. */
#include "rehearse/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define KEY_LEAST 12   /* characters of a key: "lt", the tag's half, the number */
#define TEXT_MOST 200u /* of a text without max_length */
#define FIRST_DAY 18262 /* 2020-01-01 */
#define DAYS 1461
#define DAY_US (INT64_C(86400) * 1000000)
#define NUMBERS 9999   /* a field without `max` goes so far beyond its `min` */

/* A number that looks like any, the same for the same record, field and revision (splitmix64). */
static uint64_t
chance(const struct generate *g, const char *field)
{
	uint64_t x = g->number * UINT64_C(0x9E3779B97F4A7C15) + g->revision;

	for (; *field != '\0'; field++)
		x = (x ^ (unsigned char)*field) * UINT64_C(0x100000001B3);
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

bool
generate_is_key(const struct config_entity *entity, const struct config_field *field)
{
	if (field->unique)
		return true;
	for (uint32_t m = 0; m < entity->match_count; m++)
		for (uint32_t i = 0; i < entity->matches[m].exact.count; i++)
			if (strcmp(entity->matches[m].exact.items[i], field->head.name) == 0)
				return true;
	return false;
}

int
generate_check(const struct config_entity *entity, const struct config_field *field, struct error *err)
{
	if (field->type != CONFIG_FIELD_TEXT || !generate_is_key(entity, field) || field->one_of.count > 0 || field->max_length == 0 ||
	    field->max_length >= KEY_LEAST)
		return 0;
	return error_set(err, ERROR_LOADTEST_IMPOSSIBLE, "Choose another flow for the rehearsal.",
	                 "the field %s.%s is a key of at most %" PRId64 " characters: what is generated could not be told from a real one", entity->head.name,
	                 field->head.name, field->max_length);
}

/* ---- texts ---- */

static int
set_text(const struct generate *g, const char *text, size_t length, struct syncline_value *ret_value, struct error *err)
{
	char *copy = arena_copy(g->arena, text, length);

	if (copy == NULL)
		return error_memory(err);
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = copy };
	return 0;
}

/* Not longer than so many characters. */
static size_t
cut(const char *text, int64_t most)
{
	size_t at = 0;

	for (int64_t count = 0; text[at] != '\0'; at++)
		if (((unsigned char)text[at] & 0xC0) != 0x80 && count++ == most)
			break;
	return at;
}

static bool
is_shorter(const char *text, size_t length, int64_t least)
{
	int64_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += ((unsigned char)text[i] & 0xC0) != 0x80;
	return count < least;
}

static bool
is_named(const struct config_field *field, const char *const *words)
{
	for (; *words != NULL; words++)
		for (const char *at = field->head.name; *at != '\0'; at++)
			if (strncasecmp(at, *words, strlen(*words)) == 0)
				return true;
	return false;
}

/* Of those that nobody has, with so many digits behind; more than three are an extension that is not there. */
static void
put_phone(uint64_t any, int digits, char *text, size_t size)
{
	static const char *const kept[] = { "+493023125", "+496990009", "+494066969", "+498999998" };
	uint64_t rest = digits == 3 ? any / 4 % 1000 : any % 1000000;

	snprintf(text, size, "%s%0*" PRIu64, kept[digits == 3 ? any % 4 : 0], digits, rest);
}

/* What people would write into a field of this name; with letters that are no ASCII, as theirs have. */
static void
words_for(const struct generate *g, const struct config_field *field, char *text, size_t size)
{
	static const char *const zips[] = { "zip", "plz", "postal", NULL }, *const cities[] = { "city", "town", "ort", NULL };
	static const char *const streets[] = { "street", "strasse", "address", NULL }, *const countries[] = { "country", "land", NULL };
	static const char *const towns[] = { "Köln", "Münster", "Hamburg", "Zürich", "Orléans", "Malmö" };
	static const char *const roads[] = { "Hauptstraße", "Bahnhofstraße", "Mühlenweg", "Rue de l’Église" };
	static const char *const phones[] = { "phone", "telefon", "mobile", "fax", NULL }, *const mails[] = { "mail", NULL };
	uint64_t any = chance(g, field->head.name);

	if (is_named(field, phones))
		put_phone(any, 3, text, size);
	else if (is_named(field, mails))
		snprintf(text, size, "lt-%s-%" PRIu64 "%s@loadtest.example", g->tag, g->number, g->revision > 0 ? "-changed" : "");
	else if (is_named(field, zips))
		snprintf(text, size, "%05" PRIu64, any % 90000 + 10000);
	else if (is_named(field, countries))
		snprintf(text, size, "%s", any % 2 == 0 ? "DE" : "FR");
	else if (is_named(field, cities))
		snprintf(text, size, "%s", towns[any % (sizeof towns / sizeof *towns)]);
	else if (is_named(field, streets))
		snprintf(text, size, "%s %" PRIu64, roads[any % (sizeof roads / sizeof *roads)], any / 7 % 200 + 1);
	else
		snprintf(text, size, "Loadtest %" PRIu64 "%s Müller", g->number, g->revision > 0 ? " changed" : "");
}

static int
make_text(const struct generate *g, const struct config_entity *entity, const struct config_field *field, struct syncline_value *ret_value,
          struct error *err)
{
	char text[TEXT_MOST + 1];
	size_t length;

	if (field->one_of.count > 0) {
		const char *one = field->one_of.items[chance(g, field->head.name) % field->one_of.count];

		return set_text(g, one, strlen(one), ret_value, err);
	}
	if (entity != NULL && generate_is_key(entity, field) && field->max_length > 0 && field->max_length < 24)
		snprintf(text, sizeof text, "lt%.4s%0*" PRIu64, g->tag, KEY_LEAST - 6, g->number);
	else if (entity != NULL && generate_is_key(entity, field))
		snprintf(text, sizeof text, "loadtest-%s-%" PRIu64, g->tag, g->number);
	else
		words_for(g, field, text, sizeof text);
	length = field->max_length > 0 ? cut(text, field->max_length) : strlen(text);
	while (is_shorter(text, length, field->min_length) && length + 1 < sizeof text)
		text[length++] = 'x';
	return set_text(g, text, length, ret_value, err);
}

/* ---- what has a form of its own ---- */

/* ISO 7064, MOD 11,10: the last digit of a German VAT id. */
static int
vat_digit(const char *digits)
{
	int product = 10;

	for (; *digits != '\0'; digits++) {
		int sum = (*digits - '0' + product) % 10;

		product = (sum == 0 ? 10 : sum) * 2 % 11;
	}
	return product == 1 ? 0 : 11 - product;
}

/* ISO 13616: what makes the rest of dividing by 97 be 1, with "DE" as 1314 behind the account. */
static int
iban_digits(const char *account)
{
	char all[40];
	int rest = 0;

	snprintf(all, sizeof all, "%s131400", account);
	for (const char *at = all; *at != '\0'; at++)
		rest = (rest * 10 + (*at - '0')) % 97;
	return 98 - rest;
}

static int
make_formed(const struct generate *g, const struct config_entity *entity, const struct config_field *field, struct syncline_value *ret_value,
            struct error *err)
{
	/* A key is another one in every loadtest; and no two fields of a record are alike. */
	uint64_t any = entity != NULL && generate_is_key(entity, field) ? strtoull(g->tag, NULL, 16) * 100000 + g->number : chance(g, field->head.name);
	char text[128], digits[32];

	switch (field->type) {
	case CONFIG_FIELD_EMAIL:
		snprintf(text, sizeof text, "lt-%s-%" PRIu64 "%s@loadtest.example", g->tag, g->number, g->revision > 0 ? "-changed" : "");
		break;
	case CONFIG_FIELD_PHONE:
		put_phone(any, entity != NULL && generate_is_key(entity, field) ? 6 : 3, text, sizeof text);
		break;
	case CONFIG_FIELD_VAT_ID:
		snprintf(digits, sizeof digits, "%08" PRIu64, any % 90000000 + 10000000);
		snprintf(text, sizeof text, "DE%s%d", digits, vat_digit(digits));
		break;
	case CONFIG_FIELD_IBAN:
		snprintf(digits, sizeof digits, "%018" PRIu64, any % UINT64_C(1000000000000000000));
		snprintf(text, sizeof text, "DE%02d%s", iban_digits(digits), digits);
		break;
	default:
		snprintf(text, sizeof text, "https://loadtest.example/%s/%" PRIu64 "%s", g->tag, g->number, g->revision > 0 ? "/changed" : "");
		break;
	}
	return set_text(g, text, strlen(text), ret_value, err);
}

/* ---- numbers and days ---- */

/* The whole part of a limit, rounded towards the middle. */
static bool
whole(const char *limit, bool up, int64_t *ret_number)
{
	size_t length = limit != NULL ? strcspn(limit, ".") : 0;

	if (limit == NULL || !text_to_integer(limit, length, ret_number))
		return false;
	if (limit[length] == '.' && up && *limit != '-')
		++*ret_number;
	else if (limit[length] == '.' && !up && *limit == '-')
		--*ret_number;
	return true;
}

/* false: no whole number lies between the limits. */
static bool
make_number(const struct generate *g, const struct config_field *field, bool key, int64_t *ret_number)
{
	int64_t least, most;
	bool has_least = whole(field->min, true, &least), has_most = whole(field->max, false, &most);
	uint64_t span;

	if (!has_least)
		least = has_most && most < 1 ? most - NUMBERS : 1;
	/* Keys count down from where nobody is. */
	if (!has_most)
		most = key && least < 1990000000 ? 1999999999 : least < INT64_MAX - NUMBERS ? least + NUMBERS : INT64_MAX;
	if (most < least)
		return false;
	span = (uint64_t)most - (uint64_t)least;
	if (key)
		*ret_number = g->number <= span ? most - (int64_t)g->number : least;
	else
		*ret_number = (int64_t)((uint64_t)least + (span == UINT64_MAX ? chance(g, field->head.name) : chance(g, field->head.name) % (span + 1)));
	return true;
}

static int
make_decimal(const struct generate *g, const struct config_field *field, bool key, struct syncline_value *ret_value, struct error *err)
{
	char text[96];
	int64_t number, scale = field->scale > 0 ? field->scale < 18 ? field->scale : 18 : 0;
	uint64_t any = chance(g, field->head.name) / 3;
	size_t used;

	if (!make_number(g, field, key, &number)) {
		const char *only = field->min != NULL ? field->min : "0";

		snprintf(text, sizeof text, "%s", only);
	} else {
		used = (size_t)snprintf(text, sizeof text, "%" PRId64, number);
		/* Cents only where they stay between the limits. */
		if (scale > 0 && number > 0 && field->max == NULL) {
			text[used++] = '.';
			for (int64_t i = 0; i < scale; i++, any /= 10)
				text[used++] = (char)('0' + any % 10);
			text[used] = '\0';
		}
	}
	if (set_text(g, text, strlen(text), ret_value, err) != 0)
		return -1;
	ret_value->type = SYNCLINE_TYPE_DECIMAL;
	return 0;
}

static int64_t
make_day(const struct generate *g, const struct config_field *field)
{
	int64_t least = FIRST_DAY, most = FIRST_DAY + DAYS, day;
	bool has_least = field->min != NULL && text_to_date(field->min, strnlen(field->min, 10), &day);

	if (has_least)
		most = (least = day) + DAYS;
	if (field->max != NULL && text_to_date(field->max, strnlen(field->max, 10), &day)) {
		most = day;
		least = has_least ? least : most - DAYS;
	}
	day = most > least ? least + (int64_t)(chance(g, field->head.name) % (uint64_t)(most - least)) : least;
	return day < TEXT_DATE_MIN ? TEXT_DATE_MIN : day > TEXT_DATE_MAX ? TEXT_DATE_MAX : day;
}

/* ---- lists ---- */

static int
put_element(const struct generate *g, const struct config_field *list, uint32_t position, struct buffer *json, struct error *err)
{
	struct generate one = { .tag = g->tag, .number = g->number * 8 + position, .revision = g->revision, .arena = g->arena };
	char digits[32];

	buffer_char(json, '{');
	for (uint32_t i = 0; i < list->field_count; i++) {
		const struct config_field *field = &list->fields[i];
		struct syncline_value value;
		bool key = false;

		for (uint32_t k = 0; k < list->key.count; k++)
			key = key || strcmp(list->key.items[k], field->head.name) == 0;
		if (generate_value(&one, NULL, field, &value, err) != 0)
			return -1;
		if (value.type <= SYNCLINE_TYPE_NULL)
			continue;
		buffer_format(json, "%s\"%s\":", json->data[json->length - 1] == '{' ? "" : ",", field->head.name);
		switch (value.type) {
		case SYNCLINE_TYPE_BOOLEAN:
			buffer_text(json, value.u.integer != 0 ? "true" : "false");
			break;
		case SYNCLINE_TYPE_INTEGER:
			buffer_format(json, "%" PRId64, key ? (int64_t)position + 1 : value.u.integer);
			break;
		case SYNCLINE_TYPE_DECIMAL: case SYNCLINE_TYPE_JSON:
			buffer_append(json, value.u.data, value.length);
			break;
		case SYNCLINE_TYPE_DATE:
			(void)text_json_string(json, digits, text_from_date(value.u.integer, digits));
			break;
		case SYNCLINE_TYPE_TIMESTAMP:
			(void)text_json_string(json, digits, text_from_timestamp(value.u.integer, digits));
			break;
		default:
			snprintf(digits, sizeof digits, "%u", position + 1);
			(void)(key ? text_json_string(json, digits, strlen(digits)) : text_json_string(json, value.u.data, value.length));
			break;
		}
	}
	buffer_char(json, '}');
	return 0;
}

static int
make_list(const struct generate *g, const struct config_field *field, struct syncline_value *ret_value, struct error *err)
{
	uint32_t count = (uint32_t)(chance(g, field->head.name) % 3) + 1;
	struct buffer json;
	int result = 0;

	buffer_init(&json, 0);
	buffer_char(&json, '[');
	for (uint32_t i = 0; i < count && result == 0 && !json.failed; i++) {
		if (i > 0)
			buffer_char(&json, ',');
		result = json.failed ? 0 : put_element(g, field, i, &json, err);
	}
	buffer_char(&json, ']');
	if (result == 0)
		result = json.failed ? error_memory(err) : set_text(g, json.data, json.length, ret_value, err);
	ret_value->type = SYNCLINE_TYPE_JSON;
	buffer_free(&json);
	return result;
}

int
generate_value(const struct generate *generate, const struct config_entity *entity, const struct config_field *field,
               struct syncline_value *ret_value, struct error *err)
{
	bool key = entity != NULL && generate_is_key(entity, field);
	int64_t number = 0;

	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
	switch ((enum config_type)field->type) {
	case CONFIG_FIELD_TEXT:
		return make_text(generate, entity, field, ret_value, err);
	case CONFIG_FIELD_EMAIL: case CONFIG_FIELD_PHONE: case CONFIG_FIELD_IBAN: case CONFIG_FIELD_VAT_ID: case CONFIG_FIELD_URL:
		return make_formed(generate, entity, field, ret_value, err);
	case CONFIG_FIELD_DECIMAL:
		return make_decimal(generate, field, key, ret_value, err);
	case CONFIG_FIELD_LIST:
		return make_list(generate, field, ret_value, err);
	case CONFIG_FIELD_JSON:
		if (set_text(generate, "{\"loadtest\":true}", 17, ret_value, err) != 0)
			return -1;
		ret_value->type = SYNCLINE_TYPE_JSON;
		return 0;
	case CONFIG_FIELD_INTEGER:
		if (make_number(generate, field, key, &number))
			*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_INTEGER, .u.integer = number };
		return 0;
	case CONFIG_FIELD_BOOLEAN:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_BOOLEAN, .u.integer = (int64_t)(chance(generate, field->head.name) & 1) };
		return 0;
	case CONFIG_FIELD_DATE:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_DATE, .u.integer = make_day(generate, field) };
		return 0;
	case CONFIG_FIELD_TIMESTAMP:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TIMESTAMP, .u.integer = make_day(generate, field) * DAY_US };
		return 0;
	case CONFIG_FIELD_REF: case CONFIG_FIELD_CONTENT: case CONFIG_FIELD_TYPE_COUNT:
		break;
	}
	return 0;
}
