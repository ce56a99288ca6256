#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a script written in an afternoon does: CSV, map, hash, upsert into SQLite.  `yardstick.py FILE DATABASE` prints the rows that it
wrote; a second call finds each row's hash as it was.  No ledger, no history, nothing that survives a crash of the target."""
import csv
import hashlib
import sqlite3
import sys

LAND = {"D": "DE", "A": "AT", "CH": "CH"}
FIELDS = "number name street zip city country revenue tier email phone tenant changed".split()


def customer(row):
    revenue = row["UMSATZ"].replace(".", "").replace(",", ".")
    day = row["AENDERUNG"].split(".")
    return (row["KUNDENNR"], row["NAME1"] + " " + row["NAME2"], row["STRASSE"], row["PLZ"], row["ORT"], LAND[row["LAND"]], revenue,
            "high" if float(revenue) > 50000 else "standard", row["EMAIL"].strip().lower(), row["TELEFON"].replace(" ", "").replace("-", ""),
            row["MANDANT"], "%s-%s-%s" % (day[2], day[1], day[0]))


def main():
    db = sqlite3.connect(sys.argv[2])
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS accounts (%s, hash BLOB, PRIMARY KEY (number)) WITHOUT ROWID" % ", ".join(FIELDS))
    upsert = "INSERT INTO accounts VALUES (%s) ON CONFLICT (number) DO UPDATE SET %s" % (
        ", ".join("?" * (len(FIELDS) + 1)), ", ".join("%s = excluded.%s" % (f, f) for f in [*FIELDS[1:], "hash"]))
    written = 0
    with open(sys.argv[1], encoding="utf-8", newline="") as source:
        for count, row in enumerate(csv.DictReader(source, delimiter=";"), 1):
            values = customer(row)
            digest = hashlib.blake2b("\0".join(values).encode(), digest_size=16).digest()
            known = db.execute("SELECT hash FROM accounts WHERE number = ?", values[:1]).fetchone()
            if known is None or known[0] != digest:
                db.execute(upsert, (*values, digest))
                written += 1
            if count % 5000 == 0:
                db.commit()
    db.commit()
    print(written)


main()
