#!/bin/sh
# check_man.sh: `mandoc -T lint` has nothing to say about any page of the folder.
#   check_man.sh FOLDER
set -u
failed=0 found=0
command -v mandoc >/dev/null || { echo 'mandoc is missing: make deps'; exit 1; }
for page in "$1"/*.[1-8]; do
	[ -e "$page" ] || continue
	found=1
	# These remarks are about mandoc's own surroundings: pages that this machine has not installed, or not
	# indexed, and a system that is not BSD.
	said=$(mandoc -T lint -W style "$page" 2>&1 | grep -v -e 'referenced manual not found' \
		-e 'operating system explicitly specified' -e 'outdated mandoc.db')
	[ -z "$said" ] || { echo "$said"; failed=1; }
done
[ $found = 1 ] || { echo "no manual page in $1"; exit 1; }
exit $failed
