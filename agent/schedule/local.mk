# What runs when.
noinst_LIBRARIES += libschedule.a
libschedule_a_SOURCES = agent/schedule/apply_plan.c agent/schedule/due.c agent/schedule/due.h agent/schedule/run.c agent/schedule/run.h agent/schedule/unit.c agent/schedule/unit.h
libschedule_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libschedule_a_CFLAGS = $(AGENT_CFLAGS)
