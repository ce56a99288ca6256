/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h: one line an event, on standard error: for people
 *
 *     2026-03-01T08:15:02.104Z info run-ended run=12 flow=customers unit=berlin: 3 changed, 1 finding
 *
 * or, with `agent.log_format = "json"`, an object with the same names.  Where standard error is the journal, each line begins with its
 * syslog level in angle brackets, as the journal takes it.  With `agent.log_to = "syslog"` lines go to syslog(3).  What an event says never holds values of records that are sensitive:
 * those who say it leave them out.
 *
 * Any thread; a line is written whole, by one write(2).
 */
#ifndef OBSERVE_LOG_H
#define OBSERVE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct log_options {
	uint8_t level; /* SYNCLINE_LOG_*: what is below is not written */
	bool json;
	bool syslog; /* to the system's log, facility daemon, in the place of standard error; it adds time, name and process itself */
};
void log_set(const struct log_options *options);
bool log_wants(uint32_t level);

/* What it is about; 0 and NULL are left out. */
struct log_about {
	const char *flow, *unit, *system, *object;
	const char *who;
	const char *verb;
	const char *correlation; /* one for all of a run, as systems see it in the traceparent of its requests */
	const char *cause;
	int64_t run, plan, pid, milliseconds;
	int64_t record, last; /* of ours; last: it and those up to there */
	int64_t process;      /* the record at the top of the references: the order's customer */
	int64_t finding;
	const struct error *error; /* its code, place and next step */
};
/* `event`: a stable word for programs, "run-ended".  The rest is a sentence, or "" when the names say it all. */
void log_event(uint32_t level, const char *event, const struct log_about *about, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
