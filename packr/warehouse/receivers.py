"""Receivers of the signals of connections."""

from typing import Any

from django.db import connection as database
from django.dispatch import receiver

from integrations.entities import Entity
from integrations.models import Connection
from integrations.signals import connection_deleted, record_counts_requested

from .mirror.schema import TABLES, Table
from .models import KitPart


@receiver(record_counts_requested)
def count_records(connection: Connection, **kwargs: Any) -> dict[Entity, int]:
    """Return how many records of each entity the mirror has of a connection, including removed ones."""
    counts = {
        entity: table.model._default_manager.filter(connection=connection).count() for entity, table in TABLES.items()
    }
    return {entity: count for entity, count in counts.items() if count}


@receiver(connection_deleted)
def delete_rows(connection: Connection, **kwargs: Any) -> None:
    """Delete a connection's rows by plain SQL; Django would load every row to find dependent ones."""
    KitPart.objects.filter(connection=connection).delete()
    for table in TABLES.values():
        _delete(table, connection.pk)


def _delete(table: Table, connection_id: int) -> None:
    name = table.model._meta.db_table
    rows = f"FROM {name} WHERE connection_id = %s"
    with database.cursor() as cursor:
        for lines in table.lines:
            line = lines.model._meta.db_table
            cursor.execute(f"DELETE FROM {line} WHERE {lines.parent} IN (SELECT id {rows})", [connection_id])
        cursor.execute(f"DELETE {rows}", [connection_id])
