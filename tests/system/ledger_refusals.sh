#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# ledger_refusals.sh: a ledger that can't be used as it is: a second engine, a copy, a newer one, damage, no room, no right.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
exec "$python" "$SYNCLINE_SOURCE/tests/system/ledger_refusals.py" "$@"
