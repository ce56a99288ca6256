/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abi.h: what every part of the connector contract stands on: version numbers, the size rule, error classes, the error
 * that a call fills in, and the call itself.
 *
 * THE SIZE RULE.  Every struct that crosses the border begins with `uint32_t struct_size`, set by the side that owns the
 * memory to sizeof as it was compiled.  Fields are only ever appended.  The reader copies the smaller of the two sizes into
 * a struct that it zeroed first, and then tests for zero or NULL: a field that the other side does not know is zero.  In
 * arrays of such structs the step from one element to the next is the struct_size of the first element.
 *
 * OWNERSHIP.  Each side frees what it allocated.  A pointer that one side hands to the other is valid until the call that
 * carried it returns, unless its comment says otherwise; what is needed longer is copied.
 *
 * THREADS.  All calls on one instance come from one thread, one after the other.  A host service may be called from any
 * thread of the connector where its comment says so, and else from the thread of the call alone.
 *
 * A connector never calls fork, exit, abort, signal, setlocale, chdir, umask or curl_global_init: it is a guest in its
 * process.  It links no symbol of the agent; all that it needs comes through struct syncline_host.
 */
#ifndef SYNCLINE_ABI_H
#define SYNCLINE_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The major number must be equal on both sides.  The minor number is for people; nothing compares it. */
#define SYNCLINE_ABI_MAJOR 1
#define SYNCLINE_ABI_MINOR 0

#if defined(__GNUC__) || defined(__clang__)
#define SYNCLINE_EXPORT __attribute__((visibility("default")))
#else
#define SYNCLINE_EXPORT
#endif

#ifdef __cplusplus
#define SYNCLINE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define SYNCLINE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Holds `offset32` where pointers have 4 bytes and `offset64` where they have 8: the layout that was released. */
#define SYNCLINE_OFFSET(type, member, offset32, offset64)                                                             \
	SYNCLINE_STATIC_ASSERT(offsetof(type, member) == (sizeof(void *) == 4 ? (offset32) : (offset64)),             \
	                       #type "." #member " moved")

/*
 * Error classes: what the agent does next.  A closed set; every function of a part returns one of these as uint32_t.
 * A class that the agent does not know counts as PERMANENT for a read and as uncertain for a write.
 */
#define SYNCLINE_OK 0u
#define SYNCLINE_RETRY 1u     /* passing trouble: the same call may succeed later */
#define SYNCLINE_THROTTLED 2u /* too many calls: again after syncline_error.retry_after_ms */
#define SYNCLINE_AUTH 3u      /* credentials refused: the system is parked until a person acts, never tried in a loop */
#define SYNCLINE_CONFIG 4u    /* a setting is wrong or missing: no call can succeed before it is changed */
#define SYNCLINE_NOT_FOUND 5u /* the object or record isn't there */
#define SYNCLINE_CONFLICT 6u  /* the record's version isn't the expected one, or a unique value is taken */
#define SYNCLINE_INVALID 7u   /* the system refused the record's content: a person or a rule must change it */
#define SYNCLINE_PERMANENT 8u /* the same call will fail the same way for ever */
#define SYNCLINE_CANCELLED 9u /* ended because syncline_call.cancelled() said so */
#define SYNCLINE_INTERNAL 10u /* a fault in the connector itself */
#define SYNCLINE_REFERENCED 11u /* a delete alone: other records there still refer to this one */
#define SYNCLINE_CLASS_COUNT 12u

/*
 * Whether a write that failed took effect at the target.  Zero, which is what a connector that says nothing leaves, means
 * "maybe": the agent then finds out before it tries again.  Say NO only when the request certainly didn't arrive or the
 * target certainly refused it.
 */
#define SYNCLINE_APPLIED_MAYBE 0u
#define SYNCLINE_APPLIED_NO 1u
#define SYNCLINE_APPLIED_YES 2u

/*
 * The texts of a failure.  The caller owns it, zeroed, with struct_size set; the callee fills it in when it returns
 * anything but SYNCLINE_OK, and leaves it alone otherwise.  All texts are UTF-8, ended by NUL, cut at the buffer's end.
 * They are for the person at two in the morning and must not contain secrets.
 */
struct syncline_error {
	uint32_t struct_size;
	uint32_t applied;        /* SYNCLINE_APPLIED_*; writes alone */
	uint32_t retry_after_ms; /* milliseconds to wait, 0: not said */
	uint32_t remote_status;  /* the system's own number (an HTTP status, an SQLSTATE …), 0: none */
	char message[256];       /* one sentence: what failed, with the record or file */
	char detail[768];        /* what the system itself said, cut to fit */
	char hint[256];          /* what to do next */
};
SYNCLINE_OFFSET(struct syncline_error, message, 16, 16);
SYNCLINE_OFFSET(struct syncline_error, detail, 272, 272);
SYNCLINE_OFFSET(struct syncline_error, hint, 1040, 1040);
SYNCLINE_STATIC_ASSERT(sizeof(struct syncline_error) == 1296, "syncline_error has a fixed size");

/*
 * One call into the connector.  Owned by the host, valid until the call returns.
 */
struct syncline_call {
	uint32_t struct_size;
	uint32_t deadline_ms;    /* milliseconds left when the call began, measured on a monotonic clock; 0: no deadline */
	const char *correlation; /* for the connector's log lines and requests; never NULL */
	const char *traceparent; /* W3C trace context to hand on to the system, or NULL */
	/*
	 * Non-zero once the call was cancelled or its deadline has passed.  May be called from any thread, costs little, and
	 * is asked at least once a second in any work that takes long; a connector that doesn't stop within the grace time
	 * (5 s) is killed with its process.
	 */
	uint32_t (*cancelled)(const struct syncline_call *call);
	void *host_data; /* the host's own */
};
SYNCLINE_OFFSET(struct syncline_call, correlation, 8, 8);
SYNCLINE_OFFSET(struct syncline_call, cancelled, 16, 24);

/* A piece of text or of bytes that need not end with NUL. */
struct syncline_slice {
	const void *data; /* may be NULL when length is 0 */
	size_t length;    /* bytes */
};

#ifdef __cplusplus
}
#endif
#endif
