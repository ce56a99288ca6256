/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.c: what a loadtest created, a line each, in a file of the state directory.  That a record is to be created is on the disk before it
 * is sent; what became of it follows, and what a loss of power takes of that is looked for at the target.
 *
 *     syncline-loadtest 1
 *     environment staging         of the configuration
 *     flow customers              and system, unit ("-": the house), tag
 *     side 0 customers account    a binding: its flow and its object's native name
 *     c 0 7                       record 7 of side 0 is to be created; n 0 7 HEX: it is there, under this native id; f 0 7: it is not; d 0 7: deleted
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "rehearse/inside.h"

#define MAGIC "syncline-loadtest 1\n"
#define FILE_MAX ((size_t)256 << 20)

static const char *
unit_name(const struct config_unit *unit)
{
	return unit != NULL && unit->head.name != NULL && unit->head.name[0] != '\0' ? unit->head.name : "-";
}

static const char *
environment_of(const struct rehearse_options *options)
{
	const char *environment = options->engine->model->agent->environment;

	return environment != NULL ? environment : "";
}

void
list_path(const struct rehearse_options *options, char *path, size_t size)
{
	snprintf(path, size, "%s/" REHEARSE_LIST "%s.%s.%s", options->state_dir, options->flow->head.name, options->to->system->head.name,
	         unit_name(options->unit));
}

static int
failed(const struct rehearsal *r, const char *what, struct error *err)
{
	(void)error_system(err, ERROR_SYSTEM, errno, "%s the list of what a loadtest created, %s", what, r->list.path);
	error_hint(err, "Give the state directory room and the right to write, then repeat it with --cleanup.");
	return -1;
}

static int
sync_folder(const struct rehearsal *r, struct error *err)
{
	int fd = open(r->options->state_dir, O_RDONLY | O_CLOEXEC), number = 0;

	if (fd < 0)
		return failed(r, "keeping", err);
	/* Some file systems cannot, and need not. */
	if (fsync(fd) != 0 && errno != EINVAL)
		number = errno;
	close(fd);
	errno = number;
	return number == 0 ? 0 : failed(r, "keeping", err);
}

int
list_make(struct rehearsal *r, struct error *err)
{
	struct buffer *lines = &r->list.lines;

	list_path(r->options, r->list.path, sizeof r->list.path);
	r->list.fd = open(r->list.path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (r->list.fd < 0 && errno == EEXIST)
		return error_set(err, ERROR_LOADTEST_LEFT, "The same command with --cleanup takes them away.",
		                 "an earlier loadtest of %s at %s left records there, which %s lists", r->options->flow->head.name,
		                 r->options->to->system->head.name, r->list.path);
	if (r->list.fd < 0)
		return failed(r, "making", err);
	buffer_text(lines, MAGIC);
	buffer_format(lines, "environment %s\nflow %s\nsystem %s\nunit %s\ntag %s\n", environment_of(r->options), r->options->flow->head.name,
	              r->options->to->system->head.name, unit_name(r->options->unit), r->tag);
	for (uint32_t i = 0; i < r->side_count; i++)
		buffer_format(lines, "side %u %s %s\n", i, r->sides[i].binding->flow->head.name, r->sides[i].object->native);
	return list_keep(r, true, err) != 0 ? -1 : sync_folder(r, err);
}

void
list_note(struct rehearsal *r, const struct side *side, uint32_t number, char what, struct syncline_slice native)
{
	struct buffer *lines = &r->list.lines;
	const unsigned char *bytes = native.data;

	buffer_format(lines, "%c %u %u", what, side->number, number);
	for (size_t i = 0; i < native.length; i++)
		buffer_format(lines, i == 0 ? " %02x" : "%02x", bytes[i]);
	buffer_char(lines, '\n');
}

int
list_keep(struct rehearsal *r, bool durable, struct error *err)
{
	struct buffer *lines = &r->list.lines;
	size_t written = 0;

	if (lines->failed)
		return error_memory(err);
	while (written < lines->length) {
		ssize_t got = write(r->list.fd, lines->data + written, lines->length - written);

		if (got < 0 && errno != EINTR)
			return failed(r, "writing", err);
		written += got > 0 ? (size_t)got : 0;
	}
	buffer_clear(lines);
	return durable && fsync(r->list.fd) != 0 ? failed(r, "writing", err) : 0;
}

int
list_end(struct rehearsal *r, struct error *err)
{
	if (unlink(r->list.path) != 0)
		return failed(r, "removing", err);
	r->result->list[0] = '\0';
	return sync_folder(r, err);
}

void
list_close(struct rehearsal *r)
{
	if (r->list.fd >= 0)
		close(r->list.fd);
	r->list.fd = -1;
	buffer_free(&r->list.lines);
}

/* ---- reading one ---- */

/* The whole file, ended by a NUL.  NULL with errno. */
static char *
slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), number = ENOENT;
	struct stat st;
	size_t used = 0;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size >= FILE_MAX) {
		number = EFBIG;
	} else if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		number = (text = calloc(1, (size_t)st.st_size + 1)) == NULL ? ENOMEM : 0;
		while (text != NULL && used < (size_t)st.st_size) {
			ssize_t got = read(fd, text + used, (size_t)st.st_size - used);

			if (got == 0)
				break;
			if (got < 0 && errno != EINTR) {
				number = errno;
				free(text);
				text = NULL;
				break;
			}
			used += got > 0 ? (size_t)got : 0;
		}
	}
	close(fd);
	errno = number;
	return text;
}

/* The next whole line without its end; NULL: there is none.  What was torn by a kill has no end. */
static char *
next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static int
damaged(const struct rehearsal *r, const char *why, struct error *err)
{
	return error_set(err, ERROR_LOADTEST_LIST,
	                 "Look at the target for records that are called loadtest, take them away by hand, then remove the file.", "%s %s", r->list.path, why);
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A native id as it stands in a line. */
static int
take_native(struct rehearsal *r, const char *hex, struct syncline_slice *ret_native, struct error *err)
{
	size_t length = strlen(hex) / 2;
	char *bytes = arena_copy(&r->arena, hex, length);

	if (bytes == NULL)
		return error_memory(err);
	for (size_t i = 0; i < length; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return damaged(r, "has an id that is none", err);
		bytes[i] = (char)(high << 4 | low);
	}
	*ret_native = (struct syncline_slice){ bytes, length };
	return 0;
}

static int
take_record(struct rehearsal *r, char *line, struct error *err)
{
	char what = line[0], *rest = line + 1;
	unsigned long number, index = strtoul(rest, &rest, 10);
	struct made *made;

	number = strtoul(rest, &rest, 10);
	if (strchr("cnfd", what) == NULL || index >= r->side_count || number >= REHEARSE_RECORDS_MAX * 10u)
		return damaged(r, "has a line that is none of a list", err);
	if ((made = sides_room(&r->sides[index], (uint32_t)number)) == NULL)
		return error_memory(err);
	made->state = what == 'c' ? MADE_SENT : what == 'n' ? MADE_THERE : what == 'f' ? MADE_NOT : MADE_GONE;
	return what == 'n' && *rest == ' ' ? take_native(r, rest + 1, &made->native, err) : 0;
}

/* Is it about what the options are about?  Sides are as they were when it was made, or their objects are not known any more. */
static int
take_head(struct rehearsal *r, char *line, uint32_t *sides, struct error *err)
{
	char *value = strchr(line, ' '), expected[2 * SYNCLINE_NAME_MAX + 32];

	if (value == NULL)
		return damaged(r, "has a line that is none of a list", err);
	*value++ = '\0';
	if (strcmp(line, "tag") == 0 && strlen(value) == GENERATE_TAG) {
		snprintf(r->tag, sizeof r->tag, "%s", value);
		return 0;
	}
	if (strcmp(line, "environment") == 0 && strcmp(value, environment_of(r->options)) != 0)
		return damaged(r, "was made for another environment", err);
	if (strcmp(line, "side") != 0)
		return 0;
	if (*sides < r->side_count) {
		const struct side *side = &r->sides[*sides];

		snprintf(expected, sizeof expected, "%u %s %s", *sides, side->binding->flow->head.name, side->object->native);
		++*sides;
		if (strcmp(expected, value) == 0)
			return 0;
	}
	return damaged(r, "was made with another configuration of the flow: bring that back", err);
}

static int
take_lines(struct rehearsal *r, char *at, struct error *err)
{
	char *line = next_line(&at);
	uint32_t sides = 0;

	if (line == NULL)
		return 0; /* killed before anything was sent */
	if (strncmp(line, MAGIC, strlen(MAGIC) - 1) != 0)
		return damaged(r, "is no list of a loadtest", err);
	while ((line = next_line(&at)) != NULL)
		if ((line[0] != '\0' && line[1] == ' ' ? take_record(r, line, err) : take_head(r, line, &sides, err)) != 0)
			return -1;
	return 0;
}

int
list_load(struct rehearsal *r, struct error *err)
{
	const char *end;
	char *text;
	off_t whole;
	int result;

	list_path(r->options, r->list.path, sizeof r->list.path);
	if ((text = slurp(r->list.path)) == NULL)
		return errno == ENOENT ? 0 : failed(r, "reading", err);
	whole = (end = strrchr(text, '\n')) != NULL ? end + 1 - text : 0;
	result = take_lines(r, text, err);
	free(text);
	if (result != 0)
		return -1;
	if ((r->list.fd = open(r->list.path, O_WRONLY | O_APPEND | O_CLOEXEC)) < 0)
		return failed(r, "opening", err);
	/* What is added begins on a line of its own. */
	return ftruncate(r->list.fd, whole) == 0 ? 1 : failed(r, "opening", err);
}

/* ---- what others ask ---- */

struct head {
	char flow[SYNCLINE_NAME_MAX + 1], system[SYNCLINE_NAME_MAX + 1], unit[SYNCLINE_NAME_MAX + 1];
};

static bool
reads_there(const struct config_flow *flow, const char *system, const char *native)
{
	for (uint32_t b = 0; b < flow->binding_count; b++)
		if (flow->bindings[b].reads && strcmp(flow->bindings[b].system->head.name, system) == 0 &&
		    strcmp(config_sdk_object(flow->bindings[b].object)->native, native) == 0)
			return true;
	return false;
}

/* Whose list it is; ret_reads: the flow (may be NULL) reads an object that is on it. */
static void
look_into(char *text, const struct config_flow *flow, struct head *head, bool *ret_reads)
{
	char *line;

	memset(head, 0, sizeof *head);
	*ret_reads = false;
	while ((line = next_line(&text)) != NULL) {
		char *value = strchr(line, ' '), *native;

		if (value == NULL || line[1] == ' ')
			continue;
		*value++ = '\0';
		if (strcmp(line, "flow") == 0)
			snprintf(head->flow, sizeof head->flow, "%s", value);
		else if (strcmp(line, "system") == 0)
			snprintf(head->system, sizeof head->system, "%s", value);
		else if (strcmp(line, "unit") == 0)
			snprintf(head->unit, sizeof head->unit, "%s", strcmp(value, "-") == 0 ? "" : value);
		else if (strcmp(line, "side") == 0 && (native = strchr(value, ' ')) != NULL && (native = strchr(native + 1, ' ')) != NULL && flow != NULL)
			*ret_reads = *ret_reads || reads_there(flow, head->system, native + 1);
	}
}

/* The next list in the folder: its path, and what is in it, which the caller frees.  1; 0: no more; -1: it can't be read. */
static int
next_list(DIR *folder, const char *state_dir, char *path, size_t size, char **ret_text, struct error *err)
{
	const struct dirent *entry;

	while ((entry = readdir(folder)) != NULL) {
		if (strncmp(entry->d_name, REHEARSE_LIST, strlen(REHEARSE_LIST)) != 0)
			continue;
		snprintf(path, size, "%s/%s", state_dir, entry->d_name);
		if ((*ret_text = slurp(path)) != NULL)
			return 1;
		if (errno != ENOENT)
			return error_system(err, ERROR_SYSTEM, errno, "the list of what a loadtest created, %s", path);
	}
	return 0;
}

static int
no_folder(const char *state_dir, struct error *err)
{
	return errno == ENOENT ? 0 : error_system(err, ERROR_SYSTEM, errno, "the state directory, %s", state_dir);
}

int
rehearse_in_the_way(const char *state_dir, const struct config_flow *flow, struct error *err)
{
	DIR *folder = opendir(state_dir);
	char path[4096 + 300], *text, hint[384];
	bool reads = false;
	struct head head;
	int got = 0;

	if (folder == NULL)
		return no_folder(state_dir, err);
	while (!reads && (got = next_list(folder, state_dir, path, sizeof path, &text, err)) > 0) {
		look_into(text, flow, &head, &reads);
		free(text);
	}
	closedir(folder);
	if (!reads)
		return got;
	snprintf(hint, sizeof hint, "`syncline loadtest %.100s %.100s%s%.60s --on ENVIRONMENT --cleanup` takes them away.", head.flow, head.system,
	         head.unit[0] != '\0' ? " --unit " : "", head.unit);
	return error_set(err, ERROR_LOADTEST_LEFT, hint, "a loadtest of %s left generated records at %s, and the flow %s would read them as new ones", head.flow,
	                 head.system, flow->head.name);
}

int
rehearse_lists(const char *state_dir, void (*each)(void *data, const char *file, const char *flow, const char *system, const char *unit), void *data,
               struct error *err)
{
	DIR *folder = opendir(state_dir);
	char path[4096 + 300], *text;
	struct head head;
	bool reads;
	int got;

	if (folder == NULL)
		return no_folder(state_dir, err);
	while ((got = next_list(folder, state_dir, path, sizeof path, &text, err)) > 0) {
		look_into(text, NULL, &head, &reads);
		each(data, path, head.flow, head.system, head.unit);
		free(text);
	}
	closedir(folder);
	return got;
}
