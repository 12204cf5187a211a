#!/bin/sh
# coverage.sh: prints line and branch coverage of supervisord/core; fails below 95 % of branches.
#   coverage.sh BUILD
set -eu
command -v gcovr >/dev/null || { echo 'gcovr is missing: make deps-dev'; exit 1; }
# Branches that only an impossible allocation failure takes do not count (util_oom ends the process);
# unreachable ones are marked in the source with a reason.
exec gcovr --root . --object-directory "$1" --filter 'supervisord/core/' --branches \
	--exclude-unreachable-branches --exclude-throw-branches --print-summary --fail-under-branch 95
