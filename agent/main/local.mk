# The programs: a main for each, which puts together folders that do not know of each other.
bin_PROGRAMS += syncline
syncline_SOURCES = agent/main/syncline.c
syncline_CPPFLAGS = $(libctl_a_CPPFLAGS)
syncline_CFLAGS = $(AGENT_CFLAGS)
syncline_LDADD = libctl.a libschedule.a librehearse.a libdeliver.a libflow.a libmanners.a libledger.a librules.a librulesfn.a libhost.a libconfig.a libbatch.a libos.a libbase.a $(AGENT_LIBS)

dist_man8_MANS += agent/main/synclined.8
sbin_PROGRAMS += synclined
synclined_SOURCES = agent/main/synclined.c
synclined_CPPFLAGS = $(libctl_a_CPPFLAGS)
synclined_CFLAGS = $(AGENT_CFLAGS)
synclined_LDADD = libdaemon.a libctl.a libobserve.a libschedule.a librehearse.a libdeliver.a libflow.a libmanners.a libledger.a librules.a librulesfn.a libhost.a libconfig.a libbatch.a libos.a \
	libbase.a $(AGENT_LIBS)

helper_PROGRAMS += syncline-host
syncline_host_SOURCES = agent/main/host.c agent/host/program.c
syncline_host_CPPFLAGS = $(AGENT_CPPFLAGS)
syncline_host_CFLAGS = $(AGENT_CFLAGS)
syncline_host_LDADD = librules.a librulesfn.a $(HOST_ARCHIVES) $(AGENT_LIBS)
