# SPDX-License-Identifier: BSD-2-Clause
"""northwind.py: reads the exports once more, with Python's csv module, and compares with what the connector made of them.

    northwind.py FILE.csv DUMP KEY plain|grouped

DUMP: records ended by 0x1e, native id and values separated by 0x1f.
"""
import csv
import json
import sys
from decimal import Decimal

source, dump, key, how = sys.argv[1:]
with open(source, newline="", encoding="utf-8") as f:
    rows = list(csv.reader(f))
names, seen = [], {}
for name in rows[0]:
    seen[name] = seen.get(name, 0) + 1
    names.append(name if seen[name] == 1 else "%s_%d" % (name, seen[name]))
rows = rows[1:]
at = names.index(key)
with open(dump, newline="", encoding="utf-8") as f:
    records = [r.split("\x1f") for r in f.read().split("\x1e")[:-1]]
if how == "plain":
    assert [[r[at]] + r for r in rows] == records, "the values differ"
    print("%s: %d records, every value the same" % (source, len(records)))
else:
    orders = {}
    for row in rows:
        orders.setdefault(row[at], []).append(row)
    total = Decimal(0)
    assert list(orders) == [r[0] for r in records], "the orders differ"
    for record in records:
        mine = orders[record[0]]
        assert record[1:-1] == mine[0], record[0]
        lines = json.loads(record[-1])
        assert lines == [dict(zip(names, row)) for row in mine], record[0]

        def sums(what):
            return sum(Decimal(l["UnitPrice"]) * Decimal(l["Quantity"]) * (1 - Decimal(l["Discount"])) for l in what)

        assert sums(lines) == sums([dict(zip(names, row)) for row in mine]), record[0]
        total += sums(lines)
    print("%s: %d orders of %d rows, every value the same, total %s" % (source, len(records), len(rows), total))
