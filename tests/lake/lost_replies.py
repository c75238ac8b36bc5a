"""A connection to a NameNode that breaks before the reply to a call arrives, although the call succeeded.

    with losing_reply("hdfs://namenode:8020", "rename2") as url:
        open_store(f"{url}/lake").create("a", b"1")
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def losing_reply(url: str, method: str) -> Iterator[str]:
    """The URL of a relay to the NameNode; it forwards the first call of `method` and drops the reply."""
    target, lost = urlsplit(url), threading.Event()

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((target.hostname, target.port)) as namenode:
            asked = threading.Event()
            answers = threading.Thread(target=relay_answers, args=(namenode, client, asked), daemon=True)
            answers.start()
            while request := client.recv(1 << 16):
                if method.encode() in request and not lost.is_set():
                    lost.set()
                    asked.set()
                namenode.sendall(request)
            answers.join()

    def relay_answers(namenode: socket.socket, client: socket.socket, asked: threading.Event) -> None:
        while answer := namenode.recv(1 << 16):
            if asked.is_set():
                break
            client.sendall(answer)
        client.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"hdfs://127.0.0.1:{listener.getsockname()[1]}"
    assert lost.is_set(), f"nobody called {method}"
