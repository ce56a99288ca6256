#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What single changes see of the ledger's housekeeping: the way of latency.py, first with nothing to be pruned, then while history that
is over is pruned, then with as many runs and reads that are kept.

    care.py [ROWS [CHANGES_A_SECOND [SECONDS]]]

Rows are put into the ledger while no agent works on it.  The file must not grow while it is pruned, since its room is used again, and the
log beside it stays within what docs/ledger.md says.  Needs SYNCLINE_BUILD and SYNCLINE_SOURCE."""
import os
import shutil
import sqlite3
import sys
import tempfile
import time

import latency

DAY = 86400 * 1000000
WAL_MOST = 256 << 20


def execute(bed, sql, *values):
    """In the ledger, while nobody works on it."""
    db = sqlite3.connect(os.path.join(bed.state, "ledger.db"), isolation_level=None)
    db.execute("BEGIN")
    db.execute(sql, values)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def ask(bed, sql):
    db = sqlite3.connect("file:%s?mode=ro" % os.path.join(bed.state, "ledger.db"), uri=True)
    found = db.execute(sql).fetchone()[0]
    db.close()
    return found


def size(bed):
    return os.path.getsize(os.path.join(bed.state, "ledger.db"))


NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) "


def old_history(bed, rows):
    execute(bed, NUMBERS + "INSERT INTO history (id, sequence, record, entity, unit, object, run, at_us, event, generation, version, before, after)"
            " SELECT i, 1, (SELECT min(_id) FROM golden_customer) + i % 10000, 1, 1, 1, 1, ?2 + i, 'changed', 1, 1,"
            " '{\"city\":\"City ' || i || '\"}', '{\"city\":\"City ' || (i + 1) || '\"}' FROM n", rows, int(time.time() * 1e6) - 11 * 365 * DAY)


def kept_runs(bed, rows):
    now = int(time.time() * 1e6)
    execute(bed, NUMBERS + "INSERT INTO run (flow, unit, cause, who, state, started_us, ended_us, version, \"plan\", counts)"
            " SELECT r.flow, r.unit, 'file', 'bench', r.state, ?2 + i, ?2 + i, r.version, 0, r.counts FROM n, (SELECT * FROM run LIMIT 1) r", rows, now)
    execute(bed, NUMBERS + "INSERT INTO read (object, credentials, \"full\", ended, complete, broken, epoch, started, started_us, ended_us, records, staged, rejected, first_link)"
            " SELECT r.object, r.credentials, 0, 1, 0, 0, r.epoch, r.started, ?2 + i, ?2 + i, 1, 1, 0, r.first_link FROM n, (SELECT * FROM read ORDER BY id DESC LIMIT 1) r",
            rows, now)


def measure(bed, title, rate, seconds):
    before = size(bed)
    print("%s" % title)
    found = latency.measure(bed, rate, seconds)
    latency.show_ways(found)
    grown = size(bed) - before
    print("  the ledger's file grew by %.1f MiB to %.1f; its log had up to %.1f MiB" % (grown / 1048576, size(bed) / 1048576, found["wal"] / 1048576))
    if found["wal"] > WAL_MOST:
        sys.exit("the log grew beyond what it may")
    return max(found["written"]), grown


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 200
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 60
    work = tempfile.mkdtemp(prefix="syncline-bench-")
    try:
        bed = latency.Bed(work, 'file = true; quiet = "0s"')
        bed.load()
        calm, _ = measure(bed, "nothing to be pruned", rate, seconds)
        first = ask(bed, "SELECT coalesce(min(id), 0) FROM history")
        if 0 < first <= rows:
            execute(bed, "UPDATE history SET id = -id WHERE ?1", 1)
            execute(bed, "UPDATE history SET id = ?1 - id", rows)
        old_history(bed, rows)
        pruning, grown = measure(bed, "%d rows of history to be pruned" % rows, rate, seconds)
        left = ask(bed, "SELECT count(*) FROM history WHERE id <= %d" % rows)
        print("  %d rows of history were pruned, %.0f a second" % (rows - left, (rows - left) / seconds))
        if left == rows:
            sys.exit("nothing was pruned")
        if grown > 8 << 20:
            sys.exit("the file grew while it was pruned")
        kept_runs(bed, rows)
        many, _ = measure(bed, "%d runs and reads that are kept" % rows, rate, seconds)
        print("longest from staged to written: %.0f ms; while history is pruned %.0f ms; with many runs kept %.0f ms" % (calm * 1e3, pruning * 1e3, many * 1e3))
    finally:
        shutil.rmtree(work)


main()
