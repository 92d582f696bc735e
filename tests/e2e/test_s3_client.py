# The S3 client itself on a real server: keys of any bytes, ranges, lists of many pages, and boto3's view of them.
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import pathlib
import subprocess

import pytest
from harness import BINARY, SLOW, assert_healthy, environment, Result
from rgw import ACCESS_KEY, SECRET_KEY

PROBE = pathlib.Path(BINARY).parent / "tests" / "s3_probe"
PART = 5 << 20

# Keys that some client somewhere gets wrong: in URLs, in signatures, in XML.
KEYS = [
    "plain", "a b", "a+b", "a%20b", "a%2Fb", "\u00fc/\u20ac/\U0001f600", "a//b", "/leading", "trailing/", "a/../b", "a/./b", "..a",
    "a?b=c&d", "a#b", "quote\"'<>&amp;", "=;:@!$,()*~", "back\\slash", "{}[]|^`", "\x7f", "new\nline\ttab", "\x01", "k" * 1024,
]  # fmt: skip


@pytest.fixture
def probe(rgw, tmp_path):
    """Runs the client on a bucket of the test's own."""
    bucket = rgw.bucket()

    def run(*words, stdin=b""):
        env = environment(tmp_path, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY)
        done = subprocess.run([PROBE, rgw.endpoint, bucket, *map(str, words)], input=stdin, capture_output=True,
                              timeout=SLOW, env=env)  # fmt: skip
        result = Result(done.returncode, done.stdout, done.stderr)
        assert_healthy(result)
        return result

    run.bucket = bucket
    return run


def hexed(key):
    return key.encode().hex()


@pytest.mark.parametrize("key", KEYS, ids=lambda k: ascii(k)[1:30])
def test_odd_keys(rgw, probe, key):
    """A key arrives as it is: boto3 reads what we wrote under it, and we what boto3 wrote; then it is gone."""
    s3 = rgw.client()
    assert probe("put", hexed(key), stdin=b"ours").status == 0
    assert s3.get_object(Bucket=probe.bucket, Key=key)["Body"].read() == b"ours"
    s3.put_object(Bucket=probe.bucket, Key=key, Body=b"theirs")
    got = probe("get", hexed(key))
    assert (got.status, got.out) == (0, b"theirs")
    assert probe("head", hexed(key)).out.startswith(b"6 ")
    # RGW repeats the prefix in its answer, and a control character is no XML.
    assert probe("list", hexed(key[:1]) if key >= " " else "").out == b"%s 6\n" % hexed(key).encode()
    assert probe("delete", hexed(key)).status == 0
    assert "Contents" not in s3.list_objects_v2(Bucket=probe.bucket)


def test_missing(probe):
    """What is not there is not found, and may be removed all the same."""
    assert [probe(what, hexed("k")).status for what in ("get", "head", "delete")] == [1, 1, 0]


def test_ranges(rgw, probe):
    """A range is exactly what was asked for, and no more than there is."""
    body = bytes(range(256)) * 100
    rgw.client().put_object(Bucket=probe.bucket, Key="k", Body=body)
    for first, length in [(0, 1), (255, 2), (25599, 1), (25000, 10000), (100, 0)]:
        got = probe("get", hexed("k"), first, length)
        assert got.out == body[first : first + length if length else None], (first, length)


def test_list_of_many_pages(rgw, probe):
    """More objects than a page holds: each once, in order, with its size."""
    s3, names = rgw.client(), ["p/%04d" % n for n in range(1203)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: s3.put_object(Bucket=probe.bucket, Key=name, Body=name[-1:] * int(name[-1])), names))
    s3.put_object(Bucket=probe.bucket, Key="q", Body=b"")
    lines = probe("list", hexed("p/")).out.decode().split("\n")[:-1]
    assert lines == ["%s %d" % (hexed(name), int(name[-1])) for name in names]


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 3 * PART, 6 * PART + 7])
def test_uploads_of_any_size(rgw, probe, size):
    """From nothing to several parts, and at their borders: the object is what was written."""
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    assert probe("upload", hexed("k"), stdin=body).status == 0
    s3 = rgw.client()
    assert s3.get_object(Bucket=probe.bucket, Key="k")["Body"].read() == body
    assert probe("get", hexed("k")).out == body
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=probe.bucket)


@pytest.mark.parametrize("size", [10, 2 * PART + 1])
def test_abandoned_upload(rgw, probe, size):
    """What is not committed is not there, and leaves nothing behind."""
    assert probe("abandon", hexed("k"), stdin=bytes(size)).status == 0
    s3 = rgw.client()
    assert "Contents" not in s3.list_objects_v2(Bucket=probe.bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=probe.bucket)
