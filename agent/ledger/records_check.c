/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records_check.c: the rules between golden records, links, match keys and history that no constraint keeps: twins, links and
 * keys without their record, counts, spans.  For `doctor`, and for tests after every kill.  Every query gives one sentence a row.
 */
#include <string.h>

#include "ledger/links.h"

static const char *const rules[] = {
	"SELECT 'the native id ' || native || ' at object ' || object || ' has ' || count(*) || ' live links' FROM link WHERE state = 0"
	" GROUP BY object, unit, native HAVING count(*) > 1",
	"SELECT 'record ' || record || ' has ' || count(*) || ' live links at object ' || object FROM link WHERE state = 0"
	" GROUP BY record, object, unit HAVING count(*) > 1",
	"SELECT 'link ' || id || ' has no native id or a state that is none' FROM link WHERE native = '' OR state NOT BETWEEN 0 AND 3",
	"SELECT 'object ' || object || ' is said to have ' || live || ' live links in unit ' || unit || ', and has ' || counted FROM"
	" (SELECT object, unit, live, (SELECT count(*) FROM link WHERE link.object = c.object AND link.unit = c.unit AND state = 0) AS counted"
	"  FROM link_count AS c) WHERE live <> counted",
	"SELECT 'links of object ' || object || ' in unit ' || unit || ' are not counted' FROM link WHERE state = 0 AND NOT EXISTS"
	" (SELECT 1 FROM link_count AS c WHERE c.object = link.object AND c.unit = link.unit) GROUP BY object, unit",
	"SELECT 'vectors of link ' || link || ', which is not there' FROM link_vector WHERE NOT EXISTS (SELECT 1 FROM link AS l WHERE l.id = link)",
	"SELECT 'what was written to link ' || link || ', which is not live' FROM link_written WHERE NOT EXISTS (SELECT 1 FROM link AS l WHERE l.id = link"
	" AND l.state = 0)",
	"SELECT 'the history span ' || id || ' goes from ' || first || ' to ' || last FROM history_span WHERE last < first OR last - first >= 65536",
	NULL,
};

/* $ stands for the entity's table, ?1 for its id. */
static const char *const entity_rules[] = {
	"SELECT 'record ' || _id || ' has no unit, no generation or a state that is none' FROM $ WHERE _unit < 1 OR _generation < 1 OR _state"
	" NOT IN (0, 1)",
	"SELECT 'record ' || _id || ' has an id that was never given out' FROM $ WHERE _id <= 0 OR (_id & 1099511627775) >"
	" coalesce((SELECT used FROM record_number WHERE epoch = _id >> 40), 0)",
	"SELECT 'unit ' || unit || ' is said to have ' || live || ' records, and has ' || counted FROM (SELECT unit, live,"
	" (SELECT count(*) FROM $ WHERE _unit = unit AND _state = 0) AS counted FROM record_count WHERE entity = ?1) WHERE live <> counted",
	"SELECT 'records of unit ' || _unit || ' are not counted' FROM $ WHERE _state = 0 AND NOT EXISTS"
	" (SELECT 1 FROM record_count WHERE entity = ?1 AND unit = _unit) GROUP BY _unit",
	"SELECT 'link ' || id || ' belongs to record ' || record || ', which is not there' FROM link WHERE entity = ?1 AND NOT EXISTS"
	" (SELECT 1 FROM $ WHERE _id = record)",
	"SELECT 'a match key belongs to record ' || record || ', which is not there' FROM match_key WHERE entity = ?1 AND NOT EXISTS"
	" (SELECT 1 FROM $ WHERE _id = record)",
	"SELECT 'the history span ' || id || ' tells of records that are not there' FROM history_span AS s WHERE entity = ?1 AND last - first + 1 >"
	" (SELECT count(*) FROM $ WHERE _id BETWEEN s.first AND s.last)",
	NULL,
};

static int
ask(struct ledger *ledger, const char *sql, uint32_t entity, const char *prefix, ledger_fault *fault, void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	struct buffer sentence;
	int step;

	if (statement == NULL)
		return -1;
	if (entity != 0)
		sqlite3_bind_int64(statement, 1, entity);
	buffer_init(&sentence, 0);
	while ((step = ledger_step(ledger, statement, err)) == 1) {
		const char *said = (const char *)sqlite3_column_text(statement, 0), *whole;

		buffer_clear(&sentence);
		buffer_text(&sentence, prefix);
		buffer_text(&sentence, said != NULL ? said : "a row breaks a rule and can't be shown");
		if ((whole = buffer_string(&sentence)) == NULL || sentence.failed) {
			sqlite3_reset(statement);
			step = error_memory(err);
			break;
		}
		fault(data, whole);
	}
	buffer_free(&sentence);
	return step;
}

static int
check_entity(struct ledger *ledger, const struct config_entity *entity, ledger_fault *fault, void *data, struct error *err)
{
	struct golden *golden = golden_of(ledger, entity, err);
	struct buffer text, prefix;
	const char *sql, *before;
	int result = 0;

	if (golden == NULL || !golden->there)
		return golden == NULL ? -1 : 0;
	buffer_init(&text, 0);
	buffer_init(&prefix, 0);
	buffer_format(&prefix, "%s: ", entity->head.name);
	before = buffer_string(&prefix);
	for (size_t i = 0; entity_rules[i] != NULL && result == 0; i++) {
		buffer_clear(&text);
		for (const char *p = entity_rules[i]; *p != '\0'; p++)
			if (*p == '$')
				golden_quote(&text, "golden_", entity->head.name);
			else
				buffer_char(&text, *p);
		if (before == NULL || (sql = buffer_string(&text)) == NULL || text.failed)
			result = error_memory(err);
		else
			result = ask(ledger, sql, strstr(sql, "?1") != NULL ? ledger_entity_id(ledger, entity) : 0, before, fault, data, err);
	}
	buffer_free(&text);
	buffer_free(&prefix);
	return result;
}

int
ledger_check_records(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err)
{
	const struct model *model = ledger->options.model;

	for (size_t i = 0; rules[i] != NULL; i++)
		if (ask(ledger, rules[i], 0, "", fault, data, err) != 0)
			return -1;
	for (uint32_t i = 0; model != NULL && i < model->entity_count; i++)
		if (check_entity(ledger, &model->entities[i], fault, data, err) != 0)
			return -1;
	return 0;
}
