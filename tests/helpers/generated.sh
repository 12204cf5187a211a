#!/bin/sh
# generated.sh: the committed files that come from the tables (settings.def, account.def, commands.def).
#   generated.sh write GEN     writes them
#   generated.sh check GEN     fails when one differs from what the tables say now
set -eu
mode=$1 gen=$2 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Tables that are spliced into a manual page, between `.\" BEGIN NAME` and `.\" END NAME`.
splice()
{
	awk -v name="$2" -v from="$3" '
		$0 == ".\\\" BEGIN " name { print; while ((getline line < from) > 0) print line; skip = 1; found = 1; next }
		$0 == ".\\\" END " name { skip = 0 }
		!skip { print }
		END { if (!found || skip) exit 1 }' "$1" || {
		echo "$1: no lines \"BEGIN $2\" and \"END $2\"" >&2
		exit 1
	}
}

take()
{
	if [ "$mode" = write ]; then
		cmp -s "$2" "$1" || { cat "$2" >"$1" && echo "$1"; }
	elif ! diff -u "$1" "$2" >"$tmp/diff" 2>&1; then
		echo "$1 is not what the tables say: make gen"
		head -40 "$tmp/diff"
		failed=1
	fi
}

page()
{
	"$gen" "$2" >"$tmp/table"
	splice "$1" "$2" "$tmp/table" >"$tmp/page"
	take "$1" "$tmp/page"
}

file()
{
	"$gen" "$2" >"$tmp/file"
	take "$1" "$tmp/file"
}

# Scripts of shells as C strings.
completions()
{
	echo '/* completion_scripts.c: packaging/completions/ as text. Generated (make gen); do not edit. */'
	echo '#include "ctl/completion_scripts.h"'
	printf '\n/* clang-format off */\n'
	for pair in bash=svcctl.bash zsh=_svcctl fish=svcctl.fish; do
		printf '\nconst char completion_%s[] =\n' "${pair%%=*}"
		sed 's/[\\"]/\\&/g; s/	/\\t/g; s/.*/    "&\\n"/; $s/$/;/' "packaging/completions/${pair#*=}"
	done
}

page man/services.yaml.5 man-settings
page man/services.yaml.5 man-account
page man/svcd.8 man-policy
page man/svcctl.1 man-commands
page man/svcctl.1 man-options
file conf/services.schema.json schema
file conf/policy.schema.json schema-policy
file conf/services.sample.yaml sample
file common/conf_sample.c sample-c
python3 -B conf/json/generate.py "$mode" || failed=1
completions >"$tmp/completions"
take ctl/completion_scripts.c "$tmp/completions"
exit $failed
