/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * analyse.c: what a rule's tree means.  Two walks: `judge` goes up and finds each node's kind of value and whatever cannot be
 * right (a text compared with a number, a decimal in arithmetic whose result has no scale); `settle` goes down and decides for
 * each decimal whether it is wanted as a number or with its own digits.  emit.c then writes the SQL.
 *
 * Why at all, when SQLite accepts nearly anything: '1.234,50'+0 is 1.234 to it, a text is greater than every number, and
 * 9.50 from a column may be one or the other.  A rule whose answer depends on that is refused here, or made exact.
 */
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "rules/analyse.h"

static int judge(struct analysis *a, struct node *node);

static bool
is_number(uint8_t kind)
{
	return kind == KIND_INTEGER || kind == KIND_NUMBER;
}

const char *
kind_name(uint8_t kind)
{
	static const char *const names[] = { "a value", "text", "a whole number", "a number", "a decimal", "a boolean", "a date", "a timestamp", "JSON",
		                             "bytes", "NULL" };

	return names[kind];
}

static void
excerpt(const struct analysis *a, const struct node *node, char text[80])
{
	uint32_t length = node->end - node->at;

	snprintf(text, 80, "%.*s%s", (int)(length > 60 ? 60 : length), a->text + node->at, length > 60 ? "..." : "");
}

static uint8_t
join_kinds(uint8_t a, uint8_t b)
{
	if (a == b || b == KIND_NULL)
		return a;
	if (a == KIND_NULL)
		return b;
	if ((is_number(a) && is_number(b)))
		return KIND_NUMBER;
	if ((a == KIND_DECIMAL && is_number(b)) || (b == KIND_DECIMAL && is_number(a)))
		return KIND_DECIMAL;
	return KIND_ANY;
}

/* A decimal is about to meet SQLite's doubles. */
static int
inexact(struct analysis *a, const struct node *node, const struct node *operand, const char *what)
{
	char shown[80];

	if (a->rule->target.has_scale)
		return 0;
	excerpt(a, operand, shown);
	slip_set(a->slip, node->sign_length > 0 ? node->sign_at : operand->at, node->sign_length > 0 ? node->sign_length : operand->end - operand->at,
	         "Use dec_add, dec_sub, dec_mul, dec_div, dec_cmp, dec_round or dec_sum, or give the target field a scale to round to.",
	         "%s is a decimal, and %s is not exact", shown, what);
	return -1;
}

/* The operand of something that computes: what it may be, and how it becomes a number. */
static int
as_number(struct analysis *a, const struct node *parent, struct node *node, const char *what)
{
	char shown[80];

	switch (node->value) {
	case KIND_TEXT:
	case KIND_DATE:
	case KIND_TIMESTAMP:
	case KIND_JSON:
	case KIND_BYTES:
		excerpt(a, node, shown);
		slip_set(a->slip, node->at, node->end - node->at,
		         node->value == KIND_DATE || node->value == KIND_TIMESTAMP ? "Use date(value, '+1 day'), julianday() or unixepoch()."
		         : "dec_add() and its like compute with decimals in text; CAST(... AS INTEGER) reads a whole number.",
		         "%s is %s, and %s needs a number", shown, kind_name(node->value), what);
		return -1;
	case KIND_DECIMAL:
		if (parent != NULL && inexact(a, parent, node, what) != 0)
			return -1;
		node->wrap = node->kind == NODE_FIELD ? NULL : "syn_number";
		return 0;
	case KIND_ANY:
		node->wrap = "syn_number";
		return 0;
	default:
		return 0;
	}
}

static int
as_condition(struct analysis *a, const struct node *node)
{
	char shown[80];

	if (node->value != KIND_TEXT && node->value != KIND_DATE && node->value != KIND_TIMESTAMP && node->value != KIND_JSON &&
	    node->value != KIND_BYTES && node->value != KIND_DECIMAL)
		return 0;
	excerpt(a, node, shown);
	slip_set(a->slip, node->at, node->end - node->at, "Compare it with something, as in status = 'won'.",
	         "%s is %s where a condition is needed", shown, kind_name(node->value));
	return -1;
}

/* A text literal beside a date: is it one? */
static int
date_literal(struct analysis *a, const struct node *node, bool *ret_stamp)
{
	size_t length;
	struct token token = { TOKEN_STRING, node->at, node->end - node->at };
	char *text;
	int64_t number;

	if (node->kind != NODE_LITERAL || node->value != KIND_TEXT || a->text[node->at] != '\'')
		return 0;
	if ((text = token_name(a->scope->arena, a->text, &token, &length)) == NULL)
		return -1;
	if (text_to_date(text, length, &number))
		return 0;
	if (text_to_timestamp(text, length, &number)) {
		*ret_stamp = true;
		return 0;
	}
	slip_set(a->slip, node->at, node->end - node->at, "Write dates as '2026-02-28' and times as '2026-02-28T12:30:00Z'.",
	         "%.60s is not a date that exists", text);
	return -1;
}

struct sides {
	bool number, text, boolean, date, stamp, any, decimal;
	const struct node *number_node, *text_node, *decimal_node;
};

static void
look_at(struct sides *s, const struct node *node)
{
	switch (node->value) {
	case KIND_INTEGER:
	case KIND_NUMBER:
		s->number = true;
		s->number_node = node;
		break;
	case KIND_DECIMAL:
		s->decimal = true;
		s->decimal_node = node;
		break;
	case KIND_TEXT:
		s->text = true;
		s->text_node = node;
		break;
	case KIND_BOOLEAN: s->boolean = true; break;
	case KIND_DATE: s->date = true; break;
	case KIND_TIMESTAMP: s->stamp = true; break;
	case KIND_ANY: s->any = true; break;
	default: break;
	}
}

static int
never_equal(struct analysis *a, const struct node *at, const char *one, const char *other, const char *hint)
{
	char shown[80];

	excerpt(a, at, shown);
	slip_set(a->slip, at->at, at->end - at->at, hint, "%s is compared with %s here, but it is %s: they never agree", shown, other, one);
	return -1;
}

/* Those of `nodes` that are compared with each other: what is wrong, and what has to be wrapped. */
static int
compare(struct analysis *a, const struct node *parent, struct node *const *nodes, uint32_t count)
{
	struct sides s = { 0 };
	bool stamp;

	for (uint32_t i = 0; i < count; i++)
		look_at(&s, nodes[i]);
	if (s.text && (s.number || s.decimal))
		return never_equal(a, s.text_node, "text", s.decimal ? "a decimal" : "a number",
		                   s.decimal ? "dec_cmp() reads decimals in text." : "Write the number in quotes, or read the text with CAST(... AS INTEGER).");
	if (s.text && s.boolean)
		return never_equal(a, s.text_node, "text", "a boolean", "true and false stand without quotes.");
	if ((s.number || s.decimal || s.boolean) && (s.date || s.stamp)) {
		const struct node *at = s.number_node != NULL ? s.number_node : s.decimal_node != NULL ? s.decimal_node : parent;

		return never_equal(a, at, kind_name(at->value), "a date or time", "Write dates as '2026-02-28'.");
	}
	stamp = s.stamp;
	for (uint32_t i = 0; (s.date || s.stamp) && i < count; i++)
		if (date_literal(a, nodes[i], &stamp) != 0)
			return -1;
	if (s.decimal && inexact(a, parent, s.decimal_node, "comparing it so") != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i]->value == KIND_NULL || nodes[i]->kind == NODE_LITERAL)
			continue;
		if (stamp)
			nodes[i]->wrap = "syn_stamp";
		else if (nodes[i]->value == KIND_DECIMAL)
			nodes[i]->wrap = nodes[i]->kind == NODE_FIELD ? NULL : "syn_number";
		else if (nodes[i]->value == KIND_ANY && (s.number || s.decimal))
			nodes[i]->wrap = "syn_number";
		else if (nodes[i]->value == KIND_ANY && (s.text || s.date))
			nodes[i]->wrap = "syn_text";
	}
	if (stamp)
		for (uint32_t i = 0; i < count; i++)
			if (nodes[i]->value != KIND_NULL)
				nodes[i]->wrap = "syn_stamp";
	return 0;
}

/* The children from `node` on, every `step`th, as an array. */
static int
compare_children(struct analysis *a, struct node *parent, struct node *base, struct node *first, uint32_t step)
{
	struct node *list[RULE_COLUMNS];
	uint32_t count = 0, number = 0;

	if (base != NULL)
		list[count++] = base;
	for (struct node *child = first; child != NULL; child = child->next) {
		if (number++ % step != 0 || (child->kind == NODE_SUBQUERY && parent->sign_length == 2 && child != parent->first))
			continue;
		if (count == RULE_COLUMNS) {
			slip_set(a->slip, parent->at, 1, "Use a lookup table.", "more than 199 values are compared");
			return -1;
		}
		list[count++] = child;
	}
	return compare(a, parent, list, count);
}

static int
judge_case(struct analysis *a, struct node *node)
{
	struct node *child = node->first, *base = NULL;
	bool first = true;

	if (node->case_base) {
		struct node *whens[RULE_COLUMNS];
		uint32_t count = 0;

		base = child;
		child = child->next;
		whens[count++] = base;
		for (struct node *w = child; w != NULL && w->next != NULL && count < RULE_COLUMNS; w = w->next->next)
			whens[count++] = w;
		if (compare(a, node, whens, count) != 0)
			return -1;
	}
	for (; child != NULL; child = child->next) {
		struct node *value = child;

		if (child->next != NULL) {
			if (base == NULL && as_condition(a, child) != 0)
				return -1;
			child = child->next;
			value = child;
		}
		node->value = first ? value->value : join_kinds(node->value, value->value);
		node->carries |= value->carries;
		first = false;
	}
	return 0;
}

static int
judge_cast(struct analysis *a, struct node *node)
{
	char type[64];
	uint8_t kind = KIND_NUMBER;
	size_t i;

	for (i = 0; i < sizeof type - 1 && node->name[i] != '\0'; i++)
		type[i] = (char)(node->name[i] >= 'a' && node->name[i] <= 'z' ? node->name[i] - 32 : node->name[i]);
	type[i] = '\0';
	/* SQLite's rules for the name of a type, in its order. */
	if (strstr(type, "INT") != NULL)
		kind = KIND_INTEGER;
	else if (strstr(type, "CHAR") != NULL || strstr(type, "CLOB") != NULL || strstr(type, "TEXT") != NULL)
		kind = KIND_TEXT;
	else if (strstr(type, "BLOB") != NULL)
		kind = KIND_BYTES;
	node->value = kind;
	if (kind == KIND_TEXT || kind == KIND_BYTES)
		return 0;
	if (node->first->value == KIND_TEXT) {
		node->first->wrap = "syn_number";
		return 0;
	}
	return as_number(a, node, node->first, "a CAST to a number");
}

static int
judge_arithmetic(struct analysis *a, struct node *node)
{
	char what[16];

	snprintf(what, sizeof what, "\"%.*s\"", (int)node->sign_length, a->text + node->sign_at);
	node->value = KIND_INTEGER;
	for (struct node *child = node->first; child != NULL; child = child->next) {
		if (as_number(a, node, child, what) != 0)
			return -1;
		if (child->value != KIND_INTEGER && child->value != KIND_BOOLEAN && child->value != KIND_NULL)
			node->value = KIND_NUMBER;
	}
	return 0;
}

static int
judge_field(struct analysis *a, struct node *node)
{
	static const uint8_t kinds[SYNCLINE_TYPE_COUNT] = {
		[SYNCLINE_TYPE_ABSENT] = KIND_ANY, [SYNCLINE_TYPE_NULL] = KIND_NULL, [SYNCLINE_TYPE_BOOLEAN] = KIND_BOOLEAN,
		[SYNCLINE_TYPE_INTEGER] = KIND_INTEGER, [SYNCLINE_TYPE_DECIMAL] = KIND_DECIMAL, [SYNCLINE_TYPE_TEXT] = KIND_TEXT,
		[SYNCLINE_TYPE_BYTES] = KIND_BYTES, [SYNCLINE_TYPE_TIMESTAMP] = KIND_TIMESTAMP, [SYNCLINE_TYPE_DATE] = KIND_DATE,
		[SYNCLINE_TYPE_JSON] = KIND_JSON, [SYNCLINE_TYPE_CONTENT] = KIND_TEXT,
	};

	node->column = scope_find(a->scope, node->name, node->name_length, node->at, node->end - node->at, a->slip);
	if (node->column == NULL)
		return -1;
	node->value = kinds[node->column->declared];
	node->carries = node->value == KIND_DECIMAL;
	return rule_reads(a->scope, a->rule, node->column);
}

static int
judge_children(struct analysis *a, struct node *node)
{
	for (struct node *child = node->first; child != NULL; child = child->next)
		if (judge(a, child) != 0)
			return -1;
	return 0;
}

/* The condition operands of AND, OR, NOT. */
static int
judge_logic(struct analysis *a, struct node *node)
{
	node->value = KIND_BOOLEAN;
	for (struct node *child = node->first; child != NULL; child = child->next)
		if (as_condition(a, child) != 0)
			return -1;
	return 0;
}

static int
judge(struct analysis *a, struct node *node)
{
	if (judge_children(a, node) != 0)
		return -1;
	switch (node->kind) {
	case NODE_FIELD:
		return judge_field(a, node);
	case NODE_CALL:
		return judge_call(a, node);
	case NODE_UNARY:
	case NODE_ARITHMETIC:
		return judge_arithmetic(a, node);
	case NODE_NOT:
	case NODE_LOGIC:
		return judge_logic(a, node);
	case NODE_COMPARE:
		node->value = KIND_BOOLEAN;
		return compare_children(a, node, NULL, node->first, 1);
	case NODE_CONCAT:
		node->value = KIND_TEXT;
		return 0;
	case NODE_ARROW:
		node->value = KIND_JSON;
		return 0;
	case NODE_LIKE:
	case NODE_NULLITY:
		node->value = KIND_BOOLEAN;
		return 0;
	case NODE_COLLATE:
		node->value = node->first->value;
		node->carries = node->first->carries;
		return 0;
	case NODE_CASE:
		return judge_case(a, node);
	case NODE_CAST:
		return judge_cast(a, node);
	case NODE_SUBQUERY:
		return judge_subquery(a, node);
	default:
		return 0; /* literals know their kind, ->> gives anything */
	}
}

int
analysis_join(struct analysis *a, struct node *node)
{
	(void)a;
	for (struct node *child = node->first; child != NULL; child = child->next) {
		node->value = child == node->first ? child->value : join_kinds(node->value, child->value);
		node->carries |= child->carries;
	}
	return 0;
}

int
analysis_condition(struct analysis *a, const struct node *node)
{
	return as_condition(a, node);
}

int
analysis_number(struct analysis *a, const struct node *parent, struct node *node, const char *what)
{
	return as_number(a, parent, node, what);
}

int
analysis_compare(struct analysis *a, struct node *node)
{
	return compare_children(a, node, NULL, node->first, 1);
}

/* The column of the rule that a field is read through; shared when field, path and mode are the same. */
static int
use_column(struct analysis *a, struct node *node, enum column_mode mode, bool tolerant)
{
	struct column *column = node->column;

	if (column->declared != SYNCLINE_TYPE_DECIMAL && column->declared != SYNCLINE_TYPE_ABSENT)
		mode = COLUMN_PLAIN;
	column->mode = (uint8_t)mode;
	column->tolerant = tolerant;
	return analysis_column(a, column, node->at, node->end - node->at, &node->column_index);
}

/* `number`: the parent computes or compares; `tolerant`: the parent says what absent means. */
static int
settle(struct analysis *a, struct node *node, bool number, bool tolerant)
{
	bool passes = node->kind == NODE_CALL && (strcasecmp(node->name, "coalesce") == 0 || strcasecmp(node->name, "ifnull") == 0);

	if (node->kind == NODE_FIELD)
		return use_column(a, node, number && node->wrap == NULL ? COLUMN_NUMBER : COLUMN_EXACT, tolerant);
	for (struct node *child = node->first; child != NULL; child = child->next) {
		bool computes = node->kind == NODE_ARITHMETIC || node->kind == NODE_UNARY || node->kind == NODE_COMPARE ||
		                (node->kind == NODE_CAST && node->value != KIND_TEXT) || (node->kind == NODE_CASE && node->case_base && child == node->first) ||
		                (node->kind == NODE_CALL && call_takes_numbers(node));

		if (settle(a, child, computes, passes && child->next != NULL) != 0)
			return -1;
	}
	return 0;
}

static bool
one_of_kinds(uint8_t kind, const char *list)
{
	return strchr(list, 'a' + kind) != NULL;
}

/* Can the rule's kind of value ever become what its target is? */
static int
check_target(struct analysis *a, const struct node *root)
{
	/* For each type the kinds that it can't be made of: letters, 'a' being KIND_ANY. */
	static const char *const never[RULES_TYPE_COUNT] = {
		[RULES_NATIVE] = "", [RULES_TEXT] = "", [RULES_INTEGER] = "ghij", [RULES_DECIMAL] = "fghij", [RULES_BOOLEAN] = "deghij",
		[RULES_DATE] = "cdefij", [RULES_TIMESTAMP] = "cdefij", [RULES_EMAIL] = "cdefghij", [RULES_PHONE] = "defghij", [RULES_IBAN] = "cdefghij",
		[RULES_VAT_ID] = "defghij", [RULES_URL] = "cdefghij", [RULES_JSON] = "j", [RULES_LIST] = "cdefghj", [RULES_REF] = "fij",
		[RULES_CONTENT] = "cdefghij", [RULES_BYTES] = "cdefghi",
	};
	const char *hint = "Change the rule, or the type of the field.";

	if (a->scope->condition)
		return as_condition(a, root);
	if (!one_of_kinds(root->value, never[a->rule->target.type]))
		return 0;
	slip_set(a->slip, root->at, root->end - root->at, hint, "this gives %s, but %s is of type %s", kind_name(root->value), a->rule->name,
	         rules_type_name(a->rule->target.type));
	return -1;
}

/* A field on its own, in whatever way it is written, is a copy. */
static bool
is_plain_name(const struct analysis *a, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (strchr("()'\"|<>=+*,;", a->text[i]) != NULL || (unsigned char)a->text[i] < 0x20)
			return false;
	return length > 0 && length <= SYNCLINE_NAME_MAX;
}

static int
make_copy(struct analysis *a, struct column *column)
{
	column->mode = COLUMN_PLAIN;
	a->rule->kind = RULE_COPY;
	a->rule->columns = column;
	a->rule->column_count = 1;
	return rule_reads(a->scope, a->rule, column);
}

/* The text as it stands is a field's name or a path that a field begins: "E-Mail", "Zahl.-Bed.", "address.city". */
static struct column *
whole_name(struct analysis *a, const char *text, size_t length)
{
	struct slip ignored = { 0 };
	struct scope closed = *a->scope;
	struct ruleset set = *a->scope->set;
	struct column *column;

	set.open = false;
	closed.set = &set;
	if (!is_plain_name(a, length) && !scope_has(&closed, text, length))
		return NULL;
	column = scope_find(&closed, text, length, 0, 1, &ignored);
	/* NULL, TRUE and FALSE are fields only when they are written so. */
	if (column != NULL && !scope_has(&closed, text, length) &&
	    (strcasecmp(text, "null") == 0 || strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0))
		return NULL;
	return column;
}

int
rule_analyse(const struct scope *scope, struct rule *rule, size_t text_length, struct slip *slip)
{
	struct analysis a = { .scope = scope, .rule = rule, .text = rule->text, .slip = slip };
	struct column *column;
	struct node *root;

	if (text_length == 0 || strspn(rule->text, " \t\r\n") == text_length) {
		slip_set(slip, 0, 1, "Write a field's name or a SQL expression.", "the rule is empty");
		return -1;
	}
	if (text_length > RULE_TEXT_MAX) {
		slip_set(slip, 0, 1, "Split the rule or use a lookup table.", "the rule is longer than 16 KiB");
		return -1;
	}
	if (!text_is_utf8(rule->text, text_length)) {
		slip_set(slip, 0, 1, "Save the file as UTF-8.", "the rule is not UTF-8 text");
		return -1;
	}
	if (!scope->condition && (column = whole_name(&a, rule->text, text_length)) != NULL)
		return make_copy(&a, column);
	if (tokens_read(scope->arena, rule->text, text_length, &a.tokens) != 0)
		return -1;
	if ((root = expression_parse(scope->arena, rule->text, &a.tokens, slip)) == NULL || judge(&a, root) != 0)
		return -1;
	if (root->kind == NODE_FIELD && !scope->condition)
		return make_copy(&a, root->column);
	if (check_target(&a, root) != 0)
		return -1;
	rule->kind = RULE_SQL;
	rule->gives = root->value;
	rule->columns = arena_array(scope->arena, RULE_COLUMNS, sizeof *rule->columns);
	if (rule->columns == NULL || settle(&a, root, false, false) != 0)
		return -1;
	return analysis_emit(&a, root);
}
