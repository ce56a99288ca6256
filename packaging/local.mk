# The sample configuration.  It is installed as documentation, and into etc/syncline/conf.d when no configuration is there yet: what an
# administrator wrote is never touched, and what he deleted does not come back.
EXTRA_DIST += packaging/README.md
sampledir = $(docdir)/examples
list_samples = (cd "$(srcdir)" && find conf.d contracts -type f ! -name '*.mk' 2>/dev/null | sort)
install-data-local:
	@$(MKDIR_P) "$(DESTDIR)$(confdir)" "$(DESTDIR)$(sampledir)"
	@fresh=yes; for file in "$(DESTDIR)$(confdir)"/*.conf; do test ! -f "$$file" || fresh=no; done; \
	$(list_samples) | while read -r file; do \
		place=`dirname "$$file"`; \
		$(MKDIR_P) "$(DESTDIR)$(sampledir)/$$place" && $(INSTALL_DATA) "$(srcdir)/$$file" "$(DESTDIR)$(sampledir)/$$file" || exit 1; \
		if test $$fresh = yes; then \
			$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/syncline/$$place" && \
			$(INSTALL_DATA) "$(srcdir)/$$file" "$(DESTDIR)$(sysconfdir)/syncline/$$file" || exit 1; \
		fi; \
	done
uninstall-local:
	@$(list_samples) | while read -r file; do \
		rm -f "$(DESTDIR)$(sampledir)/$$file"; \
		installed="$(DESTDIR)$(sysconfdir)/syncline/$$file"; \
		if cmp -s "$(srcdir)/$$file" "$$installed"; then rm -f "$$installed"; fi; \
	done
	@for folder in "$(DESTDIR)$(sampledir)" "$(DESTDIR)$(sysconfdir)/syncline"; do \
		test ! -d "$$folder" || find "$$folder" -depth -type d -exec rmdir {} + 2>/dev/null || :; \
	done
