/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.c: from what a rule gave to what its field has to be: converted without losing anything, normalised, held against
 * the field's limits.  What would lose something is a fault with a reason and a next step.  Runs in the worker's thread;
 * results live in the worker's arena or where the value came from.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "rules/engine.h"
#include "rules/functions/unicode.h"
#include "rules/functions/validate.h"

#define DAY_US INT64_C(86400000000)

int
fault_set(struct fault *fault, const char *hint, const char *format, ...)
{
	char reason[sizeof fault->reason];
	va_list list;

	va_start(list, format);
	vsnprintf(reason, sizeof reason, format, list);
	va_end(list);
	memcpy(fault->reason, reason, sizeof reason);
	snprintf(fault->hint, sizeof fault->hint, "%s", hint != NULL && hint[0] != '\0' ? hint : "Correct the value at its source, or change the rule.");
	return -1;
}

int
fault_memory(struct rules_worker *worker, struct fault *fault)
{
	worker->no_memory = true;
	return fault_set(fault, "Give the process more memory.", "there was no memory for what the rule makes of this record");
}

/* `length` bytes of UTF-8 cut so that no character is torn. */
static size_t
whole_characters(const char *text, size_t length, size_t most)
{
	if (length <= most)
		return length;
	while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80)
		most--;
	return most;
}

void
value_show(const struct syncline_value *value, char *text, size_t size)
{
	size_t most = size > 16 ? size - 16 : 0, length;
	char number[40];

	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT:
		snprintf(text, size, "(absent)");
		break;
	case SYNCLINE_TYPE_NULL:
		snprintf(text, size, "NULL");
		break;
	case SYNCLINE_TYPE_BOOLEAN:
		snprintf(text, size, "%s", value->u.integer ? "true" : "false");
		break;
	case SYNCLINE_TYPE_INTEGER:
		snprintf(text, size, "%lld", (long long)value->u.integer);
		break;
	case SYNCLINE_TYPE_DATE:
		text_from_date(value->u.integer, number);
		snprintf(text, size, "%s", number);
		break;
	case SYNCLINE_TYPE_TIMESTAMP:
		text_from_timestamp(value->u.integer, number);
		snprintf(text, size, "%s", number);
		break;
	case SYNCLINE_TYPE_BYTES:
		snprintf(text, size, "(%u bytes)", value->length);
		break;
	default:
		if (value->type != SYNCLINE_TYPE_DECIMAL && most > 80)
			most = 80;
		length = whole_characters(value->u.data, value->length, most);
		snprintf(text, size, value->type == SYNCLINE_TYPE_DECIMAL || value->type == SYNCLINE_TYPE_JSON ? "%.*s%s" : "'%.*s%s'", (int)length,
		         length > 0 ? (const char *)value->u.data : "", length < value->length ? "..." : "");
		for (char *p = text; *p != '\0'; p++)
			if ((unsigned char)*p < 0x20)
				*p = ' ';
	}
}

static bool
is_text(uint8_t type)
{
	return type == SYNCLINE_TYPE_TEXT || type == SYNCLINE_TYPE_CONTENT;
}

static int
give_text(struct rules_worker *worker, const char *text, size_t length, uint8_t type, struct syncline_value *ret_value, struct fault *fault)
{
	char *copy = arena_copy(&worker->arena, text, length);

	if (copy == NULL)
		return fault_memory(worker, fault);
	*ret_value = (struct syncline_value){ .type = type, .length = (uint32_t)length, .u.data = copy };
	return 0;
}

static int
not_a(const struct rule *rule, const struct syncline_value *value, struct fault *fault, const char *hint)
{
	char shown[120];

	value_show(value, shown, sizeof shown);
	return fault_set(fault, hint, "%s is not %s%s", rule->sensitive ? "the value" : shown,
	                 strchr("aeiou", rules_type_name(rule->target.type)[0]) != NULL ? "an " : "a ", rules_type_name(rule->target.type));
}

static int
to_text(struct rules_worker *worker, const struct rule *rule, const struct syncline_value *value, struct syncline_value *ret_value, struct fault *fault)
{
	char buffer[64];
	size_t length;

	switch (value->type) {
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT:
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_JSON:
		*ret_value = *value;
		ret_value->type = SYNCLINE_TYPE_TEXT;
		return 0;
	case SYNCLINE_TYPE_INTEGER:
		length = (size_t)snprintf(buffer, sizeof buffer, "%lld", (long long)value->u.integer);
		break;
	case SYNCLINE_TYPE_BOOLEAN:
		length = (size_t)snprintf(buffer, sizeof buffer, "%s", value->u.integer ? "true" : "false");
		break;
	case SYNCLINE_TYPE_DATE:
		length = text_from_date(value->u.integer, buffer);
		break;
	case SYNCLINE_TYPE_TIMESTAMP:
		length = text_from_timestamp(value->u.integer, buffer);
		break;
	default:
		return not_a(rule, value, fault, "Bytes become text by hex(), or by a rule that says how.");
	}
	return give_text(worker, buffer, length, SYNCLINE_TYPE_TEXT, ret_value, fault);
}

static int
to_integer(const struct rule *rule, const struct syncline_value *value, struct syncline_value *ret_value, struct fault *fault)
{
	int64_t number;
	const char *text = value->u.data;
	size_t length = value->length;

	if (value->type == SYNCLINE_TYPE_INTEGER || value->type == SYNCLINE_TYPE_BOOLEAN) {
		number = value->u.integer;
	} else if (value->type == SYNCLINE_TYPE_DECIMAL || is_text(value->type)) {
		if (length == 0 || !text_is_decimal(text, length))
			return not_a(rule, value, fault, "Correct the value at its source, or let the rule take it apart.");
		if (number_scale(text, length) > 0)
			return not_a(rule, value, fault, "Round it with dec_round(value, 0).");
		if (memchr(text, '.', length) != NULL)
			length = (size_t)((const char *)memchr(text, '.', length) - text);
		if (!text_to_integer(text, length, &number))
			return not_a(rule, value, fault, "Whole numbers have at most 64 bits; use the type decimal or text.");
	} else {
		return not_a(rule, value, fault, "Correct the value at its source, or change the rule.");
	}
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_INTEGER, .u.integer = number };
	return 0;
}

static uint32_t
digits_after_point(const struct syncline_value *value)
{
	const char *text = value->u.data, *point = memchr(text, '.', value->length);

	return point != NULL ? (uint32_t)(text + value->length - point - 1) : 0;
}

/* `copied`: digits stay as they came, so more of them than the scale has room for are a fault; else they are rounded. */
static int
to_decimal(struct rules_worker *worker, const struct rule *rule, bool copied, const struct syncline_value *value, struct syncline_value *ret_value,
           struct fault *fault)
{
	char *rounded, shown[120];

	if (value->type == SYNCLINE_TYPE_INTEGER) {
		char buffer[32];
		size_t length = (size_t)snprintf(buffer, sizeof buffer, "%lld", (long long)value->u.integer);

		return give_text(worker, buffer, length, SYNCLINE_TYPE_DECIMAL, ret_value, fault);
	}
	if ((value->type != SYNCLINE_TYPE_DECIMAL && !is_text(value->type)) || value->length > 1000 ||
	    (value->type != SYNCLINE_TYPE_DECIMAL && !text_is_decimal(value->u.data, value->length)))
		return not_a(rule, value, fault, "A decimal is written as -1234.50: no blanks, no thousands mark, a point; the connector's settings say what the source writes.");
	*ret_value = *value;
	ret_value->type = SYNCLINE_TYPE_DECIMAL;
	if (!rule->target.has_scale || digits_after_point(value) <= rule->target.scale ||
	    (copied && number_scale(value->u.data, value->length) <= rule->target.scale))
		return 0;
	if (copied) {
		value_show(value, shown, sizeof shown);
		return fault_set(fault, "Round it with dec_round(FIELD, scale), or give the field a larger scale.",
		                 "%s has %u digits after the point and the field has %u", rule->sensitive ? "the value" : shown,
		                 number_scale(value->u.data, value->length), rule->target.scale);
	}
	if ((rounded = arena_alloc(&worker->arena, value->length + rule->target.scale + 8u)) == NULL)
		return fault_memory(worker, fault);
	ret_value->length = (uint32_t)number_round(value->u.data, value->length, rule->target.scale, true, rounded);
	ret_value->u.data = rounded;
	return 0;
}

static int
to_boolean(const struct rule *rule, const struct syncline_value *value, struct syncline_value *ret_value, struct fault *fault)
{
	const char *text = value->u.data;
	int64_t answer = -1;

	if (value->type == SYNCLINE_TYPE_BOOLEAN || value->type == SYNCLINE_TYPE_INTEGER)
		answer = value->u.integer;
	else if ((is_text(value->type) || value->type == SYNCLINE_TYPE_DECIMAL) && value->length == 1)
		answer = *text == '0' ? 0 : *text == '1' ? 1 : -1;
	else if (is_text(value->type) && value->length == 4 && strncasecmp(text, "true", 4) == 0)
		answer = 1;
	else if (is_text(value->type) && value->length == 5 && strncasecmp(text, "false", 5) == 0)
		answer = 0;
	if (answer != 0 && answer != 1)
		return not_a(rule, value, fault, "Booleans are 0, 1, true and false; let the rule translate others, as in WERBUNG = 'J'.");
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_BOOLEAN, .u.integer = answer };
	return 0;
}

static int
to_date(const struct rule *rule, const struct syncline_value *value, struct syncline_value *ret_value, struct fault *fault)
{
	const char *text = value->u.data;
	int64_t number;
	bool found = false;

	if (value->type == SYNCLINE_TYPE_DATE) {
		number = value->u.integer;
		found = true;
	} else if (value->type == SYNCLINE_TYPE_TIMESTAMP || (is_text(value->type) && value->length > 10 && text_to_timestamp(text, value->length, &number))) {
		if (value->type == SYNCLINE_TYPE_TIMESTAMP)
			number = value->u.integer;
		/* A midnight is a date; any other time would be lost. */
		if (number % DAY_US != 0)
			return not_a(rule, value, fault, "It has a time of day: say with date() or date_format() which day it is, and in which zone.");
		number /= DAY_US;
		found = true;
	} else if (is_text(value->type)) {
		found = text_to_date(text, value->length, &number);
	}
	if (!found)
		return not_a(rule, value, fault, "Dates are written 2026-02-28 and exist; date_parse() reads other forms.");
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_DATE, .u.integer = number };
	return 0;
}

static int
to_timestamp(const struct rule *rule, const struct syncline_value *value, struct syncline_value *ret_value, struct fault *fault)
{
	int64_t number;

	if (value->type == SYNCLINE_TYPE_TIMESTAMP)
		number = value->u.integer;
	else if (value->type == SYNCLINE_TYPE_DATE)
		number = value->u.integer * DAY_US;
	else if (is_text(value->type) && value->length == 10 && text_to_date(value->u.data, 10, &number))
		number *= DAY_US;
	else if (!is_text(value->type) || !text_to_timestamp(value->u.data, value->length, &number))
		return not_a(rule, value, fault, "Times are written 2026-02-28T12:30:00Z or with +01:00; date_parse() reads other forms and zones.");
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TIMESTAMP, .u.integer = number };
	return 0;
}

/* e-mail, telephone, IBAN, VAT id: valid, and in the one form.  An empty text is no value. */
static int
to_known_form(struct rules_worker *worker, const struct rule *rule, struct syncline_value *value, struct fault *fault)
{
	char form[VALIDATE_EMAIL_MAX + 1];
	const char *hint = "Correct the value at its source, or let the rule give NULL for it.";
	size_t length = 0;
	bool good = false;

	switch (rule->target.type) {
	case RULES_EMAIL:
		good = validate_email(value->u.data, value->length, form, &length);
		break;
	case RULES_PHONE:
		good = validate_phone(value->u.data, value->length, NULL, 0, form, &length);
		hint = "A number without +49 belongs to some country: normalize_phone(FIELD, 'DE') says which.";
		break;
	case RULES_IBAN:
		good = validate_iban(value->u.data, value->length, form, &length);
		break;
	default:
		good = validate_vat(value->u.data, value->length, NULL, 0, form, &length);
		break;
	}
	if (!good)
		return not_a(rule, value, fault, hint);
	if (length == value->length && memcmp(form, value->u.data, length) == 0)
		return 0;
	return give_text(worker, form, length, SYNCLINE_TYPE_TEXT, value, fault);
}

static bool
is_url(const char *text, size_t length)
{
	size_t scheme = 0;

	while (scheme < length && ((text[scheme] | 0x20) >= 'a' && (text[scheme] | 0x20) <= 'z'))
		scheme++;
	if (scheme == 0 || length - scheme < 4 || memcmp(text + scheme, "://", 3) != 0 || text[scheme + 3] == '/')
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7F || strchr("<>\"`{}|\\^", text[i]) != NULL)
			return false;
	return true;
}

static int
to_json(struct rules_worker *worker, const struct rule *rule, const struct syncline_value *value, struct syncline_value *ret_value, struct fault *fault)
{
	struct buffer *buffer = &worker->buffer;
	struct json_value json;
	char number[64];

	if (is_text(value->type) || value->type == SYNCLINE_TYPE_JSON) {
		json = json_whole(value->u.data, value->length);
		if (json.kind == JSON_BAD || (rule->target.type == RULES_LIST && json.kind != JSON_ARRAY))
			return not_a(rule, value, fault, rule->target.type == RULES_LIST ? "A list is a JSON array." : "Text becomes JSON by json_quote().");
		*ret_value = *value;
		ret_value->type = SYNCLINE_TYPE_JSON;
		return 0;
	}
	if (rule->target.type == RULES_LIST || value->type == SYNCLINE_TYPE_BYTES)
		return not_a(rule, value, fault, "A list is a JSON array.");
	buffer_clear(buffer);
	switch (value->type) {
	case SYNCLINE_TYPE_INTEGER: buffer_format(buffer, "%lld", (long long)value->u.integer); break;
	case SYNCLINE_TYPE_BOOLEAN: buffer_text(buffer, value->u.integer ? "true" : "false"); break;
	case SYNCLINE_TYPE_DECIMAL: buffer_append(buffer, value->u.data, value->length); break;
	case SYNCLINE_TYPE_DATE: text_json_string(buffer, number, text_from_date(value->u.integer, number)); break;
	default: text_json_string(buffer, number, text_from_timestamp(value->u.integer, number)); break;
	}
	return buffer->failed ? fault_memory(worker, fault)
	                      : give_text(worker, buffer->data, buffer->length, SYNCLINE_TYPE_JSON, ret_value, fault);
}

static int
normalise(struct rules_worker *worker, const struct rule *rule, struct syncline_value *value, struct fault *fault)
{
	const char *how = rule->target.normalise, *text = value->u.data;
	struct buffer *buffer = &worker->buffer;
	size_t length = value->length;
	int rc = 0;

	if (how == NULL || !is_text(value->type))
		return 0;
	if (strcmp(how, "trim") == 0) {
		unicode_trim(&text, &length, NULL, 0, true, true);
		value->u.data = text;
		value->length = (uint32_t)length;
		return 0;
	}
	buffer_clear(buffer);
	if (strcmp(how, "upper") == 0)
		rc = unicode_upper(text, length, buffer);
	else if (strcmp(how, "lower") == 0)
		rc = unicode_lower(text, length, buffer);
	else if (strcmp(how, "fold") == 0)
		rc = unicode_fold(text, length, buffer);
	else
		for (size_t i = 0; i < length && rc == 0; i++)
			if (text[i] >= '0' && text[i] <= '9')
				rc = buffer_char(buffer, text[i]);
	if (rc != 0 && buffer->failed == BUFFER_NO_MEMORY)
		return fault_memory(worker, fault);
	if (rc != 0)
		return fault_set(fault, NULL, "the value is too long to be normalised");
	return give_text(worker, buffer->length > 0 ? buffer->data : "", buffer->length, value->type, value, fault);
}

static int
convert(struct rules_worker *worker, const struct rule *rule, bool copied, const struct syncline_value *value, struct syncline_value *ret_value,
        struct fault *fault)
{
	switch (rule->target.type) {
	case RULES_NATIVE:
		*ret_value = *value;
		if (value->type == SYNCLINE_TYPE_DECIMAL && rule->target.has_scale)
			return to_decimal(worker, rule, copied, value, ret_value, fault);
		return 0;
	case RULES_INTEGER:
		return to_integer(rule, value, ret_value, fault);
	case RULES_DECIMAL:
		return to_decimal(worker, rule, copied, value, ret_value, fault);
	case RULES_BOOLEAN:
		return to_boolean(rule, value, ret_value, fault);
	case RULES_DATE:
		return to_date(rule, value, ret_value, fault);
	case RULES_TIMESTAMP:
		return to_timestamp(rule, value, ret_value, fault);
	case RULES_JSON:
	case RULES_LIST:
		return to_json(worker, rule, value, ret_value, fault);
	case RULES_BYTES:
		if (value->type != SYNCLINE_TYPE_BYTES && !is_text(value->type))
			return not_a(rule, value, fault, NULL);
		*ret_value = *value;
		ret_value->type = SYNCLINE_TYPE_BYTES;
		return 0;
	default:
		break;
	}
	if (to_text(worker, rule, value, ret_value, fault) != 0 || normalise(worker, rule, ret_value, fault) != 0)
		return -1;
	switch (rule->target.type) {
	case RULES_EMAIL:
	case RULES_PHONE:
	case RULES_IBAN:
	case RULES_VAT_ID:
		return to_known_form(worker, rule, ret_value, fault);
	case RULES_URL:
		return is_url(ret_value->u.data, ret_value->length) ? 0
		       : not_a(rule, ret_value, fault, "An address begins as https:// does and has no blanks.");
	case RULES_REF:
		return ret_value->length > 0 ? 0 : fault_set(fault, "Give NULL where there is no reference.", "the reference is empty");
	case RULES_CONTENT:
		ret_value->type = SYNCLINE_TYPE_CONTENT;
		return ret_value->length > 0 ? 0 : fault_set(fault, "Give NULL where there is no document.", "the reference of the document is empty");
	default:
		return 0;
	}
}

static size_t
characters(const struct syncline_value *value)
{
	const unsigned char *p = value->u.data;
	size_t count = 0;

	for (uint32_t i = 0; i < value->length; i++)
		count += (p[i] & 0xC0) != 0x80;
	return count;
}

/* The value's text, for one_of. */
static size_t
plain_text(const struct syncline_value *value, char buffer[64], const char **ret_text)
{
	*ret_text = buffer;
	switch (value->type) {
	case SYNCLINE_TYPE_BOOLEAN: return (size_t)snprintf(buffer, 64, "%s", value->u.integer ? "true" : "false");
	case SYNCLINE_TYPE_INTEGER: return (size_t)snprintf(buffer, 64, "%lld", (long long)value->u.integer);
	case SYNCLINE_TYPE_DATE: return text_from_date(value->u.integer, buffer);
	case SYNCLINE_TYPE_TIMESTAMP: return text_from_timestamp(value->u.integer, buffer);
	default: *ret_text = value->u.data; return value->length;
	}
}

static int
check_one_of(const struct rule *rule, const struct syncline_value *value, struct fault *fault)
{
	char buffer[64], list[200], shown[120];
	const char *text;
	size_t length = plain_text(value, buffer, &text), used = 0;

	for (uint32_t i = 0; i < rule->one_of_count; i++) {
		const struct one_of *one = &rule->one_of[i];

		if (value->type == SYNCLINE_TYPE_DECIMAL ? text_is_decimal(one->text, one->length) && number_compare(text, length, one->text, one->length) == 0
		                                         : one->length == length && memcmp(one->text, text, length) == 0)
			return 0;
	}
	list[0] = '\0';
	for (uint32_t i = 0; i < rule->one_of_count && used < sizeof list - 60; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s", i > 0 ? ", " : "", rule->one_of[i].text);
	value_show(value, shown, sizeof shown);
	return fault_set(fault, "Translate it in the rule (a lookup table, CASE), or add it to one_of.", "%s is not one of %s", rule->sensitive ? "the value" : shown, list);
}

/* -1 below, 0 equal, 1 above the limit. */
static int
compare_limit(const struct syncline_value *value, const char *limit)
{
	size_t length = strlen(limit);
	char number[32];
	int64_t bound = 0;
	int order;

	switch (value->type) {
	case SYNCLINE_TYPE_INTEGER:
		return number_compare(number, (size_t)snprintf(number, sizeof number, "%lld", (long long)value->u.integer), limit, length);
	case SYNCLINE_TYPE_DECIMAL:
		return number_compare(value->u.data, value->length, limit, length);
	case SYNCLINE_TYPE_DATE:
		text_to_date(limit, length, &bound);
		return value->u.integer < bound ? -1 : value->u.integer > bound;
	case SYNCLINE_TYPE_TIMESTAMP:
		if (text_to_date(limit, length, &bound))
			bound *= DAY_US;
		else
			text_to_timestamp(limit, length, &bound);
		return value->u.integer < bound ? -1 : value->u.integer > bound;
	case SYNCLINE_TYPE_TEXT:
		order = memcmp(value->u.data, limit, value->length < length ? value->length : length);
		return order != 0 ? order : value->length < length ? -1 : value->length > length;
	default:
		return 0;
	}
}

static int
check_limits(const struct rule *rule, const struct syncline_value *value, struct fault *fault)
{
	const struct rules_output *target = &rule->target;
	char shown[120];

	if (target->max_length > 0 && is_text(value->type) && value->length > target->max_length && characters(value) > target->max_length)
		return fault_set(fault, "Shorten it at its source, or with substr(value, 1, n) in the rule.", "the text has %zu characters and the field takes %u",
		                 characters(value), target->max_length);
	if (rule->one_of_count > 0 && check_one_of(rule, value, fault) != 0)
		return -1;
	if (target->min == NULL && target->max == NULL)
		return 0;
	value_show(value, shown, sizeof shown);
	if (target->min != NULL && compare_limit(value, target->min) < 0)
		return fault_set(fault, NULL, "%s is less than %s, the least that the field takes", rule->sensitive ? "the value" : shown, target->min);
	if (target->max != NULL && compare_limit(value, target->max) > 0)
		return fault_set(fault, NULL, "%s is more than %s, the most that the field takes", rule->sensitive ? "the value" : shown, target->max);
	return 0;
}

int
value_convert(struct rules_worker *worker, const struct rule *rule, bool copied, const struct syncline_value *value, struct syncline_value *ret_value,
              struct fault *fault)
{
	struct syncline_value converted = *value;

	if (value->type <= SYNCLINE_TYPE_NULL) {
		*ret_value = *value;
		return 0;
	}
	/* The usual case first: text to text. */
	if ((rule->target.type != RULES_TEXT || value->type != SYNCLINE_TYPE_TEXT || rule->target.normalise != NULL) &&
	    convert(worker, rule, copied, value, &converted, fault) != 0)
		return -1;
	if (check_limits(rule, &converted, fault) != 0)
		return -1;
	*ret_value = converted;
	return 0;
}
