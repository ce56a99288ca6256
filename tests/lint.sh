#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lint.sh cppcheck|tidy SOURCE FLAGS...: the static checkers over all C files of the source tree.  Run from the build folder,
# whose config.h they see.  A finding fails; what is left alone, and why, stands in tests/cppcheck.supp and .clang-tidy.
set -eu
kind=$1
source_dir=$2
shift 2
# Tests are watched by the sanitizers while they run; a test whose set-up fails may leak.
files=$(cd "$source_dir" && find agent sdk plugins tests -name '*.c' ! -path 'tests/unit/*' ! -path 'tests/connectors/*' ! -path 'tests/bench/*' \
	! -name 'test-*.c' ! -path 'sdk/template/*' | sort)
mkdir -p lint
case $kind in
cppcheck)
	command -v cppcheck >/dev/null 2>&1 || { echo "cppcheck is not installed"; exit 77; }
	build=$(pwd -P)
	cd "$source_dir"
	# shellcheck disable=SC2086 # a list of names without blanks
	cppcheck --quiet --enable=warning,performance,portability --std=c11 --inline-suppr --error-exitcode=1 -j "${JOBS:-2}" \
		--suppressions-list=tests/cppcheck.supp --template='{file}:{line}: {severity}: {message} [{id}]' \
		-DHAVE_CONFIG_H -D_XOPEN_SOURCE=700 -D__linux__ -I "$build" -I sdk/include -I sdk/lib -I agent -I tests \
		$files
	;;
tidy)
	command -v clang-tidy >/dev/null 2>&1 || { echo "clang-tidy is not installed"; exit 77; }
	for file in $files; do
		case $file in tests/*) ;; *) printf '%s\n' "$source_dir/$file" ;; esac
	done >lint/files
	# The flags go through a file, so that their quotes survive xargs.  A third of the analyzer's usual number of states takes a third of
	# the time and found the same in this tree.
	printf '%s\n' -Xclang -analyzer-config -Xclang max-nodes=75000 >lint/flags
	for flag in "$@"; do
		case $flag in -I* | -D* | -std=* | -W[a-z]*) printf '%s\n' "$flag" >>lint/flags ;; esac
	done
	cat >lint/one.sh <<'END'
set --
while IFS= read -r flag; do set -- "$@" "$flag"; done <lint/flags
case $file in
*/sdk/lib/error.c) ;;
*/sdk/lib/* | */sdk/checker/* | */plugins/*) set -- "$@" -include "$lint_header" ;;
esac
clang-tidy --quiet "$file" -- "$@" -Wno-unknown-warning-option 2>lint/noise >lint/out.$$ && status=0 || status=$?
[ "$status" -eq 0 ] || cat lint/out.$$
rm -f lint/out.$$
exit "$status"
END
	lint_header=$source_dir/tests/lint.h
	export lint_header
	status=0
	xargs -n 1 -P "${JOBS:-2}" sh -c 'file=$1; . ./lint/one.sh' one <lint/files || status=$?
	[ "$status" -eq 0 ] || exit 1
	echo "clang-tidy: no findings in $(wc -l <lint/files) files"
	;;
esac
