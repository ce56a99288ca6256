check_PROGRAMS += tests/bin/test-deliver
TESTS += tests/bin/test-deliver
DELIVER_ARCHIVES = libdeliver.a libflow.a libmanners.a libledger.a librules.a librulesfn.a libhost.a libconfig.a libbatch.a libos.a libbase.a
tests_bin_test_deliver_SOURCES = tests/unit/deliver.c tests/unit/deliver_table.c tests/unit/deliver_children.c tests/unit/deliver_doubt.c tests/unit/deliver_meanwhile.c tests/unit/deliver_help.c tests/unit/deliver_help.h
tests_bin_test_deliver_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_deliver_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_deliver_LDADD = $(DELIVER_ARCHIVES) $(UNIT_LIBS)
