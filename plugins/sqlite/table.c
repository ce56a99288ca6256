/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c: a table or view as the database's catalogue describes it, and as the object's configuration uses it.  Kept per
 * instance until the catalogue changes.  Every name that goes into a statement comes from the catalogue and is quoted here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

#define TABLES_MAX 64u

void
append_quoted(struct syncline_buffer *sql, const char *name)
{
	syncline_buffer_char(sql, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			syncline_buffer_char(sql, '"');
		syncline_buffer_char(sql, *name);
	}
	syncline_buffer_char(sql, '"');
}

static char *
quoted(const char *name)
{
	struct syncline_buffer b;
	const char *text;
	char *copy;

	syncline_buffer_init(&b, 0);
	append_quoted(&b, name);
	text = syncline_buffer_string(&b);
	copy = text != NULL && !b.failed ? strdup(text) : NULL;
	syncline_buffer_free(&b);
	return copy;
}

void
table_free(struct table *t)
{
	if (t == NULL || --t->uses > 0)
		return;
	statements_free(t);
	for (uint32_t i = 0; i < t->column_count; i++) {
		free(t->columns[i].name);
		free(t->columns[i].quoted);
		free(t->columns[i].declared);
	}
	free(t->columns);
	free(t->name);
	free(t->quoted);
	free(t->where);
	free(t);
}

struct table *
table_keep(struct table *t)
{
	t->uses++;
	return t;
}

int
table_column(const struct table *t, const char *name, size_t length)
{
	for (uint32_t i = 0; i < t->column_count; i++)
		if (strlen(t->columns[i].name) == length && sqlite3_strnicmp(t->columns[i].name, name, (int)length) == 0)
			return (int)i;
	return NO_COLUMN;
}

const char *
table_column_sql(const struct table *t, int column)
{
	return column == ROWID ? "rowid" : t->columns[column].quoted;
}

const char *
table_column_name(const struct table *t, int column)
{
	return column == ROWID ? "rowid" : t->columns[column].name;
}

enum affinity
table_affinity(const struct table *t, int column)
{
	return column == ROWID ? AFFINITY_INTEGER : t->columns[column].affinity;
}

/* A text that is compared with a column without affinity never equals a number: there the column is made text. */
void
append_key_match(struct syncline_buffer *sql, const struct table *t, int first)
{
	for (uint32_t i = 0; i < t->key_count; i++) {
		const char *name = table_column_sql(t, t->key[i]);

		syncline_buffer_text(sql, i > 0 ? " AND " : "");
		if (t->is_view || table_affinity(t, t->key[i]) == AFFINITY_BLOB)
			syncline_buffer_format(sql, "CAST(%s AS TEXT) = ?%d", name, first + (int)i);
		else
			syncline_buffer_format(sql, "%s = ?%d", name, first + (int)i);
	}
}

const char *
append_where(struct syncline_buffer *sql, const struct table *t, const char *joiner)
{
	if (t->where == NULL)
		return joiner;
	/* The newline ends a comment. */
	syncline_buffer_format(sql, "%s(%s\n)", joiner, t->where);
	return " AND ";
}

static int
contains(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text != '\0'; text++)
		if (sqlite3_strnicmp(text, word, (int)n) == 0)
			return 1;
	return 0;
}

/* SQLite's own rules, in their order ("Determination Of Column Affinity"). */
static enum affinity
affinity_of(const char *declared, int strict)
{
	if (strict && sqlite3_stricmp(declared, "ANY") == 0)
		return AFFINITY_BLOB;
	if (contains(declared, "INT"))
		return AFFINITY_INTEGER;
	if (contains(declared, "CHAR") || contains(declared, "CLOB") || contains(declared, "TEXT"))
		return AFFINITY_TEXT;
	if (declared[0] == '\0' || contains(declared, "BLOB"))
		return AFFINITY_BLOB;
	if (contains(declared, "REAL") || contains(declared, "FLOA") || contains(declared, "DOUB"))
		return AFFINITY_REAL;
	return AFFINITY_NUMERIC;
}

static enum kind
kind_of(const char *declared)
{
	if (contains(declared, "JSON"))
		return KIND_JSON;
	if (contains(declared, "BOOL"))
		return KIND_BOOLEAN;
	if (contains(declared, "DATETIME") || contains(declared, "TIMESTAMP"))
		return KIND_TIMESTAMP;
	if (contains(declared, "DATE"))
		return KIND_DATE;
	if (contains(declared, "DECIMAL") || contains(declared, "NUMERIC") || contains(declared, "NUMBER") || contains(declared, "MONEY"))
		return KIND_DECIMAL;
	if (contains(declared, "INT"))
		return KIND_INTEGER;
	if (contains(declared, "CHAR") || contains(declared, "CLOB") || contains(declared, "TEXT"))
		return KIND_TEXT;
	if (contains(declared, "BLOB"))
		return KIND_BLOB;
	if (contains(declared, "REAL") || contains(declared, "FLOA") || contains(declared, "DOUB"))
		return KIND_REAL;
	return KIND_ANY;
}

/* VARCHAR(80), DECIMAL(12, 2): what stands in the brackets. */
static void
read_size(struct column *column)
{
	const char *open = strchr(column->declared, '(');
	unsigned first = 0, second = 0;
	int found = open != NULL ? sscanf(open, "( %9u , %9u )", &first, &second) : 0;

	column->scale = SYNCLINE_SCALE_UNKNOWN;
	if (column->kind == KIND_TEXT && found >= 1)
		column->max_length = first;
	else if (column->kind == KIND_DECIMAL && found == 2 && second < 1000)
		column->scale = (uint16_t)second;
	else if (column->kind == KIND_DECIMAL && found == 1)
		column->scale = 0;
}

/* A copy of a text of the catalogue, "" for NULL; NULL without memory. */
static char *
text_of(sqlite3_stmt *s, int at)
{
	const char *text = NULL;

	if (connection_text(s, at, &text) != 0)
		return NULL;
	return strdup(text != NULL ? text : "");
}

static uint32_t
prepare_for(struct instance *c, const char *sql, const char *name, sqlite3_stmt **ret, struct syncline_error *err)
{
	uint32_t result = connection_prepare(c, sql, 0, ret, err);

	if (result == SYNCLINE_OK && sqlite3_bind_text(*ret, 1, name, -1, SQLITE_TRANSIENT) != SQLITE_OK) {
		sqlite3_finalize(*ret);
		*ret = NULL;
		return syncline_fail_memory(err);
	}
	return result;
}

/* What the catalogue's current line says of the table. */
static uint32_t
read_head(struct table *t, sqlite3_stmt *s, struct syncline_error *err)
{
	char *type = text_of(s, 1);

	t->name = text_of(s, 0);
	t->quoted = t->name != NULL ? quoted(t->name) : NULL;
	if (type == NULL || t->quoted == NULL) {
		free(type);
		return syncline_fail_memory(err);
	}
	t->is_view = strcmp(type, "view") == 0;
	t->is_virtual = strcmp(type, "virtual") == 0;
	free(type);
	t->without_rowid = sqlite3_column_int(s, 2);
	t->strict = sqlite3_column_int(s, 3);
	t->has_triggers = sqlite3_column_int(s, 4) > 0;
	return SYNCLINE_OK;
}

/* The catalogue's line about the table; SYNCLINE_NOT_FOUND when there is none. */
static uint32_t
load_head(struct instance *c, struct table *t, const char *native, struct syncline_error *err)
{
	sqlite3_stmt *s;
	uint32_t result = prepare_for(c,
	                              "SELECT l.name, l.type, l.wr, l.strict,"
	                              " (SELECT count(*) FROM sqlite_schema AS m WHERE m.type = 'trigger' AND m.tbl_name = l.name COLLATE NOCASE)"
	                              " FROM pragma_table_list AS l WHERE l.schema = 'main' AND l.name = ?1 COLLATE NOCASE AND l.type <> 'shadow'",
	                              native, &s, err);
	int rc;

	if (result != SYNCLINE_OK)
		return result;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		result = read_head(t, s, err);
	} else if (rc == SQLITE_DONE) {
		result = syncline_fail(err, SYNCLINE_NOT_FOUND, "%s has no table or view \"%s\".", c->path, native);
		syncline_hint(err, "syncline discover lists the tables; native = \"…\" says which one an object is.");
		syncline_applied(err, SYNCLINE_APPLIED_NO);
	} else {
		result = connection_fail(c, rc, err, "The catalogue of %s can't be read", c->path);
	}
	sqlite3_finalize(s);
	return result;
}

static uint32_t
load_column(struct table *t, sqlite3_stmt *s, struct syncline_error *err)
{
	struct column *more, *column;
	int hidden = sqlite3_column_int(s, 5);

	if (hidden == 1)
		return SYNCLINE_OK; /* of a virtual table, not part of its rows */
	more = realloc(t->columns, (t->column_count + 1) * sizeof *more);
	if (more == NULL)
		return syncline_fail_memory(err);
	t->columns = more;
	column = &more[t->column_count++];
	memset(column, 0, sizeof *column);
	column->name = text_of(s, 0);
	column->quoted = column->name != NULL ? quoted(column->name) : NULL;
	column->declared = text_of(s, 1);
	if (column->quoted == NULL || column->declared == NULL)
		return syncline_fail_memory(err);
	if (column->name[0] == '\0' || strlen(column->name) > SYNCLINE_NAME_MAX || !syncline_is_utf8(column->name, strlen(column->name)))
		return syncline_fail(err, SYNCLINE_CONFIG, "The table %s has a column whose name is empty, too long or not UTF-8.", t->name);
	column->not_null = sqlite3_column_int(s, 2);
	column->has_default = sqlite3_column_type(s, 3) != SQLITE_NULL;
	column->primary = sqlite3_column_int(s, 4);
	column->generated = hidden == 2 || hidden == 3;
	column->affinity = affinity_of(column->declared, t->strict);
	column->kind = kind_of(column->declared);
	read_size(column);
	return SYNCLINE_OK;
}

static uint32_t
load_columns(struct instance *c, struct table *t, struct syncline_error *err)
{
	sqlite3_stmt *s = NULL;
	uint32_t result = prepare_for(c, "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)", t->name, &s, err);
	uint32_t primaries = 0;
	int last = NO_COLUMN, rc = SQLITE_DONE;

	while (result == SYNCLINE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
		result = load_column(t, s, err);
	if (result == SYNCLINE_OK && rc != SQLITE_DONE)
		result = connection_fail(c, rc, err, "The columns of %s can't be read", t->name);
	if (result == SYNCLINE_OK && (t->column_count == 0 || t->column_count > SYNCLINE_FIELDS_MAX))
		result = syncline_fail(err, SYNCLINE_CONFIG, "The table %s has %u columns; 1 to 4,096 can be read.", t->name, t->column_count);
	sqlite3_finalize(s);
	for (uint32_t i = 0; i < t->column_count; i++)
		if (t->columns[i].primary > 0) {
			primaries++;
			last = (int)i;
		}
	t->rowid_alias = NO_COLUMN;
	if (primaries == 1 && !t->without_rowid && !t->is_view && sqlite3_stricmp(t->columns[last].declared, "INTEGER") == 0)
		t->rowid_alias = last;
	return result;
}

/* Does this index, of `count` columns, cover exactly these? */
static int
covers(const int *index, uint32_t count, const int *columns, uint32_t column_count)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < column_count; i++)
		for (uint32_t k = 0; k < count; k++)
			if (index[k] == columns[i]) {
				found++;
				break;
			}
	return count == column_count && found == column_count;
}

static void
use_index(struct table *t, const int *columns, uint32_t count, int unique)
{
	int both[2] = { t->external, t->tenant };

	if (count > 0 && columns[0] >= 0)
		t->columns[columns[0]].indexed = 1;
	if (!unique)
		return;
	if (count == 1 && columns[0] >= 0)
		t->columns[columns[0]].unique = 1;
	if (covers(columns, count, t->key, t->key_count))
		t->key_unique = 1;
	if (t->external >= 0 && covers(columns, count, &t->external, 1))
		t->external_unique = 1;
	else if (t->external >= 0 && t->tenant >= 0 && t->external_unique == 0 && covers(columns, count, both, 2))
		t->external_unique = 2;
}

/* The column that a line of an index names. */
static int
index_column(const struct table *t, sqlite3_stmt *s, int *ret_column)
{
	const char *name = NULL;

	if (connection_text(s, 3, &name) != 0)
		return -1;
	*ret_column = name != NULL && sqlite3_column_int(s, 2) >= 0 ? table_column(t, name, strlen(name)) : NO_COLUMN;
	return 0;
}

static uint32_t
load_indexes(struct instance *c, struct table *t, struct syncline_error *err)
{
	sqlite3_stmt *s;
	uint32_t result, count = 0;
	int columns[64], rc, unique = 0;
	char *name = NULL, *next;

	/* The primary key may have no index of its own (INTEGER PRIMARY KEY), or be the table itself. */
	for (uint32_t i = 0; i < t->column_count; i++)
		if (t->columns[i].primary > 0 && count < 64)
			columns[count++] = (int)i;
	if (count > 0 && !t->is_view && !t->is_virtual)
		use_index(t, columns, count, 1);
	if (t->key_count == 1 && t->key[0] == ROWID)
		t->key_unique = 1;
	result = prepare_for(c,
	                     "SELECT l.name, l.\"unique\" AND NOT l.partial, i.cid, i.name FROM pragma_index_list(?1) AS l,"
	                     " pragma_index_info(l.name) AS i ORDER BY l.name, i.seqno", t->name, &s, err);
	if (result != SYNCLINE_OK)
		return result;
	count = 0;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		int column;

		next = text_of(s, 0);
		if (next == NULL || index_column(t, s, &column) != 0) {
			free(next);
			result = syncline_fail_memory(err);
			break;
		}
		if (name == NULL || strcmp(name, next) != 0) {
			if (count > 0)
				use_index(t, columns, count, unique);
			count = 0;
		}
		free(name);
		name = next;
		unique = sqlite3_column_int(s, 1);
		if (count < 64)
			columns[count++] = column;
	}
	if (count > 0)
		use_index(t, columns, count, unique);
	free(name);
	if (result == SYNCLINE_OK && rc != SQLITE_DONE)
		result = connection_fail(c, rc, err, "The indexes of %s can't be read", t->name);
	sqlite3_finalize(s);
	return result;
}

static uint32_t
column_of_setting(const struct table *t, const struct syncline_object *object, const char *what, const char *name, int *ret_column,
                  struct syncline_error *err)
{
	if (name == NULL) {
		*ret_column = NO_COLUMN;
		return SYNCLINE_OK;
	}
	*ret_column = table_column(t, name, strlen(name));
	if (*ret_column != NO_COLUMN)
		return SYNCLINE_OK;
	if (!t->without_rowid && !t->is_view && sqlite3_stricmp(name, "rowid") == 0) {
		*ret_column = ROWID;
		return SYNCLINE_OK;
	}
	syncline_fail(err, SYNCLINE_CONFIG, "The %s of object %s is \"%s\", but %s has no such column.", what, object->alias, name, t->name);
	syncline_hint(err, "syncline discover lists the columns of %s.", t->name);
	syncline_applied(err, SYNCLINE_APPLIED_NO);
	return SYNCLINE_CONFIG;
}

/* No key was configured: the primary key, else the rowid. */
static uint32_t
own_key(struct table *t, const struct syncline_object *object, struct syncline_error *err)
{
	for (int place = 1; place <= (int)KEY_PARTS_MAX; place++)
		for (uint32_t i = 0; i < t->column_count; i++)
			if (t->columns[i].primary == place)
				t->key[t->key_count++] = (int)i;
	if (t->key_count > 0)
		return SYNCLINE_OK;
	if (!t->is_view && !t->without_rowid) {
		t->key[t->key_count++] = ROWID;
		return SYNCLINE_OK;
	}
	syncline_fail(err, SYNCLINE_CONFIG, "The view %s has no key of its own, so its rows have no native id.", t->name);
	syncline_hint(err, "Name the columns that tell its rows apart: key = [ \"…\" ] in object %s.", object->alias);
	return SYNCLINE_CONFIG;
}

static uint32_t
use_object(struct table *t, const struct syncline_object *object, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_OK;

	if (object->key_count > KEY_PARTS_MAX || object->mark_count > MARKS_MAX)
		return syncline_fail(err, SYNCLINE_CONFIG, "Object %s has more than 16 key columns or 8 mark columns.", object->alias);
	for (uint32_t i = 0; i < object->key_count && result == SYNCLINE_OK; i++, t->key_count++)
		result = column_of_setting(t, object, "key", object->key[i], &t->key[i], err);
	if (result == SYNCLINE_OK && t->key_count == 0)
		result = own_key(t, object, err);
	for (uint32_t i = 0; i < object->mark_count && result == SYNCLINE_OK; i++, t->mark_count++)
		result = column_of_setting(t, object, "mark", object->mark[i], &t->mark[i], err);
	if (result == SYNCLINE_OK)
		result = column_of_setting(t, object, "external_key", object->external_key, &t->external, err);
	if (result == SYNCLINE_OK)
		result = column_of_setting(t, object, "tenant", object->tenant, &t->tenant, err);
	if (result == SYNCLINE_OK)
		result = column_of_setting(t, object, "version", object->version, &t->version, err);
	for (uint32_t i = 0; i < t->key_count && result == SYNCLINE_OK; i++)
		if (t->key[i] >= 0 && !t->columns[t->key[i]].not_null && t->key[i] != t->rowid_alias)
			t->key_nullable = 1;
	return result;
}

/* FNV-1a over everything in the configuration that a table depends on. */
static uint64_t
add_text(uint64_t hash, const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (hash ^ (text != NULL ? 0x100u : 0x101u)) * UINT64_C(1099511628211);
}

static uint64_t
fingerprint_of(const struct syncline_object *object)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	hash = add_text(hash, object->native);
	for (uint32_t i = 0; i < object->key_count; i++)
		hash = add_text(hash, object->key[i]);
	hash = add_text(hash, "marks");
	for (uint32_t i = 0; i < object->mark_count; i++)
		hash = add_text(hash, object->mark[i]);
	hash = add_text(hash, object->external_key);
	hash = add_text(hash, object->tenant);
	hash = add_text(hash, object->version);
	return add_text(hash, syncline_setting_text(object->settings, NULL, "where", ""));
}

static uint32_t
load(struct instance *c, const struct syncline_object *object, struct table *t, struct syncline_error *err)
{
	const char *where = syncline_setting_text(object->settings, NULL, "where", "");
	uint32_t result;

	if (where[0] != '\0' && (t->where = strdup(where)) == NULL)
		return syncline_fail_memory(err);
	t->external = t->tenant = t->version = NO_COLUMN;
	result = load_head(c, t, object->native, err);
	if (result == SYNCLINE_OK)
		result = load_columns(c, t, err);
	if (result == SYNCLINE_OK)
		result = use_object(t, object, err);
	if (result == SYNCLINE_OK)
		result = load_indexes(c, t, err);
	return result;
}

/* Takes the one that was used longest ago away when there are many. */
static void
make_room(struct instance *c)
{
	struct table **at = &c->tables;

	if (c->table_count < TABLES_MAX)
		return;
	while ((*at)->next != NULL)
		at = &(*at)->next;
	statements_free(*at);
	table_free(*at);
	*at = NULL;
	c->table_count--;
}

uint32_t
table_of(struct instance *c, const struct syncline_object *object, struct table **ret_table, struct syncline_error *err)
{
	uint64_t fingerprint = fingerprint_of(object);
	struct table *t;
	int64_t version;
	uint32_t result = connection_number(c, "PRAGMA main.schema_version", 0, &version, err);

	if (result != SYNCLINE_OK)
		return result;
	for (struct table **at = &c->tables; *at != NULL; at = &(*at)->next) {
		t = *at;
		if (t->fingerprint != fingerprint)
			continue;
		*at = t->next;
		if (t->schema_version == version) {
			t->next = c->tables;
			c->tables = t;
			*ret_table = t;
			return SYNCLINE_OK;
		}
		statements_free(t);
		table_free(t);
		c->table_count--;
		break;
	}
	t = calloc(1, sizeof *t);
	if (t == NULL)
		return syncline_fail_memory(err);
	t->uses = 1;
	t->fingerprint = fingerprint;
	t->schema_version = version;
	result = load(c, object, t, err);
	if (result != SYNCLINE_OK) {
		table_free(t);
		return result;
	}
	make_room(c);
	t->next = c->tables;
	c->tables = t;
	c->table_count++;
	*ret_table = t;
	return SYNCLINE_OK;
}
