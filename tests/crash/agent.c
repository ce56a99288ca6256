/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent.c: what makes syncline-faults of the program syncline: the environment's SYNCLINE_FAULT (faults.h) and SYNCLINE_POWER
 * (powerloss.h) are obeyed.  Never installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crash/faults.h"
#include "crash/powerloss.h"
#include "crash/serve.h"

#ifndef SERVED
__attribute__((constructor))
#endif
void
agent_faults_set_up(void)
{
	const char *fault = getenv("SYNCLINE_FAULT"), *power = getenv("SYNCLINE_POWER");

	if (power != NULL) {
		if (powerloss_register(power, "ledger.db") != 0) {
			fprintf(stderr, "%s is no loss of power: plain, torn:SEED or mixed:SEED\n", power);
			_exit(2);
		}
		faults_last = powerloss_happen;
	}
	if (fault != NULL)
		faults_begin(fault);
}
