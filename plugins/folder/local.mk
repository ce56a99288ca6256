# plugins/folder; and the same code as a library of its own for a test that links it in.
FOLDER_SOURCES = plugins/folder/folder.c plugins/folder/folder.h plugins/folder/document.c plugins/folder/walk.c plugins/folder/source.c \
	plugins/folder/query.c plugins/folder/sink.c plugins/folder/content.c
connector_LTLIBRARIES += folder.la
folder_la_SOURCES = $(FOLDER_SOURCES)
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

noinst_LIBRARIES += libfolder.a
libfolder_a_SOURCES = $(FOLDER_SOURCES)
libfolder_a_CPPFLAGS = $(AM_CPPFLAGS)
libfolder_a_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS) $(SODIUM_CFLAGS)
# The same tests on a file system that keeps whole seconds.
check_PROGRAMS += tests/bin/test-folder-coarse
TESTS += tests/bin/test-folder-coarse
tests_bin_test_folder_coarse_SOURCES = plugins/folder/test-folder.c
tests_bin_test_folder_coarse_CPPFLAGS = $(UNIT_CPPFLAGS) -DFOLDER_COARSE
tests_bin_test_folder_coarse_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_folder_coarse_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fstat
tests_bin_test_folder_coarse_LDADD = libfolder.a libbench.a libbatch.a libbase.a libsyncline-connector.a $(JSON_LIBS) $(UNIT_LIBS)
# What json-c and the C library allocate for the connector is made to fail as well.
folder_wrap = -Wl,--wrap=json_object_new_object -Wl,--wrap=json_object_new_int -Wl,--wrap=json_object_new_int64 \
	-Wl,--wrap=json_object_new_boolean -Wl,--wrap=json_object_new_double_s -Wl,--wrap=json_object_new_string \
	-Wl,--wrap=json_object_new_string_len -Wl,--wrap=json_object_object_add -Wl,--wrap=json_object_deep_copy \
	-Wl,--wrap=json_object_to_json_string_ext -Wl,--wrap=json_object_get_string -Wl,--wrap=json_tokener_new \
	-Wl,--wrap=json_tokener_parse_ex -Wl,--wrap=fdopendir
check_PROGRAMS += tests/bin/test-folder-oom
TESTS += tests/bin/test-folder-oom
tests_bin_test_folder_oom_SOURCES = plugins/folder/test-oom.c tests/fixture.h tests/oom.c
tests_bin_test_folder_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_folder_oom_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_bin_test_folder_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS) $(folder_wrap)
tests_bin_test_folder_oom_LDADD = libfolder.a libbench.a libbatch.a libbase.a libsyncline-connector.a $(JSON_LIBS) $(UNIT_LIBS)
endif
dist_man7_MANS += plugins/folder/syncline-folder.7
