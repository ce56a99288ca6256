/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow_situations.c: every situation, with every action that the configuration allows for it, for every policy, when a row is
 * created, updated and deleted: what is told in the tables is what happens, nothing is left out of them, and when nothing changed
 * since, a further run writes nothing.
 */
#include "flow_situations.h"

#include <stdio.h>
#include <string.h>

#include "config/grammar.h"

static const struct table *const tables[] = { &situations_seen, &situations_matched, &situations_gone, &situations_scoped, &situations_merged };
#define TABLES (sizeof tables / sizeof *tables)

/* Telling what came out and what should have. */

struct part {
	const char *name;
	size_t at;
};
static const struct part parts[] = {
	{ "golden", offsetof(struct told, golden) }, { "erp", offsetof(struct told, erp) }, { "crm", offsetof(struct told, crm) },
	{ "web", offsetof(struct told, web) }, { "history", offsetof(struct told, history) }, { "findings", offsetof(struct told, findings) },
	{ "marks", offsetof(struct told, marks) }, { "counts", offsetof(struct told, counts) },
};

static const char *
part_of(const struct told *told, const struct part *part)
{
	return *(const char *const *)(const void *)((const char *)told + part->at);
}

#define THINGS_MAX 64

/* "sent-update crm 12": crm; nothing for what delivering does not do. */
static const char *
target_of(const char *thing)
{
	const char *blank = strchr(thing, ' ');

	return (strncmp(thing, "sent-", 5) == 0 || strncmp(thing, "unlinked ", 9) == 0) && blank != NULL ? blank + 1 : NULL;
}

/* Targets don't wait for each other: of writes to several, one after the other, those to the same one have an order.  Sorts the others by name. */
static void
by_target(char *text, char *things[THINGS_MAX], size_t *ret_count)
{
	size_t count = 0;

	for (char *at = text; at != NULL && *at != '\0';) {
		char *end = strstr(at, "; ");

		assert_true(count < THINGS_MAX);
		things[count++] = at;
		if (end != NULL)
			*end = '\0';
		at = end != NULL ? end + 2 : NULL;
	}
	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0; k--) {
			const char *one = target_of(things[k - 1]), *other = target_of(things[k]);
			char *thing = things[k];

			if (one == NULL || other == NULL || strncmp(one, other, strcspn(other, " ")) <= 0)
				break;
			things[k] = things[k - 1];
			things[k - 1] = thing;
		}
	*ret_count = count;
}

static bool
same_history(const char *want, const char *is)
{
	char texts[2][4096], *things[2][THINGS_MAX];
	size_t counts[2];

	assert_true(strlen(want) < sizeof texts[0] && strlen(is) < sizeof texts[1]);
	strcpy(texts[0], want);
	strcpy(texts[1], is);
	for (int i = 0; i < 2; i++)
		by_target(texts[i], things[i], &counts[i]);
	for (size_t i = 0; i < counts[0] && counts[0] == counts[1]; i++)
		if (strcmp(things[0][i], things[1][i]) != 0)
			return false;
	return counts[0] == counts[1];
}

static unsigned
differs(const struct story *story, unsigned policy, const struct told *wanted, const struct told *got, const char *when)
{
	unsigned differences = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const char *want = part_of(wanted, &parts[i]), *is = part_of(got, &parts[i]);
		bool optional = parts[i].at == offsetof(struct told, counts), history = parts[i].at == offsetof(struct told, history);

		if ((want == NULL && optional) || strcmp(want != NULL ? want : "", is) == 0 || (history && want != NULL && same_history(want, is)))
			continue;
		if (differences++ == 0)
			print_message("\n%s %s, %s: %s%s\n", story->situation, story->action != NULL ? story->action : "(not said)", policy_name(policy), story->title,
			              when);
		print_message("  %-8s  is    \"%s\"\n            not   \"%s\"\n", parts[i].name, is, want != NULL ? want : "");
	}
	return differences;
}

/* A text without the word, which is there as part of a list of words. */
static const char *
without(const char *text, const char *word, char *to, size_t size)
{
	const char *at;
	size_t used = 0;

	while ((at = strstr(text, word)) != NULL) {
		assert_true(used + (size_t)(at - text) < size);
		memcpy(to + used, text, (size_t)(at - text));
		used += (size_t)(at - text);
		text = at + strlen(word);
	}
	assert_true(used + strlen(text) < size);
	memcpy(to + used, text, strlen(text) + 1);
	return to;
}

/* Our own writes are seen by the run after; beyond that nothing may come of it. */
static unsigned
stirs(struct house *house, const struct story *story, unsigned policy, struct told before)
{
	char texts[6][600];
	unsigned writes = house_writes(house), differences;
	struct told after;

	house_do(house, "run");
	after = house_tell(house);
	before.erp = without(before.erp, " unseen", texts[0], sizeof texts[0]);
	before.crm = without(before.crm, " unseen", texts[1], sizeof texts[1]);
	before.web = without(before.web, " unseen", texts[2], sizeof texts[2]);
	after.erp = without(after.erp, " unseen", texts[3], sizeof texts[3]);
	after.crm = without(after.crm, " unseen", texts[4], sizeof texts[4]);
	after.web = without(after.web, " unseen", texts[5], sizeof texts[5]);
	before.counts = NULL;
	differences = differs(story, policy, &before, &after, ", when nothing changed since");
	if (house_writes(house) != writes) {
		print_message("%s, %s: %u writes when nothing changed\n", story->title, policy_name(policy), house_writes(house) - writes);
		differences++;
	}
	return differences;
}

static unsigned
live(const struct story *story, unsigned policy)
{
	struct house *house = house_new(story, policy);
	unsigned differences;
	struct told told;

	house_do(house, story->given != NULL ? story->given : "");
	house_begin(house);
	house_do(house, story->when);
	told = house_tell(house);
	differences = differs(story, policy, &story->then, &told, "");
	if (differences == 0)
		differences = stirs(house, story, policy, told);
	house_check(house);
	house_free(house);
	return differences;
}

/*
 * Of a story that is the same for several policies each is lived through.  In a short check, of another build, one of them is, and
 * under valgrind that of one story in eight: what is looked for there are reads of memory, and all stories go the same ways.
 */
static unsigned
policies_of(const struct story *story, size_t number)
{
	unsigned policy = 1u << number % POLICIES;

	if (getenv("SYNCLINE_LONG") != NULL || (getenv("SYNCLINE_SHORT") == NULL && getenv("SYNCLINE_VALGRIND") == NULL))
		return story->policies;
	if (getenv("SYNCLINE_VALGRIND") != NULL && number % 8 != 0)
		return 0;
	while ((story->policies & policy) == 0)
		policy = policy == 1u << (POLICIES - 1) ? 1u : policy << 1;
	return policy;
}

static void
it_goes_as_it_is_told(void **state)
{
	const struct table *table = *state;
	const char *only = getenv("SITUATION");
	unsigned wrong = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct story *story = &table->stories[i];

		if (story->impossible != NULL || (only != NULL && strstr(story->title, only) == NULL))
			continue;
		for (unsigned p = 0; p < POLICIES; p++)
			if (policies_of(story, i) & 1u << p)
				wrong += live(story, 1u << p) != 0;
	}
	if (wrong > 0)
		fail_msg("%u of %s went otherwise", wrong, table->name);
}

/* Nothing is left out. */

/* The actions of a situation: those of its setting in the configuration, and none said. */
static const struct grammar_setting *
setting_of(const char *situation)
{
	static const enum grammar_id groups[] = { GRAMMAR_SITUATIONS, GRAMMAR_DELETES };

	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
		for (uint32_t i = 0; i < grammar_groups[groups[g]].count; i++)
			if (strcmp(grammar_groups[groups[g]].settings[i].name, situation) == 0)
				return &grammar_groups[groups[g]].settings[i];
	return NULL;
}

static const char *const without_settings[] = { "disputed", "echo", "indeterminate" };

static bool
is_told(const char *situation, const char *action, unsigned policy, unsigned operation)
{
	for (size_t t = 0; t < TABLES; t++)
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct story *story = &tables[t]->stories[i];

			if (strcmp(story->situation, situation) == 0 && (story->policies & policy) != 0 && (story->operations & operation) != 0 &&
			    (action == NULL ? story->action == NULL : story->action != NULL && strcmp(story->action, action) == 0))
				return true;
		}
	return false;
}

static unsigned
untold(const char *situation, const char *action)
{
	static const char *const operations[OPERATIONS] = { "create", "update", "delete" };
	unsigned missing = 0;

	for (unsigned p = 0; p < POLICIES; p++)
		for (unsigned o = 0; o < OPERATIONS; o++)
			if (!is_told(situation, action, 1u << p, 1u << o)) {
				print_message("nobody tells of %s %s, %s, %s\n", situation, action != NULL ? action : "(not said)", policy_name(1u << p), operations[o]);
				missing++;
			}
	return missing;
}

static bool
is_situation(const struct grammar_setting *setting)
{
	return strcmp(setting->name, "seen") == 0 || strcmp(setting->name, "resurrect") == 0;
}

static void
every_case_is_told_or_impossible(void **state)
{
	const struct grammar_group *situations = &grammar_groups[GRAMMAR_SITUATIONS], *deletes = &grammar_groups[GRAMMAR_DELETES];
	unsigned missing = 0, told = 0;

	(void)state;
	for (uint32_t i = 0; i < situations->count + deletes->count; i++) {
		const struct grammar_setting *setting = i < situations->count ? &situations->settings[i] : &deletes->settings[i - situations->count];

		if (i >= situations->count && !is_situation(setting))
			continue;
		/* What is not said is one of the words, or a rule of its own. */
		if (setting->fallback == NULL)
			missing += untold(setting->name, NULL);
		for (const char *const *choice = setting->choices; *choice != NULL; choice++)
			if ((*choice)[0] != '\0') {
				missing += untold(setting->name, *choice);
				told++;
			}
	}
	for (size_t i = 0; i < sizeof without_settings / sizeof *without_settings; i++)
		missing += untold(without_settings[i], NULL);
	assert_true(told > 15);
	assert_int_equal(missing, 0);
}

/* A story that is about no case would never be missed; and one that is impossible says why, and nothing else. */
static void
every_story_is_about_something(void **state)
{
	(void)state;
	for (size_t t = 0; t < TABLES; t++)
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct story *story = &tables[t]->stories[i];
			const struct grammar_setting *setting = setting_of(story->situation);
			bool known = setting == NULL;

			for (size_t k = 0; setting == NULL && k < sizeof without_settings / sizeof *without_settings; k++)
				if (strcmp(story->situation, without_settings[k]) == 0)
					setting = &grammar_groups[GRAMMAR_SITUATIONS].settings[0];
			assert_non_null(setting);
			for (const char *const *choice = setting->choices; !known && *choice != NULL; choice++)
				known = story->action == NULL || strcmp(*choice, story->action) == 0;
			assert_true(known);
			assert_true(story->policies != 0 && story->operations != 0);
			assert_true((story->impossible != NULL) != (story->title != NULL && story->when != NULL));
		}
}

/* The design's defaults, by the words of the settings. */
static void
what_is_not_said_is_the_default(void **state)
{
	static const char *const defaults[][2] = { { "linked", "merge" }, { "unlinked", NULL }, { "unmatched", NULL }, { "missing", "review" },
		{ "out_of_scope", "stay" }, { "both_changed", "policy" }, { "seen", "review" }, { "do", "none" }, { "resurrect", "review" } };

	(void)state;
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
		const struct grammar_setting *setting = setting_of(defaults[i][0]);

		assert_non_null(setting);
		if (defaults[i][1] == NULL)
			assert_null(setting->fallback);
		else
			assert_string_equal(setting->fallback, defaults[i][1]);
	}
}

int
main(void)
{
	struct CMUnitTest tests[TABLES + 3] = {
		cmocka_unit_test(every_story_is_about_something),
		cmocka_unit_test(every_case_is_told_or_impossible),
		cmocka_unit_test(what_is_not_said_is_the_default),
	};

	for (size_t t = 0; t < TABLES; t++)
		tests[3 + t] = (struct CMUnitTest){ tables[t]->name, it_goes_as_it_is_told, NULL, NULL, (void *)(uintptr_t)tables[t] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
