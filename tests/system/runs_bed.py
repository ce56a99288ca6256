# SPDX-License-Identifier: BSD-2-Clause
"""runs_bed.py: an ERP's exports, two databases, two units, and the command with a ledger in a folder of its own.

What was written to a database is logged by triggers in it, also a write that sets what was there.
"""
import csv
import json
import os
import re
import sqlite3
import subprocess
import time

import cli_bed
from cli_bed import Result

DONE, FAILED, USAGE, FINDINGS, HELD = 0, 1, 2, 3, 4
CUSTOMERS = ["NR", "BRANCH", "NAME", "CITY", "PHONE"]
ORDERS = ["ORDER", "BRANCH", "NR", "TOTAL"]
SYSTEMS = """
agent: { environment = "test"; timezone = "UTC"; };
systems: {
  erp: { connector = "csv"; settings: { directory = "%(folder)s/in"; null_if = [ "" ]; stable_for = "20ms"; };
    objects: { customers: { native = "customers.csv"; key = [ "NR" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; };
               orders: { native = "orders.csv"; key = [ "ORDER" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; }; }; };
  crm: { connector = "sqlite"; access = "write"; settings: { path = "%(folder)s/crm.sqlite"; busy_timeout = "50ms"; };
    objects: { account: { key = [ "id" ]; external_key = "ext"; }; deal: { key = [ "id" ]; external_key = "ext"; }; }; };
  shop: { connector = "sqlite"; access = "write"; settings: { path = "%(folder)s/shop.sqlite"; busy_timeout = "50ms"; };
    objects: { account: { key = [ "id" ]; external_key = "ext"; }; }; };
};
units: { one: { systems: { erp: { tenant = "1"; }; }; }; two: { systems: { erp: { tenant = "2"; }; }; }; };
lookups: { city: { file = "lookups/city.csv"; key = "word"; value = "name"; missing = "null"; }; };
"""
ENTITIES = """
entities: {
  customer: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; name: { type = "text"; required = true; max_length = 20; };
              city: { type = "text"; }; phone: { type = "text"; }; }; };
  purchase: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; total: { type = "decimal"; scale = 2; };
              customer: { type = "ref"; entity = "customer"; required = true; wait = "3d"; }; }; };
};
"""
FLOWS = """
flows: {
  customers: { entity = "customer"; units = [ "one", "two" ];
    responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/customers"; };
    guards: { missing_rows = "10%"; creates = "5%"; updates = "10%"; cleared = "1%"; deletes = "1%"; at_least = 3; };
    bindings: {
      erp: { object = "customers"; trigger: { file = true; }; originates = true; deletes: { seen = "accept"; };
        read: { number = "NR"; name = "NAME"; city = "lookup('city', CITY)"; phone = "PHONE"; }; };
      crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; };
        write = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] ); };
      shop: { object = "account"; create_if = "true"; deletes: { do = "delete"; };
        write = ( [ "number", "number" ], [ "name", "name" ] ); }; }; };
  orders: { entity = "purchase"; units = [ "one", "two" ]; after = [ "customers" ];
    responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/orders"; };
    bindings: {
      erp: { object = "orders"; trigger: { file = true; }; originates = true;
        read: { number = "ORDER"; total = "TOTAL"; customer = "ref('customers', NR)"; }; };
      crm: { object = "deal"; create_if = "true"; write = ( [ "number", "number" ], [ "total", "total" ], [ "account", "link('crm', customer)" ] ); }; }; };
};
"""
TABLE = """
CREATE TABLE account(id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, number TEXT, name TEXT, city TEXT, phone TEXT);
CREATE TABLE deal(id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, number TEXT, total TEXT, account INTEGER REFERENCES account(id));
CREATE TABLE log(what TEXT, key TEXT);
CREATE TRIGGER a1 AFTER INSERT ON account BEGIN INSERT INTO log VALUES('insert', NEW.number); END;
CREATE TRIGGER a2 AFTER UPDATE ON account BEGIN INSERT INTO log VALUES('update', NEW.number); END;
CREATE TRIGGER a3 AFTER DELETE ON account BEGIN INSERT INTO log VALUES('delete', OLD.number); END;
CREATE TRIGGER d1 AFTER INSERT ON deal BEGIN INSERT INTO log VALUES('insert', NEW.number); END;
CREATE TRIGGER d2 AFTER UPDATE ON deal BEGIN INSERT INTO log VALUES('update', NEW.number); END;
"""


def same(what, got, wanted):
    assert got == wanted, f"{what}\n   got: {got!r}\nwanted: {wanted!r}"


def has(text, *words):
    for word in words:
        assert word in text, f"{word!r} is not in:\n{text}"


def refused(result, status, code, *words):
    """It failed so and says why once, in one sentence with its code and with what to do next; nothing looks like a result."""
    assert result.status == status, result
    same(f"messages with a code in {result}", re.findall(r"\[([a-z-]+)\]", result.err), [code])
    has(result.err, "next: ", *words)
    assert result.out == "", result
    assert cli_bed.steers(result.err) is None, result
    return result


def wait_for(what, ready, process):
    """What this process does comes to be; looked for again and again while the process lives."""
    until = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < until, f"{what}: it did not come"
        try:
            process.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"{what}: the process ended before\n{process.communicate()}")


class Bed(cli_bed.Bed):
    def __init__(self, per_unit=20):
        super().__init__()
        for name in ("conf.d/10-systems.conf", "conf.d/20-entities.conf", "conf.d/30-flows.conf", "in/people.csv"):
            os.remove(self.path(name))
        self.time = 1700000000
        self.write("conf.d/10-systems.conf", SYSTEMS % {"folder": self.folder})
        self.write("conf.d/20-entities.conf", ENTITIES)
        self.write("conf.d/30-flows.conf", FLOWS)
        self.write("conf.d/lookups/city.csv", "word,name\nB,Berlin\nM,Munich\n")
        for name in ("crm", "shop"):
            self.execute(name, TABLE)
        self.rows = [[f"{unit}{i:04}", str(unit), f"Name {unit}{i}", "BM"[i % 2], f"0{i}"] for unit in (1, 2) for i in range(per_unit)]
        self.orders = [[f"O{row[0]}", row[1], row[0], f"{i}.50"] for i, row in enumerate(self.rows)]
        self.export()

    # the ERP

    def write_csv(self, name, head, rows):
        """The connector takes a file that nobody has written to for a while; each export is younger than the one before."""
        with open(self.path("in/" + name), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head] + rows)
        self.time += 3600
        os.utime(self.path("in/" + name), (self.time, self.time))

    def export(self):
        self.write_csv("customers.csv", CUSTOMERS, self.rows)
        self.write_csv("orders.csv", ORDERS, self.orders)

    def edit(self, numbers, **values):
        for row in self.rows:
            if row[0] in numbers:
                for column, value in values.items():
                    row[CUSTOMERS.index(column)] = value
        self.export()

    def numbers(self, unit=None):
        return sorted(row[0] for row in self.rows if unit is None or row[1] == str(unit))

    # the databases

    def execute(self, name, script):
        database = sqlite3.connect(self.path(name + ".sqlite"))
        database.executescript(script)
        database.commit()
        database.close()

    def ask(self, name, query):
        database = sqlite3.connect(f"file:{self.path(name + '.sqlite')}?mode=ro", uri=True)
        rows = database.execute(query).fetchall()
        database.close()
        return rows

    def log(self, name="crm"):
        """What was written there since it was asked last."""
        rows = self.ask(name, "SELECT what, key FROM log ORDER BY what, key")
        if rows:
            self.execute(name, "DELETE FROM log")
        return rows

    def accounts(self, name="crm"):
        return [row[0] for row in self.ask(name, "SELECT number FROM account ORDER BY number")]

    # the ledger

    def ledger(self, query, *values):
        """Looks into the ledger, or changes it when nothing else has it open."""
        database = sqlite3.connect(self.path("state/ledger.db"))
        rows = database.execute(query, values).fetchall()
        database.commit()
        database.close()
        return rows

    def sound(self):
        """SQLite's own check, and the rules between the tables."""
        same("integrity_check", self.ledger("PRAGMA integrity_check"), [("ok",)])
        value = json.loads(self.run("--json", "doctor", "--offline").out)
        wrong = [finding for finding in value["findings"] if finding["area"] == "ledger"]
        same("doctor's findings in the ledger", wrong, [])

    # the command

    def start(self, *args):
        return subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")

    def flow(self, name, status=DONE, *args):
        """One run a unit; {unit: (state, counts other than 0)}"""
        runs = self.json(status, "run", name, *args)
        kept = {run["run"]: run for run in self.json(DONE, "runs", name)}
        for run in runs:
            same("a run as `runs` tells it", [kept[run["run"]][key] for key in ("state", "counts", "message")],
                 [run[key] for key in ("state", "counts", "message")])
        return {run["unit"]: (run["state"], {key: count for key, count in run["counts"].items() if count > 0}) for run in runs}

    def on(self, *flows):
        for flow in flows:
            result = self.run("flag", flow, "on", "--why", "test", "--without-preview")
            assert result.status == DONE, result

    def quiet(self, *flows):
        """Another run does nothing but looking."""
        self.log(), self.log("shop")
        for flow in flows:
            for unit, (state, counts) in self.flow(flow).items():
                same(f"{flow} for {unit}, once more", (state, set(counts) - {"read", "unchanged"}), ("done", set()))
        same("what was written once more", (self.log(), self.log("shop")), ([], []))

    def whole(self):
        """Every customer and order stands in the databases once, as in the ERP."""
        cities = {"B": "Berlin", "M": "Munich"}
        same("the CRM's accounts", self.ask("crm", "SELECT number, name, city, phone FROM account ORDER BY number"),
             sorted((row[0], row[2], cities.get(row[3]), row[4] or None) for row in self.rows))
        same("the shop's accounts", self.ask("shop", "SELECT number, name FROM account ORDER BY number"), sorted((row[0], row[2]) for row in self.rows))


def main(tests, word, make=Bed):
    """Every test_ function in its own bed; how many failed."""
    import traceback
    failed = ran = 0
    for name, test in tests:
        if not name.startswith("test_") or word not in name:
            continue
        bed = make()
        ran += 1
        try:
            print(f"{name}: {test(bed) or 'ok'}", flush=True)
        except Exception:  # the next test shall run all the same
            failed += 1
            print(f"{name}: FAILED", flush=True)
            traceback.print_exc()
        finally:
            bed.close()
    print(f"{ran - failed} of {ran} passed")
    return 1 if failed or not ran else 0
