"""Records stored as JSON text, with the values that filters compare, in order of arrival.

A page of a thousand orders is served by joining existing text, and fifty thousand orders fit in memory.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Key = str | float | bool | tuple[str, ...] | None

_encoder = json.JSONEncoder(separators=(",", ":"))


def encode(value: object) -> bytes:
    """Return JSON as sent on the wire: ASCII, without spaces."""
    return _encoder.encode(value).encode("ascii")


def iso(moment: float) -> str:
    """Return seconds since 1970 as a UTC date like 2026-02-03T14:05:11Z."""
    return datetime.fromtimestamp(int(moment), UTC).isoformat()[:19] + "Z"


def seconds(text: object) -> float | None:
    """Return the seconds since 1970 of an ISO date; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _key(kind: str, value: object) -> Key:
    """Return what a filter compares; None for a value of another type, which then matches nothing."""
    if kind in ("date", "day"):
        return seconds(value)
    if kind == "flag":
        return value if isinstance(value, bool) else None
    if kind == "tags":
        return tuple(tag for tag in value if isinstance(tag, str)) if isinstance(value, list) else ()
    return value if isinstance(value, str) else None


class StoredRecord:
    """One record: its position in the order of arrival, filter keys and JSON text."""

    __slots__ = ("body", "id", "keys", "number")

    def __init__(self, number: int, identity: str, keys: tuple[Key, ...], body: bytes) -> None:
        self.number = number
        self.id = identity
        self.keys = keys
        self.body = body


class RecordTable:
    """All records of one entity. Not locked: the account's lock covers it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """`fields` gives the kind of each field that filters may name."""
        self.fields = dict(fields)
        self.rows: list[StoredRecord] = []
        self._by_id: dict[str, StoredRecord] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, identity: object) -> bool:
        return identity in self._by_id

    def put(self, record: Record) -> None:
        """Store a new record at the end, or replace an existing one."""
        keys = tuple([_key(kind, record.get(name)) for name, kind in self.fields.items()])
        row = self._by_id.get(record["id"])
        if row is not None:
            row.keys, row.body = keys, encode(record)
            return
        self._last += 1
        row = StoredRecord(self._last, record["id"], keys, encode(record))
        self._by_id[row.id] = row
        self.rows.append(row)

    def row(self, identity: str) -> StoredRecord | None:
        """Return the stored row of an id."""
        return self._by_id.get(identity)

    def get(self, identity: str) -> Record | None:
        """Return a copy of a record, which may be changed and stored."""
        row = self._by_id.get(identity)
        return None if row is None else json.loads(row.body)

    def all(self) -> list[Record]:
        """Return copies of all records."""
        return [json.loads(row.body) for row in self.rows]

    def remove(self, identity: str) -> bool:
        """Remove a record without trace. Return False if there is none."""
        row = self._by_id.pop(identity, None)
        if row is None:
            return False
        del self.rows[self.place_after(row.number) - 1]
        return True

    def clear(self) -> None:
        """Remove all records. Numbering continues, so earlier page tokens stay valid."""
        self.rows.clear()
        self._by_id.clear()

    def place_after(self, number: int) -> int:
        """Return the index of the first row after row `number`."""
        return bisect_right(self.rows, number, key=lambda row: row.number)
