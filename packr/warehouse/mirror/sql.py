"""The writer's SQL statements, for SQLite and PostgreSQL. Plain SQL, as a page may have thousands of rows.

On PostgreSQL new rows are copied straight into their table; changed rows are copied into a temporary table, from which
one UPDATE takes them. Up to COPY_THRESHOLD rows are sent as plain statements, on both databases.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import OperationalError
from django.db import connection as database
from django.db.models import Model, TextField
from django.db.models.functions import Cast

from integrations.models import Connection

from ..models import Mirrored, OrderShipment
from .query_planner import custom_plan
from .schema import LineTable, Table

COPY_THRESHOLD = 50
# The columns that every mirrored table has after its key.
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

Row = tuple[Any, ...]


class RowsChanged(OperationalError):
    """A row differs from the one that a page was compared with. The page is rolled back and read again."""


class StoredRow(msgspec.Struct, frozen=True, gc=False):
    """A row as it was before the page is written."""

    id: int
    digest: bytes
    removed: bool


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The stored rows of a page's records by id, including removed ones, and the connection's last `change_no`.

    `is_protected`: write protection may block changes to some rows of the connection.
    """

    rows: dict[str, StoredRow]
    change_no: int
    is_protected: bool


def _is_postgresql() -> bool:
    return database.vendor == "postgresql"


def stored(model: type[Mirrored], connection_id: int, external_ids: Sequence[str]) -> StoredRows:
    """Return the stored rows of these ids."""
    statement = (
        f"SELECT NULL, change_no, NULL, shielded_until IS NOT NULL FROM {Connection._meta.db_table} WHERE id = %s"
        f" UNION ALL {_by_ids(model, 'external_id, id, digest, removed_at IS NOT NULL')}"
    )
    with custom_plan(), database.cursor() as cursor:
        cursor.execute(statement, [connection_id, _json_list(external_ids), connection_id])
        first, *rows = cursor.fetchall() or [(None, 0, None, False)]
    known = {external_id: StoredRow(id_, bytes(digest), bool(removed)) for external_id, id_, digest, removed in rows}
    return StoredRows(known, first[1], bool(first[3]))


def present(
    model: type[Mirrored], connection_id: int, external_ids: Sequence[str], length: int
) -> list[tuple[str, int, bytes]]:
    """Return (id, row key, first `length` bytes of the digest) of the rows of these ids that are not removed.

    Takes PostgreSQL half the time of `stored` if most ids have a row. If most have none and its statistics are old, it
    may read all rows of the connection.
    """
    ids = "SELECT json_array_elements_text(%s::json)" if _is_postgresql() else "SELECT value FROM json_each(%s)"
    # PostgreSQL finds an array by the index; a sub-select would be a join, for which it may read the whole table.
    matches = f"external_id = ANY(ARRAY({ids}))" if _is_postgresql() else f"external_id IN ({ids})"
    with custom_plan(), database.cursor() as cursor:
        cursor.execute(
            f"SELECT external_id, id, substr(digest, 1, {length:d}) FROM {model._meta.db_table}"
            f" WHERE connection_id = %s AND {matches} AND removed_at IS NULL",
            [connection_id, _json_list(external_ids)],
        )
        return [(external_id, id_, bytes(first)) for external_id, id_, first in cursor.fetchall()]


def _by_ids(model: type[Mirrored], columns: str) -> str:
    """Return a SELECT with the parameters (ids, connection) that looks each id up in the index."""
    table = model._meta.db_table
    if _is_postgresql():
        return (
            "SELECT found.* FROM json_array_elements_text(%s::json) AS asked (id)"
            f" CROSS JOIN LATERAL (SELECT {columns} FROM {table}"
            " WHERE connection_id = %s AND external_id = asked.id OFFSET 0) AS found"
        )
    return (
        f"SELECT {columns} FROM {table} WHERE external_id IN (SELECT value FROM json_each(%s)) AND connection_id = %s"
    )


def _json_list(values: Sequence[str]) -> str:
    """Return the values as JSON. PostgreSQL's driver takes longer for an array of a thousand texts than the query."""
    return json.dumps(values)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def bodies(model: type[Mirrored], row_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Return the stored records of these rows, by row key."""
    if not row_ids:
        return {}
    text = Cast("record", TextField())  # msgspec decodes it faster than the driver
    rows = model.objects.filter(id__in=row_ids).values_list("id", text)
    return {id_: msgspec.json.decode(record) for id_, record in rows}


def new_keys(model: type[Model], count: int) -> list[int]:
    """Return `count` row keys that no row has or ever had."""
    table = model._meta.db_table
    with database.cursor() as cursor:
        if _is_postgresql():
            # Look the sequence up once instead of for each key.
            cursor.execute(
                "SELECT nextval(keys.name) FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS name OFFSET 0)"
                " AS keys, generate_series(1, %s)",
                [table, count],
            )
            return [key for (key,) in cursor.fetchall()]
        # This transaction holds SQLite's only write lock, so no other writer can take the same keys.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        (last,) = cursor.fetchone() or (0,)
    return list(range(last + 1, last + 1 + count))


def insert(table: Table, count: int, rows: Iterable[Row]) -> None:
    """Insert `count` rows of key, `BASE` and the table's own columns."""
    insert_rows(table.model._meta.db_table, ("id", *BASE, *table.own), count, rows)


def update(table: Table, rows: Sequence[Row], digests: Sequence[bytes]) -> None:
    """Overwrite rows, given as key, `BASE` and the table's own columns.

    Raises RowsChanged if a row no longer has its digest of `digests`.
    """
    columns = ("id", *BASE, *table.own)
    name = table.model._meta.db_table
    if _is_postgresql() and len(rows) > COPY_THRESHOLD:
        count = _merge(name, columns, [(*row, digest) for row, digest in zip(rows, digests, strict=True)])
    else:
        count = _execute_many(
            f"UPDATE {name} SET {', '.join(f'{column} = %s' for column in columns[3:])} WHERE id = %s AND digest = %s",
            [(*row[3:], row[0], digest) for row, digest in zip(rows, digests, strict=True)],
        )
    _check_all_updated(count, len(rows))


def _check_all_updated(updated: int, expected: int) -> None:
    if updated != expected:
        raise RowsChanged(f"{expected - updated} of {expected} rows were changed by another writer")


def _merge(name: str, columns: Sequence[str], rows: Sequence[Row]) -> int:
    changed = columns[3:]
    with database.cursor() as cursor:
        names = ", ".join((*columns, "digest AS was"))
        cursor.execute(f"CREATE TEMPORARY TABLE page ON COMMIT DROP AS SELECT {names} FROM {name} LIMIT 0")
        _copy(cursor, "page", (*columns, "was"), rows)
        cursor.execute(
            f"UPDATE {name} SET {', '.join(f'{column} = page.{column}' for column in changed)} FROM page"
            f" WHERE {name}.id = page.id AND {name}.digest = page.was"
        )
        count: int = cursor.rowcount
        cursor.execute("DROP TABLE page")
    return count


def _copy(cursor: Any, name: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            # The driver takes ten times as long to write a datetime as to write a text.
            copy.write_row(msgspec.to_builtins(row, builtin_types=(bytes,)))


def insert_rows(name: str, columns: Sequence[str], count: int, rows: Iterable[Row]) -> None:
    """Insert rows of these columns into a table. `count` is about how many, and decides whether they are copied."""
    if _is_postgresql() and count > COPY_THRESHOLD:
        with database.cursor() as cursor:
            _copy(cursor, name, columns, rows)
    elif count:
        _execute_many(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({_marks(columns)})", rows)


def _execute_many(statement: str, rows: Iterable[Row]) -> int:
    values = [to_parameters(row) for row in rows]
    if not values:
        return 0
    with database.cursor() as cursor:
        if len(values) == 1:  # executemany has an overhead larger than one statement
            cursor.execute(statement, values[0])
        else:
            cursor.executemany(statement, values)
        count: int = cursor.rowcount
    return count


def to_parameters(row: Row) -> Row:
    """Return the values as a plain statement takes them. In SQLite, as in Django, times are naive UTC text."""
    if _is_postgresql():
        return row
    return tuple(
        str(value.astimezone(UTC).replace(tzinfo=None)) if isinstance(value, datetime) else value for value in row
    )


def replace_lines(lines: LineTable, old: Sequence[int], count: int, rows: Iterable[Row]) -> None:
    """Replace the lines of the `old` parents and insert those of new ones, about `count` parents together.

    Each row begins with its connection and its parent.
    """
    name = lines.model._meta.db_table
    if old:
        with database.cursor() as cursor:
            cursor.execute(f"DELETE FROM {name} WHERE {lines.parent} IN ({_marks(old)})", old)
    insert_rows(name, ("connection_id", lines.parent, *lines.columns), count, rows)


def restamp(model: type[Model], rows: Sequence[tuple[datetime | None, datetime | None, bytes, int, bytes]]) -> None:
    """Set (updated_at, version_at, digest) of rows (key, old digest). Raises RowsChanged if an old digest differs."""
    name = model._meta.db_table
    count = _execute_many(
        f"UPDATE {name} SET updated_at = %s, version_at = %s, digest = %s WHERE id = %s AND digest = %s", rows
    )
    _check_all_updated(count, len(rows))


def next_change_no(connection_id: int) -> int:
    """Return the connection's next change number. Its other writers wait until the transaction ends.

    Raises Connection.DoesNotExist if the connection was deleted.
    """
    name = Connection._meta.db_table
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {name} SET change_no = change_no + 1 WHERE id = %s RETURNING change_no", [connection_id]
        )
        found: tuple[int] | None = cursor.fetchone()
    if found is None:
        raise Connection.DoesNotExist(f"Connection {connection_id} was deleted.")
    return found[0]


def unchanged_since(model: type[Mirrored], row_ids: Sequence[int], moment: datetime) -> list[int]:
    """Return those of the rows that have not changed after the moment, in Packr's time."""
    return list(model.objects.filter(id__in=row_ids, changed_at__lte=moment).values_list("id", flat=True))


def remove(model: type[Mirrored], row_ids: Sequence[int], change_no: int, now: datetime) -> int:
    """Mark rows as removed. Return how many were not removed before."""
    rows = model.objects.filter(id__in=row_ids, removed_at=None)
    return rows.update(removed_at=now, changed_at=now, change_no=change_no)


def remove_shipments_of(
    connection_id: int, order_ids: Sequence[str], change_no: int, now: datetime, *, kept: Collection[str] = ()
) -> list[int]:
    """Mark the shipments of these orders as removed, except those with the ids `kept`. Return their row keys."""
    rows = OrderShipment.objects.present().filter(connection=connection_id, order_id__in=order_ids)
    gone = [id_ for id_, external_id in rows.values_list("id", "external_id") if external_id not in kept]
    if gone:
        remove(OrderShipment, gone, change_no, now)
    return gone
