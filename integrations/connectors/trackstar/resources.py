"""Trackstar's lists, and how they are read.

Facts: docs.trackstarhq.com "About the API" and the skill "trackstar-sync" (2026), OpenAPI document (October 2025).
`next_token` null is the only end of a list; filters must be repeated with every page; `gte` includes its limit; dates
are UTC with `Z` and without fractions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from ...entities import HISTORY, Entity
from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client
from ..base import Cursor, FetchRequest, Page, Resource, join_pages
from ..decoding import ItemMapping
from ..paging import NextToken
from ..rest import ERROR_STATUSES, RestList
from . import mapping
from .errors import accept, broken

LIMIT = "1000"
OVERLAP = timedelta(minutes=15)
# By the WMS's own times, a change can arrive late by a whole crawl. Crawls are hourly, so twice that is read again.
OVERLAP_BY_WMS_TIME = timedelta(hours=2)
TRACKSTAR_STAMP = "trackstar_updated_date"
WMS_STAMP = "updated_date"
NO_TRACKSTAR_DATES = "no_trackstar_dates"
BY_TOKEN = NextToken("page_token", "next_token")
# The lists that are long enough to be read by what changed. All others are always read whole.
INCREMENTAL = HISTORY | {Entity.INVENTORY, Entity.PRODUCTS}
WITHOUT_LOOKUP = (Entity.SUPPLIERS, Entity.ORDER_CHANNELS)
UNKNOWN_TOKEN_STATUSES = (400, 404, 410, 422)


class _UnknownStamp(ConnectorError):
    """Trackstar has no filter by its own stamp, as in its specification of 2025."""


def fetch(listing: RestList, client: Client, request: FetchRequest, cursor: Cursor | None) -> Page:
    """Return one page. If Trackstar can't filter by its own stamp, changes are requested by the WMS's from now on."""
    try:
        return listing.fetch(client, request, cursor)
    except _UnknownStamp:
        client.learned[NO_TRACKSTAR_DATES] = True
        return replace(listing.fetch(client, request, cursor), learned={NO_TRACKSTAR_DATES: True})


def filters(entity: Entity, client: Client, request: FetchRequest) -> Mapping[str, str]:
    """Return the query parameters for what a request wants."""
    by_wms_time = bool(client.learned.get(NO_TRACKSTAR_DATES))
    if request.since and entity in INCREMENTAL:
        stamp = WMS_STAMP if by_wms_time else TRACKSTAR_STAMP
        start = request.since - (OVERLAP_BY_WMS_TIME - OVERLAP if by_wms_time else timedelta(0))
    elif request.history_start and entity.is_history:
        # What was created after the start of the history was also updated after it.
        stamp, start = WMS_STAMP, request.history_start
    else:
        return {"limit": LIMIT}
    end = {f"{stamp}[lte]": wire_time(request.until)} if request.until else {}
    return {f"{stamp}[gte]": wire_time(start), **end, "limit": LIMIT}


def wire_time(moment: datetime) -> str:
    """Return a moment as Trackstar's filters expect it. A fraction is dropped, which requests more rather than less."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def accept_page(client: Client, answer: Answer) -> Answer:
    is_unknown = answer.status == 422 and TRACKSTAR_STAMP.encode() in answer.body
    if is_unknown and not client.learned.get(NO_TRACKSTAR_DATES):
        raise _UnknownStamp(Kind.CONTRACT, "Trackstar can't filter by its own stamp.")
    return accept(client, answer)


def lookup(listing: RestList, client: Client, ids: Sequence[str]) -> Page:
    """Return the records of at most 100 ids; those that are gone are missing."""
    # The filter separates ids by commas, so an id with a comma is requested alone.
    listed = [external_id for external_id in ids if "," not in external_id]
    pages = [_fetch_listed(listing, client, listed)] if listed else []
    pages += [fetch_one(listing, client, external_id) for external_id in ids if "," in external_id]
    page = join_pages(pages)
    return replace(page, records=[record for record in page.records if record.external_id in ids])


def _fetch_listed(listing: RestList, client: Client, ids: Sequence[str]) -> Page:
    answer = accept(client, client.get(listing.path, {"ids[in]": ",".join(ids)}, ok=ERROR_STATUSES))
    page, envelope = listing.mapping.decode_page(answer, "data")
    if BY_TOKEN.next_cursor(None, page, envelope) is not None and page.item_count < len(ids):
        # With `ids[in]` a page token is ignored, so what is missing here can't be told from what is gone.
        raise broken("a list by ids came in pages")
    return page


def fetch_one(listing: RestList, client: Client, external_id: str) -> Page:
    """Return a page of one record, or an empty page if Trackstar answers 404."""
    answer = client.get(f"{listing.path}/{quote(external_id, safe='')}", ok=ERROR_STATUSES)
    if answer.status == 404:
        return Page((), clock=answer.clock)
    return listing.mapping.decode_record(accept(client, answer), "data")


def trackstar_list(entity: Entity, path: str, item_mapping: ItemMapping[Any], gone: Sequence[int] = ()) -> RestList:
    """Return the list of an entity at a path."""
    return RestList(
        path=path,
        items_key="data",
        mapping=item_mapping,
        paging=BY_TOKEN,
        filters=partial(filters, entity),
        accept=accept_page,
        expired=UNKNOWN_TOKEN_STATUSES,
        gone=gone,
    )


LISTS: Mapping[Entity, RestList] = {
    entity: trackstar_list(entity, path, item_mapping)
    for entity, path, item_mapping in (
        (Entity.ORDERS, "/wms/orders", mapping.ORDERS),
        (Entity.INVENTORY, "/wms/inventory", mapping.INVENTORY),
        (Entity.INBOUND_SHIPMENTS, "/wms/inbound-shipments", mapping.INBOUND_SHIPMENTS),
        (Entity.PRODUCTS, "/wms/products", mapping.PRODUCTS),
        (Entity.CUSTOMERS, "/wms/warehouse-customers", mapping.CUSTOMERS),
        (Entity.RETURNS, "/wms/returns", mapping.RETURNS),
        (Entity.WAREHOUSES, "/wms/warehouses", mapping.WAREHOUSES),
        (Entity.SHIPPING_METHODS, "/wms/shipping-methods", mapping.SHIPPING_METHODS),
        (Entity.SUPPLIERS, "/wms/inbound-shipments/suppliers", mapping.SUPPLIERS),
        (Entity.ORDER_CHANNELS, "/wms/orders/channels", mapping.CHANNELS),
        # Empty or refused until Trackstar's support enables them.
        (Entity.BILLS, "/wms/billing", mapping.BILLS),
    )
}
WAREHOUSES = LISTS[Entity.WAREHOUSES]


def fetch_locations(client: Client, request: FetchRequest, cursor: Cursor | None) -> Page:
    """Return one page of warehouse locations, which Trackstar lists warehouse by warehouse.

    The cursor holds the warehouses that are `left`, the `token` of the first one's next page, and the token of `more`
    warehouses. Pages of warehouses hold no records.
    """
    left, token, more = (cursor["left"], cursor["token"], cursor["more"]) if cursor else ([], None, None)
    if not left:
        page = WAREHOUSES.fetch(client, FetchRequest(), more)
        # A warehouse that was rejected still has locations.
        ids = [record.external_id for record in page.records] + [rejected.external_id for rejected in page.rejected]
        if not all(ids):
            raise broken("a warehouse without an id")
        return Page((), cursor=_locations_cursor(ids, None, page.cursor), clock=page.clock)
    path = f"{WAREHOUSES.path}/{quote(left[0], safe='')}/locations"
    # 404: the warehouse was removed after the warehouses were listed, and its locations with it.
    locations = trackstar_list(Entity.WAREHOUSE_LOCATIONS, path, mapping.LOCATIONS, gone=(404,))
    page = locations.fetch(client, request, token)
    return replace(page, cursor=_locations_cursor(left if page.cursor else left[1:], page.cursor, more))


def _locations_cursor(left: Sequence[Any], token: str | None, more: str | None) -> Cursor | None:
    return {"left": left, "token": token, "more": more} if left or more else None


def _resource(entity: Entity, listing: RestList) -> Resource:
    has_lookup = entity not in WITHOUT_LOOKUP
    return Resource(
        partial(fetch, listing),
        overlap=OVERLAP,
        incremental=entity in INCREMENTAL,
        lookup=partial(lookup, listing) if has_lookup else None,
        single=partial(fetch_one, listing) if has_lookup else None,
    )


RESOURCES = {
    **{entity: _resource(entity, listing) for entity, listing in LISTS.items()},
    Entity.WAREHOUSE_LOCATIONS: Resource(fetch_locations, incremental=False),
}
