/* SPDX-License-Identifier: BSD-2-Clause */
/* no-symbol.c: does not export the function of a connector. */
#define NO_SYMBOL
#include "misbehave.h"
