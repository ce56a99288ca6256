/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.h: `syncline links`: which native records are one.
 *
 *     verb_links.c    the verb, and writing them out
 *     links_import.c  reading pairs and making their links
 */
#ifndef CTL_LINKS_H
#define CTL_LINKS_H

#include "ctl/listing.h"

enum ctl_exit links_import(struct ctl *ctl, struct opened *opened, const struct config_flow *flow);

#endif
