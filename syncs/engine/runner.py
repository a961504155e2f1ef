"""Runs one slice of one run at a time.

A kill at any moment costs one page at most. A run goes through phases: read the pages; in a full run, recheck stale
records and missing rows; update derived data; end.
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
# An incremental run requests changes up to this long past the WMS's clock, since clocks are rounded and a WMS may have
# several. Later stamps are left to the next run or, at the latest, to the nightly overlap.
CLOCK_LEEWAY = timedelta(minutes=1)


def work(claimed: Claim) -> None:
    """Run one slice of a claimed run and give back the lane. Always leaves the run in a state of the table."""
    try:
        _work(claimed)
    except LeaseLost:
        log.info("Run %s: another worker holds the lease now; nothing was written.", claimed.run.pk)
        return
    except (RunEnded, SyncRun.DoesNotExist, Connection.DoesNotExist):
        log.info("Run %s was ended elsewhere.", claimed.run.pk)
    release(claimed)


def _work(claimed: Claim) -> None:
    if claimed.run.claims > MAX_CLAIMS:
        return failures.fail(claimed, failures.STUCK_MESSAGE)
    try:
        if claimed.run.cancel_asked:
            raise RunCancelled
        _run(RunSlice(claimed))
    except (LeaseLost, RunEnded, SyncRun.DoesNotExist, Connection.DoesNotExist):
        raise
    except RunCancelled:
        with transaction.atomic():
            fence(claimed)
            failures.end_cancelled(claimed.run)
    except ConnectorError as error:
        failures.handle(claimed, error)
    except (OperationalError, InterfaceError):
        # A deadlock or a database restart: the page in hand was rolled back, and the next claim reads it again.
        log.exception("Run %s: the database failed; the run resumes at its last page.", claimed.run.pk)
    except Exception:  # the edge of a run: an error in Packr must not leave the run active forever
        log.exception("Run %s ended with an internal error.", claimed.run.pk)
        failures.fail(claimed, failures.INTERNAL_ERROR_MESSAGE)
    return None


def _run(run_slice: RunSlice) -> None:
    client = client_pool.take(run_slice.connection)
    run_slice.count_requests(client)
    try:
        if run_slice.is_new:
            _choose_window(run_slice, client)
        _run_phases(run_slice, client)
    except CursorExpired as error:
        _restart_pass(run_slice, error)
    except BaseException:
        run_slice.store_request_count()
        client.close()
        raise
    client_pool.give_back(run_slice.connection, client)


def _choose_window(run_slice: RunSlice, client: Client) -> None:
    """Set what a run requests, before its first request."""
    run = run_slice.run
    if run.mode == Mode.FULL:
        run.border = run_slice.connection.border if run_slice.entity.is_history else None
    elif run.mode == Mode.INCREMENTAL and run_slice.resource.incremental:
        nightly_at = run_slice.schedule.next_wide_at
        is_nightly = nightly_at is not None and nightly_at <= now()
        run.since = _since(run_slice, is_nightly=is_nightly)
        if run.since and not is_nightly and client.clock_ahead is not None:
            run.until = now() + client.clock_ahead + CLOCK_LEEWAY


def _since(run_slice: RunSlice, *, is_nightly: bool) -> datetime | None:
    """Return the watermark minus the overlap, which is longer once a night."""
    overlap, watermark = run_slice.resource.overlap, run_slice.schedule.watermark
    return watermark - (max(NIGHTLY_OVERLAP, overlap) if is_nightly else overlap) if watermark else None


def _run_phases(run_slice: RunSlice, client: Client) -> None:
    while not shutdown.is_requested():
        _run_phase(run_slice, client)
        if not run_slice.run.is_active:
            return None
        if run_slice.should_yield():  # checked after the work, so that the shortest slice makes progress
            break
    return _requeue(run_slice)


def _run_phase(run_slice: RunSlice, client: Client) -> None:
    match run_slice.checkpoint.phase:
        case Phase.READ:
            read_pages(run_slice, client)
        case Phase.RECHECK_STALE:
            if not recheck.recheck_stale(run_slice, client):
                _begin_phase(run_slice, Phase.RECHECK_MISSING)
        case Phase.RECHECK_MISSING:
            recheck.recheck_missing(run_slice, client)
        case Phase.POST_PROCESS:
            post_processing.process_portion(run_slice)


def _begin_phase(run_slice: RunSlice, phase: Phase) -> None:
    with run_slice.writing():
        run_slice.checkpoint.phase, run_slice.checkpoint.cursor = phase, None


def _requeue(run_slice: RunSlice) -> None:
    """Let other runs go first. A run that a person waits for stays ahead of scheduled runs."""
    moment = now()
    urgency = moment - PERSON_KEEPS_LEAD if run_slice.run.requested_by_id else moment
    with transaction.atomic():
        fence(run_slice.claimed)
        SyncRun.objects.filter(pk=run_slice.run.pk, state=State.RUNNING).update(
            ready_at=moment, urgency=urgency, claims=0, beat_at=moment
        )


def _restart_pass(run_slice: RunSlice, error: CursorExpired) -> None:
    """Start the pass again, since the WMS no longer accepts its cursor. Written pages stay."""
    checkpoint = run_slice.checkpoint
    if checkpoint.restarts >= MAX_WINDOW_RESTARTS:
        raise ConnectorError(
            Kind.CONTRACT,
            f"{error.fact} Packr started the list again {MAX_WINDOW_RESTARTS} times without success.",
            CONTACT_SUPPORT,
            detail=error.detail,
        ) from error
    with run_slice.writing():
        seen_keys.delete_pages(run_slice.run)
        checkpoint.phase, checkpoint.restarts = Phase.READ, checkpoint.restarts + 1
        checkpoint.cursor = checkpoint.clock = checkpoint.newest = None
