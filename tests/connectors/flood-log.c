/* SPDX-License-Identifier: BSD-2-Clause */
/* flood-log.c: writes a hundred thousand log lines in one call. */
#define ON_NEXT                           \
	for (int i = 0; i < 100000; i++)  \
	logger->write(host, SYNCLINE_LOG_ERROR, "noise")
#include "misbehave.h"
