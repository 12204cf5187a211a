#!/bin/sh
# check_headers.sh: each header compiles alone, whatever was included before it.
#   check_headers.sh 'CC FLAGS' HEADER...
set -u
cc=$1 failed=0
shift
for h; do
	printf .  # a sign of life: there are many of them
	# Twice: the guard is tried too.
	# shellcheck disable=SC2086
	printf '#include "%s"\n#include "%s"\n' "$h" "$h" | $cc -Wno-unused -fsyntax-only -x c - || {
		echo " $h does not compile alone"
		failed=1
	}
done
echo
exit $failed
