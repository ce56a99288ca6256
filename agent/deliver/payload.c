/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * payload.c: golden records -> write rules -> the exact bytes of an attempt.  The payload is made here once; what is sent later,
 * or again, is this.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deliver/inside.h"

#define GOLDEN_BYTES (4u * 1024u * 1024u) /* of values in one batch: what the rules make of them has room in another */
#define ID_TEXT 24u

/* The input of the rules: the entity's fields, each value saying its own type. */
static int
begin_golden(struct outlet *outlet, struct error *err)
{
	uint32_t count = outlet->entity->field_count;
	struct syncline_field *fields = arena_array(&outlet->arena, count + 1u, sizeof *fields);

	if (fields == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		fields[i] = (struct syncline_field){ .struct_size = sizeof *fields, .type = SYNCLINE_TYPE_ABSENT, .scale = SYNCLINE_SCALE_UNKNOWN,
			.name = outlet->entity->fields[i].head.name };
	batch_builder_clear(outlet->golden, 1);
	return batch_builder_set_fields(outlet->golden, fields, count, err);
}

/* As rules take it: a ref by its record's id as text, a document by what is known of it. */
static int
golden_value(struct outlet *outlet, const struct config_field *field, const struct syncline_value *value, struct syncline_value *ret_value)
{
	char *text;

	*ret_value = *value;
	if (field->type == CONFIG_FIELD_REF && value->type == SYNCLINE_TYPE_INTEGER) {
		if ((text = arena_alloc(&outlet->arena, ID_TEXT)) == NULL)
			return -1;
		ret_value->length = (uint32_t)snprintf(text, ID_TEXT, "%" PRId64, value->u.integer);
		ret_value->type = SYNCLINE_TYPE_TEXT;
		ret_value->u.data = text;
	} else if (field->type == CONFIG_FIELD_CONTENT && value->type == SYNCLINE_TYPE_JSON) {
		ret_value->type = SYNCLINE_TYPE_CONTENT;
	}
	return 0;
}

static struct syncline_value
text_value(const char *text, size_t length)
{
	return (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = text };
}

/* Adds one golden record with all that its write will carry; ret_bytes grows by its values. */
static int
add_golden(struct outlet *outlet, const struct pick *pick, const uint8_t key[16], struct syncline_value *values, size_t *ret_bytes, struct error *err)
{
	uint32_t count = outlet->entity->field_count;
	struct syncline_record record = { .struct_size = sizeof record, .op = pick->op, .value_count = count, .values = values };

	for (uint32_t i = 0; i < count; i++) {
		if (golden_value(outlet, &outlet->entity->fields[i], &pick->record->values[i], &values[i]) != 0)
			return error_memory(err);
		*ret_bytes += values[i].length;
	}
	if (pick->op != SYNCLINE_OP_CREATE)
		record.native_id = text_value(pick->link->native.data, pick->link->native.length);
	if (outlet->tenant != NULL)
		record.tenant = text_value(outlet->tenant, strlen(outlet->tenant));
	record.note = (struct syncline_value){ .type = SYNCLINE_TYPE_BYTES, .length = 16, .u.data = key };
	return batch_builder_add(outlet->golden, &record, err);
}

/* What a record's rules complained of first. */
struct faults {
	struct outlet *outlet;
	struct pick **picks; /* by their place in the golden batch */
	bool no_memory;
};

static void
take_fault(void *data, const struct rules_reject *reject)
{
	struct faults *faults = data;
	struct pick *pick = faults->picks[reject->index];
	struct error why = { 0 };

	if (pick->fate != PICK_SEND)
		return;
	(void)error_set(&why, ERROR_RULE_REJECT, reject->hint, "%s.%s: %s%s%s", faults->outlet->binding->system->head.name,
	                faults->outlet->binding->object->head.name, reject->field != NULL ? reject->field : "", reject->field != NULL ? ": " : "",
	                reject->reason != NULL ? reject->reason : "a rule failed");
	if (reject->rule != NULL)
		error_detail(&why, "%s%s%s", reject->rule, reject->value != NULL ? " gave " : "", reject->value != NULL ? reject->value : "");
	pick->fate = PICK_DEAD;
	pick->why = claim_error(&faults->outlet->arena, &why);
	faults->no_memory = faults->no_memory || pick->why == NULL;
}

/* The world asks by the place in the golden batch. */
static int
run_rules(struct outlet *outlet, const struct mapping *mapping, struct pick **in, uint32_t count, const struct batch *golden, int64_t *missing,
          struct rules_report *report, struct batch **ret_written, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	struct faults faults = { .outlet = outlet, .picks = in };
	int64_t *records = arena_array(&outlet->arena, count + 1u, sizeof *records);
	struct world world;
	int result;

	if (records == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		records[i] = in[i]->record->id;
	*report = (struct rules_report){ .rejected = take_fault, .data = &faults };
	batch_builder_clear(outlet->written, 1);
	if (batch_builder_set_fields(outlet->written, mapping_output_fields(mapping), mapping_output_count(mapping), err) != 0)
		return -1;
	world_write(&world, deliver->engine, outlet->bound, deliver->intake->unit, deliver->intake->run_time_us, records, missing);
	result = mapping_run(outlet->rules, mapping, &world.rules, golden, outlet->written, report, err);
	world_free(&world);
	if (result == 0 && faults.no_memory)
		result = error_memory(err);
	if (result != 0 || (*ret_written = batch_builder_finish(outlet->written, err)) == NULL)
		return -1;
	return 0;
}

static int
too_large(struct outlet *outlet, struct pick **picks, uint32_t count, const struct error *why, struct error *err)
{
	if (count > 1) {
		/* Fewer at a time: all are still due. */
		outlet->claim_max = count / 2;
		for (uint32_t i = 0; i < count; i++)
			picks[i]->fate = PICK_LEAVE;
		return 0;
	}
	picks[0]->fate = PICK_DEAD;
	picks[0]->why = claim_error(&outlet->arena, why);
	return picks[0]->why != NULL ? 0 : error_memory(err);
}

static int
evaluate(struct outlet *outlet, const struct mapping *mapping, struct pick **picks, uint32_t count, uint8_t (*keys)[16], struct pick **in,
         struct batch **ret_written, const uint8_t **ret_conditions, int64_t *missing, struct error *err)
{
	struct syncline_value *values = arena_array(&outlet->arena, outlet->entity->field_count + 1u, sizeof *values);
	struct batch *golden, *written = NULL;
	struct rules_report report;
	struct error why = { 0 };
	uint32_t used = 0;
	size_t bytes = 0;
	int result;

	if (values == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		if (used > 0 && bytes > GOLDEN_BYTES) {
			picks[i]->fate = PICK_LEAVE;
			continue;
		}
		if (add_golden(outlet, picks[i], keys[i], values, &bytes, &why) != 0) {
			if (why.code != ERROR_BATCH_FULL && why.code != ERROR_BATCH_RECORD)
				return *err = why, -1;
			if (too_large(outlet, &picks[i], 1, &why, err) != 0)
				return -1;
			continue;
		}
		picks[i]->in = used;
		in[used++] = picks[i];
	}
	if (used == 0)
		return 0;
	if ((golden = batch_builder_finish(outlet->golden, err)) == NULL)
		return -1;
	result = run_rules(outlet, mapping, in, used, golden, missing, &report, &written, &why);
	batch_free(golden);
	if (result != 0 && why.code == ERROR_BATCH_FULL) {
		for (uint32_t i = 0; i < used; i++)
			in[i]->in = UINT32_MAX;
		return too_large(outlet, in, used, &why, err);
	}
	if (result != 0) {
		*err = why;
		return -1;
	}
	for (uint32_t i = 0; i < report.source_count; i++)
		in[report.sources[i]]->out = i;
	/* The report lasts until the rules run again. */
	if (report.conditions != NULL && (*ret_conditions = (const uint8_t *)arena_copy(&outlet->arena, report.conditions, used)) == NULL) {
		batch_free(written);
		return error_memory(err);
	}
	*ret_written = written;
	return 0;
}

int
payload_evaluate(struct outlet *outlet, const struct mapping *mapping, struct pick **picks, uint32_t count, uint8_t (*keys)[16],
                 struct batch **ret_written, const uint8_t **ret_conditions, int64_t **ret_missing, struct error *err)
{
	struct pick **in = arena_array(&outlet->arena, count + 1u, sizeof *in);

	if (in == NULL || (*ret_missing = arena_array(&outlet->arena, count + 1u, sizeof **ret_missing)) == NULL)
		return error_memory(err);
	if (begin_golden(outlet, err) != 0)
		return -1;
	return evaluate(outlet, mapping, picks, count, keys, in, ret_written, ret_conditions, *ret_missing, err);
}

/* Does the target lack this field's value, as far as we know? */
static bool
lacks(const struct outlet *outlet, const struct pick *pick, uint32_t field)
{
	uint32_t id = outlet->fields[field];
	uint64_t golden = pick->vector[id];
	uint64_t sent = pick->link->sent != NULL ? pick->link->sent[id] : golden;
	uint64_t seen = pick->link->seen != NULL ? pick->link->seen[id] : golden;

	if (sent == golden || seen == golden)
		return false;
	/* Where nothing was ever agreed, a null clears nothing. */
	return golden != VECTOR_NULL || sent != VECTOR_UNKNOWN || seen != VECTOR_UNKNOWN;
}

/* A whole record: what the target lacks and, beside it, what it shows, so far as the guard reads that; else what the rules say. */
static int
need_whole(struct outlet *outlet, struct pick *pick, struct error *err)
{
	if ((pick->own = arena_array(&outlet->arena, outlet->output_words + 1u, sizeof *pick->own)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < outlet->output_count; i++) {
		uint64_t bit = UINT64_C(1) << (i % 64);

		if ((outlet->bound->outputs[i] & BOUND_KEY) != 0 || bound_has(pick->outputs, i))
			continue;
		pick->own[i / 64] |= bit;
		if ((outlet->bound->outputs[i] & BOUND_CREATE_ONLY) == 0)
			pick->outputs[i / 64] |= bit;
	}
	return 0;
}

int
payload_need(struct outlet *outlet, const struct mapping *mapping, struct pick *pick, bool *ret_need, struct error *err)
{
	uint32_t words = BOUND_WORDS(outlet->entity);
	bool any = false, derived = false;
	uint64_t *changed;

	pick->outputs = arena_array(&outlet->arena, outlet->output_words + 1u, sizeof *pick->outputs);
	changed = arena_array(&outlet->arena, words + 1u, sizeof *changed);
	if (pick->outputs == NULL || changed == NULL)
		return error_memory(err);
	for (uint32_t f = 0; f < outlet->entity->field_count; f++)
		if (bound_has(outlet->bound->writes, f) && (outlet->attach != NULL || pick->whole || lacks(outlet, pick, f)))
			changed[f / 64] |= UINT64_C(1) << (f % 64);
	mapping_write_mask(mapping, changed, words, pick->outputs);
	for (uint32_t i = 0; i < outlet->output_count; i++) {
		uint64_t bit = UINT64_C(1) << (i % 64);

		if ((outlet->bound->outputs[i] & (BOUND_CREATE_ONLY | BOUND_KEY)) != 0) {
			pick->outputs[i / 64] &= ~bit;
		} else if ((outlet->bound->outputs[i] & BOUND_DERIVED) != 0) {
			pick->outputs[i / 64] |= bit;
			derived = true;
		} else {
			any = any || bound_has(pick->outputs, i);
		}
	}
	*ret_need = any || derived;
	if (*ret_need && outlet->can.partial_update == SYNCLINE_NONE)
		return need_whole(outlet, pick, err);
	return 0;
}

/* The mapping's fields, and the tenant's when no rule writes it. */
static int
begin_payload(struct outlet *outlet, const struct mapping *mapping, uint32_t *ret_tenant, struct error *err)
{
	uint32_t count = mapping_output_count(mapping);
	const struct syncline_field *outputs = mapping_output_fields(mapping);
	struct syncline_field *fields = arena_array(&outlet->arena, count + 1u, sizeof *fields);
	bool written = outlet->tenant == NULL;

	if (fields == NULL)
		return error_memory(err);
	memcpy(fields, outputs, count * sizeof *fields);
	for (uint32_t i = 0; i < count && !written; i++)
		written = strcmp(fields[i].name, outlet->object->tenant) == 0;
	*ret_tenant = written ? UINT32_MAX : count;
	if (!written)
		fields[count++] = (struct syncline_field){ .struct_size = sizeof *fields, .type = SYNCLINE_TYPE_TEXT, .scale = SYNCLINE_SCALE_UNKNOWN,
			.name = outlet->object->tenant };
	batch_builder_clear(outlet->payload, 1);
	return batch_builder_set_fields(outlet->payload, fields, count, err);
}

/*
 * What people changed there and is held, left as it is, or not decided yet stays as it is in a target that takes whole records:
 * it gets back what it shows.  What was read of it in another type than the rules give is left to them, and so are documents.
 */
static void
put_own(const struct parcel *parcel, struct pick *pick, const struct batch *there, struct syncline_value *values, uint32_t count)
{
	const struct syncline_field *fields = mapping_output_fields(parcel->mapping);

	for (uint32_t i = 0; pick->own != NULL && i < count; i++) {
		struct syncline_value shown;
		int at;

		if (!bound_has(pick->own, i))
			continue;
		if (there != NULL && pick->there != UINT32_MAX && fields[i].type != SYNCLINE_TYPE_CONTENT &&
		    (at = batch_find_field(there, fields[i].name, strlen(fields[i].name))) >= 0) {
			shown = batch_value(there, &batch_record(there, pick->there)->cells[at]);
			if ((shown.type == SYNCLINE_TYPE_NULL && bound_has(pick->outputs, i)) || (shown.type > SYNCLINE_TYPE_NULL && shown.type != SYNCLINE_TYPE_CONTENT &&
			    (shown.type == fields[i].type || fields[i].type == SYNCLINE_TYPE_ABSENT))) {
				values[i] = shown;
				continue;
			}
		}
		pick->own[i / 64] &= ~(UINT64_C(1) << (i % 64));
	}
}

/* One record of the payload.  1: added; 0: pick->fate says why not. */
static int
add_payload(struct parcel *parcel, struct pick *pick, const struct batch *written, const struct batch *there, uint32_t tenant,
            struct syncline_value *values, struct error *err)
{
	struct outlet *outlet = parcel->outlet;
	uint32_t count = mapping_output_count(parcel->mapping);
	struct syncline_record record;
	int result;

	batch_read(written, pick->out, values, &record);
	if (pick->op == SYNCLINE_OP_UPDATE && !parcel->deactivate) {
		for (uint32_t i = 0; i < count; i++)
			if (!bound_has(pick->outputs, i))
				values[i] = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
		put_own(parcel, pick, there, values, count);
	}
	if (pick->op == SYNCLINE_OP_DELETE)
		for (uint32_t i = 0; i < count; i++)
			values[i] = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	else if ((result = documents_carry(outlet, pick, parcel->mapping, values, count, err)) != 1)
		return result;
	record.value_count = count;
	if (tenant != UINT32_MAX && pick->op != SYNCLINE_OP_DELETE &&
	    (pick->op == SYNCLINE_OP_CREATE || outlet->can.partial_update == SYNCLINE_NONE)) {
		values[tenant] = text_value(outlet->tenant, strlen(outlet->tenant));
		record.value_count = tenant + 1;
	}
	record.values = values;
	if (pick->version.length > 0)
		record.version = text_value(pick->version.data, pick->version.length);
	return batch_builder_add(outlet->payload, &record, err) == 0 ? 1 : -1;
}

/*
 * What the link will have been sent by this item: golden words of the fields that its values were made of, and of no others.
 * What the target shows of those is not known to be ours.
 */
static void
put_vector(const struct parcel *parcel, uint32_t index, uint64_t *ret_vector)
{
	const struct outlet *outlet = parcel->outlet;
	const struct batch_record *record = batch_record(parcel->payload, index);
	uint32_t words = BOUND_WORDS(outlet->entity);

	if (parcel->deactivate || record->op == SYNCLINE_OP_DELETE)
		return;
	for (uint32_t i = 0; i < outlet->output_count; i++) {
		const uint64_t *reads = &outlet->output_reads[(size_t)i * words];

		if (record->cells[i].type == SYNCLINE_TYPE_ABSENT || (parcel->picks[index]->own != NULL && bound_has(parcel->picks[index]->own, i)))
			continue;
		for (uint32_t f = 0; f < outlet->entity->field_count; f++)
			if (bound_has(reads, f))
				ret_vector[outlet->fields[f]] = parcel->picks[index]->vector[outlet->fields[f]];
	}
}

/* What the attempt keeps beside the payload. */
static int
describe(struct parcel *parcel, struct error *err)
{
	struct outlet *outlet = parcel->outlet;
	struct ledger_attempt_item *items = arena_array(&outlet->arena, parcel->count + 1u, sizeof *items);
	uint64_t *vectors = arena_array(&outlet->arena, (size_t)parcel->count * outlet->words + 1, sizeof *vectors);

	if (items == NULL || vectors == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < parcel->count; i++) {
		const struct pick *pick = parcel->picks[i];

		items[i] = (struct ledger_attempt_item){ .record = pick->record->id, .generation = pick->record->generation, .op = pick->op,
			.span = pick->due->span, .deactivate = pick->deactivate, .again = pick->due->again };
		put_vector(parcel, i, &vectors[(size_t)i * outlet->words]);
	}
	parcel->attempt = (struct ledger_attempt){ .binding = outlet->id, .unit = outlet->deliver->intake->unit_id, .count = parcel->count,
		.items = items, .payload = parcel->payload, .vectors = vectors, .words = outlet->words };
	return 0;
}

int
payload_make(struct parcel *parcel, const struct batch *written, const struct batch *there, struct error *err)
{
	struct outlet *outlet = parcel->outlet;
	uint32_t used = 0, tenant;
	struct syncline_value *values = arena_array(&outlet->arena, mapping_output_count(parcel->mapping) + 2u, sizeof *values);
	struct error why = { 0 };

	if (values == NULL)
		return error_memory(err);
	if (begin_payload(outlet, parcel->mapping, &tenant, err) != 0)
		return -1;
	for (uint32_t i = 0; i < parcel->count; i++) {
		struct pick *pick = parcel->picks[i];
		int added;

		if (pick->fate != PICK_SEND || pick->deactivate != parcel->deactivate || pick->out == UINT32_MAX)
			continue;
		if (outlet->system->parked || outlet->system->down) {
			pick->fate = PICK_LEAVE;
			continue;
		}
		added = add_payload(parcel, pick, written, there, tenant, values, &why);
		if (added < 0 && why.code != ERROR_BATCH_FULL && why.code != ERROR_BATCH_RECORD) {
			*err = why;
			return -1;
		}
		if (added < 0 && used > 0)
			pick->fate = PICK_LEAVE;
		else if (added < 0 && too_large(outlet, &parcel->picks[i], 1, &why, err) != 0)
			return -1;
		if (added == 1)
			parcel->picks[used++] = pick;
	}
	parcel->count = used;
	if (used == 0)
		return 0;
	if ((parcel->payload = batch_builder_finish(outlet->payload, err)) == NULL)
		return -1;
	return describe(parcel, err);
}
