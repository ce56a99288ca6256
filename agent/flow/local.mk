noinst_LIBRARIES += libflow.a
libflow_a_SOURCES = agent/flow/choice.c agent/flow/choice.h agent/flow/convert.c agent/flow/convert.h agent/flow/item.c agent/flow/item.h agent/flow/lookups.c \
	agent/flow/mappings.c agent/flow/mappings.h agent/flow/ring.c agent/flow/ring.h agent/flow/systems.c agent/flow/systems.h \
	agent/flow/target.c agent/flow/target.h agent/flow/tests.c agent/flow/tests.h
libflow_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libflow_a_CFLAGS = $(AGENT_CFLAGS)
libflow_a_SOURCES += agent/flow/vector.c agent/flow/vector.h
libflow_a_SOURCES += agent/flow/bound.c agent/flow/bound.h agent/flow/engine.c agent/flow/engine.h agent/flow/world.c agent/flow/world.h
