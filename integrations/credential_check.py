"""A live check before anything is stored: whether the login works, and what the account may read."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

from django.core.cache import cache
from django.utils.timezone import now

from packr.workspaces.errors import Refused
from packr.workspaces.models import Workspace

from .connectors.base import Connector
from .entities import Entity
from .errors import ConnectorError, Kind
from .http.client import Client
from .services import NOTHING_STORED, Account, Off, checked, draft

PROBE_TIMEOUT = timedelta(seconds=20)  # after that, what was not asked for yet is left to the first sync
MAX_CHECKS, CHECK_WINDOW = 10, timedelta(minutes=10)
LATER = "It was not asked for; the first sync will tell."


class Access(StrEnum):
    """Whether an account may read an entity."""

    READABLE = "readable"
    FORBIDDEN = "forbidden"
    NOT_OFFERED = "not_offered"
    UNKNOWN = "unknown"


REFUSALS = {Kind.FORBIDDEN: Access.FORBIDDEN, Kind.NOT_OFFERED: Access.NOT_OFFERED}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a check found of one entity; `reason` says why it can't be read, or why that is not known."""

    entity: Entity
    access: Access
    reason: str = ""

    @property
    def is_wanted(self) -> bool:
        """Whether there is a point in syncing it."""
        return self.access in (Access.READABLE, Access.UNKNOWN)

    @property
    def off(self) -> Off | None:
        """Why it is off without anybody's wish; None for what can be read."""
        return None if self.is_wanted else Off(self.reason, offered=self.access != Access.NOT_OFFERED)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: the account's name at the WMS, what a person should know, and each entity."""

    account: str
    warning: str
    readings: tuple[Reading, ...]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "readings": [list(asdict(one).values()) for one in self.readings]}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """The verdict back from `as_json`."""
        readings = tuple(Reading(Entity(entity), Access(access), why) for entity, access, why in found["readings"])
        return cls(found["account"], found["warning"], readings)


def check(workspace: Workspace, account: Account) -> CheckResult:
    """Check an account live and ask for a little of each entity. Stores nothing.

    Raises Refused, also when the login does not work.
    """
    connection = draft(workspace, account)
    count_check(workspace)
    with checked(connection, NOTHING_STORED) as (client, health):
        readings = tuple(_readings(connection.connector, client, health.clock or now()))
    return CheckResult(health.account, health.warning, readings)


def _readings(connector: type[Connector], client: Client, clock: datetime) -> Iterator[Reading]:
    """One reading per entity that is read by itself, in Entity's order. An answer of trouble ends the asking."""
    ends = time.monotonic() + PROBE_TIMEOUT.total_seconds()
    trouble = ""
    for entity in Entity:
        if entity not in connector.resources:
            continue
        if not trouble and time.monotonic() > ends:
            trouble = LATER
        reading = Reading(entity, Access.UNKNOWN, trouble) if trouble else _reading(connector, client, entity, clock)
        if reading.access == Access.UNKNOWN:
            trouble = LATER
        yield reading


def _reading(connector: type[Connector], client: Client, entity: Entity, clock: datetime) -> Reading:
    try:
        connector.probe(client, entity, clock)
    except ConnectorError as error:
        if error.kind == Kind.CREDENTIALS:
            raise
        return Reading(entity, REFUSALS.get(error.kind, Access.UNKNOWN), error.message_with(""))
    return Reading(entity, Access.READABLE)


def count_check(workspace: Workspace) -> None:
    """Count one more live check of a login. Raises Refused after MAX_CHECKS within CHECK_WINDOW.

    Without a limit the form could be used to try passwords, or to make Packr call the hosts of others.
    """
    key = f"login-checks:{workspace.pk}:{int(time.time() // CHECK_WINDOW.total_seconds())}"
    made = cache.get(key, 0)
    if made >= MAX_CHECKS:
        minutes = int(CHECK_WINDOW.total_seconds() // 60)
        raise Refused(
            f"{MAX_CHECKS} logins were checked for this workspace within {minutes} minutes, which is the limit. "
            f"Nothing was stored. Try again in {minutes} minutes.",
            status=HTTPStatus.TOO_MANY_REQUESTS,
        )
    cache.set(key, made + 1, CHECK_WINDOW.total_seconds())
