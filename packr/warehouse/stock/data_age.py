"""Age of the numbers that a stock check uses."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache

from integrations.entities import Entity
from integrations.models import Connection

from ..signals import age_requested

LIVE_READ_PERIOD = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Age:
    """Age of a mirrored entity: its as-of time, when it was read up to, and how long such a reading counts as fresh."""

    as_of: datetime | None = None
    read_at: datetime | None = None
    good_for: timedelta = timedelta(0)


def age(connection: Connection, entity: Entity) -> Age:
    """Return the age of an entity's mirror, from the app that syncs it; unknown if none does."""
    for _, answer in age_requested.send(Connection, connection=connection, entity=entity):
        if isinstance(answer, Age):
            return answer
    return Age()


def remember_live_read(connection: Connection, ids: Iterable[str], moment: datetime) -> None:
    """Remember for LIVE_READ_PERIOD when these inventory items were read live from the WMS."""
    cache.set_many({_cache_key(connection, one): moment for one in ids}, LIVE_READ_PERIOD.total_seconds())


def live_reads(connection: Connection, ids: Iterable[str]) -> dict[str, datetime]:
    """Return when these inventory items were last read live, those that were recently."""
    ids_by_key = {_cache_key(connection, one): one for one in ids}
    return {ids_by_key[key]: moment for key, moment in cache.get_many(ids_by_key).items()}


def _cache_key(connection: Connection, external_id: str) -> str:
    # Ids may contain characters that cache keys may not.
    return f"counted:{connection.pk}:{external_id.encode().hex()}"[:240]
