#!/usr/bin/env bash
# Unpacks PgBouncer of Debian trixie, its libraries and its loader into the folder $1. Nothing is
# installed, and apt's own lists stay as they are.
set -euo pipefail

packages=(
    pgbouncer libc6 libcares2 libevent-2.1-7t64 libssl3t64 libpam0g libaudit1 libcap-ng0
    libsystemd0 libcap2 libgcc-s1 libzstd1 zlib1g
)
mkdir -p "$1"
target=$(cd "$1" && pwd)
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state"/{lists/partial,cache/archives/partial}

mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
key=$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
echo "deb [signed-by=$key] $mirror trixie main" > "$state/trixie.list"
apt=(
    -qq -o "Dir::Etc::sourcelist=$state/trixie.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache"
    -o APT::Sandbox::User=root
)
apt-get "${apt[@]}" update
cd "$state"
apt-get "${apt[@]}" download "${packages[@]}"
for package in ./*.deb; do
    dpkg-deb --extract "$package" "$target"
done
