# What happens, told to people and programs.
noinst_LIBRARIES += libobserve.a
libobserve_a_SOURCES = agent/observe/log.c agent/observe/log.h
libobserve_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libobserve_a_CFLAGS = $(AGENT_CFLAGS)
