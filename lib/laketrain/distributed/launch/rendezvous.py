"""The driver's rendezvous server: a small HTTP server where Gloo finds its peers, and to which ranks report.

    with Rendezvous("10.0.0.7", ranks=4, on_message=registry.handle) as server:
        spec = LaunchSpec("10.0.0.7", server.port, server.token, …)

It serves two things, and only to clients that have the launch's random token:

- `PUT | GET | DELETE /<token>:<n>/<scope>/<key>`, for Gloo. Its client builds each address as host, `:<port>/<scope>/`
  and key, so a token after the host's own port is in every path. Only Gloo's scopes and keys are accepted; values are
  opaque bytes, small and few.
- `POST /events`, JSON both ways, with the token in the `Authorization` header. `on_message(message)` returns the
  response.

Nothing is unpickled (Horovod's own server unpickles, hence its CVEs). It listens at one address; bodies, headers,
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

MessageHandler = Callable[[dict[str, Any]], dict[str, Any]]

MAX_MESSAGE_BYTES = 1 << 20
IDLE_SECONDS = 20.0

_SCOPE = re.compile(r"(global|local_h\d{1,6}|cross_\d{1,6})(_process_set_hash_[0-9a-f]{1,16})?")
_KEY = re.compile(r"(rank_)?(\d{1,6})")


class RequestRefused(Exception):
    """A request whose response is `status` without a body."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class GlooStore:
    """The bytes that Gloo's ranks exchange while they connect, by scope and key, for a launch of `ranks`.

    A scope ends when every rank that wrote its address has deleted it. Then it may be used again.
    """

    def __init__(self, ranks: int) -> None:
        self._ranks = ranks
        self._max_values = 64 * (ranks + 1)
        self.max_value_bytes = 1024 + 256 * ranks
        self._scopes: dict[str, dict[str, bytes]] = {}
        self._left: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def check(self, scope: str, key: str) -> None:
        """Refuse names that Gloo never uses."""
        match = _KEY.fullmatch(key)
        if not _SCOPE.fullmatch(scope) or not match or int(match[2]) >= self._ranks:
            raise RequestRefused(404)

    def put(self, scope: str, key: str, value: bytes) -> None:
        if len(value) > self.max_value_bytes:
            raise RequestRefused(413)
        with self._lock:
            if sum(map(len, self._scopes.values())) >= self._max_values:
                raise RequestRefused(507)
            self._scopes.setdefault(scope, {})[key] = value

    def get(self, scope: str, key: str) -> bytes:
        with self._lock:
            value = self._scopes.get(scope, {}).get(key)
        if value is None:
            raise RequestRefused(404)
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
    """One connection. Responses have a status and a length, and nothing about the server."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        self._gloo(lambda store, scope, key: store.get(scope, key))

    def do_PUT(self) -> None:
        self._gloo(lambda store, scope, key: store.put(scope, key, self._body(store.max_value_bytes)))

    def do_DELETE(self) -> None:
        self._gloo(lambda store, scope, key: store.delete(scope, key))

    def _gloo(self, operation: Callable[[GlooStore, str, str], bytes | None]) -> None:
        # Gloo's client opens a connection for each request and waits for its end.
        self.close_connection = True
        try:
            scope, key = self._gloo_path()
            self.server.store.check(scope, key)
            self._respond(200, operation(self.server.store, scope, key) or b"")
        except RequestRefused as refused:
            self._respond(refused.status)

    def _gloo_path(self) -> tuple[str, str]:
        parts = self.path.split("/")
        if len(parts) != 4 or parts[0]:
            raise RequestRefused(404)
        if not self.server.accepts(parts[1].partition(":")[0]):
            raise RequestRefused(403)
        return parts[2], parts[3]

    def do_POST(self) -> None:
        try:
            if self.path != "/events":
                raise RequestRefused(404)
            if not self.server.accepts(self.headers.get("Authorization", "").removeprefix("Bearer ")):
                raise RequestRefused(403)
            message = self._json(self._body(MAX_MESSAGE_BYTES))
            try:
                response = self.server.on_message(message)
            except (KeyError, TypeError, ValueError) as error:
                raise RequestRefused(400) from error
            self._respond(200, json.dumps(response).encode())
        except RequestRefused as refused:
            self.close_connection = True  # the rest of the request is unread
            self._respond(refused.status)

    def _json(self, body: bytes) -> dict[str, Any]:
        if self.headers.get("Content-Type") != "application/json":
            raise RequestRefused(415)
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RequestRefused(400) from error
        if not isinstance(message, dict):
            raise RequestRefused(400)
        return message

    def _body(self, limit: int) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 12):
            raise RequestRefused(411)
        if int(length) > limit:
            raise RequestRefused(413)
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise RequestRefused(400)
        return body

    def _respond(self, status: int, body: bytes = b"") -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Respond with the status only: the standard library's page would repeat the request."""
        self.close_connection = True
        self.request_version = self.protocol_version  # without it, a malformed request would get no response
        self._respond(code)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, since paths contain the token."""


class _Server(ThreadingHTTPServer):
    """Serves a bounded number of connections at once, and can end them all."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], ranks: int, token: str, on_message: MessageHandler) -> None:
        self.store = GlooStore(ranks)
        self.on_message = on_message
        self._token = token.encode()
        # A rank has a heartbeat, a log forwarder, a request that it waits for, and one or two of Gloo's requests.
        self._max_connections = 32 + 8 * ranks
        self._connections: dict[Any, threading.Thread | None] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def accepts(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token)

    def server_bind(self) -> None:
        """Bind without HTTPServer's reverse lookup of the host's name, which can take seconds."""
        # The next launch can use a fixed port at once, not only after the kernel has dropped the last connections.
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
        """Ignore a client that disconnects during a request."""

    def end_connections(self) -> None:
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            if thread is not None:
                thread.join(timeout=5)


class Rendezvous:
    """Runs the server in a thread of its own, inside the `with`.

    Args:
        host: the IPv4 address to listen at: one that executors can reach, loopback in local mode.
        ranks: how many ranks will join; bounds the memory.
        on_message: called from the server's threads with each message that a rank posts; returns the response. If it
            raises `KeyError`, `TypeError` or `ValueError`, the sender gets status 400.
        port: 0 is any free one.

    Raises:
        OSError: can't listen at that address.
    """

    def __init__(self, host: str, ranks: int, on_message: MessageHandler, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(24)
        self._server = _Server((host, port), ranks, self.token, on_message)
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
