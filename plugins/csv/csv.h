/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * csv.h: what the files of the CSV connector share.  All of it runs on the one thread of the host's calls.
 *
 *     parse.c     bytes -> rows                     settings.c  parameters -> struct csv_object
 *     decode.c    the file's encoding <-> UTF-8     files.c     which files there are, which are complete, archiving
 *     stream.c    a file -> rows with line numbers  position.c  how far a read has come
 *     values.c    text -> typed values and back     table.c     a file -> records (header, keys, rejects)
 *     group.c     rows of one key -> one record     reader.c    source/1
 *     scan.c      get, find, count, digest          sink.c      sink/1
 *     discover.c  discover/1, check/1               content.c   content/1
 */
#ifndef CSV_CSV_H
#define CSV_CSV_H

#include <stdbool.h>
#include <sys/types.h>

#include <syncline/helper.h>

#include "parse.h"

/* What lives as long as one object's settings, one file's header or one call. */
struct csv_pool {
	struct csv_block *first;
};
void *csv_pool_alloc(struct csv_pool *pool, size_t size); /* zeroed, aligned for anything; NULL without memory */
char *csv_pool_copy(struct csv_pool *pool, const void *data, size_t length); /* ended by a NUL of its own */
char *csv_copy(const void *data, size_t length); /* the same with malloc; data need not end with NUL, as strndup() may assume */
void csv_pool_free(struct csv_pool *pool);

struct csv_instance {
	const struct syncline_host *host;
	const struct syncline_settings *settings;
	const struct syncline_log_service_v1 *log;     /* may be NULL */
	const struct syncline_clock_service_v1 *clock; /* may be NULL */
	const struct syncline_batch_service_v1 *batch;
	struct csv_sink *sinks;       /* one per object that was written */
	struct csv_journal *journals; /* one per folder that is written to */
};
int64_t csv_wall_us(const struct csv_instance *instance);
int64_t csv_monotonic_ms(const struct csv_instance *instance);

struct csv_list {
	const char **items;
	uint32_t count;
};

enum csv_files { CSV_FILES_NEWEST, CSV_FILES_ALL };
enum csv_archive { CSV_ARCHIVE_NONE, CSV_ARCHIVE_MOVE, CSV_ARCHIVE_DELETE };

/* An object with all its settings, copied: a reader outlives the call that opened it. */
struct csv_object {
	struct csv_pool pool;
	const struct csv_instance *instance;
	const char *alias, *native, *tenant, *content, *group_into, *external_key;
	struct csv_list key;
	bool full; /* a read gives all records */
	const struct syncline_field *fields;
	uint32_t field_count;

	const char *directory, *import_directory, *archive_directory, *content_directory;
	struct csv_format format; /* newline is found per file */
	const char *encoding;
	bool header, empty_ok, by_time;
	struct csv_list columns;
	uint64_t skip_lines;
	struct syncline_number_format numbers;
	struct csv_list date_formats, timestamp_formats, nulls, trues, falses;
	int64_t utc_offset_us;
	enum csv_files files;
	enum csv_archive archive;
	struct syncline_complete_rule complete;
	size_t row_max, key_memory;

	const char *file_name, *line_end, *op_column, *attempt_column;
	struct csv_list import_columns, op_values;
	bool per_run, quote_all, bom;
	int64_t retention_us;
};
uint32_t csv_object_new(const struct csv_instance *instance, const struct syncline_object *object, struct csv_object **ret_object,
                        struct syncline_error *err);
void csv_object_free(struct csv_object *object);

/*
 * decode.c.  A decoder turns bytes into UTF-8; what it can't read becomes the byte 0xff, which no text holds, so that the
 * row is a reject and not the file.  An encoder refuses what the encoding lacks.
 */
struct csv_codec;
uint32_t csv_codec_new(const char *encoding, bool encode, struct csv_codec **ret_codec, struct syncline_error *err);
void csv_codec_free(struct csv_codec *codec);
bool csv_codec_is_utf8(const struct csv_codec *codec);
void csv_codec_reset(struct csv_codec *codec);
/* Takes bytes from `in` and appends UTF-8 to `out` up to capacity; advances both.  last: no more bytes will come. */
void csv_decode(struct csv_codec *codec, const char **in, size_t *in_left, char **out, size_t *out_left, bool last);
/* -1: a character can't be written in this encoding (*ret_at says which byte of `text`), or no memory (*ret_at == length). */
int csv_encode(struct csv_codec *codec, const char *text, size_t length, struct syncline_buffer *out, size_t *ret_at);
/* -1: the encoding has no byte-order mark. */
int csv_codec_bom(struct csv_codec *codec, struct syncline_buffer *out);

/* stream.c: one file as rows.  Offsets count bytes of UTF-8 after decoding. */
struct csv_stream;
struct csv_name; /* below */
struct csv_stream_row {
	struct csv_row row;
	char *text;      /* the row's bytes */
	uint64_t line;   /* its first physical line, from 1 */
};
uint32_t csv_stream_open(const struct csv_object *object, int folder, const char *name, struct csv_stream **ret_stream,
                         struct syncline_error *err);
void csv_stream_close(struct csv_stream *stream);
/* ret_end: there are no more rows.  Pointers in the row are valid until the next call. */
uint32_t csv_stream_next(struct csv_stream *stream, const struct syncline_call *call, struct csv_stream_row *ret_row, bool *ret_end,
                         struct syncline_error *err);
/* Ends the row that was given last. */
void csv_stream_tell(struct csv_stream *stream, uint64_t *ret_offset, uint64_t *ret_line);
uint32_t csv_stream_seek(struct csv_stream *stream, const struct syncline_call *call, uint64_t offset, uint64_t line, struct syncline_error *err);
uint64_t csv_stream_size(const struct csv_stream *stream); /* bytes of the file */
/* CSV files that change while they are read were not complete: SYNCLINE_RETRY. */
uint32_t csv_stream_unchanged(const struct csv_stream *stream, struct syncline_error *err);

/* values.c.  -1: it can't be read exactly.  `scratch` holds what had to be rewritten, until it is cleared. */
int csv_value_read(const struct csv_object *object, uint8_t type, const char *data, size_t length, struct syncline_buffer *scratch,
                   struct syncline_value *ret_value);
bool csv_is_null(const struct csv_object *object, const char *data, size_t length);
/* As the object's settings write it; -1 when it can't be written. */
int csv_value_write(const struct csv_object *object, const struct syncline_value *value, struct syncline_buffer *out);
/* As JSON, with its own digits. */
int csv_value_json(const struct syncline_value *value, struct syncline_buffer *out);
const char *csv_type_words(uint8_t type); /* "a decimal number" */

/* files.c */
struct csv_file {
	char *name;
	int64_t size, modified_us;
	uint64_t identity; /* of name, size, time and inode: the file that was read, and no other */
	bool archived;
	size_t base;       /* of the name: bytes without the number that told it from another file in the archive */
	uint64_t number;
};
struct csv_files_found {
	struct csv_file *items; /* in the object's order */
	size_t count;
	size_t unfinished; /* more match, but are still being written */
	int folder;        /* open */
	int archive;       /* open, or -1: the archive was not looked at */
	bool by_time;      /* whatever the object says */
};
uint32_t csv_folder_open(const char *path, const char *setting, int *ret_folder, struct syncline_error *err);
/*
 * Where files are looked for.  Those of the archive stand in the order of the object, or by time when a name came there again, so
 * that names don't tell which is newer; a read that goes on has to have them in the order in which it began.
 */
enum csv_look { CSV_LOOK_FOLDER, CSV_LOOK_ARCHIVE, CSV_LOOK_BY_NAME, CSV_LOOK_BY_TIME };
/* wait: files that are younger than the pause are waited for. */
uint32_t csv_files_find(const struct csv_object *object, const struct syncline_call *call, bool wait, enum csv_look look,
                        struct csv_files_found *ret_found, struct syncline_error *err);
void csv_files_free(struct csv_files_found *found);
/* The folder that it lies in, open. */
int csv_file_folder(const struct csv_files_found *found, const struct csv_file *file);
/* Does it come behind the archived file of this name and time? */
bool csv_file_is_behind(const struct csv_object *object, const struct csv_files_found *found, const struct csv_file *file, char *name, int64_t modified_us);
int csv_name_order(const char *a, const char *b); /* runs of digits as numbers */
/* <0, 0, >0: a comes before b in the object's order. */
int csv_file_order(const struct csv_object *object, const char *a, int64_t a_us, const char *b, int64_t b_us);
uint32_t csv_file_archive(const struct csv_object *object, int folder, const char *name, struct syncline_error *err);

/* position.c */
struct csv_position {
	uint64_t *done; /* identities of files that are read or superseded */
	size_t count, room;
	char *last;     /* the file read last, of the archive while that is gone through; or NULL */
	int64_t last_us;
	enum csv_look look; /* everything is being read, the archive too, in this order: its files up to `last` are done; else CSV_LOOK_FOLDER */
	uint64_t current, offset, line; /* a file read in part; current 0: none */
};
uint32_t csv_position_read(const struct syncline_slice *bytes, struct csv_position *ret_position, struct syncline_error *err);
int csv_position_write(const struct csv_position *position, struct syncline_buffer *out);
bool csv_position_has(const struct csv_position *position, uint64_t identity);
int csv_position_add(struct csv_position *position, uint64_t identity);
int csv_position_set_last(struct csv_position *position, const char *name, int64_t modified_us);
void csv_position_free(struct csv_position *position);

/* A growing set of 64-bit hashes with a limit (table.c). */
struct csv_set {
	uint64_t *slots;
	size_t count, room, max; /* max: slots */
};
/* 1: new, 0: was there, -1: no room. */
int csv_set_add(struct csv_set *set, uint64_t hash);
bool csv_set_has(const struct csv_set *set, uint64_t hash);
void csv_set_free(struct csv_set *set);

/*
 * table.c: one file as records.  Rows that share a key are put together when the object says so.
 */
struct csv_table;
struct csv_table_stats {
	uint64_t records, rejects, keyless; /* keyless: rejects without a native id */
};
uint32_t csv_table_open(const struct csv_object *object, const struct syncline_call *call, int folder, const char *name,
                        struct csv_table **ret_table, struct syncline_error *err);
void csv_table_close(struct csv_table *table);
const struct syncline_field *csv_table_fields(const struct csv_table *table, uint32_t *ret_count);
/* The next record, a reject included; NULL at the end.  Valid until the next call. */
uint32_t csv_table_next(struct csv_table *table, const struct syncline_call *call, const struct syncline_record **ret_record,
                        struct syncline_error *err);
/* A place from which reading can go on behind the record that was given last. */
void csv_table_tell(struct csv_table *table, uint64_t *ret_offset, uint64_t *ret_line);
uint32_t csv_table_seek(struct csv_table *table, const struct syncline_call *call, uint64_t offset, uint64_t line, struct syncline_error *err);
const struct csv_table_stats *csv_table_stats(const struct csv_table *table);
struct csv_stream *csv_table_stream(const struct csv_table *table);
/* The record could not be added to a batch: it as a reject with that reason. */
const struct syncline_record *csv_table_refused(struct csv_table *table, const struct syncline_record *record, const char *why);

/* table.c and group.c share: see table.h */

/*
 * content.c: what tells that a document became another one, without reading it; -1: it isn't there.  *folder: -1, or as it was left by
 * the last call; the caller closes it.
 */
int csv_document_version(const struct csv_object *object, int *folder, const struct syncline_value *reference, char *text, size_t size);

extern const struct syncline_source_v1 csv_source;
extern const struct syncline_sink_v1 csv_sink;
extern const struct syncline_find_v1 csv_find;
extern const struct syncline_count_v1 csv_count;
extern const struct syncline_digest_v1 csv_digest;
extern const struct syncline_discover_v1 csv_discover;
extern const struct syncline_content_v1 csv_content;
extern const struct syncline_check_v1 csv_check;
uint32_t csv_source_get(void *instance, const struct syncline_call *call, const struct syncline_object *object,
                        const struct syncline_slice *native_ids, uint32_t count, struct syncline_batch *batch, struct syncline_error *err);
void csv_sinks_free(struct csv_instance *instance);

#endif
