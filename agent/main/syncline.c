/* SPDX-License-Identifier: BSD-2-Clause */
/* syncline.c: the program syncline(1). */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/remote.h"

int
main(int argc, char **argv)
{
	struct sigaction ignore;
	struct ctl ctl;
	bool ended;
	enum ctl_exit status;

	/* A connector that dies takes its socket along; the write then fails, and that is enough. */
	memset(&ignore, 0, sizeof ignore);
	ignore.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &ignore, NULL);
	/* Likewise a file that may not grow on (ulimit -f): the write fails, and is told as one. */
	sigaction(SIGXFSZ, &ignore, NULL);

	status = ctl_parse(argc, (const char *const *)argv, &ctl, &ended);
	if (!ended) {
		if (!remote_do(&ctl, argc, (const char *const *)argv, &status))
			status = ctl.verb->run(&ctl);
	}
	return (int)ctl_end(status);
}
