# SPDX-License-Identifier: BSD-2-Clause
"""Seconds, processor seconds and memory of a command and all that it starts; by /proc, so on Linux alone in full."""
import os
import resource
import subprocess
import sys
import threading
import time


def descendants(pid):
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                for child in f.read().split():
                    yield int(child)
                    yield from descendants(int(child))
    except OSError:
        return


def memory_kib(pid):
    """Name, anonymous and mapped memory of a process."""
    found = {"Name": "", "RssAnon": 0, "RssFile": 0, "RssShmem": 0}
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                name, _, rest = line.partition(":")
                if name in found:
                    found[name] = rest.strip() if name == "Name" else int(rest.split()[0])
    except (OSError, ValueError):
        pass
    return found["Name"], found["RssAnon"], found["RssFile"] + found["RssShmem"]


def measure(command, stdout, good=(0,), every=0.02, environment=None):
    """Also `each`: of each process by name and number of appearance, its peak of anonymous and of mapped memory, in KiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=environment)
    errors = []
    drain = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    drain.start()
    largest = together = 0
    each = {}
    done = threading.Event()

    def watch():
        nonlocal largest, together
        while not done.wait(every):
            sizes = []
            for pid in [process.pid, *descendants(process.pid)]:
                name, anonymous, mapped = memory_kib(pid)
                sizes.append(anonymous)
                if name:
                    was = each.get(pid, (name, 0, 0))
                    each[pid] = (name, max(was[1], anonymous), max(was[2], mapped))
            largest, together = max(largest, *sizes), max(together, sum(sizes))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    seconds = time.monotonic() - began
    done.set()
    watcher.join()
    drain.join()
    if status not in good:
        sys.exit("%s failed with %d: %s" % (" ".join(command), status, errors[0].decode(errors="replace")))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "processor": used, "largest": largest or after.ru_maxrss, "together": together or after.ru_maxrss,
            "each": sorted(each.values(), key=lambda one: -one[1])}
