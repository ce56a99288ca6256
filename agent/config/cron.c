/* SPDX-License-Identifier: BSD-2-Clause */
/* cron.c: see cron.h.  Any thread. */
#include <string.h>

#include "config/cron.h"

struct field {
	const char *name;
	int low, high;
	const char *const *words; /* of values from `low` on; NULL: numbers alone */
};

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };
static const struct field fields[] = { { "minute", 0, 59, NULL }, { "hour", 0, 23, NULL }, { "day of the month", 1, 31, NULL },
	                               { "month", 1, 12, months }, { "weekday", 0, 7, weekdays } };
#define FIELDS (sizeof fields / sizeof *fields)

static const struct {
	const char *name, *means;
} nicknames[] = { { "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
	          { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" } };

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int
wrong(const struct field *field, const char *text, int length, const char *what, struct error *err)
{
	return error_set(err, ERROR_CONFIG_VALUE, "Say it as in \"30 2 * * 1-5\": minute, hour, day of the month, month, weekday.", "the %s \"%.*s\" %s", field->name,
	                 length < 40 ? length : 40, text, what);
}

/* -1: there is none. */
static int
take_number(const char **at)
{
	int number = -1;

	while (is_digit(**at)) {
		number = (number < 0 ? 0 : number) * 10 + (**at - '0');
		if (number > 1000)
			number = 1000; /* beyond all of them, whatever follows */
		(*at)++;
	}
	return number;
}

static int
take_value(const struct field *field, const char **at)
{
	for (int w = 0; field->words != NULL && field->words[w] != NULL; w++)
		if (small((*at)[0]) == field->words[w][0] && small((*at)[1]) == field->words[w][1] && small((*at)[2]) == field->words[w][2]) {
			*at += 3;
			return field->low + w;
		}
	return take_number(at);
}

/* One of a list: `*`, a value or a range, with its step. */
static int
take_part(const struct field *field, const char *text, int length, const char **at, uint64_t *ret_bits, struct error *err)
{
	int first = field->low, last = field->high, step = 1;

	if (**at == '*') {
		(*at)++;
	} else {
		if ((first = last = take_value(field, at)) < 0)
			return wrong(field, text, length, "has something else in a value's place", err);
		if (**at == '-') {
			(*at)++;
			if ((last = take_value(field, at)) < 0)
				return wrong(field, text, length, "has a range without an end", err);
		} else if (**at == '/') {
			last = field->high;
		}
	}
	if (**at == '/') {
		(*at)++;
		if ((step = take_number(at)) <= 0)
			return wrong(field, text, length, "has a step that is no number above zero", err);
	}
	if (first < field->low || last > field->high)
		return error_set(err, ERROR_CONFIG_VALUE, "Minute, hour, day of the month, month, weekday stand in this order.", "the %s \"%.*s\" goes beyond %d to %d",
		                 field->name, length < 40 ? length : 40, text, field->low, field->high);
	if (first > last)
		return wrong(field, text, length, "has a range that ends before it begins; give two ranges", err);
	for (int value = first; value <= last; value += step)
		*ret_bits |= UINT64_C(1) << value;
	return 0;
}

static int
take_field(const struct field *field, const char *text, int length, uint64_t *ret_bits, struct error *err)
{
	const char *at = text;

	*ret_bits = 0;
	for (;;) {
		if (take_part(field, text, length, &at, ret_bits, err) != 0)
			return -1;
		if (at == text + length)
			return 0;
		if (*at != ',')
			return wrong(field, text, length, "has something behind a value", err);
		at++;
	}
}

/* Is there a day that it means?  Years have 29 February now and then. */
static bool
is_ever(const struct cron *cron)
{
	static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (!cron->any_weekday)
		return true; /* each month has each weekday */
	for (int m = 1; m <= 12; m++)
		if ((cron->months >> m & 1) != 0 && (cron->days & (uint32_t)((UINT64_C(1) << (lengths[m - 1] + 1)) - 1)) != 0)
			return true;
	return false;
}

int
cron_parse(const char *text, struct cron *ret_cron, struct error *err)
{
	const char *starts[FIELDS], *at = text;
	uint64_t bits[FIELDS];
	size_t count = 0;

	for (size_t i = 0; i < sizeof nicknames / sizeof *nicknames; i++)
		if (strcmp(text, nicknames[i].name) == 0)
			return cron_parse(nicknames[i].means, ret_cron, err);
	if (*text == '@')
		return error_set(err, ERROR_CONFIG_VALUE, "There are @hourly, @daily, @weekly, @monthly and @yearly.", "there is no \"%.40s\" among cron expressions", text);
	for (;;) {
		int length;

		at += strspn(at, " \t");
		if (*at == '\0')
			break;
		length = (int)strcspn(at, " \t");
		if (count == FIELDS)
			return error_set(err, ERROR_CONFIG_VALUE, "Say minute, hour, day of the month, month, weekday.", "the cron expression has more than five fields");
		if (take_field(&fields[count], at, length, &bits[count], err) != 0)
			return -1;
		starts[count++] = at;
		at += length;
	}
	if (count < FIELDS)
		return error_set(err, ERROR_CONFIG_VALUE, "Say minute, hour, day of the month, month, weekday; or one of @hourly, @daily, @weekly, @monthly, @yearly.",
		                 "the cron expression has %zu fields instead of five", count);
	*ret_cron = (struct cron){ .minutes = bits[0], .hours = (uint32_t)bits[1], .days = (uint32_t)bits[2], .months = (uint16_t)bits[3],
		.weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7F), .any_day = *starts[2] == '*', .any_weekday = *starts[4] == '*',
		.interval = *starts[0] == '*' || *starts[1] == '*' };
	if (!is_ever(ret_cron))
		return error_set(err, ERROR_CONFIG_VALUE, "Name another day, or other months.", "the cron expression \"%.80s\" means a day that no month has", text);
	return 0;
}
