/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-parse.c: the scanner and the codecs, without files: quoting, line ends, faults, and that a cut anywhere changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "csv.h"

static const struct csv_format plain = { .delimiter = ',', .quote = '"', .newline = '\n' };

/* All rows as text: values in [], rows ended by ;, faults as !kind@column+line. */
static void
rows(const struct csv_format *format, const char *text, size_t length, char *out, size_t capacity)
{
	struct csv_field fields[16];
	char *data = calloc(1, length + CSV_PADDING);
	size_t at = 0, n = 0;

	assert_non_null(data);
	memcpy(data, text, length);
	out[0] = '\0';
	for (;;) {
		struct csv_row row = { .fields = fields, .room = 16 };
		enum csv_scanned got = csv_scan(format, data + at, length - at, CSV_TAIL_END, &row);

		assert_int_not_equal(got, CSV_SCAN_MORE);
		if (got == CSV_SCAN_NOTHING)
			break;
		assert_true(row.bytes > 0 && row.bytes <= length - at);
		at += row.bytes;
		if (got == CSV_SCAN_SKIP)
			continue;
		if (row.fault != CSV_FAULT_NONE) {
			n += (size_t)snprintf(out + n, capacity - n, "!%d@%u+%u;", row.fault, row.fault_column, row.fault_line);
			continue;
		}
		for (uint32_t i = 0; i < row.count && i < 16; i++) {
			if (fields[i].flags & CSV_ESCAPED)
				csv_unescape(format, &fields[i]);
			n += (size_t)snprintf(out + n, capacity - n, "[%.*s]", (int)fields[i].length, fields[i].data);
		}
		n += (size_t)snprintf(out + n, capacity - n, ";");
	}
	free(data);
}

#define ROWS(format, text, expected)                                                                                   \
	do {                                                                                                           \
		char out_[4096];                                                                                       \
		rows(format, text, sizeof(text) - 1, out_, sizeof out_);                                               \
		assert_string_equal(out_, expected);                                                                   \
	} while (0)

static void
rows_are_what_they_look_like(void **state)
{
	(void)state;
	ROWS(&plain, "", "");
	ROWS(&plain, "a,b\n1,2\n", "[a][b];[1][2];");
	ROWS(&plain, "a,b\r\n1,2\r\n", "[a][b];[1][2];");
	ROWS(&plain, "a,b\n1,2", "[a][b];[1][2];");
	ROWS(&plain, "a,\n,\n", "[a][];[][];");
	ROWS(&plain, "\n\na\r\n\r\n", "[a];");
	ROWS(&plain, "\"a,b\",\"c\nd\"\n", "[a,b][c\nd];");
	ROWS(&plain, "\"a \"\"b\"\"\",\"\"\n", "[a \"b\"][];");
	ROWS(&plain, "5\" pipe,a\"b\n", "[5\" pipe][a\"b];");
	ROWS(&plain, "\"x\"\r\n\"y\"", "[x];[y];");
	ROWS(&plain, "a\rb,c\n", "[a\rb][c];");
	ROWS(&plain, "123456789012345678901234567890,12345678,\n", "[123456789012345678901234567890][12345678][];");
}

static void
other_formats(void **state)
{
	struct csv_format f = plain;

	(void)state;
	f.trim = true;
	ROWS(&f, " a , \"b \" ,\tc\t\n", "[a][b ][c];");
	ROWS(&f, "  ,  \n", "[][];");
	f = plain;
	f.escape = '\\';
	ROWS(&f, "\"a\\\"b\\\\\",c\n", "[a\"b\\][c];");
	f = plain;
	f.quote = 0;
	ROWS(&f, "\"a,b\"\n", "[\"a][b\"];");
	f = plain;
	f.newline = '\r';
	ROWS(&f, "a,b\r1,\"x\ry\"\r", "[a][b];[1][x\ry];");
	f = plain;
	f.comment = "##";
	ROWS(&f, "## no\n#yes,1\n##", "[#yes][1];");
	f.delimiter = '\t';
	ROWS(&f, "a\tb\n", "[a][b];");
}

/* One forgotten quote costs its line, and the line is named. */
static void
faults_cost_one_line(void **state)
{
	(void)state;
	ROWS(&plain, "a,\"b\nc,d\ne,f\n", "!1@2+0;[c][d];[e][f];");
	ROWS(&plain, "a,\"b\"x\nc,d\n", "!2@2+0;[c][d];");
	ROWS(&plain, "\"a\nb\",\"c\nd,e\n", "!1@2+1;!1@2+0;[d][e];");
	ROWS(&plain, "\"", "!1@1+0;");
	ROWS(&plain, "x,\"a\n1,2\n3,\"b\"\n", "!2@2+0;[1][2];[3][b];");
}

/* At every cut the scanner either asks for more or says the same as with the whole text. */
static void
a_cut_changes_nothing(void **state)
{
	static const char text[] = "a,\"b \"\"c\"\"\r\nd\",e\r\nnext,row\n";
	const size_t whole = sizeof "a,\"b \"\"c\"\"\r\nd\",e\r\n" - 1;
	char data[sizeof text + CSV_PADDING];

	(void)state;
	for (size_t cut = 0; cut < sizeof text - 1; cut++) {
		struct csv_field fields[8];
		struct csv_row row = { .fields = fields, .room = 8 };
		enum csv_scanned got;

		memset(data, '"', sizeof data);
		memcpy(data, text, cut);
		got = csv_scan(&plain, data, cut, CSV_TAIL_GROWS, &row);
		if (cut == 0) {
			assert_int_equal(got, CSV_SCAN_NOTHING);
		} else if (cut < whole) {
			assert_int_equal(got, CSV_SCAN_MORE);
		} else {
			assert_int_equal(got, CSV_SCAN_ROW);
			assert_int_equal(row.bytes, whole);
			assert_int_equal(row.count, 3);
			assert_int_equal(row.lines, 2);
		}
	}
}

static void
line_ends_are_guessed(void **state)
{
	(void)state;
	assert_int_equal(csv_guess_newline(&plain, "a,b\r\n", 5), '\n');
	assert_int_equal(csv_guess_newline(&plain, "a,b\rc", 5), '\r');
	assert_int_equal(csv_guess_newline(&plain, "\"a\r\",b\n", 7), '\n');
	assert_int_equal(csv_guess_newline(&plain, "abc", 3), '\n');
}

static void
utf8_is_told_from_other_bytes(void **state)
{
	static const char *const good[] = { "", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe0\x80\x80", "a\xc3z" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(csv_is_utf8(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(csv_is_utf8(bad[i], strlen(bad[i])));
	assert_false(csv_is_utf8("a\0b", 3));
}

/* Decoded in pieces of every size; the whole is always the same. */
static void
decode(const char *encoding, const char *bytes, size_t length, const char *expected)
{
	for (size_t step = 1; step <= length; step++) {
		struct syncline_error err = { .struct_size = sizeof err };
		struct csv_codec *codec;
		char buffer[256], *out = buffer;
		size_t left = sizeof buffer, fed = 0, in_left = 0;
		const char *in = bytes;

		assert_int_equal(csv_codec_new(encoding, false, &codec, &err), SYNCLINE_OK);
		while (fed < length) {
			size_t more = fed + step < length ? step : length - fed;

			fed += more;
			in_left += more;
			csv_decode(codec, &in, &in_left, &out, &left, fed == length);
		}
		assert_int_equal(in_left, 0);
		assert_int_equal(out - buffer, strlen(expected));
		assert_memory_equal(buffer, expected, strlen(expected));
		csv_codec_free(codec);
	}
}

static void
encodings_are_decoded(void **state)
{
	struct syncline_error err = { .struct_size = sizeof err };
	struct csv_codec *codec;

	(void)state;
	decode("CP1252", "Stra\xdf\x65 \x80", 8, "Stra\xc3\x9f\x65 \xe2\x82\xac");
	decode("ISO-8859-15", "\xa4 \xfc", 3, "\xe2\x82\xac \xc3\xbc");
	decode("CP1252", "a\x81z", 3, "a\xffz"); /* a byte without a character */
	decode("UTF-16", "\xff\xfe\x61\x00\xac\x20", 6, "a\xe2\x82\xac");
	decode("UTF-16LE", "\x61\x00\x00\xdc\x62\x00", 6, "a\xff\x62"); /* half a pair */
	decode("UTF-16BE", "\x00\x61\x00", 3, "a\xff");                 /* half a unit */
	decode("UTF-8", "\xc3\xa4", 2, "\xc3\xa4");
	assert_int_equal(csv_codec_new("KLINGON-1", false, &codec, &err), SYNCLINE_CONFIG);
	assert_non_null(strstr(err.message, "KLINGON-1"));
	assert_int_equal(csv_codec_new("CP1252//TRANSLIT", true, &codec, &err), SYNCLINE_CONFIG);
}

static void
what_an_encoding_lacks_is_refused(void **state)
{
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_buffer out;
	struct csv_codec *codec;
	size_t at = 99;

	(void)state;
	syncline_buffer_init(&out, 0);
	assert_int_equal(csv_codec_new("CP1252", true, &codec, &err), SYNCLINE_OK);
	assert_int_equal(csv_encode(codec, "\xe2\x82\xac\xc3\xa4", 5, &out, &at), 0);
	assert_int_equal(out.length, 2);
	assert_memory_equal(out.data, "\x80\xe4", 2);
	assert_int_equal(csv_encode(codec, "ab\xd0\x96z", 5, &out, &at), -1); /* a Cyrillic letter */
	assert_int_equal(at, 2);
	csv_codec_free(codec);
	syncline_buffer_free(&out);
}

static void
names_are_ordered_as_people_do(void **state)
{
	(void)state;
	assert_true(csv_name_order("K_9.csv", "K_10.csv") < 0);
	assert_true(csv_name_order("K_20260228.csv", "K_20260301.csv") < 0);
	assert_true(csv_name_order("a", "b") < 0);
	assert_true(csv_name_order("a1", "a") > 0);
	assert_true(csv_name_order("a01", "a1") != 0);
	assert_int_equal(csv_name_order("a", "a"), 0);
}

static void
positions_come_back(void **state)
{
	struct csv_position p = { .current = 7, .offset = 1234567890123, .line = 42 }, q;
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_buffer bytes;
	struct syncline_slice slice;

	(void)state;
	syncline_buffer_init(&bytes, SYNCLINE_POSITION_MAX);
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(csv_position_add(&p, i * 3), 0);
	assert_int_equal(csv_position_set_last(&p, "K.csv", 77), 0);
	assert_int_equal(csv_position_write(&p, &bytes), 0);
	slice = syncline_slice(bytes.data, bytes.length);
	assert_int_equal(csv_position_read(&slice, &q, &err), SYNCLINE_OK);
	assert_int_equal(q.count, 100);
	assert_true(csv_position_has(&q, 300));
	assert_false(csv_position_has(&q, 301));
	assert_string_equal(q.last, "K.csv");
	assert_true(q.offset == p.offset && q.line == 42 && q.current == 7 && q.last_us == 77);
	csv_position_free(&q);
	for (size_t cut = 1; cut < bytes.length; cut++) {
		slice.length = cut;
		assert_int_equal(csv_position_read(&slice, &q, &err), SYNCLINE_INVALID);
	}
	for (uint64_t i = 0; i < 9000; i++)
		assert_int_equal(csv_position_add(&p, 1000 + i), 0);
	assert_int_equal(csv_position_write(&p, &bytes), -1);
	csv_position_free(&p);
	syncline_buffer_free(&bytes);
}

static void
sets_keep_to_their_limit(void **state)
{
	struct csv_set set = { .max = 4096 };
	uint64_t i;

	(void)state;
	for (i = 0; csv_set_add(&set, syncline_hash(1, &i, sizeof i)) == 1; i++)
		;
	assert_in_range(i, 3500, 3600);
	for (uint64_t k = 0; k < i; k++)
		assert_true(csv_set_has(&set, syncline_hash(1, &k, sizeof k)));
	assert_false(csv_set_has(&set, syncline_hash(2, &i, sizeof i)));
	csv_set_free(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_what_they_look_like), cmocka_unit_test(other_formats), cmocka_unit_test(faults_cost_one_line),
		cmocka_unit_test(a_cut_changes_nothing), cmocka_unit_test(line_ends_are_guessed), cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(encodings_are_decoded), cmocka_unit_test(what_an_encoding_lacks_is_refused),
		cmocka_unit_test(names_are_ordered_as_people_do), cmocka_unit_test(positions_come_back), cmocka_unit_test(sets_keep_to_their_limit),
	};

	return cmocka_run_group_tests_name("csv parse", tests, NULL, NULL);
}
