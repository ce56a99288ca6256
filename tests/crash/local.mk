# Crash tests: the programs as they are shipped, with fault points that a test can use, and a store that loses its power.
FAULTS_SOURCES = tests/crash/faults.h tests/crash/faults.c tests/crash/serve.h
POWERLOSS_SOURCES = tests/crash/powerloss.h tests/crash/powerloss.c

check_PROGRAMS += tests/bin/syncline-faults tests/bin/syncline-host-faults
# Without libcurl, which takes longer to load than a run takes.
CRASH_LIBS = $(LIBCONFIG_LIBS) $(SQLITE_LIBS) $(SODIUM_LIBS) $(JSON_LIBS) $(PCRE2_LIBS) $(UTF8PROC_LIBS) $(ZSTD_LIBS) $(LTDL_LIBS)
tests_bin_syncline_faults_SOURCES = $(syncline_SOURCES) tests/crash/agent.c tests/crash/no-http.c $(FAULTS_SOURCES) $(POWERLOSS_SOURCES)
tests_bin_syncline_faults_CPPFLAGS = $(syncline_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_syncline_faults_CFLAGS = $(AGENT_CFLAGS)
tests_bin_syncline_faults_LDADD = libctl.a libschedule.a librehearse.a libdeliver.a libflow.a libmanners.a libledger.a librules.a librulesfn.a libhost.a libconfig.a \
	libbatch.a libos.a libbase.a $(CRASH_LIBS)
tests_bin_syncline_host_faults_SOURCES = $(syncline_host_SOURCES) tests/crash/host.c tests/crash/no-http.c $(FAULTS_SOURCES)
tests_bin_syncline_host_faults_CPPFLAGS = $(syncline_host_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_syncline_host_faults_CFLAGS = $(AGENT_CFLAGS)
# Its fsync() and renameat() are for connectors, too.
tests_bin_syncline_host_faults_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_bin_syncline_host_faults_LDADD = librules.a librulesfn.a $(HOST_ARCHIVES) $(CRASH_LIBS)

# The agent as a service, and its hosts, with fault points, and with clocks that a test sets.  They speak HTTP.
CLOCK_WRAPS = -Wl,--wrap=clock_gettime -Wl,--wrap=poll -Wl,--wrap=pthread_cond_timedwait
check_PROGRAMS += tests/bin/synclined-faults tests/bin/synclined-host-faults
tests_bin_synclined_faults_SOURCES = $(synclined_SOURCES) tests/crash/agent.c tests/crash/clock.c $(FAULTS_SOURCES) $(POWERLOSS_SOURCES)
tests_bin_synclined_faults_CPPFLAGS = $(synclined_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_synclined_faults_CFLAGS = $(AGENT_CFLAGS)
tests_bin_synclined_faults_LDFLAGS = $(AM_LDFLAGS) $(CLOCK_WRAPS)
tests_bin_synclined_faults_LDADD = $(synclined_LDADD)
tests_bin_synclined_host_faults_SOURCES = $(syncline_host_SOURCES) tests/crash/host.c tests/crash/clock.c $(FAULTS_SOURCES)
tests_bin_synclined_host_faults_CPPFLAGS = $(syncline_host_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_synclined_host_faults_CFLAGS = $(AGENT_CFLAGS)
tests_bin_synclined_host_faults_LDFLAGS = $(AM_LDFLAGS) -export-dynamic $(CLOCK_WRAPS)
tests_bin_synclined_host_faults_LDADD = $(syncline_host_LDADD)

# All of them in one that is loaded once, for the whole matrix.  Where it can't be built (it is for Linux), each program is loaded each time.
EXTRA_PROGRAMS += tests/bin/crash-serve
tests_bin_crash_serve_SOURCES = $(syncline_SOURCES) agent/host/program.c tests/crash/serve.c tests/crash/agent.c tests/crash/host.c \
	tests/crash/ledger-check.c tests/crash/no-http.c $(FAULTS_SOURCES) $(POWERLOSS_SOURCES)
tests_bin_crash_serve_CPPFLAGS = $(syncline_CPPFLAGS) -I$(top_srcdir)/tests -Dmain=syncline_main -DSERVED -include $(top_srcdir)/tests/crash/serve.h
tests_bin_crash_serve_CFLAGS = $(AGENT_CFLAGS)
tests_bin_crash_serve_LDFLAGS = $(AM_LDFLAGS) -export-dynamic -Wl,--wrap=stat
tests_bin_crash_serve_LDADD = $(tests_bin_syncline_faults_LDADD)

if HAVE_CMOCKA
check_PROGRAMS += tests/bin/test-powerloss
TESTS += tests/bin/test-powerloss
tests_bin_test_powerloss_SOURCES = tests/crash/test-powerloss.c $(FAULTS_SOURCES) $(POWERLOSS_SOURCES)
tests_bin_test_powerloss_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_powerloss_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_powerloss_LDADD = libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-carry
TESTS += tests/bin/test-carry
tests_bin_test_carry_SOURCES = tests/crash/test-carry.c $(LEDGER_HELP) $(FAULTS_SOURCES) $(POWERLOSS_SOURCES)
tests_bin_test_carry_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_carry_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_carry_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)
endif
dist_check_SCRIPTS += tests/crash/worlds.sh
TESTS += tests/crash/worlds.sh

check_PROGRAMS += tests/bin/ledger-check
tests_bin_ledger_check_SOURCES = tests/crash/serve.h tests/crash/ledger-check.c
tests_bin_ledger_check_CPPFLAGS = $(AGENT_CPPFLAGS) -I$(top_srcdir)/tests
tests_bin_ledger_check_CFLAGS = $(AGENT_CFLAGS)
tests_bin_ledger_check_LDADD = libledger.a libconfig.a libbatch.a libos.a libbase.a $(AGENT_LIBS)

# A sample of points with every check; all of them with `make check-crash`, one again with `make check-crash-case CASE=…`.
dist_check_SCRIPTS += tests/crash/crash.sh
TESTS += tests/crash/crash.sh
EXTRA_DIST += tests/crash/crash.py tests/crash/bed.py tests/crash/importer.py tests/crash/state.py
CRASH_NEEDS = all $(check_LTLIBRARIES) tests/bin/syncline-faults tests/bin/syncline-host-faults tests/bin/ledger-check
check-crash: $(CRASH_NEEDS)
	-$(MAKE) $(AM_MAKEFLAGS) tests/bin/crash-serve
	@$(AM_TESTS_ENVIRONMENT) sh "$(srcdir)/tests/crash/crash.sh" whole $$SYNCLINE_CRASH_SEED
check-crash-case: $(CRASH_NEEDS)
	@$(AM_TESTS_ENVIRONMENT) sh "$(srcdir)/tests/crash/crash.sh" case "$(CASE)"
.PHONY: check-crash check-crash-case
