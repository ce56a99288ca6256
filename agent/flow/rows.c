/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c: a batch as it was read becomes canonical rows of one unit: tenants, corrections, raw hashes, rules, rejects, and the
 * records that refs point to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "flow/contents.h"
#include "flow/values.h"
#include "flow/vector.h"
#include "flow/work.h"
#include "flow/world.h"

#define DETAIL_MAX (64u * 1024u)

/* A batch is staged once for all units: which of its rows are this one's? */
static bool
is_ours(const struct bound *bound, const struct config_unit *unit, const struct batch *batch, const struct batch_record *record)
{
	const struct config_object *object = bound->binding->object;
	const struct config_unit_system *at;

	if (object->tenant == NULL || unit == NULL)
		return true;
	at = config_unit_system(unit, object->system->head.name);
	return at != NULL && at->tenant != NULL && record->tenant.type == SYNCLINE_TYPE_TEXT && record->tenant.length == strlen(at->tenant) &&
	       memcmp(batch_cell_data(batch, &record->tenant), at->tenant, record->tenant.length) == 0;
}

bool
rows_are_seen(const struct bound *bound, const struct config_unit *unit, const struct batch *batch, uint32_t index)
{
	const struct batch_record *record = batch_record(batch, index);

	return record->op == SYNCLINE_OP_SEEN && record->native_id.type == SYNCLINE_TYPE_TEXT && is_ours(bound, unit, batch, record);
}

static struct syncline_slice
cell_text(const struct batch *batch, const struct batch_cell *cell)
{
	if (cell->type != SYNCLINE_TYPE_TEXT)
		return (struct syncline_slice){ "", 0 };
	return (struct syncline_slice){ batch_cell_data(batch, cell), cell->length };
}

/* The unit's rows, with their hashes; deleted ones too. */
static int
pick_rows(struct work *work, const struct config_unit *unit, uint8_t *keep, struct error *err)
{
	uint32_t count = work->native->header->record_count;
	const uint8_t (*raws)[16] = work->ahead != NULL ? work->ahead->raws : NULL;
	uint8_t (*made)[16] = raws == NULL ? arena_array(&work->arena, count + 1u, sizeof *made) : NULL;

	work->rows = arena_array(&work->arena, count + 1u, sizeof *work->rows);
	if (work->rows == NULL ||
	    (raws == NULL && (made == NULL || vector_raws(ledger_hash_key(work->ledger), work->native, &work->scratch, made) != 0)))
		return error_memory(err);
	if (raws == NULL)
		raws = (const uint8_t (*)[16])made;
	for (uint32_t i = 0; i < count; i++) {
		const struct batch_record *record = batch_record(work->native, i);
		struct row *row = &work->rows[work->row_count];

		keep[i] = 0;
		if ((record->op != SYNCLINE_OP_SEEN && record->op != SYNCLINE_OP_DELETED) || record->native_id.type != SYNCLINE_TYPE_TEXT)
			continue;
		/* Who deletes says no more than which one. */
		if (!is_ours(work->bound, unit, work->native, record) && !(record->op == SYNCLINE_OP_DELETED && record->tenant.type != SYNCLINE_TYPE_TEXT))
			continue;
		*row = (struct row){ .index = i, .what = record->op == SYNCLINE_OP_SEEN ? ROW_SEEN : ROW_GONE, .place = record->place,
			.native = cell_text(work->native, &record->native_id), .version = cell_text(work->native, &record->version) };
		memcpy(row->raw, raws[i], sizeof row->raw);
		keep[i] = row->what == ROW_SEEN;
		work->row_count++;
	}
	return 0;
}

/* Corrections: a person's value in the place of the source's, as long as that is what the source sends. */

struct correcting {
	struct work *work;
	struct batch *batch;
	struct row **rows; /* of the natives asked for */
	struct error *err;
};

static int
correct(void *data, uint32_t index, const struct ledger_correction *correction)
{
	struct correcting *c = data;
	struct row *row = c->rows[index];
	int field = batch_find_field(c->batch, correction->field, strlen(correction->field));
	uint8_t raw[16];
	struct syncline_value value;

	if (field < 0)
		return 0;
	value = batch_value(c->batch, &batch_record(c->batch, row->index)->cells[field]);
	vector_raw_value(ledger_hash_key(c->work->ledger), &value, raw);
	if (memcmp(raw, correction->raw, sizeof raw) != 0)
		return ledger_correction_end(c->work->ledger, correction->id, "the source sends another value", c->err);
	if (batch_put_text(c->batch, row->index, (uint32_t)field, correction->value, c->err) != 0)
		return -1;
	return ledger_correction_applied(c->work->ledger, correction->id, 1, c->err);
}

/* The batch that the rules see: the native one, or a copy with corrections in it. */
static int
correct_rows(struct work *work, const struct batch **batch, struct batch **ret_copy, struct error *err)
{
	struct correcting c = { .work = work, .err = err };
	struct syncline_slice *natives;

	*ret_copy = NULL;
	if (!ledger_has_corrections(work->ledger, work->bound->id, work->intake->unit_id))
		return 0;
	natives = arena_array(&work->arena, work->row_count + 1u, sizeof *natives);
	c.rows = arena_array(&work->arena, work->row_count + 1u, sizeof *c.rows);
	if (natives == NULL || c.rows == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < work->row_count; i++) {
		natives[i] = work->rows[i].native;
		c.rows[i] = &work->rows[i];
	}
	if ((c.batch = batch_copy(*batch, err)) == NULL)
		return -1;
	*ret_copy = c.batch;
	*batch = c.batch;
	return ledger_corrections_for(work->ledger, work->bound->id, work->intake->unit_id, natives, work->row_count, correct, &c, err);
}

/* Rules. */

struct ruling {
	struct work *work;
	struct row **by_index; /* of each record in the batch that the rules saw */
	const struct row *last;
	struct ledger_finding finding; /* of the row at work; its texts in the arena */
	struct buffer detail;
	struct error *err;
	bool failed;
};

static const char *
keep_text(struct ruling *r, const char *text)
{
	const char *kept = text != NULL ? arena_text(&r->work->arena, text) : NULL;

	r->failed = r->failed || (text != NULL && kept == NULL);
	return kept;
}

/* The reject of the row whose faults have all been told. */
static int
close_reject(struct ruling *r)
{
	struct row *row = (struct row *)(uintptr_t)r->last;

	if (row == NULL)
		return 0;
	r->last = NULL;
	buffer_char(&r->detail, ']');
	r->finding.detail = buffer_string(&r->detail);
	if (r->failed || r->finding.detail == NULL)
		return error_memory(r->err);
	row->what = ROW_REJECTED;
	return work_reject(r->work, row, &r->finding, r->err);
}

/*
 * A reason without the values in it, by which rejects are counted and listed together: 'Ann' is not a number -> the value is not a
 * number; the text has … characters and the field takes ….  Values are people's data, and each would be a cause of its own.
 */
static const char *
without_values(struct work *work, const char *reason)
{
	static const char *const verbs[] = { " is ", " has ", " are " };
	const char *from = reason, *end = NULL;
	char *text = arena_alloc(&work->arena, strlen(reason) * 3 + 16), *to = text;

	if (text == NULL)
		return NULL;
	/* A value is shown first, and may hold quotes and words itself: it goes up to the last verb behind a quote or bracket. */
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs && strchr("'[{\"", reason[0]) != NULL && reason[0] != '\0'; i++)
		for (const char *p = reason; (p = strstr(p, verbs[i])) != NULL; p++)
			if (p > reason && strchr("']}\"", p[-1]) != NULL && (end == NULL || p > end))
				end = p;
	if (end != NULL) {
		to += sprintf(to, "the value");
		from = end;
	}
	while (*from != '\0') {
		size_t run = strspn(from, "0123456789");

		if (run == 0) {
			*to++ = *from++;
			continue;
		}
		from += run;
		while ((run = strspn(from, ".,:+-TZ")) > 0 && from[run] >= '0' && from[run] <= '9')
			from += run + strspn(from + run, "0123456789");
		if (*from == 'Z')
			from++;
		to += sprintf(to, "…");
	}
	*to = '\0';
	return text;
}

static void
begin_reject(struct ruling *r, struct row *row, const struct rules_reject *fault)
{
	char place[300];

	r->last = row;
	buffer_clear(&r->detail);
	buffer_char(&r->detail, '[');
	snprintf(place, sizeof place, "%.*s%s%llu", (int)(fault->origin.length < 200 ? fault->origin.length : 200),
	         fault->origin.length > 0 ? (const char *)fault->origin.data : "", fault->origin.length > 0 ? ":" : "",
	         (unsigned long long)fault->record->place);
	r->finding = (struct ledger_finding){ .kind = LEDGER_FINDING_REJECT, .field = keep_text(r, fault->field), .message = keep_text(r, fault->reason),
		.hint = keep_text(r, fault->hint), .rule = keep_text(r, fault->rule),
		.place = fault->origin.length > 0 || fault->record->place > 0 ? keep_text(r, place) : NULL };
	if (fault->field == NULL) {
		r->finding.cause = r->finding.message; /* the name of a check */
	} else {
		const char *field = without_values(r->work, fault->field), *why = without_values(r->work, fault->reason != NULL ? fault->reason : "");

		r->finding.cause = field != NULL && why != NULL ? arena_format(&r->work->arena, "%s: %s", field, why) : NULL;
	}
	r->failed = r->failed || r->finding.cause == NULL;
}

static void
put_member(struct buffer *json, const char *name, const char *text, bool first)
{
	if (text == NULL)
		return;
	buffer_format(json, "%s\"%s\":", first ? "" : ",", name);
	text_json_string(json, text, strlen(text));
}

static void
take_fault(void *data, const struct rules_reject *fault)
{
	struct ruling *r = data;
	struct row *row = r->by_index[fault->index];

	if (r->failed || row == NULL)
		return;
	if (fault->fault == 0) {
		r->failed = close_reject(r) != 0 || r->failed;
		begin_reject(r, row, fault);
	}
	if (r->detail.length > DETAIL_MAX)
		return;
	buffer_text(&r->detail, r->detail.length > 1 ? ",{" : "{");
	put_member(&r->detail, "reason", fault->reason, true);
	put_member(&r->detail, "field", fault->field, false);
	put_member(&r->detail, "value", fault->value, false);
	put_member(&r->detail, "rule", fault->rule, false);
	buffer_char(&r->detail, '}');
}

/* The entity's field for each output of the read rules. */
static int
field_map(struct work *work, uint32_t **ret_map, struct error *err)
{
	uint32_t count = mapping_output_count(work->bound->read);
	const struct syncline_field *outputs = mapping_output_fields(work->bound->read);
	uint32_t *map = arena_array(&work->arena, count + 1u, sizeof *map);

	if (map == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		map[i] = field_index(work->entity, config_field(work->entity, outputs[i].name));
	*ret_map = map;
	return 0;
}

/* A document as the record keeps it: where it came from, and which one it was when its row was read. */
static int
put_content(struct work *work, const struct row *row, const struct config_field *field, struct syncline_value *value, struct error *err)
{
	char hex[CONTENTS_HEX];
	const char *kept;
	uint64_t bytes;

	if (value->type <= SYNCLINE_TYPE_NULL)
		return 0;
	buffer_clear(&work->text);
	buffer_text(&work->text, "{\"object\":");
	text_json_string(&work->text, ledger_object_name(work->ledger, work->bound->object),
	                 strlen(ledger_object_name(work->ledger, work->bound->object)));
	buffer_text(&work->text, ",\"native\":");
	text_json_string(&work->text, row->native.data, row->native.length);
	buffer_text(&work->text, ",\"reference\":");
	text_json_string(&work->text, value->u.data, value->length);
	if (field->copy && contents_found(work->native, batch_record(work->native, row->index), value->u.data, value->length, &bytes, hex))
		buffer_format(&work->text, ",\"length\":%" PRIu64 ",\"sha256\":\"%s\"", bytes, hex);
	buffer_char(&work->text, '}');
	if (work->text.failed || (kept = arena_copy(&work->arena, work->text.data, work->text.length)) == NULL)
		return error_memory(err);
	*value = (struct syncline_value){ .type = SYNCLINE_TYPE_JSON, .length = (uint32_t)work->text.length, .u.data = kept };
	return 0;
}

/* What the rules gave for one record, in the order of the entity's fields.  Its bytes are copied: the batch goes. */
static int
take_row(struct work *work, const struct batch *canonical, uint32_t index, const uint32_t *map, struct row *row, struct error *err)
{
	const struct batch_record *record = batch_record(canonical, index);
	struct syncline_value *values = arena_array(&work->arena, work->entity->field_count + 1u, sizeof *values);

	if (values == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < canonical->header->field_count; i++) {
		struct syncline_value *value = &values[map[i]];

		*value = batch_value(canonical, &record->cells[i]);
		if (value->type == SYNCLINE_TYPE_CONTENT || (value->type == SYNCLINE_TYPE_TEXT && work_field(work, map[i])->type == CONFIG_FIELD_CONTENT)) {
			if (put_content(work, row, work_field(work, map[i]), value, err) != 0)
				return -1;
		}
	}
	row->values = values;
	return 0;
}

static int
run_rules(struct work *work, const struct config_unit *unit, const struct batch *batch, struct batch **ret_canonical, struct ruling *r,
          struct rules_report *report, struct error *err)
{
	struct batch_builder *builder = batch_builder_new(err);
	struct world world;
	int result = -1;

	world_read(&world, work->engine, work->bound, unit, work->intake->run_time_us);
	*report = (struct rules_report){ .rejected = take_fault, .data = r };
	*ret_canonical = NULL;
	if (builder != NULL) {
		batch_builder_trust(builder);
		batch_builder_expect(builder, batch->header->record_count);
		result = mapping_run(work->engine->rules, work->bound->read, &world.rules, batch, builder, report, err);
	}
	if (result == 0 && (close_reject(r) != 0 || r->failed))
		result = -1;
	if (result == 0 && (*ret_canonical = batch_builder_finish(builder, err)) == NULL)
		result = -1;
	world_free(&world);
	batch_builder_free(builder);
	return result;
}

/* The rules ran already: what they said is told here, as if they had run here. */
static int
tell_faults(struct ruling *r, const struct ahead_fault *faults)
{
	for (const struct ahead_fault *fault = faults; fault != NULL; fault = fault->next)
		take_fault(r, &fault->reject);
	return close_reject(r) != 0 || r->failed ? -1 : 0;
}

/* Refs. */

struct ref_look {
	struct row *row;
	uint32_t field;
	struct syncline_slice native;
};

static const struct config_entity *
entity_of_ref(const struct work *work, uint32_t field)
{
	return config_entity(work->engine->model, work_field(work, field)->entity);
}

/* The records that the refs of one field point to, object by object. */
static int
resolve_refs_to(struct work *work, uint32_t field, uint32_t object, const struct ref_look *looks, uint32_t count, struct error *err)
{
	struct syncline_slice *natives = arena_array(&work->arena, count + 1u, sizeof *natives);
	struct ledger_link *links = arena_array(&work->arena, count + 1u, sizeof *links);

	if (natives == NULL || links == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		natives[i] = looks[i].native;
	if (ledger_links_get(work->ledger, entity_of_ref(work, field), object, work->intake->unit_id, natives, count, &work->arena, links, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_value *value = (struct syncline_value *)(uintptr_t)&looks[i].row->values[field];

		if (links[i].id != 0 && (links[i].state == LEDGER_LINK_LIVE || links[i].state == LEDGER_LINK_MISSING)) {
			*value = (struct syncline_value){ .type = SYNCLINE_TYPE_INTEGER, .u.integer = links[i].record };
			continue;
		}
		looks[i].row->waits_for = work_field(work, field);
		looks[i].row->parent_object = object;
		looks[i].row->parent_native = looks[i].native;
	}
	return 0;
}

static int
resolve_refs(struct work *work, uint32_t field, struct error *err)
{
	struct ref_look *looks = arena_array(&work->arena, work->row_count + 1u, sizeof *looks);
	uint32_t count = 0, object = 0;

	if (looks == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i <= work->row_count; i++) {
		struct row *row = i < work->row_count ? &work->rows[i] : NULL;
		struct syncline_slice native = { "", 0 };
		uint32_t to = 0;

		if (row != NULL && (row->what != ROW_SEEN || row->values == NULL || row->values[field].type != SYNCLINE_TYPE_TEXT))
			continue;
		if (row != NULL && !world_parse_ref(row->values[field].u.data, row->values[field].length, &to, &native))
			return error_set(err, ERROR_INTERNAL, NULL, "the reference \"%.*s\" leads to no object", (int)row->values[field].length,
			                 (const char *)row->values[field].u.data);
		/* All refs of a field lead to one object, unless a rule chooses: then in runs. */
		if (count > 0 && to != object) {
			if (resolve_refs_to(work, field, object, looks, count, err) != 0)
				return -1;
			count = 0;
		}
		object = to;
		if (row != NULL)
			looks[count++] = (struct ref_look){ row, field, native };
	}
	return 0;
}

static int
make_words(struct work *work, struct error *err)
{
	for (uint32_t i = 0; i < work->row_count; i++) {
		struct row *row = &work->rows[i];

		if (row->what != ROW_SEEN)
			continue;
		if ((row->words = arena_array(&work->arena, work->field_limit + 1u, sizeof *row->words)) == NULL ||
		    vector_of(work->ledger, work->entity, row->values, &work->scratch, row->words) != 0)
			return error_memory(err);
	}
	return 0;
}

static int
take_rows(struct work *work, const struct batch *canonical, const struct rules_report *report, const uint32_t *map, const struct ruling *r,
          struct error *err)
{
	for (uint32_t i = 0; i < report->source_count; i++)
		if (take_row(work, canonical, i, map, r->by_index[report->sources[i]], err) != 0)
			return -1;
	return 0;
}

static int
rule_rows(struct work *work, const struct config_unit *unit, const struct batch *batch, const uint8_t *keep, struct ruling *r,
          struct batch **ret_part, struct batch **ret_canonical, struct error *err)
{
	uint32_t count = batch->header->record_count, kept = 0, *map;
	/* Corrections may have come since. */
	struct ahead_rows *ahead = batch == work->native ? work->ahead : NULL;
	struct rules_report report;

	if ((r->by_index = arena_array(&work->arena, count + 1u, sizeof *r->by_index)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < work->row_count; i++)
		if (work->rows[i].what == ROW_SEEN)
			r->by_index[kept++] = &work->rows[i];
	if (ahead != NULL && kept > 0) {
		*ret_canonical = ahead->canonical;
		ahead->canonical = NULL;
		report = (struct rules_report){ .sources = ahead->sources, .source_count = ahead->source_count };
		if (field_map(work, &map, err) != 0 || tell_faults(r, ahead->faults) != 0)
			return -1;
		return take_rows(work, *ret_canonical, &report, map, r, err);
	}
	if (kept < count) {
		if ((*ret_part = batch_copy(batch, err)) == NULL)
			return -1;
		batch_keep(*ret_part, keep);
		batch = *ret_part;
	}
	if (kept == 0)
		return 0;
	if (engine_bind_late(work->engine, work->bound, batch, err) != 0 || field_map(work, &map, err) != 0 ||
	    run_rules(work, unit, batch, ret_canonical, r, &report, err) != 0)
		return -1;
	return take_rows(work, *ret_canonical, &report, map, r, err);
}

/* Values point into the canonical batch, whose bytes the arena takes over. */
static int
keep_values(struct work *work, const struct batch *canonical, struct error *err)
{
	uint8_t *copy;

	if (canonical == NULL)
		return 0;
	if ((copy = arena_alloc(&work->arena, canonical->size)) == NULL)
		return error_memory(err);
	memcpy(copy, canonical->data, canonical->size);
	for (uint32_t i = 0; i < work->row_count; i++)
		for (uint32_t f = 0; work->rows[i].values != NULL && f < work->entity->field_count; f++) {
			struct syncline_value *value = (struct syncline_value *)(uintptr_t)&work->rows[i].values[f];
			const uint8_t *at = value->u.data;

			if (value->type >= SYNCLINE_TYPE_DECIMAL && value->type != SYNCLINE_TYPE_TIMESTAMP && value->type != SYNCLINE_TYPE_DATE &&
			    at >= canonical->data && at < canonical->data + canonical->size)
				value->u.data = copy + (at - canonical->data);
		}
	return 0;
}

int
work_rows(struct work *work, const struct config_unit *unit, struct error *err)
{
	uint8_t *keep = arena_alloc(&work->arena, work->native->header->record_count + 1u);
	struct batch *corrected = NULL, *part = NULL, *canonical = NULL;
	const struct batch *batch = work->native;
	struct ruling r = { .work = work, .err = err };
	int result;

	if (keep == NULL)
		return error_memory(err);
	buffer_init(&r.detail, 0);
	result = pick_rows(work, unit, keep, err);
	if (result == 0)
		result = correct_rows(work, &batch, &corrected, err);
	if (result == 0)
		result = rule_rows(work, unit, batch, keep, &r, &part, &canonical, err);
	if (result == 0)
		result = keep_values(work, canonical, err);
	batch_free(corrected);
	batch_free(part);
	batch_free(canonical);
	buffer_free(&r.detail);
	for (uint32_t i = 0; result == 0 && i < work->entity->field_count; i++)
		if (work_field(work, i)->type == CONFIG_FIELD_REF && work->bound->reads != NULL && bound_has(work->bound->reads, i))
			result = resolve_refs(work, i, err);
	return result == 0 && !work->bulk ? make_words(work, err) : result;
}
