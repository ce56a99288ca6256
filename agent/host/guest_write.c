/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_write.c: a write, with its results sent on while it runs, so that what is known stays known when the process dies in
 * the middle.  Runs in the guest's thread.
 */
#include <string.h>

#include "host/inside.h"
#include "os/os.h"

#define FLUSH_RESULTS 64u
#define FLUSH_BYTES (256u * 1024u)
#define FLUSH_MS 10

static void
flush(struct guest_call *call)
{
	struct buffer head;

	if (call->results_count == 0)
		return;
	buffer_init(&head, FRAME_HEAD_MAX);
	wire_put32(&head, call->results_count);
	buffer_append(&head, call->results.data, call->results.length);
	(void)guest_emit(call->guest, FRAME_RESULT, CALL_WRITE, call->number, &head, NULL, 0);
	buffer_clear(&call->results);
	call->results_count = 0;
	call->results_ms = os_monotonic_ms();
}

/* A result that doesn't fit is left out: its item is uncertain then, which is true. */
static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *said)
{
	struct guest_call *call = results->host_data;
	struct syncline_write_result result;
	size_t before = call->results.length;

	codec_copy_struct(&result, sizeof result, said);
	if (said == NULL)
		result.error_class = SYNCLINE_INTERNAL;
	codec_put_result(&call->results, index, &result);
	if (call->results.failed) {
		call->results.length = before;
		call->results.failed = 0;
		return;
	}
	call->results_count++;
	if (call->results_count >= FLUSH_RESULTS || call->results.length >= FLUSH_BYTES || os_monotonic_ms() - call->results_ms >= FLUSH_MS)
		flush(call);
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
		return guest_fail(call, SYNCLINE_INTERNAL, NULL, "the request of a write is damaged");
	if (!guest->writable) {
		klass = guest_fail(call, SYNCLINE_CONFIG, "Set `writable = true` for the system.", "the system is not writable");
		call->error.applied = SYNCLINE_APPLIED_NO;
		return klass;
	}
	if (guest_batch_adopt(&batch, call->in->body, call->in->body_length, &err) != 0) {
		call->in->body = NULL;
		return guest_fail_with(call, SYNCLINE_INTERNAL, &err);
	}
	call->in->body = NULL;
	call->results_ms = os_monotonic_ms();
	klass = guest->sink.write(guest->instance, &call->call, object, &batch, &results, &call->error);
	flush(call);
	guest_batch_free(&batch);
	return klass;
}
