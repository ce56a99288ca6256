/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_fake.c: descriptors without functions behind them; see config_fake.h.
 */
#include "config_fake.h"

#include <string.h>

#define PARAM(kind, where, more, word, value, low, high, says) \
	{ sizeof(struct syncline_param), SYNCLINE_PARAM_##kind, SYNCLINE_SCOPE_##where, more, word, says, value, NULL, low, high }

static const char *const line_ends[] = { "LF", "CRLF", NULL };
static const struct syncline_param csv_params[] = {
	PARAM(PATH, SYSTEM, SYNCLINE_PARAM_REQUIRED, "directory", NULL, 0, 0, "The folder that files are read from."),
	PARAM(PATH, SYSTEM, SYNCLINE_PARAM_WRITABLE, "import_directory", NULL, 0, 0, "The folder that files are written to."),
	PARAM(TEXT, SYSTEM, 0, "delimiter", ",", 0, 0, "What stands between two columns."),
	PARAM(TEXT, SYSTEM, 0, "encoding", "UTF-8", 0, 0, "The character set of the files."),
	PARAM(TEXT, SYSTEM, 0, "decimal_mark", ".", 0, 0, "What stands before the decimals."),
	PARAM(TEXT, SYSTEM, 0, "thousands_mark", NULL, 0, 0, "What stands between thousands."),
	PARAM(TEXT, SYSTEM, 0, "date_format", "YYYY-MM-DD", 0, 0, "How dates are written."),
	PARAM(LIST, SYSTEM, 0, "null_if", NULL, 0, 0, "Texts that mean that there is no value."),
	PARAM(LIST, SYSTEM, 0, "trim", "left,right", 0, 0, "Where blanks are removed."),
	PARAM(INTEGER, SYSTEM, 0, "skip_rows", "0", 0, 1000, "Rows before the header, 0 to 1000."),
	PARAM(DURATION, SYSTEM, 0, "settle", "10s", 0, 86400000, "How long a file must be at rest, as in \"10s\"."),
	PARAM(SIZE, SYSTEM, 0, "buffer", "64KiB", 4096, 16777216, "Bytes that are read at once."),
	PARAM(BOOLEAN, SYSTEM, 0, "headless", "false", 0, 0, "Whether the first row holds values already."),
	{ sizeof(struct syncline_param), SYNCLINE_PARAM_CHOICE, SYNCLINE_SCOPE_SYSTEM, 0, "line_end", "How lines end.", "LF", line_ends, 0, 0 },
	PARAM(BOOLEAN, OBJECT, 0, "header", "true", 0, 0, "Whether there is a row of names."),
};
static const struct syncline_param rest_params[] = {
	PARAM(URL, SYSTEM, SYNCLINE_PARAM_REQUIRED, "base_url", NULL, 0, 0, "Where the API is, as in \"https://crm.example.com/api\"."),
	PARAM(TEXT, SYSTEM, 0, "client_id", NULL, 0, 0, "The name of the client."),
	PARAM(SECRET, SYSTEM, SYNCLINE_PARAM_REQUIRED, "client_secret", NULL, 0, 0, "The secret of the client."),
	PARAM(SECRET, SYSTEM, 0, "token", NULL, 0, 0, "A token instead."),
};
static const struct syncline_param desk_params[] = {
	PARAM(URL, SYSTEM, SYNCLINE_PARAM_REQUIRED, "base_url", NULL, 0, 0, "Where it is."),
	PARAM(SECRET, SYSTEM, 0, "client_secret", NULL, 0, 0, "The secret of the client."),
	PARAM(TEXT, SYSTEM, 0, "client_id", NULL, 0, 0, "The name of the client."),
	PARAM(SECRET, SYSTEM, 0, "token", NULL, 0, 0, "A token instead."),
};
static const struct syncline_param webdav_params[] = {
	PARAM(URL, SYSTEM, SYNCLINE_PARAM_REQUIRED, "base_url", NULL, 0, 0, "Where the folders are."),
	PARAM(TEXT, SYSTEM, 0, "user", NULL, 0, 0, "Who logs in."),
	PARAM(SECRET, SYSTEM, 0, "password", NULL, 0, 0, "With which password."),
};

static const struct syncline_source_v1 source = { .struct_size = sizeof source };
static const struct syncline_sink_v1 sink = { .struct_size = sizeof sink };
static const struct syncline_content_v1 content = { .struct_size = sizeof content };
static const struct syncline_webhook_v1 webhook = { .struct_size = sizeof webhook };
static const struct syncline_part all_parts[] = { { "source/1", &source }, { "sink/1", &sink }, { "content/1", &content }, { "webhook/1", &webhook } };
static const struct syncline_part sink_part[] = { { "sink/1", &sink } };

static const struct syncline_capabilities able = {
	.struct_size = sizeof able, .read_full = SYNCLINE_NATIVE, .read_delta = SYNCLINE_NATIVE, .find = SYNCLINE_EMULATED, .create = SYNCLINE_NATIVE,
	.update = SYNCLINE_NATIVE, .remove = SYNCLINE_NATIVE, .conditional_write = SYNCLINE_NATIVE, .content = SYNCLINE_NATIVE,
};
static const struct syncline_capabilities folder_able = {
	.struct_size = sizeof folder_able, .create = SYNCLINE_NATIVE, .update = SYNCLINE_NATIVE, .upsert = SYNCLINE_NATIVE, .content = SYNCLINE_NATIVE,
};
static const struct syncline_capabilities weak = { .struct_size = sizeof weak, .create = SYNCLINE_NATIVE, .update = SYNCLINE_NATIVE };

#define CONNECTOR(word, list, parts_of, parts_used, can) \
	{ .struct_size = sizeof(struct syncline_connector), .abi_major = SYNCLINE_ABI_MAJOR, .name = word, .params = list, \
	  .param_count = sizeof list / sizeof list[0], .parts = parts_of, .part_count = parts_used, .capabilities = can }
static const struct syncline_connector connectors[] = {
	CONNECTOR("csv", csv_params, all_parts, 3, &able),
	CONNECTOR("rest", rest_params, all_parts, 4, &able),
	CONNECTOR("rest2", desk_params, all_parts, 4, &able),
	CONNECTOR("webdav", webdav_params, all_parts, 3, &folder_able),
	{ .struct_size = sizeof(struct syncline_connector), .name = "feed", .parts = sink_part, .part_count = 1, .capabilities = &weak },
};

const struct syncline_connector *
fake_describe(void *ctx, const char *connector_name, struct error *err)
{
	const char *relaxed = ctx; /* another row for "rest" */

	for (size_t i = 0; i < sizeof connectors / sizeof connectors[0]; i++)
		if (strcmp(connectors[i].name, relaxed != NULL && strcmp(connector_name, "rest") == 0 ? relaxed : connector_name) == 0)
			return &connectors[i];
	error_set(err, ERROR_CONFIG_REFERENCE, "syncline connectors lists those that are installed.", "there is no connector %s", connector_name);
	return NULL;
}
