/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * far.c: a target behind a slow network, which anybody may look at.  Each item takes `delay`; what came of it is a line at the end of
 * `directory`/calls, written at once by one write(2):
 *
 *     FROM TO PROCESS create|update|delete ID NAME=VALUE …      times in microseconds
 *     FROM TO PROCESS call COUNT TRACEPARENT                   a whole call, that it takes
 *     FROM TO PROCESS refused MOOD                             one that it does not
 *
 * `directory`/mood says how it feels: "down" nobody answers; "auth" our credentials are refused; "throttle" it asks for fewer calls, and
 * "throttle 1500" says when it may be asked again.  No such file: all is well.  Ids are the external keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <syncline/connector.h>

static const struct syncline_batch_service_v1 *batches;
static char directory[1024];
static int64_t delay_ms;

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint32_t
open_far(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
         struct syncline_error *err)
{
	(void)call, (void)err;
	batches = host->get_service(host, "batch/1");
	for (uint32_t i = 0; i < settings->count; i++) {
		if (strcmp(settings->items[i].name, "directory") == 0)
			snprintf(directory, sizeof directory, "%s", settings->items[i].text);
		else if (strcmp(settings->items[i].name, "delay") == 0)
			delay_ms = settings->items[i].integer;
	}
	*ret_instance = directory;
	return SYNCLINE_OK;
}

static void
close_far(void *instance)
{
	(void)instance;
}

static int
keep_line(const char *line, size_t length)
{
	char path[1100];
	int fd, failed;

	snprintf(path, sizeof path, "%s/calls", directory);
	if ((fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return -1;
	failed = write(fd, line, length) != (ssize_t)length;
	return close(fd) == 0 && !failed ? 0 : -1;
}

static int
keep_call(int64_t from, const char *what, const char *about)
{
	char line[200];
	int length = snprintf(line, sizeof line, "%lld %lld %ld %s %s\n", (long long)from, (long long)now_us(), (long)getpid(), what, about);

	return keep_line(line, (size_t)length);
}

/* SYNCLINE_OK: it takes the call. */
static uint32_t
feel(uint32_t count, const char *traceparent, struct syncline_error *err)
{
	char path[1100], mood[128] = "";
	unsigned pause = 0;
	uint32_t klass = SYNCLINE_OK;
	int64_t from = now_us();
	FILE *file;

	snprintf(path, sizeof path, "%s/mood", directory);
	if ((file = fopen(path, "r")) == NULL) {
		snprintf(mood, sizeof mood, "%u %s", (unsigned)count, traceparent != NULL ? traceparent : "-");
		return keep_call(from, "call", mood) == 0 ? SYNCLINE_OK : SYNCLINE_INTERNAL;
	}
	if (fgets(mood, sizeof mood, file) == NULL)
		mood[0] = '\0';
	fclose(file);
	mood[strcspn(mood, "\n")] = '\0';
	err->applied = SYNCLINE_APPLIED_NO;
	if (strcmp(mood, "down") == 0) {
		klass = SYNCLINE_RETRY;
		snprintf(err->message, sizeof err->message, "connection refused");
	} else if (strcmp(mood, "auth") == 0) {
		klass = SYNCLINE_AUTH;
		snprintf(err->message, sizeof err->message, "the password is wrong");
	} else if (strncmp(mood, "throttle", 8) == 0) {
		klass = SYNCLINE_THROTTLED;
		snprintf(err->message, sizeof err->message, "too many requests");
		if (sscanf(mood, "throttle %u", &pause) == 1)
			err->retry_after_ms = pause;
	}
	if (keep_call(from, "refused", mood) != 0)
		return SYNCLINE_INTERNAL;
	return klass;
}

static void
take_time(void)
{
	struct timespec left = { .tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

static size_t
put_values(char *line, size_t used, size_t room, struct syncline_batch *batch, const struct syncline_record *record)
{
	for (uint32_t i = 0; i < record->value_count && used < room; i++) {
		const struct syncline_value *value = &record->values[i];
		struct syncline_field field = { .struct_size = sizeof field };

		if (value->type == SYNCLINE_TYPE_ABSENT || batches->field(batch, i, &field) != SYNCLINE_OK)
			continue;
		if (value->type == SYNCLINE_TYPE_TEXT)
			used += (size_t)snprintf(line + used, room - used, " %s=%.*s", field.name, (int)value->length, (const char *)value->u.data);
		else if (value->type == SYNCLINE_TYPE_INTEGER)
			used += (size_t)snprintf(line + used, room - used, " %s=%lld", field.name, (long long)value->u.integer);
	}
	return used;
}

/* Its id: that under which it is known, or the external key of one that is new. */
static struct syncline_slice
id_of(struct syncline_batch *batch, const struct syncline_object *object, const struct syncline_record *record)
{
	if (record->native_id.type == SYNCLINE_TYPE_TEXT && record->native_id.length > 0)
		return (struct syncline_slice){ record->native_id.u.data, record->native_id.length };
	for (uint32_t i = 0; i < record->value_count; i++) {
		struct syncline_field field = { .struct_size = sizeof field };

		if (batches->field(batch, i, &field) == SYNCLINE_OK && object->external_key != NULL && strcmp(field.name, object->external_key) == 0)
			return (struct syncline_slice){ record->values[i].u.data, record->values[i].length };
	}
	return (struct syncline_slice){ "", 0 };
}

static uint32_t
write_far(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
          const struct syncline_results *results, struct syncline_error *err)
{
	uint32_t klass = feel(batches->record_count(batch), call->traceparent, err);

	(void)instance;
	for (uint32_t i = 0; i < batches->record_count(batch) && klass == SYNCLINE_OK; i++) {
		struct syncline_write_result result = { .struct_size = sizeof result };
		struct syncline_record record = { .struct_size = sizeof record };
		int64_t from = now_us();
		char line[4096];
		size_t used;

		if (batches->record(batch, i, &record) != SYNCLINE_OK)
			return SYNCLINE_INTERNAL;
		take_time();
		result.native_id = id_of(batch, object, &record);
		used = (size_t)snprintf(line, sizeof line, "%lld %lld %ld %s %.*s", (long long)from, (long long)now_us(), (long)getpid(),
		                        record.op == SYNCLINE_OP_CREATE ? "create" : record.op == SYNCLINE_OP_DELETE ? "delete" : "update",
		                        (int)result.native_id.length, (const char *)result.native_id.data);
		used = put_values(line, used, sizeof line - 2, batch, &record);
		if (used > sizeof line - 2)
			return SYNCLINE_INTERNAL;
		line[used++] = '\n';
		if (keep_line(line, used) != 0)
			return SYNCLINE_INTERNAL;
		results->report(results, i, &result);
	}
	return klass;
}

static const struct syncline_sink_v1 sink = { .struct_size = sizeof sink, .write = write_far };
static const struct syncline_part parts[] = { { "sink/1", &sink } };
static const struct syncline_param params[] = {
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_PATH, .scope = SYNCLINE_SCOPE_SYSTEM, .flags = SYNCLINE_PARAM_REQUIRED,
	  .name = "directory", .help = "Where it keeps its calls and its mood." },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_DURATION, .scope = SYNCLINE_SCOPE_SYSTEM, .name = "delay",
	  .default_value = "0ms", .help = "How long one item takes.", .maximum = 60000 },
};
static const struct syncline_capabilities capabilities = { .struct_size = sizeof capabilities, .create = SYNCLINE_NATIVE, .update = SYNCLINE_NATIVE,
	.remove = SYNCLINE_NATIVE, .partial_update = SYNCLINE_NATIVE, .upsert = SYNCLINE_NATIVE, .write_batch_max = 10 };
static const struct syncline_connector far_connector = { .struct_size = sizeof far_connector, .abi_major = SYNCLINE_ABI_MAJOR,
	.abi_minor = SYNCLINE_ABI_MINOR, .name = "far", .version = "1", .params = params, .param_count = 2, .parts = parts, .part_count = 1,
	.capabilities = &capabilities, .open = open_far, .close = close_far };

const struct syncline_connector *
syncline_connector(void)
{
	return &far_connector;
}
