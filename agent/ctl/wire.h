/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h: what a command line and the agent say to each other over the control socket.  A message is a letter for its kind, its
 * length in four bytes (big-endian), and so many bytes.  Either side takes the other for hostile.
 *
 *     Q  request, the first message: fields that each end with a zero byte: "syncline-control/2", the folder that file names are
 *        relative to, the streams that are terminals ("", "1", "2" or "12"; behind a colon, how many characters a line of the
 *        first has, where it says: "12:80"), the folder of the configuration that was named or "", and the words of the command line
 *        behind the program's name
 *     S  stop: end between two steps
 *     O  E  what is printed to standard output, or standard error
 *     X  the exit status, one byte; the last message
 *     G  gone on, without content: the agent is there and works (now and then, when nothing else was said)
 */
#ifndef CTL_WIRE_H
#define CTL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/memory.h"

#define WIRE_GREETING "syncline-control/2"
#define WIRE_REQUEST_MAX (UINT32_C(1) << 18)
#define WIRE_CHUNK_MAX (UINT32_C(1) << 16)
#define WIRE_WORDS_MAX 64u
#define WIRE_HEAD 5u

/* Appends a message. */
void wire_put(struct buffer *out, char kind, const void *data, size_t length);
/*
 * The first message of `in`: 1 with its kind and place, 0 when it is not whole yet, -1 when it can't become one (larger than `max`).
 * It takes WIRE_HEAD + *ret_length bytes.
 */
int wire_next(const void *in, size_t length, uint32_t max, char *ret_kind, const char **ret_data, size_t *ret_length);

/* Folders that a caller may have named, which the agent has of its own. */
enum wire_folder { WIRE_CONFIG, WIRE_SITE, WIRE_CONNECTORS, WIRE_FOLDERS };
struct wire_request {
	const char *directory;
	bool terminal[3]; /* by stream */
	size_t columns;   /* of standard output; 0: it does not say */
	const char *folders[WIRE_FOLDERS]; /* never NULL; "": none was named */
	const char *words[WIRE_WORDS_MAX + 1];
	int word_count;
};
void wire_put_request(struct buffer *out, const struct wire_request *request);
/* Texts lie in `data`; they have to live as long as the request.  What it says is not checked, but that it is a request. */
bool wire_request(const char *data, size_t length, struct wire_request *ret_request);

/* Where the control socket of a state directory is: within it, or for the installed one where operators may look. */
int wire_path(const char *state_dir, struct sockaddr_un *ret_address, struct error *err);

#endif
