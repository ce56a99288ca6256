/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c: what makes syncline-host-faults of the program syncline-host.  A host's environment is made anew by its agent, so what
 * it is to do stands in the file "host-fault" in TMPDIR, which goes along.  Never installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/faults.h"

__attribute__((constructor)) static void
set_up(void)
{
	const char *folder = getenv("TMPDIR");
	char name[4096], line[4096] = "";
	FILE *file;

	if (folder == NULL || snprintf(name, sizeof name, "%s/host-fault", folder) >= (int)sizeof name || (file = fopen(name, "r")) == NULL)
		return;
	if (fgets(line, sizeof line, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		faults_begin(line);
	}
	fclose(file);
}
