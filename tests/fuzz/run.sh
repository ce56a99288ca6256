#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh SOURCE TARGET...: runs each fuzz target of this build for FUZZ_SECONDS, from its seeds and from what earlier runs
# learnt (fuzz/corpus-X in the build folder), and reports.  What a fuzzer found stands in fuzz/found-X-*; exit 1 then.
set -eu
source_dir=$1; shift
seconds=${FUZZ_SECONDS:-600}
failed=0
mkdir -p fuzz
for target in "$@"; do
	[ -n "${FUZZ_ONLY:-}" ] && [ "$FUZZ_ONLY" != "$target" ] && continue
	mkdir -p "fuzz/corpus-$target"
	set -- "fuzz/corpus-$target"
	[ -d "$source_dir/tests/fuzz/seeds/$target" ] && set -- "$@" "$source_dir/tests/fuzz/seeds/$target"
	dictionary=$source_dir/tests/fuzz/$target.dict
	[ -f "$dictionary" ] && set -- "-dict=$dictionary" "$@"
	echo "fuzzing $target for $seconds s (log: fuzz/$target.log)"
	status=0
	"tests/bin/fuzz-$target" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=1024 "-artifact_prefix=fuzz/found-$target-" \
		-print_final_stats=1 "$@" >"fuzz/$target.log" 2>&1 || status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "fuzz/$target.log")
	peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "fuzz/$target.log")
	cover=$(sed -n 's/^#[0-9]*[[:space:]].* cov: \([0-9]*\).*/\1/p' "fuzz/$target.log" | tail -n 1)
	if [ "$status" -eq 0 ]; then
		echo "  $target: ${runs:-?} inputs, ${cover:-?} edges, ${peak:-?} MB, nothing found"
	else
		failed=1
		echo "  $target: FOUND SOMETHING (status $status):"
		grep -E 'ERROR:|SUMMARY:|runtime error|Test unit written' "fuzz/$target.log" | sed 's/^/    /' || tail -n 5 "fuzz/$target.log"
	fi
done
exit "$failed"
