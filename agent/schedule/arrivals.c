/* SPDX-License-Identifier: BSD-2-Clause */
/* arrivals.c: see arrivals.h. */
#include "schedule/arrivals.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"

/* How long after it was told what came is told once more: a database from its beginning, a folder at the end of them. */
static const int64_t pauses[] = { ARRIVALS_SOON_US, ARRIVALS_SOON_US * 20, ARRIVALS_LATER_US };

#define PAUSES (sizeof pauses / sizeof *pauses)

struct awaited {
	const struct config_binding *binding;
	char *folder;
	const char *file; /* a file in it that the setting names, in the setting's text; NULL: the folder */
	bool watched;
	int64_t first_us;           /* since when something has been there that was not told; INT64_MAX: nothing */
	int64_t quiet_us, later_us; /* INT64_MAX: no */
	uint32_t looks;             /* of `pauses`: what later_us is the end of */
};
struct arrivals {
	struct os_watch *watch;
	struct awaited *awaited;
	uint32_t count, room;
	bool any_missing; /* folders that were not there */
	int64_t now_us;   /* of arrivals_look() */
	int64_t breath_us; /* until then nobody looks again */
};

/* The folder of a path: itself, or the one that it stands in as *ret_file. */
static char *
folder_of(const char *path, const char **ret_file)
{
	struct stat found;
	char *folder = strdup(path), *slash;

	if (folder != NULL && stat(path, &found) == 0 && !S_ISDIR(found.st_mode) && (slash = strrchr(folder, '/')) != NULL && slash != folder) {
		*ret_file = path + (slash - folder) + 1;
		*slash = '\0';
	}
	return folder;
}

static bool
is_awaited(const struct awaited *known, const struct awaited *fresh)
{
	if (known->binding != fresh->binding || strcmp(known->folder, fresh->folder) != 0)
		return false;
	return known->file == fresh->file || (known->file != NULL && fresh->file != NULL && strcmp(known->file, fresh->file) == 0);
}

static int
await(struct arrivals *arrivals, const struct config_binding *binding, const struct syncline_setting *setting, struct error *err)
{
	struct awaited fresh = { .binding = binding, .first_us = INT64_MAX, .quiet_us = INT64_MAX, .later_us = INT64_MAX };

	if ((fresh.folder = folder_of(setting->text, &fresh.file)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < arrivals->count; i++) {
		if (is_awaited(&arrivals->awaited[i], &fresh)) {
			free(fresh.folder);
			return 0;
		}
	}
	if (arrivals->count == arrivals->room) {
		struct awaited *more = realloc(arrivals->awaited, (arrivals->room * 2 + 8) * sizeof *more);

		if (more == NULL) {
			free(fresh.folder);
			return error_memory(err);
		}
		arrivals->awaited = more;
		arrivals->room = arrivals->room * 2 + 8;
	}
	fresh.watched = os_watch_add(arrivals->watch, fresh.folder, fresh.file, arrivals->count) == 0;
	arrivals->any_missing = arrivals->any_missing || !fresh.watched;
	arrivals->awaited[arrivals->count++] = fresh;
	return 0;
}

static int
await_settings(struct arrivals *arrivals, const struct config_binding *binding, const struct config_settings *settings, struct error *err)
{
	for (uint32_t i = 0; i < settings->settings.count; i++) {
		const struct syncline_setting *setting = &settings->settings.items[i];

		if (setting->type == SYNCLINE_PARAM_PATH && setting->text[0] == '/' &&
		    await(arrivals, binding, setting, err) != 0)
			return -1;
	}
	return 0;
}

/* The system's own, and each unit's that has settings of its own. */
static int
await_binding(struct arrivals *arrivals, const struct model *model, const struct config_binding *binding, struct error *err)
{
	const struct config_flow *flow = binding->flow;

	if (!binding->reads || !binding->trigger->file || binding->system->descriptor == NULL)
		return 0;
	if (await_settings(arrivals, binding, &binding->object->settings, err) != 0)
		return -1;
	if (flow->units.count == 0)
		return await_settings(arrivals, binding, config_settings(binding->system, NULL), err);
	for (uint32_t u = 0; u < flow->units.count; u++)
		if (await_settings(arrivals, binding, config_settings(binding->system, config_unit(model, flow->units.items[u])), err) != 0)
			return -1;
	return 0;
}

int
arrivals_open(const struct model *model, struct arrivals **ret_arrivals, struct error *err)
{
	struct arrivals *arrivals = calloc(1, sizeof *arrivals);

	if (arrivals == NULL || (arrivals->watch = os_watch_open()) == NULL) {
		free(arrivals);
		return error_memory(err);
	}
	for (uint32_t f = 0; f < model->flow_count; f++) {
		for (uint32_t b = 0; b < model->flows[f].binding_count; b++) {
			if (await_binding(arrivals, model, &model->flows[f].bindings[b], err) != 0) {
				arrivals_close(arrivals);
				return -1;
			}
		}
	}
	*ret_arrivals = arrivals;
	return 0;
}

void
arrivals_close(struct arrivals *arrivals)
{
	if (arrivals == NULL)
		return;
	os_watch_close(arrivals->watch);
	for (uint32_t i = 0; i < arrivals->count; i++)
		free(arrivals->awaited[i].folder);
	free(arrivals->awaited);
	free(arrivals);
}

int
arrivals_fd(const struct arrivals *arrivals)
{
	return arrivals->breath_us == 0 ? os_watch_fd(arrivals->watch) : -1;
}

static void
came(void *data, uint32_t tag)
{
	struct arrivals *arrivals = data;
	struct awaited *awaited = &arrivals->awaited[tag];
	int64_t quiet_us = awaited->binding->trigger->quiet_ms * 1000, latest_us;

	if (awaited->first_us == INT64_MAX)
		awaited->first_us = arrivals->now_us;
	latest_us = awaited->first_us + ARRIVALS_PATIENCE * quiet_us;
	awaited->quiet_us = arrivals->now_us + quiet_us < latest_us ? arrivals->now_us + quiet_us : latest_us;
	awaited->later_us = INT64_MAX;
	arrivals->breath_us = arrivals->now_us + ARRIVALS_BREATH_US;
}

/* A folder that is there now may have got its files before anybody looked. */
static void
look_for_missing(struct arrivals *arrivals)
{
	arrivals->any_missing = false;
	for (uint32_t i = 0; i < arrivals->count; i++) {
		struct awaited *awaited = &arrivals->awaited[i];

		if (awaited->watched)
			continue;
		awaited->watched = os_watch_add(arrivals->watch, awaited->folder, awaited->file, i) == 0;
		if (awaited->watched)
			came(arrivals, i);
		arrivals->any_missing = arrivals->any_missing || !awaited->watched;
	}
}

/* Told now; `first`: for the first time since it came. */
static void
tell_again(const struct arrivals *arrivals, struct awaited *awaited, bool first)
{
	if (first)
		awaited->looks = awaited->file != NULL ? 0 : PAUSES - 1;
	else
		awaited->looks++;
	awaited->later_us = awaited->looks < PAUSES ? arrivals->now_us + pauses[awaited->looks] : INT64_MAX;
}

void
arrivals_look(struct arrivals *arrivals, struct agenda *agenda, int64_t now_us)
{
	arrivals->now_us = now_us;
	/* A clock that was set back is nothing to wait for. */
	if (arrivals->breath_us <= now_us || arrivals->breath_us > now_us + ARRIVALS_BREATH_US) {
		arrivals->breath_us = 0;
		os_watch_read(arrivals->watch, came, arrivals);
	}
	if (arrivals->any_missing)
		look_for_missing(arrivals);
	for (uint32_t i = 0; i < arrivals->count; i++) {
		struct awaited *awaited = &arrivals->awaited[i];
		bool first = awaited->quiet_us <= now_us;

		if (!first && awaited->later_us > now_us)
			continue;
		agenda_call(agenda, awaited->binding);
		tell_again(arrivals, awaited, first);
		if (first)
			awaited->quiet_us = awaited->first_us = INT64_MAX;
	}
}

int64_t
arrivals_next(const struct arrivals *arrivals)
{
	int64_t next = arrivals->breath_us != 0 ? arrivals->breath_us : INT64_MAX;

	for (uint32_t i = 0; i < arrivals->count; i++) {
		next = arrivals->awaited[i].quiet_us < next ? arrivals->awaited[i].quiet_us : next;
		next = arrivals->awaited[i].later_us < next ? arrivals->awaited[i].later_us : next;
	}
	return next;
}
