/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_flag.c: `syncline flag`: who may write what, where; shown and changed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/open.h"
#include "ledger/deliveries.h"
#include "ledger/runs.h"

struct flag_view {
	const struct ctl *ctl;
	struct opened *opened;
	struct buffer json;
	struct ctl_table table;
	const char *to; /* only this system's, or NULL */
	uint32_t unit;  /* only this one's */
	bool all;       /* of all units */
};

static void
mode_text(const struct ledger_flag *flag, char *text, size_t size)
{
	if (flag->mode == LEDGER_FLAG_CANARY)
		snprintf(text, size, "canary %" PRIu32 "%%", flag->percent);
	else
		snprintf(text, size, "%s", ledger_flag_name((enum ledger_flag_mode)flag->mode));
}

static int
show(void *data, const struct ledger_flag *flag)
{
	struct flag_view *view = data;
	const struct ledger *ledger = view->opened->ledger;
	const char *binding = flag->binding != 0 ? ledger_binding_name(ledger, flag->binding) : "";
	char mode[32], since[32];

	if ((!view->all && flag->unit != view->unit) ||
	    (view->to != NULL && (strchr(binding, '.') == NULL || strcmp(strchr(binding, '.') + 1, view->to) != 0)))
		return 0;
	mode_text(flag, mode, sizeof mode);
	if (view->ctl->json) {
		ctl_json_open(&view->json, NULL, '{');
		ctl_json_text(&view->json, "flow", ledger_flow_name(ledger, flag->flow));
		ctl_json_text(&view->json, "unit", ledger_unit_name(ledger, flag->unit));
		ctl_json_text(&view->json, "to", binding[0] != '\0' ? strchr(binding, '.') != NULL ? strchr(binding, '.') + 1 : binding : NULL);
		ctl_json_text(&view->json, "mode", ledger_flag_name((enum ledger_flag_mode)flag->mode));
		ctl_json_number(&view->json, "percent", flag->mode == LEDGER_FLAG_CANARY ? flag->percent : flag->mode == LEDGER_FLAG_ON ? 100 : 0);
		ctl_json_text(&view->json, "since", opened_time(flag->since_us, since));
		ctl_json_text(&view->json, "who", flag->who);
		ctl_json_text(&view->json, "why", flag->why);
		ctl_json_close(&view->json, '}');
		return 0;
	}
	ctl_table_row(&view->table, (const char *const[]){ ledger_flow_name(ledger, flag->flow), ledger_unit_name(ledger, flag->unit), binding, mode,
		opened_time(flag->since_us, since), flag->who != NULL ? flag->who : "", flag->why != NULL ? flag->why : "" });
	return 0;
}

static enum ctl_exit
list(struct ctl *ctl, struct opened *opened, const struct config_flow *flow)
{
	static const char *const heads[] = { "FLOW", "UNIT", "TARGET", "MODE", "SINCE", "WHO", "WHY" };
	struct flag_view view = { .ctl = ctl, .opened = opened, .to = ctl_value(ctl, "to") };
	const struct config_unit *unit;
	struct error err = { 0 };
	enum ctl_exit status;

	if ((status = opened_unit(ctl, opened, flow, &unit, &view.all)) != CTL_DONE)
		return status;
	view.unit = unit != NULL ? ledger_unit_id(opened->ledger, unit) : 0;
	view.unit = unit != NULL && view.unit == 0 ? UINT32_MAX : view.unit; /* it never ran: the house's are not its */
	buffer_init(&view.json, 0);
	ctl_json_open(&view.json, NULL, '[');
	ctl_table_init(&view.table, 7, 0, heads);
	if (ledger_flags(opened->ledger, flow != NULL ? ledger_flow_id(opened->ledger, flow) : 0, ctl_value(ctl, "former") != NULL, show, &view, &err) != 0) {
		ctl_table_drop(&view.table);
		buffer_free(&view.json);
		return opened_error(ctl, &err);
	}
	ctl_json_close(&view.json, ']');
	if (ctl->json) {
		ctl_table_drop(&view.table);
		return ctl_json_print(&view.json, CTL_DONE);
	}
	buffer_free(&view.json);
	if (view.table.rows > 1)
		ctl_table_print(&view.table);
	else
		ctl_table_drop(&view.table);
	if (view.table.rows <= 1)
		ctl_say(ctl, "everything is off");
	return CTL_DONE;
}

/* "on", "canary 5%", "canary" with "5%" behind it. */
static enum ctl_exit
parse_mode(const struct ctl *ctl, struct ledger_flag *flag)
{
	const char *word = ctl->operands[1], *percent = ctl->operand_count > 2 ? ctl->operands[2] : NULL;
	struct error err = { 0 };
	int64_t number = 0;

	for (int mode = 0; mode < LEDGER_FLAG_MODE_COUNT; mode++) {
		size_t length = percent != NULL ? strlen(percent) : 0;

		if (strcmp(word, ledger_flag_name((enum ledger_flag_mode)mode)) != 0)
			continue;
		flag->mode = (uint8_t)mode;
		if (mode != LEDGER_FLAG_CANARY && percent == NULL)
			return CTL_DONE;
		if (length > 1 && percent[length - 1] == '%')
			length--;
		if (mode == LEDGER_FLAG_CANARY && percent != NULL && text_to_integer(percent, length, &number) && number >= 1 && number <= 100) {
			flag->percent = (uint32_t)number;
			return CTL_DONE;
		}
		(void)error_set(&err, ERROR_USAGE, "It is: syncline flag FLOW canary 5% --why TEXT", "%s", "`canary` goes with a share of 1% to 100%, and nothing else does");
		return opened_error(ctl, &err);
	}
	(void)error_set(&err, ERROR_USAGE, "Modes are off, preview, canary N%, on, paused.", "there is no mode \"%s\"", word);
	return opened_error(ctl, &err);
}

static bool
blank(const char *text)
{
	return text == NULL || text[strspn(text, " \t\r\n")] == '\0';
}

/* A canary lets through a share of what was looked at: a plan of these rules is enough, and what it holds waits to be applied all the same. */
static int
has_plan(struct ledger *ledger, const struct ledger_flag *flag, uint32_t version, bool *ret_has, struct error *err)
{
	struct ledger_plan plan;
	struct arena arena;
	int result;

	arena_init(&arena, 0);
	result = ledger_plan_open(ledger, flag->flow, flag->unit, &arena, &plan, err);
	*ret_has = result == 0 && plan.number != 0 && plan.version == version;
	arena_free(&arena);
	return result;
}

static int
one_unit(struct opened *opened, const struct config_flow *flow, const struct config_unit *unit, struct ledger_flag flag, bool trust, struct error *err)
{
	struct ledger *ledger = opened->ledger;
	uint8_t hash[RULES_VERSION_BYTES];
	uint32_t version;
	uint64_t released;
	bool applied, looked = false;

	flag.flow = ledger_flow_id(ledger, flow);
	flag.unit = ledger_unit_id(ledger, unit);
	engine_flow_version(opened->engine, flow, hash);
	if (ledger_version_id(ledger, flag.flow, hash, &version, err) != 0)
		return -1;
	if (flag.mode == LEDGER_FLAG_ON || flag.mode == LEDGER_FLAG_CANARY) {
		if (flow->responsible == NULL)
			return error_set(err, ERROR_LEDGER_PLAN, "Write `responsible` (business, technical, runbook) into the flow.",
			                 "the flow %s has nobody who is responsible for it", flow->head.name);
		if (blank(flow->responsible->business) || blank(flow->responsible->technical) || blank(flow->responsible->runbook))
			return error_set(err, ERROR_LEDGER_PLAN, "Who is called at night has to know what to do: name a page, a file or a number.",
			                 "`responsible` of the flow %s says nothing for %s", flow->head.name, blank(flow->responsible->business) ? "business" :
			                 blank(flow->responsible->technical) ? "technical" : "runbook");
		if (ledger_plan_was_applied(ledger, flag.flow, flag.unit, version, &applied, err) != 0 ||
		    (flag.mode == LEDGER_FLAG_CANARY && has_plan(ledger, &flag, version, &looked, err) != 0))
			return -1;
		if (!applied && !looked && !trust)
			return error_set(err, ERROR_LEDGER_PLAN,
			                 flag.mode == LEDGER_FLAG_CANARY ? "Set it to preview, run it, and look at the plan; or take the responsibility with --without-preview."
			                 : "Set it to preview, run it, look at the plan and apply it; or take the responsibility with --without-preview.",
			                 "no plan of the present rules of %s was ever applied for %s", flow->head.name,
			                 unit != NULL ? unit->head.name : "the house");
		if (!applied && trust) {
			struct ledger_plan plan = { .flow = flag.flow, .unit = flag.unit, .version = version, .reason = flag.why };
			struct ledger_plan_draft *draft = ledger_plan_draft_new(ledger, err);
			int result = draft != NULL ? ledger_plan_store(ledger, draft, &plan, err) : -1;

			ledger_plan_draft_free(draft);
			if (result != 0 || ledger_plan_end(ledger, plan.number, LEDGER_PLAN_APPLIED, err) != 0)
				return -1;
		}
	}
	if (ledger_flag_set(ledger, &flag, err) != 0)
		return -1;
	/* What was held for the flag is judged anew by the next run. */
	if (flag.mode == LEDGER_FLAG_OFF || flag.mode == LEDGER_FLAG_PAUSED)
		return 0;
	for (uint32_t i = 0; i < flow->binding_count; i++)
		if (flow->bindings[i].writes && (flag.binding == 0 || flag.binding == ledger_binding_id(ledger, &flow->bindings[i])) &&
		    ledger_deliveries_release(ledger, LEDGER_DELIVERY_HELD, ledger_binding_id(ledger, &flow->bindings[i]), flag.unit, &released, err) != 0)
			return -1;
	return 0;
}

static enum ctl_exit
change(struct ctl *ctl, struct opened *opened, const struct config_flow *flow, struct ledger_flag flag)
{
	bool trust = ctl_value(ctl, "without-preview") != NULL, all;
	const struct config_unit *unit;
	struct error err = { 0 };
	enum ctl_exit status;
	uint32_t units;
	int result;

	if ((status = opened_unit(ctl, opened, flow, &unit, &all)) != CTL_DONE)
		return status;
	units = all ? (flow->units.count > 0 ? flow->units.count : 1) : 1;
	if (ledger_begin(opened->ledger, &err) != 0)
		return opened_error(ctl, &err);
	result = 0;
	for (uint32_t i = 0; i < units && result == 0; i++)
		result = one_unit(opened, flow, all && flow->units.count > 0 ? config_unit(opened->loaded.model, flow->units.items[i]) : unit, flag, trust, &err);
	if (result == 0)
		result = ledger_commit(opened->ledger, &err);
	else
		ledger_rollback(opened->ledger);
	return result == 0 ? list(ctl, opened, flow) : opened_error(ctl, &err);
}

/* --to without a flow: the flags of every flow that writes there. */
static enum ctl_exit
check_system(const struct ctl *ctl, const struct opened *opened, const char *to)
{
	const struct model *model = opened->loaded.model;
	const char *names[256], *near;
	char hint[200] = "`syncline describe` names the systems.";
	struct error err = { 0 };
	uint32_t count = 0;

	for (uint32_t i = 0; i < model->system_count; i++) {
		if (strcmp(model->systems[i].head.name, to) == 0)
			return CTL_DONE;
		if (count < 256)
			names[count++] = model->systems[i].head.name;
	}
	if ((near = text_nearest(to, names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%.150s`?", near);
	(void)error_set(&err, ERROR_USAGE, hint, "there is no system \"%s\"", to);
	return opened_error(ctl, &err);
}

enum ctl_exit
verb_flag(struct ctl *ctl)
{
	const struct config_flow *flow = NULL;
	const struct config_binding *binding;
	struct ledger_flag flag = { .mode = LEDGER_FLAG_OFF };
	const char *to = ctl_value(ctl, "to");
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status = CTL_DONE;
	bool changes = ctl->operand_count > 1;

	if (changes && ((status = parse_mode(ctl, &flag)) != CTL_DONE || (status = opened_why(ctl, &flag.why)) != CTL_DONE))
		return status;
	status = opened_begin(ctl, &opened, changes ? LEDGER_VISITOR : LEDGER_READER);
	flag.who = opened.who;
	if (status == CTL_DONE && ctl->operand_count > 0)
		status = opened_flow(ctl, &opened, ctl->operands[0], &flow);
	if (status == CTL_DONE && to != NULL && flow == NULL)
		status = check_system(ctl, &opened, to);
	if (status == CTL_DONE && to != NULL && flow != NULL) {
		binding = config_binding(flow, to);
		if (binding == NULL || !binding->writes) {
			(void)error_set(&err, ERROR_USAGE, "`syncline describe` lists the bindings.", "the flow %s does not write to \"%s\"", flow->head.name, to);
			status = opened_error(ctl, &err);
		} else {
			flag.binding = ledger_binding_id(opened.ledger, binding);
		}
	}
	if (status == CTL_DONE && changes && flow != NULL && (status = opened_engine(ctl, &opened)) == CTL_DONE)
		status = change(ctl, &opened, flow, flag);
	else if (status == CTL_DONE)
		status = list(ctl, &opened, flow);
	opened_close(&opened);
	return status;
}
