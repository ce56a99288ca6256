/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h: rows out of bytes.  A pure scanner over UTF-8 in memory: it reads no file, allocates nothing and knows no types.
 *
 * A row that breaks the rules of quoting is given up after its first physical line, so that one forgotten quote costs one line
 * and not the rest of the file.
 */
#ifndef CSV_PARSE_H
#define CSV_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes behind the data that may be read (not used): the scanner looks at eight at a time. */
#define CSV_PADDING 8u

struct csv_format {
	char delimiter;
	char quote;   /* 0: quotes mean nothing */
	char escape;  /* 0: a quote is doubled; '\\': it is preceded by a backslash */
	char newline; /* '\n' (a CR before it belongs to it), or '\r' in files that know no other */
	bool trim;    /* blanks and tabs around a value that is not quoted are dropped */
	const char *comment; /* a row that begins so is skipped; "" or NULL: none */
};

#define CSV_QUOTED 0x01u
#define CSV_ESCAPED 0x02u /* csv_unescape has work to do */
struct csv_field {
	char *data;
	uint32_t length;
	uint32_t flags;
};

enum csv_fault {
	CSV_FAULT_NONE,
	CSV_FAULT_UNTERMINATED, /* a quote that nothing closes */
	CSV_FAULT_AFTER_QUOTE,  /* something other than delimiter or line end behind a closing quote */
	CSV_FAULT_TOO_LONG
};

struct csv_row {
	struct csv_field *fields; /* the caller's, `room` of them */
	uint32_t room;
	uint32_t count;        /* fields of the row; those beyond room are only counted */
	uint32_t lines;        /* physical lines it spans */
	enum csv_fault fault;
	uint32_t fault_column; /* from 1 */
	uint32_t fault_line;   /* where the quote was opened, counted from the row's first line as 0 */
	size_t bytes;          /* the row with its line end */
	size_t first_line;     /* its first physical line with the line end; 0: the data ends before that */
	bool high;             /* a byte over 127 is in it */
	bool nul;              /* a NUL is in it */
};

/* What can be done about a row that isn't whole. */
enum csv_tail { CSV_TAIL_GROWS, CSV_TAIL_END, CSV_TAIL_LIMIT };

enum csv_scanned { CSV_SCAN_ROW, CSV_SCAN_SKIP, CSV_SCAN_MORE, CSV_SCAN_NOTHING };

/*
 * The first row of `data`, which is followed by CSV_PADDING readable bytes.  ROW: `row` is filled in.  SKIP: an empty line or a
 * comment of row->bytes.  MORE: not whole, only with CSV_TAIL_GROWS.  NOTHING: no bytes.
 */
enum csv_scanned csv_scan(const struct csv_format *format, char *data, size_t length, enum csv_tail tail, struct csv_row *row);
/* Resolves doubled quotes or backslashes in place.  Only for rows without fault, once. */
void csv_unescape(const struct csv_format *format, struct csv_field *field);
/* '\n', or '\r' when the first line end is a CR alone.  Quotes are respected. */
char csv_guess_newline(const struct csv_format *format, const char *data, size_t length);
/* Well-formed UTF-8 without NUL. */
bool csv_is_utf8(const char *data, size_t length);

#endif
