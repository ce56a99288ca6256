/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_frame_host.c: what may arrive at the host process.  The input is frames; a connector that behaves is linked in and gets
 * whatever passes the decoders.
 */
#include "../connectors/good.c"

#include "host/guest.h"

static int
emit(void *data, struct message *message)
{
	(void)data;
	message_free(message);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_setup setup = { .emit = emit, .built_in = syncline_connector };
	struct guest *guest = guest_new(&setup, NULL);
	struct message *message;
	size_t used;

	if (guest == NULL)
		return 0;
	while ((message = frame_parse(data, size, FRAME_TO_HOST, &used, NULL)) != NULL) {
		data += used;
		size -= used;
		guest_handle(guest, message);
		for (int i = 0; i < 4 && guest_work(guest); i++)
			;
	}
	guest_free(guest);
	return 0;
}
