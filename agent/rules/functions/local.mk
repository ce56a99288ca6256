# The functions that rules may call.
noinst_LIBRARIES += librulesfn.a
librulesfn_a_SOURCES = agent/rules/functions.h agent/rules/functions/list.def agent/rules/functions/table.c \
	agent/rules/functions/decimal.h agent/rules/functions/decimal.c agent/rules/functions/unicode.h \
	agent/rules/functions/unicode.c agent/rules/functions/zone.h agent/rules/functions/zone.c
librulesfn_a_CPPFLAGS = $(AGENT_CPPFLAGS)
librulesfn_a_CFLAGS = $(AGENT_CFLAGS)
