# agent/config: files to a checked model.  The library that parses them is -lconfig; this archive is always named by its path.
noinst_LIBRARIES += libconfig.a
libconfig_a_SOURCES = agent/config/cron.c agent/config/cron.h agent/config/model.h agent/config/scan.c agent/config/scan.h agent/config/tree.c agent/config/tree.h \
	agent/config/files.c agent/config/grammar.c agent/config/grammar.h agent/config/fill.c agent/config/special.c \
	agent/config/values.c agent/config/settings.c agent/config/check_systems.c agent/config/check_entities.c \
	agent/config/check_flows.c agent/config/check_tests.c agent/config/contract.c agent/config/contract.h \
	agent/config/schema.c agent/config/field_words.h agent/config/diagnostics.c agent/config/load.c agent/config/find.c agent/config/report.c
libconfig_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libconfig_a_CFLAGS = $(AGENT_CFLAGS)
dist_man5_MANS += docs/man/syncline.conf.5
# The sample configuration.
EXTRA_DIST += conf.d/00-agent.conf conf.d/10-systems.conf conf.d/20-units.conf conf.d/30-entities.conf conf.d/40-flows.conf \
	conf.d/lookups/country.csv
