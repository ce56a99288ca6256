/* SPDX-License-Identifier: BSD-2-Clause */
/* systems.c: see systems.h. */
#include "flow/systems.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIBE_MS 20000u /* of an agent that starts, and of a person who checks; longer than any good connector takes */

int
systems_connector_path(const struct systems *systems, const char *connector, struct buffer *ret_path, struct error *err)
{
	char *directory = realpath(systems->connector_dir, NULL);
	const char *path;

	if (directory == NULL && errno == ENOMEM)
		return error_memory(err);
	if (directory == NULL) {
		(void)error_system(err, ERROR_CONNECTOR_MISSING, errno, "the folder of the connectors, %s", systems->connector_dir);
		error_hint(err, "Name the folder that holds them with --connectors DIR.");
		return -1;
	}
	buffer_clear(ret_path);
	buffer_format(ret_path, "%s/%s.so", directory, connector);
	free(directory);
	if ((path = buffer_string(ret_path)) == NULL || ret_path->failed)
		return error_memory(err);
	if (strchr(connector, '/') != NULL || access(path, R_OK) != 0)
		return error_set(err, ERROR_CONNECTOR_MISSING, "`syncline connectors` lists those that are installed.",
		                 "there is no connector \"%s\" in %s", connector, systems->connector_dir);
	return 0;
}

static void
fill_options(const struct systems *systems, const char *name, const char *path, struct connector_options *options)
{
	memset(options, 0, sizeof *options);
	options->system = name;
	options->path = path;
	options->direct = systems->direct;
	options->agent_version = systems->agent_version;
	options->log = systems->log;
	options->log_data = systems->log_data;
}

int
systems_describe(const struct systems *systems, const char *connector, struct connector_info **ret_info, struct error *err)
{
	struct connector_options options;
	struct buffer path;
	int result;

	buffer_init(&path, 0);
	result = systems_connector_path(systems, connector, &path, err);
	if (result == 0) {
		fill_options(systems, connector, buffer_string(&path), &options);
		options.timeout_ms = DESCRIBE_MS;
		result = connector_describe(&options, ret_info, err);
	}
	buffer_free(&path);
	return result;
}

int
systems_need(const struct systems *systems, const struct config_system *system, struct error *err)
{
	struct connector_info *info;

	if (system->absent == NULL)
		return 0;
	/* A mistake stays until the configuration is read again. */
	if (systems->found == NULL || system->absent->klass != SYNCLINE_RETRY) {
		if (err != NULL)
			*err = *system->absent;
		return -1;
	}
	if (systems_describe(systems, system->connector, &info, err) != 0) {
		if (err != NULL)
			err->place[0] = '\0';
		error_place(err, "system %s", system->head.name);
		return -1;
	}
	systems->found(systems->found_data, system->connector, info);
	error_fill(err, ERROR_HOST_LOADED, "Nothing, when the agent runs it; else run it again.",
	           "the connector %s of system %s could not be loaded before, and now it can: what is configured of it is checked first", system->connector, system->head.name);
	return -1;
}

/* The values behind the secret references; the array is the caller's to free. */
static int
open_secrets(const struct systems *systems, const struct config_settings *settings, struct connector_secret **ret_secrets,
             struct error *err)
{
	struct connector_secret *secrets;

	*ret_secrets = NULL;
	if (settings->secret_count == 0)
		return 0;
	if (systems->secret == NULL) {
		(void)error_set(err, ERROR_SECRET_MISSING, "Use a connector without secrets, or start the agent that holds the vault.",
		                "the secret \"%s\" is needed, and this command has no vault", settings->secrets[0].reference);
		error_place(err, "%s:%u", settings->secrets[0].place.file, settings->secrets[0].place.line);
		return -1;
	}
	if ((secrets = calloc(settings->secret_count, sizeof *secrets)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < settings->secret_count; i++) {
		secrets[i].name = settings->secrets[i].param;
		if (systems->secret(systems->secret_data, settings->secrets[i].reference, &secrets[i].value, err) != 0) {
			free(secrets);
			return -1;
		}
	}
	*ret_secrets = secrets;
	return 0;
}

int
systems_start(const struct systems *systems, const struct config_system *system, const struct config_unit *unit, bool writes,
              const struct systems_state *state, const struct systems_admission *admission, struct connector **ret_connector, struct error *err)
{
	const struct config_settings *settings = config_settings(system, unit);
	struct connector_secret *secrets = NULL;
	struct connector_options options;
	struct buffer path;
	int result;

	buffer_init(&path, 0);
	result = systems_need(systems, system, err);
	if (result == 0)
		result = systems_connector_path(systems, system->connector, &path, err);
	if (result == 0)
		result = open_secrets(systems, settings, &secrets, err);
	if (result == 0) {
		fill_options(systems, system->head.name, buffer_string(&path), &options);
		options.settings = &settings->settings;
		options.secrets = secrets;
		options.secret_count = secrets != NULL ? settings->secret_count : 0;
		options.writable = writes && system->access == CONFIG_ACCESS_WRITE;
		options.timeout_ms = (uint32_t)system->limits->timeout_ms;
		if (state != NULL) {
			options.state = state->states;
			options.state_count = state->count;
			options.commit = state->commit;
			options.commit_data = state->data;
		}
		if (admission != NULL) {
			options.admit = admission->ask;
			options.heard = admission->heard;
			options.admit_data = admission->data;
		}
		result = connector_start(&options, ret_connector, err);
	}
	free(secrets);
	buffer_free(&path);
	return result;
}
