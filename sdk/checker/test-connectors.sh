#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every connector that we ship goes through the checker, reading and writing, and leaves it nothing to advise.
set -eu
: "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}"
work=`mktemp -d "${TMPDIR:-/tmp}/syncline-connectors.XXXXXX"`
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0
check() { # name, arguments
	name=$1
	shift
	[ -e "$SYNCLINE_CONNECTORS/$name.so" ] || { echo "$name: not built"; failed=1; return; }
	if "$SYNCLINE_BUILD/syncline-connector-check" "$@" "$SYNCLINE_CONNECTORS/$name.so" >"$work/log" 2>&1 && ! grep 'shows records' "$work/log" &&
	    ! grep '^advice' "$work/log"; then
		tail -n 1 "$work/log"
	else
		grep -v '^ok' "$work/log"
		failed=1
	fi
}
mkdir -p "$work/folder/bills/2026/a"
for name in 1.pdf 2026/2.pdf 2026/a/3.pdf 9.txt; do echo "the bytes of $name" >"$work/folder/bills/$name"; done
check folder -s directory="$work/folder" -o files=bills,key=path,content=content,external=ref \
	-w 'files:path=check/%.bin,ref=id-%,number=%,total:=12.50'

mkdir "$work/out" "$work/in"
printf 'id;name;amount\n1;Anna;1,50\n2;Bernd;\n3;C\303\244cilie;3,00\n' >"$work/out/K_1.csv"
check csv -s directory="$work/out" -s import_directory="$work/in" -s 'delimiter=;' -o 'k=K_*.csv,key=id,reads=full,handover=yes' \
	-w 'k:id=%,name=Neu'

mkdir "$work/lines" "$work/lines-in"
printf '{"id":"1","name":"Anna","n":1}\n{"id":"2","name":null}\n{"id":"3","n":2.50}\n' >"$work/lines/k_1.jsonl"
check jsonl -s complete=rename -s directory="$work/lines" -s import_directory="$work/lines-in" -o 'k=k_*.jsonl,key=id,reads=full,handover=yes' \
	-w 'k:id=%,name=Neu'
# The same create again was one attempt: it is there once.
for folder in in lines-in; do
	case `cat "$work/$folder"/*.* | grep -c Neu` in 1) ;; *) echo "$folder: an attempt that came again was written again"; failed=1 ;; esac
done

if [ -e "$SYNCLINE_CONNECTORS/sqlite.so" ] && command -v sqlite3 >/dev/null; then
	sqlite3 "$work/db" "CREATE TABLE k(id TEXT PRIMARY KEY, ref TEXT UNIQUE, name TEXT, n INTEGER);
		INSERT INTO k VALUES('1','r1','Anna',1),('2','r2',NULL,2),('3','r3','Carl',NULL);"
	check sqlite -s path="$work/db" -o k=k,key=id,external=ref -w 'k:id=%,ref=r-%,name=Neu'
else
	echo "sqlite: not checked, there is no program sqlite3 to make a table, or the connector isn't built"
fi
[ "$failed" = 0 ]
