#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""manners.py [WORD]: how targets are written to that are slow, down, or ask for fewer calls: by how many at once, how often, and in which order."""
import collections
import json
import os
import signal
import sys

import daemon_bed
from daemon_bed import runs_in
from runs_bed import CUSTOMERS, DONE, FINDINGS, has, main, same, wait_for

BUILD = os.environ["SYNCLINE_BUILD"]
DEPOT = """
systems: { depot: { connector = "far"; access = "write"; settings: { directory = "%s"; delay = "50ms"; };
    objects: { account: { external_key = "ext"; }; partner: { external_key = "ext"; }; }; };
  shop: { objects: { partner: { external_key = "ext"; }; }; };
  erp: { objects: { partners: { native = "partners.csv"; key = [ "NR" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; }; }; }; };
entities: { partner: { owner = "erp"; fields: { number: { type = "text"; required = true; }; name: { type = "text"; }; }; }; };
flows: {
  customers: { bindings: { depot: { object = "account"; create_if = "true"; write = ( [ "number", "number" ], [ "name", "name" ] ); }; }; };
  partners: { entity = "partner"; units = [ "one", "two" ];
    responsible: { business = "a@example.com"; technical = "b@example.com"; runbook = "https://wiki.example.com/partners"; };
    bindings: {
      erp: { object = "partners"; trigger: { file = true; }; originates = true; read: { number = "NR"; name = "NAME"; }; };
      depot: { object = "partner"; create_if = "true"; write = ( [ "number", "number" ], [ "name", "name" ] ); };
      shop: { object = "partner"; create_if = "true"; write = ( [ "number", "number" ], [ "name", "name" ] ); }; }; }; };
"""
Call = collections.namedtuple("Call", "begun ended process what id values trace")


class Bed(daemon_bed.Bed):
    """The shop is far away."""
    def __init__(self):
        super().__init__(per_unit=64)
        for name in ("far", "connectors"):
            os.mkdir(self.path(name))
        made = os.environ["SYNCLINE_CONNECTORS"]
        for name in os.listdir(made):
            if name.endswith(".so"):
                os.symlink(os.path.realpath(os.path.join(made, name)), self.path("connectors/" + name))
        os.symlink(os.path.join(BUILD, "tests/connectors/.libs/far.so"), self.path("connectors/far.so"))
        self.change("conf.d/10-systems.conf", 'shop: { connector = "sqlite"; access = "write"; settings: { path = "%s/shop.sqlite"; busy_timeout = "50ms"; };'
                    % self.folder, 'shop: { connector = "far"; access = "write"; limits: { }; settings: { directory = "%s/far"; delay = "0ms"; };' % self.folder)
        self.change("conf.d/10-systems.conf", 'objects: { account: { key = [ "id" ]; external_key = "ext"; }; }; };\n};', 'objects: { account: { external_key = "ext"; }; }; };\n};')
        self.on("customers")

    def command(self, *args, **more):
        return super().command(*args, connectors=self.path("connectors"), **more)

    def far(self, delay="0ms", **limits):
        text = " ".join(f"{name} = {value};" for name, value in limits.items())
        self.change("conf.d/10-systems.conf", 'limits: { }; settings: { directory = "%s/far"; delay = "0ms";' % self.folder,
                    'limits: { %s }; settings: { directory = "%s/far"; delay = "%s";' % (text, self.folder, delay))

    def far_again(self, was, now):
        self.change("conf.d/10-systems.conf", was, now)

    def mood(self, mood=None):
        """Takes effect with one rename: a call never sees half of it.  None: all is well."""
        if mood is None:
            os.remove(self.path("far/mood"))
            return
        self.write("far/mood.new", mood)
        os.rename(self.path("far/mood.new"), self.path("far/mood"))

    def calls(self, *what, at="far"):
        """What came of it there, in the order in which it ended."""
        if not os.path.exists(self.path(at + "/calls")):
            return []
        with open(self.path(at + "/calls"), encoding="utf-8") as file:
            lines = [line.split() for line in file]
        calls = [Call(int(line[0]), int(line[1]), int(line[2]), line[3], line[4] if len(line) > 4 else "", dict(word.split("=", 1) for word in line[5:] if "=" in word),
                      line[5] if line[3] == "call" else None) for line in lines]
        return [call for call in calls if not what or call.what in what]

    def there(self):
        """number -> the record, as all calls left it."""
        records = {}
        for call in self.calls("create", "update", "delete"):
            if call.what == "delete":
                records.pop(call.id)
                continue
            same(f"{call.id} is new", call.id in records, call.what == "update")
            records.setdefault(call.id, {}).update(call.values)
        return {record["number"]: record for record in records.values()}

    def all_there(self):
        same("customers there", sorted(self.there()), self.numbers())

    def in_order(self):
        """No two calls are about one record at the same time."""
        last = {}
        for call in sorted(self.calls("create", "update", "delete")):
            assert last.get(call.id, 0) <= call.begun, f"{call} began before the one before had ended"
            last[call.id] = call.ended


def left_alone(bed, state, waits, *words):
    """`status` tells it of the shop, in both forms; `waits`: it is for a person."""
    told = json.loads(bed.run("--json", "status").out)
    same("left alone", [(one["system"], one["unit"], one["state"]) for one in told["left_alone"]], [("shop", "", state)])
    one = told["left_alone"][0]
    assert one["since"] is not None and (one["until"] is None) == (one["seconds"] == 0) and one["seconds"] < 90000 and one["next"], one
    text = bed.run("status")
    has(text.out, "Systems that are left alone", "shop ", one["reason"], one["next"], *words)
    if waits:
        same("status", text.status, FINDINGS)
    same("of another flow", json.loads(bed.run("--json", "status", "orders").out)["left_alone"], [])
    return one


def nothing_left_alone(bed):
    same("left alone", json.loads(bed.run("--json", "status").out)["left_alone"], [])
    assert "left alone" not in bed.run("status").out


def at_once(calls):
    """How many were at work at the same time, on average."""
    return sum(call.ended - call.begun for call in calls) / (max(call.ended for call in calls) - min(call.begun for call in calls))


def test_parallel(bed):
    """Eight processes write eight times as fast as one, each record in its order."""
    bed.far(delay="50ms", parallel=8)
    bed.flow("customers")
    bed.all_there()
    creates = bed.calls("create")
    first = [call for call in creates if call.values["number"][0] == "1"]
    same("processes", len({call.process for call in first}), 8)
    assert at_once(first) > 6, at_once(first)
    bed.edit([row[0] for row in bed.rows if row[0].endswith("1")], NAME="Other")
    bed.flow("customers", 4)
    bed.json(DONE, "apply", str(bed.json(DONE, "plans")[0]["plan"]))
    bed.in_order()


def test_one_at_a_time(bed):
    bed.far(delay="2ms")
    bed.flow("customers")
    bed.all_there()
    calls = sorted(bed.calls("create"))
    for one, other in zip(calls, calls[1:]):
        assert one.ended <= other.begun, (one, other)
    # Each call says for which run it is, by the id under which the log and `runs` know it.
    traces = [call.trace.split("-") for call in bed.calls("call")]
    same("calls of their own", len({trace[2] for trace in traces}), len(traces))
    same("runs", {trace[1] for trace in traces}, {run["correlation"] for run in bed.json(DONE, "runs")})


def test_slow_beside_fast(bed):
    """A target that takes its time keeps no other waiting, however much both of them lack."""
    bed.change("conf.d/30-flows.conf", "at_least = 3;", "at_least = 100000;")
    # The slow one comes first.
    shop = """      shop: { object = "account"; create_if = "true"; deletes: { do = "delete"; };
        write = ( [ "number", "number" ], [ "name", "name" ] ); };"""
    bed.change("conf.d/30-flows.conf", shop, "")
    bed.change("conf.d/30-flows.conf", '      crm: { object = "account";', shop + '\n      crm: { object = "account";')
    bed.on("customers")
    bed.rows = [[f"1{i:05}", "1", f"Name {i}", "B", "0"] for i in range(400)]
    bed.export()
    bed.far(delay="50ms", parallel=8)
    run = bed.start("run", "customers", "--unit", "one")
    wait_for("all at the fast one", lambda: len(bed.accounts("crm")) == len(bed.rows), run)
    slow = len(bed.calls("create"))
    assert slow < len(bed.rows) / 2, f"{slow} were at the slow one by then"
    same("the run", (run.wait(timeout=60), run.communicate()[1]), (DONE, ""))
    bed.all_there()
    bed.in_order()
    same("each once", len(bed.calls("create")), len(bed.rows))


def test_small_beside_large(bed):
    """A unit with few changes does not wait until one with many is done, and each record keeps its order."""
    bed.change("conf.d/30-flows.conf", "at_least = 3;", "at_least = 100000;")
    bed.rows = [[f"1{i:05}", "1", f"Name {i}", "B", "0"] for i in range(160)] + [[f"2{i:05}", "2", f"Name {i}", "B", "0"] for i in range(5)]
    bed.export()
    bed.far(delay="50ms")
    run = bed.start("run", "customers")
    wait_for("the small unit", lambda: sum(number[0] == "2" for number in bed.there()) == 5, run)
    large = sum(number[0] == "1" for number in bed.there())
    assert large < 120, f"{large} of the large unit were there by then"
    same("the run", (run.wait(timeout=60), run.communicate()[1]), (DONE, ""))
    bed.all_there()
    bed.in_order()
    same("each once", len(bed.calls("create")), len(bed.rows))
    same("runs", [(row["unit"], row["counts"]["sent-creates"]) for row in sorted(bed.json(DONE, "runs"), key=lambda row: row["unit"])], [("one", 320), ("two", 10)])
    bed.sound()


def test_two_flows_at_two_targets(bed):
    """Each flow begins at the target that the other one wants next, and each target takes one at a time: neither waits for ever."""
    bed.rows = bed.rows[:5] + bed.rows[-5:]
    bed.export()
    bed.write_csv("partners.csv", CUSTOMERS, bed.rows)
    bed.far(delay="50ms")
    os.mkdir(bed.path("depot"))
    bed.write("conf.d/40-depot.conf", DEPOT % bed.path("depot"))
    bed.on("customers", "partners")
    bed.begin()
    bed.until("both at both", lambda: [len(bed.calls("create", at=at)) for at in ("far", "depot")] == [2 * len(bed.rows)] * 2)
    bed.until("the runs", lambda: len(runs_in(bed.log_text(), "customers")) >= 2 and len(runs_in(bed.log_text(), "partners")) >= 2)
    for at in ("far", "depot"):
        calls = sorted(bed.calls("create", at=at))
        for one, other in zip(calls, calls[1:]):
            assert one.ended <= other.begun, (one, other)
    bed.end()
    bed.sound()


def test_paused_in_flight(bed):
    """A flag is obeyed at once, in the middle of a run: no more than the call that is under way."""
    bed.far(delay="20ms")
    bed.begin()
    bed.until("some", lambda: len(bed.calls("create")) >= 20)
    same("paused", bed.run("flag", "customers", "paused", "--why", "test", "--to", "shop").status, DONE)
    begun = len(bed.calls("call"))
    bed.until("the runs", lambda: bed.log_text().count("run-ended") >= 2)
    assert len(bed.calls("call")) <= begun + 1 and len(bed.calls("create")) < len(bed.rows), (begun, len(bed.calls("call")))
    same("the other target", bed.accounts("crm"), bed.numbers())
    same("on", bed.run("flag", "customers", "on", "--why", "test", "--to", "shop").status, DONE)
    bed.until("all", lambda: sorted(bed.there()) == bed.numbers())
    same("each once", len(bed.calls("create")), len(bed.rows))
    bed.end()
    bed.sound()


def test_down(bed):
    """A system that does not answer is asked three times, and then by one call after pauses that grow; others are not kept waiting for it."""
    bed.far()
    bed.mood("down")
    bed.begin()
    bed.until("the other target", lambda: bed.accounts("crm") == bed.numbers())
    bed.logs("system-left-alone", "does not answer", "system=shop")
    left_alone(bed, "silent", True, "it does not answer", "syncline doctor")
    bed.edit(["10001"], NAME="Meanwhile")
    bed.run("run", "customers")
    bed.lives_for(4)
    refused = len(bed.calls("refused"))
    assert refused <= 8, refused
    bed.mood()
    bed.until("all", lambda: sorted(bed.there()) == bed.numbers())
    has(bed.logs("system-open", "system=shop"), "asked as usual")
    nothing_left_alone(bed)
    same("the newest value", bed.there()["10001"]["name"], "Meanwhile")
    same("each once", len(bed.calls("create")), len(bed.rows))
    bed.end()
    bed.sound()


def test_throttled(bed):
    """Nobody calls it before the time that it named."""
    bed.far()
    bed.mood("throttle 5000")
    bed.begin()
    bed.until("the first call", lambda: bed.calls("refused"))
    bed.mood()
    bed.logs("system-left-alone", "asked for fewer calls")
    until = left_alone(bed, "throttled", False, "it asked for fewer calls")["seconds"]
    assert 0 < until <= 5, until
    bed.until("all", lambda: sorted(bed.there()) == bed.numbers())
    same("refused", len(bed.calls("refused")), 1)
    pause = bed.calls("call")[0].begun - bed.calls("refused")[0].ended
    assert pause >= 5000000, pause
    bed.end()


def test_refused(bed):
    """One attempt with credentials that were refused, whatever is due; what a person starts is one more."""
    bed.far()
    bed.change("conf.d/30-flows.conf", 'object = "customers"; trigger: { file = true; }', 'object = "customers"; trigger: { every = "1s"; }')
    bed.mood("auth")
    bed.begin()
    bed.logs("system-left-alone", "refused our credentials", "system=shop")
    bed.lives_for(4)
    same("attempts", len(bed.calls("refused")), 1)
    one = left_alone(bed, "refused", True, "it refused our credentials", "then syncline run customers")
    assert 3500 < one["seconds"] <= 3600 and one["until"] > one["since"], one
    bed.run("run", "customers", "--unit", "one")
    same("attempts with a person's", len(bed.calls("refused")), 2)
    bed.mood()
    bed.run("run", "customers")
    bed.until("all", lambda: sorted(bed.there()) == bed.numbers())
    nothing_left_alone(bed)
    bed.end()


def test_refused_until_reloaded(bed):
    """Who mended what is configured has it tried at once: what was refused, and what waited because of that."""
    bed.far()
    by_hand = 'object = "customers"; trigger: { cron = "0 0 29 2 *"; }'
    bed.change("conf.d/30-flows.conf", 'object = "customers"; trigger: { file = true; }', by_hand)
    bed.mood("auth")
    bed.begin()
    bed.run("run", "customers")
    bed.logs("system-left-alone", "refused our credentials", "system=shop")
    before = len(bed.calls("refused"))
    bed.agent.send_signal(signal.SIGHUP)
    bed.until("one attempt more", lambda: len(bed.calls("refused")) == before + 1)
    bed.mood()
    bed.agent.send_signal(signal.SIGHUP)
    bed.until("all", lambda: sorted(bed.there()) == bed.numbers())
    same("causes", {run["cause"] for run in bed.json(DONE, "runs")} - {"retry", "again"}, {"manual", "reload"})
    same("each once", len(bed.calls("create")), len(bed.rows))
    bed.end()
    bed.sound()


def test_rate(bed):
    """No more calls a second than the limit, by all units together, apart from those that a second of peace has saved."""
    bed.far(per_second=4)
    bed.flow("customers")
    bed.all_there()
    calls = [call.begun for call in bed.calls("call")]
    same("calls", len(calls), 14)
    for first in range(len(calls)):
        for last in range(first, len(calls)):
            assert last - first + 1 <= 4 + 4 * (calls[last] - calls[first]) / 1e6 + 1, (first, last, calls)


def test_budget(bed):
    """The day's calls are counted over restarts and kills, and what is left waits."""
    bed.far(per_day=5)
    bed.begin()
    bed.logs("system-left-alone", "used up", "system=shop")
    same("calls", len(bed.calls("call")), 5)
    left_alone(bed, "spent", False, "what a day allows is used up", "limits.per_day")
    bed.end(signal.SIGKILL, -signal.SIGKILL)
    bed.begin()
    bed.run("run", "customers")
    same("calls after a kill", len(bed.calls("call")), 5)
    bed.end()
    bed.far_again("per_day = 5;", "per_day = 1000;")
    bed.begin()
    bed.run("run", "customers")
    bed.until("all", lambda: sorted(bed.there()) == bed.numbers())
    bed.end()
    bed.sound()


if __name__ == "__main__":
    sys.exit(main([(name, test) for name, test in list(globals().items())], sys.argv[1] if len(sys.argv) > 1 else "", Bed))
