/* SPDX-License-Identifier: BSD-2-Clause */
/* functions_oom.c: every allocation of the functions fails once; what comes out is an error or the whole result. */
#include "check.h"

#include "oom.h"
#include "rules/functions.h"
#include "rules/functions/regex.h"
#include "rules/functions/similarity.h"
#include "rules/functions/unicode.h"
#include "rules/functions/zone.h"

static int
make_texts(void *arg)
{
	static const char text[] = "  Stra\xC3\x9F" "e \xC3\x86r\xC3\xB8  a\xCC\x88\xCC\xA3 ";
	struct buffer out;
	int result = -1;

	(void)arg;
	buffer_init(&out, 0);
	if (unicode_fold(text, sizeof text - 1, &out) != 0)
		goto out;
	assert_string_equal(buffer_string(&out), "strasse aero a");
	buffer_clear(&out);
	if (unicode_nfc(text, sizeof text - 1, &out) != 0 || unicode_upper(text, sizeof text - 1, &out) != 0)
		goto out;
	if (similarity_folded("martha", 6, "marhta", 6) < 0)
		goto out;
	result = 0;
out:
	buffer_free(&out);
	return result;
}

static int
make_matches(void *arg)
{
	struct regex_cache *cache;
	struct buffer out;
	struct error err = { 0 };
	int result = -1;

	(void)arg;
	buffer_init(&out, 0);
	if ((cache = regex_cache_new(1000, &err)) == NULL)
		goto out;
	if (regex_match(cache, "^a+$", 4, "aaa", 3, &err) != 1 || regex_match(cache, "^a+$", 4, "b", 1, &err) != 0)
		goto out;
	if (regex_replace(cache, "b", 1, "abc", 3, "<$0>", 4, &out, &err) != 0 || buffer_string(&out) == NULL)
		goto out;
	assert_string_equal(buffer_string(&out), "a<b>c");
	result = 0;
out:
	regex_cache_free(cache);
	buffer_free(&out);
	return result;
}

static int
make_zone(void *arg)
{
	struct error err = { 0 };
	struct zone *zone = zone_load(NULL, "Europe/Berlin", 13, &err);
	struct buffer out;
	int result;

	(void)arg;
	if (zone == NULL)
		return -1;
	assert_int_equal(zone_offset(zone, 0), 3600);
	zone_free(zone);
	buffer_init(&out, 0);
	result = zone_data_version(NULL, &out, &err);
	buffer_free(&out);
	return result;
}

static int
make_context(void *arg)
{
	const struct rules_function_limits limits = { .zone_directory = "/usr/share/zoneinfo" };
	struct error err = { 0 };
	struct rules_function_context *context = rules_function_context_new(&limits, NULL, &err);

	(void)arg;
	if (context == NULL) {
		assert_int_equal(err.code, ERROR_MEMORY);
		return -1;
	}
	rules_function_context_free(context);
	return 0;
}

static void texts(void **state) { (void)state; assert_true(oom_each(make_texts, NULL) > 3); }
static void matches(void **state) { (void)state; assert_true(oom_each(make_matches, NULL) > 3); }
static void context(void **state) { (void)state; assert_true(oom_each(make_context, NULL) > 2); }

static void
zones(void **state)
{
	struct error err;
	struct zone *zone = zone_load(NULL, "Europe/Berlin", 13, &err);

	(void)state;
	if (zone == NULL)
		skip(); /* no zone data on this machine */
	zone_free(zone);
	assert_true(oom_each(make_zone, NULL) > 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(matches),
		cmocka_unit_test(zones),
		cmocka_unit_test(context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
