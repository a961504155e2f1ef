"""The statements of the writer, on SQLite and on PostgreSQL.

A handful of rows goes by plain upserts on both; on PostgreSQL a page goes by COPY into a temporary table and one merge.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection as database
from django.db.models import Model

from integrations.models import Connection

from .models import Mirrored, Order, OrderShipment
from .tables import Lines, Table

HANDFUL = 50
BASE = (
    "connection_id",
    "external_id",
    "created_at",
    "updated_at",
    "version_at",
    "digest",
    "record",
    "change_no",
    "changed_at",
    "removed_at",
)
# A version that is older than the row's must not win, whoever wrote the row since its digest was read.
NOT_OLDER = """
    WHERE NOT COALESCE(CASE
        WHEN excluded.version_at IS NOT NULL AND {table}.version_at IS NOT NULL
        THEN excluded.version_at < {table}.version_at
        ELSE excluded.updated_at < {table}.updated_at END, FALSE)"""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a row before it is written."""

    id: int
    digest: bytes
    updated_at: datetime | None
    version_at: datetime | None
    removed: bool
    changed_at: datetime


def stored(model: type[Mirrored], connection_id: int, external_ids: Sequence[str]) -> dict[str, Stored]:
    """The rows of these ids, removed ones included."""
    rows = model.objects.filter(connection_id=connection_id, external_id__in=external_ids)
    fields = ("external_id", "id", "digest", "updated_at", "version_at", "removed_at", "changed_at")
    return {
        external_id: Stored(id_, bytes(digest), updated_at, version_at, removed_at is not None, changed_at)
        for external_id, id_, digest, updated_at, version_at, removed_at, changed_at in rows.values_list(*fields)
    }


def keys(model: type[Mirrored], connection_id: int, external_ids: Sequence[str]) -> dict[str, int]:
    """The row keys of these ids."""
    if not external_ids:
        return {}
    rows = model.objects.filter(connection_id=connection_id, external_id__in=external_ids)
    return dict(rows.values_list("external_id", "id"))


def bodies(model: type[Mirrored], row_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """The stored records of these rows."""
    return dict(model.objects.filter(id__in=row_ids).values_list("id", "record"))


def upsert(table: Table, rows: Sequence[Row], *, guarded: bool) -> None:
    """Insert or overwrite rows of `BASE` and the table's own columns; `guarded`: an older version loses."""
    name = table.model._meta.db_table
    columns = (*BASE, *table.copied, *table.derived_names)
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns[2:])
    conflict = f"ON CONFLICT (connection_id, external_id) DO UPDATE SET {updates}"
    if guarded:
        conflict += NOT_OLDER.format(table=name)
    if database.vendor == "postgresql" and len(rows) > HANDFUL:
        _merge(name, columns, rows, conflict)
    else:
        _insert(name, columns, rows, conflict)


def _merge(name: str, columns: Sequence[str], rows: Sequence[Row], conflict: str) -> None:
    names = ", ".join(columns)
    with database.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE page ON COMMIT DROP AS SELECT {names} FROM {name} LIMIT 0")
        _copy(cursor, "page", columns, rows)
        cursor.execute(f"INSERT INTO {name} ({names}) SELECT {names} FROM page WHERE TRUE {conflict}")
        cursor.execute("DROP TABLE page")


def _copy(cursor: Any, name: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _insert(name: str, columns: Sequence[str], rows: Sequence[Row], conflict: str = "") -> None:
    marks = ", ".join(["%s"] * len(columns))
    with database.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks}) {conflict}", [_plain(row) for row in rows]
        )


def _plain(row: Row) -> Row:
    """SQLite keeps times as Django writes them there: naive UTC text."""
    if database.vendor != "sqlite":
        return row
    return tuple(
        str(value.astimezone(UTC).replace(tzinfo=None)) if isinstance(value, datetime) else value for value in row
    )


def replace_lines(lines: Lines, parents: Sequence[int], rows: Sequence[Row]) -> None:
    """Replace the lines of these parents; each row begins with its parent's key."""
    if parents:
        lines.model._default_manager.filter(**{f"{lines.parent}__in": parents}).delete()
    name = lines.model._meta.db_table
    columns = (lines.parent, *lines.columns)
    if database.vendor == "postgresql" and len(rows) > HANDFUL:
        with database.cursor() as cursor:
            _copy(cursor, name, columns, rows)
    elif rows:
        _insert(name, columns, rows)


def restamp(model: type[Model], rows: Sequence[tuple[datetime | None, datetime | None, int, bytes]]) -> None:
    """Set (updated_at, version_at) of rows (id, digest) whose record is still the one the stamps belong to."""
    statement = f"UPDATE {model._meta.db_table} SET updated_at = %s, version_at = %s WHERE id = %s AND digest = %s"
    with database.cursor() as cursor:
        cursor.executemany(statement, [_plain(row) for row in rows])


def next_change_no(connection_id: int) -> int:
    """The connection's next change number; from here to the commit its other writers wait.

    Connection.DoesNotExist when the connection is no more.
    """
    name = Connection._meta.db_table
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {name} SET change_no = change_no + 1 WHERE id = %s RETURNING change_no", [connection_id]
        )
        found: tuple[int] | None = cursor.fetchone()
    if found is None:
        raise Connection.DoesNotExist(f"There is no connection {connection_id} any more.")
    return found[0]


def unchanged_since(model: type[Mirrored], row_ids: Sequence[int], moment: datetime) -> list[int]:
    """Those of the rows that were not changed after the moment (ours)."""
    return list(model.objects.filter(id__in=row_ids, changed_at__lte=moment).values_list("id", flat=True))


def remove(model: type[Mirrored], row_ids: Sequence[int], change_no: int, now: datetime) -> int:
    """Mark rows as removed; returns how many were not so before."""
    rows = model.objects.filter(id__in=row_ids, removed_at=None)
    return rows.update(removed_at=now, changed_at=now, change_no=change_no)


def remove_other_shipments(connection_id: int, order_ids: Sequence[str], kept: Sequence[str], now: datetime) -> None:
    """Mark the shipments of these orders as removed, except the kept ones."""
    rows = OrderShipment.objects.filter(connection_id=connection_id, order_id__in=order_ids, removed_at=None)
    keep = set(kept)
    gone = [id_ for id_, external_id in rows.values_list("id", "external_id") if external_id not in keep]
    if gone:
        remove(OrderShipment, gone, next_change_no(connection_id), now)


def remove_shipments_of(connection_id: int, row_ids: Sequence[int], now: datetime) -> None:
    """Mark the shipments of these orders (by row key) as removed."""
    order_ids = list(Order.objects.filter(id__in=row_ids).values_list("external_id", flat=True))
    remove_other_shipments(connection_id, order_ids, (), now)
