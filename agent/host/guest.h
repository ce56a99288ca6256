/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.h: the connector's side of the border: a shared object, its instance and its open streams, driven by messages.  The
 * host process feeds it from its socket; direct mode and the fuzzers feed it straight from the proxy.  Everything here belongs
 * to the thread that calls the connector, except guest_cancel(), which any thread may call.
 */
#ifndef HOST_GUEST_H
#define HOST_GUEST_H

#include <stdatomic.h>
#include <stdbool.h>

#include <syncline/connector.h>

#include "host/frame.h"

struct guest;

struct guest_setup {
	/* Takes the message over, whatever happens.  From any thread. */
	int (*emit)(void *data, struct message *message);
	void *emit_data;
	const struct syncline_expr_service_v1 *expr; /* what expr/1 gives out, or NULL */
	const atomic_bool *cancelled;                /* one more reason to be cancelled, or NULL */
	/* Instead of loading a file: a connector that is linked in.  For tests and fuzzers. */
	const struct syncline_connector *(*built_in)(void);
};

struct guest *guest_new(const struct guest_setup *setup, struct error *err);
/* Closes what is open, then the instance.  Accepts NULL. */
void guest_free(struct guest *guest);
/* A CALL or CREDIT that arrived.  Takes the message over; what it leads to goes out through emit(). */
void guest_handle(struct guest *guest, struct message *message);
/* One batch of a read that has credit.  False when there was none. */
bool guest_work(struct guest *guest);
/* Something that the agent waits for found no memory on its way out.  Nothing else will follow: end it. */
bool guest_is_mute(const struct guest *guest);
/* The call or read with this number is to end.  Any thread. */
void guest_cancel(struct guest *guest, uint32_t number);
/* All that runs and will run is to end: the agent is gone.  Any thread. */
void guest_cancel_all(struct guest *guest);
/* Sends the results of the running write that wait for company.  Any thread. */
void guest_flush(struct guest *guest);
/*
 * For a process that is about to die, in a signal handler too: the same results as a frame, header and head, or false when there
 * are none or they can't be had.  No result is taken after this.
 */
bool guest_last_results(struct guest *guest, uint8_t ret_header[FRAME_HEADER], const uint8_t **ret_head, size_t *ret_length);

#endif
