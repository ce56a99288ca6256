/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scripted.h: a connector for tests whose system, the world, is an SQLite file that a test can look into afterwards, and whose
 * faults are settings.  One source makes several connectors; WAY says how each creates once:
 *
 *     scripted-upsert   by external key: creating again changes the record that is there
 *     scripted-key      by the attempt's key: a repeat is absorbed
 *     scripted-forgets  by the attempt's key, which is forgotten so soon that it has to be found instead
 *     scripted-find     not at all, but records can be found
 *     scripted-none     not at all
 *
 * Faults of writes, each on every `every`-th item (or by `seed`), `times` times in the life of the world:
 *
 *     applies-late   takes effect after `late` or `late_calls` calls, and answers at once that nobody knows
 *     answers-late   takes effect, and answers after the deadline
 *     indexes-late   a create takes effect, its answer is lost, and find misses it for `lag`
 *     fails-applied  takes effect and fails: with applied maybe, without a word, unreported, or with applied yes
 *     loses-answer   takes effect, and the process dies
 *     dies           the process dies, and nothing took effect
 *     fails          nothing took effect: with applied no or maybe
 *     throttles      nothing took effect: later, please
 *     reads-fail     reads, gets and finds fail
 *
 * All but scripted-find take three records a write, so that a few of them already are several writes.
 *
 * With a `url`, the world stands behind a server: each call first asks it, and what the server says is what becomes of the call: 200 it
 * goes on; 429 throttled; anything else, or no answer, as far as it came, nothing took effect, and it is tried again.
 *
 * Documents meet all of these but applies-late, indexes-late and reads-fail when their last byte was sent.
 *
 * The table journal holds every effect on a record and its kind; what is in it twice was done twice.  The table fault counts; a test
 * that empties it begins anew, and `done` high above `times` keeps a kind from happening.
 */
#ifndef TESTS_SCRIPTED_H
#define TESTS_SCRIPTED_H

#include <stdbool.h>
#include <sqlite3.h>

#include <syncline/helper.h>

#define WAY_UPSERT 1
#define WAY_KEY 2
#define WAY_FORGETS 3
#define WAY_FIND 4
#define WAY_NONE 5

#define SETTLE_MS 300
#define LAG_MS 300
#define RETENTION_MS (WAY == WAY_FORGETS ? 250 : 86400000)

enum fault {
	FAULT_NONE,
	FAULT_APPLIES_LATE,
	FAULT_ANSWERS_LATE,
	FAULT_INDEXES_LATE,
	FAULT_FAILS_APPLIED,
	FAULT_LOSES_ANSWER,
	FAULT_DIES,
	FAULT_FAILS,
	FAULT_THROTTLES,
	FAULT_READS_FAIL,
	FAULT_COUNT,
};

struct world {
	const struct syncline_host *host;
	const struct syncline_batch_service_v1 *batch;
	const struct syncline_http_service_v1 *http;
	const struct syncline_settings *settings;
	const char *url;
	bool wanted[FAULT_COUNT];
	int64_t every, seed, times, late_ms, late_calls, lag_ms;
	sqlite3 *db;
};

/* One write as it was asked for, whether it is carried out now or later. */
struct cell {
	char *name;
	struct syncline_value value;
};
struct request {
	uint8_t op;
	char *object;
	char *external; /* name of the field, or NULL */
	char *key_field; /* the object's one key field, or NULL */
	char *id;        /* or NULL */
	int64_t version; /* expected; 0: any */
	struct syncline_slice key;
	struct cell *cells;
	uint32_t cell_count;
	int64_t at_ms; /* when it takes effect; 0: now */
};
struct outcome {
	uint32_t error_class;
	uint32_t applied; /* when it failed */
	const char *message;
	char id[256];
	char version[24];
};

/* world.c.  Functions with an error class fail with SYNCLINE_RETRY where SQLite does. */
uint32_t world_open(struct world *world, struct syncline_error *err);
uint32_t world_fail(struct world *world, struct syncline_error *err);
uint32_t world_execute(struct world *world, const char *sql, struct syncline_error *err);
sqlite3_stmt *world_statement(struct world *world, const char *sql, struct syncline_error *err);
int64_t world_now_ms(void);
/* Whether the server lets the call in. */
uint32_t world_enter(struct world *world, const struct syncline_call *call, struct syncline_error *err);
/* A transaction of its own, in which what is late and due by now takes effect first. */
uint32_t world_begin(struct world *world, struct syncline_error *err);
uint32_t world_commit(struct world *world, struct syncline_error *err);
void world_rollback(struct world *world);
/* Whatever is in the transaction is durable, and then there is no process. */
uint32_t world_die(struct world *world, struct syncline_error *err);
/* It is durable, and the answer comes when nobody waits any more. */
uint32_t world_outlast(struct world *world, const struct syncline_call *call, struct syncline_error *err);
/* The fault of the next item (in the transaction), and how many of its kind there were. */
enum fault world_fault(struct world *world, bool writes, int64_t *ret_turn);
/* In the transaction.  index_late: find() doesn't see it for a while. */
uint32_t world_apply(struct world *world, const struct request *request, bool index_late, struct outcome *ret_outcome, struct syncline_error *err);
uint32_t world_defer(struct world *world, const struct request *request, struct syncline_error *err);
void world_bind(sqlite3_stmt *statement, int at, const struct syncline_value *value);

extern const struct syncline_source_v1 scripted_source;
extern const struct syncline_find_v1 scripted_find;
extern const struct syncline_count_v1 scripted_count;
extern const struct syncline_sink_v1 scripted_sink;
extern const struct syncline_content_v1 scripted_content;

#endif
