/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h: a bounded queue between one reader, several workers and one writer, in which order is kept: workers take items in
 * the order in which they were put, may finish them in any order, and the writer gets them in the first order again.  The
 * bound is what keeps memory flat: who is ahead waits.
 */
#ifndef FLOW_RING_H
#define FLOW_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_SLOTS_MAX 16u

struct ring {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct ring_slot {
		void *item;
		bool worked;
	} slots[RING_SLOTS_MAX];
	uint32_t room;
	uint64_t put;     /* items put so far */
	uint64_t taken;   /* … taken by workers */
	uint64_t written; /* … handed to the writer */
	bool ended;       /* no more will be put */
	bool stopped;     /* all waiting ends at once */
};

/* 0, or -1 when the system has no mutexes left. */
int ring_init(struct ring *ring, uint32_t room);
/* All threads have ended.  Items left in it go to `free_item`. */
void ring_destroy(struct ring *ring, void (*free_item)(void *item));

/* Reader.  false: stopped, the item stays the caller's. */
bool ring_put(struct ring *ring, void *item);
void ring_end(struct ring *ring);
/* Worker.  NULL: nothing more. */
void *ring_take(struct ring *ring, uint64_t *ret_ticket);
void ring_worked(struct ring *ring, uint64_t ticket);
/* Writer.  NULL: nothing more. */
void *ring_next(struct ring *ring);
/* Anybody. */
void ring_stop(struct ring *ring);

#endif
