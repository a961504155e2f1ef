"""A real Tryton server for tests: build, seed, start and stop it.

As a library:

    with Peer(folder) as tryton:        # builds what is missing, seeds a copy of the database, starts the server
        tryton.facts["base_url"]        # and database, login, password, ids (see seed.py)
        tryton.change("quote an order")
        print(tryton.compare(exports))  # raises Different when Packr's export is not what Tryton says

As a command: README.md. Only the standard library is used here; Tryton lives in an environment of its own in a cache
folder (`var/tryton`, or $PACKR_TRYTON_DIR) and runs as processes. It is set up as its administration
manual says (docs.tryton.org).
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATABASE = "tryton"
PRODUCTS, ORDERS = 200, 120
MODULES = (
    "company party product stock sale purchase carrier sale_shipment_cost purchase_shipment_cost stock_lot "
    "stock_package stock_package_shipping stock_shipment_measurements product_measurements"
)


class Failed(Exception):
    """A command of Tryton failed; the text is its output."""


class Different(Exception):
    """Packr's export differs from Tryton; the text is the table of compare.py and the first differences."""


def cache() -> Path:
    """Return the folder that keeps the environment and the activated database between runs."""
    return Path(os.environ.get("PACKR_TRYTON_DIR") or HERE.parent.parent / "var" / "tryton").resolve()


def prepare(home: Path | None = None) -> Path:
    """Build Tryton's environment, an activated and a filled database unless they exist. Return their folder."""
    home = home or cache()
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home / "lock"):
        wanted = hashlib.sha256((HERE / "requirements.txt").read_bytes() + sys.version.encode()).hexdigest()
        _once(home / "venv", wanted, lambda: _make_environment(home))
        wanted = hashlib.sha256(f"{wanted} {MODULES}".encode()).hexdigest()
        _once(home / "template", wanted, lambda: _activate(home))
        # Its orders are dated before the day of seeding, so it is seeded once a day.
        wanted = hashlib.sha256(f"{wanted} {(HERE / 'seed.py').read_text()} {date.today()}".encode()).hexdigest()
        _once(home / "seeded", wanted, lambda: _fill(home))
    return home


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _once(folder: Path, wanted: str, make: Any) -> None:
    """Run `make` unless the folder was completed from the same ingredients. An incomplete one is made again."""
    stamp = folder / "made-from"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    make()
    stamp.write_text(wanted)


def _make_environment(home: Path) -> None:
    run([sys.executable, "-m", "venv", home / "venv"])
    pip = [home / "venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "-r", HERE / "requirements.txt"])


def _activate(home: Path) -> None:
    folder = home / "template"
    _configure(folder)
    (folder / f"{DATABASE}.sqlite").touch()
    secret = folder / "admin-password"
    secret.write_text("admin-secret-1\n")
    admin = [home / "venv" / "bin" / "trytond-admin", "-c", folder / "tryton.conf", "-d", DATABASE]
    environment = {"TRYTONPASSFILE": str(secret)}
    run([*admin, "--email", "admin@example.org", "-p", "--all"], environment)
    run([*admin, "-u", *MODULES.split(), "--activate-dependencies"], environment)


def _fill(home: Path) -> None:
    folder = home / "seeded"
    _configure(folder)
    shutil.copy(home / "template" / f"{DATABASE}.sqlite", folder)
    config = {"TRYTOND_CONFIG": str(folder / "tryton.conf")}
    seeded = run([home / "venv" / "bin" / "python", HERE / "seed.py", DATABASE, PRODUCTS, ORDERS], config)
    (folder / "seeded.json").write_text(seeded)


def _copy(folder: Path, other: Path) -> None:
    """Copy a filled database that is not in use, and its facts."""
    _configure(other)
    shutil.copy(folder / "seeded.json", other)
    # With SQLite's own backup, which includes the journal.
    with (
        contextlib.closing(sqlite3.connect(folder / f"{DATABASE}.sqlite")) as source,
        contextlib.closing(sqlite3.connect(other / f"{DATABASE}.sqlite")) as target,
    ):
        source.backup(target)


def _configure(folder: Path) -> None:
    (folder / "web").mkdir(parents=True, exist_ok=True)
    (folder / "tryton.conf").write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nroot = {folder / 'web'}\n"
    )


def run(command: list[Any], environment: dict[str, str] | None = None) -> str:
    """Return a command's output. Raises Failed with its output and errors."""
    done = subprocess.run(
        [str(part) for part in command],
        env=_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{Path(str(command[0])).name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    # Tryton must not inherit the Python path and the settings of Packr's process.
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "PYTHONWARNINGS")
    return {**{key: value for key, value in os.environ.items() if key not in ours}, **(more or {})}


class Peer:
    """One Tryton server with a database of its own in `folder`."""

    def __init__(self, folder: Path | str, home: Path | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.home = home or cache()
        self.python = self.home / "venv" / "bin" / "python"
        self.server: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> "Peer":
        self.make()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def make(self) -> None:
        """Copy the filled database unless the folder has one."""
        prepare(self.home)
        if (self.folder / "seeded.json").exists():
            return
        _copy(self.home / "seeded", self.folder)

    def copy(self, folder: Path | str) -> "Peer":
        """Return a second peer with the same data in another folder. This one must be stopped."""
        if self.server:
            raise Failed("stop the server before its database is copied")
        other = Peer(folder, self.home)
        _copy(self.folder, other.folder)
        return other

    def start(self, port: int = 0) -> None:
        """Start the server on a loopback port (0: a free one) and wait until it answers."""
        # One process: a second one would see the changes of the first only minutes later, because of its cache.
        # The socket is opened here and passed on, so that no other process can take the port.
        with socket.create_server(("127.0.0.1", port)) as listener:
            port = listener.getsockname()[1]
            with (self.folder / "server.log").open("ab") as log:
                self.server = subprocess.Popen(
                    [self.home / "venv" / "bin" / "gunicorn", "--workers", "1", "--threads", "4", "--no-control-socket",
                     "--keep-alive", "60", "--bind", f"fd://{listener.fileno()}", "trytond.application:app"],
                    env=_environment({
                        "TRYTOND_CONFIG": str(self.folder / "tryton.conf"), "TRYTOND_DATABASE_NAMES": DATABASE,
                    }),
                    pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )  # fmt: skip
        seeded = json.loads((self.folder / "seeded.json").read_text())
        self.facts = {"base_url": f"http://127.0.0.1:{port}", "private_host": f"127.0.0.1:{port}", **seeded}
        (self.folder / "peer.json").write_text(json.dumps(self.facts))
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self, seconds: float = 60) -> None:
        body = b'{"id": 1, "method": "common.server.version", "params": []}'
        url = f"{self.facts['base_url']}/rpc/"
        question = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if self.server is None or self.server.poll() is not None:
                break
            with contextlib.suppress(OSError), urllib.request.urlopen(question, timeout=seconds) as answer:
                if "result" in json.load(answer):
                    return
            time.sleep(0.1)
        raise Failed(f"Tryton did not start:\n{(self.folder / 'server.log').read_text()[-4000:]}")

    def stop(self) -> None:
        """Stop the server; kill it if it does not stop within 15 seconds."""
        if self.server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.server.pid, signal.SIGTERM)
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
        self.server = None

    def change(self, *names: str) -> None:
        """Make changes in Tryton by their names in change.py."""
        change(self.folder / "peer.json", *names, python=self.python)

    def changes(self) -> list[str]:
        """Return the names of all changes, the deletion last."""
        return run([self.python, HERE / "change.py", "--list"]).splitlines()

    def compare(self, exports: Path | str, *, self_test: bool = False) -> str:
        """Compare a folder of `<entity>.jsonl` with Tryton. Return the table; raises Different."""
        return compare(self.folder / "peer.json", Path(exports), self_test=self_test, python=self.python)


def _python() -> Path:
    return cache() / "venv" / "bin" / "python"


def change(facts: Path, *names: str, python: Path | None = None) -> str:
    return run([python or _python(), HERE / "change.py", facts, *names])


def compare(facts: Path, exports: Path, *, self_test: bool = False, python: Path | None = None) -> str:
    command = [python or _python(), HERE / "compare.py", facts, exports]
    try:
        return run([*command, "--self-test"] if self_test else command)
    except Failed as error:
        raise Different(str(error)) from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="build the environment and the activated database")
    serve = commands.add_parser("run", help="seed a database and serve it until Ctrl-C")
    serve.add_argument("--folder", type=Path, help="folder of its data; by default a temporary one")
    serve.add_argument("--port", type=int, default=0)
    one = commands.add_parser("compare", help="compare a folder of exports with what Tryton holds")
    one.add_argument("facts", type=Path, help="the peer.json of a running peer")
    one.add_argument("exports", type=Path)
    one.add_argument("--self-test", action="store_true")
    two = commands.add_parser("change", help="change things in Tryton; without a name: list the names")
    two.add_argument("facts", type=Path)
    two.add_argument("names", nargs="*")
    asked = parser.parse_args()
    try:
        return _do(asked)
    except (Failed, Different) as error:
        print(error, file=sys.stderr)
        return 1


def _do(asked: argparse.Namespace) -> int:
    home = prepare()
    if asked.command == "run":
        serve(asked.folder, asked.port)
    elif asked.command == "compare":
        print(compare(asked.facts.resolve(), asked.exports.resolve(), self_test=asked.self_test), end="")
    elif asked.command == "change":
        print(change(asked.facts.resolve(), *(asked.names or ["--list"])), end="")
    else:
        print(home)
    return 0


def serve(folder: Path | None, port: int) -> None:
    """Seed and serve until interrupted. Prints one line of JSON when ready."""
    with contextlib.ExitStack() as stack:
        peer = Peer(folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="packr-tryton-")))
        stack.callback(peer.stop)
        peer.make()
        peer.start(port)
        print(json.dumps({**peer.facts, "facts": str(peer.folder / "peer.json")}), flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    sys.exit(main())
