noinst_LIBRARIES += libos.a
libos_a_SOURCES = agent/os/os.h agent/os/child.c agent/os/clock.c agent/os/descriptors.c agent/os/dump.c agent/os/limits.c \
	agent/os/memory.c agent/os/notify.c agent/os/parent.c agent/os/peer.c agent/os/privileges.c agent/os/terminal.c agent/os/watch.c
libos_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libos_a_CFLAGS = $(AGENT_CFLAGS)
