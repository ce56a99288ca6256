/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.c: the size rule and the texts of a failure.  Pure functions on memory that the caller owns.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <syncline/helper.h>

static uint32_t
size_of(const void *structure)
{
	uint32_t size;

	memcpy(&size, structure, sizeof size);
	return size;
}

void
syncline_copy(void *ret, size_t size, const void *from)
{
	uint32_t theirs = size_of(from), ours = (uint32_t)size;

	memset(ret, 0, size);
	memcpy(ret, from, theirs < size ? theirs : size);
	memcpy(ret, &ours, sizeof ours);
}

void
syncline_give(void *to, const void *from, size_t size)
{
	uint32_t theirs = size_of(to);
	size_t length = theirs < size ? theirs : size;

	if (length > sizeof theirs)
		memcpy((char *)to + sizeof theirs, (const char *)from + sizeof theirs, length - sizeof theirs);
}

const void *
syncline_at(const void *first, size_t index)
{
	return index == 0 ? first : (const char *)first + index * size_of(first);
}

/* Makes one line of UTF-8 of what printf left, which may have been cut inside a character. */
static void
clean_text(char *text)
{
	size_t i = 0, length = strlen(text);

	while (i < length) {
		size_t n = 1;

		while (n <= 4 && i + n <= length && !syncline_is_utf8(text + i, n))
			n++;
		if (n > 4 || i + n > length) {
			if (i + 4 > length && (unsigned char)text[i] >= 0xc2) { /* the rest of a character was cut off */
				text[i] = '\0';
				return;
			}
			text[i++] = '?';
			continue;
		}
		if (n == 1 && ((unsigned char)text[i] < 0x20 || text[i] == 0x7f))
			text[i] = ' ';
		i += n;
	}
}

/* Room that the caller's struct has for a text, by its own size. */
static size_t
room(const struct syncline_error *err, size_t offset, size_t size)
{
	if (err == NULL || err->struct_size <= offset)
		return 0;
	return err->struct_size - offset < size ? err->struct_size - offset : size;
}

static void
put(struct syncline_error *err, size_t offset, size_t size, const char *format, va_list args)
{
	size_t space = room(err, offset, size);
	char *to = (char *)err + offset;

	if (space == 0)
		return;
	if (vsnprintf(to, space, format, args) < 0) {
		/* No memory to put the sentence together: without its names it still says more than nothing. */
		size_t length = strlen(format) < space ? strlen(format) : space - 1;

		memcpy(to, format, length);
		to[length] = '\0';
	}
	clean_text(to);
}

#define PUT(err, member, format, args) put(err, offsetof(struct syncline_error, member), sizeof (err)->member, format, args)

static void
put_number(struct syncline_error *err, size_t offset, uint32_t number)
{
	if (room(err, offset, sizeof number) == sizeof number)
		memcpy((char *)err + offset, &number, sizeof number);
}

uint32_t
syncline_vfail(struct syncline_error *err, uint32_t error_class, const char *format, va_list args)
{
	if (err != NULL && err->struct_size > sizeof err->struct_size) {
		size_t size = err->struct_size < sizeof *err ? err->struct_size : sizeof *err;

		memset((char *)err + sizeof err->struct_size, 0, size - sizeof err->struct_size);
		PUT(err, message, format, args);
	}
	return error_class;
}

uint32_t
syncline_fail(struct syncline_error *err, uint32_t error_class, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	syncline_vfail(err, error_class, format, args);
	va_end(args);
	return error_class;
}

void
syncline_detail(struct syncline_error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return;
	va_start(args, format);
	PUT(err, detail, format, args);
	va_end(args);
}

void
syncline_hint(struct syncline_error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return;
	va_start(args, format);
	PUT(err, hint, format, args);
	va_end(args);
}

void
syncline_applied(struct syncline_error *err, uint32_t applied)
{
	put_number(err, offsetof(struct syncline_error, applied), applied);
}

void
syncline_retry_after(struct syncline_error *err, uint32_t milliseconds)
{
	put_number(err, offsetof(struct syncline_error, retry_after_ms), milliseconds);
}

void
syncline_remote_status(struct syncline_error *err, uint32_t status)
{
	put_number(err, offsetof(struct syncline_error, remote_status), status);
}

uint32_t
syncline_class_of_errno(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR:
		return SYNCLINE_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
	case EISDIR:
		return SYNCLINE_CONFIG;
	case EEXIST:
		return SYNCLINE_CONFLICT;
	case ENAMETOOLONG:
	case EFBIG:
	case EILSEQ:
		return SYNCLINE_INVALID;
	case EINVAL:
	case EBADF:
	case EFAULT:
		return SYNCLINE_INTERNAL;
	default:
		return SYNCLINE_RETRY;
	}
}

uint32_t
syncline_fail_errno(struct syncline_error *err, int number, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	syncline_vfail(err, SYNCLINE_OK, format, args);
	va_end(args);
	if (strerror_r(number, text, sizeof text) == 0)
		syncline_detail(err, "%s", text);
	else
		syncline_detail(err, "error %d", number);
	if (number == ENOSPC || number == EDQUOT)
		syncline_hint(err, "Make room on this file system; it is tried again by itself.");
	else if (number == EACCES || number == EPERM)
		syncline_hint(err, "Give the agent's user the right to it.");
	else if (number == EROFS)
		syncline_hint(err, "The file system is read-only: mount it writable, or name another folder.");
	return syncline_class_of_errno(number);
}

uint32_t
syncline_fail_memory(struct syncline_error *err)
{
	syncline_fail(err, SYNCLINE_RETRY, "There is no memory left.");
	syncline_hint(err, "Give the process more memory, or let fewer run at the same time.");
	return SYNCLINE_RETRY;
}

uint32_t
syncline_fail_cancelled(struct syncline_error *err)
{
	return syncline_fail(err, SYNCLINE_CANCELLED, "The call was cancelled or its time was over.");
}
