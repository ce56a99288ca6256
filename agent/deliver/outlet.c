/* SPDX-License-Identifier: BSD-2-Clause */
/* outlet.c: one binding's way out.  See inside.h. */
#include <stdlib.h>
#include <string.h>

#include "deliver/inside.h"

#define ARENA_MAX (256u * 1024u * 1024u)

static struct deliver_system *
system_of(struct deliver *deliver, const struct config_system *system)
{
	for (uint32_t i = 0; i < deliver->system_count; i++)
		if (deliver->systems[i].system == system)
			return &deliver->systems[i];
	deliver->systems[deliver->system_count].system = system;
	return &deliver->systems[deliver->system_count++];
}

/* What of the write mapping asks where a parent is at the target. */
static int
look_at_outputs(struct outlet *outlet, struct error *err)
{
	const struct mapping *mapping = outlet->bound->write;
	uint32_t words = BOUND_WORDS(outlet->entity);

	outlet->output_count = mapping_output_count(mapping);
	outlet->output_words = (outlet->output_count + 63) / 64;
	outlet->asks_link = arena_zalloc(&outlet->deliver->arena, outlet->output_count + 1u);
	outlet->output_reads = arena_array(&outlet->deliver->arena, (size_t)outlet->output_count * words + 1, sizeof *outlet->output_reads);
	if (outlet->asks_link == NULL || outlet->output_reads == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < outlet->output_count; i++) {
		struct rules_dependencies uses;

		mapping_dependencies(mapping, i, &uses);
		outlet->asks_link[i] = (uses.uses & RULES_USES_LINK) != 0;
		memcpy(&outlet->output_reads[(size_t)i * words], uses.fields, (uses.words < words ? uses.words : words) * sizeof *uses.fields);
	}
	return 0;
}

/* attach_to: whose link is written to. */
static void
attach(struct outlet *outlet)
{
	const struct model *model = outlet->deliver->engine->model;
	const struct config_entity *referred;

	outlet->linked = outlet->entity;
	if (outlet->binding->attach_to == NULL || (outlet->attach = config_field(outlet->entity, outlet->binding->attach_to)) == NULL)
		return;
	referred = outlet->attach->entity != NULL ? config_entity(model, outlet->attach->entity) : NULL;
	if (referred != NULL)
		outlet->linked = referred;
}

int
outlet_init(struct outlet *outlet, struct deliver *deliver, struct bound *bound, struct error *err)
{
	const struct intake *intake = deliver->intake;
	const struct config_unit_system *at;

	memset(outlet, 0, sizeof *outlet);
	arena_init(&outlet->arena, ARENA_MAX);
	for (size_t i = 0; i < sizeof outlet->trips / sizeof *outlet->trips; i++)
		arena_init(&outlet->trips[i].arena, ARENA_MAX);
	buffer_init(&outlet->scratch, 0);
	outlet->deliver = deliver;
	outlet->rules = deliver->engine->rules;
	outlet->bound = bound;
	outlet->binding = bound->binding;
	outlet->entity = bound->binding->flow->entity;
	outlet->object = config_sdk_object(bound->binding->object);
	outlet->system = system_of(deliver, bound->binding->system);
	outlet->id = bound->id;
	outlet->object_id = ledger_object_id(deliver->ledger, bound->binding->object);
	outlet->words = ledger_field_limit(deliver->ledger, outlet->entity);
	at = intake->unit != NULL ? config_unit_system(intake->unit, bound->binding->system->head.name) : NULL;
	outlet->tenant = at != NULL && bound->binding->object->tenant != NULL ? at->tenant : NULL;
	attach(outlet);
	/* What is written into others' records is not merged with what is read of them, which is for their own flow to do. */
	if (outlet->attach == NULL)
		outlet->reader = intake_reader_of(deliver->engine, outlet->entity, bound->binding->object, intake->unit);
	if ((outlet->fields = arena_array(&deliver->arena, outlet->entity->field_count + 1u, sizeof *outlet->fields)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < outlet->entity->field_count; i++)
		outlet->fields[i] = ledger_field_id(deliver->ledger, outlet->entity, &outlet->entity->fields[i]);
	return look_at_outputs(outlet, err);
}

/* What a connector of an older contract doesn't know of, it can't. */
static void
take_capabilities(struct outlet *outlet, const struct syncline_capabilities *can)
{
	memset(&outlet->can, 0, sizeof outlet->can);
	memcpy(&outlet->can, can, can->struct_size < sizeof outlet->can ? can->struct_size : sizeof outlet->can);
}

static void
refine(void *data, const struct syncline_object_info *info)
{
	struct outlet *outlet = data;

	if (info->capabilities == NULL || info->native == NULL || strcmp(info->native, outlet->object->native) != 0)
		return;
	take_capabilities(outlet, info->capabilities);
}

/* What protects other people's changes. */
uint8_t
deliver_guard(const struct config_binding *binding, const struct syncline_capabilities *can, bool is_read)
{
	bool version = binding->object->version != NULL && can->conditional_write != SYNCLINE_NONE;

	if (binding->guard == CONFIG_GUARD_NONE)
		return CONFIG_GUARD_NONE;
	if (version && binding->guard != CONFIG_GUARD_REREAD)
		return CONFIG_GUARD_VERSION;
	/* Reading again serves the merge: without anybody who reads the object there is nothing to merge with. */
	if (can->get != SYNCLINE_NONE && is_read)
		return CONFIG_GUARD_REREAD;
	return CONFIG_GUARD_NONE;
}

/*
 * What is published as a whole is written by one process, and so is what keeps something for itself from call to call: of two that begin with
 * the same, one would undo what the other kept.
 */
uint32_t
deliver_lanes(const struct engine *engine, const struct config_system *system, const struct connector *sink)
{
	int64_t parallel = system->limits->parallel;
	bool alone = (connector_info(sink)->optional & CONNECTOR_HAS_FINISH) != 0 || engine_keeps_state(engine, sink);

	return alone || parallel < 1 ? 1 : parallel > (int64_t)DELIVER_LANES_MAX ? DELIVER_LANES_MAX : (uint32_t)parallel;
}

uint32_t
outlet_lanes(struct outlet *outlet, uint32_t wanted)
{
	struct deliver *deliver = outlet->deliver;
	struct error why = { 0 };

	if (wanted > outlet->lane_max)
		wanted = outlet->lane_max;
	while (outlet->lane_count < wanted) {
		if (engine_connector(deliver->engine, outlet->binding->system, deliver->intake->unit, ENGINE_LANE_WRITE + outlet->lane_count - 1,
		                     &outlet->lanes[outlet->lane_count], &why) != 0) {
			engine_say(deliver->engine, SYNCLINE_LOG_WARNING, "%s is written to by %u processes at a time instead of %u: %s",
			           outlet->binding->system->head.name, outlet->lane_count, outlet->lane_max, why.message);
			outlet->lane_max = outlet->lane_count;
			break;
		}
		outlet->lane_count++;
	}
	return wanted < outlet->lane_count ? wanted : outlet->lane_count;
}

int
outlet_builders(struct outlet *outlet, struct error *err)
{
	if ((outlet->golden = batch_builder_new(err)) == NULL || (outlet->written = batch_builder_new(err)) == NULL ||
	    (outlet->payload = batch_builder_new(err)) == NULL) {
		batch_builder_free(outlet->golden);
		batch_builder_free(outlet->written);
		outlet->golden = outlet->written = NULL;
		return -1;
	}
	batch_builder_trust(outlet->golden);
	batch_builder_trust(outlet->written);
	batch_builder_trust(outlet->payload);
	return 0;
}

int
outlet_open(struct outlet *outlet, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	const struct connector_findings findings = { .object = refine, .data = outlet };
	struct error ignored = { 0 };

	if (outlet->sink != NULL)
		return 0;
	if (engine_connector(deliver->engine, outlet->binding->system, deliver->intake->unit, ENGINE_LANE_MAIN, &outlet->sink, err) != 0) {
		outlet->sink = NULL;
		return -1;
	}
	outlet->can = *connector_capabilities(outlet->sink);
	/* What discover knows better it says; what it can't say now stands as the descriptor has it. */
	if (connector_offers(outlet->sink, "discover/1") && connector_discover_objects(outlet->sink, &findings, &ignored) != 0 &&
	    ignored.code == ERROR_MEMORY) {
		outlet->sink = NULL;
		*err = ignored;
		return -1;
	}
	outlet->lanes[0] = outlet->sink;
	outlet->lane_count = 1;
	outlet->lane_max = deliver_lanes(deliver->engine, outlet->binding->system, outlet->sink);
	outlet->guard = deliver_guard(outlet->binding, &outlet->can, outlet->reader != NULL);
	if (outlet->guard == CONFIG_GUARD_NONE && outlet->binding->guard != CONFIG_GUARD_NONE && outlet->reader != NULL)
		engine_say(deliver->engine, SYNCLINE_LOG_WARNING,
		           "%s.%s can neither be written by version nor be read again before a write: a change made there between reading and writing "
		           "is overwritten.  Set guard = \"none\" to accept that.", outlet->binding->system->head.name, outlet->binding->object->head.name);
	if (outlet_builders(outlet, err) == 0)
		return 0;
	outlet->sink = NULL;
	return -1;
}

int
outlet_owe(struct outlet *outlet, struct error *err)
{
	if (outlet->unpublished || outlet->sink == NULL || (connector_info(outlet->sink)->optional & CONNECTOR_HAS_FINISH) == 0)
		return 0;
	if (ledger_unpublished_set(outlet->deliver->ledger, outlet->id, outlet->deliver->intake->unit_id, true, err) != 0)
		return -1;
	outlet->unpublished = true;
	return 0;
}

int
outlet_open_blind(struct outlet *outlet, struct error *err)
{
	const struct syncline_connector *descriptor = outlet->binding->system->descriptor;

	if (descriptor != NULL && descriptor->capabilities != NULL)
		take_capabilities(outlet, descriptor->capabilities);
	return outlet_builders(outlet, err);
}

int
outlet_deactivation(struct outlet *outlet, struct error *err)
{
	struct engine *engine = outlet->deliver->engine;

	if (outlet->deactivate != NULL)
		return 0;
	return mappings_deactivate(engine->model, outlet->binding, &engine->lookups, NULL, &outlet->deactivate, err);
}

void
outlet_free(struct outlet *outlet)
{
	aside_free(outlet->aside);
	send_abandon(outlet);
	if (outlet->deactivate != NULL)
		rules_worker_forget(outlet->deliver->engine->rules, outlet->deactivate);
	mapping_free(outlet->deactivate);
	batch_builder_free(outlet->golden);
	batch_builder_free(outlet->written);
	batch_builder_free(outlet->payload);
	observed_free(&outlet->observed);
	buffer_free(&outlet->scratch);
	arena_free(&outlet->arena);
	for (size_t i = 0; i < sizeof outlet->trips / sizeof *outlet->trips; i++)
		arena_free(&outlet->trips[i].arena);
}

void
outlet_heard(struct outlet *outlet, const struct error *why)
{
	struct deliver *deliver = outlet->deliver;
	struct deliver_system *system = outlet->system;
	int64_t pause = (int64_t)why->retry_after_ms * 1000;

	switch (why->klass) {
	case SYNCLINE_AUTH:
	case SYNCLINE_CONFIG:
		system->parked = true;
		break;
	case SYNCLINE_THROTTLED:
		if (pause == 0)
			pause = deliver_pause_us(system->system->limits, system->throttled, 0);
		system->throttled++;
		if (ledger_now(deliver->ledger) + pause > system->not_before_us)
			system->not_before_us = ledger_now(deliver->ledger) + pause;
		return;
	default:
		system->last = *why;
		if (++system->failures < DELIVER_FAILURES_MAX)
			return;
		/* Who has patience waits, longer and longer; else it is left to the next run. */
		if (deliver->waited_ms < deliver->options->patience_ms) {
			pause = deliver_pause_us(system->system->limits, system->failures, 0);
			system->not_before_us = ledger_now(deliver->ledger) + pause;
			return;
		}
		system->down = true;
		break;
	}
	if (!deliver->result->failed) {
		deliver->result->failed = true;
		deliver->result->first = *why;
	}
}

int
outlet_in_vain(struct outlet *outlet, const struct error *why, struct error *err)
{
	if (why->code == ERROR_MEMORY) {
		*err = *why;
		return -1;
	}
	outlet_heard(outlet, why);
	return 0;
}

uint32_t
outlet_batch_max(const struct outlet *outlet)
{
	uint32_t most = outlet->can.write_batch_max;

	return most == 0 || most > DELIVER_SPAN_MAX ? DELIVER_SPAN_MAX : most;
}

uint32_t
outlet_claim_max(const struct outlet *outlet)
{
	uint64_t most = (uint64_t)outlet_batch_max(outlet) * (outlet->lane_max > 0 ? outlet->lane_max : 1);

	return most > DELIVER_SPAN_MAX ? DELIVER_SPAN_MAX : (uint32_t)most;
}
