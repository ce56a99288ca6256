/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * number.c: decimals as text, and the way to SQLite's doubles and back.  Nothing here depends on the locale.  Pure functions.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules/engine.h"

/* The digits of a decimal without sign, point, leading zeros and trailing zeros after the point. */
struct parts {
	bool negative;
	const char *whole, *fraction;
	size_t whole_length, fraction_length;
};

static struct parts
take_apart(const char *text, size_t length)
{
	struct parts parts = { 0 };
	const char *end = text + length, *point;

	if (length > 0 && *text == '-') {
		parts.negative = true;
		text++;
	}
	point = memchr(text, '.', (size_t)(end - text));
	parts.whole = text;
	parts.whole_length = (size_t)((point != NULL ? point : end) - text);
	parts.fraction = point != NULL ? point + 1 : end;
	parts.fraction_length = (size_t)(end - parts.fraction);
	while (parts.whole_length > 0 && *parts.whole == '0') {
		parts.whole++;
		parts.whole_length--;
	}
	while (parts.fraction_length > 0 && parts.fraction[parts.fraction_length - 1] == '0')
		parts.fraction_length--;
	if (parts.whole_length == 0 && parts.fraction_length == 0)
		parts.negative = false;
	return parts;
}

uint32_t
number_digits(const char *text, size_t length)
{
	struct parts parts = take_apart(text, length);
	size_t zeros = 0;

	if (parts.whole_length == 0)
		while (zeros < parts.fraction_length && parts.fraction[zeros] == '0')
			zeros++;
	else if (parts.fraction_length == 0)
		/* 1500000000000000000 has two digits that matter: a double holds it. */
		while (parts.whole_length > 1 && parts.whole[parts.whole_length - 1] == '0')
			parts.whole_length--;
	return (uint32_t)(parts.whole_length + parts.fraction_length - zeros);
}

uint32_t
number_scale(const char *text, size_t length)
{
	return (uint32_t)take_apart(text, length).fraction_length;
}

double
number_from_decimal(const char *text, size_t length)
{
	static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
		                       1e20, 1e21, 1e22 };
	struct parts parts = take_apart(text, length);
	uint64_t mantissa = 0;
	size_t shift = 0;
	double value;

	/* Up to 15 digits and 22 places: one division of two exact doubles, so correctly rounded. */
	while (parts.fraction_length == 0 && parts.whole_length > 0 && parts.whole[parts.whole_length - 1] == '0') {
		parts.whole_length--;
		shift++;
	}
	for (size_t i = 0; i < parts.whole_length; i++)
		mantissa = mantissa * 10 + (uint64_t)(parts.whole[i] - '0');
	for (size_t i = 0; i < parts.fraction_length; i++)
		mantissa = mantissa * 10 + (uint64_t)(parts.fraction[i] - '0');
	value = (double)mantissa;
	if (shift <= 22 && parts.fraction_length <= 22) {
		value = shift > 0 ? value * tens[shift] : value / tens[parts.fraction_length];
	} else {
		char copy[80];

		if (shift > 0)
			snprintf(copy, sizeof copy, "%llue%zu", (unsigned long long)mantissa, shift);
		else
			snprintf(copy, sizeof copy, "%llue-%zu", (unsigned long long)mantissa, parts.fraction_length);
		value = strtod(copy, NULL); /* no point in it, so no locale either */
	}
	return parts.negative ? -value : value;
}

size_t
number_to_decimal(double value, char *buffer)
{
	char text[48], *p = text, *e, digits[24];
	long exponent;
	int count = 0;
	size_t out = 0;

	if (!isfinite(value) || fabs(value) >= 1e300 || (value != 0 && fabs(value) < 1e-300))
		return 0;
	sqlite3_snprintf(sizeof text, text, "%!.14e", value);
	if (*p == '-') {
		buffer[out++] = '-';
		p++;
	}
	if ((e = strchr(p, 'e')) == NULL)
		return 0;
	for (; p < e; p++)
		if (*p != '.' && count < 20)
			digits[count++] = *p;
	exponent = strtol(e + 1, NULL, 10);
	while (count > 1 && digits[count - 1] == '0')
		count--;
	if (count == 1 && digits[0] == '0') {
		buffer[0] = '0';
		return 1;
	}
	if (exponent < 0)
		buffer[out++] = '0';
	for (long i = 0; i <= exponent; i++)
		buffer[out++] = i < count ? digits[i] : '0';
	if (count > exponent + 1) {
		buffer[out++] = '.';
		for (long i = exponent + 1; i < 0; i++)
			buffer[out++] = '0';
		for (long i = exponent < 0 ? 0 : exponent + 1; i < count; i++)
			buffer[out++] = digits[i];
	}
	return out;
}

/* Adds one to the last digit of a number in text; a digit more may come to stand before it. */
static size_t
carry(char *digits, size_t length)
{
	for (size_t i = length; i > 0; i--) {
		if (digits[i - 1] == '.')
			continue;
		if (digits[i - 1] != '9') {
			digits[i - 1]++;
			return length;
		}
		digits[i - 1] = '0';
	}
	memmove(digits + 1, digits, length);
	digits[0] = '1';
	return length + 1;
}

size_t
number_round(const char *text, size_t length, uint32_t scale, bool pad, char *buffer)
{
	struct parts parts = take_apart(text, length);
	char *out = buffer + 1; /* room for the sign */
	size_t used = 0, kept = parts.fraction_length < scale ? parts.fraction_length : scale;
	bool zero = true;

	if (parts.whole_length == 0)
		out[used++] = '0';
	memcpy(out + used, parts.whole, parts.whole_length);
	used += parts.whole_length;
	if (kept > 0 || (pad && scale > 0)) {
		out[used++] = '.';
		memcpy(out + used, parts.fraction, kept);
		used += kept;
		for (; pad && kept < scale; kept++)
			out[used++] = '0';
	}
	if (parts.fraction_length > scale && parts.fraction[scale] >= '5')
		used = carry(out, used);
	for (size_t i = 0; i < used; i++)
		if (out[i] != '0' && out[i] != '.')
			zero = false;
	if (!parts.negative || zero) {
		memmove(buffer, out, used);
		return used;
	}
	buffer[0] = '-';
	return used + 1;
}

int
number_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	struct parts x = take_apart(a, a_length), y = take_apart(b, b_length);
	int order;

	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	if (x.whole_length != y.whole_length) {
		order = x.whole_length < y.whole_length ? -1 : 1;
	} else if ((order = memcmp(x.whole, y.whole, x.whole_length)) == 0) {
		size_t common = x.fraction_length < y.fraction_length ? x.fraction_length : y.fraction_length;

		order = memcmp(x.fraction, y.fraction, common);
		if (order == 0 && x.fraction_length != y.fraction_length)
			order = x.fraction_length < y.fraction_length ? -1 : 1;
	}
	order = order < 0 ? -1 : order > 0;
	return x.negative ? -order : order;
}
