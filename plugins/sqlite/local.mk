# plugins/sqlite: tables of an SQLite database.
connector_LTLIBRARIES += sqlite.la
sqlite_la_SOURCES = plugins/sqlite/sqlite.h plugins/sqlite/connector.c plugins/sqlite/table.c plugins/sqlite/value.c \
	plugins/sqlite/position.c plugins/sqlite/rows.c plugins/sqlite/read.c plugins/sqlite/look.c plugins/sqlite/statement.c \
	plugins/sqlite/write.c plugins/sqlite/discover.c
sqlite_la_CPPFLAGS = $(AM_CPPFLAGS)
sqlite_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
sqlite_la_LDFLAGS = $(plugin_link)
sqlite_la_LIBADD = libsyncline-connector.a $(SQLITE_LIBS) -lm

if HAVE_CMOCKA
check_PROGRAMS += tests/bin/test-sqlite
TESTS += tests/bin/test-sqlite
tests_bin_test_sqlite_SOURCES = plugins/sqlite/test-sqlite.c tests/fixture.h
tests_bin_test_sqlite_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_sqlite_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_sqlite_LDADD = libbench.a libbatch.a libbase.a libsyncline-connector.a $(UNIT_LIBS)
tests_bin_test_sqlite_DEPENDENCIES = libbench.a libbatch.a libbase.a libsyncline-connector.a sqlite.la
endif

dist_man7_MANS += plugins/sqlite/syncline-sqlite.7

# Run by hand: tests/bin/bench-data.
if HAVE_CMOCKA
EXTRA_PROGRAMS += tests/bin/bench-data
tests_bin_bench_data_SOURCES = plugins/sqlite/bench-sqlite.c tests/fixture.h
tests_bin_bench_data_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_bench_data_CFLAGS = $(UNIT_CFLAGS)
tests_bin_bench_data_LDADD = libbench.a libbatch.a libbase.a libsyncline-connector.a $(UNIT_LIBS)
endif
