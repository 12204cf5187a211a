#!/bin/sh
# run.sh BUILD FOLDER [FILE...]: boots the image of image.sh with the programs of BUILD and these tests, and
# shows what they say. FILEs are black-box tests (all of them with "all"); without any, those that are about
# what differs between kernels. Ends with 0 if nothing failed.
#
# qemu without KVM, so it is slow: SLOWER (default 6) multiplies every limit of the tests.
set -eu

build=$1 folder=$2
shift 2
here=$(dirname "$0")
top=$(cd "$here/../.." && pwd)
[ -e "$folder/disk.ext4" ] || sh "$here/image.sh" "$folder"

work=$(mktemp -d "${TMPDIR:-/tmp}/svcd-kernel-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
stage=$work/stage
mkdir -p "$stage/build/tests" "$stage/units"
cp "$build/svcd" "$build/svcctl" "$build/svc-shim" "$stage/build/"
cp -R "$build/tests/helpers" "$stage/build/tests/" 2>/dev/null || true
cp -R "$top/tests" "$top/conf" "$stage/"
rm -rf "$stage/tests/fuzz" "$stage/tests/golden" "$stage/tests/unit"
make -s -C "$top" install-units UNITS="$stage/units" prefix=/usr/local SYSTEMD=252
echo "$*" >"$stage/wanted"
echo "${SLOWER:-6}" >"$stage/slower"
chmod -R go+rX "$stage"
mke2fs -q -t ext4 -L stage -d "$stage" "$work/stage.ext4" "$(($(du -sm "$stage" | cut -f1) + 32))M"

qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "${CPUS:-2}" -m "${MEMORY:-2048}" \
	-nodefaults -no-reboot -display none \
	-kernel "$folder/vmlinuz" -initrd "$folder/initrd.img" \
	-append 'root=/dev/vda rw quiet systemd.show_status=0 panic=-1 console=ttyS0' \
	-drive "file=$folder/disk.ext4,format=raw,if=virtio,snapshot=on" \
	-drive "file=$work/stage.ext4,format=raw,if=virtio,snapshot=on" \
	-serial "file:$work/console" -serial "file:$work/said" &
qemu=$!
trap 'kill $qemu 2>/dev/null || true; rm -rf "$work"' EXIT
tail -n +1 -F --pid=$qemu "$work/said" 2>/dev/null || true
wait $qemu || true
[ -z "${KEEP:-}" ] || cp "$work/said" "$work/console" "$KEEP"
if ! grep -q '^kernel: done' "$work/said"; then
	echo 'kernel: it did not come to its end; the last of its console:'
	tail -20 "$work/console"
	exit 1
fi
grep -q '^kernel: done, 0 failed' "$work/said"
