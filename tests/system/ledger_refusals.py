#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ledger_refusals.py [WORD]: a ledger that can't be used as it is, in every way that happens to people.

Each gives one clear sentence with the next step and the right exit status, damages nothing, and when it is put right the next run
goes on as if nothing had been.
"""
import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys

from runs_bed import DONE, FAILED, Result, has, main, refused, same, wait_for

NOBODY = 65534


def loaded(bed, *flows):
    """A ledger with records made by real runs."""
    flows = flows or ("customers",)
    bed.on(*flows)
    for flow in flows:
        bed.flow(flow)
    bed.whole()
    bed.log(), bed.log("shop")
    return bed


def well(bed, *flows):
    """All is as it should be: the ledger is sound, everything is over there once, another run only looks."""
    for flow in flows or ("customers",):
        bed.flow(flow)
    bed.whole()
    bed.sound()
    bed.quiet(*(flows or ("customers",)))


def refused_everywhere(bed, code, *words, writers_only=False, status=FAILED, **how):
    """Every command says the same, with --json too."""
    commands = [("run", "customers"), ("apply", "1"), ("flag", "customers", "paused", "--why", "test")]
    if not writers_only:
        commands += [("runs",), ("plans",), ("flag",), ("status",), ("rejects",), ("doctor", "--offline", "--quick")]
    for command in commands:
        refused(bed.run(*command, **how), status, code, *words)
        value = bed.json(status, *command, **how)
        same(f"the code of {command}", value["error"]["code"], code)
        assert value["error"]["message"] and value["error"]["hint"], value


def state_hash(bed):
    """Of what stands in the ledger: the file and what its log holds."""
    found = {}
    for name in ("ledger.db", "ledger.db-wal"):
        with contextlib.suppress(FileNotFoundError), open(bed.path("state/" + name), "rb") as file:
            data = file.read()
            if data:
                found[name] = hashlib.sha256(data).hexdigest()
    return found


@contextlib.contextmanager
def held_up(bed, *args):
    """A run whose connector waits for a young file."""
    bed.change("conf.d/10-systems.conf", 'stable_for = "20ms"', 'stable_for = "600s"')
    bed.export()
    process = bed.start(*args)
    try:
        wait_for("a run begins", lambda: os.path.exists(bed.path("state/ledger.db")) and
                 any(run["state"] == "running" for run in json.loads(bed.run("--json", "runs").out or "[]")), process)
        yield process
    finally:
        bed.change("conf.d/10-systems.conf", 'stable_for = "600s"', 'stable_for = "20ms"')
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise


# another engine


def test_second_engine(bed):
    loaded(bed)
    with held_up(bed, "run", "customers") as first:
        wait_for("both units' runs", lambda: bed.ledger("SELECT count(*) FROM run WHERE ended_us IS NULL") == [(2,)], first)
        before = bed.ledger("SELECT count(*) FROM run")
        for command in (("run", "customers"), ("run", "customers", "--unit", "two"), ("run", "orders"), ("apply", "1")):
            refused(bed.run(*command), FAILED, "ledger-engine", f"process {first.pid}", bed.path("state"))
            same("the code", bed.json(FAILED, *command)["error"]["code"], "ledger-engine")
        same("runs after the refusals", bed.ledger("SELECT count(*) FROM run"), before)
        # Looking, and small changes, work beside it.
        for command in (("runs",), ("plans",), ("flag",), ("flag", "orders", "paused", "--why", "test")):
            result = bed.run(*command)
            same(f"{command} beside an engine", (result.status, "ledger-engine" in result.err), (DONE, False))
        assert first.poll() is None, "the run was to be held up all the time"
    well(bed)


def test_second_engine_after_a_kill(bed):
    """The lock goes with its process, however that ends; the run that was never ended is told as such."""
    loaded(bed)
    with held_up(bed, "run", "customers") as first:
        first.kill()
        first.communicate()
    well(bed)
    states = [row[0] for row in bed.ledger("SELECT state FROM run WHERE ended_us IS NULL")]
    same("runs without an end", states, [])


# a copy


def copy_state(bed, to="copy"):
    shutil.copytree(bed.path("state"), bed.path(to), symlinks=True)


def both_read(bed):
    """One unit, and both databases are read too."""
    bed.rows = [row for row in bed.rows if row[1] == "1"]
    bed.change("conf.d/30-flows.conf", 'units = [ "one", "two" ];\n    responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = '
               '"https://wiki.example.com/customers"', 'units = [ "one" ];\n    responsible: { business = "sales@example.com"; technical = '
               '"it@example.com"; runbook = "https://wiki.example.com/customers"')
    bed.change("conf.d/30-flows.conf", 'write = ( [ "number", "number" ], [ "name", "name" ]', 'map = ( [ "number", "number" ] ); write = ( [ "name", "name" ]')
    bed.change("conf.d/10-systems.conf", 'account: { key = [ "id" ]; external_key = "ext"; }', 'account: { key = [ "id" ]; external_key = "ext"; reads = "full"; }')
    bed.export()


def test_copied(bed):
    """A copy knows less than the systems over there: nothing is doubled, and no record is taken for another."""
    both_read(bed)
    loaded(bed)
    copy_state(bed)
    create_since(bed)
    os.rename(bed.path("state"), bed.path("original"))
    os.rename(bed.path("copy"), bed.path("state"))
    # What is doubted is read in full, unchanged files or not, and found again before anything is created.
    state, first = bed.flow("customers")["one"]
    same("read and found again", (state, first["created"], first["changed"], first["linked"], first.get("sent-creates", 0)), ("done", 2, 1, 4, 0))
    same("epoch", bed.ledger("SELECT value FROM meta WHERE key = 'epoch'"), [(2,)])
    bed.flow("customers")
    bed.whole()
    same("inserted or deleted once more", [what for what in bed.log() + bed.log("shop") if what[0] != "update"], [])
    counted(bed, "copied")
    well(bed)
    same("still the second epoch", bed.ledger("SELECT value FROM meta WHERE key = 'epoch'"), [(2,)])


def test_copied_nothing_else(bed):
    """A copy of an untouched house: nothing is written at all."""
    loaded(bed, "customers", "orders")
    copy_state(bed)
    shutil.rmtree(bed.path("state"))
    os.rename(bed.path("copy"), bed.path("state"))
    for flow in ("customers", "orders"):
        bed.flow(flow)
    same("writes", (bed.log(), bed.log("shop")), ([], []))
    same("epoch", bed.ledger("SELECT value FROM meta WHERE key = 'epoch'"), [(2,)])
    well(bed, "customers", "orders")


def create_since(bed):
    """What the old ledger will not know: two customers, one a run, so that their records are numbered in that order."""
    for number in ("19001", "10900"):
        bed.rows.append([number, "1", f"Name {number}", "B", "1"])
        bed.export()
        bed.flow("customers")
    bed.edit(["10001"], NAME="Renamed since")
    bed.flow("customers")
    bed.whole()
    bed.log(), bed.log("shop")


def counted(bed, what):
    """Each customer is there once, by the rows themselves: over there only our own id is unique, and a second record would have another."""
    for system in ("crm", "shop"):
        twice = bed.ask(system, "SELECT number, count(*) FROM account GROUP BY number HAVING count(*) > 1")
        same(f"{what}: more than once at the {system}", twice, [])
        same(f"{what}: rows at the {system}", bed.ask(system, "SELECT count(*) FROM account"), [(len(bed.rows),)])


def refuses_to_write(bed, *systems):
    """Again and again: nothing is written to these, and every unit's run that had something for them says why."""
    for flow in ("customers", "customers", "orders"):
        before = {system: bed.ask(system, "SELECT * FROM account ORDER BY id") for system in systems}
        deals = bed.ask("crm", "SELECT count(*) FROM deal")
        runs = bed.json(FAILED, "run", flow, "--patience", "5")
        failed = [run for run in runs if run["state"] == "failed"]
        assert failed and all(run["error"]["code"] == "ledger-doubted" for run in failed), runs
        assert all(any(f"{system}." in run["error"]["message"] for system in systems) and run["error"]["hint"] for run in failed), runs
        same("what was written", {system: bed.ask(system, "SELECT * FROM account ORDER BY id") for system in systems}, before)
        if "crm" in systems:
            same("deals", bed.ask("crm", "SELECT count(*) FROM deal"), deals)
    counted(bed, "refused")


def go_on_unread(bed):
    """An old ledger is in place, two customers and their orders were created since, and nobody reads the targets."""
    bed.orders += [[f"O{number}", "1", number, "1.50"] for number in ("19001", "10900")]
    bed.export()
    refuses_to_write(bed, "crm", "shop")
    same("epoch", bed.ledger("SELECT value FROM meta WHERE key = 'epoch'"), [(2,)])
    same("what was sent", bed.ledger("SELECT count(*) FROM attempt"), [(0,)])
    # A reason has to be given, and one system's is no other's.
    same("no reason", bed.run("rebase", "crm").status, 2)
    for system in ("crm", "shop"):
        bed.execute(system, "DELETE FROM deal WHERE number IN ('O19001', 'O10900'); DELETE FROM account WHERE number IN ('19001', '10900')"
                    if system == "crm" else "DELETE FROM account WHERE number IN ('19001', '10900')")
        bed.log(system)
    same("rebase crm", bed.run("rebase", "crm", "--why", "the two that it did not know were taken out").status, DONE)
    runs = bed.json(FAILED, "run", "customers")
    assert all("shop." in run["error"]["message"] for run in runs if run["state"] == "failed") and runs, runs
    same("the CRM goes on", sorted(bed.log()), [("insert", "10900"), ("insert", "19001"), ("update", "10001")])
    same("the shop does not", bed.log("shop"), [])
    same("rebase shop", bed.run("rebase", "shop", "--why", "the same").status, DONE)
    bed.flow("customers")
    bed.flow("orders")
    counted(bed, "after the rebase")
    well(bed, "customers", "orders")
    same("orders", bed.ask("crm", "SELECT count(*), count(DISTINCT number) FROM deal"), [(len(bed.orders), len(bed.orders))])


def test_copied_unread(bed):
    """A copy, and targets that are only written to: nothing is created twice, and nothing is written before a person has looked."""
    loaded(bed, "customers", "orders")
    copy_state(bed)
    create_since(bed)
    os.rename(bed.path("state"), bed.path("original"))
    os.rename(bed.path("copy"), bed.path("state"))
    go_on_unread(bed)


def test_restored_unread(bed):
    """The same with a backup that is restored."""
    loaded(bed, "customers", "orders")
    same("backup", bed.run("backup", bed.path("kept.db")).status, DONE)
    create_since(bed)
    same("restore", bed.run("restore", bed.path("kept.db")).status, DONE)
    go_on_unread(bed)


def test_restored_read(bed):
    """Where the targets are read, a restored ledger finds by itself what was created since; the rows over there are counted."""
    both_read(bed)
    loaded(bed)
    same("backup", bed.run("backup", bed.path("kept.db")).status, DONE)
    create_since(bed)
    same("restore", bed.run("restore", bed.path("kept.db")).status, DONE)
    state, counts = bed.flow("customers")["one"]
    same("read and found again", (state, counts["linked"], counts.get("sent-creates", 0)), ("done", 4, 0))
    counted(bed, "restored")
    well(bed)
    counted(bed, "and run again")


# other programs, other files


def set_pragma(bed, name, value):
    database = sqlite3.connect(bed.path("state/ledger.db"))
    database.execute(f"PRAGMA {name} = {value}")
    database.commit()
    database.close()


def test_newer(bed):
    loaded(bed)
    set_pragma(bed, "user_version", 99)
    before = state_hash(bed)
    refused_everywhere(bed, "ledger-newer", "layout 99", bed.path("state"))
    same("what the refused commands left", state_hash(bed), before)
    set_pragma(bed, "user_version", 1)
    well(bed)


def test_older_than_any(bed):
    loaded(bed)
    set_pragma(bed, "user_version", 0)
    for command in (("run", "customers"),):
        result = bed.run(*command)
        refused(result, FAILED, "ledger-damaged", bed.path("state"))
    set_pragma(bed, "user_version", 1)
    well(bed)


def test_foreign(bed):
    """A database of another program, and a file that is none."""
    loaded(bed)
    shutil.move(bed.path("state"), bed.path("kept"))
    os.mkdir(bed.path("state"))
    shutil.copy(bed.path("crm.sqlite"), bed.path("state/ledger.db"))
    before = state_hash(bed)
    refused_everywhere(bed, "ledger-damaged", bed.path("state"))
    same("the foreign database", state_hash(bed), before)
    os.remove(bed.path("state/ledger.db"))
    bed.write("state/ledger.db", "This is no database.\n" * 1000)
    before = state_hash(bed)
    refused_everywhere(bed, "ledger-damaged", bed.path("state"))
    same("the text", state_hash(bed), before)
    shutil.rmtree(bed.path("state"))
    shutil.move(bed.path("kept"), bed.path("state"))
    well(bed)


DOUBTED = "has not been read in full since"


def taken_back(bed):
    """An old ledger is back, and nobody reads the targets: nothing is written there until a person says that they are as it knows them."""
    result = bed.run("run", "customers")
    same(f"doubted: {result}", result.status, FAILED)
    has(result.out, DOUBTED, "explain ledger-doubted")
    for system in ("crm", "shop"):
        same(f"rebase {system}", bed.run("rebase", system, "--why", "nothing was created there meanwhile").status, DONE)


def test_damaged(bed):
    """Bytes overwritten in the middle: said at the first command that meets them, never worked around."""
    loaded(bed, "customers", "orders")
    shutil.copytree(bed.path("state"), bed.path("kept"))
    size = os.stat(bed.path("state/ledger.db")).st_size
    with open(bed.path("state/ledger.db"), "r+b") as file:
        file.seek(size // 8)
        file.write(os.urandom(size * 6 // 8))
    bed.edit(["10001", "20001"], NAME="Renamed")
    before = bed.accounts(), bed.ask("crm", "SELECT count(*) FROM account")
    refused(bed.run("run", "customers"), FAILED, "ledger-damaged", bed.path("state"), "restore")
    same("the code", bed.json(FAILED, "run", "customers")["error"]["code"], "ledger-damaged")
    same("the CRM", (bed.accounts(), bed.ask("crm", "SELECT count(*) FROM account")), before)
    doctor = bed.run("doctor", "--offline")
    same("doctor sees it", (doctor.status in (FAILED, 3), "damaged" in doctor.out + doctor.err), (True, True))
    shutil.rmtree(bed.path("state"))
    shutil.move(bed.path("kept"), bed.path("state"))
    taken_back(bed)
    well(bed, "customers", "orders")


def test_damaged_a_little(bed):
    """One page of each kind of table at a time: a run fails with the sentence, or never met it; what was meant to be is never lost."""
    loaded(bed)
    shutil.copytree(bed.path("state"), bed.path("kept"))
    size = os.stat(bed.path("state/ledger.db")).st_size
    met = 0
    for page in range(2, size // 4096, max(1, size // 4096 // 12)):
        with open(bed.path("state/ledger.db"), "r+b") as file:
            file.seek(page * 4096)
            file.write(b"\x5a" * 4096)
        bed.edit(["10001"], NAME=f"Page {page}")
        result = bed.run("run", "customers")
        if result.status != DONE:
            met += 1
            same(f"page {page}: {result}", result.status, FAILED)
            has(result.out + result.err, "damaged", "restore")
            assert DOUBTED not in result.out, result
        else:
            bed.whole()
        same("accounts over there", bed.accounts(), bed.numbers())
        shutil.rmtree(bed.path("state"))
        shutil.copytree(bed.path("kept"), bed.path("state"))
        taken_back(bed)
    assert met > 0, "no page that was overwritten was met"
    bed.flow("customers")
    well(bed)


def test_emptied(bed):
    """The file is gone, or empty, and its stamp says that there was one."""
    loaded(bed)
    shutil.copytree(bed.path("state"), bed.path("kept"))
    os.remove(bed.path("state/ledger.db"))
    for command in (("run", "customers"), ("flag", "customers", "on", "--why", "test")):
        refused(bed.run(*command), FAILED, "ledger-missing", bed.path("state"), "ledger.stamp")
    refused(bed.run("runs"), FAILED, "ledger-missing", bed.path("state"))
    same("what was made", os.path.exists(bed.path("state/ledger.db")), False)
    open(bed.path("state/ledger.db"), "w", encoding="utf-8").close()
    refused(bed.run("run", "customers"), FAILED, "ledger-missing", bed.path("state"))
    same("the CRM", (bed.log(), bed.accounts()), ([], bed.numbers()))
    shutil.rmtree(bed.path("state"))
    shutil.move(bed.path("kept"), bed.path("state"))
    well(bed)


# no room


def limited(bed, size, *args, **more):
    """The command, in which no file may grow beyond `size`; SIGXFSZ is left as it is for every program: deadly."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    done = subprocess.run(bed.command(*args, **more), stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False, preexec_fn=limit)
    return Result(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def said_once(result, *words):
    """A run that failed: in its line on standard output, or as an error when there was none yet."""
    same(f"status of {result}", result.status, FAILED)
    has(result.out + result.err, *words)
    assert result.out + result.err != "", result


def test_no_room_at_first(bed):
    """Limits from "not even the lock" to "nearly enough"."""
    sizes = (0, 4096, 40000, 120000, 400000)
    for size in sizes:
        result = limited(bed, size, "flag", "customers", "on", "--why", "test", "--without-preview")
        if result.status != DONE:
            said_once(result, bed.path("state"), "next: ")
    bed.on("customers")
    for size in sizes[:3]:
        said_once(limited(bed, size, "run", "customers"), bed.path("state"))
    well(bed)


def test_no_room_in_the_middle(bed):
    """The log may not grow on: the run fails wherever that is, and the next goes on from there."""
    loaded(bed)
    size = os.stat(bed.path("state/ledger.db")).st_size
    failed = 0
    for round_, limit in enumerate((30000, 60000, 120000, 200000, 300000, size)):
        bed.edit(bed.numbers(1), NAME=f"Round {round_}")
        for name in ("crm", "shop"):
            assert os.stat(bed.path(name + ".sqlite")).st_size < 200000
        bed.change("conf.d/30-flows.conf", 'updates = "10%"', 'updates = "100%"') if round_ == 0 else None
        bed.on("customers")
        result = limited(bed, limit, "run", "customers")
        if result.status != DONE:
            failed += 1
            said_once(result, bed.path("state"))
        bed.sound()
        bed.flow("customers")
        bed.whole()
    assert failed > 0, "no limit was met"
    well(bed)


@contextlib.contextmanager
def small_disk(bed, where, size):
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", where], capture_output=True, check=False).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", where], check=True)


def test_full_disk(bed):
    """A disk that is full: at first, and in the middle."""
    os.mkdir(bed.path("state"))
    with small_disk(bed, bed.path("state"), "6m") as mounted:
        if not mounted:
            return "skipped: nothing can be mounted here"

        def fill(leave):
            free = os.statvfs(bed.path("state"))
            with open(bed.path("state/filler"), "wb") as file:
                file.write(b"x" * max(0, free.f_bavail * free.f_frsize - leave))

        for leave in (0, 8192, 65536):
            fill(leave)
            result = bed.run("flag", "customers", "on", "--why", "test", "--without-preview")
            refused(result, FAILED, "ledger-full", bed.path("state"), "room")
            same("the code", bed.json(FAILED, "run", "customers")["error"]["code"], "ledger-full")
            os.remove(bed.path("state/filler"))
        loaded(bed)
        for round_, leave in enumerate((0, 16384, 65536, 131072)):
            bed.edit(bed.numbers(1)[:3], NAME=f"Round {round_}")
            fill(leave)
            result = bed.run("run", "customers")
            said_once(result, bed.path("state"), "room") if result.status != DONE else None
            assert leave > 65536 or result.status == FAILED, result
            os.remove(bed.path("state/filler"))
            bed.sound()
        well(bed)
    return None


# no right


def as_other(bed, *args, **more):
    """The command as somebody else than root, for whom rights count."""
    if os.geteuid() != 0:
        return bed.run(*args, **more)
    done = subprocess.run(bed.command(*args, **more), stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False, user=NOBODY, group=NOBODY,
                          extra_groups=[])
    return Result(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def give(bed):
    """Everything in the bed to the user of as_other()."""
    if os.geteuid() == 0:
        for folder, folders, files in os.walk(bed.folder):
            for name in [".", *folders, *files]:
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)


def test_read_only_folder(bed):
    if os.geteuid() == 0 and subprocess.run([*bed.command("explain", "ledger-readonly")], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True,
                                            check=False).returncode != 0:
        return "skipped: another user can't start the program here"
    give(bed)
    bed.run, normal = (lambda *args, **more: as_other(bed, *args, **more)), bed.run
    loaded(bed)
    os.chmod(bed.path("state"), 0o500)
    for name in os.listdir(bed.path("state")):
        os.chmod(bed.path("state/" + name), 0o400)
    before = state_hash(bed)
    refused_everywhere(bed, "ledger-readonly", bed.path("state"), writers_only=True)
    same("what they left", state_hash(bed), before)
    os.chmod(bed.path("state"), 0o700)
    for name in os.listdir(bed.path("state")):
        os.chmod(bed.path("state/" + name), 0o600)
    well(bed)
    # Another user's folder: not even looking is possible.
    if os.geteuid() == 0:
        for name in ("state", *("state/" + name for name in os.listdir(bed.path("state")))):
            os.chown(bed.path(name), 0, 0)
        refused_everywhere(bed, "ledger-readonly", bed.path("state"))
        for name in ("state", *("state/" + name for name in os.listdir(bed.path("state")))):
            os.chown(bed.path(name), NOBODY, NOBODY)
        well(bed)
    # A folder that can't be made.
    os.mkdir(bed.path("locked"), 0o500)
    bed.command, command = (lambda *args, **more: [bed.path("locked/state") if word == bed.path("state") else word for word in command(*args, **more)]), bed.command
    refused_everywhere(bed, "ledger-readonly", bed.path("locked"), writers_only=True)
    bed.command, bed.run = command, normal
    return None


def test_read_only_disk(bed):
    os.mkdir(bed.path("state"))
    with small_disk(bed, bed.path("state"), "8m") as mounted:
        if not mounted:
            return "skipped: nothing can be mounted here"
        loaded(bed)
        same("remount", subprocess.run(["mount", "-o", "remount,ro", bed.path("state")], check=False).returncode, 0)
        before = state_hash(bed)
        refused_everywhere(bed, "ledger-readonly", bed.path("state"), writers_only=True)
        for command in (("runs",), ("flag",), ("plans",), ("status",)):
            result = bed.run(*command)
            same(f"{command} only looks: {result}", result.status, DONE)
        same("what they left", state_hash(bed), before)
        subprocess.run(["mount", "-o", "remount,rw", bed.path("state")], check=True)
        well(bed)
    return None


# places


def test_missing(bed):
    """Who only looks makes nothing; who writes makes the folder."""
    for command in (("runs",), ("plans",), ("flag",), ("status",), ("rejects",), ("doctor", "--offline")):
        refused(bed.run(*command), FAILED, "ledger-missing", bed.path("state"))
        same("the code", bed.json(FAILED, *command)["error"]["code"], "ledger-missing")
    assert not os.path.exists(bed.path("state"))
    loaded(bed)
    same("rights of the folder", oct(os.stat(bed.path("state")).st_mode & 0o777), oct(0o700))
    same("rights of the file", oct(os.stat(bed.path("state/ledger.db")).st_mode & 0o777), oct(0o600))
    well(bed)


def test_not_a_folder(bed):
    loaded(bed)
    shutil.move(bed.path("state"), bed.path("kept"))
    bed.write("state", "a file\n")
    for command in (("run", "customers"), ("runs",), ("flag", "customers", "paused", "--why", "test")):
        result = bed.run(*command)
        same(f"{command}: {result}", (result.status, result.out), (FAILED, ""))
        has(result.err, bed.path("state"), "next: ")
        value = bed.json(FAILED, *command)
        assert value["error"]["hint"], value
    same("the file", bed.read("state"), "a file\n")
    os.remove(bed.path("state"))
    # Its parent is missing.
    command = bed.command
    bed.command = lambda *args, **more: [bed.path("a/b/state") if word == bed.path("state") else word for word in command(*args, **more)]
    result = bed.run("run", "customers")
    same(f"no parent: {result}", (result.status, result.out), (FAILED, ""))
    has(result.err, bed.path("a/b/state"), "next: ")
    bed.command = command
    shutil.move(bed.path("kept"), bed.path("state"))
    well(bed)


# another house


def test_environment(bed):
    loaded(bed)
    before = state_hash(bed)
    bed.change("conf.d/10-systems.conf", 'environment = "test"', 'environment = "production"')
    refused_everywhere(bed, "ledger-environment", '"test"', '"production"')
    same("what they left", state_hash(bed), before)
    bed.change("conf.d/10-systems.conf", 'environment = "production"', 'environment = "test"')
    well(bed)


def test_address(bed):
    """A system at another address is not spoken to, as source or as target; what is at the others goes on."""
    loaded(bed)
    shutil.copy(bed.path("crm.sqlite"), bed.path("other.sqlite"))
    other = hashlib.sha256(open(bed.path("other.sqlite"), "rb").read()).hexdigest()
    bed.edit(["10001"], NAME="Renamed")
    bed.change("conf.d/10-systems.conf", bed.path("crm.sqlite"), bed.path("other.sqlite"))
    result = bed.run("run", "customers")
    same(f"status of {result}", result.status, FAILED)
    has(result.out, "crm", "another address", "rebase crm")
    runs = bed.json(FAILED, "run", "customers")
    assert all(run["error"]["code"] == "ledger-fingerprint" for run in runs if run["state"] == "failed") and runs, runs
    same("what the other database got", hashlib.sha256(open(bed.path("other.sqlite"), "rb").read()).hexdigest(), other)
    bed.change("conf.d/10-systems.conf", bed.path("other.sqlite"), bed.path("crm.sqlite"))
    bed.flow("customers")
    well(bed)
    shutil.copytree(bed.path("in"), bed.path("elsewhere"))
    bed.change("conf.d/10-systems.conf", bed.path("in"), bed.path("elsewhere"))
    result = bed.run("run", "customers")
    same(f"status of {result}", result.status, FAILED)
    has(result.out, "erp", "another address", "rebase erp")
    bed.change("conf.d/10-systems.conf", bed.path("elsewhere"), bed.path("in"))
    well(bed)


def test_tenant(bed):
    """With a unit that is given another tenant nothing is read of that system: its rows would be nobody's."""
    loaded(bed)
    bed.edit(["10001", "20001"], NAME="Renamed")
    former, tenants = 'one: { systems: { erp: { tenant = "1"; }; }; }', 'one: { systems: { erp: { tenant = "3"; }; }; }'
    before = bed.ledger("SELECT * FROM golden_customer ORDER BY 1")
    for other in (tenants, tenants.replace("3", "2x")):
        bed.change("conf.d/10-systems.conf", former, other)
        runs = bed.json(FAILED, "run", "customers")
        same("who ran", [(run["unit"], run["state"], run["counts"]["read"], run["error"]["code"]) for run in runs],
             [(unit, "failed", 0, "ledger-fingerprint") for unit in ("one", "two")])
        has(bed.run("run", "customers", "--unit", "two").out, "one has another tenant", "system erp", "syncline rebase erp")
        same("its records", bed.ledger("SELECT * FROM golden_customer ORDER BY 1"), before)
        same("findings", bed.ledger("SELECT count(*) FROM reject"), [(0,)])
        # By mistake: as it was, it goes on.
        bed.change("conf.d/10-systems.conf", other, former)
    bed.flow("customers")
    same("then", bed.log(), [("update", "10001"), ("update", "20001")])
    well(bed)
    # It is meant: the ERP calls the unit so from now on.
    bed.change("conf.d/10-systems.conf", former, tenants)
    for row in bed.rows + bed.orders:
        row[1] = row[1].replace("1", "3")
    bed.edit(["10001"], NAME="Again")
    bed.json(FAILED, "run", "customers")
    same("rebase", bed.run("rebase", "erp", "--why", "the ERP was merged").status, DONE)
    bed.flow("customers")
    same("after that", bed.log(), [("update", "10001")])
    bed.whole()
    # Another unit is no other tenant.
    bed.change("conf.d/10-systems.conf", 'units: {', 'units: { four: { systems: { erp: { tenant = "4"; }; }; };')
    bed.edit(["10001"], NAME="Once more")
    bed.flow("customers")
    same("with another unit", bed.log(), [("update", "10001")])


if __name__ == "__main__":
    sys.exit(main(list(globals().items()), sys.argv[1] if len(sys.argv) > 1 else ""))
