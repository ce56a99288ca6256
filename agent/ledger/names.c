/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.c: ids of the model's names.  A name gets an id when a configuration that has it is first opened for writing, and the
 * id stays its own for ever: rows of `name` are never deleted.  `was` moves an id to a new name, once; a `was` that is left in
 * the configuration afterwards does nothing.
 */
#include "ledger/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { SYSTEM, UNIT, ENTITY, FLOW, OBJECT, FIELD, BINDING, KINDS };
static const char *const words[KINDS] = { "system", "unit", "entity", "flow", "object", "field", "binding" };

struct name {
	uint32_t id, parent;
	bool configured;     /* in the configuration that was adopted last */
	char *name;          /* of its own: "kunden" */
	char *full;          /* "erp.kunden"; the same as `name` for kinds without a parent */
	char *carrier;       /* or NULL */
	const void *element; /* of the present model, or NULL */
};
/* What the model has, before it has ids. */
struct element {
	const char *name, *was;
	const void *at;
	uint32_t parent;
	struct name *row, *former; /* by name; by `was` */
	bool renames;
};
struct pair {
	const void *at;
	uint32_t id;
};
struct names {
	struct name *rows[KINDS]; /* by parent and id */
	size_t count[KINDS], room[KINDS];
	struct pair *pairs;       /* of all elements, by address */
	size_t pair_count;
};

void
ledger_names_free(struct ledger *ledger)
{
	struct names *n = ledger->names;

	if (n == NULL)
		return;
	for (int kind = 0; kind < KINDS; kind++) {
		for (size_t i = 0; i < n->count[kind]; i++) {
			free(n->rows[kind][i].name);
			free(n->rows[kind][i].full);
			free(n->rows[kind][i].carrier);
		}
		free(n->rows[kind]);
	}
	free(n->pairs);
	free(n);
	ledger->names = NULL;
}

static struct name *
append(struct names *n, enum kind kind)
{
	if (n->count[kind] == n->room[kind]) {
		size_t room = n->room[kind] == 0 ? 16 : n->room[kind] * 2;
		struct name *rows = realloc(n->rows[kind], room * sizeof *rows);

		if (rows == NULL)
			return NULL;
		n->rows[kind] = rows;
		n->room[kind] = room;
	}
	return memset(&n->rows[kind][n->count[kind]++], 0, sizeof(struct name));
}

static struct name *
find_id(const struct names *n, enum kind kind, uint32_t parent, uint32_t id)
{
	for (size_t i = 0; i < n->count[kind]; i++)
		if (n->rows[kind][i].id == id && (kind != FIELD || n->rows[kind][i].parent == parent))
			return &n->rows[kind][i];
	return NULL;
}

static struct name *
find_name(const struct names *n, enum kind kind, uint32_t parent, const char *name)
{
	for (size_t i = 0; i < n->count[kind]; i++)
		if (n->rows[kind][i].parent == parent && strcmp(n->rows[kind][i].name, name) == 0)
			return &n->rows[kind][i];
	return NULL;
}

static int
take_row(struct names *n, sqlite3_stmt *statement)
{
	const char *word = (const char *)sqlite3_column_text(statement, 0), *name = (const char *)sqlite3_column_text(statement, 3);
	const char *carrier = (const char *)sqlite3_column_text(statement, 4);
	struct name *row;
	int kind = 0;

	if (word == NULL || name == NULL)
		return -1;
	while (kind < KINDS && strcmp(words[kind], word) != 0)
		kind++;
	if (kind == KINDS)
		return 0; /* a newer program's, of the same layout */
	row = append(n, (enum kind)kind);
	if (row == NULL)
		return -1;
	row->id = (uint32_t)sqlite3_column_int64(statement, 1);
	row->parent = (uint32_t)sqlite3_column_int64(statement, 2);
	row->configured = sqlite3_column_int(statement, 5) != 0;
	row->name = strdup(name);
	row->carrier = carrier != NULL ? strdup(carrier) : NULL;
	return row->name == NULL || (carrier != NULL && row->carrier == NULL) ? -1 : 0;
}

/* "erp.kunden": of a parent and its own. */
static int
make_full(struct names *n)
{
	static const enum kind parents[KINDS] = { [OBJECT] = SYSTEM, [FIELD] = ENTITY, [BINDING] = FLOW };

	for (int kind = 0; kind < KINDS; kind++) {
		for (size_t i = 0; i < n->count[kind]; i++) {
			struct name *row = &n->rows[kind][i];
			const struct name *parent = kind >= OBJECT ? find_id(n, parents[kind], 0, row->parent) : NULL;
			size_t length = strlen(row->name) + (parent != NULL ? strlen(parent->name) + 1 : 0) + 1;

			free(row->full);
			row->full = malloc(length);
			if (row->full == NULL)
				return -1;
			snprintf(row->full, length, "%s%s%s", parent != NULL ? parent->name : "", parent != NULL ? "." : "", row->name);
		}
	}
	return 0;
}

static int
by_address(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return ((uintptr_t)x->at > (uintptr_t)y->at) - ((uintptr_t)x->at < (uintptr_t)y->at);
}

/* How many elements of a kind there are below `owner` (a system, entity or flow; NULL for the kinds above). */
static uint32_t
count_elements(const struct model *model, enum kind kind, const void *owner)
{
	switch (kind) {
	case SYSTEM:
		return model->system_count;
	case UNIT:
		return model->unit_count;
	case ENTITY:
		return model->entity_count;
	case FLOW:
		return model->flow_count;
	case OBJECT:
		return ((const struct config_system *)owner)->object_count;
	case FIELD:
		return ((const struct config_entity *)owner)->field_count;
	default:
		return ((const struct config_flow *)owner)->binding_count;
	}
}

static void
take_element(const struct model *model, enum kind kind, const void *owner, uint32_t index, struct element *ret)
{
	const struct config_head *head;

	memset(ret, 0, sizeof *ret);
	switch (kind) {
	case SYSTEM:
		head = &model->systems[index].head;
		break;
	case UNIT:
		head = &model->units[index].head;
		break;
	case ENTITY:
		head = &model->entities[index].head;
		break;
	case FLOW:
		head = &model->flows[index].head;
		break;
	case OBJECT:
		head = &((const struct config_system *)owner)->objects[index].head;
		break;
	case FIELD:
		head = &((const struct config_entity *)owner)->fields[index].head;
		break;
	default: {
		const struct config_binding *binding = &((const struct config_flow *)owner)->bindings[index];

		/* A binding goes by its system's name, and follows it. */
		head = &binding->head;
		if (head->was == NULL)
			ret->was = binding->system->head.was;
		break;
	}
	}
	ret->at = head; /* every element begins with its head */
	ret->name = head->name;
	if (head->was != NULL)
		ret->was = head->was;
}

/* Calls for each group of brothers: the elements of one kind below one parent, whose name row is `parent`. */
static int
each_group(struct ledger *ledger, int (*each)(struct ledger *ledger, enum kind kind, uint32_t parent, const void *owner, struct error *err),
           struct error *err)
{
	static const enum kind parents[KINDS] = { [OBJECT] = SYSTEM, [FIELD] = ENTITY, [BINDING] = FLOW };
	const struct model *model = ledger->options.model;

	for (int kind = 0; kind < KINDS; kind++) {
		if (kind < OBJECT) {
			if (each(ledger, (enum kind)kind, 0, NULL, err) != 0)
				return -1;
			continue;
		}
		for (uint32_t i = 0; i < count_elements(model, parents[kind], NULL); i++) {
			struct element owner;
			const struct name *row;

			take_element(model, parents[kind], NULL, i, &owner);
			row = find_name(ledger->names, parents[kind], 0, owner.name);
			if (row != NULL && each(ledger, (enum kind)kind, row->id, owner.at, err) != 0)
				return -1;
		}
	}
	return 0;
}

/* Ties a group's elements to the rows of their names. */
static int
tie_group(struct ledger *ledger, enum kind kind, uint32_t parent, const void *owner, struct error *err)
{
	const struct model *model = ledger->options.model;
	uint32_t count = count_elements(model, kind, owner);
	struct names *n = ledger->names;
	struct pair *pairs;

	if (count == 0)
		return 0;
	pairs = realloc(n->pairs, (n->pair_count + count) * sizeof *pairs);
	if (pairs == NULL)
		return error_memory(err);
	n->pairs = pairs;
	for (uint32_t i = 0; i < count; i++) {
		struct element element;
		struct name *row;

		take_element(model, kind, owner, i, &element);
		row = find_name(n, kind, parent, element.name);
		if (row == NULL)
			continue; /* a reader, of what was never run yet */
		row->element = element.at;
		n->pairs[n->pair_count++] = (struct pair){ element.at, row->id };
	}
	return 0;
}

int
ledger_names_load(struct ledger *ledger, struct error *err)
{
	sqlite3_stmt *statement;
	int status;

	ledger_names_free(ledger);
	ledger->names = calloc(1, sizeof *ledger->names);
	if (ledger->names == NULL)
		return error_memory(err);
	statement = ledger_statement(ledger, "SELECT kind, id, parent, name, carrier, configured FROM name ORDER BY kind, parent, id", err);
	if (statement == NULL)
		return -1;
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		if (take_row(ledger->names, statement) != 0) {
			sqlite3_reset(statement);
			return error_memory(err);
		}
	}
	if (status < 0)
		return -1;
	if (make_full(ledger->names) != 0)
		return error_memory(err);
	if (ledger->options.model == NULL)
		return 0;
	if (each_group(ledger, tie_group, err) != 0)
		return -1;
	if (ledger->names->pair_count > 0)
		qsort(ledger->names->pairs, ledger->names->pair_count, sizeof *ledger->names->pairs, by_address);
	return 0;
}

/* Adopting. */

static int
set_name(struct ledger *ledger, enum kind kind, const struct name *row, const char *name, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE name SET name = ?4 WHERE kind = ?1 AND parent = ?2 AND id = ?3", err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, words[kind]);
	sqlite3_bind_int64(statement, 2, row->parent);
	sqlite3_bind_int64(statement, 3, row->id);
	ledger_bind_text(statement, 4, name);
	return ledger_run_statement(ledger, statement, err);
}

/* A name that nobody can configure: with a blank. */
static int
set_aside(struct ledger *ledger, enum kind kind, const struct name *row, struct error *err)
{
	char *name = arena_format(&ledger->arena, "%s (former %u)", row->name, (unsigned)row->id);

	return name != NULL ? set_name(ledger, kind, row, name, err) : error_memory(err);
}

static bool
is_renamed(const struct element *elements, uint32_t count, const struct name *row)
{
	for (uint32_t i = 0; i < count; i++)
		if (elements[i].renames && elements[i].former == row)
			return true;
	return false;
}

/*
 * Which `was` count: the former name is known, nobody took it yet, and the new one is free or only left over from a
 * configuration before the last one.  (The model has no `was` whose name is still there.)
 */
static bool
choose_renames(struct element *elements, uint32_t count)
{
	bool any = false;

	for (uint32_t i = 0; i < count; i++) {
		struct element *e = &elements[i];

		if (e->former != NULL && !is_renamed(elements, count, e->former) && (e->row == NULL || !e->row->configured))
			e->renames = any = true;
	}
	return any;
}

static int
rename_group(struct ledger *ledger, enum kind kind, struct element *elements, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		struct element *e = &elements[i];

		if (!e->renames)
			continue;
		if (e->row != NULL && set_aside(ledger, kind, e->row, err) != 0)
			return -1;
		if (set_name(ledger, kind, e->former, e->name, err) != 0)
			return -1;
	}
	return 0;
}

static int
insert_name(struct ledger *ledger, enum kind kind, uint32_t parent, const char *name, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, kind == FIELD ? "INSERT INTO name (kind, id, parent, name, configured) SELECT ?1,"
	                                " coalesce((SELECT max(id) FROM name WHERE kind = ?1 AND parent = ?2), 0) + 1, ?2, ?3, 1" :
	                                "INSERT INTO name (kind, id, parent, name, configured) SELECT ?1,"
	                                " coalesce((SELECT max(id) FROM name WHERE kind = ?1), 0) + 1, ?2, ?3, 1", err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, words[kind]);
	sqlite3_bind_int64(statement, 2, parent);
	ledger_bind_text(statement, 3, name);
	return ledger_run_statement(ledger, statement, err);
}

static int
set_configured(struct ledger *ledger, enum kind kind, const struct name *row, bool configured, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE name SET configured = ?4 WHERE kind = ?1 AND parent = ?2 AND id = ?3", err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, words[kind]);
	sqlite3_bind_int64(statement, 2, row->parent);
	sqlite3_bind_int64(statement, 3, row->id);
	sqlite3_bind_int(statement, 4, configured);
	return ledger_run_statement(ledger, statement, err);
}

static int
adopt_group(struct ledger *ledger, enum kind kind, uint32_t parent, const void *owner, struct error *err)
{
	uint32_t count = count_elements(ledger->options.model, kind, owner);
	struct names *n = ledger->names;
	struct element *elements = calloc(count != 0 ? count : 1, sizeof *elements);
	int result = 0;

	if (elements == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		take_element(ledger->options.model, kind, owner, i, &elements[i]);
		elements[i].row = find_name(n, kind, parent, elements[i].name);
		elements[i].former = elements[i].was != NULL ? find_name(n, kind, parent, elements[i].was) : NULL;
	}
	if (choose_renames(elements, count))
		result = rename_group(ledger, kind, elements, count, err);
	for (uint32_t i = 0; i < count && result == 0; i++) {
		const struct element *e = &elements[i];
		const struct name *row = e->renames ? e->former : e->row;

		if (row == NULL)
			result = insert_name(ledger, kind, parent, e->name, err);
		else if (!row->configured)
			result = set_configured(ledger, kind, row, true, err);
	}
	free(elements);
	/* The next kinds look for their parents by their new names. */
	return result;
}

/* Rows whose name the present configuration doesn't have are left, without the mark. */
static int
unmark(struct ledger *ledger, struct error *err)
{
	const struct names *n = ledger->names;

	for (int kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < n->count[kind]; i++) {
			const struct name *row = &n->rows[kind][i];

			if (row->configured && row->element == NULL && !(kind == UNIT && row->id == 1) &&
			    set_configured(ledger, (enum kind)kind, row, false, err) != 0)
				return -1;
		}
	return 0;
}

/* Kinds with parents come after those: twice, so that the second round finds the parents that the first one made or renamed. */
int
ledger_adopt_names(struct ledger *ledger, struct error *err)
{
	int before;

	for (int round = 0; round < 2; round++) {
		before = sqlite3_total_changes(ledger->db);
		if (each_group(ledger, adopt_group, err) != 0)
			return -1;
		if (sqlite3_total_changes(ledger->db) != before && ledger_names_load(ledger, err) != 0)
			return -1;
	}
	before = sqlite3_total_changes(ledger->db);
	if (unmark(ledger, err) != 0)
		return -1;
	return sqlite3_total_changes(ledger->db) != before ? ledger_names_load(ledger, err) : 0;
}

/* Asking. */

static uint32_t
id_of(const struct ledger *ledger, const void *element)
{
	const struct names *n = ledger->names;
	size_t low = 0, high = n != NULL ? n->pair_count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (n->pairs[middle].at == element)
			return n->pairs[middle].id;
		if ((uintptr_t)n->pairs[middle].at < (uintptr_t)element)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

static const struct name *
row_of(const struct ledger *ledger, enum kind kind, uint32_t id)
{
	return ledger->names != NULL ? find_id(ledger->names, kind, 0, id) : NULL;
}

uint32_t
ledger_object_id(const struct ledger *ledger, const struct config_object *object)
{
	return id_of(ledger, object);
}

uint32_t
ledger_unit_id(const struct ledger *ledger, const struct config_unit *unit)
{
	return unit == NULL || unit->head.name == NULL || unit->head.name[0] == '\0' ? 1 : id_of(ledger, unit);
}

uint32_t
ledger_credentials(const struct ledger *ledger, const struct config_system *system, const struct config_unit *unit)
{
	const struct config_unit_system *own = unit != NULL ? config_unit_system(unit, system->head.name) : NULL;

	return own != NULL && own->has_settings ? ledger_unit_id(ledger, unit) : 0;
}

uint32_t
ledger_entity_id(const struct ledger *ledger, const struct config_entity *entity)
{
	return id_of(ledger, entity);
}

uint32_t
ledger_flow_id(const struct ledger *ledger, const struct config_flow *flow)
{
	return id_of(ledger, flow);
}

uint32_t
ledger_binding_id(const struct ledger *ledger, const struct config_binding *binding)
{
	return id_of(ledger, binding);
}

uint32_t
ledger_system_id(const struct ledger *ledger, const struct config_system *system)
{
	return id_of(ledger, system);
}

uint32_t
ledger_field_id(const struct ledger *ledger, const struct config_entity *entity, const struct config_field *field)
{
	(void)entity;
	return id_of(ledger, field);
}

uint32_t
ledger_field_limit(const struct ledger *ledger, const struct config_entity *entity)
{
	const struct names *n = ledger->names;
	uint32_t parent = id_of(ledger, entity), limit = 1;

	for (size_t i = 0; n != NULL && parent != 0 && i < n->count[FIELD]; i++)
		if (n->rows[FIELD][i].parent == parent && n->rows[FIELD][i].id >= limit)
			limit = n->rows[FIELD][i].id + 1;
	return limit;
}

static const void *
element_of(const struct ledger *ledger, enum kind kind, uint32_t id)
{
	const struct name *row = row_of(ledger, kind, id);

	return row != NULL ? row->element : NULL;
}

const struct config_object *
ledger_object(const struct ledger *ledger, uint32_t id)
{
	return element_of(ledger, OBJECT, id);
}

const struct config_unit *
ledger_unit(const struct ledger *ledger, uint32_t id)
{
	return element_of(ledger, UNIT, id);
}

const struct config_entity *
ledger_entity(const struct ledger *ledger, uint32_t id)
{
	return element_of(ledger, ENTITY, id);
}

const struct config_flow *
ledger_flow(const struct ledger *ledger, uint32_t id)
{
	return element_of(ledger, FLOW, id);
}

const struct config_binding *
ledger_binding(const struct ledger *ledger, uint32_t id)
{
	return element_of(ledger, BINDING, id);
}

static const char *
full_name(const struct ledger *ledger, enum kind kind, uint32_t id)
{
	const struct name *row = row_of(ledger, kind, id);

	return row != NULL ? row->full : "?";
}

const char *
ledger_unit_name(const struct ledger *ledger, uint32_t id)
{
	return full_name(ledger, UNIT, id);
}

const char *
ledger_object_name(const struct ledger *ledger, uint32_t id)
{
	return full_name(ledger, OBJECT, id);
}

const char *
ledger_flow_name(const struct ledger *ledger, uint32_t id)
{
	return full_name(ledger, FLOW, id);
}

const char *
ledger_binding_name(const struct ledger *ledger, uint32_t id)
{
	return full_name(ledger, BINDING, id);
}

const char *
ledger_entity_name(const struct ledger *ledger, uint32_t id)
{
	return full_name(ledger, ENTITY, id);
}

const char *
ledger_field_name(const struct ledger *ledger, uint32_t entity, uint32_t field)
{
	const struct name *row = ledger->names != NULL ? find_id(ledger->names, FIELD, entity, field) : NULL;

	return row != NULL ? row->name : "?";
}

const char *
ledger_carrier(const struct ledger *ledger, uint32_t entity, uint32_t field)
{
	const struct name *row = ledger->names == NULL ? NULL :
	                         field == 0            ? find_id(ledger->names, ENTITY, 0, entity) :
	                                                 find_id(ledger->names, FIELD, entity, field);

	return row != NULL ? row->carrier : NULL;
}

int
ledger_carrier_set(struct ledger *ledger, uint32_t entity, uint32_t field, const char *carrier, struct error *err)
{
	enum kind kind = field == 0 ? ENTITY : FIELD;
	struct name *row = find_id(ledger->names, kind, entity, field == 0 ? entity : field);
	sqlite3_stmt *statement;
	char *copy;

	if (row == NULL)
		return error_set(err, ERROR_INTERNAL, NULL, "a column was made for a field that has no id");
	copy = strdup(carrier);
	if (copy == NULL)
		return error_memory(err);
	statement = ledger_statement(ledger, "UPDATE name SET carrier = ?4 WHERE kind = ?1 AND parent = ?2 AND id = ?3", err);
	if (statement != NULL) {
		ledger_bind_text(statement, 1, words[kind]);
		sqlite3_bind_int64(statement, 2, row->parent);
		sqlite3_bind_int64(statement, 3, row->id);
		ledger_bind_text(statement, 4, carrier);
	}
	if (statement == NULL || ledger_run_statement(ledger, statement, err) != 0) {
		free(copy);
		return -1;
	}
	free(row->carrier);
	row->carrier = copy;
	return 0;
}
