#!/usr/bin/env bash
# Builds what is released into DIR: build.sh DIR, by 'make dist'. For x86_64 and each other machine that has a linker and a
# Rust library here: a tarball, a Debian and an RPM package, and an image; then the licences of what is linked in, the bill
# of materials, and the checksums of all.
# The same commit gives the same bytes: every time in them is that of the commit, or SOURCE_DATE_EPOCH.
set -euo pipefail
cd "$(dirname "$0")/../.."
dist=$1

fail() { echo "make dist: $*" >&2; exit 1; }
say() { printf '\n==> %s\n' "$*"; }

# name, where it comes from
while read -r tool from; do
    command -v "$tool" >/dev/null || fail "$tool is not installed: $from"
done <<END
cargo-deb          cargo install --locked cargo-deb
cargo-generate-rpm cargo install --locked cargo-generate-rpm
cargo-cyclonedx    cargo install --locked cargo-cyclonedx
buildah            apt-get install buildah
python3            apt-get install python3
END

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || fail "set SOURCE_DATE_EPOCH: this is no git checkout"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022

# Debian's names of the linkers.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=${CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER:-aarch64-linux-gnu-gcc}
export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=${CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER:-arm-linux-gnueabihf-gcc}
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=${CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER:-i686-linux-gnu-gcc}

# Rust's target and the image's platform of all that can be built here; musl rather than glibc.
targets=()
while read -r target platform; do
    linker=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_LINKER
    libraries=$(rustc --print target-libdir --target "$target" 2>/dev/null) || continue
    case " ${targets[*]-} " in *" $platform "*) continue ;; esac
    if [ -d "$libraries" ] && command -v "${!linker:-cc}" >/dev/null; then targets+=("$target" "$platform"); fi
done <<END
x86_64-unknown-linux-musl     linux/amd64
x86_64-unknown-linux-gnu      linux/amd64
aarch64-unknown-linux-gnu     linux/arm64
armv7-unknown-linux-gnueabihf linux/arm/v7
i686-unknown-linux-gnu        linux/386
END
[ ${#targets[@]} -gt 0 ] || fail "no target can be built here"

# Smaller where the source of Rust's library is installed, see the Makefile.
build_std=
if [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then build_std=1; fi

rm -rf "$dist" target/packages
mkdir -p "$dist" target/packages
dist=$(realpath "$dist")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The files below a directory, without the directories: 'tar -xC /usr/local' then changes the mode of none that is there.
archive() { # DIRECTORY NAMES...
    find "$@" -type f -print0 | sort -z |
        tar --null --no-recursion -T - -c --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu
}

# Read by cargo-deb and cargo-generate-rpm too, see Cargo.toml.
names=()
for ((i = 0; i < ${#targets[@]}; i += 2)); do names+=("${targets[i]}"); done
python3 tests/dist/licences.py "${names[@]}" >target/packages/THIRD-PARTY-LICENSES
# As the Debian copyright format wants it: indented, a dot for an empty line.
cat - LICENSE-MIT <<END | sed 's/^$/./; s/^/ /' >target/packages/copyright
The source is at https://github.com/authpost/authpost. The licence is MIT or Apache-2.0, at your choice. On Debian, the
text of Apache-2.0 is in /usr/share/common-licenses/Apache-2.0. The licences of what is linked into the binary are in
THIRD-PARTY-LICENSES, in this directory. The text of MIT:

END
gzip -9n <CHANGELOG.md >target/packages/changelog.gz
gzip -9n >target/packages/changelog.Debian.gz <<END
authpost ($version-1) unstable; urgency=medium

  * See CHANGELOG.md.

 -- The authpost authors <authpost@users.noreply.github.com>  $(date -R -d "@$SOURCE_DATE_EPOCH")
END

for ((i = 0; i < ${#targets[@]}; i += 2)); do
    target=${targets[i]} platform=${targets[i + 1]}
    machine=${target%%-*}
    say "$target"
    make --no-print-directory build TARGET="$target" BUILD_STD=$build_std
    binary=target/$target/release/authpost

    # A tree as below /usr/local. cargo-generate-rpm takes the times of the files as they are.
    tree=authpost-$version-$machine-linux
    make --no-print-directory -s install TARGET="$target" BINARY="$binary" DESTDIR="$work/$tree" PREFIX=
    install -D -m 644 -t "$work/$tree/share/doc/authpost" \
        README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE target/packages/THIRD-PARTY-LICENSES
    (cd "$work" && archive "$tree") | gzip -9n >"$dist/$tree.tar.gz"

    rm -rf target/packages/tree
    cp -r "$work/$tree" target/packages/tree
    find target/packages/tree -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
    cargo deb --quiet --locked --no-build --no-strip --target "$target" --output "$dist"
    cargo generate-rpm --target "$target" --source-date "$SOURCE_DATE_EPOCH" --output "$dist"

    # An image of its own storage, so that nothing is left in that of the user.
    context=$work/image-$machine
    install -D -m 755 "$binary" "$context/usr/bin/authpost"
    cp -r "$work/$tree/share/doc" -t "$(mkdir -p "$context/usr/share" && echo "$context/usr/share")"
    storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
    # Newer versions take the time from SOURCE_DATE_EPOCH as well, and refuse to be told it twice.
    env -u SOURCE_DATE_EPOCH buildah --log-level error "${storage[@]}" build --quiet --format oci --isolation chroot --platform "$platform" --identity-label=false \
        --timestamp "$SOURCE_DATE_EPOCH" --label "org.opencontainers.image.version=$version" \
        --file tests/deploy/Containerfile --tag "authpost:$machine" "$context" >/dev/null
    buildah --log-level error "${storage[@]}" push --quiet --format oci "authpost:$machine" "oci:$work/oci-$machine:authpost:$version"
    (cd "$work/oci-$machine" && archive .) >"$dist/authpost-$version-$machine.oci.tar"
done

say "the bill of materials"
# It is written beside Cargo.toml, and names the directory that it was made in.
bom=authpost-$version.cdx
cargo cyclonedx --quiet --format json --no-build-deps --all --target "${targets[0]}" --override-filename "$bom"
sed 's|path+file://[^"#]*#|path+file:///#|g' "$bom.json" >"$dist/$bom.json"
rm "$bom.json"
if grep -n "$PWD" "$dist/$bom.json"; then fail "$bom.json names a directory of this machine"; fi

cp target/packages/THIRD-PARTY-LICENSES "$dist"
(cd "$dist" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" . && chmod 644 -- *)
say "made"
cat "$dist/SHA256SUMS"
