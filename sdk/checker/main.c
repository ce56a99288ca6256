/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c: syncline-connector-check: takes the command line apart, runs each group of checks in a process of its own and prints
 * what they found, as a table or as JSON.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <syncline/helper.h>

#include "check.h"

static const char usage_text[] =
	"usage: syncline-connector-check [-djqv] [-t seconds] [-s name=value] [-S secret=value]\n"
	"                                [-o alias=native[,key=a+b][,…]] [-w alias:field=value[,…]] connector.so\n";

const char *
check_class(uint32_t error_class)
{
	static const char *const names[] = { "ok", "retry", "throttled", "auth", "config", "not_found", "conflict", "invalid", "permanent",
		                             "cancelled", "internal", "referenced" };

	return error_class < SYNCLINE_CLASS_COUNT ? names[error_class] : "no class of the contract";
}

const char *
check_text(const struct syncline_error *err)
{
	static char text[1400];

	snprintf(text, sizeof text, "%.255s%s%.767s%s%s%.255s", err->message, err->detail[0] != '\0' ? " (" : "", err->detail,
	         err->detail[0] != '\0' ? ")" : "", err->hint[0] != '\0' ? " " : "", err->hint);
	return text;
}

bool
check_sentence(const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	return n > 3 && strchr(".?!", text[n - 1]) != NULL && syncline_is_utf8(text, n) && strchr(text, '\n') == NULL;
}

const char *
check_unique(void)
{
	static char text[32];
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	snprintf(text, sizeof text, "%llx%05lx", (unsigned long long)t.tv_sec, (unsigned long)t.tv_nsec / 1000);
	return text;
}

/* A child's line: status, name and detail, with a control character between that no text has. */
static void
say_line(struct check *c, char status, const char *name, const char *detail)
{
	char text[1600];
	size_t n;

	snprintf(text, sizeof text, "%s", detail);
	n = strlen(text);
	while (n > 0 && !syncline_is_utf8(text, n))
		n--;
	text[n] = '\0';
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	fprintf(c->out, "%c\x1f%s\x1f%s\n", status, name, text);
	fflush(c->out);
}

bool
check_say(struct check *c, bool ok, const char *name, const char *format, ...)
{
	char text[1600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	say_line(c, ok ? '+' : '-', name, text);
	return ok;
}

void
check_advise(struct check *c, const char *name, const char *format, ...)
{
	char text[1600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	say_line(c, '!', name, text);
}

void
check_skip(struct check *c, const char *name, const char *why)
{
	say_line(c, '0', name, why);
}

/* What was found, for people and for programs. */
struct report {
	bool json, quiet;
	uint32_t ok, failed, skipped, advice;
	struct syncline_buffer lines;
};

static void
take_line(struct report *r, const char *group, char *line)
{
	char *name = strchr(line, '\x1f'), *detail = name != NULL ? strchr(name + 1, '\x1f') : NULL;
	const char *status = line[0] == '+' ? "ok" : line[0] == '-' ? "failed" : line[0] == '!' ? "advice" : "skipped";

	if (detail == NULL)
		return;
	*name++ = '\0';
	*detail++ = '\0';
	*(line[0] == '+' ? &r->ok : line[0] == '-' ? &r->failed : line[0] == '!' ? &r->advice : &r->skipped) += 1;
	if (r->json) {
		syncline_buffer_format(&r->lines, "%s\n    {\"group\": ", r->lines.length > 0 ? "," : "");
		syncline_json_string(&r->lines, group, strlen(group));
		syncline_buffer_text(&r->lines, ", \"check\": ");
		syncline_json_string(&r->lines, name, strlen(name));
		syncline_buffer_format(&r->lines, ", \"status\": \"%s\", \"detail\": ", status);
		syncline_json_string(&r->lines, detail, strlen(detail));
		syncline_buffer_char(&r->lines, '}');
	} else if (!r->quiet || line[0] == '-') {
		printf("%-8s %-14s %-34s %s\n", status, group, name, detail);
	}
}

static void
lost_child(struct report *r, const char *group, int status, bool too_late)
{
	char line[200];

	if (too_late)
		snprintf(line, sizeof line, "-\x1f" "ends in time\x1fit was still running and was killed");
	else if (WIFSIGNALED(status))
		snprintf(line, sizeof line, "-\x1f" "doesn't crash\x1fit ended with signal %d", WTERMSIG(status));
	else
		snprintf(line, sizeof line, "-\x1f" "doesn't exit\x1fit ended the process with status %d", WEXITSTATUS(status));
	take_line(r, group, line);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define DONE_STATUS 123

typedef void group_function(struct check *check, struct object *object);

static void
run_child(struct check *c, group_function *function, struct object *object)
{
	char fault[600];

	if (check_load(c, fault, sizeof fault) != 0)
		check_say(c, false, "loads", "%s", fault);
	else
		function(c, object);
	fflush(c->out);
}

/* Reads a child's lines until it ends or its time is over. */
static void
listen_to(struct report *r, const char *group, int fd, pid_t child, uint32_t timeout_s)
{
	struct syncline_buffer text;
	int64_t end = now_ms() + (int64_t)timeout_s * 1000;
	int status = 0;
	bool too_late = false;
	char *at, *newline;

	syncline_buffer_init(&text, 16u << 20);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();
		char chunk[4096];
		ssize_t n;

		if (left <= 0 || poll(&p, 1, left > 1000 ? 1000 : (int)left) < 0) {
			if (left > 0 && errno == EINTR)
				continue;
			too_late = true;
			kill(child, SIGKILL);
			break;
		}
		if (p.revents == 0)
			continue;
		n = read(fd, chunk, sizeof chunk);
		if (n <= 0 || syncline_buffer_append(&text, chunk, (size_t)n) != 0)
			break;
	}
	close(fd);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	syncline_buffer_string(&text);
	for (at = text.data; at != NULL && (newline = strchr(at, '\n')) != NULL; at = newline + 1) {
		*newline = '\0';
		take_line(r, group, at);
	}
	if (too_late || !WIFEXITED(status) || WEXITSTATUS(status) != DONE_STATUS)
		lost_child(r, group, status, too_late);
	syncline_buffer_free(&text);
}

static void
run_group(struct check *c, struct report *r, const char *group, group_function *function, struct object *object)
{
	int pipes[2];
	pid_t child;

	fflush(stdout);
	if (c->direct) {
		/* For a debugger: in this process, lines by way of a file. */
		char line[2048];

		c->out = tmpfile();
		if (c->out == NULL)
			return;
		run_child(c, function, object);
		rewind(c->out);
		while (fgets(line, sizeof line, c->out) != NULL) {
			line[strcspn(line, "\n")] = '\0';
			take_line(r, group, line);
		}
		fclose(c->out);
		return;
	}
	if (pipe(pipes) != 0 || (child = fork()) < 0) {
		fprintf(stderr, "syncline-connector-check: no process can be started: %s\n", strerror(errno));
		exit(1);
	}
	if (child == 0) {
		close(pipes[0]);
		c->out = fdopen(pipes[1], "w");
		if (c->out != NULL)
			run_child(c, function, object);
		_exit(DONE_STATUS);
	}
	close(pipes[1]);
	listen_to(r, group, pipes[0], child, c->timeout_s);
}

static void
group_descriptor(struct check *c, struct object *o)
{
	(void)o;
	check_descriptor(c);
}
static void
group_opening(struct check *c, struct object *o)
{
	(void)o;
	check_opening(c);
}
static void
group_reading(struct check *c, struct object *o)
{
	if (check_open(c)) {
		check_reading(c, o);
		c->connector->close(c->instance);
	}
}
static void
group_writing(struct check *c, struct object *o)
{
	if (check_open(c)) {
		check_writing(c, o);
		c->connector->close(c->instance);
	}
}

/* "a+b" into a list; the texts live as long as the process. */
static uint32_t
split(char *text, const char **list, uint32_t room)
{
	uint32_t n = 0;

	for (char *p = text; p != NULL && n < room;) {
		char *plus = strchr(p, '+');

		list[n++] = p;
		if (plus != NULL)
			*plus++ = '\0';
		p = plus;
	}
	return n;
}

static int
object_option(struct object *o, char *name, char *value)
{
	struct syncline_object *s = &o->object;

	if (strcmp(name, "key") == 0)
		s->key_count = split(value, o->key, 16);
	else if (strcmp(name, "mark") == 0)
		s->mark_count = split(value, o->mark, 16);
	else if (strcmp(name, "external") == 0)
		s->external_key = value;
	else if (strcmp(name, "tenant") == 0)
		s->tenant = value;
	else if (strcmp(name, "version") == 0)
		s->version = value;
	else if (strcmp(name, "content") == 0)
		s->content = value;
	else if (strcmp(name, "group") == 0)
		s->group_into = value;
	else if (strcmp(name, "handover") == 0)
		o->handover = strcmp(value, "yes") == 0;
	else if (strcmp(name, "reads") == 0 && strcmp(value, "full") == 0)
		s->reads = SYNCLINE_READS_FULL;
	else if (strcmp(name, "reads") == 0 && strcmp(value, "delta") == 0)
		s->reads = SYNCLINE_READS_DELTA;
	else
		return -1;
	return 0;
}

/* alias=native,key=a+b,external=f,…,set.NAME=VALUE */
static int
take_object(struct check *c, char *text)
{
	struct object *o = &c->objects[c->object_count];
	char *equals = strchr(text, '='), *next;

	if (equals == NULL || c->object_count == OBJECTS_MAX)
		return -1;
	*equals++ = '\0';
	o->object.struct_size = sizeof o->object;
	o->object.alias = text;
	o->object.native = equals;
	o->object.key = o->key;
	o->object.mark = o->mark;
	next = strchr(equals, ',');
	while (next != NULL) {
		char *option = next + 1, *value;

		*next = '\0';
		next = strchr(option, ',');
		if (next != NULL)
			*next = '\0';
		value = strchr(option, '=');
		if (value == NULL)
			return -1;
		if (strncmp(option, "set.", 4) == 0) {
			o->own[o->own_count++ % SETTINGS_MAX] = option + 4;
			continue;
		}
		*value++ = '\0';
		if (object_option(o, option, value) != 0)
			return -1;
	}
	c->object_count++;
	return 0;
}

/* alias:field=value,field:=number */
static int
take_write(struct check *c, char *text)
{
	char *colon = strchr(text, ':');
	struct object *o = NULL;

	if (colon == NULL)
		return -1;
	*colon++ = '\0';
	for (uint32_t i = 0; i < c->object_count; i++)
		if (strcmp(c->objects[i].object.alias, text) == 0)
			o = &c->objects[i];
	if (o == NULL)
		return -1;
	o->write = true;
	for (char *p = colon; p != NULL && o->field_count < FIELDS_MAX;) {
		char *comma = strchr(p, ',');

		if (comma != NULL)
			*comma++ = '\0';
		if (strchr(p, '=') == NULL)
			return -1;
		o->fields[o->field_count++] = p;
		p = comma;
	}
	return 0;
}

static int
take_setting(struct check *c, const char *text)
{
	if (strchr(text, '=') == NULL || c->setting_count == SETTINGS_MAX)
		return -1;
	c->settings[c->setting_count++] = text;
	return 0;
}

static int
take_secret(struct check *c, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || c->secret_count == SETTINGS_MAX)
		return -1;
	*equals++ = '\0';
	c->secrets[c->secret_count++] = (struct bench_secret){ text, equals };
	return 0;
}

static int
usage(const char *what)
{
	fprintf(stderr, "syncline-connector-check: %s\n%s", what, usage_text);
	return 2;
}

static void
print_end(struct report *r, const char *path)
{
	struct syncline_buffer name;

	if (!r->json) {
		printf("%s: %u ok, %u failed, %u skipped, %u advice\n", path, r->ok, r->failed, r->skipped, r->advice);
		return;
	}
	syncline_buffer_init(&name, 0);
	syncline_json_string(&name, path, strlen(path));
	printf("{\n  \"connector\": %s,\n  \"checks\": [%s\n  ],\n  \"ok\": %u,\n  \"failed\": %u,\n  \"skipped\": %u,\n  \"advice\": %u\n}\n", syncline_buffer_string(&name),
	       r->lines.length > 0 ? syncline_buffer_string(&r->lines) : "", r->ok, r->failed, r->skipped, r->advice);
	syncline_buffer_free(&name);
}

int
main(int argc, char **argv)
{
	static struct check c;
	struct report r = { 0 };
	static char path[PATH_MAX], json_option[] = "-j";
	int option;

	bench_init(&c.bench);
	c.timeout_s = 120;
	syncline_buffer_init(&r.lines, 0);
	if (argc > 1 && strcmp(argv[1], "--json") == 0)
		argv[1] = json_option;
	while ((option = getopt(argc, argv, "djo:qs:S:t:vw:")) != -1) {
		int64_t seconds;

		switch (option) {
		case 'd': c.direct = true; break;
		case 'j': r.json = true; break;
		case 'q': r.quiet = true; break;
		case 'v': c.bench.log = stderr; break;
		case 's':
			if (take_setting(&c, optarg) != 0)
				return usage("-s takes name=value");
			break;
		case 'S':
			if (take_secret(&c, optarg) != 0)
				return usage("-S takes name=value");
			break;
		case 'o':
			if (take_object(&c, optarg) != 0)
				return usage("-o takes alias=native and then name=value, all separated by commas");
			break;
		case 'w':
			if (take_write(&c, optarg) != 0)
				return usage("-w takes alias:field=value,… of an object that stands before it");
			break;
		case 't':
			if (syncline_to_integer(optarg, strlen(optarg), &seconds) != 0 || seconds < 1 || seconds > 86400)
				return usage("-t takes a number of seconds");
			c.timeout_s = (uint32_t)seconds;
			break;
		default:
			return usage("an option is wrong");
		}
	}
	if (optind + 1 != argc)
		return usage("one connector is wanted");
	if (realpath(argv[optind], path) == NULL) {
		fprintf(stderr, "syncline-connector-check: %s: %s\n", argv[optind], strerror(errno));
		return 2;
	}
	c.path = path;
	c.bench.secrets = c.secrets;
	c.bench.secret_count = c.secret_count;
	run_group(&c, &r, "descriptor", group_descriptor, NULL);
	if (r.failed == 0 || r.ok > 0)
		run_group(&c, &r, "open", group_opening, NULL);
	for (uint32_t i = 0; i < c.object_count && r.ok > 0; i++) {
		char group[64];

		snprintf(group, sizeof group, "read %.50s", c.objects[i].object.alias);
		run_group(&c, &r, group, group_reading, &c.objects[i]);
		snprintf(group, sizeof group, "write %.50s", c.objects[i].object.alias);
		if (c.objects[i].write)
			run_group(&c, &r, group, group_writing, &c.objects[i]);
	}
	print_end(&r, argv[optind]);
	syncline_buffer_free(&r.lines);
	bench_free(&c.bench);
	return r.failed > 0 ? 1 : 0;
}
