"""The rendezvous server serves Gloo and ranks, and refuses everything else."""

from __future__ import annotations

import http.client
import json
import pickle
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from laketrain.distributed.launch.rendezvous import MAX_MESSAGE_BYTES, Rendezvous

JSON = "application/json"


class Messages(list[dict[str, Any]]):
    def __call__(self, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("kind") == "malformed":
            raise KeyError("rank")
        self.append(message)
        return {"state": "ready"}


@pytest.fixture
def messages() -> Messages:
    return Messages()


@pytest.fixture
def server(messages: Messages) -> Iterator[Rendezvous]:
    with Rendezvous("127.0.0.1", ranks=2, on_message=messages) as running:
        yield running


def ask(server: Rendezvous, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def gloo(server: Rendezvous, key: str) -> str:
    return f"/{server.token}:0/{key}"


def raw(server: Rendezvous, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(4096)


def test_a_rank_gets_the_value_that_another_put(server: Rendezvous) -> None:
    assert ask(server, "GET", gloo(server, "global/0"))[0] == 404
    assert ask(server, "PUT", gloo(server, "global/0"), b"\x00\xffaddress") == (200, b"")
    assert ask(server, "GET", gloo(server, "global/0")) == (200, b"\x00\xffaddress")


def test_a_scope_ends_when_all_its_ranks_have_left(server: Rendezvous) -> None:
    for rank in "01":
        ask(server, "PUT", gloo(server, f"cross_0/{rank}"), b"x")
    ask(server, "DELETE", gloo(server, "cross_0/0"))
    assert ask(server, "GET", gloo(server, "cross_0/0"))[0] == 200
    ask(server, "DELETE", gloo(server, "cross_0/1"))
    assert ask(server, "GET", gloo(server, "cross_0/0"))[0] == 404


@pytest.mark.parametrize(
    "key",
    ["global/0", "global/rank_1", "local_h0/1", "cross_12/0", "global_process_set_hash_9f3a/0"],
)
def test_the_names_of_gloo_are_accepted(server: Rendezvous, key: str) -> None:
    assert ask(server, "PUT", gloo(server, key), b"x")[0] == 200


@pytest.mark.parametrize(
    "key",
    ["runfunc/func", "global/2", "global/-1", "global/0/1", "../etc/0", "global/..", "local_/0", "rank_and_size/h:0",
     "global/" + "9" * 400, "global", ""],
)
def test_other_names_are_refused(server: Rendezvous, key: str) -> None:
    assert ask(server, "PUT", gloo(server, key), b"x")[0] == 404
    assert ask(server, "GET", gloo(server, key))[0] == 404


@pytest.mark.parametrize("path", ["/global/0", "/wrong:0/global/0", "/:0/global/0", "//global/0", "/%00/global/0"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_requests_without_the_token_are_refused(server: Rendezvous, method: str, path: str) -> None:
    assert ask(server, method, path, b"x" if method == "PUT" else None)[0] in (403, 404)
    assert ask(server, "GET", gloo(server, "global/0"))[0] == 404


def test_values_are_small_and_few(server: Rendezvous) -> None:
    assert ask(server, "PUT", gloo(server, "global/0"), b"x" * 100_000)[0] == 413
    statuses = [ask(server, "PUT", gloo(server, f"cross_{scope}/0"), b"x")[0] for scope in range(200)]
    assert statuses[0] == 200
    assert statuses[-1] == 507


def test_a_message_is_handled_and_gets_a_response(server: Rendezvous, messages: Messages) -> None:
    body = json.dumps({"kind": "heartbeat", "rank": 0}).encode()
    status, answer = ask(server, "POST", "/events", body, Authorization=f"Bearer {server.token}", Content_Type=JSON)
    assert (status, json.loads(answer)) == (200, {"state": "ready"})
    assert messages == [{"kind": "heartbeat", "rank": 0}]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled what came from the network",)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (pickle.dumps(Bomb()), JSON, 400),
        (pickle.dumps(Bomb()), "application/octet-stream", 415),
        (b"{", JSON, 400),
        (b"[1, 2]", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b'{"kind": "malformed"}', JSON, 400),
        (b"x" * (MAX_MESSAGE_BYTES + 1), JSON, 413),
    ],
)
def test_a_body_that_is_not_a_small_json_object_is_refused(
    server: Rendezvous, messages: Messages, body: bytes, kind: str, status: int
) -> None:
    try:
        answered = ask(server, "POST", "/events", body, Authorization=f"Bearer {server.token}", Content_Type=kind)[0]
    except (BrokenPipeError, ConnectionResetError):
        answered = 413  # refused before the body was read
    assert answered == status
    assert messages == []


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer wrong", "Bearer \xff\xfe", "Basic x"])
def test_a_message_with_a_wrong_token_is_refused(server: Rendezvous, messages: Messages, token: str) -> None:
    assert ask(server, "POST", "/events", b"{}", Authorization=token, Content_Type=JSON)[0] == 403
    assert messages == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"PUT /{token}:0/global/0 HTTP/1.1\r\n\r\n", b"411"),
        (b"PUT /{token}:0/global/0 HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"411"),
        (b"PUT /{token}:0/global/0 HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n", b"411"),
        (b"PUT /{token}:0/global/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"411"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n", b"431"),
        (b"BREW /pot HTTP/1.1\r\n\r\n", b"501"),
        (b"<script>alert(1)</script> is not a request\r\n\r\n", b"400"),
    ],
)
def test_malformed_requests_get_a_status_and_no_echo(server: Rendezvous, request_: bytes, status: bytes) -> None:
    answer = raw(server, request_.replace(b"{token}", server.token.encode()))
    assert status in answer.split(b"\r\n")[0]
    assert b"script" not in answer
    assert b"Python" not in answer
    assert ask(server, "GET", gloo(server, "global/0"))[0] == 404


def test_idle_connections_do_not_block_others_forever(server: Rendezvous) -> None:
    crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    for connection in crowd:
        connection.close()
    assert ask(server, "PUT", gloo(server, "global/0"), b"x")[0] == 200


def test_it_listens_at_one_address_only(server: Rendezvous) -> None:
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", server.port), timeout=1).close()


def test_closing_leaves_neither_thread_nor_port(messages: Messages) -> None:
    before = set(threading.enumerate())
    with Rendezvous("127.0.0.1", ranks=2, on_message=messages) as server:
        held_open = socket.create_connection(("127.0.0.1", server.port))
        ask(server, "PUT", gloo(server, "global/0"), b"x")
        port = server.port
    held_open.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_each_launch_has_its_own_token(messages: Messages) -> None:
    with Rendezvous("127.0.0.1", 1, messages) as first, Rendezvous("127.0.0.1", 1, messages) as second:
        assert first.token != second.token
        assert ask(second, "PUT", gloo(first, "global/0"), b"x")[0] == 403
