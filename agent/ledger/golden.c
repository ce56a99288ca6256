/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golden.c: golden tables follow the model: made, renamed by `was`, widened.  A column that is no longer configured stays with
 * its values.  Runs when a ledger is opened, and once per entity after that.
 */
#include "ledger/golden.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char own_columns[] = "_id,_unit,_state,_generation,_version,_updated,_stamps";

uint8_t
golden_type(const struct config_field *field)
{
	switch (field->type) {
	case CONFIG_FIELD_INTEGER:
	case CONFIG_FIELD_REF:
		return SYNCLINE_TYPE_INTEGER;
	case CONFIG_FIELD_BOOLEAN:
		return SYNCLINE_TYPE_BOOLEAN;
	case CONFIG_FIELD_DECIMAL:
		return SYNCLINE_TYPE_DECIMAL;
	case CONFIG_FIELD_DATE:
		return SYNCLINE_TYPE_DATE;
	case CONFIG_FIELD_TIMESTAMP:
		return SYNCLINE_TYPE_TIMESTAMP;
	case CONFIG_FIELD_JSON:
	case CONFIG_FIELD_LIST:
	case CONFIG_FIELD_CONTENT:
		return SYNCLINE_TYPE_JSON;
	default:
		return SYNCLINE_TYPE_TEXT;
	}
}

static bool
is_integer(const struct config_field *field)
{
	uint8_t type = golden_type(field);

	return type == SYNCLINE_TYPE_INTEGER || type == SYNCLINE_TYPE_BOOLEAN;
}

int
golden_quote(struct buffer *buffer, const char *prefix, const char *name)
{
	buffer_char(buffer, '"');
	buffer_text(buffer, prefix);
	for (; *name != '\0'; name++) {
		if (*name == '"')
			buffer_char(buffer, '"');
		buffer_char(buffer, *name);
	}
	return buffer_char(buffer, '"');
}

/* The statement made of `text`, or an error; the buffer is empty afterwards. */
static int
execute(struct ledger *ledger, struct buffer *text, struct error *err)
{
	const char *sql = buffer_string(text);
	int result;

	if (sql == NULL || text->failed)
		return error_memory(err);
	result = ledger_execute(ledger, sql, err);
	buffer_clear(text);
	return result;
}

/* A name of the schema; SQLite tells no two apart that differ in letter case only. */
static int
find_table(struct ledger *ledger, const char *name, bool *ret_there, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'golden_' || ?1 COLLATE NOCASE", err);
	int step;

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, name);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_there = step == 1;
	sqlite3_reset(statement);
	return 0;
}

/* 0: no such column; 'I': INTEGER; 'T': TEXT. */
static int
find_column(struct ledger *ledger, const char *entity, const char *column, char *ret_kind, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT type = 'INTEGER' FROM pragma_table_info('golden_' || ?1) WHERE name = ?2 COLLATE NOCASE", err);
	int step;

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, entity);
	ledger_bind_text(statement, 2, column);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_kind = step == 0 ? '\0' : sqlite3_column_int(statement, 0) ? 'I' : 'T';
	sqlite3_reset(statement);
	return 0;
}

static int
check_names(const struct model *model, const struct config_entity *entity, struct error *err)
{
	static const char hint[] = "Choose another name and say was = \"...\" if it had one.";

	if (entity->field_count > GOLDEN_FIELDS_MAX)
		return error_set(err, ERROR_LEDGER_ENTITY, "Divide it into two entities, or make lists of what belongs together.",
		                 "The entity \"%s\" has %u fields; a table of the ledger takes %u.", entity->head.name, entity->field_count,
		                 GOLDEN_FIELDS_MAX);
	for (const struct config_entity *other = model->entities; other < entity; other++)
		if (strcasecmp(other->head.name, entity->head.name) == 0)
			return error_set(err, ERROR_LEDGER_ENTITY, hint, "The entities \"%s\" and \"%s\" would be the same table.",
			                 other->head.name, entity->head.name);
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const char *name = entity->fields[i].head.name;

		if (name[0] == '\0' || name[0] == '_')
			return error_set(err, ERROR_LEDGER_ENTITY, hint,
			                 "The field \"%s\" of \"%s\" can't be a column: names that begin with _ are the ledger's own.", name,
			                 entity->head.name);
		for (uint32_t k = 0; k < i; k++)
			if (strcasecmp(entity->fields[k].head.name, name) == 0)
				return error_set(err, ERROR_LEDGER_ENTITY, hint, "The fields \"%s\" and \"%s\" of \"%s\" would be the same column.",
				                 entity->fields[k].head.name, name, entity->head.name);
	}
	return 0;
}

static int
create(struct ledger *ledger, const struct config_entity *entity, struct buffer *text, struct error *err)
{
	buffer_text(text, "CREATE TABLE ");
	golden_quote(text, "golden_", entity->head.name);
	buffer_text(text, "(_id INTEGER PRIMARY KEY, _unit INTEGER NOT NULL, _state INTEGER NOT NULL, _generation INTEGER NOT NULL, "
	                  "_version INTEGER NOT NULL, _updated INTEGER NOT NULL, _stamps TEXT");
	for (uint32_t i = 0; i < entity->field_count; i++) {
		buffer_text(text, ", ");
		golden_quote(text, "", entity->fields[i].head.name);
		buffer_text(text, is_integer(&entity->fields[i]) ? " INTEGER" : " TEXT");
	}
	buffer_text(text, ")");
	return execute(ledger, text, err);
}

static int
rename_column(struct ledger *ledger, const char *entity, const char *from, const char *to, struct buffer *text, struct error *err)
{
	buffer_text(text, "ALTER TABLE ");
	golden_quote(text, "golden_", entity);
	buffer_text(text, " RENAME COLUMN ");
	golden_quote(text, "", from);
	buffer_text(text, " TO ");
	golden_quote(text, "", to);
	return execute(ledger, text, err);
}

/*
 * A field that was a number and is a text now.  The column must not go on turning "007" into 7, and SQLite can't change its
 * kind, so another one takes its place.  The other way round the column may stay: text keeps digits as they are.
 */
static int
make_text(struct ledger *ledger, const char *entity, const char *field, struct buffer *text, struct error *err)
{
	buffer_text(text, "ALTER TABLE ");
	golden_quote(text, "golden_", entity);
	buffer_text(text, " ADD COLUMN _retyped TEXT; UPDATE ");
	golden_quote(text, "golden_", entity);
	buffer_text(text, " SET _retyped = ");
	golden_quote(text, "", field);
	buffer_text(text, "; ALTER TABLE ");
	golden_quote(text, "golden_", entity);
	buffer_text(text, " DROP COLUMN ");
	golden_quote(text, "", field);
	if (execute(ledger, text, err) != 0)
		return -1;
	return rename_column(ledger, entity, "_retyped", field, text, err);
}

/* Who points to a record is asked whenever that record gets a link or goes away. */
int
golden_index_ref(struct ledger *ledger, const struct config_entity *entity, const struct config_field *field, struct error *err)
{
	struct buffer text;
	int result;

	buffer_init(&text, 0);
	buffer_format(&text, "CREATE INDEX IF NOT EXISTS golden_ref_%u_%u ON ", ledger_entity_id(ledger, entity),
	              ledger_field_id(ledger, entity, field));
	golden_quote(&text, "golden_", entity->head.name);
	buffer_char(&text, '(');
	golden_quote(&text, "", field->head.name);
	buffer_text(&text, ") WHERE ");
	golden_quote(&text, "", field->head.name);
	buffer_text(&text, " IS NOT NULL");
	result = execute(ledger, &text, err);
	buffer_free(&text);
	return result;
}

static bool
is_present(const struct ledger *ledger, const struct config_entity *entity, uint32_t id)
{
	for (uint32_t i = 0; i < entity->field_count; i++)
		if (ledger_field_id(ledger, entity, &entity->fields[i]) == id)
			return true;
	return false;
}

/* A rename may take the name of a field that was given up before: its column keeps the values, under a name of its own. */
static int
retire_columns(struct ledger *ledger, const struct config_entity *entity, struct buffer *text, struct error *err)
{
	uint32_t parent = ledger_entity_id(ledger, entity), limit = ledger_field_limit(ledger, entity);
	char aside[32];

	for (uint32_t id = 1; id < limit; id++) {
		const char *carrier = ledger_carrier(ledger, parent, id);
		const struct config_field *field = carrier != NULL ? config_field(entity, carrier) : NULL;

		if (field == NULL || ledger_field_id(ledger, entity, field) == id || is_present(ledger, entity, id))
			continue;
		snprintf(aside, sizeof aside, "_former_%u", id);
		if (rename_column(ledger, entity->head.name, carrier, aside, text, err) != 0 || ledger_carrier_set(ledger, parent, id, aside, err) != 0)
			return -1;
	}
	return 0;
}

/*
 * Columns whose field has another name by now.  All of them step aside before one takes its new name, so that two fields may
 * change their names with each other.
 */
static int
rename_columns(struct ledger *ledger, const struct config_entity *entity, struct buffer *text, struct error *err)
{
	uint32_t parent = ledger_entity_id(ledger, entity);
	char aside[32];

	if (retire_columns(ledger, entity, text, err) != 0)
		return -1;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < entity->field_count; i++) {
			const char *name = entity->fields[i].head.name;
			uint32_t id = ledger_field_id(ledger, entity, &entity->fields[i]);
			const char *carrier = ledger_carrier(ledger, parent, id);

			if (carrier == NULL || strcmp(carrier, name) == 0)
				continue;
			snprintf(aside, sizeof aside, "_moved_%u", id);
			if (rename_column(ledger, entity->head.name, carrier, round == 0 ? aside : name, text, err) != 0 ||
			    ledger_carrier_set(ledger, parent, id, round == 0 ? aside : name, err) != 0)
				return -1;
		}
	return 0;
}

/* Writes nothing where nothing changed: most openings shall find nothing to write at all. */
static int
carry(struct ledger *ledger, uint32_t entity, uint32_t field, const char *name, struct error *err)
{
	const char *carrier = ledger_carrier(ledger, entity, field);

	return carrier != NULL && strcmp(carrier, name) == 0 ? 0 : ledger_carrier_set(ledger, entity, field, name, err);
}

/* A load that is at work has put the indexes away and builds them itself. */
static int
is_loading(struct ledger *ledger, bool *ret_loading, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT 1 FROM first_load LIMIT 1", err);
	int step;

	if (statement == NULL || (step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_loading = step == 1;
	sqlite3_reset(statement);
	return 0;
}

static int
adopt_columns(struct ledger *ledger, const struct config_entity *entity, struct buffer *text, struct error *err)
{
	uint32_t parent = ledger_entity_id(ledger, entity);
	const char *table = entity->head.name;
	bool loading;
	char kind;

	if (rename_columns(ledger, entity, text, err) != 0 || is_loading(ledger, &loading, err) != 0)
		return -1;
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const struct config_field *field = &entity->fields[i];

		if (find_column(ledger, table, field->head.name, &kind, err) != 0)
			return -1;
		if (kind == '\0') {
			buffer_text(text, "ALTER TABLE ");
			golden_quote(text, "golden_", table);
			buffer_text(text, " ADD COLUMN ");
			golden_quote(text, "", field->head.name);
			buffer_text(text, is_integer(field) ? " INTEGER" : " TEXT");
			if (execute(ledger, text, err) != 0)
				return -1;
		} else if (kind == 'I' && !is_integer(field) && make_text(ledger, table, field->head.name, text, err) != 0) {
			return -1;
		}
		if (carry(ledger, parent, ledger_field_id(ledger, entity, field), field->head.name, err) != 0)
			return -1;
		if (field->type == CONFIG_FIELD_REF && !loading && golden_index_ref(ledger, entity, field, err) != 0)
			return -1;
	}
	return 0;
}

static int
rename_table(struct ledger *ledger, const char *from, const char *to, struct buffer *text, struct error *err)
{
	buffer_text(text, "ALTER TABLE ");
	golden_quote(text, "golden_", from);
	buffer_text(text, " RENAME TO ");
	golden_quote(text, "golden_", to);
	return execute(ledger, text, err);
}

/* As with columns: every table whose entity was renamed steps aside first. */
static int
rename_tables(struct ledger *ledger, struct buffer *text, struct error *err)
{
	const struct model *model = ledger->options.model;
	char aside[32];

	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < model->entity_count; i++) {
			const struct config_entity *entity = &model->entities[i];
			uint32_t id = ledger_entity_id(ledger, entity);
			const char *carrier = ledger_carrier(ledger, id, 0);

			if (carrier == NULL || strcmp(carrier, entity->head.name) == 0)
				continue;
			snprintf(aside, sizeof aside, "_moved_%u", id);
			if (rename_table(ledger, carrier, round == 0 ? aside : entity->head.name, text, err) != 0 ||
			    ledger_carrier_set(ledger, id, 0, round == 0 ? aside : entity->head.name, err) != 0)
				return -1;
		}
	return 0;
}

static int
adopt_entity(struct ledger *ledger, const struct config_entity *entity, struct buffer *text, struct error *err)
{
	bool there;

	if (find_table(ledger, entity->head.name, &there, err) != 0 || (!there && create(ledger, entity, text, err) != 0))
		return -1;
	if (adopt_columns(ledger, entity, text, err) != 0)
		return -1;
	return carry(ledger, ledger_entity_id(ledger, entity), 0, entity->head.name, err);
}

int
ledger_adopt_entities(struct ledger *ledger, struct error *err)
{
	const struct model *model = ledger->options.model;
	struct buffer text;
	int result = 0;

	if (model == NULL)
		return 0;
	buffer_init(&text, 0);
	for (uint32_t i = 0; i < model->entity_count && result == 0; i++)
		result = check_names(model, &model->entities[i], err);
	if (result == 0)
		result = rename_tables(ledger, &text, err);
	for (uint32_t i = 0; i < model->entity_count && result == 0; i++)
		result = adopt_entity(ledger, &model->entities[i], &text, err);
	buffer_free(&text);
	golden_forget(ledger);
	return result;
}

void
golden_forget(struct ledger *ledger)
{
	ledger->goldens = NULL;
}

/* Statements of an entity. */

static const char *
keep(struct ledger *ledger, struct buffer *text)
{
	const char *kept = text->failed ? NULL : arena_copy(&ledger->arena, text->data, text->length);

	buffer_clear(text);
	return kept;
}

/* The columns; for reading, NULL stands in the place of those that the table doesn't have yet. */
static int
list_columns(struct ledger *ledger, const struct config_entity *entity, bool reading, struct buffer *text, struct error *err)
{
	char kind = 'T';

	buffer_text(text, own_columns);
	for (uint32_t i = 0; i < entity->field_count; i++) {
		const char *name = entity->fields[i].head.name;

		if (reading && find_column(ledger, entity->head.name, name, &kind, err) != 0)
			return -1;
		buffer_char(text, ',');
		if (kind == '\0')
			buffer_text(text, "NULL");
		else
			golden_quote(text, "", name);
	}
	return text->failed ? error_memory(err) : 0;
}

static const char *
select_text(struct ledger *ledger, const struct config_entity *entity, const char *columns, const char *where, struct buffer *text)
{
	buffer_text(text, "SELECT ");
	buffer_text(text, columns);
	buffer_text(text, " FROM ");
	golden_quote(text, "golden_", entity->head.name);
	buffer_text(text, where);
	return keep(ledger, text);
}

/* The same where it changes neither unit nor state. */
static const char *
change_text(struct ledger *ledger, const struct buffer *update)
{
	struct buffer text;
	const char *kept;

	buffer_init(&text, 0);
	buffer_append(&text, update->data, update->length);
	buffer_text(&text, " AND _unit = ?2 AND _state = ?3");
	kept = keep(ledger, &text);
	buffer_free(&text);
	return kept;
}

static void
write_texts(struct ledger *ledger, struct golden *golden, const char *columns, struct buffer *text)
{
	const struct config_entity *entity = golden->entity;
	static const char *const own[] = { "_unit", "_state", "_generation", "_version", "_updated", "_stamps" };

	buffer_text(text, "INSERT INTO ");
	golden_quote(text, "golden_", entity->head.name);
	buffer_format(text, "(%s) VALUES(?1", columns);
	for (uint32_t i = 2; i <= GOLDEN_OWN + entity->field_count; i++)
		buffer_format(text, ",?%u", i);
	buffer_text(text, ") ON CONFLICT(_id) DO NOTHING");
	golden->insert = keep(ledger, text);

	buffer_text(text, "UPDATE ");
	golden_quote(text, "golden_", entity->head.name);
	buffer_text(text, " SET ");
	for (uint32_t i = 0; i < GOLDEN_OWN - 1; i++)
		buffer_format(text, "%s%s = ?%u", i > 0 ? "," : "", own[i], i + 2);
	for (uint32_t i = 0; i < entity->field_count; i++) {
		buffer_char(text, ',');
		golden_quote(text, "", entity->fields[i].head.name);
		buffer_format(text, " = ?%u", GOLDEN_OWN + 1 + i);
	}
	buffer_text(text, " WHERE _id = ?1");
	golden->change = text->failed ? NULL : change_text(ledger, text);
	golden->update = keep(ledger, text);
}

static int
make_texts(struct ledger *ledger, struct golden *golden, struct error *err)
{
	const struct config_entity *entity = golden->entity;
	struct buffer text, columns;
	const char *list;
	int result = -1;

	buffer_init(&text, 0);
	buffer_init(&columns, 0);
	if (list_columns(ledger, entity, true, &columns, err) != 0)
		goto out;
	if ((list = buffer_string(&columns)) == NULL) {
		error_memory(err);
		goto out;
	}
	golden->range = select_text(ledger, entity, list, " WHERE _id BETWEEN ?1 AND ?2 ORDER BY _id", &text);
	golden->scan = select_text(ledger, entity, list, " WHERE _id > ?1 AND _state = 0 ORDER BY _id LIMIT ?2", &text);
	golden->scan_unit = select_text(ledger, entity, list, " WHERE _id > ?1 AND _state = 0 AND _unit = ?3 ORDER BY _id LIMIT ?2", &text);
	golden->state = select_text(ledger, entity, "_unit,_state", " WHERE _id = ?1", &text);
	golden->exists = select_text(ledger, entity, "1", " WHERE _id = ?1", &text);
	golden->generations = select_text(ledger, entity, "_id,_generation", " WHERE _id BETWEEN ?1 AND ?2 ORDER BY _id", &text);
	buffer_clear(&columns);
	if (list_columns(ledger, entity, false, &columns, err) != 0)
		goto out;
	if ((list = buffer_string(&columns)) != NULL)
		write_texts(ledger, golden, list, &text);
	if (list == NULL || golden->range == NULL || golden->scan == NULL || golden->scan_unit == NULL || golden->state == NULL ||
	    golden->exists == NULL || golden->generations == NULL || golden->insert == NULL || golden->update == NULL || golden->change == NULL) {
		error_memory(err);
		goto out;
	}
	result = 0;
out:
	buffer_free(&text);
	buffer_free(&columns);
	return result;
}

struct golden *
golden_of(struct ledger *ledger, const struct config_entity *entity, struct error *err)
{
	struct golden *golden;

	for (golden = ledger->goldens; golden != NULL; golden = golden->next)
		if (golden->entity == entity)
			return golden;
	golden = arena_zalloc(&ledger->arena, sizeof *golden);
	if (golden == NULL || (golden->types = arena_zalloc(&ledger->arena, entity->field_count + 1)) == NULL ||
	    (golden->scratch = arena_array(&ledger->arena, entity->field_count + 1u, sizeof *golden->scratch)) == NULL) {
		error_memory(err);
		return NULL;
	}
	golden->entity = entity;
	for (uint32_t i = 0; i < entity->field_count; i++)
		golden->types[i] = golden_type(&entity->fields[i]);
	if (find_table(ledger, entity->head.name, &golden->there, err) != 0 || make_texts(ledger, golden, err) != 0)
		return NULL;
	/* A READER may look again later: another process may make the table in the meantime. */
	if (golden->there) {
		golden->next = ledger->goldens;
		ledger->goldens = golden;
	}
	return golden;
}
