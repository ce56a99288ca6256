#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Time zones against Python's zoneinfo: offsets of instants, and clock times back to instants, changes of the clock above all."""
import datetime
import os
import sys
import zoneinfo

sys.dont_write_bytecode = True
import oracle  # noqa: E402

if not zoneinfo.TZPATH or not any(os.path.isdir(p) for p in zoneinfo.TZPATH):
    print("skipped: the system has no time zone data (package tzdata)")
    sys.exit(77)
EPOCH = datetime.datetime(1970, 1, 1)
UTC = datetime.timezone.utc
dice = oracle.dice()
NAMES = ["Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Moscow", "Europe/Lisbon", "Europe/Istanbul", "Africa/Casablanca",
         "Africa/Cairo", "America/New_York", "America/Sao_Paulo", "America/Caracas", "America/Nuuk", "America/St_Johns", "America/Havana",
         "America/Santiago", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Tokyo", "Asia/Gaza", "Asia/Pyongyang",
         "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Norfolk", "UTC",
         "Etc/GMT+12", "Antarctica/Troll", "Asia/Manila", "Europe/Volgograd", "America/Anchorage", "CET", "EST5EDT", "Africa/Monrovia"]
names = [n for n in NAMES if n in zoneinfo.available_timezones()]
others = sorted(n for n in zoneinfo.available_timezones() - set(NAMES) if not n.startswith(("right/", "posix/")) and n not in ("localtime", "Factory"))
names += dice.sample(others, min(120, len(others)))
LOW, HIGH = int((datetime.datetime(1850, 1, 2) - EPOCH).total_seconds()), int((datetime.datetime(2450, 1, 1) - EPOCH).total_seconds())


def offset(zone, at):
    return int((datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(seconds=at)).astimezone(zone).utcoffset().total_seconds())


def changes(zone):
    """Instants at which the offset changes, found by halving."""
    found, step = [], 86400 * 20
    at, before = LOW, offset(zone, LOW)
    while at < HIGH:
        after = offset(zone, at + step)
        if after != before:
            low, high = at, at + step
            while high - low > 1:
                middle = (low + high) // 2
                if offset(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            found.append(high)
        at, before = at + step, after
    return found


questions, expected = [], []
for number, name in enumerate(names):
    zone = zoneinfo.ZoneInfo(name)
    instants = [dice.randint(LOW, HIGH) for _ in range(60)]
    if number < len(NAMES):
        found = changes(zone)
        for at in found if len(found) < 200 else dice.sample(found, 200):
            instants += [at - 3601, at - 1, at, at + 1, at + 1800, at + 3600]
    for at in instants:
        questions.append(["offset", name, str(at)])
        expected.append(str(offset(zone, at)))
        for clock in {at + offset(zone, at), at + offset(zone, at - 7200), at + offset(zone, at + 7200)}:
            local = (EPOCH + datetime.timedelta(seconds=clock)).replace(tzinfo=zone, fold=0)
            questions.append(["clock", name, str(clock)])
            expected.append(str(clock - int(local.utcoffset().total_seconds())))
for bad in ["", "/etc/passwd", "../zone.tab", "Europe/../UTC", "Europe/Berlim", "Europe", "zone.tab", "a" * 100, "Europe//Berlin", ".", "tzdata.zi"]:
    questions.append(["offset", bad, "0"])
    expected.append(None)
oracle.finish([oracle.compare(f"{len(names)} time zones", questions, expected)])
