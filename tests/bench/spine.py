#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The whole way with the ledger: `syncline run` from CSV into a table that gives its own ids, beside a plain script in the same call.

    spine.py [RECORDS]

Needs SYNCLINE_BUILD and SYNCLINE_SOURCE; the syncline that it runs finds host and connectors by itself.  BENCH_LONG=1 adds ten times as
many records.  After each run the target is asked whether it has all records: figures of a run that did something else are worthless."""
import json
import os
import platform
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from measure import measure

BUILD, SOURCE = os.environ["SYNCLINE_BUILD"], os.environ["SYNCLINE_SOURCE"]
HERE = os.path.join(SOURCE, "tests/bench")


class Bed:
    """A source, a target and a ledger in a folder of their own."""

    def __init__(self, work, records):
        self.work, self.records, self.rejects = work, records, records // 1000
        self.source = os.path.join(work, "customers.csv")
        self.target = os.path.join(work, "crm.sqlite")
        self.state = os.path.join(work, "state")
        self.conf = os.path.join(work, "conf.d")
        shutil.copytree(os.path.join(HERE, "conf.d"), self.conf)
        subprocess.check_call(["chmod", "-R", "u+w", self.conf])
        with open(os.path.join(HERE, "spine.conf")) as f:
            text = f.read()
        with open(os.path.join(self.conf, "bench.conf"), "w") as f:
            f.write(text.replace("@IN@", work).replace("@OUT@", self.target))
        subprocess.check_call([sys.executable, os.path.join(HERE, "make_customers.py"), str(records), self.source])

    def command(self, *words):
        return [os.path.join(BUILD, "syncline"), "--config", self.conf, "--state", self.state, "--json", *words]

    def begin(self, *mode):
        """A new ledger and an empty target."""
        for name in (self.target, self.target + "-wal", self.target + "-shm"):
            if os.path.exists(name):
                os.unlink(name)
        shutil.rmtree(self.state, ignore_errors=True)
        os.mkdir(self.state, 0o700)
        db = sqlite3.connect(self.target)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY AUTOINCREMENT, ext_id TEXT UNIQUE, number TEXT, name TEXT, street TEXT, zip TEXT,"
                   " city TEXT, country TEXT, revenue TEXT, tier TEXT, email TEXT, phone TEXT, tenant TEXT, changed TEXT)")
        db.commit()
        db.close()
        subprocess.check_call(self.command("flag", "customers", *(mode or ("on", "--without-preview")), "--why", "bench"), stdout=subprocess.DEVNULL)

    def export_again(self):
        """The same rows in a new file, so that all of them are read: a file that was read to its end is not read again."""
        shutil.copy(self.source, self.source + ".new")
        os.replace(self.source + ".new", self.source)

    def run(self, sides=None):
        """One run; all that it must have written is looked for in the target, and `sides` is how many systems it must have read whole."""
        with open(os.path.join(self.work, "out.json"), "w") as out:
            row = measure(self.command("run", "customers"), out, (0, 3), 0.05)
        db = sqlite3.connect(self.target)
        there = db.execute("SELECT count(*) FROM accounts").fetchone()[0]
        db.close()
        with open(os.path.join(self.work, "out.json")) as f:
            read = json.load(f)[0]["counts"]["read"]
        if sides is not None and read < sides * there:
            sys.exit("the figures would be worthless: %d rows were read, and not %d" % (read, sides * there))
        if there != self.records - self.rejects:
            sys.exit("the figures would be worthless: %d records at the target, and not %d" % (there, self.records - self.rejects))
        return row

    def preview(self):
        """What a run would do, as a plan; what that costs in time, memory and disk; and then the plan is applied."""
        self.begin("preview")
        with open(os.devnull, "w") as nothing:
            seen = measure(self.command("run", "customers"), nothing, (4,), 0.05)
        plan = json.loads(subprocess.check_output(self.command("plans")))[0]
        creates = plan["counts"]["sent-creates"]
        if creates != self.records - self.rejects:
            sys.exit("the figures would be worthless: the plan has %d creates, and not %d" % (creates, self.records - self.rejects))
        size = sum(os.path.getsize(os.path.join(self.state, name)) for name in os.listdir(self.state))
        with open(os.devnull, "w") as nothing:
            applied = measure(self.command("apply", str(plan["plan"])), nothing, (0, 3), 0.05)
        db = sqlite3.connect(self.target)
        there = db.execute("SELECT count(*) FROM accounts").fetchone()[0]
        db.close()
        if there != creates:
            sys.exit("the figures would be worthless: %d records at the target, and not %d" % (there, creates))
        return seen, size, applied

    def shuffle(self):
        with open(self.source, "rb") as f:
            head, *lines = f.readlines()
        random.Random(1).shuffle(lines)
        with open(self.source, "wb") as f:
            f.write(head)
            f.writelines(lines)

    def change(self):
        """Another street in every hundredth row."""
        with open(self.source, "rb") as f:
            lines = f.readlines()
        for i in range(50, len(lines), 100):
            columns = lines[i].split(b";")
            columns[4] = b"Neue Gasse %d" % i
            lines[i] = b";".join(columns)
        with open(self.source, "wb") as f:
            f.writelines(lines)

    def start(self):
        """The ledger opened and looked at, as a process that does nothing else."""
        with open(os.devnull, "w") as nothing:
            return min((measure(self.command("status"), nothing, (0, 3), 0.005) for _ in range(3)), key=lambda row: row["seconds"])


def yardstick(bed):
    database = os.path.join(bed.work, "yardstick.db")
    found = []
    # The script has no word for a date that does not exist: rows with one go in as they are.
    for expected in (bed.records, 0):
        with open(os.path.join(bed.work, "yardstick.out"), "w") as out:
            found.append(measure([sys.executable, os.path.join(HERE, "yardstick.py"), bed.source, database], out))
        with open(os.path.join(bed.work, "yardstick.out")) as out:
            if int(out.read()) != expected:
                sys.exit("the yardstick did not do its work")
    for end in ("", "-wal", "-shm"):
        if os.path.exists(database + end):
            os.unlink(database + end)
    return found


def show(name, records, row, beside=None):
    print("%-42s %9.1f %12.0f %8.1f %9.1f %10s" % (name, row["seconds"], records / row["seconds"], row["processor"],
                                                  row["processor"] * 1e6 / records, "%.2f" % (beside["seconds"] / row["seconds"]) if beside else "-"))


def show_memory(name, row):
    each = ", ".join("%s %.0f + %.0f" % (one[0], one[1] / 1024, one[2] / 1024) for one in row["each"])
    print("%-42s largest %.1f, together %.1f; %s" % (name, row["largest"] / 1024, row["together"] / 1024, each))


def whole(records, memory):
    with tempfile.TemporaryDirectory(prefix="syncline-bench-") as work:
        bed = Bed(work, records)
        first, again = yardstick(bed)
        print("%-42s %9s %12s %8s %9s %10s" % ("%d customers" % records, "seconds", "records/s", "cpu s", "us/record", "x script"))
        show("a plain script, first", records, first)
        show("a plain script, nothing changed", records, again)
        bed.begin()
        row = bed.run()
        memory.append(("first, %d" % records, row))
        show("first sync", records, row, first)
        show("the run after it: own writes seen", records, bed.run())
        show("nothing changed, the same file", records, bed.run())
        bed.export_again()
        same = bed.run(2)
        memory.append(("nothing changed, %d" % records, same))
        show("nothing changed, exported again", records, same, again)
        bed.change()
        row = bed.run(2)
        show("1 % changed", records, row)
        print("%-42s %.2f times the unchanged run" % ("", row["seconds"] / same["seconds"]))
        row = bed.start()
        print("%-42s %9.0f ms, processor %.0f ms" % ("started on this ledger: status", row["seconds"] * 1e3, row["processor"] * 1e3))
        print("%-42s %.0f bytes a record" % ("the ledger", os.path.getsize(os.path.join(bed.state, "ledger.db")) / records))
        seen, size, applied = bed.preview()
        memory += [("preview, %d" % records, seen), ("its plan applied, %d" % records, applied)]
        show("preview: a plan of the first sync", records, seen)
        print("%-42s %.0f bytes a record" % ("", size / records))
        show("the plan applied", records, applied)
        bed.shuffle()
        bed.begin()
        row = bed.run()
        memory.append(("first in random order, %d" % records, row))
        show("first sync, keys in random order", records, row, first)
        row = bed.run()
        show("the run after it", records, row)
        bed.export_again()
        row = bed.run(2)
        memory.append(("nothing changed, random, %d" % records, row))
        show("nothing changed, exported again", records, row)


def main():
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    memory = []
    sys.stdout.reconfigure(line_buffering=True)
    print("machine: %s, %d processors, load %s" % (platform.processor() or platform.machine(), os.cpu_count(),
                                                  " ".join("%.1f" % one for one in os.getloadavg())))
    whole(records, memory)
    if os.environ.get("BENCH_LONG") == "1":
        whole(records * 10, memory)
    print("memory at its peak, MiB: each process anonymous + mapped")
    for name, row in memory:
        show_memory(name, row)


main()
