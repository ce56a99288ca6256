/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c: one file as rows with their line numbers, through one buffer whose size doesn't depend on the file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

#define BUFFER ((size_t)256 * 1024)
#define RAW ((size_t)64 * 1024)

struct csv_stream {
	struct csv_format format;
	char *name;
	int fd;
	struct stat opened;
	struct csv_codec *codec;
	size_t row_max;
	char *raw; /* not yet decoded */
	size_t raw_begin, raw_end;
	char *buffer;
	size_t capacity, begin, end; /* capacity without padding */
	bool raw_eof, eof;
	bool discarding; /* up to the next line end */
	uint64_t offset, line; /* of buffer[begin] */
	uint32_t expected;
	unsigned calls;
	struct csv_field *fields;
	uint32_t room;
};

static uint32_t
read_some(struct csv_stream *s, char *to, size_t room, size_t *ret_got, struct syncline_error *err)
{
	ssize_t n;

	do
		n = read(s->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return syncline_fail_errno(err, errno, "Reading the file %s failed.", s->name);
	*ret_got = (size_t)n;
	return SYNCLINE_OK;
}

/* More bytes behind s->end; there is room for them.  At the end of the file sets eof. */
static uint32_t
decode_some(struct csv_stream *s, struct syncline_error *err)
{
	size_t got, in_left, out_left = s->capacity - s->end;
	char *out = s->buffer + s->end;
	const char *in;
	uint32_t result;

	if (csv_codec_is_utf8(s->codec)) {
		if ((result = read_some(s, out, out_left, &got, err)) != SYNCLINE_OK)
			return result;
		s->end += got;
		s->eof = got == 0;
		return SYNCLINE_OK;
	}
	if (!s->raw_eof && s->raw_end - s->raw_begin < RAW / 2) {
		memmove(s->raw, s->raw + s->raw_begin, s->raw_end - s->raw_begin);
		s->raw_end -= s->raw_begin;
		s->raw_begin = 0;
		if ((result = read_some(s, s->raw + s->raw_end, RAW - s->raw_end, &got, err)) != SYNCLINE_OK)
			return result;
		s->raw_end += got;
		s->raw_eof = got == 0;
	}
	in = s->raw + s->raw_begin;
	in_left = s->raw_end - s->raw_begin;
	csv_decode(s->codec, &in, &in_left, &out, &out_left, s->raw_eof);
	s->raw_begin = s->raw_end - in_left;
	s->end = (size_t)(out - s->buffer);
	s->eof = s->raw_eof && in_left == 0;
	return SYNCLINE_OK;
}

static uint32_t
fill(struct csv_stream *s, struct syncline_error *err)
{
	if (s->begin > 0) {
		memmove(s->buffer, s->buffer + s->begin, s->end - s->begin);
		s->end -= s->begin;
		s->begin = 0;
	}
	if (s->capacity - s->end < RAW) {
		size_t capacity = s->capacity * 2;
		char *buffer = realloc(s->buffer, capacity + CSV_PADDING);

		if (buffer == NULL)
			return syncline_fail_memory(err);
		memset(buffer + s->end, 0, capacity + CSV_PADDING - s->end);
		s->buffer = buffer;
		s->capacity = capacity;
	}
	return decode_some(s, err);
}

/* A byte-order mark says what the file is; settings that contradict it would garble every value. */
static uint32_t
check_mark(struct csv_stream *s, const char *encoding, struct syncline_error *err)
{
	unsigned char mark[4] = { 0 };
	ssize_t n = pread(s->fd, mark, sizeof mark, 0);
	const char *is = NULL;
	uint32_t result;

	if (n < 2)
		return SYNCLINE_OK;
	if ((mark[0] == 0xff && mark[1] == 0xfe) || (mark[0] == 0xfe && mark[1] == 0xff))
		is = strncasecmp(encoding, "UTF-16", 6) == 0 || strncasecmp(encoding, "UTF-32", 6) == 0 || strncasecmp(encoding, "UCS-", 4) == 0
		             ? NULL : "UTF-16";
	else if (n >= 3 && mark[0] == 0xef && mark[1] == 0xbb && mark[2] == 0xbf && !csv_codec_is_utf8(s->codec))
		is = "UTF-8";
	if (is == NULL)
		return SYNCLINE_OK;
	result = syncline_fail(err, SYNCLINE_CONFIG, "The file %s begins with the byte-order mark of %s, but encoding is \"%s\".", s->name, is, encoding);
	syncline_hint(err, "Set encoding = \"%s\".", is);
	return result;
}

static void
advance(struct csv_stream *s, size_t bytes, uint32_t lines)
{
	s->begin += bytes;
	s->offset += bytes;
	s->line += lines;
}

/* Drops bytes up to and with the next line end.  *ret_done: it was found, or the file ended. */
static uint32_t
discard_line(struct csv_stream *s, struct syncline_error *err)
{
	for (;;) {
		char *at = s->buffer + s->begin, *line = memchr(at, s->format.newline, s->end - s->begin);
		uint32_t result;

		if (line != NULL) {
			advance(s, (size_t)(line - at) + 1, 1);
			return SYNCLINE_OK;
		}
		advance(s, s->end - s->begin, 0);
		if (s->eof)
			return SYNCLINE_OK;
		if ((result = fill(s, err)) != SYNCLINE_OK)
			return result;
	}
}

static uint32_t
begin(struct csv_stream *s, const struct csv_object *o, struct syncline_error *err)
{
	uint32_t result;

	while (!s->eof && s->end < RAW)
		if ((result = fill(s, err)) != SYNCLINE_OK)
			return result;
	if (s->end >= 3 && memcmp(s->buffer, "\xef\xbb\xbf", 3) == 0)
		advance(s, 3, 0);
	s->format.newline = csv_guess_newline(&s->format, s->buffer + s->begin, s->end - s->begin);
	for (uint64_t i = 0; i < o->skip_lines && (s->begin < s->end || !s->eof); i++)
		if ((result = discard_line(s, err)) != SYNCLINE_OK)
			return result;
	return SYNCLINE_OK;
}

uint32_t
csv_stream_open(const struct csv_object *o, int folder, const char *name, struct csv_stream **ret_stream, struct syncline_error *err)
{
	struct csv_stream *s = calloc(1, sizeof *s);
	uint32_t result;

	if (s == NULL)
		return syncline_fail_memory(err);
	s->format = o->format;
	s->row_max = o->row_max;
	s->line = 1;
	s->room = 64;
	s->capacity = BUFFER;
	s->name = strdup(name);
	s->buffer = calloc(1, BUFFER + CSV_PADDING);
	s->fields = calloc(s->room, sizeof *s->fields);
	s->raw = malloc(RAW);
	s->fd = -1;
	if (s->name == NULL || s->buffer == NULL || s->fields == NULL || s->raw == NULL) {
		result = syncline_fail_memory(err);
	} else if ((s->fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0 || fstat(s->fd, &s->opened) != 0) {
		result = syncline_fail_errno(err, errno, "The file %s can't be opened.", name);
	} else if (!S_ISREG(s->opened.st_mode)) {
		result = syncline_fail(err, SYNCLINE_INVALID, "%s is not a file.", name);
	} else if ((result = csv_codec_new(o->encoding, false, &s->codec, err)) == SYNCLINE_OK &&
	           (result = check_mark(s, o->encoding, err)) == SYNCLINE_OK) {
		result = begin(s, o, err);
	}
	if (result != SYNCLINE_OK)
		csv_stream_close(s);
	else
		*ret_stream = s;
	return result;
}

void
csv_stream_close(struct csv_stream *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	csv_codec_free(s->codec);
	free(s->fields);
	free(s->buffer);
	free(s->raw);
	free(s->name);
	free(s);
}

void
csv_stream_expect(struct csv_stream *s, uint32_t columns)
{
	s->expected = columns;
}

/* More columns than there was room for: room for them, up to what a batch takes. */
static uint32_t
make_room(struct csv_stream *s, uint32_t count, struct syncline_error *err)
{
	uint32_t room = count < SYNCLINE_FIELDS_MAX + 1 ? count : SYNCLINE_FIELDS_MAX + 1;
	struct csv_field *fields = realloc(s->fields, room * sizeof *fields);

	if (fields == NULL)
		return syncline_fail_memory(err);
	s->fields = fields;
	s->room = room;
	return SYNCLINE_OK;
}

/* Moves behind a row, or behind its first line when the row has a fault. */
static void
take(struct csv_stream *s, struct csv_row *row, struct csv_stream_row *ret_row)
{
	if (row->fault == CSV_FAULT_NONE && row->bytes > s->row_max)
		row->fault = CSV_FAULT_TOO_LONG;
	else if (row->fault == CSV_FAULT_NONE && s->expected != 0 && row->count != s->expected && row->lines > 1) {
		row->bytes = row->first_line;
		row->lines = 1;
	}
	ret_row->row = *row;
	ret_row->text = s->buffer + s->begin;
	ret_row->line = s->line;
	s->discarding = row->fault != CSV_FAULT_NONE && row->first_line == 0;
	advance(s, row->bytes, s->discarding ? 0 : row->lines);
	if (row->fault == CSV_FAULT_NONE)
		for (uint32_t i = 0; i < row->count && i < s->room; i++)
			if (s->fields[i].flags & CSV_ESCAPED)
				csv_unescape(&s->format, &s->fields[i]);
}

uint32_t
csv_stream_next(struct csv_stream *s, const struct syncline_call *call, struct csv_stream_row *ret_row, bool *ret_end, struct syncline_error *err)
{
	uint32_t result;

	if ((++s->calls & 1023) == 0 && syncline_cancelled(call))
		return syncline_fail_cancelled(err);
	if (s->discarding) {
		s->discarding = false;
		if ((result = discard_line(s, err)) != SYNCLINE_OK)
			return result;
	}
	for (;;) {
		struct csv_row row = { .fields = s->fields, .room = s->room };
		size_t left = s->end - s->begin;
		enum csv_tail tail = s->eof ? CSV_TAIL_END : left >= s->row_max ? CSV_TAIL_LIMIT : CSV_TAIL_GROWS;
		enum csv_scanned scanned = csv_scan(&s->format, s->buffer + s->begin, left, tail, &row);

		switch (scanned) {
		case CSV_SCAN_SKIP:
			advance(s, row.bytes, 1);
			continue;
		case CSV_SCAN_NOTHING:
			if (s->eof) {
				*ret_end = true;
				return SYNCLINE_OK;
			}
			/* FALLTHROUGH */
		case CSV_SCAN_MORE:
			if ((result = fill(s, err)) != SYNCLINE_OK)
				return result;
			continue;
		case CSV_SCAN_ROW:
			break;
		}
		if (row.fault == CSV_FAULT_NONE && row.count > s->room && s->room < SYNCLINE_FIELDS_MAX + 1) {
			if ((result = make_room(s, row.count, err)) != SYNCLINE_OK)
				return result;
			continue;
		}
		take(s, &row, ret_row);
		*ret_end = false;
		return SYNCLINE_OK;
	}
}

void
csv_stream_tell(struct csv_stream *s, uint64_t *ret_offset, uint64_t *ret_line)
{
	/* A place is never inside a line; an error here comes again with the next row. */
	if (s->discarding && discard_line(s, NULL) == SYNCLINE_OK)
		s->discarding = false;
	*ret_offset = s->offset;
	*ret_line = s->line;
}

uint32_t
csv_stream_seek(struct csv_stream *s, const struct syncline_call *call, uint64_t offset, uint64_t line, struct syncline_error *err)
{
	uint32_t result;

	if (offset < s->offset || (csv_codec_is_utf8(s->codec) && offset > (uint64_t)s->opened.st_size))
		return syncline_fail(err, SYNCLINE_INVALID, "The position is not in the file %s.", s->name);
	if (csv_codec_is_utf8(s->codec)) {
		if (lseek(s->fd, (off_t)offset, SEEK_SET) < 0)
			return syncline_fail_errno(err, errno, "Reading the file %s failed.", s->name);
		s->begin = s->end = 0;
		s->eof = false;
		s->offset = offset;
	}
	while (s->offset < offset) {
		size_t left = s->end - s->begin;

		if (left == 0) {
			if (s->eof)
				return syncline_fail(err, SYNCLINE_INVALID, "The position is not in the file %s.", s->name);
			if (syncline_cancelled(call))
				return syncline_fail_cancelled(err);
			if ((result = fill(s, err)) != SYNCLINE_OK)
				return result;
			continue;
		}
		advance(s, left < offset - s->offset ? left : (size_t)(offset - s->offset), 0);
	}
	s->line = line;
	return SYNCLINE_OK;
}

uint64_t
csv_stream_size(const struct csv_stream *s)
{
	return (uint64_t)s->opened.st_size;
}

const char *
csv_stream_name(const struct csv_stream *s)
{
	return s->name;
}

uint32_t
csv_stream_unchanged(const struct csv_stream *s, struct syncline_error *err)
{
	struct stat now;
	uint32_t result;

	if (fstat(s->fd, &now) != 0)
		return syncline_fail_errno(err, errno, "Reading the file %s failed.", s->name);
	if (now.st_size == s->opened.st_size && now.st_mtim.tv_sec == s->opened.st_mtim.tv_sec && now.st_mtim.tv_nsec == s->opened.st_mtim.tv_nsec)
		return SYNCLINE_OK;
	result = syncline_fail(err, SYNCLINE_RETRY, "The file %s changed while it was read.", s->name);
	syncline_hint(err, "It was not complete: have it written under another name and renamed, or set complete = \"marker\" or a longer stable_for.");
	return result;
}
