/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_systems.c: the part of `syncline doctor` that asks the systems.  What the connector checks by itself comes first.  Then each
 * object that a flow uses is tried as a run would: the first rows are read and held against the contract and the rules, and fields
 * that are written are looked for among those that the system shows.  Nothing is kept and nothing is written.
 *
 * Every call has the system's own limits.timeout.  A system that doesn't answer is not asked for its other objects: each would take as
 * long, to say the same.
 */
#include "ctl/doctor.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "flow/read.h"
#include "ledger/runs.h"
#include "ledger/staging.h"

#define FIRST_ROWS 1000u /* of an object without a contract: its fields are those of the first batch, as in a run */

/* A system by one of its credentials. */
struct asking {
	const struct doctor_systems *doctor;
	const struct config_system *system;
	const struct config_unit *unit; /* whose settings these are, or NULL */
	struct connector *connector;
	const struct config_object *object; /* that is being asked for, or NULL */
	struct arena arena;                 /* of the names of its fields */
	const char **names;
	uint32_t count, room;
	unsigned remarks;
	bool no_memory;
	bool silent; /* it didn't answer */
};

static void
tell(struct asking *asking, const char *native, const char *hint, const char *message)
{
	const char *unit = asking->unit != NULL ? asking->unit->head.name : "";
	char place[3 * SYNCLINE_NAME_MAX + 8];

	if (asking->object != NULL)
		snprintf(place, sizeof place, "%s.%s%s%s", asking->system->head.name, asking->object->head.name, unit[0] != '\0' ? " " : "", unit);
	else
		snprintf(place, sizeof place, "%s%s%s%s%s", asking->system->head.name, unit[0] != '\0' ? " " : "", unit, native != NULL ? " " : "",
		         native != NULL ? native : "");
	asking->doctor->found(asking->doctor->data, place, hint, message);
}

/* Other objects may be well where this one is missing or meant wrongly; where the system can't be reached none is. */
static void
tell_error(struct asking *asking, const struct error *err)
{
	char hint[2 * SYNCLINE_NAME_MAX + 80];
	const char *next = err->hint;

	if (next[0] == '\0') {
		if (asking->object != NULL)
			snprintf(hint, sizeof hint, "`syncline discover %s` lists the objects that it has now.", asking->system->head.name);
		else
			snprintf(hint, sizeof hint, "`syncline explain %s` tells what it means.", error_name(err->code));
		next = hint;
	}
	tell(asking, NULL, next, err->message);
	asking->silent = err->klass != SYNCLINE_NOT_FOUND && err->klass != SYNCLINE_CONFIG && err->klass != SYNCLINE_INVALID && err->klass != SYNCLINE_PERMANENT;
}

/* The same of a rule or a row: where it stands is half of it. */
static void
tell_placed(struct asking *asking, const struct error *err)
{
	char message[sizeof err->place + sizeof err->message + 4];

	snprintf(message, sizeof message, "%s%s%s", err->place, err->place[0] != '\0' ? ": " : "", err->message);
	tell(asking, NULL, err->hint, message);
}

/* The connector looks around. */

static void
remark(void *data, uint32_t severity, const char *object, const char *message, const char *hint)
{
	struct asking *asking = data;

	if (severity < SYNCLINE_LOG_WARNING)
		return;
	asking->remarks++;
	tell(asking, object, hint != NULL ? hint : "", message);
}

static bool
look_around(struct asking *asking, bool *ret_checked)
{
	const struct connector_findings findings = { .remark = remark, .data = asking };
	const struct config_system *system = asking->system;
	struct error err = { 0 };
	bool good;

	good = systems_start(&asking->doctor->opened->loaded.systems, system, asking->unit, system->access == CONFIG_ACCESS_WRITE, NULL, NULL,
	                     &asking->connector, &err) == 0;
	*ret_checked = good && connector_offers(asking->connector, "check/1");
	if (*ret_checked)
		good = connector_check(asking->connector, &findings, &err) == 0;
	if (!good)
		tell_error(asking, &err);
	return good;
}

/* Which flows use it. */

static int
is_on(const struct asking *asking, const struct config_flow *flow, bool *ret_on, struct error *err)
{
	const struct opened *opened = asking->doctor->opened;
	uint32_t count = flow->units.count > 0 ? flow->units.count : 1;
	struct ledger_flag flag;

	*ret_on = false;
	for (uint32_t u = 0; u < count && !*ret_on; u++) {
		const struct config_unit *unit = flow->units.count > 0 ? config_unit(opened->loaded.model, flow->units.items[u]) : NULL;
		const struct config_unit_system *at = unit != NULL ? config_unit_system(unit, asking->system->head.name) : NULL;

		if ((at != NULL && at->has_settings ? unit : NULL) != asking->unit)
			continue;
		if (ledger_flag_get(opened->ledger, ledger_flow_id(opened->ledger, flow), ledger_unit_id(opened->ledger, unit), 0, &flag, err) != 0)
			return -1;
		*ret_on = flag.mode != LEDGER_FLAG_OFF;
	}
	return 0;
}

/* Calls `each` for the bindings of the object in flows that are not off. */
static int
each_binding(struct asking *asking, void (*each)(struct asking *asking, const struct config_binding *binding, void *data), void *data, struct error *err)
{
	const struct model *model = asking->doctor->opened->loaded.model;
	bool on;

	for (uint32_t f = 0; f < model->flow_count; f++)
		for (uint32_t b = 0; b < model->flows[f].binding_count; b++) {
			const struct config_binding *binding = &model->flows[f].bindings[b];

			if (binding->object != asking->object)
				continue;
			if (is_on(asking, &model->flows[f], &on, err) != 0)
				return -1;
			if (on)
				each(asking, binding, data);
		}
	return 0;
}

struct uses {
	bool reads, writes;
	bool needs_rows; /* a rule can be held against rows alone: there is no contract */
};

static void
add_use(struct asking *asking, const struct config_binding *binding, void *data)
{
	struct uses *uses = data;

	(void)asking;
	uses->reads = uses->reads || binding->reads;
	uses->writes = uses->writes || binding->writes;
	uses->needs_rows = uses->needs_rows || (binding->reads && !mappings_can_read(binding));
}

/* What is written: the fields that the system shows. */

static void
found_field(void *data, const struct syncline_field *field)
{
	struct asking *asking = data;
	const char *name;

	if (asking->count == asking->room) {
		uint32_t room = asking->room > 0 ? asking->room * 2 : 64;
		const char **more = arena_array(&asking->arena, room, sizeof *more);

		if (more == NULL) {
			asking->no_memory = true;
			return;
		}
		if (asking->count > 0)
			memcpy(more, asking->names, asking->count * sizeof *more);
		asking->names = more;
		asking->room = room;
	}
	if ((name = arena_text(&asking->arena, field->name)) == NULL)
		asking->no_memory = true;
	else
		asking->names[asking->count++] = name;
}

/* What keeps a run from its work; advice on how it would be faster is for `discover`. */
static void
fault(void *data, uint32_t severity, const char *object, const char *message, const char *hint)
{
	if (severity >= SYNCLINE_LOG_ERROR)
		remark(data, severity, object, message, hint);
}

/* Of a path its first step counts.  Systems that mind case say so when they are written to; the others would be accused wrongly. */
static bool
is_there(const struct asking *asking, const char *native)
{
	size_t length = strcspn(native, ".[");

	for (uint32_t i = 0; i < asking->count; i++)
		if (strcasecmp(asking->names[i], native) == 0 ||
		    (length > 0 && strlen(asking->names[i]) == length && strncasecmp(asking->names[i], native, length) == 0))
			return true;
	return false;
}

static void
want(struct asking *asking, const struct config_flow *flow, const char *native)
{
	const char *system = asking->system->head.name, *object = asking->object->head.name;
	char message[3 * SYNCLINE_NAME_MAX + 80], hint[4 * SYNCLINE_NAME_MAX + 160];

	if (is_there(asking, native))
		return;
	snprintf(message, sizeof message, "the flow %s writes the field \"%s\", and %s has no such field", flow->head.name, native, asking->object->native);
	snprintf(hint, sizeof hint, "Bring it back there, or write the contract anew with `syncline discover %s %s` and correct the flow.", system, object);
	tell(asking, NULL, hint, message);
}

static void
want_written(struct asking *asking, const struct config_binding *binding, void *data)
{
	const struct model *model = asking->doctor->opened->loaded.model;
	struct mapping *mapping = NULL;

	(void)data;
	if (!binding->writes || mappings_write(model, binding, asking->doctor->lookups, NULL, &mapping, NULL) != 0)
		return;
	for (uint32_t i = 0; i < mapping_output_count(mapping); i++)
		want(asking, binding->flow, mapping_output_fields(mapping)[i].name);
	mapping_free(mapping);
	for (uint32_t i = 0; i < binding->deletes->set_count; i++)
		want(asking, binding->flow, binding->deletes->set[i].head.name);
}

/*
 * Where records can be found by a field natively, the system knows its fields.  Files that a target imports, and documents with whatever is
 * written beside them, are not there or have other fields until they were written.
 */
static bool
knows_fields(const struct asking *asking)
{
	return connector_capabilities(asking->connector)->find == SYNCLINE_NATIVE && connector_offers(asking->connector, "discover/1");
}

static int
ask_fields(struct asking *asking, bool *ret_good, struct error *err)
{
	const struct connector_findings findings = { .field = found_field, .remark = fault, .data = asking };
	struct error why = { 0 };
	unsigned before = asking->remarks;

	arena_reset(&asking->arena);
	asking->names = NULL;
	asking->count = asking->room = 0;
	if (connector_discover_fields(asking->connector, config_sdk_object(asking->object), &findings, &why) != 0) {
		tell_error(asking, &why);
		*ret_good = false;
		return 0;
	}
	if (asking->no_memory)
		return error_memory(err);
	*ret_good = asking->remarks == before;
	return asking->count > 0 ? each_binding(asking, want_written, NULL, err) : 0;
}

/* What is read: the first rows, as a run takes them. */

static void
judge_rules(struct asking *asking, const struct config_binding *binding, void *data)
{
	struct mapping *mapping = NULL;
	struct error why = { 0 };

	if (binding->reads && !mappings_can_read(binding) &&
	    mappings_read(asking->doctor->opened->loaded.model, binding, asking->doctor->lookups, data, NULL, &mapping, &why) != 0)
		tell_placed(asking, &why);
	mapping_free(mapping);
}

static int
judge_rows(struct asking *asking, struct batch *batch, struct error *err)
{
	struct error why = { 0 };

	if (read_check_drift(asking->object, batch, &why) == 0)
		return each_binding(asking, judge_rules, batch, err);
	tell_placed(asking, &why);
	return 0;
}

static bool
has_rows(const struct batch *batch)
{
	for (uint32_t i = 0; batch != NULL && i < batch->header->record_count; i++)
		if (batch_record(batch, i)->op == SYNCLINE_OP_SEEN)
			return true;
	return false;
}

/* ret_batch: the first with a row, or NULL where there is none. */
static int
read_first(struct asking *asking, const struct syncline_read_request *request, struct batch **ret_batch, struct error *why)
{
	struct connector_read_state state = { 0 };
	struct connector_read *read = NULL;
	int result = connector_read_open(asking->connector, config_sdk_object(asking->object), request, &read, why);

	*ret_batch = NULL;
	while (result == 0 && !state.end && *ret_batch == NULL) {
		result = connector_read_next(read, ret_batch, &state, why);
		if (result == 0 && !has_rows(*ret_batch)) {
			batch_free(*ret_batch);
			*ret_batch = NULL;
		}
	}
	connector_read_close(read);
	return result;
}

/* Files that were read and put away are not there, and a run that goes on behind them has nothing to do: is that how it is? */
static int
goes_on(struct asking *asking, struct error *why)
{
	const struct opened *opened = asking->doctor->opened;
	uint32_t object = ledger_object_id(opened->ledger, asking->object);
	struct syncline_read_request request = { .struct_size = sizeof request, .record_limit = 1 };
	struct buffer position;
	struct batch *batch = NULL;
	int result;

	buffer_init(&position, 0);
	result = ledger_position(opened->ledger, object, ledger_credentials(opened->ledger, asking->system, asking->unit), &position, why);
	request.position = (struct syncline_slice){ position.data, position.length };
	if (result == 0)
		result = read_first(asking, &request, &batch, why);
	batch_free(batch);
	buffer_free(&position);
	return result;
}

static int
ask_rows(struct asking *asking, const struct uses *uses, struct error *err)
{
	const struct syncline_read_request request = { .struct_size = sizeof request, .full = 1, .record_limit = uses->needs_rows ? FIRST_ROWS : 1 };
	struct batch *batch = NULL;
	struct error why = { 0 };
	int result = read_first(asking, &request, &batch, &why);

	if (result != 0 && why.klass == SYNCLINE_NOT_FOUND && connector_capabilities(asking->connector)->find != SYNCLINE_NATIVE)
		result = goes_on(asking, &why);
	if (result != 0)
		tell_error(asking, &why);
	result = batch != NULL ? judge_rows(asking, batch, err) : 0;
	batch_free(batch);
	return result;
}

/* One after the other. */

static int
ask_object(struct asking *asking, struct error *err)
{
	struct uses uses = { .reads = false };
	bool good = true;

	if (each_binding(asking, add_use, &uses, err) != 0)
		return -1;
	if (uses.writes && knows_fields(asking) && ask_fields(asking, &good, err) != 0)
		return -1;
	/* A source that can't be read from its beginning may hand out each change once: that is for a run. */
	if (uses.reads && good && connector_capabilities(asking->connector)->read_full != SYNCLINE_NONE)
		return ask_rows(asking, &uses, err);
	return 0;
}

static bool
is_stopped(const struct doctor_systems *doctor)
{
	return doctor->opened->service != NULL && service_is_stopped(doctor->opened->service);
}

static int
ask_system(struct asking *asking, struct error *err)
{
	struct buffer *json = asking->doctor->json;
	const struct config_system *system = asking->system;
	bool checked, reached = look_around(asking, &checked);
	int result = 0;

	for (uint32_t i = 0; reached && result == 0 && i < system->object_count && !asking->silent && !is_stopped(asking->doctor); i++) {
		asking->object = &system->objects[i];
		result = ask_object(asking, err);
	}
	connector_stop(asking->connector);
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "system", system->head.name);
	ctl_json_text(json, "unit", asking->unit != NULL ? asking->unit->head.name : NULL);
	ctl_json_boolean(json, "reached", reached && !asking->silent);
	ctl_json_boolean(json, "checked", checked);
	ctl_json_number(json, "remarks", asking->remarks);
	ctl_json_close(json, '}');
	return result;
}

static int
ask_as(const struct doctor_systems *doctor, const struct config_system *system, const struct config_unit *unit, struct error *err)
{
	struct asking asking = { .doctor = doctor, .system = system, .unit = unit };
	int result;

	arena_init(&asking.arena, 0);
	result = ask_system(&asking, err);
	arena_free(&asking.arena);
	return result;
}

int
doctor_systems(const struct doctor_systems *doctor, struct error *err)
{
	const struct model *model = doctor->opened->loaded.model;
	int result = 0;

	for (uint32_t i = 0; i < model->system_count && result == 0 && !is_stopped(doctor); i++) {
		const struct config_system *system = &model->systems[i];

		result = ask_as(doctor, system, NULL, err);
		for (uint32_t u = 0; u < model->unit_count && result == 0 && !is_stopped(doctor); u++) {
			const struct config_unit_system *at = config_unit_system(&model->units[u], system->head.name);

			if (at != NULL && at->has_settings)
				result = ask_as(doctor, system, &model->units[u], err);
		}
	}
	return result;
}
