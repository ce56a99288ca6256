/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector.c: a connector's life: options, process, load, open, restart, stop.  The thread that uses the connector; cancel alone
 * comes from any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "host/proxy.h"
#include "os/os.h"

void
connector_info_free(struct connector_info *info)
{
	if (info == NULL)
		return;
	arena_free(&info->arena);
	free(info);
}

bool
connector_info_offers(const struct connector_info *info, const char *part)
{
	for (uint32_t i = 0; i < info->descriptor.part_count; i++)
		if (strcmp(info->descriptor.parts[i].id, part) == 0)
			return true;
	return false;
}

static char *
copy_text(const char *text)
{
	char *to = text != NULL ? malloc(strlen(text) + 1) : NULL;

	return to != NULL ? strcpy(to, text) : NULL;
}

/* Settings first, then the secrets at exactly the size they need: no growing buffer leaves a copy of them behind. */
static int
keep_opening(struct connector *c, const struct connector_options *o, struct error *err)
{
	struct buffer head;
	size_t secrets = 4;

	buffer_init(&head, FRAME_HEAD_MAX / 2);
	wire_put8(&head, o->writable);
	wire_put_text(&head, o->agent_version != NULL ? o->agent_version : "");
	codec_put_settings(&head, o->settings);
	for (uint32_t i = 0; i < o->secret_count; i++)
		secrets += 8 + strlen(o->secrets[i].name) + o->secrets[i].value.length;
	if (head.failed || buffer_reserve(&head, secrets) != 0) {
		bool starved = head.failed == BUFFER_NO_MEMORY;

		buffer_free(&head);
		if (starved)
			return error_memory(err);
		return error_set(err, ERROR_HOST_MESSAGE, NULL, "the settings of system %s are too large", c->system);
	}
	wire_put32(&head, o->secret_count);
	for (uint32_t i = 0; i < o->secret_count; i++) {
		wire_put_text(&head, o->secrets[i].name);
		wire_put_slice(&head, &o->secrets[i].value);
	}
	c->opening_length = head.length;
	c->opening = head.failed ? NULL : sodium_malloc(head.length);
	if (c->opening != NULL) {
		memcpy(c->opening, head.data, head.length);
		(void)sodium_mprotect_readonly(c->opening);
	}
	sodium_memzero(head.data, head.length);
	buffer_free(&head);
	return c->opening != NULL ? 0 : error_set(err, ERROR_MEMORY, "Look at the limit for locked memory.", "no locked memory for the secrets of system %s", c->system);
}

static const char *
host_program_of(const struct connector_options *o)
{
	const char *named = o->host_program != NULL ? o->host_program : getenv("SYNCLINE_HOST");

	return named != NULL && named[0] != '\0' ? named : SYNCLINE_HOST_PROGRAM;
}

static int
keep_options(struct connector *c, const struct connector_options *o, struct error *err)
{
	c->options = *o;
	c->options.settings = NULL;
	c->options.secrets = NULL;
	c->options.state = NULL;
	if (o->grace_ms == 0)
		c->options.grace_ms = CONNECTOR_GRACE_MS;
	if (o->timeout_ms == 0)
		c->options.timeout_ms = CONNECTOR_TIMEOUT_MS;
	/* A guest in this process works while the credit is sent: running ahead would only cost memory. */
	c->options.credits = o->direct ? 1 : o->credits == 0 ? CONNECTOR_CREDITS : o->credits > 64 ? 64 : o->credits;
	c->timeout_ms = c->options.timeout_ms;
	c->system = copy_text(o->system != NULL ? o->system : "?");
	c->path = copy_text(o->path != NULL ? o->path : "");
	c->host_program = copy_text(host_program_of(o));
	if (c->system == NULL || c->path == NULL || c->host_program == NULL)
		return error_memory(err);
	return keep_opening(c, o, err);
}

static void
free_connector(struct connector *c)
{
	sodium_free(c->opening);
	connector_info_free(c->info);
	for (uint32_t i = 0; i < c->state_count; i++) {
		free(c->state[i].key);
		free(c->state[i].value);
	}
	free(c->state);
	free(c->system);
	free(c->path);
	free(c->host_program);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct connector *
make(const struct connector_options *o, struct link *(*open_link)(const struct link_setup *, struct error *),
     const struct syncline_connector *(*built_in)(void), struct error *err)
{
	struct connector *c;

	if (sodium_init() < 0) {
		error_fill(err, ERROR_SYSTEM, NULL, "libsodium could not be started");
		return NULL;
	}
	if ((c = calloc(1, sizeof *c)) == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		error_fill_memory(err);
		return NULL;
	}
	c->open_link = open_link;
	c->built_in = built_in;
	restart_init(&c->restart);
	if (keep_options(c, o, err) != 0) {
		free_connector(c);
		return NULL;
	}
	return c;
}

/* A line from the link, in its thread. */
static void
log_line(void *data, uint32_t level, const char *text)
{
	struct connector *c = data;
	struct connector_line line = { .system = c->system, .level = level, .text = text };
	char trace[CONNECTOR_TRACE + 1];

	pthread_mutex_lock(&c->lock);
	line.run = c->run;
	memcpy(trace, c->trace, sizeof trace);
	pthread_mutex_unlock(&c->lock);
	line.correlation = trace[0] != '\0' ? trace : c->system;
	if (c->options.log != NULL)
		c->options.log(c->options.log_data, &line);
}

static int
start_link(struct connector *c, struct error *err)
{
	struct link *link;

	c->incarnation++;
	c->setup = (struct link_setup){ .system = c->system, .host_program = c->host_program, .incarnation = c->incarnation,
		.memory_max = c->options.memory_max, .start_ms = c->timeout_ms, .cancelled = &c->cancelled, .log = log_line,
		.log_data = c, .expr = c->options.expr, .built_in = c->built_in };
	if ((link = c->open_link(&c->setup, err)) == NULL) {
		error_place(err, "system %s", c->system);
		return -1;
	}
	pthread_mutex_lock(&c->lock);
	c->link = link;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static int
call_load(struct connector *c, struct error *err)
{
	struct connector_info *info = calloc(1, sizeof *info);
	struct buffer head;
	struct reply reply;
	char message[512], hint[384];
	uint32_t code;
	int result;

	if (info == NULL)
		return error_memory(err);
	arena_init(&info->arena, 32u * 1024u * 1024u);
	proxy_begin(c, &head);
	wire_put_text(&head, c->path);
	result = proxy_call(c, CALL_LOAD, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
	if (result == 0) {
		code = wire_get32(&reply.wire);
		if (code != ERROR_NONE) {
			wire_get_message(&reply.wire, message, sizeof message);
			wire_get_message(&reply.wire, hint, sizeof hint);
			error_fill(err, code < ERROR_COUNT ? (enum error_code)code : ERROR_CONNECTOR_LOAD, hint, "%s", message);
			error_place(err, "system %s", c->system);
			result = -1;
		} else {
			reply.wire.arena = &info->arena;
			codec_get_info(&reply.wire, info);
			if (!wire_done(&reply.wire))
				result = proxy_unread(c, "load", &reply.wire, err);
		}
	}
	reply_free(&reply);
	if (result != 0) {
		connector_info_free(info);
		return -1;
	}
	connector_info_free(c->info);
	c->info = info;
	return 0;
}

static int
call_open(struct connector *c, struct error *err)
{
	struct buffer head, state;
	struct reply reply;
	int result;

	buffer_init(&state, FRAME_HEAD_MAX);
	proxy_put_state(c, &state);
	proxy_begin(c, &head);
	if (state.failed || buffer_reserve(&head, c->opening_length + state.length) != 0) {
		buffer_free(&head);
		buffer_free(&state);
		return error_memory(err);
	}
	buffer_append(&head, c->opening, c->opening_length);
	buffer_append(&head, state.data, state.length);
	buffer_free(&state);
	result = proxy_call(c, CALL_OPEN, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
	if (result == 0 && !wire_done(&reply.wire))
		result = proxy_unread(c, "open", &reply.wire, err);
	reply_free(&reply);
	return result;
}

static void
shut(struct connector *c, uint32_t grace_ms)
{
	struct link *link;

	pthread_mutex_lock(&c->lock);
	link = c->link;
	c->link = NULL;
	pthread_mutex_unlock(&c->lock);
	if (link != NULL)
		(void)link->op->close(link, grace_ms, NULL, 0);
}

/* A start that the restart table allows.  What open() refuses is the caller's to judge; only crashes count as failures. */
int
proxy_run(struct connector *c, struct error *err)
{
	int64_t now = os_monotonic_ms();

	switch (c->patient ? RESTART_GO : restart_event(&c->restart, RESTART_ASKED, now)) {
	case RESTART_WAIT:
		error_fill(err, ERROR_HOST_WAITING, NULL, "the connector of system %s failed %u times in a row; its process is started again in %lld ms",
		           c->system, c->restart.failures, (long long)(c->restart.until_ms - now));
		error_place(err, "system %s", c->system);
		if (err != NULL)
			err->retry_after_ms = (uint32_t)(c->restart.until_ms - now);
		return -1;
	case RESTART_NO:
		error_fill(err, ERROR_HOST_ASIDE, "Find out why, then reset it.", "the connector of system %s was put aside after %u failures in a row",
		           c->system, c->restart.failures);
		error_place(err, "system %s", c->system);
		return -1;
	case RESTART_GO:
		break;
	}
	if (start_link(c, err) != 0) {
		if (!c->patient)
			(void)restart_event(&c->restart, RESTART_FAILED, os_monotonic_ms());
		return -1;
	}
	if (call_load(c, err) == 0 && call_open(c, err) == 0)
		return 0;
	shut(c, 0);
	return -1;
}

int
connector_start_over(const struct connector_options *options, struct link *(*open_link)(const struct link_setup *, struct error *),
                     const struct syncline_connector *(*built_in)(void), struct connector **ret_connector, struct error *err)
{
	struct connector *c = make(options, open_link, built_in, err);

	if (c == NULL)
		return -1;
	for (uint32_t i = 0; i < options->state_count; i++)
		if (proxy_commit_initial(c, &options->state[i]) != 0) {
			free_connector(c);
			return error_memory(err);
		}
	if (proxy_run(c, err) != 0) {
		free_connector(c);
		return -1;
	}
	*ret_connector = c;
	return 0;
}

int
connector_start(const struct connector_options *options, struct connector **ret_connector, struct error *err)
{
	return connector_start_over(options, options->direct ? link_direct : link_process, NULL, ret_connector, err);
}

void
connector_stop(struct connector *c)
{
	if (c == NULL)
		return;
	shut(c, c->options.grace_ms);
	free_connector(c);
}

int
connector_describe(const struct connector_options *options, struct connector_info **ret_info, struct error *err)
{
	struct connector *c = make(options, options->direct ? link_direct : link_process, NULL, err);
	int result = -1;

	if (c == NULL)
		return -1;
	if (start_link(c, err) == 0 && call_load(c, err) == 0) {
		*ret_info = c->info;
		c->info = NULL;
		result = 0;
	}
	shut(c, c->options.grace_ms);
	free_connector(c);
	return result;
}

const struct connector_info *connector_info(const struct connector *c) { return c->info; }
const struct syncline_capabilities *connector_capabilities(const struct connector *c) { return c->info->descriptor.capabilities; }
bool connector_offers(const struct connector *c, const char *part) { return connector_info_offers(c->info, part); }
int64_t connector_pid(const struct connector *c) { return c->link != NULL ? c->link->pid : 0; }

void
connector_cancel(struct connector *c)
{
	atomic_store(&c->cancelled, true);
	pthread_mutex_lock(&c->lock);
	if (c->link != NULL)
		c->link->op->wake(c->link);
	pthread_mutex_unlock(&c->lock);
}

void
connector_uncancel(struct connector *c)
{
	atomic_store(&c->cancelled, false);
}

void
connector_set_timeout(struct connector *c, uint32_t timeout_ms)
{
	c->timeout_ms = timeout_ms != 0 ? timeout_ms : c->options.timeout_ms;
}

void
connector_set_run(struct connector *c, int64_t run, const char *trace)
{
	pthread_mutex_lock(&c->lock);
	c->run = run;
	snprintf(c->trace, sizeof c->trace, "%s", trace != NULL ? trace : "");
	pthread_mutex_unlock(&c->lock);
}

void
connector_reset(struct connector *c)
{
	(void)restart_event(&c->restart, RESTART_RESET, os_monotonic_ms());
}

int
connector_ping(struct connector *c, struct error *err)
{
	struct error failure = { 0 };

	if (c->link == NULL)
		return error_set(err, ERROR_HOST_GONE, "The next call starts it again.", "the connector of system %s has no process now", c->system);
	if (c->link->op->ping(c->link, os_monotonic_ms() + c->timeout_ms, &failure) == 0)
		return 0;
	/* A busy process may yet answer; one that is gone is taken leave of here, and not by the next call. */
	if (failure.code == ERROR_HOST_GONE)
		(void)proxy_broke(c, "ping", &failure);
	if (err != NULL)
		*err = failure;
	return -1;
}
