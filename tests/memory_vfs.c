/* SPDX-License-Identifier: BSD-2-Clause */
/* memory_vfs.c: see memory_vfs.h.  A file is a range of pages that the system gives when they are touched: nothing here is allocated. */
#include "memory_vfs.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILES_MAX 48
#define BYTES_MAX (UINT64_C(32) << 20)
#define REGION 32768
#define REGIONS_MAX 4
#define NAME_MAX_ 600

struct memory {
	char name[NAME_MAX_]; /* "" and used: a temporary file without a name */
	unsigned char *data;
	int64_t size;
	unsigned users;
	int exists, used;
	unsigned shared; /* locks */
	const void *reserved, *pending, *exclusive;
	unsigned char *regions[REGIONS_MAX];
	unsigned shm_shared[SQLITE_SHM_NLOCK];
	const void *shm_exclusive[SQLITE_SHM_NLOCK];
};
struct handle {
	sqlite3_file base;
	struct memory *memory;
	int level, temporary;
	unsigned shm_held; /* bits: shared */
};
static struct memory files[FILES_MAX];
static sqlite3_vfs vfs;
static unsigned opened;
static int empty;

/* Of an empty file, and never written to it. */
static unsigned char *
take_pages(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, empty, 0);

	return at != MAP_FAILED ? at : NULL;
}

static struct memory *
find(const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (files[i].used && files[i].exists && name != NULL && strcmp(files[i].name, name) == 0)
			return &files[i];
	return NULL;
}

/* A name that nobody has open and that exists no more leaves its place. */
static void
let_go(struct memory *m)
{
	if (m->users > 0 || m->exists)
		return;
	if (m->data != NULL)
		munmap(m->data, BYTES_MAX);
	for (size_t i = 0; i < REGIONS_MAX; i++)
		if (m->regions[i] != NULL)
			munmap(m->regions[i], REGION);
	memset(m, 0, sizeof *m);
}

static struct memory *
make(const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct memory *m = &files[i];

		if (m->used)
			continue;
		if ((m->data = take_pages(BYTES_MAX)) == NULL)
			return NULL;
		m->used = m->exists = 1;
		strncpy(m->name, name != NULL ? name : "", sizeof m->name - 1);
		return m;
	}
	return NULL;
}

static int
close_file(sqlite3_file *file)
{
	struct handle *h = (struct handle *)file;

	file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
	h->memory->users--;
	opened--;
	if (h->temporary)
		h->memory->exists = 0;
	let_go(h->memory);
	return SQLITE_OK;
}

static int
read_file(sqlite3_file *file, void *to, int count, sqlite3_int64 at)
{
	const struct memory *m = ((struct handle *)file)->memory;
	int64_t there = at < m->size ? m->size - at : 0;

	if (there >= count) {
		memcpy(to, m->data + at, (size_t)count);
		return SQLITE_OK;
	}
	memset(to, 0, (size_t)count);
	memcpy(to, m->data + at, (size_t)there);
	return SQLITE_IOERR_SHORT_READ;
}

static int
write_file(sqlite3_file *file, const void *from, int count, sqlite3_int64 at)
{
	struct memory *m = ((struct handle *)file)->memory;

	if ((uint64_t)at + (uint64_t)count > BYTES_MAX)
		return SQLITE_FULL;
	memcpy(m->data + at, from, (size_t)count);
	if (at + count > m->size)
		m->size = at + count;
	return SQLITE_OK;
}

static int
truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
	struct memory *m = ((struct handle *)file)->memory;

	if (size < m->size) {
		memset(m->data + size, 0, (size_t)(m->size - size));
		m->size = size;
	}
	return SQLITE_OK;
}

static int
sync_file(sqlite3_file *file, int flags)
{
	(void)file, (void)flags;
	return SQLITE_OK;
}

static int
size_file(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	*ret_size = ((struct handle *)file)->memory->size;
	return SQLITE_OK;
}

static int
lock_file(sqlite3_file *file, int level)
{
	struct handle *h = (struct handle *)file;
	struct memory *m = h->memory;

	if (level <= h->level)
		return SQLITE_OK;
	if (h->level == SQLITE_LOCK_NONE) {
		if ((m->pending != NULL && m->pending != h) || (m->exclusive != NULL && m->exclusive != h))
			return SQLITE_BUSY;
		m->shared++;
		h->level = SQLITE_LOCK_SHARED;
	}
	if (level >= SQLITE_LOCK_RESERVED) {
		if (m->reserved != NULL && m->reserved != h)
			return SQLITE_BUSY;
		m->reserved = h;
		if (h->level < SQLITE_LOCK_RESERVED)
			h->level = SQLITE_LOCK_RESERVED;
	}
	if (level == SQLITE_LOCK_EXCLUSIVE) {
		m->pending = h;
		h->level = SQLITE_LOCK_PENDING;
		if (m->shared > 1)
			return SQLITE_BUSY;
		m->exclusive = h;
		h->level = SQLITE_LOCK_EXCLUSIVE;
	}
	return SQLITE_OK;
}

static int
unlock_file(sqlite3_file *file, int level)
{
	struct handle *h = (struct handle *)file;
	struct memory *m = h->memory;

	if (h->level <= level)
		return SQLITE_OK;
	if (m->exclusive == h)
		m->exclusive = NULL;
	if (m->pending == h)
		m->pending = NULL;
	if (m->reserved == h)
		m->reserved = NULL;
	if (level == SQLITE_LOCK_NONE)
		m->shared--;
	h->level = level;
	return SQLITE_OK;
}

static int
check_reserved(sqlite3_file *file, int *ret_reserved)
{
	*ret_reserved = ((struct handle *)file)->memory->reserved != NULL;
	return SQLITE_OK;
}

static int
control_file(sqlite3_file *file, int op, void *arg)
{
	(void)file, (void)op, (void)arg;
	return SQLITE_NOTFOUND;
}

static int
sector_size(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int
characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN;
}

static int
shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret_region)
{
	struct memory *m = ((struct handle *)file)->memory;

	*ret_region = NULL;
	if (region >= REGIONS_MAX || size != REGION)
		return SQLITE_FULL;
	if (m->regions[region] == NULL && extend && (m->regions[region] = take_pages(REGION)) == NULL)
		return SQLITE_NOMEM;
	*ret_region = m->regions[region];
	return SQLITE_OK;
}

static int
shm_lock(sqlite3_file *file, int first, int count, int flags)
{
	struct handle *h = (struct handle *)file;
	struct memory *m = h->memory;

	if ((flags & SQLITE_SHM_LOCK) != 0)
		for (int i = first; i < first + count; i++)
			if ((m->shm_exclusive[i] != NULL && m->shm_exclusive[i] != h) ||
			    ((flags & SQLITE_SHM_EXCLUSIVE) != 0 && m->shm_shared[i] > (h->shm_held >> i & 1)))
				return SQLITE_BUSY;
	for (int i = first; i < first + count; i++) {
		if ((flags & SQLITE_SHM_EXCLUSIVE) != 0) {
			if ((flags & SQLITE_SHM_LOCK) != 0)
				m->shm_exclusive[i] = h;
			else if (m->shm_exclusive[i] == h)
				m->shm_exclusive[i] = NULL;
		} else if ((flags & SQLITE_SHM_LOCK) != 0 && (h->shm_held >> i & 1) == 0) {
			m->shm_shared[i]++;
			h->shm_held |= 1u << i;
		} else if ((flags & SQLITE_SHM_UNLOCK) != 0 && (h->shm_held >> i & 1) != 0) {
			m->shm_shared[i]--;
			h->shm_held &= ~(1u << i);
		}
	}
	return SQLITE_OK;
}

static void
shm_barrier(sqlite3_file *file)
{
	(void)file;
}

static int
shm_unmap(sqlite3_file *file, int remove)
{
	struct handle *h = (struct handle *)file;
	struct memory *m = h->memory;

	for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
		if ((h->shm_held >> i & 1) != 0)
			m->shm_shared[i]--;
		if (m->shm_exclusive[i] == h)
			m->shm_exclusive[i] = NULL;
	}
	h->shm_held = 0;
	for (size_t i = 0; remove && i < REGIONS_MAX; i++) {
		if (m->regions[i] != NULL)
			munmap(m->regions[i], REGION);
		m->regions[i] = NULL;
	}
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = close_file, .xRead = read_file, .xWrite = write_file, .xTruncate = truncate_file, .xSync = sync_file,
	.xFileSize = size_file, .xLock = lock_file, .xUnlock = unlock_file, .xCheckReservedLock = check_reserved, .xFileControl = control_file,
	.xSectorSize = sector_size, .xDeviceCharacteristics = characteristics, .xShmMap = shm_map, .xShmLock = shm_lock,
	.xShmBarrier = shm_barrier, .xShmUnmap = shm_unmap,
};

static int
open_file(sqlite3_vfs *of, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct handle *h = (struct handle *)file;
	struct memory *m = find(name);

	(void)of;
	memset(h, 0, sizeof *h);
	if (m == NULL && (name == NULL || (flags & (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) != 0))
		m = make(name);
	if (m == NULL)
		return SQLITE_CANTOPEN;
	h->memory = m;
	h->temporary = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
	h->base.pMethods = &methods;
	m->users++;
	opened++;
	if (ret_flags != NULL)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int
delete_file(sqlite3_vfs *of, const char *name, int sync_dir)
{
	struct memory *m = find(name);

	(void)of, (void)sync_dir;
	if (m == NULL)
		return SQLITE_IOERR_DELETE_NOENT;
	m->exists = 0;
	let_go(m);
	return SQLITE_OK;
}

static int
access_file(sqlite3_vfs *of, const char *name, int flags, int *ret_there)
{
	const struct memory *m = find(name);

	(void)of;
	*ret_there = m != NULL && (flags != SQLITE_ACCESS_EXISTS || m->size > 0);
	return SQLITE_OK;
}

static int
full_path(sqlite3_vfs *of, const char *name, int size, char *to)
{
	(void)of;
	sqlite3_snprintf(size, to, "%s", name);
	return SQLITE_OK;
}

int
memory_vfs_begin(void)
{
	const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
	FILE *file = tmpfile();

	if (usual == NULL || file == NULL || ftruncate(fileno(file), (off_t)BYTES_MAX) != 0)
		return -1;
	empty = fileno(file);
	vfs = *usual;
	vfs.pNext = NULL;
	vfs.zName = "memory";
	vfs.szOsFile = sizeof(struct handle);
	vfs.mxPathname = NAME_MAX_ - 1;
	vfs.xOpen = open_file;
	vfs.xDelete = delete_file;
	vfs.xAccess = access_file;
	vfs.xFullPathname = full_path;
	return sqlite3_vfs_register(&vfs, 1) == SQLITE_OK ? 0 : -1;
}

unsigned
memory_vfs_open(void)
{
	return opened;
}
