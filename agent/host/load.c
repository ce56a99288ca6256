/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c: from a file to a descriptor that can be trusted to have the shape it claims.  Runs on the main thread of the host
 * process before any other thread exists: constructors of foreign libraries are not made for more.  A loaded object stays.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <ltdl.h>

#include "host/inside.h"

/* What a descriptor must have at least: all up to and including `parts`. */
#define DESCRIPTOR_LEAST offsetof(struct syncline_connector, capabilities)

static pthread_mutex_t loader = PTHREAD_MUTEX_INITIALIZER; /* libltdl is not made for threads; direct mode may have some */
static int started;

static const struct syncline_connector *(*find_symbol(const char *path, struct error *err))(void)
{
	const struct syncline_connector *(*function)(void) = NULL;
	lt_dladvise advise;
	lt_dlhandle handle = NULL;
	void *symbol;

	if (!started && lt_dlinit() != 0) {
		error_fill(err, ERROR_CONNECTOR_LOAD, NULL, "libltdl could not be started: %s", lt_dlerror());
		return NULL;
	}
	started = 1;
	if (lt_dladvise_init(&advise) == 0) {
		(void)lt_dladvise_resident(&advise);
		(void)lt_dladvise_local(&advise);
		handle = lt_dlopenadvise(path, advise);
		lt_dladvise_destroy(&advise);
	}
	if (handle == NULL) {
		const char *why = lt_dlerror();

		error_fill(err, ERROR_CONNECTOR_LOAD, "Check that the file is there, that it is built for this machine, and `ldd` on it.",
		           "the connector %s cannot be loaded: %s", path, why != NULL ? why : "no reason was given");
		return NULL;
	}
	symbol = lt_dlsym(handle, SYNCLINE_CONNECTOR_SYMBOL);
	if (symbol == NULL)
		error_fill(err, ERROR_CONNECTOR_SYMBOL, "Name the file of a connector; a library beside it is none.",
		           "%s does not export %s(), so it is not a connector", path, SYNCLINE_CONNECTOR_SYMBOL);
	else
		memcpy(&function, &symbol, sizeof function);
	return function;
}

static int
check_shape(const struct syncline_connector *d, const char *path, struct error *err)
{
	const char *hint = "Report it to the connector's vendor.";
	const uint8_t *at;

	if (d->param_count > CODEC_PARAMS_MAX || (d->param_count > 0 && d->params == NULL))
		return error_set(err, ERROR_CONNECTOR_SYMBOL, hint, "the descriptor of %s has %u parameters but no list of them", path, d->param_count);
	if (d->part_count > CODEC_PARAMS_MAX || (d->part_count > 0 && d->parts == NULL))
		return error_set(err, ERROR_CONNECTOR_SYMBOL, hint, "the descriptor of %s has %u parts but no list of them", path, d->part_count);
	if (d->name == NULL || d->name[0] == '\0' || d->version == NULL || d->open == NULL)
		return error_set(err, ERROR_CONNECTOR_SYMBOL, hint, "the descriptor of %s has no name, no version or no open()", path);
	at = (const uint8_t *)d->params;
	for (uint32_t i = 0; i < d->param_count; i++, at += d->params->struct_size) {
		const struct syncline_param *param = (const void *)at;

		if (d->params->struct_size < sizeof(void *) * 3 + 8 || param->name == NULL || param->type == 0 ||
		    param->type >= SYNCLINE_PARAM_TYPE_COUNT)
			return error_set(err, ERROR_CONNECTOR_SYMBOL, hint, "parameter %u of %s has no name, no known type or a struct_size too small",
			                 i + 1, path);
	}
	return 0;
}

/* The table of a part into a zeroed struct of this side's size. */
static int
take_parts(struct guest *guest, const char *path, struct error *err)
{
	const struct {
		const char *id;
		void *table;
		uint32_t size;
	} known[] = {
		{ "source/1", &guest->source, sizeof guest->source },       { "sink/1", &guest->sink, sizeof guest->sink },
		{ "find/1", &guest->find, sizeof guest->find },             { "count/1", &guest->count, sizeof guest->count },
		{ "digest/1", &guest->digest, sizeof guest->digest },       { "discover/1", &guest->discover, sizeof guest->discover },
		{ "content/1", &guest->content, sizeof guest->content },    { "webhook/1", &guest->webhook, sizeof guest->webhook },
		{ "check/1", &guest->check, sizeof guest->check },
	};

	for (uint32_t i = 0; i < guest->connector.part_count; i++) {
		const struct syncline_part *part = &guest->connector.parts[i];

		if (part->id == NULL || part->table == NULL || *(const uint32_t *)part->table < 8)
			return error_set(err, ERROR_CONNECTOR_SYMBOL, "Report it to the connector's vendor.",
			                 "part %u of %s has no id, no table or a struct_size of zero", i + 1, path);
		for (size_t k = 0; k < sizeof known / sizeof *known; k++)
			if (strcmp(known[k].id, part->id) == 0)
				codec_copy_struct(known[k].table, known[k].size, part->table);
	}
	guest->optional = (guest->source.acknowledge != NULL ? CONNECTOR_HAS_ACKNOWLEDGE : 0) |
	                  (guest->source.get != NULL ? CONNECTOR_HAS_GET : 0) | (guest->sink.finish != NULL ? CONNECTOR_HAS_FINISH : 0);
	return 0;
}

static int
take_descriptor(struct guest *guest, const char *path, const struct syncline_connector *d, struct error *err)
{
	const char *hint = "Report it to the connector's vendor.";

	if (d == NULL)
		return error_set(err, ERROR_CONNECTOR_SYMBOL, hint, "%s() of %s returned NULL instead of a descriptor", SYNCLINE_CONNECTOR_SYMBOL, path);
	if (d->struct_size < 8)
		return error_set(err, ERROR_CONNECTOR_SYMBOL, hint, "the descriptor of %s has a struct_size of %u", path, d->struct_size);
	if (d->abi_major != SYNCLINE_ABI_MAJOR)
		return error_set(err, ERROR_CONNECTOR_ABI, "Install the version of the connector that is built for this agent.",
		                 "%s was built for major version %u of the contract; this agent has %u", path, d->abi_major, SYNCLINE_ABI_MAJOR);
	if (d->struct_size < DESCRIPTOR_LEAST)
		return error_set(err, ERROR_CONNECTOR_SYMBOL, hint, "the descriptor of %s has a struct_size of %u, too small", path, d->struct_size);
	codec_copy_struct(&guest->connector, sizeof guest->connector, d);
	if (check_shape(&guest->connector, path, err) != 0 || take_parts(guest, path, err) != 0)
		return -1;
	guest->loaded = true;
	return 0;
}

int
guest_load(struct guest *guest, const char *path, struct error *err)
{
	const struct syncline_connector *(*function)(void) = guest->setup.built_in;

	if (function == NULL) {
		if (path[0] != '/')
			return error_set(err, ERROR_CONNECTOR_LOAD, "Give the whole path.", "the path of a connector is not absolute: %s", path);
		pthread_mutex_lock(&loader);
		function = find_symbol(path, err);
		pthread_mutex_unlock(&loader);
	}
	return function != NULL ? take_descriptor(guest, path, function(), err) : -1;
}
