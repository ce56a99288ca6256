#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# daemon_kills.sh [SEED KILLS]: synclined and its connectors' processes killed at any moment.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
[ $# -gt 0 ] || set -- "$$" "$((8 * ${SYNCLINE_LONG:-1}))"
exec "$python" "$SYNCLINE_SOURCE/tests/system/daemon_kills.py" "$@"
