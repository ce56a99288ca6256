# How much a system is asked to bear.
noinst_LIBRARIES += libmanners.a
libmanners_a_SOURCES = agent/manners/manners.c agent/manners/manners.h
libmanners_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libmanners_a_CFLAGS = $(AGENT_CFLAGS)
