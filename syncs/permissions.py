"""The WMS's bills are for those alone who may see them (`view_bills`): their data, their sync state, their runs."""

from typing import Any

from django.db.models import Q, QuerySet

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.models import VIEW_BILLS

from .models import SyncRun


def may_see_bills(user: Any, connection: Connection) -> bool:
    """Whether the person may see the bills of a connection. Asks nothing where there are none."""
    if Entity.BILLS not in connection.connector.entities():
        return False
    return access.allows(user, VIEW_BILLS, connection.workspace)


def visible_runs(user: Any) -> QuerySet[SyncRun]:
    """The runs in the person's workspaces, those of bills only where they may see bills."""
    allowed = access.workspaces(user).filter(access.holds(user, VIEW_BILLS))
    return access.visible(user, SyncRun.objects.all()).filter(
        ~Q(entity=Entity.BILLS) | Q(connection__workspace__in=allowed)
    )
