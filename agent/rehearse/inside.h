/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h: what the files of this folder share.  No other folder includes it.
 *
 *     generate.c   a believable value
 *     sides.c      a binding that is written to: its parents, its rules, the exact bytes
 *     list.c       what was created, durable
 *     write.c      records through a connector with the system's manners, timed
 *     rehearse.c   from parents to deletes
 *     forecast.c   what the figures mean
 */
#ifndef REHEARSE_INSIDE_H
#define REHEARSE_INSIDE_H

#include "batch/batch.h"
#include "rehearse/generate.h"
#include "rehearse/rehearse.h"

#define REHEARSE_SIDES_MAX 16u
#define REHEARSE_LANES_MAX 64u
#define REHEARSE_CLAIM 1000u /* records that a delivery claims at a time */
#define REHEARSE_PARENTS_MAX 50u
#define REHEARSE_KEY 32u     /* characters of an external key */

/* One generated record; its number is its place. */
enum made_state {
	MADE_NOT,    /* never sent, or certainly not applied */
	MADE_SENT,   /* on the list, and nobody knows yet */
	MADE_THERE,
	MADE_GONE,
};
struct made {
	uint8_t state;
	uint8_t tries;
	struct syncline_slice native, version; /* in the rehearsal's arena */
};

struct rehearsal;
struct side {
	struct rehearsal *of;
	uint32_t number;
	const struct config_binding *binding;
	const struct config_entity *entity;
	const struct syncline_object *object;
	struct bound *bound;
	struct side **parents; /* of each field of the entity: whose records it points to; NULL: null */
	const char *tenant;    /* or NULL */
	bool *changes;         /* of each field: an update changes it */
	uint8_t guard;         /* CONFIG_GUARD_* */
	struct syncline_capabilities can;
	struct batch_builder *golden, *written, *payload;
	struct made *made;
	uint32_t made_count, made_room;
	uint32_t *there;       /* numbers of those that were created, for children to point to */
	uint32_t there_count;
};

struct rehearse_list {
	int fd;
	char path[4096];
	struct buffer lines; /* not written yet */
};

struct times {
	int64_t *items;
	size_t count, room;
};

struct rehearsal {
	const struct rehearse_options *options;
	struct rehearse_result *result;
	struct side sides[REHEARSE_SIDES_MAX]; /* parents first; the last is what it is about */
	uint32_t side_count;
	char tag[GENERATE_TAG + 1];
	struct rehearse_list list;
	struct connector *lanes[REHEARSE_LANES_MAX];
	uint32_t lane_count;
	uint32_t batch;
	int64_t run_time_us;
	struct times times[REHEARSE_PHASES]; /* of the calls that wrote */
	struct arena arena;   /* as long as the rehearsal */
	struct arena scratch; /* of one batch */
};

/* sides.c */
int sides_make(struct rehearsal *r, const struct config_binding *to, struct error *err);
void sides_free(struct rehearsal *r);
struct made *sides_room(struct side *side, uint32_t number); /* NULL: no memory */
void sides_key(const struct side *side, uint32_t number, char key[REHEARSE_KEY + 1]);
/* What refused a record; index: in the numbers that were given. */
typedef void sides_refused(void *data, uint32_t number, const struct error *why);
/*
 * The batch that writes these; *ret_batch NULL: none is left.  Of CREATE those that create_if keeps out are left out; `numbers` and *count
 * become what is in it.
 */
int sides_batch(struct side *side, uint8_t op, uint32_t *numbers, uint32_t *count, sides_refused *refused, void *data, struct batch **ret_batch,
                struct error *err);

#define SIDES_BARREN 2000u /* generated in a row and kept out by create_if: none will pass */
int sides_barren(const struct side *side, struct error *err); /* -1: says so */
/* Before anything is sent: is create_if true of any? */
int sides_try(struct side *side, struct error *err);

/* list.c */
int list_make(struct rehearsal *r, struct error *err);
/* Fills in the tag, and what is known of each side's records.  1: there is one; 0: none. */
int list_load(struct rehearsal *r, struct error *err);
/* In memory until list_keep(); `what`: 'c' to be created, 'n' there, 'f' not there, 'd' deleted. */
void list_note(struct rehearsal *r, const struct side *side, uint32_t number, char what, struct syncline_slice native);
int list_keep(struct rehearsal *r, bool durable, struct error *err);
int list_end(struct rehearsal *r, struct error *err); /* nothing is left: the file goes */
void list_close(struct rehearsal *r);
void list_path(const struct rehearse_options *options, char *path, size_t size);

/* write.c */
int write_open(struct rehearsal *r, struct error *err);
/* Until all is done, or r->result says why not; -1 where our own side fails. */
int write_creates(struct side *side, uint32_t wanted, int64_t for_ms, enum rehearse_phase phase, struct error *err);
int write_updates(struct side *side, struct error *err);
int write_deletes(struct side *side, struct error *err);
/* Those of whom nobody knows are looked for at the target. */
int write_look(struct side *side, struct error *err);
int write_finish(struct side *side, struct error *err);

/* forecast.c: calls that the day still allows; INT64_MAX: no limit. */
int forecast_day(const struct rehearsal *r, int64_t *ret_used, int64_t *ret_left, struct error *err);
int64_t forecast_share(struct times *times, unsigned percent);

#endif
