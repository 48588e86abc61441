#!/usr/bin/env bash
# Builds the static binary for musl, arm64, armhf and i386 in a Debian sid of its own, and makes a POST with each (those that
# this machine cannot run, under qemu); then the tests that ask neither for speed, memory nor a terminal run against each.
# usage: build.sh [DIR [TARGET...]]   as root; DIR keeps the Debian and what was built for the next time, else it is removed
# Needs debootstrap, 4 GB of disk, and apt's mirror and crates.io. It takes a quarter of an hour, so 'make test' leaves it out.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Rust's name, the compiler that links it, and what runs it
targets=(
    "x86_64-unknown-linux-musl     cc                        env"
    "aarch64-unknown-linux-gnu     aarch64-linux-gnu-gcc     qemu-aarch64"
    "armv7-unknown-linux-gnueabihf arm-linux-gnueabihf-gcc   qemu-arm"
    "i686-unknown-linux-gnu        i686-linux-gnu-gcc        qemu-i386"
)
packages=(
    ca-certificates rustc cargo rust-src gcc make musl-tools qemu-user
    libc6-dev libc6-dev:{arm64,armhf,i386}
    gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-i686-linux-gnu
)

say() { printf '\n==> %s\n' "$*"; }
inside() { chroot "$sid" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }

if [ $# -gt 0 ]; then
    sid=$1
else
    mkdir -p target
    sid=$(mktemp -d "$PWD/target/cross-XXXXXX")
    trap 'rm -rf "$sid"' EXIT
fi

# What apt says of mirror, proxy and checks goes for the Debian inside too.
if [ ! -e "$sid/ready" ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    say "debootstrap sid $sid $mirror"
    debootstrap --variant=minbase sid "$sid" ${mirror:+"$mirror"}
    apt-config dump | grep -E '^Acquire::(Check|Retries|http|https)' >"$sid/etc/apt/apt.conf.d/50host" || true
    for architecture in arm64 armhf i386; do inside dpkg --add-architecture "$architecture"; done
    inside apt-get -q update
    inside apt-get -q -y --no-install-recommends install "${packages[@]}"
    touch "$sid/ready"
fi
# The host's name servers, and the authorities that it trusts.
cp -L /etc/resolv.conf "$sid/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$sid/etc/ssl/certs/"

# Debian has no Rust library for musl; BUILD_STD makes one. The C library and its start files are laid out as rustup does.
# Its libunwind.a may be empty: src/no-unwind.ld leaves nothing of it.
say "musl"
inside sh -euc '
    lib=$(rustc --print target-libdir --target x86_64-unknown-linux-musl)/self-contained
    mkdir -p "$lib"
    cd /usr/lib/x86_64-linux-musl
    cp rcrt1.o crt1.o Scrt1.o crti.o crtn.o libc.a "$lib"
    for file in crtbegin.o crtbeginS.o crtend.o crtendS.o; do cp "$(gcc -print-file-name=$file)" "$lib"; done
    ar rc "$lib/libunwind.a"'

mkdir -p "$sid/src/target"
git ls-files -z | tar --null -T - -c | tar -x -C "$sid/src"
inside make -s -C /src target/demo-api

built=0
for line in "${targets[@]}"; do
    read -r target linker run <<<"$line"
    [[ $# -lt 2 || " ${*:2} " == *" $target "* ]] || continue
    say "$target"
    name=$(tr a-z- A-Z_ <<<"$target")
    inside "CARGO_TARGET_${name}_LINKER=$linker" make -s -C /src TARGET="$target" BUILD_STD=1
    binary=/src/target/$target/release/authpost
    ls -l "$sid$binary"
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$run" "$binary" >"$sid/src/target/run"
    chmod 755 "$sid/src/target/run"
    inside sh -c 'cd /src && sh tests/demo/demo.sh target/run target/demo-api'
    inside AUTHPOST_BIN=/src/target/run cargo test -q --locked --manifest-path /src/Cargo.toml --test tests -- \
        send:: document:: exits:: tls::
    built=$((built + 1))
done
[ "$built" -gt 0 ] || { echo "build.sh: no such target: ${*:2}" >&2; exit 1; }

say "all is well"
