#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""told_apart.py [WORD]: which native record is which record of ours, over whole runs; with WORD only the tests whose names hold it."""
import json
import os
import shutil
import sqlite3
import sys

import runs_bed
from cli_ledger import LedgerBed, explained, good, has
from runs_bed import same

HEAD = "NR,NAME,COLOUR,PAID\n"
PEOPLE = HEAD + "1,Ann,red,1.50\n2,Bob,blue,2.00\n"
MORE = PEOPLE + "3,Cid,red,3.00\n4,Dan,red,4.00\n"


def persons(bed):
    return bed.table("SELECT id, number, name FROM person ORDER BY id")


def records(bed):
    """The records' numbers, by what they are known by."""
    return dict(bed.table("SELECT number, _id FROM golden_person", file="state/ledger.db"))


def held(bed):
    return bed.table("SELECT record, state, cause, reason FROM delivery_view WHERE state = 'held' ORDER BY record", file="state/ledger.db")


def decide(bed, native, *words):
    """What is asked about this native record."""
    return bed.run("reviews", "decide", bed.by_key("reviews", native), *words, "--why", "a test")


# What was created after the state that a ledger was put back to.

def nameless(bed):
    """The target's numbers are written and never read: nothing but our own id tells there which record is which."""
    bed.change("conf.d/30-flows.conf", '[ "id", "number", "create" ], ', "")
    bed.people(PEOPLE)
    bed.begin(0)
    same("the first two", persons(bed), [(1, "1", "Ann"), (2, "2", "Bob")])


ALL = [(1, "1", "Ann"), (2, "2", "Bob"), (3, "3", "Cid"), (4, "4", "Dan")]


def forgot_two(bed):
    """Two persons stand there that the ledger made and knows nothing of: nothing is made beside them before a person has looked."""
    for _ in range(2):
        good(bed.run("run", "people"), 3)
        same("nothing is created", persons(bed), ALL)
        same("asked", sorted((finding["native"], finding["cause"]) for finding in bed.findings("reviews")), [("3", "forgotten"), ("4", "forgotten")])
    of = records(bed)
    waits = held(bed)
    same("held", [(record, state, cause) for record, state, cause, _ in waits], [(of[number], "held", "forgotten") for number in ("3", "4")])
    has(waits[0][3], "a person is asked", "does not know")
    has(good(bed.run("trace", str(of["3"]))).out, "held", "a person is asked")
    shown = bed.run("reviews", "show", bed.by_key("reviews", "3"))
    has(shown.out, "restored or copied", "link RECORD|create|ignore")
    # One is one of ours and is linked, the other one is nobody's: then what is left is created.
    good(decide(bed, "3", "link", str(of["3"])))
    good(bed.run("run", "people"), 3)
    same("one is linked, and the other one still asked about", persons(bed), ALL)
    good(decide(bed, "4", "ignore"))
    good(bed.run("run", "people"), 3)
    same("the other one is created", persons(bed), ALL + [(5, "4", "Dan")])
    # What is left alone is not asked about again when somebody edits it.
    bed.table("update person set colour = 'green' where id = 4")
    bed.people(MORE + "6,Fay,red,6.00\n")
    good(bed.run("run", "people"))
    same("others are created", persons(bed), ALL + [(5, "4", "Dan"), (6, "6", "Fay")])
    same("nothing is asked", bed.findings("reviews"), [])
    good(bed.run("doctor", "--offline"))


def test_restored_forgets(bed):
    nameless(bed)
    good(bed.run("backup", bed.path("kept.db")))
    bed.people(MORE)
    good(bed.run("run", "people"))
    good(bed.run("restore", bed.path("kept.db")))
    forgot_two(bed)


def test_copied_forgets(bed):
    nameless(bed)
    shutil.copytree(bed.path("state"), bed.path("copy"))
    bed.people(MORE)
    good(bed.run("run", "people"))
    shutil.rmtree(bed.path("state"))
    os.rename(bed.path("copy"), bed.path("state"))
    forgot_two(bed)


def test_restored_matches(bed):
    """Where a match key is read, what was forgotten is found by it, and nobody is asked."""
    bed.change("conf.d/30-flows.conf", 'map = ( [ "colour", "colour" ] );', 'map = ( [ "colour", "colour" ], [ "number", "number" ] );')
    bed.change("conf.d/30-flows.conf", '[ "id", "number", "create" ], [ "number", "number" ], ', "")
    bed.people(PEOPLE)
    bed.begin(0)
    good(bed.run("backup", bed.path("kept.db")))
    bed.people(MORE)
    good(bed.run("run", "people"))
    good(bed.run("restore", bed.path("kept.db")))
    good(bed.run("run", "people"))
    same("nothing is created", persons(bed), ALL)
    same("nothing is asked", bed.findings("reviews"), [])


def test_forgotten_goes(bed):
    """Whoever removes the forgotten ones at the system has answered as well."""
    nameless(bed)
    good(bed.run("backup", bed.path("kept.db")))
    bed.people(MORE)
    good(bed.run("run", "people"))
    good(bed.run("restore", bed.path("kept.db")))
    good(bed.run("run", "people"), 3)
    bed.table("delete from person where id in (3, 4)")
    good(bed.run("run", "people"))
    same("created", sorted((number, name) for _, number, name in persons(bed)), [("1", "Ann"), ("2", "Bob"), ("3", "Cid"), ("4", "Dan")])
    same("nothing is asked", bed.findings("reviews"), [])


def test_restored_twice(bed):
    """No number of a record is given out twice, and no external id with it, however often the same backup is put back."""
    nameless(bed)
    good(bed.run("backup", bed.path("kept.db")))
    given = []
    for _ in range(3):
        bed.people(MORE)
        bed.run("run", "people")
        of = records(bed)
        given += [of["3"], of["4"]]
        bed.people(PEOPLE)
        good(bed.run("restore", bed.path("kept.db")))
    same("numbers that were given out", len(set(given)), 6)


# A key that is not one native record's alone.

FAR = 3000


def matched(bed):
    """The target has records of its own, which are known by their numbers."""
    bed.change("conf.d/30-flows.conf", 'map = ( [ "colour", "colour" ] );', 'map = ( [ "colour", "colour" ], [ "number", "number" ] );')
    bed.change("conf.d/30-flows.conf", '[ "id", "number", "create" ], [ "number", "number" ], ', "")
    bed.people(HEAD + "".join(f"{i},P{i},red,1.50\n" for i in range(1, 6)))
    with sqlite3.connect(bed.path("base.sqlite")) as base:
        base.executemany("INSERT INTO person(id, number, name, colour) VALUES(?, ?, ?, 'red')",
                         [(i, {1: "1", FAR: "1", 2: "2", 4: "4"}.get(i, str(100000 + i)), f"B{i}") for i in range(1, FAR + 1)])
    base.close()
    good(bed.run("flag", "people", "on", "--without-preview", "--why", "a test"))


def asked(bed):
    value = bed.run("--json", "reviews", "--cause", "disputed")
    return sorted((finding["native"], finding["cause"]) for finding in json.loads(value.out)["findings"])


def twins(bed, *ids):
    return bed.table(f"SELECT id, name, ext FROM person WHERE id IN ({','.join(map(str, ids))}) ORDER BY id")


UNTOUCHED = [(1, "B1", None), (FAR, f"B{FAR}", None)]


def test_twins_far_apart(bed):
    """Two native records that are batches apart have the number of one of ours: neither is linked, and neither is written to."""
    matched(bed)
    for _ in range(2):
        good(bed.run("run", "people"), 3)
        same("the twins", twins(bed, 1, FAR), UNTOUCHED)
        same("asked", asked(bed), [("1", "disputed"), (str(FAR), "disputed")])
        same("those whose number is their own", bed.table("SELECT id, name FROM person WHERE id IN (2, 4)"), [(2, "P2"), (4, "P4")])
    # One of them gets another number: the other one is no twin any more.
    bed.table(f"UPDATE person SET number = 'x' WHERE id = {FAR}")
    good(bed.run("run", "people"), 3)
    good(bed.run("run", "people"), 3)
    same("linked", (twins(bed, 1)[0][:2], asked(bed)), ((1, "P1"), []))


def test_twins_planned(bed):
    """A plan says so as well, and what it does is what it says."""
    matched(bed)
    good(bed.run("flag", "people", "preview", "--why", "a test"))
    good(bed.run("run", "people"), 4)
    (plan,) = bed.json(0, "plans")
    items = [item for item in bed.json(0, "plans", str(plan["plan"])) if item["object"] == "base.person" and item["record"] == 0]
    same("planned", sorted((item["native"], item["what"]) for item in items if item["what"] in ("linked", "reviews")),
         [("1", "reviews"), ("2", "linked"), (str(FAR), "reviews"), ("4", "linked")])
    bed.run("apply", str(plan["plan"]))
    same("the twins", (twins(bed, 1, FAR), asked(bed)), (UNTOUCHED, [("1", "disputed"), (str(FAR), "disputed")]))


def test_twins_one_after_the_other(bed):
    """Where each change is told once, the second one comes runs later: it is not linked beside a question about the first one."""
    bed.change("conf.d/10-systems.conf", 'external_key = "ext"; };', 'external_key = "ext"; mark = [ "id" ]; };')
    bed.change("conf.d/30-flows.conf", 'map = ( [ "colour", "colour" ] );', 'map = ( [ "colour", "colour" ], [ "number", "number" ] );')
    bed.change("conf.d/30-flows.conf", '[ "id", "number", "create" ], [ "number", "number" ], ', "")
    bed.people(PEOPLE)
    bed.table("INSERT INTO person(id, number, name) VALUES(10, '1', 'A'), (11, '1', 'B')")
    bed.begin(3)
    same("asked", asked(bed), [("10", "disputed"), ("11", "disputed")])
    good(bed.run("reviews", "decide", bed.by_key("reviews", "11"), "ignore", "--why", "a test"))
    good(bed.run("run", "people"), 3)
    bed.table("INSERT INTO person(id, number, name) VALUES(30, '1', 'C')")
    good(bed.run("run", "people"), 3)
    same("asked", asked(bed), [("10", "disputed"), ("30", "disputed")])
    same("not written to", [name for _, name, _ in twins(bed, 10, 11, 30)], ["A", "B", "C"])


# A decision that cannot be carried out is none.

def test_decided_for_one_that_is_linked(bed):
    bed.change("conf.d/30-flows.conf", 'map = ( [ "colour", "colour" ] );',
               'map = ( [ "colour", "colour" ], [ "name", "name" ] ); situations: { unmatched = "hold"; };')
    bed.change("conf.d/30-flows.conf", ', [ "name", "name" ], [ "paid"', ', [ "paid"')
    bed.people(PEOPLE)
    bed.table("INSERT INTO person(id, number, name) VALUES(70, '70', 'Zoe')")
    bed.begin(3)
    of = records(bed)
    before = bed.findings("reviews")
    (mine,) = bed.table("SELECT native FROM link_view WHERE record = ? AND object = 'base.person'", of["1"], file="state/ledger.db")
    explained(decide(bed, "70", "link", str(of["1"])), 1, "ledger-finding", f"linked to {mine[0]} of base.person", "create", "ignore")
    same("nothing was decided", bed.findings("reviews"), before)
    # What is free is taken.
    bed.table(f"DELETE FROM person WHERE id = {mine[0]}")
    bed.run("run", "people")
    good(decide(bed, "70", "link", str(of["1"])))
    bed.run("run", "people")
    same("linked", bed.table("SELECT record FROM link_view WHERE native = '70' AND state = 'live'", file="state/ledger.db"), [(of["1"],)])


# Values that no two records may have.

def uniquely(bed, more=""):
    """The number comes from COLOUR, is unique and links nothing."""
    bed.change("conf.d/20-entities.conf", 'match = ( { exact = [ "number" ]; } );', more)
    bed.change("conf.d/30-flows.conf", 'number = "NR"', 'number = "COLOUR"')
    bed.change("conf.d/30-flows.conf", '[ "id", "number", "create" ], ', "")
    bed.change("conf.d/30-flows.conf", ', [ "colour", "COLOUR" ]', "")


def rejected(bed):
    return [(finding["native"], finding["cause"]) for finding in bed.findings("rejects")]


TAKEN = "number: another record has this value"


def stands(bed, *wanted):
    same("persons", bed.table("SELECT name, number FROM person ORDER BY id"), list(wanted))


def tell_unique(bed):
    bed.people(HEAD + "1,Ann,red,1\n2,Bob,green,2\n3,Cid,blue,3\n")
    bed.begin(0)
    stands(bed, ("Ann", "red"), ("Bob", "green"), ("Cid", "blue"))
    # An owner gives it the value of another one; a new one comes with it.
    bed.people(HEAD + "1,Ann,red,1\n2,Bob,green,2\n3,Cid,red,3\n4,Dan,red,4\n")
    for _ in range(2):
        good(bed.run("run", "people", "--full"), 3)
        stands(bed, ("Ann", "red"), ("Bob", "green"), ("Cid", "blue"))
        same("rejects", sorted(rejected(bed)), [("3", TAKEN), ("4", TAKEN)])
    has(bed.run("rejects", "show", bed.by_key("rejects", "3")).out, f"record {records(bed)['red']} (here 1) has this value")
    # One that is given another value in the same read leaves its own to whoever comes, before it or after.
    bed.people(HEAD + "1,Ann,white,1\n2,Bob,green,2\n3,Cid,red,3\n4,Dan,black,4\n")
    good(bed.run("run", "people"))
    stands(bed, ("Ann", "white"), ("Bob", "green"), ("Cid", "red"), ("Dan", "black"))
    bed.people(HEAD + "1,Ann,green,1\n2,Bob,pink,2\n3,Cid,red,3\n4,Dan,black,4\n")
    good(bed.run("run", "people"))
    stands(bed, ("Ann", "green"), ("Bob", "pink"), ("Cid", "red"), ("Dan", "black"))
    same("rejects", rejected(bed), [])
    # Nothing has it is no value.
    bed.people(HEAD + "1,Ann,green,1\n2,Bob,pink,2\n3,Cid,red,3\n4,Dan,black,4\n5,Eve,green,5\n6,Fay,green,6\n")
    good(bed.run("run", "people"), 3)
    same("rejects", sorted(rejected(bed)), [("5", TAKEN), ("6", TAKEN)])


NAMES = {"1": "Ann", "2": "Bob", "3": "Cid", "4": "Dan", "5": "Eve", "6": "Fay"}


def colours(bed, **colours):
    """The export: c1 = "red", in this order."""
    bed.people(HEAD + "".join(f"{key[1]},{NAMES[key[1]]},{colour},1\n" for key, colour in colours.items()))


def shown(bed):
    return dict(bed.table("SELECT name, number FROM person"))


def test_unique_exchanged(bed):
    """What counts is what all of them have in the end, in whichever order the rows come."""
    uniquely(bed)
    colours(bed, c1="a", c2="b", c3="c", c4="d")
    bed.begin(0)
    for order in (1, -1):
        # Two exchange theirs.
        now = shown(bed)
        export = [("c1", now["Bob"]), ("c2", now["Ann"]), ("c3", now["Cid"]), ("c4", now["Dan"])][::order]
        colours(bed, **dict(export))
        good(bed.run("run", "people", "--full"))
        same("two of them", shown(bed), {**now, "Ann": now["Bob"], "Bob": now["Ann"]})
        # All of them in a ring.
        now = shown(bed)
        export = [("c1", now["Bob"]), ("c2", now["Cid"]), ("c3", now["Dan"]), ("c4", now["Ann"])][::order]
        colours(bed, **dict(export))
        good(bed.run("run", "people", "--full"))
        same("a ring", shown(bed), {"Ann": now["Bob"], "Bob": now["Cid"], "Cid": now["Dan"], "Dan": now["Ann"]})
        # Each takes the next one's, the last one a new one; and somebody new comes with the one that is free.
        now = shown(bed)
        export = [("c1", now["Bob"]), ("c2", now["Cid"]), ("c3", now["Dan"]), ("c4", f"new{order}")][::order]
        colours(bed, **dict(export))
        good(bed.run("run", "people", "--full"))
        same("a chain", shown(bed), {"Ann": now["Bob"], "Bob": now["Cid"], "Cid": now["Dan"], "Dan": f"new{order}"})
    same("rejects", rejected(bed), [])
    good(bed.run("doctor", "--offline"))


def test_unique_not_exchanged(bed):
    """One half of it is rejected for another reason, or two want the same: then nobody gets what another one keeps."""
    uniquely(bed)
    colours(bed, c1="a", c2="b", c3="c", c4="d")
    bed.begin(0)
    begun = shown(bed)
    for order in (1, -1):
        # Bob's row fails its rules.
        rows = ["1,Ann,b,1\n", "2,,a,1\n", "3,Cid,a,1\n", "4,Dan,d,1\n"][::order]
        bed.people(HEAD + "".join(rows))
        good(bed.run("run", "people", "--full"), 3)
        same("nothing", shown(bed), begun)
        same("rejects", [native for native, _ in sorted(rejected(bed))], ["1", "2", "3"])
        # Two want Bob's.
        colours(bed, **dict([("c1", "b"), ("c2", "a"), ("c3", "b"), ("c4", "d")][::order]))
        good(bed.run("run", "people", "--full"), 3)
        same("nothing", shown(bed), begun)
        same("rejects", sorted(native for native, cause in rejected(bed) if cause == TAKEN), ["1", "2", "3"])
        # A person keeps Bob as he is.
        bob = str(records(bed)["b"])
        good(bed.run("lock", bob, "--why", "a test"))
        colours(bed, **dict([("c1", "b"), ("c2", "a"), ("c3", "c"), ("c4", "d")][::order]))
        bed.run("run", "people", "--full")
        same("nothing", shown(bed), begun)
        good(bed.run("unlock", bob, "--why", "a test"))
        colours(bed, **dict([("c1", "a"), ("c2", "b"), ("c3", "c"), ("c4", "d")][::order]))
        good(bed.run("run", "people", "--full"))
        same("rejects", rejected(bed), [])


def test_unique(bed):
    uniquely(bed)
    tell_unique(bed)


def test_unique_where_it_matches(bed):
    """The same where the field is a match key as well: a new row with a number that is taken is disputed."""
    uniquely(bed, 'match = ( { exact = [ "number" ]; } );')
    bed.people(HEAD + "1,Ann,red,1\n2,Bob,green,2\n3,Cid,blue,3\n")
    bed.begin(0)
    bed.people(HEAD + "1,Ann,red,1\n2,Bob,green,2\n3,Cid,red,3\n4,Dan,red,4\n")
    good(bed.run("run", "people"), 3)
    stands(bed, ("Ann", "red"), ("Bob", "green"), ("Cid", "blue"))
    same("rejects", rejected(bed), [("3", TAKEN)])
    same("reviews", asked(bed), [("4", "disputed")])


def test_unique_first_load(bed):
    """A first load of many: the second one of two is rejected."""
    uniquely(bed)
    bed.people(HEAD + "".join(f"{i},P{i},{'same' if i in (7, 11990) else i},1\n" for i in range(1, 12001)))
    bed.begin(3)
    same("rejects", rejected(bed), [("11990", TAKEN)])
    same("created", bed.table("SELECT count(*), count(DISTINCT number) FROM person"), [(11999, 11999)])


def test_unique_later(bed):
    """A field that comes to be unique holds for the records that are there."""
    uniquely(bed)
    bed.change("conf.d/20-entities.conf", "unique = true; ", "")
    bed.people(HEAD + "1,Ann,red,1\n2,Bob,green,2\n")
    bed.begin(0)
    bed.change("conf.d/20-entities.conf", 'number: { type = "text"; required = true; }', 'number: { type = "text"; required = true; unique = true; }')
    good(bed.run("flag", "people", "on", "--without-preview", "--why", "a test"))
    bed.run("run", "people")
    bed.run("apply", "1") if bed.json(0, "plans") else None
    bed.people(HEAD + "1,Ann,red,1\n2,Bob,red,2\n")
    good(bed.run("run", "people"), 3)
    same("rejects", rejected(bed), [("2", TAKEN)])
    stands(bed, ("Ann", "red"), ("Bob", "green"))


def test_unique_edited_elsewhere(bed):
    """Who does not own the number is not rejected: the owner's is restored there, as ever."""
    uniquely(bed)
    bed.change("conf.d/30-flows.conf", 'map = ( [ "colour", "colour" ] );', 'map = ( [ "colour", "colour" ], [ "number", "number" ] );')
    bed.change("conf.d/30-flows.conf", '[ "number", "number" ], [ "name"', '[ "name"')
    bed.people(HEAD + "1,Ann,red,1\n2,Bob,green,2\n")
    bed.begin(0)
    bed.table("UPDATE person SET number = 'red' WHERE id = 2")
    good(bed.run("run", "people"))
    stands(bed, ("Ann", "red"), ("Bob", "green"))
    same("rejects", rejected(bed), [])


# A time as the target keeps it.

BORN = "2026-01-01T10:59:59.723456Z"


def born(bed, keeps):
    bed.change("conf.d/20-entities.conf", 'colour: { type = "text"; policy = "manual"; }', 'colour: { type = "text"; }; born: { type = "timestamp"; }')
    bed.change("conf.d/30-flows.conf", 'map = ( [ "colour", "colour" ] );', 'map = ( [ "colour", "colour" ], [ "born", "born" ] );')
    bed.change("conf.d/30-flows.conf", 'paid = "PAID"', 'paid = "PAID"; born = "BORN"')
    bed.table("DROP TABLE person")
    bed.table("CREATE TABLE person (id INTEGER PRIMARY KEY, number TEXT, name TEXT, colour TEXT, paid TEXT, born TIMESTAMP, ext TEXT UNIQUE)")
    for event in ("INSERT ON", "UPDATE OF born ON"):
        bed.table(f"CREATE TRIGGER keeps{len(event)} AFTER {event} person BEGIN UPDATE person SET born = {keeps} WHERE id = NEW.id; END")
    bed.people(f"NR,NAME,COLOUR,PAID,BORN\n1,Ann,red,1,{BORN}\n")
    bed.begin(0)


def tell_born(bed, kept, later):
    """Nothing is restored, and what somebody changes still is."""
    for _ in range(3):
        same("kept", bed.table("SELECT born FROM person"), [(kept,)])
        (run,) = bed.json(0, "run", "people")
        same("edits", (run["counts"]["edits"], run["counts"]["sent-updates"]), (0, 0))
    bed.table("UPDATE person SET colour = 'green'")
    bed.run("run", "people")
    same("kept", bed.table("SELECT born, colour FROM person"), [(kept, "red")])
    bed.run("run", "people")
    # Another time is another time, the same one in full seconds or not.
    bed.table("UPDATE person SET born = ?", later)
    (run,) = bed.json(0, "run", "people")
    same("edits", (run["counts"]["edits"], run["counts"]["sent-updates"]), (1, 1))
    same("restored", bed.table("SELECT born FROM person"), [(kept,)])
    (run,) = bed.json(0, "run", "people")
    same("edits", (run["counts"]["edits"], run["counts"]["sent-updates"]), (0, 0))
    same("flips", bed.findings("conflicts"), [])
    # The owner's own change is sent.
    bed.people("NR,NAME,COLOUR,PAID,BORN\n1,Ann,red,1,2026-03-01T00:00:00Z\n")
    good(bed.run("run", "people"))
    has(bed.table("SELECT born FROM person")[0][0], "2026-03-01")


def test_seconds(bed):
    born(bed, "strftime('%Y-%m-%dT%H:%M:%SZ', NEW.born)")
    tell_born(bed, "2026-01-01T10:59:59Z", "2026-01-01T10:59:58Z")


def test_minutes(bed):
    born(bed, "strftime('%Y-%m-%dT%H:%M:00Z', NEW.born)")
    tell_born(bed, "2026-01-01T10:59:00Z", "2026-01-01T10:58:00Z")


def test_nearest_second(bed):
    born(bed, "strftime('%Y-%m-%dT%H:%M:%SZ', NEW.born, '+0.5 seconds')")
    tell_born(bed, "2026-01-01T11:00:00Z", "2026-01-01T10:59:58Z")


def test_days(bed):
    born(bed, "strftime('%Y-%m-%dT00:00:00Z', NEW.born)")
    tell_born(bed, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


# One record that two units share.

def shared(bed):
    bed.change("conf.d/20-entities.conf", 'customer: { owner = "erp";', 'customer: { owner = "erp"; scope = "shared";')
    bed.change("conf.d/10-systems.conf", 'customers: { native = "customers.csv"; key = [ "NR" ];', 'customers: { native = "customers.csv"; key = [ "BRANCH", "NR" ];')
    bed.rows = [["X1", "1", "Both", "B", "1"], ["X1", "2", "Both", "B", "1"], ["Y1", "1", "One", "B", "2"], ["Z1", "2", "Two", "B", "3"]]
    bed.export()
    bed.on("customers")


def accounts(bed):
    return bed.ask("crm", "SELECT number, name, phone FROM account ORDER BY id")


def at_rest(bed):
    """Our own writes are seen, and nothing more is written."""
    bed.log()
    for _ in range(2):
        same("states", {state for state, _ in bed.flow("customers").values()}, {"done"})
    same("what was written once more", bed.log(), [])


def unit_shared(bed):
    """Both units bring the same customer: it is one record, and one account."""
    shared(bed)
    bed.flow("customers")
    same("accounts", accounts(bed), [("X1", "Both", "1"), ("Y1", "One", "2"), ("Z1", "Two", "3")])
    at_rest(bed)
    # Whoever of them changes it, it is changed.
    bed.rows[1][4] = "77"
    bed.export()
    bed.flow("customers")
    same("changed by unit two", accounts(bed), [("X1", "Both", "77"), ("Y1", "One", "2"), ("Z1", "Two", "3")])
    bed.rows[0][4] = "88"
    bed.export()
    bed.flow("customers")
    same("changed by unit one", accounts(bed), [("X1", "Both", "88"), ("Y1", "One", "2"), ("Z1", "Two", "3")])
    at_rest(bed)
    # It goes with the last of them.
    del bed.rows[0]
    bed.export()
    bed.flow("customers")
    same("gone in unit one", accounts(bed), [("X1", "Both", "88"), ("Y1", "One", "2"), ("Z1", "Two", "3")])
    at_rest(bed)
    del bed.rows[0]
    bed.export()
    bed.flow("customers")
    same("gone in both", accounts(bed), [("Y1", "One", "2"), ("Z1", "Two", "3")])


def unit_shared_read(bed):
    """The accounts are read for both units: the account of a record that they share is linked once."""
    bed.change("conf.d/30-flows.conf", 'deletes: { do = "delete"; };\n        write = ( [ "number", "number" ], [ "name", "name" ], [ "city", "city" ], [ "phone", "phone" ] ); };',
               'deletes: { do = "delete"; };\n        map = ( [ "number", "number" ], [ "phone", "phone" ] ); write = ( [ "name", "name" ], [ "city", "city" ] ); };')
    unit_shared(bed)
    same("links", bed.ledger("SELECT object, unit, native FROM link_view WHERE object = 'crm.account' AND state = 'live' ORDER BY id"), [("crm.account", "one", "2"), ("crm.account", "two", "3")])


def in_units(story):
    """In the bed of two units."""
    def test(bed):
        del bed
        other = runs_bed.Bed()
        try:
            story(other)
        finally:
            other.close()
    return test


test_shared, test_shared_read = in_units(unit_shared), in_units(unit_shared_read)


if __name__ == "__main__":
    sys.exit(runs_bed.main(sorted(globals().items()), sys.argv[1] if len(sys.argv) > 1 else "", LedgerBed))
