# install.mk: install, uninstall, dist, deps, run, help.

DEMO_EXIT ?=
EXAMPLES := $(wildcard conf/examples/*.yaml)
# The units of accounts' own systemds; unitdir is for the system's.
userunitdir ?= $(prefix)/lib/systemd/user
USER_UNITS   := packaging/systemd/svcd.service
SYSTEM_UNITS := $(filter-out $(USER_UNITS),$(wildcard packaging/systemd/*.service))
# For what is not systemd: to be copied from the examples.
INIT_FILES := openrc/svcd runit/svcd/run runit/svcd/log/run s6/svcd/run s6/svcd/timeout-kill cron/crontab.example
MAN1 := $(wildcard man/*.1)
MAN5 := $(wildcard man/*.5)
MAN7 := $(wildcard man/*.7)
MAN8 := $(wildcard man/*.8)

# From systemd 253 on `systemctl reload` waits by itself until svcd has reloaded; before that svcctl does it.
SYSTEMD ?= $(firstword $(subst ., ,$(shell $(PKG_CONFIG) --modversion libsystemd 2>/dev/null)) 252)
NOTIFY_RELOAD = $(shell [ '$(SYSTEMD)' -ge 253 ] 2>/dev/null && echo yes)
UNIT_TYPE     = $(if $(NOTIFY_RELOAD),notify-reload,notify)
UNIT_RELOAD   = $(if $(NOTIFY_RELOAD),/^@reload@$$/d,s|^@reload@$$|ExecReload=$(bindir)/svcctl --quiet reload|)
# Units $(1) into the folder $(2), with the programs' place, and what this systemd knows, filled in.
install_units = for u in $(1); do sed 's|@bindir@|$(bindir)|g; s|@type@|$(UNIT_TYPE)|; $(UNIT_RELOAD)' $$u \
	> $(2)/$${u\#\#*/} && chmod 644 $(2)/$${u\#\#*/} || exit; done

.PHONY: install install-units uninstall dist deb rpm deps deps-dev deps-deb deps-kernel run help
install: all
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(shimdir) $(DESTDIR)$(pkgdatadir) \
		$(DESTDIR)$(docdir)/examples $(DESTDIR)$(unitdir) $(DESTDIR)$(userunitdir) \
		$(DESTDIR)$(bashcompdir) $(DESTDIR)$(zshcompdir) $(DESTDIR)$(fishcompdir) \
		$(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(mandir)/man7 $(DESTDIR)$(mandir)/man8
	$(INSTALL) -m 755 $(B)/svcd $(B)/svcctl $(DESTDIR)$(bindir)
	$(INSTALL) -m 755 $(B)/svc-shim packaging/stop-all $(DESTDIR)$(shimdir)
	$(INSTALL) -m 644 conf/org.svcd.Supervisor.varlink $(wildcard conf/*.json) \
		$(DESTDIR)$(pkgdatadir)
	$(INSTALL) -d $(DESTDIR)$(pkgdatadir)/json
	$(INSTALL) -m 644 $(wildcard conf/json/*.schema.json) $(DESTDIR)$(pkgdatadir)/json
	$(INSTALL) -m 644 README.md LICENSE $(DESTDIR)$(docdir)
	$(INSTALL) -m 644 $(EXAMPLES) $(DESTDIR)$(docdir)/examples
	for f in $(INIT_FILES); do to=$(DESTDIR)$(docdir)/examples/$$f; $(INSTALL) -d $${to%/*} && \
		sed 's|@bindir@|$(bindir)|g' packaging/$$f > $$to && \
		chmod $$([ -x packaging/$$f ] && echo 755 || echo 644) $$to || exit; done
	$(INSTALL) -m 644 packaging/completions/svcctl.bash $(DESTDIR)$(bashcompdir)/svcctl
	$(INSTALL) -m 644 packaging/completions/_svcctl $(DESTDIR)$(zshcompdir)
	$(INSTALL) -m 644 packaging/completions/svcctl.fish $(DESTDIR)$(fishcompdir)
	$(call install_units,$(SYSTEM_UNITS),$(DESTDIR)$(unitdir))
	$(call install_units,$(USER_UNITS),$(DESTDIR)$(userunitdir))
	$(INSTALL) -m 644 $(MAN1) $(DESTDIR)$(mandir)/man1
	$(INSTALL) -m 644 $(MAN5) $(DESTDIR)$(mandir)/man5
	$(INSTALL) -m 644 $(MAN7) $(DESTDIR)$(mandir)/man7
	$(INSTALL) -m 644 $(MAN8) $(DESTDIR)$(mandir)/man8

# Only what install put there; folders of others stay.
uninstall:
	rm -f $(DESTDIR)$(bindir)/svcd $(DESTDIR)$(bindir)/svcctl $(DESTDIR)$(bashcompdir)/svcctl \
		$(DESTDIR)$(zshcompdir)/_svcctl $(DESTDIR)$(fishcompdir)/svcctl.fish
	rm -f $(addprefix $(DESTDIR)$(mandir)/man1/,$(notdir $(MAN1))) \
		$(addprefix $(DESTDIR)$(mandir)/man5/,$(notdir $(MAN5))) \
		$(addprefix $(DESTDIR)$(mandir)/man7/,$(notdir $(MAN7))) \
		$(addprefix $(DESTDIR)$(mandir)/man8/,$(notdir $(MAN8))) \
		$(addprefix $(DESTDIR)$(unitdir)/,$(notdir $(SYSTEM_UNITS))) \
		$(addprefix $(DESTDIR)$(userunitdir)/,$(notdir $(USER_UNITS)))
	rm -rf $(DESTDIR)$(shimdir) $(DESTDIR)$(pkgdatadir) $(DESTDIR)$(docdir)

# Only the units, into UNITS.
install-units:
	$(call install_units,$(SYSTEM_UNITS) $(USER_UNITS),$(UNITS))

# The Debian package, with debian/ where its tools want it.
DEB ?= $(B)/deb
deb:
	@sh mk/deb.sh $(VERSION) $(DEB)

# The RPM; also on Debian, which has rpmbuild.
RPM ?= $(B)/rpm
rpm:
	@sh mk/rpm.sh $(VERSION) $(RPM)

dist:
	@mkdir -p dist
	git archive --format=tar.gz --prefix=svcd-$(VERSION)/ -o dist/svcd-$(VERSION).tar.gz HEAD
	@echo dist/svcd-$(VERSION).tar.gz

deps deps-dev deps-deb deps-kernel:
	@sh mk/deps.sh $@

# svcd in the foreground with a sample of services on a scratch root, shown at work; Ctrl-C ends it.
# DEMO_EXIT=1, or no terminal: ends by itself.
run: all
	@DEMO_EXIT='$(DEMO_EXIT)' sh conf/demo/demo.sh $(B)

help:
	@echo 'make                 build svcd, svcctl and svc-shim into build/'
	@echo 'make deps            install what building and checking needs (apt or dnf)'
	@echo 'make run             run svcd with a sample of services, shown at work; Ctrl-C ends it'
	@echo 'make check           every test; also by parts:'
	@printf '                       %s\n' $(CHECKS) check-format
	@echo 'make analyze         gcc -fanalyzer, cppcheck, clang-tidy (make deps-dev installs them)'
	@echo 'make fuzz            TARGET=state SECONDS_=1800: looks for inputs that break it (tests/fuzz/)'
	@echo 'make check-kernel    what differs between kernels, on Debian 12 in qemu (make deps-kernel; as root)'
	@echo 'make check-system    the Debian package in a Debian with systemd, in namespaces (make deps-deb; as root)'
	@echo 'make check-rpm       what is in the RPM, and what its scriptlets do (make deps-deb)'
	@echo 'make coverage        branch coverage of supervisord/core'
	@echo 'make gen             rewrite the generated files after a change of the tables'
	@echo 'make format          clang-format'
	@echo 'make install         prefix=/usr/local DESTDIR=; also: uninstall'
	@echo 'make deb             the Debian package, in build/deb (make deps-deb)'
	@echo 'make rpm             the RPM, in build/rpm (rpmbuild: package rpm-build, on Debian rpm)'
	@echo 'make dist            source archive in dist/'
	@echo 'make clean'
	@echo 'Variables: DEVELOPER=1, SANITIZE=address,undefined, V=1, JOBS=2, CC, CFLAGS, LDFLAGS, SHIM_CC'
