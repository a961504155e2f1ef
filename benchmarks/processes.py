"""The cost of process trees, from /proc: CPU seconds and memory."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICK, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Seen:
    """A process at one moment: CPU seconds of itself and of its ended children; resident bytes."""

    parent: int
    cpu: float
    ended: float
    resident: int


def look() -> dict[int, Seen]:
    """Return all processes."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended, so its parent counts it
            continue
        own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        found[int(stat.parent.name)] = Seen(int(fields[1]), own / TICK, ended / TICK, int(fields[21]) * PAGE)
    return found


def below(pid: int, seen: dict[int, Seen]) -> set[int]:
    """Return the process and all its descendants."""
    tree, grown = {pid} & seen.keys(), True
    while grown:
        more = {one for one, it in seen.items() if it.parent in tree} - tree
        tree, grown = tree | more, bool(more)
    return tree


def spent(pids: Iterable[int], seen: dict[int, Seen], *, ended: bool = True) -> float:
    """Return the CPU seconds of these processes and, by default, of their ended children."""
    return sum(seen[pid].cpu + (seen[pid].ended if ended else 0) for pid in pids if pid in seen)


def machine() -> float:
    """Return the CPU seconds that all processors have worked since boot."""
    user, nice, system, _idle, _wait, irq, soft, *_ = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(map(int, (user, nice, system, irq, soft))) / TICK


def stolen() -> float:
    """Return the CPU seconds that a virtual machine's host has taken since boot."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / TICK
