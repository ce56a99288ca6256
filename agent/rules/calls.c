/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c: functions in a rule (are they listed, are their arguments right, what do they depend on), and subqueries, which are
 * looked at token by token.
 */
#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "rules/analyse.h"

static bool
named(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(name, list[i]) == 0)
			return true;
	return false;
}
#define NAMED(name, list) named(name, list, sizeof list / sizeof *list)

/* They give back what went in. */
static const char *const passing[] = { "coalesce", "ifnull", "iif", "least", "greatest", "min", "max" };
static const char *const computing[] = { "abs", "round", "sign" };
/* They look at a decimal's digits as text, so that 9.50 stays 9.50. */
static const char *const texting[] = { "length", "substr", "substring", "replace", "instr", "upper", "lower", "trim", "ltrim", "rtrim", "like", "glob",
	                               "fold", "nfc", "regexp", "regexp_replace", "similarity" };

bool
call_takes_numbers(const struct node *node)
{
	return node->function != NULL && !node->function->exact && !NAMED(node->name, passing) && !NAMED(node->name, texting);
}

static int
unknown_function(struct analysis *a, const struct token *token, const char *name)
{
	const char *nearest = rules_function_nearest(name);
	char hint[200];

	if (nearest != NULL)
		snprintf(hint, sizeof hint, "Did you mean %s()?", nearest);
	else
		snprintf(hint, sizeof hint, "syncline-rules(7) lists the functions.");
	slip_set(a->slip, token->at, token->length, hint, "there is no function %.100s() in rules", name);
	return -1;
}

static const char *
nearest_in(const char *name, const char *const *list)
{
	size_t count = 0;

	while (list[count] != NULL)
		count++;
	return text_nearest(name, list, count);
}

static int
unknown_name(struct analysis *a, const struct token *token, const char *what, const char *name, const char *nearest)
{
	char hint[300];

	if (nearest != NULL)
		snprintf(hint, sizeof hint, "Did you mean '%.200s'?", nearest);
	else
		snprintf(hint, sizeof hint, "Use the name that the configuration gives to the %s.", what);
	slip_set(a->slip, token->at, token->length, hint, "there is no %s '%.200s'", what, name);
	return -1;
}

static bool
in_list(const char *name, const char *const *list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return list == NULL;
}

static int
use_lookup(struct analysis *a, const struct token *token, const char *name)
{
	const struct mapping_spec *spec = a->scope->spec;
	const char **names;

	for (uint32_t i = 0; i < spec->lookup_count; i++)
		if (strcmp(rules_lookup_name(spec->lookups[i]), name) == 0)
			return text_list_add(a->scope->arena, &a->rule->lookups, &a->rule->lookup_count, name);
	if ((names = arena_array(a->scope->arena, spec->lookup_count + 1, sizeof *names)) == NULL)
		return -1;
	for (uint32_t i = 0; i < spec->lookup_count; i++)
		names[i] = rules_lookup_name(spec->lookups[i]);
	return unknown_name(a, token, "lookup table", name, text_nearest(name, names, spec->lookup_count));
}

/* What a dependency function depends on; `first` is its first argument's token. */
static int
depend(struct analysis *a, const char *function, const struct token *first)
{
	static const struct {
		const char *name;
		uint32_t uses;
	} plain[] = { { "today", RULES_USES_TODAY },           { "run_time", RULES_USES_RUN_TIME },   { "sync_state", RULES_USES_SYNC },
		      { "sync_error", RULES_USES_SYNC },      { "content", RULES_USES_CONTENT },     { "record_id", RULES_USES_RECORD_ID },
		      { "unit", RULES_USES_UNIT },            { "lookup", RULES_USES_LOOKUP },       { "ref", RULES_USES_REF },
		      { "link", RULES_USES_LINK },            { "url", RULES_USES_URL } };
	const struct mapping_spec *spec = a->scope->spec;
	uint32_t uses = 0;
	size_t length;
	char *name;

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strcasecmp(function, plain[i].name) == 0)
			uses = plain[i].uses;
	a->rule->uses |= uses;
	if ((uses & (RULES_USES_LOOKUP | RULES_USES_REF | RULES_USES_LINK | RULES_USES_URL)) == 0)
		return 0;
	if (first == NULL || first->kind != TOKEN_STRING) {
		slip_set(a->slip, first != NULL ? first->at : 0, first != NULL && first->length > 0 ? first->length : 1,
		         "Write the name in quotes, as in lookup('country', LAND): what a rule depends on must be known before it runs.",
		         "the first argument of %s() is not a name in quotes", function);
		return -1;
	}
	if ((name = token_name(a->scope->arena, a->text, first, &length)) == NULL)
		return -1;
	if (uses == RULES_USES_LOOKUP)
		return use_lookup(a, first, name);
	if (uses == RULES_USES_REF) {
		if (!in_list(name, spec->objects))
			return unknown_name(a, first, "object", name, nearest_in(name, spec->objects));
		return text_list_add(a->scope->arena, &a->rule->objects, &a->rule->object_count, name);
	}
	if (!in_list(name, spec->systems))
		return unknown_name(a, first, "system", name, nearest_in(name, spec->systems));
	return text_list_add(a->scope->arena, &a->rule->systems, &a->rule->system_count, name);
}

static int
check_place(struct analysis *a, const struct node *node, uint32_t count)
{
	const struct rules_function *f = node->function;
	const char *hint = "Write (SELECT ... FROM json_each(FIELD)).";

	if (f->use == RULES_USE_AGGREGATE || (f->use == RULES_USE_BOTH && count == 1))
		slip_set(a->slip, node->sign_at, node->sign_length, hint, "%s() adds up rows, and a rule has one record: it belongs inside a subquery over json_each",
		         f->name);
	else if (f->use == RULES_USE_WINDOW)
		slip_set(a->slip, node->sign_at, node->sign_length, hint, "%s() looks at rows, and a rule has one record: it belongs inside a subquery over json_each",
		         f->name);
	else if (f->use == RULES_USE_TABLE)
		slip_set(a->slip, node->sign_at, node->sign_length, hint, "%s() gives rows: it belongs behind FROM in a subquery", f->name);
	else if (count < f->min_arguments || count > f->max_arguments)
		slip_set(a->slip, node->sign_at, node->sign_length, "Give it the arguments that it takes.", "%s() has %u argument%s here; it is used so: %s",
		         f->name, count, count == 1 ? "" : "s", f->usage);
	else
		return 0;
	return -1;
}

static uint8_t
result_kind(const struct node *node)
{
	static const uint8_t kinds[] = { [RULES_RESULT_ANY] = KIND_ANY, [RULES_RESULT_TEXT] = KIND_TEXT, [RULES_RESULT_INTEGER] = KIND_INTEGER,
		                         [RULES_RESULT_NUMBER] = KIND_NUMBER, [RULES_RESULT_DECIMAL] = KIND_DECIMAL,
		                         [RULES_RESULT_BOOLEAN] = KIND_BOOLEAN, [RULES_RESULT_DATE] = KIND_DATE,
		                         [RULES_RESULT_TIMESTAMP] = KIND_TIMESTAMP, [RULES_RESULT_JSON] = KIND_JSON };

	if (strcasecmp(node->name, "lookup") == 0 || strcasecmp(node->name, "content") == 0)
		return KIND_TEXT; /* tables hold texts */
	return kinds[node->function->result];
}

static int
judge_arguments(struct analysis *a, struct node *node)
{
	struct node *child;

	if (strcasecmp(node->name, "iif") == 0) {
		assert(node->first != NULL && node->first->next != NULL); /* check_place counted three */
		if (analysis_condition(a, node->first) != 0)
			return -1;
		for (child = node->first->next; child != NULL; child = child->next)
			node->carries |= child->carries;
		node->value = node->first->next->value;
		if (node->last->value != node->value) {
			struct node both = { .first = node->first->next };

			analysis_join(a, &both);
			node->value = both.value;
		}
		return 0;
	}
	if (NAMED(node->name, passing))
		return analysis_join(a, node);
	if (strcasecmp(node->name, "nullif") == 0) {
		assert(node->first != NULL); /* check_place counted two */
		node->value = node->first->value == KIND_DECIMAL ? KIND_NUMBER : node->first->value;
		return analysis_compare(a, node);
	}
	if (NAMED(node->name, computing)) {
		char what[40];

		snprintf(what, sizeof what, "%s()", node->function->name);
		return analysis_number(a, node, node->first, what);
	}
	if (call_takes_numbers(node))
		for (child = node->first; child != NULL; child = child->next)
			if (child->value == KIND_DECIMAL && child->kind != NODE_FIELD)
				child->wrap = "syn_number";
	return 0;
}

/* The time of the clock would differ from record to record. */
static bool
says_now(struct analysis *a, const struct node *node)
{
	static const char *const dates[] = { "date", "time", "datetime", "julianday", "strftime", "unixepoch", "date_format" };

	if (!NAMED(node->name, dates))
		return false;
	for (const struct node *child = node->first; child != NULL; child = child->next)
		if (child->kind == NODE_LITERAL && child->value == KIND_TEXT && child->end - child->at == 5 &&
		    strncasecmp(a->text + child->at, "'now'", 5) == 0) {
			slip_set(a->slip, child->at, 5, "Use today() or run_time(): they are the same for all records of a run.", "'now' is not allowed in rules");
			return true;
		}
	return false;
}

int
judge_call(struct analysis *a, struct node *node)
{
	struct token token = { TOKEN_WORD, node->sign_at, node->sign_length };
	uint32_t count = 0;

	for (const struct node *child = node->first; child != NULL; child = child->next)
		count++;
	if ((node->function = rules_function_find(node->name)) == NULL)
		return unknown_function(a, &token, node->name);
	if (check_place(a, node, count) != 0)
		return -1;
	if (node->function->kind != RULES_FUNCTION_PURE) {
		struct token first = { TOKEN_END, node->at, 1 };

		for (uint32_t i = 0; node->first != NULL && i < a->tokens.count; i++)
			if (a->tokens.items[i].at == node->first->at)
				first = a->tokens.items[i];
		if (node->first != NULL && node->first->end != first.at + first.length)
			first.kind = TOKEN_BAD;
		if (depend(a, node->function->name, &first) != 0)
			return -1;
	}
	if (says_now(a, node))
		return -1;
	node->value = result_kind(node);
	return judge_arguments(a, node);
}

/* ---- subqueries ---- */

bool
subquery_keeps(const char *word)
{
	static const char *const words[] = {
		"key", "value", "type", "atom", "id", "parent", "fullkey", "path", "json", "root", "rowid", "SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT",
		"IN", "IS", "LIKE", "GLOB", "REGEXP", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "GROUP", "ORDER", "BY", "HAVING", "LIMIT",
		"OFFSET", "DISTINCT", "ALL", "UNION", "EXCEPT", "INTERSECT", "WITH", "VALUES", "JOIN", "LEFT", "INNER", "CROSS", "OUTER", "ON", "USING",
		"NULL", "TRUE", "FALSE", "ASC", "DESC", "EXISTS", "COLLATE", "ESCAPE", "ISNULL", "NOTNULL", "OVER", "PARTITION", "ROWS", "RANGE", "GROUPS",
		"UNBOUNDED", "PRECEDING", "FOLLOWING", "CURRENT", "ROW", "FILTER", "WINDOW", "NULLS", "FIRST", "LAST", "RECURSIVE", "NATURAL", "INTEGER",
		"TEXT", "REAL", "NUMERIC", "BLOB", "json_each", "json_tree", "NOCASE", "MATERIALIZED", "FULL", "RIGHT",
	};

	return NAMED(word, words);
}

/* A name that the subquery itself gives: "... AS qty", "WITH t(a, b) AS". */
static bool
is_alias(const struct analysis *a, const struct node *node, const char *name)
{
	for (uint32_t i = node->token_first + 1; i <= node->token_last; i++) {
		const struct token *token = &a->tokens.items[i], *before = token - 1;

		if ((token->kind == TOKEN_WORD || token->kind == TOKEN_NAME) && token_is(a->text, before, "AS")) {
			size_t length;
			char *alias = token_name(a->scope->arena, a->text, token, &length);

			if (alias != NULL && strcasecmp(alias, name) == 0)
				return true;
		}
	}
	return false;
}

/* The column that a subquery's name means, with the mode that its place wants. */
static int
subquery_field(struct analysis *a, struct subquery_walk *walk, const char *name, size_t length, const struct token *token, uint32_t *ret_column)
{
	struct column *column = scope_find(a->scope, name, length, token->at, token->length, a->slip);
	bool exact = walk->depth > 0 && walk->exact[walk->depth - 1];

	if (column == NULL || rule_reads(a->scope, a->rule, column) != 0)
		return -1;
	if (column->declared == SYNCLINE_TYPE_DECIMAL && !exact && !a->rule->target.has_scale) {
		slip_set(a->slip, token->at, token->length, "Use dec_add, dec_mul, dec_cmp and their like, or give the target field a scale.",
		         "%.60s is a decimal, and what a subquery does with it is not exact", name);
		return -1;
	}
	if (column->declared == SYNCLINE_TYPE_DECIMAL || column->declared == SYNCLINE_TYPE_ABSENT)
		column->mode = exact ? COLUMN_EXACT : COLUMN_NUMBER;
	return analysis_column(a, column, token->at, token->length, ret_column);
}

static bool
is_known(const struct analysis *a, const char *name, size_t length)
{
	struct slip ignored = { 0 };
	struct scope scope = *a->scope;
	struct ruleset set = *a->scope->set;

	set.open = false;
	scope.set = &set;
	return scope_find(&scope, name, length, 0, 1, &ignored) != NULL;
}

static int
bracket(struct analysis *a, struct subquery_walk *walk)
{
	const struct token *token = &a->tokens.items[walk->at], *before = walk->at > 0 ? token - 1 : token;
	const struct rules_function *function = NULL;
	size_t length;

	if (token_is_sign(a->text, token, ")")) {
		if (walk->depth > 0)
			walk->depth--;
		return 0;
	}
	if (walk->depth > RULE_DEPTH) {
		slip_set(a->slip, token->at, 1, "Split the rule.", "the expression is nested more than 64 deep");
		return -1;
	}
	if (before->kind == TOKEN_WORD) {
		char *name = token_name(a->scope->arena, a->text, before, &length);

		if (name == NULL)
			return -1;
		function = rules_function_find(name);
		if (function != NULL && function->kind != RULES_FUNCTION_PURE && depend(a, function->name, token + 1) != 0)
			return -1;
	}
	walk->exact[walk->depth++] = function != NULL && (function->exact || NAMED(function->name, texting));
	return 0;
}

int
subquery_token(struct analysis *a, struct subquery_walk *walk, uint32_t *ret_column, uint32_t *ret_tokens)
{
	const struct token *token = &a->tokens.items[walk->at], *next = token + 1;
	const struct token *before = walk->at > 0 ? token - 1 : token;
	size_t length;
	char *name;

	*ret_tokens = 1;
	if (token_is_sign(a->text, token, "(") || token_is_sign(a->text, token, ")"))
		return bracket(a, walk);
	if (token->kind != TOKEN_WORD && token->kind != TOKEN_NAME)
		return 0;
	if ((name = token_name(a->scope->arena, a->text, token, &length)) == NULL)
		return -1;
	if (strcasecmp(name, "record") == 0) {
		if (token_is_sign(a->text, next, ".") && (next[1].kind == TOKEN_WORD || next[1].kind == TOKEN_NAME)) {
			*ret_tokens = 3;
			if ((name = token_name(a->scope->arena, a->text, next + 1, &length)) == NULL)
				return -1;
			return subquery_field(a, walk, name, length, next + 1, ret_column) == 0 ? 1 : -1;
		}
		if (!is_known(a, name, length) || token_is_sign(a->text, before, ".") || token_is(a->text, before, "FROM") || token_is(a->text, before, "JOIN")) {
			slip_set(a->slip, token->at, token->length, "A subquery reads lists: FROM json_each(FIELD).", "a rule sees its own record alone");
			return -1;
		}
	}
	if (name[0] == '#') {
		slip_set(a->slip, token->at, token->length, "Write the field's name.", "there is no field \"%.100s\"", name);
		return -1;
	}
	if (token_is_sign(a->text, before, ".") || token_is_sign(a->text, next, ".") || token_is_sign(a->text, next, "(") ||
	    token_is(a->text, before, "AS") || (token->kind == TOKEN_WORD && subquery_keeps(name)) || is_alias(a, walk->node, name) ||
	    !is_known(a, name, length))
		return 0;
	return subquery_field(a, walk, name, length, token, ret_column) == 0 ? 1 : -1;
}

/* Finds what is wrong in it; the columns are found again when the SQL is written. */
int
judge_subquery(struct analysis *a, struct node *node)
{
	struct subquery_walk walk = { .node = node };
	struct column *columns = a->rule->columns;
	uint32_t count = a->rule->column_count, column, used;
	int result = 0;

	if ((a->rule->columns = arena_array(a->scope->arena, RULE_COLUMNS, sizeof *a->rule->columns)) == NULL)
		return -1;
	for (walk.at = node->token_first; walk.at <= node->token_last && result >= 0; walk.at += used)
		result = subquery_token(a, &walk, &column, &used);
	a->rule->columns = columns;
	a->rule->column_count = count;
	return result < 0 ? -1 : 0;
}
