/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate.h: believable values for the fields of an entity, made of a number: the same number gives the same value, so that what was
 * written need not be kept.  Knows neither the ledger nor a system.  Any thread.
 *
 * Nobody can be reached by them: mail goes to loadtest.example (RFC 2606), telephone numbers are of those that Germany keeps for films.
 */
#ifndef REHEARSE_GENERATE_H
#define REHEARSE_GENERATE_H

#include <syncline/value.h>

#include "base/error.h"
#include "base/memory.h"
#include "config/model.h"

#define GENERATE_TAG 8u /* lower-case hexadecimal digits that one loadtest alone has */

struct generate {
	const char *tag;
	uint64_t number;   /* of the record, from 0 */
	uint32_t revision; /* 0 when it is created; another one gives other values, apart from keys */
	struct arena *arena;
};

/* What tells one record from another: unique fields, and those that records are matched by. */
bool generate_is_key(const struct config_entity *entity, const struct config_field *field);
/* Can the field have a value at all?  -1 with why not: a key too short to be told from a real one. */
int generate_check(const struct config_entity *entity, const struct config_field *field, struct error *err);
/* Of any type but refs and documents, which are null.  -1: no memory. */
int generate_value(const struct generate *generate, const struct config_entity *entity, const struct config_field *field,
                   struct syncline_value *ret_value, struct error *err);

#endif
