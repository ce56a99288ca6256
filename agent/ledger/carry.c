/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * carry.c: carrying over what stands in the log into the file.  An engine has a thread with a connection of its own for it, from the
 * first time that there is much: neither copying nor the disk keeps its transactions waiting.
 *
 *     engine    commit  commit  commit  commit  commit  commit | the rest, and the log begins anew
 *     thread            carries over and syncs  | again        |
 *
 * While there is more to come the thread never reaches the end of the log, and the log would only grow: when little is left, the
 * engine's thread carries that over with a commit of its own.
 *
 * SQLite lets part of the log count as carried over without syncing the file, as long as more follows, since all of the log is there until
 * its end was carried over and synced.  The thread syncs the file after each of its passes, so that the end has little left to sync; and
 * if that fails once, nothing is carried over any more, nor when the ledger is closed: what a failed sync lost, a later one that works
 * doesn't bring back.  The log has it; whoever opens the ledger next begins from there.
 */
#include "ledger/carry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARRY_FRAMES 16384u /* of 4 KiB, when nothing else is said: from so many on it is worth while */
#define LONGEST 8u         /* times that: the engine waits for the thread, for disks that are slower than it */
#define REST 4u            /* the fourth part of that is little */

struct carrier {
	sqlite3 *db; /* the thread's */
	char *uri;
	pthread_t thread;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	bool working, over;
	bool lost;         /* a sync failed */
	bool useless;      /* there is no connection to be had */
	uint32_t given;    /* for which log, by its number: */
	uint32_t carried;  /* so many frames of it are in the file */
	/* The ledger's thread alone. */
	uint32_t number, frames; /* of the log, and how long it was with the last commit */
};

/* Who is no engine leaves it to one as long as it can. */
static uint32_t
worth(const struct ledger *ledger)
{
	uint32_t frames = ledger->options.carry_frames != 0 ? ledger->options.carry_frames : CARRY_FRAMES;

	return ledger->options.mode == LEDGER_ENGINE ? frames : frames * REST;
}

/* ---- the thread ---- */

static int
connect(struct carrier *c)
{
	if (sqlite3_open_v2(c->uri, &c->db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return -1;
	/* Until something was read it doesn't know that there is a log. */
	return sqlite3_exec(c->db, "PRAGMA synchronous = FULL; PRAGMA cache_size = -64; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK
	               ? 0 : -1;
}

static bool
sync_file(sqlite3 *db)
{
	sqlite3_file *file = NULL;

	return sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK && file != NULL && file->pMethods != NULL &&
	       file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK;
}

/* What is there by now.  -1: no connection; 1: a sync failed. */
static int
carry(struct carrier *c, uint32_t *ret_carried)
{
	int logged = 0, kept = 0;

	if (c->db == NULL && connect(c) != 0)
		return -1;
	if (sqlite3_wal_checkpoint_v2(c->db, "main", SQLITE_CHECKPOINT_PASSIVE, &logged, &kept) == SQLITE_OK && kept > 0)
		*ret_carried = (uint32_t)kept;
	return sync_file(c->db) ? 0 : 1;
}

static void *
work(void *data)
{
	struct carrier *c = data;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		uint32_t carried = c->carried;
		int result;

		while (!c->over && !c->working)
			pthread_cond_wait(&c->changed, &c->lock);
		if (!c->working)
			break;
		pthread_mutex_unlock(&c->lock);
		result = carry(c, &carried);
		pthread_mutex_lock(&c->lock);
		c->carried = carried;
		c->useless = result < 0;
		c->lost = c->lost || result > 0;
		c->working = false;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	sqlite3_close(c->db);
	c->db = NULL;
	return NULL;
}

/* ---- the ledger's thread ---- */

static void
release(struct carrier *c)
{
	free(c->uri);
	free(c);
}

/* NULL: no memory or no thread; then the ledger's own connection does all of it. */
static struct carrier *
begin(const struct ledger *ledger)
{
	struct carrier *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	if ((c->uri = ledger_uri(ledger)) == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
		release(c);
		return NULL;
	}
	if (pthread_cond_init(&c->changed, NULL) == 0) {
		if (pthread_create(&c->thread, NULL, work, c) == 0)
			return c;
		pthread_cond_destroy(&c->changed);
	}
	pthread_mutex_destroy(&c->lock);
	release(c);
	return NULL;
}

void
carry_end(struct ledger *ledger)
{
	struct carrier *c = ledger->carrier;

	if (c == NULL)
		return;
	ledger->carrier = NULL;
	pthread_mutex_lock(&c->lock);
	c->over = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	/* The last who closes would carry over what is left. */
	if (c->lost)
		sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	release(c);
}

void
carry_wait(struct ledger *ledger)
{
	struct carrier *c = ledger->carrier;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	while (c->working)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

int
carry_here(struct ledger *ledger, bool *ret_whole)
{
	int logged = 0, kept = 0, status;

	*ret_whole = false;
	carry_wait(ledger);
	if (ledger->carrier != NULL && ledger->carrier->lost) /* nobody works on it: it is the caller's */
		return SQLITE_OK;
	status = sqlite3_wal_checkpoint_v2(ledger->db, "main", SQLITE_CHECKPOINT_PASSIVE, &logged, &kept);
	*ret_whole = status == SQLITE_OK && logged == kept;
	if (*ret_whole)
		ledger->wal_pages = 0;
	return status;
}

enum now { NOTHING, GIVE, HERE };

static enum now
what_now(struct ledger *ledger, struct carrier *c, uint32_t frames)
{
	uint32_t carried;
	enum now now = GIVE;

	/* It began anew, or somebody else carried it over. */
	if (frames < c->frames)
		c->number++;
	c->frames = frames;
	pthread_mutex_lock(&c->lock);
	carried = c->given == c->number ? c->carried : 0;
	if (c->lost || c->useless)
		now = c->lost ? NOTHING : HERE;
	else if (c->working)
		now = frames / LONGEST >= worth(ledger) ? HERE : NOTHING;
	else if (frames - (carried < frames ? carried : frames) <= worth(ledger) / REST)
		now = HERE;
	if (now == GIVE) {
		c->carried = carried;
		c->given = c->number;
		c->working = true;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	return now;
}

void
carry_after_commit(struct ledger *ledger, uint32_t frames)
{
	bool whole;

	ledger->wal_pages = frames;
	if (frames < worth(ledger)) {
		if (ledger->carrier != NULL && frames < ledger->carrier->frames)
			ledger->carrier->number++;
		if (ledger->carrier != NULL)
			ledger->carrier->frames = frames;
		return;
	}
	if (ledger->carrier == NULL && ledger->options.mode == LEDGER_ENGINE)
		ledger->carrier = begin(ledger);
	if (ledger->carrier == NULL || what_now(ledger, ledger->carrier, frames) == HERE)
		(void)carry_here(ledger, &whole);
}
