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
            "flip.run", "dead_letter.run", "plan.run", "plan.rollback", "undone.run"),
    "read": ("read.id", "read_tenant.read", "staged_batch.read"),
    "attempt": ("attempt.id", "attempt_payload.attempt", "attempt_item.attempt", "delivery.attempt"),
    "finding": ("reject.id", "conflict.id", "review.id", "flip.id", "dead_letter.id", "review_candidate.review"),
    "waiter": ("waiter.id",),
}
KIND = {column: kind for kind, columns in NUMBERS.items() for column in columns}
# Told by how many of the batches that wait to be applied are not behind it, or of the object's reads and waiting rows that are not done.
UP_TO = ("position.staged", "applied.staged", "staged_batch.id")
MOMENTS = ("read.started", "link.there", "link.confirmed", "link_written.written", "waiter.started")
OF_LINK = ("link_vector.link", "link_written.link")  # told by what it links
UNTOLD = ("link.id", "run.number", "lease.pid", "lease.engine", "lease.holder")
SPECIAL = ("fingerprint.fingerprint", "read.first_link", "position.position", "attempt_payload.payload", "link.version", "link_written.written_version") + OF_LINK
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


def identity_in(path):
    """A ledger knows a copy by its file and by its stamp's (agent/ledger/engine.c); this is where it notes them."""
    database = sqlite3.connect(path)
    found = database.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    database.close()
    return found[0] if found and isinstance(found[0], bytes) and len(found[0]) == 16 else None


def identity_of(file, stamp):
    """What it notes of these two, so that they are the original."""
    facts = struct.pack("=4q", file.st_ino, stamp.st_ino, *divmod(stamp.st_ctime_ns, 10**9))
    return hashlib.blake2b(facts, digest_size=16).digest()


def shift(path, tables, by):
    """Brings what is under way forward by so many seconds."""
    database = sqlite3.connect(path)
    with database:
        change_times(database, tables, by)
    database.close()


def change_times(database, tables, by):
    for table, columns in tables:
        unit = 1000 if columns[0].endswith("_ms") else 1000000
        for column in columns:
            database.execute("UPDATE %s SET %s = %s + ?1 WHERE %s > 0" % (table, column, column, column), (int(by * unit),))


def is_any(path, tables):
    database, found = sqlite3.connect("file:%s?mode=ro" % path, uri=True), []
    for table, columns in tables:
        try:
            if database.execute("SELECT 1 FROM %s LIMIT 1" % table).fetchone():
                found.append((table, columns))
        except sqlite3.OperationalError as why:
            if "no such table" not in str(why):
                raise
    database.close()
    return found


class Snapshot:
    """Of a bed at rest: no process is at work in it."""

    def __init__(self, bed):
        ledger = os.path.join(bed.state, "ledger.db")
        self.identity = None
        if os.path.exists(ledger):
            forget_log(ledger)
            self.identity = identity_in(ledger)
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
        stamp = None
        # The ledger comes last: its stamp is what it is.
        for name, (data, mode, changed) in sorted(self.files.items(), key=lambda file: file[0] == "state/ledger.db"):
            path = os.path.join(bed.folder, name)
            if mode is None:
                os.link(data, path)
                continue
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            if name == "state/ledger.db" and stamp is not None and self.identity is not None:
                data = data.replace(self.identity, identity_of(os.fstat(fd), stamp))
            os.write(fd, data)
            os.close(fd)
            os.utime(path, ns=(changed, changed))
            if name == "state/ledger.stamp":
                stamp = os.stat(path)
        for name, tables in self.under_way:
            if tables:
                shift(os.path.join(bed.folder, name), tables, time.time() - self.moment)
        bed.source, bed.importer, bed.clock = copy.deepcopy(self.source), copy.deepcopy(self.importer), self.clock
        if bed.importer:
            bed.importer.folder = os.path.join(bed.folder, "importer")
        bed.passes = ""


def read_proc(*names):
    try:
        with open(os.path.join("/proc", *names)) as file:
            return file.read()
    except OSError:
        return ""


NANOSLEEP, WAITS_FOR_ORDERS = ("35", "230"), ("0", "45", "47", "202")  # system calls: read, recvfrom, recvmsg, futex


def all_wait(pids):
    """Whether a program and its connectors have nothing under way until the program goes on: a sleep is something, and so is all but waiting."""
    for place, pid in enumerate(pids):
        try:
            threads = os.listdir("/proc/%s/task" % pid)
        except OSError:
            continue
        for thread in threads:
            if read_proc(pid, "task", thread, "stat").rpartition(")")[2].split()[:1] != ["S"]:
                return False
            call = read_proc(pid, "task", thread, "syscall").split(" ")[0]
            # The first thread of a connector's process waits for an order, or for a frame while it is being set up.
            if call in NANOSLEEP or place > 0 and thread == pid and call not in WAITS_FOR_ORDERS:
                return False
    return True


class Photograph:
    """What would be left if the program was killed now, and its connectors' processes found nothing more to do."""

    def __init__(self, bed, former):
        self.moment, self.folders, self.files = time.time(), [], {}
        self.importer = copy.deepcopy(bed.importer)
        names = [name for name in os.listdir(bed.folder) if name.startswith(DATABASES)]
        for top in ("state", "dms", "importer"):
            for folder, _, files in os.walk(os.path.join(bed.folder, top)):
                self.folders.append((os.path.relpath(folder, bed.folder), os.stat(folder).st_mode & 0o777))
                names += [os.path.relpath(os.path.join(folder, file), bed.folder) for file in files]
        digest = hashlib.blake2b(digest_size=16)
        for name in sorted(names):
            if name.endswith("-shm") or name in ("state/ledger.lock", "importer/log"):
                continue
            path = os.path.join(bed.folder, name)
            if name.startswith(("importer/out/", "importer/taken/")):
                self.files[name] = (Snapshot.link_of(bed.folder, path), None)
                digest.update(b"%s " % self.files[name][0].encode())
                continue
            with open(path, "rb") as file:
                data, status = file.read(), os.fstat(file.fileno())
            if former and name in former.files and former.files[name][0] == data:
                data = former.files[name][0]  # once in memory
            self.files[name] = (data, status)
            digest.update(b"%s %d %d " % (name.encode(), len(data), status.st_nlink) + data)
        self.digest = digest.digest()

    def lay(self, bed, base):
        """base: of the same bed, from before the program was started."""
        base.restore(bed)
        for name in ("state", "dms", "importer"):
            shutil.rmtree(os.path.join(bed.folder, name), ignore_errors=True)
        for name in os.listdir(bed.folder):
            if name.startswith(DATABASES):
                os.unlink(os.path.join(bed.folder, name))
        for name, mode in self.folders:
            os.mkdir(os.path.join(bed.folder, name), mode)
        passes, laid = [], {}
        for name, (data, status) in self.files.items():
            path = os.path.join(bed.folder, name)
            if status is None:
                os.link(data, path)
                continue
            if status.st_ino in laid:
                os.link(laid[status.st_ino], path)
                continue
            laid[status.st_ino] = path
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, status.st_mode & 0o777)
            os.write(fd, data)
            os.close(fd)
            os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
            now = os.stat(path)
            if name == "state/ledger.db":
                passes.append("%d:0=%d:0" % (now.st_ino, status.st_ino))
            elif name == "state/ledger.stamp":
                passes.append("%d:%d=%d:%d" % (now.st_ino, now.st_ctime_ns, status.st_ino, status.st_ctime_ns))
        bed.passes, bed.importer = " ".join(passes), copy.deepcopy(self.importer)

    def bring_forward(self, bed):
        """What is under way there has begun as long ago as when the photograph was taken; the ledger's log stays as it is, with that behind it."""
        world, path = os.path.join(bed.folder, "world.db"), os.path.join(bed.state, "ledger.db")
        if os.path.exists(world):
            tables = is_any(world, UNDER_WAY["world"])
            if tables:
                shift(world, tables, time.time() - self.moment)
        tables = is_any(path, UNDER_WAY["ledger"]) if os.path.exists(path) else []
        if not tables:
            return
        database = sqlite3.connect(path)
        database.execute("PRAGMA wal_autocheckpoint = 0")
        with database:
            change_times(database, tables, time.time() - self.moment)
        kept = {}
        for name in (path, path + "-wal"):
            if os.path.exists(name):
                with open(name, "rb") as file:
                    kept[name] = file.read()
        database.close()
        for name in (path + "-shm", path + "-wal"):
            if os.path.exists(name):
                os.unlink(name)
        for name, data in kept.items():
            with open(name, "wb") as file:
                file.write(data)


class Reader:
    """The rows of a database, as they are told in a fingerprint."""

    def __init__(self, path):
        self.now = time.time()
        self.database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        self.names = [name for name, in self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]

    def filled(self):
        """The names of the tables that have rows."""
        asked = ", ".join('EXISTS (SELECT 1 FROM "%s")' % name for name in self.names)
        return {name for name, there in zip(self.names, self.database.execute("SELECT " + asked).fetchone()) if there}

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
    filled = reader.filled()
    tables = {name: reader.rows(name, wheres.get(name, "")) if name in filled else ((), ()) for name in reader.names if name not in OVER}
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
    waiting = sorted(row[columns.index("id")] for row in rows) if rows else []
    columns, rows = tables["link"]
    links = {row[columns.index("id")]: (row[columns.index("object")], row[columns.index("native")]) for row in rows}
    told = []
    for name, (columns, rows) in tables.items():
        lines = []
        plain, at = [], []
        for i, column in enumerate(columns):
            full = "%s.%s" % (name, column)
            if full in UNTOLD or column in ("_updated", "_stamps"):
                continue
            special = full in KIND or full in MOMENTS or full in UP_TO or full in SPECIAL or column.endswith("_us")
            (at if special else plain).append((i, column, full))
        for row in rows:
            line = [row[i] for i, _, _ in plain]
            for i, column, full in at:
                value = row[i]
                if full in KIND:
                    value = ranks[KIND[full]].get(value, value)
                elif full in MOMENTS:
                    of = row[columns.index("object")] if "object" in columns else links[row[columns.index("link")]][0]
                    value = bool(value) and sum(moment <= value for moment in moments.get(of, ()))
                elif full in UP_TO:
                    value = bisect.bisect_right(waiting, value or 0)
                elif full == "fingerprint.fingerprint":
                    value = value is not None  # of a system's address: another one is another system, and no run of it ends well
                elif full == "read.first_link":
                    value = sorted(links[link] for link in links if link >= value and links[link][0] == row[columns.index("object")])
                elif full == "position.position":
                    value = tell_position(bed, value)
                elif full == "attempt_payload.payload":
                    value = sorted(by for key, by in known.items() if key in value)
                elif full in OF_LINK:
                    value = links[value]
                elif full in ("link.version", "link_written.written_version") and value:
                    value = written.sub(lambda found: "now" if found.group() in times else "then", value)
                elif column.endswith("_us"):
                    value = reader.tell_time(column, value)
                line.append(value)
            lines.append(repr(line))
        told.append((name, sorted(lines)))
    return told


def read_world(bed, known):
    reader = Reader(os.path.join(bed.folder, "world.db"))
    told, filled = [], reader.filled()
    done = [n for n, in reader.database.execute("SELECT done FROM fault")] if "fault" in filled else []
    spent = len(done) == len(bed.faults) and all(n >= bed.times for n in done)
    for name in reader.names:
        if name in ("sqlite_sequence", "misuse", "late_cell"):
            continue
        columns, rows = reader.rows(name) if name in filled else ((), ())
        lines = []
        for row in rows:
            row = dict(zip(columns, row))
            key = row.pop("key", None)
            if name == "journal":
                if row["what"] in ("deferred", "absorbed"):
                    continue
                del row["number"]
            if name == "fault":
                if spent:
                    continue
                if row["done"] >= bed.times:
                    row["seen"] = row["done"] = "all"
            if name in ("keyed", "late"):
                row.pop("request", None)
                number = row.pop("number", None)
                if name == "late":
                    row["cells"] = [cell[2:] for cell in reader.database.execute("SELECT * FROM late_cell WHERE number = ? ORDER BY place", (number,))]
                if key:
                    known[bytes(key)] = repr((name, row.get("object"), row.get("id")))
            for column in row:
                if column.endswith("_ms"):
                    row[column] = reader.tell_time(column, row[column])
            lines.append(repr(row))
        told.append((name, sorted(lines)))
    reader.database.close()
    return told, spent


def read_tables(bed):
    reader = Reader(os.path.join(bed.folder, "crm.db"))
    told = [(name, sorted(map(repr, reader.rows(name)[1]))) for name in reader.names]
    reader.database.close()
    return told


def read_importer(importer, known):
    for key in importer.attempts:
        known[bytes.fromhex(key)] = "imported"
    left = {fault: importer.times - importer.done[fault] for fault in importer.faults}
    told = [importer.tables, sorted(importer.created), sorted(importer.refused.items()), importer.wrong, importer.armed,
            sorted(name.split("_")[0] for name in importer.later if importer.later[name] > 0)]
    if any(n > 0 for n in left.values()):
        told += [sorted(left.items()), importer.random.getstate()]
    return repr(told)


written = re.compile("[0-9]{16}")
by_chance = re.compile("[0-9a-f]{32}")


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
                    told.append((by_chance.sub("", os.path.relpath(os.path.join(folder, file), bed.folder)), written.sub("", data.decode(errors="replace"))))
                elif file.startswith("journal-"):
                    # What a connector writes down of its files until they are published: which they are, and where they are now.
                    where = [place for named in sorted(set(handed.findall(data))) for place in ("in", "taken")
                             if os.path.exists(os.path.join(bed.folder, "importer", place, named.decode()))]
                    told.append((name, "journal", len(data), where))
                else:
                    told.append((name, re.split("[-_]", file)[0], without_keys(data.decode())))
    return sorted(map(repr, told))


def fingerprint(bed):
    """Of all that is there; and whether no fault is to come any more: then it does not tell which they were."""
    known, spent = {}, True
    told = [read_files(bed)]
    if bed.importer:
        told.append(read_importer(bed.importer, known))
        spent = all(bed.importer.done[fault] >= bed.importer.times for fault in bed.importer.faults)
    elif bed.way == "tables":
        told.append(read_tables(bed))
    else:
        told[1:], spent = read_world(bed, known)
    ledger = os.path.join(bed.state, "ledger.db")
    told.append(read_ledger(bed, ledger, known) if os.path.exists(ledger) else None)
    return hashlib.blake2b(repr(told).encode(), digest_size=16).digest(), spent


__all__ = ["Photograph", "Snapshot", "all_wait", "fingerprint"]
