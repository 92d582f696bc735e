#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test of the project, from a clean clone or again after a change.

Each step prints one line with its time; what failed is printed in full. Builds live in build-check-*/ and are
kept, so that a second run compiles only what changed. The last line is `N passed, M failed`, the sum over all
steps: a build or a check of the sources counts one, so does each Meson test and each pytest test.
"""
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import contract

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"  # Debian's pytest and hypothesis are seen by this one alone
JOBS = str(os.cpu_count() or 2)
ASAN, RELEASE, CLANG = "build-check-asan", "build-check-release", "build-check-clang"

# Settings of the service that stand in the caller's environment must not reach the tests.
SETTINGS = ("DIFF_", "GRAPHER_", "VPC_FLOW_LOGS_", "RUNTIME_", "AWS_", "STREAM_APPLIANCE_", "USE_IAM", "PORT")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
ENVIRONMENT |= {
    "LC_ALL": "C.UTF-8",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:suppressions=" + str(ROOT / "tests/tsan.supp"),
    "PYTHONDONTWRITEBYTECODE": "1",
}


# What a build says of its progress: what failed is shown without it.
NOISE = re.compile(r"\[\d+/\d+\] |ninja: (Entering|no work)|Compiler for C supports|Dependency |\s*$")


class Count:
    passed = 0
    failed = 0


ran = []  # pairs of a test's name and whether it passed, for the contract


def run(command, **more_environment):
    """The exit status of a command and all that it printed."""
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT | more_environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def report(name, began, passed, failed, output):
    Count.passed += passed
    Count.failed += failed
    verdict = "ok    " if failed == 0 else "FAILED"
    count = "" if passed + failed == 1 else f"  {passed} passed" + (f", {failed} failed" if failed else "")
    print(f"{verdict} {time.monotonic() - began:6.1f} s  {name}{count}", flush=True)
    if failed:
        print("\n".join("    " + line for line in output.splitlines() if not NOISE.match(line)), flush=True)


def check(name, command):
    """A step that counts one. True where it passed."""
    began = time.monotonic()
    status, output = run(command)
    report(name, began, int(status == 0), int(status != 0), output)
    return status == 0


def build(name, folder, *options, compiler="gcc"):
    began = time.monotonic()
    status, output = 0, ""
    if not (ROOT / folder / "build.ninja").exists():
        status, output = run(["meson", "setup", "--wipe", folder, *options] if (ROOT / folder).exists()
                             else ["meson", "setup", folder, *options], CC=compiler)
    if status == 0:
        status, output = run(["ninja", "-k", "0", "-C", folder, "-j", JOBS])
    report(name, began, int(status == 0), int(status != 0), output)
    return status == 0


def meson_tests(name, folder, *suites, timeout_multiplier="3"):
    """Runs Meson tests and counts each of them."""
    began = time.monotonic()
    log = ROOT / folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    status, output = run(["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", JOBS,
                          "--timeout-multiplier", timeout_multiplier,
                          *(word for suite in suites for word in ("--suite", suite))])
    tests = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    bad = [test for test in tests if test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")]
    passed = sum(test["result"] in ("OK", "EXPECTEDFAIL") for test in tests)
    text = "\n".join(f"{test['name']}: {test['result']}\n{test.get('stdout', '')}{test.get('stderr', '')}"
                     for test in bad)
    failed = len(bad) if bad else int(status != 0 or not tests)
    report(name, began, passed, failed, text or output)
    ran.extend(contract.unit_tests(tests))


def pytest(name, folder, **environment):
    """Runs a pytest suite and counts each test; a skipped one counts nothing and is named."""
    began = time.monotonic()
    results = ROOT / ASAN / "pytest.xml"
    results.unlink(missing_ok=True)
    # Most of the time goes by in waiting for services: three files at a time, each file in order.
    status, output = run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-ra", "--durations=5", "-n", "3",
                          "--dist", "loadfile", f"--junitxml={results}", folder], **environment)
    passed = failed = 0
    if results.exists():
        for suite in ElementTree.parse(results).getroot().iter("testsuite"):
            bad = int(suite.get("failures")) + int(suite.get("errors"))
            failed += bad
            passed += int(suite.get("tests")) - bad - int(suite.get("skipped"))
    if failed == 0 and (status != 0 or passed == 0):
        failed = 1
    report(name, began, passed, failed, output)
    if results.exists():
        ran.extend(contract.pytest_tests(results))
    if failed == 0:
        for line in output.splitlines():
            if line.startswith("SKIPPED"):
                print("                 " + line, flush=True)


def promises():
    """Each promise of tests/contract.toml was proved by the tests that it names."""
    began = time.monotonic()
    unproved = contract.check(ran)
    report("contract: every promise to peers was proved by a test that ran", began, int(not unproved),
           int(bool(unproved)), "\n".join(unproved))


def main():
    began = time.monotonic()
    for what, meaning in (("format", "clang-format agrees with every C file"),
                          ("order", "each folder includes only what stands above it"),
                          ("licence", "every source names its licence"),
                          ("length", "files and functions are short"),
                          ("paths", "no file names a path of one machine"),
                          ("scripts", "shell scripts parse")):
        check(f"{what}: {meaning}", [PYTHON, "tools/check_source.py", what])

    build("build: gcc, release, warnings are errors", RELEASE, "-Dwerror=true", "-Dtests=false")
    if build("build: gcc, ASan and UBSan", ASAN, "-Dbuildtype=debugoptimized", "-Dwerror=true",
             "-Db_sanitize=address,undefined"):
        meson_tests("tests under ASan and UBSan: unit, order, golden, fuzz corpora", ASAN)
        pytest("end to end under ASan and UBSan", "tests", VPCFLOW_DIFFD=str(ROOT / ASAN / "vpcflow-diffd"),
               VPCFLOW_DIFFD_PLAIN=str(ROOT / RELEASE / "vpcflow-diffd"))
    if build("build: clang, TSan, warnings are errors", CLANG, "-Dbuildtype=debugoptimized", "-Dwerror=true",
             "-Db_sanitize=thread", "-Db_lundef=false", compiler="clang"):
        meson_tests("unit tests under TSan", CLANG, "unit", timeout_multiplier="5")
        check("clang-tidy finds nothing", [PYTHON, "tools/check_source.py", "tidy", CLANG])
    promises()

    print(f"\nall steps: {time.monotonic() - began:.0f} s", flush=True)
    print(f"{Count.passed} passed, {Count.failed} failed", flush=True)
    return int(Count.failed > 0 or Count.passed == 0)


if __name__ == "__main__":
    sys.exit(main())
