/* SPDX-License-Identifier: BSD-2-Clause */
/* values.c: see values.h. */
#include "flow/values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int
values_text(struct buffer *out, const struct syncline_value *value)
{
	char text[64];

	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return 0;
	case SYNCLINE_TYPE_BOOLEAN:
		return buffer_text(out, value->u.integer != 0 ? "true" : "false");
	case SYNCLINE_TYPE_INTEGER:
		return buffer_format(out, "%" PRId64, value->u.integer);
	case SYNCLINE_TYPE_DATE:
		return buffer_append(out, text, text_from_date(value->u.integer, text));
	case SYNCLINE_TYPE_TIMESTAMP:
		return buffer_append(out, text, text_from_timestamp(value->u.integer, text));
	case SYNCLINE_TYPE_BYTES:
		for (uint32_t i = 0; i < value->length; i++)
			buffer_format(out, "%02x", ((const uint8_t *)value->u.data)[i]);
		return out->failed ? -1 : 0;
	default:
		return buffer_append(out, value->u.data, value->length);
	}
}

int
values_json(struct buffer *out, const struct syncline_value *value)
{
	struct buffer text;
	int result;

	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return buffer_text(out, "null");
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
	case SYNCLINE_TYPE_JSON:
		return values_text(out, value);
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_CONTENT:
		return text_json_string(out, value->u.data, value->length);
	default:
		buffer_init(&text, 0);
		result = values_text(&text, value) != 0 ? -1 : text_json_string(out, text.data, text.length);
		buffer_free(&text);
		return result;
	}
}

struct batch *
values_one_row(const struct batch *batch, uint32_t index, struct error *err)
{
	uint32_t count = batch->header->field_count;
	struct batch_builder *builder = batch_builder_new(err);
	struct syncline_field *fields = calloc(count + 1u, sizeof *fields);
	struct syncline_value *values = calloc(count + 1u, sizeof *values);
	struct syncline_slice origin = batch_origin(batch);
	struct syncline_record record;
	struct batch *one = NULL;
	struct arena names;
	bool memory = builder != NULL && fields != NULL && values != NULL;

	arena_init(&names, 0);
	for (uint32_t i = 0; memory && i < count; i++) {
		struct batch_field field;

		batch_field(batch, i, &field);
		fields[i] = (struct syncline_field){ .struct_size = sizeof *fields, .type = field.type, .flags = field.flags, .scale = field.scale,
			.max_length = field.max_length, .name = arena_copy(&names, field.name, field.name_length) };
		memory = fields[i].name != NULL;
	}
	if (!memory) {
		error_fill_memory(err);
	} else {
		batch_read(batch, index, values, &record);
		batch_builder_expect(builder, 1);
		if (batch_builder_set_fields(builder, fields, count, err) == 0 &&
		    (origin.length == 0 || batch_builder_set_origin(builder, origin.data, origin.length, err) == 0) &&
		    batch_builder_add(builder, &record, err) == 0)
			one = batch_builder_finish(builder, err);
	}
	arena_free(&names);
	free(fields);
	free(values);
	batch_builder_free(builder);
	return one;
}

bool
values_stamp(const struct syncline_value *value, int64_t *ret_us)
{
	int64_t days;

	switch (value->type) {
	case SYNCLINE_TYPE_TIMESTAMP:
		*ret_us = value->u.integer;
		return true;
	case SYNCLINE_TYPE_DATE:
		*ret_us = value->u.integer * INT64_C(86400000000);
		return true;
	case SYNCLINE_TYPE_TEXT:
		if (text_to_timestamp(value->u.data, value->length, ret_us))
			return true;
		if (!text_to_date(value->u.data, value->length, &days))
			return false;
		*ret_us = days * INT64_C(86400000000);
		return true;
	default:
		return false;
	}
}

bool
values_equal(const struct syncline_value *a, const struct syncline_value *b)
{
	if (a->type != b->type || a->length != b->length)
		return false;
	switch (a->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return true;
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
	case SYNCLINE_TYPE_DATE:
	case SYNCLINE_TYPE_TIMESTAMP:
		return a->u.integer == b->u.integer;
	default:
		return a->length == 0 || memcmp(a->u.data, b->u.data, a->length) == 0;
	}
}

bool
values_is_coarser(const struct syncline_value *ours, const struct syncline_value *theirs)
{
	static const int64_t grains[] = { 1000, 1000000, INT64_C(60) * 1000000, INT64_C(86400) * 1000000 };

	if (ours->type != SYNCLINE_TYPE_TIMESTAMP || theirs->type != SYNCLINE_TYPE_TIMESTAMP)
		return false;
	for (size_t i = 0; i < sizeof grains / sizeof *grains; i++) {
		int64_t time = ours->u.integer, into = time % grains[i] + (time % grains[i] < 0 ? grains[i] : 0), cut = time - into;

		if (into != 0 && (theirs->u.integer == cut || (i < 2 && into * 2 >= grains[i] && theirs->u.integer == cut + grains[i])))
			return true;
	}
	return false;
}

#define DIGITS_MAX 64u

/* A decimal as its digits without the point and without zeros at either end: of 12.50, "125" with one decimal.  false: it has too many. */
struct digits {
	char text[DIGITS_MAX + 1]; /* begins with a 0, which a carry goes into */
	uint32_t count, decimals;
	uint32_t written; /* decimals with the zeros at the end: whoever writes them keeps so many */
	bool negative;
};

static bool
take_digits(const struct syncline_value *value, struct digits *ret_digits)
{
	const char *text = value->u.data;
	struct digits d = { .text = "0", .count = 1 };
	bool point = false;

	if (value->type != SYNCLINE_TYPE_DECIMAL)
		return false;
	for (uint32_t i = 0; i < value->length; i++) {
		if (text[i] == '-' && i == 0) {
			d.negative = true;
		} else if (text[i] == '.' && !point) {
			point = true;
		} else if (text[i] >= '0' && text[i] <= '9' && d.count < DIGITS_MAX) {
			if (d.count > 1 || text[i] != '0' || point)
				d.text[d.count++] = text[i];
			d.decimals += point;
		} else {
			return false;
		}
	}
	d.written = d.decimals;
	for (; d.decimals > 0 && d.text[d.count - 1] == '0'; d.count--)
		d.decimals--;
	*ret_digits = d;
	return true;
}

/* One more in the last place. */
static void
count_up(struct digits *d)
{
	uint32_t at = d->count;

	while (at-- > 0) {
		if (d->text[at] != '9') {
			d->text[at]++;
			return;
		}
		d->text[at] = '0';
	}
}

static bool
are_equal(struct digits a, const struct digits *b)
{
	const char *one = a.text, *other = b->text;
	uint32_t other_count = b->count;

	for (; a.decimals > 0 && a.text[a.count - 1] == '0'; a.count--)
		a.decimals--;
	for (; a.count > 1 && *one == '0'; a.count--)
		one++;
	for (; other_count > 1 && *other == '0'; other_count--)
		other++;
	return a.decimals == b->decimals && a.count == other_count && memcmp(one, other, other_count) == 0;
}

static bool
is_zero(const struct digits *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->text[i] != '0')
			return false;
	return true;
}

bool
values_is_rounded(const struct syncline_value *ours, const struct syncline_value *theirs)
{
	struct digits mine, shown;

	if (!take_digits(ours, &mine) || !take_digits(theirs, &shown) || (mine.negative != shown.negative && !is_zero(&shown)))
		return false;
	while (mine.decimals > shown.written) {
		char last = mine.text[mine.count - 1];
		struct digits up;

		mine.count--;
		mine.decimals--;
		up = mine;
		count_up(&up);
		if (are_equal(mine, &shown) || (last >= '5' && are_equal(up, &shown)))
			return true;
	}
	return false;
}
