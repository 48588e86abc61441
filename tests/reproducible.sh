#!/bin/sh
# Builds the binary in two directories, each with a CARGO_HOME of its own: the bytes must be the same. .ci/run runs it; it
# takes some minutes. What was downloaded already is taken from the caller's CARGO_HOME.
set -eu
cd "$(dirname "$0")/.."
cache=${CARGO_HOME:-$HOME/.cargo}/registry/cache

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

build() {
    mkdir -p "$dir/$1/source" "$dir/$1/cargo/registry"
    git ls-files -z | tar --null -T - -c | tar -x -C "$dir/$1/source"
    [ ! -d "$cache" ] || cp -R "$cache" "$dir/$1/cargo/registry/"
    CARGO_HOME=$dir/$1/cargo make -s -C "$dir/$1/source"
    sum=$(sha256sum <"$dir/$1/source/target/authpost")
    echo "${sum%% *} $1"
    ! grep -aq "$dir" "$dir/$1/source/target/authpost" || { echo "reproducible: the binary names $dir" >&2; exit 1; }
}

build a
first=$sum
build another/directory
[ "$sum" = "$first" ] || { echo "reproducible: two builds of one source differ" >&2; exit 1; }
