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
PROTECTION = timedelta(minutes=15)
STATES = ("open", "picked", "packed")


@dataclass(frozen=True)
class Version:
    """A state of the WMS's order: a number that grows with each change, and a stamp in whole seconds."""

    number: int
    status: str
    stamp: datetime

    @property
    def record(self):
        return order("o", self.stamp, created_at=START, status=self.status, order_number=str(self.number))


class InterleavingMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.traveller = time_machine.travel(START, tick=False)
        self.clock = self.traveller.start()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.connection = factories.connection(factories.workspace(f"w{Connection.objects.count()}"))
        self.current = Version(1, "open", START)
        self.pending_answers = []
        self.cancelled = None
        self.action = None
        self.newest_read = 0

    def teardown(self):
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)
        self.traveller.stop()

    @property
    def shown(self):
        """Return the number of the version that the mirror shows."""
        return int(Order.objects.get(connection=self.connection).order_number)

    def apply(self, version, **how):
        writer.apply(self.connection.pk, Entity.ORDERS, [version.record], now=datetime.now(UTC), **how)

    @initialize()
    def first_sync(self):
        self.apply(self.current)

    @rule(seconds=st.sampled_from([0, 1, 5, 200]))
    def pass_time(self, seconds):
        self.clock.shift(timedelta(seconds=seconds))

    @rule(status=st.sampled_from(STATES))
    @precondition(lambda self: self.cancelled is None)
    def change_in_the_wms(self, status):
        self.change(status)

    @rule(status=st.sampled_from(STATES))
    @precondition(lambda self: self.cancelled is not None)
    def change_in_the_wms_after_the_action(self, status):
        """Change the order a second after the action, so that the stamps differ."""
        self.clock.shift(timedelta(seconds=1))
        self.change(status)

    def change(self, status):
        self.current = Version(self.current.number + 1, status, datetime.now(UTC).replace(microsecond=0))

    @rule()
    def read_answer(self):
        """Read the WMS by a page, webhook or lookup whose answer arrives later."""
        self.pending_answers.append(self.current)

    @rule(data=st.data(), full=st.booleans())
    @precondition(lambda self: self.pending_answers)
    def receive_answer(self, data, full):
        position = data.draw(st.integers(0, len(self.pending_answers) - 1))
        version = self.pending_answers.pop(position)
        self.apply(version, policy=WritePolicy.lookup() if full else SYNC)
        self.newest_read = max(self.newest_read, version.number)

    @rule()
    @precondition(lambda self: self.action is None)
    def cancel_in_packr(self):
        self.change("cancelled")
        self.cancelled = self.current
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
            version_updated_at=self.current.stamp,
        )
        write_protection.protect(self.action, now + PROTECTION)
        self.action.save()
        self.protected_until = self.action.shielded_until
        self.apply(self.current, policy=WritePolicy.action())

    @invariant()
    def protected_change_is_kept(self):
        """During write protection, late answers never show a state before the change."""
        if self.action is None or self.newest_read > self.cancelled.number:
            return
        if datetime.now(UTC) < self.protected_until:
            assert self.shown == self.cancelled.number

    @invariant()
    def mark_matches_the_answers(self):
        """The action's mark is not confirmed until an answer arrives that was read after the change."""
        if self.action is None:
            return
        action = Action.objects.get(pk=self.action.pk)
        mark = mark_of(action, datetime.now(UTC))
        if self.newest_read < self.cancelled.number:
            expected = ActionStatus.ACCEPTED if datetime.now(UTC) < self.protected_until else ActionStatus.UNCONFIRMED
            assert mark is not None
            assert mark.status == expected

    @rule()
    def newest_answer_wins(self):
        """An answer with the WMS's current state is always shown."""
        self.apply(self.current)
        self.newest_read = self.current.number
        assert self.shown == self.current.number


class TestInterleavings(TestCase):
    def test_change_is_kept_until_the_wms_overrides_it(self):
        run_state_machine_as_test(
            InterleavingMachine,
            settings=settings(
                max_examples=120,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
