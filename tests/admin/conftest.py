"""Fixtures for the admin: a signed-in support person, and workspaces with a row in every table."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from packr.help.models import SupportRequest
from packr.warehouse.models import Bill, OrderChannel, Return, Supplier, WarehouseLocation
from packr.workspaces import tokens
from packr.workspaces.models import Role
from syncs.models import Beat, DailyTally, EntitySchedule, Incident, Problem, RejectedRecord, State
from tests.kit import factories


@pytest.fixture(autouse=True)
def _own_cache(settings: Any) -> Iterator[None]:
    """Give each test a cache of its own."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    yield
    cache.clear()


@pytest.fixture
def support(support_group: Group) -> User:
    """Return a member of the Support group."""
    person = factories.person("sam", is_staff=True)
    person.groups.add(support_group)
    return person


@pytest.fixture
def desk(client: Client, support: User) -> Client:
    """Return a client signed in as support."""
    client.force_login(support)
    return client


@pytest.fixture
def root(db: None) -> Client:
    """Return a client signed in as a superuser."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    return browser


@pytest.fixture
def connection(db: None) -> Connection:
    return factories.connection(factories.workspace("northbay", timezone="Europe/Berlin"))


@pytest.fixture
def orders(connection: Connection) -> EntitySchedule:
    """Return the orders' schedule: synced 2 minutes ago, due in 3 minutes."""
    factories.synced(connection, at=now() - timedelta(minutes=2))
    schedule = connection.schedules.get(entity=Entity.ORDERS)
    schedule.next_due_at = now() + timedelta(minutes=3)
    schedule.save(update_fields=["next_due_at"])
    return schedule


def fill(slug: str) -> Connection:
    """Create a workspace with at least one row in every table of the admin. Return its connection."""
    home = factories.workspace(slug)
    factories.person(f"admin-{slug}", in_=home, role=Role.ADMIN)
    made = factories.connection(home)
    factories.brand(home, "Acme", (made, "customer-1"))
    tokens.create(home.memberships.get().user)
    SupportRequest.objects.create(workspace=home, message="Orders look old.", diagnosis="<b>Orders</b>: stale")
    failed = factories.run(made, Entity.PRODUCTS, state=State.FAILED)
    factories.synced(made, at=now() - timedelta(hours=3))
    RejectedRecord.objects.create(
        connection=made, run=failed, entity=Entity.PRODUCTS, external_id="p-9", reason="No SKU.", last_seen_at=now()
    )
    Incident.objects.create(
        problem=Problem.STALE, connection=made, entity=Entity.ORDERS, message="Old.", opened_at=now()
    )
    Beat.objects.create(name=f"worker {slug}:12", at=now())
    DailyTally.objects.create(connection=made, entity=Entity.ORDERS, day=now().date(), runs=288, succeeded=287)
    factories.run(made, Entity.CUSTOMERS, state=State.NEEDS_REVIEW, held=3)
    order = factories.order(made, order_number="N-1", lines=(("SKU-1", 2, "9.50"),), record={"note": "<b>fragile</b>"})
    factories.order_shipment(order)
    factories.inventory(made, "SKU-1", levels={"w-1": 4})
    factories.product(made, "SKU-1")
    factories.inbound_shipment(made, lines=(("SKU-1", 5, 3),))
    factories.warehouse(made, "w-1", "Hamburg")
    factories.customer(made, "customer-1", "Acme Ltd")
    factories.shipping_method(made, "s-1", "Ground")
    for model in (Return, WarehouseLocation, Supplier, OrderChannel, Bill):
        factories.mirrored(model, made)
    factories.action(made, external_id=order.external_id)
    return made
