/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service_state.c: state/1.  What a call sets is seen by the connector at once, leaves with the call's reply or batch, and is
 * taken back when the call fails.  The thread of the call alone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/inside.h"

static uint8_t *
copy(const void *data, size_t length)
{
	uint8_t *to = malloc(length > 0 ? length : 1);

	if (to != NULL && length > 0)
		memcpy(to, data, length);
	return to;
}

static struct guest_state_item *
find(const struct guest_state *state, const char *key)
{
	for (uint32_t i = 0; i < state->count; i++)
		if (strcmp(state->items[i].key, key) == 0)
			return &state->items[i];
	return NULL;
}

static struct guest_state_item *
add(struct guest_state *state, const char *key)
{
	struct guest_state_item *items, *item;

	if (state->count >= CODEC_STATE_KEYS_MAX || (items = realloc(state->items, (state->count + 1) * sizeof *items)) == NULL)
		return NULL;
	state->items = items;
	item = &items[state->count];
	memset(item, 0, sizeof *item);
	if ((item->key = (char *)copy(key, strlen(key) + 1)) == NULL)
		return NULL;
	state->count++;
	return item;
}

int
guest_state_load(struct guest_state *state, const struct connector_state *items, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct guest_state_item *item;

		if (items[i].value.data == NULL)
			continue;
		if (find(state, items[i].key) != NULL || (item = add(state, items[i].key)) == NULL ||
		    (item->value = copy(items[i].value.data, items[i].value.length)) == NULL)
			return -1;
		item->length = items[i].value.length;
		state->total += item->length;
	}
	return 0;
}

void
guest_state_take(struct guest_state *state, struct buffer *to)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < state->count; i++)
		count += state->items[i].changed;
	wire_put32(to, count);
	for (uint32_t i = 0; i < state->count; i++) {
		struct guest_state_item *item = &state->items[i];

		if (!item->changed)
			continue;
		wire_put_text(to, item->key);
		wire_put8(to, item->value != NULL);
		wire_put_bytes(to, item->value, item->length);
		free(item->old);
		item->old = NULL;
		item->changed = false;
	}
}

void
guest_state_undo(struct guest_state *state)
{
	for (uint32_t i = 0; i < state->count; i++) {
		struct guest_state_item *item = &state->items[i];

		if (!item->changed)
			continue;
		state->total = state->total - item->length + item->old_length;
		free(item->value);
		item->value = item->old;
		item->length = item->old_length;
		item->old = NULL;
		item->changed = false;
	}
}

void
guest_state_free(struct guest_state *state)
{
	for (uint32_t i = 0; i < state->count; i++) {
		free(state->items[i].key);
		free(state->items[i].value);
		free(state->items[i].old);
	}
	free(state->items);
	memset(state, 0, sizeof *state);
}

static uint32_t
get(const struct syncline_host *host, const char *key, struct syncline_slice *ret_value)
{
	const struct guest *guest = host->host_data;
	const struct guest_state_item *item = key != NULL ? find(&guest->state, key) : NULL;

	if (item == NULL || item->value == NULL)
		return SYNCLINE_NOT_FOUND;
	ret_value->data = item->value;
	ret_value->length = item->length;
	return SYNCLINE_OK;
}

static uint32_t
set(const struct syncline_host *host, const char *key, const struct syncline_slice *value)
{
	struct guest *guest = host->host_data;
	struct guest_state *state = &guest->state;
	struct guest_state_item *item;
	size_t length = value != NULL ? value->length : 0, key_length = key != NULL ? strlen(key) : 0;
	uint8_t *data = NULL;

	if (key_length == 0 || key_length > SYNCLINE_NAME_MAX || !text_is_utf8(key, key_length) || length > CODEC_STATE_VALUE_MAX ||
	    (length > 0 && value->data == NULL))
		return SYNCLINE_INVALID;
	item = find(state, key);
	if (state->total - (item != NULL ? item->length : 0) + length > CODEC_STATE_MAX)
		return SYNCLINE_INVALID;
	if (value != NULL && (data = copy(value->data, length)) == NULL)
		return SYNCLINE_RETRY;
	if (item == NULL && (item = add(state, key)) == NULL) {
		free(data);
		return state->count >= CODEC_STATE_KEYS_MAX ? SYNCLINE_INVALID : SYNCLINE_RETRY;
	}
	state->total = state->total - item->length + length;
	if (item->changed) {
		free(item->value);
	} else {
		item->old = item->value;
		item->old_length = item->length;
		item->changed = true;
	}
	item->value = data;
	item->length = length;
	return SYNCLINE_OK;
}

const struct syncline_state_service_v1 guest_state_service = { .struct_size = sizeof guest_state_service, .get = get, .set = set };
