/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_bad.c: every mistake in tests/config/bad gives exactly the messages that stand beside it.  NAME.conf is read after
 * tests/config/base.conf, NAME.site.conf as the file of a --site folder.  With SYNCLINE_ACCEPT=1 the .expect files are written
 * anew, for a person to read.
 */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_fake.h"

struct text {
	char *data;
	size_t length;
};

static bool
slurp(const char *path, struct text *ret_text)
{
	FILE *file = fopen(path, "rb");
	size_t capacity = 1 << 20;

	if (file == NULL)
		return false;
	ret_text->data = malloc(capacity + 1);
	assert_non_null(ret_text->data);
	ret_text->length = fread(ret_text->data, 1, capacity, file);
	ret_text->data[ret_text->length] = '\0';
	fclose(file);
	return true;
}

static const char *
folder(void)
{
	static char path[2048];
	const char *source = getenv("SYNCLINE_SOURCE");

	snprintf(path, sizeof path, "%s/tests/config", source != NULL ? source : ".");
	return path;
}

static char *
path_of(const char *name, const char *ending)
{
	static char path[4096];

	snprintf(path, sizeof path, "%s/bad/%s%s", folder(), name, ending);
	return path;
}

/* All that is said about a configuration, as a person reads it. */
static void
say(const struct diagnostics *d, struct buffer *said)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct error *err = &d->items[i].error;

		buffer_format(said, "%s: %s: %s\n", err->place, error_name(err->code), err->message);
		for (const char *line = err->detail; *line != '\0';) {
			size_t length = strcspn(line, "\n");

			buffer_format(said, "    | %.*s\n", (int)length, line);
			line += length + (line[length] == '\n');
		}
		buffer_format(said, "    %s\n", err->hint);
	}
}

static void
load(const char *name, struct buffer *said)
{
	struct text base = { 0 }, bad = { 0 }, site = { 0 };
	struct config_source sources[3];
	struct config_options options = { .sources = sources, .source_count = 2, .describe = fake_describe };
	struct diagnostics d;
	struct model *model = NULL;
	char site_name[300], base_path[4096];

	snprintf(base_path, sizeof base_path, "%s/base.conf", folder());
	assert_true(slurp(base_path, &base));
	assert_true(slurp(path_of(name, ".conf"), &bad));
	sources[0] = (struct config_source){ "base.conf", base.data, base.length, false };
	sources[1] = (struct config_source){ name, bad.data, bad.length, false };
	snprintf(site_name, sizeof site_name, "site/%s", name);
	if (slurp(path_of(name, ".site.conf"), &site))
		sources[options.source_count++] = (struct config_source){ site_name, site.data, site.length, true };
	diagnostics_init(&d);
	assert_int_equal(config_load(&options, &model, &d), -1);
	assert_null(model);
	assert_true(d.count > 0);
	say(&d, said);
	diagnostics_free(&d);
	free(base.data);
	free(bad.data);
	free(site.data);
}

static bool
is_case(const char *file)
{
	size_t length = strlen(file);

	return length > 5 && strcmp(file + length - 5, ".conf") == 0 && (length < 10 || strcmp(file + length - 10, ".site.conf") != 0);
}

static void
compare(const char *name)
{
	struct text expected = { 0 };
	struct buffer said;
	FILE *out;

	buffer_init(&said, 0);
	load(name, &said);
	if (getenv("SYNCLINE_ACCEPT") != NULL) {
		out = fopen(path_of(name, ".expect"), "wb");
		assert_non_null(out);
		fwrite(said.data, 1, said.length, out);
		fclose(out);
	} else if (!slurp(path_of(name, ".expect"), &expected)) {
		fail_msg("%s.expect is missing", name);
	} else if (strcmp(buffer_string(&said), expected.data) != 0) {
		fail_msg("%s gives\n%s\nand should give\n%s", name, buffer_string(&said), expected.data);
	}
	free(expected.data);
	buffer_free(&said);
}

static void
test_mistakes(void **state)
{
	char path[4096];
	struct dirent *entry;
	unsigned count = 0;
	DIR *dir;

	(void)state;
	snprintf(path, sizeof path, "%s/bad", folder());
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (is_case(entry->d_name)) {
			char name[256];

			snprintf(name, sizeof name, "%.*s", (int)(strlen(entry->d_name) - 5), entry->d_name);
			compare(name);
			count++;
		}
	closedir(dir);
	print_message("%u configurations with mistakes\n", count);
	assert_true(count >= 80);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mistakes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
