/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_trace.c: `syncline trace`: see trace.h.  What is sensitive is shown as it is: who may read the ledger may read it, and
 * what goes to a terminal goes into no log.
 */
#include "ctl/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flow/values.h"
#include "flow/vector.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/runs.h"
#include "ledger/staging.h"

#define HITS_MAX 32u

static void
section(struct trace *trace, struct ctl_table *table, const char *name, size_t columns, unsigned right, const char *const *heads)
{
	ctl_table_init(table, columns, right, heads);
	if (trace->ctl->json)
		ctl_json_open(&trace->json, name, '[');
}

static void
section_end(struct trace *trace, struct ctl_table *table, const char *title)
{
	if (trace->ctl->json)
		ctl_json_close(&trace->json, ']');
	if (!trace->ctl->json && table->rows > 1) {
		ctl_print("\n%s\n", title);
		ctl_table_print(table);
	} else {
		ctl_table_drop(table);
	}
}

/* Values. */

/* Where a value came from, as far as the history tells. */
struct origin {
	uint32_t object;
	int64_t at_us;
	bool person;
};

struct origins {
	const struct config_entity *entity;
	struct origin *items; /* a field each */
};

/* Is it a member of the outermost object? */
static bool
has_member(const char *json, const char *name)
{
	size_t length = strlen(name);
	unsigned depth = 0;
	bool quoted = false;

	for (; *json != '\0'; json++) {
		if (quoted && *json == '\\' && json[1] != '\0') {
			json++;
		} else if (*json == '"') {
			if (!quoted && depth == 1 && strncmp(json + 1, name, length) == 0 && json[length + 1] == '"' && json[length + 2] == ':')
				return true;
			quoted = !quoted;
		} else if (!quoted) {
			depth += *json == '{' || *json == '[';
			depth -= (*json == '}' || *json == ']') && depth > 0;
		}
	}
	return false;
}

static int
take_origin(void *data, const struct ledger_history *row)
{
	struct origins *origins = data;

	if (row->event != LEDGER_EVENT_CREATED && row->event != LEDGER_EVENT_CHANGED)
		return 0;
	for (uint32_t i = 0; i < origins->entity->field_count; i++)
		if (row->after == NULL ? row->event == LEDGER_EVENT_CREATED : has_member(row->after, origins->entity->fields[i].head.name))
			origins->items[i] = (struct origin){ .object = row->object, .at_us = row->at_us, .person = row->object == 0 && row->who != NULL };
	return 0;
}

static const struct ledger_stamp *
stamp_of(const struct ledger_record *record, uint32_t field)
{
	for (uint32_t i = 0; i < record->stamp_count; i++)
		if (record->stamps[i].field == field)
			return &record->stamps[i];
	return NULL;
}

static int
show_values(struct trace *trace, const struct config_entity *entity, const struct ledger_record *record, struct error *err)
{
	static const char *const heads[] = { "FIELD", "VALUE", "OWNER", "FROM", "SINCE" };
	const struct config_unit *unit = ledger_unit(trace->ledger, record->unit);
	struct origins origins = { .entity = entity };
	struct ctl_table table;
	struct buffer text;
	char at[32];

	if ((origins.items = arena_array(&trace->arena, entity->field_count + 1u, sizeof *origins.items)) == NULL)
		return error_memory(err);
	if (ledger_history_of(trace->ledger, record->id, take_origin, &origins, err) != 0)
		return -1;
	section(trace, &table, "fields", 5, 0, heads);
	buffer_init(&text, 0);
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const struct config_field *field = &entity->fields[i];
		const struct ledger_stamp *stamp = stamp_of(record, ledger_field_id(trace->ledger, entity, field));
		const struct origin told = stamp != NULL ? (struct origin){ stamp->object, stamp->at_us, stamp->object == 0 } : origins.items[i];
		const char *from = told.object != 0 ? ledger_object_name(trace->ledger, told.object) : told.person ? "a person" : NULL;

		if (trace->ctl->json) {
			ctl_json_open(&trace->json, NULL, '{');
			ctl_json_text(&trace->json, "field", field->head.name);
			ctl_json_key(&trace->json, "value");
			values_json(&trace->json, &record->values[i]);
			ctl_json_text(&trace->json, "owner", config_owner(unit, entity, field));
			ctl_json_text(&trace->json, "from", from);
			listing_json_time(&trace->json, "since", told.at_us);
			ctl_json_close(&trace->json, '}');
			continue;
		}
		buffer_clear(&text);
		values_text(&text, &record->values[i]);
		ctl_table_row(&table, (const char *const[]){ field->head.name, record->values[i].type == SYNCLINE_TYPE_NULL ? "(null)" : buffer_string(&text),
			config_owner(unit, entity, field), from != NULL ? from : "", opened_time(told.at_us, at) });
	}
	buffer_free(&text);
	section_end(trace, &table, "Values");
	return 0;
}

/* Links. */

/* Names of the fields of which the vector says something else than the record: what is sent or shown there is different. */
static void
differences(struct trace *trace, const struct config_entity *entity, const uint64_t *vector, const uint64_t *golden, const char *name,
            struct buffer *text)
{
	buffer_clear(text);
	if (trace->ctl->json)
		ctl_json_open(&trace->json, name, '[');
	for (uint32_t i = 0; vector != NULL && i < entity->field_count; i++) {
		uint32_t word = ledger_field_id(trace->ledger, entity, &entity->fields[i]);

		if (vector[word] == VECTOR_UNKNOWN || vector[word] == golden[word])
			continue;
		buffer_format(text, "%s%s", text->length > 0 ? ", " : "", entity->fields[i].head.name);
		if (trace->ctl->json)
			ctl_json_text(&trace->json, NULL, entity->fields[i].head.name);
	}
	if (trace->ctl->json)
		ctl_json_close(&trace->json, ']');
}

static void
flags_text(uint8_t flags, char text[128])
{
	snprintf(text, 128, "%s%s%s%s", flags & LEDGER_LINK_HELD ? "held " : "", flags & LEDGER_LINK_UNSEEN ? "unseen since our write " : "",
	         flags & LEDGER_LINK_REJECTED ? "its last row was rejected " : "", flags & LEDGER_LINK_SCOPED_OUT ? "out of scope" : "");
}

static const char *
shows(const struct ledger_link *link, struct buffer *seen, bool sent)
{
	if (seen->length > 0)
		return buffer_string(seen);
	/* It was not looked at, or not all of it. */
	if ((link->flags & LEDGER_LINK_REJECTED) != 0)
		return "what was rejected";
	if ((link->flags & LEDGER_LINK_HELD) != 0)
		return "what is held";
	return sent ? "" : "in agreement";
}

static void
show_link(struct trace *trace, struct ctl_table *table, const struct config_entity *entity, const struct ledger_link *link, const uint64_t *golden)
{
	static const char *const states[] = { "live", "tombstone", "unlinked", "missing" };
	const char *state = states[link->state < 4 ? link->state : 2];
	struct buffer sent, seen;
	char native[128], version[80], flags[128], at[32];

	buffer_init(&sent, 0);
	buffer_init(&seen, 0);
	flags_text(link->flags, flags);
	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_text(&trace->json, "object", ledger_object_name(trace->ledger, link->object));
		listing_json_slice(&trace->json, "native", link->native);
		ctl_json_text(&trace->json, "state", state);
		listing_json_slice(&trace->json, "version", link->version);
		ctl_json_boolean(&trace->json, "held", (link->flags & LEDGER_LINK_HELD) != 0);
		ctl_json_boolean(&trace->json, "unseen", (link->flags & LEDGER_LINK_UNSEEN) != 0);
		ctl_json_boolean(&trace->json, "rejected", (link->flags & LEDGER_LINK_REJECTED) != 0);
		ctl_json_boolean(&trace->json, "out_of_scope", (link->flags & LEDGER_LINK_SCOPED_OUT) != 0);
		listing_json_time(&trace->json, "confirmed", link->confirmed_us);
	}
	differences(trace, entity, link->sent, golden, "sent_differs", &sent);
	differences(trace, entity, link->seen, golden, "shows_differs", &seen);
	if (trace->ctl->json) {
		ctl_json_close(&trace->json, '}');
	} else {
		snprintf(native, sizeof native, "%.*s", (int)(link->native.length < 100 ? link->native.length : 100), (const char *)link->native.data);
		snprintf(version, sizeof version, "%.*s", (int)(link->version.length < 60 ? link->version.length : 60),
		         link->version.length > 0 ? (const char *)link->version.data : "");
		ctl_table_row(table, (const char *const[]){ ledger_object_name(trace->ledger, link->object), native, state, flags, version,
			opened_time(link->confirmed_us, at), buffer_string(&sent), shows(link, &seen, sent.length > 0) });
	}
	buffer_free(&sent);
	buffer_free(&seen);
}

static int
show_links(struct trace *trace, const struct config_entity *entity, const struct ledger_record *record, const struct ledger_link *links, uint32_t count,
           struct error *err)
{
	static const char *const heads[] = { "AT", "NATIVE ID", "STATE", "FLAGS", "VERSION", "CONFIRMED", "SENT OTHERWISE", "SHOWS OTHERWISE" };
	uint64_t *golden = arena_array(&trace->arena, ledger_field_limit(trace->ledger, entity) + 1u, sizeof *golden);
	struct ctl_table table;
	struct buffer scratch;
	int result;

	if (golden == NULL)
		return error_memory(err);
	buffer_init(&scratch, 0);
	result = vector_of(trace->ledger, entity, record->values, &scratch, golden);
	buffer_free(&scratch);
	if (result != 0)
		return error_memory(err);
	section(trace, &table, "links", 8, 0, heads);
	for (uint32_t i = 0; i < count; i++)
		show_link(trace, &table, entity, &links[i], golden);
	section_end(trace, &table, "Links");
	return 0;
}

/* What happened. */

struct rows {
	struct trace *trace;
	struct ctl_table table;
	int64_t record;
	const char *key;
	const struct ledger_link *links;
	uint32_t link_count;
	uint64_t count; /* of rows that wait */
};

static int
each_history(void *data, const struct ledger_history *row)
{
	struct rows *rows = data;
	struct trace *trace = rows->trace;
	char at[32], run[24], generation[24], native[80];

	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		listing_json_time(&trace->json, "at", row->at_us);
		ctl_json_text(&trace->json, "event", ledger_event_name(row->event));
		ctl_json_text(&trace->json, "object", row->object != 0 ? ledger_object_name(trace->ledger, row->object) : NULL);
		listing_json_slice(&trace->json, "native", row->native);
		ctl_json_number(&trace->json, "run", row->run);
		ctl_json_text(&trace->json, "who", row->who);
		ctl_json_number(&trace->json, "generation", (long long)row->generation);
		ctl_json_text(&trace->json, "correlation", row->correlation);
		ctl_json_key(&trace->json, "before");
		buffer_text(&trace->json, row->before != NULL ? row->before : "null");
		ctl_json_key(&trace->json, "after");
		buffer_text(&trace->json, row->after != NULL ? row->after : "null");
		ctl_json_text(&trace->json, "note", row->note);
		ctl_json_close(&trace->json, '}');
		return 0;
	}
	snprintf(native, sizeof native, "%.*s", (int)(row->native.length < 60 ? row->native.length : 60),
	         row->native.length > 0 ? (const char *)row->native.data : "");
	ctl_table_row(&rows->table, (const char *const[]){ opened_time(row->at_us, at), ledger_event_name(row->event),
		row->object != 0 ? ledger_object_name(trace->ledger, row->object) : "", native, row->run != 0 ? listing_number(row->run, run) : "",
		row->who != NULL ? row->who : "", row->generation != 0 ? listing_number((int64_t)row->generation, generation) : "",
		row->before != NULL ? row->before : "", row->after != NULL ? row->after : "", row->note != NULL ? row->note : "" });
	return 0;
}

static int
each_delivery(void *data, const struct ledger_delivery *d)
{
	struct rows *rows = data;
	struct trace *trace = rows->trace;
	char tries[24], want[24], since[32], due[32];

	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_text(&trace->json, "binding", ledger_binding_name(trace->ledger, d->binding));
		ctl_json_text(&trace->json, "state", ledger_delivery_state_name((enum ledger_delivery_state)d->state));
		ctl_json_number(&trace->json, "want", (long long)d->want);
		ctl_json_number(&trace->json, "tries", d->tries);
		listing_json_time(&trace->json, "since", d->since_us);
		listing_json_time(&trace->json, "due", d->due_us);
		ctl_json_text(&trace->json, "cause", d->cause);
		ctl_json_text(&trace->json, "reason", d->reason);
		ctl_json_close(&trace->json, '}');
		return 0;
	}
	ctl_table_row(&rows->table, (const char *const[]){ ledger_binding_name(trace->ledger, d->binding),
		ledger_delivery_state_name((enum ledger_delivery_state)d->state), listing_number((int64_t)d->want, want), listing_number(d->tries, tries),
		opened_time(d->since_us, since), opened_time(d->due_us, due), d->reason != NULL ? d->reason : "" });
	return 0;
}

/* Of the record, or of the native record that bears the key and has none yet. */
static int
each_finding(void *data, const struct ledger_finding *f)
{
	static const char *const states[] = { "open", "ended", "decided", "archived" };
	struct rows *rows = data;
	struct trace *trace = rows->trace;
	char id[24], last[32];

	if (rows->record != 0 ? f->record != rows->record
	                      : f->native.length != strlen(rows->key) || memcmp(f->native.data, rows->key, f->native.length) != 0)
		return 0;
	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_number(&trace->json, "id", f->id);
		ctl_json_text(&trace->json, "kind", ledger_finding_name(f->kind));
		ctl_json_text(&trace->json, "state", states[f->state < 4 ? f->state : 1]);
		ctl_json_text(&trace->json, "object", f->object != 0 ? ledger_object_name(trace->ledger, f->object) : NULL);
		ctl_json_text(&trace->json, "field", f->field);
		ctl_json_text(&trace->json, "message", f->message);
		ctl_json_text(&trace->json, "place", f->place);
		listing_json_time(&trace->json, "last", f->last_us);
		ctl_json_text(&trace->json, "decision", f->decision);
		ctl_json_text(&trace->json, "ended_by", f->ended_by);
		ctl_json_text(&trace->json, "ended_why", f->ended_why);
		ctl_json_close(&trace->json, '}');
		return 0;
	}
	ctl_table_row(&rows->table, (const char *const[]){ listing_number(f->id, id), ledger_finding_name(f->kind), states[f->state < 4 ? f->state : 1],
		f->object != 0 ? ledger_object_name(trace->ledger, f->object) : "", f->field != NULL ? f->field : "", opened_time(f->last_us, last),
		f->message != NULL ? f->message : "" });
	return 0;
}

static int
show_findings(struct trace *trace, int64_t record, const char *key, uint64_t *ret_count, struct error *err)
{
	static const char *const heads[] = { "ID", "WHAT", "STATE", "AT", "FIELD", "LAST", "MESSAGE" };
	struct rows rows = { .trace = trace, .record = record, .key = key };
	size_t before = trace->json.length;
	int result = 0;

	section(trace, &rows.table, "findings", 7, 1, heads);
	for (int kind = 0; kind < LEDGER_FINDING_COUNT && result == 0; kind++) {
		struct ledger_finding_filter filter = { .kind = (enum ledger_finding_kind)kind, .record = record, .all = true };

		result = ledger_findings(trace->ledger, &filter, each_finding, &rows, err);
	}
	if (ret_count != NULL)
		*ret_count = trace->ctl->json ? trace->json.length > before + strlen(",\"findings\":[") : rows.table.rows - 1;
	section_end(trace, &rows.table, "Findings");
	return result;
}

static int
each_lock(void *data, const struct ledger_lock *lock)
{
	struct rows *rows = data;
	struct trace *trace = rows->trace;
	char since[32], until[32];

	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_text(&trace->json, "field", lock->field);
		listing_json_time(&trace->json, "since", lock->since_us);
		listing_json_time(&trace->json, "until", lock->until_us);
		ctl_json_text(&trace->json, "who", lock->who);
		ctl_json_text(&trace->json, "why", lock->why);
		ctl_json_close(&trace->json, '}');
		return 0;
	}
	ctl_table_row(&rows->table, (const char *const[]){ lock->field != NULL ? lock->field : "(all)", opened_time(lock->since_us, since),
		lock->until_us != 0 ? opened_time(lock->until_us, until) : "", lock->who != NULL ? lock->who : "", lock->why != NULL ? lock->why : "" });
	return 0;
}

static bool
is_text(struct syncline_slice slice, const char *text)
{
	return slice.length == strlen(text) && memcmp(slice.data, text, slice.length) == 0;
}

/* Rows of its links that wait for a parent, or that a lock or the configuration holds. */
static int
each_waiter(void *data, const struct ledger_waiter *waiter)
{
	struct rows *rows = data;
	struct trace *trace = rows->trace;
	const char *what = waiter->held == LEDGER_HELD ? "its system is held (situations.linked)" : waiter->held != 0 ? "a lock" : waiter->parent_object != 0 &&
	                   waiter->parent_native.length > 0 ? ledger_object_name(trace->ledger, waiter->parent_object) : "the next run";
	char native[80], parent[80], since[32], until[32];
	/* Without a record: the row of that native id, and those that wait for it. */
	bool ours = rows->key != NULL && (is_text(waiter->native, rows->key) || is_text(waiter->parent_native, rows->key));

	for (uint32_t i = 0; i < rows->link_count; i++) {
		const struct ledger_link *link = &rows->links[i];

		ours = ours || (link->object == waiter->object && link->unit == waiter->unit && link->native.length == waiter->native.length &&
		                memcmp(link->native.data, waiter->native.data, waiter->native.length) == 0);
	}
	if (!ours)
		return 0;
	rows->count++;
	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_text(&trace->json, "object", ledger_object_name(trace->ledger, waiter->object));
		listing_json_slice(&trace->json, "native", waiter->native);
		listing_json_time(&trace->json, "since", waiter->since_us);
		listing_json_time(&trace->json, "until", waiter->until_us);
		ctl_json_text(&trace->json, "for", what);
		listing_json_slice(&trace->json, "parent", waiter->parent_native);
		ctl_json_close(&trace->json, '}');
		return 0;
	}
	snprintf(native, sizeof native, "%.*s", (int)(waiter->native.length < 60 ? waiter->native.length : 60), (const char *)waiter->native.data);
	snprintf(parent, sizeof parent, "%.*s", (int)(waiter->parent_native.length < 60 ? waiter->parent_native.length : 60),
	         waiter->parent_native.length > 0 ? (const char *)waiter->parent_native.data : "");
	ctl_table_row(&rows->table, (const char *const[]){ ledger_object_name(trace->ledger, waiter->object), native, opened_time(waiter->since_us, since),
		opened_time(waiter->until_us, until), what, parent });
	return 0;
}

static int
show_waiting(struct trace *trace, const char *key, const struct ledger_link *links, uint32_t count, uint64_t *ret_count, struct error *err)
{
	static const char *const heads[] = { "AT", "NATIVE ID", "SINCE", "UNTIL", "WAITS FOR", "" };
	struct rows rows = { .trace = trace, .key = key, .links = links, .link_count = count };

	section(trace, &rows.table, "waits", 6, 0, heads);
	if (ledger_waiters(trace->ledger, 0, 0, each_waiter, &rows, err) != 0)
		return -1;
	section_end(trace, &rows.table, "Rows that wait");
	if (ret_count != NULL)
		*ret_count = rows.count;
	return 0;
}

static int
show_events(struct trace *trace, int64_t record, struct error *err)
{
	static const char *const histories[] = { "WHEN", "WHAT", "AT", "NATIVE ID", "RUN", "WHO", "GENERATION", "BEFORE", "AFTER", "NOTE" };
	static const char *const deliveries[] = { "BINDING", "STATE", "WANTS", "TRIES", "SINCE", "DUE", "WHY" };
	static const char *const locks[] = { "FIELD", "SINCE", "UNTIL", "WHO", "WHY" };
	struct ledger_delivery_filter filter = { .record = record };
	struct rows rows = { .trace = trace, .record = record };

	section(trace, &rows.table, "history", 10, 1u << 4 | 1u << 6, histories);
	if (ledger_history_of(trace->ledger, record, each_history, &rows, err) != 0)
		return -1;
	section_end(trace, &rows.table, "History");
	section(trace, &rows.table, "deliveries", 7, 1u << 2 | 1u << 3, deliveries);
	if (ledger_deliveries(trace->ledger, &filter, each_delivery, &rows, err) != 0)
		return -1;
	section_end(trace, &rows.table, "Deliveries that are not done");
	if (show_findings(trace, record, NULL, NULL, err) != 0)
		return -1;
	section(trace, &rows.table, "locks", 5, 0, locks);
	if (ledger_locks(trace->ledger, record, each_lock, &rows, err) != 0)
		return -1;
	section_end(trace, &rows.table, "Locks");
	return 0;
}

static int
show_rules(struct trace *trace, const struct config_entity *entity, const struct ledger_link *links, uint32_t count, struct error *err)
{
	int result = 0;

	if (trace->ctl->json)
		ctl_json_open(&trace->json, "rules", '[');
	for (uint32_t i = 0; i < count && result == 0; i++)
		result = trace_rules(trace, entity, &links[i], err);
	if (trace->ctl->json)
		ctl_json_close(&trace->json, ']');
	return result;
}

static int
show_record(struct trace *trace, const struct ledger_hit *hit, struct error *err)
{
	const struct config_entity *entity = ledger_record_entity(trace->ledger, hit->record);
	char external[LEDGER_EXTERNAL_ID + 1], updated[32];
	struct ledger_record record;
	struct ledger_link *links;
	uint32_t first[2];

	if (entity == NULL)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "Bring the entity back into the configuration.", "the entity of record %" PRId64 " is no longer configured",
		                 hit->record);
	if (ledger_records_get(trace->ledger, entity, &hit->record, 1, &trace->arena, &record, err) != 0 ||
	    ledger_links_of(trace->ledger, entity, &hit->record, 1, &trace->arena, &links, first, err) != 0)
		return -1;
	if (record.id == 0)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "`syncline doctor` checks the ledger.", "record %" PRId64 " has no row", hit->record);
	ledger_external_id(trace->ledger, record.id, external);
	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_number(&trace->json, "record", record.id);
		ctl_json_text(&trace->json, "external_id", external);
		ctl_json_text(&trace->json, "found_by", hit->why);
		ctl_json_text(&trace->json, "entity", entity->head.name);
		ctl_json_text(&trace->json, "unit", ledger_unit_name(trace->ledger, record.unit));
		ctl_json_text(&trace->json, "state", record.state == LEDGER_DELETED ? "deleted" : "live");
		ctl_json_number(&trace->json, "generation", (long long)record.generation);
		listing_json_time(&trace->json, "updated", record.updated_us);
	} else {
		ctl_print("%s %" PRId64 "%s%s, %s, generation %" PRIu64 ", changed last %s, external id %s; found by %s\n", entity->head.name, record.id,
		          ledger_unit_name(trace->ledger, record.unit)[0] != '\0' ? " of " : "", ledger_unit_name(trace->ledger, record.unit),
		          record.state == LEDGER_DELETED ? "deleted" : "live", record.generation, opened_time(record.updated_us, updated), external, hit->why);
	}
	if (show_values(trace, entity, &record, err) != 0 || show_links(trace, entity, &record, links + first[0], first[1] - first[0], err) != 0 ||
	    show_waiting(trace, NULL, links + first[0], first[1] - first[0], NULL, err) != 0 || show_events(trace, record.id, err) != 0 ||
	    show_rules(trace, entity, links + first[0], first[1] - first[0], err) != 0)
		return -1;
	if (trace->ctl->json)
		ctl_json_close(&trace->json, '}');
	return 0;
}

/* Records that the key means; where there is none, what stands in the way of a native record of that name. */
static int
show_all(struct trace *trace, const char *key, struct error *err)
{
	struct ledger_hit hits[HITS_MAX];
	uint32_t count = 0;
	uint64_t findings = 0, waits = 0;
	int result = 0;

	if (ledger_find_key(trace->ledger, key, hits, HITS_MAX, &count, err) != 0)
		return -1;
	ctl_json_open(&trace->json, "records", '[');
	for (uint32_t i = 0; i < count && result == 0; i++) {
		bool again = false;

		for (uint32_t k = 0; k < i; k++)
			again = again || hits[k].record == hits[i].record;
		if (again)
			continue;
		if (i > 0 && !trace->ctl->json)
			ctl_print("\n");
		result = show_record(trace, &hits[i], err);
		arena_reset(&trace->arena);
	}
	ctl_json_close(&trace->json, ']');
	if (result == 0 && count == 0)
		result = show_findings(trace, 0, key, &findings, err);
	if (result == 0 && count == 0)
		result = show_waiting(trace, key, NULL, 0, &waits, err);
	if (result == 0 && count == 0 && findings == 0 && waits == 0)
		result = error_set(err, ERROR_LEDGER_NOT_FOUND, "Give a record's number, its external id, a native id, or the value of a unique field.",
		                   "nothing is known by \"%s\"", key);
	return result;
}

enum ctl_exit
verb_trace(struct ctl *ctl)
{
	struct opened opened;
	struct trace trace = { .ctl = ctl, .opened = &opened };
	struct error err = { 0 };
	enum ctl_exit status;

	if (ctl->operands[0][strspn(ctl->operands[0], " \t\r\n")] == '\0') {
		(void)error_set(&err, ERROR_USAGE, "Give a record's number, its external id, a native id, or the value of a unique field.", "the key is empty");
		return opened_error(ctl, &err);
	}
	arena_init(&trace.arena, 0);
	buffer_init(&trace.json, 0);
	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE) {
		trace.ledger = opened.ledger;
		ctl_json_open(&trace.json, NULL, '{');
		ctl_json_text(&trace.json, "key", ctl->operands[0]);
		if (show_all(&trace, ctl->operands[0], &err) != 0)
			status = opened_error(ctl, &err);
		ctl_json_close(&trace.json, '}');
	}
	opened_close(&opened);
	arena_free(&trace.arena);
	if (status == CTL_DONE && ctl->json)
		return ctl_json_print(&trace.json, status);
	buffer_free(&trace.json);
	return status;
}
