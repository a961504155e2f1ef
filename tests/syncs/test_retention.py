"""Retention: which rows are deleted, which stay, and tallies that stay exact."""

import itertools
import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Action
from syncs.models import (
    ACTIVE,
    Beat,
    DailyTally,
    Incident,
    Mode,
    Problem,
    RejectedRecord,
    Review,
    State,
    SyncRun,
    Trigger,
)
from syncs.monitoring import retention
from syncs.process.heartbeats import PROCESSES
from syncs.tasks import tick
from tests.kit import factories as make

SCALE = int(os.environ.get("PACKR_TEST_SCALE", "1"))
ORDERS, INVENTORY = Entity.ORDERS, Entity.INVENTORY
DAY = timedelta(days=1)


@pytest.fixture
def connection(clock, db):
    return make.connection(make.workspace())


def create_runs(connection, count, age, entity=ORDERS, **fields):
    """Create idle scheduled runs that ended `age` ago, a minute apart."""
    return [
        make.run(connection, entity, started_at=now() - age - timedelta(minutes=count - number), **fields)
        for number in range(count)
    ]


def create_latest(connection, entity=ORDERS):
    """Create twenty runs of today, so that none of the older ones is among the latest."""
    return create_runs(connection, 20, timedelta(0), entity)


def remaining(*found):
    return SyncRun.objects.filter(pk__in=[run.pk for run in found]).count()


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({}, 2),
        ({"unchanged": 5, "seen": 5}, 2),
        ({"created": 1, "seen": 1}, 90),
        ({"updated": 1, "seen": 1}, 90),
        ({"removed": 1}, 90),
        ({"rejected": 1, "seen": 1}, 90),
        ({"state": State.PARTIAL}, 90),
        ({"state": State.FAILED}, 90),
        ({"state": State.CANCELLED}, 90),
        ({"trigger": Trigger.MANUAL}, 90),
        ({"mode": Mode.FULL}, 90),  # the last full run decides whether an empty list is accepted
        ({"state": State.NEEDS_REVIEW, "review": Review.REJECTED}, 90),
    ],
)
def test_runs_are_kept_for_their_retention(clock, connection, fields, days):
    """Exact to the minute."""
    (run,) = create_runs(connection, 1, days * DAY - timedelta(minutes=3), **fields)
    create_latest(connection)
    retention.prune()
    assert remaining(run) == 1
    clock.shift(timedelta(minutes=5))
    retention.prune()
    assert remaining(run) == 0


def test_latest_twenty_runs_of_each_entity_stay(connection):
    """However old they are."""
    of_orders = create_runs(connection, 23, 100 * DAY)
    of_inventory = create_runs(connection, 19, 100 * DAY, INVENTORY, state=State.FAILED)
    retention.prune()
    assert remaining(*of_orders[:3]) == 0
    assert remaining(*of_orders[3:]) == 20
    assert remaining(*of_inventory) == 19


def test_referenced_and_undecided_runs_stay(connection):
    """Runs with pending removals, that another run releases or follows, or with rejected records."""
    old = 100 * DAY
    (undecided,) = create_runs(connection, 1, old, state=State.NEEDS_REVIEW)
    (decided,) = create_runs(connection, 1, old, state=State.NEEDS_REVIEW, review=Review.RELEASED)
    (follower,) = create_runs(connection, 1, old, trigger=Trigger.MANUAL)
    (rejecting,) = create_runs(connection, 1, old, state=State.PARTIAL)
    RejectedRecord.objects.create(
        connection=connection, run=rejecting, entity=ORDERS, reason="no id", excerpt="{}", last_seen_at=now()
    )
    create_latest(connection)
    (releasing,) = create_runs(connection, 1, timedelta(0), releases=decided)
    (followed,) = create_runs(connection, 1, timedelta(0), followed_by=follower)
    assert retention.prune().runs == 0
    assert remaining(undecided, decided, follower, rejecting, releasing, followed) == 6
    SyncRun.objects.filter(pk__in=[releasing.pk, followed.pk]).update(releases=None, followed_by=None)
    RejectedRecord.objects.all().delete()
    assert retention.prune().runs == 3
    assert remaining(undecided) == 1


def test_active_runs_stay(connection):
    """A run that has waited for a day, or that no worker has started."""
    found = [
        create_runs(connection, 1, 100 * DAY, entity, state=state)[0]
        for entity, state in zip((ORDERS, INVENTORY, Entity.PRODUCTS), ACTIVE, strict=True)
    ]
    for entity in (ORDERS, INVENTORY, Entity.PRODUCTS):
        create_latest(connection, entity)
    retention.prune()
    assert remaining(*found) == 3


def sums():
    """Return the totals per entity and day from the remaining runs and the tallies."""
    found: dict[tuple[int, str, date], Counter[str]] = {}
    for run in SyncRun.objects.all():
        counter = found.setdefault((run.connection_id, run.entity, run.due_at.astimezone(UTC).date()), Counter())
        counter += Counter(
            runs=1,
            succeeded=run.state == State.SUCCEEDED,
            failed=run.state == State.FAILED,
            created=run.created,
            updated=run.updated,
            removed=run.removed,
        )
    for tally in DailyTally.objects.all():
        counter = found.setdefault((tally.connection_id, tally.entity, tally.day), Counter())
        counter += Counter({name: getattr(tally, name) for name in retention.TALLY_FIELDS})
    return {key: +counter for key, counter in found.items()}


def random_runs(connections, dice, count):
    """Create runs of all kinds over the last hundred days, in the order in which they ended."""
    made = []
    for age in sorted((dice.uniform(0, 100) for _ in range(count)), reverse=True):
        moment = now() - age * DAY
        idle = dice.random() < 0.6
        numbers = {name: 0 if idle else dice.randrange(3) for name in ("created", "updated", "removed")}
        made.append(
            SyncRun(
                connection=connections[dice.randrange(len(connections))],
                lane=make.Lane.objects.get_or_create(account_key="all")[0],
                entity=dice.choice([ORDERS, INVENTORY]),
                mode=Mode.INCREMENTAL,
                trigger=Trigger.SCHEDULE if dice.random() < 0.9 else Trigger.API,
                state=dice.choice([State.SUCCEEDED] * 8 + [State.FAILED, State.PARTIAL]),
                due_at=moment,
                ready_at=moment,
                urgency=moment,
                started_at=moment,
                completed_at=moment,
                seen=numbers["created"] + numbers["updated"],
                **numbers,
            )
        )
    SyncRun.objects.bulk_create(made)


@pytest.mark.parametrize("seed", range(5 * SCALE))
def test_tallies_and_runs_together_are_all_runs(clock, connection, seed, monkeypatch):
    """Property: pruning in any batches at any times never changes a day's totals, and deletes everything due."""
    dice = random.Random(seed)
    connections = [connection, make.connection(connection.workspace, "Second")]
    random_runs(connections, dice, 400)
    before = sums()
    removed = 0
    for _ in range(4):
        monkeypatch.setattr(retention, "RUNS_PER_BATCH", dice.choice([1, 7, 50, 500]))
        removed += retention.prune().runs
        assert sums() == before
        clock.shift(dice.uniform(0, 5) * DAY)
    removed += retention.prune().runs
    assert removed == 400 - SyncRun.objects.count() == sum(DailyTally.objects.values_list("runs", flat=True))
    assert removed > 100
    assert retention.prune() == retention.PruneResult(0, 0, finished=True)


def test_failed_batch_is_neither_deleted_nor_tallied(clock, connection, monkeypatch):
    """Both happen in one transaction, so that nothing is lost or counted twice."""
    create_runs(connection, 50, 5 * DAY)
    create_latest(connection)
    before = sums()
    monkeypatch.setattr(retention, "RUNS_PER_BATCH", 20)
    add_up, calls = retention._add_to_tallies, itertools.count()

    def fails_the_second_time(found):
        add_up(found)
        if next(calls) == 1:
            raise DatabaseError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(retention, "_add_to_tallies", fails_the_second_time)
        with pytest.raises(DatabaseError):
            retention.prune()
    assert (SyncRun.objects.count(), sums()) == (50, before)
    assert retention.prune().runs == 30
    assert sums() == before


def test_tally_days_are_utc(clock, connection):
    """A run due at 23:59 that ended after midnight counts for the day before."""
    due = datetime(2026, 1, 10, 23, 59, tzinfo=UTC)
    make.run(connection, started_at=due + timedelta(minutes=3))
    SyncRun.objects.update(due_at=due, created_at=due)
    create_latest(connection)
    retention.prune()
    assert DailyTally.objects.get().day == date(2026, 1, 10)


def test_old_closed_incidents_and_heartbeats_are_deleted(clock, connection):
    """Incidents 90 days after they were closed, open ones never, and heartbeats of processes that are gone."""
    for age, closed in ((200, None), (200, 91), (200, 89)):
        Incident.objects.create(
            problem=Problem.STALE,
            connection=connection,
            entity=ORDERS,
            message="Old.",
            opened_at=now() - age * DAY,
            closed_at=now() - closed * DAY if closed else None,
        )
    for name, age in (("worker a:1", 25), ("cluster a:2", 23), ("tick", 1000), ("watchdog began", 1000)):
        Beat.objects.create(name=name, at=now() - timedelta(hours=age))
    retention.prune()
    assert Incident.objects.count() == 2
    assert list(Beat.objects.filter(PROCESSES).values_list("name", flat=True)) == ["cluster a:2"]
    assert Beat.objects.count() == 3


def test_tick_prunes_once_an_hour(clock, connection):
    """An interrupted prune continues immediately."""
    create_latest(connection)
    for minutes, pruned in ((0, True), (1, False), (58, False), (1, True)):
        clock.shift(timedelta(minutes=minutes))
        (run,) = create_runs(connection, 1, 5 * DAY)
        create_latest(connection)
        tick()
        assert remaining(run) == (0 if pruned else 1)


def test_unfinished_prune_continues_at_the_next_tick(clock, connection, monkeypatch):
    monkeypatch.setattr(retention, "RUNS_PER_BATCH", 10)
    create_runs(connection, 25, 5 * DAY)
    create_latest(connection)
    counts = []
    monkeypatch.setattr(retention, "MAX_PRUNE_SECONDS", 0.0)
    tick()
    counts.append(SyncRun.objects.exclude(state=State.QUEUED).count())
    monkeypatch.setattr(retention, "MAX_PRUNE_SECONDS", 10.0)
    clock.shift(60)
    tick()
    counts.append(SyncRun.objects.exclude(state=State.QUEUED).count())
    assert counts == [45, 20]


def test_command_prints_the_numbers_of_deleted_rows(clock, connection, capsys):
    create_runs(connection, 3, 5 * DAY)
    create_latest(connection)
    call_command("prune")
    assert capsys.readouterr().out == "Deleted 3 runs and 0 incidents.\n"


def test_actions_are_kept_ninety_days_and_longer_while_open(connection):
    """Each action is kept with its request and response, as long as runs."""
    old = now() - retention.RUNS_KEPT_FOR - timedelta(days=1)
    make.action(connection, asked_at=old)
    kept = [make.action(connection, asked_at=old, state="unknown", settle_at=now()), make.action(connection)]
    retention.prune()
    assert sorted(Action.objects.values_list("pk", flat=True)) == [one.pk for one in kept]
