/* SPDX-License-Identifier: BSD-2-Clause */
/* service.c: see service.h. */
#include "ctl/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
service_init(struct ctl_service *service)
{
	memset(service, 0, sizeof *service);
	pthread_mutex_init(&service->lock, NULL);
	service->wake = -1;
}

void
service_free(struct ctl_service *service)
{
	pthread_mutex_destroy(&service->lock);
}

/* Verbs get it to look at; whether it is to stop is between the agent and service.c. */
static struct ctl_service *
own(const struct ctl_service *service)
{
	return (struct ctl_service *)(uintptr_t)service;
}

static void
tell(struct ctl_service *service)
{
	/* A pipe that is full has said so already. */
	if (service->stopped && service->wake >= 0 && write(service->wake, "", 1) < 0)
		service->wake = -1;
}

void
service_stop(struct ctl_service *service)
{
	pthread_mutex_lock(&service->lock);
	service->stopped = true;
	tell(service);
	pthread_mutex_unlock(&service->lock);
}

bool
service_is_stopped(const struct ctl_service *service)
{
	bool stopped;

	pthread_mutex_lock(&own(service)->lock);
	stopped = service->stopped;
	pthread_mutex_unlock(&own(service)->lock);
	return stopped;
}

void
service_acts(const struct ctl_service *service)
{
	pthread_mutex_lock(&own(service)->lock);
	own(service)->acts = true;
	pthread_mutex_unlock(&own(service)->lock);
}

bool
service_has_acted(const struct ctl_service *service)
{
	bool acts;

	pthread_mutex_lock(&own(service)->lock);
	acts = service->acts;
	pthread_mutex_unlock(&own(service)->lock);
	return acts;
}

void
service_waits(const struct ctl_service *service, int wake)
{
	pthread_mutex_lock(&own(service)->lock);
	own(service)->wake = wake;
	tell(own(service));
	pthread_mutex_unlock(&own(service)->lock);
}

char *
ctl_file_name(const struct ctl *ctl, const char *name)
{
	const char *directory = ctl->service != NULL && name[0] != '/' ? ctl->service->directory : NULL;
	size_t size = (directory != NULL ? strlen(directory) + 1 : 0) + strlen(name) + 1;
	char *path = malloc(size);

	if (path != NULL)
		snprintf(path, size, "%s%s%s", directory != NULL ? directory : "", directory != NULL ? "/" : "", name);
	return path;
}
