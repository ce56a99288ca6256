/* SPDX-License-Identifier: BSD-2-Clause */
/* service_clock.c: clock/1.  Any thread. */
#include "host/inside.h"
#include "os/os.h"

static int64_t
wall(const struct syncline_host *host)
{
	(void)host;
	return os_wall_us();
}

static int64_t
monotonic(const struct syncline_host *host)
{
	(void)host;
	return os_monotonic_ms();
}

const struct syncline_clock_service_v1 guest_clock_service = { .struct_size = sizeof guest_clock_service, .wall_us = wall,
	.monotonic_ms = monotonic };
