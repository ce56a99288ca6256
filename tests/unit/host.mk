# tests/unit of agent/host
check_PROGRAMS += tests/bin/test-host tests/bin/test-host-parts
TESTS += tests/bin/test-host tests/bin/test-host-parts

tests_bin_test_host_SOURCES = tests/unit/host.c
tests_bin_test_host_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_host_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_host_LDADD = $(HOST_ARCHIVES) $(UNIT_LIBS)

tests_bin_test_host_parts_SOURCES = tests/unit/host-parts.c
tests_bin_test_host_parts_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_host_parts_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_host_parts_LDADD = $(HOST_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-misbehave
TESTS += tests/bin/test-misbehave
tests_bin_test_misbehave_SOURCES = tests/system/misbehave.c
tests_bin_test_misbehave_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_misbehave_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_misbehave_LDADD = $(HOST_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-host-http
TESTS += tests/bin/test-host-http
tests_bin_test_host_http_SOURCES = tests/unit/host-http.c
tests_bin_test_host_http_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_host_http_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_host_http_LDADD = $(HOST_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-host-oom
TESTS += tests/bin/test-host-oom
tests_bin_test_host_oom_SOURCES = tests/unit/host-oom.c tests/unit/oom-host.h tests/fuzz/frame_scenario.h tests/oom.c tests/oom.h
tests_bin_test_host_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_host_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_host_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_host_oom_LDADD = $(HOST_ARCHIVES) $(UNIT_LIBS)

# Not a test: the host program, without memory when a test wants it so.
check_PROGRAMS += tests/bin/oom-host
tests_bin_oom_host_SOURCES = tests/unit/oom-host.c tests/unit/oom-host.h agent/host/program.c tests/oom.c tests/oom.h
tests_bin_oom_host_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_oom_host_CFLAGS = $(UNIT_CFLAGS)
tests_bin_oom_host_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_oom_host_LDADD = $(HOST_ARCHIVES) $(UNIT_LIBS)
