"""No poll undoes what a person changed, until the WMS says otherwise: P26, M9, trap 3.16.

The mirror's writer is asked directly, with the answers of a WMS as they may come: older, as old, newer, not at all.
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
    """An action that the WMS accepted as this version."""
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
    """An order that was open at 0 s and that a person cancelled at 10 s."""
    poll(connection, order("o", seconds(0)))
    action = accepted(connection, "cancel-order", "o", seconds(10))
    poll(connection, order("o", seconds(10), status="cancelled"), policy=WritePolicy.action())
    return action


def status():
    return Order.objects.get(external_id="o").status


STALE = [order("o", seconds(0)), order("o", seconds(9), tags=["vip"]), order("o", seconds(10), status="picked")]


@pytest.mark.parametrize("policy", [SYNC, WritePolicy.lookup()], ids=["sync", "lookup"])
@pytest.mark.parametrize("found", STALE, ids=["as before", "changed before", "of the same second"])
def test_an_older_answer_does_not_undo_a_change(connection, cancelled, found, policy):
    """Not even a full run, which trusts what it reads; it is counted as stale."""
    applied = poll(connection, found, policy=policy)
    assert (applied.stale, applied.recheck_ids, status()) == (1, [], "cancelled")
    cancelled.refresh_from_db()
    assert cancelled.confirmed_at is None
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.ACCEPTED


def test_an_answer_that_shows_the_change_confirms_it(connection, cancelled):
    assert poll(connection, order("o", seconds(10), status="cancelled")).unchanged == 1
    cancelled.refresh_from_db()
    assert cancelled.confirmed_at == AT
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.CONFIRMED


def test_a_newer_answer_is_the_wms_saying_otherwise(connection, cancelled):
    """It was opened again there: that is news, and no shield hides it."""
    assert poll(connection, order("o", seconds(11), status="open")).updated == 1
    assert status() == "open"
    cancelled.refresh_from_db()
    assert (cancelled.confirmed_at, cancelled.warning) == (None, write_protection.OVERTAKEN_WARNING)
    assert marks(Order.objects.all()) == {}


def test_a_late_confirmation_after_more_changes(connection, cancelled):
    assert poll(connection, order("o", seconds(20), status="cancelled", tags=["x"])).updated == 1
    cancelled.refresh_from_db()
    assert cancelled.confirmed_at is not None


def test_after_the_visibility_delay_it_is_unconfirmed_and_not_silently_undone(clock, connection, cancelled):
    clock.shift(timedelta(minutes=15, seconds=1))
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.UNCONFIRMED
    assert poll(connection, order("o", seconds(0)), policy=WritePolicy.lookup()).updated == 1
    assert status() == "open"
    assert marks(Order.objects.all())[Order.objects.get().pk].status == ActionStatus.UNCONFIRMED


def test_what_was_created_is_not_removed_by_a_list_without_it(connection, clock):
    """A full run that began before, or a copy that lags: absent is not removed."""
    poll(connection, order("o", seconds(0)), order("p", seconds(0)))
    accepted(connection, "create-order", "o", seconds(0))
    rows = list(Order.objects.values_list("pk", flat=True))
    clock.shift(timedelta(minutes=1))
    assert writer.remove(connection.pk, Entity.ORDERS, rows, now=datetime.now(UTC)) == 1
    assert Order.objects.get(removed_at=None).external_id == "o"
    clock.shift(timedelta(minutes=15))
    assert writer.remove(connection.pk, Entity.ORDERS, rows, now=datetime.now(UTC)) == 1


def test_a_hold_stays_though_the_copy_does_not_show_it(connection, clock):
    """By passthrough: no version but the moment of the answer, and the copy is behind by hours."""
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


def test_records_without_stamps_count_once_they_show_the_change(connection, clock):
    """Nothing tells which is newer: until the delay is over the change stands, unless it is shown."""
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


def test_two_changes_of_one_record_stand_both(connection, clock):
    """Held, then cancelled: an answer from between the two shows the hold, and undoes nothing."""
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


def test_connections_without_changes_of_people_pay_nothing(connection, cancelled, clock):
    """And those with one pay one statement a page, however many records it has."""
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


def test_marks_are_one_query_for_a_page_of_rows(connection, clock):
    poll(connection, *(order(f"o{number}", seconds(0)) for number in range(20)))
    for number in range(20):
        accepted(connection, "cancel-order", f"o{number}", seconds(10))
    rows = list(Order.objects.all())
    with CaptureQueriesContext(database) as captured:
        assert len(marks(rows)) == 20
    assert len(captured) == 1
