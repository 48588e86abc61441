#!/usr/bin/env bash
# Proves what 'make dist' builds: 'make dist-test', as root, with what install-tools.sh installs.
# Built again in another directory it has the same checksums. Then, as a new user would: on fresh Debians that are booted,
# the Debian package and the tarball each make a POST, a cron job and a systemd timer of the README; the image, the RPM
# package and 'cargo install' make a POST. target/roots keeps the Debians for the next time.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "make dist-test: $*" >&2; exit 1; }
say() { printf '\n==> %s\n' "$*"; }

[ "$(id -u)" = 0 ] || fail "run it as root"
for tool in debootstrap systemd-nspawn podman runc lintian rpm python3; do
    command -v "$tool" >/dev/null || fail "$tool is not installed; see tests/dist/install-tools.sh"
done
[ -z "$(git status --porcelain)" ] || fail "commit first: what is tested is the commit"

mkdir -p target
work=$(mktemp -d "$PWD/target/dist-test-XXXXXX")
children=()
finish() {
    exec 3>&-
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT
mkdir "$work/shared"
touch "$work/shared/log"

say "make dist"
make --no-print-directory dist

say "the same in another directory"
git clone -q --no-hardlinks . "$work/another place"
make --no-print-directory -C "$work/another place" dist >/dev/null
diff target/dist/SHA256SUMS "$work/another place/target/dist/SHA256SUMS" || fail "it is not reproducible"
rm -rf "$work/another place"
(cd target/dist && sha256sum --quiet --strict --check SHA256SUMS)

say "lintian"
lintian --allow-root --fail-on error target/dist/*.deb

say "the API"
mkfifo "$work/stdin" "$work/url"
python3 tests/dist/api.py "$work/shared/log" <"$work/stdin" >"$work/url" &
exec 3>"$work/stdin"
read -r url <"$work/url"
echo "$url"
printf 's3cr3t\n' | install -m 600 /dev/stdin "$work/token"
export NO_PROXY=127.0.0.1

# Whether the API has this document of this path.
posted() { grep -qxF "/$1 {\"key\":\"value\"}" "$work/shared/log" || fail "no POST came from $1"; }

say "the Debians"
cp target/dist/*_amd64.deb target/dist/*-x86_64-linux.tar.gz README.md tests/dist/inside.sh "$work/shared"
dpkg-deb -R target/dist/*_amd64.deb "$work/older"
sed -i 's/^Version: .*/Version: 0~older/' "$work/older/DEBIAN/control"
dpkg-deb -b "$work/older" "$work/shared/older.deb" >/dev/null
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
packages=systemd-sysv,cron,man-db,bash-completion,curl
for suite in bookworm trixie; do
    debian=target/roots/$suite
    if [ "$(cat "$debian/etc/ready" 2>/dev/null)" != "$packages" ]; then
        rm -rf "$debian"
        mkdir -p target/roots
        debootstrap --variant=minbase --include="$packages" "$suite" "$debian" \
            "${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap" || { tail "$work/debootstrap"; fail "debootstrap $suite"; }
        echo "$packages" >"$debian/etc/ready"
    fi
    for kind in deb tar; do
        name=$suite-$kind
        cp -a --reflink=auto "$debian" "$work/$name"
        cat >"$work/$name/etc/systemd/system/inside.service" <<END
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /shared/inside.sh $name $kind $url
[Install]
WantedBy=multi-user.target
END
        systemctl --root "$work/$name" enable --quiet inside.service
        timeout 300 systemd-nspawn --quiet --register=no --keep-unit --boot --console=pipe --machine "authpost-$name" \
            --bind "$work/shared:/shared" --directory "$work/$name" </dev/null >"$work/$name.boot" 2>&1 &
        children+=($!)
    done
done

say "cargo install, and cargo publish --dry-run"
cargo install --quiet --locked --path . --root "$work/cargo" --target-dir target
"$work/cargo/bin/authpost" -V
"$work/cargo/bin/authpost" -q --token-file "$work/token" "$url/cargo" key=value
posted cargo
cargo publish --quiet --dry-run --locked

say "the RPM package"
rpm -i --root "$work/rpm" --nodeps target/dist/*.x86_64.rpm
"$work/rpm/usr/bin/authpost" -q --token-file "$work/token" "$url/rpm" key=value
posted rpm

say "the image"
# Limits that a container which runs this may set, and storage that is removed.
podman=(podman --log-level error --root "$work/podman" --runroot "$work/podman.run" --storage-driver vfs
    --cgroup-manager cgroupfs --runtime runc)
image=$("${podman[@]}" load --quiet --input "$(ls target/dist/*-x86_64.oci.tar)")
install -m 600 -o 65534 "$work/token" "$work/nobody"
"${podman[@]}" run --rm --network host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
    --volume "$work/nobody:/token:ro" "${image##* }" -q --token-file /token "$url/image" key=value
posted image

for suite in bookworm trixie; do
    for kind in deb tar; do
        name=$suite-$kind
        wait "${children[0]}" || true
        children=("${children[@]:1}")
        if [ "$(cat "$work/shared/$name.exit" 2>/dev/null)" != 0 ]; then
            tail -n 20 "$work/$name.boot"
            cat "$work/shared/$name.out" || true
            fail "$name failed"
        fi
        say "$name: $(sed -n 's/^authpost \([0-9.]*\)$/\1/p' "$work/shared/$name.out"), POST, cron and timer"
    done
done
say "all is well"
