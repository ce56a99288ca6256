/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work.h: one batch of inbound rows at work: the rows, the golden records and links that they touch, and what becomes of them.
 * Everything is loaded batch-wise, changed in memory row by row, and written back batch-wise, within one transaction of the
 * ledger.  Private to agent/flow.
 *
 *     rows.c     native rows -> canonical rows: tenants, corrections, rules, rejects, refs
 *     resolve.c  a row -> its situation -> what to do
 *     match.c    exact match keys
 *     unique.c   values that no two records may have; exchange.c: rows that pass them on among each other
 *     twins.c    native records that match the same record
 *     merge.c    a row into its record: whose value counts
 *     sides.c    what both sides of a question show, and agreed on before
 *     gone.c     rows that were deleted, or that a full read no longer showed
 *     undo.c     what a run did to a record, from its history; rollback.c: and taking it back
 *     work.c     loading, and writing back: records, links, history, marks
 */
#ifndef FLOW_WORK_H
#define FLOW_WORK_H

#include <string.h>

#include "flow/ahead.h"
#include "flow/intake.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/records.h"

/* A link with its vectors as words, whatever the ledger keeps of them. */
struct work_link {
	struct ledger_link at;  /* its `sent` and `seen` are set when it is written back */
	struct ledger_link row; /* as it was read or written last; id 0: not yet */
	uint64_t *sent, *seen;  /* words by field id */
	struct bound *reader;   /* whose rows made it known here; NULL: not in this batch */
	bool dirty, understood; /* to be written back whole, or only its raw hash and version */
	bool spared;            /* by a rollback: what it takes back came from there, where the record is neither deleted nor created again */
	uint8_t was;            /* its state as it was loaded */
	bool unheard;           /* as loaded: made by hand, and nothing was read or written there since */
};

struct work_record {
	struct ledger_record at;       /* its values are the present ones */
	struct syncline_value *before; /* as they were loaded; NULL: fresh */
	uint32_t rules;                /* the effective version as it was loaded */
	uint64_t *words, *was;         /* of the present values, and as loaded */
	struct work_link **links;
	uint32_t link_count, link_room;
	uint64_t *changed;             /* set of fields (indexes) that changed in this batch */
	uint64_t *conflicted;          /* set of fields that wait for a decision; may be NULL */
	struct ledger_stamp *stamps;   /* when dirty */
	bool fresh, dirty, deleted, restored, wanted;
	bool moved;                    /* a document lies elsewhere now: no change, but to be kept */
	uint32_t source;               /* object id of the last row that changed it */
	struct work_record *next;      /* in the order of loading */
	struct work_record *chain;     /* hash table */
};

#define ROW_SEEN 0u
#define ROW_GONE 1u
#define ROW_REJECTED 2u
struct row {
	uint32_t index;               /* in the native batch */
	uint8_t what;                 /* ROW_* */
	uint8_t raw[16];
	struct syncline_slice native, version;
	uint64_t place;
	const struct syncline_value *values; /* of the entity's fields; ABSENT: not said */
	uint64_t *words;
	struct work_link *link;       /* NULL: not linked */
	bool left;                    /* a plan that is applied has it otherwise: not looked at now */
	bool in_flight;               /* its record is being written there, or nobody knows */
	bool forgotten;               /* it bears an id of ours that this ledger doesn't know */
	bool handed;                  /* a write of its record stands in a file that is taken in by and by */
	/* A parent that is not known yet. */
	const struct config_field *waits_for;
	uint32_t parent_object;
	struct syncline_slice parent_native;
	/* What a person decided, or a retry: these rows come from findings. */
	int64_t finding;
	const char *decision;         /* "link 4711", "create", NULL */
	const char *decided_field;    /* that "take" and "keep" are about; NULL: all */
	const uint8_t *decided_about; /* what both sides showed then (work_about); NULL: not known */
	bool put_back;                /* older than what is known, and a person said to take it */
	bool outdated;                /* we wrote to its native record since it was read */
};

/* Was it made by hand, and nothing read or written there since? */
static inline bool
work_is_unheard(const struct ledger_link *link)
{
	static const uint8_t none[sizeof link->raw];

	return link->id != 0 && link->confirmed == 0 && memcmp(link->raw, none, sizeof none) == 0;
}

struct json_object; /* json-c */

/* A native id of this batch's object and the link that it has, or gets. */
struct work_slot {
	struct syncline_slice native;
	struct work_link *link;
	struct work_slot *chain;
};

/* A match key of a record that this batch made, which the ledger does not know yet. */
struct work_key {
	uint32_t rule;
	uint8_t hash[16];
	int64_t record;
	struct work_key *chain;
};

/*
 * What a row would give its record in a unique field (word: of the value), and which other live records have that value now; more than
 * LEDGER_MATCHES_MAX are not counted.
 */
struct work_claim {
	uint32_t field, holder_count;
	uint64_t word;
	int64_t holders[LEDGER_MATCHES_MAX];
};
/* A row that is tried again, and refused for its unique fields: nothing is written about it yet. */
struct work_claims {
	bool gather;  /* any row that changes a unique field is kept so, until all of them are known */
	bool refused;
	bool moves; /* its record certainly gives up the values that it has now */
	int64_t record;
	struct work_claim *claims;
	uint32_t count;
	struct arena *arena;
};

#define WORK_BUCKETS 2048u
struct work {
	struct intake *intake;
	struct engine *engine;
	struct ledger *ledger;
	const struct config_entity *entity;
	uint32_t entity_id, field_limit;
	uint32_t *field_words; /* of each of the entity's fields: its place in a vector */
	uint8_t *in_key;       /* of each of the entity's fields: match keys are made of it */
	enum intake_mode mode;
	struct ledger_plan_draft *draft;
	struct intake_result *result;
	const struct intake_apply_options *options;
	int64_t first_new; /* the first record that this pass made, and all behind it; 0: none */
	int64_t first_link; /* DRY: the first link that this pass made, and all behind it */
	bool more_twins; /* DRY: some were found that were not known when it began */
	bool in_objects; /* staged rows are applied; those that are to be tried again follow */
	struct work_claims *claims; /* NULL: a row that is refused for a unique field is told */
	const int64_t *moving;      /* records that give up unique values in this transaction, ascending */
	uint32_t moving_count;
	bool waiting; /* some row of this flow and unit waits for a parent */

	/* Of the batch at work. */
	struct arena arena;
	struct bound *bound;
	struct intake_binding_counts *counts; /* of its binding; never NULL */
	const struct batch *native;
	uint64_t started;     /* the read's sequence */
	int64_t made_since;   /* the first link that was made since it began; INT64_MAX: these are not its rows */
	int64_t read_us;
	bool full;
	uint32_t version;     /* effective version's id */
	struct row *rows;
	uint32_t row_count;
	struct work_record *records, **last;
	struct work_record *record_buckets[WORK_BUCKETS];
	struct work_slot *slots[WORK_BUCKETS];
	struct work_key *keys[WORK_BUCKETS];
	struct ledger_history *history;
	uint32_t history_count, history_room;
	struct ledger_delivery *marks;
	uint32_t mark_count, mark_room;
	bool attempts;              /* some are open at this object; none are opened while a batch is at work */
	bool unfinished;            /* DRY: something was left out that REAL does */
	bool waiter;                /* the row is one that waited, and is kept as such already */
	const struct row *odd_row;  /* whose stamp was told to be none */
	bool locked;                /* a lock held something of the row that was merged last */
	struct ahead_rows *ahead;   /* what the rules gave for this batch already; NULL: they run in work_rows() */
	const char *undoes;         /* "rollback of run 17": what changes comes from no system; NULL: from a row */
	bool bulk;                  /* rows need no words: there is nothing to compare them with */
	struct buffer scratch, text, after;
};

int work_init(struct work *work, struct intake *intake, const struct intake_apply_options *options, struct intake_result *result,
              struct error *err);
void work_free(struct work *work);
/* Begins with a batch of rows of one binding; what the last one left is forgotten. */
int work_begin(struct work *work, struct bound *bound, const struct batch *native, uint64_t started, int64_t read_us, bool full,
               struct error *err);
/* work_begin, rows, resolve and merge each, work_flush: within the caller's transaction. */
int work_rows(struct work *work, const struct config_unit *unit, struct error *err);
/* Which rows are about records that are being written there; for all rows at once. */
int work_find_open(struct work *work, struct error *err);
int work_resolve(struct work *work, struct row *row, struct error *err);
/* handed.c: is what was handed over for this link in its row?  Then it is confirmed, before the merge looks at the row. */
int work_confirm_handed(struct work *work, const struct row *row, struct work_link *link, const struct work_record *record, struct error *err);
/* confirm.c: what that write gave back to its target as it was, and what the row shows again since, has been written over by us. */
int work_given_back(struct work *work, const struct row *row, struct work_link *link, const struct work_record *record,
                    const struct ledger_uncertain *open, struct error *err);
/* twins.c.  Does another native record match this record of ours as well?  And: a row whose record was linked to another one in this pass. */
int work_is_twin(struct work *work, const struct row *row, const struct work_record *record, bool *ret_twin, struct error *err);
int work_find_twins(struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link, struct error *err);
#define WORK_BY_KEY "by an exact match key" /* how it was linked, in its history */
int work_wait_for_parent(struct work *work, const struct row *row, struct error *err);
/* Keeps a row that waits for nothing: the next step or run that takes those whose parent has come takes it too. */
int work_set_aside(struct work *work, const struct row *row, struct error *err);
/* Keeps a row that is held, where its system tells changes once: until the locks of its record are others; record NULL: by the configuration. */
int work_set_held(struct work *work, struct row *row, const struct work_record *record, struct error *err);
int work_flush(struct work *work, struct error *err);
/*
 * confirm.c: before it: records that were there already and are found at the object of the batch: their children may follow, and
 * whoever writes their link.  Children of one parent by this ref, at a target that has them or is about to: written once more.
 */
int work_wake_linked(struct work *work, struct error *err);
int work_mark_children(struct work *work, const struct bound *target, const struct config_field *ref, int64_t parent, struct error *err);

/* Loading.  NULL with err clear when there is none (a record of another entity, deleted for good); -1 through the pointer's error. */
int work_load_links(struct work *work, const struct syncline_slice *natives, uint32_t count, struct error *err); /* into slots, with their records */
struct work_slot *work_slot(struct work *work, struct syncline_slice native); /* made when it is new; NULL: no memory */
int work_load_records(struct work *work, const int64_t *ids, uint32_t count, struct error *err); /* with all their links */
int work_record(struct work *work, int64_t id, struct work_record **ret_record, struct error *err); /* NULL: there is none */
struct work_record *work_loaded(const struct work *work, int64_t id);
struct work_record *work_new_record(struct work *work, struct error *err);
struct work_link *work_new_link(struct work *work, struct work_record *record, uint32_t object, struct syncline_slice native, struct error *err);
/* The link of this id among those of a record (which may be NULL); and the live one at an object.  NULL: none. */
struct work_link *work_link_of(const struct work_record *record, int64_t id);
struct work_link *work_link_at(const struct work_record *record, uint32_t object);
/* The same in the unit at work: a shared record may have another one at the same object in each. */
struct work_link *work_link_here(const struct work *work, const struct work_record *record, uint32_t object);
struct work_record *work_record_of(const struct work *work, const struct work_link *link);

/* Changing. */
int work_set(struct work *work, struct work_record *record, uint32_t field, const struct syncline_value *value, struct error *err);
int work_history(struct work *work, const struct ledger_history *row, struct error *err); /* texts stay valid until the flush */
int work_mark(struct work *work, const struct bound *target, const struct work_record *record, uint8_t op, struct error *err);
/* Something that a write of the record there is made of came to be, and the record is what it was. */
int work_mark_again(struct work *work, const struct bound *target, int64_t record, struct error *err);
/* A row that failed: a reject, unless a person put it away and it is the same row still. */
int work_reject(struct work *work, const struct row *row, struct ledger_finding *finding, struct error *err);
int work_find(struct work *work, const struct row *row, struct ledger_finding *finding, bool keep_row, struct error *err);
void work_count(struct work *work, enum ledger_count count, uint64_t more);
int work_item(struct work *work, enum ledger_count what, uint32_t object, struct syncline_slice native, const struct work_record *record,
              const char *before, const char *after, const char *note, struct error *err);
/* A target lacks something: what it would be sent is told by who delivers (deliver/deliver.h). */
int work_item_sent(struct work *work, enum ledger_count what, const struct bound *target, struct syncline_slice native, const struct work_record *record,
                   struct error *err);
/* The canonical fields (BOUND_WORDS of them) that are read from, or written to, an object; NULL: no memory. */
uint64_t *work_object_fields(struct work *work, uint32_t object);
/* {"field":value,…} of the fields in `set` (NULL: those that are not null). */
int work_json(struct work *work, struct buffer *out, const struct syncline_value *values, const uint64_t *set);

/* match.c */
int work_match(struct work *work, const struct row *row, int64_t ret_records[LEDGER_MATCHES_MAX], uint32_t *ret_count, bool *ret_exact,
               struct error *err);
/* The match keys of these values, in the arena. */
/* 1 with the hash of the match key that this rule makes of the values; 0: a part is missing; -1: no memory. */
int work_key_hash(struct work *work, uint32_t rule, const struct syncline_value *values, uint8_t ret_hash[16]);
/* All that a record is found by: its match keys, and those of its unique fields. */
int work_all_keys(struct work *work, const struct syncline_value *values, struct ledger_match **ret_keys, uint32_t *ret_count, struct error *err);
/* unique.c: adds those of unique fields; how many a record has at most. */
int work_unique_keys(struct work *work, const struct syncline_value *values, struct ledger_match *keys, uint32_t *count, struct error *err);
uint32_t work_unique_count(const struct work *work);
/* Would the row give its record (NULL: a new one) a value that another one has?  1: it is rejected.  `link`: NULL while it is none. */
int work_unique(struct work *work, struct row *row, const struct work_record *record, const struct work_link *link, struct error *err);
/* Which other live record has this row's value of a unique field; 0: none. */
int work_unique_holder(struct work *work, const struct row *row, const struct work_record *record, uint32_t field, int64_t *ret_holder, struct error *err);
/* The cause of such a reject. */
const char *work_unique_cause(struct arena *arena, const struct config_field *field);
/* merge.c: does the row's value of this field count? */
bool work_counts(struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link, uint32_t field);
int work_record_keys(struct work *work, const struct syncline_value *values, struct ledger_match **ret_keys, uint32_t *ret_count,
                     struct error *err);
/* The next rows of the batch find this new record by its keys, as those of the next batch will. */
int work_note_keys(struct work *work, const struct work_record *record, struct error *err);
uint32_t work_match_unit(const struct work *work); /* 0: of all units */
int work_match_keys(struct work *work, struct work_record *record, struct error *err);
/* Which fields match keys are made of: work->in_key. */
void work_find_key_fields(struct work *work);

/* merge.c: base false: this link is new, nothing was agreed before. */
int work_merge(struct work *work, const struct row *row, struct work_link *link, struct work_record *record, bool base, struct error *err);
/* Does a lock hold this field of a record, or all of it; with field NULL, anything of it? */
int work_locked(struct work *work, const struct work_record *record, const char *field, bool *ret_locked, struct error *err);
/*
 * sides.c.  What was agreed with this system last (ret_found false: nothing, or it is not known any more); {"field":{"base":…,"golden":…,
 * "incoming":…},…} of these fields, with the base where `link` is not NULL and it is known; and what tells both sides' values from others.
 */
int work_agreed(struct work *work, const struct work_record *record, const struct work_link *link, uint32_t field, struct syncline_value *ret_value,
                bool *ret_found, struct error *err);
int work_sides(struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link, const uint32_t *fields,
               uint32_t count, const char **ret_text, struct error *err);
/* A value as values_json() wrote it, of a field of this type; false: it is none. */
bool work_value_of(struct arena *arena, const struct config_field *field, struct json_object *json, struct syncline_value *ret_value);
void work_about(const struct work *work, const struct row *row, const struct work_record *record, const uint32_t *fields, uint32_t count,
                uint8_t ret_about[16]);
int work_first_stamps(struct work *work, const struct row *row, struct ledger_record *record, struct error *err);
/* Whose value counts for a field of this record: the owner if it has it, else the first in rank that has. */
const char *work_owner(const struct work *work, const struct work_record *record, const struct config_field *field);

/* gone.c */
int work_gone(struct work *work, const struct row *row, struct work_link *link, bool missed, struct error *err);
int work_delete_record(struct work *work, struct work_record *record, uint32_t object, struct error *err);

static inline const struct config_field *
work_field(const struct work *work, uint32_t index)
{
	return &work->entity->fields[index];
}
static inline uint32_t
work_word(const struct work *work, uint32_t index)
{
	return work->field_words[index];
}

#endif
