/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeps.c: a target whose contents can be looked at, whatever became of its process: each item's first value is a line at the end
 * of the file that the setting `path` names, and is reported after it is there.  Some values mean something: "refuse" is refused,
 * "fail" ends the write with an error that speaks for all behind it, and at "crash", "abort", "exit", "kill" and "hang" the write
 * never returns.
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define ON_OPEN                                                                        \
	for (uint32_t i = 0; i < settings->count; i++)                                 \
		if (strcmp(settings->items[i].name, "path") == 0)                      \
			snprintf(kept, sizeof kept, "%s", settings->items[i].text)
#define ON_WRITE return keep_all(batch, results, err)

#include <syncline/connector.h>

static char kept[1024];
static const struct syncline_param params[] = { { .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_PATH,
	.scope = SYNCLINE_SCOPE_SYSTEM, .name = "path", .help = "The file that keeps what is written." } };
#define PARAMS params
#define PARAM_COUNT 1
static uint32_t keep_all(struct syncline_batch *batch, const struct syncline_results *results, struct syncline_error *err);

#include "misbehave.h"

static int
is(const struct syncline_value *value, const char *word)
{
	return value->length == strlen(word) && memcmp(value->u.data, word, value->length) == 0;
}

static void
end_here(const struct syncline_value *value)
{
	int *volatile nowhere = (int *)8;

	if (is(value, "crash"))
		*nowhere = 1;
	if (is(value, "abort"))
		abort();
	if (is(value, "exit"))
		exit(0);
	if (is(value, "kill"))
		kill(getpid(), SIGKILL);
	while (is(value, "hang") || is(value, "kill"))
		pause();
}

static int
keep(const struct syncline_value *value)
{
	char line[256];
	int length = snprintf(line, sizeof line, "%.*s\n", (int)value->length, (const char *)value->u.data);
	int fd = open(kept, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600), failed;

	if (fd < 0)
		return -1;
	failed = write(fd, line, (size_t)length) != length;
	return close(fd) == 0 && !failed ? 0 : -1;
}

static uint32_t
keep_all(struct syncline_batch *batch, const struct syncline_results *results, struct syncline_error *err)
{
	for (uint32_t i = 0; i < batches->record_count(batch); i++) {
		struct syncline_error why = { .struct_size = sizeof why, .applied = SYNCLINE_APPLIED_NO, .message = "this one is refused" };
		struct syncline_write_result result = { .struct_size = sizeof result };
		struct syncline_record record = { .struct_size = sizeof record };
		const struct syncline_value *id;

		if (batches->record(batch, i, &record) != SYNCLINE_OK || record.value_count == 0)
			return SYNCLINE_INTERNAL;
		id = &record.values[0];
		end_here(id);
		if (is(id, "fail")) {
			snprintf(err->message, sizeof err->message, "%s", "the system is busy");
			err->applied = SYNCLINE_APPLIED_NO;
			return SYNCLINE_RETRY;
		}
		if (is(id, "refuse")) {
			result.error_class = SYNCLINE_INVALID;
			result.error = &why;
		} else {
			if (keep(id) != 0)
				return SYNCLINE_RETRY;
			result.native_id = (struct syncline_slice){ id->u.data, id->length };
			result.stored = &record;
		}
		results->report(results, i, &result);
	}
	return SYNCLINE_OK;
}
