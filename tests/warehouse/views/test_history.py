"""History pages: changes of a record, two clicks from any number to its cause."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.entities import Entity
from packr.warehouse.models import Mirrored, RecordChange
from tests.kit import factories as make

from ...kit.html import main, page


def changed(row: Mirrored, entity: Entity, *fields: list[Any], **given: Any) -> RecordChange:
    """Create an entry of a record's history."""
    return RecordChange.objects.create(
        connection=row.connection,
        entity=entity,
        row_id=row.pk,
        change_no=1,
        fields=list(fields),
        **{
            "what": "changed",
            "seen_at": now(),
            "stamp": now(),
            "cause": "run",
            "cause_text": "Incremental sync",
            **given,
        },
    )


def test_record_page_shows_changes_with_their_causes(member: Client, connection: Any) -> None:
    """The page shows the latest changes with their causes, also a run that was pruned."""
    order = make.order(connection, order_number="#7")
    sent = make.order_shipment(order, external_id="s-1")
    run = make.run(connection)
    changed(order, Entity.ORDERS, ["quantity", "MUG", "1", "2"], cause_id=999_999)
    changed(sent, Entity.ORDER_SHIPMENTS, ["status", "", "open", "in-transit"], cause_id=run.pk)
    changed(order, Entity.ORDERS, cause="action", cause_text="Cancel order, by Dana")
    html = page(member, f"/orders/{order.pk}/")
    assert f'href="/orders/{order.pk}/history/"' in html
    section = html.split('id="history"')[1]
    assert f'href="/settings/integrations/{connection.pk}/runs/{run.pk}/"' in section
    history = main(member, f"/orders/{order.pk}/history/")
    assert "Quantity, MUG: 1 → 2" in history
    assert "Incremental sync, run 999999, which is no longer kept" in history
    assert "Shipment s-1" in history
    assert "Status: Open → In transit" in history
    assert "Cancel order, by Dana" in history


def test_units_show_their_warehouse_and_can_be_filtered(member: Client, connection: Any) -> None:
    item = make.inventory(connection, "MUG")
    make.warehouse(connection, "wh", "Allentown")
    run = make.run(connection, Entity.INVENTORY)
    changed(item, Entity.INVENTORY, ["onhand", "", "5", "4"], ["onhand", "wh", "5", "4"], cause_id=run.pk)
    changed(item, Entity.INVENTORY, ["committed", "", None, "1200"], cause="override", cause_text="Counted by Lee")
    address = f"/inventory/{item.pk}/history/"
    everything = main(member, address)
    assert "On hand, Allentown: 5 → 4" in everything
    assert "Allocated: nothing → 1,200" in everything
    assert "Counted by Lee" not in main(member, f"{address}?value=onhand:wh")
    narrowed = main(member, f"{address}?cause=override")
    assert "Counted by Lee" in narrowed
    assert "On hand, Allentown: 5 → 4" not in narrowed
    assert "No changes match these filters" in main(member, f"{address}?cause=webhook")
    assert "Allocated: nothing" in main(member, f"{address}?cause=nonsense&at=nonsense")


def test_long_history_is_paged(member: Client, connection: Any) -> None:
    product = make.product(connection, "MUG")
    for number in range(30):
        changed(product, Entity.PRODUCTS, ["unit_price", "", str(number), str(number + 1)])
    address = f"/products/{product.pk}/history/"
    first = page(member, address)
    older = re.search(r'rel="next" href="\?(at=\d+)"', first)
    assert older
    assert "29.00 → 30.00" in main(member, address)
    second = main(member, f"{address}?{older[1]}")
    assert "0.00 → 1.00" in second
    assert "29.00 → 30.00" not in second


def test_unchanged_record_links_to_the_run_that_read_it(member: Client, connection: Any) -> None:
    """The first sync writes no history, but the page links to its run."""
    run = make.run(connection, Entity.INBOUND_SHIPMENTS)
    row = make.inbound_shipment(connection, changed_at=run.started_at + timedelta(seconds=1))
    make.run(connection, Entity.INBOUND_SHIPMENTS, started_at=now() + timedelta(minutes=5))
    link = f'href="/settings/integrations/{connection.pk}/runs/{run.pk}/"'
    assert link in page(member, f"/inbound-shipments/{row.pk}/")
    assert link in page(member, f"/inbound-shipments/{row.pk}/history/")


def test_removed_record_keeps_its_history(member: Client, connection: Any) -> None:
    order = make.order(connection, order_number="#7", removed_at=now())
    changed(order, Entity.ORDERS, what="removed", stamp=None)
    assert member.get(f"/orders/{order.pk}/").status_code == 404
    assert "Removed from the WMS" in main(member, f"/orders/{order.pk}/history/")


def test_history_is_visible_only_to_its_brand(member: Client, workspace: Any, connection: Any) -> None:
    """Another brand gets 404 for the record and its history."""
    make.brand(workspace, "Acme", (connection, "acme"))
    mine = make.inventory(connection, "MUG", warehouse_customer_id="acme")
    theirs = make.inventory(connection, "CUP", warehouse_customer_id="other")
    assert member.get(f"/inventory/{mine.pk}/history/?brand=acme").status_code == 200
    assert member.get(f"/inventory/{theirs.pk}/history/").status_code == 404


@pytest.mark.parametrize("address", ["/orders/{}/", "/orders/{}/history/"])
def test_history_uses_a_constant_number_of_queries(member: Client, connection: Any, address: str) -> None:
    order = make.order(connection)
    make.warehouse(connection, "wh", "Allentown")
    costs = []
    for count in (1, 20):
        for number in range(count):
            run = make.run(connection)
            changed(order, Entity.ORDERS, ["warehouse_id", "", None, "wh"], cause_id=run.pk)
            make.order_shipment(order, external_id=f"s-{count}-{number}")
        member.get(address.format(order.pk))
        with CaptureQueriesContext(database) as statements:
            member.get(address.format(order.pk))
        costs.append(len(statements))
    assert costs[0] == costs[1]
