#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command and prints, as one JSON line on standard error's place in FILE: seconds, processor seconds, and the largest memory of
any one process and of all of them together (anonymous memory; where /proc is missing, the resident set of the largest).

    measure.py FILE COMMAND ...
"""
import json
import os
import resource
import subprocess
import sys
import time


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            for child in f.read().split():
                yield int(child)
                yield from children(int(child))
    except OSError:
        return


def anonymous(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def main():
    began = time.monotonic()
    process = subprocess.Popen(sys.argv[2:])
    largest = together = 0
    while process.poll() is None:
        sizes = [anonymous(pid) for pid in [process.pid, *children(process.pid)]]
        largest, together = max(largest, *sizes), max(together, sum(sizes))
        time.sleep(0.02)
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if together == 0:
        largest = together = used.ru_maxrss
    with open(sys.argv[1], "w") as out:
        json.dump({"seconds": round(seconds, 3), "processor_seconds": round(used.ru_utime + used.ru_stime, 3),
                   "largest_kib": largest, "together_kib": together, "status": process.returncode}, out)
    sys.exit(process.returncode if process.returncode >= 0 else 1)


main()
