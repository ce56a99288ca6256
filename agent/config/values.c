/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * values.c: durations, sizes, shares and the like in their written forms.  Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/grammar.h"

/* The digits at the beginning of text, at least one; the rest of the text, or NULL. */
static const char *
number(const char *text, int64_t *ret_value)
{
	size_t length = strspn(text, "0123456789");

	return length > 0 && text_to_integer(text, length, ret_value) ? text + length : NULL;
}

static bool
with_unit(const char *text, const char *const *units, const int64_t *factors, int64_t *ret_value)
{
	int64_t value;
	const char *unit = number(text, &value);

	if (unit == NULL)
		return false;
	for (size_t i = 0; units[i] != NULL; i++)
		if (strcmp(unit, units[i]) == 0 && value <= INT64_MAX / 1000 / factors[i]) {
			*ret_value = value * factors[i];
			return true;
		}
	return false;
}

bool
value_to_duration(const char *text, int64_t *ret_ms)
{
	static const char *const units[] = { "ms", "s", "m", "h", "d", "w", "y", NULL };
	static const int64_t factors[] = { 1, 1000, 60000, 3600000, 86400000, 604800000, INT64_C(31536000000) };

	return with_unit(text, units, factors, ret_ms);
}

bool
value_to_size(const char *text, int64_t *ret_bytes)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB", NULL };
	static const int64_t factors[] = { 1, INT64_C(1) << 10, INT64_C(1) << 20, INT64_C(1) << 30, INT64_C(1) << 40 };

	return with_unit(text, units, factors, ret_bytes);
}

bool
value_to_share(const char *text, int64_t *ret_ppm)
{
	int64_t whole, part = 0;
	const char *p = number(text, &whole);

	if (p == NULL || whole > 100)
		return false;
	if (*p == '.') {
		int64_t unit = 1000;

		for (p++; *p >= '0' && *p <= '9' && unit > 0; p++, unit /= 10)
			part += (*p - '0') * unit;
		if (p[-1] == '.' )
			return false;
	}
	if (strcmp(p, "%") != 0 || whole * 10000 + part > 1000000)
		return false;
	*ret_ppm = whole * 10000 + part;
	return true;
}

bool
value_to_double(const char *text, double *ret_value)
{
	const char *p = text;
	double value = 0, unit = 1;
	bool negative = *p == '-', digits = false;

	if (*p == '-' || *p == '+')
		p++;
	for (; *p >= '0' && *p <= '9'; p++, digits = true)
		value = value * 10 + (*p - '0');
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, digits = true) {
			unit *= 10;
			value = value * 10 + (*p - '0');
		}
	if (!digits || *p != '\0' || p - text > 18)
		return false;
	value /= unit;
	*ret_value = negative ? -value : value;
	return true;
}

/* The form of an IANA zone's name; whether this machine knows it is for those who compute with it. */
bool
value_is_zone(const char *text)
{
	const char *p = text;

	if (*p == '\0' || *p == '/' || strlen(text) > 64)
		return false;
	for (; *p != '\0'; p++) {
		bool letter = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');

		if (!letter && !(p > text && ((*p >= '0' && *p <= '9') || *p == '_' || *p == '-' || *p == '+' || *p == '/')))
			return false;
		if (*p == '/' && (p[1] == '/' || p[1] == '\0'))
			return false;
	}
	return true;
}

bool
value_is_time(const char *text)
{
	if (strlen(text) != 5 || text[2] != ':')
		return false;
	for (int i = 0; i < 5; i++)
		if (i != 2 && (text[i] < '0' || text[i] > '9'))
			return false;
	return (text[0] - '0') * 10 + text[1] - '0' < 24 && text[3] < '6';
}

const char *
value_secret(const char *text)
{
	static const char prefix[] = "secret:";
	const char *p = text + sizeof prefix - 1;

	if (strncmp(text, prefix, sizeof prefix - 1) != 0 || *p == '\0' || strlen(p) > 200)
		return NULL;
	for (const char *c = p; *c != '\0'; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("_-./", *c) != NULL))
			return NULL;
	return p;
}
