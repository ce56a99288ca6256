/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql_check.c: validators and what brings a value into its one form, as SQL has them.  Used by the worker's thread alone.
 */
#include "rules/functions/sql.h"

#include "rules/functions/validate.h"

#define FORM_MAX (VALIDATE_EMAIL_MAX + 1)

typedef bool checker(const struct sql_text *text, const struct sql_text *country, char *form, size_t *ret_length);

static bool
email(const struct sql_text *text, const struct sql_text *country, char *form, size_t *ret_length)
{
	(void)country;
	return validate_email(text->data, text->length, form, ret_length);
}

static bool
iban(const struct sql_text *text, const struct sql_text *country, char *form, size_t *ret_length)
{
	(void)country;
	return validate_iban(text->data, text->length, form, ret_length);
}

static bool
vat(const struct sql_text *text, const struct sql_text *country, char *form, size_t *ret_length)
{
	return validate_vat(text->data, text->length, country->data, country->length, form, ret_length);
}

static bool
phone(const struct sql_text *text, const struct sql_text *country, char *form, size_t *ret_length)
{
	return validate_phone(text->data, text->length, country->data, country->length, form, ret_length);
}

static void
check(sqlite3_context *sql, int count, sqlite3_value **arguments, checker *judge, bool wants_form)
{
	struct sql_text text, country = { NULL, 0 };
	char form[FORM_MAX];
	size_t length;
	bool good;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &text) || (count > 1 && !sql_get_text(sql, arguments, 1, &country)))
		return;
	if (count > 1 && country.length != 2) {
		sql_error(sql, "argument 2 must be a country's two letters, as 'DE'");
		return;
	}
	good = judge(&text, &country, form, &length);
	if (!wants_form)
		sqlite3_result_int(sql, good);
	else if (good)
		sql_result_text(sql, form, length);
}

static void is_email(sqlite3_context *sql, int count, sqlite3_value **arguments) { check(sql, count, arguments, email, false); }
static void is_iban(sqlite3_context *sql, int count, sqlite3_value **arguments) { check(sql, count, arguments, iban, false); }
static void is_vat_id(sqlite3_context *sql, int count, sqlite3_value **arguments) { check(sql, count, arguments, vat, false); }
static void normalize_email(sqlite3_context *sql, int count, sqlite3_value **arguments) { check(sql, count, arguments, email, true); }
static void normalize_iban(sqlite3_context *sql, int count, sqlite3_value **arguments) { check(sql, count, arguments, iban, true); }
static void normalize_vat_id(sqlite3_context *sql, int count, sqlite3_value **arguments) { check(sql, count, arguments, vat, true); }
static void normalize_phone(sqlite3_context *sql, int count, sqlite3_value **arguments) { check(sql, count, arguments, phone, true); }

const struct sql_binding sql_check_functions[] = {
	{ "is_email", is_email, NULL, NULL, 0, false }, { "is_iban", is_iban, NULL, NULL, 0, false },
	{ "is_vat_id", is_vat_id, NULL, NULL, 0, false }, { "normalize_email", normalize_email, NULL, NULL, 0, false },
	{ "normalize_iban", normalize_iban, NULL, NULL, 0, false },
	{ "normalize_vat_id", normalize_vat_id, NULL, NULL, 0, false },
	{ "normalize_phone", normalize_phone, NULL, NULL, 0, false }, { NULL, NULL, NULL, NULL, 0, false },
};
