"""A data screen as a CSV file: exactly the rows that the list shows page by page, in its order."""

import csv
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.timezone import now

from packr.workspaces.request_context import RequestContext

from ..models import Mirrored, Order
from ..visibility import known_connections
from .listing import Listing, ListQuery, cursor_after

ROWS_PER_QUERY = 1000
# Programs that open CSV files take them for UTF-8 by this mark.
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# What a spreadsheet program would take for a formula at the beginning of a cell.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Lines:
    """What csv.writer writes to: it gives back the line."""

    def write(self, line: str) -> str:
        return line


def rows(place: RequestContext, asked: ListQuery, *, head: str) -> Iterator[str]:
    """The file's lines: what it is and as of when (`head`), the columns' names, the rows. Memory is one chunk's.

    Each chunk is a page of its own that begins where the last one ended, so no transaction stays open meanwhile.
    """
    write = csv.writer(Lines()).writerow
    columns = _columns(asked)
    yield BYTE_ORDER_MARK + write([head])
    yield write([*columns.values(), "Id", "Connection"])
    names = {connection.pk: connection.name for connection in known_connections(place)}
    zone = ZoneInfo(place.workspace.timezone)
    for row in _all(place, asked):
        values = [_value(row, name) for name in columns]
        yield write([cell(value, zone) for value in (*values, row.external_id, names[row.connection_id])])


def _columns(asked: ListQuery) -> dict[str, str]:
    """The screen's own fields with their labels; amounts have their currency beside them, not behind them."""
    screen = asked.screen
    columns = {column.field: column.label for column in screen.columns if column.kind not in ("levels", "leads")}
    if screen.model is Order:
        columns["held"] = "On hold"
    return columns | ({screen.currency: "Currency"} if screen.currency else {})


# What is shown instead of a field that points at another row.
NAMES = {"warehouse_id": "warehouse_name", "warehouse_customer_id": "customer_name", "order_id": "order_number"}


def _value(row: Mirrored, name: str) -> Any:
    """A field's value; a warehouse, a customer or an order goes by its name."""
    return getattr(row, NAMES.get(name, ""), None) or getattr(row, name)


def _all(place: RequestContext, asked: ListQuery) -> Iterator[Mirrored]:
    listing = Listing(place, asked)
    cursor, more = None, True
    while more:
        chunk = listing.read_page(cursor, ROWS_PER_QUERY)
        yield from chunk.rows
        more = chunk.has_next
        if more:
            cursor = cursor_after(chunk.rows[-1])


def cell(value: Any, zone: ZoneInfo) -> str:
    """A value in a cell: numbers plain, times as ISO 8601 with their offset, and no text that works as a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    return f"'{value}" if str(value).startswith(FORMULA_STARTS) else str(value)


def head(request: HttpRequest, place: RequestContext, asked: ListQuery) -> str:
    """The file's first line: what is in it, and as of when."""
    context = {"place": place, "asked": asked, "screen": asked.screen}
    return " ".join(render_to_string("warehouse/_export_head.txt", context, request=request).split())


def file_name(place: RequestContext, asked: ListQuery) -> str:
    """Workspace, brand, screen, whether it was narrowed, and the time (UTC)."""
    brand = [place.brand.slug] if place.brand else []
    narrowed = ["filtered"] if asked.words or asked.filters else []
    return "-".join([place.workspace.slug, *brand, asked.screen.path, *narrowed, f"{now():%Y%m%dT%H%MZ}"]) + ".csv"
