/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decimal.c: arithmetic on decimals.  Magnitudes are arrays of limbs to the base 10^9; the longest intermediate value is the
 * dividend of a division, 1,000 digits shifted by the divisor's scale and the wanted one.  Pure functions; any thread.
 */
#include "rules/functions/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT32_C(1000000000)
#define WORK_LIMBS (3 * DECIMAL_LIMBS + 8)

/* A magnitude while it is being worked on.  limb[count..] is not initialised. */
struct work {
	uint32_t count;
	uint32_t limb[WORK_LIMBS];
};

static const uint32_t powers[9] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000 };

static const char *const mode_names[DECIMAL_MODE_COUNT] = {
	[DECIMAL_HALF_UP] = "half_up", [DECIMAL_HALF_EVEN] = "half_even", [DECIMAL_HALF_DOWN] = "half_down", [DECIMAL_UP] = "up",
	[DECIMAL_DOWN] = "down", [DECIMAL_CEILING] = "ceiling", [DECIMAL_FLOOR] = "floor",
};

bool
decimal_mode_by_name(const char *name, size_t length, enum decimal_mode *ret_mode)
{
	for (unsigned i = 0; i < DECIMAL_MODE_COUNT; i++)
		if (strlen(mode_names[i]) == length && memcmp(mode_names[i], name, length) == 0) {
			*ret_mode = (enum decimal_mode)i;
			return true;
		}
	return false;
}

static void
trim(struct work *work)
{
	while (work->count > 0 && work->limb[work->count - 1] == 0)
		work->count--;
}

static void
load(const struct decimal *value, struct work *ret_work)
{
	ret_work->count = value->count;
	memcpy(ret_work->limb, value->limb, value->count * sizeof value->limb[0]);
}

/* Multiplies by 10^exponent. */
static void
shift_up(struct work *work, uint32_t exponent)
{
	uint32_t limbs = exponent / 9, factor = powers[exponent % 9];
	uint64_t carry = 0;

	if (work->count == 0 || exponent == 0)
		return;
	if (factor != 1) {
		for (uint32_t i = 0; i < work->count; i++) {
			carry += (uint64_t)work->limb[i] * factor;
			work->limb[i] = (uint32_t)(carry % BASE);
			carry /= BASE;
		}
		if (carry != 0)
			work->limb[work->count++] = (uint32_t)carry;
	}
	if (limbs > 0) {
		memmove(work->limb + limbs, work->limb, work->count * sizeof work->limb[0]);
		memset(work->limb, 0, limbs * sizeof work->limb[0]);
		work->count += limbs;
	}
}

static int
compare(const struct work *a, const struct work *b)
{
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (uint32_t i = a->count; i-- > 0;)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

/* a += b */
static void
add(struct work *a, const struct work *b)
{
	uint32_t carry = 0;

	for (uint32_t i = 0; i < b->count || carry != 0; i++) {
		uint32_t sum = carry + (i < b->count ? b->limb[i] : 0);

		if (i < a->count)
			sum += a->limb[i];
		else
			a->count = i + 1;
		carry = sum >= BASE;
		a->limb[i] = carry ? sum - BASE : sum;
	}
}

/* a -= b; a is not less than b. */
static void
subtract(struct work *a, const struct work *b)
{
	uint32_t borrow = 0;

	for (uint32_t i = 0; i < b->count || borrow != 0; i++) {
		uint32_t take = borrow + (i < b->count ? b->limb[i] : 0);

		borrow = a->limb[i] < take;
		a->limb[i] = a->limb[i] + (borrow ? BASE : 0) - take;
	}
	trim(a);
}

/* Divides by one limb; the remainder. */
static uint32_t
divide_small(struct work *a, uint32_t by)
{
	uint64_t rest = 0;

	for (uint32_t i = a->count; i-- > 0;) {
		rest = rest * BASE + a->limb[i];
		a->limb[i] = (uint32_t)(rest / by);
		rest %= by;
	}
	trim(a);
	return (uint32_t)rest;
}

static uint32_t
multiply_small(struct work *a, uint32_t by)
{
	uint64_t carry = 0;

	for (uint32_t i = 0; i < a->count; i++) {
		carry += (uint64_t)a->limb[i] * by;
		a->limb[i] = (uint32_t)(carry % BASE);
		carry /= BASE;
	}
	return (uint32_t)carry;
}

/*
 * Long division (Knuth, The Art of Computer Programming, volume 2, algorithm D): `a` becomes the remainder.  Both are first
 * multiplied so that the divisor's top limb is at least half the base; then a quotient limb guessed from the top limbs is
 * at most two too great.
 */
static void
divide(struct work *a, struct work *b, struct work *ret_quotient)
{
	uint32_t n = b->count, m, factor;

	ret_quotient->count = 0;
	if (compare(a, b) < 0)
		return;
	if (n == 1) {
		uint32_t rest;

		memcpy(ret_quotient, a, offsetof(struct work, limb) + a->count * sizeof a->limb[0]);
		rest = divide_small(ret_quotient, b->limb[0]);
		a->limb[0] = rest;
		a->count = rest != 0;
		return;
	}
	factor = BASE / (b->limb[n - 1] + 1);
	m = a->count - n;
	a->limb[a->count] = multiply_small(a, factor);
	(void)multiply_small(b, factor);
	for (uint32_t j = m + 1; j-- > 0;) {
		uint64_t top = (uint64_t)a->limb[j + n] * BASE + a->limb[j + n - 1];
		uint64_t guess = top / b->limb[n - 1], rest = top % b->limb[n - 1], carry = 0;
		int64_t borrow = 0;

		while (guess >= BASE || guess * b->limb[n - 2] > rest * BASE + a->limb[j + n - 2]) {
			guess--;
			rest += b->limb[n - 1];
			if (rest >= BASE)
				break;
		}
		for (uint32_t i = 0; i <= n; i++) {
			int64_t left;

			carry += i < n ? guess * b->limb[i] : 0;
			left = (int64_t)a->limb[i + j] - (int64_t)(carry % BASE) + borrow;
			carry /= BASE;
			borrow = left < 0 ? -1 : 0;
			a->limb[i + j] = (uint32_t)(left < 0 ? left + BASE : left);
		}
		if (borrow != 0) {
			uint32_t over = 0;

			guess--;
			for (uint32_t i = 0; i <= n; i++) {
				uint32_t sum = a->limb[i + j] + (i < n ? b->limb[i] : 0) + over;

				over = sum >= BASE;
				a->limb[i + j] = over ? sum - BASE : sum;
			}
		}
		ret_quotient->limb[j] = (uint32_t)guess;
	}
	ret_quotient->count = m + 1;
	trim(ret_quotient);
	a->count = n;
	trim(a);
	(void)divide_small(a, factor);
	trim(b);
	(void)divide_small(b, factor);
}

static uint32_t
count_digits(const struct work *work)
{
	uint32_t top, digits = 0;

	if (work->count == 0)
		return 0;
	for (top = work->limb[work->count - 1]; top != 0; top /= 10)
		digits++;
	return (work->count - 1) * 9 + digits;
}

/* false: more than 1,000 digits. */
static bool
store(const struct work *work, bool negative, uint32_t scale, struct decimal *ret_value)
{
	if (scale > DECIMAL_DIGITS_MAX || count_digits(work) > DECIMAL_DIGITS_MAX)
		return false;
	ret_value->negative = negative && work->count > 0;
	ret_value->scale = (uint16_t)scale;
	ret_value->count = (uint16_t)work->count;
	memcpy(ret_value->limb, work->limb, work->count * sizeof work->limb[0]);
	return true;
}

bool
decimal_parse(const char *text, size_t length, struct decimal *ret_value)
{
	const char *end = text + length, *p = text, *whole, *point;
	uint32_t digits = 0, limb = 0, count = 0, unit = 1;
	bool negative = false;

	if (p < end && *p == '-') {
		negative = true;
		p++;
	}
	for (whole = p; p < end && *p >= '0' && *p <= '9'; p++)
		;
	if (p == whole)
		return false;
	point = p;
	if (p < end) {
		if (*p++ != '.' || p == end)
			return false;
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			;
		if (p != end)
			return false;
	}
	while (whole < point && *whole == '0')
		whole++;
	if ((size_t)(end - whole) - (point < end ? 1 : 0) > DECIMAL_DIGITS_MAX)
		return false;
	for (p = end; p-- > whole;) {
		if (*p == '.')
			continue;
		limb += (uint32_t)(*p - '0') * unit;
		unit *= 10;
		if (++digits % 9 == 0) {
			ret_value->limb[count++] = limb;
			limb = 0;
			unit = 1;
		}
	}
	if (limb != 0)
		ret_value->limb[count++] = limb;
	while (count > 0 && ret_value->limb[count - 1] == 0)
		count--;
	ret_value->count = (uint16_t)count;
	ret_value->scale = (uint16_t)(point < end ? end - point - 1 : 0);
	ret_value->negative = negative && count > 0;
	return true;
}

void
decimal_from_integer(int64_t number, struct decimal *ret_value)
{
	uint64_t magnitude = number < 0 ? UINT64_C(0) - (uint64_t)number : (uint64_t)number;

	ret_value->negative = number < 0;
	ret_value->scale = 0;
	for (ret_value->count = 0; magnitude != 0; magnitude /= BASE)
		ret_value->limb[ret_value->count++] = (uint32_t)(magnitude % BASE);
}

bool
decimal_from_double(double number, struct decimal *ret_value)
{
	char scientific[40], digits[16], plain[DECIMAL_TEXT_MAX], *mark, *out = plain;
	int exponent, total = 0, whole;

	/* d.dddddddddddddde+xx: NaN and the infinities have no "e".  The point may be a comma in the process's locale. */
	snprintf(scientific, sizeof scientific, "%.14e", number);
	if ((mark = strchr(scientific, 'e')) == NULL || strtod(scientific, NULL) != number)
		return false;
	exponent = atoi(mark + 1);
	if (exponent > 300 || exponent < -300)
		return false;
	for (const char *p = scientific; p < mark; p++)
		if (*p >= '0' && *p <= '9' && total < 15)
			digits[total++] = *p;
	while (total > 1 && digits[total - 1] == '0')
		total--;
	if (scientific[0] == '-')
		*out++ = '-';
	whole = exponent + 1;
	if (whole <= 0) {
		*out++ = '0';
		*out++ = '.';
		for (int i = whole; i < 0; i++)
			*out++ = '0';
	}
	for (int i = 0; i < total || i < whole; i++) {
		if (i == whole && whole > 0)
			*out++ = '.';
		*out++ = i < total ? digits[i] : '0';
	}
	return decimal_parse(plain, (size_t)(out - plain), ret_value);
}

size_t
decimal_format(const struct decimal *value, char *text)
{
	char digits[DECIMAL_LIMBS * 9 + 1], *p = text;
	uint32_t count = 0, first = 0, whole;

	for (uint32_t i = value->count; i-- > 0;) {
		uint32_t limb = value->limb[i];

		for (uint32_t k = 9; k-- > 0; limb /= 10)
			digits[count + k] = (char)('0' + limb % 10);
		count += 9;
	}
	while (first < count && digits[first] == '0')
		first++;
	count -= first;
	if (value->negative)
		*p++ = '-';
	if (count > value->scale) {
		whole = count - value->scale;
		memcpy(p, digits + first, whole);
		p += whole;
	} else {
		whole = 0;
		*p++ = '0';
	}
	if (value->scale > 0) {
		uint32_t rest = count - whole;

		*p++ = '.';
		memset(p, '0', value->scale - rest);
		p += value->scale - rest;
		memcpy(p, digits + first + whole, rest);
		p += rest;
	}
	*p = '\0';
	return (size_t)(p - text);
}

/* Both as magnitudes of the same scale. */
static uint32_t
align(const struct decimal *a, const struct decimal *b, struct work *ret_a, struct work *ret_b)
{
	uint32_t scale = a->scale > b->scale ? a->scale : b->scale;

	load(a, ret_a);
	load(b, ret_b);
	shift_up(ret_a, scale - a->scale);
	shift_up(ret_b, scale - b->scale);
	return scale;
}

static bool
add_signed(const struct decimal *a, const struct decimal *b, bool b_negative, struct decimal *ret_value)
{
	struct work x, y;
	bool a_negative = a->negative;
	uint32_t scale = align(a, b, &x, &y);

	if (a_negative == b_negative) {
		add(&x, &y);
		return store(&x, a_negative, scale, ret_value);
	}
	if (compare(&x, &y) >= 0) {
		subtract(&x, &y);
		return store(&x, a_negative, scale, ret_value);
	}
	subtract(&y, &x);
	return store(&y, b_negative, scale, ret_value);
}

bool
decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *ret_value)
{
	return add_signed(a, b, b->negative, ret_value);
}

bool
decimal_subtract(const struct decimal *a, const struct decimal *b, struct decimal *ret_value)
{
	return add_signed(a, b, !b->negative, ret_value);
}

bool
decimal_multiply(const struct decimal *a, const struct decimal *b, struct decimal *ret_value)
{
	struct work product;

	product.count = (uint32_t)a->count + b->count;
	memset(product.limb, 0, product.count * sizeof product.limb[0]);
	for (uint32_t i = 0; i < a->count; i++) {
		uint64_t carry = 0;

		for (uint32_t j = 0; j < b->count; j++) {
			carry += (uint64_t)a->limb[i] * b->limb[j] + product.limb[i + j];
			product.limb[i + j] = (uint32_t)(carry % BASE);
			carry /= BASE;
		}
		product.limb[i + b->count] = (uint32_t)carry;
	}
	trim(&product);
	return store(&product, a->negative != b->negative, (uint32_t)a->scale + b->scale, ret_value);
}

/* Whether the quotient's magnitude goes one up: `rest` of `by` was left over. */
static bool
rounds_up(const struct work *quotient, struct work *rest, const struct work *by, bool negative, enum decimal_mode mode)
{
	struct work twice;
	int half;

	if (rest->count == 0)
		return false;
	switch (mode) {
	case DECIMAL_UP: return true;
	case DECIMAL_DOWN: return false;
	case DECIMAL_CEILING: return !negative;
	case DECIMAL_FLOOR: return negative;
	default: break;
	}
	memcpy(&twice, rest, offsetof(struct work, limb) + rest->count * sizeof rest->limb[0]);
	add(&twice, rest);
	half = compare(&twice, by);
	if (half != 0)
		return half > 0;
	if (mode == DECIMAL_HALF_EVEN)
		return quotient->count > 0 && quotient->limb[0] % 2 == 1;
	return mode == DECIMAL_HALF_UP;
}

static bool
quotient_of(struct work *a, struct work *b, bool negative, uint32_t scale, enum decimal_mode mode, struct decimal *ret_value)
{
	static const struct work one = { .count = 1, .limb = { 1 } };
	struct work quotient;

	divide(a, b, &quotient);
	if (rounds_up(&quotient, a, b, negative, mode))
		add(&quotient, &one);
	return store(&quotient, negative, scale, ret_value);
}

bool
decimal_divide(const struct decimal *a, const struct decimal *b, int scale, enum decimal_mode mode, struct decimal *ret_value)
{
	struct work x, y;
	int exponent = scale + b->scale - a->scale;

	load(a, &x);
	load(b, &y);
	if (exponent >= 0)
		shift_up(&x, (uint32_t)exponent);
	else
		shift_up(&y, (uint32_t)-exponent);
	return quotient_of(&x, &y, a->negative != b->negative, (uint32_t)scale, mode, ret_value);
}

bool
decimal_round(const struct decimal *value, int scale, enum decimal_mode mode, struct decimal *ret_value)
{
	struct work x, y = { .count = 1, .limb = { 1 } };
	struct decimal rounded;

	load(value, &x);
	if (scale >= value->scale) {
		shift_up(&x, (uint32_t)(scale - value->scale));
		return store(&x, value->negative, (uint32_t)scale, ret_value);
	}
	shift_up(&y, (uint32_t)(value->scale - scale));
	if (scale >= 0)
		return quotient_of(&x, &y, value->negative, (uint32_t)scale, mode, ret_value);
	if (!quotient_of(&x, &y, value->negative, 0, mode, &rounded))
		return false;
	load(&rounded, &x);
	shift_up(&x, (uint32_t)-scale);
	return store(&x, rounded.negative, 0, ret_value);
}

int
decimal_compare(const struct decimal *a, const struct decimal *b)
{
	struct work x, y;
	int order;

	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	if (a->scale == b->scale && a->count != b->count) {
		order = a->count < b->count ? -1 : 1;
	} else {
		align(a, b, &x, &y);
		order = compare(&x, &y);
	}
	return a->negative ? -order : order;
}
