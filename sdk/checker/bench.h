/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h: the host's side of the contract inside this process, over the agent's own batch: what the checker and the tests of
 * connectors put a connector on.  One thread.
 */
#ifndef CHECKER_BENCH_H
#define CHECKER_BENCH_H

#include <stdbool.h>
#include <stdio.h>

#include <syncline/connector.h>

#include "batch/batch.h"

struct bench_secret {
	const char *name;
	const char *value;
};

struct bench_state {
	char *key;
	void *data;
	size_t length;
};

struct bench {
	struct syncline_host host;
	struct syncline_call call;
	bool cancelled;            /* what call.cancelled() says … */
	uint32_t cancel_after;     /* … and from how many questions on; 0: never by itself */
	uint32_t asked;            /* how often it was asked in this call */
	int64_t deadline_ms;       /* of the call, monotonic; 0: none */
	FILE *log;                 /* where log/1 goes, or NULL */
	const struct bench_secret *secrets;
	uint32_t secret_count;
	struct bench_state *state;
	uint32_t state_count;
	uint64_t state_bytes;
};
void bench_init(struct bench *bench);
void bench_free(struct bench *bench);
/* The call to hand to a connector: begins now. */
const struct syncline_call *bench_call(struct bench *bench, uint32_t deadline_ms);

/* The batch as a connector sees it: filled through batch/1 or, after bench_batch_read(), read through it. */
struct syncline_batch {
	struct batch_builder *builder;
	struct batch *batch; /* when it is for reading */
	struct syncline_value *values;
	bool fields_set;
};
struct syncline_batch *bench_batch_new(struct error *err);
void bench_batch_free(struct syncline_batch *batch);
/* Ends the filling: validated as if it came over the wire.  The batch then is for reading. */
int bench_batch_finish(struct syncline_batch *batch, struct error *err);

extern const struct syncline_batch_service_v1 bench_batch_service;
/* full() says so from this many records on, so that a small system is read in many batches; 0: the agent's own target. */
extern uint32_t bench_full_after;

#endif
