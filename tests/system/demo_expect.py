#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""demo_expect.py FOLDER EXPORT: is what converting the demo's export gave what the mistakes in it call for?

FOLDER holds customers.json and orders.json, what `convert --json` printed, and crm/*.jsonl, what it wrote.
"""
import csv
import json
import sys
from decimal import Decimal

# key -> (stage, field or "" for any, a part of the reason in lower case)
CUSTOMERS = {
    "10013": ("rules", "iban", ""), "20003": ("rules", "iban", ""),
    "10016": ("rules", "vat_id", ""), "20009": ("rules", "vat_id", ""),
    "10024": ("rules", "email", ""), "20018": ("rules", "email", ""),
    "10029": ("rules", "name", ""), "20024": ("rules", "country", ""),
    "20021": ("rules", "", "german postal codes have five digits"), "10020": ("rules", "revenue", ""),
    "10028": ("reading", "", ""), "20015": ("reading", "", ""), "10027": ("reading", "", ""),
    "30001": ("reading", "", "belongs to no unit"),
    # A column too few, no key, a column too many: their keys can't be trusted, only their lines be told.
    "line 21": ("reading", "", "14 values"), "line 31": ("reading", "", "kundennr is empty"), "line 54": ("reading", "", "16 values"),
}
KEYLESS = {"", "10090", "20090"}  # what stands there as KUNDENNR
ORDERS = {
    "M-26004": ("rules", "status", ""), "B-26009": ("reading", "", ""), "M-26012": ("reading", "", ""),
    "M-26018": ("rules", "customer", ""), "B-26023": ("rules", "", "not the sum of its lines"),
}
problems = []


def complain(text):
    problems.append(text)


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def load_lines(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        return [json.loads(line, parse_float=str, parse_int=str) for line in file]


def key_of(reject):
    """The last part of the native id: its parts stand behind each other, joined by the host's rule."""
    text = reject["key"] or f"line {reject['line']}"
    for known in list(CUSTOMERS) + list(ORDERS):
        if known and known in text:
            return known
    return text


def compare_rejects(name, result, wanted):
    got = {}
    for reject in result["rejects"]:
        got.setdefault(key_of(reject), reject)
        if not reject["reason"]:
            complain(f"{name}: a reject without a reason: {reject}")
        if not reject["origin"] or not reject["line"]:
            complain(f"{name}: a reject that does not say where: {reject}")
    for key in sorted(set(got) - set(wanted)):
        complain(f"{name}: {key!r} was rejected, and nothing is wrong with it: {got[key]}")
    for key, (stage, field, reason) in sorted(wanted.items()):
        reject = got.get(key)
        if reject is None:
            complain(f"{name}: {key!r} was not rejected")
        elif (stage and reject["stage"] != stage) or (field and reject["field"] != field) or reason not in reject["reason"].lower():
            complain(f"{name}: {key!r} was rejected for another reason: {reject}")


def export_rows(folder, name):
    with open(f"{folder}/{name}_20260131.csv", encoding="cp1252", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def decimal(text):
    return Decimal(text.replace(".", "").replace(",", "."))


def check_customers(folder, export):
    result = load(f"{folder}/customers.json")
    compare_rejects("customers", result, CUSTOMERS)
    rows = export_rows(export, "KUNDEN")
    if result["read"] != len(rows):
        complain(f"customers: {result['read']} read, the export has {len(rows)} rows")
    good = {row["KUNDENNR"]: row for row in rows if row["KUNDENNR"] not in CUSTOMERS and row["KUNDENNR"] not in KEYLESS}
    written = {record["id"]: record for record in load_lines(f"{folder}/crm/accounts.jsonl")}
    if set(good) != set(written):
        complain(f"customers: missing {sorted(set(good) - set(written))}, unexpected {sorted(set(written) - set(good))}")
    for number in sorted(set(good) & set(written)):
        row, record = good[number], written[number]
        address = record.get("address") or {}
        pairs = [("street", address.get("street"), row["Straße"]), ("zip", address.get("zip"), row["PLZ"]),
                 ("city", address.get("city"), row["Ort"]), ("email", record.get("email"), row["E-Mail"] or None)]
        for what, got, wanted in pairs:
            if got != wanted:
                complain(f"customer {number}, {what}: {got!r} instead of {wanted!r}")
        if not record["name"].startswith(row["NAME1"]):
            complain(f"customer {number}: name {record['name']!r} of {row['NAME1']!r}")
        if Decimal(record["revenue"]) != decimal(row["UMSATZ"]):
            complain(f"customer {number}: revenue {record['revenue']} of {row['UMSATZ']}")
        if record["tier"] != ("high" if decimal(row["UMSATZ"]) > 50000 else "standard"):
            complain(f"customer {number}: tier {record['tier']} at {row['UMSATZ']}")
        day, month, year = row["ANGELEGT"].split(".")
        if record["customer_since"] != f"{year}-{month}-{day}":
            complain(f"customer {number}: since {record['customer_since']} of {row['ANGELEGT']}")
        if row["Telefon"] and not (record["phone"] or "").startswith("+"):
            complain(f"customer {number}: phone {record['phone']!r} of {row['Telefon']!r}")
    return result


def check_orders(folder, export):
    result = load(f"{folder}/orders.json")
    compare_rejects("orders", result, ORDERS)
    orders = {}
    for row in export_rows(export, "AUFTRAG"):
        orders.setdefault(row["AUFTRNR"], []).append(row)
    if result["read"] != len(orders):
        complain(f"orders: {result['read']} read, the export has {len(orders)}")
    written = {record["id"]: record for record in load_lines(f"{folder}/crm/orders.jsonl")}
    if set(written) != set(orders) - set(ORDERS):
        complain(f"orders: written {len(written)}, not {len(orders) - len(ORDERS)}")
    for number in sorted(set(written) & set(orders)):
        rows, record = orders[number], written[number]
        lines = record["lines"]
        if [line["sku"] for line in lines] != [row["ARTNR"] for row in rows]:
            complain(f"order {number}: its lines are {lines}")
            continue
        total = sum(Decimal(line["qty"]) * Decimal(line["price"]) for line in lines)
        if Decimal(record["amount"]) != decimal(rows[0]["SUMME"]) or total.quantize(Decimal("0.01")) != Decimal(record["amount"]):
            complain(f"order {number}: amount {record['amount']}, lines {total}, export {rows[0]['SUMME']}")
    return result


def main():
    folder, export = sys.argv[1:3]
    for result in (check_customers(folder, export), check_orders(folder, export)):
        rejected = result["rejected_read"] + result["rejected_rules"] + result["rejected_write"]
        if not result["done"] or result["read"] != result["written"] + rejected + result["other_units"] + result["skipped"]:
            complain(f"{result['flow']}: the counts do not add up: {result}")
        print(f"{result['flow']}: read {result['read']}, written {result['written']}, rejected {rejected}")
    for problem in problems[:40]:
        print(problem)
    if problems:
        print(f"{len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
