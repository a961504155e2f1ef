"""Files with the responses of pages that are not written yet, kept while later pages are fetched.

A killed worker loses up to three pages: the one being written, the one being parsed and the one being requested. The
run's next worker on the same machine finds the first two here and requests the third only. On another machine it
requests all three again.
"""

import contextlib
import logging
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from integrations.http.recording import RecordedResponses

from ..models import SyncRun

log = logging.getLogger(__name__)

# Older responses could be older than the mirror: every incremental run reads this far back.
MAX_AGE_SECONDS = 15 * 60

_encoder = msgspec.msgpack.Encoder(enc_hook=dict)  # headers are a mapping that only dict() can convert
_decoder = msgspec.msgpack.Decoder(tuple[bytes, RecordedResponses])


def keep(run: SyncRun, cursor: Any, responses: RecordedResponses) -> bool:
    """Store the responses of the page at `cursor`. Return False if the disk fails; then fetch no page ahead."""
    page_key = _page_key(run, cursor)
    file = _file(run, page_key)
    draft = file.with_suffix(".draft")
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        draft.write_bytes(_encoder.encode((page_key, responses)))
        draft.replace(file)
    except OSError as error:
        log.warning("Run %s: can't write to %s (%s), so no pages are fetched ahead.", run.pk, file.parent, error)
        return False
    return True


def take(run: SyncRun, cursor: Any) -> RecordedResponses:
    """Return the responses that a killed worker left for the page at `cursor`, or nothing."""
    page_key = _page_key(run, cursor)
    file = _file(run, page_key)
    try:
        if time.time() - file.stat().st_mtime > MAX_AGE_SECONDS:
            return {}
        stored_key, responses = _decoder.decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("Run %s: can't read its stored responses (%s); they are requested again.", run.pk, error)
        return {}
    return responses if stored_key == page_key else {}


def drop(run: SyncRun, cursor: Any) -> None:
    """Delete the responses of the page at `cursor`."""
    with contextlib.suppress(OSError):  # a file that stays matches no other page and is deleted later
        _file(run, _page_key(run, cursor)).unlink()


def delete_leftovers() -> None:
    """Delete expired files of killed workers."""
    for file in _folder().glob("*"):
        with contextlib.suppress(FileNotFoundError):  # its run has just ended
            if time.time() - file.stat().st_mtime > MAX_AGE_SECONDS:
                file.unlink()


def _page_key(run: SyncRun, cursor: Any) -> bytes:
    """Return a key of the run and the cursor. Another database may have a run with the same number."""
    key = [run.connection.base_url, run.connection.account_key, run.created_at, cursor]
    return blake2b(msgspec.json.encode(key, order="sorted"), digest_size=16).digest()


def _file(run: SyncRun, page_key: bytes) -> Path:
    return _folder() / f"{run.pk}-{page_key[:4].hex()}"


def _folder() -> Path:
    folder: Path = settings.DATA_DIR / "spool"
    return folder
