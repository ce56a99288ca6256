# The rules engine; the functions that rules may call are a library of their own below it.
noinst_LIBRARIES += librules.a
librules_a_SOURCES = agent/rules/rules.h agent/rules/engine.h agent/rules/analyse.h agent/rules/token.c agent/rules/parse.c \
	agent/rules/resolve.c agent/rules/analyse.c agent/rules/calls.c agent/rules/emit.c agent/rules/compile.c agent/rules/mapping.c \
	agent/rules/sandbox.c agent/rules/record_table.c agent/rules/evaluate.c agent/rules/run.c agent/rules/convert.c \
	agent/rules/number.c agent/rules/json.c agent/rules/list.c agent/rules/lookup.c agent/rules/world.c agent/rules/trial.c \
	agent/rules/service.c
librules_a_CPPFLAGS = $(AGENT_CPPFLAGS)
librules_a_CFLAGS = $(AGENT_CFLAGS)
