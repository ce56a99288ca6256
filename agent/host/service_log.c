/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service_log.c: log/1.  Lines go to the agent; a connector that floods loses lines, and a line says how many.  Any thread.
 */
#include <stdio.h>
#include <string.h>

#include "host/inside.h"
#include "os/os.h"

#define LINE_MAX_BYTES 4000u
#define BURST 200u
#define PER_SECOND 50u

int
guest_log_init(struct guest_log *log)
{
	log->tokens = BURST;
	log->filled_ms = os_monotonic_ms();
	return pthread_mutex_init(&log->lock, NULL) != 0 ? -1 : 0;
}

void
guest_log_free(struct guest_log *log)
{
	pthread_mutex_destroy(&log->lock);
}

/* Whether a line may pass, and how many were left out since the last that did. */
static bool
may_pass(struct guest_log *log, uint64_t *ret_dropped)
{
	int64_t now = os_monotonic_ms(), more;
	bool pass;

	pthread_mutex_lock(&log->lock);
	more = (now - log->filled_ms) * PER_SECOND / 1000;
	if (more > 0) {
		log->tokens = more > (int64_t)(BURST - log->tokens) ? BURST : log->tokens + (uint32_t)more;
		log->filled_ms = now;
	}
	pass = log->tokens > 0;
	*ret_dropped = pass ? log->dropped : 0;
	if (pass) {
		log->tokens--;
		log->dropped = 0;
	} else {
		log->dropped++;
	}
	pthread_mutex_unlock(&log->lock);
	return pass;
}

static void
send_line(struct guest *guest, uint32_t level, const char *text, size_t length)
{
	struct buffer head;

	buffer_init(&head, 8192);
	wire_put32(&head, level);
	wire_put_bytes(&head, text, length);
	(void)guest_emit(guest, FRAME_LOG, 0, 0, &head, NULL, 0);
}

static void
write_line(const struct syncline_host *host, uint32_t level, const char *text)
{
	struct guest *guest = host->host_data;
	const char *end;
	uint64_t dropped;
	char note[96];

	if (text == NULL || !may_pass(&guest->log, &dropped))
		return;
	if (dropped > 0) {
		int length = snprintf(note, sizeof note, "%llu lines of this connector were left out: it logs too much", (unsigned long long)dropped);

		send_line(guest, SYNCLINE_LOG_WARNING, note, (size_t)length);
	}
	end = memchr(text, '\0', LINE_MAX_BYTES);
	send_line(guest, level, text, end != NULL ? (size_t)(end - text) : LINE_MAX_BYTES);
}

const struct syncline_log_service_v1 guest_log_service = { .struct_size = sizeof guest_log_service, .write = write_line };
