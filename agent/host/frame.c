/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.c: messages in memory and on a socket.  Any thread; a descriptor has one reader and one writer at a time.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sodium.h>

#include "batch/batch.h"
#include "host/frame.h"
#include "os/os.h"

#define STOP_CHECK_MS 100

static const struct frame_rule {
	uint8_t sides;
	uint32_t head_max;
	uint32_t body_max;
} rules[FRAME_TYPE_COUNT] = {
	[FRAME_HELLO] = { FRAME_TO_HOST | FRAME_TO_AGENT, 64, 0 },
	[FRAME_CALL] = { FRAME_TO_HOST, FRAME_HEAD_MAX, BATCH_MAX_BYTES },
	[FRAME_REPLY] = { FRAME_TO_AGENT, FRAME_HEAD_MAX, BATCH_MAX_BYTES },
	[FRAME_RESULT] = { FRAME_TO_AGENT, FRAME_HEAD_MAX, 0 },
	[FRAME_FINDING] = { FRAME_TO_AGENT, 65536, 0 },
	[FRAME_BATCH] = { FRAME_TO_AGENT, 4u * 1024u * 1024u, BATCH_MAX_BYTES },
	[FRAME_CREDIT] = { FRAME_TO_HOST, 16, 0 },
	[FRAME_CANCEL] = { FRAME_TO_HOST, 0, 0 },
	[FRAME_PING] = { FRAME_TO_HOST, 0, 0 },
	[FRAME_PONG] = { FRAME_TO_AGENT, 0, 0 },
	[FRAME_LOG] = { FRAME_TO_AGENT, 8192, 0 },
	[FRAME_STOP] = { FRAME_TO_HOST, 0, 0 },
};

struct message *
message_new(enum frame_type type, uint16_t call, uint32_t number, struct buffer *head, uint8_t *body, size_t body_length, struct error *err)
{
	size_t head_length = head != NULL ? head->length : 0;
	struct message *message = NULL;

	if (head != NULL && head->failed == BUFFER_NO_MEMORY)
		error_fill_memory(err);
	else if ((head != NULL && head->failed) || head_length > rules[type].head_max || body_length > rules[type].body_max)
		error_fill(err, ERROR_HOST_MESSAGE, "Fewer fields, ids or settings in one call.",
		           "a message of %zu and %zu bytes is too large", head_length, body_length);
	else if ((message = calloc(1, sizeof *message)) == NULL)
		error_fill_memory(err);
	if (message == NULL) {
		if (head != NULL)
			buffer_free(head);
		free(body);
		return NULL;
	}
	message->type = (uint8_t)type;
	message->call = call;
	message->number = number;
	message->head_length = (uint32_t)head_length;
	message->body_length = (uint32_t)body_length;
	message->body = body;
	if (head != NULL) {
		message->head = (uint8_t *)head->data;
		buffer_init(head, head->max);
	}
	return message;
}

void
message_free(struct message *message)
{
	if (message == NULL)
		return;
	if ((message->flags & MESSAGE_SECRET) != 0 && message->head != NULL)
		sodium_memzero(message->head, message->head_length);
	free(message->head);
	free(message->body);
	free(message);
}

void
message_queue_init(struct message_queue *queue)
{
	memset(queue, 0, sizeof *queue);
	queue->last = &queue->first;
}

void
message_queue_push(struct message_queue *queue, struct message *message)
{
	message->next = NULL;
	*queue->last = message;
	queue->last = &message->next;
	queue->count++;
	queue->bytes += (uint64_t)message->head_length + message->body_length;
}

static struct message *
unlink_message(struct message_queue *queue, struct message **at)
{
	struct message *message = *at;

	*at = message->next;
	if (queue->last == &message->next)
		queue->last = at;
	message->next = NULL;
	queue->count--;
	queue->bytes -= (uint64_t)message->head_length + message->body_length;
	return message;
}

struct message *
message_queue_pop(struct message_queue *queue)
{
	return queue->first != NULL ? unlink_message(queue, &queue->first) : NULL;
}

struct message *
message_queue_take(struct message_queue *queue, uint32_t number)
{
	for (struct message **at = &queue->first; *at != NULL; at = &(*at)->next)
		if ((*at)->number == number)
			return unlink_message(queue, at);
	return NULL;
}

bool
message_queue_has(const struct message_queue *queue, uint32_t number)
{
	const struct message *message = queue->first;

	while (message != NULL && message->number != number)
		message = message->next;
	return message != NULL;
}

void
message_queue_free(struct message_queue *queue)
{
	struct message *message;

	while ((message = message_queue_pop(queue)) != NULL)
		message_free(message);
}

static void
put32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t
get32(const uint8_t *from)
{
	return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

void
frame_encode(const struct message *message, uint8_t header[FRAME_HEADER])
{
	put32(header, FRAME_MAGIC);
	header[4] = message->type;
	header[5] = message->flags;
	header[6] = (uint8_t)message->call;
	header[7] = (uint8_t)(message->call >> 8);
	put32(header + 8, message->incarnation);
	put32(header + 12, message->number);
	put32(header + 16, message->head_length);
	put32(header + 20, message->body_length);
}

int
frame_decode(const uint8_t header[FRAME_HEADER], enum frame_side side, struct message *ret_message, struct error *err)
{
	const char *hint = "The other process is faulty or foreign code wrote into its socket; it is ended.";
	struct message m = { .type = header[4], .flags = header[5] };

	m.call = (uint16_t)(header[6] | header[7] << 8);
	m.incarnation = get32(header + 8);
	m.number = get32(header + 12);
	m.head_length = get32(header + 16);
	m.body_length = get32(header + 20);
	if (get32(header) != FRAME_MAGIC)
		return error_set(err, ERROR_HOST_PROTOCOL, hint, "bytes on the connector's socket are not a frame");
	if (m.type == 0 || m.type >= FRAME_TYPE_COUNT || (rules[m.type].sides & (unsigned)side) == 0)
		return error_set(err, ERROR_HOST_PROTOCOL, hint, "a frame of type %u does not belong here", m.type);
	if (m.head_length > rules[m.type].head_max || m.body_length > rules[m.type].body_max)
		return error_set(err, ERROR_HOST_PROTOCOL, hint, "a frame of type %u announces %lu and %lu bytes, more than its type may have",
		                 m.type, (unsigned long)m.head_length, (unsigned long)m.body_length);
	if ((m.flags & ~MESSAGE_SECRET) != 0)
		return error_set(err, ERROR_HOST_PROTOCOL, hint, "a frame of type %u has flags that are not known", m.type);
	*ret_message = m;
	return 0;
}

/* Memory for what the header announced.  Never more than its limits. */
static struct message *
make_room(const struct message *announced, struct error *err)
{
	struct message *message = malloc(sizeof *message);

	if (message != NULL) {
		*message = *announced;
		message->head = announced->head_length > 0 ? malloc(announced->head_length) : NULL;
		message->body = announced->body_length > 0 ? malloc(announced->body_length) : NULL;
		if ((announced->head_length == 0 || message->head != NULL) && (announced->body_length == 0 || message->body != NULL))
			return message;
		message->flags = 0;
		message_free(message);
	}
	error_fill_memory(err);
	return NULL;
}

struct message *
frame_parse(const uint8_t *data, size_t length, enum frame_side side, size_t *ret_used, struct error *err)
{
	struct message announced, *message;
	uint64_t total;

	if (length < FRAME_HEADER || frame_decode(data, side, &announced, err) != 0)
		return NULL;
	total = (uint64_t)FRAME_HEADER + announced.head_length + announced.body_length;
	if (total > length || (message = make_room(&announced, err)) == NULL)
		return NULL;
	if (message->head_length > 0)
		memcpy(message->head, data + FRAME_HEADER, message->head_length);
	if (message->body_length > 0)
		memcpy(message->body, data + FRAME_HEADER + message->head_length, message->body_length);
	*ret_used = (size_t)total;
	return message;
}

/* 1: all there; 0: the stream ended; -1 */
static int
read_all(int fd, uint8_t *to, size_t length, struct error *err)
{
	size_t have = 0;

	while (have < length) {
		ssize_t got = read(fd, to + have, length - have);

		if (got > 0) {
			have += (size_t)got;
		} else if (got == 0 || errno == ECONNRESET) {
			return 0;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd wait = { .fd = fd, .events = POLLIN };

			(void)poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return error_system(err, ERROR_SYSTEM, errno, "reading from the connector's socket");
		}
	}
	return 1;
}

struct message *
frame_read(int fd, enum frame_side side, struct error *err)
{
	uint8_t header[FRAME_HEADER];
	struct message announced, *message;

	if (read_all(fd, header, sizeof header, err) != 1 || frame_decode(header, side, &announced, err) != 0 ||
	    (message = make_room(&announced, err)) == NULL)
		return NULL;
	if (read_all(fd, message->head, message->head_length, err) != 1 || read_all(fd, message->body, message->body_length, err) != 1) {
		message_free(message);
		return NULL;
	}
	return message;
}

/* Waits until the socket takes more.  Other descriptors of this process may fill it, so the wait is never for ever. */
static int
wait_writable(int fd, int64_t until, bool (*stop)(void *data), void *data, struct error *err)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	int64_t left = until == 0 ? STOP_CHECK_MS : until - os_monotonic_ms();

	if (stop != NULL && stop(data))
		return error_set(err, ERROR_CONNECTOR_CANCELLED, NULL, "the call was cancelled while it was being sent");
	if (left <= 0)
		return error_set(err, ERROR_HOST_TIMEOUT, NULL, "the connector's process took nothing from its socket in time");
	(void)poll(&wait, 1, left > STOP_CHECK_MS ? STOP_CHECK_MS : (int)left);
	return 0;
}

static int
send_parts(int fd, struct iovec parts[3], int64_t until, bool (*stop)(void *data), void *data, struct error *err)
{
	struct msghdr message_header = { .msg_iov = parts, .msg_iovlen = 3 };

	while (message_header.msg_iovlen > 0) {
		ssize_t sent = sendmsg(fd, &message_header, MSG_NOSIGNAL);

		if (sent < 0) {
			if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
				if (wait_writable(fd, until, stop, data, err) != 0)
					return -1;
			} else if (errno != EINTR) {
				return error_system(err, ERROR_HOST_GONE, errno, "writing to the connector's socket");
			}
			continue;
		}
		while (message_header.msg_iovlen > 0 && (size_t)sent >= message_header.msg_iov->iov_len) {
			sent -= (ssize_t)message_header.msg_iov->iov_len;
			message_header.msg_iov++;
			message_header.msg_iovlen--;
		}
		if (message_header.msg_iovlen > 0) {
			message_header.msg_iov->iov_base = (uint8_t *)message_header.msg_iov->iov_base + sent;
			message_header.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

int
frame_write(int fd, const struct message *message, int64_t until, bool (*stop)(void *data), void *data, struct error *err)
{
	uint8_t header[FRAME_HEADER];
	struct iovec parts[3] = { { header, sizeof header }, { message->head, message->head_length }, { message->body, message->body_length } };

	frame_encode(message, header);
	return send_parts(fd, parts, until, stop, data, err);
}

int
frame_write_encoded(int fd, const uint8_t header[FRAME_HEADER], const uint8_t *head, size_t length, int64_t until)
{
	struct iovec parts[3] = { { (void *)(uintptr_t)header, FRAME_HEADER }, { (void *)(uintptr_t)head, length }, { NULL, 0 } };

	return send_parts(fd, parts, until, NULL, NULL, NULL);
}
