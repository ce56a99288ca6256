#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""model.py [--seeds A-B] [--bundle N] [--rounds N] [--jobs N] [--keep]: the agent against a slow, simple model of the rules.

Three systems hold the same customers in two units; users edit, create and delete on all sides while the agent runs between
them.  The model knows what users did (never what the agent did) and says by the rules of merging what every system must show
at the end, and which system gave each value.  Several seeds, each with records of its own, share one installation: a bundle.
"""
import argparse
import concurrent.futures
import decimal
import json
import random
import sys
import traceback
import unicodedata

from model_world import FIELDS, Trouble, UNITS, World, moment

SYSTEMS = ("erp", "crm", "desk")
OWNERS = {"number": "erp", "name": "erp", "status": "crm", "terms": "erp", "street": "erp", "city": "erp", "revenue": "erp", "note": "erp"}
GROUPS = {"address": ("street", "city"), "preferences": ("opt_in", "channel")}
NEWEST, TIE = {"phone", "preferences"}, "crm"
RANK = ["crm", "desk"]
REST_RUNS = 8


def canonical(field, value):
    if value is None or value == "":
        return None
    if field == "revenue":
        return str(decimal.Decimal(value).quantize(decimal.Decimal("0.01")))
    if field == "tags":
        return frozenset(element["tag"] for element in value) or None
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def parts(system):
    """What is decided as one: (name, fields)."""
    grouped = {field for fields in GROUPS.values() for field in fields}
    result = [(field, (field,)) for field in FIELDS[system] if field not in grouped and field != "number"]
    return result + [(name, fields) for name, fields in GROUPS.items() if fields[0] in FIELDS[system]]


class Record:
    def __init__(self, seed, tenant, name):
        self.seed, self.tenant, self.name = seed, tenant, name
        self.golden = dict.fromkeys(FIELDS["crm"])
        self.origin, self.stamp = {}, {}
        self.links = {}        # system -> native key, what is live there
        self.left = set()      # systems that it was taken away from for good
        self.alive = True
        self.story = []

    def owner(self, field):
        return "crm" if field == "terms" and self.tenant == "200" else OWNERS[field]

    def rank(self, field, system):
        """Without a base the first value counts in this order: the owner, then rank, then whoever is first."""
        order = [self.owner(field), *RANK]
        return order.index(system) if system in order else len(order)

    def giver(self, fields):
        return next(self.origin[field] for field in fields if self.golden[field] is not None)

    def tell(self, text):
        self.story.append(text)


class Model:
    """The rules of the design, one after the other, over everything at once."""

    def __init__(self, config):
        self.config = config
        self.records = []
        self.by_row = {}    # (system, key) -> record
        self.by_name = {}   # every name that a record ever had
        self.shown = {system: {} for system in SYSTEMS}  # as the system stood when the agent had last written to it
        self.made = {}      # (system, key) -> seed: rows that users made and that no run has seen

    def set(self, record, field, value, system, when):
        if record.golden[field] != value:
            record.tell(f"  rule: {field} = {value!r} from {system} ({when})")
            record.golden[field], record.origin[field] = value, system
            if field == "name":
                self.by_name[value] = record

    def identify(self, system, key, row):
        """The record of a row that nobody saw before."""
        if (system, key) not in self.made:
            record = self.by_name.get(row["name"])
            if record is None:
                raise Trouble(f"{system} {key}: nobody made it, and no record had this name: {row}")
            if system in record.links:
                raise Trouble(f"{system} {key}: a double of {record.links[system]}: {row}")
            record.tell(f"  {system} {key} is it there")
            return record, True
        seed = self.made.pop((system, key))
        same = [r for r in self.records if r.alive and r.tenant == row["_tenant"] and row["number"] and r.golden["number"] == row["number"]]
        if len(same) == 1 and system not in same[0].links:
            same[0].tell(f"  {system} {key} bears its number")
            return same[0], False
        record = Record(seed, row["_tenant"], row["name"])
        self.records.append(record)
        record.tell(f"  begins with {system} {key}")
        return record, False

    def stamp_of(self, row, part):
        if part == "preferences" and row["_consent"] is not None:
            return row["_consent"]
        return row["_stamp"]

    def first_sight(self, record, system, row):
        """No base was agreed: a null clears nothing."""
        if system == "erp" or record.golden["number"] is None:
            if row["number"] is not None:
                self.set(record, "number", row["number"], system, "first")
        for part, fields in parts(system):
            values = {field: row[field] for field in fields}
            empty = all(record.golden[field] is None for field in fields)
            if all(value is None for value in values.values()):
                continue
            if part == "tags":
                self.set(record, "tags", (record.golden["tags"] or frozenset()) | values["tags"], system, "union")
                continue
            if part in NEWEST:
                self.newest(record, system, row, part, values)
            elif empty or (part != "note" and record.rank(fields[0], system) < record.rank(fields[0], record.giver(fields))):
                for field in fields:
                    self.set(record, field, values[field], system, "first")

    def newest(self, record, system, row, part, values):
        stamp, current = self.stamp_of(row, part), record.stamp.get(part)
        if current is None or stamp > current or (stamp == current and system == TIE):
            record.stamp[part] = stamp
            for field, value in values.items():
                self.set(record, field, value, system, f"newest, {stamp} after {current}")
        else:
            record.tell(f"  rule: {part} of {system} is older, {stamp} before {current}")

    def changed(self, record, system, row, base):
        if system == "erp" and row["number"] != base["number"]:
            raise Trouble("numbers do not change")
        for part, fields in parts(system):
            values = {field: row[field] for field in fields}
            if all(values[field] == base[field] for field in fields):
                continue
            if part == "tags":
                now, before, golden = (x or frozenset() for x in (values["tags"], base["tags"], record.golden["tags"]))
                self.set(record, "tags", ((golden - (before - now)) | (now - before)) or None, system, "union")
            elif part in NEWEST:
                self.newest(record, system, row, part, values)
            elif part == "note":
                if record.golden["note"] is None or (values["note"] is None and system == "erp"):
                    self.set(record, "note", values["note"], system, "set if empty")
            elif record.owner(fields[0]) == system:
                for field in fields:
                    self.set(record, field, values[field], system, "its owner")
            else:
                record.tell(f"  rule: {part} is not {system}'s: {values} is restored")

    def gone(self, record, system):
        seen = {"erp": "accept", "crm": self.config["crm_seen"], "desk": self.config["desk_seen"]}[system]
        record.tell(f"  rule: gone from {system}: {seen}")
        del record.links[system]
        if seen == "accept":
            record.alive = False
        elif seen == "ignore":
            record.left.add(system)

    def observe(self, systems):
        """What a run sees, in the order in which it reads."""
        for system in SYSTEMS:
            rows = systems[system]
            for key, row in rows.items():
                record, ours = self.by_row.get((system, key)), False
                if record is None:
                    record, ours = self.identify(system, key, row)
                    self.by_row[system, key] = record
                    record.links[system] = key
                    if not ours:
                        self.first_sight(record, system, row)
                    elif system == "erp" and record.golden["number"] is None:
                        self.set(record, "number", row["number"], system, "assigned")
                if not record.alive or system not in record.links:
                    continue
                base = self.shown[system].get(key)
                if base is not None:
                    self.changed(record, system, row, base)
            for key in self.shown[system]:
                record = self.by_row.get((system, key))
                if key not in rows and record is not None and record.links.get(system) == key:
                    self.gone(record, system)

    def remember(self, systems):
        """The systems as they stand after the agent wrote and the imports were taken in."""
        for system in SYSTEMS:
            self.shown[system] = {key: row for key, row in systems[system].items()}


def view(world):
    """The systems' customers in canonical values."""
    result = {}
    for system, rows in (("erp", world.erp), ("crm", world.crm_rows()), ("desk", world.desk)):
        result[system] = {}
        for key, row in rows.items():
            plain = {field: canonical(field, row[field]) for field in FIELDS[system]}
            plain.update(_tenant=row["_tenant"], _stamp=when(row["_stamp"]), _consent=when(row.get("_consent")), _active=row.get("_active", True))
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


class Users:
    """One seed's people: what they do between two runs, to records of their own."""

    def __init__(self, seed, world, model):
        self.rand, self.seed, self.world, self.model = random.Random(seed), seed, world, model

    def text(self, what):
        return f"{what} {self.rand.choice(['Müller', 'Ångström', 'Čapek', 'Łódź', 'Smith', 'Ñandú'])} {self.seed}/{self.world.unique()}"

    def value(self, field):
        rand = self.rand
        if field == "opt_in":
            return rand.random() < 0.5
        if field == "tags":
            return [{"tag": tag} for tag in sorted(rand.sample(["a", "b", "c", "d", "é", "f"], rand.randrange(0, 4)))]
        if field == "revenue":
            return f"{rand.randrange(100000)}.{rand.randrange(100):02}"
        return self.text(field)

    def mine(self, system):
        """Rows of this seed's records that all systems know."""
        for record in self.model.records:
            if record.seed == self.seed and record.alive and system in record.links and all(s in record.links or s in record.left for s in SYSTEMS):
                yield record, record.links[system]

    def create(self, system, number=None, tenant=None):
        world, rand = self.world, self.rand
        tenant = tenant or rand.choice(list(UNITS.values()))
        values = {field: self.value(field) if field == "name" or rand.random() < 0.6 else None for field in FIELDS[system] if field != "number"}
        clock = world.tick()
        consent = clock - rand.choice([0, 10, 50]) if rand.random() < 0.7 else None
        if system == "erp":
            number = number or world.assign_number()
            key = (tenant, number)
            world.erp[key] = {**values, "number": number, "_tenant": tenant, "_ext": None, "_stamp": clock}
        elif system == "crm":
            key = world.crm_insert(tenant, {**values, "number": number}, clock, consent)
        else:
            key = world.new_desk(tenant)
            world.desk[key].update(values, number=number, _stamp=clock, _consent=consent)
            if rand.random() < 0.5:
                world.desk[key]["_absent"] = {field for field in values if values[field] is None and not any(field in fields for fields in GROUPS.values())}
        self.model.made[system, key] = self.seed
        return number, tenant

    def twins(self):
        """The same customer is entered in two or three systems on one day."""
        number, tenant = self.create("erp")
        others = self.rand.sample(["crm", "desk"], self.rand.choice([1, 1, 2]))
        for system in others:
            self.create(system, number, tenant)

    def respell(self, field, value):
        """Another way to write the same value, or None."""
        if field == "revenue" and value.endswith("0"):
            return value[:-1]
        if field in ("name", "street", "note") and isinstance(value, str):
            return unicodedata.normalize("NFD", value)
        return None

    def edit(self, system):
        rand, world = self.rand, self.world
        mine = list(self.mine(system))
        if not mine:
            return
        record, key = rand.choice(mine)
        row = world.crm_rows().get(key) if system == "crm" else getattr(world, system).get(key)
        if row is None:
            return
        part, fields = rand.choice(parts(system))
        if part == "note":
            # Which of two is the first of one night is nobody's business.
            if record.noted == world.exports:
                return
            record.noted = world.exports
        clock = world.tick()
        values = {}
        consent = None
        for field in fields:
            if field != "name" and rand.random() < 0.2:
                # Who does not own a value clears it once: the second time is somebody who insists.
                if row[field] is None or (system, field) in record.cleared:
                    continue
                record.cleared.add((system, field))
                values[field] = None
            elif row[field] is not None and rand.random() < 0.1 and self.respell(field, row[field]):
                values[field] = self.respell(field, row[field])
            else:
                values[field] = self.value(field)
        # What was there before our import and stands there again: nobody can tell that from an import that has not happened yet.
        former = row.get("_former", {})
        if not values or any(field in former and canonical(field, former[field]) == canonical(field, value) for field, value in values.items()):
            return
        if part == "preferences":
            consent = clock - rand.choice([0, 0, 10, 200])
        if values.get("name", "") is None:
            return
        record.tell(f"{system} {key}: a user writes {values} at {clock}" + (f", consent {consent}" if consent is not None else ""))
        if system == "crm":
            world.crm_set(key, values, clock, consent)
        else:
            row.update(values, _stamp=clock)
            if consent is not None:
                row["_consent"] = consent

    def delete(self, system):
        mine = [(record, key) for record, key in self.mine(system) if not record.ordered]
        if not mine:
            return
        record, key = self.rand.choice(mine)
        record.tell(f"{system} {key}: a user deletes it")
        if system == "crm":
            self.world.crm.execute("DELETE FROM account WHERE id = ?", (key,))
        else:
            getattr(self.world, system).pop(key, None)

    def act(self):
        for _ in range(self.rand.randrange(0, 7)):
            dice, system = self.rand.random(), self.rand.choice(SYSTEMS)
            if dice < 0.12:
                self.create(system)
            elif dice < 0.17:
                self.twins()
            elif dice < 0.22:
                self.delete(system)
            else:
                self.edit(system)


Record.cleared = property(lambda self: self.__dict__.setdefault("_cleared", set()))
Record.ordered = False
Record.noted = -1


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

    def step(self):
        self.world.export(self.rand)
        self.model.observe(view(self.world))
        counts = self.world.run()
        imported = self.world.imports()
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
            for users in self.users:
                users.act()
            self.step()
        self.rest()
        self.check_systems()
        self.check_ledger()

    # At rest.

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
                        if row[field] != record.golden[field]:
                            self.complain(record, f"{system} {key}: {field} is {row[field]!r} instead of {record.golden[field]!r}")
        for system in SYSTEMS:
            for key, row in now[system].items():
                if (system, key) not in self.model.by_row:
                    self.complain(None, f"{system} {key} is a row that belongs to nothing: {row}")

    def check_ledger(self):
        ledger = self.world.ledger()
        for table in ("delivery", "delivery_span", "attempt", "attempt_item", "waiter"):
            rows = ledger.execute(f'SELECT * FROM "{table}"').fetchall()
            if rows:
                self.complain(None, f"{table} is not empty at rest: {rows[:3]}")
        for table in ("reject", "conflict", "review", "flip", "dead_letter"):
            for row in ledger.execute(f"SELECT object, native, record, field, cause, message FROM {table}_view").fetchall():
                self.complain(self.record_of(ledger, row[2]), f"unexpected {table}: {row}")
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
        key = int(native) if system == "crm" else native
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
