"""The driver's own meeting place for ranks: a small HTTP server that Gloo finds its peers with, and ranks report to.

    with Rendezvous("10.0.0.7", ranks=4, hear=book.hear) as server:
        ticket = Ticket("10.0.0.7", server.port, server.token, …)

Two things are served, and only to those who know the launch's random token:

- `PUT | GET | DELETE /<token>:<n>/<scope>/<key>`, for Gloo. Its client builds each address by pasting the host it was
  given before `:<port>/<scope>/`, so a token behind the host's own port gets into every path. Scopes and keys are the
  ones that Gloo makes, and no others; values are opaque bytes, small and few.
- `POST /events`, JSON both ways, the token in the `Authorization` header. `hear(message)` gives the answer.

Nothing is unpickled (Horovod's own server does that, hence its CVEs). It listens at one address; bodies, headers,
connections and waiting times are bounded; closing it leaves neither port nor thread.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Hear = Callable[[dict[str, Any]], dict[str, Any]]

MAX_MESSAGE_BYTES = 1 << 20
IDLE_SECONDS = 20.0

_SCOPE = re.compile(r"(global|local_h\d{1,6}|cross_\d{1,6})(_process_set_hash_[0-9a-f]{1,16})?")
_KEY = re.compile(r"(rank_)?(\d{1,6})")


class Refused(Exception):
    """A request that is answered with `status` and nothing else."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class GlooStore:
    """What Gloo's ranks tell each other while they connect: bytes by scope and key, for a launch of `ranks`.

    A scope ends when every rank that wrote its address there has deleted it; then it may be used again.
    """

    def __init__(self, ranks: int) -> None:
        self._ranks = ranks
        self._max_values = 64 * (ranks + 1)
        self.max_value_bytes = 1024 + 256 * ranks
        self._scopes: dict[str, dict[str, bytes]] = {}
        self._left: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def check(self, scope: str, key: str) -> None:
        """Refuse names that Gloo would never use."""
        match = _KEY.fullmatch(key)
        if not _SCOPE.fullmatch(scope) or not match or int(match[2]) >= self._ranks:
            raise Refused(404)

    def put(self, scope: str, key: str, value: bytes) -> None:
        if len(value) > self.max_value_bytes:
            raise Refused(413)
        with self._lock:
            if sum(map(len, self._scopes.values())) >= self._max_values:
                raise Refused(507)
            self._scopes.setdefault(scope, {})[key] = value

    def get(self, scope: str, key: str) -> bytes:
        with self._lock:
            value = self._scopes.get(scope, {}).get(key)
        if value is None:
            raise Refused(404)
        return value

    def delete(self, scope: str, key: str) -> None:
        with self._lock:
            if scope not in self._scopes:
                return
            left = self._left.setdefault(scope, set())
            left.add(key)
            if left >= {name for name in self._scopes[scope] if name.isdigit()}:
                del self._scopes[scope], self._left[scope]


class _Handler(BaseHTTPRequestHandler):
    """One connection. Answers carry a status, a length and no word about the server."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        self._gloo(lambda store, scope, key: store.get(scope, key))

    def do_PUT(self) -> None:
        self._gloo(lambda store, scope, key: store.put(scope, key, self._body(store.max_value_bytes)))

    def do_DELETE(self) -> None:
        self._gloo(lambda store, scope, key: store.delete(scope, key))

    def _gloo(self, act: Callable[[GlooStore, str, str], bytes | None]) -> None:
        # Gloo's client opens a connection for each request and waits for its end.
        self.close_connection = True
        try:
            scope, key = self._gloo_path()
            self.server.store.check(scope, key)
            self._answer(200, act(self.server.store, scope, key) or b"")
        except Refused as refused:
            self._answer(refused.status)

    def _gloo_path(self) -> tuple[str, str]:
        parts = self.path.split("/")
        if len(parts) != 4 or parts[0]:
            raise Refused(404)
        if not self.server.knows(parts[1].partition(":")[0]):
            raise Refused(403)
        return parts[2], parts[3]

    def do_POST(self) -> None:
        try:
            if self.path != "/events":
                raise Refused(404)
            if not self.server.knows(self.headers.get("Authorization", "").removeprefix("Bearer ")):
                raise Refused(403)
            message = self._json(self._body(MAX_MESSAGE_BYTES))
            try:
                answer = self.server.hear(message)
            except (KeyError, TypeError, ValueError) as error:
                raise Refused(400) from error
            self._answer(200, json.dumps(answer).encode())
        except Refused as refused:
            self.close_connection = True  # whatever is left of the request was not read
            self._answer(refused.status)

    def _json(self, body: bytes) -> dict[str, Any]:
        if self.headers.get("Content-Type") != "application/json":
            raise Refused(415)
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400) from error
        if not isinstance(message, dict):
            raise Refused(400)
        return message

    def _body(self, limit: int) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 12):
            raise Refused(411)
        if int(length) > limit:
            raise Refused(413)
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise Refused(400)
        return body

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The standard library's page would repeat the request; a status says enough."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else what is no request at all would get no answer at all
        self._answer(code)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: paths hold the token."""


class _Server(ThreadingHTTPServer):
    """Serves a bounded number of connections at once, and can end them all."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], ranks: int, token: str, hear: Hear) -> None:
        self.store = GlooStore(ranks)
        self.hear = hear
        self._token = token.encode()
        # A rank has a heartbeat, a witness, a question it waits on and one or two of Gloo's requests.
        self._max_connections = 32 + 8 * ranks
        self._connections: dict[Any, threading.Thread | None] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token)

    def server_bind(self) -> None:
        """Bind without HTTPServer's reverse look-up of the host's name, which can take seconds."""
        # A fixed port is free again at once, for the next launch: not only when its last connections are forgotten.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = len(self._connections) >= self._max_connections
            if not full:
                self._connections[request] = None
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._connections.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in mid-request is no news."""

    def end_connections(self) -> None:
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):  # it ended by itself
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            if thread is not None:
                thread.join(timeout=5)


class Rendezvous:
    """The server in a thread of its own, for as long as the `with` lasts.

    Args:
        host: the address to listen at, IPv4: one that executors can reach, loopback in local mode.
        ranks: how many ranks will meet; bounds what is kept.
        hear: called with each message that a rank posts, from the server's threads; gives the answer. A `KeyError`,
            `TypeError` or `ValueError` of its tells the sender that the message is malformed.
        port: 0 takes a free one.

    Raises:
        OSError: nothing can listen at that address.
    """

    def __init__(self, host: str, ranks: int, hear: Hear, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(24)
        self._server = _Server((host, port), ranks, self.token, hear)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="laketrain-rendezvous",
                                        daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def __enter__(self) -> Rendezvous:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()
        self._thread.join()
