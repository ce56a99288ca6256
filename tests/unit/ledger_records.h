/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger_records.h: what the tests of golden records, links and history share: an open ledger over the help's house.
 */
#ifndef TESTS_LEDGER_RECORDS_H
#define TESTS_LEDGER_RECORDS_H

#include "check.h"

#include <string.h>

#include "ledger/inside.h"
#include "ledger/records.h"
#include "ledger_help.h"

struct bed {
	char dir[4096];
	struct model *model;
	struct ledger *ledger;
	struct arena arena;
	const struct config_entity *customer, *order;
	uint32_t kunden, accounts, berlin, munich;
};
extern struct bed bed;

int bed_make(void **state);
int bed_end(void **state);
#define BED_TEST(function) cmocka_unit_test_setup_teardown(function, bed_make, bed_end)

struct syncline_slice bed_slice(const char *text);
struct syncline_value bed_text(const char *text);
/* Takes an id and stores a customer "number" with it, in a transaction of its own. */
int64_t bed_customer(const char *number, uint32_t unit);
/* A live link of the record at an object; raw and effective are `mark` in every byte, and 1. */
struct ledger_link bed_link(uint32_t object, uint32_t unit, const char *native, int64_t record, unsigned char mark);
/* Stores it and gives its id. */
int64_t bed_put_link(struct ledger_link link);
/* What ledger_check_records() says, one sentence a line; "" when all is well. */
const char *bed_faults(void);

/* The tests of other files, for main. */
#define LINK_TESTS                                                                                                                \
	BED_TEST(a_link_comes_back_as_it_was_put), BED_TEST(states_are_told_and_live_ones_come_first), BED_TEST(twins_are_refused),         \
		BED_TEST(a_walk_finds_the_links_that_single_looks_find), BED_TEST(a_list_with_a_twin_is_refused_as_a_whole),           \
		BED_TEST(a_glance_tells_what_is_unchanged), BED_TEST(a_walk_says_what_single_glances_say),                               \
		BED_TEST(links_of_records_and_at_objects), BED_TEST(live_links_are_counted),                                          \
		BED_TEST(what_was_read_of_a_link_is_believed_as_far_as_it_stands), BED_TEST(links_are_found_by_native_id_alone),     \
		BED_TEST(understood_links_take_the_new_hash), BED_TEST(old_vectors_are_shorter), BED_TEST(vectors_stand_beside_their_link), \
		BED_TEST(what_was_written_stands_beside_its_link), \
		BED_TEST(match_keys_find_their_records), BED_TEST(links_that_a_full_read_did_not_show), \
		BED_TEST(links_made_while_a_full_read_goes_on), \
		BED_TEST(what_is_missing_does_not_depend_on_how_it_is_found), \
		BED_TEST(put_away_indexes_are_an_error_and_no_slow_answer)
#define HISTORY_TESTS                                                                                                             \
	BED_TEST(history_is_told_oldest_first), BED_TEST(equal_rows_become_a_span_and_are_told_as_rows), BED_TEST(a_run_tells_what_it_did), \
		BED_TEST(sensitive_values_are_sealed), BED_TEST(old_history_is_dropped), BED_TEST(keys_find_records)
void a_link_comes_back_as_it_was_put(void **state);
void states_are_told_and_live_ones_come_first(void **state);
void twins_are_refused(void **state);
void a_glance_tells_what_is_unchanged(void **state);
void a_walk_finds_the_links_that_single_looks_find(void **state);
void a_list_with_a_twin_is_refused_as_a_whole(void **state);
void a_walk_says_what_single_glances_say(void **state);
void links_of_records_and_at_objects(void **state);
void live_links_are_counted(void **state);
void what_was_read_of_a_link_is_believed_as_far_as_it_stands(void **state);
void links_are_found_by_native_id_alone(void **state);
void understood_links_take_the_new_hash(void **state);
void old_vectors_are_shorter(void **state);
void vectors_stand_beside_their_link(void **state);
void what_was_written_stands_beside_its_link(void **state);
void match_keys_find_their_records(void **state);
void links_that_a_full_read_did_not_show(void **state);
void links_made_while_a_full_read_goes_on(void **state);
void what_is_missing_does_not_depend_on_how_it_is_found(void **state);
void put_away_indexes_are_an_error_and_no_slow_answer(void **state);
void history_is_told_oldest_first(void **state);
void equal_rows_become_a_span_and_are_told_as_rows(void **state);
void a_run_tells_what_it_did(void **state);
void sensitive_values_are_sealed(void **state);
void old_history_is_dropped(void **state);
void keys_find_records(void **state);

#endif
