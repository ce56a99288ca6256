#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The contract's headers in every language and width that they promise, and a connector that was built before the last field of
# each struct existed.
set -eu
: "${SYNCLINE_BUILD:?}" "${SYNCLINE_SOURCE:?}"
work=`mktemp -d "${TMPDIR:-/tmp}/syncline-abi.XXXXXX"`
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
include="$SYNCLINE_SOURCE/sdk/include"

cat >"$work/all.c" <<'C'
#include <syncline/connector.h>
#include <syncline/helper.h>
int main(void) { struct syncline_value v = syncline_null(); return (int)v.length; }
C
cp "$work/all.c" "$work/all.cc"
for header in "$include"/syncline/*.h; do # each by itself
	echo "#include \"$header\"" >"$work/one.c"
	${CC:-cc} -std=c11 -pedantic-errors -Wall -Wextra -Werror -I"$include" -fsyntax-only "$work/one.c"
done
${CC:-cc} -std=c11 -pedantic-errors -Wall -Wextra -Werror -I"$include" -fsyntax-only "$work/all.c"
if ${CXX:-c++} -std=c++17 -x c++ -fsyntax-only /dev/null 2>/dev/null; then
	${CXX:-c++} -std=c++17 -pedantic-errors -Wall -Wextra -Werror -I"$include" -fsyntax-only "$work/all.cc"
else
	echo "there is no C++17 compiler: the headers were not tried as C++"
fi
# The static asserts on offsets hold for 4-byte pointers too.  A freestanding compiler has stddef.h and stdint.h for every width.
printf '#include <syncline/connector.h>\nextern int there;\nint there;\n' >"$work/narrow.c"
if echo | ${CC:-cc} -m32 -ffreestanding -fsyntax-only -x c - 2>/dev/null; then
	${CC:-cc} -m32 -ffreestanding -std=c11 -pedantic-errors -Wall -Wextra -Werror -I"$include" -fsyntax-only "$work/narrow.c"
else
	echo "this compiler has no 32-bit mode: the 32-bit offsets were not tried"
fi

# An old connector: headers that lack what is last in each struct, as if it had been appended since.
mkdir -p "$work/old/syncline"
cp "$include"/syncline/*.h "$work/old/syncline/"
chmod u+w "$work"/old/syncline/*
cut() { # file, sed expression
	sed "$2" "$work/old/syncline/$1" >"$work/cut"
	if cmp -s "$work/cut" "$work/old/syncline/$1"; then echo "$1: nothing to cut with $2"; exit 1; fi
	mv "$work/cut" "$work/old/syncline/$1"
}
cut abi.h '/char hint\[256\];/d; /syncline_error, hint, 1040/d; /sizeof(struct syncline_error) == 1296/d'
cut value.h '/const char \*label; /d; /syncline_field, label/d'
cut part.h '/uint64_t expected;/d'
cut part.h '/uint32_t (\*get)(void \*instance/,/err);/d'
cut part.h '/int64_t settle_ms;/d; /sizeof(struct syncline_capabilities) == 56/d'
cut part.h '/const struct syncline_settings \*settings; \/\* the parameters of scope object/d'
cut connector.h '/int64_t maximum;/d'
sed 's/, NULL, get };/, NULL };/; /\.get = SYNCLINE_NATIVE,/d; /state\.expected = /d; /^get(void/s/get(/unused_get(/' \
	"$SYNCLINE_SOURCE/sdk/template/greetings.c" >"$work/greetings.c"
${CC:-cc} -std=c11 -D_XOPEN_SOURCE=700 -w -O1 -fPIC -shared -I"$work/old" -o "$work/greetings.so" "$work/greetings.c" \
	"$SYNCLINE_BUILD/libsyncline-connector.a" ${SYNCLINE_TEST_LDFLAGS:-}
printf 'one\tHello\ntwo\tGuten Tag\n' >"$work/lines"
"$SYNCLINE_BUILD/syncline-connector-check" -s file="$work/lines" -o lines=lines,key=id -w 'lines:id=new-%,text=Hello' "$work/greetings.so" \
	>"$work/log" || { cat "$work/log"; exit 1; }
tail -n 1 "$work/log"
