/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discover.c: discover/1 and check/1: which files look like one object, what their columns seem to be, and whether the
 * folders are there.  A type is a guess from a sample; what looks like a number but has leading zeros stays text.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "csv.h"

#define SAMPLE 1000u

/* "KUNDEN_2026-02-28.csv" -> "KUNDEN_*.csv": a run of four or more digits, with what separates digits, is a stamp. */
static void
make_pattern(const char *name, char *buffer, size_t capacity)
{
	size_t n = 0;

	while (*name != '\0' && n + 2 < capacity) {
		size_t run = 0, digits = 0;

		for (const char *p = name; *p != '\0'; p++) {
			bool digit = *p >= '0' && *p <= '9';

			if (!digit && (run == 0 || strchr("-_.:T", *p) == NULL || p[1] < '0' || p[1] > '9'))
				break;
			digits += digit;
			run++;
		}
		if (digits >= 4) {
			buffer[n++] = '*';
			name += run;
			continue;
		}
		for (size_t i = 0; i < (run > 0 ? run : 1) && n + 3 < capacity; i++) {
			/* The name may hold what means something in a pattern. */
			if (strchr("*?[\\", name[i]) != NULL)
				buffer[n++] = '\\';
			buffer[n++] = name[i];
		}
		name += run > 0 ? run : 1;
	}
	buffer[n] = '\0';
}

static bool
looks_like_csv(const char *name)
{
	static const char *const ends[] = { ".csv", ".txt", ".tsv", ".tab", ".dat" };
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (name[0] != '.' && n > 4 && strcasecmp(name + n - 4, ends[i]) == 0)
			return true;
	return false;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The patterns of a folder's files, each once, sorted. */
static uint32_t
patterns(int folder, const char *path, struct csv_pool *pool, char ***ret_names, size_t *ret_count, struct syncline_error *err)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	char **names = NULL;
	size_t count = 0, room = 0, kept = 0;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return syncline_fail_errno(err, errno, "The folder %s can't be listed.", path);
	}
	while ((entry = readdir(dir)) != NULL) {
		char pattern[NAME_MAX * 2 + 4];
		struct stat st;

		if (!looks_like_csv(entry->d_name) || fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
			continue;
		if (count == room) {
			char **larger = realloc(names, (room * 2 + 16) * sizeof *names);

			if (larger == NULL)
				break;
			names = larger;
			room = room * 2 + 16;
		}
		make_pattern(entry->d_name, pattern, sizeof pattern);
		if ((names[count] = csv_pool_copy(pool, pattern, strlen(pattern))) == NULL)
			break;
		count++;
	}
	closedir(dir);
	if (entry != NULL) {
		free(names);
		return syncline_fail_memory(err);
	}
	if (count > 0)
		qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	*ret_names = names;
	*ret_count = kept;
	return SYNCLINE_OK;
}

static uint32_t
objects(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	const struct csv_instance *in = instance;
	const char *path = syncline_setting_text(NULL, in->settings, "directory", NULL);
	struct csv_pool pool = { 0 };
	char **names = NULL;
	size_t count = 0;
	uint32_t result;
	int folder;

	(void)call;
	if ((result = csv_folder_open(path, "directory", &folder, err)) != SYNCLINE_OK)
		return result;
	result = patterns(folder, path, &pool, &names, &count, err);
	for (size_t i = 0; result == SYNCLINE_OK && i < count; i++) {
		struct syncline_object_info info = { .struct_size = sizeof info, .native = names[i] };

		if (strlen(names[i]) <= SYNCLINE_NAME_MAX)
			findings->object(findings, &info);
	}
	if (result == SYNCLINE_OK && count == 0)
		findings->remark(findings, SYNCLINE_LOG_WARNING, NULL, "No file that ends with .csv, .txt, .tsv, .tab or .dat lies in the folder.",
		                 "Check the setting directory; files with other names can be configured all the same.");
	close(folder);
	free(names);
	csv_pool_free(&pool);
	return result;
}

struct guess {
	bool integer, decimal, date, timestamp, boolean, filled;
	bool any_mark;
	uint32_t scale; /* digits after the mark, UINT32_MAX: they differ */
	bool scaled;
};

static bool
leading_zero(const char *data, size_t length)
{
	size_t sign = length > 0 && (data[0] == '-' || data[0] == '+');

	return length > sign + 1 && data[sign] == '0' && data[sign + 1] >= '0' && data[sign + 1] <= '9';
}

static void
look_at(const struct csv_object *o, const char *data, size_t length, struct syncline_buffer *scratch, struct guess *g)
{
	struct syncline_value value;
	const char *point;
	uint32_t scale;

	if (length == 0 || csv_is_null(o, data, length))
		return;
	g->filled = true;
	g->integer = g->integer && csv_value_read(o, SYNCLINE_TYPE_INTEGER, data, length, scratch, &value) == 0;
	g->date = g->date && csv_value_read(o, SYNCLINE_TYPE_DATE, data, length, scratch, &value) == 0;
	g->timestamp = g->timestamp && csv_value_read(o, SYNCLINE_TYPE_TIMESTAMP, data, length, scratch, &value) == 0;
	/* 0 and 1 are rather numbers. */
	g->boolean = g->boolean && !(data[0] >= '0' && data[0] <= '9') && csv_value_read(o, SYNCLINE_TYPE_BOOLEAN, data, length, scratch, &value) == 0;
	syncline_buffer_clear(scratch);
	g->decimal = g->decimal && !leading_zero(data, length) && csv_value_read(o, SYNCLINE_TYPE_DECIMAL, data, length, scratch, &value) == 0;
	if (!g->decimal)
		return;
	point = memchr(value.u.data, '.', value.length);
	scale = point != NULL ? (uint32_t)((const char *)value.u.data + value.length - point - 1) : 0;
	g->any_mark |= point != NULL;
	g->scale = !g->scaled || g->scale == scale ? scale : UINT32_MAX;
	g->scaled = true;
}

static void
report(const struct csv_object *o, const struct syncline_findings *findings, const struct syncline_field *field, const struct guess *g)
{
	struct syncline_field f = *field;

	(void)o;
	f.scale = SYNCLINE_SCALE_UNKNOWN;
	if (f.type != SYNCLINE_TYPE_TEXT || !g->filled)
		;
	else if (g->integer)
		f.type = SYNCLINE_TYPE_INTEGER;
	else if (g->decimal && g->any_mark) {
		f.type = SYNCLINE_TYPE_DECIMAL;
		if (g->scale < SYNCLINE_SCALE_UNKNOWN)
			f.scale = (uint16_t)g->scale;
	} else if (g->date)
		f.type = SYNCLINE_TYPE_DATE;
	else if (g->timestamp)
		f.type = SYNCLINE_TYPE_TIMESTAMP;
	else if (g->boolean)
		f.type = SYNCLINE_TYPE_BOOLEAN;
	findings->field(findings, &f);
}

/* One column only, whose name holds what could be the delimiter. */
static void
doubt(const struct csv_object *o, const struct syncline_findings *findings, const struct syncline_field *fields, uint32_t count)
{
	static const char candidates[] = ";,\t|";
	char hint[64];

	for (const char *c = candidates; count == 1 && *c != '\0'; c++)
		if (*c != o->format.delimiter && strchr(fields[0].name, *c) != NULL) {
			snprintf(hint, sizeof hint, *c == '\t' ? "Set delimiter = \"\\\\t\"." : "Set delimiter = \"%c\".", *c);
			findings->remark(findings, SYNCLINE_LOG_WARNING, o->native, "The file has one column, whose name looks like several.", hint);
			return;
		}
}

static uint32_t
sample(const struct csv_object *o, const struct syncline_call *call, struct csv_table *table, const struct syncline_findings *findings,
       struct syncline_error *err)
{
	uint32_t count, result = SYNCLINE_OK;
	const struct syncline_field *fields = csv_table_fields(table, &count);
	struct guess *guesses = calloc(count + 1u, sizeof *guesses);
	const struct syncline_record *record;
	struct syncline_buffer scratch;
	unsigned rejects = 0;

	if (guesses == NULL)
		return syncline_fail_memory(err);
	syncline_buffer_init(&scratch, 0);
	if (syncline_buffer_reserve(&scratch, 4096) != 0)
		result = syncline_fail_memory(err);
	for (uint32_t i = 0; i < count; i++)
		guesses[i] = (struct guess){ .integer = true, .decimal = true, .date = true, .timestamp = true, .boolean = true };
	for (unsigned n = 0; result == SYNCLINE_OK && n < SAMPLE; n++) {
		if ((result = csv_table_next(table, call, &record, err)) != SYNCLINE_OK || record == NULL)
			break;
		rejects += record->op == SYNCLINE_OP_REJECT;
		for (uint32_t i = 0; record->op == SYNCLINE_OP_SEEN && i < record->value_count; i++)
			if (record->values[i].type == SYNCLINE_TYPE_TEXT)
				look_at(o, record->values[i].u.data, record->values[i].length, &scratch, &guesses[i]);
	}
	for (uint32_t i = 0; result == SYNCLINE_OK && i < count; i++)
		report(o, findings, &fields[i], &guesses[i]);
	if (result == SYNCLINE_OK && rejects > 0)
		findings->remark(findings, SYNCLINE_LOG_WARNING, o->native, "Some rows of the sample can't be read.",
		                 "Check delimiter, quote, encoding, header and skip_lines; a read lists each with its line.");
	doubt(o, findings, fields, count);
	syncline_buffer_free(&scratch);
	free(guesses);
	return result;
}

static uint32_t
fields(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_findings *findings,
       struct syncline_error *err)
{
	struct csv_files_found found = { .folder = -1, .archive = -1 };
	struct csv_table *table = NULL;
	struct csv_object *o;
	uint32_t result = csv_object_new(instance, object, &o, err);

	if (result != SYNCLINE_OK)
		return result;
	o->field_count = 0; /* what the columns are, not what a contract says of them */
	o->group_into = NULL;
	if ((result = csv_files_find(o, call, true, CSV_LOOK_FOLDER, &found, err)) == SYNCLINE_OK && found.count == 0) {
		result = syncline_fail(err, SYNCLINE_NOT_FOUND, "No complete file in %s matches %s.", o->directory, o->native);
		syncline_hint(err, "Check the pattern (native) and the setting directory.");
	}
	if (result == SYNCLINE_OK)
		result = csv_table_open(o, call, found.folder, found.items[found.count - 1].name, &table, err);
	if (result == SYNCLINE_OK)
		result = sample(o, call, table, findings, err);
	csv_table_close(table);
	csv_files_free(&found);
	csv_object_free(o);
	return result;
}

/* Finds what would fail later; remarks rather than the first error, so that all is said at once. */
static void
check_folder(const struct csv_instance *in, const struct syncline_findings *findings, const char *setting, int rights)
{
	const char *path = syncline_setting_text(NULL, in->settings, setting, NULL);
	char message[512];
	struct stat st;

	if (path == NULL)
		return;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		snprintf(message, sizeof message, "%s: %s is not there or not a folder.", setting, path);
		findings->remark(findings, SYNCLINE_LOG_ERROR, NULL, message, "Make the folder, mount it, or correct the setting.");
	} else if (faccessat(AT_FDCWD, path, rights, 0) != 0) {
		snprintf(message, sizeof message, "%s: %s can't be %s.", setting, path, rights & W_OK ? "written to" : "read");
		findings->remark(findings, SYNCLINE_LOG_ERROR, NULL, message, "Give the agent's user the right to it.");
	}
}

static uint32_t
check(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	const struct csv_instance *in = instance;
	bool archives = strcmp(syncline_setting_text(NULL, in->settings, "archive", "none"), "none") != 0;

	(void)call;
	(void)err;
	check_folder(in, findings, "directory", archives ? R_OK | W_OK | X_OK : R_OK | X_OK);
	check_folder(in, findings, "content_directory", R_OK | X_OK);
	check_folder(in, findings, "import_directory", R_OK | W_OK | X_OK);
	if (archives)
		check_folder(in, findings, "archive_directory", R_OK | W_OK | X_OK);
	return SYNCLINE_OK;
}

const struct syncline_discover_v1 csv_discover = { .struct_size = sizeof csv_discover, .objects = objects, .fields = fields };
const struct syncline_check_v1 csv_check = { .struct_size = sizeof csv_check, .check = check };
