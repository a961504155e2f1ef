"""Strategies for reading a list page by page.

A strategy is pure: it says which query parameters request a page, and where the page after a response starts. A cursor
is JSON, so that any worker can continue from it; None requests the first page and marks the last one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ..errors import CONTACT_SUPPORT, ConnectorError, CursorExpired, Kind
from ..records import Record
from .base import Page, Rejected
from .parsing import clean

C = TypeVar("C")
K = TypeVar("K", int, str, list[Any])


class Paging(Protocol[C]):
    """A strategy whose cursor is a C."""

    def parameters(self, cursor: C | None) -> dict[str, str]:
        """Return the query parameters that request the page at `cursor`."""

    def next_cursor(self, cursor: C | None, page: Page, envelope: Mapping[str, Any]) -> C | None:
        """Return the cursor of the page after `page`, or None after the last one.

        `envelope` is the response without its items. Raises ConnectorError(contract) if it doesn't say.
        """


@dataclass(frozen=True, slots=True)
class NextToken:
    """Each response holds the token of the next page, at `path` in its envelope (`data.next`); null ends the list.

    If the WMS always sends a token, `has_more` is the path of the flag that says whether there is a next page.
    """

    parameter: str
    path: str
    has_more: str = ""

    def parameters(self, cursor: str | None) -> dict[str, str]:
        if cursor is not None and not isinstance(cursor, str):
            raise CursorExpired("The page token was saved by an earlier version of Packr.")
        return {} if cursor is None else {self.parameter: cursor}

    def next_cursor(self, cursor: str | None, page: Page, envelope: Mapping[str, Any]) -> str | None:
        if self.has_more and _value_at(envelope, self.has_more) is False:
            return None
        token = _value_at(envelope, self.path)
        if token is None and not self.has_more:
            return None
        if not isinstance(token, str) or not token or clean(token) != token:
            raise broken_paging(f"no usable {self.path}")
        return token


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Pages are numbered from 1. The list ends when all of `total` items are read or, without it, at a short page."""

    parameter: str
    size_parameter: str
    size: int
    total: str = ""  # path in the envelope

    def parameters(self, cursor: int | None) -> dict[str, str]:
        return {self.parameter: str(cursor or 1), self.size_parameter: str(self.size)}

    def next_cursor(self, cursor: int | None, page: Page, envelope: Mapping[str, Any]) -> int | None:
        number = cursor or 1
        return number + 1 if _has_more(number * self.size, self, page, envelope) else None


@dataclass(frozen=True, slots=True)
class Offset:
    """Pages start after a number of items. The list ends as with PageNumber."""

    parameter: str
    size_parameter: str
    size: int
    total: str = ""

    def parameters(self, cursor: int | None) -> dict[str, str]:
        return {self.parameter: str(cursor or 0), self.size_parameter: str(self.size)}

    def next_cursor(self, cursor: int | None, page: Page, envelope: Mapping[str, Any]) -> int | None:
        end = (cursor or 0) + self.size
        return end if _has_more(end, self, page, envelope) else None


@dataclass(frozen=True, slots=True)
class Keyset(Generic[K]):
    """Each page starts after the highest key of the page before; a page shorter than `size` ends the list.

    `key_of` returns the key of a row as JSON, such as its id or [time, id], or None if a rejected one has none that is
    readable. Rows must be requested in the order of their keys. There are no parameters: every WMS has its own
    language for "after this key".
    """

    size: int
    key_of: Callable[[Record | Rejected], K | None]

    def next_cursor(self, page: Page) -> K | None:
        if page.item_count < self.size:
            return None
        rows: Sequence[Record | Rejected] = [*page.records, *page.rejected]
        keys = [key for row in rows if (key := self.key_of(row)) is not None]
        if not keys:
            raise broken_paging("rows without ids")
        return max(keys)


def _has_more(end: int, paging: PageNumber | Offset, page: Page, envelope: Mapping[str, Any]) -> bool:
    if not paging.total:
        return page.item_count >= paging.size
    total = _value_at(envelope, paging.total)
    if not isinstance(total, int):
        raise broken_paging(f"no usable {paging.total}")
    return end < total


def _value_at(envelope: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path. Raises ConnectorError(contract) if there is none."""
    value: Any = envelope
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise broken_paging(f"no {path}")
        value = value[name]
    return value


def broken_paging(detail: str) -> ConnectorError:
    """Return the error for a response that does not say how its list continues."""
    fact = "The WMS's response does not have the documented form."
    return ConnectorError(Kind.CONTRACT, fact, CONTACT_SUPPORT, detail=detail)
