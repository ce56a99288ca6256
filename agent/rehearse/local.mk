# Rehearsals with generated records.
noinst_LIBRARIES += librehearse.a
librehearse_a_SOURCES = agent/rehearse/forecast.c agent/rehearse/generate.c agent/rehearse/generate.h agent/rehearse/inside.h agent/rehearse/list.c \
	agent/rehearse/rehearse.c agent/rehearse/rehearse.h agent/rehearse/sides.c agent/rehearse/write.c
librehearse_a_CPPFLAGS = $(AGENT_CPPFLAGS)
librehearse_a_CFLAGS = $(AGENT_CFLAGS)
