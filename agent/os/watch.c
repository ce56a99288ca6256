/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c: inotify where there is one, kqueue where there is one, times of change elsewhere.  What is written to a folder is a file that
 * comes, is renamed into it, or is closed after it was written (kqueue tells the first two).
 *
 * Whoever reads a database opens its files for writing, too, and closes them: that is no sign of a change.  Those who write to it leave
 * them open.  So a database is watched for what is written to it and to the log or journal beside it; what else stands there changes
 * when it is opened.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>
#if defined(HAVE_SYS_INOTIFY_H)
#include <sys/inotify.h>
#elif defined(HAVE_SYS_EVENT_H)
#undef _XOPEN_SOURCE
#include <sys/event.h>
#include <sys/time.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

struct watched {
	int id;  /* inotify's number, or the folder's descriptor for kqueue; -1: by its time */
	uint32_t tag;
	char *folder;
	char *file; /* NULL: whatever comes */
	struct timespec changed;
};
struct os_watch {
	int fd; /* -1: by times */
	struct watched *folders;
	size_t count, room;
};

static int
open_queue(void)
{
#if defined(HAVE_SYS_INOTIFY_H)
	return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
#elif defined(HAVE_SYS_EVENT_H)
	int fd = kqueue();

	if (fd >= 0)
		os_close_on_exec(fd);
	return fd;
#else
	return -1;
#endif
}

/* -1: it cannot be watched. */
static int
watch_folder(const struct os_watch *watch, const char *folder, bool file)
{
#if defined(HAVE_SYS_INOTIFY_H)
	return inotify_add_watch(watch->fd, folder, (file ? IN_MODIFY : IN_CLOSE_WRITE) | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD);
#elif defined(HAVE_SYS_EVENT_H)
	struct kevent event;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)file;
	if (fd < 0)
		return -1;
	EV_SET(&event, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE | NOTE_EXTEND, 0, NULL);
	if (kevent(watch->fd, &event, 1, NULL, 0, NULL) == 0)
		return fd;
	close(fd);
	return -1;
#else
	(void)watch;
	(void)folder;
	(void)file;
	return -1;
#endif
}

static void
release(struct watched *watched)
{
#if !defined(HAVE_SYS_INOTIFY_H)
	if (watched->id >= 0)
		close(watched->id);
#endif
	free(watched->folder);
	free(watched->file);
}

struct os_watch *
os_watch_open(void)
{
	struct os_watch *watch = calloc(1, sizeof *watch);

	if (watch != NULL)
		watch->fd = open_queue();
	return watch;
}

void
os_watch_close(struct os_watch *watch)
{
	if (watch == NULL)
		return;
	for (size_t i = 0; i < watch->count; i++)
		release(&watch->folders[i]);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->folders);
	free(watch);
}

int
os_watch_add(struct os_watch *watch, const char *folder, const char *file, uint32_t tag)
{
	struct watched fresh = { .id = -1, .tag = tag };
	struct stat found;

	if (stat(folder, &found) != 0)
		return -1;
	if (watch->count == watch->room) {
		struct watched *more = realloc(watch->folders, (watch->room * 2 + 8) * sizeof *more);

		if (more == NULL)
			return -1;
		watch->folders = more;
		watch->room = watch->room * 2 + 8;
	}
	if (watch->fd >= 0 && (fresh.id = watch_folder(watch, folder, file != NULL)) < 0)
		return -1;
	fresh.changed = found.st_mtim;
	if ((fresh.folder = strdup(folder)) == NULL || (file != NULL && (fresh.file = strdup(file)) == NULL)) {
		release(&fresh);
		return -1;
	}
	watch->folders[watch->count++] = fresh;
	return 0;
}

int
os_watch_fd(const struct os_watch *watch)
{
	return watch->fd;
}

#if defined(HAVE_SYS_INOTIFY_H)
static bool
is_meant(const struct watched *at, uint32_t mask, const char *name)
{
	size_t length = at->file != NULL ? strlen(at->file) : 0;

	if (at->file == NULL)
		return (mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
	if ((mask & (IN_MODIFY | IN_MOVED_TO)) == 0 || strncmp(name, at->file, length) != 0)
		return false;
	return name[length] == '\0' || strcmp(name + length, "-wal") == 0 || strcmp(name + length, "-journal") == 0;
}

/* Several tags may stand for the same folder. */
static void
tell(const struct os_watch *watch, const struct inotify_event *event, const char *name, void (*changed)(void *data, uint32_t tag), void *data)
{
	for (size_t i = 0; i < watch->count; i++)
		if (watch->folders[i].id == event->wd && is_meant(&watch->folders[i], event->mask, name))
			changed(data, watch->folders[i].tag);
}
#elif defined(HAVE_SYS_EVENT_H)
static void
tell(const struct os_watch *watch, int id, void (*changed)(void *data, uint32_t tag), void *data)
{
	for (size_t i = 0; i < watch->count; i++)
		if (watch->folders[i].id == id)
			changed(data, watch->folders[i].tag);
}
#endif

static void
look_at_times(struct os_watch *watch, void (*changed)(void *data, uint32_t tag), void *data)
{
	for (size_t i = 0; i < watch->count; i++) {
		struct watched *at = &watch->folders[i];
		struct stat found;

		if (stat(at->folder, &found) != 0 || (found.st_mtim.tv_sec == at->changed.tv_sec && found.st_mtim.tv_nsec == at->changed.tv_nsec))
			continue;
		at->changed = found.st_mtim;
		changed(data, at->tag);
	}
}

void
os_watch_read(struct os_watch *watch, void (*changed)(void *data, uint32_t tag), void *data)
{
#if defined(HAVE_SYS_INOTIFY_H)
	union {
		struct inotify_event first;
		char bytes[16384];
	} events;
	ssize_t got;

	while (watch->fd >= 0 && (got = read(watch->fd, &events, sizeof events)) > 0) {
		for (ssize_t at = 0; at < got;) {
			struct inotify_event event;

			memcpy(&event, events.bytes + at, sizeof event);
			if ((event.mask & IN_Q_OVERFLOW) != 0) /* any of them */
				for (size_t i = 0; i < watch->count; i++)
					changed(data, watch->folders[i].tag);
			tell(watch, &event, event.len > 0 ? events.bytes + at + sizeof event : "", changed, data);
			at += (ssize_t)(sizeof event + event.len);
		}
	}
#elif defined(HAVE_SYS_EVENT_H)
	static const struct timespec at_once;
	struct kevent events[16];
	int got;

	while (watch->fd >= 0 && (got = kevent(watch->fd, NULL, 0, events, 16, &at_once)) > 0)
		for (int i = 0; i < got; i++)
			tell(watch, (int)events[i].ident, changed, data);
#endif
	if (watch->fd < 0)
		look_at_times(watch, changed, data);
}
