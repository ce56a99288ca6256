/* SPDX-License-Identifier: BSD-2-Clause */
/* peer.c: users at the other end of a socket.  Any thread. */
#include "config.h"

/* Linux shows struct ucred, and BSD getpeereid() and getgrouplist(), to those alone who ask for more than POSIX. */
#undef _XOPEN_SOURCE
#define _GNU_SOURCE 1

#include <sys/types.h>
#include <sys/socket.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/os.h"

#define GROUPS_MAX 65536
#define ENTRY_BYTES 16384

int
os_peer(int fd, struct os_peer *ret_peer)
{
#if defined(HAVE_GETPEEREID)
	return getpeereid(fd, &ret_peer->uid, &ret_peer->gid);
#elif defined(SO_PEERCRED)
	struct ucred found;
	socklen_t size = sizeof found;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0)
		return -1;
	ret_peer->uid = found.uid;
	ret_peer->gid = found.gid;
	return 0;
#else
	/* Nobody is let in where the system does not tell who it is. */
	(void)fd;
	(void)ret_peer;
	return -1;
#endif
}

static bool
find_user(uid_t uid, struct passwd *entry, char *texts)
{
	struct passwd *found;

	return getpwuid_r(uid, entry, texts, ENTRY_BYTES, &found) == 0 && found != NULL;
}

bool
os_is_member(const struct os_peer *peer, const char *group)
{
	struct group wanted, *found;
	struct passwd user;
	char *texts = malloc(2 * ENTRY_BYTES);
	gid_t *groups = NULL;
	int count = 64;
	bool member = false;

	if (texts != NULL && getgrnam_r(group, &wanted, texts, ENTRY_BYTES, &found) == 0 && found != NULL) {
		member = peer->gid == wanted.gr_gid;
		if (!member && find_user(peer->uid, &user, texts + ENTRY_BYTES)) {
			while (count <= GROUPS_MAX && (groups = malloc((size_t)count * sizeof *groups)) != NULL) {
				int room = count;

				if (getgrouplist(user.pw_name, user.pw_gid, groups, &room) >= 0) {
					count = room;
					break;
				}
				free(groups);
				groups = NULL;
				count *= 4;
			}
			for (int i = 0; groups != NULL && i < count; i++)
				member = member || groups[i] == wanted.gr_gid;
		}
	}
	free(groups);
	free(texts);
	return member;
}

void
os_user_name(uid_t uid, char *name, size_t size)
{
	char *texts = malloc(ENTRY_BYTES);
	struct passwd user;
	bool known = texts != NULL && find_user(uid, &user, texts);

	snprintf(name, size, "%.100s (uid %ld)", known ? user.pw_name : "?", (long)uid);
	free(texts);
}
