/* SPDX-License-Identifier: BSD-2-Clause */
/* progress.c: see progress.h. */
#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"

#define BAR 24

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A line, and blanks over what stood there. */
static void
draw(const char *format, const char *line, int blanks)
{
	char text[400];
	int length;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	length = snprintf(text, sizeof text, format, line, blanks, "");
#pragma GCC diagnostic pop
	if (length > 0)
		ctl_put(CTL_ERR, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void
progress_begin(struct progress *progress, bool wanted, const char *what)
{
	memset(progress, 0, sizeof *progress);
	progress->on = wanted && ctl_is_terminal(CTL_ERR);
	progress->what = what;
	if (progress->on)
		progress->began_ms = now_ms();
}

void
progress_show(struct progress *progress, uint64_t done, uint64_t of, uint64_t rejected)
{
	char line[160], bar[BAR + 1];
	int64_t now, elapsed;
	uint64_t rate;
	int length;

	if (!progress->on || (now = now_ms()) - progress->shown_ms < 100)
		return;
	elapsed = now - progress->began_ms;
	rate = elapsed > 0 ? done * 1000 / (uint64_t)elapsed : 0;
	if (of > 0) {
		unsigned filled = (unsigned)(done >= of ? BAR : done * BAR / of);

		memset(bar, '-', BAR);
		memset(bar, '#', filled);
		bar[BAR] = '\0';
		length = snprintf(line, sizeof line, "%s [%s] %" PRIu64 " of about %" PRIu64 ", %" PRIu64 "/s, rejected %" PRIu64,
		                  progress->what, bar, done, of, rate, rejected);
	} else {
		length = snprintf(line, sizeof line, "%s %" PRIu64 ", %" PRIu64 "/s, rejected %" PRIu64, progress->what, done, rate, rejected);
	}
	if (length < 0)
		return;
	if ((size_t)length >= sizeof line)
		length = sizeof line - 1;
	draw("\r%s%*s", line, (unsigned)length < progress->width ? (int)(progress->width - (unsigned)length) : 0);
	progress->width = (unsigned)length;
	progress->shown_ms = now;
}

void
progress_end(struct progress *progress)
{
	if (progress->on && progress->width > 0)
		draw("\r%s%*s\r", "", (int)progress->width);
	progress->on = false;
}
