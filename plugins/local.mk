# The connectors that we ship.  Each is built against sdk/ alone.
plugin_link = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^syncline_connector$$'
include plugins/csv/local.mk
include plugins/sqlite/local.mk
include plugins/folder/local.mk
include plugins/jsonl/local.mk

# Where the built connectors are found before they are installed: .connectors/NAME.so.
.connectors/made: $(connector_LTLIBRARIES)
	@$(MKDIR_P) .connectors && rm -f .connectors/*.so
	@for connector in $(connector_LTLIBRARIES); do \
		name=`basename "$$connector" .la`; \
		ln -s "$(abs_builddir)/`dirname "$$connector"`/.libs/$$name.so" ".connectors/$$name.so" || exit 1; \
	done
	@touch $@
all-local: .connectors/made
clean-local:
	rm -rf .connectors
