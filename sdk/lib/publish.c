/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publish.c: files that appear whole, durable, or not at all; and whether the files of others are complete.
 *
 * The part file has one name per published name, so that a later process finds what an earlier one left.  A record lock on
 * it keeps two writers apart; it goes with the process that held it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h> /* renameat */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <syncline/helper.h>

struct syncline_publish {
	int folder; /* the caller's */
	int fd;
	unsigned flags;
	uint64_t length;
	char name[NAME_MAX + 1];
	char part[NAME_MAX + 1];
};

int
syncline_publish_is_part(const char *name)
{
	size_t n = strlen(name), prefix = sizeof SYNCLINE_PART_PREFIX - 1, suffix = sizeof SYNCLINE_PART_SUFFIX - 1;

	return n > prefix + suffix && strncmp(name, SYNCLINE_PART_PREFIX, prefix) == 0 && strcmp(name + n - suffix, SYNCLINE_PART_SUFFIX) == 0;
}

static int
lock(int fd)
{
	struct flock l;

	memset(&l, 0, sizeof l);
	l.l_type = F_WRLCK;
	l.l_whence = SEEK_SET;
	return fcntl(fd, F_SETLK, &l);
}

/* Whether the descriptor is still what stands under the name: another process may have renamed it before we had the lock. */
static int
is_current(int folder, const char *name, int fd)
{
	struct stat by_name, by_fd;

	return fstatat(folder, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &by_fd) == 0 && by_name.st_dev == by_fd.st_dev &&
	       by_name.st_ino == by_fd.st_ino && S_ISREG(by_fd.st_mode);
}

/* The part file, locked.  -1 with errno; EBUSY when another process has it. */
static int
open_part(int folder, const char *part, unsigned mode)
{
	for (int tries = 0; tries < 8; tries++) {
		int fd = openat(folder, part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, (mode_t)mode);

		if (fd < 0)
			return -1;
		if (lock(fd) != 0) {
			int number = errno;

			close(fd);
			errno = number == EACCES || number == EAGAIN ? EBUSY : number;
			return -1;
		}
		if (is_current(folder, part, fd))
			return fd;
		close(fd);
	}
	errno = EBUSY;
	return -1;
}

/* The three texts in a row, ended by NUL; -1 when there is no room for them. */
static int
join(char *buffer, size_t capacity, const char *first, size_t first_length, const char *second, const char *third)
{
	size_t second_length = strlen(second), third_length = strlen(third);

	if (first_length + second_length + third_length >= capacity)
		return -1;
	memcpy(buffer, first, first_length);
	memcpy(buffer + first_length, second, second_length);
	memcpy(buffer + first_length + second_length, third, third_length + 1);
	return 0;
}

uint32_t
syncline_publish_open(int folder, const char *name, unsigned flags, unsigned mode, struct syncline_publish **ret_publish,
                      struct syncline_error *err)
{
	struct syncline_publish *p;
	struct stat st;
	int number;

	if (!syncline_path_is_safe(name) || strchr(name, '/') != NULL ||
	    strlen(name) + sizeof SYNCLINE_PART_PREFIX + sizeof SYNCLINE_PART_SUFFIX > NAME_MAX)
		return syncline_fail(err, SYNCLINE_INVALID, "\"%s\" can't be the name of a file here.", name);
	p = (struct syncline_publish *)calloc(1, sizeof *p);
	if (p == NULL)
		return syncline_fail_memory(err);
	p->folder = folder;
	p->flags = flags;
	memcpy(p->name, name, strlen(name) + 1); /* its length was looked at */
	join(p->part, sizeof p->part, SYNCLINE_PART_PREFIX, sizeof SYNCLINE_PART_PREFIX - 1, name, SYNCLINE_PART_SUFFIX);
	p->fd = open_part(folder, p->part, mode);
	if (p->fd < 0) {
		uint32_t result;

		number = errno;
		result = syncline_fail_errno(err, number, "\"%s\" can't be written for \"%s\".", p->part, name);
		if (number == EBUSY)
			syncline_hint(err, "Another process is writing it; it is tried again by itself.");
		free(p);
		return result;
	}
	if ((flags & SYNCLINE_PUBLISH_RESUME) == 0 && ftruncate(p->fd, 0) != 0)
		goto failed;
	if (fstat(p->fd, &st) != 0)
		goto failed;
	p->length = (uint64_t)st.st_size;
	*ret_publish = p;
	return SYNCLINE_OK;
failed:
	number = errno;
	close(p->fd);
	free(p);
	return syncline_fail_errno(err, number, "\"%s\" can't be written.", name);
}

uint32_t
syncline_publish_write(struct syncline_publish *p, const void *data, size_t length, struct syncline_error *err)
{
	const char *at = (const char *)data;

	while (length > 0) {
		ssize_t n = pwrite(p->fd, at, length, (off_t)p->length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return syncline_fail_errno(err, n < 0 ? errno : EIO, "Writing \"%s\" failed after %llu bytes.", p->name,
			                           (unsigned long long)p->length);
		at += n;
		length -= (size_t)n;
		p->length += (uint64_t)n;
	}
	return SYNCLINE_OK;
}

uint64_t
syncline_publish_length(const struct syncline_publish *p)
{
	return p->length;
}

int
syncline_publish_descriptor(const struct syncline_publish *p)
{
	return p->fd;
}

uint32_t
syncline_publish_truncate(struct syncline_publish *p, uint64_t length, struct syncline_error *err)
{
	if (ftruncate(p->fd, (off_t)length) != 0)
		return syncline_fail_errno(err, errno, "\"%s\" can't be cut to %llu bytes.", p->name, (unsigned long long)length);
	p->length = length;
	return SYNCLINE_OK;
}

uint32_t
syncline_publish_sync(struct syncline_publish *p, struct syncline_error *err)
{
	if (fsync(p->fd) != 0 || fsync(p->folder) != 0)
		return syncline_fail_errno(err, errno, "\"%s\" can't be made durable.", p->name);
	return SYNCLINE_OK;
}

uint32_t
syncline_publish_finish(struct syncline_publish *p, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_OK;

	if (fsync(p->fd) != 0) {
		result = syncline_fail_errno(err, errno, "\"%s\" can't be made durable.", p->name);
	} else if ((p->flags & SYNCLINE_PUBLISH_KEEP) != 0) {
		/* A link never replaces; if we die before the part's name is gone, it is cleaned later. */
		if (linkat(p->folder, p->part, p->folder, p->name, 0) != 0)
			result = syncline_fail_errno(err, errno, "\"%s\" can't be published: is it there already?", p->name);
		else if (unlinkat(p->folder, p->part, 0) != 0)
			result = syncline_fail_errno(err, errno, "\"%s\" can't be removed.", p->part);
	} else if (renameat(p->folder, p->part, p->folder, p->name) != 0) {
		result = syncline_fail_errno(err, errno, "\"%s\" can't be published.", p->name);
	}
	if (result == SYNCLINE_OK && fsync(p->folder) != 0)
		result = syncline_fail_errno(err, errno, "The folder of \"%s\" can't be made durable.", p->name);
	close(p->fd);
	free(p);
	return result;
}

void
syncline_publish_abort(struct syncline_publish *p)
{
	if (p == NULL)
		return;
	unlinkat(p->folder, p->part, 0);
	syncline_publish_leave(p);
}

void
syncline_publish_leave(struct syncline_publish *p)
{
	if (p == NULL)
		return;
	close(p->fd);
	free(p);
}

uint32_t
syncline_publish_bytes(int folder, const char *name, unsigned flags, unsigned mode, const void *data, size_t length, struct syncline_error *err)
{
	struct syncline_publish *p;
	uint32_t result = syncline_publish_open(folder, name, flags & ~SYNCLINE_PUBLISH_RESUME, mode, &p, err);

	if (result != SYNCLINE_OK)
		return result;
	result = syncline_publish_write(p, data, length, err);
	if (result != SYNCLINE_OK) {
		syncline_publish_abort(p);
		return result;
	}
	return syncline_publish_finish(p, err);
}

static int64_t
micros(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_nsec / 1000;
}

/* A file's time may be ahead of ours by a tick, or by a wrong clock: with 0 no time is asked. */
static int
is_old(const struct stat *st, int64_t older_than_s, time_t now)
{
	return older_than_s <= 0 || (int64_t)now - (int64_t)st->st_mtime >= older_than_s;
}

/* Removes one part file if it is old and nobody has it. */
static void
clean_one(int folder, const char *name, int64_t older_than_s, time_t now)
{
	struct stat st;
	int fd;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) || !is_old(&st, older_than_s, now))
		return;
	fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (lock(fd) == 0 && is_current(folder, name, fd))
		unlinkat(folder, name, 0);
	close(fd);
}

uint32_t
syncline_publish_clean(int folder, int64_t older_than_s, struct syncline_error *err)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	time_t now = time(NULL);
	int number;

	if (dir == NULL) {
		number = errno;
		if (fd >= 0)
			close(fd);
		return syncline_fail_errno(err, number, "The folder can't be listed.");
	}
	while (errno = 0, (entry = readdir(dir)) != NULL)
		if (syncline_publish_is_part(entry->d_name))
			clean_one(folder, entry->d_name, older_than_s, now);
	number = errno;
	closedir(dir);
	return number == 0 ? SYNCLINE_OK : syncline_fail_errno(err, number, "The folder can't be listed to its end.");
}

/* The marker's name for a file: * is the file's name; without one the marker is added behind. */
static int
marker_name(const char *marker, const char *name, char *buffer, size_t capacity)
{
	const char *star = strchr(marker, '*');

	return star != NULL ? join(buffer, capacity, marker, (size_t)(star - marker), name, star + 1)
	                    : join(buffer, capacity, name, strlen(name), marker, "");
}

static int
is_quiet(const struct stat *st, uint32_t pause_ms, int64_t now_us, struct syncline_file_seen *seen)
{
	int64_t modified = micros(&st->st_mtim), changed = micros(&st->st_ctim), pause = (int64_t)pause_ms * 1000;
	int64_t last = modified > changed ? modified : changed;

	if (seen != NULL && (seen->since_us == 0 || seen->size != (int64_t)st->st_size || seen->modified_us != modified || seen->changed_us != changed)) {
		seen->size = (int64_t)st->st_size;
		seen->modified_us = modified;
		seen->changed_us = changed;
		seen->since_us = now_us;
	}
	/* A clock that runs ahead on a file server must not hide a file for ever: with a memory of our own it decides alone. */
	if (seen != NULL && last > now_us)
		return now_us - seen->since_us >= pause;
	return now_us - last >= pause && (seen == NULL || now_us - seen->since_us >= pause);
}

uint32_t
syncline_file_complete(int folder, const char *name, const struct syncline_complete_rule *rule, int64_t now_us,
                       struct syncline_file_seen *seen, int *ret_complete, struct syncline_error *err)
{
	char marker[NAME_MAX + 1];
	struct stat st;

	if (syncline_publish_is_part(name)) {
		*ret_complete = 0;
		return SYNCLINE_OK;
	}
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return syncline_fail_errno(err, errno, "The file \"%s\" can't be looked at.", name);
	if (!S_ISREG(st.st_mode)) {
		*ret_complete = 0;
		return SYNCLINE_OK;
	}
	switch (rule->how) {
	case SYNCLINE_COMPLETE_RENAME:
		*ret_complete = 1;
		return SYNCLINE_OK;
	case SYNCLINE_COMPLETE_MARKER:
		if (rule->marker == NULL || rule->marker[0] == '\0' || marker_name(rule->marker, name, marker, sizeof marker) != 0)
			return syncline_fail(err, SYNCLINE_CONFIG, "The name of the marker file of \"%s\" is empty or too long.", name);
		if (fstatat(folder, marker, &st, 0) == 0) {
			*ret_complete = 1;
			return SYNCLINE_OK;
		}
		if (errno != ENOENT)
			return syncline_fail_errno(err, errno, "The marker file \"%s\" can't be looked at.", marker);
		*ret_complete = 0;
		return SYNCLINE_OK;
	case SYNCLINE_COMPLETE_STABLE:
		*ret_complete = is_quiet(&st, rule->pause_ms, now_us, seen);
		return SYNCLINE_OK;
	default:
		return syncline_fail(err, SYNCLINE_INTERNAL, "There is no way %u to see that a file is complete.", rule->how);
	}
}
