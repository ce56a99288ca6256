/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector.h: a connector as the agent uses it.  One interface, two ways below it: the shared object runs in a process of its
 * own (the default), or it is loaded into this one (tests, the checker, fuzzers).  Both go through the same table of calls and
 * the same codecs; only what carries the messages differs.
 *
 * A struct connector is used by one thread at a time; parallelism is more of them.  connector_cancel() alone may be called from
 * any thread.  Every call has a deadline.  A crash, a hang or a lie of the connector is a failed call with a clear error: the
 * next call starts the process again (restart.h), until it has failed so often that it is put aside.
 *
 * Whatever a call returns is in this process's own memory, checked, and stays valid as said at each function.
 */
#ifndef HOST_CONNECTOR_H
#define HOST_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <syncline/connector.h>

#include "base/error.h"
#include "base/memory.h"
#include "batch/batch.h"

struct connector;

struct connector_secret {
	const char *name; /* the parameter */
	struct syncline_slice value;
};
/* A value of state/1.  value.data NULL: the key was removed. */
struct connector_state {
	const char *key;
	struct syncline_slice value;
};

/* A line of its log. */
struct connector_line {
	const char *system;
	int64_t run;             /* that it works for; 0: none */
	const char *correlation; /* of that run; else the system's name */
	uint32_t level;          /* SYNCLINE_LOG_* */
	const char *text;
};

#define CONNECTOR_TIMEOUT_MS 60000u
#define CONNECTOR_GRACE_MS 5000u
#define CONNECTOR_CREDITS 4u

/* All that is pointed to is copied by connector_start() and may go away after it. */
struct connector_options {
	const char *system; /* for messages: the name in the configuration */
	const char *path;   /* of the shared object, absolute */
	const struct syncline_settings *settings; /* NULL: none */
	const struct connector_secret *secrets;
	uint32_t secret_count;
	bool writable;       /* false: http/1 refuses methods that write, and write() is refused here */
	bool direct;         /* load it into this process */
	uint32_t timeout_ms; /* of a call, 0: CONNECTOR_TIMEOUT_MS */
	uint32_t grace_ms;   /* from cancel to SIGTERM and from there to SIGKILL, 0: CONNECTOR_GRACE_MS */
	uint32_t credits;    /* batches that a read may be ahead, 0: CONNECTOR_CREDITS */
	uint64_t memory_max; /* bytes of address space of its process, 0: no limit */
	const char *host_program;  /* NULL: the environment's SYNCLINE_HOST, else the installed syncline-host */
	const char *agent_version; /* NULL: unknown */
	/* A line of log/1.  Any thread, until connector_stop() has returned.  NULL: thrown away. */
	void (*log)(void *data, const struct connector_line *line);
	void *log_data;
	/* state/1: what is stored, and where changes go when the call's reply or batch was accepted; -1 fails that call. */
	const struct connector_state *state;
	uint32_t state_count;
	int (*commit)(void *data, const struct connector_state *changes, uint32_t count, struct error *err);
	void *commit_data;
	const struct syncline_expr_service_v1 *expr; /* for direct; the host program brings its own */
	/*
	 * Before each call to the system, in the thread of the call: -1 keeps it from being made.  `calls`: how many it counts for; 0: it is
	 * made ready for some.  After it: what came of it, as a class; SYNCLINE_CANCELLED: it was not made after all.  Both, or NULL.
	 */
	int (*admit)(void *data, uint32_t calls, struct error *err);
	void (*heard)(void *data, uint32_t klass, uint32_t retry_after_ms);
	void *admit_data;
};

/*
 * The descriptor, in memory of its own: functions and the tables of parts are NULL, all texts are checked UTF-8.  With
 * `optional` the functions that a part may leave out.
 */
#define CONNECTOR_HAS_ACKNOWLEDGE 0x01u
#define CONNECTOR_HAS_GET 0x02u
#define CONNECTOR_HAS_FINISH 0x04u
struct connector_info {
	struct syncline_connector descriptor; /* capabilities is never NULL */
	uint32_t optional;                    /* CONNECTOR_HAS_* */
	struct arena arena;
};
/* Loads and unloads it, in a process that lives only for this; of the options only path, direct and the like count. */
int connector_describe(const struct connector_options *options, struct connector_info **ret_info, struct error *err);
void connector_info_free(struct connector_info *info);
CLEANUP_DEFINE(struct connector_info, connector_info_free);
bool connector_info_offers(const struct connector_info *info, const char *part);

/* Starts the process, loads the shared object and opens its instance. */
int connector_start(const struct connector_options *options, struct connector **ret_connector, struct error *err);
/* Closes the instance and ends the process: asked first, then made to.  Accepts NULL.  Reads and streams are closed before. */
void connector_stop(struct connector *connector);
CLEANUP_DEFINE(struct connector, connector_stop);

const struct connector_info *connector_info(const struct connector *connector);
const struct syncline_capabilities *connector_capabilities(const struct connector *connector);
bool connector_offers(const struct connector *connector, const char *part);

/* The running call and all later ones fail with SYNCLINE_CANCELLED until connector_uncancel().  Any thread. */
void connector_cancel(struct connector *connector);
void connector_uncancel(struct connector *connector);
/* Of the calls that follow; 0: as in the options. */
void connector_set_timeout(struct connector *connector, uint32_t timeout_ms);
/*
 * What it works for from now on: its calls carry `trace` (32 hex digits, or NULL for none) as the correlation id, and as the trace of a W3C
 * traceparent that it hands on to the system.  Any thread.
 */
void connector_set_run(struct connector *connector, int64_t run, const char *trace);
/* Takes back a "put aside": the next call starts the process again. */
void connector_reset(struct connector *connector);
/* Is the process there and reading?  Starts nothing. */
int connector_ping(struct connector *connector, struct error *err);
/* Of the process, 0 when there is none (direct, or not running).  For tests and `status`. */
int64_t connector_pid(const struct connector *connector);

/* What check and discover find, in order.  Any may be NULL.  Pointers are valid during the call. */
struct connector_findings {
	void (*object)(void *data, const struct syncline_object_info *info);
	void (*field)(void *data, const struct syncline_field *field);
	void (*remark)(void *data, uint32_t severity, const char *object, const char *message, const char *hint);
	void *data;
};
int connector_check(struct connector *connector, const struct connector_findings *findings, struct error *err);
int connector_discover_objects(struct connector *connector, const struct connector_findings *findings, struct error *err);
int connector_discover_fields(struct connector *connector, const struct syncline_object *object,
                              const struct connector_findings *findings, struct error *err);

/*
 * Reading.  `read` belongs to the connector; several may be open.  A failed read_next ends the read: close it and begin again
 * at the position of the last batch that was stored.
 */
struct connector_read;
struct connector_read_state {
	bool end;
	bool has_position; /* false: the connector said none with this batch */
	struct syncline_slice position;
	const struct syncline_completeness *completeness; /* only with `end` */
	uint32_t completeness_count;
	uint64_t expected; /* 0: not known */
};
int connector_read_open(struct connector *connector, const struct syncline_object *object, const struct syncline_read_request *request,
                        struct connector_read **ret_read, struct error *err);
/* ret_batch: the caller's.  ret_state: its pointers are valid until the next call on this read. */
int connector_read_next(struct connector_read *read, struct batch **ret_batch, struct connector_read_state *ret_state, struct error *err);
/* Would connector_read_next() answer without waiting for the connector? */
bool connector_read_ready(const struct connector_read *read);
/* All batches so far are durable: the connector's state that came with them is committed. */
int connector_read_accept(struct connector_read *read, struct error *err);
void connector_read_close(struct connector_read *read);
CLEANUP_DEFINE(struct connector_read, connector_read_close);

/* Success too where the connector has nothing to acknowledge. */
int connector_acknowledge(struct connector *connector, const struct syncline_object *object, const struct syncline_slice *position,
                          struct error *err);
/*
 * Records by their native ids, in one batch of the caller's.  A set of ids that crashes the process twice is cut in halves
 * until the guilty ones are alone; those come back as SYNCLINE_OP_REJECT.
 */
int connector_get(struct connector *connector, const struct syncline_object *object, const struct syncline_slice *native_ids,
                  uint32_t count, struct batch **ret_batch, struct error *err);

/* Writing: an outcome for every item of the batch, whatever happened. */
#define CONNECTOR_UNCERTAIN 0u /* nobody knows: find out before trying again */
#define CONNECTOR_COMMITTED 1u /* durable at the target */
#define CONNECTOR_FAILED 2u    /* `error` has the class and `applied` */
struct connector_result {
	uint32_t outcome;
	uint32_t reserved;
	struct syncline_slice native_id; /* committed: as the system gave it, else empty */
	struct syncline_slice version;
	const struct syncline_record *stored; /* committed: as the system stored it, in the batch's fields; NULL: not known */
	const struct error *error;            /* uncertain, failed: why; never NULL then */
};
struct connector_results {
	uint32_t count; /* of the items of the batch */
	uint32_t committed, failed, uncertain;
	uint32_t foreign; /* results for items that the batch doesn't have, and repeated ones */
	const struct connector_result *items;
	bool call_failed; /* write() itself failed or never returned: call_error says how */
	struct error call_error;
	struct arena arena;
};
/* -1 only when nothing was sent; from then on 0 with the results. */
int connector_write(struct connector *connector, const struct syncline_object *object, const struct batch *batch,
                    struct connector_results **ret_results, struct error *err);
/*
 * The same in two steps, with time for other work while the connector writes, but for no other call of this connector.  What was
 * begun must be ended, which frees it and gives the results.  The batch may go once it was begun.
 */
struct connector_writing;
int connector_write_begin(struct connector *connector, const struct syncline_object *object, const struct batch *batch,
                          struct connector_writing **ret_writing, struct error *err);
/* Would connector_write_end() give the results at once, or end a call that takes too long?  Takes what has come so far. */
bool connector_write_heard(struct connector_writing *writing);
struct connector_results *connector_write_end(struct connector_writing *writing);
void connector_results_free(struct connector_results *results);
CLEANUP_DEFINE(struct connector_results, connector_results_free);
/* Success too where the connector has nothing to finish. */
int connector_finish(struct connector *connector, const struct syncline_object *object, struct error *err);

int connector_find(struct connector *connector, const struct syncline_object *object, const struct syncline_criterion *criteria,
                   uint32_t count, uint32_t limit, struct batch **ret_batch, struct error *err);
int connector_count(struct connector *connector, const struct syncline_object *object, uint64_t *ret_count, struct error *err);
/* At most 65,536 buckets. */
int connector_digest(struct connector *connector, const struct syncline_object *object, const char *const *fields, uint32_t field_count,
                     const uint8_t key[16], struct syncline_digest_bucket *ret_buckets, uint32_t bucket_count, struct error *err);

/* Documents.  A stream belongs to the connector and is closed, finished or aborted before it stops. */
struct connector_content;
#define CONNECTOR_CHUNK_MAX (256u * 1024u)
/* ret_info's texts are valid until connector_content_close(). */
int connector_content_open(struct connector *connector, const struct syncline_object *object, const struct syncline_slice *reference,
                           struct connector_content **ret_content, struct syncline_content_info *ret_info, struct error *err);
/* At most CONNECTOR_CHUNK_MAX bytes a call; ret_length 0: the end. */
int connector_content_read(struct connector_content *content, void *buffer, size_t capacity, size_t *ret_length, struct error *err);
void connector_content_close(struct connector_content *content);
int connector_content_create(struct connector *connector, const struct syncline_object *object, const struct syncline_content_info *info,
                             struct connector_content **ret_content, struct error *err);
/* Any length; it is sent in chunks. */
int connector_content_write(struct connector_content *content, const void *data, size_t length, struct error *err);
/* reference: SYNCLINE_CONTENT_REF_MAX bytes.  Frees `content`, whatever it returns. */
int connector_content_finish(struct connector_content *content, const struct syncline_content_info *info, char *reference,
                             size_t *ret_length, struct error *err);
void connector_content_abort(struct connector_content *content);

/* ret_object: SYNCLINE_NAME_MAX + 1 bytes. */
int connector_webhook(struct connector *connector, const struct syncline_webhook_request *request, char *ret_object,
                      struct batch **ret_batch, struct error *err);

#endif
