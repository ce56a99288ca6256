/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal-scan.c: reading what processes wrote down in a journal's folder.  Each has a segment of its own, locked as long as it
 * lives; a lock that can be had means that its owner is dead, and that who has it now brings its promises to their end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

#define WINDOW (256u * 1024u)

uint64_t
journal_get(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | p[bytes];
	return value;
}

int
journal_lock(int fd, uint64_t at, uint64_t length, int unlock)
{
	struct flock l;

	memset(&l, 0, sizeof l);
	l.l_type = (short)(unlock ? F_UNLCK : F_WRLCK);
	l.l_whence = SEEK_SET;
	l.l_start = (off_t)at;
	l.l_len = (off_t)length;
	return fcntl(fd, F_SETLK, &l);
}

/* The entry at p, checked by its sum; 0: half an entry, or none. */
static int
parse(const uint8_t *p, uint64_t left, struct journal_entry *ret)
{
	uint64_t part, final;

	if (left < JOURNAL_HEAD + 8 || memcmp(p, "SJ0", 3) != 0)
		return 0;
	ret->kind = (char)p[3];
	ret->bytes = journal_get(p + 4, 4);
	ret->length = journal_get(p + 8, 8);
	part = journal_get(p + 16, 2);
	final = journal_get(p + 18, 2);
	ret->count = (uint32_t)journal_get(p + 20, 4);
	if (ret->bytes > left || part >= sizeof ret->part || final >= sizeof ret->final_name || ret->length > INT64_MAX ||
	    ret->bytes != JOURNAL_HEAD + part + final + (uint64_t)ret->count * JOURNAL_KEY + 8 ||
	    syncline_hash(5, p, (size_t)ret->bytes - 8) != journal_get(p + ret->bytes - 8, 8))
		return 0;
	memcpy(ret->part, p + JOURNAL_HEAD, part);
	ret->part[part] = '\0';
	memcpy(ret->final_name, p + JOURNAL_HEAD + part, final);
	ret->final_name[final] = '\0';
	ret->keys = p + JOURNAL_HEAD + part + final;
	/* Names that lead elsewhere are not ours. */
	return strchr(ret->part, '/') == NULL && strchr(ret->final_name, '/') == NULL && strncmp(ret->part, JOURNAL_PART, sizeof JOURNAL_PART - 1) == 0 &&
	       ret->final_name[0] != '\0' && ret->final_name[0] != '.' && ret->kind >= JOURNAL_PROMISE && ret->kind <= JOURNAL_PUBLISH;
}

typedef uint32_t visit_entry(struct syncline_journal *journal, void *data, const struct journal_entry *entry, struct syncline_error *err);

static ssize_t
read_at(int fd, uint8_t *to, size_t length, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, to, length, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n;
}

static int
grow_window(struct syncline_journal *j, size_t room)
{
	uint8_t *larger = (uint8_t *)realloc(j->window, room);

	if (larger == NULL)
		return -1;
	j->window = larger;
	j->window_room = room;
	return 0;
}

/* All whole entries from *at on, which is moved behind those that were visited; memory holds one window or one entry. */
static uint32_t
each_entry(struct syncline_journal *j, int fd, uint64_t *at, visit_entry *visit, void *data, struct syncline_error *err)
{
	struct journal_entry e;
	struct stat st;
	size_t filled = 0, used = 0;
	uint32_t result = SYNCLINE_OK;

	if (fstat(fd, &st) != 0)
		return syncline_fail_errno(err, errno, "A journal in %s/%s can't be read.", j->path, SYNCLINE_JOURNAL_FOLDER);
	if ((uint64_t)st.st_size <= *at)
		return SYNCLINE_OK;
	if (j->window == NULL && grow_window(j, WINDOW) != 0)
		return syncline_fail_memory(err);
	while (result == SYNCLINE_OK) {
		uint64_t left = (uint64_t)st.st_size - *at, wanted = JOURNAL_HEAD;
		ssize_t n;

		if (filled - used >= JOURNAL_HEAD)
			wanted = journal_get(j->window + used + 4, 4);

		if (filled - used >= JOURNAL_HEAD && wanted <= filled - used) {
			if (!parse(j->window + used, filled - used, &e))
				break;
			if ((result = visit(j, data, &e, err)) == SYNCLINE_OK) {
				used += (size_t)e.bytes;
				*at += e.bytes;
			}
			continue;
		}
		if (wanted > left || wanted > JOURNAL_ENTRY_MAX)
			break; /* half an entry */
		memmove(j->window, j->window + used, filled - used);
		filled -= used;
		used = 0;
		if (wanted > j->window_room && grow_window(j, (size_t)wanted) != 0)
			return syncline_fail_memory(err);
		if ((n = read_at(fd, j->window + filled, j->window_room - filled, *at + filled)) < 0)
			return syncline_fail_errno(err, errno, "A journal in %s/%s can't be read.", j->path, SYNCLINE_JOURNAL_FOLDER);
		if (n == 0)
			break;
		filled += (size_t)n;
	}
	return result;
}

void
journal_scan_free(struct journal_scan *scan)
{
	free(scan->parts);
	memset(scan, 0, sizeof *scan);
}

static struct journal_part_seen *
find_part(struct journal_scan *scan, const char *name)
{
	/* Entries of one part mostly follow each other. */
	if (scan->last < scan->count && strcmp(scan->parts[scan->last].name, name) == 0)
		return &scan->parts[scan->last];
	for (size_t i = scan->count; i-- > 0;)
		if (strcmp(scan->parts[i].name, name) == 0) {
			scan->last = i;
			return &scan->parts[i];
		}
	return NULL;
}

static struct journal_part_seen *
add_part(struct syncline_journal *j, struct journal_scan *scan, const struct journal_entry *e)
{
	struct journal_part_seen *p;
	struct stat st;

	if (scan->count == scan->room) {
		size_t room = scan->room > 0 ? scan->room * 2 : 16;

		if ((p = (struct journal_part_seen *)realloc(scan->parts, room * sizeof *p)) == NULL)
			return NULL;
		scan->parts = p;
		scan->room = room;
	}
	scan->last = scan->count++;
	p = &scan->parts[scan->last];
	memset(p, 0, sizeof *p);
	memcpy(p->name, e->part, sizeof p->name);
	memcpy(p->final_name, e->final_name, sizeof p->final_name);
	p->exists = fstatat(j->hidden, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
	p->size = p->exists ? (uint64_t)st.st_size : 0;
	return p;
}

struct visited { /* one segment on the way through all */
	struct journal_scan *scan;
	int dead, holds; /* holds: a part that is kept and still there */
	uint64_t keys;
};

static uint32_t
see_part(struct syncline_journal *j, void *data, const struct journal_entry *e, struct syncline_error *err)
{
	struct visited *v = (struct visited *)data;
	struct journal_part_seen *p = find_part(v->scan, e->part);
	struct stat st;

	v->keys += e->count;
	/* Of the many that were promised and published long ago nothing is remembered. */
	if (p == NULL && e->kind == JOURNAL_PROMISE && (!v->dead || fstatat(j->hidden, e->part, &st, AT_SYMLINK_NOFOLLOW) != 0))
		return SYNCLINE_OK;
	if (p == NULL && (p = add_part(j, v->scan, e)) == NULL)
		return syncline_fail_memory(err);
	if (e->kind == JOURNAL_KEEP) {
		p->kept = 1;
		v->holds |= p->exists;
		if (e->length <= p->size && e->length > p->length)
			p->length = e->length;
	} else {
		/* The last entry counts: a part may collect over a run. */
		p->published = 1;
		p->open = v->dead && p->exists;
		p->length = e->length;
	}
	return SYNCLINE_OK;
}

/* Publishes what a dead process promised; its part is gone when it did so itself. */
static uint32_t
bring_to_end(struct syncline_journal *j, struct journal_part_seen *p, struct syncline_error *err)
{
	struct stat st;
	int fd = openat(j->hidden, p->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	uint32_t result = SYNCLINE_OK;

	if (fd < 0 && errno != ENOENT)
		return syncline_fail_errno(err, errno, "The unfinished file %s can't be opened.", p->name);
	if (fd >= 0) {
		if (fstat(fd, &st) != 0 || (uint64_t)st.st_size < p->length)
			result = syncline_fail(err, SYNCLINE_PERMANENT, "The unfinished file %s/%s/%s is shorter than its journal says.", j->path,
			                       SYNCLINE_JOURNAL_FOLDER, p->name);
		else if (ftruncate(fd, (off_t)p->length) != 0 || fsync(fd) != 0)
			result = syncline_fail_errno(err, errno, "The unfinished file %s can't be brought to its end.", p->name);
		close(fd);
		if (result == SYNCLINE_OK && (renameat(j->hidden, p->name, j->folder, p->final_name) != 0 || fsync(j->folder) != 0 || fsync(j->hidden) != 0))
			result = syncline_fail_errno(err, errno, "The file %s can't be published.", p->final_name);
	}
	if (result == SYNCLINE_OK)
		p->open = p->exists = 0;
	return result;
}

static uint32_t
list(struct syncline_journal *j, DIR **ret_dir, struct syncline_error *err)
{
	int fd = openat(j->hidden, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), number;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		number = errno;
		if (fd >= 0)
			close(fd);
		return syncline_fail_errno(err, number, "The folder %s/%s can't be listed.", j->path, SYNCLINE_JOURNAL_FOLDER);
	}
	*ret_dir = dir;
	return SYNCLINE_OK;
}

static struct journal_segment *
segment_of(struct syncline_journal *j, const char *name)
{
	struct journal_segment *larger;

	for (size_t i = 0; i < j->segment_count; i++)
		if (strcmp(j->segments[i].name, name) == 0)
			return &j->segments[i];
	if (j->segment_count == j->segment_room) {
		size_t room = j->segment_room > 0 ? j->segment_room * 2 : 32;

		if ((larger = (struct journal_segment *)realloc(j->segments, room * sizeof *larger)) == NULL)
			return NULL;
		j->segments = larger;
		j->segment_room = room;
	}
	larger = &j->segments[j->segment_count++];
	memset(larger, 0, sizeof *larger);
	strcpy(larger->name, name); /* its length was checked */
	return larger;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct journal_segment *)a)->name, ((const struct journal_segment *)b)->name);
}

/* Learns which segments there are; their names begin with their time. */
static uint32_t
list_segments(struct syncline_journal *j, struct syncline_error *err)
{
	struct dirent *entry;
	DIR *dir;
	uint32_t result = list(j, &dir, err);

	if (result != SYNCLINE_OK)
		return result;
	while (result == SYNCLINE_OK && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, JOURNAL_PREFIX, sizeof JOURNAL_PREFIX - 1) == 0 && strcmp(entry->d_name, j->own) != 0 &&
		    strlen(entry->d_name) < sizeof j->segments->name && segment_of(j, entry->d_name) == NULL)
			result = syncline_fail_memory(err);
	closedir(dir);
	if (j->segment_count > 1)
		qsort(j->segments, j->segment_count, sizeof *j->segments, by_name);
	return result;
}

typedef uint32_t visit_segment(struct syncline_journal *journal, struct journal_segment *segment, int fd, void *data, struct syncline_error *err);

/* Every segment of other processes, the oldest first; living: not those of which all is known. */
static uint32_t
each_segment(struct syncline_journal *j, int living, visit_segment *visit, void *data, struct syncline_error *err)
{
	uint32_t result = list_segments(j, err);

	for (size_t i = 0; result == SYNCLINE_OK && i < j->segment_count; i++) {
		struct journal_segment *s = &j->segments[i];
		int fd;

		if (s->gone || (living && s->dead))
			continue;
		if ((fd = openat(j->hidden, s->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) < 0) {
			if (errno != ENOENT)
				return syncline_fail_errno(err, errno, "The journal %s/%s/%s can't be opened.", j->path, SYNCLINE_JOURNAL_FOLDER, s->name);
			s->gone = 1; /* removed meanwhile */
			continue;
		}
		result = visit(j, s, fd, data, err);
		close(fd);
	}
	return result;
}

struct finding {
	struct journal_scan *scan;
	int64_t now_us;
};

static uint32_t
find_in_segment(struct syncline_journal *j, struct journal_segment *s, int fd, void *data, struct syncline_error *err)
{
	struct finding *f = (struct finding *)data;
	struct visited v = { f->scan, journal_lock(fd, 0, 0, 0) == 0, 0, 0 };
	uint64_t at = 0;
	uint32_t result = each_entry(j, fd, &at, see_part, &v, err);
	struct stat st;

	for (size_t i = 0; result == SYNCLINE_OK && i < f->scan->count; i++)
		if (f->scan->parts[i].open)
			result = bring_to_end(j, &f->scan->parts[i], err);
	if (result != SYNCLINE_OK || !v.dead)
		return result;
	s->dead = 1;
	s->holds = v.holds;
	s->keys = v.keys;
	if (!v.holds && fstat(fd, &st) == 0 && (int64_t)st.st_mtim.tv_sec * 1000000 + j->retention_us < f->now_us && unlinkat(j->hidden, s->name, 0) == 0)
		s->gone = 1;
	return SYNCLINE_OK;
}

/* Removes what is older than the keys that are remembered. */
static void
remove_forgotten(struct syncline_journal *j)
{
	uint64_t behind = 0;

	for (size_t i = j->segment_count; i-- > 0;) {
		struct journal_segment *s = &j->segments[i];

		if (s->dead && !s->gone && !s->holds && behind > 2 * JOURNAL_GENERATION && unlinkat(j->hidden, s->name, 0) == 0)
			s->gone = 1;
		else if (s->dead && !s->gone)
			behind += s->keys;
	}
}

/* "part-ID.3" belongs to the segment "journal-ID": is that one's process dead? */
static int
is_orphan(const struct syncline_journal *j, const char *part)
{
	const char *id = part + sizeof JOURNAL_PART - 1, *dot = strrchr(part, '.');

	if (strncmp(part, JOURNAL_PART, sizeof JOURNAL_PART - 1) != 0 || dot == NULL || dot < id)
		return 0;
	for (size_t i = 0; i < j->segment_count; i++) {
		const char *own = j->segments[i].name + sizeof JOURNAL_PREFIX - 1;

		if (j->segments[i].dead && strlen(own) == (size_t)(dot - id) && strncmp(own, id, (size_t)(dot - id)) == 0)
			return 1;
	}
	return 0;
}

/* Removes the parts of dead processes that no entry names. */
static uint32_t
sweep(struct syncline_journal *j, struct journal_scan *scan, struct syncline_error *err)
{
	struct dirent *entry;
	DIR *dir;
	uint32_t result = list(j, &dir, err);

	if (result != SYNCLINE_OK)
		return result;
	while ((entry = readdir(dir)) != NULL) {
		const struct journal_part_seen *p;

		if (!is_orphan(j, entry->d_name))
			continue;
		p = find_part(scan, entry->d_name);
		if (p == NULL || !p->kept)
			unlinkat(j->hidden, entry->d_name, 0);
	}
	closedir(dir);
	return SYNCLINE_OK;
}

uint32_t
journal_find_parts(struct syncline_journal *j, struct journal_scan *scan, int64_t now_us, struct syncline_error *err)
{
	struct finding f = { scan, now_us };
	struct visited own = { scan, 0, 0, 0 };
	uint64_t at = 0;
	uint32_t result = each_segment(j, 0, find_in_segment, &f, err);

	if (result == SYNCLINE_OK)
		result = each_entry(j, j->fd, &at, see_part, &own, err);
	if (result == SYNCLINE_OK)
		result = sweep(j, scan, err);
	if (result == SYNCLINE_OK)
		remove_forgotten(j);
	return result;
}

/* Do the keys of this entry count? */
static uint32_t
learn_entry(struct syncline_journal *j, void *data, const struct journal_entry *e, struct syncline_error *err)
{
	const struct journal_part_seen *p = data != NULL && e->kind == JOURNAL_KEEP ? find_part((struct journal_scan *)data, e->part) : NULL;

	if (p != NULL && !p->published && (!p->exists || e->length > p->size))
		return SYNCLINE_OK; /* thrown away, or lost with the power */
	for (uint32_t i = 0; i < e->count; i++)
		if (journal_remember(j, e->keys + (size_t)i * JOURNAL_KEY) != 0)
			return syncline_fail_memory(err);
	return SYNCLINE_OK;
}

static uint32_t
learn_segment(struct syncline_journal *j, struct journal_segment *s, int fd, void *data, struct syncline_error *err)
{
	return each_entry(j, fd, &s->seen, learn_entry, data, err);
}

uint32_t
journal_learn(struct syncline_journal *j, struct journal_scan *scan, struct syncline_error *err)
{
	uint64_t at = 0;
	uint32_t result;

	j->stale = 1;
	journal_keys_clear(&j->young);
	journal_keys_clear(&j->old);
	for (size_t i = 0; i < j->segment_count; i++)
		j->segments[i].seen = 0;
	result = each_segment(j, 0, learn_segment, scan, err);
	if (result == SYNCLINE_OK)
		result = each_entry(j, j->fd, &at, learn_entry, scan, err);
	if (result == SYNCLINE_OK)
		j->stale = 0;
	return result;
}

uint32_t
journal_refresh(struct syncline_journal *j, struct syncline_error *err)
{
	return each_segment(j, 1, learn_segment, NULL, err);
}
