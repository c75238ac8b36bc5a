"""A real PostgreSQL server for the tests, on a free port of the loopback address.

    with postgres() as server:
        server.run("create table t (id int)")
        server.url                                  # jdbc:postgresql://127.0.0.1:port/postgres
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from cluster.ports import free_ports

USER, PASSWORD = "analyst", "se'cret of tests"


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    port: int

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def run(self, sql: str) -> str:
        """The output of psql for `sql`, unaligned and without headers."""
        result = subprocess.run(
            [tool("psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", "postgres",
             "-v", "ON_ERROR_STOP=1", "-AtXqc", sql],
            env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Skips where PostgreSQL is not installed."""
    initdb, server = tool("initdb"), tool("postgres")
    # PostgreSQL refuses to run as root, and another user can't read pytest's folders.
    user = pwd.getpwnam("nobody").pw_name if os.getuid() == 0 else None
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="postgres-") as made:
        folder = Path(made)
        secret, log = folder / "password", folder / "log"
        secret.write_text(PASSWORD)
        for path in (folder, secret):
            shutil.chown(path, user or os.getuid())
        run = partial(subprocess.run, check=True, capture_output=True, user=user, cwd=folder)
        run([initdb, "-D", "data", "-U", USER, "--pwfile", "password", "-A", "scram-sha-256", "-E", "UTF8",
             "--no-locale", "--no-sync"])
        with log.open("wb") as output:
            process = subprocess.Popen([server, "-D", "data", "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"],
                                       stdout=output, stderr=output, user=user, cwd=folder)
        try:
            wait(port, process, log)
            yield Postgres(port)
        finally:
            process.terminate()
            process.wait()


def tool(name: str) -> str:
    """The path of a program of PostgreSQL; Debian has those of the server outside PATH."""
    folders = [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    result = shutil.which(name, path=os.pathsep.join(folders))
    if result is None:
        pytest.skip(f"no PostgreSQL: {name} is missing; apt-get install postgresql")
    return result


def wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            pytest.fail(f"PostgreSQL ended: {log.read_text()}")
        # It listens before it accepts logins.
        if subprocess.run([tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.fail(f"PostgreSQL does not listen: {log.read_text()}")
