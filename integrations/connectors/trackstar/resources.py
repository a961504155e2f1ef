"""How Trackstar's lists are read.

Facts: docs.trackstarhq.com "About the API" and the skill "trackstar-sync" (2026), OpenAPI document (October 2025).
`next_token` null is the only end of a list; filters have to be repeated with every page; `gte` includes its border;
dates are UTC with `Z` and without fractions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ...entities import Entity
from ...errors import CONTACT_SUPPORT, ConnectorError, CursorExpired, Kind
from ...http.client import Answer, Client, explain
from ..base import Cursor, FetchRequest, Page, Resource
from ..decoding import ItemMapping
from ..parsing import clean

LIMIT = "1000"
REFUSED = range(300, 600)
OVERLAP = timedelta(minutes=15)
# By the WMS's own times changes can turn up late by a whole crawl, which is hourly: then twice that is read again.
OVERLAP_BY_WMS_TIME = timedelta(hours=2)
TRACKSTAR_STAMP = "trackstar_updated_date"
WMS_STAMP = "updated_date"
NO_TRACKSTAR_DATES = "no_trackstar_dates"
QUOTED = 200
# How a page token that is no longer known may be refused.
DEAD_TOKEN = (400, 404, 410, 422)
EXPIRED_TOKEN = "Trackstar no longer accepts the page token of this list."


@dataclass(frozen=True, slots=True)
class Listing:
    """One list endpoint: its path and the shape of what it lists. `has_single`: one record can be asked for as well."""

    entity: Entity
    path: str
    mapping: ItemMapping[Any]
    incremental: bool = True
    has_single: bool = True

    def resource(self) -> Resource:
        lookup, single = (self.lookup, self.single) if self.has_single else (None, None)
        return Resource(self.fetch, overlap=OVERLAP, incremental=self.incremental, lookup=lookup, single=single)

    def fetch(self, client: Client, ask: FetchRequest, cursor: Cursor | None) -> Page:
        """One page. The cursor holds Trackstar's token and by which stamp this walk asks for changes."""
        token = cursor["token"] if cursor else None
        stamp = cursor["stamp"] if cursor else _stamp(client)
        answer = self._ask(client, ask, stamp, token)
        learned = {}
        if token is None and stamp == TRACKSTAR_STAMP and _unknown_stamp(answer):
            stamp, learned = WMS_STAMP, {NO_TRACKSTAR_DATES: True}
            answer = self._ask(client, ask, stamp, token)
        if token is not None and answer.status in DEAD_TOKEN:
            raise CursorExpired(EXPIRED_TOKEN, detail=detail(answer))
        page, envelope = self.mapping.decode_page(accept(client, answer), "data", lazily=ask.lazily)
        token = next_token(envelope)
        return replace(page, cursor=None if token is None else {"token": token, "stamp": stamp}, learned=learned)

    def _ask(self, client: Client, ask: FetchRequest, stamp: str, token: str | None) -> Answer:
        params = {**self._window(ask, stamp), "limit": LIMIT}
        if token is not None:
            params["page_token"] = token
        return client.get(self.path, params, ok=REFUSED)

    def _window(self, ask: FetchRequest, stamp: str) -> dict[str, str]:
        if ask.since and self.incremental:
            earlier = OVERLAP_BY_WMS_TIME - OVERLAP if stamp == WMS_STAMP else timedelta(0)
            window = {f"{stamp}[gte]": wire_time(ask.since, earlier)}
            return window | _end(ask, stamp)
        if ask.history_start and self.entity.is_history:
            # What was created after the border was also updated after it.
            return {f"{WMS_STAMP}[gte]": wire_time(ask.history_start)} | _end(ask, WMS_STAMP)
        return {}

    def lookup(self, client: Client, ids: Sequence[str]) -> Page:
        """The records of given ids, at most 100; those that are gone are not in the answer."""
        listed = [one for one in ids if "," not in one]
        found = [self._listed(client, listed)] if listed else []
        # The filter separates ids by commas, so an id that holds one is read by itself.
        found += [self.single(client, one) for one in ids if "," in one]
        records = [record for page in found for record in page.records if record.external_id in ids]
        rejected = [one for page in found for one in page.rejected]
        return Page(records, rejected, clock=found[0].clock if found else None)

    def _listed(self, client: Client, ids: Sequence[str]) -> Page:
        answer = accept(client, client.get(self.path, {"ids[in]": ",".join(ids)}, ok=REFUSED))
        page, envelope = self.mapping.decode_page(answer, "data")
        if next_token(envelope) is not None and len(page.records) + len(page.rejected) < len(ids):
            # With `ids[in]` a page token is ignored: what is missing here can't be told from what is gone.
            raise broken("a list by ids came in pages")
        return page

    def single(self, client: Client, external_id: str) -> Page:
        """The record of one id, asked for by itself; none when Trackstar answers 404."""
        answer = client.get(f"{self.path}/{quote(external_id, safe='')}", ok=REFUSED)
        if answer.status == 404:
            return Page((), clock=answer.clock)
        return self.mapping.decode_record(accept(client, answer), "data")


def _end(ask: FetchRequest, stamp: str) -> dict[str, str]:
    return {f"{stamp}[lte]": wire_time(ask.until)} if ask.until else {}


def wire_time(moment: datetime, earlier: timedelta = timedelta(0)) -> str:
    """A moment as Trackstar's filters take it; a fraction is dropped, which asks for more rather than less."""
    return (moment - earlier).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stamp(client: Client) -> str:
    return WMS_STAMP if client.learned.get(NO_TRACKSTAR_DATES) else TRACKSTAR_STAMP


def _unknown_stamp(answer: Answer) -> bool:
    """True when Trackstar refused the filter by its own stamp, which its specification of 2025 does not have."""
    return answer.status == 422 and TRACKSTAR_STAMP.encode() in answer.body


def next_token(rest: Mapping[str, Any]) -> str | None:
    """The token of the page after this one; None after the last. ConnectorError(contract) when it is neither."""
    token = rest.get("next_token", "")
    if token is None:
        return None
    if not isinstance(token, str) or not token or clean(token) != token:
        raise broken("no usable next_token")
    return token


def accept(client: Client, answer: Answer) -> Answer:
    """The answer itself when it is a success; else the error it stands for, with Trackstar's words where they help."""
    if answer.status < 300:
        return answer
    quote = "" if answer.status in (401, 429) else _said(client, answer)
    raise explain(answer, quote=quote, detail=detail(answer))


def broken(detail: str) -> ConnectorError:
    """The error for an answer that Packr can't trust."""
    return ConnectorError(
        Kind.CONTRACT,
        "Trackstar's response does not have the documented form.",
        CONTACT_SUPPORT,
        detail=detail,
    )


def _said(client: Client, answer: Answer) -> str:
    """Whose words an error body holds, and the words."""
    try:
        body = answer.json()
    except ConnectorError:
        return ""  # a web page, say: the status has already told what there is to tell
    words = quoted(client, body.get("error")) if isinstance(body, dict) else ""
    if not words:
        return ""
    who = "The WMS behind Trackstar" if body.get("origin") == "integration" else "Trackstar"
    return f"{who} says: {words}"


def quoted(client: Client, words: Any) -> str:
    """Foreign words made safe to show: one line, short, in quotation marks; nothing when they repeat a credential."""
    line = plain_words(client, words)
    return f"“{line}”" if line else ""


def plain_words(client: Client, words: Any, longest: int = QUOTED) -> str:
    """The same without quotation marks."""
    if not isinstance(words, str):
        return ""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in clean(words[:5000])).split())
    if not line or any(secret and secret in words for secret in client.headers.values()):
        return ""
    return f"{line[:longest]}{'…' if len(line) > longest else ''}"


def detail(answer: Answer) -> str:
    """For the log: the status and, for Trackstar's support, the number of the request."""
    number = "".join(sign for sign in answer.headers.get("X-Request-Id", "") if sign.isalnum() or sign in "-_.")
    return f"status {answer.status}, request {number[:60]}" if number else f"status {answer.status}"
