#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `make check`: installs what the tests need where it is missing, then runs them all (tools/check.py).
cd "$(dirname "$0")/.." || exit 1
if ! tools/dependencies.sh build check demo; then
  echo "0 passed, 1 failed"
  exit 1
fi
exec /usr/bin/python3 tools/check.py "$@"
