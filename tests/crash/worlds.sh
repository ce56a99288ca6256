#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The worlds of the crash tests are connectors like any other as long as their faults are off.
set -eu
scratch=$(mktemp -d "${TMPDIR:-/tmp}/syncline-worlds-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
for way in upsert key forgets find none; do
	rm -f "$scratch"/*
	status=0
	"$SYNCLINE_BUILD/syncline-connector-check" -q -s "world=$scratch/world" -o things=things,key=id,external=extref -w things:name=one \
		-w things:extref=e1 "$SYNCLINE_BUILD/tests/connectors/.libs/scripted-$way.so" >"$scratch/said" 2>&1 || status=$?
	case $way in
	none) # which is what it is for
		test "$(grep -c '^failed' "$scratch/said")" = 1 && grep -q '^failed.*creates once' "$scratch/said" ;;
	*)
		test "$status" = 0 ;;
	esac || { echo "scripted-$way:"; cat "$scratch/said"; exit 1; }
done
