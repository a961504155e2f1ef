"""A virtual environment per peer, created when missing, since their packages must not mix with Packr's."""

import subprocess
import sys
import venv
from pathlib import Path

from .databases import VAR

PACKAGES = {
    "dlt": ["dlt[postgres]==1.31.0"],
    "meltanolabs": ["meltanolabs-target-postgres==0.8.1"],
    "pipelinewise": ["pipelinewise-target-postgres==2.1.2"],
}


class Unavailable(Exception):
    """A peer that can't be installed here; the text is pip's."""


def python_of(peer: str) -> str:
    """Return the Python to run a peer with: its environment's, or this one."""
    if peer not in PACKAGES:
        return sys.executable
    folder = VAR / "venvs" / peer
    ready = folder / ".ready"
    if not ready.exists():
        venv.create(folder, with_pip=True)
        _install(folder, PACKAGES[peer])
        ready.touch()
    return str(folder / "bin" / "python")


def _install(folder: Path, packages: list[str]) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise Unavailable("; ".join(errors[-3:]) or done.stderr[-500:])
