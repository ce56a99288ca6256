/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_write.c: a write, with its results sent on while it runs, so that what is known stays known when the process dies in
 * the middle.  A frame a result would cost more than the write itself, so they wait for company: until there are enough, or some
 * time has passed, or the call is cancelled (the reader thread sends them then), or the process crashes (its signal handler
 * does).  Only a process that is killed from outside takes results with it.
 *
 * Runs in the guest's thread, but for guest_flush() and guest_last_results().
 */
#include <poll.h>
#include <string.h>

#include "host/inside.h"
#include "os/os.h"

#define FLUSH_RESULTS 64u
#define FLUSH_BYTES (256u * 1024u)
#define FLUSH_MS 10
#define LAST_MS 100

/* Whoever holds it is done in microseconds, or in the middle of a crash.  `until` 0: as long as it takes. */
static bool
take_latch(struct guest_pending *pending, int64_t until)
{
	while (atomic_flag_test_and_set_explicit(&pending->latch, memory_order_acquire)) {
		if (until != 0 && os_monotonic_ms() >= until)
			return false;
		(void)poll(NULL, 0, 1);
	}
	return true;
}

static void
release_latch(struct guest_pending *pending)
{
	atomic_flag_clear_explicit(&pending->latch, memory_order_release);
}

static void
say_count(struct guest_pending *pending)
{
	for (unsigned i = 0; i < 4; i++)
		pending->data.data[i] = (char)(pending->count >> (8 * i));
}

/* With the latch held, also while it is sent: the reply must not overtake it. */
static void
flush(struct guest *guest)
{
	struct guest_pending *pending = &guest->pending;

	if (pending->count > 0)
		(void)guest_emit(guest, FRAME_RESULT, CALL_WRITE, pending->number, &pending->data, NULL, 0);
	pending->count = 0;
	pending->since_ms = os_monotonic_ms();
}

void
guest_flush(struct guest *guest)
{
	(void)take_latch(&guest->pending, 0);
	flush(guest);
	release_latch(&guest->pending);
}

bool
guest_last_results(struct guest *guest, uint8_t ret_header[FRAME_HEADER], const uint8_t **ret_head, size_t *ret_length)
{
	struct guest_pending *pending = &guest->pending;
	struct message frame = { .type = FRAME_RESULT, .call = CALL_WRITE, .incarnation = guest->incarnation };

	if (!take_latch(pending, os_monotonic_ms() + LAST_MS) || pending->count == 0)
		return false;
	frame.number = pending->number;
	frame.head_length = (uint32_t)pending->data.length;
	frame_encode(&frame, ret_header);
	*ret_head = (const uint8_t *)pending->data.data;
	*ret_length = pending->data.length;
	return true;
}

/* Adds one result, or nothing of it. */
static bool
add(struct guest_pending *pending, uint32_t index, const struct syncline_write_result *result)
{
	size_t before = pending->data.length;

	if (pending->count == 0) {
		buffer_clear(&pending->data);
		wire_put32(&pending->data, 0);
	}
	codec_put_result(&pending->data, index, result);
	if (pending->data.failed) {
		pending->data.length = before;
		pending->data.failed = 0;
		return false;
	}
	pending->count++;
	say_count(pending);
	return true;
}

/*
 * A result without room goes alone, and then without what the system stored, which is not known then.  One that still finds no
 * memory makes the guest mute: its item is uncertain, whatever the rest of the call says.
 */
static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *said)
{
	struct guest_call *call = results->host_data;
	struct guest_pending *pending = &call->guest->pending;
	struct syncline_write_result result;

	codec_copy_struct(&result, sizeof result, said);
	if (said == NULL)
		result.error_class = SYNCLINE_INTERNAL;
	(void)take_latch(pending, 0);
	if (!add(pending, index, &result)) {
		flush(call->guest);
		if (!add(pending, index, &result)) {
			result.stored = NULL;
			if (!add(pending, index, &result))
				call->guest->mute = true;
		}
	}
	if (pending->count >= FLUSH_RESULTS || pending->data.length >= FLUSH_BYTES || os_monotonic_ms() - pending->since_ms >= FLUSH_MS)
		flush(call->guest);
	release_latch(pending);
}

uint32_t
guest_write(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	struct syncline_results results = { .struct_size = sizeof results, .report = report, .host_data = call };
	struct guest *guest = call->guest;
	struct syncline_batch batch;
	struct error err = { 0 };
	uint32_t klass;

	if (!wire_done(&call->wire))
		return guest_unread(call);
	if (!guest->writable)
		klass = guest_fail(call, SYNCLINE_CONFIG, "Set `writable = true` for the system.", "the system is not writable");
	else
		klass = guest_batch_adopt(&batch, call->in->body, call->in->body_length, &err) == 0
		            ? SYNCLINE_OK : guest_fail_with(call, SYNCLINE_INTERNAL, &err);
	if (guest->writable)
		call->in->body = NULL;
	if (klass != SYNCLINE_OK) {
		call->error.applied = SYNCLINE_APPLIED_NO;
		return klass;
	}
	(void)take_latch(&guest->pending, 0);
	guest->pending.number = call->number;
	guest->pending.since_ms = os_monotonic_ms();
	release_latch(&guest->pending);
	klass = guest->sink.write(guest->instance, &call->call, object, &batch, &results, &call->error);
	guest_flush(guest);
	guest_batch_free(&batch);
	return klass;
}
