"""Packr and its servers as real processes, for tests that kill them.

Each `Packr` has a data folder, keys and a database of its own. The environment of all its processes contains the
folder's path, so `Packr.pids()` finds all of them, whatever their parent is by then.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from .databases import Database, Postgres, Sqlite

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASES = ("sqlite", "postgres")
# Orders of a sandbox: for a long first sync, and for one of several pages.
BIG, SMALL, PAGE = 30_000, 6_000, 1_000
# The processes get only this of the tests' environment.
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
SECRETS = {
    "PACKR_SECRET_KEY": "real-processes-only-0123456789-abcdefghijklmnopq",
    "PACKR_CREDENTIAL_KEYS": base64.urlsafe_b64encode(b"a key for real processes, tests!").decode(),
}
PASSWORD = "a-real-password"
SANDBOX_CREDENTIALS = {"api_key": "sandbox", "access_token": "sandbox-1"}
WMS_HEADERS = {"x-trackstar-api-key": "sandbox", "x-trackstar-access-token": "sandbox-1"}

Found = TypeVar("Found")


def until(look: Callable[[], Found], what: str, seconds: float, every: float = 0.1) -> Found:
    """Return the first true value of `look`. Raises AssertionError naming `what` after `seconds`."""
    give_up = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {seconds:g} s in vain until {what}")
        time.sleep(every)
    return found


class Ended(AssertionError):
    """A command ended with an unexpected code; the text is its output."""


class Process:
    """A background process in its own session, with its output in a file."""

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self.name, self.log = log.stem, log
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                command, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        self.pid = self._popen.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def runs(self) -> bool:
        return self._popen.poll() is None

    def said(self, most: int = 6000) -> str:
        """Return the end of its output."""
        return self.log.read_text(errors="replace")[-most:]

    def waits_for(self, words: str, seconds: float = 60) -> str:
        """Wait for a line of its output that contains `words` and return it."""

        def line() -> str | None:
            if not self.runs:
                raise Ended(f"{self.name} ended with {self._popen.poll()}:\n{self.said()}")
            lines = self.log.read_text(errors="replace").splitlines(keepends=True)
            return next((one.strip() for one in lines if words in one and one.endswith("\n")), None)

        return until(line, f"{self.name} says “{words}”", seconds)

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process, or to its whole group as a terminal or a service manager would."""
        (os.killpg if group else os.kill)(self.pid, number)

    def ends(self, seconds: float = 15) -> int:
        """Return its exit code. Raises AssertionError if it runs for longer."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds:g} s:\n{self.said()}") from None

    def kill(self) -> None:
        """Kill it and its group if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process: from outside only what every program needs."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"PYTHONUNBUFFERED": "1"} | more


# --- The process tree, from /proc --------------------------------------------------------------------------------


def parents() -> dict[int, int]:
    """Return the parent of every living process; zombies do not count."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, *_ = entry.read_text().rpartition(")")[2].split()
            if state not in "ZX":
                found[int(entry.parent.name)] = int(parent)
    return found


def children(pid: int) -> list[int]:
    """Return the living children of a process in order of their pids."""
    return sorted(child for child, parent in parents().items() if parent == pid)


def alive(pid: int) -> bool:
    return pid in parents()


def kill(*pids: int) -> None:
    """Kill all of them with `kill -9`. Processes that have ended already are ignored."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _marked(mark: str) -> list[int]:
    found = []
    for pid in parents():
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


# --- Packr -------------------------------------------------------------------------------------------------------


class Packr:
    """A separate Packr; leaving the context kills its processes. `env` is the environment of its next processes.

    `broker` is the URL of a Redis; without one the database carries the wake-ups.
    """

    def __init__(self, folder: Path, database: Database, broker: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.database = folder, database
        self.mark = f"PACKR_DATA_DIR={folder}"
        self.env = environment(
            PACKR_DATA_DIR=str(folder),
            DATABASE_URL=database.url,
            PACKR_LEASE_SECONDS="2",
            Q_BROKER_URL=broker,
            **SECRETS,
        )
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        kill(*self.pids())
        for process in self._started:
            process.kill()
        self.database.drop()

    def logs(self) -> dict[str, str]:
        """Return the last output of its background processes."""
        return {process.name: process.said() for process in self._started}

    def manage(self, *args: str, stdin: str = "", code: int = 0) -> str:
        """Return the output of a command. Raises Ended if it ends with an unexpected code."""
        done = subprocess.run(
            [sys.executable, "manage.py", *args],
            cwd=ROOT, env=self.env, input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != code:
            raise Ended(f"manage.py {' '.join(args)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def shell(self, code: str) -> str:
        """Run lines of Python in a shell with all models."""
        return self.manage("shell", "-v", "0", "-c", code)

    def start(self, *command: str) -> Process:
        """Start a program in the background: a management command, or what `-m` takes."""
        program = command if command[0] == "-m" else ("manage.py", *command)
        name = command[1] if command[0] == "-m" else command[0]
        log = self.folder / f"{name}-{len(self._started)}.log"
        process = Process([sys.executable, *program], self.env, log)
        self._started.append(process)
        return process

    def pids(self) -> list[int]:
        """Return the pids of all living processes of this Packr."""
        return _marked(self.mark)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, sent directly to the database."""
        return self.database.rows(sql)

    def connect(self, wms: str, base_url: str, credentials: Mapping[str, str], *options: str, name: str = "WMS") -> str:
        """Connect the workspace `real` to a WMS. Return the connection's id."""
        self.env["PACKR_PRIVATE_WMS_HOSTS"] = urlsplit(base_url).netloc
        arguments = ["real", wms, "--name", name, "--base-url", base_url, "--json", *options]
        return str(json.loads(self.manage("connect", *arguments, stdin=json.dumps(credentials)))["id"])

    def hasten(self, seconds: int) -> None:
        """Let every entity fall due every few seconds from now on, without full refreshes."""
        self.shell(
            "from django.utils.timezone import now; from syncs.runs.cadence import is_read_with\n"
            "from syncs.runs.planner import reschedule\n"
            "for schedule in EntitySchedule.objects.select_related('connection__workspace'):\n"
            f"    schedule.every_seconds, schedule.daily_at, schedule.reread = {seconds}, None, 'none'\n"
            "    is_read_with(schedule) or reschedule(schedule, now())\n"
        )

    def state(self, connection: str) -> dict[str, dict[str, Any]]:
        """Return the sync state by entity."""
        return {row["entity"]: row for row in json.loads(self.manage("sync_state", connection, "--json"))}

    def export(self, connection: str, entity: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.manage("export", connection, entity).splitlines()]

    def exports(self, connection: str, *entities: str) -> list[list[dict[str, Any]]]:
        """Return the exports of several entities, made by one process."""
        mark = "next"
        said = self.shell(
            "from django.core.management import call_command\n"
            f"for entity in {entities}: call_command('export', {connection!r}, entity); print({mark!r})"
        )
        parts = said.split(f"{mark}\n")[:-1]
        return [[json.loads(line) for line in part.splitlines()] for part in parts]

    def cluster(self) -> dict[str, Any]:
        """Return the pids of the qcluster's sentinel, workers, monitor and pusher, as the cluster reports them."""
        ask = (
            "import json; from django_q.status import Stat\n"
            "print(json.dumps([{name: getattr(stat, name) for name in ('sentinel', 'workers', 'monitor', 'pusher')}"
            " for stat in Stat.get_all()]))"
        )

        def reported_cluster() -> dict[str, Any] | None:
            return next((one for one in json.loads(self.shell(ask)) if alive(one["sentinel"])), None)

        return until(reported_cluster, "the cluster reports its processes", 20)

    def serve(self) -> str:
        """Start gunicorn on a free port. Return its address."""
        options = ("--workers", "2", "--threads", "4", "--no-control-socket", "--bind", "127.0.0.1:0")
        web = self.start("-m", "gunicorn", "packr.wsgi", *options)
        return web.waits_for("Listening at: ").partition("Listening at: ")[2].split()[0]

    def holder(self) -> int | None:
        """Return the pid of the worker that holds the lane."""
        held = self.rows("SELECT worker, leased_until FROM syncs_lane WHERE leased_until IS NOT NULL")
        pids = [int(worker.rpartition(":")[2]) for worker, _ in held]
        return next((pid for pid in pids if alive(pid)), None)


class Templates:
    """Migrated databases with a workspace `real`, admin anna and member max, created once and copied for each Packr."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Database] = {}

    def packr(self, kind: str, folder: Path, broker: str = "") -> Packr:
        """Return a new Packr on a database of this kind. The database or a Redis carries its wake-ups."""
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        folder.mkdir(parents=True, exist_ok=True)
        return Packr(folder, self._made[kind].copy(folder), broker)

    def _make(self, kind: str) -> Database:
        self.folder.mkdir(parents=True, exist_ok=True)
        database: Database = Sqlite(self.folder) if kind == "sqlite" else Postgres()
        packr = Packr(self.folder, database)
        packr.manage("migrate", "-v", "0")
        packr.manage("workspace", "real", "--admin", "anna", "--member", "max")
        packr.shell(f"for person in User.objects.all(): person.set_password({PASSWORD!r}); person.save()")
        return database

    def drop(self) -> None:
        for database in self._made.values():
            database.drop()


# --- The sandbox -------------------------------------------------------------------------------------------------


class Sandbox:
    """`manage.py sandbox_wms` and its control API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: Any = None) -> Any:
        """Return the JSON at a path. Sends a POST if there is a body."""
        headers = {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, headers if path.startswith("/_") else WMS_HEADERS)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def requests(self, path: str = "/", after: int = 0) -> list[dict[str, Any]]:
        """Return the request log after number `after`, of paths that begin with `path`."""
        found: list[dict[str, Any]] = self.ask(f"/_control/requests?path={path}&after={after}")
        return found

    def asked(self, path: str, after: int = 0) -> list[dict[str, Any]]:
        """Return the requests for exactly this path."""
        return [request for request in self.requests(path, after) if request["path"] == path]

    def last(self) -> int:
        """Return the number of the latest request."""
        return max((request["number"] for request in self.requests()), default=0)

    def change(self, **change: Any) -> Any:
        return self.ask("/_control/change", {"account": "sandbox-1", **change})["record"]

    def fault(self, **fault: Any) -> None:
        self.ask("/_control/fault", fault)

    def reset(self) -> None:
        """Clear faults and request log."""
        self.fault(clear=True)
        self.ask("/_control/requests", {"clear": True})

    def listing(self, path: str) -> list[dict[str, Any]]:
        """Return all records that the sandbox lists at a path."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.ask(f"{path}?limit=1000{token and f'&page_token={token}'}")
            found += page["data"]
            if page["next_token"] is None:
                return found
            token = page["next_token"]


@contextlib.contextmanager
def sandbox(folder: Path, *options: str, seconds: float = 180) -> Iterator[Sandbox]:
    """Run a sandbox WMS on a free port."""
    folder.mkdir(parents=True, exist_ok=True)
    env = environment(PACKR_DATA_DIR=str(folder), **SECRETS)
    command = [sys.executable, "manage.py", "sandbox_wms", "--port", "0", *options]
    with Process(command, env, folder / "sandbox.log") as process:
        yield Sandbox(process.waits_for("Sandbox WMS is ready at", seconds).rpartition(" ")[2])
