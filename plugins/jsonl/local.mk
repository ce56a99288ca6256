# plugins/jsonl: one JSON object a line.
connector_LTLIBRARIES += jsonl.la
jsonl_la_SOURCES = plugins/jsonl/jsonl.h plugins/jsonl/json.h plugins/jsonl/connector.c plugins/jsonl/json.c plugins/jsonl/files.c \
	plugins/jsonl/lines.c plugins/jsonl/read.c plugins/jsonl/look.c plugins/jsonl/render.c plugins/jsonl/write.c
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
endif

dist_man7_MANS += plugins/jsonl/syncline-jsonl.7
EXTRA_DIST += plugins/jsonl/oracle.py
