"""The measured process: runs the harness's steps and reports what each cost.

python -m benchmarks.worker CONTESTANT     (setup and steps as JSON lines on standard input)

Imports only the standard library, so that it runs in an environment with nothing but a peer. A peer's output goes to
standard error; standard output is for the answers.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Protocol


class Contestant(Protocol):
    """The interface of the contestants' modules."""

    def __init__(self, setup: dict[str, Any]) -> None:
        """`setup`: url and token of the WMS, database (its URL), folder (to write into), options."""

    def sync(self, kind: str, full: bool) -> dict[str, Any]:
        """Sync one kind: everything, or changes since the last time.

        Returns figures of its own; `own_cpu` is the CPU seconds of the worker's part, without requesting the run.
        """

    def rest(self) -> None:
        """Close open database connections, so that the server's statistics are complete."""


def measured(contestant: Contestant, kind: str, full: bool, times: int) -> dict[str, Any]:
    """Run `times` syncs. Return wall and CPU seconds, with children, and the peak memory so far."""
    walls, cpus, own = [], [], []
    found: dict[str, Any] = {}
    for _ in range(times):
        wall, cpu = time.perf_counter(), cpu_seconds()
        found = contestant.sync(kind, full)
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_seconds() - cpu)
        own += [found.pop("own_cpu")] if "own_cpu" in found else []
    return {"walls": walls, "cpus": cpus, "peak_mb": peak_mb(), **({"own_cpus": own} if own else {}), **found}


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and its ended children."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def peak_mb() -> float:
    """Return the peak memory of this process so far, or of its largest child."""
    # getrusage of this process would start with the parent's memory.
    own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return max(int(own.split()[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module = importlib.import_module(f"benchmarks.contestants.{sys.argv[1]}")
    contestant: Contestant = module.Contestant(json.loads(sys.stdin.readline()))
    answers.write("{}\n")
    for line in sys.stdin:
        step = json.loads(line)
        if step["do"] == "rest":
            contestant.rest()
            answers.write("{}\n")
        else:
            answers.write(json.dumps(measured(contestant, step["kind"], step["full"], step["times"])) + "\n")


if __name__ == "__main__":
    main()
