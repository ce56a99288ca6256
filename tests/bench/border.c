/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * border.c: what the border between agent and connector costs.  Reads made-up customers (12 columns, 245 bytes) from the test
 * connector, once with it loaded into this process and once with it in its own, and prints both and their difference.
 * Usage: border [records]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "host/connector.h"

#define ROUNDS 3

static const struct syncline_settings none = { .struct_size = sizeof none };
static const struct syncline_object object = { .struct_size = sizeof object, .alias = "customer", .native = "customers", .settings = &none };

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Processor time of this process and of the children that have ended. */
static double
processor(void)
{
	struct rusage children;

	getrusage(RUSAGE_CHILDREN, &children);
	return seconds(CLOCK_PROCESS_CPUTIME_ID) + (double)children.ru_utime.tv_sec + (double)children.ru_utime.tv_usec / 1e6 +
	       (double)children.ru_stime.tv_sec + (double)children.ru_stime.tv_usec / 1e6;
}

static int
read_through(bool direct, long records, double *ret_wall, double *ret_busy, double *ret_bytes)
{
	struct syncline_setting setting = { .struct_size = sizeof setting, .type = SYNCLINE_PARAM_INTEGER, .integer = records, .name = "records", .text = "" };
	struct syncline_settings settings = { .struct_size = sizeof settings, .count = 1, .items = &setting };
	struct syncline_read_request request = { .struct_size = sizeof request, .full = 1 };
	struct connector_options options = { .system = "bench", .settings = &settings, .direct = direct };
	struct connector_read_state state = { 0 };
	struct connector_read *reader;
	struct connector *c;
	struct error err = { 0 };
	struct batch *batch;
	char path[1024];
	double wall, busy = processor(), bytes = 0;
	long count = 0;

	snprintf(path, sizeof path, "%s/tests/connectors/.libs/good.so", getenv("SYNCLINE_BUILD") != NULL ? getenv("SYNCLINE_BUILD") : ".");
	options.path = path;
	if (connector_start(&options, &c, &err) != 0 || connector_read_open(c, &object, &request, &reader, &err) != 0) {
		fprintf(stderr, "border: %s\n", err.message);
		return -1;
	}
	wall = seconds(CLOCK_MONOTONIC);
	while (!state.end) {
		if (connector_read_next(reader, &batch, &state, &err) != 0) {
			fprintf(stderr, "border: %s\n", err.message);
			return -1;
		}
		count += batch->header->record_count;
		bytes += batch->size;
		batch_free(batch);
	}
	*ret_wall = seconds(CLOCK_MONOTONIC) - wall;
	*ret_bytes = bytes / (double)count;
	connector_read_close(reader);
	connector_stop(c);
	*ret_busy = processor() - busy;
	return count == records ? 0 : -1;
}

int
main(int argc, char **argv)
{
	long records = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	double wall, busy, best[2] = { 1e9, 1e9 }, best_busy[2] = { 1e9, 1e9 }, bytes = 0;

	if (records <= 0) {
		fputs("usage: border [records]\n", stderr);
		return 64;
	}
	/* Turn by turn, the best of each: what else the machine does hits both. */
	for (int round = 0; round < ROUNDS; round++)
		for (int way = 0; way < 2; way++) {
			if (read_through(way == 0, records, &wall, &busy, &bytes) != 0)
				return 1;
			best[way] = wall < best[way] ? wall : best[way];
			best_busy[way] = busy < best_busy[way] ? busy : best_busy[way];
		}
	for (int way = 0; way < 2; way++)
		printf("%-12s %10.0f records/s %7.3f us/record, processor %7.3f us\n", way == 0 ? "direct" : "own process",
		       (double)records / best[way], best[way] * 1e6 / (double)records, best_busy[way] * 1e6 / (double)records);
	printf("border       %+.3f us/record wall, %+.3f us/record processor; %.0f bytes a record in the batch\n",
	       (best[1] - best[0]) * 1e6 / (double)records, (best_busy[1] - best_busy[0]) * 1e6 / (double)records, bytes);
	return 0;
}
