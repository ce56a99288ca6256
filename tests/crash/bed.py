# SPDX-License-Identifier: BSD-2-Clause
"""bed.py: what a crash test runs on: a configuration, a source that changes, targets of every kind, and what must be in them."""
import json
import os
import random
import select
import shutil
import socket
import sqlite3
import struct
import subprocess
import time

from importer import FAULTS as FILE_FAULTS
from importer import Importer

BUILD = os.environ["SYNCLINE_BUILD"]
CONNECTORS = os.environ["SYNCLINE_CONNECTORS"]
WAYS = ("upsert", "key", "forgets", "find", "none", "tables", "files", "gathered")
FILES = ("files", "gathered")  # a file a batch, a file a run
FAULTS = ("applies-late", "answers-late", "indexes-late", "fails-applied", "loses-answer", "dies", "fails", "throttles", "reads-fail")
FLOWS = ("customers", "orders", "papers")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("SYNCLINE_FAULT") and k != "SYNCLINE_POWER"}

AGENT = """
agent: {{ environment = "crash"; timezone = "UTC"; }};
systems: {{
  erp: {{ connector = "csv"; settings: {{ directory = "{bed}/erp"; delimiter = ";"; complete = "rename"; }};
    objects: {{
      customers: {{ native = "customers.csv"; key = [ "NO" ]; reads = "full"; }};
      orders:    {{ native = "orders.csv"; key = [ "NO" ]; reads = "full"; }};
      papers:    {{ native = "papers.csv"; key = [ "NO" ]; reads = "full"; content = "FILE"; }}; }}; }};
{targets}
}};
entities: {{
  customer: {{ owner = "erp"; match = ( {{ exact = [ "number" ]; }} );
    fields: {{ number: {{ type = "text"; required = true; unique = true; }}; name: {{ type = "text"; required = true; }};
      city: {{ type = "text"; }}; phone: {{ type = "text"; }}; }}; }};
  sales_order: {{ owner = "erp"; match = ( {{ exact = [ "number" ]; }} );
    fields: {{ number: {{ type = "text"; required = true; unique = true; }}; total: {{ type = "decimal"; scale = 2; }};
      customer: {{ type = "ref"; entity = "customer"; required = true; }}; }}; }};
  paper: {{ owner = "erp"; match = ( {{ exact = [ "number" ]; }} );
    fields: {{ number: {{ type = "text"; required = true; unique = true; }}; customer: {{ type = "ref"; entity = "customer"; required = true; }};
      pdf: {{ type = "content"; mode = "copy"; }}; }}; }};
}};
flows: {{
  customers: {{ entity = "customer"; {flow}
    bindings: {{
      erp: {{ object = "customers"; originates = true; deletes: {{ seen = "accept"; }};
        map = ( [ "number", "NO" ], [ "name", "NAME" ], [ "city", "CITY" ], [ "phone", "PHONE" ] ); }};
      crm: {{ object = "accounts"; {binding}
        map = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] ); }}; }}; }};
  orders: {{ entity = "sales_order"; after = [ "customers" ]; {flow}
    bindings: {{
      erp: {{ object = "orders"; originates = true; deletes: {{ seen = "accept"; }};
        read: {{ number = "NO"; total = "TOTAL"; customer = "ref('customers', CUSTOMER)"; }}; }};
      crm: {{ object = "orders"; {binding}
        write = ( [ "number", "number" ], [ "total", "total" ], [ "account", "link('crm', customer)" ] ); }}; }}; }};
  papers: {{ entity = "paper"; after = [ "customers" ]; {flow}
    bindings: {{
      erp: {{ object = "papers"; originates = true; deletes: {{ seen = "accept"; }};
        read: {{ number = "NO"; customer = "ref('customers', CUSTOMER)"; pdf = "content()"; }}; }};
      {papers} }}; }};
}};
"""
FLOW = """responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/crash"; };
    guards: { missing_rows = "100%"; creates = "100%"; updates = "100%"; cleared = "100%"; deletes = "100%"; at_least = 1000000; };"""
BINDING = 'create_if = "true"; deletes: { do = "delete"; };'
LIMITS = 'limits: { backoff_max = "1s"; timeout = %d; };'
WORLD = """  crm: {{ connector = "scripted-{way}"; access = "write"; {limits}
    settings: {{ world = "{bed}/world.db"; faults = [ {faults} ]; every = {every}; seed = {seed}; times = {times}; opens = "{opens}ms"; }};
    objects: {{
      accounts: {{ key = [ "id" ]; external_key = "ext"; }}; orders: {{ key = [ "id" ]; external_key = "ext"; }};
      papers: {{ key = [ "id" ]; external_key = "ext"; }}; }}; }};"""
TABLES = """  crm: {{ connector = "sqlite"; access = "write"; {limits} settings: {{ path = "{bed}/crm.db"; }};
    objects: {{ accounts: {{ key = [ "id" ]; external_key = "ext"; }}; orders: {{ key = [ "id" ]; external_key = "ext"; }}; }}; }};
"""
# Files that another system imports: customers are confirmed by what its exports show, orders, which the flow does not read, by asking.
IMPORTS = """  crm: {{ connector = "csv"; access = "write"; {limits}
    settings: {{ directory = "{bed}/importer/out"; import_directory = "{bed}/importer/in"; delimiter = ";"; complete = "rename"; empty = "ok";
      op_column = "OP"; op_values = [ "C", "U", "D" ]; attempt_column = "ATTEMPT"; publish = "{publish}"; }};
    objects: {{
      accounts: {{ native = "accounts_*.csv"; key = [ "ID" ]; external_key = "EXT"; reads = "full"; }};
      orders: {{ native = "orders_*.csv"; key = [ "ID" ]; external_key = "EXT"; reads = "full"; }}; }}; }};
"""
FOLDER = """  dms: {{ connector = "folder"; access = "write"; {limits} settings: {{ directory = "{bed}/dms"; versions = true; }};
    objects: {{ papers: {{ native = "/papers"; key = [ "path" ]; external_key = "ext"; content = "content"; }}; }}; }};"""
READBACK = ' confirm: { by = "readback"; within = "WITHIN"; };'
PAPERS_WORLD = 'crm: {{ object = "papers"; {binding} write = ( [ "number", "number" ], [ "account", "link(\'crm\', customer)" ], [ "pdf", "pdf" ] ); }};'
PAPERS_FOLDER = ('dms: {{ object = "papers"; {binding} path = "number || \'.pdf\'";'
                 ' write = ( [ "number", "number" ], [ "account", "link(\'crm\', customer)" ], [ "content", "pdf" ] ); }};')


class Failure(Exception):
    """What must not be, in a sentence."""


class Server:
    """crash-serve (serve.c): the programs, loaded once.  One for a process and a bed at a time."""

    PROGRAM = os.path.join(BUILD, "tests/bin/crash-serve")

    def __init__(self):
        self.process = None
        self.watch = None  # (pipe, what to do when something is in it) while a program runs

    def start(self):
        ours, its = socket.socketpair()
        # Its copies find everything bound that they ever call.
        self.process = subprocess.Popen([self.PROGRAM], stdin=its, env=dict(os.environ, LD_BIND_NOW="1"))
        its.close()
        self.socket = ours

    def ask(self, what, output, environment, words, timeout=600):
        """Runs it; the status, negative for a signal."""
        if self.process is None:
            self.start()
        text = b"".join(word.encode() + b"\0" for word in [what, output] + environment + [""] + words)
        try:
            self.socket.settimeout(timeout)
            self.socket.sendall(struct.pack("=I", len(text)) + text)
            while self.watch:
                ready = select.select([self.socket, self.watch[0]], [], [], timeout)[0]
                if self.watch[0] in ready:
                    self.watch[1]()
                elif self.socket in ready:
                    break
                else:
                    raise TimeoutError
            answer = self.socket.recv(4, socket.MSG_WAITALL)
        except TimeoutError as late:
            self.end()
            raise subprocess.TimeoutExpired(words, timeout) from late
        if len(answer) != 4:
            self.end()
            raise Failure("crash-serve has ended")
        return struct.unpack("=i", answer)[0]

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.socket.close()
            self.process = None


class Bed:
    def __init__(self, folder, way, faults=(), every=3, seed=0, times=3, opens=0, server=None):
        self.folder, self.way, self.server = folder, way, server
        self.look = None  # called with the flow after each run
        self.passes = ""  # as what files of the ledger pass that were put back (serve.c)
        # Source files have the times that they would have if one was written a second: so two worlds with the same past are the same.
        self.clock = 1700000000
        self.state = os.path.join(folder, "state")
        self.importer = None
        self.source = {"customers": {}, "orders": {}, "papers": {}}
        for name in ("conf.d", "erp", "connectors", "tmp", "dms"):
            os.makedirs(os.path.join(folder, name))
        for name in os.listdir(CONNECTORS):
            if name.endswith(".so"):
                os.symlink(os.path.realpath(os.path.join(CONNECTORS, name)), os.path.join(folder, "connectors", name))
        if way == "tables":
            database = sqlite3.connect(os.path.join(folder, "crm.db"))
            database.executescript(
                "PRAGMA journal_mode = WAL;"
                "CREATE TABLE accounts (id INTEGER PRIMARY KEY, ext TEXT UNIQUE, number TEXT, name TEXT, city TEXT, phone TEXT);"
                "CREATE TABLE orders (id INTEGER PRIMARY KEY, ext TEXT UNIQUE, number TEXT, total TEXT, account INTEGER);")
            database.close()
        elif way in FILES:
            self.importer = Importer(os.path.join(folder, "importer"), faults, every, seed, times)
        else:
            name = "scripted-%s.so" % way
            os.symlink(os.path.join(BUILD, "tests/connectors/.libs", name), os.path.join(folder, "connectors", name))
            self.quiet()
        self.set_faults(faults, every, seed, times, opens)

    def set_faults(self, faults, every, seed, times, opens=0):
        """What goes wrong from when the world is armed, and where."""
        self.faults, self.times = tuple(faults), times
        self.doubles = self.way == "none" and bool(faults)
        limits = LIMITS % (1 if "answers-late" in faults else 2)
        if self.way == "tables":
            targets = (TABLES + FOLDER).format(bed=self.folder, limits=limits)
        elif self.importer:
            targets = (IMPORTS + FOLDER).format(bed=self.folder, limits=limits, publish="run" if self.way == "gathered" else "batch")
            self.importer.set_faults(faults, every, seed, times)
        else:
            targets = WORLD.format(way=self.way, bed=self.folder, limits=limits, faults=", ".join('"%s"' % f for f in faults), every=every, seed=seed,
                                   times=times, opens=opens)
        binding = BINDING + (' accept = [ "duplicates" ];' if self.way == "none" else "")
        papers = (PAPERS_FOLDER if self.way == "tables" or self.importer else PAPERS_WORLD).format(binding=binding)
        self.configuration = AGENT.format(bed=self.folder, targets=targets, flow=FLOW, binding=binding + (READBACK if self.importer else ""),
                                          papers=papers)
        self.configure()

    def configure(self, within="1d"):
        with open(os.path.join(self.folder, "conf.d", "crash.conf"), "w") as file:
            file.write(self.configuration.replace("WITHIN", within))

    # The source.

    def write_source(self):
        for name, head in (("customers", "NO;NAME;CITY;PHONE"), ("orders", "NO;CUSTOMER;TOTAL"), ("papers", "NO;CUSTOMER;FILE")):
            path = os.path.join(self.folder, "erp", name + ".csv")
            lines = [head] + [";".join(((number,) + row)[:1 + head.count(";")]) for number, row in sorted(self.source[name].items())]
            with open(path + ".new", "w") as file:
                file.write("\n".join(lines) + "\n")
            self.put(path + ".new", path)

    def put(self, new, path):
        self.clock += 1
        os.utime(new, (self.clock, self.clock))
        os.rename(new, path)

    def set_paper(self, number, customer, text, edition=1):
        name = "%s-%d.pdf" % (number, edition)
        with open(os.path.join(self.folder, "erp", name + ".new"), "w") as file:
            file.write(text)
        self.put(os.path.join(self.folder, "erp", name + ".new"), os.path.join(self.folder, "erp", name))
        self.source["papers"][number] = (customer, name, "", text)

    def fill(self, count=6, papers=3):
        """Phase 1: everything is new."""
        for i in range(1, count + 1):
            self.source["customers"]["C%d" % i] = ("Name %d" % i, "City %d" % i, "030 %d" % i)
        for i in range(1, count + 2):
            self.source["orders"]["A%d" % i] = ("C%d" % (1 + i % count), "%d.50" % i, "")
        for i in range(1, papers + 1):
            self.set_paper("P%d" % i, "C%d" % i, "document %d\n" % i * 20)
        self.write_source()

    def edit(self, count=6):
        """Phase 2: creates, updates, deletes, another parent, another document, and one that changes under its name."""
        customers, orders, papers = self.source["customers"], self.source["orders"], self.source["papers"]
        customers["C1"] = ("Name one", "City 1", "0228 1")
        customers["C2"] = (customers["C2"][0], "Elsewhere", customers["C2"][2])
        customers["C%d" % (count + 1)] = ("Name new", "City new", "0331")
        customers["C%d" % (count + 2)] = ("Name newer", "", "0332")
        del orders["A1"], orders["A4"], papers["P3"]
        orders["A2"] = (orders["A2"][0], "99.90", "")
        orders["A3"] = ("C%d" % (count + 1), orders["A3"][1], "")
        orders["A%d" % (count + 2)] = ("C%d" % (count + 2), "1.00", "")
        self.set_paper("P1", "C1", "another document 1\n" * 30, 2)
        # Its row stays as it is: only the bytes under the same name are others.
        self.set_paper("P2", papers["P2"][0], "document 2, corrected\n" * 25)
        self.set_paper("P4", "C%d" % (count + 1), "document 4\n")
        del customers["C%d" % count]
        for number in [n for n, row in orders.items() if row[0] == "C%d" % count]:
            del orders[number]
        self.write_source()

    # The world's faults, which are quiet in the beginning.

    def quiet(self):
        if self.importer:
            self.importer.armed = False
        elif self.way != "tables":
            self.world("CREATE TABLE IF NOT EXISTS fault (kind INTEGER PRIMARY KEY, seen INTEGER, done INTEGER)")
            self.world("INSERT OR REPLACE INTO fault SELECT value, 0, 1000000 FROM json_each('[1,2,3,4,5,6,7,8,9]')")

    def arm(self):
        """From now on they happen, `times` times each."""
        if self.importer:
            self.importer.armed = True
        elif self.way != "tables":
            self.world("DELETE FROM fault")

    # The program.

    def environment(self, fault=None, power=None, host=None):
        environment = dict(ENVIRONMENT)
        environment["TMPDIR"] = os.path.join(self.folder, "tmp")
        environment["SYNCLINE_HOST"] = os.path.join(BUILD, "tests/bin/syncline-host-faults")
        if self.server and self.server.watch:
            environment["SYNCLINE_PIDS"] = os.path.join(self.folder, "pids")
        if self.passes:
            environment["SYNCLINE_PASSES"] = self.passes
        if fault:
            environment["SYNCLINE_FAULT"] = fault
        if power:
            environment["SYNCLINE_POWER"] = power
        note = os.path.join(self.folder, "tmp", "host-fault")
        if host:
            with open(note, "w") as file:
                # What a connector does with its disk is counted where files are what is delivered.
                file.write(host + "\n" + ("disk\n" if self.importer else ""))
        elif os.path.exists(note):
            os.unlink(note)
        return environment

    def command(self, *words):
        return [os.path.join(BUILD, "tests/bin/syncline-faults"), "--config", os.path.join(self.folder, "conf.d"), "--state", self.state,
                "--connectors", os.path.join(self.folder, "connectors")] + list(words)

    def syncline(self, *words, **faults):
        if self.server:
            log = os.path.join(self.folder, "log")
            with open(log, "a") as file:
                file.write("$ %s %r\n" % (" ".join(words), faults))
            environment = ["%s=%s" % pair for pair in self.environment(**faults).items()]
            return self.server.ask("run", log, environment, self.command(*words)), "", "see %s" % log
        done = subprocess.run(self.command(*words), env=self.environment(**faults), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=600)
        with open(os.path.join(self.folder, "log"), "ab") as log:
            log.write(("$ %s %r\n" % (" ".join(words), faults)).encode() + done.stdout + done.stderr + b"-> %d\n" % done.returncode)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def switch_on(self):
        for flow in FLOWS:
            status, _, why = self.syncline("flag", flow, "on", "--without-preview", "--why", "crash test")
            if status != 0:
                raise Failure("flag %s: status %d: %s" % (flow, status, why.strip()))

    def run(self, patience=0, flows=FLOWS, **faults):
        """The statuses of one run of each flow; between two of them the system that imports files has its turn."""
        statuses = []
        for flow in flows:
            statuses.append(self.syncline("--json", "run", flow, "--patience", str(patience), **faults)[0])
            if self.importer:
                self.importer.moment()
            if self.look:
                self.look(flow)
        return statuses

    # What the ledger and the targets say.

    def ask(self, sql):
        path = os.path.join(self.state, "ledger.db")
        if not os.path.exists(path):
            return []
        database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def open_deliveries(self):
        return self.ask("SELECT target, record, operation, state, tries, cause, reason FROM delivery_view") + \
            self.ask("SELECT 'span', first, last FROM delivery_span") + \
            self.ask("SELECT 'attempt', target, claimed, undecided FROM attempt_view") + \
            self.ask("SELECT 'waits for its parent', flow, native, parent_native FROM waiter_view")

    def findings(self):
        rows = []
        for kind in ("dead_letter", "reject", "review", "conflict", "flip"):
            rows += self.ask("SELECT '%s', flow, native, record, cause, message FROM %s_view WHERE state = 'open'" % (kind, kind))
        return rows

    def settle(self, rounds=14):
        """Runs until nothing is left to do; how many rounds that took."""
        before = None
        for number in range(1, rounds + 1):
            # What was sent once more, and lost again, is looked at when both may have arrived: some seconds later.
            statuses = self.run(patience=15)
            if 4 in statuses:
                raise Failure("a run is held")
            left = self.open_deliveries()
            if self.well(statuses) and not left:
                return number
            if self.importer and self.importer.refused and left == before and not self.importer.waiting():
                self.hear_of_the_refused()
                return number + self.settle(rounds)
            before = left
        raise Failure("stuck after %d rounds, with %s: %s" % (rounds, statuses, self.open_deliveries()[:4] + self.findings()[:4]))

    def hear_of_the_refused(self):
        """All else has come to rest.  Exactly what was refused is told as dead when its time is over; what a person retries then arrives."""
        self.look = None  # from here on it counts what was found before, too
        objects, refused = {"customers": "accounts", "orders": "orders"}, self.importer.refused
        # A file may be imported as late as it likes otherwise: the time that a busy machine takes is no finding.
        self.configure(within="1s")
        # Twenty runs of a fast machine may be over before that time is.
        until = time.monotonic() + 5
        while True:
            late = time.monotonic() > until
            self.run()
            if late or len(self.findings()) >= len(refused):
                break
        wanted = sorted((name, native, "delivery-unseen") for (name, _), native in refused.items())
        rows = self.ask("SELECT v.flow, d.detail, v.cause FROM dead_letter_view v JOIN dead_letter d USING (id) WHERE v.state = 'open'")
        dead = sorted((objects.get(flow, flow), json.loads(detail or "{}").get("native", ""), cause) for flow, detail, cause in rows)
        if dead != wanted:
            raise Failure("told as dead is %s, and refused was %s" % (dead, wanted))
        self.configure()
        refused.clear()
        status, _, why = self.syncline("dead", "retry", "--cause", "delivery-unseen", "--why", "it takes them now")
        if status != 0:
            raise Failure("dead retry: status %d: %s" % (status, why.strip()))

    def well(self, statuses):
        """Where doubles were accepted by name they are found, and shown as reviews: the run is done with findings."""
        return set(statuses) <= ({0, 3} if self.doubles else {0})

    def effects(self):
        """What was ever done at the targets; that a late write was recognized by its key is no effect."""
        if self.importer:
            return [self.shown(), self.importer.rows, self.importer.waiting()]
        if self.way == "tables":
            return [self.shown()]
        return self.world("SELECT number, what, object, id FROM journal WHERE what NOT IN ('deferred', 'absorbed')")

    def world(self, sql):
        database = sqlite3.connect(os.path.join(self.folder, "world.db"))
        try:
            rows = database.execute(sql).fetchall()
            database.commit()
            return rows
        finally:
            database.close()

    def shown(self):
        """{object: [(number, …), …]} as the targets have it."""
        return self.shown_files() if self.importer else self.shown_tables() if self.way == "tables" else self.shown_world()

    def shown_world(self):
        cells = {}
        if not self.world("SELECT 1 FROM sqlite_master WHERE name = 'record'"):
            return {"customers": [], "orders": [], "papers": []}
        for object_, id_ in self.world("SELECT object, id FROM record"):
            cells[object_, id_] = {}
        for object_, id_, name, value in self.world("SELECT object, id, name, value FROM cell"):
            cells[object_, id_][name] = value
        accounts = {id_: c.get("number") for (o, id_), c in cells.items() if o == "accounts"}
        documents = {reference: bytes(data).decode() for reference, data in self.world("SELECT reference, bytes FROM content")}
        rows = {"customers": [], "orders": [], "papers": []}
        for (object_, _), c in cells.items():
            if object_ == "accounts":
                rows["customers"].append((c.get("number"), c.get("name"), c.get("city"), c.get("phone")))
            elif object_ == "orders":
                rows["orders"].append((c.get("number"), accounts.get(c.get("account")), c.get("total")))
            else:
                rows["papers"].append((c.get("number"), accounts.get(c.get("account")), documents.get(c.get("pdf"))))
        return rows

    def shown_tables(self):
        database = sqlite3.connect(os.path.join(self.folder, "crm.db"))
        rows = {
            "customers": database.execute("SELECT number, name, city, phone FROM accounts").fetchall(),
            "orders": database.execute("SELECT o.number, a.number, total FROM orders o LEFT JOIN accounts a ON a.id = o.account").fetchall(),
        }
        accounts = {str(id_): number for id_, number in database.execute("SELECT id, number FROM accounts")}
        database.close()
        rows["papers"] = self.shown_folder(accounts)
        return rows

    def shown_files(self):
        tables = self.importer.tables
        accounts = {native: row["number"] for native, row in tables["accounts"].items()}
        return {
            "customers": [(row["number"], row["name"], row["city"], row["phone"]) for row in tables["accounts"].values()],
            "orders": [(row["number"], accounts.get(row["account"]), row["total"]) for row in tables["orders"].values()],
            "papers": self.shown_folder(accounts),
        }

    def shown_folder(self, accounts):
        papers = []
        for folder, _, files in os.walk(os.path.join(self.folder, "dms", "papers")):
            for name in files:
                if name.startswith(".") or not name.endswith(".pdf"):
                    continue
                with open(os.path.join(folder, name)) as file:
                    text = file.read()
                with open(os.path.join(folder, name + ".meta.json")) as file:
                    fields = json.load(file)["fields"]
                papers.append((fields.get("number"), accounts.get(str(fields.get("account"))), text))
        return papers

    def wanted(self):
        return {
            "customers": {number: (row[0], row[1] or None, row[2] or None) for number, row in self.source["customers"].items()},
            "orders": {number: (row[0], row[1]) for number, row in self.source["orders"].items()},
            "papers": {number: (row[0], row[3]) for number, row in self.source["papers"].items()},
        }

    def compare(self):
        shown, wanted = self.shown(), self.wanted()
        for name in FLOWS:
            there = {}
            for row in shown[name]:
                if row[0] in there and not self.doubles:
                    raise Failure("doubled: %s %s: %s and %s" % (name, row[0], there[row[0]], row[1:]))
                if row[0] not in there or there[row[0]] != wanted[name].get(row[0]):
                    there[row[0]] = tuple(value if value != "" else None for value in row[1:])
            for number, row in wanted[name].items():
                if number not in there:
                    raise Failure("lost: %s %s" % (name, number))
                if there[number] != row:
                    raise Failure("lost: %s %s is %s and should be %s" % (name, number, there[number], row))
            extra = sorted(set(there) - set(wanted[name]))
            if extra and not self.doubles:
                raise Failure("left behind: %s %s" % (name, extra))
        self.compare_journal()

    def compare_journal(self):
        """What must never have happened, whatever is there now."""
        if self.importer and self.importer.wrong:
            raise Failure("; ".join(self.importer.wrong[:3]))
        if self.way not in ("tables", "none") + FILES:
            try:
                found = self.world("SELECT 1, object, external, count(*) FROM journal WHERE what = 'create' GROUP BY object, external HAVING count(*) > 1"
                                   " UNION ALL SELECT 2, object, id, 1 FROM journal WHERE what = 'misused key'")
            except sqlite3.OperationalError as why:
                if "no such table" not in str(why):
                    raise
                return
            twice, misused = [row[1:] for row in found if row[0] == 1], [row[1:3] for row in found if row[0] == 2]
            if twice:
                raise Failure("created twice: %s" % twice[:3])
            if misused:
                raise Failure("a key was used for something else: %s" % misused[:3])

    def check(self):
        """At rest: everything is right, nothing is open, and another run changes nothing."""
        self.compare()
        # A double that was accepted is shown as one, or, where its record was deleted before anybody read it, as one that came back.
        findings = [f for f in self.findings() if not self.doubles or f[0] != "review" or f[4] not in ("disputed", "resurrected")]
        if findings:
            raise Failure("findings: %s" % findings[:3])
        self.quiet()
        before = self.effects()
        if not self.well(self.run()):
            raise Failure("the run after the last one was not well")
        if self.effects() != before:
            raise Failure("a run that had nothing to do wrote something")
        self.check_ledger()

    def check_ledger(self):
        if self.server:
            said = os.path.join(self.folder, "tmp", "check")
            if self.server.ask("check", said, ["SYNCLINE_PASSES=" + self.passes], ["ledger-check", self.state]) != 0:
                with open(said, errors="replace") as file:
                    raise Failure("the ledger: %s" % file.read().strip()[:600])
            return
        done = subprocess.run([os.path.join(BUILD, "tests/bin/ledger-check"), self.state], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
        if done.returncode != 0:
            raise Failure("the ledger: %s" % done.stdout.decode(errors="replace").strip()[:600])

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def random_edit(bed, generator, share):
    """Changes a share of the customers and of their orders, and some papers: creates, updates and deletes."""
    customers, orders, papers = bed.source["customers"], bed.source["orders"], bed.source["papers"]
    gone = set()
    for number in generator.sample(sorted(customers), max(1, int(len(customers) * share))):
        what = generator.random()
        if what < 0.6:
            customers[number] = (customers[number][0], "City %d" % generator.randrange(10**6), customers[number][2])
        elif what < 0.8:
            del customers[number]
            gone.add(number)
        else:
            new = "N%d" % generator.randrange(10**9)
            customers[new] = ("Newcomer", "City", "1")
            orders["A" + new] = (new, "7.00", "")
    for number in [n for n, row in orders.items() if row[0] in gone]:
        del orders[number]
    for number in [n for n, row in papers.items() if row[0] in gone]:
        del papers[number]
    there = sorted(customers)
    for number in generator.sample(sorted(orders), max(1, int(len(orders) * share))):
        orders[number] = (generator.choice(there), "%d.25" % generator.randrange(1000), "")
    for number in generator.sample(sorted(papers), min(len(papers), 5)):
        bed.set_paper(number, papers[number][0], "changed %d\n" % generator.randrange(10**6), generator.randrange(2, 10**6))
    new = "P%d" % generator.randrange(10**9)
    bed.set_paper(new, generator.choice(there), "new %s\n" % new)
    bed.write_source()


__all__ = ["Bed", "Failure", "Server", "WAYS", "FILES", "FAULTS", "FILE_FAULTS", "FLOWS", "random", "random_edit"]
