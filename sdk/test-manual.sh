#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The manual page names everything that the headers define: constants, structs, part and service ids, and the helpers.
set -eu
: "${SYNCLINE_SOURCE:?}"
page="$SYNCLINE_SOURCE/sdk/syncline-connector.3"
headers="$SYNCLINE_SOURCE/sdk/include/syncline"
missing=0
want() { # what, names
	for name in $2; do
		grep -qE "(^|[^A-Za-z0-9_/])$name([^A-Za-z0-9_]|\$)" "$page" || { echo "$1 $name is not in syncline-connector(3)"; missing=1; }
	done
}
contract="$headers/abi.h $headers/value.h $headers/service.h $headers/part.h $headers/connector.h"
# shellcheck disable=SC2086
{
	want constant "`sed -n 's/^#define \(SYNCLINE_[A-Z0-9_]*\).*/\1/p' $contract | grep -v '_H$' | sort -u`"
	want struct "`grep -ohE 'struct syncline_[a-z0-9_]+' $contract | sed 's/struct //' | sort -u`"
	want id "`grep -ohE '\"[a-z]+/1\"' $contract | tr -d '"' | sort -u`"
}
want function "`grep -oE '\bsyncline_[a-z0-9_]+\(' "$headers/helper.h" | tr -d '(' | sort -u`"
[ "$missing" = 0 ]
