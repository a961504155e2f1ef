"""Who may see bills: the one entity that needs a permission of its own, `view_bills`."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from packr.workspaces import access
from packr.workspaces.models import VIEW_BILLS, Workspace

from .entities import Entity
from .models import Connection


def view_permission(entity: str) -> str:
    """Return the permission needed to see the data, state and runs of `entity`; empty if every member may."""
    return VIEW_BILLS if entity == Entity.BILLS else ""


def is_visible(entity: str, *, bills: bool) -> bool:
    """Return whether a person sees `entity`; `bills`: whether they may see bills."""
    return bills or not view_permission(entity)


def visible_entities(entities: Iterable[Entity], *, bills: bool) -> list[Entity]:
    """Return those of `entities` that a person sees, in the same order."""
    return [entity for entity in entities if is_visible(entity, bills=bills)]


def hidden_entities(*, bills: bool) -> list[Entity]:
    """Return the entities that a person does not see; for `exclude(entity__in=…)`."""
    return [entity for entity in Entity if not is_visible(entity, bills=bills)]


def may_view_bills(user: Any, connection: Connection) -> bool:
    """Return whether `user` may see the connection's bills. Queries nothing if its WMS has none."""
    return Entity.BILLS in connection.connector.entities() and access.allows(user, VIEW_BILLS, connection.workspace)


def workspaces_with_bills(user: Any) -> QuerySet[Workspace]:
    """Return the workspaces whose bills `user` may see."""
    return access.workspaces(user).filter(access.holds(user, VIEW_BILLS))
