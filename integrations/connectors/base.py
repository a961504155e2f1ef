"""The parts a connector is described with: what it reads of one WMS's API, and how.

A connector imports neither the database nor Django. The engine decides what to request and when; a `Resource` says how.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Protocol

import msgspec

from ..entities import Entity
from ..http.client import Client
from ..records import Record
from .actions import ActionKind, Operation

Cursor = Any  # JSON that says where a pass continues; only the resource that made it reads it


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to read of an entity. All times are the WMS's own (aware UTC).

    `since`: only what changed at that moment or later (None: everything). `until`: nothing stamped later than that; a
    resource may ignore it if its WMS has no such filter. `history_start`: how far back a full run or a date window
    reads a history entity: what was updated after it or, if the WMS can't filter by that, what was created after it or
    is still open. `lazily`: items may stay unparsed.
    """

    since: datetime | None = None
    until: datetime | None = None
    history_start: datetime | None = None
    lazily: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be parsed: its id if that much is readable, the reason, a bounded excerpt."""

    external_id: str | None
    reason: str
    excerpt: str


class UnparsedItem(msgspec.Struct, frozen=True, gc=False):
    """One item of a page before it is parsed: its id, its source and its bytes.

    A row with the same source was made from the same bytes by the same mapping, so its item need not be parsed.
    """

    external_id: str
    source: bytes
    item: msgspec.Raw
    parse_bytes: Callable[[msgspec.Raw], Record | Rejected]

    def parse(self) -> Record | Rejected:
        """Return the record, or why there is none."""
        return self.parse_bytes(self.item)


class RawItems(Protocol):
    """The items of a page before anything is known of them, not even their ids."""

    def __len__(self) -> int:
        """Return how many items there are."""

    def identify(self) -> "Page":
        """Return a page of these items, unparsed where their ids are valid."""

    def parse(self) -> "Page":
        """Return a page of these items, all parsed. Faster than `identify` if no item is known."""


@dataclass(frozen=True, slots=True)
class Page:
    """One response of a list. `cursor` None marks the last page. `clock` is the WMS's Date header (aware UTC).

    `learned` holds facts about the account for later runs. `sources` are the sources of the records by id, where the
    connector has them. A lazily requested page may hold `raw_items` and, once identified, `unparsed` items instead of
    records.
    """

    records: Sequence[Record]
    rejected: Sequence[Rejected] = ()
    cursor: Cursor | None = None
    clock: datetime | None = None
    learned: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, bytes] = field(default_factory=dict)
    unparsed: Sequence[UnparsedItem] = ()
    raw_items: RawItems | None = None

    @property
    def item_count(self) -> int:
        """How many items the response held, parsed or not."""
        return len(self.records) + len(self.rejected) + len(self.unparsed) + len(self.raw_items or ())

    def identify(self) -> "Page":
        """Return the page with its raw items identified but unparsed."""
        return self._with_items(self.raw_items.identify()) if self.raw_items else self

    def parse(self, known: Collection[str] = ()) -> "Page":
        """Return the page with all items parsed, except those whose ids are `known`."""
        if self.raw_items:
            return self.identify().parse(known) if known else self._with_items(self.raw_items.parse())
        if not self.unparsed:
            return self
        unparsed = {item.external_id: item for item in self.unparsed}  # if an id comes twice, the later item counts
        parsed = [item.parse() for external_id, item in unparsed.items() if external_id not in known]
        return replace(
            self,
            records=[*self.records, *(result for result in parsed if not isinstance(result, Rejected))],
            rejected=[*self.rejected, *(result for result in parsed if isinstance(result, Rejected))],
            sources={**self.sources, **{external_id: item.source for external_id, item in unparsed.items()}},
            unparsed=(),
        )

    def _with_items(self, items: "Page") -> "Page":
        return replace(items, cursor=self.cursor, clock=self.clock, learned=self.learned)


def join_pages(pages: Sequence[Page]) -> Page:
    """Return one page of the records and rejections of several, with the clock of the first."""
    return Page(
        records=[record for page in pages for record in page.records],
        rejected=[rejected for page in pages for rejected in page.rejected],
        clock=pages[0].clock if pages else None,
    )


Fetch = Callable[[Client, FetchRequest, Cursor | None], Page]
Lookup = Callable[[Client, Sequence[str]], Page]
LookupOne = Callable[[Client, str], Page]


@dataclass(frozen=True, slots=True)
class Resource:
    """How a connector reads one entity.

    `fetch` returns one page; its cursor is None for the first. `overlap` is how far each incremental run reads back
    behind the watermark. `incremental` False: the WMS can't list changes only. `lookup` reads at most `lookup_size`
    records by id; the page lacks those that are gone. `single` requests one id alone: an empty page then proves that
    the WMS has no such record.
    """

    fetch: Fetch
    overlap: timedelta = timedelta(minutes=15)
    incremental: bool = True
    lookup: Lookup | None = None
    lookup_size: int = 100
    single: LookupOne | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """One field of the form that connects a WMS. Values of `secret` fields are never shown again."""

    name: str
    label: str
    help: str = ""
    secret: bool = True
    required: bool = True

    @property
    def noun(self) -> str:
        """The label inside a sentence: `access token`, `API key`."""
        return self.label if self.label[:2].isupper() else self.label[:1].lower() + self.label[1:]


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """The result of a connection check: the WMS's clock (aware UTC), and a warning for people (empty: all is well)."""

    clock: datetime | None
    account: str = ""
    warning: str = ""


class Connector:
    """The description of one WMS. Subclasses fill in the class attributes and implement `sign` and `check`."""

    slug: ClassVar[str]
    label: ClassVar[str]
    credentials: ClassVar[tuple[Credential, ...]]
    resources: ClassVar[Mapping[Entity, Resource]]
    # Entities that arrive inside the records of another one and have no run of their own.
    read_with: ClassVar[Mapping[Entity, Entity]] = {}
    actions: ClassVar[Mapping[ActionKind, Operation]] = {}
    base_url: ClassVar[str] = ""  # empty: every account has its own, so the connect form asks for it
    reads_per_second: ClassVar[float | None] = None  # 80 % of the WMS's limit; people's actions use the rest
    is_copy: ClassVar[bool] = False  # the API reads from a copy of the WMS; `crawled` returns the copy's age
    identity: ClassVar[tuple[str, ...]]  # the credentials that distinguish one account from another

    @classmethod
    def entities(cls) -> tuple[Entity, ...]:
        """Return the entities this WMS offers, in Entity's order."""
        return tuple(entity for entity in Entity if entity in cls.resources or entity in cls.read_with)

    @classmethod
    def account_key(cls, base_url: str, credentials: Mapping[str, str]) -> str:
        """Return a text that is the same for every connection to one account and reveals no credential."""
        parts = [cls.slug, base_url, *(credentials.get(name, "") for name in cls.identity)]
        return f"{cls.slug}:{sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"

    @classmethod
    def sign(cls, client: Client) -> None:
        """Prepare a new client for the account, for instance with headers. Sends no request."""

    @classmethod
    def check(cls, client: Client, *, connecting: bool = False) -> ConnectionHealth:
        """Send one request that shows whether the connection works. Raises ConnectorError if it doesn't.

        With `connecting`, every credential is tried, which may take one request more.
        """
        raise NotImplementedError(f"{cls.__name__} has no check")

    @classmethod
    def probe(cls, client: Client, entity: Entity, clock: datetime) -> None:
        """Request as little of an entity as possible. Raises ConnectorError if it can't be read.

        `clock` is the WMS's time (aware UTC): nearly nothing has changed since then.
        """
        cls.resources[entity].fetch(client, FetchRequest(since=clock, lazily=True), None)

    @classmethod
    def crawled(cls, client: Client) -> Mapping[Entity, datetime]:
        """Return when the copy behind the API last began to read each entity (aware UTC). Empty if it is no copy."""
        return {}
