#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""CSV to rules to JSON lines, beside Miller and the sqlite3 shell on the same file, in the same call.

    convert.py [RECORDS]

Needs SYNCLINE_BUILD (the build folder) and SYNCLINE_SOURCE. Prints a table: records/s, memory (anonymous, by /proc: the largest process and
all together), processor seconds, and the ratio to Miller doing nothing but CSV to JSON."""
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

from measure import measure

BUILD, SOURCE = os.environ["SYNCLINE_BUILD"], os.environ["SYNCLINE_SOURCE"]
MILLER_RULES = r"""
begin { @land = {"D": "DE", "A": "AT", "CH": "CH"} }
map out = {};
out["number"] = $KUNDENNR; out["name"] = $NAME1 . " " . $NAME2; out["street"] = $STRASSE; out["zip"] = $PLZ; out["city"] = $ORT;
out["country"] = @land[$LAND];
revenue = gsub(gsub($UMSATZ, "\.", ""), ",", ".");
out["revenue"] = revenue; out["tier"] = float(revenue) > 50000 ? "high" : "standard";
out["email"] = tolower(strip($EMAIL)); out["phone"] = gsub($TELEFON, "[ -]", ""); out["tenant"] = $MANDANT;
out["changed"] = sec2gmtdate(strptime($AENDERUNG, "%d.%m.%Y"));
$* = out;
"""


def configure(work, out):
    conf = os.path.join(work, "conf.d")
    shutil.copytree(os.path.join(SOURCE, "tests/bench/conf.d"), conf)
    subprocess.check_call(["chmod", "-R", "u+w", conf])
    path = os.path.join(conf, "bench.conf")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace("@IN@", work).replace("@OUT@", out))
    return conf


def main():
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    rows = []
    with tempfile.TemporaryDirectory(prefix="syncline-bench-") as work:
        source = os.path.join(work, "customers.csv")
        subprocess.check_call([sys.executable, os.path.join(SOURCE, "tests/bench/make_customers.py"), str(records), source])
        out = os.path.join(work, "out")
        os.mkdir(out)
        conf = configure(work, out)
        ours = [os.path.join(BUILD, "syncline"), "--config", conf, "--json", "convert", "customers", "erp", "crm"]
        size = os.path.getsize(source) / records
        with open(os.path.join(work, "result.json"), "w") as result:
            rows.append(("syncline convert: CSV, 5 rules, JSON lines", measure(ours, result, (0, 3))))
        with open(os.path.join(work, "result.json")) as result:
            counts = json.load(result)
        if counts["read"] != records or counts["written"] + counts["rejected_read"] + counts["rejected_rules"] != records:
            sys.exit("the figures would be worthless: %s" % counts)
        shutil.rmtree(out)
        if shutil.which("mlr"):
            with open(os.path.join(work, "mlr.jsonl"), "w") as sink:
                rows.append(("Miller: CSV to JSON lines, no rules", measure(["mlr", "--icsv", "--ifs", ";", "--ojsonl", "cat", source], sink)))
            with open(os.path.join(work, "mlr.jsonl"), "w") as sink:
                rows.append(("Miller: the same rules", measure(["mlr", "--icsv", "--ifs", ";", "-S", "--ojsonl", "put", MILLER_RULES, source], sink)))
        else:
            print("Miller is not installed: no yardstick")
        if shutil.which("sqlite3"):
            rows.append(("sqlite3 .import", measure(["sqlite3", os.path.join(work, "yardstick.db"), "-cmd", ".mode csv", "-cmd", ".separator ;",
                                                     ".import %s customers" % source], subprocess.DEVNULL)))
    print("%d customers of 12 columns, %.0f bytes a row; written %d, rejected %d" % (
        records, size, counts["written"], counts["rejected_read"] + counts["rejected_rules"]))
    print("machine: %s, %d processors" % (platform.processor() or platform.machine(), os.cpu_count()))
    yardstick = next((row[1] for row in rows if row[0].startswith("Miller: CSV")), None)
    print("%-44s %12s %10s %12s %14s %8s" % ("", "records/s", "cpu s", "largest MiB", "together MiB", "ratio"))
    for name, row in rows:
        ratio = "%.2f" % (yardstick["seconds"] / row["seconds"]) if yardstick else "-"
        print("%-44s %12.0f %10.2f %12.1f %14.1f %8s" % (name, records / row["seconds"], row["processor"], row["largest"] / 1024, row["together"] / 1024, ratio))


main()
