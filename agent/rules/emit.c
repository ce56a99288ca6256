/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit.c: the SQL of a rule: its own text with fields replaced by columns of `record`, and with our functions around values
 * that have to become comparable.  A map leads from each byte of the SQL back to the rule's text, so that what SQLite says
 * about its text can be shown in the administrator's.
 */
#include <stdlib.h>

#include "rules/analyse.h"

struct emitter {
	struct analysis *a;
	struct buffer sql;
	struct place_map *map;
	uint32_t count, room;
};

static void
mark(struct emitter *e, uint32_t text)
{
	if (e->count == e->room) {
		uint32_t room = e->room * 2 + 32;
		struct place_map *map = realloc(e->map, room * sizeof *map);

		if (map == NULL) {
			e->sql.failed = 1;
			return;
		}
		e->map = map;
		e->room = room;
	}
	e->map[e->count++] = (struct place_map){ (uint32_t)e->sql.length, text };
}

static void
verbatim(struct emitter *e, uint32_t from, uint32_t to)
{
	if (to <= from)
		return;
	mark(e, from);
	buffer_append(&e->sql, e->a->text + from, to - from);
}

static void
put_column(struct emitter *e, uint32_t at, uint32_t index)
{
	mark(e, at);
	buffer_format(&e->sql, "record.[#%u]", index);
}

static int
emit_subquery(struct emitter *e, const struct node *node)
{
	struct subquery_walk walk = { .node = node };
	uint32_t from = node->at, used;

	for (walk.at = node->token_first; walk.at <= node->token_last; walk.at += used) {
		const struct token *token = &e->a->tokens.items[walk.at], *last;
		uint32_t column;
		int result = subquery_token(e->a, &walk, &column, &used);

		if (result < 0)
			return -1;
		if (result == 0)
			continue;
		last = token + used - 1;
		verbatim(e, from, token->at);
		put_column(e, token->at, column);
		from = last->at + last->length;
	}
	verbatim(e, from, node->end);
	return 0;
}

static int
emit(struct emitter *e, const struct node *node)
{
	uint32_t from = node->at;
	int result = 0;

	if (node->wrap != NULL) {
		mark(e, node->at);
		buffer_format(&e->sql, "%s(", node->wrap);
	}
	if (node->kind == NODE_FIELD) {
		put_column(e, node->at, node->column_index);
	} else if (node->kind == NODE_SUBQUERY) {
		result = emit_subquery(e, node);
	} else {
		for (const struct node *child = node->first; child != NULL && result == 0; child = child->next) {
			verbatim(e, from, child->at);
			result = emit(e, child);
			from = child->end;
		}
		verbatim(e, from, node->end);
	}
	if (node->wrap != NULL)
		buffer_char(&e->sql, ')');
	return result;
}

int
analysis_column(struct analysis *a, const struct column *column, uint32_t at, uint32_t length, uint32_t *ret_index)
{
	struct rule *rule = a->rule;

	for (uint32_t i = 0; i < rule->column_count; i++) {
		const struct column *c = &rule->columns[i];

		if (c->field == column->field && c->mode == column->mode && c->tolerant == column->tolerant && c->path == NULL && column->path == NULL &&
		    c->follow == NULL && column->follow == NULL) {
			*ret_index = i;
			return 0;
		}
	}
	if (rule->column_count == RULE_COLUMNS) {
		slip_set(a->slip, at, length, "Split the rule.", "the rule reads more than 200 fields");
		return -1;
	}
	rule->columns[rule->column_count] = *column;
	*ret_index = rule->column_count++;
	return 0;
}

int
analysis_emit(struct analysis *a, const struct node *root)
{
	struct emitter e = { .a = a };
	struct column *columns;
	int result;

	buffer_init(&e.sql, RULE_TEXT_MAX * 8);
	buffer_text(&e.sql, "SELECT (\n");
	result = emit(&e, root);
	mark(&e, root->end);
	buffer_text(&e.sql, "\n) FROM record");
	if (result == 0 && !e.sql.failed) {
		a->rule->sql_length = e.sql.length;
		a->rule->sql = arena_copy(a->scope->arena, e.sql.data, e.sql.length);
		a->rule->map = arena_array(a->scope->arena, e.count, sizeof *a->rule->map);
		a->rule->map_count = e.count;
		columns = arena_array(a->scope->arena, a->rule->column_count + 1, sizeof *columns);
		if (a->rule->sql == NULL || a->rule->map == NULL || columns == NULL) {
			result = -1;
		} else {
			memcpy(a->rule->map, e.map, e.count * sizeof *e.map);
			if (a->rule->column_count > 0)
				memcpy(columns, a->rule->columns, a->rule->column_count * sizeof *columns);
			a->rule->columns = columns;
		}
	} else {
		result = -1;
	}
	buffer_free(&e.sql);
	free(e.map);
	return result;
}

uint32_t
rule_text_place(const struct rule *rule, int at)
{
	uint32_t place = 0;

	for (uint32_t i = 0; i < rule->map_count && (int)rule->map[i].sql <= at; i++) {
		uint32_t run = i + 1 < rule->map_count ? rule->map[i + 1].sql - rule->map[i].sql : 1;
		uint32_t inside = (uint32_t)at - rule->map[i].sql;

		place = rule->map[i].text + (inside < run ? inside : run);
	}
	return place;
}
