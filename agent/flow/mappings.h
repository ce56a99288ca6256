/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mappings.h: from a binding in the configuration to compiled rules: native fields to the entity (read), and the entity to
 * native fields (write).
 */
#ifndef FLOW_MAPPINGS_H
#define FLOW_MAPPINGS_H

#include "base/error.h"
#include "batch/batch.h"
#include "config/model.h"
#include "rules/rules.h"

/* The lookup tables of a configuration, loaded from their files. */
struct lookups {
	struct rules_lookup_table **tables;
	uint32_t count;
};
/*
 * With `diagnostics`, what is wrong with a table is told there, an empty one stands in for it so that what else is wrong can be
 * found, and -1 is for want of memory alone.
 */
int lookups_load(const struct model *model, struct diagnostics *diagnostics, struct lookups *ret_lookups, struct error *err);
void lookups_free(struct lookups *lookups);

/*
 * What rules over an object are compiled against: the object's contract if there is one, else the fields of a batch that was
 * read from it (which may be NULL: then names are not checked here).
 */
/* Mistakes go to `diagnostics` (which may be NULL), the first also to err. */
int mappings_read(const struct model *model, const struct config_binding *binding, const struct lookups *lookups, const struct batch *sample,
                  struct diagnostics *diagnostics, struct mapping **ret_mapping, struct error *err);
/* Its only condition is create_if, when the binding has one. */
int mappings_write(const struct model *model, const struct config_binding *binding, const struct lookups *lookups,
                   struct diagnostics *diagnostics, struct mapping **ret_mapping, struct error *err);
/* What deactivating writes: deletes.set, over the same canonical fields. */
int mappings_deactivate(const struct model *model, const struct config_binding *binding, const struct lookups *lookups,
                        struct diagnostics *diagnostics, struct mapping **ret_mapping, struct error *err);
/* Whether the rules of reading can be compiled without a sample. */
bool mappings_can_read(const struct config_binding *binding);

#endif
