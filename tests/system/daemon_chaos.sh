#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# daemon_chaos.sh [SEED KILLS]: synclined and its connectors' processes killed while everything around them fails.
set -eu
: "${SYNCLINE_SOURCE:?}" "${SYNCLINE_BUILD:?}" "${SYNCLINE_CONNECTORS:?}" "${SYNCLINE_HOST:?}"
# The system's Python: another one may come first in PATH without sqlite3.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
[ $# -gt 0 ] || set -- "$$" "$((25 * ${SYNCLINE_LONG:-1}))"
# A small disk is mounted where nobody else sees it, and goes with this process.
for way in "unshare --mount" "unshare --mount --map-root-user"; do
	if $way mount -t tmpfs none /mnt 2>/dev/null; then
		CHAOS_MAY_MOUNT=1
		export CHAOS_MAY_MOUNT
		exec $way "$python" "$SYNCLINE_SOURCE/tests/system/daemon_chaos.py" "$@"
	fi
done
exec "$python" "$SYNCLINE_SOURCE/tests/system/daemon_chaos.py" "$@"
