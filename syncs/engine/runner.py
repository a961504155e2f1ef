"""The engine: one slice of one run at a time.

Whatever is killed, whenever, at most one page is fetched again. A run goes through its phases: read the pages, then
(when it is full) look once more at what came back older and at what was absent, then work out what is derived from
what changed, and end.
"""

import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.utils.timezone import now

from integrations.errors import CONTACT_SUPPORT, ConnectorError, CursorExpired, Kind
from integrations.http.client import Client
from integrations.models import Connection

from ..models import Mode, Phase, State, SyncRun
from ..process import shutdown
from ..runs import seen_keys
from ..runs.cadence import NIGHTLY_OVERLAP
from ..runs.claims import MAX_CLAIMS, Claim, LeaseLost, RunCancelled, RunEnded, fence, release
from ..runs.enqueue import PERSON_KEEPS_LEAD
from . import client_pool, failures, post_processing, recheck
from .page_reader import read_pages
from .run_slice import RunSlice

log = logging.getLogger(__name__)

MAX_WINDOW_RESTARTS = 3
# How much later than the WMS's clock a stamp may be for an incremental to ask for it: clocks are rounded, and a WMS
# has more than one. What is stamped later still is read by the next one or, in the end, by the nightly wide one.
CLOCK_LEEWAY = timedelta(minutes=1)


def work(claimed: Claim) -> None:
    """Do one slice of a claimed run and give the lane back. Ends in a state of the table, whatever happens."""
    try:
        _work(claimed)
    except LeaseLost:
        log.info("Run %s: the lease is another worker's by now; nothing was written.", claimed.run.pk)
        return
    except (RunEnded, SyncRun.DoesNotExist, Connection.DoesNotExist):
        log.info("Run %s has ended by another hand.", claimed.run.pk)
    release(claimed)


def _work(claimed: Claim) -> None:
    if claimed.run.claims > MAX_CLAIMS:
        return failures.fail_stuck(claimed)
    try:
        if claimed.run.cancel_asked:
            raise RunCancelled
        _run_slice(RunSlice(claimed))
    except (LeaseLost, RunEnded, SyncRun.DoesNotExist, Connection.DoesNotExist):
        raise
    except RunCancelled:
        with transaction.atomic():
            fence(claimed)
            failures.end_cancelled(claimed.run)
    except ConnectorError as error:
        failures.handle(claimed, error)
    except (OperationalError, InterfaceError):
        # A deadlock, a restarted database: the page in hand was rolled back, and the next claim reads it again.
        log.exception("Run %s: the database failed; the run goes on from its last page.", claimed.run.pk)
    except Exception:  # the edge of a run: a fault of ours must not leave it running for ever
        log.exception("Run %s ended by a fault of Packr's own.", claimed.run.pk)
        failures.fail_internal_error(claimed)
    return None


def _run_slice(turn: RunSlice) -> None:
    client = client_pool.take(turn.connection)
    turn.meter(client)
    try:
        if turn.is_new:
            _begin(turn, client)
        _phases(turn, client)
    except CursorExpired as error:
        _start_window_again(turn, error)
    except BaseException:
        turn.store_request_count()
        client.close()
        raise
    client_pool.give_back(turn.connection, client)


def _begin(turn: RunSlice, client: Client) -> None:
    """What a run will ask, fixed before it asks for the first time."""
    run = turn.run
    if run.mode == Mode.FULL:
        run.border = turn.connection.border if turn.entity.is_history else None
    elif run.mode == Mode.INCREMENTAL and turn.resource.incremental:
        wide_at = turn.schedule.next_wide_at
        is_wide = wide_at is not None and wide_at <= now()
        run.since = _since(turn, is_wide=is_wide)
        if run.since and not is_wide and client.clock_ahead is not None:
            run.until = now() + client.clock_ahead + CLOCK_LEEWAY


def _since(turn: RunSlice, *, is_wide: bool) -> datetime | None:
    """From when on an incremental asks: the watermark less the overlap, once a night less a wide one."""
    overlap = turn.resource.overlap
    watermark = turn.schedule.watermark
    return watermark - (max(NIGHTLY_OVERLAP, overlap) if is_wide else overlap) if watermark else None


def _phases(turn: RunSlice, client: Client) -> None:
    while not shutdown.is_requested():
        _go_on(turn, client)
        if not turn.run.is_active:
            return None
        if turn.gives_way():  # asked only now: however short a slice is, it gets somewhere
            break
    return _requeue(turn)


def _go_on(turn: RunSlice, client: Client) -> None:
    match turn.checkpoint.phase:
        case Phase.READ:
            read_pages(turn, client)
        case Phase.RECHECK_STALE:
            if not recheck.recheck_stale(turn, client):
                _enter(turn, Phase.RECHECK_MISSING)
        case Phase.POST_PROCESS:
            post_processing.process_portion(turn)
        case _:
            recheck.recheck_missing(turn, client)


def _enter(turn: RunSlice, phase: Phase) -> None:
    with turn.writing():
        turn.checkpoint.phase, turn.checkpoint.cursor = phase, None


def _requeue(turn: RunSlice) -> None:
    """Let others go first; a run that a person waits for goes on before what the clock wants."""
    moment = now()
    urgency = moment - PERSON_KEEPS_LEAD if turn.run.requested_by_id else moment
    with transaction.atomic():
        fence(turn.claimed)
        SyncRun.objects.filter(pk=turn.run.pk, state=State.RUNNING).update(
            ready_at=moment, urgency=urgency, claims=0, beat_at=moment
        )


def _start_window_again(turn: RunSlice, error: CursorExpired) -> None:
    """The WMS forgot where the walk stood: read its window again; what was applied stays."""
    if turn.checkpoint.restarts >= MAX_WINDOW_RESTARTS:
        raise ConnectorError(
            Kind.CONTRACT,
            f"{error.fact} Packr started the list again {MAX_WINDOW_RESTARTS} times without success.",
            CONTACT_SUPPORT,
            detail=error.detail,
        ) from error
    with turn.writing():
        seen_keys.delete_pages(turn.run)
        checkpoint = turn.checkpoint
        checkpoint.phase, checkpoint.restarts = Phase.READ, checkpoint.restarts + 1
        checkpoint.cursor = checkpoint.clock = checkpoint.newest = None
