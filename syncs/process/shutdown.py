"""Whether this process tree has been asked to stop: shared with every worker forked after the import."""

from multiprocessing import Value

_asked = Value("b", 0)


def request(stop: bool = True) -> None:
    """Tell all workers to end after the page in hand."""
    _asked.value = int(stop)


def is_requested() -> bool:
    return bool(_asked.value)
