# The helper library: an installed static archive whose objects can go into a shared one.
lib_LIBRARIES += libsyncline-connector.a
libsyncline_connector_a_SOURCES = sdk/lib/error.c sdk/lib/host.c sdk/lib/buffer.c sdk/lib/text.c sdk/lib/time.c sdk/lib/path.c \
	sdk/lib/publish.c sdk/lib/journal.c sdk/lib/journal-keys.c sdk/lib/journal-scan.c sdk/lib/journal.h
libsyncline_connector_a_CPPFLAGS = $(AM_CPPFLAGS)
libsyncline_connector_a_CFLAGS = $(AM_CFLAGS) -fPIC
if HAVE_CMOCKA
check_PROGRAMS += tests/bin/test-helper
TESTS += tests/bin/test-helper
tests_bin_test_helper_SOURCES = sdk/lib/test-helper.c
tests_bin_test_helper_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_test_helper_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_bin_test_helper_LDADD = libsyncline-connector.a $(CMOCKA_LIBS)

# printf and fdopendir take memory inside the C library: there they are made to ask for some here first.
helper_wrap = -Wl,--wrap=vsnprintf -Wl,--wrap=snprintf -Wl,--wrap=__vsnprintf_chk -Wl,--wrap=__snprintf_chk -Wl,--wrap=fdopendir
check_PROGRAMS += tests/bin/test-helper-oom
TESTS += tests/bin/test-helper-oom
tests_bin_test_helper_oom_SOURCES = sdk/lib/test-oom.c tests/oom.c tests/oom.h
tests_bin_test_helper_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_helper_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_helper_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS) $(helper_wrap)
tests_bin_test_helper_oom_LDADD = libsyncline-connector.a $(CMOCKA_LIBS)
endif
