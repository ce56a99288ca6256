/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_csv.c: the CSV connector's scanner, decoders and values.  The first byte chooses the format, the second the encoding, the
 * third where the input is cut.  Of every input it holds that
 *
 *     the scanner always moves on, and never names a byte outside its data
 *     a row that is found although more might follow is the same when more does
 *     text written by the sink's rules of quoting is scanned back as it was
 */
#include <stdlib.h>
#include <string.h>

#include "csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(int condition)
{
	if (!condition)
		abort();
}

static void
choose(uint8_t how, struct csv_format *format)
{
	static const char delimiters[] = { ',', ';', '\t', '|' };

	*format = (struct csv_format){ .delimiter = delimiters[how & 3], .quote = how & 4 ? 0 : '"', .newline = how & 8 ? '\r' : '\n',
		                       .escape = (how & 20) == 16 ? '\\' : 0, .trim = (how & 32) != 0, .comment = how & 64 ? "#!" : "" };
}

/* Decoded into memory of exactly its size and the padding, so that a sanitizer sees a read beyond. */
static char *
decode(uint8_t how, const uint8_t *data, size_t size, size_t *ret_length)
{
	static const char *const encodings[] = { "UTF-8", "CP1252", "UTF-16", "ISO-8859-15", "UTF-16LE", "UTF-8" };
	struct csv_codec *codec;
	size_t capacity = size * 4 + 64, left = capacity, in_left = size;
	char *text = malloc(capacity), *out = text, *exact;
	const char *in = (const char *)data;

	if (text == NULL || csv_codec_new(encodings[how % 6], false, &codec, NULL) != SYNCLINE_OK) {
		free(text);
		return NULL;
	}
	csv_decode(codec, &in, &in_left, &out, &left, true);
	csv_codec_free(codec);
	demand(in_left == 0);
	*ret_length = (size_t)(out - text);
	exact = calloc(1, *ret_length + CSV_PADDING);
	if (exact != NULL)
		memcpy(exact, text, *ret_length);
	free(text);
	return exact;
}

static void
check_row(const struct csv_row *row, const char *data, size_t length)
{
	demand(row->bytes > 0 && row->bytes <= length);
	demand(row->first_line <= length && row->lines > 0);
	if (row->fault != CSV_FAULT_NONE)
		return;
	demand(row->count > 0);
	demand(row->first_line > 0 && row->first_line <= row->bytes);
	for (uint32_t i = 0; i < row->count && i < row->room; i++)
		demand(row->fields[i].data >= data && row->fields[i].data + row->fields[i].length <= data + row->bytes);
}

static void
values(const struct csv_field *field)
{
	static const char *dates[] = { "DD.MM.YYYY", "YYYYMMDD" }, *times[] = { "ISO", "DD.MM.YY HH:MI:SS" }, *words[] = { "true", "ja" };
	static const struct csv_object object = { .numbers = { ",", "." }, .date_formats = { dates, 2 }, .timestamp_formats = { times, 1 },
		                                  .trues = { words, 2 }, .nulls = { words, 1 } };
	struct syncline_buffer scratch, out;
	struct syncline_value value;

	if (field->length > 2000 || !csv_is_utf8(field->data, field->length))
		return;
	syncline_buffer_init(&scratch, 0);
	syncline_buffer_init(&out, 0);
	if (syncline_buffer_reserve(&scratch, (size_t)field->length + 8) == 0)
		for (uint8_t type = SYNCLINE_TYPE_BOOLEAN; type <= SYNCLINE_TYPE_DATE; type++) {
			syncline_buffer_clear(&scratch);
			if (csv_value_read(&object, type, field->data, field->length, &scratch, &value) != 0)
				continue;
			if (value.type == SYNCLINE_TYPE_DECIMAL)
				demand(syncline_is_decimal(value.u.data, value.length));
			syncline_buffer_clear(&out);
			demand(csv_value_json(&value, &out) == 0);
		}
	syncline_buffer_free(&scratch);
	syncline_buffer_free(&out);
}

/* The field quoted as the sink does it comes back. */
static void
round_trip(const struct csv_format *format, const struct csv_field *field)
{
	char mark = format->escape != 0 ? format->escape : format->quote;
	struct csv_field back;
	struct csv_row row = { .fields = &back, .room = 1 };
	char *text;
	size_t n = 0;

	if (format->quote == 0 || field->length > 4000 || (text = calloc(1, field->length * 2 + 2 + CSV_PADDING)) == NULL)
		return;
	text[n++] = format->quote;
	for (uint32_t i = 0; i < field->length; i++) {
		if (field->data[i] == format->quote || field->data[i] == mark)
			text[n++] = mark;
		text[n++] = field->data[i];
	}
	text[n++] = format->quote;
	demand(csv_scan(format, text, n, CSV_TAIL_END, &row) == CSV_SCAN_ROW);
	demand(row.fault == CSV_FAULT_NONE && row.count == 1 && row.bytes == n);
	if (back.flags & CSV_ESCAPED)
		csv_unescape(format, &back);
	demand(back.length == field->length && memcmp(back.data, field->data, back.length) == 0);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csv_field fields[32], early[32];
	struct csv_format format;
	size_t length = 0, at = 0, cut;
	char *text;

	if (size < 3)
		return 0;
	choose(data[0], &format);
	cut = data[2];
	if ((text = decode(data[1], data + 3, size - 3, &length)) == NULL)
		return 0;
	for (;;) {
		struct csv_row row = { .fields = fields, .room = 32 }, part = { .fields = early, .room = 32 };
		size_t left = length - at;
		enum csv_scanned got = csv_scan(&format, text + at, left, CSV_TAIL_END, &row);
		enum csv_scanned before = csv_scan(&format, text + at, cut < left ? cut : left, CSV_TAIL_GROWS, &part);

		demand(got != CSV_SCAN_MORE);
		if (got == CSV_SCAN_NOTHING)
			break;
		if (before == CSV_SCAN_ROW && part.fault == CSV_FAULT_NONE)
			demand(got == CSV_SCAN_ROW && row.fault == CSV_FAULT_NONE && row.bytes == part.bytes && row.count == part.count);
		if (got == CSV_SCAN_SKIP) {
			demand(row.bytes > 0 && row.bytes <= left);
			at += row.bytes;
			continue;
		}
		check_row(&row, text + at, left);
		for (uint32_t i = 0; row.fault == CSV_FAULT_NONE && i < row.count && i < 32; i++) {
			if (fields[i].flags & CSV_ESCAPED)
				csv_unescape(&format, &fields[i]);
			values(&fields[i]);
			round_trip(&format, &fields[i]);
		}
		at += row.bytes;
	}
	free(text);
	return 0;
}
