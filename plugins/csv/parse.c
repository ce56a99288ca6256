/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.c: the scanner.  Eight bytes at a time in plain integers: as fast as the batch can take rows, on any processor.
 */
#include "parse.h"

#include <string.h>

#define ONES UINT64_C(0x0101010101010101)
#define LOWS UINT64_C(0x7f7f7f7f7f7f7f7f)
#define HIGHS UINT64_C(0x8080808080808080)

/* Compilers make one load of this, swapped where the processor's order is the other. */
static inline uint64_t
load(const char *at)
{
	const unsigned char *p = (const unsigned char *)at;

	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	       (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* The highest bit of each byte that is zero; exact. */
static inline uint64_t
zeros(uint64_t word)
{
	return ~(((word & LOWS) + LOWS) | word | LOWS);
}

static inline uint64_t
spread(char c)
{
	return ONES * (unsigned char)c;
}

static inline unsigned
first(uint64_t marks)
{
	return (unsigned)__builtin_ctzll(marks) / 8;
}

/* The first byte that is either, or `end`. */
static inline char *
find(char *p, char *end, uint64_t a, uint64_t b)
{
	for (; p < end; p += 8) {
		uint64_t word = load(p), marks = zeros(word ^ a) | zeros(word ^ b);

		if (marks != 0) {
			p += first(marks);
			return p < end ? p : end;
		}
	}
	return end;
}

static inline bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What the bytes of a row are like, over all of it at once. */
static void
survey(struct csv_row *row, const char *data, size_t length)
{
	uint64_t any = 0, nul = 0, word;
	size_t i = 0;

	for (; i + 8 <= length; i += 8) {
		word = load(data + i);
		any |= word;
		nul |= zeros(word);
	}
	for (; i < length; i++) {
		any |= (unsigned char)data[i];
		nul |= data[i] == '\0';
	}
	row->high = (any & HIGHS) != 0;
	row->nul = nul != 0;
}

struct scan {
	const struct csv_format *format;
	char *data, *end;
	enum csv_tail tail;
	struct csv_row *row;
};

static enum csv_scanned
fault(const struct scan *s, enum csv_fault kind, uint32_t opened)
{
	struct csv_row *row = s->row;
	char *line = memchr(s->data, s->format->newline, (size_t)(s->end - s->data));

	row->fault = kind;
	row->fault_column = row->count + 1;
	row->fault_line = opened;
	row->first_line = line != NULL ? (size_t)(line - s->data) + 1 : 0;
	row->bytes = line != NULL ? row->first_line : (size_t)(s->end - s->data);
	row->lines = 1;
	return CSV_SCAN_ROW;
}

static enum csv_scanned
cut_short(const struct scan *s, bool quoted, uint32_t opened)
{
	if (s->tail == CSV_TAIL_GROWS)
		return CSV_SCAN_MORE;
	return fault(s, quoted ? CSV_FAULT_UNTERMINATED : CSV_FAULT_TOO_LONG, opened);
}

static inline void
keep(struct csv_row *row, char *data, char *end, uint32_t flags)
{
	if (row->count < row->room) {
		row->fields[row->count].data = data;
		row->fields[row->count].length = (uint32_t)(end - data);
		row->fields[row->count].flags = flags;
	}
	row->count++;
}

/* The closing quote of a value that begins at `p`, or NULL: the data ends before it. */
static char *
closing(const struct scan *s, char *p, uint32_t *ret_flags)
{
	char quote = s->format->quote, escape = s->format->escape;

	for (;;) {
		char *q = escape != 0 ? find(p, s->end, spread(quote), spread(escape)) : memchr(p, quote, (size_t)(s->end - p));

		if (q == NULL || q == s->end)
			return NULL;
		if (escape != 0 ? *q == quote : q + 1 == s->end || q[1] != quote)
			return q + 1 == s->end && s->tail == CSV_TAIL_GROWS ? NULL : q;
		if (q + 1 == s->end)
			return NULL;
		*ret_flags |= CSV_ESCAPED;
		p = q + 2;
	}
}

/* Is a line end at p?  Returns its length, 0: no, -1: can't be told before there is more. */
static inline int
line_end(const struct scan *s, const char *p)
{
	if (*p == s->format->newline)
		return 1;
	if (*p != '\r' || s->format->newline != '\n')
		return 0;
	if (p + 1 < s->end)
		return p[1] == '\n' ? 2 : 0;
	return s->tail == CSV_TAIL_GROWS ? -1 : s->tail == CSV_TAIL_END;
}

/* One quoted value.  *at moves behind it and its delimiter; ret_more says that another follows.  false: *ret says why. */
static bool
quoted_field(const struct scan *s, char **at, bool *ret_more, enum csv_scanned *ret)
{
	struct csv_row *row = s->row;
	uint32_t flags = CSV_QUOTED, opened = row->lines - 1;
	char *start = *at + 1, *q = closing(s, start, &flags), *p;
	int end;

	if (q == NULL) {
		*ret = cut_short(s, true, opened);
		return false;
	}
	for (p = start; (p = memchr(p, s->format->newline, (size_t)(q - p))) != NULL; p++)
		row->lines++;
	p = q + 1;
	if (s->format->trim)
		while (p < s->end && blank(*p))
			p++;
	*ret_more = false;
	if (p < s->end && *p == s->format->delimiter) {
		*ret_more = true;
		p++;
	} else if (p < s->end) {
		if ((end = line_end(s, p)) <= 0) {
			*ret = end < 0 ? CSV_SCAN_MORE : fault(s, CSV_FAULT_AFTER_QUOTE, opened);
			return false;
		}
		p += end;
	} else if (s->tail != CSV_TAIL_END) {
		*ret = cut_short(s, true, opened);
		return false;
	}
	keep(row, start, q, flags);
	*at = p;
	return true;
}

enum csv_scanned
csv_scan(const struct csv_format *format, char *data, size_t length, enum csv_tail tail, struct csv_row *row)
{
	struct scan s = { format, data, data + length, tail, row };
	uint64_t delimiter = spread(format->delimiter), newline = spread(format->newline);
	char *p = data, *q, *value, *end = s.end;
	enum csv_scanned result;
	bool more = true;
	int skip;

	row->count = 0;
	row->lines = 1;
	row->fault = CSV_FAULT_NONE;
	row->first_line = 0;
	row->high = row->nul = false;
	if (length == 0)
		return CSV_SCAN_NOTHING;
	if ((skip = line_end(&s, p)) != 0) {
		row->bytes = (size_t)(skip > 0 ? skip : 0);
		return skip > 0 ? CSV_SCAN_SKIP : CSV_SCAN_MORE;
	}
	if (format->comment != NULL && format->comment[0] != '\0') {
		size_t prefix = strlen(format->comment), common = prefix < length ? prefix : length;

		if (memcmp(p, format->comment, common) == 0) {
			if (common < prefix && tail == CSV_TAIL_GROWS)
				return CSV_SCAN_MORE;
			if ((q = memchr(p, format->newline, length)) == NULL && tail == CSV_TAIL_GROWS)
				return CSV_SCAN_MORE;
			if (common == prefix && (q != NULL || tail == CSV_TAIL_END)) {
				row->bytes = q != NULL ? (size_t)(q - p) + 1 : length;
				return CSV_SCAN_SKIP;
			}
		}
	}
	while (more) {
		value = p;
		if (format->trim)
			while (value < end && blank(*value))
				value++;
		if (format->quote != 0 && value < end && *value == format->quote) {
			p = value;
			if (!quoted_field(&s, &p, &more, &result))
				return result;
			continue;
		}
		q = find(p, end, delimiter, newline);
		if (q == end && tail != CSV_TAIL_END)
			return cut_short(&s, false, 0);
		more = q < end && *q == format->delimiter;
		p = q < end ? q + 1 : end;
		if (!more && q > value && q[-1] == '\r' && format->newline == '\n')
			q--;
		if (format->trim) {
			value = value < q ? value : q;
			while (q > value && blank(q[-1]))
				q--;
		}
		keep(row, value, q, 0);
	}
	row->bytes = (size_t)(p - data);
	survey(row, data, row->bytes);
	if (row->lines > 1)
		row->first_line = (size_t)((char *)memchr(data, format->newline, row->bytes) - data) + 1;
	else
		row->first_line = row->bytes;
	return CSV_SCAN_ROW;
}

void
csv_unescape(const struct csv_format *format, struct csv_field *field)
{
	char mark = format->escape != 0 ? format->escape : format->quote;
	char *end = field->data + field->length, *to = memchr(field->data, mark, field->length), *p = to;

	if (to == NULL)
		return;
	while (p < end) {
		if (*p == mark && p + 1 < end)
			p++;
		*to++ = *p++;
	}
	field->length = (uint32_t)(to - field->data);
	field->flags &= ~CSV_ESCAPED;
}

char
csv_guess_newline(const struct csv_format *format, const char *data, size_t length)
{
	bool quoted = false;

	for (size_t i = 0; i < length; i++) {
		if (format->quote != 0 && data[i] == format->quote)
			quoted = !quoted;
		else if (!quoted && data[i] == '\n')
			return '\n';
		else if (!quoted && data[i] == '\r' && i + 1 < length)
			return data[i + 1] == '\n' ? '\n' : '\r';
	}
	return '\n';
}

bool
csv_is_utf8(const char *data, size_t length)
{
	const unsigned char *p = (const unsigned char *)data, *end = p + length;

	while (p < end) {
		unsigned c = *p, low = 0x80, high = 0xbf, more;

		if (c < 0x80) {
			if (c == 0)
				return false;
			p++;
			continue;
		}
		if (c >= 0xc2 && c <= 0xdf)
			more = 1;
		else if (c >= 0xe0 && c <= 0xef) {
			more = 2;
			low = c == 0xe0 ? 0xa0 : 0x80;
			high = c == 0xed ? 0x9f : 0xbf;
		} else if (c >= 0xf0 && c <= 0xf4) {
			more = 3;
			low = c == 0xf0 ? 0x90 : 0x80;
			high = c == 0xf4 ? 0x8f : 0xbf;
		} else
			return false;
		if ((size_t)(end - p) <= more || p[1] < low || p[1] > high)
			return false;
		for (unsigned i = 2; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += more + 1;
	}
	return true;
}
