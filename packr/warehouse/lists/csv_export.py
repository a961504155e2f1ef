"""A list as a CSV file: all rows of the list, in its order."""

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
# By this mark spreadsheet programs recognise UTF-8.
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# Characters with which spreadsheet programs let a formula begin.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class LineEcho:
    """A file for csv.writer, whose `writerow` then returns the line."""

    def write(self, line: str) -> str:
        return line


def rows(context: RequestContext, query: ListQuery, *, head: str) -> Iterator[str]:
    """Yield the file's lines: `head`, the column names, and the rows.

    Rows are read a page at a time, so that memory is bounded and no transaction stays open.
    """
    write = csv.writer(LineEcho()).writerow
    columns = _columns(query)
    yield BYTE_ORDER_MARK + write([head])
    yield write([*columns.values(), "Id", "Connection"])
    names = {connection.pk: connection.name for connection in known_connections(context)}
    zone = ZoneInfo(context.workspace.timezone)
    for row in _all(context, query):
        values = [_value(row, name) for name in columns]
        yield write([cell(value, zone) for value in (*values, row.external_id, names[row.connection_id])])


def _columns(query: ListQuery) -> dict[str, str]:
    """Return the labels of the screen's fields, by field. The currency of amounts has a column of its own."""
    screen = query.screen
    columns = {column.field: column.label for column in screen.columns if column.kind not in ("levels", "leads")}
    if screen.model is Order:
        columns["held"] = "On hold"
    return columns | ({screen.currency: "Currency"} if screen.currency else {})


# The annotated name that replaces a field with the id of another row.
NAME_ANNOTATIONS = {
    "warehouse_id": "warehouse_name",
    "warehouse_customer_id": "customer_name",
    "order_id": "order_number",
}


def _value(row: Mirrored, name: str) -> Any:
    """Return a field's value; of a warehouse, customer or order its name."""
    return getattr(row, NAME_ANNOTATIONS.get(name, ""), None) or getattr(row, name)


def _all(context: RequestContext, query: ListQuery) -> Iterator[Mirrored]:
    listing = Listing(context, query)
    cursor, more = None, True
    while more:
        chunk = listing.read_page(cursor, ROWS_PER_QUERY)
        yield from chunk.rows
        more = chunk.has_next
        if more:
            cursor = cursor_after(chunk.rows[-1])


def cell(value: Any, zone: ZoneInfo) -> str:
    """Return a value as text: plain numbers, times as ISO 8601 with their offset, formulas disarmed by a quote."""
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


def head(request: HttpRequest, context: RequestContext, query: ListQuery) -> str:
    """Return the file's first line: its content and how fresh it is."""
    shown = {"place": context, "query": query, "screen": query.screen}
    return " ".join(render_to_string("warehouse/_export_head.txt", shown, request=request).split())


def file_name(context: RequestContext, query: ListQuery) -> str:
    """Return the file name: workspace, brand, screen, whether it is filtered, and the time in UTC."""
    brand = [context.brand.slug] if context.brand else []
    narrowed = ["filtered"] if query.words or query.filters else []
    return "-".join([context.workspace.slug, *brand, query.screen.path, *narrowed, f"{now():%Y%m%dT%H%MZ}"]) + ".csv"
