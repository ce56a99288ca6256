/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * codec.h: the structs of the contract as fields of a message, written by one side and read by the other.  Readers allocate from
 * the wire's arena; slices and values point into the message.  What a reader returns is checked: texts are UTF-8, arrays have the
 * length that they say, values are what their type says.
 */
#ifndef HOST_CODEC_H
#define HOST_CODEC_H

#include "host/connector.h"
#include "host/wire.h"

/* THE SIZE RULE (abi.h): the smaller size into a struct that is zeroed first. */
void codec_copy_struct(void *to, uint32_t to_size, const void *from);

/* What stands before every call's own fields. */
struct codec_call {
	uint32_t deadline_ms;
	const char *correlation;
	const char *traceparent;
};
void codec_put_call(struct buffer *to, const struct codec_call *call);
void codec_get_call(struct wire *wire, struct codec_call *ret_call);

void codec_put_info(struct buffer *to, const struct syncline_connector *descriptor, uint32_t optional);
void codec_get_info(struct wire *wire, struct connector_info *ret_info); /* wire->arena is the info's */

void codec_put_settings(struct buffer *to, const struct syncline_settings *settings); /* NULL: none */
const struct syncline_settings *codec_get_settings(struct wire *wire);
void codec_put_fields(struct buffer *to, const struct syncline_field *fields, uint32_t count);
const struct syncline_field *codec_get_fields(struct wire *wire, uint32_t *ret_count);
void codec_put_capabilities(struct buffer *to, const struct syncline_capabilities *capabilities); /* NULL stays NULL */
const struct syncline_capabilities *codec_get_capabilities(struct wire *wire);
void codec_put_object(struct buffer *to, const struct syncline_object *object);
const struct syncline_object *codec_get_object(struct wire *wire);

void codec_put_texts(struct buffer *to, const char *const *texts, uint32_t count);
const char *const *codec_get_texts(struct wire *wire, uint32_t max, uint32_t *ret_count); /* ended by NULL as well */
void codec_put_slices(struct buffer *to, const struct syncline_slice *slices, uint32_t count);
const struct syncline_slice *codec_get_slices(struct wire *wire, uint32_t max, uint32_t *ret_count);

void codec_put_request(struct buffer *to, const struct syncline_read_request *request);
void codec_get_request(struct wire *wire, struct syncline_read_request *ret_request);
/* `state` was filled by a connector under the size rule. */
void codec_put_read_state(struct buffer *to, const struct syncline_read_state *state);
void codec_get_read_state(struct wire *wire, struct connector_read_state *ret_state);

/* Class and texts.  The reader makes unknown classes PERMANENT and cleans the texts. */
void codec_put_error(struct buffer *to, uint32_t klass, const struct syncline_error *error);
uint32_t codec_get_error(struct wire *wire, struct syncline_error *ret_error);
void codec_put_states(struct buffer *to, const struct connector_state *states, uint32_t count);
struct connector_state *codec_get_states(struct wire *wire, uint32_t *ret_count);

void codec_put_result(struct buffer *to, uint32_t index, const struct syncline_write_result *result);
/* error_class, texts and stored of one result; ret_error is filled when ret_result->error points to it. */
void codec_get_result(struct wire *wire, uint32_t *ret_index, struct syncline_write_result *ret_result, struct syncline_error *ret_error);

void codec_put_content_info(struct buffer *to, const struct syncline_content_info *info);
void codec_get_content_info(struct wire *wire, struct syncline_content_info *ret_info);
void codec_put_webhook(struct buffer *to, const struct syncline_webhook_request *request);
void codec_get_webhook(struct wire *wire, struct syncline_webhook_request *ret_request);
void codec_put_criteria(struct buffer *to, const struct syncline_criterion *criteria, uint32_t count);
const struct syncline_criterion *codec_get_criteria(struct wire *wire, uint32_t *ret_count);

/* FINDING frames: u8 kind, then the finding. */
#define CODEC_FINDING_OBJECT 1u
#define CODEC_FINDING_FIELD 2u
#define CODEC_FINDING_REMARK 3u

#define CODEC_IDS_MAX 65536u
#define CODEC_TENANTS_MAX 65536u
#define CODEC_PARAMS_MAX 1024u
#define CODEC_TEXT_MAX 65536u
#define CODEC_STATE_VALUE_MAX 65536u
#define CODEC_STATE_MAX (256u * 1024u)
#define CODEC_STATE_KEYS_MAX 4096u

#endif
