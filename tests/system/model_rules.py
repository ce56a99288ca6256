# SPDX-License-Identifier: BSD-2-Clause
"""model_rules.py: the rules of merging, said once more: slow, simple, over everything at once, and of nothing that the agent's code says.

A model knows what users did and what the systems showed, never what the agent did, and says what every system must show at the end.
"""
import decimal
import unicodedata

from model_world import FIELDS, Trouble

SYSTEMS = ("erp", "crm", "desk")
OWNERS = {"phone": "erp", "opt_in": "erp", "grade": "erp", "number": "erp", "name": "erp", "status": "crm", "terms": "erp", "street": "erp", "city": "erp", "revenue": "erp", "note": "erp",
          "credit": "crm"}
GROUPS = {"address": ("street", "city"), "preferences": ("opt_in", "channel")}
NEWEST, TIE = {"phone", "preferences"}, "crm"
MANUAL, RAISED = {"grade"}, {"credit"}  # people decide: what two changed, what somebody changed who does not own it
UNKNOWN = object()                      # a system says nothing of a field; nothing was agreed
RANK = ["crm", "desk"]


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
        self.origin, self.stamp, self.stamped_by = {}, {}, {}
        self.links = {}        # system -> native key, what is live there
        self.left = set()      # systems that it was taken away from for good
        self.open = {}         # (system, part) -> "conflict" or "edited": what people are asked
        self.sides = {}        # (system, part) -> what the system and the record showed of it when it was asked
        self.locks = {}        # part that stays as it is (None: all) -> the field that was named
        self.held = set()      # (system, part) that differs and is locked
        self.alive = True
        self.story = []
        self.tags = {None}     # all that its tags ever were

    def owner(self, field):
        return "crm" if field == "terms" and self.tenant == "200" else OWNERS[field]

    def may_clear(self, field, system):
        """The owner alone takes a value away; where it doesn't have the record, or shows nothing of the field, the next in rank that does."""
        order = [self.owner(field), *RANK]
        return system == next((name for name in order if name == system or (name in self.links and field in FIELDS[name])), system)

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
        self.tags = {}       # (system, key) -> the tags that both agreed on when an export last showed them
        self.decisions = []  # (record, system, part, "take" or "keep", what both sides showed), given since the last run
        self.rejected = set()  # (system, key): rows that failed a check: nothing of them counts
        self.made = {}      # (system, key) -> seed: rows that users made and that no run has seen
        self.orders = {}    # (tenant, number) -> {customer, total, city}: what the CRM must show, the customer as its account's key
        self.waiting = set()  # orders whose customer did not come yet
        self.tenants = {}     # (system, key) -> tenant, of every row that was seen
        self.off = set()      # tenants whose unit is off: nothing is seen of them, and nothing written

    def set(self, record, field, value, system, when):
        if record.golden[field] != value:
            record.tell(f"  rule: {field} = {value!r} from {system} ({when})")
            record.golden[field], record.origin[field] = value, system
            record.tags.update({value} if field == "tags" else {})
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
            if UNKNOWN not in values.values():
                self.first_part(record, system, row, part, values)

    def first_part(self, record, system, row, part, values):
        fields = list(values)
        now = {field: record.golden[field] for field in fields}
        empty = all(record.golden[field] is None for field in fields)
        if all(value is None for value in values.values()):
            record.open.pop((system, part), None)
        elif values != now and self.hold(record, system, part):
            pass
        elif part == "tags":
            self.set(record, "tags", (record.golden["tags"] or frozenset()) | values["tags"], system, "union")
        elif part in NEWEST:
            self.newest(record, system, row, part, values)
        elif values == now:
            record.open.pop((system, part), None)
        elif part in MANUAL and not empty:
            self.ask(record, system, part, "conflict", values)
        elif empty or (part != "note" and record.rank(fields[0], system) < record.rank(fields[0], record.giver(fields))):
            record.open.pop((system, part), None)
            self.take(record, system, values, "first")

    def take(self, record, system, values, why):
        for field, value in values.items():
            self.set(record, field, value, system, why)

    def hold(self, record, system, part):
        """Locked: nothing moves between the record and this system, and what it changed counts when the lock has ended."""
        if None not in record.locks and part not in record.locks:
            return False
        record.tell(f"  rule: {part} of {system} is locked")
        record.held.add((system, part))
        return True

    def ask(self, record, system, part, kind, values):
        """Nothing moves between the record and this system until a person decides, both agree, or the system takes it back."""
        record.tell(f"  rule: {part} of {system}: {kind}")
        record.open[system, part] = kind
        record.sides[system, part] = self.sides(record, values)

    def sides(self, record, values):
        return dict(values), {field: record.golden[field] for field in values}

    def decide(self, record, system, part, choice, about, row):
        if row is None or (system, part) not in record.open:
            return
        fields = next(fields for name, fields in parts(system) if name == part)
        if self.sides(record, {field: row[field] for field in fields}) != about:
            record.tell(f"  {choice}: {part} of {system} is overtaken, and asked again")
            return
        del record.open[system, part]
        record.tell(f"  {choice}: {part} of {system}")
        if choice == "take":
            self.take(record, system, {field: row[field] for field in fields}, "decided")

    def newest(self, record, system, row, part, values):
        stamp, current = self.stamp_of(row, part), record.stamp.get(part)
        later = current is None or stamp > current or (stamp == current and self.wins_tie(record, part, system, next(iter(values))))
        if later and self.in_vain(record, system, values):
            record.tell(f"  rule: {part} is not {system}'s to clear")
        elif later:
            record.stamp[part], record.stamped_by[part] = stamp, system
            for field, value in values.items():
                self.set(record, field, value, system, f"newest, {stamp} after {current}")
        else:
            record.tell(f"  rule: {part} of {system} is older, {stamp} before {current}")

    def wins_tie(self, record, part, system, field):
        """At the same second: whoever gave the value, or TIE, else who stands before the other."""
        giver = record.stamped_by[part]
        if system in (giver, TIE) or giver == TIE:
            return system in (giver, TIE)
        return record.rank(field, system) < record.rank(field, giver)

    def in_vain(self, record, system, values):
        """A null by somebody else than the owner, where there is a value."""
        return (all(value is None for value in values.values()) and any(record.golden[field] is not None for field in values) and
                not record.may_clear(next(iter(values)), system))

    def tags_before(self, record, system, now, base):
        """Of a system that imports, tags that are neither as an export showed them nor as our import made them were changed before it came or
        after it, which nobody can tell: what both had agreed on before remains what they are held against.  Where only that system ever had it,
        nothing is known of it but that it was another."""
        agreed = self.tags.get((system, record.links[system]), base)
        if system == "crm" or now in (base, agreed):
            return base
        return agreed if agreed in record.tags else None

    def changed(self, record, system, row, base):
        if system == "erp" and row["number"] != base["number"]:
            raise Trouble("numbers do not change")
        for part, fields in parts(system):
            values = {field: row[field] for field in fields}
            if UNKNOWN in values.values():
                continue
            if any(base[field] is UNKNOWN for field in fields):
                self.first_part(record, system, row, part, values)
            elif all(values[field] == base[field] for field in fields):
                record.open.pop((system, part), None)
            elif part in MANUAL | RAISED and all(values[field] == record.golden[field] for field in fields):
                record.open.pop((system, part), None)
            elif any(values[field] != record.golden[field] for field in fields) and self.hold(record, system, part):
                pass
            elif part == "tags":
                before = self.tags_before(record, system, values["tags"], base["tags"])
                now, before, golden = (x or frozenset() for x in (values["tags"], before, record.golden["tags"]))
                self.set(record, "tags", ((golden - (before - now)) | (now - before)) or None, system, "union")
            elif part in NEWEST:
                self.newest(record, system, row, part, values)
            elif part == "note":
                if record.golden["note"] is None or (values["note"] is None and system == "erp"):
                    self.set(record, "note", values["note"], system, "set if empty")
            elif part in MANUAL:
                if (system, part) in record.open or any(record.golden[field] != base[field] for field in fields):
                    self.ask(record, system, part, "conflict", values)
                elif self.in_vain(record, system, values):
                    record.tell(f"  rule: {part} is not {system}'s to clear")
                else:
                    self.take(record, system, values, "nobody else changed it")
            elif record.owner(fields[0]) == system:
                self.take(record, system, values, "its owner")
            elif part in RAISED:
                self.ask(record, system, part, "edited", values)
            else:
                record.tell(f"  rule: {part} is not {system}'s: {values} is restored")

    def gone(self, record, system):
        seen = {"erp": "accept", "crm": self.config["crm_seen"], "desk": self.config["desk_seen"]}[system]
        record.tell(f"  rule: gone from {system}: {seen}")
        self.rejected.discard((system, record.links[system]))
        del record.links[system]
        record.open = {asked: kind for asked, kind in record.open.items() if asked[0] != system}
        record.held = {held for held in record.held if held[0] != system}
        if seen == "accept":
            record.alive, record.open, record.held = False, {}, set()
            self.rejected -= set(record.links.items())
        elif seen == "ignore":
            record.left.add(system)

    def observe(self, systems):
        """What a run sees, in the order in which it reads."""
        for system in SYSTEMS:
            rows = systems[system]
            for key, row in rows.items():
                if row["_tenant"] in self.off:
                    continue
                self.tenants[system, key] = row["_tenant"]
                self.rejected.discard((system, key))
                if row["_bad"]:
                    self.rejected.add((system, key))
                    continue
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
                record.held = {held for held in record.held if held[0] != system}
                base = self.shown[system].get(key)
                if base is not None:
                    self.changed(record, system, row, base)
                if row.get("tags", UNKNOWN) is not UNKNOWN and not row["_unshown"] and (system, "tags") not in record.held:
                    self.tags[system, key] = row["tags"]
        for record, system, part, choice, about in self.decisions:
            self.decide(record, system, part, choice, about, systems[system].get(record.links.get(system)))
        self.decisions = []
        self.rejected = {(system, key) for system, key in self.rejected if key in systems[system] or self.is_off(system, key)}
        for system in SYSTEMS:
            rows = systems[system]
            for key in self.shown[system]:
                record = self.by_row.get((system, key))
                if key not in rows and record is not None and record.tenant not in self.off and record.links.get(system) == key:
                    self.gone(record, system)

    def is_off(self, system, key):
        return self.tenants.get((system, key)) in self.off

    def observe_orders(self, exported):
        """An order needs its customer: until that is there the row waits, and nothing of it counts.  The ERP alone says what it is."""
        before = self.orders
        self.orders = {key: order for key, order in before.items() if key[0] in self.off}
        self.waiting = {key for key in self.waiting if key[0] in self.off}
        for (tenant, number), order in exported.items():
            if tenant in self.off:
                continue
            customer = self.by_row.get(("erp", (tenant, order["customer"])))
            if customer is None or "erp" not in customer.links:
                self.waiting.add((tenant, number))
                if (tenant, number) in before:
                    self.orders[tenant, number] = before[tenant, number]
            else:
                self.orders[tenant, number] = {"customer": customer, "total": canonical("revenue", order["total"])}

    def remember_rejected(self, rows, key, base, record):
        """What was agreed before, but for what it shows as the record has it."""
        if base is None or record is None:
            rows.pop(key, None)
        elif key in rows:
            rows[key].update({field: base[field] for field in record.golden if field in base and rows[key][field] != record.golden[field]})

    def remember(self, systems):
        """The systems as they stand after the agent wrote and the imports were taken in."""
        before, self.shown = self.shown, systems
        for system, key in self.rejected:
            self.remember_rejected(systems[system], key, before[system].get(key), self.by_row.get((system, key)))
        for system in SYSTEMS:
            for key, row in systems[system].items():
                row.update({field: before[system].get(key, {}).get(field, UNKNOWN) for field in FIELDS[system] if row[field] is UNKNOWN})
        for record in self.records:
            for system, part in set(record.open) | record.held if record.tenant not in self.off else ():
                key = record.links[system]
                for field in next(fields for name, fields in parts(system) if name == part):
                    systems[system][key][field] = before[system].get(key, {}).get(field, UNKNOWN)
        for system, rows in systems.items():
            for key in [key for key, row in rows.items() if row["_tenant"] in self.off]:
                del rows[key]
            rows.update({key: row for key, row in before[system].items() if row["_tenant"] in self.off})
