/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * analyse.h: what analyse.c, calls.c and emit.c share while one rule is compiled.
 */
#ifndef RULES_ANALYSE_H
#define RULES_ANALYSE_H

#include "rules/engine.h"

struct analysis {
	const struct scope *scope;
	struct rule *rule;
	const char *text;
	struct tokens tokens;
	struct slip *slip;
};

const char *kind_name(uint8_t kind);
/* The node's kind is what its children have in common. */
int analysis_join(struct analysis *a, struct node *node);
int analysis_condition(struct analysis *a, const struct node *node);
/* parent NULL: no scale is asked for. */
int analysis_number(struct analysis *a, const struct node *parent, struct node *node, const char *what);
int analysis_compare(struct analysis *a, struct node *node);
/* The number of a column of the rule; made when it is new. */
int analysis_column(struct analysis *a, const struct column *column, uint32_t at, uint32_t length, uint32_t *ret_index);

/* calls.c */
int judge_call(struct analysis *a, struct node *node);
int judge_subquery(struct analysis *a, struct node *node);
/* A function that works with numbers: a decimal field comes to it as one. */
bool call_takes_numbers(const struct node *node);
/* What stands in the subquery: the token is a field, and which column it is.  0: leave the token; 1: replaced; -1. */
struct subquery_walk {
	const struct node *node;
	uint32_t at;          /* the token */
	uint32_t depth;
	bool exact[RULE_DEPTH + 2]; /* per open parenthesis: a call of a function that takes decimals exactly */
};
int subquery_token(struct analysis *a, struct subquery_walk *walk, uint32_t *ret_column, uint32_t *ret_tokens);

/* emit.c */
int analysis_emit(struct analysis *a, const struct node *root);

#endif
