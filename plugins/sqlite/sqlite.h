/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sqlite.h: what the files of this connector share.  An instance is one connection to one database file, used by one thread.
 *
 *     connector.c  the descriptor, opening and closing, the connection's limits, errors of SQLite as the contract's
 *     table.c      a table or view as the catalogue describes it, and as the object's configuration uses it
 *     value.c      values from and to columns, native ids
 *     position.c   how far a read has come, as bytes
 *     mark.c       which marks can be compared
 *     rows.c       rows as records
 *     read.c       source/1: full and delta reads
 *     look.c       get, find/1, count/1, digest/1
 *     write.c      sink/1: the transaction and its results
 *     statement.c  sink/1: the statement of one item, cached by the columns that it sets
 *     discover.c   discover/1 and check/1
 */
#ifndef PLUGIN_SQLITE_H
#define PLUGIN_SQLITE_H

#include <sqlite3.h>
#include <syncline/helper.h>

#define KEY_PARTS_MAX 16u
#define MARKS_MAX 8u
#define BATCH_ROWS 1000

/* What SQLite does with a value that is stored in a column (its documentation, "Datatypes", 3.1). */
enum affinity { AFFINITY_BLOB, AFFINITY_TEXT, AFFINITY_NUMERIC, AFFINITY_INTEGER, AFFINITY_REAL };

/* What the declared type promises about the values. */
enum kind { KIND_ANY, KIND_INTEGER, KIND_REAL, KIND_DECIMAL, KIND_BOOLEAN, KIND_TEXT, KIND_BLOB, KIND_DATE, KIND_TIMESTAMP, KIND_JSON };

struct column {
	char *name;
	char *quoted; /* "name", with " doubled */
	char *declared;
	enum affinity affinity;
	enum kind kind;
	int not_null;
	int has_default;
	int generated;
	int primary; /* 1-based place in the primary key, 0: none */
	int unique;  /* alone in a unique index without a condition */
	int indexed; /* first column of an index */
	uint32_t max_length;
	uint16_t scale;
};

/* A column that plays a part in the configuration: index into columns, or ROWID. */
#define NO_COLUMN (-1)
#define ROWID (-2)

struct statement;

struct table {
	struct table *next;
	uint32_t uses; /* the instance's list, and readers */
	uint64_t fingerprint; /* of the configuration that it was made for */
	int64_t schema_version;
	char *name;
	char *quoted;
	char *where; /* the object's condition, or NULL */
	int is_view;
	int is_virtual;
	int without_rowid;
	int strict;
	int has_triggers;
	struct column *columns;
	uint32_t column_count;
	int rowid_alias; /* the INTEGER PRIMARY KEY column or NO_COLUMN */

	int key[KEY_PARTS_MAX];
	uint32_t key_count;
	int key_unique;   /* a unique index covers exactly the key */
	int key_nullable; /* a row may have a null in its key */
	int mark[MARKS_MAX];
	uint32_t mark_count;
	int external, tenant, version; /* columns, or NO_COLUMN */
	int external_unique;           /* 1: on the column alone, 2: together with the tenant's, 0: not */

	struct statement *statements; /* the last used first */
	uint32_t statement_count;
};

struct instance {
	const struct syncline_host *host;
	const struct syncline_log_service_v1 *log;
	const struct syncline_batch_service_v1 *batch;
	const struct syncline_clock_service_v1 *clock;
	const struct syncline_settings *settings;
	const char *path;
	int64_t busy_timeout_ms;
	int read_only;
	sqlite3 *db; /* NULL: not open yet */
	sqlite3_stmt *json; /* json_read()'s second look, or NULL */
	struct table *tables; /* the last used first */
	uint32_t table_count;
	const struct syncline_call *call; /* the running one, for the busy and progress handlers */
	int64_t busy_since_ms;
};

/* connector.c */
uint32_t connection_use(struct instance *c, const struct syncline_call *call, struct syncline_error *err);
void connection_done(struct instance *c); /* ends the call; no transaction outlives it */
/* The class and texts for what SQLite says; `format` tells what was tried.  Sets `applied` to no where that is certain. */
uint32_t connection_fail(struct instance *c, int rc, struct syncline_error *err, const char *format, ...) SYNCLINE_PRINTF(4, 5);
uint32_t connection_prepare(struct instance *c, const char *sql, unsigned flags, sqlite3_stmt **ret_statement, struct syncline_error *err);
/* The same for what a buffer holds; one that could not take all of it is no statement. */
uint32_t connection_prepare_buffer(struct instance *c, struct syncline_buffer *sql, unsigned flags, sqlite3_stmt **ret_statement,
                                   struct syncline_error *err);
/* The first column of the first row, or `otherwise`. */
uint32_t connection_number(struct instance *c, const char *sql, int64_t otherwise, int64_t *ret_number, struct syncline_error *err);
/* A text of a result column, NULL where it is; -1: it is there, but there was no memory for it. */
int connection_text(sqlite3_stmt *statement, int at, const char **ret_text);

/* table.c */
uint32_t table_of(struct instance *c, const struct syncline_object *object, struct table **ret_table, struct syncline_error *err);
struct table *table_keep(struct table *table);
void table_free(struct table *table); /* gives one use back; accepts NULL */
int table_column(const struct table *table, const char *name, size_t length);
const char *table_column_sql(const struct table *table, int column); /* its quoted name, or rowid */
const char *table_column_name(const struct table *table, int column);
enum affinity table_affinity(const struct table *table, int column);
void append_quoted(struct syncline_buffer *sql, const char *name);
/* `key = ?` of all parts, joined by AND, with parameters from `first` on. */
void append_key_match(struct syncline_buffer *sql, const struct table *table, int first);
/* `joiner (…)` with the object's condition, if there is one; returns what joins the next condition. */
const char *append_where(struct syncline_buffer *sql, const struct table *table, const char *joiner);

/* value.c */
/* What the functions below say where the value is good and only memory was missing: compare the pointer. */
extern const char no_memory[];
/* Room for one row's numbers as text, so that they do not move while it is put together. */
struct scratch {
	char *data;
	size_t used;
	size_t capacity;
};
int scratch_init(struct scratch *scratch, uint32_t values);
/*
 * The value of a result column, its text in the statement's row or in `scratch`.  is_json: SQLite found it valid.
 * Returns NULL, no_memory, or why it can't be taken.
 */
const char *value_read(sqlite3_stmt *statement, int at, enum kind kind, int is_json, struct scratch *scratch, struct syncline_value *ret_value);
/*
 * Whether the text at `at` is JSON, from json_valid() of it in the column behind.  Some releases of SQLite answer that with no
 * when memory is missing: a no is looked at twice.  Returns NULL or no_memory.
 */
const char *json_read(struct instance *c, sqlite3_stmt *statement, int at, int *ret_is_json);
/* Binds a value for a column (NULL: the rowid); returns NULL, no_memory, or why the column can't take it without changing it. */
const char *value_bind(sqlite3_stmt *statement, int parameter, const struct column *column, const struct syncline_value *value, int iso_times);
/* Appends the native id of the key's parts at result columns first, first + 1 …; returns NULL, no_memory, or why there is none. */
const char *key_read(const struct instance *c, sqlite3_stmt *statement, int first, uint32_t count, struct syncline_buffer *buffer);
/* Binds the parts of a native id; SYNCLINE_NOT_FOUND, without words, when it has another number of parts. */
uint32_t key_bind(const struct instance *c, sqlite3_stmt *statement, int first, const struct table *table, const void *native_id, size_t length,
                  struct syncline_buffer *buffer, struct syncline_error *err);
/* Shortest text that reads back as the same number, without an exponent; 0 when it isn't finite. */
#define REAL_TEXT_MAX 384u
size_t real_text(double number, char *buffer);

/* A value of SQLite's own that outlives its row: a mark, a part of a key. */
struct cell {
	int type; /* SQLITE_INTEGER … SQLITE_NULL */
	int64_t integer;
	double real;
	char *data;
	size_t length;
};
int cell_read(sqlite3_stmt *statement, int at, struct cell *cell); /* frees what was in it; -1: no memory */
int cell_copy(struct cell *to, const struct cell *from);
int cell_bind(sqlite3_stmt *statement, int parameter, const struct cell *cell); /* a result code of SQLite */
void cell_free(struct cell *cell);

/* position.c */
#define POSITION_FULL 'f'  /* a full read has come to `key`; what changed since it began has a mark of at least `mark` */
#define POSITION_DELTA 'd' /* a delta read has come to (mark, key); without a key all up to mark was read */
#define POSITION_END 'e'   /* a full read ended, and there is no mark to go on from */
struct position {
	char kind;
	int has_mark;
	struct cell mark;
	uint32_t key_count; /* 0: none */
	struct cell key[KEY_PARTS_MAX];
};
uint32_t position_write(const struct position *position, const struct table *table, struct syncline_buffer *ret_bytes,
                        struct syncline_error *err);
/* Refuses bytes that this connector didn't make, and those of another configuration. */
uint32_t position_read(const struct syncline_slice *bytes, const struct table *table, struct position *ret_position, struct syncline_error *err);
int position_copy(struct position *to, const struct position *from);
void position_free(struct position *position);

/* mark.c: the forms of marks; those of one form can be compared. */
enum { MARK_NONE, MARK_NUMBER, MARK_DATE, MARK_BLANK, MARK_T, MARK_DIGITS };
int mark_form(const struct cell *cell);
int mark_fits(int form, int wanted); /* a mark of this form among those of that one */
int mark_functions(sqlite3 *db);     /* a result code of SQLite */

/*
 * rows.c: what a SELECT of ours returns, as records.  The list of result columns is: the rowid, the key's parts, the tenant and
 * the version where configured, then the fields, with json_valid(field) behind each field that is declared as JSON.
 */
struct rows {
	struct instance *c;
	const struct table *table;
	const int *columns; /* the fields */
	uint32_t column_count;
	struct syncline_value *values; /* one row's */
	struct scratch scratch;
	struct syncline_buffer id, tenant, version, note;
};
uint32_t rows_init(struct rows *rows, struct instance *c, const struct table *table, const int *columns, uint32_t count, struct syncline_error *err);
void rows_free(struct rows *rows);
void rows_select(const struct rows *rows, struct syncline_buffer *sql);
/* The record of the current row, whose result columns begin at `first`; valid until the next call.  Fails for want of memory alone. */
uint32_t rows_record(struct rows *rows, sqlite3_stmt *statement, int first, struct syncline_record *ret_record, struct syncline_error *err);
/* Adds it; what the batch does not take becomes a reject. */
uint32_t rows_add(struct rows *rows, struct syncline_batch *batch, struct syncline_record *record, struct syncline_error *err);
uint32_t rows_set_fields(struct rows *rows, struct syncline_batch *batch, struct syncline_error *err);
struct syncline_field column_field(const struct table *table, uint32_t column);

/* read.c */
extern const struct syncline_source_v1 source_part;

/* look.c */
uint32_t look_get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *native_ids,
                  uint32_t count, struct syncline_batch *batch, struct syncline_error *err);
extern const struct syncline_find_v1 find_part;
extern const struct syncline_count_v1 count_part;
extern const struct syncline_digest_v1 digest_part;

/* statement.c */
struct plan { /* how the fields of a batch meet the columns of a table */
	struct instance *c;
	struct table *table;
	const struct syncline_object *object;
	uint32_t field_count;
	int *columns;            /* per field */
	uint32_t *field_of;      /* per column, UINT32_MAX: not in the batch */
	uint32_t external_field; /* UINT32_MAX: none */
	uint8_t *mask;           /* per column: this item sets it */
	int iso_times, count_version;
	struct syncline_buffer key;
};
#define STATEMENT_SELECT 100 /* beside SYNCLINE_OP_CREATE … DELETE */
struct statement {
	struct statement *next;
	int op;
	int conditional; /* of a create: it returns its row in any case */
	int by_rowid;    /* a create that returns nothing: the new row's id is its key */
	uint8_t *mask;
	uint32_t set_count;
	uint32_t *set; /* columns in the order of the parameters ?1 … */
	int key_parameter, version_parameter; /* the first of the key's; 0: none */
	/* Result columns: the key's parts, the version, then each set column that isn't kept, with json_valid behind JSON. */
	sqlite3_stmt *s;
};
/* The statement for an operation that sets the columns of plan->mask, kept for the next time. */
uint32_t statement_for(struct plan *plan, int op, int conditional, struct statement **ret_statement, struct syncline_error *err);
void statements_free(struct table *table);
/* A text in this column is stored as it was sent: asking for it back would only take time. */
int statement_keeps(const struct statement *statement, const struct table *table, uint32_t column);
/* Has the row anything to tell beside its key? */
int statement_wants_row(const struct statement *statement, const struct table *table);

/* write.c */
extern const struct syncline_sink_v1 sink_part;

/* discover.c */
extern const struct syncline_discover_v1 discover_part;
extern const struct syncline_check_v1 check_part;

#endif
