#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# manual_tables.sh: names that stand in one table of the code stand in the manual's table too, and no others: what a run counts, how
# it ends, flags, events, findings, reviews, states of a delivery, verdicts; and every table and view of the ledger is told of.
set -eu
docs=$SYNCLINE_SOURCE/docs
agent=$SYNCLINE_SOURCE/agent
failed=0

fail() { echo "manual_tables.sh: $1"; failed=1; }

# names MACRO FILE: the words of an X-macro's table.
names() {
	sed -n "/^#define $1(X)/,/[^\\\\]\$/s/.*X([A-Z_]*, \"\([a-z-]*\)\".*/\1/p" "$2"
}

# rows HEADING PAGE: the first column of the first table below a heading, without quotes.
rows() {
	awk -v heading="$1" '
		index($0, "#") == 1 { inside = ($0 == heading); begun = 0; next }
		inside && /^\|/ && !over { if (++begun > 2) { split($0, cell, "|"); gsub(/[ `]/, "", cell[2]); print cell[2] } next }
		inside && begun && !over { inside = 0 }' "$2"
}

# hold WHAT: the words in code.$$ and page.$$ are the same.
hold() {
	[ -s code.$$ ] || fail "no $1 found in the code"
	sort -u code.$$ >code.sorted.$$
	sort -u page.$$ >page.sorted.$$
	for word in $(comm -23 code.sorted.$$ page.sorted.$$); do fail "the page lacks the $1 $word"; done
	for word in $(comm -13 code.sorted.$$ page.sorted.$$); do fail "the page has the $1 $word, and the code doesn't"; done
}

trap 'rm -f code.$$ page.$$ code.sorted.$$ page.sorted.$$' EXIT
names LEDGER_COUNTS "$agent/ledger/runs.h" >code.$$
rows "## What a run counts" "$docs/flow.md" >page.$$
hold count
names LEDGER_RUN_STATES "$agent/ledger/runs.h" >code.$$
rows "# A record's way" "$docs/flow.md" >page.$$
hold "state of a run"
names LEDGER_PLAN_STATES "$agent/ledger/runs.h" >code.$$
rows "## Guards, plans, apply" "$docs/flow.md" >page.$$
hold "state of a plan"
names LEDGER_FLAGS "$agent/ledger/runs.h" >code.$$
rows "## Flags" "$docs/flow.md" | sed 's/(default)//; s/N%//' >page.$$
hold flag
names LEDGER_EVENTS "$agent/ledger/records.h" >code.$$
rows "## What the history tells" "$docs/flow.md" >page.$$
hold event
names LEDGER_FINDINGS "$agent/ledger/findings.h" >code.$$
rows "## Findings" "$docs/flow.md" >page.$$
hold finding
names LEDGER_REVIEWS "$agent/ledger/findings.h" >code.$$
rows "### Reviews" "$docs/flow.md" >page.$$
hold review
names LEDGER_DELIVERY_STATES "$agent/ledger/deliveries.h" >code.$$
rows "## Marks and attempts" "$docs/delivery.md" >page.$$
hold "state of a delivery"
sed -n 's/^[[:space:]]*X(\([A-Z]*\), ".*/\1/p' "$agent/deliver/back_off.h" | tr 'A-Z' 'a-z' >code.$$
rows "## Verdicts" "$docs/delivery.md" >page.$$
hold verdict

# Tables and views: in backquotes anywhere on the page.
cat "$agent"/ledger/*.c | grep -o 'CREATE \(TABLE\|VIEW\) [\"a-z_]*' | sed 's/.* //; s/[\"]//g' | sed 's/[^a-z_]//g' | grep . >code.$$
cat "$agent"/ledger/*.c | sed -n 's/.*FINDING_VIEW("\([a-z_]*\)").*/\1_view/p' >>code.$$
grep -o '`[a-z_]*`' "$docs/ledger.md" | tr -d '`' >page.$$
for table in $(sort -u code.$$); do
	grep -qx "$table" page.$$ || fail "docs/ledger.md does not tell of $table"
done
for view in $(sed -n '/_view$/p' page.$$ | sort -u); do
	grep -qx "$view" code.$$ || case $view in
	reject_view | conflict_view | review_view | flip_view | dead_letter_view) ;;
	*) fail "docs/ledger.md tells of $view, and there is no such view" ;;
	esac
done
exit $failed
