#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""oracle.py FOLDER CUSTOMERS: writes FOLDER/oracle.jsonl and, as Python's own json and decimal understand it, what a reader must
see of it (FOLDER/expected): the real customers, and lines made at random."""
import csv
import decimal
import json
import random
import sys

folder, customers = sys.argv[1:3]
random.seed(20260228)
decimal.getcontext().prec = 2000


def number():
    text = random.choice(["-", ""]) + str(random.randint(0, 10 ** random.randint(1, 40)))
    if random.random() < 0.5:
        text += "." + str(random.randint(0, 10 ** random.randint(1, 30))).zfill(random.randint(1, 5))
    if random.random() < 0.4:
        text += random.choice("eE") + random.choice(["", "+", "-"]) + str(random.randint(0, 60))
    return text


def text():
    return "".join(random.choice(['"', "\\", "\n", "\x01", "/", "a", "Z", "ß", "€", "😀", " ", "\x7f"]) for _ in range(random.randint(0, 20)))


def value(raw):
    """Type letter and text of a value, from its own JSON text."""
    got = json.loads(raw, parse_int=lambda t: ("i", t), parse_float=lambda t: ("f", t))
    if got is None:
        return "n"
    if got is True or got is False:
        return f"b{int(got)}"
    if isinstance(got, str):
        return "t" + got
    if raw[0] in "[{":
        return "j" + raw
    if got[0] == "i" and got[1] != "-0" and -2**63 <= int(got[1]) < 2**63:
        return "i" + str(int(got[1]))
    plain = got[1] if "e" not in got[1].lower() else f"{decimal.Decimal(got[1]):f}"
    return "d" + plain


lines, expected = [], []
with open(customers, encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        lines.append(json.dumps({"id": row["CustomerID"], **row}, ensure_ascii=random.random() < 0.5))
        expected.append("".join(f" {name}=t{text}" for name, text in [("id", row["CustomerID"]), *row.items()]))
for at in range(600):
    members = {"id": str(at)}
    for name in ("a", "b", "c"):
        members[name] = random.choice([
            number, number, lambda: json.dumps(text(), ensure_ascii=random.random() < 0.5), lambda: random.choice(["null", "true", "false"]),
            lambda: f'{{"x": [{number()}, {{}}], "y":{json.dumps(text())}}}'])()
    lines.append("{" + ",".join(f'"{name}": {raw}' for name, raw in members.items()) + "}")
    expected.append("".join(f" {name}={value(raw)}" for name, raw in members.items()))
with open(f"{folder}/oracle.jsonl", "w", encoding="utf-8", newline="") as file:
    file.write("\n".join(lines) + "\n")
with open(f"{folder}/expected", "w", encoding="utf-8", newline="") as file:
    file.writelines(f"{at}{line}\n" for at, line in enumerate(expected, 1))
