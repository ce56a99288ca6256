/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bound.c: a binding as a process runs it: its rules compiled, the fields that they read and give, what is special about each
 * output, and the effective versions.  Made in the thread that opens the engine; of it, only engine_bind_late() changes
 * anything later.
 *
 * An effective version is a hash over all that decides what becomes of a record and nothing else: a guard, a title or a place
 * in a file may change without anything being evaluated again.
 */
#include "flow/bound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Raised when the same configuration would be evaluated in another way by a newer program. */
#define READING "syncline read 1"
#define WRITING "syncline write 1"

/* ---- what is hashed ---- */

static void
hash_text(crypto_generichash_state *state, const char *text)
{
	if (text != NULL)
		hash_bytes(state, text, strlen(text));
	else
		hash_bytes(state, "\0no", 3);
}

static void
hash_number(crypto_generichash_state *state, int64_t number)
{
	crypto_generichash_update(state, (const void *)&number, sizeof number);
}

static void
hash_texts(crypto_generichash_state *state, const struct config_texts *texts)
{
	hash_number(state, texts->count);
	for (uint32_t i = 0; i < texts->count; i++)
		hash_text(state, texts->items[i]);
}

static void
hash_field(crypto_generichash_state *state, const struct config_field *field)
{
	hash_text(state, field->head.name);
	hash_number(state, field->type);
	hash_text(state, field->owner);
	hash_number(state, field->policy);
	hash_text(state, field->tie);
	hash_number(state, field->edits);
	hash_texts(state, &field->rank);
	hash_text(state, field->group != NULL ? field->group->head.name : NULL);
	hash_number(state, (field->required ? 1 : 0) | (field->unique ? 2 : 0) | (field->sensitive ? 4 : 0) | (field->clear ? 8 : 0) |
	                           (field->copy ? 16 : 0) | (field->versions ? 32 : 0));
	hash_text(state, field->assigned_by);
	hash_number(state, field->scale);
	hash_number(state, field->max_length);
	hash_number(state, field->min_length);
	hash_text(state, field->min);
	hash_text(state, field->max);
	hash_texts(state, &field->one_of);
	hash_text(state, field->entity);
	hash_texts(state, &field->key);
	hash_number(state, field->field_count);
	for (uint32_t i = 0; i < field->field_count; i++)
		hash_field(state, &field->fields[i]);
}

static void
hash_match(crypto_generichash_state *state, const struct config_match *match)
{
	double weights[2] = { match->link, match->review };

	hash_texts(state, &match->exact);
	hash_number(state, match->normalise);
	hash_number(state, match->similar_count);
	for (uint32_t i = 0; i < match->similar_count; i++) {
		hash_text(state, match->similar[i].field);
		hash_bytes(state, &match->similar[i].weight, sizeof match->similar[i].weight);
	}
	hash_texts(state, &match->block);
	hash_bytes(state, weights, sizeof weights);
}

/* Whose value counts, how pairs are found, and what a record has to be. */
static void
hash_entity(crypto_generichash_state *state, const struct model *model, const struct config_entity *entity)
{
	hash_text(state, entity->head.name);
	hash_text(state, entity->owner);
	hash_number(state, entity->shared);
	hash_texts(state, &entity->rank);
	hash_number(state, entity->edits);
	hash_number(state, entity->field_count);
	for (uint32_t i = 0; i < entity->field_count; i++)
		hash_field(state, &entity->fields[i]);
	hash_number(state, entity->group_count);
	for (uint32_t i = 0; i < entity->group_count; i++) {
		hash_text(state, entity->groups[i].head.name);
		hash_texts(state, &entity->groups[i].fields);
		hash_text(state, entity->groups[i].owner);
		hash_number(state, entity->groups[i].policy);
		hash_text(state, entity->groups[i].tie);
	}
	hash_number(state, entity->check_count);
	for (uint32_t i = 0; i < entity->check_count; i++)
		hash_bytes(state, entity->checks[i].rule.text, entity->checks[i].rule.length);
	hash_number(state, entity->match_count);
	for (uint32_t i = 0; i < entity->match_count; i++)
		hash_match(state, &entity->matches[i]);
	for (uint32_t u = 0; u < model->unit_count; u++)
		for (uint32_t i = 0; i < model->units[u].owner_count; i++) {
			const struct config_owner *owner = &model->units[u].owners[i];

			if (strcmp(owner->entity, entity->head.name) != 0)
				continue;
			hash_text(state, model->units[u].head.name);
			hash_text(state, owner->field);
			hash_text(state, owner->system);
		}
}

static void
hash_mapping(crypto_generichash_state *state, const struct mapping *mapping)
{
	uint8_t version[RULES_VERSION_BYTES];

	mapping_effective_version(mapping, version);
	hash_bytes(state, version, sizeof version);
}

/* The native record as the rules find it, and what is done with it in each situation. */
static void
hash_inbound(crypto_generichash_state *state, const struct config_binding *binding)
{
	const struct config_object *object = binding->object;
	const struct config_situations *s = binding->situations;

	hash_text(state, object->native);
	hash_texts(state, &object->key);
	hash_text(state, object->external_key);
	hash_text(state, object->version);
	hash_text(state, object->group_into);
	hash_text(state, object->content);
	hash_number(state, binding->originates);
	hash_number(state, (int64_t)s->linked << 40 | (int64_t)s->unlinked << 32 | (int64_t)s->unmatched << 24 | (int64_t)s->missing << 16 |
	                           (int64_t)s->out_of_scope << 8 | s->both_changed);
	hash_number(state, binding->deletes->seen);
	hash_number(state, binding->deletes->resurrect);
	hash_number(state, binding->changed_count);
	for (uint32_t i = 0; i < binding->changed_count; i++) {
		hash_text(state, binding->changed[i].name);
		hash_text(state, binding->changed[i].native);
	}
}

static void
hash_reads(crypto_generichash_state *state, const struct config_read *reads, uint32_t count)
{
	hash_number(state, count);
	for (uint32_t i = 0; i < count; i++) {
		hash_text(state, reads[i].head.name);
		hash_text(state, reads[i].from);
		hash_text(state, reads[i].rule.text);
		hash_reads(state, reads[i].reads, reads[i].read_count);
	}
}

/* Rules over an object without a contract are compiled when the first batch shows its fields; until then their texts stand for them. */
static void
hash_texts_of_rules(crypto_generichash_state *state, const struct lookups *lookups, const struct config_binding *binding)
{
	for (uint32_t i = 0; i < binding->map_count; i++) {
		hash_text(state, binding->maps[i].head.name);
		hash_text(state, binding->maps[i].native);
	}
	hash_reads(state, binding->read, binding->read_count);
	for (uint32_t i = 0; i < lookups->count; i++)
		hash_bytes(state, rules_lookup_hash(lookups->tables[i]), RULES_VERSION_BYTES);
}

static void
version_of_reading(const struct engine *engine, const struct config_binding *binding, const struct mapping *mapping,
                   uint8_t ret_version[RULES_VERSION_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, RULES_VERSION_BYTES);
	hash_text(&state, READING);
	if (binding->reads) {
		if (mapping != NULL)
			hash_mapping(&state, mapping);
		else
			hash_texts_of_rules(&state, &engine->lookups, binding);
		hash_inbound(&state, binding);
		hash_entity(&state, engine->model, binding->flow->entity);
	}
	crypto_generichash_final(&state, ret_version, RULES_VERSION_BYTES);
}

static void
version_of_writing(const struct config_binding *binding, const struct mapping *mapping, uint8_t ret_version[RULES_VERSION_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, RULES_VERSION_BYTES);
	hash_text(&state, WRITING);
	if (mapping != NULL) {
		hash_mapping(&state, mapping);
		hash_text(&state, binding->object->native);
		hash_texts(&state, &binding->object->key);
		hash_text(&state, binding->object->external_key);
		hash_text(&state, binding->attach_to);
		hash_number(&state, binding->deletes->act);
		hash_number(&state, binding->deletes->set_count);
		for (uint32_t i = 0; i < binding->deletes->set_count; i++) {
			hash_text(&state, binding->deletes->set[i].head.name);
			hash_bytes(&state, binding->deletes->set[i].rule.text, binding->deletes->set[i].rule.length);
		}
	}
	crypto_generichash_final(&state, ret_version, RULES_VERSION_BYTES);
}

/* ---- compiling ---- */

static void
set_bit(uint64_t *set, uint32_t field)
{
	set[field / 64] |= UINT64_C(1) << (field % 64);
}

static int
bind_read(struct engine *engine, struct bound *bound, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	const struct config_entity *entity = binding->flow->entity;

	if (binding->reads && mappings_can_read(binding) && mappings_read(engine->model, binding, &engine->lookups, NULL, NULL, &bound->read, err) != 0)
		return -1;
	version_of_reading(engine, binding, bound->read, bound->version);
	for (uint32_t i = 0; binding->reads && i < binding->map_count; i++)
		set_bit(bound->reads, field_index(entity, binding->maps[i].field));
	for (uint32_t i = 0; binding->reads && i < binding->read_count; i++)
		set_bit(bound->reads, field_index(entity, binding->read[i].field));
	return 0;
}

#define DERIVED (RULES_USES_LINK | RULES_USES_URL | RULES_USES_SYNC | RULES_USES_FOLLOW)

static uint8_t
flags_of(const struct bound *bound, uint32_t output)
{
	const struct config_binding *binding = bound->binding;
	const struct config_object *object = binding->object;
	const char *name = mapping_output_fields(bound->write)[output].name;
	const struct config_write *write = config_write_of(binding, name);
	struct rules_dependencies uses;
	uint8_t flags = 0;

	mapping_dependencies(bound->write, output, &uses);
	if (uses.uses & DERIVED)
		flags |= BOUND_DERIVED;
	if ((write != NULL && write->create_only) || (object->external_key != NULL && strcmp(object->external_key, name) == 0))
		flags |= BOUND_CREATE_ONLY;
	for (uint32_t i = 0; i < object->key.count; i++)
		if (strcmp(object->key.items[i], name) == 0)
			flags |= BOUND_KEY;
	return flags;
}

static int
bind_write(struct engine *engine, struct bound *bound, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	const struct config_entity *entity = binding->flow->entity;
	struct rules_dependencies uses;
	uint32_t count;

	bound->condition = -1;
	if (binding->writes && mappings_write(engine->model, binding, &engine->lookups, NULL, &bound->write, err) != 0)
		return -1;
	version_of_writing(binding, bound->write, bound->write_version);
	if (bound->write == NULL)
		return 0;
	count = mapping_output_count(bound->write);
	if ((bound->outputs = calloc(count > 0 ? count : 1, 1)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		bound->outputs[i] = flags_of(bound, i);
		bound->derived = bound->derived || (bound->outputs[i] & BOUND_DERIVED) != 0;
	}
	mapping_dependencies(bound->write, UINT32_MAX, &uses);
	for (uint32_t i = 0; i < uses.words && i < BOUND_WORDS(entity); i++)
		bound->writes[i] |= uses.fields[i];
	if (binding->attach_to != NULL)
		set_bit(bound->writes, field_index(entity, config_field(entity, binding->attach_to)));
	bound->condition = binding->create_if.text != NULL ? 0 : -1;
	return 0;
}

int
bound_make(struct engine *engine, const struct config_binding *binding, struct bound *bound, struct error *err)
{
	uint32_t words = BOUND_WORDS(binding->flow->entity);

	bound->binding = binding;
	bound->id = ledger_binding_id(engine->ledger, binding);
	bound->object = ledger_object_id(engine->ledger, binding->object);
	bound->reads = calloc(words > 0 ? words : 1, sizeof *bound->reads);
	bound->writes = calloc(words > 0 ? words : 1, sizeof *bound->writes);
	if (bound->reads == NULL || bound->writes == NULL)
		return error_memory(err);
	if (bind_read(engine, bound, err) != 0 || bind_write(engine, bound, err) != 0)
		return -1;
	return 0;
}

static void
drop_mapping(struct engine *engine, struct mapping *mapping)
{
	if (mapping != NULL && engine->rules != NULL)
		rules_worker_forget(engine->rules, mapping);
	mapping_free(mapping);
}

void
bound_free(struct engine *engine, struct bound *bound)
{
	drop_mapping(engine, bound->read);
	drop_mapping(engine, bound->write);
	free(bound->reads);
	free(bound->writes);
	free(bound->outputs);
	memset(bound, 0, sizeof *bound);
}

static bool
has_records(const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->header->record_count; i++)
		if (batch_record(batch, i)->op == SYNCLINE_OP_SEEN)
			return true;
	return false;
}

int
engine_bind_late(struct engine *engine, struct bound *bound, const struct batch *sample, struct error *err)
{
	const struct config_binding *binding = bound->binding;

	if (bound->read != NULL || !binding->reads || !has_records(sample))
		return 0;
	return mappings_read(engine->model, binding, &engine->lookups, sample, NULL, &bound->read, err);
}

/* ---- over bindings ---- */

bool
flow_concerns(const struct config_flow *flow, const struct config_unit *unit)
{
	if (unit == NULL || unit->head.name == NULL || *unit->head.name == '\0')
		return flow->units.count == 0;
	for (uint32_t i = 0; i < flow->units.count; i++)
		if (strcmp(flow->units.items[i], unit->head.name) == 0)
			return true;
	return false;
}

void
engine_flow_version(const struct engine *engine, const struct config_flow *flow, uint8_t ret_version[RULES_VERSION_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, RULES_VERSION_BYTES);
	hash_text(&state, flow->entity->head.name);
	hash_number(&state, flow->binding_count);
	for (uint32_t i = 0; i < flow->binding_count; i++) {
		const struct bound *bound = engine_bound(engine, &flow->bindings[i]);

		hash_text(&state, bound->binding->head.name);
		hash_text(&state, bound->binding->object->head.name);
		hash_bytes(&state, bound->version, sizeof bound->version);
		hash_bytes(&state, bound->write_version, sizeof bound->write_version);
	}
	crypto_generichash_final(&state, ret_version, RULES_VERSION_BYTES);
}
