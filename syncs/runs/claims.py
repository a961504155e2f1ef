"""Claiming runs: the lease of a lane, its token, and the fence that keeps out a worker that has lost it."""

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


class LeaseLost(Exception):
    """Another worker holds the lane; nothing more may be written."""


class RunEnded(Exception):
    """The run was ended elsewhere."""


class RunCancelled(Exception):
    """The run is to be cancelled."""


@dataclass(frozen=True)
class Claim:
    """A run that a worker has claimed. It owns the account as long as the lane has this token."""

    run: SyncRun
    token: UUID
    checkpoint: Checkpoint | None


def claim(*, connection: Connection | None = None) -> Claim | None:
    """Claim the most urgent ready run and its lane. Return None if there is nothing to do."""
    moment = now()
    for _ in range(MAX_CLAIM_ATTEMPTS):
        with transaction.atomic():
            found = sql.next_ready(moment, connection.pk if connection else None)
            token = _lease(*found, moment) if found else None
        if found is None:
            return None
        if token:
            # Read only now: before the lane was leased, another worker may still have written a page.
            run, checkpoint = sql.get_claimed_run(found[0])
            return Claim(run, token, checkpoint)
    return None


def release(claimed: Claim) -> None:
    """Give the lane back."""
    sql.set_lease_end(claimed.run.lane_id, claimed.token, None)


def fence(claimed: Claim) -> None:
    """Renew the lease, as the first statement of everything a worker writes.

    Raises LeaseLost if another worker holds the lane.
    """
    if not sql.set_lease_end(claimed.run.lane_id, claimed.token, _lease_end()):
        raise LeaseLost


def reason_not_to_write(run: SyncRun) -> RunEnded | RunCancelled:
    """Return why a claimed run can no longer be written."""
    is_cancelled = SyncRun.objects.filter(pk=run.pk, state=State.RUNNING, cancel_asked=True).exists()
    return RunCancelled() if is_cancelled else RunEnded()


def _lease(run_id: int, lane_id: int, moment: datetime) -> UUID | None:
    """Lease a lane and start its run. Return the token, or None if another worker was faster."""
    token = uuid4()
    worker = f"{socket.gethostname()}:{os.getpid()}"[:100]
    if not sql.take_lease(lane_id, token, _lease_end(), worker, moment):
        return None
    if not sql.mark_running(run_id, moment):
        sql.set_lease_end(lane_id, token, None)
        return None
    return token


def _lease_end() -> datetime:
    return now() + timedelta(seconds=settings.LEASE_SECONDS)
