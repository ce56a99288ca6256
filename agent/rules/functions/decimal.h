/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decimal.h: exact decimals of up to 1,000 digits, read from and written to the contract's text (-?digits[.digits]).  Pure
 * functions on the caller's memory; any thread; nothing is allocated.
 *
 * The scale (digits after the point) is part of a value: 1.10 + 2 is 3.10, 1.10 * 2.0 is 2.200.  Comparison looks at the value
 * alone: 1.10 equals 1.1.  There is no negative zero.
 */
#ifndef RULES_FUNCTIONS_DECIMAL_H
#define RULES_FUNCTIONS_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_DIGITS_MAX 1000
#define DECIMAL_TEXT_MAX (DECIMAL_DIGITS_MAX + 4) /* sign, a zero before the point, point, NUL */
#define DECIMAL_LIMBS ((DECIMAL_DIGITS_MAX + 8) / 9)

struct decimal {
	bool negative;
	uint16_t scale;
	uint16_t count;                /* limbs in use; 0: the value is zero */
	uint32_t limb[DECIMAL_LIMBS];  /* nine digits each, the lowest first */
};

enum decimal_mode {
	DECIMAL_HALF_UP, /* halves away from zero */
	DECIMAL_HALF_EVEN,
	DECIMAL_HALF_DOWN,
	DECIMAL_UP,   /* away from zero */
	DECIMAL_DOWN, /* towards zero */
	DECIMAL_CEILING,
	DECIMAL_FLOOR,
	DECIMAL_MODE_COUNT
};
/* "half_up", "half_even", ...; false when there is no such mode. */
bool decimal_mode_by_name(const char *name, size_t length, enum decimal_mode *ret_mode);

/* false: not a decimal, or of more than 1,000 digits. */
bool decimal_parse(const char *text, size_t length, struct decimal *ret_value);
/* Exactly what the double stands for when it has at most 15 significant digits; false for any other double. */
bool decimal_from_double(double number, struct decimal *ret_value);
void decimal_from_integer(int64_t number, struct decimal *ret_value);
/* `text` has DECIMAL_TEXT_MAX bytes; returns the length.  A NUL follows. */
size_t decimal_format(const struct decimal *value, char *text);
/* Digits in use, for budgets. */
static inline uint32_t decimal_digits(const struct decimal *value) { return value->count * 9u + 1u; }

/* false: the result has more than 1,000 digits.  ret_value may be one of the arguments. */
bool decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *ret_value);
bool decimal_subtract(const struct decimal *a, const struct decimal *b, struct decimal *ret_value);
bool decimal_multiply(const struct decimal *a, const struct decimal *b, struct decimal *ret_value);
/* `b` is not zero; scale 0 to 1,000. */
bool decimal_divide(const struct decimal *a, const struct decimal *b, int scale, enum decimal_mode mode, struct decimal *ret_value);
/* scale -1,000 to 1,000; below zero it rounds tens, hundreds, ... and the result has no digits after the point. */
bool decimal_round(const struct decimal *value, int scale, enum decimal_mode mode, struct decimal *ret_value);
int decimal_compare(const struct decimal *a, const struct decimal *b);
static inline bool decimal_is_zero(const struct decimal *value) { return value->count == 0; }

#endif
