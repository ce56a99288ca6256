#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""loadtest.py [WORD]: `syncline loadtest`: its figures against what the target saw, what it refuses, and that nothing of it stays: not at the target, not
in the ledger, not after a kill."""
import json
import os
import shutil
import signal
import sys

import manners
from runs_bed import DONE, FAILED, FINDINGS, USAGE, has, main, refused, same, wait_for

ONE = ("--unit", "one", "--on", "test")


class Bed(manners.Bed):
    """The customers are switched on; the CRM is read by nobody."""

    def loadtest(self, *args, status=DONE):
        return self.json(status, "loadtest", *args)

    def rows_kept(self):
        """{table: rows}, apart from who is at work and what a day costs."""
        tables = [row[0] for row in self.ledger("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        return {table: self.ledger(f'SELECT count(*) FROM "{table}"')[0][0] for table in tables if table not in ("lease", "budget", "system", "meta", "connector_state")}

    def delete_state(self):
        """Another environment begins with an empty state directory."""
        shutil.rmtree(self.path("state"), ignore_errors=True)

    def lists(self):
        return [name for name in os.listdir(self.path("state")) if name.startswith("loadtest.")] if os.path.isdir(self.path("state")) else []

    def clean(self, *systems):
        """Nothing of a loadtest is anywhere."""
        same("lists", self.lists(), [])
        for name in systems:
            same(f"what is left at {name}", self.ask(name, "SELECT number FROM account WHERE ext LIKE '10ad7e57%'"), [])
        same("orders left", self.ask("crm", "SELECT number FROM deal WHERE ext LIKE '10ad7e57%'"), [])

    def read_crm(self):
        """A flow reads the CRM's accounts, and takes what is new there."""
        self.change("conf.d/30-flows.conf", '      crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; };',
                    '      crm: { object = "account"; create_if = "true"; originates = true; deletes: { do = "delete"; }; read: { number = "number"; name = "name"; };')
        # Its accounts have no tenant: they are one unit's.
        self.change("conf.d/30-flows.conf", 'customers: { entity = "customer"; units = [ "one", "two" ];', 'customers: { entity = "customer"; units = [ "one" ];')
        self.rows = [row for row in self.rows if row[1] == "1"]
        self.export()
        self.on("customers")

    def off(self):
        same("off", self.run("flag", "customers", "off", "--why", "test").status, DONE)


def phase(result, name):
    return result["phases"][name]


def sent(bed, what):
    return [call for call in bed.calls(what) if call.id.startswith("10ad7e57")]


def test_figures(bed):
    """What it says it did is what the target's triggers saw; the ledger and later runs know nothing of it."""
    bed.on("orders")
    bed.flow("customers"), bed.flow("orders")
    same("accounts", bed.accounts("crm"), bed.numbers())
    bed.log(), bed.log("shop")
    before, status = bed.rows_kept(), bed.json(DONE, "status")
    result = bed.loadtest("orders", "crm", "--records", "300", *ONE)
    log = [what for what, _ in bed.log()]
    for name, what in (("creates", "insert"), ("updates", "update"), ("deletes", "delete")):
        figures = phase(result, name)
        wanted = {"creates": 300, "updates": 300, "deletes": 330}[name]
        same(name, (figures["records"], figures["failed"], figures["uncertain"]), (wanted, 0, 0))
        assert figures["calls"] >= 1 and 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"] <= figures["worst_ms"], figures
        assert abs(figures["records"] / figures["seconds"] - figures["records_per_second"]) < 0.01 * figures["records_per_second"] + 1, figures
    same("parents", phase(result, "parents")["records"], 30)
    # The log has no trigger for deals that are deleted.
    same("what the CRM saw", {what: log.count(what) for what in set(log)}, {"insert": 330, "update": 300, "delete": 30})
    same("left", (result["left"], result["list"], result["remains"], result["stopped"]), (0, None, [], False))
    same("records to come", result["forecast"]["records"], len([row for row in bed.orders if row[1] == "1"]))
    bed.clean("crm")
    same("rows of the ledger", bed.rows_kept(), before)
    after = bed.json(DONE, "status")
    same("status", [flow.get("state") for flow in after.get("flows", [])], [flow.get("state") for flow in status.get("flows", [])])
    same("accounts", bed.accounts("crm"), bed.numbers())
    bed.quiet("customers", "orders")
    bed.sound()


def test_words(bed):
    """The table for people, and that a flow without units, changes and a history says so."""
    result = bed.run("loadtest", "customers", "crm", "--records", "50", "--forecast", "1000000", "--changes", "1000", *ONE)
    same("status", result.status, DONE)
    has(result.out, "customers to crm (test)", "creates", "updates", "deletes", "1000000 records take about", "1000 a day", "Nothing of it is left at crm.")
    result = bed.run("loadtest", "customers", "crm", "--records", "5", *ONE)
    has(result.out, "the ledger has none yet", "the ledger has no history")
    refused(bed.run("loadtest", "customers", "crm", "--records", "0", *ONE), USAGE, "usage", "--records")
    refused(bed.run("loadtest", "customers", "crm", "--records", "5", "--for", "5", *ONE), USAGE, "usage", "--for")
    refused(bed.run("loadtest", "customers", "crm", "--cleanup", "--keep", *ONE), USAGE, "usage", "--cleanup")
    refused(bed.run("loadtest", "customers", "cmr", *ONE), USAGE, "usage", "crm")
    refused(bed.run("loadtest", "customers", "crm", "--on", "test"), USAGE, "usage", "--unit")
    same("cleanup of nothing", bed.loadtest("customers", "crm", "--cleanup", *ONE)["left"], 0)


def environment(bed, old, new):
    bed.change("conf.d/10-systems.conf", f"agent: {{ {old}", f"agent: {{ {new}")


def test_refusals(bed):
    """Nothing is sent to production, to who did not say where, or to what is not meant for it."""
    command = ("loadtest", "customers", "crm", "--unit", "one", "--records", "5")
    refused(bed.run(*command), FAILED, "loadtest-environment", "--on")
    refused(bed.run(*command, "--on", "staging"), FAILED, "loadtest-environment", '"test"')
    for name in ("production", "Production", "eu-prod", "PROD2", "live", "produktiv"):
        environment(bed, 'environment = "test";', f'environment = "{name}";')
        bed.delete_state()
        refused(bed.run(*command, "--on", name), FAILED, "loadtest-environment", f'"{name}"')
        environment(bed, f'environment = "{name}";', 'environment = "test";')
    environment(bed, 'environment = "test";', "")
    bed.delete_state()
    refused(bed.run(*command, "--on", ""), FAILED, "loadtest-environment", "could be production")
    environment(bed, "", 'environment = "test"; ')
    bed.delete_state()
    refused(bed.run("loadtest", "customers", "erp", *ONE), FAILED, "loadtest-environment", "reading alone")
    # A site that does not say where the twin is leaves it where everybody has it.
    bed.delete_state()
    os.mkdir(bed.path("site"))
    environment(bed, 'environment = "test";', "")
    bed.write("site/10-agent.conf", 'agent: { environment = "staging"; };\n')
    site = ("--site", bed.path("site"))
    staging = (*site, *command, "--on", "staging")
    refused(bed.run(*staging), FAILED, "loadtest-environment", "do not say where crm is")
    same("what was written", (bed.log(), bed.log("shop"), bed.calls()), ([], [], []))
    os.rename(bed.path("crm.sqlite"), bed.path("twin.sqlite"))
    bed.write("site/20-crm.conf", 'systems: { crm: { settings: { path = "%s/twin.sqlite"; }; }; };\n' % bed.folder)
    same("the twin", bed.json(DONE, *staging)["environment"], "staging")
    same("creates at the twin", [what for what, _ in bed.log("twin")].count("insert"), 5)


def test_impossible(bed):
    """Records that cannot be made, or not be deleted, are not begun with; the reason is one sentence."""
    flows = bed.read("conf.d/30-flows.conf")

    def with_change(old, new, *words, command=("loadtest", "orders", "crm", "--records", "5", *ONE)):
        bed.change("conf.d/30-flows.conf", old, new)
        refused(bed.run(*command), FAILED, "loadtest-impossible", *words)
        bed.write("conf.d/30-flows.conf", flows)

    with_change('crm: { object = "account"; create_if = "true";', 'crm: { object = "account";', "required ref customer")
    with_change('crm: { object = "deal"; create_if = "true";', 'crm: { object = "deal";', "creates nothing")
    with_change('crm: { object = "deal"; create_if = "true";', 'crm: { object = "deal"; create_if = "number = \'nobody\'";', "true of none")
    entities = bed.read("conf.d/20-entities.conf")
    bed.change("conf.d/20-entities.conf", "customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );\n    fields: { number: { type = \"text\"; required = true; };",
               "customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );\n    fields: { number: { type = \"text\"; required = true; max_length = 6; };")
    refused(bed.run("loadtest", "customers", "crm", *ONE), FAILED, "loadtest-impossible", "could not be told from a real one")
    bed.write("conf.d/20-entities.conf", entities)
    same("what was written", [row for row in bed.log() if row[1] and "loadtest" not in row[1]], [])
    bed.clean("crm")


def test_readers(bed):
    """A flow that reads what is written has to be off, and stays so; afterwards it sees nothing new."""
    bed.read_crm()
    bed.flow("customers"), bed.flow("customers")
    refused(bed.run("loadtest", "customers", "crm", "--records", "5", *ONE), FAILED, "ledger-flag", "would become real ones", "off")
    bed.off()
    bed.log(), bed.log("shop")
    before = bed.rows_kept()
    bed.loadtest("customers", "crm", "--records", "200", *ONE)
    same("rows of the ledger", bed.rows_kept(), before)
    # Switched on in the middle: it ends by itself, and takes away what it made.
    test = bed.start("--json", "loadtest", "customers", "crm", "--for", "60", "--rate", "50", *ONE)
    wait_for("some", lambda: len(bed.accounts("crm")) > len(bed.rows), test)
    bed.on("customers")
    out, err = test.communicate(timeout=60)
    same("status", (test.returncode, err), (FAILED, ""))
    same("why", json.loads(out)["error"]["code"], "ledger-flag")
    bed.clean("crm")
    bed.log(), bed.log("shop")
    bed.quiet("customers")
    same("accounts", bed.accounts("crm"), bed.numbers())


def test_keep(bed):
    """What stays is listed, blocks who reads it and the next loadtest, and goes with --cleanup."""
    bed.read_crm()
    bed.flow("customers"), bed.flow("customers")
    bed.off()
    result = bed.loadtest("customers", "crm", "--records", "7", "--keep", *ONE, status=FINDINGS)
    there = bed.ask("crm", "SELECT id, ext FROM account WHERE ext LIKE '10ad7e57%' ORDER BY id")
    same("remains", [(int(one["native"]), one["key"], one["object"]) for one in result["remains"]], [(*row, "crm.account") for row in there])
    same("left", (result["left"], os.path.basename(result["list"]), bed.lists()), (7, bed.lists()[0], ["loadtest.customers.crm.one"]))
    refused(bed.run("loadtest", "customers", "crm", "--records", "7", *ONE), FAILED, "loadtest-left", "--cleanup")
    doctor = json.loads(bed.run("--json", "doctor", "--offline", "--quick").out)
    same("doctor", [one["place"] for one in doctor["findings"] if one["area"] == "loadtest"], ["customers crm"])
    bed.on("customers")
    refused(bed.run("run", "customers"), FAILED, "loadtest-left", "--cleanup", "would read them as new ones")
    same("customers", bed.ledger("SELECT count(*) FROM run WHERE state = 0"), [(0,)])
    same("cleaned", bed.loadtest("customers", "crm", "--cleanup", *ONE)["left"], 0)
    bed.clean("crm")
    bed.log(), bed.log("shop")
    bed.quiet("customers")


def test_killed(bed):
    """Whatever was in the air when it was killed: --cleanup knows or finds it."""
    bed.flow("customers")
    bed.off()
    before = bed.rows_kept()
    for moment in (1, 40, 90):
        test = bed.start("loadtest", "orders", "crm", "--for", "60", "--rate", "200", *ONE)
        wait_for("some", lambda: len(bed.ask("crm", "SELECT id FROM deal")) >= moment, test)
        test.kill()
        test.communicate()
        same("lists", bed.lists(), ["loadtest.orders.crm.one"])
        # What was known of the newest may have been lost with the power, and the last line may be torn.
        with open(bed.path("state/loadtest.orders.crm.one"), "r+b") as file:
            lines = file.read().split(b"\n")
            known = [line for line in lines if line.startswith(b"n 1 ")][-3:]
            file.seek(0)
            file.truncate()
            file.write(b"\n".join(line for line in lines if line not in known) + b"c 1")
        result = bed.loadtest("orders", "crm", "--cleanup", *ONE)
        same("left", (result["left"], result["stopped"]), (0, False))
        assert phase(result, "deletes")["records"] > moment, result
        bed.clean("crm")
    same("rows of the ledger", bed.rows_kept(), before)
    same("accounts", bed.accounts("crm"), bed.numbers())


def test_killed_upsert(bed):
    """Where nothing can be looked for, what may be there is created once more under its key, and deleted."""
    bed.far(delay="20ms")
    test = bed.start("loadtest", "customers", "shop", "--for", "60", *ONE)
    wait_for("some", lambda: len(bed.calls("create")) >= 25, test)
    test.kill()
    test.communicate()
    same("left", bed.loadtest("customers", "shop", "--cleanup", *ONE)["left"], 0)
    created, deleted = {call.id for call in sent(bed, "create")}, {call.id for call in sent(bed, "delete")}
    same("not deleted", created - deleted, set())
    last = {}
    for call in sorted(sent(bed, "create") + sent(bed, "delete"), key=lambda call: call.ended):
        last[call.id] = call.what
    same("the last of each", set(last.values()), {"delete"})
    bed.clean()


def test_interrupt(bed):
    """Ctrl-C ends the creating; what was created is deleted, and the figures are told."""
    test = bed.start("loadtest", "customers", "crm", "--for", "60", "--rate", "100", *ONE)
    wait_for("some", lambda: len(bed.accounts("crm")) >= 20, test)
    test.send_signal(signal.SIGINT)
    out, err = test.communicate(timeout=60)
    same("status", test.returncode, FAILED)
    has(out, "creates", "deletes", "Nothing of it is left at crm.")
    has(err, "stopped", "[connector-cancelled]")
    bed.clean("crm")


def test_far(bed):
    """Calls, their times and the processes are those that the target saw."""
    bed.far(delay="5ms", parallel=4)
    result = bed.loadtest("customers", "shop", "--records", "200", "--forecast", "100000", "--changes", "1000", *ONE)
    same("parallel", (result["parallel"], result["records_a_call"]), (4, 10))
    calls = bed.calls("call")
    same("calls", sum(phase(result, name)["calls"] for name in result["phases"]), len(calls))
    for name, what in (("creates", "create"), ("updates", "update"), ("deletes", "delete")):
        figures, items = phase(result, name), sent(bed, what)
        same(name, (figures["records"], figures["calls"]), (len(items), 20))
        assert figures["p50_ms"] >= 50, figures
    creates = sent(bed, "create")
    assert manners.at_once(creates) > 2.5, manners.at_once(creates)
    seconds = (max(call.ended for call in creates) - min(call.begun for call in creates)) / 1e6
    figures = phase(result, "creates")
    assert seconds <= figures["seconds"] + 0.01, (seconds, figures)
    same("processes", len({call.process for call in creates}), 4)
    forecast = result["forecast"]
    assert abs(forecast["first_sync_seconds"] - 100000 / figures["records_per_second"]) < 1 + forecast["first_sync_seconds"] / 1000, forecast
    same("changes", (forecast["changes_per_day"], forecast["budget_is_enough"]), (1000, True))
    assert all("@" not in value or value.endswith("loadtest.example") for call in creates for value in call.values.values())


def test_rate(bed):
    """The system's rate holds, and the forecast does not count on what a second of peace had saved up."""
    bed.far(per_second=8)
    result = bed.loadtest("customers", "shop", "--records", "60", "--forecast", "8000", "--changes", "0", *ONE)
    calls = [call.begun for call in bed.calls("call")]
    same("calls", len(calls), 18)
    for first in range(len(calls)):
        for last in range(first, len(calls)):
            assert last - first + 1 <= 8 + 8 * (calls[last] - calls[first]) / 1e6 + 1, (first, last, calls)
    assert result["forecast"]["first_sync_seconds"] >= 99, result["forecast"]
    # Fewer than the system allows, when asked for.
    result = bed.loadtest("customers", "shop", "--records", "20", "--rate", "20", *ONE)
    assert phase(result, "creates")["records_per_second"] < 45, result


def test_budget(bed):
    """It does not begin what the day's calls do not cover, and ends early enough to delete."""
    bed.far(per_day=40)
    refused(bed.run("loadtest", "customers", "shop", "--records", "500", *ONE), FAILED, "loadtest-budget", "500 records need about", "--records")
    same("calls", bed.calls(), [])
    result = bed.loadtest("customers", "shop", "--records", "50", "--forecast", "4000", "--changes", "1000", *ONE, status=FINDINGS)
    same("what it cost", (result["budget"], len(bed.calls("call"))), ({"per_day": 40, "used_before": 0, "used_after": 15}, 15))
    forecast = result["forecast"]
    same("forecast", (forecast["first_sync_days_of_budget"], forecast["calls_on_the_busiest_day"], forecast["budget_is_enough"]), (10, 100, False))
    assert forecast["first_sync_seconds"] > 8 * 86400, forecast
    result = bed.loadtest("customers", "shop", "--for", "60", *ONE, status=FINDINGS)
    same("ended by the budget", (result["ended_by_budget"], result["stopped"], result["left"]), (True, False, 0))
    assert phase(result, "creates")["records"] >= 50, result
    assert len(bed.calls("call")) <= 40
    same("still there", {call.id for call in sent(bed, "create")} - {call.id for call in sent(bed, "delete")}, set())


def test_throttled(bed):
    """Peace is kept, counted, and what was put off is done afterwards; nobody's credentials are tried twice."""
    bed.far(delay="10ms")
    test = bed.start("--json", "loadtest", "customers", "shop", "--records", "100", *ONE)
    wait_for("some", lambda: len(bed.calls("create")) >= 20, test)
    bed.mood("throttle 600")
    wait_for("a refusal", lambda: bed.calls("refused"), test)
    bed.mood()
    out, err = test.communicate(timeout=60)
    same("status", (test.returncode, err), (DONE, ""))
    result = json.loads(out)
    same("records", [phase(result, name)["records"] for name in ("creates", "updates", "deletes")], [100, 100, 100])
    assert sum(figures["throttled"] for figures in result["phases"].values()) >= 1 and sum(figures["retried"] for figures in result["phases"].values()) >= 10, result
    bed.mood("auth")
    result = bed.loadtest("customers", "shop", "--records", "100", *ONE, status=FAILED)
    same("refused", (phase(result, "creates")["records"], result["stopped"], result["left"]), (0, True, 0))
    same("attempts", len(bed.calls("refused")), 2)
    bed.mood()
    bed.clean()


def test_faults(bed):
    """What the target refuses is counted by its class, with what the first of them said; the rest is deleted."""
    bed.execute("crm", "CREATE TRIGGER no BEFORE INSERT ON account WHEN NEW.ext GLOB '*[13579bdf]' BEGIN SELECT RAISE(ABORT, 'no odd ones'); END;")
    result = bed.loadtest("customers", "crm", "--records", "40", *ONE, status=FINDINGS)
    same("records", (phase(result, "creates")["records"], phase(result, "creates")["failed"]), (20, 20))
    same("deleted", phase(result, "deletes")["records"], 20)
    same("faults", [(one["phase"], one["count"]) for one in result["faults"]], [("creates", 20)])
    has(result["faults"][0]["first"]["message"], "no odd ones")
    bed.clean("crm")


def test_agent(bed):
    """While the agent runs, it is the agent that does it, with its own manners; other flows go on."""
    bed.far(delay="2ms", per_second=500)
    bed.begin()
    bed.until("the agent's own", lambda: sorted(bed.there()) == bed.numbers())
    result = bed.loadtest("customers", "crm", "--records", "100", *ONE)
    same("records", phase(result, "deletes")["records"], 100)
    result = bed.loadtest("customers", "shop", "--records", "50", *ONE)
    same("calls", (phase(result, "creates")["calls"], phase(result, "deletes")["records"]), (5, 50))
    # Who asked goes away: it ends as by Ctrl-C.
    test = bed.start("loadtest", "customers", "crm", "--for", "60", "--rate", "100", *ONE)
    wait_for("some", lambda: len(bed.accounts("crm")) > len(bed.rows) + 10, test)
    test.send_signal(signal.SIGINT)
    out, err = test.communicate(timeout=60)
    same("status", test.returncode, FAILED)
    has(out + err, "Nothing of it is left at crm.", "stopped")
    # The agent itself is killed, and the next one finds the list.
    test = bed.start("loadtest", "customers", "crm", "--for", "60", "--rate", "100", *ONE)
    wait_for("some", lambda: len(bed.accounts("crm")) > len(bed.rows) + 10, test)
    bed.end(signal.SIGKILL, -signal.SIGKILL)
    test.communicate(timeout=60)
    bed.begin()
    same("left", bed.loadtest("customers", "crm", "--cleanup", *ONE)["left"], 0)
    bed.edit(["10001"], NAME="Meanwhile")
    bed.until("a later run", lambda: bed.there()["10001"]["name"] == "Meanwhile")
    bed.end()
    bed.clean("crm")
    same("accounts", bed.accounts("crm"), bed.numbers())
    bed.sound()


if __name__ == "__main__":
    sys.exit(main([(name, test) for name, test in list(globals().items())], sys.argv[1] if len(sys.argv) > 1 else "", Bed))
