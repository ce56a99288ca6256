/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service_secret.c: secret/1.  Each secret lies in locked memory between guard pages from open() to close() and is wiped then.
 * Set by the guest's thread before open(); read by any.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "host/inside.h"

int
guest_secret_add(struct guest *guest, const char *name, const struct syncline_slice *value)
{
	struct guest_secret *secret = calloc(1, sizeof *secret);

	if (secret == NULL || (secret->name = malloc(strlen(name) + 1)) == NULL ||
	    (secret->data = sodium_malloc(value->length > 0 ? value->length : 1)) == NULL) {
		if (secret != NULL)
			free(secret->name);
		free(secret);
		return -1;
	}
	memcpy(secret->name, name, strlen(name) + 1);
	if (value->length > 0)
		memcpy(secret->data, value->data, value->length);
	secret->length = value->length;
	(void)sodium_mprotect_readonly(secret->data);
	secret->next = guest->secrets;
	guest->secrets = secret;
	return 0;
}

void
guest_secrets_wipe(struct guest *guest)
{
	while (guest->secrets != NULL) {
		struct guest_secret *secret = guest->secrets;

		guest->secrets = secret->next;
		sodium_free(secret->data); /* wipes */
		free(secret->name);
		free(secret);
	}
}

static uint32_t
get(const struct syncline_host *host, const char *name, struct syncline_slice *ret_secret)
{
	const struct guest *guest = host->host_data;

	for (const struct guest_secret *secret = guest->secrets; secret != NULL && name != NULL; secret = secret->next)
		if (strcmp(secret->name, name) == 0) {
			ret_secret->data = secret->data;
			ret_secret->length = secret->length;
			return SYNCLINE_OK;
		}
	return SYNCLINE_NOT_FOUND;
}

const struct syncline_secret_service_v1 guest_secret_service = { .struct_size = sizeof guest_secret_service, .get = get };
