"""The WMS as a process, as seen by the harness."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


class WmsProcess:
    """A running `benchmarks.wms`; leaving the context ends it. Keyword arguments are sizes: `inventory=200_000`.

    `url` is its address, `host` the host:port for PACKR_PRIVATE_WMS_HOSTS.
    """

    def __init__(self, *, latency_ms: float = 0, **sizes: int) -> None:
        given = [f"--size={kind.replace('_', '-')}={size}" for kind, size in sizes.items()]
        command = [sys.executable, "-m", "benchmarks.wms", f"--latency-ms={latency_ms}", *given]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        port = self.process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the benchmarks' WMS did not start; what it said is above")
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def control(self, command: str, **asked: Any) -> dict[str, Any]:
        """Send one command; the module `wms` lists them."""
        request = urllib.request.Request(f"{self.url}/_control/{command}", json.dumps(asked).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    @staticmethod
    def credentials(account: int = 1) -> dict[str, str]:
        """Return the Trackstar credentials of one of its accounts."""
        return {"api_key": "bench", "access_token": f"bench-{account}"}
