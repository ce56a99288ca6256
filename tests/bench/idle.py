#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The agent as a service at rest, with many flows over many units: its memory, and how often it wakes up.

    idle.py [FLOWS [UNITS [SECONDS]]]

Every flow is switched on for every unit; a twentieth of them wait for files, the rest for a time of day that does not come meanwhile.
First all that wait for files are run once, so that the memory is that of an agent that has worked.  By /proc, so on Linux alone.  Needs
SYNCLINE_BUILD and SYNCLINE_SOURCE."""
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["SYNCLINE_BUILD"]
EACH = 20      # objects of a system
FIELDS = 12
PATIENCE = 900 # seconds, for the first runs
FIELD = ["number", "name", "street", "zip", "city", "country", "revenue", "tier", "email", "phone", "tenant", "note"]


def systems(work, flows):
    text = "agent: { environment = \"test\"; timezone = \"Europe/Berlin\"; };\nsystems: {\n"
    for s in range((flows + EACH - 1) // EACH):
        numbers = range(s * EACH, min(flows, (s + 1) * EACH))
        text += "  erp%d: { connector = \"csv\"; settings: { directory = \"%s/in%d\"; complete = \"rename\"; };\n    objects: {\n" % (s, work, s)
        text += "".join("      rows%d: { native = \"rows%d.csv\"; key = [ \"number\" ]; tenant = \"tenant\"; tenant_mode = \"split\"; reads = \"full\"; };\n" % (n, n)
                        for n in numbers)
        text += "    }; };\n  crm%d: { connector = \"sqlite\"; access = \"write\"; settings: { path = \"%s/crm.sqlite\"; };\n    objects: {\n" % (s, work)
        text += "".join("      account%d: { native = \"account\"; key = [ \"id\" ]; external_key = \"ext\"; };\n" % n for n in numbers)
        text += "    }; };\n"
    return text + "};\n"


def units(flows, count):
    text = "units: {\n"
    for u in range(count):
        text += "  unit%d: { systems: { %s }; };\n" % (u, " ".join("erp%d: { tenant = \"%d\"; };" % (s, u) for s in range((flows + EACH - 1) // EACH)))
    return text + "};\n"


def entities(flows):
    fields = " ".join("%s: { type = \"text\"; };" % name for name in FIELD[:FIELDS])
    return "entities: {\n" + "".join("  entity%d: { owner = \"erp%d\"; match = ( { exact = [ \"number\" ]; } ); fields: { %s }; };\n" % (n, n // EACH, fields)
                                     for n in range(flows)) + "};\n"


def flow(n, unit_names, trigger):
    maps = ", ".join("[ \"%s\", \"%s\" ]" % (name, name) for name in FIELD[:FIELDS] if name != "name")
    return """  flow%d: { entity = "entity%d"; units = [ %s ];
    responsible: { business = "a@example.com"; technical = "b@example.com"; runbook = "https://example.com/"; };
    bindings: {
      erp%d: { object = "rows%d"; originates = true; trigger: { %s }; map = ( %s ); read: { name = "trim(name)"; }; };
      crm%d: { object = "account%d"; create_if = "true"; write = ( [ "number", "number" ], [ "name", "upper(name)" ] ); }; }; };
""" % (n, n, unit_names, n // EACH, n, trigger, maps, n // EACH, n)


def configure(work, flows, count):
    conf = os.path.join(work, "conf.d")
    os.mkdir(conf)
    names = ", ".join("\"unit%d\"" % u for u in range(count))
    # Half a day from now.
    at = time.strftime("%H:00", time.gmtime(time.time() + 12 * 3600))
    triggers = ["file = true;" if n % 20 == 0 else "at = \"%s\";" % at for n in range(flows)]
    with open(os.path.join(conf, "bench.conf"), "w") as f:
        f.write(systems(work, flows) + units(flows, count) + entities(flows))
        f.write("flows: {\n" + "".join(flow(n, names, triggers[n]) for n in range(flows)) + "};\n")
    for s in range((flows + EACH - 1) // EACH):
        os.mkdir(os.path.join(work, "in%d" % s))
    db = sqlite3.connect(os.path.join(work, "crm.sqlite"))
    db.execute("CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, number TEXT, name TEXT)")
    db.commit()
    db.close()
    for n in range(0, flows, 20):
        with open(os.path.join(work, "in%d" % (n // EACH), "rows%d.csv" % n), "w") as f:
            f.write(",".join(FIELD[:FIELDS]) + "\n")
            for u in range(count):
                row = ["%d-%d" % (n, u), "Name %d" % u] + ["x"] * (FIELDS - 2)
                row[FIELD.index("tenant")] = str(u)
                f.write(",".join(row) + "\n")
    return conf, (flows + 19) // 20 * count


def status(pid, *names):
    """Of a process: lines of its status file, in KiB or numbers."""
    with open("/proc/%d/status" % pid) as f:
        lines = dict(line.split(":", 1) for line in f)
    return [int(lines[name].split()[0]) for name in names]


def wake_ups(pid):
    """How often any of its threads was let run after it had waited for something: by thread."""
    found = {}
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task)) as f:
            found[task] = int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", f.read(), re.M).group(1))
    return found


def main():
    flows = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 180
    work = tempfile.mkdtemp(prefix="syncline-bench-")
    agent = None
    try:
        conf, expected = configure(work, flows, count)
        state = os.path.join(work, "state")
        os.mkdir(state, 0o700)
        places = ["--config", conf, "--state", state]
        log = os.path.join(work, "log")

        def logged(word):
            with open(log) as f:
                return len(re.findall(word, f.read()))
        with open(log, "ab") as out:
            began = time.monotonic()
            agent = subprocess.Popen([os.path.join(BUILD, "synclined"), *places], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

        def until(what, ready):
            end = time.monotonic() + PATIENCE
            while not ready():
                if agent.poll() is not None or time.monotonic() > end:
                    with open(log) as f:
                        sys.stderr.write("".join(f.readlines()[-20:]))
                    sys.exit("%s: it did not come" % what)
                time.sleep(0.02)
        until("the agent", lambda: logged(r"\bstarted pid=") > 0)
        print("%d flows over %d units: started in %.0f ms, with %.1f MiB" % (flows, count, (time.monotonic() - began) * 1e3,
                                                                          status(agent.pid, "RssAnon")[0] / 1024))
        for n in range(flows):
            subprocess.check_call([os.path.join(BUILD, "syncline"), *places, "flag", "flow%d" % n, "on", "--without-preview", "--why", "bench"],
                                  stdout=subprocess.DEVNULL)
        began = time.monotonic()
        until("the first runs", lambda: logged(r"\brun-ended\b") >= expected)
        print("%d first runs of units, of %d flows that wait for files, ended %.1f s after the last flow was switched on" % (
            expected, (flows + 19) // 20, time.monotonic() - began))
        db = sqlite3.connect(os.path.join(work, "crm.sqlite"))
        written = db.execute("SELECT count(*) FROM account").fetchone()[0]
        db.close()
        if written != expected:
            sys.exit("the figures would be worthless: %d records at the target, and not %d" % (written, expected))
        # A file that came is looked at once more a minute later; what is at rest has that behind it.
        until("rest", lambda: not os.path.exists("/proc/%d/task/%d/children" % (agent.pid, agent.pid)) or
              not open("/proc/%d/task/%d/children" % (agent.pid, agent.pid)).read())
        time.sleep(min(5, seconds))
        before, since = wake_ups(agent.pid), time.monotonic()
        time.sleep(seconds)
        after, minutes = wake_ups(agent.pid), (time.monotonic() - since) / 60
        anonymous, file, threads = status(agent.pid, "RssAnon", "RssFile", "Threads")
        with open("/proc/%d/smaps_rollup" % agent.pid) as f:
            pss = int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
        woken = sum(after[task] - before.get(task, 0) for task in after)
        print("at rest: anonymous %.1f MiB, mapped files beside it %.1f, together by its share (PSS) %.1f; %d threads" % (
            anonymous / 1024, file / 1024, pss / 1024, threads))
        print("woke up %d times in %.1f minutes: %.2f a minute" % (woken, minutes, woken / minutes))
        agent.send_signal(signal.SIGTERM)
        if agent.wait(timeout=60) != 0:
            sys.exit("the agent ended with %d" % agent.returncode)
    finally:
        if agent is not None and agent.poll() is None:
            agent.kill()
            agent.wait()
        shutil.rmtree(work)


main()
