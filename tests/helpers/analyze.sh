#!/bin/sh
# analyze.sh: static analysis, clean or it fails.
#   analyze.sh CC 'FLAGS' SOURCE...
#
# gcc -fanalyzer follows paths through a function and what it calls in the same file: leaks, double
# close and free, NULL. cppcheck and clang-tidy look for what needs no path. What is switched off:
#   -Wanalyzer-malloc-leak in files whose objects live in libev's or a list's hands is not switched
#   off: a leak there is a finding. See SUPPRESSED below for single exceptions, with their reasons.
set -u
cc=$1 flags=$2 failed=0
shift 2
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

echo "gcc -fanalyzer"
for f; do
	# At -O2 the analyzer sees the code after inlining, which is what it was made for.
	eval "$cc -std=gnu11 -O2 $flags -fanalyzer -Wall -Wextra -c -o /dev/null $f" 2>"$out" || failed=1
	[ ! -s "$out" ] || { cat "$out"; failed=1; }
done

if command -v cppcheck >/dev/null; then
	echo "cppcheck"
	# warning, performance and portability: what may be an error. "style" is clang-format's and the
	# reviewers' business. Macros are taken as they are; system headers are not parsed, which is why
	# missing ones and unknown macros are no finding.
	# shellcheck disable=SC2086
	cppcheck --quiet --std=c11 --language=c -I. -D_GNU_SOURCE -DSVCD_VERSION='""' \
		-DSVCD_LIBEXECDIR='""' -DSVCD_DATADIR='""' \
		--enable=warning,performance,portability --inline-suppr \
		--suppress=missingInclude --suppress=missingIncludeSystem --suppress=unknownMacro \
		--suppress=normalCheckLevelMaxBranches --suppress='*:*.def' \
		--error-exitcode=1 "$@" || failed=1
else
	echo "cppcheck is missing (make deps-dev)"
	failed=1
fi

if command -v clang-tidy >/dev/null; then
	echo "clang-tidy"
	# bugprone, clang's own analyzer and cert, without:
	#   easily-swappable-parameters, reserved-identifier, assignment-in-if-condition,
	#   narrowing-conversions, multi-level-implicit-pointer-conversion: matters of style
	#   DeprecatedOrUnsafeBufferHandling: asks for memcpy_s, which no C library here has
	#   cert-err33-c, cert-err34-c, cert-dcl37-c, cert-dcl51-cpp: printf's result; same as above
	#   bugprone-branch-clone: state tables say the same in two cells on purpose
	#   bugprone-macro-parentheses: X-macro rows paste types and members
	files=$*
	eval "clang-tidy --quiet --warnings-as-errors='*' --checks='-*,bugprone-*,clang-analyzer-*,cert-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-assignment-in-if-condition,-bugprone-narrowing-conversions,-bugprone-branch-clone,-bugprone-macro-parentheses,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-cert-err33-c,-cert-err34-c,-cert-dcl37-c,-cert-dcl51-cpp' \
		$files -- -std=gnu11 $flags" 2>"$out" || { cat "$out"; failed=1; }
fi
[ $failed = 0 ] && echo "analyze: clean"
exit $failed
