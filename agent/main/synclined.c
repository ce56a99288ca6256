/* SPDX-License-Identifier: BSD-2-Clause */
/* synclined.c: the program synclined(8): the agent as a service (daemon/daemon.h). */
#include <unistd.h>

#include <syncline/service.h>

#include "daemon/daemon.h"
#include "observe/log.h"
#include "os/os.h"

static const struct ctl_option options[] = {
	{ "config", "DIR", "the folder of the configuration files" },
	{ "site", "DIR", "files read last, for what differs on this site" },
	{ "state", "DIR", "where the agent keeps its state" },
	{ "connectors", "DIR", "the folder of the connectors" },
	{ "help", NULL, "print this help" },
	{ "version", NULL, "print the version" },
	{ NULL, NULL, NULL },
};
static const struct ctl_verb program = { .name = "synclined", .operands = "", .options = options,
	.help = "Runs flows by their triggers and does what syncline(1) asks for, until it is told to stop." };

int
main(int argc, char **argv)
{
	struct daemon *daemon = NULL;
	struct error err = { 0 };
	enum ctl_exit status;
	struct ctl ctl;
	int result = 0;
	bool ended;

	os_one_heap();
	os_forbid_dumps();
	os_no_new_privileges();
	status = ctl_parse_program(argc, (const char *const *)argv, &program, &ctl, &ended);
	if (ended)
		return (int)ctl_end(status);
	if (geteuid() == 0)
		log_event(SYNCLINE_LOG_WARNING, "root", NULL, "the agent runs as root; it needs no rights but to its own state: run it as a user of its own");
	if (daemon_begin(&ctl, &daemon, &err) != 0) {
		log_event(SYNCLINE_LOG_ERROR, "not-started", &(struct log_about){ .error = &err }, "%s", err.message);
		result = 1;
	} else {
		daemon_serve(daemon);
		/* The ledger knows what was done; what is at work here must not outlive the deadline. */
		if (!daemon_stop(daemon))
			_exit(1);
	}
	daemon_free(daemon);
	return result;
}
