"""Warehouse locations, which Trackstar lists warehouse by warehouse.

A walk asks which warehouses there are, then for the locations of each; the cursor carries the warehouses that are left.
"""

from dataclasses import dataclass, replace
from urllib.parse import quote

from ...entities import Entity
from ...errors import CursorExpired
from ...http.client import Answer, Client
from ..base import Cursor, FetchRequest, Page, Resource
from . import mapping
from .resources import DEAD_TOKEN, EXPIRED_TOKEN, LIMIT, REFUSED, accept, broken, next_token

WAREHOUSES = "/wms/warehouses"


@dataclass(frozen=True, slots=True)
class Locations:
    """The listings of all warehouses, read as one."""

    entity: Entity = Entity.WAREHOUSE_LOCATIONS

    def resource(self) -> Resource:
        # No lookup: Trackstar finds a location only where its warehouse is known.
        return Resource(self.fetch, incremental=False)

    def fetch(self, client: Client, ask: FetchRequest, cursor: Cursor | None) -> Page:
        """One page: of the warehouses, which holds no records, or of the locations of the first one that is left."""
        if cursor is None or not cursor["left"]:
            return self._warehouses(client, cursor)
        return self._of_warehouse(client, ask, cursor)

    def _warehouses(self, client: Client, cursor: Cursor | None) -> Page:
        token = cursor["more"] if cursor else None
        answer = _asked(client, WAREHOUSES, token)
        page, envelope = mapping.WAREHOUSES.decode_page(accept(client, answer), "data")
        # A warehouse that can't be understood is the warehouses' own matter; its locations are read all the same.
        left = [str(record.external_id) for record in page.records]
        left += [one.external_id for one in page.rejected if one.external_id]
        if len(left) < len(page.records) + len(page.rejected):
            raise broken("a warehouse without an id")
        return Page((), cursor=_cursor(left, None, next_token(envelope)), clock=answer.clock)

    def _of_warehouse(self, client: Client, ask: FetchRequest, cursor: Cursor) -> Page:
        left, more = cursor["left"], cursor["more"]
        answer = _asked(client, f"{WAREHOUSES}/{quote(left[0], safe='')}/locations", cursor["token"])
        if answer.status == 404:
            # Gone since the warehouses were listed, and its locations with it.
            return Page((), cursor=_cursor(left[1:], None, more), clock=answer.clock)
        page, envelope = mapping.LOCATIONS.decode_page(accept(client, answer), "data", lazily=ask.lazily)
        token = next_token(envelope)
        return replace(page, cursor=_cursor(left if token else left[1:], token, more))


def _asked(client: Client, path: str, token: str | None) -> Answer:
    answer = client.get(path, {"limit": LIMIT} | ({} if token is None else {"page_token": token}), ok=REFUSED)
    if token is not None and answer.status in DEAD_TOKEN:
        raise CursorExpired(EXPIRED_TOKEN, detail=f"status {answer.status}")
    return answer


def _cursor(left: list[str], token: str | None, more: str | None) -> Cursor | None:
    """Where the walk goes on: the warehouses left, the page of the first one, the next page of warehouses."""
    return {"left": left, "token": token, "more": more} if left or more else None
