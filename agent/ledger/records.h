/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records.h: golden records, their links to the systems, match keys, and history.
 *
 * A record's values stand in the order of the entity's fields in the model: TEXT, INTEGER, DECIMAL, BOOLEAN, DATE, TIMESTAMP,
 * JSON (lists too), NULL, never ABSENT.  A ref is an INTEGER, the id of the record that it points to.  A content is JSON:
 * {"object":"erp.belege","native":"100|7","reference":"…","length":…,"sha256":"…"}, the last two only of a document that is copied and
 * could be looked at (flow/contents.h).
 */
#ifndef LEDGER_RECORDS_H
#define LEDGER_RECORDS_H

#include "batch/batch.h"
#include "ledger/ledger.h"

/* Golden records. */

#define LEDGER_LIVE 0u
#define LEDGER_DELETED 1u /* the row stays, with its last values */

/* Where a field's value comes from, kept for fields whose policy needs it. */
#define LEDGER_CLOCK_READ 0u   /* when it was read */
#define LEDGER_CLOCK_RECORD 1u /* the record's own stamp */
#define LEDGER_CLOCK_GROUP 2u  /* the group's own stamp */
struct ledger_stamp {
	uint32_t field;  /* ledger_field_id() */
	uint32_t object; /* that gave the value; 0: a person */
	int64_t at_us;
	uint8_t clock; /* LEDGER_CLOCK_* */
};

struct ledger_record {
	int64_t id; /* 0: none */
	uint32_t unit;
	uint8_t state;       /* LEDGER_LIVE, LEDGER_DELETED */
	uint64_t generation; /* 1 when created; each change raises it */
	uint32_t version;    /* effective version that wrote it last; ledger_version_id() */
	int64_t updated_us;
	struct syncline_value *values; /* of the entity's fields */
	struct ledger_stamp *stamps;
	uint32_t stamp_count;
};

/* `count` ids that no record ever had, consecutive; in a transaction. */
int ledger_new_ids(struct ledger *ledger, uint32_t count, int64_t *ret_first, struct error *err);
/* For each id its record, or one with id 0; memory from `arena`. */
int ledger_records_get(struct ledger *ledger, const struct config_entity *entity, const int64_t *ids, uint32_t count, struct arena *arena,
                       struct ledger_record *ret_records, struct error *err);
/* The same without the values: for each id its generation, 0 when there is none. */
int ledger_records_generations(struct ledger *ledger, const struct config_entity *entity, const int64_t *ids, uint32_t count,
                               uint64_t *ret_generations, struct error *err);
/* Inserts or replaces by id. */
int ledger_records_put(struct ledger *ledger, const struct config_entity *entity, const struct ledger_record *records, uint32_t count,
                       struct error *err);
/* Live records of a unit (0: all) with ids above `after`, in order. */
int ledger_records_scan(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, int64_t after, struct arena *arena,
                        struct ledger_record *ret_records, uint32_t max, uint32_t *ret_count, struct error *err);
int ledger_records_count(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, uint64_t *ret_count, struct error *err);
/* Records of `entity` whose ref field points to `parent`, at most max; for deletes and for links written back. */
int ledger_records_referring(struct ledger *ledger, const struct config_entity *entity, const struct config_field *field, int64_t parent,
                             int64_t after, int64_t *ret_ids, uint32_t max, uint32_t *ret_count, struct error *err);
/* Which entity a record id belongs to; NULL: none that is configured. */
const struct config_entity *ledger_record_entity(struct ledger *ledger, int64_t id);

/*
 * The id by which other systems know a record: 32 hexadecimal digits, the same for ever, another in every ledger.  And back:
 * 0 when the text is no such id.
 */
#define LEDGER_EXTERNAL_ID 32u
void ledger_external_id(const struct ledger *ledger, int64_t record, char ret_id[LEDGER_EXTERNAL_ID + 1]);
int64_t ledger_record_of_external_id(const struct ledger *ledger, const char *text, size_t length);

/* Links. */

#define LEDGER_LINK_LIVE 0u
#define LEDGER_LINK_TOMBSTONE 1u /* gone at the system; vectors are kept */
#define LEDGER_LINK_UNLINKED 2u  /* by a person or a policy: never linked again by itself */
#define LEDGER_LINK_MISSING 3u   /* not seen by a full read, waits for a decision */

#define LEDGER_LINK_HELD 0x01u    /* a conflict, a hold or a review stands: the unchanged path is closed */
#define LEDGER_LINK_UNSEEN 0x02u  /* written by us and not observed since */
#define LEDGER_LINK_REJECTED 0x04u /* its last row was a reject */
#define LEDGER_LINK_SCOPED_OUT 0x08u /* create_if no longer holds */

struct ledger_link {
	int64_t id; /* 0: none */
	uint32_t object, unit;
	struct syncline_slice native;  /* the native id, at most 64 KiB */
	int64_t record;
	struct syncline_slice version; /* the system's, of what `seen` shows; empty: not known */
	uint8_t raw[16];               /* hash of the raw record last understood; all zero: none */
	uint32_t effective;            /* version under which it was understood */
	uint8_t state;                 /* LEDGER_LINK_* */
	uint8_t flags;
	/*
	 * By field id, `field_limit` words each (ledger.h); 0: nothing is known of that field.  NULL: equal to the record's
	 * present values (records_vector() in flow), which is how most links stay.
	 */
	const uint64_t *sent, *seen;
	/*
	 * Sequence as of which the native record is known to be there: when we made it, or when the read began whose row made the link.  A
	 * complete full read that began later and did not show it says that it is gone.
	 */
	uint64_t there;
	uint64_t confirmed; /* sequence of our last confirmed write; 0: never written */
	int64_t confirmed_us;
	/*
	 * For ledger_links_put(): as it was read in this transaction, which saves a look at what stands there.  It is believed no
	 * further than the row bears it out.  NULL: not known.
	 */
	const struct ledger_link *was;
	bool apart; /* where the ledger keeps what we wrote to it last: its own affair */
};
/* One look in the covering index for each row: what the unchanged path needs. */
#define LEDGER_UNKNOWN 0u
#define LEDGER_UNCHANGED 1u /* live, no flag, the same hash, this effective version */
#define LEDGER_CHANGED 2u
struct ledger_glance {
	int64_t link; /* 0 with UNKNOWN */
	uint8_t what;
};
int ledger_links_glance(struct ledger *ledger, uint32_t object, uint32_t unit, const struct syncline_slice *natives, const uint8_t (*raws)[16],
                        uint32_t count, uint32_t effective, struct ledger_glance *ret_glances, struct error *err);
/* For each native id the link that counts, in any state, and its record; 0: none.  From the covering index alone. */
int ledger_links_find(struct ledger *ledger, uint32_t object, uint32_t unit, const struct syncline_slice *natives, uint32_t count,
                      int64_t *ret_links, int64_t *ret_records, struct error *err);
/* The id that the next link gets that is made. */
int ledger_link_next(struct ledger *ledger, int64_t *ret_id, struct error *err);
/* For each id its link, or one with id 0. */
int ledger_links_by_id(struct ledger *ledger, const struct config_entity *entity, const int64_t *ids, uint32_t count, struct arena *arena,
                       struct ledger_link *ret_links, struct error *err);
/* For each native id its link in any state, or one with id 0. */
int ledger_links_get(struct ledger *ledger, const struct config_entity *entity, uint32_t object, uint32_t unit,
                     const struct syncline_slice *natives, uint32_t count, struct arena *arena, struct ledger_link *ret_links, struct error *err);
/* All links of each record, in any state.  ret_first[i] … ret_first[i + 1] are those of records[i]; ret_first has count + 1 places. */
int ledger_links_of(struct ledger *ledger, const struct config_entity *entity, const int64_t *records, uint32_t count, struct arena *arena,
                    struct ledger_link **ret_links, uint32_t *ret_first, struct error *err);
/* The same of those at one object alone. */
int ledger_links_of_at(struct ledger *ledger, const struct config_entity *entity, uint32_t object, const int64_t *records, uint32_t count,
                       struct arena *arena, struct ledger_link **ret_links, uint32_t *ret_first, struct error *err);
/* The live link of a record at an object; id 0: none. */
int ledger_link_at(struct ledger *ledger, const struct config_entity *entity, int64_t record, uint32_t object, struct arena *arena,
                   struct ledger_link *ret_link, struct error *err);
/*
 * id 0: inserted (ret id is set in the array), else replaced.  A second live link of one record at one object and unit, or of one native id,
 * is refused with ERROR_LEDGER_TWIN: two of a kind must never come to be.
 */
int ledger_links_put(struct ledger *ledger, const struct config_entity *entity, struct ledger_link *links, uint32_t count, struct error *err);
/* The raw hash, version and effective version of links whose canonical values did not change. */
int ledger_links_understood(struct ledger *ledger, const int64_t *links, const uint8_t (*raws)[16], const struct syncline_slice *versions,
                            uint32_t count, uint32_t effective, struct error *err);
int ledger_links_count(struct ledger *ledger, uint32_t object, uint32_t unit, uint64_t *ret_live, struct error *err);
/*
 * Live links of (object, unit) that a complete full read did not see, that were there before it began, and that were not
 * written since: at most `max` beginning behind link id `after`.  ret_total (may be NULL): of all of them.
 */
int ledger_links_missing(struct ledger *ledger, const struct config_entity *entity, int64_t read, uint32_t object, uint32_t unit, int64_t after,
                         struct arena *arena, struct ledger_link *ret_links, uint32_t max, uint32_t *ret_count, uint64_t *ret_total,
                         struct error *err);
int ledger_links_scan(struct ledger *ledger, const struct config_entity *entity, uint32_t object, uint32_t unit, int64_t after,
                      struct arena *arena, struct ledger_link *ret_links, uint32_t max, uint32_t *ret_count, struct error *err);

/*
 * Match keys.  `rule` is the index of the exact match in the entity; `hash` a keyed hash of its normalised parts; `unit` 0 for
 * entities whose scope is shared.
 */
struct ledger_match {
	uint32_t rule;
	uint8_t hash[16];
	int64_t record;
};
#define LEDGER_MATCHES_MAX 4u /* one more than what may ever link */
int ledger_match_find(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, uint32_t rule, const uint8_t hash[16],
                      int64_t ret_records[LEDGER_MATCHES_MAX], uint32_t *ret_count, struct error *err);
/* The record's keys are these now; what it had before is dropped. */
int ledger_match_set(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, int64_t record, const struct ledger_match *keys,
                     uint32_t count, struct error *err);
/*
 * The match keys of the row that an open review is about: nothing has them.  Those reviews of a flow's unit whose rows are matched by now,
 * by one record or by so many that people choose; ids come from `arena`.  Keys are kept for one such look: whoever asks again keeps them again.
 */
int ledger_review_keys(struct ledger *ledger, int64_t review, const struct config_entity *entity, uint32_t unit, const struct ledger_match *keys,
                       uint32_t count, struct error *err);
int ledger_reviews_matched(struct ledger *ledger, uint32_t flow, uint32_t unit, struct arena *arena, int64_t **ret_reviews, uint32_t *ret_count,
                           struct error *err);

/* History: what happened to a record, for ever (agent.keep.history).  One row an event. */
#define LEDGER_EVENTS(X)                                                                                                          \
	X(CREATED, "created", "the record came to be")                                                                              \
	X(CHANGED, "changed", "values changed")                                                                                     \
	X(DELETED, "deleted", "the record was deleted")                                                                             \
	X(RESTORED, "restored", "a deleted record came back")                                                                       \
	X(LINKED, "linked", "a native record was linked")                                                                           \
	X(UNLINKED, "unlinked", "a link ended")                                                                                     \
	X(GONE, "gone", "the native record is gone")                                                                                \
	X(SENT_CREATE, "sent-create", "the record was created at a system")                                                         \
	X(SENT_UPDATE, "sent-update", "values were written to a system")                                                            \
	X(SENT_DELETE, "sent-delete", "the record was deleted or deactivated at a system")                                          \
	X(ADOPTED, "adopted", "a create whose answer was lost was found at the system")                                             \
	X(EDIT, "edit", "a system changed a value that it does not own")                                                            \
	X(CONFLICT, "conflict", "two systems changed the same value")                                                               \
	X(REVIEW, "review", "a person was asked")                                                                                   \
	X(DECIDED, "decided", "a person decided")                                                                                   \
	X(CORRECTED, "corrected", "a person corrected a rejected value")                                                            \
	X(DROPPED, "dropped", "a delivery was no longer needed")                                                                    \
	X(DEAD, "dead", "a delivery was given up")                                                                                  \
	X(ERASED, "erased", "the person was forgotten")
enum ledger_event {
#define X(id, name, text) LEDGER_EVENT_##id,
	LEDGER_EVENTS(X)
#undef X
	LEDGER_EVENT_COUNT
};
const char *ledger_event_name(enum ledger_event event);
const char *ledger_event_text(enum ledger_event event);

struct ledger_history {
	int64_t id; /* of the row; 0 for those that come from a span */
	int64_t record;
	uint32_t entity, unit;
	uint32_t object; /* from which or to which system; 0: the agent or a person */
	int64_t run;
	int64_t at_us;   /* 0 when adding: now */
	enum ledger_event event;
	uint64_t generation;  /* of the record after it */
	uint32_t version;     /* effective */
	struct syncline_slice native;
	const char *who;      /* a person, or NULL: the run */
	const char *correlation; /* or NULL */
	const char *before;   /* JSON object: former values of the fields that changed; or NULL */
	const char *after;    /* JSON object: their new values; or NULL */
	const char *note;     /* a sentence, or NULL */
};
int ledger_history_add(struct ledger *ledger, const struct ledger_history *rows, uint32_t count, struct error *err);
/* Of a record, oldest first; spans are told as if they were rows. */
int ledger_history_of(struct ledger *ledger, int64_t record, int (*each)(void *data, const struct ledger_history *row), void *data,
                      struct error *err);
/* Of a run, in order. */
int ledger_history_of_run(struct ledger *ledger, int64_t run, int (*each)(void *data, const struct ledger_history *row), void *data,
                          struct error *err);
/*
 * Records that a person may mean by KEY: a record's id or external id, a native id (whole, or one part of it), or the value of a
 * field with `unique`.  At most max.
 */
struct ledger_hit {
	int64_t record;
	uint32_t entity, unit;
	const char *why; /* "native id at erp.kunden", "number"; static or the ledger's, valid until closed */
};
int ledger_find_key(struct ledger *ledger, const char *key, struct ledger_hit *ret_hits, uint32_t max, uint32_t *ret_count, struct error *err);

#endif
