"""Rejected records: kept with their reason until a later version is accepted, and read again on request."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.timezone import now

from integrations.clients import open_client
from integrations.connectors.base import Page, Rejected
from integrations.entities import Entity
from integrations.errors import ConnectorError
from integrations.models import Connection
from packr.warehouse.mirror import writer
from packr.warehouse.models.change_causes import Cause, CauseKind

from ..models import RejectedRecord, SyncRun

READ_AGAIN = Cause(CauseKind.POINT_REFRESH, text="Read again on request, after it was rejected")


def keep(run: SyncRun, rejected: Sequence[Rejected], accepted: Sequence[str], moment: datetime) -> bool:
    """Store the rejected records of a page and delete accepted ones by id. Return whether any are stored now."""
    known = RejectedRecord.objects.filter(connection=run.connection_id, entity=run.entity)
    known.filter(external_id__in=accepted).delete()
    new = {(record.external_id or "", record.reason): record.excerpt for record in rejected}
    again = [
        row
        for row in known.filter(external_id__in={external_id for external_id, _ in new})
        if (row.external_id, row.reason) in new
    ]
    for row in again:
        row.excerpt = new.pop((row.external_id, row.reason), row.excerpt)
        row.run, row.last_seen_at = run, moment
    RejectedRecord.objects.bulk_update(again, ["excerpt", "run", "last_seen_at"])
    RejectedRecord.objects.bulk_create(
        RejectedRecord(
            connection=run.connection,
            entity=run.entity,
            external_id=external_id,
            reason=reason,
            excerpt=excerpt,
            run=run,
            last_seen_at=moment,
        )
        for (external_id, reason), excerpt in new.items()
    )
    return known.exists()


@dataclass
class RetryResult:
    """The outcome of reading rejected records again: stored, gone from the WMS, or still rejected or not requested."""

    stored: int = 0
    gone: int = 0
    still: int = 0
    trouble: str = ""


def retry(rejected: Iterable[RejectedRecord]) -> RetryResult:
    """Read rejected records again. Store those that are accepted now and delete their rejections.

    `trouble` is the message of a WMS that did not respond; its records stay rejected.
    """
    groups: dict[tuple[Connection, Entity], list[RejectedRecord]] = defaultdict(list)
    for record in rejected:
        groups[record.connection, Entity(record.entity)].append(record)
    outcome = RetryResult()
    for (connection, entity), records in groups.items():
        try:
            _retry(connection, entity, records, outcome)
        except ConnectorError as error:
            outcome.trouble = error.message
    return outcome


def _retry(connection: Connection, entity: Entity, rejected: Sequence[RejectedRecord], outcome: RetryResult) -> None:
    resource = connection.connector.resources.get(entity)
    ids = sorted({record.external_id for record in rejected if record.external_id})
    if not connection.is_live or resource is None or resource.lookup is None:
        outcome.still += len(rejected)
        return
    client = open_client(connection)
    try:
        for start in range(0, len(ids), resource.lookup_size):
            batch = ids[start : start + resource.lookup_size]
            _store_found(connection, entity, batch, resource.lookup(client, batch), outcome)
    finally:
        client.close()
    outcome.still += sum(1 for record in rejected if not record.external_id)


def _store_found(connection: Connection, entity: Entity, ids: Sequence[str], found: Page, outcome: RetryResult) -> None:
    stored = {str(record.external_id) for record in found.records}
    still = {record.external_id for record in found.rejected} & set(ids)
    with transaction.atomic():
        writer.apply(connection.pk, entity, found.records, now=now(), cause=READ_AGAIN)
        settled = RejectedRecord.objects.filter(connection=connection, entity=entity, external_id__in=set(ids) - still)
        settled.delete()
    outcome.stored += len(stored & set(ids))
    outcome.still += len(still)
    outcome.gone += len(set(ids) - stored - still)
