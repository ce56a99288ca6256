# plugins/csv: the connector, and the same code as a library of its own for the fuzzer and the bench.
CSV_SOURCES = plugins/csv/content.c plugins/csv/csv.h plugins/csv/decode.c plugins/csv/discover.c plugins/csv/files.c \
	plugins/csv/group.c plugins/csv/parse.c plugins/csv/parse.h plugins/csv/position.c \
	plugins/csv/reader.c plugins/csv/scan.c plugins/csv/settings.c plugins/csv/sink.c plugins/csv/stream.c plugins/csv/stream.h \
	plugins/csv/table.c plugins/csv/table.h plugins/csv/values.c plugins/csv/csv.c

connector_LTLIBRARIES += csv.la
csv_la_SOURCES = $(CSV_SOURCES)
csv_la_CPPFLAGS = $(AM_CPPFLAGS)
csv_la_CFLAGS = $(AM_CFLAGS)
csv_la_LDFLAGS = $(plugin_link)
csv_la_LIBADD = libsyncline-connector.a

EXTRA_DIST += plugins/csv/northwind.py
dist_man7_MANS += plugins/csv/syncline-csv.7

noinst_LIBRARIES += libcsv.a
libcsv_a_SOURCES = $(CSV_SOURCES)
libcsv_a_CPPFLAGS = $(AM_CPPFLAGS)
libcsv_a_CFLAGS = $(AM_CFLAGS)


if HAVE_CMOCKA
check_PROGRAMS += tests/bin/test-csv-parse
TESTS += tests/bin/test-csv-parse
tests_bin_test_csv_parse_SOURCES = plugins/csv/test-parse.c tests/check.h
tests_bin_test_csv_parse_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_test_csv_parse_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_bin_test_csv_parse_LDADD = libcsv.a libsyncline-connector.a $(CMOCKA_LIBS)

# Through the shared object, on the bench that the checker uses.
csv_test_libs = libbench.a libbatch.a libbase.a libsyncline-connector.a
check_PROGRAMS += tests/bin/test-csv-read
TESTS += tests/bin/test-csv-read
tests_bin_test_csv_read_SOURCES = plugins/csv/test-read.c plugins/csv/test-bed.h
tests_bin_test_csv_read_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_csv_read_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_csv_read_LDADD = $(csv_test_libs) $(UNIT_LIBS)
tests_bin_test_csv_read_DEPENDENCIES = $(csv_test_libs) csv.la
check_PROGRAMS += tests/bin/test-csv-write
TESTS += tests/bin/test-csv-write
tests_bin_test_csv_write_SOURCES = plugins/csv/test-write.c plugins/csv/test-bed.h
tests_bin_test_csv_write_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_csv_write_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_csv_write_LDADD = $(csv_test_libs) $(UNIT_LIBS)
tests_bin_test_csv_write_DEPENDENCIES = $(csv_test_libs) csv.la
# The same tests with the connector linked in, so that a child can die before each of its calls of the system.
csv_wrap = -Wl,--wrap=fsync -Wl,--wrap=ftruncate -Wl,--wrap=pwrite -Wl,--wrap=renameat -Wl,--wrap=unlinkat -Wl,--wrap=mkdirat
check_PROGRAMS += tests/bin/test-csv-kill
TESTS += tests/bin/test-csv-kill
tests_bin_test_csv_kill_SOURCES = plugins/csv/test-write.c plugins/csv/test-bed.h
tests_bin_test_csv_kill_CPPFLAGS = $(UNIT_CPPFLAGS) -DCSV_KILL
tests_bin_test_csv_kill_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_csv_kill_LDFLAGS = $(AM_LDFLAGS) $(csv_wrap)
tests_bin_test_csv_kill_LDADD = libcsv.a $(csv_test_libs) $(UNIT_LIBS)
check_PROGRAMS += tests/bin/test-csv-oom
TESTS += tests/bin/test-csv-oom
tests_bin_test_csv_oom_SOURCES = plugins/csv/test-oom.c plugins/csv/test-bed.h tests/oom.c
tests_bin_test_csv_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_csv_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_csv_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_csv_oom_LDADD = libcsv.a $(csv_test_libs) $(UNIT_LIBS)
check_PROGRAMS += tests/bin/test-csv-northwind
TESTS += tests/bin/test-csv-northwind
tests_bin_test_csv_northwind_SOURCES = plugins/csv/test-northwind.c plugins/csv/test-bed.h
tests_bin_test_csv_northwind_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_csv_northwind_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_csv_northwind_LDADD = $(csv_test_libs) $(UNIT_LIBS)
tests_bin_test_csv_northwind_DEPENDENCIES = $(csv_test_libs) csv.la
endif

# How fast rows become records; a measurement, not a test: make tests/bin/bench-csv
EXTRA_PROGRAMS += tests/bin/bench-csv
tests_bin_bench_csv_SOURCES = plugins/csv/bench.c
tests_bin_bench_csv_CPPFLAGS = $(AM_CPPFLAGS)
tests_bin_bench_csv_CFLAGS = $(AM_CFLAGS)
tests_bin_bench_csv_LDADD = libcsv.a libsyncline-connector.a
