"""What a full run did not see: which rows are missing, and whether that can be believed."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
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
    """How the run ends because of what is missing; an empty `state`: nothing speaks against removing it.

    `held` counts the removals that wait for a person.
    """

    state: str = ""
    message: str = ""
    held: int = 0


REMOVAL_ALLOWED = RemovalCheck()


def check_removals(run: SyncRun) -> RemovalCheck:
    """Whether the rows that are missing may be removed (after a second look at each)."""
    doubt = unexpected_empty_list(run)
    if doubt.state:
        return doubt
    present = _scope(run).count()
    released = set(_missing(run.releases)) if run.releases and seen_keys.has_keys(run.releases) else set()
    missing = sum(1 for row in _missing(run) if row not in released)
    if not _exceeds_removal_limit(run, missing, present):
        return REMOVAL_ALLOWED
    return RemovalCheck(
        State.NEEDS_REVIEW,
        f"{missing} of {present} records were not in the WMS's list. That is too many at once to be believed, so "
        "nothing was removed. An admin or support looks at the list and releases the removals, or keeps the records.",
        held=sum(1 for _ in _missing(run)),
    )


def _exceeds_removal_limit(run: SyncRun, missing: int, present: int) -> bool:
    """Whether so many missing rows at once need a person's word: more than a share and more than a few."""
    limits = EntitySchedule.objects.filter(connection=run.connection_id, entity=run.entity)
    percent, few = limits.values_list("brake_percent", "brake_rows").get()
    return missing > few and missing * 100 > percent * present


def unexpected_empty_list(run: SyncRun) -> RemovalCheck:
    """Whether a whole list that came back empty can be believed, in a full run or one that reads the list whole."""
    if run.seen or run.since is not None or run.mode == Mode.WINDOW or _was_empty_before(run):
        return REMOVAL_ALLOWED
    present = _scope(run).count()
    if not present:
        return REMOVAL_ALLOWED
    return RemovalCheck(
        State.PARTIAL,
        f"The WMS's list came back empty, though Packr knows {present} records. Nothing was removed. If the list "
        "is still empty when it is read again, at least 15 minutes from now, that is believed.",
    )


def rows(run: SyncRun, *, after: int, limit: int) -> list[tuple[int, str]]:
    """The next missing rows by row key: (key, external id)."""
    found: list[tuple[int, str]] = []
    for row in _missing(run, after):
        found.append(row)
        if len(found) == limit:
            break
    return found


def _scope(run: SyncRun) -> QuerySet[Any]:
    """The rows the walk should have seen: for history only those created after the border."""
    model = TABLES[Entity(run.entity)].model
    rows = model.objects.present().filter(connection=run.connection_id)
    return rows.filter(created_at__gt=run.border) if run.border else rows


def _missing(run: SyncRun, after: int = 0) -> Iterator[tuple[int, str]]:
    """The rows the walk did not see, by row key; what came into the mirror since the run began is none of them."""
    rows = _scope(run)
    if run.started_at is not None:
        rows = rows.filter(changed_at__lt=run.started_at)
    parts: Sequence[array[int]] = ()
    while known := list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:ROWS_PER_QUERY]):
        parts = parts or seen_keys.parts(run)  # not for a first load, which has nothing to compare and millions of keys
        absent = set(known)
        for part in parts:
            absent.difference_update(part[bisect_left(part, known[0]) : bisect_right(part, known[-1])])
        if absent:
            yield from rows.filter(pk__in=absent).order_by("pk").values_list("pk", "external_id")
        after = known[-1]


def _was_empty_before(run: SyncRun) -> bool:
    """Whether the list was found empty long enough ago, and never since otherwise."""
    assert run.started_at is not None
    earlier = SyncRun.objects.filter(
        connection=run.connection_id, entity=run.entity, since=None, state__in=COMPLETE, pk__lt=run.pk
    ).exclude(mode=Mode.WINDOW)
    full = earlier.filter(seen__gt=0).order_by("-pk").values_list("pk", flat=True).first()
    empty = earlier.filter(seen=0, pk__gt=full or 0, completed_at__lte=run.started_at - EMPTY_LIST_CONFIRMED_AFTER)
    return empty.exists()
