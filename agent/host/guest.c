/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c: a guest's life, and one call from its message to its reply.  Runs in the thread that owns the guest; only the
 * cancel functions are called by others.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/fault.h"
#include "host/inside.h"
#include "os/os.h"

#define CALL_ARENA_MAX (64u * 1024u * 1024u)

static const void *
get_service(const struct syncline_host *host, const char *id)
{
	const struct guest *guest = host->host_data;
	static const struct {
		const char *id;
		const void *table;
	} services[] = {
		{ "log/1", &guest_log_service }, { "clock/1", &guest_clock_service }, { "secret/1", &guest_secret_service },
		{ "state/1", &guest_state_service }, { "batch/1", &guest_batch_service }, { "http/1", &guest_http_service },
	};

	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (id != NULL && strcmp(services[i].id, id) == 0)
			return services[i].table;
	return id != NULL && strcmp(id, "expr/1") == 0 ? guest->setup.expr : NULL;
}

struct guest *
guest_new(const struct guest_setup *setup, struct error *err)
{
	struct guest *guest = calloc(1, sizeof *guest);

	/* Locked memory needs libsodium's page size; starting it again costs nothing. */
	if (guest == NULL || sodium_init() < 0 || guest_log_init(&guest->log) != 0) {
		free(guest);
		error_fill_memory(err);
		return NULL;
	}
	guest->setup = *setup;
	arena_init(&guest->life, CALL_ARENA_MAX);
	atomic_flag_clear(&guest->pending.latch);
	buffer_init(&guest->pending.data, FRAME_HEAD_MAX);
	guest->host.struct_size = sizeof guest->host;
	guest->host.agent_version = "";
	guest->host.get_service = get_service;
	guest->host.host_data = guest;
	return guest;
}

void
guest_free(struct guest *guest)
{
	if (guest == NULL)
		return;
	guest_streams_close(guest);
	if (guest->open && guest->connector.close != NULL)
		guest->connector.close(guest->instance);
	guest_http_stop(guest);
	guest_secrets_wipe(guest);
	guest_state_free(&guest->state);
	buffer_free(&guest->pending.data);
	guest_log_free(&guest->log);
	arena_free(&guest->life);
	free(guest);
}

void
guest_cancel(struct guest *guest, uint32_t number)
{
	atomic_store(&guest->cancelled[atomic_fetch_add(&guest->cancel_at, 1) % GUEST_CANCELS], number);
}

void
guest_cancel_all(struct guest *guest)
{
	atomic_store(&guest->cancel_all, true);
}

static uint32_t
is_cancelled(const struct syncline_call *said)
{
	const struct guest_call *call = (const void *)said;
	struct guest *guest = call->guest;

	if (atomic_load_explicit(&guest->cancel_all, memory_order_relaxed) ||
	    (guest->setup.cancelled != NULL && atomic_load_explicit(guest->setup.cancelled, memory_order_relaxed)))
		return 1;
	for (unsigned i = 0; i < GUEST_CANCELS; i++)
		if (atomic_load_explicit(&guest->cancelled[i], memory_order_relaxed) == call->number)
			return 1;
	return call->until != 0 && os_monotonic_ms() >= call->until;
}

void
guest_call_begin(struct guest_call *call, struct guest *guest, uint32_t number, uint32_t deadline_ms)
{
	memset(call, 0, sizeof *call);
	call->guest = guest;
	call->number = number;
	call->call.struct_size = sizeof call->call;
	call->call.deadline_ms = deadline_ms;
	call->call.correlation = "";
	call->call.cancelled = is_cancelled;
	call->call.host_data = call;
	call->until = deadline_ms != 0 ? os_monotonic_ms() + deadline_ms : 0;
	call->error.struct_size = sizeof call->error;
	arena_init(&call->arena, CALL_ARENA_MAX);
	buffer_init(&call->reply, FRAME_HEAD_MAX);
}

uint32_t
guest_fail(struct guest_call *call, uint32_t klass, const char *hint, const char *format, ...)
{
	va_list args;

	memset(&call->error, 0, sizeof call->error);
	call->error.struct_size = sizeof call->error;
	va_start(args, format);
	vsnprintf(call->error.message, sizeof call->error.message, format, args);
	va_end(args);
	snprintf(call->error.hint, sizeof call->error.hint, "%s", hint != NULL ? hint : "");
	return klass;
}

uint32_t
guest_fail_with(struct guest_call *call, uint32_t klass, const struct error *err)
{
	return guest_fail(call, err->code == ERROR_MEMORY ? SYNCLINE_RETRY : klass, err->hint, "%s", err->message);
}

uint32_t
guest_unread(struct guest_call *call)
{
	uint32_t klass = call->wire.starved ? guest_fail(call, SYNCLINE_RETRY, "Try again when there is more memory.", "no memory for the request of a call")
	                                    : guest_fail(call, SYNCLINE_INTERNAL, "Report it with the version of the agent.",
	                                                 "the request of a call is damaged");

	call->error.applied = SYNCLINE_APPLIED_NO;
	return klass;
}

int
guest_emit(struct guest *guest, enum frame_type type, uint16_t call, uint32_t number, struct buffer *head, uint8_t *body, size_t body_length)
{
	struct message *message = message_new(type, call, number, head, body, body_length, NULL);

	if (message == NULL) {
		if (type == FRAME_REPLY || type == FRAME_BATCH || type == FRAME_RESULT)
			guest->mute = true;
		return -1;
	}
	message->incarnation = guest->incarnation;
	return guest->setup.emit(guest->setup.emit_data, message);
}

/* The reply: class and texts, or zero, the changes of state, and what the call itself has to say. */
static void
reply(struct guest_call *call, enum call_id id, uint32_t klass)
{
	struct guest *guest = call->guest;
	struct buffer head;

	/* Results are missing: a reply would say more of their items than is known. */
	if (guest->mute)
		return;
	buffer_init(&head, FRAME_HEAD_MAX);
	if (klass == SYNCLINE_OK && call->reply.failed)
		klass = guest_fail(call, SYNCLINE_RETRY, "Ask for less at a time.", "the reply to '%s' is too large or found no memory",
		                   call_row(id)->name);
	if (klass == SYNCLINE_OK) {
		wire_put32(&head, SYNCLINE_OK);
		guest_state_take(&guest->state, &head);
		buffer_append(&head, call->reply.data, call->reply.length);
	} else {
		guest_state_undo(&guest->state);
		codec_put_error(&head, klass, &call->error);
		free(call->body);
		call->body = NULL;
		call->body_length = 0;
	}
	(void)guest_emit(guest, FRAME_REPLY, (uint16_t)id, call->number, &head, call->body, call->body_length);
	call->body = NULL;
}

/* A guest has no way to fail at a fault point; a test's host ends there. */
static uint32_t
run_row(struct guest_call *call, enum call_id id, const char *name)
{
	uint32_t klass;

	(void)fault_point_of("guest", name, "before");
	klass = guest_call_run(call, id);
	(void)fault_point_of("guest", name, "after");
	return klass;
}

static void
run(struct guest *guest, struct message *message)
{
	const struct call_row *row = call_row(message->call);
	struct guest_call call;
	struct codec_call prelude = { 0, "", NULL };
	uint32_t klass;

	guest_call_begin(&call, guest, message->number, 0);
	call.in = message;
	wire_init(&call.wire, message->head, message->head_length, &call.arena);
	codec_get_call(&call.wire, &prelude);
	call.call.deadline_ms = prelude.deadline_ms;
	call.until = prelude.deadline_ms != 0 ? os_monotonic_ms() + prelude.deadline_ms : 0;
	call.call.correlation = prelude.correlation;
	call.call.traceparent = prelude.traceparent;
	if (row == NULL)
		klass = guest_fail(&call, SYNCLINE_INTERNAL, "Agent and host program are of different versions.", "call %u is not known", message->call);
	else
		klass = run_row(&call, (enum call_id)message->call, row->name);
	if (row != NULL)
		reply(&call, (enum call_id)message->call, klass);
	buffer_free(&call.reply);
	free(call.body);
	arena_free(&call.arena);
}

bool
guest_is_mute(const struct guest *guest)
{
	return guest->mute;
}

void
guest_handle(struct guest *guest, struct message *message)
{
	guest->incarnation = message->incarnation;
	if (message->type == FRAME_CALL)
		run(guest, message);
	else if (message->type == FRAME_CREDIT)
		guest_credit(guest, message);
	else if (message->type == FRAME_CANCEL)
		guest_cancel(guest, message->number);
	message_free(message);
}
