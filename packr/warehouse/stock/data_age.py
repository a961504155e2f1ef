"""How old the numbers are that a stock check is made with."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache

from integrations.entities import Entity
from integrations.models import Connection

from ..signals import age_asked

REMEMBERED = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Age:
    """Of a mirrored entity: what people see as its freshness, up to when it was read, and how long that will do."""

    as_of: datetime | None = None
    read_at: datetime | None = None
    good_for: timedelta = timedelta(0)


def age(connection: Connection, entity: Entity) -> Age:
    """The age of an entity's mirror, as whoever reads it says."""
    for _, answer in age_asked.send(Connection, connection=connection, entity=entity):
        if isinstance(answer, Age):
            return answer
    return Age()


def note(connection: Connection, ids: Iterable[str], moment: datetime) -> None:
    """Remember that these inventory items were read in the WMS by themselves."""
    cache.set_many({_key(connection, one): moment for one in ids}, REMEMBERED.total_seconds())


def noted(connection: Connection, ids: Iterable[str]) -> dict[str, datetime]:
    """When these inventory items were last read by themselves, those that were lately."""
    keys = {_key(connection, one): one for one in ids}
    return {keys[key]: moment for key, moment in cache.get_many(keys).items()}


def _key(connection: Connection, external_id: str) -> str:
    # What an id may hold is more than a cache key may.
    return f"counted:{connection.pk}:{external_id.encode().hex()}"[:240]
