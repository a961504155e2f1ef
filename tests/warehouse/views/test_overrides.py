"""Overrides: values shown in place of the WMS's, with author, reason and end, replaced visibly by a sync."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.connectors.actions import ActionKind, Field, FieldKind, Operation
from integrations.connectors.registry import CONNECTORS
from integrations.entities import Entity
from integrations.models import Connection
from integrations.services import Account, connect
from packr.warehouse import overrides
from packr.warehouse.mirror import export
from packr.warehouse.models import InventoryItem, Override
from packr.warehouse.models.overrides import OverrideState
from packr.warehouse.stock.check import Wanted, check
from tests.kit import factories as make
from tests.kit import model_wms
from tests.kit.html import main, page
from tests.kit.model_wms import ModelWms
from tests.kit.running import sync

WHEN = (datetime.now(UTC) - timedelta(minutes=12)).replace(microsecond=0)


@pytest.fixture
def connection(model: ModelWms, workspace: Any) -> Connection:
    """A connection to a WMS that accepts no changes and has nine mugs on hand."""
    made = connect(workspace, Account("model", "Depot", {"key": "k1"}), first_sync=False)
    model.put(Entity.INVENTORY, model_wms.item("MUG", "9", WHEN, fulfillable="9"))
    sync(made, Entity.INVENTORY)
    return made


@pytest.fixture
def mug(connection: Connection) -> InventoryItem:
    return InventoryItem.objects.get(sku="MUG")


def form(**fields: str) -> dict[str, str]:
    tomorrow = (now() + timedelta(days=1)).date().isoformat()
    return {"field": "onhand", "value": "4", "reason": "Five broke", "expires_on": tomorrow, **fields}


def at(item: InventoryItem) -> str:
    return f"/inventory/{item.pk}/override/"


def test_override_is_shown_with_the_wms_value_and_not_exported(
    admin: Client, member: Client, connection: Connection, mug: InventoryItem
) -> None:
    """The list shows author, reason, end and the WMS's value; the mirror does not change."""
    exported = list(export.export_lines(connection, Entity.INVENTORY))
    tomorrow = (now().astimezone(ZoneInfo("Europe/Berlin")) + timedelta(days=1)).date()
    assert f'value="{tomorrow.isoformat()}"' in page(admin, at(mug))
    response = admin.post(at(mug), form())
    assert response.status_code == 303
    row = main(member, "/inventory/")
    assert "4 Override WMS: 9" in row
    listed = main(member, "/overrides/")
    assert "MUG On hand 4 9 Five broke Dana" in listed
    assert "Active until" in listed
    assert list(export.export_lines(connection, Entity.INVENTORY)) == exported
    csv = b"".join(member.get("/inventory/export.csv")).decode()  # type: ignore[call-overload]
    assert ",9," in csv
    assert "depot" in str(connection).lower()
    assert connection.events.filter(
        text="On hand of MUG was overridden with 4: Five broke", person__username="dana"
    ).exists()


def test_newer_version_replaces_the_override_visibly(
    admin: Client, model: ModelWms, connection: Connection, mug: InventoryItem
) -> None:
    admin.post(at(mug), form())
    sync(connection, Entity.INVENTORY)  # an unchanged record keeps the override
    assert "4 Override WMS: 9" in main(admin, "/inventory/")
    model.put(Entity.INVENTORY, model_wms.item("MUG", "3", WHEN + timedelta(minutes=5), fulfillable="3"))
    sync(connection, Entity.INVENTORY)
    assert "Override" not in main(admin, "/inventory/").split("Search")[-1]
    assert "Replaced by a newer version from the WMS, just now" in main(admin, "/overrides/")
    assert "MUG" in main(admin, "/overrides/?state=replaced")
    assert "No overrides match these filters." in main(admin, "/overrides/?state=active")
    found = overrides.of_record(InventoryItem.objects.get(pk=mug.pk), Entity.INVENTORY)
    assert [one.state for one in found] == [OverrideState.REPLACED]


def test_override_expires_or_is_ended(admin: Client, mug: InventoryItem) -> None:
    admin.post(at(mug), form())
    Override.objects.update(expires_at=now() - timedelta(seconds=1))
    assert overrides.current(Entity.INVENTORY, [mug]) == {}
    assert "MUG" in main(admin, "/overrides/?state=expired")
    admin.post(at(mug), form(value="5"))
    (one,) = overrides.current(Entity.INVENTORY, [mug])[mug.pk].values()
    assert Override.objects.filter(ended_at=None).count() == 1
    assert admin.post(f"/overrides/{one.pk}/end/").status_code == 303
    assert overrides.current(Entity.INVENTORY, [mug]) == {}
    assert "Ended by Dana" in main(admin, "/overrides/?state=ended")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"value": "many"}, "Enter a number of units, such as 12."),
        ({"value": "-1"}, "Enter a number of units, 0 or more."),
        ({"value": "NaN"}, "Enter a number of units, 0 or more."),
        ({"reason": ""}, "Enter a reason"),
        ({"expires_on": ""}, "Choose the last day."),
        ({"expires_on": "2020-01-01"}, "Choose a day from today to 90 days from now."),
        ({"expires_on": "2999-01-01"}, "Choose a day from today to 90 days from now."),
        ({"field": "external_id"}, "external_id"),
    ],
)
def test_invalid_override_shows_field_errors(
    admin: Client, mug: InventoryItem, sent: dict[str, str], said: str
) -> None:
    response = admin.post(at(mug), form(**sent))
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not Override.objects.exists()


def test_members_cannot_override(member: Client, mug: InventoryItem) -> None:
    assert member.get(at(mug)).status_code == 403
    assert member.post(at(mug), form()).status_code == 403
    assert not Override.objects.exists()
    one = make.override(mug)
    assert member.post(f"/overrides/{one.pk}/end/").status_code == 403
    assert "End" not in main(member, "/overrides/").split("Reason")[-1]


def test_value_that_the_wms_accepts_cannot_be_overridden(
    admin: Client, mug: InventoryItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(*sent: Any) -> Any:
        raise AssertionError(sent)

    adjust = Operation((Field("quantity", "Change", FieldKind.INTEGER),), send)
    monkeypatch.setattr(CONNECTORS["model"], "actions", {ActionKind.ADJUST_INVENTORY: adjust})
    response = admin.post(at(mug), form())
    assert "onhand" in response.content.decode() or "Override" in response.content.decode()
    assert not Override.objects.exists()
    assert admin.post(at(mug), form(field="awaiting")).status_code == 303


def test_overrides_are_visible_only_to_their_brand(
    admin: Client, workspace: Any, connection: Connection, mug: InventoryItem
) -> None:
    make.brand(workspace, "Acme", (connection, "c1"))
    theirs = make.inventory(connection, "TRAY", warehouse_customer_id="c1")
    make.override(mug)
    make.override(theirs)
    text = main(admin, "/overrides/?brand=acme")
    assert "TRAY" in text
    assert "MUG" not in text


def test_stock_check_uses_overrides(admin: Client, connection: Connection, mug: InventoryItem) -> None:
    """An overridden count is used until the WMS sends a newer version."""
    admin.post(at(mug), form(field="fulfillable", value="2"))
    found = check(connection, [Wanted("MUG", Decimal(3))], live=False)
    assert found.sentence() == "Short: MUG (3 ordered, 2 available)."


def test_overrides_list_uses_a_constant_number_of_queries(
    admin: Client, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        make.override(make.inventory(connection, f"SKU-{number:02}"))
    admin.get("/overrides/")
    with django_assert_max_num_queries(10):
        text = main(admin, "/overrides/")
    assert text.count("SKU-") >= 50


def test_inventory_with_overrides_uses_a_constant_number_of_queries(admin: Client, connection: Connection) -> None:
    make.override(make.inventory(connection, "SKU-1"))
    admin.get("/inventory/")
    with CaptureQueriesContext(database) as one:
        assert "Override" in main(admin, "/inventory/")
    for number in range(2, 40):
        make.override(make.inventory(connection, f"SKU-{number}"))
    with CaptureQueriesContext(database) as many:
        main(admin, "/inventory/")
    assert len(one) == len(many)


def test_record_page_shows_its_overrides(
    admin: Client, member: Client, connection: Connection, mug: InventoryItem
) -> None:
    """The page shows author, reason and end, and that the override was replaced."""
    admin.post(at(mug), form())
    said = main(admin, f"/inventory/{mug.pk}/")
    assert "On hand is overridden: 4 instead of the WMS’s 9" in said
    assert "Dana" in said
    assert "“Five broke”" in said
    assert "Override a value" in said
    mug.refresh_from_db()
    type(mug).objects.update(change_no=mug.change_no + 1, changed_at=now())
    assert "was replaced by a newer version from the WMS" in main(admin, f"/inventory/{mug.pk}/")
