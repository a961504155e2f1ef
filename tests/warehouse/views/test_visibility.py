"""A brand sees the rows it is mapped to and no others."""

from typing import Any

import pytest
from django.test import Client

from packr.warehouse.models import Customer, Order, OrderShipment, Product, Warehouse
from packr.warehouse.visibility import seen_by
from packr.workspaces.request_context import RequestContext
from tests.kit import factories as make


@pytest.fixture
def context_for(workspace: Any) -> Any:
    def at(brand: Any = None) -> RequestContext:
        return RequestContext(workspace, brand, [workspace], [], may_sync=False)

    return at


@pytest.fixture
def other(workspace: Any) -> Any:
    return make.connection(workspace, "Other")


@pytest.fixture
def orders(connection: Any, other: Any) -> None:
    """Create orders of one customer id at two connections, of another customer, of none, and of another workspace."""
    elsewhere = make.connection(make.workspace("fernhill"), "Theirs")
    make.order(connection, order_number="one", warehouse_customer_id="c-1")
    make.order(connection, order_number="two", warehouse_customer_id="c-2")
    make.order(connection, order_number="nobody", warehouse_customer_id=None)
    make.order(connection, order_number="empty", warehouse_customer_id="")
    make.order(other, order_number="other-one", warehouse_customer_id="c-1")
    make.order(other, order_number="other-nobody", warehouse_customer_id=None)
    make.order(elsewhere, order_number="theirs", warehouse_customer_id="c-1")


def numbers(context: RequestContext) -> set[str]:
    return set(seen_by(Order.objects.all(), context).values_list("order_number", flat=True))


@pytest.mark.usefixtures("orders")
def test_mappings_decide_which_rows_a_brand_sees(workspace: Any, connection: Any, other: Any, context_for: Any) -> None:
    ours = {"one", "two", "nobody", "empty", "other-one", "other-nobody"}
    assert numbers(context_for()) == ours
    assert numbers(context_for(make.brand(workspace, "Acme", (connection, "c-1")))) == {"one"}
    both = make.brand(workspace, "Both", (connection, "c-1"), (other, "c-1"))
    assert numbers(context_for(both)) == {"one", "other-one"}
    assert numbers(context_for(make.brand(workspace, "Whole", (other, "")))) == {"other-one", "other-nobody"}
    mixed = make.brand(workspace, "Mixed", (connection, "c-2"), (other, ""))
    assert numbers(context_for(mixed)) == {"two", "other-one", "other-nobody"}
    assert numbers(context_for(make.brand(workspace, "Unmapped"))) == set()


def test_brand_sees_its_own_rows_and_every_warehouse(
    workspace: Any, connection: Any, other: Any, context_for: Any
) -> None:
    brand = context_for(make.brand(workspace, "Acme", (connection, "c-1")))
    for customer in ("c-1", "c-2"):
        make.customer(connection, customer, customer)
        make.product(connection, f"sku-{customer}", warehouse_customer_id=customer)
        order = make.order(connection, warehouse_customer_id=customer)
        make.order_shipment(order, shipment_id=f"shipment-{customer}")
    make.warehouse(connection, "wh", "Allentown")
    make.warehouse(other, "wh", "Not linked")
    assert [one.external_id for one in seen_by(Customer.objects.all(), brand)] == ["c-1"]
    assert [one.sku for one in seen_by(Product.objects.all(), brand)] == ["sku-c-1"]
    assert [one.shipment_id for one in seen_by(OrderShipment.objects.all(), brand)] == ["shipment-c-1"]
    assert [one.name for one in seen_by(Warehouse.objects.all(), brand)] == ["Allentown"]


@pytest.mark.usefixtures("orders")
def test_no_page_shows_rows_of_another_brand(member: Client, workspace: Any, connection: Any) -> None:
    make.brand(workspace, "Acme", (connection, "c-1"))
    page = member.get("/orders/?brand=acme").content.decode()
    assert ">one<" in page
    assert ">two<" not in page
    two = Order.objects.get(order_number="two")
    assert member.get(f"/orders/{two.pk}/").status_code == 404, "the session remembers the brand"
    assert member.get(f"/orders/{two.pk}/?brand=").status_code == 200
    assert member.get("/orders/?brand=not-ours").status_code == 404
