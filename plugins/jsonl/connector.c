/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector.c: what the connector is and how an instance begins and ends.
 */
#include <stdlib.h>

#include "jsonl.h"

#define TEXT_PARAM(where, kind, its_name, its_default, its_help) \
	{ .struct_size = sizeof(struct syncline_param), .type = kind, .scope = where, .name = its_name, .default_value = its_default, .help = its_help }
#define CHOICE_PARAM(where, its_name, its_default, its_help, ...) \
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_CHOICE, .scope = where, .name = its_name, \
	  .default_value = its_default, .help = its_help, .choices = (const char *const[]){ __VA_ARGS__, NULL } }
#define SYSTEM SYNCLINE_SCOPE_SYSTEM
#define OBJECT SYNCLINE_SCOPE_OBJECT

static const struct syncline_param params[] = {
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_PATH, .scope = SYSTEM,
	  .flags = SYNCLINE_PARAM_REQUIRED | SYNCLINE_PARAM_WRITABLE, .name = "directory",
	  .help = "The folder that the files are read from, and written to where import_directory is not set." },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_PATH, .scope = SYSTEM, .flags = SYNCLINE_PARAM_WRITABLE,
	  .name = "import_directory", .help = "The folder that files are written to." },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_PATH, .scope = SYSTEM, .flags = SYNCLINE_PARAM_WRITABLE,
	  .name = "archive_directory", .help = "The folder that files go to when all their records are durable; not set: they stay." },
	CHOICE_PARAM(SYSTEM, "complete", "stable", "How a file is known to be complete: its name appears when it is, a marker file does, or it rests.",
	             "rename", "marker", "stable"),
	TEXT_PARAM(SYSTEM, SYNCLINE_PARAM_DURATION, "complete_pause", "2s", "Stable: how long a file must have rested."),
	TEXT_PARAM(SYSTEM, SYNCLINE_PARAM_TEXT, "marker", ".done", "Marker: the second file's name, * standing for the file's; without * it is added behind."),
	CHOICE_PARAM(SYSTEM, "decimals", "number", "How decimals are written.", "number", "text"),
	TEXT_PARAM(SYSTEM, SYNCLINE_PARAM_BOOLEAN, "nested", "true", "Write a field a.b as member b of an object a."),
	CHOICE_PARAM(SYSTEM, "sync", "write", "Files under one name: durable with each call, or at the end alone (for exports that can be made again).",
	             "write", "finish"),
	TEXT_PARAM(SYSTEM, SYNCLINE_PARAM_DURATION, "remember", "24h", "How long the keys of attempts that were written are kept."),
	CHOICE_PARAM(SYSTEM, "leftover", "keep", "Files under one name: what a broken run left is gone on with, or thrown away.", "keep", "discard"),
	TEXT_PARAM(OBJECT, SYNCLINE_PARAM_TEXT, "op_member", NULL, "The member that says create, update or delete; not set: deletions are refused."),
	CHOICE_PARAM(OBJECT, "snapshot", "all", "A full read takes all files together, or the last by name alone.", "all", "newest"),
};

static const struct syncline_part parts[] = {
	{ "source/1", &source_part }, { "sink/1", &sink_part },         { "find/1", &find_part },
	{ "count/1", &count_part },   { "discover/1", &discover_part }, { "check/1", &check_part },
};

static const struct syncline_capabilities capabilities = {
	.struct_size = sizeof(struct syncline_capabilities),
	.read_full = SYNCLINE_NATIVE, .read_delta = SYNCLINE_NATIVE, .get = SYNCLINE_EMULATED, .find = SYNCLINE_EMULATED, .count = SYNCLINE_EMULATED,
	.idempotency = SYNCLINE_NATIVE, .idempotency_retention_ms = INT64_C(24) * 3600 * 1000,
	.create = SYNCLINE_NATIVE, .update = SYNCLINE_NATIVE, .remove = SYNCLINE_NATIVE, /* with op_member alone */
};

const char *
setting(const struct instance *c, const struct syncline_object *object, const char *name, const char *otherwise)
{
	return syncline_setting_text(object->settings, c->settings, name, otherwise);
}

static uint32_t
open_instance(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
              struct syncline_error *err)
{
	struct instance *c = calloc(1, sizeof *c);

	(void)call;
	if (c == NULL)
		return syncline_fail_memory(err);
	c->host = host;
	c->settings = settings;
	c->batch = syncline_service(host, "batch/1", sizeof *c->batch, err);
	if (c->batch != NULL)
		c->clock = syncline_service(host, "clock/1", sizeof *c->clock, err);
	if (c->clock == NULL) {
		free(c);
		return SYNCLINE_CONFIG;
	}
	c->log = syncline_service(host, "log/1", sizeof *c->log, NULL);
	*ret_instance = c;
	return SYNCLINE_OK;
}

static void
close_instance(void *instance)
{
	if (instance == NULL)
		return;
	collects_free(instance);
	free(instance);
}

SYNCLINE_EXPORT const struct syncline_connector *
syncline_connector(void)
{
	static const struct syncline_connector connector = {
		.struct_size = sizeof connector,
		.abi_major = SYNCLINE_ABI_MAJOR,
		.abi_minor = SYNCLINE_ABI_MINOR,
		.name = "jsonl",
		.version = "0.1.0",
		.summary = "Files with one JSON object a line, both ways",
		.vendor = "Syncline",
		.licence = "BSD-2-Clause",
		.params = params,
		.param_count = sizeof params / sizeof *params,
		.parts = parts,
		.part_count = sizeof parts / sizeof *parts,
		.capabilities = &capabilities,
		.open = open_instance,
		.close = close_instance,
	};

	return &connector;
}
