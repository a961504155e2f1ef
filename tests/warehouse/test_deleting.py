"""Deleting a connection deletes all its mirrored data and no other."""

import pytest
from django.apps import apps
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection
from integrations.services import disconnect
from packr.warehouse.models import KitPart
from packr.warehouse.models.mirrored import Line, Mirrored
from tests.kit import factories as make

pytestmark = pytest.mark.django_db

MODELS = [model for model in apps.get_app_config("warehouse").get_models() if issubclass(model, Line | Mirrored)]


@pytest.fixture
def other() -> Connection:
    return make.connection(make.workspace("another"))


def fill(connection: Connection, count: int) -> None:
    """Create `count` rows of each model with lines, and one of some without."""
    for number in range(count):
        make.order(connection, lines=(("MUG", 1, "2"), ("CUP", 1, "2")))
        make.inventory(connection, f"SKU-{number}", levels={"east": 1, "west": 2})
        make.inbound_shipment(connection, lines=(("MUG", 5, 0),))
        make.returned(connection, lines=(("MUG", 1),))
        kit = make.product(connection, f"KIT-{number}")
        KitPart.objects.create(connection=connection, product=kit, sku="MUG", units=2)
    make.warehouse(connection, "east", "East")


def rows(connection: Connection) -> dict[str, int]:
    return {
        model.__name__: count
        for model in MODELS
        if (count := model._default_manager.filter(connection=connection.pk).count())
    }


def test_deletes_everything_of_the_connection_and_nothing_else(other: Connection) -> None:
    here = make.connection(make.workspace())
    for connection in (here, other):
        fill(connection, 3)
    before = rows(other)
    assert len(before) == 11  # the models with lines, their lines, and the warehouse
    key = here.pk
    disconnect(here, delete_data=True)
    here.pk = key
    assert rows(here) == {}
    assert rows(other) == before


def test_statements_do_not_grow_with_rows(other: Connection) -> None:
    """No row is loaded to find its related rows, so memory does not grow either."""
    here = make.connection(make.workspace())
    fill(here, 2)
    fill(other, 150)
    counts = []
    for connection in (here, other):
        with CaptureQueriesContext(database) as asked:
            disconnect(connection, delete_data=True)
        counts.append(len(asked))
    assert counts[0] == counts[1]
