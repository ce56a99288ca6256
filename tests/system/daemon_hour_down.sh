#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# daemon_hour_down.sh [SEED]: a target does not answer for a simulated hour.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
[ -r /proc/self/status ] || { echo "skipped: no /proc, where a process's memory is told"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
[ $# -gt 0 ] || set -- "$$"
exec "$python" "$SYNCLINE_SOURCE/tests/system/daemon_hour_down.py" "$@"
