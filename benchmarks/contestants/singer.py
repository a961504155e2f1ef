"""A Singer pipeline: our tap into a target for PostgreSQL, two processes per run. The option names the target.

Both targets have default settings. An order's lines stay in a JSON column, which saves a table.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Contestant:
    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.state: dict[str, Any] = {}
        self.errors = Path(setup["folder"]) / "target.log"
        self.config = Path(setup["folder"]) / "target.json"
        config = _pipelinewise if "pipelinewise" in setup["options"] else _meltanolabs
        self.config.write_text(json.dumps(config(setup["database"])))

    def sync(self, kind: str, full: bool) -> dict[str, Any]:
        """Run tap and target from start to end."""
        since = None if full else self.state.get(kind)
        asked = json.dumps({"url": self.setup["url"], "token": self.setup["token"], "kind": kind, "since": since})
        target = str(Path(self.setup["python"]).with_name("target-postgres"))
        with self.errors.open("wb") as errors:
            tap = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.contestants.tap", asked], stdout=subprocess.PIPE, stderr=errors
            )
            assert tap.stdout
            done = subprocess.run(
                [target, "--config", str(self.config)],
                stdin=tap.stdout,
                stdout=subprocess.PIPE,
                stderr=errors,
                check=False,
            )
            tap.stdout.close()
        if tap.wait() or done.returncode:
            raise RuntimeError(f"tap {tap.returncode}, target {done.returncode}: {self.errors.read_text()[-600:]}")
        for line in done.stdout.splitlines():
            self.state |= json.loads(line)
        return {}

    def rest(self) -> None:
        """Do nothing: the processes have ended."""


def _pipelinewise(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    return {
        "host": host,
        "port": parts.port or 5432,
        "user": parts.username,
        "password": parts.password,
        "dbname": parts.path.removeprefix("/"),
        "default_target_schema": "bench",
    }


def _meltanolabs(url: str) -> dict[str, Any]:
    return {
        "sqlalchemy_url": url.replace("postgresql:", "postgresql+psycopg:"),
        "default_target_schema": "bench",
        "load_method": "upsert",
    }
