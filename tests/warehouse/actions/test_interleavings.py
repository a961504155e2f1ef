"""Generated interleavings of a person's changes, syncs and late answers: a change is kept until the WMS replaces it.

The model WMS has a present state and any number of answers that were read earlier and arrive later, in any order,
from incremental or full runs. While an accepted change is protected, the mirror never shows the state before it. Once
the newest answer has arrived, the mirror shows the WMS's present state.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import time_machine
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from integrations.connectors.actions import ActionKind
from integrations.entities import Entity
from integrations.models import Action, ActionState, Connection
from packr.warehouse.actions import ActionStatus, mark_of
from packr.warehouse.mirror import write_protection, writer
from packr.warehouse.mirror.write_plan import SYNC, WritePolicy
from packr.warehouse.models import Order
from tests.kit import factories
from tests.kit.model_wms import order

START = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
SHIELD = timedelta(minutes=15)
STATES = ("open", "picked", "packed")


@dataclass(frozen=True)
class Version:
    """What the WMS had from some moment on: a number that grows with every change, its stamp in whole seconds."""

    number: int
    status: str
    stamp: datetime

    @property
    def record(self):
        return order("o", self.stamp, created_at=START, status=self.status, order_number=str(self.number))


class Histories(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.traveller = time_machine.travel(START, tick=False)
        self.clock = self.traveller.start()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.connection = factories.connection(factories.workspace(f"w{Connection.objects.count()}"))
        self.truth = Version(1, "open", START)
        self.under_way = []
        self.cancelled = None
        self.action = None
        self.newest_read = 0

    def teardown(self):
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)
        self.traveller.stop()

    @property
    def shown(self):
        """The version that the mirror shows."""
        return int(Order.objects.get(connection=self.connection).order_number)

    @property
    def is_shielded(self):
        return self.action is not None and datetime.now(UTC) < self.action.shielded_until

    def apply(self, version, **how):
        writer.apply(self.connection.pk, Entity.ORDERS, [version.record], now=datetime.now(UTC), **how)

    @initialize()
    def first_sync(self):
        self.apply(self.truth)

    @rule(seconds=st.sampled_from([0, 1, 5, 200]))
    def time_passes(self, seconds):
        self.clock.shift(timedelta(seconds=seconds))

    @rule(status=st.sampled_from(STATES))
    @precondition(lambda self: self.cancelled is None)
    def the_wms_changes(self, status):
        self.change(status)

    @rule(status=st.sampled_from(STATES))
    @precondition(lambda self: self.cancelled is not None)
    def the_wms_says_otherwise(self, status):
        """After the change, and a second later, so that the stamps tell."""
        self.clock.shift(timedelta(seconds=1))
        self.change(status)

    def change(self, status):
        self.truth = Version(self.truth.number + 1, status, datetime.now(UTC).replace(microsecond=0))

    @rule()
    def an_answer_is_read(self):
        """A poll's page, a webhook, a point refresh: it arrives some time later."""
        self.under_way.append(self.truth)

    @rule(data=st.data(), full=st.booleans())
    @precondition(lambda self: self.under_way)
    def an_answer_arrives(self, data, full):
        place = data.draw(st.integers(0, len(self.under_way) - 1))
        version = self.under_way.pop(place)
        self.apply(version, policy=WritePolicy.lookup() if full else SYNC)
        self.newest_read = max(self.newest_read, version.number)

    @rule()
    @precondition(lambda self: self.action is None)
    def a_person_cancels(self):
        self.change("cancelled")
        self.cancelled = self.truth
        now = datetime.now(UTC)
        self.action = Action.objects.create(
            connection=self.connection,
            kind=ActionKind.CANCEL_ORDER,
            entity=Entity.ORDERS,
            external_id="o",
            reference=f"r{self.connection.pk}",
            key="k",
            state=ActionState.ACCEPTED,
            answered_at=now,
            version_updated_at=self.truth.stamp,
        )
        write_protection.protect(self.action, now + SHIELD)
        self.action.save()
        self.until = self.action.shielded_until
        self.apply(self.truth, policy=WritePolicy.action())

    @invariant()
    def what_a_person_changed_stands(self):
        """Nothing from before the change is shown, not even by what comes late, until something newer was."""
        if self.action is None or self.newest_read > self.cancelled.number:
            return
        if datetime.now(UTC) < self.until:
            assert self.shown == self.cancelled.number

    @invariant()
    def marks_tell_the_truth(self):
        """Confirmed is what an answer has shown that was read after the change; before that it is not."""
        if self.action is None:
            return
        action = Action.objects.get(pk=self.action.pk)
        mark = mark_of(action, datetime.now(UTC))
        if self.newest_read < self.cancelled.number:
            expected = ActionStatus.ACCEPTED if datetime.now(UTC) < self.until else ActionStatus.UNCONFIRMED
            assert mark is not None
            assert mark.status == expected

    @rule()
    def the_newest_answer_wins(self):
        """Whatever came before, an answer that is the truth of this moment is shown."""
        self.apply(self.truth)
        self.newest_read = self.truth.number
        assert self.shown == self.truth.number


class TestInterleavings(TestCase):
    def test_change_is_kept_until_the_wms_overrides_it(self):
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=120,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
