# Tests.  A unit test is one cmocka program; TEST_LIBS lists the folders it may use, from the top of the house down.
TEST_LIBS = libbatch.a libbase.a
UNIT_CPPFLAGS = $(AGENT_CPPFLAGS) -I$(top_srcdir)/tests
UNIT_CFLAGS = $(AGENT_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_LIBS = $(CMOCKA_LIBS) $(LIBCONFIG_LIBS) $(SQLITE_LIBS) $(SODIUM_LIBS) $(CURL_LIBS) $(JSON_LIBS) $(PCRE2_LIBS) $(ZSTD_LIBS) $(LTDL_LIBS)

if HAVE_CMOCKA
include tests/unit/local.mk
endif
include tests/connectors/local.mk
include tests/system/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
