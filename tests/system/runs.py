#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""runs.py [WORD]: flags, guards, plans, interrupts and leases of `syncline run`, what it counts, and its exit status."""
import errno
import fcntl
import hashlib
import json
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import termios

from runs_bed import DONE, FAILED, FINDINGS, HELD, USAGE, has, main, refused, same, wait_for


def flag(bed, flow, *args, status=DONE):
    result = bed.run("flag", flow, *args, "--why", "test")
    same(f"flag {flow} {args}: {result}", result.status, status)
    return result


def fingerprint(bed):
    """What stands in the systems."""
    found = {}
    for name in ("crm.sqlite", "shop.sqlite", "in/customers.csv", "in/orders.csv"):
        with open(bed.path(name), "rb") as file:
            found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def loaded(bed, *flows):
    flows = flows or ("customers",)
    bed.on(*flows)
    for flow in flows:
        bed.flow(flow)
    bed.whole()
    bed.log(), bed.log("shop")


def last_plan(bed):
    return bed.json(DONE, "plans")[0]


# flags


def test_convert_obeys(bed):
    """Where there is a ledger, nothing is converted past a flag, and nothing over what runs have written."""
    bed.on("orders")
    for mode in (["off"], ["preview"], ["paused"], ["canary", "50%"]):
        bed.run("flag", "customers", *mode, "--without-preview", "--why", "test")
        refused(bed.run("convert", "customers", "erp", "crm"), FAILED, "ledger-flag", f"customers is {mode[0]} in unit one for crm", "--anyway")
    bed.on("customers")
    bed.run("flag", "customers", "off", "--to", "crm", "--why", "test")
    bed.flow("customers")
    refused(bed.run("convert", "customers", "erp", "crm"), FAILED, "ledger-flag", "is off", "crm")
    bed.run("flag", "customers", "on", "--to", "crm", "--why", "test")
    same("accounts", (bed.accounts(), bed.accounts("shop")), ([], bed.numbers()))
    refused(bed.run("convert", "customers", "erp", "shop"), FAILED, "ledger-flag", "20 records are linked to shop.account in unit one")
    refused(bed.run("convert", "customers", "erp", "shop", "--unit", "two"), FAILED, "ledger-flag", "20 records are linked to shop.account in unit two")
    same("accounts", (bed.accounts(), bed.accounts("shop")), ([], bed.numbers()))
    same("written where nothing is linked", bed.json(DONE, "convert", "customers", "erp", "crm")["written"], 40)
    same("written all the same", bed.json(DONE, "convert", "customers", "erp", "shop", "--anyway")["written"], 40)
    same("accounts", len(bed.accounts("shop")), 80)


def test_unit_on_after_archive(bed):
    """A unit that is switched on after its rows were read and put away gets them all the same, and the newest of each."""
    bed.change("conf.d/10-systems.conf", 'native = "customers.csv"; key = [ "NR" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"',
               'native = "customers*.csv"; key = [ "NR" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "delta"')
    bed.change("conf.d/10-systems.conf", 'stable_for = "20ms";', f'stable_for = "20ms"; archive = "move"; archive_directory = "{bed.path("taken")}";')
    os.mkdir(bed.path("taken"))
    bed.run("flag", "customers", "on", "--unit", "one", "--without-preview", "--why", "test")
    bed.flow("customers")
    same("what lies where", (os.path.exists(bed.path("in/customers.csv")), os.listdir(bed.path("taken"))), (False, ["customers.csv"]))
    same("accounts of one", bed.accounts(), bed.numbers(1))
    bed.edit(["20000"], NAME="Newer")  # the same name again
    bed.flow("customers")
    bed.run("flag", "customers", "on", "--unit", "two", "--without-preview", "--why", "test")
    bed.flow("customers")
    bed.whole()
    bed.quiet("customers")


def test_off(bed):
    """Nothing is read: a source that isn't even there is not missed, and there is no run."""
    os.rename(bed.path("in"), bed.path("hidden"))
    result = bed.run("run", "customers")
    same(f"off: {result}", (result.status, result.out), (DONE, ""))
    has(result.err, "2 unit(s) of customers are off", "syncline flag customers preview")
    same("off: as JSON", bed.json(DONE, "run", "customers"), [])
    same("runs", bed.json(DONE, "runs"), [])
    os.rename(bed.path("hidden"), bed.path("in"))


def test_preview(bed):
    """Read, compared and planned; nothing is written, again and again, and the plan of the same inputs is the same."""
    flag(bed, "customers", "preview")
    before = fingerprint(bed)
    first = bed.flow("customers", HELD)
    same("what it would do", {unit: (state, counts) for unit, (state, counts) in first.items()},
         {unit: ("held", {"read": 20, "created": 20}) for unit in ("one", "two")})
    plans = {plan["unit"]: plan for plan in bed.json(DONE, "plans")}
    same("plans", sorted(plans), ["one", "two"])
    for plan in plans.values():
        same("a plan's counts", (plan["state"], plan["counts"]["created"], plan["counts"]["sent-creates"]), ("open", 20, 40))
        has(plan["reason"], "first run that would write")
        items = bed.json(DONE, "plans", str(plan["plan"]))
        same("its items", len(items), plan["items"])
        same("what they are", sorted(item["native"] for item in items if item["what"] == "created"), bed.numbers(1 if plan["unit"] == "one" else 2))
        assert all(item["after"] for item in items if item["what"] == "created"), items
    bed.json(HELD, "run", "customers")
    again = {plan["unit"]: plan for plan in bed.json(DONE, "plans")}
    for unit, plan in again.items():
        assert plan["plan"] > plans[unit]["plan"], "a newer plan replaces the older one"
        same("the hash of the same plan", plan["hash"], plans[unit]["hash"])
    states = {plan["plan"]: plan["state"] for plan in bed.json(DONE, "plans", "--all")}
    same("the older plans", [states[plan["plan"]] for plan in plans.values()], ["replaced", "replaced"])
    refused(bed.run("apply", str(plans["one"]["plan"])), FAILED, "ledger-plan", "replaced by a newer one")
    same("what was written", (fingerprint(bed), bed.ledger("SELECT count(*) FROM link"), bed.ledger("SELECT count(*) FROM golden_customer")),
         (before, [(0,)], [(0,)]))
    # Another input, another hash.
    bed.edit(["10001"], NAME="Another name")
    bed.json(HELD, "run", "customers", "--unit", "one")
    assert {plan["unit"]: plan for plan in bed.json(DONE, "plans")}["one"]["hash"] != plans["one"]["hash"]


def test_preview_without_effect(bed):
    """Rules that change nothing need no plan to be applied: their preview is enough for the flow to go on."""
    bed.on("customers")
    bed.flow("customers")
    bed.change("conf.d/30-flows.conf", 'name = "NAME"', 'name = "trim(NAME)"')
    refused(flag(bed, "customers", "on", status=FAILED), FAILED, "ledger-plan", "no plan of the present rules")
    flag(bed, "customers", "preview")
    refused(flag(bed, "customers", "on", status=FAILED), FAILED, "ledger-plan", "no plan of the present rules")
    # A source that can't be read says nothing about the rules.
    os.rename(bed.path("in"), bed.path("away"))
    bed.run("run", "customers")
    refused(flag(bed, "customers", "on", status=FAILED), FAILED, "ledger-plan", "no plan of the present rules")
    os.rename(bed.path("away"), bed.path("in"))
    same("a preview", {state for state, _ in bed.flow("customers").values()}, {"done"})
    same("plans that wait", bed.json(DONE, "plans"), [])
    flag(bed, "customers", "on")
    bed.quiet("customers")


def test_preview_of_nothing(bed):
    """A first preview in which no row is good shows nothing of what the rules do."""
    for row in bed.rows:
        row[2] = "a name that is too long for it"
    bed.export()
    flag(bed, "customers", "preview")
    bed.run("run", "customers")
    refused(flag(bed, "customers", "on", status=FAILED), FAILED, "ledger-plan", "no plan of the present rules")


def test_preview_then_on(bed):
    """The way that is meant: preview, plan, apply, on."""
    refused(flag(bed, "customers", "on", status=FAILED), FAILED, "ledger-plan", "no plan of the present rules", "--without-preview")
    flag(bed, "customers", "preview")
    bed.json(HELD, "run", "customers")
    refused(flag(bed, "customers", "on", status=FAILED), FAILED, "ledger-plan", "no plan of the present rules")
    numbers = sorted(plan["plan"] for plan in bed.json(DONE, "plans"))
    for number in numbers:
        result = bed.run("apply", str(number), "--strict")
        same(f"apply {number}: {result}", result.status, DONE)
    bed.whole()
    for number in numbers:
        refused(bed.run("apply", str(number)), FAILED, "ledger-plan", "applied already")
        same("the code", bed.json(FAILED, "apply", str(number))["error"]["code"], "ledger-plan")
    refused(bed.run("apply", "99"), FAILED, "ledger-plan", "no plan 99")
    flag(bed, "customers", "on")
    bed.quiet("customers")
    # Guards are no business of the rules: they need no new plan.
    bed.change("conf.d/30-flows.conf", 'updates = "10%"', 'updates = "11%"')
    bed.edit(["10001"], NAME="Renamed")
    same("after another guard", bed.flow("customers")["one"][0], "done")
    bed.whole()


def test_responsible(bed):
    bed.change("conf.d/30-flows.conf", 'responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = '
               '"https://wiki.example.com/customers"; };', "")
    for mode in (("on",), ("canary", "10%")):
        result = bed.run("flag", "customers", *mode, "--why", "test", "--without-preview")
        refused(result, FAILED, "ledger-plan", "nobody who is responsible")
    flag(bed, "customers", "preview")
    bed.json(HELD, "run", "customers")
    # With all that it names, and nothing left empty.
    people = 'units = [ "one", "two" ]; responsible: { business = "b"; technical = "t"; %s };'
    bed.change("conf.d/30-flows.conf", 'customers: { entity = "customer"; units = [ "one", "two" ];', 'customers: { entity = "customer"; ' + people % "")
    for runbook in ('runbook = " ";', ""):
        bed.change("conf.d/30-flows.conf", people % "" if runbook else people % 'runbook = " ";', people % runbook)
        for mode in (("on",), ("canary", "10%")):
            refused(bed.run("flag", "customers", *mode, "--why", "test", "--without-preview"), FAILED, "ledger-plan", "says nothing for runbook")
    bed.change("conf.d/30-flows.conf", people % "", people % 'runbook = "r";')
    flag(bed, "customers", "on", "--without-preview")
    bed.change("conf.d/30-flows.conf", 'runbook = "r";', "")
    has(bed.run("doctor", "--offline").out, "it has no runbook")


def test_flag_words(bed):
    """What is no flag is a usage error, and nothing is changed."""
    for words in (("on",), ("maybe", "--why", "x"), ("canary", "--why", "x"), ("canary", "0%", "--why", "x"), ("canary", "101%", "--why", "x"),
                  ("on", "5%", "--why", "x"), ("preview", "--unit", "three", "--why", "x"), ("preview", "--to", "erp", "--why", "x"),
                  ("preview", "--to", "nothing", "--why", "x")):
        result = bed.run("flag", "customers", *words)
        same(f"flag {words}: {result}", (result.status, result.out), (USAGE, ""))
        has(result.err, "next: ")
        assert bed.json(USAGE, "flag", "customers", *words)["error"]["hint"]
    flag(bed, "customers", "preview")
    same("changes", [(row["mode"], row["why"]) for row in bed.json(DONE, "flag", "--former")], [("preview", "test")] * 2)


def test_paused(bed):
    """Read and staged, nothing written; on again, it is applied without another read."""
    loaded(bed)
    flag(bed, "customers", "paused")
    bed.edit(["10001"], NAME="Renamed")
    before = fingerprint(bed)
    states = bed.flow("customers")
    same("paused", {unit: state for unit, (state, _) in states.items()}, {"one": "done", "two": "done"})
    same("read", states["one"][1]["read"], 20)
    same("written", fingerprint(bed), before)
    same("the record", bed.ledger("SELECT name FROM golden_customer WHERE number = '10001'"), [("Name 11",)])
    bed.run("flag", "customers", "on", "--why", "test")
    same("on again", {unit: counts.get("changed", 0) for unit, (_, counts) in bed.flow("customers").items()}, {"one": 1, "two": 0})
    same("written once", (bed.log(), bed.log("shop")), ([("update", "10001")], [("update", "10001")]))
    bed.whole()


def test_per_unit(bed):
    flag(bed, "customers", "preview")
    result = bed.run("flag", "customers", "on", "--unit", "one", "--why", "test", "--without-preview")
    same("on for one unit", result.status, DONE)
    runs = bed.json(HELD, "run", "customers")
    same("states", {run["unit"]: run["state"] for run in runs}, {"one": "done", "two": "held"})
    same("who is there", bed.accounts(), bed.numbers(1))
    flag(bed, "customers", "off", "--unit", "one")
    runs = bed.json(HELD, "run", "customers")
    same("one is off", [run["unit"] for run in runs], ["two"])
    # Switched on later: what lies there unchanged is read for it.
    result = bed.run("flag", "customers", "on", "--why", "test", "--without-preview")
    same("on for all", result.status, DONE)
    bed.flow("customers")
    bed.whole()
    bed.quiet("customers")


def test_switched_on_later(bed):
    """A unit that was off when the file was read: switching it on reads it in full, although no file changed."""
    result = bed.run("flag", "customers", "on", "--unit", "one", "--why", "test", "--without-preview")
    same("on for one unit", result.status, DONE)
    same("only one", bed.flow("customers")["one"][0], "done")
    result = bed.run("flag", "customers", "on", "--unit", "two", "--why", "test", "--without-preview")
    same("on for the other", result.status, DONE)
    bed.flow("customers")
    bed.whole()


def test_missing_while_off(bed):
    """What a read showed while a unit was off says nothing about that unit, even if the read after it fails."""
    bed.on("customers")
    bed.flow("customers")
    bed.change("conf.d/30-flows.conf", "at_least = 3", "at_least = 1000")  # no guard holds it
    bed.run("flag", "customers", "on", "--why", "test", "--without-preview")
    bed.flow("customers")
    flag(bed, "customers", "off", "--unit", "two")
    bed.edit(["10001"], NAME="Renamed")
    same("the other unit", bed.flow("customers")["one"][0], "done")
    os.rename(bed.path("in"), bed.path("away"))
    result = bed.run("flag", "customers", "on", "--unit", "two", "--why", "test", "--without-preview")
    same("on again", result.status, DONE)
    states = bed.flow("customers", FAILED)
    same("the read fails", {unit: state for unit, (state, _) in states.items()}, {"one": "failed", "two": "failed"})
    same("nothing is missing", bed.log(), [("insert", number) for number in bed.numbers()] + [("update", "10001")])
    os.rename(bed.path("away"), bed.path("in"))
    bed.flow("customers")
    bed.whole()


def switched_off_while_reading(bed, *unit):
    """Runs, and switches off when the first rows are kept.  {unit: run}"""
    kept = bed.ledger("SELECT coalesce(max(id), 0) FROM staged_batch")
    process = bed.start("--json", "run", "customers")
    wait_for("the first rows", lambda: bed.ledger("SELECT coalesce(max(id), 0) FROM staged_batch") > kept, process)
    flag(bed, "customers", "off", *unit)
    out, err = process.communicate()
    same(f"its end: {out} {err}", process.returncode, FAILED)
    return {run["unit"]: run for run in json.loads(out)}


def test_off_while_reading(bed):
    """Off holds while a flow is read: it reads no further, and what it lacks it gets when it is on again."""
    # A source that is slow: three batches a second, so that a busy machine has time to switch.
    bed.change("conf.d/10-systems.conf", 'stable_for = "20ms"; };', 'stable_for = "20ms"; }; limits: { per_second = 3; };')
    bed.on("customers")
    bed.rows = [[f"{unit}{i:05}", str(unit), f"Name {unit}{i}", "BM"[i % 2], f"0{i}"] for i in range(10000) for unit in (1, 2)]
    bed.orders = []
    bed.export()
    runs = switched_off_while_reading(bed)
    for unit, run in runs.items():
        same(f"{unit}: its state", run["state"], "stopped")
        has(run["message"], "customers was switched off while it read erp.customers")
        assert run["counts"]["read"] < 10000, run
    same("written", bed.accounts(), [])
    bed.on("customers")
    # One of two: the other one goes on to its end, and nothing of the first one counts as deleted.
    runs = switched_off_while_reading(bed, "--unit", "one")
    same("states", {unit: run["state"] for unit, run in runs.items()}, {"one": "stopped", "two": "done"})
    has(runs["one"]["message"], "customers was switched off for one while it ran")
    assert runs["one"]["counts"]["other-units"] > 0 and runs["two"]["counts"]["read"] == 10000, runs
    same("who is there", bed.accounts(), bed.numbers(2))
    bed.change("conf.d/10-systems.conf", "per_second = 3", "per_second = 1000")
    bed.on("customers")
    bed.flow("customers")
    bed.whole()
    bed.quiet("customers")


def test_per_target(bed):
    """One target is off, the other is not; on, it gets what it lacks."""
    bed.on("customers")
    flag(bed, "customers", "off", "--to", "shop")
    bed.flow("customers")
    same("who is where", (bed.accounts(), bed.accounts("shop")), (bed.numbers(), []))
    result = bed.run("flag", "customers", "on", "--to", "shop", "--why", "test", "--without-preview")
    same("on", result.status, DONE)
    bed.flow("customers")
    bed.whole()
    bed.quiet("customers")


def test_canary(bed):
    """The same share every time, growing with the percentage, parents with their children."""
    previous = []
    for percent in ("10%", "40%", "70%"):
        for flow in ("customers", "orders"):
            result = bed.run("flag", flow, "canary", percent, "--why", "test", "--without-preview")
            same(f"canary {percent}", result.status, DONE)
        for flow in ("customers", "orders", "customers", "orders"):
            bed.json(DONE, "run", flow)
        now = bed.accounts()
        same(f"{percent}: the shop has the same", bed.accounts("shop"), now)
        assert set(previous) <= set(now), "who was in stays in"
        assert len(now) < len(bed.numbers()), "not all are in"
        same(f"{percent}: orders of customers that are in", bed.ask("crm", "SELECT d.number, a.number FROM deal d LEFT JOIN account a ON a.id = d.account "
                                                                          "ORDER BY d.number"), [("O" + number, number) for number in now])
        previous = now
    assert 10 <= len(previous), previous
    bed.on("customers", "orders")
    for flow in ("customers", "orders"):
        bed.json(DONE, "run", flow)
    bed.whole()
    same("every order", len(bed.ask("crm", "SELECT number FROM deal")), len(bed.orders))


def test_stop_rule(bed):
    """More failures than the rule allows pause the target for the unit, with the reason; a person goes on, and it is counted anew."""
    bed.change("conf.d/30-flows.conf", "deletes = \"1%\"; at_least = 3; };", "deletes = \"1%\"; at_least = 1000; };\n    stop: { failed = \"10%\"; of = 30; };")
    bed.execute("shop", "CREATE TRIGGER no BEFORE UPDATE ON account WHEN NEW.name LIKE 'Bad%' BEGIN SELECT RAISE(ABORT, 'no such name'); END;")
    loaded(bed, "customers")
    # Three of thirty are allowed.
    bed.edit(["10001", "10002", "10003"], NAME="Bad one")
    bed.flow("customers", FINDINGS)
    same("flags", [flag["mode"] for flag in bed.json(DONE, "flag", "customers", "--to", "shop")], [])
    bed.edit(["10004", "20001"], NAME="Bad two")
    bed.flow("customers", FINDINGS)
    one, = bed.json(DONE, "flag", "customers", "--to", "shop")
    same("the flag", [one[key] for key in ("unit", "to", "mode", "who")], ["one", "shop", "paused", "stop rule"])
    has(one["why"], "4 of the last 24 deliveries failed", "10 % of 30 is allowed", "no such name")
    # Nothing more is written there; the other target and the other unit go on.
    bed.edit(["10005", "20005"], NAME="Good")
    bed.log(), bed.log("shop")
    bed.flow("customers")
    same("written", (bed.log(), bed.log("shop")), ([("update", "10005"), ("update", "20005")], [("update", "20005")]))
    status = bed.run("status")
    same("the status waits for a person", status.status, FINDINGS)
    has(status.out, "stop rule", "syncline flag customers on --to shop --unit one --why TEXT")
    wait = [wait for flow in bed.json(FINDINGS, "status")["flows"] for wait in flow["waits"] if wait["kind"] == "stopped"]
    same("for programs", [(row["cause"], row["example"] == one["why"]) for row in wait], [("stop rule", True)])
    # Mended, and switched on again.
    bed.execute("shop", "DROP TRIGGER no;")
    flag(bed, "customers", "on", "--to", "shop", "--unit", "one")
    same("retried", bed.run("dead", "retry", "--cause", bed.json(FINDINGS, "dead")["findings"][0]["cause"], "--why", "mended").status, DONE)
    bed.flow("customers")
    bed.whole()
    same("all is well", bed.run("status").status, DONE)
    bed.sound()


def test_canary_of_a_plan(bed):
    """A canary begins with a plan that can be looked at: it waits all the same, its apply sends the share, and then the others may follow."""
    refused(bed.run("flag", "customers", "canary", "30%", "--why", "test"), FAILED, "ledger-plan", "no plan of the present rules", "look at the plan")
    flag(bed, "customers", "preview")
    bed.json(HELD, "run", "customers")
    refused(bed.run("flag", "customers", "on", "--why", "test"), FAILED, "ledger-plan", "apply it")
    flag(bed, "customers", "canary", "30%")
    before = fingerprint(bed)
    bed.json(HELD, "run", "customers")
    same("written before the plan was applied", fingerprint(bed), before)
    plans = [str(plan["plan"]) for plan in bed.json(DONE, "plans")]
    same("plans", len(plans), 2)
    for plan in plans:
        bed.json(DONE, "apply", plan)
    some = bed.accounts()
    assert 0 < len(some) < len(bed.numbers()), some
    # A plan of other rules is none of these.
    bed.change("conf.d/30-flows.conf", 'name = "NAME"', 'name = "upper(NAME)"')
    refused(bed.run("flag", "customers", "canary", "50%", "--why", "test"), FAILED, "ledger-plan")
    bed.change("conf.d/30-flows.conf", 'name = "upper(NAME)"', 'name = "NAME"')
    flag(bed, "customers", "on")
    bed.json(DONE, "run", "customers")
    bed.whole()


def test_rows_that_wait_show_nothing(bed):
    """A preview in which all rows wait for others has shown nobody what it will do."""
    flag(bed, "orders", "preview")
    same("they wait", [(run["state"], run["counts"]["waiting"]) for run in bed.json(DONE, "run", "orders")], [("done", 20)] * 2)
    for mode in (["on"], ["canary", "10%"]):
        refused(bed.run("flag", "orders", *mode, "--why", "test"), FAILED, "ledger-plan", "no plan of the present rules")
    loaded(bed)
    same("planned", [run["plan"]["counts"]["created"] for run in bed.json(HELD, "run", "orders")], [20, 20])
    for plan in bed.json(DONE, "plans"):
        bed.json(DONE, "apply", str(plan["plan"]))
    flag(bed, "orders", "on")


def test_status_tells_why(bed):
    """What a target did not take stands there with what it said."""
    bed.on("customers")
    locked = sqlite3.connect(bed.path("crm.sqlite"), isolation_level=None)
    locked.execute("BEGIN IMMEDIATE")
    text = bed.run("run", "customers").out
    has(text, "deliveries to be tried again", "`syncline status customers` tells why")
    targets = [target for flow in json.loads(bed.run("--json", "status", "customers").out)["flows"] for target in flow["targets"]]
    same("who did not", [(target["to"], target["pending"]) for target in targets], [("crm", 20)] * 2)
    for target in targets:
        has(target["reason"], "locked")
        has(bed.run("status").out, target["reason"])
    locked.execute("ROLLBACK")
    locked.close()
    bed.json(DONE, "run", "customers", "--patience", "30")
    bed.whole()
    assert "locked" not in bed.run("status").out


def in_terminal(bed, columns, *args):
    """What a terminal of so many columns is given; 0: it does not say how many."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    pieces = b""
    with subprocess.Popen(bed.command(*args), stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL):
        os.close(slave)
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError as wrong:
                if wrong.errno != errno.EIO:
                    raise
                piece = b""
            if not piece:
                break
            pieces += piece
    os.close(master)
    return pieces.decode("utf-8").replace("\r\n", "\n")


def test_narrow_terminal(bed):
    """Columns that do not fit stand below their rows, all of them and whole; a file and a wide terminal get one line a row."""
    bed.edit(["10003"], NAME="Ödön Ízület, Kft.")
    flag(bed, "customers", "preview")
    bed.json(HELD, "run", "customers")
    asked = ["plans", str(bed.json(DONE, "plans")[-1]["plan"]), "--limit", "30"]
    wide = bed.run(*asked).out
    for words in (asked, ["flag"]):
        for columns in (0, 1000):
            same(f"{words} in {columns} columns", in_terminal(bed, columns, *words), bed.run(*words).out)
    cells = re.findall(r"\{.*?\}", wide)
    has("".join(cells), "Ödön Ízület, Kft.")
    for columns in (100, 60, 40, 8):
        narrow = in_terminal(bed, columns, *asked)
        for line in narrow.split("\n"):
            assert len(line) <= columns or columns < 40, (columns, line)
        for cell in cells:
            has("".join(narrow.split()), "".join(cell.split()))
    # What is to be typed is not broken.
    has(in_terminal(bed, 40, "status"), "      NEXT  syncline plans ", "; syncline apply ")


def test_apply_obeys_flags(bed):
    flag(bed, "customers", "preview")
    bed.json(HELD, "run", "customers", "--unit", "one")
    number = str(last_plan(bed)["plan"])
    before = fingerprint(bed)
    for mode in ("off", "paused"):
        flag(bed, "customers", mode)
        refused(bed.run("apply", number), FAILED, "ledger-plan", f"the flow customers is {mode} for one")
        same("the code", bed.json(FAILED, "apply", number)["error"]["code"], "ledger-plan")
    same("written", fingerprint(bed), before)
    flag(bed, "customers", "preview")
    same("applied", bed.run("apply", number).status, DONE)
    same("who is there", bed.accounts(), bed.numbers(1))


# guards


def held(bed, *words):
    """The run is held, says why, writes nothing, and its plan does it."""
    before = fingerprint(bed)
    runs = {run["unit"]: run for run in bed.json(HELD, "run", "customers")}
    same("which unit is held", {unit: run["state"] for unit, run in runs.items()}, {"one": "held", "two": "done"})
    has(runs["one"]["message"], *words)
    same("what was written", fingerprint(bed), before)
    number = runs["one"]["plan"]["number"]
    same("applied", bed.run("apply", str(number), "--strict").status, DONE)
    bed.whole()
    bed.quiet("customers")


def test_guard_creates(bed):
    loaded(bed)
    bed.rows += [[f"100{i}", "1", f"New {i}", "B", "1"] for i in range(50, 53)]
    bed.export()
    same("as many as at_least", bed.flow("customers")["one"][0], "done")
    bed.rows += [[f"100{i}", "1", f"New {i}", "B", "1"] for i in range(60, 64)]
    bed.export()
    held(bed, "4 records to create, and the limit is 3 of 23")


def test_guard_updates(bed):
    loaded(bed)
    bed.edit(bed.numbers(1)[:3], NAME="Three")
    same("as many as at_least", bed.flow("customers")["one"][0], "done")
    bed.edit(bed.numbers(1)[:4], NAME="Four")
    held(bed, "4 records to change, and the limit is 3 of 20")


def test_words_that_mean_nothing(bed):
    """A name that is none is refused with the nearest one, also where a list is asked for."""
    bed.on("customers")
    bed.flow("customers")
    for args, words in ((("flag", "--unit", "onne"), ("there is no unit", "Did you mean `one`?")),
                        (("flag", "customers", "--unit", "z"), ("no unit",)),
                        (("flag", "--to", "shpo"), ("no system", "Did you mean `shop`?")),
                        (("position", "--flow", "custmers"), ("no flow", "Did you mean `customers`?")),
                        (("position", "list", "erp.customers", "--unit", "tow"), ("no unit", "Did you mean `two`?")),
                        (("flag", "customers", "off", "--why", " "), ("needs a reason",)),
                        (("position", "rewind", "erp.customers", "--why", " \t"), ("needs a reason",)),
                        (("trace", ""), ("the key is empty",)), (("trace", " "), ("the key is empty",))):
        refused(bed.run(*args), USAGE, "usage", *words)
    same("units of the flags", {row["unit"] for row in bed.json(DONE, "flag", "--unit", "one")}, {"one"})
    same("flows of the positions", {row["flow"] for row in bed.json(DONE, "position", "--flow", "customers")}, {"customers"})
    same("flags of a system", bed.json(DONE, "flag", "--to", "shop"), [])
    same("units of the positions", {row["unit"] for row in bed.json(DONE, "position", "--unit", "two")}, {"two"})


def test_held_and_unread(bed):
    """A run that is held while a system can't be read says both, and so does status."""
    loaded(bed)
    bed.edit(bed.numbers(1)[:6], NAME="Bad")
    bed.run("run", "customers", "--unit", "one")
    os.rename(bed.path("in"), bed.path("away"))
    result = bed.run("run", "customers", "--unit", "one")
    same("exit", result.status, HELD)
    has(result.out, "and the limit is 3 of 20", "syncline apply")
    has(result.err, "system erp: The folder", "can't be opened. [connector-not-found]", "next: Make the folder")
    run, = bed.json(HELD, "run", "customers", "--unit", "one")
    has(run["message"], "system erp: The folder", "and the limit is 3 of 20")
    waits = [place["waits"] for place in bed.json(FINDINGS, "status", "customers", "--unit", "one")["flows"]][0]
    same("what waits", [(wait["kind"], wait["object"]) for wait in waits], [("plan", None), ("run", "erp")])
    has(waits[1]["example"], "can't be opened")
    assert "limit" not in waits[1]["example"], waits
    has(bed.run("status", "customers").out, "could not read")
    os.rename(bed.path("away"), bed.path("in"))
    bed.run("run", "customers", "--unit", "one")
    waits = [place["waits"] for place in bed.json(FINDINGS, "status", "customers", "--unit", "one")["flows"]][0]
    same("what waits", [wait["kind"] for wait in waits], ["plan"])


def test_unread_says_what_next(bed):
    """What a run could not read is told as an error is: its code, and what to do."""
    bed.on("customers")
    os.rename(bed.path("in"), bed.path("away"))
    result = bed.run("run", "customers")
    same("exit", result.status, FAILED)
    same("told once for both units", result.err.count("[connector-not-found]"), 1)
    has(result.err, "next: Make the folder")
    has(result.out, "failed", "can't be opened")
    waits = bed.json(FINDINGS, "status", "customers")["flows"][0]["waits"]
    same("what waits", [(wait["kind"], wait["cause"], wait["object"]) for wait in waits], [("run", "failed", "erp")])


def test_unread_and_to_be_read_again(bed):
    unread_and_to_be_read_again(bed, "in", "have to be read again, which the next run tries")


def test_stopped_and_to_be_read_again(bed):
    unread_and_to_be_read_again(bed, "elsewhere", "syncline rebase")


def unread_and_to_be_read_again(bed, folder, says):
    """A row that is to be read again at a system that is down, or stopped, waits; what others lack is delivered all the same."""
    bed.on("customers")
    os.rename(bed.path("crm.sqlite"), bed.path("away.sqlite"))
    bed.run("run", "customers")
    os.rename(bed.path("away.sqlite"), bed.path("crm.sqlite"))
    same("accounts", bed.accounts(), [])
    os.rename(bed.path("in"), bed.path("away"))
    if folder != "in":
        bed.change("conf.d/10-systems.conf", "/in\"", "/%s\"" % folder)
    bed.ledger("INSERT INTO unsure (flow, unit, object, native, started, since_us) SELECT flow, unit, object, '10000', 1, 1 FROM applied")
    result = bed.run("run", "customers")
    same("exit", result.status, FAILED)
    has(result.err, says)
    same(f"accounts after {result}", bed.accounts(), bed.numbers())
    same("kept", bed.ledger("SELECT count(*) > 0 FROM unsure"), [(1,)])
    os.rename(bed.path("away"), bed.path("in"))
    if folder != "in":
        bed.change("conf.d/10-systems.conf", "/%s\"" % folder, "/in\"")
    bed.run("run", "customers")
    same("read again", bed.ledger("SELECT count(*) FROM unsure"), [(0,)])
    bed.quiet("customers")


def test_guard_cleared(bed):
    loaded(bed)
    bed.change("conf.d/30-flows.conf", 'updates = "10%"', 'updates = "100%"')
    bed.edit(bed.numbers(1)[:4], PHONE="")
    held(bed, "4 values to set to null, and the limit is 3 of 20")


def test_guard_deletes(bed):
    loaded(bed)
    bed.change("conf.d/30-flows.conf", 'missing_rows = "10%"', 'missing_rows = "100%"')
    bed.rows = [row for row in bed.rows if row[0] not in bed.numbers(1)[:4]]
    bed.export()
    held(bed, "4 records to delete, and the limit is 3 of 20")


def test_guard_missing(bed):
    loaded(bed)
    bed.change("conf.d/30-flows.conf", ' deletes = "1%"; at_least', ' deletes = "100%"; at_least')
    bed.rows = [row for row in bed.rows if row[0] not in bed.numbers(1)[:4]]
    bed.export()
    held(bed, "4 missing rows, and the limit is 3 of 20")


def test_unit_is_emptied(bed):
    """An export without any row of a unit that has records is a failed one for that unit; nothing of it is deleted, and the others go on."""
    loaded(bed)
    kept = bed.rows
    bed.rows = [row for row in bed.rows if row[1] == "2"]
    bed.edit(["20001"], NAME="Renamed")
    runs = {run["unit"]: run for run in bed.json(FAILED, "run", "customers")}
    same("states", {unit: run["state"] for unit, run in runs.items()}, {"one": "failed", "two": "done"})
    same("why", runs["one"]["error"]["code"], "read-empty")
    has(runs["one"]["message"], "erp.customers", "shows no row of one")
    same("written", (bed.log(), bed.log("shop")), ([("update", "20001")], [("update", "20001")]))
    same("who is there", bed.accounts(), sorted(row[0] for row in kept))
    bed.rows = kept
    bed.edit(["10001"], NAME="Back")
    same("mended", {unit: (state, counts.get("changed")) for unit, (state, counts) in bed.flow("customers").items()}, {"one": ("done", 1), "two": ("done", None)})
    bed.whole()
    bed.quiet("customers")


def test_guard_missing_reviewed(bed):
    """Missing rows that only a person decides about are held by their guard all the same."""
    bed.change("conf.d/30-flows.conf", 'originates = true; deletes: { seen = "accept"; };\n        read: { number = "NR"', 'originates = true;\n        read: { number = "NR"')
    loaded(bed)
    kept = bed.rows
    bed.rows = [row for row in bed.rows if row[0] not in bed.numbers(1)[:4]]
    bed.export()
    before = fingerprint(bed)
    runs = {run["unit"]: run for run in bed.json(HELD, "run", "customers")}
    same("which unit is held", {unit: run["state"] for unit, run in runs.items()}, {"one": "held", "two": "done"})
    has(runs["one"]["message"], "4 missing rows, and the limit is 3 of 20")
    same("written", (fingerprint(bed), bed.json(DONE, "reviews")["open"]), (before, 0))
    bed.rows = kept
    bed.export()
    bed.flow("customers")
    same("nobody is asked", bed.json(DONE, "reviews")["open"], 0)


def test_key_twice(bed):
    """A key that stands twice in one export: the first row counts, the other one is told, and nothing goes back and forth."""
    bed.on("customers")
    bed.flow("customers", DONE)
    # What is there twice as it is says nothing else: as it was, changed, and new.
    once = len(bed.rows)
    bed.edit(["10002"], NAME="Changed")
    bed.rows += [list(row) for row in bed.rows if row[0] in ("10002", "20003")] + [["10776", "1", "New", "B", "1"]] * 2
    bed.export()
    bed.flow("customers", DONE)
    same("no finding", json.loads(bed.run("--json", "rejects").out)["open"], 0)
    del bed.rows[once:]
    bed.export()
    bed.flow("customers", DONE)
    name = bed.ask("crm", "SELECT name FROM account WHERE number = '10001'")
    bed.log()
    bed.log()
    bed.rows.append(["10001", "1", "Other", "B", "99"])
    bed.rows.append(["10777", "1", "New", "B", "1"])
    bed.rows.append(["10777", "1", "Newer", "B", "2"])
    for times in (1, 2, 3):
        bed.export()
        runs = bed.flow("customers", FINDINGS)
        same(f"{times}: counted", (runs["one"][1]["read"], runs["one"][1]["rejected"], runs["one"][1].get("changed", 0)), (23, 2, 0))
        found = [f for f in json.loads(bed.run("--json", "rejects").out)["findings"]]
        same(f"{times}: findings", [(f["cause"], f["seen"], f["state"]) for f in found], [("row-twice", times, "open")] * 2)
        same(f"{times}: which", sorted(f["message"].split()[2] for f in found), ["10001", "10777"])
        same(f"{times}: where", sorted(int(f["place"].rsplit(":", 1)[1]) for f in found), [len(bed.rows) - 1, len(bed.rows) + 1])
        same(f"{times}: as the first row says", bed.ask("crm", "SELECT name FROM account WHERE number IN ('10001', '10777') ORDER BY number"), name + [("New",)])
    # The first of them changes, which counts; the other one stays what it is.
    bed.edit(["10001"], NAME="Changed")
    bed.rows[-3][2] = "Other"
    bed.export()
    bed.flow("customers", FINDINGS)
    same("changed", bed.ask("crm", "SELECT name FROM account WHERE number = '10001'"), [("Changed",)])
    del bed.rows[-3]
    bed.rows.pop()
    bed.export()
    bed.flow("customers", DONE)
    same("settled", json.loads(bed.run("--json", "rejects").out)["open"], 0)


def test_causes(bed):
    """Rejects are counted and listed by a cause without the values in them."""
    loaded(bed)
    bed.rows += [["19001", "1", "An O'Brien is 'far' too long", "B", "1"], ["19002", "1", "Another one of these", "B", "2"],
                 ["19003", "1", "A third name that is longer still", "B", "3"]]
    bed.export()
    bed.json(FINDINGS, "run", "customers", "--unit", "one")
    groups = bed.json(FINDINGS, "rejects")["causes"]
    same("one cause", [(group["cause"], group["count"]) for group in groups], [("name: the text has … characters and the field takes …", 2)])
    has(bed.run("rejects", "--each").out, "33 characters")
    same("by it", bed.run("rejects", "archive", "--cause", groups[0]["cause"], "--why", "test").status, DONE)
    # Numbers and words, at their places.
    bed.change("conf.d/20-entities.conf", 'total: { type = "decimal"; scale = 2; }', 'total: { type = "decimal"; scale = 2; max = "100"; }')
    bed.orders = [["A1", "1", "10001", "12,O'Brien is late"], ["A2", "1", "10001", "it's 'x' is"], ["A3", "1", "10001", "101.5"], ["A4", "1", "10001", "200"]]
    bed.export()
    bed.on("orders")
    bed.json(FINDINGS, "run", "orders", "--unit", "one")
    groups = {group["cause"]: group["count"] for group in bed.json(FINDINGS, "rejects", "--flow", "orders")["causes"]}
    same("causes", sorted(groups.values()), [2, 2])
    for cause in groups:
        for word in ("Brien", "late", "it's", "x'", "101", "200"):
            assert word not in cause, cause


def test_guard_percent(bed):
    """The share counts where it is more than at_least."""
    bed.rows = [[f"1{i:04}", "1", f"Name {i}", "B", "1"] for i in range(100)] + [row for row in bed.rows if row[1] == "2"]
    bed.export()
    loaded(bed)
    bed.edit(bed.numbers(1)[:10], NAME="Ten")
    same("ten of a hundred", bed.flow("customers")["one"][0], "done")
    bed.edit(bed.numbers(1)[:11], NAME="Eleven")
    held(bed, "11 records to change, and the limit is 10 of 100")


def test_guard_rules(bed):
    """A change of rule, owner, lookup or match holds the next run that would write; the same version again does not."""
    loaded(bed)
    bed.edit(["10001"], NAME="Unchanged rules")
    same("unchanged rules", bed.flow("customers")["one"][0], "done")
    changes = [("conf.d/30-flows.conf", 'name = "NAME"', 'name = "upper(NAME)"'),
               ("conf.d/lookups/city.csv", "B,Berlin", "B,Bonn"),
               ("conf.d/20-entities.conf", 'max_length = 20', 'max_length = 19'),
               ("conf.d/20-entities.conf", 'match = ( { exact = [ "number" ]; } );\n    fields: { number: { type = "text"; required = true; }; name',
                'match = ( { exact = [ "number", "phone" ]; } );\n    fields: { number: { type = "text"; required = true; }; name')]
    for number, (name, old, new) in enumerate(changes):
        kept = bed.read(name)
        bed.change(name, old, new)
        bed.edit(["10001"], NAME=f"After {number}")
        before = fingerprint(bed)
        runs = {run["unit"]: run for run in bed.json(HELD, "run", "customers")}
        same(f"{new}: held", runs["one"]["state"], "held")
        has(runs["one"]["message"], "Rules, owners, lookups or matches changed")
        same(f"{new}: written", fingerprint(bed), before)
        # A plan of other rules can't be applied.
        bed.write(name, kept)
        result = bed.run("apply", str(runs["one"]["plan"]["number"]))
        same(f"{new}: {result}", result.status, FAILED)
        has(result.out, "made under other rules")
        runs = {run["unit"]: run for run in bed.json(DONE, "run", "customers")}
        same(f"{new}: taken back", runs["one"]["state"], "done")
        bed.whole()


# plans


def test_stale(bed):
    """Entries whose record changed since are listed and left, the rest is written; --strict refuses all."""
    loaded(bed)
    bed.edit(bed.numbers(1)[:4], NAME="Planned")
    bed.json(HELD, "run", "customers", "--unit", "one")
    plan = last_plan(bed)
    # Another plan is made and applied meanwhile, by hand: two of the four records are others now.
    for number in bed.numbers(1)[:1]:
        bed.ledger("UPDATE golden_customer SET name = 'Somebody else', _generation = _generation + 1 WHERE number = ?", number)
    before = fingerprint(bed)
    result = bed.run("apply", str(plan["plan"]), "--strict")
    same(f"strict: {result}", result.status, FAILED)
    has(result.out, "stale: ", bed.numbers(1)[0], "stale; nothing was written", "without --strict")
    same("strict: written", fingerprint(bed), before)
    result = bed.run("apply", str(plan["plan"]))
    same(f"the rest: {result}", result.status, FINDINGS)
    has(result.out, "stale: ", bed.numbers(1)[0])
    same("written", bed.log(), [("update", number) for number in bed.numbers(1)[1:4]])
    # What was left is the next run's, although its source has nothing new.
    same("what is left", bed.ledger("SELECT native FROM waiter"), [(bed.numbers(1)[0],)])
    same("the next run", {unit: counts.get("changed") for unit, (_, counts) in bed.flow("customers").items()}, {"one": 1, "two": None})
    same("written then", bed.log(), [("update", bed.numbers(1)[0])])
    bed.whole()
    bed.quiet("customers")


def test_stale_delete(bed):
    """A deletion that was not planned is not done by a plan, and one that was is left when its record is another one by now."""
    loaded(bed)
    bed.change("conf.d/30-flows.conf", 'missing_rows = "10%"', 'missing_rows = "100%"')
    gone = bed.numbers(1)[:4]
    bed.rows = [row for row in bed.rows if row[0] not in gone]
    bed.export()
    bed.json(HELD, "run", "customers", "--unit", "one")
    plan = str(last_plan(bed)["plan"])
    same("the plan", sorted(item["native"] for item in bed.json(DONE, "plans", plan) if item["what"] == "deleted"), gone)
    bed.ledger("UPDATE golden_customer SET name = 'Somebody else', _generation = _generation + 1 WHERE number = ?", gone[0])
    result = bed.run("apply", plan)
    same(f"applied: {result}", result.status, FINDINGS)
    has(result.out, f"stale: deleted erp.customers {gone[0]}")
    same("written", bed.log(), [("delete", number) for number in gone[1:]])
    same("the next run", bed.flow("customers")["one"][1].get("deleted"), 1)
    same("written then", bed.log(), [("delete", gone[0])])
    bed.whole()


def test_plan_items(bed):
    """A plan tells field by field what each target shows and would get, and `apply` holds it to that."""
    bed.orders = [row for row in bed.orders if row[2] != "10002"]
    bed.export()
    flag(bed, "customers", "preview"), flag(bed, "orders", "preview")

    def plan_of(flow):
        runs = bed.json(HELD, "run", flow, "--unit", "one")
        plan = last_plan(bed)
        items = bed.json(DONE, "plans", str(plan["plan"]))
        same(f"{flow}: every item is listed", (len(items), [item["number"] for item in items]), (plan["items"], list(range(1, plan["items"] + 1))))
        same(f"{flow}: the same plan", runs[0]["plan"]["number"], plan["plan"])
        for item in items:
            same(f"{flow}: a hash of what is sent: {item}", bool(item["payload"]), item["what"].startswith("sent-"))
        for what in ("created", "changed", "deleted", "sent-creates", "sent-updates", "sent-deletes"):
            same(f"{flow}: as many {what} as counted", len([item for item in items if item["what"] == what]), plan["counts"][what])
        run = bed.json(DONE, "runs", flow, "--limit", "1")[0]
        same(f"{flow}: its time stood still when the run began", plan["frozen"], run["started"])
        return plan, {(item["what"], item["object"], item["native"]): item for item in items}

    plan, items = plan_of("customers")
    item = items["sent-creates", "crm.account", "10001"]
    same("a create", (item["before"], item["after"], item["record"]),
         (None, {"number": "10001", "name": "Name 11", "city": "Munich", "phone": "01", "ext": {"record_id": "new"}}, 0))
    same("no order without its customer", bed.json(DONE, "run", "orders", "--unit", "one")[0]["counts"]["waiting"], 19)

    # The CRM doesn't have the customers: an id of there is told by what it will be of, and it is no other plan when it is there.
    flag(bed, "customers", "off", "--to", "crm", "--unit", "one")
    same("applied", bed.run("apply", str(plan["plan"]), "--strict").status, DONE)
    orders, items = plan_of("orders")
    item = items["sent-creates", "crm.deal", "O10001"]
    parent = bed.ledger("SELECT _id FROM golden_customer WHERE number = '10001'")[0][0]
    same("a create with a parent that is to come", (item["after"], item["note"]),
         ({"number": "O10001", "total": "1.50", "account": {"link": parent}, "ext": {"record_id": "new"}},
          "it waits until the record that it refers to is there"))
    same("on", bed.run("flag", "customers", "on", "--unit", "one", "--why", "test").status, DONE)
    same("on there", bed.run("flag", "customers", "on", "--to", "crm", "--unit", "one", "--why", "test").status, DONE)
    bed.json(DONE, "run", "customers", "--unit", "one")
    same("applied", bed.run("apply", str(orders["plan"]), "--strict").status, DONE)
    same("its parent", bed.ask("crm", "SELECT a.number FROM deal d JOIN account a ON a.id = d.account WHERE d.number = 'O10001'"), [("10001",)])
    flag(bed, "customers", "preview")
    same("written", len(bed.log()), 39)

    bed.edit(["10001"], NAME="New", PHONE="")
    bed.rows = [row for row in bed.rows if row[0] != "10002"]
    bed.export()
    plan, items = plan_of("customers")
    links = dict(bed.ledger("SELECT g.number, l.native FROM golden_customer g JOIN link_view l ON l.record = g._id WHERE l.object = 'crm.account'"))
    item = items["sent-updates", "crm.account", links["10001"]]
    same("an update", (item["before"], item["after"]), ({"name": "Name 11", "phone": "01"}, {"name": "New", "phone": None}))
    same("its record", item["record"], items["changed", "erp.customers", "10001"]["record"])
    item = items["sent-deletes", "crm.account", links["10002"]]
    same("a delete", ({key: item["before"].get(key) for key in ("number", "name", "phone")}, item["after"]),
         ({"number": "10002", "name": "Name 12", "phone": "02"}, None))
    # Page by page for people.
    shown = bed.run("plans", str(plan["plan"]), "--limit", "2")
    same("a page", len(shown.out.splitlines()), 3)
    has(bed.run("plans", str(plan["plan"]), "--limit", "2", "--after", "2").out, "sent-updates")
    same("the rest", [item["number"] for item in bed.json(DONE, "plans", str(plan["plan"]), "--after", "4")], list(range(5, plan["items"] + 1)))

    # Another payload than the one that was planned: neither it nor the row that it comes of is done.
    bed.ledger("UPDATE plan_item SET payload = randomblob(16) WHERE \"plan\" = ? AND what = 'sent-updates' AND object = (SELECT id FROM object_name "
               "WHERE name = 'shop.account')", plan["plan"])
    same("strict", bed.run("apply", str(plan["plan"]), "--strict").status, FAILED)
    result = bed.json(FINDINGS, "apply", str(plan["plan"]))
    same("stale", [(item["what"], item["object"], item["native"]) for item in result["items"]], [("changed", "erp.customers", "10001")])
    same("written", bed.log(), [("delete", "10002")])
    same("on", bed.run("flag", "customers", "on", "--unit", "one", "--why", "test").status, DONE)
    bed.json(DONE, "run", "customers", "--unit", "one")
    same("what was left", bed.log(), [("update", "10001")])


def test_plan_scope(bed):
    """What create_if keeps out is not planned to be sent, and what was twice in an export is one create."""
    bed.change("conf.d/30-flows.conf", 'crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; };\n        write = ( [ "number", "number" ], [ "name", "name" ], [ "city"',
               'crm: { object = "account"; create_if = "number <> \'10003\'"; deletes: { do = "delete"; };\n        write = ( [ "number", "number" ], [ "name", "name" ], [ "city"')
    bed.rows.append(["10001", "1", "Twice", "B", "1"])
    bed.export()
    flag(bed, "customers", "preview")
    bed.json(HELD, "run", "customers", "--unit", "one")
    plan = last_plan(bed)
    items = bed.json(DONE, "plans", str(plan["plan"]))
    same("counts", (plan["counts"]["created"], plan["counts"]["sent-creates"]), (20, 39))
    same("what is sent", (len([item for item in items if item["what"] == "sent-creates"]),
                          [item for item in items if item["native"] == "10003" and item["object"] == "crm.account"]), (39, []))
    same("applied", bed.run("apply", str(plan["plan"])).status in (DONE, FINDINGS), True)
    same("as planned", (len(bed.accounts()), len(bed.accounts("shop"))), (19, 20))


def test_drop(bed):
    """A plan that is dropped is kept with who, when and why, and can't be applied; its rows stay, and the next run plans anew."""
    loaded(bed)
    bed.edit(bed.numbers(1)[:4], NAME="Planned")
    bed.json(HELD, "run", "customers", "--unit", "one")
    number = str(last_plan(bed)["plan"])
    for words in (("drop",), ("drop", number), ("drop", "x", "--why", "x"), (number, "drop"), ("drop", number, "--why", "")):
        result = bed.run("plans", *words)
        same(f"plans {words}: {result}", (result.status, result.out), (USAGE, ""))
        has(result.err, "next: ")
    refused(bed.run("plans", "drop", "99", "--why", "x"), FAILED, "ledger-plan", "no plan 99")
    same("still open", last_plan(bed)["state"], "open")
    # Not while somebody works on it.
    bed.ledger("INSERT INTO lease (name, holder, engine, pid, who, since_us, until_us) VALUES ('run customers/one', 'other', 0, 4711, 'somebody', 0, ?)",
               4102444800000000)
    refused(bed.run("plans", "drop", number, "--why", "x"), FAILED, "ledger-lease", "process 4711")
    bed.ledger("DELETE FROM lease WHERE holder = 'other'")
    before = fingerprint(bed)
    same("dropped", bed.json(DONE, "plans", "drop", number, "--why", "the export was wrong"), [])
    plan = bed.json(DONE, "plans", "--all")[0]
    same("how it ended", (plan["plan"], plan["state"], plan["why"], plan["by_run"], plan["by_plan"]), (int(number), "dropped", "the export was wrong", 0, 0))
    assert "uid" in plan["who"] and plan["ended"] >= plan["made"], plan
    has(bed.run("plans", "--all").out, "dropped", "the export was wrong")
    for words in (("apply", number), ("plans", "drop", number, "--why", "again")):
        refused(bed.run(*words), FAILED, "ledger-plan", f"plan {number} was dropped by", "the export was wrong")
    same("its items are still told", len(bed.json(DONE, "plans", number)), plan["items"])
    same("status no longer asks for it", [wait for flow in bed.json(DONE, "status")["flows"] for wait in flow["waits"] if wait["kind"] == "plan"], [])
    bed.json(HELD, "run", "customers", "--unit", "one")
    same("planned anew", (last_plan(bed)["hash"], last_plan(bed)["state"]), (plan["hash"], "open"))
    same("written", fingerprint(bed), before)
    same("the ledger's view", bed.ledger("SELECT state, why FROM plan_view WHERE number = ?", number), [("dropped", "the export was wrong")])


def test_overtaken(bed):
    """A plan is over when a run that may write came after it, whether that did its work or found nothing left to do."""
    loaded(bed)
    bed.edit(bed.numbers(1)[:4], NAME="Planned")
    bed.json(HELD, "run", "customers", "--unit", "one")
    first = last_plan(bed)["plan"]
    bed.change("conf.d/30-flows.conf", 'updates = "10%"', 'updates = "100%"')
    run = bed.json(DONE, "run", "customers", "--unit", "one")[0]["run"]
    same("nothing waits", bed.json(DONE, "plans"), [])
    plan = bed.json(DONE, "plans", "--all")[0]
    same("how it ended", (plan["plan"], plan["state"], plan["by_run"], plan["by_plan"]), (first, "overtaken", run, 0))
    has(bed.run("plans", "--all").out, f"overtaken by run {run}")
    refused(bed.run("apply", str(first)), FAILED, "ledger-plan", f"plan {first} is stale: run {run} came after it")
    bed.whole()
    bed.log(), bed.log("shop")

    # In preview: what was planned is not there any more.  The flow of the other unit is not touched by it.
    bed.change("conf.d/30-flows.conf", 'updates = "100%"', 'updates = "10%"')
    flag(bed, "customers", "preview")
    bed.edit(["10001", "20001"], NAME="A mistake")
    bed.json(HELD, "run", "customers")
    plans = {plan["unit"]: plan["plan"] for plan in bed.json(DONE, "plans")}
    same("both are planned", sorted(plans), ["one", "two"])
    bed.edit(["10001"], NAME="Planned")
    run = bed.json(DONE, "run", "customers", "--unit", "one")[0]["run"]
    same("the other unit's plan", [(plan["plan"], plan["state"]) for plan in bed.json(DONE, "plans")], [(plans["two"], "open")])
    ended = {plan["plan"]: plan for plan in bed.json(DONE, "plans", "--all")}
    same("that of the unit", (ended[plans["one"]]["state"], ended[plans["one"]]["by_run"]), ("overtaken", run))
    same("written", (bed.log(), bed.log("shop")), ([], []))

    # Paused, nothing is compared, and the plan stays; a newer plan takes its place.
    flag(bed, "customers", "paused")
    bed.json(DONE, "run", "customers")
    same("paused", [(plan["plan"], plan["state"]) for plan in bed.json(DONE, "plans")], [(plans["two"], "open")])
    flag(bed, "customers", "preview")
    bed.edit(["20001"], NAME="Another")
    bed.json(HELD, "run", "customers", "--unit", "two")
    newer = last_plan(bed)["plan"]
    ended = {plan["plan"]: plan for plan in bed.json(DONE, "plans", "--all")}
    same("replaced", (ended[plans["two"]]["state"], ended[plans["two"]]["by_plan"]), ("replaced", newer))
    has(bed.run("plans", "--all").out, f"replaced by plan {newer}")
    refused(bed.run("apply", str(plans["two"])), FAILED, "ledger-plan", f"replaced by a newer one, plan {newer}")


def test_unit_is_gone(bed):
    """A plan of a unit that is no longer configured is never applied for somebody else."""
    flag(bed, "customers", "preview")
    bed.json(HELD, "run", "customers", "--unit", "two")
    number = str(last_plan(bed)["plan"])
    bed.change("conf.d/30-flows.conf", 'customers: { entity = "customer"; units = [ "one", "two" ]', 'customers: { entity = "customer"; units = [ "one" ]')
    refused(bed.run("apply", number), FAILED, "ledger-plan", "no longer runs for two")
    same("who is there", bed.accounts(), [])


# status and counts


def test_status(bed):
    """0 done, 1 failed, 2 usage, 3 findings, 4 held; the worst of the units."""
    bed.on("customers")
    bed.rows.append(["19999", "1", "A name that is much too long for it", "B", "1"])
    bed.export()
    runs = bed.flow("customers", FINDINGS)
    same("findings", {unit: state for unit, (state, _) in runs.items()}, {"one": "findings", "two": "done"})
    same("counted", runs["one"][1], {"read": 21, "created": 20, "rejected": 1, "sent-creates": 40})
    os.rename(bed.path("in"), bed.path("hidden"))
    result = bed.run("run", "customers")
    same(f"a source that is gone: {result}", result.status, FAILED)
    has(result.out, "failed", bed.path("in"))
    os.rename(bed.path("hidden"), bed.path("in"))
    for words in (("run",), ("run", "nothing"), ("run", "customers", "--unit", "three"), ("run", "customers", "--patience", "x"),
                  ("run", "customers", "--nothing"), ("apply",), ("apply", "x"), ("runs", "--limit", "x")):
        result = bed.run(*words)
        same(f"{words}: {result}", (result.status, result.out), (USAGE, ""))
        has(bed.json(USAGE, *words)["error"]["message"], "")


def test_counts(bed):
    """One update at each of two targets is two updates."""
    loaded(bed)
    bed.edit(["10001"], NAME="Renamed")
    same("one record", bed.flow("customers")["one"], ("done", {"read": 20, "unchanged": 19, "changed": 1, "sent-updates": 2}))
    bed.rows.append(["10999", "1", "New", "B", "1"])
    bed.rows = [row for row in bed.rows if row[0] != "10002"]
    bed.edit(["10003"], PHONE="")
    same("all kinds", bed.flow("customers")["one"], ("done", {"read": 20, "unchanged": 18, "created": 1, "changed": 1, "cleared": 1, "missing": 1,
                                                             "deleted": 1, "sent-creates": 2, "sent-updates": 1, "sent-deletes": 2}))
    bed.whole()


def test_target_is_down(bed):
    """Others get what is theirs; the next run brings the rest, once."""
    loaded(bed)
    bed.edit(["10001"], NAME="Renamed")
    os.rename(bed.path("crm.sqlite"), bed.path("away"))
    os.mkdir(bed.path("crm.sqlite"))
    result = bed.run("run", "customers")
    same(f"a target that is down: {result}", result.status in (FAILED, FINDINGS), True)
    same("the shop", bed.log("shop"), [("update", "10001")])
    os.rmdir(bed.path("crm.sqlite"))
    os.rename(bed.path("away"), bed.path("crm.sqlite"))
    bed.json(DONE, "run", "customers", "--patience", "60")
    same("the CRM", bed.log(), [("update", "10001")])
    bed.whole()


def test_idle_target_is_down(bed):
    """A target that lacks nothing is not opened, also when the run before failed; one that has something to publish is."""
    os.mkdir(bed.path("till"))
    bed.write("conf.d/40-till.conf", f"""systems: {{ till: {{ connector = "csv"; access = "write";
        settings: {{ directory = "{bed.folder}/in"; import_directory = "{bed.folder}/till"; publish = "run"; op_column = "OP"; op_values = [ "C", "U", "D" ]; }};
        objects: {{ account: {{ native = "till*.csv"; key = [ "number" ]; external_key = "number"; }}; }}; }}; }};""")
    bed.change("conf.d/30-flows.conf", """      shop: { object = "account"; create_if""", """      till: { object = "account"; create_if = "true"; deletes: { do = "delete"; }; write = ( [ "number", "number" ], [ "name", "name" ] ); };
      shop: { object = "account"; create_if""")
    loaded(bed)
    published = lambda: [name for name in os.listdir(bed.path("till")) if name.endswith(".csv")]
    same("published", len(published()), 2)
    os.rename(bed.path("in"), bed.path("away"))
    bed.json(FAILED, "run", "customers")
    os.rename(bed.path("away"), bed.path("in"))
    os.rename(bed.path("till"), bed.path("away"))
    bed.edit(["10001"], PHONE="1")
    bed.json(DONE, "run", "customers")
    same("the CRM", bed.log(), [("update", "10001")])
    # What is written to is away: that says nothing of the records that stand there.
    bed.rows = [row for row in bed.rows if row[0] != "10002"]
    bed.edit(["10001"], NAME="Renamed")
    bed.json(FAILED, "run", "customers", "--unit", "one")
    same("nobody is asked", bed.json(DONE, "reviews")["findings"], [])
    os.rename(bed.path("away"), bed.path("till"))
    bed.json(DONE, "run", "customers", "--patience", "60")
    same("published", len(published()), 3)
    has("".join(bed.read("till/" + name) for name in published()), "10001,Renamed,U", "10002,,D")
    bed.whole()


def test_parent_is_imported(bed):
    """A child waits at a target for its parent; the parent is linked there by hand, and the next run writes the child."""
    bed.on("customers", "orders")
    flag(bed, "customers", "off", "--to", "crm")
    bed.flow("customers")
    bed.run("run", "orders")
    same("nobody is there", (bed.accounts(), bed.ask("crm", "SELECT count(*) FROM deal")), ([], [(0,)]))
    same("all wait", bed.ledger("SELECT DISTINCT state FROM delivery_view WHERE target = 'orders.crm'"), [("waiting",)])
    bed.execute("crm", "INSERT INTO account (id, number, name) VALUES (77, '10001', 'Name 11'); DELETE FROM log;")
    bed.write("pairs.csv", "erp,crm\n10001,77\n")
    bed.json(DONE, "links", "import", "customers", "crm", bed.path("pairs.csv"), "--unit", "one", "--why", "test")
    bed.run("run", "orders", "--unit", "one")
    same("its order", bed.ask("crm", "SELECT number, account FROM deal"), [("O10001", 77)])
    # So does an order whose row waits for a customer that the ERP shows later, or never, when somebody links that one.
    bed.orders.append(["O10888", "1", "10888", "1.50"])
    bed.export()
    bed.run("run", "orders", "--unit", "one")
    same("a row waits", bed.ledger("SELECT native, parent_native FROM waiter_view"), [("O10888", "10888")])
    bed.execute("crm", "INSERT INTO account (id, number, name) VALUES (88, '10888', 'Somebody'); DELETE FROM log;")
    bed.write("pairs.csv", "erp,crm\n10888,88\n")
    bed.json(DONE, "links", "import", "customers", "crm", bed.path("pairs.csv"), "--unit", "one", "--why", "test")
    bed.run("run", "orders", "--unit", "one")
    same("its order", bed.ask("crm", "SELECT number, account FROM deal ORDER BY number"), [("O10001", 77), ("O10888", 88)])


# what is in the air while the next batch is claimed

STAFF = """
entities: { person: { owner = "erp"; match = ( { exact = [ "number" ]; } );
  fields: { number: { type = "text"; required = true; }; name: { type = "text"; }; scope: { type = "text"; };
            boss: { type = "ref"; entity = "person"; wait = "3d"; }; }; }; };
flows: { staff: { entity = "person";
  responsible: { business = "hr@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/staff"; };
  guards: { creates = "100%"; updates = "100%"; };
  bindings: {
    erp: { object = "people"; trigger: { file = true; }; originates = true;
      read: { number = "NR"; name = "NAME"; scope = "SCOPE"; boss = "ref('people', BOSS)"; }; };
    crm: { object = "staff"; trigger: { every = "1h"; }; create_if = "scope = 'y'"; map = ( [ "number", "number" ], [ "name", "name" ] );
      write = ( [ "boss", "link('crm', boss)" ] ); }; }; }; };
"""


def test_parent_in_the_air(bed):
    """A batch creates the parent; the next one has its child, and a change that must read the target first, which waits for the parent."""
    count = 1100
    bed.execute("crm", "CREATE TABLE staff(id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, number TEXT, name TEXT, boss INTEGER)")
    bed.change("conf.d/10-systems.conf", "objects: { customers:", 'objects: { people: { native = "people.csv"; key = [ "NR" ]; reads = "full"; };\n customers:')
    bed.change("conf.d/10-systems.conf", "objects: { account: { key = [ \"id\" ]; external_key = \"ext\"; }; deal:",
               'objects: { staff: { key = [ "id" ]; external_key = "ext"; reads = "full"; }; account: { key = [ "id" ]; external_key = "ext"; }; deal:')
    bed.write("conf.d/40-staff.conf", STAFF)
    rows = [[f"P{i:04}", f"Name {i}", "", "y"] for i in range(count)]
    parent, child = rows[0], rows[1050]
    child[2] = parent[0]
    parent[3] = child[3] = "n"
    bed.write_csv("people.csv", ["NR", "NAME", "BOSS", "SCOPE"], rows)
    bed.on("staff")
    bed.flow("staff")
    same("at first", bed.ask("crm", "SELECT count(*) FROM staff"), [(count - 2,)])
    bed.flow("staff")
    for row in rows:
        row[1:] = ["New " + row[0], row[2], "y"]
    bed.write_csv("people.csv", ["NR", "NAME", "BOSS", "SCOPE"], rows)
    (state, counts), = bed.flow("staff").values()
    same("sent", (state, counts.get("sent-creates"), counts.get("sent-updates")), ("done", 2, count - 2))
    same("their link", bed.ask("crm", "SELECT c.number, p.number FROM staff c JOIN staff p ON p.id = c.boss"), [(child[0], parent[0])])
    same("all", bed.ask("crm", "SELECT number, name FROM staff ORDER BY number"), [(row[0], row[1]) for row in rows])


# interrupts and leases


def test_interrupt(bed):
    """An interrupt while it waits for a system: it ends soon, as stopped, and the next run goes on."""
    loaded(bed)
    bed.change("conf.d/10-systems.conf", 'stable_for = "20ms"', 'stable_for = "600s"')
    bed.edit(["10001"], NAME="Renamed")
    for number, how in enumerate((signal.SIGINT, signal.SIGTERM)):
        process = bed.start("--json", "run", "customers")
        wait_for("both units' runs", lambda: bed.ledger("SELECT count(*) FROM run WHERE ended_us IS NULL") == [(2,)], process)
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
        same(f"interrupted: {out} {err}", process.returncode, FAILED)
        same("states", [run["state"] for run in json.loads(out)], ["stopped", "stopped"])
        same(f"{number}: kept so", [run["state"] for run in bed.json(DONE, "runs", "--limit", "2")], ["stopped", "stopped"])
    same("written", (bed.log(), bed.log("shop")), ([], []))
    bed.change("conf.d/10-systems.conf", 'stable_for = "600s"', 'stable_for = "20ms"')
    same("the next run", bed.flow("customers")["one"][1].get("changed"), 1)
    bed.whole()
    bed.sound()


def test_waiting_is_visible(bed):
    """An order whose customer is not there yet: status says for what it waits and until when, trace finds it by either number."""
    bed.on("customers", "orders")
    bed.flow("customers")
    bed.orders += [["O98", "1", "55554", "4.00"], ["O99", "1", "55555", "5.00"]]
    bed.export()
    bed.flow("orders")
    place = bed.json(DONE, "status", "orders", "--unit", "one")["flows"][0]
    kept, = place["rows_waiting"]
    same("what waits", [kept[name] for name in ("object", "for", "count", "example")], ["erp.orders", "erp.customers", 2, "O98 for 55554"])
    assert kept["since"] < kept["until"], kept
    same("the other unit", bed.json(DONE, "status", "orders", "--unit", "two")["flows"][0]["rows_waiting"], [])
    has(bed.run("status").out, "Rows that wait for others", "erp.orders", "erp.customers", kept["until"], "Nothing waits for a person.")
    for key in ("O99", "55555"):
        row, = bed.json(DONE, "trace", key)["waits"]
        same(f"trace {key}", [row[name] for name in ("object", "native", "for", "parent", "until")],
             ["erp.orders", "O99", "erp.customers", "55555", row["until"]])
        assert row["until"] >= kept["until"], row
    has(bed.run("trace", "O99").out, "Rows that wait", "erp.customers", "55555")
    refused(bed.run("trace", "O97"), FAILED, "ledger-not-found", "nothing is known")
    bed.rows.append(["55555", "1", "Late", "B", "1"])
    bed.export()
    bed.flow("customers")
    bed.flow("orders")
    same("what waits still", [row["count"] for row in bed.json(DONE, "status", "orders", "--unit", "one")["flows"][0]["rows_waiting"]], [1])


def test_no_longer_configured(bed):
    """What a flow left behind that was taken out of the configuration is told, with what to do."""
    bed.on("customers")
    bed.rows[0][2] = "a name that is too long for it"
    bed.execute("shop", "CREATE TRIGGER no BEFORE INSERT ON account WHEN NEW.number = '10001' BEGIN SELECT RAISE(ABORT, 'no'); END;")
    bed.export()
    bed.run("flag", "customers", "off", "--to", "crm", "--why", "test")
    bed.run("run", "customers")
    flows = bed.read("conf.d/30-flows.conf")
    bed.write("conf.d/30-flows.conf", "")
    value = bed.json(FINDINGS, "status")
    same("what is left", sorted((row["flow"], row["unit"], row["kind"], row["object"], row["count"]) for row in value["not_configured"]),
         [("customers", "one", "dead", "shop.account", 1), ("customers", "one", "delivery", "crm", 19), ("customers", "one", "reject", "erp.customers", 1),
          ("customers", "two", "delivery", "crm", 20)])
    result = bed.run("status")
    has(result.out, "No longer configured", "syncline rejects --each --cause", "syncline dead archive ID")
    assert "Nothing waits" not in result.out, result
    for verb in ("rejects", "dead"):
        number = bed.json(FINDINGS, verb)["findings"][0]["id"]
        same(verb, bed.run(verb, "archive", str(number), "--why", "the flow is gone").status, DONE)
    same("kinds that are left", {row["kind"] for row in bed.json(DONE, "status")["not_configured"]}, {"delivery"})
    # A unit alone.
    bed.write("conf.d/30-flows.conf", flows.replace('units = [ "one", "two" ]', 'units = [ "one" ]'))
    same("units", {row["unit"] for row in bed.json(DONE, "status")["not_configured"]}, {"two"})
    bed.write("conf.d/30-flows.conf", flows)
    same("brought back", bed.json(DONE, "status")["not_configured"], [])


def test_spans_are_counted(bed):
    """What a first load still has to deliver is no row each, and is counted all the same."""
    bed.on("customers")
    bed.change("conf.d/10-systems.conf", 'path = "%s/crm.sqlite"; busy_timeout = "50ms"' % bed.folder, 'path = "%s/crm.sqlite"; busy_timeout = "600s"' % bed.folder)
    lock = sqlite3.connect(bed.path("crm.sqlite"))
    lock.execute("BEGIN EXCLUSIVE")
    process = bed.start("run", "customers")
    wait_for("spans", lambda: os.path.exists(bed.path("state/ledger.db")) and
             bed.ledger("SELECT count(*) FROM sqlite_schema WHERE name = 'delivery_span'") == [(1,)] and
             bed.ledger("SELECT count(*) FROM delivery_span") > [(0,)], process)
    process.kill()
    process.communicate()
    lock.close()
    targets = [target for place in bed.json(FINDINGS, "status")["flows"] for target in place["targets"]]
    lacking = sum(count for target in targets for count in target.values() if isinstance(count, int))
    same("rows, and what is lacking", bed.ledger("SELECT count(*) < ? FROM delivery", lacking), [(1,)])
    same("as doctor counts them", json.loads(bed.run("--json", "doctor", "--offline").out)["ledger"]["deliveries"], lacking)


def test_killed(bed):
    """Killed while it waits: the next run says so of it, and goes on."""
    loaded(bed)
    bed.change("conf.d/10-systems.conf", 'stable_for = "20ms"', 'stable_for = "600s"')
    bed.edit(["10001"], NAME="Renamed")
    process = bed.start("run", "customers")
    wait_for("both units' runs", lambda: bed.ledger("SELECT count(*) FROM run WHERE ended_us IS NULL") == [(2,)], process)
    same("while it runs", {run["state"] for run in bed.json(DONE, "runs", "--limit", "2")}, {"running"})
    process.kill()
    process.communicate()
    # Nobody holds the engine's lock: what the ledger calls running has ended.
    same("killed", {(run["state"], run["message"]) for run in bed.json(DONE, "runs", "--limit", "2")},
         {("stopped", "its process ended without a word")})
    has(bed.run("runs", "--limit", "1").out, "stopped", "ended without a word")
    for place in bed.json(FINDINGS, "status", "customers")["flows"]:
        same("its last run", place["last_run"]["state"], "stopped")
        same("what waits", [(wait["kind"], wait["cause"], wait["next"]) for wait in place["waits"]],
             [("run", "ended without a word", "syncline run customers")])
    has(bed.run("doctor", "--offline").out, "did not end: its process ended without a word", "syncline run customers")
    bed.change("conf.d/10-systems.conf", 'stable_for = "600s"', 'stable_for = "20ms"')
    bed.flow("customers")
    same("runs that never ended", [run for run in bed.json(DONE, "runs") if run["state"] == "running"], [])
    bed.whole()
    bed.sound()


def test_lease(bed):
    """A flow and unit that somebody else runs is left; the other unit runs."""
    loaded(bed)
    bed.edit(["10001", "20001"], NAME="Renamed")
    far = 4102444800000000
    bed.ledger("INSERT INTO lease (name, holder, engine, pid, who, since_us, until_us) VALUES ('run customers/one', 'other', 0, 4711, 'somebody', 0, ?)", far)
    result = bed.run("run", "customers")
    same(f"one unit is taken: {result}", result.status, FAILED)
    has(result.err, "run customers/one", "process 4711 (somebody)", "[ledger-lease]", "next: ")
    same("written", bed.log(), [("update", "20001")])
    runs = bed.json(FAILED, "run", "customers")
    same("as JSON", [(run["unit"], run["state"]) for run in runs], [("one", "busy"), ("two", "done")])
    same("its code", runs[0]["error"]["code"], "ledger-lease")
    bed.ledger("DELETE FROM lease WHERE holder = 'other'")
    bed.flow("customers")
    bed.whole()


if __name__ == "__main__":
    sys.exit(main(list(globals().items()), sys.argv[1] if len(sys.argv) > 1 else ""))
