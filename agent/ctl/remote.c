/* SPDX-License-Identifier: BSD-2-Clause */
/* remote.c: see remote.h. */
#include "ctl/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/interrupt.h"
#include "ctl/wire.h"
#include "os/os.h"

/* The agent says that it goes on every few seconds. */
#define SILENCE_MS 60000

/* Readable when the first interrupt has come; -1: nothing tells. */
static int
catch_interrupt(void)
{
	int ends[2];

	if (pipe(ends) != 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		os_close_on_exec(ends[i]);
		os_nonblocking(ends[i]);
	}
	interrupt_wakes(ends[1]);
	interrupt_catch();
	return ends[0];
}

/* A socket to the agent; -1: none runs, or what went wrong is in err. */
static int
connect_to(const struct ctl *ctl, struct error *err)
{
	struct sockaddr_un address;
	int fd, failed;

	if (wire_path(ctl->state_dir, &address, err) != 0) {
		err->code = ERROR_NONE; /* nor can an agent listen there */
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) < 0)
		return -1;
	os_close_on_exec(fd);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	failed = errno;
	close(fd);
	/* Where this user may not even look, the ledger says so, whether an agent runs or not. */
	if (failed == EAGAIN)
		error_fill(err, ERROR_CONTROL_BUSY, "Try again in a moment.", "the agent that listens at %s has too many callers at once", address.sun_path);
	return -1;
}

static int
send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		data += sent;
		length -= (size_t)sent;
	}
	return 0;
}

/* The folders that were named on the command line, as the agent knows them too; `kept` are to be freed. */
static void
name_folders(const struct ctl *ctl, struct wire_request *request, char *kept[WIRE_FOLDERS])
{
	static const char *const options[WIRE_FOLDERS] = { [WIRE_CONFIG] = "config", [WIRE_SITE] = "site", [WIRE_CONNECTORS] = "connectors" };

	for (int i = 0; i < WIRE_FOLDERS; i++) {
		const char *named = ctl_value(ctl, options[i]);

		kept[i] = named != NULL ? realpath(named, NULL) : NULL;
		request->folders[i] = kept[i] != NULL ? kept[i] : named != NULL ? named : "";
	}
}

static int
ask(const struct ctl *ctl, int fd, int argc, const char *const *argv, struct error *err)
{
	struct wire_request request = { .terminal = { false, ctl_is_terminal(CTL_OUT), ctl_is_terminal(CTL_ERR) }, .columns = ctl_columns() };
	char *directory = getcwd(NULL, 0), *kept[WIRE_FOLDERS];
	struct buffer out;
	int result = -1;

	buffer_init(&out, 0);
	name_folders(ctl, &request, kept);
	request.directory = directory != NULL ? directory : "/";
	for (int i = 1; i < argc && request.word_count < (int)WIRE_WORDS_MAX; i++)
		request.words[request.word_count++] = argv[i];
	if (argc - 1 > (int)WIRE_WORDS_MAX) {
		error_fill(err, ERROR_USAGE, "Give fewer words.", "the command line has more than %u words", WIRE_WORDS_MAX);
	} else {
		wire_put_request(&out, &request);
		if (out.failed)
			error_fill_memory(err);
		else if (out.length > WIRE_REQUEST_MAX)
			error_fill(err, ERROR_USAGE, "Give shorter words.", "the command line is too long for the agent");
		else
			result = 0;
		if (result == 0 && send_all(fd, out.data, out.length) != 0) {
			result = error_system(err, ERROR_CONTROL_LOST, errno, "the agent could not be asked");
			error_hint(err, "It may be about to end; `syncline status` tells whether it runs.");
		}
	}
	buffer_free(&out);
	free(directory);
	for (int i = 0; i < WIRE_FOLDERS; i++)
		free(kept[i]);
	return result;
}

/* What the messages in `in` say; *ret_status is set by the last. */
static int
take_messages(struct buffer *in, bool *ret_over, enum ctl_exit *ret_status, struct error *err)
{
	size_t used = 0;

	for (;;) {
		const char *data;
		size_t length;
		char kind;
		int there = wire_next(in->data + used, in->length - used, WIRE_CHUNK_MAX, &kind, &data, &length);

		if (there == 0)
			break;
		if (there > 0 && (kind == 'O' || kind == 'E'))
			ctl_put(kind == 'O' ? CTL_OUT : CTL_ERR, data, length);
		else if (there > 0 && kind == 'X' && length == 1) {
			*ret_over = true;
			*ret_status = (enum ctl_exit)(unsigned char)data[0];
		} else if (there < 0 || kind != 'G') {
			return error_set(err, ERROR_CONTROL_LOST, "Look whether synclined and syncline are of the same version.",
			                 "what listens at the control socket does not speak as the agent does");
		}
		used += WIRE_HEAD + length;
	}
	memmove(in->data, in->data + used, in->length - used);
	in->length -= used;
	return 0;
}

static int
listen_to(int fd, int interrupted, enum ctl_exit *ret_status, struct error *err)
{
	struct pollfd polled[2] = { { .fd = fd, .events = POLLIN }, { .fd = interrupted, .events = POLLIN } };
	char chunk[16384], byte;
	struct buffer in;
	bool over = false;
	int result = 0;

	buffer_init(&in, 0);
	while (result == 0 && !over) {
		int ready = poll(polled, 2, SILENCE_MS);
		ssize_t got;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			result = error_set(err, ERROR_CONTROL_LOST, "Look at the agent's log; what it does goes on.", "the agent has said nothing for %d seconds",
			                   SILENCE_MS / 1000);
			break;
		}
		if (polled[1].revents != 0 && read(interrupted, &byte, 1) == 1) {
			static const char stop[WIRE_HEAD] = { 'S', 0, 0, 0, 0 };

			if (send_all(fd, stop, sizeof stop) != 0)
				polled[1].fd = -1;
		}
		if (polled[0].revents == 0)
			continue;
		fflush(stdout);
		if ((got = read(fd, chunk, sizeof chunk)) < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			result = error_set(err, ERROR_CONTROL_LOST, "Look with `syncline runs` how far it came.", "the agent ended before it was done");
			break;
		}
		buffer_append(&in, chunk, (size_t)got);
		result = in.failed ? error_memory(err) : take_messages(&in, &over, ret_status, err);
		fflush(stdout);
	}
	buffer_free(&in);
	return result;
}

bool
remote_do(const struct ctl *ctl, int argc, const char *const *argv, enum ctl_exit *ret_status)
{
	struct error err = { 0 };
	int fd, interrupted;

	if (!ctl->verb->served || ctl_value(ctl, "foreground") != NULL)
		return false;
	if ((fd = connect_to(ctl, &err)) < 0) {
		if (err.code == ERROR_NONE)
			return false;
		ctl_say_error(ctl, &err);
		*ret_status = CTL_FAILED;
		return true;
	}
	interrupted = catch_interrupt();
	if (ask(ctl, fd, argc, argv, &err) != 0 || listen_to(fd, interrupted, ret_status, &err) != 0) {
		ctl_say_error(ctl, &err);
		*ret_status = err.code == ERROR_USAGE ? CTL_USAGE : CTL_FAILED;
	}
	close(fd);
	return true;
}
