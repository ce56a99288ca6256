/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-load.c: is killed while it is loaded, before it has said what it is. */
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include <syncline/connector.h>

SYNCLINE_EXPORT const struct syncline_connector *
syncline_connector(void)
{
	kill(getpid(), SIGKILL);
	return NULL;
}
