#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The template as a vendor meets it: the SDK installed somewhere, the template copied elsewhere, built with nothing else and put
# through the checker.
set -eu
: "${SYNCLINE_BUILD:?}"
command -v pkg-config >/dev/null || { echo "skipped: there is no pkg-config"; exit 77; }
work=`mktemp -d "${TMPDIR:-/tmp}/syncline-template.XXXXXX"`
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
unset MAKEFLAGS MAKELEVEL MFLAGS || :

(cd "$SYNCLINE_BUILD" && make -s DESTDIR="$work/root" install-libLIBRARIES install-synclineincludeHEADERS install-pkgconfigDATA \
	install-templateDATA install-templateautoDATA install-dist_m4dataDATA) >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
pc=`find "$work/root" -name syncline-connector.pc`
template=`find "$work/root" -type d -name template`
PKG_CONFIG_LIBDIR=`dirname "$pc"` PKG_CONFIG_SYSROOT_DIR="$work/root"
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR

cp -R "$template" "$work/mine"
cd "$work/mine"
flags="-O1 -g -Wall -Wextra -Werror"
make -s CC="${CC:-cc}" CFLAGS="$flags"
# Only the contract's function is visible, and no symbol is missing.
visible=`nm -D --defined-only greetings.so | awk '$2 == "T" { print $3 }' | grep -v '^_'`
[ "$visible" = syncline_connector ] || { echo "greetings.so exports: $visible"; exit 1; }
make -s CC="${CC:-cc}" CFLAGS="$flags" CHECK="$SYNCLINE_BUILD/syncline-connector-check" check >"$work/log" || { cat "$work/log"; exit 1; }
tail -n 1 "$work/log"

# The same with autoconf and the SDK's macro.
if command -v autoreconf >/dev/null && command -v libtoolize >/dev/null; then
	(
		cp greetings.c autotools/
		cd autotools
		autoreconf -fi -I "`dirname "$(find "$work/root" -name syncline.m4)"`"
		./configure -q CC="${CC:-cc}"
		make -s
		printf 'one\tHello\n' >lines
		"$SYNCLINE_BUILD/syncline-connector-check" -q -s file="`pwd`/lines" .libs/greetings.so
	) >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
else
	echo "there is no autoconf and libtool here: the macro was not tried"
fi

# The checker tells when a connector breaks the contract: each of these changes is one mistake.
broken=0
try() { # name, sed expression
	mkdir "$work/$1"
	cp Makefile "$work/$1/"
	sed "$2" greetings.c > "$work/$1/greetings.c"
	if cmp -s greetings.c "$work/$1/greetings.c"; then echo "$1: the mistake was not made"; broken=1; return; fi
	(cd "$work/$1" && make -s CC="${CC:-cc}" CFLAGS="-O1 -w") || { echo "$1: doesn't compile"; broken=1; return; }
	if (cd "$work/$1" && make -s CFLAGS=-w CHECK="$SYNCLINE_BUILD/syncline-connector-check" check) >"$work/log" 2>&1; then
		echo "$1: the checker did not see it"
		broken=1
	else
		grep '^failed' "$work/log" | head -n 1
	fi
}
try help-text 's/"The file with a line for each record."/""/'
try capability 's/\.get = SYNCLINE_NATIVE,//'
try major 's/\.abi_major = SYNCLINE_ABI_MAJOR/.abi_major = 9/'
try lost-record 's/"%zu", at)/"%zu", at + 1)/'
try crash 's/const struct line \*line = find_line(&t, &id);/const struct line *line = (void *)8;/'
try limit 's/if (q.record_limit != 0 \&\&/if (0 \&\&/'
try leak 's/^	free(instance);/	(void)instance; dup(2);/'
try garbage 's/q.position.length > 0 && (syncline_to_integer/q.position.length > 0 \&\& (from = 2, 0) \&\& (syncline_to_integer/'
try no-result 's/^		results->report(results, i, &result);//'
try absent 's/if (text_value.type != SYNCLINE_TYPE_ABSENT)/if (1)/'
[ "$broken" = 0 ]
