/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folder.c: a folder of documents as a document management system: its descriptor, opening and closing, check and discover.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"

int64_t
folder_now_us(const struct folder *folder)
{
	struct timespec t;

	if (folder->clock != NULL && folder->clock->wall_us != NULL)
		return folder->clock->wall_us(folder->host);
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
folder_today(const struct folder *folder)
{
	return folder_now_us(folder) / (INT64_C(86400) * 1000000);
}

/*
 * The folder `.syncline/NAME`, made if need be and kept open in *fd.  It is ours: that it isn't there says nothing of any record, so it
 * is no reason to give one up.
 */
static uint32_t
state_folder(const struct folder *folder, const char *name, int *fd, struct syncline_error *err)
{
	const char *last;
	uint32_t result;
	int parent;

	if (*fd >= 0)
		return SYNCLINE_OK;
	result = syncline_open_parent_under(folder->root, name, 0700, &parent, &last, err);
	if (result == SYNCLINE_OK) {
		*fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (*fd < 0 && errno == ENOENT && mkdirat(parent, last, 0700) == 0 && fsync(parent) == 0)
			*fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (*fd < 0)
			result = syncline_fail_errno(err, errno, "%s/%s can't be used.", folder->directory, name);
		close(parent);
	}
	return result == SYNCLINE_NOT_FOUND || result == SYNCLINE_INVALID ? SYNCLINE_RETRY : result;
}

static uint32_t
folder_open(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
            struct syncline_error *err)
{
	struct folder *f = calloc(1, sizeof *f);

	(void)call;
	if (f == NULL)
		return syncline_fail_memory(err);
	f->host = host;
	f->settings = settings;
	f->root = f->incoming = f->by_id = -1;
	f->log = syncline_service(host, "log/1", sizeof *f->log, NULL);
	f->clock = syncline_service(host, "clock/1", sizeof *f->clock, NULL);
	f->batch = syncline_service(host, "batch/1", sizeof *f->batch, err);
	if (f->batch == NULL) {
		free(f);
		return SYNCLINE_CONFIG;
	}
	if (sodium_init() < 0) {
		free(f);
		return syncline_fail(err, SYNCLINE_INTERNAL, "libsodium can't be started.");
	}
	f->directory = syncline_setting_text(NULL, settings, "directory", "");
	f->stale_s = syncline_setting_integer(NULL, settings, "stale_after", INT64_C(7) * 86400 * 1000) / 1000;
	f->root = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->root < 0) {
		syncline_fail_errno(err, errno, "The folder \"%s\" can't be opened.", f->directory);
		if (errno == ENOENT)
			syncline_hint(err, "Make the folder, or correct the setting \"directory\".");
		free(f);
		return SYNCLINE_CONFIG;
	}
	*ret_instance = f;
	return SYNCLINE_OK;
}

static void
folder_close(void *instance)
{
	struct folder *f = instance;

	if (f->incoming >= 0)
		close(f->incoming);
	if (f->by_id >= 0)
		close(f->by_id);
	close(f->root);
	free(f);
}

uint32_t
place_open(struct folder *folder, const struct syncline_object *object, int make, struct place *ret_place, struct syncline_error *err)
{
	struct syncline_object o;
	struct place p = { .folder = folder, .path_field = "path", .fd = -1 };
	const char *name;
	int parent;
	uint32_t result;

	SYNCLINE_COPY(&o, object);
	name = o.native;
	while (name[0] == '/')
		name++;
	if (strcmp(name, ".") == 0)
		name = "";
	if (o.key_count > 1 || (o.key_count == 1 && strcmp(o.key[0], p.path_field) != 0)) {
		syncline_fail(err, SYNCLINE_CONFIG, "The key of the object \"%s\" can only be [ \"path\" ].", o.alias);
		syncline_hint(err, "A document is known by its path below the object's folder; write key = [ \"path\" ].");
		return SYNCLINE_CONFIG;
	}
	if (snprintf(p.native, sizeof p.native, "%s", name) >= (int)sizeof p.native ||
	    snprintf(p.content_field, sizeof p.content_field, "%s", o.content != NULL ? o.content : "content") >= (int)sizeof p.content_field ||
	    snprintf(p.external_field, sizeof p.external_field, "%s", o.external_key != NULL ? o.external_key : "external_id") >=
	            (int)sizeof p.external_field ||
	    snprintf(p.retention_field, sizeof p.retention_field, "%s",
	             syncline_setting_text(o.settings, folder->settings, "retention_field", "retention")) >= (int)sizeof p.retention_field)
		return syncline_fail(err, SYNCLINE_CONFIG, "A name in the object \"%s\" has more than %u bytes.", o.alias, SYNCLINE_NAME_MAX);
	p.flat = strcmp(syncline_setting_text(o.settings, folder->settings, "layout", "tree"), "flat") == 0;
	p.versions = syncline_setting_boolean(o.settings, folder->settings, "versions", 0);
	if (p.native[0] == '\0') {
		p.fd = fcntl(folder->root, F_DUPFD_CLOEXEC, 0);
	} else {
		if (p.native[0] == '.' || strstr(p.native, "/.") != NULL)
			return syncline_fail(err, SYNCLINE_CONFIG, "The folder \"%s\" of the object \"%s\" is hidden.", p.native, o.alias);
		result = syncline_open_parent_under(folder->root, p.native, make ? 0777 : 0, &parent, &name, err);
		if (result != SYNCLINE_OK)
			return result == SYNCLINE_NOT_FOUND || result == SYNCLINE_INVALID ? SYNCLINE_CONFIG : result;
		p.fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (p.fd < 0 && errno == ENOENT && make && mkdirat(parent, name, 0777) == 0 && fsync(parent) == 0)
			p.fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(parent);
	}
	if (p.fd < 0) {
		result = syncline_fail_errno(err, errno, "The folder \"%s\" of the object \"%s\" can't be opened in %s.", o.native, o.alias, folder->directory);
		if (result == SYNCLINE_RETRY)
			return result; /* a disk that fails is no mistake of the configuration */
		syncline_hint(err, "Make the folder, or correct \"native\" of the object.");
		return SYNCLINE_CONFIG;
	}
	if (make) {
		result = state_folder(folder, ".syncline/incoming", &folder->incoming, err);
		if (result == SYNCLINE_OK)
			result = state_folder(folder, ".syncline/by-id", &folder->by_id, err);
		if (result != SYNCLINE_OK) {
			place_close(&p);
			return result;
		}
	} else if (folder->incoming < 0) {
		/* For seeing what is on its way in; a root without it has nothing on its way. */
		int state = openat(folder->root, ".syncline", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (state >= 0) {
			folder->incoming = openat(state, "incoming", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			close(state);
		}
	}
	*ret_place = p;
	return SYNCLINE_OK;
}

void
place_close(struct place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	place->fd = -1;
}

static uint32_t
check(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct folder *f = instance;
	struct stat st;

	(void)call;
	if (fstat(f->root, &st) != 0 || st.st_nlink == 0)
		return syncline_fail(err, SYNCLINE_CONFIG, "The folder \"%s\" was removed.", f->directory);
	if (faccessat(f->root, ".", W_OK, 0) != 0)
		findings->remark(findings, SYNCLINE_LOG_WARNING, NULL, "The folder can be read but not written.",
		                 "Give the agent's user the right to write there if documents are to be stored.");
	if ((st.st_mode & S_IWOTH) != 0)
		findings->remark(findings, SYNCLINE_LOG_WARNING, NULL, "Everybody may write to the folder.",
		                 "Take that right away: whoever may write there can change documents.");
	return SYNCLINE_OK;
}

static uint32_t
discover_objects(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct folder *f = instance;
	struct syncline_object_info info = { .struct_size = sizeof info };
	int fd = openat(f->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	(void)call;
	if (dir == NULL) {
		int number = errno;

		if (fd >= 0)
			close(fd);
		return syncline_fail_errno(err, number, "The folder \"%s\" can't be listed.", f->directory);
	}
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;

		if (entry->d_name[0] == '.' || fstatat(f->root, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
		    strlen(entry->d_name) > SYNCLINE_NAME_MAX || !syncline_is_utf8(entry->d_name, strlen(entry->d_name)))
			continue;
		info.native = entry->d_name;
		findings->object(findings, &info);
	}
	closedir(dir);
	return SYNCLINE_OK;
}

static uint32_t
discover_fields(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_findings *findings,
                struct syncline_error *err)
{
	struct place p;
	uint32_t result = place_open(instance, object, 0, &p, err);

	(void)call;
	if (result != SYNCLINE_OK)
		return result;
	{
		const struct syncline_field fields[] = {
			syncline_field(p.path_field, SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_KEY | SYNCLINE_FIELD_UNIQUE | SYNCLINE_FIELD_REQUIRED | SYNCLINE_FIELD_CREATE_ONLY),
			syncline_field(p.content_field, SYNCLINE_TYPE_CONTENT, SYNCLINE_FIELD_REQUIRED),
			syncline_field(p.external_field, SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_UNIQUE),
			syncline_field(p.retention_field, SYNCLINE_TYPE_DATE, 0),
			syncline_field("file_name", SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_READ_ONLY),
			syncline_field("file_size", SYNCLINE_TYPE_INTEGER, SYNCLINE_FIELD_READ_ONLY),
			syncline_field("modified", SYNCLINE_TYPE_TIMESTAMP, SYNCLINE_FIELD_READ_ONLY | SYNCLINE_FIELD_MARK),
			syncline_field("sha256", SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_READ_ONLY),
			syncline_field("media_type", SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_READ_ONLY),
		};

		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			findings->field(findings, &fields[i]);
	}
	place_close(&p);
	return SYNCLINE_OK;
}

const struct syncline_discover_v1 folder_discover = { sizeof folder_discover, 0, discover_objects, discover_fields };
const struct syncline_check_v1 folder_check = { sizeof folder_check, 0, check };

static const char *const layouts[] = { "tree", "flat", NULL };

#define PARAM(type_, scope_, flags_, name_, help_, default_, choices_, min_, max_)                                                           \
	{ sizeof(struct syncline_param), SYNCLINE_PARAM_##type_, SYNCLINE_SCOPE_##scope_, flags_, name_, help_, default_, choices_, min_, max_ }

static const struct syncline_param params[] = {
	PARAM(PATH, SYSTEM, SYNCLINE_PARAM_REQUIRED | SYNCLINE_PARAM_WRITABLE, "directory",
	      "The root of the documents; each object is a folder below it.", NULL, NULL, 0, 0),
	PARAM(CHOICE, SYSTEM, 0, "layout", "Whether documents stand in folders of any depth (tree) or in the object's folder alone (flat).", "tree",
	      layouts, 0, 0),
	PARAM(BOOLEAN, SYSTEM, 0, "versions", "Whether a changed document keeps its earlier contents as NAME.v1, NAME.v2 and so on.", "false", NULL, 0, 0),
	PARAM(TEXT, SYSTEM, 0, "retention_field", "The field that says until which day a document must be kept.", "retention", NULL, 0, 0),
	PARAM(DURATION, SYSTEM, 0, "stale_after", "After which time a stored stream that no record has named is removed.", "7d", NULL, 3600000,
	      INT64_C(365) * 86400000),
	PARAM(CHOICE, OBJECT, 0, "layout", "The same for this object alone.", NULL, layouts, 0, 0),
	PARAM(BOOLEAN, OBJECT, 0, "versions", "The same for this object alone.", NULL, NULL, 0, 0),
	PARAM(TEXT, OBJECT, 0, "retention_field", "The same for this object alone.", NULL, NULL, 0, 0),
};

static const struct syncline_part parts[] = {
	{ "source/1", &folder_source }, { "sink/1", &folder_sink }, { "find/1", &folder_find }, { "count/1", &folder_count },
	{ "digest/1", &folder_digest }, { "discover/1", &folder_discover }, { "content/1", &folder_content }, { "check/1", &folder_check },
};

static const struct syncline_capabilities capabilities = {
	.struct_size = sizeof capabilities,
	.read_full = SYNCLINE_NATIVE,
	.read_delta = SYNCLINE_EMULATED,
	.get = SYNCLINE_NATIVE,
	.find = SYNCLINE_EMULATED,
	.count = SYNCLINE_EMULATED,
	.digest = SYNCLINE_EMULATED,
	.content = SYNCLINE_NATIVE,
	.create = SYNCLINE_NATIVE,
	.update = SYNCLINE_NATIVE,
	.remove = SYNCLINE_NATIVE,
	.partial_update = SYNCLINE_NATIVE,
	.upsert = SYNCLINE_EMULATED,
	.conditional_write = SYNCLINE_EMULATED,
};

static const struct syncline_connector connector = {
	.struct_size = sizeof connector,
	.abi_major = SYNCLINE_ABI_MAJOR,
	.abi_minor = SYNCLINE_ABI_MINOR,
	.name = "folder",
	.version = "0.1.0",
	.summary = "A folder of documents with their metadata beside them",
	.vendor = "Syncline",
	.licence = "BSD-2-Clause",
	.params = params,
	.param_count = sizeof params / sizeof *params,
	.parts = parts,
	.part_count = sizeof parts / sizeof *parts,
	.capabilities = &capabilities,
	.open = folder_open,
	.close = folder_close,
};

const struct syncline_connector *
syncline_connector(void)
{
	return &connector;
}
