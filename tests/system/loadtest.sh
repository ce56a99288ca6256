#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# loadtest.sh: `syncline loadtest`: its figures, its refusals, and that nothing of it stays.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
exec "$python" "$SYNCLINE_SOURCE/tests/system/loadtest.py" "$@"
