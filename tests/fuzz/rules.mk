# Fuzz target of rules: any bytes as an expression.
FUZZ_TARGETS += expression
check_PROGRAMS += tests/bin/replay-expression
TESTS += tests/bin/replay-expression
tests_bin_replay_expression_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_expression.c
tests_bin_replay_expression_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_replay_expression_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_expression_LDADD = librules.a librulesfn.a libbatch.a libbase.a $(AGENT_LIBS)
EXTRA_DIST += tests/fuzz/seeds/expression
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-expression
tests_bin_fuzz_expression_SOURCES = tests/fuzz/fuzz_expression.c
tests_bin_fuzz_expression_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_fuzz_expression_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_expression_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_expression_LDADD = librules.a librulesfn.a libbatch.a libbase.a $(AGENT_LIBS)
endif
