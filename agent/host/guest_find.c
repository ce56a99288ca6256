/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_find.c: check and discover: what a connector finds goes to the agent one by one.  Runs in the guest's thread.
 */
#include <string.h>

#include "host/inside.h"

#define FINDINGS_MAX 1000000u

static void
emit(struct guest_call *call, struct buffer *head)
{
	if (call->findings++ >= FINDINGS_MAX) {
		buffer_free(head);
		call->lost = true;
	} else if (guest_emit(call->guest, FRAME_FINDING, call->in->call, call->number, head, NULL, 0) != 0) {
		call->lost = true;
	}
}

/* A list with holes is no success. */
static uint32_t
whole(struct guest_call *call, uint32_t klass)
{
	return klass == SYNCLINE_OK && call->lost ? guest_fail(call, SYNCLINE_RETRY, NULL, "no memory, or no room, for a finding") : klass;
}

static void
on_object(const struct syncline_findings *findings, const struct syncline_object_info *said)
{
	struct syncline_object_info info;
	struct buffer head;

	codec_copy_struct(&info, sizeof info, said);
	buffer_init(&head, 65536);
	wire_put8(&head, CODEC_FINDING_OBJECT);
	wire_put_text(&head, info.native);
	wire_put_text(&head, info.label);
	codec_put_capabilities(&head, info.capabilities);
	emit(findings->host_data, &head);
}

static void
on_field(const struct syncline_findings *findings, const struct syncline_field *field)
{
	struct buffer head;

	buffer_init(&head, 65536);
	wire_put8(&head, CODEC_FINDING_FIELD);
	codec_put_fields(&head, field, field != NULL ? 1 : 0);
	emit(findings->host_data, &head);
}

static void
on_remark(const struct syncline_findings *findings, uint32_t severity, const char *object, const char *message, const char *hint)
{
	struct buffer head;

	buffer_init(&head, 65536);
	wire_put8(&head, CODEC_FINDING_REMARK);
	wire_put32(&head, severity);
	wire_put_text(&head, object);
	wire_put_text(&head, message != NULL ? message : "");
	wire_put_text(&head, hint != NULL ? hint : "");
	emit(findings->host_data, &head);
}

static struct syncline_findings
findings_of(struct guest_call *call)
{
	return (struct syncline_findings){ .struct_size = sizeof(struct syncline_findings), .object = on_object, .field = on_field,
		.remark = on_remark, .host_data = call };
}

uint32_t
guest_check(struct guest_call *call)
{
	struct syncline_findings findings = findings_of(call);

	if (!wire_done(&call->wire))
		return guest_unread(call);
	return whole(call, call->guest->check.check(call->guest->instance, &call->call, &findings, &call->error));
}

uint32_t
guest_discover_objects(struct guest_call *call)
{
	struct syncline_findings findings = findings_of(call);

	if (!wire_done(&call->wire))
		return guest_unread(call);
	return whole(call, call->guest->discover.objects(call->guest->instance, &call->call, &findings, &call->error));
}

uint32_t
guest_discover_fields(struct guest_call *call)
{
	struct syncline_findings findings = findings_of(call);
	const struct syncline_object *object = codec_get_object(&call->wire);

	if (!wire_done(&call->wire))
		return guest_unread(call);
	return whole(call, call->guest->discover.fields(call->guest->instance, &call->call, object, &findings, &call->error));
}
