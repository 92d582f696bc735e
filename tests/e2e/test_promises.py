# Promises to peers that no other file has: what the data folder holds.
# SPDX-License-Identifier: Apache-2.0
import datetime

import reference
from harness import Windows, query, wait_until


def test_the_data_folder_holds_what_is_documented(make_service):
    """The diff, the queue and the lock; no mark and nothing temporary once the job is done."""
    service = make_service().start()
    windows = Windows(0)
    assert service.post(windows.query).status == 202
    service.wait_for_diff(windows.query)
    wait_until(lambda: not service.leftovers(), what="the mark to go")
    files = {str(path.relative_to(service.data)) for path in service.data.rglob("*")}
    assert {name for name in files if not name.startswith("queue.db")} == {
        "diffs", f"diffs/{windows.id}.dot", "flow-logs", "lock", "marks", "tmp"}
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
