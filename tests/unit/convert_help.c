/* SPDX-License-Identifier: BSD-2-Clause */
/* convert_help.c: see convert_help.h. */
#include "convert_help.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "connectors.h"

const char stand_customers[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" from: { connector = \"csv\"; settings: { directory = \"@/in\"; complete = \"rename\"; };"
	"  objects: { things: { native = \"customers.csv\"; key = [ \"id\" ]; reads = \"full\"; }; }; };"
	" to: { connector = \"jsonl\"; access = \"write\"; settings: { directory = \"@/out\"; };"
	"  objects: { things: { native = \"out.jsonl\"; key = [ \"id\" ]; external_key = \"ext\"; }; }; }; };"
	"entities: { customer: { owner = \"from\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; max_length = 40; }; size: { type = \"integer\"; }; }; }; };"
	"\nflows: { f: { entity = \"customer\"; bindings: {"
	"\n from: { object = \"things\"; trigger: { file = true; }; originates = true;"
	"\n  map = ( [ \"number\", \"id\" ], [ \"name\", \"name\" ] );"
	"\n  read: { size = \"nullif(size, '')\"; }; };"
	"\n to: { object = \"things\"; create_if = \"coalesce(size, 0) <> 99\"; map = ( [ \"number\", \"id\" ], [ \"name\", \"name\" ], [ \"size\", \"size\" ] ); }; }; }; };";

struct stand *
stand_new(bool direct)
{
	struct stand *stand = calloc(1, sizeof *stand);
	const char *tmp = getenv("TMPDIR");
	char path[1024];

	assert_non_null(stand);
	assert_non_null(getenv("SYNCLINE_CONNECTORS"));
	assert_non_null(getenv("SYNCLINE_BUILD"));
	snprintf(stand->dir, sizeof stand->dir, "%s/syncline-convert.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(stand->dir));
	snprintf(stand->connectors, sizeof stand->connectors, "%s/connectors", stand->dir);
	assert_int_equal(mkdir(stand->connectors, 0700), 0);
	assert_int_equal(mkdir(stand_path(stand, "in"), 0700), 0);
	assert_int_equal(mkdir(stand_path(stand, "out"), 0700), 0);
	assert_int_equal(mkdir(stand_path(stand, "temp"), 0700), 0);
	stand->tmpdir = tmp != NULL ? strdup(tmp) : NULL;
	assert_int_equal(setenv("TMPDIR", stand_path(stand, "temp"), 1), 0);
	assert_int_equal(connectors_link(getenv("SYNCLINE_CONNECTORS"), stand->connectors), 0);
	snprintf(path, sizeof path, "%s/tests/connectors/.libs", getenv("SYNCLINE_BUILD"));
	assert_int_equal(connectors_link(path, stand->connectors), 0);
	stand->systems = (struct systems){ .connector_dir = stand->connectors, .direct = direct };
	stand->options = (struct convert_options){ .flow = "f", .from = "from", .to = "to" };
	return stand;
}

void
stand_clear(struct stand *stand)
{
	for (uint32_t i = 0; i < stand->reject_count; i++) {
		const struct convert_reject *r = &stand->rejects[i];
		const char *const texts[] = { r->origin, r->native_id, r->field, r->rule, r->rule_file, r->value, r->reason, r->hint };

		for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
			free((void *)(uintptr_t)texts[k]);
	}
	stand->reject_count = 0;
	stand->progressed = 0;
}

void
stand_free(struct stand *stand)
{
	char command[400];

	stand_clear(stand);
	config_free(stand->model);
	snprintf(command, sizeof command, "rm -rf '%s'", stand->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(stand->tmpdir != NULL ? setenv("TMPDIR", stand->tmpdir, 1) : unsetenv("TMPDIR"), 0);
	free(stand->tmpdir);
	free(stand);
}

const char *
stand_path(struct stand *stand, const char *name)
{
	static char path[1024];

	snprintf(path, sizeof path, "%s/%s", stand->dir, name);
	return path;
}

/* As if it had been written long ago: connectors leave files alone that may still grow. */
static void
settle(struct stand *stand, const char *name)
{
	const struct timespec times[2] = { { 1767225600, 0 }, { 1767225600, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, stand_path(stand, name), times, 0), 0);
}

FILE *
stand_open(struct stand *stand, const char *name)
{
	FILE *file = fopen(stand_path(stand, name), "wb");

	assert_non_null(file);
	return file;
}

void
stand_close(struct stand *stand, const char *name, FILE *file)
{
	assert_int_equal(fclose(file), 0);
	settle(stand, name);
}

void
stand_write(struct stand *stand, const char *name, const char *text, size_t length)
{
	FILE *file = stand_open(stand, name);

	assert_int_equal(fwrite(text, 1, length, file), length);
	stand_close(stand, name, file);
}

void
stand_text(struct stand *stand, const char *name, const char *text)
{
	stand_write(stand, name, text, strlen(text));
}

char *
stand_read(struct stand *stand, const char *name)
{
	FILE *file = fopen(stand_path(stand, name), "rb");
	struct stat stat;
	char *text;

	if (file == NULL)
		fail_msg("%s: %s", name, strerror(errno));
	assert_int_equal(fstat(fileno(file), &stat), 0);
	text = calloc(1, (size_t)stat.st_size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)stat.st_size, file), stat.st_size);
	fclose(file);
	return text;
}

void
stand_configure(struct stand *stand, const char *text)
{
	struct config_source source = { .name = "test.conf" };
	struct config_options options = { .sources = &source, .source_count = 1 };
	struct diagnostics diagnostics;
	struct buffer whole;

	buffer_init(&whole, 0);
	for (; *text != '\0'; text++)
		if (*text == '@')
			buffer_text(&whole, stand->dir);
		else
			buffer_char(&whole, *text);
	source.data = whole.data;
	source.length = whole.length;
	config_free(stand->model);
	stand->model = NULL;
	diagnostics_init(&diagnostics);
	if (config_load(&options, &stand->model, &diagnostics) != 0)
		fail_msg("%s: %s (%s)", diagnostics.items[0].error.place, diagnostics.items[0].error.message, diagnostics.items[0].error.hint);
	diagnostics_free(&diagnostics);
	buffer_free(&whole);
}

static void
keep_reject(void *data, const struct convert_reject *reject)
{
	struct stand *stand = data;
	struct convert_reject *to;

	if (stand->reject_count == REJECTS_MAX)
		return;
	to = &stand->rejects[stand->reject_count++];
	*to = *reject;
	to->origin = strdup(reject->origin);
	to->native_id = strdup(reject->native_id);
	to->field = strdup(reject->field);
	to->rule = strdup(reject->rule);
	to->rule_file = strdup(reject->rule_file);
	to->value = strdup(reject->value);
	to->reason = strdup(reject->reason);
	to->hint = strdup(reject->hint);
}

static bool
count_progress(void *data, const struct convert_counts *counts)
{
	struct stand *stand = data;

	assert_true(counts->read > 0);
	return ++stand->progressed != stand->stop_after;
}

int
stand_convert(struct stand *stand)
{
	stand_clear(stand);
	stand->options.model = stand->model;
	stand->options.systems = &stand->systems;
	stand->options.rejected = keep_reject;
	stand->options.progress = count_progress;
	stand->options.data = stand;
	memset(&stand->err, 0, sizeof stand->err);
	return convert(&stand->options, &stand->counts, &stand->err);
}

void
stand_must(struct stand *stand)
{
	if (stand_convert(stand) != 0)
		fail_msg("%s: %s: %s (%s)", stand->err.place, stand->err.message, stand->err.detail, stand->err.hint);
}

unsigned
stand_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

void
stand_holds(struct stand *stand, const char *folder, const char *names)
{
	DIR *dir = opendir(stand_path(stand, folder));

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		size_t length = strlen(entry->d_name);
		const char *at = names;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		while ((at = strstr(at, entry->d_name)) != NULL && ((at > names && at[-1] != ' ') || (at[length] != ' ' && at[length] != '\0')))
			at++;
		if (at == NULL)
			fail_msg("%s/%s was left behind", folder, entry->d_name);
	}
	closedir(dir);
}

bool
stand_has_children(void)
{
	return waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD;
}

void
stand_rows(struct stand *stand, const char *name, unsigned count)
{
	FILE *file = stand_open(stand, name);

	fputs("id,name,size\n", file);
	for (unsigned i = 0; i < count; i++)
		fprintf(file, "C%06u,Name of %u,%u\n", i, i, i % 50);
	stand_close(stand, name, file);
}
