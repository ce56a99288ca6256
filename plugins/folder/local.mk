# plugins/folder
connector_LTLIBRARIES += folder.la
folder_la_SOURCES = plugins/folder/folder.c plugins/folder/folder.h plugins/folder/document.c plugins/folder/walk.c plugins/folder/source.c \
	plugins/folder/query.c plugins/folder/sink.c plugins/folder/content.c
folder_la_CPPFLAGS = $(AM_CPPFLAGS)
folder_la_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS) $(SODIUM_CFLAGS)
folder_la_LDFLAGS = $(plugin_link)
folder_la_LIBADD = libsyncline-connector.a $(JSON_LIBS) $(SODIUM_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/bin/test-folder
TESTS += tests/bin/test-folder
tests_bin_test_folder_SOURCES = plugins/folder/test-folder.c
tests_bin_test_folder_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_folder_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_folder_LDADD = libbench.a libbatch.a libbase.a libsyncline-connector.a $(UNIT_LIBS)
tests_bin_test_folder_DEPENDENCIES = libbench.a libbatch.a libbase.a libsyncline-connector.a folder.la
endif
dist_man7_MANS += plugins/folder/syncline-folder.7
