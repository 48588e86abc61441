#!/bin/sh
# Installs what 'make dist' and 'make dist-test' need on Debian 12 or later, or Ubuntu: install-tools.sh, as root with cargo.
# The cargo tools are built without optimisation: they then run as fast as the packages need, and are built in a third of the
# time.
set -eu
apt-get -q update
DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
    gcc libc6-dev make musl-tools \
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross \
    gcc-i686-linux-gnu libc6-dev-i386-cross \
    git python3 buildah netavark podman runc lintian rpm debootstrap systemd-container
for tool in cargo-deb cargo-generate-rpm cargo-cyclonedx; do
    command -v "$tool" >/dev/null || cargo install --locked --debug "$tool"
done
