/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iban.c: IBANs (ISO 13616).  The table says how a BBAN looks in each country of SWIFT's registry.  Pure functions; any thread.
 */
#include "rules/functions/validate.h"

#include <stdint.h>
#include <string.h>

#include "rules/functions/unicode.h"

/* Pieces of digits (n), capitals (a), capitals or digits (c). */
static const struct { char country[3]; const char *structure; } countries[] = {
	{ "AD", "8n12c" }, { "AE", "19n" }, { "AL", "8n16c" }, { "AT", "16n" }, { "AZ", "4a20c" }, { "BA", "16n" }, { "BE", "12n" },
	{ "BG", "4a6n8c" }, { "BH", "4a14c" }, { "BI", "23n" }, { "BR", "23n1a1c" }, { "BY", "4c4n16c" }, { "CH", "5n12c" }, { "CR", "18n" },
	{ "CY", "8n16c" }, { "CZ", "20n" }, { "DE", "18n" }, { "DJ", "23n" }, { "DK", "14n" }, { "DO", "4c20n" }, { "EE", "16n" },
	{ "EG", "25n" }, { "ES", "20n" }, { "FI", "14n" }, { "FK", "2a12n" }, { "FO", "14n" }, { "FR", "10n11c2n" }, { "GB", "4a14n" },
	{ "GE", "2a16n" }, { "GI", "4a15c" }, { "GL", "14n" }, { "GR", "7n16c" }, { "GT", "24c" }, { "HN", "4a20n" }, { "HR", "17n" }, { "HU", "24n" },
	{ "IE", "4a14n" }, { "IL", "19n" }, { "IQ", "4a15n" }, { "IS", "22n" }, { "IT", "1a10n12c" }, { "JO", "4a4n18c" }, { "KW", "4a22c" },
	{ "KZ", "3n13c" }, { "LB", "4n20c" }, { "LC", "4a24c" }, { "LI", "5n12c" }, { "LT", "16n" }, { "LU", "3n13c" }, { "LV", "4a13c" },
	{ "LY", "21n" }, { "MC", "10n11c2n" }, { "MD", "20c" }, { "ME", "18n" }, { "MK", "3n10c2n" }, { "MN", "16n" }, { "MR", "23n" },
	{ "MT", "4a5n18c" }, { "MU", "4a19n3a" }, { "NI", "4a20n" }, { "NL", "4a10n" }, { "NO", "11n" }, { "OM", "3n16c" }, { "PK", "4a16c" },
	{ "PL", "24n" }, { "PS", "4a21c" }, { "PT", "21n" }, { "QA", "4a21c" }, { "RO", "4a16c" }, { "RS", "18n" }, { "RU", "14n15c" },
	{ "SA", "2n18c" }, { "SC", "4a20n3a" }, { "SD", "14n" }, { "SE", "20n" }, { "SI", "15n" }, { "SK", "20n" }, { "SM", "1a10n12c" },
	{ "SO", "19n" }, { "ST", "21n" }, { "SV", "4a20n" }, { "TL", "19n" }, { "TN", "20n" }, { "TR", "6n16c" }, { "UA", "6n19c" },
	{ "VA", "18n" }, { "VG", "4a16n" }, { "XK", "16n" }, { "YE", "4a4n18c" },
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
fits(const char *structure, const char *bban, size_t length)
{
	const char *end = bban + length;

	while (*structure != '\0') {
		unsigned count = 0;
		char kind;

		for (; is_digit(*structure); structure++)
			count = count * 10 + (unsigned)(*structure - '0');
		kind = *structure++;
		for (; count > 0; count--, bban++)
			if (bban == end || !((kind != 'a' && is_digit(*bban)) || (kind != 'n' && is_capital(*bban))))
				return false;
	}
	return bban == end;
}

/* The number, letters as 10 to 35, modulo 97. */
static unsigned
modulo_97(const char *text, size_t length, unsigned rest)
{
	for (size_t i = 0; i < length; i++)
		if (is_digit(text[i]))
			rest = (rest * 10 + (unsigned)(text[i] - '0')) % 97;
		else
			rest = (rest * 100 + (unsigned)(text[i] - 'A') + 10) % 97;
	return rest;
}

static unsigned
weighted(const char *digits, const unsigned char *weights, size_t count)
{
	unsigned sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (unsigned)(digits[i] - '0') * weights[i];
	return sum;
}

/* 11 less the rest of 11; 10 is written 1 and 11 is written 0. */
static char
spanish_digit(unsigned sum)
{
	unsigned check = 11 - sum % 11;

	return (char)('0' + (check == 10 ? 1 : check == 11 ? 0 : check));
}

/* Check digits that a country has inside of the BBAN, where they are certain. */
static bool
national(const char *country, const char *bban)
{
	static const unsigned char spain_bank[] = { 4, 8, 5, 10, 9, 7, 3, 6 }, spain_account[] = { 1, 2, 4, 8, 5, 10, 9, 7, 3, 6 };
	static const unsigned char norway[] = { 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1 };

	if (memcmp(country, "BE", 2) == 0) {
		unsigned rest = modulo_97(bban, 10, 0);

		return (unsigned)(bban[10] - '0') * 10 + (unsigned)(bban[11] - '0') == (rest == 0 ? 97 : rest);
	}
	if (memcmp(country, "ES", 2) == 0)
		return bban[8] == spanish_digit(weighted(bban, spain_bank, 8)) && bban[9] == spanish_digit(weighted(bban + 10, spain_account, 10));
	if (memcmp(country, "ME", 2) == 0)
		return modulo_97(bban, 18, 0) == 1;
	if (memcmp(country, "NO", 2) == 0)
		return weighted(bban, norway, 11) % 11 == 0;
	return true;
}

bool
validate_iban(const char *text, size_t length, char ret_iban[VALIDATE_IBAN_MAX + 1], size_t *ret_length)
{
	const char *end = text + length;
	char iban[VALIDATE_IBAN_MAX + 1];
	size_t count = 0;

	while (text < end) {
		int32_t code = unicode_next(&text, end);

		if (unicode_is_blank(code) || code == '-' || code == '.')
			continue;
		if (code >= 'a' && code <= 'z')
			code -= 32;
		if (code >= 0x80 || !(is_digit((char)code) || is_capital((char)code)) || count == VALIDATE_IBAN_MAX)
			return false;
		iban[count++] = (char)code;
	}
	/* Check digits are 02 to 98: the others would be second spellings of the same rest. */
	if (count < 15 || !is_digit(iban[2]) || !is_digit(iban[3]) || memcmp(iban + 2, "00", 2) == 0 || memcmp(iban + 2, "01", 2) == 0 ||
	    memcmp(iban + 2, "99", 2) == 0 || !is_capital(iban[0]) || !is_capital(iban[1]))
		return false;
	if (modulo_97(iban, 4, modulo_97(iban + 4, count - 4, 0)) != 1)
		return false;
	for (size_t i = 0; i < sizeof countries / sizeof *countries; i++)
		if (memcmp(countries[i].country, iban, 2) == 0) {
			if (!fits(countries[i].structure, iban + 4, count - 4) || !national(iban, iban + 4))
				return false;
			iban[count] = '\0';
			memcpy(ret_iban, iban, count + 1);
			*ret_length = count;
			return true;
		}
	return false;
}
