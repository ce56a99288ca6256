#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# demo.sh: the demo as ./bootstrap demo runs it, and after it the same conversions once more for programs, with every count and every
# reject compared with the mistakes that were put into the export.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }

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

mkdir "$work/crm"
for flow in customers orders; do
	status=0
	printf 'systems: { crm: { settings: { directory = "%s"; }; }; erp: { settings: { directory = "%s"; }; }; };\n' \
		"$work/crm" "$work/out/export" >"$work/out/site/paths.conf"
	"$SYNCLINE_BUILD/syncline" --config "$SYNCLINE_SOURCE/demo/conf.d" --site "$work/out/site" --state "$work/state" \
		--connectors "$SYNCLINE_CONNECTORS" --json convert "$flow" erp crm --rejects 1000 >"$work/$flow.json" || status=$?
	[ "$status" -eq 3 ] || { cat "$work/$flow.json"; echo "convert $flow ended with $status instead of 3, done with findings"; exit 1; }
done
"$python" "$SYNCLINE_SOURCE/tests/system/demo_expect.py" "$work" "$SYNCLINE_SOURCE/demo/export"
