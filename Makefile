# authpost: 'make' builds target/authpost, one static binary. 'make help' lists the rest.

CARGO ?= cargo
RUSTC ?= rustc
PREFIX ?= /usr/local
DESTDIR ?=

# The musl target where it is installed, else the host's own with its C library linked in.
HOST := $(shell $(RUSTC) -vV 2>/dev/null | sed -n 's/^host: //p')
MUSL := $(firstword $(subst -, ,$(HOST)))-unknown-linux-musl
TARGET ?= $(if $(wildcard $(shell $(RUSTC) --print target-libdir --target $(MUSL) 2>/dev/null)),$(MUSL),$(HOST))

# Linked statically; the other flags are for size, and what each is worth stands in Cargo.toml. Relocations are packed where
# the C library that is linked in can unpack them: glibc from 2.36 on, musl from 1.2.4 on, which Rust 1.93 brought.
GLIBC := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc 2\.\([0-9]*\).*/\1/p')
RUST := $(shell $(RUSTC) -vV 2>/dev/null | sed -n 's/^release: 1\.\([0-9]*\).*/\1/p')
UNPACKS = $(if $(filter %-musl,$(TARGET)),[ "0$(RUST)" -ge 93 ],$(if $(filter %-gnu,$(TARGET)),[ "0$(GLIBC)" -ge 36 ],false))
PACKED := $(shell $(UNPACKS) && echo -C link-arg=-Wl,-z,pack-relative-relocs)
FLAGS := -C target-feature=+crt-static -C link-arg=-Wl,-T,src/no-unwind.ld $(PACKED)

# Where the source and the crates lie stays out of the binary, so that one source gives the same bytes anywhere. Cargo takes
# the flags with 0x1f between them, whatever characters are in these paths.
CARGO_HOME ?= $(HOME)/.cargo
ENCODED = $$(printf '%s\037' $(RUSTFLAGS) $(FLAGS) "--remap-path-prefix=$(CURDIR)=.")--remap-path-prefix=$(CARGO_HOME)=cargo

# The little C that TLS needs does without a compiler of musl's own.
COMPILER := $(if $(filter $(MUSL),$(TARGET)),CC_$(subst -,_,$(MUSL))="$(CC)" CFLAGS_$(subst -,_,$(MUSL))=-U_FORTIFY_SOURCE)

BINARY := target/authpost
BUILD = $(COMPILER) CARGO_ENCODED_RUSTFLAGS="$(ENCODED)" $(CARGO) build --locked --release --target $(TARGET)
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: all build demo test crash-test bench dist dist-test bless lint install clean help toolchain

all: build

build: toolchain ## build the static release binary, target/authpost
	@$(BUILD)
	@ln -f target/$(TARGET)/release/authpost $(BINARY) 2>/dev/null || cp target/$(TARGET)/release/authpost $(BINARY)

# Rust 1.x: cargo and rustc carry the same number. One line says what is missing, before cargo says it in fifty.
toolchain:
	@need=$$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml); \
	have=$$($(CARGO) --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p'); \
	if [ -z "$$have" ]; then \
		echo "make: cargo is not installed; authpost needs Rust 1.$$need or later: https://rustup.rs" >&2; exit 1; \
	elif [ "$$have" -lt "$$need" ]; then \
		echo "make: this is Rust 1.$$have; authpost needs Rust 1.$$need or later: rustup update" >&2; exit 1; \
	fi

demo: build target/demo-api ## make a POST for real, to a small API on this machine; KEEP=1 keeps the API running
	@sh tests/demo/demo.sh $(BINARY) target/demo-api

target/demo-api: tests/demo/api.rs tests/support/http.rs tests/support/server.rs tests/support/wire.rs
	@$(RUSTC) --edition 2024 --cap-lints allow -o $@ tests/demo/api.rs

test: build ## run all tests, against the static binary
	@skipped=$$(mktemp) && trap 'rm -f "$$skipped"' EXIT || exit; \
	AUTHPOST_SKIPPED=$$skipped AUTHPOST_BIN=$(CURDIR)/$(BINARY) $(CARGO) test --locked; status=$$?; \
	sort -u "$$skipped" | awk -F '\t' ' \
		!tests[$$1]++ { count++ } \
		!reasons[$$2]++ { list = list (list ? "; " : ": ") $$2 } \
		END { print "make: skipped tests: " count + 0 list (count ? " (.ci/run installs what they need)" : "") }'; \
	exit $$status

bench: build ## measure all figures beside curl, wrk and others, and draw tests/bench/figures.svg
	@python3 tests/bench/bench.py $(BINARY)

crash-test: build ## prove in full that the spool loses nothing: about 20 minutes, as root
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

# Builds only what is not there yet, so that 'sudo make install' needs no cargo.
install: | $(BINARY) ## install binary, manual pages and completions under PREFIX
	@mkdir -p $(BIN) $(SHARE)/man/man1 $(SHARE)/man/man7 $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	install -m 755 $(BINARY) $(BIN)/authpost
	$(BINARY) --man > $(SHARE)/man/man1/authpost.1
	$(BINARY) --man=spool > $(SHARE)/man/man7/authpost-spool.7
	$(BINARY) --completions bash > $(SHARE)/bash-completion/completions/authpost
	$(BINARY) --completions zsh > $(SHARE)/zsh/site-functions/_authpost
	$(BINARY) --completions fish > $(SHARE)/fish/vendor_completions.d/authpost.fish

$(BINARY):
	@$(MAKE) build

clean: ## remove what was built
	rm -rf target

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' Makefile | while read -r target what; do \
		printf 'make %-11s %s\n' "$$target" "$$what"; done
