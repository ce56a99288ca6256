/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * undo.h: what a run did to one record, by its history, and whether it can be taken back.  Private to agent/flow; the engine's thread.
 */
#ifndef FLOW_UNDO_H
#define FLOW_UNDO_H

#include "flow/work.h"

#define UNDO_SOMEBODY INT64_C(-1) /* later than the run, and by no run */

/* What the run did to a field, values as the history has them. */
struct undo_field {
	bool changed;
	bool known;                   /* `former` is: neither sealed, nor of another type than the field has now */
	struct syncline_value former; /* before the run */
	struct syncline_value after;  /* after it; used when `told` */
	bool told;
	uint32_t object;              /* which the change came from; 0: none */
	int64_t later;                /* the run that changed it next; UNDO_SOMEBODY; 0: none */
};

enum undo_state { UNDO_NOTHING, UNDO_LIVE, UNDO_DELETED };
struct undo {
	int64_t run;                  /* that is taken back */
	bool any;                     /* it did something */
	enum undo_state before, after;
	struct undo_field *fields;    /* of the entity's fields */
	uint32_t object;              /* which the record's coming or going came from, else the last change of it; 0: none */
	struct syncline_slice native;
	int64_t later, gone;          /* the run that changed anything of it next; and deleted it or brought it back */
	/* Native records that we created of it, and that we deleted. */
	struct undo_native {
		uint32_t object;
		struct syncline_slice native;
		struct undo_native *next;
	} *made, *removed;
};

/* Everything is in the work's arena. */
int undo_read(struct work *work, const struct work_record *record, int64_t run, struct undo *ret_undo, struct error *err);

/*
 * Why something stays as it is, in the work's arena; NULL: it can be taken back.  Of a record that was created (or came back) and would
 * be deleted; of one that was deleted; of a field.  undo_is_taken(): in the row that the record would be, by a unique value of another
 * record, which may give it up in the same rollback.
 */
int undo_keeps_record(struct work *work, const struct work_record *record, const struct undo *undo, const char **ret_why, struct error *err);
int undo_stays_deleted(struct work *work, const struct work_record *record, const struct undo *undo, const char **ret_why, struct error *err);
int undo_keeps_field(struct work *work, const struct work_record *record, const struct undo *undo, uint32_t field, const char **ret_why,
                     struct error *err);
int undo_is_taken(struct work *work, const struct work_record *record, const struct row *row, uint32_t field, const char **ret_why, struct error *err);

/* The live link of the record that is a system's own native record, not made by us; NULL: none.  ret_count: how many. */
struct work_link *undo_own_link(const struct work_record *record, const struct undo *undo, uint32_t *ret_count);
/* Was it we who deleted or deactivated the native record of the link? */
bool undo_is_removed(const struct undo *undo, const struct work_link *link);

#endif
