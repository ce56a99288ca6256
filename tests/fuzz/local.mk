# Fuzz targets: tests/fuzz/fuzz_X.c defines LLVMFuzzerTestOneInput, tests/fuzz/seeds/X holds its seeds.
#   tests/bin/replay-X   always: runs over the seeds in `make check`
#   tests/bin/fuzz-X     configured with --enable-fuzzers CC=clang: the same code under libFuzzer; `make fuzz` runs them all
# To add a target: copy the block of `batch` into your fragment, give it its own libraries, and list it in FUZZ_TARGETS.
FUZZ_TARGETS =
FUZZ_SECONDS = 600
fuzz_link = $(AM_LDFLAGS) -fsanitize=fuzzer

FUZZ_TARGETS += batch
check_PROGRAMS += tests/bin/replay-batch
TESTS += tests/bin/replay-batch
tests_bin_replay_batch_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_batch.c
tests_bin_replay_batch_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_replay_batch_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_batch_LDADD = libbatch.a libbase.a $(AGENT_LIBS)
EXTRA_DIST += tests/fuzz/seeds/batch
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-batch
tests_bin_fuzz_batch_SOURCES = tests/fuzz/fuzz_batch.c
tests_bin_fuzz_batch_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_fuzz_batch_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_batch_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_batch_LDADD = libbatch.a libbase.a $(AGENT_LIBS)
endif

FUZZ_TARGETS += jsonl
check_PROGRAMS += tests/bin/replay-jsonl
TESTS += tests/bin/replay-jsonl
tests_bin_replay_jsonl_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_jsonl.c plugins/jsonl/json.c plugins/jsonl/json.h
tests_bin_replay_jsonl_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_replay_jsonl_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_jsonl_LDADD = libsyncline-connector.a
EXTRA_DIST += tests/fuzz/seeds/jsonl
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-jsonl
tests_bin_fuzz_jsonl_SOURCES = tests/fuzz/fuzz_jsonl.c plugins/jsonl/json.c plugins/jsonl/json.h
tests_bin_fuzz_jsonl_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_fuzz_jsonl_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_jsonl_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_jsonl_LDADD = libsyncline-connector.a
endif

# Makes the seeds anew after a change of the batch's layout; not built otherwise.
EXTRA_PROGRAMS += tests/bin/seeds-batch
tests_bin_seeds_batch_SOURCES = tests/fuzz/seeds_batch.c
tests_bin_seeds_batch_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_seeds_batch_CFLAGS = $(AGENT_CFLAGS)
tests_bin_seeds_batch_LDADD = libbatch.a libbase.a $(AGENT_LIBS)

include tests/fuzz/csv.mk
include tests/fuzz/rules.mk
include tests/fuzz/vector.mk

# Both sides of the border between agent and host process.
FUZZ_TARGETS += frame_agent frame_host
frame_fuzz_libs = $(HOST_ARCHIVES) $(AGENT_LIBS)
check_PROGRAMS += tests/bin/replay-frame_agent tests/bin/replay-frame_host
TESTS += tests/bin/replay-frame_agent tests/bin/replay-frame_host
tests_bin_replay_frame_agent_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_frame_agent.c tests/fuzz/frame_scenario.h
tests_bin_replay_frame_agent_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_replay_frame_agent_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_frame_agent_LDADD = $(frame_fuzz_libs)
tests_bin_replay_frame_host_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_frame_host.c
tests_bin_replay_frame_host_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_replay_frame_host_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_frame_host_LDADD = $(frame_fuzz_libs)
EXTRA_DIST += tests/fuzz/seeds/frame_agent tests/fuzz/seeds/frame_host
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-frame_agent tests/bin/fuzz-frame_host
tests_bin_fuzz_frame_agent_SOURCES = tests/fuzz/fuzz_frame_agent.c tests/fuzz/frame_scenario.h
tests_bin_fuzz_frame_agent_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_fuzz_frame_agent_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_frame_agent_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_frame_agent_LDADD = $(frame_fuzz_libs)
tests_bin_fuzz_frame_host_SOURCES = tests/fuzz/fuzz_frame_host.c
tests_bin_fuzz_frame_host_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_fuzz_frame_host_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_frame_host_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_frame_host_LDADD = $(frame_fuzz_libs)
endif
EXTRA_PROGRAMS += tests/bin/seeds-frame
tests_bin_seeds_frame_SOURCES = tests/fuzz/seeds_frame.c tests/fuzz/frame_scenario.h tests/connectors/good.c
tests_bin_seeds_frame_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_seeds_frame_CFLAGS = $(AGENT_CFLAGS)
tests_bin_seeds_frame_LDADD = $(frame_fuzz_libs)

FUZZ_TARGETS += functions
check_PROGRAMS += tests/bin/replay-functions
TESTS += tests/bin/replay-functions
tests_bin_replay_functions_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_functions.c
tests_bin_replay_functions_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_replay_functions_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_functions_LDADD = librulesfn.a libbase.a $(AGENT_LIBS)
EXTRA_DIST += tests/fuzz/seeds/functions
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-functions
tests_bin_fuzz_functions_SOURCES = tests/fuzz/fuzz_functions.c
tests_bin_fuzz_functions_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_fuzz_functions_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_functions_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_functions_LDADD = librulesfn.a libbase.a $(AGENT_LIBS)
endif

EXTRA_DIST += tests/fuzz/run.sh
fuzz: all
if FUZZERS
	FUZZ_SECONDS="$(FUZZ_SECONDS)" sh "$(srcdir)/tests/fuzz/run.sh" "$(srcdir)" $(FUZZ_TARGETS)
else
	@echo "make fuzz needs a build with libFuzzer: configure --enable-fuzzers CC=clang" >&2; exit 1
endif
.PHONY: fuzz

FUZZ_TARGETS += config
check_PROGRAMS += tests/bin/replay-config
TESTS += tests/bin/replay-config
tests_bin_replay_config_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_config.c tests/config_fake.c tests/config_fake.h
tests_bin_replay_config_CPPFLAGS = $(AGENT_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_replay_config_CFLAGS = $(AGENT_CFLAGS)
tests_bin_replay_config_LDADD = libconfig.a libbase.a $(AGENT_LIBS)
EXTRA_DIST += tests/fuzz/seeds/config
if FUZZERS
noinst_PROGRAMS += tests/bin/fuzz-config
tests_bin_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/config_fake.c
tests_bin_fuzz_config_CPPFLAGS = $(AGENT_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_fuzz_config_CFLAGS = $(AGENT_CFLAGS)
tests_bin_fuzz_config_LDFLAGS = $(fuzz_link)
tests_bin_fuzz_config_LDADD = libconfig.a libbase.a $(AGENT_LIBS)
endif
