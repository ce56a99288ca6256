/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mappings.c: see mappings.h.  A spec is put together in an arena that lives as long as the compilation; the mapping keeps
 * nothing of it.
 */
#include "flow/mappings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* A spec while it grows. */
struct draft {
	struct arena arena;
	struct mapping_spec spec;
	struct rules_field *fields;
	struct rules_output *outputs;
	struct rules_check *checks;
	struct rules_condition condition;
	char name[256];
	bool no_memory;
};

static const enum rules_type types[CONFIG_FIELD_TYPE_COUNT] = {
	[CONFIG_FIELD_TEXT] = RULES_TEXT, [CONFIG_FIELD_INTEGER] = RULES_INTEGER, [CONFIG_FIELD_DECIMAL] = RULES_DECIMAL,
	[CONFIG_FIELD_BOOLEAN] = RULES_BOOLEAN, [CONFIG_FIELD_DATE] = RULES_DATE, [CONFIG_FIELD_TIMESTAMP] = RULES_TIMESTAMP,
	[CONFIG_FIELD_EMAIL] = RULES_EMAIL, [CONFIG_FIELD_PHONE] = RULES_PHONE, [CONFIG_FIELD_IBAN] = RULES_IBAN,
	[CONFIG_FIELD_VAT_ID] = RULES_VAT_ID, [CONFIG_FIELD_URL] = RULES_URL, [CONFIG_FIELD_JSON] = RULES_JSON,
	[CONFIG_FIELD_LIST] = RULES_LIST, [CONFIG_FIELD_REF] = RULES_REF, [CONFIG_FIELD_CONTENT] = RULES_CONTENT,
};

static void *
array(struct draft *draft, size_t count, size_t size)
{
	void *at = arena_array(&draft->arena, count > 0 ? count : 1, size);

	draft->no_memory = draft->no_memory || at == NULL;
	return at;
}

/* A field's name as an expression that copies it. */
static const char *
copy_of(struct draft *draft, const char *name)
{
	char *text, *to;

	if (strpbrk(name, "[]") == NULL) {
		text = arena_format(&draft->arena, "[%s]", name);
		draft->no_memory = draft->no_memory || text == NULL;
		return text;
	}
	if ((text = to = array(draft, strlen(name) * 2 + 3, 1)) == NULL)
		return NULL;
	for (*to++ = '"'; *name != '\0'; *to++ = *name++)
		if (*name == '"')
			*to++ = '"';
	*to = '"';
	return text;
}

static struct rules_place
place_of(const struct config_place *place)
{
	return (struct rules_place){ place->file, place->line };
}

/* What the entity demands of a field. */
static void
demand(struct draft *draft, struct rules_output *output, const struct config_field *field)
{
	output->name = field->head.name;
	output->type = types[field->type];
	output->has_scale = field->scale != CONFIG_SCALE_NONE;
	output->scale = (uint16_t)(output->has_scale ? field->scale : 0);
	output->max_length = (uint32_t)field->max_length;
	output->required = field->required;
	output->sensitive = field->sensitive || field->type == CONFIG_FIELD_EMAIL || field->type == CONFIG_FIELD_PHONE ||
	                    field->type == CONFIG_FIELD_IBAN;
	output->min = field->min;
	output->max = field->max;
	if (field->one_of.count > 0) {
		const char **values = array(draft, field->one_of.count + 1u, sizeof *values);

		if (values != NULL)
			memcpy(values, field->one_of.items, field->one_of.count * sizeof *values);
		output->one_of = values;
	}
}

static void
read_output(struct draft *draft, struct rules_output *output, const struct config_read *read)
{
	demand(draft, output, read->field);
	output->place = place_of(&read->head.place);
	if (read->from == NULL) {
		output->expression = read->rule.text;
		output->place = place_of(&read->rule.place);
		return;
	}
	struct rules_output *elements = array(draft, read->read_count, sizeof *elements);

	output->expression = copy_of(draft, read->from);
	output->elements = elements;
	output->element_count = read->read_count;
	for (uint32_t i = 0; elements != NULL && i < read->read_count; i++)
		read_output(draft, &elements[i], &read->reads[i]);
}

/* The fields of the native object: its contract's, else a batch's. */
static void
native_fields(struct draft *draft, const struct config_object *object, const struct batch *sample)
{
	uint32_t count = object->contract != NULL ? object->contract->field_count : sample != NULL ? sample->header->field_count : 0, used = 0;
	bool grouped = object->group_into == NULL;

	if ((draft->fields = array(draft, count + 1u, sizeof *draft->fields)) == NULL)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct rules_field *field = &draft->fields[used++];

		if (object->contract != NULL) {
			const struct syncline_field *from = &object->contract->fields[i];

			*field = (struct rules_field){ from->name, from->type, from->scale, (from->flags & SYNCLINE_FIELD_SENSITIVE) != 0, NULL };
		} else {
			struct batch_field from;

			batch_field(sample, i, &from);
			*field = (struct rules_field){ arena_copy(&draft->arena, from.name, from.name_length), from.type, from.scale,
				(from.flags & SYNCLINE_FIELD_SENSITIVE) != 0, NULL };
			if (field->name == NULL) {
				draft->no_memory = true;
				return;
			}
		}
		if (object->content != NULL && strcmp(field->name, object->content) == 0)
			field->type = SYNCLINE_TYPE_CONTENT;
		grouped = grouped || strcmp(field->name, object->group_into) == 0;
	}
	if (!grouped)
		draft->fields[used++] = (struct rules_field){ object->group_into, SYNCLINE_TYPE_JSON, SYNCLINE_SCALE_UNKNOWN, false, NULL };
	draft->spec.fields = draft->fields;
	draft->spec.field_count = used;
	draft->spec.open = object->contract == NULL && sample == NULL;
}

static bool
is_output(const struct draft *draft, const char *name, size_t length)
{
	for (uint32_t i = 0; i < draft->spec.output_count; i++)
		if (strlen(draft->outputs[i].name) == length && memcmp(draft->outputs[i].name, name, length) == 0)
			return true;
	return false;
}

/* Does a check name only fields that this binding reads?  One that needs others is for the merged record. */
static bool
check_applies(const struct draft *draft, const struct config_entity *entity, const char *rule)
{
	while (*rule != '\0') {
		const char *start = rule;

		if (*rule == '\'') {
			for (rule++; *rule != '\0' && *rule != '\''; rule++)
				;
			rule += *rule != '\0';
			continue;
		}
		while (isalnum((unsigned char)*rule) || *rule == '_')
			rule++;
		if (rule == start) {
			rule++;
			continue;
		}
		for (uint32_t i = 0; i < entity->field_count; i++) {
			const char *name = entity->fields[i].head.name;

			if (strlen(name) == (size_t)(rule - start) && memcmp(name, start, strlen(name)) == 0 &&
			    !is_output(draft, name, strlen(name)))
				return false;
		}
	}
	return true;
}

static void
checks(struct draft *draft, const struct config_entity *entity)
{
	uint32_t used = 0;

	if ((draft->checks = array(draft, (size_t)entity->check_count + entity->field_count, sizeof *draft->checks)) == NULL)
		return;
	for (uint32_t i = 0; i < entity->check_count; i++) {
		const struct config_check *check = &entity->checks[i];

		if (check_applies(draft, entity, check->rule.text))
			draft->checks[used++] = (struct rules_check){ check->rule.text, check->message, place_of(&check->rule.place) };
	}
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const struct config_field *field = &entity->fields[i];

		if (field->min_length == 0 || !is_output(draft, field->head.name, strlen(field->head.name)))
			continue;
		draft->checks[used].expression = arena_format(&draft->arena, "length(%s) >= %lld", field->head.name, (long long)field->min_length);
		draft->checks[used].message = arena_format(&draft->arena, "%s has fewer than %lld characters", field->head.name, (long long)field->min_length);
		draft->checks[used].place = place_of(&field->head.place);
		draft->no_memory = draft->no_memory || draft->checks[used].expression == NULL || draft->checks[used].message == NULL;
		used++;
	}
	draft->spec.checks = draft->checks;
	draft->spec.check_count = used;
}

/* The names that ref(), link() and url() may use. */
static void
world(struct draft *draft, const struct model *model, const struct config_system *system)
{
	const char **objects = array(draft, system->object_count + 1u, sizeof *objects);
	const char **systems = array(draft, model->system_count + 1u, sizeof *systems);

	for (uint32_t i = 0; objects != NULL && i < system->object_count; i++)
		objects[i] = system->objects[i].head.name;
	for (uint32_t i = 0; systems != NULL && i < model->system_count; i++)
		systems[i] = model->systems[i].head.name;
	draft->spec.objects = objects;
	draft->spec.systems = systems;
}

static void
begin(struct draft *draft, const struct model *model, const struct config_binding *binding, const struct lookups *lookups, const char *way)
{
	memset(draft, 0, sizeof *draft);
	arena_init(&draft->arena, 0);
	snprintf(draft->name, sizeof draft->name, "flow %s, binding %s, %s", binding->flow->head.name, binding->head.name, way);
	draft->spec.name = draft->name;
	draft->spec.lookups = lookups->tables;
	draft->spec.lookup_count = lookups->count;
	world(draft, model, binding->system);
}

static void
keep_mistake(void *data, const struct error *err)
{
	if (data != NULL)
		diagnostics_add(data, NULL, err);
}

static int
compile(struct draft *draft, struct diagnostics *diagnostics, struct mapping **ret_mapping, struct error *err)
{
	struct mapping *mapping = NULL;

	if (draft->no_memory)
		(void)error_memory(err);
	else
		mapping = mapping_compile(&draft->spec, keep_mistake, diagnostics, err);
	arena_free(&draft->arena);
	if (mapping == NULL)
		return -1;
	*ret_mapping = mapping;
	return 0;
}

/* Rules over what was read alone: a slip of the pen, or a field that comes later? */
static int
seen_alone(const struct config_object *object, struct error *err)
{
	size_t used = err != NULL ? strlen(err->hint) : 0;

	if (err != NULL && err->code == ERROR_RULE_UNKNOWN_FIELD)
		snprintf(err->hint + used, sizeof err->hint - used,
		         "%sOnly the fields of the first records are known; `syncline discover %s %s` finds all that the object has.",
		         used > 0 ? "  " : "", object->system->head.name, object->head.name);
	return -1;
}

bool
mappings_can_read(const struct config_binding *binding)
{
	return binding->object->contract != NULL;
}

int
mappings_read(const struct model *model, const struct config_binding *binding, const struct lookups *lookups, const struct batch *sample,
              struct diagnostics *diagnostics, struct mapping **ret_mapping, struct error *err)
{
	struct draft draft;
	uint32_t used = 0;

	begin(&draft, model, binding, lookups, "read");
	native_fields(&draft, binding->object, sample);
	draft.outputs = array(&draft, binding->map_count + binding->read_count, sizeof *draft.outputs);
	for (uint32_t i = 0; !draft.no_memory && i < binding->map_count; i++) {
		const struct config_map *map = &binding->maps[i];

		demand(&draft, &draft.outputs[used], map->field);
		draft.outputs[used].expression = copy_of(&draft, map->native);
		draft.outputs[used++].place = place_of(&map->head.place);
	}
	for (uint32_t i = 0; !draft.no_memory && i < binding->read_count; i++)
		read_output(&draft, &draft.outputs[used++], &binding->read[i]);
	draft.spec.outputs = draft.outputs;
	draft.spec.output_count = used;
	if (!draft.no_memory)
		checks(&draft, binding->flow->entity);
	if (compile(&draft, diagnostics, ret_mapping, err) == 0)
		return 0;
	return sample != NULL ? seen_alone(binding->object, err) : -1;
}

/* The entity's fields as the input of writing. */
static void
canonical_fields(struct draft *draft, const struct config_entity *entity)
{
	if ((draft->fields = array(draft, entity->field_count, sizeof *draft->fields)) == NULL)
		return;
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const struct config_field *field = &entity->fields[i];

		draft->fields[i] = (struct rules_field){
			.name = field->head.name,
			.type = rules_type_value(types[field->type]),
			.scale = (uint16_t)(field->scale != CONFIG_SCALE_NONE ? field->scale : SYNCLINE_SCALE_UNKNOWN),
			.sensitive = field->sensitive,
			.entity = field->type == CONFIG_FIELD_REF ? field->entity : NULL,
		};
	}
	draft->spec.fields = draft->fields;
	draft->spec.field_count = entity->field_count;
}

/* What the target's contract says of a native field. */
static void
native_type(struct rules_output *output, const struct config_contract *contract)
{
	static const enum rules_type of[SYNCLINE_TYPE_COUNT] = {
		[SYNCLINE_TYPE_BOOLEAN] = RULES_BOOLEAN, [SYNCLINE_TYPE_INTEGER] = RULES_INTEGER, [SYNCLINE_TYPE_DECIMAL] = RULES_DECIMAL,
		[SYNCLINE_TYPE_TEXT] = RULES_TEXT, [SYNCLINE_TYPE_BYTES] = RULES_BYTES, [SYNCLINE_TYPE_TIMESTAMP] = RULES_TIMESTAMP,
		[SYNCLINE_TYPE_DATE] = RULES_DATE, [SYNCLINE_TYPE_JSON] = RULES_JSON, [SYNCLINE_TYPE_CONTENT] = RULES_CONTENT,
	};

	for (uint32_t i = 0; contract != NULL && i < contract->field_count; i++) {
		const struct syncline_field *field = &contract->fields[i];

		if (strcmp(field->name, output->name) != 0)
			continue;
		output->type = of[field->type];
		output->max_length = field->type == SYNCLINE_TYPE_TEXT ? field->max_length : 0;
		output->has_scale = field->type == SYNCLINE_TYPE_DECIMAL && field->scale != SYNCLINE_SCALE_UNKNOWN;
		output->scale = output->has_scale ? field->scale : 0;
	}
}

static struct rules_output *
write_output(struct draft *draft, const struct config_object *object, const char *name, const char *expression, const struct config_place *place)
{
	struct rules_output *output = &draft->outputs[draft->spec.output_count++];

	output->name = name;
	output->expression = expression;
	output->place = place_of(place);
	native_type(output, object->contract);
	return output;
}

int
mappings_write(const struct model *model, const struct config_binding *binding, const struct lookups *lookups,
               struct diagnostics *diagnostics, struct mapping **ret_mapping, struct error *err)
{
	const struct config_object *object = binding->object;
	struct draft draft;

	begin(&draft, model, binding, lookups, "write");
	canonical_fields(&draft, binding->flow->entity);
	draft.outputs = array(&draft, (size_t)binding->map_count + binding->write_count + 2, sizeof *draft.outputs);
	draft.spec.outputs = draft.outputs;
	/* What the system assigns itself is not written by a pair that goes both ways: it is only read. */
	for (uint32_t i = 0; !draft.no_memory && i < binding->map_count; i++)
		if (binding->maps[i].field->assigned_by == NULL || strcmp(binding->maps[i].field->assigned_by, binding->system->head.name) != 0)
			write_output(&draft, object, binding->maps[i].native, copy_of(&draft, binding->maps[i].head.name), &binding->maps[i].head.place);
	for (uint32_t i = 0; !draft.no_memory && i < binding->write_count; i++)
		write_output(&draft, object, binding->write[i].head.name, binding->write[i].rule.text, &binding->write[i].rule.place)->create_only =
			binding->write[i].create_only;
	if (!draft.no_memory && binding->path.text != NULL && object->key.count > 0)
		write_output(&draft, object, object->key.items[0], binding->path.text, &binding->path.place);
	if (!draft.no_memory && object->external_key != NULL && !is_output(&draft, object->external_key, strlen(object->external_key)))
		write_output(&draft, object, object->external_key, "record_id()", &object->head.place);
	if (binding->create_if.text != NULL) {
		draft.condition = (struct rules_condition){ "create_if", binding->create_if.text, place_of(&binding->create_if.place) };
		draft.spec.conditions = &draft.condition;
		draft.spec.condition_count = 1;
	}
	return compile(&draft, diagnostics, ret_mapping, err);
}

int
mappings_deactivate(const struct model *model, const struct config_binding *binding, const struct lookups *lookups,
                    struct diagnostics *diagnostics, struct mapping **ret_mapping, struct error *err)
{
	const struct config_deletes *deletes = binding->deletes;
	struct draft draft;

	begin(&draft, model, binding, lookups, "deletes.set");
	canonical_fields(&draft, binding->flow->entity);
	draft.outputs = array(&draft, deletes->set_count, sizeof *draft.outputs);
	draft.spec.outputs = draft.outputs;
	for (uint32_t i = 0; !draft.no_memory && i < deletes->set_count; i++)
		write_output(&draft, binding->object, deletes->set[i].head.name, deletes->set[i].rule.text, &deletes->set[i].rule.place);
	return compile(&draft, diagnostics, ret_mapping, err);
}
