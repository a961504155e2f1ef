"""What processes cost, from /proc: CPU seconds and memory of whole trees."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICK, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Seen:
    """A process at one moment: CPU seconds of its own and of its children that have ended; resident bytes."""

    parent: int
    cpu: float
    ended: float
    resident: int


def look() -> dict[int, Seen]:
    """Every process there is."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended this moment: its parent counts it
            continue
        own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        found[int(stat.parent.name)] = Seen(int(fields[1]), own / TICK, ended / TICK, int(fields[21]) * PAGE)
    return found


def below(pid: int, seen: dict[int, Seen]) -> set[int]:
    """The process and all that descend from it."""
    tree, grown = {pid} & seen.keys(), True
    while grown:
        more = {one for one, it in seen.items() if it.parent in tree} - tree
        tree, grown = tree | more, bool(more)
    return tree


def spent(pids: Iterable[int], seen: dict[int, Seen], *, ended: bool = True) -> float:
    """CPU seconds of these processes and, unless told otherwise, of their children that have ended."""
    return sum(seen[pid].cpu + (seen[pid].ended if ended else 0) for pid in pids if pid in seen)


def machine() -> float:
    """CPU seconds that all processors together have worked since the machine started."""
    user, nice, system, _idle, _wait, irq, soft, *_ = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(map(int, (user, nice, system, irq, soft))) / TICK


def stolen() -> float:
    """CPU seconds that a virtual machine's host has kept for others since the machine started."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / TICK
