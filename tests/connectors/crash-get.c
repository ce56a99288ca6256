/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-get.c: crashes on a record whose id is "poison", and on no other. */
#define ON_GET                                                            \
	for (uint32_t i = 0; i < count; i++)                              \
		if (ids[i].length == 6 && memcmp(ids[i].data, "poison", 6) == 0) \
	*(volatile int *)8 = 1
#include "misbehave.h"
