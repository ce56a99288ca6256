/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contents.c: see contents.h.
 *
 * The note of a row that was read is BYTES: for each of its documents the SHA-256 (32 bytes), the length and the length of the
 * reference (8 and 4 bytes, as the machine has them: a note never leaves it), and the reference.
 */
#include "flow/contents.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES crypto_hash_sha256_BYTES
#define HEAD_BYTES (HASH_BYTES + 8u + 4u)

/* ---- golden contents ---- */

/* Behind this member's head, or NULL.  No text of others can look like one: their quotes have backslashes. */
static const char *
find_member(const struct syncline_value *golden, const char *head)
{
	size_t length = strlen(head);
	const char *at = golden->u.data;

	if (golden->type != SYNCLINE_TYPE_JSON)
		return NULL;
	for (const char *end = at + golden->length; (size_t)(end - at) >= length; at++)
		if (memcmp(at, head, length) == 0)
			return at + length;
	return NULL;
}

const char *
contents_hash(const struct syncline_value *golden)
{
	const char *at = find_member(golden, ",\"sha256\":\"");
	size_t left = at != NULL ? (size_t)((const char *)golden->u.data + golden->length - at) : 0;

	return left > 2 * HASH_BYTES && at[2 * HASH_BYTES] == '"' ? at : NULL;
}

bool
contents_is_of(const struct syncline_value *golden, const char *object)
{
	static const char head[] = "{\"object\":\"";
	size_t length = sizeof head - 1, name = strlen(object);
	const char *text = golden->u.data;

	/* Names have no characters that JSON would write in another way. */
	return golden->type == SYNCLINE_TYPE_JSON && golden->length > length + name && memcmp(text, head, length) == 0 &&
	       memcmp(text + length, object, name) == 0 && text[length + name] == '"';
}

bool
contents_same_place(const struct syncline_value *a, const struct syncline_value *b)
{
	static const char *const heads[] = { ",\"length\":", ",\"sha256\":\"" };
	const struct syncline_value *const both[2] = { a, b };
	size_t length[2];

	if (a->type != SYNCLINE_TYPE_JSON || b->type != SYNCLINE_TYPE_JSON)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		const char *text = both[i]->u.data, *at;

		length[i] = both[i]->length > 0 ? both[i]->length - 1 : 0; /* without the brace */
		for (unsigned h = 0; h < 2; h++)
			if ((at = find_member(both[i], heads[h])) != NULL && (size_t)(at - text) - strlen(heads[h]) < length[i])
				length[i] = (size_t)(at - text) - strlen(heads[h]);
	}
	return length[0] == length[1] && memcmp(a->u.data, b->u.data, length[0]) == 0;
}

/* ---- notes ---- */

bool
contents_found(const struct batch *batch, const struct batch_record *record, const void *reference, size_t length, uint64_t *ret_bytes,
               char ret_hex[CONTENTS_HEX])
{
	const uint8_t *at = batch_cell_data(batch, &record->note), *end = at + record->note.length;

	if (record->op != SYNCLINE_OP_SEEN || record->note.type != SYNCLINE_TYPE_BYTES)
		return false;
	while ((size_t)(end - at) >= HEAD_BYTES) {
		uint32_t named;

		memcpy(&named, at + HASH_BYTES + 8, sizeof named);
		if (named > (size_t)(end - at) - HEAD_BYTES)
			return false;
		if (named == length && (length == 0 || memcmp(at + HEAD_BYTES, reference, length) == 0)) {
			memcpy(ret_bytes, at + HASH_BYTES, sizeof *ret_bytes);
			sodium_bin2hex(ret_hex, CONTENTS_HEX, at, HASH_BYTES);
			return true;
		}
		at += HEAD_BYTES + named;
	}
	return false;
}

static int
put_found(struct buffer *note, const uint8_t hash[HASH_BYTES], uint64_t bytes, const struct syncline_slice *reference)
{
	uint32_t length = (uint32_t)reference->length;

	return buffer_append(note, hash, HASH_BYTES) != 0 || buffer_append(note, &bytes, sizeof bytes) != 0 ||
	       buffer_append(note, &length, sizeof length) != 0 ? -1 : buffer_append(note, reference->data, length);
}

/* ---- looking ---- */

/* Does any entity take documents of this object as their bytes? */
static bool
is_wanted(const struct engine *engine, const struct config_object *object)
{
	for (uint32_t b = 0; b < engine->bound_count; b++) {
		const struct bound *bound = &engine->bounds[b];
		const struct config_entity *entity = bound->binding->flow->entity;

		if (bound->binding->object != object || !bound->binding->reads)
			continue;
		for (uint32_t i = 0; i < entity->field_count; i++)
			if (entity->fields[i].type == CONFIG_FIELD_CONTENT && entity->fields[i].copy && (bound->reads == NULL || bound_has(bound->reads, i)))
				return true;
	}
	return false;
}

static bool
names_document(const struct batch_cell *cell)
{
	return cell->type == SYNCLINE_TYPE_CONTENT && cell->length > 0;
}

static bool
names_any(const struct batch *batch, const uint8_t *keep)
{
	for (uint32_t i = 0; i < batch->header->record_count; i++)
		for (uint32_t f = 0; f < batch->header->field_count && (keep == NULL || keep[i] != 0); f++)
			if (batch_record(batch, i)->op == SYNCLINE_OP_SEEN && names_document(&batch_record(batch, i)->cells[f]))
				return true;
	return false;
}

/* Is it this document alone that is wrong, so that the others can be looked at? */
static bool
is_its_own(const struct error *why)
{
	return why->klass == SYNCLINE_NOT_FOUND || why->klass == SYNCLINE_INVALID || why->klass == SYNCLINE_PERMANENT || why->klass == SYNCLINE_CONFIG ||
	       why->klass == SYNCLINE_CONFLICT;
}

static int
hash_bytes(struct connector_content *content, char *chunk, uint8_t ret_hash[HASH_BYTES], uint64_t *ret_bytes, struct error *err)
{
	crypto_hash_sha256_state state;
	size_t got;

	crypto_hash_sha256_init(&state);
	*ret_bytes = 0;
	do {
		if (connector_content_read(content, chunk, CONNECTOR_CHUNK_MAX, &got, err) != 0)
			return -1;
		crypto_hash_sha256_update(&state, (const unsigned char *)chunk, got);
		*ret_bytes += got;
	} while (got > 0);
	crypto_hash_sha256_final(&state, ret_hash);
	return 0;
}

struct looking {
	struct engine *engine;
	const struct config_object *object;
	struct connector *connector;
	char *chunk;
	struct buffer note;
	uint64_t looked;
};

/* Adds to the note what the system knows of a document, or what its bytes say. */
static int
look_at(struct looking *l, const struct syncline_slice *reference, struct error *err)
{
	struct syncline_content_info info = { .struct_size = sizeof info, .length = UINT64_MAX };
	struct connector_content *content;
	struct error why = { 0 };
	int result = 0;

	if (!engine_progress(l->engine, "looking at documents", l->looked++, 0))
		return error_set(err, ERROR_CONNECTOR_CANCELLED, "What was read so far is kept; the next run goes on from there.",
		                 "the run was stopped while it was looking at documents");
	/* Many large ones take longer than a lease lasts. */
	if (ledger_leases_keep(l->engine->ledger, err) != 0)
		return -1;
	if (connector_content_open(l->connector, config_sdk_object(l->object), reference, &content, &info, &why) == 0) {
		if (!info.has_hash || info.length == UINT64_MAX)
			result = hash_bytes(content, l->chunk, info.sha256, &info.length, &why);
		connector_content_close(content);
		if (result == 0)
			return put_found(&l->note, info.sha256, info.length, reference) == 0 ? 0 : error_memory(err);
	}
	if (why.code != ERROR_MEMORY && is_its_own(&why))
		return 0;
	*err = why;
	return -1;
}

static int
look_at_all(struct looking *l, const struct batch *batch, uint32_t index, struct error *err)
{
	const struct batch_record *record = batch_record(batch, index);

	buffer_clear(&l->note);
	for (uint32_t f = 0; f < batch->header->field_count; f++) {
		const struct batch_cell *cell = &record->cells[f];
		struct syncline_slice reference = { batch_cell_data(batch, cell), cell->length };

		if (names_document(cell) && look_at(l, &reference, err) != 0)
			return -1;
	}
	return 0;
}

static int
begin(struct batch_builder *builder, const struct batch *batch, struct arena *names, struct error *err)
{
	uint32_t count = batch->header->field_count;
	struct syncline_field *fields = arena_array(names, count + 1u, sizeof *fields);
	struct syncline_slice origin = batch_origin(batch);

	if (fields == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		struct batch_field field;

		batch_field(batch, i, &field);
		fields[i] = (struct syncline_field){ .struct_size = sizeof *fields, .type = field.type, .flags = field.flags, .scale = field.scale,
			.max_length = field.max_length, .name = arena_copy(names, field.name, field.name_length) };
		if (fields[i].name == NULL)
			return error_memory(err);
	}
	batch_builder_trust(builder);
	if (batch_builder_set_fields(builder, fields, count, err) != 0)
		return -1;
	return origin.length > 0 ? batch_builder_set_origin(builder, origin.data, origin.length, err) : 0;
}

/* The batch once more, with what was found in the notes. */
static int
rebuild(struct looking *l, const struct batch *batch, const uint8_t *keep, struct batch_builder *builder, struct arena *names, struct error *err)
{
	static const struct syncline_value nothing = { .type = SYNCLINE_TYPE_ABSENT };
	struct syncline_value *values = arena_array(names, batch->header->field_count + 1u, sizeof *values);

	if (values == NULL)
		return error_memory(err);
	if (begin(builder, batch, names, err) != 0)
		return -1;
	for (uint32_t i = 0; i < batch->header->record_count; i++) {
		struct syncline_record record;

		batch_read(batch, i, values, &record);
		if (record.op == SYNCLINE_OP_SEEN && (keep == NULL || keep[i] != 0)) {
			if (look_at_all(l, batch, i, err) != 0)
				return -1;
			record.note = l->note.length == 0 ? nothing : (struct syncline_value){ .type = SYNCLINE_TYPE_BYTES,
				.length = (uint32_t)l->note.length, .u.data = l->note.data };
		}
		if (batch_builder_add(builder, &record, err) != 0)
			return -1;
	}
	return 0;
}

int
contents_look(struct engine *engine, const struct config_object *object, const struct config_unit *unit, const uint8_t *keep,
              struct batch **batch, struct error *err)
{
	struct looking l = { .engine = engine, .object = object };
	struct batch_builder *builder;
	struct batch *with = NULL;
	struct error why = { 0 };
	struct arena names;
	int result;

	if (!names_any(*batch, keep) || !is_wanted(engine, object))
		return 0;
	/* The first process may be in the middle of reading. */
	if (engine_connector(engine, object->system, unit, 1, &l.connector, err) != 0 || (builder = batch_builder_new(err)) == NULL)
		return -1;
	arena_init(&names, 0);
	buffer_init(&l.note, SYNCLINE_RECORD_MAX);
	if ((l.chunk = malloc(CONNECTOR_CHUNK_MAX)) == NULL)
		result = error_memory(&why);
	else if ((result = rebuild(&l, *batch, keep, builder, &names, &why)) == 0 && (with = batch_builder_finish(builder, &why)) == NULL)
		result = -1;
	/* A batch at its limit has no room for notes. */
	if (with == NULL && (why.code == ERROR_BATCH_FULL || why.code == ERROR_BATCH_RECORD)) {
		engine_say(engine, SYNCLINE_LOG_WARNING, "%s.%s: records are so large that of their documents the references alone are known",
		           object->system->head.name, object->head.name);
		result = 0;
	} else if (with == NULL && why.code != ERROR_NONE && err != NULL) {
		*err = why;
	}
	if (with != NULL) {
		batch_free(*batch);
		*batch = with;
	}
	batch_builder_free(builder);
	arena_free(&names);
	buffer_free(&l.note);
	free(l.chunk);
	return result;
}
