#!/bin/sh
# check_examples.sh: every example definition is valid.
#   check_examples.sh SVCCTL
set -u
failed=0 found=0
for f in conf/examples/*.yaml conf/demo/*.yaml; do
	[ -e "$f" ] || continue
	found=$((found + 1))
	"$1" check "$f" || { echo "$f: svcctl check fails"; failed=1; }
done
[ $found -ge 7 ] || { echo "only $found examples"; exit 1; }
exit $failed
