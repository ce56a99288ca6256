/* SPDX-License-Identifier: BSD-2-Clause */
/* program.h: the program syncline-host, without its main(). */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include <syncline/service.h>

/* The descriptor of the socket to the agent. */
#define HOST_SOCKET 3
/* How it ends when it found no memory for what it had to say. */
#define HOST_EXIT_MEMORY 5

/* What main() returns.  expr: the rules' expressions as expr/1, or NULL when this host offers none. */
int host_program(int argc, char **argv, const struct syncline_expr_service_v1 *expr);

#endif
