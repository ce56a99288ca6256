/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interrupt.h: a person at the terminal, or the system, wants the program to end.  The first SIGINT or SIGTERM ends the work between two
 * steps; the second ends the program as usual.
 */
#ifndef CTL_INTERRUPT_H
#define CTL_INTERRUPT_H

#include <stdbool.h>

/* From now on. */
void interrupt_catch(void);
bool interrupt_came(void);
/* A byte is written to `fd`, which does not block, when it comes; -1: no more. */
void interrupt_wakes(int fd);

#endif
