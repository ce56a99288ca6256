/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path.c: opening what a path from outside names, without ever leaving the root.  Each component is opened by itself and
 * never through a symbolic link, so that nobody who can write below the root can point a record elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <syncline/helper.h>

int
syncline_path_is_safe(const char *path)
{
	if (path[0] == '\0' || path[0] == '/')
		return 0;
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || n > NAME_MAX || (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
			return 0;
		if (path[n] == '\0')
			return 1;
		path += n + 1;
	}
}

static uint32_t
refuse(const char *path, struct syncline_error *err)
{
	syncline_fail(err, SYNCLINE_INVALID, "The path \"%s\" is not allowed.", path);
	syncline_hint(err, "A path is relative, names no \"..\" and no empty component, and each component has at most %d bytes.", NAME_MAX);
	return SYNCLINE_INVALID;
}

/* Opens the folder `name` in `folder`, making it when asked to; the folder it was made in is synced. */
static int
step(int folder, const char *name, unsigned make)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, fd = openat(folder, name, flags);

	if (fd >= 0 || errno != ENOENT || make == 0)
		return fd;
	if (mkdirat(folder, name, (mode_t)make) != 0 && errno != EEXIST)
		return -1;
	if (fsync(folder) != 0)
		return -1;
	return openat(folder, name, flags);
}

uint32_t
syncline_open_parent_under(int root, const char *path, unsigned make, int *ret_folder, const char **ret_name, struct syncline_error *err)
{
	char name[NAME_MAX + 1];
	const char *at = path, *slash;
	int folder, next;

	if (!syncline_path_is_safe(path))
		return refuse(path, err);
	folder = fcntl(root, F_DUPFD_CLOEXEC, 0);
	if (folder < 0)
		return syncline_fail_errno(err, errno, "The root folder can't be opened again.");
	while ((slash = strchr(at, '/')) != NULL) {
		memcpy(name, at, (size_t)(slash - at));
		name[slash - at] = '\0';
		next = step(folder, name, make);
		if (next < 0) {
			int number = errno;

			close(folder);
			if (number == ELOOP || number == EMLINK)
				number = ELOOP;
			return syncline_fail_errno(err, number, "The folder of \"%s\" can't be opened at \"%s\".", path, name);
		}
		close(folder);
		folder = next;
		at = slash + 1;
	}
	*ret_folder = folder;
	*ret_name = at;
	return SYNCLINE_OK;
}

uint32_t
syncline_open_under(int root, const char *path, int flags, unsigned mode, int *ret_descriptor, struct syncline_error *err)
{
	const char *name;
	int folder, fd, number;
	uint32_t result = syncline_open_parent_under(root, path, 0, &folder, &name, err);

	if (result != SYNCLINE_OK)
		return result;
	fd = openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, (mode_t)mode);
	number = errno;
	close(folder);
	if (fd < 0)
		return syncline_fail_errno(err, number, "\"%s\" can't be opened.", path);
	*ret_descriptor = fd;
	return SYNCLINE_OK;
}
