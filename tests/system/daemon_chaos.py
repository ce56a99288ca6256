#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""daemon_chaos.py SEED KILLS: the agent and its connectors' processes are killed at any moment and at fault points, while the disk is full, the clock is
wrong, a name is not known, and targets fail in every way; the ledger is checked after each kill.  Every twenty-five kills all troubles end, and
every record comes to stand in each target once, as the ERP has it."""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import traceback

from chaos_bed import MOODS, Bed
from daemon_kills import hosts_of
from runs_bed import same

REST_EVERY = 25
HOUR = 3600


class Troubles:
    """What is wrong in the world at present; each may begin before a kill, and ends after some."""
    def __init__(self, bed, generator):
        self.bed, self.draw = bed, generator
        self.seen = {}
        self.now = {}
        self.ways = {"locked": (self.lock, self.unlock), "table gone": (self.hide_table, self.show_table), "folder gone": (self.hide_folder, self.show_folder),
                     "no such name": (self.lose_name, self.find_name), "server": (self.upset, self.calm), "host faults": (self.note_fault, self.drop_fault)}
        if bed.mounted:
            self.ways["disk full"] = (self.fill_disk, self.free_disk)

    def step(self):
        for name in list(self.now):
            if name in self.now and self.draw.random() < 0.5:
                self.end(name)
        for name, (begin, _) in self.ways.items():
            if name not in self.now and self.draw.random() < 0.15:
                self.now[name] = begin()
                self.count(name)
        if self.draw.random() < 0.3:
            self.jump()
        for name in ("cloud", "depot"):
            if self.draw.random() < 0.3:
                self.bed.arm_world(name)
                self.count("faults of the " + name)

    def count(self, name):
        self.seen[name] = self.seen.get(name, 0) + 1

    def end(self, name):
        self.ways[name][1](self.now.pop(name))

    def end_all(self):
        while self.now:
            self.end(next(iter(self.now)))
        for name in ("cloud", "depot"):
            self.bed.quiet_world(name)
        self.bed.clock.set(0)

    def jump(self):
        was = self.bed.clock.wrong
        self.bed.clock.set(self.draw.choice([0, 1, -1]) * self.draw.choice([5, 90, HOUR, 2 * HOUR]) + self.draw.random())
        self.count("clock forwards" if self.bed.clock.wrong > was else "clock back")

    def lock(self):
        database = sqlite3.connect(self.bed.path("small/crm.sqlite"), timeout=0.5, isolation_level=None)
        try:
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:  # a full disk, or somebody writes
            database.close()
            return None
        return database

    def unlock(self, database):
        if database is not None:
            database.close()

    def alter(self, old, new):
        try:
            self.bed.crm(lambda crm: crm.execute(f"ALTER TABLE {old} RENAME TO {new}"))
        except sqlite3.OperationalError:
            return False
        return True

    def hide_table(self):
        return "locked" not in self.now and self.alter("deal", "deal_elsewhere")

    def show_table(self, hidden):
        if not hidden:
            return
        for name in ("locked", "disk full"):
            if name in self.now:
                self.end(name)
        until = time.monotonic() + 30
        while not self.alter("deal_elsewhere", "deal"):
            assert time.monotonic() < until, "the table does not come back"

    def hide_folder(self):
        os.rename(self.bed.path("small/dms"), self.bed.path("small/elsewhere"))

    def show_folder(self, _):
        if os.path.isdir(self.bed.path("small/dms")):
            os.rmdir(self.bed.path("small/dms"))  # nobody writes where nothing is mounted
        os.rename(self.bed.path("small/elsewhere"), self.bed.path("small/dms"))

    def name(self, old, new):
        self.bed.change("conf.d/10-systems.conf", old, new)
        if self.bed.agent is not None:
            self.bed.agent.send_signal(signal.SIGHUP)

    def lose_name(self):
        self.name(self.bed.gateway.url, "https://cloud.invalid/")

    def find_name(self, _):
        self.name("https://cloud.invalid/", self.bed.gateway.url)

    def upset(self):
        self.bed.gateway.mood = self.draw.choice(MOODS)
        self.count("server " + self.bed.gateway.mood)

    def calm(self, _):
        self.bed.gateway.mood = "well"

    def note_fault(self):
        with open(self.bed.path("tmp/host-fault"), "w", encoding="ascii") as file:
            file.write("%s:%d\n%s" % (self.draw.choice(["kill", "stop"]), self.draw.randrange(1, 40), self.draw.choice(["", "disk\n"])))

    def drop_fault(self, _):
        os.remove(self.bed.path("tmp/host-fault"))

    def fill_disk(self):
        with open(self.bed.path("small/ballast"), "ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free_disk(self, _):
        os.remove(self.bed.path("small/ballast"))


class Chaos:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.bed = Bed(self.draw, "64m" if os.environ.get("CHAOS_MAY_MOUNT") else None)
        self.troubles = Troubles(self.bed, self.draw)
        self.kills = {"agent": 0, "agent at a point": 0, "host": 0, "host at a point": 0}
        self.host_points = self.checks = self.rests = self.retried = 0

    def killed(self):
        points = self.bed.log_text().count("killed at point") if os.path.exists(self.bed.path("log")) else 0
        self.kills["host at a point"] = points - self.kills["agent at a point"]
        return sum(self.kills.values())

    def start(self):
        """It may not be able to while the disk is full: then it says so, and whoever started it tries again."""
        fault = "kill:%d" % self.draw.randrange(1, 500) if self.draw.random() < 0.4 else None
        status = self.bed.begin(fault)
        if status is not None and status < 0:
            assert fault, "the agent died\n" + self.bed.log_text()[-3000:]
            self.kills["agent at a point"] += 1
            self.check()
            return self.start()
        if status is not None:
            assert "disk full" in self.troubles.now, "the agent does not start\n" + self.bed.log_text()[-3000:]
            self.troubles.end("disk full")
            return self.start()
        self.faulty = fault is not None
        return None

    def check(self):
        """The ledger of an agent that is no more."""
        if "disk full" in self.troubles.now:
            self.troubles.end("disk full")  # who looks into it takes some room, too
        self.bed.check_ledger()
        self.checks += 1

    def agent_died(self, status):
        assert status == -signal.SIGKILL and self.faulty, f"the agent ended by itself with {status}\n" + self.bed.log_text()[-3000:]
        self.bed.logged.close()
        self.bed.agent = None
        self.kills["agent at a point"] += 1
        self.check()
        self.start()

    def lives_for(self, seconds):
        try:
            self.agent_died(self.bed.agent.wait(timeout=seconds))
        except subprocess.TimeoutExpired:
            pass

    def kill(self):
        hosts = hosts_of(self.bed.agent.pid)
        if hosts and self.draw.random() < 0.4:
            try:
                os.kill(self.draw.choice(hosts), signal.SIGKILL)
                self.kills["host"] += 1
                self.bed.check_ledger()
                self.checks += 1
            except ProcessLookupError:
                pass
            return
        self.bed.agent.kill()
        status = self.bed.agent.wait()
        self.bed.logged.close()
        self.bed.agent = None
        self.kills["agent"] += 1
        same("the agent's end", status, -signal.SIGKILL)
        self.check()
        self.start()

    def round(self):
        self.bed.edit()
        self.troubles.step()
        self.lives_for(self.draw.uniform(0, 0.9))
        self.kill()

    # Rest.

    def wrong_yet(self):
        """Why it is not at rest; None: it is."""
        try:
            self.bed.compare()
        except (AssertionError, KeyError, sqlite3.OperationalError) as wrong:
            return str(wrong)
        return self.bed.still_open() or None

    def help_it(self):
        """What a person does about what is told: dead letters are sent again, and a system that refused us is tried."""
        dead = [number for number, in self.bed.in_ledger("SELECT id FROM dead_letter_view WHERE state = 'open'")]
        if dead:
            result = self.bed.run("dead", "retry", *(str(number) for number in dead), "--why", "all is well again")
            if "no longer open" in result.err:
                return  # one of them was settled meanwhile: the others are asked for again
            assert result.status in (0, 3), result
            self.retried += len(dead)

    def alive(self):
        status = self.bed.agent.poll()
        if status is not None:
            self.agent_died(status)

    def rest(self):
        """Nothing is wrong any more: it comes to rest, by itself but for what it told people to do."""
        self.troubles.end_all()
        self.bed.agent.kill()
        self.bed.agent.wait()
        self.bed.logged.close()
        self.check()
        self.faulty = False
        same("the agent starts", self.bed.begin(), None)
        begun, passes = time.monotonic(), [61, 61, 61]
        while True:
            until = time.monotonic() + (4 if passes else 90)  # waits within SQLite know no other clock than the machine's
            while (wrong := self.wrong_yet()) and time.monotonic() < until:
                self.alive()
                self.help_it()
                time.sleep(0.1)
            if not wrong:
                break
            # What waits for a time comes when it is there: for the clock that brings the articles, and for no other.
            assert passes, f"it does not come to rest: {wrong}\nfindings: {self.bed.findings()[:5]}"
            self.bed.clock.let_pass(passes.pop())
        same("findings", self.bed.findings(), [])
        self.bed.never_twice()
        self.rests += 1
        print(f"{self.killed()} killed, at rest after {time.monotonic() - begun:.0f} s", flush=True)

    def set_back(self):
        """A file that came just before the clock was set back is read as if nothing had been."""
        for row in self.bed.source["orders"].values():
            row[2] = "1.25"
        self.bed.export()
        self.bed.lives_for(0.3)
        self.bed.clock.set(-2 * HOUR)
        self.bed.until("what came before the clock was set back", lambda: self.wrong_yet() is None)

    def main(self, kills):
        self.bed.fill()
        self.bed.switch_on()
        self.start()
        begun = time.monotonic()
        rested = 0
        while (done := self.killed()) < kills:
            if done >= rested + REST_EVERY:
                self.rest()
                rested = self.killed()
            self.round()
        self.rest()
        self.set_back()
        status = self.bed.run("status")
        assert status.status == 0, status
        self.bed.end()
        self.check()
        print(f"{self.kills} killed in {time.monotonic() - begun:.0f} s, {self.checks} ledgers checked, {self.retried} dead letters told and sent again by a person")
        print("meanwhile: " + ", ".join(f"{name} {count}" for name, count in sorted(self.troubles.seen.items())))
        if not self.bed.mounted:
            print("the disk was never full: nothing may be mounted here")


def where_they_wait(agent):
    """What the threads of the agent and of its hosts do, where the system tells."""
    if agent is None or agent.poll() is not None:
        return
    for pid in [agent.pid] + hosts_of(agent.pid):
        for thread in sorted(os.listdir("/proc/%d/task" % pid)) if os.path.isdir("/proc/%d/task" % pid) else []:
            said = []
            for name in ("comm", "wchan", "syscall"):
                try:
                    with open("/proc/%d/task/%s/%s" % (pid, thread, name), encoding="ascii", errors="replace") as file:
                        said.append(file.read().strip())
                except OSError:
                    said.append("?")
            print(f"process {pid}, thread {thread}: {' | '.join(said)}", flush=True)


def main(seed, kills):
    chaos = Chaos(seed)
    try:
        chaos.main(kills)
        rows = {name: len(rows) for name, rows in chaos.bed.source.items()}
        print(f"seed {seed}: {rows}: none lost, none doubled, none stuck")
        chaos.bed.close()
    except BaseException:
        traceback.print_exc()
        bed = chaos.bed
        where_they_wait(bed.agent)
        print(f"seed {seed} FAILED after {chaos.kills}; the troubles: {chaos.troubles.now}; again: daemon_chaos.sh {seed} {kills}; its folder: {bed.folder}", flush=True)
        if bed.agent is not None and bed.agent.poll() is None:
            bed.agent.kill()
            bed.agent.wait()
        if bed.mounted:  # its mount ends with this process
            subprocess.run(["cp", "-a", bed.small, bed.path("small.kept")], check=False)
            subprocess.run(["umount", "-l", bed.small], check=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10**6), int(sys.argv[2]) if len(sys.argv) > 2 else 25))
