#!/bin/sh
# boot.sh TREE BOOT_ID: makes TREE the root of namespaces in which this is already process 1 (unshare -mpuinC --fork), and
# becomes its systemd. BOOT_ID is a file with the id that this boot has.
set -e
root=$1 boot_id=$2
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
hostname svcd-system
mount -t proc -o nosuid,noexec,nodev proc proc
mount --bind "$boot_id" proc/sys/kernel/random/boot_id
mount -t sysfs -o ro,nosuid,noexec,nodev sysfs sys
mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for n in null zero full random urandom tty; do
	: >dev/$n
	mount --bind /dev/$n dev/$n
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mkdir -p .old
pivot_root . .old
exec chroot . /bin/sh -c 'umount -l /.old && exec env -i container=svcd-system \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd'
