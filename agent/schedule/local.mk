# What runs when.
noinst_LIBRARIES += libschedule.a
libschedule_a_SOURCES = agent/schedule/agenda.c agent/schedule/agenda.h agent/schedule/apply_plan.c agent/schedule/arrivals.c agent/schedule/arrivals.h \
	agent/schedule/due.c agent/schedule/due.h agent/schedule/floor.c agent/schedule/floor.h agent/schedule/outlook.c agent/schedule/outlook.h \
	agent/schedule/pace.c agent/schedule/pace.h agent/schedule/pending.c agent/schedule/pending.h agent/schedule/plan_entries.c agent/schedule/plan_entries.h agent/schedule/rollback.c agent/schedule/run.c agent/schedule/run.h \
	agent/schedule/unit.c agent/schedule/unit.h agent/schedule/workers.c agent/schedule/workers.h
libschedule_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libschedule_a_CFLAGS = $(AGENT_CFLAGS)
