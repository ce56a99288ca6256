/* SPDX-License-Identifier: BSD-2-Clause */
/* host.c: the program syncline-host(8): puts together what the host itself must not know of each other. */
#include "host/program.h"
#include "rules/rules.h"

int
main(int argc, char **argv)
{
	return host_program(argc, argv, rules_expr_service());
}
