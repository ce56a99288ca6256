#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# handed.sh: what people enter at a target that is told whole rows in files.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
exec "$python" "$SYNCLINE_SOURCE/tests/system/handed.py" "$@"
