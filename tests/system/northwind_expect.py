#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""northwind_expect.py EXPORTS JSONL_FOLDER SQLITE_FILE: what converting the Northwind exports must have given.

Reads the exports with Python's own csv module and decimals, knows nothing of Syncline, and compares: the number of records,
every value that no rule touches byte for byte, and the total of each order with the one computed here.
"""
import csv
import json
import sqlite3
import sys
from decimal import Decimal

EXPECTED = {"customers": 91, "products": 77, "orders": 830}
LINE_COLUMNS = ["ProductID", "UnitPrice", "Quantity", "Discount"]
ORDER_COLUMNS = 14  # the second OrderID and what follows belong to the line

problems = []


def complain(text):
    problems.append(text)


def rows_of(folder, name):
    with open(f"{folder}/{name}.csv", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        return next(reader), list(reader)


def expected_records(folder):
    """name -> id -> {column: text or None}; orders with "lines" and "total"."""
    result = {}
    for name in ("customers", "products"):
        head, rows = rows_of(folder, name)
        result[name] = {row[0]: dict(zip(head, (value or None for value in row))) for row in rows}
    head, rows = rows_of(folder, "orders")
    if head.count("OrderID") != 2 or len(rows) != 2155:
        complain(f"orders.csv is not the export that this test was written for: {len(rows)} rows, header {head}")
    orders = result["orders"] = {}
    for row in rows:
        if row[0] != row[ORDER_COLUMNS]:
            complain(f"orders.csv: order {row[0]} has a line of order {row[ORDER_COLUMNS]}")
        order = orders.setdefault(row[0], dict(zip(head[:ORDER_COLUMNS], (value or None for value in row[:ORDER_COLUMNS]))))
        line = dict(zip(head[ORDER_COLUMNS + 1:], row[ORDER_COLUMNS + 1:]))
        order.setdefault("lines", []).append({column: line[column] for column in LINE_COLUMNS})
    for order in orders.values():
        order["total"] = sum(Decimal(line["UnitPrice"]) * Decimal(line["Quantity"]) * (1 - Decimal(line["Discount"]))
                             for line in order["lines"])
    return result


def same_value(where, got, wanted):
    if got != wanted:
        complain(f"{where}: {got!r} instead of {wanted!r}")


def compare_lines(where, got, wanted):
    # Names of the list's elements are canonical: f_productid for ProductID.
    wanted = [{"f_" + column.lower(): text for column, text in line.items()} for line in wanted]
    if len(got) != len(wanted):
        complain(f"{where}: {len(got)} lines instead of {len(wanted)}")
    for number, (one, other) in enumerate(zip(got, wanted), 1):
        for column in other:
            same_value(f"{where}, line {number}, {column}", one.get(column), other[column])


def compare(where, name, got, wanted):
    """got, wanted: id -> record"""
    if len(got) != EXPECTED[name]:
        complain(f"{where}: {len(got)} {name} instead of {EXPECTED[name]}")
    for key in sorted(set(wanted) ^ set(got)):
        complain(f"{where}: {name} {key} is {'missing' if key in wanted else 'not in the export'}")
    for key in sorted(set(wanted) & set(got)):
        for column, value in wanted[key].items():
            place = f"{where}: {name} {key}, {column}"
            if column == "lines":
                compare_lines(place, got[key].get("lines") or [], value)
            elif column == "total":
                if Decimal(got[key].get("total") or "NaN") != value:
                    complain(f"{place}: {got[key].get('total')} instead of {value}")
            else:
                same_value(place, got[key].get(column), value)


def read_jsonl(path):
    """Numbers stay the text that they are in the file."""
    records = {}
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            record = json.loads(line, parse_float=str, parse_int=str)
            if record["id"] in records:
                complain(f"{path}:{number}: {record['id']} stands there twice")
            records[record["id"]] = record
    return records


def read_table(path, name):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    cursor = database.execute(f'SELECT * FROM "{name}"')
    names = [column[0] for column in cursor.description]
    records = {}
    for row in cursor:
        record = dict(zip(names, row))
        if record["id"] in records:
            complain(f"{path}, {name}: {record['id']} stands there twice")
        if record.get("lines") is not None:
            record["lines"] = json.loads(record["lines"], parse_float=str, parse_int=str)
        records[record["id"]] = record
    database.close()
    return records


def main():
    exports, folder, database = sys.argv[1:4]
    wanted = expected_records(exports)
    for name in EXPECTED:
        compare("jsonl", name, read_jsonl(f"{folder}/{name}.jsonl"), wanted[name])
        compare("sqlite", name, read_table(database, name), wanted[name])
    for problem in problems[:40]:
        print(problem)
    if problems:
        print(f"{len(problems)} differences")
        return 1
    values = sum(len(record) for records in wanted.values() for record in records.values())
    total = sum(order["total"] for order in wanted["orders"].values())
    print(f"91 customers, 77 products, 830 orders with {sum(len(o['lines']) for o in wanted['orders'].values())} lines, "
          f"{values} values, all as in the exports; orders total {total.normalize()}")
    return 0


sys.exit(main())
