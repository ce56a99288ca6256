/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links_lines.c: see links.h: the lines of a CSV file that a person made, in a spreadsheet or by hand.
 *
 * A quote opens a cell only as its first character; elsewhere it is a character like others.  What isn't right in a line is a fault of
 * that line alone: reading goes on with the one behind it, so that a forgotten quote swallows nothing.
 */
#include <errno.h>
#include <inttypes.h>

#include "ctl/links.h"

#define LINE_MAX_BYTES (256u * 1024u)

void
links_lines_init(struct links_lines *l, FILE *file)
{
	*l = (struct links_lines){ .file = file, .next = 1 };
	buffer_init(&l->text, 0);
	buffer_init(&l->raw, 0);
	buffer_init(&l->again, 0);
}

void
links_lines_free(struct links_lines *l)
{
	buffer_free(&l->text);
	buffer_free(&l->raw);
	buffer_free(&l->again);
}

static int
get(struct links_lines *l)
{
	int c;

	l->from_file = l->at >= l->again.length;
	c = l->from_file ? fgetc(l->file) : (unsigned char)l->again.data[l->at++];
	if (c != EOF)
		buffer_char(&l->raw, (char)c);
	return c;
}

/* The character that was got last is got again. */
static void
unget(struct links_lines *l, int c)
{
	if (c == EOF)
		return;
	l->raw.length--;
	if (l->from_file)
		ungetc(c, l->file);
	else
		l->at--;
}

/* What was taken behind the first line of `raw` is read again as lines of their own. */
static int
give_up(struct links_lines *l)
{
	struct buffer rest;
	size_t end = 0;
	int c;

	while (end < l->raw.length && l->raw.data[end] != '\n')
		end++;
	if (end == l->raw.length) {
		while ((c = get(l)) != EOF && c != '\n')
			buffer_clear(&l->raw);
		return 0;
	}
	buffer_init(&rest, 0);
	buffer_append(&rest, l->raw.data + end + 1, l->raw.length - end - 1);
	buffer_append(&rest, l->again.data != NULL ? l->again.data + l->at : "", l->again.length - l->at);
	buffer_free(&l->again);
	l->again = rest;
	l->at = 0;
	return rest.failed ? -1 : 0;
}

/* Up to the end of a line outside quotes; where the cells end in `ends`.  NULL, or what is wrong. */
static const char *
take(struct links_lines *l, char separator, size_t *ends, uint32_t max, uint32_t *ret_count, bool *ret_end)
{
	bool quoted = false, closed = false, first = true;
	uint32_t count = 0;
	int c;

	*ret_end = false;
	while ((c = get(l)) != EOF) {
		if (l->raw.length > LINE_MAX_BYTES)
			return quoted ? "a quote is opened and not closed: close it behind the cell's text" : "the line is too long: it has to be a CSV file";
		if (c == '"' && quoted && (c = get(l)) != '"') {
			quoted = false;
			closed = true;
			unget(l, c);
		} else if (quoted) {
			buffer_char(&l->text, (char)c);
		} else if (c == '"' && first) {
			quoted = true;
			first = false;
		} else if (c == separator || c == '\n') {
			if (count < max)
				ends[count] = l->text.length;
			count++;
			buffer_char(&l->text, '\0');
			*ret_count = count;
			if (c == '\n')
				return NULL;
			first = true;
			closed = false;
		} else if (c == '\r' && (c = get(l)) == '\n') {
			unget(l, c);
		} else if (c == '\r') {
			return "a line ends with a carriage return alone: save the file with other line ends";
		} else if (closed) {
			return "text stands behind a closing quote: write a quote inside a quoted cell twice";
		} else {
			first = false;
			buffer_char(&l->text, (char)c);
		}
	}
	if (quoted)
		return "a quote is opened and not closed before the end of the file: close it behind the cell's text";
	*ret_end = l->raw.length == 0;
	if (count < max)
		ends[count] = l->text.length;
	*ret_count = count + 1;
	buffer_char(&l->text, '\0');
	return NULL;
}

int
links_lines_next(struct links_lines *l, char separator, char **cells, uint32_t max, uint32_t *ret_count, const char **ret_fault, struct error *err)
{
	size_t ends[LINKS_CELLS_MAX];
	bool end = false;

	buffer_clear(&l->text);
	buffer_clear(&l->raw);
	l->line = l->next;
	*ret_count = 0;
	*ret_fault = take(l, separator, ends, max < LINKS_CELLS_MAX ? max : LINKS_CELLS_MAX, ret_count, &end);
	if (ferror(l->file)) {
		(void)error_system(err, ERROR_USAGE, errno, "the file can't be read");
		error_hint(err, "Name a CSV file, or - for standard input.");
		return -1;
	}
	if (*ret_fault != NULL) {
		l->next++;
		return give_up(l) == 0 ? 1 : error_memory(err);
	}
	for (size_t i = 0; i < l->raw.length; i++)
		l->next += l->raw.data[i] == '\n';
	if (l->text.failed || l->raw.failed)
		return error_memory(err);
	if (end)
		return 0;
	for (uint32_t i = 0; i < *ret_count && i < max && i < LINKS_CELLS_MAX; i++)
		cells[i] = l->text.data + (i > 0 ? ends[i - 1] + 1 : 0);
	return 1;
}
