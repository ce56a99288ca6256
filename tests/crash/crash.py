# SPDX-License-Identifier: BSD-2-Clause
"""
crash.py: a flow with creates, updates, deletes, references and documents is stopped or killed at every point, and must come to rest
with nothing lost, nothing doubled and nothing stuck.

    crash.py short [SEED]            a sample for `make check`: every way of creating once with every fault
    crash.py whole [SEED]            every point for every way, samples of them with every fault, 200 random kills over 20,000 records
    crash.py case SPEC               one case again, as a failing one prints it; its folder is kept
    crash.py random SEED [ROWS [KILLS]]
"""
import concurrent.futures
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bed import FAULTS, FLOWS, WAYS, Bed, Failure, random_edit  # noqa: E402

WORKERS = 2
# Nothing here needs a disk that survives: processes are killed, not machines.  Loss of power is played by the store itself.
ROOM = os.environ.get("SYNCLINE_CRASH_DIR") or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
lock = threading.Lock()


def say(line):
    with lock:
        print(line, flush=True)


def spell(case):
    return ",".join("%s=%s" % (key, "+".join(value) if isinstance(value, tuple) else value) for key, value in sorted(case.items()))


def parse(text):
    case = dict(pair.split("=", 1) for pair in text.split(","))
    for key in ("phase", "point", "seed", "every", "times"):
        if key in case:
            case[key] = int(case[key])
    case["faults"] = tuple(f for f in case.get("faults", "").split("+") if f)
    return case


def faults_of(case, folder):
    """What the processes of the faulty phase are told."""
    counter = os.path.join(folder, "counter")
    kind = case["kind"]
    if kind in ("kill", "stop"):
        return {"fault": "%s:%d:%s" % (kind, case["point"], counter)}
    if kind == "host":
        return {"host": "kill:%d:%s" % (case["point"], counter)}
    if kind in ("plain", "torn", "mixed"):
        power = kind if kind == "plain" else "%s:%d" % (kind, case["seed"] + 1)
        return {"fault": "kill:%d:%s" % (case["point"], counter), "power": power}
    return {}


def play(case, folder):
    """One case from the beginning to rest."""
    bed = Bed(folder, case["way"], case["faults"], case.get("every", 3), case.get("seed", 0), case.get("times", 3))
    bed.doubles = bed.doubles or case["way"] == "none" and case["kind"] != "none"
    bed.switch_on()
    for phase, change in ((1, bed.fill), (2, bed.edit)):
        change()
        if phase == case["phase"]:
            bed.run(**faults_of(case, folder))
            bed.check_ledger() if os.path.exists(os.path.join(bed.state, "ledger.db")) else None
        bed.settle()
        bed.compare()
    bed.check()
    bed.remove()


def attempt(case):
    folder = tempfile.mkdtemp(prefix="syncline-crash-", dir=ROOM)
    work = os.path.join(folder, "bed")
    start = time.monotonic()
    try:
        play(case, work)
        say("ok      %-60s %.1f s" % (spell(case), time.monotonic() - start))
        os.rmdir(folder)
        return True
    except (Failure, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as why:
        say("FAILED  %s: %s" % (spell(case), why))
        say("        again: make check-crash-case CASE=%s   what is left: %s" % (spell(case), work))
        return False


def count_points(way, kind):
    """How many points each phase has, undisturbed."""
    folder = tempfile.mkdtemp(prefix="syncline-crash-", dir=ROOM)
    bed = Bed(os.path.join(folder, "bed"), way)
    bed.switch_on()
    points = []
    for change in (bed.fill, bed.edit):
        path = os.path.join(folder, "points")
        change()
        count = {"host": "count:" + path} if kind == "host" else {"fault": "count:" + path}
        if kind == "plain":
            count["power"] = "plain"
        statuses = bed.run(**count)
        if statuses != [0, 0, 0]:
            raise Failure("undisturbed, the runs of %s end with %s; see %s" % (way, statuses, bed.folder))
        with open(path) as file:
            points.append(file.read().split())
        os.unlink(path)
    bed.check()
    bed.remove()
    os.rmdir(folder)
    return points


def count_all(ways, kinds=("kill", "host", "plain")):
    jobs = [(way, kind) for way in ways for kind in kinds]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        points = dict(zip(jobs, pool.map(lambda job: count_points(*job), jobs)))
    for way in ways:
        say("points  %-8s %s" % (way, ", ".join("%s %d+%d" % (kind, len(points[way, kind][0]), len(points[way, kind][1])) for kind in kinds)))
    return points


def draw_case(generator, points, way, faults, kind):
    phase = generator.choice((1, 2))
    names = points[way, {"stop": "kill", "torn": "plain", "mixed": "plain"}.get(kind, kind)][phase - 1]
    return {"way": way, "faults": faults, "kind": kind, "phase": phase, "point": generator.randint(1, len(names)),
            "seed": generator.randrange(1, 1000), "every": generator.choice((2, 3)), "times": 1 if "answers-late" in faults else 2}


def combinations():
    for way in WAYS:
        for fault in FAULTS if way != "tables" else ():
            yield way, (fault,)


def short_cases(seed):
    generator = random.Random(seed)
    points = count_all(WAYS[:1] + WAYS[-1:])
    for way in WAYS[1:-1]:
        for kind in ("kill", "host", "plain"):
            points[way, kind] = points[WAYS[0], kind]
    kinds = ["kill", "stop", "host", "plain", "kill", "torn", "mixed"]
    cases = [draw_case(generator, points, way, faults, kinds[i % len(kinds)]) for i, (way, faults) in enumerate(combinations())]
    cases += [draw_case(generator, points, "tables", (), kind) for kind in kinds[:4] + kinds[5:]]
    return cases


def whole_cases(seed):
    generator = random.Random(seed)
    points = count_all(WAYS)
    cases = []
    for way in WAYS:
        for kind in ("kill", "stop", "host", "plain"):
            for phase in (1, 2):
                for point in range(1, len(points[way, "kill" if kind == "stop" else kind][phase - 1]) + 1):
                    cases.append({"way": way, "faults": (), "kind": kind, "phase": phase, "point": point, "seed": 0})
        cases += [draw_case(generator, points, way, (), kind) for kind in ("torn", "mixed") for _ in range(40)]
    for way, faults in combinations():
        cases += [draw_case(generator, points, way, faults, kind) for kind in ("kill", "stop", "host", "plain", "torn", "mixed") for _ in range(8)]
        other = generator.choice([f for f in FAULTS if f not in faults])
        cases += [draw_case(generator, points, way, faults + (other,), kind) for kind in ("kill", "stop", "host") for _ in range(4)]
    generator.shuffle(cases)
    return cases


def children(pid):
    listing = subprocess.run(["ps", "-A", "-o", "pid=", "-o", "ppid="], stdout=subprocess.PIPE).stdout.decode().split("\n")
    pairs = [line.split() for line in listing if line.strip()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def kill_one(generator, process):
    """The run or one of its hosts; false when it had ended by then."""
    victims = children(process.pid)
    victim = generator.choice(victims) if victims and generator.random() < 0.5 else process.pid
    if process.poll() is not None:
        return False
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def play_random(seed, rows, kills, folder):
    generator = random.Random(seed)
    way = generator.choice(("upsert", "key", "find"))
    bed = Bed(folder, way, ("fails-applied", "loses-answer"), every=997, times=5)
    bed.fill(rows)
    bed.switch_on()
    done = rounds = 0
    took = 5.0
    while done < kills:
        process = subprocess.Popen(bed.command("--json", "run", FLOWS[rounds % 3], "--patience", "1"), env=bed.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        start = time.monotonic()
        try:
            process.wait(timeout=generator.uniform(0.02, took))
        except subprocess.TimeoutExpired:
            done += kill_one(generator, process)
            process.wait(timeout=300)
        else:
            took = max(0.1, 0.8 * (time.monotonic() - start))
        if process.returncode == 0:
            rounds += 1
            if rounds % 3 == 0:
                random_edit(bed, generator, 0.01)
                took = 5.0
    bed.settle(rounds=30)
    bed.check()
    bed.remove()
    say("ok      random seed %d: %d kills, %d rows, way %s, %d runs were whole" % (seed, done, rows, way, rounds))


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
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(attempt, cases))
    say("%d of %d cases came to rest with 0 lost, 0 doubled, 0 stuck; %.0f s" % (sum(results), len(results), time.monotonic() - start))
    return all(results)


def main(arguments):
    mode = arguments[0] if arguments else "short"
    seed = int(arguments[1]) if len(arguments) > 1 and mode != "case" else random.randrange(10**6)
    if mode == "case":
        return attempt(parse(arguments[1]))
    say("seed %d (again: crash.py %s %d)" % (seed, mode, seed))
    if mode == "random":
        return run_random(seed, *[int(a) for a in arguments[2:]] or (20000, 200))
    if mode == "short":
        return run_cases(short_cases(seed))
    good = run_cases(whole_cases(seed))
    return run_random(seed, 20000, 200) and good


if __name__ == "__main__":
    try:
        sys.exit(0 if main(sys.argv[1:]) else 1)
    except Failure as failure:
        say("FAILED  %s" % failure)
        sys.exit(1)
