"""What a connector is: a description of one WMS's API, and the functions that read it.

A connector knows neither the database nor Django. The engine decides what to ask and when; a `Resource` says how.
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

Cursor = Any  # JSON: where a walk goes on; opaque to everyone but the resource that made it


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to read of an entity, in the WMS's own time (aware UTC).

    `since`: only what changed at that moment or later (None: everything). `until`: nothing that is stamped later than
    that; a WMS that can't be asked so may leave it out. `border`: for a history entity that is read in full, or for a
    window of dates (which ends at `until`), how far back: what was updated after it or, where a WMS can't tell, created
    after it or still open. `lazily`: items may be left unread, to be read later or, where they are known, not at all.
    """

    since: datetime | None = None
    until: datetime | None = None
    border: datetime | None = None
    lazily: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that could not be understood: its id if that much is known, the reason, a bounded excerpt."""

    external_id: str | None
    reason: str
    excerpt: str


class Unread(msgspec.Struct, frozen=True, gc=False):
    """One item of a page that nobody has read yet: its id, its bytes with a digest of them, and what reads them.

    A row that was read from the same source needs no reading.
    """

    external_id: str
    source: bytes
    item: msgspec.Raw
    reader: Callable[[msgspec.Raw], Record | Rejected]

    def read(self) -> Record | Rejected:
        """The record, or why there is none."""
        return self.reader(self.item)


class Unopened(Protocol):
    """A page's items that nobody has told from each other yet."""

    def opened(self) -> "Page":
        """A page of these items, which are left unread where their id can be told."""

    def read(self) -> "Page":
        """A page of these items, all read: quicker than to open it where no item is known."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a WMS. `cursor` None means it was the last one. `clock` is the WMS's Date as it answered.

    `learned` holds facts about this account that later runs should know from the start. `sources` are those of the
    records, by id, where the connector knows them. What was asked lazily may be `unopened`, to be opened when there
    is time for that, and then has items that are `unread`.
    """

    records: Sequence[Record]
    rejected: Sequence[Rejected] = ()
    cursor: Cursor | None = None
    clock: datetime | None = None
    learned: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, bytes] = field(default_factory=dict)
    unread: Sequence[Unread] = ()
    unopened: Unopened | None = None

    def opened(self) -> "Page":
        """The page with its items told from each other, which are left unread."""
        return self._of(self.unopened.opened()) if self.unopened else self

    def read(self, known: Collection[str] = ()) -> "Page":
        """The page with what was left unread now read, except the items of ids that are `known`."""
        if self.unopened:
            return self.opened().read(known) if known else self._of(self.unopened.read())
        if not self.unread:
            return self
        unread = {one.external_id: one for one in self.unread}  # of an id that comes twice, the later item counts
        found = [one.read() for external_id, one in unread.items() if external_id not in known]
        return replace(
            self,
            records=[*self.records, *(one for one in found if not isinstance(one, Rejected))],
            rejected=[*self.rejected, *(one for one in found if isinstance(one, Rejected))],
            sources={**self.sources, **{external_id: one.source for external_id, one in unread.items()}},
            unread=(),
        )

    def _of(self, items: "Page") -> "Page":
        """This page with these items."""
        return replace(items, cursor=self.cursor, clock=self.clock, learned=self.learned)


Fetch = Callable[[Client, FetchRequest, Cursor | None], Page]
Lookup = Callable[[Client, Sequence[str]], Page]
Single = Callable[[Client, str], Page]


@dataclass(frozen=True, slots=True)
class Resource:
    """How a connector reads one entity.

    `fetch` gets one page: (client, ask, cursor), cursor None for the first. `overlap` is how far each incremental
    reaches back behind the watermark. `incremental` False: the WMS can't be asked for changes only. `lookup` reads
    given ids, at most `lookup_size` at a time; ids that are gone are simply not in the answer. `single` asks for one
    id alone: when it finds nothing, the WMS has said that there is no such record.
    """

    fetch: Fetch
    overlap: timedelta = timedelta(minutes=15)
    incremental: bool = True
    lookup: Lookup | None = None
    lookup_size: int = 100
    single: Single | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """One field of the form that connects a WMS. `secret` values are never shown again."""

    name: str
    label: str
    help: str = ""
    secret: bool = True
    required: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """What a check of a connection found: the WMS's clock, and what a person should know (empty: all well)."""

    clock: datetime | None
    account: str = ""
    warning: str = ""


class Connector:
    """A description of one WMS. Subclasses fill the class attributes in and answer `client` and `check`."""

    slug: ClassVar[str]
    label: ClassVar[str]
    credentials: ClassVar[tuple[Credential, ...]]
    resources: ClassVar[Mapping[Entity, Resource]]
    # Entities that arrive inside another one's records and have no run of their own.
    read_with: ClassVar[Mapping[Entity, Entity]] = {}
    actions: ClassVar[Mapping[ActionKind, Operation]] = {}
    base_url: ClassVar[str] = ""  # empty: every account has its own, and connecting asks for it
    reads_per_second: ClassVar[float | None] = None  # 80 % of the WMS's limit: people's actions take the rest
    is_copy: ClassVar[bool] = False  # its API answers from a copy of the WMS, whose age `crawled` tells
    identity: ClassVar[tuple[str, ...]]  # the credentials that tell one account from another

    @classmethod
    def entities(cls) -> tuple[Entity, ...]:
        """The entities this WMS offers, in Entity's order."""
        return tuple(entity for entity in Entity if entity in cls.resources or entity in cls.read_with)

    @classmethod
    def account_key(cls, base_url: str, credentials: Mapping[str, str]) -> str:
        """The same text for every connection to the same account, without giving the credentials away."""
        parts = [cls.slug, base_url, *(credentials.get(name, "") for name in cls.identity)]
        return f"{cls.slug}:{sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"

    @classmethod
    def sign(cls, client: Client) -> None:
        """Put on a new client what identifies the account, for instance headers. Asks the network nothing."""

    @classmethod
    def check(cls, client: Client, *, connecting: bool = False) -> ConnectionHealth:
        """Ask the WMS one question that shows whether the connection works; ConnectorError says why not.

        When `connecting`, every credential is tried, which may take a question more.
        """
        raise ConnectionError(f"{cls.__name__} has no check")

    @classmethod
    def probe(cls, client: Client, entity: Entity, clock: datetime) -> None:
        """Ask for as little of an entity as can be asked for; ConnectorError says why it can't be read.

        `clock` is the WMS's time (aware UTC): what changed since then is next to nothing.
        """
        cls.resources[entity].fetch(client, FetchRequest(since=clock, lazily=True), None)

    @classmethod
    def crawled(cls, client: Client) -> Mapping[Entity, datetime]:
        """For an API that is itself a copy of a WMS: when it last began to read each entity there. Else empty."""
        return {}
