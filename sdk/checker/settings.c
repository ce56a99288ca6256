/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.c: "name=value" of the command line into settings, by the connector's own parameters, as the agent would.
 */
#include <stdlib.h>
#include <string.h>

#include <syncline/helper.h>

#include "check.h"

/* "15m" or "64KiB": a number and one of the units. */
static int
with_unit(const char *text, const char *const *units, const int64_t *factors, int64_t *ret_value)
{
	size_t n = strspn(text, "0123456789");
	int64_t number;

	if (n == 0 || syncline_to_integer(text, n, &number) != 0)
		return -1;
	for (size_t i = 0; units[i] != NULL; i++) {
		if (strcmp(text + n, units[i]) == 0) {
			if (number > INT64_MAX / factors[i])
				return -1;
			*ret_value = number * factors[i];
			return 0;
		}
	}
	return -1;
}

const char *
settings_fault(const struct syncline_param *param, const char *text, struct syncline_setting *ret_setting)
{
	static const char *const times[] = { "ms", "s", "m", "h", "d", NULL }, *const sizes[] = { "", "KiB", "MiB", "GiB", NULL };
	static const int64_t time_factors[] = { 1, 1000, 60000, 3600000, 86400000 }, size_factors[] = { 1, 1024, 1048576, 1073741824 };
	bool ranged = true;

	ret_setting->struct_size = sizeof *ret_setting;
	ret_setting->type = param->type;
	ret_setting->name = param->name;
	ret_setting->text = "";
	switch (param->type) {
	case SYNCLINE_PARAM_INTEGER:
		if (syncline_to_integer(text, strlen(text), &ret_setting->integer) != 0)
			return "is no integer";
		break;
	case SYNCLINE_PARAM_DURATION:
		if (with_unit(text, times, time_factors, &ret_setting->integer) != 0)
			return "is no duration like \"90s\"";
		break;
	case SYNCLINE_PARAM_SIZE:
		if (with_unit(text, sizes, size_factors, &ret_setting->integer) != 0)
			return "is no size like \"64KiB\"";
		break;
	case SYNCLINE_PARAM_BOOLEAN:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return "is neither true nor false";
		ret_setting->integer = text[0] == 't';
		ranged = false;
		break;
	case SYNCLINE_PARAM_CHOICE:
		ret_setting->text = text;
		for (const char *const *c = param->choices; c != NULL && *c != NULL; c++)
			if (strcmp(*c, text) == 0)
				return NULL;
		return "is none of the choices";
	case SYNCLINE_PARAM_PATH:
		ret_setting->text = text;
		return text[0] == '/' ? NULL : "is no absolute path";
	case SYNCLINE_PARAM_URL:
		ret_setting->text = text;
		return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0 ? NULL : "is no http or https address";
	case SYNCLINE_PARAM_SECRET:
		return "is a secret: give it with -S";
	default:
		ret_setting->text = text;
		return NULL;
	}
	if (ranged && (param->minimum != 0 || param->maximum != 0) && (ret_setting->integer < param->minimum || ret_setting->integer > param->maximum))
		return "is outside of the range";
	return NULL;
}

/* Cuts "a,b" into a list; the texts live as long as the process. */
static void
make_list(struct given *given, uint32_t at, const char *text)
{
	char *copy = strdup(text);
	uint32_t n = 0;

	for (char *p = copy; p != NULL && n < 64; ) {
		char *comma = strchr(p, ',');

		given->lists[at][n++] = p;
		if (comma != NULL)
			*comma++ = '\0';
		p = comma;
	}
	given->items[at].list = given->lists[at];
	given->items[at].list_count = text[0] != '\0' || n > 1 ? n : 1;
}

static const struct syncline_param *
find_param(const struct syncline_connector *connector, uint8_t scope, const char *name, size_t length, struct syncline_param *ret_param)
{
	for (uint32_t i = 0; i < connector->param_count; i++) {
		SYNCLINE_COPY(ret_param, (const struct syncline_param *)syncline_at(connector->params, i));
		if (ret_param->scope == scope && strlen(ret_param->name) == length && memcmp(ret_param->name, name, length) == 0)
			return ret_param;
	}
	return NULL;
}

int
settings_make(const struct syncline_connector *connector, uint8_t scope, const char *const *given, uint32_t count, struct given *ret_given,
              char *ret_fault, size_t size)
{
	uint32_t n = 0;
	struct syncline_param p;

	memset(ret_given, 0, sizeof *ret_given);
	for (uint32_t i = 0; i < count; i++) {
		const char *equals = strchr(given[i], '='), *fault;

		if (equals == NULL || find_param(connector, scope, given[i], (size_t)(equals - given[i]), &p) == NULL) {
			snprintf(ret_fault, size, "\"%s\": the connector has no such setting for %s", given[i],
			         scope == SYNCLINE_SCOPE_SYSTEM ? "a system" : "an object");
			return -1;
		}
		fault = settings_fault(&p, equals + 1, &ret_given->items[n]);
		if (fault != NULL) {
			snprintf(ret_fault, size, "\"%s\" %s", given[i], fault);
			return -1;
		}
		ret_given->items[n].configured = 1;
		if (p.type == SYNCLINE_PARAM_LIST)
			make_list(ret_given, n, equals + 1);
		n++;
	}
	for (uint32_t i = 0; i < connector->param_count && n < SETTINGS_MAX; i++) {
		bool known = false;

		SYNCLINE_COPY(&p, (const struct syncline_param *)syncline_at(connector->params, i));
		for (uint32_t k = 0; k < n; k++)
			known |= strcmp(ret_given->items[k].name, p.name) == 0;
		if (known || p.scope != scope || p.default_value == NULL || settings_fault(&p, p.default_value, &ret_given->items[n]) != NULL)
			continue;
		if (p.type == SYNCLINE_PARAM_LIST)
			make_list(ret_given, n, p.default_value);
		n++;
	}
	ret_given->settings = (struct syncline_settings){ sizeof ret_given->settings, n, ret_given->items };
	return 0;
}
