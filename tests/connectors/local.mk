# Connectors for tests: one that behaves and one for each way to misbehave.  Built like any other, against sdk/ alone; never installed.
test_connector_link = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
EXTRA_DIST += tests/connectors/misbehave.h
check_LTLIBRARIES += \
	tests/connectors/aborts.la \
	tests/connectors/bad-error.la \
	tests/connectors/bad-values.la \
	tests/connectors/closes.la \
	tests/connectors/crash-get.la \
	tests/connectors/crash-next.la \
	tests/connectors/crash-load.la \
	tests/connectors/crash-open.la \
	tests/connectors/crash-write.la \
	tests/connectors/exits.la \
	tests/connectors/far.la \
	tests/connectors/flood-batches.la \
	tests/connectors/flood-log.la \
	tests/connectors/flood-record.la \
	tests/connectors/forks.la \
	tests/connectors/garbage.la \
	tests/connectors/good.la \
	tests/connectors/hang-close.la \
	tests/connectors/hang-write.la \
	tests/connectors/hang.la \
	tests/connectors/http.la \
	tests/connectors/ignores-cancel.la \
	tests/connectors/keeps.la \
	tests/connectors/leaks.la \
	tests/connectors/lies-position.la \
	tests/connectors/lies-results.la \
	tests/connectors/lies-size.la \
	tests/connectors/no-symbol.la \
	tests/connectors/null-descriptor.la \
	tests/connectors/refuses.la \
	tests/connectors/small-writes.la \
	tests/connectors/stops.la \
	tests/connectors/throttles.la \
	tests/connectors/throttles-items.la \
	tests/connectors/wrong-major.la \
	tests/connectors/zero-size.la
tests_connectors_aborts_la_SOURCES = tests/connectors/aborts.c
tests_connectors_aborts_la_LDFLAGS = $(test_connector_link)
tests_connectors_bad_error_la_SOURCES = tests/connectors/bad-error.c
tests_connectors_bad_error_la_LDFLAGS = $(test_connector_link)
tests_connectors_bad_values_la_SOURCES = tests/connectors/bad-values.c
tests_connectors_bad_values_la_LDFLAGS = $(test_connector_link)
tests_connectors_closes_la_SOURCES = tests/connectors/closes.c
tests_connectors_closes_la_LDFLAGS = $(test_connector_link)
tests_connectors_crash_get_la_SOURCES = tests/connectors/crash-get.c
tests_connectors_crash_get_la_LDFLAGS = $(test_connector_link)
tests_connectors_crash_next_la_SOURCES = tests/connectors/crash-next.c
tests_connectors_crash_next_la_LDFLAGS = $(test_connector_link)
tests_connectors_crash_load_la_SOURCES = tests/connectors/crash-load.c
tests_connectors_crash_load_la_LDFLAGS = $(test_connector_link)
tests_connectors_crash_open_la_SOURCES = tests/connectors/crash-open.c
tests_connectors_crash_open_la_LDFLAGS = $(test_connector_link)
tests_connectors_crash_write_la_SOURCES = tests/connectors/crash-write.c
tests_connectors_crash_write_la_LDFLAGS = $(test_connector_link)
tests_connectors_exits_la_SOURCES = tests/connectors/exits.c
tests_connectors_exits_la_LDFLAGS = $(test_connector_link)
tests_connectors_far_la_SOURCES = tests/connectors/far.c
tests_connectors_far_la_LDFLAGS = $(test_connector_link)
tests_connectors_flood_batches_la_SOURCES = tests/connectors/flood-batches.c
tests_connectors_flood_batches_la_LDFLAGS = $(test_connector_link)
tests_connectors_flood_log_la_SOURCES = tests/connectors/flood-log.c
tests_connectors_flood_log_la_LDFLAGS = $(test_connector_link)
tests_connectors_flood_record_la_SOURCES = tests/connectors/flood-record.c
tests_connectors_flood_record_la_LDFLAGS = $(test_connector_link)
tests_connectors_forks_la_SOURCES = tests/connectors/forks.c
tests_connectors_forks_la_LDFLAGS = $(test_connector_link)
tests_connectors_garbage_la_SOURCES = tests/connectors/garbage.c
tests_connectors_garbage_la_LDFLAGS = $(test_connector_link)
tests_connectors_good_la_SOURCES = tests/connectors/good.c
tests_connectors_good_la_LDFLAGS = $(test_connector_link)
tests_connectors_hang_close_la_SOURCES = tests/connectors/hang-close.c
tests_connectors_hang_close_la_LDFLAGS = $(test_connector_link)
tests_connectors_hang_write_la_SOURCES = tests/connectors/hang-write.c
tests_connectors_hang_write_la_LDFLAGS = $(test_connector_link)
tests_connectors_hang_la_SOURCES = tests/connectors/hang.c
tests_connectors_hang_la_LDFLAGS = $(test_connector_link)
tests_connectors_http_la_SOURCES = tests/connectors/http.c
tests_connectors_http_la_LDFLAGS = $(test_connector_link)
tests_connectors_ignores_cancel_la_SOURCES = tests/connectors/ignores-cancel.c
tests_connectors_ignores_cancel_la_LDFLAGS = $(test_connector_link)
tests_connectors_keeps_la_SOURCES = tests/connectors/keeps.c
tests_connectors_keeps_la_LDFLAGS = $(test_connector_link)
tests_connectors_leaks_la_SOURCES = tests/connectors/leaks.c
tests_connectors_leaks_la_LDFLAGS = $(test_connector_link)
tests_connectors_lies_position_la_SOURCES = tests/connectors/lies-position.c
tests_connectors_lies_position_la_LDFLAGS = $(test_connector_link)
tests_connectors_lies_results_la_SOURCES = tests/connectors/lies-results.c
tests_connectors_lies_results_la_LDFLAGS = $(test_connector_link)
tests_connectors_lies_size_la_SOURCES = tests/connectors/lies-size.c
tests_connectors_lies_size_la_LDFLAGS = $(test_connector_link)
tests_connectors_no_symbol_la_SOURCES = tests/connectors/no-symbol.c
tests_connectors_no_symbol_la_LDFLAGS = $(test_connector_link)
tests_connectors_null_descriptor_la_SOURCES = tests/connectors/null-descriptor.c
tests_connectors_null_descriptor_la_LDFLAGS = $(test_connector_link)
tests_connectors_refuses_la_SOURCES = tests/connectors/refuses.c
tests_connectors_refuses_la_LDFLAGS = $(test_connector_link)
tests_connectors_small_writes_la_SOURCES = tests/connectors/small-writes.c
tests_connectors_small_writes_la_LDFLAGS = $(test_connector_link)
tests_connectors_stops_la_SOURCES = tests/connectors/stops.c
tests_connectors_stops_la_LDFLAGS = $(test_connector_link)
tests_connectors_throttles_la_SOURCES = tests/connectors/throttles.c
tests_connectors_throttles_la_LDFLAGS = $(test_connector_link)
tests_connectors_throttles_items_la_SOURCES = tests/connectors/throttles-items.c
tests_connectors_throttles_items_la_LDFLAGS = $(test_connector_link)
tests_connectors_wrong_major_la_SOURCES = tests/connectors/wrong-major.c
tests_connectors_wrong_major_la_LDFLAGS = $(test_connector_link)
tests_connectors_zero_size_la_SOURCES = tests/connectors/zero-size.c
tests_connectors_zero_size_la_LDFLAGS = $(test_connector_link)

# A world for the crash tests: one source, a connector for each way of creating once.
SCRIPTED_SOURCES = tests/connectors/scripted/scripted.h tests/connectors/scripted/scripted.c tests/connectors/scripted/world.c \
	tests/connectors/scripted/sink.c tests/connectors/scripted/source.c tests/connectors/scripted/content.c
check_LTLIBRARIES += tests/connectors/scripted-upsert.la
tests_connectors_scripted_upsert_la_SOURCES = $(SCRIPTED_SOURCES)
tests_connectors_scripted_upsert_la_CPPFLAGS = $(AM_CPPFLAGS) -DWAY=WAY_UPSERT
tests_connectors_scripted_upsert_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_connectors_scripted_upsert_la_LDFLAGS = $(test_connector_link)
tests_connectors_scripted_upsert_la_LIBADD = libsyncline-connector.a $(SQLITE_LIBS)
check_LTLIBRARIES += tests/connectors/scripted-key.la
tests_connectors_scripted_key_la_SOURCES = $(SCRIPTED_SOURCES)
tests_connectors_scripted_key_la_CPPFLAGS = $(AM_CPPFLAGS) -DWAY=WAY_KEY
tests_connectors_scripted_key_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_connectors_scripted_key_la_LDFLAGS = $(test_connector_link)
tests_connectors_scripted_key_la_LIBADD = libsyncline-connector.a $(SQLITE_LIBS)
check_LTLIBRARIES += tests/connectors/scripted-forgets.la
tests_connectors_scripted_forgets_la_SOURCES = $(SCRIPTED_SOURCES)
tests_connectors_scripted_forgets_la_CPPFLAGS = $(AM_CPPFLAGS) -DWAY=WAY_FORGETS
tests_connectors_scripted_forgets_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_connectors_scripted_forgets_la_LDFLAGS = $(test_connector_link)
tests_connectors_scripted_forgets_la_LIBADD = libsyncline-connector.a $(SQLITE_LIBS)
check_LTLIBRARIES += tests/connectors/scripted-find.la
tests_connectors_scripted_find_la_SOURCES = $(SCRIPTED_SOURCES)
tests_connectors_scripted_find_la_CPPFLAGS = $(AM_CPPFLAGS) -DWAY=WAY_FIND
tests_connectors_scripted_find_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_connectors_scripted_find_la_LDFLAGS = $(test_connector_link)
tests_connectors_scripted_find_la_LIBADD = libsyncline-connector.a $(SQLITE_LIBS)
check_LTLIBRARIES += tests/connectors/scripted-none.la
tests_connectors_scripted_none_la_SOURCES = $(SCRIPTED_SOURCES)
tests_connectors_scripted_none_la_CPPFLAGS = $(AM_CPPFLAGS) -DWAY=WAY_NONE
tests_connectors_scripted_none_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_connectors_scripted_none_la_LDFLAGS = $(test_connector_link)
tests_connectors_scripted_none_la_LIBADD = libsyncline-connector.a $(SQLITE_LIBS)
