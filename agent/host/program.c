/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.c: syncline-host: one connector in a process of its own.
 *
 * The main thread loads the connector before any other thread exists and makes all calls into it.  The reader thread takes what
 * the agent sends: calls and credit go to the inbox, cancel and ping are served while a call runs.  When the agent is gone the
 * process ends, at the latest after a grace time.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "host/calls.h"
#include "host/guest.h"
#include "host/inside.h"
#include "host/program.h"
#include "host/wire.h"
#include "os/os.h"

#define INBOX_MAX 16u
#define ORPHAN_SECONDS 5
#define EXIT_PROTOCOL 3
#define EXIT_ORPHAN 4
#define LAST_WORDS_MS 1000

struct program {
	struct guest *guest;
	uint32_t incarnation;
	pthread_mutex_t lock; /* of inbox and stop */
	pthread_cond_t arrived;
	struct message_queue inbox;
	bool stop;
	pthread_mutex_t writing; /* of the socket */
	atomic_flag speaking;    /* held with it; the last words of a crash take this one alone */
	atomic_bool pong_due;
};
static struct program program;
static pid_t program_pid;

static void
write_pongs(struct program *p)
{
	struct message pong = { .type = FRAME_PONG, .incarnation = p->incarnation };

	while (atomic_exchange(&p->pong_due, false))
		(void)frame_write(HOST_SOCKET, &pong, 0, NULL, NULL, NULL);
}

/* After the last words nobody speaks any more. */
static void
begin_speaking(struct program *p)
{
	pthread_mutex_lock(&p->writing);
	while (atomic_flag_test_and_set(&p->speaking))
		(void)poll(NULL, 0, 10);
}

static void
end_speaking(struct program *p)
{
	atomic_flag_clear(&p->speaking);
	pthread_mutex_unlock(&p->writing);
}

/* From any thread of the process. */
static int
emit(void *data, struct message *message)
{
	struct program *p = data;
	int result;

	begin_speaking(p);
	result = frame_write(HOST_SOCKET, message, 0, NULL, NULL, NULL);
	write_pongs(p);
	end_speaking(p);
	message_free(message);
	return result;
}

/* The reader never waits for a writer: whoever holds the socket sends the answer behind its own frame. */
static void
answer_ping(struct program *p)
{
	atomic_store(&p->pong_due, true);
	if (pthread_mutex_trylock(&p->writing) == 0) {
		if (!atomic_flag_test_and_set(&p->speaking)) {
			write_pongs(p);
			atomic_flag_clear(&p->speaking);
		}
		pthread_mutex_unlock(&p->writing);
	}
}

/*
 * What the connector reported before it crashed or called exit() is known, so it is said.  Runs in a signal handler: nothing but
 * poll, fcntl, sendmsg and the clock, and the memory where the results lie ready.  A child of fork() has no say.
 */
static void
say_last_words(void)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	int64_t until = os_monotonic_ms() + LAST_WORDS_MS;
	uint8_t frame[FRAME_HEADER];
	const uint8_t *head;
	size_t length;

	if (getpid() != program_pid || atomic_flag_test_and_set(&said) || !guest_last_results(program.guest, frame, &head, &length))
		return;
	while (atomic_flag_test_and_set(&program.speaking)) {
		if (os_monotonic_ms() >= until)
			return;
		(void)poll(NULL, 0, 1);
	}
	if (os_nonblocking(HOST_SOCKET) == 0)
		(void)frame_write_encoded(HOST_SOCKET, frame, head, length, until);
}

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
#define CRASHES (sizeof crashes / sizeof *crashes)
static struct sigaction before[CRASHES];

/* The signal then does what it always did; a sanitizer's handler meets the same fault again. */
static void
on_crash(int number)
{
	int was = errno;

	say_last_words();
	for (size_t i = 0; i < CRASHES; i++)
		if (crashes[i] == number) {
			(void)sigaction(number, &before[i], NULL);
			if (before[i].sa_handler == SIG_DFL)
				(void)raise(number);
		}
	errno = was;
}

static void
catch_crashes(void)
{
	static char stack[65536];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction crash = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };

	program_pid = getpid();
	(void)sigaltstack(&other, NULL);
	for (size_t i = 0; i < CRASHES; i++)
		(void)sigaction(crashes[i], &crash, &before[i]);
	(void)atexit(say_last_words);
}

static void
take_in(struct program *p, struct message *message)
{
	pthread_mutex_lock(&p->lock);
	if (p->inbox.count >= INBOX_MAX)
		_exit(EXIT_PROTOCOL);
	message_queue_push(&p->inbox, message);
	pthread_cond_signal(&p->arrived);
	pthread_mutex_unlock(&p->lock);
}

static void
stop(struct program *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->arrived);
	pthread_mutex_unlock(&p->lock);
}

static void *
read_on(void *data)
{
	struct program *p = data;
	struct timespec grace = { ORPHAN_SECONDS, 0 };
	struct error err = { 0 };
	struct message *message;

	while ((message = frame_read(HOST_SOCKET, FRAME_TO_HOST, &err)) != NULL) {
		if (message->incarnation != p->incarnation)
			_exit(EXIT_PROTOCOL);
		switch (message->type) {
		case FRAME_CALL:
		case FRAME_CREDIT:
			take_in(p, message);
			continue;
		case FRAME_CANCEL:
			guest_cancel(p->guest, message->number);
			guest_flush(p->guest);
			break;
		case FRAME_PING:
			answer_ping(p);
			break;
		case FRAME_STOP:
			stop(p);
			break;
		default:
			_exit(EXIT_PROTOCOL);
		}
		message_free(message);
	}
	if (err.code == ERROR_MEMORY) {
		say_last_words();
		_exit(HOST_EXIT_MEMORY);
	}
	guest_cancel_all(p->guest);
	stop(p);
	while (nanosleep(&grace, &grace) != 0 && errno == EINTR)
		;
	_exit(EXIT_ORPHAN);
}

static int
serve(struct program *p)
{
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct message *message = message_queue_pop(&p->inbox);
		bool worked;

		pthread_mutex_unlock(&p->lock);
		worked = true;
		if (message != NULL)
			guest_handle(p->guest, message);
		else
			worked = guest_work(p->guest);
		if (guest_is_mute(p->guest))
			_exit(HOST_EXIT_MEMORY);
		pthread_mutex_lock(&p->lock);
		while (!worked && p->inbox.count == 0 && !p->stop)
			pthread_cond_wait(&p->arrived, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	guest_free(p->guest);
	return 0;
}

/* HELLO both ways.  The agent says which versions it speaks and how much memory this process may have. */
static int
shake_hands(struct program *p)
{
	struct message *hello = frame_read(HOST_SOCKET, FRAME_TO_HOST, NULL), *answer;
	uint32_t lowest, highest;
	uint64_t memory_max;
	struct buffer head;
	struct wire wire;

	if (hello == NULL || hello->type != FRAME_HELLO) {
		message_free(hello);
		return -1;
	}
	wire_init(&wire, hello->head, hello->head_length, NULL);
	lowest = wire_get32(&wire);
	highest = wire_get32(&wire);
	memory_max = wire_get64(&wire);
	p->incarnation = hello->incarnation;
	message_free(hello);
	if (!wire_done(&wire))
		return -1;
	buffer_init(&head, 64);
	wire_put32(&head, FRAME_VERSION_MIN);
	wire_put32(&head, FRAME_VERSION_MAX);
	if ((answer = message_new(FRAME_HELLO, 0, 0, &head, NULL, 0, NULL)) == NULL)
		return -1;
	answer->incarnation = p->incarnation;
	if (emit(p, answer) != 0 || lowest > FRAME_VERSION_MAX || highest < FRAME_VERSION_MIN)
		return -1;
	return os_limit_memory(memory_max);
}

/* The first call loads the connector, while this is the only thread. */
static int
load(struct program *p, const struct syncline_expr_service_v1 *expr)
{
	struct guest_setup setup = { .emit = emit, .emit_data = p, .expr = expr };
	struct message *message;

	if ((p->guest = guest_new(&setup, NULL)) == NULL || (message = frame_read(HOST_SOCKET, FRAME_TO_HOST, NULL)) == NULL)
		return -1;
	if (message->type != FRAME_CALL || message->call != CALL_LOAD) {
		message_free(message);
		return -1;
	}
	guest_handle(p->guest, message);
	if (guest_is_mute(p->guest))
		_exit(HOST_EXIT_MEMORY);
	return 0;
}

static int
usage(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("syncline-host %s, contract %u.%u, frames %u to %u\n", PACKAGE_VERSION, SYNCLINE_ABI_MAJOR, SYNCLINE_ABI_MINOR,
		       FRAME_VERSION_MIN, FRAME_VERSION_MAX);
		return 0;
	}
	fputs("syncline-host is started by Syncline itself, one for each connector; see syncline-host(8).\n"
	      "usage: syncline-host --version\n", stderr);
	return 64;
}

int
host_program(int argc, char **argv, const struct syncline_expr_service_v1 *expr)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	pthread_t reader;

	if (argc != 1 || getsockname(HOST_SOCKET, (struct sockaddr *)&address, &length) != 0 || address.ss_family != AF_UNIX)
		return usage(argc, argv);
	os_close_from(HOST_SOCKET + 1);
	(void)os_close_on_exec(HOST_SOCKET);
	os_forbid_dumps();
	(void)os_no_new_privileges();
	os_die_with_parent(0);
	sigaction(SIGPIPE, &ignore, NULL);
	message_queue_init(&program.inbox);
	atomic_flag_clear(&program.speaking);
	if (pthread_mutex_init(&program.lock, NULL) != 0 || pthread_mutex_init(&program.writing, NULL) != 0 ||
	    pthread_cond_init(&program.arrived, NULL) != 0 || sodium_init() < 0 || guest_http_start() != 0)
		return EXIT_FAILURE;
	if (shake_hands(&program) != 0 || load(&program, expr) != 0)
		_exit(EXIT_PROTOCOL);
	catch_crashes();
	if (pthread_create(&reader, NULL, read_on, &program) != 0)
		_exit(EXIT_FAILURE);
	/* Not exit(): functions that foreign libraries registered have no say in how this process ends. */
	_exit(serve(&program));
}
