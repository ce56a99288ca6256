/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c: taking from the host: services, log lines, cancellation, and settings by name.
 */
#include <stdio.h>

#include <syncline/helper.h>

const void *
syncline_service(const struct syncline_host *host, const char *id, size_t size, struct syncline_error *err)
{
	struct syncline_host copy;
	const void *table;
	uint32_t theirs;

	SYNCLINE_COPY(&copy, host);
	table = copy.get_service != NULL ? copy.get_service(host, id) : NULL;
	if (table != NULL) {
		memcpy(&theirs, table, sizeof theirs);
		if (theirs >= size)
			return table;
	}
	syncline_fail(err, SYNCLINE_CONFIG, "This agent does not offer the service %s, which the connector needs.", id);
	syncline_hint(err, "Update the agent (this is %s), or use an older version of the connector.",
	              copy.agent_version != NULL ? copy.agent_version : "of an unknown version");
	return NULL;
}

void
syncline_log(const struct syncline_host *host, const struct syncline_log_service_v1 *log, uint32_t level, const char *format, ...)
{
	char text[4001];
	va_list args;

	if (log == NULL || log->write == NULL)
		return;
	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) >= 0)
		log->write(host, level, text);
	else
		log->write(host, level, format); /* no memory to put it together: better than no line */
	va_end(args);
}

int
syncline_cancelled(const struct syncline_call *call)
{
	return call != NULL && call->cancelled != NULL && call->cancelled(call) != 0;
}

static int
find(const struct syncline_settings *settings, const char *name, struct syncline_setting *ret_setting)
{
	for (uint32_t i = 0; settings != NULL && i < settings->count; i++) {
		struct syncline_setting s;

		syncline_copy(&s, sizeof s, syncline_at(settings->items, i));
		if (s.name != NULL && strcmp(s.name, name) == 0) {
			*ret_setting = s;
			return 0;
		}
	}
	return -1;
}

int
syncline_setting(const struct syncline_settings *object, const struct syncline_settings *system, const char *name,
                 struct syncline_setting *ret_setting)
{
	struct syncline_setting of_object, of_system;
	int in_object = find(object, name, &of_object) == 0, in_system = find(system, name, &of_system) == 0;

	if (in_object && (of_object.configured || !in_system || !of_system.configured))
		*ret_setting = of_object;
	else if (in_system)
		*ret_setting = of_system;
	else
		return -1;
	return 0;
}

const char *
syncline_setting_text(const struct syncline_settings *object, const struct syncline_settings *system, const char *name, const char *otherwise)
{
	struct syncline_setting s;

	return syncline_setting(object, system, name, &s) == 0 && s.text != NULL ? s.text : otherwise;
}

int64_t
syncline_setting_integer(const struct syncline_settings *object, const struct syncline_settings *system, const char *name, int64_t otherwise)
{
	struct syncline_setting s;

	return syncline_setting(object, system, name, &s) == 0 ? s.integer : otherwise;
}

int
syncline_setting_boolean(const struct syncline_settings *object, const struct syncline_settings *system, const char *name, int otherwise)
{
	struct syncline_setting s;

	return syncline_setting(object, system, name, &s) == 0 ? s.integer != 0 : otherwise;
}

const char *const *
syncline_setting_list(const struct syncline_settings *object, const struct syncline_settings *system, const char *name, uint32_t *ret_count)
{
	struct syncline_setting s;

	*ret_count = 0;
	if (syncline_setting(object, system, name, &s) != 0 || s.list == NULL)
		return NULL;
	*ret_count = s.list_count;
	return s.list;
}

int
syncline_setting_list_has(const struct syncline_settings *object, const struct syncline_settings *system, const char *name, const void *text,
                          size_t length)
{
	uint32_t count;
	const char *const *list = syncline_setting_list(object, system, name, &count);

	for (uint32_t i = 0; i < count; i++)
		if (strlen(list[i]) == length && memcmp(list[i], text, length) == 0)
			return 1;
	return 0;
}
