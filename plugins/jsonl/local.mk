# plugins/jsonl: one JSON object a line; and the same code as a library of its own for tests that link it in.
JSONL_SOURCES = plugins/jsonl/jsonl.h plugins/jsonl/json.h plugins/jsonl/connector.c plugins/jsonl/json.c plugins/jsonl/files.c \
	plugins/jsonl/lines.c plugins/jsonl/read.c plugins/jsonl/look.c plugins/jsonl/render.c plugins/jsonl/write.c
connector_LTLIBRARIES += jsonl.la
jsonl_la_SOURCES = $(JSONL_SOURCES)
jsonl_la_CPPFLAGS = $(AM_CPPFLAGS)
jsonl_la_CFLAGS = $(AM_CFLAGS)
jsonl_la_LDFLAGS = $(plugin_link)
jsonl_la_LIBADD = libsyncline-connector.a

if HAVE_CMOCKA
check_PROGRAMS += tests/bin/test-jsonl
TESTS += tests/bin/test-jsonl
tests_bin_test_jsonl_SOURCES = plugins/jsonl/test-jsonl.c tests/fixture.h
tests_bin_test_jsonl_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_jsonl_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_jsonl_LDADD = libbench.a libbatch.a libbase.a libsyncline-connector.a $(UNIT_LIBS)
tests_bin_test_jsonl_DEPENDENCIES = libbench.a libbatch.a libbase.a libsyncline-connector.a jsonl.la

noinst_LIBRARIES += libjsonl.a
libjsonl_a_SOURCES = $(JSONL_SOURCES)
libjsonl_a_CPPFLAGS = $(AM_CPPFLAGS)
libjsonl_a_CFLAGS = $(AM_CFLAGS)
check_PROGRAMS += tests/bin/test-jsonl-oom
TESTS += tests/bin/test-jsonl-oom
tests_bin_test_jsonl_oom_SOURCES = plugins/jsonl/test-oom.c tests/fixture.h tests/oom.c
tests_bin_test_jsonl_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_jsonl_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_jsonl_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_jsonl_oom_LDADD = libjsonl.a libbench.a libbatch.a libbase.a libsyncline-connector.a $(UNIT_LIBS)
# A child dies before each of its calls of the system.
jsonl_wrap = -Wl,--wrap=fsync -Wl,--wrap=ftruncate -Wl,--wrap=pwrite -Wl,--wrap=renameat -Wl,--wrap=unlinkat -Wl,--wrap=mkdirat
check_PROGRAMS += tests/bin/test-jsonl-kill
TESTS += tests/bin/test-jsonl-kill
tests_bin_test_jsonl_kill_SOURCES = plugins/jsonl/test-kill.c tests/fixture.h
tests_bin_test_jsonl_kill_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_jsonl_kill_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_jsonl_kill_LDFLAGS = $(AM_LDFLAGS) $(jsonl_wrap)
tests_bin_test_jsonl_kill_LDADD = libjsonl.a libbench.a libbatch.a libbase.a libsyncline-connector.a $(UNIT_LIBS)
endif

dist_man7_MANS += plugins/jsonl/syncline-jsonl.7
EXTRA_DIST += plugins/jsonl/oracle.py
