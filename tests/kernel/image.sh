#!/bin/sh
# image.sh FOLDER: a disk image of Debian 12 with its own kernel, systemd and what the tests need, made once and
# kept in FOLDER. Root only (debootstrap, chroot); what it takes from the network comes from Debian's archive.
#
# FOLDER/disk.ext4, FOLDER/vmlinuz and FOLDER/initrd.img are the result; FOLDER/tree can be deleted.
set -eu

folder=$1
mirror=${MIRROR:-http://deb.debian.org/debian}
packages=systemd,systemd-sysv,dbus,libpam-systemd,udev,python3,libev4,libyaml-0-2,libjansson4,libsystemd0
packages=$packages,redis-server,memcached,netcat-openbsd,procps,util-linux,linux-image-cloud-amd64,initramfs-tools

[ "$(id -u)" = 0 ] || { echo "kernel: only root can make the image" >&2; exit 1; }
mkdir -p "$folder"
tree=$folder/tree

if [ ! -e "$folder/tree.done" ]; then
	rm -rf "$tree"
	debootstrap --variant=minbase --include="$packages" bookworm "$tree" "$mirror" >"$folder/debootstrap.log" 2>&1 ||
		{ tail -5 "$folder/debootstrap.log" >&2; exit 1; }
	touch "$folder/tree.done"
fi

# Everything that a boot does here is to run /stage/tests/kernel/guest.sh, which ends with a power-off.
echo svcd-kernel >"$tree/etc/hostname"
echo '127.0.0.1 localhost svcd-kernel' >"$tree/etc/hosts"
echo 'LABEL=stage /stage ext4 ro 0 0' >"$tree/etc/fstab"
mkdir -p "$tree/stage"
cat >"$tree/etc/systemd/system/svcd-tests.service" <<UNIT
[Unit]
Description=the tests
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /stage/tests/kernel/guest.sh
ExecStopPost=/bin/systemctl poweroff --force --force
StandardOutput=file:/dev/ttyS1
StandardError=file:/dev/ttyS1
Delegate=yes
TimeoutStartSec=infinity
TasksMax=infinity
OOMPolicy=continue
UNIT
ln -sf /etc/systemd/system/svcd-tests.service "$tree/etc/systemd/system/multi-user.target.wants/"
for unit in redis-server memcached apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd getty@tty1; do
	rm -f "$tree"/etc/systemd/system/*.wants/$unit*
done
grep -q '^svcuser:' "$tree/etc/passwd" || {
	echo 'svcuser:x:1500:1500::/home/svcuser:/bin/sh' >>"$tree/etc/passwd"
	echo 'svcuser:x:1500:' >>"$tree/etc/group"
	echo 'svcuser:!:19000::::::' >>"$tree/etc/shadow"
}
mkdir -p "$tree/home/svcuser" "$tree/var/lib/systemd/linger"
chown 1500:1500 "$tree/home/svcuser"
chmod 700 "$tree/home/svcuser"
touch "$tree/var/lib/systemd/linger/svcuser"
cp "$tree"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$tree"/boot/initrd.img-* "$folder/initrd.img"
rm -f "$folder/disk.ext4"
mke2fs -q -t ext4 -d "$tree" "$folder/disk.ext4" 4G
