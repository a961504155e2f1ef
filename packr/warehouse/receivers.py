"""What the mirror does about news of connections."""

from typing import Any

from django.db import connection as database
from django.dispatch import receiver

from integrations.models import Connection
from integrations.signals import connection_deleted

from .mirror.schema import TABLES, Table
from .models import KitPart


@receiver(connection_deleted)
def delete_rows(connection: Connection, **news: Any) -> None:
    """Delete a connection's rows where they lie: Django would load each of them to see what depends on it."""
    KitPart.objects.filter(connection=connection).delete()
    for table in TABLES.values():
        _delete(table, connection.pk)


def _delete(table: Table, connection_id: int) -> None:
    name = table.model._meta.db_table
    own = f"FROM {name} WHERE connection_id = %s"
    with database.cursor() as cursor:
        for lines in table.lines:
            line = lines.model._meta.db_table
            cursor.execute(f"DELETE FROM {line} WHERE {lines.parent} IN (SELECT id {own})", [connection_id])
        cursor.execute(f"DELETE {own}", [connection_id])
