"""Taking runs: the claim with its lease and token, and the fence that keeps out whoever has lost it."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from integrations.models import Connection

from ..models import Checkpoint, State, SyncRun
from . import sql

MAX_CLAIMS = 5
MAX_CLAIM_ATTEMPTS = 5


@dataclass(frozen=True)
class Claim:
    """A run in a worker's hands: until `token` is no longer the lane's, nobody else touches the account."""

    run: SyncRun
    token: UUID
    checkpoint: Checkpoint | None


def lease_end() -> datetime:
    """When a lease taken or renewed now ends."""
    return now() + timedelta(seconds=settings.LEASE_SECONDS)


def claim(*, connection: Connection | None = None) -> Claim | None:
    """Take the lane with the most urgent ready run, and that run. None when there is nothing to do."""
    moment = now()
    for _ in range(MAX_CLAIM_ATTEMPTS):
        with transaction.atomic():
            found = sql.next_ready(moment, connection.pk if connection else None)
            token = _take(*found, moment) if found else None
        if found is None:
            return None
        if token:
            # Only now: what was read before the lane was taken may be from before another worker's last page.
            run, checkpoint = sql.get_claimed_run(found[0])
            return Claim(run, token, checkpoint)
    return None


def _take(run_id: int, lane_id: int, moment: datetime) -> UUID | None:
    """Take a run and its lane; None when another worker was faster."""
    token = uuid4()
    worker = f"{socket.gethostname()}:{os.getpid()}"[:100]
    if not sql.take_lease(lane_id, token, lease_end(), worker, moment):
        return None
    if not sql.mark_running(run_id, moment):
        sql.set_lease_end(lane_id, token, None)
        return None
    return token


def release(claimed: Claim) -> None:
    """Give the lane back."""
    sql.set_lease_end(claimed.run.lane_id, claimed.token, None)


class LeaseLost(Exception):
    """Another worker has the lane by now: nothing more may be written."""


class RunEnded(Exception):
    """The run has ended by another hand: nothing more is to be done for it."""


class RunCancelled(Exception):
    """A person asked for the run to be cancelled."""


def fence(claimed: Claim) -> None:
    """Renew the lease; LeaseLost when it is another's. First statement of everything a worker writes."""
    if not sql.set_lease_end(claimed.run.lane_id, claimed.token, lease_end()):
        raise LeaseLost


def reason_not_to_write(run: SyncRun) -> RunEnded | RunCancelled:
    """Why a run that a worker holds may not be written to."""
    asked = SyncRun.objects.filter(pk=run.pk, state=State.RUNNING, cancel_asked=True).exists()
    return RunCancelled() if asked else RunEnded()
