"""Moto's S3 server, with what its own ThreadedMotoServer lacks for tests of races.

    with s3_server():
        open_store("s3://lakes/here")

It answers a conditional put in two steps, a look and a write, so two threads of it could both see a free name: requests
are therefore handled one at a time. And it can be told to ignore the condition, as some S3-like servers do, or to fail
now and then, as all of them do.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

BUCKET = "lakes"
_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Moody:
    """Answers every so many requests by an error: 503 without doing what was asked, and 500 after it was done, in turn.
    `told` are the statuses given."""

    def __init__(self, every: int) -> None:
        self.every, self.asked, self.told = every, 0, list[int]()

    def answer(self, serve: _Wsgi, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.asked += 1
        if self.asked % self.every:
            return serve(environ, start_response)
        done = len(self.told) % 2 == 1
        self.told.append(500 if done else 503)
        if done:
            list(serve(environ, lambda *_: None))
        code, words = (500, "InternalError") if done else (503, "SlowDown")
        start_response(f"{code} {words}", [("Content-Type", "application/xml")])
        return [f"<Error><Code>{words}</Code><Message>now and then</Message></Error>".encode()]


@contextmanager
def s3_server(conditional: bool = True, moody: Moody | None = None) -> Iterator[str]:
    """Its URL, to which the environment points meanwhile; with the bucket `lakes`."""
    logging.getLogger("werkzeug").setLevel(logging.INFO)  # a failed test shows its requests
    application: _Wsgi = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not conditional:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        with turn:
            return list(moody.answer(application, environ, start_response) if moody else application(
                environ, start_response))

    # Without SO_REUSEADDR, which werkzeug would set: the port is then this server's alone on every kernel.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=MotoRequestHandler,
                         fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ENDPOINT_URL", endpoint)
            environment.setenv("AWS_ACCESS_KEY_ID", "test")
            environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
            environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        listener.close()
