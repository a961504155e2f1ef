"""Lists of a REST API: GET a path with filters and a page, get JSON with the items under one key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import CursorExpired
from ..http.client import Answer, Client, explain
from .base import Cursor, FetchRequest, Page
from .decoding import ItemMapping
from .paging import Paging

ERROR_STATUSES = range(300, 600)


def raise_for_status(client: Client, answer: Answer) -> Answer:
    """Return the answer if it is a success. Raises the ConnectorError its status stands for."""
    if answer.status >= 300:
        raise explain(answer)
    return answer


def no_filters(client: Client, request: FetchRequest) -> Mapping[str, str]:
    """Return no query parameters: the list is always read whole."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestList:
    """One list endpoint. `filters` returns the query parameters that limit it to what a request wants.

    `accept` returns an answer that is a success and raises what any other stands for. `expired` are the statuses of a
    request for a page whose cursor the WMS no longer knows, `gone` those of a list that no longer exists and so counts
    as empty.
    """

    path: str
    items_key: str
    mapping: ItemMapping[Any]
    paging: Paging[Any]
    filters: Callable[[Client, FetchRequest], Mapping[str, str]] = no_filters
    accept: Callable[[Client, Answer], Answer] = raise_for_status
    expired: Sequence[int] = ()
    gone: Sequence[int] = ()

    def fetch(self, client: Client, request: FetchRequest, cursor: Cursor | None) -> Page:
        """Return the page at `cursor`. The filters are repeated with every page."""
        parameters = {**self.filters(client, request), **self.paging.parameters(cursor)}
        answer = client.get(self.path, parameters, ok=ERROR_STATUSES)
        if cursor is not None and answer.status in self.expired:
            raise CursorExpired("The WMS no longer accepts the page token.", detail=f"status {answer.status}")
        if answer.status in self.gone:
            return Page((), clock=answer.clock)
        page, envelope = self.mapping.decode_page(self.accept(client, answer), self.items_key, lazily=request.lazily)
        return replace(page, cursor=self.paging.next_cursor(cursor, page, envelope))
