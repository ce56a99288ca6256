/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * csv.c: the connector's descriptor with its parameters, and opening and closing an instance.
 */
#include <stdlib.h>
#include <time.h>

#include "csv.h"

#define SYSTEM(kind, name_, default_, help_, ...)                                                                      \
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_##kind, .scope = SYNCLINE_SCOPE_SYSTEM,  \
	  .name = name_, .default_value = default_, .help = help_, ##__VA_ARGS__ }
#define OBJECT(kind, name_, help_, ...)                                                                                \
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_##kind, .scope = SYNCLINE_SCOPE_OBJECT,  \
	  .name = name_, .help = help_, ##__VA_ARGS__ }
/* In both scopes; an object's own value counts for it. */
#define BOTH(kind, name_, default_, ...)                                                                               \
	SYSTEM(kind, name_, default_, __VA_ARGS__), OBJECT(kind, name_, __VA_ARGS__)

static const char *const escapes[] = { "doubled", "backslash", NULL };
static const char *const file_choices[] = { "newest", "all", NULL };
static const char *const order_choices[] = { "name", "time", NULL };
static const char *const complete_choices[] = { "stable", "rename", "marker", NULL };
static const char *const archive_choices[] = { "none", "move", "delete", NULL };
static const char *const empty_choices[] = { "error", "ok", NULL };
static const char *const publish_choices[] = { "batch", "run", NULL };
static const char *const quoting_choices[] = { "needed", "always", NULL };
static const char *const line_end_choices[] = { "lf", "crlf", NULL };

static const struct syncline_param params[] = {
	/* Written to as well: archiving moves files out of it. */
	BOTH(PATH, "directory", NULL, "Folder that files are read from.", .flags = SYNCLINE_PARAM_WRITABLE),
	BOTH(PATH, "import_directory", NULL, "Folder that files are written to.", .flags = SYNCLINE_PARAM_WRITABLE),
	BOTH(PATH, "archive_directory", NULL, "Folder that files are moved to once their rows are durable.", .flags = SYNCLINE_PARAM_WRITABLE),
	BOTH(PATH, "content_directory", NULL, "Folder of the documents that a content column names; default: directory."),
	BOTH(TEXT, "delimiter", ",", "Character between two values, or \\t for a tab."),
	BOTH(TEXT, "quote", "\"", "Character around values that hold delimiters or line ends; empty: none."),
	BOTH(CHOICE, "escape", "doubled", "How a quote stands inside a quoted value.", .choices = escapes),
	BOTH(TEXT, "encoding", "UTF-8", "Encoding of the files, a name that iconv(1) knows."),
	BOTH(BOOLEAN, "header", "true", "The first row names the columns."),
	BOTH(LIST, "columns", NULL, "Names of the columns, in order; instead of a header, or in place of its names."),
	BOTH(INTEGER, "skip_lines", "0", "Lines before the header that are skipped.", .maximum = 1000000),
	BOTH(TEXT, "comment", "", "Lines that begin so are skipped; empty: none."),
	BOTH(BOOLEAN, "trim", "false", "Drop blanks and tabs around values that are not quoted."),
	BOTH(TEXT, "decimal_mark", ".", "Mark before the decimals."),
	BOTH(TEXT, "thousands_mark", "", "Mark between groups of three digits; empty: none."),
	BOTH(TEXT, "date_format", "YYYY-MM-DD", "Format of dates; several are separated by |, the first is written."),
	BOTH(TEXT, "timestamp_format", "ISO", "Format of times; several are separated by |, the first is written."),
	BOTH(TEXT, "utc_offset", "+00:00", "Offset of times that name no zone."),
	BOTH(LIST, "null_if", NULL, "Texts that mean that there is no value; the first is written for null."),
	BOTH(LIST, "true_if", "true,yes,1", "Texts that mean true in a boolean column; the first is written."),
	BOTH(LIST, "false_if", "false,no,0", "Texts that mean false in a boolean column; the first is written."),
	BOTH(CHOICE, "files", "newest", "Which of the complete files a full read takes.", .choices = file_choices),
	BOTH(CHOICE, "order", "name", "What the order of files is by.", .choices = order_choices),
	BOTH(CHOICE, "complete", "stable", "How a file is known to be complete.", .choices = complete_choices),
	BOTH(DURATION, "stable_for", "2s", "How long size and time of a file must stay as they are.", .maximum = 86400000),
	BOTH(TEXT, "marker", ".done", "End of the marker file's name, which says that the file is complete; * stands for its name."),
	BOTH(CHOICE, "archive", "none", "What becomes of a file once its rows are durable.", .choices = archive_choices),
	BOTH(CHOICE, "empty", "error", "What a file without rows is.", .choices = empty_choices),
	BOTH(SIZE, "row_max", "1MiB", "Longest row.", .minimum = 1024, .maximum = SYNCLINE_RECORD_MAX),
	BOTH(SIZE, "key_memory", "8MiB", "Memory for telling whether the rows of a key stand together.", .minimum = 65536, .maximum = INT64_C(1) << 30),
	BOTH(TEXT, "file_name", "{object}_{stamp}.csv", "Name of written files: {object}, {stamp}, {date}, {key}."),
	BOTH(CHOICE, "publish", "batch", "A file per batch of writes, or one for the whole run.", .choices = publish_choices),
	BOTH(CHOICE, "quoting", "needed", "Which values are quoted in written files.", .choices = quoting_choices),
	BOTH(CHOICE, "line_end", "lf", "Line end of written files.", .choices = line_end_choices),
	BOTH(BOOLEAN, "bom", "false", "Written files begin with a byte-order mark."),
	OBJECT(LIST, "import_columns", "Columns of written files, in order; default: the key and the fields that are written."),
	BOTH(TEXT, "op_column", "", "Column of written files that says create, update or delete; empty: none."),
	BOTH(LIST, "op_values", "create,update,delete", "The three words of op_column."),
	BOTH(TEXT, "attempt_column", "", "Column of written files that holds the key of the attempt; empty: none."),
	BOTH(DURATION, "remember", "24h", "How long the keys of written attempts are kept.", .minimum = 3600000, .maximum = INT64_C(31536000000)),
};

int64_t
csv_wall_us(const struct csv_instance *in)
{
	struct timespec now;

	if (in->clock != NULL)
		return in->clock->wall_us(in->host);
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
csv_monotonic_ms(const struct csv_instance *in)
{
	struct timespec now;

	if (in->clock != NULL)
		return in->clock->monotonic_ms(in->host);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
close_instance(void *instance)
{
	struct csv_instance *in = instance;

	if (in == NULL)
		return;
	csv_sinks_free(in);
	free(in);
}

/* An object of no name takes all system settings and so checks them. */
static uint32_t
check_settings(const struct csv_instance *in, struct syncline_error *err)
{
	const struct syncline_settings none = { .struct_size = sizeof none };
	const struct syncline_object nobody = { .struct_size = sizeof nobody, .alias = "", .native = "", .settings = &none };
	struct csv_codec *codec = NULL;
	struct csv_object *o;
	uint32_t result = csv_object_new(in, &nobody, &o, err);

	if (result != SYNCLINE_OK)
		return result;
	if ((result = csv_codec_new(o->encoding, false, &codec, err)) == SYNCLINE_OK) {
		csv_codec_free(codec);
		codec = NULL;
		if ((result = csv_codec_new(o->encoding, true, &codec, err)) == SYNCLINE_OK)
			csv_codec_free(codec);
	}
	csv_object_free(o);
	return result;
}

static uint32_t
open_instance(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
              struct syncline_error *err)
{
	struct csv_instance *in = calloc(1, sizeof *in);
	uint32_t result = SYNCLINE_OK;

	(void)call;
	if (in == NULL)
		return syncline_fail_memory(err);
	in->host = host;
	in->settings = settings;
	in->log = host->get_service(host, "log/1");
	in->clock = host->get_service(host, "clock/1");
	in->batch = syncline_service(host, "batch/1", sizeof *in->batch, err);
	if (in->batch == NULL)
		result = SYNCLINE_CONFIG;
	else
		result = check_settings(in, err);
	if (result != SYNCLINE_OK)
		free(in);
	else
		*ret_instance = in;
	return result;
}

static const struct syncline_part parts[] = {
	{ "source/1", &csv_source }, { "sink/1", &csv_sink }, { "find/1", &csv_find }, { "count/1", &csv_count }, { "digest/1", &csv_digest },
	{ "discover/1", &csv_discover }, { "content/1", &csv_content }, { "check/1", &csv_check },
};

static const struct syncline_capabilities capabilities = {
	.struct_size = sizeof capabilities,
	.read_full = SYNCLINE_NATIVE,
	.read_delta = SYNCLINE_NATIVE,
	.get = SYNCLINE_EMULATED,
	.find = SYNCLINE_EMULATED,
	.count = SYNCLINE_EMULATED,
	.digest = SYNCLINE_EMULATED,
	.content = SYNCLINE_NATIVE,
	.create = SYNCLINE_NATIVE,
	.update = SYNCLINE_NATIVE,
	.remove = SYNCLINE_NATIVE, /* with op_column alone */
	.idempotency = SYNCLINE_NATIVE,
	.idempotency_retention_ms = INT64_C(24) * 3600 * 1000,
};

static const struct syncline_connector connector = {
	.struct_size = sizeof connector,
	.abi_major = SYNCLINE_ABI_MAJOR,
	.abi_minor = SYNCLINE_ABI_MINOR,
	.name = "csv",
	.version = "0.1.0",
	.summary = "CSV files that are exchanged through folders",
	.vendor = "Syncline",
	.licence = "BSD-2-Clause",
	.params = params,
	.param_count = sizeof params / sizeof params[0],
	.part_count = sizeof parts / sizeof parts[0],
	.parts = parts,
	.capabilities = &capabilities,
	.open = open_instance,
	.close = close_instance,
};

const struct syncline_connector *
syncline_connector(void)
{
	return &connector;
}
