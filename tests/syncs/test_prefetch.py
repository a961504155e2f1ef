"""Threads of a walk take turns with the interpreter: a page is read while the database writes the one before."""

import time

import pytest
from django.db import OperationalError

from integrations.connectors.base import Page
from integrations.entities import Entity
from packr.warehouse.mirror import writer
from syncs.engine import runner
from syncs.models import State, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from tests.kit.running import counts, drain, lapse

ORDERS = Entity.ORDERS
PAGES = 6


@pytest.fixture
def run(connected):
    """A full run of six pages that waits to be done."""
    (requested,) = request_runs(connected(10), [ORDERS], trigger=Trigger.MANUAL)
    return requested.run


def wait_for_page(sandbox, number):
    """Until the page has been asked for, and a little longer: whoever did not wait would read it by now."""
    deadline = time.monotonic() + 20
    while len(sandbox.log.listed(path="/wms/orders")) < min(number, PAGES) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)


def test_a_page_is_read_when_the_database_has_its_work(monkeypatch, sandbox, run):
    """A writer that had to wait for the interpreter between its questions would keep the database waiting."""
    events, apply, parse = [], writer.apply, Page.parse

    def parses(page, known=()):
        if page.raw_items:
            events.append("read")
        return parse(page, known)

    def applies(*args, meanwhile, **more):
        events.append("ask")
        wait_for_page(sandbox, events.count("ask") + 1)

        def writes():
            events.append("write")
            meanwhile()

        return apply(*args, meanwhile=writes, **more)

    monkeypatch.setattr(Page, "parse", parses)
    monkeypatch.setattr(writer, "apply", applies)
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 60, "created": 60})
    assert events == ["read", *["ask", "write", "read"] * (PAGES - 1), "ask", "write"]


def test_a_page_that_fails_before_it_is_written_holds_nobody_up(monkeypatch, sandbox, run):
    """The reader waits for its turn then, and the walk ends all the same; the run goes on from the failed page."""

    def fails(*args, **more):
        wait_for_page(sandbox, 2)
        raise OperationalError("the server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "apply", fails)
        runner.work(claim())
    lapse()
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 60, "created": 60})
