# SPDX-License-Identifier: BSD-2-Clause
"""
crash.py: a flow with creates, updates, deletes, references and documents is stopped or killed at every point, and must come to rest
with nothing lost, nothing doubled and nothing stuck.

    crash.py short [SEED]            a sample for `make check`: every way of creating once with every fault
    crash.py whole [SEED]            every point, for every way of creating once, without a fault and with each; and the random kills
    crash.py case SPEC               one case again, as a failing one prints it; its folder is kept
    crash.py random SEED [ROWS [KILLS]]    the program or a connector's process killed at any moment, over 20,000 records

The whole is about 190,000 cases.  "short" and "case" play each from nothing to rest, with each program loaded as it is shipped.  The whole does less
for the same:
    - Programs are copies of one that was loaded before (serve.c).
    - A case begins with a copy of what was there before the run in which its point is (Ground).
    - Where nothing goes on after the point, one run stands for all of its points: it waits at each while everything durable is copied (Photograph),
      and each copy is gone on with.  So are losses of power, and kills where the target is a world; a connector of files that finds its program
      killed tidies up, and so each of those is a kill of its own.  Copies that are equal to the byte are gone on with once.
    - It ends where an earlier one came by, in whatever case, with everything as it is now (state.py).
One case in forty is then repeated, killed for itself and played to the end whatever is known.

CRASH_PART=3/8 runs the third of eight disjoint parts, which every machine makes alike; CRASH_SECONDS ends after so long and says how many of how many
were run; CRASH_WORKERS is how many at a time (many of them wait most of their time); CRASH_WAYS="files gathered" takes these ways alone, and
CRASH_KINDS="ended" or "going-on" those of which one run stands for all, or the others; CRASH_DONE=FILE notes what is done, and leaves out what stands
there under the same seed.

A case is: way, faults (those of the target, from the faulty phase on), phase (1: all is new; 2: creates, updates, deletes), and
    kind     kill, stop    the program, at a commit or a call, or that step fails
             host          a connector's process is killed
             disk          a sync or a renaming of a connector fails (ways of files alone)
             plain         killed, and all that was not synced is lost; torn, mixed: any of it
             fsync         a sync fails, and all that was not synced is lost when the program ends
    point    which of those that the runs of the phase come by
    drawn    its faults are at places of their own
    again    killed once more, at that point of the next runs
    opens    milliseconds that the target takes to be opened
    whole    1: to the end, whatever is known of others
"""
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bed import FAULTS, FILE_FAULTS, FILES, FLOWS, WAYS, Bed, Failure, Server, random_edit  # noqa: E402
from state import Photograph, Snapshot, all_wait, fingerprint  # noqa: E402

PART, PARTS = [int(word) for word in os.environ.get("CRASH_PART", "1/1").split("/")]
WORKERS = int(os.environ.get("CRASH_WORKERS", "2"))
# Nothing here needs a disk that survives: processes are killed, not machines.  Loss of power is played by the store itself.
ROOM = os.environ.get("SYNCLINE_CRASH_DIR") or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
NOTES = os.environ.get("CRASH_DONE")  # jobs that are done are noted there, and not done again
SERVED = os.access(Server.PROGRAM, os.X_OK) and sys.argv[1:2] == ["whole"]  # otherwise each program is loaded as usual
KINDS = os.environ.get("CRASH_KINDS", "").split()
PATIENCE = 3  # of runs with faults: what nobody knows is found out under the knife, too
lock = threading.Lock()


def say(line):
    with lock:
        print(line, flush=True)


def spell(case):
    return ",".join("%s=%s" % (key, "+".join(value) if isinstance(value, tuple) else value) for key, value in sorted(case.items()))


# Cases that once failed, of the programs or of the worlds; the sentence says why.
FOUND = (
    # A late write of the world took cells of another one along, and was told as a misused key.
    "every=2,faults=applies-late,kind=host,phase=2,point=60,seed=0,times=6,way=key",
    # A repeat under a key arrived when the system had forgotten the key: a second record.
    "every=2,faults=loses-answer,kind=none,opens=400,phase=1,point=0,seed=0,times=3,way=forgets",
    # Undisturbed, what was handed over was confirmed only after its row had been merged.
    "faults=,kind=none,phase=1,point=0,way=files",
    # Killed before a run's file had its name: it stayed hidden until something else was written there.
    "every=3,faults=refuses,kind=host,phase=1,point=193,seed=734,times=6,way=gathered",
    # A double that was accepted by name, of a record that was deleted before the double was seen.
    "every=2,faults=reads-fail,kind=stop,phase=1,point=77,seed=279,times=4,way=none",
    # The disk failed while a folder of the connector's own was made, and the document was given up as one that is not there.
    "every=3,faults=refuses,kind=disk,phase=1,point=237,seed=53,times=6,way=files",
)


def parse(text):
    case = dict(pair.split("=", 1) for pair in text.split(","))
    for key in ("phase", "point", "seed", "every", "times", "again", "opens", "drawn", "whole"):
        if key in case:
            case[key] = int(case[key])
    case["faults"] = tuple(f for f in case.get("faults", "").split("+") if f)
    return case


def faults_of(case, counter):
    """What the processes of the faulty phase are told."""
    kind, seed = case["kind"], case.get("seed", 0) + 1
    if kind in ("kill", "stop"):
        return {"fault": "%s:%d:%s" % (kind, case["point"], counter)}
    if kind in ("host", "disk"):
        return {"host": "%s:%d:%s" % ("kill" if kind == "host" else "stop", case["point"], counter)}
    if kind in ("plain", "torn", "mixed"):
        return {"fault": "kill:%d:%s" % (case["point"], counter), "power": kind if kind == "plain" else "%s:%d" % (kind, seed)}
    if kind == "fsync":
        return {"fault": "stop:%d:%s" % (case["point"], counter), "power": "plain"}
    return {}


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def rounds_of(way):
    """A file is written, imported and exported before its record is confirmed, and before what refers to it is written."""
    return 3 if way in FILES else 1


def be_faulty(bed, case):
    """The runs of the faulty phase; whether the point was reached."""
    patience = PATIENCE if case["faults"] else 0
    counter = os.path.join(bed.folder, "counter")
    bed.arm()
    for _ in range(rounds_of(case["way"])):
        bed.run(patience=patience, **faults_of(case, counter))
    if os.path.exists(os.path.join(bed.state, "ledger.db")):
        bed.check_ledger()
    if case.get("again"):
        bed.run(patience=patience, fault="kill:%d:%s" % (case["again"], os.path.join(bed.folder, "counter-again")))
        bed.check_ledger()
    return case["kind"] == "none" or size_of(counter) >= case["point"]


def play(case, folder):
    """One case from the beginning to rest; whether its point was reached."""
    reached = False
    bed = Bed(folder, case["way"], case["faults"], case.get("every", 3), case.get("seed", 0), case.get("times", 3),
              case.get("opens", 0))
    bed.doubles = bed.doubles or case["way"] == "none" and case["kind"] != "none"
    bed.switch_on()
    for phase, change in ((1, bed.fill), (2, bed.edit)):
        change()
        if phase == case["phase"]:
            reached = be_faulty(bed, case)
        bed.settle()
        bed.compare()
    bed.check()
    bed.remove()
    return reached


class Known(Exception):
    """From this state, the rest was tried before."""


class Shared:
    """States from which the rest was tried, by all processes of this run and, with CRASH_DONE, by those before it: in a file, 16 bytes each."""

    def __init__(self, path):
        self.path, self.known, self.read = path, set(), 0

    def __contains__(self, state):
        key = self.key(state)
        if key not in self.known and os.path.exists(self.path) and os.path.getsize(self.path) >= self.read + 16:
            with open(self.path, "rb") as file:
                file.seek(self.read)
                data = file.read()
            self.read += len(data) // 16 * 16
            self.known.update(data[at:at + 16] for at in range(0, len(data) // 16 * 16, 16))
        return key in self.known

    def update(self, states):
        keys = {self.key(state) for state in states} - self.known
        self.known |= keys
        with open(self.path, "ab", buffering=0) as file:
            file.write(b"".join(keys))

    @staticmethod
    def key(state):
        return hashlib.blake2b(repr(state).encode(), digest_size=16).digest()


class Ground:
    """
    A bed on which many cases are played, one after the other.  Each begins with a copy of what the bed held before the run in which its
    point is; and it ends when what is left is what an earlier case, which came to rest, had at the same moment (state.py).
    """

    def __init__(self, folder, way, phase, good, server=None):
        self.folder, self.way, self.phase = folder, way, phase
        self.bed = Bed(folder, way, server=server)
        if way in templates:
            templates[way].restore(self.bed)
        else:
            self.bed.switch_on()
        self.bed.fill()
        if phase == 2:
            self.bed.settle()
            self.bed.compare()
            self.bed.edit()
        self.base = Snapshot(self.bed)
        self.settings = None  # of the faults that are recorded
        self.faults = None  # of the case that is played: settings_in()
        self.good = good  # (moment, faults to come, state): the rest was tried
        self.path = None  # of the case that is played
        self.recording = False
        self.shortcuts = self.alike = 0

    def arrange(self, case):
        """The bed as it was before the faulty phase, with the faults of this case."""
        self.base.restore(self.bed)
        self.bed.set_faults(case["faults"], case.get("every", 3), case.get("seed", 0), case.get("times", 3), case.get("opens", 0))
        self.bed.doubles = self.bed.doubles or self.way == "none" and case["kind"] != "none"
        self.bed.arm()

    def record(self, case):
        """What the bed holds before each run of the faulty phase when nothing is killed, and how many points there were by then."""
        self.settings = self.faults = settings_in(case)
        self.marks, self.path, self.recording = [], [], True
        self.photographs, self.looked_at = {}, set()
        self.arrange(case)
        paths = {name: os.path.join(self.folder, "points-" + name) for name in ("program", "host")}
        for path in paths.values():
            open(path, "w").close()
        for _ in range(rounds_of(self.way)):
            for flow in FLOWS:
                self.marks.append((Snapshot(self.bed), self.count(paths)))
                self.bed.run(patience=PATIENCE if case["faults"] else 0, flows=(flow,), fault="count:" + paths["program"], host="count:" + paths["host"],
                             power="plain")
                if len(self.marks) > (rounds_of(self.way) - 1) * len(FLOWS):
                    self.see("faulty", self.phase, flow)
        self.marks.append((None, self.count(paths)))
        self.recording = False
        try:
            self.come_to_rest()
        except Known:
            self.bed.look = None
            self.bed.compare_journal()
        self.good.update(self.path)

    @staticmethod
    def count(paths):
        with open(paths["program"]) as program, open(paths["host"]) as host:
            names = program.read().split()
            hosts = host.read().count("\n")
        return {"plain": len(names), "kill": sum(not name.startswith("store.") for name in names), "host": hosts, "disk": hosts}

    def photograph(self, case, power):
        """At each point of the program, in one run, what would be left if it was killed there: [(which run, photograph or None)]"""
        bed, path, taken = self.bed, os.path.join(self.folder, "wait"), []
        for name in (path, path + ".told", path + ".go", os.path.join(self.folder, "pids")):
            if os.path.exists(name):
                os.unlink(name)
        open(path, "w").close()
        for name in (path + ".told", path + ".go"):
            os.mkfifo(name)
        self.arrange(case)
        told, go = (os.open(name, os.O_RDWR | os.O_NONBLOCK) for name in (path + ".told", path + ".go"))
        with open(path) as names:
            def look():
                os.read(told, 1)
                name, photograph, former = names.readline(), None, next((p for _, p in reversed(taken) if p), None)
                if not power or not case["faults"] or name.startswith("store.sync"):
                    with open(os.path.join(self.folder, "pids")) as file:
                        pids = file.read().split()
                    for _ in range(200):
                        if all_wait(pids):
                            photograph = Photograph(bed, former)
                            break
                        os.sched_yield()  # to whoever is not waiting yet
                taken.append((at, photograph))
                os.write(go, b".")
            bed.server.watch = (told, look)
            try:
                for at in range(rounds_of(self.way) * len(FLOWS)):
                    if at:
                        os.unlink(os.path.join(self.folder, "pids"))
                    bed.run(patience=PATIENCE if case["faults"] else 0, flows=(FLOWS[at % len(FLOWS)],), fault="wait:" + path, power=power)
            finally:
                bed.server.watch = None
                os.close(told)
                os.close(go)
        return taken

    def ended(self, case):
        """The photograph of where this case ends; None: it must be played."""
        kind = case["kind"]
        if sort_of(case) != "ended" or case.get("whole") or not self.bed.server:
            return None, None
        if kind not in self.photographs:
            self.photographs[kind] = self.photograph(case, "plain" if kind == "plain" else None)
        taken = self.photographs[kind]
        return taken[case["point"] - 1] if case["point"] <= len(taken) else (None, None)

    def play_ended(self, case, at, photograph):
        """From a photograph on."""
        if (at, photograph.digest) in self.looked_at:
            self.shortcuts += 1
            self.alike += 1
            return
        bed, patience = self.bed, PATIENCE if case["faults"] else 0
        photograph.lay(bed, self.base)
        bed.doubles = bool(self.way == "none")
        bed.look, self.path, self.faults = None, [], settings_in(case)
        try:
            if os.path.exists(os.path.join(bed.state, "ledger.db")):
                bed.check_ledger()
            photograph.bring_forward(bed)
            if bed.importer:
                bed.importer.moment()
            self.see("faulty", self.phase, FLOWS[at % len(FLOWS)])
            for i in range(at + 1, (at // len(FLOWS) + 1) * len(FLOWS)):
                bed.run(patience=patience, flows=(FLOWS[i % len(FLOWS)],), power="plain" if case["kind"] == "plain" else None)
                self.see("faulty", self.phase, FLOWS[i % len(FLOWS)])
            bed.check_ledger()
            self.come_to_rest()
        except Known:
            self.shortcuts += 1
            bed.look = None
            bed.compare_journal()
        self.good.update(self.path)
        self.looked_at.add((at, photograph.digest))

    def begin(self, case):
        """Puts the bed where the run with the point begins; which run that is."""
        kind = SAME_POINTS.get(case["kind"], case["kind"])
        counter = os.path.join(self.folder, "counter")
        for name in (counter, counter + "-again", os.path.join(self.folder, "log"), os.path.join(self.folder, "importer", "log")):
            if os.path.exists(name):
                os.unlink(name)
        self.bed.doubles = bool(self.way == "none" and (case["faults"] or case["kind"] != "none"))
        if case["kind"] == "none" or self.settings != settings_in(case):
            self.arrange(case)
            return 0
        at = max((i for i, (_, points) in enumerate(self.marks[:-1]) if points[kind] < case["point"]), default=0)
        self.marks[at][0].restore(self.bed)
        with open(counter, "w") as file:
            file.write("." * self.marks[at][1][kind])
        return at

    def see(self, *moment):
        """Ends the case when all that is to come was tried from here."""
        if self.path is None:
            return
        state, spent = fingerprint(self.bed)
        # Where no fault is to come any more, it is the same which they were.
        faults, bed = self.faults, self.bed
        state = (self.way, moment, (bool(faults[0]), "answers-late" in faults[0], faults[-1]) if spent else faults, bed.doubles, state)
        if state in self.good and not self.recording:
            raise Known
        self.path.append(state)

    def come_to_rest(self):
        bed = self.bed
        for phase in range(self.phase, 3):
            if phase > self.phase:
                bed.edit()
            bed.look = lambda flow, phase=phase: self.see("settle", phase, flow)
            bed.settle()
            bed.look = None
            bed.compare()
            self.see("rest", phase)
        bed.check()

    def play(self, case):
        """Whether the point was reached."""
        bed = self.bed
        if self.settings != settings_in(case) and not case.get("drawn"):
            self.record(case)
        at, photograph = self.ended(case)
        if photograph:
            self.play_ended(case, at, photograph)
            return True
        at, runs = self.begin(case), rounds_of(self.way) * len(FLOWS)
        patience = PATIENCE if case["faults"] else 0
        counter = os.path.join(self.folder, "counter")
        # Nothing is known of a state that is to be disturbed again.
        self.path, self.faults = None if case.get("again") or case.get("whole") or case["kind"] == "none" else [], settings_in(case)
        reached, bed.look = case["kind"] == "none", None
        try:
            for i in range(at, runs):
                if reached and i % len(FLOWS) == 0 and case["kind"] != "none":
                    break
                bed.run(patience=patience, flows=(FLOWS[i % len(FLOWS)],), **faults_of(case, counter))
                if not reached and size_of(counter) >= case["point"]:
                    reached = True
                    if case["kind"] not in ("host", "stop", "disk") and os.path.exists(os.path.join(bed.state, "ledger.db")):
                        bed.check_ledger()
                if reached:
                    self.see("faulty", self.phase, FLOWS[i % len(FLOWS)])
            if case.get("again"):
                bed.run(patience=patience, fault="kill:%d:%s" % (case["again"], counter + "-again"))
            if os.path.exists(os.path.join(bed.state, "ledger.db")):
                bed.check_ledger()
            if case.get("again") and not case.get("whole"):
                self.path = []
                self.see("faulty", self.phase, FLOWS[-1])
            self.come_to_rest()
        except Known:
            self.shortcuts += 1
            bed.look = None
            bed.compare_journal()
        if self.path:
            self.good.update(self.path)
        return reached


def settings_in(case):
    return (case["faults"],) + tuple(case.get(key) for key in ("every", "seed", "times", "opens"))


class Judge:
    """Plays cases, prints what fails, and counts."""

    def __init__(self, total, ends=None, talkative=True):
        self.total, self.ends, self.talkative = total, ends, talkative
        self.start = time.monotonic()
        self.good = self.bad = self.missed = self.shortcuts = self.before = 0

    def play(self, case):
        if self.ends is not None and time.monotonic() > self.ends:
            return
        folder = tempfile.mkdtemp(prefix="syncline-crash-", dir=ROOM)
        work = os.path.join(folder, "bed")
        start = time.monotonic()
        try:
            reached = play(case, work)
        except FAILURES as why:
            self.failed(case, why, work)
            return
        os.rmdir(folder)
        with lock:
            self.good += 1
            self.missed += not reached
        if self.talkative:
            say("%s %-60s %.1f s" % ("ok     " if reached else "ok (-) ", spell(case), time.monotonic() - start))

    def failed(self, case, why, work):
        self.bad += 1
        say("FAILED  %s: %s" % (spell(case), why))
        say("        again: make check-crash-case CASE=%s   what is left: %s" % (spell(case), work))

    def take(self, found):
        """What play_many() says."""
        for case, why, work in found["failed"]:
            self.failed(case, why, work)
        self.good += found["good"]
        self.missed += found["missed"]
        self.shortcuts += found["shortcuts"]

    def tell_progress(self, run):
        took, total = time.monotonic() - self.start, self.total - self.before
        say("%d of %d, %d failed, %d points not reached; %.0f min, %.0f left" % (run, total, self.bad, self.missed, took / 60,
                                                                             (total - run) * took / max(run, 1) / 60))

    def verdict(self):
        run = self.good + self.bad
        say("%d of %d cases were run, %d came to rest with 0 lost, 0 doubled, 0 stuck; %d failed; of %d the point was not reached; %.0f s"
            % (run, self.total, self.good, self.bad, self.missed, time.monotonic() - self.start))
        if self.shortcuts:
            say("of them %d ended in a state from which an earlier one had come to rest" % self.shortcuts)
        return self.bad == 0 and run > 0


FAILURES = (Failure, subprocess.TimeoutExpired, OSError, ValueError, KeyError, sqlite3.Error)


played = multiprocessing.Value("q", 0)  # by all processes


def play_many(job, cases, ends, known):
    """Cases of one way and phase, on one ground; in a process of its own."""
    way, phase = job[:2]
    found = {"job": job, "good": 0, "missed": 0, "shortcuts": 0, "failed": [], "whole": False}
    ground = folder = None
    good, server = Shared(known), Server()
    for case in cases:
        if ends is not None and time.monotonic() > ends:
            break
        with played.get_lock():
            played.value += 1
        try:
            if ground is None:
                folder = tempfile.mkdtemp(prefix="syncline-crash-", dir=ROOM)
                ground = Ground(os.path.join(folder, "bed"), way, phase, good, server)
            reached = ground.play(case)
        except Exception as why:  # of any kind: what else is under way must be told of all the same
            where = "" if isinstance(why, FAILURES) else " " + " ".join(traceback.format_exc().split())
            found["failed"].append((case, "%s: %s%s" % (type(why).__name__, why, where), folder))
            if ground is not None:
                found["shortcuts"] += ground.shortcuts
            ground = folder = None
            if len(found["failed"]) >= 50:
                break
            continue
        found["good"] += 1
        found["missed"] += not reached
    if ground is not None:
        found["shortcuts"] += ground.shortcuts
        shutil.rmtree(folder, ignore_errors=True)
    server.end()
    found["whole"] = found["good"] + len(found["failed"]) == len(cases)
    return found


def settings_of(way, faults, phase):
    """Where the faults of the cases that go through every point stand: always at the same places."""
    seed = zlib.crc32(("%s %s %d" % (way, "+".join(faults), phase)).encode()) % 997 + 1
    every, times = {"answers-late": (5, 2), "dies": (4, 3), "loses-answer": (4, 3), "reads-fail": (2, 4)}.get(faults[0] if faults else "", (3, 6))
    return {"seed": seed, "every": every, "times": times}


def count_points(way, faults=(), phase=1):
    """The points of the runs of that phase when nothing is killed: {"plain": …, "kill": …, "host": …}."""
    folder = tempfile.mkdtemp(prefix="syncline-crash-", dir=ROOM)
    server = Server() if SERVED else None
    bed = Bed(os.path.join(folder, "bed"), way, faults, server=server, **settings_of(way, faults, phase))
    bed.switch_on()
    bed.fill()
    if phase == 2:
        bed.settle()
        bed.edit()
    bed.arm()
    paths = [os.path.join(folder, name) for name in ("points", "host-points")]
    statuses = []
    for _ in range(rounds_of(way)):
        statuses += bed.run(patience=PATIENCE if faults else 0, fault="count:" + paths[0], host="count:" + paths[1], power="plain")
    if not faults and set(statuses) != {0}:
        raise Failure("undisturbed, the runs of %s end with %s; see %s" % (way, statuses, bed.folder))
    bed.settle()
    bed.check()
    with open(paths[0]) as program, open(paths[1]) as host:
        points = {"plain": program.read().split(), "host": host.read().split()}
    points["disk"] = points["host"]
    points["kill"] = [name for name in points["plain"] if not name.startswith("store.")]
    bed.remove()
    for path in paths:
        os.unlink(path)
    os.rmdir(folder)
    if server:
        server.end()
    return points


def count_all(combinations):
    """{(way, faults, phase): points}"""
    jobs = [(way, faults, phase) for way, faults in combinations for phase in (1, 2)]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        points = dict(zip(jobs, pool.map(lambda job: count_points(*job), jobs)))
    for way, faults in combinations:
        say("points  %-8s %-14s %s" % (way, "+".join(faults) or "-", ", ".join(
            "%s %d+%d" % (kind, len(points[way, faults, 1][kind]), len(points[way, faults, 2][kind])) for kind in ("kill", "host", "plain"))))
    return points


def combinations():
    """Every way of creating once with every fault.  The tables are ours, and have none."""
    return [(way, (fault,)) for way in WAYS for fault in faults_for(way)]


def faults_for(way):
    return () if way == "tables" else FILE_FAULTS if way in FILES else FAULTS


# Kinds that are about some points alone.
STEPS = {"fsync": "store.", "disk": "disk."}
SAME_POINTS = {"stop": "kill", "torn": "plain", "mixed": "plain", "fsync": "plain"}


def draw_case(generator, names, way, faults, kind):
    """names: of the phases 1 and 2."""
    phase = generator.choice((1, 2))
    names = names[phase - 1][SAME_POINTS.get(kind, kind)]
    points = [i + 1 for i, name in enumerate(names) if name.startswith(STEPS.get(kind, ""))]
    case = {"way": way, "faults": faults, "kind": kind, "phase": phase, "point": generator.choice(points), "drawn": 1, "seed": generator.randrange(1, 1000),
            "every": generator.choice((2, 3)), "times": 2 if "answers-late" in faults else generator.randint(2, 6)}
    if kind != "none" and generator.random() < 0.25:
        case["again"] = generator.randint(1, 120)
    return case


def around_writes(generator, names, way):
    """Killed while a target writes, or right before or after it, by both processes: where a plain retry would double."""
    for kind, point in (("kill", "call.write."), ("host", "guest.write.")):
        phase = generator.choice((1, 2))
        points = [i + 1 for i, name in enumerate(names[phase - 1][kind]) if name.startswith(point) and not name.endswith(".before")]
        yield {"way": way, "faults": (), "kind": kind, "phase": phase, "point": generator.choice(points)}


def short_cases(seed):
    generator = random.Random(seed)
    alike = {"key": "upsert", "forgets": "upsert", "none": "upsert", "gathered": "files"}
    points = count_all([(way, ()) for way in WAYS if way not in alike])
    names = {way: [points[alike.get(way, way), (), phase] for phase in (1, 2)] for way in WAYS}
    kinds = ["kill", "stop", "host", "plain", "kill", "torn", "mixed", "fsync"]
    cases = [draw_case(generator, names[way], way, faults, kinds[i % len(kinds)]) for i, (way, faults) in enumerate(combinations())]
    cases += [draw_case(generator, names["tables"], "tables", (), kind) for kind in kinds[:4] + kinds[5:]]
    for way in WAYS:
        cases += around_writes(generator, names[way], way)
    if os.environ.get("SYNCLINE_SHORT"):
        cases = cases[seed % 3::3]
    return [parse(spec) for spec in FOUND] + cases


def every_point(way, faults, points):
    """All points of one way with one fault, or with none."""
    for phase in (1, 2):
        names = points[way, faults, phase]
        for kind in ("kill", "stop", "host", "plain", "fsync") + (("disk",) if way in FILES else ()):
            for at, name in enumerate(names[SAME_POINTS.get(kind, kind)]):
                if not name.startswith(STEPS.get(kind, "")):
                    continue
                # Under a fault, a loss of power is another thing than a kill where something is being synced.
                if kind == "plain" and faults and not name.startswith("store.sync"):
                    continue
                yield dict({"way": way, "faults": faults, "kind": kind, "phase": phase, "point": at + 1}, **settings_of(way, faults, phase))


def drawn(generator, way, faults, points):
    """On top: other places of the fault, a second fault, a second kill, and what is left of unsynced writes in any shape."""
    names = [points[way, faults, phase] for phase in (1, 2)]
    for kind in ("kill", "stop", "host", "plain", "torn", "mixed", "fsync") + (("disk",) if way in FILES else ()):
        for _ in range(8 if faults else 40):
            yield draw_case(generator, names, way, faults, kind)
        for _ in range(8 if faults else 0):
            other = generator.choice([f for f in faults_for(way) if f not in faults])
            yield draw_case(generator, names, way, faults + (other,), kind)


def sort_of(case):
    """
    "ended": nothing goes on after the point, and what is left there is all that counts.  A connector that puts something in order when its program
    was killed goes on.
    """
    tidies = case["way"] in FILES + ("tables",)
    return "ended" if not case.get("drawn") and (case["kind"] == "plain" or case["kind"] == "kill" and not tidies) else "going-on"


def whole_cases(seed):
    """All of this part, in an order by chance that does not depend on how many points there are."""
    ways = os.environ.get("CRASH_WAYS", "").split() or WAYS
    every = [pair for pair in combinations() + [(way, ()) for way in WAYS] if pair[0] in ways]
    points = count_all(every)
    cases = []
    for way, faults in every:
        generator = random.Random("%d %s %s" % (seed, way, faults))
        cases += list(every_point(way, faults, points)) + list(drawn(generator, way, faults, points))
    cases.sort(key=lambda case: zlib.crc32(("%d %s" % (seed, spell(case))).encode()))
    if KINDS:
        cases = [case for case in cases if sort_of(case) in KINDS]
    mine = [case for case in cases if zlib.crc32(("part %d %s" % (seed, spell(case))).encode()) % PARTS == PART - 1]
    say("part %d of %d: %d of %d cases" % (PART, PARTS, len(mine), len(cases)))
    return mine


def children(pid):
    listing = subprocess.run(["ps", "-A", "-o", "pid=", "-o", "ppid="], stdout=subprocess.PIPE).stdout.decode().split("\n")
    pairs = [line.split() for line in listing if line.strip()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def kill_one(generator, process):
    """The run or one of its hosts, whichever; None when it had ended by then."""
    victims = children(process.pid)
    victim = generator.choice(victims) if victims and generator.random() < 0.5 else process.pid
    if process.poll() is not None:
        return None
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return "run" if victim == process.pid else "host"


def play_random(seed, rows, kills, folder):
    generator = random.Random(seed)
    way = os.environ.get("CRASH_WAYS") or generator.choice(("upsert", "key", "find", "tables", "files", "gathered"))
    bed = Bed(folder, way, ("imports-late",) if way in FILES else ("fails-applied", "loses-answer"), every=5 if way in FILES else 997, times=5)
    bed.fill(rows, min(rows, 50))
    if way in FILES:
        # What nobody reads is asked for one by one, a hundred in a run.
        bed.source["orders"] = dict(sorted(bed.source["orders"].items())[:100])
        bed.write_source()
    bed.switch_on()
    bed.arm()
    done = {"run": 0, "host": 0}
    rounds, took, begun = 0, 5.0, time.monotonic()
    while sum(done.values()) < kills:
        process = subprocess.Popen(bed.command("--json", "run", FLOWS[rounds % 3], "--patience", "1"), env=bed.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        start = time.monotonic()
        try:
            process.wait(timeout=generator.uniform(0.02, took))
        except subprocess.TimeoutExpired:
            what = kill_one(generator, process)
            process.wait(timeout=600)
            if what is not None:
                done[what] += 1
                if sum(done.values()) % 20 == 0:
                    bed.check_ledger()
                    say("%s killed, %d runs were whole, %.0f s" % (done, rounds, time.monotonic() - begun))
        else:
            took = max(0.1, 0.8 * (time.monotonic() - start))
        if bed.importer:
            bed.importer.moment()
        if process.returncode == 0:
            rounds += 1
            if rounds % 3 == 0:
                random_edit(bed, generator, 0.01)
                took = 5.0
    bed.settle(rounds=30)
    bed.compare()
    random_edit(bed, generator, 0.01)
    bed.settle(rounds=30)
    bed.check()
    bed.remove()
    say("ok      random seed %d: %s killed, %d rows, way %s, %d runs were whole" % (seed, done, rows, way, rounds))


def run_random(seed, rows, kills):
    folder = tempfile.mkdtemp(prefix="syncline-crash-", dir=ROOM)
    try:
        play_random(seed, rows, kills, os.path.join(folder, "bed"))
        os.rmdir(folder)
        return True
    except (Failure, subprocess.TimeoutExpired) as why:
        say("FAILED  random seed %d: %s" % (seed, why))
        say("        again: crash.py random %d %d %d    what is left: %s" % (seed, rows, kills, folder))
        return False


def run_cases(cases):
    judge = Judge(len(cases))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(judge.play, cases))
    return judge.verdict()


def jobs_of(cases, seed):
    """Cases that share a ground, in an order by chance: [(what they have in common, cases)]"""
    alike = {}
    for case in cases:
        common = ("drawn", "") if case.get("drawn") else ("+".join(case["faults"]), sort_of(case))
        alike.setdefault((case["way"], case["phase"]) + common + (bool(case.get("whole")), PART), []).append(case)
    jobs = sorted(alike.items())
    random.Random(seed).shuffle(jobs)
    return jobs


def done_before(seed):
    """{job: how many cases}"""
    if not NOTES or not os.path.exists(NOTES):
        return {}
    with open(NOTES) as file:
        lines = [json.loads(line) for line in file]
    return {tuple(line["job"]): line for line in lines if line["seed"] == seed and line["whole"]}


def note(found, seed):
    if NOTES:
        with open(NOTES, "a") as file:
            file.write(json.dumps(dict(found, seed=seed, failed=[spell(case) for case, _, _ in found["failed"]])) + "\n")


DOUBTED = 40


def doubted(cases):
    """Of these the rest is played in spite of what is known."""
    return [dict(case, whole=1) for case in cases if zlib.crc32(spell(case).encode()) % DOUBTED == 0]


templates = {}  # way -> what a bed holds in the beginning: with one ledger for all, beds of several processes come to the same states


def make_templates(folder, ways):
    """Once: with CRASH_DONE they are kept, for what is known is known of them."""
    for way in sorted(ways - set(templates)):
        bed = Bed(os.path.join(folder, way), way)
        ledger = "%s.%s" % (NOTES, way) if NOTES else None
        if ledger and os.path.exists(ledger):
            shutil.copytree(ledger, bed.state)
        else:
            bed.switch_on()
            if ledger:
                templates[way] = Snapshot(bed)
                shutil.copytree(bed.state, ledger)
        templates[way] = Snapshot(bed)


def run_whole(cases, seed, ends):
    folder = tempfile.mkdtemp(prefix="syncline-crash-", dir=ROOM)
    templates.clear()
    make_templates(folder, {case["way"] for case in cases})
    known = NOTES + ".known" if NOTES else os.path.join(folder, "known")
    judge, before, jobs = Judge(len(cases), ends), done_before(seed), jobs_of(cases, seed)
    todo = [job for job in jobs if job[0] not in before]
    judge.before = sum(len(cases) for job, cases in jobs if job in before)
    if judge.before:
        say("%d of them were run before" % judge.before)
    played.value = 0
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as pool:
        open_jobs = {pool.submit(play_many, *job, ends, known) for job in todo}
        while open_jobs:
            over, open_jobs = concurrent.futures.wait(open_jobs, 60, concurrent.futures.FIRST_COMPLETED)
            for job in over:
                judge.take(job.result())
                note(job.result(), seed)
            judge.tell_progress(played.value)
    shutil.rmtree(folder, ignore_errors=True)
    return judge.verdict()


def main(arguments):
    mode = arguments[0] if arguments else "short"
    if mode == "case":
        return run_cases([parse(arguments[1])])
    seed = int(arguments[1]) if len(arguments) > 1 else random.randrange(10**6)
    say("seed %d (again: crash.py %s %d)" % (seed, mode, seed))
    if mode == "random":
        return run_random(seed, *[int(a) for a in arguments[2:]] or (20000, 200))
    if mode == "short":
        return run_cases(short_cases(seed))
    if mode != "whole":
        raise Failure("what is \"%s\"?" % mode)
    seconds = os.environ.get("CRASH_SECONDS")
    ends = time.monotonic() + float(seconds) if seconds else None
    cases = whole_cases(seed)
    good = run_whole(cases, seed, ends)
    say("one in %d again, to the end whatever is known" % DOUBTED)
    good = run_whole(doubted(cases), seed, ends) and good
    return (PART > 1 or "CRASH_WAYS" in os.environ or run_random(seed, 20000, 200)) and good


if __name__ == "__main__":
    try:
        sys.exit(0 if main(sys.argv[1:]) else 1)
    except Failure as failure:
        say("FAILED  %s" % failure)
        sys.exit(1)
