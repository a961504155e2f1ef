"""Concurrent requests: a double click, two tabs, two people."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection as database

from integrations.models import Action
from packr.warehouse import actions
from tests.warehouse.actions.conftest import new_order

pytestmark = pytest.mark.django_db(transaction=True)


def send_concurrently(act, item, *keys):
    """Return the outcome of each request: an action's key, or the refusal."""
    ready = Barrier(len(keys))

    def send(key):
        try:
            ready.wait(30)
            return act("create-order", key=key, **new_order(item)).pk
        except actions.Invalid as invalid:
            return invalid
        finally:
            database.close()

    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(send, keys))


def test_double_click_creates_one_order(wms, act, item):
    wms.fault("latency", path="/wms/orders", method="POST", ms=300)
    assert len(set(send_concurrently(act, item, "k", "k", "k"))) == 1
    assert len(wms.requests("POST")) == len(wms.orders(order_number="T-1")) == Action.objects.count() == 1


def test_two_forms_with_one_number_create_one_order(wms, act, item):
    """The second is refused while the first has no answer; after that the WMS refuses it."""
    wms.fault("latency", path="/wms/orders", method="POST", ms=2000)
    outcomes = send_concurrently(act, item, "k", "l")
    assert len([one for one in outcomes if isinstance(one, actions.Invalid)]) == 1
    assert len(wms.requests("POST")) == len(wms.orders(order_number="T-1")) == 1
