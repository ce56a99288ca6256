/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.h: what the host gives to a connector.
 *
 * A connector asks for a service by id with its revision, once, in open():
 *
 *     const struct syncline_log_service_v1 *log = host->get_service(host, "log/1");
 *
 * NULL means that this host does not offer it: do without, or refuse to open with SYNCLINE_CONFIG and a sentence that names
 * the service.  A revision never changes once it was released; what must change becomes the next revision beside it.  The
 * tables are the host's and stay valid until close() has returned.
 */
#ifndef SYNCLINE_SERVICE_H
#define SYNCLINE_SERVICE_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct syncline_host {
	uint32_t struct_size;
	uint32_t reserved;
	const char *agent_version; /* "1.2.3", for log lines and user-agent headers */
	/* The table of a service, or NULL.  Any thread. */
	const void *(*get_service)(const struct syncline_host *host, const char *id);
	void *host_data; /* the host's own */
};
SYNCLINE_OFFSET(struct syncline_host, get_service, 12, 16);

/* "log/1": a line in the agent's log, with the system, run and correlation id added.  Any thread. */
#define SYNCLINE_LOG_DEBUG 0u
#define SYNCLINE_LOG_INFO 1u
#define SYNCLINE_LOG_WARNING 2u
#define SYNCLINE_LOG_ERROR 3u
struct syncline_log_service_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	/* text: UTF-8 ended by NUL, one line, at most 4,000 bytes (cut there), without secrets and personal data. */
	void (*write)(const struct syncline_host *host, uint32_t level, const char *text);
};

/* "clock/1": time as the agent sees it; tests replace it.  Any thread. */
struct syncline_clock_service_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	int64_t (*wall_us)(const struct syncline_host *host);      /* microseconds since 1970-01-01T00:00:00Z */
	int64_t (*monotonic_ms)(const struct syncline_host *host); /* milliseconds since some moment; never goes back */
};

/*
 * "secret/1": the values of parameters of type SYNCLINE_PARAM_SECRET.  They are in no setting.  The bytes stay valid until
 * close(); the host keeps them in locked memory and wipes them then.  Never copy one into a message or a log line.
 */
struct syncline_secret_service_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	/* name: the parameter.  SYNCLINE_NOT_FOUND when it was not configured. */
	uint32_t (*get)(const struct syncline_host *host, const char *name, struct syncline_slice *ret_secret);
};

/*
 * "state/1": small durable things of the connector's own (a session, a learnt page size), per system and object.  A value
 * that was set during a call is stored by the agent together with that call's batch, or not at all.  What decides how far a
 * read has come does not belong here but in the position (part.h).  At most 64 KiB a value, 256 KiB in all.
 */
struct syncline_state_service_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	/* ret_value: valid until the next call of set() or the end of the call.  SYNCLINE_NOT_FOUND when there is none. */
	uint32_t (*get)(const struct syncline_host *host, const char *key, struct syncline_slice *ret_value);
	/* value: NULL removes it.  SYNCLINE_INVALID beyond the limits. */
	uint32_t (*set)(const struct syncline_host *host, const char *key, const struct syncline_slice *value);
};

/*
 * "batch/1": filling the batch that a call was given, and reading the one that a write was given.
 *
 * A batch to fill is empty at first.  Its fields are set once, before the first record; a later batch of the same read may
 * have others.  A target size of 1,000 records or 1 MiB keeps memory flat: full() says when to return.  A record that is
 * too large or not valid is refused with SYNCLINE_INVALID and the batch stays as it was: add it again as SYNCLINE_OP_REJECT.
 */
struct syncline_batch;
struct syncline_batch_service_v1 {
	uint32_t struct_size;
	uint32_t reserved;

	/* Filling. */
	uint32_t (*set_fields)(struct syncline_batch *batch, const struct syncline_field *fields, uint32_t count, struct syncline_error *err);
	/* Where the records come from (a file's name, a page's address), for messages.  Before the first record. */
	uint32_t (*set_origin)(struct syncline_batch *batch, const char *origin, struct syncline_error *err);
	uint32_t (*add)(struct syncline_batch *batch, const struct syncline_record *record, struct syncline_error *err);
	uint32_t (*full)(const struct syncline_batch *batch);

	/* Reading. */
	uint32_t (*field_count)(const struct syncline_batch *batch);
	uint32_t (*record_count)(const struct syncline_batch *batch);
	/* ret_field: the caller sets struct_size.  Pointers are valid as long as the batch. */
	uint32_t (*field)(const struct syncline_batch *batch, uint32_t index, struct syncline_field *ret_field);
	/*
	 * ret_record: the caller sets struct_size.  Its values point into the batch; the array itself is reused by the next
	 * call of record() on this batch.
	 */
	uint32_t (*record)(struct syncline_batch *batch, uint32_t index, struct syncline_record *ret_record);

	/*
	 * The native id of several key parts, in the host's one way: each part's bytes, with \ before \ and |, joined by |.
	 * One part alone is itself, unescaped.  ret_length: bytes needed without a NUL; SYNCLINE_INVALID when over capacity.
	 */
	uint32_t (*join_key)(const struct syncline_slice *parts, uint32_t count, char *buffer, size_t capacity, size_t *ret_length);
	/*
	 * The way back: the parts of a native id that has `count` of them, unescaped into `buffer` (at least native_id->length
	 * bytes), ret_parts pointing there.  SYNCLINE_INVALID when it has another number of parts.
	 */
	uint32_t (*split_key)(const struct syncline_slice *native_id, uint32_t count, char *buffer, size_t capacity,
	                      struct syncline_slice *ret_parts);
	/*
	 * The 128-bit SipHash-2-4 of a record's native id and of the values (in the given order) under a 16-byte key, as the
	 * digest/1 part must compute it so that both sides of a comparison agree.
	 */
	uint32_t (*digest)(const struct syncline_value *native_id, const struct syncline_value *values, uint32_t count,
	                   const uint8_t key[16], uint64_t ret_hash[2]);
};

/*
 * "http/1": requests over the agent's one HTTP client: TLS checked against the system's authorities and the configured one,
 * proxies, limits, redaction and recording in one place.  For a system that is not writable, methods other than GET and
 * HEAD are refused with SYNCLINE_CONFIG unless the request says that it only reads.
 */
#define SYNCLINE_HTTP_READS 0x01u /* this POST, REPORT or PROPFIND changes nothing */
struct syncline_http_header {
	const char *name;
	const char *value;
};
struct syncline_http_request {
	uint32_t struct_size;
	uint32_t flags; /* SYNCLINE_HTTP_* */
	const char *method;
	const char *url; /* absolute, http or https */
	const struct syncline_http_header *headers;
	uint32_t header_count;
	uint32_t timeout_ms; /* 0: the call's deadline alone */
	struct syncline_slice body;
	size_t response_max; /* bytes, 0: 16 MiB */
};
struct syncline_http_response {
	uint32_t struct_size;
	uint32_t status;      /* as sent by the server */
	uint32_t http_version; /* 10, 11, 20 */
	uint32_t header_count;
	const struct syncline_http_header *headers; /* names in lower case, in the order of arrival */
	struct syncline_slice body;
	int64_t elapsed_us;
	/* All pointers: valid until release(). */
};
struct syncline_http_service_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	/*
	 * One request and its whole answer.  Any answer of the server, 500 included, is SYNCLINE_OK: the connector judges it.
	 * Failing to reach the server is SYNCLINE_RETRY, with applied NO when nothing was sent.
	 */
	uint32_t (*perform)(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_http_request *request,
	                    struct syncline_http_response *ret_response, struct syncline_error *err);
	void (*release)(const struct syncline_host *host, struct syncline_http_response *response);
};

/*
 * "expr/1": the rules' SQL expressions for connectors that are themselves configured by expressions.  One expression over
 * the fields of one record at a time, with the functions, limits and budgets that rules have.
 */
struct syncline_expr;
struct syncline_expr_service_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*compile)(const struct syncline_host *host, const char *expression, const struct syncline_field *fields, uint32_t count,
	                    struct syncline_expr **ret_expr, struct syncline_error *err);
	/* ret_value points to memory of the expression, valid until its next evaluation. */
	uint32_t (*evaluate)(struct syncline_expr *expr, const struct syncline_value *values, uint32_t count, struct syncline_value *ret_value,
	                     struct syncline_error *err);
	void (*release)(struct syncline_expr *expr);
};

#ifdef __cplusplus
}
#endif
#endif
