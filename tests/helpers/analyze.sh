#!/bin/sh
# analyze.sh: static analysis, clean or it fails. `make deps-dev` installs what it needs.
#   analyze.sh CC 'FLAGS' SOURCE...
set -u
cc=$1 flags=$2 failed=0
shift 2
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

# gcc -fanalyzer follows paths through functions: leaks, double close and free, use after free, NULL. It
# knows the cleanup attributes. At -O2 it sees the code after inlining, which is what it was made for.
# Exceptions, each a false alarm:
#   common/util.c  leak: a string is stored in a list whose array was just grown; gcc 12 takes the new
#                  array for one that nobody else sees
echo "gcc -fanalyzer"
for f; do
	case $f in
	common/util.c) except=-Wno-analyzer-malloc-leak ;;
	*) except= ;;
	esac
	eval "$cc -std=gnu11 -O2 $flags -fanalyzer -Wall -Wextra $except -c -o /dev/null $f" 2>"$out" ||
		failed=1
	[ ! -s "$out" ] || { cat "$out"; failed=1; }
done

# cppcheck: what may be an error (warning), is slow for no reason (performance), or depends on the machine
# (portability). Style is clang-format's and the reviewers' business. It does not read system headers.
# Exceptions, each a false alarm:
#   machine.h  comments with commas inside the rows of an X-macro are counted as arguments
#   plan.c     of a service and a definition one may be missing, never both
#   log.c      a buffer that the function itself has just filled
if command -v cppcheck >/dev/null; then
	echo "cppcheck"
	cppcheck --quiet --std=c11 --language=c -I. -D_GNU_SOURCE -DSVCD_VERSION='""' \
		-DSVCD_LIBEXECDIR='""' -DSVCD_DATADIR='""' \
		--enable=warning,performance,portability --inline-suppr \
		--suppress=missingInclude --suppress=missingIncludeSystem --suppress=unknownMacro \
		--suppress=normalCheckLevelMaxBranches \
		--suppress=preprocessorErrorDirective:supervisord/core/machine.h \
		--suppress=nullPointerRedundantCheck:supervisord/core/plan.c \
		--suppress=ctunullpointer:supervisord/core/plan.c --suppress=uninitvar:shim/log.c \
		--error-exitcode=1 "$@" || failed=1
else
	echo "cppcheck is missing: make deps-dev"
	failed=1
fi

# clang-tidy: the families bugprone and cert. Following paths is gcc's part here: clang 14 does that
# without knowing cleanup attributes, and takes vfork for a mistake. Left out of the two families:
#   easily-swappable-parameters, reserved-identifier, assignment-in-if-condition, narrowing-conversions:
#     matters of style
#   branch-clone: state tables say the same in two cells on purpose
#   macro-parentheses: X-macro rows paste types and members
#   sizeof-expression: arrays of pointers are what is meant
#   implicit-widening-of-multiplication-result: constants such as 1024 * 1024
#   cert-err33-c, cert-err34-c: the result of printf; atoi on what the kernel wrote
#   cert-dcl37-c, cert-dcl51-cpp: names with an underscore, as the cleanup attributes have
#   cert-env33-c: running programs is what this one is for
if command -v clang-tidy >/dev/null; then
	echo "clang-tidy"
	checks='-*,bugprone-*,cert-*'
	for off in bugprone-easily-swappable-parameters bugprone-reserved-identifier \
		bugprone-assignment-in-if-condition bugprone-narrowing-conversions bugprone-branch-clone \
		bugprone-macro-parentheses bugprone-sizeof-expression \
		bugprone-implicit-widening-of-multiplication-result cert-err33-c cert-err34-c cert-dcl37-c \
		cert-dcl51-cpp cert-env33-c; do
		checks=$checks,-$off
	done
	files=$*
	eval "clang-tidy --quiet --warnings-as-errors='*' --checks='$checks' $files -- -std=gnu11 $flags" \
		2>"$out" || { cat "$out"; failed=1; }
else
	echo "clang-tidy is missing: make deps-dev"
	failed=1
fi
[ $failed = 1 ] || echo "analyze: clean"
exit $failed
