# SPDX-License-Identifier: Apache-2.0
"""Plays what a real S3 does and RGW does not: regions, redirects, session tokens, throttling, a clock.

A small S3 in memory, one bucket, path style. It verifies each signature by its own implementation of the rules
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), the payload's hash
included.
"""
import base64
import datetime
import hashlib
import hmac
import http.server
import threading
import urllib.parse

ACCESS_KEY, SECRET_KEY = "AKIASTANDIN", "stand-in/secret+key"
TOLERANCE = 900


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Standin(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, region="us-east-1", token=None, clock_ahead=0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.region, self.token, self.clock_ahead = region, token, clock_ahead
        self.objects, self.asked = {}, []
        self.throttles = 0  # how many requests still get SlowDown
        self.redirect = None  # PermanentRedirect to this region's endpoint
        self.may_list = True  # without s3:ListBucket a missing key is a 403
        self.endpoint = "http://127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.clock_ahead)

    def environment(self, **more):
        """Settings of a service with storage and marks in the bucket `b`."""
        env = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_SESSION_TOKEN": self.token, "STREAM_APPLIANCE_ENDPOINT": "embedded",
            "DIFF_STORAGE_BUCKET": "b", "DIFF_STORAGE_BUCKET_REGION": "us-east-1",
            "DIFF_PROGRESS_BUCKET": "b", "DIFF_PROGRESS_BUCKET_REGION": "us-east-1", "DIFF_PROGRESS_TIMEOUT": "600000",
        }  # fmt: skip
        env.update(more)
        return env


class Refused(Exception):
    def __init__(self, status, code, more="", headers=()):
        self.status, self.code, self.more, self.headers = status, code, more, headers


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return self.server.now().strftime("%a, %d %b %Y %H:%M:%S GMT")

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append("%s %s" % (self.command, self.path))
        try:
            self.admit(body)
            self.carry_out(body)
        except Refused as refused:
            text = "<Error><Code>%s</Code><Message>Said by the stand-in.</Message>%s</Error>" % (refused.code, refused.more)
            self.answer(refused.status, text.encode(), dict(refused.headers))

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = serve

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def admit(self, body):
        server = self.server
        if server.throttles > 0:
            server.throttles -= 1
            raise Refused(503, "SlowDown")
        if server.redirect:
            raise Refused(301, "PermanentRedirect", "<Endpoint>b.s3.%s.amazonaws.com</Endpoint>" % server.redirect,
                          {"x-amz-bucket-region": server.redirect})  # fmt: skip
        kind, _, rest = self.headers["Authorization"].partition(" ")
        assert kind == "AWS4-HMAC-SHA256"
        fields = dict(f.strip().split("=", 1) for f in rest.split(","))
        access_key, day, region, service, _ = fields["Credential"].split("/")
        if access_key != ACCESS_KEY:
            raise Refused(403, "InvalidAccessKeyId")
        if region != server.region:
            raise Refused(400, "AuthorizationHeaderMalformed", "<Region>%s</Region>" % server.region)
        when = datetime.datetime.strptime(self.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs((when - server.now()).total_seconds()) > TOLERANCE:
            raise Refused(403, "RequestTimeTooSkewed", "<ServerTime>%s</ServerTime>" % server.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        if server.token is not None and self.headers.get("X-Amz-Security-Token") != server.token:
            raise Refused(400, "ExpiredToken")
        if self.signature(fields["SignedHeaders"], day, region, service) != fields["Signature"]:
            raise Refused(403, "SignatureDoesNotMatch")
        if hashlib.sha256(body).hexdigest() != self.headers["X-Amz-Content-Sha256"]:
            raise Refused(400, "XAmzContentSHA256Mismatch")
        md5 = self.headers.get("Content-MD5")
        if md5 and base64.b64encode(hashlib.md5(body).digest()).decode() != md5:
            raise Refused(400, "BadDigest")

    def signature(self, names, day, region, service):
        path, _, query = self.path.partition("?")
        pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
        quoted = "&".join("%s=%s" % (urllib.parse.quote(k, safe="-_.~"), urllib.parse.quote(v, safe="-_.~")) for k, v in pairs)
        heads = "".join("%s:%s\n" % (n, " ".join(self.headers[n].split())) for n in names.split(";"))
        canonical = "\n".join([self.command, path, quoted, heads, names, self.headers["X-Amz-Content-Sha256"]])
        scope = "/".join([day, region, service, "aws4_request"])
        key = ("AWS4" + SECRET_KEY).encode()
        for part in scope.split("/"):
            key = mac(key, part)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return mac(key, "\n".join(["AWS4-HMAC-SHA256", self.headers["X-Amz-Date"], scope, digest])).hex()

    def carry_out(self, body):
        objects, key = self.server.objects, self.path.partition("?")[0]
        if not key.startswith("/b/"):
            raise Refused(404, "NoSuchBucket")
        if self.command == "PUT":
            objects[key] = body
            self.answer(200, headers={"ETag": '"%s"' % hashlib.md5(body).hexdigest()})
        elif self.command == "DELETE":
            objects.pop(key, None)
            self.answer(204)
        elif key in objects:
            whole = objects[key]
            part = whole[:1] if self.headers.get("Range") == "bytes=0-0" else whole
            headers = {"ETag": '"%s"' % hashlib.md5(whole).hexdigest(), "Last-Modified": self.date_time_string()}
            self.answer(200 if part == whole else 206, part, headers)
        else:
            raise Refused(404, "NoSuchKey") if self.server.may_list else Refused(403, "AccessDenied")
