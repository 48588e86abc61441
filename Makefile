# authpost: 'make' builds target/authpost, one static binary. 'make help' lists the rest.

CARGO ?= cargo
RUSTC ?= rustc
PREFIX ?= /usr/local
DESTDIR ?=

# The musl target where it is installed, else the host's own with its C library linked in.
HOST := $(shell $(RUSTC) -vV 2>/dev/null | sed -n 's/^host: //p')
MUSL := $(firstword $(subst -, ,$(HOST)))-unknown-linux-musl
TARGET ?= $(if $(wildcard $(shell $(RUSTC) --print target-libdir --target $(MUSL) 2>/dev/null)),$(MUSL),$(HOST))

# Linked statically; the other flags are for size. Relocations are packed, which saves 100 KB, where the C library that is
# linked in can unpack them: glibc from 2.36 on, musl from 1.2.4 on, which Rust 1.93 brought.
GLIBC := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc 2\.\([0-9]*\).*/\1/p')
RUST := $(shell $(RUSTC) -vV 2>/dev/null | sed -n 's/^release: 1\.\([0-9]*\).*/\1/p')
UNPACKS = $(if $(filter %-musl,$(TARGET)),[ "0$(RUST)" -ge 93 ],$(if $(filter %-gnu,$(TARGET)),[ "0$(GLIBC)" -ge 36 ],false))
PACKED := $(shell $(UNPACKS) && echo -C link-arg=-Wl,-z,pack-relative-relocs)
FLAGS := -C target-feature=+crt-static -C link-arg=-Wl,-T,src/no-unwind.ld $(PACKED)

# BUILD_STD=1 builds Rust's own library too, for size and without its code for backtraces, which our panic hook leaves unused.
# It needs rust-src. Cargo takes these options from a stable compiler only with RUSTC_BOOTSTRAP.
STD := -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
STD_SOURCE := $(if $(BUILD_STD),$(shell $(RUSTC) --print sysroot)/lib/rustlib/src/rust)

# Where the source and the crates lie stays out of the binary, so that one source gives the same bytes anywhere. Cargo takes
# the flags with 0x1f between them, whatever characters are in these paths.
CARGO_HOME ?= $(HOME)/.cargo
REMAPPED = "--remap-path-prefix=$(CURDIR)=." $(if $(BUILD_STD),"--remap-path-prefix=$(STD_SOURCE)=rust")
ENCODED = $$(printf '%s\037' $(RUSTFLAGS) $(FLAGS) $(REMAPPED))--remap-path-prefix=$(CARGO_HOME)=cargo

# The little C that TLS needs does without a compiler of musl's own.
COMPILER := $(if $(filter $(MUSL),$(TARGET)),CC_$(subst -,_,$(MUSL))="$(CC)" CFLAGS_$(subst -,_,$(MUSL))=-U_FORTIFY_SOURCE)

# What is built for another machine by name lies apart, so that it is never installed or run in the host's place.
BINARY := target/$(if $(filter file,$(origin TARGET)),,$(TARGET)/release/)authpost
BUILD = $(COMPILER) $(if $(BUILD_STD),RUSTC_BOOTSTRAP=1) CARGO_ENCODED_RUSTFLAGS="$(ENCODED)" \
	$(CARGO) build --locked --release --target $(TARGET) $(if $(BUILD_STD),$(STD))
TO = $(DESTDIR)$(PREFIX)
MAN = $(TO)/share/man/man1/authpost.1
MAN_SPOOL = $(TO)/share/man/man7/authpost-spool.7
BASH = $(TO)/share/bash-completion/completions/authpost
ZSH = $(TO)/share/zsh/site-functions/_authpost
FISH = $(TO)/share/fish/vendor_completions.d/authpost.fish

.PHONY: all build demo demo-svg test crash-test bench dist dist-test bless lint install uninstall clean help toolchain

all: build

build: toolchain ## build the static release binary, target/authpost
	@$(BUILD)
	@built=target/$(TARGET)/release/authpost; \
	[ $$built -ef $(BINARY) ] || ln -f $$built $(BINARY) 2>/dev/null || cp $$built $(BINARY)

# Rust 1.x: cargo and rustc carry the same number. One line says what is missing, before cargo says it in fifty.
toolchain:
	@need=$$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml); \
	have=$$($(CARGO) --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p'); \
	if [ -z "$$have" ]; then \
		echo "make: cargo is not installed; authpost needs Rust 1.$$need or later: https://rustup.rs" >&2; exit 1; \
	elif [ "$$have" -lt "$$need" ]; then \
		echo "make: this is Rust 1.$$have; authpost needs Rust 1.$$need or later: rustup update" >&2; exit 1; \
	elif [ -n "$(BUILD_STD)" ] && [ ! -d "$(STD_SOURCE)/library" ]; then \
		echo "make: BUILD_STD needs the source of Rust's library: rustup component add rust-src" >&2; exit 1; \
	fi

demo: build target/demo-api ## make a POST for real, to a small API on this machine; KEEP=1 keeps the API running
	@sh tests/demo/demo.sh $(BINARY) target/demo-api

demo-svg: build target/demo-api ## draw the README's example, tests/demo/example.svg, from a run against that API
	@python3 tests/demo/picture.py $(BINARY) target/demo-api >target/example.svg && mv target/example.svg tests/demo/

target/demo-api: tests/demo/api.rs tests/support/http.rs tests/support/server.rs tests/support/transport.rs
	@$(RUSTC) --edition 2024 --cap-lints allow -o $@ tests/demo/api.rs

test: build ## run all tests, against the static binary
	@skipped=$$(mktemp) && trap 'rm -f "$$skipped"' EXIT || exit; \
	AUTHPOST_SKIPPED=$$skipped AUTHPOST_BIN=$(CURDIR)/$(BINARY) $(CARGO) test --locked; status=$$?; \
	sort -u "$$skipped" | awk -F '\t' ' \
		!tests[$$1]++ { count++ } \
		!reasons[$$2]++ { list = list (list ? "; " : ": ") $$2 } \
		END { print "make: skipped tests: " count + 0 list (count ? " (.ci/run installs what they need)" : "") }'; \
	exit $$status

bench: build ## measure all beside curl and others, for README and chart; CHECK=1 compares the counts only
	@python3 tests/bench/bench.py $(if $(CHECK),--check) $(BINARY)

crash-test: build ## prove in full that the spool loses nothing: about 30 minutes, as root
	AUTHPOST_CRASH=full AUTHPOST_NO_SKIP=1 AUTHPOST_BIN=$(CURDIR)/$(BINARY) \
		$(CARGO) test --locked --test tests -- spool::crash:: spool::messages::a_hundred --nocapture

dist: toolchain ## build what is released into target/dist: packages, image, bill of materials, checksums
	@tests/dist/build.sh target/dist

dist-test: ## prove that it is reproducible, installs and works in fresh Debians: about 10 minutes, as root
	@tests/dist/test.sh

bless: toolchain ## rewrite tests/golden from what help, manual page and completions say now
	AUTHPOST_BLESS=1 $(CARGO) test --locked --test tests cli::docs::golden_files

lint: toolchain ## check format, lints and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

# Builds only what is not there yet, so that 'sudo make install' needs no cargo. Runs nothing: the binary may be for another
# machine. tests/golden has what it would print, held by a test. The modes do not depend on the caller's umask.
install: | $(BINARY) ## install binary, manual pages and completions under PREFIX
	@umask 022; for file in "$(TO)/bin/" "$(MAN)" "$(MAN_SPOOL)" "$(BASH)" "$(ZSH)" "$(FISH)"; do \
		mkdir -p "$${file%/*}" || exit; done
	install -m 755 $(BINARY) "$(TO)/bin/authpost"
	install -m 644 tests/golden/authpost.1 "$(MAN)"
	install -m 644 tests/golden/authpost-spool.7 "$(MAN_SPOOL)"
	install -m 644 tests/golden/authpost.bash "$(BASH)"
	install -m 644 tests/golden/_authpost "$(ZSH)"
	install -m 644 tests/golden/authpost.fish "$(FISH)"

uninstall: ## remove what was installed, with the same PREFIX
	rm -f "$(TO)/bin/authpost" "$(MAN)" "$(MAN_SPOOL)" "$(BASH)" "$(ZSH)" "$(FISH)"

$(BINARY):
	@$(MAKE) build

clean: ## remove what was built
	rm -rf target

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' Makefile | while read -r target what; do \
		printf 'make %-11s %s\n' "$$target" "$$what"; done
