/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * admission.h: what a connector's calls ask before they are made (manners/manners.h), with a clock, the ledger's budget and words for people.
 * The engine's thread.
 */
#ifndef FLOW_ADMISSION_H
#define FLOW_ADMISSION_H

#include "flow/engine.h"
#include "manners/manners.h"
#include "rules/functions/zone.h"

struct admission {
	struct engine *engine;
	const struct config_system *system;
	struct manners_account *account; /* NULL: nobody asks */
	struct zone *zone;               /* of the system's days; NULL: not needed so far */
};
int admission_init(struct admission *admission, struct engine *engine, const struct config_system *system, uint32_t credentials, struct error *err);
void admission_free(struct admission *admission);
/* As connector_options.admit and .heard take them; `data` is the admission. */
int admission_ask(void *data, uint32_t calls, struct error *err);
void admission_heard(void *data, uint32_t klass, uint32_t retry_after_ms);

#endif
