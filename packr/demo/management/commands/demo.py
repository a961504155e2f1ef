import os
import signal
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from integrations.entities import Entity
from packr.demo import seed
from packr.demo.environment import SANDBOX
from packr.demo.processes import Child
from packr.workspaces.errors import Refused
from syncs.process import shutdown

FIRST_DATA_TIMEOUT = 120.0  # seconds
MANAGE = str(settings.BASE_DIR / "manage.py")


class Command(BaseCommand):
    help = "Run Packr with data: a sandbox WMS, workers and the web server. Ctrl-C stops everything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        self.sandbox = os.environ[SANDBOX]
        signal.signal(signal.SIGINT, lambda *args: shutdown.request())
        signal.signal(signal.SIGTERM, lambda *args: shutdown.request())
        logs = settings.DATA_DIR / "logs"
        logs.mkdir(exist_ok=True)
        children = _children(port, self.sandbox, logs)
        try:
            self._show(port, children)
        finally:
            for child in reversed(children):
                child.ask_to_end()
            for child in reversed(children):
                child.end()
        self.stdout.write("Packr has stopped.")

    def _show(self, port: int, children: list[Child]) -> None:
        self.stdout.write("Packr is starting; the first data takes a few seconds.")
        call_command("migrate", verbosity=0)
        workspace = seed.people()
        for child in children:
            child.start()
        sandbox, _, web = children
        self._wait_for(f"http://{self.sandbox}/_control/healthz", sandbox)
        try:
            connection = seed.connection(workspace, f"http://{self.sandbox}", seed.credentials())
        except Refused as error:
            raise CommandError(f"Could not connect the sandbox. {error}") from None
        self._wait_for(f"http://127.0.0.1:{port}/accounts/login/", web)
        until = time.monotonic() + FIRST_DATA_TIMEOUT
        while not seed.is_filled(connection) and time.monotonic() < until and not shutdown.is_requested():
            _revive(children)
            time.sleep(0.2)
        seed.map_brands(connection)
        if not shutdown.is_requested():
            self._welcome(port)
        while not shutdown.is_requested():
            _revive(children)
            time.sleep(0.5)

    def _wait_for(self, url: str, child: Child) -> None:
        until = time.monotonic() + 60
        while not shutdown.is_requested():
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except urllib.error.HTTPError as answer:
                answer.close()
                return
            except OSError:
                if child.has_failed() or time.monotonic() > until:
                    raise CommandError(f"The {child.name} did not start. See {child.log}.") from None
                time.sleep(0.1)

    def _welcome(self, port: int) -> None:
        self.stdout.write(
            f"\nPackr is ready at http://localhost:{port}\n\n"
            f"  Sign in as   admin    may sync manually\n"
            f"               member   sees everything, changes nothing\n"
            f"               support  edits schedules at http://localhost:{port}/admin/\n"
            f"  Password     {seed.PASSWORD}\n\n"
            f"The warehouse never stands still: orders arrive and ship, stock moves. Orders and inventory sync\n"
            f"every {seed.CADENCES[Entity.ORDERS]} seconds. Ctrl-C stops everything; the next start "
            f"continues from there.\n"
        )
        self.stdout.flush()


def _children(port: int, sandbox: str, logs: Path) -> list[Child]:
    sandbox_port = sandbox.rpartition(":")[2]
    return [
        Child("sandbox", [MANAGE, "sandbox_wms", "--port", sandbox_port, "--keep", str(logs.parent / "sandbox")], logs),
        Child("workers", [MANAGE, "qcluster"], logs),
        Child(
            "web",
            f"-m gunicorn packr.wsgi --bind 127.0.0.1:{port} --workers 2 --threads 4 --no-control-socket".split(),
            logs,
        ),
    ]


def _revive(children: list[Child]) -> None:
    """Restart processes that have failed; their log says why."""
    for child in children:
        if child.has_failed():
            child.start()
