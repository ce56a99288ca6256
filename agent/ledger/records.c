/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records.c: golden records and their ids.  Ids are (epoch << 40) + n with n kept in record_number, so that a restored ledger
 * never gives out an id that its former self gave out after the backup.  What is restored or copied twice has the same epoch
 * twice: so n begins anywhere in each new epoch (ledger_new_numbers).
 */
#include "ledger/records.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ledger/links.h"

#define EPOCH_SHIFT 40
#define EPOCH_MAX 0x7fffu /* match keys need the eight bits above */
#define GAP 16 /* rows that are read over rather than looked up anew */

/* Ids. */

int
ledger_new_ids(struct ledger *ledger, uint32_t count, int64_t *ret_first, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"INSERT INTO record_number(epoch, used) VALUES(?1, ?2) ON CONFLICT(epoch) DO UPDATE SET used = used + ?2 RETURNING used", err);
	int64_t used;
	int step;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger->epoch);
	sqlite3_bind_int64(statement, 2, count);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	used = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	if (used < count || used >= INT64_C(1) << EPOCH_SHIFT || ledger->epoch > EPOCH_MAX)
		return error_set(err, ERROR_INTERNAL, NULL, "No record ids are left in epoch %u.", ledger->epoch);
	*ret_first = ((int64_t)ledger->epoch << EPOCH_SHIFT) + used - count + 1;
	return 0;
}

int
ledger_new_numbers(struct ledger *ledger, int64_t epoch, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "INSERT INTO record_number(epoch, used) VALUES(?1, ?2) ON CONFLICT DO NOTHING", err);
	uint64_t begin;

	if (statement == NULL)
		return -1;
	randombytes_buf(&begin, sizeof begin);
	sqlite3_bind_int64(statement, 1, epoch);
	/* The upper half is left to those that are given out. */
	sqlite3_bind_int64(statement, 2, (int64_t)(begin >> (64 - EPOCH_SHIFT + 1)));
	return ledger_run_statement(ledger, statement, err);
}

/*
 * External ids: the id, counted from a number that only this ledger knows, then 8 bytes of a keyed hash over it: a made-up one
 * does not verify.  They ascend with the ids: what a target indexes by them is appended to its index, where random ones would
 * touch another page of it with every record.
 */
static uint64_t
keyed(const struct ledger *ledger, char purpose, uint64_t word)
{
	unsigned char in[9] = { (unsigned char)purpose }, out[crypto_shorthash_BYTES];
	uint64_t result = 0;

	for (int i = 0; i < 8; i++)
		in[i + 1] = (unsigned char)(word >> (8 * i));
	crypto_shorthash(out, in, sizeof in, ledger->hash_key);
	for (int i = 0; i < 8; i++)
		result |= (uint64_t)out[i] << (8 * i);
	return result;
}

void
ledger_external_id(const struct ledger *ledger, int64_t record, char ret_id[LEDGER_EXTERNAL_ID + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t tag = keyed(ledger, 't', (uint64_t)record), counted = (uint64_t)record + keyed(ledger, 'c', 0);

	for (int i = 0; i < 16; i++) {
		ret_id[i] = digits[counted >> (60 - 4 * i) & 15];
		ret_id[i + 16] = digits[tag >> (60 - 4 * i) & 15];
	}
	ret_id[LEDGER_EXTERNAL_ID] = '\0';
}

int64_t
ledger_record_of_external_id(const struct ledger *ledger, const char *text, size_t length)
{
	uint64_t halves[2] = { 0, 0 }, record;

	if (length != LEDGER_EXTERNAL_ID)
		return 0;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return 0;
		halves[i / 16] = halves[i / 16] << 4 | (unsigned)digit;
	}
	record = halves[0] - keyed(ledger, 'c', 0);
	if (record == 0 || record > INT64_MAX || keyed(ledger, 't', record) != halves[1])
		return 0;
	return (int64_t)record;
}

/* Reading. */

struct wanted {
	int64_t id;
	uint32_t index;
};

static int
by_id(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id ? 1 : x->index < y->index ? -1 : 1;
}

/* What is asked of each: all of it, or its generation. */
struct asking {
	struct ledger *ledger;
	struct golden *golden;
	sqlite3_stmt *statement;
	struct arena *arena;
	struct ledger_record *records; /* or */
	uint64_t *generations;
};

static int
take_row(const struct asking *asking, uint32_t index, struct error *err)
{
	if (asking->records != NULL)
		return golden_read(asking->golden, asking->statement, asking->arena, &asking->records[index], err);
	asking->generations[index] = (uint64_t)sqlite3_column_int64(asking->statement, 1);
	return 0;
}

/* Rows of wanted[0 … count), which stand close together, in one scan. */
static int
read_range(const struct asking *asking, const struct wanted *wanted, uint32_t count, struct error *err)
{
	uint32_t at = 0;
	int step;

	sqlite3_bind_int64(asking->statement, 1, wanted[0].id);
	sqlite3_bind_int64(asking->statement, 2, wanted[count - 1].id);
	while ((step = ledger_step(asking->ledger, asking->statement, err)) == 1) {
		int64_t id = sqlite3_column_int64(asking->statement, 0);

		while (at < count && wanted[at].id < id)
			at++;
		for (; at < count && wanted[at].id == id; at++)
			if (take_row(asking, wanted[at].index, err) != 0) {
				sqlite3_reset(asking->statement);
				return -1;
			}
	}
	return step;
}

static int
read_all(const struct asking *asking, const int64_t *ids, uint32_t count, struct error *err)
{
	struct wanted *wanted = calloc(count + (size_t)1, sizeof *wanted);
	bool sorted = true, own;
	int result;

	if (wanted == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		wanted[i] = (struct wanted){ ids[i], i };
		sorted = sorted && (i == 0 || ids[i - 1] < ids[i]);
	}
	if (!sorted)
		qsort(wanted, count, sizeof *wanted, by_id);
	result = link_look_begin(asking->ledger, &own, err);
	for (uint32_t first = 0, last; first < count && result == 0; first = last) {
		for (last = first + 1; last < count && wanted[last].id - wanted[last - 1].id <= GAP; last++)
			;
		result = read_range(asking, &wanted[first], last - first, err);
	}
	free(wanted);
	return link_look_end(asking->ledger, own, result);
}

int
ledger_records_get(struct ledger *ledger, const struct config_entity *entity, const int64_t *ids, uint32_t count, struct arena *arena,
                   struct ledger_record *ret_records, struct error *err)
{
	struct asking asking = { .ledger = ledger, .golden = golden_of(ledger, entity, err), .arena = arena, .records = ret_records };

	if (asking.golden == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		ret_records[i] = (struct ledger_record){ 0 };
	if (!asking.golden->there || count == 0)
		return 0;
	if ((asking.statement = ledger_statement(ledger, asking.golden->range, err)) == NULL)
		return -1;
	return read_all(&asking, ids, count, err);
}

int
ledger_records_generations(struct ledger *ledger, const struct config_entity *entity, const int64_t *ids, uint32_t count,
                           uint64_t *ret_generations, struct error *err)
{
	struct asking asking = { .ledger = ledger, .golden = golden_of(ledger, entity, err), .generations = ret_generations };

	if (asking.golden == NULL)
		return -1;
	memset(ret_generations, 0, count * sizeof *ret_generations);
	if (!asking.golden->there || count == 0)
		return 0;
	if ((asking.statement = ledger_statement(ledger, asking.golden->generations, err)) == NULL)
		return -1;
	return read_all(&asking, ids, count, err);
}

int
ledger_records_scan(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, int64_t after, struct arena *arena,
                    struct ledger_record *ret_records, uint32_t max, uint32_t *ret_count, struct error *err)
{
	struct golden *golden = golden_of(ledger, entity, err);
	sqlite3_stmt *statement;
	uint32_t count = 0;
	int step = 0;

	if (golden == NULL)
		return -1;
	if (golden->there) {
		if ((statement = ledger_statement(ledger, unit != 0 ? golden->scan_unit : golden->scan, err)) == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, after);
		sqlite3_bind_int64(statement, 2, max);
		if (unit != 0)
			sqlite3_bind_int64(statement, 3, unit);
		while (count < max && (step = ledger_step(ledger, statement, err)) == 1) {
			if (golden_read(golden, statement, arena, &ret_records[count], err) != 0) {
				step = -1;
				break;
			}
			count++;
		}
		sqlite3_reset(statement);
		if (step < 0)
			return -1;
	}
	*ret_count = count;
	return 0;
}

int
ledger_records_referring(struct ledger *ledger, const struct config_entity *entity, const struct config_field *field, int64_t parent,
                         int64_t after, int64_t *ret_ids, uint32_t max, uint32_t *ret_count, struct error *err)
{
	struct golden *golden = golden_of(ledger, entity, err);
	sqlite3_stmt *statement = NULL;
	struct buffer text;
	const char *sql;
	uint32_t count = 0;
	int step = 0;

	if (golden == NULL)
		return -1;
	if (!golden->there) {
		*ret_count = 0;
		return 0;
	}
	buffer_init(&text, 0);
	buffer_text(&text, "SELECT _id FROM ");
	golden_quote(&text, "golden_", entity->head.name);
	buffer_text(&text, " WHERE ");
	golden_quote(&text, "", field->head.name);
	buffer_text(&text, " = ?1 AND _id > ?2 AND _state = 0 ORDER BY _id LIMIT ?3");
	if ((sql = buffer_string(&text)) == NULL || text.failed)
		error_memory(err);
	else
		statement = ledger_statement(ledger, sql, err);
	buffer_free(&text);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, parent);
	sqlite3_bind_int64(statement, 2, after);
	sqlite3_bind_int64(statement, 3, max);
	while (count < max && (step = ledger_step(ledger, statement, err)) == 1)
		ret_ids[count++] = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (step < 0)
		return -1;
	*ret_count = count;
	return 0;
}

/* Which entity: a look by rowid in each golden table, beginning with the one that had the last; ids come in runs. */
static int
has_record(struct ledger *ledger, const struct config_entity *entity, int64_t id)
{
	struct golden *golden = golden_of(ledger, entity, NULL);
	sqlite3_stmt *statement;
	int step;

	if (golden == NULL || !golden->there || (statement = ledger_statement(ledger, golden->exists, NULL)) == NULL)
		return 0;
	sqlite3_bind_int64(statement, 1, id);
	step = ledger_step(ledger, statement, NULL);
	sqlite3_reset(statement);
	return step == 1;
}

const struct config_entity *
ledger_record_entity(struct ledger *ledger, int64_t id)
{
	const struct model *model = ledger->options.model;

	if (model == NULL || id <= 0)
		return NULL;
	if (ledger->last_entity != NULL && has_record(ledger, ledger->last_entity, id))
		return ledger->last_entity;
	for (uint32_t i = 0; i < model->entity_count; i++)
		if (&model->entities[i] != ledger->last_entity && has_record(ledger, &model->entities[i], id))
			return ledger->last_entity = &model->entities[i];
	return NULL;
}

/* Counting. */

static int
count_more(struct ledger *ledger, const char *sql, uint32_t what, uint32_t unit, int64_t more, struct error *err)
{
	sqlite3_stmt *statement;

	if (more == 0)
		return 0;
	if ((statement = ledger_statement(ledger, sql, err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, what);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, more);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_count_records(struct ledger *ledger, uint32_t entity, uint32_t unit, int64_t more, struct error *err)
{
	return count_more(ledger, "INSERT INTO record_count(entity, unit, live) VALUES(?1, ?2, ?3)"
	                          " ON CONFLICT DO UPDATE SET live = live + ?3", entity, unit, more, err);
}

int
ledger_count_links(struct ledger *ledger, uint32_t object, uint32_t unit, int64_t more, struct error *err)
{
	return count_more(ledger, "INSERT INTO link_count(object, unit, live) VALUES(?1, ?2, ?3)"
	                          " ON CONFLICT DO UPDATE SET live = live + ?3", object, unit, more, err);
}

int
ledger_records_count(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, uint64_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT total(live) FROM record_count WHERE entity = ?1 AND (?2 = 0 OR unit = ?2)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_entity_id(ledger, entity));
	sqlite3_bind_int64(statement, 2, unit);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

/* Writing. */

struct tally {
	uint32_t unit;
	int64_t more;
};

static int
tally_add(struct ledger *ledger, struct golden *golden, struct tally *tally, uint32_t unit, int64_t more, struct error *err)
{
	if (unit != tally->unit) {
		if (ledger_count_records(ledger, ledger_entity_id(ledger, golden->entity), tally->unit, tally->more, err) != 0)
			return -1;
		*tally = (struct tally){ unit, 0 };
	}
	tally->more += more;
	return 0;
}

static int
insert(struct ledger *ledger, struct golden *golden, const struct ledger_record *record, struct buffer *stamps, bool *ret_inserted,
       struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, golden->insert, err);

	if (statement == NULL || golden_bind(golden, statement, record, stamps, err) != 0 || ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_inserted = sqlite3_changes(ledger->db) == 1;
	return 0;
}

static int
replace(struct ledger *ledger, struct golden *golden, const struct ledger_record *record, struct buffer *stamps, struct tally *tally,
        struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, golden->change, err);
	uint32_t unit = 0;
	bool live = false, inserted = false;
	int step;

	/* Most changes leave unit and state as they are. */
	if (statement == NULL ||
	    golden_bind(golden, statement, record, stamps, err) != 0 || ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (sqlite3_changes(ledger->db) == 1)
		return 0;
	if ((statement = ledger_statement(ledger, golden->state, err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record->id);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (step == 1) {
		unit = (uint32_t)sqlite3_column_int64(statement, 0);
		live = sqlite3_column_int(statement, 1) == (int)LEDGER_LIVE;
		sqlite3_reset(statement);
		if ((statement = ledger_statement(ledger, golden->update, err)) == NULL ||
		    golden_bind(golden, statement, record, stamps, err) != 0 || ledger_run_statement(ledger, statement, err) != 0)
			return -1;
		if (live && tally_add(ledger, golden, tally, unit, -1, err) != 0)
			return -1;
	} else if (insert(ledger, golden, record, stamps, &inserted, err) != 0) {
		return -1;
	}
	return record->state == LEDGER_LIVE ? tally_add(ledger, golden, tally, record->unit, 1, err) : 0;
}

static int
put(struct ledger *ledger, struct golden *golden, const struct ledger_record *record, struct buffer *stamps, struct tally *tally,
    struct error *err)
{
	bool inserted = false;

	if (record->id <= 0 || record->unit == 0)
		return error_set(err, ERROR_INTERNAL, NULL, "A record of \"%s\" was to be stored without an id or a unit.", golden->entity->head.name);
	/* A new one needs no look at what was there. */
	if (record->generation == 1 && insert(ledger, golden, record, stamps, &inserted, err) != 0)
		return -1;
	if (!inserted)
		return replace(ledger, golden, record, stamps, tally, err);
	return record->state == LEDGER_LIVE ? tally_add(ledger, golden, tally, record->unit, 1, err) : 0;
}

int
ledger_records_put(struct ledger *ledger, const struct config_entity *entity, const struct ledger_record *records, uint32_t count,
                   struct error *err)
{
	struct golden *golden = golden_of(ledger, entity, err);
	struct tally tally = { 0 };
	struct buffer stamps;
	int result = 0;

	if (golden == NULL)
		return -1;
	buffer_init(&stamps, 0);
	for (uint32_t i = 0; i < count && result == 0; i++)
		result = put(ledger, golden, &records[i], &stamps, &tally, err);
	if (result == 0)
		result = ledger_count_records(ledger, ledger_entity_id(ledger, entity), tally.unit, tally.more, err);
	buffer_free(&stamps);
	return result;
}
