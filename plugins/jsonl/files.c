/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.c: which files an object has, which of them are complete, and how far a read has come in them.  A position is text:
 *
 *     syncline-jsonl 1 CURRENT OFFSET LINE DONE…      identities in 16 hexadecimal digits, numbers in decimal
 *     syncline-jsonl 2 LAST CURRENT OFFSET LINE DONE… while the archive is read with everything: its last file's name, two digits a byte, or -
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jsonl.h"

#define HEAD "syncline-jsonl 1 "
#define HEAD_ARCHIVE "syncline-jsonl 2 "

static uint64_t
mix(uint64_t hash, const void *data, size_t length)
{
	const unsigned char *p = data;

	while (length-- > 0)
		hash = (hash ^ *p++) * UINT64_C(1099511628211); /* NOLINT(clang-analyzer-core.*): it loses track of integers read as bytes */
	return hash;
}

static int
by_name(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : y->archived - x->archived; /* the one that was put away was here before */
}

static uint32_t
add_file(struct files *f, const char *name, const struct stat *st, int archived, struct syncline_error *err)
{
	struct file *more = realloc(f->items, (f->count + 1) * sizeof *more), *file;
	int64_t parts[4] = { st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (int64_t)st->st_ino };

	if (more == NULL)
		return syncline_fail_memory(err);
	f->items = more;
	file = &more[f->count];
	file->name = strdup(name);
	if (file->name == NULL)
		return syncline_fail_memory(err);
	file->size = st->st_size;
	file->archived = archived;
	file->identity = mix(mix(UINT64_C(14695981039346656037), name, strlen(name)), parts, sizeof parts) | 1;
	f->count++;
	return SYNCLINE_OK;
}

static void
complete_rule(const struct instance *c, const struct syncline_object *object, struct syncline_complete_rule *rule)
{
	const char *how = setting(c, object, "complete", "stable");

	rule->how = strcmp(how, "rename") == 0 ? SYNCLINE_COMPLETE_RENAME : strcmp(how, "marker") == 0 ? SYNCLINE_COMPLETE_MARKER
	                                                                                             : SYNCLINE_COMPLETE_STABLE;
	rule->pause_ms = (uint32_t)syncline_setting_integer(object->settings, c->settings, "complete_pause", 2000);
	rule->marker = setting(c, object, "marker", ".done");
}

int64_t
files_rest_ms(const struct instance *c, const struct syncline_object *object)
{
	struct syncline_complete_rule rule;

	complete_rule(c, object, &rule);
	return rule.how == SYNCLINE_COMPLETE_STABLE ? rule.pause_ms : 0;
}

static uint32_t
look_at(struct instance *c, const struct syncline_object *object, const struct syncline_complete_rule *rule, struct files *f, const char *name,
        struct syncline_error *err)
{
	struct stat st;
	int complete = 0;
	uint32_t result;

	if (fnmatch(object->native, name, FNM_PERIOD) != 0 || syncline_publish_is_part(name))
		return SYNCLINE_OK;
	if (fstatat(f->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return SYNCLINE_OK;
	result = syncline_file_complete(f->folder, name, rule, c->clock->wall_us(c->host), NULL, &complete, err);
	if (result == SYNCLINE_NOT_FOUND)
		return SYNCLINE_OK;
	if (result != SYNCLINE_OK)
		return result;
	if (!complete) {
		f->unfinished++;
		return SYNCLINE_OK;
	}
	return add_file(f, name, &st, 0, err);
}

/* What was read and put away: complete. */
static uint32_t
look_into_archive(const struct syncline_object *object, const char *path, struct files *f, struct syncline_error *err)
{
	uint32_t result = folder_open(path, "archive_directory", &f->archive, err);
	int copy = result == SYNCLINE_OK ? openat(f->archive, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;
	struct stat st;

	if (result != SYNCLINE_OK)
		return result;
	if (dir == NULL) {
		result = syncline_fail_errno(err, errno, "The folder %s can't be listed.", path);
		if (copy >= 0)
			close(copy);
		return result;
	}
	while (result == SYNCLINE_OK && (errno = 0, entry = readdir(dir)) != NULL)
		if (fnmatch(object->native, entry->d_name, FNM_PERIOD) == 0 && !syncline_publish_is_part(entry->d_name) &&
		    fstatat(f->archive, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			result = add_file(f, entry->d_name, &st, 1, err);
	if (result == SYNCLINE_OK && errno != 0)
		result = syncline_fail_errno(err, errno, "The folder %s can't be listed.", path);
	closedir(dir);
	return result;
}

int
file_folder(const struct files *f, const struct file *file)
{
	return file->archived ? f->archive : f->folder;
}

uint32_t
folder_open(const char *path, const char *name, int *ret_folder, struct syncline_error *err)
{
	int fd;

	if (path == NULL || path[0] != '/') {
		syncline_fail(err, SYNCLINE_CONFIG, "The setting %s is missing or not an absolute path.", name);
		syncline_hint(err, "Add %s = \"/path/of/a/folder\" to the settings of the system.", name);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return SYNCLINE_CONFIG;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		uint32_t result = syncline_fail_errno(err, errno, "The folder %s (%s) can't be opened.", path, name);

		syncline_hint(err, "Make the folder, mount it, correct the setting, or give the agent's user rights on it.");
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	*ret_folder = fd;
	return SYNCLINE_OK;
}

uint32_t
files_find(struct instance *c, const struct syncline_object *object, int archive, struct files *ret_files, struct syncline_error *err)
{
	struct files f = { .folder = -1, .archive = -1 };
	struct syncline_complete_rule rule;
	const char *path = setting(c, object, "directory", NULL), *put_away = setting(c, object, "archive_directory", NULL);
	struct dirent *entry;
	DIR *dir = NULL;
	int copy;
	uint32_t result;

	if (strchr(object->native, '/') != NULL) {
		syncline_fail(err, SYNCLINE_CONFIG, "native = \"%s\" of object %s names a folder.", object->native, object->alias);
		syncline_hint(err, "Give a file name or a pattern there, and the folder as the setting directory.");
		return SYNCLINE_CONFIG;
	}
	result = folder_open(path, "directory", &f.folder, err);
	if (result != SYNCLINE_OK)
		return result;
	/* The archive first: a file that is moved meanwhile is met twice rather than not at all. */
	if (archive && put_away != NULL && object->reads == SYNCLINE_READS_DELTA && (result = look_into_archive(object, put_away, &f, err)) != SYNCLINE_OK) {
		files_free(&f);
		return result;
	}
	complete_rule(c, object, &rule);
	copy = openat(f.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f.directory = strdup(path);
	if (copy < 0 || f.directory == NULL || (dir = fdopendir(copy)) == NULL) {
		result = syncline_fail_errno(err, errno, "The folder %s can't be listed.", path);
		if (copy >= 0)
			close(copy);
	}
	while (result == SYNCLINE_OK && (errno = 0, entry = readdir(dir)) != NULL)
		result = look_at(c, object, &rule, &f, entry->d_name, err);
	if (result == SYNCLINE_OK && errno != 0)
		result = syncline_fail_errno(err, errno, "The folder %s can't be listed.", path);
	if (dir != NULL)
		closedir(dir);
	if (result != SYNCLINE_OK) {
		files_free(&f);
		return result;
	}
	if (f.count > 1)
		qsort(f.items, f.count, sizeof *f.items, by_name);
	*ret_files = f;
	return SYNCLINE_OK;
}

void
files_free(struct files *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->items[i].name);
	free(f->items);
	free(f->directory);
	if (f->folder >= 0)
		close(f->folder);
	if (f->archive >= 0)
		close(f->archive);
	memset(f, 0, sizeof *f);
	f->folder = f->archive = -1;
}

uint32_t
position_write(const struct position *p, struct syncline_buffer *b, struct syncline_error *err)
{
	syncline_buffer_clear(b);
	syncline_buffer_text(b, p->archive ? HEAD_ARCHIVE : HEAD);
	for (const char *at = p->last; p->archive && *at != '\0'; at++)
		syncline_buffer_format(b, "%02x", (unsigned char)*at);
	if (p->archive)
		syncline_buffer_text(b, p->last[0] != '\0' ? " " : "- ");
	syncline_buffer_format(b, "%016llx %llu %llu", (unsigned long long)p->current, (unsigned long long)p->offset,
	                       (unsigned long long)p->line);
	for (size_t i = 0; i < p->done_count; i++)
		syncline_buffer_format(b, " %016llx", (unsigned long long)p->done[i]);
	return b->failed ? syncline_fail_memory(err) : SYNCLINE_OK;
}

static int
get_number(const char **at, const char *end, int base, uint64_t *ret_number)
{
	const char *p = *at;
	uint64_t number = 0;

	for (; p < end && *p != ' '; p++) {
		int digit = *p >= '0' && *p <= '9' ? *p - '0' : base == 16 && *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : base;

		if (digit >= base || number > (UINT64_MAX - (uint64_t)digit) / (uint64_t)base)
			return -1;
		number = number * (uint64_t)base + (uint64_t)digit;
	}
	if (p == *at)
		return -1;
	*at = p < end ? p + 1 : p;
	*ret_number = number;
	return 0;
}

/* The name of an archived file, two digits a byte, or -. */
static int
get_name(const char **at, const char *end, char *name)
{
	size_t n = 0;

	if (*at < end && **at == '-') {
		++*at;
	} else {
		for (; *at + 1 < end && **at != ' '; *at += 2) {
			char two[3] = { (*at)[0], (*at)[1], '\0' };

			if (n == NAME_MAX || strspn(two, "0123456789abcdef") != 2 || (name[n++] = (char)strtol(two, NULL, 16)) == '\0')
				return -1;
		}
		if (n == 0)
			return -1;
	}
	name[n] = '\0';
	if (*at >= end || **at != ' ')
		return -1;
	++*at;
	return 0;
}

uint32_t
position_read(const struct syncline_slice *bytes, struct position *ret_position, struct syncline_error *err)
{
	const char *at = bytes->data, *end = at + bytes->length;
	struct position p = { 0 };
	uint32_t result = SYNCLINE_OK;

	if (bytes->length < sizeof HEAD || (memcmp(at, HEAD, sizeof HEAD - 1) != 0 && memcmp(at, HEAD_ARCHIVE, sizeof HEAD - 1) != 0))
		goto damaged;
	p.archive = memcmp(at, HEAD_ARCHIVE, sizeof HEAD - 1) == 0;
	at += sizeof HEAD - 1;
	if (p.archive && get_name(&at, end, p.last) != 0)
		goto damaged;
	if (get_number(&at, end, 16, &p.current) != 0 || get_number(&at, end, 10, &p.offset) != 0 || get_number(&at, end, 10, &p.line) != 0 ||
	    p.offset > INT64_MAX)
		goto damaged;
	while (at < end && result == SYNCLINE_OK) {
		uint64_t identity;

		if (get_number(&at, end, 16, &identity) != 0)
			goto damaged;
		result = position_add(&p, identity, err);
	}
	if (result == SYNCLINE_OK)
		*ret_position = p;
	else
		position_free(&p);
	return result;
damaged:
	position_free(&p);
	syncline_fail(err, SYNCLINE_CONFIG, "The stored position was not made by this connector, or it is damaged.");
	syncline_hint(err, "Reset it with `syncline position` and read in full.");
	return SYNCLINE_CONFIG;
}

int
position_is_done(const struct position *p, uint64_t identity)
{
	for (size_t i = 0; i < p->done_count; i++)
		if (p->done[i] == identity)
			return 1;
	return 0;
}

uint32_t
position_add(struct position *p, uint64_t identity, struct syncline_error *err)
{
	if (p->done == NULL && (p->done = calloc(DONE_MAX, sizeof *p->done)) == NULL)
		return syncline_fail_memory(err);
	if (p->done_count == DONE_MAX) {
		syncline_fail(err, SYNCLINE_CONFIG, "More than 3,500 files that were read lie in one folder.");
		syncline_hint(err, "Set archive_directory, so that files go there when they are done.");
		return SYNCLINE_CONFIG;
	}
	p->done[p->done_count++] = identity;
	return SYNCLINE_OK;
}

void
position_free(struct position *p)
{
	free(p->done);
	memset(p, 0, sizeof *p);
}
