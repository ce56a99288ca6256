# tests/fuzz/csv.mk
# The scanner, the decoders and the values under a fuzzer.
FUZZ_TARGETS += csv
check_PROGRAMS += tests/bin/replay-csv
TESTS += tests/bin/replay-csv
csv_fuzz_flags = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/csv
tests_bin_replay_csv_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_csv.c
tests_bin_replay_csv_CPPFLAGS = $(csv_fuzz_flags)
tests_bin_replay_csv_CFLAGS = $(AM_CFLAGS)
tests_bin_replay_csv_LDADD = libcsv.a libsyncline-connector.a
EXTRA_DIST += tests/fuzz/seeds/csv
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-csv
tests_bin_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c
tests_bin_fuzz_csv_CPPFLAGS = $(csv_fuzz_flags)
tests_bin_fuzz_csv_CFLAGS = $(AM_CFLAGS)
tests_bin_fuzz_csv_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_bin_fuzz_csv_LDADD = libcsv.a libsyncline-connector.a
endif
