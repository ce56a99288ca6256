/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.c: "expr/1" (service.h): one expression over one record at a time, for connectors that are configured by expressions.
 * The same engine as rules.  Runs in the connector's process, in the thread that calls.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rules/engine.h"

struct syncline_expr {
	struct rules_worker *worker;
	struct mapping *mapping;
	struct syncline_value *values; /* one row */
	struct syncline_value result;
	struct fault fault;
	bool failed;
};

static void
tell(struct syncline_error *to, const struct error *err)
{
	if (to == NULL || to->struct_size < sizeof *to)
		return;
	snprintf(to->message, sizeof to->message, "%.255s", err->message);
	snprintf(to->detail, sizeof to->detail, "%s", err->detail);
	snprintf(to->hint, sizeof to->hint, "%.255s", err->hint);
}

static void
expr_release(struct syncline_expr *expr)
{
	if (expr == NULL)
		return;
	rules_worker_free(expr->worker);
	mapping_free(expr->mapping);
	free(expr->values);
	free(expr);
}

static uint32_t
expr_compile(const struct syncline_host *host, const char *expression, const struct syncline_field *fields, uint32_t count,
             struct syncline_expr **ret_expr, struct syncline_error *err)
{
	struct rules_output output = { .name = "value", .expression = expression };
	struct mapping_spec spec = { .outputs = &output, .output_count = 1, .field_count = count };
	struct syncline_expr *expr = calloc(1, sizeof *expr);
	struct rules_field *own = calloc(count > 0 ? count : 1, sizeof *own);
	struct error error = { 0 };
	const uint8_t *at = (const void *)fields;

	(void)host;
	if (expr == NULL || own == NULL || count > SYNCLINE_FIELDS_MAX) {
		free(expr);
		free(own);
		return SYNCLINE_RETRY;
	}
	for (uint32_t i = 0; i < count; i++, at += fields->struct_size) {
		const struct syncline_field *field = (const void *)at;

		own[i] = (struct rules_field){ .name = field->name, .type = field->type < SYNCLINE_TYPE_COUNT ? field->type : SYNCLINE_TYPE_ABSENT,
			                       .scale = field->scale };
	}
	spec.fields = own;
	expr->values = calloc(count > 0 ? count : 1, sizeof *expr->values);
	expr->mapping = mapping_compile(&spec, NULL, NULL, &error);
	if (expr->values != NULL && expr->mapping != NULL)
		expr->worker = rules_worker_new(&error);
	free(own);
	if (expr->worker == NULL) {
		tell(err, &error);
		expr_release(expr);
		return error.klass == SYNCLINE_CONFIG ? SYNCLINE_CONFIG : SYNCLINE_RETRY;
	}
	*ret_expr = expr;
	return SYNCLINE_OK;
}

static int
took(void *data, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault)
{
	struct syncline_expr *expr = data;

	(void)rule;
	(void)row;
	expr->failed = fault != NULL;
	if (fault != NULL)
		expr->fault = *fault;
	else
		expr->result = *value;
	return 0;
}

static uint32_t
expr_evaluate(struct syncline_expr *expr, const struct syncline_value *values, uint32_t count, struct syncline_value *ret_value, struct syncline_error *err)
{
	struct rules_worker *worker = expr->worker;
	uint32_t fields = expr->mapping->top.field_count;
	struct rows rows = { .count = 1, .values = expr->values, .stride = fields };
	struct error error = { 0 };

	arena_reset(&worker->arena);
	for (uint32_t i = 0; i < fields; i++)
		expr->values[i] = i < count ? values[i] : (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	for (uint32_t i = 0; i < fields; i++) {
		const char *fault = batch_value_fault(&expr->values[i]);

		if (fault == NULL)
			continue;
		error_set(&error, ERROR_RULE_REJECT, NULL, "value %u %s", i + 1, fault);
		tell(err, &error);
		return SYNCLINE_INVALID;
	}
	expr->result = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	expr->failed = false;
	worker->mapping = expr->mapping;
	worker->batch = NULL;
	worker->context.record = NULL;
	if (rule_evaluate(worker, &expr->mapping->top.rules[0], &rows, took, expr, &error) != 0) {
		tell(err, &error);
		return SYNCLINE_RETRY;
	}
	worker->rows = NULL;
	if (expr->failed) {
		error_set(&error, ERROR_RULE_REJECT, expr->fault.hint, "%s", expr->fault.reason);
		tell(err, &error);
		return SYNCLINE_INVALID;
	}
	*ret_value = expr->result;
	return SYNCLINE_OK;
}

const struct syncline_expr_service_v1 *
rules_expr_service(void)
{
	static const struct syncline_expr_service_v1 service = { .struct_size = sizeof service, .compile = expr_compile, .evaluate = expr_evaluate,
		                                                 .release = expr_release };

	return &service;
}
