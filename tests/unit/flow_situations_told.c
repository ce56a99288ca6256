/* SPDX-License-Identifier: BSD-2-Clause */
/* flow_situations_told.c: what all systems, links, vectors, history and findings are, in the words of flow_situations.h. */
#include "flow_situations_house.h"

#include <json.h>
#include <stdio.h>
#include <string.h>

#include "flow/vector.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/runs.h"

#define RECORDS_MAX 8u
#define FIELDS 3u

static const char *
keep(struct house *house, struct buffer *text)
{
	const char *kept = arena_copy(&house->arena, text->data != NULL ? text->data : "", text->length);

	assert_non_null(kept);
	assert_false(text->failed);
	buffer_free(text);
	return kept;
}

/* `; ` before all but the first. */
static void
begin_thing(struct buffer *out)
{
	buffer_text(out, out->length > 0 ? "; " : "");
}

/* A JSON list of texts as A+B; any other text as it is. */
static void
put_text(struct buffer *out, const char *text)
{
	struct json_object *list = text != NULL && text[0] == '[' ? json_tokener_parse(text) : NULL;

	if (list == NULL) {
		buffer_text(out, text != NULL ? text : "-");
		return;
	}
	if (json_object_array_length(list) == 0)
		buffer_text(out, "0");
	for (size_t i = 0; i < json_object_array_length(list); i++)
		buffer_format(out, "%s%s", i > 0 ? "+" : "", json_object_get_string(json_object_array_get_idx(list, i)));
	json_object_put(list);
}

static void
put_value(struct buffer *out, const struct syncline_value *value)
{
	char text[100];

	if (value->type <= SYNCLINE_TYPE_NULL) {
		buffer_text(out, "-");
		return;
	}
	assert_true(value->type == SYNCLINE_TYPE_TEXT || value->type == SYNCLINE_TYPE_JSON);
	assert_true(value->length < sizeof text);
	memcpy(text, value->u.data, value->length);
	text[value->length] = '\0';
	put_text(out, text);
}

static void
put_json(struct buffer *out, struct json_object *value)
{
	put_text(out, value == NULL ? NULL : json_object_get_string(value));
}

/* The story's records, with their links. */
struct records {
	int64_t ids[RECORDS_MAX];
	struct ledger_record at[RECORDS_MAX];
	uint64_t *words[RECORDS_MAX];
	struct ledger_link *links;
	uint32_t first[RECORDS_MAX + 1];
	uint32_t count;
};

static void
load(struct house *house, struct records *records)
{
	sqlite3_stmt *statement;
	struct buffer scratch;

	memset(records, 0, sizeof *records);
	assert_int_equal(sqlite3_prepare_v2(house->ledger_db, "SELECT _id FROM golden_thing WHERE _id > ?1 ORDER BY _id", -1, &statement, NULL), SQLITE_OK);
	sqlite3_bind_int64(statement, 1, house->seed);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		assert_true(records->count < RECORDS_MAX);
		records->ids[records->count++] = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	house_must(house, ledger_records_get(house->ledger, house->entity, records->ids, records->count, &house->arena, records->at, &house->err));
	house_must(house, ledger_links_of(house->ledger, house->entity, records->ids, records->count, &house->arena, &records->links, records->first,
	                                  &house->err));
	buffer_init(&scratch, 0);
	for (uint32_t i = 0; i < records->count; i++) {
		records->words[i] = arena_array(&house->arena, ledger_field_limit(house->ledger, house->entity), sizeof **records->words);
		assert_non_null(records->words[i]);
		assert_int_equal(vector_of(house->ledger, house->entity, records->at[i].values, &scratch, records->words[i]), 0);
	}
	buffer_free(&scratch);
}

/* r2 of the records that are not the first. */
static void
put_record(struct buffer *out, const struct records *records, int64_t id, const char *before)
{
	for (uint32_t i = 0; i < records->count; i++)
		if (records->ids[i] == id && i > 0)
			buffer_format(out, "%sr%u", before, i + 1);
}

static const char *
tell_golden(struct house *house, const struct records *records)
{
	struct buffer out;

	buffer_init(&out, 0);
	for (uint32_t i = 0; i < records->count; i++) {
		begin_thing(&out);
		if (records->count > 1)
			buffer_format(&out, "r%u ", i + 1);
		for (unsigned f = 0; f < FIELDS; f++) {
			put_value(&out, &records->at[i].values[f]);
			buffer_char(&out, ' ');
		}
		buffer_format(&out, "g%u%s", (unsigned)records->at[i].generation, records->at[i].state == LEDGER_DELETED ? " deleted" : "");
	}
	return keep(house, &out);
}

static void
put_vectors(struct house *house, struct buffer *out, const struct ledger_link *link, const uint64_t *words)
{
	const uint64_t *const vectors[] = { link->sent, link->seen };
	char marks[2][FIELDS + 1] = { "", "" };
	bool same = true;

	for (unsigned v = 0; v < 2; v++)
		for (unsigned f = 0; f < FIELDS; f++) {
			uint32_t word = ledger_field_id(house->ledger, house->entity, &house->entity->fields[f]);
			uint64_t is = vectors[v] != NULL ? vectors[v][word] : words[word];

			marks[v][f] = is == VECTOR_UNKNOWN ? '.' : is == words[word] ? '=' : '!';
			same = same && marks[v][f] == '=';
		}
	if (!same)
		buffer_format(out, " %s/%s", marks[0], marks[1]);
}

static void
put_link(struct house *house, struct buffer *out, const struct records *records, uint32_t record, const struct ledger_link *link)
{
	static const char *const states[] = { "live", "tombstone", "unlinked", "missing" };

	assert_true(link->state < sizeof states / sizeof *states);
	buffer_format(out, " %s", states[link->state]);
	put_record(out, records, records->ids[record], " ");
	put_vectors(house, out, link, records->words[record]);
	buffer_format(out, "%s%s%s%s", link->flags & LEDGER_LINK_HELD ? " held" : "", link->flags & LEDGER_LINK_UNSEEN ? " unseen" : "",
	              link->flags & LEDGER_LINK_REJECTED ? " rejected" : "", link->flags & LEDGER_LINK_SCOPED_OUT ? " out" : "");
}

/* The links at this object with this native id, NULL: those that have no row. */
static unsigned
put_links(struct house *house, struct buffer *out, const struct records *records, unsigned system, const char *native)
{
	uint32_t object = house_object(house, system);
	unsigned found = 0;

	for (uint32_t r = 0; r < records->count; r++)
		for (uint32_t i = records->first[r]; i < records->first[r + 1]; i++) {
			const struct ledger_link *link = &records->links[i];
			char id[40], sql[100];
			sqlite3_stmt *statement;
			bool there;

			if (link->object != object || link->native.length >= sizeof id)
				continue;
			memcpy(id, link->native.data, link->native.length);
			id[link->native.length] = '\0';
			if (native != NULL) {
				if (strcmp(id, native) != 0)
					continue;
				put_link(house, out, records, r, link);
				found++;
				continue;
			}
			snprintf(sql, sizeof sql, "SELECT 1 FROM things WHERE id = %s", id);
			assert_int_equal(sqlite3_prepare_v2(house->db[system], sql, -1, &statement, NULL), SQLITE_OK);
			there = sqlite3_step(statement) == SQLITE_ROW;
			sqlite3_finalize(statement);
			if (there)
				continue;
			begin_thing(out);
			buffer_format(out, "%s gone", id);
			put_link(house, out, records, r, link);
			found++;
		}
	return found;
}

static const char *
tell_system(struct house *house, const struct records *records, unsigned system)
{
	sqlite3_stmt *statement;
	struct buffer out;

	buffer_init(&out, 0);
	assert_int_equal(sqlite3_prepare_v2(house->db[system], "SELECT id, number, value, phone, active FROM things WHERE number IS NOT 'seed' ORDER BY id",
	                                    -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		begin_thing(&out);
		buffer_text(&out, (const char *)sqlite3_column_text(statement, 0));
		for (int i = 1; i < 4; i++) {
			buffer_char(&out, ' ');
			put_text(&out, (const char *)sqlite3_column_text(statement, i));
		}
		if (sqlite3_column_int(statement, 4) == 0)
			buffer_text(&out, " off");
		if (put_links(house, &out, records, system, (const char *)sqlite3_column_text(statement, 0)) == 0)
			buffer_text(&out, " none");
	}
	sqlite3_finalize(statement);
	put_links(house, &out, records, system, NULL);
	return keep(house, &out);
}

/* "erp.things" is "erp". */
static void
put_system(struct house *house, struct buffer *out, uint32_t object)
{
	const char *name = ledger_object_name(house->ledger, object), *dot = strchr(name, '.');

	buffer_append(out, name, dot != NULL ? (size_t)(dot - name) : strlen(name));
}

struct telling {
	struct house *house;
	struct buffer *out;
	const struct records *records;
};

/* field before>after, of what was created field=value, of an edit field ours<theirs. */
static void
put_changes(struct buffer *out, const struct ledger_history *row)
{
	struct json_object *before = row->before != NULL ? json_tokener_parse(row->before) : NULL;
	struct json_object *after = row->after != NULL ? json_tokener_parse(row->after) : NULL, *one;

	if (row->event == LEDGER_EVENT_DELETED) {
		assert_non_null(before); /* the last values, which the record shows too */
	} else if (after != NULL) {
		json_object_object_foreach(after, name, value)
		{
			buffer_format(out, " %s", name);
			if (row->event == LEDGER_EVENT_EDIT) {
				buffer_char(out, ' ');
				put_json(out, json_object_object_get_ex(value, "golden", &one) ? one : NULL);
				buffer_char(out, '<');
				put_json(out, json_object_object_get_ex(value, "incoming", &one) ? one : NULL);
			} else {
				if (row->before != NULL) {
					buffer_char(out, ' ');
					put_json(out, json_object_object_get_ex(before, name, &one) ? one : NULL);
				}
				buffer_text(out, row->before != NULL ? ">" : "=");
				put_json(out, value);
			}
		}
	}
	json_object_put(before);
	json_object_put(after);
}

static int
tell_event(void *data, const struct ledger_history *row)
{
	struct telling *telling = data;
	struct buffer *out = telling->out;

	/* What a first load tells of all its records at once has no number. */
	if (row->id <= telling->house->history_after && (row->id != 0 || !telling->house->story->first))
		return 0;
	begin_thing(out);
	buffer_text(out, ledger_event_name(row->event));
	if (row->object != 0)
		buffer_char(out, ' ');
	put_system(telling->house, out, row->object);
	if (row->native.length > 0)
		buffer_format(out, " %.*s", (int)row->native.length, (const char *)row->native.data);
	put_record(out, telling->records, row->record, " ");
	put_changes(out, row);
	if (row->event == LEDGER_EVENT_EDIT)
		buffer_format(out, " %s", strcmp(row->note, "restored") == 0        ? "restored"
		                          : strcmp(row->note, "left as it is") == 0 ? "left"
		                                                                    : "flip");
	return 0;
}

static const char *
tell_history(struct house *house, const struct records *records)
{
	struct buffer out;
	struct telling telling = { .house = house, .out = &out, .records = records };

	buffer_init(&out, 0);
	for (uint32_t i = 0; i < records->count; i++)
		house_must(house, ledger_history_of(house->ledger, records->ids[i], tell_event, &telling, &house->err));
	return keep(house, &out);
}

static int
tell_finding(void *data, const struct ledger_finding *row)
{
	static const char *const states[] = { "", " ended", " decided", " archived" };
	struct telling *telling = data;
	struct buffer *out = telling->out;

	/* What ended before is not of this story. */
	if (row->state != LEDGER_OPEN && row->ended_us < telling->house->began_us)
		return 0;
	begin_thing(out);
	buffer_format(out, "%s %s ", ledger_finding_name(row->kind), row->cause);
	put_system(telling->house, out, row->object);
	if (row->native.length > 0)
		buffer_format(out, " %.*s", (int)row->native.length, (const char *)row->native.data);
	put_record(out, telling->records, row->record, " ");
	if (row->field != NULL && strcmp(row->field, row->cause) != 0)
		buffer_format(out, " %s", row->field);
	buffer_text(out, states[row->state]);
	return 0;
}

static const char *
tell_findings(struct house *house, const struct records *records)
{
	struct buffer out;
	struct telling telling = { .house = house, .out = &out, .records = records };

	buffer_init(&out, 0);
	for (int kind = 0; kind < LEDGER_FINDING_COUNT; kind++) {
		const struct ledger_finding_filter filter = { .kind = (enum ledger_finding_kind)kind, .all = true };

		house_must(house, ledger_findings(house->ledger, &filter, tell_finding, &telling, &house->err));
	}
	return keep(house, &out);
}

static int
tell_mark(void *data, const struct ledger_delivery *row)
{
	static const char *const wants[] = { "", "", " delete", " deactivate" };
	struct telling *telling = data;
	struct buffer *out = telling->out;

	begin_thing(out);
	put_system(telling->house, out, ledger_object_id(telling->house->ledger, ledger_binding(telling->house->ledger, row->binding)->object));
	put_record(out, telling->records, row->record, " ");
	buffer_format(out, " %s", ledger_delivery_state_name((enum ledger_delivery_state)row->state));
	if (row->cause != NULL)
		buffer_format(out, " %s", row->cause);
	assert_true(row->op < sizeof wants / sizeof *wants);
	buffer_text(out, wants[row->op]);
	return 0;
}

static const char *
tell_marks(struct house *house, const struct records *records)
{
	const struct ledger_delivery_filter all = { .binding = 0 };
	struct buffer out;
	struct telling telling = { .house = house, .out = &out, .records = records };

	buffer_init(&out, 0);
	house_must(house, ledger_deliveries(house->ledger, &all, tell_mark, &telling, &house->err));
	return keep(house, &out);
}

static const char *
tell_counts(struct house *house)
{
	struct buffer out;

	buffer_init(&out, 0);
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++) {
		if (i == LEDGER_COUNT_READ || i == LEDGER_COUNT_UNCHANGED || house->run.counts[i] == 0)
			continue;
		begin_thing(&out);
		buffer_format(&out, "%s %u", ledger_count_name((enum ledger_count)i), (unsigned)house->run.counts[i]);
	}
	return keep(house, &out);
}

struct told
house_tell(struct house *house)
{
	struct records records;

	load(house, &records);
	return (struct told){ .golden = tell_golden(house, &records), .erp = tell_system(house, &records, 0), .crm = tell_system(house, &records, 1),
		.web = tell_system(house, &records, 2), .history = tell_history(house, &records), .findings = tell_findings(house, &records),
		.marks = tell_marks(house, &records), .counts = tell_counts(house) };
}

static void
fault(void *data, const char *sentence)
{
	const struct house *house = data;

	fail_msg("%s, %s: %s", house->story->title, policy_name(house->policy), sentence);
}

static bool
has_row(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	bool there;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	there = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	return there;
}

void
house_check(struct house *house)
{
	house_must(house, ledger_check(house->ledger, fault, house, NULL, &house->err));
	if (house->story->first)
		return;
	for (unsigned i = 0; i < HOUSE_SYSTEMS; i++)
		if (!has_row(house->db[i], house->policy == UNION ? "SELECT 1 FROM things WHERE number = 'seed' AND value = '[\"S\"]' AND phone = 's' AND active = 1" :
		                                                    "SELECT 1 FROM things WHERE number = 'seed' AND value = 'S' AND phone = 's' AND active = 1"))
			fail_msg("%s, %s: another record at %s was touched", house->story->title, policy_name(house->policy), house_systems[i]);
	assert_true(has_row(house->ledger_db, "SELECT 1 FROM golden_thing WHERE number = 'seed' AND _state = 0 AND _generation = 1"));
}
