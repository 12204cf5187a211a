# build.mk: what is built from what. Sources are found by wildcard: a new .c file needs no new line.

COMMON_SRC := $(wildcard common/*.c)
CORE_SRC   := $(wildcard supervisord/core/*.c)
SVCD_SRC   := $(wildcard supervisord/*.c)
CTL_SRC    := $(wildcard ctl/*.c)
SHIM_SRC   := $(wildcard shim/*.c)
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_HELP  := $(wildcard tests/unit/helper*.c)
SIM_SRC    := $(wildcard tests/sim/*.c)
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)
# Targets that drive the shim's own parts: those are built a second time, with the target's compiler.
FUZZ_SHIM  := $(filter tests/fuzz/fuzz_shim_%,$(FUZZ_SRC))
BENCH_SRC  := $(wildcard tests/bench/*.c)
HELPER_SRC := $(filter-out tests/helpers/preload_%,$(wildcard tests/helpers/*.c))
PRELOAD_SRC := $(wildcard tests/helpers/preload_*.c)
HEADERS    := $(wildcard common/*.h supervisord/core/*.h supervisord/*.h ctl/*.h shim/*.h tests/*/*.h)
SOURCES    := $(COMMON_SRC) $(CORE_SRC) $(SVCD_SRC) $(CTL_SRC) $(SHIM_SRC) $(wildcard conf/*.c) \
	$(UNIT_SRC) $(UNIT_HELP) $(SIM_SRC) $(wildcard tests/fuzz/*.c) $(BENCH_SRC) $(HELPER_SRC) $(PRELOAD_SRC)

objects = $(patsubst %.c,$(B)/%.o,$(1))
# A program's objects without the one that has main(): what its unit tests link with.
testable = $(filter-out %/main.o %/svcd.o %/svcctl.o,$(call objects,$(1)))

LIBCOMMON := $(B)/libcommon.a
LIBCORE   := $(B)/libcore.a
PROGRAMS  := $(if $(SVCD_SRC),$(B)/svcd) $(if $(CTL_SRC),$(B)/svcctl) $(if $(SHIM_SRC),$(B)/svc-shim)
UNIT      := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
FUZZ      := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
SIM       := $(if $(SIM_SRC),$(B)/tests/sim/sim)
GEN       := $(if $(wildcard conf/gen.c),$(B)/gen)
BENCH     := $(patsubst %.c,$(B)/%,$(BENCH_SRC))
HELPERS   := $(patsubst %.c,$(B)/%,$(HELPER_SRC)) $(patsubst %.c,$(B)/%.so,$(PRELOAD_SRC))

# One line for each file; V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)')

.PHONY: all tests FORCE
.SECONDARY:
all: $(PROGRAMS)
tests: all $(UNIT) $(FUZZ) $(SIM) $(GEN) $(HELPERS)

# Changes, and with it everything is built again, when a compiler or a flag does.
FLAGS_TEXT = $(CC) | $(ALL_CPPFLAGS) $(DEFINES) | $(ALL_CFLAGS) | $(ALL_LDFLAGS) | \
	$(SHIM_CC) $(SHIM_CFLAGS) $(SHIM_LDFLAGS)
$(B)/flags: FORCE
	@mkdir -p $(B)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' > $@

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(DEFINES) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/shim/log.o: SHIM_CFLAGS += $(SHIM_HOT)
$(B)/shim/%.o: shim/%.c $(B)/flags
	$(call say,CC,$< [shim])
	@mkdir -p $(@D)
	$(Q)$(SHIM_CC) -I. -D_GNU_SOURCE $(DEFINES) $(CPPFLAGS) $(SHIM_CFLAGS) -MMD -MP -c -o $@ $<

# Changes when a source is added or removed, so that no archive keeps the object of one that is gone.
$(B)/members: FORCE
	@mkdir -p $(B)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

define archive
$(1): $(2) $(B)/members
	$$(call say,AR,$(1))
	@rm -f $(1)
	$$(Q)$$(AR) rcs $(1) $(2)
endef
$(eval $(call archive,$(LIBCOMMON),$(call objects,$(COMMON_SRC))))
$(eval $(call archive,$(LIBCORE),$(call objects,$(CORE_SRC))))
# For unit tests only, of parts of the programs: tests/unit/test_svcd_*.c, test_ctl_*.c.
$(eval $(call archive,$(B)/libsvcdtest.a,$(call testable,$(SVCD_SRC))))
$(eval $(call archive,$(B)/libctltest.a,$(call testable,$(CTL_SRC))))

link = $(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1)

# libsystemd is loaded when a supervisor above asks for it (NOTIFY_SOCKET): linked, it would cost
# every account private memory.
$(B)/svcd: $(call objects,$(SVCD_SRC)) $(LIBCORE) $(LIBCOMMON) $(B)/members
	$(call say,LINK,$@)
	$(call link,$(EV_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) -ldl -lm $(LDLIBS))

# libyaml is loaded by the commands that read definitions: ctl/yamllate.c.
$(B)/svcctl: $(call objects,$(CTL_SRC)) $(LIBCOMMON) $(B)/members
	$(call say,LINK,$@)
	$(call link,$(JANSSON_LIBS) -ldl $(LDLIBS))

$(B)/svc-shim: $(call objects,$(SHIM_SRC)) $(B)/members
	$(call say,LINK,$@ [$(SHIM_SAYS)])
	$(Q)$(SHIM_CC) $(SHIM_CFLAGS) $(SHIM_LDFLAGS) -o $@ $(filter %.o,$^)

$(B)/gen: $(B)/conf/gen.o $(LIBCOMMON)
	$(call say,LINK,$@)
	$(call link,$(YAML_LIBS) $(JANSSON_LIBS))

$(filter $(B)/tests/unit/test_svcd_%,$(UNIT)): $(B)/libsvcdtest.a
$(filter $(B)/tests/unit/test_ctl_%,$(UNIT)): $(B)/libctltest.a
$(filter $(B)/tests/unit/test_shim_%,$(UNIT)): $(B)/libshimtest.a
$(UNIT): $(B)/%: $(B)/%.o $(call objects,$(UNIT_HELP)) $(LIBCORE) $(LIBCOMMON)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %test.a,$^) \
		$(LIBCORE) $(LIBCOMMON) $(EV_LIBS) $(CMOCKA_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) -ldl -lm

$(B)/tests/sim/sim: $(call objects,$(SIM_SRC)) $(LIBCORE) $(LIBCOMMON)
	$(call say,LINK,$@)
	$(call link,$(YAML_LIBS) $(JANSSON_LIBS) -lm)

# A target has the parts of svcd and svcctl at hand, or, if its name says so, those of svc-shim. What
# these would do to the machine (starting, killing, waiting) the target does in their place: --wrap.
# FUZZER is empty, and the target linked with replay.c, unless `make fuzz` builds it.
FUZZ_WRAP_shim_orders := child_spawn child_limits tree_kill tree_signal tree_signal_all tree_others \
	wait4 _exit stamp_mono_us stamp_wall_ms logput_write logfile_rotate oldlog_pack oldlog_drop \
	record_lock open mkdir rmdir unlink socket bind \
	setsockopt getsockopt connect recv send recvmsg poll
FUZZ_WRAP_shim_lines := stamp_mono_us stamp_wall_ms write
FUZZER ?=
FUZZ_MAIN := $(if $(FUZZER),,$(B)/tests/fuzz/replay.o)
$(B)/tests/fuzz/shim/%.o: shim/%.c $(B)/flags
	$(call say,CC,$< [fuzz])
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(DEFINES) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(eval $(call archive,$(B)/libshimtest.a,$(patsubst shim/%.c,$(B)/tests/fuzz/shim/%.o,$(filter-out \
	shim/main.c,$(SHIM_SRC)))))
$(patsubst %.c,$(B)/%,$(FUZZ_SHIM)): $(B)/libshimtest.a
$(patsubst %.c,$(B)/%,$(filter-out $(FUZZ_SHIM),$(FUZZ_SRC))): $(B)/libsvcdtest.a $(B)/libctltest.a

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(LIBCORE) $(LIBCOMMON)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(FUZZER) -o $@ $(filter %.o,$^) $(filter %test.a,$^) \
		$(LIBCORE) $(LIBCOMMON) $(EV_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) -ldl -lm \
		$(foreach f,$(FUZZ_WRAP_$*),-Wl$(comma)--wrap=$(f))

# As small as a program can be: its own size is measured too.
$(B)/tests/bench/tiny: tests/bench/tiny.c $(B)/flags
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(SHIM_CC) -std=gnu11 -Os -static -s -o $@ $<

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/flags
	$(call say,LINK,$@)
	$(call link,)

# For LD_PRELOAD: without hardening and sanitizers, which are the business of what loads it.
$(B)/tests/helpers/%.so: tests/helpers/%.c $(B)/flags
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(WARNINGS) -O2 -fPIC -shared -o $@ $<

$(B)/tests/helpers/%: $(B)/tests/helpers/%.o $(B)/flags
	$(call say,LINK,$@)
	$(call link,)

# Not what a package is built from, which `make deb` and `make rpm` put there.
-include $(shell [ -d $(B) ] && find $(B) \( -path '$(B)/deb*' -o -path '$(B)/rpm*' \) -prune -o -name '*.d' -type f -print)

.PHONY: clean
clean:
	rm -rf build build-* dist
