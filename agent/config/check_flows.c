/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_flows.c: flows and their bindings: what they name, whether the systems may and can do it, and that nothing contradicts
 * itself.  The thread that loads.
 */
#include <stdlib.h>
#include <string.h>

#include "config/contract.h"
#include "config/grammar.h"

static void
check_canonical(struct loader *l, const struct config_entity *entity, const struct config_place *place, const char *name,
                const struct config_field **ret_field)
{
	const struct config_field *field = entity != NULL ? config_field(entity, name) : NULL;

	*ret_field = field;
	if (field == NULL && entity != NULL)
		report_no_such(l, place, "field", name, NAMES_OF(l, entity->fields, entity->field_count), entity->field_count);
}

static int
check_list_read(struct loader *l, const struct config_binding *binding, struct config_read *read)
{
	const struct config_field *list = read->field;

	if (list == NULL)
		return 0;
	if (list->type == CONFIG_FIELD_LIST && read->from == NULL && read->rule.text != NULL)
		return 0; /* a rule that makes the whole list */
	if (list->type != CONFIG_FIELD_LIST && (read->from != NULL || read->read_count > 0)) {
		report(l, &read->head.place, CONTRADICTION, "Write its rule in quotes.", "%s is no list and has no elements to read", read->head.name);
		return 0;
	}
	if (read->from != NULL && (binding->object->group_into == NULL || strcmp(binding->object->group_into, read->from) != 0))
		check_native(l, binding->object, &read->head.place, read->from);
	for (uint32_t i = 0; i < read->read_count; i++) {
		struct config_read *inner = &read->reads[i];

		for (uint32_t k = 0; k < list->field_count && inner->field == NULL; k++)
			if (strcmp(list->fields[k].head.name, inner->head.name) == 0)
				inner->field = &list->fields[k];
		if (inner->field == NULL)
			report_no_such(l, &inner->head.place, "field", inner->head.name, NAMES_OF(l, list->fields, list->field_count), list->field_count);
	}
	return 0;
}

static int
check_reads(struct loader *l, struct config_binding *binding)
{
	const struct config_entity *entity = binding->flow->entity;

	for (uint32_t i = 0; i < binding->map_count; i++) {
		struct config_map *map = &binding->maps[i];

		check_canonical(l, entity, &map->head.place, map->head.name, &map->field);
		check_native(l, binding->object, &map->head.place, map->native);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(binding->maps[k].head.name, map->head.name) == 0)
				report(l, &map->head.place, DUPLICATE, "Remove one of them.", "%s is mapped twice", map->head.name);
	}
	for (uint32_t i = 0; i < binding->read_count; i++) {
		struct config_read *read = &binding->read[i];

		check_canonical(l, entity, &read->head.place, read->head.name, &read->field);
		for (uint32_t k = 0; k < binding->map_count; k++)
			if (strcmp(binding->maps[k].head.name, read->head.name) == 0)
				report(l, &read->head.place, CONTRADICTION, "Remove it from map or from read.", "%s is both mapped and read", read->head.name);
		if (check_list_read(l, binding, read) != 0)
			return -1;
	}
	return 0;
}

static void
check_writes(struct loader *l, const struct config_binding *binding)
{
	for (uint32_t i = 0; i < binding->write_count; i++) {
		const struct config_write *write = &binding->write[i];

		check_native(l, binding->object, &write->head.place, write->head.name);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(binding->write[k].head.name, write->head.name) == 0)
				report(l, &write->head.place, DUPLICATE, "Remove one of them, or join the two rules by iif().", "%.80s is written twice", write->head.name);
		for (uint32_t k = 0; k < binding->map_count && binding->system->access == CONFIG_ACCESS_WRITE; k++)
			if (strcmp(binding->maps[k].native, write->head.name) == 0)
				report(l, &write->head.place, CONTRADICTION, "map goes both ways: use read and write where the ways differ.",
				       "%.80s is written by map and by write", write->head.name);
	}
	for (uint32_t i = 0; i < binding->deletes->set_count; i++)
		check_native(l, binding->object, &binding->deletes->set[i].head.place, binding->deletes->set[i].head.name);
}

/* What writes must be allowed to. */
static void
check_access(struct loader *l, const struct config_binding *binding)
{
	static const char *const settings[] = { "write", "create_if", "attach_to", "path" };
	const struct node *node = NULL;
	struct config_place place;

	if (binding->system->access == CONFIG_ACCESS_WRITE)
		return;
	for (size_t i = 0; i < sizeof settings / sizeof settings[0] && node == NULL; i++)
		node = tree_find(binding->head.node, settings[i]);
	if (node != NULL)
		report(l, &node->place, ACCESS, "Say access = \"write\" in the system, or remove it.", "%s writes to the system %s, which is only read", node->name,
		       binding->head.name);
	if (binding->deletes->act != CONFIG_DO_NONE) {
		place = config_setting_place(&binding->deletes->head, "do");
		report(l, &place, ACCESS, "Say access = \"write\" in the system, or remove it.", "deletes writes to the system %s, which is only read",
		       binding->head.name);
	}
}

/* What the connector must be able to do, as far as its descriptor says. */
static void
check_capabilities(struct loader *l, const struct config_binding *binding)
{
	const struct config_system *system = binding->system;
	const struct syncline_capabilities *able = capabilities_of(system);
	const struct config_head *head = &binding->head;
	struct config_place place = config_setting_place(head, "create_if");

	if (binding->reads && !has_part(system, "source/1"))
		report(l, &head->place, CAPABILITY, "Leave out map and read.", "connector %s cannot read", system->connector);
	if (binding->writes && !has_part(system, "sink/1"))
		report(l, &head->place, CAPABILITY, "Leave out write and create_if.", "connector %s cannot write", system->connector);
	if (able == NULL || !binding->writes)
		return;
	if (binding->create_if.text != NULL && able->create == SYNCLINE_NONE)
		report(l, &place, CAPABILITY, "Leave create_if out.", "connector %s cannot create records", system->connector);
	else if (binding->create_if.text != NULL && !able->upsert && !able->idempotency && !able->find && !binding->accept_duplicates)
		report(l, &place, CAPABILITY, "Use another connector, or accept it by name: accept = [ \"duplicates\" ].",
		       "connector %s cannot make sure that a record is created only once", system->connector);
	else if (binding->create_if.text != NULL && able->find && !able->upsert && !able->idempotency && binding->object->external_key == NULL &&
	         !binding->accept_duplicates)
		report(l, &place, CAPABILITY, "Say external_key = \"NATIVE FIELD\" in the object: our id is put there.",
		       "connector %s finds what it created by an external key, and %s has none", system->connector, binding->object->head.name);
	if (binding->guard == CONFIG_GUARD_VERSION && able->conditional_write == SYNCLINE_NONE) {
		place = config_setting_place(head, "guard");
		report(l, &place, CAPABILITY, "Say guard = \"reread\".", "connector %s cannot write under the condition of a version", system->connector);
	}
	if (binding->deletes->act == CONFIG_DO_DELETE && able->remove == SYNCLINE_NONE) {
		place = config_setting_place(&binding->deletes->head, "do");
		report(l, &place, CAPABILITY, "Say do = \"deactivate\" with set, or \"unlink\".", "connector %s cannot delete records", system->connector);
	}
}

static void
check_deletes(struct loader *l, const struct config_deletes *deletes)
{
	struct config_place place = config_setting_place(&deletes->head, "do");

	if (deletes->act == CONFIG_DO_DEACTIVATE && tree_find(deletes->head.node, "set") == NULL)
		report(l, &place, MISSING_SETTING, "Say set = ( [ \"NATIVE FIELD\", \"SQL\" ] ).", "deactivating must say what it sets");
	place = config_setting_place(&deletes->head, "set");
	if (deletes->act != CONFIG_DO_DEACTIVATE && deletes->set_count > 0)
		report(l, &place, CONTRADICTION, "Say do = \"deactivate\", or remove set.", "set is for do = \"deactivate\"");
}

static void
check_policies(struct loader *l, const struct config_binding *binding)
{
	struct config_place place = config_setting_place(&binding->situations->head, "unmatched");

	if (binding->situations->unmatched == CONFIG_ACTION_CREATE && !binding->originates)
		report(l, &place, CONTRADICTION, "Say originates = true as well.", "unmatched records are to be created, but %s does not originate any",
		       binding->head.name);
	if (binding->confirm->readback && binding->confirm->within_ms == 0)
		report(l, &binding->confirm->head.place, MISSING_SETTING, "Say within = \"36h\": after that it counts as not written.",
		       "confirm by readback must say within");
	place = config_setting_place(&binding->confirm->head, "within");
	if (!binding->confirm->readback && binding->confirm->within_ms != 0)
		report(l, &place, CONTRADICTION, "Say by = \"readback\", or remove within.", "within is for confirm by readback");
	if (binding->trigger->timezone == NULL)
		((struct config_trigger *)(uintptr_t)binding->trigger)->timezone = l->model->agent->timezone;
	if (binding->trigger->webhook && binding->system->webhook == NULL) {
		place = config_setting_place(&binding->trigger->head, "webhook");
		report(l, &place, MISSING_SETTING, "Say webhook: { scheme = …; secret = …; } in the system.", "%s is triggered by webhooks, but the system says nothing about them",
		       binding->head.name);
	}
	check_deletes(l, binding->deletes);
}

/* changed, attach_to, path: what they name. */
static void
check_names(struct loader *l, const struct config_binding *binding)
{
	const struct config_entity *entity = binding->flow->entity;
	struct config_place place = config_setting_place(&binding->head, "attach_to");
	const struct config_field *field;

	for (uint32_t i = 0; i < binding->changed_count; i++) {
		const struct config_changed *changed = &binding->changed[i];

		check_native(l, binding->object, &changed->place, changed->native);
		if (strcmp(changed->name, "record") != 0 && entity != NULL && config_group(entity, changed->name) == NULL)
			check_canonical(l, entity, &changed->place, changed->name, &field);
	}
	if (binding->attach_to == NULL || entity == NULL)
		return;
	check_canonical(l, entity, &place, binding->attach_to, &field);
	if (field != NULL && field->type != CONFIG_FIELD_REF)
		report(l, &place, CONTRADICTION, "Name a field of type ref.", "attach_to names %s, which is no ref", field->head.name);
	if (binding->map_count + binding->read_count > 0 || binding->create_if.text != NULL)
		report(l, &place, CONTRADICTION, "Make a second flow for what is read or created there.", "a binding with attach_to only writes to records that are there");
}

static int
check_binding(struct loader *l, struct config_flow *flow, struct config_binding *binding)
{
	const struct model *model = l->model;
	const struct node *object = tree_find(binding->head.node, "object");

	binding->flow = flow;
	binding->system = config_system(model, binding->head.name);
	if (binding->system == NULL) {
		report_no_such(l, &binding->head.place, "system", binding->head.name, NAMES_OF(l, model->systems, model->system_count), model->system_count);
		return 0;
	}
	if (object == NULL || object->kind != NODE_TEXT || object->length == 0)
		return 0;
	binding->object = config_object(binding->system, object->text);
	if (binding->object == NULL) {
		report_no_such(l, &object->value_place, "object", object->text, NAMES_OF(l, binding->system->objects, binding->system->object_count),
		               binding->system->object_count);
		return 0;
	}
	binding->reads = binding->map_count + binding->read_count > 0;
	binding->writes = binding->system->access == CONFIG_ACCESS_WRITE &&
	                  (binding->map_count + binding->write_count > 0 || binding->create_if.text != NULL || binding->deletes->act != CONFIG_DO_NONE);
	if (binding->map_count + binding->read_count + binding->write_count == 0 && !l->incomplete && tree_find(binding->head.node, "map") == NULL &&
	    tree_find(binding->head.node, "read") == NULL && tree_find(binding->head.node, "write") == NULL)
		report(l, &binding->head.place, MISSING_SETTING, "Say map, read or write.", "the binding %s moves nothing", binding->head.name);
	if (binding->originates && !binding->reads && tree_find(binding->head.node, "map") == NULL && tree_find(binding->head.node, "read") == NULL) {
		struct config_place place = config_setting_place(&binding->head, "originates");

		report(l, &place, CONTRADICTION, "Say map or read.", "%s originates records but reads nothing", binding->head.name);
	}
	if (check_reads(l, binding) != 0)
		return -1;
	check_writes(l, binding);
	check_access(l, binding);
	check_policies(l, binding);
	check_names(l, binding);
	check_capabilities(l, binding);
	return l->no_memory ? -1 : 0;
}

/* A unit that a flow moves data for must say who it is in systems whose records have a tenant. */
static void
check_flow_units(struct loader *l, const struct config_flow *flow)
{
	const struct model *model = l->model;
	struct config_place place = config_setting_place(&flow->head, "units");

	for (uint32_t k = 0; k < flow->binding_count && tree_find(flow->head.node, "units") == NULL; k++)
		if (flow->bindings[k].object != NULL && flow->bindings[k].object->tenant != NULL)
			report(l, &place, MISSING_SETTING, "Say units = [ \"UNIT\" ]: the tenant of each says which records are its own.",
			       "flow %s must say units: the records of %s.%s have a tenant", flow->head.name, flow->bindings[k].head.name,
			       flow->bindings[k].object->head.name);
	for (uint32_t i = 0; i < flow->units.count; i++) {
		const struct config_unit *unit = config_unit(model, flow->units.items[i]);

		if (unit == NULL) {
			report_no_such(l, &place, "unit", flow->units.items[i], NAMES_OF(l, model->units, model->unit_count), model->unit_count);
			continue;
		}
		for (uint32_t k = 0; k < flow->binding_count; k++) {
			const struct config_binding *binding = &flow->bindings[k];
			const struct config_unit_system *mine = config_unit_system(unit, binding->head.name);

			if (binding->object == NULL || binding->object->tenant == NULL || (mine != NULL && mine->tenant != NULL) || l->incomplete)
				continue;
			report(l, &unit->head.place, MISSING_SETTING, "Say systems: { SYSTEM: { tenant = \"…\"; }; }; in the unit.",
			       "unit %s must say its tenant in %s: flow %s moves %s for it", unit->head.name, binding->head.name, flow->head.name,
			       binding->object->head.name);
		}
	}
}

static bool
share_unit(const struct config_flow *a, const struct config_flow *b)
{
	if (a->units.count == 0 || b->units.count == 0)
		return true;
	for (uint32_t i = 0; i < a->units.count; i++)
		for (uint32_t k = 0; k < b->units.count; k++)
			if (strcmp(a->units.items[i], b->units.items[k]) == 0)
				return true;
	return false;
}

/* A native record is one record of ours, under one set of rules: two flows would undo each other's understanding of it. */
static void
check_read_once(struct loader *l, const struct config_flow *flow)
{
	const struct model *model = l->model;

	for (const struct config_flow *other = model->flows; other < flow; other++)
		for (uint32_t i = 0; i < flow->binding_count; i++)
			for (uint32_t k = 0; k < other->binding_count; k++) {
				const struct config_binding *mine = &flow->bindings[i], *theirs = &other->bindings[k];

				if (mine->object == NULL || mine->object != theirs->object || !mine->reads || !theirs->reads || !share_unit(flow, other))
					continue;
				report(l, &mine->head.place, CONTRADICTION, "Let one flow read it, or give each its own units.",
				       "%s.%s is read by the flow %s already, for the same unit", mine->head.name, mine->object->head.name, other->head.name);
			}
}

static bool
is_bound(const struct model *model, const struct config_entity *entity, const char *system, bool *ret_any)
{
	for (uint32_t i = 0; i < model->flow_count; i++)
		if (model->flows[i].entity == entity) {
			*ret_any = true;
			if (config_binding(&model->flows[i], system) != NULL)
				return true;
		}
	return false;
}

static void
check_owner_is_bound(struct loader *l, const struct config_entity *entity, const struct config_place *place, const char *what, const char *system)
{
	bool any = false;

	if (system == NULL || config_system(l->model, system) == NULL || is_bound(l->model, entity, system, &any) || !any || l->incomplete)
		return;
	report(l, place, CONTRADICTION, "Bind the system in a flow, or name another owner.", "%s is owned by %s, which no flow of %s binds", what, system,
	       entity->head.name);
}

/* Who owns something must be able to say something. */
static void
check_owners(struct loader *l)
{
	const struct model *model = l->model;
	struct config_place place;

	for (uint32_t i = 0; i < model->entity_count; i++) {
		const struct config_entity *entity = &model->entities[i];

		place = config_setting_place(&entity->head, "owner");
		check_owner_is_bound(l, entity, &place, entity->head.name, entity->owner);
		for (uint32_t k = 0; k < entity->field_count; k++) {
			place = config_setting_place(&entity->fields[k].head, "owner");
			if (tree_find(entity->fields[k].head.node, "owner") != NULL)
				check_owner_is_bound(l, entity, &place, entity->fields[k].head.name, entity->fields[k].owner);
		}
		for (uint32_t k = 0; k < entity->group_count; k++) {
			place = config_setting_place(&entity->groups[k].head, "owner");
			if (tree_find(entity->groups[k].head.node, "owner") != NULL)
				check_owner_is_bound(l, entity, &place, entity->groups[k].head.name, entity->groups[k].owner);
		}
	}
	for (uint32_t i = 0; i < model->unit_count; i++)
		for (uint32_t k = 0; k < model->units[i].owner_count; k++) {
			const struct config_owner *owner = &model->units[i].owners[k];
			const struct config_entity *entity = config_entity(model, owner->entity);

			if (entity != NULL)
				check_owner_is_bound(l, entity, &owner->place, owner->field, owner->system);
		}
}

/*
 * Flows that wait for one another.  Each round takes away the flows that wait only for flows taken away before; what is left
 * waits in a circle or for one.
 */
static int
check_circles(struct loader *l)
{
	const struct model *model = l->model;
	bool *done = calloc(model->flow_count + 1, sizeof *done), moved = true;

	if (done == NULL) {
		l->no_memory = true;
		return -1;
	}
	while (moved) {
		moved = false;
		for (uint32_t i = 0; i < model->flow_count; i++) {
			const struct config_flow *flow = &model->flows[i];
			bool waits = false;

			for (uint32_t k = 0; k < flow->after.count && !done[i]; k++) {
				const struct config_flow *before = config_flow(model, flow->after.items[k]);

				waits = waits || (before != NULL && !done[before - model->flows]);
			}
			if (!done[i] && !waits)
				done[i] = moved = true;
		}
	}
	for (uint32_t i = 0; i < model->flow_count; i++) {
		struct config_place place = config_setting_place(&model->flows[i].head, "after");

		if (!done[i])
			report(l, &place, CONTRADICTION, "Take one of the flows out of the circle.", "flow %s waits for itself: its after leads into a circle",
			       model->flows[i].head.name);
	}
	free(done);
	return l->no_memory ? -1 : 0;
}

static int
check_flow(struct loader *l, struct config_flow *flow)
{
	const struct model *model = l->model;
	const struct node *entity = tree_find(flow->head.node, "entity");
	struct config_place place = config_setting_place(&flow->head, "after");
	bool reads = false;

	if (entity != NULL && entity->kind == NODE_TEXT && entity->length > 0) {
		flow->entity = config_entity(model, entity->text);
		if (flow->entity == NULL)
			report_no_such(l, &entity->value_place, "entity", entity->text, NAMES_OF(l, model->entities, model->entity_count), model->entity_count);
	}
	for (uint32_t i = 0; i < flow->after.count; i++)
		if (config_flow(model, flow->after.items[i]) == NULL)
			report_no_such(l, &place, "flow", flow->after.items[i], NAMES_OF(l, model->flows, model->flow_count), model->flow_count);
	for (uint32_t i = 0; i < flow->binding_count; i++) {
		if (check_binding(l, flow, &flow->bindings[i]) != 0)
			return -1;
		reads = reads || tree_find(flow->bindings[i].head.node, "map") != NULL || tree_find(flow->bindings[i].head.node, "read") != NULL;
	}
	if (!reads && flow->binding_count > 0 && !l->incomplete)
		report(l, &flow->head.place, MISSING_SETTING, "Say map or read in the binding that the values come from.", "flow %s reads nothing", flow->head.name);
	if (flow->reconcile != NULL && tree_find(flow->reconcile->head.node, "at") == NULL && tree_find(flow->reconcile->head.node, "every") == NULL)
		report(l, &flow->reconcile->head.place, MISSING_SETTING, "Say at = \"03:00\" or every = \"1d\".", "reconcile of flow %s must say when", flow->head.name);
	check_flow_units(l, flow);
	check_read_once(l, flow);
	return check_tests(l, flow);
}

int
check_flows(struct loader *l)
{
	struct model *model = l->model;

	for (uint32_t i = 0; i < model->flow_count; i++)
		if (check_flow(l, &model->flows[i]) != 0)
			return -1;
	check_owners(l);
	return check_circles(l);
}
