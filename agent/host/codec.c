/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * codec.c: the structs of calls and replies that are not part of the descriptor (codec_info.c).  Pure functions; any thread.
 */
#include <string.h>

#include "host/codec.h"

void
codec_copy_struct(void *to, uint32_t to_size, const void *from)
{
	uint32_t from_size;

	memset(to, 0, to_size);
	if (from != NULL) {
		memcpy(&from_size, from, sizeof from_size);
		memcpy(to, from, from_size < to_size ? from_size : to_size);
	}
	memcpy(to, &to_size, sizeof to_size);
}

void
codec_put_call(struct buffer *to, const struct codec_call *call)
{
	wire_put32(to, call->deadline_ms);
	wire_put_text(to, call->correlation);
	wire_put_text(to, call->traceparent);
}

void
codec_get_call(struct wire *wire, struct codec_call *ret_call)
{
	ret_call->deadline_ms = wire_get32(wire);
	ret_call->correlation = wire_need_text(wire, CODEC_TEXT_MAX);
	ret_call->traceparent = wire_get_text(wire, CODEC_TEXT_MAX);
}

void
codec_put_texts(struct buffer *to, const char *const *texts, uint32_t count)
{
	wire_put32(to, count);
	for (uint32_t i = 0; i < count; i++)
		wire_put_text(to, texts[i]);
}

const char *const *
codec_get_texts(struct wire *wire, uint32_t max, uint32_t *ret_count)
{
	uint32_t count = wire_get_count(wire, 4, max);
	const char **texts = wire_array(wire, (size_t)count + 1, sizeof *texts);

	for (uint32_t i = 0; i < count && texts != NULL; i++)
		texts[i] = wire_need_text(wire, CODEC_TEXT_MAX);
	*ret_count = wire->bad ? 0 : count;
	return texts;
}

void
codec_put_slices(struct buffer *to, const struct syncline_slice *slices, uint32_t count)
{
	wire_put32(to, count);
	for (uint32_t i = 0; i < count; i++)
		wire_put_slice(to, &slices[i]);
}

const struct syncline_slice *
codec_get_slices(struct wire *wire, uint32_t max, uint32_t *ret_count)
{
	uint32_t count = wire_get_count(wire, 4, max);
	struct syncline_slice *slices = wire_array(wire, count, sizeof *slices);

	for (uint32_t i = 0; i < count && slices != NULL; i++)
		slices[i] = wire_get_slice(wire, SYNCLINE_RECORD_MAX);
	*ret_count = wire->bad ? 0 : count;
	return slices;
}

void
codec_put_request(struct buffer *to, const struct syncline_read_request *request)
{
	struct syncline_read_request copy;

	codec_copy_struct(&copy, sizeof copy, request);
	wire_put32(to, copy.full);
	wire_put_slice(to, &copy.position);
	codec_put_texts(to, copy.tenants, copy.tenant_count);
	wire_put32(to, copy.record_limit);
}

void
codec_get_request(struct wire *wire, struct syncline_read_request *ret_request)
{
	memset(ret_request, 0, sizeof *ret_request);
	ret_request->struct_size = sizeof *ret_request;
	ret_request->full = wire_get32(wire);
	ret_request->position = wire_get_slice(wire, SYNCLINE_POSITION_MAX);
	ret_request->tenants = codec_get_texts(wire, CODEC_TENANTS_MAX, &ret_request->tenant_count);
	ret_request->record_limit = wire_get32(wire);
}

void
codec_put_read_state(struct buffer *to, const struct syncline_read_state *state)
{
	wire_put8(to, state->end != 0);
	wire_put8(to, state->position.data != NULL);
	wire_put_slice(to, &state->position);
	wire_put32(to, state->end != 0 ? state->completeness_count : 0);
	for (uint32_t i = 0; state->end != 0 && i < state->completeness_count; i++) {
		wire_put_text(to, state->completeness[i].tenant);
		wire_put8(to, state->completeness[i].complete != 0);
	}
	wire_put64(to, state->expected);
}

void
codec_get_read_state(struct wire *wire, struct connector_read_state *ret_state)
{
	struct syncline_completeness *list;
	uint32_t count;

	memset(ret_state, 0, sizeof *ret_state);
	ret_state->end = wire_get8(wire) != 0;
	ret_state->has_position = wire_get8(wire) != 0;
	ret_state->position = wire_get_slice(wire, SYNCLINE_POSITION_MAX);
	count = wire_get_count(wire, 5, CODEC_TENANTS_MAX);
	list = wire_array(wire, count, sizeof *list);
	for (uint32_t i = 0; i < count && list != NULL; i++) {
		list[i].tenant = wire_get_text(wire, CODEC_TEXT_MAX);
		list[i].complete = wire_get8(wire) != 0;
	}
	ret_state->completeness = list;
	ret_state->completeness_count = wire->bad ? 0 : count;
	ret_state->expected = wire_get64(wire);
}

/* A text that may fill its buffer without a NUL. */
static void
put_bounded(struct buffer *to, const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);

	wire_put_bytes(to, text, end != NULL ? (size_t)(end - text) : size);
}

void
codec_put_error(struct buffer *to, uint32_t klass, const struct syncline_error *error)
{
	wire_put32(to, klass);
	wire_put32(to, error->applied);
	wire_put32(to, error->retry_after_ms);
	wire_put32(to, error->remote_status);
	put_bounded(to, error->message, sizeof error->message);
	put_bounded(to, error->detail, sizeof error->detail);
	put_bounded(to, error->hint, sizeof error->hint);
}

uint32_t
codec_get_error(struct wire *wire, struct syncline_error *ret_error)
{
	uint32_t klass = wire_get32(wire);

	memset(ret_error, 0, sizeof *ret_error);
	ret_error->struct_size = sizeof *ret_error;
	ret_error->applied = wire_get32(wire);
	if (ret_error->applied > SYNCLINE_APPLIED_YES)
		ret_error->applied = SYNCLINE_APPLIED_MAYBE;
	ret_error->retry_after_ms = wire_get32(wire);
	ret_error->remote_status = wire_get32(wire);
	wire_get_message(wire, ret_error->message, sizeof ret_error->message);
	wire_get_message(wire, ret_error->detail, sizeof ret_error->detail);
	wire_get_message(wire, ret_error->hint, sizeof ret_error->hint);
	return klass;
}

void
codec_put_states(struct buffer *to, const struct connector_state *states, uint32_t count)
{
	wire_put32(to, count);
	for (uint32_t i = 0; i < count; i++) {
		wire_put_text(to, states[i].key);
		wire_put8(to, states[i].value.data != NULL);
		wire_put_slice(to, &states[i].value);
	}
}

struct connector_state *
codec_get_states(struct wire *wire, uint32_t *ret_count)
{
	uint32_t count = wire_get_count(wire, 9, CODEC_STATE_KEYS_MAX);
	struct connector_state *states = wire_array(wire, count, sizeof *states);
	size_t total = 0;

	for (uint32_t i = 0; i < count && states != NULL; i++) {
		bool present;

		states[i].key = wire_need_text(wire, SYNCLINE_NAME_MAX);
		present = wire_get8(wire) != 0;
		states[i].value = wire_get_slice(wire, CODEC_STATE_VALUE_MAX);
		total += states[i].value.length;
		if (total > CODEC_STATE_MAX || (!present && states[i].value.length > 0))
			wire_fail(wire);
		if (!present)
			states[i].value.data = NULL;
	}
	*ret_count = wire->bad ? 0 : count;
	return states;
}

static void
put_record(struct buffer *to, const struct syncline_record *given)
{
	struct syncline_record record;

	codec_copy_struct(&record, sizeof record, given);
	if (record.value_count > SYNCLINE_FIELDS_MAX || record.values == NULL)
		record.value_count = 0;
	wire_put8(to, record.op);
	wire_put64(to, record.place);
	wire_put_value(to, &record.native_id);
	wire_put_value(to, &record.version);
	wire_put_value(to, &record.tenant);
	wire_put32(to, record.value_count);
	for (uint32_t i = 0; i < record.value_count; i++)
		wire_put_value(to, &record.values[i]);
}

static const struct syncline_record *
get_record(struct wire *wire)
{
	struct syncline_record *record = wire_array(wire, 1, sizeof *record);
	struct syncline_value *values;

	if (record == NULL)
		return NULL;
	record->struct_size = sizeof *record;
	record->op = wire_get8(wire);
	record->place = wire_get64(wire);
	record->native_id = wire_get_value(wire);
	record->version = wire_get_value(wire);
	record->tenant = wire_get_value(wire);
	record->value_count = wire_get_count(wire, 1, SYNCLINE_FIELDS_MAX);
	values = wire_array(wire, record->value_count, sizeof *values);
	for (uint32_t i = 0; i < record->value_count && values != NULL; i++)
		values[i] = wire_get_value(wire);
	record->values = values;
	return record;
}

#define RESULT_STORED 0x01u
#define RESULT_ERROR 0x02u

void
codec_put_result(struct buffer *to, uint32_t index, const struct syncline_write_result *result)
{
	struct syncline_error error;

	wire_put32(to, index);
	wire_put8(to, (result->stored != NULL ? RESULT_STORED : 0) | (result->error != NULL ? RESULT_ERROR : 0));
	codec_copy_struct(&error, sizeof error, result->error);
	if (result->error != NULL)
		codec_put_error(to, result->error_class, &error);
	else
		wire_put32(to, result->error_class);
	wire_put_slice(to, &result->native_id);
	wire_put_slice(to, &result->version);
	if (result->stored != NULL)
		put_record(to, result->stored);
}

void
codec_get_result(struct wire *wire, uint32_t *ret_index, struct syncline_write_result *ret_result, struct syncline_error *ret_error)
{
	uint8_t flags;

	memset(ret_result, 0, sizeof *ret_result);
	ret_result->struct_size = sizeof *ret_result;
	*ret_index = wire_get32(wire);
	flags = wire_get8(wire);
	if ((flags & RESULT_ERROR) != 0) {
		ret_result->error_class = codec_get_error(wire, ret_error);
		ret_result->error = ret_error;
	} else {
		ret_result->error_class = wire_get32(wire);
	}
	ret_result->native_id = wire_get_slice(wire, SYNCLINE_RECORD_MAX);
	ret_result->version = wire_get_slice(wire, SYNCLINE_RECORD_MAX);
	if ((flags & RESULT_STORED) != 0)
		ret_result->stored = get_record(wire);
}

void
codec_put_content_info(struct buffer *to, const struct syncline_content_info *info)
{
	struct syncline_content_info copy;

	codec_copy_struct(&copy, sizeof copy, info);
	wire_put8(to, copy.has_hash != 0);
	wire_put64(to, copy.length);
	buffer_append(to, copy.sha256, sizeof copy.sha256);
	wire_put_text(to, copy.name);
	wire_put_text(to, copy.media_type);
	wire_put64(to, (uint64_t)copy.modified_us);
}

void
codec_get_content_info(struct wire *wire, struct syncline_content_info *ret_info)
{
	memset(ret_info, 0, sizeof *ret_info);
	ret_info->struct_size = sizeof *ret_info;
	ret_info->has_hash = wire_get8(wire) != 0;
	ret_info->length = wire_get64(wire);
	for (size_t i = 0; i < sizeof ret_info->sha256; i++)
		ret_info->sha256[i] = wire_get8(wire);
	ret_info->name = wire_get_text(wire, CODEC_TEXT_MAX);
	ret_info->media_type = wire_get_text(wire, CODEC_TEXT_MAX);
	ret_info->modified_us = (int64_t)wire_get64(wire);
}

void
codec_put_webhook(struct buffer *to, const struct syncline_webhook_request *request)
{
	struct syncline_webhook_request copy;

	codec_copy_struct(&copy, sizeof copy, request);
	wire_put_text(to, copy.method);
	wire_put_text(to, copy.path);
	wire_put_text(to, copy.query);
	wire_put32(to, copy.header_count);
	for (uint32_t i = 0; i < copy.header_count; i++) {
		wire_put_text(to, copy.headers[i].name);
		wire_put_text(to, copy.headers[i].value);
	}
	wire_put_slice(to, &copy.body);
	wire_put8(to, copy.verified != 0);
}

void
codec_get_webhook(struct wire *wire, struct syncline_webhook_request *ret_request)
{
	struct syncline_http_header *headers;
	uint32_t count;

	memset(ret_request, 0, sizeof *ret_request);
	ret_request->struct_size = sizeof *ret_request;
	ret_request->method = wire_need_text(wire, CODEC_TEXT_MAX);
	ret_request->path = wire_need_text(wire, CODEC_TEXT_MAX);
	ret_request->query = wire_need_text(wire, CODEC_TEXT_MAX);
	count = wire_get_count(wire, 8, 1024);
	headers = wire_array(wire, count, sizeof *headers);
	for (uint32_t i = 0; i < count && headers != NULL; i++) {
		headers[i].name = wire_need_text(wire, CODEC_TEXT_MAX);
		headers[i].value = wire_need_text(wire, CODEC_TEXT_MAX);
	}
	ret_request->headers = headers;
	ret_request->header_count = wire->bad ? 0 : count;
	ret_request->body = wire_get_slice(wire, SYNCLINE_RECORD_MAX);
	ret_request->verified = wire_get8(wire) != 0;
}

void
codec_put_criteria(struct buffer *to, const struct syncline_criterion *criteria, uint32_t count)
{
	wire_put32(to, count);
	for (uint32_t i = 0; i < count; i++) {
		wire_put_text(to, criteria[i].field);
		wire_put_value(to, &criteria[i].value);
	}
}

const struct syncline_criterion *
codec_get_criteria(struct wire *wire, uint32_t *ret_count)
{
	uint32_t count = wire_get_count(wire, 5, SYNCLINE_FIELDS_MAX);
	struct syncline_criterion *criteria = wire_array(wire, count, sizeof *criteria);

	for (uint32_t i = 0; i < count && criteria != NULL; i++) {
		criteria[i].field = wire_need_text(wire, SYNCLINE_NAME_MAX);
		criteria[i].value = wire_get_value(wire);
	}
	*ret_count = wire->bad ? 0 : count;
	return criteria;
}
