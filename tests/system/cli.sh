#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# cli.sh: every verb of the command, as a user starts it, and what it does on a terminal.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
"$python" "$SYNCLINE_SOURCE/tests/system/cli.py"
"$python" "$SYNCLINE_SOURCE/tests/system/cli_terminal.py"
"$python" "$SYNCLINE_SOURCE/tests/system/cli_ledger.py"
