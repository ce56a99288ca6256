/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unicode.c: text functions over all scripts.  The tables are utf8proc's; what stands here is what SQL needs around them.
 * Pure functions; any thread.
 */
#include "rules/functions/unicode.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

int32_t
unicode_next(const char **p, const char *end)
{
	utf8proc_int32_t code;
	utf8proc_ssize_t took;

	if (!(**p & 0x80))
		return (unsigned char)*(*p)++;
	took = utf8proc_iterate((const utf8proc_uint8_t *)*p, end - *p, &code);
	if (took <= 0) {
		++*p;
		return 0xFFFD;
	}
	*p += took;
	return code;
}

int
unicode_append(struct buffer *out, int32_t code)
{
	utf8proc_uint8_t bytes[4];

	if (code < 0x80)
		return buffer_char(out, (char)code);
	return buffer_append(out, bytes, (size_t)utf8proc_encode_char(code, bytes));
}

bool
unicode_is_ascii(const char *text, size_t length)
{
	const char *end = text + length;

	for (; end - text >= 8; text += 8) {
		uint64_t word;

		memcpy(&word, text, 8);
		if (word & UINT64_C(0x8080808080808080))
			return false;
	}
	for (; text < end; text++)
		if (*text & 0x80)
			return false;
	return true;
}

bool
unicode_is_blank(int32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= 9 && code <= 13);
	return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200B) || code == 0x2028 || code == 0x2029 ||
	       code == 0x202F || code == 0x205F || code == 0x3000 || code == 0xFEFF;
}

/* Appends `length` bytes with those from `first` to `last` moved by `distance`. */
static int
map_ascii(const char *text, size_t length, char first, char last, int distance, struct buffer *out)
{
	char *to;

	if (buffer_reserve(out, length) != 0)
		return -1;
	to = out->data + out->length;
	for (size_t i = 0; i < length; i++)
		to[i] = (char)(text[i] >= first && text[i] <= last ? text[i] + distance : text[i]);
	out->length += length;
	return 0;
}

int
unicode_upper(const char *text, size_t length, struct buffer *out)
{
	const char *end = text + length;

	if (length == 0)
		return 0;
	if (unicode_is_ascii(text, length))
		return map_ascii(text, length, 'a', 'z', 'A' - 'a', out);
	while (text < end) {
		int32_t code = unicode_next(&text, end);

		if (code == 0xDF ? buffer_append(out, "SS", 2) : unicode_append(out, utf8proc_toupper(code)))
			return -1;
	}
	return 0;
}

int
unicode_lower(const char *text, size_t length, struct buffer *out)
{
	const char *end = text + length;

	if (length == 0)
		return 0;
	if (unicode_is_ascii(text, length))
		return map_ascii(text, length, 'A', 'Z', 'a' - 'A', out);
	while (text < end)
		if (unicode_append(out, utf8proc_tolower(unicode_next(&text, end))) != 0)
			return -1;
	return 0;
}

/* Composes the code points and appends them. */
static int
compose(int32_t *codes, size_t count, struct buffer *out)
{
	utf8proc_ssize_t left = utf8proc_normalize_utf32(codes, (utf8proc_ssize_t)count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);

	if (left < 0)
		return -1;
	for (utf8proc_ssize_t i = 0; i < left; i++)
		if (unicode_append(out, codes[i]) != 0)
			return -1;
	return 0;
}

/*
 * Canonical order: each run of marks sorted by their combining class, those of the same class left in place.  Counting sort,
 * because a hostile text may be one run of a million marks.  `spare` has room for as many codes.
 */
static void
sort_marks(int32_t *codes, size_t count, int32_t *spare)
{
	for (size_t from = 0, to; from < count; from = to + 1) {
		size_t place[257];
		bool sorted = true;

		for (to = from; to < count && utf8proc_get_property(codes[to])->combining_class != 0; to++)
			if (to > from && utf8proc_get_property(codes[to - 1])->combining_class >
			                         utf8proc_get_property(codes[to])->combining_class)
				sorted = false;
		if (sorted)
			continue;
		memset(place, 0, sizeof place);
		for (size_t i = from; i < to; i++)
			place[(utf8proc_get_property(codes[i])->combining_class & 0xFF) + 1]++;
		for (unsigned class = 1; class < 257; class++)
			place[class] += place[class - 1];
		for (size_t i = from; i < to; i++)
			spare[place[utf8proc_get_property(codes[i])->combining_class & 0xFF]++] = codes[i];
		memcpy(codes + from, spare, (to - from) * sizeof *codes);
	}
}

/* The text decomposed with these options in a malloc'd array, in canonical order; NULL without memory. */
static int32_t *
decompose(const char *text, size_t length, utf8proc_option_t options, size_t *ret_count)
{
	enum { LONGEST = 32 }; /* no code point becomes more than 18 */
	const char *end = text + length;
	size_t count = 0, capacity = length + 2 * LONGEST;
	int32_t *codes = malloc(capacity * sizeof *codes), *spare;

	while (codes != NULL && text < end) {
		int32_t code = unicode_next(&text, end);
		int bound = 0;
		utf8proc_ssize_t need;

		if (capacity - count < LONGEST) {
			int32_t *more = realloc(codes, capacity * 2 * sizeof *codes);

			if (more == NULL) {
				free(codes);
				return NULL;
			}
			codes = more;
			capacity *= 2;
		}
		need = utf8proc_decompose_char(code, codes + count, LONGEST, options, &bound);
		if (need < 0 || need > LONGEST) {
			codes[count] = code;
			need = 1;
		}
		count += (size_t)need;
	}
	if (codes == NULL || (spare = malloc((count + 1) * sizeof *spare)) == NULL) {
		free(codes);
		return NULL;
	}
	sort_marks(codes, count, spare);
	free(spare);
	*ret_count = count;
	return codes;
}

/*
 * Below U+0300 there are no marks, and every letter is composed: such a text is in NFC as it stands.  Nearly all European texts
 * are, and looking is a twentieth of the work.
 */
static bool
is_below_marks(const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + length;

	while (p < end) {
		if (*p < 0x80) {
			p++;
			continue;
		}
		if (*p < 0xC2 || *p >= 0xCC || p + 1 == end || (p[1] & 0xC0) != 0x80)
			return false;
		p += 2;
	}
	return true;
}

int
unicode_nfc(const char *text, size_t length, struct buffer *out)
{
	int32_t *codes;
	size_t count;
	int result;

	if (is_below_marks(text, length))
		return buffer_append(out, text, length);
	if ((codes = decompose(text, length, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &count)) == NULL)
		return -1;
	result = compose(codes, count, out);
	free(codes);
	return result;
}

static int
fold_ascii(const char *text, size_t length, struct buffer *out)
{
	const char *start;
	bool blank = false;
	char *to;

	if (buffer_reserve(out, length + 1) != 0)
		return -1;
	start = to = out->data + out->length;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == ' ' || (c >= 9 && c <= 13)) {
			blank = true;
			continue;
		}
		if (blank && to > start)
			*to++ = ' ';
		blank = false;
		*to++ = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	out->length += (size_t)(to - start);
	return 0;
}

/* Letters that Unicode does not decompose but that people leave their stroke or ligature from. */
static const char *
plain_letters(int32_t code)
{
	switch (code) {
	case 0xE6: return "ae";
	case 0xF0: case 0x111: case 0x256: case 0x257: return "d";
	case 0xF8: return "o";
	case 0xFE: return "th";
	case 0xDF: case 0x1E9E: return "ss";
	case 0x127: return "h";
	case 0x131: return "i";
	case 0x142: return "l";
	case 0x153: return "oe";
	case 0x167: return "t";
	case 0x180: return "b";
	case 0x188: return "c";
	case 0x1E5: return "g";
	case 0x199: return "k";
	case 0x14B: return "n";
	default: return NULL;
	}
}

/* Whether a mark is an accent: not the virama, nukta and kana marks (classes 7 to 9), which make another letter. */
static bool
is_accent(int32_t code)
{
	return code >= 0x300 && utf8proc_get_property(code)->combining_class >= 10;
}

int
unicode_fold(const char *text, size_t length, struct buffer *out)
{
	const utf8proc_option_t options = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STABLE | UTF8PROC_IGNORE;
	int32_t *codes;
	size_t count, kept = 0, start = out->length;
	bool blank = false;
	int result = -1;

	if (unicode_is_ascii(text, length))
		return fold_ascii(text, length, out);
	if ((codes = decompose(text, length, options, &count)) == NULL)
		return -1;
	/* What is kept moves to the front; letters spelt with two are put in when written. */
	for (size_t i = 0; i < count; i++) {
		if (is_accent(codes[i]))
			continue;
		if (unicode_is_blank(codes[i])) {
			blank = true;
			continue;
		}
		/* A blank stood before this code, so there is room for it. */
		if (blank && kept > 0)
			codes[kept++] = ' ';
		blank = false;
		codes[kept++] = codes[i];
	}
	for (size_t from = 0; from < kept;) {
		size_t to = from;
		const char *letters;

		while (to < kept && plain_letters(codes[to]) == NULL)
			to++;
		if (to > from && compose(codes + from, to - from, out) != 0)
			goto out;
		if (to < kept) {
			letters = plain_letters(codes[to]);
			if (buffer_text(out, letters) != 0)
				goto out;
			to++;
		}
		from = to;
	}
	result = 0;
out:
	if (result != 0)
		out->length = start;
	free(codes);
	return result;
}

static bool
in_set(int32_t code, const char *set, size_t set_length)
{
	const char *end;

	if (set == NULL)
		return unicode_is_blank(code);
	end = set + set_length;
	while (set < end)
		if (unicode_next(&set, end) == code)
			return true;
	return false;
}

void
unicode_trim(const char **text, size_t *length, const char *set, size_t set_length, bool left, bool right)
{
	const char *start = *text, *end = *text + *length;

	while (left && start < end) {
		const char *next = start;

		if (!in_set(unicode_next(&next, end), set, set_length))
			break;
		start = next;
	}
	while (right && end > start) {
		const char *last = end - 1, *p;

		while (last > start && end - last < 4 && ((unsigned char)*last & 0xC0) == 0x80)
			last--;
		p = last;
		if (!in_set(unicode_next(&p, end), set, set_length) || p != end)
			break;
		end = last;
	}
	*text = start;
	*length = (size_t)(end - start);
}

static int32_t
same_case(int32_t code)
{
	if (code < 0x80)
		return code >= 'A' && code <= 'Z' ? code + 32 : code;
	return utf8proc_tolower(utf8proc_toupper(code));
}

bool
unicode_like(const char *pattern, size_t pattern_length, const char *text, size_t length, int32_t escape, uint64_t *work)
{
	const char *p = pattern, *p_end = pattern + pattern_length, *t = text, *t_end = text + length;
	const char *retry_pattern = NULL, *retry_text = NULL;

	/* Where a % stood, everything before it has matched for good: a failure only ever moves the last % on by one. */
	while (t < t_end || p < p_end) {
		const char *p_next = p;
		int32_t want = p < p_end ? unicode_next(&p_next, p_end) : -1;

		++*work;
		if (want == '%' && want != escape) {
			retry_pattern = p = p_next;
			retry_text = t;
			if (p == p_end)
				return true;
			continue;
		}
		if (want >= 0 && t < t_end) {
			const char *t_next = t;
			int32_t code = unicode_next(&t_next, t_end);
			bool literal = want != '_';

			if (escape != 0 && want == escape) {
				if (p_next == p_end)
					return false;
				want = unicode_next(&p_next, p_end);
				literal = true;
			}
			if (!literal || same_case(want) == same_case(code)) {
				p = p_next;
				t = t_next;
				continue;
			}
		}
		if (retry_pattern == NULL || retry_text >= t_end)
			return false;
		unicode_next(&retry_text, t_end);
		t = retry_text;
		p = retry_pattern;
	}
	return true;
}

const char *
unicode_version(void)
{
	return utf8proc_unicode_version();
}
