/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.c: once, whatever happens, for files that another program takes away as soon as it sees them.
 *
 * Rows are written to a hidden part file and synced.  Then an entry is appended to this process's journal and synced: the keys of
 * the attempts, the part's name and length, and the name that it will have.  Then the part is renamed.  A process that dies
 *
 *     before the entry is durable   leaves a part that no entry names: the next process removes it, nothing was written
 *     after that                    leaves an entry whose part is still there: the next process publishes it
 *     after the rename              leaves an entry without a part: it is published
 *
 * and an attempt that comes again is in a journal or was not written.  Looking whether the published file is there would not do:
 * its reader may have taken it.
 *
 * Each process has a segment of its own, locked as long as it lives; a lock that can be had means that its owner is dead.
 */
#include "journal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "SJ01"
#define HEAD 24u                          /* magic, u32 entry's bytes, u64 part's length, u16 + u16 names, u32 keys */
#define ENTRY_MAX (32u * 1024u * 1024u)
#define SEGMENT_MAX (8u * 1024u * 1024u)  /* a new segment is begun beyond this */
#define KEYS_MAX ((size_t)256 * 1024)     /* of each of the two generations in memory */
#define PREFIX "journal-"

static size_t
slot(const struct csv_keys *keys, const uint8_t key[CSV_KEY])
{
	size_t i = (size_t)csv_hash(3, key, CSV_KEY) & (keys->room - 1);

	while (keys->used[i] && memcmp(keys->slots[i], key, CSV_KEY) != 0)
		i = (i + 1) & (keys->room - 1);
	return i;
}

static void
keys_free(struct csv_keys *keys)
{
	free(keys->slots);
	free(keys->used);
	memset(keys, 0, sizeof *keys);
}

static int
keys_grow(struct csv_keys *keys)
{
	struct csv_keys larger = { .room = keys->room > 0 ? keys->room * 2 : 1024, .count = keys->count };

	larger.slots = calloc(larger.room, sizeof *larger.slots);
	larger.used = calloc(larger.room, 1);
	if (larger.slots == NULL || larger.used == NULL) {
		keys_free(&larger);
		return -1;
	}
	for (size_t i = 0; i < keys->room; i++)
		if (keys->used[i]) {
			size_t at = slot(&larger, keys->slots[i]);

			memcpy(larger.slots[at], keys->slots[i], CSV_KEY);
			larger.used[at] = 1;
		}
	keys_free(keys);
	*keys = larger;
	return 0;
}

/* Beyond the limit the older generation is forgotten. */
static int
remember(struct csv_journal *j, const uint8_t key[CSV_KEY])
{
	size_t at;

	if (j->young.count >= KEYS_MAX) {
		keys_free(&j->old);
		j->old = j->young;
		memset(&j->young, 0, sizeof j->young);
	}
	if ((j->young.count + 1) * 4 > j->young.room * 3 && keys_grow(&j->young) != 0)
		return -1;
	at = slot(&j->young, key);
	if (!j->young.used[at]) {
		memcpy(j->young.slots[at], key, CSV_KEY);
		j->young.used[at] = 1;
		j->young.count++;
	}
	return 0;
}

bool
csv_journal_has(const struct csv_journal *j, const uint8_t key[CSV_KEY])
{
	return (j->young.room > 0 && j->young.used[slot(&j->young, key)]) || (j->old.room > 0 && j->old.used[slot(&j->old, key)]);
}

static uint64_t
get(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | p[bytes];
	return value;
}

static void
put(uint8_t *p, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

struct entry {
	uint64_t bytes, length; /* of the entry, of the part */
	char part[96], final[NAME_MAX + 1];
	const uint8_t *keys;
	uint32_t count;
};

/* The entry at p, checked by its sum; false: half an entry, or none. */
static bool
parse(const uint8_t *p, uint64_t left, struct entry *ret)
{
	uint64_t part, final;

	if (left < HEAD + 8 || memcmp(p, MAGIC, 4) != 0)
		return false;
	ret->bytes = get(p + 4, 4);
	ret->length = get(p + 8, 8);
	part = get(p + 16, 2);
	final = get(p + 18, 2);
	ret->count = (uint32_t)get(p + 20, 4);
	if (ret->bytes > left || part >= sizeof ret->part || final >= sizeof ret->final ||
	    ret->bytes != HEAD + part + final + (uint64_t)ret->count * CSV_KEY + 8 ||
	    csv_hash(5, p, (size_t)ret->bytes - 8) != get(p + ret->bytes - 8, 8))
		return false;
	memcpy(ret->part, p + HEAD, part);
	ret->part[part] = '\0';
	memcpy(ret->final, p + HEAD + part, final);
	ret->final[final] = '\0';
	ret->keys = p + HEAD + part + final;
	/* Names that lead elsewhere are not ours. */
	return strchr(ret->part, '/') == NULL && strchr(ret->final, '/') == NULL && ret->part[0] == 'p' && ret->final[0] != '\0' && ret->final[0] != '.';
}

/* Publishes what a dead process promised; its part is gone when it did so itself. */
static uint32_t
bring_to_end(struct csv_journal *j, const struct entry *e, struct syncline_error *err)
{
	struct stat st;
	int fd = openat(j->hidden, e->part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	uint32_t result = SYNCLINE_OK;

	if (fd < 0)
		return errno == ENOENT ? SYNCLINE_OK : syncline_fail_errno(err, errno, "The unfinished file %s can't be opened.", e->part);
	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size < e->length)
		result = syncline_fail(err, SYNCLINE_PERMANENT, "The unfinished file %s/%s/%s is shorter than its journal says.", j->path, CSV_HIDDEN, e->part);
	else if (ftruncate(fd, (off_t)e->length) != 0 || fsync(fd) != 0)
		result = syncline_fail_errno(err, errno, "The unfinished file %s can't be brought to its end.", e->part);
	close(fd);
	if (result == SYNCLINE_OK && (renameat(j->hidden, e->part, j->import, e->final) != 0 || fsync(j->import) != 0 || fsync(j->hidden) != 0))
		result = syncline_fail_errno(err, errno, "The file %s can't be published.", e->final);
	return result;
}

/*
 * Reads a segment from *at on.  dead: its owner will write no more.  Of several entries for one part (a file that was
 * collected over a run) the last one counts.
 */
static uint32_t
read_segment(struct csv_journal *j, int fd, bool dead, uint64_t *at, struct syncline_error *err)
{
	struct stat st;
	struct entry e, last = { 0 };
	uint8_t *data = NULL;
	uint64_t size, done = 0;
	uint32_t result = SYNCLINE_OK;

	if (fstat(fd, &st) != 0)
		return syncline_fail_errno(err, errno, "A journal in %s/%s can't be read.", j->path, CSV_HIDDEN);
	if ((uint64_t)st.st_size <= *at)
		return SYNCLINE_OK;
	size = (uint64_t)st.st_size - *at;
	if ((data = malloc((size_t)size)) == NULL)
		return syncline_fail_memory(err);
	while (done < size) {
		ssize_t n = pread(fd, data + done, (size_t)(size - done), (off_t)(*at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (uint64_t)n;
	}
	for (uint64_t i = 0; result == SYNCLINE_OK && i < done && parse(data + i, done - i, &e); i += e.bytes) {
		for (uint32_t k = 0; k < e.count; k++)
			if (remember(j, e.keys + (size_t)k * CSV_KEY) != 0)
				result = syncline_fail_memory(err);
		if (result == SYNCLINE_OK && dead && last.bytes != 0 && strcmp(last.part, e.part) != 0)
			result = bring_to_end(j, &last, err);
		last = e;
		*at += e.bytes;
	}
	if (result == SYNCLINE_OK && dead && last.bytes != 0)
		result = bring_to_end(j, &last, err);
	free(data);
	return result;
}

/* Parts that no entry names, of a process that is dead. */
static void
sweep(struct csv_journal *j, const char *segment)
{
	int fd = openat(j->hidden, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const char *id = segment + sizeof PREFIX - 1;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "part-", 5) == 0 && strncmp(entry->d_name + 5, id, strlen(id)) == 0 && entry->d_name[5 + strlen(id)] == '.')
			unlinkat(j->hidden, entry->d_name, 0);
	closedir(dir);
}

static int
lock(int fd)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &l);
}

static struct csv_segment *
segment_of(struct csv_journal *j, const char *name)
{
	struct csv_segment *larger;

	for (size_t i = 0; i < j->segment_count; i++)
		if (strcmp(j->segments[i].name, name) == 0)
			return &j->segments[i];
	if (strlen(name) >= sizeof j->segments->name || (larger = realloc(j->segments, (j->segment_count + 1) * sizeof *larger)) == NULL)
		return NULL;
	j->segments = larger;
	memset(&larger[j->segment_count], 0, sizeof *larger);
	strcpy(larger[j->segment_count].name, name);
	return &larger[j->segment_count++];
}

/* One segment of another process: its keys; and if that is dead, its promises and what is left of it. */
static uint32_t
visit(struct csv_journal *j, const char *name, bool recover, struct syncline_error *err)
{
	struct csv_segment *s = segment_of(j, name);
	int fd = openat(j->hidden, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	bool dead;
	uint64_t from = 0;
	uint32_t result;

	if (s == NULL || fd < 0) {
		if (fd >= 0)
			close(fd);
		return s == NULL ? syncline_fail_memory(err) : SYNCLINE_OK; /* removed meanwhile */
	}
	dead = recover && lock(fd) == 0;
	result = read_segment(j, fd, dead, dead ? &from : &s->seen, err);
	if (dead)
		s->seen = from;
	if (result == SYNCLINE_OK && dead) {
		sweep(j, name);
		if (fstat(fd, &st) == 0 && (int64_t)st.st_mtim.tv_sec * 1000000 + j->retention_us < csv_wall_us(j->instance))
			unlinkat(j->hidden, name, 0);
	}
	close(fd);
	return result;
}

static uint32_t
visit_all(struct csv_journal *j, bool recover, struct syncline_error *err)
{
	int fd = openat(j->hidden, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint32_t result = SYNCLINE_OK;

	if (dir == NULL) {
		result = syncline_fail_errno(err, errno, "The folder %s/%s can't be listed.", j->path, CSV_HIDDEN);
		if (fd >= 0)
			close(fd);
		return result;
	}
	while (result == SYNCLINE_OK && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0 && strcmp(entry->d_name, j->own) != 0)
			result = visit(j, entry->d_name, recover, err);
	closedir(dir);
	return result;
}

uint32_t
csv_journal_refresh(struct csv_journal *j, struct syncline_error *err)
{
	return visit_all(j, false, err);
}

/* This process's segment; begun before the others are visited, so that nobody takes its parts for a dead process's. */
static uint32_t
begin_segment(struct csv_journal *j, struct syncline_error *err)
{
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(j->own, sizeof j->own, PREFIX "%lld-%ld-%u", (long long)csv_wall_us(j->instance), (long)getpid(), i);
		j->fd = openat(j->hidden, j->own, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (j->fd >= 0 || errno != EEXIST)
			break;
	}
	if (j->fd < 0 || lock(j->fd) != 0 || fsync(j->hidden) != 0)
		return syncline_fail_errno(err, errno, "A journal can't be begun in %s/%s.", j->path, CSV_HIDDEN);
	j->length = 0;
	j->parts = 0;
	return SYNCLINE_OK;
}

static void
journal_free(struct csv_journal *j)
{
	if (j == NULL)
		return;
	if (j->fd >= 0 && j->length == 0 && !j->broken)
		unlinkat(j->hidden, j->own, 0);
	if (j->fd >= 0)
		close(j->fd);
	if (j->hidden >= 0)
		close(j->hidden);
	if (j->import >= 0)
		close(j->import);
	keys_free(&j->young);
	keys_free(&j->old);
	free(j->segments);
	free(j->path);
	free(j);
}

uint32_t
csv_journal_open(struct csv_instance *in, const char *path, int64_t retention_us, struct csv_journal **ret_journal, struct syncline_error *err)
{
	struct csv_journal *j;
	uint32_t result;

	for (j = in->journals; j != NULL; j = j->next)
		if (path != NULL && strcmp(j->path, path) == 0) {
			*ret_journal = j;
			return SYNCLINE_OK;
		}
	if ((j = calloc(1, sizeof *j)) == NULL)
		return syncline_fail_memory(err);
	j->import = j->hidden = j->fd = -1;
	j->instance = in;
	j->retention_us = retention_us;
	result = csv_folder_open(path, "import_directory", &j->import, err);
	if (result == SYNCLINE_OK) {
		assert(path != NULL); /* a missing path was refused */
		if ((j->path = strdup(path)) == NULL)
			result = syncline_fail_memory(err);
	}
	if (result == SYNCLINE_OK && ((mkdirat(j->import, CSV_HIDDEN, 0700) != 0 && errno != EEXIST) ||
	    (j->hidden = openat(j->import, CSV_HIDDEN, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0 || fsync(j->import) != 0)) {
		result = syncline_fail_errno(err, errno, "The folder %s/%s can't be used.", path, CSV_HIDDEN);
		syncline_hint(err, "Give the agent's user the right to write to import_directory.");
	}
	if (result == SYNCLINE_OK && (result = begin_segment(j, err)) == SYNCLINE_OK)
		result = visit_all(j, true, err);
	if (result != SYNCLINE_OK) {
		journal_free(j);
		return result;
	}
	j->next = in->journals;
	in->journals = j;
	*ret_journal = j;
	return SYNCLINE_OK;
}

void
csv_journals_free(struct csv_instance *in)
{
	while (in->journals != NULL) {
		struct csv_journal *next = in->journals->next;

		journal_free(in->journals);
		in->journals = next;
	}
}

uint32_t
csv_part_new(struct csv_journal *j, struct csv_part *part, struct syncline_error *err)
{
	uint32_t result;

	memset(part, 0, sizeof *part);
	part->fd = -1;
	if (j->broken) {
		result = syncline_fail(err, SYNCLINE_RETRY, "The journal in %s/%s could not be written; it is not used any further.", j->path, CSV_HIDDEN);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		syncline_hint(err, "Check the disk; the connector begins a new journal when it is started again.");
		return result;
	}
	if (j->length > SEGMENT_MAX && j->open_parts == 0) {
		close(j->fd);
		j->fd = -1;
		if ((result = begin_segment(j, err)) != SYNCLINE_OK) {
			j->broken = true;
			return result;
		}
		if ((result = visit_all(j, true, err)) != SYNCLINE_OK)
			return result;
	}
	snprintf(part->name, sizeof part->name, "part-%s.%u", j->own + sizeof PREFIX - 1, ++j->parts);
	part->fd = openat(j->hidden, part->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (part->fd < 0) {
		result = syncline_fail_errno(err, errno, "A file can't be begun in %s/%s.", j->path, CSV_HIDDEN);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	j->open_parts++;
	return SYNCLINE_OK;
}

static int
write_all(int fd, const uint8_t *data, size_t length, uint64_t at)
{
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

uint32_t
csv_journal_promise(struct csv_journal *j, struct csv_part *part, const uint8_t *keys, uint32_t count, struct syncline_error *err)
{
	size_t name = strlen(part->name), final = strlen(part->final), bytes = HEAD + name + final + (size_t)count * CSV_KEY + 8;
	uint8_t *entry = bytes <= ENTRY_MAX ? malloc(bytes) : NULL;
	uint32_t result;
	int number;

	if (entry == NULL) {
		result = syncline_fail_memory(err);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	memcpy(entry, MAGIC, 4);
	put(entry + 4, bytes, 4);
	put(entry + 8, part->length, 8);
	put(entry + 16, name, 2);
	put(entry + 18, final, 2);
	put(entry + 20, count, 4);
	memcpy(entry + HEAD, part->name, name);
	memcpy(entry + HEAD + name, part->final, final);
	if (count > 0)
		memcpy(entry + HEAD + name + final, keys, (size_t)count * CSV_KEY);
	put(entry + bytes - 8, csv_hash(5, entry, bytes - 8), 8);
	/* The part's own name has to be durable before the entry that counts on it. */
	if (fsync(j->hidden) == 0 && write_all(j->fd, entry, bytes, j->length) == 0 && fsync(j->fd) == 0) {
		free(entry);
		j->length += bytes;
		part->promised = true;
		for (uint32_t k = 0; k < count; k++)
			if (remember(j, keys + (size_t)k * CSV_KEY) != 0) {
				j->broken = true; /* it can't be told any more what was written; a new process reads the journal */
				break;
			}
		return SYNCLINE_OK;
	}
	number = errno;
	free(entry);
	result = syncline_fail_errno(err, number, "The journal in %s/%s can't be written.", j->path, CSV_HIDDEN);
	/* Taken back, it never was; else the next process decides by what it finds. */
	if (ftruncate(j->fd, (off_t)j->length) == 0 && fsync(j->fd) == 0) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
	} else {
		j->broken = true;
		syncline_applied(err, SYNCLINE_APPLIED_MAYBE);
	}
	return result;
}

uint32_t
csv_part_publish(struct csv_journal *j, struct csv_part *part, struct syncline_error *err)
{
	if ((renameat(j->hidden, part->name, j->import, part->final) != 0 && errno != ENOENT) || fsync(j->import) != 0 || fsync(j->hidden) != 0) {
		uint32_t result = syncline_fail_errno(err, errno, "The file %s can't be published in %s.", part->final, j->path);

		syncline_hint(err, "Its rows are safe in %s; publishing is tried again.", CSV_HIDDEN);
		return result;
	}
	if (part->fd >= 0)
		close(part->fd);
	part->fd = -1;
	j->open_parts--;
	part->promised = false;
	part->length = 0;
	return SYNCLINE_OK;
}

void
csv_part_drop(struct csv_journal *j, struct csv_part *part)
{
	if (part->fd < 0)
		return;
	if (!j->broken)
		unlinkat(j->hidden, part->name, 0);
	close(part->fd);
	part->fd = -1;
	j->open_parts--;
	part->length = 0;
}
