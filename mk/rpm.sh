#!/bin/sh
# rpm.sh VERSION FOLDER: the RPM, source and binary, from this tree, in FOLDER. Where rpmbuild is not Fedora's (Debian has
# it, too) the places of systemd's units are given here, and what must be installed, which goes by Fedora's names, is not
# asked. WHAT=-bb makes the binary package only.
set -eu
version=$1 out=$2
command -v rpmbuild >/dev/null || {
	echo 'rpm: rpmbuild is needed, of the package rpm-build (Debian: rpm)' >&2
	exit 1
}
# What this make was called with is not for the package.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES B DEVELOPER SANITIZE COVERAGE V DESTDIR prefix 2>/dev/null || true

spec=packaging/rpm/svcd.spec
grep -qx "Version: *$version" $spec || {
	echo "rpm: $spec is not of version $version, which the Makefile has" >&2
	exit 1
}
rm -rf "$out"
mkdir -p "$out/SOURCES"
out=$(cd "$out" && pwd)
tar -c --exclude-vcs --exclude='./build*' --exclude=./dist --exclude=__pycache__ --exclude='./.*' --sort=name \
	--owner=0 --group=0 --numeric-owner --mode='u+rw,go=rX' --transform="s,^\.,svcd-$version," . |
	gzip -9n >"$out/SOURCES/svcd-$version.tar.gz"
set -- --define "_topdir $out"
for place in unitdir:/usr/lib/systemd/system userunitdir:/usr/lib/systemd/user docdir:/usr/share/doc; do
	[ "$(rpm -E "%{?_${place%%:*}}")" ] || set -- "$@" --define "_${place%%:*} ${place#*:}"
done
[ ! -e /etc/debian_version ] || set -- "$@" --nodeps
rpmbuild "${WHAT:--ba}" --clean "$@" $spec >"$out/build.log" 2>&1 || {
	tail -30 "$out/build.log" >&2
	exit 1
}
find "$out" -name '*.rpm'
