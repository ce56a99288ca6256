/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.c: tokens of libconfig's language with their places, in the order that libconfig takes them in.  It is as strict as
 * libconfig 1.5 or a little stricter: the library's own words for a mistake are two ("syntax error"), it names no column, and
 * it loses memory over one, so what comes to it has none.  One thread.
 */
#include "config/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* What may come next in a group or list. */
enum want {
	WANT_NAME,   /* group: a name, or its end */
	WANT_ASSIGN, /* group: = or : */
	WANT_VALUE,  /* group: what the name stands for */
	WANT_END,    /* group: ; or , or nothing, and then a name */
	WANT_FIRST,  /* list: its first element, or its end */
	WANT_COMMA,  /* list: a comma, or its end */
	WANT_MORE,   /* list: one more element */
};

struct scanner {
	const char *file, *text, *p, *end, *line_start;
	uint32_t line;
	struct scan scan;
	struct {
		uint32_t entry; /* UINT32_MAX: the file */
		char bracket;
		uint32_t line, column, children;
		enum want want;
		char kind; /* of an array's first element */
	} stack[SCAN_DEPTH_MAX + 1];
	unsigned depth;
	struct scan_entry pending; /* a name that waits for its value: name_length > 0 */
	bool in_string;            /* the last token was a string: another one joins it */
	struct config_place *place;
	struct error *err;
};

static uint32_t column(const struct scanner *s, const char *at) { return (uint32_t)(at - s->line_start) + 1; }

/* Sets the place of the error at hand; -1. */
static int
at(struct scanner *s, uint32_t line, uint32_t col)
{
	s->place->file = s->file;
	s->place->line = line;
	s->place->column = col;
	return -1;
}

static int
grow(void **items, uint32_t *capacity, uint32_t count, size_t size)
{
	uint32_t wanted = *capacity != 0 ? *capacity * 2 : 64;
	void *more;

	if (count < *capacity)
		return 0;
	if (wanted <= *capacity || (more = realloc(*items, wanted * size)) == NULL)
		return -1;
	*items = more;
	*capacity = wanted;
	return 0;
}

static int
without_value(struct scanner *s)
{
	at(s, s->pending.name_line, s->pending.name_column);
	return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write NAME = VALUE; and texts in \"quotes\".", "%.*s has no value",
	                 s->pending.name_length > 100 ? 100 : (int)s->pending.name_length, s->text + s->pending.name);
}

/* That a value may stand at `from`; kind: one of { ( [ " b i l f. */
static int
allow_value(struct scanner *s, char kind, const char *from)
{
	enum want want = s->stack[s->depth].want;
	bool simple = strchr("{([", kind) == NULL;

	at(s, s->line, column(s, from));
	if (want == WANT_ASSIGN)
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write NAME = VALUE; and NAME: { … }; for groups.", "= is missing behind %.*s",
		                 s->pending.name_length > 100 ? 100 : (int)s->pending.name_length, s->text + s->pending.name);
	if (want == WANT_COMMA)
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Put a comma between two elements.", "a comma is missing here");
	if (want == WANT_NAME || want == WANT_END)
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write NAME = VALUE;", "a value stands here without a name");
	if (s->stack[s->depth].bracket == '[') {
		if (!simple)
			return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write ( … ) for the outer list.", "[ … ] holds only texts, numbers or true and false");
		if (s->stack[s->depth].kind != 0 && s->stack[s->depth].kind != kind)
			return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write ( … ) for a list of different kinds.", "what stands in [ … ] must be all of one kind");
		s->stack[s->depth].kind = kind;
	}
	s->stack[s->depth].want = want == WANT_VALUE ? WANT_END : WANT_COMMA;
	return 0;
}

static struct scan_entry *
add_entry(struct scanner *s, char kind, const char *from)
{
	struct scan_entry *entry;
	void *items = s->scan.entries;

	if (allow_value(s, kind, from) != 0)
		return NULL;
	if (kind >= 'a' && kind <= 'z')
		kind = 'w';
	if (++s->stack[s->depth].children > SCAN_GROUP_MAX) {
		at(s, s->line, column(s, from));
		error_set(s->err, ERROR_CONFIG_LIMIT, "Spread it over several groups.", "more than %u settings in one group", SCAN_GROUP_MAX);
		return NULL;
	}
	if (grow(&items, &s->scan.capacity, s->scan.count, sizeof *entry) != 0) {
		error_memory(s->err);
		return NULL;
	}
	s->scan.entries = items;
	entry = &s->scan.entries[s->scan.count++];
	*entry = s->pending;
	memset(&s->pending, 0, sizeof s->pending);
	entry->kind = kind;
	entry->line = s->line;
	entry->column = column(s, from);
	entry->value = (size_t)(from - s->text);
	entry->parent = s->stack[s->depth].entry;
	entry->piece = s->scan.piece_count;
	return entry;
}

static int
add_piece(struct scanner *s, struct scan_entry *entry, const char *from)
{
	void *items = s->scan.pieces;

	if (grow(&items, &s->scan.piece_capacity, s->scan.piece_count, sizeof *s->scan.pieces) != 0)
		return error_memory(s->err);
	s->scan.pieces = items;
	s->scan.pieces[s->scan.piece_count++] = (struct config_piece){ (uint32_t)entry->text_length, s->line, column(s, from) };
	entry->piece_count++;
	return 0;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* What stands behind a backslash at s->p: its length in the text; decoded it is one byte, or itself when it means nothing. */
static int
escape(struct scanner *s, struct scan_entry *entry)
{
	if (s->end - s->p >= 4 && (s->p[1] == 'x' || s->p[1] == 'X') && is_hex(s->p[2]) && is_hex(s->p[3])) {
		if (s->p[2] == '0' && s->p[3] == '0') {
			at(s, s->line, column(s, s->p));
			return error_set(s->err, ERROR_CONFIG_SYNTAX, "Remove it.", "\\x00 cannot stand in a text");
		}
		s->p += 4;
	} else if (s->end - s->p >= 2 && strchr("abfnrtv\\\"", s->p[1]) != NULL) {
		s->p += 2;
	} else {
		at(s, s->line, column(s, s->p));
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write \\\\ for a backslash.",
		                 "a backslash must be followed by one of \\ \" n r t a b f v or by x and two hexadecimal digits");
	}
	entry->text_length++;
	return s->p < s->end && *s->p != '"' && *s->p != '\\' ? add_piece(s, entry, s->p) : 0;
}

/* A string at s->p, joined to the one before it if nothing stood between them. */
static int
string(struct scanner *s)
{
	uint32_t line = s->line, col = column(s, s->p);
	struct scan_entry *entry;

	if (s->in_string)
		entry = &s->scan.entries[s->scan.count - 1];
	else if ((entry = add_entry(s, '"', s->p)) == NULL)
		return -1;
	s->in_string = true;
	s->p++;
	if (add_piece(s, entry, s->p) != 0)
		return -1;
	while (s->p < s->end && *s->p != '"') {
		if (*s->p == '\\') {
			if (escape(s, entry) != 0)
				return -1;
			continue;
		}
		entry->text_length++;
		if (*s->p++ == '\n') {
			s->line++;
			s->line_start = s->p;
			if (add_piece(s, entry, s->p) != 0)
				return -1;
		}
	}
	if (s->p == s->end) {
		at(s, line, col);
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Put a quote at its end; a quote inside a text is written \\\".",
		                 "the text that begins here has no closing quote");
	}
	s->p++;
	return 0;
}

/* Blanks and comments. */
static int
skip(struct scanner *s)
{
	while (s->p < s->end) {
		if (*s->p == '\n') {
			s->p++;
			s->line++;
			s->line_start = s->p;
		} else if (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\f') {
			s->p++;
		} else if (*s->p == '#' || (*s->p == '/' && s->end - s->p > 1 && s->p[1] == '/')) {
			while (s->p < s->end && *s->p != '\n')
				s->p++;
		} else if (*s->p == '/' && s->end - s->p > 1 && s->p[1] == '*') {
			uint32_t line = s->line, col = column(s, s->p);

			for (s->p += 2; s->end - s->p >= 2 && !(s->p[0] == '*' && s->p[1] == '/'); s->p++)
				if (*s->p == '\n') {
					s->line++;
					s->line_start = s->p + 1;
				}
			if (s->end - s->p < 2) {
				at(s, line, col);
				return error_set(s->err, ERROR_CONFIG_SYNTAX, "Put */ at its end.", "the comment that begins here has no end");
			}
			s->p += 2;
		} else {
			break;
		}
	}
	return 0;
}

static int
open_bracket(struct scanner *s)
{
	if (s->depth == SCAN_DEPTH_MAX) {
		at(s, s->line, column(s, s->p));
		return error_set(s->err, ERROR_CONFIG_LIMIT, "Close a bracket that was left open before.", "more than %u brackets inside one another",
		                 SCAN_DEPTH_MAX);
	}
	if (add_entry(s, *s->p, s->p) == NULL)
		return -1;
	s->depth++;
	s->stack[s->depth].entry = s->scan.count - 1;
	s->stack[s->depth].bracket = *s->p;
	s->stack[s->depth].line = s->line;
	s->stack[s->depth].column = column(s, s->p);
	s->stack[s->depth].children = 0;
	s->stack[s->depth].kind = 0;
	s->stack[s->depth].want = *s->p == '{' ? WANT_NAME : WANT_FIRST;
	s->p++;
	return 0;
}

static int
close_bracket(struct scanner *s)
{
	static const char opening[] = "{([", closing[] = "})]";
	char wanted = opening[strchr(closing, *s->p) - closing];

	if (s->pending.name_length > 0)
		return without_value(s);
	if (s->depth == 0) {
		at(s, s->line, column(s, s->p));
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Remove it, or look for one that closes too early before it.",
		                 "%c closes nothing: all brackets are closed already", *s->p);
	}
	if (s->stack[s->depth].bracket != wanted) {
		at(s, s->line, column(s, s->p));
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Look between the two places for a bracket that is missing.",
		                 "%c does not close the %c of line %u", *s->p, s->stack[s->depth].bracket, (unsigned)s->stack[s->depth].line);
	}
	if (s->stack[s->depth].want == WANT_MORE) {
		at(s, s->line, column(s, s->p));
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Remove the comma, or write one more element.", "a comma stands before the closing %c", *s->p);
	}
	s->depth--;
	s->p++;
	return 0;
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '*';
}

static bool
is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == '_';
}

static bool
same_word(const char *p, size_t length, const char *word)
{
	for (size_t i = 0; i < length; i++)
		if (word[i] == '\0' || (p[i] | 0x20) != word[i])
			return false;
	return word[length] == '\0';
}

/* 'i' whole number, 'l' one with L, 'f' with a point; 0: no number.  Forms that all releases of libconfig read alike. */
static char
number_kind(const char *p, size_t length)
{
	const char *end = p + length, *digits;

	if (length > 2 && p[0] == '0' && (p[1] | 0x20) == 'x') {
		for (digits = p += 2; p < end && is_hex(*p); p++)
			;
		if (p == digits)
			return 0;
		return p == end ? 'i' : p + 1 == end && *p == 'L' ? 'l' : 0;
	}
	if (*p == '-' || *p == '+')
		p++;
	for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
		;
	if (p == digits)
		return 0;
	if (p == end)
		return 'i';
	if (*p == 'L')
		return p + 1 == end || (p + 2 == end && p[1] == 'L') ? 'l' : 0;
	if (*p++ != '.')
		return 0;
	for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
		;
	if (p == digits)
		return 0;
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
			;
		if (p == digits)
			return 0;
	}
	return p == end ? 'f' : 0;
}

/* A name, or a number or boolean. */
static int
word(struct scanner *s)
{
	const char *from = s->p;
	struct scan_entry *entry;
	size_t length;
	char kind;
	enum want want;

	while (s->p < s->end && is_word(*s->p))
		s->p++;
	length = (size_t)(s->p - from);
	kind = same_word(from, length, "true") || same_word(from, length, "false") ? 'b' : number_kind(from, length);
	want = s->stack[s->depth].want;
	if (kind == 0 && (want == WANT_NAME || want == WANT_END) &&
	    (!is_letter(*from) || memchr(from, '+', length) != NULL || memchr(from, '.', length) != NULL)) {
		at(s, s->line, column(s, from));
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Names of settings have letters, digits and _; a system's own names stand in \"quotes\".",
		                 "%.*s cannot be a name", length > 60 ? 60 : (int)length, from);
	}
	if (kind == 0 && (want == WANT_NAME || want == WANT_END)) {
		s->stack[s->depth].want = WANT_ASSIGN;
		s->pending.name = (size_t)(from - s->text);
		s->pending.name_length = length;
		s->pending.name_line = s->line;
		s->pending.name_column = column(s, from);
		return 0;
	}
	if (kind == 0 && want == WANT_ASSIGN)
		return allow_value(s, 'i', from);
	if (kind == 0) {
		at(s, s->line, column(s, from));
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Texts stand in \"quotes\"; numbers have digits on both sides of the point.",
		                 "%.*s is neither a text in quotes nor a number nor true or false", length > 60 ? 60 : (int)length, from);
	}
	if ((entry = add_entry(s, kind, from)) == NULL)
		return -1;
	entry->value_length = length;
	return 0;
}

/* = : ; and , */
static int
mark(struct scanner *s)
{
	enum want *want = &s->stack[s->depth].want;
	char c = *s->p;

	if (*want == WANT_ASSIGN && (c == '=' || c == ':')) {
		*want = WANT_VALUE;
	} else if (*want == WANT_END && (c == ';' || c == ',')) {
		*want = WANT_NAME;
	} else if (*want == WANT_COMMA && c == ',') {
		*want = WANT_MORE;
	} else if (s->pending.name_length > 0 && (c == ';' || c == ',')) {
		return without_value(s);
	} else {
		at(s, s->line, column(s, s->p));
		return error_set(s->err, ERROR_CONFIG_SYNTAX, c == ';' && *want == WANT_COMMA ? "Elements of a list are parted by commas." : "Remove it.",
		                 "%c stands at a wrong place", c);
	}
	s->p++;
	return 0;
}

static int
token(struct scanner *s)
{
	char c = *s->p;

	if (c == '"')
		return string(s);
	s->in_string = false;
	if (c == '{' || c == '(' || c == '[')
		return open_bracket(s);
	if (c == '}' || c == ')' || c == ']')
		return close_bracket(s);
	if (is_word(c))
		return word(s);
	if (c == '=' || c == ':' || c == ';' || c == ',')
		return mark(s);
	at(s, s->line, column(s, s->p));
	if (s->end - s->p >= 8 && memcmp(s->p, "@include", 8) == 0)
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Put the file into the folder: all its *.conf files are read, in the order of their names.",
		                 "@include is not supported");
	if ((unsigned char)c >= 0x80)
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "A system's own names stand in \"quotes\"; names of settings have plain letters.",
		                 "a letter beyond a to z stands outside of quotes");
	if ((unsigned char)c < 0x20 || c == 0x7f)
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Remove it.", "a control character (byte %u) stands here", (unsigned)(unsigned char)c);
	if (c == '\'')
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write \"…\"; inside of it, SQL texts stand in single quotes.",
		                 "texts stand in double quotes, not in single ones");
	return error_set(s->err, ERROR_CONFIG_SYNTAX, "Remove it, or put quotes around the text.", "%c cannot stand here", c);
}

struct name_key {
	const struct scan *scan;
	const char *text;
	uint32_t entry;
};

static int
compare_names(const void *left, const void *right)
{
	const struct name_key *ka = left, *kb = right;
	const struct scan_entry *a = &ka->scan->entries[ka->entry], *b = &kb->scan->entries[kb->entry];
	size_t length = a->name_length < b->name_length ? a->name_length : b->name_length;
	int order;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if ((order = memcmp(ka->text + a->name, kb->text + b->name, length)) != 0)
		return order;
	if (a->name_length != b->name_length)
		return a->name_length < b->name_length ? -1 : 1;
	return ka->entry < kb->entry ? -1 : 1;
}

/* libconfig refuses a name twice in a group and says only where the second is. */
static int
find_twins(struct scanner *s)
{
	struct name_key *keys = calloc(s->scan.count > 0 ? s->scan.count : 1, sizeof *keys);
	uint32_t count = 0, second = UINT32_MAX, first = 0;

	if (keys == NULL)
		return error_memory(s->err);
	for (uint32_t i = 0; i < s->scan.count; i++)
		if (s->scan.entries[i].name_length > 0)
			keys[count++] = (struct name_key){ &s->scan, s->text, i };
	qsort(keys, count, sizeof *keys, compare_names);
	for (uint32_t i = 1; i < count; i++) {
		const struct scan_entry *a = &s->scan.entries[keys[i - 1].entry], *b = &s->scan.entries[keys[i].entry];

		if (a->parent == b->parent && a->name_length == b->name_length &&
		    memcmp(s->text + a->name, s->text + b->name, a->name_length) == 0 && keys[i].entry < second) {
			second = keys[i].entry;
			first = keys[i - 1].entry;
		}
	}
	free(keys);
	if (second == UINT32_MAX)
		return 0;
	at(s, s->scan.entries[second].name_line, s->scan.entries[second].name_column);
	return error_set(s->err, ERROR_CONFIG_DUPLICATE, "Remove one of the two, or put both parts into one group.",
	                 "%.*s stands twice in the same group: first in line %u",
	                 s->scan.entries[second].name_length > 100 ? 100 : (int)s->scan.entries[second].name_length,
	                 s->text + s->scan.entries[second].name, (unsigned)s->scan.entries[first].name_line);
}

/* The place of the first byte that is no UTF-8 text. */
static int
refuse_bytes(struct scanner *s)
{
	const char *good = s->text, *p = s->text;
	uint32_t line = 1;

	for (const char *newline; p < s->end; p = newline + 1, line++) {
		if ((newline = memchr(p, '\n', (size_t)(s->end - p))) == NULL)
			newline = s->end;
		good = p;
		if (!text_is_utf8(p, (size_t)(newline - p)))
			break;
		if (newline == s->end)
			break;
	}
	s->line_start = good;
	for (p = good; p < s->end;) { /* a letter at a time */
		size_t step = 1;

		while (step <= 4 && p + step <= s->end && !text_is_utf8(p, step))
			step++;
		if (step > 4 || p + step > s->end)
			break;
		p += step;
	}
	at(s, line, column(s, p));
	if (p < s->end && *p == '\0')
		return error_set(s->err, ERROR_CONFIG_SYNTAX, "Write the file anew with a text editor.", "the file holds a NUL byte");
	return error_set(s->err, ERROR_CONFIG_SYNTAX, "Save the file in UTF-8, or convert it: iconv -f CP1252 -t UTF-8.", "the file is not in UTF-8");
}

int
scan_text(const char *file, const char *text, size_t length, struct scan *ret_scan, struct config_place *ret_place, struct error *err)
{
	struct scanner s = { .file = file, .text = text, .p = text, .end = text + length, .line_start = text, .line = 1, .place = ret_place, .err = err };
	int result = 0;

	*ret_place = (struct config_place){ file, 0, 0 };
	s.stack[0].entry = UINT32_MAX;
	if (!text_is_utf8(text, length))
		return refuse_bytes(&s);
	while (result == 0 && (result = skip(&s)) == 0 && s.p < s.end)
		result = token(&s);
	if (result == 0 && s.depth > 0 && s.pending.name_length == 0) {
		at(&s, s.stack[s.depth].line, s.stack[s.depth].column);
		result = error_set(err, ERROR_CONFIG_SYNTAX, "Close it, or look for a bracket behind it that is missing.", "the %c that stands here is never closed",
		                   s.stack[s.depth].bracket);
	}
	if (result == 0 && s.pending.name_length > 0)
		result = without_value(&s);
	if (result == 0)
		result = find_twins(&s);
	if (result != 0) {
		scan_free(&s.scan);
		return -1;
	}
	*ret_scan = s.scan;
	return 0;
}

void
scan_free(struct scan *scan)
{
	free(scan->entries);
	free(scan->pieces);
	memset(scan, 0, sizeof *scan);
}
