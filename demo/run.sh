#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh BUILD OUT: the demo.  Takes the export in demo/export through the rules in demo/conf.d into files below OUT, and shows
# what was refused and why.  Nothing outside OUT is written; OUT is made anew.  Run from the source tree, or with SYNCLINE_SOURCE
# set; ./bootstrap demo does it all.
set -eu
build=$(cd "${1:?usage: run.sh BUILD OUT}" && pwd -P)
source_dir=$(cd "${SYNCLINE_SOURCE:-$(dirname "$0")/..}" && pwd -P)
out=${2:?usage: run.sh BUILD OUT}
LC_ALL=C
export LC_ALL

if [ -e "$out" ] && [ ! -f "$out/.syncline-demo" ]; then
	echo "demo: $out exists and was not made by the demo; remove it or name another folder" >&2
	exit 1
fi
rm -rf "$out"
mkdir -p "$out/export" "$out/crm" "$out/site"
: >"$out/.syncline-demo"
out=$(cd "$out" && pwd -P)
# The connector may archive what it read: it gets its own copy.
cp "$source_dir"/demo/export/*.csv "$out/export/"
chmod u+w "$out"/export/*.csv
touch -t 202601310600 "$out"/export/*.csv
cat >"$out/site/paths.conf" <<END
systems: {
  erp: { settings: { directory = "$out/export"; }; };
  crm: { settings: { directory = "$out/crm"; }; };
};
END

SYNCLINE_HOST=${SYNCLINE_HOST:-$build/syncline-host}
SYNCLINE_CONNECTORS=${SYNCLINE_CONNECTORS:-$build/.connectors}
export SYNCLINE_HOST SYNCLINE_CONNECTORS
syncline() {
	"$build/syncline" --config "$source_dir/demo/conf.d" --site "$out/site" --state "$out/state" --connectors "$SYNCLINE_CONNECTORS" "$@"
}
title() {
	printf '\n== %s\n\n' "$*"
}
# Shows a command, runs it; "done with findings" (3) is how a conversion with rejects ends.
show() {
	printf '$ syncline'
	printf ' %s' "$@"
	printf '\n'
	status=0
	syncline "$@" || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || exit "$status"
}

title "An export of one ERP, two org units in it, as it came (CP1252, shown as UTF-8)"
iconv -f CP1252 -t UTF-8 "$out/export/KUNDEN_20260131.csv" | tr -d '\r' | head -n 4 | cut -c 1-150

title "Is the configuration right?"
show check

title "Customers: export -> rules -> CRM"
show convert customers erp crm

title "Orders: the rows of an order become one record with its lines"
show convert orders erp crm

title "What the CRM got: the first record of each"
for file in accounts orders; do
	echo "$file.jsonl, $(wc -l <"$out/crm/$file.jsonl" | tr -d ' ') records:"
	head -n 1 "$out/crm/$file.jsonl"
done

title "What to look at next"
cat <<END
  the rules                       demo/conf.d/30-flows.conf, and the entities in 20-entities.conf
  the export with its mistakes    $out/export
  the whole result                $out/crm
  correct a row there and run     build/syncline --config demo/conf.d --site demo-out/site convert customers erp crm
  for programs                    the same with --json before the verb
  all verbs                       build/syncline --help
END
