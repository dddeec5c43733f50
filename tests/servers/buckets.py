"""S3 on loopback with buckets of a user's own, opened by an access key or public."""

import re
import secrets
from urllib.parse import parse_qs, quote, urlsplit

from .archive import REGION, _error_xml, ask_moto
from .tls import Handler, LoopbackServer


class _Handler(Handler):
    """Checks who asks, then lets moto answer."""

    def do_GET(self):
        buckets = self.server.buckets
        bucket = urlsplit(self.path).path.split("/")[1]
        signed = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization") or "")
        access_key = signed[1] if signed else None
        buckets.requests.append((self.command, self.path, access_key))
        buckets.authorizations.append(self.headers.get("Authorization") or "")
        if buckets.busy:
            buckets.busy -= 1
            return self._refuse(503, "SlowDown")
        if access_key not in buckets.access_keys and bucket not in buckets.public:
            return self._refuse(403, "InvalidAccessKeyId" if signed else "AccessDenied")
        if "list-type" in parse_qs(urlsplit(self.path).query) and bucket in buckets.unlisted:
            return self._refuse(403, "AccessDenied")
        asked = {"Range": self.headers["Range"]} if "Range" in self.headers else {}
        status, headers, body = ask_moto(self.command, self.path, asked)
        return self.answer(status, body, headers.pop("Content-Type", "application/xml"), headers)

    do_HEAD = do_GET

    def _refuse(self, status, code):
        self.answer(status, _error_xml(code, "no"), "application/xml")


class Buckets:
    """A server with buckets; start and stop it by `with`.

    `access_keys` are let in everywhere, everybody into buckets that are `public`; of those that are `unlisted` nobody
    gets a listing. `requests` holds (method, path, access key or None) of each request, `authorizations` its
    Authorization header. The next `busy` requests are answered 503.
    """

    def __init__(self, *access_keys, tls=None):
        self.access_keys, self.public, self.unlisted = set(access_keys), set(), set()
        self.requests, self.authorizations, self.busy = [], [], 0
        self._server = LoopbackServer(_Handler, tls)
        self._server.buckets = self

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *exc_info):
        self._server.stop()

    @property
    def endpoint(self):
        return self._server.url

    @property
    def seen(self):
        """The access keys that came; None for a request without a signature."""
        return {access_key for _, _, access_key in self.requests}

    def new(self):
        """A new bucket, and its name."""
        name = f"lab-{secrets.token_hex(4)}"
        place = f"<LocationConstraint>{REGION}</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
        assert ask_moto("PUT", f"/{name}", body=body)[0] == 200
        return name

    def put(self, bucket, key, data):
        """An object, and its s3:// address."""
        assert ask_moto("PUT", f"/{bucket}/{quote(key)}", {"Content-Length": str(len(data))}, data)[0] == 200
        return f"s3://{bucket}/{key}"
