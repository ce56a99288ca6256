/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone.h: time zones from the system's compiled zone files (RFC 8536).  A zone is immutable after it was read: any thread.
 *
 * A clock time that is shown twice (when clocks are set back) is taken as the first of the two.  One that is never shown (when
 * they are set forward) is taken with the offset that was valid before: 02:30 becomes the instant that is shown as 03:30.
 */
#ifndef RULES_FUNCTIONS_ZONE_H
#define RULES_FUNCTIONS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

struct zone;

/* `directory` NULL: the first of the usual places that exists.  The name is as in "Europe/Berlin". */
struct zone *zone_load(const char *directory, const char *name, size_t name_length, struct error *err);
/* The same from the bytes of such a file. */
struct zone *zone_parse(const void *data, size_t size, const char *name, struct error *err);
void zone_free(struct zone *zone);
CLEANUP_DEFINE(struct zone, zone_free);

/* Seconds east of UTC at this instant (seconds since 1970). */
int32_t zone_offset(const struct zone *zone, int64_t utc);
/* The instant at which clocks show this (seconds since 1970-01-01T00:00:00 on the clock). */
int64_t zone_from_clock(const struct zone *zone, int64_t clock);

/* What names the zone data: "2025b" where the system says it, else a hash of the files.  Appends to `out`. */
int zone_data_version(const char *directory, struct buffer *out, struct error *err);

#endif
