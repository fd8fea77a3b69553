#!/usr/bin/env bash
# Installs what is missing to build and test runnel on Debian 12. Says what; skips what is there.
# Root or sudo is needed for the installation step only.
#   tools/setup.sh          build and test packages
#   tools/setup.sh arm      and those of `make check-arm`
set -euo pipefail

packages=(gcc g++ cmake make ninja-build pkg-config libyaml-dev libjansson-dev libssl-dev
          libcurl4-openssl-dev libzip-dev libarchive-dev libmicrohttpd-dev libzstd-dev libsnappy-dev zlib1g-dev liblz4-dev libpcre2-dev
          libopenblas-dev libcairo2-dev libopenmpi-dev openmpi-bin libseccomp-dev libcriterion-dev tmux clang libclang-rt-14-dev libomp-14-dev)
[ "${1:-}" = arm ] && packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
        missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "setup: these Debian packages are missing, and there is no apt-get: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup: as root, run: apt-get install ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${as_root[@]}" apt-get update >"$log" 2>&1 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        "${missing[@]}" >>"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "setup: apt-get failed" >&2
    exit 1
}
