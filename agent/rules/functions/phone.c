/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phone.c: telephone numbers as E.164.  The table knows how people dial in each country: the country's code, what they dial
 * before a national number (which goes away) and before a foreign one.  It does not know which numbers are given out; lengths
 * are those of E.164, and North America's form is checked.  Pure functions; any thread.
 */
#include "rules/functions/validate.h"

#include <stdint.h>
#include <string.h>

#include "rules/functions/unicode.h"

#define DIGITS_MAX 24u

static const struct dialling {
	char country[3];
	const char *code, *trunk, *abroad;
	unsigned least, most; /* digits of a national number without its trunk prefix */
} countries[] = {
	{ "AD", "376", "", "00", 6, 9 }, { "AE", "971", "0", "00", 7, 9 }, { "AL", "355", "0", "00", 5, 9 }, { "AM", "374", "0", "00", 8, 8 },
	{ "AR", "54", "0", "00", 6, 11 }, { "AT", "43", "0", "00", 4, 13 }, { "AU", "61", "0", "0011", 5, 9 }, { "AZ", "994", "0", "00", 9, 9 },
	{ "BA", "387", "0", "00", 7, 9 }, { "BE", "32", "0", "00", 8, 9 }, { "BG", "359", "0", "00", 6, 9 }, { "BR", "55", "0", "00", 8, 11 },
	{ "BY", "375", "8", "810", 9, 9 }, { "CA", "1", "1", "011", 10, 10 }, { "CH", "41", "0", "00", 9, 9 }, { "CL", "56", "", "00", 8, 9 },
	{ "CN", "86", "0", "00", 7, 11 }, { "CO", "57", "", "00", 8, 10 }, { "CY", "357", "", "00", 8, 8 }, { "CZ", "420", "", "00", 9, 9 },
	{ "DE", "49", "0", "00", 3, 13 }, { "DK", "45", "", "00", 8, 8 }, { "EE", "372", "", "00", 7, 8 }, { "EG", "20", "0", "00", 8, 10 },
	{ "ES", "34", "", "00", 9, 9 }, { "FI", "358", "0", "00", 5, 12 }, { "FO", "298", "", "00", 6, 6 }, { "FR", "33", "0", "00", 9, 9 },
	{ "GB", "44", "0", "00", 7, 10 }, { "GE", "995", "0", "00", 9, 9 }, { "GI", "350", "", "00", 8, 8 }, { "GR", "30", "", "00", 10, 10 },
	{ "HK", "852", "", "001", 8, 8 }, { "HR", "385", "0", "00", 8, 9 }, { "HU", "36", "06", "00", 8, 9 }, { "IE", "353", "0", "00", 7, 9 },
	{ "IL", "972", "0", "00", 8, 9 }, { "IN", "91", "0", "00", 8, 10 }, { "IS", "354", "", "00", 7, 9 }, { "IT", "39", "", "00", 6, 11 },
	{ "JP", "81", "0", "010", 9, 10 }, { "KR", "82", "0", "00", 8, 10 }, { "KZ", "7", "8", "810", 10, 10 }, { "LI", "423", "", "00", 7, 9 },
	{ "LT", "370", "0", "00", 8, 8 }, { "LU", "352", "", "00", 4, 11 }, { "LV", "371", "", "00", 8, 8 }, { "MA", "212", "0", "00", 9, 9 },
	{ "MC", "377", "", "00", 8, 9 }, { "MD", "373", "0", "00", 8, 8 }, { "ME", "382", "0", "00", 8, 9 }, { "MK", "389", "0", "00", 8, 8 },
	{ "MT", "356", "", "00", 8, 8 }, { "MX", "52", "", "00", 10, 10 }, { "MY", "60", "0", "00", 8, 10 }, { "NL", "31", "0", "00", 9, 9 },
	{ "NO", "47", "", "00", 5, 8 }, { "NZ", "64", "0", "00", 8, 10 }, { "PL", "48", "", "00", 9, 9 }, { "PT", "351", "", "00", 9, 9 },
	{ "RO", "40", "0", "00", 9, 9 }, { "RS", "381", "0", "00", 8, 9 }, { "RU", "7", "8", "810", 10, 10 }, { "SA", "966", "0", "00", 8, 9 },
	{ "SE", "46", "0", "00", 7, 9 }, { "SG", "65", "", "000", 8, 8 }, { "SI", "386", "0", "00", 8, 8 }, { "SK", "421", "0", "00", 9, 9 },
	{ "SM", "378", "", "00", 6, 10 }, { "TH", "66", "0", "001", 8, 9 }, { "TN", "216", "", "00", 8, 8 }, { "TR", "90", "0", "00", 10, 10 },
	{ "TW", "886", "0", "002", 8, 9 }, { "UA", "380", "0", "00", 9, 9 }, { "US", "1", "1", "011", 10, 10 }, { "VA", "39", "", "00", 6, 11 },
	{ "VN", "84", "0", "00", 9, 10 }, { "XK", "383", "0", "00", 8, 9 }, { "ZA", "27", "0", "00", 9, 9 },
};

/* Country codes that are given out (ITU-T E.164): those of one and two digits, and of three by their first two. */
static bool
is_assigned(const char *digits)
{
	static const char *const two[] = { "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
		"49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91",
		"92", "93", "94", "95", "98" };
	static const struct { const char *first, *last; } three[] = {
		{ "21", "12368" }, { "22", "0123456789" }, { "23", "0123456789" }, { "24", "0123456789" }, { "25", "012345678" }, { "26", "0123456789" },
		{ "29", "01789" }, { "35", "0123456789" }, { "37", "012345678" }, { "38", "01235679" }, { "42", "013" }, { "50", "0123456789" },
		{ "59", "0123456789" }, { "67", "023456789" }, { "68", "012356789" }, { "69", "012" }, { "80", "08" }, { "85", "02356" },
		{ "87", "0138" }, { "88", "012368" }, { "96", "012345678" }, { "97", "012345679" }, { "99", "234568" },
	};

	if (digits[0] == '1' || digits[0] == '7')
		return true;
	for (size_t i = 0; i < sizeof two / sizeof *two; i++)
		if (memcmp(two[i], digits, 2) == 0)
			return true;
	for (size_t i = 0; i < sizeof three / sizeof *three; i++)
		if (memcmp(three[i].first, digits, 2) == 0)
			return digits[2] != '\0' && strchr(three[i].last, digits[2]) != NULL;
	return false;
}

static const struct dialling *
find_country(const char *letters)
{
	for (size_t i = 0; i < sizeof countries / sizeof *countries; i++)
		if ((letters[0] & ~32) == countries[i].country[0] && (letters[1] & ~32) == countries[i].country[1])
			return &countries[i];
	return NULL;
}

/* The first country of the table with the code that these digits begin with, or NULL. */
static const struct dialling *
by_code(const char *digits)
{
	for (size_t i = 0; i < sizeof countries / sizeof *countries; i++)
		if (strncmp(digits, countries[i].code, strlen(countries[i].code)) == 0)
			return &countries[i];
	return NULL;
}

/*
 * The digits of a text, with a + where one stood before them, and without a "(0)".  -1: it has something that no number has.
 */
static int
collect(const char *text, size_t length, char *digits, bool *ret_plus)
{
	const char *end = text + length;
	size_t count = 0;

	*ret_plus = false;
	if (length >= 4 && (memcmp(text, "tel:", 4) == 0 || memcmp(text, "Tel:", 4) == 0))
		text += 4;
	while (text < end) {
		int32_t code;

		if (end - text >= 3 && memcmp(text, "(0)", 3) == 0 && (*ret_plus || (count >= 2 && memcmp(digits, "00", 2) == 0))) {
			text += 3;
			continue;
		}
		code = unicode_next(&text, end);
		if (code == '+' && count == 0 && !*ret_plus) {
			*ret_plus = true;
		} else if (code >= '0' && code <= '9') {
			if (count == DIGITS_MAX)
				return -1;
			digits[count++] = (char)code;
		} else if (!unicode_is_blank(code) && !(code > 0 && code < 0x80 && strchr("()-./", (int)code) != NULL) &&
		           !(code >= 0x2010 && code <= 0x2015)) {
			return -1;
		}
	}
	digits[count] = '\0';
	return (int)count;
}

static bool
starts(const char *digits, const char *prefix)
{
	return prefix[0] != '\0' && strncmp(digits, prefix, strlen(prefix)) == 0;
}

static bool
north_american(const char *national)
{
	return national[0] >= '2' && national[3] >= '2';
}

/* With its country's code in front. */
static bool
finish(const char *digits, char ret_phone[VALIDATE_PHONE_MAX + 1], size_t *ret_length)
{
	const struct dialling *country = by_code(digits);
	size_t code_length = country != NULL ? strlen(country->code) : 0, national;
	const char *rest = digits + code_length;

	if (!is_assigned(digits))
		return false;
	/* "+49 030 …": the 0 is dialled inside of the country only, and no number there begins with one. */
	if (country != NULL && strcmp(country->trunk, "0") == 0 && rest[0] == '0' && *++rest == '0')
		return false;
	national = strlen(rest);
	if (country != NULL && (national < country->least || national > country->most))
		return false;
	if (country != NULL && strcmp(country->code, "1") == 0 && !north_american(rest))
		return false;
	if (code_length + national < 7 || code_length + national > 15)
		return false;
	ret_phone[0] = '+';
	memcpy(ret_phone + 1, digits, code_length);
	memcpy(ret_phone + 1 + code_length, rest, national + 1);
	*ret_length = 1 + code_length + national;
	return true;
}

bool
validate_phone(const char *text, size_t length, const char *country_text, size_t country_length, char ret_phone[VALIDATE_PHONE_MAX + 1],
               size_t *ret_length)
{
	const struct dialling *country = NULL;
	char digits[DIGITS_MAX + 1], whole[DIGITS_MAX + 8];
	const char *national = digits;
	bool plus;

	unicode_trim(&text, &length, NULL, 0, true, true);
	if (collect(text, length, digits, &plus) < 3)
		return false;
	if (country_text != NULL && (country_length != 2 || (country = find_country(country_text)) == NULL))
		return false;
	if (plus)
		return finish(digits, ret_phone, ret_length);
	if (country == NULL)
		return starts(digits, "00") && finish(digits + 2, ret_phone, ret_length);
	if (starts(digits, country->abroad))
		return finish(digits + strlen(country->abroad), ret_phone, ret_length);
	if (starts(digits, country->trunk) && strlen(digits) > country->least)
		national += strlen(country->trunk);
	if (strlen(national) < country->least || strlen(national) > country->most)
		return false;
	memcpy(whole, country->code, strlen(country->code));
	strcpy(whole + strlen(country->code), national);
	return finish(whole, ret_phone, ret_length);
}
