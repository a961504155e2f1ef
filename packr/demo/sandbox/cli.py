"""The command line of the sandbox, shared by `python -m packr.demo.sandbox` and the Django command."""

import argparse
import signal
import sys
import time
from pathlib import Path

from .server import Sandbox


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1; 0 takes any free one")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same data")
    parser.add_argument("--orders", type=int, default=3000, help="orders in each account's history")
    parser.add_argument("--still", action="store_true", help="no simulated activity")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="load the data from this file, and save it there")
    parser.add_argument("--no-limit", action="store_true", help="no rate limit")


def serve(*, port: int, seed: int, orders: int, still: bool, no_limit: bool, keep: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises ValueError, with a sentence for the reader, if it can't start."""
    # Not an Event: a signal during the start of a wait would block on the event's lock forever.
    signals: list[int] = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, frame: signals.append(number))
    if orders < 0 or not 0 <= port <= 65_535:
        raise ValueError("--orders can't be negative, and --port is a number from 0 to 65535.")
    try:
        sandbox = Sandbox(port=port, seed=seed, orders=orders, still=still, limit=not no_limit, keep=keep)
    except OSError as error:
        raise ValueError(f"Port {port} can't be used ({error.strerror}); choose another with --port.") from error
    with sandbox:
        sys.stdout.write(f"Sandbox WMS is ready at {sandbox.url}\n")
        sys.stdout.flush()
        while not signals:
            time.sleep(0.1)
