/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twins.c: native records that one record of ours matches, all of them, so that none is its.  Those of one batch are seen at a
 * look.  The first of those that stand farther apart is linked before the next one is seen: but the dry pass comes to the end of the
 * read before anything is written, remembers them by their native ids and begins anew, and what it remembers holds for the real
 * one.  A run without twins pays nothing for that.  In the thread that owns the engine.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "flow/work.h"

void
intake_forget(struct intake *intake)
{
	free(intake->twins.hashes);
	intake->twins = (struct intake_twins){ .hashes = NULL };
}

static void
hash_of(const struct intake *intake, uint32_t object, struct syncline_slice native, uint8_t ret_hash[16])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, ledger_hash_key(intake->engine->ledger), 16, 16);
	crypto_generichash_update(&state, (const unsigned char *)&object, sizeof object);
	crypto_generichash_update(&state, native.data, native.length);
	crypto_generichash_final(&state, ret_hash, 16);
}

/* Where it is, or where it belongs. */
static uint8_t *
place_of(const struct intake_twins *twins, const uint8_t hash[16])
{
	static const uint8_t none[16];
	uint32_t at;

	memcpy(&at, hash, sizeof at);
	for (at %= twins->room; memcmp(twins->hashes[at], none, sizeof none) != 0 && memcmp(twins->hashes[at], hash, sizeof none) != 0;)
		at = (at + 1) % twins->room;
	return twins->hashes[at];
}

static int
grow(struct intake_twins *twins, struct error *err)
{
	static const uint8_t none[16];
	struct intake_twins larger = { .room = twins->room > 0 ? twins->room * 2 : 64, .count = twins->count };

	if (larger.room < twins->room || (larger.hashes = calloc(larger.room, sizeof *larger.hashes)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < twins->room; i++)
		if (memcmp(twins->hashes[i], none, sizeof none) != 0)
			memcpy(place_of(&larger, twins->hashes[i]), twins->hashes[i], sizeof none);
	free(twins->hashes);
	*twins = larger;
	return 0;
}

static bool
is_known(const struct intake *intake, uint32_t object, struct syncline_slice native)
{
	uint8_t hash[16];

	if (intake->twins.count == 0)
		return false;
	hash_of(intake, object, native, hash);
	return memcmp(place_of(&intake->twins, hash), hash, sizeof hash) == 0;
}

static int
remember(struct work *work, struct syncline_slice native, struct error *err)
{
	struct intake_twins *twins = &work->intake->twins;
	uint8_t hash[16], *place;

	if (twins->count * 2 >= twins->room && grow(twins, err) != 0)
		return -1;
	hash_of(work->intake, work->bound->object, native, hash);
	place = place_of(twins, hash);
	if (memcmp(place, hash, sizeof hash) == 0)
		return 0;
	memcpy(place, hash, sizeof hash);
	twins->count++;
	work->more_twins = true;
	return 0;
}

/* Was it linked to its native record there by a match, in this very pass? */
struct linking {
	int64_t run;
	uint32_t object;
	bool by_match;
};

static int
look_how(void *data, const struct ledger_history *row)
{
	struct linking *linking = data;

	if (row->run == linking->run && row->object == linking->object && row->event == LEDGER_EVENT_LINKED)
		linking->by_match = row->note != NULL && strcmp(row->note, WORK_BY_KEY) == 0;
	return 0;
}

int
work_find_twins(struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link, struct error *err)
{
	struct linking linking = { .run = work->intake->run->number, .object = work->bound->object };

	if (work->mode != INTAKE_DRY || (link->at.id != 0 && link->at.id < work->first_link) || row->decision != NULL)
		return 0;
	if (ledger_history_of(work->ledger, record->at.id, look_how, &linking, err) != 0)
		return -1;
	for (uint32_t i = 0; i < work->history_count; i++)
		if (work->history[i].record == record->at.id)
			look_how(&linking, &work->history[i]);
	return linking.by_match && (remember(work, link->at.native, err) != 0 || remember(work, row->native, err) != 0) ? -1 : 0;
}

static bool
in_batch(const struct work *work, const struct row *row)
{
	for (uint32_t i = 0; i < work->row_count; i++) {
		const struct row *other = &work->rows[i];

		if (other != row && other->what == ROW_SEEN && other->link == NULL && other->decision == NULL && other->words != NULL)
			for (uint32_t m = 0; m < work->entity->match_count; m++) {
				const struct config_texts *exact = &work->entity->matches[m].exact;
				uint32_t same = 0;

				for (uint32_t k = 0; k < exact->count; k++) {
					uint32_t word = ledger_field_id(work->ledger, work->entity, config_field(work->entity, exact->items[k]));

					same += row->words[word] > 1 && row->words[word] == other->words[word];
				}
				if (exact->count > 0 && same == exact->count &&
				    (row->native.length != other->native.length || memcmp(row->native.data, other->native.data, row->native.length) != 0))
					return true;
			}
	}
	return false;
}

int
work_is_twin(struct work *work, const struct row *row, const struct work_record *record, bool *ret_twin, struct error *err)
{
	*ret_twin = in_batch(work, row) || is_known(work->intake, work->bound->object, row->native);
	/* One that was seen before by what tells each change once; a full read would show it again. */
	return *ret_twin ? 0 : ledger_review_asks_another(work->ledger, work->bound->object, work->intake->unit_id, record->at.id, row->native,
	                                                  work->full ? work->read_us : 0, ret_twin, err);
}
