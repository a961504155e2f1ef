"""Idempotency keys as in Trackstar's guides of 2026."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

from .account import SandboxAccount
from .http_types import SandboxAnswer, SandboxRequest, body_object, refusal

DAY = 86_400
# After this many seconds, a running attempt counts as dead.
STUCK = 15 * 60


@dataclass
class Attempt:
    """One use of an idempotency key."""

    fingerprint: str
    begun: float
    answer: SandboxAnswer | None = None


_attempts = threading.Lock()


def once(account: SandboxAccount, request: SandboxRequest, write: Callable[[], SandboxAnswer]) -> SandboxAnswer:
    """Run a write under its Idempotency-Key, which is kept for a day, scoped to the connection."""
    key = request.headers.get("idempotency-key")
    if not key:
        return write()
    if len(key) > 255:
        raise refusal(400, "Idempotency-Key may have at most 255 characters")
    fingerprint = json.dumps([request.method, request.path, body_object(request)], sort_keys=True)
    now = account.clock()
    with _attempts:
        attempt: Attempt | None = account.answers.get(key)
        if attempt is not None and now - attempt.begun < (DAY if attempt.answer else STUCK):
            return _again(attempt, fingerprint)
        account.answers[key] = mine = Attempt(fingerprint, now)
    try:
        mine.answer = write()
    finally:
        # An attempt that ended in an error releases its key.
        if mine.answer is None and account.answers.get(key) is mine:
            del account.answers[key]
    return mine.answer


def _again(attempt: Attempt, fingerprint: str) -> SandboxAnswer:
    if attempt.fingerprint != fingerprint:
        raise refusal(400, "Idempotency-Key was already used with another request")
    if attempt.answer is None:
        raise refusal(409, "A request with this Idempotency-Key is still running")
    return SandboxAnswer(attempt.answer.status, attempt.answer.value, headers={"Idempotent-Replayed": "true"})
