/* SPDX-License-Identifier: BSD-2-Clause */
/* document.c: see document.h. */
#include "flow/document.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Streams `from` of the source into `to` of the target, counted and hashed on the way. */
static int
stream(char *chunk, struct connector_content *from, struct connector_content *to, struct syncline_content_info *info, struct error *err)
{
	crypto_hash_sha256_state hash;
	uint8_t sum[crypto_hash_sha256_BYTES];
	uint64_t length = 0;
	size_t got;

	crypto_hash_sha256_init(&hash);
	for (;;) {
		if (connector_content_read(from, chunk, CONNECTOR_CHUNK_MAX, &got, err) != 0)
			return -1;
		if (got == 0)
			break;
		crypto_hash_sha256_update(&hash, (const unsigned char *)chunk, got);
		length += got;
		if (connector_content_write(to, chunk, got, err) != 0)
			return -1;
	}
	crypto_hash_sha256_final(&hash, sum);
	if ((info->length != UINT64_MAX && info->length != length) || (info->has_hash && memcmp(info->sha256, sum, sizeof sum) != 0))
		return error_set(err, ERROR_DOCUMENT, "Read it again when it is no longer being written.", "a document changed while it was read");
	info->length = length;
	info->has_hash = 1;
	memcpy(info->sha256, sum, sizeof sum);
	return 0;
}

/* What the source says now against what it said when its record was read. */
static int
compare(const struct document *document, const struct syncline_content_info *info, struct error *err)
{
	if ((document->length != UINT64_MAX && info->length != UINT64_MAX && info->length != document->length) ||
	    (document->has_hash && info->has_hash && memcmp(info->sha256, document->sha256, sizeof info->sha256) != 0))
		return error_set(err, ERROR_DOCUMENT, "The next read of its record brings the present one.",
		                 "a document is not the one any more that its record named");
	return 0;
}

static int
carry(const struct document *document, char *chunk, struct connector_content *from, struct syncline_content_info *info, char *ret_reference,
      size_t *ret_length, struct error *err)
{
	struct connector_content *to = NULL;
	int result = compare(document, info, err);

	if (info->length == UINT64_MAX)
		info->length = document->length;
	if (!info->has_hash && document->has_hash) {
		info->has_hash = 1;
		memcpy(info->sha256, document->sha256, sizeof info->sha256);
	}
	if (result == 0)
		result = connector_content_create(document->to, document->to_object, info, &to, err);
	if (result == 0)
		result = stream(chunk, from, to, info, err);
	if (result == 0)
		return connector_content_finish(to, info, ret_reference, ret_length, err);
	if (to != NULL)
		connector_content_abort(to);
	return -1;
}

int
document_copy(const struct document *document, char *ret_reference, size_t *ret_length, uint64_t *ret_bytes, struct error *err)
{
	struct syncline_content_info info = { .struct_size = sizeof info, .length = UINT64_MAX };
	struct connector_content *from = NULL;
	char *chunk = malloc(CONNECTOR_CHUNK_MAX);
	int result;

	if (chunk == NULL)
		return error_memory(err);
	result = connector_content_open(document->from, document->from_object, &document->reference, &from, &info, err);
	if (result == 0) {
		result = carry(document, chunk, from, &info, ret_reference, ret_length, err);
		connector_content_close(from);
	}
	free(chunk);
	if (result == 0 && ret_bytes != NULL)
		*ret_bytes = info.length;
	return result;
}

bool
document_ends_all(const struct error *why)
{
	return why->klass == SYNCLINE_AUTH || why->klass == SYNCLINE_CONFIG || why->klass == SYNCLINE_CANCELLED ||
	       why->code == ERROR_HOST_START || why->code == ERROR_HOST_WAITING || why->code == ERROR_HOST_ASIDE;
}
