/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.h: what the files of links share: statements that need the late indexes, and rows.  Inside agent/ledger alone.
 *
 * link is a rowid table, appended in the order of the runs.  link_native covers all that an unchanged row needs; link_record
 * makes a second live link of a record at an object and unit impossible.  Both are missing while a first load is open, and
 * every statement that leans on one says INDEXED BY: without its index it fails at once instead of reading the whole table.
 */
#ifndef LEDGER_LINKS_H
#define LEDGER_LINKS_H

#include "ledger/golden.h"

#define LINK_COLUMNS \
	"id, object, unit, native, record, state, flags, raw, effective, version, sent, seen, there, confirmed, confirmed_us," \
	" written_version, written, written_us"
/* FROM link …: with what stands beside it: vectors, where it has some of its own, and what we wrote since it was seen. */
#define LINK_BESIDE " LEFT JOIN link_vector ON link_vector.link = id LEFT JOIN link_written ON link_written.link = id"

/* The row that the statement stands on; it selects LINK_COLUMNS FROM link … LINK_BESIDE. */
int link_read(sqlite3_stmt *statement, uint32_t words, struct arena *arena, struct ledger_link *ret_link, struct error *err);
/* Words of a vector of this entity's links. */
uint32_t link_words(struct ledger *ledger, const struct config_entity *entity);
void link_bind_native(sqlite3_stmt *statement, int at, struct syncline_slice native);
/* As the index compares them. */
int link_compare_natives(struct syncline_slice a, struct syncline_slice b);
#define WALK_LEAST 16u /* rows that are worth a walk along an index, rather than a search for each */
/* Writing several: begin, each, end (which counts them, and frees what begin and each made, after a failure too). */
struct link_writing {
	struct ledger *ledger;
	sqlite3_stmt *checking, *inserting; /* found when they are needed first */
	uint32_t entity, words;
	unsigned char *sent, *seen; /* vectors as bytes; made when a link has some */
	uint32_t object, unit;      /* whose live links `more` are */
	int64_t more;
};
void link_write_begin(struct link_writing *writing, struct ledger *ledger, const struct config_entity *entity);
/* Sets the id of a new one.  `known`: the caller knows that a new link is no twin, and the indexes may be away. */
int link_write(struct link_writing *writing, struct ledger_link *link, bool known, struct error *err);
int link_write_end(struct link_writing *writing, int result, struct error *err);
/*
 * Around many looks: without it each of them takes and gives back SQLite's locks, which costs more than looking.  Does nothing inside
 * a transaction.  link_look_end() returns the result.
 */
int link_look_begin(struct ledger *ledger, bool *ret_own, struct error *err);
int link_look_end(struct ledger *ledger, bool own, int result);
/* After a failure: says ERROR_LEDGER_LOADING when it comes from an index that a first load has put away.  Always -1. */
int link_failed(struct ledger *ledger, struct error *err);

#endif
