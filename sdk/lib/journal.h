/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.h: what journal.c and journal-scan.c share.  An entry, numbers with their lowest byte first:
 *
 *     "SJ0" kind   u32 bytes of the entry   u64 length of the part   u16 + u16 lengths of names   u32 count of keys
 *     the part's name   its final name   the keys   u64 sum over all before
 */
#ifndef SDK_JOURNAL_H
#define SDK_JOURNAL_H

#include <syncline/helper.h>

#define JOURNAL_KEY SYNCLINE_JOURNAL_KEY
#define JOURNAL_HEAD 24u
#define JOURNAL_ENTRY_MAX (32u * 1024u * 1024u)
#define JOURNAL_PREFIX "journal-"
#define JOURNAL_PART "part-"

#define JOURNAL_PROMISE '1' /* the part will be published */
#define JOURNAL_KEEP '2'    /* the part is gone on with; its keys count as long as it is there, or once it was published */
#define JOURNAL_PUBLISH '3' /* a part that was kept will be published */

#define JOURNAL_GENERATION ((size_t)256 * 1024) /* keys; two generations are remembered */

struct journal_keys {
	uint8_t (*slots)[JOURNAL_KEY];
	uint8_t *used;
	size_t count, room;
};

struct journal_segment { /* of another process */
	char name[64];
	uint64_t seen; /* bytes whose keys are known */
	uint64_t keys; /* in it, once it is dead */
	int dead;      /* nobody writes to it any more */
	int holds;     /* a part that is kept and still there is named in it */
	int gone;
};

struct syncline_journal {
	char *path;
	int folder, hidden, lock;
	int fd;             /* this process's own segment, locked */
	char own[64];       /* its name */
	uint64_t length;
	unsigned parts;     /* made so far, for their names */
	unsigned open_parts;
	int broken;         /* its end may hold half an entry: nothing is written behind it */
	int stale;          /* keys may be missing: the next begin() reads everything again */
	int64_t retention_us;
	struct journal_keys young, old, claimed;
	struct journal_segment *segments;
	size_t segment_count, segment_room;
	uint8_t *window; /* for reading segments */
	size_t window_room;
};

struct journal_entry {
	uint64_t bytes, length; /* of the entry, of the part */
	char kind;
	char part[96], final_name[256];
	const uint8_t *keys;
	uint32_t count;
};

/* journal-keys.c */
int journal_keys_has(const struct journal_keys *keys, const uint8_t key[JOURNAL_KEY]);
int journal_keys_add(struct journal_keys *keys, const uint8_t key[JOURNAL_KEY]); /* 1: new, 0: was there, -1: no memory */
int journal_keys_reserve(struct journal_keys *keys, size_t more);
void journal_keys_clear(struct journal_keys *keys);
void journal_keys_free(struct journal_keys *keys);
/* Makes room, so that remembering so many keys can't fail. */
int journal_reserve(struct syncline_journal *journal, size_t count);
int journal_remember(struct syncline_journal *journal, const uint8_t key[JOURNAL_KEY]);

/* journal-scan.c: what other processes, and this one, wrote down. */
/* A part that entries speak of, as far as it matters. */
struct journal_part_seen {
	char name[96], final_name[256];
	uint64_t length; /* the longest that was written down and is there */
	uint64_t size;
	int exists, kept, published, open;
};
struct journal_scan {
	struct journal_part_seen *parts;
	size_t count, room, last;
};
/* Brings to an end what dead processes promised, and finds the parts that are kept. */
uint32_t journal_find_parts(struct syncline_journal *journal, struct journal_scan *scan, int64_t now_us, struct syncline_error *err);
/* Learns all keys anew. */
uint32_t journal_learn(struct syncline_journal *journal, struct journal_scan *scan, struct syncline_error *err);
uint32_t journal_refresh(struct syncline_journal *journal, struct syncline_error *err);
void journal_scan_free(struct journal_scan *scan);

uint64_t journal_get(const uint8_t *p, unsigned bytes);
int journal_lock(int fd, uint64_t at, uint64_t length, int unlock); /* length 0: all of it */

#endif
