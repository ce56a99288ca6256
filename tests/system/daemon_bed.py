# SPDX-License-Identifier: BSD-2-Clause
"""daemon_bed.py: the agent as a service beside the systems of runs_bed.py, with its log."""
import os
import re
import signal
import subprocess
import time

import runs_bed
from runs_bed import same

BUILD = os.environ["SYNCLINE_BUILD"]


class Bed(runs_bed.Bed):
    def __init__(self):
        super().__init__()
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
        until = time.monotonic() + 60
        while True:
            lines = [line for line in self.log_text().split("\n") if all(word in line for word in words)]
            if len(lines) >= times:
                return lines[-1]
            assert time.monotonic() < until, f"no line with {words} in\n{self.log_text()}"
            assert self.agent.poll() is None, f"the agent ended with {self.agent.returncode}\n{self.log_text()}"
            time.sleep(0.01)

    def end(self, number=signal.SIGTERM, status=0):
        self.agent.send_signal(number)
        same("the agent's status", self.agent.wait(timeout=60), status)
        self.logged.close()
        self.agent = None

    def until(self, what, ready):
        end = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < end, f"{what}: it did not come\n{self.log_text()}"
            time.sleep(0.02)

    def close(self):
        if self.agent is not None and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()
        super().close()


def runs_in(text, flow):
    """[(unit, state)] of the runs that a log tells."""
    return re.findall(r"run-ended run=\d+ .*?flow=%s unit=(\S+) .*?: (\w+)" % flow, text)
