# `make bench`: the figures of docs/performance.md, each beside a yardstick that runs in the same call.
EXTRA_DIST += tests/bench/run.sh tests/bench/make_customers.py tests/bench/convert.py tests/bench/measure.py \
	tests/bench/spine.py tests/bench/spine.conf tests/bench/yardstick.py tests/bench/conf.d/bench.conf \
	tests/bench/conf.d/contracts/erp.kunden.conf tests/bench/conf.d/lookups/country.csv \
	tests/bench/latency.py tests/bench/latency.conf tests/bench/idle.py tests/bench/care.py
# That they work at all, with next to nothing to do.
dist_check_SCRIPTS += tests/bench/short.sh
TESTS += tests/bench/short.sh
BENCH_RECORDS = 1000000
# The ledger's whole way alone: `make bench-spine BENCH_RECORDS=200000`; BENCH_LONG=1 adds ten times as many.
bench-spine: all
	$(AM_TESTS_ENVIRONMENT) python3 -B "$(srcdir)/tests/bench/spine.py" $(BENCH_RECORDS)
# The agent as a service: a single change's way, the agent at rest, the ledger's housekeeping beside changes; about eight minutes.
bench-agent: all
	$(AM_TESTS_ENVIRONMENT) python3 -B "$(srcdir)/tests/bench/latency.py"
	$(AM_TESTS_ENVIRONMENT) python3 -B "$(srcdir)/tests/bench/idle.py"
	$(AM_TESTS_ENVIRONMENT) python3 -B "$(srcdir)/tests/bench/care.py"
bench: all tests/bin/bench-border tests/bin/bench-rules tests/bin/bench-ledger tests/bin/bench-read tests/bin/bench-csv $(bench_data)
	$(AM_TESTS_ENVIRONMENT) sh "$(srcdir)/tests/bench/run.sh" $(BENCH_RECORDS)
if HAVE_CMOCKA
bench_data = tests/bin/bench-data
endif
.PHONY: bench bench-spine bench-agent

# What the process border costs a record.
EXTRA_PROGRAMS += tests/bin/bench-border
tests_bin_bench_border_SOURCES = tests/bench/border.c
tests_bin_bench_border_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_bench_border_CFLAGS = $(AGENT_CFLAGS)
tests_bin_bench_border_LDADD = $(HOST_ARCHIVES) $(AGENT_LIBS)

# Rules alone: records per second of processor time.  Built on demand: `make tests/bin/bench-rules`.
EXTRA_PROGRAMS += tests/bin/bench-rules
tests_bin_bench_rules_SOURCES = tests/bench/rules.c
tests_bin_bench_rules_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_bench_rules_CFLAGS = $(AGENT_CFLAGS)
tests_bin_bench_rules_LDADD = librules.a librulesfn.a libbatch.a libbase.a $(AGENT_LIBS)

# The ledger alone: a first load, its indexes, confirmations, and rows that did not change.
EXTRA_PROGRAMS += tests/bin/bench-ledger
tests_bin_bench_ledger_SOURCES = tests/bench/ledger.c
tests_bin_bench_ledger_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_bench_ledger_CFLAGS = $(AGENT_CFLAGS)
tests_bin_bench_ledger_LDADD = libledger.a libconfig.a libbatch.a libos.a libbase.a $(AGENT_LIBS)

# Reading into a ledger: the whole way to staging, when all is new, nothing changed, or one row in a hundred did.
EXTRA_PROGRAMS += tests/bin/bench-read
tests_bin_bench_read_SOURCES = tests/bench/read.c
tests_bin_bench_read_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_bench_read_CFLAGS = $(AGENT_CFLAGS)
tests_bin_bench_read_LDADD = libflow.a libmanners.a librules.a librulesfn.a libhost.a libledger.a libconfig.a libbatch.a libos.a libbase.a $(AGENT_LIBS)
