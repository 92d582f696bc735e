# Two graphs of a million edges go the whole way in 256 MiB of private memory, and a diff stays within the limit that it was given.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import http.client
import json
import pathlib
import subprocess

import grapherd
import harness
import pytest
from harness import SLOW, Service, Windows, plain_binary

EDGES = 1000000
LIMIT = 256 << 20  # of what is private and writable: heap, stacks, anonymous pages
PATIENCE = 300  # seconds for one step on a busy machine


@pytest.fixture(scope="module")
def plain():
    binary = plain_binary()
    if binary is None:
        pytest.skip("a sanitizer needs more memory: set VPCFLOW_DIFFD_PLAIN")
    return binary


@pytest.fixture(scope="module", params=["every-edge", "5-percent"])
def pair(request, plain, tmp_path_factory):
    """The paths of two graphs, and the digest and length of their diff as the command line makes it."""
    flowgen = pathlib.Path(plain).parent / "flowgen"
    if not flowgen.exists():
        pytest.skip("the generator is not beside the program")
    folder = tmp_path_factory.mktemp("graphs")
    share = "100" if request.param == "every-edge" else "5"
    subprocess.run([flowgen, "dot", "--out", folder, "--edges", str(EDGES), "--change", share],
                   check=True, capture_output=True, timeout=PATIENCE)  # fmt: skip
    paths = (folder / "previous.dot", folder / "next.dot")
    with subprocess.Popen([plain, "diff", *paths], stdout=subprocess.PIPE, env=harness.environment(folder)) as process:
        expected = digest(process.stdout.read)
    assert process.returncode == 1
    yield paths, expected
    for path in paths:
        path.unlink()


def digest(read):
    """Of a stream: never more than a piece of it is held here, either."""
    total, length = hashlib.sha256(), 0
    while piece := read(1 << 20):
        total.update(piece)
        length += len(piece)
    return total.hexdigest(), length


class Embedded:
    env = {"STREAM_APPLIANCE_ENDPOINT": "embedded", "DIFF_STORAGE": "embedded", "DIFF_MARKER": "embedded"}

    def take_away(self, service, name, length):
        path = service.data / "diffs" / name
        assert path.stat().st_size == length
        path.unlink()


class S3:
    """A bucket of a real S3 server: the object goes up in parts."""

    def __init__(self, rgw):
        self.client, self.bucket = rgw.client(), rgw.bucket("memory")
        self.env = rgw.environment(storage=self.bucket)

    def take_away(self, service, name, length):
        head = self.client.head_object(Bucket=self.bucket, Key=name)
        assert head["ContentLength"] == length and "-" in head["ETag"], head
        assert "Uploads" not in self.client.list_multipart_uploads(Bucket=self.bucket)
        self.client.delete_object(Bucket=self.bucket, Key=name)


@pytest.fixture(params=["embedded", "s3"])
def storage(request):
    return Embedded() if request.param == "embedded" else S3(request.getfixturevalue("rgw"))


def get_digest(service, target):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SLOW)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        assert answer.status == 200
        return digest(answer.read)
    finally:
        connection.close()


def test_a_million_edges(pair, storage, plain, tmp_path):
    """With the limit that the service works out for itself, from what the process may have."""
    paths, expected = pair
    windows = Windows(1)
    server = grapherd.Grapherd()
    server.graphs = {tuple(windows.times[:2]): paths[0], tuple(windows.times[2:]): paths[1]}
    env = {**storage.env, "GRAPHER_ENDPOINT": server.url, "GRAPHER_POLLING_INTERVAL": 100, "GRAPHER_POLLING_TIMEOUT": 60000,
           "DIFF_WORKERS": 2}  # fmt: skip
    service = Service(tmp_path / "s", binary=plain, wrapper=["prlimit", "--data=%d" % LIMIT], **env)
    try:
        with service:
            answer = service.post("/t/e", json.dumps(windows.event), timeout=PATIENCE)
            assert answer.status == 204, (answer, service.log()[-5:])
            assert get_digest(service, windows.query) == expected
            assert set(server.posts.values()) == {1}
            storage.take_away(service, windows.id + ".dot", expected[1])
            assert service.stop() == 0
    finally:
        server.close()


# --- the limit of one diff -----------------------------------------------------------------------------------

FIXED = 14 << 20  # beyond the limit: libraries, stacks, and what each of two threads reads and writes with
EDGE = ("\tn%d -> n%d [govpc_accountID=\"444455556666\" govpc_eniID=\"eni-f7ba6713\" govpc_srcPort=\"0\" govpc_dstPort=\"22\" "
        "govpc_protocol=\"6\" govpc_packets=\"4026\" govpc_bytes=\"52567\" govpc_start=\"1709510400\" govpc_end=\"1709596799\" "
        "color=green label=\"a\"]\n")  # fmt: skip


def write_graph(path, edges, nodes=()):
    with open(path, "w") as out:
        out.write("digraph {\n")
        for edge in edges:
            out.write(EDGE % edge)
        for node in nodes:
            out.write('\tn%d [label="a node"]\n' % node)
        out.write("}")


def shuffled(i):
    """A number for each below a million, in no order."""
    return 1000000 + i * 386413 % 1000003


def make_ordinary(folder, flowgen):
    """What the generator makes; all edges of next are new, to be sorted and written as well."""
    subprocess.run([flowgen, "dot", "--out", folder, "--edges", "300000", "--change", "30"], check=True,
                   capture_output=True, timeout=PATIENCE)  # fmt: skip


def make_copies(folder, flowgen):
    """Hundreds of thousands of copies of one edge, that no partition by keys can part."""
    write_graph(folder / "previous.dot", (pair for i in range(100) for pair in [(1, 2)] * 4000 + [(3, i)]), (1, 3))
    write_graph(folder / "next.dot", (pair for i in range(100) for pair in [(2, 1)] * 2000 + [(3, i + 50)]), (1, 2))


def make_nodes(folder, flowgen):
    """Nothing in previous, and in next each edge has two nodes of its own."""
    write_graph(folder / "previous.dot", ())
    nodes = range(400000)
    write_graph(folder / "next.dot", ((shuffled(i), shuffled(i + 1)) for i in nodes[::2]), map(shuffled, nodes))


def make_star(folder, flowgen):
    """One node with all the edges, on one line that never ends."""
    for name, first in (("previous.dot", 0), ("next.dot", 1000)):
        write_graph(folder / name, ((1, shuffled(i)) for i in range(first, first + 60000)), map(shuffled, range(first, 50000)))
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"\n", b" "))


def make_long(folder, flowgen):
    """Lines of 64 MiB, ids of 200 bytes, and node statements of a few kilobytes each."""
    for name, (first, last) in (("previous.dot", (0, 3000)), ("next.dot", (1000, 4000))):
        with open(folder / name, "w") as out:
            out.write('digraph {\n\ta -> b [label="%s"]\n' % (name[0] * (64 << 20)))
            ids = ["n%0199d" % shuffled(i) for i in range(first, last)]
            out.writelines("\t%s -> %s [govpc_srcPort=%d]\n" % (ids[i], ids[-i], first) for i in range(len(ids)))
            out.writelines('\t%s [label="%s"]\n' % (node, name[0] * (i % 4001)) for i, node in enumerate(ids))
            out.write("}")


@pytest.fixture(scope="module", params=[make_ordinary, make_copies, make_nodes, make_star, make_long])
def limited(request, plain, tmp_path_factory):
    """The folder of two graphs, and the digest of their diff without a limit."""
    flowgen = pathlib.Path(plain).parent / "flowgen"
    if not flowgen.exists():
        pytest.skip("the generator is not beside the program")
    folder = tmp_path_factory.mktemp("limited")
    request.param(folder, flowgen)
    yield folder, diff_digest([plain, "diff", folder / "previous.dot", folder / "next.dot"], folder)
    for path in folder.glob("*.dot"):
        path.unlink()


def diff_digest(command, folder):
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=harness.environment(folder)) as process:
        found = digest(process.stdout.read)
    assert process.returncode == 1
    return found


@pytest.mark.parametrize("limit", [1 << 20, 6 << 20])
def test_a_limit_holds(limited, plain, limit):
    """The kernel refuses what is beyond; the bytes are the same."""
    folder, expected = limited
    command = ["prlimit", "--data=%d" % (limit + FIXED), plain, "diff", "--threads=2", "--memory-limit=%d" % limit]
    assert diff_digest([*command, folder / "previous.dot", folder / "next.dot"], folder) == expected
