/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.c: sentences for people, JSON for programs.
 */
#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "os/os.h"

/* Bytes of the character at `text` that may reach a terminal; 0 when it may not, with its length in *ret_skip. */
static size_t
printable(const unsigned char *text, size_t *ret_skip)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;

	*ret_skip = 1;
	if (length == 1)
		return text[0] >= 0x20 && text[0] != 0x7F;
	for (size_t i = 1; i < length; i++)
		if (text[i] == '\0')
			return 0;
	if (!text_is_utf8(text, length))
		return 0;
	*ret_skip = length;
	/* U+0080 to U+009F are controls as well; U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069 turn the direction. */
	if ((text[0] == 0xC2 && text[1] < 0xA0) ||
	    (text[0] == 0xE2 && text[1] == 0x80 && (text[2] == 0x8E || text[2] == 0x8F || (text[2] >= 0xAA && text[2] <= 0xAE))) ||
	    (text[0] == 0xE2 && text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9))
		return 0;
	return length;
}

void
ctl_clean(char *text, bool one_line)
{
	char *to = text;

	while (*text != '\0') {
		size_t skip, length = printable((const unsigned char *)text, &skip);

		if (length > 0) {
			memmove(to, text, length);
			to += length;
		} else if (*text == '\n' && !one_line) {
			*to++ = '\n';
		} else {
			*to++ = *text == '\n' || *text == '\r' || *text == '\t' ? ' ' : '?';
		}
		text += skip;
	}
	*to = '\0';
}

static _Thread_local const struct ctl_sink *own_sink;

const struct ctl_sink *
ctl_print_to(const struct ctl_sink *sink)
{
	const struct ctl_sink *before = own_sink;

	own_sink = sink;
	return before;
}

bool
ctl_is_terminal(enum ctl_stream stream)
{
	return own_sink != NULL ? own_sink->terminal[stream] : isatty(stream == CTL_OUT ? STDOUT_FILENO : STDERR_FILENO) == 1;
}

size_t
ctl_columns(void)
{
	return own_sink != NULL ? own_sink->columns : os_columns(STDOUT_FILENO);
}

void
ctl_put(enum ctl_stream stream, const char *text, size_t length)
{
	if (own_sink != NULL) {
		own_sink->put(own_sink->data, stream, text, length);
		return;
	}
	if (stream == CTL_ERR)
		fflush(stdout); /* what was said before stands before, in one log as well */
	fwrite(text, 1, length, stream == CTL_OUT ? stdout : stderr);
}

/* `clean`: texts from outside may be among it. */
static void
put(enum ctl_stream stream, bool clean, const char *end, const char *format, va_list args)
{
	static const char none[] = "(a line could not be printed: out of memory)\n";
	size_t tail = strlen(end);
	va_list again;
	char *text;
	int length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length < 0 || (text = malloc((size_t)length + tail + 1)) == NULL) {
		ctl_put(stream, none, sizeof none - 1);
	} else {
		vsnprintf(text, (size_t)length + 1, format, again);
		if (clean)
			ctl_clean(text, false);
		strcat(text, end);
		ctl_put(stream, text, strlen(text));
		free(text);
	}
	va_end(again);
}

void
ctl_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(CTL_OUT, true, "", format, args);
	va_end(args);
}

void
ctl_format(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(CTL_OUT, false, "", format, args);
	va_end(args);
}

void
ctl_remark(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(CTL_ERR, true, "\n", format, args);
	va_end(args);
}

void
ctl_say(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	if (ctl->quiet || ctl->json)
		return;
	va_start(args, format);
	put(CTL_ERR, true, "\n", format, args);
	va_end(args);
}

bool
ctl_got_out(void)
{
	return own_sink != NULL || (fflush(stdout) == 0 && ferror(stdout) == 0);
}

enum ctl_exit
ctl_end(enum ctl_exit status)
{
	if (ctl_got_out())
		return status;
	ctl_remark("the result could not be written to standard output [%s]", error_name(ERROR_SYSTEM));
	ctl_remark("    next: Look whether the disk is full, or whether the program that reads it has ended.");
	return CTL_FAILED;
}

/* Each line of `text` behind an indent. */
static void
print_indented(const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		ctl_remark("    %.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

void
ctl_say_error(const struct ctl *ctl, const struct error *err)
{
	if (ctl->json) {
		struct buffer json;

		buffer_init(&json, 0);
		ctl_json_open(&json, NULL, '{');
		ctl_json_key(&json, "error");
		ctl_json_error(&json, err);
		ctl_json_close(&json, '}');
		ctl_json_print(&json, CTL_FAILED);
		return;
	}
	ctl_remark("%s%s%s [%s]", err->place, err->place[0] != '\0' ? ": " : "", err->message, error_name(err->code));
	print_indented(err->detail);
	if (err->hint[0] != '\0')
		ctl_remark("    next: %s", err->hint);
}

/* A comma, unless a bracket or a colon stands before. */
static void
separate(struct buffer *json)
{
	char last = json->length > 0 ? json->data[json->length - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		buffer_char(json, ',');
}

void
ctl_json_key(struct buffer *json, const char *name)
{
	separate(json);
	if (name == NULL)
		return;
	text_json_string(json, name, strlen(name));
	buffer_char(json, ':');
}

void
ctl_json_text(struct buffer *json, const char *name, const char *text)
{
	ctl_json_key(json, name);
	if (text != NULL)
		text_json_string(json, text, strlen(text));
	else
		buffer_text(json, "null");
}

void
ctl_json_number(struct buffer *json, const char *name, long long number)
{
	ctl_json_key(json, name);
	buffer_format(json, "%lld", number);
}

void
ctl_json_boolean(struct buffer *json, const char *name, bool value)
{
	ctl_json_key(json, name);
	buffer_text(json, value ? "true" : "false");
}

void
ctl_json_open(struct buffer *json, const char *name, char bracket)
{
	if (json->length > 0)
		ctl_json_key(json, name);
	buffer_char(json, bracket);
}

void
ctl_json_close(struct buffer *json, char bracket)
{
	buffer_char(json, bracket);
}

void
ctl_json_error(struct buffer *json, const struct error *err)
{
	buffer_char(json, '{');
	ctl_json_text(json, "code", error_name(err->code));
	ctl_json_text(json, "class", error_class_name(err->klass));
	ctl_json_text(json, "place", err->place);
	ctl_json_text(json, "message", err->message);
	ctl_json_text(json, "detail", err->detail);
	ctl_json_text(json, "hint", err->hint);
	buffer_char(json, '}');
}

/* Bytes that belong to no character become question marks. */
static void
drop_broken(struct buffer *json)
{
	for (size_t i = 0, skip; i < json->length; i += skip) {
		const unsigned char *at = (const unsigned char *)json->data + i;

		if (printable(at, &skip) == 0 && skip == 1 && *at >= 0x80)
			json->data[i] = '?';
	}
}

enum ctl_exit
ctl_json_print(struct buffer *json, enum ctl_exit status)
{
	const char *text = json->failed ? NULL : buffer_string(json);

	if (text == NULL) {
		ctl_remark("there was not enough memory to print the result [%s]", error_name(ERROR_MEMORY));
		status = CTL_FAILED;
	} else {
		/* A message that was cut at its maximum may end within a character: JSON is UTF-8 all the same. */
		if (!text_is_utf8(text, json->length))
			drop_broken(json);
		ctl_put(CTL_OUT, json->data, json->length); /* ctl_end() looks whether it got out */
		ctl_put(CTL_OUT, "\n", 1);
	}
	buffer_free(json);
	return status;
}
