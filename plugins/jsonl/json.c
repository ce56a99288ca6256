/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c: JSON by RFC 8259 and nothing beside it.  Pure functions; depth and members are bounded, memory is the caller's.
 */
#include <stdlib.h>
#include <syncline/helper.h>

#include "json.h"

struct parser {
	struct json_line *line;
	char *start, *p, *end;
	const char *soft; /* the first fault that leaves the syntax whole */
	char *soft_at;
};

int
json_line_init(struct json_line *line)
{
	memset(line, 0, sizeof *line);
	line->members = malloc(JSON_MEMBERS_MAX * sizeof *line->members);
	return line->members != NULL ? 0 : -1;
}

void
json_line_free(struct json_line *line)
{
	free(line->members);
	memset(line, 0, sizeof *line);
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int
json_is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_blank(text[i]))
			return 0;
	return 1;
}

static void
skip_blanks(struct parser *s)
{
	while (s->p < s->end && is_blank(*s->p))
		s->p++;
}

/* The line as a whole is no JSON. */
static int
broken(struct parser *s, const char *fault)
{
	s->line->fault = fault;
	s->line->fault_at = (size_t)(s->p - s->start);
	s->line->broken = 1;
	return -1;
}

static void
spoil(struct parser *s, const char *fault)
{
	if (s->soft == NULL) {
		s->soft = fault;
		s->soft_at = s->p;
	}
}

static int
hex4(const char *p, const char *end, uint32_t *ret_unit)
{
	uint32_t unit = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
		               : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10) : 16;

		if (digit == 16)
			return -1;
		unit = unit << 4 | digit;
	}
	*ret_unit = unit;
	return 0;
}

static char *
put_character(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xC0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*out++ = (char)(0xE0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	} else {
		*out++ = (char)(0xF0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3F));
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	}
	return out;
}

/* Behind "\u": the character, of one escape or a pair; 0 for what is no character (a fault was noted); -1 for no hex digits. */
static int
unicode_escape(struct parser *s, uint32_t *ret_character)
{
	uint32_t unit, low;

	if (hex4(s->p, s->end, &unit) != 0)
		return broken(s, "\\u is not followed by four hexadecimal digits");
	s->p += 4;
	if (unit >= 0xD800 && unit <= 0xDBFF && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' && hex4(s->p + 2, s->end, &low) == 0 &&
	    low >= 0xDC00 && low <= 0xDFFF) {
		s->p += 6;
		unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
	} else if (unit >= 0xD800 && unit <= 0xDFFF) {
		spoil(s, "half of a surrogate pair stands alone");
		unit = 0;
	} else if (unit == 0) {
		spoil(s, "a text holds the character NUL (\\u0000)");
	}
	*ret_character = unit;
	return 0;
}

static int
escape(struct parser *s, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	uint32_t character = 0;

	if (s->p == s->end)
		return broken(s, "the line ends within a text");
	if (*s->p == 'u') {
		s->p++;
		if (unicode_escape(s, &character) != 0)
			return -1;
		if (*out != NULL && character != 0)
			*out = put_character(*out, character);
		return 0;
	}
	at = *s->p != '\0' ? strchr(from, *s->p) : NULL;
	if (at == NULL)
		return broken(s, "an escape that JSON does not know");
	s->p++;
	if (*out != NULL)
		*(*out)++ = to[at - from];
	return 0;
}

/* Bytes without a quote, backslash or control character, eight at a time. */
static char *
plain_run(char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);

	while (end - p >= 8) {
		uint64_t w, quote, slash;

		memcpy(&w, p, 8);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w)) & high)
			break;
		p += 8;
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

/* At the opening quote.  resolve: escapes are replaced in place; else the text is only checked. */
static int
string(struct parser *s, int resolve, const char **ret_data, uint32_t *ret_length)
{
	char *first = ++s->p, *out = NULL;

	for (;;) {
		char *run = s->p;

		s->p = plain_run(s->p, s->end);
		if (out != NULL && s->p > run) {
			memmove(out, run, (size_t)(s->p - run));
			out += s->p - run;
		}
		if (s->p == s->end)
			return broken(s, "the line ends within a text");
		if (*s->p == '"')
			break;
		if (*s->p != '\\')
			return broken(s, "a control character stands in a text; JSON wants it escaped");
		if (out == NULL && resolve)
			out = s->p;
		s->p++;
		if (escape(s, &out) != 0)
			return -1;
	}
	*ret_data = first;
	*ret_length = (uint32_t)((out != NULL ? out : s->p) - first);
	s->p++;
	return 0;
}

static int
is_digit(const struct parser *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static int
number(struct parser *s, struct json_member *m)
{
	char *first = s->p;
	int negative = *s->p == '-', fraction = 0;

	s->p += negative;
	if (!is_digit(s))
		return broken(s, "a value is expected here");
	if (*s->p == '0') {
		s->p++;
		if (is_digit(s))
			return broken(s, "a number begins with a zero that JSON does not allow");
	}
	while (is_digit(s))
		s->p++;
	if (s->p < s->end && *s->p == '.') {
		fraction = 1;
		s->p++;
		if (!is_digit(s))
			return broken(s, "digits are missing behind the point of a number");
		while (is_digit(s))
			s->p++;
	}
	m->kind = JSON_DECIMAL;
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		m->kind = JSON_EXPONENT;
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (!is_digit(s))
			return broken(s, "digits are missing in the exponent of a number");
		while (is_digit(s))
			s->p++;
	}
	m->data = first;
	m->length = (uint32_t)(s->p - first);
	/* -0 is no integer: its sign would be lost. */
	if (m->kind == JSON_DECIMAL && !fraction && !(negative && m->length == 2 && first[1] == '0') &&
	    syncline_to_integer(first, m->length, &m->integer) == 0)
		m->kind = JSON_INTEGER;
	return 0;
}

static int
word(struct parser *s, const char *text, size_t length)
{
	if ((size_t)(s->end - s->p) < length || memcmp(s->p, text, length) != 0)
		return broken(s, "a value is expected here");
	s->p += length;
	return 0;
}

static int skip_value(struct parser *s, unsigned depth);

static int
skip_members(struct parser *s, char close, unsigned depth)
{
	const char *data;
	uint32_t length;

	s->p++;
	skip_blanks(s);
	if (s->p < s->end && *s->p == close) {
		s->p++;
		return 0;
	}
	for (;;) {
		if (close == '}') {
			skip_blanks(s);
			if (s->p == s->end || *s->p != '"')
				return broken(s, "a member's name in quotes is expected here");
			if (string(s, 0, &data, &length) != 0)
				return -1;
			skip_blanks(s);
			if (s->p == s->end || *s->p != ':')
				return broken(s, "a colon is expected here");
			s->p++;
		}
		if (skip_value(s, depth) != 0)
			return -1;
		skip_blanks(s);
		if (s->p == s->end)
			return broken(s, "the line ends within an object or a list");
		if (*s->p == close)
			break;
		if (*s->p != ',')
			return broken(s, "a comma is expected here");
		s->p++;
	}
	s->p++;
	return 0;
}

static int
skip_value(struct parser *s, unsigned depth)
{
	struct json_member m;
	const char *data;
	uint32_t length;

	skip_blanks(s);
	if (s->p == s->end)
		return broken(s, "a value is expected here");
	switch (*s->p) {
	case '{':
	case '[':
		if (depth >= JSON_DEPTH_MAX)
			return broken(s, "objects and lists are nested more than 64 deep");
		return skip_members(s, *s->p == '{' ? '}' : ']', depth + 1);
	case '"':
		return string(s, 0, &data, &length);
	case 't':
		return word(s, "true", 4);
	case 'f':
		return word(s, "false", 5);
	case 'n':
		return word(s, "null", 4);
	default:
		return number(s, &m);
	}
}

static int
value(struct parser *s, struct json_member *m)
{
	const char *before = s->soft;

	skip_blanks(s);
	if (s->p == s->end)
		return broken(s, "a value is expected here");
	m->data = s->p;
	switch (*s->p) {
	case '{':
	case '[':
		m->kind = JSON_NESTED;
		if (skip_value(s, 1) != 0)
			return -1;
		m->length = (uint32_t)(s->p - m->data);
		break;
	case '"':
		m->kind = JSON_TEXT;
		if (string(s, 1, &m->data, &m->length) != 0)
			return -1;
		break;
	case 't':
		m->kind = JSON_TRUE;
		return word(s, "true", 4);
	case 'f':
		m->kind = JSON_FALSE;
		return word(s, "false", 5);
	case 'n':
		m->kind = JSON_NULL;
		return word(s, "null", 4);
	default:
		return number(s, m);
	}
	if (s->soft != before)
		m->kind = JSON_BAD;
	return 0;
}

static int
member(struct parser *s)
{
	struct json_line *line = s->line;
	struct json_member *m = &line->members[line->count];

	if (line->count == JSON_MEMBERS_MAX)
		return broken(s, "the object has more than 4,096 members");
	memset(m, 0, sizeof *m);
	skip_blanks(s);
	if (s->p == s->end || *s->p != '"')
		return broken(s, "a member's name in quotes is expected here");
	if (string(s, 1, &m->name, &m->name_length) != 0)
		return -1;
	if (m->name_length == 0 || m->name_length > SYNCLINE_NAME_MAX)
		return broken(s, "a member's name is empty or has more than 255 bytes");
	if (s->soft != NULL)
		return broken(s, s->soft);
	skip_blanks(s);
	if (s->p == s->end || *s->p != ':')
		return broken(s, "a colon is expected here");
	s->p++;
	if (value(s, m) != 0)
		return -1;
	line->count++;
	return 0;
}

/* A name that has a fault breaks the line, a value only itself: names come first in `soft` of each member. */
static int
members(struct parser *s)
{
	const char *fault = NULL;
	char *fault_at = NULL;

	s->p++;
	skip_blanks(s);
	if (s->p < s->end && *s->p == '}') {
		s->p++;
		return 0;
	}
	for (;;) {
		s->soft = NULL;
		if (member(s) != 0)
			return -1;
		if (fault == NULL && s->soft != NULL) {
			fault = s->soft;
			fault_at = s->soft_at;
		}
		skip_blanks(s);
		if (s->p == s->end)
			return broken(s, "the line ends within the object");
		if (*s->p == '}')
			break;
		if (*s->p != ',')
			return broken(s, "a comma is expected here");
		s->p++;
	}
	s->p++;
	s->soft = fault;
	s->soft_at = fault_at;
	return 0;
}

void
json_line_parse(struct json_line *line, char *text, size_t length)
{
	struct parser s = { .line = line, .start = text, .p = text, .end = text + length };

	line->count = 0;
	line->fault = NULL;
	line->fault_at = 0;
	line->broken = 0;
	if (!syncline_is_utf8(text, length)) {
		broken(&s, memchr(text, 0, length) != NULL ? "it holds a NUL byte" : "it is not valid UTF-8");
		return;
	}
	skip_blanks(&s);
	if (s.p == s.end || *s.p != '{') {
		broken(&s, "it is not a JSON object");
		return;
	}
	if (members(&s) != 0)
		return;
	skip_blanks(&s);
	if (s.p < s.end)
		broken(&s, "something stands behind the object");
	else if (s.soft != NULL) {
		line->fault = s.soft;
		line->fault_at = (size_t)(s.soft_at - text);
	}
}

int
json_is_value(const char *text, size_t length)
{
	struct json_line line = { 0 };
	/* skip_value() resolves nothing, so it doesn't write. */
	struct parser s = { .line = &line, .start = (char *)(uintptr_t)text, .p = (char *)(uintptr_t)text, .end = (char *)(uintptr_t)text + length };

	if (length == 0 || !syncline_is_utf8(text, length) || skip_value(&s, 0) != 0)
		return 0;
	skip_blanks(&s);
	return s.p == s.end;
}

size_t
json_without_exponent(const char *text, size_t length, char *buffer, size_t capacity)
{
	const char *p = text, *end = text + length, *e = p;
	int64_t exponent, point = -1, digits = 0;
	size_t n = 0;
	int negative = *p == '-';

	while (e < end && *e != 'e' && *e != 'E')
		e++;
	if (e == end || syncline_to_integer(e + 1 + (e[1] == '+'), (size_t)(end - e - 1 - (e[1] == '+')), &exponent) != 0 ||
	    exponent > 100000 || exponent < -100000)
		return 0;
	p += negative;
	for (const char *q = p; q < e; q++)
		if (*q == '.')
			point = digits;
		else
			digits++;
	point = (point < 0 ? digits : point) + exponent;
	if (point > (int64_t)capacity || -point > (int64_t)capacity ||
	    (uint64_t)capacity < (uint64_t)(digits + (point > digits ? point - digits : 0) + (point < 0 ? -point : 0) + 3))
		return 0;
	if (negative)
		buffer[n++] = '-';
	if (point <= 0) {
		buffer[n++] = '0';
		buffer[n++] = '.';
		for (int64_t i = point; i < 0; i++)
			buffer[n++] = '0';
	}
	for (int64_t i = 0; i < digits; p++) {
		if (*p == '.')
			continue;
		if (i == point && i > 0)
			buffer[n++] = '.';
		/* Zeros before the first digit that counts: 0.5e3 is 500. */
		if (!(point > 0 && i + 1 < point && *p == '0' && n == (size_t)negative))
			buffer[n++] = *p;
		i++;
	}
	for (int64_t i = digits; i < point; i++)
		if (!(n == (size_t)negative && i + 1 < point) || n > (size_t)negative)
			buffer[n++] = '0';
	return n;
}
