/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * email.c: e-mail addresses.  Pure functions; any thread.
 */
#include "rules/functions/validate.h"

#include <stdint.h>
#include <string.h>

#include <utf8proc.h>

#include "base/text.h"
#include "rules/functions/unicode.h"

#define LOCAL_MAX 64u
#define DOMAIN_MAX 253u
#define LABEL_MAX 63u

static bool
is_digit(int32_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(int32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, marks and numbers of other scripts; in local parts their punctuation and signs as well. */
static bool
is_other_script(int32_t code, bool signs)
{
	if (code < 0x80 || code == 0xFFFD)
		return false;
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO: case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ND:
		return true;
	case UTF8PROC_CATEGORY_SM: case UTF8PROC_CATEGORY_SC: case UTF8PROC_CATEGORY_SK: case UTF8PROC_CATEGORY_SO:
	case UTF8PROC_CATEGORY_PC: case UTF8PROC_CATEGORY_PD: case UTF8PROC_CATEGORY_PS: case UTF8PROC_CATEGORY_PE:
	case UTF8PROC_CATEGORY_PI: case UTF8PROC_CATEGORY_PF: case UTF8PROC_CATEGORY_PO: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO:
		return signs;
	default:
		return false;
	}
}

/* Dot-separated atoms of RFC 5322's atext and other scripts. */
static bool
is_local_part(const char *text, size_t length)
{
	const char *p = text, *end = text + length;
	bool dot = true;

	if (length == 0 || length > LOCAL_MAX)
		return false;
	while (p < end) {
		int32_t code = unicode_next(&p, end);

		if (code == '.') {
			if (dot)
				return false;
			dot = true;
			continue;
		}
		dot = false;
		if (!is_letter(code) && !is_digit(code) && !(code > 0 && code < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~", (int)code) != NULL) &&
		    !is_other_script(code, true))
			return false;
	}
	return !dot;
}

static bool
is_label(const char *text, size_t length, bool last)
{
	const char *p = text, *end = text + length;
	bool letters = false;

	if (length == 0 || length > LABEL_MAX || text[0] == '-' || text[length - 1] == '-')
		return false;
	/* "--" in the third place is punycode's, or a mistake. */
	if (length > 3 && text[2] == '-' && text[3] == '-' && !((text[0] | 32) == 'x' && (text[1] | 32) == 'n'))
		return false;
	while (p < end) {
		int32_t code = unicode_next(&p, end);

		if (!is_letter(code) && !is_digit(code) && code != '-' && !is_other_script(code, false))
			return false;
		letters = letters || is_letter(code) || code >= 0x80;
	}
	/* A last label of digits would be a number, not a name; one of a single letter is none either. */
	return !last || (letters && length >= 2 && !is_digit((unsigned char)text[length - 1]));
}

static bool
is_domain(const char *text, size_t length)
{
	const char *label = text, *end = text + length;
	unsigned labels = 0;

	if (length > DOMAIN_MAX)
		return false;
	for (const char *p = text;; p++)
		if (p == end || *p == '.') {
			labels++;
			if (!is_label(label, (size_t)(p - label), p == end))
				return false;
			if (p == end)
				return labels >= 2;
			label = p + 1;
		}
}

bool
validate_email(const char *text, size_t length, char ret_address[VALIDATE_EMAIL_MAX + 1], size_t *ret_length)
{
	const char *at = NULL, *p, *end;
	char address[VALIDATE_EMAIL_MAX + 5];
	size_t count;

	unicode_trim(&text, &length, NULL, 0, true, true);
	if (length > VALIDATE_EMAIL_MAX || !text_is_utf8(text, length))
		return false;
	for (p = text; p < text + length; p++)
		if (*p == '@')
			at = p;
	if (at == NULL || !is_local_part(text, (size_t)(at - text)) || !is_domain(at + 1, (size_t)(text + length - at - 1)))
		return false;
	count = (size_t)(at + 1 - text);
	memcpy(address, text, count);
	for (p = at + 1, end = text + length; p < end && count <= VALIDATE_EMAIL_MAX;)
		count += (size_t)utf8proc_encode_char(utf8proc_tolower(unicode_next(&p, end)), (utf8proc_uint8_t *)address + count);
	if (p < end || count > VALIDATE_EMAIL_MAX)
		return false;
	memcpy(ret_address, address, count);
	ret_address[count] = '\0';
	*ret_length = count;
	return true;
}
