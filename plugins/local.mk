# The connectors that we ship.  Each is built against sdk/ alone.
plugin_link = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^syncline_connector$$'
include plugins/csv/local.mk
include plugins/sqlite/local.mk
include plugins/folder/local.mk
include plugins/jsonl/local.mk
