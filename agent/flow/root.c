/* SPDX-License-Identifier: BSD-2-Clause */
/* root.c: see root.h. */
#include "flow/root.h"

#define CHAIN_MAX 32u

int
root_of(struct ledger *ledger, const struct config_entity *entity, const struct ledger_record *record, struct arena *arena, int64_t *ret_root,
        struct error *err)
{
	struct ledger_record parent;

	*ret_root = record->id;
	for (uint32_t depth = 0; depth < CHAIN_MAX; depth++) {
		const struct config_field *up = NULL;
		int64_t id = 0;

		for (uint32_t i = 0; i < entity->field_count; i++) {
			const struct config_field *field = &entity->fields[i];

			if (field->type != CONFIG_FIELD_REF || record->values[i].type != SYNCLINE_TYPE_INTEGER || (up != NULL && (up->required || !field->required)))
				continue;
			up = field;
			id = record->values[i].u.integer;
		}
		if (up == NULL || up->entity == NULL || (entity = config_entity(ledger_model(ledger), up->entity)) == NULL)
			return 0;
		if (ledger_records_get(ledger, entity, &id, 1, arena, &parent, err) != 0)
			return -1;
		if (parent.id == 0 || parent.id == *ret_root)
			return 0;
		*ret_root = parent.id;
		record = &parent;
	}
	return 0;
}
