/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan_draft.c: a plan's items while the run that makes them is still to be rolled back: in a file without a name in the state
 * directory, which goes with the process.  Each item is a row of lengths and bytes; the plan's hash grows with them.
 */
#include "ledger/runs_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#define WRITE_AT 65536u
#define ITEM_MAX (64u * 1024u * 1024u)
#define MISSING UINT32_MAX /* the length of a text that is NULL */

struct item_head {
	uint64_t number, generation;
	int64_t record;
	uint32_t what, object;
	uint32_t native, before, after, note, version; /* lengths */
	uint32_t has_payload;
	uint8_t payload[16];
};
/* Goes before an item. */
struct item_mark {
	int64_t record;
	uint64_t want;
	uint64_t binding;
};

struct ledger_plan_draft {
	const char *dir;
	int fd;
	uint64_t count;
	off_t written, at;
	struct buffer pending; /* not written yet; when reading, the present item */
	crypto_generichash_state hash;
	struct item_head head; /* of the item at hand, when reading */
};

struct ledger_plan_draft *
ledger_plan_draft_new(struct ledger *ledger, struct error *err)
{
	struct ledger_plan_draft *draft = calloc(1, sizeof *draft);
	char path[4096];

	if (draft == NULL) {
		error_memory(err);
		return NULL;
	}
	draft->dir = ledger->state_dir;
	buffer_init(&draft->pending, ITEM_MAX);
	snprintf(path, sizeof path, "%s/plan-XXXXXX", ledger->state_dir);
	draft->fd = mkstemp(path);
	if (draft->fd < 0) {
		if (errno == ENOSPC || errno == EDQUOT)
			error_fill(err, ERROR_LEDGER_FULL, "Make room on that disk.", "there is no room for a plan in %s (%s)", ledger->state_dir, strerror(errno));
		else
			error_fill_system(err, ERROR_SYSTEM, errno, "a plan's file can't be made in %s", ledger->state_dir);
		free(draft);
		return NULL;
	}
	unlink(path);
	crypto_generichash_init(&draft->hash, ledger->hash_key, sizeof ledger->hash_key, 16);
	return draft;
}

int
ledger_plan_draft_clear(struct ledger *ledger, struct ledger_plan_draft *draft, struct error *err)
{
	if (ftruncate(draft->fd, 0) != 0)
		return error_system(err, ERROR_SYSTEM, errno, "a plan's file in %s can't be emptied", draft->dir);
	buffer_clear(&draft->pending);
	draft->count = 0;
	draft->written = draft->at = 0;
	crypto_generichash_init(&draft->hash, ledger->hash_key, sizeof ledger->hash_key, 16);
	return 0;
}

void
ledger_plan_draft_free(struct ledger_plan_draft *draft)
{
	if (draft == NULL)
		return;
	close(draft->fd);
	buffer_free(&draft->pending);
	free(draft);
}

static int
write_pending(struct ledger_plan_draft *draft, struct error *err)
{
	size_t done = 0;

	while (done < draft->pending.length) {
		ssize_t now = pwrite(draft->fd, draft->pending.data + done, draft->pending.length - done, draft->written + (off_t)done);

		if (now < 0 && errno == EINTR)
			continue;
		if (now < 0 && errno != ENOSPC && errno != EDQUOT && errno != EFBIG)
			return error_system(err, ERROR_SYSTEM, errno, "a plan's file in %s can't be written", draft->dir);
		if (now <= 0)
			return error_set(err, ERROR_LEDGER_FULL, "Make room on that disk; nothing was written to any system.",
			                 "there is no room for a plan of %llu items in %s", (unsigned long long)draft->count, draft->dir);
		done += (size_t)now;
	}
	draft->written += (off_t)done;
	buffer_clear(&draft->pending);
	return 0;
}

static uint32_t
length_of(const char *text)
{
	return text != NULL ? (uint32_t)strlen(text) : MISSING;
}

int
ledger_plan_draft_add(struct ledger_plan_draft *draft, const struct ledger_plan_item *item, struct error *err)
{
	const struct item_mark mark = { item->mark.record, item->mark.want, item->mark.binding };
	struct item_head head = {
		.number = draft->count + 1,
		.generation = item->generation,
		.record = item->record,
		.what = (uint32_t)item->what,
		.object = item->object,
		.native = (uint32_t)item->native.length,
		.before = length_of(item->before),
		.after = length_of(item->after),
		.note = length_of(item->note),
		.version = (uint32_t)item->version.length,
		.has_payload = item->payload != NULL,
	};
	const char *const texts[] = { item->before, item->after, item->note };
	const uint32_t lengths[] = { head.before, head.after, head.note };
	size_t begin = draft->pending.length;

	if (item->payload != NULL)
		memcpy(head.payload, item->payload, sizeof head.payload);
	buffer_append(&draft->pending, &mark, sizeof mark);
	buffer_append(&draft->pending, &head, sizeof head);
	buffer_append(&draft->pending, item->native.data, item->native.length);
	for (size_t i = 0; i < 3; i++)
		if (texts[i] != NULL)
			buffer_append(&draft->pending, texts[i], lengths[i]);
	buffer_append(&draft->pending, item->version.data, item->version.length);
	if (draft->pending.failed) {
		draft->pending.length = begin;
		draft->pending.failed = 0;
		return error_memory(err);
	}
	begin += sizeof mark;
	crypto_generichash_update(&draft->hash, (const unsigned char *)draft->pending.data + begin, draft->pending.length - begin);
	draft->count++;
	return draft->pending.length >= WRITE_AT ? write_pending(draft, err) : 0;
}

uint64_t
ledger_plan_draft_count(const struct ledger_plan_draft *draft)
{
	return draft->count;
}

void
plan_draft_hash(const struct ledger_plan_draft *draft, uint8_t ret_hash[16])
{
	crypto_generichash_state hash = draft->hash; /* more may be added */

	crypto_generichash_final(&hash, ret_hash, 16);
}

int
ledger_plan_draft_rewind(struct ledger_plan_draft *draft, struct error *err)
{
	if (write_pending(draft, err) != 0)
		return -1;
	draft->at = 0;
	return 0;
}

static int
read_at(struct ledger_plan_draft *draft, void *to, size_t length, struct error *err)
{
	size_t done = 0;

	while (done < length) {
		ssize_t now = pread(draft->fd, (char *)to + done, length - done, draft->at + (off_t)done);

		if (now < 0 && errno == EINTR)
			continue;
		if (now <= 0)
			return error_system(err, ERROR_SYSTEM, now < 0 ? errno : EIO, "a plan's file in %s can't be read back", draft->dir);
		done += (size_t)now;
	}
	draft->at += (off_t)length;
	return 0;
}

/* A text with its NUL in `pending`, whose memory was reserved. */
static char *
take_text(struct buffer *from, size_t *at, uint32_t length)
{
	char *text = from->data + *at;

	if (length == MISSING)
		return NULL;
	*at += length;
	return text;
}

int
ledger_plan_draft_next(struct ledger_plan_draft *draft, struct ledger_plan_item *ret_item, struct error *err)
{
	struct item_mark mark;
	struct item_head *head = &draft->head;
	struct buffer *b = &draft->pending;
	uint32_t lengths[5];
	size_t at = 0, total = 0;
	char *texts[5];

	buffer_clear(b);
	if (draft->at == draft->written)
		return 0;
	if (read_at(draft, &mark, sizeof mark, err) != 0 || read_at(draft, head, sizeof *head, err) != 0)
		return -1;
	lengths[0] = head->native;
	lengths[1] = head->before;
	lengths[2] = head->after;
	lengths[3] = head->note;
	lengths[4] = head->version;
	for (int i = 0; i < 5; i++)
		total += lengths[i] != MISSING ? lengths[i] : 0;
	/* One more byte for each NUL. */
	if (buffer_reserve(b, total + 5) != 0)
		return error_memory(err);
	for (int i = 0; i < 5; i++) {
		texts[i] = take_text(b, &at, lengths[i]);
		if (texts[i] != NULL && read_at(draft, texts[i], lengths[i], err) != 0)
			return -1;
		if (texts[i] != NULL)
			b->data[at++] = '\0';
	}
	*ret_item = (struct ledger_plan_item){
		.number = head->number,
		.what = (enum ledger_count)head->what,
		.object = head->object,
		.native = { texts[0], head->native },
		.record = head->record,
		.generation = head->generation,
		.before = texts[1],
		.after = texts[2],
		.note = texts[3],
		.version = { texts[4], head->version },
		.payload = head->has_payload ? head->payload : NULL,
		.mark = { (uint32_t)mark.binding, mark.record, mark.want },
	};
	return 1;
}
