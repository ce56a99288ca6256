/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.h: what the files of the proxy share: the connector as the agent holds it, and one call through its link.  For
 * connector*.c, and for fuzzers that bring a link of their own.
 */
#ifndef HOST_PROXY_H
#define HOST_PROXY_H

#include <pthread.h>

#include "host/calls.h"
#include "host/codec.h"
#include "host/link.h"
#include "host/restart.h"

#define CONNECTOR_TRACE 32 /* hex digits */
struct connector {
	struct connector_options options; /* texts owned; settings, secrets and state are not kept here */
	char *system, *path, *host_program;
	struct link *(*open_link)(const struct link_setup *setup, struct error *err);
	const struct syncline_connector *(*built_in)(void);
	uint8_t *opening; /* the OPEN request without the state, in locked memory: it holds the secrets */
	size_t opening_length;
	struct connector_info *info;
	struct link_setup setup;
	struct link *link; /* NULL: not running */
	pthread_mutex_t lock; /* of `link`, for connector_cancel(), and of what it works for */
	int64_t run;
	char trace[CONNECTOR_TRACE + 1]; /* "": none */
	uint32_t incarnation;
	uint32_t number; /* the last that was given to a call or stream */
	atomic_bool cancelled;
	uint32_t timeout_ms;
	struct restart restart;
	bool patient; /* crashes are expected: they count as one, and cost no pause */
	uint32_t crashes; /* in all, for bisecting */
	struct state_entry *state; /* committed */
	uint32_t state_count;
	uint32_t streams; /* open now */
};
struct state_entry {
	char *key;
	uint8_t *value;
	size_t length;
};

/* What a call answered.  `wire` stands behind the class and the changes of state. */
struct reply {
	struct message *message;
	struct arena arena;
	struct wire wire;
	bool sent; /* something went out, whatever came of it */
	bool done; /* the connector did it, even if the call fails for what came with its reply */
};
void reply_free(struct reply *reply);

/* May the call be made (connector.h, `admit`)?  And what came of it; err NULL: it was answered.  What is admitted has to be heard of. */
int proxy_admit(struct connector *connector, enum call_id id, struct error *err);
void proxy_heard(struct connector *connector, enum call_id id, const struct error *err);

/* Like connector_start(), over any link, and with a connector that is linked in (or NULL). */
int connector_start_over(const struct connector_options *options, struct link *(*open_link)(const struct link_setup *, struct error *),
                         const struct syncline_connector *(*built_in)(void), struct connector **ret_connector, struct error *err);

/* Begins the head of a request. */
void proxy_begin(struct connector *connector, struct buffer *head);
/*
 * One call.  Takes over head and body.  on_event gets the RESULT and FINDING messages in between and may refuse them (-1).
 * `*number` is that of the call, or of a stream that it opens; 0: a new one, which is stored there.
 */
int proxy_call(struct connector *connector, enum call_id id, uint32_t *number, struct buffer *head, uint8_t *body, size_t body_length,
               int (*on_event)(void *data, const struct message *message, struct error *err), void *data, struct reply *ret_reply,
               struct error *err);
/*
 * The same in two steps, with time for other work between them, but for no other call.  What was sent must be answered; -1 of the
 * first: nothing was.  number 0: a new one.
 */
struct proxy_sent {
	enum call_id id;
	uint32_t number;
	int64_t until;
	bool broken; /* it may have got through, or a part of it */
	struct error why;
	bool told;   /* the connector was told to stop */
	struct message *reply; /* it is there, and not taken yet */
};
int proxy_send(struct connector *connector, enum call_id id, uint32_t number, struct buffer *head, uint8_t *body, size_t body_length,
               struct proxy_sent *ret_sent, struct error *err);
/* Has it been answered, or failed?  What came of it so far is taken; proxy_answer() then waits for nothing but an end by force. */
bool proxy_look(struct connector *connector, struct proxy_sent *sent, int (*on_event)(void *data, const struct message *message, struct error *err),
                void *data);
int proxy_answer(struct connector *connector, struct proxy_sent *sent,
                 int (*on_event)(void *data, const struct message *message, struct error *err), void *data, struct reply *ret_reply,
                 struct error *err);
/* Waits for the next batch of a stream. */
int proxy_wait(struct connector *connector, const char *what, uint32_t number, struct message **ret_message, struct error *err);
/* The process is of no use any more: ends it and says so in err, which may be set already to say why. */
int proxy_broke(struct connector *connector, const char *what, struct error *err);
/* Makes a class that isn't OK an error with the system's name. */
int proxy_refused(struct connector *connector, const char *what, uint32_t klass, const struct syncline_error *said, struct error *err);
int proxy_damaged(struct connector *connector, const char *what, struct error *err);
/* A message that can't be read to its end: damaged, or without memory here, which is no fault of the connector. */
int proxy_unread(struct connector *connector, const char *what, const struct wire *wire, struct error *err);
/*
 * A call that closes a read or a document of this incarnation, if that still runs.  What can't be closed so, for whatever reason,
 * goes with its process.  Takes over head.
 */
void proxy_close(struct connector *connector, enum call_id id, uint32_t incarnation, struct buffer *head);
int proxy_offers(const struct connector *connector, const char *part, struct error *err);
/* Is the process that made this stream still the one that runs? */
bool proxy_same(const struct connector *connector, uint32_t incarnation);
int proxy_commit(struct connector *connector, const struct connector_state *changes, uint32_t count, struct error *err);
int proxy_commit_initial(struct connector *connector, const struct connector_state *item);
/* Starts process, connector and instance, if the restart table allows. */
int proxy_run(struct connector *connector, struct error *err);
void proxy_put_state(const struct connector *connector, struct buffer *to);
/* The body of a reply as a checked batch. */
struct batch *proxy_take_batch(struct connector *connector, const char *what, struct message *message, struct error *err);

#endif
