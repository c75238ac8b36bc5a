"""Moto's S3 server, with what its own ThreadedMotoServer lacks for tests of races.

    with s3_server():
        open_store("s3://lakes/here")

Moto handles a conditional put in two steps, a look-up and a write, so two threads could both see a free name: requests
are therefore handled one at a time. The server can ignore the condition, as some S3-like servers do, or fail now and
then, as all of them do.
"""

from __future__ import annotations

import logging
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


class Flaky:
    """Answers each `every`-th request with an error: 503 without handling it, or 500 after handling it, in turn.
    `statuses` are the statuses sent."""

    def __init__(self, every: int) -> None:
        self.every, self.asked, self.statuses = every, 0, list[int]()

    def answer(self, serve: _Wsgi, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.asked += 1
        if self.asked % self.every:
            return serve(environ, start_response)
        handled = len(self.statuses) % 2 == 1
        self.statuses.append(500 if handled else 503)
        if handled:
            list(serve(environ, lambda *_: None))
        code, words = (500, "InternalError") if handled else (503, "SlowDown")
        start_response(f"{code} {words}", [("Content-Type", "application/xml")])
        return [f"<Error><Code>{words}</Code><Message>now and then</Message></Error>".encode()]


@contextmanager
def s3_server(conditional: bool = True, flaky: Flaky | None = None) -> Iterator[str]:
    """The URL of a server with the bucket `lakes`; the environment points to it meanwhile."""
    logging.getLogger("werkzeug").setLevel(logging.INFO)  # a failed test shows its requests
    application: _Wsgi = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not conditional:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        with turn:
            return list(flaky.answer(application, environ, start_response) if flaky else application(
                environ, start_response))

    server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
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
