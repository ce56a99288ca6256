/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.h: the one error that all library code in the agent returns through: a stable code for programs and `explain`, and
 * sentences for people.  A function that can fail returns 0 or -1 (or NULL) and fills in `err`; it leaves `err` alone when it
 * succeeds.  Library code returns errors and never logs; whoever handles an error says it, once.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include <syncline/abi.h>

enum error_code {
	ERROR_NONE = 0,
#define ERROR(id, name, klass, title, advice) ERROR_##id,
#include "base/errors.def"
#undef ERROR
	ERROR_COUNT
};

struct error {
	enum error_code code;
	uint32_t klass;          /* SYNCLINE_*; from the code's row unless a connector said otherwise */
	uint32_t applied;        /* SYNCLINE_APPLIED_* */
	uint32_t retry_after_ms;
	uint32_t remote_status;
	char place[256];         /* "conf.d/20-crm.conf:14:7", "system crm", "KUNDEN_1.csv:17"; "" when there is none */
	char message[512];       /* what is wrong, with the names in it */
	char detail[768];        /* what the other side said, or a source line with a caret; may hold newlines */
	char hint[384];          /* the next step */
};

/* An error that says nothing yet, without zeroing two kilobytes: for what runs once a value. */
static inline void
error_clear(struct error *err)
{
	err->code = ERROR_NONE;
	err->klass = err->applied = err->retry_after_ms = err->remote_status = 0;
	err->place[0] = err->message[0] = err->detail[0] = err->hint[0] = '\0';
}

/*
 * Each fills in `err` (which may be NULL) and is -1, so that `return error_set(…)` reads well and the compiler knows that it
 * never is 0.  `hint` may be NULL.  error_system: `format` says what was tried, the system's reason is appended.
 */
static inline int error_minus_one(void) { return -1; }
#define error_set(err, code, hint, ...) (error_fill(err, code, hint, __VA_ARGS__), error_minus_one())
#define error_memory(err) (error_fill_memory(err), error_minus_one())
#define error_system(err, code, number, ...) (error_fill_system(err, code, number, __VA_ARGS__), error_minus_one())
void error_fill(struct error *err, enum error_code code, const char *hint, const char *format, ...) __attribute__((format(printf, 4, 5)));
void error_fill_memory(struct error *err);
void error_fill_system(struct error *err, enum error_code code, int number, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Adds a place or a detail to an error that is set; an earlier place is kept. */
void error_place(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_detail(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a next step to an error that is set; an earlier one is kept. */
void error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes over what a connector said. */
void error_from_connector(struct error *err, uint32_t klass, const struct syncline_error *said);

/* "config-unknown-setting"; a static string. */
const char *error_name(enum error_code code);
const char *error_title(enum error_code code);  /* a short sentence for lists */
const char *error_advice(enum error_code code); /* the runbook paragraph of `explain` */
uint32_t error_class(enum error_code code);
/* ERROR_NONE when there is no such name. */
enum error_code error_by_name(const char *name);
const char *error_class_name(uint32_t klass); /* "retry", …; "unknown" */

#endif
