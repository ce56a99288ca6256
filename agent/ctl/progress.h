/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress.h: a line on the terminal that moves while long work goes on.  Nothing is printed when standard error is no terminal.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on;
	const char *what;
	int64_t began_ms;
	int64_t shown_ms;
	unsigned width; /* characters of the line that stands there */
};

void progress_begin(struct progress *progress, bool wanted, const char *what);
/* `of` 0: not known.  Costs a clock reading; draws at most ten times a second. */
void progress_show(struct progress *progress, uint64_t done, uint64_t of, uint64_t rejected);
/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
