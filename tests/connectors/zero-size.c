/* SPDX-License-Identifier: BSD-2-Clause */
/* zero-size.c: has a descriptor whose struct_size is zero. */
#define DESCRIPTOR_SIZE 0
#include "misbehave.h"
