/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time.c: dates and times as systems write them, by pattern, to days and microseconds and back.  Pure functions.
 *
 * A pattern is read piece by piece by next_piece(); the reader and the writer walk the same pieces.
 */
#include <syncline/helper.h>

#define DATE_MIN INT64_C(-719162)
#define DATE_MAX INT64_C(2932896)
#define DAY_US (INT64_C(86400) * 1000000)

enum piece { END, LITERAL, YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, FRACTION, ZONE };

struct walk {
	const char *at;
	int hour_seen;  /* MM means minutes from here on */
	enum piece piece;
	unsigned width; /* digits; 0: one or two */
	char literal;
};

struct moment {
	int year, month, day, hour, minute, second, micro;
	int zone_s;     /* seconds east of UTC */
	int has_zone;
};

static void
next_piece(struct walk *w)
{
	static const struct {
		const char *text;
		enum piece piece;
		unsigned width;
	} words[] = {
		{ "YYYY", YEAR, 4 }, { "MM", MONTH, 2 }, { "DD", DAY, 2 }, { "HH", HOUR, 2 }, { "MI", MINUTE, 2 }, { "mm", MINUTE, 2 },
		{ "SS", SECOND, 2 }, { "ss", SECOND, 2 }, { "M", MONTH, 0 }, { "D", DAY, 0 }, { "Z", ZONE, 0 },
	};
	unsigned n = 0;

	if (*w->at == '\0') {
		w->piece = END;
		return;
	}
	while (w->at[n] == 'F')
		n++;
	if (n > 0) {
		w->piece = FRACTION;
		w->width = n;
		w->at += n;
		return;
	}
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t length = strlen(words[i].text);

		if (strncmp(w->at, words[i].text, length) != 0)
			continue;
		w->at += length;
		w->piece = words[i].piece;
		w->width = words[i].width;
		if (w->piece == HOUR)
			w->hour_seen = 1;
		else if (w->piece == MONTH && w->width == 2 && w->hour_seen)
			w->piece = MINUTE;
		return;
	}
	w->piece = LITERAL;
	w->literal = *w->at++;
}

static int
is_iso(const char *pattern)
{
	return pattern == NULL || pattern[0] == '\0' || strcmp(pattern, "ISO") == 0;
}

int
syncline_pattern_is_valid(const char *pattern, int *ret_has_time)
{
	struct walk w = { pattern, 0, END, 0, 0 };
	unsigned seen[ZONE + 1] = { 0 };

	if (is_iso(pattern)) {
		if (ret_has_time != NULL)
			*ret_has_time = 1;
		return 1;
	}
	for (next_piece(&w); w.piece != END; next_piece(&w)) {
		if (w.piece == LITERAL && ((w.literal >= 'A' && w.literal <= 'Z' && w.literal != 'T') || (w.literal >= '0' && w.literal <= '9')))
			return 0;
		if (w.piece != LITERAL && seen[w.piece]++ != 0)
			return 0;
		if (w.piece == FRACTION && w.width > 6)
			return 0;
	}
	if (!seen[YEAR] || !seen[MONTH] || !seen[DAY])
		return 0;
	if ((seen[MINUTE] && !seen[HOUR]) || (seen[SECOND] && !seen[MINUTE]) || (seen[FRACTION] && !seen[SECOND]) || (seen[ZONE] && !seen[HOUR]))
		return 0;
	if (ret_has_time != NULL)
		*ret_has_time = seen[HOUR] != 0;
	return 1;
}

/* Between `least` and `most` digits at p; the number of them, 0 when there are fewer. */
static unsigned
number(const char *p, size_t left, unsigned least, unsigned most, int *ret_value)
{
	unsigned n = 0;
	int value = 0;

	while (n < most && n < left && p[n] >= '0' && p[n] <= '9')
		value = value * 10 + (p[n++] - '0');
	if (n < least)
		return 0;
	*ret_value = value;
	return n;
}

/* Z, +hh, +hhmm or +hh:mm; bytes read, 0 when it is none. */
static size_t
zone(const char *p, size_t left, struct moment *m)
{
	int hours, minutes = 0, sign;
	size_t i;

	if (left > 0 && (p[0] == 'Z' || p[0] == 'z')) {
		m->zone_s = 0;
		m->has_zone = 1;
		return 1;
	}
	if (left < 3 || (p[0] != '+' && p[0] != '-') || number(p + 1, left - 1, 2, 2, &hours) == 0)
		return 0;
	sign = p[0] == '-' ? -1 : 1;
	i = 3;
	if (i < left && p[i] == ':') {
		if (number(p + i + 1, left - i - 1, 2, 2, &minutes) == 0)
			return 0;
		i += 3;
	} else if (number(p + i, left - i, 2, 2, &minutes) != 0) {
		i += 2;
	}
	if (hours > 23 || minutes > 59)
		return 0;
	m->zone_s = sign * (hours * 3600 + minutes * 60);
	m->has_zone = 1;
	return i;
}

/* A fraction of 1 to 6 digits; more digits than six must be zeros, for we'd lose them. */
static size_t
fraction(const char *p, size_t left, unsigned most, int *ret_micro)
{
	int value = 0;
	unsigned n = number(p, left, 1, most < 6 ? most : 6, &value);

	if (n == 0)
		return 0;
	for (unsigned k = n; k < 6; k++)
		value *= 10;
	while (n < most && n < left && p[n] == '0')
		n++;
	*ret_micro = value;
	return n;
}

static int *
field_of(struct moment *m, enum piece piece)
{
	switch (piece) {
	case YEAR: return &m->year;
	case MONTH: return &m->month;
	case DAY: return &m->day;
	case HOUR: return &m->hour;
	case MINUTE: return &m->minute;
	default: return &m->second;
	}
}

static int
read_pattern(const char *pattern, const char *p, size_t length, struct moment *m)
{
	struct walk w = { pattern, 0, END, 0, 0 };
	size_t i = 0, n;

	for (next_piece(&w); w.piece != END; next_piece(&w)) {
		switch (w.piece) {
		case LITERAL:
			n = i < length && p[i] == w.literal;
			break;
		case FRACTION:
			n = fraction(p + i, length - i, w.width, &m->micro);
			break;
		case ZONE:
			n = zone(p + i, length - i, m);
			break;
		default:
			n = number(p + i, length - i, w.width != 0 ? w.width : 1, w.width != 0 ? w.width : 2, field_of(m, w.piece));
		}
		if (n == 0)
			return -1;
		i += n;
	}
	return i == length ? 0 : -1;
}

static int
read_iso(const char *p, size_t length, struct moment *m)
{
	size_t i = 10, n;

	if (length < 10 || read_pattern("YYYY-MM-DD", p, 10, m) != 0)
		return -1;
	if (i == length)
		return 0;
	if ((p[i] != 'T' && p[i] != 't' && p[i] != ' ') || length - i < 6 || read_pattern("HH:MI", p + i + 1, 5, m) != 0)
		return -1;
	i += 6;
	if (i < length && p[i] == ':') {
		if (number(p + i + 1, length - i - 1, 2, 2, &m->second) == 0)
			return -1;
		i += 3;
		if (i < length && (p[i] == '.' || p[i] == ',')) {
			n = fraction(p + i + 1, length - i - 1, 12, &m->micro);
			if (n == 0)
				return -1;
			i += 1 + n;
		}
	}
	if (i < length) {
		n = zone(p + i, length - i, m);
		if (n == 0)
			return -1;
		i += n;
	}
	return i == length ? 0 : -1;
}

int
syncline_days_from_date(int year, int month, int day, int64_t *ret_days)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t y, era, of_era, of_year;

	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap))
		return -1;
	/* Years that begin in March: the leap day is their last. */
	y = month <= 2 ? year - 1 : year;
	era = y / 400;
	of_era = y - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	*ret_days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
	return 0;
}

void
syncline_date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z, era, of_era, year, of_year, month;

	if (days < DATE_MIN)
		days = DATE_MIN;
	if (days > DATE_MAX)
		days = DATE_MAX;
	z = days + 719468;
	era = z / 146097;
	of_era = z - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	*ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (int)(year + era * 400 + (*ret_month <= 2));
}

/* Reads the text and checks all but the date itself. */
static int
read_moment(const char *pattern, const char *data, size_t length, struct moment *m, int64_t *ret_days)
{
	memset(m, 0, sizeof *m);
	if ((is_iso(pattern) ? read_iso(data, length, m) : read_pattern(pattern, data, length, m)) != 0)
		return -1;
	if (m->hour > 23 || m->minute > 59 || m->second > 59)
		return -1;
	return syncline_days_from_date(m->year, m->month, m->day, ret_days);
}

int
syncline_text_to_date(const char *pattern, const char *data, size_t length, int64_t *ret_days)
{
	struct moment m;
	int64_t days;

	if (is_iso(pattern) && length != 10)
		return -1;
	if (read_moment(pattern, data, length, &m, &days) != 0)
		return -1;
	*ret_days = days;
	return 0;
}

int
syncline_text_to_timestamp(const char *pattern, const char *data, size_t length, int64_t *ret_us, int *ret_has_zone)
{
	struct moment m;
	int64_t days, us;

	if (is_iso(pattern) && length == 10)
		return -1;
	if (read_moment(pattern, data, length, &m, &days) != 0)
		return -1;
	us = days * DAY_US + ((int64_t)m.hour * 3600 + m.minute * 60 + m.second - m.zone_s) * 1000000 + m.micro;
	if (us < DATE_MIN * DAY_US || us >= (DATE_MAX + 1) * DAY_US)
		return -1;
	*ret_us = us;
	if (ret_has_zone != NULL)
		*ret_has_zone = m.has_zone;
	return 0;
}

/* The number with at least so many digits; how many there are.  By hand: printf may want memory, and this must not fail. */
static size_t
digits_of(int number, unsigned least, char *text)
{
	size_t n = least, count = 1;

	for (int rest = number; rest >= 10; rest /= 10)
		count++;
	if (n < count)
		n = count;
	for (size_t i = n; i > 0; i--, number /= 10)
		text[i - 1] = (char)('0' + number % 10);
	return n;
}

/* Appends one piece; -1 when there is no room for it and a NUL. */
static int
write_piece(const struct walk *w, struct moment *m, char *buffer, size_t capacity, size_t *length)
{
	char text[16];
	size_t n = 1;

	switch (w->piece) {
	case LITERAL:
		text[0] = w->literal;
		break;
	case ZONE:
		text[0] = 'Z';
		break;
	case FRACTION:
		n = digits_of(m->micro, 6, text);
		if (n > w->width)
			n = w->width;
		break;
	default:
		n = digits_of(*field_of(m, w->piece), w->width != 0 ? w->width : 1, text);
	}
	if (n >= capacity - *length)
		return -1;
	memcpy(buffer + *length, text, n);
	*length += n;
	buffer[*length] = '\0';
	return 0;
}

static int
write_pattern(const char *pattern, struct moment *m, char *buffer, size_t capacity, size_t *ret_length)
{
	struct walk w = { pattern, 0, END, 0, 0 };
	size_t length = 0;

	if (capacity == 0)
		return -1;
	for (next_piece(&w); w.piece != END; next_piece(&w))
		if (write_piece(&w, m, buffer, capacity, &length) != 0)
			return -1;
	if (ret_length != NULL)
		*ret_length = length;
	return 0;
}

int
syncline_date_to_text(const char *pattern, int64_t days, char *buffer, size_t capacity, size_t *ret_length)
{
	struct moment m;

	if (days < DATE_MIN || days > DATE_MAX)
		return -1;
	memset(&m, 0, sizeof m);
	syncline_date_from_days(days, &m.year, &m.month, &m.day);
	return write_pattern(is_iso(pattern) ? "YYYY-MM-DD" : pattern, &m, buffer, capacity, ret_length);
}

int
syncline_timestamp_to_text(const char *pattern, int64_t us, char *buffer, size_t capacity, size_t *ret_length)
{
	struct moment m;
	int64_t days = us / DAY_US - (us % DAY_US < 0), of_day = us - days * DAY_US;

	if (days < DATE_MIN || days > DATE_MAX)
		return -1;
	memset(&m, 0, sizeof m);
	syncline_date_from_days(days, &m.year, &m.month, &m.day);
	m.micro = (int)(of_day % 1000000);
	of_day /= 1000000;
	m.hour = (int)(of_day / 3600);
	m.minute = (int)(of_day / 60 % 60);
	m.second = (int)(of_day % 60);
	if (is_iso(pattern))
		pattern = m.micro != 0 ? "YYYY-MM-DDTHH:MI:SS.FFFFFFZ" : "YYYY-MM-DDTHH:MI:SSZ";
	return write_pattern(pattern, &m, buffer, capacity, ret_length);
}
