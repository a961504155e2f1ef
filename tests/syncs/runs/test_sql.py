"""Plain SQL returns the same instances as the ORM."""

from datetime import date, time
from typing import Any

import pytest
from django.db.models import Model
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import ProcessingMark
from syncs.models import Checkpoint, EntitySchedule, RejectedRecord, SyncRun
from syncs.runs import sql
from tests.kit import factories as make

pytestmark = pytest.mark.django_db


def values(instance: Model) -> dict[str, Any]:
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def test_claimed_run_comes_with_its_connection_and_checkpoint(
    connection: Connection, django_assert_num_queries: Any
) -> None:
    Connection.objects.update(learned={"sites": ["a"]})
    run = make.run(connection, Entity.ORDERS)
    stored = Checkpoint.objects.create(run=run, cursor={"start": 3}, clock=run.due_at)
    with django_assert_num_queries(1):
        found, checkpoint = sql.get_claimed_run(run.pk)
        assert checkpoint is not None
        assert found.connection.learned == {"sites": ["a"]}
    run.refresh_from_db()
    assert values(found) == values(run)
    assert values(found.connection) == values(Connection.objects.get())
    assert values(checkpoint) == values(stored)


def test_new_run_has_no_checkpoint(connection: Connection) -> None:
    assert sql.get_claimed_run(make.run(connection, Entity.ORDERS).pk)[1] is None


@pytest.mark.parametrize("entity", TABLES)
def test_schedule_state_without_changes(connection: Connection, entity: Entity) -> None:
    schedule = EntitySchedule.objects.filter(connection=connection, entity=entity).first()
    if schedule is None:
        schedule = EntitySchedule.objects.create(connection=connection, entity=entity, daily_at=time(1, 2))
    state = sql.get_schedule_state(connection.pk, entity)
    assert values(state.schedule) == values(schedule)
    assert (state.has_rejected, state.has_unprocessed_changes, state.processed_day) == (False, False, None)
    assert state.timezone == connection.workspace.timezone


def test_schedule_state_is_of_the_connection_and_entity(connection: Connection) -> None:
    other = make.connection(make.workspace("elsewhere"))
    make.order(connection, change_no=4)
    RejectedRecord.objects.create(
        connection=connection, entity="orders", reason="no date", excerpt="{}", last_seen_at=now()
    )
    mark = ProcessingMark.objects.create(connection=connection, entity="orders", change_no=4, day=date(2026, 2, 3))
    state = sql.get_schedule_state(connection.pk, Entity.ORDERS)
    assert (state.has_rejected, state.has_unprocessed_changes, state.processed_day) == (True, False, date(2026, 2, 3))
    ProcessingMark.objects.filter(pk=mark.pk).update(change_no=3)
    assert sql.get_schedule_state(connection.pk, Entity.ORDERS).has_unprocessed_changes
    for key, entity in ((other.pk, Entity.ORDERS), (connection.pk, Entity.INVENTORY)):
        state = sql.get_schedule_state(key, entity)
        assert (state.has_rejected, state.has_unprocessed_changes, state.processed_day) == (False, False, None)


def test_deleted_rows_raise_does_not_exist(connection: Connection) -> None:
    with pytest.raises(SyncRun.DoesNotExist):
        sql.get_claimed_run(0)
    with pytest.raises(EntitySchedule.DoesNotExist):
        sql.get_schedule_state(connection.pk + 1, Entity.ORDERS)
