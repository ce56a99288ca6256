/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rehearse.h: a flow's records, generated, are written to a system's staging twin as a delivery would write them: by the flow's write
 * rules, through the same connector, with the system's own manners.  Nothing of it is in the ledger but the day's calls.
 *
 *     parents -> creates -> updates -> deletes -> figures -> forecast
 *
 * What is created is on a list in the state directory, durable before it is sent, until it is known to be gone: who is killed
 * leaves a list, and rehearse_clean() takes away what is on it.  As long as there is one, no flow reads these objects
 * (rehearse_in_the_way()): what was generated never comes back as a record.
 *
 * Whether a system may be written to at all is asked by the caller.  The engine's thread.
 */
#ifndef REHEARSE_REHEARSE_H
#define REHEARSE_REHEARSE_H

#include "flow/engine.h"

#define REHEARSE_RECORDS_MAX 200000u
#define REHEARSE_FAULTS_MAX 20u
#define REHEARSE_LIST "loadtest." /* how the names of lists begin, in the state directory */

struct rehearse_options {
	struct engine *engine;
	const struct config_flow *flow;
	const struct config_binding *to;
	const struct config_unit *unit; /* NULL: the house */
	const char *state_dir;
	uint32_t records; /* to be created; 0: as many as for_ms allows */
	int64_t for_ms;
	double rate;      /* records a second at most; 0: as the system's manners allow */
	bool keep;        /* they are not deleted */
	/* Before each call: NULL, or why it has to end here.  May be NULL. */
	const struct error *(*heed)(void *data);
	/* From now on only what was created is taken away: it was stopped, and that is done all the same. */
	void (*winding_up)(void *data);
	void *data;
};

enum rehearse_phase { REHEARSE_PARENTS, REHEARSE_CREATES, REHEARSE_UPDATES, REHEARSE_DELETES, REHEARSE_PHASES };
const char *rehearse_phase_name(enum rehearse_phase phase);

/* Calls are timed from when they were sent until their answer was heard; waiting for the rate, or in line, is not in it. */
struct rehearse_figures {
	uint64_t records;   /* that are as was wanted */
	uint64_t failed, uncertain;
	uint64_t retried;   /* records that were sent once more */
	uint64_t throttled; /* calls that were put off or refused since there were too many */
	uint64_t calls;     /* writes */
	uint64_t looks;     /* calls that read before a write, or looked for what was lost */
	int64_t elapsed_us; /* from the first call to the last answer, with all waiting */
	int64_t p50_us, p95_us, p99_us, worst_us; /* of a write; 0: there was none */
};
struct rehearse_fault {
	enum rehearse_phase phase;
	uint32_t klass;
	uint64_t count;
	struct error first;
};
/* What stands at the target and was not taken away. */
struct rehearse_left {
	const char *object; /* "crm.account" */
	const char *key;    /* its external key there */
	const char *native; /* NULL: nobody knows whether it came to be */
};
struct rehearse_result {
	struct rehearse_figures figures[REHEARSE_PHASES];
	struct rehearse_fault faults[REHEARSE_FAULTS_MAX];
	uint32_t fault_count;
	uint64_t other_faults;
	uint32_t parallel, batch;     /* processes that wrote; records a call may have */
	bool can_update, can_delete, rereads;
	int64_t per_day, day_before, day_after; /* the day's calls as the ledger has them; per_day 0: no limit */
	bool stopped;                 /* before all was done */
	bool budget_ended;            /* creating ended so that what was created can be deleted */
	struct error why;             /* why it ended early; ERROR_NONE: it did not */
	struct rehearse_left *left;
	uint32_t left_count, left_unknown;
	char list[4096];              /* the file that says what is left; "": there is none */
	struct arena arena;
};

/* 0 with a result, which the caller frees, also when it ended early; -1: nothing was written. */
int rehearse(const struct rehearse_options *options, struct rehearse_result *ret_result, struct error *err);
/* Takes away what an earlier one left.  1: there was a list; 0: there is none. */
int rehearse_clean(const struct rehearse_options *options, struct rehearse_result *ret_result, struct error *err);
void rehearse_result_free(struct rehearse_result *result);

/* The bindings that would be written to, parents first, ended by NULL; memory from `arena`.  -1: some record can't be made (said why). */
int rehearse_bindings(struct engine *engine, const struct config_binding *to, const struct config_unit *unit, struct arena *arena,
                      const struct config_binding ***ret_bindings, struct error *err);

/* A list of this state directory names an object that the flow reads: -1 with what to do.  Reads a folder, and no more where there is no list. */
int rehearse_in_the_way(const char *state_dir, const struct config_flow *flow, struct error *err);
/* Each list there is: its file, flow, system and unit ("" the house). */
int rehearse_lists(const char *state_dir, void (*each)(void *data, const char *file, const char *flow, const char *system, const char *unit), void *data,
                   struct error *err);

/* ---- forecast.c: what the figures mean ---- */

struct rehearse_outlook {
	uint64_t records;      /* of a first sync */
	double create_rate;    /* records a second, with the rate and the day's calls that the limits allow; 0: not known */
	double first_sync_s;
	double first_sync_days; /* of the day's calls; 0: no limit */
	bool changes_known;
	uint32_t days;         /* that were looked at */
	double changes, peak;  /* records a day: on average, and on the busiest day */
	double change_calls;   /* calls on the busiest day; 0: not known */
	bool budget_enough;
	double change_rate;    /* records a second that can be kept up; 0: not known */
	int64_t max_lag_ms;    /* 0: nothing says */
	double burst;          /* records that are there within max_lag */
	bool lag_enough;       /* for the busiest day, all at once */
};
/* forecast: records of the first sync, or -1: as many as the ledger has; changes: a day, or -1: as the ledger's runs had. */
int rehearse_forecast(const struct rehearse_options *options, const struct rehearse_result *result, int64_t forecast, int64_t changes,
                      int64_t max_lag_ms, struct rehearse_outlook *ret_outlook, struct error *err);

#endif
