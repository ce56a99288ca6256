/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * powerloss.c: the VFS of powerloss.h.  Each of its files is whole in memory as this process sees it, beside the list of writes
 * that no sync has reached; the file on disk is what was synced.  Locks and shared memory are the real VFS's.  Any thread; one
 * lock for all.  Other processes must not write the same database meanwhile.
 */
#include "crash/powerloss.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/fault.h"

#define SECTOR 512

struct change {
	struct change *next;
	uint64_t order; /* over all files */
	int64_t offset; /* truncate: the new size */
	size_t length;
	bool truncate;
	uint8_t data[];
};
struct image {
	struct image *next;
	char *path;
	int users;
	int disk; /* what was synced; -1: not open */
	uint8_t *data;
	int64_t size, room;
	struct change *first, *last;
	/* A deleted file whose deletion was not synced. */
	uint8_t *ghost;
	int64_t ghost_size;
};
struct lossy {
	sqlite3_file base;
	struct image *image;
	sqlite3_file *real; /* behind this struct */
	bool new_journal;   /* the real VFS syncs the folder with the first sync of a journal or log that it may have created */
};

static enum { PLAIN, TORN, MIXED } mode;
static uint64_t random_state, order, unsynced;
static const char *base_name;
static sqlite3_vfs *real_vfs, lossy_vfs;
static struct image *images;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t
draw(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool
write_all(int disk, const uint8_t *data, size_t length, int64_t offset)
{
	while (length > 0) {
		ssize_t done = pwrite(disk, data, length, (off_t)offset);

		if (done <= 0)
			return false;
		data += done;
		length -= (size_t)done;
		offset += done;
	}
	return true;
}

/* The whole of a file; false: it could not be read. */
static bool
read_all(int disk, uint8_t **ret_data, int64_t *ret_size)
{
	int64_t size = (int64_t)lseek(disk, 0, SEEK_END), at = 0;
	uint8_t *data = malloc(size > 0 ? (size_t)size : 1);

	while (data != NULL && at < size) {
		ssize_t done = pread(disk, data + at, (size_t)(size - at), (off_t)at);

		if (done <= 0)
			break;
		at += done;
	}
	if (data == NULL || size < 0 || at < size) {
		free(data);
		return false;
	}
	*ret_data = data;
	*ret_size = size;
	return true;
}

static void
forget_changes(struct image *image)
{
	struct change *change, *next;

	for (change = image->first; change != NULL; change = next) {
		next = change->next;
		unsynced -= change->length;
		free(change);
	}
	image->first = image->last = NULL;
}

/* The folder was synced. */
static void
forget_ghosts(void)
{
	for (struct image *image = images; image != NULL; image = image->next) {
		free(image->ghost);
		image->ghost = NULL;
	}
}

static bool
note(struct image *image, const void *data, size_t length, int64_t offset, bool truncate)
{
	struct change *change = malloc(sizeof *change + length);

	if (change == NULL)
		return false;
	*change = (struct change){ .order = order, .offset = offset, .length = length, .truncate = truncate };
	order++;
	if (length > 0)
		memcpy(change->data, data, length);
	if (image->last != NULL)
		image->last->next = change;
	else
		image->first = change;
	image->last = change;
	unsynced += length;
	return true;
}

static bool
make_room(struct image *image, int64_t size)
{
	int64_t room = image->room > 0 ? image->room : 65536;
	uint8_t *data;

	while (room < size)
		room *= 2;
	if (room == image->room)
		return true;
	if ((data = realloc(image->data, (size_t)room)) == NULL)
		return false;
	image->data = data;
	image->room = room;
	return true;
}

static void
resize(struct image *image, int64_t size)
{
	if (size > image->size)
		memset(image->data + image->size, 0, (size_t)(size - image->size));
	image->size = size;
}

static struct image *
find_image(const char *path)
{
	struct image *image = images;

	while (image != NULL && strcmp(image->path, path) != 0)
		image = image->next;
	return image;
}

/* As the file is on disk, unless this process knows better. */
static struct image *
use_image(const char *path)
{
	struct image *image = find_image(path);

	if (image == NULL) {
		if ((image = calloc(1, sizeof *image)) == NULL || (image->path = malloc(strlen(path) + 1)) == NULL) {
			free(image);
			return NULL;
		}
		strcpy(image->path, path);
		image->disk = -1;
		image->next = images;
		images = image;
	}
	/* Never closed while the database may be open: that would end the locks on it. */
	if (image->disk < 0 && (image->disk = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return NULL;
	if (image->users == 0 && image->first == NULL) {
		uint8_t *data;
		int64_t size;

		if (!read_all(image->disk, &data, &size))
			return NULL;
		free(image->data);
		image->data = data;
		image->size = image->room = size;
	}
	image->users++;
	return image;
}

static int
lossy_close(sqlite3_file *file)
{
	struct lossy *f = (struct lossy *)file;
	int status = f->real->pMethods->xClose(f->real);

	pthread_mutex_lock(&lock);
	f->image->users--;
	pthread_mutex_unlock(&lock);
	return status;
}

static int
lossy_read(sqlite3_file *file, void *to, int length, sqlite3_int64 offset)
{
	struct image *image = ((struct lossy *)file)->image;
	int64_t there;

	pthread_mutex_lock(&lock);
	there = image->size - offset;
	if (there > length)
		there = length;
	if (there > 0)
		memcpy(to, image->data + offset, (size_t)there);
	else
		there = 0;
	pthread_mutex_unlock(&lock);
	if (there == length)
		return SQLITE_OK;
	memset((char *)to + there, 0, (size_t)(length - there));
	return SQLITE_IOERR_SHORT_READ;
}

static int
lossy_write(sqlite3_file *file, const void *from, int length, sqlite3_int64 offset)
{
	struct image *image = ((struct lossy *)file)->image;
	int status = SQLITE_IOERR_NOMEM;

	pthread_mutex_lock(&lock);
	if (make_room(image, offset + length) && note(image, from, (size_t)length, offset, false)) {
		if (image->size < offset + length)
			resize(image, offset + length);
		memcpy(image->data + offset, from, (size_t)length);
		status = SQLITE_OK;
	}
	pthread_mutex_unlock(&lock);
	return status;
}

static int
lossy_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct image *image = ((struct lossy *)file)->image;
	int status = SQLITE_IOERR_NOMEM;

	pthread_mutex_lock(&lock);
	if (make_room(image, size) && note(image, NULL, 0, size, true)) {
		resize(image, size);
		status = SQLITE_OK;
	}
	pthread_mutex_unlock(&lock);
	return status;
}

static int
lossy_sync(sqlite3_file *file, int flags)
{
	struct lossy *f = (struct lossy *)file;
	struct image *image = f->image;
	bool good = true;

	(void)flags;
	if (fault_point("store.sync.before") != 0)
		return SQLITE_IOERR_FSYNC;
	pthread_mutex_lock(&lock);
	for (const struct change *change = image->first; change != NULL && good; change = change->next)
		good = change->truncate ? ftruncate(image->disk, (off_t)change->offset) == 0
		                        : write_all(image->disk, change->data, change->length, change->offset);
	if (good)
		forget_changes(image);
	if (good && f->new_journal)
		forget_ghosts();
	f->new_journal = f->new_journal && !good;
	pthread_mutex_unlock(&lock);
	return good && fault_point("store.sync.after") == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int
lossy_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	pthread_mutex_lock(&lock);
	*ret_size = ((struct lossy *)file)->image->size;
	pthread_mutex_unlock(&lock);
	return SQLITE_OK;
}

#define REAL(file) (((struct lossy *)(file))->real)

static int
lossy_lock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xLock(REAL(file), level);
}

static int
lossy_unlock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static int
lossy_reserved(sqlite3_file *file, int *ret_reserved)
{
	return REAL(file)->pMethods->xCheckReservedLock(REAL(file), ret_reserved);
}

static int
lossy_control(sqlite3_file *file, int what, void *argument)
{
	/* These would change the file on disk behind our back. */
	if (what == SQLITE_FCNTL_SIZE_HINT || what == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	return REAL(file)->pMethods->xFileControl(REAL(file), what, argument);
}

static int
lossy_sector(sqlite3_file *file)
{
	return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int
lossy_device(sqlite3_file *file)
{
	return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int
lossy_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret_map)
{
	return REAL(file)->pMethods->xShmMap(REAL(file), region, size, extend, ret_map);
}

static int
lossy_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	return REAL(file)->pMethods->xShmLock(REAL(file), offset, count, flags);
}

static void
lossy_shm_barrier(sqlite3_file *file)
{
	REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int
lossy_shm_unmap(sqlite3_file *file, int delete)
{
	return REAL(file)->pMethods->xShmUnmap(REAL(file), delete);
}

/* No mapping of the file into memory: version 2. */
static const sqlite3_io_methods methods = { 2, lossy_close, lossy_read, lossy_write, lossy_truncate, lossy_sync, lossy_size, lossy_lock,
	lossy_unlock, lossy_reserved, lossy_control, lossy_sector, lossy_device, lossy_shm_map, lossy_shm_lock, lossy_shm_barrier, lossy_shm_unmap,
	NULL, NULL };

static bool
is_ours(const char *path)
{
	const char *name = path != NULL ? strrchr(path, '/') : NULL;
	size_t length = strlen(base_name);

	name = name != NULL ? name + 1 : path;
	return name != NULL && strncmp(name, base_name, length) == 0 &&
	       (name[length] == '\0' || strcmp(name + length, "-wal") == 0 || strcmp(name + length, "-journal") == 0);
}

static int
lossy_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct lossy *f = (struct lossy *)file;
	int status;

	(void)vfs;
	if (!is_ours(path))
		return real_vfs->xOpen(real_vfs, path, file, flags, ret_flags);
	memset(f, 0, sizeof *f);
	f->real = (sqlite3_file *)(void *)(f + 1);
	if ((status = real_vfs->xOpen(real_vfs, path, f->real, flags, ret_flags)) != SQLITE_OK)
		return status;
	pthread_mutex_lock(&lock);
	f->image = use_image(path);
	pthread_mutex_unlock(&lock);
	if (f->image == NULL) {
		f->real->pMethods->xClose(f->real);
		return SQLITE_CANTOPEN;
	}
	f->new_journal = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
	file->pMethods = &methods;
	return SQLITE_OK;
}

static int
lossy_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	struct image *image;

	(void)vfs;
	pthread_mutex_lock(&lock);
	image = is_ours(path) ? find_image(path) : NULL;
	if (image != NULL) {
		forget_changes(image);
		free(image->ghost);
		image->ghost = NULL;
		if (sync)
			forget_ghosts();
		else if (image->disk >= 0 && !read_all(image->disk, &image->ghost, &image->ghost_size))
			image->ghost = NULL;
		if (image->disk >= 0)
			close(image->disk);
		image->disk = -1;
		image->size = 0;
	}
	pthread_mutex_unlock(&lock);
	return real_vfs->xDelete(real_vfs, path, sync);
}

static int
lossy_access(sqlite3_vfs *vfs, const char *path, int what, int *ret_yes)
{
	struct image *image;
	bool known;

	(void)vfs;
	pthread_mutex_lock(&lock);
	image = is_ours(path) && what == SQLITE_ACCESS_EXISTS ? find_image(path) : NULL;
	known = image != NULL && image->disk >= 0 && image->size > 0;
	pthread_mutex_unlock(&lock);
	if (known) {
		*ret_yes = 1;
		return SQLITE_OK;
	}
	return real_vfs->xAccess(real_vfs, path, what, ret_yes);
}

static bool
parse(const char *how)
{
	const char *seed = strchr(how, ':');
	char *end;

	if (strcmp(how, "plain") == 0) {
		mode = PLAIN;
		return true;
	}
	if (seed == NULL || seed[1] < '0' || seed[1] > '9')
		return false;
	mode = strncmp(how, "torn:", 5) == 0 ? TORN : MIXED;
	random_state = strtoull(seed + 1, &end, 10);
	return *end == '\0' && (mode == TORN || strncmp(how, "mixed:", 6) == 0);
}

int
powerloss_register(const char *how, const char *base)
{
	if (!parse(how) || sqlite3_initialize() != SQLITE_OK || (real_vfs = sqlite3_vfs_find(NULL)) == NULL)
		return -1;
	base_name = base;
	lossy_vfs = *real_vfs;
	lossy_vfs.pNext = NULL;
	lossy_vfs.zName = "powerloss";
	lossy_vfs.szOsFile = (int)sizeof(struct lossy) + real_vfs->szOsFile;
	lossy_vfs.xOpen = lossy_open;
	lossy_vfs.xDelete = lossy_delete;
	lossy_vfs.xAccess = lossy_access;
	return sqlite3_vfs_register(&lossy_vfs, 1) == SQLITE_OK ? 0 : -1;
}

uint64_t
powerloss_unsynced(void)
{
	uint64_t bytes;

	pthread_mutex_lock(&lock);
	bytes = unsynced;
	pthread_mutex_unlock(&lock);
	return bytes;
}

/* Each sector of it or not. */
static void
spill_some(const struct image *image, const struct change *change)
{
	if (change->truncate) {
		if (draw() % 2 == 0)
			(void)!ftruncate(image->disk, (off_t)change->offset);
		return;
	}
	for (size_t at = 0; at < change->length;) {
		size_t length = SECTOR - (size_t)((change->offset + (int64_t)at) % SECTOR);

		if (length > change->length - at)
			length = change->length - at;
		if (draw() % 2 == 0)
			(void)write_all(image->disk, change->data + at, length, change->offset + (int64_t)at);
		at += length;
	}
}

static void
spill_whole(const struct image *image, const struct change *change)
{
	if (change->truncate)
		(void)!ftruncate(image->disk, (off_t)change->offset);
	else
		(void)write_all(image->disk, change->data, change->length, change->offset);
}

struct spill {
	const struct image *image;
	const struct change *change;
};

static int
by_order(const void *a, const void *b)
{
	const struct change *x = ((const struct spill *)a)->change, *y = ((const struct spill *)b)->change;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* What is unsynced of all files, in the order of writing.  NULL: nothing, or no memory, which is a loss of all. */
static struct spill *
line_up(size_t *ret_count)
{
	struct spill *all;
	size_t count = 0;

	for (const struct image *image = images; image != NULL; image = image->next)
		for (const struct change *change = image->first; change != NULL; change = change->next)
			count++;
	if (count == 0 || (all = calloc(count, sizeof *all)) == NULL)
		return NULL;
	count = 0;
	for (const struct image *image = images; image != NULL; image = image->next)
		for (const struct change *change = image->first; change != NULL; change = change->next)
			all[count++] = (struct spill){ image, change };
	qsort(all, count, sizeof *all, by_order);
	*ret_count = count;
	return all;
}

static void
raise_ghosts(void)
{
	for (const struct image *image = images; image != NULL; image = image->next) {
		int disk;

		if (image->ghost == NULL || draw() % 2 != 0)
			continue;
		if ((disk = open(image->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
			continue;
		(void)write_all(disk, image->ghost, (size_t)image->ghost_size, 0);
		close(disk);
	}
}

void
powerloss_happen(void)
{
	struct spill *all;
	size_t count = 0, last;

	pthread_mutex_lock(&lock);
	all = mode != PLAIN ? line_up(&count) : NULL;
	last = mode == TORN && count > 0 ? (size_t)(draw() % count) : count;
	for (size_t i = 0; all != NULL && i < count && i <= last; i++)
		if (mode == MIXED || i == last)
			spill_some(all[i].image, all[i].change);
		else
			spill_whole(all[i].image, all[i].change);
	if (mode == MIXED)
		raise_ghosts();
	free(all);
	pthread_mutex_unlock(&lock);
}
