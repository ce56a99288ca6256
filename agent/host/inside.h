/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h: what the files of the guest share: the guest itself, one running call, and how services are found.  For guest*.c,
 * load.c and service_*.c alone.
 */
#ifndef HOST_INSIDE_H
#define HOST_INSIDE_H

#include <pthread.h>

#include "batch/batch.h"
#include "host/calls.h"
#include "host/codec.h"
#include "host/guest.h"

#define GUEST_CANCELS 8u

/* The contract's opaque batch: one that is being filled, or one that is being read. */
struct syncline_batch {
	struct batch_builder *builder; /* filling */
	struct batch *batch;           /* reading */
	struct syncline_value *values; /* reading: of the current record */
	struct arena names;            /* reading: field names with a NUL */
	const char **name;
};
int guest_batch_init(struct syncline_batch *batch, struct error *err);                        /* to fill */
int guest_batch_adopt(struct syncline_batch *batch, uint8_t *data, size_t size, struct error *err); /* to read */
void guest_batch_free(struct syncline_batch *batch);

enum stream_kind { STREAM_READ, STREAM_CONTENT_READ, STREAM_CONTENT_WRITE };
struct guest_stream {
	struct guest_stream *next;
	enum stream_kind kind;
	uint32_t number;
	void *handle; /* the connector's */
	uint32_t credits;
	uint32_t timeout_ms;
	bool ended;
	struct syncline_batch batch;
	struct arena arena; /* correlation and traceparent */
	const char *correlation;
	const char *traceparent;
};

struct guest_secret {
	struct guest_secret *next;
	char *name;
	void *data; /* locked memory */
	size_t length;
};

struct guest_state_item {
	char *key;
	uint8_t *value; /* NULL: removed, or never there */
	size_t length;
	uint8_t *old; /* before the running call, when `changed` */
	size_t old_length;
	bool changed;
};
struct guest_state {
	struct guest_state_item *items;
	uint32_t count;
	size_t total;
};

/* How many log lines may pass: a bucket that fills up again with time. */
struct guest_log {
	pthread_mutex_t lock;
	int64_t filled_ms;
	uint32_t tokens;
	uint64_t dropped;
};

/*
 * Results of the running write that were not sent yet, as the head of a RESULT frame.  The latch is held by the guest's thread
 * while it adds or sends, and taken by others that send them: the reader of cancels, and a signal handler.
 */
struct guest_pending {
	atomic_flag latch;
	struct buffer data; /* u32 how many, then these */
	uint32_t count;
	uint32_t number; /* of the call */
	int64_t since_ms;
};

struct guest {
	struct guest_setup setup;
	struct syncline_connector connector; /* copied under the size rule */
	uint32_t optional;
	bool loaded;
	struct syncline_source_v1 source;
	struct syncline_sink_v1 sink;
	struct syncline_find_v1 find;
	struct syncline_count_v1 count;
	struct syncline_digest_v1 digest;
	struct syncline_discover_v1 discover;
	struct syncline_content_v1 content;
	struct syncline_webhook_v1 webhook;
	struct syncline_check_v1 check;
	struct syncline_host host;
	void *instance;
	bool open;
	atomic_bool mute; /* it could not say what it had to */
	bool writable;
	struct arena life; /* settings, texts of open() */
	struct guest_secret *secrets;
	struct guest_state state;
	struct guest_log log;
	struct guest_stream *streams;
	struct guest_pending pending;
	void *curl; /* kept between requests, with its connections */
	_Atomic uint32_t incarnation;
	_Atomic uint32_t cancelled[GUEST_CANCELS];
	_Atomic uint32_t cancel_at;
	atomic_bool cancel_all;
};

/* One running call.  `call` stands first: that is what the connector sees. */
struct guest_call {
	struct syncline_call call;
	struct guest *guest;
	uint32_t number;
	int64_t until;
	struct message *in;
	struct wire wire;
	struct arena arena;
	struct buffer reply;   /* behind the class */
	uint8_t *body;         /* of the reply */
	size_t body_length;
	uint32_t findings;     /* of a check or discover, so far */
	bool lost;             /* a finding found no memory, or no room */
	struct syncline_error error;
};
void guest_call_begin(struct guest_call *call, struct guest *guest, uint32_t number, uint32_t deadline_ms);
/* What the connector said stands in call->error; so does what this side has to say. */
uint32_t guest_fail(struct guest_call *call, uint32_t klass, const char *hint, const char *format, ...) __attribute__((format(printf, 4, 5)));
uint32_t guest_fail_with(struct guest_call *call, uint32_t klass, const struct error *err);
/* The request can't be read: damaged, or no memory for it.  The connector has not seen it. */
uint32_t guest_unread(struct guest_call *call);
/*
 * A reply, a batch or a result that finds no memory makes the guest mute: who waits for it would wait in vain, so its process
 * ends (a guest in this process: its link).
 */
int guest_emit(struct guest *guest, enum frame_type type, uint16_t call, uint32_t number, struct buffer *head, uint8_t *body, size_t body_length);

/* load.c: fills guest->connector and the parts; on the main thread, before any other starts. */
int guest_load(struct guest *guest, const char *path, struct error *err);

/* The handlers of calls.def, by number; NULL where there is none. */
uint32_t guest_call_run(struct guest_call *call, enum call_id id);
/* guest_stream.c */
uint32_t guest_read_open(struct guest_call *call);
uint32_t guest_read_close(struct guest_call *call);
uint32_t guest_content_open(struct guest_call *call);
uint32_t guest_content_read(struct guest_call *call);
uint32_t guest_content_close(struct guest_call *call);
uint32_t guest_content_create(struct guest_call *call);
uint32_t guest_content_write(struct guest_call *call);
uint32_t guest_content_finish(struct guest_call *call);
uint32_t guest_content_abort(struct guest_call *call);
void guest_streams_close(struct guest *guest);
void guest_credit(struct guest *guest, const struct message *message);
/* guest_write.c */
uint32_t guest_write(struct guest_call *call);
/* guest_find.c: check and discover */
uint32_t guest_check(struct guest_call *call);
uint32_t guest_discover_objects(struct guest_call *call);
uint32_t guest_discover_fields(struct guest_call *call);

/* Services, a file each. */
extern const struct syncline_log_service_v1 guest_log_service;
extern const struct syncline_clock_service_v1 guest_clock_service;
extern const struct syncline_secret_service_v1 guest_secret_service;
extern const struct syncline_state_service_v1 guest_state_service;
extern const struct syncline_batch_service_v1 guest_batch_service;
extern const struct syncline_http_service_v1 guest_http_service;

int guest_log_init(struct guest_log *log);
void guest_log_free(struct guest_log *log);
int guest_secret_add(struct guest *guest, const char *name, const struct syncline_slice *value);
void guest_secrets_wipe(struct guest *guest);
/* Sets a value that is committed already. */
int guest_state_load(struct guest_state *state, const struct connector_state *items, uint32_t count);
/* Writes the changes of the call and forgets that they are changes; or takes them back. */
void guest_state_take(struct guest_state *state, struct buffer *to);
void guest_state_undo(struct guest_state *state);
void guest_state_free(struct guest_state *state);
/* libcurl's global part, once in a process. */
int guest_http_start(void);
void guest_http_stop(struct guest *guest);

#endif
