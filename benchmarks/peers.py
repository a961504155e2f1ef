"""The contestants, and the harness's connection to one of them in a separate process."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from . import venvs
from .databases import VAR

ROOT = Path(__file__).resolve().parent.parent
ALL = ("postgres", "sqlite")


@dataclass(frozen=True)
class Peer:
    """A contestant: module, options, environment, and the databases it can write to.

    `share` of the rows is enough for a slow one; its figures are then scaled per row.
    """

    name: str
    module: str
    options: tuple[str, ...] = ()
    venv: str = ""
    databases: tuple[str, ...] = ALL
    share: float = 1.0


PEERS = {
    peer.name: peer
    for peer in (
        Peer("packr", "packr"),
        Peer("floor", "floor"),
        Peer("floor-digests", "floor", ("digests",)),
        Peer("bulk_create", "handwritten", ("bulk_create",), share=0.1),
        Peer("update_or_create", "handwritten", ("update_or_create",), share=0.02),
        Peer("dlt-upsert", "dlt_peer", ("upsert",), "dlt", ("postgres",)),
        Peer("dlt-delete-insert", "dlt_peer", ("delete-insert",), "dlt", ("postgres",)),
        Peer("singer-meltanolabs", "singer", ("meltanolabs",), "meltanolabs", ("postgres",)),
        Peer("singer-pipelinewise", "singer", ("pipelinewise",), "pipelinewise", ("postgres",)),
    )
}


class Failed(Exception):
    """A contestant that failed; the text is the end of its output."""


class Worker:
    """A contestant's process. Leaving the context ends it; the database belongs to the caller."""

    def __init__(self, peer: Peer, *, url: str, database: str, folder: Path) -> None:
        needed = venvs.python_of(peer.venv)
        # Singer's targets are programs of their environment; the tap is ours.
        python = sys.executable if peer.module == "singer" else needed
        self.setup = {
            "url": url,
            "token": "bench-1",
            "database": database,
            "folder": str(folder),
            "options": peer.options,
            "python": needed,
        }
        self.log = folder / "worker.log"
        self.command = [python, "-m", "benchmarks.worker", peer.module]

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._say(self.setup)
        self.rest()  # don't count what the set-up wrote
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def sync(self, kind: str, *, full: bool, times: int = 1) -> dict[str, Any]:
        """Run syncs. Return the figures of `worker.measured`."""
        return self._say({"do": "sync", "kind": kind, "full": full, "times": times})

    def rest(self) -> None:
        """Close its database connections."""
        self._say({"do": "rest"})

    def _say(self, step: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps(step) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            raise Failed(" | ".join(lines[-3:]))
        found: dict[str, Any] = json.loads(answer)
        return found

    def whole_process(self, kind: str) -> tuple[float, float]:
        """Run one incremental in a process from start to end. Return (wall, CPU) seconds."""
        wall, before = time.perf_counter(), os.times()
        with self:
            self.sync(kind, full=False)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        return time.perf_counter() - wall, spent


def fresh_folder(name: str) -> Path:
    """Return an empty folder for one contestant's run."""
    folder = VAR / "runs" / f"{name}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
