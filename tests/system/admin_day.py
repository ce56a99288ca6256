#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""admin_day.py [write]: an administrator's day, typed in a terminal; what it shows is docs/administrators-day.md.

The day is played against the programs of the build: `syncline` is typed into a shell on a pseudo terminal of 100 columns, while the agent
runs.  What was typed and shown is written to a transcript, one block for each scene, and has to be what the manual's blocks show; `write` makes
these anew.  What differs from day to day is made the same first, and nothing else (class Same):

    times                   2026-03-02 09:00:00
    ages and durations      5 s, 0.1 s
    process numbers         4711
    sizes                   700 MiB, 200 rows of history
    ids of the ledger       31f7505cacc037e31501db5edf7090c5
    who typed it            anna (uid 1000)
    the folder of the day   /srv/syncline
    run numbers             counted as they are shown first: how often the agent tried while the CRM was away is not told
    the canary's share      9 of 45 customers, 18 of 90 orders: who is among a fifth is decided by ids that are others in each ledger,
    the CRM's own ids       as if it had got all customers in their order
"""
import csv
import difflib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import time

from cli_bed import screen

BUILD, SOURCE = os.environ["SYNCLINE_BUILD"], os.environ["SYNCLINE_SOURCE"]
MANUAL = os.path.join(SOURCE, "docs/administrators-day.md")
TRANSCRIPT = os.path.join(BUILD, "tests/system/administrators-day.md")
COLUMNS = 100
LONGEST = 60  # seconds that anything is waited for
SYSTEMS = """\
agent: { environment = "office"; timezone = "Europe/Berlin"; };

systems: {
  # The ERP exports all of its customers and orders, as often as somebody asks it to.
  erp: { connector = "csv";
    settings: { directory = "%(folder)s/erp"; delimiter = ";"; encoding = "CP1252"; decimal_mark = ","; date_format = "DD.MM.YYYY"; null_if = [ "" ];
                complete = "rename"; };
    objects: { customers: { native = "customers.csv"; key = [ "NR" ]; reads = "full"; };
               orders:    { native = "orders.csv"; key = [ "ORDER" ]; reads = "full"; }; }; };

  # The CRM is a database.  It makes its own ids; ours goes into ext_id.
  crm: { connector = "sqlite"; access = "write"; settings: { path = "%(folder)s/crm.sqlite"; busy_timeout = "100ms"; };
    objects: { account: { key = [ "id" ]; external_key = "ext_id"; };
               deal:    { key = [ "id" ]; external_key = "ext_id"; }; }; };
};
"""
ENTITIES = """\
entities: {
  customer: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; name: { type = "text"; required = true; }; city: { type = "text"; };
              phone: { type = "phone"; }; email: { type = "email"; }; since: { type = "date"; }; }; };

  sales_order: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; total: { type = "decimal"; scale = 2; };
              customer: { type = "ref"; entity = "customer"; required = true; wait = "3d"; }; }; };
};
"""
FLOWS = """\
flows: {
  customers: { entity = "customer";
    responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/customers"; };
    # What would change more than this waits for a person.
    guards: { missing_rows = "10%"; creates = "10%"; updates = "30%"; cleared = "5%"; deletes = "2%"; at_least = 5; };
    bindings: {
      erp: { object = "customers"; trigger: { every = "1h"; }; originates = true;
        read: { number = "NR"; name = "trim(NAME)"; city = "CITY"; phone = "normalize_phone(PHONE, 'DE')"; email = "lower(EMAIL)"; since = "SINCE"; }; };
      crm: { object = "account"; create_if = "true";
        write = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ], [ "email", "email" ], [ "since", "since" ] ); }; }; };

  orders: { entity = "sales_order"; after = [ "customers" ];
    responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/orders"; };
    bindings: {
      erp: { object = "orders"; trigger: { every = "1h"; }; originates = true;
        read: { number = "ORDER"; total = "TOTAL"; customer = "ref('customers', NR)"; }; };
      crm: { object = "deal"; create_if = "true";
        write = ( [ "number", "number" ], [ "total", "total" ], [ "account", "link('crm', customer)" ] ); }; }; };
};
"""
CRM = """
CREATE TABLE account(id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, number TEXT NOT NULL, name TEXT NOT NULL, city TEXT, phone TEXT, email TEXT, since DATE);
CREATE TABLE deal(id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, number TEXT NOT NULL, total TEXT, account INTEGER NOT NULL REFERENCES account(id));
"""
CUSTOMERS = ["NR", "NAME", "CITY", "PHONE", "EMAIL", "SINCE"]
ORDERS = ["ORDER", "NR", "TOTAL"]
TRADES = ["Bäckerei", "Buchhandlung", "Druckerei", "Gärtnerei", "Optik", "Schlosserei", "Tischlerei", "Weinhandel", "Zweirad"]
FAMILIES = ["Ahrens", "Brandt", "Jäger", "Kröger", "Möller"]
CITIES = ["Berlin", "Bremen", "Köln", "München", "Leipzig"]
PREFIXES = ["030", "0421", "0221", "089", "0341"]


def customers():
    """45 of them; their telephone numbers are written as people write them."""
    rows = []
    for i in range(45):
        family, trade, at = FAMILIES[i % 5], TRADES[i % 9], (i * 2 + i // 5) % 5
        phone = [f"{PREFIXES[at]} 55{i:02}10", f"{PREFIXES[at]}/55{i:02}10", f"+49 {PREFIXES[at][1:]} 55{i:02}10"][i % 3]
        rows.append([f"{1001 + i}", f"{trade} {family}", CITIES[at], phone, f"kontakt{1001 + i}@example.com", f"{1 + i % 28:02}.{1 + i % 12:02}.{2005 + i % 20}"])
    rows[12][4] = "kontakt1013(at)example.com"
    return rows


def orders():
    """Two of each customer."""
    return [[f"A-{701 + i}", f"{1001 + i * 7 % 45}", f"{i * 37 % 900 + 20},{i * 13 % 100:02}"] for i in range(90)]


def same(what, got, wanted):
    assert got == wanted, f"{what}\n   got: {got!r}\nwanted: {wanted!r}"


class Same:
    """Makes what differs from day to day the same."""
    STEPS = ((re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?"), "2026-03-02 09:00:00"), (re.compile(r"\b\d+\.\d s\b"), "0.1 s"),
             (re.compile(r"(?<![\d.])\b\d+ s\b"), "5 s"), (re.compile(r"\b\d+ more seconds"), "4 more seconds"), (re.compile(r"\b\d+ [KMGT]iB\b"), "700 MiB"), (re.compile(r"\b\d+ rows of history"), "200 rows of history"), (re.compile(r"\b[0-9a-f]{32}\b"), "31f7505cacc037e31501db5edf7090c5"),
             (re.compile(r"\bprocess \d+"), "process 4711"), (re.compile(r"\S+ \(uid \d+\)"), "anna (uid 1000)"))
    NATIVE = re.compile(r"""(account record |"native":")(\d+)\b""")
    CREATED = re.compile(r"^ *(\d+)(  records created at targets)$")
    RUN = re.compile(r"(\b[Rr]uns? |syncline rollback )(\d+)\b")

    def __init__(self, folder):
        self.folder, self.runs, self.natives = folder, {}, {}
        self.shares = {}  # what is shown of those that are in, and by flow of the rest

    def know(self, day):
        """Which of the CRM's own ids is whose."""
        self.natives = {f"crm.{table}": {str(native): str(int(number[-3:]) - less) for native, number in day.ask(f"SELECT id, number FROM {table}")}
                        for table, less in (("account", 0), ("deal", 700))}

    def native(self, table, native):
        return self.natives.get(table, {}).get(native, native)

    def run(self, number):
        return self.runs.setdefault(number, str(len(self.runs) + 1))

    def text(self, text):
        text = self.RUN.sub(lambda found: found[1] + self.run(found[2]), text.replace(self.folder, "/srv/syncline"))
        text = self.CREATED.sub(lambda found: (self.shares.get("created") or found[1]).rjust(12) + found[2], text)
        text = self.NATIVE.sub(lambda found: found[1] + self.native("crm.account", found[2]), text)
        for expression, now in self.STEPS:
            text = expression.sub(now, text)
        return text

    def cell(self, head, cell, row):
        if head in ("RUN", "LAST RUN"):
            cell = re.sub(r"^\d+", lambda found: self.run(found[0]), cell)
        if head in ("KEY", "NATIVE ID"):
            cell = next((self.native(table, cell) for table in row if table in self.natives), cell)
        if head == "UNTIL" and cell == "the next call":
            cell = "2026-03-02 09:00:00"
        if head == "DELIVERIES":
            cell = self.shares.get(row[0], cell)
        return self.text(cell)

    def table(self, lines):
        """Its columns are as wide as what stands in them, and stand where all lines have two blanks."""
        width = max(map(len, lines))
        lines = [line.ljust(width) for line in lines]
        blank = [all(line[at] == " " for line in lines) for at in range(width)] + [True]
        cuts, at = [], 0
        while at < width:
            end = at
            while end < width and not (blank[end] and blank[end + 1]):
                end += 1
            cuts.append((at, end))
            at = end
            while at < width and blank[at]:
                at += 1
        rows = [[line[begin:end].strip() for begin, end in cuts] for line in lines]
        right = [any(line[begin:end][:1] == " " and line[begin:end].strip() for line in lines) for begin, end in cuts]
        rows = [rows[0]] + [[self.cell(head, cell, row) for head, cell in zip(rows[0], row)] for row in rows[1:]]
        widths = [max(len(row[c]) for row in rows) for c in range(len(cuts))]
        return ["  ".join(cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(row, widths, right)).rstrip() for row in rows]

    def lines(self, lines):
        """Tables begin with a line of heads, and end with an empty line; what did not fit stands below a row, behind blanks."""
        done, at = [], 0
        while at < len(lines):
            if not re.fullmatch(r" *[A-Z]+( [A-Z]+)*(  +[A-Z]+( [A-Z]+)*)+ *", lines[at]):
                done.append(self.text(lines[at]).rstrip())
                at += 1
                continue
            end = at
            while end < len(lines) and lines[end].strip() and (end == at or "  " in lines[end].strip() or lines[end].startswith(" ")):
                end += 1
            own = [number for number in range(at, end) if not lines[number].startswith("      ")]
            table = dict(zip(own, self.table([lines[number] for number in own])))
            while at < end:
                if at in table:
                    done.append(table[at])
                    at += 1
                    continue
                cell, at = self.below(lines, at, end)
                done += cell
        return done

    def below(self, lines, at, end):
        """A cell that stands below its row.  One with the folder's name is broken where that one's length wants it: anew, with the other name."""
        head = re.match(r" {6}[A-Z][A-Z ]*  ", lines[at])
        after = at + 1
        while head and after < end and lines[after].startswith(" " * head.end()):
            after += 1
        cell = lines[at:after]
        if head and self.folder in " ".join(cell):
            cell = textwrap.wrap(self.text(cell[0] + "".join(" " + line.strip() for line in cell[1:])), COLUMNS, subsequent_indent=" " * head.end(),
                                 drop_whitespace=True, break_long_words=False, break_on_hyphens=False)
        return [self.text(line).rstrip() for line in cell], after


class Terminal:
    """A shell on a terminal; its prompt begins with the exit status of the command before, where that is not 0."""
    PROMPT = re.compile(r"(?:^|\n)(?:\x1b\[[?0-9;]*[A-Za-z])*(\d*)\$ $")

    def __init__(self, folder):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        given = {name: value for name, value in os.environ.items() if name not in ("ENV", "EDITOR", "FCEDIT", "VISUAL")}
        given.update(TERM="xterm", PS1="${?#0}$ ", PATH=os.path.join(folder, "bin") + ":" + given["PATH"])
        self.shell = subprocess.Popen(["/bin/sh", "-i"], stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=given, start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.prompt = "$ "
        self.shown()

    def shown(self):
        """All that comes up to the next prompt, without it."""
        until, pieces, text = time.monotonic() + LONGEST, b"", ""
        while True:
            found = self.PROMPT.search(text)
            if found:
                self.prompt = found[1] + "$ "
                return text[:found.start()]
            if not select.select([self.master], [], [], max(0, until - time.monotonic()))[0]:
                raise AssertionError(f"no prompt came:\n{text}")
            pieces += os.read(self.master, 65536)
            text = pieces.decode("utf-8", "replace")

    def type(self, line):
        """(exit status, the lines with the one that was typed)"""
        before = self.prompt
        os.write(self.master, line.encode("utf-8") + b"\n")
        lines = screen(before + self.shown())
        same("the echo", lines[0], before + line)
        return int(self.prompt[:-2] or 0), lines

    def close(self):
        if self.shell.poll() is None:
            os.write(self.master, b"exit 0\n")
            try:
                self.shell.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.shell.kill()
                self.shell.wait()
        os.close(self.master)


class Day:
    def __init__(self):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="syncline-day."))
        self.agent = self.terminal = None
        self.blocks, self.typed = [], 0
        self.same = Same(self.folder)
        for name in ("bin", "conf.d", "erp"):
            os.mkdir(self.path(name))
        self.write("bin/syncline", f'#!/bin/sh\nexec "{BUILD}/syncline" --config conf.d --state state --connectors "{os.environ["SYNCLINE_CONNECTORS"]}" "$@"\n')
        os.chmod(self.path("bin/syncline"), 0o755)
        self.write("conf.d/10-systems.conf", SYSTEMS % {"folder": self.folder})
        self.write("conf.d/20-entities.conf", ENTITIES)
        self.write("conf.d/30-flows.conf", FLOWS)
        self.crm(CRM)
        self.customers, self.orders = customers(), orders()
        self.export()
        self.terminal = Terminal(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def change(self, name, old, new):
        """In an editor."""
        with open(self.path(name), encoding="utf-8") as file:
            text = file.read()
        same(f"{old} in {name}", text.count(old), 1)
        self.write(name, text.replace(old, new))

    def close(self):
        if self.terminal is not None:
            self.terminal.close()
        if self.agent is not None and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()
        shutil.rmtree(self.folder)

    # the ERP, the CRM

    def export(self):
        """The ERP writes both files anew."""
        for name, head, rows in (("customers.csv", CUSTOMERS, self.customers), ("orders.csv", ORDERS, self.orders)):
            with open(self.path("erp/." + name), "w", encoding="cp1252", newline="") as file:
                csv.writer(file, delimiter=";").writerows([head] + rows)
            os.rename(self.path("erp/." + name), self.path("erp/" + name))

    def edit(self, numbers, **values):
        for row in self.customers:
            if row[0] in numbers:
                for column, value in values.items():
                    row[CUSTOMERS.index(column)] = value(row[CUSTOMERS.index(column)]) if callable(value) else value

    def crm(self, script):
        database = sqlite3.connect(self.path("crm.sqlite"), timeout=LONGEST)
        database.executescript(script)
        database.close()

    def ask(self, query):
        database = sqlite3.connect(self.path("crm.sqlite"), timeout=LONGEST)
        rows = database.execute(query).fetchall()
        database.close()
        return rows

    def count(self, table):
        return self.ask(f"SELECT count(*) FROM {table}")[0][0]

    def some(self):
        """A part of the customers, and all orders of these and of nobody else."""
        numbers = {number for number, in self.ask("SELECT number FROM account")}
        assert 0 < len(numbers) < len(self.customers), numbers
        same("deals", sorted(self.ask("SELECT d.number, a.number FROM deal d LEFT JOIN account a ON a.id = d.account")),
             sorted((row[0], row[1]) for row in self.orders if row[1] in numbers))

    def whole(self):
        """The CRM has what the ERP has."""
        self.same.know(self)
        same("accounts", self.ask("SELECT number, name, email FROM account ORDER BY number"), [(row[0], row[1], row[4]) for row in self.customers])
        same("deals", self.ask("SELECT d.number, a.number FROM deal d JOIN account a ON a.id = d.account ORDER BY d.number"),
             [(row[0], row[1]) for row in self.orders])

    # the agent

    def start(self):
        with open(self.path("log"), "ab") as log:
            self.agent = subprocess.Popen([f"{BUILD}/synclined", "--config", self.path("conf.d"), "--state", self.path("state"), "--connectors",
                                           os.environ["SYNCLINE_CONNECTORS"]], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.logs(" started ")

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return file.read()

    def logs(self, *words, since=0):
        """Waits for a line with all these words, behind so much of the log; where it ends."""
        until = time.monotonic() + LONGEST
        while True:
            text = self.log()
            found = next((line for line in text[since:].split("\n") if all(word in line for word in words)), None)
            if found is not None:
                return text.index(found, since) + len(found)
            assert time.monotonic() < until and self.agent.poll() is None, f"the log lacks {words}\n{self.log()}"
            try:
                self.agent.wait(timeout=0.01)
            except subprocess.TimeoutExpired:
                continue

    def ran(self, flow, how):
        """A run that the agent began by itself, after the last command had done its work, came to its end, and so."""
        self.logs("run-ended", f"flow={flow} ", f": {how}", since=self.logs(" verb=", since=self.typed))

    def end(self):
        self.agent.send_signal(signal.SIGTERM)
        same("the agent's status", self.agent.wait(timeout=LONGEST), 0)

    # the terminal

    def scene(self):
        """What is typed from now on is a block of its own."""
        self.blocks.append([])

    def type(self, line, status, *words, **share):
        """What was shown, as one text; it has all these words, and the command ended so.  share: see Same."""
        self.typed = len(self.log()) if self.agent is not None else 0
        got, lines = self.terminal.type(line)
        self.same.shares = share
        self.blocks[-1] += self.same.lines(lines)
        text = "\n".join(lines)
        assert got == status, f"status {got}, not {status}\n{text}"
        for word in words:
            assert word in text or word in " ".join(text.split()), f"{word!r} is not in what was shown:\n{text}"
        return text


# the day


def morning(day):
    """A mistake, and what mends it; the agent is started."""
    day.change("conf.d/30-flows.conf", 'city = "CITY"', 'city = "CITTY"')
    day.scene()
    day.type("syncline discover erp", 0, "conf.d/contracts/erp.customers.conf: 6 fields")
    day.type("syncline discover crm", 0, "conf.d/contracts/crm.deal.conf: 5 fields")
    day.type("syncline check", 1, "conf.d/30-flows.conf:8: ", 'no field "CITTY"', 'next: Did you mean "CITY"?', "1 mistake")
    day.change("conf.d/30-flows.conf", "CITTY", "CITY")
    day.scene()
    day.type("syncline check", 0, "no mistake")
    day.start()
    day.type("syncline status", 0, "The agent has run for", "customers: next: syncline flag customers preview --why TEXT")


def a_first_look(day):
    day.scene()
    day.type('syncline flag customers preview --why "a first look"', 0, "preview")
    day.ran("customers", "held")
    day.type("syncline status", 3, " held ", "syncline plans 1; syncline apply 1")
    day.scene()
    day.type("syncline plans 1 --limit 3", 0, "rejected", "1013", "email: the value is not an email", '"phone":"+4930550010"', "--after 3")
    same("written", day.ask("SELECT * FROM account"), [])


def some_first(day):
    """A fifth of the customers; of these, all orders."""
    day.scene()
    day.type('syncline flag customers on --why "the plan is right"', 1, "no plan of the present rules", "apply it")
    day.type('syncline flag customers canary 20% --why "some first"', 0, "canary 20%")
    same("written", day.ask("SELECT * FROM account"), [])
    text = day.type("syncline apply 1", 3, "44  records created\n", "1  rows that failed their rules", "`syncline status customers`", created="9")
    assert f" {day.count('account')}  records created at targets" in text, text
    day.ran("customers", "done")
    assert 0 < day.count("account") < 44, day.count("account")
    day.scene()
    day.type("syncline status customers", 3, f" {44 - day.count('account')} ", "syncline rejects --cause 'email: ", customers="35")
    day.type("syncline rejects --cause 'email: the value is not an email'", 3, " 1013 ", "`syncline rejects show ID`")
    day.type("syncline rejects show 1", 0, "customers.csv:14", "kontakt1013(at)example.com", "next ", "`syncline rejects edit 1 FIELD VALUE --why TEXT`")
    day.type('syncline rejects edit 1 EMAIL kontakt1013@example.com --why "as they told us"', 0, "1 corrected", "the agent carries it out now")
    day.ran("customers", "done, 1 created")
    day.customers[12][4] = "kontakt1013@example.com"
    day.scene()
    day.type('syncline flag orders preview --why "a first look"', 0, "preview")
    day.ran("customers", "done")
    day.ran("orders", "held")
    day.type('syncline flag orders canary 20% --why "those of the same customers"', 0, "canary 20%")
    day.ran("customers", "done")
    text = day.type("syncline apply 2", 0, "90  records created\n", created="18")
    assert f" {day.count('deal')}  records created at targets" in text, text
    day.ran("customers", "done")
    day.ran("orders", "done")
    day.some()
    day.type("syncline status", 0, " held ", "Nothing waits for a person", customers="36", orders="72")


def all_of_them(day):
    day.scene()
    day.type('syncline flag customers on --why "sales found the first ones right"', 0, " on ")
    day.ran("customers", "done")
    day.ran("orders", "done")
    day.type('syncline flag orders on --why "sales found the first ones right"', 0, " on ")
    day.ran("orders", "done")
    day.type("syncline status", 0, "Nothing waits for a person")
    day.whole()


def some_are_refused(day):
    """The CRM does not take some values any more; its administrator mends it."""
    day.crm("CREATE TRIGGER branch BEFORE UPDATE OF city ON account WHEN NEW.city = 'Kassel' BEGIN SELECT RAISE(ABORT, 'no branch for this city'); END")
    day.edit(["1004", "1009", "1021"], CITY="Kassel")
    day.edit(["1010"], NAME="Bäckerei Möller & Töchter")
    day.customers.append(["1046", "Café Lehmann", "Berlin", "030 554610", "kontakt1046@example.com", "02.03.2026"])
    day.export()
    day.scene()
    day.type("syncline run customers", 3, "3  deliveries given up", "1  records created at targets", "1  records updated at targets", "`syncline status customers`")
    day.type("syncline status customers", 3, "connector-invalid", "syncline dead --cause 'connector-invalid' --flow customers")
    day.scene()
    text = day.type("syncline dead --cause 'connector-invalid' --flow customers", 3, "no branch for this city", "`syncline dead show ID`")
    first = re.search(r"^ *(\d+)  customers", text, re.M)[1]
    day.type(f"syncline dead show {first}", 0, "SQLite: no branch for this city", "next ", "`syncline dead retry --cause connector-invalid`")
    day.crm("DROP TRIGGER branch")
    day.scene()
    day.type("syncline dead retry --cause connector-invalid", 0, "3 to be tried again", "the agent carries it out now")
    day.ran("customers", "done, 3 sent-updates")
    day.type("syncline status", 0, "Nothing waits for a person")
    day.whole()


def the_crm_is_away(day):
    """Somebody works on its database, and nobody else can."""
    day.edit(["1030"], NAME="Druckerei Möller & Sohn")
    day.export()
    locked = sqlite3.connect(day.path("crm.sqlite"), isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    day.scene()
    day.type("syncline run customers", 0, "1  deliveries to be tried again", "`syncline status customers` tells why")
    # The agent asks again after 2 s, 4 s and so on; what is typed from here on is typed within a pause.
    day.logs("run-ended", "1 retried", since=day.logs("left alone for 4 seconds", since=day.typed))
    day.type("syncline status customers", 3, "Systems that are left alone", "it does not answer", "syncline doctor; then syncline run customers", " pending ")
    day.type("syncline doctor --quick", 3, "database is locked", "Another program holds a lock on the database")
    locked.execute("ROLLBACK")
    locked.close()
    day.scene()
    day.type("syncline run customers", 0, "1  records updated at targets")
    day.type("syncline status", 0, "Nothing waits for a person")
    day.whole()


def a_wrong_export(day):
    """Wrong numbers got through: they are taken back at once, and the right ones come with the next export."""
    right = {row[0]: row[3] for row in day.customers}
    before = day.ask("SELECT * FROM account")
    day.edit([row[0] for row in day.customers[::5]], PHONE="0180 1234567")
    day.export()
    day.scene()
    text = day.type("syncline run customers", 0, "10  records updated at targets")
    number = re.search(r"^run (\d+) of", text, re.M)[1]
    same("changed", day.ask("SELECT count(*) FROM account WHERE phone = '+491801234567'"), [(10,)])
    day.scene()
    day.type("syncline trace 1046", 0, '{"phone":"+4930554610"}', '{"phone":"+491801234567"}', 'PHONE="0180 1234567"', f"  {number}  ")
    day.type("syncline runs --limit 1", 0, "changed 10, sent-updates 10")
    day.scene()
    day.type(f"syncline rollback {number}", 4, f"It takes back what run {number} did", "is not undone", "`syncline apply 3`")
    day.type("syncline apply 3", 0, "10  records updated at targets")
    same("the CRM", day.ask("SELECT * FROM account"), before)
    day.scene()
    # The ERP still says the same, which says nothing new.
    day.export()
    day.type("syncline run customers", 0)
    same("the CRM", day.ask("SELECT * FROM account"), before)
    for row in day.customers:
        row[3] = right[row[0]]
    day.edit(["1006"], PHONE="0421 998877")
    day.export()
    day.type("syncline run customers", 0, "1  records updated at targets")
    same("the new number", day.ask("SELECT phone FROM account WHERE number = '1006'"), [("+49421998877",)])


def evening(day):
    day.scene()
    day.type("syncline status", 0, "The agent has run for", "Nothing waits for a person")
    day.type("syncline doctor", 0, "no finding")
    day.whole()
    same("phones", len(day.ask("SELECT DISTINCT phone FROM account")), len(day.customers))
    day.end()


# the manual

BLOCK = re.compile(r"^```\n(.*?)^```$", re.M | re.S)


def compare(blocks, writes):
    """The manual with what was shown now; what it says between the blocks is its own."""
    with open(MANUAL, encoding="utf-8") as file:
        manual = file.read()
    same("blocks of the manual", len(BLOCK.findall(manual)), len(blocks))
    shown = iter(blocks)
    now = BLOCK.sub(lambda _: "```\n" + "\n".join(next(shown)) + "\n```", manual)
    os.makedirs(os.path.dirname(TRANSCRIPT), exist_ok=True)
    for name in [TRANSCRIPT] + [MANUAL] * writes:
        with open(name, "w", encoding="utf-8") as file:
            file.write(now)
    if now != manual and not writes:
        print("".join(difflib.unified_diff(manual.splitlines(True), now.splitlines(True), MANUAL, TRANSCRIPT)))
    return now == manual or writes


def main():
    writes = sys.argv[1:] == ["write"]
    if sys.argv[1:] and not writes:
        print(__doc__)
        return 2
    day = Day()
    try:
        for scene in (morning, a_first_look, some_first, all_of_them, some_are_refused, the_crm_is_away, a_wrong_export, evening):
            scene(day)
            print(f"{scene.__name__}: ok", flush=True)
    except AssertionError:
        print("\n\n".join("\n".join(block) for block in day.blocks))
        print("accounts, deals:", day.ask("SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM deal)"), day.log() if day.agent is not None else "", sep="\n")
        raise
    finally:
        log = day.log() if day.agent is not None else ""
        day.close()
    if not compare(day.blocks, writes):
        print(log)
        print("the programs say something else than the manual: see whether it is meant, and then: admin_day.sh write")
        return 1
    return 0


sys.exit(main())
