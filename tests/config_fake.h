/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_fake.h: connectors that are only described, so that configurations can be checked without any being there: parameters
 * like those of a CSV, a REST and a WebDAV connector, and one that can do next to nothing.
 */
#ifndef TESTS_CONFIG_FAKE_H
#define TESTS_CONFIG_FAKE_H

#include "config/model.h"

/* For config_options.describe. */
const struct syncline_connector *fake_describe(void *ctx, const char *connector_name, struct error *err);

#endif
