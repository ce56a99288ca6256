#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""daemon_kills.py SEED KILLS: the agent, or a connector's process of it, is killed at any moment while people edit the ERP; at rest every
record stands in each target once, as the ERP has it, and the ledger is sound."""
import os
import random
import signal
import subprocess
import sys

from daemon_bed import Bed
from runs_bed import same


def hosts_of(pid):
    listing = subprocess.run(["ps", "-A", "-o", "pid=", "-o", "ppid="], stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    return [int(line.split()[0]) for line in listing if line.strip() and int(line.split()[1]) == pid]


def edit(bed, generator):
    """A few rows get other values, some go with their orders, some come.  The CRM deletes no account that a deal refers to."""
    for row in generator.sample(bed.rows, 3):
        row[2], row[4] = f"Name {generator.randrange(1000)}", f"0{generator.randrange(10**6)}"
    if generator.random() < 0.3:
        unit = generator.choice("12")
        number = f"{unit}{generator.randrange(5000, 9999)}"
        if number not in bed.numbers():
            bed.rows.append([number, unit, "New", "B", "1"])
            if generator.random() < 0.5:
                bed.orders.append(["O" + number, unit, number, "7.25"])
    if generator.random() < 0.3 and len(bed.orders) > 10:
        bed.orders.remove(generator.choice(bed.orders))
    if generator.random() < 0.3:
        gone = generator.choice(bed.rows)
        bed.rows.remove(gone)
        bed.orders[:] = [order for order in bed.orders if order[2] != gone[0]]
    bed.export()


def at_rest(bed):
    try:
        bed.whole()
        same("orders", bed.ask("crm", "SELECT d.number, a.number FROM deal d JOIN account a ON a.id = d.account ORDER BY d.number"),
             sorted((order[0], order[2]) for order in bed.orders))
    except AssertionError:
        return False
    return True


def main(seed, kills):
    generator = random.Random(seed)
    bed = Bed()
    try:
        for guard in ('updates = "10%"', 'cleared = "1%"', 'deletes = "1%"', 'missing_rows = "10%"', 'creates = "5%"'):
            bed.change("conf.d/30-flows.conf", guard, guard.split(" ")[0] + ' = "100%"')
        for trigger in ("customers", "orders"):
            bed.change("conf.d/30-flows.conf", f'object = "{trigger}"; trigger: {{ file = true; }}; originates = true;',
                       f'object = "{trigger}"; trigger: {{ file = true; every = "1s"; }}; originates = true;')
        bed.change("conf.d/30-flows.conf", '[ "total", "total" ], [ "account", "link(\'crm\', customer)" ] ); }; };',
                   '[ "total", "total" ], [ "account", "link(\'crm\', customer)" ] ); deletes: { do = "delete"; }; }; };')
        bed.change("conf.d/30-flows.conf", 'read: { number = "ORDER";', 'deletes: { seen = "accept"; }; read: { number = "ORDER";')
        bed.on("customers", "orders")
        done = {"agent": 0, "host": 0}
        bed.begin()
        while sum(done.values()) < kills:
            edit(bed, generator)
            bed.lives_for(generator.uniform(0, 1.2))
            hosts = hosts_of(bed.agent.pid)
            if hosts and generator.random() < 0.4:
                try:
                    os.kill(generator.choice(hosts), signal.SIGKILL)
                    done["host"] += 1
                except ProcessLookupError:
                    pass
                continue
            bed.end(signal.SIGKILL, -signal.SIGKILL)
            done["agent"] += 1
            bed.begin()
            if sum(done.values()) % 20 == 0:
                print(f"{done} killed", flush=True)
        bed.until(f"rest after {done}", lambda: at_rest(bed))
        bed.end()
        bed.sound()
        bed.quiet("customers", "orders")
        bed.whole()
        print(f"seed {seed}: {done} killed, {len(bed.rows)} customers and {len(bed.orders)} orders: none lost, none doubled, none stuck")
    finally:
        bed.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10**6), int(sys.argv[2]) if len(sys.argv) > 2 else 8)
