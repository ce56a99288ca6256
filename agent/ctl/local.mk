noinst_LIBRARIES += libctl.a
libctl_a_SOURCES = agent/ctl/args.c agent/ctl/ctl.h agent/ctl/load.c agent/ctl/load.h agent/ctl/print.c agent/ctl/progress.c \
	agent/ctl/progress.h agent/ctl/verb_check.c agent/ctl/verb_connectors.c agent/ctl/verb_convert.c agent/ctl/verb_describe.c \
	agent/ctl/verb_discover.c agent/ctl/verb_explain.c agent/ctl/verb_test.c agent/ctl/verbs.c
libctl_a_SOURCES += agent/ctl/open.c agent/ctl/open.h agent/ctl/verb_flag.c agent/ctl/verb_run.c agent/ctl/verb_runs.c
libctl_a_SOURCES += agent/ctl/doctor.h agent/ctl/doctor_systems.c agent/ctl/listing.c agent/ctl/listing.h agent/ctl/triage.h agent/ctl/triage_act.c agent/ctl/verb_doctor.c \
	agent/ctl/verb_status.c agent/ctl/verb_triage.c
libctl_a_SOURCES += agent/ctl/links.h agent/ctl/links_import.c agent/ctl/links_lines.c agent/ctl/trace.h agent/ctl/trace_rules.c agent/ctl/verb_care.c \
	agent/ctl/verb_corrections.c agent/ctl/verb_links.c agent/ctl/verb_loadtest.c agent/ctl/verb_locks.c agent/ctl/verb_plans.c agent/ctl/verb_position.c agent/ctl/verb_trace.c
libctl_a_SOURCES += agent/ctl/control.c agent/ctl/control.h agent/ctl/interrupt.c agent/ctl/interrupt.h \
	agent/ctl/remote.c agent/ctl/remote.h agent/ctl/service.c agent/ctl/service.h agent/ctl/status.h agent/ctl/status_agent.c agent/ctl/status_alone.c \
	agent/ctl/status_down.c agent/ctl/status_json.c agent/ctl/status_judge.c agent/ctl/status_view.c agent/ctl/status_view.h agent/ctl/table.c agent/ctl/wire.c agent/ctl/wire.h
libctl_a_CPPFLAGS = $(AGENT_CPPFLAGS) -DSYNCLINE_VERSION='"$(PACKAGE_VERSION)"' -DSYNCLINE_STATE_DIR='"$(localstatedir)/lib/syncline"' \
	-DSYNCLINE_RUN_DIR='"$(runstatedir)/syncline"'
libctl_a_CFLAGS = $(AGENT_CFLAGS)
