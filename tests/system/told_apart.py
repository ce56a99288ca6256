#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""told_apart.py [WORD]: which native record is which record of ours, over whole runs; with WORD only the tests whose names hold it."""
import os
import shutil
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


if __name__ == "__main__":
    sys.exit(runs_bed.main(sorted(globals().items()), sys.argv[1] if len(sys.argv) > 1 else "", LedgerBed))
