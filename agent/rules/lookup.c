/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup.c: lookup tables in memory: keys and values in one block, an open hash over them.  Immutable after it was made, so any
 * thread reads it; the count of users is changed only where mappings are compiled and freed, under a mutex.
 */
#include <pthread.h>
#include <stdlib.h>

#include <sodium.h>

#include "rules/engine.h"

struct entry {
	const char *key, *value;
	uint32_t key_length, value_length;
};
struct rules_lookup_table {
	struct rules_lookup policy; /* name, missing, default_value */
	struct arena arena;
	struct entry *entries;
	uint32_t mask;
	uint32_t users;
	uint8_t hash[RULES_VERSION_BYTES];
};

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t
hash_key(const void *key, size_t length)
{
	const unsigned char *p = key;
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ p[i]) * UINT64_C(1099511628211);
	return (uint32_t)(hash ^ hash >> 32);
}

static struct entry *
find(const struct rules_lookup_table *table, const void *key, size_t length)
{
	uint32_t at = hash_key(key, length) & table->mask;

	while (table->entries[at].key != NULL &&
	       (table->entries[at].key_length != length || memcmp(table->entries[at].key, key, length) != 0))
		at = (at + 1) & table->mask;
	return &table->entries[at];
}

static void
put(struct rules_lookup_table *table, const struct syncline_slice *key, const struct syncline_slice *value, struct entry *entry, struct error *err)
{
	const char *k = arena_copy(&table->arena, key->length > 0 ? key->data : "", key->length);
	const char *v = arena_copy(&table->arena, value->length > 0 ? value->data : "", value->length);

	if (k == NULL || v == NULL) {
		error_memory(err);
		return;
	}
	*entry = (struct entry){ k, v, (uint32_t)key->length, (uint32_t)value->length };
}

static int
fill(struct rules_lookup_table *table, const struct rules_lookup *lookup, struct error *err)
{
	uint8_t sum[RULES_VERSION_BYTES] = { 0 };
	crypto_generichash_state state;

	for (uint32_t i = 0; i < lookup->count; i++) {
		const struct syncline_slice *key = &lookup->keys[i], *value = &lookup->values[i];
		struct entry *entry = find(table, key->data, key->length);
		uint8_t one[RULES_VERSION_BYTES];
		uint64_t length = key->length;

		if (entry->key != NULL)
			return error_set(err, ERROR_RULE_LOOKUP, "Leave one of the two lines.", "the lookup table %s has the key \"%.*s\" twice", lookup->name,
			                 key->length > 80 ? 80 : (int)key->length, (const char *)key->data);
		put(table, key, value, entry, err);
		if (entry->key == NULL)
			return -1;
		/* Rows are added up so that their order does not matter. */
		crypto_generichash_init(&state, NULL, 0, sizeof one);
		crypto_generichash_update(&state, (const void *)&length, sizeof length);
		crypto_generichash_update(&state, (const void *)entry->key, entry->key_length);
		crypto_generichash_update(&state, (const void *)entry->value, entry->value_length);
		crypto_generichash_final(&state, one, sizeof one);
		sodium_add(sum, one, sizeof sum);
	}
	crypto_generichash_init(&state, NULL, 0, sizeof table->hash);
	crypto_generichash_update(&state, sum, sizeof sum);
	crypto_generichash_update(&state, (const void *)lookup->name, strlen(lookup->name) + 1);
	crypto_generichash_update(&state, (const uint8_t[]){ (uint8_t)lookup->missing }, 1);
	if (lookup->default_value != NULL)
		crypto_generichash_update(&state, (const void *)lookup->default_value, strlen(lookup->default_value));
	crypto_generichash_final(&state, table->hash, sizeof table->hash);
	return 0;
}

struct rules_lookup_table *
rules_lookup_new(const struct rules_lookup *lookup, struct error *err)
{
	struct rules_lookup_table *table;
	uint32_t size = 8;

	if (lookup->count > UINT32_C(64) * 1024 * 1024) {
		error_set(err, ERROR_RULE_LOOKUP, "Make an entity of it.", "the lookup table %s has more than 64 million rows", lookup->name);
		return NULL;
	}
	while (size < lookup->count * 2u)
		size *= 2;
	if (sodium_init() < 0 || (table = calloc(1, sizeof *table)) == NULL) {
		error_memory(err);
		return NULL;
	}
	arena_init(&table->arena, 0);
	table->users = 1;
	table->mask = size - 1;
	table->policy.name = arena_text(&table->arena, lookup->name);
	table->policy.missing = lookup->missing;
	table->policy.default_value = lookup->default_value != NULL ? arena_text(&table->arena, lookup->default_value) : NULL;
	table->entries = calloc(size, sizeof *table->entries);
	if (table->entries == NULL || table->policy.name == NULL || (lookup->default_value != NULL && table->policy.default_value == NULL)) {
		error_memory(err);
		rules_lookup_free(table);
		return NULL;
	}
	if (fill(table, lookup, err) != 0) {
		rules_lookup_free(table);
		return NULL;
	}
	return table;
}

struct rules_lookup_table *
lookup_share(struct rules_lookup_table *table)
{
	pthread_mutex_lock(&users_lock);
	table->users++;
	pthread_mutex_unlock(&users_lock);
	return table;
}

void
rules_lookup_free(struct rules_lookup_table *table)
{
	uint32_t left;

	if (table == NULL)
		return;
	pthread_mutex_lock(&users_lock);
	left = --table->users;
	pthread_mutex_unlock(&users_lock);
	if (left > 0)
		return;
	free(table->entries);
	arena_free(&table->arena);
	free(table);
}

const char *
rules_lookup_name(const struct rules_lookup_table *table)
{
	return table->policy.name;
}

int
lookup_find(const struct rules_lookup_table *table, const void *key, size_t length, struct syncline_slice *ret_value)
{
	const struct entry *entry = find(table, key, length);

	if (entry->key == NULL)
		return 0;
	*ret_value = (struct syncline_slice){ entry->value, entry->value_length };
	return 1;
}

const struct rules_lookup *
lookup_policy(const struct rules_lookup_table *table)
{
	return &table->policy;
}

const uint8_t *
rules_lookup_hash(const struct rules_lookup_table *table)
{
	return table->hash;
}
