/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preview.c: what a plan would send.  The marks that a dry pass made go through the same rules as a claim, with the records as that
 * pass has them; and with the records as they were, for what the target shows now.  Runs in the pass's own transaction, which is
 * taken back afterwards; what was is read through a second, looking ledger beside it.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "deliver/inside.h"
#include "flow/values.h"

#define PAGE 200u /* marks at once */

struct preview {
	struct deliver deliver;
	struct deliver_result unused;
	struct ledger *before;
	struct ledger_plan_draft *to;
	uint64_t *counts;
	struct buffer was, is, text;
	/* A page: items of one outlet and their marks. */
	struct arena arena;
	struct outlet *outlet;
	struct ledger_plan_item items[PAGE];
	struct ledger_due due[PAGE];
	uint32_t count;
};

static bool
is_sent(enum ledger_count what)
{
	return what == LEDGER_COUNT_SENT_CREATES || what == LEDGER_COUNT_SENT_UPDATES || what == LEDGER_COUNT_SENT_DELETES;
}

/* Of every binding that any flow writes with: a record of this flow may be written by another one, or be followed to. */
static int
open_outlets(struct preview *p, const struct deliver_options *options, struct error *err)
{
	struct deliver *deliver = &p->deliver;
	struct engine *engine = options->intake->engine;

	*deliver = (struct deliver){ .options = options, .intake = options->intake, .engine = engine, .ledger = engine->ledger, .result = &p->unused,
		.next_us = INT64_MAX };
	arena_init(&deliver->arena, 0);
	deliver->outlets = arena_array(&deliver->arena, engine->bound_count + 1u, sizeof *deliver->outlets);
	deliver->systems = arena_array(&deliver->arena, engine->bound_count + 1u, sizeof *deliver->systems);
	if (deliver->outlets == NULL || deliver->systems == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < engine->bound_count; i++) {
		struct outlet *outlet = &deliver->outlets[deliver->outlet_count];

		if (engine->bounds[i].write == NULL || !engine->bounds[i].binding->writes)
			continue;
		deliver->outlet_count++;
		if (outlet_init(outlet, deliver, &engine->bounds[i], err) != 0 || outlet_open_blind(outlet, err) != 0 ||
		    ledger_flag_get(deliver->ledger, ledger_flow_id(deliver->ledger, outlet->binding->flow), options->intake->unit_id, outlet->id,
		                    &outlet->flag, err) != 0)
			return -1;
	}
	return 0;
}

static void
preview_close(struct preview *p)
{
	for (uint32_t i = 0; i < p->deliver.outlet_count; i++)
		outlet_free(&p->deliver.outlets[i]);
	arena_free(&p->deliver.arena);
	arena_free(&p->arena);
	buffer_free(&p->was);
	buffer_free(&p->is);
	buffer_free(&p->text);
	ledger_close(p->before);
}

/* What was, of the picks of this claim: `old` are copies over the former records, [i].out is their place in ret_written. */
struct former {
	struct pick *picks; /* by the claim's order; record NULL: it was not there */
	uint64_t **vectors;
	struct batch *written;
};

static int
load_former(struct preview *p, const struct claim *claim, struct former *former, struct error *err)
{
	struct outlet *outlet = p->outlet;
	struct arena *arena = &outlet->arena;
	struct ledger_record *records = arena_array(arena, claim->count + 1u, sizeof *records);
	struct pick **some = arena_array(arena, claim->count + 1u, sizeof *some);
	int64_t *ids = arena_array(arena, claim->count + 1u, sizeof *ids), *missing;
	uint8_t(*keys)[16] = arena_zalloc(arena, (size_t)(claim->count + 1u) * sizeof *keys);
	const uint8_t *conditions = NULL;
	uint32_t count = 0;

	former->picks = arena_array(arena, claim->count + 1u, sizeof *former->picks);
	former->vectors = arena_array(arena, claim->count + 1u, sizeof *former->vectors);
	if (records == NULL || some == NULL || ids == NULL || keys == NULL || former->picks == NULL || former->vectors == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < claim->count; i++)
		ids[i] = claim->picks[i].due->record;
	if (ledger_records_get(p->before, outlet->entity, ids, claim->count, arena, records, err) != 0)
		return -1;
	for (uint32_t i = 0; i < claim->count; i++) {
		former->picks[i] = claim->picks[i];
		former->picks[i].record = NULL;
		if (records[i].id == 0 || claim->picks[i].link == NULL)
			continue;
		former->picks[i].record = &records[i];
		former->picks[i].fate = PICK_SEND;
		former->picks[i].op = SYNCLINE_OP_UPDATE;
		former->picks[i].in = former->picks[i].out = UINT32_MAX;
		if ((former->vectors[i] = arena_array(arena, outlet->words + 1u, sizeof **former->vectors)) == NULL ||
		    vector_of(p->before, outlet->entity, records[i].values, &outlet->scratch, former->vectors[i]) != 0)
			return error_memory(err);
		some[count++] = &former->picks[i];
	}
	if (count == 0)
		return 0;
	return payload_evaluate(outlet, outlet->bound->write, some, count, keys, &former->written, &conditions, &missing, err);
}

/* Does the target show what came of the former record, as far as is known, in all that this output is made of? */
static bool
shows_former(const struct outlet *outlet, const struct pick *pick, const uint64_t *was, uint32_t output)
{
	const uint64_t *reads = &outlet->output_reads[(size_t)output * BOUND_WORDS(outlet->entity)];

	for (uint32_t f = 0; f < outlet->entity->field_count; f++) {
		uint32_t id = outlet->fields[f];
		uint64_t now = pick->vector != NULL ? pick->vector[id] : was[id];

		if (bound_has(reads, f) && (pick->link->seen != NULL ? pick->link->seen[id] : now) != was[id])
			return false;
	}
	return true;
}

static void
put_name(struct buffer *json, const char *name)
{
	buffer_char(json, json->length > 0 ? ',' : '{');
	text_json_string(json, name, strlen(name));
	buffer_char(json, ':');
}

/* An id that doesn't exist yet: {"link":4711}, {"link":"new"}, {"record_id":"new"}. */
static void
put_pending(struct preview *p, const struct pick *pick, bool link)
{
	if (!link)
		buffer_text(&p->is, "{\"record_id\":\"new\"}");
	else if (pick->parent != 0 && ledger_record_entity(p->before, pick->parent) != NULL)
		buffer_format(&p->is, "{\"link\":%lld}", (long long)pick->parent);
	else
		buffer_text(&p->is, "{\"link\":\"new\"}");
}

/* One field of what would be sent.  What depends on others than the record itself is shown, and is no part of the hash. */
static int
put_output(struct preview *p, const struct mapping *mapping, const struct pick *pick, const struct batch *written, uint32_t output, bool fresh,
           crypto_generichash_state *hash)
{
	const struct outlet *outlet = p->outlet;
	const char *name = mapping_output_fields(mapping)[output].name;
	struct syncline_value value = batch_value(written, &batch_record(written, pick->out)->cells[output]);
	struct rules_dependencies uses;
	bool derived = !pick->deactivate && (outlet->bound->outputs[output] & BOUND_DERIVED) != 0, link, id;

	mapping_dependencies(mapping, output, &uses);
	link = (uses.uses & RULES_USES_LINK) != 0 && value.type == SYNCLINE_TYPE_ABSENT;
	id = (uses.uses & RULES_USES_RECORD_ID) != 0 && fresh;
	if (value.type == SYNCLINE_TYPE_ABSENT && !link)
		return 0;
	if (link || id) {
		put_name(&p->is, name);
		put_pending(p, pick, link);
	} else if (value.type != SYNCLINE_TYPE_NULL || pick->op != SYNCLINE_OP_CREATE) {
		put_name(&p->is, name);
		if (values_json(&p->is, &value) != 0)
			return -1;
	}
	if (derived || link || id)
		return 0;
	buffer_clear(&p->text);
	if (values_json(&p->text, &value) != 0)
		return -1;
	crypto_generichash_update(hash, (const unsigned char *)name, strlen(name) + 1);
	crypto_generichash_update(hash, (const unsigned char *)&value.type, sizeof value.type);
	crypto_generichash_update(hash, (const unsigned char *)p->text.data, p->text.length);
	return 0;
}

/* What is sent, and beside it what the target shows of that. */
static int
put_fields(struct preview *p, const struct mapping *mapping, const struct pick *pick, const struct batch *written, const struct former *former,
           uint32_t index, bool fresh, crypto_generichash_state *hash)
{
	const struct outlet *outlet = p->outlet;
	const struct pick *was = &former->picks[index];
	bool update = pick->op == SYNCLINE_OP_UPDATE && !pick->deactivate, gone = pick->op == SYNCLINE_OP_DELETE || pick->fate == PICK_CONVERT;

	for (uint32_t i = 0; !gone && pick->out != UINT32_MAX && i < mapping_output_count(mapping); i++)
		if ((!update || pick->outputs == NULL || bound_has(pick->outputs, i)) && put_output(p, mapping, pick, written, i, fresh, hash) != 0)
			return -1;
	for (uint32_t i = 0; was->record != NULL && was->out != UINT32_MAX && former->written != NULL && i < outlet->output_count; i++) {
		struct syncline_value value = batch_value(former->written, &batch_record(former->written, was->out)->cells[i]);

		if ((update && pick->outputs != NULL && !bound_has(pick->outputs, i)) || value.type == SYNCLINE_TYPE_ABSENT || (gone && value.type == SYNCLINE_TYPE_NULL) ||
		    !shows_former(outlet, pick, former->vectors[index], i))
			continue;
		put_name(&p->was, mapping_output_fields(outlet->bound->write)[i].name);
		if (values_json(&p->was, &value) != 0)
			return -1;
	}
	return 0;
}

/* What would keep it from being sent at once. */
static const char *
note_of(const struct outlet *outlet, const struct pick *pick, char *note, size_t size)
{
	if (pick->fate == PICK_DEAD)
		snprintf(note, size, "it would be given up: %s", pick->why != NULL ? pick->why->message : "its rules fail");
	else if (pick->fate == PICK_WAIT && pick->why != NULL)
		snprintf(note, size, "it waits: %s", pick->why->message);
	else if (pick->fate == PICK_WAIT)
		snprintf(note, size, "it waits until the record that it refers to is there");
	else if (pick->fate == PICK_HOLD && pick->why != NULL)
		snprintf(note, size, "it is held: %s", pick->why->message);
	else if (pick->fate == PICK_CONVERT)
		snprintf(note, size, "it is out of scope, and deactivated");
	else if (outlet->flag.mode == LEDGER_FLAG_OFF || outlet->flag.mode == LEDGER_FLAG_PAUSED)
		snprintf(note, size, "it is held: the flag of %s is %s", outlet->binding->system->head.name,
		         ledger_flag_name((enum ledger_flag_mode)outlet->flag.mode));
	else
		return NULL;
	return note;
}

static enum ledger_count
kind_of(const struct pick *pick, enum ledger_count marked)
{
	if (pick->fate != PICK_SEND)
		return pick->fate == PICK_CONVERT ? LEDGER_COUNT_SENT_DELETES : marked;
	if (pick->op == SYNCLINE_OP_DELETE || pick->deactivate)
		return LEDGER_COUNT_SENT_DELETES;
	return pick->op == SYNCLINE_OP_CREATE ? LEDGER_COUNT_SENT_CREATES : LEDGER_COUNT_SENT_UPDATES;
}

static int
emit(struct preview *p, const struct ledger_plan_item *marked, const struct pick *pick, const struct batch *written, const struct former *former,
     uint32_t index, struct error *err)
{
	struct outlet *outlet = p->outlet;
	struct ledger_plan_item item = *marked;
	const struct mapping *mapping = pick->deactivate ? outlet->deactivate : outlet->bound->write;
	crypto_generichash_state hash;
	uint8_t payload[16], op = pick->op;
	char note[SYNCLINE_NAME_MAX + 600];

	if ((pick->fate == PICK_DROP && marked->note == NULL) || pick->fate == PICK_UNLINK)
		return 0;
	item.what = kind_of(pick, item.what);
	if (pick->fate != PICK_DROP)
		item.note = note_of(outlet, pick, note, sizeof note);
	buffer_clear(&p->was);
	buffer_clear(&p->is);
	crypto_generichash_init(&hash, ledger_hash_key(p->deliver.ledger), 16, sizeof payload);
	crypto_generichash_update(&hash, &op, 1);
	if (put_fields(p, mapping, pick, written, former, index, item.record == 0, &hash) != 0)
		return error_memory(err);
	if (p->was.length > 0) {
		buffer_char(&p->was, '}');
		item.before = buffer_string(&p->was);
	}
	if (p->is.length > 0) {
		buffer_char(&p->is, '}');
		item.after = buffer_string(&p->is);
	}
	if (p->was.failed || p->is.failed || p->text.failed)
		return error_memory(err);
	crypto_generichash_final(&hash, payload, sizeof payload);
	if (pick->fate != PICK_DEAD && (pick->out != UINT32_MAX || pick->op == SYNCLINE_OP_DELETE))
		item.payload = payload;
	if (pick->link != NULL)
		item.version = pick->link->version;
	item.generation = item.record != 0 ? pick->due->want : 0;
	if (pick->fate != PICK_DEAD)
		p->counts[item.what]++;
	return ledger_plan_draft_add(p->to, &item, err);
}

/* The items from `first` on; halved as often as it takes for the rules to have room. */
static int
look(struct preview *p, uint32_t first, uint32_t count, struct error *err)
{
	struct batch *written[2] = { NULL, NULL };
	struct former former = { .picks = NULL };
	struct claim claim;
	bool left = false;
	int result = claim_look(p->outlet, &p->due[first], count, &claim, written, err);

	for (uint32_t i = 0; result == 0 && i < claim.count; i++)
		left = left || claim.picks[i].fate == PICK_LEAVE;
	if (result == 0 && (!left || count == 1))
		result = load_former(p, &claim, &former, err);
	for (uint32_t i = 0; result == 0 && (!left || count == 1) && i < claim.count; i++)
		result = emit(p, &p->items[first + i], &claim.picks[i], written[claim.picks[i].deactivate], &former, i, err);
	batch_free(written[0]);
	batch_free(written[1]);
	batch_free(former.written);
	if (result != 0 || !left || count == 1)
		return result;
	return look(p, first, count / 2, err) != 0 ? -1 : look(p, first + count / 2, count - count / 2, err);
}

static int
end_page(struct preview *p, struct error *err)
{
	int result = p->count > 0 ? look(p, 0, p->count, err) : 0;

	p->count = 0;
	arena_reset(&p->arena);
	return result;
}

/* A later mark of the same record stands for the earlier ones; one that was dropped since is none. */
static int
add_mark(struct preview *p, const struct ledger_plan_item *item, struct error *err)
{
	struct ledger_delivery mark;
	struct ledger_plan_item *to;
	bool found;

	if (ledger_delivery_get(p->deliver.ledger, item->mark.binding, item->mark.record, &p->arena, &mark, &found, err) != 0)
		return -1;
	if (!found || mark.want > item->mark.want)
		return 0;
	to = &p->items[p->count];
	*to = (struct ledger_plan_item){ .what = item->what, .object = item->object, .record = item->record, .native.length = item->native.length };
	if (mark.op != LEDGER_WANT_WRITE && (mark.state == LEDGER_DELIVERY_HANDED_OVER || mark.state == LEDGER_DELIVERY_UNCERTAIN))
		to->note = "it waits until it is known whether the record was created there";
	if (item->native.length > 0 && (to->native.data = arena_copy(&p->arena, item->native.data, item->native.length)) == NULL)
		return error_memory(err);
	p->due[p->count++] = (struct ledger_due){ .record = item->mark.record, .want = mark.want, .op = mark.op, .since_us = mark.since_us };
	return p->count == PAGE ? end_page(p, err) : 0;
}

/* All items that are not sent, or those of one outlet. */
static int
go_through(struct preview *p, struct ledger_plan_draft *from, struct error *err)
{
	struct ledger_plan_item item;
	int got;

	if (ledger_plan_draft_rewind(from, err) != 0)
		return -1;
	while ((got = ledger_plan_draft_next(from, &item, err)) == 1) {
		if (p->outlet == NULL && is_sent(item.what))
			p->counts[item.what]--; /* until it is told what it is */
		if (p->outlet == NULL ? !is_sent(item.what) && ledger_plan_draft_add(p->to, &item, err) != 0 :
		                        is_sent(item.what) && item.mark.binding == p->outlet->id && add_mark(p, &item, err) != 0)
			return -1;
	}
	return got == 0 && p->outlet != NULL ? end_page(p, err) : got;
}

int
deliver_preview(const struct deliver_options *options, struct ledger_plan_draft *from, struct ledger_plan_draft *to,
                uint64_t counts[LEDGER_COUNT_COUNT], struct error *err)
{
	struct preview *p = calloc(1, sizeof *p);
	int result;

	if (p == NULL)
		return error_memory(err);
	p->to = to;
	p->counts = counts;
	arena_init(&p->arena, 0);
	buffer_init(&p->was, SYNCLINE_RECORD_MAX * 8);
	buffer_init(&p->is, SYNCLINE_RECORD_MAX * 8);
	buffer_init(&p->text, SYNCLINE_RECORD_MAX * 8);
	result = open_outlets(p, options, err);
	if (result == 0)
		result = ledger_open_beside(options->intake->engine->ledger, &p->before, err);
	if (result == 0)
		result = go_through(p, from, err);
	for (uint32_t i = 0; result == 0 && i < p->deliver.outlet_count; i++) {
		p->outlet = &p->deliver.outlets[i];
		result = go_through(p, from, err);
	}
	preview_close(p);
	free(p);
	return result;
}
