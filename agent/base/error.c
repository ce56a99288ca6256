/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.c: the error table and the functions that fill in a struct error.  Nothing here allocates.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct error_row {
	const char *name;
	uint32_t klass;
	const char *title;
	const char *advice;
} rows[ERROR_COUNT] = {
	[ERROR_NONE] = { "none", SYNCLINE_OK, "No error", "" },
#define ERROR(id, name, klass, title, advice) [ERROR_##id] = { name, klass, title, advice },
#include "base/errors.def"
#undef ERROR
};

static void
copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text != NULL ? text : "");
}

static void
start(struct error *err, enum error_code code, const char *hint)
{
	memset(err, 0, sizeof *err);
	err->code = code;
	err->klass = error_class(code);
	copy(err->hint, sizeof err->hint, hint);
}

void
error_fill(struct error *err, enum error_code code, const char *hint, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return;
	start(err, code, hint);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
}

void
error_fill_memory(struct error *err)
{
	error_fill(err, ERROR_MEMORY, "Look at the memory limits of the service.", "out of memory");
}

void
error_fill_system(struct error *err, enum error_code code, int number, const char *format, ...)
{
	va_list args;
	size_t used;
	char reason[128];

	if (err == NULL)
		return;
	start(err, code, NULL);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	if (strerror_r(number, reason, sizeof reason) != 0)
		snprintf(reason, sizeof reason, "error %d", number);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
}

void
error_place(struct error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL || err->place[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(err->place, sizeof err->place, format, args);
	va_end(args);
}

void
error_detail(struct error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return;
	va_start(args, format);
	vsnprintf(err->detail, sizeof err->detail, format, args);
	va_end(args);
}

void
error_hint(struct error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL || err->hint[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(err->hint, sizeof err->hint, format, args);
	va_end(args);
}

static enum error_code
code_of_class(uint32_t klass)
{
	switch (klass) {
	case SYNCLINE_RETRY: return ERROR_CONNECTOR_RETRY;
	case SYNCLINE_THROTTLED: return ERROR_CONNECTOR_THROTTLED;
	case SYNCLINE_AUTH: return ERROR_CONNECTOR_AUTH;
	case SYNCLINE_CONFIG: return ERROR_CONNECTOR_CONFIG;
	case SYNCLINE_NOT_FOUND: return ERROR_CONNECTOR_NOT_FOUND;
	case SYNCLINE_CONFLICT: return ERROR_CONNECTOR_CONFLICT;
	case SYNCLINE_INVALID: return ERROR_CONNECTOR_INVALID;
	case SYNCLINE_CANCELLED: return ERROR_CONNECTOR_CANCELLED;
	case SYNCLINE_INTERNAL: return ERROR_CONNECTOR_INTERNAL;
	case SYNCLINE_REFERENCED: return ERROR_CONNECTOR_REFERENCED;
	default: return ERROR_CONNECTOR_PERMANENT;
	}
}

void
error_from_connector(struct error *err, uint32_t klass, const struct syncline_error *said)
{
	if (err == NULL)
		return;
	start(err, code_of_class(klass), said->hint);
	err->klass = klass < SYNCLINE_CLASS_COUNT ? klass : SYNCLINE_PERMANENT;
	err->applied = said->applied <= SYNCLINE_APPLIED_YES ? said->applied : SYNCLINE_APPLIED_MAYBE;
	err->retry_after_ms = said->retry_after_ms;
	err->remote_status = said->remote_status;
	copy(err->message, sizeof err->message, said->message[0] != '\0' ? said->message : error_title(err->code));
	copy(err->detail, sizeof err->detail, said->detail);
}

static const struct error_row *
row(enum error_code code)
{
	return (unsigned)code < ERROR_COUNT ? &rows[code] : &rows[ERROR_INTERNAL];
}

const char *error_name(enum error_code code) { return row(code)->name; }
const char *error_title(enum error_code code) { return row(code)->title; }
const char *error_advice(enum error_code code) { return row(code)->advice; }
uint32_t error_class(enum error_code code) { return row(code)->klass; }

enum error_code
error_by_name(const char *name)
{
	for (unsigned i = 1; i < ERROR_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return (enum error_code)i;
	return ERROR_NONE;
}

const char *
error_class_name(uint32_t klass)
{
	static const char *const names[SYNCLINE_CLASS_COUNT] = { "ok", "retry", "throttled", "auth", "config", "not_found",
		"conflict", "invalid", "permanent", "cancelled", "internal", "referenced" };

	return klass < SYNCLINE_CLASS_COUNT ? names[klass] : "unknown";
}
