# sdk/checker: the host's side of the contract in one process, and the vendors' checker on it.
noinst_LIBRARIES += libbench.a
libbench_a_SOURCES = sdk/checker/bench.c sdk/checker/bench.h
libbench_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libbench_a_CFLAGS = $(AGENT_CFLAGS)

bin_PROGRAMS += syncline-connector-check
syncline_connector_check_SOURCES = sdk/checker/main.c sdk/checker/check.h sdk/checker/load.c sdk/checker/settings.c sdk/checker/read.c \
	sdk/checker/write.c
syncline_connector_check_CPPFLAGS = $(AGENT_CPPFLAGS)
syncline_connector_check_CFLAGS = $(AGENT_CFLAGS)
syncline_connector_check_LDADD = libbench.a libbatch.a libbase.a libsyncline-connector.a $(SODIUM_LIBS)
dist_man1_MANS += sdk/checker/syncline-connector-check.1
EXTRA_DIST += sdk/checker/test-connectors.sh
TESTS += sdk/checker/test-connectors.sh
