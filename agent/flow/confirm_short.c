/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confirm_short.c: the short ways of confirming.  A write whose record is what it was when it was claimed, by its generation, says all
 * that its link has to know: nothing of the record is loaded, and no other link of it.  Creates of a first load and plain updates,
 * which are nearly all writes, go these ways; all others go the long one in confirm.c, to the same end.
 */
#include <string.h>

#include "flow/confirm.h"
#include "flow/marks.h"
#include "flow/vector.h"

/* Is everything that this object has to do with what was sent? */
static bool
sent_all(const struct work *work, const struct intake_confirmation *item, const uint64_t *fields)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (bound_has(fields, i) && (!bound_has(item->bound->writes, i) || item->sent[work_word(work, i)] == VECTOR_UNKNOWN))
			return false;
	return true;
}

/*
 * Creates, of which a first load is made: one whose record is as it was when it was sent, and has no link there in any state.  Its
 * vectors are the record's own.  ids[k] is the record of items[at[k]].
 */
static int
find_plain(struct work *work, const struct intake_confirmation *items, uint32_t count, int64_t *ids, uint32_t *at, uint32_t *ret_count,
           struct error *err)
{
	const struct bound *reader = intake_reader_of(work->engine, work->entity, work->bound->binding->object, work->intake->unit);
	const uint64_t *fields = work_object_fields(work, work->bound->object);
	uint64_t *generations = arena_array(&work->arena, count + 1u, sizeof *generations);
	uint32_t *first = arena_array(&work->arena, count + 1u, sizeof *first), found = 0, plain = 0;
	struct ledger_link *links;

	if (fields == NULL || generations == NULL || first == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		const struct intake_confirmation *item = &items[i];
		bool stored = item->stored != NULL && reader != NULL && reader->read != NULL;

		if (item->op != SYNCLINE_OP_CREATE || item->deactivate || item->native.length == 0 || stored || !sent_all(work, item, fields))
			continue;
		ids[found] = item->record;
		at[found++] = i;
	}
	if (found > 0 && (ledger_records_generations(work->ledger, work->entity, ids, found, generations, err) != 0 ||
	                  ledger_links_of_at(work->ledger, work->entity, work->bound->object, ids, found, &work->arena, &links, first, err) != 0))
		return -1;
	for (uint32_t k = 0; k < found; k++)
		if (generations[k] == items[at[k]].generation && first[k] == first[k + 1])
			at[plain++] = at[k];
	*ret_count = plain;
	return 0;
}

int
confirm_creates(struct work *work, const struct intake_confirmation *items, uint32_t count, uint8_t *ret_done, struct error *err)
{
	struct ledger_link *links = arena_array(&work->arena, count + 1u, sizeof *links);
	int64_t *ids = arena_array(&work->arena, count + 1u, sizeof *ids);
	uint32_t *at = arena_array(&work->arena, count + 1u, sizeof *at), plain;
	uint64_t sequence = ledger_sequence(work->ledger);
	int64_t now = ledger_now(work->ledger);

	if (links == NULL || ids == NULL || at == NULL)
		return error_memory(err);
	if (find_plain(work, items, count, ids, at, &plain, err) != 0)
		return -1;
	for (uint32_t k = 0; k < plain; k++) {
		const struct intake_confirmation *item = &items[at[k]];

		links[k] = (struct ledger_link){ .object = work->bound->object, .unit = work->intake->unit_id, .native = item->native,
			.record = item->record, .version = item->version, .state = LEDGER_LINK_LIVE, .flags = LEDGER_LINK_UNSEEN, .there = sequence,
			.confirmed = sequence, .confirmed_us = now };
		ret_done[at[k]] = 1;
		if (confirm_tell(work, item, item->native, err) != 0)
			return -1;
	}
	return plain > 0 ? ledger_links_put(work->ledger, work->entity, links, plain, err) : 0;
}

/* Updates. */

struct update {
	const struct intake_confirmation *item;
	uint32_t at;            /* in the caller's items */
	struct ledger_link row; /* the link as it stands there */
	uint64_t *sent, *seen;
	bool left;              /* not to be confirmed in this way */
};

static bool
is_plain_update(const struct intake_confirmation *item)
{
	return item->op == SYNCLINE_OP_UPDATE && !item->deactivate && !item->read_back && !item->adopted && item->golden != NULL && item->link != 0 &&
	       item->native.length > 0;
}

/* Is the link still the one that was written to? */
static bool
is_its_link(const struct work *work, const struct intake_confirmation *item, const struct ledger_link *link)
{
	return link->id != 0 && link->state == LEDGER_LINK_LIVE && link->object == work->bound->object && link->record == item->record &&
	       link->native.length == item->native.length && memcmp(link->native.data, item->native.data, item->native.length) == 0;
}

/* As confirm_words() of confirm.c has it: what was sent is what it shows. */
static int
take_sent(struct work *work, struct update *update, struct error *err)
{
	const struct intake_confirmation *item = update->item;
	size_t size = work->field_limit * sizeof *update->sent;

	update->sent = arena_array(&work->arena, work->field_limit + 1u, sizeof *update->sent);
	update->seen = arena_array(&work->arena, work->field_limit + 1u, sizeof *update->seen);
	if (update->sent == NULL || update->seen == NULL)
		return error_memory(err);
	memcpy(update->sent, update->row.sent != NULL ? update->row.sent : item->golden, size);
	memcpy(update->seen, update->row.seen != NULL ? update->row.seen : item->golden, size);
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint32_t word = work_word(work, i);

		if (bound_has(item->bound->writes, i) && item->sent[word] != VECTOR_UNKNOWN)
			update->sent[word] = update->seen[word] = item->sent[word];
	}
	return 0;
}

/* Those that may go this way, with their links and vectors. */
static int
find_updates(struct work *work, const struct intake_confirmation *items, uint32_t count, const uint8_t *done, struct update *updates,
             uint32_t *ret_count, struct error *err)
{
	int64_t *records = arena_array(&work->arena, count + 1u, sizeof *records), *ids = arena_array(&work->arena, count + 1u, sizeof *ids);
	uint64_t *generations = arena_array(&work->arena, count + 1u, sizeof *generations);
	struct ledger_link *links = arena_array(&work->arena, count + 1u, sizeof *links);
	uint32_t found = 0, used = 0;

	if (records == NULL || ids == NULL || generations == NULL || links == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		if (done[i] || !is_plain_update(&items[i]))
			continue;
		records[found] = items[i].record;
		ids[found] = items[i].link;
		updates[found++] = (struct update){ .item = &items[i], .at = i };
	}
	if (found > 0 && (ledger_records_generations(work->ledger, work->entity, records, found, generations, err) != 0 ||
	                  ledger_links_by_id(work->ledger, work->entity, ids, found, &work->arena, links, err) != 0))
		return -1;
	for (uint32_t k = 0; k < found; k++) {
		if (generations[k] != updates[k].item->generation || !is_its_link(work, updates[k].item, &links[k]))
			continue;
		updates[used] = updates[k];
		updates[used].row = links[k];
		if (take_sent(work, &updates[used++], err) != 0)
			return -1;
	}
	*ret_count = used;
	return 0;
}

static bool
lacks_the_same(const struct batch *batch, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < batch->header->field_count; i++)
		if ((batch_record(batch, a)->cells[i].type == SYNCLINE_TYPE_ABSENT) != (batch_record(batch, b)->cells[i].type == SYNCLINE_TYPE_ABSENT))
			return false;
	return true;
}

/* What the target stored of what was sent, in canonical words; left where the stored form doesn't say all that the rule reads. */
static int
take_stored(struct work *work, const struct batch *canonical, uint32_t row, const uint8_t *says, struct bound *reader, struct update *update,
            struct error *err)
{
	for (uint32_t i = 0; i < canonical->header->field_count; i++) {
		const struct config_field *field = config_field(work->entity, mapping_output_fields(reader->read)[i].name);
		struct syncline_value value = batch_value(canonical, &batch_record(canonical, row)->cells[i]);
		uint32_t at = ledger_field_id(work->ledger, work->entity, field);

		if (!says[i] || field->type == CONFIG_FIELD_REF || field->type == CONFIG_FIELD_CONTENT || update->item->sent[at] == VECTOR_UNKNOWN)
			continue;
		if (vector_word(ledger_hash_key(work->ledger), &value, &work->scratch, &update->seen[at]) != 0)
			return error_memory(err);
	}
	return 0;
}

static int
read_stored(struct work *work, const struct batch *stored, const struct batch *canonical, const uint32_t *sources, struct bound *reader,
            struct update *const *updates, struct error *err)
{
	uint8_t *says = arena_array(&work->arena, canonical->header->field_count + 1u, 1);
	uint32_t asked = UINT32_MAX;

	if (says == NULL)
		return error_memory(err);
	for (uint32_t k = 0; k < canonical->header->record_count; k++) {
		uint32_t row = sources[k];

		if (asked == UINT32_MAX || !lacks_the_same(stored, asked, row)) {
			for (uint32_t i = 0; i < canonical->header->field_count; i++)
				says[i] = confirm_says_all(reader, i, stored, row);
			asked = row;
		}
		if (take_stored(work, canonical, k, says, reader, updates[row], err) != 0)
			return -1;
	}
	return 0;
}

/* The stored forms of all of them go through the read rules together. */
static int
take_all_stored(struct work *work, struct bound *reader, struct update *updates, uint32_t count, struct error *err)
{
	const struct intake_confirmation **items = arena_array(&work->arena, count + 1u, sizeof *items);
	struct update **with = arena_array(&work->arena, count + 1u, sizeof *with);
	uint32_t *sources = arena_array(&work->arena, count + 1u, sizeof *sources), used = 0;
	struct batch *stored, *canonical;
	struct error why = { 0 };
	int result = -1;

	if (items == NULL || with == NULL || sources == NULL)
		return error_memory(err);
	for (uint32_t k = 0; k < count; k++) {
		if (updates[k].item->stored == NULL)
			continue;
		/* Of one attempt all have one payload. */
		updates[k].left = used > 0 && updates[k].item->payload != items[0]->payload;
		if (updates[k].left)
			continue;
		items[used] = updates[k].item;
		with[used++] = &updates[k];
	}
	if (used == 0)
		return 0;
	stored = confirm_stored(items, used, &why);
	canonical = stored != NULL ? confirm_canonical(work->intake, reader, stored, sources, &why) : NULL;
	if (canonical != NULL)
		result = read_stored(work, stored, canonical, sources, reader, with, err);
	else if (why.code == ERROR_BATCH_FULL)
		result = 0; /* together they are too large: each for itself */
	else
		*err = why;
	for (uint32_t k = 0; k < used && canonical == NULL; k++)
		with[k]->left = true;
	batch_free(canonical);
	batch_free(stored);
	return result;
}

/* What it lacks still, or again, is wanted of it: the long way knows how. */
static bool
lacks_any(const struct work *work, const struct update *update)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (bound_has(update->item->bound->writes, i) && marks_lacks(update->sent, update->seen, update->item->golden, work_word(work, i)))
			return true;
	return false;
}

/* As the ledger keeps it: NULL when it says of every field that the object has to do with what the record says. */
static const uint64_t *
kept(const struct work *work, const uint64_t *words, const uint64_t *golden, const uint64_t *fields)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (bound_has(fields, i) && words[work_word(work, i)] != golden[work_word(work, i)])
			return words;
	return NULL;
}

int
confirm_updates(struct work *work, const struct intake_confirmation *items, uint32_t count, uint8_t *ret_done, struct error *err)
{
	struct bound *reader = intake_reader_of(work->engine, work->entity, work->bound->binding->object, work->intake->unit);
	const uint64_t *fields = work_object_fields(work, work->bound->object);
	struct update *updates = arena_array(&work->arena, count + 1u, sizeof *updates);
	struct ledger_link *links = arena_array(&work->arena, count + 1u, sizeof *links);
	uint32_t found, used = 0;

	if (fields == NULL || updates == NULL || links == NULL)
		return error_memory(err);
	if (find_updates(work, items, count, ret_done, updates, &found, err) != 0 ||
	    (found > 0 && reader != NULL && reader->read != NULL && take_all_stored(work, reader, updates, found, err) != 0))
		return -1;
	for (uint32_t k = 0; k < found; k++) {
		const struct update *update = &updates[k];
		struct ledger_link *link = &links[used];

		if (update->left || work_is_unheard(&update->row) || lacks_any(work, update))
			continue;
		*link = update->row;
		link->was = &update->row;
		link->flags = (uint8_t)((link->flags & ~LEDGER_LINK_SCOPED_OUT) | LEDGER_LINK_UNSEEN);
		link->version = update->item->version;
		link->sent = kept(work, update->sent, update->item->golden, fields);
		link->seen = kept(work, update->seen, update->item->golden, fields);
		link->confirmed = ledger_sequence(work->ledger);
		link->confirmed_us = ledger_now(work->ledger);
		used++;
		ret_done[update->at] = 1;
		if (confirm_tell(work, update->item, link->native, err) != 0)
			return -1;
	}
	return used > 0 ? ledger_links_put(work->ledger, work->entity, links, used, err) : 0;
}
