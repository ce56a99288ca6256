/* SPDX-License-Identifier: BSD-2-Clause */
/* convert-oom.c: every allocation of a conversion fails once, in all its threads; both connectors are in this process. */
#include "convert_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow/mappings.h"
#include "oom.h"

static const char text[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" from: { connector = \"good\"; settings: { records = 5; }; objects: { things: { native = \"customers\"; key = [ \"id\" ]; reads = \"full\"; }; }; };"
	" to: { connector = \"keeps\"; settings: { path = \"@/kept\"; }; access = \"write\"; objects: { things: { native = \"customers\"; key = [ \"id\" ]; }; }; }; };"
	"lookups: { country: { file = \"@/country.csv\"; key = \"land\"; value = \"iso\"; missing = \"reject\"; }; };"
	"entities: { thing: { owner = \"from\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; }; name: { type = \"text\"; min_length = 28; }; country: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"thing\"; bindings: {"
	" from: { object = \"things\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"id\" ] );"
	"  read: { name = \"name || iif(id = 'C00000003', '', '!!!')\"; country = \"lookup('country', country)\"; }; };"
	" to: { object = \"things\"; create_if = \"number <> 'C00000001'\"; map = ( [ \"number\", \"id\" ], [ \"name\", \"name\" ], [ \"country\", \"country\" ] ); }; }; }; };";

static const char *const sent[] = { "C00000000", "C00000002", "C00000004" };
#define SENT (sizeof sent / sizeof *sent)

static void
seen(void *data, const struct convert_reject *reject)
{
	unsigned *count = data;

	*count += strcmp(reject->native_id, "C00000003") == 0 && strcmp(reject->rule_file, "test.conf") == 0;
}

/* What the target has: each line one of those that are sent, and none twice. */
static unsigned
kept(struct stand *stand)
{
	char line[64];
	unsigned times[SENT] = { 0 }, count = 0;
	FILE *file = fopen(stand_path(stand, "kept"), "r");

	for (; file != NULL && fgets(line, sizeof line, file) != NULL; count++) {
		size_t i = 0;

		line[strcspn(line, "\n")] = '\0';
		while (i < SENT && strcmp(line, sent[i]) != 0)
			i++;
		if (i == SENT || ++times[i] > 1)
			fail_msg("the target has %s, which is one too many", line);
	}
	if (file != NULL)
		fclose(file);
	(void)unlink(stand_path(stand, "kept"));
	return count;
}

static int
run(void *arg)
{
	struct stand *stand = arg;
	unsigned rejects = 0;
	struct convert_options options = { .model = stand->model, .systems = &stand->systems, .flow = "f", .from = "from", .to = "to", .workers = 2,
		.rejected = seen, .data = &rejects };
	struct convert_counts counts = { 0 };
	struct error err = { 0 };
	int result = convert(&options, &counts, &err);
	unsigned written = (unsigned)counts.written, refused = (unsigned)counts.rejected[CONVERT_STAGE_WRITE], uncertain = (unsigned)counts.uncertain;
	unsigned have = kept(stand);

	/* What is counted as written is there, what is there is counted so or as uncertain, and what is refused is not there. */
	if (have < written || have > written + uncertain || have + refused > SENT || written + refused + uncertain > SENT)
		fail_msg("the target has %u, and %u are counted as written, %u as refused, %u as uncertain", have, written, refused, uncertain);
	if (result != 0) {
		if (err.code == ERROR_NONE || err.message[0] == '\0')
			fail_msg("a conversion failed without a word");
		return -1;
	}
	if (counts.read != 5 || written != SENT || refused != 0 || uncertain != 0 || counts.skipped != 1 ||
	    counts.rejected[CONVERT_STAGE_RULES] != 1 || rejects != 1)
		fail_msg("a conversion succeeded with less than all: read %u, written %u, left out %u, rejects %u", (unsigned)counts.read,
		         written, (unsigned)counts.skipped, rejects);
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
