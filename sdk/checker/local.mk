# sdk/checker: the host's side of the contract in one process, and the vendors' checker on it.
noinst_LIBRARIES += libbench.a
libbench_a_SOURCES = sdk/checker/bench.c sdk/checker/bench.h
libbench_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libbench_a_CFLAGS = $(AGENT_CFLAGS)
