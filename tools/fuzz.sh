#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs libFuzzer on each target for TIME seconds, from the kept corpus and from what earlier runs found
# (build-fuzz/found/NAME, which is not tracked). A crash's input is kept below build-fuzz/crashes/.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-fuzz
[ -f $build/build.ninja ] || CC=clang meson setup $build -Dbuildtype=debugoptimized -Dfuzz=true -Dtests=false >/dev/null
ninja -C $build -j "${JOBS:-$(nproc)}" | tail -n 1

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for program in "$build"/fuzz/*_fuzz; do
    name=$(basename "$program" _fuzz)
    names+=("$name")
  done
fi
failed=0
for name in "${names[@]}"; do
  mkdir -p "$build/found/$name" "$build/crashes/$name"
  dictionary=()
  [ -f "fuzz/$name.dict" ] && dictionary=("-dict=fuzz/$name.dict")
  log=$build/found/$name.log
  if "$build/fuzz/${name}_fuzz" -max_total_time="${TIME:-60}" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
    "-artifact_prefix=$build/crashes/$name/" "${dictionary[@]}" "$build/found/$name" "fuzz/corpus/$name" >"$log" 2>&1; then
    printf '%-24s ok      %12s inputs, cov %s\n' "$name" \
      "$(awk '/number_of_executed_units/ { print $2 }' "$log")" "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)"
  else
    printf '%-24s FAILED  see %s and %s\n' "$name" "$log" "$build/crashes/$name/"
    tail -n 40 "$log"
    failed=1
  fi
done
exit $failed
