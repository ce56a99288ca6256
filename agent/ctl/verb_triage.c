/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_triage.c: see triage.h: the verbs and what they list and show. */
#include "ctl/triage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "flow/values.h"
#include "ledger/deliveries.h"

static const char *const states[] = { "open", "ended", "decided", "archived" };

static const char *
state_of(const struct ledger_finding *finding)
{
	if (finding->state == LEDGER_OPEN && finding->decision != NULL)
		return "open, decided";
	if (finding->state == LEDGER_OPEN && finding->retry_us != 0)
		return "open, to be tried again";
	return states[finding->state < 4 ? finding->state : 1];
}

const char *const *
triage_choices(const struct ledger_finding *finding)
{
	static const char *const sides[] = { "take", "keep", NULL }, *const nothing[] = { NULL };
	static const struct {
		enum ledger_review_kind kind;
		const char *choices[4];
	} reviews[] = {
		{ LEDGER_REVIEW_UNLINKED, { "link", "create", "ignore", NULL } }, { LEDGER_REVIEW_UNMATCHED, { "link", "create", "ignore", NULL } },
		{ LEDGER_REVIEW_DISPUTED, { "link", "create", "ignore", NULL } }, { LEDGER_REVIEW_DELETED, { "accept", "ignore", "restore", NULL } },
		{ LEDGER_REVIEW_MISSING, { "recreate", "unlink", NULL } },        { LEDGER_REVIEW_RESURRECTED, { "accept", "ignore", NULL } },
		{ LEDGER_REVIEW_EDITED, { "take", "keep", NULL } },               { LEDGER_REVIEW_FORGOTTEN, { "link", "create", "ignore", NULL } },
	};

	/* What has no native record of its own is settled at the system; the next look finds it. */
	if (finding->native.length == 0)
		return nothing;
	if (finding->kind == LEDGER_FINDING_CONFLICT)
		return sides;
	for (size_t i = 0; finding->kind == LEDGER_FINDING_REVIEW && i < sizeof reviews / sizeof *reviews; i++)
		if (finding->cause != NULL && strcmp(finding->cause, ledger_review_name(reviews[i].kind)) == 0)
			return reviews[i].choices;
	return nothing;
}

const struct config_binding *
triage_binding(const struct triage *triage, const struct ledger_finding *finding, bool writes)
{
	const struct config_flow *flow = ledger_flow(triage->ledger, finding->flow);

	for (uint32_t i = 0; flow != NULL && i < flow->binding_count; i++) {
		const struct config_binding *binding = &flow->bindings[i];

		if ((writes ? binding->writes : binding->reads) && ledger_object_id(triage->ledger, binding->object) == finding->object)
			return binding;
	}
	return NULL;
}

enum ctl_exit
triage_find(const struct triage *triage, const char *number, struct arena *arena, struct ledger_finding *ret_finding)
{
	struct error err = { 0 };
	enum ctl_exit status;
	int64_t id;

	if ((status = opened_number(triage->ctl, "number of a finding", number, &id)) != CTL_DONE)
		return status;
	if (ledger_finding_get(triage->ledger, id, arena, ret_finding, &err) != 0)
		return opened_error(triage->ctl, &err);
	for (unsigned i = 0; i < triage->kind_count; i++)
		if (ret_finding->kind == triage->kinds[i])
			return CTL_DONE;
	(void)error_set(&err, ERROR_USAGE, "Rejects, dead letters, conflicts and reviews have their own verbs; flips stand with the conflicts.",
	                "%lld is no matter of `%s`: it is a %s", (long long)id, triage->ctl->verb->name, ledger_finding_name(ret_finding->kind));
	return opened_error(triage->ctl, &err);
}

enum ctl_exit
triage_filter(const struct triage *triage, struct ledger_finding_filter *ret_filter, uint32_t limit)
{
	enum ctl_exit status;

	*ret_filter = (struct ledger_finding_filter){ .cause = ctl_value(triage->ctl, "cause"), .all = ctl_value(triage->ctl, "all") != NULL };
	if ((status = listing_limit(triage->ctl, limit, &ret_filter->max)) != CTL_DONE)
		return status;
	return listing_choose(triage->ctl, triage->opened, ctl_value(triage->ctl, "flow"), &ret_filter->flow, &ret_filter->unit);
}

/* list */

struct list {
	struct listing listing;
	enum ledger_finding_kind kind;
	int64_t now;
	uint64_t open;
	bool rows; /* the table is one of findings, not of causes */
};

static void
json_finding(struct list *list, const struct ledger_finding *f)
{
	struct buffer *json = &list->listing.json;
	struct ledger *ledger = list->listing.ledger;

	ctl_json_number(json, "id", f->id);
	ctl_json_text(json, "kind", ledger_finding_name(f->kind));
	ctl_json_text(json, "state", states[f->state < 4 ? f->state : 1]);
	ctl_json_text(json, "flow", ledger_flow_name(ledger, f->flow));
	ctl_json_text(json, "unit", ledger_unit_name(ledger, f->unit));
	ctl_json_text(json, "object", f->object != 0 ? ledger_object_name(ledger, f->object) : NULL);
	listing_json_slice(json, "native", f->native);
	if (f->record != 0)
		ctl_json_number(json, "record", f->record);
	else
		ctl_json_text(json, "record", NULL);
	ctl_json_number(json, "run", f->run);
	ctl_json_text(json, "cause", f->cause);
	ctl_json_text(json, "field", f->field);
	ctl_json_text(json, "message", f->message);
	ctl_json_text(json, "hint", f->hint);
	ctl_json_text(json, "place", f->place);
	ctl_json_number(json, "seen", (long long)f->seen);
	listing_json_time(json, "first", f->first_us);
	listing_json_time(json, "last", f->last_us);
	ctl_json_text(json, "decision", f->decision);
	ctl_json_text(json, "overtaken", f->overtaken);
	ctl_json_boolean(json, "retry", f->retry_us != 0);
	ctl_json_text(json, "ended_by", f->ended_by);
	ctl_json_text(json, "ended_why", f->ended_why);
	listing_json_time(json, "ended", f->ended_us);
}

static int
each_finding(void *data, const struct ledger_finding *f)
{
	struct list *list = data;
	struct ledger *ledger = list->listing.ledger;
	char id[24], key[80], seen[24], age[32];

	if (list->listing.ctl->json) {
		ctl_json_open(&list->listing.json, NULL, '{');
		json_finding(list, f);
		ctl_json_close(&list->listing.json, '}');
		return 0;
	}
	snprintf(key, sizeof key, "%.*s", (int)(f->native.length < 60 ? f->native.length : 60),
	         f->native.length > 0 ? (const char *)f->native.data : "");
	if (f->native.length == 0 && f->record != 0)
		snprintf(key, sizeof key, "record %" PRId64, f->record);
	listing_row(&list->listing, (const char *const[]){ listing_number(f->id, id), ledger_flow_name(ledger, f->flow), ledger_unit_name(ledger, f->unit),
		f->object != 0 ? ledger_object_name(ledger, f->object) : "", key, f->field != NULL ? f->field : "", state_of(f),
		listing_number((int64_t)f->seen, seen), listing_age(list->now - f->first_us, age), f->message != NULL ? f->message : "" });
	return 0;
}

static int
each_cause(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count, int64_t oldest_us, const char *example)
{
	struct list *list = data;
	struct buffer *json = &list->listing.json;
	struct ledger *ledger = list->listing.ledger;
	char number[24], age[32];

	list->open += count;
	if (list->listing.ctl->json) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "kind", ledger_finding_name(list->kind));
		ctl_json_text(json, "flow", ledger_flow_name(ledger, flow));
		ctl_json_text(json, "unit", ledger_unit_name(ledger, unit));
		ctl_json_text(json, "object", object != 0 ? ledger_object_name(ledger, object) : NULL);
		ctl_json_text(json, "cause", cause);
		ctl_json_number(json, "count", (long long)count);
		listing_json_time(json, "oldest", oldest_us);
		ctl_json_number(json, "seconds", (list->now - oldest_us) / 1000000);
		ctl_json_text(json, "example", example);
		ctl_json_close(json, '}');
	} else if (!list->rows) {
		listing_row(&list->listing, (const char *const[]){ listing_number((int64_t)count, number), listing_age(list->now - oldest_us, age),
			ledger_flow_name(ledger, flow), ledger_unit_name(ledger, unit), object != 0 ? ledger_object_name(ledger, object) : "",
			ledger_finding_name(list->kind), cause, example });
	}
	return 0;
}

static int
list_all(struct triage *triage, struct list *list, struct ledger_finding_filter filter, struct error *err)
{
	struct ledger_finding_filter open = filter;
	struct buffer *json = &list->listing.json;
	int result = 0;

	open.all = false;
	open.max = 0;
	if (triage->ctl->json)
		ctl_json_open(json, "causes", '[');
	for (unsigned i = 0; i < triage->kind_count && result == 0; i++) {
		list->kind = open.kind = triage->kinds[i];
		result = ledger_findings_by_cause(triage->ledger, &open, each_cause, list, err);
	}
	if (triage->ctl->json) {
		ctl_json_close(json, ']');
		ctl_json_number(json, "open", (long long)list->open);
		ctl_json_open(json, "findings", '[');
	}
	for (unsigned i = 0; i < triage->kind_count && result == 0 && (list->rows || triage->ctl->json); i++) {
		filter.kind = triage->kinds[i];
		result = ledger_findings(triage->ledger, &filter, each_finding, list, err);
	}
	if (triage->ctl->json)
		ctl_json_close(json, ']');
	return result;
}

static enum ctl_exit
list_findings(struct triage *triage)
{
	static const char *const causes[] = { "COUNT", "OLDEST", "FLOW", "UNIT", "AT", "WHAT", "CAUSE", "EXAMPLE" };
	static const char *const rows[] = { "ID", "FLOW", "UNIT", "AT", "KEY", "FIELD", "STATE", "SEEN", "SINCE", "MESSAGE" };
	const struct ctl *ctl = triage->ctl;
	struct ledger_finding_filter filter;
	struct list list = { .now = ledger_now(triage->ledger) };
	struct error err = { 0 };
	enum ctl_exit status;
	char nothing[80];
	int result;

	if ((status = triage_filter(triage, &filter, 1000)) != CTL_DONE)
		return status;
	list.rows = filter.cause != NULL || filter.all || ctl_value(ctl, "limit") != NULL || ctl_value(ctl, "each") != NULL;
	listing_begin(&list.listing, ctl, triage->opened, '{', list.rows ? 10 : 8, list.rows ? 1u | 1u << 7 : 1u, list.rows ? rows : causes);
	result = list_all(triage, &list, filter, &err);
	snprintf(nothing, sizeof nothing, "no %s", ctl->verb->name[0] == 'd' ? "dead letters" : ctl->verb->name);
	status = listing_end(&list.listing, '}', result, &err, nothing, list.open > 0 ? CTL_FINDINGS : CTL_DONE);
	if (result == 0 && list.open > 0 && !list.rows)
		ctl_say(ctl, "`syncline %s --each` or `--cause CAUSE` lists them one by one, `syncline %s show ID` tells all of one", ctl->verb->name,
		        ctl->verb->name);
	else if (result == 0 && list.open > 0)
		ctl_say(ctl, "`syncline %s show ID` tells all of one, and what is next", ctl->verb->name);
	return status;
}

/* show */

/* The native row that was kept with it: an object in JSON, a table for people. */
static void
show_row(struct list *list, const struct batch *row)
{
	static const char *const heads[] = { "NATIVE FIELD", "VALUE" };
	struct buffer *json = &list->listing.json, text;
	const struct batch_record *record = row->header->record_count > 0 ? batch_record(row, 0) : NULL;
	struct ctl_table table;

	buffer_init(&text, 0);
	ctl_table_init(&table, 2, 0, heads);
	for (uint32_t i = 0; record != NULL && i < row->header->field_count; i++) {
		struct syncline_value value = batch_value(row, &record->cells[i]);
		struct batch_field field;

		if (value.type == SYNCLINE_TYPE_ABSENT)
			continue;
		batch_field(row, i, &field);
		buffer_clear(&text);
		buffer_append(&text, field.name, field.name_length);
		if (list->listing.ctl->json) {
			ctl_json_key(json, buffer_string(&text));
			values_json(json, &value);
		} else {
			char name[256];

			snprintf(name, sizeof name, "%.*s", (int)text.length, buffer_string(&text) != NULL ? text.data : "");
			buffer_clear(&text);
			values_json(&text, &value);
			ctl_table_row(&table, (const char *const[]){ name, buffer_string(&text) });
		}
	}
	buffer_free(&text);
	if (list->listing.ctl->json) {
		ctl_table_drop(&table);
		return;
	}
	ctl_print("\nThe row, as it was read\n");
	ctl_table_print(&table);
}

static void
print_line(const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		ctl_print("%-10s %s\n", name, text);
}

/* What reviews and conflicts ask stands in their hints. */
static void
print_acts(const struct ledger_finding *f)
{
	if (f->state != LEDGER_OPEN || f->decision != NULL)
		return;
	if (f->kind == LEDGER_FINDING_REJECT && f->native.length > 0)
		ctl_print("%-10s `syncline rejects edit %" PRId64 " FIELD VALUE --why TEXT` corrects it here, as long as its source sends that value\n", "or", f->id);
	else if (f->kind == LEDGER_FINDING_DEAD)
		ctl_print("%-10s `syncline dead retry %" PRId64 "`, or for all of its kind `syncline dead retry --cause %s`\n", "then", f->id, f->cause);
}

static void
print_finding(struct list *list, const struct ledger_finding *f)
{
	const struct ledger *ledger = list->listing.ledger;
	char first[32], last[32], ended[32];

	ctl_print("%s %" PRId64 " of %s%s%s: %s\n", ledger_finding_name(f->kind), f->id, ledger_flow_name(ledger, f->flow),
	          ledger_unit_name(ledger, f->unit)[0] != '\0' ? " for " : "", ledger_unit_name(ledger, f->unit), state_of(f));
	print_line("what", f->message);
	print_line("field", f->field);
	if (f->object != 0)
		ctl_print("%-10s %s %.*s\n", "at", ledger_object_name(ledger, f->object), (int)f->native.length,
		          f->native.length > 0 ? (const char *)f->native.data : "");
	if (f->record != 0)
		ctl_print("%-10s %" PRId64 "; `syncline trace %" PRId64 "` tells its way\n", "record", f->record, f->record);
	print_line("place", f->place);
	print_line("rule", f->rule);
	print_line("cause", f->cause);
	ctl_print("%-10s %" PRIu64 " times, first %s, last %s in run %" PRId64 "\n", "seen", f->seen, opened_time(f->first_us, first),
	          opened_time(f->last_us, last), f->run);
	print_line("values", f->detail);
	print_line("decided", f->decision);
	if (f->overtaken != NULL)
		ctl_print("%-10s %s.  It was about other values than these, and was not done\n", "overtaken", f->overtaken);
	if (f->state != LEDGER_OPEN)
		ctl_print("%-10s %s%s%s%s%s\n", "ended", opened_time(f->ended_us, ended), f->ended_by != NULL ? " by " : "",
		          f->ended_by != NULL ? f->ended_by : "", f->ended_why != NULL ? ": " : "", f->ended_why != NULL ? f->ended_why : "");
	print_line("next", f->state == LEDGER_OPEN ? f->hint : NULL);
	print_acts(f);
}

struct delivery_view {
	struct list *list;
	uint64_t count;
};

static int
each_delivery(void *data, const struct ledger_delivery *d)
{
	struct delivery_view *view = data;
	struct buffer *json = &view->list->listing.json;
	char since[32], due[32];

	view->count++;
	if (view->list->listing.ctl->json) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "to", listing_target(view->list->listing.ledger, d->binding));
		ctl_json_text(json, "state", ledger_delivery_state_name((enum ledger_delivery_state)d->state));
		ctl_json_number(json, "tries", d->tries);
		ctl_json_number(json, "want", (long long)d->want);
		listing_json_time(json, "since", d->since_us);
		listing_json_time(json, "due", d->due_us);
		ctl_json_text(json, "cause", d->cause);
		ctl_json_text(json, "reason", d->reason);
		ctl_json_close(json, '}');
	} else {
		ctl_print("%-10s to %s: %s, tried %" PRIu32 " times, wanted since %s%s%s\n", "delivery",
		          listing_target(view->list->listing.ledger, d->binding), ledger_delivery_state_name((enum ledger_delivery_state)d->state), d->tries,
		          opened_time(d->since_us, since), d->due_us > view->list->now ? ", due " : "",
		          d->due_us > view->list->now ? opened_time(d->due_us, due) : "");
	}
	return 0;
}

static void
json_shown(struct triage *triage, struct list *list, const struct ledger_finding *f)
{
	struct buffer *json = &list->listing.json;
	const char *const *choices = triage_choices(f);

	json_finding(list, f);
	ctl_json_text(json, "rule", f->rule);
	ctl_json_key(json, "detail");
	buffer_text(json, f->detail != NULL && f->detail[0] != '\0' ? f->detail : "null");
	ctl_json_open(json, "choices", '[');
	for (; *choices != NULL; choices++)
		ctl_json_text(json, NULL, *choices);
	ctl_json_close(json, ']');
	(void)triage;
}

static int
show_more(struct triage *triage, struct list *list, const struct ledger_finding *f, struct error *err)
{
	struct ledger_delivery_filter filter = { .unit = f->unit, .record = f->record };
	struct delivery_view view = { .list = list };
	struct buffer *json = &list->listing.json;
	const char *const *choices = triage_choices(f);
	struct batch *row = NULL;
	int result = 0;

	if (triage->ctl->json)
		ctl_json_open(json, "deliveries", '[');
	if (f->record != 0)
		result = ledger_deliveries(triage->ledger, &filter, each_delivery, &view, err);
	if (triage->ctl->json)
		ctl_json_close(json, ']');
	if (result == 0 && !triage->ctl->json && f->state == LEDGER_OPEN && choices[0] != NULL) {
		ctl_print("%-10s syncline %s decide %" PRId64 " ", "decide", triage->ctl->verb->name, f->id);
		for (; *choices != NULL; choices++)
			ctl_print("%s%s", *choices, strcmp(*choices, "link") == 0 ? " RECORD|" : choices[1] != NULL ? "|" : " --why TEXT\n");
	}
	/* Where the keys are missing, the rest of the finding is still of use. */
	if (result == 0 && ledger_finding_row_get(triage->ledger, f->id, &row, err) != 0) {
		if (!triage->ctl->json)
			ctl_print("\nThe row can't be shown: %s\n", err->message);
		row = NULL;
	}
	if (triage->ctl->json && row != NULL)
		ctl_json_open(json, "row", '{');
	if (row != NULL)
		show_row(list, row);
	if (triage->ctl->json && row != NULL)
		ctl_json_close(json, '}');
	batch_free(row);
	return result;
}

static enum ctl_exit
show_finding(struct triage *triage)
{
	static const char *const heads[] = { "" };
	struct list list = { .now = ledger_now(triage->ledger) };
	struct ledger_finding finding;
	struct error err = { 0 };
	struct arena arena;
	enum ctl_exit status;
	int result;

	arena_init(&arena, 0);
	if ((status = triage_find(triage, triage->words[0], &arena, &finding)) == CTL_DONE) {
		listing_begin(&list.listing, triage->ctl, triage->opened, '{', 1, 0, heads);
		if (triage->ctl->json)
			json_shown(triage, &list, &finding);
		else
			print_finding(&list, &finding);
		result = show_more(triage, &list, &finding, &err);
		status = listing_end(&list.listing, '}', result, &err, NULL, CTL_DONE);
	}
	arena_free(&arena);
	return status;
}

/* The verbs. */

#define ON_REJECTS 1u
#define ON_DEAD 2u
#define ON_CONFLICTS 4u
#define ON_REVIEWS 8u
static const struct action {
	const char *name;
	unsigned on;
	int least, most; /* words behind it */
	bool changes, bulk;
	bool why;
	enum ctl_exit (*run)(struct triage *triage);
} actions[] = {
	{ "list", 15u, 0, 0, false, false, false, list_findings },
	{ "show", 15u, 1, 1, false, false, false, show_finding },
	{ "retry", 15u, 1, 14, true, true, false, triage_retry },
	{ "archive", 15u, 1, 14, true, true, true, triage_archive },
	{ "edit", ON_REJECTS, 2, 3, true, false, true, triage_edit },
	{ "decide", ON_CONFLICTS | ON_REVIEWS, 2, 3, true, false, true, triage_decide },
	{ NULL, 0, 0, 0, false, false, false, NULL },
};

static enum ctl_exit
no_action(const struct ctl *ctl, unsigned on, const char *word)
{
	const char *names[8], *near;
	struct error err = { 0 };
	struct buffer hint;
	size_t count = 0;

	buffer_init(&hint, 0);
	for (const struct action *action = actions; action->name != NULL; action++)
		if ((action->on & on) != 0)
			names[count++] = action->name;
	if ((near = text_nearest(word, names, count)) != NULL) {
		buffer_format(&hint, "Did you mean `%s`?", near);
	} else {
		buffer_format(&hint, "`%s` goes with ", ctl->verb->name);
		for (size_t i = 0; i < count; i++)
			buffer_format(&hint, "%s%s", names[i], i + 1 < count ? ", " : ".");
	}
	(void)error_set(&err, ERROR_USAGE, buffer_string(&hint), "`syncline %s` cannot \"%s\"", ctl->verb->name, word);
	buffer_free(&hint);
	return opened_error(ctl, &err);
}

static enum ctl_exit
check_action(const struct ctl *ctl, const struct action *action, int words)
{
	bool cause = ctl_value(ctl, "cause") != NULL;
	struct error err = { 0 };
	const char *why;

	if (action->bulk && (words > 0) == cause) {
		(void)error_set(&err, ERROR_USAGE, "Give the numbers of findings, or --cause with --flow and --unit as they stand in the list.",
		                "`%s %s` needs either numbers or --cause", ctl->verb->name, action->name);
		return opened_error(ctl, &err);
	}
	if ((words < action->least && !(action->bulk && cause)) || words > action->most) {
		(void)error_set(&err, ERROR_USAGE, "`--help` behind the verb and syncline(1) tell which.", "`%s %s` has too few or too many operands",
		                ctl->verb->name, action->name);
		return opened_error(ctl, &err);
	}
	return action->why ? opened_why(ctl, &why) : CTL_DONE;
}

static enum ctl_exit
run(struct ctl *ctl, unsigned on, enum ledger_finding_kind first, enum ledger_finding_kind second)
{
	const char *word = ctl->operand_count > 0 ? ctl->operands[0] : "list";
	struct opened opened;
	struct triage triage = { .ctl = ctl, .opened = &opened, .kinds = { first, second }, .kind_count = first == second ? 1 : 2 };
	const struct action *action = actions;
	enum ctl_exit status;

	while (action->name != NULL && ((action->on & on) == 0 || strcmp(action->name, word) != 0))
		action++;
	if (action->name == NULL)
		return no_action(ctl, on, word);
	triage.words = ctl->operands + (ctl->operand_count > 0);
	triage.word_count = ctl->operand_count > 0 ? ctl->operand_count - 1 : 0;
	if ((status = check_action(ctl, action, triage.word_count)) != CTL_DONE)
		return status;
	if ((status = opened_begin(ctl, &opened, action->changes ? LEDGER_VISITOR : LEDGER_READER)) == CTL_DONE) {
		triage.ledger = opened.ledger;
		status = action->run(&triage);
	}
	opened_close(&opened);
	return status;
}

enum ctl_exit
verb_rejects(struct ctl *ctl)
{
	return run(ctl, ON_REJECTS, LEDGER_FINDING_REJECT, LEDGER_FINDING_REJECT);
}

enum ctl_exit
verb_dead(struct ctl *ctl)
{
	return run(ctl, ON_DEAD, LEDGER_FINDING_DEAD, LEDGER_FINDING_DEAD);
}

/* A field that goes back and forth is a conflict that nobody decided. */
enum ctl_exit
verb_conflicts(struct ctl *ctl)
{
	return run(ctl, ON_CONFLICTS, LEDGER_FINDING_CONFLICT, LEDGER_FINDING_FLIP);
}

enum ctl_exit
verb_reviews(struct ctl *ctl)
{
	return run(ctl, ON_REVIEWS, LEDGER_FINDING_REVIEW, LEDGER_FINDING_REVIEW);
}
