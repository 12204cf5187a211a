#!/bin/sh
# base.sh FOLDER: a Debian 12 with systemd and what svcd's package depends on, in FOLDER/tree; made once and kept. As root,
# from Debian's archive.
set -eu
folder=$1
mirror=${MIRROR:-http://deb.debian.org/debian}
packages=systemd,systemd-sysv,dbus,libpam-systemd,procps,libev4,libyaml-0-2,libjansson4,libsystemd0,sensible-utils,zstd,runit,s6,openrc

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
[ ! -e "$folder/tree.done.4" ] || exit 0
rm -rf "$folder/tree"
if command -v mmdebstrap >/dev/null; then
	mmdebstrap --mode=root --variant=minbase --include="$packages" bookworm "$folder/tree" "$mirror"
else
	debootstrap --variant=minbase --include="$packages" bookworm "$folder/tree" "$mirror"
fi >"$folder/log" 2>&1 || {
	tail -5 "$folder/log" >&2
	exit 1
}
# Nothing that waits for hardware, and nothing that comes from the network.
for unit in getty@tty1.service console-getty.service apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service \
	systemd-timesyncd.service systemd-networkd.service; do
	ln -sf /dev/null "$folder/tree/etc/systemd/system/$unit"
done
rm -f "$folder/tree/usr/sbin/policy-rc.d" "$folder/tree/etc/resolv.conf"
rm -rf "$folder/tree/var/cache/apt/archives" "$folder/tree/var/lib/apt/lists"
mkdir -p "$folder/tree/var/cache/apt/archives/partial" "$folder/tree/var/lib/apt/lists/partial"
touch "$folder/tree.done.4"
