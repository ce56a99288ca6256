/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink.c: storing documents.  The order of one create, each step durable before the next:
 *
 *     1. the stream is in .syncline/incoming (content.c)
 *     2. by-id learns the path of our external id
 *     3. the stream gets its second name, the document's: it is there, but hidden as long as it has no sidecar
 *     4. the sidecar is published: the document is committed and seen
 *     5. the stream's first name goes
 *
 * A process may end between any two of them; the same write again finds what is done and goes on.  A replaced content keeps
 * a name NAME.vN before the new one takes NAME by rename.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder.h"

struct item {
	const struct place *place;
	const struct syncline_call *call;
	const struct syncline_record *record;
	struct syncline_batch *batch;
	char path[PATH_BYTES_MAX + 1];
	char external_id[1024];
	struct syncline_value content, retention;
	int has_staged;
	struct staged staged;
	int exists;
	struct document document; /* when it exists */
	struct json_object *sidecar; /* as it shall be */
	int folder; /* of the document, -1: not open yet */
	const char *name;
};

static uint32_t
refuse(struct syncline_error *err, uint32_t error_class, const char *hint)
{
	syncline_hint(err, "%s", hint);
	syncline_applied(err, SYNCLINE_APPLIED_NO);
	return error_class;
}

static int
copy_text(const struct syncline_value *v, char *buffer, size_t capacity)
{
	if (v->type != SYNCLINE_TYPE_TEXT || v->length == 0 || v->length >= capacity || memchr(v->u.data, '\0', v->length) != NULL)
		return -1;
	memcpy(buffer, v->u.data, v->length);
	buffer[v->length] = '\0';
	return 0;
}

/* Sorts the fields that mean something here from those that only go into the sidecar. */
static uint32_t
take_fields(struct item *item, struct syncline_error *err)
{
	const struct place *p = item->place;
	const struct syncline_batch_service_v1 *b = p->folder->batch;
	char path[PATH_BYTES_MAX + 1] = "";

	for (uint32_t i = 0; i < item->record->value_count; i++) {
		const struct syncline_value *v = &item->record->values[i];
		struct syncline_field f = { .struct_size = sizeof f };

		if (v->type == SYNCLINE_TYPE_ABSENT || b->field(item->batch, i, &f) != SYNCLINE_OK)
			continue;
		if (strcmp(f.name, p->path_field) == 0) {
			if (copy_text(v, path, sizeof path) != 0) {
				syncline_fail(err, SYNCLINE_INVALID, "The path of the document is empty, too long or no text.");
				return refuse(err, SYNCLINE_INVALID, "Give every document a path of at most 4,000 bytes.");
			}
		} else if (strcmp(f.name, p->content_field) == 0) {
			item->content = *v;
		} else if (strcmp(f.name, p->retention_field) == 0) {
			item->retention = *v;
		} else if (strcmp(f.name, p->external_field) == 0) {
			if (v->type != SYNCLINE_TYPE_NULL && copy_text(v, item->external_id, sizeof item->external_id) != 0) {
				syncline_fail(err, SYNCLINE_INVALID, "The external id in \"%s\" is empty, too long or no text.", f.name);
				return refuse(err, SYNCLINE_INVALID, "Give a text of at most 1,023 bytes.");
			}
		} else if (strcmp(f.name, "file_name") == 0 || strcmp(f.name, "file_size") == 0 || strcmp(f.name, "modified") == 0 ||
		           strcmp(f.name, "sha256") == 0 || strcmp(f.name, "media_type") == 0) {
			syncline_fail(err, SYNCLINE_INVALID, "The field \"%s\" can't be written: it comes from the document itself.", f.name);
			return refuse(err, SYNCLINE_INVALID, "Take it out of the binding's \"write\".");
		}
	}
	if (item->record->native_id.type == SYNCLINE_TYPE_TEXT && copy_text(&item->record->native_id, item->path, sizeof item->path) != 0)
		path[0] = '\0';
	else if (item->path[0] == '\0')
		strcpy(item->path, path);
	else if (path[0] != '\0' && strcmp(path, item->path) != 0) {
		syncline_fail(err, SYNCLINE_INVALID, "The document \"%s\" can't be moved to \"%s\".", item->path, path);
		return refuse(err, SYNCLINE_INVALID, "Write the path at creation alone: [ \"path\", \"…\", \"create\" ].");
	}
	if (item->path[0] == '\0' || !document_path_is_good(p, item->path)) {
		syncline_fail(err, SYNCLINE_INVALID, "A document can't have the path \"%s\".", item->path);
		return refuse(err, SYNCLINE_INVALID,
		              "A path is relative, without \"..\" or names that begin with a dot, and doesn't end in .meta.json or .v and a number.");
	}
	return SYNCLINE_OK;
}

static uint32_t
take_content(struct item *item, struct syncline_error *err)
{
	const struct syncline_value *v = &item->content;

	if (v->type == SYNCLINE_TYPE_ABSENT)
		return SYNCLINE_OK;
	if (v->type == SYNCLINE_TYPE_CONTENT || v->type == SYNCLINE_TYPE_TEXT) {
		if (staged_parse(v->u.data, v->length, &item->staged) == 0) {
			item->has_staged = 1;
			return SYNCLINE_OK;
		}
		if (v->length == strlen(item->path) + 4 && memcmp(v->u.data, "doc:", 4) == 0 && memcmp((const char *)v->u.data + 4, item->path, v->length - 4) == 0)
			return SYNCLINE_OK; /* what it has already */
	}
	syncline_fail(err, SYNCLINE_INVALID, "The content of the document \"%s\" names no stored stream.", item->path);
	return refuse(err, SYNCLINE_INVALID, "Store the stream through content/1 first and write the reference that it gave.");
}

/* Finds what is there, by our id or by the path, and decides whether this write may touch it. */
static uint32_t
meet(struct item *item, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_NOT_FOUND;
	const char *theirs;

	if (item->record->op == SYNCLINE_OP_CREATE && item->external_id[0] != '\0')
		result = query_by_id(item->place, item->external_id, &item->document, err);
	if (result == SYNCLINE_OK)
		strcpy(item->path, item->document.path); /* created before, perhaps under another path: that one stays */
	else if (result == SYNCLINE_NOT_FOUND)
		result = document_load(item->place, item->path, &item->document, err);
	item->exists = result == SYNCLINE_OK;
	if (result == SYNCLINE_NOT_FOUND && item->record->op == SYNCLINE_OP_CREATE)
		return SYNCLINE_OK;
	if (result != SYNCLINE_OK) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	theirs = document_text(&item->document, "external_id");
	if (item->external_id[0] != '\0' && theirs != NULL && strcmp(theirs, item->external_id) != 0) {
		syncline_fail(err, SYNCLINE_CONFLICT, "The path \"%s\" belongs to another record.", item->path);
		syncline_detail(err, "Its external id is %s.", theirs);
		return refuse(err, SYNCLINE_CONFLICT, "Make the path unique, for example by the record's number.");
	}
	if (item->record->op == SYNCLINE_OP_CREATE && item->external_id[0] != '\0' && theirs == NULL && !item->has_staged) {
		syncline_fail(err, SYNCLINE_CONFLICT, "At \"%s\" is a document that isn't ours.", item->path);
		return refuse(err, SYNCLINE_CONFLICT, "Link it to its record, or choose another path.");
	}
	return SYNCLINE_OK;
}

static uint32_t
set_retention(struct item *item, struct syncline_error *err)
{
	const char *text = document_text(&item->document, "retain_until");
	int64_t now = INT64_MIN, wanted;
	char date[32];

	if (item->retention.type == SYNCLINE_TYPE_ABSENT)
		return SYNCLINE_OK;
	if (item->exists && text != NULL && syncline_text_to_date(NULL, text, strlen(text), &now) != 0)
		now = INT64_MIN;
	if (item->retention.type == SYNCLINE_TYPE_NULL) {
		if (now == INT64_MIN)
			return SYNCLINE_OK;
		wanted = INT64_MIN;
	} else if (item->retention.type == SYNCLINE_TYPE_DATE) {
		wanted = item->retention.u.integer;
	} else if (item->retention.type != SYNCLINE_TYPE_TEXT ||
	           syncline_text_to_date(NULL, item->retention.u.data, item->retention.length, &wanted) != 0) {
		syncline_fail(err, SYNCLINE_INVALID, "The retention of \"%s\" is no date.", item->path);
		return refuse(err, SYNCLINE_INVALID, "Write a date, or a text like 2036-12-31.");
	}
	if (wanted < now) {
		syncline_fail(err, SYNCLINE_INVALID, "The document \"%s\" must be kept until %s, and that can't be shortened.", item->path, text);
		return refuse(err, SYNCLINE_INVALID, "Retention is only ever lengthened; correct the rule that gave an earlier date.");
	}
	syncline_date_to_text(NULL, wanted, date, sizeof date, NULL);
	return document_add(item->sidecar, "retain_until", json_object_new_string(date)) == 0 ? SYNCLINE_OK : syncline_fail_memory(err);
}

/* The sidecar as this write wants it; the content's part comes later. */
static uint32_t
make_sidecar(struct item *item, struct syncline_error *err)
{
	const struct place *p = item->place;
	uint32_t result;

	if (item->exists && item->document.sidecar != NULL) {
		if (json_object_deep_copy(item->document.sidecar, &item->sidecar, NULL) != 0)
			return syncline_fail_memory(err);
	} else {
		item->sidecar = json_object_new_object();
		if (item->sidecar == NULL)
			return syncline_fail_memory(err);
		if (document_add(item->sidecar, "syncline", json_object_new_int(1)) != 0)
			return syncline_fail_memory(err);
	}
	if (item->external_id[0] != '\0' && document_add(item->sidecar, "external_id", json_object_new_string(item->external_id)) != 0)
		return syncline_fail_memory(err);
	result = set_retention(item, err);
	for (uint32_t i = 0; i < item->record->value_count && result == SYNCLINE_OK; i++) {
		const struct syncline_value *v = &item->record->values[i];
		struct syncline_field f = { .struct_size = sizeof f };

		if (v->type == SYNCLINE_TYPE_ABSENT || p->folder->batch->field(item->batch, i, &f) != SYNCLINE_OK)
			continue;
		if (strcmp(f.name, p->path_field) != 0 && strcmp(f.name, p->content_field) != 0 && strcmp(f.name, p->retention_field) != 0 &&
		    strcmp(f.name, p->external_field) != 0)
			result = document_set(item->sidecar, f.name, v, err);
	}
	return result;
}

/* The document's hash, from the sidecar or, if somebody changed it, from its bytes. */
static uint32_t
hash_of(struct item *item, char hex[SHA256_HEX], struct syncline_error *err)
{
	uint32_t result;
	int fd;

	if (document_hash_is_current(&item->document)) {
		memcpy(hex, document_text(&item->document, "sha256"), SHA256_HEX);
		return SYNCLINE_OK;
	}
	result = syncline_open_under(item->place->fd, item->path, O_RDONLY, 0, &fd, err);
	if (result != SYNCLINE_OK)
		return result;
	result = document_hash_file(fd, item->call, hex, err);
	close(fd);
	return result;
}

/* Which number the present content gets; what an ended process already kept is found again. */
static uint32_t
keep_content(struct item *item, struct syncline_error *err)
{
	char version[300];
	struct stat now, kept;

	for (unsigned n = 1; n < 100000; n++) {
		snprintf(version, sizeof version, "%s.v%u", item->name, n);
		if (linkat(item->folder, item->name, item->folder, version, 0) == 0)
			return fsync(item->folder) == 0 ? SYNCLINE_OK : syncline_fail_errno(err, errno, "\"%s\" can't be kept durably.", version);
		if (errno != EEXIST)
			return syncline_fail_errno(err, errno, "The earlier content of \"%s\" can't be kept.", item->path);
		if (fstatat(item->folder, item->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
		    fstatat(item->folder, version, &kept, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == kept.st_ino && now.st_dev == kept.st_dev)
			return SYNCLINE_OK;
	}
	syncline_fail(err, SYNCLINE_INVALID, "The document \"%s\" has 99,999 earlier contents.", item->path);
	return refuse(err, SYNCLINE_INVALID, "Move some of them elsewhere.");
}

static uint32_t
stream_is_gone(struct item *item, struct syncline_error *err)
{
	syncline_fail(err, SYNCLINE_RETRY, "The stored stream for \"%s\" isn't there any more.", item->path);
	return refuse(err, SYNCLINE_RETRY, "It was removed after \"stale_after\"; the document is transferred again.");
}

/* The bytes of a document that is there already. */
static uint32_t
replace_content(struct item *item, struct syncline_error *err)
{
	char hex[SHA256_HEX];
	struct stat st;
	uint32_t result = hash_of(item, hex, err);

	if (result != SYNCLINE_OK || strcmp(hex, item->staged.sha256) == 0)
		return result;
	if (!item->place->versions) {
		syncline_fail(err, SYNCLINE_CONFLICT, "At \"%s\" is a document with another content.", item->path);
		return refuse(err, SYNCLINE_CONFLICT, "Set versions = true to keep the earlier content beside the new one, or choose another path.");
	}
	if (document_text(&item->document, "external_id") == NULL && item->record->op == SYNCLINE_OP_CREATE) {
		syncline_fail(err, SYNCLINE_CONFLICT, "At \"%s\" is a document that isn't ours.", item->path);
		return refuse(err, SYNCLINE_CONFLICT, "Link it to its record, or choose another path.");
	}
	if (fstatat(item->place->folder->incoming, item->staged.id, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return stream_is_gone(item, err);
	result = keep_content(item, err);
	if (result != SYNCLINE_OK)
		return result;
	if (renameat(item->place->folder->incoming, item->staged.id, item->folder, item->name) != 0 || fsync(item->folder) != 0)
		return syncline_fail_errno(err, errno, "The new content of \"%s\" can't be put into place.", item->path);
	return SYNCLINE_OK;
}

/* The bytes of a new document: the stream's second name. */
static uint32_t
place_content(struct item *item, struct syncline_error *err)
{
	int incoming = item->place->folder->incoming;
	char sidecar[300];
	struct stat staged, there;

	if (fstatat(incoming, item->staged.id, &staged, AT_SYMLINK_NOFOLLOW) != 0)
		return stream_is_gone(item, err);
	if ((uint64_t)staged.st_size != item->staged.length) {
		syncline_fail(err, SYNCLINE_INTERNAL, "The stored stream for \"%s\" has another length than when it was stored.", item->path);
		return refuse(err, SYNCLINE_INTERNAL, "Nothing but the agent may write below .syncline.");
	}
	/* What a deletion that didn't come to its end left must not speak for the new document. */
	snprintf(sidecar, sizeof sidecar, "%s%s", item->name, SIDECAR_SUFFIX);
	if (fstatat(item->folder, item->name, &there, AT_SYMLINK_NOFOLLOW) != 0 && unlinkat(item->folder, sidecar, 0) == 0 && fsync(item->folder) != 0)
		return syncline_fail_errno(err, errno, "An old sidecar of \"%s\" can't be removed.", item->path);
	if (linkat(incoming, item->staged.id, item->folder, item->name, 0) != 0) {
		if (errno != EEXIST)
			return syncline_fail_errno(err, errno, "The document \"%s\" can't be put into place.", item->path);
		if (fstatat(item->folder, item->name, &there, AT_SYMLINK_NOFOLLOW) != 0 || there.st_ino != staged.st_ino || there.st_dev != staged.st_dev) {
			syncline_fail(err, SYNCLINE_CONFLICT, "At \"%s\" is a document on its way in, from another write.", item->path);
			return refuse(err, SYNCLINE_CONFLICT, "Make the path unique, for example by the record's number.");
		}
	}
	if (fsync(item->folder) != 0)
		return syncline_fail_errno(err, errno, "The folder of \"%s\" can't be made durable.", item->path);
	return SYNCLINE_OK;
}

static uint32_t
publish_sidecar(struct item *item, struct syncline_error *err)
{
	char name[300];
	struct stat st;
	const char *text, *before;

	if (item->has_staged) {
		if (fstatat(item->folder, item->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return syncline_fail_errno(err, errno, "The document \"%s\" is gone.", item->path);
		if (document_add(item->sidecar, "length", json_object_new_int64((int64_t)item->staged.length)) != 0 ||
		    document_add(item->sidecar, "sha256", json_object_new_string(item->staged.sha256)) != 0 ||
		    document_add(item->sidecar, "modified_us",
		                 json_object_new_int64((int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000)) != 0 ||
		    (item->staged.media_type[0] != '\0' &&
		     document_add(item->sidecar, "media_type", json_object_new_string(item->staged.media_type)) != 0))
			return syncline_fail_memory(err);
	}
	text = json_object_to_json_string_ext(item->sidecar, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text == NULL)
		return syncline_fail_memory(err);
	if (item->exists && item->document.sidecar != NULL) {
		before = json_object_to_json_string_ext(item->document.sidecar, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
		if (before != NULL && strcmp(before, text) == 0)
			return SYNCLINE_OK; /* all is as it shall be */
	}
	if (strlen(text) > SIDECAR_MAX) {
		syncline_fail(err, SYNCLINE_INVALID, "The fields of \"%s\" have more than %u bytes.", item->path, SIDECAR_MAX);
		return refuse(err, SYNCLINE_INVALID, "Write fewer or shorter fields.");
	}
	snprintf(name, sizeof name, "%s%s", item->name, SIDECAR_SUFFIX);
	return syncline_publish_bytes(item->folder, name, 0, 0666, text, strlen(text), err);
}

static uint32_t
open_folder(struct item *item, unsigned make, struct syncline_error *err)
{
	uint32_t result = syncline_open_parent_under(item->place->fd, item->path, make, &item->folder, &item->name, err);

	if (result != SYNCLINE_OK) {
		item->folder = -1;
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	assert(item->name != NULL);
	return SYNCLINE_OK;
}

/* A stale version is refused, unless this very write was done already. */
static uint32_t
check_version(const struct item *item, struct syncline_error *err)
{
	const struct syncline_value *v = &item->record->version;

	if (!item->exists || v->type != SYNCLINE_TYPE_TEXT || v->length == 0 ||
	    (v->length == strlen(item->document.version) && memcmp(v->u.data, item->document.version, v->length) == 0))
		return SYNCLINE_OK;
	if (item->document.sidecar != NULL && json_object_equal(item->document.sidecar, item->sidecar) &&
	    (!item->has_staged || (document_hash_is_current(&item->document) && strcmp(document_text(&item->document, "sha256"), item->staged.sha256) == 0)))
		return SYNCLINE_OK;
	syncline_fail(err, SYNCLINE_CONFLICT, "The document \"%s\" was changed since it was read.", item->path);
	return refuse(err, SYNCLINE_CONFLICT, "It is read again and merged.");
}

static uint32_t
store(struct item *item, struct syncline_error *err)
{
	uint32_t result = take_fields(item, err);

	if (result == SYNCLINE_OK)
		result = take_content(item, err);
	if (result == SYNCLINE_OK)
		result = meet(item, err);
	if (result == SYNCLINE_OK)
		result = make_sidecar(item, err);
	if (result == SYNCLINE_OK)
		result = check_version(item, err);
	if (result != SYNCLINE_OK)
		return result;
	if (!item->exists && !item->has_staged) {
		syncline_fail(err, SYNCLINE_INVALID, "The new document \"%s\" has no content.", item->path);
		return refuse(err, SYNCLINE_INVALID, "Write the object's content field when a document is created.");
	}
	result = open_folder(item, 0777, err);
	if (result == SYNCLINE_OK && item->external_id[0] != '\0' &&
	    (!item->exists || document_text(&item->document, "external_id") == NULL))
		result = query_remember_id(item->place, item->external_id, item->path, err);
	if (result == SYNCLINE_OK && item->has_staged)
		result = item->exists ? replace_content(item, err) : place_content(item, err);
	if (result == SYNCLINE_OK)
		result = publish_sidecar(item, err);
	if (result == SYNCLINE_OK && item->has_staged)
		unlinkat(item->place->folder->incoming, item->staged.id, 0);
	return result;
}

/* Removes the sidecar and the earlier contents of a document that is gone; the sidecar last, for it hides those. */
static uint32_t
remove_rest(struct item *item, struct syncline_error *err)
{
	char name[300];

	for (unsigned n = 1; n < 100000; n++) {
		snprintf(name, sizeof name, "%s.v%u", item->name, n);
		if (unlinkat(item->folder, name, 0) != 0) {
			if (errno == ENOENT)
				break;
			return syncline_fail_errno(err, errno, "\"%s\" can't be removed.", name);
		}
	}
	snprintf(name, sizeof name, "%s%s", item->name, SIDECAR_SUFFIX);
	if ((unlinkat(item->folder, name, 0) != 0 && errno != ENOENT) || fsync(item->folder) != 0)
		return syncline_fail_errno(err, errno, "The sidecar of \"%s\" can't be removed.", item->path);
	return SYNCLINE_OK;
}

static uint32_t
remove_document(struct item *item, struct syncline_error *err)
{
	const char *text;
	int64_t until;
	uint32_t result;

	if (copy_text(&item->record->native_id, item->path, sizeof item->path) != 0 || !document_path_is_good(item->place, item->path)) {
		syncline_fail(err, SYNCLINE_NOT_FOUND, "There is no document of that name.");
		return refuse(err, SYNCLINE_NOT_FOUND, "It is gone already, or never was there.");
	}
	result = document_load(item->place, item->path, &item->document, err);
	item->exists = result == SYNCLINE_OK;
	if (result != SYNCLINE_OK && result != SYNCLINE_NOT_FOUND)
		return result;
	text = item->exists ? document_text(&item->document, "retain_until") : NULL;
	if (text != NULL && (syncline_text_to_date(NULL, text, strlen(text), &until) != 0 || until >= folder_today(item->place->folder))) {
		syncline_fail(err, SYNCLINE_INVALID, "The document \"%s\" must be kept until %s.", item->path, text);
		return refuse(err, SYNCLINE_INVALID, "It can be deleted after that day.");
	}
	if (item->exists) {
		item->sidecar = json_object_get(item->document.sidecar);
		result = check_version(item, err);
		/* An equal sidecar excuses a repeated change, never a deletion of what somebody changed. */
		if (result == SYNCLINE_OK && item->record->version.type == SYNCLINE_TYPE_TEXT && item->record->version.length > 0 &&
		    (item->record->version.length != strlen(item->document.version) ||
		     memcmp(item->record->version.u.data, item->document.version, item->record->version.length) != 0)) {
			syncline_fail(err, SYNCLINE_CONFLICT, "The document \"%s\" was changed since it was read.", item->path);
			result = refuse(err, SYNCLINE_CONFLICT, "It is read again and merged.");
		}
		if (result != SYNCLINE_OK)
			return result;
	}
	result = open_folder(item, 0, err);
	if (result != SYNCLINE_OK)
		return result;
	if (item->exists && (unlinkat(item->folder, item->name, 0) != 0 || fsync(item->folder) != 0))
		return syncline_fail_errno(err, errno, "The document \"%s\" can't be removed.", item->path);
	result = remove_rest(item, err);
	if (result == SYNCLINE_OK && !item->exists) {
		syncline_fail(err, SYNCLINE_NOT_FOUND, "There is no document \"%s\".", item->path);
		return refuse(err, SYNCLINE_NOT_FOUND, "It is gone already, or never was there.");
	}
	return result;
}

static void
write_one(struct item *item, uint32_t index, const struct syncline_results *results)
{
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_write_result said = { .struct_size = sizeof said };
	struct document after;

	memset(&after, 0, sizeof after);
	said.error_class = item->record->op == SYNCLINE_OP_DELETE ? remove_document(item, &err) : store(item, &err);
	if (said.error_class != SYNCLINE_OK) {
		said.error = &err;
	} else if (item->record->op != SYNCLINE_OP_DELETE) {
		said.native_id = syncline_slice(item->path, strlen(item->path));
		if (document_load(item->place, item->path, &after, NULL) == SYNCLINE_OK)
			said.version = syncline_slice(after.version, strlen(after.version));
	}
	results->report(results, index, &said);
	document_free(&after);
	document_free(&item->document);
	json_object_put(item->sidecar);
	if (item->folder >= 0)
		close(item->folder);
}

static uint32_t
write_batch(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
            const struct syncline_results *results, struct syncline_error *err)
{
	struct folder *f = instance;
	struct item *item = malloc(sizeof *item);
	struct place place;
	uint32_t result, count = f->batch->record_count(batch);

	if (item == NULL) {
		syncline_fail_memory(err);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return SYNCLINE_RETRY;
	}
	result = place_open(f, object, 1, &place, err);
	if (result != SYNCLINE_OK) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		free(item);
		return result;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_record record = { .struct_size = sizeof record };

		if (syncline_cancelled(call)) {
			result = syncline_fail_cancelled(err);
			syncline_applied(err, SYNCLINE_APPLIED_NO); /* of those that were not reported: none was begun */
			break;
		}
		result = f->batch->record(batch, i, &record);
		if (result != SYNCLINE_OK) {
			syncline_fail(err, SYNCLINE_INTERNAL, "Record %u of the batch can't be read.", (unsigned)i);
			break;
		}
		memset(item, 0, sizeof *item);
		item->place = &place;
		item->call = call;
		item->batch = batch;
		item->record = &record;
		item->folder = -1;
		write_one(item, i, results);
	}
	place_close(&place);
	free(item);
	return result;
}

const struct syncline_sink_v1 folder_sink = { sizeof folder_sink, 0, write_batch, NULL };
