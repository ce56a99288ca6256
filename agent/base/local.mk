noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = agent/base/error.c agent/base/error.h agent/base/errors.def agent/base/fault.c agent/base/fault.h agent/base/memory.c agent/base/memory.h \
	agent/base/text.c agent/base/text.h
libbase_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libbase_a_CFLAGS = $(AGENT_CFLAGS)
