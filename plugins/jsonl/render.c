/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * render.c: records as lines.  What can be known from the fields alone, names, quotes and nesting, is made once per batch.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jsonl.h"

#define PARTS_MAX 64u

/* A name cut at its dots; \. is a dot of the name itself. */
struct path {
	uint32_t field;
	uint32_t count;
	char *parts[PARTS_MAX];
};

static void
path_free(struct path *path)
{
	for (uint32_t i = 0; i < path->count; i++)
		free(path->parts[i]);
}

/* 1: it can't be cut; -1: no memory. */
static int
path_cut(struct path *path, const char *name, int nested)
{
	char part[SYNCLINE_NAME_MAX + 1];
	size_t n = 0;

	for (;; name++) {
		if (n == SYNCLINE_NAME_MAX && *name != '\0')
			return 1;
		if (nested && name[0] == '\\' && name[1] == '.') {
			part[n++] = *++name;
		} else if (*name != '\0' && (!nested || *name != '.')) {
			part[n++] = *name;
		} else {
			part[n] = '\0';
			if (n == 0 || path->count == PARTS_MAX)
				return 1;
			if ((path->parts[path->count] = strdup(part)) == NULL)
				return -1;
			path->count++;
			n = 0;
			if (*name == '\0')
				return 0;
		}
	}
}

static int
literal(const char *name, char **ret, size_t *ret_length)
{
	struct syncline_buffer b;

	syncline_buffer_init(&b, 0);
	syncline_json_string(&b, name, strlen(name));
	syncline_buffer_char(&b, ':');
	if (b.failed) {
		syncline_buffer_free(&b);
		return -1;
	}
	*ret = b.data;
	*ret_length = b.length;
	return 0;
}

static struct step *
add_step(struct render *r, enum step_kind kind, const char *name)
{
	struct step *step = &r->steps[r->step_count++];

	memset(step, 0, sizeof *step);
	step->kind = kind;
	return name == NULL || literal(name, &step->literal, &step->literal_length) == 0 ? step : NULL;
}

/* The steps of all paths that begin with the same `depth` parts as paths[first]; each is marked as it is done. */
static int
add_level(struct render *r, struct path *paths, uint32_t count, uint8_t *done, uint32_t first, uint32_t depth)
{
	for (uint32_t i = first; i < count; i++) {
		const struct path *p = &paths[i];
		uint32_t same = 0, open;
		struct step *step;

		while (!done[i] && same < depth && same < p->count && strcmp(p->parts[same], paths[first].parts[same]) == 0)
			same++;
		if (done[i] || same < depth || p->count <= depth)
			continue;
		/* Another path with the same next part, of another length, would make one name twice. */
		for (uint32_t k = 0; k < count; k++) {
			same = 0;
			while (same <= depth && same < paths[k].count && strcmp(p->parts[same], paths[k].parts[same]) == 0)
				same++;
			if (k != i && same > depth && (paths[k].count == depth + 1 || p->count == depth + 1))
				return 1;
		}
		if (p->count == depth + 1) {
			if ((step = add_step(r, STEP_FIELD, p->parts[depth])) == NULL)
				return -1;
			step->field = p->field;
			done[i] = 1;
			continue;
		}
		open = r->step_count;
		if (add_step(r, STEP_OPEN, p->parts[depth]) == NULL)
			return -1;
		same = (uint32_t)add_level(r, paths, count, done, i, depth + 1);
		if (same != 0)
			return (int)same;
		r->steps[open].end = r->step_count;
		add_step(r, STEP_CLOSE, NULL);
	}
	return 0;
}

/* The name of a field: of the batch, or behind those a member of the key that the batch does not have. */
static uint32_t
name_of(const struct instance *c, const struct syncline_object *object, struct syncline_batch *batch, uint32_t index, const char **ret_name)
{
	uint32_t count = c->batch->field_count(batch), extra = index - count;
	struct syncline_field field = { .struct_size = sizeof field };
	uint32_t result = SYNCLINE_OK;

	if (index < count) {
		result = c->batch->field(batch, index, &field);
		*ret_name = field.name;
		return result;
	}
	for (uint32_t k = 0; k < object->key_count; k++) {
		int known = 0;

		for (uint32_t i = 0; i < count && !known && result == SYNCLINE_OK; i++) {
			result = c->batch->field(batch, i, &field);
			known = result == SYNCLINE_OK && strcmp(field.name, object->key[k]) == 0;
		}
		if (result != SYNCLINE_OK)
			return result;
		*ret_name = known ? NULL : object->key[k];
		if (!known && extra-- == 0)
			return SYNCLINE_OK;
	}
	*ret_name = NULL;
	return SYNCLINE_OK;
}

static uint32_t
plan(struct render *r, struct instance *c, const struct syncline_object *object, struct syncline_batch *batch, int nested, struct path *paths,
     uint32_t count, struct syncline_error *err)
{
	uint8_t *done = calloc((size_t)count + 1, 1);
	size_t steps = 1;
	int outcome;

	if (done == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		const char *name = NULL;
		uint32_t result = name_of(c, object, batch, i, &name);
		int cut = result == SYNCLINE_OK && name != NULL ? path_cut(&paths[i], name, nested) : 0;

		paths[i].field = i;
		if (cut < 0)
			result = syncline_fail_memory(err);
		else if (cut > 0)
			result = syncline_fail(err, SYNCLINE_CONFIG, "The field name \"%s\" can't be a path: a part of it is empty.", name);
		if (result != SYNCLINE_OK) {
			free(done);
			return result;
		}
		steps += 2 * (size_t)paths[i].count; /* of each part at most an open and a close, or a field */
	}
	if ((r->steps = calloc(steps, sizeof *r->steps)) == NULL) {
		free(done);
		return syncline_fail_memory(err);
	}
	outcome = add_level(r, paths, count, done, 0, 0);
	free(done);
	if (outcome < 0)
		return syncline_fail_memory(err);
	if (outcome > 0) {
		syncline_fail(err, SYNCLINE_CONFIG, "Two fields of the mapping are one member of the JSON object, or one is inside the other.");
		syncline_hint(err, "Write a dot that belongs to a name as \\., or set nested = false.");
		return SYNCLINE_CONFIG;
	}
	return SYNCLINE_OK;
}

uint32_t
render_init(struct render *r, struct instance *c, const struct syncline_object *object, struct syncline_batch *batch, struct syncline_error *err)
{
	uint32_t count = c->batch->field_count(batch), result = SYNCLINE_OK;
	const char *name = NULL;
	struct path *paths;
	const char *op = setting(c, object, "op_member", "");

	while ((result = name_of(c, object, batch, count, &name)) == SYNCLINE_OK && name != NULL && object->key_count <= RENDER_KEYS_MAX)
		count++;
	paths = calloc((size_t)count + 1, sizeof *paths);
	memset(r, 0, sizeof *r);
	r->decimals_as_text = strcmp(setting(c, object, "decimals", "number"), "text") == 0;
	if (result != SYNCLINE_OK)
		syncline_fail(err, result, "A field of the batch can't be read.");
	else if (paths == NULL)
		result = syncline_fail_memory(err);
	if (result == SYNCLINE_OK)
		result = plan(r, c, object, batch, syncline_setting_boolean(object->settings, c->settings, "nested", 1), paths, count, err);
	if (result == SYNCLINE_OK && op[0] != '\0' && literal(op, &r->op_literal, &r->op_length) != 0)
		result = syncline_fail_memory(err);
	for (uint32_t i = 0; paths != NULL && i < count; i++)
		path_free(&paths[i]);
	free(paths);
	if (result != SYNCLINE_OK)
		render_free(r);
	return result;
}

void
render_free(struct render *r)
{
	for (uint32_t i = 0; r->steps != NULL && i < r->step_count; i++)
		free(r->steps[i].literal);
	free(r->steps);
	free(r->op_literal);
	memset(r, 0, sizeof *r);
}

static char *
put_text(char *out, const char *p, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
	const char *end = p + length;

	*out++ = '"';
	while (p < end) {
		unsigned char byte;

		while (end - p >= 8) {
			uint64_t w, quote, slash;

			memcpy(&w, p, 8);
			quote = w ^ ones * '"';
			slash = w ^ ones * '\\';
			if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w)) & high)
				break;
			memcpy(out, &w, 8);
			p += 8;
			out += 8;
		}
		if (p == end)
			break;
		byte = (unsigned char)*p++;
		if (byte >= 0x20 && byte != '"' && byte != '\\') {
			*out++ = (char)byte;
			continue;
		}
		*out++ = '\\';
		switch (byte) {
		case '"':
		case '\\':
			*out++ = (char)byte;
			break;
		case '\n':
			*out++ = 'n';
			break;
		case '\r':
			*out++ = 'r';
			break;
		case '\t':
			*out++ = 't';
			break;
		default:
			memcpy(out, "u00", 3);
			out[3] = hex[byte >> 4];
			out[4] = hex[byte & 15];
			out += 5;
		}
	}
	*out++ = '"';
	return out;
}

static char *
put_integer(char *out, int64_t number)
{
	char digits[20];
	uint64_t rest = number < 0 ? UINT64_C(0) - (uint64_t)number : (uint64_t)number;
	int n = 0;

	if (number < 0)
		*out++ = '-';
	do
		digits[n++] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	while (n > 0)
		*out++ = digits[--n];
	return out;
}

static char *
put_base64(char *out, const unsigned char *p, size_t length)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	*out++ = '"';
	for (; length > 0; p += 3) {
		size_t n = length < 3 ? length : 3;
		uint32_t bits = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		*out++ = letters[bits >> 18];
		*out++ = letters[bits >> 12 & 63];
		*out++ = n > 1 ? letters[bits >> 6 & 63] : '=';
		*out++ = n > 2 ? letters[bits & 63] : '=';
		length -= n;
	}
	*out++ = '"';
	return out;
}

/* JSON wants no zeros before a number: 007 goes out as a text, with all its digits. */
static int
is_json_number(const char *text, size_t length)
{
	size_t at = text[0] == '-';

	return length < at + 2 || text[at] != '0' || text[at + 1] == '.';
}

/* A line end can only stand between the tokens of a JSON text that is valid. */
static char *
put_json(char *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		out[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
	return out + length;
}

/* There is room for six times the value and 64 bytes.  NULL: it can't be written. */
static char *
put_value(const struct render *r, char *out, const struct syncline_value *v)
{
	char text[64];
	size_t length = 0;

	switch (v->type) {
	case SYNCLINE_TYPE_NULL:
		memcpy(out, "null", 4);
		return out + 4;
	case SYNCLINE_TYPE_BOOLEAN:
		memcpy(out, v->u.integer ? "true" : "false", v->u.integer ? 4 : 5);
		return out + (v->u.integer ? 4 : 5);
	case SYNCLINE_TYPE_INTEGER:
		return put_integer(out, v->u.integer);
	case SYNCLINE_TYPE_DECIMAL:
		if (r->decimals_as_text || !is_json_number(v->u.data, v->length))
			return put_text(out, v->u.data, v->length);
		memcpy(out, v->u.data, v->length);
		return out + v->length;
	case SYNCLINE_TYPE_TEXT:
		return put_text(out, v->u.data, v->length);
	case SYNCLINE_TYPE_BYTES:
		return put_base64(out, v->u.data, v->length);
	case SYNCLINE_TYPE_TIMESTAMP:
		return syncline_timestamp_to_text(NULL, v->u.integer, text, sizeof text, &length) == 0 ? put_text(out, text, length) : NULL;
	case SYNCLINE_TYPE_DATE:
		return syncline_date_to_text(NULL, v->u.integer, text, sizeof text, &length) == 0 ? put_text(out, text, length) : NULL;
	case SYNCLINE_TYPE_JSON:
		return json_is_value(v->u.data, v->length) ? put_json(out, v->u.data, v->length) : NULL;
	default:
		return NULL;
	}
}

static int
any_inside(const struct render *r, uint32_t open, const struct syncline_value *values, uint32_t count)
{
	for (uint32_t i = open + 1; i < r->steps[open].end; i++)
		if (r->steps[i].kind == STEP_FIELD && r->steps[i].field < count && values[r->steps[i].field].type != SYNCLINE_TYPE_ABSENT)
			return 1;
	return 0;
}

static char *
put_op(const struct render *r, char *out, uint8_t op)
{
	const char *text = op == SYNCLINE_OP_CREATE ? "\"create\"" : op == SYNCLINE_OP_UPDATE ? "\"update\"" : "\"delete\"";

	memcpy(out, r->op_literal, r->op_length);
	memcpy(out + r->op_length, text, 8);
	return out + r->op_length + 8;
}

const char render_no_memory[] = "there is no memory for it";

const char *
render_line(const struct render *r, const struct syncline_value *values, uint32_t count, uint8_t op, struct syncline_buffer *buffer)
{
	size_t needed = r->op_length + 32;
	char *out;
	int comma = 0;

	for (uint32_t i = 0; i < r->step_count; i++)
		needed += r->steps[i].literal_length + 66;
	for (uint32_t i = 0; i < count; i++)
		needed += 6 * (size_t)values[i].length;
	if (syncline_buffer_reserve(buffer, needed) != 0)
		return render_no_memory;
	out = buffer->data + buffer->length;
	*out++ = '{';
	if (r->op_literal != NULL) {
		out = put_op(r, out, op);
		comma = 1;
	}
	for (uint32_t i = 0; i < r->step_count; i++) {
		const struct step *step = &r->steps[i];

		if (step->kind == STEP_CLOSE) {
			*out++ = '}';
			comma = 1;
			continue;
		}
		if (step->kind == STEP_OPEN && !any_inside(r, i, values, count)) {
			i = step->end;
			continue;
		}
		if (step->kind == STEP_FIELD && (step->field >= count || values[step->field].type == SYNCLINE_TYPE_ABSENT))
			continue;
		if (comma)
			*out++ = ',';
		memcpy(out, step->literal, step->literal_length);
		out += step->literal_length;
		comma = step->kind == STEP_FIELD;
		if (step->kind == STEP_OPEN)
			*out++ = '{';
		else if ((out = put_value(r, out, &values[step->field])) == NULL)
			return values[step->field].type == SYNCLINE_TYPE_JSON ? "a value that is called JSON is none"
			                                                      : "a document can't stand in a line";
	}
	*out++ = '}';
	*out++ = '\n';
	buffer->length = (size_t)(out - buffer->data);
	return NULL;
}
