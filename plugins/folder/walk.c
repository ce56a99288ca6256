/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c: the documents of an object in the order of their paths, component by component, so that a read that begins behind
 * any path goes on where that one stands, whatever was added or removed meanwhile.  One folder per level is in memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder.h"

struct level {
	int fd;
	char **names;
	size_t count, next;
	size_t path_length; /* of the folder's own path, with its slash */
};

struct walk {
	const struct place *place;
	struct level levels[DEPTH_MAX];
	size_t depth;
	char path[PATH_BYTES_MAX + 300];
};

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
level_free(struct level *level)
{
	for (size_t i = 0; i < level->count; i++)
		free(level->names[i]);
	free(level->names);
	close(level->fd);
}

static int
has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n > m && strcmp(text + n - m, suffix) == 0;
}

/* Lists what may be a document or a folder, sorted. */
static int
list(int fd, struct level *level)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	size_t room = 0;
	struct dirent *entry;

	if (dir == NULL) {
		if (again >= 0)
			close(again);
		return -1;
	}
	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		if (entry->d_name[0] == '.')
			continue;
		if (level->count == room) {
			size_t more = room == 0 ? 64 : room * 2;
			char **names = realloc(level->names, more * sizeof *names);

			if (names == NULL)
				break;
			level->names = names;
			room = more;
		}
		level->names[level->count] = strdup(entry->d_name);
		if (level->names[level->count] == NULL) {
			errno = ENOMEM;
			break;
		}
		level->count++;
	}
	if (entry != NULL || errno != 0) {
		int number = errno != 0 ? errno : ENOMEM;

		closedir(dir);
		errno = number;
		return -1;
	}
	closedir(dir);
	if (level->count > 0)
		qsort(level->names, level->count, sizeof *level->names, by_bytes);
	return 0;
}

/* Takes over fd. */
static uint32_t
enter(struct walk *w, int fd, size_t path_length, const char *after, struct syncline_error *err)
{
	struct level *level;

	if (w->depth == DEPTH_MAX) {
		close(fd);
		return syncline_fail(err, SYNCLINE_INVALID, "The folder \"%s\" is more than %u levels deep.", w->path, DEPTH_MAX);
	}
	level = &w->levels[w->depth];
	memset(level, 0, sizeof *level);
	level->fd = fd;
	level->path_length = path_length;
	if (list(fd, level) != 0) {
		int number = errno;

		w->path[path_length] = '\0';
		level_free(level);
		return syncline_fail_errno(err, number, "The folder \"%s\" can't be listed.", w->path);
	}
	w->depth++;
	if (after != NULL) {
		/* The first name that is the component of `after` or behind it. */
		size_t n = strcspn(after, "/");

		while (level->next < level->count) {
			int order = strncmp(level->names[level->next], after, n);

			if (order > 0 || (order == 0 && (level->names[level->next][n] != '\0' || after[n] == '/')))
				break;
			level->next++;
		}
	}
	return SYNCLINE_OK;
}

uint32_t
walk_open(const struct place *place, const char *after, struct walk **ret_walk, struct syncline_error *err)
{
	struct walk *w = calloc(1, sizeof *w);
	size_t at = 0;
	uint32_t result;
	int fd;

	if (w == NULL)
		return syncline_fail_memory(err);
	w->place = place;
	fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		free(w);
		return syncline_fail_errno(err, errno, "The folder \"%s\" can't be opened again.", place->native);
	}
	if (after != NULL && after[0] == '\0')
		after = NULL;
	result = enter(w, fd, 0, after, err);
	/* Down the folders of `after`, as long as they are there. */
	while (result == SYNCLINE_OK && after != NULL && strchr(after, '/') != NULL && !place->flat) {
		struct level *level = &w->levels[w->depth - 1];
		size_t n = strcspn(after, "/");

		if (level->next >= level->count || strncmp(level->names[level->next], after, n) != 0 || level->names[level->next][n] != '\0')
			break;
		fd = openat(level->fd, level->names[level->next], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			break;
		level->next++;
		memcpy(w->path + at, after, n + 1);
		at += n + 1;
		after += n + 1;
		result = enter(w, fd, at, after, err);
	}
	if (result != SYNCLINE_OK) {
		walk_close(w);
		return result;
	}
	*ret_walk = w;
	return SYNCLINE_OK;
}

/* NAME.v3 beside NAME.meta.json is an earlier content of NAME. */
static int
is_earlier_content(const struct level *level, const char *name)
{
	char sidecar[300];
	const char *key = sidecar;
	size_t base;

	if (!document_name_is_version(name, &base) || base + sizeof SIDECAR_SUFFIX > sizeof sidecar)
		return 0;
	memcpy(sidecar, name, base);
	strcpy(sidecar + base, SIDECAR_SUFFIX);
	return bsearch(&key, level->names, level->count, sizeof *level->names, by_bytes) != NULL;
}

uint32_t
walk_next(struct walk *w, const char **ret_path, struct syncline_error *err)
{
	while (w->depth > 0) {
		struct level *level = &w->levels[w->depth - 1];
		const char *name;
		struct stat st;
		size_t n;

		if (level->next >= level->count) {
			level_free(level);
			w->depth--;
			continue;
		}
		name = level->names[level->next++];
		n = strlen(name);
		if (fstatat(level->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			if (errno == ENOENT)
				continue; /* gone since it was listed */
			return syncline_fail_errno(err, errno, "\"%.*s%s\" can't be looked at.", (int)level->path_length, w->path, name);
		}
		if (level->path_length + n + 2 > PATH_BYTES_MAX)
			return syncline_fail(err, SYNCLINE_INVALID, "The path \"%.200s…\" has more than %u bytes.", w->path, PATH_BYTES_MAX);
		memcpy(w->path + level->path_length, name, n + 1);
		if (S_ISREG(st.st_mode) && !has_suffix(name, SIDECAR_SUFFIX) && !is_earlier_content(level, name)) {
			*ret_path = w->path;
			return SYNCLINE_OK;
		}
		if (S_ISDIR(st.st_mode) && !w->place->flat) {
			int fd = openat(level->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			size_t at = level->path_length + n;
			uint32_t result;

			if (fd < 0 && errno == ENOENT)
				continue;
			if (fd < 0)
				return syncline_fail_errno(err, errno, "The folder \"%s\" can't be opened.", w->path);
			w->path[at] = '/';
			w->path[at + 1] = '\0';
			result = enter(w, fd, at + 1, NULL, err);
			if (result != SYNCLINE_OK)
				return result;
		}
	}
	*ret_path = NULL;
	return SYNCLINE_OK;
}

void
walk_close(struct walk *w)
{
	if (w == NULL)
		return;
	while (w->depth > 0)
		level_free(&w->levels[--w->depth]);
	free(w);
}
