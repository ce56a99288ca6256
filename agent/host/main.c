/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c: the program syncline-host: puts together what the host itself must not know of each other. */
#include <stddef.h>

#include "host/program.h"

int
main(int argc, char **argv)
{
	return host_program(argc, argv, NULL);
}
