/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unique.c: fields of which no two live records of a unit have the same value (of an entity whose scope is "shared": no two at
 * all).  A row that would make it so is rejected, and says whose value it is.  The records of the batch are looked at as they are by
 * now, all others by a key beside the match keys: of its own, unless a match key is that very field.  Rows that exchange values among
 * each other are let through together (exchange.c).  In the thread that owns the engine.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "flow/vector.h"
#include "flow/values.h"
#include "flow/work.h"

/* Beyond all match keys, by the field's own number: what is configured in another order stays what it is. */
#define RULE(field_id) (0x10000u + (field_id))

/* The match key that is this field and nothing else; UINT32_MAX: none. */
static uint32_t
same_key(const struct config_entity *entity, const struct config_field *field)
{
	for (uint32_t i = 0; i < entity->match_count; i++) {
		const struct config_match *match = &entity->matches[i];

		if (match->exact.count == 1 && match->normalise == CONFIG_NORMALISE_NONE && config_field(entity, match->exact.items[0]) == field)
			return i;
	}
	return UINT32_MAX;
}

static bool
has_own_key(const struct work *work, uint32_t field)
{
	return work_field(work, field)->unique && same_key(work->entity, work_field(work, field)) == UINT32_MAX;
}

uint32_t
work_unique_count(const struct work *work)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < work->entity->field_count; i++)
		count += has_own_key(work, i);
	return count;
}

/* As a key of the field's own; the value is not null. */
static int
key_of(struct work *work, uint32_t field, const struct syncline_value *value, struct ledger_match *ret_key)
{
	struct {
		uint32_t purpose, field;
		uint64_t word;
	} in = { RULE(0), work_word(work, field), 0 };

	if (vector_word_of(ledger_hash_key(work->ledger), work_field(work, field), value, &work->scratch, &in.word) != 0)
		return -1;
	ret_key->rule = RULE(in.field);
	crypto_shorthash_siphashx24(ret_key->hash, (const unsigned char *)&in, sizeof in, ledger_hash_key(work->ledger));
	return 0;
}

int
work_unique_keys(struct work *work, const struct syncline_value *values, struct ledger_match *keys, uint32_t *count, struct error *err)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		if (!has_own_key(work, i) || values[i].type <= SYNCLINE_TYPE_NULL)
			continue;
		if (key_of(work, i, &values[i], &keys[*count]) != 0)
			return error_memory(err);
		(*count)++;
	}
	return 0;
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
add_holder(const struct work *work, int64_t record, struct work_claim *claim)
{
	if (work->moving_count > 0 && bsearch(&record, work->moving, work->moving_count, sizeof record, compare_ids) != NULL)
		return;
	if (claim->holder_count < LEDGER_MATCHES_MAX)
		claim->holders[claim->holder_count++] = record;
}

/* Other records with the row's value, but for those that give it up in this transaction. */
static int
find_others(struct work *work, const struct row *row, const struct work_record *record, struct work_claim *claim, struct error *err)
{
	uint32_t field = claim->field, word = work_word(work, field), rule = same_key(work->entity, work_field(work, field)), count;
	int64_t found[LEDGER_MATCHES_MAX];
	struct ledger_match key;
	int there = 1;

	for (const struct work_record *other = work->records; other != NULL; other = other->next)
		if (other != record && !other->deleted && other->words[word] == row->words[word] &&
		    (work->entity->shared || other->at.unit == work->intake->unit_id))
			add_holder(work, other->at.id, claim);
	if (rule == UINT32_MAX)
		there = key_of(work, field, &row->values[field], &key) == 0 ? 1 : -1;
	else if ((there = work_key_hash(work, rule, row->values, key.hash)) == 1)
		key.rule = rule;
	if (there <= 0)
		return there < 0 ? error_memory(err) : 0;
	if (ledger_match_find(work->ledger, work->entity, work_match_unit(work), key.rule, key.hash, found, &count, err) != 0)
		return -1;
	/* Those at hand were looked at as they are by now. */
	for (uint32_t i = 0; i < count; i++)
		if (work_loaded(work, found[i]) == NULL)
			add_holder(work, found[i], claim);
	/* As many as are ever told: there may be more of them, which nobody sees. */
	if (count == LEDGER_MATCHES_MAX)
		claim->holder_count = claim->holder_count > 0 ? LEDGER_MATCHES_MAX : 0;
	return 0;
}

int
work_unique_holder(struct work *work, const struct row *row, const struct work_record *record, uint32_t field, int64_t *ret_holder, struct error *err)
{
	struct work_claim claim = { .field = field, .word = row->words[work_word(work, field)] };

	*ret_holder = 0;
	if (!work_field(work, field)->unique || row->values[field].type <= SYNCLINE_TYPE_NULL)
		return 0;
	if (find_others(work, row, record, &claim, err) != 0)
		return -1;
	for (uint32_t i = 0; i < claim.holder_count && *ret_holder == 0; i++)
		*ret_holder = claim.holders[i] != record->at.id ? claim.holders[i] : 0;
	return 0;
}

/* So that people find it: its number, and under which native ids it is known. */
static const char *
name_of(struct work *work, int64_t id)
{
	struct work_record *record = NULL;
	struct error none = { 0 };

	if (work_record(work, id, &record, &none) == 0 && record != NULL)
		for (uint32_t i = 0; i < record->link_count; i++) {
			const struct ledger_link *at = &record->links[i]->at;

			if (at->state == LEDGER_LINK_LIVE && at->object == work->bound->object && at->native.length > 0)
				return arena_format(&work->arena, "%lld (here %.*s)", (long long)id, (int)(at->native.length < 200 ? at->native.length : 200),
				                    (const char *)at->native.data);
		}
	return arena_format(&work->arena, "%lld", (long long)id);
}

const char *
work_unique_cause(struct arena *arena, const struct config_field *field)
{
	return arena_format(arena, "%s: another record has this value", field->head.name);
}

static int
refuse(struct work *work, struct row *row, const struct config_field *field, int64_t other, struct error *err)
{
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REJECT, .field = field->head.name,
		.hint = "Give one of the two another value at its system; or link this row to that record (`syncline links import`), if they are the same." };
	struct work_slot *slot = work_slot(work, row->native);
	const char *name = name_of(work, other);

	finding.cause = work_unique_cause(&work->arena, field);
	finding.message = name != NULL ? arena_format(&work->arena, "%s is unique, and record %s has this value already", field->head.name, name) : NULL;
	if (slot == NULL || finding.cause == NULL || finding.message == NULL)
		return error_memory(err);
	row->what = ROW_REJECTED;
	if (slot->link != NULL && (slot->link->at.flags & LEDGER_LINK_REJECTED) == 0) {
		slot->link->at.flags |= LEDGER_LINK_REJECTED;
		slot->link->dirty = true;
	}
	if (work_find(work, row, &finding, true, err) != 0)
		return -1;
	/* Whose value it is may be given another one by a row that is still to come: it is looked at once more at the end of this pass. */
	if (work->in_objects)
		return ledger_finding_retry(work->ledger, finding.id, err);
	work_count(work, LEDGER_COUNT_REJECTED, 1);
	return work_item(work, LEDGER_COUNT_REJECTED, work->bound->object, row->native, NULL, NULL, NULL, finding.message, err);
}

/* Nothing but another row's value keeps the row's own from becoming its record's. */
static int
moves(struct work *work, const struct work_record *record, const struct work_link *link, const char *field, bool *ret_moves, struct error *err)
{
	bool locked = false;

	*ret_moves = record != NULL && !record->deleted && link != NULL && link->at.state == LEDGER_LINK_LIVE &&
	             (link->at.flags & (LEDGER_LINK_HELD | LEDGER_LINK_UNSEEN)) == 0;
	if (*ret_moves && work_locked(work, record, field, &locked, err) != 0)
		return -1;
	*ret_moves = *ret_moves && !locked;
	return 0;
}

/* What becomes of it is for all of them together to say (exchange.c). */
static int
note_claims(struct work *work, struct row *row, const struct work_record *record, const struct work_link *link, const struct work_claim *claims,
            uint32_t count, struct error *err)
{
	struct work_claims *note = work->claims;

	note->moves = true;
	note->record = record != NULL ? record->at.id : 0;
	note->count = count;
	if ((note->claims = (struct work_claim *)(void *)arena_copy(note->arena, claims, count * sizeof *claims)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count && note->moves; i++)
		if (moves(work, record, link, work_field(work, claims[i].field)->head.name, &note->moves, err) != 0)
			return -1;
	note->refused = true;
	row->what = ROW_REJECTED;
	return 0;
}

int
work_unique(struct work *work, struct row *row, const struct work_record *record, const struct work_link *link, struct error *err)
{
	struct work_claim *claims = NULL, *taken = NULL;
	uint32_t count = 0;

	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint32_t word = work_word(work, i);
		struct work_claim *claim;

		if (!work_field(work, i)->unique || row->values[i].type == SYNCLINE_TYPE_ABSENT ||
		    (row->values[i].type == SYNCLINE_TYPE_NULL && (work->claims == NULL || record == NULL)))
			continue;
		if (record != NULL && !record->deleted && (row->words[word] == record->words[word] || !work_counts(work, row, record, link, i)))
			continue;
		if (claims == NULL && (claims = arena_array(&work->arena, work->entity->field_count, sizeof *claims)) == NULL)
			return error_memory(err);
		claim = &claims[count++];
		*claim = (struct work_claim){ .field = i, .word = row->words[word] };
		if (row->values[i].type != SYNCLINE_TYPE_NULL && find_others(work, row, record, claim, err) != 0)
			return -1;
		if (claim->holder_count > 0 && taken == NULL)
			taken = claim;
	}
	if (taken == NULL && (count == 0 || work->claims == NULL || !work->claims->gather))
		return 0;
	if (work->claims != NULL)
		return note_claims(work, row, record, link, claims, count, err) != 0 ? -1 : 1;
	return refuse(work, row, work_field(work, taken->field), taken->holders[0], err) != 0 ? -1 : 1;
}
