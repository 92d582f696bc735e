# The graph command makes the original's graphs, and the same bytes of the same records, however they are stored.
# SPDX-License-Identifier: Apache-2.0
import gzip
import ipaddress
import os
import random

import pytest
import reference
from harness import EPOCH_2019, HEADER, VECTORS, aws_path, log_file, record, rfc3339, run

CASES = sorted(p.name for p in (VECTORS / "graph").iterdir())


def write(folder, **files):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def random_records(seed, count=400, hosts=40):
    """Records of two address families, some NODATA, with many flows that fall together."""
    rng = random.Random(seed)
    addresses = ["10.%d.%d.%d" % (rng.choice((0, 1, 10, 101)), rng.randrange(12), rng.randrange(12)) for _ in range(hosts)]
    addresses += [str(ipaddress.IPv6Address(rng.getrandbits(128))) for _ in range(hosts // 4)]
    out = []
    for _ in range(count):
        start = EPOCH_2019 + rng.randrange(7200)
        source, destination = rng.choice(addresses), rng.choice(addresses)
        ports = [rng.choice((22, 53, 80, 443)), rng.randrange(1024, 65536)]
        rng.shuffle(ports)
        line = record(start, source, destination, *ports, action=rng.choice(("ACCEPT", "REJECT", "accept")),
                      packets=rng.randrange(1 << 20), size=rng.randrange(1 << 40), eni="eni-%d" % rng.randrange(3),
                      account=rng.choice(("1", "12", "2")), protocol=rng.choice((1, 6, 17, 255)))  # fmt: skip
        if rng.random() < 0.05:
            line = "2 1 eni-0 - - - - - - - %d %d - %s" % (start, start + 59, rng.choice(("NODATA", "SKIPDATA")))
        out.append(line)
    return out


@pytest.mark.parametrize("name", CASES)
def test_vectors(tmp_path, name):
    """The original's ids give the original's graph, line order apart, from plain and compressed logs."""
    case = VECTORS / "graph" / name
    expected = sorted((case / "graph.dot").read_bytes().splitlines())
    plain = run(tmp_path, "graph", "--node-ids=original", case / "flow.log")
    packed = run(tmp_path, "graph", "--node-ids=original", case / "flow.log.gz")
    assert plain.status == 0 and sorted(plain.out.splitlines()) == expected, plain
    assert packed.status == 0 and packed.out == plain.out


@pytest.mark.parametrize("name", CASES)
def test_own_ids(tmp_path, name):
    """Without that option the graph is in our order, with injective ids, as the reference makes it."""
    log = VECTORS / "graph" / name / "flow.log"
    result = run(tmp_path, "graph", log)
    assert result.status == 0
    assert result.out == reference.graph(reference.digest([log.read_bytes()]))


@pytest.mark.parametrize("seed", range(6))
def test_shuffled(tmp_path, seed):
    """Shuffled records in one to four files, plain and compressed, give the same bytes."""
    lines = random_records(seed)
    expected = reference.graph(reference.digest([log_file(lines)]))
    rng = random.Random(seed)
    for count in (1, 2, 3, 4):
        rng.shuffle(lines)
        files = {
            "f%d-%d" % (count, i): log_file(lines[i::count], header=rng.random() < 0.7, compress=rng.random() < 0.5)
            for i in range(count)
        }
        paths = write(tmp_path, **files)
        rng.shuffle(paths)
        result = run(tmp_path, "graph", *paths)
        assert result.status == 0 and result.out == expected, (count, result)


@pytest.mark.parametrize("seed", range(3))
def test_original_ids_shuffled(tmp_path, seed):
    """Where the original's ids collide, order and bytes still do not depend on the input's order."""
    lines = random_records(seed + 50, hosts=60)
    outputs = set()
    for turn in range(3):
        random.Random(turn).shuffle(lines)
        outputs.add(run(tmp_path, "graph", "--node-ids=original", *write(tmp_path, log=log_file(lines))).out)
    assert len(outputs) == 1
    expected = reference.graph(reference.digest([log_file(lines)]), reference.original_node_id)
    assert sorted(outputs.pop().splitlines()) == sorted(expected.splitlines())


def test_collision(tmp_path):
    """10.1.11.1 and 10.11.1.1 are two nodes, and one with the original's ids: the smallest address names it."""
    lines = [record(EPOCH_2019, a, "8.8.8.8") for a in ("10.11.1.1", "10.1.11.1")]
    paths = write(tmp_path, log=log_file(lines))
    out = run(tmp_path, "graph", *paths).out
    assert out.count(b" -> ") == 2 and b"n10_1_11_1 ->" in out and b"n10_11_1_1 ->" in out
    out = run(tmp_path, "graph", "--node-ids=original", *paths).out
    assert out.count(b" -> ") == 2 and out.count(b"\tn101111 [") == 1 and b'\tn101111 [label="10.1.11.1"]' in out


def test_window(tmp_path):
    """Records are chosen by their own start: start inclusive, stop exclusive."""
    lines = random_records(9)
    paths = write(tmp_path, log=log_file(lines))
    for start, stop in ((0, 3600), (3600, 7200), (60, 120), (7200, 10800)):
        window = (EPOCH_2019 + start, EPOCH_2019 + stop)
        result = run(tmp_path, "graph", "--start", rfc3339(window[0]), "--stop", rfc3339(window[1]), *paths)
        assert result.status == 0
        assert result.out == reference.graph(reference.digest([log_file(lines)], window))
    edge = write(tmp_path, edge=log_file([record(EPOCH_2019 + t, "10.0.0.1", "10.0.0.%d" % (2 + t)) for t in (59, 60, 119, 120)]))
    out = run(tmp_path, "graph", "--start", rfc3339(EPOCH_2019 + 60), "--stop", rfc3339(EPOCH_2019 + 120), *edge).out
    assert b"10.0.0.62" in out and b"10.0.0.121" in out and b"10.0.0.61" not in out and b"10.0.0.122" not in out


def test_aws_folder(tmp_path):
    """A folder in AWS's layout is read whole, and by the time in the files' names where a window is given."""
    lines = {hour: [record(EPOCH_2019 + hour * 3600 + m * 60, "10.0.%d.1" % hour, "10.0.0.%d" % m) for m in range(3)] for hour in range(6)}
    for hour, some in lines.items():
        path = tmp_path / "logs" / aws_path(EPOCH_2019 + hour * 3600 + 300)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log_file(some, compress=True))
    everything = [log_file(some) for some in lines.values()]
    result = run(tmp_path, "graph", "logs")
    assert result.status == 0 and result.out == reference.graph(reference.digest(everything))
    window = (EPOCH_2019 + 3600, EPOCH_2019 + 3 * 3600)
    result = run(tmp_path, "graph", "--start", rfc3339(window[0]), "--stop", rfc3339(window[1]), "logs")
    assert result.status == 0 and result.out == reference.graph(reference.digest(everything, window))


def test_hive_folder(tmp_path):
    """The Hive style of AWS's layout is read as well."""
    folder = tmp_path / "logs/AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/aws-region=x/year=2019/month=03/day=01"
    folder.mkdir(parents=True)
    lines = [record(EPOCH_2019 + 60, "10.0.0.1", "10.0.0.2")]
    (folder / "1_vpcflowlogs_x_fl-1_20190301T0005Z_aa.log.gz").write_bytes(log_file(lines, compress=True))
    result = run(tmp_path, "graph", "--start", rfc3339(EPOCH_2019), "--stop", rfc3339(EPOCH_2019 + 3600), "logs")
    assert result.status == 0 and result.out == reference.graph(reference.digest([log_file(lines)]))


def test_late_file(tmp_path):
    """A file that AWS wrote within an hour after the window is read for it."""
    lines = [record(EPOCH_2019 + 3590, "10.0.0.1", "10.0.0.2")]
    path = tmp_path / "logs" / aws_path(EPOCH_2019 + 3600 + 50 * 60)
    path.parent.mkdir(parents=True)
    path.write_bytes(log_file(lines, compress=True))
    result = run(tmp_path, "graph", "--start", rfc3339(EPOCH_2019), "--stop", rfc3339(EPOCH_2019 + 3600), "logs")
    assert result.out == reference.graph(reference.digest([log_file(lines)]))


def test_log_beside_its_packed_self(tmp_path):
    """Of x.log and x.log.gz in one folder one is read, and the user is told."""
    lines = random_records(3, 30)
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs", **{"x.log": log_file(lines), "x.log.gz": log_file(lines, compress=True)})
    result = run(tmp_path, "graph", "logs")
    assert result.status == 0 and result.out == reference.graph(reference.digest([log_file(lines)]))
    assert "x.log" in result.text


def test_custom_fields(tmp_path):
    """Fields are found by the header's names, which may come again in the middle of a file."""
    lines = random_records(4, 60)
    names = HEADER.split()
    order = list(range(14))
    random.Random(4).shuffle(order)
    shuffled = [" ".join(line.split()[i] for i in order) + " vpc-1 -" for line in lines[:30]]
    data = "\n".join([" ".join(names[i] for i in order) + " vpc-id tcp-flags", *shuffled, HEADER, *lines[30:]]) + "\n"
    result = run(tmp_path, "graph", *write(tmp_path, log=data.encode()))
    assert result.status == 0 and result.out == reference.graph(reference.digest([log_file(lines)]))


def test_missing_field(tmp_path):
    """A header without a needed field fails the graph and names the field and the file."""
    data = HEADER.replace(" dstport", "") + "\n"
    result = run(tmp_path, "graph", *write(tmp_path, mylog=data.encode()))
    assert result.status == 2 and "dstport" in result.text and "mylog" in result.text, result
    assert not result.out.endswith(b"}")


GOOD = record(EPOCH_2019 + 1, "10.0.0.1", "10.0.0.2")
BAD = {
    "short": "2 1 eni-0",
    "long": GOOD + " more",
    "empty": "",
    "port": record(EPOCH_2019, "10.0.0.1", "10.0.0.9", srcport="x"),
    "port-too-large": record(EPOCH_2019, "10.0.0.1", "10.0.0.9", srcport=65536),
    "negative": record(EPOCH_2019, "10.0.0.1", "10.0.0.9", packets=-5),
    "address": record(EPOCH_2019, "10.0.0", "10.0.0.9"),
    "address-too-large": record(EPOCH_2019, "10.0.0.256", "10.0.0.9"),
    "protocol": record(EPOCH_2019, "10.0.0.1", "10.0.0.9", protocol=256),
    "bytes-too-large": record(EPOCH_2019, "10.0.0.1", "10.0.0.9", size=1 << 64),
    "text": "\x01\x02 nothing at all \xff",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_record(tmp_path, name):
    """A line that is no record is skipped and told with its place."""
    paths = write(tmp_path, mylog=log_file([GOOD, BAD[name], GOOD]))
    result = run(tmp_path, "graph", *paths)
    assert result.status == 0 and result.out == reference.graph(reference.digest([log_file([GOOD, GOOD])])), result
    if name != "empty":
        assert "mylog:3" in result.text, result


BROKEN = {
    "cut": lambda data: data[:-12],
    "cut-in-checksum": lambda data: data[:-3],
    "checksum": lambda data: data[:-8] + bytes([data[-8] ^ 1]) + data[-7:],
    "length": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "middle": lambda data: data[: len(data) // 2] + b"\xff\xff\xff\xff" + data[len(data) // 2 + 4 :],
    "trailing": lambda data: data + b"trailing",
    "only-header": lambda data: data[:10],
    "second-member-cut": lambda data: data + data[:-9],
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_gzip(tmp_path, name):
    """A broken or unfinished gzip member fails the graph, names the file, and leaves no closing brace."""
    data = log_file(random_records(1), compress=True)
    result = run(tmp_path, "graph", *write(tmp_path, **{"my.log.gz": BROKEN[name](data)}))
    assert result.status == 2 and "my.log.gz" in result.text and not result.out.endswith(b"}"), result


def test_gzip_members(tmp_path):
    """Several members in a file are one log; zeros after the last do no harm."""
    lines = random_records(2)
    data = log_file(lines[:100], compress=True) + log_file(lines[100:], header=False, compress=True) + bytes(512)
    result = run(tmp_path, "graph", *write(tmp_path, **{"my.log.gz": data}))
    assert result.status == 0 and result.out == reference.graph(reference.digest([log_file(lines)])), result


def test_member_cut_inside_a_line(tmp_path):
    """A line may go on in the next member."""
    lines = random_records(2, 50)
    data = log_file(lines)
    cut = len(data) // 2
    result = run(tmp_path, "graph", *write(tmp_path, x=gzip.compress(data[:cut]) + gzip.compress(data[cut:])))
    assert result.status == 0 and result.out == reference.graph(reference.digest([data])), result


def test_unreadable(tmp_path):
    """A file or folder that cannot be read fails the graph and is named."""
    for name in ("missing.log", "missing-folder/"):
        result = run(tmp_path, "graph", name)
        assert result.status == 2 and name.rstrip("/") in result.text and not result.out.endswith(b"}"), result


def test_crlf_and_no_last_newline(tmp_path):
    """Lines may end in CRLF, and the last one needs no newline."""
    lines = random_records(5, 40)
    data = log_file(lines).replace(b"\n", b"\r\n")[:-2]
    result = run(tmp_path, "graph", *write(tmp_path, x=data))
    assert result.status == 0 and result.out == reference.graph(reference.digest([log_file(lines)])), result


def test_empty(tmp_path):
    """No records at all: an empty graph and a warning."""
    for data in (b"", HEADER.encode() + b"\n"):
        result = run(tmp_path, "graph", *write(tmp_path, log=data))
        assert (result.status, result.out) == (0, b"digraph {\n}") and result.err != b"", result


def test_overflow(tmp_path):
    """Counters that overflow 64 bits are an error, up to there they are exact."""
    top = (1 << 64) - 1
    fits = [record(EPOCH_2019, "10.0.0.1", "10.0.0.2", size=top - 5), record(EPOCH_2019, "10.0.0.1", "10.0.0.2", size=5)]
    result = run(tmp_path, "graph", *write(tmp_path, log=log_file(fits)))
    assert result.status == 0 and b'govpc_bytes="%d"' % top in result.out, result
    result = run(tmp_path, "graph", *write(tmp_path, log=log_file([*fits, fits[1]])))
    assert result.status == 2 and "64 bits" in result.text and not result.out.endswith(b"}"), result


def test_injective(tmp_path):
    """All addresses of a /16 and odd IPv6 ones have ids of their own."""
    odd = ["::", "::1", "::ffff:10.1.0.1", "::10.1.0.1", "64:ff9b::10.1.0.1", "1::", "1::1", "1:0:0:1::", "::1:1", "ffff::",
           "fe80::1", "2001:db8::a01:1", "::ffff:0:10.1.0.1", "::a01:1:0"]  # fmt: skip
    addresses = ["10.1.%d.%d" % divmod(n, 256) for n in range(65536)] + odd
    lines = [record(EPOCH_2019, a, "192.0.2.1") for a in addresses]
    result = run(tmp_path, "graph", *write(tmp_path, log=log_file(lines)))
    assert result.status == 0
    nodes = [line.split(b" ")[0] for line in result.out.splitlines() if b" -> " not in line and line.startswith(b"\t")]
    unique = len({ipaddress.ip_address(a) for a in addresses}) + 1
    assert len(nodes) == len(set(nodes)) == unique
    assert result.out.count(b" -> ") == unique - 1
    assert b'\tn6_00000000000000000000ffff0a010001 [label="::ffff:10.1.0.1"]' in result.out


def test_spelling_of_addresses(tmp_path):
    """One IPv6 address is one node, however it is written, and its label is RFC 5952's."""
    lines = [record(EPOCH_2019, a, "192.0.2.1") for a in ("2001:DB8:0:0:0:0:0:1", "2001:db8::1", "2001:0db8::0:1")]
    out = run(tmp_path, "graph", *write(tmp_path, log=log_file(lines))).out
    assert out.count(b" -> ") == 1 and b'[label="2001:db8::1"]' in out, out


def test_stdin(tmp_path):
    """`-` is standard input, plain or compressed."""
    lines = random_records(6, 50)
    expected = reference.graph(reference.digest([log_file(lines)]))
    for data in (log_file(lines), log_file(lines, compress=True)):
        assert run(tmp_path, "graph", "-", stdin=data).out == expected


def test_diff_of_logs(tmp_path):
    """`diff --logs` compares two sets of logs, or two windows of one set, as the reference does."""
    before, after = random_records(10, 120), random_records(11, 120)
    write(tmp_path, **{"a.log": log_file(before), "b.log": log_file(after)})
    graphs = [reference.graph(reference.digest([log_file(lines)])) for lines in (before, after)]
    result = run(tmp_path, "diff", "--logs", "a.log", "b.log")
    assert result.status == 1 and result.out == reference.diff(*graphs)
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder, **{"a.log": log_file(before), "b.log.gz": log_file(after, compress=True)})
    windows = [(EPOCH_2019, EPOCH_2019 + 3600), (EPOCH_2019 + 3600, EPOCH_2019 + 7200)]
    spans = ["/".join(rfc3339(t) for t in window) for window in windows]
    result = run(tmp_path, "diff", "--logs", "set", "--previous", spans[0], "--next", spans[1])
    data = [log_file(before), log_file(after)]
    expected = reference.diff(*[reference.graph(reference.digest(data, window)) for window in windows])
    assert result.status == 1 and result.out == expected, result
    result = run(tmp_path, "diff", "--logs", "set", "--previous", spans[0], "--next", spans[0])
    assert (result.status, result.out) == (0, b"digraph {\n}"), result


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_no_permission(tmp_path):
    """A file without permission fails the graph and is named."""
    (path,) = write(tmp_path, secret=log_file([GOOD]))
    path.chmod(0)
    result = run(tmp_path, "graph", "secret")
    assert result.status == 2 and "secret" in result.text, result
