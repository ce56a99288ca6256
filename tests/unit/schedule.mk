# unit tests of what is due when
check_PROGRAMS += tests/bin/test-due
TESTS += tests/bin/test-due
tests_bin_test_due_SOURCES = tests/unit/due.c
tests_bin_test_due_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_due_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_due_LDADD = libschedule.a libconfig.a librulesfn.a libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-agenda
TESTS += tests/bin/test-agenda
tests_bin_test_agenda_SOURCES = tests/unit/agenda.c
tests_bin_test_agenda_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_agenda_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_agenda_LDADD = libschedule.a libconfig.a librulesfn.a libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-arrivals
TESTS += tests/bin/test-arrivals
tests_bin_test_arrivals_SOURCES = tests/unit/arrivals.c
tests_bin_test_arrivals_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_arrivals_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_arrivals_LDADD = libschedule.a libconfig.a libos.a librulesfn.a libbase.a $(UNIT_LIBS)

# messages of the control socket
check_PROGRAMS += tests/bin/test-wire
TESTS += tests/bin/test-wire
tests_bin_test_wire_SOURCES = tests/unit/wire.c
tests_bin_test_wire_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_wire_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_wire_LDADD = libctl.a libbase.a $(UNIT_LIBS)

# how much systems are asked to bear
check_PROGRAMS += tests/bin/test-manners
TESTS += tests/bin/test-manners
tests_bin_test_manners_SOURCES = tests/unit/manners.c
tests_bin_test_manners_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_manners_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_manners_LDADD = libmanners.a libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-log
TESTS += tests/bin/test-log
tests_bin_test_log_SOURCES = tests/unit/log.c
tests_bin_test_log_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_log_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_log_LDADD = libobserve.a libos.a libbase.a $(UNIT_LIBS)

# values of generated records
check_PROGRAMS += tests/bin/test-generate
TESTS += tests/bin/test-generate
tests_bin_test_generate_SOURCES = tests/unit/generate.c
tests_bin_test_generate_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_generate_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_generate_LDADD = librehearse.a librules.a librulesfn.a libconfig.a libbatch.a libos.a libbase.a $(UNIT_LIBS)
