# The words of vectors under a fuzzer: lists above all.
FUZZ_TARGETS += vector
vector_fuzz_libs = libflow.a libmanners.a libledger.a librules.a librulesfn.a libhost.a libconfig.a libbatch.a libos.a libbase.a $(AGENT_LIBS)
check_PROGRAMS += tests/bin/replay-vector
TESTS += tests/bin/replay-vector
tests_bin_replay_vector_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_vector.c
tests_bin_replay_vector_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_replay_vector_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_vector_LDADD = $(vector_fuzz_libs)
EXTRA_DIST += tests/fuzz/seeds/vector
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-vector
tests_bin_fuzz_vector_SOURCES = tests/fuzz/fuzz_vector.c
tests_bin_fuzz_vector_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_fuzz_vector_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_vector_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_vector_LDADD = $(vector_fuzz_libs)
endif
