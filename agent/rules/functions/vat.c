/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vat.c: VAT identification numbers, a small function for each country's form and check digits.  Pure functions; any thread.
 */
#include "rules/functions/validate.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "rules/functions/unicode.h"

/* A number without its country: capitals, digits, + and *. */
struct number {
	const char *p;
	size_t length;
};

#define WEIGHTS(...) (const int[]){ __VA_ARGS__ }

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
all_digits(const char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_digit(p[i]))
			return false;
	return true;
}

static bool
is_digits(struct number n, size_t count)
{
	return n.length == count && all_digits(n.p, count);
}

static int
digit(struct number n, size_t i)
{
	return n.p[i] - '0';
}

static int64_t
value(const char *p, size_t count)
{
	int64_t result = 0;

	for (size_t i = 0; i < count; i++)
		result = result * 10 + (p[i] - '0');
	return result;
}

static int
weighted(struct number n, const int *weights, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += digit(n, i) * weights[i];
	return sum;
}

/* Luhn: from the right every second digit doubled and its digits added; 0 when it is right. */
static int
luhn(const char *p, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < count; i++) {
		int d = p[count - 1 - i] - '0';

		d *= i % 2 == 1 ? 2 : 1;
		sum += d > 9 ? d - 9 : d;
	}
	return sum % 10;
}

/* ISO 7064, MOD 11,10, the check digit last. */
static bool
mod_11_10(struct number n)
{
	int product = 10;

	for (size_t i = 0; i + 1 < n.length; i++) {
		int sum = (digit(n, i) + product) % 10;

		product = (sum == 0 ? 10 : sum) * 2 % 11;
	}
	return (11 - product) % 10 == digit(n, n.length - 1);
}

static bool
exists(int64_t year, int64_t month, int64_t day)
{
	int64_t days;

	return text_days_from_date(year, month, day, &days);
}

static bool
austria(struct number n)
{
	int sum = 4;

	if (n.length != 9 || n.p[0] != 'U' || !all_digits(n.p + 1, 8))
		return false;
	for (size_t i = 1; i < 8; i++) {
		int d = digit(n, i) * (i % 2 == 0 ? 2 : 1);

		sum += d > 9 ? d - 9 : d;
	}
	return (10 - sum % 10) % 10 == digit(n, 8);
}

static bool
belgium(struct number n)
{
	return is_digits(n, 10) && (n.p[0] == '0' || n.p[0] == '1') && value(n.p, 8) > 0 && 97 - value(n.p, 8) % 97 == value(n.p + 8, 2);
}

static bool
bulgaria(struct number n)
{
	int64_t year, month, day;

	if (is_digits(n, 9)) {
		int check = weighted(n, WEIGHTS(1, 2, 3, 4, 5, 6, 7, 8), 8) % 11;

		if (check == 10)
			check = weighted(n, WEIGHTS(3, 4, 5, 6, 7, 8, 9, 10), 8) % 11 % 10;
		return check == digit(n, 8);
	}
	if (!is_digits(n, 10))
		return false;
	/* A person's number: its month tells the century. */
	year = value(n.p, 2);
	month = value(n.p + 2, 2);
	day = value(n.p + 4, 2);
	if (month > 40) {
		year += 2000;
		month -= 40;
	} else if (month > 20) {
		year += 1800;
		month -= 20;
	} else {
		year += 1900;
	}
	if (exists(year, month, day) && weighted(n, WEIGHTS(2, 4, 8, 5, 10, 9, 7, 3, 6), 9) % 11 % 10 == digit(n, 9))
		return true;
	/* A foreigner's, or another's. */
	return weighted(n, WEIGHTS(21, 19, 17, 13, 11, 9, 7, 3, 1), 9) % 10 == digit(n, 9) ||
	       (11 - weighted(n, WEIGHTS(4, 3, 2, 7, 6, 5, 4, 3, 2), 9) % 11) % 11 == digit(n, 9);
}

static bool
cyprus(struct number n)
{
	static const int odd[] = { 1, 0, 5, 7, 9, 13, 15, 17, 19, 21 };
	int sum = 0;

	if (n.length != 9 || !all_digits(n.p, 8) || memcmp(n.p, "12", 2) == 0)
		return false;
	for (size_t i = 0; i < 8; i++)
		sum += i % 2 == 0 ? odd[digit(n, i)] : digit(n, i);
	return n.p[8] == 'A' + sum % 26;
}

/* A Czech or Slovak person's number of 9 (born before 1954) or 10 digits. */
static bool
birth_number(struct number n)
{
	int64_t year = 1900 + value(n.p, 2), month = value(n.p + 2, 2) % 50 % 20, day = value(n.p + 4, 2), rest;

	if (n.length == 9) {
		if (year >= 1980)
			year -= 100;
		return year <= 1953 && exists(year, month, day);
	}
	if (year < 1954)
		year += 100;
	if (!exists(year, month, day))
		return false;
	rest = value(n.p, 9) % 11;
	if (year < 1985)
		rest %= 10;
	return rest == digit(n, 9);
}

static bool
czechia(struct number n)
{
	static const int weights[] = { 8, 7, 6, 5, 4, 3, 2 };
	int check;

	if (!all_digits(n.p, n.length) || n.length < 8 || n.length > 10)
		return false;
	if (n.length == 8) {
		check = (11 - weighted(n, weights, 7) % 11) % 11;
		return n.p[0] != '9' && (check == 0 ? 1 : check) % 10 == digit(n, 7);
	}
	if (n.length == 9 && n.p[0] == '6') {
		check = weighted((struct number){ n.p + 1, 8 }, weights, 7) % 11;
		/* Special cases; the first digit does not count. */
		return ((8 - (10 - check + 11) % 11) % 10 + 10) % 10 == digit(n, 8);
	}
	return birth_number(n);
}

static bool
germany(struct number n)
{
	return is_digits(n, 9) && n.p[0] != '0' && mod_11_10(n);
}

static bool
denmark(struct number n)
{
	return is_digits(n, 8) && n.p[0] != '0' && weighted(n, WEIGHTS(2, 7, 6, 5, 4, 3, 2, 1), 8) % 11 == 0;
}

static bool
estonia(struct number n)
{
	return is_digits(n, 9) && weighted(n, WEIGHTS(3, 7, 1, 3, 7, 1, 3, 7, 1), 9) % 10 == 0;
}

static bool
greece(struct number n)
{
	return is_digits(n, 9) && weighted(n, WEIGHTS(256, 128, 64, 32, 16, 8, 4, 2), 8) % 11 % 10 == digit(n, 8);
}

static char
spanish_letter(int64_t number)
{
	return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23];
}

static bool
spain(struct number n)
{
	char first, last;
	int check;

	if (n.length != 9 || !all_digits(n.p + 1, 7))
		return false;
	first = n.p[0];
	last = n.p[8];
	if (is_digit(first))
		return last == spanish_letter(value(n.p, 8));
	if (first >= 'X' && first <= 'Z')
		return last == spanish_letter((first - 'X') * INT64_C(10000000) + value(n.p + 1, 7));
	if (first == 'K' || first == 'L' || first == 'M')
		return last == spanish_letter(value(n.p + 1, 7));
	if (strchr("ABCDEFGHJNPQRSUVW", first) == NULL)
		return false;
	/* Organisations have a digit or the letter in its place; which kind has which is not certain. */
	check = 0;
	for (size_t i = 1; i < 8; i++) {
		int d = digit(n, i) * (i % 2 == 1 ? 2 : 1);

		check += d > 9 ? d - 9 : d;
	}
	check = (10 - check % 10) % 10;
	return last == '0' + check || last == "JABCDEFGHI"[check];
}

static bool
finland(struct number n)
{
	return is_digits(n, 8) && weighted(n, WEIGHTS(7, 9, 10, 5, 8, 4, 2, 1), 8) % 11 == 0;
}

static bool
france(struct number n)
{
	static const char letters[] = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
	const char *first, *second;
	int check;

	if (n.length != 11 || !all_digits(n.p + 2, 9) || (first = strchr(letters, n.p[0])) == NULL || (second = strchr(letters, n.p[1])) == NULL)
		return false;
	/* What begins with 000 is Monaco's, which has no SIREN. */
	if (memcmp(n.p + 2, "000", 3) != 0 && luhn(n.p + 2, 9) != 0)
		return false;
	if (is_digit(n.p[0]) && is_digit(n.p[1]))
		return (value(n.p + 2, 9) * 100 + 12) % 97 == value(n.p, 2);
	if (is_digit(n.p[0]))
		check = (int)(first - letters) * 24 + (int)(second - letters) - 10;
	else
		check = (int)(first - letters) * 34 + (int)(second - letters) - 100;
	return (value(n.p + 2, 9) + 1 + check / 11) % 11 == check % 11;
}

static bool
croatia(struct number n)
{
	return is_digits(n, 11) && mod_11_10(n);
}

static bool
hungary(struct number n)
{
	return is_digits(n, 8) && weighted(n, WEIGHTS(9, 7, 3, 1, 9, 7, 3, 1), 8) % 10 == 0;
}

static bool
ireland(struct number n)
{
	static const char letters[] = "WABCDEFGHIJKLMNOPQRSTUV";
	int sum = 0;

	if ((n.length != 8 && n.length != 9) || !is_digit(n.p[0]) || !all_digits(n.p + 2, 5))
		return false;
	if (is_digit(n.p[1])) {
		const char *extra = n.length == 9 ? strchr(letters, n.p[8]) : letters;

		if (extra == NULL)
			return false;
		sum = weighted(n, WEIGHTS(8, 7, 6, 5, 4, 3, 2), 7) + 9 * (int)(extra - letters);
	} else {
		/* The old form: the first digit belongs behind the others. */
		if (n.length != 8 || !((n.p[1] >= 'A' && n.p[1] <= 'Z') || n.p[1] == '+' || n.p[1] == '*'))
			return false;
		sum = weighted((struct number){ n.p + 2, 5 }, WEIGHTS(7, 6, 5, 4, 3), 5) + digit(n, 0) * 2;
	}
	return n.p[7] == letters[sum % 23];
}

static bool
italy(struct number n)
{
	int64_t province;

	if (!is_digits(n, 11) || value(n.p, 7) == 0)
		return false;
	province = value(n.p + 7, 3);
	if (!((province >= 1 && province <= 100) || province == 120 || province == 121 || province == 888 || province == 999))
		return false;
	return luhn(n.p, 11) == 0;
}

static bool
lithuania(struct number n)
{
	int sum = 0, again = 0;

	if (!is_digits(n, 9) && !is_digits(n, 12))
		return false;
	if (n.p[n.length - 2] != '1')
		return false;
	for (size_t i = 0; i + 1 < n.length; i++) {
		sum += digit(n, i) * (1 + (int)i % 9);
		again += digit(n, i) * (1 + ((int)i + 2) % 9);
	}
	return (sum % 11 == 10 ? again % 11 % 10 : sum % 11) == digit(n, n.length - 1);
}

static bool
luxembourg(struct number n)
{
	return is_digits(n, 8) && value(n.p, 6) % 89 == value(n.p + 6, 2);
}

static bool
latvia(struct number n)
{
	if (!is_digits(n, 11))
		return false;
	if (n.p[0] > '3')
		return weighted(n, WEIGHTS(9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1), 11) % 11 == 3;
	return exists(1800 + digit(n, 6) * 100 + value(n.p + 4, 2), value(n.p + 2, 2), value(n.p, 2)) &&
	       (1 + weighted(n, WEIGHTS(10, 5, 8, 4, 2, 1, 6, 3, 7, 9), 10)) % 11 % 10 == digit(n, 10);
}

static bool
malta(struct number n)
{
	return is_digits(n, 8) && n.p[0] != '0' && weighted(n, WEIGHTS(3, 4, 6, 7, 8, 9, 10, 1), 8) % 37 == 0;
}

/* The number of old, by the citizen's number in it; since 2020 by MOD 97-10 over all of it with "NL" before. */
static bool
netherlands(struct number n)
{
	int64_t rest = 2321; /* N and L */

	if (n.length != 12 || !all_digits(n.p, 9) || n.p[9] != 'B' || !all_digits(n.p + 10, 2) || value(n.p, 9) == 0 || value(n.p + 10, 2) == 0)
		return false;
	if ((weighted(n, WEIGHTS(9, 8, 7, 6, 5, 4, 3, 2), 8) - digit(n, 8)) % 11 == 0)
		return true;
	for (size_t i = 0; i < 12; i++)
		rest = i == 9 ? (rest * 100 + 11) % 97 : (rest * 10 + digit(n, i)) % 97;
	return rest == 1;
}

static bool
poland(struct number n)
{
	return is_digits(n, 10) && weighted(n, WEIGHTS(6, 5, 7, 2, 3, 4, 5, 6, 7), 9) % 11 == digit(n, 9);
}

static bool
portugal(struct number n)
{
	return is_digits(n, 9) && n.p[0] != '0' && (11 - weighted(n, WEIGHTS(9, 8, 7, 6, 5, 4, 3, 2), 8) % 11) % 11 % 10 == digit(n, 8);
}

static bool
romania(struct number n)
{
	char padded[10];

	if (n.length == 13 && all_digits(n.p, 13)) {
		/* A person's number, with the century in its first digit. */
		int64_t century = strchr("34", n.p[0]) != NULL ? 1800 : strchr("56", n.p[0]) != NULL ? 2000 : 1900;
		int check = weighted(n, WEIGHTS(2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9), 12) % 11;

		return n.p[0] != '0' && exists(century + value(n.p + 1, 2), value(n.p + 3, 2), value(n.p + 5, 2)) &&
		       (check == 10 ? 1 : check) == digit(n, 12);
	}
	if (n.length < 2 || n.length > 10 || !all_digits(n.p, n.length) || n.p[0] == '0')
		return false;
	memset(padded, '0', sizeof padded);
	memcpy(padded + 10 - n.length, n.p, n.length);
	return weighted((struct number){ padded, 10 }, WEIGHTS(7, 5, 3, 2, 1, 7, 5, 3, 2), 9) * 10 % 11 % 10 == digit(n, n.length - 1);
}

static bool
sweden(struct number n)
{
	return is_digits(n, 12) && memcmp(n.p + 10, "01", 2) == 0 && luhn(n.p, 10) == 0;
}

static bool
slovenia(struct number n)
{
	int check;

	if (!is_digits(n, 8) || n.p[0] == '0')
		return false;
	check = 11 - weighted(n, WEIGHTS(8, 7, 6, 5, 4, 3, 2), 7) % 11;
	return check != 11 && check % 10 == digit(n, 7);
}

static bool
slovakia(struct number n)
{
	if (!is_digits(n, 10))
		return false;
	return birth_number(n) || (n.p[0] != '0' && strchr("234789", n.p[2]) != NULL && value(n.p, 10) % 11 == 0);
}

/* Three digits tell departments (below 500) from health authorities. */
static bool
british_body(const char *p)
{
	return (memcmp(p, "GD", 2) == 0 && value(p + 2, 3) < 500) || (memcmp(p, "HA", 2) == 0 && value(p + 2, 3) >= 500);
}

static bool
britain(struct number n)
{
	int rest;

	if (n.length == 5 && all_digits(n.p + 2, 3))
		return british_body(n.p);
	if (n.length == 11 && memcmp(n.p + 2, "8888", 4) == 0 && all_digits(n.p + 6, 5)) {
		char body[5] = { n.p[0], n.p[1], n.p[6], n.p[7], n.p[8] };

		return british_body(body) && value(n.p + 6, 3) % 97 == value(n.p + 9, 2);
	}
	if (!is_digits(n, 9) && !is_digits(n, 12))
		return false;
	rest = weighted(n, WEIGHTS(8, 7, 6, 5, 4, 3, 2, 10, 1), 9) % 97;
	return rest == 0 || (value(n.p, 3) >= 100 && (rest == 42 || rest == 55));
}

/* Behind "CH": E, nine digits, and what VAT is called there. */
static bool
switzerland(struct number n)
{
	static const char *const names[] = { "MWST", "TVA", "IVA", "TPV" };
	int check;

	if (n.length < 13 || n.p[0] != 'E' || !all_digits(n.p + 1, 9))
		return false;
	check = (11 - weighted((struct number){ n.p + 1, 9 }, WEIGHTS(5, 4, 3, 2, 7, 6, 5, 4), 8) % 11) % 11;
	if (check != digit(n, 9))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == n.length - 10 && memcmp(n.p + 10, names[i], n.length - 10) == 0)
			return true;
	return false;
}

static const struct country {
	char code[3];
	bool (*check)(struct number);
	size_t padded; /* numbers one digit short have lost a leading zero */
} countries[] = {
	{ "AT", austria, 0 }, { "BE", belgium, 10 }, { "BG", bulgaria, 0 }, { "CH", switzerland, 0 }, { "CY", cyprus, 0 }, { "CZ", czechia, 0 },
	{ "DE", germany, 0 }, { "DK", denmark, 0 }, { "EE", estonia, 0 }, { "EL", greece, 9 }, { "ES", spain, 0 }, { "FI", finland, 0 },
	{ "FR", france, 0 }, { "GB", britain, 0 }, { "HR", croatia, 0 }, { "HU", hungary, 0 }, { "IE", ireland, 0 }, { "IT", italy, 0 },
	{ "LT", lithuania, 0 }, { "LU", luxembourg, 0 }, { "LV", latvia, 0 }, { "MT", malta, 0 }, { "NL", netherlands, 12 }, { "PL", poland, 0 },
	{ "PT", portugal, 0 }, { "RO", romania, 0 }, { "SE", sweden, 0 }, { "SI", slovenia, 0 }, { "SK", slovakia, 0 }, { "XI", britain, 0 },
};

static const struct country *
find_country(const char *letters)
{
	char code[3] = { letters[0], letters[1], '\0' };

	for (int i = 0; i < 2; i++)
		if (code[i] >= 'a' && code[i] <= 'z')
			code[i] = (char)(code[i] - 32);
	if (memcmp(code, "GR", 2) == 0)
		memcpy(code, "EL", 2);
	for (size_t i = 0; i < sizeof countries / sizeof *countries; i++)
		if (memcmp(countries[i].code, code, 2) == 0)
			return &countries[i];
	return NULL;
}

static bool
judge(const struct country *country, const char *p, size_t length, char *ret_vat, size_t *ret_length)
{
	char national[VALIDATE_VAT_MAX];

	if (length == 0 || length > VALIDATE_VAT_MAX - 3)
		return false;
	if (country->padded != 0 && length == country->padded - 1) {
		national[0] = '0';
		memcpy(national + 1, p, length);
		length++;
	} else {
		memcpy(national, p, length);
	}
	if (!country->check((struct number){ national, length }))
		return false;
	memcpy(ret_vat, country->code, 2);
	memcpy(ret_vat + 2, national, length);
	ret_vat[length + 2] = '\0';
	*ret_length = length + 2;
	return true;
}

bool
validate_vat(const char *text, size_t length, const char *country_text, size_t country_length, char ret_vat[VALIDATE_VAT_MAX + 1],
             size_t *ret_length)
{
	const struct country *country = NULL, *said;
	const char *end = text + length;
	char number[VALIDATE_VAT_MAX + 1] = "";
	size_t count = 0;

	while (text < end) {
		int32_t code = unicode_next(&text, end);

		if (unicode_is_blank(code) || (code > 0 && code < 0x80 && strchr("-./,:", (int)code) != NULL))
			continue;
		if (code >= 'a' && code <= 'z')
			code -= 32;
		if (!((code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9') || code == '+' || code == '*') || count == VALIDATE_VAT_MAX)
			return false;
		number[count++] = (char)code;
	}
	if (count < 2 || (country_text != NULL && (country_length != 2 || (country = find_country(country_text)) == NULL)))
		return false;
	said = find_country(number);
	if (said != NULL && (country == NULL || said == country) && judge(said, number + 2, count - 2, ret_vat, ret_length))
		return true;
	return country != NULL && judge(country, number, count, ret_vat, ret_length);
}
