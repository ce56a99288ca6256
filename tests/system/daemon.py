#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""daemon.py [WORD]: synclined: what it runs by itself, what it does for `syncline`, for whom, and how it starts, reloads and stops."""
import functools
import grp
import json
import os
import pwd
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from cli_bed import CONNECTORS, Result
from daemon_bed import BUILD, Bed, runs_in
from runs_bed import DONE, FAILED, FINDINGS, has, main, refused, same


def every(bed, time, flow="customers"):
    """That flow's exports are looked at by the clock, whether or not a file came."""
    bed.change("conf.d/30-flows.conf", 'object = "%s"; trigger: { file = true; }' % flow, 'object = "%s"; trigger: { every = "%s"; }' % (flow, time))


def by_hand(bed, flow="customers"):
    """The agent does not run that flow by itself."""
    bed.change("conf.d/30-flows.conf", 'object = "%s"; trigger: { file = true; }' % flow, 'object = "%s"; trigger: { cron = "0 0 29 2 *"; }' % flow)


def test_runs_by_the_clock(bed):
    every(bed, "1s")
    bed.on("customers")
    bed.begin()
    bed.until("all customers", lambda: [bed.accounts(name) for name in ("crm", "shop")] == [bed.numbers()] * 2)
    bed.edit(["10001"], NAME="Other")
    bed.until("the change", lambda: [bed.ask(name, "SELECT name FROM account WHERE number = '10001'") for name in ("crm", "shop")] == [[("Other",)]] * 2)
    same("causes", {run["cause"] for run in bed.json(DONE, "runs", "customers")} <= {"schedule", "retry"}, True)
    bed.end()
    has(bed.log_text(), "stopped")
    bed.whole()


def test_runs_when_a_file_comes(bed):
    bed.begin()
    bed.on("customers", "orders")
    bed.until("what was there before", lambda: len(bed.ask("crm", "SELECT * FROM deal")) == len(bed.orders))
    bed.whole()
    # Nobody writes to the folder: nothing runs.
    bed.edit(["10001"], NAME="Other")
    bed.until("the change", lambda: bed.ask("crm", "SELECT name FROM account WHERE number = '10001'") == [("Other",)])
    same("causes", {run["cause"] for run in bed.json(DONE, "runs", "customers")} - {"retry"}, {"file"})  # who looks into the CRM may keep a write from it
    bed.end()


PEOPLE = """
systems: { desk: { connector = "sqlite"; settings: { path = "%s"; };
  objects: { person: { key = [ "id" ]; reads = "delta"; mark = "change"; }; }; };
  crm: { objects: { contact: { key = [ "id" ]; external_key = "ext"; }; }; }; };
entities: { person: { owner = "desk"; fields: { name: { type = "text"; required = true; }; }; }; };
flows: { people: { entity = "person"; units = [ "one" ];
  responsible: { business = "a@example.com"; technical = "b@example.com"; runbook = "https://wiki.example.com/people"; };
  guards: { updates = "100%%"; creates = "100%%"; };
  bindings: {
    desk: { object = "person"; originates = true; trigger: { file = true; quiet = "0s"; }; map = ( [ "name", "name" ] ); };
    crm: { object = "contact"; create_if = "true"; write = ( [ "name", "name" ] ); }; }; }; };
"""


def people(bed):
    """A database that another program has open all the time; its connection."""
    desk = sqlite3.connect(bed.path("desk.sqlite"), isolation_level=None)
    desk.execute("PRAGMA journal_mode = WAL")
    desk.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, change INTEGER)")
    desk.execute("INSERT INTO person VALUES (1, 'Anna', 1)")
    bed.execute("crm", "CREATE TABLE contact (id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, name TEXT)")
    bed.write("conf.d/40-people.conf", PEOPLE % bed.path("desk.sqlite"))
    bed.on("people")
    return desk


def names(bed):
    return [row[0] for row in bed.ask("crm", "SELECT name FROM contact ORDER BY id")]


def at_rest(bed, flow, seconds):
    """Waits until the flow has not run for so long: runs that are due when the last change is seen may end after that."""
    last = [-1, time.monotonic()]

    def rests():
        count = len(runs_in(bed.log_text(), flow))
        if count != last[0]:
            last[:] = [count, time.monotonic()]
        return time.monotonic() - last[1] >= seconds
    bed.until(f"no run of {flow} for {seconds} s", rests)


def test_follows_a_database(bed):
    """What is written to a database is read at once, by whoever it is kept open; reading it is no sign of more, or it would never end."""
    desk = people(bed)
    bed.begin()
    bed.until("the first", lambda: names(bed) == ["Anna"])
    for n in range(2, 12):
        desk.execute("UPDATE person SET name = ?, change = ? WHERE id = 1", (f"Anna {n}", n))
        bed.until(f"change {n}", lambda: names(bed) == [f"Anna {n}"])
    at_rest(bed, "people", 4)
    # What was kept for the next run is of the configuration before.
    bed.change("conf.d/40-people.conf", 'quiet = "0s"', 'quiet = "10ms"')
    desk.execute("UPDATE person SET name = 'Bea', change = 20 WHERE id = 1")
    bed.until("the last before", lambda: names(bed) == ["Bea"])
    bed.agent.send_signal(signal.SIGHUP)
    bed.logs(" reloaded")
    desk.execute("UPDATE person SET name = 'Cleo', change = 21 WHERE id = 1")
    bed.until("the first after", lambda: names(bed) == ["Cleo"])
    bed.end()
    desk.close()
    bed.sound()


def test_never_quiet(bed):
    """A folder to which something comes all the time is read all the same."""
    bed.change("conf.d/30-flows.conf", "trigger: { file = true; }", "trigger: { file = true; quiet = \"500ms\"; }")
    bed.begin()
    bed.on("customers")
    bed.until("what was there before", lambda: bed.accounts() == bed.numbers())
    bed.edit(["10001"], NAME="Other")

    def changed():
        bed.write("in/unrelated", "")
        return bed.ask("crm", "SELECT name FROM account WHERE number = '10001'") == [("Other",)]
    bed.until("the change", changed)
    bed.end()


def test_verbs_go_to_the_agent(bed):
    bed.begin()
    bed.on("customers")
    runs = bed.flow("customers")
    same("states", {unit: state for unit, (state, _) in runs.items()}, {"one": "done", "two": "done"})
    bed.whole()
    same("statuses", [bed.run("status").status, bed.run("trace", "10001").status], [DONE, DONE])
    line = bed.logs("verb=run")
    has(line, "status 0", "uid %d" % os.getuid())
    refused(bed.run("run", "nothing"), 2, "usage", "there is no flow")
    refused(bed.run("run", "customers", "--foreground"), FAILED, "ledger-engine", "process %d" % bed.agent.pid)
    bed.end()
    # Without it the command works alone.
    same("states", {state for state, _ in bed.flow("customers").values()}, {"done"})


def test_other_folders(bed):
    """Who names other folders than the agent's is not told of the agent's; another name of the same folder is none."""
    os.mkdir(bed.path("other"))
    os.symlink(os.environ["SYNCLINE_CONNECTORS"], bed.path("same"))
    bed.begin()
    for option, word in (("config", "configuration"), ("connectors", "connectors"), ("site", "no files of a site")):
        command = bed.command("runs")
        if option == "site":
            command[command.index("--config"):command.index("--config")] = ["--site", ""]
        command[command.index("--" + option) + 1] = bed.path("other")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60, check=False)
        refused(Result(done.returncode, done.stdout, done.stderr), FAILED, "control-other", word, "Leave out --" + option)
    same("by another name", bed.run("runs", connectors=bed.path("same")).status, DONE)
    bed.end()


def without_sizes(text):
    return re.sub(r'"(wal_|free_)?bytes":\d+', "#", text)


def without_room(text):
    return re.sub(r"^disk: .*", "#", text, flags=re.M)


def test_a_row_waits_for_another_flow(bed):
    """An order comes before its customer, and is not looked for again until tomorrow: it goes on when the customer is there."""
    every(bed, "1d", "orders")
    bed.change("conf.d/30-flows.conf", 'units = [ "one", "two" ]; after = [ "customers" ];', 'units = [ "one", "two" ];')
    bed.orders += [["O98", "1", "55554", "4.00"], ["O99", "1", "55555", "5.00"]]
    bed.export()
    bed.on("customers", "orders")
    bed.flow("customers")
    bed.flow("orders")
    same("what waits", bed.ledger("SELECT native FROM waiter ORDER BY 1"), [("O98",), ("O99",)])
    bed.begin()
    bed.rows.append(["55555", "1", "Late", "B", "1"])
    bed.export()
    bed.until("the order", lambda: bed.ask("crm", "SELECT number FROM deal WHERE number LIKE 'O9%'") == [("O99",)])
    same("what waits still", bed.ledger("SELECT native FROM waiter"), [("O98",)])
    assert any(is_quiet(bed) for _ in range(8)), "it is tried again and again"
    bed.end()


def test_same_words(bed):
    """What the agent prints for somebody is what the command prints by itself."""
    every(bed, "1d")
    every(bed, "1d", "orders")
    bed.on("customers", "orders")
    bed.flow("customers")
    bed.flow("orders")
    asked = [["runs"], ["--json", "plans"], ["trace", "10001"], ["links", "export", "customers"], ["flag"], ["position"], ["rejects"],
             ["--json", "doctor", "--offline"], ["explain", "memory"]]
    alone = [bed.run(*words) for words in asked]
    bed.begin()
    for words, before in zip(asked, alone):
        now = bed.run(*words)
        same(f"{words}", (now.status, without_sizes(now.out), now.err), (before.status, without_sizes(before.out), before.err))
    bed.end()


def test_doctor(bed):
    """The agent asks the systems in the same words, while it works with them, and keeps at it."""
    every(bed, "1d")
    bed.on("customers")
    bed.flow("customers")
    bed.execute("crm", "ALTER TABLE account RENAME TO account_before;")
    alone = bed.run("doctor")
    same("alone", (alone.status, "crm.account" in alone.out and 'no table or view "account"' in alone.out), (3, True))
    bed.begin()
    there = bed.run("doctor")
    same("with the agent", (there.status, without_room(there.out), there.err), (alone.status, without_room(alone.out), alone.err))
    bed.execute("crm", "ALTER TABLE account_before RENAME TO account;")
    there = bed.run("doctor")
    same("the table is back", (there.status, "no finding" in there.err), (0, True))
    bed.edit(["10001"], NAME="Afterwards")
    bed.run("run", "customers")
    same("it works", bed.ask("crm", "SELECT name FROM account WHERE number = '10001'"), [("Afterwards",)])
    bed.end()


def as_nobody(bed, *words):
    """The command as a user without rights."""
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(bed.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, cwd="/",
                          user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_who_may(bed):
    """Others may do nothing, look when the configuration says so, and act as members of the group that it names."""
    if os.geteuid() != 0:
        return "skipped: only root can become somebody else"
    group = grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
    for name in ("", "state", "conf.d"):
        os.makedirs(bed.path(name), exist_ok=True)
        os.chmod(bed.path(name), 0o755)
    bed.begin()
    refused(as_nobody(bed, "runs"), FAILED, "control-denied", "does not talk to this user", "agent.operators")
    same("for programs", json.loads(as_nobody(bed, "--json", "runs").out)["error"]["code"], "control-denied")
    bed.change("conf.d/10-systems.conf", 'environment = "test";', 'environment = "test"; look = "anyone";')
    bed.agent.send_signal(signal.SIGHUP)
    bed.logs(" reloaded")
    same("looking", as_nobody(bed, "runs").status, DONE)
    for words in (["run", "customers"], ["flag", "customers", "on", "--why", "x", "--without-preview"], ["backup", bed.path("b")], ["lock", "1", "--why", "x"]):
        refused(as_nobody(bed, *words), FAILED, "control-denied", "nobody", "may look, but not change")
    same("nothing was done", (bed.json(DONE, "runs"), os.path.exists(bed.path("b"))), ([], False))
    bed.change("conf.d/10-systems.conf", 'look = "anyone";', f'operators = "{group}";')
    bed.agent.send_signal(signal.SIGHUP)
    bed.logs(" reloaded", times=2)
    same("acting", as_nobody(bed, "flag", "customers", "preview", "--why", "as nobody").status, DONE)
    has(bed.run("flag", "customers").out, "nobody (uid ")
    bed.end()


def test_hostile_callers(bed):
    """What is no request is hung up on, and a caller that does not listen keeps nobody else waiting."""
    bed.begin()
    for data in (b"", b"GET / HTTP/1.0\r\n\r\n", b"Q\xff\xff\xff\xff", b"Q\0\0\0\3abc", b"S\0\0\0\0", b"Q\0\0\0\x18syncline-control/2\0/\0\0\0\0\0"):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(30)
            caller.connect(bed.path("state/control"))
            caller.sendall(data)
            if data == b"":
                continue
            while caller.recv(1000):
                pass
    silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for caller in silent:
        caller.connect(bed.path("state/control"))
    same("others", bed.run("runs").status, DONE)
    for caller in silent:
        caller.close()
    bed.end()


def test_log_for_programs(bed):
    bed.change("conf.d/10-systems.conf", 'environment = "test";', 'environment = "test"; log_format = "json";')
    every(bed, "1s")
    bed.on("customers")
    bed.begin()
    bed.logs("run-ended", times=2)
    bed.end()
    lines = [json.loads(line) for line in bed.log_text().split("\n") if line.startswith("{")]
    run = [line for line in lines if line["event"] == "run-ended"][0]
    same("a run", (run["flow"], run["unit"], run["level"], run["run"]), ("customers", "one", "info", 1))
    has(run["message"], "20 created", "done")
    same("the last", lines[-1]["event"], "stopped")


def test_log_of_records(bed):
    """What happens to each record, by ids and causes alone; a run's lines have one correlation id, and what hangs together one process."""
    bed.change("conf.d/10-systems.conf", 'environment = "test";', 'environment = "test"; log_format = "json"; log_level = "debug";')
    bed.execute("crm", "CREATE TRIGGER no BEFORE INSERT ON account WHEN NEW.number = '10003' BEGIN SELECT RAISE(ABORT, 'nobody wants him'); END;")
    bed.on("customers", "orders")
    bed.begin()
    bed.until("the orders", lambda: bed.log_text().count('"flow":"orders"') > 0 and bed.log_text().count('"event":"run-ended"') >= 4)
    bed.end()
    lines = [json.loads(line) for line in bed.log_text().split("\n") if line.startswith("{")]
    of_records = [line for line in lines if line["event"].startswith("record-") or line["event"].startswith("finding-")]
    runs = {run["run"]: run for run in bed.json(0, "runs", "--limit", "100")}
    for line in of_records:
        same("the run's", (line["correlation"], line["flow"], line["unit"]), tuple(runs[line["run"]][key] for key in ("correlation", "flow", "unit")))
        assert re.fullmatch("[0-9a-f]{32}", line["correlation"]), line
    same("one for each run", len({line["correlation"] for line in of_records}), len({line["run"] for line in of_records}))
    created = sum(line.get("last", line["record"]) - line["record"] + 1 for line in of_records if line["event"] == "record-created")
    same("created", created, len(bed.rows) + len(bed.orders))
    dead, = [line for line in of_records if line["event"] == "finding-dead"]
    customer, = bed.ledger("SELECT _id FROM golden_customer WHERE number = '10003'")[0]
    same("who was given up", (dead["level"], dead["system"], dead["object"], dead["record"], dead["process"]), ("info", "crm", "account", customer, customer))
    customers = dict(bed.ledger("SELECT _id, customer FROM golden_purchase"))
    told = {line["record"]: line["process"] for line in of_records if line["record"] in customers and "process" in line}
    assert told and all(customers[order] == root for order, root in told.items()), told
    for value in ("Name 1", "nobody wants him", "10003"):
        assert value not in "".join(json.dumps(line) for line in of_records), value


def test_log_of_a_person_s_run(bed):
    """It stands in the log as any other, with who asked for it."""
    bed.on("customers")
    bed.change("conf.d/30-flows.conf", "trigger: { file = true; }", "trigger: { }")
    bed.begin()
    bed.execute("crm", "CREATE TRIGGER no BEFORE INSERT ON account WHEN NEW.number = '10003' BEGIN SELECT RAISE(ABORT, 'nobody wants him'); END;")
    same("the run", bed.run("run", "customers", "--unit", "one").status, FINDINGS)
    trace = bed.json(DONE, "runs")[0]["correlation"]
    has(bed.logs("run-ended"), "run=1 flow=customers unit=one", "correlation=" + trace, "findings, 20 read, 20 created")
    has(bed.logs("finding-dead"), "run=1 flow=customers unit=one system=crm object=account", "correlation=" + trace)
    has(bed.logs("verb=run: "), "who=", "status 3")
    bed.end()


def test_status_tells_of_it(bed):
    """Whether the agent runs, and if not, since when and what to do."""
    bed.on("customers")
    bed.flow("customers")
    same("no agent ever ran", (bed.run("status").status, bed.json(DONE, "status")["agent"]),
         (DONE, {"runs": False, "began": None, "ended": None, "next": None}))
    bed.begin()
    agent = bed.json(DONE, "status")["agent"]
    same("it runs", (agent["runs"], agent["process"], agent["ended"], agent["next"]), (True, bed.agent.pid, None, None))
    has(bed.run("status").out, "The agent has run for", f"process {bed.agent.pid}")
    bed.end()
    agent = bed.json(FINDINGS, "status")["agent"]
    same("it ended", (agent["runs"], agent["ended"] >= agent["began"]), (False, True))
    has(bed.run("status").out, "The agent has not run since", "start synclined")
    bed.begin()
    bed.end(signal.SIGKILL, -signal.SIGKILL)
    has(bed.run("status").out, "ended without a word", "start synclined")
    same("it was killed", bed.json(FINDINGS, "status")["agent"]["ended"], None)
    # Another engine at work is no agent.
    same("a run by hand", bed.flow("customers")["one"][0], "done")
    same("it was killed", bed.json(FINDINGS, "status")["agent"]["runs"], False)


def test_second_agent(bed):
    bed.begin()
    second = subprocess.run(bed.agent_command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", timeout=60)
    same("status", second.returncode, 1)
    has(second.stderr, "not-started", "another engine (process %d) works on the ledger" % bed.agent.pid, "code=ledger-engine")
    same("the first is there", bed.run("runs").status, DONE)
    bed.end()


def test_bad_start(bed):
    bed.change("conf.d/30-flows.conf", 'object = "customers"', 'object = "nothing"')
    done = subprocess.run(bed.agent_command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", timeout=60)
    same("status", done.returncode, 1)
    has(done.stderr, "config-mistake", "30-flows.conf", "not-started", "next=")


def vendor(bed):
    """The shop's connector is a vendor's, in a folder of the test's own."""
    os.mkdir(bed.path("connectors"))
    for name in ("csv", "sqlite"):
        os.symlink(os.path.realpath(os.path.join(CONNECTORS, name + ".so")), bed.path(f"connectors/{name}.so"))
    bed.command = functools.partial(type(bed).command, bed, connectors=bed.path("connectors"))
    bed.change("conf.d/10-systems.conf", 'shop: { connector = "sqlite"', 'shop: { connector = "vendor"')
    mend(bed)


def install(bed, path):
    os.symlink(os.path.realpath(path), bed.path("connectors/new"))
    os.rename(bed.path("connectors/new"), bed.path("connectors/vendor.so"))


def break_it(bed, name="crash-load"):
    install(bed, os.path.join(BUILD, f"tests/connectors/.libs/{name}.so"))


def mend(bed):
    install(bed, os.path.join(CONNECTORS, "sqlite.so"))


def down(bed):
    """What `status` says is down."""
    return [(one["system"], one["code"]) for one in json.loads(bed.run("--json", "status").out)["down"]]


def write_name(bed, desk, name):
    desk.execute("UPDATE person SET name = ?, change = change + 1 WHERE id = 1", (name,))
    bed.until(name, lambda: names(bed) == [name])


def test_connector_that_dies(bed):
    """A vendor's connector that dies whenever it is loaded keeps its own flows from running, and no other; when it is mended, all goes on by itself."""
    vendor(bed)
    desk = people(bed)
    bed.on("customers")
    break_it(bed)
    has(refused(bed.run("check"), FAILED, "host-gone", "vendor.so").err, "10-systems.conf")
    bed.begin()
    has(bed.logs("system-down"), "system=shop", "code=host-gone", "10-systems.conf:", "connector of system vendor")
    bed.until("another flow", lambda: names(bed) == ["Anna"])
    has(bed.logs("run-ended", "flow=customers", "failed"), "code=host-gone")
    same("of the flow's other systems", (bed.accounts("crm"), bed.accounts("shop")), ([], []))
    same("down", down(bed), [("shop", "host-gone")])
    status = bed.run("status", "customers")
    same("the status of status", status.status, FINDINGS)
    has(status.out, "Systems that are down", "shop", "vendor", "host-gone", "syncline connectors vendor; then syncline run customers")
    same("of a flow without it", "down" in bed.run("status", "people").out, False)
    asked = bed.run("run", "customers")
    same("a run by hand", asked.status, FAILED)
    has(asked.err, "host-gone")
    # Nobody asked for what is edited meanwhile.
    bed.change("conf.d/30-flows.conf", 'object = "customers"', 'object = "nothing"')
    mend(bed)
    bed.until("all customers", lambda: [bed.accounts(name) for name in ("crm", "shop")] == [bed.numbers()] * 2)
    has(bed.logs("system-up"), "system=shop")
    same("down", down(bed), [])
    bed.change("conf.d/30-flows.conf", 'object = "nothing"', 'object = "customers"')
    write_name(bed, desk, "Bea")
    same("starts, reloads, mistakes", [bed.log_text().count(word) for word in (" flows, state in ", " reloaded ", "config-mistake")], [1, 0, 0])
    bed.end()
    desk.close()
    bed.whole()


def test_connectors_that_die(bed):
    """When all of them die, for the machine's sake as it were, the agent starts as well, and what it can load again it uses at once."""
    os.mkdir(bed.path("tmp"))
    bed.on("customers")
    bed.write("tmp/host-fault", "kill:1\n")
    environment = dict(os.environ)
    os.environ.update(TMPDIR=bed.path("tmp"), SYNCLINE_HOST=os.path.join(BUILD, "tests/bin/synclined-host-faults"))
    try:
        bed.begin()
    finally:
        os.environ.clear()
        os.environ.update(environment)
    same("down", down(bed), [(name, "host-gone") for name in ("erp", "crm", "shop")])
    bed.logs("run-ended", "flow=customers", "unit=one", "code=host-gone")
    os.remove(bed.path("tmp/host-fault"))
    bed.until("all customers", lambda: [bed.accounts(name) for name in ("crm", "shop")] == [bed.numbers()] * 2)
    same("down", down(bed), [])
    for name in ("erp", "crm", "shop"):
        bed.logs("system-up", "system=" + name)
    bed.end()
    bed.whole()


def test_connector_that_dies_at_a_reload(bed):
    """So it is with a new configuration; what is wrong in it about that connector is told when it can be loaded."""
    vendor(bed)
    desk = people(bed)
    bed.on("customers")
    bed.begin()
    bed.until("all customers", lambda: [bed.accounts(name) for name in ("crm", "shop")] == [bed.numbers()] * 2)
    break_it(bed)
    bed.change("conf.d/10-systems.conf", '/shop.sqlite"; busy_timeout', '/shop.sqlite"; busy_timeuot')
    bed.agent.send_signal(signal.SIGHUP)
    has(bed.logs("system-down"), "system=shop", "code=host-gone")
    bed.logs(" reloaded")
    same("down", down(bed), [("shop", "host-gone")])
    bed.edit(["10001"], NAME="Other")
    write_name(bed, desk, "Bea")
    mend(bed)
    bed.until("it is found", lambda: bed.run("run", "customers").status == FAILED and down(bed) == [("shop", "config-unknown-setting")])
    has(bed.logs("config-mistake"), "10-systems.conf", "busy_timeuot", "Did you mean busy_timeout?")
    has(bed.logs("system-down", times=2), "system=shop", "code=config-unknown-setting")
    has(bed.run("status", "customers").out, "syncline check; correct it and reload the agent")
    has(bed.run("run", "customers").err, "busy_timeuot")
    same("not sent", bed.ask("crm", "SELECT name FROM account WHERE number = '10001'") == [("Other",)], False)
    write_name(bed, desk, "Cleo")
    bed.change("conf.d/10-systems.conf", "busy_timeuot", "busy_timeout")
    bed.agent.send_signal(signal.SIGHUP)
    bed.logs(" reloaded", times=2)
    bed.until("the edit", lambda: [bed.ask(name, "SELECT name FROM account WHERE number = '10001'") for name in ("crm", "shop")] == [[("Other",)]] * 2)
    same("down", down(bed), [])
    bed.end()
    desk.close()
    bed.whole()


def test_reload(bed):
    bed.begin()
    bed.on("customers")
    bed.change("conf.d/30-flows.conf", '[ "name", "name" ], [ "city"', '[ "nome", "name" ], [ "city"')
    bed.change("conf.d/30-flows.conf", 'object = "customers"', 'object = "nothing"')
    bed.agent.send_signal(signal.SIGHUP)
    has(bed.logs("reload-refused"), "the old one goes on", "code=control-reload")
    has(bed.logs("config-mistake"), "30-flows.conf")
    bed.flow("customers")
    bed.whole()
    bed.change("conf.d/30-flows.conf", '[ "nome", "name" ], [ "city"', '[ "name", "name" ], [ "city"')
    bed.change("conf.d/30-flows.conf", 'object = "nothing"', 'object = "customers"')
    # Other rules: what they would do is shown first.
    bed.change("conf.d/30-flows.conf", 'name = "NAME"', "name = \"upper(NAME)\"")
    bed.agent.send_signal(signal.SIGHUP)
    bed.logs(" reloaded")
    same("held", {unit: state for unit, (state, _) in bed.flow("customers", 4).items()}, {"one": "held", "two": "held"})
    bed.whole()
    bed.end()


def test_follows(bed):
    """A flow without a trigger of its own runs after those that it comes after, also when they ran while no agent was there to see it."""
    by_hand(bed)
    bed.change("conf.d/30-flows.conf", 'object = "orders"; trigger: { file = true; }', 'object = "orders"')
    bed.on("customers", "orders")
    bed.flow("customers")
    bed.begin()
    bed.until("the orders", lambda: len(bed.ask("crm", "SELECT * FROM deal")) == len(bed.orders))
    bed.edit(["10001"], NAME="Other")
    bed.flow("customers")
    bed.until("one more run", lambda: [run["state"] for run in bed.json(DONE, "runs", "orders")] == ["done"] * 4)
    same("causes", {run["cause"] for run in bed.json(DONE, "runs", "orders")}, {"after"})
    bed.end()
    bed.begin()
    bed.logs("started", times=2)
    bed.lives_for(1)
    same("runs", len(bed.json(DONE, "runs", "orders")), 4)
    bed.end()


class Locked:
    """Nobody can write to that database."""
    def __init__(self, bed, name):
        self.blocker = sqlite3.connect(bed.path(name + ".sqlite"), isolation_level=None)

    def __enter__(self):
        self.blocker.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_):
        self.blocker.execute("ROLLBACK")
        self.blocker.close()


def test_reload_forgets_nothing(bed):
    """What could not be delivered is delivered after a reload too, long before anything is read again."""
    every(bed, "1d")
    bed.on("customers")
    with Locked(bed, "crm"):
        bed.begin()
        bed.logs("run-ended", times=2)
        bed.agent.send_signal(signal.SIGHUP)
        bed.logs(" reloaded")
    bed.until("what was left", lambda: bed.accounts() == bed.numbers())
    bed.end()
    bed.whole()


def test_answers_are_carried_out(bed):
    """What a person corrects, decides or switches on is done at once, and nothing is read for it."""
    every(bed, "1d")
    bed.edit(["10001"], NAME="A name that is longer than twenty characters")
    bed.on("customers")
    bed.begin()
    bed.until("the others", lambda: [len(bed.accounts(name)) for name in ("crm", "shop")] == [39, 39])
    reject = bed.ledger("SELECT id FROM reject")[0][0]
    edit = bed.run("rejects", "edit", str(reject), "NAME", "Short", "--why", "as agreed")
    same("edit", edit.status, DONE)
    has(edit.err, "the agent carries it out now")
    bed.until("the corrected one", lambda: [bed.ask(name, "SELECT name FROM account WHERE number = '10001'") for name in ("crm", "shop")] == [[("Short",)]] * 2)
    same("pause", bed.run("flag", "customers", "paused", "--to", "shop", "--why", "moves").status, DONE)
    bed.edit(["10002"], NAME="Later")
    bed.run("run", "customers")
    same("held", (bed.ask("crm", "SELECT name FROM account WHERE number = '10002'"), bed.ask("shop", "SELECT name FROM account WHERE number = '10002'")),
         ([("Later",)], [("Name 12",)]))
    same("on", bed.run("flag", "customers", "on", "--to", "shop", "--why", "moved").status, DONE)
    bed.until("what was held", lambda: bed.ask("shop", "SELECT name FROM account WHERE number = '10002'") == [("Later",)])
    bed.end()


def is_quiet(bed):
    """No run begins for a while."""
    before = len(bed.json(DONE, "runs"))
    bed.lives_for(4)
    return len(bed.json(DONE, "runs")) == before


def test_left_alone(bed):
    """What is due and may not be sent is not tried again and again."""
    every(bed, "1d")
    bed.on("customers")
    with Locked(bed, "crm"):
        bed.begin()
        bed.logs("run-ended", times=2)
        same("pause", bed.run("flag", "customers", "paused", "--why", "moves").status, DONE)
        assert any(is_quiet(bed) for _ in range(8)), "it is tried again and again"
    same("on", bed.run("flag", "customers", "on", "--without-preview", "--why", "moved").status, DONE)
    bed.until("all", lambda: bed.accounts() == bed.numbers())
    bed.end()
    bed.whole()


def test_stop_while_it_runs(bed):
    """SIGTERM ends a run between two steps; the next agent goes on with it."""
    by_hand(bed)
    bed.on("customers")
    bed.begin()
    with Locked(bed, "crm"):
        run = bed.start("--json", "run", "customers", "--patience", "600")
        bed.until("the run", lambda: any(r["state"] == "running" for r in bed.json(DONE, "runs")))
        bed.end()
        out, err = run.communicate(timeout=60)
        same("the command's status", run.returncode, FAILED)
        has(out + err, "stopped")
    bed.begin()
    bed.until("what was left", lambda: [bed.accounts(name) for name in ("crm", "shop")] == [bed.numbers()] * 2)
    bed.whole()
    bed.end()


def test_interrupt_stops_the_run_alone(bed):
    by_hand(bed)
    bed.on("customers")
    bed.begin()
    with Locked(bed, "crm"):
        run = bed.start("run", "customers", "--patience", "600")
        bed.until("the run", lambda: any(r["state"] == "running" for r in bed.json(DONE, "runs")))
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
        same("the command's status", run.returncode, FAILED)
        has(out + err, "stopped")
    same("the agent is there", bed.run("runs").status, DONE)
    bed.end()


def test_killed(bed):
    """An agent that is killed is told by the next, which goes on."""
    every(bed, "1s")
    bed.on("customers")
    for _ in range(3):
        bed.begin()
        bed.logs("run-ended", times=1)
        bed.end(signal.SIGKILL, -signal.SIGKILL)
    bed.begin()
    bed.until("all customers", lambda: [bed.accounts(name) for name in ("crm", "shop")] == [bed.numbers()] * 2)
    bed.end()
    bed.sound()
    bed.whole()


if __name__ == "__main__":
    sys.exit(main([(name, test) for name, test in list(globals().items())], sys.argv[1] if len(sys.argv) > 1 else "", Bed))
