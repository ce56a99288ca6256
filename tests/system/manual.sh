#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# manual.sh: syncline(1) and the program's own tables name the same verbs and options.
set -eu
page=$SYNCLINE_SOURCE/docs/man/syncline.1
syncline=$SYNCLINE_BUILD/syncline
failed=0

fail() { echo "manual.sh: $1"; failed=1; }

"$syncline" --help >manual.help.$$
trap 'rm -f manual.help.$$ manual.verb.$$' EXIT
verbs=$(sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' manual.help.$$)
[ -n "$verbs" ] || fail "the help lists no verb"
for verb in $verbs; do
	grep -q "^\.It Cm $verb\>" "$page" || grep -q "^\.It Cm $verb\$" "$page" || grep -q "^\.It Cm $verb " "$page" || fail "the page lacks the verb $verb"
	"$syncline" "$verb" --help >manual.verb.$$
	for option in $(sed -n 's/^  --\([a-z-]*\).*/\1/p' manual.verb.$$); do
		grep -e "^\.It Cm $verb\$" -e "^\.It Cm $verb " "$page" | grep -q -- "Fl -$option" || fail "the page lacks --$option of $verb"
	done
	for option in $(grep -e "^\.It Cm $verb\$" -e "^\.It Cm $verb " "$page" | tr ' ' '\n' | sed -n 's/^-\([a-z][a-z-]*\)$/\1/p'); do
		grep -q -- "^  --$option" manual.verb.$$ || fail "the page has --$option of $verb, and the program doesn't"
	done
done
for verb in $(sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' "$page"); do
	echo "$verbs" | grep -qx "$verb" || fail "the page has the verb $verb, and the program doesn't"
done
for option in $(sed -n 's/^  --\([a-z-]*\).*/\1/p' manual.help.$$); do
	grep -q "^\.It Fl -$option" "$page" || fail "the page lacks the option --$option"
done
for option in $(sed -n 's/^\.It Fl -\([a-z-]*\).*/\1/p' "$page"); do
	grep -q -- "^  --$option" manual.help.$$ || fail "the page has the option --$option, and the program doesn't"
done
exit $failed
