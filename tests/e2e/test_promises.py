# Promises to peers that no other file has: what the original left in S3, what the data folder holds.
# SPDX-License-Identifier: Apache-2.0
import datetime
import uuid

import reference
from harness import Windows, query, wait_until

NAMESPACE = uuid.UUID("0c1312e4-88e7-5ed7-aa3e-4645b712c012")


def test_a_diff_that_the_original_stored_under_another_spelling_is_found(rgw, make_service):
    """Asked for in the spelling in which it was made, with an offset or with seconds, it is there; nobody makes it anew."""
    diffs, marks = rgw.bucket("other-diffs"), rgw.bucket("other-marks")
    service = make_service()
    service.env.update(rgw.environment(diffs, marks, VPC_FLOW_LOGS_DIR=service.logs))
    service.start()
    spellings = [
        (["2019-07-%02dT02:00:00+02:00" % day for day in (1, 2, 2, 3)], "2019-07-%02d 02:00:00 +0200 +0200"),
        (["2019-07-%02dT00:00:30Z" % day for day in (1, 2, 2, 3)], "2019-07-%02d 00:00:30 +0000 UTC"),
    ]
    for times, as_go in spellings:
        other = str(uuid.uuid5(NAMESPACE, "".join(as_go % day for day in (1, 2, 2, 3))))
        assert service.get(query(*times)).status == 404
        rgw.client().put_object(Bucket=diffs, Key=other + ".dot", Body=other.encode())
        found = service.get(query(*times))
        assert (found.status, found.body) == (200, other.encode())
        conflict = service.post(query(*times))
        assert conflict.status == 409 and conflict.message.endswith("already exists")
    canonical = ["2019-07-%02dT00:00:00Z" % day for day in (1, 2, 2, 3)]
    assert service.get(query(*canonical)).status == 404


def test_the_data_folder_holds_what_is_documented(make_service):
    """Marks, queue and lock while a job waits; then the diff, and no mark."""
    service = make_service(VPC_FLOW_LOGS_DELAY="1h").start()
    late = Windows(0)
    assert service.post(late.query).status == 202  # long ago: complete whatever the delay
    service.wait_for_diff(late.query)
    wait_until(lambda: not service.leftovers(), what="the mark to go")
    files = {str(path.relative_to(service.data)) for path in service.data.rglob("*")}
    assert {name for name in files if not name.startswith("queue.db")} == {
        "diffs", f"diffs/{late.id}.dot", "flow-logs", "lock", "marks", "tmp"}
    assert "queue.db" in files
    assert service.stop() == 0


def test_a_mark_is_a_time_in_a_file_of_its_name(make_service):
    """`marks/<id>_in_progress` holds when it was made, while the job waits for logs that AWS delivers late."""
    service = make_service(VPC_FLOW_LOGS_DELAY="1h").start()
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    minutes = [now + datetime.timedelta(minutes=m) for m in (-60, -30, -30, -1)]
    times = [minute.strftime("%Y-%m-%dT%H:%M:%SZ") for minute in minutes]
    assert service.post(query(*times)).status == 202
    mark = service.data / "marks" / (reference.diff_id(*times) + "_in_progress")
    text = mark.read_text()
    marked = datetime.datetime.fromisoformat(text[:19] + "+00:00")
    assert text.endswith("Z") and abs((marked - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 600
    assert service.get(query(*times)).status == 204
