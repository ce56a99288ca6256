/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confirm.c: a write is durable at its target: the link says so from now on, with what was sent and what the target shows, and
 * whatever waits for that link is wanted again.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/confirm.h"
#include "flow/marks.h"
#include "flow/values.h"
#include "flow/vector.h"
#include "flow/work.h"
#include "flow/world.h"

#define CHILDREN_PAGE 200u

/* What the target stored of what was sent, in canonical words; left where the stored form doesn't say all that the rule reads. */

static int
add_stored(struct batch_builder *builder, const struct intake_confirmation *const *items, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_record record = *items[i]->stored;

		record.op = SYNCLINE_OP_UPDATE; /* of the fields that were sent: a required one may not be among them */
		record.note = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
		if (batch_builder_add(builder, &record, err) != 0)
			return -1;
	}
	return 0;
}

struct batch *
confirm_stored(const struct intake_confirmation *const *items, uint32_t item_count, struct error *err)
{
	struct batch_builder *builder = batch_builder_new(err);
	const struct batch *payload = items[0]->payload;
	uint32_t count = payload->header->field_count;
	struct syncline_field *fields = calloc(count + 1u, sizeof *fields);
	struct batch *batch = NULL;
	struct arena names;
	bool memory = builder != NULL && fields != NULL;

	arena_init(&names, 0);
	for (uint32_t i = 0; memory && i < count; i++) {
		struct batch_field field;

		batch_field(payload, i, &field);
		fields[i] = (struct syncline_field){ .struct_size = sizeof *fields, .type = field.type, .flags = field.flags, .scale = field.scale,
			.max_length = field.max_length, .name = arena_copy(&names, field.name, field.name_length) };
		memory = fields[i].name != NULL;
	}
	if (memory)
		batch_builder_expect(builder, item_count);
	if (!memory)
		error_fill_memory(err);
	else if (batch_builder_set_fields(builder, fields, count, err) == 0 && add_stored(builder, items, item_count, err) == 0)
		batch = batch_builder_finish(builder, err);
	arena_free(&names);
	free(fields);
	batch_builder_free(builder);
	return batch;
}

bool
confirm_says_all(const struct bound *reader, uint32_t output, const struct batch *stored, uint32_t row)
{
	const struct config_contract *contract = reader->binding->object->contract;
	struct rules_dependencies needs;

	if (contract == NULL)
		return false;
	mapping_dependencies(reader->read, output, &needs);
	if ((needs.uses & ~(RULES_USES_LOOKUP | RULES_USES_UNIT)) != 0)
		return false;
	for (uint32_t i = 0; i < contract->field_count; i++) {
		const char *name = contract->fields[i].name;
		int at;

		if (i / 64 >= needs.words || (needs.fields[i / 64] >> (i % 64) & 1) == 0)
			continue;
		if ((at = batch_find_field(stored, name, strlen(name))) < 0 || batch_record(stored, row)->cells[at].type == SYNCLINE_TYPE_ABSENT)
			return false;
	}
	return true;
}

static int
is_asked_or_locked(struct work *work, const char *field, const struct work_link *link, bool *ret_is, struct error *err)
{
	if (ledger_was_locked(work->ledger, link->at.record, field, ret_is, err) != 0)
		return -1;
	if (!*ret_is && ledger_finding_open(work->ledger, LEDGER_FINDING_CONFLICT, link->at.record, link->at.object, field, ret_is, err) != 0)
		return -1;
	return *ret_is ? 0 : ledger_finding_open(work->ledger, LEDGER_FINDING_REVIEW, link->at.record, link->at.object, field, ret_is, err);
}

/*
 * Nothing moves between record and system while people are asked about a field or one of its group, or have locked it.  Of a lock that
 * ended nobody has looked at the row since as long as the link is held: what was changed there is still to be merged.
 */
static int
stands_still(struct work *work, const struct config_field *field, const struct work_link *link, bool *ret_still, struct error *err)
{
	*ret_still = false;
	for (uint32_t i = 0; (link->at.flags & LEDGER_LINK_HELD) != 0 && i < work->entity->field_count && !*ret_still; i++) {
		const struct config_field *one = work_field(work, i);

		if ((one == field || (field->group != NULL && one->group == field->group)) &&
		    is_asked_or_locked(work, one->head.name, link, ret_still, err) != 0)
			return -1;
	}
	return 0;
}

/*
 * Of what we did not send: may be somebody's edit, which the next read brings to the merge.  But what a whole record gave back to
 * its target as it was, and what it shows again since, has been written over by us: it gets ours anew.
 */
static int
take_unsent(struct work *work, const struct intake_confirmation *item, const struct bound *reader, uint32_t output, const struct config_field *field,
            uint64_t stored, struct work_link *link, struct error *err)
{
	uint32_t word = ledger_field_id(work->ledger, work->entity, field);
	bool still;

	if (!item->read_back || (link->at.flags & LEDGER_LINK_REJECTED) != 0 || reader->binding->situations->linked == CONFIG_ACTION_HOLD ||
	    link->seen[word] == stored || !confirm_says_all(reader, output, item->payload, 0))
		return 0;
	if (stands_still(work, field, link, &still, err) != 0)
		return -1;
	if (still)
		return 0;
	link->seen[word] = stored;
	link->sent[word] = VECTOR_UNKNOWN;
	return 0;
}

struct batch *
confirm_canonical(const struct intake *intake, struct bound *reader, const struct batch *native, uint32_t *ret_sources, struct error *err)
{
	struct batch_builder *builder = batch_builder_new(err);
	struct rules_report report = { .rejected = NULL };
	struct batch *canonical = NULL;
	struct world world;

	if (builder == NULL)
		return NULL;
	batch_builder_expect(builder, native->header->record_count);
	world_read(&world, intake->engine, reader, intake->unit, intake->run_time_us);
	if (mapping_run(intake->engine->rules, reader->read, &world.rules, native, builder, &report, err) == 0)
		canonical = batch_builder_finish(builder, err);
	/* The report lasts until the rules run again. */
	if (canonical != NULL && ret_sources != NULL && report.source_count > 0)
		memcpy(ret_sources, report.sources, report.source_count * sizeof *ret_sources);
	world_free(&world);
	batch_builder_free(builder);
	return canonical;
}

/* What the target stored, or shows; row: as the flow sees it, of which only what we gave back is of interest. */
static int
stored_words(struct work *work, const struct intake_confirmation *item, struct bound *reader, const struct row *row, struct work_link *link,
             struct error *err)
{
	struct batch *stored = confirm_stored(&item, 1, err);
	struct batch *canonical = stored != NULL ? confirm_canonical(work->intake, reader, stored, NULL, err) : NULL;
	int result = canonical != NULL ? 0 : -1;

	/* A stored form that the rules reject says nothing; the next read will, with the reject's reason. */
	for (uint32_t i = 0; result == 0 && canonical->header->record_count == 1 && i < canonical->header->field_count; i++) {
		const struct config_field *field = config_field(work->entity, mapping_output_fields(reader->read)[i].name);
		struct syncline_value value = batch_value(canonical, &batch_record(canonical, 0)->cells[i]);
		uint32_t at = ledger_field_id(work->ledger, work->entity, field);
		uint64_t word;

		if (!confirm_says_all(reader, i, stored, 0) || field->type == CONFIG_FIELD_REF || field->type == CONFIG_FIELD_CONTENT)
			continue;
		if (vector_word(ledger_hash_key(work->ledger), &value, &work->scratch, &word) != 0)
			result = error_memory(err);
		else if (item->sent[at] == VECTOR_UNKNOWN)
			result = row == NULL || row->words[at] == word ? take_unsent(work, item, reader, i, field, word, link, err) : 0;
		else if (row == NULL)
			link->seen[at] = word;
	}
	batch_free(stored);
	batch_free(canonical);
	return result;
}

static int
confirm_words(struct work *work, const struct intake_confirmation *item, struct work_link *link, struct error *err)
{
	struct bound *reader = intake_reader_of(work->engine, work->entity, item->bound->binding->object, work->intake->unit);

	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint32_t word = work_word(work, i);

		if (bound_has(item->bound->writes, i) && item->sent[word] != VECTOR_UNKNOWN)
			link->sent[word] = link->seen[word] = item->sent[word];
	}
	link->at.flags |= LEDGER_LINK_UNSEEN;
	if (item->stored == NULL || reader == NULL || reader->read == NULL)
		return 0;
	return stored_words(work, item, reader, NULL, link, err);
}

int
work_given_back(struct work *work, const struct row *row, struct work_link *link, const struct work_record *record,
                const struct ledger_uncertain *open, struct error *err)
{
	struct syncline_value *values = arena_array(&work->arena, open->payload->header->field_count + 1u, sizeof *values);
	uint64_t *sent = arena_array(&work->arena, work->field_limit + 1u, sizeof *sent);
	struct syncline_record payload;
	const struct intake_confirmation item = { .record = record->at.id, .sent = sent, .stored = &payload, .payload = open->payload, .read_back = true };

	if (values == NULL || sent == NULL)
		return error_memory(err);
	memcpy(sent, open->vector, (open->words < work->field_limit ? open->words : work->field_limit) * sizeof *sent);
	batch_read(open->payload, 0, values, &payload);
	return stored_words(work, &item, work->bound, row, link, err);
}

/* The link that a confirmed write is about: the record's own at this object, or a new one. */
static int
confirmed_link(struct work *work, const struct intake_confirmation *item, struct work_record *record, struct work_link **ret_link,
               struct error *err)
{
	struct work_link *link = work_link_at(record, work->bound->object);

	for (uint32_t i = 0; link == NULL && i < record->link_count; i++) {
		struct work_link *one = record->links[i];

		if (one->at.object == work->bound->object && (item->native.length == 0 || (one->at.native.length == item->native.length &&
		    memcmp(one->at.native.data, item->native.data, item->native.length) == 0)))
			link = one;
	}
	if (link == NULL && item->native.length == 0)
		return error_set(err, ERROR_INTERNAL, "The connector must give a native id with a committed create.",
		                 "a record was created at %s, and its native id is not known", ledger_object_name(work->ledger, work->bound->object));
	if (link == NULL && (link = work_new_link(work, record, work->bound->object, item->native, err)) == NULL)
		return -1;
	*ret_link = link;
	return 0;
}

int
confirm_tell(struct work *work, const struct intake_confirmation *item, struct syncline_slice native, struct error *err)
{
	struct ledger_history row = { .record = item->record, .object = work->bound->object, .generation = item->generation,
		.native = native, .note = item->note };

	row.event = item->adopted                                              ? LEDGER_EVENT_ADOPTED
	          : item->op == SYNCLINE_OP_DELETE || item->deactivate         ? LEDGER_EVENT_SENT_DELETE
	          : item->op == SYNCLINE_OP_CREATE                             ? LEDGER_EVENT_SENT_CREATE
	                                                                       : LEDGER_EVENT_SENT_UPDATE;
	work_count(work, row.event == LEDGER_EVENT_SENT_DELETE   ? LEDGER_COUNT_SENT_DELETES
	               : item->op == SYNCLINE_OP_CREATE          ? LEDGER_COUNT_SENT_CREATES
	                                                         : LEDGER_COUNT_SENT_UPDATES, 1);
	return work_history(work, &row, err);
}

static int
confirm_one(struct work *work, const struct intake_confirmation *item, struct error *err)
{
	struct work_record *record;
	struct work_link *link;

	if (work_record(work, item->record, &record, err) != 0)
		return -1;
	if (record == NULL)
		return error_set(err, ERROR_INTERNAL, "`syncline doctor` checks the ledger.", "the record %lld of a delivery is not there",
		                 (long long)item->record);
	if (confirmed_link(work, item, record, &link, err) != 0)
		return -1;
	link->dirty = true;
	link->at.confirmed = ledger_sequence(work->ledger);
	link->at.confirmed_us = ledger_now(work->ledger);
	if (item->op == SYNCLINE_OP_DELETE || item->deactivate) {
		link->at.state = LEDGER_LINK_TOMBSTONE;
		link->at.flags = item->deactivate ? LEDGER_LINK_SCOPED_OUT : 0;
	} else {
		link->at.state = LEDGER_LINK_LIVE;
		link->at.flags &= (uint8_t)~LEDGER_LINK_SCOPED_OUT;
		link->at.version = item->version;
		if (confirm_words(work, item, link, err) != 0)
			return -1;
	}
	return confirm_tell(work, item, link->at.native, err);
}

/* The rest, with all that is known of their records. */
static int
confirm_rest(struct work *work, const struct intake_confirmation *items, uint32_t count, const uint8_t *done, struct error *err)
{
	int64_t *ids = arena_array(&work->arena, count + 1u, sizeof *ids);
	uint32_t rest = 0;

	if (ids == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		if (!done[i])
			ids[rest++] = items[i].record;
	if (work_load_records(work, ids, rest, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (!done[i] && confirm_one(work, &items[i], err) != 0)
			return -1;
	return 0;
}

/* What waits for this link, or writes it elsewhere. */

static bool
names_system(const struct bound *bound, uint32_t uses, const char *system)
{
	struct rules_dependencies needs;

	if (bound->write == NULL)
		return false;
	mapping_dependencies(bound->write, UINT32_MAX, &needs);
	for (uint32_t i = 0; (needs.uses & uses) != 0 && i < needs.system_count; i++)
		if (strcmp(needs.systems[i], system) == 0)
			return true;
	return false;
}

/*
 * Which of these records the target is concerned with: those that it has, those that a delivery is on its way for, and, with
 * `never`, those that it never had.  Where a link ended, nobody wants the record again because of another one's link.
 */
static int
mark_concerned(struct work *work, const struct bound *target, const int64_t *records, uint32_t count, bool never, struct error *err)
{
	uint32_t object = ledger_object_id(work->ledger, target->binding->object), *first = arena_array(&work->arena, count + 1u, sizeof *first);
	struct ledger_link *links;

	if (first == NULL)
		return error_memory(err);
	if (count == 0)
		return 0;
	if (ledger_links_of_at(work->ledger, target->binding->flow->entity, object, records, count, &work->arena, &links, first, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		const struct work_record *loaded = target->binding->flow->entity == work->entity ? work_loaded(work, records[i]) : NULL;
		bool concerned = never && first[i] == first[i + 1];
		struct ledger_delivery open;

		if (loaded != NULL && loaded->deleted)
			continue;
		for (uint32_t k = first[i]; k < first[i + 1] && !concerned; k++)
			concerned = links[k].state == LEDGER_LINK_LIVE || (links[k].state == LEDGER_LINK_TOMBSTONE && (links[k].flags & LEDGER_LINK_SCOPED_OUT) != 0);
		if (!concerned && ledger_delivery_get(work->ledger, target->id, records[i], &work->arena, &open, &concerned, err) != 0)
			return -1;
		if (concerned && work_mark_again(work, target, records[i], err) != 0)
			return -1;
	}
	return 0;
}

int
work_mark_children(struct work *work, const struct bound *target, const struct config_field *ref, int64_t parent, struct error *err)
{
	int64_t ids[CHILDREN_PAGE], after = 0;
	uint32_t found = 1;

	while (found > 0) {
		if (ledger_records_referring(work->ledger, target->binding->flow->entity, ref, parent, after, ids, CHILDREN_PAGE, &found, err) != 0 ||
		    mark_concerned(work, target, ids, found, false, err) != 0)
			return -1;
		if (found > 0)
			after = ids[found - 1];
	}
	return 0;
}

/* The target follows a reference (`customer`) to a field that refers to the parent (`boss`): children of those who refer to it. */
static int
mark_followers(struct work *work, const struct bound *target, const struct config_field *ref, const char *name, int64_t parent, struct error *err)
{
	const struct config_entity *middle = config_entity(work->engine->model, ref->entity);
	const struct config_field *field = middle != NULL ? config_field(middle, name) : NULL;
	int64_t ids[CHILDREN_PAGE], after = 0;
	uint32_t found = 1;

	if (field == NULL || field->type != CONFIG_FIELD_REF || strcmp(field->entity, work->entity->head.name) != 0)
		return 0;
	while (found > 0) {
		if (ledger_records_referring(work->ledger, middle, field, parent, after, ids, CHILDREN_PAGE, &found, err) != 0)
			return -1;
		for (uint32_t i = 0; i < found; i++)
			if (work_mark_children(work, target, ref, ids[i], err) != 0)
				return -1;
		if (found > 0)
			after = ids[found - 1];
	}
	return 0;
}

/* Children that were written, or claimed, before their parent was linked: link() was absent then. */
static int
mark_children(struct work *work, const struct bound *target, int64_t parent, struct error *err)
{
	const struct config_entity *child = target->binding->flow->entity;
	struct rules_dependencies needs;
	uint64_t count;

	if (ledger_records_count(work->ledger, child, work->intake->unit_id, &count, err) != 0)
		return -1;
	for (uint32_t i = 0; count > 0 && i < child->field_count; i++)
		if (child->fields[i].type == CONFIG_FIELD_REF && strcmp(child->fields[i].entity, work->entity->head.name) == 0 &&
		    work_mark_children(work, target, &child->fields[i], parent, err) != 0)
			return -1;
	mapping_dependencies(target->write, UINT32_MAX, &needs);
	for (uint32_t i = 0; count > 0 && i < needs.follow_count; i++) {
		const char *dot = strchr(needs.follows[i], '.');

		for (uint32_t f = 0; dot != NULL && f < child->field_count; f++) {
			const struct config_field *ref = &child->fields[f];
			size_t length = (size_t)(dot - needs.follows[i]);

			if (ref->type == CONFIG_FIELD_REF && strlen(ref->head.name) == length && memcmp(ref->head.name, needs.follows[i], length) == 0 &&
			    mark_followers(work, target, ref, dot + 1, parent, err) != 0)
				return -1;
		}
	}
	return 0;
}

/* Does the target write a link of this system's, or into this object's records for those that refer to them? */
static bool
needs_link(const struct bound *target, const struct config_binding *binding)
{
	return names_system(target, RULES_USES_LINK | RULES_USES_URL, binding->system->head.name) ||
	       (target->binding->attach_to != NULL && target->binding->object == binding->object);
}

/* These records have a link at the object of the bound one since now: what waits for it, or was written without it, is due. */
static int
wake(struct work *work, const int64_t *parents, uint32_t created, struct error *err)
{
	for (uint32_t b = 0; created > 0 && b < work->engine->bound_count; b++) {
		const struct bound *target = &work->engine->bounds[b];

		if (!needs_link(target, work->bound->binding))
			continue;
		if (ledger_deliveries_wake(work->ledger, target->id, parents, created, err) != 0)
			return -1;
		if (target->binding->flow->entity == work->entity && target->binding->system != work->bound->binding->system &&
		    mark_concerned(work, target, parents, created, true, err) != 0)
			return -1;
		for (uint32_t i = 0; i < created; i++)
			if (mark_children(work, target, parents[i], err) != 0)
				return -1;
	}
	return 0;
}

/*
 * Does this link live since this batch?  So does one that was imported, as soon as it is heard of: what was written without it says
 * so now.
 */
static bool
lives_now(const struct work_link *link)
{
	if (link != NULL && link->unheard && (link->dirty || link->understood) && link->at.state == LEDGER_LINK_LIVE)
		return true;
	return link != NULL && link->dirty && (link->at.id == 0 || link->was != LEDGER_LINK_LIVE);
}

static int
wake_created(struct work *work, const struct intake_confirmation *items, uint32_t count, struct error *err)
{
	int64_t *parents = arena_array(&work->arena, count + 1u, sizeof *parents);
	uint32_t created = 0;

	if (parents == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		const struct work_record *record = items[i].op != SYNCLINE_OP_CREATE ? work_loaded(work, items[i].record) : NULL;

		if (items[i].op == SYNCLINE_OP_CREATE || (record != NULL && lives_now(work_link_at(record, work->bound->object))))
			parents[created++] = items[i].record;
	}
	return wake(work, parents, created, err);
}

/*
 * Of these the target has no more: what waits for that goes on, and what was refused since they refer to it is tried again at once.
 * That ledger and target agree on who refers to whom is not sure; what is refused once more waits once more.
 */
static int
wake_deleted(struct work *work, const struct intake_confirmation *items, uint32_t count, struct error *err)
{
	uint32_t target = count > 0 ? items[0].bound->id : 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct work_record *record = work_loaded(work, items[i].record);

		if (items[i].op != SYNCLINE_OP_DELETE)
			continue;
		if (ledger_deliveries_wake(work->ledger, target, &items[i].record, 1, err) != 0)
			return -1;
		for (uint32_t f = 0; record != NULL && f < work->entity->field_count; f++)
			if (work_field(work, f)->type == CONFIG_FIELD_REF && record->at.values[f].type == SYNCLINE_TYPE_INTEGER &&
			    ledger_deletes_hasten(work->ledger, target, &record->at.values[f].u.integer, 1, error_name(ERROR_CONNECTOR_REFERENCED), err) != 0)
				return -1;
	}
	return 0;
}

int
work_wake_linked(struct work *work, struct error *err)
{
	int64_t *parents;
	uint32_t all = 0, linked = 0;

	for (const struct work_record *record = work->records; record != NULL; record = record->next)
		all += !record->fresh;
	if (all == 0)
		return 0;
	if ((parents = arena_array(&work->arena, all, sizeof *parents)) == NULL)
		return error_memory(err);
	for (const struct work_record *record = work->records; record != NULL; record = record->next) {
		const struct work_link *link = record->fresh ? NULL : work_link_at(record, work->bound->object);

		if (lives_now(link))
			parents[linked++] = record->at.id;
	}
	return wake(work, parents, linked, err);
}

/* What others still lack of the record is marked once more with it; that was counted when it was first, and is sent when it is. */
static int
flush(struct work *work, struct error *err)
{
	const struct intake_result told = *work->result;

	if (work_flush(work, err) != 0)
		return -1;
	*work->result = told;
	return 0;
}

int
intake_confirm(struct intake *intake, const struct intake_confirmation *items, uint32_t count, struct error *err)
{
	static const struct intake_apply_options real = { .mode = INTAKE_REAL };
	struct intake_binding_counts others = { .binding = NULL };
	struct intake_result result = { .bindings = &others };
	struct work *work = calloc(1, sizeof *work);
	uint8_t *done;
	int status;

	if (work == NULL)
		return error_memory(err);
	status = work_init(work, intake, &real, &result, err);
	if (status == 0 && count > 0)
		status = work_begin(work, items[0].bound, NULL, ledger_sequence(work->ledger), ledger_now(work->ledger), false, err);
	if (status == 0 && count > 0) {
		if ((done = arena_zalloc(&work->arena, count)) == NULL)
			status = error_memory(err);
		else
			status = confirm_creates(work, items, count, done, err);
		if (status == 0)
			status = confirm_updates(work, items, count, done, err);
		if (status == 0)
			status = confirm_rest(work, items, count, done, err);
		if (status == 0)
			status = wake_created(work, items, count, err);
		if (status == 0)
			status = wake_deleted(work, items, count, err);
		if (status == 0)
			status = flush(work, err);
	}
	for (int i = 0; status == 0 && i < LEDGER_COUNT_COUNT; i++)
		intake->run->counts[i] += result.counts[i];
	work_free(work);
	free(work);
	return status;
}
