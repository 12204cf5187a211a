#!/bin/sh
# demo.sh: `make run`. Runs svcd in the foreground on a scratch account with conf/demo/services.yaml,
# shows what it does, and goes on until Ctrl-C. With DEMO_EXIT=1, or without a terminal, it ends after
# the show.
#   demo.sh BUILD
set -eu
bin=$(cd "$1" && pwd)
PATH=$bin:$PATH
HOME=$(mktemp -d "${TMPDIR:-/tmp}/svcd-demo-XXXXXX")
export HOME PATH
unset SVCD_ROOT SVCD_RUNTIME_DIR
root=$HOME/admin
svcd=
[ -t 1 ] || DEMO_EXIT=1

tail=
finish()
{
	trap - EXIT HUP INT TERM
	[ -z "$tail" ] || kill "$tail" 2>/dev/null || true
	if [ -n "$svcd" ]; then
		printf '\n== The end: svcd stops every service in order, then itself.\n'
		kill -TERM "$svcd" 2>/dev/null || true
		wait "$svcd" 2>/dev/null || true
	fi
	rm -rf "$HOME"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

say()
{
	printf '\n== %s\n' "$1"
}

# Shows a command and runs it. svcctl's exit status says whether all is running, which is no error here.
try()
{
	printf '$ %s\n' "$*"
	"$@" || true
}

# until LIMIT-IN-TENTHS CONDITION...: the demo must not hang, whatever happens.
until_true()
{
	left=$1
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || {
			echo "make run: gave up waiting for: $*" >&2
			cat "$HOME/svcd.out" >&2
			exit 1
		}
		sleep 0.1
	done
}

pid_of()
{
	svcctl --json status "$1" | tr ',' '\n' | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' | head -n 1
}

ended_with_3()
{
	svcctl logs fragile -n all | grep -q 'code=3'
}

another_pid()
{
	now=$(pid_of ticker)
	[ -n "$now" ] && [ "$now" != "$1" ]
}

(umask 077 && mkdir -p "$root/config")
(umask 077 && cat conf/demo/services.yaml >"$root/config/services.yaml")

say "svcd supervises four small programs; their definitions are in conf/demo/services.yaml.
   ROOT is $root, as it would be in your home directory."
svcd 2>>"$HOME/svcd.out" &
svcd=$!
until_true 200 svcctl wait ticker fragile store worker --timeout 5s
try svcctl status

say "\"ticker\" is killed with kill -9. It ran longer than restart.delay, so a new run starts at once."
until_true 100 grep -q 'tick 1' "$root/logs/services/ticker.log"
old=$(pid_of ticker)
printf '$ kill -9 %s\n' "$old"
kill -9 "$old"
until_true 100 another_pid "$old"
try svcctl logs ticker -n 5

say "\"fragile\" crashes by itself. The end of a run is kept with its exit code, and why."
until_true 200 ended_with_3
try svcctl status fragile

say "\"store\" loses the file that its monitoring command looks for: that is a failure, and a new run."
rm -f "$HOME/store.ok"
until_true 200 grep -q 'monitoring failed' "$root/logs/services/store.log"
until_true 100 svcctl wait store --timeout 5s
try svcctl logs store -n 6

say "A restart is a SIGHUP; a program that does not reload itself on it gets a new run."
try svcctl restart ticker
try svcctl status

if [ -n "${DEMO_EXIT:-}" ]; then
	exit 0
fi
say "svcd goes on until Ctrl-C. Try it from another terminal:
     export PATH=$bin:\$PATH SVCD_ROOT=$root
     svcctl status
     svcctl logs -f ticker
     svcctl stop store           (worker, which requires it, stops first)
     kill -9 $svcd               (svcd itself: its services do not notice)
   What svcd says from here on:
"
tail -n 0 -f "$HOME/svcd.out" &
tail=$!
# Ended with 0 it was asked to stop. Otherwise somebody tried the last line: as an init system would,
# start it again, and it takes its services over.
until wait "$svcd"; do
	say "svcd is gone; a new one takes the services over."
	svcd 2>>"$HOME/svcd.out" &
	svcd=$!
	until_true 100 svcctl wait ticker --timeout 5s
	try svcctl status
done
kill "$tail" 2>/dev/null || true
svcd=
