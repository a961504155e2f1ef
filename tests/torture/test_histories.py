"""Random histories of a WMS and of Packr, and the invariants during each of them and after the next complete sync.

50 on SQLite, 25 on PostgreSQL, times PACKR_TEST_SCALE (4 in `make nightly`, 80 in `make torture`). Each run has the
same histories, so failures are reproducible. The shortest history that fails is printed as the calls that make it.
"""

import os
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Any

import pytest
from django.db import connection as database
from django.utils.timezone import now
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from integrations.entities import Entity
from integrations.errors import ConnectorError, CursorExpired, Kind
from integrations.models import Connection
from packr.warehouse.mirror import sql, writer
from syncs.models import EntitySchedule, Mode, SyncRun
from syncs.process import wakeups
from tests.kit import factories
from tests.kit.model_wms import item, order

from .source import Listing, When
from .world import ENTITIES, Shape, World

# In parts, so that several test workers can share them.
PARTS = 5
HISTORIES = 50 if database.vendor == "sqlite" else 25
SCALE = float(os.environ.get("PACKR_TEST_SCALE", "1"))
STEPS = 10
IDS = [f"{number}" for number in range(8)]


# --- Changes in the WMS, and webhooks ------------------------------------------------------------------------------


class Event:
    def happen(self, world: World) -> None:
        raise AssertionError("an event defines what happens")


@dataclass(frozen=True)
class Put(Event):
    """Add or change records, all with the same stamp."""

    entity: Entity
    first: int
    count: int
    when: When

    def happen(self, world: World) -> None:
        for number, external_id in enumerate(_some(self.first, self.count)):
            world.put(self.entity, external_id, When.SAME if number and self.when == When.NOW else self.when)


@dataclass(frozen=True)
class Drop(Event):
    entity: Entity
    first: int
    count: int

    def happen(self, world: World) -> None:
        for external_id in _some(self.first, self.count, world.source.rows[self.entity]):
            world.source.erase(self.entity, external_id)


@dataclass(frozen=True)
class PutBack(Event):
    """Put a dropped record back, unchanged and with its old stamp."""

    entity: Entity
    first: int

    def happen(self, world: World) -> None:
        rows = world.source.rows[self.entity]
        gone = [id_ for entity, id_ in sorted(world.source.dropped) if entity == self.entity and id_ not in rows]
        for external_id in _some(self.first, 1, gone):
            world.put_back(self.entity, external_id)


@dataclass(frozen=True)
class Deliver(Event):
    """Deliver the current or an earlier version of a record by a webhook."""

    entity: Entity
    first: int
    back: int

    def happen(self, world: World) -> None:
        world.deliver(self.entity, IDS[self.first], self.back)


@dataclass(frozen=True)
class ChangeAndDeliver(Event):
    """Change a record and deliver it immediately by a webhook."""

    entity: Entity
    first: int

    def happen(self, world: World) -> None:
        world.change_and_deliver(self.entity, IDS[self.first], When.NOW)


@dataclass(frozen=True)
class Spoil(Event):
    entity: Entity
    first: int

    def happen(self, world: World) -> None:
        for external_id in _some(self.first, 1, world.source.rows[self.entity]):
            world.spoil(self.entity, external_id)


@dataclass(frozen=True)
class Restore(Event):
    entity: Entity

    def happen(self, world: World) -> None:
        world.restore(self.entity)


@dataclass(frozen=True)
class Skew(Event):
    minutes: int

    def happen(self, world: World) -> None:
        world.skew(self.minutes)


@dataclass(frozen=True)
class PassTime(Event):
    seconds: int

    def happen(self, world: World) -> None:
        world.pass_time(self.seconds)


@dataclass(frozen=True)
class Overtake(Event):
    """Only while reading: another worker takes the lane, and this one notices when it continues."""

    def happen(self, world: World) -> None:
        world.be_overtaken()


def _some(first: int, count: int, of: Collection[str] = IDS) -> list[str]:
    """Return `count` ids, beginning at number `first` and wrapping around."""
    ids = sorted(of)
    return [ids[number % len(ids)] for number in range(first, first + min(count, len(ids)))]


entities = st.sampled_from(ENTITIES)
places = st.integers(0, len(IDS) - 1)
stamps = st.sampled_from([*[When.NOW] * 3, *[When.LATE] * 2, *When])
changes = st.builds(Put, entities, places, st.sampled_from([1, 1, 2, 6]), stamps)
drops = st.builds(Drop, entities, places, st.sampled_from([1, 1, 1, 3, len(IDS)]))
events = st.one_of(
    changes,
    changes,
    drops,
    st.builds(PutBack, entities, places),
    st.builds(ChangeAndDeliver, entities, places),
    st.builds(Deliver, entities, places, st.integers(0, 2)),
    st.builds(Spoil, entities, places),
    st.builds(Restore, entities),
    st.builds(Skew, st.sampled_from([-10, 0, 10])),
    st.builds(PassTime, st.sampled_from([1, 30, 5 * 60, 20 * 60, 5 * 3600])),
)
events_while_reading = st.one_of(events, *[st.just(Overtake())] * 4)

# --- Failures of the WMS -------------------------------------------------------------------------------------------


def _limited(wait: timedelta | None) -> ConnectorError:
    return ConnectorError(Kind.RATE_LIMITED, "Slow down.", retry_at=now() + wait if wait else None)


FAULTS: dict[str, Callable[[], ConnectorError]] = {
    "asked to wait": partial(_limited, None),
    "asked to wait a minute": partial(_limited, timedelta(minutes=1)),
    "asked to wait thirty hours": partial(_limited, timedelta(hours=30)),
    "unreachable": lambda: ConnectorError(Kind.UNREACHABLE, "No answer."),
    "contract": lambda: ConnectorError(Kind.CONTRACT, "Not JSON."),
    "login refused": lambda: ConnectorError(Kind.CREDENTIALS, "Refused."),
    "cursor expired": lambda: CursorExpired("Read it again."),
}

# --- The histories -------------------------------------------------------------------------------------------------

shapes = st.builds(
    Shape,
    page_size=st.sampled_from([1, 3, 3, 4]),
    listing=st.sampled_from(Listing),
    has_clock=st.sampled_from([True, True, False]),
    whole_inventory=st.booleans(),
    slice_seconds=st.sampled_from([0, 60]),
    copy_threshold=st.sampled_from([sql.COPY_THRESHOLD, 1]),
)
modes = st.sampled_from([Mode.INCREMENTAL, Mode.INCREMENTAL, Mode.FULL])
statements = st.integers(1, 60)


class History(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    @initialize(shape=shapes, first=st.lists(changes, min_size=1, max_size=4))
    def begin(self, shape: Shape, first: list[Put]) -> None:
        self.world.begin(shape)
        for event in first:
            event.happen(self.world)

    @rule(event=events)
    def happens(self, event: Event) -> None:
        event.happen(self.world)

    @rule(after=st.integers(0, 3), event=events_while_reading, looking_up=st.booleans())
    def happens_while_reading(self, after: int, event: Event, looking_up: bool) -> None:
        self.world.meanwhile(after, partial(event.happen, self.world), looking_up=looking_up)

    @rule(after=st.integers(0, 3), fault=st.sampled_from(sorted(FAULTS)))
    def answers_badly(self, after: int, fault: str) -> None:
        self.world.answer_badly(after, FAULTS[fault], only_inside=fault == "cursor expired")

    @rule(entity=entities, mode=modes, by_person=st.booleans())
    def is_asked_for(self, entity: Entity, mode: Mode, by_person: bool) -> None:
        self.world.request(entity, mode, by_person=by_person)

    @rule(entity=entities)
    def is_cancelled(self, entity: Entity) -> None:
        self.world.cancel(entity)

    @rule(slices=st.integers(1, 6))
    def works(self, slices: int) -> None:
        for _ in range(slices):
            self.world.work()

    @rule(entity=entities, mode=modes, statement=statements)
    def is_killed(self, entity: Entity, mode: Mode, statement: int) -> None:
        self.world.request(entity, mode, by_person=True)
        self.world.work(killed_at=statement)

    @rule(before=st.lists(changes, max_size=2), mode=modes, killed_at=st.one_of(st.none(), statements))
    def is_synced(self, before: list[Put], mode: Mode, killed_at: int | None) -> None:
        for event in before:
            event.happen(self.world)
        for entity in ENTITIES:
            self.world.request(entity, mode, by_person=True)
        self.world.work(killed_at)
        self.world.drain()

    @invariant()
    def invariants_hold(self) -> None:
        if self.world.touched:
            self.world.check()

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.world.settle()


@pytest.fixture
def world(
    monkeypatch: pytest.MonkeyPatch, settings: Any, clock: Any, transactional_db: None, wms: Any, connection: Connection
) -> World:
    """Return the connection under test, next to another account's connection with the same ids."""
    monkeypatch.setattr(wakeups, "wake", lambda: None)
    monkeypatch.setattr(sql, "COPY_THRESHOLD", sql.COPY_THRESHOLD)
    settings.SLICE_SECONDS = 0
    other = factories.connection(connection.workspace, "Other")
    EntitySchedule.objects.filter(connection=other).update(enabled=False)
    writer.apply(other.pk, Entity.ORDERS, [order(one, now()) for one in IDS], now=now())
    writer.apply(other.pk, Entity.INVENTORY, [item(one, "1", now()) for one in IDS], now=now())
    return World(connection, other, factories.person("cleo", in_=connection.workspace), clock)


# A worker killed while PostgreSQL sends it rows leaves its cursor to the garbage collector, as a real death would.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", range(PARTS))
def test_next_complete_sync_is_right_after_any_history(world: World, part: int) -> None:
    """Nothing is lost, duplicated or stuck, whatever happened before."""
    run_state_machine_as_test(
        seed(part)(partial(History, world)),
        settings=settings(
            max_examples=ceil(HISTORIES * SCALE / PARTS),
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_record_fixed_late_is_expected_only_of_next_pass(world: World) -> None:
    """A counterexample of 4,000 histories, in the model: the pass in progress had read the record while it was
    unreadable.
    """
    world.begin(Shape(page_size=1, has_clock=True, whole_inventory=False, slice_seconds=0, copy_threshold=50))
    for event in (Put(Entity.ORDERS, 0, 1, When.NOW), Spoil(Entity.ORDERS, 0)):
        event.happen(world)
    world.request(Entity.ORDERS, Mode.INCREMENTAL, by_person=False)
    world.work()
    run = SyncRun.objects.get()
    assert (run.rejected, run.is_active) == (1, True)
    world.settle()
