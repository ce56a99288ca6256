# SPDX-License-Identifier: BSD-2-Clause
"""chaos_bed.py: the agent with fault points and clocks that are set (tests/crash), four flows for two units, and five systems.

    erp     exports, written by rename             crm     a database            dms    a folder of documents
    cloud   a world behind a server with a name    depot   a world that takes repeats by their key
"""
import csv
import http.server
import mmap
import os
import random
import signal
import socket
import socketserver
import sqlite3
import struct
import subprocess
import threading
import time

import daemon_bed
from runs_bed import DONE, TABLE, same

BUILD, CONNECTORS = os.environ["SYNCLINE_BUILD"], os.environ["SYNCLINE_CONNECTORS"]
SYSTEMS = """
agent: { environment = "test"; timezone = "UTC"; };
systems: {
  erp: { connector = "csv"; settings: { directory = "%(folder)s/in"; null_if = [ "" ]; complete = "rename"; };
    objects: { customers: { native = "customers.csv"; key = [ "NR" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; };
               orders: { native = "orders.csv"; key = [ "ORDER" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; };
               papers: { native = "papers.csv"; key = [ "PAPER" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; content = "FILE"; };
               articles: { native = "articles.csv"; key = [ "ARTICLE" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; }; }; };
  crm: { connector = "sqlite"; access = "write"; settings: { path = "%(small)s/crm.sqlite"; busy_timeout = "50ms"; }; limits: { backoff_max = "2s"; };
    objects: { account: { key = [ "id" ]; external_key = "ext"; }; deal: { key = [ "id" ]; external_key = "ext"; }; }; };
  dms: { connector = "folder"; access = "write"; settings: { directory = "%(small)s/dms"; versions = true; }; limits: { backoff_max = "2s"; };
    objects: { papers: { native = "/papers"; key = [ "path" ]; external_key = "ext"; content = "content"; }; }; };
  cloud: { connector = "scripted-find"; access = "write"; limits: { backoff_max = "2s"; timeout = 2; attempts = 2; };
    settings: { world = "%(folder)s/cloud.db"; faults = [ %(faults)s ]; gateway = "%(url)s"; };
    objects: { accounts: { key = [ "id" ]; external_key = "ext"; }; orders: { key = [ "id" ]; external_key = "ext"; }; }; };
  depot: { connector = "scripted-key"; access = "write"; limits: { backoff_max = "2s"; timeout = 2; attempts = 2; };
    settings: { world = "%(folder)s/depot.db"; faults = [ %(faults)s ]; every = 2; };
    objects: { articles: { key = [ "id" ]; external_key = "ext"; }; }; };
};
units: { one: { systems: { erp: { tenant = "1"; }; }; }; two: { systems: { erp: { tenant = "2"; }; }; }; };
"""
FAULTS = ("applies-late", "answers-late", "indexes-late", "fails-applied", "loses-answer", "dies", "fails", "throttles", "reads-fail")
ENTITIES = """
entities: {
  customer: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; name: { type = "text"; required = true; }; city: { type = "text"; }; phone: { type = "text"; }; }; };
  purchase: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; total: { type = "decimal"; scale = 2; };
      customer: { type = "ref"; entity = "customer"; required = true; wait = "30d"; }; }; };
  paper: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; pdf: { type = "content"; mode = "copy"; };
      customer: { type = "ref"; entity = "customer"; required = true; wait = "30d"; }; }; };
  article: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; name: { type = "text"; }; }; };
};
"""
FLOW = """units = [ "one", "two" ];
    responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/chaos"; };
    guards: { missing_rows = "100%"; creates = "100%"; updates = "100%"; cleared = "100%"; deletes = "100%"; at_least = 1000000; };"""
SOURCE = 'originates = true; deletes: { seen = "accept"; };'
TARGET = 'create_if = "true"; deletes: { do = "delete"; };'
FLOWS = """
flows: {
  customers: { entity = "customer"; FLOW bindings: {
    erp: { object = "customers"; trigger: { file = true; every = "1s"; }; SOURCE
      map = ( [ "number", "NR" ], [ "name", "NAME" ], [ "city", "CITY" ], [ "phone", "PHONE" ] ); };
    crm: { object = "account"; TARGET write = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] ); };
    cloud: { object = "accounts"; TARGET write = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] ); }; }; };
  orders: { entity = "purchase"; after = [ "customers" ]; FLOW bindings: {
    erp: { object = "orders"; trigger: { file = true; }; SOURCE read: { number = "ORDER"; total = "TOTAL"; customer = "ref('customers', NR)"; }; };
    crm: { object = "deal"; TARGET write = ( [ "number", "number" ], [ "total", "total" ], [ "account", "link('crm', customer)" ] ); };
    cloud: { object = "orders"; TARGET write = ( [ "number", "number" ], [ "total", "total" ], [ "account", "link('cloud', customer)" ] ); }; }; };
  papers: { entity = "paper"; after = [ "customers" ]; FLOW bindings: {
    erp: { object = "papers"; SOURCE read: { number = "PAPER"; customer = "ref('customers', NR)"; pdf = "content()"; }; };
    dms: { object = "papers"; TARGET path = "number || '.pdf'"; write = ( [ "number", "number" ], [ "content", "pdf" ] ); }; }; };
  articles: { entity = "article"; FLOW bindings: {
    erp: { object = "articles"; trigger: { cron = "* * * * *"; }; SOURCE map = ( [ "number", "ARTICLE" ], [ "name", "NAME" ] ); };
    depot: { object = "articles"; TARGET write = ( [ "number", "number" ], [ "name", "name" ] ); }; }; };
};
""".replace("FLOW", FLOW).replace("SOURCE", SOURCE).replace("TARGET", TARGET)
STARTED = " flows, state in "  # the agent's own line: that a connector's process is started again is told, too
HEADS = {"customers": ["NR", "BRANCH", "NAME", "CITY", "PHONE"], "orders": ["ORDER", "BRANCH", "NR", "TOTAL"], "papers": ["PAPER", "BRANCH", "NR", "FILE"],
         "articles": ["ARTICLE", "BRANCH", "NAME"]}
NAMES = tuple(HEADS)


class Clock:
    """What tests/crash/clock.c looks at, in seconds."""
    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(bytes(16))
        with open(path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 16)
        self.wrong = self.passed = 0

    def set(self, wrong):
        self.wrong = wrong
        self.bytes[0:8] = struct.pack("=q", int(wrong * 1000000))

    def let_pass(self, seconds):
        self.passed += seconds
        self.bytes[8:16] = struct.pack("=q", int(self.passed * 1000000))

    def now(self):
        """Of the machine's two clocks the one that never goes back."""
        return time.monotonic() + self.passed


class Gateway(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """The server before the cloud; `mood` says what it does with a call."""
    daemon_threads = True

    def __init__(self, now):
        super().__init__(("127.0.0.1", 0), Answer)
        self.mood, self.calls, self.now, self.at_work = "well", [], now, 0
        self.url = "http://127.0.0.1:%d/" % self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def close(self):
        self.shutdown()
        self.server_close()


class Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        mood, place = self.server.mood, self.server
        begun = place.now()
        place.at_work += 1
        try:
            if mood == "silent":
                time.sleep(3)
            elif mood == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            elif mood == "garbage":
                self.wfile.write(bytes(range(256)))
            else:
                if mood == "slow":
                    time.sleep(0.3)
                self.send_response({"down": 503, "busy": 429}.get(mood, 200))
                self.end_headers()
        finally:
            place.at_work -= 1
            place.calls.append((begun, place.now(), mood))


MOODS = ("silent", "reset", "garbage", "down", "busy", "slow")


class Bed(daemon_bed.Bed):
    def __init__(self, generator, small=None):
        """small: how much its file system has that is mounted for the ledger, the CRM and the DMS; None: none is."""
        super().__init__(per_unit=1)
        self.small, self.mounted = self.path("small"), False
        for name in ("small", "tmp", "connectors"):
            os.mkdir(self.path(name))
        if small:
            self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + small, "none", self.small], check=False).returncode == 0
        os.mkdir(self.path("small/dms"))
        for name in os.listdir(CONNECTORS):
            if name.endswith(".so"):
                os.symlink(os.path.realpath(os.path.join(CONNECTORS, name)), self.path("connectors/" + name))
        for name in ("scripted-find.so", "scripted-key.so", "scripted-upsert.so"):
            os.symlink(os.path.join(BUILD, "tests/connectors/.libs", name), self.path("connectors/" + name))
        self.clock = Clock(self.path("tmp/clock"))
        self.gateway = Gateway(self.clock.now)
        self.generator, self.last, self.branches = generator, 1000, "12"
        self.write("conf.d/10-systems.conf", SYSTEMS % {"folder": self.folder, "small": self.small, "url": self.gateway.url,
                                                        "faults": ", ".join('"%s"' % fault for fault in FAULTS)})
        self.write("conf.d/20-entities.conf", ENTITIES)
        self.write("conf.d/30-flows.conf", FLOWS)
        os.remove(self.path("crm.sqlite"))
        self.crm(lambda crm: crm.executescript(TABLE))
        for name in ("cloud", "depot"):
            self.quiet_world(name)
        self.source = {name: {} for name in NAMES}

    def close(self):
        super_close = super().close
        if self.agent is not None and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()
        self.gateway.close()
        if self.mounted:
            subprocess.run(["umount", "-l", self.small], check=False)
        super_close()

    # the agent

    def command(self, *args, **more):
        words = super().command(*args, connectors=self.path("connectors"))
        words[words.index("--state") + 1] = self.path("small/state")
        return words

    def agent_command(self, *args):
        words = super().agent_command(*args)
        return [os.path.join(BUILD, "tests/bin/synclined-faults")] + words[1:]

    def begin(self, fault=None):
        """Starts the agent; its status when it ended before it listened."""
        environment = {key: value for key, value in os.environ.items() if key not in ("SYNCLINE_FAULT", "SYNCLINE_POWER")}
        environment.update(TMPDIR=self.path("tmp"), SYNCLINE_HOST=os.path.join(BUILD, "tests/bin/synclined-host-faults"), SYNCLINE_HOST_STDERR="1")
        if fault:
            environment["SYNCLINE_FAULT"] = fault
        begun = self.log_text().count(STARTED) if os.path.exists(self.path("log")) else 0
        self.logged = open(self.path("log"), "ab")
        self.agent = subprocess.Popen(self.agent_command(), stdin=subprocess.DEVNULL, stdout=self.logged, stderr=self.logged, env=environment)
        until = time.monotonic() + 60
        while self.log_text().count(STARTED) == begun:
            try:
                status = self.agent.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < until, "the agent does not start\n" + self.log_text()[-3000:]
                continue
            self.logged.close()
            self.agent = None
            return status
        return None

    # the ERP

    def export(self):
        if not hasattr(self, "source"):
            return super().export()
        for name in NAMES:
            with open(self.path("in/new"), "w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([HEADS[name]] + [[number] + row for number, row in sorted(self.source[name].items())])
            self.put(name + ".csv")
        return None

    def put(self, name):
        self.time += 60
        os.utime(self.path("in/new"), (self.time, self.time))
        os.rename(self.path("in/new"), self.path("in/" + name))

    def number(self, letter):
        self.last += 1
        return letter + str(self.last)

    def add_customer(self):
        number, unit = self.number("C"), self.generator.choice(self.branches)
        self.source["customers"][number] = [unit, "Name " + number, self.generator.choice(["Berlin", "Munich", ""]), "0"]
        return number

    def add_order(self, customer):
        self.source["orders"][self.number("O")] = [self.source["customers"][customer][0], customer, "%d.50" % self.generator.randrange(1000)]

    def set_paper(self, number, customer):
        edition = "%s-%d.pdf" % (number, self.generator.randrange(10**9))
        with open(self.path("in/new"), "w", encoding="utf-8") as file:
            file.write("paper %s\n" % edition * self.generator.randrange(1, 200))
        self.put(edition)
        self.source["papers"][number] = [self.source["customers"][customer][0], customer, edition]

    def fill(self, customers=24):
        for _ in range(customers):
            self.add_order(self.add_customer())
        for customer in self.generator.sample(sorted(self.source["customers"]), 6):
            self.set_paper(self.number("P"), customer)
        for _ in range(8):
            self.source["articles"][self.number("A")] = [self.generator.choice(self.branches), "Article"]
        self.export()

    def leaves_some(self, name, numbers):
        """An export that shows nothing of a unit any more, of which something is linked, is taken for one that went wrong."""
        rows = self.source[name]
        return {rows[number][0] for number in numbers} <= {row[0] for number, row in rows.items() if number not in numbers}

    def edit(self):
        """People at the ERP.  A number never comes again."""
        draw, source = self.generator, self.source
        for number in draw.sample(sorted(source["customers"]), 4):
            source["customers"][number][1] = "Name %d" % draw.randrange(10**6)
        for number in draw.sample(sorted(source["orders"]), 3):
            source["orders"][number][2] = "%d.25" % draw.randrange(1000)
        for number in draw.sample(sorted(source["articles"]), 2):
            source["articles"][number][1] = "Article %d" % draw.randrange(10**6)
        if draw.random() < 0.5 or len(source["customers"]) < 20:
            customer = self.add_customer()
            self.add_order(customer)
            self.set_paper(self.number("P"), customer)
            source["articles"][self.number("A")] = [draw.choice(self.branches), "New"]
        if draw.random() < 0.4:
            paper = draw.choice(sorted(source["papers"]))
            self.set_paper(paper, source["papers"][paper][1])
        if draw.random() < 0.3 and len(source["articles"]) > 6:
            gone = draw.choice(sorted(source["articles"]))
            if self.leaves_some("articles", [gone]):
                del source["articles"][gone]
        if draw.random() < 0.3 and len(source["customers"]) > 20:
            gone = draw.choice(sorted(source["customers"]))
            going = {"customers": [gone], **{name: [number for number, row in source[name].items() if row[1] == gone] for name in ("orders", "papers")}}
            if all(self.leaves_some(name, numbers) for name, numbers in going.items()):
                for name, numbers in going.items():
                    for number in numbers:
                        del source[name][number]
        self.export()

    # the targets

    def crm(self, act):
        database = sqlite3.connect(self.path("small/crm.sqlite"), timeout=5)
        try:
            result = act(database)
            database.commit()
            return result
        finally:
            database.close()

    def world(self, name, *statements):
        database = sqlite3.connect(self.path(name + ".db"), timeout=20)
        try:
            for statement in statements:
                rows = database.execute(statement).fetchall()
            database.commit()
            return rows
        finally:
            database.close()

    def quiet_world(self, name):
        """Its faults happen no more."""
        self.world(name, "CREATE TABLE IF NOT EXISTS fault (kind INTEGER PRIMARY KEY, seen INTEGER, done INTEGER)",
                   "INSERT OR REPLACE INTO fault SELECT value, 0, 1000000 FROM json_each('[1,2,3,4,5,6,7,8,9]')")

    def arm_world(self, name):
        """Each kind of fault happens three times more."""
        self.world(name, "DELETE FROM fault")

    def in_world(self, name, object_):
        cells = {}
        if not self.world(name, "SELECT 1 FROM sqlite_master WHERE name = 'record'"):
            return cells
        for id_, field, value in self.world(name, "SELECT id, name, value FROM cell WHERE object = '%s'" % object_):
            cells.setdefault(id_, {})[field] = value
        return cells

    def papers(self):
        found = []
        for folder, _, files in os.walk(self.path("small/dms/papers")):
            for name in files:
                if name.endswith(".pdf") and not name.startswith("."):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        found.append((name[:-4], file.read()))
        return sorted(found)

    def paper_text(self, edition):
        with open(self.path("in/" + edition), encoding="utf-8") as file:
            return file.read()

    def compare(self):
        """Each record stands in each of its targets once, as the ERP has it."""
        customers = sorted((number, row[1], row[2] or None, row[3]) for number, row in self.source["customers"].items())
        orders = sorted((number, row[2], row[1]) for number, row in self.source["orders"].items())
        same("accounts", self.crm(lambda crm: crm.execute("SELECT number, name, city, phone FROM account ORDER BY number").fetchall()), customers)
        same("deals", self.crm(lambda crm: crm.execute("SELECT d.number, d.total, a.number FROM deal d LEFT JOIN account a ON a.id = d.account ORDER BY d.number").fetchall()), orders)
        cloud = self.in_world("cloud", "accounts")
        same("the cloud's accounts", sorted((c["number"], c["name"], c.get("city"), c["phone"]) for c in cloud.values()), customers)
        same("the cloud's orders", sorted((c["number"], c["total"], cloud.get(c["account"], {}).get("number")) for c in self.in_world("cloud", "orders").values()), orders)
        same("the depot's articles", sorted((c["number"], c["name"]) for c in self.in_world("depot", "articles").values()),
             sorted((number, row[1]) for number, row in self.source["articles"].items()))
        same("the papers", self.papers(), sorted((number, self.paper_text(row[2])) for number, row in self.source["papers"].items()))

    def never_twice(self):
        """Whatever is there now: nothing was ever created twice."""
        same("created twice in the CRM", self.crm(lambda crm: crm.execute("SELECT key, count(*) FROM log WHERE what = 'insert' GROUP BY key HAVING count(*) > 1").fetchall()), [])
        for name in ("cloud", "depot"):
            if self.world(name, "SELECT 1 FROM sqlite_master WHERE name = 'journal'"):
                same("created twice in the " + name, self.world(name, "SELECT object, external, count(*) FROM journal WHERE what = 'create' GROUP BY object, external"
                                                                " HAVING count(*) > 1"), [])
                same("misused keys", self.world(name, "SELECT hex(key) FROM misuse"), [])

    # the ledger

    def in_ledger(self, sql):
        database = sqlite3.connect("file:%s?mode=ro" % self.path("small/state/ledger.db"), uri=True, timeout=20)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def still_open(self):
        return (self.in_ledger("SELECT target, record, operation, state, tries, cause, reason, due FROM delivery_view WHERE state <> 'dead'")
                + self.in_ledger("SELECT 'span', first, last FROM delivery_span") + self.in_ledger("SELECT 'attempt', target, claimed, undecided FROM attempt_view")
                + self.in_ledger("SELECT 'waits for its parent', flow, native, parent_native FROM waiter_view"))

    def findings(self):
        rows = []
        for kind in ("dead_letter", "reject", "review", "conflict", "flip"):
            rows += self.in_ledger("SELECT '%s', flow, native, record, cause, message FROM %s_view WHERE state = 'open'" % (kind, kind))
        return rows

    def check_ledger(self):
        """What its own check finds, which begins with SQLite's."""
        done = subprocess.run([os.path.join(BUILD, "tests/bin/ledger-check"), self.path("small/state")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
        assert done.returncode == 0, "the ledger: " + done.stdout.decode(errors="replace")

    def switch_on(self):
        for flow in NAMES:
            result = self.run("flag", flow, "on", "--without-preview", "--why", "chaos")
            assert result.status == DONE, result

    def reload(self):
        before = self.log_text().count(" reloaded ")
        self.agent.send_signal(signal.SIGHUP)
        self.until("the reload", lambda: self.log_text().count(" reloaded ") > before)


__all__ = ["Bed", "MOODS", "random"]
