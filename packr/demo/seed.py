"""The demo's data: a workspace with two brands, a person per role, and a live sandbox WMS."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import BrandMapping, Connection
from integrations.services import Account, connect
from packr.demo.sandbox.account import connection_id
from packr.warehouse.models import Customer
from packr.workspaces.models import Brand, Workspace
from packr.workspaces.services import save_workspace
from syncs.models import EntitySchedule

PASSWORD = "packr-demo"
SUPPORT = "Support"
# Shorter than the defaults, so that changes appear while you watch.
CADENCES = {
    Entity.ORDERS: 10,
    Entity.ORDER_SHIPMENTS: 10,
    Entity.INVENTORY: 10,
    Entity.INBOUND_SHIPMENTS: 20,
    Entity.PRODUCTS: 60,
    Entity.CUSTOMERS: 60,
}
BRANDS = {"northbay-goods": "Northbay Goods", "harbor-and-pine": "Harbor & Pine"}


def people() -> Workspace:
    """Create the workspace and its people: `admin` and `member`, and `support` outside it. Return the workspace."""
    workspace = save_workspace(
        "demo", name="Demo workspace", timezone="America/New_York", admins=["admin"], members=["member"]
    )
    users = get_user_model().objects
    support, _ = users.get_or_create(username="support")
    support.is_staff = True
    support.save(update_fields=["is_staff"])
    support.groups.add(Group.objects.get(name=SUPPORT))
    for user in users.filter(username__in=["admin", "member", "support"]):
        if not user.check_password(PASSWORD):
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
    for slug, name in BRANDS.items():
        Brand.objects.get_or_create(workspace=workspace, slug=slug, defaults={"name": name})
    return workspace


def credentials() -> dict[str, str]:
    """Return the credentials of the sandbox's first account."""
    return {"api_key": "sandbox", "access_token": "sandbox-1", "connection_id": connection_id(1)}


def connection(workspace: Workspace, address: str, credentials: dict[str, str]) -> Connection:
    """Return the workspace's connection to the sandbox, created by the same service as any other."""
    found = Connection.objects.filter(workspace=workspace, name="Sandbox").first()
    if found is None:
        found = connect(workspace, Account("trackstar", "Sandbox", credentials, base_url=address), person=_admin())
        _shorten_cadences(found)
    elif found.base_url != address:  # the sandbox got another port than last time
        found.base_url = address
        found.save(update_fields=["base_url"])
    return found


def _admin() -> Any:
    return get_user_model().objects.get(username="admin")


def _shorten_cadences(connection: Connection) -> None:
    for entity, seconds in CADENCES.items():
        schedules = EntitySchedule.objects.filter(connection=connection, entity=entity)
        schedules.update(every_seconds=seconds)
        schedules.exclude(next_due_at=None).update(next_due_at=now() + timedelta(seconds=seconds))


def is_filled(connection: Connection) -> bool:
    """Return whether every entity has had its first complete run."""
    return not EntitySchedule.objects.filter(connection=connection, enabled=True, as_of=None).exists()


def map_brands(connection: Connection) -> None:
    """Map each brand to the warehouse account with its name, once those are known."""
    for brand in Brand.objects.filter(workspace=connection.workspace, name__in=BRANDS.values()):
        account = Customer.objects.present().filter(connection=connection, name=brand.name).first()
        if account:
            BrandMapping.objects.get_or_create(brand=brand, connection=connection, customer_id=account.external_id)
