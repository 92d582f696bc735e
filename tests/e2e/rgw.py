# SPDX-License-Identifier: Apache-2.0
"""A real S3 server for the end-to-end tests: Ceph's RADOS gateway on one monitor and one OSD in memory.

It verifies signatures, and knows multipart uploads, list pages and ranges as S3 does. All daemons run in the
foreground as children of the test run, listen on free loopback ports, and are killed with it, however it ends.
"""
import ctypes
import http.client
import itertools
import os
import pathlib
import signal
import socket
import subprocess
import time
import uuid

import boto3
import botocore.config

ACCESS_KEY = "TESTACCESSKEY123456"
SECRET_KEY = "test/secret+key0123456789abcdefABCDEFGHIJ"
REGION = "us-east-1"
MEMORY = 4 << 30  # bytes that the store may grow to
STARTS = 4  # somebody else may take a port between our looking and the daemon's listening
PATIENCE = 90  # seconds for one step on a busy machine

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


CONF = """
[global]
fsid = {fsid}
mon host = {mon}
public network = 127.0.0.0/8
keyring = {dir}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
mon allow pool size one = true
mon max pg per osd = 2000
osd crush chooseleaf type = 0
run dir = {dir}/run
admin socket = {dir}/run/$name.asok
log file = {dir}/log/$name.log
pid file = {dir}/run/$name.pid
crash dir = {dir}/crash
osd objectstore = memstore
memstore device bytes = {memory}
mon data = {dir}/mon
osd data = {dir}/osd0
rgw data = {dir}/rgw
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw dns name = localhost
rgw run sync thread = false
"""

CAPS = {
    "mon.": ["mon", "allow *"],
    "client.admin": ["mon", "allow *", "osd", "allow *", "mgr", "allow *"],
    "osd.0": ["mon", "allow profile osd", "osd", "allow *"],
    "client.rgw": ["mon", "allow rwx", "osd", "allow rwx"],
}


class Rgw:
    """The running server. Buckets are the caller's: each test takes new ones."""

    access_key, secret_key, region = ACCESS_KEY, SECRET_KEY, REGION

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.daemons = []
        self.numbers = itertools.count()
        self.start()

    def start(self):
        for attempt in range(STARTS):
            try:
                self.begin(self.folder / ("rgw%d" % attempt))
                return
            except (subprocess.SubprocessError, AssertionError):
                self.stop()
                if attempt == STARTS - 1:
                    raise

    def begin(self, folder):
        for name in ("mon", "osd0", "run", "log", "rgw", "crash"):
            (folder / name).mkdir(parents=True)
        self.dir = folder
        self.port, first, second = free_ports(3)
        self.endpoint = "http://127.0.0.1:%d" % self.port
        fsid = str(uuid.uuid4())
        mon = "[v2:127.0.0.1:%d,v1:127.0.0.1:%d]" % (first, second)
        self.conf = folder / "ceph.conf"
        self.conf.write_text(CONF.format(fsid=fsid, mon=mon, dir=folder, memory=MEMORY, port=self.port))
        self.make_keys()
        self.run("monmaptool", "--create", "--addv", "a", mon, "--fsid", fsid, folder / "monmap", conf=False)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", folder / "monmap", "--keyring", folder / "keyring")
        self.spawn("ceph-mon", "-f", "-i", "a")
        osd = str(uuid.uuid4())
        self.run("ceph", "osd", "new", osd)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.run("ceph", "osd", "crush", "add", "0", "1.0", "root=default", "host=localhost")
        self.spawn("ceph-osd", "-f", "-i", "0")
        self.run("radosgw-admin", "user", "create", "--uid=t", "--display-name=t",
                 "--access-key=" + ACCESS_KEY, "--secret-key=" + SECRET_KEY)  # fmt: skip
        self.spawn("radosgw", "-f", "-n", "client.rgw")
        self.wait_until_it_answers()

    def make_keys(self):
        ring = self.dir / "keyring"
        for number, (name, caps) in enumerate(CAPS.items()):
            pairs = [word for what, cap in zip(caps[::2], caps[1::2]) for word in ("--cap", what, cap)]
            create = ["--create-keyring"] if number == 0 else []
            self.run("ceph-authtool", *create, ring, "--gen-key", "-n", name, *pairs, conf=False)

    def run(self, program, *words, conf=True):
        words = [str(w) for w in (program, *(["-c", self.conf] if conf else []), *words)]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
                              preexec_fn=die_with_parent)  # fmt: skip
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])

    def spawn(self, program, *words):
        with open(self.dir / "log" / (program + ".out"), "wb") as out:
            self.daemons.append(subprocess.Popen([program, "-c", str(self.conf), *words], stdin=subprocess.DEVNULL,
                                                 stdout=out, stderr=out, preexec_fn=die_with_parent))  # fmt: skip

    def wait_until_it_answers(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            assert all(d.poll() is None for d in self.daemons), "a daemon of Ceph ended: see %s/log" % self.dir
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/")
                assert connection.getresponse().status == 200
                connection.close()
                return
            except OSError:
                assert time.monotonic() < deadline, "radosgw does not listen: see %s/log" % self.dir
                time.sleep(0.05)

    def stop(self):
        """Everything is in memory and of no use afterwards, so nobody is asked politely."""
        for daemon in reversed(self.daemons):
            daemon.kill()
        for daemon in self.daemons:
            daemon.wait(PATIENCE)
        self.daemons = []

    # --- for the tests -----------------------------------------------------------------------------------

    def client(self, endpoint=None, **more):
        """boto3's view, by path style."""
        config = botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3})
        return boto3.client("s3", endpoint_url=endpoint or self.endpoint, region_name=REGION, config=config,
                            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, **more)  # fmt: skip

    def bucket(self, name="b"):
        """A new, empty bucket of this test's own."""
        made = "%s-%d-%s" % (name, next(self.numbers), os.urandom(3).hex())
        self.client().create_bucket(Bucket=made)
        return made

    def environment(self, storage=None, progress=None, timeout_ms=600000, **more):
        """Settings of the service for S3 storage and marks in these buckets (None: embedded). The caller adds
        VPC_FLOW_LOGS_DIR or GRAPHER_ENDPOINT."""
        env = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "STREAM_APPLIANCE_ENDPOINT": "embedded",
        }
        if storage:
            env.update(DIFF_STORAGE_BUCKET=storage, DIFF_STORAGE_BUCKET_REGION=REGION)
        else:
            env["DIFF_STORAGE"] = "embedded"
        if progress:
            env.update(DIFF_PROGRESS_BUCKET=progress, DIFF_PROGRESS_BUCKET_REGION=REGION,
                       DIFF_PROGRESS_TIMEOUT=timeout_ms)  # fmt: skip
        else:
            env["DIFF_MARKER"] = "embedded"
        env.update(more)
        return env
