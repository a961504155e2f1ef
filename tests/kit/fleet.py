"""The fleet simulator as a process, for tests of its output."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.kit.processes import ROOT
from tests.servers import postgres_url


def fleet(folder: Path, *options: str, lease: int = 60) -> list[dict[str, Any]]:
    """Run it on the tests' PostgreSQL and return the figures of each phase. It keeps its files in `folder`."""
    told = {"PACKR_BENCH_POSTGRES": postgres_url(), "PACKR_DATA_DIR": str(folder), "PACKR_LEASE_SECONDS": str(lease)}
    # The environment of this process has test settings.
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PACKR_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet", "--json", *options],
        cwd=ROOT, env=outside | told, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    phases: list[dict[str, Any]] = json.loads(done.stdout)
    return phases
