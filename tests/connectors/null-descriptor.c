/* SPDX-License-Identifier: BSD-2-Clause */
/* null-descriptor.c: returns no descriptor. */
#define DESCRIPTOR (connector.name != NULL ? NULL : &connector)
#include "misbehave.h"
