#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# demo.sh: the demo as ./bootstrap demo runs it; then what it left in its systems is compared with what its export calls for, and
# the commands that it names at the end are run.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
command -v sqlite3 >/dev/null || { echo "skipped: no sqlite3 command"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/syncline-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

sh "$SYNCLINE_SOURCE/demo/run.sh" "$SYNCLINE_BUILD" "$work/out" >"$work/shown" 2>&1 || {
	status=$?
	cat "$work/shown"
	echo "the demo ended with $status"
	exit 1
}
cat "$work/shown"

# A second run of the demo replaces what the first made; a folder that somebody else made is left alone.
mkdir "$work/foreign"
: >"$work/foreign/mine"
if sh "$SYNCLINE_SOURCE/demo/run.sh" "$SYNCLINE_BUILD" "$work/foreign" >"$work/refused" 2>&1; then
	echo "the demo took over a folder that it had not made"
	exit 1
fi
grep -q "was not made by the demo" "$work/refused" && [ -f "$work/foreign/mine" ]

for verb in rejects reviews dead; do
	"$work/out/syncline" --json $verb --each >"$work/out/$verb.json" || [ $? -eq 3 ]
done
"$work/out/syncline" --json runs --limit 1000 >"$work/out/runs.json"
"$python" "$SYNCLINE_SOURCE/tests/system/demo_expect.py" "$work/out"

# What the demo says to do next works as it stands there.
sed -n '/^== What to do next/,$p' "$work/shown" | cut -c 41- | grep -E "^(cp|sqlite3|$work/out/syncline) " >"$work/next"
[ "$(wc -l <"$work/next")" -ge 10 ] || { echo "the demo names too little to do next"; exit 1; }
while read -r line; do
	status=0
	sh -c "$line" </dev/null >"$work/said" 2>&1 || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || { cat "$work/said"; echo "ended with $status: $line"; exit 1; }
done <"$work/next"
cmp "$work/out/erp/export/RE-26001.pdf" "$work/out/dms/rechnungen/munich/2026/RE-26108.pdf"
grep -l "verloren" "$work"/out/erp/import/kunden_*.csv >/dev/null || { echo "the account that was lost did not come to the ERP"; exit 1; }
