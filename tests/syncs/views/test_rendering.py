"""Views and the context processor load the sync data of a page, so rendering it runs no query."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.template import Context, Template
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Status
from packr.warehouse.models import Product
from syncs import sync_requests
from syncs.models import Mode, State
from tests.kit import factories as make


@pytest.fixture
def rendering(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that collects the statements run while a template renders."""
    statements: list[str] = []
    render: Callable[[Template, Context], Any] = Template._render

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    def watched(self: Template, context: Context) -> Any:
        with database.execute_wrapper(record):
            return render(self, context)

    monkeypatch.setattr(Template, "_render", watched)
    return statements


@pytest.fixture
def addresses(workspace: Any, connection: Any, member_user: Any) -> list[str]:
    """Return pages of a workspace in which everything that a page can report occurs."""
    make.synced(connection, Entity.ORDERS, at=now() - timedelta(hours=3))
    make.synced(connection, Entity.INVENTORY)
    running = make.run(connection, Entity.INVENTORY, state=State.RUNNING, seen=12)
    held = make.run(connection, Entity.PRODUCTS, state=State.NEEDS_REVIEW, mode=Mode.FULL, held=40)
    partial = make.run(connection, Entity.CUSTOMERS, state=State.PARTIAL, seen=1, rejected=1)
    make.connection(workspace, "Other", status=Status.NEEDS_ATTENTION)
    sync_requests.request_sync(connection, Entity.ORDERS, person=member_user)
    product = make.mirrored(Product, connection, name="Mug")
    here = f"/settings/integrations/{connection.pk}/"
    return [
        "/settings/integrations/",
        "/settings/integrations/history/",
        "/settings/integrations/why/orders/",
        here,
        f"{here}data/orders/",
        f"{here}data/order-shipments/",
        f"{here}history/",
        f"{here}settings/",
        f"{here}sync/",
        f"{here}sync/?run={running.pk}",
        f"{here}sync/confirm/?group=everything",
        f"{here}runs/{running.pk}/",
        f"{here}runs/{held.pk}/",
        f"{here}runs/{held.pk}/held/",
        f"{here}runs/{partial.pk}/",
        "/orders/",
        "/products/",
        f"/products/{product.pk}/",
        f"/products/{product.pk}/history/",
        "/help/",
        "/nothing/like/this/",
    ]


@pytest.mark.parametrize("role", ["admin", "member"])
def test_rendering_a_page_runs_no_query(
    request: pytest.FixtureRequest, role: str, addresses: list[str], rendering: list[str]
) -> None:
    client: Client = request.getfixturevalue(role)
    queries = {}
    for address in addresses:
        client.get(address)
        queries[address] = list(rendering)
        rendering.clear()
    assert {address: statements for address, statements in queries.items() if statements} == {}
