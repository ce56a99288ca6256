/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.c: which files make the configuration, in which order, and whether they may be trusted.  The thread that loads.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/tree.h"

#define FILE_SIZE_MAX ((size_t)1024 * 1024)
#define FILE_COUNT_MAX 10000u

struct names {
	char **items;
	size_t count, capacity;
};

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static int
names_add(struct names *names, const char *name)
{
	char **items, *copy;

	if (names->count == names->capacity) {
		size_t capacity = names->capacity != 0 ? names->capacity * 2 : 16;

		if ((items = realloc(names->items, capacity * sizeof *items)) == NULL)
			return -1;
		names->items = items;
		names->capacity = capacity;
	}
	if ((copy = malloc(strlen(name) + 1)) == NULL)
		return -1;
	names->items[names->count++] = strcpy(copy, name);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_conf(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 5 && strcmp(name + length - 5, ".conf") == 0;
}

static void
report_system(struct loader *l, const char *path, int number, const char *what)
{
	struct config_place place = { path, 0, 0 };
	struct error err;

	error_fill_system(&err, ERROR_CONFIG_FILE, number, "%s", what);
	error_place(&err, "%s", path);
	memcpy(err.hint, "Look at its name and its rights.", sizeof "Look at its name and its rights.");
	diagnostics_add(l->diagnostics, &place, &err);
	l->incomplete = true;
}

/* Reads what `fd` has, at most FILE_SIZE_MAX; a larger file is reported. */
static int
read_all(struct loader *l, const char *path, int fd, bool site)
{
	struct config_place place = { path, 0, 0 };
	char *data = malloc(FILE_SIZE_MAX + 1);
	size_t length = 0;
	ssize_t got = 0;
	int result = 0;

	if (data == NULL) {
		l->no_memory = true;
		return -1;
	}
	while (length <= FILE_SIZE_MAX && ((got = read(fd, data + length, FILE_SIZE_MAX + 1 - length)) > 0 || (got < 0 && errno == EINTR)))
		length += got > 0 ? (size_t)got : 0;
	if (got < 0) {
		report_system(l, path, errno, "cannot read the file");
	} else if (length > FILE_SIZE_MAX) {
		report(l, &place, LIMIT, "Cut it into several files; groups of the same name are merged.", "the file is larger than 1 MiB");
		l->incomplete = true;
	} else {
		result = tree_add_text(l, path, data, length, site);
	}
	free(data);
	return result;
}

static int
read_file(struct loader *l, const char *path, bool site)
{
	struct config_place place = { path, 0, 0 };
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result = 0;

	if (fd < 0) {
		report_system(l, path, errno, "cannot open the file");
		return 0;
	}
	if (fstat(fd, &info) != 0) {
		report_system(l, path, errno, "cannot look at the file");
	} else if (!S_ISREG(info.st_mode)) {
		report(l, &place, FILE, "Remove it, or give it another ending than .conf.", "this is no ordinary file");
	} else {
		if ((info.st_mode & S_IWOTH) != 0)
			report(l, &place, UNSAFE, "Take the right away: chmod o-w FILE.", "anybody on this machine may write the file");
		result = read_all(l, path, fd, site);
	}
	close(fd);
	return result;
}

/* All *.conf of a folder, in the order of their names.  A folder that need not be there may be missing. */
static int
read_folder(struct loader *l, const char *path, bool needed, bool site)
{
	struct config_place place = { path, 0, 0 };
	struct names names = { 0 };
	struct dirent *entry;
	struct stat info;
	DIR *dir = opendir(path);
	int result = 0;

	if (dir == NULL) {
		if (needed || errno != ENOENT)
			report_system(l, path, errno, "cannot open the folder");
		return 0;
	}
	if (fstat(dirfd(dir), &info) == 0 && (info.st_mode & S_IWOTH) != 0)
		report(l, &place, UNSAFE, "Take the right away: chmod o-w FOLDER.", "anybody on this machine may write into the folder");
	while (result == 0 && (entry = readdir(dir)) != NULL)
		if (is_conf(entry->d_name) && names.count <= FILE_COUNT_MAX && names_add(&names, entry->d_name) != 0) {
			l->no_memory = true;
			result = -1;
		}
	closedir(dir);
	if (names.count > FILE_COUNT_MAX) {
		report(l, &place, LIMIT, "Put several groups into one file.", "more than %u files", FILE_COUNT_MAX);
	} else if (names.count == 0 && needed && result == 0) {
		report(l, &place, FILE, "Look at --config: it names the folder that holds the *.conf files.", "there is no *.conf file in this folder");
	} else {
		if (names.count > 1)
			qsort(names.items, names.count, sizeof *names.items, compare);
		for (size_t i = 0; result == 0 && i < names.count; i++) {
			const char *file = loader_keep(l, arena_format(l->arena, "%s/%s", path, names.items[i]));

			result = file != NULL ? read_file(l, file, site) : -1;
		}
	}
	names_free(&names);
	return result;
}

int
files_read(struct loader *l)
{
	const struct model *model = l->model;

	if (model->conf_dir != NULL &&
	    (read_folder(l, model->conf_dir, true, false) != 0 || read_folder(l, model->contract_dir, false, false) != 0))
		return -1;
	if (model->site_dir != NULL && read_folder(l, model->site_dir, true, true) != 0)
		return -1;
	for (size_t i = 0; i < l->options->source_count; i++) {
		const struct config_source *source = &l->options->sources[i];
		const char *name = loader_keep(l, arena_text(l->arena, source->name));

		if (name == NULL || tree_add_text(l, name, source->data, source->length, source->site) != 0)
			return -1;
	}
	return l->no_memory ? -1 : 0;
}
