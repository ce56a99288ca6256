/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content.c: the bytes of documents.  What is read has the reference "doc:PATH".  What is written goes to .syncline/incoming
 * under a random name and gets the reference "staged:ID:SHA256:LENGTH:TYPE"; the record that carries it moves it into place
 * (sink.c), and what no record names within `stale_after` is removed.
 *
 * A document may be changed by hand while it is read.  Its size and times tell; but file systems keep times coarsely, so that
 * a second change in the same moment doesn't show: of a document that is young when its reading begins, the bytes are hashed
 * as they pass and at the end once more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"

struct stream {
	struct folder *folder;
	int fd;
	uint64_t length;
	struct document document; /* reading */
	int young, changed;
	char name[256];
	struct staged staged; /* writing */
	crypto_hash_sha256_state hash;
};

int
staged_parse(const void *reference, size_t length, struct staged *ret_staged)
{
	char text[512];
	struct staged s;
	int end = 0;

	if (length >= sizeof text)
		return -1;
	memcpy(text, reference, length);
	text[length] = '\0';
	memset(&s, 0, sizeof s);
	if (strlen(text) != length ||
	    sscanf(text, "staged:%32[0-9a-f]:%64[0-9a-f]:%" SCNu64 ":%n", s.id, s.sha256, &s.length, &end) != 3 || end == 0 ||
	    strlen(s.id) != 32 || strlen(s.sha256) != 64 || strlen(text + end) >= sizeof s.media_type)
		return -1;
	strcpy(s.media_type, text + end);
	*ret_staged = s;
	return 0;
}

void
staged_clean(struct folder *folder)
{
	int again = folder->incoming >= 0 ? openat(folder->incoming, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *entry;
	time_t now = time(NULL);

	if (dir == NULL) {
		if (again >= 0)
			close(again);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;

		/* One that has a second name is on its way into place (sink.c) and hides what isn't complete. */
		if (entry->d_name[0] != '.' && fstatat(folder->incoming, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    st.st_nlink == 1 &&
		    (int64_t)(now - (st.st_mtime > st.st_ctime ? st.st_mtime : st.st_ctime)) > folder->stale_s)
			unlinkat(folder->incoming, entry->d_name, 0);
	}
	closedir(dir);
}

static int64_t
micros(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_nsec / 1000;
}

static int
is_young(const struct folder *folder, const struct stat *st)
{
	int64_t m = micros(&st->st_mtim), c = micros(&st->st_ctim);

	return folder_now_us(folder) - (m > c ? m : c) < FOLDER_SLACK_US;
}

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *reference,
          void **ret_stream, struct syncline_content_info *ret_info, struct syncline_error *err)
{
	struct syncline_content_info info = { .struct_size = sizeof info };
	char path[PATH_BYTES_MAX + 1];
	struct stream *s;
	struct place place;
	const char *slash;
	uint32_t result;

	(void)call;
	if (reference->length < 5 || reference->length - 4 > PATH_BYTES_MAX || memcmp(reference->data, "doc:", 4) != 0 ||
	    memchr(reference->data, '\0', reference->length) != NULL)
		return syncline_fail(err, SYNCLINE_INVALID, "This is no reference to a document of this folder.");
	memcpy(path, (const char *)reference->data + 4, reference->length - 4);
	path[reference->length - 4] = '\0';
	result = place_open(instance, object, 0, &place, err);
	if (result != SYNCLINE_OK)
		return result;
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		place_close(&place);
		return syncline_fail_memory(err);
	}
	s->folder = instance;
	s->fd = -1;
	result = document_load(&place, path, &s->document, err);
	if (result == SYNCLINE_OK)
		result = syncline_open_under(place.fd, path, O_RDONLY, 0, &s->fd, err);
	place_close(&place);
	if (result == SYNCLINE_OK && (fstat(s->fd, &s->document.st) != 0 || !S_ISREG(s->document.st.st_mode)))
		result = syncline_fail(err, SYNCLINE_NOT_FOUND, "\"%s\" is no document.", path);
	if (result != SYNCLINE_OK) {
		if (s->fd >= 0)
			close(s->fd);
		document_free(&s->document);
		free(s);
		return result;
	}
	slash = strrchr(path, '/');
	slash = slash != NULL ? slash + 1 : path;
	memcpy(s->name, slash, strnlen(slash, sizeof s->name - 1));
	info.length = (uint64_t)s->document.st.st_size;
	info.name = s->name;
	info.media_type = document_text(&s->document, "media_type");
	info.modified_us = micros(&s->document.st.st_mtim);
	s->young = is_young(s->folder, &s->document.st);
	crypto_hash_sha256_init(&s->hash);
	if (document_hash_is_current(&s->document))
		info.has_hash = sodium_hex2bin(info.sha256, sizeof info.sha256, document_text(&s->document, "sha256"), SHA256_HEX - 1, NULL, NULL,
		                               NULL) == 0;
	SYNCLINE_GIVE(ret_info, &info);
	*ret_stream = s;
	return SYNCLINE_OK;
}

static uint32_t
has_changed(struct stream *s, struct syncline_error *err)
{
	s->changed = 1;
	syncline_fail(err, SYNCLINE_RETRY, "The document \"%s\" was changed while it was read.", s->document.path);
	syncline_hint(err, "It is read again from its beginning; give its writers a place of their own if this goes on.");
	return SYNCLINE_RETRY;
}

static int
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static uint32_t
check_unchanged(struct stream *s, struct syncline_error *err)
{
	const struct stat *then = &s->document.st;
	struct stat now;

	if (fstat(s->fd, &now) != 0)
		return syncline_fail_errno(err, errno, "The document \"%s\" can't be looked at.", s->document.path);
	if (s->changed || now.st_size != then->st_size || !same_time(&now.st_mtim, &then->st_mtim) || !same_time(&now.st_ctim, &then->st_ctim))
		return has_changed(s, err);
	return SYNCLINE_OK;
}

/* At the end: all bytes came, and for a young document they are still the same. */
static uint32_t
check_whole(struct stream *s, const struct syncline_call *call, struct syncline_error *err)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char passed[SHA256_HEX], there[SHA256_HEX];
	uint32_t result;

	if (s->length != (uint64_t)s->document.st.st_size)
		return has_changed(s, err);
	if (!s->young)
		return SYNCLINE_OK;
	crypto_hash_sha256_final(&s->hash, hash);
	crypto_hash_sha256_init(&s->hash);
	s->young = 0;
	sodium_bin2hex(passed, sizeof passed, hash, sizeof hash);
	result = document_hash_file(s->fd, call, there, err);
	if (result == SYNCLINE_OK && strcmp(passed, there) != 0)
		result = has_changed(s, err);
	return result == SYNCLINE_OK ? check_unchanged(s, err) : result;
}

static uint32_t
read_some(void *stream, const struct syncline_call *call, void *buffer, size_t capacity, size_t *ret_length, struct syncline_error *err)
{
	struct stream *s = stream;
	uint32_t result;
	ssize_t n;

	if (syncline_cancelled(call))
		return syncline_fail_cancelled(err);
	do
		n = pread(s->fd, buffer, capacity, (off_t)s->length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return syncline_fail_errno(err, errno, "The document \"%s\" can't be read.", s->document.path);
	/* After the bytes were taken: what was changed before shows. */
	if ((result = check_unchanged(s, err)) != SYNCLINE_OK)
		return result;
	if (s->young && n > 0)
		crypto_hash_sha256_update(&s->hash, buffer, (unsigned long long)n);
	s->length += (uint64_t)n;
	if (n == 0 && capacity > 0 && (result = check_whole(s, call, err)) != SYNCLINE_OK)
		return result;
	*ret_length = (size_t)n;
	return SYNCLINE_OK;
}

static void
close_read(void *stream)
{
	struct stream *s = stream;

	close(s->fd);
	document_free(&s->document);
	free(s);
}

/* "application/pdf": what RFC 6838 allows in a name, for it becomes a part of the reference. */
static void
take_media_type(struct staged *staged, const char *media_type)
{
	size_t n = media_type != NULL ? strspn(media_type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&^_.+-/") : 0;

	if (n > 0 && media_type[n] == '\0' && n < sizeof staged->media_type)
		memcpy(staged->media_type, media_type, n + 1);
}

static uint32_t
open_write(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_content_info *info,
           void **ret_stream, struct syncline_error *err)
{
	struct syncline_content_info i;
	struct stream *s;
	struct place place;
	unsigned char id[16];
	uint32_t result = place_open(instance, object, 1, &place, err);

	(void)call;
	if (result != SYNCLINE_OK)
		return result;
	place_close(&place);
	staged_clean(instance);
	SYNCLINE_COPY(&i, info);
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return syncline_fail_memory(err);
	s->folder = instance;
	randombytes_buf(id, sizeof id);
	sodium_bin2hex(s->staged.id, sizeof s->staged.id, id, sizeof id);
	take_media_type(&s->staged, i.media_type);
	crypto_hash_sha256_init(&s->hash);
	s->fd = openat(s->folder->incoming, s->staged.id, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (s->fd < 0) {
		result = syncline_fail_errno(err, errno, "A stream can't be stored in %s/.syncline/incoming.", s->folder->directory);
		free(s);
		return result;
	}
	*ret_stream = s;
	return SYNCLINE_OK;
}

static uint32_t
write_some(void *stream, const struct syncline_call *call, const void *data, size_t length, struct syncline_error *err)
{
	struct stream *s = stream;
	const unsigned char *at = data;

	if (syncline_cancelled(call))
		return syncline_fail_cancelled(err);
	while (length > 0) {
		ssize_t n = write(s->fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return syncline_fail_errno(err, n < 0 ? errno : EIO, "Storing a stream failed after %" PRIu64 " bytes.", s->length);
		crypto_hash_sha256_update(&s->hash, at, (unsigned long long)n);
		at += n;
		length -= (size_t)n;
		s->length += (uint64_t)n;
	}
	return SYNCLINE_OK;
}

static void
abort_write(void *stream)
{
	struct stream *s = stream;

	unlinkat(s->folder->incoming, s->staged.id, 0);
	close(s->fd);
	free(s);
}

static uint32_t
finish_write(void *stream, const struct syncline_call *call, const struct syncline_content_info *info, char *reference, size_t *ret_length,
             struct syncline_error *err)
{
	struct stream *s = stream;
	struct syncline_content_info i;
	unsigned char hash[crypto_hash_sha256_BYTES];
	uint32_t result;
	int n;

	(void)call;
	SYNCLINE_COPY(&i, info);
	crypto_hash_sha256_final(&s->hash, hash);
	if (i.length != s->length) {
		result = syncline_fail(err, SYNCLINE_INVALID, "The document has %" PRIu64 " bytes, but %" PRIu64 " arrived.", i.length, s->length);
		abort_write(s);
		return result;
	}
	if (!i.has_hash || sodium_memcmp(hash, i.sha256, sizeof hash) != 0) {
		result = syncline_fail(err, SYNCLINE_INVALID, "The document that arrived has another SHA-256 than the one that was sent.");
		abort_write(s);
		return result;
	}
	if (s->staged.media_type[0] == '\0')
		take_media_type(&s->staged, i.media_type);
	if (fsync(s->fd) != 0 || fsync(s->folder->incoming) != 0) {
		result = syncline_fail_errno(err, errno, "The stream can't be made durable.");
		abort_write(s);
		return result;
	}
	sodium_bin2hex(s->staged.sha256, sizeof s->staged.sha256, hash, sizeof hash);
	n = snprintf(reference, SYNCLINE_CONTENT_REF_MAX, "staged:%s:%s:%" PRIu64 ":%s", s->staged.id, s->staged.sha256, s->length,
	             s->staged.media_type);
	*ret_length = (size_t)n;
	close(s->fd);
	free(s);
	return SYNCLINE_OK;
}

const struct syncline_content_v1 folder_content = {
	sizeof folder_content, 0, open_read, read_some, close_read, open_write, write_some, finish_write, abort_write,
};
