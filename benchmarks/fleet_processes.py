"""The processes of a fleet: clusters as an operator starts them, and the cost of each part."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from . import processes
from .wms_process import ROOT

STOPS_WITHIN = 60  # seconds
OTHERS = "the machine's others"


class Cluster:
    """A `manage.py qcluster` with its own process group and data folder, as on its own machine.

    Its output is in `log`. Leaving the context asks it to stop, and kills it if it does not.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, *, profiled: bool = False) -> None:
        folder.mkdir(parents=True)
        self.log = folder / "qcluster.log"
        program = ["-m", "benchmarks.fleet_profiled"] if profiled else ["manage.py", "qcluster"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program],
                cwd=ROOT,
                env={**os.environ, **environment, "PACKR_DATA_DIR": str(folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Send `kill -9` to the whole group; the children, in groups of their own, die with it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Meter:
    """CPU seconds by part since creation, and the memory of the workers.

    `others` are process trees by name; `workers` returns the pids that have shown to be workers.
    """

    def __init__(self, clusters: list[Cluster], others: Mapping[str, int], workers: Callable[[], set[int]]) -> None:
        self.clusters, self.others, self.workers = clusters, others, workers
        self.began, self.busy = self._parts(), processes.machine()
        self.resident: list[int] = []

    def look(self) -> None:
        """Record each worker's memory."""
        seen = processes.look()
        self.resident += [seen[pid].resident for pid in self.workers() if pid in seen]

    def spent(self) -> dict[str, float]:
        """Return the CPU seconds of each part, and of everything else on the machine."""
        now = self._parts()
        spent = {name: cpu - self.began[name] for name, cpu in now.items()}
        return spent | {OTHERS: processes.machine() - self.busy - sum(spent.values())}

    def _parts(self) -> dict[str, float]:
        seen, known = processes.look(), self.workers()
        parts = {"Packr's workers": 0.0, "Packr's parents": 0.0}
        for cluster in self.clusters:
            tree = processes.below(cluster.process.pid, seen)
            workers = tree & known
            parts["Packr's parents"] += processes.spent(tree - workers, seen, ended=False)
            # Processes that have ended were almost always workers.
            ended = sum(seen[pid].ended for pid in tree - workers)
            parts["Packr's workers"] += processes.spent(workers, seen) + ended
        for name, pid in self.others.items():
            parts[name] = processes.spent(processes.below(pid, seen), seen)
        return parts | {"the measuring": processes.spent([os.getpid()], seen, ended=False)}
