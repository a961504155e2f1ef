"""Measure Packr beside its floor and its peers.

python -m benchmarks [SCENARIO …] [--scale F] [--rounds N] [--peers NAME …] [--database postgres|sqlite]

Prints tables of medians as Markdown, and progress on standard error. docs/benchmarks.md describes the scenarios.
"""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime

from .databases import DATABASES, VAR
from .peers import PEERS
from .scenarios import SCENARIOS, BenchmarkPlan, Result, run
from .table import tables


def main() -> None:
    asked = _arguments()
    results: list[Result] = []
    began = time.monotonic()

    def tell(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:7.1f} s  {what}\n")

    for database in asked.database:
        DATABASES[database].prepare()
    VAR.mkdir(parents=True, exist_ok=True)
    kept = VAR / f"results-{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl"
    for number in range(asked.rounds):
        for database in asked.database:
            tell(f"round {number + 1} of {asked.rounds}; results in {kept}")
            plan = BenchmarkPlan(
                tuple(asked.scenarios), tuple(PEERS[name] for name in asked.peers), database, asked.scale
            )
            for result in run(plan, tell):
                results.append(result)
                with kept.open("a") as lines:  # immediately, since a run takes hours and may be interrupted
                    lines.write(json.dumps(asdict(result)) + "\n")
    for database in asked.database:
        DATABASES[database].discard()
    sys.stdout.write(f"{_machine(asked)}\n\n{tables(results)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; all of them")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows, default 1")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that medians are taken over, 3")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--database", action="append", choices=DATABASES, help="repeatable; both of them")
    asked = parser.parse_args()
    if unknown := set(asked.scenarios) - set(SCENARIOS):
        parser.error(f"no scenario called {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    asked.scenarios = asked.scenarios or list(SCENARIOS)
    asked.database = asked.database or list(DATABASES)
    return asked


def _machine(asked: argparse.Namespace) -> str:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores "
        f"({platform.machine()}), load at the end {load}; scale {asked.scale:g}, {asked.rounds} rounds, medians."
    )


if __name__ == "__main__":
    main()
