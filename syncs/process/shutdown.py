"""Whether this process tree was asked to stop. Shared with every worker that is forked after the import."""

from multiprocessing import Value

_requested = Value("b", 0)


def request(stop: bool = True) -> None:
    """Let all workers end after their current page."""
    _requested.value = int(stop)


def is_requested() -> bool:
    return bool(_requested.value)
