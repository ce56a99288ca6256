/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c: see control.h.
 *
 *     thread of control    accepts, takes requests apart, sends what verbs print, closes
 *     a thread a verb      parses the words, runs the verb; what it prints is appended to its caller's `out`
 *
 * The lock is over everything that both sides see: `out`, and whether either side is done.  A caller that takes nothing for
 * PATIENCE_MS is hung up on, so that nobody's terminal keeps a run waiting; what was begun goes on without it.
 */
#include "ctl/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl/service.h"
#include "ctl/wire.h"
#include "os/os.h"

#define CALLERS_MAX 64u
#define CALLERS_EACH 16u /* of one user that is not root */
#define OUT_MAX (UINT32_C(1) << 20)
#define PATIENCE_MS 30000
#define ASK_MS 10000     /* for the whole request */
#define GOING_ON_MS 5000 /* between two signs of life */
#define STACK (UINT32_C(4) << 20)

struct caller {
	struct caller *next;
	struct control *control;
	int fd;
	struct os_peer peer;
	char who[160];
	bool may_look, may_act;
	bool too_many;             /* of this user's */
	int64_t since_ms, told_ms; /* of the thread of control */
	struct buffer in;
	bool begun;                /* its verb has, or had, a thread */
	char *kept;                /* the request's texts */
	struct wire_request request;
	struct ctl_sink sink;
	struct ctl_service service;
	/* Under the lock. */
	struct buffer out;
	bool gone;                 /* the caller takes no more */
	bool over;                 /* the verb is done */
};
struct control {
	struct control_options options;
	struct sockaddr_un address;
	int listener, wake[2];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* room in an `out`, or a verb is over */
	struct caller *callers;
	unsigned count, busy;
	bool closing;
};

static void
wake_up(struct control *control)
{
	/* A full pipe wakes as well. */
	while (write(control->wake[1], "", 1) < 0 && errno == EINTR)
		;
}

/* What verbs print. */

static void
wait_for_room(struct caller *caller)
{
	struct control *control = caller->control;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	while (!caller->gone && caller->out.length > OUT_MAX)
		if (pthread_cond_timedwait(&control->changed, &control->lock, &until) == ETIMEDOUT)
			caller->gone = true;
}

static void
put(void *data, enum ctl_stream stream, const char *text, size_t length)
{
	struct caller *caller = data;

	while (length > 0) {
		size_t part = length < WIRE_CHUNK_MAX ? length : WIRE_CHUNK_MAX;

		pthread_mutex_lock(&caller->control->lock);
		wait_for_room(caller);
		if (!caller->gone) {
			wire_put(&caller->out, stream == CTL_OUT ? 'O' : 'E', text, part);
			caller->gone = caller->out.failed != 0;
		}
		pthread_mutex_unlock(&caller->control->lock);
		wake_up(caller->control);
		text += part;
		length -= part;
	}
}

static enum ctl_exit
refuse(struct ctl *ctl, enum error_code code, const char *hint, const char *message)
{
	struct error err = { 0 };

	error_fill(&err, code, hint, "%s", message);
	ctl_say_error(ctl, &err);
	return CTL_FAILED;
}

/* The caller named a folder that is not the agent's: nobody is told of one what is true of another. */
static bool
is_elsewhere(const struct ctl *base, const struct wire_request *request, const char **ret_option, char *message, size_t size)
{
	const struct {
		const char *option, *what, *own;
	} all[WIRE_FOLDERS] = { [WIRE_CONFIG] = { "config", "the configuration in", base->config_dir },
		[WIRE_SITE] = { "site", "the files of its site in", base->site_dir },
		[WIRE_CONNECTORS] = { "connectors", "the connectors in", base->connector_dir } };

	for (int i = 0; i < WIRE_FOLDERS; i++) {
		char *own = all[i].own != NULL ? realpath(all[i].own, NULL) : NULL;
		bool is_own = request->folders[i][0] == '\0' || (own != NULL && strcmp(own, request->folders[i]) == 0);

		free(own);
		if (is_own)
			continue;
		*ret_option = all[i].option;
		if (all[i].own != NULL)
			snprintf(message, size, "the agent that runs here works with %s %s", all[i].what, all[i].own);
		else
			snprintf(message, size, "the agent that runs here has no files of a site");
		return true;
	}
	return false;
}

static enum ctl_exit
do_verb(struct caller *caller, const char **ret_verb)
{
	const struct ctl *base = caller->control->options.base;
	const char *words[WIRE_WORDS_MAX + 1];
	const char *option;
	char message[4400], hint[160];
	enum ctl_exit status;
	struct ctl ctl;
	bool ended;

	words[0] = "syncline";
	memcpy(&words[1], caller->request.words, (size_t)caller->request.word_count * sizeof *words);
	status = ctl_parse(caller->request.word_count + 1, words, &ctl, &ended);
	if (ended)
		return status;
	*ret_verb = ctl.verb->name;
	ctl.config_dir = base->config_dir;
	ctl.site_dir = base->site_dir;
	ctl.state_dir = base->state_dir;
	ctl.connector_dir = base->connector_dir;
	ctl.service = &caller->service;
	if (!caller->may_look)
		return refuse(&ctl, ERROR_CONTROL_DENIED, "Run it as root, or as a member of the group that agent.operators names.",
		              "the agent does not talk to this user");
	if (caller->too_many)
		return refuse(&ctl, ERROR_CONTROL_BUSY, "Wait until some of them are done.", "this user asks the agent for too much at once");
	if (!ctl.verb->served)
		return refuse(&ctl, ERROR_USAGE, "Update whichever of syncline and synclined is older.", "the agent does not do this verb for others");
	if (is_elsewhere(base, &caller->request, &option, message, sizeof message)) {
		snprintf(hint, sizeof hint, "Leave out --%s, or name the state directory of another agent with --state.", option);
		return refuse(&ctl, ERROR_CONTROL_OTHER, hint, message);
	}
	return ctl.verb->run(&ctl);
}

static void *
serve(void *data)
{
	struct caller *caller = data;
	struct control *control = caller->control;
	const struct control_options *o = &control->options;
	const char *verb = "";
	enum ctl_exit status;
	char byte;

	(void)ctl_print_to(&caller->sink);
	caller->service.loaded = o->borrow(o->data);
	status = do_verb(caller, &verb);
	o->give_back(o->data, caller->service.loaded);
	(void)ctl_print_to(NULL);
	o->told(o->data, caller->who, verb, status);
	if (service_has_acted(&caller->service))
		o->acted(o->data);
	byte = (char)status;
	pthread_mutex_lock(&control->lock);
	wire_put(&caller->out, 'X', &byte, 1);
	caller->over = true;
	control->busy--;
	pthread_cond_broadcast(&control->changed);
	/* Within the lock: afterwards the control may be gone. */
	wake_up(control);
	pthread_mutex_unlock(&control->lock);
	return NULL;
}

/* Callers. */

static void
drop(struct control *control, struct caller *caller)
{
	struct caller **at = &control->callers;

	while (*at != caller)
		at = &(*at)->next;
	*at = caller->next;
	control->count--;
	pthread_cond_broadcast(&control->changed);
	close(caller->fd);
	buffer_free(&caller->in);
	buffer_free(&caller->out);
	service_free(&caller->service);
	free(caller->kept);
	free(caller);
}

static void
judge_caller(struct caller *caller)
{
	const struct control_options *o = &caller->control->options;
	const struct loaded *loaded = o->borrow(o->data);
	const struct config_agent *agent = loaded->model->agent;

	os_user_name(caller->peer.uid, caller->who, sizeof caller->who);
	caller->may_act = caller->peer.uid == 0 || caller->peer.uid == geteuid() ||
	                  (agent->operators != NULL && os_is_member(&caller->peer, agent->operators));
	caller->may_look = caller->may_act || agent->look == CONFIG_LOOK_ANYONE;
	o->give_back(o->data, loaded);
}

/* Of a user with many callers the one that has been there longest and asked for nothing goes; if all of them asked, the new one is refused. */
static void
make_room(struct control *control, struct caller *caller)
{
	struct caller *idle = NULL;
	unsigned same = 0;

	for (struct caller *other = control->callers; other != NULL; other = other->next) {
		if (other == caller || other->gone || other->peer.uid != caller->peer.uid)
			continue;
		same++;
		if (!other->begun)
			idle = other; /* the newest come first */
	}
	if (same < CALLERS_EACH || caller->peer.uid == 0)
		return;
	if (idle != NULL)
		idle->gone = true;
	else
		caller->too_many = true;
}

static void
accept_caller(struct control *control)
{
	int fd = accept(control->listener, NULL, NULL);
	struct caller *caller;

	if (fd < 0)
		return;
	os_close_on_exec(fd);
	os_nonblocking(fd);
	if ((caller = calloc(1, sizeof *caller)) == NULL || os_peer(fd, &caller->peer) != 0) {
		free(caller);
		close(fd);
		return;
	}
	caller->control = control;
	caller->fd = fd;
	caller->since_ms = caller->told_ms = os_monotonic_ms();
	buffer_init(&caller->in, WIRE_REQUEST_MAX + WIRE_HEAD);
	buffer_init(&caller->out, 0);
	service_init(&caller->service);
	caller->next = control->callers;
	control->callers = caller;
	control->count++;
	judge_caller(caller);
	make_room(control, caller);
}

/* An error for a caller whose verb can't be begun; it is hung up on when it was sent. */
static void
turn_away(struct caller *caller, enum error_code code, const char *hint, const char *message)
{
	struct buffer text;
	char status = CTL_FAILED;

	buffer_init(&text, 0);
	buffer_format(&text, "%s [%s]\n    next: %s\n", message, error_name(code), hint);
	if (!text.failed)
		wire_put(&caller->out, 'E', text.data, text.length);
	wire_put(&caller->out, 'X', &status, 1);
	buffer_free(&text);
	caller->begun = caller->over = true;
}

static void
begin_verb(struct control *control, struct caller *caller)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int failed;

	caller->sink = (struct ctl_sink){ .put = put, .data = caller };
	memcpy(caller->sink.terminal, caller->request.terminal, sizeof caller->sink.terminal);
	caller->sink.columns = caller->request.columns;
	caller->service.sink = &caller->sink;
	caller->service.ears = &caller->control->options.ears;
	caller->service.who = caller->who;
	caller->service.may_act = caller->may_act;
	caller->service.directory = caller->request.directory;
	caller->begun = true;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK);
	control->busy++;
	failed = pthread_create(&thread, &attributes, serve, caller);
	pthread_attr_destroy(&attributes);
	if (failed != 0) {
		control->busy--;
		turn_away(caller, ERROR_CONTROL_BUSY, "Try again in a moment.", "the agent could not begin it: there is no room for a thread");
	}
}

/* false: what it sends is no request. */
static bool
take_messages(struct control *control, struct caller *caller)
{
	for (;;) {
		const char *data;
		size_t length;
		char kind;
		int there = wire_next(caller->in.data, caller->in.length, WIRE_REQUEST_MAX, &kind, &data, &length);

		if (there <= 0)
			return there == 0;
		if (kind == 'S' && caller->begun) {
			service_stop(&caller->service);
		} else if (kind == 'Q' && !caller->begun) {
			if ((caller->kept = malloc(length + 1)) == NULL)
				return false;
			memcpy(caller->kept, data, length);
			if (!wire_request(caller->kept, length, &caller->request))
				return false;
			begin_verb(control, caller);
		} else if (!caller->over) {
			return false;
		}
		memmove(caller->in.data, caller->in.data + WIRE_HEAD + length, caller->in.length - WIRE_HEAD - length);
		caller->in.length -= WIRE_HEAD + length;
	}
}

static void
hear(struct control *control, struct caller *caller)
{
	char chunk[4096];
	ssize_t got = read(caller->fd, chunk, sizeof chunk);

	if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (got > 0)
		buffer_append(&caller->in, chunk, (size_t)got);
	if (got <= 0 || caller->in.failed || !take_messages(control, caller))
		caller->gone = true;
}

static void
tell(struct control *control, struct caller *caller)
{
	ssize_t sent = send(caller->fd, caller->out.data, caller->out.length, MSG_NOSIGNAL);

	if (sent < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (sent < 0) {
		caller->gone = true;
	} else {
		memmove(caller->out.data, caller->out.data + sent, caller->out.length - (size_t)sent);
		caller->out.length -= (size_t)sent;
		caller->told_ms = os_monotonic_ms();
	}
	pthread_cond_broadcast(&control->changed);
}

/* What the clock says of a caller. */
static void
look_at_clock(struct caller *caller, int64_t now)
{
	if (!caller->begun && now - caller->since_ms > ASK_MS)
		caller->gone = true;
	if (caller->begun && !caller->over && !caller->gone && caller->out.length == 0 && now - caller->told_ms >= GOING_ON_MS)
		wire_put(&caller->out, 'G', NULL, 0);
	if (caller->over && now - caller->told_ms > PATIENCE_MS)
		caller->gone = true;
}

static void *
listen_for_callers(void *data)
{
	struct control *control = data;
	struct pollfd polled[CALLERS_MAX + 2];
	struct caller *by_place[CALLERS_MAX + 2];
	char drain[64];

	pthread_mutex_lock(&control->lock);
	for (;;) {
		int64_t now = os_monotonic_ms();
		nfds_t count = 2;

		for (struct caller *caller = control->callers, *next; caller != NULL; caller = next) {
			next = caller->next;
			look_at_clock(caller, now);
			/* A verb's thread still writes to it: it waits until that is over. */
			if ((!caller->begun || caller->over) && (caller->gone || (caller->over && caller->out.length == 0)))
				drop(control, caller);
		}
		if (control->closing && control->count == 0)
			break;
		polled[0] = (struct pollfd){ .fd = control->wake[0], .events = POLLIN };
		polled[1] = (struct pollfd){ .fd = control->count < CALLERS_MAX && !control->closing ? control->listener : -1, .events = POLLIN };
		for (struct caller *caller = control->callers; caller != NULL; caller = caller->next) {
			by_place[count] = caller;
			polled[count++] = (struct pollfd){ .fd = caller->gone ? -1 : caller->fd,
				.events = (short)(POLLIN | (caller->out.length > 0 ? POLLOUT : 0)) };
		}
		pthread_mutex_unlock(&control->lock);
		(void)poll(polled, count, count > 2 ? GOING_ON_MS : -1);
		pthread_mutex_lock(&control->lock);
		if (polled[0].revents != 0)
			while (read(control->wake[0], drain, sizeof drain) == (ssize_t)sizeof drain)
				;
		for (nfds_t i = 2; i < count; i++) {
			if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
				hear(control, by_place[i]);
			if ((polled[i].revents & POLLOUT) != 0 && !by_place[i]->gone)
				tell(control, by_place[i]);
		}
		if (polled[1].revents != 0)
			accept_caller(control);
	}
	pthread_mutex_unlock(&control->lock);
	return NULL;
}

static int
bind_socket(struct control *control, struct error *err)
{
	const char *path = control->address.sun_path;

	if ((control->listener = socket(AF_UNIX, SOCK_STREAM, 0)) < 0)
		return error_system(err, ERROR_CONTROL_SOCKET, errno, "the control socket can't be made");
	os_close_on_exec(control->listener);
	os_nonblocking(control->listener);
	unlink(path);
	/* Whoever connects is looked at; the folder that it stands in may be closed to others besides. */
	if (bind(control->listener, (const struct sockaddr *)&control->address, sizeof control->address) != 0 || chmod(path, 0666) != 0 ||
	    listen(control->listener, 16) != 0)
		return error_system(err, ERROR_CONTROL_SOCKET, errno, "the agent can't listen at %s", path);
	return 0;
}

static void
free_control(struct control *control)
{
	if (control->listener >= 0)
		close(control->listener);
	for (int i = 0; i < 2; i++)
		if (control->wake[i] >= 0)
			close(control->wake[i]);
	pthread_cond_destroy(&control->changed);
	pthread_mutex_destroy(&control->lock);
	free(control);
}

int
control_open(const struct control_options *options, struct control **ret_control, struct error *err)
{
	struct control *control = calloc(1, sizeof *control);
	pthread_condattr_t attributes;
	sigset_t all, before;
	int failed;

	if (control == NULL)
		return error_memory(err);
	control->options = *options;
	control->listener = control->wake[0] = control->wake[1] = -1;
	pthread_mutex_init(&control->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&control->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (wire_path(options->base->state_dir, &control->address, err) != 0 || bind_socket(control, err) != 0)
		goto failed;
	if (pipe(control->wake) != 0) {
		error_fill_system(err, ERROR_SYSTEM, errno, "a pipe can't be made");
		goto failed;
	}
	for (int i = 0; i < 2; i++) {
		os_close_on_exec(control->wake[i]);
		os_nonblocking(control->wake[i]);
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&control->thread, NULL, listen_for_callers, control);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		error_fill_system(err, ERROR_SYSTEM, failed, "a thread can't be started");
		goto failed;
	}
	*ret_control = control;
	return 0;
failed:
	free_control(control);
	return -1;
}

bool
control_close(struct control *control, int64_t wait_ms)
{
	struct timespec until;
	bool ended = true;

	if (control == NULL)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	pthread_mutex_lock(&control->lock);
	control->closing = true;
	unlink(control->address.sun_path);
	for (struct caller *caller = control->callers; caller != NULL; caller = caller->next) {
		if (!caller->begun)
			caller->gone = true;
		else
			service_stop(&caller->service);
	}
	wake_up(control);
	while (ended && control->busy > 0)
		ended = pthread_cond_timedwait(&control->changed, &control->lock, &until) == 0;
	/* What they printed last is worth a moment, and no more. */
	until.tv_sec++;
	while (ended && control->count > 0 && pthread_cond_timedwait(&control->changed, &control->lock, &until) == 0)
		;
	for (struct caller *caller = control->callers; caller != NULL; caller = caller->next)
		caller->gone = true;
	wake_up(control);
	pthread_mutex_unlock(&control->lock);
	if (!ended)
		return false;
	pthread_join(control->thread, NULL);
	free_control(control);
	return true;
}

unsigned
control_busy(struct control *control)
{
	unsigned busy;

	pthread_mutex_lock(&control->lock);
	busy = control->busy;
	pthread_mutex_unlock(&control->lock);
	return busy;
}
