"""Pruning the history: old entries, and all but the newest entries of a record that changes often.

The oldest entry that is left holds the values before it, so the history stays correct.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from ..models import RecordChange

RETENTION = timedelta(days=90)
MAX_ENTRIES_PER_RECORD = 1_000
BATCH_SIZE = 500  # entries or records per transaction
# Only records that changed recently can have too many entries. A few times the interval between two prunings.
RECENT = timedelta(hours=6)


def prune(now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Delete expired entries in small batches while `should_continue` returns True. Return the number deleted."""
    removed = 0
    for batch in (_oldest, _surplus):
        count = BATCH_SIZE
        while count and should_continue():
            count = batch(now)
            removed += count
    return removed


def _oldest(now: datetime) -> int:
    old = RecordChange.objects.filter(seen_at__lt=now - RETENTION).order_by("seen_at").values_list("pk", flat=True)
    with transaction.atomic():
        return RecordChange.objects.filter(pk__in=list(old[:BATCH_SIZE])).delete()[0]


def _surplus(now: datetime) -> int:
    newest = _of_record(OuterRef("connection"), OuterRef("entity"), OuterRef("row_id")).order_by("-pk").values("pk")
    surplus = Subquery(newest[MAX_ENTRIES_PER_RECORD : MAX_ENTRIES_PER_RECORD + 1])
    recent = RecordChange.objects.filter(seen_at__gte=now - RECENT).annotate(surplus=surplus)
    found = recent.exclude(surplus=None).order_by().values_list("connection", "entity", "row_id", "surplus").distinct()
    with transaction.atomic():
        return sum(_of_record(*record).filter(pk__lte=last).delete()[0] for *record, last in found[:BATCH_SIZE])


def _of_record(connection: Any, entity: Any, row_id: Any) -> QuerySet[RecordChange, RecordChange]:
    return RecordChange.objects.filter(connection=connection, entity=entity, row_id=row_id)
