# SPDX-License-Identifier: Apache-2.0
# Each place that AWS credentials come from serves the running service: its diff is stored in a bucket that takes those
# credentials alone, and none of their secrets shows in the log.
import time

import aws_standins
import pytest
from harness import SLOW, Windows, expected_diff, run, wait_until, write_windows


class World:
    """Buckets behind a gate, and a service that must find its way through it."""

    def __init__(self, rgw, make_service):
        self.rgw, self.make_service = rgw, make_service
        self.issued = aws_standins.Issued()
        self.gate = aws_standins.Gate(self.issued, rgw)
        self.standins = [self.gate]
        self.storage, self.progress = rgw.bucket("diffs"), rgw.bucket("marks")
        self.service = None
        self.jobs = 0

    def add(self, kind, *args):
        self.standins.append(kind(self.issued, *args))
        return self.standins[-1]

    def prepare(self, **env):
        """A service without credentials but those that `env` leads to."""
        own = dict(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_ENDPOINT_URL_S3=self.gate.endpoint,
                   AWS_EC2_METADATA_DISABLED="true", USE_IAM="true")  # fmt: skip
        own.update(env)
        self.service = self.make_service(**self.rgw.environment(self.storage, self.progress, **own))
        self.service.env["VPC_FLOW_LOGS_DIR"] = self.service.logs
        return self.service

    def start(self, **env):
        return self.prepare(**env).start()

    def store(self):
        """A diff goes all the way: POST, job, bucket, GET."""
        windows = Windows(self.jobs)
        self.jobs += 1
        files = write_windows(self.service.logs, windows)
        expected = expected_diff(windows, files)
        answer = self.service.post(windows.query)
        assert answer.status == 202, (answer, self.service.log()[-5:])
        assert self.service.wait_for_diff(windows.query) == expected
        stored = self.rgw.client().get_object(Bucket=self.storage, Key=windows.id + ".dot")["Body"].read()
        assert stored == expected

    def failure(self, number=0):
        """What the log tells of the first thing that fails for want of credentials."""
        answer = self.service.post(Windows(number).query)
        assert answer.status == 500 and answer.message == "Internal Server Error", answer
        return self.service.wait_for_log("dependency-failure")[-1]["reason"]

    def end(self):
        for standin in self.standins:
            standin.stop()
        if self.service is not None and self.service.process is not None:
            shown = self.service.stdout() + self.service.stderr()
            for secret in self.issued.secrets:
                assert secret.encode() not in shown


@pytest.fixture
def world(rgw, make_service):
    made = World(rgw, make_service)
    yield made
    made.end()


def test_environment(world):
    """Keys of the environment, with their session token; either spelling of the names."""
    made = world.issued.issue()
    world.start(AWS_ACCESS_KEY=made["AccessKeyId"], AWS_SECRET_KEY=made["SecretAccessKey"], AWS_SESSION_TOKEN=made["Token"])
    world.store()
    assert set(world.gate.keys) == {made["AccessKeyId"]}


def write_profile(path, name, made, token=True):
    text = "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (name, made["AccessKeyId"], made["SecretAccessKey"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + ("aws_session_token = %s\n" % made["Token"] if token else ""))


@pytest.mark.parametrize("how", ["original", "shared", "default"])
def test_file_without_iam(world, how):
    """USE_IAM=false: the file and profile of the original's variables, the AWS tools', the home's."""
    made = world.issued.issue()
    env = {
        "original": {"AWS_CREDENTIALS_FILE": "~/creds", "AWS_CREDENTIALS_PROFILE": "team"},
        "shared": {"AWS_SHARED_CREDENTIALS_FILE": "~/creds", "AWS_PROFILE": "team"},
        "default": {},
    }[how]
    service = world.prepare(USE_IAM="false", **env)
    write_profile(service.home / ("creds" if env else ".aws/credentials"), "team" if env else "default", made)
    service.start()
    world.store()
    assert set(world.gate.keys) == {made["AccessKeyId"]}


def test_file_is_read_again(world):
    """Somebody replaces the keys in the file: the service goes on with the new ones, without a restart."""
    first, second = world.issued.issue(), world.issued.issue()
    service = world.prepare()
    write_profile(service.home / ".aws/credentials", "default", first)
    service.start()
    world.store()
    first["expires"] = 0
    write_profile(service.home / ".aws/credentials", "default", second)
    world.store()
    assert set(world.gate.keys) == {first["AccessKeyId"], second["AccessKeyId"]}


@pytest.mark.parametrize("version", ["2", "1", "both"])
def test_instance_metadata(world, version):
    """Version 2 with its token; version 1 where the service is too old for one."""
    metadata = world.add(aws_standins.Metadata, version)
    world.start(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint)
    world.store()
    assert metadata.given == 1
    assert bool(metadata.tokens) == (version != "1")


def test_instance_metadata_behind_a_hop_limit(world):
    """A container does not get the token: version 1 is tried, and, where that is off, the log says what to set."""
    metadata = world.add(aws_standins.Metadata, "hop")
    world.start(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint)
    assert "HttpPutResponseHopLimit" in world.failure()
    metadata.version = "both"
    world.store()


def test_rotation_before_expiry(world):
    """Credentials that are about to expire are renewed while the old ones still hold."""
    metadata = world.add(aws_standins.Metadata)
    metadata.lifetime = 240
    world.start(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint)
    world.store()
    first = set(world.gate.keys)
    metadata.lifetime = 3600

    def renewed():
        time.sleep(0.2)
        world.service.get(Windows(0).query)
        return metadata.given == 2

    wait_until(renewed, SLOW, "the renewal")
    world.gate.keys.clear()
    world.store()
    assert len(set(world.gate.keys)) == 1 and not first & set(world.gate.keys)
    assert metadata.given == 2


def test_rotation_after_a_refusal(world):
    """S3 says that the token has expired, whatever its own word was: new credentials are asked for, and the job is done."""
    metadata = world.add(aws_standins.Metadata)
    world.start(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint)
    world.store()
    world.issued.revoke_all()
    world.store()
    assert metadata.given == 2


def test_container(world, tmp_path):
    """The agent's URL with the token of a file, which is read anew each time."""
    container = world.add(aws_standins.Container)
    container.authorization = "Bearer first"
    (tmp_path / "token").write_text("Bearer first\n")
    world.start(AWS_CONTAINER_CREDENTIALS_FULL_URI=container.endpoint + "/v1/credentials?id=7",
                AWS_CONTAINER_AUTHORIZATION_TOKEN="of the variable",
                AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=tmp_path / "token")  # fmt: skip
    world.store()
    container.authorization = "Bearer second"
    (tmp_path / "token").write_text("Bearer second\n")
    world.issued.revoke_all()
    world.store()
    assert container.given == 2


def test_container_over_http_elsewhere(world):
    """The agent is asked over plain HTTP on this machine only."""
    world.start(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://agent.example/v1/credentials")
    assert "agent.example is asked over https only" in world.failure()


def test_proxies(world, tmp_path):
    """Metadata are asked directly whatever proxy there is; STS is asked through it. (0.0.0.0 is this machine, and no
    address that proxies leave out by themselves.)"""
    metadata, sts = world.add(aws_standins.Metadata), world.add(aws_standins.Sts)
    dead = dict(HTTP_PROXY="http://127.0.0.1:1", AWS_EC2_METADATA_DISABLED="false")
    world.start(AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint.replace("127.0.0.1", "0.0.0.0"), **dead)
    world.store()
    assert metadata.given == 1
    world.service.stop()
    (tmp_path / "jwt").write_text("jwt")
    world.start(AWS_ENDPOINT_URL_STS=sts.endpoint.replace("127.0.0.1", "0.0.0.0"), AWS_ROLE_ARN="arn:r",
                AWS_WEB_IDENTITY_TOKEN_FILE=tmp_path / "jwt", **dead)  # fmt: skip
    assert "AssumeRoleWithWebIdentity of arn:r at http://0.0.0.0" in world.failure(9)
    assert sts.asked == []


def test_web_identity(world, tmp_path):
    """A pod's token is exchanged at STS; nothing is signed there."""
    sts = world.add(aws_standins.Sts)
    sts.roles["arn:aws:iam::1:role/pod+1"] = None
    sts.identities.add("eyJhbGciOi.J9.x-_y")
    (tmp_path / "jwt").write_text("eyJhbGciOi.J9.x-_y")
    world.start(AWS_ENDPOINT_URL_STS=sts.endpoint, AWS_WEB_IDENTITY_TOKEN_FILE=tmp_path / "jwt",
                AWS_ROLE_ARN="arn:aws:iam::1:role/pod+1", AWS_ROLE_SESSION_NAME="s1")  # fmt: skip
    world.store()
    assert [(f["Action"], f["RoleSessionName"]) for f in sts.forms] == [("AssumeRoleWithWebIdentity", "s1")]


def test_refused_web_identity(world, tmp_path):
    """What STS says stands in the log, with the role; the token does not."""
    sts = world.add(aws_standins.Sts)
    (tmp_path / "jwt").write_text("eyJhbGciOi.J9.secret")
    world.start(AWS_ENDPOINT_URL_STS=sts.endpoint, AWS_WEB_IDENTITY_TOKEN_FILE=tmp_path / "jwt", AWS_ROLE_ARN="arn:r")
    reason = world.failure()
    assert "InvalidIdentityToken" in reason and "arn:r" in reason
    assert b"J9.secret" not in world.service.stdout()


@pytest.mark.parametrize("iam", ["true", "false"])
def test_role_of_a_profile(world, iam):
    """role_arn with source_profile: STS checks the signature, the role's credentials open the bucket, the user's own
    do not."""
    sts, user = world.add(aws_standins.Sts), world.issued.issue(token=False)
    sts.roles["arn:aws:iam::1:role/reader"] = "e&x t"
    service = world.prepare(USE_IAM=iam, AWS_ENDPOINT_URL_STS=sts.endpoint, AWS_PROFILE="reader")
    write_profile(service.home / ".aws/credentials", "user", user, token=False)
    (service.home / ".aws/config").write_text(
        "[profile reader]\nrole_arn = arn:aws:iam::1:role/reader\nsource_profile = user\nexternal_id = e&x t\n"
        "role_session_name = diffs@eu\nduration_seconds = 900 # short\n"
    )
    service.start()
    world.store()
    assert [(f["by"], f["DurationSeconds"], f["RoleSessionName"]) for f in sts.forms] == [
        (user["AccessKeyId"], "900", "diffs@eu")
    ]
    assert user["AccessKeyId"] not in world.gate.keys


def test_roles_on_roles(world):
    """A role that is assumed with another role, which the instance's own role assumes."""
    sts, metadata = world.add(aws_standins.Sts), world.add(aws_standins.Metadata)
    sts.roles.update({"arn:outer": None, "arn:inner": None})
    service = world.prepare(AWS_ENDPOINT_URL=sts.endpoint, AWS_PROFILE="inner", AWS_EC2_METADATA_DISABLED=None,
                            AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint)  # fmt: skip
    (service.home / ".aws").mkdir()
    (service.home / ".aws/config").write_text(
        "[profile outer]\nrole_arn = arn:outer\ncredential_source = Ec2InstanceMetadata\n"
        "[profile inner]\nrole_arn = arn:inner\nsource_profile = outer\n"
    )
    service.start()
    world.store()
    assert [f["RoleArn"] for f in sts.forms] == ["arn:outer", "arn:inner"]
    assert metadata.given == 1


def test_nothing_anywhere(world):
    """500, and a log line that tells of each place that was looked at, and what to do."""
    world.start()
    reason = world.failure()
    for text in ("AWS_ACCESS_KEY_ID is not set", "AWS_WEB_IDENTITY_TOKEN_FILE is not set", "no profile default in",
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI are not set", "AWS_EC2_METADATA_DISABLED is true",
                 "give the instance, task or pod a role"):  # fmt: skip
        assert text in reason, reason


def test_half_a_pair(world):
    """A key without its secret is a fault at the start: exit status 2, and the text names the variable."""
    service = world.prepare(AWS_ACCESS_KEY_ID="AKIDEXAMPLE").spawn()
    assert service.process.wait(SLOW) == 2
    shown = service.stdout() + service.stderr()
    assert b"AWS_SECRET_ACCESS_KEY" in shown and b"AKIDEXAMPLE" not in shown


def test_config_hides_secrets(tmp_path):
    """`config` shows that secrets are set, and not what they are."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
    for options in ((), ("--json",)):
        result = run(tmp_path, "config", *options, env={name: "sesame" for name in names})
        assert result.status == 0, result
        assert b"sesame" not in result.out and result.out.count(b"(hidden)") >= len(names), result
