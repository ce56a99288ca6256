/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.c: that one engine works on a ledger, and that the ledger is the one it was.
 *
 * THE LOCK is an fcntl lock on ledger.lock, which holds the engine's process number for people.  The system lets go of it when
 * the process ends, however it ends.  Such locks belong to the process and closing any descriptor of the file ends them, so the
 * ledgers that one engine's threads open share one descriptor, counted here.
 *
 * THE STAMP tells a copy or a restore from the ledger that it was made of.  ledger.stamp holds a random number that the ledger
 * has too, and the ledger knows both files' inodes and the stamp's time of change.  It is made anew whenever an engine opens or
 * closes the ledger, by rename, so that
 *   - a copy of the folder has other inodes, or at least another time of change, which nobody can set;
 *   - an older ledger.db that is put back finds a stamp with a number that came later;
 *   - renaming the folder, or starting the machine again, changes none of these.
 * A folder whose owner was changed looks like a copy: that costs a full read, never a record.  The device's number is left out
 * because it may change whenever the machine starts.
 */
#include "ledger/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define LOCK_FILE "ledger.lock"
#define STAMP_FILE "ledger.stamp"
#define OPENING 16u

struct engine_lock {
	struct engine_lock *next;
	unsigned users;
	int fd;
	dev_t device;
	ino_t inode;
};
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static struct engine_lock *locks; /* of this process */

static void
name_other(int fd, char *text, size_t size)
{
	struct flock asked = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char written[32] = "";
	ssize_t got = pread(fd, written, sizeof written - 1, 0);
	long pid = 0;

	if (got > 0) {
		written[got] = '\0';
		pid = strtol(written, NULL, 10);
	}
	/* The system's word counts more, unless it can't see the process (another machine, another container). */
	if (fcntl(fd, F_GETLK, &asked) == 0 && asked.l_type != F_UNLCK && asked.l_pid > 0)
		pid = (long)asked.l_pid;
	if (pid > 0)
		snprintf(text, size, "process %ld", pid);
	else
		snprintf(text, size, "a process that can't be named");
}

static int
take_lock(const char *dir, const char *path, struct engine_lock **ret_engine, struct error *err)
{
	struct flock wanted = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct engine_lock *engine;
	struct stat file;
	char text[64];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), length;

	if (fd < 0 && (errno == ENOSPC || errno == EDQUOT))
		return error_set(err, ERROR_LEDGER_FULL, "Make room on that disk, or name another with --state.", "there is no room for a lock in %s (%s)", dir,
		                 strerror(errno));
	if (fd < 0)
		return error_set(err, ERROR_LEDGER_READONLY, "Run it as the user of the service; that user needs the right to write there.",
		                 "the lock of the ledger in %s can't be opened: %s", dir, strerror(errno));
	if (fcntl(fd, F_SETLK, &wanted) != 0) {
		if (errno == EACCES || errno == EAGAIN) {
			name_other(fd, text, sizeof text);
			error_fill(err, ERROR_LEDGER_ENGINE, "Wait until it is done or stop it; commands that only look work beside it.",
			           "another engine (%s) works on the ledger in %s", text, dir);
		} else {
			error_fill_system(err, ERROR_SYSTEM, errno, "the ledger in %s can't be locked", dir);
		}
		close(fd);
		return -1;
	}
	length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	/* The number is for people; a disk that has no room for it must not keep the engine from saying so later. */
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length)
		text[0] = '\0';
	engine = fstat(fd, &file) == 0 ? calloc(1, sizeof *engine) : NULL;
	if (engine == NULL) {
		close(fd);
		return error_memory(err);
	}
	*engine = (struct engine_lock){ .next = locks, .users = 1, .fd = fd, .device = file.st_dev, .inode = file.st_ino };
	locks = engine;
	*ret_engine = engine;
	return 0;
}

int
ledger_engine_lock(const char *state_dir, struct engine_lock **ret_engine, bool *ret_first, struct error *err)
{
	char path[4096];
	struct stat file;
	int result = 0;

	if ((size_t)snprintf(path, sizeof path, "%s/" LOCK_FILE, state_dir) >= sizeof path)
		return error_set(err, ERROR_LEDGER_MISSING, "Name a shorter one with --state.", "the name of the state directory is too long");
	pthread_mutex_lock(&guard);
	*ret_first = true;
	/* Looked up without opening it: closing it again would end the lock. */
	if (stat(path, &file) == 0) {
		for (struct engine_lock *engine = locks; engine != NULL; engine = engine->next) {
			if (engine->device == file.st_dev && engine->inode == file.st_ino) {
				engine->users++;
				*ret_engine = engine;
				*ret_first = false;
			}
		}
	}
	if (*ret_first)
		result = take_lock(state_dir, path, ret_engine, err);
	pthread_mutex_unlock(&guard);
	return result;
}

int64_t
ledger_engine_process(const struct ledger *ledger)
{
	struct flock asked = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[4096];
	struct stat file;
	int64_t process = 0;
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/" LOCK_FILE, ledger->state_dir) >= sizeof path || stat(path, &file) != 0)
		return 0;
	pthread_mutex_lock(&guard);
	for (const struct engine_lock *engine = locks; engine != NULL; engine = engine->next)
		if (engine->device == file.st_dev && engine->inode == file.st_ino)
			process = (int64_t)getpid();
	/* Opened only where this process has no lock of it, which closing would end.  Who may not look says that it goes on. */
	if (process == 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			process = errno != ENOENT ? -1 : 0;
		else if (fcntl(fd, F_GETLK, &asked) != 0)
			process = -1;
		else if (asked.l_type != F_UNLCK)
			process = asked.l_pid > 0 ? (int64_t)asked.l_pid : -1;
		if (fd >= 0)
			close(fd);
	}
	pthread_mutex_unlock(&guard);
	return process;
}

bool
ledger_engine_works(const struct ledger *ledger)
{
	return ledger_engine_process(ledger) != 0;
}

bool
ledger_engine_last(const struct engine_lock *engine)
{
	bool last;

	pthread_mutex_lock(&guard);
	last = engine->users == 1;
	pthread_mutex_unlock(&guard);
	return last;
}

void
ledger_engine_unlock(struct engine_lock *engine)
{
	if (engine == NULL)
		return;
	pthread_mutex_lock(&guard);
	if (--engine->users == 0) {
		struct engine_lock **at = &locks;

		while (*at != engine)
			at = &(*at)->next;
		*at = engine->next;
		close(engine->fd);
		free(engine);
	}
	pthread_mutex_unlock(&guard);
}

/* The stamp. */

static void
stamp_path(const char *state_dir, const char *suffix, char *path, size_t size)
{
	snprintf(path, size, "%s/" STAMP_FILE "%s", state_dir, suffix);
}

bool
ledger_stamp_is_there(const char *state_dir)
{
	char path[4096];

	stamp_path(state_dir, "", path, sizeof path);
	return access(path, F_OK) == 0;
}

static int
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	/* Not every file system can; EINVAL says so, and then the rename is as durable as it gets. */
	result = fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
	close(fd);
	return result;
}

static int
write_stamp(const char *state_dir, const uint8_t opening[OPENING], struct error *err)
{
	char path[4096], fresh[4096], text[2 * OPENING + 2];
	int fd, failed;

	stamp_path(state_dir, "", path, sizeof path);
	stamp_path(state_dir, ".new", fresh, sizeof fresh);
	sodium_bin2hex(text, sizeof text, opening, OPENING);
	strcat(text, "\n");
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_system(err, ERROR_SYSTEM, errno, "the ledger's stamp %s can't be written", fresh);
	failed = write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1 || fsync(fd) != 0 ? (errno != 0 ? errno : ENOSPC) : 0;
	close(fd);
	if (failed == 0 && (rename(fresh, path) != 0 || sync_dir(state_dir) != 0))
		failed = errno;
	if (failed == 0)
		return 0;
	unlink(fresh);
	if (failed == ENOSPC || failed == EDQUOT)
		return error_set(err, ERROR_LEDGER_FULL, "Make room on that disk.", "there is no room for the ledger's stamp in %s", state_dir);
	return error_system(err, ERROR_SYSTEM, failed, "the ledger's stamp %s can't be written", path);
}

static bool
read_stamp(const char *state_dir, uint8_t ret_opening[OPENING])
{
	char path[4096], text[2 * OPENING + 1];
	size_t length = 0;
	ssize_t got;
	int fd;

	stamp_path(state_dir, "", path, sizeof path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, 2 * OPENING);
	close(fd);
	return got == (ssize_t)(2 * OPENING) &&
	       sodium_hex2bin(ret_opening, OPENING, text, 2 * OPENING, NULL, &length, NULL) == 0 && length == OPENING;
}

/* What a copy doesn't have: inodes and the stamp's time of change, in one hash. */
static int
identify(struct ledger *ledger, uint8_t ret_identity[OPENING], struct error *err)
{
	struct stat file, stamp;
	char path[4096];
	int64_t facts[4];

	snprintf(path, sizeof path, "%s/" LEDGER_FILE, ledger->state_dir);
	if (stat(path, &file) != 0)
		return error_system(err, ERROR_SYSTEM, errno, "%s can't be looked at", path);
	stamp_path(ledger->state_dir, "", path, sizeof path);
	if (stat(path, &stamp) != 0)
		return error_system(err, ERROR_SYSTEM, errno, "%s can't be looked at", path);
	facts[0] = (int64_t)file.st_ino;
	facts[1] = (int64_t)stamp.st_ino;
	facts[2] = (int64_t)stamp.st_ctim.tv_sec;
	facts[3] = (int64_t)stamp.st_ctim.tv_nsec;
	crypto_generichash(ret_identity, OPENING, (const unsigned char *)facts, sizeof facts, NULL, 0);
	return 0;
}

/* In three steps, each durable before the next, so that being killed between them is never taken for a copy. */
int
ledger_stamp(struct ledger *ledger, struct error *err)
{
	uint8_t opening[OPENING], identity[OPENING];

	randombytes_buf(opening, sizeof opening);
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_meta_set_blob(ledger, "next_opening", opening, sizeof opening, err) != 0 || ledger_commit(ledger, err) != 0)
		goto failed;
	if (write_stamp(ledger->state_dir, opening, err) != 0 || identify(ledger, identity, err) != 0 || ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_meta_set_blob(ledger, "opening", opening, sizeof opening, err) != 0 ||
	    ledger_meta_set_blob(ledger, "identity", identity, sizeof identity, err) != 0 ||
	    ledger_execute(ledger, "DELETE FROM meta WHERE key IN ('next_opening', 'restored')", err) != 0 || ledger_commit(ledger, err) != 0)
		goto failed;
	return 0;
failed:
	ledger_rollback(ledger);
	return -1;
}

static int
same_as_before(struct ledger *ledger, bool *ret_same, struct error *err)
{
	uint8_t opening[OPENING], next[OPENING], identity[OPENING], stamp[OPENING], now[OPENING];
	bool has_opening, has_next, has_identity, has_stamp = read_stamp(ledger->state_dir, stamp);
	int64_t restored;

	if (ledger_meta_get(ledger, "restored", &restored, err) != 0 ||
	    ledger_meta_get_blob(ledger, "opening", opening, sizeof opening, &has_opening, err) != 0 ||
	    ledger_meta_get_blob(ledger, "next_opening", next, sizeof next, &has_next, err) != 0 ||
	    ledger_meta_get_blob(ledger, "identity", identity, sizeof identity, &has_identity, err) != 0)
		return -1;
	*ret_same = false;
	if (restored != 0)
		return 0;
	if (!has_opening && !has_stamp) { /* no engine ever opened it */
		*ret_same = true;
		return 0;
	}
	if (!has_stamp)
		return 0;
	if (has_next && memcmp(stamp, next, OPENING) == 0) { /* killed before the third step */
		*ret_same = true;
		return 0;
	}
	if (!has_opening || !has_identity || memcmp(stamp, opening, OPENING) != 0)
		return 0;
	if (identify(ledger, now, err) != 0)
		return -1;
	*ret_same = memcmp(now, identity, OPENING) == 0;
	return 0;
}

int
ledger_stamp_check(struct ledger *ledger, bool *ret_new_epoch, struct error *err)
{
	bool same;
	int64_t epoch;

	if (same_as_before(ledger, &same, err) != 0)
		return -1;
	if (!same) {
		if (ledger_begin(ledger, err) != 0)
			return -1;
		/* Durable before the stamp: being killed after it must not hide that this is a copy. */
		if (ledger_meta_get(ledger, "epoch", &epoch, err) != 0 || ledger_meta_set(ledger, "epoch", epoch + 1, err) != 0 ||
		    ledger_meta_set(ledger, "recover_epoch", epoch + 1, err) != 0 || ledger_new_numbers(ledger, epoch + 1, err) != 0 ||
		    ledger_commit(ledger, err) != 0) {
			ledger_rollback(ledger);
			return -1;
		}
		ledger->epoch = (uint32_t)(epoch + 1);
	}
	if (ledger_stamp(ledger, err) != 0)
		return -1;
	/* What follows from a new epoch may have been cut short the last time. */
	if (ledger_meta_get(ledger, "recover_epoch", &epoch, err) != 0)
		return -1;
	*ret_new_epoch = epoch != 0;
	return 0;
}
