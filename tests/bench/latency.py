#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How long a single change is on its way: from its commit in one database, through the agent as a service, to where anybody sees it in
another one.

    latency.py [CHANGES_A_SECOND [SECONDS [TRIGGER]]]

A program changes one record after the other in the source, each in a durable transaction of its own.  Accepted is when that commit
returned; staged, when the agent's ledger shows a position of reading behind it, which it does when that is durable; written, when another
connection sees it in the target, which is when the target's commit is durable (WAL, synchronous above NORMAL).  An observer looks for the
last two once a millisecond, so that they are seen up to that much later than they are.  Needs SYNCLINE_BUILD and SYNCLINE_SOURCE."""
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

BUILD, SOURCE = os.environ["SYNCLINE_BUILD"], os.environ["SYNCLINE_SOURCE"]
RECORDS = 10000
PATIENCE = 60  # seconds, for what is still on its way when the last change was made
LOOK = 0.001


class Bed:
    def __init__(self, work, trigger):
        self.work = work
        self.made = 0  # changes, so far
        self.source, self.target = os.path.join(work, "erp", "erp.sqlite"), os.path.join(work, "crm", "crm.sqlite")
        self.conf, self.state = os.path.join(work, "conf.d"), os.path.join(work, "state")
        for name in ("erp", "crm", "conf.d"):
            os.mkdir(os.path.join(work, name))
        os.mkdir(self.state, 0o700)
        with open(os.path.join(SOURCE, "tests/bench/latency.conf")) as f:
            text = f.read()
        with open(os.path.join(self.conf, "bench.conf"), "w") as f:
            f.write(text.replace("@SOURCE@", self.source).replace("@TARGET@", self.target).replace("@TRIGGER@", trigger))
        db = durable(self.source)
        db.execute("CREATE TABLE kunden (id INTEGER PRIMARY KEY, name TEXT, city TEXT, change INTEGER NOT NULL)")
        db.execute("CREATE INDEX kunden_change ON kunden(change)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO kunden VALUES (?, ?, ?, ?)", ((i, "Customer %d" % i, "Berlin", i - RECORDS) for i in range(1, RECORDS + 1)))
        db.execute("COMMIT")
        db.close()
        db = durable(self.target)
        db.executescript("CREATE TABLE accounts (id INTEGER PRIMARY KEY AUTOINCREMENT, ext_id TEXT UNIQUE, number TEXT, name TEXT, city TEXT,"
                         " change INTEGER, version INTEGER NOT NULL DEFAULT 1);"
                         "CREATE TABLE seen (at INTEGER PRIMARY KEY, change INTEGER);"
                         "CREATE TRIGGER seen AFTER UPDATE ON accounts BEGIN INSERT INTO seen(change) VALUES (new.change); END;")
        db.close()

    def command(self, program, *words):
        return [os.path.join(BUILD, program), "--config", self.conf, "--state", self.state, *words]

    def load(self):
        subprocess.check_call(self.command("syncline", "flag", "customers", "on", "--without-preview", "--why", "bench"), stdout=subprocess.DEVNULL)
        subprocess.check_call(self.command("syncline", "run", "customers"), stdout=subprocess.DEVNULL)
        db = sqlite3.connect(self.target)
        there = db.execute("SELECT count(*) FROM accounts").fetchone()[0]
        db.close()
        if there != RECORDS:
            sys.exit("the figures would be worthless: %d records at the target, and not %d" % (there, RECORDS))


def durable(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    return db


def change(bed, first, rate, seconds, out):
    """Number n is made no sooner than n/rate after the first; when each commit returned."""
    db = durable(bed.source)
    db.execute("PRAGMA wal_autocheckpoint = 4000")
    done = []
    begin = time.monotonic()
    for n in range(1, int(rate * seconds) + 1):
        wait = begin + n / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        db.execute("UPDATE kunden SET city = ?, change = ? WHERE id = ?", ("City %d" % (first + n), first + n, 1 + (first + n) * 7919 % RECORDS))
        done.append(time.monotonic())
    db.close()
    out.put(done)


def staged_to(ledger):
    """The mark of the source's position: up to this change, all is durable in the ledger."""
    row = ledger.execute("SELECT position FROM position_view WHERE object = 'erp.kunden'").fetchone()
    found = re.match(r"syncline-sqlite 1 d [0-9a-f]+;i(\d+);", row[0]) if row is not None and row[0] is not None else None
    return int(found.group(1)) if found else 0


def observe(bed, first, changes, over, out):
    """When each change was seen staged, and written, until all were or nobody waits any longer."""
    target, ledger = sqlite3.connect("file:%s?mode=ro" % bed.target, uri=True), \
        sqlite3.connect("file:%s?mode=ro" % os.path.join(bed.state, "ledger.db"), uri=True)
    written, staged = [None] * (changes + 1), [None] * (changes + 1)
    at, upto, left, versions = 0, 0, changes, [None, None]
    while left > 0 and not over.is_set():
        version = ledger.execute("PRAGMA data_version").fetchone()[0]
        if version != versions[0]:
            versions[0] = version
            mark, now = min(staged_to(ledger) - first, changes), time.monotonic()
            for n in range(upto + 1, mark + 1):
                staged[n] = now
            upto = max(upto, mark)
        version = target.execute("PRAGMA data_version").fetchone()[0]
        if version != versions[1]:
            versions[1] = version
            rows, now = target.execute("SELECT at, change FROM seen WHERE at > ? ORDER BY at", (at,)).fetchall(), time.monotonic()
            for at, n in rows:
                # A later change of the same record stands for those before it, which nobody sees any more.
                if n is not None and 0 < n - first <= changes and written[n - first] is None:
                    written[n - first] = now
                    left -= 1
        time.sleep(LOOK)
    out.put((staged, written))


def processor(pid):
    """Seconds of a process and of those that it started."""
    total = 0
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total = sum(int(one) for one in fields[11:15])
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                total += sum(processor(int(child)) * os.sysconf("SC_CLK_TCK") for child in f.read().split())
    except OSError:
        pass
    return total / os.sysconf("SC_CLK_TCK")


def quantile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))] * 1e3


def show(name, values):
    values = sorted(values)
    print("%-34s p50 %8.1f   p90 %8.1f   p99 %8.1f   longest %8.1f ms" % (name, quantile(values, 0.5), quantile(values, 0.9), quantile(values, 0.99),
                                                                       values[-1] * 1e3))


def show_ways(found):
    show("accepted to written", found["whole"])
    show("  accepted to staged", found["staged"])
    show("  staged to written", found["written"])


def wait_for(what, ready, process):
    until = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            sys.exit("%s: it did not come" % what)
        time.sleep(0.01)


def measure(bed, rate, seconds):
    changes = int(rate * seconds)
    log = os.path.join(bed.work, "log")
    with open(log, "ab") as out:
        agent = subprocess.Popen(bed.command("synclined"), stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def ended():
        with open(log) as f:
            return len(re.findall(r"\brun-ended\b", f.read()))
    queue, seen, over = multiprocessing.Queue(), multiprocessing.Queue(), multiprocessing.Event()
    wait_for("the first run of the agent", lambda: ended() > 0, agent)
    ledger = sqlite3.connect("file:%s?mode=ro" % os.path.join(bed.state, "ledger.db"), uri=True)
    runs = ledger.execute("SELECT count(*) FROM run").fetchone()[0]
    used = processor(agent.pid)
    observer = multiprocessing.Process(target=observe, args=(bed, bed.made, changes, over, seen))
    observer.start()
    writer = multiprocessing.Process(target=change, args=(bed, bed.made, rate, seconds, queue))
    writer.start()
    wal = 0
    while queue.empty():
        wal = max(wal, os.path.getsize(os.path.join(bed.state, "ledger.db-wal")))
        time.sleep(0.05)
    done = queue.get()
    writer.join()
    timer = time.monotonic() + PATIENCE
    while seen.empty() and time.monotonic() < timer and agent.poll() is None:
        time.sleep(0.05)
    over.set()
    staged, written = seen.get()
    observer.join()
    used = processor(agent.pid) - used
    runs = ledger.execute("SELECT count(*) FROM run").fetchone()[0] - runs
    ledger.close()
    agent.send_signal(signal.SIGTERM)
    agent.wait(timeout=PATIENCE)
    bed.made += changes
    # Of a record that changed again before it was written, the later change is what counts.
    counted = [n for n in range(1, changes + 1) if written[n] is not None and staged[n] is not None]
    if len(counted) < changes * 0.9 or written[changes] is None or agent.returncode != 0:
        with open(log) as f:
            sys.stderr.write("".join(f.readlines()[-20:]))
        sys.exit("the figures would be worthless: %d of %d changes were seen at the target" % (len(counted), changes))
    print("%d changes in %.1f s, %.0f a second; %d overtaken by a later one of their record; %d runs; processor %.0f %% of one, %.0f us a change" % (
        changes, done[-1] - done[0], (changes - 1) / max(done[-1] - done[0], 1e-9), changes - len(counted), runs,
        100 * used / max(done[-1] - done[0], 1e-9), used / changes * 1e6))
    return {"whole": [written[n] - done[n - 1] for n in counted], "staged": [max(0, staged[n] - done[n - 1]) for n in counted],
            "written": [max(0, written[n] - staged[n]) for n in counted], "wal": wal}


def main():
    rate = float(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    trigger = sys.argv[3] if len(sys.argv) > 3 else 'file = true; quiet = "0s"'
    work = tempfile.mkdtemp(prefix="syncline-bench-")
    try:
        bed = Bed(work, trigger)
        bed.load()
        show_ways(measure(bed, rate, seconds))
    finally:
        if os.environ.get("BENCH_KEEP") != "1":
            shutil.rmtree(work)
        else:
            print("kept: %s" % work)


if __name__ == "__main__":
    main()
