"""Write protection: no sync undoes a person's change before the WMS sends a newer version.

The tests call the mirror's writer with records that are older, as old, newer or missing.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.connectors.actions import ActionKind
from integrations.entities import Entity
from integrations.models import Action, ActionState, Connection
from packr.warehouse.actions import ActionStatus, marks, settle
from packr.warehouse.mirror import write_protection, writer
from packr.warehouse.mirror.write_plan import SYNC, WritePolicy
from packr.warehouse.models import Order, Product
from tests.kit.model_wms import order

AT = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)  # as the fixture `clock` has it


def seconds(number):
    return AT + timedelta(seconds=number)


def poll(connection, *found, entity=Entity.ORDERS, **how):
    return writer.apply(connection.pk, entity, found, now=datetime.now(UTC), **how)


def accepted(connection, kind, external_id, version, *, lasts=timedelta(minutes=15), **fields):
    """Create an action that the WMS accepted as this version."""
    action = Action.objects.create(
        connection=connection,
        kind=kind,
        entity=ActionKind(kind).entity,
        external_id=external_id,
        reference=f"r-{Action.objects.count()}",
        key=f"k-{Action.objects.count()}",
        state=ActionState.ACCEPTED,
        answered_at=datetime.now(UTC),
        version_updated_at=version,
        **fields,
    )
    write_protection.protect(action, datetime.now(UTC) + lasts)
    action.settle_at = action.shielded_until
    action.save()
    return action


@pytest.fixture
def cancelled(clock, connection):
    """Create an order that was open at 0 s and that a person cancelled at 10 s."""
    poll(connection, order("o", seconds(0)))
    action = accepted(connection, "cancel-order", "o", seconds(10))
    poll(connection, order("o", seconds(10), status="cancelled"), policy=WritePolicy.action())
    return action


def status():
    return Order.objects.get(external_id="o").status


STALE = [order("o", seconds(0)), order("o", seconds(9), tags=["vip"]), order("o", seconds(10), status="picked")]


@pytest.mark.parametrize("policy", [SYNC, WritePolicy.lookup()], ids=["sync", "lookup"])
@pytest.mark.parametrize("found", STALE, ids=["as before", "changed before", "of the same second"])
def test_older_record_does_not_undo_a_change(connection, cancelled, found, policy):
    """Neither does one in a full run, which counts it as stale."""
    applied = poll(connection, found, policy=policy)
    assert (applied.stale, applied.recheck_ids, status()) == (1, [], "cancelled")
    cancelled.refresh_from_db()
    assert cancelled.confirmed_at is None
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.ACCEPTED


def test_record_with_the_change_confirms_it(connection, cancelled):
    assert poll(connection, order("o", seconds(10), status="cancelled")).unchanged == 1
    cancelled.refresh_from_db()
    assert cancelled.confirmed_at == AT
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.CONFIRMED


def test_newer_record_replaces_the_change(connection, cancelled):
    """An order reopened in the WMS is shown in spite of the write protection."""
    assert poll(connection, order("o", seconds(11), status="open")).updated == 1
    assert status() == "open"
    cancelled.refresh_from_db()
    assert (cancelled.confirmed_at, cancelled.warning) == (None, write_protection.OVERTAKEN_WARNING)
    assert marks(Order.objects.all()) == {}


def test_late_confirmation_after_more_changes(connection, cancelled):
    assert poll(connection, order("o", seconds(20), status="cancelled", tags=["x"])).updated == 1
    cancelled.refresh_from_db()
    assert cancelled.confirmed_at is not None


def test_change_is_unconfirmed_after_the_visibility_delay(clock, connection, cancelled):
    clock.shift(timedelta(minutes=15, seconds=1))
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.UNCONFIRMED
    assert poll(connection, order("o", seconds(0)), policy=WritePolicy.lookup()).updated == 1
    assert status() == "open"
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.UNCONFIRMED


def test_created_record_is_not_removed_by_a_list_without_it(connection, clock):
    """A full run that began earlier, or a copy that lags, does not remove it."""
    poll(connection, order("o", seconds(0)), order("p", seconds(0)))
    accepted(connection, "create-order", "o", seconds(0))
    rows = list(Order.objects.values_list("pk", flat=True))
    clock.shift(timedelta(minutes=1))
    assert writer.remove(connection.pk, Entity.ORDERS, rows, now=datetime.now(UTC)) == 1
    assert Order.objects.get(removed_at=None).external_id == "o"
    clock.shift(timedelta(minutes=15))
    assert writer.remove(connection.pk, Entity.ORDERS, rows, now=datetime.now(UTC)) == 1


def test_hold_is_kept_while_the_copy_does_not_show_it(connection, clock):
    """The passthrough's only version is the time of its answer, and the copy lags by hours."""
    poll(connection, order("o", seconds(0)))
    accepted(connection, "hold-order", "o", seconds(10), lasts=timedelta(hours=2))
    Order.objects.update(held=True)
    clock.shift(timedelta(hours=1))
    assert poll(connection, order("o", seconds(5), tags=["x"])).stale == 1
    assert poll(connection, order("o", seconds(0)), policy=WritePolicy.lookup()).stale == 1
    assert Order.objects.get().held
    assert poll(connection, order("o", seconds(10), status="exception", raw_status="On hold")).updated == 1
    assert (Order.objects.get().held, Action.objects.get().confirmed_at is not None) == (True, True)
    assert poll(connection, order("o", seconds(60), status="open")).updated == 1
    assert not Order.objects.get().held


def test_record_without_stamps_is_applied_once_it_shows_the_change(connection, clock):
    """Without stamps the change is kept until the delay is over, unless a record shows it."""
    from integrations.records import Product as ProductRecord

    def product(name):
        return ProductRecord(external_id="p", name=name, sku="P")

    poll(connection, product("Old"), entity=Entity.PRODUCTS)
    accepted(connection, "update-product", "p", seconds(10), values={"name": "New"})
    poll(connection, product("New"), entity=Entity.PRODUCTS, policy=WritePolicy.action())
    assert poll(connection, product("Old"), entity=Entity.PRODUCTS).stale == 1
    assert Product.objects.get().name == "New"
    poll(connection, product("New"), entity=Entity.PRODUCTS)
    assert Action.objects.get().confirmed_at is not None
    assert poll(connection, product("Older"), entity=Entity.PRODUCTS).updated == 1


def test_two_changes_of_one_record_are_both_kept(connection, clock):
    """A record from between a hold and a cancellation shows the hold and undoes nothing."""
    poll(connection, order("o", seconds(0)))
    hold = accepted(connection, "hold-order", "o", seconds(5), lasts=timedelta(hours=2))
    cancel = accepted(connection, "cancel-order", "o", seconds(10))
    poll(connection, order("o", seconds(10), status="cancelled"), policy=WritePolicy.action())
    assert poll(connection, order("o", seconds(6), status="exception", raw_status="On hold")).stale == 1
    assert poll(connection, order("o", seconds(4), tags=["x"]), policy=WritePolicy.lookup()).stale == 1
    assert status() == "cancelled"
    assert [one.pk for one in Action.objects.exclude(confirmed_at=None)] == [hold.pk]
    assert poll(connection, order("o", seconds(12), status="cancelled")).updated == 1
    assert Action.objects.get(pk=cancel.pk).confirmed_at is not None
    assert marks(Order.objects.all())[Order.objects.get().pk].kind == "cancel-order"


def statements(connection, *found):
    with CaptureQueriesContext(
        database,
    ) as captured:
        poll(connection, *found)
    return len(captured)


def test_connections_without_actions_run_no_query(connection, cancelled, clock):
    """Connections with actions run one query a page for any number of records."""
    calm = Connection.objects.create(
        **{
            field.name: getattr(connection, field.name)
            for field in Connection._meta.fields
            if field.name not in ("id", "name", "shielded_until")
        },
        name="Calm",
    )
    page = [order(f"x{number}", seconds(0)) for number in range(30)]
    for one in (calm, connection):
        poll(one, *page)
    without, with_one = statements(calm, *page), statements(connection, *page)
    assert with_one == without + 1
    # Over and looked after, it costs nothing any more.
    clock.shift(timedelta(minutes=16))
    settle()
    assert Connection.objects.get(pk=connection.pk).shielded_until is None
    assert statements(connection, *page) == without


def test_marks_use_one_query(connection, clock):
    poll(connection, *(order(f"o{number}", seconds(0)) for number in range(20)))
    for number in range(20):
        accepted(connection, "cancel-order", f"o{number}", seconds(10))
    rows = list(Order.objects.all())
    with CaptureQueriesContext(database) as captured:
        assert len(marks(rows)) == 20
    assert len(captured) == 1
