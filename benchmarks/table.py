"""Turns results into Markdown tables: medians over the rounds, and ratios to Packr."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from .scenarios import MEMORY_ROWS, SCENARIOS, Figures, Result

TITLES = {
    "first-inventory": "First load, inventory",
    "first-orders": "First load, orders with three lines each",
    "follow-up": "The incremental after the first load, which finds nothing but has its rows to work with",
    "unchanged": "Full sync of inventory, nothing changed",
    "changed": "Incremental of inventory, 1 % changed",
    "idle": "Idle incremental",
    "memory": "Memory: peak of a fresh process, first load of inventory",
    "latency": "100 ms latency per request",
}
Cell = Callable[[Figures, Figures | None], str]


def tables(results: Iterable[Result]) -> str:
    """Return all tables, in the order of the scenarios."""
    found = list(results)
    keys = sorted({(SCENARIOS.index(one.scenario), one.database) for one in found})
    return "\n\n".join(
        _table(
            SCENARIOS[place],
            database,
            [one for one in found if (one.scenario, one.database) == (SCENARIOS[place], database)],
        )
        for place, database in keys
    )


def _table(scenario: str, database: str, results: Sequence[Result]) -> str:
    medians = {peer: _medians([one.figures for one in results if one.peer == peer]) for peer in _peers(results)}
    failed = {one.peer: one.failed for one in results if one.failed}
    columns = COLUMNS.get(scenario, LOAD)
    lines = [
        f"### {TITLES[scenario]} ({database})",
        "",
        f"| contestant | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
    ]
    packr = medians.get("packr") or None
    for peer, figures in medians.items():
        if figures:
            cells = [_cell(column, figures, packr) for column in columns.values()]
            lines.append(f"| {_name(peer, figures)} | {' | '.join(cells)} |")
        if peer in failed:
            lines.append(f"| {peer} | failed: {failed[peer].replace('|', '/')} |" + " |" * (len(columns) - 1))
    return "\n".join(lines)


def _peers(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(one.peer for one in results))


def _medians(rounds: Sequence[Figures]) -> Figures:
    names = dict.fromkeys(name for figures in rounds for name in figures)
    return {name: median([figures[name] for figures in rounds if name in figures]) for name in names}


def _name(peer: str, figures: Figures) -> str:
    share = figures.get("share", 1.0)
    return peer if share == 1 else f"{peer} ({share:.0%} of the rows, scaled)"


def _cell(column: Cell, figures: Figures, packr: Figures | None) -> str:
    try:
        return column(figures, packr)
    except KeyError:  # not every contestant has every figure
        return "–"


def whole(figures: Figures, name: str) -> float:
    """Return a sample's figure scaled to all rows."""
    return figures[name] / figures.get("share", 1.0)


def _times(name: str) -> Cell:
    """Return a contestant's figure as a multiple of Packr's."""

    def cell(figures: Figures, packr: Figures | None) -> str:
        return "–" if not packr else f"{whole(figures, name) / whole(packr, name):.2f}"

    return cell


def _per_row(name: str) -> Cell:
    return lambda figures, packr: f"{figures[name] / figures['rows'] * 1e6:.0f}"


def _whole(name: str, digits: int = 0, unit: float = 1) -> Cell:
    return lambda figures, packr: f"{whole(figures, name) / unit:,.{digits}f}"


def _own(name: str, digits: int = 0, unit: float = 1) -> Cell:
    return lambda figures, packr: f"{figures[name] / unit:,.{digits}f}"


LOAD: dict[str, Cell] = {
    "wall s": _whole("wall", 2),
    "rows/s": lambda figures, packr: f"{figures['rows'] / figures['wall']:,.0f}",
    "× Packr's time": _times("wall"),
    "CPU µs/row": _per_row("cpu"),
    "server µs/row": _per_row("server_cpu"),
    "WAL MB": _whole("wal", 2, 1e6),
    "rows written": _whole("rows_written"),
    "and in books": _whole("books"),
    "peak MB": _own("peak_mb"),
    "statements": _own("statements"),
}
SMALL, LARGE = (f"peak_mb_{rows}" for rows in MEMORY_ROWS)
COLUMNS: dict[str, dict[str, Cell]] = {
    "idle": {
        "CPU ms": _own("cpu", 2, 1e-3),
        "of it in the worker": _own("own_cpu", 2, 1e-3),
        "× Packr's CPU": _times("cpu"),
        "wall ms": _own("wall", 2, 1e-3),
        "statements": _own("statements"),
        "as a process: CPU ms": _own("process_cpu", 0, 1e-3),
        "as a process: wall ms": _own("process_wall", 0, 1e-3),
    },
    "memory": {
        "small load, MB": _own(SMALL, 1),
        "ten times as large, MB": _own(LARGE, 1),
        "growth": lambda figures, packr: f"{figures[LARGE] / figures[SMALL] - 1:+.1%}",
    },
    "latency": {
        "wall s": _own("wall", 2),
        "sum of latencies s": _own("waited", 2),
        "wall / sum": lambda figures, packr: f"{figures['wall'] / figures['waited']:.2f}",
        "requests": _own("requests"),
    },
}
