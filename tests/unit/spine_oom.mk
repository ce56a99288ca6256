# a record's way when memory runs out
SPINE_OOM_SOURCES = tests/unit/spine_help.c tests/unit/spine_help.h tests/memory_vfs.c tests/memory_vfs.h tests/oom_sqlite.c tests/oom_sqlite.h \
	tests/oom.c tests/oom.h
SPINE_ARCHIVES = libschedule.a librehearse.a libdeliver.a libflow.a libmanners.a libledger.a librules.a librulesfn.a libhost.a libconfig.a libbatch.a libos.a libbase.a
spine_oom_link = $(AM_LDFLAGS) $(OOM_LDFLAGS) $(OOM_FSYNC_LDFLAGS)
check_PROGRAMS += tests/bin/test-flow-oom
TESTS += tests/bin/test-flow-oom
tests_bin_test_flow_oom_SOURCES = tests/unit/flow_oom.c $(SPINE_OOM_SOURCES)
tests_bin_test_flow_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_flow_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_flow_oom_LDFLAGS = $(spine_oom_link)
tests_bin_test_flow_oom_LDADD = $(SPINE_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-deliver-oom
TESTS += tests/bin/test-deliver-oom
tests_bin_test_deliver_oom_SOURCES = tests/unit/deliver_oom.c $(SPINE_OOM_SOURCES)
tests_bin_test_deliver_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_deliver_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_deliver_oom_LDFLAGS = $(spine_oom_link)
tests_bin_test_deliver_oom_LDADD = $(SPINE_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-run-oom
TESTS += tests/bin/test-run-oom
tests_bin_test_run_oom_SOURCES = tests/unit/run_oom.c $(SPINE_OOM_SOURCES)
tests_bin_test_run_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_run_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_run_oom_LDFLAGS = $(spine_oom_link)
tests_bin_test_run_oom_LDADD = $(SPINE_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-plan-oom
TESTS += tests/bin/test-plan-oom
tests_bin_test_plan_oom_SOURCES = tests/unit/plan_oom.c $(SPINE_OOM_SOURCES)
tests_bin_test_plan_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_plan_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_plan_oom_LDFLAGS = $(spine_oom_link)
tests_bin_test_plan_oom_LDADD = $(SPINE_ARCHIVES) $(UNIT_LIBS)
