/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unique.c: fields of which no two live records of a unit have the same value (of an entity whose scope is "shared": no two at
 * all).  A row that would make it so is rejected, and says whose value it is.  The records of the batch are looked at as they are by
 * now, all others by a key beside the match keys: of its own, unless a match key is that very field.  In the thread that owns the
 * engine.
 */
#include <sodium.h>
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

/* Another record with the row's value; ret_record 0: there is none. */
static int
find_other(struct work *work, const struct row *row, uint32_t field, const struct work_record *record, int64_t *ret_record, struct error *err)
{
	uint32_t word = work_word(work, field), rule = same_key(work->entity, work_field(work, field)), count;
	int64_t found[LEDGER_MATCHES_MAX];
	struct ledger_match key;
	int there = 1;

	*ret_record = 0;
	for (const struct work_record *other = work->records; other != NULL; other = other->next)
		if (other != record && !other->deleted && other->words[word] == row->words[word] &&
		    (work->entity->shared || other->at.unit == work->intake->unit_id)) {
			*ret_record = other->at.id;
			return 0;
		}
	if (rule == UINT32_MAX)
		there = key_of(work, field, &row->values[field], &key) == 0 ? 1 : -1;
	else if ((there = work_key_hash(work, rule, row->values, key.hash)) == 1)
		key.rule = rule;
	if (there <= 0)
		return there < 0 ? error_memory(err) : 0;
	if (ledger_match_find(work->ledger, work->entity, work_match_unit(work), key.rule, key.hash, found, &count, err) != 0)
		return -1;
	/* Those at hand were looked at as they are by now. */
	for (uint32_t i = 0; i < count && *ret_record == 0; i++)
		if (work_loaded(work, found[i]) == NULL)
			*ret_record = found[i];
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

static int
refuse(struct work *work, struct row *row, const struct config_field *field, int64_t other, struct error *err)
{
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REJECT, .field = field->head.name,
		.hint = "Give one of the two another value at its system; or link this row to that record (`syncline links import`), if they are the same." };
	struct work_slot *slot = work_slot(work, row->native);
	const char *name = name_of(work, other);

	finding.cause = arena_format(&work->arena, "%s: another record has this value", field->head.name);
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

int
work_unique(struct work *work, struct row *row, const struct work_record *record, const struct work_link *link, struct error *err)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		const struct config_field *field = work_field(work, i);
		uint32_t word = work_word(work, i);
		int64_t other;

		if (!field->unique || row->values[i].type <= SYNCLINE_TYPE_NULL)
			continue;
		if (record != NULL && !record->deleted && (row->words[word] == record->words[word] || !work_counts(work, row, record, link, i)))
			continue;
		if (find_other(work, row, i, record, &other, err) != 0)
			return -1;
		if (other != 0)
			return refuse(work, row, field, other, err) != 0 ? -1 : 1;
	}
	return 0;
}
