# SPDX-License-Identifier: BSD-2-Clause
"""
importer.py: the system behind the way "files".  It takes what was put into its import folder, keeps it under ids of its own, and writes
complete exports, at moments of its own choosing; and it notes what no file may ever hold: a record twice for one change.
"""
import csv
import os
import random

FAULTS = ("imports-late", "exports-late", "refuses")
COLUMNS = {"accounts": ("number", "name", "city", "phone"), "orders": ("number", "total", "account")}


class Importer:
    def __init__(self, folder, faults=(), every=3, seed=0, times=3):
        self.folder = folder
        self.armed = False
        self.set_faults(faults, every, seed, times)
        self.tables = {name: {} for name in COLUMNS}  # object -> native id -> row
        self.later = {}  # file -> how many moments it still waits
        self.refused = {}  # (object, our id) -> native id, "" for a create: rows that were never imported
        self.attempts, self.created = set(), set()
        self.wrong = []  # what must not be, in sentences
        self.rows = self.exports = self.last_id = 0
        for name in ("in", "out", "taken"):
            os.makedirs(self.path(name))
        self.export(self.snapshot())

    def set_faults(self, faults, every, seed, times):
        self.faults, self.every, self.times = faults, every, times
        self.random = random.Random(seed)
        self.done = dict.fromkeys(FAULTS, 0)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def note(self, line):
        with open(self.path("log"), "a") as log:
            log.write(line + "\n")

    def happens(self, fault):
        if not self.armed or fault not in self.faults or self.done[fault] >= self.times or self.random.randrange(self.every) != 0:
            return False
        self.done[fault] += 1
        return True

    def moment(self):
        """What it does when it is its turn: between two runs of the program, or after one was killed."""
        former = self.snapshot()
        self.take_files()
        now = self.snapshot()
        for name in COLUMNS:
            if self.happens("exports-late"):
                # Begun before the import, or not at all this time.
                now[name] = former[name] if self.random.random() < 0.5 else None
        self.export(now)

    def waiting(self):
        return sorted(name for name in os.listdir(self.path("in")) if name.endswith(".csv"))

    # Importing.

    def take_files(self):
        for name in self.waiting():
            if name not in self.later and self.happens("imports-late"):
                self.later[name] = self.random.randint(1, 5)
            if self.later.get(name, 0) > 0:
                self.later[name] -= 1
                continue
            with open(self.path("in", name), newline="") as file:
                rows = list(csv.DictReader(file, delimiter=";", strict=True))
            for row in rows:
                self.take(name.split("_")[0], row)
            os.rename(self.path("in", name), self.path("taken", name))

    def take(self, name, row):
        operation, attempt, table = row["OP"], row["ATTEMPT"], self.tables[name]
        self.rows += 1
        self.note("takes %s %s" % (name, row))
        if None in row or None in row.values() or operation not in ("C", "U", "D"):
            self.wrong.append("a row is damaged: %s %s" % (name, row))
            return
        if len(attempt) != 32 or attempt in self.attempts:
            self.wrong.append("an attempt was handed over twice: %s %s" % (name, row))
        self.attempts.add(attempt)
        ours = row.get("EXT") if operation == "C" else table.get(row["ID"], {}).get("EXT")
        if not ours or operation == "C" and ((name, ours) in self.created or row["ID"]):
            self.wrong.append("%s: %s %s" % ("created twice, or under no id" if operation == "C" else "nothing has this id", name, row))
            return
        if self.happens("refuses"):
            self.note("refuses it")
            self.refused[name, ours] = row["ID"]
            return
        if operation == "D":
            del table[row["ID"]]
            return
        values = {column: row[column] for column in COLUMNS[name] if column in row}
        if operation == "C":
            self.created.add((name, ours))
            self.last_id += 1
            table["K%d" % self.last_id] = dict.fromkeys(COLUMNS[name], "") | values | {"EXT": ours}
        elif {**table[row["ID"]], **values} == table[row["ID"]]:
            self.wrong.append("handed over twice, for it changes nothing: %s %s" % (name, row))
        else:
            table[row["ID"]].update(values)

    # Exporting.

    def snapshot(self):
        return {name: {native: dict(row) for native, row in table.items()} for name, table in self.tables.items()}

    def export(self, state):
        """What is None is not exported this time."""
        self.exports += 1
        for name, columns in COLUMNS.items():
            if state[name] is None:
                continue
            with open(self.path("new"), "w", newline="") as file:
                writer = csv.writer(file, delimiter=";", lineterminator="\n")
                writer.writerow(("ID", "EXT") + columns)
                writer.writerows([native, row["EXT"]] + [row[column] for column in columns] for native, row in state[name].items())
            for old in os.listdir(self.path("out")):
                if old.startswith(name + "_"):
                    os.unlink(self.path("out", old))
            os.rename(self.path("new"), self.path("out", "%s_%06d.csv" % (name, self.exports)))
            self.note("exports %s: %s" % (name, sorted(state[name])))


__all__ = ["Importer", "FAULTS"]
