# SPDX-License-Identifier: BSD-2-Clause
"""daemon_bed.py: the agent as a service beside the systems of runs_bed.py, with its log."""
import os
import re
import signal
import subprocess

import runs_bed
from runs_bed import same, wait_for

BUILD = os.environ["SYNCLINE_BUILD"]


class Bed(runs_bed.Bed):
    def __init__(self, per_unit=20):
        super().__init__(per_unit)
        self.agent = self.logged = None
        self.started = 0

    def agent_command(self, *args):
        """Its own folders alone: what stands before the verb of `syncline` holds for both."""
        words = self.command()
        return [os.path.join(BUILD, "synclined")] + words[1:] + list(args)

    def begin(self, *args):
        """Starts the agent and waits until it listens."""
        self.logged = open(self.path("log"), "ab")
        self.agent = subprocess.Popen(self.agent_command(*args), stdin=subprocess.DEVNULL, stdout=self.logged, stderr=self.logged)
        self.started += 1
        self.logs("started", "flows, state in", times=self.started)
        return self.agent

    def log_text(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return file.read()

    def logs(self, *words, times=1):
        """Waits until a line of the log has all the words, so many times; the last of them."""
        def lines():
            return [line for line in self.log_text().split("\n") if all(word in line for word in words)]
        self.until(f"line {times} with {words}", lambda: len(lines()) >= times)
        return lines()[-1]

    def end(self, number=signal.SIGTERM, status=0):
        self.agent.send_signal(number)
        same("the agent's status", self.agent.wait(timeout=60), status)
        self.logged.close()
        self.agent = None

    def until(self, what, ready):
        """Waits for it while the agent lives."""
        try:
            wait_for(what, ready, self.agent)
        except AssertionError as wrong:
            raise AssertionError(f"{wrong}\n{self.log_text()}") from wrong

    def lives_for(self, seconds):
        """It works on for so long; a kill comes at any moment of it."""
        try:
            status = self.agent.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"the agent ended by itself with {status}\n{self.log_text()}")

    def close(self):
        if self.agent is not None and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()
        super().close()


def runs_in(text, flow):
    """[(unit, state)] of the runs that a log tells."""
    return re.findall(r"run-ended run=\d+ .*?flow=%s unit=(\S+) .*?: (\w+)" % flow, text)
