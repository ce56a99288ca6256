#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""cli_terminal.py: the progress bar is seen on a terminal, gone at the end, and nowhere else."""
import errno
import os
import pty
import subprocess
import sys

from cli_bed import Bed, screen

ROWS = 300000


def read_all(descriptor):
    """What was written to the terminal until its last writer closed it."""
    pieces = []
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError as wrong:
            if wrong.errno != errno.EIO:
                raise
            piece = b""
        if not piece:
            return b"".join(pieces).decode("utf-8")
        pieces.append(piece)


def on_terminal(bed, *arguments):
    """Standard error is a terminal, standard output a pipe."""
    master, slave = pty.openpty()
    with subprocess.Popen(bed.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        seen = read_all(master)
        os.close(master)
        out = process.communicate(timeout=120)[0].decode("utf-8")
    assert process.returncode == 0, (process.returncode, out, seen)
    return out, seen


def main():
    bed = Bed()
    try:
        bed.write("in/people.csv", "NR,BRANCH,NAME,COLOUR,PAID\n" + "".join(f"{n},1,Name {n},red,1.00\n" for n in range(ROWS)))
        bed.age("in/people.csv")
        convert = ["convert", "people", "erp", "crm"]
        out, seen = on_terminal(bed, *convert)
        assert f"read {ROWS}, written {ROWS}" in out, out
        assert "\rconverting" in seen and "/s, rejected 0" in seen, seen[-2000:]
        left = [line for line in screen(seen) if line]
        assert left == ["convert keeps nothing: no links, no history; run again, it converts again."], left
        print(f"the bar was drawn {seen.count(chr(13) + 'converting')} times and is gone")
        for more in (["--quiet"], ["--json"]):
            os.remove(bed.path("out/contacts.jsonl"))
            assert "converting" not in on_terminal(bed, *more, *convert)[1], more
        os.remove(bed.path("out/contacts.jsonl"))
        result = bed.run(*convert)
        assert result.status == 0 and "converting" not in result.err and "\r" not in result.err + result.out, result
        print("no bar with --quiet, with --json, and without a terminal")
    finally:
        bed.close()
    return 0


sys.exit(main())
