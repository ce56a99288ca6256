#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# model.sh [--seeds A-B] …: random edits on all sides against a slow, simple model of the rules; see model.py.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
if [ $# -eq 0 ] && [ -z "${SYNCLINE_LONG:-}" ] && [ -n "${SYNCLINE_SHORT:-}" ]; then
	set -- --seeds 1-75
elif [ $# -eq 0 ] && [ -n "${SYNCLINE_LONG:-}" ]; then
	set -- --seeds 1-3000 --bundle 25 --rounds 12
fi
exec "$python" "$SYNCLINE_SOURCE/tests/system/model.py" "$@"
