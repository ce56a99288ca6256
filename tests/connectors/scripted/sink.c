/* SPDX-License-Identifier: BSD-2-Clause */
/* sink.c: writes, and what goes wrong with them.  Nothing is reported before it is durable. */
#include <stdlib.h>

#include "scripted.h"

struct item {
	struct outcome outcome;
	bool unreported, wordless;
};

/* The texts point into the batch; `ret` owns its array of cells. */
static uint32_t
understand(struct world *world, const struct syncline_object *object, struct syncline_batch *batch, uint32_t index, char *id, size_t id_size,
           struct request *ret, struct syncline_error *err)
{
	struct syncline_record record = { .struct_size = sizeof record };
	struct syncline_field field = { .struct_size = sizeof field };
	uint32_t klass = world->batch->record(batch, index, &record);
	int64_t version = 0;

	memset(ret, 0, sizeof *ret);
	if (klass != SYNCLINE_OK)
		return syncline_fail(err, klass, "Item %u can't be read.", index);
	ret->op = record.op;
	ret->object = (char *)(uintptr_t)object->native;
	ret->external = (char *)(uintptr_t)object->external_key;
	ret->key_field = object->key_count == 1 ? (char *)(uintptr_t)object->key[0] : NULL;
	if (record.native_id.type == SYNCLINE_TYPE_TEXT && record.native_id.length > 0 && record.native_id.length < id_size) {
		memcpy(id, record.native_id.u.data, record.native_id.length);
		id[record.native_id.length] = '\0';
		ret->id = id;
	}
	if (record.version.type == SYNCLINE_TYPE_TEXT)
		(void)syncline_to_integer(record.version.u.data, record.version.length, &version);
	ret->version = version;
	if (record.note.type == SYNCLINE_TYPE_BYTES)
		ret->key = syncline_slice(record.note.u.data, record.note.length);
	if ((ret->cells = calloc(record.value_count + 1, sizeof *ret->cells)) == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < record.value_count; i++) {
		if (record.values[i].type == SYNCLINE_TYPE_ABSENT)
			continue;
		if ((klass = world->batch->field(batch, i, &field)) != SYNCLINE_OK) {
			free(ret->cells);
			return syncline_fail(err, klass, "Field %u can't be read.", i);
		}
		ret->cells[ret->cell_count].name = (char *)(uintptr_t)field.name;
		ret->cells[ret->cell_count++].value = record.values[i];
	}
	return SYNCLINE_OK;
}

static void
doubt(struct item *item, uint32_t error_class, uint32_t applied, const char *message)
{
	item->outcome.error_class = error_class;
	item->outcome.applied = applied;
	item->outcome.message = message;
}

/* Four ways to keep quiet about what was done. */
static void
fail_applied(struct item *item, int64_t turn)
{
	/* What the world refused stays refused. */
	if (item->outcome.error_class != SYNCLINE_OK)
		return;
	doubt(item, SYNCLINE_RETRY, turn % 4 == 3 ? SYNCLINE_APPLIED_YES : SYNCLINE_APPLIED_MAYBE, "the connection broke");
	item->wordless = turn % 4 == 1;
	item->unreported = turn % 4 == 2;
}

static uint32_t
carry_out(struct world *world, const struct syncline_call *call, const struct request *request, struct item *item, struct syncline_error *err)
{
	int64_t turn = 0;
	enum fault fault = world_fault(world, true, &turn);
	uint32_t klass;

	switch (fault) {
	case FAULT_DIES:
		return world_die(world, err);
	case FAULT_FAILS:
		doubt(item, SYNCLINE_RETRY, turn % 2 == 0 ? SYNCLINE_APPLIED_NO : SYNCLINE_APPLIED_MAYBE, "the connection could not be made");
		return SYNCLINE_OK;
	case FAULT_THROTTLES:
		doubt(item, SYNCLINE_THROTTLED, SYNCLINE_APPLIED_NO, "too many calls");
		return SYNCLINE_OK;
	case FAULT_APPLIES_LATE:
		doubt(item, SYNCLINE_RETRY, SYNCLINE_APPLIED_MAYBE, "the gateway gave up waiting");
		return world_defer(world, request, err);
	default:
		break;
	}
	klass = world_apply(world, request, fault == FAULT_INDEXES_LATE, &item->outcome, err);
	if (klass != SYNCLINE_OK)
		return klass;
	if (fault == FAULT_LOSES_ANSWER)
		return world_die(world, err);
	if (fault == FAULT_ANSWERS_LATE)
		return world_outlast(world, call, err);
	if (fault == FAULT_FAILS_APPLIED)
		fail_applied(item, turn);
	if (fault == FAULT_INDEXES_LATE && item->outcome.error_class == SYNCLINE_OK)
		doubt(item, SYNCLINE_RETRY, SYNCLINE_APPLIED_MAYBE, "the connection broke");
	return SYNCLINE_OK;
}

static void
report(const struct syncline_results *results, uint32_t index, const struct item *item)
{
	struct syncline_write_result result = { .struct_size = sizeof result, .error_class = item->outcome.error_class };
	struct syncline_error error = { .struct_size = sizeof error };

	if (item->unreported)
		return;
	if (result.error_class == SYNCLINE_OK) {
		result.native_id = syncline_slice(item->outcome.id, strlen(item->outcome.id));
		result.version = syncline_slice(item->outcome.version, strlen(item->outcome.version));
	} else if (!item->wordless) {
		(void)syncline_fail(&error, result.error_class, "%s", item->outcome.message);
		syncline_applied(&error, item->outcome.applied);
		if (result.error_class == SYNCLINE_THROTTLED)
			syncline_retry_after(&error, 50);
		result.error = &error;
	}
	results->report(results, index, &result);
}

static uint32_t
write_items(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
            const struct syncline_results *results, struct syncline_error *err)
{
	struct world *world = instance;
	uint32_t count = world->batch->record_count(batch), klass;
	struct item *items = calloc(count > 0 ? count : 1, sizeof *items);

	if (items == NULL)
		return syncline_fail_memory(err);
	if ((klass = world_enter(world, call, err)) == SYNCLINE_OK)
		klass = world_begin(world, err);
	for (uint32_t i = 0; klass == SYNCLINE_OK && i < count; i++) {
		struct request request;
		char id[256];

		klass = understand(world, object, batch, i, id, sizeof id, &request, err);
		if (klass != SYNCLINE_OK)
			break;
		klass = carry_out(world, call, &request, &items[i], err);
		free(request.cells);
	}
	if (klass == SYNCLINE_OK)
		klass = world_commit(world, err);
	else
		world_rollback(world);
	for (uint32_t i = 0; klass == SYNCLINE_OK && i < count; i++)
		report(results, i, &items[i]);
	free(items);
	return klass;
}

const struct syncline_sink_v1 scripted_sink = { .struct_size = sizeof scripted_sink, .write = write_items };
