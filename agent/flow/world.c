/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c: see world.h.  Runs in the engine's thread, inside mapping_run(): what it answers stays valid until world_free(),
 * since the worker keeps values of a batch until the batch is done.
 */
#include "flow/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "flow/bound.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"

static int
failed(void)
{
	return RULES_KNOWN_FAILED;
}

static int
no_memory(struct error *err)
{
	(void)error_memory(err);
	return RULES_KNOWN_FAILED;
}

/* A copy that lives as long as the world. */
static int
answer(struct world *world, const void *data, size_t length, struct syncline_slice *ret_value, struct error *err)
{
	const char *copy = arena_copy(&world->arena, length > 0 ? data : "", length);

	if (copy == NULL)
		return no_memory(err);
	*ret_value = (struct syncline_slice){ copy, length };
	return RULES_KNOWN_YES;
}

/* ---- reading ---- */

static int
ask_ref(void *data, const struct rules_record_context *record, const char *name, const struct syncline_slice *parts, uint32_t count,
        struct syncline_slice *ret_value, struct error *err)
{
	struct world *world = data;
	const struct config_system *system = world->bound->binding->system;
	const struct config_object *object = config_object(system, name);

	(void)record;
	if (object == NULL) {
		(void)error_set(err, ERROR_RULE_INVALID, "ref() names an object of the same system by its alias.", "there is no object %s.%s",
		                system->head.name, name);
		return failed();
	}
	/* A parent's native id is what its own read makes of its key: the parts in the key's order, joined. */
	if (object->key.count > 0 && object->key.count != count) {
		(void)error_set(err, ERROR_RULE_INVALID, "Give ref() all parts of the key, in the order in which `key` names them.",
		                "ref('%s', …) gives %u parts, and the key of %s.%s has %u", name, count, system->head.name, name, object->key.count);
		return failed();
	}
	buffer_clear(&world->value);
	buffer_format(&world->value, "%u:", ledger_object_id(world->engine->ledger, object));
	if (batch_join_key(&world->value, parts, count) != 0 || world->value.failed)
		return no_memory(err);
	return answer(world, world->value.data, world->value.length, ret_value, err);
}

bool
world_parse_ref(const void *text, size_t length, uint32_t *ret_object, struct syncline_slice *ret_native)
{
	const char *at = text, *colon = length > 0 ? memchr(text, ':', length) : NULL;
	int64_t object;

	if (colon == NULL || !text_to_integer(at, (size_t)(colon - at), &object) || object <= 0 || object > UINT32_MAX)
		return false;
	*ret_object = (uint32_t)object;
	*ret_native = (struct syncline_slice){ colon + 1, length - (size_t)(colon + 1 - at) };
	return true;
}

/* ---- writing: links ---- */

static bool
record_of_ref(const struct syncline_slice *ref, int64_t *ret_record)
{
	return text_to_integer(ref->data, ref->length, ret_record) && *ret_record > 0;
}

/* The record's live link at one binding's object; ret_link->id 0: none. */
static int
link_at(struct world *world, const struct config_binding *binding, int64_t record, struct ledger_link *ret_link, struct error *err)
{
	ret_link->id = 0;
	if (binding->attach_to != NULL)
		return 0; /* its object is another record's */
	return ledger_link_at(world->engine->ledger, binding->flow->entity, record, ledger_object_id(world->engine->ledger, binding->object),
	                      &world->arena, ret_link, err);
}

/* At a system: where this flow has records of the entity first, then any other flow of the unit. */
static int
link_of(struct world *world, const char *system, const struct config_entity *entity, int64_t record, const struct config_binding **ret_binding,
        struct ledger_link *ret_link, struct error *err)
{
	const struct config_flow *own = world->bound->binding->flow;
	const struct model *model = world->engine->model;
	const struct config_binding *binding = own->entity == entity ? config_binding(own, system) : NULL;

	ret_link->id = 0;
	*ret_binding = binding;
	if (binding != NULL && (link_at(world, binding, record, ret_link, err) != 0 || ret_link->id != 0))
		return ret_link->id != 0 ? 0 : -1;
	for (uint32_t i = 0; i < model->flow_count; i++) {
		const struct config_flow *flow = &model->flows[i];

		if (flow == own || flow->entity != entity || !flow_concerns(flow, world->unit) || (binding = config_binding(flow, system)) == NULL)
			continue;
		if (link_at(world, binding, record, ret_link, err) != 0)
			return -1;
		if (*ret_binding == NULL || ret_link->id != 0)
			*ret_binding = binding;
		if (ret_link->id != 0)
			return 0;
	}
	return 0;
}

static int
ask_link(void *data, const struct rules_record_context *record, const char *system, const struct syncline_slice *key,
         struct syncline_slice *ret_value, struct error *err)
{
	struct world *world = data;
	const struct config_entity *entity = world->bound->binding->flow->entity;
	const struct config_binding *binding;
	int64_t id = world->records[record->index];
	bool parent = key->length > 0;
	struct ledger_link link;

	if (parent) {
		if (!record_of_ref(key, &id)) {
			(void)error_set(err, ERROR_RULE_INVALID, "Its second argument is a field of type ref.", "link('%s', …) was given a value that is no reference",
			                system);
			return failed();
		}
		if ((entity = ledger_record_entity(world->engine->ledger, id)) == NULL)
			return RULES_KNOWN_NULL; /* of an entity that is no longer configured */
	}
	if (link_of(world, system, entity, id, &binding, &link, err) != 0)
		return failed();
	if (link.id != 0)
		return answer(world, link.native.data, link.native.length, ret_value, err);
	if (parent && world->missing != NULL)
		world->missing[record->index] = id;
	return RULES_KNOWN_NOT_YET;
}

/* ---- writing: addresses ---- */

static void
escape(struct buffer *buffer, const char *data, size_t length, bool slashes)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)data[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~' ||
		    (slashes && c == '/')) {
			buffer_char(buffer, (char)c);
			continue;
		}
		buffer_char(buffer, '%');
		buffer_char(buffer, hex[c >> 4]);
		buffer_char(buffer, hex[c & 15]);
	}
}

/* The system's address: `web_url` if its connector has that, else its first URL, else (documents alone) its first path. */
static const struct syncline_setting *
base_address(const struct config_binding *binding, const struct config_unit *unit, bool *ret_url)
{
	const struct syncline_settings *settings = &config_settings(binding->system, unit)->settings;
	const struct syncline_setting *url = NULL, *path = NULL;

	for (uint32_t i = 0; i < settings->count; i++) {
		const struct syncline_setting *setting = &settings->items[i];

		if (setting->text == NULL || *setting->text == '\0')
			continue;
		if (strcmp(setting->name, "web_url") == 0) {
			url = setting;
			break;
		}
		if (url == NULL && (setting->type == SYNCLINE_PARAM_URL || strcmp(setting->name, "base_url") == 0))
			url = setting;
		else if (path == NULL && (setting->type == SYNCLINE_PARAM_PATH || strcmp(setting->name, "directory") == 0))
			path = setting;
	}
	*ret_url = url != NULL;
	return url != NULL ? url : binding->path.text != NULL ? path : NULL;
}

static size_t
without_end_slash(const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '/')
		length--;
	return length;
}

/* ADDRESS/OBJECT/NATIVE ID; escaped for a URL, as it stands for a path. */
static int
make_address(struct world *world, const struct config_binding *binding, const struct ledger_link *link, struct syncline_slice *ret_value,
             struct error *err)
{
	bool url, document = binding->path.text != NULL;
	const struct syncline_setting *base = base_address(binding, world->unit, &url);
	const char *native = binding->object->native, *id = link->native.data;
	size_t id_length = link->native.length;
	struct buffer *value = &world->value;

	if (base == NULL)
		return RULES_KNOWN_NULL;
	while (*native == '/')
		native++;
	while (document && id_length > 0 && *id == '/') {
		id++;
		id_length--;
	}
	buffer_clear(value);
	buffer_append(value, base->text, without_end_slash(base->text));
	if (without_end_slash(native) > 0) {
		buffer_char(value, '/');
		if (url)
			escape(value, native, without_end_slash(native), true);
		else
			buffer_append(value, native, without_end_slash(native));
	}
	buffer_char(value, '/');
	if (url)
		escape(value, id, id_length, document);
	else
		buffer_append(value, id, id_length);
	if (value->failed)
		return no_memory(err);
	return answer(world, value->data, value->length, ret_value, err);
}

static int
ask_url(void *data, const struct rules_record_context *record, const char *system, struct syncline_slice *ret_value, struct error *err)
{
	struct world *world = data;
	const struct config_binding *binding;
	struct ledger_link link;

	if (link_of(world, system, world->bound->binding->flow->entity, world->records[record->index], &binding, &link, err) != 0)
		return failed();
	if (link.id == 0)
		return RULES_KNOWN_NOT_YET;
	/* Which of its settings is the address, the connector says. */
	if (systems_need(world->engine->options.systems, binding->system, err) != 0)
		return failed();
	return make_address(world, binding, &link, ret_value, err);
}

/* ---- writing: the record itself ---- */

static int
ask_record_id(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	struct world *world = data;
	char id[LEDGER_EXTERNAL_ID + 1];

	ledger_external_id(world->engine->ledger, world->records[record->index], id);
	return answer(world, id, LEDGER_EXTERNAL_ID, ret_value, err);
}

static int
ask_follow(void *data, const struct rules_record_context *record, const char *name, const struct syncline_slice *ref, const char *field,
           struct syncline_value *ret_value, struct error *err)
{
	struct world *world = data;
	const struct config_entity *entity = config_entity(world->engine->model, name);
	const struct config_field *of = entity != NULL ? config_field(entity, field) : NULL;
	struct ledger_record parent;
	int64_t id;

	(void)record;
	if (of == NULL || !record_of_ref(ref, &id))
		return RULES_KNOWN_NULL;
	if (ledger_records_get(world->engine->ledger, entity, &id, 1, &world->arena, &parent, err) != 0)
		return failed();
	if (parent.id == 0)
		return RULES_KNOWN_NULL;
	*ret_value = parent.values[field_index(entity, of)];
	return RULES_KNOWN_YES;
}

/* What stands in the way of a record, elsewhere than where it is being written. */
struct trouble {
	struct world *world;
	int rank; /* 0: none */
	char state[32];
	char why[600];
};

/* How serious a state is: what needs a person before what only takes time. */
static int
rank_of(uint8_t state)
{
	static const int ranks[LEDGER_DELIVERY_STATE_COUNT] = {
		[LEDGER_DELIVERY_PENDING] = 1, [LEDGER_DELIVERY_SENDING] = 1, [LEDGER_DELIVERY_HANDED_OVER] = 2, [LEDGER_DELIVERY_WAITING] = 3,
		[LEDGER_DELIVERY_UNCERTAIN] = 4, [LEDGER_DELIVERY_HELD] = 5, [LEDGER_DELIVERY_PARKED] = 6, [LEDGER_DELIVERY_DEAD] = 8,
	};

	return state < LEDGER_DELIVERY_STATE_COUNT ? ranks[state] : 0;
}
#define RANK_FINDING 7
#define RANK_IN_THE_WAY 3 /* from here on it is worth a sentence */

static int
see_delivery(void *data, const struct ledger_delivery *row)
{
	struct trouble *trouble = data;
	const struct config_binding *binding = ledger_binding(trouble->world->engine->ledger, row->binding);

	if (row->binding == trouble->world->bound->id || rank_of(row->state) <= trouble->rank)
		return 0;
	trouble->rank = rank_of(row->state);
	snprintf(trouble->state, sizeof trouble->state, "%s", ledger_delivery_state_name((enum ledger_delivery_state)row->state));
	snprintf(trouble->why, sizeof trouble->why, "%s: %s", binding != NULL ? binding->system->head.name : "?",
	         row->reason != NULL ? row->reason : ledger_delivery_state_name((enum ledger_delivery_state)row->state));
	return 0;
}

static int
see_finding(void *data, const struct ledger_finding *row)
{
	struct trouble *trouble = data;

	if (RANK_FINDING <= trouble->rank)
		return 0;
	trouble->rank = RANK_FINDING;
	snprintf(trouble->state, sizeof trouble->state, "%s", ledger_finding_name(row->kind));
	snprintf(trouble->why, sizeof trouble->why, "%s", row->message != NULL ? row->message : ledger_finding_name(row->kind));
	return 0;
}

static int
look_for_trouble(struct world *world, uint32_t index, struct trouble *trouble, struct error *err)
{
	static const enum ledger_finding_kind kinds[] = { LEDGER_FINDING_CONFLICT, LEDGER_FINDING_REVIEW };
	struct ledger_delivery_filter deliveries = { .unit = world->unit_id, .record = world->records[index] };

	*trouble = (struct trouble){ .world = world };
	if (ledger_deliveries(world->engine->ledger, &deliveries, see_delivery, trouble, err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct ledger_finding_filter findings = { .kind = kinds[i], .record = world->records[index] };

		if (ledger_findings(world->engine->ledger, &findings, see_finding, trouble, err) != 0)
			return -1;
	}
	return 0;
}

static int
ask_sync_state(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	struct trouble trouble;

	if (look_for_trouble(data, record->index, &trouble, err) != 0)
		return failed();
	return trouble.rank == 0 ? answer(data, "synced", 6, ret_value, err) : answer(data, trouble.state, strlen(trouble.state), ret_value, err);
}

static int
ask_sync_error(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	struct trouble trouble;

	if (look_for_trouble(data, record->index, &trouble, err) != 0)
		return failed();
	return trouble.rank < RANK_IN_THE_WAY ? RULES_KNOWN_NULL : answer(data, trouble.why, strlen(trouble.why), ret_value, err);
}

/* ---- both ---- */

static void
begin(struct world *world, struct engine *engine, const struct bound *bound, const struct config_unit *unit, int64_t run_time_us)
{
	bool house = unit == NULL || unit->head.name == NULL;

	memset(world, 0, sizeof *world);
	world->engine = engine;
	world->bound = bound;
	world->unit = unit;
	world->unit_id = ledger_unit_id(engine->ledger, unit);
	buffer_init(&world->value, 0);
	arena_init(&world->arena, 0);
	world->rules.data = world;
	world->rules.unit = house ? NULL : unit->head.name;
	world->rules.timezone = house ? engine->model->agent->timezone : unit->timezone;
	world->rules.run_time_us = run_time_us;
}

void
world_read(struct world *world, struct engine *engine, const struct bound *bound, const struct config_unit *unit, int64_t run_time_us)
{
	begin(world, engine, bound, unit, run_time_us);
	world->rules.ref = ask_ref;
}

void
world_write(struct world *world, struct engine *engine, const struct bound *bound, const struct config_unit *unit, int64_t run_time_us,
            const int64_t *records, int64_t *missing)
{
	begin(world, engine, bound, unit, run_time_us);
	world->records = records;
	world->missing = missing;
	world->rules.link = ask_link;
	world->rules.url = ask_url;
	world->rules.record_id = ask_record_id;
	world->rules.sync_state = ask_sync_state;
	world->rules.sync_error = ask_sync_error;
	world->rules.follow = ask_follow;
}

void
world_free(struct world *world)
{
	buffer_free(&world->value);
	arena_free(&world->arena);
}
