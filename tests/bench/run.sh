#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh RECORDS: every figure of docs/performance.md, the pieces first and then the whole way beside its yardsticks.
set -eu
records=${1:-1000000}
work=$(mktemp -d "${TMPDIR:-/tmp}/syncline-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
bin=$SYNCLINE_BUILD/tests/bin

echo "== rules alone: 12 outputs, 5 of them expressions, one thread"
"$bin/bench-rules"
echo "== the border between agent and connector, 12 columns"
"$bin/bench-border" "$records"
echo "== the ledger alone"
"$bin/bench-ledger" "$records"
echo "== reading into a ledger"
"$bin/bench-read" "$records"
echo "== connectors alone: csv reading"
python3 "$SYNCLINE_SOURCE/tests/bench/make_customers.py" "$records" "$work/customers.csv"
"$bin/bench-csv" "$work/customers.csv" KUNDENNR ';'
if [ -x "$bin/bench-data" ]; then
	echo "== connectors alone: sqlite and jsonl, both ways"
	"$bin/bench-data"
fi
rm -f "$work/customers.csv"
echo "== the whole way: CSV to rules to JSON lines"
python3 -B "$SYNCLINE_SOURCE/tests/bench/convert.py" "$records"
echo "== the whole way with the ledger: CSV, rules, golden records, a table"
python3 -B "$SYNCLINE_SOURCE/tests/bench/spine.py" "$records"
echo "== the agent as a service: a single change from one database to another"
python3 -B "$SYNCLINE_SOURCE/tests/bench/latency.py"
echo "== the agent as a service, at rest"
python3 -B "$SYNCLINE_SOURCE/tests/bench/idle.py"
echo "== the ledger's housekeeping beside single changes"
python3 -B "$SYNCLINE_SOURCE/tests/bench/care.py"
