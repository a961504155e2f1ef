"""Answers of a WMS whose page is not written yet, kept in a file each while pages after it are fetched.

A worker that is killed then has lost up to three pages: one that is written, one that is read, one on its way. The
run's next worker, on the same machine, finds the first two here and asks for the third only. Elsewhere all are asked
for again.
"""

import contextlib
import logging
import time
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from integrations.http.recording import RecordedResponses
from integrations.http.responses import Answer

from ..models import SyncRun

log = logging.getLogger(__name__)

# An answer older than what every incremental reads again could say less than the mirror knows.
MAX_AGE = 15 * 60  # seconds


class _Answer(msgspec.Struct, array_like=True):
    status: int
    headers: dict[str, str]
    body: bytes
    clock: datetime | None


class _Page(msgspec.Struct, array_like=True):
    place: bytes
    told: dict[bytes, _Answer]


_decoder = msgspec.msgpack.Decoder(_Page)


def keep(run: SyncRun, cursor: Any, told: RecordedResponses) -> bool:
    """Keep what was answered at the place `cursor` of the run's walk.

    False when the disk does not take it; then nothing should be fetched ahead.
    """
    answers = {question: _Answer(one.status, dict(one.headers), one.body, one.clock) for question, one in told.items()}
    place = _place(run, cursor)
    file = _file(run, place)
    draft = file.with_suffix(".draft")
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        draft.write_bytes(msgspec.msgpack.encode(_Page(place, answers)))
        draft.replace(file)
    except OSError as error:
        log.warning("Run %s: its page can't be kept in %s (%s), so none is fetched ahead.", run.pk, file.parent, error)
        return False
    return True


def take(run: SyncRun, cursor: Any) -> RecordedResponses:
    """What was answered at this place of the run's walk to a worker that did not live to write it; else nothing."""
    place = _place(run, cursor)
    file = _file(run, place)
    try:
        if time.time() - file.stat().st_mtime > MAX_AGE:
            return {}
        page = _decoder.decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("Run %s: the answers kept for it can't be read (%s); they are asked for again.", run.pk, error)
        return {}
    if page.place != place:
        return {}
    return {question: Answer(one.status, one.headers, one.body, one.clock) for question, one in page.told.items()}


def drop(run: SyncRun, cursor: Any) -> None:
    """Forget what was kept of this place: it is written, or will be asked for again."""
    with contextlib.suppress(OSError):  # what stays is never taken for another place, and swept away
        _file(run, _place(run, cursor)).unlink()


def delete_leftovers() -> None:
    """Remove what killed workers left and no run came back for."""
    for file in _folder().glob("*"):
        with contextlib.suppress(FileNotFoundError):  # its run has ended this moment
            if time.time() - file.stat().st_mtime > MAX_AGE:
                file.unlink()


def _place(run: SyncRun, cursor: Any) -> bytes:
    """One place of one run's walk; another database may have a run of the same number."""
    place = [run.connection.base_url, run.connection.account_key, run.created_at, cursor]
    return blake2b(msgspec.json.encode(place, order="sorted"), digest_size=16).digest()


def _file(run: SyncRun, place: bytes) -> Path:
    return _folder() / f"{run.pk}-{place[:4].hex()}"


def _folder() -> Path:
    folder: Path = settings.DATA_DIR / "spool"
    return folder
