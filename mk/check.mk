# check.mk: everything that proves something. Each check-* target runs by itself; `make check` runs
# all of them, goes on after a failure, and ends with the totals.

RESULTS := $(B)/results
RUN     := $(PYTHON) -B tests/helpers/runner.py --build $(B) --results $(RESULTS)
JOBS    ?= 2

CHECKS := check-layers check-headers check-generated check-guarantees check-man check-examples check-unit \
	check-golden check-sim check-fuzz check-blackbox check-fault check-chaos

.PHONY: check $(CHECKS) chaos fault check-format analyze coverage format gen
check: tests
	@rm -rf $(RESULTS)
	@for c in $(CHECKS); do $(MAKE) --no-print-directory $$c || true; done
	@$(RUN) totals

# Quick proofs about the sources: each counts as one test.
check-layers: $(LIBCORE) $(LIBCOMMON)
	@$(RUN) command layers -- $(PYTHON) -B tests/helpers/check_layers.py $(LIBCORE) $(LIBCOMMON)

check-headers: $(B)/flags
	@$(RUN) command headers -- sh tests/helpers/check_headers.sh \
		'$(CC) $(ALL_CPPFLAGS) -std=gnu11 -Wall -Wextra -Werror' $(HEADERS)

check-generated: $(GEN)
	@$(RUN) command generated -- sh tests/helpers/generated.sh check $(B)/gen

check-guarantees:
	@$(RUN) command guarantees -- $(PYTHON) -B tests/helpers/check_guarantees.py

check-man:
	@$(RUN) command man -- sh tests/helpers/check_man.sh man

check-examples: all
	@$(RUN) command examples -- sh tests/helpers/check_examples.sh $(B)/svcctl

check-format:
	@$(RUN) command format -- clang-format --dry-run -Werror $(SOURCES) $(HEADERS)

# Programs: each test function, case, seed or corpus counts as one.
check-unit: $(UNIT)
	@$(RUN) --jobs $(JOBS) unit $(UNIT)

check-golden: all $(GEN)
	@$(RUN) --jobs $(JOBS) golden

check-sim: $(SIM)
	@$(RUN) --jobs $(JOBS) sim $(SIM)

check-fuzz: $(FUZZ)
	@$(RUN) --jobs $(JOBS) fuzz $(FUZZ)

# As root every file runs twice: as root and as an unprivileged user; with sanitizers, which are several times slower,
# only those whose tests ask who runs them, unless they are named. T=file or T=file::Class.test runs
# less. JITTER=seed: svcd, its shims and svcctl are halted for moments at random, as on a machine that is busy; what
# fails then does so on some such machine some day. (SVCD_TEST_SLOWER=2 with it: limits twice as long.)
check-blackbox: all $(HELPERS)
	@$(RUN) --jobs $(JOBS) $(if $(JITTER),--jitter $(JITTER)) $(if $(SANITIZE),--once) blackbox $(T)

# Things go wrong at random for SECONDS_ seconds: each guarantee counts as a test; as root twice, as root
# and as an unprivileged user. By hand: make chaos SECONDS_=600 SEED=7
SECONDS_ ?= 60
SEED     ?= 1
CHAOS    = $(RUN) --jobs $(JOBS) chaos -- --seconds $(SECONDS_) --seed $(SEED) $(ARGS)
check-chaos: all $(HELPERS)
	@$(CHAOS)

# Figures, as ratios of one run; never a test. ROWS=log-64k,steady: only those. WRITE=1: into
# tests/bench/RESULTS.md. What else is measured comes with `make bench-deps`.
ROWS   ?=
ROUNDS ?= 5
.PHONY: bench bench-accounts bench-deps
bench: all $(BENCH)
	@$(PYTHON) -B tests/bench/bench.py --build $(B) --rounds $(ROUNDS) $(if $(ROWS),--rows $(ROWS)) \
		$(if $(WRITE),--write) $(ARGS)

# As root: what 200 svcds on one machine cost. ARGS='--accounts 1000 --services 10'
bench-accounts: all
	@$(PYTHON) -B tests/bench/accounts.py --build $(B) $(ARGS)

# Each system call and allocation fails once: what once found something, and a sample, as both users. All
# of it, or other cases, by hand: make fault CASES='life/svcd:openat:ENOSPC:*'
CASES    ?=
check-fault: all $(HELPERS)
	@$(RUN) --jobs $(JOBS) fault -- --sample 60 $(ARGS)

# ---- not part of check ----

fault: all $(HELPERS)
	@SVCD_BIN=$(B) $(PYTHON) -B tests/fault/fault.py --jobs $$(($(JOBS) * 2)) \
		$(if $(CASES),--cases $(foreach c,$(CASES),'$(c)'),--all) $(ARGS)

# On Debian 12's own kernel in qemu: as root, see tests/kernel/README.md. The image is made once and kept.
KERNEL_CACHE ?= /var/tmp/svcd-kernel
.PHONY: check-kernel
check-kernel: all $(HELPERS)
	@sh tests/kernel/run.sh $(B) $(KERNEL_CACHE) $(T)

# The Debian package in a Debian 12 with systemd as process 1, in namespaces: as root, see tests/system/README.md. Skipped
# where the machine does not allow that.
.PHONY: check-system
check-system:
	@tests/system/run prepare >/dev/null 2>&1 && DEB_BUILD_OPTIONS=nocheck WHAT=-b \
		$(MAKE) --no-print-directory deb DEB=$(B)/deb-system >/dev/null; \
		$(RUN) command system -- tests/system/run $(B)/deb-system/svcd_$(VERSION)-1_*.deb $(T)

# What the RPM holds and does. Skipped where no rpmbuild is.
.PHONY: check-rpm
check-rpm:
	@command -v rpmbuild >/dev/null && WHAT=-bb $(MAKE) --no-print-directory rpm RPM=$(B)/rpm-system >/dev/null; \
		$(RUN) command rpm -- tests/system/rpm $(B)/rpm-system/RPMS/*/svcd-$(VERSION)-1*.rpm $(T)

# Looks for new inputs: make fuzz TARGET=state SECONDS_=1800. What it finds stays in build-fuzz/ (new
# inputs in build-fuzz/corpus/NAME, the one that broke something as crash-… in build-fuzz/found).
TARGET   ?=
FUZZ_B   := build-fuzz
FUZZ_BIN  = $(FUZZ_B)/tests/fuzz/fuzz_$(TARGET)
.PHONY: fuzz fuzz-corpus
fuzz:
	@[ -n '$(TARGET)' ] || { echo 'fuzz: TARGET= one of: $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))'; exit 2; }
	@$(MAKE) --no-print-directory CC=clang SHIM_CC=clang SANITIZE=fuzzer-no-link,address,undefined \
		FUZZER=-fsanitize=fuzzer B=$(FUZZ_B) $(FUZZ_BIN)
	@mkdir -p $(FUZZ_B)/corpus/$(TARGET) $(FUZZ_B)/found
	$(FUZZ_BIN) -max_total_time=$(SECONDS_) -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
		-artifact_prefix=$(FUZZ_B)/found/$(TARGET)- -print_final_stats=1 $(addprefix -dict=,$(wildcard tests/fuzz/$(TARGET).dict)) $(FUZZ_FLAGS) \
		$(FUZZ_B)/corpus/$(TARGET) tests/fuzz/corpus/$(TARGET)

# Keeps of all inputs those that are needed to reach what all of them reach.
fuzz-corpus:
	@mkdir -p $(FUZZ_B)/least/$(TARGET)
	$(FUZZ_BIN) -merge=1 $(FUZZ_B)/least/$(TARGET) tests/fuzz/corpus/$(TARGET) $(FUZZ_B)/corpus/$(TARGET)

chaos: all $(HELPERS)
	@$(CHAOS)

bench-deps:
	@sh mk/deps.sh deps-bench
	@command -v npm >/dev/null || { echo 'bench-deps: no npm here; pm2 is left out' >&2; exit 0; }; \
	mkdir -p build-peers && npm install --no-audit --no-fund --prefix build-peers pm2

# gcc -fanalyzer finds what needs the whole path (leaks, double close, use after free); cppcheck and
# clang-tidy what needs none. The settings and their reasons are in the script.
analyze:
	@sh tests/helpers/analyze.sh '$(CC)' '$(subst ','\'',$(ALL_CPPFLAGS) $(DEFINES))' \
		$(COMMON_SRC) $(CORE_SRC) $(SVCD_SRC) $(CTL_SRC) $(SHIM_SRC) $(wildcard conf/*.c)

coverage:
	@$(MAKE) --no-print-directory COVERAGE=1 coverage-run
.PHONY: coverage-run
coverage-run: $(UNIT) $(SIM) all
	@find $(B) -name '*.gcda' -delete
	@$(RUN) --jobs $(JOBS) unit $(UNIT)
	@$(RUN) --jobs $(JOBS) sim $(SIM)
	@sh tests/helpers/coverage.sh $(B)

format:
	clang-format -i $(SOURCES) $(HEADERS)

# Rewrites the committed files that are generated from the tables.
gen: $(GEN)
	sh tests/helpers/generated.sh write $(B)/gen
