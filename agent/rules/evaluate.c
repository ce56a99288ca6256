/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evaluate.c: one rule over many rows, and the worker that it runs on.  A statement is prepared once per worker and mapping and
 * stepped through all rows of a batch; an error ends it, makes its row a reject, and it starts again behind that row.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "rules/engine.h"

#define STATEMENT_SETS 64u

struct rules_worker *
rules_worker_new(struct error *err)
{
	struct rules_worker *worker = calloc(1, sizeof *worker);

	if (worker == NULL) {
		error_memory(err);
		return NULL;
	}
	arena_init(&worker->arena, 0);
	buffer_init(&worker->buffer, SYNCLINE_RECORD_MAX * 2);
	worker->today_of = INT64_MIN;
	rules_worker_set_budget(worker, 0, 0);
	if (sandbox_open(worker, err) != 0) {
		rules_worker_free(worker);
		return NULL;
	}
	return worker;
}

static void
drop(struct worker_statements *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		sqlite3_finalize(set->items[i]);
	free(set->items);
	memset(set, 0, sizeof *set);
}

void
rules_worker_free(struct rules_worker *worker)
{
	if (worker == NULL)
		return;
	for (uint32_t i = 0; i < worker->statement_sets; i++)
		drop(&worker->statements[i]);
	free(worker->statements);
	sqlite3_close(worker->db);
	rules_function_context_free(worker->functions);
	free(worker->slots);
	buffer_free(&worker->buffer);
	arena_free(&worker->arena);
	free(worker);
}

void
rules_worker_set_budget(struct rules_worker *worker, uint32_t steps, uint32_t milliseconds)
{
	worker->step_budget = steps > 0 ? steps : BUDGET_STEPS;
	worker->time_budget = milliseconds > 0 ? milliseconds : BUDGET_MS;
}

void
rules_worker_forget(struct rules_worker *worker, const struct mapping *mapping)
{
	for (uint32_t i = 0; i < worker->statement_sets; i++)
		if (worker->statements[i].mapping_id == mapping->id)
			drop(&worker->statements[i]);
}

static int
prepare_rule(struct rules_worker *worker, const struct rule *rule, sqlite3_stmt **items, struct error *err)
{
	int rc = SQLITE_OK;

	if (rule->kind == RULE_LIST) {
		for (uint32_t i = 0; i < rule->elements->rule_count; i++)
			if (prepare_rule(worker, &rule->elements->rules[i], items, err) != 0)
				return -1;
		return 0;
	}
	if (rule->kind != RULE_SQL)
		return 0;
	worker->compiling = true;
	rc = sqlite3_prepare_v3(worker->db, rule->sql, (int)rule->sql_length, SQLITE_PREPARE_PERSISTENT, &items[rule->index], NULL);
	worker->compiling = false;
	return rc == SQLITE_OK ? 0 : error_set(err, rc == SQLITE_NOMEM ? ERROR_MEMORY : ERROR_RULE_FAILED, NULL,
	                                       "the rule of %s was compiled before and can't be now: %s", rule->name, sqlite3_errmsg(worker->db));
}

static int
prepare_set(struct rules_worker *worker, const struct ruleset *set, sqlite3_stmt **items, struct error *err)
{
	for (uint32_t i = 0; i < set->rule_count; i++)
		if (prepare_rule(worker, &set->rules[i], items, err) != 0)
			return -1;
	return 0;
}

/* A free place for a set of statements: an empty one, a new one, or that which was used longest ago. */
static struct worker_statements *
free_place(struct rules_worker *worker)
{
	struct worker_statements *oldest = NULL;

	for (uint32_t i = 0; i < worker->statement_sets; i++) {
		if (worker->statements[i].items == NULL)
			return &worker->statements[i];
		if (oldest == NULL || worker->statements[i].used < oldest->used)
			oldest = &worker->statements[i];
	}
	if (worker->statement_sets < STATEMENT_SETS) {
		struct worker_statements *sets = realloc(worker->statements, (worker->statement_sets + 1) * sizeof *sets);

		if (sets == NULL)
			return NULL;
		worker->statements = sets;
		memset(&sets[worker->statement_sets], 0, sizeof *sets);
		return &sets[worker->statement_sets++];
	}
	drop(oldest);
	return oldest;
}

sqlite3_stmt **
worker_statements(struct rules_worker *worker, const struct mapping *mapping, struct error *err)
{
	struct worker_statements *set;

	worker->clock++;
	for (uint32_t i = 0; i < worker->statement_sets; i++)
		if (worker->statements[i].mapping_id == mapping->id && worker->statements[i].items != NULL) {
			worker->statements[i].used = worker->clock;
			return worker->statements[i].items;
		}
	if ((set = free_place(worker)) == NULL || (set->items = calloc(mapping->statement_count + 1u, sizeof(sqlite3_stmt *))) == NULL) {
		error_memory(err);
		return NULL;
	}
	set->count = mapping->statement_count;
	set->mapping_id = mapping->id;
	set->used = worker->clock;
	if (prepare_set(worker, &mapping->top, set->items, err) != 0 || prepare_set(worker, &mapping->checks, set->items, err) != 0 ||
	    prepare_set(worker, &mapping->conditions, set->items, err) != 0) {
		drop(set);
		return NULL;
	}
	return set->items;
}

/* ---- results ---- */

static int
fetch_text(struct rules_worker *worker, const struct rule *rule, sqlite3_stmt *statement, struct syncline_value *ret_value, struct fault *fault)
{
	const char *text = sqlite3_column_blob(statement, 0); /* column_text would copy it to end it with NUL */
	size_t length = (size_t)sqlite3_column_bytes(statement, 0);
	int64_t number;

	if (text == NULL)
		text = "";
	if (worker->rows->batch == NULL || (const uint8_t *)text < worker->rows->batch->data ||
	    (const uint8_t *)text >= worker->rows->batch->data + worker->rows->batch->size) {
		if (!text_is_utf8(text, length))
			return fault_set(fault, "Texts are UTF-8 without NUL; bytes become text by hex().", "the rule gave a text that is not UTF-8");
		if ((text = arena_copy(&worker->arena, text, length)) == NULL)
			return fault_memory(worker, fault);
	}
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = text };
	if (rule->target.type != RULES_NATIVE)
		return 0;
	/* Nobody says what it has to be: it is what the expression is. */
	if (rule->gives == KIND_DECIMAL && length <= 1000 && text_is_decimal(text, length))
		ret_value->type = SYNCLINE_TYPE_DECIMAL;
	else if (rule->gives == KIND_DATE && text_to_date(text, length, &number))
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_DATE, .u.integer = number };
	else if (rule->gives == KIND_TIMESTAMP && text_to_timestamp(text, length, &number))
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TIMESTAMP, .u.integer = number };
	else if (rule->gives == KIND_JSON && length > 0)
		ret_value->type = SYNCLINE_TYPE_JSON;
	return 0;
}

static int
fetch_double(struct rules_worker *worker, const struct rule *rule, double number, struct syncline_value *ret_value, struct fault *fault)
{
	char digits[700], *rounded;
	size_t length = number_to_decimal(number, digits);

	if (length == 0)
		return fault_set(fault, "Look at what the rule divides by.", "the result is infinite or has too many digits");
	if ((rounded = arena_alloc(&worker->arena, length + rule->target.scale + 8u)) == NULL)
		return fault_memory(worker, fault);
	if (rule->target.has_scale)
		length = number_round(digits, length, rule->target.scale, true, rounded);
	else
		memcpy(rounded, digits, length);
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_DECIMAL, .length = (uint32_t)length, .u.data = rounded };
	return 0;
}

static int
fetch(struct rules_worker *worker, const struct rule *rule, sqlite3_stmt *statement, struct syncline_value *ret_value, struct fault *fault)
{
	size_t length;
	const char *data;

	if (worker->not_yet) {
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
		return 0;
	}
	switch (sqlite3_column_type(statement, 0)) {
	case SQLITE_INTEGER:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_INTEGER, .u.integer = sqlite3_column_int64(statement, 0) };
		if (rule->gives == KIND_BOOLEAN && (uint64_t)ret_value->u.integer <= 1)
			ret_value->type = SYNCLINE_TYPE_BOOLEAN;
		return 0;
	case SQLITE_FLOAT:
		return fetch_double(worker, rule, sqlite3_column_double(statement, 0), ret_value, fault);
	case SQLITE_TEXT:
		return fetch_text(worker, rule, statement, ret_value, fault);
	case SQLITE_BLOB:
		data = sqlite3_column_blob(statement, 0);
		length = (size_t)sqlite3_column_bytes(statement, 0);
		if ((data = arena_copy(&worker->arena, data != NULL ? data : "", length)) == NULL)
			return fault_memory(worker, fault);
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_BYTES, .length = (uint32_t)length, .u.data = data };
		return 0;
	default:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
		return 0;
	}
}

/* Why SQLite stopped. */
static void
failed(struct rules_worker *worker, int rc, struct fault *fault)
{
	if (worker->over_budget)
		fault_set(fault, "Make the rule simpler, or the list shorter.", "the rule takes too long for this record");
	else if (worker->fault_set)
		*fault = worker->fault;
	else if ((rc & 0xFF) == SQLITE_NOMEM)
		fault_memory(worker, fault);
	else if ((rc & 0xFF) == SQLITE_TOOBIG)
		fault_set(fault, "Copy the field instead of computing with it.", "a value is longer than 1 MiB, which is the most that an expression takes");
	else
		fault_set(fault, NULL, "%s", sqlite3_errmsg(worker->db));
	fault->path[0] = '\0';
	worker->over_budget = false;
}

static int
row_done(struct rules_worker *worker, const struct rule *rule, bool copied, uint32_t row, const struct syncline_value *value, row_result *result, void *data)
{
	struct syncline_value converted;
	struct fault fault;

	fault.path[0] = '\0';
	if (value_convert(worker, rule, copied, value, &converted, &fault) != 0)
		return result(data, rule, row, value, &fault);
	return result(data, rule, row, &converted, NULL);
}

static int
evaluate_sql(struct rules_worker *worker, const struct rule *rule, sqlite3_stmt *statement, row_result *result, void *data, struct error *err)
{
	const struct syncline_value nothing = { .type = SYNCLINE_TYPE_ABSENT };
	uint32_t returned = 0;
	int rc = SQLITE_ROW, told = 0;

	worker->first_row = worker->offered = 0;
	worker->on_row = worker->over_budget = worker->fault_set = false;
	while (rc != SQLITE_DONE && told == 0) {
		struct syncline_value value;
		struct fault fault;

		rc = sqlite3_step(statement);
		if (rc == SQLITE_DONE)
			break;
		if (!worker->on_row) {
			error_set(err, (rc & 0xFF) == SQLITE_NOMEM ? ERROR_MEMORY : ERROR_RULE_FAILED, "Aggregates belong inside a subquery over json_each.",
			          "the rule of %s failed before its first record: %s", rule->name, rc == SQLITE_ROW ? "it adds up records" : sqlite3_errmsg(worker->db));
			sqlite3_reset(statement);
			return -1;
		}
		returned++;
		fault.path[0] = '\0';
		if (rc != SQLITE_ROW) {
			failed(worker, rc, &fault);
			worker->first_row = worker->row + 1;
			told = result(data, rule, worker->row, &nothing, &fault);
			sqlite3_reset(statement);
		} else if (fetch(worker, rule, statement, &value, &fault) != 0) {
			told = result(data, rule, worker->row, &nothing, &fault);
		} else {
			told = row_done(worker, rule, false, worker->row, &value, result, data);
		}
	}
	sqlite3_reset(statement);
	if (told != 0)
		return error_memory(err);
	if (returned != worker->offered)
		return error_set(err, ERROR_RULE_FAILED, "Aggregates belong inside a subquery over json_each.", "the rule of %s gave %u results for %u records",
		                 rule->name, returned, worker->offered);
	return 0;
}

static int
evaluate_copy(struct rules_worker *worker, const struct rule *rule, const struct rows *rows, row_result *result, void *data, struct error *err)
{
	const struct column *column = &rule->columns[0];
	bool plain = column->path_count == 0 && column->follow == NULL;

	for (uint32_t row = 0; row < rows->count; row++) {
		const struct syncline_value nothing = { .type = SYNCLINE_TYPE_ABSENT };
		struct syncline_value value;
		int told;

		if (rows->skip != NULL && rows->skip[row])
			continue;
		if (plain) {
			value = row_field(rows, row, column->field);
		} else if (row_value(worker, column, row, &value) != 0) {
			worker->fault.path[0] = '\0';
			if (result(data, rule, row, &nothing, &worker->fault) != 0)
				return error_memory(err);
			continue;
		}
		told = value.type == SYNCLINE_TYPE_ABSENT ? 0 : row_done(worker, rule, true, row, &value, result, data);
		if (told != 0)
			return error_memory(err);
	}
	return 0;
}

int
rule_evaluate(struct rules_worker *worker, const struct rule *rule, const struct rows *rows, row_result *result, void *data, struct error *err)
{
	sqlite3_stmt **statements;

	worker->rule = rule;
	worker->rows = rows;
	worker->on_row = false;
	if (rule->kind == RULE_COPY)
		return evaluate_copy(worker, rule, rows, result, data, err);
	if (rule->kind == RULE_LIST)
		return list_evaluate(worker, rule, rows, result, data, err);
	if ((statements = worker_statements(worker, worker->mapping, err)) == NULL)
		return -1;
	return evaluate_sql(worker, rule, statements[rule->index], result, data, err);
}
