/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folder.h: what the files of the folder connector share.
 *
 *     ROOT/OBJECT/2026/4711.pdf            the document
 *     ROOT/OBJECT/2026/4711.pdf.meta.json  its sidecar: fields, hash, our external id, retention
 *     ROOT/OBJECT/2026/4711.pdf.v1         its first content, when versions are kept
 *     ROOT/.syncline/incoming/ID           streams that no record has named yet
 *     ROOT/.syncline/by-id/HASH            the path that an external id was given
 *
 * All runs on the one thread of the instance.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include <sys/stat.h>

#include <json-c/json.h>
#include <sodium.h>
#include <syncline/helper.h>

#define SIDECAR_SUFFIX ".meta.json"
#define SIDECAR_MAX (4u * 1024u * 1024u)
#define PATH_BYTES_MAX 4000u /* "doc:" and the path fit a content reference */
#define DEPTH_MAX 64u
#define FOLDER_SLACK_US INT64_C(2000000) /* file systems keep times coarsely and a little late */
#define SHA256_HEX (2 * crypto_hash_sha256_BYTES + 1)

struct folder {
	const struct syncline_host *host;
	const struct syncline_batch_service_v1 *batch;
	const struct syncline_log_service_v1 *log;
	const struct syncline_clock_service_v1 *clock;
	const struct syncline_settings *settings;
	const char *directory;
	int root;
	int incoming; /* -1: the folder isn't there or can't be made */
	int by_id;
	int64_t stale_s;
};

/* An object of the configuration with the names that the fields have there; all copied, for a read outlives its call. */
struct place {
	struct folder *folder;
	char native[SYNCLINE_NAME_MAX + 1]; /* without a leading slash, "" for the root */
	char path_field[8];
	char content_field[SYNCLINE_NAME_MAX + 1];
	char external_field[SYNCLINE_NAME_MAX + 1];
	char retention_field[SYNCLINE_NAME_MAX + 1];
	int flat;
	int versions;
	int fd; /* of the object's folder */
};

struct document {
	char *path; /* below the object's folder */
	struct stat st;
	struct json_object *sidecar; /* NULL: none */
	struct stat sidecar_st;
	char version[96];
	char reference[PATH_BYTES_MAX + 8];
};

/* folder.c */
int64_t folder_now_us(const struct folder *folder);
int64_t folder_today(const struct folder *folder);
/* make: the object's folder may be made.  The place is closed with place_close. */
uint32_t place_open(struct folder *folder, const struct syncline_object *object, int make, struct place *ret_place, struct syncline_error *err);
void place_close(struct place *place);
extern const struct syncline_discover_v1 folder_discover;
extern const struct syncline_check_v1 folder_check;

/* document.c */
/* NOT_FOUND when there is no such document, or it is still on its way in; INVALID when its sidecar can't be read. */
uint32_t document_load(const struct place *place, const char *path, struct document *ret_document, struct syncline_error *err);
void document_free(struct document *document);
/* The value of a field; it points into the document.  -1: no memory. */
int document_value(const struct place *place, const struct document *document, const char *field, struct syncline_value *ret_value);
const char *document_text(const struct document *document, const char *member); /* of the sidecar, or NULL */
/* Non-zero when the sidecar's hash is that of the file as it is. */
int document_hash_is_current(const struct document *document);
/* A field's value into the sidecar. */
uint32_t document_set(struct json_object *sidecar, const char *name, const struct syncline_value *value, struct syncline_error *err);
/* Takes over value, which may be NULL for want of memory: -1 then, as when it can't be added. */
int document_add(struct json_object *to, const char *name, struct json_object *value);
/* Whether a path is one that a document may have. */
int document_path_is_good(const struct place *place, const char *path);
int document_name_is_version(const char *name, size_t *ret_base_length);
uint32_t document_hash_file(int fd, const struct syncline_call *call, char hex[SHA256_HEX], struct syncline_error *err);

/* walk.c: the documents of a place in the order of their paths, component by component. */
struct walk;
uint32_t walk_open(const struct place *place, const char *after, struct walk **ret_walk, struct syncline_error *err);
/* ret_path: valid until the next call; NULL at the end. */
uint32_t walk_next(struct walk *walk, const char **ret_path, struct syncline_error *err);
void walk_close(struct walk *walk);

/* source.c, query.c, sink.c, content.c */
extern const struct syncline_source_v1 folder_source;
extern const struct syncline_find_v1 folder_find;
extern const struct syncline_count_v1 folder_count;
extern const struct syncline_digest_v1 folder_digest;
extern const struct syncline_sink_v1 folder_sink;
extern const struct syncline_content_v1 folder_content;
/* Fills a batch with documents that stand in memory; the fields are those of all of them. */
uint32_t source_fill(const struct place *place, struct document *documents, uint32_t count, struct syncline_batch *batch, struct syncline_error *err);
uint32_t source_add_reject(const struct place *place, const char *path, const char *why, struct syncline_batch *batch, struct syncline_error *err);

/* query.c: the path that by-id has for an external id, if that document still has it; else NOT_FOUND. */
uint32_t query_by_id(const struct place *place, const char *external_id, struct document *ret_document, struct syncline_error *err);
uint32_t query_remember_id(const struct place *place, const char *external_id, const char *path, struct syncline_error *err);

/* content.c: what a staged reference says. */
struct staged {
	char id[33];
	char sha256[SHA256_HEX];
	uint64_t length;
	char media_type[128];
};
int staged_parse(const void *reference, size_t length, struct staged *ret_staged);
void staged_clean(struct folder *folder);

#endif
