# flags.mk: compilers, libraries and flags. Ours come first, the caller's CPPFLAGS, CFLAGS and LDFLAGS
# last, so that the caller wins.

PYTHON     ?= python3
PKG_CONFIG ?= pkg-config
INSTALL    ?= install

# $(call pkg,NAME,FALLBACK): libraries of a package, or FALLBACK where it has no .pc file.
pkg        = $(or $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null),$(2))
pkg-cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
# $(call cc-ok,FLAGS): FLAGS if the compiler takes them.
cc-ok = $(shell echo 'int main(void){return 0;}' | \
	$(CC) -Werror $(1) -x c -o /dev/null - >/dev/null 2>&1 && echo '$(1)')

# Nothing is asked of the machine for goals that compile nothing.
NO_BUILD := deps deps-dev clean help dist
ifneq ($(or $(if $(MAKECMDGOALS),,all),$(filter-out $(NO_BUILD),$(MAKECMDGOALS))),)
YAML_LIBS    := $(call pkg,yaml-0.1,-lyaml)
JANSSON_LIBS := $(call pkg,jansson,-ljansson)
CMOCKA_LIBS  := $(call pkg,cmocka,-lcmocka)
LIB_CFLAGS   := $(call pkg-cflags,yaml-0.1 jansson)
# Debian's libev has no .pc file.
EV_LIBS      := $(call pkg,libev,-lev)
# One attempt with all, since nearly every compiler has them; one by one only if that fails.
HARDEN_TRY := -fstack-protector-strong -fstack-clash-protection -fcf-protection
HARDEN_CC  := $(or $(call cc-ok,$(HARDEN_TRY)),$(foreach f,$(HARDEN_TRY),$(call cc-ok,$(f))))
# The shim is static: a dynamic one costs five times the memory, and there is one for each service.
# musl, where it is installed, makes the smallest.
ifeq ($(SHIM_CC),)
ifneq ($(SANITIZE)$(COVERAGE),)
SHIM_CC := $(CC)
else ifneq ($(shell command -v musl-gcc 2>/dev/null),)
SHIM_CC   := musl-gcc
SHIM_KIND := static, musl
else
SHIM_CC   := $(CC)
SHIM_KIND := $(if $(call cc-ok,-static),static,)
endif
endif
SHIM_KIND ?= $(if $(findstring musl,$(SHIM_CC)),static)
SHIM_SAYS := $(SHIM_CC)$(if $(SHIM_KIND), ($(SHIM_KIND)), (dynamic: neither musl-gcc nor a static libc))
endif

CFLAGS ?= -O2 -g

WARNINGS := -Wall -Wextra
ifneq ($(DEVELOPER),)
WARNINGS += -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual \
	-Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough
endif

ALL_CPPFLAGS = -I. -D_GNU_SOURCE $(LIB_CFLAGS) $(FORTIFY) $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 $(WARNINGS) $(HARDEN_CFLAGS) $(SAN_FLAGS) $(CFLAGS) $(COV_FLAGS)
ALL_LDFLAGS  = $(HARDEN_LDFLAGS) $(SAN_FLAGS) $(COV_FLAGS) $(LDFLAGS)

# Hardening by default. _FORTIFY_SOURCE needs optimisation, clashes with the address sanitizer, and is
# left to a packager who sets it himself.
HARDEN_CFLAGS  := -fPIE $(HARDEN_CC)
HARDEN_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
ifeq ($(or $(SANITIZE),$(COVERAGE),$(filter -O0 -Og,$(CFLAGS)),$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS))),)
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
ifneq ($(SANITIZE),)
SAN_FLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
ifneq ($(COVERAGE),)
COV_FLAGS := --coverage -O0
endif

# The shim's own: small; not position-independent, since relocations are private memory in each of
# them; sections packed into few pages. Of the caller's flags all but the level of optimisation.
ifneq ($(SANITIZE)$(COVERAGE),)
SHIM_CFLAGS  ?= $(ALL_CFLAGS)
SHIM_LDFLAGS ?= $(ALL_LDFLAGS)
else
SHIM_CFLAGS  ?= -std=gnu11 $(WARNINGS) $(filter-out -O%,$(CFLAGS)) -Os -fno-pie \
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fstack-protector-strong
# Where lines are made: a copy of fixed size is to be a few moves, which -Os makes slower than the lines.
SHIM_HOT     := -O2
SHIM_LDFLAGS ?= $(if $(SHIM_KIND),-static) -no-pie -Wl,--gc-sections -Wl,-z,noseparate-code \
	-Wl,-z,relro,-z,now -Wl,--build-id=none $(LDFLAGS)
endif

# What the sources know of the build.
DEFINES := -DSVCD_VERSION='"$(VERSION)"' -DSVCD_LIBEXECDIR='"$(shimdir)"' \
	-DSVCD_DATADIR='"$(pkgdatadir)"'
