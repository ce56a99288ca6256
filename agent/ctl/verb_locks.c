/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_locks.c: `syncline lock` and `syncline unlock`: what a person wants kept as it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/listing.h"
#include "ledger/findings.h"
#include "ledger/records.h"

#define HITS_MAX 16u

/* The one record that a key means. */
static enum ctl_exit
find_record(struct listing *listing, const char *key, int64_t *ret_record)
{
	struct ledger_hit hits[HITS_MAX];
	struct error err = { 0 };
	struct buffer hint;
	uint32_t count = 0;

	if (ledger_find_key(listing->ledger, key, hits, HITS_MAX, &count, &err) != 0)
		return opened_error(listing->ctl, &err);
	for (uint32_t i = 1; i < count; i++)
		if (hits[i].record != hits[0].record) {
			buffer_init(&hint, 0);
			buffer_text(&hint, "Give one of these numbers:");
			for (uint32_t k = 0; k < count; k++)
				buffer_format(&hint, " %" PRId64 " (%s)", hits[k].record, hits[k].why);
			(void)error_set(&err, ERROR_USAGE, buffer_string(&hint), "\"%s\" may mean several records", key);
			buffer_free(&hint);
			return opened_error(listing->ctl, &err);
		}
	if (count == 0) {
		(void)error_set(&err, ERROR_LEDGER_NOT_FOUND, "Give a record's number, its external id, a native id, or the value of a unique field.",
		                "no record is known by \"%s\"", key);
		return opened_error(listing->ctl, &err);
	}
	*ret_record = hits[0].record;
	return CTL_DONE;
}

/* The field of the record's entity; NULL: the whole record. */
static enum ctl_exit
find_field(struct listing *listing, int64_t record, const char **ret_field)
{
	const struct ctl *ctl = listing->ctl;
	const struct config_entity *entity = ledger_record_entity(listing->ledger, record);
	const char *name = ctl->operand_count > 1 ? ctl->operands[1] : NULL, *names[512], *near;
	char hint[200] = "`syncline trace` shows the record's fields.";
	struct error err = { 0 };
	uint32_t count = 0;

	*ret_field = name;
	if (name == NULL)
		return CTL_DONE;
	for (uint32_t i = 0; entity != NULL && i < entity->field_count; i++) {
		if (strcmp(entity->fields[i].head.name, name) == 0)
			return CTL_DONE;
		if (count < 512)
			names[count++] = entity->fields[i].head.name;
	}
	if ((near = text_nearest(name, names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%.150s`?", near);
	(void)error_set(&err, ERROR_USAGE, hint, "%s has no field \"%s\"", entity != NULL ? entity->head.name : "the record", name);
	return opened_error(ctl, &err);
}

static int
each_lock(void *data, const struct ledger_lock *lock)
{
	struct listing *listing = data;
	struct buffer *json = &listing->json;
	char record[24], since[32], until[32];

	if (!listing->ctl->json) {
		listing_row(listing, (const char *const[]){ listing_number(lock->record, record), lock->field != NULL ? lock->field : "(all)",
			opened_time(lock->since_us, since), lock->until_us != 0 ? opened_time(lock->until_us, until) : "", lock->who != NULL ? lock->who : "",
			lock->why != NULL ? lock->why : "" });
		return 0;
	}
	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "id", lock->id);
	ctl_json_number(json, "record", lock->record);
	ctl_json_text(json, "field", lock->field);
	listing_json_time(json, "since", lock->since_us);
	listing_json_time(json, "until", lock->until_us);
	ctl_json_text(json, "who", lock->who);
	ctl_json_text(json, "why", lock->why);
	ctl_json_close(json, '}');
	return 0;
}

/* A day or a time; a day ends it when it begins. */
static enum ctl_exit
parse_until(const struct ctl *ctl, int64_t now, int64_t *ret_us)
{
	const char *text = ctl_value(ctl, "until");
	struct error err = { 0 };
	int64_t days;

	*ret_us = 0;
	if (text == NULL)
		return CTL_DONE;
	if (text_to_date(text, strlen(text), &days))
		*ret_us = days * INT64_C(86400) * 1000000;
	else if (!text_to_timestamp(text, strlen(text), ret_us))
		*ret_us = 0;
	if (*ret_us > now)
		return CTL_DONE;
	(void)error_set(&err, ERROR_USAGE, "Write a day to come, 2027-01-31, or a time, 2027-01-31T12:00:00Z.", "\"%s\" is no time that is still to come",
	                text);
	return opened_error(ctl, &err);
}

static int
change_lock(struct listing *listing, bool lock, const struct ledger_lock *wanted, struct error *err)
{
	if (ledger_begin(listing->ledger, err) != 0)
		return -1;
	if ((lock ? ledger_lock_add(listing->ledger, wanted, NULL, err) :
	            ledger_lock_end(listing->ledger, wanted->record, wanted->field, wanted->why, err)) != 0) {
		ledger_rollback(listing->ledger);
		return -1;
	}
	return ledger_commit(listing->ledger, err);
}

static enum ctl_exit
lock_or_not(struct ctl *ctl, bool lock)
{
	static const char *const heads[] = { "RECORD", "FIELD", "SINCE", "UNTIL", "WHO", "WHY" };
	bool changes = ctl->operand_count > 0;
	struct ledger_lock wanted = { .record = 0 };
	struct opened opened;
	struct listing listing;
	struct error err = { 0 };
	enum ctl_exit status;
	int result = 0;

	if (changes && (status = opened_why(ctl, &wanted.why)) != CTL_DONE)
		return status;
	if ((status = opened_begin(ctl, &opened, changes ? LEDGER_VISITOR : LEDGER_READER)) == CTL_DONE) {
		listing_begin(&listing, ctl, &opened, '[', 6, 1, heads);
		wanted.who = opened.who;
		if (changes && ((status = find_record(&listing, ctl->operands[0], &wanted.record)) != CTL_DONE ||
		                (status = find_field(&listing, wanted.record, &wanted.field)) != CTL_DONE ||
		                (lock && (status = parse_until(ctl, ledger_now(opened.ledger), &wanted.until_us)) != CTL_DONE))) {
			ctl_table_drop(&listing.table);
			buffer_free(&listing.json);
		} else {
			if (changes)
				result = change_lock(&listing, lock, &wanted, &err);
			if (result == 0)
				result = ledger_locks(opened.ledger, wanted.record, each_lock, &listing, &err);
			status = listing_end(&listing, ']', result, &err, changes ? "nothing of the record is locked now" : "nothing is locked", CTL_DONE);
		}
	}
	opened_close(&opened);
	return status;
}

enum ctl_exit
verb_lock(struct ctl *ctl)
{
	return lock_or_not(ctl, true);
}

enum ctl_exit
verb_unlock(struct ctl *ctl)
{
	return lock_or_not(ctl, false);
}
