/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c: reading JSON text in place (RFC 8259).  Numbers stay the digits that they are; nothing is built that isn't asked for.
 * Pure functions; any thread.
 */
#include "base/text.h"
#include "rules/engine.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* Behind the closing quote, or NULL. */
static const char *
string_end(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"')
			return p + 1;
		if (c < 0x20)
			return NULL;
		if (c != '\\')
			continue;
		if (++p == end || strchr("\"\\/bfnrtu", *p) == NULL || *p == '\0')
			return NULL;
		if (*p != 'u')
			continue;
		if (end - p < 5)
			return NULL;
		for (int i = 1; i <= 4; i++)
			if (!is_digit(p[i]) && !((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f'))
				return NULL;
		p += 4;
	}
	return NULL;
}

static const char *
number_end(const char *p, const char *end)
{
	if (p < end && *p == '-')
		p++;
	if (p == end || !is_digit(*p))
		return NULL;
	if (*p == '0')
		p++;
	else
		while (p < end && is_digit(*p))
			p++;
	if (p < end && *p == '.') {
		if (++p == end || !is_digit(*p))
			return NULL;
		while (p < end && is_digit(*p))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (p == end || !is_digit(*p))
			return NULL;
		while (p < end && is_digit(*p))
			p++;
	}
	return p;
}

static const char *
scalar_end(const char *p, const char *end, enum json_kind *ret_kind)
{
	static const struct {
		const char *word;
		size_t length;
		enum json_kind kind;
	} words[] = { { "null", 4, JSON_NULL }, { "true", 4, JSON_TRUE }, { "false", 5, JSON_FALSE } };

	if (*p == '"') {
		*ret_kind = JSON_STRING;
		return string_end(p, end);
	}
	if (*p == '-' || is_digit(*p)) {
		*ret_kind = JSON_NUMBER;
		return number_end(p, end);
	}
	for (size_t i = 0; i < 3; i++)
		if ((size_t)(end - p) >= words[i].length && memcmp(p, words[i].word, words[i].length) == 0) {
			*ret_kind = words[i].kind;
			return p + words[i].length;
		}
	return NULL;
}

/* "name": behind an opening brace or a comma; behind the colon, or NULL. */
static const char *
member(const char *p, const char *end, struct json_value *ret_key)
{
	const char *after;

	p = blanks(p, end);
	if (p == end || *p != '"' || (after = string_end(p, end)) == NULL)
		return NULL;
	*ret_key = (struct json_value){ JSON_STRING, p, (size_t)(after - p) };
	p = blanks(after, end);
	return p < end && *p == ':' ? p + 1 : NULL;
}

/* Behind the object or array that begins at p, or NULL.  A stack of bits instead of recursion. */
static const char *
nested_end(const char *p, const char *end)
{
	bool is_object[JSON_DEPTH];
	unsigned depth = 0;
	struct json_value key;
	enum json_kind kind;

	for (;;) {
		/* A value begins here. */
		p = blanks(p, end);
		if (p == end)
			return NULL;
		if (*p == '{' || *p == '[') {
			bool object = *p == '{';

			if (depth == JSON_DEPTH)
				return NULL;
			is_object[depth++] = object;
			p = blanks(p + 1, end);
			if (p == end)
				return NULL;
			if (*p != (object ? '}' : ']')) {
				if (object && (p = member(p, end, &key)) == NULL)
					return NULL;
				continue;
			}
		} else {
			if ((p = scalar_end(p, end, &kind)) == NULL)
				return NULL;
			p = blanks(p, end);
		}
		/* Behind a value, or at the bracket of something empty. */
		for (;;) {
			if (p == end)
				return NULL;
			if (*p == (is_object[depth - 1] ? '}' : ']')) {
				p++;
				if (--depth == 0)
					return p;
				p = blanks(p, end);
				continue;
			}
			if (*p != ',')
				return NULL;
			p++;
			if (is_object[depth - 1] && (p = member(p, end, &key)) == NULL)
				return NULL;
			break;
		}
	}
}

struct json_value
json_next(const char **p, const char *end)
{
	struct json_value value = { JSON_BAD, NULL, 0 };
	const char *at = blanks(*p, end), *after;

	if (at == end)
		return value;
	if (*at == '{' || *at == '[') {
		after = nested_end(at, end);
		value.kind = *at == '{' ? JSON_OBJECT : JSON_ARRAY;
	} else {
		after = scalar_end(at, end, &value.kind);
	}
	if (after == NULL) {
		value.kind = JSON_BAD;
		return value;
	}
	value.at = at;
	value.length = (size_t)(after - at);
	*p = after;
	return value;
}

struct json_value
json_whole(const char *text, size_t length)
{
	const char *p = text, *end = text + length;
	struct json_value value = json_next(&p, end);

	if (value.kind != JSON_BAD && blanks(p, end) != end)
		value.kind = JSON_BAD;
	return value;
}

void
json_walk_start(struct json_walk *walk, const struct json_value *value)
{
	memset(walk, 0, sizeof *walk);
	walk->object = value->kind == JSON_OBJECT;
	walk->p = value->at + 1;
	walk->end = value->at + value->length;
	walk->first = true;
}

bool
json_walk_next(struct json_walk *walk)
{
	char close = walk->object ? '}' : ']';

	walk->p = blanks(walk->p, walk->end);
	if (walk->p == walk->end || *walk->p == close)
		return false;
	if (!walk->first) {
		if (*walk->p != ',')
			goto bad;
		walk->p++;
	}
	walk->first = false;
	if (walk->object && (walk->p = member(walk->p, walk->end, &walk->key)) == NULL)
		goto bad;
	walk->value = json_next(&walk->p, walk->end);
	if (walk->value.kind != JSON_BAD)
		return true;
bad:
	walk->bad = true;
	walk->p = walk->end;
	return false;
}

bool
json_follow(struct json_value *value, const struct json_step *steps, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct json_value found = { JSON_BAD, NULL, 0 };
		struct json_walk walk;
		uint32_t position = 0;

		if (value->kind != (steps[i].name != NULL ? JSON_OBJECT : JSON_ARRAY))
			return false;
		json_walk_start(&walk, value);
		while (json_walk_next(&walk)) {
			if (steps[i].name != NULL ? json_string_equals(&walk.key, steps[i].name, steps[i].length) : position++ == steps[i].position)
				found = walk.value;
		}
		if (found.kind == JSON_BAD || walk.bad)
			return false;
		*value = found;
	}
	return true;
}

static unsigned
hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 4 | (is_digit(p[i]) ? (unsigned)(p[i] - '0') : (unsigned)((p[i] | 0x20) - 'a' + 10));
	return value;
}

static char *
put_utf8(char *out, unsigned code)
{
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xC0 | code >> 6);
		*out++ = (char)(0x80 | (code & 0x3F));
	} else if (code < 0x10000) {
		*out++ = (char)(0xE0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 0x3F));
		*out++ = (char)(0x80 | (code & 0x3F));
	} else {
		*out++ = (char)(0xF0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 0x3F));
		*out++ = (char)(0x80 | (code >> 6 & 0x3F));
		*out++ = (char)(0x80 | (code & 0x3F));
	}
	return out;
}

/* \uXXXX at p (behind the u), a pair of surrogates taken together; NULL for NUL and lone surrogates. */
static const char *
unicode_escape(const char *p, const char *end, char **out)
{
	unsigned code = hex4(p), low;

	p += 4;
	if (code >= 0xD800 && code <= 0xDBFF) {
		if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
			return NULL;
		low = hex4(p + 2);
		if (low < 0xDC00 || low > 0xDFFF)
			return NULL;
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
		p += 6;
	} else if ((code >= 0xDC00 && code <= 0xDFFF) || code == 0) {
		return NULL;
	}
	*out = put_utf8(*out, code);
	return p;
}

/* A byte, or what an escape stands for, at most four.  NULL: a bad escape. */
static const char *
next_piece(const char *p, const char *end, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (*p == '\\' && p[1] == 'u')
		return unicode_escape(p + 2, end, out);
	if (*p != '\\') {
		*(*out)++ = *p;
		return p + 1;
	}
	*(*out)++ = to[strchr(from, p[1]) - from];
	return p + 2;
}

bool
json_string(struct arena *arena, const struct json_value *value, struct syncline_slice *ret_text)
{
	const char *p = value->at + 1, *end = value->at + value->length - 1;
	char *text, *out;

	if (memchr(p, '\\', (size_t)(end - p)) == NULL) {
		*ret_text = (struct syncline_slice){ p, (size_t)(end - p) };
		return true;
	}
	if ((text = out = arena_alloc(arena, (size_t)(end - p))) == NULL)
		return false;
	while (p < end)
		if ((p = next_piece(p, end, &out)) == NULL)
			return false;
	*ret_text = (struct syncline_slice){ text, (size_t)(out - text) };
	return true;
}

bool
json_string_equals(const struct json_value *value, const char *text, size_t length)
{
	const char *p = value->at + 1, *end = value->at + value->length - 1;
	size_t done = 0;

	if (memchr(p, '\\', (size_t)(end - p)) == NULL)
		return (size_t)(end - p) == length && memcmp(p, text, length) == 0;
	while (p < end) {
		char piece[8], *behind = piece;

		if ((p = next_piece(p, end, &behind)) == NULL || length - done < (size_t)(behind - piece) ||
		    memcmp(piece, text + done, (size_t)(behind - piece)) != 0)
			return false;
		done += (size_t)(behind - piece);
	}
	return done == length;
}

/* "1.5e3" as "1500": plain digits, at most 1,000 of them. */
static char *
plain_number(struct arena *arena, const char *p, size_t length, size_t *ret_length)
{
	char *out = arena_alloc(arena, 2100), *at = out, digits[1001];
	const char *end = p + length;
	long point = 0, exponent = 0, count = 0;
	bool seen = false, negative = false;

	if (out == NULL || length > 1000)
		return NULL;
	if (*p == '-')
		*at++ = *p++;
	for (; p < end && (is_digit(*p) || *p == '.'); p++) {
		if (*p == '.') {
			seen = true;
			continue;
		}
		digits[count++] = *p;
		if (!seen)
			point++;
	}
	if (p < end) {
		p++;
		negative = *p == '-';
		if (*p == '-' || *p == '+')
			p++;
		for (; p < end; p++)
			exponent = exponent < 100000 ? exponent * 10 + (*p - '0') : exponent;
	}
	point += negative ? -exponent : exponent;
	if (point > 900 || point - count < -900 || point < -900)
		return NULL;
	if (point <= 0)
		*at++ = '0';
	for (long i = 0; i < point; i++)
		*at++ = i < count ? digits[i] : '0';
	if (point < count) {
		*at++ = '.';
		for (long i = point; i < 0; i++)
			*at++ = '0';
		for (long i = point > 0 ? point : 0; i < count; i++)
			*at++ = digits[i];
	}
	*ret_length = (size_t)(at - out);
	return *ret_length <= 1000 ? out : NULL;
}

static int
number_value(struct arena *arena, const struct json_value *json, struct syncline_value *ret_value)
{
	int64_t integer;
	const char *digits = json->at;
	size_t length = json->length;

	if (memchr(json->at, 'e', json->length) != NULL || memchr(json->at, 'E', json->length) != NULL) {
		if ((digits = plain_number(arena, json->at, json->length, &length)) == NULL)
			return -1;
	} else if (memchr(json->at, '.', json->length) == NULL && text_to_integer(json->at, json->length, &integer) &&
	           !(integer == 0 && json->at[0] == '-')) {
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_INTEGER, .u.integer = integer };
		return 0;
	}
	if (length > 1000)
		return -1;
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_DECIMAL, .length = (uint32_t)length, .u.data = digits };
	return 0;
}

int
json_to_value(struct arena *arena, const struct json_value *json, struct syncline_value *ret_value)
{
	struct syncline_slice text;

	switch (json->kind) {
	case JSON_NULL:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_BOOLEAN, .u.integer = json->kind == JSON_TRUE };
		return 0;
	case JSON_NUMBER:
		return number_value(arena, json, ret_value);
	case JSON_STRING:
		if (!json_string(arena, json, &text))
			return -1;
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)text.length, .u.data = text.data };
		return 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_JSON, .length = (uint32_t)json->length, .u.data = json->at };
		return 0;
	default:
		return -1;
	}
}
