# libhost.a is the agent's side; the guest's side is in it as well, for direct mode.
noinst_LIBRARIES += libhost.a
libhost_a_SOURCES = agent/host/connector.h agent/host/calls.def agent/host/calls.h agent/host/calls.c agent/host/codec.h agent/host/codec.c \
	agent/host/codec_info.c agent/host/connector.c agent/host/connector_calls.c agent/host/connector_content.c \
	agent/host/connector_get.c agent/host/connector_read.c agent/host/connector_write.c agent/host/frame.h agent/host/frame.c \
	agent/host/guest.h agent/host/guest.c agent/host/guest_calls.c agent/host/guest_find.c agent/host/guest_stream.c \
	agent/host/guest_write.c agent/host/inside.h agent/host/link.h agent/host/link_direct.c agent/host/link_process.c agent/host/load.c \
	agent/host/program.h agent/host/proxy.h agent/host/proxy.c agent/host/restart.h agent/host/restart.c agent/host/service_batch.c \
	agent/host/service_clock.c agent/host/service_http.c agent/host/service_log.c agent/host/service_secret.c \
	agent/host/service_state.c agent/host/spawn.c agent/host/wire.h agent/host/wire.c
libhost_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libhost_a_CFLAGS = $(AGENT_CFLAGS)

# What a program needs that uses connectors.
HOST_ARCHIVES = libhost.a libbatch.a libos.a libbase.a
HOST_LIBS = $(LTDL_LIBS) $(CURL_LIBS) $(SODIUM_LIBS)

dist_man8_MANS += agent/host/syncline-host.8
