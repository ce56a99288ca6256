/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dates.c: reads and writes dates and times after a format.  A format is cut into pieces one at a time; nothing is kept
 * between calls.  Pure functions; any thread.
 */
#include "rules/functions/dates.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SECOND INT64_C(1000000)
#define DAY INT64_C(86400)
#define HINT "Formats are as in 'DD.MM.YYYY hh:mm:ss'; syncline-rules(7) lists their parts."

enum piece {
	PIECE_LITERAL, PIECE_YEAR, PIECE_SHORT_YEAR, PIECE_MONTH, PIECE_ANY_MONTH, PIECE_SHORT_NAME, PIECE_NAME, PIECE_DAY, PIECE_ANY_DAY,
	PIECE_HOUR, PIECE_ANY_HOUR, PIECE_MINUTE, PIECE_SECOND, PIECE_FRACTION, PIECE_HALF, PIECE_ZONE, PIECE_END, PIECE_FAULT
};

static const struct { const char *letters; enum piece piece; } pieces[] = {
	{ "YYYY", PIECE_YEAR }, { "YY", PIECE_SHORT_YEAR }, { "MMMM", PIECE_NAME }, { "MMM", PIECE_SHORT_NAME }, { "MM", PIECE_MONTH },
	{ "M", PIECE_ANY_MONTH }, { "DD", PIECE_DAY }, { "D", PIECE_ANY_DAY }, { "HH", PIECE_HOUR }, { "H", PIECE_ANY_HOUR },
	{ "mm", PIECE_MINUTE }, { "SS", PIECE_SECOND }, { "F", PIECE_FRACTION }, { "A", PIECE_HALF }, { "Z", PIECE_ZONE },
};

static const char *const english[12] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
	"November", "December" };
static const char *const german[12] = { "Januar", "Februar", "M\xC3\xA4rz", "April", "Mai", "Juni", "Juli", "August", "September",
	"Oktober", "November", "Dezember" };
static const char *const german_short[12] = { "Jan", "Feb", "M\xC3\xA4r", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez" };

/* Every name that is read, longer ones before those that they begin with; letter case of ASCII letters does not matter. */
static const struct { const char *name; int month; } names[] = {
	{ "january", 1 }, { "januar", 1 }, { "j\xC3\xA4nner", 1 }, { "j\xC3\xA4n", 1 }, { "jan", 1 },
	{ "february", 2 }, { "februar", 2 }, { "feber", 2 }, { "feb", 2 },
	{ "march", 3 }, { "m\xC3\xA4rz", 3 }, { "m\xC3\x84rz", 3 }, { "maerz", 3 }, { "m\xC3\xA4r", 3 }, { "m\xC3\x84R", 3 }, { "mrz", 3 }, { "mar", 3 },
	{ "april", 4 }, { "apr", 4 }, { "may", 5 }, { "mai", 5 }, { "june", 6 }, { "juni", 6 }, { "jun", 6 },
	{ "july", 7 }, { "juli", 7 }, { "jul", 7 }, { "august", 8 }, { "aug", 8 },
	{ "september", 9 }, { "sept", 9 }, { "sep", 9 }, { "october", 10 }, { "oktober", 10 }, { "oct", 10 }, { "okt", 10 },
	{ "november", 11 }, { "nov", 11 }, { "december", 12 }, { "dezember", 12 }, { "dec", 12 }, { "dez", 12 },
};

struct format {
	const char *p, *end;
	bool quoted, german;
	char literal; /* of PIECE_LITERAL */
};

static char
capital(char c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static enum piece
next_piece(struct format *format)
{
	char c;

	while (format->p < format->end && *format->p == '"') {
		format->quoted = !format->quoted;
		format->p++;
	}
	if (format->p == format->end)
		return format->quoted ? PIECE_FAULT : PIECE_END;
	c = *format->p;
	if (!format->quoted && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && c != 'T') {
		for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
			size_t length = strlen(pieces[i].letters), k;

			if ((size_t)(format->end - format->p) < length)
				continue;
			for (k = 0; k < length; k++) {
				char have = format->p[k], want = pieces[i].letters[k];

				if (!(want == 'M' || want == 'm' ? have == want : capital(have) == want))
					break;
			}
			if (k == length) {
				format->p += length;
				return pieces[i].piece;
			}
		}
		return PIECE_FAULT;
	}
	format->literal = c;
	format->p++;
	return PIECE_LITERAL;
}

static struct format
begin(const char *text, size_t length)
{
	struct format format = { .p = text, .end = text + length };

	if (length >= 3 && (memcmp(text, "de:", 3) == 0 || memcmp(text, "en:", 3) == 0)) {
		format.german = text[0] == 'd';
		format.p += 3;
	}
	return format;
}

/* What was read; -1: not said. */
struct parts {
	int year, month, day, hour, minute, second, half;
	int64_t fraction;
	bool has_zone;
	int64_t zone_seconds;
};

/* `least` to `most` digits; -1 when there are fewer. */
static int
digits(const char **p, const char *end, int least, int most)
{
	int value = 0, count = 0;

	for (; count < most && *p < end && **p >= '0' && **p <= '9'; ++*p, count++)
		value = value * 10 + (**p - '0');
	return count < least ? -1 : value;
}

static int
month_name(const char **p, const char *end)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t length = strlen(names[i].name), k = 0;

		if ((size_t)(end - *p) < length)
			continue;
		while (k < length && ((*p)[k] == names[i].name[k] || capital((*p)[k]) == capital(names[i].name[k])))
			k++;
		if (k == length) {
			*p += length;
			return names[i].month;
		}
	}
	return -1;
}

static bool
read_zone(const char **p, const char *end, int64_t *ret_seconds)
{
	int hours, minutes = 0, sign;

	if (*p < end && (**p == 'Z' || **p == 'z')) {
		++*p;
		*ret_seconds = 0;
		return true;
	}
	if (*p == end || (**p != '+' && **p != '-'))
		return false;
	sign = *(*p)++ == '-' ? -1 : 1;
	if ((hours = digits(p, end, 2, 2)) < 0 || hours > 23)
		return false;
	if (*p < end && **p == ':')
		++*p;
	if (*p < end && **p >= '0' && **p <= '9' && ((minutes = digits(p, end, 2, 2)) < 0 || minutes > 59))
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int64_t
read_fraction(const char **p, const char *end)
{
	int64_t value = 0, unit = 100000;
	const char *first = *p;

	for (; *p < end && **p >= '0' && **p <= '9' && unit > 0; ++*p, unit /= 10)
		value += (**p - '0') * unit;
	return *p > first ? value : -1;
}

/* One piece of the text; false: it is not there. */
static bool
read_piece(enum piece piece, char literal, const char **p, const char *end, struct parts *parts)
{
	switch (piece) {
	case PIECE_LITERAL:
		if (*p == end || **p != literal)
			return false;
		++*p;
		return true;
	case PIECE_YEAR: return (parts->year = digits(p, end, 4, 4)) >= 0;
	case PIECE_SHORT_YEAR:
		if ((parts->year = digits(p, end, 2, 2)) < 0)
			return false;
		parts->year += parts->year < 69 ? 2000 : 1900;
		return true;
	case PIECE_MONTH: return (parts->month = digits(p, end, 2, 2)) >= 0;
	case PIECE_ANY_MONTH: return (parts->month = digits(p, end, 1, 2)) >= 0;
	case PIECE_SHORT_NAME:
	case PIECE_NAME: return (parts->month = month_name(p, end)) >= 0;
	case PIECE_DAY: return (parts->day = digits(p, end, 2, 2)) >= 0;
	case PIECE_ANY_DAY: return (parts->day = digits(p, end, 1, 2)) >= 0;
	case PIECE_HOUR: return (parts->hour = digits(p, end, 2, 2)) >= 0;
	case PIECE_ANY_HOUR: return (parts->hour = digits(p, end, 1, 2)) >= 0;
	case PIECE_MINUTE: return (parts->minute = digits(p, end, 2, 2)) >= 0;
	case PIECE_SECOND: return (parts->second = digits(p, end, 2, 2)) >= 0;
	case PIECE_FRACTION: return (parts->fraction = read_fraction(p, end)) >= 0;
	case PIECE_HALF:
		if (end - *p < 2 || capital((*p)[1]) != 'M' || (capital(**p) != 'A' && capital(**p) != 'P'))
			return false;
		parts->half = capital(**p) == 'P';
		*p += 2;
		return true;
	case PIECE_ZONE: return parts->has_zone = read_zone(p, end, &parts->zone_seconds);
	default: return false;
	}
}

static int
format_fault(struct error *err, const char *format, size_t length, const char *why)
{
	return error_set(err, ERROR_RULES_FUNCTION, HINT, "'%.*s' is not a format for dates: %s", (int)(length < 60 ? length : 60), format, why);
}

/* What a format must have to say when it is read. */
static const char *
incomplete(const struct parts *parts, bool has_time)
{
	if (parts->year < 0 || parts->month < 0 || parts->day < 0)
		return parts->minute >= 0 && parts->hour < 0 ? "mm is the minute; the month is MM" : "year, month and day belong to it";
	if (has_time && parts->hour < 0)
		return "it has a time without an hour";
	return NULL;
}

static int
assemble(const struct parts *parts, bool has_time, const struct zone *zone, struct date_value *ret_value)
{
	int64_t days, seconds, us;
	int hour = parts->hour, minute = parts->minute < 0 ? 0 : parts->minute, second = parts->second < 0 ? 0 : parts->second;

	if (!text_days_from_date(parts->year, parts->month, parts->day, &days))
		return -1;
	if (!has_time) {
		*ret_value = (struct date_value){ true, days };
		return 0;
	}
	if (parts->half >= 0) {
		if (hour < 1 || hour > 12)
			return -1;
		hour = hour % 12 + (parts->half ? 12 : 0);
	}
	if (hour > 23 || minute > 59 || second > 59)
		return -1;
	seconds = days * DAY + hour * 3600 + minute * 60 + second;
	if (parts->has_zone)
		seconds -= parts->zone_seconds;
	else if (zone != NULL)
		seconds = zone_from_clock(zone, seconds);
	us = seconds * SECOND + (parts->fraction < 0 ? 0 : parts->fraction);
	if (us < TEXT_TIMESTAMP_MIN || us > TEXT_TIMESTAMP_MAX)
		return -1;
	*ret_value = (struct date_value){ false, us };
	return 0;
}

int
date_parse(const char *text, size_t length, const char *format_text, size_t format_length, const struct zone *zone,
           struct date_value *ret_value, struct error *err)
{
	struct parts parts = { -1, -1, -1, -1, -1, -1, -1, -1, false, 0 }, known = parts;
	struct format format = begin(format_text, format_length);
	const char *p = text, *end = text + length, *why;
	bool fits = true, has_time = false;
	enum piece piece;

	while ((piece = next_piece(&format)) != PIECE_END) {
		if (piece == PIECE_FAULT)
			return format_fault(err, format_text, format_length, "a letter in it has no meaning; literal text stands in double quotes");
		has_time = has_time || (piece >= PIECE_HOUR && piece <= PIECE_ZONE);
		/* A format is judged as a whole, whatever the text is. */
		switch (piece) {
		case PIECE_YEAR: case PIECE_SHORT_YEAR: known.year = 1; break;
		case PIECE_MONTH: case PIECE_ANY_MONTH: case PIECE_SHORT_NAME: case PIECE_NAME: known.month = 1; break;
		case PIECE_DAY: case PIECE_ANY_DAY: known.day = 1; break;
		case PIECE_HOUR: case PIECE_ANY_HOUR: known.hour = 1; break;
		case PIECE_MINUTE: known.minute = 1; break;
		default: break;
		}
		fits = fits && read_piece(piece, format.literal, &p, end, &parts);
	}
	if ((why = incomplete(&known, has_time)) != NULL)
		return format_fault(err, format_text, format_length, why);
	if (!fits || p != end)
		return error_set(err, ERROR_RULES_FUNCTION, HINT, "'%.*s' is not of the form %.*s", (int)(length < 60 ? length : 60), text,
		                 (int)(format_length < 60 ? format_length : 60), format_text);
	if (assemble(&parts, has_time, zone, ret_value) != 0)
		return error_set(err, ERROR_RULES_FUNCTION, "Correct the value at its source.", "'%.*s' is a date or time that does not exist",
		                 (int)(length < 60 ? length : 60), text);
	return 0;
}

struct clock {
	int year, month, day, hour, minute, second;
	int fraction;
	int32_t offset;
	bool german;
};

static int
write_month_name(const struct clock *clock, bool whole, struct buffer *out)
{
	unsigned i = (unsigned)clock->month - 1;

	if (whole)
		return buffer_text(out, clock->german ? german[i] : english[i]);
	return clock->german ? buffer_text(out, german_short[i]) : buffer_append(out, english[i], 3);
}

static int
write_piece(enum piece piece, bool twelve, const struct clock *clock, struct buffer *out)
{
	int hour = twelve ? (clock->hour + 11) % 12 + 1 : clock->hour, offset = clock->offset / 60;

	switch (piece) {
	case PIECE_YEAR: return buffer_format(out, "%04d", clock->year);
	case PIECE_SHORT_YEAR: return buffer_format(out, "%02d", clock->year % 100);
	case PIECE_MONTH: return buffer_format(out, "%02d", clock->month);
	case PIECE_ANY_MONTH: return buffer_format(out, "%d", clock->month);
	case PIECE_SHORT_NAME: return write_month_name(clock, false, out);
	case PIECE_NAME: return write_month_name(clock, true, out);
	case PIECE_DAY: return buffer_format(out, "%02d", clock->day);
	case PIECE_ANY_DAY: return buffer_format(out, "%d", clock->day);
	case PIECE_HOUR: return buffer_format(out, "%02d", hour);
	case PIECE_ANY_HOUR: return buffer_format(out, "%d", hour);
	case PIECE_MINUTE: return buffer_format(out, "%02d", clock->minute);
	case PIECE_SECOND: return buffer_format(out, "%02d", clock->second);
	case PIECE_FRACTION: return buffer_format(out, "%06d", clock->fraction);
	case PIECE_HALF: return buffer_text(out, clock->hour < 12 ? "AM" : "PM");
	case PIECE_ZONE:
		if (clock->offset == 0)
			return buffer_char(out, 'Z');
		return buffer_format(out, "%c%02d:%02d", offset < 0 ? '-' : '+', (offset < 0 ? -offset : offset) / 60,
		                     (offset < 0 ? -offset : offset) % 60);
	default: return -1;
	}
}

int
date_format(const struct date_value *value, const char *format_text, size_t format_length, const struct zone *zone, struct buffer *out,
            struct error *err)
{
	struct format format = begin(format_text, format_length), ahead = format;
	struct clock clock = { .german = format.german };
	size_t start = out->length;
	int64_t days, rest;
	enum piece piece;
	bool twelve = false;

	if (value->is_date) {
		days = value->value;
		rest = 0;
	} else {
		int64_t seconds = value->value / SECOND - (value->value % SECOND < 0);

		clock.fraction = (int)(value->value - seconds * SECOND);
		clock.offset = zone != NULL ? zone_offset(zone, seconds) : 0;
		seconds += clock.offset;
		days = seconds / DAY - (seconds % DAY < 0);
		rest = seconds - days * DAY;
	}
	if (days < TEXT_DATE_MIN || days > TEXT_DATE_MAX)
		return error_set(err, ERROR_RULES_FUNCTION, NULL, "the moment lies outside of the years 1 to 9999 in that zone");
	text_date_from_days(days, &clock.year, &clock.month, &clock.day);
	clock.hour = (int)(rest / 3600);
	clock.minute = (int)(rest / 60 % 60);
	clock.second = (int)(rest % 60);
	while ((piece = next_piece(&ahead)) != PIECE_END) {
		if (piece == PIECE_FAULT)
			return format_fault(err, format_text, format_length, "a letter in it has no meaning; literal text stands in double quotes");
		twelve = twelve || piece == PIECE_HALF;
	}
	while ((piece = next_piece(&format)) != PIECE_END)
		if (piece == PIECE_LITERAL ? buffer_char(out, format.literal) : write_piece(piece, twelve, &clock, out)) {
			out->length = start;
			return error_memory(err);
		}
	return 0;
}

bool
date_read(const char *text, size_t length, struct date_value *ret_value)
{
	int64_t value;

	if (text_to_date(text, length, &value)) {
		*ret_value = (struct date_value){ true, value };
		return true;
	}
	if (text_to_timestamp(text, length, &value)) {
		*ret_value = (struct date_value){ false, value };
		return true;
	}
	return false;
}

size_t
date_write(const struct date_value *value, char *text)
{
	return value->is_date ? text_from_date(value->value, text) : text_from_timestamp(value->value, text);
}
