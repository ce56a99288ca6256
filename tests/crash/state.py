# SPDX-License-Identifier: BSD-2-Clause
"""
state.py: what a bed holds, for the crash tests that go through every point.  A snapshot brings a bed back to where it was.  A fingerprint says
whether two beds are the same: then whatever is done with them from there on is the same as well, and is tried once.

The fingerprint is over all that outlives every process: the ledger's tables, the target's, the files.  Left out, because nothing is decided by it:
history and runs that are over, reads that are over and applied, and the numbers, times and keys by chance that make each world another one.
Numbers of one kind are told by their order, keys by which of the target's records know them, times by whether they are over.
"""
import bisect
import copy
import hashlib
import os
import re
import shutil
import sqlite3
import struct
import time

KEPT = ("state", "erp", "dms", "importer")
DATABASES = ("world.db", "crm.db")
LINKED = ("erp/", "importer/out/", "importer/in/", "importer/taken/")
# What happened and is over.
OVER = ("history", "history_span", "flag_change", "sqlite_sequence", "sqlite_stat1", "read_used")
# Numbers of one kind; they are told by their order within it.
NUMBERS = {
    "run": ("delivery.run", "delivery_span.run", "attempt.run", "attempt.span_run", "first_load.run", "reject.run", "conflict.run", "review.run",
            "flip.run", "dead_letter.run", "plan.run"),
    "read": ("read.id", "read_tenant.read", "staged_batch.read"),
    "attempt": ("attempt.id", "attempt_payload.attempt", "attempt_item.attempt", "delivery.attempt"),
    "finding": ("reject.id", "conflict.id", "review.id", "flip.id", "dead_letter.id", "review_candidate.review"),
    "waiter": ("waiter.id",),
}
KIND = {column: kind for kind, columns in NUMBERS.items() for column in columns}
# Told by how many of the batches that wait to be applied are not behind it, or of the object's reads and waiting rows that are not done.
UP_TO = ("position.staged", "applied.staged", "staged_batch.id")
MOMENTS = ("read.started", "link.created", "link.confirmed", "waiter.started")
UNTOLD = ("link.id", "run.number", "lease.pid", "lease.engine", "lease.holder")
# By these something becomes due; the others tell when something was.
DUE = ("due_us", "until_us", "indexed_ms", "due_ms")
# What is under way has begun as long ago as when the snapshot was made.
UNDER_WAY = {
    "ledger": (("attempt", ("claimed_us", "span_since_us")), ("attempt_item", ("due_us", "lost_us")), ("delivery", ("since_us", "due_us")),
               ("delivery_span", ("since_us",)), ("waiter", ("since_us", "until_us"))),
    "world": (("late", ("due_ms",)), ("record", ("indexed_ms",)), ("keyed", ("at_ms",))),
}
META = ("epoch", "restored", "recover_epoch", "environment", "layout", "hash_key")


def forget_log(path):
    """Carries what stands in the log of a database at rest over into its file."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def make_original(state):
    """A ledger knows a copy by its file and by its stamp's (agent/ledger/engine.c): this one is none."""
    file, stamp = os.stat(os.path.join(state, "ledger.db")), os.stat(os.path.join(state, "ledger.stamp"))
    facts = struct.pack("=4q", file.st_ino, stamp.st_ino, *divmod(stamp.st_ctime_ns, 10**9))
    database = sqlite3.connect(os.path.join(state, "ledger.db"))
    with database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (hashlib.blake2b(facts, digest_size=16).digest(),))
    database.close()


def shift(path, tables, by):
    """Brings what is under way forward by so many seconds."""
    database = sqlite3.connect(path)
    with database:
        for table, columns in tables:
            unit = 1000 if columns[0].endswith("_ms") else 1000000
            for column in columns:
                database.execute("UPDATE %s SET %s = %s + ?1 WHERE %s > 0" % (table, column, column, column), (int(by * unit),))
    database.close()


def is_any(path, tables):
    database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    there = {name for name, in database.execute("SELECT name FROM sqlite_master")}
    found = [(table, columns) for table, columns in tables if table in there and database.execute("SELECT 1 FROM %s LIMIT 1" % table).fetchone()]
    database.close()
    return found


class Snapshot:
    """Of a bed at rest: no process is at work in it."""

    def __init__(self, bed):
        ledger = os.path.join(bed.state, "ledger.db")
        if os.path.exists(ledger):
            forget_log(ledger)
        self.folders, self.files, self.moment, self.under_way = [], {}, time.time(), []
        for name, tables in (("state/ledger.db", UNDER_WAY["ledger"]), ("world.db", UNDER_WAY["world"])):
            if os.path.exists(os.path.join(bed.folder, name)):
                self.under_way.append((name, is_any(os.path.join(bed.folder, name), tables)))
        for name in DATABASES:
            if os.path.exists(os.path.join(bed.folder, name)):
                forget_log(os.path.join(bed.folder, name))
                self.keep(bed.folder, name)
        for name in KEPT:
            for folder, _, files in os.walk(os.path.join(bed.folder, name)):
                self.folders.append((os.path.relpath(folder, bed.folder), os.stat(folder).st_mode & 0o777))
                for file in files:
                    if not file.startswith("ledger.db-") and file != "ledger.lock":
                        self.keep(bed.folder, os.path.relpath(os.path.join(folder, file), bed.folder))
        self.source, self.importer, self.clock = copy.deepcopy(bed.source), copy.deepcopy(bed.importer), bed.clock

    def keep(self, top, name):
        path = os.path.join(top, name)
        status = os.stat(path)
        if name.startswith(LINKED):
            # Never written again where they lie, and told from others by their inodes.
            self.files[name] = (self.link_of(top, path), None, None)
            return
        with open(path, "rb") as file:
            self.files[name] = (file.read(), status.st_mode & 0o777, status.st_mtime_ns)

    @staticmethod
    def link_of(top, path):
        """A link of the file that nobody takes away."""
        kept = os.path.join(top, "kept")
        os.makedirs(kept, exist_ok=True)
        link = os.path.join(kept, "%d-%d" % (os.stat(path).st_ino, os.stat(path).st_mtime_ns))
        if not os.path.exists(link):
            os.link(path, link)
        return link

    def restore(self, bed):
        for name in KEPT:
            shutil.rmtree(os.path.join(bed.folder, name), ignore_errors=True)
        for name in os.listdir(bed.folder):
            if name.startswith(DATABASES):
                os.unlink(os.path.join(bed.folder, name))
        for name, mode in self.folders:
            os.mkdir(os.path.join(bed.folder, name), mode)
        for name, (data, mode, changed) in self.files.items():
            path = os.path.join(bed.folder, name)
            if mode is None:
                os.link(data, path)
                continue
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            os.write(fd, data)
            os.close(fd)
            os.utime(path, ns=(changed, changed))
        if "state/ledger.stamp" in self.files:
            make_original(bed.state)
        for name, tables in self.under_way:
            if tables:
                shift(os.path.join(bed.folder, name), tables, time.time() - self.moment)
        bed.source, bed.importer, bed.clock = copy.deepcopy(self.source), copy.deepcopy(self.importer), self.clock


class Reader:
    """The rows of a database, as they are told in a fingerprint."""

    def __init__(self, path):
        self.now = time.time()
        self.database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        self.names = [name for name, in self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]

    def rows(self, table, where=""):
        cursor = self.database.execute('SELECT * FROM "%s" %s' % (table, where))
        return [column[0] for column in cursor.description], cursor.fetchall()

    def tell_time(self, column, value):
        if not value:
            return value
        if column not in DUE:
            return "t"
        return "over" if value / (1e3 if column.endswith("_ms") else 1e6) <= self.now else "later"


def tell_position(bed, value):
    """Of a file: its name without its number, whether it is the one that lies there now, and the rest."""
    if value is None or value[:4] != b"CSV1" or len(value) < 22:
        return value
    end = 6 + int.from_bytes(value[4:6], "little")
    name, (changed, current, offset, line), files = value[6:end].decode(), struct.unpack("<4Q", value[end:end + 32]), len(value) - end - 36
    paths = [os.path.join(bed.folder, folder, name) for folder in ("erp", "importer/out")]
    there = any(os.path.exists(path) and os.stat(path).st_mtime_ns // 1000 == changed for path in paths)
    return name.split("_")[0], there, current != 0, offset, line, files // 8


WAITS = "(b.rows > 0 AND b.id > coalesce((SELECT min(staged) FROM applied a WHERE a.object = b.object AND a.credentials = b.credentials), 0))"
# Not ended, not applied, or not yet used to find out what is gone.
OPEN = ("(ended = 0 OR id IN (SELECT b.read FROM staged_batch b WHERE %s)"
        " OR complete AND NOT EXISTS (SELECT 1 FROM read_used u WHERE u.read = read.id))" % WAITS)


def read_ledger(bed, path, known):
    """known: keys that the target knows -> by what it knows them."""
    reader = Reader(path)
    wheres = {
        "read": "WHERE " + OPEN, "read_tenant": "WHERE read IN (SELECT id FROM read WHERE %s)" % OPEN,
        "staged_batch": "b WHERE (b.rows > 0 OR b.seen IS NOT NULL) AND b.read IN (SELECT id FROM read WHERE %s)" % OPEN,
        "run": "WHERE ended_us IS NULL", "meta": "WHERE key IN ('%s')" % "', '".join(META),
    }
    tables = {name: reader.rows(name, wheres.get(name, "")) for name in reader.names if name not in OVER}
    reader.database.close()

    ranks = {kind: set() for kind in NUMBERS}
    moments = {}
    for name, (columns, rows) in tables.items():
        for at, column in enumerate(columns):
            full = "%s.%s" % (name, column)
            if full in KIND:
                ranks[KIND[full]].update(row[at] for row in rows)
            elif full in ("read.started", "waiter.started"):
                for row in rows:
                    moments.setdefault(row[columns.index("object")], set()).add(row[at])
    ranks = {kind: {value: rank for rank, value in enumerate(sorted(values - {0, None}), 1)} for kind, values in ranks.items()}
    times = times_of_documents(bed)
    columns, rows = tables["staged_batch"]
    waiting = sorted(row[columns.index("id")] for row in rows)
    told = []
    for name, (columns, rows) in tables.items():
        lines = []
        for row in rows:
            line = []
            for column, value in zip(columns, row):
                full = "%s.%s" % (name, column)
                if full in UNTOLD or column in ("_updated", "_stamps"):
                    continue
                if full in KIND:
                    value = ranks[KIND[full]].get(value, value)
                elif full in MOMENTS:
                    value = bool(value) and sum(moment <= value for moment in moments.get(row[columns.index("object")], ()))
                elif full in UP_TO:
                    value = bisect.bisect_right(waiting, value or 0)
                elif full == "position.position":
                    value = tell_position(bed, value)
                elif full == "attempt_payload.payload":
                    value = sorted(by for key, by in known.items() if key in value)
                elif full == "link.version" and value:
                    value = written.sub(lambda found: "now" if found.group() in times else "then", value)
                elif column.endswith("_us"):
                    value = reader.tell_time(column, value)
                line.append(value)
            lines.append(repr(line))
        told.append((name, sorted(lines)))
    return told


def read_world(bed, known):
    reader = Reader(os.path.join(bed.folder, "world.db"))
    told = []
    for name in reader.names:
        columns, rows = reader.rows(name)
        if name in ("sqlite_sequence", "misuse"):
            continue
        lines = []
        for row in rows:
            row = dict(zip(columns, row))
            key = row.pop("key", None)
            if name == "journal":
                if row["what"] in ("deferred", "absorbed"):
                    continue
                del row["number"]
            if name == "fault" and row["done"] >= bed.times:
                row["seen"] = row["done"] = "all"
            if name in ("keyed", "late"):
                row.pop("request", None)
                number = row.pop("number", None)
                if name == "late":
                    row["cells"] = [cell[2:] for cell in reader.database.execute("SELECT * FROM late_cell WHERE number = ? ORDER BY place", (number,))]
                if key:
                    known[bytes(key)] = repr((name, row.get("object"), row.get("id")))
            if name == "late_cell":
                continue
            for column in row:
                if column.endswith("_ms"):
                    row[column] = reader.tell_time(column, row[column])
            lines.append(repr(row))
        told.append((name, sorted(lines)))
    reader.database.close()
    return told


def read_tables(bed):
    reader = Reader(os.path.join(bed.folder, "crm.db"))
    told = [(name, sorted(map(repr, reader.rows(name)[1]))) for name in reader.names]
    reader.database.close()
    return told


def read_importer(importer, known):
    for key in importer.attempts:
        known[bytes.fromhex(key)] = "imported"
    left = {fault: importer.times - importer.done[fault] for fault in importer.faults}
    told = [importer.tables, sorted(importer.created), sorted(importer.refused.items()), importer.wrong, importer.armed, sorted(left.items()),
            sorted(name.split("_")[0] for name in importer.later if importer.later[name] > 0)]
    if any(n > 0 for n in left.values()):
        told.append(importer.random.getstate())
    return repr(told)


written = re.compile("[0-9]{16}")


def times_of_documents(bed):
    paths = [os.path.join(folder, file) for name in ("dms", "erp") for folder, _, files in os.walk(os.path.join(bed.folder, name)) for file in files]
    return {str(os.stat(path).st_mtime_ns // 1000) for path in paths}


handed = re.compile(rb"[a-z]+_[0-9]{8}T[0-9]+\.csv")


def without_keys(text):
    lines = [line.split(";") for line in text.split("\n")]
    if "ATTEMPT" not in lines[0]:
        return lines
    at = lines[0].index("ATTEMPT")
    return [line[:at] + line[at + 1:] for line in lines]


def read_files(bed):
    """Documents, and what was handed over and is not taken yet: rows without their keys and files without their numbers."""
    told = []
    for name in ("dms", "importer/in", "importer/out"):
        for folder, _, files in os.walk(os.path.join(bed.folder, name)):
            for file in files:
                with open(os.path.join(folder, file), "rb") as opened:
                    data = opened.read()
                if name == "dms":
                    told.append((os.path.relpath(os.path.join(folder, file), bed.folder), written.sub("", data.decode(errors="replace"))))
                elif file.startswith("journal-"):
                    # What a connector writes down of its files until they are published: which they are, and where they are now.
                    where = [place for named in sorted(set(handed.findall(data))) for place in ("in", "taken")
                             if os.path.exists(os.path.join(bed.folder, "importer", place, named.decode()))]
                    told.append((name, "journal", len(data), where))
                else:
                    told.append((name, re.split("[-_]", file)[0], without_keys(data.decode())))
    return sorted(map(repr, told))


def fingerprint(bed):
    known = {}
    told = [read_files(bed)]
    if bed.importer:
        told.append(read_importer(bed.importer, known))
    elif bed.way == "tables":
        told.append(read_tables(bed))
    else:
        told.append(read_world(bed, known))
    ledger = os.path.join(bed.state, "ledger.db")
    told.append(read_ledger(bed, ledger, known) if os.path.exists(ledger) else None)
    return told, hashlib.blake2b(repr(told).encode(), digest_size=16).digest()


__all__ = ["Snapshot", "fingerprint"]
