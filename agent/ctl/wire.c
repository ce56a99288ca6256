/* SPDX-License-Identifier: BSD-2-Clause */
/* wire.c: see wire.h. */
#include "ctl/wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

#define COLUMNS_MAX 10000

void
wire_put(struct buffer *out, char kind, const void *data, size_t length)
{
	unsigned char head[WIRE_HEAD] = { (unsigned char)kind, (unsigned char)(length >> 24), (unsigned char)(length >> 16), (unsigned char)(length >> 8),
		(unsigned char)length };

	buffer_append(out, head, sizeof head);
	if (length > 0)
		buffer_append(out, data, length);
}

int
wire_next(const void *in, size_t length, uint32_t max, char *ret_kind, const char **ret_data, size_t *ret_length)
{
	const unsigned char *head = in;
	uint32_t size;

	if (length < WIRE_HEAD)
		return 0;
	size = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
	if (size > max)
		return -1;
	if (length - WIRE_HEAD < size)
		return 0;
	*ret_kind = (char)head[0];
	*ret_data = (const char *)in + WIRE_HEAD;
	*ret_length = size;
	return 1;
}

static void
put_field(struct buffer *fields, const char *text)
{
	buffer_append(fields, text, strlen(text) + 1);
}

void
wire_put_request(struct buffer *out, const struct wire_request *request)
{
	struct buffer fields;
	char terminals[32];
	size_t used = 0;

	for (int stream = 1; stream <= 2; stream++)
		if (request->terminal[stream])
			terminals[used++] = (char)('0' + stream);
	terminals[used] = '\0';
	if (request->terminal[1] && request->columns > 0)
		snprintf(terminals + used, sizeof terminals - used, ":%zu", request->columns);
	buffer_init(&fields, 0);
	put_field(&fields, WIRE_GREETING);
	put_field(&fields, request->directory);
	put_field(&fields, terminals);
	for (int i = 0; i < WIRE_FOLDERS; i++)
		put_field(&fields, request->folders[i]);
	for (int i = 0; i < request->word_count; i++)
		put_field(&fields, request->words[i]);
	out->failed |= fields.failed;
	if (!fields.failed)
		wire_put(out, 'Q', fields.data, fields.length);
	buffer_free(&fields);
}

/* The next field, or NULL when there is none that ends. */
static const char *
take_field(const char **at, const char *end)
{
	const char *field = *at, *zero = field < end ? memchr(field, '\0', (size_t)(end - field)) : NULL;

	if (zero == NULL)
		return NULL;
	*at = zero + 1;
	return field;
}

bool
wire_request(const char *data, size_t length, struct wire_request *ret_request)
{
	const char *at = data, *end = data + length, *greeting = take_field(&at, end), *terminals, *word;
	struct wire_request request = { .word_count = 0 };
	size_t streams;
	int64_t columns;

	if (greeting == NULL || strcmp(greeting, WIRE_GREETING) != 0 || (request.directory = take_field(&at, end)) == NULL ||
	    (terminals = take_field(&at, end)) == NULL)
		return false;
	for (int i = 0; i < WIRE_FOLDERS; i++)
		if ((request.folders[i] = take_field(&at, end)) == NULL)
			return false;
	streams = strcspn(terminals, ":");
	request.terminal[1] = memchr(terminals, '1', streams) != NULL;
	request.terminal[2] = memchr(terminals, '2', streams) != NULL;
	if (terminals[streams] == ':' && text_to_integer(terminals + streams + 1, strlen(terminals + streams + 1), &columns) && columns > 0 && columns <= COLUMNS_MAX)
		request.columns = (size_t)columns;
	while (request.word_count < (int)WIRE_WORDS_MAX && (word = take_field(&at, end)) != NULL)
		request.words[request.word_count++] = word;
	if (at != end)
		return false;
	*ret_request = request;
	return true;
}

int
wire_path(const char *state_dir, struct sockaddr_un *ret_address, struct error *err)
{
	bool installed = strcmp(state_dir, SYNCLINE_STATE_DIR) == 0;
	int length;

	memset(ret_address, 0, sizeof *ret_address);
	ret_address->sun_family = AF_UNIX;
	length = snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "%s/control", installed ? SYNCLINE_RUN_DIR : state_dir);
	if (length < 0 || (size_t)length >= sizeof ret_address->sun_path)
		return error_set(err, ERROR_CONTROL_SOCKET, "Name a state directory with a shorter path.",
		                 "the path of the control socket in %s has more than %zu bytes, and no system takes so many", state_dir,
		                 sizeof ret_address->sun_path - 1);
	return 0;
}
