# plugins/sqlite: tables of an SQLite database.
connector_LTLIBRARIES += sqlite.la
sqlite_la_SOURCES = plugins/sqlite/sqlite.h plugins/sqlite/connector.c plugins/sqlite/table.c plugins/sqlite/value.c \
	plugins/sqlite/position.c plugins/sqlite/rows.c plugins/sqlite/read.c plugins/sqlite/look.c plugins/sqlite/statement.c \
	plugins/sqlite/write.c plugins/sqlite/discover.c
sqlite_la_CPPFLAGS = $(AM_CPPFLAGS)
sqlite_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
sqlite_la_LDFLAGS = $(plugin_link)
sqlite_la_LIBADD = libsyncline-connector.a $(SQLITE_LIBS) -lm
