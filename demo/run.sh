#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh BUILD OUT: the demo.  An ERP that exports files, a CRM that is a database and a DMS that is a folder, all below OUT, are
# brought into agreement: a first plan, shown and applied; changes on all sides; an export that is broken.  The configuration is
# demo/conf.d, the ERP's export demo/export.  Nothing outside OUT is written; OUT is made anew, and OUT/syncline is the command to
# go on with.  Run from the source tree, or with SYNCLINE_SOURCE set; ./bootstrap demo does it all.
set -eu
build=$(cd "${1:?usage: run.sh BUILD OUT}" && pwd -P)
source_dir=$(cd "${SYNCLINE_SOURCE:-$(dirname "$0")/..}" && pwd -P)
given=${2:?usage: run.sh BUILD OUT}
out=$given
LC_ALL=C
export LC_ALL

command -v sqlite3 >/dev/null || { echo "demo: the sqlite3 command is missing; ./bootstrap deps installs it" >&2; exit 1; }
if [ -e "$out" ] && [ ! -f "$out/.syncline-demo" ]; then
	echo "demo: $out exists and was not made by the demo; remove it or name another folder" >&2
	exit 1
fi
rm -rf "$out"
mkdir -p "$out/erp/export" "$out/erp/import" "$out/erp/taken" "$out/crm" "$out/dms/rechnungen" "$out/site"
: >"$out/.syncline-demo"
out=$(cd "$out" && pwd -P)
export_dir=$out/erp/export
crm=$out/crm/crm.sqlite

title() {
	printf '\n== %s\n\n' "$*"
}
say() {
	printf '%s\n' "$*"
}
# Lines as wide as a screen; a character that was cut in two is left out.
narrow() {
	cut -c 1-150 | iconv -c -f UTF-8 -t UTF-8 || :
}
sql() {
	sqlite3 -separator ' | ' "$crm" "$1"
}
# show STATUS ARGUMENTS…: shows a command and runs it; it has to end as "done" (0, or 3: and something waits for a person), "held" (4) or
# "failed" (1).
show() {
	wanted=$1
	shift
	printf '$ %s/syncline' "$given"
	for word in "$@"; do
		case $word in *[!a-zA-Z0-9_./-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
	done
	printf '\n'
	status=0
	"$out/syncline" --quiet "$@" >"$out/.shown" 2>&1 || status=$?
	narrow <"$out/.shown"
	case $wanted$status in
	done0 | done3 | held4 | failed1) ;;
	*)
		echo "demo: that ended with $status and was to be $wanted" >&2
		exit 1
		;;
	esac
	say ""
}
open_plans() {
	"$out/syncline" --quiet --json plans --flow "$1" >"$out/.plans"
	sqlite3 :memory: "SELECT value ->> 'plan' FROM json_each(readfile('$out/.plans')) ORDER BY 1"
}
# The ERP writes its next export: STAMP, and what `sed` is to change in the customers and in the invoices of the one before.
next_export() {
	sed "$3" "$export_dir/KUNDEN_$1.csv" >"$export_dir/KUNDEN_$2.csv"
	sed "$4" "$export_dir/RECHNUNG_$1.csv" >"$export_dir/RECHNUNG_$2.csv"
}

# ---- the three systems ----

cp "$source_dir"/demo/export/*.csv "$export_dir/"
chmod u+w "$export_dir"/*.csv
awk -v folder="$export_dir" -f "$source_dir/demo/documents.awk" "$export_dir/RECHNUNG_20260131.csv"
sqlite3 "$crm" <"$source_dir/demo/crm.sql"
cat >"$out/site/paths.conf" <<END
# Where the systems of the demo are on this machine.
systems: {
  erp: { settings: { directory = "$export_dir"; import_directory = "$out/erp/import"; }; };
  crm: { settings: { path = "$crm"; }; };
  dms: { settings: { directory = "$out/dms"; }; };
};
END
cat >"$out/syncline" <<END
#!/bin/sh
# The command with the demo's configuration, state and connectors.
SYNCLINE_HOST='${SYNCLINE_HOST:-$build/syncline-host}'
export SYNCLINE_HOST
exec '$build/syncline' --config '$source_dir/demo/conf.d' --site '$out/site' --state '$out/state' --connectors '${SYNCLINE_CONNECTORS:-$build/.connectors}' "\$@"
END
chmod +x "$out/syncline"

title "Three systems, two org units"
say "The ERP's export, as it came (CP1252, shown as UTF-8); MANDANT 100 is Berlin, 200 is Munich:"
iconv -f CP1252 -t UTF-8 "$export_dir/KUNDEN_20260131.csv" | tr -d '\r' | head -n 4 | narrow
say ""
say "Beside it orders, one row a line, and invoices with a PDF each.  The CRM, a database, knows two accounts already:"
sql "SELECT id, org, coalesce(erp_no, '(no number)'), name FROM accounts"
say ""
show done check

# ---- first sync ----

title "1. First sync: nothing moves before a person has seen the plan"
say "A flow begins as 'preview': it reads and compares, and shows what it would do."
show done flag customers preview --why "a first look"
show held run customers
set -- $(open_plans customers)
show done plans "$1" --limit 6
say "It looks right.  A plan is applied from what was read then; after it the flow may be switched on."
for plan in "$@"; do
	show done apply "$plan"
done
show done flag customers on --why "the plan was right"
say "The same for orders and invoices, without showing each step."
for flow in orders invoices; do
	"$out/syncline" --quiet flag $flow preview --why "a first look" >/dev/null
	status=0
	"$out/syncline" --quiet run $flow >/dev/null 2>&1 || status=$?
	[ "$status" -eq 4 ] || { echo "demo: the preview of $flow ended with $status" >&2; exit 1; }
	for plan in $(open_plans $flow); do
		status=0
		"$out/syncline" --quiet apply "$plan" >"$out/.shown" 2>&1 || status=$?
		narrow <"$out/.shown"
		[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || exit 1
	done
	"$out/syncline" --quiet flag $flow on --why "the plan was right" >/dev/null
done
say ""
say "Created: $(sql "SELECT count(*) FROM accounts WHERE ext_id IS NOT NULL") accounts and $(sql "SELECT count(*) FROM orders") orders in the CRM, each order at its customer's account;"
say "         $(find "$out/dms/rechnungen" -name '*.pdf' | wc -l | tr -d ' ') documents in the DMS, by unit and year, and where each lies is handed to the ERP and written into its order:"
sql "SELECT o.number, a.name, o.amount, o.invoice FROM orders o JOIN accounts a ON a.id = o.account_id WHERE o.invoice IS NOT NULL LIMIT 3"
say "Linked:  the account that sales people had typed in is the ERP's 10006; its phone is theirs, the rest is the ERP's:"
sql "SELECT id, erp_no, name, phone, street FROM accounts WHERE erp_no = '10006'"
say "Left alone: the account that the ERP knows nothing of; a person decides (syncline reviews)."
say ""
say "Rejected, and why (the good rows went on):"
show done rejects
say "Waiting: orders of customers that were rejected, and their invoices; they come by themselves when the customer does."
say "Given up: an invoice whose PDF is not there:"
show done dead

# ---- changes on all sides ----

title "2. A day later: changes on all sides"
say "In the ERP two customers moved, one is no longer exported; wrong rows were corrected: 20021's postal code, 20024's country,"
say "three rows without a readable key (as long as there is one, no missing row counts as deleted), and an invoice's date."
next_export 20260131 20260201 '
	/^100;10001;/s/;M[^;]* 12;13353;/;Kastanienallee 7;10435;/
	/^200;20012;/s/;89073;Ulm;/;89077;Ulm;/
	/^200;20028;/d
	/^200;20021;/s/;8037;/;80337;/
	/^200;20024;/s/;BRD;/;D;/
	/^100;10090;/s/;sofort;/;sofort;05.05.2025;/
	/^100;;Laufkundschaft;/d
	/^200;20090;/s/;Fenster; /;Fenster, /' '/^100;RE-26008;/s/;32\.01\.2026;/;31.01.2026;/'
say "In the CRM somebody wrote down 10004's new phone, won 20010, and changed 10007's street, which is the ERP's to say."
sql "UPDATE accounts SET phone = '0351 80 244 99' WHERE erp_no = '10004'"
sql "UPDATE accounts SET stage = 'won' WHERE erp_no = '20010'"
sql "UPDATE accounts SET street = 'Irrweg 13' WHERE erp_no = '10007'"
say ""
show done run customers
show done run orders
show done run invoices
say "Updated:  $(sql "SELECT erp_no || ' is at ' || street || ', ' || zip || ' ' || city FROM accounts WHERE erp_no = '10001'");"
say "          $(sql "SELECT erp_no || ' is at ' || street || ', ' || zip || ' ' || city FROM accounts WHERE erp_no = '20012'")."
say "Deleted:  20028, which the CRM keeps as: $(sql "SELECT name || ', active ' || active FROM accounts WHERE erp_no = '20028'")."
say "Restored: 10007's street is $(sql "SELECT street FROM accounts WHERE erp_no = '10007'") again, and the edit was counted."
say "Created:  20021, 20024, 10090 and 20090, and what had waited for them: $(sql "SELECT group_concat(o.number, ', ') FROM orders o JOIN accounts a ON a.id = o.account_id WHERE a.erp_no IN ('20021', '20024')")."
say "Handed to the ERP as files (phone and status are the CRM's), by the side of the documents' places:"
for file in "$out"/erp/import/kunden_*.csv; do
	tail -n +2 "$file" | iconv -f CP1252 -t UTF-8
done
say ""
say "How all of that came about is kept; the whole way of one record:"
show done trace 10007

# ---- what was handed over ----

title "3. The ERP takes the files in, and its next export proves it"
next_export 20260201 20260202 '' ''
for file in "$out"/erp/import/*.csv; do
	case ${file##*/} in kunden_*) target=$export_dir/KUNDEN_20260202.csv ;; *) target=$export_dir/RECHNUNG_20260202.csv ;; esac
	awk -f "$source_dir/demo/import.awk" "$file" "$target" >"$out/.next"
	mv "$out/.next" "$target"
	mv "$file" "$out/erp/taken/"
done
show done run customers
show done run invoices
say "And once more: nothing has changed, so nothing is written."
show done run customers
show done run invoices

# ---- a broken export ----

title "4. An export that broke off: held for one unit, refused for the other, of which it shows nothing"
head -n 12 "$export_dir/KUNDEN_20260202.csv" >"$export_dir/KUNDEN_20260203.csv"
show failed run customers
say "Nothing was written, and nothing is to be undone: the next export is whole again, and the run goes through."
cp "$export_dir/KUNDEN_20260202.csv" "$export_dir/KUNDEN_20260204.csv"
show done run customers

title "All in all"
show done status

title "What to do next"
cat <<END
  the configuration                     demo/conf.d: systems, entities (whose value counts), flows (rules)
  the systems                           $given/erp, $given/crm/crm.sqlite, $given/dms
  one record's way, step by step        $given/syncline trace M-26010
  what waits for a person               $given/syncline rejects --each
                                        $given/syncline reviews
  put the missing PDF there, try again  cp $given/erp/export/RE-26001.pdf $given/erp/export/fehlt.pdf
                                        $given/syncline dead retry --cause connector-not-found
                                        $given/syncline run invoices
  change an account, and run            sqlite3 $given/crm/crm.sqlite "UPDATE accounts SET stage = 'lost' WHERE erp_no = '10002'"
                                        $given/syncline run customers
  what ran; is all well?                $given/syncline runs
                                        $given/syncline doctor
  for programs                          $given/syncline --json status
  all verbs                             $given/syncline --help
END
