#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# roundtrip.sh: an export that nobody here wrote, from CSV into a table, from there into JSON lines, and from those into CSV again:
# every value has the bytes that it had.
set -eu
data=${SYNCLINE_TEST_DATA:?}/northwind
[ -f "$data/customers.csv" ] || { echo "skipped: no Northwind exports at $data (set SYNCLINE_TEST_DATA)"; exit 77; }
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}"

work=$(mktemp -d "${TMPDIR:-/tmp}/syncline-roundtrip.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/first" "$work/lines" "$work/last" "$work/conf.d"
cp "$data/customers.csv" "$work/first/"
columns="CustomerID CompanyName ContactName ContactTitle Address City Region PostalCode Country Phone Fax"
fields="" map="" separator=""
for column in $columns; do
	field=f_$(echo "$column" | tr '[:upper:]' '[:lower:]')
	fields="$fields $field: { type = \"text\"; };"
	map="$map$separator [ \"$field\", \"$column\" ]"
	separator=","
done
cat >"$work/conf.d/10.conf" <<END
agent: { timezone = "UTC"; };
systems: {
  first: { connector = "csv"; settings: { directory = "$work/first"; complete = "rename"; null_if = [ "" ]; };
    objects: { customers: { native = "customers.csv"; key = [ "CustomerID" ]; reads = "full"; }; }; };
  table: { connector = "sqlite"; access = "write"; settings: { path = "$work/table.sqlite"; };
    objects: { customers: { key = [ "CustomerID" ]; external_key = "ext"; reads = "full"; }; }; };
  lines: { connector = "jsonl"; access = "write"; settings: { directory = "$work/lines"; complete = "rename"; };
    objects: { customers: { native = "customers.jsonl"; key = [ "CustomerID" ]; external_key = "ext"; reads = "full"; }; }; };
  last: { connector = "csv"; access = "write"; settings: { import_directory = "$work/last"; null_if = [ "" ]; };
    objects: { customers: { native = "customers.csv"; key = [ "CustomerID" ]; }; }; }; };
entities: { customer: { owner = "first"; match = ( { exact = [ "f_customerid" ]; } ); fields: {$fields }; }; };
flows: { customers: { entity = "customer"; bindings: {
  first: { object = "customers"; trigger: { file = true; }; originates = true; map = ($map ); };
  table: { object = "customers"; create_if = "true"; map = ($map ); };
  lines: { object = "customers"; create_if = "true"; map = ($map ); };
  last:  { object = "customers"; create_if = "true"; map = ($map ); }; }; }; };
END
"$python" - "$work" $columns <<'END'
import sqlite3, sys
database = sqlite3.connect(f"{sys.argv[1]}/table.sqlite")
database.execute(f'CREATE TABLE customers ({sys.argv[2]} TEXT PRIMARY KEY, ext TEXT UNIQUE, ' + ", ".join(f"{c} TEXT" for c in sys.argv[3:]) + ")")
database.commit()
END
from=first
for to in table lines last; do
	"$SYNCLINE_BUILD/syncline" --config "$work/conf.d" --state "$work/state" --connectors "$SYNCLINE_CONNECTORS" convert customers $from $to
	from=$to
done
"$python" - "$work" <<'END'
import csv, glob, sys
def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {row["CustomerID"]: row for row in csv.DictReader(file)}
first, last = rows(f"{sys.argv[1]}/first/customers.csv"), {}
for path in glob.glob(f"{sys.argv[1]}/last/*.csv"):
    last.update(rows(path))
assert len(first) == 91 and first.keys() == last.keys(), (len(first), len(last))
for key, row in first.items():
    for column, value in row.items():
        assert last[key][column] == value, (key, column, value, last[key][column])
print(len(first), "customers came back as they were")
END
