# SPDX-License-Identifier: BSD-2-Clause
"""cli_bed.py: a small configuration with its files in a folder of its own, and the command started in it.

SYNCLINE_CLI_WRAP stands before the command, for example "valgrind --error-exitcode=99 …".
"""
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile

SOURCE, BUILD = os.environ["SYNCLINE_SOURCE"], os.environ["SYNCLINE_BUILD"]
CONNECTORS = os.environ["SYNCLINE_CONNECTORS"]
WRAP = shlex.split(os.environ.get("SYNCLINE_CLI_WRAP", ""))

SYSTEMS = """
agent: { environment = "test"; timezone = "UTC"; };
systems: {
  erp: { connector = "csv"; settings: { directory = "%(folder)s/in"; null_if = [ "" ]; };
    objects: { people: { native = "people.csv"; key = [ "NR" ]; tenant = "BRANCH"; tenant_mode = "split"; reads = "full"; }; }; };
  crm: { connector = "jsonl"; access = "write"; settings: { directory = "%(folder)s/out"; complete = "rename"; };
    objects: { contacts: { native = "contacts.jsonl"; key = [ "id" ]; external_key = "ext"; }; }; };
  base: { connector = "sqlite"; access = "write"; settings: { path = "%(folder)s/base.sqlite"; };
    objects: { person: { native = "person"; key = [ "id" ]; external_key = "ext"; }; }; };
  desk: { connector = "folder"; settings: { directory = "%(folder)s/docs"; };
    objects: { files: { native = "."; key = [ "path" ]; }; }; };
};
units: { one: { systems: { erp: { tenant = "1"; }; }; }; two: { systems: { erp: { tenant = "2"; }; }; }; };
lookups: { colour: { file = "lookups/colour.csv"; key = "word"; value = "code"; missing = "reject"; }; };
"""
ENTITIES = """
entities: { person: { owner = "erp";
  fields: { number: { type = "text"; required = true; }; name: { type = "text"; required = true; max_length = 20; };
            colour: { type = "text"; }; paid: { type = "decimal"; scale = 2; }; };
  checks = ( { rule = "name <> 'Nobody'"; message = "Nobody is not a person"; } );
  match = ( { exact = [ "number" ]; } ); }; };
"""
FLOWS = """
flows: { people: { entity = "person"; units = [ "one", "two" ];
  bindings: {
    erp: { object = "people"; trigger: { file = true; }; originates = true;
      map = ( [ "name", "NAME" ] ); read: { number = "NR"; colour = "lookup('colour', COLOUR)"; paid = "PAID"; }; };
    crm: { object = "contacts"; create_if = "true"; map = ( [ "name", "name" ] );
      write = ( [ "id", "number" ], [ "colour", "colour" ], [ "paid", "paid" ] ); };
    base: { object = "person"; create_if = "number <> '3'"; map = ( [ "name", "name" ] ); write = ( [ "id", "number" ] ); }; };
  tests = ( { title = "a good one"; from = "erp"; given = ( [ "NR", "1" ], [ "NAME", "Ann" ], [ "COLOUR", "red" ], [ "PAID", "1.50" ] );
              expect: { number = "1"; name = "Ann"; colour = "r"; }; } ); }; };
"""
PEOPLE = """NR,BRANCH,NAME,COLOUR,PAID
1,1,Ann,red,1.50
2,1,Bob,blue,2.00
3,2,Cid,red,3.25
4,2,Dora,pink,4.00
5,1,Nobody,red,5.00
6,1,\x1b[31mEve\x1b[0m and a name that is too long,red,6.00
7,9,Finn,red,7.00
"""


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"exit {self.status}\n--- out\n{self.out}\n--- err\n{self.err}"


class Bed:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="syncline-cli.")
        for name in ("in", "out", "docs", "conf.d/lookups"):
            os.makedirs(self.path(name))
        self.write("conf.d/10-systems.conf", SYSTEMS % {"folder": self.folder})
        self.write("conf.d/20-entities.conf", ENTITIES)
        self.write("conf.d/30-flows.conf", FLOWS)
        self.write("conf.d/lookups/colour.csv", "word,code\nred,r\nblue,b\n")
        self.write("in/people.csv", PEOPLE)
        self.age("in/people.csv")

    def close(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def age(self, name):
        """The csv connector takes a file that nobody has written to for a while."""
        os.utime(self.path(name), (1700000000, 1700000000))

    def change(self, name, old, new):
        text = self.read(name)
        assert old in text, (name, old)
        self.write(name, text.replace(old, new))

    def files(self):
        found = []
        for folder, _, names in os.walk(self.folder):
            found += [os.path.relpath(os.path.join(folder, name), self.folder) for name in names]
        return sorted(found)

    def command(self, *args, connectors=CONNECTORS):
        return [*WRAP, f"{BUILD}/syncline", "--config", self.path("conf.d"), "--state", self.path("state"), "--connectors", connectors, *args]

    def run(self, *args, stdout=subprocess.PIPE, **more):
        done = subprocess.run(self.command(*args, **more), stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, timeout=300, check=False)
        return Result(done.returncode, (done.stdout or b"").decode("utf-8"), done.stderr.decode("utf-8"))

    def json(self, status, *args, **more):
        """Runs with --json; what is on standard output has to be exactly one JSON value, in UTF-8."""
        result = self.run("--json", *args, **more)
        assert result.status == status, result
        try:
            return json.loads(result.out)
        except ValueError as wrong:
            raise AssertionError(f"{args}: no JSON value: {wrong}\n{result}") from wrong


def steers(text):
    """The first character that would steer a terminal, or None."""
    for character in text:
        if (ord(character) < 32 and character not in "\n\t") or 127 <= ord(character) < 160 or "\u202a" <= character <= "\u202e":
            return character
    return None


def screen(text):
    """The lines as they stand on a terminal at the end: a carriage return goes back, and what follows stands over it."""
    lines = []
    for line in re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text).replace("\r\n", "\n").split("\n"):
        shown, at = [], 0
        for character in line:
            if character == "\r":
                at = 0
                continue
            shown[at:at + 1] = [character]
            at += 1
        lines.append("".join(shown).rstrip())
    return lines
