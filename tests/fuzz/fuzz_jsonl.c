/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_jsonl.c: bytes as a line of JSON.  Whatever comes: members lie inside the line, a line without a fault is JSON by the
 * parser's other entry too, and numbers written without an exponent are decimals.
 */
#include <stdlib.h>
#include <string.h>

#include <syncline/helper.h>

#include "../../plugins/jsonl/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(int holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_line line;
	char *text = malloc(size + 1), *original = malloc(size + 1), digits[1000];

	if (text == NULL || original == NULL || (line.members == NULL && json_line_init(&line) != 0)) {
		free(text);
		free(original);
		return 0;
	}
	memcpy(text, data, size);
	memcpy(original, data, size);
	json_line_parse(&line, text, size);
	demand(line.count <= JSON_MEMBERS_MAX);
	demand(line.fault != NULL || json_is_value(original, size));
	demand(line.fault == NULL || line.fault_at <= size);
	for (uint32_t i = 0; !line.broken && i < line.count; i++) {
		const struct json_member *m = &line.members[i];

		demand(m->name_length > 0 && m->name >= text && m->name + m->name_length <= text + size && syncline_is_utf8(m->name, m->name_length));
		demand(m->length == 0 || (m->data >= text && m->data + m->length <= text + size));
		if (m->kind == JSON_TEXT)
			demand(syncline_is_utf8(m->data, m->length));
		if (m->kind == JSON_INTEGER || m->kind == JSON_DECIMAL)
			demand(syncline_is_decimal(m->data, m->length));
		if (m->kind == JSON_NESTED)
			demand(json_is_value(m->data, m->length));
		if (m->kind == JSON_EXPONENT) {
			size_t length = json_without_exponent(m->data, m->length, digits, sizeof digits);

			demand(length <= sizeof digits && (length == 0 || syncline_is_decimal(digits, length)));
		}
	}
	free(text);
	free(original);
	return 0;
}
