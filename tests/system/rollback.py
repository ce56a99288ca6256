#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""rollback.py [WORD]: `syncline rollback`: what a run did is planned to be taken back, and taken back, as far as nobody touched it since."""
import os
import random
import subprocess
import sys

import daemon_bed
import documents_flow
import runs_bed
from runs_bed import DONE, FAILED, FINDINGS, HELD, has, main, refused, same


def loaded(bed, *flows):
    flows = flows or ("customers",)
    bed.on(*flows)
    for flow in flows:
        bed.flow(flow)
    bed.log(), bed.log("shop")


def run(bed, flow="customers", unit="one", status=DONE):
    """The number of a run of one unit."""
    runs = bed.json(status, "run", flow, "--unit", unit)
    return runs[0]["run"]


def what(items, *names):
    """What the items of a plan do: (what, object, native, before, after), of those names, in a fixed order."""
    return sorted((item["what"], item["object"], item["native"], item["before"], item["after"]) for item in items if item["what"] in names)


def left(items):
    """{(object, native, fields): why} of records and fields that are left; what is told of a whole system is not among them."""
    return {(item["object"], item["native"], tuple(item["before"] or ())): item["note"] for item in items if item["what"] == "left" and item["record"] != 0}


def rollback(bed, number, status=HELD):
    """Its plan's number and items."""
    told = bed.json(status, "rollback", str(number))
    same("a rollback's items", told["items"], bed.json(DONE, "plans", str(told["plan"])))
    for one in told["runs"]:
        kept = [row for row in bed.json(DONE, "runs") if row["run"] == one["run"]]
        same("its run", (one["state"], kept[0]["cause"]), ("held" if status == HELD else "done", f"rollback {number}"))
    return told["plan"], told["items"]


def apply(bed, plan, status=DONE, *args):
    """The number of the run that applied it."""
    return bed.json(status, "apply", str(plan), *args)["runs"][0]["run"]


def fields(bed, name, number):
    rows = bed.ask(name, f"SELECT * FROM account WHERE number = '{number}'")
    return rows[0][2:] if rows else None


# what a run changed


def test_right_after(bed):
    """Taken back at once: the targets have the former values, the source is not read, and its value counts again when it is another one."""
    loaded(bed)
    bed.edit(["10001", "10003"], NAME="Wrong")
    number = run(bed)
    bed.log(), bed.log("shop")
    has(bed.run("rollback", str(number)).out, f"It takes back what run {number} did.", "changed", "Name 11", "Wrong", "sent-updates", f"rollback of run {number}",
        "(mails, postings) is not undone", "`syncline apply")
    plan, items = rollback(bed, number)
    same("what it would change", what(items, "changed"), [("changed", "erp.customers", "10001", {"name": "Wrong"}, {"name": "Name 11"}),
                                                         ("changed", "erp.customers", "10003", {"name": "Wrong"}, {"name": "Name 13"})])
    same("what it would send", sorted((item["what"], item["object"], item["after"]["name"]) for item in items if item["what"].startswith("sent-")),
         [("sent-updates", "crm.account", "Name 11"), ("sent-updates", "crm.account", "Name 13"),
          ("sent-updates", "shop.account", "Name 11"), ("sent-updates", "shop.account", "Name 13")])
    same("what it names", sorted((item["object"], item["note"]) for item in items if item["what"] == "left"),
         [(f"{system}.account", "what the system did by itself when 2 records were written there (mails, postings) is not undone") for system in ("crm", "shop")])
    same("written by the plan", (bed.log(), bed.log("shop")), ([], []))
    states = [(row["rollback"], row["state"]) for row in bed.json(DONE, "plans", "--all") if row["rollback"]]
    same("its plans", states, [(number, "open"), (number, "replaced")])
    # A run that comes between them ends no rollback; what it reads is as it was.
    bed.export()
    same("a run between", bed.flow("customers")["one"], ("done", {"read": 20, "unchanged": 20}))
    back = apply(bed, plan)
    same("written", (bed.log(), bed.log("shop")), ([("update", "10001"), ("update", "10003")],) * 2)
    same("the CRM", [fields(bed, "crm", key)[1] for key in ("10001", "10003")], ["Name 11", "Name 13"])
    same("the run that did it", [(row["cause"], row["counts"]["changed"], row["counts"]["left"]) for row in bed.json(DONE, "runs") if row["run"] == back],
         [(f"apply {plan}", 2, 2)])
    told = bed.json(DONE, "trace", "10001")["records"][0]["history"]
    same("as it is told", [(event["event"], event["object"], event["before"], event["after"], event["note"], bool(event["who"])) for event in told if event["run"] == back],
         [("changed", None, {"name": "Wrong"}, {"name": "Name 11"}, f"rollback of run {number}", True),
          ("sent-update", "crm.account", None, None, None, False), ("sent-update", "shop.account", None, None, None, False)])
    refused(bed.run("apply", str(plan)), FAILED, "ledger-plan", "is applied already")
    bed.quiet("customers")
    # However often the source shows what it showed, in full too.
    bed.export()
    same("a full read", bed.json(DONE, "run", "customers", "--unit", "one", "--full")[0]["counts"]["changed"], 0)
    bed.edit(["10001"], PHONE="999")
    bed.flow("customers")
    same("another field of it", fields(bed, "crm", "10001")[1:], ("Name 11", "Munich", "999"))
    bed.edit(["10001"], NAME="Right")
    same("another value", bed.flow("customers")["one"][1]["changed"], 1)
    same("the CRM", (fields(bed, "crm", "10001")[1], fields(bed, "crm", "10003")[1]), ("Right", "Name 13"))
    # The source goes back to what the record has: all agree, and the next change counts.
    bed.edit(["10003"], NAME="Name 13")
    bed.flow("customers")
    bed.edit(["10003"], NAME="Wrong")
    bed.flow("customers")
    bed.whole()
    bed.sound()


def test_changed_since(bed):
    """What a later run changed is listed and left, and the rest of the record goes back."""
    loaded(bed)
    bed.edit(["10001"], NAME="Wrong", PHONE="666")
    bed.edit(["10002"], NAME="Wrong")
    number = run(bed)
    bed.edit(["10001"], PHONE="777")
    later = run(bed)
    plan, items = rollback(bed, number)
    same("what it would change", what(items, "changed"), [("changed", "erp.customers", "10001", {"name": "Wrong"}, {"name": "Name 11"}),
                                                         ("changed", "erp.customers", "10002", {"name": "Wrong"}, {"name": "Name 12"})])
    same("what it leaves", left(items), {("erp.customers", "10001", ("phone",)): f"it was changed since, by run {later}"})
    # And what is changed between plan and apply is stale.
    bed.edit(["10002"], NAME="Newer")
    run(bed)
    bed.log()
    result = bed.run("apply", str(plan), "--strict")
    same(f"strict: {result}", result.status, FAILED)
    has(result.out, "stale: changed erp.customers 10002", "1 entries of plan", "nothing was written")
    same("strict: written", bed.log(), [])
    told = bed.json(FINDINGS, "apply", str(plan))
    same("stale", [(item["what"], item["native"]) for item in told["items"]], [("changed", "10002")])
    same("written", bed.log(), [("update", "10001")])
    same("the CRM", (fields(bed, "crm", "10001")[1:], fields(bed, "crm", "10002")[1]), (("Name 11", "Munich", "777"), "Newer"))
    bed.quiet("customers")
    bed.sound()


def test_cleared_and_back(bed):
    """A value that was set to null comes back, and one that came to be is null again."""
    bed.rows[2][4] = ""
    bed.export()
    loaded(bed)
    bed.edit(["10001"], PHONE="")
    bed.edit(["10002"], PHONE="123")
    number = run(bed)
    plan, items = rollback(bed, number)
    same("what it would change", what(items, "changed"), [("changed", "erp.customers", "10001", {"phone": None}, {"phone": "01"}),
                                                         ("changed", "erp.customers", "10002", {"phone": "123"}, {"phone": None})])
    apply(bed, plan)
    same("the CRM", [fields(bed, "crm", key)[3] for key in ("10001", "10002")], ["01", None])
    bed.quiet("customers")


# what a run created and deleted


def test_created(bed):
    """What it created is deleted at the targets; its source keeps it, unchanged it stays away, and another value brings it back."""
    loaded(bed)
    bed.rows.append(["10090", "1", "Nobody", "B", ""])
    bed.export()
    number = run(bed)
    bed.log(), bed.log("shop")
    plan, items = rollback(bed, number)
    same("what it would do", [(one[0], one[1], one[2]) for one in what(items, "deleted", "sent-deletes")][:1], [("deleted", "erp.customers", "10090")])
    same("what it would send", sorted(item["object"] for item in items if item["what"] == "sent-deletes"), ["crm.account", "shop.account"])
    back = apply(bed, plan)
    same("written", (bed.log(), bed.log("shop")), ([("delete", "10090")],) * 2)
    bed.quiet("customers")
    same("a full read", bed.json(DONE, "run", "customers", "--unit", "one", "--full")[0]["counts"]["created"], 0)
    same("reviews", bed.json(DONE, "reviews")["open"], 0)
    bed.edit(["10090"], NAME="Somebody")
    bed.flow("customers")
    same("written", (bed.log(), bed.log("shop")), ([("insert", "10090")],) * 2)
    bed.whole()
    bed.quiet("customers")
    # Its deletion was taken back by its source meanwhile.
    _, items = rollback(bed, back, FINDINGS)
    has(next(iter(left(items).values())), "it was brought back or deleted since, by run")
    bed.sound()


def test_created_and_gone(bed):
    """It goes at its source as well: nothing is left to be said about it, and it is nobody's question before it comes again."""
    loaded(bed)
    bed.rows.append(["10090", "1", "Nobody", "B", ""])
    bed.export()
    plan, _ = rollback(bed, run(bed))
    apply(bed, plan)
    bed.rows.pop()
    bed.export()
    bed.flow("customers")
    same("reviews", bed.json(DONE, "reviews")["open"], 0)
    bed.whole()
    bed.quiet("customers")
    bed.rows.append(["10090", "1", "Nobody", "B", ""])
    bed.export()
    answered(bed)
    bed.whole()
    same("what waits for another value", bed.ledger("SELECT count(*) FROM undone"), [(0,)])
    bed.quiet("customers")
    bed.sound()


def test_created_and_changed(bed):
    """Created, and changed by a later run: it stays."""
    loaded(bed)
    bed.rows.append(["10090", "1", "Nobody", "B", ""])
    bed.export()
    number = run(bed)
    bed.edit(["10090"], NAME="Somebody")
    later = run(bed)
    plan, items = rollback(bed, number, FINDINGS)
    same("what it leaves", left(items), {("erp.customers", "10090", ()): f"it was changed since, by run {later}"})
    same("its plan", [(row["state"], row["items"]) for row in bed.json(DONE, "plans", "--all") if row["plan"] == plan], [("overtaken", len(items))])
    refused(bed.run("apply", str(plan)), FAILED, "ledger-plan")
    has(bed.run("rollback", str(number)).out, "left", f"it was changed since, by run {later}", "done")
    bed.whole()


def test_deleted(bed):
    """What it deleted is created again under new native ids, and stays when its source goes on not showing it."""
    loaded(bed)
    before = dict(bed.ask("crm", "SELECT number, id FROM account"))
    gone = [row for row in bed.rows if row[0] == "10001"]
    bed.rows.remove(gone[0])
    bed.export()
    number = run(bed)
    same("deleted", bed.log(), [("delete", "10001")])
    bed.log("shop")
    plan, items = rollback(bed, number)
    same("what it would do", [(one[0], one[1], one[2]) for one in what(items, "restored", "sent-creates")],
         [("restored", "erp.customers", "10001"), ("sent-creates", "crm.account", "10001"), ("sent-creates", "shop.account", "10001")])
    back = apply(bed, plan)
    same("written", (bed.log(), bed.log("shop")), ([("insert", "10001")],) * 2)
    same("as it was", fields(bed, "crm", "10001"), ("10001", "Name 11", "Munich", "01"))
    assert bed.ask("crm", "SELECT id FROM account WHERE number = '10001'") != [(before["10001"],)], "a new native id"
    same("counted", [row["counts"]["restored"] for row in bed.json(DONE, "runs") if row["run"] == back], [1])
    same("told", [event["note"] for event in bed.json(DONE, "trace", "10001")["records"][0]["history"] if event["event"] == "restored"], [f"rollback of run {number}"])
    bed.quiet("customers")
    bed.json(DONE, "run", "customers", "--unit", "one", "--full")
    same("accounts", (bed.accounts(), bed.accounts("shop")), (sorted(bed.numbers() + ["10001"]),) * 2)
    bed.sound()


# references


def test_referred_to(bed):
    """A created record that others refer to stays, until what refers to it is taken back."""
    loaded(bed, "customers", "orders")
    bed.rows.append(["10090", "1", "Nobody", "B", ""])
    bed.orders.append(["O10090", "1", "10090", "9.00"])
    bed.export()
    number, child = run(bed), run(bed, "orders")
    bed.log()
    order = bed.ledger("SELECT _id FROM golden_purchase WHERE number = 'O10090'")[0][0]
    _, items = rollback(bed, number, FINDINGS)
    same("what it leaves", left(items), {("erp.customers", "10090", ()): f"record {order} (purchase) refers to it"})
    bed.change("conf.d/30-flows.conf", 'crm: { object = "deal"; create_if = "true";', 'crm: { object = "deal"; create_if = "true"; deletes: { do = "delete"; };')
    bed.execute("crm", "CREATE TRIGGER d3 AFTER DELETE ON deal BEGIN INSERT INTO log VALUES('delete', OLD.number); END;")
    bed.run("flag", "orders", "on", "--without-preview", "--why", "test")
    plan, items = rollback(bed, child)
    same("the order", [(one[0], one[2]) for one in what(items, "deleted")], [("deleted", "O10090")])
    apply(bed, plan)
    plan, items = rollback(bed, number)
    apply(bed, plan)
    same("written", [one for one in bed.log() if one[0] == "delete"], [("delete", "10090"), ("delete", "O10090")])
    bed.sound()


# over and over


def test_of_a_rollback(bed):
    """A rollback is a run, and is taken back in the same manner; and that, too."""
    loaded(bed)
    kept = [row for row in bed.rows if row[0] == "10002"][0]
    bed.rows.remove(kept)
    bed.rows.append(["10090", "1", "Nobody", "B", ""])
    bed.edit(["10001"], NAME="Wrong")
    number = run(bed)
    first = sorted(bed.numbers())

    def there():
        bed.log(), bed.log("shop")
        same("the shop and the CRM", bed.accounts(), bed.accounts("shop"))
        return bed.accounts(), fields(bed, "crm", "10001")[1]

    forth, one = there(), number
    same("at first", forth, (first, "Wrong"))
    before = (sorted([key for key in first if key != "10090"] + ["10002"]), "Name 11")
    for wanted in (before, forth, before, forth):
        plan, items = rollback(bed, one)
        same("left, but for what systems did", left(items), {})
        one = apply(bed, plan)
        same(f"after run {one}", there(), wanted)
        bed.quiet("customers")
        bed.sound()
    # All that was taken back twice is as if nothing had been: the source's next values count.
    bed.edit(["10001", "10090"], NAME="Right")
    bed.flow("customers")
    same("names", [fields(bed, "crm", key)[1] for key in ("10001", "10090")], ["Right", "Right"])
    bed.whole()


def test_again(bed):
    """The same run twice: what is taken back is not there any more."""
    loaded(bed)
    bed.edit(["10001"], NAME="Wrong")
    number = run(bed)
    back = apply(bed, rollback(bed, number)[0])
    _, items = rollback(bed, number, FINDINGS)
    same("what it leaves", left(items), {("erp.customers", "10001", ("name",)): f"it was changed since, by run {back}"})


# refusals


def test_refused(bed):
    """No such run, one that did nothing, one that is held, one whose history is gone, one of a flow that is gone."""
    loaded(bed)
    idle = run(bed)
    refused(bed.run("rollback", str(idle)), FAILED, "rollback-nothing", f"run {idle} changed no record")
    refused(bed.run("rollback", "4711"), FAILED, "rollback-unknown", "there is no run 4711", "syncline runs")
    bed.edit(bed.numbers(1)[:5], NAME="Many")
    held = run(bed, status=HELD)
    plan = bed.json(DONE, "plans")[0]["plan"]
    refused(bed.run("rollback", str(held)), FAILED, "rollback-open", f"its plan {plan} waits", "plans drop")
    applied = apply(bed, plan)
    refused(bed.run("rollback", str(held)), FAILED, "rollback-nothing", f"applied by run {applied}", f"syncline rollback {applied}")
    plan, items = rollback(bed, applied)
    same("of the run that applied it", len(what(items, "changed")), 5)
    own = [row["run"] for row in bed.json(DONE, "runs") if row["cause"] == f"rollback {applied}"][0]
    refused(bed.run("rollback", str(own)), FAILED, "rollback-open", f"its plan {plan} waits")
    same("dropped", bed.run("plans", "drop", str(plan), "--why", "test").status, DONE)
    refused(bed.run("rollback", str(own)), FAILED, "rollback-nothing", "was held, and wrote nothing")
    bed.ledger("DELETE FROM history WHERE run = ? AND id = (SELECT min(id) FROM history WHERE run = ? AND event = 'changed')", applied, applied)
    refused(bed.run("rollback", str(applied)), FAILED, "rollback-pruned", "or not all of it")
    bed.ledger("DELETE FROM history WHERE run = ?", applied)
    refused(bed.run("rollback", str(applied)), FAILED, "rollback-pruned", f"the history of run {applied} is not kept any more")
    for code in ("unknown", "nothing", "pruned", "open"):
        same("explained", bed.run("explain", f"rollback-{code}").status, DONE)
    same("no run was begun for these", [row["cause"] for row in bed.json(DONE, "runs") if row["cause"].startswith("rollback")], [f"rollback {applied}"])


def test_locked_and_flags(bed):
    """A lock counts; no plan is applied of what is off or paused."""
    loaded(bed)
    bed.edit(["10001"], NAME="Wrong", PHONE="666")
    number = run(bed)
    record = str(bed.ledger("SELECT _id FROM golden_customer WHERE number = '10001'")[0][0])
    same("locked", bed.run("lock", record, "name", "--why", "test").status, DONE)
    plan, items = rollback(bed, number)
    same("what it leaves", left(items), {("erp.customers", "10001", ("name",)): "it is locked"})
    bed.run("flag", "customers", "paused", "--why", "test")
    plan, items = rollback(bed, number)
    same("what it leaves", left(items), {("erp.customers", "10001", ("name",)): "it is locked"})
    result = bed.run("apply", str(plan))
    same(f"paused: {result}", result.status, FAILED)
    bed.run("flag", "customers", "on", "--why", "test")
    apply(bed, plan)
    same("the CRM", fields(bed, "crm", "10001")[1:], ("Wrong", "Munich", "01"))


def test_booked(bed):
    """Of what is booked nothing is taken back."""
    bed.change("conf.d/20-entities.conf", 'purchase: { owner = "erp";', 'purchase: { owner = "erp"; booked = true;')
    loaded(bed, "customers", "orders")
    bed.orders[1][3] = "99.00"
    bed.orders.append(["O10090", "1", "10001", "9.00"])
    bed.export()
    _, items = rollback(bed, run(bed, "orders"), FINDINGS)
    same("what it leaves", left(items), {("erp.orders", "O10001", ("total",)): "it is booked, which only another booking takes back",
                                        ("erp.orders", "O10090", ()): "it is booked, which only another booking takes back"})


# both ways


class TwoWayBed(runs_bed.Bed):
    """One unit, and a CRM that owns the phone and is read."""
    def __init__(self):
        super().__init__()
        self.change("conf.d/20-entities.conf", 'phone: { type = "text"; };', 'phone: { type = "text"; owner = "crm"; };')
        self.change("conf.d/30-flows.conf", 'customers: { entity = "customer"; units = [ "one", "two" ];', 'customers: { entity = "customer"; units = [ "one" ];')
        self.change("conf.d/30-flows.conf", 'crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; };\n        write = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] ); };',
                    'crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; }; %s map = ( [ "number", "number" ], [ "name", "name" ], '
                    '[ "city", "city" ], [ "phone", "phone" ] ); };' % self.crm)
        self.rows = [row for row in self.rows if row[1] == "1"]
        self.orders = []
        self.export()

    crm = 'trigger: { every = "1h"; };'

    def users(self, sql):
        self.execute("crm", sql)
        self.log()

    def at_rest(self):
        """What the runs saw of their own writes is no change."""
        for _ in range(2):
            self.flow("customers")
        same("written at rest", (self.log(), self.log("shop")), ([], []))


def test_two_way_edited(bed):
    """Users edited some fields at the target and the source changed others: these are listed and left, and the rest goes back."""
    loaded(bed)
    bed.at_rest()
    bed.edit(["10001", "10002", "10003", "10004"], NAME="Wrong")
    bed.users("UPDATE account SET phone = '555' WHERE number IN ('10002', '10003')")
    bed.change("conf.d/30-flows.conf", 'at_least = 3', 'at_least = 30')
    number = run(bed)
    bed.users("UPDATE account SET phone = '777' WHERE number = '10002'")
    bed.edit(["10004"], NAME="Newer")
    later = run(bed)
    same("rest", run(bed) > later, True)
    plan, items = rollback(bed, number)
    crm = dict(bed.ask("crm", "SELECT number, CAST(id AS TEXT) FROM account"))
    same("what it would change", sorted((one[2], one[4]) for one in what(items, "changed")),
         sorted([("10001", {"name": "Name 11"}), ("10002", {"name": "Name 12"}), (crm["10003"], {"name": "Name 13", "phone": "03"})]))
    same("what it leaves", left(items), {("crm.account", crm["10002"], ("phone",)): f"it was changed since, by run {later}",
                                        ("erp.customers", "10004", ("name",)): f"it was changed since, by run {later}"})
    # Users go on between plan and apply, and nobody has read it yet.
    bed.users("UPDATE account SET phone = '888', name = 'Users' WHERE number = '10001'")
    apply(bed, plan)
    same("the CRM", [fields(bed, "crm", key)[1:] for key in ("10001", "10002", "10003", "10004")],
         [("Name 11", "Munich", "888"), ("Name 12", "Berlin", "777"), ("Name 13", "Munich", "555"), ("Newer", "Berlin", "04")])
    bed.log(), bed.log("shop")
    # The CRM gave the phone that was taken back: it keeps its own, which says nothing before it is another one.
    phone = "SELECT phone FROM golden_customer WHERE number = '10003'"
    same("ours", bed.ledger(phone), [("03",)])
    bed.at_rest()
    bed.json(DONE, "run", "customers", "--full")
    same("still", (bed.ledger(phone), fields(bed, "crm", "10003")[3]), ([("03",)], "555"))
    bed.users("UPDATE account SET city = 'Users' WHERE number = '10003'")
    bed.flow("customers")
    same("another field", (bed.ledger(phone), fields(bed, "crm", "10003")[1:]), ([("03",)], ("Name 13", "Munich", "555")))
    bed.users("UPDATE account SET phone = '556' WHERE number = '10003'")
    bed.flow("customers")
    same("another phone", (bed.ledger(phone), fields(bed, "crm", "10003")[3]), ([("556",)], "556"))
    bed.at_rest()
    bed.sound()


def test_two_way_linked(bed):
    """A record that the run created, and that another system has of its own by now, stays; so does what was linked."""
    bed.change("conf.d/30-flows.conf", 'crm: { object = "account"; create_if', 'crm: { object = "account"; originates = true; create_if')
    loaded(bed)
    bed.at_rest()
    bed.users("INSERT INTO account(number, name) VALUES('10090', 'Made here')")
    number = run(bed)
    bed.log("shop")
    bed.at_rest()
    bed.rows.append(["10090", "1", "Made here", "", ""])
    bed.export()
    other = run(bed)
    _, items = rollback(bed, number, FINDINGS)
    has(left(items)["crm.account", str(bed.ask("crm", "SELECT id FROM account WHERE number = '10090'")[0][0]), ()], "10090 of erp.customers", "was there before")
    refused(bed.run("rollback", str(other)), FAILED, "rollback-nothing")
    same("it is there", bed.accounts()[-1], "10090")


def test_two_way_created(bed):
    """What users made at a target that is a source as well is deleted elsewhere, and left where they made it."""
    bed.change("conf.d/30-flows.conf", 'crm: { object = "account"; create_if', 'crm: { object = "account"; originates = true; create_if')
    loaded(bed)
    bed.at_rest()
    bed.users("INSERT INTO account(number, name) VALUES('10090', 'Made here')")
    plan, _ = rollback(bed, run(bed))
    bed.log(), bed.log("shop")
    apply(bed, plan)
    same("written", (bed.log(), bed.log("shop")), ([], [("delete", "10090")]))
    bed.at_rest()
    bed.users("UPDATE account SET name = 'Meant' WHERE number = '10090'")
    bed.flow("customers")
    same("another value", (bed.log("shop"), fields(bed, "shop", "10090")[1]), ([("insert", "10090")], "Meant"))
    bed.at_rest()
    bed.sound()


def test_two_way_deleted(bed):
    """What users deleted is created again elsewhere, under new native ids, and not where they deleted it."""
    bed.change("conf.d/30-flows.conf", 'crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; };',
               'crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; seen = "accept"; };')
    loaded(bed)
    bed.at_rest()
    bed.users("DELETE FROM account WHERE number = '10001'")
    plan, _ = rollback(bed, run(bed))
    bed.log(), bed.log("shop")
    apply(bed, plan)
    same("written", (bed.log(), bed.log("shop")), ([], [("insert", "10001")]))
    bed.at_rest()
    bed.edit(["10001"], NAME="Another")
    bed.flow("customers")
    same("a change later", (bed.accounts().count("10001"), fields(bed, "shop", "10001")[1]), (0, "Another"))
    bed.log("shop")
    bed.at_rest()
    bed.sound()


def test_two_way_deleted_over_and_over(bed):
    """Where users deleted it, it is not created by the rollback of a rollback of a rollback either."""
    bed.change("conf.d/30-flows.conf", 'crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; };',
               'crm: { object = "account"; create_if = "true"; deletes: { do = "delete"; seen = "accept"; };')
    loaded(bed)
    bed.at_rest()
    bed.users("DELETE FROM account WHERE number = '10001'")
    one = run(bed)
    bed.log(), bed.log("shop")
    for wanted in ("insert", "delete", "insert", "delete"):
        plan, _ = rollback(bed, one)
        one = apply(bed, plan)
        same("written", (bed.log(), bed.log("shop")), ([], [(wanted, "10001")]))
        bed.at_rest()
        bed.sound()


def test_two_way_newest(bed):
    """By the newest change: the one that is taken back is as old as it is, and the next one of its system is newer."""
    bed.change("conf.d/20-entities.conf", 'phone: { type = "text"; owner = "crm"; };', 'phone: { type = "text"; policy = "newest"; tie = "crm"; };')
    loaded(bed)
    bed.at_rest()
    bed.users("UPDATE account SET phone = '555' WHERE number = '10003'")
    plan, _ = rollback(bed, run(bed))
    apply(bed, plan)
    phone = "SELECT phone FROM golden_customer WHERE number = '10003'"
    bed.at_rest()
    same("taken back", (bed.ledger(phone), fields(bed, "crm", "10003")[3]), ([("03",)], "555"))
    bed.users("UPDATE account SET phone = '556' WHERE number = '10003'")
    bed.flow("customers")
    same("the next one", bed.ledger(phone), [("556",)])
    bed.edit(["10003"], PHONE="557")
    bed.flow("customers")
    same("and another's", (bed.ledger(phone), fields(bed, "crm", "10003")[3]), ([("557",)], "557"))
    bed.log()
    bed.at_rest()


# unique values


def test_exchanged(bed):
    """Unique values that went from one to the next go back; a value that another record has by now stays there."""
    bed.change("conf.d/20-entities.conf", 'phone: { type = "text"; };', 'phone: { type = "text"; unique = true; };')
    for i, row in enumerate(bed.rows):
        row[4] = f"0{i}"
    bed.export()
    loaded(bed)
    bed.edit(["10001"], PHONE="new")
    bed.edit(["10002"], PHONE="01")
    bed.edit(["10003"], PHONE="02")
    number = run(bed)
    same("the CRM", [fields(bed, "crm", key)[3] for key in ("10001", "10002", "10003")], ["new", "01", "02"])
    plan, items = rollback(bed, number)
    same("left", left(items), {})
    apply(bed, plan)
    for _ in range(2):
        bed.flow("customers")
    same("ours", bed.ledger("SELECT phone FROM golden_customer WHERE number IN ('10001', '10002', '10003') ORDER BY number"), [("01",), ("02",), ("03",)])
    bed.edit(["10004"], PHONE="free")
    number = run(bed)
    bed.edit(["10005"], PHONE="04")
    run(bed)
    _, items = rollback(bed, number, FINDINGS)
    holder = bed.ledger("SELECT _id FROM golden_customer WHERE number = '10005'")[0][0]
    same("what it leaves", left(items), {("erp.customers", "10004", ("phone",)): f"record {holder} has this value by now"})
    bed.sound()


# documents


def test_documents(bed):
    """No document is removed, and none gets its former bytes; the fields beside it go back."""
    bed.begun(2)
    bed.put("left/bills/B0.pdf", "bill 0, corrected", "Wrong")
    bed.put("left/bills/B9.pdf", "bill 9", "Bill 9")
    bed.json(DONE, "run", "bills")
    number = bed.json(DONE, "runs")[0]["run"]
    bed.flow()
    plan, items = rollback(bed, number)
    same("what it would change", [(one[1], one[4]) for one in what(items, "changed", "deleted")], [("left.bills", {"title": "Bill 0"})])
    same("what it leaves", sorted(left(items).values()), ["it is a document, and documents are not removed", "it is a document, whose former bytes are not kept"])
    apply(bed, plan)
    right = bed.there("right/papers")
    same("the right", {name: right[name] for name in ("B0.pdf", "B9.pdf")}, {"B0.pdf": ("bill 0, corrected", "Bill 0"), "B9.pdf": ("bill 9", "Bill 9")})
    same("the left", bed.there("left/bills")["B0.pdf"], ("bill 0, corrected", "Wrong"))
    bed.flow()
    bed.quiet()


# killed


def test_killed(bed):
    """Killed at any moment, and applied or run again: each target has it once, and nothing of it is lost."""
    loaded(bed)
    seed = int(os.environ.get("SYNCLINE_SEED", "1"))
    chance = random.Random(seed)
    bed.change("conf.d/30-flows.conf", 'at_least = 3', 'at_least = 30')
    bed.run("flag", "customers", "on", "--without-preview", "--why", "test")
    first = bed.ask("crm", "SELECT number, name, city, phone FROM account ORDER BY number")
    longest = 0.3
    for turn in range(4 if "SYNCLINE_SHORT" in os.environ or "SYNCLINE_VALGRIND" in os.environ else 60 if "SYNCLINE_LONG" in os.environ else 12):
        gone = bed.rows.pop(3)
        bed.rows.append([f"1{turn:02}90", "1", "Nobody", "B", ""])
        bed.edit(["10001", "10002"], NAME=f"Wrong {turn}")
        plan, _ = rollback(bed, run(bed))
        bed.log(), bed.log("shop")
        process = bed.start("apply", str(plan))
        try:
            process.wait(timeout=chance.uniform(0, longest))
            longest = max(0.02, longest * 0.8)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        if [row["state"] for row in bed.json(DONE, "plans", "--all") if row["plan"] == plan] == ["open"]:
            apply(bed, plan)
        bed.flow("customers", DONE, "--patience", "60")
        for name, columns in (("crm", "number, name, city, phone"), ("shop", "number, name, NULL, NULL")):
            wanted = [row if name == "crm" else (row[0], row[1], None, None) for row in first]
            same(f"seed {seed}, turn {turn}: {name}", bed.ask(name, f"SELECT {columns} FROM account ORDER BY number"), wanted)
            log = bed.log(name)
            same(f"seed {seed}, turn {turn}: created and deleted once in {name}", [one for one in log if one[0] != "update"],
                 [("delete", f"1{turn:02}90"), ("insert", gone[0])])
        bed.sound()
        # All of it is in the ERP again for the next turn.
        bed.rows = [row for row in bed.rows if row[2] != "Nobody"]
        bed.rows.insert(3, gone)
        bed.edit(["10001"], NAME="Name 11")
        bed.edit(["10002"], NAME="Name 12")
        answered(bed)
        bed.log(), bed.log("shop")


def answered(bed):
    """A run; and what came back at its source is one with its record again."""
    bed.json(FINDINGS, "run", "customers", "--unit", "one")
    for finding in bed.json(FINDINGS, "reviews", "--each")["findings"]:
        same("asked", (finding["cause"], bed.run("reviews", "decide", str(finding["id"]), "accept", "--why", "test").status), ("resurrected", DONE))
    bed.flow("customers")


# asked of the agent


def test_agent_served(bed):
    """The agent does it in the same words."""
    loaded(bed)
    bed.edit(["10001"], NAME="Wrong")
    number = run(bed)
    bed.begin()
    try:
        plan, items = rollback(bed, number)
        same("what it would change", len(what(items, "changed")), 1)
        has(bed.run("rollback", str(number)).out, "held", "Name 11")
        refused(bed.run("rollback", "4711"), FAILED, "rollback-unknown", "there is no run 4711")
        plan = bed.json(DONE, "plans")[0]["plan"]
        bed.log(), bed.log("shop")
        apply(bed, plan)
        same("written", (bed.log(), bed.log("shop")), ([("update", "10001")],) * 2)
    finally:
        bed.end()
    bed.sound()


BEDS = {"test_two_way": TwoWayBed, "test_documents": documents_flow.Bed, "test_agent": daemon_bed.Bed}


def make_of(name):
    return next((make for begin, make in BEDS.items() if name.startswith(begin)), runs_bed.Bed)


if __name__ == "__main__":
    WORD = sys.argv[1] if len(sys.argv) > 1 else ""
    CHOSEN = [(name, test) for name, test in globals().items() if name.startswith("test_") and WORD in name]
    sys.exit(any([main([one], "", make_of(one[0])) for one in CHOSEN]) or not CHOSEN)
