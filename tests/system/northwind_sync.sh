#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# northwind_sync.sh: two systems kept in agreement both ways, with exports that nobody here wrote.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}" "${SYNCLINE_TEST_DATA:?}"
[ -f "$SYNCLINE_TEST_DATA/northwind/orders.csv" ] || {
	echo "skipped: no Northwind exports at $SYNCLINE_TEST_DATA/northwind (set SYNCLINE_TEST_DATA)"
	exit 77
}
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
exec "$python" "$SYNCLINE_SOURCE/tests/system/northwind_sync.py"
