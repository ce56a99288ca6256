/* SPDX-License-Identifier: BSD-2-Clause */
/* wrong-major.c: was built for another major version. */
#define MAJOR 77
#include "misbehave.h"
