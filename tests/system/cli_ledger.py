#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""cli_ledger.py [WORD]: the verbs that work on what is durable, over small real runs; with WORD only the tests whose names hold it."""
import csv
import io
import json
import os
import sqlite3
import sys
import time
import traceback

from cli_bed import BUILD, CONNECTORS, Bed, steers

SYSTEMS = """
agent: { environment = "test"; timezone = "UTC"; };
systems: {
  erp: { connector = "csv"; settings: { directory = "%(folder)s/in"; null_if = [ "" ]; };
    objects: { people: { native = "people.csv"; key = [ "NR" ]; reads = "full"; }; }; };
  base: { connector = "sqlite"; access = "write"; settings: { path = "%(folder)s/base.sqlite"; };
    objects: { person: { native = "person"; key = [ "id" ]; external_key = "ext"; }; }; };
};
units: { one: { }; };
"""
ENTITIES = """
entities: { person: { owner = "erp";
  fields: { number: { type = "text"; required = true; unique = true; }; name: { type = "text"; required = true; max_length = 20; };
            colour: { type = "text"; policy = "manual"; }; paid: { type = "decimal"; scale = 2; }; };
  checks = ( { rule = "name <> 'Nobody'"; message = "Nobody is not a person"; } );
  match = ( { exact = [ "number" ]; } ); }; };
"""
FLOWS = """
flows: { people: { entity = "person"; units = [ "one" ]; max_lag = "26h";
  responsible: { business = "sales@example.com"; technical = "it@example.com"; runbook = "https://wiki.example.com/people"; };
  guards: { at_least = 1000; };
  bindings: {
    erp: { object = "people"; trigger: { file = true; }; originates = true;
      map = ( [ "name", "NAME" ], [ "colour", "COLOUR" ] ); read: { number = "NR"; paid = "PAID"; }; };
    base: { object = "person"; create_if = "true"; map = ( [ "colour", "colour" ] );
      write = ( [ "id", "number", "create" ], [ "number", "number" ], [ "name", "name" ], [ "paid", "paid" ] ); }; }; }; };
"""
PEOPLE = """NR,NAME,COLOUR,PAID
1,Ann,red,1.50
2,Bob,blue,2.00
3,Nobody,red,3.00
4,A name that is far too long for it,red,4.00
5,Eve,green,-5.00
"""


class LedgerBed(Bed):
    def __init__(self):
        super().__init__()
        self.write("conf.d/10-systems.conf", SYSTEMS % {"folder": self.folder})
        self.write("conf.d/20-entities.conf", ENTITIES)
        self.write("conf.d/30-flows.conf", FLOWS)
        self.people(PEOPLE)
        self.table("create table person (id integer primary key, number text, name text, colour text,"
                   " paid text check (paid not like '-%'), ext text unique)")

    def people(self, text):
        self.write("in/people.new", text)
        os.rename(self.path("in/people.new"), self.path("in/people.csv"))
        # Another time each, long ago: it is complete, and another one than before.
        self.made = getattr(self, "made", 1700000000) + 60
        os.utime(self.path("in/people.csv"), (self.made, self.made))

    def table(self, sql, *values, file="base.sqlite"):
        with sqlite3.connect(self.path(file)) as base:
            rows = base.execute(sql, values).fetchall()
        base.close()
        return rows

    def begin(self, status=3):
        good(self.run("flag", "people", "on", "--without-preview", "--why", "a test"))
        return good(self.run("run", "people"), status)

    def findings(self, verb):
        value = self.run("--json", verb)
        assert value.status in (0, 3), value
        return json.loads(value.out)["findings"]

    def by_key(self, verb, key):
        found = [finding for finding in self.findings(verb) if finding["native"] == key]
        assert len(found) == 1, (verb, key, found)
        return str(found[0]["id"])


def good(result, status=0):
    assert result.status == status, result
    assert steers(result.out) is None and steers(result.err) is None, result
    return result


def has(text, *words):
    for word in words:
        assert word in text, f"{word!r} is not in:\n{text}"


def explained(result, status, *words):
    good(result, status)
    has(result.err, "next: ", *words)
    return result


def test_nothing_ran(bed):
    for verb in ("status", "dead", "rejects", "doctor", "position", "lock", "corrections"):
        explained(bed.run(verb), 1, "ledger-missing")
        assert bed.json(1, verb)["error"]["code"] == "ledger-missing"


def test_status(bed):
    good(bed.run("flag", "people", "off", "--why", "a test"))
    has(good(bed.run("status")).out, "people", "one", "off", "never", "Nothing waits for a person", "next: syncline flag people preview --unit one")
    bed.begin()
    result = good(bed.run("status", "--verbose"), 3)
    has(result.out, "1 findings", "What waits for a person", "reject", "dead", "What targets lack", "5  rows read",
        "syncline rejects --cause 'Nobody is not a person' --flow people --unit one")
    value = bed.json(3, "status", "people", "--unit", "one")
    assert value["waits_for_a_person"] is True, value
    place = value["flows"][0]
    assert (place["flow"], place["unit"], place["flag"], place["last_run"]["state"]) == ("people", "one", "on", "findings"), place
    assert place["last_run"]["counts"]["read"] == 5 and place["last_run"]["counts"]["rejected"] == 2, place
    assert place["lag"]["max_seconds"] == 26 * 3600 and place["lag"]["seconds"] >= 0 and not place["lag"]["late"], place
    assert [target["dead"] for target in place["targets"]] == [1] and place["targets"][0]["to"] == "base", place
    assert sorted(wait["kind"] for wait in place["waits"]) == ["dead", "reject", "reject"], place
    for wait in place["waits"]:
        assert wait["count"] == 1 and wait["next"].startswith("syncline ") and wait["seconds"] >= 0 and wait["oldest"], wait
    # What was decided waits for a run, no longer for a person.
    for cause in {finding["cause"] for finding in bed.findings("rejects")}:
        good(bed.run("rejects", "archive", "--cause", cause, "--why", "a test"))
    good(bed.run("dead", "archive", str(bed.findings("dead")[0]["id"]), "--why", "a test"))
    assert bed.json(0, "status")["flows"][0]["waits"] == []
    explained(bed.run("status", "peopel"), 2, "Did you mean `people`?")
    explained(bed.run("status", "--unit", "two"), 2, "two")


def test_status_late(bed):
    bed.people("NR,NAME,COLOUR,PAID\n1,Ann,red,1.50\n")
    bed.begin(0)
    assert bed.json(0, "status")["flows"][0]["lag"]["late"] is False
    bed.table("update run set started_us = started_us - 100000 * 1000000", file="state/ledger.db")
    place = bed.json(3, "status")["flows"][0]
    assert place["lag"]["late"] and place["waits"][0]["kind"] == "late" and place["waits"][0]["next"] == "syncline run people", place


def test_status_held(bed):
    good(bed.run("flag", "people", "preview", "--why", "a test"))
    good(bed.run("run", "people"), 4)
    place = bed.json(3, "status")["flows"][0]
    assert place["waits"][0]["kind"] == "plan" and "syncline apply 1" in place["waits"][0]["next"], place
    good(bed.run("apply", "1"), 3)
    assert "plan" not in [wait["kind"] for wait in bed.json(3, "status")["flows"][0]["waits"]]


MARKED = """
systems: { crm: { connector = "sqlite"; settings: { path = "%s/base.sqlite"; };
  objects: { source: { native = "source"; key = [ "number" ]; reads = "delta"; mark = [ "updated" ]; }; }; }; };
"""


def test_bad_mark(bed):
    """A row whose mark is no time hides no other row, and is named; a column without any is refused."""
    bed.write("conf.d/15-marked.conf", MARKED % bed.folder)
    bed.change("conf.d/20-entities.conf", 'owner = "erp"', 'owner = "crm"')
    bed.change("conf.d/30-flows.conf", """erp: { object = "people"; trigger: { file = true; }; originates = true;
      map = ( [ "name", "NAME" ], [ "colour", "COLOUR" ] ); read: { number = "NR"; paid = "PAID"; }; };""",
               """crm: { object = "source"; trigger: { every = "5m"; }; originates = true; map = ( [ "number", "number" ], [ "name", "name" ] ); };""")
    bed.table("create table source (number text primary key, name text, updated timestamp)")
    bed.table("insert into source values ('1', 'Ann', '2026-01-01 10:00:00'), ('2', 'Bob', '2026-01-01 11:00:00')")
    bed.begin(0)
    bed.table("insert into source values ('3', 'Cid', 'n/a'), ('4', 'Dora', '2026-01-02 10:00:00')")
    has(good(bed.run("run", "people")).err, "crm: warning: 1 row of source has a mark in updated", '3 with "n/a"')
    bed.table("insert into source values ('5', 'Eve', '2026-01-03 10:00:00')")
    good(bed.run("run", "people"))
    bed.table("update source set name = 'Anna', updated = '2026-01-04 10:00:00' where number = '1'")
    bed.table("update source set name = 'Cindy' where number = '3'")
    good(bed.run("run", "people"))
    assert bed.table("select number, name from person order by number") == [("1", "Anna"), ("2", "Bob"), ("3", "Cindy"), ("4", "Dora"), ("5", "Eve")]
    bed.table("update source set updated = '31.10.2026 10:00'")
    assert "No mark in updated of source can be compared" in good(bed.run("run", "people"), 1).out + good(bed.run("run", "people"), 1).err


def test_rejects(bed):
    bed.begin()
    has(good(bed.run("rejects"), 3).out, "COUNT", "Nobody is not a person", "name: the text has")
    has(good(bed.run("rejects", "--each"), 3).out, "ID", "erp.people", "SEEN")
    value = bed.json(3, "rejects")
    assert value["open"] == 2 and len(value["causes"]) == 2 and len(value["findings"]) == 2, value
    nobody, long = bed.by_key("rejects", "3"), bed.by_key("rejects", "4")
    result = good(bed.run("rejects", "show", long))
    has(result.out, "far too long", "NATIVE FIELD", "people.csv:5", "next")
    shown = bed.json(0, "rejects", "show", long)
    assert shown["row"]["NAME"].startswith("A name") and shown["field"] == "name" and shown["detail"][0]["field"] == "name", shown
    # A correction holds as long as the source sends that value.
    explained(bed.run("rejects", "edit", nobody, "NAME", "Norbert"), 2, "--why")
    explained(bed.run("rejects", "edit", nobody, "NAMES", "Norbert", "--why", "a test"), 2, "Did you mean `NAME`?")
    explained(bed.run("rejects", "edit", nobody, "NAME", "--why", "a test"), 2, "--null")
    has(good(bed.run("rejects", "edit", nobody, "NAME", "Norbert", "--why", "he has a name")).err, "syncline run people --unit one")
    assert bed.json(3, "status")["flows"][0]["decided"] == 1
    good(bed.run("run", "people"), 0)
    assert bed.table("select name from person where number = '3'") == [("Norbert",)]
    assert [finding["state"] for finding in bed.json(3, "rejects", "--all")["findings"]].count("ended") == 1
    holds = bed.json(0, "corrections")
    assert len(holds) == 1 and holds[0]["value"] == "Norbert" and holds[0]["applied"] >= 1 and holds[0]["why"] == "he has a name", holds
    has(good(bed.run("corrections")).out, "Norbert", "holds", "people.erp")
    explained(bed.run("corrections", "end", str(holds[0]["id"])), 2, "--why")
    good(bed.run("corrections", "end", str(holds[0]["id"]), "--why", "a test"))
    explained(bed.run("corrections", "end", str(holds[0]["id"]), "--why", "a test"), 1, "ledger-not-found")
    assert bed.json(0, "corrections") == [] and len(bed.json(0, "corrections", "--all")) == 1
    # The source is mended; the retry finds the old row as bad as it was.
    has(good(bed.run("rejects", "retry", "--cause", shown["cause"])).out, "1 to be tried again")
    good(bed.run("run", "people"), 3)
    again = bed.json(0, "rejects", "show", long)
    assert again["seen"] >= 2 and again["state"] == "open" and again["retry"] is False, again
    explained(bed.run("rejects", "archive", long), 2, "--why")
    good(bed.run("rejects", "archive", long, "--why", "never mind"))
    # The one whose correction ended is a reject once more.
    assert bed.findings("rejects")[0]["native"] == "3"
    ended = [finding for finding in bed.json(3, "rejects", "--all")["findings"] if str(finding["id"]) == long][0]
    assert ended["state"] == "archived" and ended["ended_why"] == "never mind" and ended["ended_by"], ended
    explained(bed.run("rejects", "retry", long), 1, "ledger-finding")


def correct(bed, key, field, value):
    good(bed.run("rejects", "edit", bed.by_key("rejects", key), field, value, "--why", "a test"))
    bed.run("run", "people")
    return str(bed.json(0, "corrections")[0]["id"])


def test_corrections(bed):
    """A correction that turned out wrong is changed, and taken back."""
    bed.people("NR,NAME,COLOUR,PAID\n1,Nobody,red,1.50\n")
    bed.begin()
    names = lambda: bed.table("select name from person")
    first = correct(bed, "1", "NAME", "Wrong")
    assert names() == [("Wrong",)]
    explained(bed.run("corrections", "edit", first, "Right"), 2, "--why")
    explained(bed.run("corrections", "edit", first, "--why", "a test"), 2, "too few")
    explained(bed.run("corrections", "edit", first, "Right", "--null", "--why", "a test"), 2, "too few")
    explained(bed.run("corrections", "decide", first), 2, "cannot", "edit ID VALUE")
    explained(bed.run("corrections", "show", "999"), 1, "ledger-not-found")
    changed = good(bed.run("corrections", "edit", first, "Right", "--why", "a typing error"))
    has(changed.err, "syncline run people --unit one")
    second = str(bed.json(0, "corrections")[0]["id"])
    assert second != first and bed.json(0, "corrections", "show", first)[0]["ended"] and not bed.json(0, "corrections", "show", second)[0]["ended"]
    explained(bed.run("corrections", "edit", first, "Other", "--why", "a test"), 1, "has ended")
    good(bed.run("run", "people"))
    assert names() == [("Right",)]
    good(bed.run("corrections", "retry", second))
    assert good(bed.run("run", "people")) and names() == [("Right",)]
    # Taken back, the row is a reject again; the record keeps what it has.
    good(bed.run("corrections", "archive", second, "--why", "it was no fault"))
    explained(bed.run("corrections", "end", second, "--why", "a test"), 1, "ledger-not-found")
    good(bed.run("run", "people"), 3)
    assert bed.findings("rejects")[0]["native"] == "1" and names() == [("Right",)]
    bed.people("NR,NAME,COLOUR,PAID\n1,Ann,red,1.50\n")
    good(bed.run("run", "people"))
    assert bed.findings("rejects") == [] and names() == [("Ann",)]


def test_corrections_and_changes(bed):
    """The same where each change is told once: the row is read again."""
    begin_changes(bed)
    names = lambda: bed.table("select name from person where number < '9' order by number")
    change(bed, "1", name="Nobody", paid="2.50")
    change(bed, "2", name="Bert")
    good(bed.run("run", "people"), 3)
    first = correct(bed, "1", "name", "Wrong")
    assert names() == [("Wrong",), ("Bert",)]
    change(bed, "2", name="Berta")
    good(bed.run("run", "people"))
    good(bed.run("corrections", "edit", first, "Right", "--why", "a test"))
    good(bed.run("run", "people"))
    assert names() == [("Right",), ("Berta",)]
    good(bed.run("corrections", "end", str(bed.json(0, "corrections")[0]["id"]), "--why", "a test"))
    good(bed.run("run", "people"), 3)
    assert bed.findings("rejects")[0]["native"] == "1" and names() == [("Right",), ("Berta",)]
    has(good(bed.run("trace", "1")).out, "what was rejected")
    # Corrected once more.
    correct(bed, "1", "name", "Ann")
    assert bed.findings("rejects") == [] and names() == [("Ann",), ("Berta",)]


def test_decided_while_off(bed):
    """Nobody is told that a run carries it out while the flow is off."""
    bed.people("NR,NAME,COLOUR,PAID\n1,Nobody,red,1.50\n")
    bed.begin()
    good(bed.run("flag", "people", "off", "--why", "a test"))
    number = bed.by_key("rejects", "1")
    result = good(bed.run("rejects", "edit", number, "NAME", "Ann", "--why", "a test"))
    has(result.err, "the flow is off", "syncline flag people on --unit one --why TEXT")
    result = bed.json(0, "rejects", "retry", number)
    assert result["next"] == "syncline flag people on --unit one --why TEXT" and result["off"] == "off", result
    place = bed.json(3, "status")["flows"][0]
    assert place["decided"] == 1 and [(wait["kind"], wait["count"]) for wait in place["waits"]] == [("decided", 1)], place
    has(good(bed.run("status"), 3).out, "decided", "syncline flag people on --unit one --why TEXT")
    good(bed.run("flag", "people", "on", "--without-preview", "--why", "a test"))
    assert bed.json(0, "status")["flows"][0]["waits"] == []
    has(good(bed.run("status")).out, "1 was decided and is not carried out yet", "next: syncline run people --unit one")
    good(bed.run("run", "people"))
    assert bed.table("select name from person") == [("Ann",)] and bed.json(0, "status")["flows"][0]["decided"] == 0


def test_stamps(bed):
    """A time of change that is none, or still to come, counts as the time of reading, and is told."""
    bed.change("conf.d/20-entities.conf", 'colour: { type = "text"; policy = "manual"; }', 'colour: { type = "text"; policy = "newest"; tie = "erp"; }')
    bed.change("conf.d/30-flows.conf", 'base: { object = "person"; create_if = "true";',
               'base: { object = "person"; create_if = "true"; changed: { record = "stamp"; };')
    bed.change("conf.d/30-flows.conf", 'erp: { object = "people"; trigger: { file = true; };',
               'erp: { object = "people"; trigger: { file = true; }; changed: { record = "STAMP"; };')
    bed.table("alter table person add column stamp text")
    erp = lambda colour, stamp: bed.people(f"NR,NAME,COLOUR,PAID,STAMP\n1,Ann,{colour},1.50,{stamp}\n")
    base = lambda colour, stamp: bed.table("update person set colour = ?, stamp = ?", colour, stamp)

    def run(*words):
        result = good(bed.run("run", "people"))
        has(result.err, *words)
        assert words or "STAMP" not in result.err.upper(), result
        run = bed.json(0, "status")["flows"][0]["last_run"]
        assert run["counts"]["odd-stamps"] == (1 if words else 0), run
        return bed.table("select colour from person")[0][0]

    erp("red", "2026-01-01 10:00:00")
    bed.begin(0)
    assert run() == "red"
    base("blue", "yesterday")
    assert run("base.person: 1 ", 'has "yesterday" in stamp, which is no time') == "blue"
    erp("pink", "2099-01-01 10:00:00")
    assert run('erp.people: 1 (people.csv:2) has "2099-01-01', "in STAMP, which is still to come", "timezone") == "pink"
    base("black", None)
    assert run() == "black"
    erp("", "2099-01-01 10:00:00")
    run("still to come")


def test_dead(bed):
    bed.begin()
    value = bed.json(3, "dead")
    assert value["open"] == 1 and value["findings"][0]["kind"] == "dead" and value["causes"][0]["count"] == 1, value
    number = str(value["findings"][0]["id"])
    shown = bed.json(0, "dead", "show", number)
    assert shown["deliveries"][0]["state"] == "dead" and shown["deliveries"][0]["to"] == "base", shown
    has(good(bed.run("dead", "show", number)).out, "CHECK constraint", "syncline trace", "delivery")
    # As bad as before: dead once more.
    good(bed.run("dead", "retry", number, "--why", "once more"))
    assert bed.json(0, "dead")["open"] == 0
    assert bed.json(3, "status")["flows"][0]["targets"][0]["pending"] == 1
    good(bed.run("run", "people"), 3)
    number = str(bed.findings("dead")[0]["id"])
    # The target takes it now.
    bed.table("alter table person rename to old")
    bed.table("create table person (id integer primary key, number text, name text, colour text, paid text, ext text unique)")
    bed.table("insert into person select * from old")
    bed.table("drop table old")
    # Whether one arrived that nobody knows about is answered for by whoever sends it again.
    database = sqlite3.connect(bed.path("state/ledger.db"))
    database.execute("UPDATE dead_letter SET cause = 'delivery-uncertain' WHERE id = ?", (int(number),))
    database.commit()
    for words in ((number,), ("--cause", "delivery-uncertain")):
        explained(bed.run("dead", "retry", *words), 2, "nobody knows whether", "--why")
    assert [finding["state"] for finding in bed.findings("dead")] == ["open"], bed.findings("dead")
    database.execute("UPDATE dead_letter SET cause = 'connector-invalid' WHERE id = ?", (int(number),))
    database.commit()
    database.close()
    has(good(bed.run("dead", "retry", "--cause", "connector-invalid", "--flow", "people")).out, "1 to be tried again")
    bed.run("run", "people")
    assert bed.table("select paid from person where number = '5'") == [("-5.00",)]
    assert bed.findings("dead") == []
    explained(bed.run("dead", "retry", number), 1, "ledger-finding")
    explained(bed.run("dead", "edit", number, "a", "b"), 2, "list, show, retry, archive")
    explained(bed.run("dead", "shwo", number), 2, "Did you mean `show`?")
    explained(bed.run("dead", "show", bed.by_key("rejects", "3")), 2, "it is a reject")
    explained(bed.run("dead", "retry"), 2, "either numbers or --cause")
    explained(bed.run("dead", "show"), 2, "operands")


def test_conflicts(bed):
    bed.begin()
    bed.people(PEOPLE.replace("Ann,red", "Ann,pink").replace("Bob,blue", "Bob,black"))
    bed.table("update person set colour = 'grey' where number in ('1', '2')")
    good(bed.run("run", "people"), 3)
    # It stands until somebody decides.
    bed.run("run", "people", "--full")
    found = bed.findings("conflicts")
    assert len(found) == 2 and {finding["field"] for finding in found} == {"colour"}, found
    first = str(found[0]["id"])
    has(good(bed.run("conflicts", "show", first)).out, "take|keep", "values", "grey")
    sides = {"base": "red", "golden": "pink", "incoming": "grey"}
    assert bed.json(0, "conflicts", "show", bed.by_key("conflicts", "1"))["detail"] == {"colour": sides}, bed.run("conflicts", "show", first)
    explained(bed.run("conflicts", "decide", first, "link", "1", "--why", "a test"), 2, "take keep")
    explained(bed.run("conflicts", "decide", first, "take"), 2, "--why")
    for finding, word in zip(found, ("take", "keep")):
        good(bed.run("conflicts", "decide", str(finding["id"]), word, "--why", "a test"))
    bed.run("run", "people")
    states = {finding["id"]: finding["state"] for finding in bed.json(0, "conflicts", "--all")["findings"]}
    assert {states[finding["id"]] for finding in found} == {"decided"}, states
    taken, kept = (bed.json(0, "trace", str(finding["record"]))["records"][0] for finding in found)
    value = {field["field"]: field["value"] for field in taken["fields"]}["colour"]
    other = {field["field"]: field["value"] for field in kept["fields"]}["colour"]
    assert (value, other) == ("grey", "black"), (taken, kept)
    assert bed.table("select colour from person where number in ('1', '2') order by id") == [("grey",), ("black",)]


def test_conflicts_overtaken(bed):
    """What is decided is about the values that were there, and is asked again when one of them is another one."""
    bed.begin()
    bed.people(PEOPLE.replace("Ann,red", "Ann,pink"))
    bed.table("update person set colour = 'grey' where number = '1'")
    bed.run("run", "people")
    number = bed.by_key("conflicts", "1")
    good(bed.run("conflicts", "decide", number, "take", "--why", "grey it is"))
    bed.people(PEOPLE.replace("Ann,red", "Ann,gold"))
    good(bed.run("run", "people"), 3)
    shown = bed.json(0, "conflicts", "show", number)
    assert (shown["state"], shown["decision"]) == ("open", None), shown
    assert shown["overtaken"].startswith("take, by ") and shown["overtaken"].endswith(": grey it is"), shown
    assert shown["detail"] == {"colour": {"base": "red", "golden": "gold", "incoming": "grey"}}, shown
    has(good(bed.run("conflicts", "show", number)).out, "overtaken", "grey it is", "take|keep")
    assert bed.table("select colour from person where number = '1'") == [("grey",)]
    good(bed.run("conflicts", "decide", number, "keep", "--why", "gold it is"))
    bed.table("update person set colour = 'purple' where number = '1'")
    good(bed.run("run", "people"), 3)
    assert bed.table("select colour from person where number = '1'") == [("purple",)]
    good(bed.run("conflicts", "decide", number, "keep", "--why", "still gold"))
    bed.run("run", "people")
    assert bed.table("select colour from person where number = '1'") == [("gold",)]


def test_reviews(bed):
    bed.begin()
    bed.table("delete from person where number = '1'")
    bed.table("insert into person (id, number, name, colour) values (77, '77', 'Zoe', 'red')")
    bed.people("NR,NAME,COLOUR,PAID\n1,Ann,red,1.50\n5,Eve,green,-5.00\n3,Nobody,red,3.00\n")
    good(bed.run("run", "people"), 3)
    reviews = {finding["native"] + finding["object"]: finding for finding in bed.findings("reviews")}
    assert reviews["1base.person"]["cause"] == "missing" and reviews["2erp.people"]["cause"] == "deleted", reviews
    stranger = str(reviews["77base.person"]["id"])
    has(good(bed.run("reviews", "show", stranger)).out, "link RECORD|create|ignore", "Zoe")
    explained(bed.run("reviews", "decide", stranger, "take", "--why", "a test"), 2, "link RECORD create ignore")
    explained(bed.run("reviews", "decide", stranger, "link", "--why", "a test"), 2, "`link` needs a record")
    explained(bed.run("reviews", "decide", stranger, "link", "12345", "--why", "a test"), 1, "ledger-not-found")
    good(bed.run("reviews", "decide", stranger, "ignore", "--why", "a test"))
    explained(bed.run("reviews", "decide", str(reviews["1base.person"]["id"]), "accept", "--why", "a test"), 2, "recreate unlink")
    good(bed.run("reviews", "decide", str(reviews["1base.person"]["id"]), "recreate", "--why", "a test"))
    good(bed.run("reviews", "decide", str(reviews["2erp.people"]["id"]), "accept", "--why", "a test"))
    assert bed.json(3, "status")["flows"][0]["decided"] == 3
    bed.run("run", "people")
    assert bed.table("select name from person where number = '1'") == [("Ann",)]
    assert bed.json(0, "trace", str(reviews["2erp.people"]["record"]))["records"][0]["state"] == "deleted"
    states = {finding["id"]: finding["state"] for finding in json.loads(bed.run("--json", "reviews", "--all").out)["findings"]}
    assert {states[review["id"]] for review in reviews.values()} == {"decided"}, states


def test_trace(bed):
    bed.begin()
    bed.people(PEOPLE.replace("Ann,red", "Anna,red"))
    bed.run("run", "people")
    result = good(bed.run("trace", "1"))
    has(result.out, "person ", "Values", "Anna", "erp.people", "Links", "base.person", "History", "created", "changed", '{"name":"Ann"}', "sent-update",
        "Rules of people.erp", "NR=\"1\"")
    value = bed.json(0, "trace", "1")["records"]
    assert len(value) == 1, value
    record = value[0]
    name = [field for field in record["fields"] if field["field"] == "name"][0]
    assert name == {**name, "value": "Anna", "owner": "erp", "from": "erp.people"} and name["since"], name
    assert {link["object"] for link in record["links"]} == {"erp.people", "base.person"}, record
    assert [event["event"] for event in record["history"]][:2] == ["created", "sent-create"], record
    steps = record["rules"][0]["steps"]
    assert {"output": "number", "rule": "NR", "inputs": {"NR": "1"}, "value": "1", "reason": None} in steps, steps
    assert bed.json(0, "trace", record["external_id"])["records"][0]["record"] == record["record"]
    assert bed.json(0, "trace", str(record["record"]))["records"][0]["record"] == record["record"]
    dead = bed.json(0, "trace", "5")["records"][0]
    assert dead["deliveries"][0]["state"] == "dead" and dead["findings"][0]["kind"] == "dead", dead
    rejected = bed.json(0, "trace", "3")
    assert rejected["records"] == [] and rejected["findings"][0]["kind"] == "reject", rejected
    explained(bed.run("trace", "nobody knows"), 1, "ledger-not-found")
    assert bed.json(1, "trace", "nobody knows")["error"]["code"] == "ledger-not-found"


def test_locks(bed):
    bed.begin()
    explained(bed.run("lock", "1", "name"), 2, "--why")
    explained(bed.run("lock", "1", "nmae", "--why", "a test"), 2, "Did you mean `name`?")
    explained(bed.run("lock", "999", "--why", "a test"), 1, "ledger-not-found")
    explained(bed.run("lock", "1", "name", "--why", "a test", "--until", "yesterday"), 2, "yesterday")
    good(bed.run("lock", "1", "name", "--why", "she said so", "--until", "2099-01-01"))
    value = bed.json(0, "lock")
    assert len(value) == 1 and value[0]["field"] == "name" and value[0]["why"] == "she said so" and value[0]["until"].startswith("2099"), value
    bed.people(PEOPLE.replace("Ann,red", "Anna,red"))
    bed.run("run", "people")
    assert bed.table("select name from person where number = '1'") == [("Ann",)]
    explained(bed.run("unlock", "1", "--why", "a test"), 1, "not locked")
    good(bed.run("unlock", "1", "name", "--why", "a test"))
    assert bed.json(0, "lock") == []
    bed.run("run", "people", "--full")
    assert bed.table("select name from person where number = '1'") == [("Anna",)]


CHANGES = """
systems: { crm: { connector = "sqlite"; settings: { path = "%(folder)s/crm.sqlite"; };
  objects: { people: { native = "people"; key = [ "nr" ]; reads = "delta"; mark = [ "updated" ]; }; }; }; };
flows: { people: { bindings: { crm: { object = "people"; trigger: { every = "5m"; }; originates = true;
  read: { number = "nr"; name = "name"; paid = "paid"; };%(more)s }; }; }; };
"""


def changes(bed, more=""):
    """A source that tells each change once, which owns everything."""
    bed.write("conf.d/40-crm.conf", CHANGES % {"folder": bed.folder, "more": more})


def change(bed, nr, **values):
    """A row of it is another one, later than all before."""
    bed.day = getattr(bed, "day", 0) + 1
    values["updated"] = f"2026-01-{bed.day:02} 10:00:00"
    bed.table("insert or ignore into people (nr) values (?)", nr, file="crm.sqlite")
    bed.table("update people set " + ", ".join(f"{name} = ?" for name in values) + " where nr = ?", *values.values(), nr, file="crm.sqlite")


def begin_changes(bed):
    bed.change("conf.d/20-entities.conf", 'owner = "erp"', 'owner = "crm"')
    bed.people("NR,NAME,COLOUR,PAID\n9,Zoe,red,1.50\n")
    bed.table("create table people (nr text primary key, name text, paid text, updated timestamp)", file="crm.sqlite")
    changes(bed)
    for nr, name in (("1", "Ann"), ("2", "Bob")):
        change(bed, nr, name=name, paid="1.50")
    bed.begin(0)


def test_locks_and_changes(bed):
    """What comes once, and under a lock, is not lost."""
    begin_changes(bed)
    good(bed.run("lock", "1", "name", "--why", "a test", "--until", "2099-01-01"))
    change(bed, "1", name="Anna")
    change(bed, "2", name="Bert")
    # What a lock holds is no finding.
    good(bed.run("run", "people"))
    assert bed.json(0, "status")["flows"][0]["last_run"]["counts"]["held"] == 1
    assert bed.table("select name from person where number < '9' order by number") == [("Ann",), ("Bert",)]
    record = bed.json(0, "trace", "1")["records"][0]
    assert [(wait["object"], wait["native"], wait["for"]) for wait in record["waits"]] == [("crm.people", "1", "a lock")], record
    has(good(bed.run("trace", "1")).out, "Rows that wait", "what is held")
    assert bed.json(0, "status")["flows"][0]["rows_held"] == 1
    bed.table("update lock set until_us = 1000", file="state/ledger.db")
    good(bed.run("run", "people"))
    assert bed.table("select name from person where number < '9' order by number") == [("Anna",), ("Bert",)]
    record = bed.json(0, "trace", "1")["records"][0]
    assert record["waits"] == [], record
    assert "what is held" not in bed.run("trace", "1").out


def test_links(bed):
    """Pairs that are there twice before the first run."""
    bed.people("NR,NAME,COLOUR,PAID\n1,Ann,red,1.50\n2,Bob,blue,2.00\n")
    bed.table("insert into person (id, number, name, colour) values (101, null, 'Anna', 'red'), (102, 'B', 'Bob', 'blue')")
    bed.write("pairs.csv", "erp;base;note\n1;101;\"a \"\"pair\"\"\"\n2;102;\n;4;\n1;102;\n")
    explained(bed.run("links", "import", "people", "base", bed.path("pairs.csv")), 2, "--why")
    for mode in ("off", "paused"):
        good(bed.run("flag", "people", mode, "--why", "a test"))
        explained(bed.run("links", "import", "people", "base", bed.path("good.csv"), "--why", "a test"), 1, "ledger-flag", f"people is {mode} for one",
                  "syncline flag people preview --unit one")
        assert bed.json(0, "links", "export", "people") == []
    good(bed.run("flag", "people", "preview", "--why", "a test"))
    result = good(bed.run("links", "import", "people", "base", bed.path("pairs.csv"), "--why", "a test"), 1)
    has(result.out, "line 4: ", "line 5: ")
    has(result.err, "nothing was kept", "--partial")
    assert bed.json(0, "links", "export", "people") == []
    value = bed.json(3, "links", "import", "people", "base", bed.path("pairs.csv"), "--partial", "--why", "a test")
    assert value == {**value, "links": 4, "records": 2, "faults": 2, "kept": True} and [fault["line"] for fault in value["errors"]] == [4, 5], value
    bed.write("good.csv", "base,erp\n101,1\n")
    assert bed.json(0, "links", "import", "people", "base", bed.path("good.csv"), "--why", "a test")["known"] == 1
    bed.begin(0)
    assert bed.table("select id, number, name from person order by id") == [(101, "1", "Ann"), (102, "2", "Bob")]
    rows = list(csv.DictReader(io.StringIO(good(bed.run("links", "export", "people", "--unit", "one")).out)))
    assert sorted((row["object"], row["native"], row["state"]) for row in rows) == [
        ("base.person", "101", "live"), ("base.person", "102", "live"), ("erp.people", "1", "live"), ("erp.people", "2", "live")], rows
    lines = [json.loads(line) for line in good(bed.run("links", "export", "people", "--lines")).out.splitlines()]
    assert sorted(lines, key=str) == sorted(bed.json(0, "links", "export", "people"), key=str) and len(lines) == 4, lines
    # What the ledger knows already, by its own numbers.
    bed.write("records.csv", f"record,native\n{rows[0]['record']},999\n77,998\n")
    value = bed.json(1, "links", "import", "people", "base", bed.path("records.csv"), "--why", "a test")
    assert [fault["line"] for fault in value["errors"]] == [2, 3] and not value["kept"], value
    bed.write("bad.csv", "a,b\n1,2\n")
    explained(bed.run("links", "import", "people", "base", bed.path("bad.csv"), "--why", "a test"), 2, "names no pair")
    explained(bed.run("links", "import", "people", "base", bed.path("none.csv"), "--why", "a test"), 2, "none.csv")
    explained(bed.run("links", "import", "people", "base", bed.folder, "--why", "a test"), 2, "can't be read", "Name a CSV file")
    explained(bed.run("links", "import", "people", "desk", bed.path("good.csv"), "--why", "a test"), 2, "desk")
    explained(bed.run("links", "expert", "people"), 2, "links export FLOW")


def test_links_quotes(bed):
    """A quote inside a cell swallows no line, and what is wrong is told with its line."""
    bed.people("NR,NAME,COLOUR,PAID\n" + "".join(f"{i},P{i},red,1\n" for i in range(1, 6)))
    good(bed.run("flag", "people", "preview", "--why", "a test"))

    def imported(text, *options, status=0):
        bed.write("pairs.csv", text)
        return bed.json(status, "links", "import", "people", "base", bed.path("pairs.csv"), "--why", "a test", *options)

    def faults(text, *words):
        value = imported(text, status=1)
        assert not value["kept"] and [fault["line"] for fault in value["errors"]] == [line for line, _ in words], value
        for fault, (_, word) in zip(value["errors"], words):
            has(fault["message"], word)
        assert bed.json(0, "links", "export", "people") == []

    faults('erp,base\n1,101\n2,"102\n3,103\n4,104\n', (3, "not closed"))
    faults('erp,base\n1,101\n2,"102\n3,"103\n4,104\n', (3, "behind a closing quote"), (4, "not closed"))
    faults('erp,base\n1,"101"x\n2,"102" \n3,103\n', (2, "behind a closing quote"), (3, "behind a closing quote"))
    faults('erp,base\n1,101\t\n2,"102\n3,103"\n', (2, "control character"), (3, "control character"))
    faults("erp,base,note\n1,101\n2\n3,103,a,b\n", (3, "1 columns and the head 3"), (4, "4 columns and the head 3"))
    for head in ("erp,base,base", "base,erp,native", "erp,base,erp", "base,record,record"):
        bed.write("pairs.csv", f"{head}\n1,101,102\n")
        explained(bed.run("links", "import", "people", "base", bed.path("pairs.csv"), "--why", "a test"), 2, "two columns", ":1: ")
    value = imported('erp,base\n1,"101\n2,102\n', "--partial", status=3)
    assert (value["links"], value["faults"]) == (2, 1), value
    value = imported('note,erp,base\r\npipe 5",1,101\r\npipe 6",2,102\r\n"two\nlines, ""quoted""",3,103\r\n\r\n,4,"104",,\r\npipe,5,105')
    assert (value["links"], value["records"], value["known"], value["faults"]) == (8, 4, 1, 0), value


def test_position(bed):
    bed.begin()
    value = bed.json(0, "position")
    reading = [row for row in value if row["object"] == "erp.people" and row["flow"] is None]
    applied = [row for row in value if row["object"] == "erp.people" and row["flow"] == "people"]
    assert len(reading) == 1 and reading[0]["position"] and applied[0]["staged"] > 0 and not applied[0]["doubted"], value
    has(good(bed.run("position", "list", "erp.people")).out, "(reading)", "people")
    explained(bed.run("position", "rewind", "erp.people"), 2, "--why")
    explained(bed.run("position", "rewind", "erp.peple", "--why", "a test"), 2, "Did you mean `erp.people`?")
    good(bed.run("position", "rewind", "erp.people", "--why", "a test"))
    assert [row["position"] for row in bed.json(0, "position", "list", "erp.people") if row["flow"] is None] == [None]
    good(bed.run("position", "set", "erp.people", reading[0]["position"], "--why", "a test"))
    assert [row["position"] for row in bed.json(0, "position", "list", "erp.people") if row["flow"] is None] == [reading[0]["position"]]
    good(bed.run("position", "rewind", "erp.people", "0", "--flow", "people", "--unit", "one", "--why", "a test"))
    assert [row["staged"] for row in bed.json(0, "position", "list", "erp.people") if row["flow"] == "people"] == [0]
    explained(bed.run("position", "rewind", "erp.people", "999", "--flow", "people", "--unit", "one", "--why", "a test"), 1, "ledger-not-found")
    explained(bed.run("position", "rewind", "erp.people", "1", "--why", "a test"), 2, "--flow")
    explained(bed.run("position", "set", "erp.people", "hex:0g", "--why", "a test"), 2, "is no position")
    explained(bed.run("position", "move", "erp.people"), 2, "rewind")
    before = bed.json(0, "position")
    good(bed.run("flag", "people", "off", "--why", "a test"))
    for words in (("rewind", "erp.people"), ("set", "erp.people", reading[0]["position"])):
        explained(bed.run("position", *words, "--why", "a test"), 1, "ledger-flag", "every flow that reads erp.people is off")
    explained(bed.run("position", "rewind", "erp.people", "0", "--flow", "people", "--unit", "one", "--why", "a test"), 1, "ledger-flag",
              "people is off for one")
    assert bed.json(0, "position") == before
    good(bed.run("flag", "people", "paused", "--why", "a test"))
    good(bed.run("position", "rewind", "erp.people", "--why", "a test"))
    bed.run("run", "people")
    assert bed.table("select count(*) from person") == [(2,)]


def bed_bytes(bed, name):
    with open(bed.path(name), "rb") as file:
        return file.read()


def test_backup(bed):
    bed.begin()
    value = bed.json(0, "backup", bed.path("copy.db"))
    assert value["bytes"] == os.path.getsize(bed.path("copy.db")) and os.stat(bed.path("copy.db")).st_mode & 0o777 == 0o600, value
    explained(bed.run("backup", bed.path("nowhere/copy.db")), 1, "nowhere")
    # Not over the ledger's own files, nor over another one beside them.
    good(bed.run("backup", bed.path("state/spare.db")))
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-journal", "ledger.stamp", "ledger.lock", "ledger.db.before-restore"):
        was = {file: bed_bytes(bed, f"state/{file}") for file in os.listdir(bed.path("state"))}
        explained(bed.run("backup", bed.path(f"state/{name}")), 2, f"state/{name} is the ledger's own file", "outside the state directory")
        assert was == {file: bed_bytes(bed, f"state/{file}") for file in os.listdir(bed.path("state"))}, name
    explained(bed.run("backup", bed.path("state/../state/spare.db")), 2, "is there already")
    bed.people(PEOPLE.replace("Bob", "Rob"))
    bed.run("run", "people")
    explained(bed.run("restore", bed.path("none.db")), 2, "none.db")
    explained(bed.run("restore", bed.path("in/people.csv")), 1)
    has(good(bed.run("restore", bed.path("copy.db"))).err, "before-restore", "--full")
    assert [name for name in sorted(os.listdir(bed.path("state"))) if "before-restore" in name] == ["ledger.db.before-restore"], os.listdir(bed.path("state"))
    # The engine that opens it finds a new epoch, and doubts where it stands until all was read.
    good(bed.run("flag", "people", "paused", "--why", "a test"))
    bed.run("run", "people")
    findings = bed.json(3, "doctor")["findings"]
    assert "position" in {finding["area"] for finding in findings}, findings
    good(bed.run("flag", "people", "on", "--without-preview", "--why", "a test"))
    bed.run("run", "people", "--full")
    assert bed.table("select name from person where number = '2'") == [("Rob",)]
    assert bed.table("select count(*) from person") == [(2,)]


def test_rebase(bed):
    bed.begin()
    os.rename(bed.path("base.sqlite"), bed.path("moved.sqlite"))
    bed.change("conf.d/10-systems.conf", "base.sqlite", "moved.sqlite")
    bed.people(PEOPLE.replace("Bob", "Rob"))
    result = bed.run("run", "people")
    has(result.out + result.err, "syncline rebase base --why")
    explained(bed.run("rebase", "base"), 2, "--why")
    explained(bed.run("rebase", "bas", "--why", "a test"), 2, "Did you mean `base`?")
    assert bed.json(0, "rebase", "base", "--why", "it was moved")["rebased"] is True
    bed.run("run", "people")
    assert bed.table("select name from person where number = '2'", file="moved.sqlite") == [("Rob",)]


def test_doctor(bed):
    bed.begin()
    value = bed.json(0, "doctor")
    assert value["findings"] == [] and value["ledger"]["records"] == 3 and value["ledger"]["free_bytes"] > 0, value
    assert {system["system"]: system["reached"] for system in value["systems"]} == {"erp": True, "base": True}, value
    has(good(bed.run("doctor")).out, "3 records", "disk: ")
    assert bed.json(0, "doctor", "--offline", "--quick")["systems"] == []
    # A link whose record is gone, a delivery that nobody knows of, a flow without anybody, a system that is away.
    bed.table("delete from golden_person where number = '1'", file="state/ledger.db")
    bed.change("conf.d/30-flows.conf", "responsible: {", "title = \"People\"; # {")
    os.rename(bed.path("in"), bed.path("out-of-the-way"))
    result = good(bed.run("doctor"), 3)
    has(result.out, "ledger", "people one", "nobody is responsible", "erp")
    value = bed.json(3, "doctor")
    assert {finding["area"] for finding in value["findings"]} == {"ledger", "flow", "system"}, value
    for finding in value["findings"]:
        assert finding["message"] and finding["hint"], finding
    assert {finding["area"] for finding in bed.json(3, "doctor", "--offline", "--quick")["findings"]} == {"flow"}



def ails(bed, place, *words, runs=1):
    """doctor's one finding, at a place, with words in what it says and what it advises, in all its forms; a run fails by the same."""
    findings = bed.json(3, "doctor")["findings"]
    assert [(finding["area"], finding["place"]) for finding in findings] == [("system", place)], findings
    has(findings[0]["message"] + findings[0]["hint"], *words)
    assert findings[0]["hint"], findings
    has(good(bed.run("doctor"), 3).out, "system", place, findings[0]["message"], findings[0]["hint"])
    good(bed.run("doctor", "--offline"))
    good(bed.run("run", "people", "--full"), runs)


def well(bed):
    assert bed.json(0, "doctor")["findings"] == []
    has(good(bed.run("doctor")).err, "no finding")


def test_doctor_objects(bed):
    """Each system is asked for the objects and fields that flows use, and what it lacks is told as a run meets it."""
    bed.begin()
    well(bed)
    bed.table("alter table person rename to person_before")
    ails(bed, "base.person", 'no table or view "person"', "syncline discover")
    bed.table("alter table person_before rename to person")
    well(bed)
    # What is only written.
    bed.table("alter table person rename column paid to paid_before")
    ails(bed, "base.person", 'people writes the field "paid"', "person has no such field", "`syncline discover base person`", runs=3)
    bed.table("alter table person rename column paid_before to paid")
    well(bed)
    bed.table("alter table person rename column ext to ext_before")
    ails(bed, "base.person", "external_key", '"ext"')
    bed.table("alter table person rename column ext_before to ext")
    well(bed)
    # What is read, by the rules of a flow and then by a contract.
    bed.people(PEOPLE.replace("PAID", "SUM"))
    ails(bed, "erp.people", "PAID", "`syncline discover erp people`")
    bed.people(PEOPLE)
    well(bed)
    good(bed.run("discover", "erp"))
    bed.people(PEOPLE.replace("PAID", "SUM"))
    ails(bed, "erp.people", 'the field "PAID" was', "is gone")
    bed.people(PEOPLE)
    well(bed)


def test_doctor_files(bed):
    """An export that was read and is gone is no fault where a run has none either; of one that is yet to come it is."""
    bed.begin()
    os.remove(bed.path("in/people.csv"))
    good(bed.run("run", "people"), 0)
    well(bed)
    good(bed.run("position", "rewind", "erp.people", "--why", "a test"))
    assert bed.run("run", "people").status == 1
    finding, = bed.json(3, "doctor")["findings"]
    assert (finding["area"], finding["place"]) == ("system", "erp.people"), finding
    has(finding["message"], "No complete file")
    has(finding["hint"], "Check the export")


def test_doctor_flags(bed):
    """What no flow uses is not asked for: one that is off may be on its way in."""
    bed.begin()
    bed.table("alter table person rename to person_before")
    good(bed.run("flag", "people", "off", "--why", "a test"))
    well(bed)
    good(bed.run("flag", "people", "paused", "--why", "a test"))
    assert bed.json(3, "doctor")["findings"][0]["place"] == "base.person"


def test_doctor_credentials(bed):
    """A unit with settings of its own is asked for with these."""
    bed.change("conf.d/10-systems.conf", "units: { one: { }; };",
               'units: { one: { systems: { base: { settings: { path = "%s"; }; }; }; }; };' % bed.path("one.sqlite"))
    bed.table("create table person (id integer primary key, number text, name text, colour text, paid text, ext text unique)", file="one.sqlite")
    bed.begin()
    well(bed)
    bed.table("drop table person")
    well(bed)
    bed.table("alter table person rename to person_before", file="one.sqlite")
    ails(bed, "base.person one", 'one.sqlite has no table or view "person"')
    value = bed.json(3, "doctor")
    assert [(system["system"], system["unit"], system["reached"]) for system in value["systems"]] == \
        [("erp", None, True), ("base", None, True), ("base", "one", True)], value


def test_doctor_lookups(bed):
    bed.write("conf.d/40-lookups.conf", 'lookups: { colour: { file = "lookups/colour.csv"; key = "word"; value = "code"; }; };')
    bed.begin()
    well(bed)
    os.rename(bed.path("conf.d/lookups/colour.csv"), bed.path("colour.csv"))
    finding, = bed.json(3, "doctor", "--offline")["findings"]
    assert finding["area"] == "lookup" and "colour.csv" in finding["message"] and finding["hint"], finding


def test_doctor_silent(bed):
    """A system that hangs costs limits.timeout, once, and the next one is asked all the same."""
    bed.begin()
    bed.table("alter table person rename to person_before")
    os.mkdir(bed.path("connectors"))
    for file in [os.path.join(CONNECTORS, "sqlite.so"), os.path.join(BUILD, "tests/connectors/.libs/hang.so")]:
        os.symlink(os.path.realpath(file), bed.path("connectors/" + os.path.basename(file)))
    bed.change("conf.d/10-systems.conf", 'connector = "csv"; settings: { directory = "%s/in"; null_if = [ "" ]; };' % bed.folder,
               'connector = "hang"; limits: { timeout = "1s"; };')
    began = time.monotonic()
    value = bed.json(3, "doctor", connectors=bed.path("connectors"))
    took = time.monotonic() - began
    findings = {finding["place"]: finding for finding in value["findings"]}
    assert sorted(findings) == ["base.person", "erp.people"], findings
    has(findings["erp.people"]["message"], "erp", "1000 ms")
    assert findings["erp.people"]["hint"], findings
    assert {system["system"]: system["reached"] for system in value["systems"]} == {"erp": False, "base": True}, value
    assert took < 30, took


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = ran = 0
    for name, test in sorted(globals().items()):
        if not name.startswith("test_") or wanted not in name:
            continue
        bed = LedgerBed()
        ran += 1
        try:
            test(bed)
        except Exception:  # each test is told, whatever it failed with
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
        finally:
            bed.close()
    print(f"cli_ledger.py: {ran - failed} of {ran} tests passed")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
