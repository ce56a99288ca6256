/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger-check.c: the ledger's own check of what is in a state directory, for the crash tests.  0: nothing is wrong. */
#include <stdio.h>

#include "crash/serve.h"
#include "ledger/ledger.h"

static void
tell(void *data, const char *sentence)
{
	++*(int *)data;
	printf("%s\n", sentence);
}

int
ledger_check_main(int argc, char **argv)
{
	struct ledger_options options = { .state_dir = argv[argc - 1], .mode = LEDGER_READER };
	struct ledger *ledger = NULL;
	struct error err = { 0 };
	int faults = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: ledger-check DIR\n");
		return 2;
	}
	if (ledger_open(&options, &ledger, &err) != 0 || ledger_check(ledger, tell, &faults, NULL, &err) != 0) {
		printf("%s %s\n", err.message, err.detail);
		faults++;
	}
	ledger_close(ledger);
	return faults != 0;
}

#ifndef SERVED
int
main(int argc, char **argv)
{
	return ledger_check_main(argc, argv);
}
#endif
