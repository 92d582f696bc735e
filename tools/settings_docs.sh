#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Puts the program's own table of settings into README.md and the man page, between their markers.
#   tools/settings_docs.sh PROGRAM           writes it
#   tools/settings_docs.sh --check PROGRAM   only looks, and fails where a document is behind
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
check=no
if [ "${1:-}" = --check ]; then
  check=yes
  shift
fi
[ $# = 1 ] || { echo "usage: tools/settings_docs.sh [--check] PROGRAM" >&2; exit 2; }
program=$1
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
status=0

# update FILE OPTION BEGIN END: BEGIN and END are the lines that hold the markers.
update() {
  "$program" config "$2" >"$new/table"
  table=$new/table begin=$3 end=$4 awk '
    BEGIN { table = ENVIRON["table"]; begin = ENVIRON["begin"]; end = ENVIRON["end"] }
    $0 == begin { print; while ((getline line < table) > 0) print line; skip = 1; found++ }
    $0 == end { skip = 0; found++ }
    !skip { print }
    END { if (found != 2) exit 1 }' "$root/$1" >"$new/text" || { echo "$1: the markers are missing" >&2; exit 2; }
  if cmp -s "$new/text" "$root/$1"; then
    return
  elif [ $check = yes ]; then
    echo "$1 is behind the table of settings; run: tools/settings_docs.sh build/vpcflow-diffd" >&2
    diff "$root/$1" "$new/text" >&2 || true
    status=1
  else
    cat "$new/text" >"$root/$1"
    echo "$1 is up to date now"
  fi
}

update README.md --markdown '<!-- settings: begin -->' '<!-- settings: end -->'
update docs/vpcflow-diffd.1 --man '.\" settings: begin' '.\" settings: end'
exit $status
