"""“Check this record in the WMS now”: one call, both versions side by side, accepted on request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.connectors.registry import CONNECTORS
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, Status
from integrations.services import Account, connect
from packr.warehouse import live_lookup
from packr.warehouse.models import Look, Order, OrderLine
from syncs.models import EntitySchedule, SyncRun
from tests.kit import factories as make
from tests.kit import model_wms
from tests.kit.html import main
from tests.kit.model_wms import ModelWms
from tests.kit.running import sync

WHEN = (datetime.now(UTC) - timedelta(minutes=12)).replace(microsecond=0)


@pytest.fixture
def connection(model: ModelWms, workspace: Any) -> Connection:
    """A connection with synced orders: #1 is open in the mirror, and the WMS has cancelled it since."""
    made = connect(workspace, Account("model", "Depot", {"key": "k1"}), first_sync=False)
    model.put(Entity.ORDERS, model_wms.order("o1", WHEN, order_number="#1"), model_wms.order("o2", WHEN))
    sync(made)
    changed = model_wms.order("o1", WHEN + timedelta(minutes=5), order_number="#1", status="cancelled", created_at=WHEN)
    model.put(Entity.ORDERS, changed)
    model.calls.clear()
    return made


@pytest.fixture
def order(connection: Connection) -> Order:
    return Order.objects.get(external_id="o1")


def at(order: Order, rest: str = "") -> str:
    return f"/orders/{order.pk}/check/{rest}"


def test_lookup_shows_differences_and_accepting_moves_no_watermark(
    member: Client, model: ModelWms, connection: Connection, order: Order
) -> None:
    """A member makes one call, sees the differences and accepts them into the mirror."""
    schedules = list(EntitySchedule.objects.order_by("pk").values())
    runs = SyncRun.objects.count()
    assert "Check this record in the WMS now" in main(member, f"/orders/{order.pk}/")
    response = member.post(at(order))
    assert (response.status_code, response["Location"]) == (303, at(order))
    assert [(call.what, call.ids) for call in model.calls] == [("lookup", ("o1",))]
    text = main(member, at(order))
    assert "2 fields differ" in text
    compared = text.split("In the WMS now", 1)[1].split("All fields")[0]
    assert "Status open cancelled" in compared
    assert "#1" not in compared
    assert "Connected" in text
    order.refresh_from_db()
    assert order.status == "open"

    response = member.post(at(order, "take/"), follow=True)
    assert "Packr now shows the WMS’s values" in response.content.decode()
    order.refresh_from_db()
    assert (order.status, order.record["status"]) == ("cancelled", "cancelled")
    assert list(EntitySchedule.objects.order_by("pk").values()) == schedules
    assert (len(model.calls), SyncRun.objects.count()) == (1, runs)
    assert Look.objects.get().answer is None


def test_answer_is_accepted_once_and_only_by_its_requester(
    admin: Client, member: Client, connection: Connection, order: Order
) -> None:
    member.post(at(order))
    assert "older than 10 minutes" in admin.post(at(order, "take/"), follow=True).content.decode()
    member.post(at(order, "take/"))
    again = member.post(at(order, "take/"), follow=True)
    assert "Nothing was changed" in again.content.decode()


def test_answer_expires_after_ten_minutes(member: Client, connection: Connection, order: Order) -> None:
    member.post(at(order))
    Look.objects.update(asked_at=now() - timedelta(minutes=11))
    assert "Not checked in the last 10 minutes" in main(member, at(order))
    member.post(at(order, "take/"))
    order.refresh_from_db()
    assert order.status == "open"


def test_row_changed_since_the_lookup_is_kept(
    member: Client, model: ModelWms, connection: Connection, order: Order
) -> None:
    member.post(at(order))
    newer = model_wms.order("o1", WHEN + timedelta(minutes=9), order_number="#1", status="fulfilled", created_at=WHEN)
    model.put(Entity.ORDERS, newer)
    sync(connection)
    response = member.post(at(order, "take/"), follow=True)
    assert "has changed in Packr since the check" in response.content.decode()
    order.refresh_from_db()
    assert order.status == "fulfilled"


def test_older_record_of_a_restored_wms_is_accepted(
    member: Client, model: ModelWms, connection: Connection, order: Order
) -> None:
    """A restored WMS sends an older version; a lookup of the record accepts it."""
    model.put(Entity.ORDERS, model_wms.order("o1", WHEN - timedelta(days=1), order_number="#1", status="picked"))
    member.post(at(order))
    member.post(at(order, "take/"))
    order.refresh_from_db()
    assert order.status == "picked"


def test_only_a_lookup_by_id_can_remove_a_record(
    member: Client, model: ModelWms, connection: Connection, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record missing from a list is kept; a lookup by its id can show that it is gone."""
    model.drop(Entity.ORDERS, "o1")
    member.post(at(order))
    text = main(member, at(order))
    assert "The WMS no longer has this record." in text
    assert "The next full run checks again" in text
    member.post(at(order, "take/"))
    assert Order.objects.get(pk=order.pk).removed_at is None

    resource = CONNECTORS["model"].resources[Entity.ORDERS]
    monkeypatch.setitem(
        CONNECTORS["model"].resources,  # type: ignore[arg-type]
        Entity.ORDERS,
        replace(resource, single=lambda client, one: Page(())),
    )
    member.post(at(order))
    assert "Accept and hide the record" in main(member, at(order))
    response = member.post(at(order, "take/"), follow=True)
    assert "no longer has this record, so Packr hides it" in " ".join(response.content.decode().split())
    assert Order.objects.get(pk=order.pk).removed_at is not None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectorError(Kind.UNREACHABLE, "The WMS did not answer in time."), "did not answer in time"),
        (
            ConnectorError(Kind.RATE_LIMITED, "x", retry_at=datetime(2026, 2, 4, 14, 12, tzinfo=UTC)),
            "Model WMS is limiting requests. Nothing changed in Packr. Try again after 14:12:00 UTC.",
        ),
        (ConnectorError(Kind.CREDENTIALS, "The WMS refused the login."), "refused the login"),
    ],
)
def test_failed_lookup_shows_its_reason(
    member: Client, model: ModelWms, connection: Connection, order: Order, error: ConnectorError, said: str
) -> None:
    model.faults.append(error)
    member.post(at(order))
    text = main(member, at(order))
    assert said in text
    assert "Accept" not in text
    connection.refresh_from_db()
    refused = error.kind == Kind.CREDENTIALS
    assert connection.status == (Status.NEEDS_ATTENTION if refused else Status.CONNECTED)


def test_entity_without_lookup_shows_its_reason(member: Client, workspace: Any, model: ModelWms) -> None:
    made = make.connection(workspace)
    shipment = make.order_shipment(make.order(made))
    text = main(member, f"/order-shipments/{shipment.pk}/check/")
    assert "sends order shipments inside its orders" in text
    response = member.post(f"/order-shipments/{shipment.pk}/check/")
    assert response.status_code == 303
    assert Look.objects.get().found is None
    assert member.get("/nonsense/1/check/").status_code == 404


def test_lookup_page_says_that_the_wms_is_a_copy(member: Client, workspace: Any) -> None:
    """Trackstar's answer is as old as its last crawl, and the page says so."""
    connection = make.connection(workspace)
    make.synced(connection, at=now() - timedelta(minutes=40))
    order = make.order(connection)
    text = main(member, at(order))
    assert "Trackstar answers from its own copy of the WMS, last updated 40 min ago or later." in text
    assert "next sync" in text


def test_lookup_page_uses_a_constant_number_of_queries(
    member: Client, connection: Connection, order: Order, django_assert_max_num_queries: Any
) -> None:
    member.post(at(order))
    OrderLine.objects.bulk_create(
        OrderLine(connection=order.connection, order=order, position=place, sku=f"S{place}", quantity=1)
        for place in range(2, 60)
    )
    with django_assert_max_num_queries(14):
        member.get(at(order))


def test_old_lookups_are_pruned(connection: Connection, order: Order, member: Client) -> None:
    member.post(at(order))
    live_lookup.prune(now() + timedelta(minutes=11))
    assert Look.objects.get().answer is None
    live_lookup.prune(now() + timedelta(days=91))
    assert not Look.objects.exists()
