"""The rows that a full run did not see, and whether they may be removed."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from integrations.entities import Entity
from packr.warehouse.mirror.schema import TABLES

from ..models import COMPLETE, EntitySchedule, Mode, State, SyncRun
from ..runs import seen_keys

EMPTY_LIST_CONFIRMED_AFTER = timedelta(minutes=15)
ROWS_PER_QUERY = 10_000


@dataclass(frozen=True)
class RemovalCheck:
    """Whether missing rows may be removed. If `state` is set they may not, and the run ends in that state.

    `held` counts the pending removals.
    """

    state: State | None = None
    message: str = ""
    held: int = 0


REMOVAL_ALLOWED = RemovalCheck()


def check_removals(run: SyncRun) -> RemovalCheck:
    """Return whether the missing rows may be removed after a recheck of each."""
    check = unexpected_empty_list(run)
    if check.state:
        return check
    present = _expected_rows(run).count()
    released = set(_missing(run.releases)) if run.releases and seen_keys.has_keys(run.releases) else set()
    missing = sum(1 for row in _missing(run) if row not in released)
    if not _exceeds_removal_limit(run, missing, present):
        return REMOVAL_ALLOWED
    return RemovalCheck(
        State.NEEDS_REVIEW,
        f"{missing} of {present} records were missing from the WMS’s list. That exceeds the removal limit, so nothing "
        "was removed. An admin or support needs to review the list, then release the removals or keep the records.",
        held=sum(1 for _ in _missing(run)),
    )


def _exceeds_removal_limit(run: SyncRun, missing: int, present: int) -> bool:
    limits = EntitySchedule.objects.filter(connection=run.connection_id, entity=run.entity)
    percent, max_rows = limits.values_list("brake_percent", "brake_rows").get()
    return missing > max_rows and missing * 100 > percent * present


def unexpected_empty_list(run: SyncRun) -> RemovalCheck:
    """Return a check that forbids removals if a run that reads the whole list unexpectedly found nothing."""
    if run.seen or run.since is not None or run.mode == Mode.WINDOW or _was_empty_before(run):
        return REMOVAL_ALLOWED
    present = _expected_rows(run).count()
    if not present:
        return REMOVAL_ALLOWED
    return RemovalCheck(
        State.PARTIAL,
        f"The WMS’s list was empty, but Packr has {present} records. Nothing was removed. If the list is still empty "
        "when Packr reads it again, at least 15 minutes from now, the records are removed.",
    )


def rows(run: SyncRun, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Return the next missing rows behind the row key `after`: (key, external id)."""
    return list(islice(_missing(run, after), limit))


def _expected_rows(run: SyncRun) -> QuerySet[Any]:
    """Return the rows that the run should have seen: of history entities, those created after the history start."""
    model = TABLES[Entity(run.entity)].model
    rows = model.objects.present().filter(connection=run.connection_id)
    return rows.filter(created_at__gt=run.border) if run.border else rows


def _missing(run: SyncRun, after: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the rows that the run did not see, in order of their keys, except rows changed since the run began."""
    rows = _expected_rows(run)
    if run.started_at is not None:
        rows = rows.filter(changed_at__lt=run.started_at)
    parts: Sequence[array[int]] = ()
    while known := list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:ROWS_PER_QUERY]):
        parts = parts or seen_keys.parts(run)  # a first sync has millions of keys and no rows to compare
        absent = set(known)
        for part in parts:
            absent.difference_update(part[bisect_left(part, known[0]) : bisect_right(part, known[-1])])
        if absent:
            yield from rows.filter(pk__in=absent).order_by("pk").values_list("pk", "external_id")
        after = known[-1]


def _was_empty_before(run: SyncRun) -> bool:
    """Return whether an earlier run, long enough ago, found the list empty and no run since found records."""
    assert run.started_at is not None
    earlier = SyncRun.objects.filter(
        connection=run.connection_id, entity=run.entity, since=None, state__in=COMPLETE, pk__lt=run.pk
    ).exclude(mode=Mode.WINDOW)
    full = earlier.filter(seen__gt=0).order_by("-pk").values_list("pk", flat=True).first()
    empty = earlier.filter(seen=0, pk__gt=full or 0, completed_at__lte=run.started_at - EMPTY_LIST_CONFIRMED_AFTER)
    return empty.exists()
