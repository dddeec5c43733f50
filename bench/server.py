"""The tests' archive on loopback, in a process of its own, with a cost model and counters.

Each answer waits `latency` for its first byte, then flows at `bandwidth` per connection. S3 answers from the file
itself (moto would hold the granules in memory).
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from servers import archive as archive_module
from servers.archive import TOKEN, Archive
from servers.tls import LoopbackServer, trust

from bench import REPO


@dataclass(frozen=True)
class Link:
    """A cost model: seconds to the first byte of an answer, bytes per second of a connection."""

    name: str
    latency: float
    bandwidth: float


NEAR = Link("30 ms", 0.030, 80e6)
WAN = Link("WAN", 0.100, 20e6)


class S3Handler(archive_module._S3Handler):
    """S3 as the tests have it, but for the bytes, which come straight from the file."""

    def respond(self, fault):
        refusal = self.archive.refuse(self.headers, self.command)
        path = self.archive.path_of(self.key())
        if refusal or path is None:
            return self.xml(*(refusal or (404, "NoSuchKey", "The specified key does not exist.")))
        return archive_module._CdnHandler._send_file(self, path, fault)


class Server:
    """The archive around a folder of granules; start and stop it by `with`."""

    def __init__(self, root: Path):
        self._command = [sys.executable, "-m", "bench.server", str(root)]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.facts = json.loads(self._process.stdout.readline())
        return self

    def __exit__(self, *exc_info):
        self._process.stdin.close()
        self._process.wait(10)

    def ask(self, link: Link | None = None) -> dict:
        """Requests and bytes since the last time; from now on at the pace of `link`."""
        self._process.stdin.write(json.dumps(vars(link) if link else {}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def during(self, link: Link, run: Callable) -> tuple:
        """What `run()` gives at the pace of a link, and what it asked of the server."""
        self.ask(link)
        return run(), self.ask()

    @property
    def env(self) -> dict[str, str]:
        """What a client's environment needs: the token, and the authority to trust."""
        return trust(self.facts["ca_pem"]) | {
            "EARTHDATA_TOKEN": TOKEN,
            "GCOV_TRUST_HOST": urlsplit(self.facts["credentials_url"]).netloc,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def config(self, access: str) -> dict:
        """The `archive` section of a configuration."""
        return {
            "access": access,
            "credentials_url": self.facts["credentials_url"],
            "s3_endpoint": self.facts["s3_endpoint"],
        }

    def urls(self, names: list[str], access: str) -> list[str]:
        """Addresses of granules by https or s3."""
        return [self.facts[access][name] for name in names]


def totals(archive: Archive) -> dict:
    """Which reads of granules have been asked of the servers."""
    reads = [entry for entry in list(archive.log) if entry.way in ("s3", "cdn")]
    return {"requests": sum(one.method != "HEAD" for one in reads), "bytes": sum(one.sent for one in reads)}


def main() -> None:
    """Serve a folder; a line on stdin sets the link, and gives the totals since the last line."""
    archive_module.BLOCK = 1 << 18  # fewer, longer writes: this process shares the cores with what is measured
    with Archive(sys.argv[1]) as archive:
        archive._servers["s3"].stop()
        archive._servers["s3"] = s3 = LoopbackServer(S3Handler).start()
        s3.archive = archive
        names = [key.split("/")[1] for key in archive._objects]
        facts = {
            "ca_pem": archive.ca_pem,
            "credentials_url": archive.credentials_url,
            "s3_endpoint": s3.url,
            "https": {name: archive.https_url(name) for name in names},
            "s3": {name: archive.s3_url(name) for name in names},
        }
        print(json.dumps(facts), flush=True)
        for line in sys.stdin:
            if link := json.loads(line):
                archive.latency, archive.bandwidth = link["latency"], link["bandwidth"] or None
            print(json.dumps(totals(archive)), flush=True)
            archive.reset_log()
        s3.stop()


if __name__ == "__main__":
    main()
