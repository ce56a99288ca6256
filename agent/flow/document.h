/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document.h: one document from a connector to another: streamed in chunks, counted and hashed on the way, so that memory does
 * not grow with it and neither end is believed alone.  The thread that owns both connectors.
 */
#ifndef FLOW_DOCUMENT_H
#define FLOW_DOCUMENT_H

#include "host/connector.h"

struct document {
	struct connector *from, *to;
	const struct syncline_object *from_object, *to_object;
	struct syncline_slice reference; /* at the source */
	/* What is known of it already, beside what the source says when it is opened; length UINT64_MAX, has_hash 0: nothing. */
	uint64_t length;
	uint32_t has_hash;
	uint8_t sha256[32];
};
/*
 * ret_reference (SYNCLINE_CONTENT_REF_MAX bytes): what a record of the target names it by.  ret_bytes may be NULL.
 * ERROR_DOCUMENT: what arrived is not what was announced.
 */
int document_copy(const struct document *document, char *ret_reference, size_t *ret_length, uint64_t *ret_bytes, struct error *err);
/*
 * Does the next document stand a chance after this?  What is wrong with one document is its record's matter; a connector that
 * does not come up again says nothing of the documents behind it.
 */
bool document_ends_all(const struct error *why);

#endif
