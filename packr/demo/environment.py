"""Sets the demo's environment before the settings are read, so that the user need not."""

import json
import os
import secrets
import socket
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent.parent
SANDBOX = "PACKR_DEMO_SANDBOX"  # host:port of the sandbox
USUAL_PORT = 8765


def prepare() -> None:
    """Create keys once, stored beside the data, and allow the sandbox as a private WMS host."""
    data = Path(os.environ.setdefault("PACKR_DATA_DIR", str(ROOT / "var")))
    data.mkdir(parents=True, exist_ok=True)
    for name, value in _keys(data / "demo-keys.json").items():
        os.environ.setdefault(name, value)
    os.environ[SANDBOX] = f"127.0.0.1:{_free_port()}"
    allowed = os.environ.get("PACKR_PRIVATE_WMS_HOSTS", "")
    os.environ["PACKR_PRIVATE_WMS_HOSTS"] = ",".join(filter(None, [allowed, os.environ[SANDBOX]]))


def _free_port() -> int:
    """Return the usual port, or any free one if that is taken."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(found.getsockname()[1])
    raise OSError("There is no free port on this machine.")


def _keys(kept: Path) -> dict[str, str]:
    if not kept.exists():
        made = {
            "PACKR_SECRET_KEY": secrets.token_urlsafe(50),
            "PACKR_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
        }
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(made))
    found: dict[str, str] = json.loads(kept.read_text())
    return found
