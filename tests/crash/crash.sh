#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# crash.sh: starts crash.py: "short" (make check) when nothing is said.  SYNCLINE_CRASH_SEED repeats a sample.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}"
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
[ $# -gt 0 ] || set -- short ${SYNCLINE_CRASH_SEED:+"$SYNCLINE_CRASH_SEED"}
PYTHONDONTWRITEBYTECODE=1 exec "$python" "$SYNCLINE_SOURCE/tests/crash/crash.py" "$@"
