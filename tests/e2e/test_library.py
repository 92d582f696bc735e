# SPDX-License-Identifier: Apache-2.0
"""What `make install` puts where, and what a program that embeds the service gets: headers, a shared and a static
library that show nothing but the public functions, and a pkg-config file that links both."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness

HEADERS = sorted((harness.ROOT / "include" / "diffd").glob("*.h"))
PREFIX = "/opt/diffd"


def sh(*command, cwd=None, **environment):
    done = subprocess.run([str(word) for word in command], cwd=cwd, env={**os.environ, **environment},
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (command, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


class Installed:
    """A staged installation, as a package builder makes it: everything below DESTDIR."""

    def __init__(self, root):
        self.root = root
        self.prefix = root / PREFIX.lstrip("/")
        self.pkgconfig = next(self.prefix.rglob("diffd.pc")).parent
        self.libdir = self.pkgconfig.parent
        self.environment = {
            "PKG_CONFIG_PATH": str(self.pkgconfig),
            "PKG_CONFIG_SYSROOT_DIR": str(root),
            "LD_LIBRARY_PATH": str(self.libdir),
        }

    def pkg_config(self, *arguments):
        return sh("pkg-config", *arguments, **self.environment).split()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    plain = harness.plain_binary()
    if plain is None:
        pytest.skip("VPCFLOW_DIFFD_PLAIN names no program in a build folder without sanitizers")
    build = pathlib.Path(plain).parent
    root = tmp_path_factory.mktemp("staged")
    # The caller is a make, too, whose flags are not for this one.
    sh("env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "-u", "MAKELEVEL", "make", "install", f"BUILD={build}",
       f"PREFIX={PREFIX}", f"DESTDIR={root}", cwd=harness.ROOT)
    return Installed(root)


def declared():
    """The functions that the public headers declare."""
    names = set()
    for header in HEADERS:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        text = re.sub(r"^\s*#(?:\\\n|[^\n])*", "", text, flags=re.M)
        text = re.sub(r"\{[^{}]*\}", ";", re.sub(r"\{[^{}]*\}", ";", text))  # bodies of structs and inline functions
        for statement in text.split(";"):
            found = re.search(r"\b(diffd_\w+)\s*\(", statement)
            if found and "static inline" not in statement and "typedef" not in statement:
                names.add(found.group(1))
    return names


def test_every_file_is_installed_where_it_belongs(installed):
    """The program, its man page and unit, the libraries, the headers, and nothing else."""
    files = {str(p.relative_to(installed.prefix)) for p in installed.prefix.rglob("*") if not p.is_dir()}
    lib = str(installed.libdir.relative_to(installed.prefix))
    assert files == {
        "bin/vpcflow-diffd",
        "share/man/man1/vpcflow-diffd.1",
        "lib/systemd/system/vpcflow-diffd.service",
        "lib/systemd/system/vpcflow-diffd@.service",
        f"{lib}/libdiffd.a",
        f"{lib}/libdiffd.so",
        f"{lib}/libdiffd.so.0",
        f"{lib}/libdiffd.so.0.1.0",
        f"{lib}/pkgconfig/diffd.pc",
        *("include/diffd/" + header.name for header in HEADERS),
    }
    assert {p.name for p in installed.root.iterdir()} == {"opt"}
    unit = (installed.prefix / "lib/systemd/system/vpcflow-diffd.service").read_text()
    assert f"\nExecStart={PREFIX}/bin/vpcflow-diffd serve\n" in unit
    assert "SONAME" in sh("readelf", "-d", installed.libdir / "libdiffd.so") and "[libdiffd.so.0]" in sh(
        "readelf", "-d", installed.libdir / "libdiffd.so")
    assert sh(installed.prefix / "bin/vpcflow-diffd", "--version") == "vpcflow-diffd 0.1.0\n"


def test_the_shared_library_exports_the_public_functions_alone(installed):
    """What the headers declare is there, and nothing that they do not declare can be linked to."""
    lines = sh("nm", "-D", "--defined-only", installed.libdir / "libdiffd.so").splitlines()
    assert {line.split()[2] for line in lines} == declared()
    assert len(declared()) > 50


def test_the_static_library_keeps_to_its_prefix(installed):
    """No name of an archive's may clash with one of the program's: all begin with diffd_."""
    lines = sh("nm", "-g", "--defined-only", installed.libdir / "libdiffd.a").splitlines()
    names = {line.split()[2] for line in lines if len(line.split()) == 3}
    assert declared() <= names
    assert [name for name in sorted(names) if not name.startswith("diffd_")] == []


def test_pkg_config_names_what_an_archive_needs(installed):
    """Libs.private has every library that the shared one is linked with; who links that one is told of none."""
    needed = re.findall(r"NEEDED.*\[lib(.*?)\.so", sh("readelf", "-d", installed.libdir / "libdiffd.so"))
    static = installed.pkg_config("--static", "--libs", "diffd")
    assert [name for name in needed if name != "c" and "-l" + name not in static] == []
    assert [flag for flag in installed.pkg_config("--libs", "diffd") if flag.startswith("-l")] == ["-ldiffd"]


@pytest.mark.parametrize("compiler", ["gcc -std=c11", "clang -std=c11", "g++ -std=c++11 -x c++", "clang++ -std=c++17 -x c++"])
def test_each_header_compiles_alone(installed, tmp_path, compiler):
    """As pedantic C11 and as C++, from where it is installed, without any other include before it."""
    flags = installed.pkg_config("--cflags", "diffd")
    for header in HEADERS:
        source = tmp_path / "alone.c"
        source.write_text(f'#include <diffd/{header.name}>\nint main(void);\nint main(void) {{ return 0; }}\n')
        sh(*compiler.split(), "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *flags, source)


# A storage that is an own struct, in C++: the tables are plain functions there, too.
CPLUSPLUS = """
#include <diffd/environment.h>
#include <diffd/version.h>
#include <cstdio>
int main() {
  char home[] = "HOME=/nowhere", role[] = "DIFF_ROLE=boss";
  char *variables[] = {home, role, nullptr};
  diffd_service service = {};
  diffd_environment *environment = nullptr;
  diffd_error err;
  diffd_status status = diffd_environment_load(variables, &service, nullptr, nullptr, &environment, &err);
  std::printf("%s %s %s\\n", diffd_version(), diffd_status_text(status), err.detail);
}
"""


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_a_program_in_cplusplus_links_both_libraries(installed, tmp_path, kind):
    """pkg-config is all that a build needs to know, with --static for the archive."""
    (tmp_path / "main.cc").write_text(CPLUSPLUS)
    flags = installed.pkg_config("--cflags", "--libs", *(["--static"] if kind == "static" else []), "diffd")
    if kind == "static":
        flags = ["-l:libdiffd.a" if flag == "-ldiffd" else flag for flag in flags]
    sh("g++", "-o", "program", "main.cc", *flags, cwd=tmp_path)
    needed = re.findall(r"NEEDED.*\[(.*?)\]", sh("readelf", "-d", tmp_path / "program"))
    assert ("libdiffd.so.0" in needed) == (kind == "shared")
    out = sh(tmp_path / "program", **installed.environment)
    assert out.startswith("0.1.0 ") and "DIFF_ROLE=boss" in out


# --- examples/custom-storage -----------------------------------------------------------------------------

TOKEN = {"Authorization": "Bearer a-secret"}


def edge(source, destination):
    values = {"accountID": "123456789010", "eniID": "eni-abc123de", "srcPort": "0", "dstPort": "80", "protocol": "6"}
    attributes = " ".join(f'govpc_{name}="{value}"' for name, value in values.items())
    return f'\t{source} -> {destination} [{attributes} color=green label="made up"]\n'


def graph(*edges):
    nodes = sorted({node for pair in edges for node in pair})
    return "digraph {\n" + "".join(edge(*pair) for pair in edges) + "".join(f'\t{n} [label="{n}"]\n' for n in nodes) + "}"


class Example(harness.Service):
    """The example as a service, with its folders and the environment that its README shows."""

    def __init__(self, home, program, environment):
        self.diffs, self.graphs = home / "diffs", home / "graphs"
        super().__init__(home, binary=program, EXAMPLE_TOKEN="a-secret", EXAMPLE_DIFFS_DIR=self.diffs,
                         EXAMPLE_GRAPHS_DIR=self.graphs, DIFF_MARKER="embedded",
                         STREAM_APPLIANCE_ENDPOINT="embedded", GRAPHER_ENDPOINT="http://grapher.example/",
                         GRAPHER_POLLING_INTERVAL=10, GRAPHER_POLLING_TIMEOUT=60000, VPC_FLOW_LOGS_DELAY=None,
                         LD_LIBRARY_PATH=environment["LD_LIBRARY_PATH"])
        self.diffs.mkdir()
        self.graphs.mkdir()


@pytest.fixture(scope="module", params=["shared", "static"])
def example_program(installed, tmp_path_factory, request):
    """Built from a copy of its folder, with nothing but make and pkg-config."""
    folder = tmp_path_factory.mktemp(request.param) / "custom-storage"
    shutil.copytree(harness.ROOT / "examples/custom-storage", folder, ignore=shutil.ignore_patterns("custom-storage"))
    sh("env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "-u", "MAKELEVEL", "make", "-C", folder, "CFLAGS=-O1 -g -Werror",
       *(["STATIC=1"] if request.param == "static" else []), **installed.environment)
    needed = sh("readelf", "-d", folder / "custom-storage")
    assert ("libdiffd.so.0" in needed) == (request.param == "shared")
    return folder / "custom-storage"


@pytest.fixture
def example(installed, example_program, tmp_path):
    with Example(tmp_path, example_program, installed.environment) as service:
        yield service


def test_the_example_makes_a_diff_with_its_own_parts(example):
    """Middleware, storage and grapher client of the program's own stand where the built-in ones would."""
    windows = harness.Windows()
    (example.graphs / f"{windows.times[0]}.dot").write_text(graph(("a", "b")))
    (example.graphs / f"{windows.times[2]}.dot").write_text(graph(("a", "b"), ("c", "b")))
    assert example.post(windows.query, headers=TOKEN).status == 202
    body = harness.wait_until(lambda: (answer := example.get(windows.query, headers=TOKEN)).status == 200 and answer.body)
    assert body.count(b"govpc_diff=") == 1 and b"c -> b" in body and b'"ADDED"' in body

    # The storage has the object, its checksum before it, and nothing half written beside it.
    assert [p.name for p in example.diffs.iterdir()] == [windows.id + ".checked"]
    stored = (example.diffs / (windows.id + ".checked")).read_bytes()
    assert re.fullmatch(rb"[0-9a-f]{16}\n", stored[:17]) and stored[17:] == body
    assert not (example.data / "diffs").exists() or not list((example.data / "diffs").iterdir())

    # The client was asked by the grapher module: a POST and a GET for each window.
    asked = {(line["method"], line["url"].replace("%3A", ":").split("?")[1]) for line in example.log("replay-client")}
    queries = [f"start={windows.times[i]}&stop={windows.times[i + 1]}" for i in (0, 2)]
    assert asked == {(method, query) for method in ("POST", "GET") for query in queries}

    # What the disk damaged is a 500 with a reason, not a wrong diff.
    (example.diffs / (windows.id + ".checked")).write_bytes(stored.replace(b"c -> b", b"c -> d"))
    assert example.get(windows.query, headers=TOKEN).status == 500
    assert "is damaged" in example.log("dependency-failure")[-1]["reason"]
    assert example.stop() == 0


def test_the_example_lets_nobody_in_without_the_token(example):
    """401 on every path and method, before any handler: no job is queued, and the worker takes none."""
    windows = harness.Windows()
    wrong = [{}, {"Authorization": "Bearer a-secre"}, {"Authorization": "Bearer a-secret2"}, {"Authorization": "a-secret"}]
    for headers in wrong:
        for method, target in (("POST", windows.query), ("GET", windows.query), ("GET", "/nowhere"), ("DELETE", "/")):
            answer = example.request(method, target, headers=headers)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), (method, target)
            assert answer.message == "a token is needed"
    answer = example.request("POST", "/topic/event", body=json.dumps(windows.event))
    assert answer.status == 401
    head = example.request("HEAD", windows.query)
    assert (head.status, head.body) == (401, b"") and int(head.headers["Content-Length"]) > 0
    assert example.get(windows.query, headers=TOKEN).status == 404
    assert not example.log("job-started") and not example.log("replay-client")
    assert len(example.log("unauthorized")) == 4 * len(wrong) + 2
    assert example.get("/nowhere", headers={"Authorization": "bearer a-secret"}).status == 404


def test_the_example_names_every_fault_of_its_environment(installed, example_program, tmp_path):
    """Places that the program fills want no choice; the others do, and are named all at once with exit status 2."""
    env = harness.environment(tmp_path, EXAMPLE_TOKEN="t", EXAMPLE_DIFFS_DIR=tmp_path, EXAMPLE_GRAPHS_DIR=tmp_path,
                              GRAPHER_ENDPOINT="http://grapher.example/", DIFF_WORKERS="many",
                              LD_LIBRARY_PATH=installed.environment["LD_LIBRARY_PATH"])
    done = subprocess.run([example_program], env=env, capture_output=True, text=True, timeout=harness.SLOW)
    assert done.returncode == 2
    for name in ("DIFF_MARKER", "STREAM_APPLIANCE_ENDPOINT", "GRAPHER_POLLING_INTERVAL", "DIFF_WORKERS"):
        assert name in done.stderr
    assert "DIFF_STORAGE" not in done.stderr
