# authpost: 'make' builds target/authpost, one static binary. 'make help' lists the rest.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=

# The musl target where it is installed, else the host's own with its C library linked in.
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
MUSL := $(shell rustc --print sysroot 2>/dev/null)/lib/rustlib/$(firstword $(subst -, ,$(HOST)))-unknown-linux-musl
TARGET ?= $(if $(wildcard $(MUSL)),$(notdir $(MUSL)),$(HOST))
NEEDED := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

BUILD = RUSTFLAGS="$(RUSTFLAGS) -C target-feature=+crt-static" $(CARGO) build --locked --release --target $(TARGET)
BINARY := target/authpost

.PHONY: all build demo test lint install clean help toolchain

all: build

build: toolchain ## build the static release binary, target/authpost
	@$(BUILD)
	@ln -f target/$(TARGET)/release/authpost $(BINARY) 2>/dev/null || cp target/$(TARGET)/release/authpost $(BINARY)

toolchain:
	@command -v $(CARGO) >/dev/null || { echo "make: cargo is not installed; Rust $(NEEDED) or later is needed: https://rustup.rs"; exit 1; }
	@have=$$(rustc --version | cut -d' ' -f2); \
	printf '%s\n%s\n' "$(NEEDED)" "$${have%%-*}" | sort -C -V || \
	{ echo "make: this is Rust $$have, and $(NEEDED) or later is needed: rustup update"; exit 1; }

demo: build ## make a POST for real, to a small API on this machine
	@$(CARGO) build --locked --quiet --example demo-api
	@sh tests/demo/demo.sh $(BINARY) target/debug/examples/demo-api

test: build ## run all tests, against the static binary
	AUTHPOST_BIN=$(CURDIR)/$(BINARY) $(CARGO) test --locked

lint: toolchain ## check format, lints and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --quiet --no-deps --document-private-items

install: build ## install binary, manual page and completions under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/authpost
	$(BINARY) --man > $(DESTDIR)$(PREFIX)/share/man/man1/authpost.1
	$(BINARY) --completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/authpost
	$(BINARY) --completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_authpost
	$(BINARY) --completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/authpost.fish

clean: ## remove what was built
	$(CARGO) clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10
