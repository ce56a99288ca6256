/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * greetings.c: a small whole connector to begin from.  Its "system" is one text file with a line for each record:
 *
 *     id <TAB> text
 *
 * It reads all lines, gets records by id, and creates, updates and deletes them.  A write makes the new file whole and renames
 * it into place, so that what was reported as committed is durable and a crash leaves the old file or the new one.
 *
 * Replace load() and save() by calls to your system, and then, field by field, what stands in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <syncline/helper.h>

/* ---- an instance: one per system and credentials -------------------------------------------------------------------- */

struct greetings {
	const struct syncline_batch_service_v1 *batch; /* from the host; valid until close */
	const char *file;                              /* a setting; valid until close */
};

static uint32_t
open_instance(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
              struct syncline_error *err)
{
	struct greetings *g = calloc(1, sizeof *g);

	(void)call;
	if (g == NULL)
		return syncline_fail_memory(err);
	g->batch = syncline_service(host, "batch/1", sizeof *g->batch, err);
	if (g->batch == NULL) {
		free(g);
		return SYNCLINE_CONFIG;
	}
	g->file = syncline_setting_text(NULL, settings, "file", "");
	if (g->file[0] != '/') {
		free(g);
		syncline_fail(err, SYNCLINE_CONFIG, "The setting \"file\" is missing.");
		syncline_hint(err, "Write file = \"/path/of/the/file\" in the system's settings.");
		return SYNCLINE_CONFIG;
	}
	*ret_instance = g;
	return SYNCLINE_OK;
}

static void
close_instance(void *instance)
{
	free(instance);
}

/* ---- the system: a table of lines in memory -------------------------------------------------------------------------- */

struct line {
	char *id, *text; /* text: "" is null */
};
struct table {
	char *bytes;
	struct line *lines;
	size_t count;
};

static void
table_free(struct table *t)
{
	free(t->bytes);
	free(t->lines);
}

static uint32_t
load(const struct greetings *g, struct table *ret_table, struct syncline_error *err)
{
	struct table t = { NULL, NULL, 0 };
	FILE *file = fopen(g->file, "r");
	long size;
	size_t n = 0, lines = 1;

	if (file == NULL)
		return syncline_fail_errno(err, errno, "The file \"%s\" can't be opened.", g->file);
	if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0 || (t.bytes = malloc((size_t)size + 1)) == NULL) {
		fclose(file);
		return syncline_fail_memory(err);
	}
	n = fread(t.bytes, 1, (size_t)size, file);
	fclose(file);
	t.bytes[n] = '\0';
	for (size_t i = 0; i < n; i++)
		lines += t.bytes[i] == '\n';
	t.lines = calloc(lines, sizeof *t.lines);
	if (t.lines == NULL) {
		table_free(&t);
		return syncline_fail_memory(err);
	}
	for (char *at = t.bytes, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		char *tab = memchr(at, '\t', (size_t)(end - at));

		if (tab == NULL)
			continue;
		*tab = *end = '\0';
		t.lines[t.count].id = at;
		t.lines[t.count++].text = tab + 1;
	}
	*ret_table = t;
	return SYNCLINE_OK;
}

static uint32_t
save(const struct greetings *g, const struct table *t, struct syncline_error *err)
{
	struct syncline_buffer out;
	const char *name = strrchr(g->file, '/') + 1;
	uint32_t result = SYNCLINE_RETRY;
	char folder[4096];
	int fd = -1;

	syncline_buffer_init(&out, 0);
	snprintf(folder, sizeof folder, "%.*s", (int)(name - g->file), g->file);
	for (size_t i = 0; i < t->count; i++)
		if (t->lines[i].id != NULL) /* NULL: deleted */
			syncline_buffer_format(&out, "%s\t%s\n", t->lines[i].id, t->lines[i].text);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out.failed)
		result = syncline_fail_memory(err);
	else if (fd < 0)
		result = syncline_fail_errno(err, errno, "The folder \"%s\" can't be opened.", folder);
	else
		result = syncline_publish_bytes(fd, name, 0, 0666, out.data, out.length, err);
	if (fd >= 0)
		close(fd);
	syncline_buffer_free(&out);
	return result;
}

static struct line *
find_line(const struct table *t, const struct syncline_value *id)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->lines[i].id != NULL && id->type == SYNCLINE_TYPE_TEXT && strlen(t->lines[i].id) == id->length &&
		    memcmp(t->lines[i].id, id->u.data, id->length) == 0)
			return &t->lines[i];
	return NULL;
}

/* ---- source/1: reading ------------------------------------------------------------------------------------------------ */

static uint32_t
add_fields(const struct greetings *g, struct syncline_batch *batch, struct syncline_error *err)
{
	const struct syncline_field fields[] = {
		syncline_field("id", SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_KEY | SYNCLINE_FIELD_UNIQUE),
		syncline_field("text", SYNCLINE_TYPE_TEXT, 0),
	};

	return g->batch->set_fields(batch, fields, 2, err);
}

static uint32_t
add_line(const struct greetings *g, const struct line *line, uint64_t place, struct syncline_batch *batch, struct syncline_error *err)
{
	struct syncline_record record = syncline_record(SYNCLINE_OP_SEEN);
	struct syncline_value values[2];

	if (!syncline_is_utf8(line->id, strlen(line->id)) || !syncline_is_utf8(line->text, strlen(line->text))) {
		/* What can't be read is a reject, never left out and never guessed. */
		record.op = SYNCLINE_OP_REJECT;
		record.note = syncline_string("The line is not UTF-8; convert the file.");
	} else {
		values[0] = syncline_string(line->id);
		values[1] = line->text[0] != '\0' ? syncline_string(line->text) : syncline_null();
		record.native_id = values[0];
		record.values = values;
		record.value_count = 2;
	}
	record.place = place;
	return g->batch->add(batch, &record, err);
}

struct reader {
	struct greetings *g;
	struct table table;
	size_t next, end;
	char position[32]; /* the number of lines that were given */
	struct syncline_completeness complete;
	int from_start;
};

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_read_request *request,
          void **ret_reader, struct syncline_error *err)
{
	struct syncline_read_request q;
	struct reader *r = calloc(1, sizeof *r);
	int64_t from = 0;
	uint32_t result;

	(void)call;
	(void)object;
	SYNCLINE_COPY(&q, request);
	if (r == NULL)
		return syncline_fail_memory(err);
	r->g = instance;
	if (!q.full && q.position.length > 0 && (syncline_to_integer(q.position.data, q.position.length, &from) != 0 || from < 0)) {
		free(r);
		syncline_fail(err, SYNCLINE_INVALID, "The position is none that this connector gave.");
		syncline_hint(err, "Rewind the position of this object, so that everything is read again.");
		return SYNCLINE_INVALID;
	}
	result = load(r->g, &r->table, err);
	if (result != SYNCLINE_OK) {
		free(r);
		return result;
	}
	/* The file may have become shorter meanwhile: then it is another one, and read whole. */
	r->next = (uint64_t)from <= r->table.count ? (size_t)from : 0;
	r->from_start = r->next == 0;
	r->end = r->table.count;
	if (q.record_limit != 0 && r->end - r->next > q.record_limit)
		r->end = r->next + q.record_limit;
	*ret_reader = r;
	return SYNCLINE_OK;
}

static uint32_t
next(void *reader, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *ret_state, struct syncline_error *err)
{
	struct reader *r = reader;
	struct syncline_read_state state = { .struct_size = sizeof state };
	uint32_t result = add_fields(r->g, batch, err);
	size_t at = r->next;

	while (result == SYNCLINE_OK && at < r->end && !r->g->batch->full(batch)) {
		if (syncline_cancelled(call))
			return syncline_fail_cancelled(err);
		result = add_line(r->g, &r->table.lines[at], at + 1, batch, err);
		at++;
	}
	if (result != SYNCLINE_OK)
		return result;
	r->next = at;
	snprintf(r->position, sizeof r->position, "%zu", at);
	state.position = syncline_slice(r->position, strlen(r->position));
	state.expected = r->table.count;
	state.end = at == r->end;
	if (at == r->table.count && r->from_start) {
		r->complete.complete = 1; /* all that there is was given: what wasn't seen is gone */
		state.completeness = &r->complete;
		state.completeness_count = 1;
	}
	SYNCLINE_GIVE(ret_state, &state);
	return SYNCLINE_OK;
}

static void
close_read(void *reader)
{
	struct reader *r = reader;

	table_free(&r->table);
	free(r);
}

static uint32_t
get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *native_ids, uint32_t count,
    struct syncline_batch *batch, struct syncline_error *err)
{
	struct greetings *g = instance;
	struct table t;
	uint32_t result = load(g, &t, err);

	(void)call;
	(void)object;
	if (result != SYNCLINE_OK)
		return result;
	result = add_fields(g, batch, err);
	for (uint32_t i = 0; i < count && result == SYNCLINE_OK; i++) {
		struct syncline_value id = syncline_text(native_ids[i].data, native_ids[i].length);
		const struct line *line = find_line(&t, &id);
		struct syncline_record gone = syncline_record(SYNCLINE_OP_DELETED);

		gone.native_id = id;
		result = line != NULL ? add_line(g, line, 0, batch, err) : g->batch->add(batch, &gone, err);
	}
	table_free(&t);
	return result;
}

static const struct syncline_source_v1 source = { sizeof source, 0, open_read, next, close_read, NULL, get };

/* ---- sink/1: writing --------------------------------------------------------------------------------------------------- */

/* A text of the record, with room for what a line can't hold. */
static char *
text_of(const struct syncline_value *v)
{
	char *copy;

	if (v->type != SYNCLINE_TYPE_TEXT || memchr(v->u.data, '\t', v->length) != NULL || memchr(v->u.data, '\n', v->length) != NULL)
		return NULL;
	copy = malloc(v->length + 1);
	if (copy != NULL) {
		memcpy(copy, v->u.data, v->length);
		copy[v->length] = '\0';
	}
	return copy;
}

static uint32_t
invalid(struct syncline_error *err, const char *message, const char *hint)
{
	syncline_fail(err, SYNCLINE_INVALID, "%s", message);
	syncline_hint(err, "%s", hint);
	syncline_applied(err, SYNCLINE_APPLIED_NO); /* we know it didn't happen: the agent needn't find out */
	return SYNCLINE_INVALID;
}

/* Changes the table in memory and saves it; the new texts live until then. */
static uint32_t
write_one(struct greetings *g, struct syncline_batch *batch, const struct syncline_record *record, char **id, char **text, struct syncline_error *err)
{
	struct syncline_value id_value = record->native_id, text_value = syncline_absent();
	struct table t;
	struct line *line;
	uint32_t result;

	for (uint32_t i = 0; i < record->value_count; i++) {
		struct syncline_field field = { .struct_size = sizeof field };

		if (g->batch->field(batch, i, &field) != SYNCLINE_OK)
			continue;
		if (strcmp(field.name, "id") == 0 && id_value.type == SYNCLINE_TYPE_ABSENT)
			id_value = record->values[i];
		else if (strcmp(field.name, "text") == 0)
			text_value = record->values[i];
	}
	*id = text_of(&id_value);
	*text = text_value.type == SYNCLINE_TYPE_TEXT ? text_of(&text_value) : calloc(1, 1);
	if (*id == NULL || *text == NULL)
		return invalid(err, "The id or the text has a tab or a line break, or is missing.", "Map a field that has none to it.");
	result = load(g, &t, err);
	if (result != SYNCLINE_OK)
		return result;
	line = find_line(&t, &id_value); /* load() left room for one more */
	if (line == NULL && record->op != SYNCLINE_OP_CREATE) {
		result = syncline_fail(err, SYNCLINE_NOT_FOUND, "There is no line \"%s\".", *id);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
	} else {
		if (line == NULL) {
			line = &t.lines[t.count++];
			line->text = *text;
		}
		line->id = record->op == SYNCLINE_OP_DELETE ? NULL : *id;
		if (text_value.type != SYNCLINE_TYPE_ABSENT) /* absent: stays as it is */
			line->text = *text;
		result = save(g, &t, err);
	}
	table_free(&t);
	return result;
}

static uint32_t
write_batch(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
            const struct syncline_results *results, struct syncline_error *err)
{
	struct greetings *g = instance;
	uint32_t count = g->batch->record_count(batch);

	(void)object;
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_record record = { .struct_size = sizeof record };
		struct syncline_error why = { .struct_size = sizeof why };
		struct syncline_write_result result = { .struct_size = sizeof result };
		char *id = NULL, *text = NULL;

		if (syncline_cancelled(call)) {
			syncline_fail_cancelled(err);
			syncline_applied(err, SYNCLINE_APPLIED_NO); /* of the items that have no result yet */
			return SYNCLINE_CANCELLED;
		}
		g->batch->record(batch, i, &record);
		result.error_class = write_one(g, batch, &record, &id, &text, &why);
		if (result.error_class != SYNCLINE_OK)
			result.error = &why;
		else
			result.native_id = syncline_slice(id, strlen(id));
		results->report(results, i, &result);
		free(id);
		free(text);
	}
	return SYNCLINE_OK;
}

static const struct syncline_sink_v1 sink = { sizeof sink, 0, write_batch, NULL };

/* ---- the descriptor ------------------------------------------------------------------------------------------------------ */

static const struct syncline_param params[] = {
	{ .struct_size = sizeof(struct syncline_param),
	  .type = SYNCLINE_PARAM_PATH,
	  .scope = SYNCLINE_SCOPE_SYSTEM,
	  .flags = SYNCLINE_PARAM_REQUIRED | SYNCLINE_PARAM_WRITABLE,
	  .name = "file",
	  .help = "The file with a line for each record." },
};

static const struct syncline_part parts[] = {
	{ "source/1", &source },
	{ "sink/1", &sink },
};

static const struct syncline_capabilities capabilities = {
	.struct_size = sizeof capabilities,
	.read_full = SYNCLINE_NATIVE,
	.get = SYNCLINE_NATIVE,
	.create = SYNCLINE_NATIVE,
	.update = SYNCLINE_NATIVE,
	.remove = SYNCLINE_NATIVE,
	.partial_update = SYNCLINE_NATIVE,
	.upsert = SYNCLINE_NATIVE, /* creating again changes the line that is there */
};

static const struct syncline_connector connector = {
	.struct_size = sizeof connector,
	.abi_major = SYNCLINE_ABI_MAJOR,
	.abi_minor = SYNCLINE_ABI_MINOR,
	.name = "greetings",
	.version = "1.0",
	.summary = "Lines of a text file",
	.vendor = "Your name",
	.licence = "BSD-2-Clause",
	.params = params,
	.param_count = sizeof params / sizeof *params,
	.parts = parts,
	.part_count = sizeof parts / sizeof *parts,
	.capabilities = &capabilities,
	.open = open_instance,
	.close = close_instance,
};

const struct syncline_connector *
syncline_connector(void)
{
	return &connector;
}
