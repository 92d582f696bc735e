# What all tests share: where the reference implementation and the harness are found.
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
for folder in ("reference", "e2e"):
    sys.path.insert(0, str(HERE / folder))
