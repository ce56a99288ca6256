#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""demo_expect.py OUT: is what the demo left in its systems what the ERP's last export and the edits in the CRM call for?

OUT is the demo's folder; rejects.json, reviews.json, dead.json and runs.json there are what the command printed for programs.  The
mistakes that were put into the export stand here by hand; all else is computed from the export, by code that knows nothing of
Syncline.
"""
import csv
import glob
import json
import sqlite3
import sys
from decimal import Decimal

OUT = sys.argv[1]
EXPORT = f"{OUT}/erp/export"
UNITS, TENANTS = {"100": "berlin", "200": "munich"}, {"100": "ber", "200": "muc"}
COUNTRIES = {"D": "DE", "A": "AT", "CH": "CH", "DK": "DK", "PL": "PL"}
STAGES = {"Kunde": "won", "Interessent": "lead"}
ORDER_STATES = {"offen": "open", "geliefert": "delivered", "berechnet": "invoiced"}
# (object, native id) -> (field, a part of the message in lower case); what is still wrong at the end.
REJECTS = {
    ("erp.kunden", "100|10013"): ("iban", "iban"), ("erp.kunden", "200|20003"): ("iban", "iban"),
    ("erp.kunden", "100|10016"): ("vat_id", "vat_id"), ("erp.kunden", "200|20009"): ("vat_id", "vat_id"),
    ("erp.kunden", "100|10024"): ("email", "email"), ("erp.kunden", "200|20018"): ("email", "email"),
    ("erp.kunden", "100|10029"): ("name", "required"), ("erp.kunden", "100|10020"): ("revenue", "less than 0"),
    ("erp.kunden", "100|10027"): ("", "umsatz"), ("erp.kunden", "100|10028"): ("", "angelegt"), ("erp.kunden", "200|20015"): ("", "angelegt"),
    ("erp.kunden", "300|30001"): ("", "no unit has the tenant"),
    ("erp.auftraege", "200|M-26004"): ("status", "geliefrt"), ("erp.auftraege", "100|B-26009"): ("", "datum"),
    ("erp.auftraege", "200|M-26012"): ("", "menge"), ("erp.auftraege", "200|M-26018"): ("customer", "required"),
    ("erp.auftraege", "100|B-26023"): ("", "not the sum of its lines"),
}
DELETED, LINKED, MISSING_FILE = "20028", "10006", "RE-26108"
# What people wrote in the CRM, and is theirs to say.
PHONES, WON = {"10006": "0341 21 56 67 99", "10004": "0351 80 244 99"}, "20010"
problems = []


def complain(text):
    problems.append(text)


def same(what, got, wanted):
    if got != wanted:
        complain(f"{what}: {got!r} instead of {wanted!r}")


def load(name):
    with open(f"{OUT}/{name}.json", encoding="utf-8") as file:
        return json.load(file)


def export_rows(name):
    """The newest export of this name."""
    with open(sorted(glob.glob(f"{EXPORT}/{name}_*.csv"))[-1], encoding="cp1252", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def decimal(text):
    return Decimal(text.replace(".", "").replace(",", "."))


def day(text):
    return "-".join(reversed(text.split(".")))


def rows_of(query):
    database = sqlite3.connect(f"file:{OUT}/crm/crm.sqlite?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    rows = [dict(row) for row in database.execute(query)]
    database.close()
    return rows


def digits(phone):
    return "".join(c for c in phone or "" if c.isdigit()).lstrip("0")


def check_findings():
    got = {}
    for finding in load("rejects")["findings"]:
        key = finding["object"], finding["native"]
        got[key] = finding
        if key not in REJECTS:
            complain(f"{key} was rejected, and nothing is wrong with it: {finding}")
    for key, (field, message) in REJECTS.items():
        finding = got.get(key)
        if finding is None:
            complain(f"{key} was not rejected")
        elif (field and finding["field"] != field) or message not in finding["message"].lower() or not finding["hint"]:
            complain(f"{key} was rejected for another reason: {finding}")
    same("reviews", [(f["object"], f["native"]) for f in load("reviews")["findings"]], [("crm.accounts", "2")])
    dead = load("dead")["findings"]
    same("dead letters", [f["object"] for f in dead], ["dms.files"])
    same("dead letters, why", ["fehlt.pdf" in f["message"] for f in dead], [True])


def check_accounts():
    rows = {row["KUNDENNR"]: row for row in export_rows("KUNDEN")}
    bad = {native.split("|")[1] for name, native in REJECTS if name == "erp.kunden"}
    accounts = rows_of("SELECT * FROM accounts WHERE erp_no IS NOT NULL")
    got = {account["erp_no"]: account for account in accounts}
    same("accounts", sorted(account["erp_no"] for account in accounts), sorted(set(rows) - bad | {DELETED}))
    for number in sorted(set(rows) - bad & set(got)):
        row, account = rows[number], got[number]
        pairs = {"org": TENANTS[row["MANDANT"]], "street": row["Straße"], "zip": row["PLZ"], "city": row["Ort"], "country": COUNTRIES[row["LAND"]],
                 "email": row["E-Mail"], "stage": "won" if number == WON else STAGES[row["STATUS"]], "active": 1, "vat_id": row["USt-Id"] or None,
                 "iban": row["IBAN"].replace(" ", "") or None, "customer_since": day(row["ANGELEGT"]),
                 "tier": "high" if decimal(row["UMSATZ"]) > 50000 else "standard"}
        for column, wanted in pairs.items():
            same(f"account {number}, {column}", account[column], wanted)
        same(f"account {number}, revenue", Decimal(account["revenue"]), decimal(row["UMSATZ"]))
        if not account["name"].startswith(row["NAME1"]):
            complain(f"account {number}: name {account['name']!r} of {row['NAME1']!r}")
        if number in PHONES:
            same(f"account {number}, phone, as it was typed", account["phone"], PHONES[number])
        elif row["Telefon"] and not (account["phone"].startswith("+") and account["phone"].endswith(digits(row["Telefon"])[-6:])):
            complain(f"account {number}: phone {account['phone']!r} of {row['Telefon']!r}")
        if (account["ext_id"] is None) != (number == LINKED):
            complain(f"account {number}: its ext_id is {account['ext_id']!r}")
    same("the linked account is the one that was there", got[LINKED]["id"], 1)
    same("the deleted customer", got[DELETED]["active"], 0)
    alone = rows_of("SELECT * FROM accounts WHERE erp_no IS NULL")
    same("the account that was left alone", [(a["id"], a["name"], a["phone"], a["ext_id"], a["tier"]) for a in alone],
         [(2, "Messekontakt Grüne Woche", "030 111213", None, None)])
    # What the CRM's people wrote has come to the ERP.
    for number, phone in PHONES.items():
        same(f"the ERP's phone of {number}", digits(rows[number]["Telefon"]), "49" + digits(phone))
    same(f"the ERP's status of {WON}", rows[WON]["STATUS"], "Kunde")
    return set(rows) - bad


def check_orders(customers):
    orders = {}
    for row in export_rows("AUFTRAG"):
        orders.setdefault(row["AUFTRNR"], []).append(row)
    bad = {native.split("|")[1] for name, native in REJECTS if name == "erp.auftraege"}
    good = {number for number, rows in orders.items() if number not in bad and rows[0]["KUNDENNR"] in customers | {DELETED}}
    written = rows_of("SELECT o.*, a.erp_no FROM orders o LEFT JOIN accounts a ON a.id = o.account_id")
    same("orders", sorted(order["number"] for order in written), sorted(good))
    for order in written:
        rows = orders.get(order["number"])
        if rows is None:
            continue
        what, first = f"order {order['number']}", rows[0]
        same(what, (order["org"], order["date"], order["status"], order["erp_no"]),
             (TENANTS[first["MANDANT"]], day(first["DATUM"]), ORDER_STATES[first["STATUS"]], first["KUNDENNR"]))
        same(f"{what}, amount", Decimal(order["amount"]), decimal(first["SUMME"]))
        lines = json.loads(order["lines"], parse_float=Decimal)
        same(f"{what}, lines", [(line["sku"], Decimal(line["qty"]), Decimal(line["price"])) for line in lines],
             [(row["ARTNR"], decimal(row["MENGE"]), decimal(row["EINZELPREIS"])) for row in rows])
    return good, {order["number"]: order["invoice"] for order in written}


def check_invoices(orders, invoices):
    rows = {row["BELEGNR"]: row for row in export_rows("RECHNUNG")}
    wanted, of_orders = {}, {}
    for number, row in rows.items():
        place = f"{UNITS[row['MANDANT']]}/{day(row['DATUM'])[:4]}/{number}.pdf"
        if row["AUFTRNR"] in orders and number != MISSING_FILE:
            wanted[place] = row
            of_orders[row["AUFTRNR"]] = place
            same(f"the ERP knows where {number} is", row["DMS_ID"], place)
        else:
            same(f"{number} is nowhere", row["DMS_ID"], "")
    root = f"{OUT}/dms/rechnungen/"
    same("documents", sorted(name[len(root):] for name in glob.glob(f"{root}**/*.pdf", recursive=True)), sorted(wanted))
    for place, row in wanted.items():
        with open(root + place, "rb") as copy, open(f"{EXPORT}/{row['PDFDATEI']}", "rb") as original:
            same(f"{place}, byte for byte", copy.read() == original.read(), True)
        with open(f"{root}{place}.meta.json", encoding="utf-8") as file:
            text = file.read()
        for part in (row["BELEGNR"], row["AUFTRNR"], f"{int(row['DATUM'][-4:]) + 10}-12-31"):
            if part not in text:
                complain(f"{place}: its metadata lack {part}: {text}")
    same("the places in the orders", {number: place for number, place in invoices.items() if place is not None}, of_orders)


def check_runs():
    """The runs behind the ERP's proof wrote nothing; one was held, and one that lost all rows of its unit failed."""
    runs = sorted(load("runs"), key=lambda run: run["run"])
    same("runs that failed", [(run["flow"], run["unit"], run["counts"]["deleted"]) for run in runs if run["state"] == "failed"],
         [("customers", "munich", 0)])
    same("previews and broken exports", sorted((run["flow"], run["unit"]) for run in runs if run["state"] == "held"),
         sorted([(flow, unit) for flow in ("customers", "orders", "invoices") for unit in ("berlin", "munich")] + [("customers", "berlin")]))
    held = max(run["run"] for run in runs if run["state"] == "held")
    for run in runs:
        wrote = {name: count for name, count in run["counts"].items() if count and name.startswith(("sent-", "handed"))}
        if run["run"] >= held - 4 and wrote:
            complain(f"run {run['run']} wrote, and nothing had changed: {wrote}")
    edits = sum(run["counts"]["edits"] for run in runs)
    same("edits of what the CRM does not own", edits, 1)


check_findings()
check_invoices(*check_orders(check_accounts()))
check_runs()
same("what still lies to be imported", glob.glob(f"{OUT}/erp/import/*"), [])
for problem in problems[:40]:
    print(problem)
print(f"demo: {len(problems)} problems")
sys.exit(1 if problems else 0)
