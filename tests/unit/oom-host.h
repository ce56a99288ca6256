/* SPDX-License-Identifier: BSD-2-Clause */
/* oom-host.h: what host-oom.c tells tests/bin/oom-host through a file in TMPDIR that both have mapped. */
#ifndef TESTS_OOM_HOST_H
#define TESTS_OOM_HOST_H

#include <stdint.h>

#define OOM_HOST_FILE "oom-host.map"

struct oom_host {
	uint32_t fail_at; /* 1: the first allocation of the process */
	uint32_t all_after;
	volatile uint32_t failed; /* how many did */
};

#endif
