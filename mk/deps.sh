#!/bin/sh
# deps.sh: installs what building and checking svcd needs, with the system's package manager.
# Silent and quick when nothing is missing. `deps.sh deps-dev` adds what only developers need,
# `deps.sh deps-kernel` what tests/kernel needs, `deps.sh deps-bench` what tests/bench compares with,
# `deps.sh deps-deb` what `make deb` needs (on Debian).
#
# As root it installs directly, otherwise through sudo; where it may not, it prints the command to
# run and ends with 1.
set -eu

# gcc, make's companions, libraries; the tests' programs: python3, nc, ps, strace, logrotate,
# mandoc, systemd-notify; the servers that tests supervise; the shells that complete svcctl's lines; ssh.
debian='gcc libc6-dev binutils musl-tools pkg-config libev-dev libyaml-dev libjansson-dev
 libsystemd-dev libcmocka-dev python3 mandoc netcat-openbsd procps util-linux strace logrotate zstd systemd
 redis-server memcached nginx-light nodejs postgresql etcd-server
 apache2-bin lighttpd haproxy php-fpm gunicorn mosquitto
 bash-completion zsh fish python3-jsonschema python3-yaml
 openssh-client openssh-server'
debian_dev='clang libclang-rt-dev clang-tidy clang-format cppcheck gcovr'
fedora='gcc glibc-devel binutils pkgconf-pkg-config libev-devel libyaml-devel jansson-devel
 systemd-devel libcmocka-devel python3 mandoc redis memcached nmap-ncat procps-ng util-linux strace
 logrotate zstd systemd'
# RHEL has not all of these; tests of a server that is not there are skipped.
fedora_servers='nginx nodejs postgresql-server etcd httpd lighttpd haproxy php-fpm python3-gunicorn mosquitto
 bash-completion zsh fish python3-jsonschema python3-pyyaml
 openssh-clients openssh-server'
fedora_dev='clang compiler-rt clang-tools-extra cppcheck gcovr'

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1 && sudo -v; then
		sudo "$@"
	else
		echo "deps: missing: $missing" >&2
		echo "deps: only root may install them; run as root:  $manual $missing" >&2
		exit 1
	fi
}

# Which of the packages are not installed.
missing_deb()
{
	for p; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null) in
		ii*) ;;
		*) printf '%s ' "$p" ;;
		esac
	done
}

missing_rpm()
{
	for p; do
		rpm -q --whatprovides "$p" >/dev/null 2>&1 || printf '%s ' "$p"
	done
}

# Debian starts a daemon when its package is installed, and at every boot from then on. The tests need the
# programs, not the system's services, so:
#  - while apt runs, a policy-rc.d refuses to start these and nothing else. That file is Debian's own interface
#    for it (invoke-rc.d(8), deb-systemd-invoke(1p)) and the only one that systemd and SysV both heed; one that
#    the administrator made is left as it is. It is removed in any case.
#  - PostgreSQL creates a cluster when it comes for the first time: not if createcluster.conf says so then.
#  - afterwards those services that were not there before are disabled, as after `systemctl disable`.
install_deb()
{
	as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 PACKAGES="$missing" sh -eu -c '
		policy=/usr/sbin/policy-rc.d made= cluster=/etc/postgresql-common/createcluster.conf no_cluster=
		services()
		{
			for s in redis-server memcached nginx lighttpd haproxy "php*-fpm" mosquitto etcd postgresql ssh supervisor monit; do
				for f in /lib/systemd/system/$s.service /usr/lib/systemd/system/$s.service /etc/init.d/$s; do
					[ ! -e "$f" ] || basename "$f" .service
				done
			done | sort -u
		}
		clean()
		{
			[ -z "$made" ] || rm -f $policy
			[ -z "$no_cluster" ] || cp /usr/share/postgresql-common/createcluster.conf $cluster ||
				rm -f $cluster
		}
		trap clean EXIT
		trap "exit 1" HUP INT TERM
		if [ ! -e $policy ] && [ ! -L $policy ]; then
			made=yes
			printf "%s\n" "#!/bin/sh" "# temporary: svcd, make deps" \
				"case \$1 in redis-server*|memcached*|nginx*|lighttpd*|haproxy*|php*-fpm*) exit 101 ;; esac" \
				"case \$1 in mosquitto*|etcd*|postgresql*|supervisor*|monit*|ssh|ssh.*) exit 101 ;; esac" "exit 0" >$policy
			chmod 755 $policy
		fi
		case " $PACKAGES " in *" postgresql "*)
			if [ ! -e $cluster ]; then
				no_cluster=yes
				mkdir -p ${cluster%/*}
				echo "create_main_cluster = false" >$cluster
			fi ;;
		esac
		before=" $(services | tr "\n" " ")"
		install="apt-get install -y --no-install-recommends $PACKAGES"
		# Package lists that are missing or out of date are the only reason to fetch them.
		apt-cache show $PACKAGES >/dev/null 2>&1 && $install || { apt-get update && $install; }
		for s in $(services); do
			case $before in *" $s "*) continue ;; esac
			if command -v systemctl >/dev/null; then
				systemctl -q disable $s || true
			else
				update-rc.d $s disable || true
			fi
		done'
}

want=$1
if [ -e /etc/debian_version ] && command -v dpkg-query >/dev/null; then
	manual='apt-get install --no-install-recommends'
	case $want in
	deps-dev) debian="$debian $debian_dev" ;;
	deps-kernel) debian='qemu-system-x86 debootstrap e2fsprogs' ;;
	deps-bench)
		debian='s6 runit daemontools supervisor monit'
		command -v npm >/dev/null || debian="$debian nodejs npm" ;;
	deps-deb) debian="$debian debhelper dpkg-dev lintian mmdebstrap rpm" ;;
	esac
	# shellcheck disable=SC2086
	missing=$(missing_deb $debian)
	[ -z "$missing" ] || install_deb
elif command -v dnf >/dev/null 2>&1; then
	manual='dnf install'
	case $want in
	deps-dev) fedora="$fedora $fedora_dev" ;;
	deps-kernel) fedora='qemu-system-x86-core debootstrap e2fsprogs' ;;
	deps-bench) fedora='s6 runit' ;;
	esac
	# shellcheck disable=SC2086
	missing=$(missing_rpm $fedora)
	# RHEL has some of them in EPEL and CRB only. musl-gcc may be missing (the shim is then larger).
	# Neither starts nor enables a daemon that is installed.
	if [ -n "$missing" ]; then
		# shellcheck disable=SC2086
		as_root dnf install -y --setopt=install_weak_deps=False $missing
		as_root dnf install -y --setopt=install_weak_deps=False musl-gcc ||
			echo 'deps: no musl-gcc here; svc-shim is linked with the C library' >&2
		for p in $fedora_servers; do
			as_root dnf install -y --setopt=install_weak_deps=False "$p" ||
				echo "deps: no $p here; tests that need it are skipped" >&2
		done
	fi
else
	echo "deps: neither apt-get nor dnf here; install what these packages of Debian hold:" >&2
	echo "$debian" >&2
	exit 1
fi
