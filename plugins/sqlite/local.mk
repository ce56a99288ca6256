# plugins/sqlite: tables of an SQLite database.
SQLITE_TABLES_SOURCES = plugins/sqlite/sqlite.h plugins/sqlite/connector.c plugins/sqlite/table.c plugins/sqlite/value.c \
	plugins/sqlite/position.c plugins/sqlite/mark.c plugins/sqlite/rows.c plugins/sqlite/read.c plugins/sqlite/look.c plugins/sqlite/statement.c \
	plugins/sqlite/write.c plugins/sqlite/discover.c

connector_LTLIBRARIES += sqlite.la
sqlite_la_SOURCES = $(SQLITE_TABLES_SOURCES)
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

# The connector linked in, so that its allocations can be made to fail.
noinst_LIBRARIES += libsqlite-tables.a
libsqlite_tables_a_SOURCES = $(SQLITE_TABLES_SOURCES)
libsqlite_tables_a_CPPFLAGS = $(AM_CPPFLAGS)
libsqlite_tables_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
sqlite_oom_libs = libsqlite-tables.a libbench.a libbatch.a libbase.a libsyncline-connector.a $(UNIT_LIBS) -lm
check_PROGRAMS += tests/bin/test-sqlite-oom-read tests/bin/test-sqlite-oom-write
TESTS += tests/bin/test-sqlite-oom-read tests/bin/test-sqlite-oom-write
tests_bin_test_sqlite_oom_read_SOURCES = plugins/sqlite/test-oom-read.c plugins/sqlite/test-oom.h tests/oom.c tests/oom.h
tests_bin_test_sqlite_oom_read_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_sqlite_oom_read_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_sqlite_oom_read_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_sqlite_oom_read_LDADD = $(sqlite_oom_libs)
tests_bin_test_sqlite_oom_write_SOURCES = plugins/sqlite/test-oom-write.c plugins/sqlite/test-oom.h tests/oom.c tests/oom.h
tests_bin_test_sqlite_oom_write_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_sqlite_oom_write_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_sqlite_oom_write_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_sqlite_oom_write_LDADD = $(sqlite_oom_libs)
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
