/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode.c: the file's encoding to UTF-8 and back.  UTF-8 passes as it is; an encoding of one byte a character becomes a table
 * that iconv fills once; all others go through iconv.
 */
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "csv.h"

#define UNREADABLE '\xff'

struct csv_codec {
	iconv_t cd;
	bool open, utf8, table;
	size_t unit; /* bytes to skip behind what can't be read */
	unsigned char length[256];
	char text[256][4];
};

bool
csv_codec_is_utf8(const struct csv_codec *codec)
{
	return codec->utf8;
}

/* A table when every byte is one character or none, whatever stands before it. */
static void
try_table(struct csv_codec *c)
{
	for (unsigned i = 0; i < 256; i++) {
		char in = (char)i, out[8], *from = &in, *to = out;
		size_t in_left = 1, out_left = sizeof out;

		iconv(c->cd, NULL, NULL, NULL, NULL);
		if (iconv(c->cd, &from, &in_left, &to, &out_left) == (size_t)-1) {
			if (errno != EILSEQ)
				return;
			c->length[i] = 1;
			c->text[i][0] = UNREADABLE;
			continue;
		}
		c->length[i] = (unsigned char)(to - out);
		if (in_left != 0 || c->length[i] == 0 || c->length[i] > 4 || (i < 0x80 && c->length[i] != 1))
			return;
		memcpy(c->text[i], out, c->length[i]);
	}
	c->table = true;
}

uint32_t
csv_codec_new(const char *encoding, bool encode, struct csv_codec **ret_codec, struct syncline_error *err)
{
	struct csv_codec *c = calloc(1, sizeof *c);
	uint32_t result;

	if (c == NULL)
		return syncline_fail_memory(err);
	c->utf8 = strcasecmp(encoding, "UTF-8") == 0 || strcasecmp(encoding, "UTF8") == 0;
	c->unit = strncasecmp(encoding, "UTF-16", 6) == 0 || strncasecmp(encoding, "UCS-2", 5) == 0 ? 2
	        : strncasecmp(encoding, "UTF-32", 6) == 0 || strncasecmp(encoding, "UCS-4", 5) == 0 ? 4 : 1;
	if (c->utf8) {
		*ret_codec = c;
		return SYNCLINE_OK;
	}
	/* Written without a mark of iconv's own: csv_codec_bom writes it, once a file. */
	if (encode && (strcasecmp(encoding, "UTF-16") == 0 || strcasecmp(encoding, "UTF-32") == 0))
		encoding = c->unit == 2 ? "UTF-16LE" : "UTF-32LE";
	/* "//TRANSLIT" and "//IGNORE" would change values in silence. */
	c->cd = strchr(encoding, '/') != NULL || encoding[0] == '\0' ? (iconv_t)-1
	      : encode ? iconv_open(encoding, "UTF-8") : iconv_open("UTF-8", encoding);
	if (c->cd == (iconv_t)-1) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The encoding \"%s\" is not known here.", encoding);
		syncline_hint(err, "Use a name that iconv -l lists, such as UTF-8, CP1252, ISO-8859-15 or UTF-16.");
		free(c);
		return result;
	}
	c->open = true;
	if (!encode && c->unit == 1)
		try_table(c);
	csv_codec_reset(c);
	*ret_codec = c;
	return SYNCLINE_OK;
}

void
csv_codec_free(struct csv_codec *c)
{
	if (c == NULL)
		return;
	if (c->open)
		iconv_close(c->cd);
	free(c);
}

void
csv_codec_reset(struct csv_codec *c)
{
	if (c->open)
		iconv(c->cd, NULL, NULL, NULL, NULL);
}

static void
by_table(const struct csv_codec *c, const char **in, size_t *in_left, char **out, size_t *out_left)
{
	const unsigned char *from = (const unsigned char *)*in, *end = from + *in_left;
	char *to = *out, *limit = to + *out_left;

	while (from < end && limit - to >= 4) {
		unsigned n = c->length[*from];

		memcpy(to, c->text[*from], 4);
		to += n;
		from++;
	}
	*in_left = (size_t)(end - from);
	*in = (const char *)from;
	*out_left = (size_t)(limit - to);
	*out = to;
}

void
csv_decode(struct csv_codec *c, const char **in, size_t *in_left, char **out, size_t *out_left, bool last)
{
	if (c->utf8) {
		size_t n = *in_left < *out_left ? *in_left : *out_left;

		memcpy(*out, *in, n);
		*in += n;
		*in_left -= n;
		*out += n;
		*out_left -= n;
		return;
	}
	if (c->table) {
		by_table(c, in, in_left, out, out_left);
		return;
	}
	while (*in_left > 0 && *out_left >= 8) {
		char *from = (char *)(uintptr_t)*in; /* iconv does not write there */
		size_t result = iconv(c->cd, &from, in_left, out, out_left), skip;

		*in = from;
		if (result != (size_t)-1 || errno == E2BIG)
			return;
		if (errno == EINVAL && !last)
			return;
		skip = errno == EINVAL || c->unit > *in_left ? *in_left : c->unit;
		*in += skip;
		*in_left -= skip;
		*(*out)++ = UNREADABLE;
		--*out_left;
	}
}

int
csv_encode(struct csv_codec *c, const char *text, size_t length, struct syncline_buffer *out, size_t *ret_at)
{
	char *from = (char *)(uintptr_t)text; /* iconv does not write there */
	size_t left = length;

	*ret_at = length;
	if (c->utf8)
		return syncline_buffer_append(out, text, length);
	while (left > 0) {
		char *to;
		size_t room, result;

		if (syncline_buffer_reserve(out, left * 4 + 16) != 0)
			return -1;
		to = out->data + out->length;
		room = out->capacity - out->length;
		result = iconv(c->cd, &from, &left, &to, &room);
		/* More than 0 means that some characters were written as others. */
		if (result != 0 && !(result == (size_t)-1 && errno == E2BIG)) {
			*ret_at = length - left < length ? length - left : 0;
			csv_codec_reset(c);
			return -1;
		}
		out->length = (size_t)(to - out->data);
	}
	return 0;
}

int
csv_codec_bom(struct csv_codec *c, struct syncline_buffer *out)
{
	size_t at;

	return csv_encode(c, "\xef\xbb\xbf", 3, out, &at);
}
