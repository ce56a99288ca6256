#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# manual_connectors.sh: the manual page of each connector names the parameters that the connector has, and no others.
set -eu
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
failed=0

fail() { echo "manual_connectors.sh: $1"; failed=1; }

for shared in "$SYNCLINE_CONNECTORS"/*.so; do
	name=$(basename "$shared" .so)
	page=$SYNCLINE_SOURCE/plugins/$name/syncline-$name.7
	has=$("$SYNCLINE_BUILD/syncline" --json connectors "$name" |
		"$python" -c 'import json, sys; print("\n".join(sorted({p["name"] for p in json.load(sys.stdin)["params"]})))')
	[ -n "$has" ] || fail "$name has no parameter"
	# The items of the sections on settings; one item may name several.
	named=$(awk '/^\.S[hs] / { settings = /[Ss]ettings|SETTINGS/ } settings && /^\.It (Cm|Ic) / { sub(/^\.It .. /, ""); print }' "$page" |
		tr ' ,=' '\n\n\n' | grep -x '[a-z][a-z_]*' | sort -u)
	for parameter in $has; do
		printf '%s\n' "$named" | grep -qx "$parameter" || fail "the page of $name lacks the parameter $parameter"
	done
	for parameter in $named; do
		printf '%s\n' "$has" | grep -qx "$parameter" || fail "the page of $name has $parameter, and the connector doesn't"
	done
done
exit $failed
