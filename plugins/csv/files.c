/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.c: which files belong to an object, in which order, which of them are complete, and where they go when they are done.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "csv.h"

uint32_t
csv_folder_open(const char *path, const char *setting, int *ret_folder, struct syncline_error *err)
{
	uint32_t result;
	int fd;

	if (path == NULL) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The setting %s is missing.", setting);
		syncline_hint(err, "Add %s = \"/path/of/a/folder\" to the system's settings.", setting);
		return result;
	}
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		int number = errno;

		result = syncline_fail_errno(err, number, "The folder %s (%s) can't be opened.", path, setting);
		syncline_hint(err, number == ENOENT ? "Make the folder, mount it, or correct the setting." : "Give the agent's user the right to read it.");
		return result;
	}
	*ret_folder = fd;
	return SYNCLINE_OK;
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

int
csv_name_order(const char *a, const char *b)
{
	const char *x = a, *y = b;

	while (*x != '\0' && *y != '\0') {
		if (digit(*x) && digit(*y)) {
			size_t m, n;

			while (*x == '0')
				x++;
			while (*y == '0')
				y++;
			for (m = 0; digit(x[m]); m++)
				;
			for (n = 0; digit(y[n]); n++)
				;
			if (m != n)
				return m < n ? -1 : 1;
			if (memcmp(x, y, m) != 0)
				return memcmp(x, y, m);
			x += m;
			y += m;
			continue;
		}
		if (*x != *y)
			return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
		x++;
		y++;
	}
	if (*x != *y)
		return *x == '\0' ? -1 : 1;
	return strcmp(a, b);
}

int
csv_file_order(const struct csv_object *o, const char *a, int64_t a_us, const char *b, int64_t b_us)
{
	if (o->by_time && a_us != b_us)
		return a_us < b_us ? -1 : 1;
	return csv_name_order(a, b);
}

static bool
is_marker(const struct csv_object *o, const char *name)
{
	const char *marker = o->complete.marker;
	size_t n = strlen(name), m = strlen(marker);

	return o->complete.how == SYNCLINE_COMPLETE_MARKER && strchr(marker, '*') == NULL && n > m && strcmp(name + n - m, marker) == 0;
}

/* Is it complete?  A young one is waited for, at most the pause and as long as the call lasts. */
static uint32_t
complete(const struct csv_object *o, const struct syncline_call *call, int folder, const char *name, bool wait, int *ret_complete,
         struct syncline_error *err)
{
	const struct timespec slice = { 0, 20000000 };
	int64_t until = csv_monotonic_ms(o->instance) + o->complete.pause_ms + 50;

	for (;;) {
		uint32_t result = syncline_file_complete(folder, name, &o->complete, csv_wall_us(o->instance), NULL, ret_complete, err);

		if (result == SYNCLINE_NOT_FOUND) { /* taken away meanwhile */
			*ret_complete = 0;
			return SYNCLINE_OK;
		}
		if (result != SYNCLINE_OK || *ret_complete || !wait || o->complete.how != SYNCLINE_COMPLETE_STABLE ||
		    csv_monotonic_ms(o->instance) >= until)
			return result;
		if (syncline_cancelled(call))
			return syncline_fail_cancelled(err);
		nanosleep(&slice, NULL);
	}
}

/* move_file() puts a number behind a name that the archive has already. */
static void
cut_number(const struct csv_object *o, struct csv_file *f)
{
	size_t end = strlen(f->name), at = end;
	char base[NAME_MAX + 1];

	f->base = end;
	while (at > 0 && digit(f->name[at - 1]))
		at--;
	if (at < 2 || at == end || end - at > 5 || f->name[at - 1] != '.' || end > NAME_MAX)
		return;
	memcpy(base, f->name, at - 1);
	base[at - 1] = '\0';
	if (fnmatch(o->native, base, FNM_PERIOD) != 0)
		return;
	f->base = at - 1;
	f->number = strtoul(f->name + at, NULL, 10) + 1;
}

static uint32_t
add(const struct csv_object *o, struct csv_files_found *found, size_t *room, const char *name, const struct stat *st, bool archived,
    struct syncline_error *err)
{
	struct csv_file *f;
	int64_t words[4] = { st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (int64_t)st->st_ino };

	if (found->count == *room) {
		struct csv_file *items = realloc(found->items, (*room * 2 + 16) * sizeof *items);

		if (items == NULL)
			return syncline_fail_memory(err);
		found->items = items;
		*room = *room * 2 + 16;
	}
	f = &found->items[found->count];
	*f = (struct csv_file){ .archived = archived };
	if ((f->name = strdup(name)) == NULL)
		return syncline_fail_memory(err);
	f->size = st->st_size;
	f->modified_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
	f->identity = syncline_hash(syncline_hash(1, name, strlen(name)), words, sizeof words) | 1;
	f->base = strlen(name);
	if (archived)
		cut_number(o, f);
	found->count++;
	return SYNCLINE_OK;
}

static int
compare(const struct csv_object *o, const struct csv_files_found *found, const struct csv_file *a, const struct csv_file *b)
{
	char x[NAME_MAX + 1], y[NAME_MAX + 1];
	int order;

	if (found->by_time && a->modified_us != b->modified_us)
		return a->modified_us < b->modified_us ? -1 : 1;
	snprintf(x, sizeof x, "%.*s", (int)a->base, a->name);
	snprintf(y, sizeof y, "%.*s", (int)b->base, b->name);
	if (strcmp(x, y) != 0 && (order = csv_file_order(o, x, a->modified_us, y, b->modified_us)) != 0)
		return order;
	/* One name: those of the archive were here before. */
	if (a->archived != b->archived)
		return a->archived ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

bool
csv_file_is_behind(const struct csv_object *o, const struct csv_files_found *found, const struct csv_file *file, char *name, int64_t modified_us)
{
	struct csv_file last = { .name = name, .modified_us = modified_us, .archived = true };

	cut_number(o, &last);
	return compare(o, found, file, &last) > 0;
}

int
csv_file_folder(const struct csv_files_found *found, const struct csv_file *file)
{
	return file->archived ? found->archive : found->folder;
}

static void
sort(const struct csv_object *o, struct csv_files_found *found)
{
	struct csv_file *items = found->items;
	size_t count = found->count;

	/* A heap sort, since qsort has no place for the object. */
	for (size_t start = count / 2, end = count; end > 1;) {
		size_t root, child;
		struct csv_file swap;

		if (start > 0) {
			start--;
		} else {
			end--;
			swap = items[end];
			items[end] = items[0];
			items[0] = swap;
		}
		for (root = start; (child = root * 2 + 1) < end; root = child) {
			if (child + 1 < end && compare(o, found, &items[child], &items[child + 1]) < 0)
				child++;
			if (compare(o, found, &items[root], &items[child]) >= 0)
				break;
			swap = items[root];
			items[root] = items[child];
			items[child] = swap;
		}
	}
}

static uint32_t
look_into_folder(const struct csv_object *o, const struct syncline_call *call, bool wait, DIR *dir, struct csv_files_found *found, size_t *room,
     struct syncline_error *err)
{
	struct dirent *entry;
	uint32_t result;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		struct stat before, st;
		int done = 0;

		if (fnmatch(o->native, entry->d_name, FNM_PERIOD) != 0 || is_marker(o, entry->d_name) || syncline_publish_is_part(entry->d_name) ||
		    fstatat(found->folder, entry->d_name, &before, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(before.st_mode))
			continue;
		if ((result = complete(o, call, found->folder, entry->d_name, wait, &done, err)) != SYNCLINE_OK)
			return result;
		/* Its identity is that of the file which was found complete. */
		if (!done || fstatat(found->folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			found->unfinished++;
			continue;
		}
		if ((result = add(o, found, room, entry->d_name, &st, false, err)) != SYNCLINE_OK)
			return result;
	}
	if (errno != 0)
		return syncline_fail_errno(err, errno, "The folder %s can't be listed.", o->directory);
	return SYNCLINE_OK;
}

/* What was read and put away: complete, and by its name or by that with a number behind it. */
static uint32_t
look_into_archive(const struct csv_object *o, DIR *dir, struct csv_files_found *found, size_t *room, struct syncline_error *err)
{
	struct dirent *entry;
	uint32_t result;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		struct csv_file named = { .name = entry->d_name };
		char base[NAME_MAX + 1];
		struct stat st;

		cut_number(o, &named);
		snprintf(base, sizeof base, "%.*s", (int)named.base, entry->d_name);
		if (fnmatch(o->native, base, FNM_PERIOD) != 0 || is_marker(o, base) || syncline_publish_is_part(entry->d_name) ||
		    fstatat(found->archive, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
			continue;
		if ((result = add(o, found, room, entry->d_name, &st, true, err)) != SYNCLINE_OK)
			return result;
	}
	if (errno != 0)
		return syncline_fail_errno(err, errno, "The folder %s can't be listed.", o->archive_directory);
	return SYNCLINE_OK;
}

/* All entries of an open folder. */
static DIR *
list(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && dir == NULL)
		close(fd);
	return dir;
}

uint32_t
csv_files_find(const struct csv_object *o, const struct syncline_call *call, bool wait, enum csv_look look, struct csv_files_found *ret_found,
               struct syncline_error *err)
{
	struct csv_files_found found = { .folder = -1, .archive = -1 };
	size_t room = 0;
	uint32_t result;
	DIR *dir;

	if (strchr(o->native, '/') != NULL) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "native = \"%s\" of the object %s names a folder.", o->native, o->alias);
		syncline_hint(err, "Give a pattern of file names, and the folder as the object's setting directory.");
		return result;
	}
	if ((result = csv_folder_open(o->directory, "directory", &found.folder, err)) != SYNCLINE_OK)
		return result;
	/* The archive first: a file that is moved meanwhile is met twice rather than not at all. */
	if (look != CSV_LOOK_FOLDER && o->archive == CSV_ARCHIVE_MOVE &&
	    (result = csv_folder_open(o->archive_directory, "archive_directory", &found.archive, err)) == SYNCLINE_OK) {
		if ((dir = list(found.archive)) == NULL) {
			result = syncline_fail_errno(err, errno, "The folder %s can't be listed.", o->archive_directory);
		} else {
			result = look_into_archive(o, dir, &found, &room, err);
			closedir(dir);
		}
	}
	if (result == SYNCLINE_OK && (dir = list(found.folder)) == NULL) {
		result = syncline_fail_errno(err, errno, "The folder %s can't be listed.", o->directory);
	} else if (result == SYNCLINE_OK) {
		result = look_into_folder(o, call, wait, dir, &found, &room, err);
		closedir(dir);
	}
	if (result != SYNCLINE_OK) {
		csv_files_free(&found);
		return result;
	}
	found.by_time = look == CSV_LOOK_BY_TIME;
	for (size_t i = 0; i < found.count && look == CSV_LOOK_ARCHIVE; i++)
		found.by_time |= found.items[i].number > 0;
	sort(o, &found);
	*ret_found = found;
	return SYNCLINE_OK;
}

void
csv_files_free(struct csv_files_found *found)
{
	for (size_t i = 0; i < found->count; i++)
		free(found->items[i].name);
	free(found->items);
	if (found->folder >= 0)
		close(found->folder);
	if (found->archive >= 0)
		close(found->archive);
	memset(found, 0, sizeof *found);
	found->folder = found->archive = -1;
}

/* Across file systems: a copy that appears whole, with the file's time. */
static int
copy_file(int from_folder, const char *name, int to_folder, const char *to_name)
{
	char block[65536];
	struct syncline_publish *publish;
	struct timespec times[2];
	struct stat st;
	ssize_t n = 0;
	int fd = openat(from_folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fstat(fd, &st) != 0 || syncline_publish_open(to_folder, to_name, 0, 0640, &publish, NULL) != SYNCLINE_OK) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((n = read(fd, block, sizeof block)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && syncline_publish_write(publish, block, (size_t)n, NULL) != SYNCLINE_OK)
			break;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	close(fd);
	if (n != 0 || futimens(syncline_publish_descriptor(publish), times) != 0) {
		syncline_publish_abort(publish);
		return -1;
	}
	return syncline_publish_finish(publish, NULL) == SYNCLINE_OK ? 0 : -1;
}

/*
 * Never over a file that is there: a link first, then the old name goes.  A crash in between leaves both names for one file, and
 * the next call removes the old one.  A different file of that name gets a number behind it.
 */
static int
move_file(int folder, const char *name, int archive)
{
	char to[NAME_MAX + 1];

	for (unsigned i = 0; i < 10000; i++) {
		struct stat a, b;

		if (snprintf(to, sizeof to, i == 0 ? "%s" : "%s.%u", name, i) >= (int)sizeof to)
			break;
		if (fstatat(archive, to, &b, AT_SYMLINK_NOFOLLOW) == 0) {
			if (fstatat(folder, name, &a, AT_SYMLINK_NOFOLLOW) != 0)
				return errno == ENOENT ? 0 : -1;
			/* The same file, or the copy of it that an earlier call had finished. */
			if ((a.st_ino == b.st_ino && a.st_dev == b.st_dev) ||
			    (a.st_dev != b.st_dev && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec))
				return unlinkat(folder, name, 0);
			continue;
		}
		if (linkat(folder, name, archive, to, 0) != 0) {
			if (errno == EEXIST)
				continue;
			if (errno == ENOENT)
				return 0;
			if (copy_file(folder, name, archive, to) != 0)
				return -1;
		} else if (fsync(archive) != 0) {
			return -1;
		}
		return unlinkat(folder, name, 0);
	}
	errno = EEXIST;
	return -1;
}

static int
put_away(const struct csv_object *o, int folder, const char *name, int archive)
{
	if (o->archive == CSV_ARCHIVE_DELETE)
		return unlinkat(folder, name, 0) != 0 && errno != ENOENT ? -1 : 0;
	return move_file(folder, name, archive);
}

uint32_t
csv_file_archive(const struct csv_object *o, int folder, const char *name, struct syncline_error *err)
{
	char marker[NAME_MAX + 1];
	const char *pattern = o->complete.marker, *star = strchr(pattern, '*');
	uint32_t result = SYNCLINE_OK;
	int archive = -1;

	if (o->archive == CSV_ARCHIVE_NONE)
		return SYNCLINE_OK;
	if (o->archive == CSV_ARCHIVE_MOVE && (result = csv_folder_open(o->archive_directory, "archive_directory", &archive, err)) != SYNCLINE_OK)
		return result;
	if (put_away(o, folder, name, archive) != 0) {
		result = syncline_fail_errno(err, errno, "The file %s can't be archived.", name);
		syncline_hint(err, "Give the agent's user the right to write to directory and archive_directory.");
	} else if (o->complete.how == SYNCLINE_COMPLETE_MARKER) {
		if (star == NULL)
			snprintf(marker, sizeof marker, "%s%s", name, pattern);
		else
			snprintf(marker, sizeof marker, "%.*s%s%s", (int)(star - pattern), pattern, name, star + 1);
		if (put_away(o, folder, marker, archive) != 0)
			result = syncline_fail_errno(err, errno, "The marker file %s can't be archived.", marker);
	}
	if (result == SYNCLINE_OK && fsync(folder) != 0 && errno != EINVAL)
		result = syncline_fail_errno(err, errno, "The folder %s can't be made durable.", o->directory);
	if (archive >= 0)
		close(archive);
	return result;
}
