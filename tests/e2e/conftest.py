# Fixtures of the end-to-end tests: a home of its own for each, services that end with the test, a real S3 server.
# SPDX-License-Identifier: Apache-2.0
import pytest
from harness import Service
from rgw import Rgw
from s3_proxy import Proxy


@pytest.fixture
def service(tmp_path):
    """A started service on the embedded modules."""
    with Service(tmp_path) as started:
        yield started


@pytest.fixture
def make_service(tmp_path):
    """Makes services that are not started yet, and ends them with the test."""
    made = []

    def make(name="s", **options):
        made.append(Service(tmp_path / name, **options))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()


@pytest.fixture(scope="session")
def rgw(tmp_path_factory):
    """A real S3 server that the whole run shares; see rgw.py."""
    server = Rgw(tmp_path_factory.mktemp("rgw"))
    yield server
    server.stop()


@pytest.fixture
def s3_proxy(rgw):
    """A proxy in front of the real S3 server that breaks what it is told to break; see s3_proxy.py."""
    proxy = Proxy(rgw.port)
    yield proxy
    proxy.stop()
