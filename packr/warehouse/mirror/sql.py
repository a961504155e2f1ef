"""The statements of the writer, on SQLite and on PostgreSQL.

On PostgreSQL new rows go by COPY straight into their table, and a page of changed ones by COPY into a temporary table
and one update; a handful goes by plain statements on both.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import OperationalError
from django.db import connection as database
from django.db.models import Model

from integrations.models import Connection

from ..models import Mirrored, Order, OrderShipment
from .query_planner import custom_plan
from .schema import Lines, Table

COPY_FROM_ROWS = 50
# The columns of every table, after its key.
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
    """A row is no longer what a page was compared with. The page is rolled back and read again."""


class StoredRow(msgspec.Struct, frozen=True, gc=False):
    """What is known of a row before it is written."""

    id: int
    digest: bytes
    removed: bool


@dataclass(frozen=True, slots=True)
class StoredRows:
    """What is known of a page's rows, removed ones included, when the connection's last change was `change_no`.

    `is_protected`: write protection may block changes to some rows of the connection.
    """

    rows: dict[str, StoredRow]
    change_no: int
    is_protected: bool


def stored(model: type[Mirrored], connection_id: int, external_ids: Sequence[str]) -> StoredRows:
    """What is known of the rows of these ids."""
    statement = (
        f"SELECT NULL, change_no, NULL, shielded_until IS NOT NULL FROM {Connection._meta.db_table} WHERE id = %s"
        f" UNION ALL {_by_ids(model, 'external_id, id, digest, removed_at IS NOT NULL')}"
    )
    with custom_plan(), database.cursor() as cursor:
        cursor.execute(statement, [connection_id, _list(external_ids), connection_id])
        first, *rows = cursor.fetchall() or [(None, 0, None, False)]
    known = {external_id: StoredRow(id_, bytes(digest), bool(removed)) for external_id, id_, digest, removed in rows}
    return StoredRows(known, first[1], bool(first[3]))


def present(
    model: type[Mirrored], connection_id: int, external_ids: Sequence[str], length: int
) -> list[tuple[str, int, bytes]]:
    """(id, row key, the first bytes of the digest) of the rows of these ids that are not removed.

    For ids of which most are known to have a row: PostgreSQL looks them up in half the time that `stored` takes, but
    could read through all of the connection's rows where it knows no better.
    """
    with custom_plan(), database.cursor() as cursor:
        cursor.execute(
            f"SELECT external_id, id, substr(digest, 1, {length:d}) FROM {model._meta.db_table}"
            f" WHERE connection_id = %s AND {one_of('external_id', '%s')} AND removed_at IS NULL",
            [connection_id, _list(external_ids)],
        )
        return [(external_id, id_, bytes(first)) for external_id, id_, first in cursor.fetchall()]


def _by_ids(model: type[Mirrored], columns: str) -> str:
    """A select by (ids, connection): one look into an index per id."""
    table = model._meta.db_table
    if database.vendor == "postgresql":
        return (
            "SELECT found.* FROM json_array_elements_text(%s::json) AS asked (id)"
            f" CROSS JOIN LATERAL (SELECT {columns} FROM {table}"
            " WHERE connection_id = %s AND external_id = asked.id OFFSET 0) AS found"
        )
    return (
        f"SELECT {columns} FROM {table} WHERE external_id IN (SELECT value FROM json_each(%s)) AND connection_id = %s"
    )


def _list(values: Sequence[str]) -> str:
    """As JSON on PostgreSQL too: its driver spends longer on an array of a thousand texts than the query takes."""
    return json.dumps(values)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def bodies(model: type[Mirrored], row_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """The stored records of these rows."""
    if not row_ids:
        return {}
    with database.cursor() as cursor:
        whole = "CAST(record AS text)"  # the driver would read it by itself
        cursor.execute(f"SELECT id, {whole} FROM {model._meta.db_table} WHERE id IN ({_marks(row_ids)})", row_ids)
        return {id_: msgspec.json.decode(record) for id_, record in cursor.fetchall()}


def new_keys(model: type[Model], count: int) -> list[int]:
    """So many keys that no row has, nor ever had."""
    table = model._meta.db_table
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            # The sequence is looked up once, and not for each key.
            cursor.execute(
                "SELECT nextval(keys.name) FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS name OFFSET 0)"
                " AS keys, generate_series(1, %s)",
                [table, count],
            )
            return [key for (key,) in cursor.fetchall()]
        # The writer holds SQLite's only write lock, so nobody else takes them meanwhile.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        (last,) = cursor.fetchone() or (0,)
    return list(range(last + 1, last + 1 + count))


def insert(table: Table, count: int, rows: Iterable[Row]) -> None:
    """Insert so many new rows of key, `BASE` and the table's own columns."""
    insert_rows(table.model._meta.db_table, ("id", *BASE, *table.own), count, rows)


def update(table: Table, rows: Sequence[Row], digests: Sequence[bytes]) -> None:
    """Overwrite rows of key, `BASE` and the table's own columns, each of which still has its one of the `digests`.

    Raises Moved when one has not.
    """
    columns = ("id", *BASE, *table.own)
    name = table.model._meta.db_table
    if database.vendor == "postgresql" and len(rows) > COPY_FROM_ROWS:
        count = _merge(name, columns, [(*row, digest) for row, digest in zip(rows, digests, strict=True)])
    else:
        # Key and digest once more at the end, where the statement has them.
        count = _execute_many(
            f"UPDATE {name} SET {', '.join(f'{column} = %s' for column in columns[3:])} WHERE id = %s AND digest = %s",
            [(*row[3:], row[0], digest) for row, digest in zip(rows, digests, strict=True)],
        )
    if count != len(rows):
        raise RowsChanged(f"{len(rows) - count} of {len(rows)} rows were changed by somebody else")


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
            # The driver takes long to write a time: as text they are written in a tenth of it.
            copy.write_row(msgspec.to_builtins(row, builtin_types=(bytes,)))


def insert_rows(name: str, columns: Sequence[str], count: int, rows: Iterable[Row]) -> None:
    """Insert about so many rows of these columns into a table: the count decides by which way."""
    if database.vendor == "postgresql" and count > COPY_FROM_ROWS:
        with database.cursor() as cursor:
            _copy(cursor, name, columns, rows)
    elif count:
        _execute_many(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({_marks(columns)})", rows)


def _execute_many(statement: str, rows: Iterable[Row]) -> int:
    values = [plain(row) for row in rows]
    if not values:
        return 0
    with database.cursor() as cursor:
        if len(values) == 1:  # for one row the driver's way of sending many takes longer than the statement
            cursor.execute(statement, values[0])
        else:
            cursor.executemany(statement, values)
        count: int = cursor.rowcount
    return count


def plain(row: Row) -> Row:
    """Values as a plain statement takes them. SQLite keeps times as Django writes them there: naive UTC text."""
    if database.vendor == "postgresql":
        return row
    return tuple(
        str(value.astimezone(UTC).replace(tzinfo=None)) if isinstance(value, datetime) else value for value in row
    )


def execute(statement: str, values: Mapping[str, Any]) -> None:
    """Execute a statement with values that go by their names."""
    with database.cursor() as cursor:
        cursor.execute(statement, _named(values))


def select(statement: str, values: Mapping[str, Any]) -> list[Row]:
    """The rows that a statement gives, with values that go by their names."""
    with database.cursor() as cursor:
        cursor.execute(statement, _named(values))
        rows: list[Row] = cursor.fetchall()
    return rows


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(values, plain(tuple(values.values())), strict=True))


def as_list(values: Iterable[str]) -> str:
    """Texts as one value, for `listed` and `one_of`."""
    return _list(sorted(values))


def listed(value: str) -> str:
    """A select of the texts in a value, a row each."""
    if database.vendor == "postgresql":
        return f"SELECT json_array_elements_text({value}::json)"
    return f"SELECT value FROM json_each({value})"


def one_of(column: str, value: str) -> str:
    """The condition that a column has one of the texts in a value, found by the column's index.

    On PostgreSQL an array is that; a sub-select would be a join, before which a whole table may be read.
    """
    texts = listed(value)
    return f"{column} = ANY(ARRAY({texts}))" if database.vendor == "postgresql" else f"{column} IN ({texts})"


def join_in_order(found: Mapping[str, tuple[type[Model], str]], counts: str = "TRUE") -> str:
    """Tables, by the names they have here, joined in this order, each row with those that its condition finds.

    `counts` is what is asked of the rows that were found. Whatever the planner knows of the tables, it looks into an
    index per row and does not begin at the other end.
    """
    if database.vendor == "postgresql":
        looked_up = (
            f"LATERAL (SELECT * FROM {model._meta.db_table} AS {name} WHERE {where} OFFSET 0) AS {name}"
            for name, (model, where) in found.items()
        )
        return f"{' CROSS JOIN '.join(looked_up)} WHERE {counts}"
    tables = " CROSS JOIN ".join(f"{model._meta.db_table} AS {name}" for name, (model, _) in found.items())
    return f"{tables} WHERE {' AND '.join(where for _, where in found.values())} AND {counts}"


def same_sku(one: str, other: str) -> str:
    """The condition that two rows have the same SKU, to the letter; by the first one's index, which holds it folded."""
    by_bytes = ' COLLATE "C"' if database.vendor == "postgresql" else ""
    return f"lower({one}.sku{by_bytes}) = lower({other}.sku{by_bytes}) AND {one}.sku = {other}.sku"


def same(columns: str, others: str) -> str:
    """The condition that all of these columns are the same as the others; nothing is the same as nothing."""
    return f"({columns}) {'IS NOT DISTINCT FROM' if database.vendor == 'postgresql' else 'IS'} ({others})"


def replace_lines(lines: Lines, old: Sequence[int], count: int, rows: Iterable[Row]) -> None:
    """Write the lines of so many parents, of which the `old` ones had some.

    A row begins with its connection and its parent.
    """
    name = lines.model._meta.db_table
    if old:
        with database.cursor() as cursor:
            cursor.execute(f"DELETE FROM {name} WHERE {lines.parent} IN ({_marks(old)})", old)
    insert_rows(name, ("connection_id", lines.parent, *lines.columns), count, rows)


def restamp(model: type[Model], rows: Sequence[tuple[datetime | None, datetime | None, bytes, int, bytes]]) -> None:
    """Set (updated_at, version_at, digest) of rows (id, digest so far). Raises Moved when one was changed meanwhile."""
    name = model._meta.db_table
    count = _execute_many(
        f"UPDATE {name} SET updated_at = %s, version_at = %s, digest = %s WHERE id = %s AND digest = %s", rows
    )
    if count != len(rows):
        raise RowsChanged(f"{len(rows) - count} of {len(rows)} rows were changed by somebody else")


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
        raise _no_more(connection_id)
    return found[0]


def wait_for_turn(connection_id: int) -> None:
    """From here to the commit others who ask for it, and the connection's writers, wait.

    Connection.DoesNotExist when the connection is no more.
    """
    turn = " FOR UPDATE" if database.vendor == "postgresql" else ""  # SQLite's transactions wait for each other anyway
    with database.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {Connection._meta.db_table} WHERE id = %s{turn}", [connection_id])
        if cursor.fetchone() is None:
            raise _no_more(connection_id)


def _no_more(connection_id: int) -> Connection.DoesNotExist:
    return Connection.DoesNotExist(f"There is no connection {connection_id} any more.")


def extend_protection(connection_id: int, until: datetime) -> None:
    """Let the connection's shield last until the moment at least.

    By the new change number a page that was compared with what is stored before this looks again.
    """
    name = Connection._meta.db_table
    (moment,) = plain((until,))
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {name} SET change_no = change_no + 1,"
            " shielded_until = CASE WHEN shielded_until > %s THEN shielded_until ELSE %s END WHERE id = %s",
            [moment, moment, connection_id],
        )


def unchanged_since(model: type[Mirrored], row_ids: Sequence[int], moment: datetime) -> list[int]:
    """Those of the rows that were not changed after the moment (ours)."""
    return list(model.objects.filter(id__in=row_ids, changed_at__lte=moment).values_list("id", flat=True))


def remove(model: type[Mirrored], row_ids: Sequence[int], change_no: int, now: datetime) -> int:
    """Mark rows as removed; returns how many were not so before."""
    rows = model.objects.filter(id__in=row_ids, removed_at=None)
    return rows.update(removed_at=now, changed_at=now, change_no=change_no)


def remove_other_shipments(
    connection_id: int, order_ids: Sequence[str], kept: Iterable[str], change_no: int, now: datetime
) -> list[int]:
    """Mark the shipments of these orders as removed, except the kept ones; returns their row keys."""
    if not order_ids:
        return []
    keep = set(kept)
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT id, external_id FROM {OrderShipment._meta.db_table}"
            f" WHERE connection_id = %s AND order_id IN ({_marks(order_ids)}) AND removed_at IS NULL",
            [connection_id, *order_ids],
        )
        gone = [id_ for id_, external_id in cursor.fetchall() if external_id not in keep]
    if gone:
        remove(OrderShipment, gone, change_no, now)
    return gone


def remove_shipments_of(connection_id: int, row_ids: Sequence[int], change_no: int, now: datetime) -> list[int]:
    """Mark the shipments of these orders (by row key) as removed; returns their row keys."""
    order_ids = list(Order.objects.filter(id__in=row_ids).values_list("external_id", flat=True))
    return remove_other_shipments(connection_id, order_ids, (), change_no, now)
