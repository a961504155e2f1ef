"""A live check before anything is stored: whether the login works, and what the account may read."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec
from django.core.cache import cache
from django.utils.timezone import now

from packr.workspaces.errors import Refused
from packr.workspaces.models import Workspace

from .connectors.base import Connector
from .entities import Entity
from .errors import ConnectorError, Kind
from .http.client import Client
from .services import NOTHING_STORED, Account, OffReason, checked, draft

PROBE_TIMEOUT = timedelta(seconds=20)  # entities not checked by then are left to the first sync
MAX_CHECKS, CHECK_WINDOW = 10, timedelta(minutes=10)
NOT_CHECKED = "Not checked yet. The first sync will show whether it can be read."


class Access(StrEnum):
    """Whether an account may read an entity."""

    READABLE = "readable"
    FORBIDDEN = "forbidden"
    NOT_OFFERED = "not_offered"
    UNKNOWN = "unknown"


ACCESS_AFTER = {Kind.FORBIDDEN: Access.FORBIDDEN, Kind.NOT_OFFERED: Access.NOT_OFFERED}


@dataclass(frozen=True, slots=True)
class EntityAccess:
    """The access to one entity; `reason` says why it can't be read, or why that is unknown."""

    entity: Entity
    access: Access
    reason: str = ""

    @property
    def is_wanted(self) -> bool:
        """Whether syncing the entity can succeed."""
        return self.access in (Access.READABLE, Access.UNKNOWN)

    @property
    def off(self) -> OffReason | None:
        """Why the entity starts switched off; None if it can be read."""
        return None if self.is_wanted else OffReason(self.reason, offered=self.access != Access.NOT_OFFERED)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The account's name at the WMS, a warning for the person, and the access to each entity."""

    account: str
    warning: str
    entities: tuple[EntityAccess, ...]

    def as_json(self) -> Any:
        return msgspec.to_builtins(self)


def result_from_json(found: Any) -> CheckResult:
    """Return the result that `as_json` wrote."""
    return msgspec.convert(found, CheckResult)


def check(workspace: Workspace, account: Account) -> CheckResult:
    """Check an account live and read a little of each entity. Stores nothing.

    Raises Refused for wrong values, after too many checks, and if the login does not work.
    """
    connection = draft(workspace, account)
    count_check(workspace)
    with checked(connection, NOTHING_STORED) as (client, health):
        entities = tuple(_check_entities(connection.connector, client, health.clock or now()))
    return CheckResult(health.account, health.warning, entities)


def _check_entities(connector: type[Connector], client: Client, clock: datetime) -> Iterator[EntityAccess]:
    """Yield the access to each entity with a resource, in Entity's order; after a failure nothing is requested."""
    deadline = time.monotonic() + PROBE_TIMEOUT.total_seconds()
    has_failed = False
    for entity in Entity:
        if entity not in connector.resources:
            continue
        if has_failed or time.monotonic() > deadline:
            yield EntityAccess(entity, Access.UNKNOWN, NOT_CHECKED)
            continue
        found = _check_entity(connector, client, entity, clock)
        has_failed = found.access == Access.UNKNOWN
        yield found


def _check_entity(connector: type[Connector], client: Client, entity: Entity, clock: datetime) -> EntityAccess:
    try:
        connector.probe(client, entity, clock)
    except ConnectorError as error:
        if error.kind == Kind.CREDENTIALS:
            raise
        return EntityAccess(entity, ACCESS_AFTER.get(error.kind, Access.UNKNOWN), error.message_with(""))
    return EntityAccess(entity, Access.READABLE)


def count_check(workspace: Workspace) -> None:
    """Count one more live check of a login. Raises Refused after MAX_CHECKS within CHECK_WINDOW.

    Without a limit the form could be used to try passwords, or to make Packr call the hosts of others.
    """
    key = f"login-checks:{workspace.pk}:{int(time.time() // CHECK_WINDOW.total_seconds())}"
    count = cache.get(key, 0)
    if count >= MAX_CHECKS:
        minutes = int(CHECK_WINDOW.total_seconds() // 60)
        raise Refused(
            f"{MAX_CHECKS} logins were checked for this workspace within {minutes} minutes, which is the limit. "
            f"Nothing was stored. Try again in {minutes} minutes.",
            status=HTTPStatus.TOO_MANY_REQUESTS,
        )
    cache.set(key, count + 1, CHECK_WINDOW.total_seconds())
