"""Brand WMS mapping: its pages, permissions and suggestions, and that no row leaks."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.models import BrandMapping, Event, Status
from packr.warehouse import brand_mapping
from packr.warehouse.lists import listing, transaction_screens
from packr.warehouse.models import InboundShipment, InventoryItem, Order, OrderShipment, Product
from packr.warehouse.visibility import seen_by
from packr.workspaces.models import Brand
from packr.workspaces.request_context import RequestContext
from tests.kit import factories as make

BRANDS = "/settings/brands/"


def flat(response: Any) -> str:
    assert response.status_code in (200, 400)
    return " ".join(response.content.decode().split())


@pytest.fixture
def stocked(connection: Any) -> Any:
    """A connection with two customers' orders and items, and rows without a customer."""
    for customer, name in (("c-1", "Acme GmbH"), ("c-2", "Borealis Ltd"), (None, "")):
        if customer:
            make.customer(connection, customer, name)
        for number in range(4):
            make.order(
                connection,
                order_number=f"#{customer}-{number}",
                warehouse_customer_id=customer,
                created_at=now() - timedelta(hours=number),
            )
            make.inventory(connection, f"{customer}-SKU-{number}", warehouse_customer_id=customer)
    return connection


def link(client: Client, brand: Brand, connection: Any, customer: str) -> Any:
    return client.post(f"{BRANDS}{brand.pk}/link/", {"account": f"{connection.pk}:{customer}"}, follow=True)


def test_account_shows_sample_records(member: Client, workspace: Any, stocked: Any) -> None:
    """The customer's name, newest orders and some SKUs are shown, also to members."""
    brand = make.brand(workspace, "Acme", (stocked, "c-1"))
    page = flat(member.get(f"{BRANDS}{brand.pk}/"))
    mine = page.split('id="linked"')[1].split("</section>")[0]
    assert "Acme GmbH in Sandbox" in mine
    assert "#c-1-0, #c-1-1, #c-1-2" in mine
    assert "c-1-SKU-0, c-1-SKU-1" in mine
    others = page.split('id="accounts"')[1]
    assert "#c-2-0" in others
    assert "All of Sandbox" in others
    assert "<button" not in mine
    assert "Link Acme" not in others


def test_link_shows_records_immediately(admin: Client, admin_user: Any, workspace: Any, stocked: Any) -> None:
    brand = make.brand(workspace, "Acme")
    assert "No warehouse account is linked to Acme yet" in flat(admin.get("/orders/?brand=acme"))
    page = link(admin, brand, stocked, "c-1")
    assert page.redirect_chain == [(f"{BRANDS}{brand.pk}/", 303)]
    assert "Acme now shows Acme GmbH in Sandbox." in flat(page)
    orders = flat(admin.get("/orders/?brand=acme"))
    assert "#c-1-0" in orders
    assert "#c-2-0" not in orders
    event = Event.objects.get()
    assert (event.kind, event.person, event.text) == (
        "mapping",
        admin_user,
        "Acme was linked to Acme GmbH in Sandbox.",
    )
    assert "is already linked to Acme GmbH in Sandbox" in flat(link(admin, brand, stocked, "c-1"))
    assert BrandMapping.objects.count() == 1


def test_unlinking_hides_rows_and_keeps_them(admin: Client, workspace: Any, stocked: Any) -> None:
    brand = make.brand(workspace, "Acme", (stocked, "c-1"))
    made = BrandMapping.objects.get()
    response = admin.post(f"{BRANDS}links/{made.pk}/remove/", follow=True)
    assert "Acme no longer shows this account." in flat(response)
    assert "#c-1-0" not in flat(admin.get(f"/orders/?brand={brand.slug}"))
    assert Order.objects.filter(warehouse_customer_id="c-1").count() == 4
    assert Event.objects.get().text == "Acme is no longer linked to Acme GmbH in Sandbox."


def test_shared_account_shows_a_warning(admin: Client, workspace: Any, stocked: Any) -> None:
    """Two brands share the same customer, or one customer and the whole connection."""
    make.brand(workspace, "Acme", (stocked, "c-1"))
    apart = make.brand(workspace, "Borealis", (stocked, "c-2"))
    assert "Shared" not in flat(admin.get(BRANDS))
    page = flat(link(admin, apart, stocked, "c-1"))
    assert "Its records are also shown to Acme" in page
    assert "Records of this account are also shown to Acme." in page
    rows = flat(admin.get(BRANDS))
    assert "records of Acme GmbH in Sandbox are also shown to Borealis" in rows
    assert "records of Borealis Ltd in Sandbox are also shown to" not in rows
    make.brand(workspace, "Everything", (stocked, ""))
    assert "records of Borealis Ltd in Sandbox are also shown to Everything" in flat(admin.get(BRANDS))


def test_adding_a_brand(admin: Client, workspace: Any) -> None:
    response = admin.post(BRANDS, {"name": "  Harbor &  Pine "}, follow=True)
    made = Brand.objects.get()
    assert (made.name, made.slug, made.workspace) == ("Harbor & Pine", "harbor-pine", workspace)
    assert "Harbor &amp; Pine was added." in flat(response)
    for name, words in (("harbor pine", "already"), ("", "Enter a name"), ("\0", "Enter a name"), ("x" * 201, "200")):
        refused = admin.post(BRANDS, {"name": name})
        assert refused.status_code == 400
        assert words in flat(refused)
    assert Brand.objects.count() == 1


def test_only_admins_change_the_mapping(
    client: Client, member: Client, elsewhere: Client, workspace: Any, stocked: Any
) -> None:
    """Members can view, anonymous users sign in, and other workspaces get 404."""
    brand = make.brand(workspace, "Acme", (stocked, "c-1"))
    made = BrandMapping.objects.get()
    changes = [
        (f"{BRANDS}{brand.pk}/link/", {"account": f"{stocked.pk}:c-2"}),
        (f"{BRANDS}links/{made.pk}/remove/", {}),
    ]
    for address, form in changes:
        assert member.post(address, form).status_code == 403
        assert elsewhere.post(address, form).status_code == 404
        assert client.post(address, form).headers["Location"].startswith("/accounts/login/")
        assert member.get(address).status_code == 405
    assert member.post(BRANDS, {"name": "Mine"}).status_code == 403
    assert elsewhere.get(f"{BRANDS}{brand.pk}/").status_code == 404
    assert "Acme" not in flat(elsewhere.get(BRANDS))
    assert list(BrandMapping.objects.values_list("pk", flat=True)) == [made.pk]
    assert Brand.objects.count() == 1


def test_only_accounts_of_the_workspace_can_be_linked(admin: Client, workspace: Any, stocked: Any) -> None:
    theirs = make.connection(make.workspace("fernhill"), "Theirs")
    ended = make.connection(workspace, "Old", status=Status.DISCONNECTED)
    brand = make.brand(workspace, "Acme")
    for key in (f"{theirs.pk}:", f"{ended.pk}:", f"{stocked.pk}:c-9", "x", "", f"{stocked.pk}"):
        response = admin.post(f"{BRANDS}{brand.pk}/link/", {"account": key}, follow=True)
        assert "This account no longer exists." in flat(response), key
    assert BrandMapping.objects.count() == 0


def test_accounts_are_searched_by_name(admin: Client, workspace: Any, connection: Any) -> None:
    for number in range(60):
        make.customer(connection, f"c-{number}", f"Customer {number:02}")
    brand = make.brand(workspace, "Acme")
    page = flat(admin.get(f"{BRANDS}{brand.pk}/"))
    assert "Showing the first of 61 accounts." in page
    assert "Customer 42" not in page
    assert "Customer 42" in flat(admin.get(f"{BRANDS}{brand.pk}/?q=customer+42"))
    assert "No accounts match “nobody”." in flat(admin.get(f"{BRANDS}{brand.pk}/?q=nobody"))


def test_pages_use_a_constant_number_of_queries(admin: Client, workspace: Any, stocked: Any) -> None:
    brand = make.brand(workspace, "Acme", (stocked, "c-1"))

    def cost(address: str) -> int:
        admin.get(address)
        with CaptureQueriesContext(database) as asked:
            assert admin.get(address).status_code == 200
        return len(asked)

    few = [cost(BRANDS), cost(f"{BRANDS}{brand.pk}/")]
    for number in range(5):
        other = make.connection(workspace, f"Other {number}")
        make.customer(other, "c-1", f"Acme {number}")
        make.order(other, warehouse_customer_id="c-1")
        make.brand(workspace, f"Brand{number}", (other, "c-1"), (stocked, ""))
    assert [cost(BRANDS), cost(f"{BRANDS}{brand.pk}/")] == few


# --- Suggestions ---------------------------------------------------------------------------------------------------

# Customer names at a warehouse for brands with similar names.
NAMES = {
    "Acme": "ACME Inc.",
    "Acme Home": "Acme Home, LLC",
    "Acme Outdoor": "ACME Outdoor Ltd",
    "Acme Kids": "Acme-Kids",
    "Northbay": "Northbay GmbH",
    "Northbay Goods": "North Bay Goods",
    "Northbay Supply": "Northbay Supply Co.",
    "Harbor & Pine": "Harbor and Pine",
    "Harbor Pines": "Harbor Pines Corp",
    "Borealis": "Boreális",
    "Borealis Labs": "Borealis Labs Limited",
    "Fern Hill": "Fernhill",
    "Fern Valley": "Fern Valley BV",
    "Blue Mug": "The Blue Mug Company",
    "Blue Mugs": "Blue Mugs",
    "Blue Jug": "blue jug",
    "Oak & Ash": "Oak and Ash",
    "Oak & Elm": "Oak and Elm Ltd.",
    "Linen Loft": "Linen-Loft GmbH & Co. KG",
    "Linen Lofts": "Linen Lofts SA",
    "Candle Co": "Candle Company",
    "Candles Co": "Candles",
    "Brass Works": "Brassworks",
    "Glass Works": "Glassworks",
    "Glass House": "Glass House Inc",
    "Wool & Co": "Wool Co",
    "Woolen": "Woolen AG",
    "Cork Street": "Cork Street Ltd",
    "Cork Strait": "Cork Strait",
    "Zoë": "ZOE",
}


def test_best_account_is_suggested_first_and_not_linked(workspace: Any, connection: Any) -> None:
    """With similar brand names, the right account comes first in at least 95 %."""
    for number, name in enumerate(NAMES.values()):
        make.customer(connection, f"c-{number}", name)
    assert len(NAMES) == 30
    right = 0
    for number, name in enumerate(NAMES):
        brand = Brand.objects.create(workspace=workspace, name=name, slug=f"brand-{number}")
        found = brand_mapping.suggest(brand, brand_mapping.account_map(workspace))
        right += bool(found) and found[0].account.customer == f"c-{number}"
    assert right >= 29
    assert BrandMapping.objects.count() == 0


def test_dissimilar_account_is_not_suggested(workspace: Any, stocked: Any) -> None:
    brand = Brand.objects.create(workspace=workspace, name="Quartz", slug="quartz")
    assert brand_mapping.suggest(brand, brand_mapping.account_map(workspace)) == []


def test_same_skus_at_a_new_connection_are_suggested(admin: Client, workspace: Any, stocked: Any) -> None:
    """The SKUs of a brand that moves to another WMS identify its account under any name."""
    brand = make.brand(workspace, "Acme", (stocked, "c-1"))
    new = make.connection(workspace, "New house")
    for customer, name, skus in (("77", "K-77", ("c-1-SKU-0", "c-1-SKU-1", "c-1-SKU-2", "X")), ("78", "K-78", ("Y",))):
        make.customer(new, customer, name)
        for sku in skus:
            make.inventory(new, sku, warehouse_customer_id=customer)
    type(stocked).objects.filter(pk=stocked.pk).update(status=Status.DISCONNECTED)
    found = brand_mapping.suggest(brand, brand_mapping.account_map(workspace))
    assert [str(one.account) for one in found] == ["K-77 in New house", "All of New house"]
    assert found[0].why == "75% of the SKUs are the same"
    page = flat(admin.get(f"{BRANDS}{brand.pk}/"))
    assert "75% of the SKUs are the same." in page.split('id="suggested"')[1].split("</section>")[0]
    assert BrandMapping.objects.count() == 1


def test_account_of_another_brand_is_suggested_last(workspace: Any, connection: Any) -> None:
    make.customer(connection, "c-1", "Acme")
    make.customer(connection, "c-2", "Acme Shop")
    make.brand(workspace, "Other", (connection, "c-1"))
    brand = make.brand(workspace, "Acme")
    found = brand_mapping.suggest(brand, brand_mapping.account_map(workspace))
    assert [(one.account.customer, one.taken_by) for one in found] == [("c-2", []), ("c-1", ["Other"])]


# --- No row leaks --------------------------------------------------------------------------------------------------

CUSTOMERS = ("a", "b", None)
Change = tuple[int, int, str]
CHANGES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from(("", "a", "b"))), max_size=6)
SCREENS = (
    transaction_screens.ORDERS,
    transaction_screens.INVENTORY,
    transaction_screens.INBOUND_SHIPMENTS,
    transaction_screens.PRODUCTS,
)


@pytest.mark.django_db
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_no_row_leaks_after_any_change_of_the_mapping(workspace: Any, changes: list[Change]) -> None:
    """After every change each brand sees only the rows of its accounts, on every screen."""
    connections = list(workspace.connections.order_by("pk")) or _fill(workspace)
    brands = list(workspace.brands.order_by("pk"))
    BrandMapping.objects.all().delete()
    linked: set[Change] = set()
    for change in changes:
        number, where, customer = change
        wanted = {"brand": brands[number], "connection": connections[where], "customer_id": customer}
        if change in linked:
            brand_mapping.unlink(BrandMapping.objects.get(**wanted), person=None)
        else:
            brand_mapping.link(
                brands[number], brand_mapping.WarehouseAccount(connections[where], customer, customer), person=None
            )
        linked ^= {change}
        for one, brand in enumerate(brands):
            allowed = {(connections[where].pk, of) for who, where, of in linked if who == one}
            _sees_only(RequestContext(workspace, brand, [workspace], brands, may_sync=False), allowed)


def _fill(workspace: Any) -> list[Any]:
    connections = [make.connection(workspace, name) for name in ("One", "Two")]
    for connection in connections:
        for customer in CUSTOMERS:
            order = make.order(connection, warehouse_customer_id=customer)
            make.order_shipment(order, record={"customer": customer})
            make.inventory(connection, f"S-{customer}", warehouse_customer_id=customer)
            make.inbound_shipment(connection, warehouse_customer_id=customer)
            make.product(connection, f"P-{customer}", warehouse_customer_id=customer)
    for name in ("Acme", "Borealis"):
        make.brand(workspace, name)
    return connections


def _sees_only(context: RequestContext, allowed: set[tuple[int, str]]) -> None:
    def is_allowed(connection: int, customer: str | None) -> bool:
        return (connection, "") in allowed or (connection, customer) in allowed

    for model in (Order, InventoryItem, InboundShipment, Product):
        every = model.objects.values_list("pk", "connection", "warehouse_customer_id")
        expected = {pk for pk, connection, customer in every if is_allowed(connection, customer)}
        assert set(seen_by(model.objects.all(), context).values_list("pk", flat=True)) == expected
    for screen in SCREENS:
        expected = {
            row.pk
            for row in screen.model._default_manager.all()
            if is_allowed(row.connection_id, row.warehouse_customer_id)
        }
        page = listing.get_page(context, listing.ListQuery(screen, "", screen.sort(), {}, None))
        assert {row.pk for row in page.rows} == expected
        assert page.total == len(expected)
    shipments = {(one.connection_id, one.record["customer"]) for one in seen_by(OrderShipment.objects.all(), context)}
    assert all(is_allowed(*one) for one in shipments)
    assert len(shipments) == len(
        [1 for one in Order.objects.all() if is_allowed(one.connection_id, one.warehouse_customer_id)]
    )
