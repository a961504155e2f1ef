"""A prepared query finds what the query itself finds."""

import pytest

from integrations.entities import Entity
from integrations.models import Connection
from syncs.engine.run_slice import schedule_of
from syncs.models import EntitySchedule, SyncRun
from syncs.runs.claims import CLAIMED_RUN_QUERY
from tests.kit import factories as make

pytestmark = pytest.mark.django_db


def test_each_call_finds_its_own_row(connection: Connection) -> None:
    other = make.connection(make.workspace("elsewhere"))
    for one in (connection, other):
        for entity in (Entity.ORDERS, Entity.INVENTORY):
            assert schedule_of(entity).get(one.pk, entity) == one.schedules.get(entity=entity)
    assert schedule_of(Entity.ORDERS).get(connection.pk, Entity.ORDERS).knows_rejected is False


def test_what_stands_beside_the_row_comes_with_it(connection: Connection, django_assert_num_queries: object) -> None:
    run = make.run(connection, Entity.ORDERS)
    with django_assert_num_queries(1):
        found = CLAIMED_RUN_QUERY.get(run.pk)
        assert found.connection == connection
        assert getattr(found, "checkpoint", None) is None
    for field in SyncRun._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(run, field.attname)


def test_a_row_that_is_no_more_is_said_to_be(connection: Connection) -> None:
    with pytest.raises(EntitySchedule.DoesNotExist, match="any more"):
        schedule_of(Entity.ORDERS).get(connection.pk + 1, Entity.ORDERS)
