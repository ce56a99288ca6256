#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""documents_flow.py [WORD]: documents that change under the same name, and those that only seem to.

A folder `left` and a folder `right` hold the same bills, each with a title; an export `erp` names files.  What counts is what
stands in the folders, which contents were kept as earlier ones, and which files were written to at all.
"""
import hashlib
import json
import os
import shutil
import sys

import cli_bed
from runs_bed import DONE, FINDINGS, main, same

SYSTEMS = """
agent: { environment = "test"; timezone = "UTC"; };
systems: {
  left: { connector = "folder"; access = "write"; settings: { directory = "%(folder)s/left"; versions = true; };
    objects: { bills: { native = "/bills"; key = [ "path" ]; content = "content"; external_key = "ref"; reads = "full"; }; }; };
  right: { connector = "folder"; access = "write"; settings: { directory = "%(folder)s/right"; versions = true; };
    objects: { papers: { native = "/papers"; key = [ "path" ]; content = "content"; external_key = "ref"; reads = "full"; }; }; };
  erp: { connector = "csv"; settings: { directory = "%(folder)s/in"; null_if = [ "" ]; stable_for = "20ms"; };
    objects: { letters: { native = "letters.csv"; key = [ "NR" ]; content = "FILE"; reads = "full"; }; }; };
};
"""
ENTITIES = """
entities: {
  bill: { owner = "left"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; title: { type = "text"; %(title)s };
              pdf: { type = "content"; mode = "copy"; owner = "%(owner)s"; %(policy)s }; }; };
  letter: { owner = "erp"; match = ( { exact = [ "number" ]; } );
    fields: { number: { type = "text"; required = true; }; title: { type = "text"; }; pdf: { type = "content"; mode = "copy"; }; }; };
};
"""
FLOWS = """
flows: {
  bills: { entity = "bill";
    responsible: { business = "b@example.com"; technical = "t@example.com"; runbook = "https://wiki.example.com/bills"; };
    guards: { at_least = 100; };
    bindings: {
      left: { object = "bills"; trigger: { every = "1h"; }; originates = true; create_if = "true"; path = "number || '.pdf'";
        map = ( [ "title", "title" ] ); read: { number = "replace(file_name, '.pdf', '')"; pdf = "content()"; };
        write = ( [ "content", "pdf" ] ); deletes: { seen = "accept"; }; };
      right: { object = "papers"; trigger: { every = "1h"; }; originates = true; create_if = "true"; path = "number || '.pdf'";
        map = ( [ "title", "title" ] ); read: { number = "replace(file_name, '.pdf', '')"; pdf = "content()"; };
        write = ( [ "content", "pdf" ] ); deletes: { seen = "accept"; }; }; }; };
  letters: { entity = "letter";
    responsible: { business = "b@example.com"; technical = "t@example.com"; runbook = "https://wiki.example.com/letters"; };
    guards: { at_least = 100; };
    bindings: {
      erp: { object = "letters"; trigger: { file = true; }; originates = true;
        read: { number = "NR"; title = "TITLE"; pdf = "content()"; }; };
      right: { object = "papers"; create_if = "true"; path = "'letter-' || number || '.pdf'";
        write = ( [ "title", "title" ], [ "content", "pdf" ] ); }; }; };
};
"""


ABSENT = object()


class Bed(cli_bed.Bed):
    def __init__(self):
        super().__init__()
        for name in ("conf.d/10-systems.conf", "conf.d/20-entities.conf", "conf.d/30-flows.conf", "in/people.csv"):
            os.remove(self.path(name))
        self.time = 1700000000
        self.write("conf.d/10-systems.conf", SYSTEMS % {"folder": self.folder})
        self.write("conf.d/30-flows.conf", FLOWS)
        self.owned_by("left")
        for name in ("left/bills", "right/papers"):
            os.makedirs(self.path(name))

    def owned_by(self, owner, policy="", title=""):
        self.write("conf.d/20-entities.conf", ENTITIES % {"owner": owner, "policy": policy, "title": title})

    def put(self, name, text, title=None):
        """In place, as editors do that keep the file; each time is a later one, long ago."""
        with open(self.path(name), "wb") as file:
            file.write(text.encode())
        self.touch(name)
        if title is not None:
            self.title(name, title)

    def title(self, name, title):
        """A person edits a field in the sidecar, and leaves the rest of it."""
        beside = self.path(name + ".meta.json")
        sidecar = {}
        if os.path.exists(beside):
            with open(beside, encoding="utf-8") as file:
                sidecar = json.load(file)
        sidecar.setdefault("fields", {})["title"] = title
        if title is ABSENT:
            del sidecar["fields"]["title"]
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(sidecar, file)
        self.touch(name + ".meta.json")

    def touch(self, name):
        self.time += 3600
        os.utime(self.path(name), (self.time, self.time))

    def there(self, folder):
        """{name: (bytes, title)}, and earlier contents as {name.vN: bytes}"""
        found = {}
        for name in sorted(os.listdir(self.path(folder))):
            if name.endswith(".meta.json"):
                continue
            text, beside = self.read(f"{folder}/{name}"), self.path(f"{folder}/{name}.meta.json")
            if ".v" in name:
                found[name] = text
                continue
            sidecar = {}
            if os.path.exists(beside):
                with open(beside, encoding="utf-8") as file:
                    sidecar = json.load(file)
            found[name] = (text, sidecar.get("fields", {}).get("title", ABSENT))
        return found

    def files_of(self, folder):
        """What any write would change."""
        found = {}
        for name in sorted(os.listdir(self.path(folder))):
            stat = os.stat(self.path(f"{folder}/{name}"))
            found[name] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        return found

    def flow(self, name="bills", status=DONE, *args):
        run, = self.json(status, "run", name, *args)
        return {key: count for key, count in run["counts"].items() if count > 0 and key not in ("read", "unchanged")}

    def on(self, *flows):
        for flow in flows:
            result = self.run("flag", flow, "on", "--why", "test", "--without-preview")
            assert result.status == DONE, result

    def quiet(self, name="bills"):
        """Twice more, and in full: nothing is told, nothing is written."""
        before = self.files_of("left/bills"), self.files_of("right/papers")
        same("a further run", self.flow(name), {})
        same("a full run", self.flow(name, DONE, "--full"), {})
        same("what was written", (self.files_of("left/bills"), self.files_of("right/papers")), before)

    def ledger(self, query, *values):
        import sqlite3
        database = sqlite3.connect(self.path("state/ledger.db"))
        rows = database.execute(query, values).fetchall()
        database.close()
        return rows

    def begun(self, count=3):
        """Bills on the left, which the right has as well and read back."""
        self.on("bills")
        for i in range(count):
            self.put(f"left/bills/B{i}.pdf", f"bill {i}", f"Bill {i}")
        same("created", self.flow(), {"created": count, "sent-creates": count})
        self.flow()
        self.quiet()
        same("the right", self.there("right/papers"), {f"B{i}.pdf": (f"bill {i}", f"Bill {i}") for i in range(count)})


def test_changed_bytes(bed):
    """Other bytes under the same name: delivered once, and the title with nothing."""
    bed.begun()
    bed.put("left/bills/B1.pdf", "bill 1, corrected")
    same("counted", bed.flow(), {"changed": 1, "sent-updates": 1})
    same("the right", bed.there("right/papers"), {"B0.pdf": ("bill 0", "Bill 0"), "B1.pdf": ("bill 1, corrected", "Bill 1"),
                                                  "B1.pdf.v1": "bill 1", "B2.pdf": ("bill 2", "Bill 2")})
    bed.flow()
    bed.quiet()
    (before, after), = bed.ledger("SELECT before, after FROM history_view WHERE event = 'changed'")
    for told, text in ((before, "bill 1"), (after, "bill 1, corrected")):
        same("what the history tells", json.loads(told)["pdf"]["sha256"], hashlib.sha256(text.encode()).hexdigest())


def test_same_length(bed):
    """As many bytes as before, and the time of before: the version alone can't tell, so the time has to have moved."""
    bed.begun()
    bed.put("left/bills/B1.pdf", "BILL 1")
    same("counted", bed.flow(), {"changed": 1, "sent-updates": 1})
    same("the right", bed.there("right/papers")["B1.pdf"], ("BILL 1", "Bill 1"))
    bed.flow()
    bed.quiet()


def test_there_and_back(bed):
    """Two changes, of which the second is the first content again: both arrive."""
    bed.begun(1)
    for text in ("another", "bill 0"):
        bed.put("left/bills/B0.pdf", text)
        same("counted", bed.flow(), {"changed": 1, "sent-updates": 1})
        same("the right", bed.there("right/papers")["B0.pdf"], (text, "Bill 0"))
        bed.flow()
        bed.quiet()


def test_touched(bed):
    """The same bytes with another time, or copied over themselves: no change on either side, no history, no write."""
    bed.begun()
    before = bed.ledger("SELECT count(*) FROM history")
    for name in ("left/bills/B0.pdf", "right/papers/B1.pdf"):
        bed.touch(name)
        same(f"{name} was touched", bed.flow(), {})
        bed.quiet()
        shutil.copyfile(bed.path(name), bed.path("copy"))
        shutil.copyfile(bed.path("copy"), bed.path(name))
        bed.touch(name)
        same(f"{name} was copied", bed.flow(), {})
        bed.quiet()
    same("history", bed.ledger("SELECT count(*) FROM history"), before)


def test_title_alone(bed):
    """Only what stands beside the document changes: it goes alone, and the document is not written again."""
    bed.begun()
    before = bed.files_of("right/papers")
    bed.title("left/bills/B1.pdf", "Another title")
    same("counted", bed.flow(), {"changed": 1, "sent-updates": 1})
    same("the right", bed.there("right/papers")["B1.pdf"], ("bill 1", "Another title"))
    after = bed.files_of("right/papers")
    same("which files were written", [name for name in after if after[name] != before.get(name)], ["B1.pdf.meta.json"])
    same("was it stored once more", os.listdir(bed.path("right/.syncline/incoming")), [])
    bed.flow()
    bed.quiet()


def test_edit_by_the_other(bed):
    """The right does not own the document: ours is restored there, and its edit kept as an earlier content."""
    bed.begun()
    bed.put("right/papers/B1.pdf", "scribbled")
    counts = bed.flow()
    same("counted", (counts.get("edits"), counts.get("sent-updates"), counts.get("changed")), (1, 1, None))
    same("the right", {name: text for name, text in bed.there("right/papers").items() if "B1" in name},
         {"B1.pdf": ("bill 1", "Bill 1"), "B1.pdf.v1": "scribbled"})
    same("the left", bed.there("left/bills")["B1.pdf"], ("bill 1", "Bill 1"))
    bed.flow()
    bed.quiet()


def test_owned_by_the_other(bed):
    """The same the other way round: the right owns the document, the left the title."""
    bed.owned_by("right")
    bed.begun()
    bed.put("right/papers/B1.pdf", "bill 1, stamped")
    same("counted", bed.flow(), {"changed": 1, "sent-updates": 1})
    same("the left", {name: text for name, text in bed.there("left/bills").items() if "B1" in name},
         {"B1.pdf": ("bill 1, stamped", "Bill 1"), "B1.pdf.v1": "bill 1"})
    bed.flow()
    bed.quiet()
    bed.touch("left/bills/B1.pdf")
    same("touched", bed.flow(), {})
    bed.put("left/bills/B1.pdf", "scribbled")
    same("an edit", bed.flow().get("edits"), 1)
    same("restored", bed.there("left/bills")["B1.pdf"], ("bill 1, stamped", "Bill 1"))
    bed.flow()
    bed.quiet()


def test_newest(bed):
    """Both may change it: what came last goes to the other side."""
    bed.owned_by("left", 'policy = "newest"; tie = "left";')
    bed.begun(1)
    for name, other in (("right/papers", "left/bills"), ("left/bills", "right/papers"), ("left/bills", "right/papers")):
        text = f"changed on {name}, {bed.time}"
        bed.put(f"{name}/B0.pdf", text)
        same("counted", bed.flow(), {"changed": 1, "sent-updates": 1})
        same(other, bed.there(other)["B0.pdf"], (text, "Bill 0"))
        bed.flow()
        bed.quiet()


def test_same_on_both(bed):
    """Both sides come to have the same document by themselves: agreed, nothing is sent."""
    bed.begun()
    bed.put("left/bills/B1.pdf", "the same")
    bed.put("right/papers/B1.pdf", "the same")
    counts = bed.flow()
    same("counted", (counts.get("changed"), counts.get("sent-updates"), counts.get("edits")), (1, None, None))
    bed.quiet()


def test_linked_with_the_same(bed):
    """Found by its number with the same bytes already there: linked, and not written."""
    bed.on("bills")
    bed.put("right/papers/B0.pdf", "bill 0", "Bill 0")
    bed.put("left/bills/B0.pdf", "bill 0", "Bill 0")
    before = bed.files_of("left/bills"), bed.files_of("right/papers")
    same("counted", {key: count for key, count in bed.flow().items() if key.startswith("sent")}, {})
    bed.quiet()
    same("what was written", (bed.files_of("left/bills"), bed.files_of("right/papers")), before)


def test_before_it_is_sent(bed):
    """Changed between the look and the delivery: what the next run finds arrives, and nothing that nobody looked at."""
    bed.begun(1)
    result = bed.run("flag", "bills", "paused", "--to", "right", "--why", "test")
    same(f"paused: {result}", result.status, DONE)
    bed.put("left/bills/B0.pdf", "seen")
    bed.flow()
    bed.put("left/bills/B0.pdf", "not seen yet")
    result = bed.run("flag", "bills", "on", "--to", "right", "--why", "test", "--without-preview")
    same(f"on: {result}", result.status, DONE)
    bed.flow()
    same("the right", bed.there("right/papers")["B0.pdf"], ("not seen yet", "Bill 0"))
    same("what was never looked at", [name for name in bed.there("right/papers") if ".v" in name], ["B0.pdf.v1"])
    bed.flow()
    bed.quiet()


def test_nulls_of_newest(bed):
    """What counts of a title whose policy is newest: by the owner or not, and not said, null, or a value."""
    bed.owned_by("left", title='policy = "newest"; tie = "left";')
    bed.begun(2)  # the other one keeps the field known
    title, other = "Bill 0", {"left/bills": "right/papers", "right/papers": "left/bills"}
    for number, (folder, said) in enumerate([("right/papers", ABSENT), ("left/bills", ABSENT), ("right/papers", None), ("right/papers", "By the right"),
                                             ("left/bills", None), ("right/papers", "Again by the right"), ("left/bills", "By the left")]):
        bed.title(f"{folder}/B0.pdf", said)
        counts = bed.flow()
        shown = bed.there(folder)["B0.pdf"][1], bed.there(other[folder])["B0.pdf"][1]
        if said is ABSENT:
            same(f"{number}: nothing said on {folder}", (counts, shown), ({}, (ABSENT, title)))
            bed.title(f"{folder}/B0.pdf", title)
        elif said is None and folder == "right/papers":
            same(f"{number}: null on {folder}", (counts, shown), ({"edits": 1, "sent-updates": 1}, (title, title)))
        else:
            title = said
            same(f"{number}: {said} on {folder}", (counts.get("changed"), counts.get("sent-updates"), shown), (1, 1, (title, title)))
        bed.flow()
        bed.quiet()


# An export that names files.


def letters(bed, rows):
    with open(bed.path("in/letters.csv"), "w", encoding="utf-8") as file:
        file.write("NR,TITLE,FILE\n" + "".join(f"{nr},{title},{name}\n" for nr, title, name in rows))
    bed.touch("in/letters.csv")


def written(bed):
    bed.on("letters")
    for name in ("a", "b"):
        bed.put(f"in/{name}.pdf", f"letter {name}")
    letters(bed, [("1", "One", "a.pdf"), ("2", "Two", "b.pdf")])
    same("created", bed.flow("letters"), {"created": 2, "sent-creates": 2})
    bed.quiet("letters")


def paper(bed, number):
    return bed.there("right/papers")[f"letter-{number}.pdf"]


def test_export_document(bed):
    """The row stays as it is in the next export, the file that it names becomes another one."""
    written(bed)
    bed.put("in/a.pdf", "letter a, corrected")
    bed.touch("in/letters.csv")
    same("counted", bed.flow("letters"), {"changed": 1, "sent-updates": 1})
    same("there", paper(bed, "1"), ("letter a, corrected", "One"))
    bed.quiet("letters")
    bed.touch("in/a.pdf")
    bed.touch("in/letters.csv")
    same("touched", bed.flow("letters"), {})
    bed.quiet("letters")


def test_export_row(bed):
    """The row changes and the file does not; then it names the same bytes under another name, which has to be found later on."""
    written(bed)
    letters(bed, [("1", "One more", "a.pdf"), ("2", "Two", "b.pdf")])
    same("counted", bed.flow("letters"), {"changed": 1, "sent-updates": 1})
    same("there", paper(bed, "1"), ("letter a", "One more"))
    same("earlier contents", [name for name in bed.there("right/papers") if ".v" in name], [])
    os.rename(bed.path("in/a.pdf"), bed.path("in/moved.pdf"))
    letters(bed, [("1", "One more", "moved.pdf"), ("2", "Two", "b.pdf")])
    same("moved", bed.flow("letters"), {})
    bed.quiet("letters")
    same("where it lies", bed.ledger("SELECT json_extract(pdf, '$.reference') FROM golden_letter WHERE number = '1'"), [("moved.pdf",)])
    # Gone at the target and created again: from where it is now.
    for name in ("letter-1.pdf", "letter-1.pdf.meta.json"):
        os.remove(bed.path("right/papers/" + name))
    bed.change("conf.d/30-flows.conf", "right: { object = \"papers\"; create_if", "right: { object = \"papers\"; situations: { missing = \"recreate\"; }; create_if")
    letters(bed, [("1", "Once again", "moved.pdf"), ("2", "Two", "b.pdf")])
    bed.flow("letters")
    same("there again", paper(bed, "1"), ("letter a", "Once again"))


def test_export_gone(bed):
    """A file that was put away when it had been taken: nothing happens.  Another one that isn't there yet is told, and sent when it is."""
    written(bed)
    os.remove(bed.path("in/a.pdf"))
    bed.touch("in/letters.csv")
    same("gone", bed.flow("letters"), {})
    bed.quiet("letters")
    letters(bed, [("1", "One", "a.pdf"), ("2", "Two", "c.pdf")])
    counts = bed.flow("letters", FINDINGS)
    same("not there yet", (counts.get("changed"), counts.get("dead")), (1, 1))
    same("there", paper(bed, "2"), ("letter b", "Two"))
    bed.put("in/c.pdf", "letter c")
    bed.touch("in/letters.csv")
    counts = bed.flow("letters")
    same("it came", (counts.get("changed"), counts.get("sent-updates")), (1, 1))
    same("there", paper(bed, "2"), ("letter c", "Two"))
    same("dead letters", bed.ledger("SELECT count(*) FROM dead_letter_view WHERE state = 'open'"), [(0,)])
    bed.quiet("letters")


if __name__ == "__main__":
    sys.exit(main(list(globals().items()), sys.argv[1] if len(sys.argv) > 1 else "", Bed))
