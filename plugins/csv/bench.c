/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.c: how many rows a second become records: the whole way from the file to the batch service, which here only counts.
 *
 *     bench-csv FILE KEY [DELIMITER [ENCODING [GROUP_INTO]]]
 *
 * Prints records, seconds, rows and bytes a second.  Memory is shown by the caller (time -v).
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "csv.h"

static uint64_t records, values, bytes, rejects;
static uint32_t in_batch;

static uint32_t
set_fields(struct syncline_batch *batch, const struct syncline_field *fields, uint32_t count, struct syncline_error *err)
{
	(void)batch, (void)fields, (void)count, (void)err;
	return SYNCLINE_OK;
}

static uint32_t
set_origin(struct syncline_batch *batch, const char *origin, struct syncline_error *err)
{
	(void)batch, (void)origin, (void)err;
	in_batch = 0;
	return SYNCLINE_OK;
}

static uint32_t
add(struct syncline_batch *batch, const struct syncline_record *record, struct syncline_error *err)
{
	(void)batch, (void)err;
	records++;
	in_batch++;
	rejects += record->op == SYNCLINE_OP_REJECT;
	values += record->value_count;
	for (uint32_t i = 0; i < record->value_count; i++)
		bytes += record->values[i].length;
	return SYNCLINE_OK;
}

static uint32_t
full(const struct syncline_batch *batch)
{
	(void)batch;
	return in_batch >= 1000;
}

static const struct syncline_batch_service_v1 service = {
	.struct_size = sizeof service, .set_fields = set_fields, .set_origin = set_origin, .add = add, .full = full
};

static const void *
get_service(const struct syncline_host *host, const char *id)
{
	(void)host;
	return strcmp(id, "batch/1") == 0 ? &service : NULL;
}

static int
read_all(void *instance, const struct syncline_object *object)
{
	const struct syncline_call call = { .struct_size = sizeof call, .correlation = "" };
	const struct syncline_read_request request = { .struct_size = sizeof request };
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct syncline_error err = { .struct_size = sizeof err };
	void *reader;
	uint32_t result = csv_source.open_read(instance, &call, object, &request, &reader, &err);

	if (result != SYNCLINE_OK) {
		fprintf(stderr, "%s %s\n", err.message, err.hint);
		return 1;
	}
	while (result == SYNCLINE_OK && !state.end)
		result = csv_source.next(reader, &call, NULL, &state, &err);
	if (result != SYNCLINE_OK)
		fprintf(stderr, "%s %s\n", err.message, err.hint);
	csv_source.close_read(reader);
	return result != SYNCLINE_OK;
}

int
main(int argc, char **argv)
{
	const struct syncline_host host = { .struct_size = sizeof host, .get_service = get_service };
	const struct syncline_call call = { .struct_size = sizeof call, .correlation = "" };
	const struct syncline_settings none = { .struct_size = sizeof none };
	struct syncline_setting items[4] = {
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_PATH, .name = "directory", .configured = 1 },
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_CHOICE, .name = "complete", .text = "rename", .configured = 1 },
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_TEXT, .name = "delimiter", .text = ",", .configured = 1 },
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_TEXT, .name = "encoding", .text = "UTF-8", .configured = 1 },
	};
	const struct syncline_settings settings = { .struct_size = sizeof settings, .count = 4, .items = items };
	struct syncline_object object = { .struct_size = sizeof object, .alias = "bench", .key_count = 1, .settings = &none };
	struct syncline_error err = { .struct_size = sizeof err };
	struct timespec from, to;
	const char *key;
	char *folder, *name;
	void *instance;
	double seconds;
	int status = 1;

	if (argc < 3) {
		fprintf(stderr, "usage: bench-csv FILE KEY [DELIMITER [ENCODING [GROUP_INTO]]]\n");
		return 2;
	}
	folder = strdup(argv[1]);
	name = strdup(argv[1]);
	if (folder == NULL || name == NULL) {
		fprintf(stderr, "There is no memory.\n");
		goto out;
	}
	items[0].text = dirname(folder);
	if (argc > 3)
		items[2].text = argv[3];
	if (argc > 4)
		items[3].text = argv[4];
	if (argc > 5)
		object.group_into = argv[5];
	object.native = basename(name);
	key = argv[2];
	object.key = &key;
	if (syncline_connector()->open(&host, &call, &settings, &instance, &err) != SYNCLINE_OK) {
		fprintf(stderr, "%s %s\n", err.message, err.hint);
		goto out;
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	status = read_all(instance, &object);
	clock_gettime(CLOCK_MONOTONIC, &to);
	syncline_connector()->close(instance);
	if (status != 0)
		goto out;
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("%llu records (%llu rejects), %llu values of %llu bytes in %.3f s: %.0f rows/s\n", (unsigned long long)records,
	       (unsigned long long)rejects, (unsigned long long)values, (unsigned long long)bytes, seconds, (double)records / seconds);
out:
	free(folder);
	free(name);
	return status;
}
