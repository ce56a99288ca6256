/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * match.c: exact match keys.  A key links only when all its parts are there, and when it is one record's alone on both sides; a
 * value that more than three records share never links.  What was deleted has none until it lives again.
 */
#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "flow/values.h"
#include "flow/work.h"
#include "rules/functions/unicode.h"

static const char *const legal_forms[] = { "gmbh", "mbh", "ag", "kg", "kgaa", "ohg", "gbr", "ug", "se", "ev", "eg", "co", "cie", "ltd",
	"limited", "llp", "plc", "inc", "incorporated", "corp", "corporation", "llc", "lp", "sa", "sas", "sarl", "srl", "spa", "snc", "bv", "nv",
	"vof", "oy", "oyj", "ab", "as", "asa", "aps", "kft", "zrt", "doo", "sro", "spzoo", "und", "and", "et", NULL };

static bool
is_legal_form(const char *word, size_t length)
{
	for (const char *const *form = legal_forms; *form != NULL; form++)
		if (strlen(*form) == length && memcmp(*form, word, length) == 0)
			return true;
	return false;
}

/* Folded words without dots, legal forms and what stands between words; "Müller & Co. KG" is "mueller". */
static int
put_company(struct buffer *out, const char *folded, size_t length)
{
	const char *end = folded + length;
	size_t begin = out->length;

	while (folded < end) {
		char word[256];
		size_t used = 0;

		while (folded < end && *folded != ' ' && *folded != '&' && *folded != ',' && *folded != '-' && *folded != '/' && *folded != '+') {
			if (*folded != '.' && *folded != '\'' && *folded != '"' && used < sizeof word)
				word[used++] = *folded;
			folded++;
		}
		folded += folded < end;
		if (used == 0 || is_legal_form(word, used))
			continue;
		if ((out->length > begin && buffer_char(out, ' ') != 0) || buffer_append(out, word, used) != 0)
			return -1;
	}
	return 0;
}

static int
put_normalised(struct buffer *out, uint8_t normalise, const char *text, size_t length)
{
	struct buffer folded;
	int result = 0;

	switch (normalise) {
	case CONFIG_NORMALISE_PHONE:
		for (size_t i = 0; i < length && result == 0; i++)
			if (isdigit((unsigned char)text[i]))
				result = buffer_char(out, text[i]);
		return result;
	case CONFIG_NORMALISE_VAT_ID:
		for (size_t i = 0; i < length && result == 0; i++)
			if (isalnum((unsigned char)text[i]))
				result = buffer_char(out, (char)toupper((unsigned char)text[i]));
		return result;
	case CONFIG_NORMALISE_COMPANY:
		buffer_init(&folded, 0);
		result = unicode_fold(text, length, &folded) != 0 || put_company(out, folded.data, folded.length) != 0 ? -1 : 0;
		buffer_free(&folded);
		return result;
	case CONFIG_NORMALISE_TEXT:
	case CONFIG_NORMALISE_PERSON:
		return unicode_fold(text, length, out);
	default:
		return unicode_nfc(text, length, out);
	}
}

/* 1 with the key's hash; 0: a part is missing, so that this key says nothing; -1: no memory. */
int
work_key_hash(struct work *work, uint32_t rule, const struct syncline_value *values, uint8_t ret_hash[16])
{
	const struct config_match *match = &work->entity->matches[rule];
	struct buffer *all = &work->after, *part = &work->text;

	if (match->exact.count == 0)
		return 0;
	buffer_clear(all);
	buffer_format(all, "%u", rule);
	for (uint32_t i = 0; i < match->exact.count; i++) {
		uint32_t field = field_index(work->entity, config_field(work->entity, match->exact.items[i]));
		size_t before;

		if (values[field].type <= SYNCLINE_TYPE_NULL)
			return 0;
		buffer_clear(part);
		buffer_char(all, '\0');
		before = all->length;
		if (values_text(part, &values[field]) != 0 ||
		    put_normalised(all, match->normalise, part->data != NULL ? part->data : "", part->length) != 0)
			return -1;
		if (all->length == before)
			return 0;
	}
	if (all->failed)
		return -1;
	crypto_shorthash_siphashx24(ret_hash, (const unsigned char *)all->data, all->length, ledger_hash_key(work->ledger));
	return 1;
}

uint32_t
work_match_unit(const struct work *work)
{
	return work->entity->shared ? 0 : work->intake->unit_id;
}

static void
add_record(int64_t records[LEDGER_MATCHES_MAX], uint32_t *count, int64_t record)
{
	for (uint32_t i = 0; i < *count; i++)
		if (records[i] == record)
			return;
	if (*count < LEDGER_MATCHES_MAX)
		records[(*count)++] = record;
}

static struct work_key **
key_bucket(struct work *work, const uint8_t hash[16])
{
	uint32_t start;

	memcpy(&start, hash, sizeof start);
	return &work->keys[start % WORK_BUCKETS];
}

int
work_note_keys(struct work *work, const struct work_record *record, struct error *err)
{
	struct ledger_match *keys;
	uint32_t count;

	if (work->entity->match_count == 0)
		return 0;
	if (work_record_keys(work, record->at.values, &keys, &count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct work_key **bucket = key_bucket(work, keys[i].hash), *key = arena_zalloc(&work->arena, sizeof *key);

		if (key == NULL)
			return error_memory(err);
		*key = (struct work_key){ .rule = keys[i].rule, .record = record->at.id, .chain = *bucket };
		memcpy(key->hash, keys[i].hash, sizeof key->hash);
		*bucket = key;
	}
	return 0;
}

int
work_match(struct work *work, const struct row *row, int64_t ret_records[LEDGER_MATCHES_MAX], uint32_t *ret_count, bool *ret_exact,
           struct error *err)
{
	uint32_t count = 0;

	*ret_exact = true;
	for (uint32_t rule = 0; rule < work->entity->match_count; rule++) {
		int64_t found[LEDGER_MATCHES_MAX];
		uint32_t found_count;
		uint8_t hash[16];
		int there = work_key_hash(work, rule, row->values, hash);

		if (there < 0)
			return error_memory(err);
		if (there == 0)
			continue;
		if (ledger_match_find(work->ledger, work->entity, work_match_unit(work), rule, hash, found, &found_count, err) != 0)
			return -1;
		/* Shared by so many, it tells nobody apart. */
		if (found_count >= LEDGER_MATCHES_MAX)
			continue;
		for (uint32_t i = 0; i < found_count; i++)
			add_record(ret_records, &count, found[i]);
		for (const struct work_key *key = *key_bucket(work, hash); key != NULL; key = key->chain)
			if (key->rule == rule && memcmp(key->hash, hash, sizeof hash) == 0)
				add_record(ret_records, &count, key->record);
	}
	*ret_count = count;
	return 0;
}

int
work_record_keys(struct work *work, const struct syncline_value *values, struct ledger_match **ret_keys, uint32_t *ret_count, struct error *err)
{
	struct ledger_match *keys = arena_array(&work->arena, work->entity->match_count + 1u, sizeof *keys);
	uint32_t count = 0;

	if (keys == NULL)
		return error_memory(err);
	for (uint32_t rule = 0; rule < work->entity->match_count; rule++) {
		int there = work_key_hash(work, rule, values, keys[count].hash);

		if (there < 0)
			return error_memory(err);
		keys[count].rule = rule;
		count += there == 1;
	}
	*ret_keys = keys;
	*ret_count = count;
	return 0;
}

int
work_all_keys(struct work *work, const struct syncline_value *values, struct ledger_match **ret_keys, uint32_t *ret_count, struct error *err)
{
	struct ledger_match *keys = arena_array(&work->arena, work->entity->match_count + work_unique_count(work) + 1u, sizeof *keys), *matching;
	uint32_t count;

	if (keys == NULL)
		return error_memory(err);
	if (work_record_keys(work, values, &matching, &count, err) != 0)
		return -1;
	memcpy(keys, matching, count * sizeof *keys);
	if (work_unique_keys(work, values, keys, &count, err) != 0)
		return -1;
	*ret_keys = keys;
	*ret_count = count;
	return 0;
}

void
work_find_key_fields(struct work *work)
{
	for (uint32_t rule = 0; rule < work->entity->match_count; rule++)
		for (uint32_t i = 0; i < work->entity->matches[rule].exact.count; i++)
			work->in_key[field_index(work->entity, config_field(work->entity, work->entity->matches[rule].exact.items[i]))] = 1;
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		work->in_key[i] = work->in_key[i] || work_field(work, i)->unique;
}

int
work_match_keys(struct work *work, struct work_record *record, struct error *err)
{
	struct ledger_match *keys = NULL;
	uint32_t count = 0;

	if (work->entity->match_count == 0 && work_unique_count(work) == 0)
		return 0;
	if (!record->deleted && work_all_keys(work, record->at.values, &keys, &count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		keys[i].record = record->at.id;
	return ledger_match_set(work->ledger, work->entity, work_match_unit(work), record->at.id, keys, count, err);
}
