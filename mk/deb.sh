#!/bin/sh
# deb.sh VERSION FOLDER: the Debian package, source and binary, from this tree, in FOLDER. Debian's tools want
# debian/ at the top of the source, where it is put here. WHAT=-b makes the binary package only.
set -eu
version=$1 out=$2
command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null || {
	echo 'deb: dpkg-dev and debhelper are needed: make deps-deb' >&2
	exit 1
}
# What this make was called with is not for the package.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES B DEVELOPER SANITIZE COVERAGE V DESTDIR prefix 2>/dev/null || true

changelog=packaging/debian/changelog
case $(dpkg-parsechangelog -l $changelog -S Version) in
"$version"-*) ;;
*)
	echo "deb: $changelog does not begin with version $version, which the Makefile has" >&2
	exit 1
	;;
esac
rm -rf "$out"
mkdir -p "$out"
name=svcd-$version
stamp=$(dpkg-parsechangelog -l $changelog -S Timestamp)
tar -c --exclude-vcs --exclude='./build*' --exclude=./dist --exclude=__pycache__ --exclude='./.*' \
	--exclude=./packaging/debian --sort=name --mtime="@$stamp" --owner=0 --group=0 --numeric-owner \
	--mode='u+rw,go=rX' --transform="s,^\.,$name," . | gzip -9n >"$out/svcd_$version.orig.tar.gz"
tar -C "$out" -xzf "$out/svcd_$version.orig.tar.gz"
cp -R packaging/debian "$out/$name/debian"
cd "$out/$name"
log=../build.log
# shellcheck disable=SC2086
dpkg-buildpackage -us -uc ${WHAT:-} >$log 2>&1 || {
	tail -30 $log >&2
	exit 1
}
cd ..
rm -rf "$name"
ls ./*.deb | sed "s,^\.,$out,"
