/* SPDX-License-Identifier: BSD-2-Clause */
/* log.c: see log.h. */
#include "observe/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <syncline/service.h>

#include "base/memory.h"
#include "base/text.h"
#include "os/os.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_options now = { .level = SYNCLINE_LOG_INFO };

static const char *const level_names[] = { "debug", "info", "warning", "error" };
static const int syslog_levels[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR };

void
log_set(const struct log_options *options)
{
	pthread_mutex_lock(&lock);
	if (options->syslog && !now.syslog)
		openlog("synclined", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	else if (!options->syslog && now.syslog)
		closelog();
	now = *options;
	pthread_mutex_unlock(&lock);
}

bool
log_wants(uint32_t level)
{
	bool wants;

	pthread_mutex_lock(&lock);
	wants = level >= now.level;
	pthread_mutex_unlock(&lock);
	return wants;
}

struct line {
	struct buffer text;
	bool json, syslog;
};

/* A value for people is quoted when it has blanks; whatever steers a terminal or ends the line becomes a question mark. */
static void
put_text(struct line *line, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	if (line->json) {
		buffer_format(&line->text, ",\"%s\":", name);
		text_json_string(&line->text, value, strlen(value));
		return;
	}
	buffer_format(&line->text, strpbrk(value, " \t\"=") != NULL ? " %s=\"" : " %s=", name);
	for (const char *c = value; *c != '\0'; c++)
		buffer_char(&line->text, (unsigned char)*c < 0x20 || *c == 0x7F || *c == '"' ? '?' : *c);
	if (strpbrk(value, " \t\"=") != NULL)
		buffer_char(&line->text, '"');
}

static void
put_number(struct line *line, const char *name, int64_t value)
{
	if (value != 0)
		buffer_format(&line->text, line->json ? ",\"%s\":%lld" : " %s=%lld", name, (long long)value);
}

static void
put_sentence(struct line *line, const char *sentence)
{
	if (sentence[0] == '\0')
		return;
	if (line->json) {
		put_text(line, "message", sentence);
		return;
	}
	buffer_text(&line->text, ": ");
	for (const char *c = sentence; *c != '\0'; c++)
		buffer_char(&line->text, *c == '\n' || *c == '\t' ? ' ' : (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c);
}

static void
put_about(struct line *line, const struct log_about *about)
{
	put_number(line, "run", about->run);
	put_number(line, "plan", about->plan);
	put_text(line, "flow", about->flow);
	put_text(line, "unit", about->unit);
	put_text(line, "system", about->system);
	put_text(line, "object", about->object);
	put_number(line, "record", about->record);
	put_number(line, "last", about->last);
	put_number(line, "process", about->process);
	put_number(line, "finding", about->finding);
	put_text(line, "cause", about->cause);
	put_text(line, "correlation", about->correlation);
	put_text(line, "who", about->who);
	put_text(line, "verb", about->verb);
	put_number(line, "pid", about->pid);
	put_number(line, "ms", about->milliseconds);
	if (about->error != NULL && about->error->code != ERROR_NONE) {
		put_text(line, "code", error_name(about->error->code));
		put_text(line, "place", about->error->place);
		put_text(line, "next", about->error->hint);
	}
}

/* A line that cannot be written is lost: there is nobody to tell. */
static void
write_line(const struct buffer *text)
{
	size_t done = 0;

	pthread_mutex_lock(&lock);
	while (done < text->length) {
		ssize_t written = write(STDERR_FILENO, text->data + done, text->length - done);

		if (written < 0 && errno != EINTR)
			break;
		done += written > 0 ? (size_t)written : 0;
	}
	pthread_mutex_unlock(&lock);
}

/* "TIME level event", and the level for the journal; the system's log has both. */
static void
put_head(struct line *line, uint32_t level, const char *event)
{
	int64_t moment = os_wall_us();
	char time[40], *end;

	time[text_from_timestamp(moment, time)] = '\0';
	/* Milliseconds do. */
	if ((end = strchr(time, '.')) != NULL && strlen(end) > 4)
		strcpy(end + 4, "Z");
	if (!line->syslog && getenv("JOURNAL_STREAM") != NULL)
		buffer_format(&line->text, "<%d>", syslog_levels[level]);
	if (line->json)
		buffer_format(&line->text, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", time, level_names[level], event);
	else if (line->syslog)
		buffer_text(&line->text, event);
	else
		buffer_format(&line->text, "%s %s %s", time, level_names[level], event);
}

void
log_event(uint32_t level, const char *event, const struct log_about *about, const char *format, ...)
{
	static const struct log_about nothing;
	struct line line = { .json = false };
	char sentence[2048];
	va_list args;

	if (level > SYNCLINE_LOG_ERROR)
		level = SYNCLINE_LOG_ERROR;
	if (!log_wants(level))
		return;
	pthread_mutex_lock(&lock);
	line.json = now.json;
	line.syslog = now.syslog;
	pthread_mutex_unlock(&lock);
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	buffer_init(&line.text, 0);
	put_head(&line, level, event);
	put_about(&line, about != NULL ? about : &nothing);
	put_sentence(&line, sentence);
	buffer_text(&line.text, line.json ? "}" : "");
	if (!line.syslog)
		buffer_char(&line.text, '\n');
	if (!line.text.failed && !line.syslog)
		write_line(&line.text);
	else if (buffer_string(&line.text) != NULL && !line.text.failed)
		syslog(syslog_levels[level], "%s", line.text.data);
	buffer_free(&line.text);
}
