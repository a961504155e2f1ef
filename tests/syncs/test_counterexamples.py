"""Counterexamples that tests/torture found, as the shortest histories that show them."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.entities import Entity
from packr.warehouse.mirror import writer
from packr.warehouse.models import Order, OrderShipment
from syncs.models import EntitySchedule, Mode
from tests.kit.model_wms import order, shipment
from tests.kit.running import counts, present, sync

ORDERS = Entity.ORDERS


def deliver_by_webhook(connection, clock, record):
    """Deliver the record by a webhook a second later."""
    clock.shift(1)
    with transaction.atomic():
        writer.apply(connection.pk, ORDERS, [record], now=now())


def test_change_during_long_pass_is_found_without_wms_clock(clock, wms, connection):
    """A stamp on the last page is later than a change made to the first page meanwhile."""
    wms.has_clock, wms.page_size = False, 1
    wms.put(ORDERS, order("o1", now()), order("o2", now()))
    began = now()

    def slow(call):
        clock.shift(60)
        wms.put(ORDERS, order("o1", now(), status="shipped"))
        clock.shift(timedelta(minutes=30))
        wms.put(ORDERS, order("o2", now()))

    # The first page was returned before these changes.
    wms.faults = [lambda call: Page([wms.rows[ORDERS]["o1"]], cursor={"start": 1}), slow]
    sync(connection)
    assert EntitySchedule.objects.get(connection=connection, entity=ORDERS).watermark <= began
    sync(connection)
    assert Order.objects.get(external_id="o1").status == "shipped"


@pytest.mark.parametrize("status", ["open", "held"])
def test_webhook_during_recheck_wins_over_older_version(clock, wms, connection, status):
    """An older response of the WMS does not override a newer webhook."""
    wms.put(ORDERS, order("o1", now()))
    sync(connection)
    clock.shift(3600)
    wms.put(ORDERS, order("o1", now() - timedelta(hours=2), status=status))
    new = order("o1", now(), status="shipped")

    def overtaken(call):
        answer = Page([wms.rows[ORDERS]["o1"]], clock=wms.now())
        wms.put(ORDERS, new)
        deliver_by_webhook(connection, clock, new)
        return answer

    wms.faults = [None, overtaken]
    run = sync(connection, mode=Mode.FULL)
    assert counts(run) == {"seen": 1, "stale": 1}
    assert Order.objects.get().status == "shipped"


def test_record_that_returns_during_recheck_is_not_removed(clock, wms, connection):
    """The look-up did not find it, but a webhook delivers it before the removal is written."""
    parcels = [shipment("s1", "o1")]
    wms.put(ORDERS, order("o1", now(), shipments=parcels), order("o2", now()))
    sync(connection)
    clock.shift(3600)
    wms.drop(ORDERS, "o1")
    again = order("o1", now(), shipments=parcels, status="held")

    def comes_back(call):
        wms.put(ORDERS, again)
        deliver_by_webhook(connection, clock, again)
        return Page([], clock=wms.now())

    wms.faults = [None, comes_back]
    run = sync(connection, mode=Mode.FULL)
    assert counts(run) == {"seen": 1, "unchanged": 1}
    assert present(connection) == ["o1", "o2"]
    assert OrderShipment.objects.get().removed_at is None
