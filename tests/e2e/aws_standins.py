# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for what AWS gives credentials with, as AWS documents them: instance metadata, a container's agent, STS;
and a gate before a real S3 server that takes the temporary credentials which they gave out, and nothing else.

Signatures are verified with botocore's own signer.
"""
import datetime
import http.client
import http.server
import json
import re
import secrets
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

FORM = "application/x-www-form-urlencoded"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?"
    r"Signature=([0-9a-f]{64})"
)


class Refused(Exception):
    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Issued:
    """All credentials that were given out, and until when each holds."""

    def __init__(self):
        self.by_key = {}
        self.secrets = []

    def issue(self, lifetime=3600, token=True):
        number = len(self.by_key)
        made = {
            "AccessKeyId": "ASIA%04dSTANDIN" % number,
            "SecretAccessKey": "very/secret+" + secrets.token_urlsafe(24),
            "Token": "token/" + secrets.token_urlsafe(300) if token else "",
            "expires": time.time() + lifetime,
        }
        self.by_key[made["AccessKeyId"]] = made
        self.secrets += [made["SecretAccessKey"]] + ([made["Token"]] if token else [])
        return made

    def revoke_all(self):
        for made in self.by_key.values():
            made["expires"] = 0

    def find(self, key, token):
        made = self.by_key.get(key)
        if made is None:
            raise Refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist")
        if (token or "") != made["Token"]:
            raise Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        if made["expires"] <= time.time():
            raise Refused(400, "ExpiredToken", "The provided token has expired.")
        return made


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(made, **more):
    """How metadata and containers write credentials."""
    return {**{k: made[k] for k in ("AccessKeyId", "SecretAccessKey", "Token")}, "Expiration": iso(made["expires"]), **more}


def verify(request, body, service, issued):
    """Checks a request's signature, and returns the credentials that it was made with."""
    match = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if not match:
        raise Refused(403, "IncompleteSignature", "no AWS4-HMAC-SHA256 signature")
    key, day, region, named_service, signed, signature = match.groups()
    date, token = request.headers.get("X-Amz-Date", ""), request.headers.get("X-Amz-Security-Token")
    made = issued.find(key, token)
    names = signed.split(";")
    if named_service != service or not date.startswith(day) or "host" not in names:
        raise Refused(403, "SignatureDoesNotMatch", "the scope is another one")
    if token and "x-amz-security-token" not in names:
        raise Refused(403, "SignatureDoesNotMatch", "the token is not signed")
    when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs(when.timestamp() - time.time()) > 900:
        raise Refused(403, "RequestTimeTooSkewed")
    copy = botocore.awsrequest.AWSRequest(
        method=request.command,
        url="http://%s%s" % (request.headers["Host"], request.path),
        data=body,
        headers={name: request.headers[name] for name in names},
    )
    copy.context["timestamp"] = date
    kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    signer = kind(botocore.credentials.Credentials(key, made["SecretAccessKey"]), service, region)
    if signer.signature(signer.string_to_sign(copy, signer.canonical_request(copy)), copy) != signature:
        raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
    return made


class Standin:
    """A server on a free loopback port. What it was asked is in `asked`, as (method, path)."""

    def __init__(self, issued):
        self.issued = issued
        self.asked = []
        self.given = 0  # credentials
        self.lifetime = 3600  # seconds, of the next ones
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.command, self.path))
                try:
                    status, kind, data = outer.serve(self, body)
                except Refused as why:
                    status, kind, data = outer.refusal(why)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                headers = dict(kind) if isinstance(kind, dict) else {"Content-Type": kind}
                if self.command == "HEAD" and "Content-Length" not in headers:
                    headers["Content-Length"] = "0"
                elif self.command != "HEAD":
                    headers["Content-Length"] = str(len(data))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def give(self):
        self.given += 1
        return self.issued.issue(self.lifetime)

    def refusal(self, why):
        return why.status, "application/json", json.dumps({"code": why.code, "message": why.message}).encode()


class Metadata(Standin):
    """EC2's instance metadata. `version` is "2" (a token is required), "1" (old: there is no token), "both", or "hop":
    version 2 is required, and the answer to the PUT does not reach a container."""

    role = "my-role"

    def __init__(self, issued, version="2"):
        super().__init__(issued)
        self.version = version
        self.tokens = {}

    def refusal(self, why):
        return why.status, "text/html", b"<html><body>%d</body></html>" % why.status

    def serve(self, request, body):
        folder = "/latest/meta-data/iam/security-credentials/"
        if request.path == "/latest/api/token":
            return self.give_token(request, body)
        if request.command != "GET":
            raise Refused(405, "")
        token = request.headers.get("X-aws-ec2-metadata-token")
        if token is not None and self.tokens.get(token, 0) < time.time():
            raise Refused(401, "")
        if token is None and self.version in ("2", "hop"):
            raise Refused(401, "")
        if request.path == folder:
            return 200, "text/plain", self.role.encode()
        if request.path == folder + self.role:
            made = as_json(self.give(), Code="Success", Type="AWS-HMAC", LastUpdated=iso(time.time()))
            return 200, "text/plain", json.dumps(made).encode()
        raise Refused(404, "")

    def give_token(self, request, body):
        if self.version == "1":
            raise Refused(404, "")
        if self.version == "hop":
            time.sleep(3)
            return None, None, None
        if request.command != "PUT":
            raise Refused(405, "")
        if "X-Forwarded-For" in request.headers:
            raise Refused(403, "")
        seconds = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if not re.fullmatch(r"\d{1,5}", seconds) or not 1 <= int(seconds) <= 21600 or body:
            raise Refused(400, "")
        token = secrets.token_urlsafe(40)
        self.tokens[token] = time.time() + int(seconds)
        return 200, {"Content-Type": "text/plain", "X-aws-ec2-metadata-token-ttl-seconds": seconds}, token.encode()


class Container(Standin):
    """The agent beside a container; `authorization` is what it wants to see (None: nothing)."""

    authorization = None

    def serve(self, request, body):
        if request.command != "GET" or request.path != "/v1/credentials?id=7":
            raise Refused(404, "NotFound", "no such path")
        if self.authorization is not None and request.headers.get("Authorization") != self.authorization:
            raise Refused(401, "AccessDenied", "the token is another one")
        return 200, "application/json", json.dumps(as_json(self.give())).encode()


class Sts(Standin):
    """AssumeRole, signed, and AssumeRoleWithWebIdentity, unsigned, of API version 2011-06-15."""

    def __init__(self, issued):
        super().__init__(issued)
        self.roles = {}  # ARN: external id, or None
        self.identities = set()  # tokens
        self.forms = []

    def refusal(self, why):
        text = (
            '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code>'
            "<Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>" % (why.code, why.message)
        )
        return why.status, "text/xml", text.encode()

    def serve(self, request, body):
        if request.command != "POST" or not request.headers["Content-Type"].startswith(FORM):
            raise Refused(400, "InvalidAction", "not a form")
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        self.forms.append(form)
        if form.get("Version") != "2011-06-15":
            raise Refused(400, "InvalidAction", "another version")
        if form["Action"] == "AssumeRole":
            form["by"] = verify(request, body, "sts", self.issued)["AccessKeyId"]
        elif form["Action"] == "AssumeRoleWithWebIdentity":
            if "Authorization" in request.headers or form["WebIdentityToken"] not in self.identities:
                raise Refused(400, "InvalidIdentityToken", "the token is not one of ours")
        else:
            raise Refused(400, "InvalidAction", "unknown")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", form["RoleSessionName"]):
            raise Refused(400, "ValidationError", "RoleSessionName")
        if form["RoleArn"] not in self.roles or self.roles[form["RoleArn"]] != form.get("ExternalId"):
            raise Refused(403, "AccessDenied", "not authorized to perform: sts:%s" % form["Action"])
        made = self.give()
        text = (
            '<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result><AssumedRoleUser><AssumedRoleId>A:x'
            "</AssumedRoleId><Arn>arn</Arn></AssumedRoleUser><Credentials><AccessKeyId>{1}</AccessKeyId><SecretAccessKey>"
            "{2}</SecretAccessKey><SessionToken>{3}</SessionToken><Expiration>{4}</Expiration></Credentials></{0}Result>"
            "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{0}Response>"
        ).format(form["Action"], made["AccessKeyId"], made["SecretAccessKey"], made["Token"], iso(made["expires"]))
        return 200, "text/xml", text.encode()


class Gate(Standin):
    """S3 for those who have credentials of the stand-ins: checks them, the token and the signature, and hands the
    request on to a real server with that one's own key."""

    def __init__(self, issued, rgw):
        super().__init__(issued)
        self.rgw = rgw
        self.keys = []  # that requests were accepted with

    def refusal(self, why):
        text = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>'
        return why.status, "application/xml", (text % (why.code, why.message)).encode()

    def serve(self, request, body):
        self.keys.append(verify(request, body, "s3", self.issued)["AccessKeyId"])
        kept = re.compile(r"content-(type|md5)|range|if-.*|x-amz-(?!date$|security-token$|content-sha256$).*", re.I)
        copy = botocore.awsrequest.AWSRequest(
            method=request.command,
            url=self.rgw.endpoint + request.path,
            data=body,
            headers={n: v for n, v in request.headers.items() if kept.fullmatch(n)},
        )
        own = botocore.credentials.Credentials(self.rgw.access_key, self.rgw.secret_key)
        botocore.auth.S3SigV4Auth(own, "s3", self.rgw.region).add_auth(copy)
        connection = http.client.HTTPConnection("127.0.0.1", self.rgw.port, timeout=60)
        try:
            connection.request(request.command, request.path, body=body, headers=dict(copy.headers.items()))
            answer = connection.getresponse()
            data = answer.read()
            dropped = ("transfer-encoding", "connection", "date", "content-length")
            headers = {n: v for n, v in answer.headers.items() if n.lower() not in dropped}
            if request.command == "HEAD" and "Content-Length" in answer.headers:
                headers["Content-Length"] = answer.headers["Content-Length"]
            return answer.status, headers, data
        finally:
            connection.close()
