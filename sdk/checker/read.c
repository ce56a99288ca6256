/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read.c: reading: whole, again, from every position, from garbage, cancelled, by id, counted, found and digested.
 */
#include <stdlib.h>
#include <string.h>

#include <syncline/helper.h>

#include "check.h"

static const uint8_t hash_key[16] = "a fixed key here";

/* By the names of the fields, so that two batches with their fields in another order or with absent ones more agree. */
void
read_hash(struct syncline_batch *batch, const struct syncline_record *record, uint64_t ret_hash[2])
{
	ret_hash[0] = ret_hash[1] = 0;
	for (uint32_t i = 0; i < record->value_count; i++) {
		struct batch_field field;
		struct syncline_value name;
		uint64_t one[2];

		if (record->values[i].type == SYNCLINE_TYPE_ABSENT)
			continue;
		batch_field(batch->batch, i, &field);
		name = syncline_text(field.name, field.name_length);
		batch_digest(&name, &record->values[i], 1, hash_key, one);
		ret_hash[0] += one[0];
		ret_hash[1] += one[1];
	}
}

void
read_free(struct reading *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		free(r->items[i].id);
	for (uint32_t i = 0; i < r->batches; i++)
		free(r->positions[i]);
	free(r->items);
	free(r->positions);
	free(r->position_lengths);
	bench_batch_free(r->last);
	memset(r, 0, sizeof *r);
}

const struct seen *
read_find(const struct reading *r, const char *id, size_t length)
{
	for (uint32_t i = r->count; i-- > 0;)
		if (r->items[i].id_length == length && memcmp(r->items[i].id, id, length) == 0)
			return &r->items[i];
	return NULL;
}

/* Takes over `batch`. */
static int
keep(struct reading *r, struct syncline_batch *batch, const struct syncline_read_state *state)
{
	uint32_t n = batch->batch->header->record_count;
	struct seen *items = realloc(r->items, (r->count + n + 1) * sizeof *items);
	char **positions = realloc(r->positions, (r->batches + 1) * sizeof *positions);
	size_t *lengths = realloc(r->position_lengths, (r->batches + 1) * sizeof *lengths);

	r->items = items != NULL ? items : r->items;
	r->positions = positions != NULL ? positions : r->positions;
	r->position_lengths = lengths != NULL ? lengths : r->position_lengths;
	if (items == NULL || positions == NULL || lengths == NULL)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		struct syncline_record record = { .struct_size = sizeof record };
		struct seen *s = &items[r->count];

		bench_batch_service.record(batch, i, &record);
		if (record.op == SYNCLINE_OP_REJECT)
			r->rejects++;
		s->op = record.op;
		s->batch = r->batches;
		s->id_length = record.native_id.type == SYNCLINE_TYPE_TEXT ? record.native_id.length : 0;
		s->id = malloc(s->id_length + 1);
		if (s->id == NULL)
			return -1;
		if (s->id_length > 0)
			memcpy(s->id, record.native_id.u.data, s->id_length);
		s->id[s->id_length] = '\0';
		read_hash(batch, &record, s->hash);
		r->count++;
	}
	positions[r->batches] = NULL;
	lengths[r->batches] = state->position.length;
	if (state->position.data != NULL && state->position.length > 0 && state->position.length <= SYNCLINE_POSITION_MAX) {
		positions[r->batches] = malloc(state->position.length);
		if (positions[r->batches] == NULL)
			return -1;
		memcpy(positions[r->batches], state->position.data, state->position.length);
	}
	r->batches++;
	for (uint32_t i = 0; i < state->completeness_count && state->completeness != NULL; i++)
		r->complete |= state->completeness[i].complete != 0;
	if (n > 0) {
		bench_batch_free(r->last);
		r->last = batch;
	} else {
		bench_batch_free(batch);
	}
	return 0;
}

uint32_t
read_all(struct check *c, const struct syncline_object *object, bool full, const struct syncline_slice *position, uint32_t limit,
         struct reading *ret_reading, struct syncline_error *err)
{
	const struct syncline_source_v1 *source = check_part(c, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request, .full = full, .record_limit = limit };
	struct reading r = { 0 };
	void *reader = &r;
	uint32_t result, empty = 0;
	bool end = false;

	if (position != NULL)
		request.position = *position;
	result = source->open_read(c->instance, bench_call(&c->bench, 60000), object, &request, &reader, err);
	if (result != SYNCLINE_OK)
		return reader == &r ? result : syncline_fail(err, SYNCLINE_CLASS_COUNT, "It wrote to ret_reader although it failed.");
	while (result == SYNCLINE_OK && !end) {
		struct error e = { 0 };
		struct syncline_read_state state = { .struct_size = sizeof state };
		struct syncline_batch *batch = bench_batch_new(&e);

		result = batch == NULL ? syncline_fail_memory(err) : source->next(reader, bench_call(&c->bench, 60000), batch, &state, err);
		if (result == SYNCLINE_OK && bench_batch_finish(batch, &e) != 0)
			result = syncline_fail(err, SYNCLINE_CLASS_COUNT, "A batch is not valid: %s", e.message);
		if (result != SYNCLINE_OK) {
			bench_batch_free(batch);
			break;
		}
		end = state.end != 0;
		empty = batch->batch->header->record_count == 0 ? empty + 1 : 0;
		if (state.position.length > SYNCLINE_POSITION_MAX)
			result = syncline_fail(err, SYNCLINE_CLASS_COUNT, "A position has more than %u bytes.", SYNCLINE_POSITION_MAX);
		else if (!end && empty > 10000)
			result = syncline_fail(err, SYNCLINE_CLASS_COUNT, "The read gave 10,000 empty batches and no end.");
		if (result == SYNCLINE_OK && keep(&r, batch, &state) != 0)
			result = syncline_fail_memory(err);
		if (result != SYNCLINE_OK)
			bench_batch_free(batch);
	}
	source->close_read(reader);
	if (result != SYNCLINE_OK)
		read_free(&r);
	else
		*ret_reading = r;
	return result;
}

/* The first record of `want` (behind batch `from`) that `have` lacks or shows otherwise; NULL when all are there. */
static const struct seen *
lacking(const struct reading *want, uint32_t from, const struct reading *have)
{
	for (uint32_t i = 0; i < want->count; i++) {
		const struct seen *s = &want->items[i], *other;

		if (s->batch < from || s->op != SYNCLINE_OP_SEEN)
			continue;
		/* Both read in the same order mostly: look at the same place first. */
		other = i < have->count && have->items[i].id_length == s->id_length && memcmp(have->items[i].id, s->id, s->id_length) == 0
		                ? &have->items[i]
		                : read_find(have, s->id, s->id_length);
		if (other == NULL || memcmp(other->hash, s->hash, sizeof s->hash) != 0)
			return s;
	}
	return NULL;
}

static bool
ids_are_good(struct check *c, const struct reading *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (r->items[i].op == SYNCLINE_OP_SEEN && r->items[i].id_length == 0)
			return check_say(c, false, "native ids", "record %u has none", i + 1);
		else if (r->items[i].op != SYNCLINE_OP_SEEN && r->items[i].op != SYNCLINE_OP_DELETED && r->items[i].op != SYNCLINE_OP_REJECT)
			return check_say(c, false, "operations", "record %u has operation %u", i + 1, r->items[i].op);
	return true;
}

static void
from_positions(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	uint32_t step = whole->batches > 20 ? whole->batches / 20 : 1, tried = 0;

	for (uint32_t b = 0; b < whole->batches; b += step) {
		struct syncline_error err = { .struct_size = sizeof err };
		struct syncline_slice position = { whole->positions[b], whole->position_lengths[b] };
		struct reading again;
		const struct seen *lost;
		uint32_t result;

		if (position.data == NULL)
			continue;
		result = read_all(c, object, false, &position, 0, &again, &err);
		if (result != SYNCLINE_OK) {
			check_say(c, false, "reads from its positions", "behind batch %u: %s: %s", b + 1, check_class(result), check_text(&err));
			return;
		}
		lost = lacking(whole, b + 1, &again);
		if (lost != NULL) {
			check_say(c, false, "loses nothing behind a position", "behind batch %u record \"%s\" is not there or different", b + 1, lost->id);
			read_free(&again);
			return;
		}
		read_free(&again);
		tried++;
	}
	if (tried > 0)
		check_say(c, true, "loses nothing behind a position", "%u positions", tried);
	else
		check_skip(c, "loses nothing behind a position", "no batch gave a position");
}

/* The same in batches as small as the connector makes them when full() says so early: more positions to begin at. */
static void
in_small_batches(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	struct syncline_error err = { .struct_size = sizeof err };
	struct reading small;
	uint32_t result;

	bench_full_after = whole->count > 2000 ? 100 : 2;
	result = read_all(c, object, true, NULL, 0, &small, &err);
	if (result != SYNCLINE_OK) {
		check_say(c, false, "reads in small batches", "%s: %s", check_class(result), check_text(&err));
	} else {
		check_say(c, small.count == whole->count && lacking(whole, 0, &small) == NULL, "reads in small batches", "%u batches", small.batches);
		from_positions(c, object, &small);
		read_free(&small);
	}
	bench_full_after = 0;
}

static void
from_garbage(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	static const char *const garbage[] = { "\xff\xfe garbage", "{\"position\":", "999999999999999999999999", "../../etc/passwd" };

	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		struct syncline_error err = { .struct_size = sizeof err };
		struct syncline_slice position = { garbage[i], strlen(garbage[i]) };
		struct reading r = { 0 };
		uint32_t result = read_all(c, object, false, &position, 0, &r, &err);

		if (result == SYNCLINE_OK) {
			bool all = lacking(whole, 0, &r) == NULL;

			read_free(&r);
			if (!all) {
				check_say(c, false, "refuses a garbage position", "it took \"%s\" and left records out", i == 0 ? "(bytes)" : garbage[i]);
				return;
			}
		} else if (result >= SYNCLINE_CLASS_COUNT || result == SYNCLINE_RETRY || !check_sentence(err.message)) {
			check_say(c, false, "refuses a garbage position", "%s: %s", check_class(result), check_text(&err));
			return;
		}
	}
	check_say(c, true, "refuses a garbage position", "or reads everything");
}

static void
cancelled(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	struct syncline_error err = { .struct_size = sizeof err };
	struct reading r = { 0 };
	uint32_t result;
	bool good = true;

	/* At the first question, then in the middle; afterwards all works as before. */
	for (uint32_t after = 1; after <= 8; after *= 8) {
		c->bench.cancel_after = after;
		result = read_all(c, object, true, NULL, 0, &r, &err);
		c->bench.cancel_after = 0;
		if (result == SYNCLINE_OK)
			read_free(&r);
		else if (result != SYNCLINE_CANCELLED)
			good = check_say(c, false, "ends when cancelled", "with %s: %s", check_class(result), check_text(&err));
	}
	result = read_all(c, object, true, NULL, 0, &r, &err);
	if (result != SYNCLINE_OK) {
		check_say(c, false, "ends when cancelled", "but the next read fails: %s", check_text(&err));
		return;
	}
	if (good)
		check_say(c, lacking(whole, 0, &r) == NULL, "ends when cancelled", "and reads as before afterwards");
	read_free(&r);
}

static void
by_id(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	const struct syncline_source_v1 *source = check_part(c, "source/1");
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_slice ids[6];
	struct syncline_batch *batch;
	struct error e = { 0 };
	uint32_t n = 0, result, right = 0, gone = 0;

	if (source->struct_size <= offsetof(struct syncline_source_v1, get) || source->get == NULL) {
		check_skip(c, "gets by id", "not offered");
		return;
	}
	for (uint32_t i = 0; i < whole->count && n < 5; i += whole->count / 5 + 1)
		if (whole->items[i].op == SYNCLINE_OP_SEEN)
			ids[n++] = syncline_slice(whole->items[i].id, whole->items[i].id_length);
	ids[n] = syncline_slice("no such id 7f3a", 15);
	batch = bench_batch_new(&e);
	result = source->get(c->instance, bench_call(&c->bench, 60000), object, ids, n + 1, batch, &err);
	if (result != SYNCLINE_OK || bench_batch_finish(batch, &e) != 0) {
		check_say(c, false, "gets by id", "%s: %s", check_class(result), result != SYNCLINE_OK ? check_text(&err) : e.message);
		bench_batch_free(batch);
		return;
	}
	for (uint32_t i = 0; i < batch->batch->header->record_count; i++) {
		struct syncline_record r = { .struct_size = sizeof r };
		const struct seen *s;
		uint64_t hash[2];

		bench_batch_service.record(batch, i, &r);
		s = r.native_id.type == SYNCLINE_TYPE_TEXT ? read_find(whole, r.native_id.u.data, r.native_id.length) : NULL;
		read_hash(batch, &r, hash);
		right += r.op == SYNCLINE_OP_SEEN && s != NULL && memcmp(hash, s->hash, sizeof hash) == 0;
		gone += r.op == SYNCLINE_OP_DELETED;
	}
	check_say(c, right == n && gone == 1, "gets by id", "%u of %u as read; %s", right, n, gone == 1 ? "an unknown id is deleted" : "an unknown id is not said to be deleted");
	bench_batch_free(batch);
}

static void
counted(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	const struct syncline_count_v1 *count = check_part(c, "count/1");
	struct syncline_error err = { .struct_size = sizeof err };
	uint64_t n = 0;
	uint32_t result;

	if (count == NULL) {
		check_skip(c, "counts", "not offered");
		return;
	}
	result = count->count(c->instance, bench_call(&c->bench, 60000), object, &n, &err);
	check_say(c, result == SYNCLINE_OK && n == whole->count - whole->rejects, "counts", "%llu, read %u%s%s", (unsigned long long)n,
	          whole->count - whole->rejects, result == SYNCLINE_OK ? "" : ": ", result == SYNCLINE_OK ? "" : check_text(&err));
}

static void
found(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	const struct syncline_find_v1 *find = check_part(c, "find/1");
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_record record = { .struct_size = sizeof record };
	struct syncline_criterion criteria[16];
	struct syncline_batch *batch;
	struct error e = { 0 };
	uint32_t result, hits = 0;

	if (find == NULL || object->key_count == 0 || whole->last == NULL) {
		check_skip(c, "finds by key", find == NULL ? "not offered" : "no key was given with -o, or there is no record");
		return;
	}
	bench_batch_service.record(whole->last, 0, &record);
	for (uint32_t i = 0; i < object->key_count; i++) {
		int at = batch_find_field(whole->last->batch, object->key[i], strlen(object->key[i]));

		if (at < 0 || record.op != SYNCLINE_OP_SEEN) {
			check_skip(c, "finds by key", "the key is no field of the records");
			return;
		}
		criteria[i].field = object->key[i];
		criteria[i].value = record.values[at];
	}
	batch = bench_batch_new(&e);
	result = find->find(c->instance, bench_call(&c->bench, 60000), object, criteria, object->key_count, 10, batch, &err);
	if (result == SYNCLINE_OK && bench_batch_finish(batch, &e) == 0) {
		for (uint32_t i = 0; i < batch->batch->header->record_count; i++) {
			struct syncline_record hit = { .struct_size = sizeof hit };

			bench_batch_service.record(batch, i, &hit);
			hits += hit.native_id.length == record.native_id.length && memcmp(hit.native_id.u.data, record.native_id.u.data, hit.native_id.length) == 0;
		}
		check_say(c, hits == 1 && batch->batch->header->record_count == 1, "finds by key", "%u hits, %u of them right", batch->batch->header->record_count, hits);
	} else {
		check_say(c, false, "finds by key", "%s: %s", check_class(result), result != SYNCLINE_OK ? check_text(&err) : e.message);
	}
	bench_batch_free(batch);
}

#define BUCKETS 64u

static void
digested(struct check *c, const struct syncline_object *object, const struct reading *whole)
{
	const struct syncline_digest_v1 *digest = check_part(c, "digest/1");
	static struct syncline_digest_bucket want[BUCKETS], have[BUCKETS];
	struct syncline_error err = { .struct_size = sizeof err };
	uint32_t result;

	if (digest == NULL) {
		check_skip(c, "digests", "not offered");
		return;
	}
	memset(want, 0, sizeof want);
	for (uint32_t i = 0; i < whole->count; i++) {
		struct syncline_value id = syncline_text(whole->items[i].id, whole->items[i].id_length);
		uint64_t hash[2];

		if (whole->items[i].op != SYNCLINE_OP_SEEN)
			continue;
		batch_digest(&id, NULL, 0, hash_key, hash);
		want[hash[0] % BUCKETS].count++;
		want[hash[0] % BUCKETS].sum[0] += hash[0];
		want[hash[0] % BUCKETS].sum[1] += hash[1];
	}
	result = digest->digest(c->instance, bench_call(&c->bench, 60000), object, NULL, 0, hash_key, have, BUCKETS, &err);
	check_say(c, result == SYNCLINE_OK && memcmp(want, have, sizeof want) == 0, "digests", "%s",
	          result != SYNCLINE_OK ? check_text(&err) : memcmp(want, have, sizeof want) == 0 ? "of the ids, as computed from the read"
	                                                                                          : "differ from what was computed from the read");
}

void
check_reading(struct check *c, struct object *o)
{
	const struct syncline_object *object = &o->object;
	struct syncline_error err = { .struct_size = sizeof err };
	struct reading whole, again, sample;
	uint32_t result;

	if (check_part(c, "source/1") == NULL) {
		check_skip(c, "reads", "source/1 is not offered");
		return;
	}
	result = read_all(c, object, true, NULL, 0, &whole, &err);
	if (result != SYNCLINE_OK) {
		check_say(c, false, "reads all", "%s: %s", check_class(result), check_text(&err));
		return;
	}
	check_say(c, true, "reads all", "%u records, %u rejects, %u batches%s", whole.count - whole.rejects, whole.rejects, whole.batches,
	          whole.complete ? ", complete" : "");
	if (whole.count == whole.rejects)
		check_skip(c, "shows records", "there is none: put some there, most checks need them");
	if (ids_are_good(c, &whole)) {
		result = read_all(c, object, true, NULL, 0, &again, &err);
		check_say(c, result == SYNCLINE_OK && lacking(&whole, 0, &again) == NULL && again.count == whole.count, "reads the same again", "%s",
		          result != SYNCLINE_OK ? check_text(&err) : "");
		if (result == SYNCLINE_OK)
			read_free(&again);
		if (whole.count > 1) {
			result = read_all(c, object, true, NULL, 1, &sample, &err);
			check_say(c, result == SYNCLINE_OK && sample.count <= 1, "stops at a sample's limit", "%u records for a limit of 1",
			          result == SYNCLINE_OK ? sample.count : 0);
			if (result == SYNCLINE_OK)
				read_free(&sample);
		}
		in_small_batches(c, object, &whole);
		from_garbage(c, object, &whole);
		cancelled(c, object, &whole);
		by_id(c, object, &whole);
		counted(c, object, &whole);
		found(c, object, &whole);
		digested(c, object, &whole);
	}
	read_free(&whole);
}
