/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsonl.h: what the files of this connector share.
 *
 *     connector.c  the descriptor, opening and closing
 *     json.c       one line taken apart
 *     files.c      which files an object has, which are complete, how far a read has come in them
 *     lines.c      lines of a file as records, a batch's worth at a time
 *     read.c       source/1
 *     look.c       get, find/1, count/1, discover/1, check/1: by going through the lines
 *     render.c     records as lines
 *     write.c      sink/1: files that appear whole, each attempt in one of them
 */
#ifndef PLUGIN_JSONL_H
#define PLUGIN_JSONL_H

#include <limits.h>
#include <sys/types.h>
#include <syncline/helper.h>

#include "json.h"

#define LINES_MAX 1000u
#define LINE_BYTES_MAX (4u * 1024u * 1024u)

struct collect; /* write.c */

struct instance {
	const struct syncline_host *host;
	const struct syncline_log_service_v1 *log;
	const struct syncline_batch_service_v1 *batch;
	const struct syncline_clock_service_v1 *clock;
	const struct syncline_settings *settings;
	struct syncline_journal *journal; /* of the folder that is written to; NULL: not yet */
	struct collect *collects;
	uint64_t files_made;
};

/* An object's settings, looked up in its own scope and the system's. */
const char *setting(const struct instance *c, const struct syncline_object *object, const char *name, const char *otherwise);
/* Opens a folder that a setting names. */
uint32_t folder_open(const char *path, const char *name, int *ret_folder, struct syncline_error *err);

/* files.c */
struct file {
	char *name;
	uint64_t identity; /* name, size, time and inode: another content is another file */
	off_t size;
	int archived;
};
struct files {
	int folder;
	int archive; /* open, or -1: it was not looked at */
	char *directory;
	struct file *items; /* in the order of their names */
	size_t count;
	size_t unfinished; /* more match but are still being written */
};
/* archive: those that were read and put away as well, where the object gives changes and has an archive. */
uint32_t files_find(struct instance *c, const struct syncline_object *object, int archive, struct files *ret_files, struct syncline_error *err);
int file_folder(const struct files *files, const struct file *file); /* that it lies in */
void files_free(struct files *files);
/* How long a file must have rested to count as complete; 0: that does not tell. */
int64_t files_rest_ms(const struct instance *c, const struct syncline_object *object);

/* How far a read has come: files that are done, and the place in the one that isn't. */
#define DONE_MAX 3500u
struct position {
	uint64_t current; /* identity, 0: none */
	uint64_t offset, line;
	uint64_t *done;
	size_t done_count;
	int archive;             /* everything is being read, with the archive: its files up to `last` are done */
	char last[NAME_MAX + 1]; /* "": none */
};
uint32_t position_write(const struct position *position, struct syncline_buffer *ret_bytes, struct syncline_error *err);
uint32_t position_read(const struct syncline_slice *bytes, struct position *ret_position, struct syncline_error *err);
int position_is_done(const struct position *position, uint64_t identity);
uint32_t position_add(struct position *position, uint64_t identity, struct syncline_error *err);
void position_free(struct position *position);

/* lines.c */
struct name_table { /* the fields of a batch */
	char *names[SYNCLINE_FIELDS_MAX];
	uint32_t lengths[SYNCLINE_FIELDS_MAX];
	uint32_t stamps[SYNCLINE_FIELDS_MAX]; /* the line that had it last */
	uint32_t count;
	uint32_t kept; /* of the contract: these stay from batch to batch */
	uint32_t slots[16384]; /* index + 1 */
};
struct cell { /* a member of a line */
	uint32_t field;
	enum json_kind kind;
	uint32_t length;
	int64_t integer;
	const char *data;
};
struct line {
	uint64_t number, end; /* the byte behind it in the file */
	uint32_t first, count; /* in lines.cells */
	const char *fault;
	size_t fault_at;
	int broken;
	uint32_t fault_field; /* duplicate: UINT32_MAX: none */
};
struct shape { /* what the object's configuration says about records; a copy */
	char **keys;
	uint32_t key_count;
	char *tenant, *version;
	uint8_t *types; /* of the contract's fields, which come first in the table */
};
struct lines {
	struct instance *c;
	struct shape shape;
	struct name_table *table;
	struct json_line json;
	int fd;
	uint64_t offset;      /* in the file, of text[begin] */
	uint64_t number;      /* of lines before it */
	int at_end;           /* nothing more to read from fd */
	int too_long;         /* the rest of a line that was too long is skipped */
	char *text;
	size_t begin, filled, capacity;
	struct line line[LINES_MAX];
	uint32_t line_count;
	struct cell *cells;
	size_t cell_count, cell_room;
	uint32_t stamp;
	struct syncline_value *values;
	struct syncline_buffer id, note, numbers, tenant, version;
};
uint32_t lines_init(struct lines *lines, struct instance *c, const struct syncline_object *object, struct syncline_error *err);
void lines_free(struct lines *lines);
/* The lines of this descriptor, which stays the caller's, from a byte on that has `number` lines before it. */
void lines_start(struct lines *lines, int fd, uint64_t offset, uint64_t number);
/*
 * Loads up to a batch's worth of lines; lines->line_count is 0 at the file's end.  keep_names: fields are added to those of
 * the call before, for a batch over several of them.
 */
uint32_t lines_load(struct lines *lines, const struct syncline_call *call, int keep_names, struct syncline_error *err);
uint32_t lines_set_fields(struct lines *lines, struct syncline_batch *batch, const char *directory, const char *file, struct syncline_error *err);
/* The record of a loaded line, valid until the next call. */
uint32_t lines_record(struct lines *lines, uint32_t at, struct syncline_record *ret_record, struct syncline_error *err);
uint32_t lines_add(struct lines *lines, struct syncline_batch *batch, struct syncline_record *record, struct syncline_error *err);

/* read.c, look.c, write.c */
extern const struct syncline_source_v1 source_part;
extern const struct syncline_sink_v1 sink_part;
extern const struct syncline_find_v1 find_part;
extern const struct syncline_count_v1 count_part;
extern const struct syncline_discover_v1 discover_part;
extern const struct syncline_check_v1 check_part;
uint32_t look_get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *native_ids,
                  uint32_t count, struct syncline_batch *batch, struct syncline_error *err);
void collects_free(struct instance *c);

/* render.c */
enum step_kind { STEP_FIELD, STEP_OPEN, STEP_CLOSE };
struct step {
	enum step_kind kind;
	char *literal; /* "name": with quotes, escaped */
	size_t literal_length;
	uint32_t field;
	uint32_t end; /* OPEN: its CLOSE */
};
struct render {
	struct step *steps;
	uint32_t step_count;
	int decimals_as_text;
	char *op_literal; /* NULL: the operation isn't written */
	size_t op_length;
};
#define RENDER_KEYS_MAX 32u
/* Fields: those of the batch, and behind them the members of the key that are not among those, in the key's order. */
uint32_t render_init(struct render *render, struct instance *c, const struct syncline_object *object, struct syncline_batch *batch,
                     struct syncline_error *err);
void render_free(struct render *render);
/*
 * Appends one line; returns NULL, or why the record can't be a line (the buffer is as before then): render_no_memory itself
 * when nothing is wrong with the record.
 */
extern const char render_no_memory[];
const char *render_line(const struct render *render, const struct syncline_value *values, uint32_t count, uint8_t op, struct syncline_buffer *out);

#endif
