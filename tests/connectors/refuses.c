/* SPDX-License-Identifier: BSD-2-Clause */
/* refuses.c: refuses the credentials, and says so of the whole call. */
#define ON_WRITE                                                            \
	snprintf(err->message, sizeof err->message, "the account is locked"); \
	err->applied = SYNCLINE_APPLIED_NO;                                 \
	(void)results, (void)batch, (void)result;                           \
	return SYNCLINE_AUTH
#include "misbehave.h"
