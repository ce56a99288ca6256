/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.c: see engine.h.  Opening compiles every binding of the model; connectors are started when they are asked for, one a
 * (system, credentials, lane), and live as long as the engine.  Used by one thread.
 */
#include "flow/engine.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/admission.h"
#include "flow/bound.h"
#include "os/os.h"

struct engine_connector {
	struct engine_connector *next;
	struct engine *engine;
	const struct config_system *system;
	uint32_t credentials;
	unsigned lane;
	bool keeps_state;
	struct admission admission;
	struct connector *connector;
};

static struct engine_house *
house_of(const struct engine *engine)
{
	return (struct engine_house *)(uintptr_t)engine;
}

/* ---- opening ---- */

static int
make_bounds(struct engine *engine, struct error *err)
{
	const struct model *model = engine->model;
	struct engine_house *house = house_of(engine);
	uint32_t count = 0;

	house->first = calloc(model->flow_count + 1u, sizeof *house->first);
	house->known = calloc(model->system_count + 1u, 1);
	if (house->first == NULL || house->known == NULL)
		return error_memory(err);
	for (uint32_t f = 0; f < model->flow_count; f++) {
		house->first[f] = count;
		count += model->flows[f].binding_count;
	}
	if ((engine->bounds = calloc(count > 0 ? count : 1, sizeof *engine->bounds)) == NULL)
		return error_memory(err);
	for (uint32_t f = 0; f < model->flow_count; f++)
		for (uint32_t b = 0; b < model->flows[f].binding_count; b++)
			if (bound_make(engine, &model->flows[f].bindings[b], &engine->bounds[engine->bound_count++], err) != 0)
				return -1;
	return 0;
}

int
engine_open(const struct engine_options *options, struct engine **ret_engine, struct error *err)
{
	struct engine_house *house;
	struct engine *engine;

	if (sodium_init() < 0)
		return error_set(err, ERROR_INTERNAL, NULL, "libsodium cannot be used here");
	if ((house = calloc(1, sizeof *house)) == NULL)
		return error_memory(err);
	engine = &house->engine;
	if (pthread_mutex_init(&house->lock, NULL) != 0) {
		free(house);
		return error_memory(err);
	}
	engine->options = *options;
	engine->model = options->model;
	engine->ledger = options->ledger;
	if (lookups_load(engine->model, NULL, &engine->lookups, err) != 0 || (engine->rules = rules_worker_new(err)) == NULL ||
	    make_bounds(engine, err) != 0) {
		engine_close(engine);
		return -1;
	}
	*ret_engine = engine;
	return 0;
}

void
engine_close(struct engine *engine)
{
	struct engine_house *house;

	if (engine == NULL)
		return;
	house = house_of(engine);
	for (struct engine_connector *next, *c = engine->connectors; c != NULL; c = next) {
		next = c->next;
		connector_stop(c->connector);
		admission_free(&c->admission);
		free(c);
	}
	for (uint32_t i = 0; i < engine->bound_count; i++)
		bound_free(engine, &engine->bounds[i]);
	free(engine->bounds);
	rules_worker_free(engine->rules);
	lookups_free(&engine->lookups);
	for (struct engine_writer_list *next, *w = house->writers; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	free(house->first);
	free(house->known);
	pthread_mutex_destroy(&house->lock);
	free(house);
}

struct bound *
engine_bound(const struct engine *engine, const struct config_binding *binding)
{
	const struct config_flow *flow = binding->flow;

	return &engine->bounds[house_of(engine)->first[flow - engine->model->flows] + (uint32_t)(binding - flow->bindings)];
}

/* ---- writers ---- */

static struct engine_writer_list *
list_writers(struct engine *engine, const struct config_entity *entity, const struct config_unit *unit)
{
	struct engine_writer_list *list;
	uint32_t count = 0;

	list = calloc(1, sizeof *list + (engine->bound_count + 1u) * sizeof list->bounds[0]);
	if (list == NULL)
		return NULL;
	list->entity = entity;
	list->unit = unit;
	for (uint32_t i = 0; i < engine->bound_count; i++) {
		const struct config_binding *binding = engine->bounds[i].binding;

		if (binding->writes && binding->flow->entity == entity && flow_concerns(binding->flow, unit))
			list->bounds[count++] = &engine->bounds[i];
	}
	return list;
}

struct bound *const *
engine_writers(struct engine *engine, const struct config_entity *entity, const struct config_unit *unit)
{
	struct engine_house *house = house_of(engine);
	struct engine_writer_list *list = house->writers;

	while (list != NULL && (list->entity != entity || list->unit != unit))
		list = list->next;
	if (list == NULL && (list = list_writers(engine, entity, unit)) != NULL) {
		list->next = house->writers;
		house->writers = list;
	}
	return list != NULL ? list->bounds : NULL;
}

/* ---- connectors ---- */

uint32_t
engine_credentials(const struct engine *engine, const struct config_system *system, const struct config_unit *unit)
{
	return ledger_credentials(engine->ledger, system, unit);
}

uint32_t
engine_credentials_of(const struct engine *engine, const struct config_system *system, uint32_t unit)
{
	for (uint32_t i = 0; unit != 0 && i < engine->model->unit_count; i++)
		if (ledger_unit_id(engine->ledger, &engine->model->units[i]) == unit)
			return engine_credentials(engine, system, &engine->model->units[i]);
	return 0;
}

/*
 * What says which installation it is: addresses and paths by their type, and by their names what else tells one account, database
 * or tenant from another.  How it is read (delimiters, limits, pauses) may change.
 */
bool
engine_tells_which(const struct syncline_setting *setting)
{
	static const char *const words[] = { "directory", "import_directory", "path", "folder", "file", "base_url", "host", "server",
		"port", "address", "endpoint", "url", "uri", "dsn", "database", "db", "schema", "service",
		"sid", "catalog", "user", "username", "login", "account", "client", "client_id", "tenant", "tenant_id", "mandant", "org", "organisation",
		"organization", "organization_id", "company", "company_id", "instance", "environment", "project", "workspace", "site", "repository", "bucket",
		"queue", "topic", "vhost" };

	if (setting->type == SYNCLINE_PARAM_URL || setting->type == SYNCLINE_PARAM_PATH)
		return true;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(setting->name, words[i]) == 0)
			return true;
	return false;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(const struct syncline_setting *const *)a)->name, (*(const struct syncline_setting *const *)b)->name);
}

/* Over the settings in the order of their names: where they stand in the files says nothing. */
static int
fingerprint(const struct config_system *system, const struct syncline_settings *settings, const char *tenant, uint8_t ret_fingerprint[16],
            struct error *err)
{
	const struct syncline_setting **sorted;
	crypto_generichash_state state;
	uint32_t count = 0;

	if ((sorted = calloc(settings->count + 1u, sizeof *sorted)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < settings->count; i++)
		if (settings->items[i].configured && engine_tells_which(&settings->items[i]))
			sorted[count++] = &settings->items[i];
	qsort(sorted, count, sizeof *sorted, by_name);
	crypto_generichash_init(&state, NULL, 0, 16);
	hash_bytes(&state, system->connector, strlen(system->connector));
	hash_bytes(&state, system->profile != NULL ? system->profile : "", system->profile != NULL ? strlen(system->profile) : 0);
	for (uint32_t i = 0; i < count; i++) {
		const char *text = sorted[i]->text != NULL ? sorted[i]->text : "";

		hash_bytes(&state, sorted[i]->name, strlen(sorted[i]->name));
		hash_bytes(&state, &sorted[i]->integer, sizeof sorted[i]->integer);
		hash_bytes(&state, text, strlen(text));
		for (uint32_t k = 0; k < sorted[i]->list_count; k++)
			hash_bytes(&state, sorted[i]->list[k], strlen(sorted[i]->list[k]));
	}
	if (tenant != NULL)
		hash_bytes(&state, tenant, strlen(tenant));
	crypto_generichash_final(&state, ret_fingerprint, 16);
	free(sorted);
	return 0;
}

/* Do any of the flows that use the system run for this unit? */
static bool
is_used_for(const struct engine *engine, const struct config_system *system, const struct config_unit *unit)
{
	for (uint32_t i = 0; i < engine->bound_count; i++)
		if (engine->bounds[i].binding->system == system && engine->bounds[i].binding->flow->units.count > 0 &&
		    flow_concerns(engine->bounds[i].binding->flow, unit))
			return true;
	return false;
}

/* Its tenant there, and the settings that it has of its own. */
static int
know_unit(struct engine *engine, const struct config_system *system, const struct config_unit *unit, struct error *err)
{
	static const struct syncline_settings none = { .count = 0 };
	const struct config_unit_system *at = config_unit_system(unit, system->head.name);
	const struct syncline_settings *own = at != NULL && at->has_settings ? &at->settings.settings : &none;
	uint8_t print[16];

	if (fingerprint(system, own, at != NULL && at->tenant != NULL ? at->tenant : "", print, err) != 0)
		return -1;
	return ledger_fingerprint(engine->ledger, system, ledger_unit_id(engine->ledger, unit), print, err) == 1 ? 0 : -1;
}

/*
 * Once a system and engine.  The tenants say whose each row is: with another one than before, a unit's rows would be somebody
 * else's, and its own nobody's.  So it stops what reads for that unit, which is all that goes with the same credentials.
 */
static int
know_system(struct engine *engine, const struct config_system *system, const struct config_unit *unit, struct error *err)
{
	uint8_t *known = &house_of(engine)->known[system - engine->model->systems];
	uint32_t credentials = engine_credentials(engine, system, unit);
	uint8_t print[16];

	if (*known == 0 &&
	    (fingerprint(system, &system->settings.settings, NULL, print, err) != 0 || ledger_fingerprint(engine->ledger, system, 0, print, err) != 1))
		return -1;
	for (uint32_t i = 0; i < engine->model->unit_count; i++) {
		const struct config_unit *other = &engine->model->units[i];

		if (engine_credentials(engine, system, other) == credentials && is_used_for(engine, system, other) &&
		    know_unit(engine, system, other, err) != 0)
			return -1;
	}
	*known = 1;
	return 0;
}

/* A connector's own state changed: durable with the reply that brought it. */
static int
commit_state(void *data, const struct connector_state *changes, uint32_t count, struct error *err)
{
	struct engine_connector *made = data;
	struct ledger_connector_state *states = calloc(count + 1u, sizeof *states);
	int result;

	if (states == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		states[i] = (struct ledger_connector_state){ changes[i].key, changes[i].value };
	made->keeps_state = made->keeps_state || count > 0;
	result = ledger_connector_state_put(made->engine->ledger, made->system, made->credentials, states, count, err);
	free(states);
	return result;
}

static int
start(struct engine *engine, struct engine_connector *made, const struct config_unit *unit, struct error *err)
{
	bool writes = made->lane != ENGINE_LANE_CONTENT && made->system->access == CONFIG_ACCESS_WRITE;
	struct systems_state state = { .commit = commit_state, .data = made };
	const struct systems_admission admission = { .ask = admission_ask, .heard = admission_heard, .data = &made->admission };
	struct ledger_connector_state *kept;
	struct connector_state *states;
	struct arena arena;
	int result;

	arena_init(&arena, 0);
	result = ledger_connector_state(engine->ledger, made->system, made->credentials, &arena, &kept, &state.count, err);
	if (result == 0 && (states = arena_array(&arena, state.count + 1u, sizeof *states)) == NULL)
		result = error_memory(err);
	for (uint32_t i = 0; result == 0 && i < state.count; i++)
		states[i] = (struct connector_state){ kept[i].key, kept[i].value };
	if (result == 0) {
		state.states = states;
		made->keeps_state = state.count > 0;
		result = systems_start(engine->options.systems, made->system, unit, writes, &state, &admission, &made->connector, err);
	}
	arena_free(&arena);
	return result;
}

int
engine_need(const struct engine *engine, const struct config_flow *flow, struct error *err)
{
	for (uint32_t b = 0; b < flow->binding_count; b++)
		if (systems_need(engine->options.systems, flow->bindings[b].system, err) != 0)
			return -1;
	return 0;
}

int
engine_connector(struct engine *engine, const struct config_system *system, const struct config_unit *unit, unsigned lane,
                 struct connector **ret_connector, struct error *err)
{
	uint32_t credentials = engine_credentials(engine, system, unit);
	struct engine_connector *made;

	for (struct engine_connector *c = engine->connectors; c != NULL; c = c->next)
		if (c->system == system && c->credentials == credentials && c->lane == lane) {
			*ret_connector = c->connector;
			return 0;
		}
	/* Before the ledger is told which installation it is: its settings are known in full only with its connector. */
	if (systems_need(engine->options.systems, system, err) != 0 || know_system(engine, system, unit, err) != 0)
		return -1;
	if ((made = calloc(1, sizeof *made)) == NULL)
		return error_memory(err);
	made->system = system;
	made->credentials = credentials;
	made->lane = lane;
	made->engine = engine;
	if (admission_init(&made->admission, engine, system, credentials, err) != 0 || start(engine, made, unit, err) != 0) {
		admission_free(&made->admission);
		free(made);
		return -1;
	}
	if (engine->run != 0)
		connector_set_run(made->connector, engine->run, engine->trace);
	made->next = engine->connectors;
	engine->connectors = made;
	*ret_connector = made->connector;
	return 0;
}

void
engine_forgive(const struct engine *engine, const struct config_flow *flow)
{
	for (uint32_t b = 0; engine->options.systems->manners != NULL && b < flow->binding_count; b++)
		manners_forgive(engine->options.systems->manners, flow->bindings[b].system->head.name);
}

int64_t
engine_left_alone_us(const struct engine *engine, const struct config_system *system, const struct config_unit *unit)
{
	enum manners_state state;

	if (engine->options.systems->manners == NULL)
		return 0;
	return manners_wait_us(engine->options.systems->manners, system->head.name, engine_credentials(engine, system, unit), os_monotonic_ms() * 1000, &state);
}

static struct admission *
admission_of(const struct engine *engine, const struct connector *connector)
{
	for (struct engine_connector *c = engine->connectors; c != NULL; c = c->next)
		if (c->connector == connector)
			return &c->admission;
	return NULL;
}

bool
engine_take_slot(struct engine *engine, const struct connector *connector, uint64_t *turn)
{
	const struct admission *a = admission_of(engine, connector);

	return a == NULL || a->account == NULL || manners_take_slot(a->account, a->system->limits, os_monotonic_ms() * 1000, turn);
}

void
engine_leave_line(struct engine *engine, const struct connector *connector, uint64_t *turn)
{
	const struct admission *a = *turn != 0 ? admission_of(engine, connector) : NULL;

	if (a != NULL && a->account != NULL)
		manners_leave_line(a->account, turn);
	*turn = 0;
}

void
engine_give_slot(struct engine *engine, const struct connector *connector)
{
	const struct admission *a = admission_of(engine, connector);

	if (a != NULL && a->account != NULL)
		manners_give_slot(a->account);
}

bool
engine_keeps_state(const struct engine *engine, const struct connector *connector)
{
	for (const struct engine_connector *c = engine->connectors; c != NULL; c = c->next)
		if (c->connector == connector)
			return c->keeps_state;
	return false;
}

/* ---- interrupting ---- */

static void
put_reading(struct engine *engine, struct connector *was, struct connector *is)
{
	struct engine_house *house = house_of(engine);

	pthread_mutex_lock(&house->lock);
	for (uint32_t i = 0; i < ENGINE_READS; i++)
		if (house->reading[i] == was) {
			house->reading[i] = is;
			break;
		}
	if (is != NULL && house->interrupted)
		connector_cancel(is);
	pthread_mutex_unlock(&house->lock);
}

void
engine_reading(struct engine *engine, struct connector *connector)
{
	put_reading(engine, NULL, connector);
}

void
engine_read(struct engine *engine, struct connector *connector)
{
	put_reading(engine, connector, NULL);
}

void
engine_interrupt(struct engine *engine)
{
	struct engine_house *house = house_of(engine);

	pthread_mutex_lock(&house->lock);
	house->interrupted = true;
	for (uint32_t i = 0; i < ENGINE_READS; i++)
		if (house->reading[i] != NULL)
			connector_cancel(house->reading[i]);
	pthread_mutex_unlock(&house->lock);
}

/* ---- telling ---- */

void
engine_work_for(struct engine *engine, const struct ledger_run *run)
{
	engine->run = run->number;
	engine->flow = run->flow;
	engine->unit = run->unit;
	ledger_run_trace(engine->ledger, run, engine->trace);
	for (struct engine_connector *c = engine->connectors; c != NULL; c = c->next)
		connector_set_run(c->connector, engine->run, engine->trace);
}

bool
engine_progress(struct engine *engine, const char *what, uint64_t done, uint64_t total)
{
	if (!engine->stopped && engine->options.progress != NULL && !engine->options.progress(engine->options.data, what, done, total))
		engine->stopped = true;
	return !engine->stopped;
}

void
engine_say(struct engine *engine, uint32_t level, const char *format, ...)
{
	char text[2048];
	va_list list;

	if (engine->options.say == NULL)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	engine->options.say(engine->options.data, level, text);
}
