# The agent as a service.
noinst_LIBRARIES += libdaemon.a
libdaemon_a_SOURCES = agent/daemon/daemon.c agent/daemon/daemon.h agent/daemon/generation.c agent/daemon/inside.h agent/daemon/jobs.c agent/daemon/telling.c agent/daemon/wake.c
libdaemon_a_CPPFLAGS = $(libctl_a_CPPFLAGS)
libdaemon_a_CFLAGS = $(AGENT_CFLAGS)
