/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c: the list of functions that rules may call, and how to find one in it.  Constant data; any thread.
 */
#include "rules/functions.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

#define SQLITE(name, min, max, use, result, usage, help) \
	{ name, min, max, false, true, false, RULES_FUNCTION_PURE, RULES_USE_##use, RULES_RESULT_##result, 1, usage, help },
#define OWN(name, min, max, kind, use, result, exact, version, usage, help)                                                \
	{ name, min, max, true, RULES_FUNCTION_##kind == RULES_FUNCTION_PURE, exact, RULES_FUNCTION_##kind,                \
	  RULES_USE_##use, RULES_RESULT_##result, version, usage, help },
static const struct rules_function functions[] = {
#include "rules/functions/list.def"
};
#undef OWN
#undef SQLITE
#define COUNT (sizeof functions / sizeof functions[0])

const struct rules_function *
rules_functions(size_t *ret_count)
{
	*ret_count = COUNT;
	return functions;
}

const struct rules_function *
rules_function_find(const char *name)
{
	size_t low = 0, high = COUNT;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcasecmp(name, functions[middle].name);

		if (order == 0)
			return &functions[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *
rules_function_nearest(const char *name)
{
	const char *names[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		names[i] = functions[i].name;
	return text_nearest(name, names, COUNT);
}
