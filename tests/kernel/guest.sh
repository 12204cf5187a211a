#!/bin/sh
# guest.sh: inside the machine, as root under systemd: runs the tests, as root and as an unprivileged user,
# and says at the end how many have failed. Its unit switches the machine off afterwards.
cd /stage
slower=$(cat slower)
wanted=$(cat wanted)
failed=0
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 SVCD_TEST_SLOWER="$slower"
echo "kernel: $(uname -r), systemd $(systemctl --version | head -1 | cut -d' ' -f2)"

# The unit's own folder is for the tests; whoever runs them must not sit in it himself.
base=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$base/runner"
echo 0 >"$base/runner/cgroup.procs"
echo '+memory +pids +cpu' >"$base/cgroup.subtree_control"

mkdir -p /usr/local/bin /usr/local/libexec/svcd
cp build/svcd build/svcctl /usr/local/bin/
cp build/svc-shim /usr/local/libexec/svcd/
cp units/svcd@.service /etc/systemd/system/
mkdir -p /etc/systemd/user
cp units/svcd.service /etc/systemd/user/
systemctl daemon-reload

part()
{
	echo "kernel: $1"
	shift
	"$@" || failed=$((failed + 1))
}

case " $wanted " in
*' all '*) files= ;;
'  ') files='test_crash test_tree test_escape test_orphans test_shim_lost test_shim_tree test_shim_cgroup test_cgroup test_memory' ;;
*) files=$wanted ;;
esac
for f in $files; do
	[ -e "tests/blackbox/${f%%::*}.py" ] || files=$(echo " $files " | sed "s/ $f / /")
done

case " $wanted " in
*' blackbox-only '*) ;;
*) part 'under systemd' python3 tests/helpers/pyrun.py tests/kernel/test_systemd.py ;;
esac
# shellcheck disable=SC2086
part "black-box tests as root and as nobody: ${files:-all}" env SVCD_TEST_CGROUP="$base" \
	python3 tests/helpers/runner.py --build build --results /tmp/results --jobs 2 blackbox $files

# As a user to whom systemd has given a folder, with nothing of root's.
cat >/tmp/user.sh <<'USER'
base=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$base/runner"
echo 0 >"$base/runner/cgroup.procs"
echo '+memory +pids +cpu' >"$base/cgroup.subtree_control"
cd /stage
SVCD_TEST_CGROUP=$base exec python3 tests/helpers/runner.py --build build --results /tmp/results-user \
	blackbox test_cgroup test_shim_cgroup
USER
part 'with a delegated folder, as svcuser' systemd-run --quiet --pipe --wait -p User=svcuser -p Delegate=yes \
	-p OOMPolicy=continue -E PYTHONDONTWRITEBYTECODE=1 -E LC_ALL=C.UTF-8 -E SVCD_TEST_SLOWER="$slower" \
	/bin/sh /tmp/user.sh
echo "kernel: done, $failed failed"
sync
