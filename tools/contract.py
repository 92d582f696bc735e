#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whether each promise of tests/contract.toml was proved by the tests that it names.

`make check` calls check() with what ran. By hand, tools/contract.py looks whether the names stand in the sources at
all, and prints those that do not.
"""
import re
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent


def promises():
    return tomllib.loads((ROOT / "tests" / "contract.toml").read_text())


def unit_tests(meson_tests):
    """Names and verdicts of Meson's tests, and of the cmocka tests in what they printed."""
    for test in meson_tests:
        name = test["name"].split(" / ")[-1]
        yield name, test["result"] in ("OK", "EXPECTEDFAIL")
        for verdict, inner in re.findall(r"^\[\s+(OK|FAILED|ERROR|SKIPPED)\s+\] (\w+)\s*$",
                                         test.get("stdout", "") + test.get("stderr", ""), re.M):
            yield f"{name}::{inner}", verdict == "OK"


def pytest_tests(junit_xml):
    """Names without parameters, and verdicts, of a pytest run."""
    for case in ElementTree.parse(junit_xml).getroot().iter("testcase"):
        module = case.get("classname").removeprefix("tests.").replace(".", "/")
        passed = not any(case.find(what) is not None for what in ("failure", "error", "skipped"))
        yield f"{module}::{case.get('name').split('[')[0]}", passed


def check(ran):
    """`ran`: pairs of a name and whether it passed. Gives a line for each promise that is not proved."""
    verdicts = {}
    for name, passed in ran:
        verdicts[name] = verdicts.get(name, True) and passed
    found = []
    for promise, entry in promises().items():
        if not entry["tests"]:
            found.append(f"{promise}: no test: {entry['says']}")
        for name in entry["tests"]:
            if not verdicts.get(name, False):
                found.append(f"{promise}: {name} {'did not pass' if name in verdicts else 'did not run'}")
    return found


def in_sources(name):
    place, _, test = name.partition("::")
    if place.startswith(("e2e/", "reference/")):
        path = ROOT / "tests" / (place + ".py")
        return path.exists() and f"def {test}(" in path.read_text()
    path = ROOT / "src" / (place + "_test.c")
    if test:
        return path.exists() and re.search(rf"static void {test}\(", path.read_text()) is not None
    return f"test('{place}'" in (ROOT / "meson.build").read_text()


def main():
    found = check((name, in_sources(name)) for entry in promises().values() for name in entry["tests"])
    print("\n".join(found + [f"{len(promises())} promises, {len(found)} faults"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
