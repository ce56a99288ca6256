#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# northwind.sh: exports that nobody here wrote, through the whole way, into JSON lines and into tables.  What must come out is
# computed by northwind_expect.py, which knows nothing of Syncline.
set -eu
data=${SYNCLINE_TEST_DATA:?}/northwind
[ -f "$data/orders.csv" ] || { echo "skipped: no Northwind exports at $data (set SYNCLINE_TEST_DATA)"; exit 77; }
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}"

work=$(mktemp -d "${TMPDIR:-/tmp}/syncline-northwind.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/exports" "$work/jsonl" "$work/site"
cp "$data"/*.csv "$work/exports/"
chmod u+w "$work"/exports/*
touch -t 202601010000 "$work"/exports/*
cat >"$work/site/paths.conf" <<END
systems: {
  northwind: { settings: { directory = "$work/exports"; }; };
  files:     { settings: { directory = "$work/jsonl"; }; };
  table:     { settings: { path = "$work/northwind.sqlite"; }; };
};
END
# The tables stand there before, as in every real system: a column for each field, all of type TEXT.
"$python" - "$work/northwind.sqlite" "$work/exports" <<'END'
import csv, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for name in ("customers", "products", "orders"):
    with open(f"{sys.argv[2]}/{name}.csv", encoding="utf-8", newline="") as file:
        head = next(csv.reader(file))
    columns = head[:14] + ["total", "lines"] if name == "orders" else head
    database.execute(f'CREATE TABLE "{name}" (id TEXT PRIMARY KEY, ext TEXT UNIQUE, '
                     + ", ".join(f'"{column}" TEXT' for column in columns) + ")")
database.commit()
END

syncline() {
	"$SYNCLINE_BUILD/syncline" --config "$SYNCLINE_SOURCE/tests/system/northwind/conf.d" --site "$work/site" --state "$work/state" \
		--connectors "$SYNCLINE_CONNECTORS" "$@"
}
syncline check
for flow in customers products orders; do
	for target in files table; do
		syncline convert "$flow" northwind "$target"
	done
done
"$python" "$SYNCLINE_SOURCE/tests/system/northwind_expect.py" "$work/exports" "$work/jsonl" "$work/northwind.sqlite"
