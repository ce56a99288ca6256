/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c: checks and conversions on text.  Pure functions; any thread.
 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)

/* The length of the well-formed sequence at `p`, or 0.  The table of the Unicode standard (chapter 3, table 3-7), as code. */
static size_t
utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t need;

	if (p[0] >= 0xC2 && p[0] <= 0xDF) {
		need = 2;
	} else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
		need = 3;
		if (p[0] == 0xE0)
			low = 0xA0;
		else if (p[0] == 0xED)
			high = 0x9F;
	} else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
		need = 4;
		if (p[0] == 0xF0)
			low = 0x90;
		else if (p[0] == 0xF4)
			high = 0x8F;
	} else {
		return 0;
	}
	if (left < need || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return need;
}

bool
text_is_utf8(const void *data, size_t length)
{
	const unsigned char *p = data, *end = length > 0 ? p + length : p; /* data may be NULL then */

	while (p < end) {
		/* Eight ASCII bytes at a time: no high bit, no zero byte. */
		while (end - p >= 8) {
			uint64_t word;

			memcpy(&word, p, 8);
			if (((word | ((word - UINT64_C(0x0101010101010101)) & ~word)) & UINT64_C(0x8080808080808080)) != 0)
				break;
			p += 8;
		}
		if (p >= end)
			break;
		if (*p < 0x80) {
			if (*p == 0)
				return false;
			p++;
		} else {
			size_t sequence = utf8_sequence(p, (size_t)(end - p));

			if (sequence == 0)
				return false;
			p += sequence;
		}
	}
	return true;
}

bool
text_is_decimal(const void *data, size_t length)
{
	const char *p = data, *end = p + length, *digits;

	if (p < end && *p == '-')
		p++;
	for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
		;
	if (p == digits)
		return false;
	if (p == end)
		return true;
	if (*p++ != '.')
		return false;
	for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
		;
	return p == end && p > digits;
}

bool
text_to_integer(const char *data, size_t length, int64_t *ret_value)
{
	const char *p = data, *end = data + length;
	bool negative = false;
	uint64_t value = 0, limit;

	if (p < end && (*p == '-' || *p == '+'))
		negative = *p++ == '-';
	limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	if (p == end)
		return false;
	for (; p < end; p++) {
		unsigned digit = (unsigned)(unsigned char)*p - '0';

		if (digit > 9 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = negative ? (int64_t)(UINT64_C(0) - value) : (int64_t)value;
	return true;
}

static bool
is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool
text_days_from_date(int64_t year, int64_t month, int64_t day, int64_t *ret_days)
{
	static const unsigned char lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t shifted, era, of_era, of_year;

	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
		return false;
	if (day > lengths[month - 1] + (month == 2 && is_leap(year) ? 1 : 0))
		return false;
	/* Years that begin in March put the leap day last, so that the days before a month follow one formula. */
	shifted = year - (month <= 2);
	era = shifted / 400;
	of_era = shifted - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	*ret_days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
	return true;
}

void
text_date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	*ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (int)(year + era * 400 + (*ret_month <= 2));
}

/* `count` digits at p as a number, or -1. */
static int64_t
digits(const char *p, size_t count)
{
	int64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

bool
text_to_date(const char *data, size_t length, int64_t *ret_days)
{
	if (length != 10 || data[4] != '-' || data[7] != '-')
		return false;
	return text_days_from_date(digits(data, 4), digits(data + 5, 2), digits(data + 8, 2), ret_days);
}

/* ".ffffff" (1 to 6 digits, further ones must be zero: nothing is rounded) at *p; microseconds, or -1. */
static int64_t
fraction(const char **p, const char *end)
{
	int64_t value = 0, unit = 100000;
	const char *first;

	if (*p == end || **p != '.')
		return 0;
	for (first = ++*p; *p < end && **p >= '0' && **p <= '9'; ++*p) {
		if (unit == 0 && **p != '0')
			return -1;
		value += (**p - '0') * unit;
		unit /= 10;
	}
	return *p > first ? value : -1;
}

/* "", "Z", "+hh:mm", "+hhmm", "+hh" to the end; minutes east of UTC in ret_minutes. */
static bool
zone(const char *p, const char *end, int64_t *ret_minutes)
{
	int64_t hours, minutes = 0, sign;

	*ret_minutes = 0;
	if (p == end || (end - p == 1 && (*p == 'Z' || *p == 'z')))
		return true;
	if (end - p < 3 || (*p != '+' && *p != '-'))
		return false;
	sign = *p == '-' ? -1 : 1;
	hours = digits(p + 1, 2);
	p += 3;
	if (p < end && *p == ':')
		p++;
	if (p < end && (end - p != 2 || (minutes = digits(p, 2)) < 0))
		return false;
	if (hours < 0 || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

bool
text_to_timestamp(const char *data, size_t length, int64_t *ret_us)
{
	const char *end = data + length, *p = data + 19;
	int64_t days, hour, minute, second, micro, offset, us;

	if (length < 19 || !text_to_date(data, 10, &days) || (data[10] != 'T' && data[10] != 't' && data[10] != ' ') ||
	    data[13] != ':' || data[16] != ':')
		return false;
	hour = digits(data + 11, 2);
	minute = digits(data + 14, 2);
	second = digits(data + 17, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return false;
	if ((micro = fraction(&p, end)) < 0 || !zone(p, end, &offset))
		return false;
	us = days * DAY_US + ((hour * 60 + minute - offset) * 60 + second) * INT64_C(1000000) + micro;
	if (us < TEXT_TIMESTAMP_MIN || us > TEXT_TIMESTAMP_MAX)
		return false;
	*ret_us = us;
	return true;
}

size_t
text_from_date(int64_t days, char *buffer)
{
	int year, month, day;

	text_date_from_days(days, &year, &month, &day);
	/* Written out: this runs for every date of every record, and snprintf was seen in the profile. */
	buffer[0] = (char)('0' + year / 1000 % 10);
	buffer[1] = (char)('0' + year / 100 % 10);
	buffer[2] = (char)('0' + year / 10 % 10);
	buffer[3] = (char)('0' + year % 10);
	buffer[4] = '-';
	buffer[5] = (char)('0' + month / 10);
	buffer[6] = (char)('0' + month % 10);
	buffer[7] = '-';
	buffer[8] = (char)('0' + day / 10);
	buffer[9] = (char)('0' + day % 10);
	buffer[10] = '\0';
	return 10;
}

size_t
text_from_timestamp(int64_t us, char *buffer)
{
	int64_t days = us / DAY_US, rest = us % DAY_US;
	size_t length;

	if (rest < 0) {
		rest += DAY_US;
		days--;
	}
	length = text_from_date(days, buffer);
	length += (size_t)snprintf(buffer + length, 32 - length, "T%02d:%02d:%02d", (int)(rest / 3600000000),
	                           (int)(rest / 60000000 % 60), (int)(rest / 1000000 % 60));
	if (rest % 1000000 != 0)
		length += (size_t)snprintf(buffer + length, 32 - length, ".%06d", (int)(rest % 1000000));
	buffer[length++] = 'Z';
	buffer[length] = '\0';
	return length;
}

int
text_json_string(struct buffer *buffer, const char *data, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	size_t plain = 0;

	if (buffer_reserve(buffer, length + 2) != 0)
		return -1;
	buffer_char(buffer, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)data[i];
		char escape[6] = { '\\', 0, '0', '0', 0, 0 };
		size_t size = 2;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		switch (c) {
		case '"': escape[1] = '"'; break;
		case '\\': escape[1] = '\\'; break;
		case '\n': escape[1] = 'n'; break;
		case '\r': escape[1] = 'r'; break;
		case '\t': escape[1] = 't'; break;
		case '\b': escape[1] = 'b'; break;
		case '\f': escape[1] = 'f'; break;
		default:
			escape[1] = 'u';
			escape[4] = hex[c >> 4];
			escape[5] = hex[c & 15];
			size = 6;
		}
		buffer_append(buffer, data + plain, i - plain);
		buffer_append(buffer, escape, size);
		plain = i + 1;
	}
	buffer_append(buffer, data + plain, length - plain);
	buffer_char(buffer, '"');
	return buffer->failed ? -1 : 0;
}

/* Edit distance with neighbours swapped counting one; words longer than the table are not compared. */
static unsigned
distance(const char *a, const char *b)
{
	enum { LONGEST = 48 };
	unsigned char table[LONGEST + 1][LONGEST + 1];
	size_t m = strlen(a), n = strlen(b);

	if (m > LONGEST || n > LONGEST)
		return LONGEST;
	for (size_t i = 0; i <= m; i++)
		table[i][0] = (unsigned char)i;
	for (size_t j = 0; j <= n; j++)
		table[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= m; i++)
		for (size_t j = 1; j <= n; j++) {
			unsigned best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			if (table[i - 1][j] + 1u < best)
				best = table[i - 1][j] + 1u;
			if (table[i][j - 1] + 1u < best)
				best = table[i][j - 1] + 1u;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && table[i - 2][j - 2] + 1u < best)
				best = table[i - 2][j - 2] + 1u;
			table[i][j] = (unsigned char)best;
		}
	return table[m][n];
}

const char *
text_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = NULL;
	unsigned best = (unsigned)(strlen(word) / 3 + 1);

	for (size_t i = 0; i < count; i++) {
		unsigned d = distance(word, candidates[i]);

		if (d <= best && (nearest == NULL || d < best)) {
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}
