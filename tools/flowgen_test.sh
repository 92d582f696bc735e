#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# flowgen gives the same bytes for the same seed, and what it says it gives.
#   tools/flowgen_test.sh FLOWGEN PROGRAM
set -eu
export LC_ALL=C

flowgen=$(realpath "$1")
program=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() { echo "flowgen_test: $*" >&2; exit 1; }
sum() { (cd "$1" && find . -type f | sort | xargs cat | cksum); }
count() { "$program" diff --stat "$@" >counts || [ $? = 1 ]; sed -n "s/^added \(.*\)/\1/p; s/^removed \(.*\)/\1/p" counts | tr '\n' ' '; }

"$flowgen" dot --edges 2000 --seed 5 --out a >/dev/null
"$flowgen" dot --edges 2000 --seed 5 --out b >/dev/null
"$flowgen" dot --edges 2000 --seed 6 --out c >/dev/null
"$flowgen" dot --edges 2000 --seed 5 --requote --out q >/dev/null
"$flowgen" dot --edges 2000 --seed 5 --restyle --out y >/dev/null
[ "$(sum a)" = "$(sum b)" ] || fail "one seed, two graphs"
[ "$(sum a)" != "$(sum c)" ] || fail "two seeds, one graph"
[ "$(sum a)" != "$(sum q)" ] || fail "--requote changes nothing"
[ "$(count a/previous.dot a/next.dot)" = "100 100 " ] || fail "5 of 100 edges should differ: $(cat counts)"
[ "$(sum y)" != "$(sum q)" ] || fail "--restyle changes nothing"
[ "$(count a/previous.dot y/previous.dot)" = "0 0 " ] || fail "restyled edges are others: $(cat counts)"
[ "$(count y/previous.dot a/next.dot)" = "100 100 " ] || fail "restyled edges differ otherwise: $(cat counts)"
[ "$(count a/previous.dot q/previous.dot)" = "0 0 " ] || fail "re-quoted edges are others: $(cat counts)"
[ "$(count q/previous.dot a/next.dot)" = "100 100 " ] || fail "re-quoted edges differ otherwise: $(cat counts)"
[ "$("$flowgen" dot --edges 100 --change 0 --out z >/dev/null; count z/previous.dot z/next.dot)" = "0 0 " ] ||
  fail "nothing should differ: $(cat counts)"

"$flowgen" logs --records 4000 --clients 50 --seed 5 --out la >said
"$flowgen" logs --records 4000 --clients 50 --seed 5 --out lb >/dev/null
[ "$(sum la)" = "$(sum lb)" ] || fail "one seed, two sets of logs"
[ "$(find la -name '*.log.gz' | wc -l)" = "$(sed -n 's/^files //p' said)" ] || fail "files are missing"
[ "$(find la -name '*.log.gz' -exec gzip -dc {} + | grep -c ' OK$')" = "$(sed -n 's/^records //p' said)" ] ||
  fail "records are missing"
