/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token.c: cuts the text of a rule into tokens as SQLite does.  What SQLite forgives (a comment without an end) is a mistake here.
 */
#include <strings.h>

#include "rules/engine.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static size_t
quoted(const char *p, size_t left, char end)
{
	for (size_t i = 1; i < left; i++) {
		if (p[i] != end)
			continue;
		if (end == ']' || i + 1 >= left || p[i + 1] != end)
			return i + 1;
		i++;
	}
	return 0;
}

static size_t
number(const char *p, size_t left)
{
	size_t i = 0, e;

	if (left > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		for (i = 2; i < left && is_word(p[i]); i++)
			;
		return i;
	}
	while (i < left && is_digit(p[i]))
		i++;
	if (i < left && p[i] == '.')
		for (i++; i < left && is_digit(p[i]); i++)
			;
	if (i < left && (p[i] == 'e' || p[i] == 'E')) {
		e = i + 1;
		if (e < left && (p[e] == '+' || p[e] == '-'))
			e++;
		if (e < left && is_digit(p[e]))
			for (i = e; i < left && is_digit(p[i]); i++)
				;
	}
	while (i < left && is_word(p[i])) /* 12abc is no number; SQLite says so too */
		i++;
	return i;
}

static size_t
sign(const char *p, size_t left)
{
	static const char *const longs[] = { "->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "!=", "==" };

	for (size_t i = 0; i < sizeof longs / sizeof *longs; i++) {
		size_t length = strlen(longs[i]);

		if (left >= length && memcmp(p, longs[i], length) == 0)
			return length;
	}
	return strchr("()+-*/%<>=&|~,.;", *p) != NULL && *p != '\0' ? 1 : 0;
}

/* Blanks and comments before the next token; false when a comment never ends. */
static bool
skip(const char *text, size_t length, size_t *at)
{
	size_t i = *at;

	while (i < length) {
		if (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r' && text[i] != '\v')) {
			i++;
		} else if (text[i] == '-' && i + 1 < length && text[i + 1] == '-') {
			while (i < length && text[i] != '\n')
				i++;
		} else if (text[i] == '/' && i + 1 < length && text[i + 1] == '*') {
			size_t end = i + 2;

			while (end + 1 < length && (text[end] != '*' || text[end + 1] != '/'))
				end++;
			if (end + 1 >= length) {
				*at = i;
				return false;
			}
			i = end + 2;
		} else {
			break;
		}
	}
	*at = i;
	return true;
}

static size_t
one(const char *p, size_t left, uint8_t *ret_kind)
{
	size_t n;

	*ret_kind = TOKEN_SIGN;
	switch (*p) {
	case '\'':
		*ret_kind = TOKEN_STRING;
		return quoted(p, left, '\'');
	case '"':
	case '`':
		*ret_kind = TOKEN_NAME;
		return quoted(p, left, *p);
	case '[':
		*ret_kind = TOKEN_NAME;
		return quoted(p, left, ']');
	case '?':
	case ':':
	case '@':
	case '$':
	case '#':
		*ret_kind = TOKEN_VARIABLE;
		for (n = 1; n < left && is_word(p[n]); n++)
			;
		return n;
	default:
		break;
	}
	if ((*p == 'x' || *p == 'X') && left > 1 && p[1] == '\'') {
		*ret_kind = TOKEN_BLOB;
		n = quoted(p + 1, left - 1, '\'');
		return n > 0 ? n + 1 : 0;
	}
	if (is_digit(*p) || (*p == '.' && left > 1 && is_digit(p[1]))) {
		*ret_kind = TOKEN_NUMBER;
		return number(p, left);
	}
	if (is_word(*p)) {
		*ret_kind = TOKEN_WORD;
		for (n = 1; n < left && is_word(p[n]); n++)
			;
		return n;
	}
	return sign(p, left);
}

int
tokens_read(struct arena *arena, const char *text, size_t length, struct tokens *ret_tokens)
{
	struct token *items = arena_array(arena, length + 1, sizeof *items);
	uint32_t count = 0;
	size_t at = 0;

	if (items == NULL)
		return -1;
	ret_tokens->bad_at = 0;
	for (;;) {
		struct token *token = &items[count];
		size_t size;

		if (!skip(text, length, &at)) {
			token->kind = TOKEN_BAD;
		} else if (at == length) {
			token->kind = TOKEN_END;
		} else if ((size = one(text + at, length - at, &token->kind)) > 0) {
			token->at = (uint32_t)at;
			token->length = (uint32_t)size;
			at += size;
			count++;
			continue;
		} else {
			token->kind = TOKEN_BAD;
		}
		token->at = (uint32_t)at;
		token->length = token->kind == TOKEN_BAD ? 1 : 0;
		ret_tokens->bad_at = (uint32_t)at;
		break;
	}
	ret_tokens->items = items;
	ret_tokens->count = count;
	return 0;
}

bool
token_is(const char *text, const struct token *token, const char *word)
{
	return token->kind == TOKEN_WORD && strlen(word) == token->length && strncasecmp(text + token->at, word, token->length) == 0;
}

bool
token_is_sign(const char *text, const struct token *token, const char *sign_text)
{
	return token->kind == TOKEN_SIGN && strlen(sign_text) == token->length && memcmp(text + token->at, sign_text, token->length) == 0;
}

char *
token_name(struct arena *arena, const char *text, const struct token *token, size_t *ret_length)
{
	const char *p = text + token->at;
	char quote = token->kind == TOKEN_WORD ? '\0' : *p;
	char *name = arena_alloc(arena, token->length + 1u);
	size_t length = 0;

	if (name == NULL)
		return NULL;
	if (quote == '\0') {
		memcpy(name, p, token->length);
		length = token->length;
	} else {
		for (size_t i = 1; i + 1 < token->length; i++) {
			name[length++] = p[i];
			if (p[i] == quote && quote != '[')
				i++;
		}
	}
	name[length] = '\0';
	*ret_length = length;
	return name;
}
