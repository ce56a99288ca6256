/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping.c: what others ask a compiled mapping.  It never changes: any thread.
 */
#include <stdlib.h>

#include "rules/engine.h"

struct mapping *
mapping_new(void)
{
	struct mapping *mapping = calloc(1, sizeof *mapping);

	if (mapping != NULL)
		arena_init(&mapping->arena, 0);
	return mapping;
}

void
mapping_free(struct mapping *mapping)
{
	if (mapping == NULL)
		return;
	for (uint32_t i = 0; i < mapping->lookup_count; i++)
		rules_lookup_free(mapping->lookups[i]);
	arena_free(&mapping->arena);
	free(mapping);
}

uint32_t
mapping_output_count(const struct mapping *mapping)
{
	return mapping->top.rule_count;
}

const struct syncline_field *
mapping_output_fields(const struct mapping *mapping)
{
	return mapping->output_fields;
}

bool
mapping_output_is_copy(const struct mapping *mapping, uint32_t output)
{
	return mapping->top.rules[output].kind == RULE_COPY;
}

const char *
mapping_output_rule(const struct mapping *mapping, uint32_t output)
{
	return mapping->top.rules[output].text;
}

void
mapping_dependencies(const struct mapping *mapping, uint32_t output, struct rules_dependencies *ret_dependencies)
{
	struct rules_dependencies *d = ret_dependencies;

	d->words = mapping->words;
	if (output == UINT32_MAX) {
		d->fields = mapping->reads;
		d->uses = mapping->uses;
		d->lookups = mapping->all_lookups;
		d->lookup_count = mapping->all_lookup_count;
		d->systems = mapping->all_systems;
		d->system_count = mapping->all_system_count;
		d->objects = mapping->all_objects;
		d->object_count = mapping->all_object_count;
		d->follows = mapping->all_follows;
		d->follow_count = mapping->all_follow_count;
	} else {
		const struct rule *rule = &mapping->top.rules[output];

		d->fields = rule->reads;
		d->uses = rule->uses;
		d->lookups = rule->lookups;
		d->lookup_count = rule->lookup_count;
		d->systems = rule->systems;
		d->system_count = rule->system_count;
		d->objects = rule->objects;
		d->object_count = rule->object_count;
		d->follows = rule->follows;
		d->follow_count = rule->follow_count;
	}
}

void
mapping_write_mask(const struct mapping *mapping, const uint64_t *changed, uint32_t words, uint64_t *ret_outputs)
{
	if (words > mapping->words)
		words = mapping->words;
	memset(ret_outputs, 0, ((size_t)mapping->top.rule_count + 63) / 64 * sizeof *ret_outputs);
	for (uint32_t i = 0; i < mapping->top.rule_count; i++)
		for (uint32_t w = 0; w < words; w++)
			if ((mapping->top.rules[i].reads[w] & changed[w]) != 0)
				ret_outputs[i / 64] |= UINT64_C(1) << (i % 64);
}

void
mapping_effective_version(const struct mapping *mapping, uint8_t ret_version[RULES_VERSION_BYTES])
{
	memcpy(ret_version, mapping->version, RULES_VERSION_BYTES);
}
