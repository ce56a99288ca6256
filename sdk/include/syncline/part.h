/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * part.h: what a connector can do, cut into parts that the agent finds by id: "source/1", "sink/1", "find/1", "count/1",
 * "digest/1", "discover/1", "content/1", "webhook/1", "check/1".  A connector offers those that make sense for its kind of
 * system.  A revision never changes once it was released.
 *
 * `instance` is what open() made (connector.h).  Every function returns an error class and, unless that is SYNCLINE_OK,
 * fills in `err`.  Outputs (`ret_…`) are read only after SYNCLINE_OK.
 */
#ifndef SYNCLINE_PART_H
#define SYNCLINE_PART_H

#include "service.h"

#ifdef __cplusplus
extern "C" {
#endif

struct syncline_settings; /* connector.h */

/*
 * An object as the administrator configured it, given with each call that works on one.
 */
#define SYNCLINE_READS_FULL 1u  /* a read returns all records */
#define SYNCLINE_READS_DELTA 2u /* a read returns what changed since the position */
struct syncline_object {
	uint32_t struct_size;
	uint32_t reads;           /* SYNCLINE_READS_* as configured, 0: the connector decides */
	const char *alias;        /* our name for it */
	const char *native;       /* the system's name for it */
	const char *const *key;   /* native names of the fields that make the native id, in order */
	uint32_t key_count;       /* 0: the connector's own idea of an id */
	uint32_t field_count;     /* fields of the contract, 0: none was written yet */
	const struct syncline_field *fields;
	const char *external_key; /* the field that holds our id at the target, or NULL */
	const char *tenant;       /* the field that says whose a record is, or NULL */
	const char *version;      /* the field (or "etag") for optimistic locking, or NULL */
	const char *const *mark;  /* fields that tell when a record changed; a record counts by the latest that is not null */
	uint32_t mark_count;
	uint32_t reserved;
	int64_t overlap_us;       /* delta reads go back by this much */
	const char *content;      /* the field that names a document, or NULL */
	const char *group_into;   /* rows of one key become one record, the rows as a JSON list in this field, or NULL */
	const struct syncline_settings *settings; /* the parameters of scope object; never NULL */
};
SYNCLINE_OFFSET(struct syncline_object, alias, 8, 8);
SYNCLINE_OFFSET(struct syncline_object, key_count, 20, 32);
SYNCLINE_OFFSET(struct syncline_object, fields, 28, 40);
SYNCLINE_OFFSET(struct syncline_object, overlap_us, 56, 88);

/* A position: how far a read has come, opaque to the agent, at most SYNCLINE_POSITION_MAX bytes. */
#define SYNCLINE_POSITION_MAX 65536u

/*
 * source/1.  Reading is pull, in batches.  open_read takes an upper bound first and reads only up to it, so that what
 * changes meanwhile belongs to the next read.  Marks are compared by (mark, key), with >= and never >; repeats are free.
 */
struct syncline_read_request {
	uint32_t struct_size;
	uint32_t full;                  /* non-zero: all records, whatever the position says */
	struct syncline_slice position; /* as the last stored batch gave it; empty at the first read */
	const char *const *tenants;     /* read only these if the system can; the agent sorts out the rest */
	uint32_t tenant_count;          /* 0: all */
	uint32_t record_limit;          /* a sample: stop after so many records, 0: none */
};
/* Completeness of a full read, per tenant. */
struct syncline_completeness {
	const char *tenant; /* NULL: of all that the credentials can see */
	uint32_t complete;  /* non-zero: nothing is missing, so what was not seen is gone */
	uint32_t reserved;
};
/* Filled by next().  Pointers are the connector's, valid until its next call on the reader. */
struct syncline_read_state {
	uint32_t struct_size;
	uint32_t end;                   /* non-zero: this was the last batch (it may be empty) */
	struct syncline_slice position; /* valid after this batch: a read that starts there misses nothing */
	const struct syncline_completeness *completeness; /* with `end` of a full read; else the read may delete nothing */
	uint32_t completeness_count;
	uint32_t reserved;
	uint64_t expected; /* about how many records the whole read has, for the progress bar; 0: not known */
};
struct syncline_source_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*open_read)(void *instance, const struct syncline_call *call, const struct syncline_object *object,
	                      const struct syncline_read_request *request, void **ret_reader, struct syncline_error *err);
	/* Fills `batch` until it is full or the read is at its end.  An empty batch that isn't the end means: ask again. */
	uint32_t (*next)(void *reader, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *ret_state,
	                 struct syncline_error *err);
	void (*close_read)(void *reader);
	/*
	 * All up to `position` is durable with the agent: archive the file, acknowledge to the queue.  Idempotent: it is
	 * called again after a crash.  NULL: nothing to do.
	 */
	uint32_t (*acknowledge)(void *instance, const struct syncline_call *call, const struct syncline_object *object,
	                        const struct syncline_slice *position, struct syncline_error *err);
	/*
	 * The records with these native ids as they are now, past every cache.  One that is not there is added as
	 * SYNCLINE_OP_DELETED.  NULL: not possible.
	 */
	uint32_t (*get)(void *instance, const struct syncline_call *call, const struct syncline_object *object,
	                const struct syncline_slice *native_ids, uint32_t count, struct syncline_batch *batch, struct syncline_error *err);
};

/*
 * sink/1.  Writing is batched with a result per item.  write() reports each item by its index in the batch, once, in any
 * order, as soon as it is known; an item that was reported twice, not at all, or under an index that the batch doesn't have
 * is uncertain.  Committed means durable at the target.  When write() itself fails, items without a result take its class.
 * But that a call found nothing (SYNCLINE_NOT_FOUND) is said of what is written to, not of the items, unless batches are atomic: these
 * are tried again.
 */
struct syncline_write_result {
	uint32_t struct_size;
	uint32_t error_class;            /* SYNCLINE_OK: committed */
	struct syncline_slice native_id; /* committed creates: the id the system gave */
	struct syncline_slice version;   /* the new version, if known */
	const struct syncline_record *stored; /* the record as the system stored it, in the batch's fields; NULL: not known */
	const struct syncline_error *error;   /* failed: the texts and `applied`; NULL: maybe applied */
};
struct syncline_results {
	uint32_t struct_size;
	uint32_t reserved;
	/* Copies all it needs.  From the thread of the call alone. */
	void (*report)(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *result);
	void *host_data; /* the host's own */
};
struct syncline_sink_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*write)(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
	                  const struct syncline_results *results, struct syncline_error *err);
	/*
	 * The run has no more items for this object: publish what is published as a whole (a file under its final name), also what a
	 * process that is gone has left.  What was reported as committed is so already and does not wait for this.  It is called after
	 * writes, and without any while something handed over is looked for or when the run before did not come to its end.  NULL: nothing to do.
	 */
	uint32_t (*finish)(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_error *err);
};

/* find/1: records whose fields equal all the given values. */
struct syncline_criterion {
	const char *field;
	struct syncline_value value;
};
struct syncline_find_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	/* At most `limit` hits are added to the batch. */
	uint32_t (*find)(void *instance, const struct syncline_call *call, const struct syncline_object *object,
	                 const struct syncline_criterion *criteria, uint32_t count, uint32_t limit, struct syncline_batch *batch,
	                 struct syncline_error *err);
};

/* count/1: how many records the object has. */
struct syncline_count_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*count)(void *instance, const struct syncline_call *call, const struct syncline_object *object, uint64_t *ret_count,
	                  struct syncline_error *err);
};

/*
 * digest/1: sums over all records, to compare millions without moving them.  The bucket of a record is the first 64-bit
 * word of batch/1's digest of its native id alone (no values) modulo `bucket_count`; each bucket counts its records and
 * adds up (modulo 2^64, word by word) the digest of native id and the given fields' values.
 */
struct syncline_digest_bucket {
	uint64_t count;
	uint64_t sum[2];
};
struct syncline_digest_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*digest)(void *instance, const struct syncline_call *call, const struct syncline_object *object, const char *const *fields,
	                   uint32_t field_count, const uint8_t key[16], struct syncline_digest_bucket *ret_buckets, uint32_t bucket_count,
	                   struct syncline_error *err);
};

/* Three-valued: none, emulated by the connector at a price, native to the system. */
#define SYNCLINE_NONE 0u
#define SYNCLINE_EMULATED 1u
#define SYNCLINE_NATIVE 2u
/*
 * What an object can do.  Static in the descriptor for the kind of system; discover() refines it per object.
 * upsert, idempotency and find are the three ways to create once; without any of them a sink is refused unless the
 * administrator accepts duplicates by name.
 */
struct syncline_capabilities {
	uint32_t struct_size;
	uint8_t read_full;
	uint8_t read_delta;    /* from a position */
	uint8_t read_deletes;  /* a delta read tells of deletions */
	uint8_t get;
	uint8_t find;
	uint8_t count;
	uint8_t digest;
	uint8_t content;
	uint8_t create;
	uint8_t update;
	uint8_t remove;            /* deleting */
	uint8_t partial_update;    /* absent values stay as they are at the target */
	uint8_t upsert;            /* creating again under the same external key changes the record that is there */
	uint8_t idempotency;       /* the attempt's key makes repeats harmless */
	uint8_t conditional_write; /* a write with a stale version is refused with SYNCLINE_CONFLICT */
	uint8_t version_comparable; /* versions can be ordered as text of equal length, or as numbers */
	uint8_t batch_atomic;      /* a batch is written as a whole or not at all */
	uint8_t returns_stored_form;
	uint8_t reserved[2];
	uint32_t write_batch_max; /* items a write may have, 0: no limit */
	uint32_t reserved2;
	int64_t idempotency_retention_ms; /* how long the system remembers a key */
	int64_t find_lag_ms;              /* how long after a create find() may miss it */
	int64_t settle_ms;                /* how long an unanswered request may still take effect */
};
SYNCLINE_OFFSET(struct syncline_capabilities, read_full, 4, 4);
SYNCLINE_OFFSET(struct syncline_capabilities, write_batch_max, 24, 24);
SYNCLINE_OFFSET(struct syncline_capabilities, idempotency_retention_ms, 32, 32);
SYNCLINE_STATIC_ASSERT(sizeof(struct syncline_capabilities) == 56, "syncline_capabilities has a fixed size");

/* discover/1: which objects there are and what fields they have. */
struct syncline_object_info {
	uint32_t struct_size;
	uint32_t reserved;
	const char *native;
	const char *label; /* or NULL */
	const struct syncline_capabilities *capabilities; /* NULL: as in the descriptor */
};
struct syncline_findings {
	uint32_t struct_size;
	uint32_t reserved;
	void (*object)(const struct syncline_findings *findings, const struct syncline_object_info *info);
	void (*field)(const struct syncline_findings *findings, const struct syncline_field *field);
	/* severity: SYNCLINE_LOG_*; object: native name or NULL; message and hint: sentences. */
	void (*remark)(const struct syncline_findings *findings, uint32_t severity, const char *object, const char *message, const char *hint);
	void *host_data; /* the host's own */
};
struct syncline_discover_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*objects)(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err);
	uint32_t (*fields)(void *instance, const struct syncline_call *call, const struct syncline_object *object,
	                   const struct syncline_findings *findings, struct syncline_error *err);
};

/*
 * content/1: documents, in chunks; memory does not grow with the document.  The agent counts and hashes what passes.
 * A document is written in two steps: the stream first, which nobody at the target sees, and then the record whose content
 * field names the reference that finish_write gave.  Streams that no record names are removed by the connector in time.
 * A reference says where a document lies, not which one it is: a record whose document may change under the same reference has a
 * version that changes with it, or a field that does.  The agent then asks open_read for its hash, or reads it.
 */
struct syncline_content_info {
	uint32_t struct_size;
	uint32_t has_hash;      /* non-zero: sha256 is set */
	uint64_t length;        /* bytes, UINT64_MAX: not known */
	uint8_t sha256[32];
	const char *name;       /* a file name for people, without a path, or NULL */
	const char *media_type; /* "application/pdf", or NULL */
	int64_t modified_us;    /* microseconds since 1970, INT64_MIN: not known */
};
#define SYNCLINE_CONTENT_REF_MAX 4096u
struct syncline_content_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	/* ret_info: the host sets struct_size; its texts are valid until close_read. */
	uint32_t (*open_read)(void *instance, const struct syncline_call *call, const struct syncline_object *object,
	                      const struct syncline_slice *reference, void **ret_stream, struct syncline_content_info *ret_info,
	                      struct syncline_error *err);
	/* ret_length 0: the end. */
	uint32_t (*read)(void *stream, const struct syncline_call *call, void *buffer, size_t capacity, size_t *ret_length,
	                 struct syncline_error *err);
	void (*close_read)(void *stream);
	/* info: what the source said, as far as it is known. */
	uint32_t (*open_write)(void *instance, const struct syncline_call *call, const struct syncline_object *object,
	                       const struct syncline_content_info *info, void **ret_stream, struct syncline_error *err);
	uint32_t (*write)(void *stream, const struct syncline_call *call, const void *data, size_t length, struct syncline_error *err);
	/*
	 * All bytes are there: verify `info` (length and hash are always set), make them durable, and put the reference that a
	 * record will carry into `reference` (SYNCLINE_CONTENT_REF_MAX bytes).  Frees the stream, whatever it returns.
	 */
	uint32_t (*finish_write)(void *stream, const struct syncline_call *call, const struct syncline_content_info *info, char *reference,
	                         size_t *ret_length, struct syncline_error *err);
	void (*abort_write)(void *stream);
};

/* webhook/1: a request that the gate accepted, taken apart by the connector.  Nothing in it is trusted. */
struct syncline_webhook_request {
	uint32_t struct_size;
	uint32_t header_count;
	const char *method;
	const char *path;  /* behind the webhook's own prefix */
	const char *query; /* without '?', may be "" */
	const struct syncline_http_header *headers; /* names in lower case */
	struct syncline_slice body;
	uint32_t verified; /* non-zero: the gate checked the configured signature */
	uint32_t reserved;
};
struct syncline_webhook_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	/*
	 * Which object (ret_object, SYNCLINE_NAME_MAX + 1 bytes, alias or native name) and which of its records the request is
	 * about: records with values are observations; those with a native id alone are read again by the agent.
	 */
	uint32_t (*receive)(void *instance, const struct syncline_call *call, const struct syncline_webhook_request *request, char *ret_object,
	                    struct syncline_batch *batch, struct syncline_error *err);
};

/* check/1: is the system there, are the credentials good, which rights are missing or more than needed. */
struct syncline_check_v1 {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*check)(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
