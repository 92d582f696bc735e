# The whole service on a real S3 server (Ceph RGW, which verifies signatures): diffs and marks as boto3 sees them.
# SPDX-License-Identifier: Apache-2.0
import datetime
import hashlib
import pathlib
import signal
import time

import pytest
import s3_proxy as places
from harness import EPOCH_2019, SLOW, Windows, aws_path, expected_diff, log_file, query, record, wait_until, write_windows


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


def write_large_windows(folder, windows, edges=30000):
    """Flow logs whose diff is some 12 MB: a multipart upload of three parts."""
    flows = [("10.%d.%d.1" % (n // 250, n % 250), "10.200.0.1") for n in range(edges)]
    paths = []
    for (start, _), names in ((windows.previous, []), (windows.next, flows)):
        path = pathlib.Path(folder) / aws_path(start + 300)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log_file([record(start + 60, s, d) for s, d in names], compress=True))
        paths.append(path)
    return paths


def made_by_command(service, windows):
    """The diff of the same logs, by the command line."""
    spans = ["/".join(windows.times[:2]), "/".join(windows.times[2:])]
    return service.cli("diff", "--logs", service.logs, "--previous", spans[0], "--next", spans[1]).out


def reasons(service, message="dependency-failure"):
    return [line.get("reason", "") for line in service.log(message)]


def go_time(seconds_ago, offset_hours=0, fraction=""):
    """A time as the original writes it into a mark: RFC 3339 with the offset of its machine."""
    zone = datetime.timezone(datetime.timedelta(hours=offset_hours))
    when = datetime.datetime.now(zone) - datetime.timedelta(seconds=seconds_ago)
    offset = when.strftime("%z")
    return when.strftime("%Y-%m-%dT%H:%M:%S") + fraction + (offset[:3] + ":" + offset[3:] if offset_hours else "Z")


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


def test_get_what_boto3_wrote(rgw, buckets, s3_service):
    """Whatever lies under the diff's name is given out byte for byte, large or empty."""
    with s3_service() as service:
        for number, body in enumerate([b"digraph {\n}", b"", bytes(range(256)) * 40000]):
            windows = Windows(number)
            rgw.client().put_object(Bucket=buckets[0], Key=windows.id + ".dot", Body=body)
            got = service.get(windows.query)
            assert got.status == 200 and got.body == body
            assert int(got.headers["Content-Length"]) == len(body)
            assert service.post(windows.query).status == 409


def test_stored_under_the_spelling_of_the_original(rgw, buckets, s3_service):
    """An object under the id of the times as they were spelled is found by that spelling."""
    times = ["2019-07-01T02:00:00+02:00", "2019-07-02T00:00:30.250Z", "2019-07-01T18:30:00-05:30", "2019-07-03T00:00:00Z"]
    spelled_id = "e3837b51-1b9d-55b0-9386-54970666b69e"  # uuid5 of what Go prints of these
    with s3_service() as service:
        assert service.get(query(*times)).status == 404
        rgw.client().put_object(Bucket=buckets[0], Key=spelled_id + ".dot", Body=b"old")
        got = service.get(query(*times))
        assert (got.status, got.body) == (200, b"old")
        assert service.post(query(*times)).status == 409


@pytest.mark.parametrize("text,in_progress", [
    (lambda: go_time(5), True),
    (lambda: go_time(5, fraction=".123456789"), True),
    (lambda: go_time(5, offset_hours=9, fraction=".5"), True),
    (lambda: go_time(5, offset_hours=-7), True),
    (lambda: go_time(-3600), True),  # from the future: fresh for one time-out
    (lambda: go_time(700), False),
    (lambda: go_time(700, offset_hours=9), False),
    (lambda: "garbled", False),
    (lambda: "", False),
])  # fmt: skip
def test_marks_of_the_original(rgw, buckets, s3_service, text, in_progress):
    """Marks that others wrote count for as long as their time says, in whatever offset it is written."""
    with s3_service() as service:
        windows = Windows(0)
        write_windows(service.logs, windows)
        rgw.client().put_object(Bucket=buckets[1], Key=windows.id + "_in_progress", Body=text().encode())
        assert service.get(windows.query).status == (204 if in_progress else 404)
        assert service.post(windows.query).status == (409 if in_progress else 202)


def test_mark_is_there_while_a_job_waits(rgw, buckets, s3_service):
    """The mark is an object that the original can read: an RFC 3339 time of now."""
    with s3_service(VPC_FLOW_LOGS_DELAY="24h") as service:
        windows = Windows(int(time.time() - EPOCH_2019) // 7200)
        assert service.post(windows.query).status == 202
        mark = rgw.client().get_object(Bucket=buckets[1], Key=windows.id + "_in_progress")["Body"].read().decode()
        when = datetime.datetime.strptime(mark[:19] + "Z", "%Y-%m-%dT%H:%M:%SZ")
        assert abs((when - datetime.datetime.utcnow()).total_seconds()) < SLOW and mark.endswith("Z")
        assert service.get(windows.query).status == 204


# --- what a person must mend -----------------------------------------------------------------------------------


@pytest.mark.parametrize("env,says", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ["AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"]),
    ({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, ["AWS_ACCESS_KEY_ID", "AKIAWRONG", "InvalidAccessKeyId"]),
    ({"DIFF_STORAGE_BUCKET": "no-such-bucket"}, ["no-such-bucket", "DIFF_STORAGE_BUCKET", "create it"]),
    ({"DIFF_PROGRESS_BUCKET": "no-such-bucket"}, ["no-such-bucket", "DIFF_PROGRESS_BUCKET", "create it"]),
    ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, ["127.0.0.1"]),
])  # fmt: skip
def test_wrong_settings_are_told(s3_service, env, says):
    """A bad key, secret, bucket or server: the client gets a 500 that says nothing, the log says what to do."""
    with s3_service(**env) as service:
        windows = Windows(0)
        for answer in (service.get(windows.query), service.post(windows.query)):
            assert answer.status == 500 and answer.message == "Internal Server Error"
        lines = service.log("dependency-failure")
        assert len(lines) == 2
        for line in lines:
            assert line["dependency"] in ("marker", "storage") and line["level"] == "error"
            assert all(word in line["reason"] for word in says), line
            assert "wrong" not in line["reason"] or "AKIAWRONG" in line["reason"]


def test_marker_bucket_gone(rgw, buckets, s3_service):
    """The bucket of the marks vanishes at work: 500 and a log line; no job is taken in that nobody can see."""
    with s3_service() as service:
        windows = Windows(0)
        files = write_windows(service.logs, windows)
        assert service.get(windows.query).status == 404
        rgw.client().delete_bucket(Bucket=buckets[1])
        assert service.post(windows.query).status == 500
        assert service.get(windows.query).status == 500
        assert all("there is no S3 bucket" in r and "DIFF_PROGRESS_BUCKET" in r for r in reasons(service))
        assert service.log("job-started") == []
        rgw.client().create_bucket(Bucket=buckets[1])
        assert service.post(windows.query).status == 202
        assert service.wait_for_diff(windows.query) == expected_diff(windows, files)


# --- large diffs, and connections that break ---------------------------------------------------------------------


def test_multipart_upload(rgw, buckets, s3_service, s3_proxy):
    """A large diff goes in parts that the server verifies, and comes back whole."""
    with s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint) as service:
        windows = Windows(0)
        write_large_windows(service.logs, windows)
        assert service.post(windows.query).status == 202
        body = service.wait_for_diff(windows.query)
        assert body == made_by_command(service, windows) and len(body) > 11 << 20
        stored = rgw.client().head_object(Bucket=buckets[0], Key=windows.id + ".dot")
        assert stored["ETag"].endswith('-3"') and stored["ContentLength"] == len(body)
        assert stored["ContentType"] == "application/octet-stream"
        assert pending(rgw, buckets[0]) == []
        assert s3_proxy.count("partNumber=") == 3 and s3_proxy.count("POST .*uploads") == 1


PLACES = [places.HEAD, places.BODY_START, places.BODY_MIDDLE, places.BODY_END, places.BEFORE_ANSWER]


@pytest.mark.parametrize("place", PLACES)
def test_cut_while_a_small_diff_is_stored(rgw, buckets, s3_service, s3_proxy, place):
    """The connection breaks once at each place of the PUT: it is sent again, and one whole diff is there."""
    with s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint) as service:
        windows = Windows(0)
        files = write_windows(service.logs, windows)
        rule = s3_proxy.rule(r"PUT .*\.dot", cut=place)
        assert service.post(windows.query).status == 202
        assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
        assert rule.hits == 2 and s3_proxy.count(r"PUT .*%s\.dot" % windows.id) == 2
        assert service.log("job-failed") == []
        wait_until(lambda: keys(rgw, buckets[1]) == [], what="the mark to be removed")


@pytest.mark.parametrize("place", PLACES + [places.ANSWER_MIDDLE])
@pytest.mark.parametrize("pattern", [r"partNumber=2&", r"POST .*\?uploadId="], ids=["part", "completion"])
def test_cut_while_a_large_diff_is_stored(rgw, buckets, s3_service, s3_proxy, pattern, place):
    """The same for a part and for the completion: never a piece of a diff, never a pending upload left behind."""
    with s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint) as service:
        windows = Windows(0)
        write_large_windows(service.logs, windows)
        rule = s3_proxy.rule(pattern, cut=place)
        assert service.post(windows.query).status == 202
        assert service.wait_for_diff(windows.query) == made_by_command(service, windows)
        assert rule.hits >= 1
        assert s3_proxy.count("partNumber=") in (3, 4)
        assert pending(rgw, buckets[0]) == []
        assert service.log("job-failed") == []


@pytest.mark.parametrize("place", [places.HEAD, places.BEFORE_ANSWER, places.ANSWER_MIDDLE])
def test_cut_while_a_diff_is_fetched(rgw, buckets, s3_service, s3_proxy, place):
    """A GET goes on where it broke off: the client sees one whole diff."""
    with s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint) as service:
        windows = Windows(0)
        body = bytes(range(256)) * 40000
        rgw.client().put_object(Bucket=buckets[0], Key=windows.id + ".dot", Body=body)
        rule = s3_proxy.rule(r"GET .*\.dot", cut=place, times=3)
        got = service.get(windows.query)
        assert got.status == 200 and got.body == body
        assert rule.hits == 4


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_cut_at_a_mark(rgw, buckets, s3_service, s3_proxy, method):
    """Reading, making and removing a mark survive two broken connections."""
    with s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint) as service:
        windows = Windows(0)
        files = write_windows(service.logs, windows)
        rule = s3_proxy.rule(method + " .*_in_progress", cut=places.BEFORE_ANSWER, times=2)
        assert service.post(windows.query).status == 202
        assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
        wait_until(lambda: keys(rgw, buckets[1]) == [], what="the mark to be removed")
        wait_until(lambda: rule.hits >= 3, what="the third try")
        assert reasons(service) == []


def test_failed_upload_is_taken_back(rgw, buckets, s3_service, s3_proxy):
    """A part that S3 refuses ends the job: no piece is visible, no upload pending; later it is done after all."""
    with s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint) as service:
        windows = Windows(0)
        write_large_windows(service.logs, windows)
        refused = s3_proxy.rule("partNumber=3&", answer=places.answer(403, "AccessDenied", "No."))
        assert service.post(windows.query).status == 202
        failed = service.wait_for_log("job-failed")[0]
        assert "s3:PutObject" in failed["reason"] and buckets[0] in failed["reason"]
        assert refused.hits == 1
        assert keys(rgw, buckets[0]) == [] and pending(rgw, buckets[0]) == []
        assert service.get(windows.query).status == 204
        assert service.wait_for_diff(windows.query) == made_by_command(service, windows)
        assert s3_proxy.count("POST .*uploads") == 2


def test_kill_in_the_middle_of_an_upload(rgw, buckets, s3_service, s3_proxy):
    """Kill -9 between two parts: nothing is visible, the diff is in progress, and a restart finishes it."""
    service = s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint)
    windows = Windows(0)
    write_large_windows(service.logs, windows)
    held = s3_proxy.rule("partNumber=3&", hold=True)
    with service:
        assert service.post(windows.query).status == 202
        assert held.held.wait(SLOW)
        assert service.get(windows.query).status == 204
        service.kill()
        assert keys(rgw, buckets[0]) == []
        held.release.set()
        service.start()
        assert service.wait_for_diff(windows.query) == made_by_command(service, windows)
        assert keys(rgw, buckets[0]) == [windows.id + ".dot"]


def test_stop_in_the_middle_of_an_upload(rgw, buckets, s3_service, s3_proxy):
    """SIGTERM while a part is on its way: what is in hand is finished, and nothing is left pending."""
    service = s3_service(AWS_ENDPOINT_URL_S3=s3_proxy.endpoint)
    windows = Windows(0)
    write_large_windows(service.logs, windows)
    held = s3_proxy.rule("partNumber=2&", hold=True)
    with service:
        assert service.post(windows.query).status == 202
        assert held.held.wait(SLOW)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for_log("service-stopping")
        held.release.set()
        assert service.process.wait(SLOW) == 0
        assert keys(rgw, buckets[0]) == [windows.id + ".dot"] and pending(rgw, buckets[0]) == []
        assert keys(rgw, buckets[1]) == []
