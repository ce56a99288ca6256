# SPDX-License-Identifier: BSD-2-Clause
"""model_world.py: three systems in a folder, their users, and the command that keeps them in agreement.  Knows no rules.

erp   CSV exports of both units in one file; what was exported is a snapshot, what is imported are files of changes
crm   an SQLite database that the agent writes to
desk  JSON lines, exported and imported as the ERP does it
"""
import copy
import csv
import datetime
import glob
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile

UNITS = {"berlin": "100", "munich": "200"}
TENANTS = {tenant: unit for unit, tenant in UNITS.items()}
ERP_COLUMNS = ["MANDANT", "KUNDENNR", "EXTREF", "NAME", "STATUS", "TERMS", "PHONE", "NOTE", "STREET", "CITY", "UMSATZ", "STAND"]
ORDER_COLUMNS = ["MANDANT", "AUFTRNR", "KUNDENNR", "SUMME"]
# canonical field -> the system's name of it
ERP = {"number": "KUNDENNR", "name": "NAME", "status": "STATUS", "terms": "TERMS", "phone": "PHONE", "note": "NOTE", "street": "STREET",
       "city": "CITY", "revenue": "UMSATZ"}
CRM = {"number": "erp_no", "name": "name", "status": "status", "terms": "terms", "phone": "phone", "note": "note", "street": "street",
       "city": "city", "revenue": "revenue", "tags": "tags", "opt_in": "opt_in", "channel": "channel", "grade": "grade", "credit": "credit"}
DESK = {"number": "no", "name": "name", "status": "status", "terms": "terms", "phone": "phone", "note": "note", "street": "street",
        "city": "city", "revenue": "revenue", "tags": "tags", "opt_in": "opt_in", "channel": "channel", "grade": "grade", "credit": "credit"}
FIELDS = {"erp": ERP, "crm": CRM, "desk": DESK}

CONFIG = """
agent: { environment = "test"; timezone = "UTC"; };
systems: {
  erp: { connector = "csv"; access = "write";
    settings: { directory = "%(folder)s/erp/out"; import_directory = "%(folder)s/erp/in"; delimiter = ";"; decimal_mark = ","; null_if = [ "" ];
                complete = "rename"; op_column = "OP"; op_values = [ "C", "U", "D" ]; empty = "ok"; };
    objects: {
      kunden: { native = "KUNDEN_*.csv"; key = [ "MANDANT", "KUNDENNR" ]; external_key = "EXTREF"; tenant = "MANDANT"; tenant_mode = "split";
                reads = "full"; };
      auftraege: { native = "AUFTRAG_*.csv"; key = [ "MANDANT", "AUFTRNR" ]; tenant = "MANDANT"; tenant_mode = "split"; reads = "full"; }; }; };
  crm: { connector = "sqlite"; access = "write"; settings: { path = "%(folder)s/crm.db"; };
    objects: {
      accounts: { native = "account"; key = [ "id" ]; external_key = "ext_id"; tenant = "org"; tenant_mode = "split"; reads = "full"; };
      orders: { native = "orders"; key = [ "id" ]; external_key = "ext_id"; tenant = "org"; tenant_mode = "split"; reads = "full"; }; }; };
  desk: { connector = "jsonl"; access = "write";
    settings: { directory = "%(folder)s/desk/out"; import_directory = "%(folder)s/desk/in"; complete = "rename"; };
    objects: { users: { native = "users_*.jsonl"; key = [ "id" ]; external_key = "ext"; tenant = "org"; tenant_mode = "split"; reads = "full";
               settings: { snapshot = "newest"; op_member = "op"; }; }; }; };
};
units: { berlin: { systems: { erp: { tenant = "100"; }; crm: { tenant = "100"; }; desk: { tenant = "100"; }; }; };
         munich: { systems: { erp: { tenant = "200"; }; crm: { tenant = "200"; }; desk: { tenant = "200"; }; };
                   owners: { customer: { terms = "crm"; }; }; }; };
entities: {
  customer: { owner = "erp"; rank = [ "crm", "desk" ];
    fields: { number: { type = "text"; assigned_by = "erp"; unique = true; }; name: { type = "text"; required = true; };
      status: { type = "text"; owner = "crm"; }; terms: { type = "text"; }; phone: { type = "text"; policy = "newest"; tie = "crm"; };
      note: { type = "text"; policy = "set_if_empty"; }; street: { type = "text"; }; city: { type = "text"; };
      revenue: { type = "decimal"; scale = 2; min = "0"; }; opt_in: { type = "boolean"; }; channel: { type = "text"; };
      grade: { type = "text"; policy = "manual"; }; credit: { type = "text"; owner = "crm"; edits = "raise"; };
      tags: { type = "list"; policy = "union"; key = [ "tag" ]; fields: { tag: { type = "text"; }; }; }; };
    groups: { address: { fields = [ "street", "city" ]; };
              preferences: { fields = [ "opt_in", "channel" ]; policy = "newest"; tie = "crm"; }; };
    match = ( { exact = [ "number" ]; } ); };
  sales_order: { owner = "erp";
    fields: { number: { type = "text"; required = true; unique = true; }; total: { type = "decimal"; scale = 2; };
      customer: { type = "ref"; entity = "customer"; required = true; wait = "30d"; }; };
    match = ( { exact = [ "number" ]; } ); };
};
flows: {
  customers: { entity = "customer"; units = [ "berlin", "munich" ]; responsible: { business = "b"; technical = "t"; runbook = "r"; };
    guards: { missing_rows = "100%%"; creates = "100%%"; updates = "100%%"; cleared = "100%%"; deletes = "100%%"; at_least = 1000000; };
    bindings: {
      erp: { object = "kunden"; trigger: { file = true; }; originates = true; create_if = "true"; changed: { record = "STAND"; };
        map = ( [ "number", "KUNDENNR" ], [ "name", "NAME" ], [ "status", "STATUS" ], [ "terms", "TERMS" ], [ "phone", "PHONE" ],
                [ "note", "NOTE" ], [ "street", "STREET" ], [ "city", "CITY" ], [ "revenue", "UMSATZ" ] );
        deletes: { seen = "accept"; do = "%(erp_do)s"; }; confirm: { by = "readback"; within = "36h"; }; };
      crm: { object = "accounts"; trigger: { every = "5m"; }; originates = true; create_if = "true";
        changed: { record = "changed_at"; preferences = "consent_at"; };
        map = ( [ "number", "erp_no" ], [ "name", "name" ], [ "status", "status" ], [ "terms", "terms" ], [ "phone", "phone" ],
                [ "note", "note" ], [ "street", "street" ], [ "city", "city" ], [ "revenue", "revenue" ], [ "tags", "tags" ],
                [ "opt_in", "opt_in" ], [ "channel", "channel" ],
                [ "grade", "grade" ], [ "credit", "credit" ] );
        deletes: { seen = "%(crm_seen)s"; do = "%(crm_do)s";%(crm_set)s }; };
      desk: { object = "users"; trigger: { every = "5m"; }; originates = true; create_if = "true";
        changed: { record = "changed_at"; preferences = "consent_at"; };
        map = ( [ "number", "no" ], [ "name", "name" ], [ "status", "status" ], [ "terms", "terms" ], [ "phone", "phone" ],
                [ "note", "note" ], [ "street", "street" ], [ "city", "city" ], [ "revenue", "revenue" ], [ "tags", "tags" ],
                [ "opt_in", "opt_in" ], [ "channel", "channel" ],
                [ "grade", "grade" ], [ "credit", "credit" ] );
        deletes: { seen = "%(desk_seen)s"; do = "delete"; }; confirm: { by = "readback"; within = "36h"; }; }; }; };
  orders: { entity = "sales_order"; units = [ "berlin", "munich" ]; after = [ "customers" ]; responsible: { business = "b"; technical = "t"; runbook = "r"; };
    guards: { missing_rows = "100%%"; creates = "100%%"; updates = "100%%"; cleared = "100%%"; deletes = "100%%"; at_least = 1000000; };
    bindings: {
      erp: { object = "auftraege"; trigger: { file = true; }; originates = true;
        read: { number = "AUFTRNR"; total = "SUMME"; customer = "ref('kunden', MANDANT, KUNDENNR)"; }; deletes: { seen = "accept"; }; };
      crm: { object = "orders"; create_if = "true";
        write = ( [ "number", "number" ], [ "amount", "total" ], [ "account_id", "link('crm', customer)" ], [ "city", "customer.city" ] );
        deletes: { do = "delete"; }; }; }; };
};
contracts: {
  erp: { kunden: { native = "KUNDEN_*.csv"; fields = (
      { name = "MANDANT"; type = "text"; key = true; }, { name = "KUNDENNR"; type = "text"; key = true; }, { name = "EXTREF"; type = "text"; },
      { name = "NAME"; type = "text"; }, { name = "STATUS"; type = "text"; }, { name = "TERMS"; type = "text"; }, { name = "PHONE"; type = "text"; },
      { name = "NOTE"; type = "text"; }, { name = "STREET"; type = "text"; }, { name = "CITY"; type = "text"; },
      { name = "UMSATZ"; type = "decimal"; scale = 2; }, { name = "STAND"; type = "timestamp"; } ); };
    auftraege: { native = "AUFTRAG_*.csv"; fields = (
      { name = "MANDANT"; type = "text"; key = true; }, { name = "AUFTRNR"; type = "text"; key = true; },
      { name = "KUNDENNR"; type = "text"; }, { name = "SUMME"; type = "decimal"; scale = 2; } ); }; };
  desk: { users: { native = "users_*.jsonl"; fields = ( { name = "id"; type = "text"; key = true; }, { name = "org"; type = "text"; },
      { name = "ext"; type = "text"; }, { name = "changed_at"; type = "timestamp"; }, { name = "consent_at"; type = "timestamp"; },
      { name = "no"; type = "text"; }, { name = "name"; type = "text"; }, { name = "status"; type = "text"; }, { name = "terms"; type = "text"; },
      { name = "phone"; type = "text"; }, { name = "note"; type = "text"; }, { name = "street"; type = "text"; }, { name = "city"; type = "text"; },
      { name = "revenue"; type = "decimal"; scale = 2; }, { name = "tags"; type = "json"; }, { name = "opt_in"; type = "boolean"; },
      { name = "channel"; type = "text"; }, { name = "grade"; type = "text"; }, { name = "credit"; type = "text"; } ); }; };
};
"""
TABLES = """
CREATE TABLE clock (now TEXT);
INSERT INTO clock VALUES ('2026-01-01 00:00:00');
CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, ext_id TEXT UNIQUE, org TEXT, erp_no TEXT, name TEXT, status TEXT, terms TEXT,
  phone TEXT, note TEXT, street TEXT, city TEXT, revenue TEXT, tags JSON, opt_in BOOLEAN, channel TEXT, grade TEXT, credit TEXT, changed_at DATETIME, consent_at DATETIME,
  active BOOLEAN DEFAULT 1);
CREATE TRIGGER account_made AFTER INSERT ON account WHEN new.changed_at IS NULL
  BEGIN UPDATE account SET changed_at = (SELECT now FROM clock) WHERE id = new.id; END;
CREATE TRIGGER account_changed AFTER UPDATE ON account WHEN new.changed_at IS old.changed_at
  BEGIN UPDATE account SET changed_at = (SELECT now FROM clock) WHERE id = new.id; END;
CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, ext_id TEXT UNIQUE, org TEXT, number TEXT, account_id TEXT, amount TEXT, city TEXT);
CREATE TABLE order_log (what TEXT, org TEXT, number TEXT);
CREATE TRIGGER order_made AFTER INSERT ON orders BEGIN INSERT INTO order_log VALUES ('insert', new.org, new.number); END;
CREATE TRIGGER order_gone AFTER DELETE ON orders BEGIN INSERT INTO order_log VALUES ('delete', old.org, old.number); END;
"""


class Trouble(Exception):
    pass


def moment(clock, sep="T", end="Z"):
    return (datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=clock)).isoformat(sep=sep) + end


class World:
    """Rows are dictionaries of canonical fields (decimals as their text, tags as lists), with what else a row has in "_…"."""

    def __init__(self, config):
        self.folder = tempfile.mkdtemp(prefix="syncline-model.")
        for name in ("conf.d", "erp/out", "erp/in", "desk/out", "desk/in"):
            os.makedirs(self.path(name))
        with open(self.path("conf.d/model.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIG % {"folder": self.folder, **config})
        self.erp, self.desk, self.orders = {}, {}, {}  # (tenant, number), id, (tenant, number) -> row
        self.corrections = {}  # (system, key) -> the revenue that is corrected, and to what
        # What the agent can know of the two that exchange files: what they exported last, and what was imported since.
        self.known = {"erp": {}, "desk": {}, "orders": {}}
        self.read = {}  # the CRM's rows, as the last run found them
        self.punctual = False  # the next exports come in time
        self.pending = set()  # (system, key): rows that a file changes that was not imported yet
        self.off = set()  # tenants whose unit is off
        self.withheld = {}  # customers of the ERP that are not in its exports yet -> how many more
        self.clock = 1000
        self.serial = 0
        self.exports = 0
        self.next_number, self.next_desk = 1, 1
        self.crm = sqlite3.connect(self.path("crm.db"), isolation_level=None)
        self.crm.execute("PRAGMA synchronous = OFF")
        self.crm.executescript(TABLES)
        self.log = []

    def close(self, keep=False):
        self.crm.close()
        if not keep:
            shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def tick(self):
        self.clock += 10
        return self.clock

    def unique(self):
        self.serial += 1
        return self.serial

    def assign_number(self):
        self.next_number += 1
        return f"{10000 + self.next_number}"

    # The CRM's rows, as the others' are kept.

    def crm_rows(self):
        rows = {}
        cursor = self.crm.execute("SELECT * FROM account")
        names = [column[0] for column in cursor.description]
        for values in cursor:
            native = dict(zip(names, values))
            row = {field: native[name] for field, name in CRM.items()}
            row["tags"] = None if native["tags"] is None else json.loads(native["tags"])
            row["opt_in"] = None if native["opt_in"] is None else bool(native["opt_in"])
            row.update(_tenant=native["org"], _stamp=native["changed_at"], _consent=native["consent_at"], _ext=native["ext_id"],
                       _active=bool(native["active"]))
            rows[native["id"]] = row
        return rows

    def crm_set(self, key, values, clock, consent=None):
        natives = {}
        for field, value in values.items():
            natives[CRM[field]] = json.dumps(value, ensure_ascii=False) if field == "tags" and value is not None else value
        natives["changed_at"] = moment(clock, " ", "")
        if consent is not None:
            natives["consent_at"] = moment(consent, " ", "")
        self.crm.execute(f"UPDATE account SET {', '.join(f'{name} = ?' for name in natives)} WHERE id = ?", [*natives.values(), key])

    def crm_insert(self, tenant, values, clock, consent):
        key = self.crm.execute("INSERT INTO account (org, changed_at) VALUES (?, ?)", (tenant, moment(clock, " ", ""))).lastrowid
        self.crm_set(key, values, clock, consent)
        return key

    def is_absent(self, row, field):
        """The desk's exports say nothing of it."""
        return field in row.get("_absent", ()) and row[field] is None

    # Exports and imports.

    def write_file(self, folder, name, text):
        with open(self.path(f"{folder}/.new"), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        for old in glob.glob(self.path(f"{folder}/{name.split('_')[0]}_*")):
            os.unlink(old)
        os.rename(self.path(f"{folder}/.new"), self.path(f"{folder}/{name}"))

    def exported(self):
        """The ERP's customers that its exports show."""
        return {key: row for key, row in self.erp.items() if key not in self.withheld}

    def crm_orders(self):
        rows = self.crm.execute("SELECT org, number, account_id, amount, city FROM orders").fetchall()
        found = {(row[0], row[1]): row[2:] for row in rows}
        if len(found) < len(rows):
            raise Trouble(f"an order is twice in the CRM: {sorted(rows)}")
        return found

    def export(self, rand, late=0):
        """Rows come in any order, some twice; now and then a system's export does not come at all."""
        self.exports += 1
        late, self.punctual = 0 if self.punctual else late, False
        if not self.known["erp"] or rand.random() >= late:
            self.export_erp(rand)
        if not self.known["desk"] or rand.random() >= late:
            self.export_desk(rand)

    def shuffled(self, rand, system, rows):
        for row in rows.values():
            # An export that nobody reads has shown nothing.
            if row.get("_tenant") not in self.off:
                row.pop("_fresh", None)
                row.pop("_unseen", None)
        self.known[system] = copy.deepcopy(rows)
        self.log.append(f"{system} exports {len(rows)} rows")
        keys = list(rows) + [key for key in rows if rand.random() < 0.1]
        rand.shuffle(keys)
        return [(key, rows[key]) for key in keys]

    def export_erp(self, rand):
        self.withheld = {key: left - 1 for key, left in self.withheld.items() if left > 1 and key in self.erp}
        lines = [";".join(ERP_COLUMNS)]
        for key, row in self.shuffled(rand, "erp", self.exported()):
            cells = [key[0], key[1], row["_ext"] or "", *(row[field] or "" for field in list(ERP)[1:]), moment(row["_stamp"])]
            cells[10] = cells[10].replace(".", ",")
            lines.append(";".join(cells))
        self.write_file("erp/out", f"KUNDEN_{self.exports:06}.csv", "\n".join(lines) + "\n")
        lines = [";".join(ORDER_COLUMNS)]
        for key, order in self.shuffled(rand, "orders", self.orders):
            lines.append(";".join([*key, order["customer"], order["total"].replace(".", ",")]))
        self.write_file("erp/out", f"AUFTRAG_{self.exports:06}.csv", "\n".join(lines) + "\n")

    def export_desk(self, rand):
        lines = []
        for key, row in self.shuffled(rand, "desk", self.desk):
            line = {"id": key, "org": row["_tenant"], "ext": row["_ext"], "changed_at": moment(row["_stamp"])}
            if row["_consent"] is not None:
                line["consent_at"] = moment(row["_consent"])
            for field, name in DESK.items():
                if not self.is_absent(row, field):
                    line[name] = row[field]
            lines.append(json.dumps(line, ensure_ascii=rand.random() < 0.5))
        self.write_file("desk/out", f"users_{self.exports:06}.jsonl", "".join(line + "\n" for line in lines))

    def imports(self, rand, late=0):
        """What the agent put down is taken in, now or at a later time; how many rows that were."""
        count, self.pending = 0, set()
        for system, take in (("erp", self.import_erp), ("desk", self.import_desk)):
            if rand.random() >= late:
                count += take()
            else:
                self.pending |= {(system, key) for key in self.told(system)}
        return count

    def told(self, system):
        """The rows that waiting files are about."""
        for path in glob.glob(self.path(f"{system}/in/*.*")):
            with open(path, encoding="utf-8", newline="") as file:
                for line in csv.DictReader(file, delimiter=";") if system == "erp" else map(json.loads, file):
                    yield (line["MANDANT"], line["KUNDENNR"]) if system == "erp" else line.get("id")

    def changed(self, system, key, values):
        """By an import; what the agent knows of the row follows."""
        row, clock = getattr(self, system)[key], self.tick()
        for field, value in values.items():
            if row[field] != value:
                row.setdefault("_former", {})[field] = row[field]
        known = self.known[system].setdefault(key, copy.deepcopy(row))
        # A row that was rejected stays so until another one is exported, whatever our import put in place of the bad value.
        if "revenue" in values and (known["revenue"] or "").startswith("-"):
            known.setdefault("_rejected", known["revenue"])
        for one in (row, known):
            one.update(values, _stamp=clock, _fresh=True)
            one.get("_absent", set()).difference_update(values)

    def import_erp(self):
        count = 0
        for path in sorted(glob.glob(self.path("erp/in/*.csv"))):
            with open(path, encoding="utf-8", newline="") as file:
                for line in csv.DictReader(file, delimiter=";"):
                    count += 1
                    self.log.append(f"erp imports {line}")
                    self.import_erp_row(line)
            os.unlink(path)
        return count

    def import_erp_row(self, line):
        operation = line["OP"]
        key = (line["MANDANT"], line["KUNDENNR"])
        if operation == "D":
            self.erp.pop(key, None)
            self.known["erp"].pop(key, None)
            return
        if operation == "C":
            if any(row["_ext"] == line["EXTREF"] for row in self.erp.values()):
                raise Trouble(f"the ERP was told twice to create {line}")
            key = (line["MANDANT"], line["KUNDENNR"] or self.assign_number())
            self.erp[key] = {**dict.fromkeys(ERP), "_ext": line["EXTREF"], "_tenant": key[0], "_unseen": True}
        if key not in self.erp:
            self.log.append(f"erp has no {key}")
            return
        values = {field: line[name] or None for field, name in ERP.items() if name in line}
        values.update(number=key[1], revenue=values["revenue"] and values["revenue"].replace(",", "."))
        self.changed("erp", key, values)

    def import_desk(self):
        count = 0
        for path in sorted(glob.glob(self.path("desk/in/*.jsonl"))):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    count += 1
                    self.log.append(f"desk imports {line.strip()}")
                    self.import_desk_row(json.loads(line, parse_float=str, parse_int=str))
            os.unlink(path)
        return count

    def import_desk_row(self, line):
        operation, key = line["op"], line.get("id")
        if operation == "delete":
            self.desk.pop(key, None)
            self.known["desk"].pop(key, None)
            return
        if operation == "create":
            if any(row["_ext"] == line["ext"] for row in self.desk.values()):
                raise Trouble(f"the desk was told twice to create {line}")
            key = self.new_desk(line["org"], line["ext"])
            self.desk[key]["_unseen"] = True
        if key not in self.desk:
            self.log.append(f"desk has no {key}")
            return
        self.changed("desk", key, {field: line[name] for field, name in DESK.items() if name in line})

    def new_desk(self, tenant, ext=None):
        key = f"u{self.next_desk}"
        self.next_desk += 1
        self.desk[key] = {**dict.fromkeys(DESK), "_tenant": tenant, "_ext": ext, "_consent": None, "_stamp": self.clock, "_absent": set()}
        return key

    def row(self, system, key):
        return self.crm_rows().get(key) if system == "crm" else getattr(self, system).get(key)

    def revenue(self, system, key, row):
        """As corrected, as long as the system shows what was corrected."""
        wrong, right = self.corrections.get((system, key), (None, None))
        if wrong is None or row["revenue"] == wrong:
            return right or row["revenue"]
        del self.corrections[system, key]
        return row["revenue"]

    # What people decide.

    def native(self, system, key):
        return "|".join(key) if system == "erp" else str(key)

    def rejects(self):
        """(system, native) -> id"""
        ledger = self.ledger()
        found = {(obj.split(".")[0], native): number for number, obj, native in
                 ledger.execute("SELECT id, object, native FROM reject_view WHERE state = 'open'")}
        ledger.close()
        return found

    def correct(self, system, key, right):
        number = self.rejects()[system, self.native(system, key)]
        # What was rejected, not what our own write has put in its place since.
        shown = (self.read if system == "crm" else self.known[system])[key]
        self.corrections[system, key] = (shown.get("_rejected", shown["revenue"]), right)
        self.syncline("rejects", "edit", str(number), "UMSATZ" if system == "erp" else "revenue", right, "--why", "a test")

    def findings(self):
        """What is open: {(system, native, field): (id, kind)}"""
        ledger, found = self.ledger(), {}
        for kind, condition in (("conflict", ""), ("review", "AND cause = 'edited'")):
            for number, obj, native, field in ledger.execute(f"SELECT id, object, native, field FROM {kind}_view WHERE state = 'open' {condition}"):
                found[obj.split(".")[0], native, field] = (number, kind)
        ledger.close()
        return found

    def decide(self, finding, choice):
        number, kind = finding
        self.syncline(f"{kind}s", "decide", str(number), choice, "--why", "a test")

    def lock(self, verb, key, field):
        """Of the record that this account of the CRM belongs to."""
        ledger = self.ledger()
        number = ledger.execute("SELECT record FROM link_view WHERE object = 'crm.accounts' AND native = ?", (str(key),)).fetchone()[0]
        ledger.close()
        self.syncline(verb, str(number), *([field] if field else []), "--why", "a test")

    # The command.

    def syncline(self, *args):
        command = [f"{os.environ['SYNCLINE_BUILD']}/syncline", "--config", self.path("conf.d"), "--state", self.path("state"), "--json", *args]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False)
        if done.returncode not in (0, 3):
            raise Trouble(f"{' '.join(args)}: exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return json.loads(done.stdout) if done.stdout else None

    def switch_on(self):
        for flow in ("customers", "orders"):
            self.syncline("flag", flow, "on", "--without-preview", "--why", "a test")

    def switch(self, tenant, on):
        (self.off.discard if on else self.off.add)(tenant)
        for flow in ("customers", "orders"):
            self.syncline("flag", flow, *(["on", "--without-preview"] if on else ["off"]), "--unit", TENANTS[tenant], "--why", "a test")

    def run(self):
        """Both flows; the ledger's counts of all that was done."""
        self.crm.execute("UPDATE clock SET now = ?", (moment(self.tick(), " ", ""),))
        total = {}
        self.log.append(f"-- run, exports {self.exports}")
        self.read = self.crm_rows()
        for flow in ("customers", "orders"):
            for run in self.syncline("run", flow):
                for name, count in run["counts"].items():
                    total[name] = total.get(name, 0) + count
                self.log.append(f"{run['flow']} {run['unit']} {run['state']} {({k: v for k, v in run['counts'].items() if v})} {run['message'] or ''}")
                if run["state"] not in ("done", "findings"):
                    raise Trouble(f"run {run['run']} ended as {run['state']}: {run['message']}")
        return total

    def ledger(self):
        paths = glob.glob(self.path("state/*.db")) + glob.glob(self.path("state/*.sqlite")) + glob.glob(self.path("state/ledger"))
        return sqlite3.connect(f"file:{paths[0]}?mode=ro", uri=True)
