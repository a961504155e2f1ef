"""The history is kept for a while: what is older goes, and of a record that changes all the time all but the newest.

The oldest change that is left says what was before it, so the values are still told right.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from ..models import RecordChange

KEPT = timedelta(days=90)
MOST_OF_A_RECORD = 1_000
BATCH = 500  # entries, or records, in one transaction
# Only what changed lately can have too long a history: a few times as long as lies between two prunings.
LATELY = timedelta(hours=6)


def prune(now: datetime, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Remove what is no longer kept, in small batches while it `goes_on`; returns how many entries."""
    removed = 0
    for batch in (_oldest, _too_many):
        count = BATCH
        while count and goes_on():
            count = batch(now)
            removed += count
    return removed


def _oldest(now: datetime) -> int:
    old = RecordChange.objects.filter(seen_at__lt=now - KEPT).order_by("seen_at").values_list("pk", flat=True)
    with transaction.atomic():
        return RecordChange.objects.filter(pk__in=list(old[:BATCH])).delete()[0]


def _too_many(now: datetime) -> int:
    newest = _of_record(OuterRef("connection"), OuterRef("entity"), OuterRef("row_id")).order_by("-pk").values("pk")
    surplus = Subquery(newest[MOST_OF_A_RECORD : MOST_OF_A_RECORD + 1])
    lately = RecordChange.objects.filter(seen_at__gte=now - LATELY).annotate(surplus=surplus)
    found = lately.exclude(surplus=None).order_by().values_list("connection", "entity", "row_id", "surplus").distinct()
    with transaction.atomic():
        return sum(_of_record(*record).filter(pk__lte=last).delete()[0] for *record, last in found[:BATCH])


def _of_record(connection: Any, entity: Any, row_id: Any) -> QuerySet[RecordChange, RecordChange]:
    return RecordChange.objects.filter(connection=connection, entity=entity, row_id=row_id)
