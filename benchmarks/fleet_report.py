"""Formats a fleet's figures as a Markdown table, one column per phase."""

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
MEGABYTE = 1_000_000


def percentile(values: list[float], share: float) -> float:
    """Return the percentile of sorted values; 0 for none."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def table(phases: list[Row], title: str) -> str:
    """Return all phases side by side."""
    parts = list(dict.fromkeys(name for phase in phases for name in phase["cpu"]))
    per_run = {f"CPU ms/run, {name}": _per_run(name) for name in parts}
    lines = {**LINES, **per_run, **EXTRAS}
    rows = [[what, *(line(phase) for phase in phases)] for what, line in lines.items()]
    return "\n".join(
        [
            title,
            "",
            f"| | {' | '.join(phase['phase'] for phase in phases)} |",
            f"|---|{'---:|' * len(phases)}",
            *(f"| {' | '.join(row)} |" for row in rows if any(cell != "–" for cell in row[1:])),
        ]
    )


def _per_run(part: str) -> Callable[[Row], str]:
    return lambda phase: f"{phase['cpu per run'].get(part, 0) * 1000:.2f}"


def _late(place: int) -> Callable[[Row], str]:
    return lambda phase: f"{phase['lateness'][place]:.1f}"


def _extra(name: str) -> Callable[[Row], str]:
    return lambda phase: f"{phase[name]}" if name in phase else "–"


def _memory(phase: Row) -> str:
    least, most = (size / MEGABYTE for size in phase["worker memory"])
    return f"{least:.0f} to {most:.0f}"


def _waits(phase: Row) -> str:
    waits = phase["waits"]
    p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
    return f"{p50:.2f} / {p99:.2f} / {percentile(waits, 1):.2f} ({len(waits)})"


LINES: dict[str, Callable[[Row], str]] = {
    "seconds": lambda phase: f"{phase['seconds']:.0f}",
    "runs/s by the cadences": lambda phase: f"{phase['by cadence']:.1f}",
    "runs/s that fell due": lambda phase: f"{phase['due'] / phase['seconds']:.1f}",
    "runs/s done": lambda phase: f"{phase['done'] / phase['seconds']:.1f}",
    "ended otherwise than well": lambda phase: f"{phase['not well']}",
    "lateness p50, s": _late(0),
    "lateness p95, s": _late(1),
    "lateness p99, s": _late(2),
    "the latest, s": lambda phase: f"{phase['latest']:.1f}",
    "entities starved": lambda phase: f"{phase['starved']}",
    "a person's Run: p50 / p99 / longest wait, s (times)": _waits,
    "memory of a worker, MB": _memory,
    "busy cores, load": lambda phase: f"{phase['busy cores']:.2f}, {phase['load']:.1f}",
}
EXTRAS: dict[str, Callable[[Row], str]] = {
    "rows read by runs that ended": lambda phase: f"{phase['rows read']:,}",
    "first syncs: runs ended": lambda phase: f"{phase['first syncs ended']}",
    "first syncs: runs left": _extra("first syncs left"),
    "in the hands of the killed cluster": _extra("in the hands of the killed"),
    "of those due at once: left": _extra("left of them"),
    "of those due at once: planned within, s": _extra("planned within"),
    "of those due at once: ended within, s": _extra("ended within"),
    "of those due at once: runs/s": _extra("their runs/s"),
    "of those due at once: doubled": _extra("doubled"),
}
