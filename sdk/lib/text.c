/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c: UTF-8, decimals, and numbers as systems write them.  Pure functions; none depends on the locale.
 */
#include <syncline/helper.h>

/* RFC 3629, table 3-7 of Unicode: length of the character at p, 0 when it isn't one. */
static size_t
character(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return p[0] != 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;
		high = p[0] == 0xed ? 0x9f : 0xbf;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;
		high = p[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (left < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

int
syncline_is_utf8(const void *data, size_t length)
{
	const unsigned char *p = (const unsigned char *)data;
	size_t i = 0;

	while (i < length) {
		uint64_t word;
		size_t n;

		/* Eight ASCII characters at a time: no byte has its top bit set and none is zero. */
		while (length - i >= 8) {
			memcpy(&word, p + i, 8);
			if ((word & UINT64_C(0x8080808080808080)) != 0 ||
			    ((word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080)) != 0)
				break;
			i += 8;
		}
		if (i == length)
			break;
		n = character(p + i, length - i);
		if (n == 0)
			return 0;
		i += n;
	}
	return 1;
}

static size_t
digits(const char *p, size_t length)
{
	size_t n = 0;

	while (n < length && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

int
syncline_is_decimal(const void *data, size_t length)
{
	const char *p = (const char *)data;
	size_t i = 0, n;

	if (length == 0 || length > 1000)
		return 0;
	if (p[0] == '-')
		i = 1;
	n = digits(p + i, length - i);
	if (n == 0)
		return 0;
	i += n;
	if (i == length)
		return 1;
	if (p[i] != '.')
		return 0;
	i++;
	n = digits(p + i, length - i);
	return n > 0 && i + n == length;
}

int
syncline_to_integer(const char *data, size_t length, int64_t *ret_integer)
{
	size_t i = 0;
	int negative = 0;
	int64_t value = 0;

	if (length > 0 && data[0] == '-') {
		negative = 1;
		i = 1;
	}
	if (i == length)
		return -1;
	for (; i < length; i++) {
		int digit = data[i] - '0';

		if (digit < 0 || digit > 9)
			return -1;
		if (value < (INT64_MIN + digit) / 10) /* counted downwards: the smallest has no positive twin */
			return -1;
		value = value * 10 - digit;
	}
	if (!negative && value == INT64_MIN)
		return -1;
	*ret_integer = negative ? value : -value;
	return 0;
}

/* Bytes of `mark` at p, 0 when it isn't there or there is no mark. */
static size_t
at_mark(const char *mark, const char *p, size_t length)
{
	size_t n = mark != NULL ? strlen(mark) : 0;

	return n > 0 && n <= length && memcmp(p, mark, n) == 0 ? n : 0;
}

struct out {
	char *data;
	size_t capacity, length;
	int failed;
};

static void
put(struct out *out, const char *data, size_t length)
{
	if (out->failed || length > out->capacity - out->length) {
		out->failed = 1;
		return;
	}
	if (length > 0)
		memcpy(out->data + out->length, data, length);
	out->length += length;
}

/* Takes a sign from either end and blanks around all of it. */
static int
take_sign(const char **data, size_t *length, int *ret_negative)
{
	const char *p = *data;
	size_t n = *length;
	int negative = 0;

	while (n > 0 && (p[0] == ' ' || p[0] == '\t')) {
		p++;
		n--;
	}
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	if (n > 0 && (p[0] == '-' || p[0] == '+')) {
		negative = p[0] == '-';
		p++;
		n--;
	} else if (n > 0 && (p[n - 1] == '-' || p[n - 1] == '+')) {
		negative = p[n - 1] == '-';
		n--;
	}
	*data = p;
	*length = n;
	*ret_negative = negative;
	return n > 0 ? 0 : -1;
}

/* The digits before the decimal mark, without thousands marks; returns the bytes read, SIZE_MAX when they are wrong. */
static size_t
whole_part(const struct syncline_number_format *format, const char *p, size_t length, struct out *out)
{
	size_t i = digits(p, length), mark;

	put(out, p, i);
	if (at_mark(format->thousands_mark, p + i, length - i) == 0)
		return i;
	if (i == 0 || i > 3)
		return SIZE_MAX;
	while ((mark = at_mark(format->thousands_mark, p + i, length - i)) != 0) {
		i += mark;
		if (digits(p + i, length - i) != 3)
			return SIZE_MAX;
		put(out, p + i, 3);
		i += 3;
	}
	return i;
}

int
syncline_number_to_decimal(const struct syncline_number_format *format, const char *data, size_t length, char *buffer, size_t capacity,
                           size_t *ret_length)
{
	struct out out = { buffer, capacity, 0, 0 };
	size_t i, mark, fraction = 0;
	int negative;

	if (take_sign(&data, &length, &negative) != 0)
		return -1;
	if (negative)
		put(&out, "-", 1);
	i = whole_part(format, data, length, &out);
	if (i == SIZE_MAX)
		return -1;
	if (i == 0)
		put(&out, "0", 1);
	if (i < length) {
		mark = at_mark(format->decimal_mark, data + i, length - i);
		if (mark == 0)
			return -1;
		fraction = digits(data + i + mark, length - i - mark);
		if (i + mark + fraction != length || (i == 0 && fraction == 0))
			return -1;
		if (fraction > 0) {
			put(&out, ".", 1);
			put(&out, data + i + mark, fraction);
		}
	}
	if (out.failed || !syncline_is_decimal(out.data, out.length))
		return -1;
	*ret_length = out.length;
	return 0;
}

int
syncline_decimal_to_number(const struct syncline_number_format *format, int grouped, const char *data, size_t length, char *buffer,
                           size_t capacity, size_t *ret_length)
{
	struct out out = { buffer, capacity, 0, 0 };
	const char *thousands = format->thousands_mark != NULL ? format->thousands_mark : "";
	size_t i = 0, whole;

	if (!syncline_is_decimal(data, length))
		return -1;
	if (data[0] == '-') {
		put(&out, "-", 1);
		i = 1;
	}
	whole = digits(data + i, length - i);
	for (size_t k = 0; k < whole; k++) {
		if (grouped && k > 0 && (whole - k) % 3 == 0)
			put(&out, thousands, strlen(thousands));
		put(&out, data + i + k, 1);
	}
	i += whole;
	if (i < length) {
		const char *mark = format->decimal_mark != NULL && format->decimal_mark[0] != '\0' ? format->decimal_mark : ".";

		put(&out, mark, strlen(mark));
		put(&out, data + i + 1, length - i - 1);
	}
	if (out.failed)
		return -1;
	*ret_length = out.length;
	return 0;
}
