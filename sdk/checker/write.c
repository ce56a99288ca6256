/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * write.c: writing a record made of the fields on the command line: create, look, create again, change, clear, delete; and
 * documents.  Only for objects that were named with -w: what the system can delete, it deletes again.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <syncline/helper.h>

#include "check.h"

#define REFERENCE_BYTES (SYNCLINE_CONTENT_REF_MAX + 1)

struct outcome {
	uint32_t reports, klass, applied;
	bool foreign;
	char native_id[1024], version[1024], text[1400];
};

struct work {
	struct check *check;
	struct object *object;
	struct syncline_capabilities caps;
	char number[32];
	char id[1024];
	char reference[REFERENCE_BYTES];
};

static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *given)
{
	struct outcome *o = results->host_data;
	struct syncline_write_result r;
	struct syncline_error why = { 0 };

	SYNCLINE_COPY(&r, given);
	if (r.error != NULL)
		SYNCLINE_COPY(&why, r.error);
	if (index != 0) {
		o->foreign = true;
		return;
	}
	o->reports++;
	o->klass = r.error_class;
	o->applied = why.applied;
	snprintf(o->native_id, sizeof o->native_id, "%.*s", (int)r.native_id.length, r.native_id.length > 0 ? (const char *)r.native_id.data : "");
	snprintf(o->version, sizeof o->version, "%.*s", (int)r.version.length, r.version.length > 0 ? (const char *)r.version.data : "");
	snprintf(o->text, sizeof o->text, "%s", r.error != NULL ? check_text(&why) : "");
}

/* "name=a%b" with the number for %; the value as text, or a decimal or integer behind "name:=". */
static struct syncline_value
value_of(const struct work *w, const char *field, char *name, char *text, size_t size)
{
	const char *equals = strchr(field, '='), *p;
	bool typed = equals > field && equals[-1] == ':';
	size_t n = 0;

	snprintf(name, SYNCLINE_NAME_MAX + 1, "%.*s", (int)(equals - field - typed), field);
	for (p = equals + 1; *p != '\0' && n + sizeof w->number < size; p++) {
		if (*p == '%')
			n += (size_t)snprintf(text + n, size - n, "%s", w->number);
		else
			text[n++] = *p;
	}
	text[n] = '\0';
	if (typed && strcmp(text, "null") == 0)
		return syncline_null();
	if (typed && syncline_is_decimal(text, n))
		return syncline_decimal(text, n);
	return syncline_text(text, n);
}

/* How the fields of one write differ from those on the command line. */
enum part { ALL, FIRST_OTHER_ALONE, CLEAR_FIRST_OTHER, NONE };

/* The first field that is neither key, nor external key, nor content: the one to change. */
static int
other_field(const struct work *w)
{
	const struct syncline_object *o = &w->object->object;

	for (uint32_t i = 0; i < w->object->field_count; i++) {
		char name[SYNCLINE_NAME_MAX + 1], text[4096];
		bool special;

		value_of(w, w->object->fields[i], name, text, sizeof text);
		special = (o->external_key != NULL && strcmp(name, o->external_key) == 0) || (o->content != NULL && strcmp(name, o->content) == 0) ||
		          (o->tenant != NULL && strcmp(name, o->tenant) == 0);
		for (uint32_t k = 0; k < o->key_count; k++)
			special |= strcmp(name, o->key[k]) == 0;
		if (!special)
			return (int)i;
	}
	return -1;
}

/* The attempt's key: the same for the same write again, another for another. */
static void
make_key(uint8_t op, enum part part, const char *id, const char *changed, uint8_t key[16])
{
	const char *const texts[] = { id, changed };
	uint64_t hash = UINT64_C(14695981039346656037) ^ op ^ ((uint64_t)part << 8);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++, hash = (hash ^ 255) * UINT64_C(1099511628211))
		for (const char *c = texts[i]; c != NULL && *c != '\0'; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	memcpy(key, "syncline", 8);
	memcpy(key + 8, &hash, 8);
}

static struct outcome
write_one(struct work *w, uint8_t op, enum part part, const char *id, const char *version, const char *changed)
{
	struct check *c = w->check;
	const struct syncline_sink_v1 *sink = check_part(c, "sink/1");
	static char names[FIELDS_MAX + 1][SYNCLINE_NAME_MAX + 1], texts[FIELDS_MAX + 1][4096];
	struct syncline_field fields[FIELDS_MAX + 1];
	struct syncline_value values[FIELDS_MAX + 1];
	struct syncline_record record = syncline_record(op);
	struct outcome o = { .klass = SYNCLINE_CLASS_COUNT };
	struct syncline_results results = { .struct_size = sizeof results, .report = report, .host_data = &o };
	struct syncline_error err = { .struct_size = sizeof err };
	struct error e = { 0 };
	struct syncline_batch *batch = bench_batch_new(&e);
	int other = other_field(w);
	uint32_t n = 0, result;
	uint8_t key[16];

	for (; n < w->object->field_count; n++) {
		values[n] = value_of(w, w->object->fields[n], names[n], texts[n], sizeof texts[n]);
		fields[n] = syncline_field(names[n], SYNCLINE_TYPE_ABSENT, 0);
		if (part == NONE || (part != ALL && (int)n != other))
			values[n] = syncline_absent();
		else if (part == FIRST_OTHER_ALONE)
			values[n] = syncline_string(changed);
		else if (part == CLEAR_FIRST_OTHER)
			values[n] = syncline_null();
	}
	if (w->object->object.content != NULL && w->reference[0] != '\0') {
		fields[n] = syncline_field(w->object->object.content, SYNCLINE_TYPE_CONTENT, 0);
		values[n++] = part == ALL ? syncline_content(w->reference, strlen(w->reference)) : syncline_absent();
	}
	if (id != NULL)
		record.native_id = syncline_string(id);
	if (version != NULL)
		record.version = syncline_string(version);
	make_key(op, part, id, changed, key);
	record.note = syncline_bytes(key, sizeof key);
	record.value_count = n;
	record.values = values;
	if (batch == NULL || bench_batch_service.set_fields(batch, fields, n, &err) != SYNCLINE_OK ||
	    bench_batch_service.add(batch, &record, &err) != SYNCLINE_OK || bench_batch_finish(batch, &e) != 0) {
		snprintf(o.text, sizeof o.text, "the record can't be put into a batch: %.300s%.300s", err.message, e.message);
		bench_batch_free(batch);
		return o;
	}
	result = sink->write(c->instance, bench_call(&c->bench, 60000), &w->object->object, batch, &results, &err);
	bench_batch_free(batch);
	if (o.reports == 0) {
		o.klass = result;
		snprintf(o.text, sizeof o.text, "%s", result != SYNCLINE_OK ? check_text(&err) : "it reported no result");
		if (result == SYNCLINE_OK)
			o.klass = SYNCLINE_CLASS_COUNT;
	}
	return o;
}

static bool
said(struct work *w, const struct outcome *o, bool good, const char *name)
{
	if (o->foreign || o->reports > 1)
		return check_say(w->check, false, name, "%s", o->foreign ? "it reported an index that the batch doesn't have" : "it reported an item twice");
	return check_say(w->check, good, name, "%s%s%s", check_class(o->klass), o->text[0] != '\0' ? ": " : "", o->text);
}

/* What the record shows in a field; ABSENT too when it isn't there.  Read whole: get may not be offered. */
static struct syncline_value
shown(struct work *w, const char *id, const char *field, struct reading *ret_reading, bool *ret_there)
{
	struct syncline_error err = { .struct_size = sizeof err };
	const struct syncline_source_v1 *source = check_part(w->check, "source/1");
	struct syncline_slice slice = { id, strlen(id) };
	struct error e = { 0 };
	struct syncline_record r = { .struct_size = sizeof r };
	int at;

	memset(ret_reading, 0, sizeof *ret_reading);
	*ret_there = false;
	if (source == NULL || source->struct_size <= offsetof(struct syncline_source_v1, get) || source->get == NULL)
		return syncline_absent();
	ret_reading->last = bench_batch_new(&e);
	if (ret_reading->last == NULL ||
	    source->get(w->check->instance, bench_call(&w->check->bench, 60000), &w->object->object, &slice, 1, ret_reading->last, &err) != SYNCLINE_OK ||
	    bench_batch_finish(ret_reading->last, &e) != 0 || ret_reading->last->batch->header->record_count != 1)
		return syncline_absent();
	bench_batch_service.record(ret_reading->last, 0, &r);
	*ret_there = r.op == SYNCLINE_OP_SEEN;
	at = field != NULL ? batch_find_field(ret_reading->last->batch, field, strlen(field)) : -1;
	return at >= 0 && (uint32_t)at < r.value_count ? r.values[at] : syncline_absent();
}

static bool
shows(struct work *w, const char *field, const struct syncline_value *want)
{
	struct reading r;
	bool there, same;
	struct syncline_value v = shown(w, w->id, field, &r, &there);

	if (want->type == SYNCLINE_TYPE_NULL)
		same = v.type == SYNCLINE_TYPE_NULL || v.type == SYNCLINE_TYPE_ABSENT;
	else
		same = v.type == want->type && (v.length == want->length && (v.length == 0 || memcmp(v.u.data, want->u.data, v.length) == 0));
	/* An integer may come back for a decimal of whole digits, and text for what has no type in the system. */
	if (!same && want->type == SYNCLINE_TYPE_DECIMAL && v.type == SYNCLINE_TYPE_TEXT)
		same = v.length == want->length && memcmp(v.u.data, want->u.data, v.length) == 0;
	if (!same && v.type == SYNCLINE_TYPE_INTEGER) {
		int64_t i;

		same = syncline_to_integer(want->u.data, want->length, &i) == 0 && i == v.u.integer;
	}
	read_free(&r);
	return there && same;
}

static bool
all_shown(struct work *w, char *ret_field)
{
	for (uint32_t i = 0; i < w->object->field_count; i++) {
		char text[4096];
		struct syncline_value want = value_of(w, w->object->fields[i], ret_field, text, sizeof text);

		if (!shows(w, ret_field, &want))
			return false;
	}
	return true;
}

static void
create_again(struct work *w)
{
	struct outcome o;

	if (w->caps.upsert == 0 && w->caps.idempotency == 0) {
		check_skip(w->check, "creates once", "it is found first, not written twice");
		return;
	}
	o = write_one(w, SYNCLINE_OP_CREATE, ALL, NULL, NULL, NULL);
	said(w, &o, o.klass == SYNCLINE_OK && (o.native_id[0] == '\0' || strcmp(o.native_id, w->id) == 0), "the same create again");
}

static void
change(struct work *w)
{
	int other = other_field(w);
	char name[SYNCLINE_NAME_MAX + 1], text[4096], lost[SYNCLINE_NAME_MAX + 1] = "";
	struct syncline_value want = syncline_string("changed by the checker"), null = syncline_null();
	struct outcome o, first;
	bool good = true;

	if (w->caps.update == 0 || other < 0) {
		check_skip(w->check, "updates", w->caps.update == 0 ? "not offered" : "no field but keys was given");
		return;
	}
	value_of(w, w->object->fields[other], name, text, sizeof text);
	first = write_one(w, SYNCLINE_OP_UPDATE, FIRST_OTHER_ALONE, w->id, NULL, "changed by the checker");
	said(w, &first, first.klass == SYNCLINE_OK, "updates");
	if (first.klass != SYNCLINE_OK)
		return;
	for (uint32_t i = 0; i < w->object->field_count && good; i++) {
		char field_text[4096];
		struct syncline_value v = value_of(w, w->object->fields[i], lost, field_text, sizeof field_text);

		good = (int)i == other ? shows(w, lost, &want) : shows(w, lost, &v);
	}
	if (good) {
		o = write_one(w, SYNCLINE_OP_UPDATE, NONE, w->id, NULL, NULL);
		snprintf(lost, sizeof lost, "%s", name);
		good = shows(w, name, &want);
	}
	check_say(w->check, good, "absent values stay as they are", "%s%s", good ? "" : lost, good ? "" : " is not as it should be");
	o = write_one(w, SYNCLINE_OP_UPDATE, CLEAR_FIRST_OTHER, w->id, NULL, NULL);
	said(w, &o, o.klass == SYNCLINE_OK && shows(w, name, &null), "a null clears");
	if (w->caps.conditional_write != 0 && first.version[0] != '\0') {
		o = write_one(w, SYNCLINE_OP_UPDATE, FIRST_OTHER_ALONE, w->id, first.version, "a stale write");
		said(w, &o, o.klass == SYNCLINE_CONFLICT, "refuses a stale version");
	}
	o = write_one(w, SYNCLINE_OP_UPDATE, FIRST_OTHER_ALONE, "no such id 7f3a", NULL, "x");
	said(w, &o, o.klass != SYNCLINE_OK && o.klass < SYNCLINE_CLASS_COUNT && o.klass != SYNCLINE_INTERNAL, "an update of an unknown id fails");
}

static uint32_t
store_stream(struct work *w, const unsigned char *bytes, size_t length, bool damaged, struct syncline_error *err)
{
	struct check *c = w->check;
	const struct syncline_content_v1 *content = check_part(c, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info, .length = UINT64_MAX, .name = "check.bin", .media_type = "application/octet-stream",
		                              .modified_us = INT64_MIN };
	void *stream = NULL;
	size_t given = 0;
	uint32_t result = content->open_write(c->instance, bench_call(&c->bench, 60000), &w->object->object, &info, &stream, err);

	if (result != SYNCLINE_OK)
		return result;
	for (size_t at = 0; at < length && result == SYNCLINE_OK;) {
		size_t chunk = at == 0 ? 1 : 7777;

		chunk = chunk < length - at ? chunk : length - at;
		result = content->write(stream, bench_call(&c->bench, 60000), bytes + at, chunk, err);
		at += chunk;
	}
	if (result != SYNCLINE_OK) {
		content->abort_write(stream);
		return result;
	}
	info.length = length;
	info.has_hash = 1;
	crypto_hash_sha256(info.sha256, bytes, length);
	info.sha256[0] ^= damaged;
	w->reference[0] = '\0';
	result = content->finish_write(stream, bench_call(&c->bench, 60000), &info, w->reference, &given, err);
	if (result == SYNCLINE_OK && given <= SYNCLINE_CONTENT_REF_MAX)
		w->reference[given] = '\0';
	return result == SYNCLINE_OK && (given == 0 || given > SYNCLINE_CONTENT_REF_MAX)
	               ? syncline_fail(err, SYNCLINE_CLASS_COUNT, "The reference has %zu bytes.", given)
	               : result;
}

static void
read_stream(struct work *w, const unsigned char *bytes, size_t length)
{
	struct check *c = w->check;
	const struct syncline_content_v1 *content = check_part(c, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct syncline_error err = { .struct_size = sizeof err };
	struct reading r;
	bool there, same = true;
	struct syncline_value v = shown(w, w->id, w->object->object.content, &r, &there);
	struct syncline_slice reference = { v.u.data, v.length };
	unsigned char buffer[1000];
	void *stream;
	size_t at = 0, n = 1;
	uint32_t result;

	if (v.type != SYNCLINE_TYPE_CONTENT) {
		check_say(c, false, "a document comes back", "the record shows no content reference");
		read_free(&r);
		return;
	}
	result = content->open_read(c->instance, bench_call(&c->bench, 60000), &w->object->object, &reference, &stream, &info, &err);
	while (result == SYNCLINE_OK && n > 0) {
		result = content->read(stream, bench_call(&c->bench, 60000), buffer, sizeof buffer, &n, &err);
		same = same && result == SYNCLINE_OK && n <= sizeof buffer && n <= length - at && memcmp(buffer, bytes + at, n) == 0;
		if (!same)
			break;
		at += n;
	}
	if (result == SYNCLINE_OK)
		content->close_read(stream);
	check_say(c, result == SYNCLINE_OK && same && at == length, "a document comes back", "%zu of %zu bytes%s%s", at, length, result != SYNCLINE_OK ? ": " : "",
	          result != SYNCLINE_OK ? check_text(&err) : "");
	read_free(&r);
}

static void
remove_it(struct work *w)
{
	struct outcome o;
	struct reading r;
	bool there;

	if (w->caps.remove == 0) {
		check_skip(w->check, "deletes", "not offered: the record stays");
		return;
	}
	o = write_one(w, SYNCLINE_OP_DELETE, NONE, w->id, NULL, NULL);
	shown(w, w->id, NULL, &r, &there);
	read_free(&r);
	said(w, &o, o.klass == SYNCLINE_OK && !there, "deletes");
	o = write_one(w, SYNCLINE_OP_DELETE, NONE, w->id, NULL, NULL);
	said(w, &o, o.klass == SYNCLINE_OK || o.klass == SYNCLINE_NOT_FOUND, "the same delete again");
}

#define DOCUMENT_BYTES 300000u

void
check_writing(struct check *c, struct object *object)
{
	static unsigned char bytes[DOCUMENT_BYTES];
	static struct work w;
	struct syncline_error err = { .struct_size = sizeof err };
	char lost[SYNCLINE_NAME_MAX + 1];
	struct outcome o;
	bool with_content = object->object.content != NULL && check_part(c, "content/1") != NULL, good;

	memset(&w, 0, sizeof w);
	w.check = c;
	w.object = object;
	SYNCLINE_COPY(&w.caps, c->connector->capabilities);
	snprintf(w.number, sizeof w.number, "%s", check_unique());
	if (check_part(c, "sink/1") == NULL || w.caps.create == 0) {
		check_skip(c, "writes", "creating is not offered");
		return;
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 31 + i / 251);
	if (with_content) {
		uint32_t result = store_stream(&w, bytes, sizeof bytes, true, &err);

		check_say(c, result != SYNCLINE_OK && result < SYNCLINE_CLASS_COUNT, "refuses a damaged document", "%s", check_class(result));
		result = store_stream(&w, bytes, sizeof bytes, false, &err);
		if (result != SYNCLINE_OK) {
			check_say(c, false, "stores a document", "%s: %s", check_class(result), check_text(&err));
			return;
		}
		check_say(c, true, "stores a document", "%u bytes", DOCUMENT_BYTES);
	}
	o = write_one(&w, SYNCLINE_OP_CREATE, ALL, NULL, NULL, NULL);
	if (!said(&w, &o, o.klass == SYNCLINE_OK, "creates"))
		return;
	snprintf(w.id, sizeof w.id, "%s", o.native_id);
	if (object->handover || w.id[0] == '\0') {
		create_again(&w);
		check_skip(c, "the rest of writing", "the system shows it later");
		return;
	}
	if (w.caps.get == 0) {
		check_skip(c, "shows what was written", "get is not offered");
	} else {
		good = all_shown(&w, lost);
		check_say(c, good, "shows what was written", "%s%s", good ? "" : lost, good ? "" : " is not as it was written");
	}
	if (with_content)
		read_stream(&w, bytes, sizeof bytes);
	create_again(&w);
	if (w.caps.get != 0)
		change(&w);
	remove_it(&w);
}
