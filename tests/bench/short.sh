#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# short.sh: the benches of the agent as a service work: each with so little to do that its figures say nothing.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
[ -r /proc/self/status ] && [ -r /proc/self/smaps_rollup ] || { echo "skipped: no /proc to measure by"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
"$python" "$SYNCLINE_SOURCE/tests/bench/latency.py" 50 2
"$python" "$SYNCLINE_SOURCE/tests/bench/idle.py" 21 2 2
"$python" "$SYNCLINE_SOURCE/tests/bench/care.py" 20000 50 2
