# Builds svcd, svcctl and svc-shim, and checks them. `make help` lists the targets.
#
#   make                      build into build/
#   make DEVELOPER=1          with every warning, as errors
#   make SANITIZE=address,undefined check
#                             the same in build-address-undefined/, with sanitizers
#   make install DESTDIR=/tmp/x prefix=/usr
#
# CC, CPPFLAGS, CFLAGS and LDFLAGS of the caller are added to, never replaced. Objects are built
# again when any flag changes ($(B)/flags), so no `clean` is ever needed.

VERSION := 0.1.0

# `make deps run`: what the rest of this file asks the machine (pkg-config, compiler) must be asked
# after deps has installed it, so the goals behind deps run in a make of their own.
LATER := $(filter-out deps deps-dev,$(MAKECMDGOALS))
ifneq ($(and $(filter deps deps-dev,$(MAKECMDGOALS)),$(LATER)),)

.PHONY: deps deps-dev $(LATER)
deps deps-dev:
	@sh mk/deps.sh $@
$(firstword $(LATER)): $(filter deps deps-dev,$(MAKECMDGOALS))
	@$(MAKE) --no-print-directory $(LATER)
$(wordlist 2,$(words $(LATER)),$(LATER)): $(firstword $(LATER))
	@:

else

prefix      ?= /usr/local
exec_prefix ?= $(prefix)
bindir      ?= $(exec_prefix)/bin
libexecdir  ?= $(exec_prefix)/libexec
datarootdir ?= $(prefix)/share
mandir      ?= $(datarootdir)/man
docdir      ?= $(datarootdir)/doc/svcd
# svc-shim, which only svcd starts; and what other programs read (interface file, schema)
shimdir     ?= $(libexecdir)/svcd
pkgdatadir  ?= $(datarootdir)/svcd
# where each shell looks for completions; zsh of Debian has a folder of its own for what is below /usr
bashcompdir ?= $(datarootdir)/bash-completion/completions
fishcompdir ?= $(datarootdir)/fish/vendor_completions.d
zshcompdir  ?= $(datarootdir)/zsh/$(if $(and $(filter /usr,$(prefix)),$(wildcard /etc/debian_version)),vendor-completions,site-functions)
unitdir     ?= $(prefix)/lib/systemd/system

comma := ,
empty :=
space := $(empty) $(empty)
SANITIZE ?=
COVERAGE ?=
DEVELOPER ?=
# Where this variant is built.
B := build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(COVERAGE),-coverage)

include mk/flags.mk
include mk/build.mk
include mk/check.mk
include mk/install.mk

endif

.DEFAULT_GOAL := all
