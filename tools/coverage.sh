#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints how many lines of each source file the tests reach, with clang's coverage.
#   tools/coverage.sh [SUITE...]      suites of Meson tests: fuzz (the corpora), unit; default: both
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-coverage
tools/dependencies.sh build check
# Programs that the build itself runs leave no profile.
export LLVM_PROFILE_FILE=/dev/null
[ -f $build/build.ninja ] || CC=clang meson setup $build -Dbuildtype=debug -Db_lundef=false \
  -Dc_args='-fprofile-instr-generate -fcoverage-mapping' -Dc_link_args='-fprofile-instr-generate' >/dev/null
ninja -C $build | tail -n 1
rm -rf $build/profiles && mkdir $build/profiles

suites=()
for suite in "${@:-fuzz}"; do suites+=(--suite "$suite"); done
[ $# -gt 0 ] || suites+=(--suite unit)
LLVM_PROFILE_FILE=$PWD/$build/profiles/%p.profraw meson test -C $build --no-rebuild "${suites[@]}" >/dev/null || echo "some tests failed" >&2
find $build/profiles -name '*.profraw' >$build/profiles/list
llvm-profdata-14 merge -sparse -f $build/profiles/list -o $build/profiles/all.profdata

objects=()
for program in $build/fuzz/*_replay $build/src/*/*_test; do [ -x "$program" ] && objects+=(-object "$program"); done
llvm-cov-14 report "${objects[@]}" -instr-profile=$build/profiles/all.profdata \
  -ignore-filename-regex='(_test|_fuzz|replay_main)\.c$' |
  awk '/\.[ch] |^TOTAL/ { printf "%-44s %6d lines, %s reached\n", $1, $8, $10 }'
