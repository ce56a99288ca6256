/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * good.c: a connector that behaves: records in memory, as source, sink, finder and document store.  What unit and system tests
 * hold the misbehaving ones against.  Settings: records (how many there are at first).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <syncline/connector.h>

#define FIELDS 12u

struct row {
	char id[24];
	char name[64];
	int gone;
};
struct good {
	const struct syncline_batch_service_v1 *batch;
	const struct syncline_log_service_v1 *log;
	const struct syncline_state_service_v1 *state;
	const struct syncline_secret_service_v1 *secret;
	const struct syncline_host *host;
	struct row *rows;
	uint64_t count;
	uint64_t generated; /* rows without memory: made up as they are read */
	uint64_t finished;
	char *document;
	size_t document_length;
};
struct reader {
	struct good *good;
	uint64_t at, end;
	char position[32];
	struct syncline_completeness claim;
};

static const struct syncline_field fields[FIELDS] = {
#define F(n, t) { .struct_size = sizeof(struct syncline_field), .type = t, .name = n, .scale = SYNCLINE_SCALE_UNKNOWN }
	F("id", SYNCLINE_TYPE_TEXT), F("name", SYNCLINE_TYPE_TEXT), F("street", SYNCLINE_TYPE_TEXT), F("zip", SYNCLINE_TYPE_TEXT),
	F("city", SYNCLINE_TYPE_TEXT), F("country", SYNCLINE_TYPE_TEXT), F("email", SYNCLINE_TYPE_TEXT), F("phone", SYNCLINE_TYPE_TEXT),
	F("limit", SYNCLINE_TYPE_DECIMAL), F("orders", SYNCLINE_TYPE_INTEGER), F("since", SYNCLINE_TYPE_DATE), F("note", SYNCLINE_TYPE_TEXT),
};

static struct syncline_value
text(const char *s)
{
	return (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(s), .u.data = s };
}

static struct syncline_value
number(uint8_t type, int64_t value)
{
	return (struct syncline_value){ .type = type, .u.integer = value };
}

static uint32_t
fail(struct syncline_error *err, uint32_t klass, const char *message)
{
	snprintf(err->message, sizeof err->message, "%s", message);
	snprintf(err->hint, sizeof err->hint, "%s", "This is a test.");
	return klass;
}

static const struct syncline_setting *
setting(const struct syncline_settings *settings, const char *name)
{
	for (uint32_t i = 0; i < settings->count; i++)
		if (strcmp(settings->items[i].name, name) == 0)
			return &settings->items[i];
	return NULL;
}

static uint32_t
good_open(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
          struct syncline_error *err)
{
	const struct syncline_setting *records = setting(settings, "records");
	struct syncline_slice password;
	struct good *good;

	(void)call;
	if (records != NULL && records->integer < 0)
		return fail(err, SYNCLINE_CONFIG, "records is negative");
	if ((good = calloc(1, sizeof *good)) == NULL)
		return fail(err, SYNCLINE_RETRY, "no memory");
	good->host = host;
	good->batch = host->get_service(host, "batch/1");
	good->log = host->get_service(host, "log/1");
	good->state = host->get_service(host, "state/1");
	good->secret = host->get_service(host, "secret/1");
	good->generated = records != NULL ? (uint64_t)records->integer : 0;
	if (good->batch == NULL || good->log == NULL || good->state == NULL || good->secret == NULL || host->get_service(host, "no/1") != NULL) {
		free(good);
		return fail(err, SYNCLINE_CONFIG, "a service is missing");
	}
	if (good->secret->get(host, "password", &password) == SYNCLINE_OK && (password.length != 6 || memcmp(password.data, "geheim", 6) != 0)) {
		free(good);
		return fail(err, SYNCLINE_AUTH, "the password is wrong");
	}
	good->log->write(host, SYNCLINE_LOG_INFO, "opened\nwith a second line");
	*ret_instance = good;
	return SYNCLINE_OK;
}

static void
good_close(void *instance)
{
	struct good *good = instance;

	free(good->rows);
	free(good->document);
	free(good);
}

static uint32_t
add_row(struct good *good, struct syncline_batch *batch, const char *id, const char *name, struct syncline_error *err)
{
	struct syncline_value values[FIELDS] = { text(id), text(name), text("Hauptstrasse 12, Hinterhaus"), text("10115"), text("Berlin an der Spree"),
		text("DE"), text("erika.mustermann@example.org"), text("+49 30 1234567"), text("12500.00"), number(SYNCLINE_TYPE_INTEGER, 42),
		number(SYNCLINE_TYPE_DATE, 18321), text("Lieferung nur werktags zwischen acht und sechzehn Uhr, bitte klingeln, danke sehr; Rampe im Hof links") };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = FIELDS, .native_id = text(id), .values = values };

	return good->batch->add(batch, &record, err);
}

static uint32_t
good_open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_read_request *request,
               void **ret_reader, struct syncline_error *err)
{
	struct good *good = instance;
	struct reader *reader;

	(void)call;
	if (strcmp(object->native, "customers") != 0)
		return fail(err, SYNCLINE_NOT_FOUND, "there is no such object");
	if ((reader = calloc(1, sizeof *reader)) == NULL)
		return fail(err, SYNCLINE_RETRY, "no memory");
	reader->good = good;
	reader->end = good->generated + good->count;
	if (!request->full && request->position.length > 0 && request->position.length < sizeof reader->position) {
		memcpy(reader->position, request->position.data, request->position.length);
		reader->at = strtoull(reader->position, NULL, 10);
	}
	if (request->record_limit != 0 && reader->end - reader->at > request->record_limit)
		reader->end = reader->at + request->record_limit;
	*ret_reader = reader;
	return SYNCLINE_OK;
}

static uint32_t
good_next(void *data, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *state, struct syncline_error *err)
{
	struct reader *reader = data;
	struct good *good = reader->good;
	uint32_t klass = good->batch->set_fields(batch, fields, FIELDS, err);

	while (klass == SYNCLINE_OK && reader->at < reader->end && !good->batch->full(batch)) {
		char id[24], name[64];

		if ((reader->at & 255) == 0 && call->cancelled(call))
			return fail(err, SYNCLINE_CANCELLED, "cancelled");
		if (reader->at < good->generated) {
			snprintf(id, sizeof id, "C%08llu", (unsigned long long)reader->at);
			snprintf(name, sizeof name, "Mustermann & Partner Nr. %llu", (unsigned long long)reader->at);
			klass = add_row(good, batch, id, name, err);
		} else {
			const struct row *row = &good->rows[reader->at - good->generated];

			klass = row->gone ? SYNCLINE_OK : add_row(good, batch, row->id, row->name, err);
		}
		reader->at++;
	}
	if (klass != SYNCLINE_OK)
		return klass;
	snprintf(reader->position, sizeof reader->position, "%llu", (unsigned long long)reader->at);
	state->position.data = reader->position;
	state->position.length = strlen(reader->position);
	if (good->state->set(good->host, "page", &state->position) != SYNCLINE_OK)
		return fail(err, SYNCLINE_INTERNAL, "state/1 refused a value");
	state->end = reader->at == reader->end;
	state->expected = reader->end;
	reader->claim.complete = 1;
	state->completeness = &reader->claim;
	state->completeness_count = 1;
	return SYNCLINE_OK;
}

static void
good_close_read(void *reader)
{
	free(reader);
}

static uint32_t
good_acknowledge(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *position,
                 struct syncline_error *err)
{
	(void)instance, (void)call, (void)object;
	return position->length > 0 ? SYNCLINE_OK : fail(err, SYNCLINE_INVALID, "an empty position");
}

static struct row *
find_row(struct good *good, const void *id, size_t length)
{
	for (uint64_t i = 0; i < good->count; i++)
		if (!good->rows[i].gone && strlen(good->rows[i].id) == length && memcmp(good->rows[i].id, id, length) == 0)
			return &good->rows[i];
	return NULL;
}

static uint32_t
good_get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *ids, uint32_t count,
         struct syncline_batch *batch, struct syncline_error *err)
{
	struct good *good = instance;
	uint32_t klass = good->batch->set_fields(batch, fields, FIELDS, err);

	(void)call, (void)object;
	for (uint32_t i = 0; klass == SYNCLINE_OK && i < count; i++) {
		const struct row *row = find_row(good, ids[i].data, ids[i].length);
		struct syncline_record gone = { .struct_size = sizeof gone, .op = SYNCLINE_OP_DELETED };

		gone.native_id = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)ids[i].length, .u.data = ids[i].data };
		klass = row != NULL ? add_row(good, batch, row->id, row->name, err) : good->batch->add(batch, &gone, err);
	}
	return klass;
}

static const struct syncline_source_v1 source = { .struct_size = sizeof source, .open_read = good_open_read, .next = good_next,
	.close_read = good_close_read, .acknowledge = good_acknowledge, .get = good_get };

static uint32_t
store(struct good *good, const struct syncline_record *record, const struct syncline_value *name, struct row **ret_row)
{
	struct row *rows, *row = record->native_id.type == SYNCLINE_TYPE_TEXT ? find_row(good, record->native_id.u.data, record->native_id.length) : NULL;

	if (row == NULL) {
		if ((rows = realloc(good->rows, (good->count + 1) * sizeof *rows)) == NULL)
			return SYNCLINE_RETRY;
		good->rows = rows;
		row = &rows[good->count++];
		memset(row, 0, sizeof *row);
		snprintf(row->id, sizeof row->id, "N%llu", (unsigned long long)good->count);
	}
	if (name->type == SYNCLINE_TYPE_TEXT)
		snprintf(row->name, sizeof row->name, "%.*s", (int)name->length, (const char *)name->u.data);
	*ret_row = row;
	return SYNCLINE_OK;
}

static uint32_t
good_write(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
           const struct syncline_results *results, struct syncline_error *err)
{
	struct good *good = instance;

	(void)call, (void)object, (void)err;
	for (uint32_t i = 0; i < good->batch->record_count(batch); i++) {
		struct syncline_record record = { .struct_size = sizeof record };
		struct syncline_write_result result = { .struct_size = sizeof result };
		struct syncline_error refused = { .struct_size = sizeof refused, .applied = SYNCLINE_APPLIED_NO };
		struct row *row = NULL;

		good->batch->record(batch, i, &record);
		if (record.value_count < 2 || record.values[1].type != SYNCLINE_TYPE_TEXT || record.values[1].length == 0) {
			fail(&refused, SYNCLINE_INVALID, "a customer needs a name");
			result.error_class = SYNCLINE_INVALID;
			result.error = &refused;
		} else if ((result.error_class = store(good, &record, &record.values[1], &row)) == SYNCLINE_OK) {
			result.native_id.data = row->id;
			result.native_id.length = strlen(row->id);
			result.version.data = "1";
			result.version.length = 1;
			result.stored = &record;
		}
		results->report(results, i, &result);
	}
	return SYNCLINE_OK;
}

static uint32_t
good_finish(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_error *err)
{
	struct good *good = instance;

	(void)call, (void)object, (void)err;
	good->finished++;
	return SYNCLINE_OK;
}

static const struct syncline_sink_v1 sink = { .struct_size = sizeof sink, .write = good_write, .finish = good_finish };

static uint32_t
good_find(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_criterion *criteria,
          uint32_t count, uint32_t limit, struct syncline_batch *batch, struct syncline_error *err)
{
	struct good *good = instance;
	uint32_t klass = good->batch->set_fields(batch, fields, FIELDS, err), hits = 0;

	(void)call, (void)object;
	if (count != 1 || strcmp(criteria[0].field, "name") != 0)
		return fail(err, SYNCLINE_INVALID, "only the name can be searched");
	for (uint64_t i = 0; klass == SYNCLINE_OK && i < good->count && hits < limit; i++)
		if (strlen(good->rows[i].name) == criteria[0].value.length && memcmp(good->rows[i].name, criteria[0].value.u.data, criteria[0].value.length) == 0) {
			klass = add_row(good, batch, good->rows[i].id, good->rows[i].name, err);
			hits++;
		}
	return klass;
}
static const struct syncline_find_v1 finder = { .struct_size = sizeof finder, .find = good_find };

static uint32_t
good_count(void *instance, const struct syncline_call *call, const struct syncline_object *object, uint64_t *ret_count, struct syncline_error *err)
{
	const struct good *good = instance;

	(void)call, (void)object, (void)err;
	*ret_count = good->generated + good->count;
	return SYNCLINE_OK;
}
static const struct syncline_count_v1 counter = { .struct_size = sizeof counter, .count = good_count };

static uint32_t
good_digest(void *instance, const struct syncline_call *call, const struct syncline_object *object, const char *const *names, uint32_t field_count,
            const uint8_t key[16], struct syncline_digest_bucket *buckets, uint32_t bucket_count, struct syncline_error *err)
{
	struct good *good = instance;

	(void)call, (void)object, (void)err, (void)names;
	for (uint64_t i = 0; i < good->count; i++) {
		struct syncline_value id = text(good->rows[i].id), name = text(good->rows[i].name);
		uint64_t hash[2], of_id[2];

		good->batch->digest(&id, NULL, 0, key, of_id);
		good->batch->digest(&id, &name, field_count > 0, key, hash);
		buckets[of_id[0] % bucket_count].count++;
		buckets[of_id[0] % bucket_count].sum[0] += hash[0];
		buckets[of_id[0] % bucket_count].sum[1] += hash[1];
	}
	return SYNCLINE_OK;
}
static const struct syncline_digest_v1 digester = { .struct_size = sizeof digester, .digest = good_digest };

static uint32_t
good_objects(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct syncline_capabilities can = { .struct_size = sizeof can, .read_full = SYNCLINE_NATIVE };
	struct syncline_object_info info = { .struct_size = sizeof info, .native = "customers", .label = "Kunden", .capabilities = &can };

	(void)instance, (void)call, (void)err;
	findings->object(findings, &info);
	return SYNCLINE_OK;
}

static uint32_t
good_fields(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_findings *findings,
            struct syncline_error *err)
{
	(void)instance, (void)call, (void)object, (void)err;
	for (uint32_t i = 0; i < FIELDS; i++)
		findings->field(findings, &fields[i]);
	return SYNCLINE_OK;
}
static const struct syncline_discover_v1 discoverer = { .struct_size = sizeof discoverer, .objects = good_objects, .fields = good_fields };

static uint32_t
good_check(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct good *good = instance;
	struct syncline_slice page = { "none", 4 };
	char hint[128];

	(void)call, (void)err;
	(void)good->state->get(good->host, "page", &page);
	snprintf(hint, sizeof hint, "Take that right from it. page=%.*s.", (int)page.length, (const char *)page.data);
	findings->remark(findings, SYNCLINE_LOG_WARNING, "customers", "The account may delete records, which it need not.", hint);
	return SYNCLINE_OK;
}
static const struct syncline_check_v1 checker = { .struct_size = sizeof checker, .check = good_check };

/* One document, the last that was finished; reading begins where the reader stands. */
struct stream {
	struct good *good;
	char *data;
	size_t length;
};

static uint32_t
content_open(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *reference,
             void **ret_stream, struct syncline_content_info *info, struct syncline_error *err)
{
	struct good *good = instance;
	struct stream *stream;

	(void)call, (void)object;
	if (reference->length != 3 || memcmp(reference->data, "doc", 3) != 0 || good->document == NULL)
		return fail(err, SYNCLINE_NOT_FOUND, "there is no such document");
	if ((stream = calloc(1, sizeof *stream)) == NULL)
		return fail(err, SYNCLINE_RETRY, "no memory");
	stream->good = good;
	info->length = good->document_length;
	info->name = "a.txt";
	*ret_stream = stream;
	return SYNCLINE_OK;
}

static uint32_t
content_read(void *data, const struct syncline_call *call, void *buffer, size_t capacity, size_t *ret_length, struct syncline_error *err)
{
	struct stream *stream = data;
	size_t left = stream->good->document_length - stream->length;

	(void)call, (void)err;
	*ret_length = left < capacity ? left : capacity;
	memcpy(buffer, stream->good->document + stream->length, *ret_length);
	stream->length += *ret_length;
	return SYNCLINE_OK;
}

static uint32_t
content_create(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_content_info *info,
               void **ret_stream, struct syncline_error *err)
{
	struct stream *stream = calloc(1, sizeof *stream);

	(void)call, (void)object, (void)info;
	if (stream == NULL)
		return fail(err, SYNCLINE_RETRY, "no memory");
	stream->good = instance;
	*ret_stream = stream;
	return SYNCLINE_OK;
}

static uint32_t
content_write(void *data, const struct syncline_call *call, const void *bytes, size_t length, struct syncline_error *err)
{
	struct stream *stream = data;
	char *more = realloc(stream->data, stream->length + length);

	(void)call;
	if (more == NULL)
		return fail(err, SYNCLINE_RETRY, "no memory");
	memcpy(more + stream->length, bytes, length);
	stream->data = more;
	stream->length += length;
	return SYNCLINE_OK;
}

static void
content_drop(void *data)
{
	struct stream *stream = data;

	free(stream->data);
	free(stream);
}

static uint32_t
content_finish(void *data, const struct syncline_call *call, const struct syncline_content_info *info, char *reference, size_t *ret_length,
               struct syncline_error *err)
{
	struct stream *stream = data;
	struct good *good = stream->good;

	(void)call;
	if (info->length != stream->length) {
		content_drop(stream);
		return fail(err, SYNCLINE_INVALID, "the length is not what was said");
	}
	free(good->document);
	good->document = stream->data;
	good->document_length = stream->length;
	free(stream);
	memcpy(reference, "doc", 3);
	*ret_length = 3;
	return SYNCLINE_OK;
}

static const struct syncline_content_v1 content = { .struct_size = sizeof content, .open_read = content_open, .read = content_read,
	.close_read = content_drop, .open_write = content_create, .write = content_write, .finish_write = content_finish, .abort_write = content_drop };

static uint32_t
good_receive(void *instance, const struct syncline_call *call, const struct syncline_webhook_request *request, char *ret_object,
             struct syncline_batch *batch, struct syncline_error *err)
{
	struct good *good = instance;
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN };

	(void)call;
	record.native_id = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)request->body.length, .u.data = request->body.data };
	strcpy(ret_object, "customers");
	return good->batch->add(batch, &record, err);
}
static const struct syncline_webhook_v1 webhook = { .struct_size = sizeof webhook, .receive = good_receive };

static const struct syncline_part parts[] = { { "source/1", &source }, { "sink/1", &sink }, { "find/1", &finder }, { "count/1", &counter },
	{ "digest/1", &digester }, { "discover/1", &discoverer }, { "check/1", &checker }, { "content/1", &content }, { "webhook/1", &webhook } };
static const char *const choices[] = { "fast", "slow", NULL };
static const struct syncline_param params[] = {
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_INTEGER, .scope = SYNCLINE_SCOPE_SYSTEM, .name = "records",
		.help = "How many records there are.", .default_value = "0", .minimum = 0, .maximum = 100000000 },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_CHOICE, .scope = SYNCLINE_SCOPE_OBJECT, .name = "mode",
		.help = "Nothing.", .choices = choices },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_SECRET, .scope = SYNCLINE_SCOPE_SYSTEM, .name = "password",
		.help = "The password, if any." },
};
static const struct syncline_capabilities capabilities = { .struct_size = sizeof capabilities, .read_full = SYNCLINE_NATIVE,
	.get = SYNCLINE_NATIVE, .create = SYNCLINE_NATIVE, .update = SYNCLINE_NATIVE, .find = SYNCLINE_EMULATED, .write_batch_max = 1000 };
static const struct syncline_connector connector = { .struct_size = sizeof connector, .abi_major = SYNCLINE_ABI_MAJOR,
	.abi_minor = SYNCLINE_ABI_MINOR, .name = "good", .version = "1.0", .summary = "A connector that behaves", .vendor = "Syncline",
	.licence = "BSD-2-Clause", .params = params, .param_count = sizeof params / sizeof *params, .part_count = sizeof parts / sizeof *parts,
	.parts = parts, .capabilities = &capabilities, .open = good_open, .close = good_close };

const struct syncline_connector *
syncline_connector(void)
{
	return &connector;
}
