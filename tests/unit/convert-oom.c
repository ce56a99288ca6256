/* SPDX-License-Identifier: BSD-2-Clause */
/* convert-oom.c: every allocation of a conversion fails once, in all its threads; both connectors are in this process. */
#include "convert_help.h"

#include <stdlib.h>
#include <string.h>

#include "flow/mappings.h"
#include "oom.h"

static const char text[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" from: { connector = \"good\"; settings: { records = 5; }; objects: { things: { native = \"customers\"; key = [ \"id\" ]; reads = \"full\"; }; }; };"
	" to: { connector = \"good\"; access = \"write\"; objects: { things: { native = \"customers\"; key = [ \"id\" ]; }; }; }; };"
	"lookups: { country: { file = \"@/country.csv\"; key = \"land\"; value = \"iso\"; missing = \"reject\"; }; };"
	"entities: { thing: { owner = \"from\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; }; name: { type = \"text\"; min_length = 28; }; country: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"thing\"; bindings: {"
	" from: { object = \"things\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"id\" ] );"
	"  read: { name = \"name || iif(id = 'C00000003', '', '!!!')\"; country = \"lookup('country', country)\"; }; };"
	" to: { object = \"things\"; create_if = \"number <> 'C00000001'\"; map = ( [ \"number\", \"id\" ], [ \"name\", \"name\" ], [ \"country\", \"country\" ] ); }; }; }; };";

static unsigned refused; /* conversions that ended with an item that the target refused */

static void
seen(void *data, const struct convert_reject *reject)
{
	unsigned *count = data;

	*count += strcmp(reject->native_id, "C00000003") == 0 && strcmp(reject->rule_file, "test.conf") == 0;
}

static int
run(void *arg)
{
	struct stand *stand = arg;
	unsigned rejects = 0;
	struct convert_options options = { .model = stand->model, .systems = &stand->systems, .flow = "f", .from = "from", .to = "to", .workers = 2,
		.rejected = seen, .data = &rejects };
	struct convert_counts counts;
	struct error err = { 0 };

	if (convert(&options, &counts, &err) != 0) {
		if (err.code == ERROR_NONE || err.message[0] == '\0')
			fail_msg("a conversion failed without a word");
		return -1;
	}
	/* A connector without memory for one item refuses that item: then it is counted so, and no more is lost. */
	if (counts.read != 5 || counts.written + counts.rejected[CONVERT_STAGE_WRITE] + counts.uncertain != 3 || counts.skipped != 1 ||
	    counts.rejected[CONVERT_STAGE_RULES] != 1 || rejects != 1)
		fail_msg("a conversion succeeded with less than all: read %u, written %u, left out %u, rejects %u", (unsigned)counts.read,
		         (unsigned)counts.written, (unsigned)counts.skipped, rejects);
	refused += counts.written != 3;
	return 0;
}

static void
a_conversion_without_memory_ends_with_an_error(void **state)
{
	struct stand *stand = stand_new(true);
	unsigned before;

	(void)state;
	stand_configure(stand, text);
	stand_text(stand, "country.csv", "land,iso\nDE,DE\nAT,AT\n");
	/* Once for what libraries keep for ever. */
	assert_int_equal(run(stand), 0);
	assert_int_equal(refused, 0);
	before = stand_descriptors();
	assert_in_range(oom_each(run, stand), 50, 5000);
	assert_int_equal(stand_descriptors(), before);
	stand_free(stand);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_conversion_without_memory_ends_with_an_error) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
