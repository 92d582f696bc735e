#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of the sources that no compiler makes: tools/check_source.py format|order|licence|length|paths|...

Each prints what it found as file:line: text and exits 1, or prints nothing and exits 0.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The one-way order (docs/ARCHITECTURE.md): a folder may include what stands before it, and itself.
ORDER = ["include/diffd", "src/base", "src/core", "src/net", "src/modules", "src/handlers", "src/runtime",
         "src/service", "src/cli"]
# What src/core must not know: the network, processes, signals, the clock, the environment. (A log is handed in.)
IMPURE_HEADERS = re.compile(r"(sys/socket|sys/un|netinet/.*|netdb|signal|sys/signalfd|syslog|sys/wait|spawn|"
                            r"time|sys/time|sys/random|microhttpd|curl/.*|sqlite3|jansson)\.h")
IMPURE_CALLS = re.compile(r"\b(getenv|secure_getenv|setenv|clock_gettime|gettimeofday|time|socket|getrandom|"
                          r"fork|execv?p?e?|system)\s*\(")
# Standard headers that the public API may use.
LIBC = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "string.h", "sys/types.h", "time.h"}
# Unit tests and what they share; these stand in src/ beside what they test.
TEST_FILE = re.compile(r"_test\.[ch]$|/(?:\w+_)?test_\w+\.[ch]$")
FILE_LINES_MAX, FUNCTION_LINES_MAX = 700, 90


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
                            cwd=ROOT, capture_output=True, check=True).stdout
    names = sorted(name for name in listed.decode().split("\0") if name)
    return [name for name in names if (ROOT / name).is_file()]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def folder_of(name):
    folder = str(Path(name).parent)
    return folder if folder in ORDER else None


def without_comments(source):
    """The source with comments, strings and characters blanked, line breaks kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, source, flags=re.S)


def check_format():
    names = tracked("*.c", "*.h")
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *names], cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if ": error:" in line]
    return lines + ["`make format` mends this"] if done.returncode else []


def check_order():
    found = []
    for name in tracked("include/*.h", "src/*.c", "src/*.h"):
        folder, test = folder_of(name), bool(TEST_FILE.search(name))
        for number, line in enumerate(text(name).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if match:
                fault = include_fault(name, folder, test, *match.groups())
                if fault:
                    found.append(f"{name}:{number}: {fault}")
        if folder == "src/core" and not test:
            for number, line in enumerate(without_comments(text(name)).splitlines(), 1):
                match = IMPURE_CALLS.search(line)
                if match:
                    found.append(f"{name}:{number}: {match.group(1)}(): src/core is pure, hand this in")
    return found


def include_fault(name, folder, test, kind, header):
    if folder is None:  # src/main.c, which stands below all
        return None if name == "src/main.c" else "this folder has no place in the order"
    if kind == "<":
        if folder == "include/diffd" and header not in LIBC:
            return f"<{header}>: public headers include libc and each other alone"
        if folder == "src/core" and not test and IMPURE_HEADERS.fullmatch(header):
            return f"<{header}>: src/core knows no socket, process, signal or clock"
        return None
    if test and header.startswith("plain/"):  # tests/plain, what tests compare with
        return None
    above = "include/diffd" if header.startswith("diffd/") else "src/" + str(Path(header).parent)
    if above not in ORDER:
        return f'"{header}": write it from src/ or include/, as "core/x.h" or "diffd/x.h"'
    if not (ROOT / ("include" if above == "include/diffd" else "src") / header).exists():
        return f'"{header}": no such file'
    if ORDER.index(above) > ORDER.index(folder):
        return f'"{header}": {above} stands below {folder}'
    # A module may be several files: sqlite_queue.c stands on sqlite_queue_db.h.
    if above == folder == "src/modules" and not test and module_of(Path(header).stem) != module_of(Path(name).stem):
        return f'"{header}": modules do not include each other'
    return None


def module_of(stem):
    """The module that a file of src/modules belongs to: nats_queue_held is a part of nats_queue."""
    words = stem.split("_")
    heads = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    return next((head for head in heads if (ROOT / "src/modules" / (head + ".c")).exists()), stem)


def check_licence():
    sources = tracked("*.c", "*.h", "*.py", "*.sh", ".ci/run")
    return [f"{name}:1: no SPDX-License-Identifier: Apache-2.0 in the first two lines" for name in sources
            if text(name).strip() and "SPDX-License-Identifier: Apache-2.0" not in "".join(text(name).splitlines()[:2])]


def functions(source):
    """(name, first line, lines) of each function: what opens at the left margin and closes with a lone brace."""
    lines, begin = without_comments(source).splitlines(), None
    for number, line in enumerate(lines, 1):
        named = re.match(r"[A-Za-z_].*?(\w+)\s*\(", line)
        if named:
            begin = (named.group(1), number)
        elif line.startswith("}") and begin:
            if line.strip() == "}":
                yield begin[0], begin[1], number - begin[1] + 1
            begin = None


def check_length():
    found = []
    for name in tracked("*.c", "*.h", "*.py"):
        count = text(name).count("\n")
        if count > FILE_LINES_MAX:
            found.append(f"{name}:1: {count} lines, more than {FILE_LINES_MAX}: it holds more than one thing")
        for function, line, length in functions(text(name)) if name.endswith(".c") else ():
            if length > FUNCTION_LINES_MAX:
                found.append(f"{name}:{line}: {function}() has {length} lines, more than {FUNCTION_LINES_MAX}")
    return found


def check_paths():
    pattern = re.compile(r"(?<![\w.$}*])/(?:home|root|work|Users)/\w")
    # Tests may make homes up, and documents may show one.
    made_up = re.compile(r"/home/(?:sre|me|you|user)\b")
    return [f"{name}:{number}: {line.strip()[:100]}" for name in tracked()
            for number, line in enumerate(text(name).splitlines(), 1) if pattern.search(made_up.sub("", line))]


def check_scripts():
    found = []
    for name in tracked("*.sh", ".ci/run"):
        shell = "bash" if "bash" in text(name).splitlines()[0] else "sh"
        done = subprocess.run([shell, "-n", name], cwd=ROOT, capture_output=True, text=True)
        found += done.stderr.splitlines()
        if not (ROOT / name).stat().st_mode & 0o100:
            found.append(f"{name}:1: not executable (chmod +x)")
    return found


def check_tidy(build):
    # status.c defines what the model redefines, and has nothing to gain from it.
    names = [name for name in tracked("src/*.c") if not TEST_FILE.search(name) and name != "src/base/status.c"]
    # The analyzer's budget a function is a quarter of its default: it finds the same here in a third of the time.
    budget = [f"-extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=50000")]
    done = subprocess.run(["run-clang-tidy", "-quiet", "-p", build, f"-extra-arg=-include{ROOT}/tools/tidy_model.h", *budget,
                           *(f"^{ROOT}/{re.escape(name)}$" for name in names)],
                          cwd=ROOT, capture_output=True, text=True)
    noise = re.compile(r"^(\d+ warnings? (generated|treated)|clang-tidy|Suppressed|Use -header-filter|$)")
    output = re.sub(r"\033\[[0-9;]*m", "", done.stdout).replace(f"{ROOT}/{build}/../", "")
    lines = [line for line in output.splitlines() if not noise.match(line)]
    return lines if done.returncode else []


CHECKS = {"format": check_format, "order": check_order, "licence": check_licence, "length": check_length,
          "paths": check_paths, "scripts": check_scripts, "tidy": check_tidy}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        sys.exit(f"usage: tools/check_source.py {'|'.join(CHECKS)} [BUILD]")
    found = CHECKS[sys.argv[1]](*sys.argv[2:])
    print("\n".join(found)) if found else None
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
