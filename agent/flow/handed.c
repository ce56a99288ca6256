/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handed.c: what was handed over to a file is confirmed by the row that shows it, before that row is merged: afterwards nobody
 * could tell any more what the target showed before.  deliver/readback.c looks on its own, too, for what no row brings; it knows
 * no corrections, and looks at an older hand-over ever less often.
 */
#include "flow/values.h"
#include "flow/vector.h"
#include "flow/work.h"

/*
 * Is what the target shows our value as it keeps it?  Which value was sent is known as long as it is the record's; a target that rounds it
 * to what was there before shows the same whether the import came or not, so it says neither.
 */
static bool
may_be_kept_so(const struct work_record *record, uint32_t field, uint32_t word, uint64_t sent, const struct row *row)
{
	const struct syncline_value *ours = &record->at.values[field], *theirs = &row->values[field];

	return record->words[word] == sent && (values_is_coarser(ours, theirs) || values_is_rounded(ours, theirs));
}

/*
 * A row shows our write when no value that it changed is as it was before.  One that is says that the import has not come yet, or that
 * somebody has put it back, which nobody can tell apart: one value that is as we sent it proves nothing, for people enter the same
 * change here and there.
 */
static bool
is_in_it(const struct work *work, const struct row *row, const struct work_link *link, const struct work_record *record,
         const struct ledger_uncertain *open)
{
	uint32_t known = 0, changed = 0, rounded = 0;

	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint32_t word = work_word(work, i);
		uint64_t sent = word < open->words ? open->vector[word] : VECTOR_UNKNOWN;

		if (sent == VECTOR_UNKNOWN || row->values[i].type == SYNCLINE_TYPE_ABSENT)
			continue;
		if (sent != link->seen[word] && row->words[word] == link->seen[word]) {
			if (!may_be_kept_so(record, i, word, sent, row))
				return false;
			rounded++;
			continue;
		}
		changed += sent != link->seen[word];
		known++;
	}
	return rounded > 0 ? changed > 0 : known > 0;
}

/*
 * What stands there as it was sent is what both agree on.  Another value was written by somebody else, before or after ours came:
 * both changed it, and what was agreed on before stays the base for the merge, where there was such a value.
 */
static int
take_in(struct work *work, const struct row *row, struct work_link *link, const struct work_record *record, const struct ledger_uncertain *open,
        struct error *err)
{
	struct ledger_history event = { .record = record->at.id, .object = link->at.object, .event = LEDGER_EVENT_SENT_UPDATE,
		.generation = open->item.generation, .native = link->at.native };
	const struct ledger_outcome outcome = { .index = open->index, .kind = LEDGER_CONFIRMED };

	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint32_t word = work_word(work, i);
		uint64_t sent = word < open->words ? open->vector[word] : VECTOR_UNKNOWN;

		if (sent == VECTOR_UNKNOWN)
			continue;
		if (sent == link->seen[word] || link->seen[word] == VECTOR_UNKNOWN || row->values[i].type == SYNCLINE_TYPE_ABSENT || row->words[word] == sent) {
			link->sent[word] = link->seen[word] = sent;
		} else if (may_be_kept_so(record, i, word, sent, row)) {
			link->sent[word] = sent;
			link->seen[word] = row->words[word];
		} else {
			event.note = "somebody changed it there as well";
		}
	}
	link->dirty = true;
	if (work_given_back(work, row, link, record, open, err) != 0)
		return -1;
	work_count(work, LEDGER_COUNT_ABSORBED, 1);
	if (ledger_findings_end(work->ledger, LEDGER_FINDING_DEAD, work->intake->flow_id, work->intake->unit_id, link->at.object,
	                        (struct syncline_slice){ NULL, 0 }, record->at.id, NULL, err) != 0)
		return -1;
	if (work_history(work, &event, err) != 0)
		return -1;
	return ledger_attempt_close(work->ledger, open->attempt, &outcome, 1, err);
}

int
work_confirm_handed(struct work *work, const struct row *row, struct work_link *link, const struct work_record *record, struct error *err)
{
	struct ledger_uncertain open;
	int result = 0;

	if (ledger_handed_update_of(work->ledger, link->at.object, record->at.id, &work->arena, &open, err) != 0)
		return -1;
	if (open.attempt == 0)
		return 0;
	if (!open.item.deactivate && is_in_it(work, row, link, record, &open))
		result = take_in(work, row, link, record, &open, err);
	batch_free(open.payload);
	return result;
}
