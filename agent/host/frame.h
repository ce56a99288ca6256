/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h: what passes between the agent and a connector's host process: typed messages with two lengths.
 *
 *     0  u32 magic "SYNF"     4  u8 type    5  u8 flags    6  u16 call id (calls.def)
 *     8  u32 incarnation     12  u32 number of the call or stream
 *    16  u32 head length     20  u32 body length           all little-endian
 *    24  head: encoded fields (wire.h)
 *        body: a whole batch or a chunk of a document, received straight into the memory that its reader will own
 *
 * The agent starts with HELLO (the versions it speaks, the incarnation of this process), the host answers with the one it
 * chose.  Then the agent sends CALLs, one at a time, each answered by one REPLY, with RESULT and FINDING before it.  BATCHes of
 * an open read come unasked as long as the read has CREDIT.  CANCEL and PING may come at any time and are taken while a call
 * runs.  Both sides hold the other for hostile: every type has limits, and directions are checked.
 */
#ifndef HOST_FRAME_H
#define HOST_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

#define FRAME_MAGIC 0x464e5953u
#define FRAME_HEADER 24u
#define FRAME_VERSION_MIN 1u
#define FRAME_VERSION_MAX 1u
#define FRAME_HEAD_MAX (8u * 1024u * 1024u)

enum frame_type {
	FRAME_HELLO = 1, /* both: u32 lowest, u32 highest version */
	FRAME_CALL,      /* to the host */
	FRAME_REPLY,     /* to the agent */
	FRAME_RESULT,    /* to the agent: some results of a running write */
	FRAME_FINDING,   /* to the agent: one finding of a running check or discover */
	FRAME_BATCH,     /* to the agent: what a read brought */
	FRAME_CREDIT,    /* to the host: u32 batches, u32 milliseconds for each */
	FRAME_CANCEL,    /* to the host */
	FRAME_PING,      /* to the host */
	FRAME_PONG,      /* to the agent */
	FRAME_LOG,       /* to the agent: u32 level, text */
	FRAME_STOP,      /* to the host: close the instance and end */
	FRAME_TYPE_COUNT
};
enum frame_side { FRAME_TO_HOST = 1, FRAME_TO_AGENT = 2 };

#define MESSAGE_SECRET 0x01u /* wiped before its memory is given back */

/* One message, in memory of its own.  message_free accepts NULL. */
struct message {
	struct message *next; /* of the queue that holds it */
	uint8_t type;
	uint8_t flags;
	uint16_t call;
	uint32_t incarnation;
	uint32_t number;
	uint32_t head_length;
	uint32_t body_length;
	uint8_t *head;
	uint8_t *body;
};
/* Takes over the head's bytes and the body (malloc'd; may be NULL), on failure too: then they are freed. */
struct message *message_new(enum frame_type type, uint16_t call, uint32_t number, struct buffer *head, uint8_t *body, size_t body_length,
                            struct error *err);
void message_free(struct message *message);
CLEANUP_DEFINE(struct message, message_free);

/* First in, first out. */
struct message_queue {
	struct message *first;
	struct message **last;
	uint32_t count;
	uint64_t bytes;
};
void message_queue_init(struct message_queue *queue);
void message_queue_push(struct message_queue *queue, struct message *message);
struct message *message_queue_pop(struct message_queue *queue);
/* The first of this call or stream, or NULL. */
struct message *message_queue_take(struct message_queue *queue, uint32_t number);
bool message_queue_has(const struct message_queue *queue, uint32_t number);
void message_queue_free(struct message_queue *queue);

void frame_encode(const struct message *message, uint8_t header[FRAME_HEADER]);
/* Checks a header that came from the other side: magic, type, direction, lengths.  Lengths and numbers only; no memory yet. */
int frame_decode(const uint8_t header[FRAME_HEADER], enum frame_side side, struct message *ret_message, struct error *err);
/* A whole frame from memory.  ret_used: its bytes.  For tests and fuzzers; the same checks. */
struct message *frame_parse(const uint8_t *data, size_t length, enum frame_side side, size_t *ret_used, struct error *err);

/* Blocking.  NULL at the end of the stream (err->code stays ERROR_NONE) or on a failure. */
struct message *frame_read(int fd, enum frame_side side, struct error *err);
/*
 * The whole frame, or -1.  `until` by os_monotonic_ms(), 0: as long as it takes; with it the descriptor doesn't block.
 * `stop` (may be NULL) is asked every 100 ms.
 */
int frame_write(int fd, const struct message *message, int64_t until, bool (*stop)(void *data), void *data, struct error *err);
/* The same with a header that is made already and no body: allocates nothing and may run in a signal handler. */
int frame_write_encoded(int fd, const uint8_t header[FRAME_HEADER], const uint8_t *head, size_t length, int64_t until);

#endif
