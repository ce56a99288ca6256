/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.c: list outputs.  The elements of the JSON lists of many records become rows of one matrix, their rules run over all of
 * them at once, and what comes out is put together as JSON again, record by record.  Runs in the worker's thread.
 */
#include <stdio.h>

#include "base/text.h"
#include "rules/engine.h"

#define ELEMENTS_AT_ONCE 4096u
#define ELEMENTS_MAX 100000u /* of one record: the matrix must stay small */

struct group {
	struct rules_worker *worker;
	const struct rule *rule;
	const struct rows *rows;
	row_result *result;
	void *data;
	uint32_t count;                  /* elements */
	struct syncline_value *in, *out;
	uint32_t *row_of, *owners, *number_of;
	uint8_t *bad;                    /* per element: it has a fault */
};

static int
bad_list(struct group *g, uint32_t row, const struct syncline_value *value)
{
	struct fault fault;

	fault.path[0] = '\0';
	fault_set(&fault, "The field has to hold a JSON list of objects.", "the field is not a list");
	return g->result(g->data, g->rule, row, value, &fault);
}

static uint32_t
length_of(const struct json_value *list)
{
	struct json_walk walk;
	uint32_t count = 0;

	for (json_walk_start(&walk, list); json_walk_next(&walk);)
		count++;
	return count;
}

/* The list of a row.  1: found, 0: none and told, -1. */
static int
list_of(struct group *g, uint32_t row, struct json_value *ret_list)
{
	struct syncline_value value;

	if (row_value(g->worker, &g->rule->columns[0], row, &value) != 0) {
		g->worker->fault.path[0] = '\0';
		return g->result(g->data, g->rule, row, &value, &g->worker->fault) != 0 ? -1 : 0;
	}
	if (value.type <= SYNCLINE_TYPE_NULL)
		return value.type == SYNCLINE_TYPE_NULL && g->result(g->data, g->rule, row, &value, NULL) != 0 ? -1 : 0;
	if (value.type != SYNCLINE_TYPE_JSON && value.type != SYNCLINE_TYPE_TEXT)
		return bad_list(g, row, &value) != 0 ? -1 : 0;
	*ret_list = json_whole(value.u.data, value.length);
	if (ret_list->kind != JSON_ARRAY)
		return bad_list(g, row, &value) != 0 ? -1 : 0;
	if (length_of(ret_list) > ELEMENTS_MAX) {
		struct fault fault;

		fault.path[0] = '\0';
		fault_set(&fault, "Split the record at its source.", "the list has more than 100,000 elements");
		return g->result(g->data, g->rule, row, &value, &fault) != 0 ? -1 : 0;
	}
	return 1;
}

static int
field_of(const struct ruleset *set, const struct json_value *key)
{
	for (uint32_t i = 0; i < set->field_count; i++)
		if (json_string_equals(key, set->fields[i].spec.name, set->fields[i].name_length))
			return (int)i;
	return -1;
}

static int
element_fault(struct group *g, const struct rule *rule, uint32_t element, const struct syncline_value *value, struct fault *fault)
{
	snprintf(fault->path, sizeof fault->path, "[%u].%.250s", g->number_of[element], rule->name);
	g->bad[element] = 1;
	return g->result(g->data, rule, g->row_of[element], value, fault);
}

static int
fill_element(struct group *g, uint32_t at, const struct json_value *element)
{
	const struct ruleset *set = g->rule->elements;
	struct syncline_value *values = &g->in[(size_t)at * set->field_count];
	struct json_value scalar = { JSON_STRING, "\"value\"", 7 };
	struct json_walk walk;
	struct fault fault;
	int field, result = 0;

	if (element->kind != JSON_OBJECT) {
		field = field_of(set, &scalar);
		if (field >= 0)
			result = json_to_value(&g->worker->arena, element, &values[field]);
	} else {
		for (json_walk_start(&walk, element); result == 0 && json_walk_next(&walk);)
			if ((field = field_of(set, &walk.key)) >= 0)
				result = json_to_value(&g->worker->arena, &walk.value, &values[field]);
	}
	if (result == 0)
		return 0;
	fault_set(&fault, "Correct the value at its source.", "the element has a number of more than 1,000 digits or a text with half a character");
	snprintf(fault.path, sizeof fault.path, "[%u]", g->number_of[at]);
	g->bad[at] = 1;
	return g->result(g->data, g->rule, g->row_of[at], NULL, &fault);
}

/* The matrix of the elements of rows first to last (exclusive). */
static int
fill(struct group *g, uint32_t first, uint32_t last, const struct json_value *lists)
{
	const struct ruleset *set = g->rule->elements;
	struct arena *arena = &g->worker->arena;
	uint32_t at = 0;

	g->in = arena_array(arena, (size_t)g->count * set->field_count + 1, sizeof *g->in);
	g->out = arena_array(arena, (size_t)g->count * set->rule_count + 1, sizeof *g->out);
	g->row_of = arena_array(arena, g->count + 1u, sizeof *g->row_of);
	g->owners = arena_array(arena, g->count + 1u, sizeof *g->owners);
	g->number_of = arena_array(arena, g->count + 1u, sizeof *g->number_of);
	g->bad = arena_array(arena, g->count + 1u, 1);
	if (g->in == NULL || g->out == NULL || g->row_of == NULL || g->owners == NULL || g->number_of == NULL || g->bad == NULL)
		return -1;
	for (uint32_t row = first; row < last; row++) {
		struct json_walk walk;
		uint32_t number = 0;

		if (lists[row - first].kind != JSON_ARRAY)
			continue;
		for (json_walk_start(&walk, &lists[row - first]); json_walk_next(&walk); at++) {
			g->row_of[at] = row;
			g->owners[at] = row_owner(g->rows, row);
			g->number_of[at] = number++;
			if (fill_element(g, at, &walk.value) != 0)
				return -1;
		}
	}
	return 0;
}

static int
took(void *data, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault)
{
	struct group *g = data;

	if (fault != NULL) {
		struct fault copy = *fault;

		return element_fault(g, rule, row, value, &copy);
	}
	g->out[(size_t)row * g->rule->elements->rule_count + (uint32_t)(rule - g->rule->elements->rules)] = *value;
	return 0;
}

static int
check_required(struct group *g)
{
	const struct ruleset *set = g->rule->elements;

	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t r = 0; r < set->rule_count; r++) {
			const struct syncline_value *value = &g->out[(size_t)i * set->rule_count + r];
			struct fault fault;

			if (!set->rules[r].target.required || value->type > SYNCLINE_TYPE_NULL || g->bad[i])
				continue;
			fault_set(&fault, "Give it a value at its source, or a rule that always gives one.", "the field is required and there is no value");
			if (element_fault(g, &set->rules[r], i, value, &fault) != 0)
				return -1;
		}
	return 0;
}

static void
put_value(struct buffer *buffer, const struct syncline_value *value)
{
	const char *p = value->u.data, *end = p + value->length;
	char text[40];

	switch (value->type) {
	case SYNCLINE_TYPE_NULL:
		buffer_text(buffer, "null");
		break;
	case SYNCLINE_TYPE_BOOLEAN:
		buffer_text(buffer, value->u.integer ? "true" : "false");
		break;
	case SYNCLINE_TYPE_INTEGER:
		buffer_format(buffer, "%lld", (long long)value->u.integer);
		break;
	case SYNCLINE_TYPE_DECIMAL: /* JSON takes no zeros before the number */
		if (*p == '-') {
			buffer_char(buffer, '-');
			p++;
		}
		while (end - p > 1 && *p == '0' && p[1] != '.')
			p++;
		buffer_append(buffer, p, (size_t)(end - p));
		break;
	case SYNCLINE_TYPE_DATE:
		text_json_string(buffer, text, text_from_date(value->u.integer, text));
		break;
	case SYNCLINE_TYPE_TIMESTAMP:
		text_json_string(buffer, text, text_from_timestamp(value->u.integer, text));
		break;
	case SYNCLINE_TYPE_JSON:
		buffer_append(buffer, value->u.data, value->length);
		break;
	case SYNCLINE_TYPE_BYTES: {
		static const char hex[] = "0123456789abcdef";

		buffer_char(buffer, '"');
		for (uint32_t i = 0; i < value->length; i++) {
			buffer_char(buffer, hex[(unsigned char)p[i] >> 4]);
			buffer_char(buffer, hex[(unsigned char)p[i] & 15]);
		}
		buffer_char(buffer, '"');
		break;
	}
	default:
		text_json_string(buffer, value->u.data, value->length);
		break;
	}
}

/* The JSON of one row's elements, `at` being its first; -1: told as a fault or no memory. */
static int
compose(struct group *g, uint32_t row, uint32_t *at)
{
	const struct ruleset *set = g->rule->elements;
	struct buffer *buffer = &g->worker->buffer;
	struct syncline_value value = { .type = SYNCLINE_TYPE_JSON };
	struct fault fault;
	bool bad = false;

	buffer_clear(buffer);
	buffer_char(buffer, '[');
	for (uint32_t first = *at; *at < g->count && g->row_of[*at] == row; ++*at) {
		bool comma = false;

		bad |= g->bad[*at] != 0;
		buffer_text(buffer, *at > first ? ",{" : "{");
		for (uint32_t r = 0; r < set->rule_count; r++) {
			const struct syncline_value *part = &g->out[(size_t)*at * set->rule_count + r];

			if (part->type == SYNCLINE_TYPE_ABSENT)
				continue;
			if (comma)
				buffer_char(buffer, ',');
			comma = true;
			text_json_string(buffer, set->rules[r].name, strlen(set->rules[r].name));
			buffer_char(buffer, ':');
			put_value(buffer, part);
		}
		buffer_char(buffer, '}');
	}
	buffer_char(buffer, ']');
	if (bad)
		return 0; /* its faults were told */
	fault.path[0] = '\0';
	value.length = (uint32_t)buffer->length;
	if (buffer->failed || buffer->length > SYNCLINE_RECORD_MAX) {
		if (buffer->failed == BUFFER_NO_MEMORY)
			return -1;
		buffer_free(buffer);
		fault_set(&fault, "Shorten the list at its source.", "the list is longer than 4 MiB");
		return g->result(g->data, g->rule, row, &value, &fault);
	}
	if ((value.u.data = arena_copy(&g->worker->arena, buffer->data, buffer->length)) == NULL)
		return -1;
	return g->result(g->data, g->rule, row, &value, NULL);
}

static int
run_group(struct group *g, uint32_t first, uint32_t last, const struct json_value *lists, struct error *err)
{
	const struct ruleset *set = g->rule->elements;
	struct rows rows = { 0 };
	uint32_t at = 0;

	if (fill(g, first, last, lists) != 0)
		return error_memory(err);
	rows.count = g->count;
	rows.values = g->in;
	rows.stride = set->field_count;
	rows.owners = g->owners;
	rows.skip = g->bad;
	for (uint32_t r = 0; g->count > 0 && r < set->rule_count; r++)
		if (rule_evaluate(g->worker, &set->rules[r], &rows, took, g, err) != 0)
			return -1;
	g->worker->rule = g->rule;
	g->worker->rows = g->rows;
	if (check_required(g) != 0)
		return error_memory(err);
	for (uint32_t row = first; row < last; row++)
		if (lists[row - first].kind == JSON_ARRAY && compose(g, row, &at) != 0)
			return error_memory(err);
	return 0;
}

int
list_evaluate(struct rules_worker *worker, const struct rule *rule, const struct rows *rows, row_result *result, void *data, struct error *err)
{
	struct json_value *lists = arena_array(&worker->arena, rows->count + 1u, sizeof *lists);
	struct group g = { .worker = worker, .rule = rule, .rows = rows, .result = result, .data = data };
	uint32_t first = 0;

	if (lists == NULL)
		return error_memory(err);
	for (uint32_t row = 0; row < rows->count; row++) {
		int found = rows->skip != NULL && rows->skip[row] ? 0 : list_of(&g, row, &lists[row]);

		if (found < 0)
			return error_memory(err);
		if (found == 0)
			lists[row].kind = JSON_BAD;
		else
			g.count += length_of(&lists[row]);
		if (g.count < ELEMENTS_AT_ONCE && row + 1 < rows->count)
			continue;
		if (run_group(&g, first, row + 1, lists + first, err) != 0)
			return -1;
		first = row + 1;
		g.count = 0;
	}
	return 0;
}
