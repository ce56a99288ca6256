/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_config.c: any bytes as one configuration file.  Whatever they are, loading ends with a model or with a reason for each
 * refusal, and what it allocated is freed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_source source = { "fuzz.conf", (const char *)data, size, size > 0 && data[0] == '!' };
	const struct config_options options = { .sources = &source, .source_count = 1, .describe = fake_describe };
	struct diagnostics d;
	struct model *model = NULL;
	int result;

	if (size > (size_t)64 * 1024)
		return 0;
	diagnostics_init(&d);
	result = config_load(&options, &model, &d);
	if (result == 0 && (model == NULL || d.count != 0))
		abort();
	if (result != 0 && (model != NULL || (d.count == 0 && !d.no_memory)))
		abort();
	for (size_t i = 0; i < d.count; i++) {
		const struct error *err = &d.items[i].error;

		if (err->message[0] == '\0' || (err->hint[0] == '\0' && err->code != ERROR_MEMORY))
			abort();
		/* What the scanner lets pass, libconfig takes: it has no words for a mistake and loses memory over one. */
		if (err->code == ERROR_CONFIG_SYNTAX && strncmp(err->message, "the file cannot be read from here on", 36) == 0)
			abort();
	}
	config_free(model);
	diagnostics_free(&d);
	return 0;
}
