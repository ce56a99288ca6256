/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.c: the tree of an expression in SQLite's grammar and with its precedences.  SQLite itself parses the rule as well and
 * has the last word; this tree is what tells decimals from numbers, texts from dates, and where a mistake stands.  A subquery
 * is taken whole: what is in it is for SQLite alone.
 */
#include <stdarg.h>
#include <stdio.h>

#include "rules/engine.h"

struct parser {
	struct arena *arena;
	const char *text;
	const struct tokens *tokens;
	uint32_t at;
	uint32_t depth;
	struct slip *slip;
};

static struct node *expression(struct parser *p, int level);

void
slip_set(struct slip *slip, uint32_t at, uint32_t length, const char *hint, const char *format, ...)
{
	va_list list;

	if (slip->set)
		return;
	slip->set = true;
	slip->at = at;
	slip->length = length;
	slip->code = ERROR_RULE_INVALID;
	va_start(list, format);
	vsnprintf(slip->message, sizeof slip->message, format, list);
	va_end(list);
	snprintf(slip->hint, sizeof slip->hint, "%s", hint);
}

static const struct token *
now(const struct parser *p)
{
	return &p->tokens->items[p->at];
}

static const struct token *
after(const struct parser *p)
{
	return &p->tokens->items[p->at < p->tokens->count ? p->at + 1 : p->at];
}

static bool
is(const struct parser *p, const char *word)
{
	return token_is(p->text, now(p), word);
}

static bool
is_sign(const struct parser *p, const char *sign)
{
	return token_is_sign(p->text, now(p), sign);
}

static void
step(struct parser *p)
{
	if (p->at < p->tokens->count)
		p->at++;
}

static uint32_t
behind_last(const struct parser *p)
{
	const struct token *token = &p->tokens->items[p->at > 0 ? p->at - 1 : 0];

	return token->at + token->length;
}

static struct node *
unexpected(struct parser *p, const char *wanted)
{
	const struct token *token = now(p);

	if (token->kind == TOKEN_END)
		slip_set(p->slip, token->at, 1, "Write the rest of the expression.", "the expression ends where %s should stand", wanted);
	else if (token->kind == TOKEN_BAD && p->text[token->at] == '/')
		slip_set(p->slip, token->at, 2, "End the comment with */ .", "a comment begins here and never ends");
	else if (token->kind == TOKEN_BAD && strchr("'\"`[", p->text[token->at]) != NULL)
		slip_set(p->slip, token->at, 1, "Close it with the same mark; inside a text, write '' for an apostrophe.",
		         "a quoted text or name begins here and never ends");
	else if (token->kind == TOKEN_VARIABLE)
		slip_set(p->slip, token->at, token->length, "Write the field's name, in [ ] if it has odd characters.",
		         "\"%.*s\" is a variable; rules have none", (int)token->length, p->text + token->at);
	else
		slip_set(p->slip, token->at, token->length > 0 ? token->length : 1, "Write one SQL expression; see syncline-rules(7).",
		         "\"%.*s\" stands where %s should stand", (int)(token->length > 60 ? 60 : token->length), p->text + token->at, wanted);
	return NULL;
}

static struct node *
make(struct parser *p, enum node_kind kind, uint32_t at)
{
	struct node *node = arena_zalloc(p->arena, sizeof *node);

	if (node != NULL) {
		node->kind = (uint8_t)kind;
		node->at = at;
		node->end = behind_last(p);
	}
	return node;
}

static void
adopt(struct node *parent, struct node *child)
{
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	if (child->end > parent->end)
		parent->end = child->end;
}

static bool
expect(struct parser *p, const char *sign, const char *wanted)
{
	if (!is_sign(p, sign)) {
		unexpected(p, wanted);
		return false;
	}
	step(p);
	return true;
}

/* From "(" to its ")", whatever is in between. */
static struct node *
subquery(struct parser *p, uint32_t at)
{
	uint32_t first = p->at, open = 0;
	struct node *node;

	do {
		if (is_sign(p, "("))
			open++;
		else if (is_sign(p, ")"))
			open--;
		else if (now(p)->kind == TOKEN_END || now(p)->kind == TOKEN_BAD || now(p)->kind == TOKEN_VARIABLE || is_sign(p, ";"))
			return unexpected(p, "the subquery's )");
		step(p);
	} while (open > 0);
	if ((node = make(p, NODE_SUBQUERY, at)) != NULL) {
		node->token_first = first;
		node->token_last = p->at - 1;
	}
	return node;
}

static bool
at_query(const struct parser *p)
{
	const struct token *token = after(p);

	return is_sign(p, "(") && (token_is(p->text, token, "SELECT") || token_is(p->text, token, "WITH") || token_is(p->text, token, "VALUES"));
}

/* Arguments up to ")"; the "(" is behind. */
static bool
arguments(struct parser *p, struct node *node)
{
	if (is_sign(p, ")")) {
		step(p);
		return true;
	}
	for (;;) {
		struct node *child = expression(p, 0);

		if (child == NULL)
			return false;
		adopt(node, child);
		if (is_sign(p, ")"))
			break;
		if (!expect(p, ",", "a comma or )"))
			return false;
	}
	step(p);
	return true;
}

static struct node *
call(struct parser *p)
{
	const struct token *name = now(p);
	struct node *node = make(p, NODE_CALL, name->at);
	const char *hint = "Such functions belong inside a subquery: (SELECT sum(value) FROM json_each(FIELD)).";

	if (node == NULL || (node->name = token_name(p->arena, p->text, name, &node->name_length)) == NULL)
		return NULL;
	node->sign_at = name->at;
	node->sign_length = name->length;
	step(p);
	step(p);
	if (is_sign(p, "*") || is(p, "DISTINCT")) {
		slip_set(p->slip, now(p)->at, now(p)->length, hint, "%s(%.*s) counts over rows, and a rule has one record", node->name,
		         (int)now(p)->length, p->text + now(p)->at);
		return NULL;
	}
	if (!arguments(p, node))
		return NULL;
	node->end = behind_last(p);
	if (is(p, "OVER") || (is(p, "FILTER") && token_is_sign(p->text, after(p), "("))) {
		slip_set(p->slip, now(p)->at, now(p)->length, hint, "a window over records is not possible: a rule has one record");
		return NULL;
	}
	return node;
}

static struct node *
field(struct parser *p)
{
	struct node *node = make(p, NODE_FIELD, now(p)->at);
	struct buffer name;

	if (node == NULL)
		return NULL;
	buffer_init(&name, 4096);
	for (;;) {
		size_t length;
		char *part = token_name(p->arena, p->text, now(p), &length);

		if (part == NULL)
			goto fail;
		(void)buffer_append(&name, part, length);
		step(p);
		if (!is_sign(p, ".") || (after(p)->kind != TOKEN_WORD && after(p)->kind != TOKEN_NAME))
			break;
		step(p);
		(void)buffer_char(&name, '.');
	}
	if (name.failed)
		goto fail;
	node->end = behind_last(p);
	node->name_length = name.length;
	node->name = arena_copy(p->arena, name.length > 0 ? name.data : "", name.length);
	buffer_free(&name);
	return node->name != NULL ? node : NULL;
fail:
	if (name.failed == BUFFER_FULL)
		slip_set(p->slip, node->at, 1, "Names have at most 255 bytes.", "this name is too long");
	buffer_free(&name);
	return NULL;
}

static struct node *
cast(struct parser *p)
{
	uint32_t at = now(p)->at, from;
	struct node *node, *child;

	step(p);
	if (!expect(p, "(", "( after CAST") || (child = expression(p, 0)) == NULL)
		return NULL;
	if (!is(p, "AS"))
		return unexpected(p, "AS and a type");
	step(p);
	if (now(p)->kind != TOKEN_WORD)
		return unexpected(p, "a type");
	from = now(p)->at;
	while (now(p)->kind == TOKEN_WORD)
		step(p);
	if ((node = make(p, NODE_CAST, at)) == NULL)
		return NULL;
	node->sign_at = from;
	node->sign_length = behind_last(p) - from;
	node->name = arena_copy(p->arena, p->text + from, node->sign_length);
	if (node->name == NULL || !expect(p, ")", "the )"))
		return NULL;
	adopt(node, child);
	node->end = behind_last(p);
	return node;
}

static struct node *
case_of(struct parser *p)
{
	struct node *node = make(p, NODE_CASE, now(p)->at), *child;

	if (node == NULL)
		return NULL;
	step(p);
	if (!is(p, "WHEN")) {
		if ((child = expression(p, 0)) == NULL)
			return NULL;
		adopt(node, child);
		node->case_base = true;
	}
	if (!is(p, "WHEN"))
		return unexpected(p, "WHEN");
	while (is(p, "WHEN")) {
		step(p);
		if ((child = expression(p, 0)) == NULL)
			return NULL;
		adopt(node, child);
		if (!is(p, "THEN"))
			return unexpected(p, "THEN");
		step(p);
		if ((child = expression(p, 0)) == NULL)
			return NULL;
		adopt(node, child);
	}
	if (is(p, "ELSE")) {
		step(p);
		if ((child = expression(p, 0)) == NULL)
			return NULL;
		adopt(node, child);
		node->case_else = true;
	}
	if (!is(p, "END"))
		return unexpected(p, "END");
	step(p);
	node->end = behind_last(p);
	return node;
}

/* Words that SQL keeps for itself; as a field's name they stand in [ ]. */
static bool
is_reserved(const char *text, const struct token *token)
{
	static const char *const words[] = {
		"AND", "AS", "BETWEEN", "CASE", "CAST", "COLLATE", "ELSE", "END", "ESCAPE", "EXISTS", "FROM", "GROUP", "HAVING", "IN", "IS", "ISNULL",
		"JOIN", "LIMIT", "NOT", "NOTNULL", "ON", "OR", "ORDER", "SELECT", "SET", "TABLE", "THEN", "TO", "UNION", "USING", "VALUES", "WHEN",
		"WHERE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "DEFAULT", "DISTINCT", "INDEX", "CHECK", "COMMIT", "CONSTRAINT", "CREATE",
		"DELETE", "DROP", "EXCEPT", "FOREIGN", "INSERT", "INTERSECT", "INTO", "NULL", "PRIMARY", "REFERENCES", "RETURNING", "TRANSACTION",
		"UNIQUE", "UPDATE", "RAISE", "ADD", "ALL", "ALTER", "DEFERRABLE", "AUTOINCREMENT", "NOTHING",
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (token_is(text, token, words[i]))
			return true;
	return false;
}

static struct node *
literal(struct parser *p, enum value_kind kind)
{
	struct node *node;
	uint32_t at = now(p)->at;

	step(p);
	if ((node = make(p, NODE_LITERAL, at)) != NULL)
		node->value = (uint8_t)kind;
	return node;
}

static struct node *
word(struct parser *p)
{
	const struct token *token = now(p);

	if (is(p, "NULL"))
		return literal(p, KIND_NULL);
	if (is(p, "TRUE") || is(p, "FALSE"))
		return literal(p, KIND_BOOLEAN);
	if (is(p, "CASE"))
		return case_of(p);
	if (is(p, "CAST") && token_is_sign(p->text, after(p), "("))
		return cast(p);
	if (is(p, "EXISTS") && token_is_sign(p->text, after(p), "(")) {
		uint32_t at = token->at;
		struct node *node;

		step(p);
		if ((node = subquery(p, at)) != NULL)
			node->value = KIND_BOOLEAN;
		return node;
	}
	if (token_is(p->text, token, "CURRENT_DATE") || token_is(p->text, token, "CURRENT_TIME") || token_is(p->text, token, "CURRENT_TIMESTAMP")) {
		slip_set(p->slip, token->at, token->length, "Use today() or run_time(): they are the same for all records of a run.",
		         "%.*s is not allowed in rules", (int)token->length, p->text + token->at);
		return NULL;
	}
	if (token_is_sign(p->text, after(p), "(") && (!is_reserved(p->text, token)))
		return call(p);
	if (is_reserved(p->text, token)) {
		slip_set(p->slip, token->at, token->length, "A field of that name is written in brackets: [order].",
		         "%.*s is a word of SQL and doesn't belong here", (int)token->length, p->text + token->at);
		return NULL;
	}
	return field(p);
}

static struct node *
primary(struct parser *p)
{
	const struct token *token = now(p);
	struct node *node;
	uint32_t at = token->at;

	switch (token->kind) {
	case TOKEN_NUMBER: {
		bool whole = true;

		for (uint32_t i = 0; i < token->length; i++)
			if (p->text[at + i] == '.' || ((p->text[at + i] | 0x20) == 'e' && p->text[at + 1] != 'x' && p->text[at + 1] != 'X'))
				whole = false;
		return literal(p, whole ? KIND_INTEGER : KIND_NUMBER);
	}
	case TOKEN_STRING:
		return literal(p, KIND_TEXT);
	case TOKEN_BLOB:
		return literal(p, KIND_BYTES);
	case TOKEN_NAME:
		return field(p);
	case TOKEN_WORD:
		return word(p);
	default:
		break;
	}
	if (!is_sign(p, "("))
		return unexpected(p, "a value");
	if (at_query(p))
		return subquery(p, at);
	step(p);
	if ((node = expression(p, 0)) == NULL)
		return NULL;
	if (is_sign(p, ",")) {
		slip_set(p->slip, now(p)->at, 1, "Compare the values one by one.", "a list of values in ( ) stands only after IN");
		return NULL;
	}
	if (!expect(p, ")", "a )"))
		return NULL;
	node->at = at;
	node->end = behind_last(p);
	return node;
}

static struct node *
unary(struct parser *p)
{
	uint32_t at = now(p)->at;
	struct node *node, *child;

	if (!is_sign(p, "-") && !is_sign(p, "+") && !is_sign(p, "~"))
		return primary(p);
	step(p);
	if (++p->depth > RULE_DEPTH) {
		slip_set(p->slip, at, 1, "Split the rule.", "the expression is nested more than 64 deep");
		return NULL;
	}
	child = expression(p, 12);
	p->depth--;
	if (child == NULL || (node = make(p, NODE_UNARY, at)) == NULL)
		return NULL;
	node->sign_at = at;
	node->sign_length = 1;
	adopt(node, child);
	return node;
}

/* The binary operator here: its level, or 0. */
static int
operator_level(const struct parser *p, enum node_kind *ret_kind)
{
	static const struct {
		const char *sign;
		int level;
		enum node_kind kind;
	} signs[] = {
		{ "=", 4, NODE_COMPARE }, { "==", 4, NODE_COMPARE }, { "<>", 4, NODE_COMPARE }, { "!=", 4, NODE_COMPARE },
		{ "<", 5, NODE_COMPARE }, { "<=", 5, NODE_COMPARE }, { ">", 5, NODE_COMPARE }, { ">=", 5, NODE_COMPARE },
		{ "&", 7, NODE_ARITHMETIC }, { "|", 7, NODE_ARITHMETIC }, { "<<", 7, NODE_ARITHMETIC }, { ">>", 7, NODE_ARITHMETIC },
		{ "+", 8, NODE_ARITHMETIC }, { "-", 8, NODE_ARITHMETIC }, { "*", 9, NODE_ARITHMETIC }, { "/", 9, NODE_ARITHMETIC },
		{ "%", 9, NODE_ARITHMETIC }, { "||", 10, NODE_CONCAT }, { "->", 10, NODE_ARROW }, { "->>", 10, NODE_ARROW2 },
	};

	if (now(p)->kind == TOKEN_SIGN) {
		for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
			if (is_sign(p, signs[i].sign)) {
				*ret_kind = signs[i].kind;
				return signs[i].level;
			}
		return 0;
	}
	if (is(p, "OR") || is(p, "AND")) {
		*ret_kind = NODE_LOGIC;
		return is(p, "OR") ? 1 : 2;
	}
	if (is(p, "IS")) {
		*ret_kind = NODE_COMPARE;
		return 4;
	}
	if (is(p, "ISNULL") || is(p, "NOTNULL")) {
		*ret_kind = NODE_NULLITY;
		return 4;
	}
	if (is(p, "COLLATE")) {
		*ret_kind = NODE_COLLATE;
		return 11;
	}
	*ret_kind = NODE_LIKE;
	if (is(p, "NOT")) {
		const struct token *next = after(p);

		if (token_is(p->text, next, "NULL"))
			*ret_kind = NODE_NULLITY;
		else if (!token_is(p->text, next, "LIKE") && !token_is(p->text, next, "GLOB") && !token_is(p->text, next, "REGEXP") &&
		         !token_is(p->text, next, "BETWEEN") && !token_is(p->text, next, "IN") && !token_is(p->text, next, "MATCH"))
			return 0;
		return 4;
	}
	return is(p, "LIKE") || is(p, "GLOB") || is(p, "REGEXP") || is(p, "BETWEEN") || is(p, "IN") || is(p, "MATCH") ? 4 : 0;
}

/* [NOT] LIKE, GLOB, REGEXP, BETWEEN, IN behind `left`. */
static struct node *
word_operator(struct parser *p, struct node *left)
{
	uint32_t sign_at = now(p)->at;
	struct node *node, *right;
	enum node_kind kind = NODE_LIKE;
	bool negated = is(p, "NOT");

	if (negated)
		step(p);
	if (is(p, "BETWEEN") || is(p, "IN"))
		kind = NODE_COMPARE;
	if ((node = make(p, kind, left->at)) == NULL)
		return NULL;
	node->sign_at = sign_at;
	node->not_form = negated;
	adopt(node, left);
	if (is(p, "MATCH")) {
		slip_set(p->slip, now(p)->at, now(p)->length, "Use LIKE or REGEXP.", "MATCH is not allowed in rules");
		return NULL;
	}
	if (is(p, "IN")) {
		step(p);
		if (!is_sign(p, "(")) {
			unexpected(p, "( after IN");
			return NULL;
		}
		if (at_query(p)) {
			if ((right = subquery(p, now(p)->at)) == NULL)
				return NULL;
			adopt(node, right);
		} else {
			step(p);
			if (!arguments(p, node))
				return NULL;
		}
		node->end = behind_last(p);
		node->sign_length = 2;
		return node;
	}
	if (is(p, "BETWEEN")) {
		step(p);
		if ((right = expression(p, 5)) == NULL)
			return NULL;
		adopt(node, right);
		if (!is(p, "AND"))
			return unexpected(p, "AND and the upper bound");
		step(p);
		if ((right = expression(p, 5)) == NULL)
			return NULL;
		adopt(node, right);
		node->sign_length = 7;
		return node;
	}
	node->sign_length = now(p)->length;
	step(p);
	if ((right = expression(p, 5)) == NULL)
		return NULL;
	adopt(node, right);
	if (is(p, "ESCAPE")) {
		step(p);
		if ((right = expression(p, 7)) == NULL)
			return NULL;
		adopt(node, right);
	}
	return node;
}

static struct node *
binary(struct parser *p, struct node *left, enum node_kind kind, int level)
{
	const struct token *sign = now(p);
	struct node *node, *right;

	if (kind == NODE_NULLITY || (is(p, "IS") && (token_is(p->text, after(p), "NULL")))) {
		if (is(p, "NOT") || is(p, "IS"))
			step(p);
		step(p);
		if ((node = make(p, NODE_NULLITY, left->at)) != NULL)
			adopt(node, left);
		return node;
	}
	if (kind == NODE_LIKE)
		return word_operator(p, left);
	step(p);
	if (token_is(p->text, sign, "IS")) {
		if (is(p, "NOT"))
			step(p);
		if (is(p, "DISTINCT") && token_is(p->text, after(p), "FROM")) {
			step(p);
			step(p);
		}
		if (is(p, "NULL")) {
			step(p);
			if ((node = make(p, NODE_NULLITY, left->at)) != NULL)
				adopt(node, left);
			return node;
		}
	}
	if (kind == NODE_COLLATE) {
		if (now(p)->kind != TOKEN_WORD)
			return unexpected(p, "a collation: NOCASE, BINARY or RTRIM");
		step(p);
		if ((node = make(p, kind, left->at)) != NULL)
			adopt(node, left);
		return node;
	}
	if ((right = expression(p, level + 1)) == NULL || (node = make(p, kind, left->at)) == NULL)
		return NULL;
	node->sign_at = sign->at;
	node->sign_length = sign->length;
	adopt(node, left);
	adopt(node, right);
	return node;
}

static struct node *
expression(struct parser *p, int level)
{
	struct node *left;
	enum node_kind kind;
	int found;
	uint32_t at = now(p)->at;

	if (++p->depth > RULE_DEPTH) {
		slip_set(p->slip, at, 1, "Split the rule.", "the expression is nested more than 64 deep");
		return NULL;
	}
	if (is(p, "NOT") && level <= 3) {
		struct node *child;

		step(p);
		if ((child = expression(p, 3)) == NULL || (left = make(p, NODE_NOT, at)) == NULL)
			return NULL;
		adopt(left, child);
	} else if (is(p, "NOT")) {
		return unexpected(p, "a value");
	} else if ((left = unary(p)) == NULL) {
		return NULL;
	}
	while ((found = operator_level(p, &kind)) > 0 && found >= level) {
		if ((left = binary(p, left, kind, found)) == NULL)
			return NULL;
	}
	p->depth--;
	return left;
}

struct node *
expression_parse(struct arena *arena, const char *text, const struct tokens *tokens, struct slip *slip)
{
	struct parser parser = { .arena = arena, .text = text, .tokens = tokens, .slip = slip };
	struct node *node = expression(&parser, 0);

	if (node != NULL && now(&parser)->kind != TOKEN_END)
		return unexpected(&parser, "an operator or the end of the rule");
	return node;
}
