noinst_LIBRARIES += libbatch.a
libbatch_a_SOURCES = agent/batch/batch.h agent/batch/layout.h agent/batch/validate.c agent/batch/build.c agent/batch/value.c agent/batch/edit.c \
	agent/batch/crc32c.c agent/batch/crc32c.h
libbatch_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libbatch_a_CFLAGS = $(AGENT_CFLAGS)
