/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-get.c: crashes on a record whose id is "poison", and on no other. */
#define ON_GET                                                            \
	for (uint32_t i = 0; i < count; i++)                              \
		if (ids[i].length == 6 && memcmp(ids[i].data, "poison", 6) == 0) \
	do { int *volatile nowhere = (int *)8; *nowhere = 1; } while (0)
#include "misbehave.h"
