/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h: what carries messages between the proxy and a guest.  Three kinds: a process of its own (link_process.c), a guest in
 * this process (link_direct.c), and what a fuzzer makes up.  Used by the thread that uses the connector; link_wake() alone by any.
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stdatomic.h>
#include <sys/types.h>

#include "host/connector.h"
#include "host/frame.h"

struct link;
struct link_operations {
	/* Takes the message.  -1: it didn't get through, the link is of no use any more. */
	int (*send)(struct link *link, struct message *message, int64_t until, struct error *err);
	/* The next message of this call or stream: 1, or 0 when there is none by `until` or link_wake() was called, or -1: none will come. */
	int (*receive)(struct link *link, uint32_t number, int64_t until, struct message **ret_message, struct error *err);
	/* From now on messages of this number are kept: those of a call, and of a stream as many batches as it has credit. */
	int (*expect)(struct link *link, uint32_t number, uint32_t batches);
	/* Messages of this number are late from now on. */
	void (*forget)(struct link *link, uint32_t number);
	void (*wake)(struct link *link);
	int (*ping)(struct link *link, int64_t until, struct error *err);
	/*
	 * Ends it, asking first when `grace_ms` is not 0, and frees it.  How it ended goes to `ending` (may be NULL).  True: by itself,
	 * because it found no memory.
	 */
	bool (*close)(struct link *link, uint32_t grace_ms, char *ending, size_t size);
	/* Would receive() answer at once? */
	bool (*ready)(struct link *link, uint32_t number);
};
struct link {
	const struct link_operations *op;
	pid_t pid; /* 0: none */
};

/* What a link needs to know of its connector.  Valid as long as the link. */
struct link_setup {
	const char *system;
	const char *host_program;
	uint32_t incarnation;
	uint64_t memory_max;
	uint32_t start_ms; /* for the handshake */
	const atomic_bool *cancelled;
	void (*log)(void *data, uint32_t level, const char *text); /* or NULL */
	void *log_data;
	const struct syncline_expr_service_v1 *expr;
	const struct syncline_connector *(*built_in)(void); /* direct: instead of a file */
};
struct link *link_process(const struct link_setup *setup, struct error *err);
struct link *link_direct(const struct link_setup *setup, struct error *err);

/* Hands on what a LOG message says, cleaned. */
void link_log(const struct link_setup *setup, const struct message *message);

/* spawn.c: starts the host program with one end of a socket pair as descriptor 3, in a process group of its own. */
int spawn_host(const char *program, pid_t *ret_pid, int *ret_fd, struct error *err);

#endif
