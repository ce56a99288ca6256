/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sides.c: a side is a binding that is written to: that of the flow, and those of the records that its refs point to.  Which sides there
 * are, and what is sent to each: generated records through the write rules of the binding, with what a delivery adds to that.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "flow/bound.h"
#include "flow/intake.h"
#include "rehearse/inside.h"

#define TRY 200u
#define MARK "10ad7e57" /* how external keys begin, as far as hexadecimal digits can say "loadtest" */

/* ---- which sides ---- */

static bool
may_be_parent(const struct engine *engine, const struct config_binding *binding, const struct config_unit *unit)
{
	const struct bound *bound = engine_bound(engine, binding);

	return binding->writes && binding->attach_to == NULL && flow_concerns(binding->flow, unit) && bound != NULL && bound->write != NULL &&
	       bound->condition >= 0;
}

/* Who writes records of the entity to the same system; NULL: nobody. */
static const struct config_binding *
parent_binding(const struct engine *engine, const struct config_binding *child, const struct config_field *ref, const struct config_unit *unit)
{
	for (uint32_t f = 0; f < engine->model->flow_count; f++) {
		const struct config_flow *flow = &engine->model->flows[f];
		const struct config_binding *binding = strcmp(flow->entity->head.name, ref->entity) == 0 ? config_binding(flow, child->system->head.name) : NULL;

		if (binding != NULL && binding != child && may_be_parent(engine, binding, unit))
			return binding;
	}
	return NULL;
}

struct chosen {
	struct engine *engine;
	const struct config_unit *unit;
	const struct config_binding *items[REHEARSE_SIDES_MAX];
	bool made[REHEARSE_SIDES_MAX]; /* its parents are before it */
	uint32_t count;
};

static uint32_t
place_of(const struct chosen *chosen, const struct config_binding *binding)
{
	uint32_t i = 0;

	while (i < chosen->count && chosen->items[i] != binding)
		i++;
	return i;
}

static int
impossible(const struct config_binding *binding, struct error *err, const char *format, const char *what)
{
	char why[400];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(why, sizeof why, format, what);
#pragma GCC diagnostic pop
	return error_set(err, ERROR_LOADTEST_IMPOSSIBLE, "Rehearse a flow whose records can be made, or change what is said.", "%s to %s: %s",
	                 binding->flow->head.name, binding->system->head.name, why);
}

static int choose(struct chosen *chosen, const struct config_binding *binding, uint32_t depth, struct error *err);

static int
choose_parent(struct chosen *chosen, const struct config_binding *binding, const struct config_field *field, uint32_t depth, struct error *err)
{
	const struct config_binding *parent = parent_binding(chosen->engine, binding, field, chosen->unit);

	if (parent != NULL && depth < REHEARSE_SIDES_MAX) {
		uint32_t known = place_of(chosen, parent);

		if (known == chosen->count)
			return choose(chosen, parent, depth + 1, err);
		if (chosen->made[known])
			return 0;
	}
	return field->required ? impossible(binding, err, "its required ref %s points to records that no flow creates there", field->head.name) : 0;
}

/* Adds it behind its parents. */
static int
choose(struct chosen *chosen, const struct config_binding *binding, uint32_t depth, struct error *err)
{
	const struct config_entity *entity = binding->flow->entity;
	const struct bound *bound = engine_bound(chosen->engine, binding);
	uint32_t at = chosen->count;

	if (at == REHEARSE_SIDES_MAX)
		return impossible(binding, err, "it takes more flows than %s to make its parents", "16");
	/* Its place is taken while its parents are looked for, so that a ring of refs ends. */
	chosen->items[chosen->count++] = binding;
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const struct config_field *field = &entity->fields[i];

		if (!bound_has(bound->writes, i))
			continue;
		if (field->type == CONFIG_FIELD_CONTENT)
			return impossible(binding, err, "it writes the document %s, and documents are not generated", field->head.name);
		if ((field->type == CONFIG_FIELD_REF && choose_parent(chosen, binding, field, depth, err) != 0) ||
		    generate_check(entity, field, err) != 0)
			return -1;
	}
	/* Behind those that came after it: they are its parents, or theirs. */
	for (uint32_t i = at; i + 1 < chosen->count; i++) {
		chosen->items[i] = chosen->items[i + 1];
		chosen->made[i] = chosen->made[i + 1];
	}
	chosen->items[chosen->count - 1] = binding;
	chosen->made[chosen->count - 1] = true;
	return 0;
}

static int
choose_all(struct chosen *chosen, const struct config_binding *to, struct error *err)
{
	const struct bound *bound = engine_bound(chosen->engine, to);

	if (to->attach_to != NULL)
		return impossible(to, err, "it writes to the records of %s and creates none", to->attach_to);
	if (!to->writes || bound == NULL || bound->write == NULL)
		return impossible(to, err, "the flow writes nothing to %s", to->system->head.name);
	if (bound->condition < 0)
		return impossible(to, err, "the flow creates nothing at %s: it has no create_if", to->system->head.name);
	return choose(chosen, to, 0, err);
}

int
rehearse_bindings(struct engine *engine, const struct config_binding *to, const struct config_unit *unit, struct arena *arena,
                  const struct config_binding ***ret_bindings, struct error *err)
{
	struct chosen chosen = { .engine = engine, .unit = unit };
	const struct config_binding **bindings;

	if (choose_all(&chosen, to, err) != 0)
		return -1;
	if ((bindings = arena_array(arena, chosen.count + 1u, sizeof(const struct config_binding *))) == NULL)
		return error_memory(err);
	memcpy(bindings, chosen.items, chosen.count * sizeof(const struct config_binding *));
	*ret_bindings = bindings;
	return 0;
}

/* ---- making them ---- */

static struct side *
side_of(struct rehearsal *r, const struct config_binding *binding)
{
	for (uint32_t i = 0; i < r->side_count; i++)
		if (r->sides[i].binding == binding)
			return &r->sides[i];
	return NULL;
}

static int
make_side(struct side *side, const struct config_binding *binding, struct error *err)
{
	struct rehearsal *r = side->of;
	struct engine *engine = r->options->engine;
	const struct config_entity *entity = binding->flow->entity;
	const struct config_unit_system *at = r->options->unit != NULL ? config_unit_system(r->options->unit, binding->system->head.name) : NULL;

	side->binding = binding;
	side->entity = entity;
	side->object = config_sdk_object(binding->object);
	side->bound = engine_bound(engine, binding);
	side->tenant = at != NULL && binding->object->tenant != NULL ? at->tenant : NULL;
	side->parents = arena_array(&r->arena, entity->field_count + 1u, sizeof *side->parents);
	side->changes = arena_array(&r->arena, entity->field_count + 1u, sizeof *side->changes);
	if (side->parents == NULL || side->changes == NULL || (side->golden = batch_builder_new(err)) == NULL ||
	    (side->written = batch_builder_new(err)) == NULL || (side->payload = batch_builder_new(err)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const struct config_field *field = &entity->fields[i];
		const struct config_binding *parent = NULL;

		if (!bound_has(side->bound->writes, i))
			continue;
		if (field->type == CONFIG_FIELD_REF)
			parent = parent_binding(engine, binding, field, r->options->unit);
		side->parents[i] = parent != NULL ? side_of(r, parent) : NULL;
		side->changes[i] = field->type != CONFIG_FIELD_REF && !generate_is_key(entity, field);
	}
	return 0;
}

int
sides_make(struct rehearsal *r, const struct config_binding *to, struct error *err)
{
	const struct config_binding **bindings;

	if (rehearse_bindings(r->options->engine, to, r->options->unit, &r->arena, &bindings, err) != 0)
		return -1;
	for (; *bindings != NULL; bindings++) {
		struct side *side = &r->sides[r->side_count];

		*side = (struct side){ .of = r, .number = r->side_count };
		/* Counted only now: a side is no parent of its own. */
		if (make_side(side, *bindings, err) != 0) {
			r->side_count++;
			return -1;
		}
		r->side_count++;
	}
	return 0;
}

void
sides_free(struct rehearsal *r)
{
	for (uint32_t i = 0; i < r->side_count; i++) {
		batch_builder_free(r->sides[i].golden);
		batch_builder_free(r->sides[i].written);
		batch_builder_free(r->sides[i].payload);
		free(r->sides[i].made);
		free(r->sides[i].there);
	}
	r->side_count = 0;
}

struct made *
sides_room(struct side *side, uint32_t number)
{
	if (number >= side->made_room) {
		uint32_t room = number < 512 ? 1024 : number * 2;
		struct made *made = realloc(side->made, room * sizeof *made);

		if (made == NULL)
			return NULL;
		memset(made + side->made_room, 0, (room - side->made_room) * sizeof *made);
		side->made = made;
		side->made_room = room;
	}
	if (number >= side->made_count)
		side->made_count = number + 1;
	return &side->made[number];
}

void
sides_key(const struct side *side, uint32_t number, char key[REHEARSE_KEY + 1])
{
	snprintf(key, REHEARSE_KEY + 1, MARK "%.8s%04x%012x", side->of->tag, side->number & 0xFFFF, number);
}

/* ---- what rules ask ---- */

struct asked {
	struct side *side;
	const uint32_t *numbers; /* by the place in the batch */
};

static int
answer(struct rehearsal *r, const char *text, size_t length, struct syncline_slice *ret_value, struct error *err)
{
	const char *copy = arena_copy(&r->scratch, text, length);

	if (copy == NULL)
		return error_memory(err);
	*ret_value = (struct syncline_slice){ copy, length };
	return RULES_KNOWN_YES;
}

/* "3:17": record 17 of side 3, as refs say it here. */
static struct side *
parse_ref(struct rehearsal *r, const struct syncline_slice *ref, uint32_t *ret_number)
{
	const char *text = ref->data, *colon = ref->length > 0 ? memchr(text, ':', ref->length) : NULL;
	int64_t side, number;

	if (colon == NULL || !text_to_integer(text, (size_t)(colon - text), &side) ||
	    !text_to_integer(colon + 1, ref->length - (size_t)(colon + 1 - text), &number) || side < 0 || side >= (int64_t)r->side_count || number < 0 ||
	    number >= (int64_t)r->sides[side].made_count)
		return NULL;
	*ret_number = (uint32_t)number;
	return &r->sides[side];
}

static int
ask_link(void *data, const struct rules_record_context *record, const char *system, const struct syncline_slice *key,
         struct syncline_slice *ret_value, struct error *err)
{
	const struct asked *asked = data;
	struct side *side = asked->side;
	uint32_t number = asked->numbers[record->index];

	if (strcmp(system, side->binding->system->head.name) != 0 || (key->length > 0 && (side = parse_ref(side->of, key, &number)) == NULL) ||
	    side->made[number].state != MADE_THERE)
		return RULES_KNOWN_NOT_YET;
	return answer(side->of, side->made[number].native.data, side->made[number].native.length, ret_value, err);
}

static int
ask_not_yet(void *data, const struct rules_record_context *record, const char *system, struct syncline_slice *ret_value, struct error *err)
{
	(void)data, (void)record, (void)system, (void)ret_value, (void)err;
	return RULES_KNOWN_NOT_YET;
}

static int
ask_record_id(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	const struct asked *asked = data;
	char key[REHEARSE_KEY + 1];

	sides_key(asked->side, asked->numbers[record->index], key);
	return answer(asked->side->of, key, REHEARSE_KEY, ret_value, err);
}

static int
ask_sync_state(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	const struct asked *asked = data;

	(void)record;
	return answer(asked->side->of, "synced", 6, ret_value, err);
}

static int
ask_sync_error(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	(void)data, (void)record, (void)ret_value, (void)err;
	return RULES_KNOWN_NULL;
}

static int make_value(struct side *side, uint32_t number, uint32_t revision, uint32_t at, struct syncline_value *ret_value, struct error *err);

static int
ask_follow(void *data, const struct rules_record_context *record, const char *entity, const struct syncline_slice *ref, const char *name,
           struct syncline_value *ret_value, struct error *err)
{
	const struct asked *asked = data;
	uint32_t number;
	struct side *side = parse_ref(asked->side->of, ref, &number);
	const struct config_field *field = side != NULL ? config_field(side->entity, name) : NULL;

	(void)record, (void)entity;
	if (field == NULL)
		return RULES_KNOWN_NULL;
	return make_value(side, number, 0, field_index(side->entity, field), ret_value, err) == 0 ? RULES_KNOWN_YES : RULES_KNOWN_FAILED;
}

/* ---- the bytes ---- */

static struct syncline_value
text_value(const char *text, size_t length)
{
	return (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = text };
}

static int
make_value(struct side *side, uint32_t number, uint32_t revision, uint32_t at, struct syncline_value *ret_value, struct error *err)
{
	struct rehearsal *r = side->of;
	const struct config_field *field = &side->entity->fields[at];
	const struct side *parent = side->parents[at];
	const struct generate generate = { .tag = r->tag, .number = number, .revision = side->changes[at] ? revision : 0, .arena = &r->scratch };

	if (field->type == CONFIG_FIELD_REF && parent != NULL && parent->there_count > 0) {
		const char *ref = arena_format(&r->scratch, "%u:%u", parent->number, parent->there[number % parent->there_count]);

		if (ref == NULL)
			return error_memory(err);
		*ret_value = text_value(ref, strlen(ref));
		return 0;
	}
	return generate_value(&generate, side->entity, field, ret_value, err);
}

/* What tells a target that it is asked once more, and not for another one. */
static void
attempt_key(const struct side *side, uint32_t number, uint8_t op, uint8_t key[16])
{
	memcpy(key, side->of->tag, GENERATE_TAG);
	key[8] = op;
	key[9] = (uint8_t)side->number;
	for (int i = 0; i < 6; i++)
		key[10 + i] = i < 4 ? (uint8_t)(number >> (8 * i)) : 0;
}

static int
begin_record(struct side *side, uint32_t number, uint8_t op, struct syncline_record *record, struct error *err)
{
	const struct made *made = &side->made[number];
	uint8_t *key = arena_alloc(&side->of->scratch, 16);

	if (key == NULL)
		return error_memory(err);
	attempt_key(side, number, op, key);
	*record = (struct syncline_record){ .struct_size = sizeof *record, .op = op };
	record->note = (struct syncline_value){ .type = SYNCLINE_TYPE_BYTES, .length = 16, .u.data = key };
	if (op != SYNCLINE_OP_CREATE)
		record->native_id = text_value(made->native.data, made->native.length);
	if (op != SYNCLINE_OP_CREATE && side->guard == CONFIG_GUARD_VERSION && made->version.length > 0)
		record->version = text_value(made->version.data, made->version.length);
	if (side->tenant != NULL)
		record->tenant = text_value(side->tenant, strlen(side->tenant));
	return 0;
}

/* The input of the rules: the entity's fields, each value saying its own type. */
static int
make_golden(struct side *side, uint8_t op, const uint32_t *numbers, uint32_t count, struct batch **ret_golden, struct error *err)
{
	struct arena *scratch = &side->of->scratch;
	uint32_t fields = side->entity->field_count;
	struct syncline_field *heads = arena_array(scratch, fields + 1u, sizeof *heads);
	struct syncline_value *values = arena_array(scratch, fields + 1u, sizeof *values);
	struct syncline_record record;

	if (heads == NULL || values == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < fields; i++)
		heads[i] = (struct syncline_field){ .struct_size = sizeof *heads, .type = SYNCLINE_TYPE_ABSENT, .scale = SYNCLINE_SCALE_UNKNOWN,
			.name = side->entity->fields[i].head.name };
	batch_builder_clear(side->golden, 1);
	if (batch_builder_set_fields(side->golden, heads, fields, err) != 0)
		return -1;
	for (uint32_t n = 0; n < count; n++) {
		if (begin_record(side, numbers[n], op, &record, err) != 0)
			return -1;
		for (uint32_t i = 0; i < fields; i++)
			if (make_value(side, numbers[n], op == SYNCLINE_OP_UPDATE, i, &values[i], err) != 0)
				return -1;
		record.value_count = fields;
		record.values = values;
		if (batch_builder_add(side->golden, &record, err) != 0)
			return -1;
	}
	return (*ret_golden = batch_builder_finish(side->golden, err)) != NULL ? 0 : -1;
}

struct faults {
	struct side *side;
	const uint32_t *numbers;
	sides_refused *refused;
	void *data;
};

static void
take_fault(void *data, const struct rules_reject *reject)
{
	struct faults *faults = data;
	struct error why = { 0 };

	if (reject->fault > 0)
		return;
	(void)error_set(&why, ERROR_RULE_REJECT, reject->hint, "%s.%s: %s%s%s", faults->side->binding->system->head.name,
	                faults->side->binding->object->head.name, reject->field != NULL ? reject->field : "", reject->field != NULL ? ": " : "",
	                reject->reason != NULL ? reject->reason : "a rule failed");
	faults->refused(faults->data, faults->numbers[reject->index], &why);
}

/* Through the write rules.  ret_sources: of which of the numbers each record is; those that create_if keeps out are marked in `out`. */
static int
run_rules(struct side *side, const struct batch *golden, const uint32_t *numbers, uint32_t count, uint8_t *out, struct faults *faults,
          const uint32_t **ret_sources, struct batch **ret_written, struct error *err)
{
	struct rehearsal *r = side->of;
	struct engine *engine = r->options->engine;
	const struct config_unit *unit = r->options->unit;
	const struct mapping *mapping = side->bound->write;
	bool house = unit == NULL || unit->head.name == NULL;
	struct asked asked = { .side = side, .numbers = numbers };
	const struct rules_world world = { .data = &asked, .link = ask_link, .url = ask_not_yet, .record_id = ask_record_id, .sync_state = ask_sync_state,
		.sync_error = ask_sync_error, .follow = ask_follow, .unit = house ? NULL : unit->head.name,
		.timezone = house ? engine->model->agent->timezone : unit->timezone, .run_time_us = r->run_time_us };
	struct rules_report report = { .rejected = take_fault, .data = faults };

	batch_builder_clear(side->written, 1);
	if (batch_builder_set_fields(side->written, mapping_output_fields(mapping), mapping_output_count(mapping), err) != 0 ||
	    mapping_run(engine->rules, mapping, &world, golden, side->written, &report, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count && report.conditions != NULL && side->bound->condition >= 0; i++)
		out[i] = report.conditions[(uint32_t)side->bound->condition * report.records + i] != 1;
	/* The report lasts until the rules run again. */
	*ret_sources = (const uint32_t *)(void *)arena_copy(&r->scratch, report.sources != NULL ? report.sources : numbers, report.source_count * sizeof *report.sources);
	if (*ret_sources == NULL)
		return error_memory(err);
	return (*ret_written = batch_builder_finish(side->written, err)) != NULL ? 0 : -1;
}

/* Which outputs an update sends: those that depend on what changed, as a delivery has it. */
static int
choose_outputs(const struct side *side, uint64_t **ret_outputs, struct error *err)
{
	struct arena *scratch = &side->of->scratch;
	const struct mapping *mapping = side->bound->write;
	uint32_t words = BOUND_WORDS(side->entity), count = mapping_output_count(mapping);
	uint64_t *changed = arena_array(scratch, words + 1u, sizeof *changed), *outputs = arena_array(scratch, count / 64 + 2u, sizeof *outputs);

	if (changed == NULL || outputs == NULL)
		return error_memory(err);
	for (uint32_t f = 0; f < side->entity->field_count; f++)
		if (side->changes[f])
			changed[f / 64] |= UINT64_C(1) << (f % 64);
	mapping_write_mask(mapping, changed, words, outputs);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t bit = UINT64_C(1) << (i % 64);

		if ((side->bound->outputs[i] & (BOUND_CREATE_ONLY | BOUND_KEY)) != 0)
			outputs[i / 64] &= ~bit;
		else if ((side->bound->outputs[i] & BOUND_DERIVED) != 0 || side->can.partial_update == SYNCLINE_NONE)
			outputs[i / 64] |= bit;
	}
	*ret_outputs = outputs;
	return 0;
}

/* The mapping's fields, and the tenant's when no rule writes it. */
static int
begin_payload(struct side *side, uint32_t *ret_tenant, struct error *err)
{
	const struct mapping *mapping = side->bound->write;
	uint32_t count = mapping_output_count(mapping);
	const struct syncline_field *outputs = mapping_output_fields(mapping);
	struct syncline_field *fields = arena_array(&side->of->scratch, count + 1u, sizeof *fields);
	bool written = side->tenant == NULL;

	if (fields == NULL)
		return error_memory(err);
	memcpy(fields, outputs, count * sizeof *fields);
	for (uint32_t i = 0; i < count && !written; i++)
		written = strcmp(fields[i].name, side->object->tenant) == 0;
	*ret_tenant = written ? UINT32_MAX : count;
	if (!written)
		fields[count++] = (struct syncline_field){ .struct_size = sizeof *fields, .type = SYNCLINE_TYPE_TEXT, .scale = SYNCLINE_SCALE_UNKNOWN,
			.name = side->object->tenant };
	batch_builder_clear(side->payload, 1);
	return batch_builder_set_fields(side->payload, fields, count, err);
}

static int
add_written(struct side *side, const struct batch *written, uint32_t index, uint8_t op, const uint64_t *outputs, uint32_t tenant, struct error *err)
{
	uint32_t count = mapping_output_count(side->bound->write);
	struct syncline_value *values = arena_array(&side->of->scratch, count + 2u, sizeof *values);
	struct syncline_record record;

	if (values == NULL)
		return error_memory(err);
	batch_read(written, index, values, &record);
	for (uint32_t i = 0; op == SYNCLINE_OP_UPDATE && i < count; i++)
		if (!bound_has(outputs, i))
			values[i] = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	record.value_count = count;
	if (tenant != UINT32_MAX && (op == SYNCLINE_OP_CREATE || side->can.partial_update == SYNCLINE_NONE)) {
		values[tenant] = text_value(side->tenant, strlen(side->tenant));
		record.value_count = tenant + 1;
	}
	record.values = values;
	return batch_builder_add(side->payload, &record, err);
}

static int
add_deletes(struct side *side, const uint32_t *numbers, uint32_t count, struct error *err)
{
	struct syncline_record record;

	for (uint32_t i = 0; i < count; i++)
		if (begin_record(side, numbers[i], SYNCLINE_OP_DELETE, &record, err) != 0 || batch_builder_add(side->payload, &record, err) != 0)
			return -1;
	return 0;
}

static int
add_writes(struct side *side, uint8_t op, uint32_t *numbers, uint32_t *count, uint32_t tenant, struct faults *faults, struct error *err)
{
	struct arena *scratch = &side->of->scratch;
	uint32_t *given = (uint32_t *)(void *)arena_copy(scratch, numbers, *count * sizeof *numbers), used = 0;
	uint8_t *out = arena_zalloc(scratch, *count + 1u);
	struct batch *golden = NULL, *written = NULL;
	const uint32_t *sources;
	uint64_t *outputs;
	int result;

	if (given == NULL || out == NULL)
		return error_memory(err);
	faults->numbers = given;
	result = choose_outputs(side, &outputs, err);
	if (result == 0)
		result = make_golden(side, op, given, *count, &golden, err);
	if (result == 0)
		result = run_rules(side, golden, given, *count, out, faults, &sources, &written, err);
	for (uint32_t i = 0; result == 0 && i < written->header->record_count; i++) {
		if (op == SYNCLINE_OP_CREATE && out[sources[i]])
			continue;
		if ((result = add_written(side, written, i, op, outputs, tenant, err)) == 0)
			numbers[used++] = given[sources[i]];
	}
	*count = used;
	batch_free(golden);
	batch_free(written);
	return result;
}

int
sides_batch(struct side *side, uint8_t op, uint32_t *numbers, uint32_t *count, sides_refused *refused, void *data, struct batch **ret_batch,
            struct error *err)
{
	struct faults faults = { .side = side, .refused = refused, .data = data };
	uint32_t tenant;

	arena_reset(&side->of->scratch);
	*ret_batch = NULL;
	if (begin_payload(side, &tenant, err) != 0 ||
	    (op == SYNCLINE_OP_DELETE ? add_deletes(side, numbers, *count, err) : add_writes(side, op, numbers, count, tenant, &faults, err)) != 0)
		return -1;
	if (*count == 0)
		return 0;
	return (*ret_batch = batch_builder_finish(side->payload, err)) != NULL ? 0 : -1;
}

int
sides_barren(const struct side *side, struct error *err)
{
	return error_set(err, ERROR_LOADTEST_IMPOSSIBLE, "Rehearse a flow whose create_if is true of believable records.",
	                 "create_if of %s to %s is true of none of %u generated records", side->binding->flow->head.name, side->binding->system->head.name,
	                 SIDES_BARREN);
}

static void
count_refused(void *data, uint32_t number, const struct error *why)
{
	(void)number, (void)why;
	++*(uint32_t *)data;
}

int
sides_try(struct side *side, struct error *err)
{
	uint32_t numbers[TRY], passed = 0;

	for (uint32_t first = 0; first < SIDES_BARREN && passed == 0; first += TRY) {
		struct batch *batch = NULL;
		uint32_t count = TRY;

		for (uint32_t i = 0; i < TRY; i++) {
			numbers[i] = first + i;
			if (sides_room(side, first + i) == NULL)
				return error_memory(err);
		}
		/* What a rule refuses, maybe for want of a parent, is told when it is sent. */
		if (sides_batch(side, SYNCLINE_OP_CREATE, numbers, &count, count_refused, &passed, &batch, err) != 0)
			return -1;
		batch_free(batch);
		passed += count;
	}
	side->made_count = 0;
	return passed > 0 ? 0 : sides_barren(side, err);
}
