#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# documents.sh: a CSV export that names documents, into a folder with a sidecar beside each: empty ones, large ones, missing ones,
# paths that lead out of the folder; twice, and once more with a document that changed.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}"
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/syncline-documents.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/export" "$work/export/pdf" "$work/archive" "$work/conf.d"
cat >"$work/conf.d/10.conf" <<END
agent: { timezone = "UTC"; };
systems: {
  erp: { connector = "csv"; settings: { directory = "$work/export"; complete = "rename"; };
    objects: { belege: { native = "belege.csv"; key = [ "BELEGNR" ]; reads = "full"; content = "PDFDATEI"; }; }; };
  dms: { connector = "folder"; access = "write"; settings: { directory = "$work/archive"; versions = true; };
    objects: { bills: { native = "/bills"; key = [ "path" ]; external_key = "ref"; content = "content"; }; }; }; };
entities: { bill: { owner = "erp"; match = ( { exact = [ "number" ]; } );
  fields: { number: { type = "text"; required = true; }; date: { type = "date"; }; pdf: { type = "content"; mode = "copy"; versions = true; }; }; }; };
flows: { bills: { entity = "bill"; bindings: {
  erp: { object = "belege"; trigger: { file = true; }; originates = true;
    read: { number = "BELEGNR"; date = "DATUM"; pdf = "content()"; }; };
  dms: { object = "bills"; create_if = "true"; path = "printf('2026/%s.pdf', number)";
    write = ( [ "content", "pdf" ], [ "number", "number" ], [ "date", "date" ] ); }; }; }; };
END

"$python" "$SYNCLINE_SOURCE/tests/system/documents_expect.py" make "$work"
convert() {
	status=0
	"$SYNCLINE_BUILD/syncline" --config "$work/conf.d" --state "$work/state" --connectors "$SYNCLINE_CONNECTORS" \
		--json convert bills erp dms --rejects 1000 >"$work/$1.json" 2>"$work/$1.err" || status=$?
	[ "$status" -eq 3 ] || { cat "$work/$1.json" "$work/$1.err"; echo "convert ended with $status instead of 3, done with findings"; exit 1; }
	"$python" "$SYNCLINE_SOURCE/tests/system/documents_expect.py" "$1" "$work"
}
convert first
convert again
"$python" "$SYNCLINE_SOURCE/tests/system/documents_expect.py" change "$work"
convert changed
