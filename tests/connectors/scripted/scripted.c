/* SPDX-License-Identifier: BSD-2-Clause */
/* scripted.c: what the connector is, and its settings. */
#include <stdlib.h>
#include <time.h>

#include "scripted.h"

#if WAY == WAY_UPSERT
#define NAME "scripted-upsert"
#elif WAY == WAY_KEY
#define NAME "scripted-key"
#elif WAY == WAY_FORGETS
#define NAME "scripted-forgets"
#elif WAY == WAY_FIND
#define NAME "scripted-find"
#else
#define NAME "scripted-none"
#endif

static const char *const fault_names[FAULT_COUNT] = { NULL, "applies-late", "answers-late", "indexes-late", "fails-applied", "loses-answer", "dies",
	"fails", "throttles", "reads-fail" };

#define PARAM(t, n, h, d) { .struct_size = sizeof(struct syncline_param), .type = t, .scope = SYNCLINE_SCOPE_SYSTEM, .name = n, .help = h, .default_value = d }
static const struct syncline_param params[] = {
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_PATH, .scope = SYNCLINE_SCOPE_SYSTEM,
	  .flags = SYNCLINE_PARAM_REQUIRED | SYNCLINE_PARAM_WRITABLE, .name = "world", .help = "The file that is the system." },
	PARAM(SYNCLINE_PARAM_LIST, "faults", "What goes wrong.", ""),
	PARAM(SYNCLINE_PARAM_INTEGER, "every", "On every so many items, each kind of fault.", "3"),
	PARAM(SYNCLINE_PARAM_INTEGER, "seed", "Not 0: on items chosen by it instead, as often.", "0"),
	PARAM(SYNCLINE_PARAM_INTEGER, "times", "How often at most, each kind of fault.", "3"),
	PARAM(SYNCLINE_PARAM_DURATION, "late", "When what applies late takes effect.", "150ms"),
	PARAM(SYNCLINE_PARAM_INTEGER, "late_calls", "After how many more calls it does if that is earlier.", "1000"),
	PARAM(SYNCLINE_PARAM_DURATION, "opens", "How long it takes to be opened.", "0ms"),
	PARAM(SYNCLINE_PARAM_TEXT, "gateway", "The server before it: no part of which system it is.", NULL),
	PARAM(SYNCLINE_PARAM_DURATION, "lag", "How long find misses what is indexed late.", "150ms"),
};

static const struct syncline_part parts[] = {
	{ "source/1", &scripted_source }, { "sink/1", &scripted_sink }, { "count/1", &scripted_count }, { "content/1", &scripted_content },
	{ "find/1", &scripted_find },
};

static const struct syncline_capabilities capabilities = {
	.struct_size = sizeof(struct syncline_capabilities),
	.read_full = SYNCLINE_NATIVE, .get = SYNCLINE_NATIVE, .count = SYNCLINE_NATIVE, .content = SYNCLINE_NATIVE, .create = SYNCLINE_NATIVE,
	.update = SYNCLINE_NATIVE, .remove = SYNCLINE_NATIVE, .partial_update = SYNCLINE_NATIVE, .conditional_write = SYNCLINE_NATIVE,
	.upsert = WAY == WAY_UPSERT ? SYNCLINE_NATIVE : SYNCLINE_NONE,
	.idempotency = WAY == WAY_KEY || WAY == WAY_FORGETS ? SYNCLINE_NATIVE : SYNCLINE_NONE,
	.find = WAY == WAY_FIND || WAY == WAY_FORGETS ? SYNCLINE_NATIVE : SYNCLINE_NONE,
	.idempotency_retention_ms = WAY == WAY_KEY || WAY == WAY_FORGETS ? RETENTION_MS : 0,
	.find_lag_ms = WAY == WAY_FIND || WAY == WAY_FORGETS ? LAG_MS : 0,
	.settle_ms = SETTLE_MS, .write_batch_max = WAY == WAY_FIND ? 500 : 3,
};

static uint32_t
want_faults(struct world *world, struct syncline_error *err)
{
	uint32_t count;
	const char *const *names = syncline_setting_list(NULL, world->settings, "faults", &count);

	for (uint32_t i = 0; i < count; i++) {
		int fault = FAULT_COUNT - 1;

		if (names[i][0] == '\0')
			continue;
		while (fault > FAULT_NONE && strcmp(fault_names[fault], names[i]) != 0)
			fault--;
		if (fault == FAULT_NONE)
			return syncline_fail(err, SYNCLINE_CONFIG, "There is no fault \"%s\".", names[i]);
		world->wanted[fault] = true;
	}
	if (world->every < 1 || world->late_ms > SETTLE_MS || world->lag_ms > LAG_MS)
		return syncline_fail(err, SYNCLINE_CONFIG, "every is below 1, or late or lag are above what the connector declares.");
	return SYNCLINE_OK;
}

static uint32_t
open_world(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
           struct syncline_error *err)
{
	struct world *world = calloc(1, sizeof *world);
	int64_t opens = syncline_setting_integer(NULL, settings, "opens", 0);
	struct timespec pause = { .tv_sec = (time_t)(opens / 1000), .tv_nsec = (long)(opens % 1000) * 1000000 };
	uint32_t klass;

	(void)call;
	if (world == NULL)
		return syncline_fail_memory(err);
	nanosleep(&pause, NULL);
	world->host = host;
	world->settings = settings;
	world->every = syncline_setting_integer(NULL, settings, "every", 3);
	world->seed = syncline_setting_integer(NULL, settings, "seed", 0);
	world->times = syncline_setting_integer(NULL, settings, "times", 3);
	world->late_ms = syncline_setting_integer(NULL, settings, "late", 150);
	world->late_calls = syncline_setting_integer(NULL, settings, "late_calls", 1000);
	world->lag_ms = syncline_setting_integer(NULL, settings, "lag", 150);
	world->url = syncline_setting_text(NULL, settings, "gateway", "");
	if (world->url[0] != '\0' && (world->http = syncline_service(host, "http/1", sizeof *world->http, err)) == NULL) {
		free(world);
		return SYNCLINE_CONFIG;
	}
	world->batch = syncline_service(host, "batch/1", sizeof *world->batch, err);
	klass = world->batch == NULL ? SYNCLINE_CONFIG : want_faults(world, err);
	if (klass == SYNCLINE_OK)
		klass = world_open(world, err);
	if (klass != SYNCLINE_OK) {
		sqlite3_close_v2(world->db);
		free(world);
		return klass;
	}
	*ret_instance = world;
	return SYNCLINE_OK;
}

static void
close_world(void *instance)
{
	struct world *world = instance;

	sqlite3_close_v2(world->db);
	free(world);
}

static const struct syncline_connector connector = {
	.struct_size = sizeof connector, .abi_major = SYNCLINE_ABI_MAJOR, .abi_minor = SYNCLINE_ABI_MINOR, .name = NAME, .version = "1",
	.summary = "A world for tests, with faults by settings", .vendor = "Syncline", .licence = "BSD-2-Clause", .params = params,
	.param_count = sizeof params / sizeof *params, .parts = parts,
	.part_count = sizeof parts / sizeof *parts - (WAY == WAY_FIND || WAY == WAY_FORGETS ? 0 : 1), .capabilities = &capabilities,
	.open = open_world, .close = close_world,
};

const struct syncline_connector *
syncline_connector(void)
{
	return &connector;
}
