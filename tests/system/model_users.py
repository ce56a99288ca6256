# SPDX-License-Identifier: BSD-2-Clause
"""model_users.py: people at work in three systems, each seed its own."""
import random
import unicodedata

from model_rules import GROUPS, MANUAL, Record, SYSTEMS, canonical, parts
from model_world import FIELDS, UNITS


class Users:
    """One seed's people: what they do between two runs, to records of their own."""

    def __init__(self, seed, world, model):
        self.rand, self.seed, self.world, self.model = random.Random(seed), seed, world, model
        self.customers, self.orders = [], []  # keys of what was made in the ERP
        self.spoiled = set()  # (system, key) of rows with a revenue that fails its check
        self.doomed = set()  # customers of the ERP that others gave up: nobody orders for them any more

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
                # What an import is about to write over: nobody can tell whether it did.
                if (system, record.links[system]) not in self.world.pending:
                    yield record, record.links[system]

    def create(self, system, number=None, tenant=None, twin=False):
        world, rand = self.world, self.rand
        tenant = tenant or rand.choice(list(UNITS.values()))
        values = {field: self.value(field) if field == "name" or rand.random() < 0.6 else None for field in FIELDS[system] if field != "number"}
        clock = world.tick()
        consent = clock - rand.choice([0, 10, 50]) if rand.random() < 0.7 else None
        if system == "erp":
            number = number or world.assign_number()
            key = (tenant, number)
            if rand.random() < 0.2 and not twin:
                world.withheld[key] = rand.choice([2, 3, 4])
            self.customers.append(key)
            world.erp[key] = {**values, "number": number, "_tenant": tenant, "_ext": None, "_stamp": clock}
        elif system == "crm":
            key = world.crm_insert(tenant, {**values, "number": number}, clock, consent)
        else:
            key = world.new_desk(tenant)
            world.desk[key].update(values, number=number, _stamp=clock, _consent=consent)
            if rand.random() < 0.5:
                world.desk[key]["_absent"] = {field for field in values if values[field] is None and not any(field in fields for fields in GROUPS.values())}
        if values["revenue"] is not None and rand.random() < 0.08 and not twin:
            self.put(system, key, {"revenue": f"-{values['revenue']}"}, clock)
            self.spoiled.add((system, key))
        self.model.made[system, key] = self.seed
        return number, tenant

    def twins(self):
        """The same customer is entered in two or three systems on one day, which all export; else there would be two of him."""
        if not self.world.punctual:
            return
        number, tenant = self.create("erp", twin=True)
        others = self.rand.sample(["crm", "desk"], self.rand.choice([1, 1, 2]))
        for system in others:
            self.create(system, number, tenant, twin=True)

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
        if part in {"note"} | MANUAL and "_fresh" in row:
            # Which of two is the first of one night is nobody's business: what was written is looked at before all are read.
            return
        # In two systems at the same second, now and then.
        clock = record.clocks[part] if part in record.clocks and rand.random() < 0.3 else world.tick()
        record.clocks[part] = clock
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
        self.put(system, key, values, clock, consent)

    def delete(self, system):
        ordered = self.ordered()
        # What our import made and no export showed: nobody can tell it from an import that has not happened yet.  It stays handed over.
        mine = [(record, key) for record, key in self.mine(system) if not record.locks and
                not (self.world.row(system, key) or {}).get("_unseen") and
                (record.links.get("erp") not in ordered or system == "erp" or (system == "crm" and self.model.config["crm_seen"] == "restore"))]
        if not mine:
            return
        record, key = self.rand.choice(mine)
        if system == "erp" and self.are_the_last(ordered.get(key, [])):
            return
        record.tell(f"{system} {key}: a user deletes it")
        record.noted["deleted"] = self.world.exports
        if (system, self.model.config["crm_seen"]) == ("crm", "accept"):
            self.doomed.add(record.links.get("erp"))
        for order in ordered.get(key, []) if system == "erp" else []:
            del self.world.orders[order]
        self.remove(system, key)

    # Rows that fail a check: the user corrects them, somebody else does here, or they go.

    def spoil(self, system):
        mine = [(record, key) for record, key in self.mine(system) if not record.locks and self.world.row(system, key) is not None]
        if not mine:
            return
        record, key = self.rand.choice(mine)
        record.tell(f"{system} {key}: a user slips")
        self.put(system, key, {"revenue": f"-{self.value('revenue')}"}, self.world.tick())
        self.spoiled.add((system, key))

    def is_bad(self, system, key):
        row = self.world.row(system, key)
        corrected = row is not None and self.world.corrections.get((system, key), (None,))[0] == row["revenue"]
        return (system, key) in self.model.rejected or row is None or ((row["revenue"] or "").startswith("-") and not corrected)

    def mend(self, all_of_them=False):
        for system, key in sorted(self.spoiled & self.model.rejected, key=str):
            record, dice = self.model.by_row.get((system, key)), self.rand.random()
            # What a person corrects is what the agent shows; while the unit is off that is an old row.
            if self.model.is_off(system, key):
                continue
            if (dice < 0.5 and not all_of_them) or (system, key) in self.world.pending or self.world.row(system, key) is None:
                continue
            # It stays among the spoiled: an import that was made before may bring the bad value back, and then it is mended once more.
            if record is None and dice < 0.6:
                self.remove(system, key)
            elif dice < 0.8:
                self.put(system, key, {"revenue": self.value("revenue")}, self.world.tick())
            else:
                self.world.correct(system, key, self.value("revenue"))
            if record is not None:
                record.tell(f"{system} {key}: mended, {self.world.row(system, key)['revenue']}, {self.world.corrections.get((system, key))}")

    def put(self, system, key, values, clock, consent=None):
        if system == "crm":
            self.world.crm_set(key, values, clock, consent)
            return
        row = getattr(self.world, system)[key]
        row.update(values, _stamp=clock)
        row.get("_absent", set()).difference_update(values)
        if consent is not None:
            row["_consent"] = consent

    def remove(self, system, key):
        self.world.log.append(f"{system} {key}: a user deletes it")
        if system == "crm":
            self.world.crm.execute("DELETE FROM account WHERE id = ?", (key,))
        else:
            getattr(self.world, system).pop(key, None)

    def lock(self):
        # Who deleted it did so before: what is locked is not deleted.
        mine = [(record, key) for record, key in self.mine("crm") if not record.locks and record.noted.get("deleted") != self.world.exports and
                all(self.world.row(system, native) is not None for system, native in record.links.items())]
        if not mine:
            return
        record, key = self.rand.choice(mine)
        part, fields = self.rand.choice([(None, [None]), *parts("crm")])
        field = self.rand.choice(fields)
        record.tell(f"a person locks {field or 'all of it'}")
        self.world.lock("lock", key, field)
        record.locks[part] = field

    def unlock(self, all_of_them=False):
        for record in self.model.records:
            for part, field in list(record.locks.items()) if record.seed == self.seed else []:
                if all_of_them or self.rand.random() < 0.3:
                    record.tell(f"a person unlocks {field or 'all of it'}")
                    self.world.lock("unlock", record.links["crm"], field)
                    del record.locks[part]

    # Orders: made in the ERP alone, for customers that may come later, or never.

    def ordered(self):
        """The ERP's customers that have orders."""
        found = {}
        for key, order in self.world.orders.items():
            found.setdefault((key[0], order["customer"]), []).append(key)
        return found

    def customer(self, tenant=None):
        """One that the ERP has, exported or not; rarely one that nobody has."""
        there = [key for key in self.customers if key in self.world.erp and tenant in (None, key[0])]
        there += [row for record, row in self.mine("erp") if tenant in (None, row[0])]
        there = [key for key in there if key not in self.doomed]
        if there and self.rand.random() < 0.95:
            return self.rand.choice(there)
        return (tenant or self.rand.choice(list(UNITS.values())), f"none{self.seed}")

    def order(self):
        dice, world = self.rand.random(), self.world
        mine = [key for key in self.orders if key in world.orders]
        if not mine or dice < 0.4:
            tenant, number = self.customer()
            key = (tenant, f"A{self.seed}-{world.unique()}")
            world.orders[key] = {"customer": number, "total": self.value("revenue")}
            self.orders.append(key)
            return
        key = self.rand.choice(mine)
        if dice < 0.6:
            world.orders[key]["total"] = self.value("revenue")
        elif dice < 0.8:
            world.orders[key]["customer"] = self.customer(key[0])[1]
        elif not self.are_the_last([key]):
            del world.orders[key]

    def are_the_last(self, orders):
        """An export that shows nothing of a unit is a fault, whatever people meant by it."""
        return bool(orders) and not any(one[0] == orders[0][0] and one not in orders for one in self.world.orders)

    def decide(self, all_of_them=False):
        """What the last run asked about this seed's records."""
        for record in self.model.records:
            for (system, part), _ in list(record.open.items()) if record.seed == self.seed else []:
                # What a person decides is carried out under a lock, too; the lock is no part of the question.
                if None in record.locks or part in record.locks:
                    continue
                if record.tenant not in self.model.off and not self.is_bad(system, record.links[system]) and (all_of_them or self.rand.random() < 0.4):
                    choice = self.rand.choice(["take", "keep"])
                    record.tell(f"{system} {record.links[system]}: a person decides {part}: {choice}")
                    self.model.decisions.append((record, system, part, choice, record.sides[system, part]))

    def act(self):
        for _ in range(self.rand.randrange(0, 7)):
            dice, system = self.rand.random(), self.rand.choice(SYSTEMS)
            if dice < 0.12:
                self.create(system)
            elif dice < 0.17:
                self.twins()
            elif dice < 0.22:
                self.delete(system)
            elif dice < 0.30:
                self.order()
            elif dice < 0.32:
                self.lock()
            elif dice < 0.35:
                self.spoil(system)
            else:
                self.edit(system)


Record.cleared = property(lambda self: self.__dict__.setdefault("_cleared", set()))
Record.clocks = property(lambda self: self.__dict__.setdefault("_clocks", {}))
Record.noted = property(lambda self: self.__dict__.setdefault("_noted", {}))
