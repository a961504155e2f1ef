"""What the demo puts into its environment before the settings are read, so that it needs none of the reader's."""

import json
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent.parent
SANDBOX = "127.0.0.1:8765"


def prepare() -> None:
    """Keys made once and kept beside the data, the sandbox allowed as a WMS on this machine."""
    data = Path(os.environ.setdefault("PACKR_DATA_DIR", str(ROOT / "var")))
    data.mkdir(parents=True, exist_ok=True)
    for name, value in _keys(data / "demo-keys.json").items():
        os.environ.setdefault(name, value)
    allowed = os.environ.get("PACKR_PRIVATE_WMS_HOSTS", "")
    os.environ["PACKR_PRIVATE_WMS_HOSTS"] = ",".join(filter(None, [allowed, SANDBOX]))


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
