# SPDX-License-Identifier: BSD-2-Clause
"""What the oracle tests share: asking our functions, comparing, and finding a Python that has what a test needs."""
import importlib.util
import os
import random
import subprocess
import sys

SEED = 20260101


def need(*modules):
    """Goes on in the system's Python when this one lacks a module, and skips when that lacks it, too."""
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if not missing:
        return
    system = "/usr/bin/python3"
    if os.path.exists(system) and os.path.realpath(sys.executable) != os.path.realpath(system) and "ORACLE_SECOND" not in os.environ:
        os.environ["ORACLE_SECOND"] = "1"
        os.execv(system, [system] + sys.argv)
    print(f"skipped: the Python module {missing[0]} is not installed")
    sys.exit(77)


def ask(questions):
    """The answers of our functions to lists of words; None where they give none."""
    program = os.path.join(os.environ["SYNCLINE_BUILD"], "tests/bin/function-verdicts")
    text = "".join("\t".join(q) + "\n" for q in questions)
    done = subprocess.run([program], input=text.encode(), stdout=subprocess.PIPE, check=True)
    answers = done.stdout.decode().split("\n")[:-1]
    if len(answers) != len(questions):
        sys.exit(f"{len(questions)} questions and {len(answers)} answers")
    return [None if a == "!" else a for a in answers]


def compare(name, questions, expected, known=None):
    """Compares our answers with the oracle's; `known` says why a disagreement is right, or None."""
    answers = ask(questions)
    wrong, explained = [], {}
    for question, ours, theirs in zip(questions, answers, expected):
        if ours == theirs:
            continue
        reason = known(question, ours, theirs) if known else None
        if reason:
            explained[reason] = explained.get(reason, 0) + 1
        else:
            wrong.append((question, ours, theirs))
    good = sum(e is not None for e in expected)
    print(f"{name}: {len(questions)} values, {good} good, {len(questions) - good} bad; {len(wrong)} disagreements")
    for reason, times in sorted(explained.items()):
        print(f"  {times} on purpose: {reason}")
    for question, ours, theirs in wrong[:20]:
        print(f"  {question}: ours {ours!r}, the oracle's {theirs!r}")
    return not wrong


def dice():
    return random.Random(SEED)


def finish(results):
    sys.exit(0 if all(results) else 1)
