#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""daemon_hour_down.py SEED: a target does not answer for an hour, while the ERP changes thousands of times and somebody edits records at the target.

The hour is simulated (tests/crash/clock.c) and takes less than a minute.
"""
import json
import os
import random
import sys
import time
import traceback

from chaos_bed import TARGET, Bed
from runs_bed import DONE, same

HOUR, STEP, PAUSE = 3600, 3, 0.01
EXPORT = 20        # so often the ERP changes
PER_SECOND, PARALLEL = 20, 4
FLAT = 4 << 20     # the agent's memory may grow by so much in 50 minutes of changes; each of its threads may keep some of what it freed
JUDGED = "SYNCLINE_SHORT" not in os.environ  # a sanitizer keeps what was freed
EDITED = "edited at the cloud"


class HourBed(Bed):
    def __init__(self, generator):
        super().__init__(generator)
        self.edition = self.changes = 0
        self.branches = "1"  # the cloud, which is read here, does not know whose a record is
        self.phones = {}
        limits = "timeout = 3600;"  # a step of simulated time is no answer that comes late
        systems = "conf.d/10-systems.conf"
        self.change(systems, 'complete = "rename"; };', 'complete = "rename"; }; limits: { %s };' % limits)
        self.change(systems, 'crm.sqlite"; busy_timeout = "50ms"; }; limits: { backoff_max = "2s"; };', 'crm.sqlite"; }; limits: { %s };' % limits)
        self.change(systems, 'connector = "scripted-find"; access = "write"; limits: { backoff_max = "2s"; timeout = 2; attempts = 2; };',
                    'connector = "scripted-upsert"; access = "write"; limits: { backoff_max = "5m"; %s per_second = %d; parallel = %d; };' % (limits, PER_SECOND, PARALLEL))
        flows = "conf.d/30-flows.conf"
        self.change("conf.d/20-entities.conf", 'phone: { type = "text"; };', 'phone: { type = "text"; owner = "cloud"; };')
        self.change(flows, '[ "city", "CITY" ], [ "phone", "PHONE" ] );', '[ "city", "CITY" ] );')
        self.change(flows, 'object = "accounts"; %s write = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] );' % TARGET,
                    'object = "accounts"; trigger: { every = "1m"; }; %s map = ( [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] ); write = ( [ "number", "number" ] );' % TARGET)
        self.change(flows, 'trigger: { file = true; every = "1s"; };', "trigger: { file = true; };")
        self.write(flows, self.read(flows).replace('units = [ "one", "two" ];', 'units = [ "one" ];'))

    # the ERP

    def rename(self, number):
        """Later names are greater."""
        self.edition += 1
        self.changes += 1
        self.source["customers"][number][1] = "Name %07d" % self.edition

    def fill(self, customers=60):
        super().fill(customers)
        for number in self.source["customers"]:
            self.rename(number)
        self.changes = 0
        self.export()

    def edit(self):
        draw, source = self.generator, self.source
        for number in draw.sample(sorted(source["customers"]), 20):
            self.rename(number)
        for number in draw.sample(sorted(source["orders"]), 8):
            source["orders"][number][2] = "%d.25" % draw.randrange(10**6)
            self.changes += 1
        if draw.random() < 0.3:
            customer = self.add_customer()
            self.rename(customer)
            self.add_order(customer)
            self.changes += 1
        self.export()

    # the cloud

    def edit_there(self, number, phone):
        """Somebody who works with the cloud changes a number there, and a field that is none of ours."""
        self.world("cloud", "UPDATE record SET version = version + 1 WHERE object = 'accounts' AND id = (SELECT id FROM cell WHERE object = 'accounts' AND name = 'number'"
                   " AND value = '%s')" % number)
        for field, value in (("phone", phone), ("remark", EDITED)):
            self.world("cloud", "INSERT OR REPLACE INTO cell (object, id, name, type, value) SELECT object, id, '%s', (SELECT max(type) FROM cell WHERE name = 'name'), '%s' FROM cell"
                       " WHERE object = 'accounts' AND name = 'number' AND value = '%s'" % (field, value, number))
        self.phones[number] = phone

    def listen(self):
        """What is written from now on, in its order."""
        self.world("cloud", "CREATE TABLE heard (place INTEGER PRIMARY KEY, object TEXT, id TEXT, name TEXT, value TEXT)",
                   "CREATE TRIGGER hear AFTER INSERT ON cell BEGIN INSERT INTO heard (object, id, name, value) VALUES (NEW.object, NEW.id, NEW.name, NEW.value); END")

    def shown(self):
        """What keeps it from rest; None: nothing does."""
        customers = sorted((number, row[1], row[2] or None, self.phones.get(number)) for number, row in self.source["customers"].items())
        orders = sorted((number, row[2], row[1]) for number, row in self.source["orders"].items())
        there = self.in_world("cloud", "accounts")
        try:
            same("the CRM's accounts", self.crm_accounts(), customers)
            same("the cloud's accounts", sorted((c["number"], c["name"], c.get("city"), c.get("phone")) for c in there.values()), customers)
            same("the cloud's orders", sorted((c["number"], c["total"], there.get(c["account"], {}).get("number")) for c in self.in_world("cloud", "orders").values()), orders)
        except (AssertionError, KeyError) as wrong:
            return str(wrong)
        return self.still_open() or None

    def waits_for_nothing(self):
        """What is open, and was neither put off, as what failed often before is, nor waits for such a one."""
        return self.in_ledger("SELECT target, record, state FROM delivery_view WHERE state NOT IN ('dead', 'uncertain', 'waiting') AND due IS NULL") + self.in_ledger(
            "SELECT flow, native, parent_native FROM waiter_view")

    def crm_accounts(self):
        return self.crm(lambda crm: crm.execute("SELECT number, name, city, phone FROM account ORDER BY number").fetchall())

    # the agent

    def memory(self):
        """Of its own, in bytes."""
        with open("/proc/%d/status" % self.agent.pid, encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))

    def memory_at_rest(self):
        """What the ERP changed last is done, and nothing is due: no time passes."""
        since = [time.monotonic()]

        def quiet():
            if self.in_ledger("SELECT 1 FROM run_view WHERE state = 'running'"):
                since[0] = time.monotonic()
            return time.monotonic() - since[0] > 0.3
        self.until("the end of all runs", quiet)
        return self.memory()

    def status(self):
        return json.loads(self.run("--json", "status").out)

    def pass_until(self, what, ready, most=HOUR):
        """Simulated time goes by until then."""
        end = self.clock.passed + most
        while not ready():
            assert self.clock.passed < end, f"{what}: it did not come\n{ready.__doc__ or ''}{self.shown()}\n{self.log_text()[-2000:]}"
            assert self.agent.poll() is None, "the agent ended\n" + self.log_text()[-2000:]
            self.clock.let_pass(STEP)
            time.sleep(PAUSE)


def the_hour(bed):
    """Nobody answers; ([memory], calls)."""
    bed.gateway.mood = "down"
    begun, memory, told = bed.clock.passed, [], None
    calls = len(bed.gateway.calls)
    numbers = bed.generator.sample(sorted(bed.source["customers"]), 3)
    while (minute := (bed.clock.passed - begun) / 60) < 60:
        bed.edit()
        if len(memory) <= minute // 10:
            memory.append(bed.memory_at_rest())
            bed.gateway.mood = ("down", "reset")[len(memory) % 2]
        if minute > 20 and told is None:
            for place, number in enumerate(numbers):
                bed.edit_there(number, "030 %d" % place)
            told, = bed.status()["left_alone"]
        end = bed.clock.passed + EXPORT
        bed.pass_until("the next change", lambda end=end: bed.clock.passed >= end)
    for number in numbers[:2]:
        bed.rename(number)  # the ERP changed these, too
    bed.export()
    memory.append(bed.memory_at_rest())
    return memory[1:], bed.gateway.calls[calls:], told


def no_herd(calls):
    """How the calls came since it answered again: [(begun, ended)]."""
    first = calls[0]
    same("calls while the first was at work", [call for call in calls[1:] if call[0] < first[1]], [])
    most = max(sum(1 for other in calls if 0 <= other[0] - call[0] < 1) for call in calls)
    together = max(sum(1 for other in calls if other[0] <= call[0] < other[1]) for call in calls)
    # A bucket of a second's calls may be full when the second begins; and they are seen a little after they were let go.
    assert most <= 2 * PER_SECOND + PARALLEL, f"{most} calls in a second"
    assert together <= PARALLEL + 1, f"{together} calls at the same time"
    return most, together


def in_order(bed):
    """Each record's names came in their order, and no order before its customer; how many writes there were to one record at most."""
    last, count = {}, {}
    for id_, value in bed.world("cloud", "SELECT id, value FROM heard WHERE object = 'accounts' AND name = 'name' ORDER BY place"):
        assert last.get(id_, "") < value, f"{id_}: {value} came after {last[id_]}"
        last[id_] = value
        count[id_] = count.get(id_, 0) + 1
    created = {(object_, id_): number for number, object_, id_ in bed.world("cloud", "SELECT number, object, id FROM journal WHERE what = 'create'")}
    for id_, cells in bed.in_world("cloud", "orders").items():
        assert created["accounts", cells["account"]] < created["orders", id_], f"the order {cells} came before its customer"
    return max(count.values())


def hour_down(seed):
    bed = HourBed(random.Random(seed))
    try:
        began = time.monotonic()
        bed.fill()
        bed.switch_on()
        same("the agent starts", bed.begin(), None)
        bed.pass_until("rest", lambda: bed.shown() is None)
        bed.listen()
        memory, calls, told = the_hour(bed)
        same("the breaker", (told["system"], told["state"]), ("cloud", "silent"))
        assert not JUDGED or memory[-1] - memory[0] <= FLAT, f"memory after 10 minutes, 20 …: {memory}"
        assert len(calls) <= 30, f"{len(calls)} calls in the hour"
        waiting = len(bed.still_open())
        bed.pass_until("the CRM, which the cloud keeps from nothing", lambda: [row[:2] for row in bed.crm_accounts()]
                       == sorted((number, row[1]) for number, row in bed.source["customers"].items()), 120)

        there = len(bed.gateway.calls)
        bed.gateway.mood = "slow"
        bed.pass_until("the call that finds out", lambda: bed.gateway.at_work > 0)
        # From here on simulated time is the machine's own.
        bed.until("its answer", lambda: len(bed.gateway.calls) > there)
        bed.gateway.mood = "well"
        bed.until("what waited", lambda: bed.shown() is None or bed.waits_for_nothing() == [])
        drained = [call for call in bed.gateway.calls[there:] if call[2] in ("slow", "well")]
        most, together = no_herd(drained)
        bed.pass_until("rest", lambda: bed.shown() is None)
        writes = in_order(bed)
        same("left alone", bed.status()["left_alone"], [])
        same("what nobody but the cloud's people wrote", sorted(cells["number"] for cells in bed.in_world("cloud", "accounts").values() if cells.get("remark") == EDITED),
             sorted(bed.phones))
        same("findings", bed.findings(), [])
        bed.never_twice()
        same("status", bed.run("status").status, DONE)
        bed.end()
        bed.check_ledger()
        print(f"an hour in {time.monotonic() - began:.0f} s: {bed.changes} changes, {len(calls)} calls; memory in MiB, every ten minutes: "
              + " ".join(f"{bytes_ / (1 << 20):.1f}" for bytes_ in memory))
        print(f"{waiting} deliveries waited, and came in {len(drained)} calls, {most} in a second and {together} at the same time at most, and {writes} writes to a record")
        bed.close()
    except BaseException:
        traceback.print_exc()
        print(f"seed {seed} FAILED; its folder: {bed.folder}", flush=True)
        if bed.agent is not None and bed.agent.poll() is None:
            bed.agent.kill()
            bed.agent.wait()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(hour_down(int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10**6)))
