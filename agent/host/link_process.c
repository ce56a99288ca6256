/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link_process.c: a guest in a process of its own.  A reader thread takes whatever comes, so that nobody ever writes without
 * reading; it keeps what is expected, drops what is late, and holds everything else for a breach of the protocol.  The thread that
 * uses the connector writes, waits, and ends the process: SIGTERM, SIGKILL on the whole group, reap.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/link.h"
#include "host/program.h"
#include "host/wire.h"
#include "os/os.h"

#define EXPECTED_MAX 72u
#define WAITING_MAX (32u * 1024u * 1024u) /* bytes of results and findings that nobody took yet */
#define TERM_MS 1000
#define REAP_MS 10000
#define LOG_BURST 1000u
#define LOG_PER_SECOND 200u

struct expected {
	uint32_t number; /* 0: free */
	uint32_t batches;
};

struct process {
	struct link link; /* first */
	struct link_setup setup;
	int fd;
	pthread_t reader;
	bool has_reader;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	struct message_queue queue;
	struct expected expected[EXPECTED_MAX];
	bool dead;
	bool closing;
	bool woken;
	uint32_t pongs;
	struct error fault; /* why it is dead, when it isn't simply the end of the stream */
	uint32_t log_tokens;
	int64_t log_filled;
};

static struct expected *
find_expected(struct process *p, uint32_t number)
{
	for (unsigned i = 0; number != 0 && i < EXPECTED_MAX; i++)
		if (p->expected[i].number == number)
			return &p->expected[i];
	return NULL;
}

static bool
log_may_pass(struct process *p)
{
	int64_t now = os_monotonic_ms(), more = (now - p->log_filled) * LOG_PER_SECOND / 1000;

	if (more > 0) {
		p->log_tokens = more > (int64_t)(LOG_BURST - p->log_tokens) ? LOG_BURST : p->log_tokens + (uint32_t)more;
		p->log_filled = now;
	}
	if (p->log_tokens == 0)
		return false;
	p->log_tokens--;
	return true;
}

/* With the lock held.  -1: a breach of the protocol. */
static int
keep(struct process *p, struct message *message)
{
	struct expected *expected;

	if (message->type != FRAME_BATCH)
		while (find_expected(p, message->number) != NULL && p->queue.bytes > WAITING_MAX && !p->closing)
			pthread_cond_wait(&p->changed, &p->lock);
	if ((expected = find_expected(p, message->number)) == NULL) {
		message_free(message);
		return 0;
	}
	if (message->type == FRAME_BATCH) {
		if (expected->batches == 0) {
			message_free(message);
			return error_set(&p->fault, ERROR_HOST_PROTOCOL, "Report it to the connector's vendor.", "it sent a batch that nobody asked for");
		}
		expected->batches--;
	}
	message_queue_push(&p->queue, message);
	return 0;
}

static int
take(struct process *p, struct message *message)
{
	int result = 0;
	bool log = false, pass = false;

	pthread_mutex_lock(&p->lock);
	if (message->incarnation != p->setup.incarnation) {
		message_free(message);
	} else if (message->type == FRAME_LOG) {
		log = true;
		pass = log_may_pass(p);
	} else if (message->type == FRAME_PONG) {
		p->pongs++;
		message_free(message);
	} else {
		result = keep(p, message);
	}
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	if (pass)
		link_log(&p->setup, message);
	if (log)
		message_free(message);
	return result;
}

static void *
read_on(void *data)
{
	struct process *p = data;
	struct error fault = { 0 };
	struct message *message;

	while ((message = frame_read(p->fd, FRAME_TO_AGENT, &fault)) != NULL)
		if (take(p, message) != 0)
			break;
	pthread_mutex_lock(&p->lock);
	if (p->fault.code == ERROR_NONE)
		p->fault = fault;
	p->dead = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* With the lock held: until something changes or the time is over.  False: it is over. */
static bool
wait_until(struct process *p, int64_t until)
{
	int64_t left = until - os_monotonic_ms();
	struct timespec at;

	if (left <= 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(left / 1000);
	at.tv_nsec += (long)(left % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(&p->changed, &p->lock, &at);
	return true;
}

static bool
must_stop(void *data)
{
	struct process *p = data;

	return atomic_load(p->setup.cancelled);
}

static int
send_message(struct link *link, struct message *message, int64_t until, struct error *err)
{
	struct process *p = (struct process *)link;
	int result;

	message->incarnation = p->setup.incarnation;
	/* Half a frame can't be taken back: only a call is given up for a cancel, and then its link ends. */
	result = frame_write(p->fd, message, until, message->type == FRAME_CALL ? must_stop : NULL, p, err);
	message_free(message);
	return result;
}

static int
receive(struct link *link, uint32_t number, int64_t until, struct message **ret_message, struct error *err)
{
	struct process *p = (struct process *)link;
	struct message *message = NULL;
	int result = 0;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		if ((message = message_queue_take(&p->queue, number)) != NULL) {
			pthread_cond_broadcast(&p->changed);
			result = 1;
			break;
		}
		if (p->dead) {
			if (err != NULL)
				*err = p->fault;
			result = -1;
			break;
		}
		if (p->woken || !wait_until(p, until)) {
			p->woken = false;
			break;
		}
	}
	pthread_mutex_unlock(&p->lock);
	*ret_message = message;
	return result;
}

static int
expect(struct link *link, uint32_t number, uint32_t batches)
{
	struct process *p = (struct process *)link;
	struct expected *expected;

	pthread_mutex_lock(&p->lock);
	expected = find_expected(p, number);
	for (unsigned i = 0; expected == NULL && i < EXPECTED_MAX; i++)
		if (p->expected[i].number == 0) {
			expected = &p->expected[i];
			expected->number = number;
			expected->batches = 0;
		}
	if (expected != NULL)
		expected->batches += batches;
	pthread_mutex_unlock(&p->lock);
	return expected != NULL ? 0 : -1;
}

static void
forget(struct link *link, uint32_t number)
{
	struct process *p = (struct process *)link;
	struct expected *expected;
	struct message *message;

	pthread_mutex_lock(&p->lock);
	if ((expected = find_expected(p, number)) != NULL)
		expected->number = 0;
	while ((message = message_queue_take(&p->queue, number)) != NULL)
		message_free(message);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void
wake(struct link *link)
{
	struct process *p = (struct process *)link;

	pthread_mutex_lock(&p->lock);
	p->woken = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static int
ping(struct link *link, int64_t until, struct error *err)
{
	struct process *p = (struct process *)link;
	struct message *message = message_new(FRAME_PING, 0, 0, NULL, NULL, 0, err);
	uint32_t before;
	bool answered, dead;

	pthread_mutex_lock(&p->lock);
	before = p->pongs;
	pthread_mutex_unlock(&p->lock);
	if (message == NULL || send_message(link, message, until, err) != 0)
		return -1;
	pthread_mutex_lock(&p->lock);
	while (p->pongs == before && !p->dead && wait_until(p, until))
		;
	answered = p->pongs != before;
	dead = p->dead;
	pthread_mutex_unlock(&p->lock);
	if (answered)
		return 0;
	return dead ? error_set(err, ERROR_HOST_GONE, NULL, "the connector's process is gone")
	            : error_set(err, ERROR_HOST_TIMEOUT, NULL, "the connector's process does not answer");
}

static bool
wait_dead(struct process *p, int64_t wait_ms)
{
	int64_t until = os_monotonic_ms() + wait_ms;
	bool dead;

	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->changed);
	while (!p->dead && wait_until(p, until))
		;
	dead = p->dead;
	pthread_mutex_unlock(&p->lock);
	return dead;
}

/* However it goes, there is no process and no zombie after this.  True: it had no memory. */
static bool
end(struct process *p, uint32_t grace_ms, char *ending, size_t size)
{
	int status = 0, ended = 0, reaped;
	struct message *message;
	bool asked = false;

	if (grace_ms > 0 && (message = message_new(FRAME_STOP, 0, 0, NULL, NULL, 0, NULL)) != NULL)
		asked = send_message(&p->link, message, os_monotonic_ms() + grace_ms, NULL) == 0 && wait_dead(p, grace_ms);
	/* A process that closed its socket is ending by itself, most likely; one that is no longer listened to is not. */
	if (asked || (wait_dead(p, 0) && p->fault.code == ERROR_NONE))
		ended = os_ended(p->link.pid, TERM_MS);
	if (ended == 0) {
		(void)kill(-p->link.pid, SIGTERM);
		(void)wait_dead(p, TERM_MS);
		(void)os_ended(p->link.pid, TERM_MS / 10);
	}
	/* The group also when the process itself has ended: what it started goes with it.  Its number is ours until it is reaped. */
	(void)kill(-p->link.pid, SIGKILL);
	(void)kill(p->link.pid, SIGKILL);
	reaped = os_reap(p->link.pid, REAP_MS, &status);
	if (size > 0)
		ending[0] = '\0';
	if (reaped == 1 && size > 0)
		os_status_text(status, ending, size);
	return reaped == 1 && WIFEXITED(status) && WEXITSTATUS(status) == HOST_EXIT_MEMORY;
}

static bool
close_link(struct link *link, uint32_t grace_ms, char *ending, size_t size)
{
	struct process *p = (struct process *)link;

	bool starved = link->pid > 0 && end(p, grace_ms, ending, size);

	if (p->has_reader) {
		(void)shutdown(p->fd, SHUT_RDWR);
		pthread_join(p->reader, NULL);
	}
	if (p->fd >= 0)
		close(p->fd);
	message_queue_free(&p->queue);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return starved;
}

static bool
ready(struct link *link, uint32_t number)
{
	struct process *p = (struct process *)link;
	bool found;

	pthread_mutex_lock(&p->lock);
	found = p->dead || p->woken || message_queue_has(&p->queue, number);
	pthread_mutex_unlock(&p->lock);
	return found;
}

static const struct link_operations operations = { send_message, receive, expect, forget, wake, ping, close_link, ready };

/* HELLO both ways, before the reader starts. */
static int
shake_hands(struct process *p, struct error *err)
{
	int64_t until = os_monotonic_ms() + p->setup.start_ms, left;
	struct message *hello;
	struct pollfd readable = { .fd = p->fd, .events = POLLIN };
	struct buffer head;
	struct wire wire;
	uint32_t lowest, highest;

	buffer_init(&head, 64);
	wire_put32(&head, FRAME_VERSION_MIN);
	wire_put32(&head, FRAME_VERSION_MAX);
	wire_put64(&head, p->setup.memory_max);
	if ((hello = message_new(FRAME_HELLO, 0, 0, &head, NULL, 0, err)) == NULL || send_message(&p->link, hello, until, err) != 0)
		return -1;
	while ((left = until - os_monotonic_ms()) > 0 && poll(&readable, 1, (int)left) < 0 && errno == EINTR)
		;
	if ((readable.revents & (POLLIN | POLLHUP)) == 0)
		return error_set(err, ERROR_HOST_TIMEOUT, NULL, "%s does not answer", p->setup.host_program);
	if ((hello = frame_read(p->fd, FRAME_TO_AGENT, err)) == NULL)
		return error_set(err, ERROR_HOST_START, "Is it the host program of this version?", "%s ended before it said hello", p->setup.host_program);
	wire_init(&wire, hello->head, hello->head_length, NULL);
	lowest = wire_get32(&wire);
	highest = wire_get32(&wire);
	if (!wire_done(&wire) || hello->type != FRAME_HELLO || lowest > FRAME_VERSION_MAX || highest < FRAME_VERSION_MIN) {
		message_free(hello);
		return error_set(err, ERROR_HOST_START, "Install agent and host program of the same version.",
		                 "%s speaks versions %u to %u of the frames, this agent %u to %u", p->setup.host_program, lowest, highest,
		                 FRAME_VERSION_MIN, FRAME_VERSION_MAX);
	}
	message_free(hello);
	return 0;
}

static int
init_waiting(struct process *p)
{
	pthread_condattr_t attributes;
	int failed;

	if (pthread_condattr_init(&attributes) != 0)
		return -1;
	failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&p->changed, &attributes) != 0;
	pthread_condattr_destroy(&attributes);
	if (!failed && pthread_mutex_init(&p->lock, NULL) != 0) {
		pthread_cond_destroy(&p->changed);
		failed = 1;
	}
	return failed ? -1 : 0;
}

struct link *
link_process(const struct link_setup *setup, struct error *err)
{
	struct process *p = calloc(1, sizeof *p);

	if (p == NULL || init_waiting(p) != 0) {
		free(p);
		error_fill_memory(err);
		return NULL;
	}
	p->link.op = &operations;
	p->setup = *setup;
	p->fd = -1;
	p->log_tokens = LOG_BURST;
	p->log_filled = os_monotonic_ms();
	message_queue_init(&p->queue);
	if (spawn_host(setup->host_program, &p->link.pid, &p->fd, err) != 0 || shake_hands(p, err) != 0) {
		close_link(&p->link, 0, NULL, 0);
		return NULL;
	}
	if (pthread_create(&p->reader, NULL, read_on, p) != 0) {
		close_link(&p->link, 0, NULL, 0);
		error_fill(err, ERROR_HOST_START, NULL, "no thread for a connector's process");
		return NULL;
	}
	p->has_reader = true;
	return &p->link;
}
