/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content.c: content/1, for reading: the documents that a column names, below one folder and nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "csv.h"

struct document {
	int fd;
	struct stat opened;
	char *name;
};

static const char *
media_type(const char *name)
{
	static const struct {
		const char *end, *type;
	} known[] = {
		{ ".pdf", "application/pdf" }, { ".xml", "application/xml" }, { ".txt", "text/plain" }, { ".csv", "text/csv" },
		{ ".html", "text/html" }, { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" }, { ".png", "image/png" },
		{ ".tif", "image/tiff" }, { ".tiff", "image/tiff" }, { ".zip", "application/zip" }, { ".json", "application/json" },
	};
	size_t n = strlen(name), m;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (m = strlen(known[i].end), n > m && strcasecmp(name + n - m, known[i].end) == 0)
			return known[i].type;
	return NULL;
}

static void
close_read(void *stream)
{
	struct document *d = stream;

	if (d == NULL)
		return;
	if (d->fd >= 0)
		close(d->fd);
	free(d->name);
	free(d);
}

static uint32_t
open_document(const struct csv_object *o, struct document *d, struct syncline_error *err)
{
	uint32_t result;
	int folder;

	if (!syncline_path_is_safe(d->name)) {
		result = syncline_fail(err, SYNCLINE_INVALID, "The document \"%s\" is not a path below content_directory.", d->name);
		syncline_hint(err, "Have the export name files relative to that folder, without .. and symbolic links.");
		return result;
	}
	if ((result = csv_folder_open(o->content_directory, "content_directory", &folder, err)) != SYNCLINE_OK)
		return result;
	result = syncline_open_under(folder, d->name, O_RDONLY, 0, &d->fd, err);
	close(folder);
	if (result != SYNCLINE_OK) {
		d->fd = -1;
		return result;
	}
	if (fstat(d->fd, &d->opened) != 0)
		return syncline_fail_errno(err, errno, "The document \"%s\" can't be looked at.", d->name);
	if (!S_ISREG(d->opened.st_mode))
		return syncline_fail(err, SYNCLINE_INVALID, "The document \"%s\" is not a file.", d->name);
	return SYNCLINE_OK;
}

int
csv_document_version(const struct csv_object *o, int *folder, const struct syncline_value *reference, char *text, size_t size)
{
	char path[SYNCLINE_CONTENT_REF_MAX + 1];
	const char *name;
	struct stat st;
	int parent, result;

	if (reference->length == 0 || reference->length >= sizeof path || memchr(reference->u.data, '\0', reference->length) != NULL)
		return -1;
	memcpy(path, reference->u.data, reference->length);
	path[reference->length] = '\0';
	if (!syncline_path_is_safe(path) || (*folder < 0 && csv_folder_open(o->content_directory, "content_directory", folder, NULL) != SYNCLINE_OK) ||
	    syncline_open_parent_under(*folder, path, 0, &parent, &name, NULL) != SYNCLINE_OK)
		return -1;
	result = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW);
	close(parent);
	if (result != 0 || !S_ISREG(st.st_mode))
		return -1;
	snprintf(text, size, "%lld-%lld", (long long)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000, (long long)st.st_size);
	return 0;
}

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *reference,
          void **ret_stream, struct syncline_content_info *ret_info, struct syncline_error *err)
{
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct document *d = calloc(1, sizeof *d);
	struct csv_object *o = NULL;
	const char *slash;
	uint32_t result;

	(void)call;
	if (d == NULL)
		return syncline_fail_memory(err);
	d->fd = -1;
	if (reference->length == 0 || reference->length > SYNCLINE_CONTENT_REF_MAX || memchr(reference->data, 0, reference->length) != NULL)
		result = syncline_fail(err, SYNCLINE_INVALID, "The reference of a document is empty, too long, or holds a NUL.");
	else if ((d->name = csv_copy(reference->data, reference->length)) == NULL)
		result = syncline_fail_memory(err);
	else if ((result = csv_object_new(instance, object, &o, err)) == SYNCLINE_OK)
		result = open_document(o, d, err);
	csv_object_free(o);
	if (result != SYNCLINE_OK) {
		close_read(d);
		return result;
	}
	slash = strrchr(d->name, '/');
	info.length = (uint64_t)d->opened.st_size;
	info.name = slash != NULL ? slash + 1 : d->name;
	info.media_type = media_type(info.name);
	info.modified_us = (int64_t)d->opened.st_mtim.tv_sec * 1000000 + d->opened.st_mtim.tv_nsec / 1000;
	SYNCLINE_GIVE(ret_info, &info);
	*ret_stream = d;
	return SYNCLINE_OK;
}

static uint32_t
read_some(void *stream, const struct syncline_call *call, void *buffer, size_t capacity, size_t *ret_length, struct syncline_error *err)
{
	struct document *d = stream;
	struct stat now;
	ssize_t n;

	if (syncline_cancelled(call))
		return syncline_fail_cancelled(err);
	do
		n = read(d->fd, buffer, capacity);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return syncline_fail_errno(err, errno, "Reading the document \"%s\" failed.", d->name);
	if (n == 0) {
		if (fstat(d->fd, &now) != 0)
			return syncline_fail_errno(err, errno, "Reading the document \"%s\" failed.", d->name);
		if (now.st_size != d->opened.st_size || now.st_mtim.tv_sec != d->opened.st_mtim.tv_sec || now.st_mtim.tv_nsec != d->opened.st_mtim.tv_nsec) {
			uint32_t result = syncline_fail(err, SYNCLINE_RETRY, "The document \"%s\" changed while it was read.", d->name);

			syncline_hint(err, "It is read again later.");
			return result;
		}
	}
	*ret_length = (size_t)n;
	return SYNCLINE_OK;
}

const struct syncline_content_v1 csv_content = {
	.struct_size = sizeof csv_content,
	.open_read = open_read,
	.read = read_some,
	.close_read = close_read,
};
