/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * systems.h: from a system in the configuration to a connector that runs.  One of them per (system, credentials).
 */
#ifndef FLOW_SYSTEMS_H
#define FLOW_SYSTEMS_H

#include "base/error.h"
#include "config/model.h"
#include "host/connector.h"

struct manners;
struct systems {
	const char *connector_dir; /* where NAME.so are */
	const char *agent_version;
	bool direct; /* load connectors into this process: tests alone */
	/* The value of a secret, valid until the connector was started.  NULL: there is no vault. */
	int (*secret)(void *data, const char *reference, struct syncline_slice *ret_value, struct error *err);
	void *secret_data;
	void (*log)(void *data, const struct connector_line *line);
	void *log_data;
	struct manners *manners; /* of this process; NULL: calls are not counted */
	/* A connector that could not be loaded when the configuration was read now can be; takes `info`.  Any thread.  NULL: nobody asks. */
	void (*found)(void *data, const char *connector, struct connector_info *info);
	void *found_data;
};

/* "DIR/NAME.so", absolute; buffer_string() of `ret_path` then is the path. */
int systems_connector_path(const struct systems *systems, const char *connector, struct buffer *ret_path, struct error *err);
/* The descriptor of a connector by its name. */
int systems_describe(const struct systems *systems, const char *connector, struct connector_info **ret_info, struct error *err);
/*
 * -1 with the reason when its connector could not be loaded as the configuration was read.  It is tried again first: then that is told to
 * `found`, and the reason is ERROR_HOST_LOADED.
 */
int systems_need(const struct systems *systems, const struct config_system *system, struct error *err);
/* What a connector keeps for itself, and where changes of it go (host/connector.h).  NULL where nothing is kept. */
struct systems_state {
	const struct connector_state *states;
	uint32_t count;
	int (*commit)(void *data, const struct connector_state *changes, uint32_t count, struct error *err);
	void *data; /* as long as the connector runs */
};
/* What its calls ask before they are made, and who hears what came of them (host/connector.h). */
struct systems_admission {
	int (*ask)(void *data, uint32_t calls, struct error *err);
	void (*heard)(void *data, uint32_t klass, uint32_t retry_after_ms);
	void *data; /* as long as the connector runs */
};
/*
 * Starts a connector for a system with the settings that hold for `unit` (NULL: none).  `writes`: it will be written to.  `state` and
 * `admission` may be NULL.
 */
int systems_start(const struct systems *systems, const struct config_system *system, const struct config_unit *unit, bool writes,
                  const struct systems_state *state, const struct systems_admission *admission, struct connector **ret_connector, struct error *err);

#endif
