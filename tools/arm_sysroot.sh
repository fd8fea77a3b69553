#!/usr/bin/env bash
# Unpacks Debian's arm64 libraries, with all they depend on, into a folder of their own, for
# cross-building and for qemu-user. Nothing foreign is installed and root is not needed: apt works
# on package lists and a cache under the folder, with the system's sources and keys.
#   tools/arm_sysroot.sh build-arm/sysroot
set -euo pipefail

root=${1:?usage: tools/arm_sysroot.sh FOLDER}
packages=(libc6-dev libgomp1 libstdc++6 libyaml-dev libjansson-dev libssl-dev
          libcurl4-openssl-dev libzip-dev libarchive-dev libmicrohttpd-dev libzstd-dev libsnappy-dev zlib1g-dev liblz4-dev libpcre2-dev
          libopenblas-pthread-dev libseccomp-dev)
libraries=usr/lib/aarch64-linux-gnu

stamp=$root/.packages
[ "$(cat "$stamp" 2>/dev/null)" = "${packages[*]}" ] && exit 0
if [ -e "$root" ] && [ ! -e "$stamp" ] && [ ! -e "$root/.apt" ]; then
    echo "arm_sysroot: $root is there and was not made by this script" >&2
    exit 1
fi
rm -rf "$root"
mkdir -p "$root"
root=$(cd "$root" && pwd)
apt=$root/.apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/state/status"

arm_apt() {
    apt-get -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root \
        -o Dir::State="$apt/state" -o Dir::State::status="$apt/state/status" \
        -o Dir::Cache="$apt/cache" "$@" >>"$apt/log" 2>&1 || {
        tail -n 20 "$apt/log" >&2
        echo "arm_sysroot: apt-get failed" >&2
        exit 1
    }
}

echo "arm_sysroot: unpacking ${packages[*]}, for arm64"
arm_apt update
arm_apt install -y --no-install-recommends --download-only "${packages[@]}"
for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$root"
done

# What the packages' scripts would do: choose OpenBLAS's build with threads.
ln -sf openblas-pthread/libopenblas.so.0 "$root/$libraries/libopenblas.so.0"
# Links to absolute paths would leave the folder.
find "$root/usr" "$root/lib" -lname '/*' -print0 | while IFS= read -r -d '' link; do
    ln -sfnr "$root$(readlink "$link")" "$link"
done
rm -rf "$apt"
echo "${packages[*]}" >"$root/.packages"
