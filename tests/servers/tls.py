"""A throwaway certificate authority, and the loopback server every test server is built on."""

import functools
import http.server
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import trustme

HOSTS = ("127.0.0.1", "localhost")


class Tls(NamedTuple):
    """What a TLS server on loopback needs, and what its clients must trust."""

    context: ssl.SSLContext
    ca_pem: str


def make_tls(folder):
    """Issue a certificate for loopback from a new authority; its CA file is written into `folder`."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    ca_pem = Path(folder) / "ca.pem"
    authority.cert_pem.write_to_path(ca_pem)
    return Tls(context, str(ca_pem))


@functools.cache
def _session_folder():
    """The folder of this process's CA file, removed at interpreter exit."""
    return tempfile.TemporaryDirectory(prefix="loopback-ca-")


@functools.cache
def session_tls():
    """One authority per process: clients read a single CA file and may talk to several servers."""
    return make_tls(_session_folder().name)


def trust(ca_pem):
    """Environment under which requests, OpenSSL (aiohttp) and botocore trust `ca_pem`."""
    return dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE"), ca_pem)


class Handler(http.server.BaseHTTPRequestHandler):
    """Keep-alive, quiet handler with one way to answer."""

    protocol_version = "HTTP/1.1"
    server_version = "loopback"
    # a header and a body written apart would otherwise wait for each other's acknowledgement
    disable_nagle_algorithm = True

    def log_message(self, *args):
        """Tests look at the recorded requests, not at stderr."""

    def handle(self):
        """A client that hangs up is what many tests are about: end the connection without a traceback."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def body(self):
        """The request's body, read in full: what is left over would be taken for the next request."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body=b"", content_type="text/plain", headers=None):
        """Send one whole response; HEAD gets the headers alone."""
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))} | (headers or {})
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def drop(self, reset=False):
        """Cut the connection, as a broken network does: cleanly closed, or reset."""
        self.close_connection = True
        if not reset:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        # lingering for zero seconds makes close() send a reset and throw away what was not yet sent
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


class LoopbackServer(http.server.ThreadingHTTPServer):
    """An HTTP or HTTPS server on a free loopback port, run in a background thread by `with`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, handler, tls=None):
        super().__init__(("127.0.0.1", 0), handler)
        self.tls = tls
        self.stopping = threading.Event()
        self._connections = set()
        self._thread = None
        if tls:
            # the handshake belongs to the connection's thread: a slow client must not block accept()
            self.socket = tls.context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def port(self):
        return self.server_address[1]

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        """Scheme, host and port."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def start(self):
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Stop serving, wake stalled answers, cut the connections kept alive and free the port."""
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in list(self._connections):
            super().shutdown_request(connection)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc_info):
        self.stop()

    def process_request(self, request, client_address):
        """Remember the connection, so that stop() can cut it."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        """Forget a connection that ended by itself."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Cut connections are expected and say nothing; a mistake in a handler is shown."""
        if not self.stopping.is_set() and not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
