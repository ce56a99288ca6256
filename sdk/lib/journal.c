/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.c: once, whatever happens, for files that another program takes away as soon as it sees them.
 *
 * Bytes are written to a hidden part and synced.  Then an entry is appended to this process's segment and synced: the keys of
 * the attempts, the part's name and length, and the name that it will have.  Then the part is renamed, or kept for more.  A
 * process that dies
 *
 *     before the entry is durable   leaves bytes that no entry names: they are cut off, nothing was written
 *     after that                    leaves an entry whose part is still there: it is published, or gone on with
 *     after the rename              leaves an entry without a part: it is published
 *
 * and an attempt that comes again is in a journal or was not written.  Looking whether the published file is there would not do:
 * its reader may have taken it.
 *
 * A part that is kept belongs to who holds the lock of its final name.  Throwing it away is removing it: its keys count only
 * while it is there or when an entry says that it was published.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

#define SEGMENT_MAX (8u * 1024u * 1024u) /* a new segment is begun beyond this */

/* Before the others are visited, so that nobody takes its parts for a dead process's. */
static uint32_t
begin_segment(struct syncline_journal *j, int64_t now_us, struct syncline_error *err)
{
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(j->own, sizeof j->own, JOURNAL_PREFIX "%lld-%ld-%u", (long long)now_us, (long)getpid(), i);
		j->fd = openat(j->hidden, j->own, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (j->fd >= 0 || errno != EEXIST)
			break;
	}
	if (j->fd < 0 || journal_lock(j->fd, 0, 0, 0) != 0 || fsync(j->hidden) != 0)
		return syncline_fail_errno(err, errno, "A journal can't be begun in %s/%s.", j->path, SYNCLINE_JOURNAL_FOLDER);
	j->length = 0;
	j->parts = 0;
	return SYNCLINE_OK;
}

static uint32_t
read_all(struct syncline_journal *j, int64_t now_us, struct syncline_error *err)
{
	struct journal_scan scan = { 0 };
	uint32_t result = journal_find_parts(j, &scan, now_us, err);

	if (result == SYNCLINE_OK)
		result = journal_learn(j, &scan, err);
	journal_scan_free(&scan);
	return result;
}

void
syncline_journal_close(struct syncline_journal *j)
{
	if (j == NULL)
		return;
	if (j->fd >= 0 && j->length == 0 && !j->broken)
		unlinkat(j->hidden, j->own, 0);
	if (j->fd >= 0)
		close(j->fd);
	if (j->lock >= 0)
		close(j->lock);
	if (j->hidden >= 0)
		close(j->hidden);
	if (j->folder >= 0)
		close(j->folder);
	journal_keys_free(&j->young);
	journal_keys_free(&j->old);
	journal_keys_free(&j->claimed);
	free(j->segments);
	free(j->window);
	free(j->path);
	free(j);
}

uint32_t
syncline_journal_open(int folder, const char *path, int64_t retention_us, int64_t now_us, struct syncline_journal **ret_journal,
                      struct syncline_error *err)
{
	struct syncline_journal *j = (struct syncline_journal *)calloc(1, sizeof *j);
	uint32_t result = SYNCLINE_OK;

	if (j == NULL)
		return syncline_fail_memory(err);
	j->hidden = j->fd = j->lock = -1;
	j->folder = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	j->retention_us = retention_us;
	if ((j->path = strdup(path)) == NULL) {
		result = syncline_fail_memory(err);
	} else if (j->folder < 0 || (mkdirat(j->folder, SYNCLINE_JOURNAL_FOLDER, 0700) != 0 && errno != EEXIST) ||
	           (j->hidden = openat(j->folder, SYNCLINE_JOURNAL_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0 ||
	           fsync(j->folder) != 0) {
		result = syncline_fail_errno(err, errno, "The folder %s/%s can't be used.", path, SYNCLINE_JOURNAL_FOLDER);
		syncline_hint(err, "Give the agent's user the right to write to %s.", path);
	}
	if (result == SYNCLINE_OK)
		result = begin_segment(j, now_us, err);
	if (result == SYNCLINE_OK)
		result = read_all(j, now_us, err);
	if (result != SYNCLINE_OK) {
		syncline_journal_close(j);
		return result;
	}
	*ret_journal = j;
	return SYNCLINE_OK;
}

uint32_t
syncline_journal_begin(struct syncline_journal *j, int others, struct syncline_error *err)
{
	journal_keys_clear(&j->claimed);
	if (j->stale)
		return read_all(j, INT64_MIN, err);
	return others ? journal_refresh(j, err) : SYNCLINE_OK;
}

/* Whether entries can be written; a segment that is full gives way to a new one. */
static uint32_t
check_segment(struct syncline_journal *j, int64_t now_us, struct syncline_error *err)
{
	uint32_t result;

	if (j->broken) {
		result = syncline_fail(err, SYNCLINE_RETRY, "The journal in %s/%s could not be written; it is not used any further.", j->path,
		                       SYNCLINE_JOURNAL_FOLDER);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		syncline_hint(err, "Check the disk; the connector begins a new journal when it is started again.");
		return result;
	}
	if (j->length <= SEGMENT_MAX || j->open_parts > 0)
		return SYNCLINE_OK;
	close(j->fd);
	j->fd = -1;
	j->stale = 1; /* until the old one was read as another's */
	if ((result = begin_segment(j, now_us, err)) != SYNCLINE_OK) {
		j->broken = 1;
		return result;
	}
	return read_all(j, now_us, err);
}

static uint32_t
new_part(struct syncline_journal *j, struct syncline_journal_part *part, struct syncline_error *err)
{
	uint32_t result;

	snprintf(part->name, sizeof part->name, JOURNAL_PART "%s.%u", j->own + sizeof JOURNAL_PREFIX - 1, ++j->parts);
	part->descriptor = openat(j->hidden, part->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (part->descriptor < 0) {
		result = syncline_fail_errno(err, errno, "A file can't be begun in %s/%s.", j->path, SYNCLINE_JOURNAL_FOLDER);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	j->open_parts++;
	return SYNCLINE_OK;
}

uint32_t
syncline_journal_part(struct syncline_journal *j, int64_t now_us, struct syncline_journal_part *ret_part, struct syncline_error *err)
{
	struct syncline_journal_part part;
	uint32_t result = check_segment(j, now_us, err);

	memset(&part, 0, sizeof part);
	if (result == SYNCLINE_OK)
		result = new_part(j, &part, err);
	if (result == SYNCLINE_OK)
		*ret_part = part;
	return result;
}

/* One byte of the lock file stands for a final name. */
static uint64_t
lock_at(const char *final_name)
{
	return syncline_hash(17, final_name, strlen(final_name)) & 0x3fffffff;
}

static uint32_t
lock_name(struct syncline_journal *j, const char *final_name, struct syncline_error *err)
{
	uint32_t result;
	int number;

	if (j->lock < 0)
		j->lock = openat(j->hidden, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->lock >= 0 && journal_lock(j->lock, lock_at(final_name), 1, 0) == 0)
		return SYNCLINE_OK;
	number = errno;
	if (j->lock >= 0 && (number == EACCES || number == EAGAIN)) {
		result = syncline_fail(err, SYNCLINE_RETRY, "Another process is writing %s/%s.", j->path, final_name);
		syncline_hint(err, "It is tried again by itself.");
		return result;
	}
	return syncline_fail_errno(err, number, "The file %s/%s/lock can't be used.", j->path, SYNCLINE_JOURNAL_FOLDER);
}

/* Takes over what was left under this name, or removes it. */
static uint32_t
adopt(struct syncline_journal *j, struct journal_scan *scan, int discard, struct syncline_journal_part *part, struct syncline_error *err)
{
	int removed = 0;

	for (size_t i = 0; i < scan->count && part->descriptor < 0; i++) {
		struct journal_part_seen *p = &scan->parts[i];

		if (!p->kept || p->published || !p->exists || strcmp(p->final_name, part->final_name) != 0)
			continue;
		if (discard) {
			if (unlinkat(j->hidden, p->name, 0) != 0)
				return syncline_fail_errno(err, errno, "What was left of %s can't be removed.", part->final_name);
			removed = 1;
			p->exists = 0;
			continue;
		}
		part->descriptor = openat(j->hidden, p->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (part->descriptor < 0)
			return syncline_fail_errno(err, errno, "What was left of %s can't be opened.", part->final_name);
		j->open_parts++;
		memcpy(part->name, p->name, sizeof part->name);
		part->promised = 1;
		part->length = p->length;
		p->size = p->length; /* what stands behind it was never written down, or is lost */
		if (ftruncate(part->descriptor, (off_t)p->length) != 0)
			return syncline_fail_errno(err, errno, "What was left of %s can't be cut to what counts.", part->final_name);
	}
	if (removed && fsync(j->hidden) != 0)
		return syncline_fail_errno(err, errno, "The folder %s/%s can't be made durable.", j->path, SYNCLINE_JOURNAL_FOLDER);
	return SYNCLINE_OK;
}

static void
close_part(struct syncline_journal *j, struct syncline_journal_part *part)
{
	if (part->descriptor >= 0) {
		close(part->descriptor);
		j->open_parts--;
	}
	if (part->locked)
		journal_lock(j->lock, lock_at(part->final_name), 1, 1);
	part->descriptor = -1;
	part->locked = part->promised = 0;
	part->length = 0;
}

uint32_t
syncline_journal_keep(struct syncline_journal *j, const char *final_name, int discard, int64_t now_us, struct syncline_journal_part *ret_part,
                      struct syncline_error *err)
{
	struct syncline_journal_part part;
	struct journal_scan scan = { 0 };
	uint32_t result;

	memset(&part, 0, sizeof part);
	part.descriptor = -1;
	part.kept = 1;
	if (final_name[0] == '.' || strchr(final_name, '/') != NULL || !syncline_path_is_safe(final_name) ||
	    snprintf(part.final_name, sizeof part.final_name, "%s", final_name) >= (int)sizeof part.final_name)
		return syncline_fail(err, SYNCLINE_CONFIG, "\"%s\" can't be the name of a file.", final_name);
	result = check_segment(j, now_us, err);
	if (result == SYNCLINE_OK && (result = lock_name(j, final_name, err)) == SYNCLINE_OK) {
		part.locked = 1;
		result = journal_find_parts(j, &scan, now_us, err);
	}
	if (result == SYNCLINE_OK)
		result = adopt(j, &scan, discard, &part, err);
	if (result == SYNCLINE_OK)
		result = journal_learn(j, &scan, err);
	journal_scan_free(&scan);
	if (result == SYNCLINE_OK && part.descriptor < 0)
		result = new_part(j, &part, err);
	if (result != SYNCLINE_OK) {
		close_part(j, &part);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	*ret_part = part;
	return SYNCLINE_OK;
}

static int
write_all(int fd, const void *from, size_t length, uint64_t at)
{
	const uint8_t *data = (const uint8_t *)from;

	while (length > 0) {
		ssize_t n = pwrite(fd, data, length, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		length -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static void
put(uint8_t *p, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

/* Writes an entry; the point of no return. */
static uint32_t
promise(struct syncline_journal *j, const struct syncline_journal_part *part, char kind, const uint8_t *keys, uint32_t count, int sync,
        struct syncline_error *err)
{
	size_t name = strlen(part->name), final = strlen(part->final_name);
	size_t bytes = JOURNAL_HEAD + name + final + (size_t)count * JOURNAL_KEY + 8;
	uint8_t *entry = bytes <= JOURNAL_ENTRY_MAX ? (uint8_t *)malloc(bytes) : NULL;
	uint32_t result;
	int number;

	if (entry == NULL || journal_reserve(j, count) != 0) {
		free(entry);
		result = syncline_fail_memory(err);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	memcpy(entry, "SJ0", 3);
	entry[3] = (uint8_t)kind;
	put(entry + 4, bytes, 4);
	put(entry + 8, part->length, 8);
	put(entry + 16, name, 2);
	put(entry + 18, final, 2);
	put(entry + 20, count, 4);
	memcpy(entry + JOURNAL_HEAD, part->name, name);
	memcpy(entry + JOURNAL_HEAD + name, part->final_name, final);
	if (count > 0)
		memcpy(entry + JOURNAL_HEAD + name + final, keys, (size_t)count * JOURNAL_KEY);
	put(entry + bytes - 8, syncline_hash(5, entry, bytes - 8), 8);
	if (write_all(j->fd, entry, bytes, j->length) == 0 && (!sync || fsync(j->fd) == 0)) {
		free(entry);
		j->length += bytes;
		for (uint32_t i = 0; i < count; i++)
			(void)journal_keys_add(&j->young, keys + (size_t)i * JOURNAL_KEY); /* there is room */
		return SYNCLINE_OK;
	}
	number = errno;
	free(entry);
	result = syncline_fail_errno(err, number, "The journal in %s/%s can't be written.", j->path, SYNCLINE_JOURNAL_FOLDER);
	/* Taken back, it never was; else the next process decides by what it finds. */
	if (ftruncate(j->fd, (off_t)j->length) == 0 && fsync(j->fd) == 0) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
	} else {
		j->broken = 1;
		syncline_applied(err, SYNCLINE_APPLIED_MAYBE);
	}
	return result;
}

uint32_t
syncline_journal_write(struct syncline_journal *j, struct syncline_journal_part *part, const void *data, size_t length, const uint8_t *keys,
                       uint32_t count, int sync, struct syncline_error *err)
{
	uint64_t before = part->length;
	uint32_t result = check_segment(j, INT64_MIN, err);

	if (result != SYNCLINE_OK)
		return result;
	/* Behind what is promised already; what a failed attempt left there is overwritten or cut off. */
	if (write_all(part->descriptor, data, length, before) != 0 || ftruncate(part->descriptor, (off_t)(before + length)) != 0 ||
	    (sync && fsync(part->descriptor) != 0) || (sync && !part->promised && fsync(j->hidden) != 0)) {
		result = syncline_fail_errno(err, errno, "Writing a file in %s failed.", j->path);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		syncline_hint(err, "Check the free space and the rights of %s.", j->path);
		return result;
	}
	part->length = before + length;
	result = promise(j, part, part->kept ? JOURNAL_KEEP : JOURNAL_PROMISE, keys, count, sync, err);
	if (result == SYNCLINE_OK)
		part->promised = 1;
	else
		part->length = before;
	return result;
}

uint32_t
syncline_journal_publish(struct syncline_journal *j, struct syncline_journal_part *part, struct syncline_error *err)
{
	uint32_t result;

	if (part->kept) {
		if ((result = check_segment(j, INT64_MIN, err)) != SYNCLINE_OK)
			return result;
		if (ftruncate(part->descriptor, (off_t)part->length) != 0 || fsync(part->descriptor) != 0 || fsync(j->hidden) != 0)
			return syncline_fail_errno(err, errno, "The file %s can't be made durable in %s.", part->final_name, j->path);
		if ((result = promise(j, part, JOURNAL_PUBLISH, NULL, 0, 1, err)) != SYNCLINE_OK)
			return result;
		part->kept = 0;
	}
	if ((renameat(j->hidden, part->name, j->folder, part->final_name) != 0 && errno != ENOENT) || fsync(j->folder) != 0 || fsync(j->hidden) != 0) {
		result = syncline_fail_errno(err, errno, "The file %s can't be published in %s.", part->final_name, j->path);
		syncline_hint(err, "What it holds is safe in %s; publishing is tried again.", SYNCLINE_JOURNAL_FOLDER);
		return result;
	}
	close_part(j, part);
	return SYNCLINE_OK;
}

void
syncline_journal_leave(struct syncline_journal *j, struct syncline_journal_part *part)
{
	/* Where an entry may name it after all, the next process looks. */
	if (part->descriptor >= 0 && !part->promised && !j->broken)
		unlinkat(j->hidden, part->name, 0);
	close_part(j, part);
}
