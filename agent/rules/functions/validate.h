/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * validate.h: is it an e-mail address, an IBAN, a VAT id, a telephone number, and what is its one form.  Pure functions on the
 * caller's memory; any thread.  Nothing is asked of a registry: a right number may still belong to nobody.
 */
#ifndef RULES_FUNCTIONS_VALIDATE_H
#define RULES_FUNCTIONS_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * An address as it is used between systems (RFC 5321 without quotes, comments and address literals; RFC 6531's letters of all
 * scripts): a local part of dot-separated atoms of up to 64 bytes, a domain of at least two labels that is no number, at most 254 bytes.
 * Blanks around it are taken away, the domain is put in lower case.
 */
#define VALIDATE_EMAIL_MAX 254
bool validate_email(const char *text, size_t length, char ret_address[VALIDATE_EMAIL_MAX + 1], size_t *ret_length);

/* Country, length and structure of its BBAN, mod 97, and the national check digits of Belgium, Montenegro, Norway and Spain.
 * Blanks, dashes and dots are taken away. */
#define VALIDATE_IBAN_MAX 34
bool validate_iban(const char *text, size_t length, char ret_iban[VALIDATE_IBAN_MAX + 1], size_t *ret_length);

/*
 * A VAT id of the European Union's members, Northern Ireland (XI), the United Kingdom (GB) or Switzerland (CHE… with MWST, TVA
 * or IVA), by its check digits.  `country` (two letters; EL and GR both mean Greece) may be NULL when the text begins with it.
 */
#define VALIDATE_VAT_MAX 20
bool validate_vat(const char *text, size_t length, const char *country, size_t country_length, char ret_vat[VALIDATE_VAT_MAX + 1],
                  size_t *ret_length);

/*
 * E.164: "+" and at most 15 digits.  A number without +, 00 or a country's own prefix for abroad is one of `country` (two
 * letters; NULL: it can't be told, so it is none).
 */
#define VALIDATE_PHONE_MAX 16
bool validate_phone(const char *text, size_t length, const char *country, size_t country_length,
                    char ret_phone[VALIDATE_PHONE_MAX + 1], size_t *ret_length);

#endif
