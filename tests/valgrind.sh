#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# valgrind.sh SOURCE PROGRAM...: runs each unit test of this build under valgrind, two at a time; any error or leak fails it.
# Logs and results stand in valgrind/ of the build folder.  Tests see SYNCLINE_VALGRIND=1 and may allow for a slower machine.
set -u
if [ "$1" = --one ]; then
	program=$2
	name=$(basename "$program")
	log=valgrind/$name.log
	case $program in ./* | /*) ;; *) program=./$program ;; esac
	begin=$(date +%s)
	sh ./libtool --mode=execute valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible \
		--errors-for-leak-kinds=definite,indirect,possible --child-silent-after-fork=yes --num-callers=30 \
		"--suppressions=$SYNCLINE_SOURCE/tests/valgrind.supp" "$program" >"$log" 2>&1 </dev/null
	case $? in
	0) result=PASS ;;
	77) result=SKIP ;;
	*) result=FAIL ;;
	esac
	echo "$result: $name (valgrind, $(($(date +%s) - begin)) s)"
	echo ":test-result: $result $name under valgrind" >"valgrind/$name.trs"
	[ "$result" != FAIL ] || { tail -n 60 "$log"; exit 1; }
	exit 0
fi
SYNCLINE_SOURCE=$1
SYNCLINE_VALGRIND=1
export SYNCLINE_SOURCE SYNCLINE_VALGRIND
shift
command -v valgrind >/dev/null 2>&1 || { echo "valgrind is not installed"; exit 77; }
rm -rf valgrind
mkdir -p valgrind
for program in "$@"; do
	# Minutes here; the sanitizers run them in full, and SYNCLINE_LONG has both.
	case ${SYNCLINE_LONG:-short}$program in short*bin/test-deliver | short*bin/test-flow-read | short*bin/test-carry) continue ;; esac
	case $program in *bin/test-*) printf '%s\n' "$program" ;; esac
done | xargs -n 1 -P "${JOBS:-2}" sh "$0" --one
status=$?
echo "# TOTAL: $(ls valgrind/*.trs | wc -l)"
for result in PASS SKIP FAIL; do
	echo "# $result: $(cat valgrind/*.trs | grep -c ":test-result: $result")"
done
[ "$status" -eq 0 ]
