# The way out.
noinst_LIBRARIES += libdeliver.a
libdeliver_a_SOURCES = agent/deliver/deliver.h agent/deliver/inside.h agent/deliver/aside.c agent/deliver/back_off.c agent/deliver/back_off.h agent/deliver/children.c agent/deliver/stop.c agent/deliver/turns.c agent/deliver/claim.c \
	agent/deliver/compare.c agent/deliver/deliver.c agent/deliver/documents.c agent/deliver/gate.c agent/deliver/guard.c \
	agent/deliver/outlet.c agent/deliver/payload.c agent/deliver/preview.c agent/deliver/readback.c agent/deliver/resolve.c agent/deliver/send.c \
	agent/deliver/settle.c
libdeliver_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libdeliver_a_CFLAGS = $(AGENT_CFLAGS)
