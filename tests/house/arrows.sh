#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# arrows.sh: the rules of the house that no compiler checks.  Which folder may include which, that connectors see the SDK
# alone, that operating systems are told apart in agent/os alone, and what every source file has in common.
set -u
cd "${SYNCLINE_SOURCE:-$(dirname "$0")/../..}" || exit 1
LC_ALL=C
export LC_ALL

sources() { find "$@" -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) | sort; }

# A folder of the agent, and those below it that it may include.
arrows='
base:
os:base
batch:base os
config:base os
host:base os batch config
rules:base os batch config
ledger:base os batch config
manners:base config
flow:base os batch config host rules ledger manners
deliver:base os batch config host rules ledger flow
rehearse:base os batch config host rules ledger manners flow deliver
schedule:base os batch config host rules ledger manners flow deliver rehearse
observe:base os
ctl:base os batch config host rules ledger manners flow deliver rehearse schedule observe
daemon:base os batch config host rules ledger manners flow deliver rehearse schedule observe ctl
main:base os batch config host rules ledger flow deliver schedule observe ctl daemon
'

# Prints each include that goes sideways or up.
upward_includes() {
	for folder in agent/*/; do
		name=$(basename "$folder")
		row=$(printf '%s' "$arrows" | grep "^$name:") || {
			echo "agent/$name: has no row in tests/house/arrows.sh; say there what it may include"
			continue
		}
		# shellcheck disable=SC2046 # names without blanks
		grep -n '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' $(sources "$folder") /dev/null |
			sed 's/^\([^:]*:[0-9]*\):[^"]*"\([^"]*\)".*/\1 \2/' |
			while read -r where what; do
				target=${what%%/*}
				[ "$target" != "$what" ] && [ -d "agent/$target" ] || continue
				case " $name ${row#*:} " in
				*" $target "*) ;;
				*) echo "$where: includes $what, but $name may include only: ${row#*:}" ;;
				esac
			done
	done
}

# A connector and the SDK include the contract, their own neighbours, and libraries; nothing of the agent.  The checker stands
# on agent/host: it is the agent's own host, driven by a vendor.  A connector's tests (test-*) may use the checker's bench.
foreign_includes() {
	# shellcheck disable=SC2046
	grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](base|batch|config|host|rules|ledger|flow|deliver|schedule|observe|ctl|os|agent|\.\.)/' \
		$(sources plugins sdk/include sdk/lib sdk/template) /dev/null | grep -v '/test-[^/]*:' | sed 's/$/   (a connector sees the SDK alone)/'
}

system_ifdefs() {
	# shellcheck disable=SC2046
	grep -nE '^[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif).*(__linux__|__linux|__FreeBSD|__OpenBSD__|__NetBSD__|__DragonFly__|__APPLE__|_WIN32|__sun|__GLIBC__|BSD)\b' \
		$(sources agent sdk plugins tests) /dev/null | grep -v '^agent/os/' | sed 's/$/   (tell systems apart in agent\/os)/'
}

without_licence() {
	find agent sdk plugins tests docs conf.d packaging demo -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.m4' -o \
		-name '*.1' -o -name '*.3' -o -name '*.5' -o -name '*.7' -o -name '*.8' \) | sort | while IFS= read -r file; do
		head -n 6 "$file" | grep -q 'SPDX-License-Identifier: BSD-2-Clause' || echo "$file: has no SPDX line among its first"
	done
}

untidy() {
	tab=$(printf '\t')
	cr=$(printf '\r')
	for file in $(sources agent sdk plugins tests) $(find . -maxdepth 1 -name 'configure.ac' -o -maxdepth 1 -name 'Makefile.am') \
		$(find agent sdk plugins tests -name '*.mk' -o -name '*.sh'); do
		grep -n "[ $tab]\$" "$file" | sed "s|^\([0-9]*\):.*|$file:\1: ends with blanks|"
		grep -n "^ *  $tab\|^$tab* $tab" "$file" | sed "s|^\([0-9]*\):.*|$file:\1: has a blank before a tab|"
		grep -n "$cr" "$file" | sed "s|^\([0-9]*\):.*|$file:\1: has a carriage return|"
		[ -z "$(tail -c 1 "$file")" ] || echo "$file: does not end with a newline"
	done
	# Tables (.def, and those of tests) have a row a line, however long.
	# shellcheck disable=SC2046
	awk 'FILENAME !~ /[.]def$/ && length($0) > 200 { printf "%s:%d: is a line of %d characters\n", FILENAME, FNR, length($0) }' \
		$(sources agent sdk plugins)
	# shellcheck disable=SC2046
	wc -l $(sources agent sdk plugins) | awk '$2 != "total" && $1 > 1000 { printf "%s: has %d lines: two stories in one file?\n", $2, $1 }'
}

manual_pages() {
	command -v mandoc >/dev/null 2>&1 || return 0
	find agent sdk plugins docs conf.d -name '*.[13578]' | sort | while IFS= read -r page; do
		# A page may name others that are not installed yet, and no operating system's own.
		mandoc -Tlint -W style "$page" 2>&1 | grep -vE 'referenced manual not found|operating system explicitly specified|outdated mandoc.db|input text line longer than'
	done
}

# A connector's code, its manual page and its test stand side by side.
incomplete_connectors() {
	for folder in plugins/*/; do
		name=$(basename "$folder")
		grep -q 'connector_LTLIBRARIES' "$folder/local.mk" || continue
		[ -n "$(find "$folder" -name '*.[1-8]')" ] || echo "$folder: has no manual page"
		[ -n "$(find "$folder" -name 'test-*')" ] || echo "$folder: has no test"
	done
}

findings=$(upward_includes; foreign_includes; system_ifdefs; without_licence; untidy; manual_pages; incomplete_connectors)
if [ -n "$findings" ]; then
	printf '%s\n' "$findings"
	echo "$(printf '%s\n' "$findings" | wc -l) findings"
	exit 1
fi
echo "the house is in order"
