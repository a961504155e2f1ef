"""The threads of a pass share the interpreter: a page is parsed while the database writes the previous one."""

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
    """Return a queued full run of six pages."""
    (requested,) = request_runs(connected(10), [ORDERS], trigger=Trigger.MANUAL)
    return requested.run


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def wait_for_page(sandbox, number):
    """Wait until the page was requested, and long enough for a reader that would not wait to parse it."""
    wait_until(lambda: len(sandbox.log.listed(path="/wms/orders")) >= min(number, PAGES))
    time.sleep(0.1)


def test_next_page_is_read_after_planning_and_during_writing(monkeypatch, sandbox, run):
    """If the writer waited for the interpreter between its short queries, the database would be idle."""
    events, plan, write, parse = [], writer.plan, writer.write, Page.parse

    def parses(page, known=()):
        if page.raw_items:
            events.append("read")
        return parse(page, known)

    def plans(*args, **more):
        wait_for_page(sandbox, events.count("plan") + 2)
        events.append("plan")
        return plan(*args, **more)

    def writes(planned):
        wait_until(lambda: events.count("read") == min(events.count("plan") + 1, PAGES))
        events.append("write")
        return write(planned)

    monkeypatch.setattr(Page, "parse", parses)
    monkeypatch.setattr(writer, "plan", plans)
    monkeypatch.setattr(writer, "write", writes)
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 60, "created": 60})
    assert events == ["read", *["plan", "read", "write"] * (PAGES - 1), "plan", "write"]


def test_page_that_fails_to_write_does_not_block_prefetcher(monkeypatch, sandbox, run):
    """The waiting reader does not block the end of the pass, and the run resumes at the failed page."""

    def fails(*args, **more):
        wait_for_page(sandbox, 2)
        raise OperationalError("the server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "plan", fails)
        runner.work(claim())
    lapse()
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 60, "created": 60})
