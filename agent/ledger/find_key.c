/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * find_key.c: what a person may mean by a key.  Ids, external ids and whole native ids are looked up; only when none of them
 * hits, the parts of native ids and the fields with `unique` are searched, which reads through an index or a table.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ledger/links.h"

struct search {
	struct ledger *ledger;
	const char *key;
	size_t length;
	struct ledger_hit *hits;
	uint32_t max, count;
};

/* A record once, however it was found. */
static int
hit(struct search *s, int64_t record, const char *why, struct error *err)
{
	const struct config_entity *entity;
	struct golden *golden;
	sqlite3_stmt *statement;
	int step;

	if (why == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < s->count; i++)
		if (s->hits[i].record == record)
			return 0;
	if (s->count == s->max || (entity = ledger_record_entity(s->ledger, record)) == NULL)
		return 0;
	if ((golden = golden_of(s->ledger, entity, err)) == NULL || (statement = ledger_statement(s->ledger, golden->state, err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	if ((step = ledger_step(s->ledger, statement, err)) == 1)
		s->hits[s->count++] = (struct ledger_hit){ .record = record, .entity = ledger_entity_id(s->ledger, entity),
			.unit = (uint32_t)sqlite3_column_int64(statement, 0), .why = why };
	sqlite3_reset(statement);
	return step < 0 ? -1 : 0;
}

/* Does one of the parts that an unescaped | divides equal the key? */
static bool
has_part(const char *native, size_t length, const char *key, size_t key_length)
{
	size_t matched = 0;
	bool same = true, several = false;

	for (size_t i = 0; i <= length; i++) {
		char c = i < length ? native[i] : '|';

		if (c == '|') {
			several = several || i < length;
			if (same && matched == key_length && several)
				return true;
			same = true;
			matched = 0;
			continue;
		}
		if (c == '\\' && i + 1 < length)
			c = native[++i];
		if (matched >= key_length || key[matched] != c)
			same = false;
		else
			matched++;
	}
	return false;
}

/* An object and a unit that have links. */
struct place {
	uint32_t object, unit;
};

static int
list_places(struct search *s, struct place **ret_places, uint32_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(s->ledger, "SELECT object, unit FROM link_count ORDER BY object, unit", err);
	struct place *places = NULL;
	uint32_t count = 0, room = 0;
	int step;

	if (statement == NULL)
		return -1;
	while ((step = ledger_step(s->ledger, statement, err)) == 1) {
		if (count == room) {
			struct place *more = realloc(places, (room * 2u + 16u) * sizeof *more);

			if (more == NULL) {
				sqlite3_reset(statement);
				free(places);
				return error_memory(err);
			}
			places = more;
			room = room * 2 + 16;
		}
		places[count++] = (struct place){ (uint32_t)sqlite3_column_int64(statement, 0), (uint32_t)sqlite3_column_int64(statement, 1) };
	}
	if (step < 0) {
		free(places);
		return -1;
	}
	*ret_places = places;
	*ret_count = count;
	return 0;
}

static const char whole_sql[] =
	"SELECT record, native FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2 AND native = ?3";
static const char part_sql[] =
	"SELECT record, native FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2 AND instr(native, '|') > 0";

static int
find_native(struct search *s, struct place place, bool whole, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(s->ledger, whole ? whole_sql : part_sql, err);
	const char *why = NULL;
	int step, result = 0;

	if (statement == NULL)
		return link_failed(s->ledger, err);
	sqlite3_bind_int64(statement, 1, place.object);
	sqlite3_bind_int64(statement, 2, place.unit);
	if (whole)
		sqlite3_bind_text64(statement, 3, s->key, s->length, SQLITE_STATIC, SQLITE_UTF8);
	while (result == 0 && s->count < s->max && (step = ledger_step(s->ledger, statement, err)) == 1) {
		struct syncline_slice native = ledger_column_view(statement, 1);

		if (!whole && !has_part(native.data, native.length, s->key, s->length))
			continue;
		if (why == NULL)
			why = arena_format(&s->ledger->arena, "%s at %s", whole ? "native id" : "part of a native id",
			                   ledger_object_name(s->ledger, place.object));
		result = hit(s, sqlite3_column_int64(statement, 0), why, err);
	}
	sqlite3_reset(statement);
	if (result == 0 && s->count < s->max && step < 0)
		return link_failed(s->ledger, err);
	return result;
}

static int
find_natives(struct search *s, bool whole, struct error *err)
{
	struct place *places = NULL;
	uint32_t count = 0;
	int result = list_places(s, &places, &count, err);

	for (uint32_t i = 0; i < count && result == 0 && s->count < s->max; i++)
		result = find_native(s, places[i], whole, err);
	free(places);
	return result;
}

static int
find_unique(struct search *s, const struct config_entity *entity, const struct config_field *field, struct error *err)
{
	struct golden *golden = golden_of(s->ledger, entity, err);
	sqlite3_stmt *statement = NULL;
	struct buffer text;
	const char *sql;
	int step = 0, result = 0;

	if (golden == NULL || !golden->there)
		return golden == NULL ? -1 : 0;
	buffer_init(&text, 0);
	buffer_text(&text, "SELECT _id FROM ");
	golden_quote(&text, "golden_", entity->head.name);
	buffer_text(&text, " WHERE ");
	golden_quote(&text, "", field->head.name);
	buffer_text(&text, " = ?1 ORDER BY _id");
	if ((sql = buffer_string(&text)) == NULL || text.failed)
		error_memory(err);
	else
		statement = ledger_statement(s->ledger, sql, err);
	buffer_free(&text);
	if (statement == NULL)
		return -1;
	sqlite3_bind_text64(statement, 1, s->key, s->length, SQLITE_STATIC, SQLITE_UTF8);
	while (result == 0 && s->count < s->max && (step = ledger_step(s->ledger, statement, err)) == 1)
		result = hit(s, sqlite3_column_int64(statement, 0), field->head.name, err);
	sqlite3_reset(statement);
	return step < 0 ? -1 : result;
}

int
ledger_find_key(struct ledger *ledger, const char *key, struct ledger_hit *ret_hits, uint32_t max, uint32_t *ret_count, struct error *err)
{
	struct search s = { .ledger = ledger, .key = key, .length = strlen(key), .hits = ret_hits, .max = max };
	const struct model *model = ledger->options.model;
	int64_t id;

	if (s.length == 0) {
		*ret_count = 0;
		return 0;
	}
	if (text_to_integer(key, s.length, &id) && hit(&s, id, "record id", err) != 0)
		return -1;
	if ((id = ledger_record_of_external_id(ledger, key, s.length)) != 0 && hit(&s, id, "external id", err) != 0)
		return -1;
	if (find_natives(&s, true, err) != 0 || (s.count == 0 && find_natives(&s, false, err) != 0))
		return -1;
	for (uint32_t e = 0; model != NULL && s.count == 0 && e < model->entity_count; e++)
		for (uint32_t f = 0; f < model->entities[e].field_count; f++)
			if (model->entities[e].fields[f].unique && find_unique(&s, &model->entities[e], &model->entities[e].fields[f], err) != 0)
				return -1;
	*ret_count = s.count;
	return 0;
}
