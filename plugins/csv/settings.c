/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.c: an object with all parameters (csv.c) resolved and copied.  What the schema can't check is checked here.
 */
#include <stdlib.h>

#include "csv.h"

struct csv_block {
	struct csv_block *next;
};

void *
csv_pool_alloc(struct csv_pool *pool, size_t size)
{
	size_t head = (sizeof(struct csv_block) + 15) / 16 * 16;
	struct csv_block *block = size < SIZE_MAX - head ? calloc(1, head + size) : NULL;

	if (block == NULL)
		return NULL;
	block->next = pool->first;
	pool->first = block;
	return (char *)block + head;
}

char *
csv_copy(const void *data, size_t length)
{
	char *copy = malloc(length + 1);

	if (copy == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, data, length);
	copy[length] = '\0';
	return copy;
}

char *
csv_pool_copy(struct csv_pool *pool, const void *data, size_t length)
{
	char *copy = csv_pool_alloc(pool, length + 1);

	if (copy != NULL && length > 0)
		memcpy(copy, data, length);
	return copy;
}

void
csv_pool_free(struct csv_pool *pool)
{
	while (pool->first != NULL) {
		struct csv_block *next = pool->first->next;

		free(pool->first);
		pool->first = next;
	}
}

struct source {
	struct csv_object *o;
	const struct syncline_settings *object, *system;
	bool failed; /* no memory */
};

static const char *
text(struct source *s, const char *name)
{
	const char *found = syncline_setting_text(s->object, s->system, name, NULL);

	if (found == NULL)
		return NULL;
	found = csv_pool_copy(&s->o->pool, found, strlen(found));
	s->failed |= found == NULL;
	return found;
}

static const char *
text_or(struct source *s, const char *name, const char *otherwise)
{
	const char *found = text(s, name);

	return found != NULL ? found : otherwise;
}

static const char *
copy(struct source *s, const char *from)
{
	char *to;

	if (from == NULL)
		return NULL;
	to = csv_pool_copy(&s->o->pool, from, strlen(from));
	s->failed |= to == NULL;
	return to;
}

static void
copy_list(struct source *s, const char *const *items, uint32_t count, struct csv_list *ret_list)
{
	const char **list = csv_pool_alloc(&s->o->pool, sizeof *list * (count + 1));

	if (list == NULL) {
		s->failed = true;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		list[i] = copy(s, items[i]);
	ret_list->items = list;
	ret_list->count = s->failed ? 0 : count;
}

static void
list(struct source *s, const char *name, struct csv_list *ret_list)
{
	uint32_t count = 0;
	const char *const *items = syncline_setting_list(s->object, s->system, name, &count);

	copy_list(s, items, count, ret_list);
}

/* "DD.MM.YYYY|YYYY-MM-DD" */
static void
alternatives(struct source *s, const char *all, struct csv_list *ret_list)
{
	uint32_t count = 1;
	char *at = all != NULL ? csv_pool_copy(&s->o->pool, all, strlen(all)) : NULL;
	const char **items;

	for (const char *p = at; p != NULL && *p != '\0'; p++)
		count += *p == '|';
	items = csv_pool_alloc(&s->o->pool, sizeof *items * (count + 1));
	if (items == NULL || at == NULL) {
		s->failed = true;
		return;
	}
	ret_list->items = items;
	while (at != NULL) {
		items[ret_list->count++] = at;
		if ((at = strchr(at, '|')) != NULL)
			*at++ = '\0';
	}
}

static bool
is(struct source *s, const char *name, const char *choice)
{
	return strcmp(syncline_setting_text(s->object, s->system, name, ""), choice) == 0;
}

/* One byte of ASCII; "\t" in words too. */
static uint32_t
character(struct source *s, const char *name, const char *otherwise, bool may_be_empty, char *ret_char, struct syncline_error *err)
{
	const char *t = text_or(s, name, otherwise);
	uint32_t result;

	if (strcmp(t, "\\t") == 0) {
		*ret_char = '\t';
	} else if ((t[0] == '\0' && may_be_empty) || (t[0] != '\0' && t[1] == '\0' && (unsigned char)t[0] < 0x80 && t[0] != '\n' && t[0] != '\r')) {
		*ret_char = t[0];
	} else {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The setting %s is \"%s\"; it takes one character of ASCII, or \\t.", name, t);
		syncline_hint(err, "Set %s to the character that stands in the file, such as \";\".", name);
		return result;
	}
	return SYNCLINE_OK;
}

static uint32_t
formats(struct source *s, struct syncline_error *err)
{
	struct csv_object *o = s->o;
	uint32_t result;
	int has_time;

	alternatives(s, text_or(s, "date_format", "YYYY-MM-DD"), &o->date_formats);
	alternatives(s, text_or(s, "timestamp_format", "ISO"), &o->timestamp_formats);
	for (uint32_t i = 0; i < o->date_formats.count; i++)
		if (!syncline_pattern_is_valid(o->date_formats.items[i], &has_time)) {
			result = syncline_fail(err, SYNCLINE_CONFIG, "The date_format \"%s\" is not a format of dates.", o->date_formats.items[i]);
			syncline_hint(err, "Use YYYY, MM and DD (M and D for one or two digits), as in DD.MM.YYYY.");
			return result;
		}
	for (uint32_t i = 0; i < o->timestamp_formats.count; i++)
		if (!syncline_pattern_is_valid(o->timestamp_formats.items[i], &has_time)) {
			result = syncline_fail(err, SYNCLINE_CONFIG, "The timestamp_format \"%s\" is not a format of times.", o->timestamp_formats.items[i]);
			syncline_hint(err, "Use YYYY, MM, DD, HH, MI, SS, F and Z, as in \"DD.MM.YYYY HH:MI:SS\", or ISO.");
			return result;
		}
	return SYNCLINE_OK;
}

static uint32_t
offset(struct source *s, struct syncline_error *err)
{
	const char *t = text_or(s, "utc_offset", "+00:00");
	unsigned h, m;
	uint32_t result;

	if (strlen(t) == 6 && (t[0] == '+' || t[0] == '-') && t[3] == ':' && t[1] >= '0' && t[1] <= '1' && t[2] >= '0' && t[2] <= '9' &&
	    t[4] >= '0' && t[4] <= '5' && t[5] >= '0' && t[5] <= '9') {
		h = (unsigned)(t[1] - '0') * 10 + (unsigned)(t[2] - '0');
		m = (unsigned)(t[4] - '0') * 10 + (unsigned)(t[5] - '0');
		s->o->utc_offset_us = (int64_t)(h * 60 + m) * 60000000 * (t[0] == '-' ? -1 : 1);
		return SYNCLINE_OK;
	}
	result = syncline_fail(err, SYNCLINE_CONFIG, "The utc_offset \"%s\" is not an offset.", t);
	syncline_hint(err, "Write it as +01:00 or -05:30.");
	return result;
}

static uint32_t
reading(struct source *s, struct syncline_error *err)
{
	struct csv_object *o = s->o;
	uint32_t result;
	char escape = 0;

	if ((result = character(s, "delimiter", ",", false, &o->format.delimiter, err)) != SYNCLINE_OK ||
	    (result = character(s, "quote", "\"", true, &o->format.quote, err)) != SYNCLINE_OK)
		return result;
	if (is(s, "escape", "backslash"))
		escape = '\\';
	if (o->format.quote != 0 && (o->format.quote == o->format.delimiter || escape == o->format.delimiter || escape == o->format.quote)) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "delimiter, quote and escape are not three different characters.");
		syncline_hint(err, "Look at the file and set what stands between and around its values.");
		return result;
	}
	o->format.escape = o->format.quote != 0 ? escape : 0;
	o->format.newline = '\n';
	o->format.trim = syncline_setting_boolean(s->object, s->system, "trim", 0) != 0;
	o->format.comment = text_or(s, "comment", "");
	o->encoding = text_or(s, "encoding", "UTF-8");
	o->header = syncline_setting_boolean(s->object, s->system, "header", 1) != 0;
	list(s, "columns", &o->columns);
	o->skip_lines = (uint64_t)syncline_setting_integer(s->object, s->system, "skip_lines", 0);
	o->numbers.decimal_mark = text_or(s, "decimal_mark", ".");
	o->numbers.thousands_mark = text_or(s, "thousands_mark", "");
	if (o->numbers.decimal_mark[0] == '\0' || strcmp(o->numbers.decimal_mark, o->numbers.thousands_mark) == 0) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "decimal_mark and thousands_mark are the same, or decimal_mark is empty.");
		syncline_hint(err, "For 1.234,50 set decimal_mark = \",\" and thousands_mark = \".\".");
		return result;
	}
	list(s, "null_if", &o->nulls);
	list(s, "true_if", &o->trues);
	list(s, "false_if", &o->falses);
	o->files = is(s, "files", "all") ? CSV_FILES_ALL : CSV_FILES_NEWEST;
	o->by_time = is(s, "order", "time");
	o->empty_ok = is(s, "empty", "ok");
	o->archive = is(s, "archive", "move") ? CSV_ARCHIVE_MOVE : is(s, "archive", "delete") ? CSV_ARCHIVE_DELETE : CSV_ARCHIVE_NONE;
	o->complete.how = is(s, "complete", "rename") ? SYNCLINE_COMPLETE_RENAME : is(s, "complete", "marker") ? SYNCLINE_COMPLETE_MARKER
	                                                                                                       : SYNCLINE_COMPLETE_STABLE;
	o->complete.pause_ms = (uint32_t)syncline_setting_integer(s->object, s->system, "stable_for", 2000);
	o->complete.marker = text_or(s, "marker", ".done");
	o->row_max = (size_t)syncline_setting_integer(s->object, s->system, "row_max", 1 << 20);
	o->key_memory = (size_t)syncline_setting_integer(s->object, s->system, "key_memory", 8 << 20);
	if ((result = formats(s, err)) != SYNCLINE_OK)
		return result;
	return offset(s, err);
}

static uint32_t
writing(struct source *s, struct syncline_error *err)
{
	struct csv_object *o = s->o;
	uint32_t result;

	o->file_name = text_or(s, "file_name", "{object}_{stamp}.csv");
	o->per_run = is(s, "publish", "run");
	o->quote_all = is(s, "quoting", "always");
	o->line_end = is(s, "line_end", "crlf") ? "\r\n" : "\n";
	o->bom = syncline_setting_boolean(s->object, s->system, "bom", 0) != 0;
	list(s, "import_columns", &o->import_columns);
	o->op_column = text_or(s, "op_column", "");
	list(s, "op_values", &o->op_values);
	o->attempt_column = text_or(s, "attempt_column", "");
	o->retention_us = syncline_setting_integer(s->object, s->system, "remember", 86400000) * 1000;
	if (o->op_column[0] != '\0' && o->op_values.count != 3) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "op_values has %u words; it takes three.", o->op_values.count);
		syncline_hint(err, "Give the words for create, update and delete, in this order.");
		return result;
	}
	if (strchr(o->file_name, '/') != NULL || o->file_name[0] == '.' || o->file_name[0] == '\0' ||
	    (strstr(o->file_name, "{stamp}") == NULL && strstr(o->file_name, "{key}") == NULL)) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The file_name \"%s\" would not give each file a name of its own.", o->file_name);
		syncline_hint(err, "Put {stamp} or {key} into it, as in AUFTRAG_{stamp}.csv, and no folder.");
		return result;
	}
	return SYNCLINE_OK;
}

static void
contract(struct source *s, const struct syncline_object *object)
{
	struct csv_object *o = s->o;
	struct syncline_field *fields = csv_pool_alloc(&o->pool, sizeof *fields * ((size_t)object->field_count + 1));

	if (fields == NULL) {
		s->failed = true;
		return;
	}
	for (uint32_t i = 0; i < object->field_count; i++) {
		SYNCLINE_COPY(&fields[i], syncline_at(object->fields, i));
		fields[i].struct_size = sizeof fields[i];
		fields[i].name = copy(s, fields[i].name);
		fields[i].label = NULL;
	}
	o->fields = fields;
	o->field_count = s->failed ? 0 : object->field_count;
}

uint32_t
csv_object_new(const struct csv_instance *instance, const struct syncline_object *given, struct csv_object **ret_object,
               struct syncline_error *err)
{
	struct syncline_object object;
	struct csv_object *o = calloc(1, sizeof *o);
	struct source s = { .o = o, .system = instance->settings };
	uint32_t result;

	if (o == NULL)
		return syncline_fail_memory(err);
	SYNCLINE_COPY(&object, given);
	s.object = object.settings;
	o->instance = instance;
	o->alias = copy(&s, object.alias != NULL ? object.alias : "");
	o->native = copy(&s, object.native != NULL ? object.native : o->alias);
	o->tenant = copy(&s, object.tenant);
	o->content = copy(&s, object.content);
	o->group_into = copy(&s, object.group_into);
	o->external_key = copy(&s, object.external_key);
	copy_list(&s, object.key, object.key_count, &o->key);
	o->full = object.reads != SYNCLINE_READS_DELTA;
	contract(&s, &object);
	o->directory = text(&s, "directory");
	o->import_directory = text(&s, "import_directory");
	o->archive_directory = text(&s, "archive_directory");
	o->content_directory = text_or(&s, "content_directory", o->directory);
	if ((result = reading(&s, err)) == SYNCLINE_OK)
		result = writing(&s, err);
	if (s.failed)
		result = syncline_fail_memory(err);
	if (result == SYNCLINE_OK && o->archive == CSV_ARCHIVE_MOVE && o->archive_directory == NULL) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "archive = \"move\" needs the setting archive_directory.");
		syncline_hint(err, "Name a folder on the same file system as directory.");
	}
	if (result == SYNCLINE_OK && o->group_into != NULL && o->key.count == 0) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The object %s has group_into but no key.", o->alias);
		syncline_hint(err, "Name the columns that the rows of one record share: key = [ \"ORDERNO\" ].");
	}
	if (result != SYNCLINE_OK)
		csv_object_free(o);
	else
		*ret_object = o;
	return result;
}

void
csv_object_free(struct csv_object *object)
{
	if (object == NULL)
		return;
	csv_pool_free(&object->pool);
	free(object);
}
