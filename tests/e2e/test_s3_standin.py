# What RGW does not do, played by a stand-in: regions, redirects, session tokens, throttling, another clock.
# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest
from harness import Windows, expected_diff, wait_until, write_windows
from s3_standin import ACCESS_KEY, SECRET_KEY, Standin


@pytest.fixture
def play(make_service):
    """Makes a stand-in and a started service on it."""
    with contextlib.ExitStack() as stack:

        def make(env=None, **how):
            standin = Standin(**how)
            stack.callback(standin.shutdown)
            service = make_service()
            service.env.update(standin.environment(VPC_FLOW_LOGS_DIR=service.logs, **(env or {})))
            return standin, service.start()

        yield make


def check_works(service, windows=None):
    windows = windows or Windows(0)
    files = write_windows(service.logs, windows)
    assert service.post(windows.query).status == 202
    assert service.wait_for_diff(windows.query) == expected_diff(windows, files)


def check_fails(service, *says):
    """A 500 for POST and GET, and a reason in the log that says what to do."""
    windows = Windows(0)
    for answer in (service.get(windows.query), service.post(windows.query)):
        assert answer.status == 500 and answer.message == "Internal Server Error"
    for line in service.log("dependency-failure"):
        assert all(word in line["reason"] for word in says), line["reason"]


def test_signatures_hold_by_another_reading_of_the_rules(play):
    """All that a job asks for is signed right, payload and all, with a session token too."""
    standin, service = play(token="session/token+==")
    check_works(service)
    assert [line.split("?")[0].split(" ")[0] for line in standin.asked].count("PUT") >= 2
    assert service.log("dependency-failure") == []


def test_wrong_region(play):
    """The bucket is elsewhere: the text names the setting and the right region."""
    _, service = play(region="eu-central-1")
    check_fails(service, '"b"', "eu-central-1", "us-east-1", "DIFF_PROGRESS_BUCKET_REGION")


def test_permanent_redirect(play):
    """The same, as an old endpoint says it; the redirect is not followed with a signature for another host."""
    standin, service = play()
    standin.redirect = "ap-south-1"
    check_fails(service, "ap-south-1", "DIFF_PROGRESS_BUCKET_REGION")


def test_throttling(play):
    """SlowDown a few times is nothing that a client or a job notices; without end it is a failure."""
    standin, service = play()
    standin.throttles = 4
    check_works(service)
    assert service.log("dependency-failure") == [] and standin.throttles == 0
    standin.throttles = 1000
    assert service.get(Windows(1).query).status == 500
    assert "503 SlowDown" in service.log("dependency-failure")[0]["reason"]
    assert standin.throttles >= 1000 - 6


def test_clock_skew(play):
    """A clock that is an hour off is set by the server's, once, and the log says so."""
    standin, service = play(clock_ahead=3600)
    check_works(service)
    check_works(service, Windows(1))
    (line,) = {line["bucket"]: line for line in service.log("clock-skew")}.values()
    assert line["level"] == "warn" and 3590 < line["behind_seconds"] < 3610 and "NTP" in line["reason"]
    assert service.log("dependency-failure") == []


def test_expired_token(play):
    """Credentials of the environment that have expired: the text says which to renew."""
    standin, service = play(token="old")
    standin.token = "new"
    check_fails(service, "session token", "AWS_SESSION_TOKEN", "ExpiredToken")


def test_expired_token_is_renewed_from_a_file(play, tmp_path):
    """Credentials of a file that have expired are read again, and the request is repeated with them."""
    path = tmp_path / "credentials"

    def write(token):
        path.write_text("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n"
                        % (ACCESS_KEY, SECRET_KEY, token))  # fmt: skip

    write("old")
    unset = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    standin, service = play(token="old", env={**unset, "USE_IAM": "false", "AWS_CREDENTIALS_FILE": path})
    check_works(service)
    standin.token = "new"
    assert service.get(Windows(1).query).status == 500
    write("new")
    check_works(service, Windows(1))


def test_missing_key_without_list_bucket(play):
    """Who may not list gets 403 for a missing key: the log says what is missing."""
    standin, service = play()
    standin.may_list = False
    check_fails(service, "403 AccessDenied", "s3:ListBucket", '"b"')
    standin.may_list = True
    check_works(service)
    wait_until(lambda: not [k for k in standin.objects if k.endswith("_in_progress")], what="the mark to be removed")
