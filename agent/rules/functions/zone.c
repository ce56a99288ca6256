/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone.c: reads compiled zone files (TZif, RFC 8536, versions 1 to 4) with the suspicion that any file deserves, and converts
 * between instants and clock times.  After the last transition in the file its footer rules, a POSIX TZ string.
 */
#include "rules/functions/zone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define FILE_MAX (256u * 1024u)
#define TRANSITIONS_MAX 20000u
#define DAY INT64_C(86400)

/* When a rule of the footer changes the clock: "Mm.w.d", "Jn" or "n", and a time of day on the clock before the change. */
struct change {
	char kind; /* 'M', 'J' or '0' */
	int month, week, day;
	int32_t time;
};

struct footer {
	bool present, has_summer;
	int32_t offset, summer_offset; /* seconds east */
	struct change start, end;
};

struct zone {
	uint32_t count;
	int64_t *at;      /* instants, ascending */
	int32_t *offset;  /* from at[i] on */
	int32_t before;   /* before at[0] */
	struct footer footer;
};

struct reader {
	const unsigned char *p, *end;
};

void
zone_free(struct zone *zone)
{
	if (zone == NULL)
		return;
	free(zone->at);
	free(zone->offset);
	free(zone);
}

static uint32_t
big32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t
big_time(const unsigned char *p, unsigned size)
{
	if (size == 4)
		return (int32_t)big32(p);
	return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

/* A decimal number of at most `most`; false when there is none. */
static bool
number(const char **p, const char *end, int most, int *ret_value)
{
	int value = 0;
	const char *first = *p;

	for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
		value = value * 10 + (**p - '0');
		if (value > most)
			return false;
	}
	*ret_value = value;
	return *p > first;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool
clock_time(const char **p, const char *end, int most_hours, int32_t *ret_seconds)
{
	int sign = 1, hours, minutes = 0, seconds = 0;

	if (*p < end && (**p == '-' || **p == '+'))
		sign = *(*p)++ == '-' ? -1 : 1;
	if (!number(p, end, most_hours, &hours))
		return false;
	if (*p < end && **p == ':') {
		++*p;
		if (!number(p, end, 59, &minutes))
			return false;
		if (*p < end && **p == ':') {
			++*p;
			if (!number(p, end, 59, &seconds))
				return false;
		}
	}
	*ret_seconds = sign * (hours * 3600 + minutes * 60 + seconds);
	return true;
}

/* "CET" or "<+0530>". */
static bool
abbreviation(const char **p, const char *end)
{
	const char *first = *p;

	if (*p < end && **p == '<') {
		for (++*p; *p < end && **p != '>'; ++*p)
			;
		if (*p == end)
			return false;
		++*p;
		return *p - first > 2;
	}
	while (*p < end && ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z')))
		++*p;
	return *p - first >= 3;
}

static bool
change(const char **p, const char *end, struct change *ret_change)
{
	struct change found = { .kind = '0', .time = 7200 };

	if (*p == end || *(*p)++ != ',' || *p == end)
		return false;
	if (**p == 'M') {
		found.kind = 'M';
		++*p;
		if (!number(p, end, 12, &found.month) || found.month < 1 || *p == end || *(*p)++ != '.' ||
		    !number(p, end, 5, &found.week) || found.week < 1 || *p == end || *(*p)++ != '.' || !number(p, end, 6, &found.day))
			return false;
	} else {
		if (**p == 'J') {
			found.kind = 'J';
			++*p;
		}
		if (!number(p, end, 365, &found.day) || (found.kind == 'J' && found.day < 1))
			return false;
	}
	if (*p < end && **p == '/') {
		++*p;
		if (!clock_time(p, end, 167, &found.time))
			return false;
	}
	*ret_change = found;
	return true;
}

static bool
parse_footer(const char *p, const char *end, struct footer *ret_footer)
{
	struct footer footer = { 0 };

	if (p == end)
		return true;
	footer.present = true;
	if (!abbreviation(&p, end) || !clock_time(&p, end, 24, &footer.offset))
		return false;
	footer.offset = -footer.offset;
	if (p < end) {
		footer.has_summer = true;
		footer.summer_offset = footer.offset + 3600;
		if (!abbreviation(&p, end))
			return false;
		if (p < end && *p != ',') {
			if (!clock_time(&p, end, 24, &footer.summer_offset))
				return false;
			footer.summer_offset = -footer.summer_offset;
		}
		if (!change(&p, end, &footer.start) || !change(&p, end, &footer.end))
			return false;
	}
	if (p != end)
		return false;
	*ret_footer = footer;
	return true;
}

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

/* The header of 44 bytes; false when it is none or a count can't be. */
static bool
header(struct reader *in, struct counts *ret_counts, unsigned *ret_version)
{
	const unsigned char *p = in->p;

	if (in->end - p < 44 || memcmp(p, "TZif", 4) != 0)
		return false;
	*ret_version = p[4];
	*ret_counts = (struct counts){ big32(p + 20), big32(p + 24), big32(p + 28), big32(p + 32), big32(p + 36), big32(p + 40) };
	in->p += 44;
	return ret_counts->time <= TRANSITIONS_MAX && ret_counts->type >= 1 && ret_counts->type <= 256 && ret_counts->chars <= 4096 &&
	       ret_counts->leap <= 4096 && ret_counts->isut <= 256 && ret_counts->isstd <= 256;
}

static size_t
block_size(const struct counts *counts, unsigned time_size)
{
	return (size_t)counts->time * (time_size + 1) + (size_t)counts->type * 6 + counts->chars +
	       (size_t)counts->leap * (time_size + 4) + counts->isstd + counts->isut;
}

/* The transitions of a block that is known to be there.  NULL: fine, else what is wrong. */
static const char *
block(struct reader *in, const struct counts *counts, unsigned time_size, struct zone *zone)
{
	const unsigned char *times = in->p, *indexes = times + (size_t)counts->time * time_size, *types = indexes + counts->time;

	if (counts->leap != 0)
		return "it counts leap seconds";
	zone->at = calloc((size_t)counts->time + 1, sizeof *zone->at);
	zone->offset = calloc((size_t)counts->time + 1, sizeof *zone->offset);
	if (zone->at == NULL || zone->offset == NULL)
		return "there is no memory";
	for (uint32_t i = 0; i < counts->type; i++) {
		int32_t offset = (int32_t)big32(types + (size_t)i * 6);

		if (offset < -26 * 3600 || offset > 26 * 3600)
			return "an offset is beyond 26 hours";
	}
	for (uint32_t i = 0; i < counts->time; i++) {
		if (indexes[i] >= counts->type)
			return "a transition leads to a type that is not there";
		zone->at[i] = big_time(times + (size_t)i * time_size, time_size);
		zone->offset[i] = (int32_t)big32(types + (size_t)indexes[i] * 6);
		if (i > 0 && zone->at[i] <= zone->at[i - 1])
			return "its transitions are not in order";
		if (zone->at[i] > INT64_C(1) << 59 || zone->at[i] < -(INT64_C(1) << 60))
			return "a transition is beyond all time";
	}
	zone->count = counts->time;
	zone->before = (int32_t)big32(types);
	in->p += block_size(counts, time_size);
	return NULL;
}

static const char *
parse(struct reader *in, struct zone *zone)
{
	struct counts counts;
	unsigned version, again;
	const char *fault, *line;

	if (!header(in, &counts, &version) || (size_t)(in->end - in->p) < block_size(&counts, 4))
		return "it is not a compiled zone file, or it is cut off";
	if (version == 0)
		return block(in, &counts, 4, zone);
	in->p += block_size(&counts, 4);
	if (!header(in, &counts, &again) || (size_t)(in->end - in->p) < block_size(&counts, 8))
		return "its second part is missing or cut off";
	if ((fault = block(in, &counts, 8, zone)) != NULL)
		return fault;
	if (in->p == in->end || *in->p++ != '\n' || (line = memchr(in->p, '\n', (size_t)(in->end - in->p))) == NULL ||
	    !parse_footer((const char *)in->p, line, &zone->footer))
		return "the rule at its end is damaged";
	return NULL;
}

struct zone *
zone_parse(const void *data, size_t size, const char *name, struct error *err)
{
	struct reader in = { data, (const unsigned char *)data + size };
	struct zone *zone = calloc(1, sizeof *zone);
	const char *fault;

	if (zone == NULL) {
		error_memory(err);
		return NULL;
	}
	if ((fault = parse(&in, zone)) == NULL)
		return zone;
	zone_free(zone);
	error_set(err, ERROR_RULES_ZONE, "Install the system's time zone data again (package tzdata).", "the zone file of %s can't be used: %s",
	          name, fault);
	return NULL;
}

static const char *
place(const char *directory)
{
	static const char *const usual[] = { "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo" };

	if (directory != NULL)
		return directory;
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (access(usual[i], R_OK | X_OK) == 0)
			return usual[i];
	return usual[0];
}

/* Letters, digits, _ + - and slashes between parts that are neither empty nor begin with a dot: no way out of the directory. */
static bool
is_zone_name(const char *name, size_t length)
{
	if (length == 0 || length > 64 || name[0] == '/' || name[length - 1] == '/')
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		if (c == '/' ? name[i + 1] == '/'
		             : !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-'))
			return false;
	}
	return true;
}

/* A regular file of at most FILE_MAX bytes; the bytes read, or -1 with errno. */
static ssize_t
read_file(int at, const char *path, unsigned char *data)
{
	struct stat status;
	size_t length = 0;
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > (off_t)FILE_MAX) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	while (length < FILE_MAX) {
		ssize_t got = read(fd, data + length, FILE_MAX - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			close(fd);
			return -1;
		}
		if (got == 0)
			break;
		length += (size_t)got;
	}
	close(fd);
	return (ssize_t)length;
}

struct zone *
zone_load(const char *directory, const char *name, size_t name_length, struct error *err)
{
	struct buffer path;
	struct zone *zone = NULL;
	unsigned char *data = NULL;
	char shown[80];
	ssize_t size;

	snprintf(shown, sizeof shown, "%.*s", (int)(name_length < 64 ? name_length : 64), name);
	if (!is_zone_name(name, name_length)) {
		error_set(err, ERROR_RULES_ZONE, "Names are as in 'Europe/Berlin'.", "'%s' is not the name of a time zone", shown);
		return NULL;
	}
	buffer_init(&path, 4096);
	if (buffer_format(&path, "%s/%s", place(directory), shown) != 0 || buffer_string(&path) == NULL || (data = malloc(FILE_MAX)) == NULL)
		error_memory(err);
	else if ((size = read_file(AT_FDCWD, buffer_string(&path), data)) < 0)
		error_set(err, ERROR_RULES_ZONE, "Names are as in 'Europe/Berlin'; the system's zone data (package tzdata) must be installed.",
		          "there is no time zone '%s' in %s: %s", shown, place(directory), strerror(errno));
	else
		zone = zone_parse(data, (size_t)size, shown, err);
	free(data);
	buffer_free(&path);
	return zone;
}

/* Days since 1970 of the day in this year on which the change happens. */
static int64_t
change_day(const struct change *when, int64_t year)
{
	static const unsigned char lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	int64_t first;
	int weekday, day, last;

	if (when->kind != 'M') {
		text_days_from_date(year, 1, 1, &first);
		if (when->kind == 'J')
			return first + when->day - 1 + (leap && when->day >= 60 ? 1 : 0);
		return first + when->day;
	}
	text_days_from_date(year, when->month, 1, &first);
	weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	day = (when->day - weekday + 7) % 7 + (when->week - 1) * 7;
	last = lengths[when->month - 1] + (when->month == 2 && leap ? 1 : 0);
	while (day >= last)
		day -= 7;
	return first + day;
}

/* Year of a second, kept within what text_days_from_date knows. */
static int64_t
year_of(int64_t seconds)
{
	int64_t days = seconds / DAY - (seconds % DAY < 0);
	int year, month, day;

	if (days < TEXT_DATE_MIN)
		return 1;
	if (days > TEXT_DATE_MAX)
		return 9999;
	text_date_from_days(days, &year, &month, &day);
	return year;
}

static int32_t
footer_at(const struct footer *footer, int64_t utc)
{
	int64_t year, start, end;
	bool summer;

	if (!footer->has_summer)
		return footer->offset;
	year = year_of(utc + footer->offset);
	start = change_day(&footer->start, year) * DAY + footer->start.time - footer->offset;
	end = change_day(&footer->end, year) * DAY + footer->end.time - footer->summer_offset;
	summer = start < end ? utc >= start && utc < end : utc >= start || utc < end;
	return summer ? footer->summer_offset : footer->offset;
}

/* The same for what a clock shows: a change counts from the later of the two times that clocks show at it. */
static int32_t
footer_at_clock(const struct footer *footer, int64_t clock)
{
	int64_t year, start, end, forward;
	bool summer;

	if (!footer->has_summer)
		return footer->offset;
	year = year_of(clock);
	forward = (int64_t)footer->summer_offset - footer->offset;
	start = change_day(&footer->start, year) * DAY + footer->start.time + (forward > 0 ? forward : 0);
	end = change_day(&footer->end, year) * DAY + footer->end.time - (forward < 0 ? forward : 0);
	summer = start < end ? clock >= start && clock < end : clock >= start || clock < end;
	return summer ? footer->summer_offset : footer->offset;
}

int32_t
zone_offset(const struct zone *zone, int64_t utc)
{
	uint32_t low = 0, high = zone->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (zone->at[middle] <= utc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->footer.present)
		return footer_at(&zone->footer, utc);
	return low == 0 ? zone->before : zone->offset[low - 1];
}

int64_t
zone_from_clock(const struct zone *zone, int64_t clock)
{
	uint32_t low = 0, high = zone->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int32_t before = middle == 0 ? zone->before : zone->offset[middle - 1], after = zone->offset[middle];

		if (zone->at[middle] + (before > after ? before : after) <= clock)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->footer.present)
		return clock - footer_at_clock(&zone->footer, clock);
	return clock - (low == 0 ? zone->before : zone->offset[low - 1]);
}

/* "# version 2025b" in tzdata.zi, or all of FreeBSD's +VERSION. */
static bool
said_version(const char *text, size_t length, struct buffer *out)
{
	static const char mark[] = "# version ";
	size_t from = length > sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0 ? sizeof mark - 1 : 0, to;

	for (to = from; to < length && to - from < 16 && ((text[to] >= '0' && text[to] <= '9') || (text[to] >= 'a' && text[to] <= 'z')); to++)
		;
	return to - from >= 5 && buffer_append(out, text + from, to - from) == 0;
}

/* Adds up FNV-1a over name and content of every file, so that the order of the directory does not matter. */
static int
hash_files(const char *path, unsigned depth, unsigned char *data, uint64_t *sum)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int result = 0, number;

	if (directory == NULL)
		return -1;
	while (result == 0 && (entry = readdir(directory)) != NULL) {
		struct stat status;
		uint64_t hash = UINT64_C(0xcbf29ce484222325);
		struct buffer deeper;
		ssize_t size;

		if (entry->d_name[0] == '.' || fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(status.st_mode) && depth < 4) {
			buffer_init(&deeper, 4096);
			if (buffer_format(&deeper, "%s/%s", path, entry->d_name) != 0 || buffer_string(&deeper) == NULL ||
			    hash_files(buffer_string(&deeper), depth + 1, data, sum) != 0)
				result = -1;
			buffer_free(&deeper);
		} else if (S_ISREG(status.st_mode) && (size = read_file(dirfd(directory), entry->d_name, data)) >= 4 &&
		           memcmp(data, "TZif", 4) == 0) {
			for (const char *c = entry->d_name; *c != '\0'; c++)
				hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
			for (ssize_t i = 0; i < size; i++)
				hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
			*sum += hash;
		}
	}
	number = errno;
	closedir(directory);
	errno = number;
	return result;
}

int
zone_data_version(const char *directory, struct buffer *out, struct error *err)
{
	static const char *const files[] = { "tzdata.zi", "+VERSION", "version" };
	unsigned char *data = malloc(FILE_MAX);
	uint64_t sum = 0;
	int result = 0, hashed;

	if (data == NULL)
		return error_memory(err);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct buffer path;
		char line[40];
		ssize_t got = -1;
		int fd;

		buffer_init(&path, 4096);
		if (buffer_format(&path, "%s/%s", place(directory), files[i]) == 0 && buffer_string(&path) != NULL &&
		    (fd = open(buffer_string(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) >= 0) {
			got = read(fd, line, sizeof line);
			close(fd);
		}
		result = path.failed == BUFFER_NO_MEMORY ? error_memory(err) : 0;
		buffer_free(&path);
		if (result != 0 || (got > 0 && said_version(line, (size_t)got, out)))
			goto out;
	}
	hashed = out->failed ? -1 : hash_files(place(directory), 0, data, &sum);
	if (out->failed || (hashed != 0 && errno == ENOMEM))
		result = error_memory(err);
	else if (hashed != 0)
		result = error_set(err, ERROR_RULES_ZONE, "Install the system's time zone data (package tzdata).",
		                   "the time zone data in %s can't be read: %s", place(directory), strerror(errno));
	else if (buffer_format(out, "%016llx", (unsigned long long)sum) != 0)
		result = error_memory(err);
out:
	free(data);
	return result;
}
