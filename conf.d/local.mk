# conf.d: the sample configuration that is installed and that the tests parse
conf_DATA += conf.d/00-agent.conf conf.d/10-systems.conf conf.d/20-units.conf conf.d/30-entities.conf conf.d/40-flows.conf
lookupsdir = $(confdir)/lookups
lookups_DATA = conf.d/lookups/country.csv
EXTRA_DIST += $(conf_DATA) $(lookups_DATA)
dist_man5_MANS += docs/man/syncline.conf.5
