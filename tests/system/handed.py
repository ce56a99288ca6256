#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""handed.py [WORD]: a till that is told whole rows in files, which it imports when it likes, and what people enter there under a lock.

With whatever is written every other value of the row goes back to it, too; one that is locked goes back as it stands there.
"""
import csv
import glob
import os
import sqlite3
import sys

import cli_bed
from cli_ledger import good
from runs_bed import DONE, FINDINGS, main, same

# An update does not write the key: were `number` required, a confirmed row would be none by the rules, and nothing be taken from it.
CONFIG = """
agent: { timezone = "UTC"; };
systems: {
  erp: { connector = "csv"; settings: { directory = "%(folder)s/in"; complete = "rename"; null_if = [ "" ]; };
    objects: { goods: { native = "goods_*.csv"; key = [ "NR" ]; reads = "full"; }; }; };
  till: { connector = "csv"; access = "write";
    settings: { directory = "%(folder)s/till/out"; import_directory = "%(folder)s/till/in"; complete = "rename"; null_if = [ "" ]; };
    objects: { articles: { native = "articles_*.csv"; key = [ "no" ]; reads = "full"; }; }; };
};
entities: { article: { owner = "erp"; match = ( { exact = [ "number" ]; } );
  fields: { number: { type = "text"; }; name: { type = "text"; };
            shelf: { type = "text"; owner = "till"; }; label: { type = "text"; policy = "newest"; tie = "erp"; };
            price: { type = "text"; edits = "raise"; }; tax: { type = "text"; }; }; }; };
flows: { articles: { entity = "article"; responsible: { business = "b"; technical = "t"; runbook = "r"; };
  guards: { updates = "100%%"; at_least = 1000; };
  bindings: {
    erp: { object = "goods"; trigger: { file = true; }; originates = true;
      read: { number = "NR"; name = "NAME"; label = "LABEL"; price = "PRICE"; tax = "TAX"; }; };
    till: { object = "articles"; trigger: { file = true; };
      map = ( [ "number", "no" ], [ "name", "name" ], [ "shelf", "shelf" ], [ "label", "label" ], [ "price", "price" ], [ "tax", "tax" ] );
      confirm: { by = "readback"; within = "36h"; }; }; }; }; };
contracts: { till: { articles: { native = "articles_*.csv"; fields = ( { name = "no"; type = "text"; key = true; }, { name = "name"; type = "text"; },
  { name = "shelf"; type = "text"; }, { name = "label"; type = "text"; }, { name = "price"; type = "text"; }, { name = "tax"; type = "text"; } ); }; }; };
"""
FIELDS = ["name", "shelf", "label", "price", "tax"]
BEFORE = {"name": "Tea", "shelf": "s1", "label": "l1", "price": "p1", "tax": "t1"}
EDITED = {"shelf": "s2", "label": "l2", "price": "p2", "tax": "t2"}


class Bed(cli_bed.Bed):
    def __init__(self):
        super().__init__()
        for name in ("10-systems", "20-entities", "30-flows"):
            os.remove(self.path(f"conf.d/{name}.conf"))
        for name in ("till/out", "till/in"):
            os.makedirs(self.path(name))
        self.write("conf.d/10-till.conf", CONFIG % {"folder": self.folder})
        self.exports = 0
        # By number: what the ERP has, and what the till has.
        self.goods = {number: dict(BEFORE) for number in ENDS}
        self.articles = {number: dict(BEFORE) for number in ENDS}
        self.export_goods()
        self.export_articles()
        good(self.run("flag", "articles", "on", "--without-preview", "--why", "test"))
        self.flow()
        same("all agree", self.told(), [])

    def put(self, name, rows):
        self.exports += 1
        with open(self.path("new"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        os.rename(self.path("new"), self.path(f"{name}_{self.exports:04}.csv"))

    def export_goods(self):
        fields = [field for field in FIELDS if field != "shelf"]
        self.put("in/goods", [["NR", *(field.upper() for field in fields)], *([number, *(row[field] for field in fields)] for number, row in self.goods.items())])

    def export_articles(self):
        self.put("till/out/articles", [["no", *FIELDS], *([number, *(row[field] for field in FIELDS)] for number, row in self.articles.items())])

    def waiting(self):
        return sorted(glob.glob(self.path("till/in/*.csv")))

    def told(self):
        """The rows that wait for the till."""
        found = []
        for path in self.waiting():
            with open(path, encoding="utf-8", newline="") as file:
                found += list(csv.DictReader(file))
        return found

    def imports(self):
        """The till takes in what waits, and exports what it has then."""
        for row in self.told():
            self.articles[row.pop("no")].update(row)
        for path in self.waiting():
            os.unlink(path)
        self.export_articles()

    def flow(self, status=DONE):
        return good(self.run("run", "articles"), status)

    def table(self, sql, *values):
        with sqlite3.connect(self.path("state/ledger.db")) as ledger:
            rows = ledger.execute(sql, values).fetchall()
        ledger.close()
        return rows

    def record(self, number):
        (number,), = self.table("SELECT _id FROM golden_article WHERE number = ?", number)
        return str(number)

    def golden(self, number):
        (values,) = self.table(f"SELECT {', '.join(FIELDS)} FROM golden_article WHERE number = ?", number)
        return dict(zip(FIELDS, values))

    def lock(self, word, number):
        for field in EDITED:
            good(self.run(word, self.record(number), field, "--why", "test"))


# How a lock ends, and whether the import was confirmed before.

def unlock(bed, number):
    bed.lock("unlock", number)


def time_over(bed, number):
    bed.table("UPDATE lock SET until_us = 1000 WHERE record = ?", bed.record(number))


ENDS = {"1": (unlock, "before"), "2": (time_over, "before"), "3": (unlock, "after"), "4": (time_over, "after")}


def end_locks(bed, when):
    for number, (end, then) in ENDS.items():
        if then == when:
            end(bed, number)


def test_edits_under_locks(bed):
    """What a person entered under a lock goes by the rules once the lock is over, whenever that is: nothing is written over it unseen."""
    for number in ENDS:
        bed.lock("lock", number)
        bed.articles[number].update(EDITED)
    bed.export_articles()
    bed.flow()
    same("under a lock nothing is written", bed.told(), [])
    for row in bed.goods.values():
        row["name"] = "Green tea"
    bed.export_goods()
    bed.flow()
    same("what is locked goes back as it stands there", bed.told(), [{"no": number, "name": "Green tea", **EDITED} for number in ENDS])
    end_locks(bed, "before")
    bed.imports()
    bed.flow(FINDINGS)
    end_locks(bed, "after")
    for _ in range(2):
        bed.imports()
        bed.flow(FINDINGS)
    same("nothing is on its way", bed.told(), [])
    for number in ENDS:
        # The till's own and what is newer are taken, what a person decides about stands, and what is ours is ours again.
        same(f"the record {number}", bed.golden(number), {"name": "Green tea", "shelf": "s2", "label": "l2", "price": "p1", "tax": "t1"})
        same(f"the till's {number}", bed.articles[number], {"name": "Green tea", "shelf": "s2", "label": "l2", "price": "p2", "tax": "t1"})
        record, = bed.json(DONE, "trace", bed.record(number))["records"]
        same(f"what is asked about {number}", [(finding["kind"], finding["field"]) for finding in record["findings"]], [("review", "price")])
        same(f"what is told of {number}", [(event["after"], event["note"]) for event in record["history"] if event["event"] == "edit"],
             [({"tax": {"golden": "t1", "incoming": "t2"}}, "restored")])


if __name__ == "__main__":
    sys.exit(main(list(globals().items()), sys.argv[1] if len(sys.argv) > 1 else "", Bed))
