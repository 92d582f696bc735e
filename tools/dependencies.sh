#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes sure that the Debian packages are there which a task needs.
#   tools/dependencies.sh [--look | --list] TASK...       tasks: build check demo bench
# Installs what is missing, and only then needs root: as root, by sudo without a password, or, on a terminal,
# by sudo that asks. Elsewhere it says which command to run and fails; it never waits for an answer that cannot
# come. --look only looks; --list prints the packages.
set -eu

build='build-essential meson ninja-build pkg-config libxxhash-dev libisal-dev uuid-dev libsqlite3-dev
  libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev libssl-dev libexpat1-dev libnats-dev'
check='git clang clang-format clang-tidy libclang-rt-14-dev llvm-14 libcmocka-dev python3 python3-pytest python3-pytest-xdist
  python3-hypothesis python3-requests graphviz openssl strace sqlite3 curl jq isal python3-boto3 python3-yaml systemd nats-server radosgw ceph-mon ceph-osd ceph-mgr ceph-common'
demo='curl graphviz'
bench='python3 isal'

mode=install
packages=
for word in "$@"; do
  case $word in
    --look) mode=look ;;
    --list) mode=list ;;
    build) packages="$packages $build" ;;
    check) packages="$packages $check" ;;
    demo) packages="$packages $demo" ;;
    bench) packages="$packages $bench" ;;
    *) echo "tools/dependencies.sh: unknown task '$word' (build, check, demo, bench)" >&2; exit 2 ;;
  esac
done

if [ $mode = list ]; then
  printf '%s\n' $packages | sort -u
  exit 0
fi
if ! command -v dpkg-query >/dev/null; then
  echo "Not a Debian system: make sure that the equivalents of these are installed:" $packages >&2
  exit 0
fi

missing=
for package in $(printf '%s\n' $packages | sort -u); do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root='sudo -n'
elif command -v sudo >/dev/null && [ -t 0 ] && [ -t 2 ]; then
  as_root=sudo
else
  as_root=none
fi
if [ $mode = look ] || [ "$as_root" = none ]; then
  echo "Debian packages are missing. Install them with:" >&2
  echo "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing" >&2
  exit 1
fi

echo "Installing Debian packages:$missing"
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}
# An old list of packages is enough where it knows them all; where it does not, it is fetched once.
apt install -y --no-install-recommends $missing >/dev/null 2>&1 || {
  apt update && apt install -y --no-install-recommends $missing
} || {
  echo "The packages could not be installed; the text above says why. Needed:$missing" >&2
  exit 1
}
