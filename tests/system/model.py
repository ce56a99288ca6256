#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""model.py [--seeds A-B] [--bundle N] [--rounds N] [--jobs N] [--keep]: the agent against a slow, simple model of the rules.

Three systems hold the same customers in two units; users edit, create and delete on all sides while the agent runs between
them.  The model knows what users did (never what the agent did) and says by the rules of merging what every system must show
at the end, and which system gave each value.  Several seeds, each with records of its own, share one installation: a bundle.
"""
import argparse
import concurrent.futures
import json
import random
import sys
import traceback

from model_rules import Model, SYSTEMS, UNKNOWN, canonical
from model_users import Users
from model_world import FIELDS, TENANTS, Trouble, World, moment

REST_RUNS = 8
MOST_ASKED = 30  # rounds in which people decide all that is asked
LATE = 0.2  # of the exports and imports


def view(world):
    """The systems' customers in canonical values."""
    result = {}
    for system, rows in (("erp", world.known["erp"]), ("crm", world.crm_rows()), ("desk", world.known["desk"])):
        result[system] = {}
        for key, row in rows.items():
            # Our import made it, and no export has shown it: nobody knows that it is there.
            if row.get("_unseen"):
                continue
            plain = {field: UNKNOWN if world.is_absent(row, field) else canonical(field, row[field]) for field in FIELDS[system]}
            shown = row.get("_rejected", row["revenue"])
            seen = canonical("revenue", world.revenue(system, key, {"revenue": shown})) if shown is not None else None
            plain["_bad"] = seen is not None and seen.startswith("-")
            if "_rejected" not in row and plain["revenue"] is not UNKNOWN:
                plain["revenue"] = seen
            plain.update(_unshown="_fresh" in row, _tenant=row["_tenant"], _stamp=when(row["_stamp"]), _consent=when(row.get("_consent")), _active=row.get("_active", True))
            result[system][key] = plain
    return result


STAMPS = {}


def when(stamp):
    """Clocks of all systems as one number."""
    if stamp is None or isinstance(stamp, int):
        return stamp
    if stamp not in STAMPS:
        for clock in range(len(STAMPS) * 10, len(STAMPS) * 10 + 200000, 10):
            STAMPS[moment(clock, " ", "")] = clock
    return STAMPS[stamp]


class Bundle:
    def __init__(self, seeds, rounds):
        rand = random.Random(f"bundle {seeds[0]} {len(seeds)}")
        self.config = {"erp_do": "delete", "crm_seen": rand.choice(["accept", "restore"]), "crm_do": rand.choice(["delete", "deactivate"]),
                       "desk_seen": rand.choice(["ignore", "restore"]), "crm_set": ""}
        if self.config["crm_do"] == "deactivate":
            self.config["crm_set"] = ' set = ( [ "active", "false" ] );'
        self.rand, self.seeds, self.rounds = rand, seeds, rounds
        self.world = World(self.config)
        self.model = Model(self.config)
        self.users = [Users(seed, self.world, self.model) for seed in seeds]
        self.problems = []  # (seed or None, text)

    def complain(self, record, text):
        self.problems.append((record, text))

    def step(self, late=0):
        self.world.export(self.rand, late)
        self.give_decisions()
        self.model.observe(view(self.world))
        self.model.observe_orders(self.world.known["orders"])
        counts = self.world.run()
        self.check_orders()
        self.check_asked()
        imported = self.world.imports(self.rand, late)
        self.model.remember(view(self.world))
        return counts, imported

    def state(self):
        ledger = self.world.ledger()
        history = ledger.execute("SELECT count(*) FROM history").fetchone()[0]
        ledger.close()
        return history, list(self.world.crm.execute("SELECT * FROM account ORDER BY id"))

    def rest(self):
        """Until a run does nothing; what was observed of it."""
        for number in range(REST_RUNS):
            before = self.state()
            counts, imported = self.step()
            if imported == 0 and self.state() == before:
                return number
        raise Trouble(f"not at rest after {REST_RUNS} runs: {imported} rows imported, {counts}; " + self.difference(before, self.state()))

    def difference(self, before, after):
        ledger = self.world.ledger()
        rows = ledger.execute("SELECT record, event, before, after, note FROM history ORDER BY id DESC LIMIT 5").fetchall()
        ledger.close()
        return f"history {before[0]} -> {after[0]}, last {rows}"

    def play(self):
        self.world.export(self.rand)
        self.world.switch_on()
        for _ in range(self.rounds):
            self.world.punctual = self.rand.random() < 0.4
            self.switch()
            for users in self.users:
                users.mend()
                users.act()
                users.decide()
                users.unlock()
            self.step(LATE)
        self.switch(True)
        self.rest()
        for _ in range(MOST_ASKED):
            if not self.model.rejected and not any(record.open or record.locks for record in self.model.records if record.alive):
                break
            for users in self.users:
                users.mend(True)
                users.unlock(True)
                users.decide(True)
            self.rest()
        else:
            raise Trouble("people are asked again and again")
        self.check_systems()
        self.check_order_values()
        self.check_ledger()

    def switch(self, all_on=False):
        """Now and then a unit is off for some rounds, beginning when no import is under way."""
        off, told = self.world.off, any(True for system in ("erp", "desk") for _ in self.world.told(system))
        if off and (all_on or self.rand.random() < 0.4):
            self.world.switch(next(iter(off)), True)
        elif not off and not told and not all_on and self.rand.random() < 0.2:
            self.world.switch(self.rand.choice(sorted(TENANTS)), False)
        self.model.off = set(off)

    def give_decisions(self):
        asked = self.world.findings() if self.model.decisions else {}
        for record, system, part, choice, _ in self.model.decisions:
            self.world.decide(asked[system, str(record.links[system]), part], choice)

    def check_asked(self):
        """After each run: people are asked what the rules say, and nothing else."""
        asked, wanted = set(self.world.findings()), {(system, str(record.links[system]), part): record for record in self.model.records
                                                     for system, part in record.open}
        for one in asked ^ set(wanted):
            record = self.by_native(one[0] + ".", one[1])
            self.complain(record, f"{one} is {'not ' if one in wanted else ''}asked")
        rejects, bad = set(self.world.rejects()), {(system, self.world.native(system, key)) for system, key in self.model.rejected}
        # What is left of a deleted record is rejected or not: nobody cares.
        rejects, bad = ({one for one in ones if (record := self.by_native(one[0] + ".", one[1])) is None or record.alive} for ones in (rejects, bad))
        for one in rejects ^ bad:
            self.complain(self.by_native(one[0] + ".", one[1]), f"{one} is {'not ' if one in bad else ''}rejected")
        if asked != set(wanted) or rejects != bad:
            raise Trouble("people are asked something else")

    def check_orders(self):
        """After each run: an order is in the CRM as soon as its customer is, and no longer than in the ERP."""
        there, log = set(self.world.crm_orders()), self.world.crm.execute("SELECT what, org, number FROM order_log").fetchall()
        self.world.crm.execute("DELETE FROM order_log")
        for what, tenant, number in log:
            if (what == "insert") != ((tenant, number) in self.world.known["orders"]):
                raise Trouble(f"the order {tenant} {number} was the cause of an {what}")
        if there != set(self.model.orders):
            raise Trouble(f"orders in the CRM: {sorted(there - set(self.model.orders))} too many, {sorted(set(self.model.orders) - there)} too few")

    # At rest.

    def check_order_values(self):
        there = self.world.crm_orders()
        for key, order in self.model.orders.items():
            customer = order["customer"]
            wanted = (str(customer.links.get("crm")), order["total"], customer.golden["city"])
            if customer.alive and (there[key][0], canonical("revenue", there[key][1]), canonical("city", there[key][2])) != wanted:
                self.complain(customer, f"the order {key} is {there[key]} instead of {wanted}")

    def check_systems(self):
        now = view(self.world)
        for record in self.model.records:
            for system in SYSTEMS:
                key = record.links.get(system)
                row = now[system].get(key)
                if not record.alive:
                    if row is not None and row["_active"] and system not in record.left:
                        self.complain(record, f"{system} {key}: the record was deleted, and it is still there")
                elif row is None:
                    if system not in record.left:
                        self.complain(record, f"{system}: it is not there")
                else:
                    for field in FIELDS[system]:
                        if (None if row[field] is UNKNOWN else row[field]) != record.golden[field]:
                            self.complain(record, f"{system} {key}: {field} is {row[field]!r} instead of {record.golden[field]!r}")
        for system in SYSTEMS:
            for key, row in now[system].items():
                if (system, key) not in self.model.by_row:
                    self.complain(None, f"{system} {key} is a row that belongs to nothing: {row}")

    def check_ledger(self):
        ledger = self.world.ledger()
        for table in ("delivery", "delivery_span", "attempt", "attempt_item"):
            rows = ledger.execute(f'SELECT * FROM "{table}"').fetchall()
            if rows:
                self.complain(None, f"{table} is not empty at rest: {rows[:3]}")
        for table in ("reject", "conflict", "review", "flip", "dead_letter"):
            for row in ledger.execute(f"SELECT object, native, record, field, cause, message FROM {table}_view WHERE state = 'open'").fetchall():
                record = self.by_native(row[0], row[1] or "")
                if table == "reject" and record is not None and not record.alive and row[0] == "crm.accounts" and self.config["crm_do"] == "deactivate":
                    continue
                self.complain(record or self.record_of(ledger, row[2]), f"unexpected {table}: {row}")
        waiting = {tuple(native) for native in self.model.waiting}
        told = [native for (native,) in ledger.execute("SELECT native FROM waiter_view")]
        if len(told) != len(waiting):
            self.complain(None, f"rows that wait for a parent: {sorted(told)} instead of {sorted(waiting)}")
        self.check_origins(ledger)
        ledger.close()

    def record_of(self, ledger, number):
        for obj, native in ledger.execute("SELECT object, native FROM link_view WHERE record = ?", (number,)):
            record = self.by_native(obj, native)
            if record is not None:
                return record
        return None

    def by_native(self, obj, native):
        system = obj.split(".")[0]
        key = int(native) if system == "crm" and native else native
        if system == "erp":
            key = next((k for k in self.model.by_row if k[0] == "erp" and native.endswith(k[1][1]) and native.startswith(k[1][0])), ("", ""))[1]
        return self.model.by_row.get((system, key))

    def check_origins(self, ledger):
        """Who gave each value, by the history."""
        numbers = {}
        for number, obj, native in ledger.execute("SELECT record, object, native FROM link_view WHERE entity = 'customer'"):
            record = self.by_native(obj, native)
            if record is None:
                self.complain(None, f"a link to {obj} {native} that nothing is known of")
            elif numbers.setdefault(number, record) is not record:
                self.complain(record, f"record {number} has links of two records: {obj} {native}")
        given = {}
        for number, obj, event, after in ledger.execute("SELECT record, object, event, after FROM history_view WHERE event IN ('created', 'changed') "
                                                        "AND entity = 'customer' ORDER BY id"):
            for field, value in json.loads(after or "{}").items():
                given[number, field] = (obj.split(".")[0] if obj else None, value)
        spans = ledger.execute("SELECT s.first, s.last, o.name FROM history_span s JOIN object_name o ON o.id = s.object WHERE s.event = 'created'").fetchall()
        for number, record in numbers.items():
            first = [name.split(".")[0] for low, high, name in spans if low <= number <= high]
            for field, value in record.golden.items():
                if value is None or not record.alive or field in ("tags", "opt_in"):
                    continue
                system, told = given.get((number, field), (first[0] if first else None, None))
                if system != record.origin[field]:
                    self.complain(record, f"history: {field} = {value!r} came from {system} ({told!r}) instead of {record.origin[field]}")


def run_bundle(seeds, rounds, keep):
    """The problems of a bundle, as texts."""
    bundle = Bundle(seeds, rounds)
    try:
        bundle.play()
    except Exception as wrong:  # whatever it is, the seeds have to be told
        bundle.problems.append((None, str(wrong) if isinstance(wrong, Trouble) else traceback.format_exc()))
    texts = []
    for record, text in bundle.problems[:12]:
        if record is None:
            texts.append(f"seeds {seeds[0]}-{seeds[-1]}: {text}")
        else:
            texts.append(f"seed {record.seed}: {text}\n    " + "\n    ".join(record.story[-25:]))
    if texts:
        texts.append(f"To repeat: tests/system/model.sh --seeds {seeds[0]}-{seeds[-1]} --bundle {len(seeds)} --rounds {rounds} --keep" +
                     f"   (configuration: {bundle.config}; {bundle.world.folder})")
    if keep:
        with open(bundle.world.path("log"), "w", encoding="utf-8") as file:
            file.write("\n".join(bundle.world.log) + "\n")
    bundle.world.close(keep)
    return texts


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", default="1-200")
    options.add_argument("--bundle", type=int, default=25)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--keep", action="store_true")
    given = options.parse_args()
    first, last = (int(x) for x in (given.seeds.split("-") * 2)[:2])
    bundles = [list(range(a, min(a + given.bundle, last + 1))) for a in range(first, last + 1, given.bundle)]
    failed = 0
    with concurrent.futures.ProcessPoolExecutor(given.jobs) as pool:
        for texts in pool.map(run_bundle, bundles, [given.rounds] * len(bundles), [given.keep] * len(bundles)):
            for text in texts:
                print(text, flush=True)
            failed += bool(texts)
    print(f"{last - first + 1} seeds in {len(bundles)} bundles, {failed} of them failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
