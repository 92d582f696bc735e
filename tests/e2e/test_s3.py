# The whole service on a real S3 server (Ceph RGW, which verifies signatures): diffs and marks as boto3 sees them.
# SPDX-License-Identifier: Apache-2.0
import hashlib

import pytest
from harness import Windows, expected_diff, wait_until, write_windows


@pytest.fixture
def buckets(rgw):
    return rgw.bucket("diffs"), rgw.bucket("marks")


@pytest.fixture
def s3_service(rgw, buckets, make_service):
    """Makes services with both modules on S3 and the embedded queue and grapher; not started yet."""

    def make(name="s", **env):
        service = make_service(name)
        service.env.update(rgw.environment(*buckets, VPC_FLOW_LOGS_DIR=service.logs))
        service.env.update(env)
        return service

    return make


def keys(rgw, bucket):
    return [o["Key"] for o in rgw.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def pending(rgw, bucket):
    return rgw.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def put_mark(rgw, bucket, windows, text):
    rgw.client().put_object(Bucket=bucket, Key=windows.id + "_in_progress", Body=text.encode())


# --- what boto3 sees -------------------------------------------------------------------------------------------


def test_post_and_get_a_diff(rgw, buckets, s3_service):
    """A diff is made, stored and fetched; boto3 reads the same bytes as a plain object."""
    with s3_service() as service:
        windows = Windows(0)
        files = write_windows(service.logs, windows)
        assert service.get(windows.query).status == 404
        assert service.post(windows.query).status == 202
        body = service.wait_for_diff(windows.query)
        assert body == expected_diff(windows, files)
        wait_until(lambda: keys(rgw, buckets[1]) == [], what="the mark to be removed")
        assert keys(rgw, buckets[0]) == [windows.id + ".dot"]
        stored = rgw.client().get_object(Bucket=buckets[0], Key=windows.id + ".dot")
        assert stored["Body"].read() == body
        assert stored["ContentType"] == "application/octet-stream"
        assert "ContentEncoding" not in stored
        assert stored["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
        again = service.post(windows.query)
        assert again.status == 409 and again.message.endswith("already exists")
        head = service.request("HEAD", windows.query)
        assert head.status == 200 and int(head.headers["Content-Length"]) == len(body)
        assert service.leftovers() == []
        assert service.stop() == 0
