/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_drift.c: the contract of an object held against what its connector gives: a field that is gone or has another type is
 * told before anything of the batch is staged.
 */
#include <stdio.h>
#include <string.h>

#include "flow/read.h"
#include "rules/rules.h"

static bool
is_named(const char *name, const char *other)
{
	return other != NULL && strcmp(name, other) == 0;
}

/* Fields that a connector gives under other types than the system's own. */
static bool
is_special(const struct config_object *object, const char *name)
{
	return is_named(name, object->content) || is_named(name, object->group_into);
}

static const char *
type_word(uint8_t type)
{
	static const enum rules_type words[SYNCLINE_TYPE_COUNT] = {
		[SYNCLINE_TYPE_BOOLEAN] = RULES_BOOLEAN, [SYNCLINE_TYPE_INTEGER] = RULES_INTEGER, [SYNCLINE_TYPE_DECIMAL] = RULES_DECIMAL,
		[SYNCLINE_TYPE_TEXT] = RULES_TEXT, [SYNCLINE_TYPE_BYTES] = RULES_BYTES, [SYNCLINE_TYPE_TIMESTAMP] = RULES_TIMESTAMP,
		[SYNCLINE_TYPE_DATE] = RULES_DATE, [SYNCLINE_TYPE_JSON] = RULES_JSON, [SYNCLINE_TYPE_CONTENT] = RULES_CONTENT,
	};

	return type < SYNCLINE_TYPE_COUNT ? rules_type_name(words[type]) : "unknown";
}

static int
drifted(const struct config_object *object, const struct batch *batch, struct error *err, const char *field, const char *was, const char *is)
{
	struct syncline_slice origin = batch_origin(batch);
	char hint[300];

	snprintf(hint, sizeof hint, "If the system was changed on purpose, write the contract anew with `syncline discover %s %s` and look at the rules; "
	                            "else have the export corrected.", object->system->head.name, object->head.name);
	error_fill(err, ERROR_CONTRACT_DRIFT, hint, "%s.%s no longer keeps to its contract: the field \"%s\" was %s and %s", object->system->head.name,
	           object->head.name, field, was, is);
	if (origin.length > 0)
		error_place(err, "%.*s", (int)(origin.length < 200 ? origin.length : 200), (const char *)origin.data);
	return -1;
}

int
read_check_drift(const struct config_object *object, const struct batch *batch, struct error *err)
{
	const struct config_contract *contract = object->contract;
	uint32_t fields = batch->header->field_count;

	for (uint32_t i = 0; contract != NULL && i < contract->field_count; i++) {
		const struct syncline_field *want = &contract->fields[i];
		size_t length = strlen(want->name);
		struct batch_field have = { 0 };
		int at = -1;

		/* Most often they stand in the contract's order. */
		if (i < fields) {
			batch_field(batch, i, &have);
			at = have.name_length == length && memcmp(have.name, want->name, length) == 0 ? (int)i : batch_find_field(batch, want->name, length);
		} else {
			at = batch_find_field(batch, want->name, length);
		}
		if (at < 0)
			return drifted(object, batch, err, want->name, type_word(want->type), "is gone");
		batch_field(batch, (uint32_t)at, &have);
		if (have.type > SYNCLINE_TYPE_NULL && want->type > SYNCLINE_TYPE_NULL && have.type != want->type && !is_special(object, want->name)) {
			char is[60];

			snprintf(is, sizeof is, "is %s now", type_word(have.type));
			return drifted(object, batch, err, want->name, type_word(want->type), is);
		}
	}
	return 0;
}
