#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""northwind_sync.py: Northwind's customers and orders into a CRM and back, step by step.

What has to stand in the CRM is computed here from the CSV files, by code that knows nothing of Syncline.  Triggers in the CRM's
tables log every write that reaches it, also one that sets what was there: "no write" is an empty log, an unchanged file of the
same time, and a run that counts nothing but rows that were as before.
"""
import csv
import glob
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

SOURCE, BUILD = os.environ["SYNCLINE_SOURCE"], os.environ["SYNCLINE_BUILD"]
CONNECTORS, DATA = os.environ["SYNCLINE_CONNECTORS"], os.environ["SYNCLINE_TEST_DATA"] + "/northwind"
DONE, FAILED, FINDINGS, HELD = 0, 1, 3, 4
# The CRM's column and the ERP's.
ACCOUNT = {"erp_no": "CustomerID", "name": "CompanyName", "contact": "ContactName", "street": "Address", "city": "City", "zip": "PostalCode",
           "country": "Country", "phone": "Phone"}
SCHEMA = """
CREATE TABLE accounts(id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, erp_no TEXT, name TEXT, contact TEXT, street TEXT, city TEXT,
                      zip TEXT, country TEXT, phone TEXT);
CREATE TABLE deals(id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, number TEXT, day TEXT, freight TEXT,
                   account_id INTEGER REFERENCES accounts(id));
CREATE TABLE log(what TEXT, key TEXT);
CREATE TRIGGER a1 AFTER INSERT ON accounts BEGIN INSERT INTO log VALUES('insert account', NEW.erp_no); END;
CREATE TRIGGER a2 AFTER UPDATE ON accounts BEGIN INSERT INTO log VALUES('update account', NEW.erp_no); END;
CREATE TRIGGER a3 AFTER DELETE ON accounts BEGIN INSERT INTO log VALUES('delete account', OLD.erp_no); END;
CREATE TRIGGER d1 AFTER INSERT ON deals BEGIN INSERT INTO log VALUES('insert deal', NEW.number); END;
CREATE TRIGGER d2 AFTER UPDATE ON deals BEGIN INSERT INTO log VALUES('update deal', NEW.number); END;
CREATE TRIGGER d3 AFTER DELETE ON deals BEGIN INSERT INTO log VALUES('delete deal', OLD.number); END;
"""
# Counts of a run that say what was looked at, not what was done.
LOOKING = {"read", "unchanged"}


def same(what, got, wanted):
    assert got == wanted, f"{what}\n   got: {got!r}\nwanted: {wanted!r}"


class Erp:
    """Whole exports into one folder; imports are taken from another."""

    def __init__(self, folder):
        self.out, self.imports, self.time = folder + "/erp", folder + "/import", 1700000000
        os.makedirs(self.out)
        os.makedirs(self.imports)
        with open(f"{DATA}/customers.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.head, self.rows = rows[0], rows[1:]
        shutil.copyfile(f"{DATA}/orders.csv", f"{self.out}/orders.csv")
        self.stamp("orders.csv")
        self.export()

    def stamp(self, name):
        """Each export is younger than the one before."""
        self.time += 3600
        os.utime(f"{self.out}/{name}", (self.time, self.time))

    def write(self, rows):
        with open(f"{self.out}/customers.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([self.head] + rows)
        self.stamp("customers.csv")

    def export(self):
        self.write(self.rows)

    def customers(self):
        return {row[0]: dict(zip(self.head, row)) for row in self.rows}

    def change(self, number, column, value):
        row = next(row for row in self.rows if row[0] == number)
        row[self.head.index(column)] = value

    def delete(self, number):
        self.rows.remove(next(row for row in self.rows if row[0] == number))

    def handed(self):
        """What lies there to be imported, hidden files aside."""
        found = []
        for name in sorted(glob.glob(self.imports + "/*")):
            with open(name, encoding="utf-8", newline="") as file:
                found += list(csv.DictReader(file))
        return found

    def take_in(self):
        for row in self.handed():
            for column, value in row.items():
                self.change(row["CustomerID"], column, value)
        for name in glob.glob(self.imports + "/*"):
            os.remove(name)


class Crm:
    def __init__(self, folder):
        os.makedirs(folder + "/crm")
        self.path = folder + "/crm/crm.sqlite"
        self.execute(SCHEMA)

    def execute(self, script):
        database = sqlite3.connect(self.path)
        database.executescript(script)
        database.commit()
        database.close()

    def query(self, query):
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        rows = database.execute(query).fetchall()
        database.close()
        return rows

    def log(self):
        """What was written since it was asked last."""
        rows = self.query("SELECT what, key FROM log ORDER BY what, key")
        if rows:
            self.execute("DELETE FROM log")
        return rows

    def accounts(self):
        columns = list(ACCOUNT)
        return {row[0]: dict(zip(columns, row)) for row in self.query(f"SELECT {', '.join(columns)} FROM accounts")}

    def state(self):
        with open(self.path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest(), os.stat(self.path).st_mtime_ns


class Bed:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="syncline-northwind-sync.")
        self.erp, self.crm = Erp(self.folder), Crm(self.folder)
        os.makedirs(self.folder + "/site")
        with open(self.folder + "/site/paths.conf", "w", encoding="utf-8") as file:
            file.write(f'systems: {{ erp: {{ settings: {{ directory = "{self.erp.out}"; import_directory = "{self.erp.imports}"; }}; }};\n'
                       f'  crm: {{ settings: {{ path = "{self.crm.path}"; }}; }}; }};\n')

    def close(self):
        shutil.rmtree(self.folder)

    def run(self, status, *args):
        command = [f"{BUILD}/syncline", "--config", f"{SOURCE}/tests/system/northwind_sync/conf.d", "--site", self.folder + "/site",
                   "--state", self.folder + "/state", "--connectors", CONNECTORS, "--quiet", *args]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=300, check=False)
        assert done.returncode == status, f"{args} ended with {done.returncode} instead of {status}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def json(self, status, *args):
        command = [f"{BUILD}/syncline", "--config", f"{SOURCE}/tests/system/northwind_sync/conf.d", "--site", self.folder + "/site",
                   "--state", self.folder + "/state", "--connectors", CONNECTORS, "--quiet", "--json", *args]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=300, check=False)
        assert done.returncode == status, f"{args} ended with {done.returncode} instead of {status}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def flow(self, name, status=DONE):
        """One run; what it counted besides what it looked at, and its plan."""
        runs = self.json(status, "run", name)
        same("one run", len(runs), 1)
        last = self.json(DONE, "runs", name, "--limit", "1")[0]
        same("the run as `runs` tells it", (last["run"], last["counts"]), (runs[0]["run"], runs[0]["counts"]))
        return {key: count for key, count in last["counts"].items() if count > 0 and key not in LOOKING}, last["counts"], runs[0].get("plan")


def expected_accounts(bed, **others):
    """The ERP's customers as the CRM has to show them; `others` are phones that the CRM's people changed."""
    wanted = {}
    for number, customer in bed.erp.customers().items():
        account = {column: customer[native] or None for column, native in ACCOUNT.items()}
        account["phone"] = others.get(number, account["phone"])
        wanted[number] = account
    return wanted


def check_accounts(bed, what, **others):
    got, wanted = bed.crm.accounts(), expected_accounts(bed, **others)
    same(f"{what}: the numbers of the accounts", sorted(got), sorted(wanted))
    for number, account in wanted.items():
        same(f"{what}: account {number}", got[number], account)
    same(f"{what}: one account each", len(bed.crm.query("SELECT id FROM accounts")), len(wanted))


def check_deals(bed, what):
    """Every order once, with date and freight, and at the account of its customer."""
    with open(f"{DATA}/orders.csv", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        wanted = sorted({(row[0], row[3], row[7], row[1]) for row in rows})
    same("the export has 830 orders", len(wanted), 830)
    got = bed.crm.query("SELECT d.number, d.day, d.freight, a.erp_no FROM deals d LEFT JOIN accounts a ON a.id = d.account_id ORDER BY d.number")
    same(f"{what}: as many deals", len(got), len(wanted))
    for deal, order in zip(got, wanted):
        same(f"{what}: deal {order[0]}", (deal[0], deal[1], float(deal[2]), deal[3]), (order[0], order[1], float(order[2]), order[3]))


def switch_on(bed):
    """Nothing runs while it is off; preview writes nothing; `on` wants a plan that was applied."""
    bed.run(DONE, "check")
    same("off: nothing runs", bed.json(DONE, "run", "customers"), [])
    assert "no plan" in bed.run(FAILED, "flag", "customers", "on", "--why", "too early")
    for flow, count, entity in (("customers", 91, "account"), ("orders", 830, "deal")):
        bed.run(DONE, "flag", flow, "preview", "--why", "a first look")
        before = bed.crm.state()
        counts, _, plan = bed.flow(flow, HELD)
        same(f"{flow}: what the preview counts", counts, {"created": count})
        same(f"{flow}: what the preview wrote", (bed.crm.state(), bed.crm.log()), (before, []))
        listed = bed.json(DONE, "plans", "--flow", flow)
        same(f"{flow}: the open plan", [(p["plan"], p["state"], p["counts"]["created"]) for p in listed], [(plan["number"], "open", count)])
        items = bed.json(DONE, "plans", str(plan["number"]))
        same(f"{flow}: its items", len([item for item in items if item["what"] == "created"]), count)
        bed.run(DONE, "apply", str(plan["number"]), "--strict")
        log = bed.crm.log()
        same(f"{flow}: each was inserted once", (len(log), len(set(log)), {what for what, _ in log}), (count, count, {f"insert {entity}"}))
        assert "applied already" in bed.run(FAILED, "apply", str(plan["number"]))
        bed.run(DONE, "flag", flow, "on", "--why", "the plan was right")
    check_accounts(bed, "after the first load")
    check_deals(bed, "after the first load")


def again(bed, what, **others):
    """Runs both flows until they have seen their own writes, and once more: nothing but looking."""
    bed.flow("customers")
    bed.flow("orders")
    before, handed = bed.crm.state(), sorted(os.listdir(bed.erp.imports))
    for flow in ("customers", "orders"):
        counts, looked, _ = bed.flow(flow)
        same(f"{what}: {flow}, nothing but looking", counts, {})
        same(f"{what}: {flow}, all was as before", looked["unchanged"], looked["read"])
    same(f"{what}: the CRM's file and its time", bed.crm.state(), before)
    same(f"{what}: what is handed to the ERP", sorted(os.listdir(bed.erp.imports)), handed)
    same(f"{what}: the CRM's log", bed.crm.log(), [])
    check_accounts(bed, what, **others)


def both_sides(bed):
    """Three customers and a deleted one in the ERP, two phones in the CRM: these effects and no more."""
    bed.erp.change("ALFKI", "Address", "Neue Str. 1")
    bed.erp.change("ANTON", "City", "Puebla")
    bed.erp.change("AROUT", "ContactName", "Tom Hardy, jr.")
    bed.erp.delete("PARIS")  # never ordered anything
    bed.erp.export()
    bed.crm.execute("UPDATE accounts SET phone = '0921-99 99 99' WHERE erp_no = 'BERGS'; UPDATE accounts SET phone = NULL WHERE erp_no = 'BLAUS';"
                    "DELETE FROM log")
    phones = {"BERGS": "0921-99 99 99", "BLAUS": None}
    counts, _, _ = bed.flow("customers")
    same("both sides: what the run did", counts, {"changed": 5, "cleared": 1, "deleted": 1, "missing": 1, "sent-updates": 3, "sent-deletes": 1,
                                                  "handed-over": 2})
    same("both sides: what reached the CRM", bed.crm.log(), [("delete account", "PARIS"), ("update account", "ALFKI"), ("update account", "ANTON"),
                                                             ("update account", "AROUT")])
    check_accounts(bed, "both sides", **phones)
    same("both sides: the orders", bed.flow("orders")[0], {})
    check_deals(bed, "both sides")

    handed = {row["CustomerID"]: row for row in bed.erp.handed()}
    same("both sides: two rows are handed to the ERP", (len(bed.erp.handed()), sorted(handed)), (2, ["BERGS", "BLAUS"]))
    for number, phone in phones.items():
        wanted = {native: bed.erp.customers()[number][native] for native in ACCOUNT.values()} | {"Phone": phone or ""}
        same(f"both sides: the row of {number}", handed[number], wanted)

    # While the ERP has not taken them in, they are not handed over again, also when it exports once more.
    bed.erp.export()
    again(bed, "before the ERP took them in", **phones)
    same("it is still these two", len(bed.erp.handed()), 2)
    bed.erp.take_in()
    bed.erp.export()
    counts, _, _ = bed.flow("customers")
    same("the ERP shows them: that confirms them", counts, {"absorbed": 2, "sent-updates": 2})
    again(bed, "after the ERP took them in")
    same("nothing is handed over any more", bed.erp.handed(), [])
    check_deals(bed, "at the end of both sides")


def held(bed, what, rows):
    """An export that is wrong as a whole: held, with a plan, and nothing is written."""
    before = bed.crm.state()
    bed.erp.write(rows)
    counts, _, plan = bed.flow("customers", HELD)
    same(f"{what}: the CRM", (bed.crm.state(), bed.crm.log()), (before, []))
    same(f"{what}: the ERP", bed.erp.handed(), [])
    assert plan is not None and plan["items"] > 0, f"{what}: {plan}"
    reason = bed.json(DONE, "plans", "--flow", "customers")[0]["reason"]
    assert "limit is" in reason, f"{what}: {reason}"
    same(f"{what}: nothing was sent", {key for key in counts if key.startswith(("sent-", "handed"))}, set())
    return counts, plan, reason


def emptied_column(bed):
    at = bed.erp.head.index("ContactName")
    counts, plan, reason = held(bed, "an emptied column", [row[:at] + [""] + row[at + 1:] for row in bed.erp.rows])
    same("an emptied column: what it would clear", (counts["changed"], counts["cleared"]), (90, 90))
    assert "values to set to null" in reason, reason
    # The orders go on, and the next run is held too.
    same("an emptied column: the orders", bed.flow("orders")[0], {})
    _, _, plan = bed.flow("customers", HELD)
    # A person wants it so.
    bed.run(DONE, "apply", str(plan["number"]), "--strict")
    log = bed.crm.log()
    same("applied: each account was updated once", (len(log), len(set(log)), {what for what, _ in log}), (90, 90, {"update account"}))
    good, bed.erp.rows = bed.erp.rows, [row[:at] + [""] + row[at + 1:] for row in bed.erp.rows]
    again(bed, "applied")
    # And back, by a plan as well.
    bed.erp.rows = good
    counts, plan, _ = held(bed, "the column is filled again", good)
    same("the column is filled again: what it would change", counts, {"changed": 90})
    bed.run(DONE, "apply", str(plan["number"]))
    bed.crm.log()
    again(bed, "the column is filled again")


def stale_plan(bed):
    """A plan that was overtaken is refused.  One that is stale in part: --strict refuses it, else the stale entries are listed and left."""
    bed.run(DONE, "flag", "customers", "preview", "--why", "one more look")
    bed.erp.change("WOLZA", "City", "Kraków")
    bed.erp.change("WILMK", "City", "Espoo")
    bed.erp.export()
    _, _, plan = bed.flow("customers", HELD)
    same("the plan", [item["native"] for item in bed.json(DONE, "plans", str(plan["number"])) if item["what"] == "changed"], ["WILMK", "WOLZA"])
    bed.run(DONE, "flag", "customers", "on", "--why", "it looked right")
    same("the run itself does it", bed.flow("customers")[0], {"changed": 2, "sent-updates": 2})
    same("the run itself did it", bed.crm.log(), [("update account", "WILMK"), ("update account", "WOLZA")])
    before = bed.crm.state()
    same("it no longer waits", bed.json(DONE, "plans", "--flow", "customers"), [])
    for strict in ([], ["--strict"]):
        assert f"plan {plan['number']} is stale" in bed.run(FAILED, "apply", str(plan["number"]), *strict)
    same("nothing of a stale plan", (bed.crm.state(), bed.crm.log()), (before, []))
    again(bed, "after the stale plan")

    # One of two entries is stale: a person locked the record since.
    bed.run(DONE, "flag", "customers", "preview", "--why", "and one more look")
    bed.erp.change("WOLZA", "City", "Gdynia")
    bed.erp.change("WILMK", "City", "Turku")
    bed.erp.export()
    _, _, plan = bed.flow("customers", HELD)
    record = str(next(item["record"] for item in bed.json(DONE, "plans", str(plan["number"])) if item["what"] == "changed" and item["native"] == "WOLZA"))
    bed.run(DONE, "lock", record, "--why", "wait")
    before = bed.crm.state()
    assert "stale" in bed.run(FAILED, "apply", str(plan["number"]), "--strict")
    same("nothing of a plan that is stale in part", (bed.crm.state(), bed.crm.log()), (before, []))
    told = bed.run(FINDINGS, "apply", str(plan["number"]))
    assert told.count("stale: changed") == 1, told
    same("nothing of the stale entry, and the other one", bed.crm.log(), [("update account", "WILMK")])
    bed.run(DONE, "unlock", record, "--why", "go on")
    bed.run(DONE, "flag", "customers", "on", "--why", "it looked right")
    same("the next run has what was left", bed.flow("customers")[0], {"changed": 1, "absorbed": 1, "sent-updates": 1})
    same("the stale entry's account", bed.crm.log(), [("update account", "WOLZA")])
    again(bed, "after the plan that was stale in part")


def corrected(bed, what, plan):
    """The ERP corrects its export: nothing is left of the wrong one, and what really changed goes through."""
    bed.erp.change("VAFFE", "City", f"Århus after {what}")
    bed.erp.export()
    same(f"{what}, corrected", bed.flow("customers")[0], {"changed": 1, "sent-updates": 1})
    same(f"{what}, corrected: what reached the CRM", bed.crm.log(), [("update account", "VAFFE")])
    again(bed, f"{what}, corrected")
    # Its plan is about what was overtaken.
    before = bed.crm.state()
    told = bed.run(FAILED, "apply", str(plan["number"]), "--strict")
    assert f"plan {plan['number']} is stale" in told, told
    same(f"{what}: nothing of its plan", (bed.crm.state(), bed.crm.log()), (before, []))


def shifted(bed):
    counts, plan, reason = held(bed, "all columns moved by one", [row[1:] + row[:1] for row in bed.erp.rows])
    same("all columns moved by one: unknown and missing", (counts["created"], counts["missing"]), (90, 90))
    assert "missing rows" in reason, reason
    corrected(bed, "all columns moved by one", plan)
    counts, plan, reason = held(bed, "columns moved by one behind the key", [row[:1] + row[-1:] + row[1:-1] for row in bed.erp.rows])
    without_fax = len([row for row in bed.erp.rows if not row[-1]])  # the name is required
    same("columns moved by one behind the key", (counts["changed"], counts["rejected"]), (90 - without_fax, without_fax))
    assert "records to change" in reason, reason
    corrected(bed, "columns moved by one behind the key", plan)
    at = bed.erp.head.index("City")
    _, plan, _ = held(bed, "another emptied column", [row[:at] + [""] + row[at + 1:] for row in bed.erp.rows])
    corrected(bed, "another emptied column", plan)


def main():
    bed = Bed()
    try:
        for step in (switch_on, lambda bed: again(bed, "once more"), both_sides, emptied_column, stale_plan, shifted):
            step(bed)
    except AssertionError as error:
        print(f"northwind_sync: {error}")
        print(bed.run(DONE, "runs"))
        return 1
    finally:
        bed.close()
    print("northwind_sync: 91 customers and 830 orders, both ways, held, applied and stale")
    return 0


sys.exit(main())
