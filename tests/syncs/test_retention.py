"""Pruning: what goes, what stays, and sums that stay exact."""

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
def place(clock, db):
    return make.connection(make.workspace())


def runs(place, count, age, entity=ORDERS, **fields):
    """Runs that ended so long ago, a minute between two; by default scheduled ones that found nothing new."""
    return [
        make.run(place, entity, started_at=now() - age - timedelta(minutes=count - number), **fields)
        for number in range(count)
    ]


def newest(place, entity=ORDERS):
    """Twenty runs of today, so that none of the older ones is among the last."""
    return runs(place, 20, timedelta(0), entity)


def left(*found):
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
        ({"mode": Mode.FULL}, 90),  # whether an empty list is believed is judged by the last full one
        ({"state": State.NEEDS_REVIEW, "review": Review.REJECTED}, 90),
    ],
)
def test_how_long_a_run_is_kept(clock, place, fields, days):
    """DESIGN 15: to the minute."""
    (run,) = runs(place, 1, days * DAY - timedelta(minutes=3), **fields)
    newest(place)
    retention.prune()
    assert left(run) == 1
    clock.shift(timedelta(minutes=5))
    retention.prune()
    assert left(run) == 0


def test_the_last_twenty_of_each_entity_stay(place):
    """However old: what an entity did last can always be seen."""
    of_orders = runs(place, 23, 100 * DAY)
    of_inventory = runs(place, 19, 100 * DAY, INVENTORY, state=State.FAILED)
    retention.prune()
    assert left(*of_orders[:3]) == 0
    assert left(*of_orders[3:]) == 20
    assert left(*of_inventory) == 19


def test_what_is_referred_to_or_undecided_stays(place):
    """A run that waits for a decision, that another one carries out or follows, or whose bad records are open."""
    old = 100 * DAY
    (undecided,) = runs(place, 1, old, state=State.NEEDS_REVIEW)
    (decided,) = runs(place, 1, old, state=State.NEEDS_REVIEW, review=Review.RELEASED)
    (follower,) = runs(place, 1, old, trigger=Trigger.MANUAL)
    (rejecting,) = runs(place, 1, old, state=State.PARTIAL)
    RejectedRecord.objects.create(
        connection=place, run=rejecting, entity=ORDERS, reason="no id", excerpt="{}", last_seen_at=now()
    )
    newest(place)
    (releasing,) = runs(place, 1, timedelta(0), releases=decided)
    (followed,) = runs(place, 1, timedelta(0), followed_by=follower)
    assert retention.prune().runs == 0
    assert left(undecided, decided, follower, rejecting, releasing, followed) == 6
    SyncRun.objects.filter(pk__in=[releasing.pk, followed.pk]).update(releases=None, followed_by=None)
    RejectedRecord.objects.all().delete()
    assert retention.prune().runs == 3
    assert left(undecided) == 1


def test_active_runs_stay(place):
    """A run that waits for a day, or that nobody took."""
    found = [
        runs(place, 1, 100 * DAY, entity, state=state)[0]
        for entity, state in zip((ORDERS, INVENTORY, Entity.PRODUCTS), ACTIVE, strict=True)
    ]
    for entity in (ORDERS, INVENTORY, Entity.PRODUCTS):
        newest(place, entity)
    retention.prune()
    assert left(*found) == 3


def sums():
    """What is known of each entity's days, from the runs that are left and the tallies together."""
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


def random_runs(place, dice, count):
    """Runs of all kinds, in the order in which they ended, over the last hundred days."""
    made = []
    for age in sorted((dice.uniform(0, 100) for _ in range(count)), reverse=True):
        moment = now() - age * DAY
        idle = dice.random() < 0.6
        numbers = {name: 0 if idle else dice.randrange(3) for name in ("created", "updated", "removed")}
        made.append(
            SyncRun(
                connection=place[dice.randrange(len(place))],
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
def test_tallies_and_runs_together_are_all_runs(clock, place, seed, monkeypatch):
    """Property: pruned in any batches, at any times, a day's sums never change; what may go is gone in the end."""
    dice = random.Random(seed)
    places = [place, make.connection(place.workspace, "Second")]
    random_runs(places, dice, 400)
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


def test_a_batch_that_fails_is_neither_removed_nor_summed_up(clock, place, monkeypatch):
    """One transaction: killed in between, nothing is lost and nothing counted twice."""
    runs(place, 50, 5 * DAY)
    newest(place)
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


def test_a_day_is_a_day_in_utc(clock, place):
    """By the moment it was due: a run of 23:59 that ended after midnight belongs to the day before."""
    due = datetime(2026, 1, 10, 23, 59, tzinfo=UTC)
    make.run(place, started_at=due + timedelta(minutes=3))
    SyncRun.objects.update(due_at=due, created_at=due)
    newest(place)
    retention.prune()
    assert DailyTally.objects.get().day == date(2026, 1, 10)


def test_closed_incidents_and_old_beats_go(clock, place):
    """Incidents 90 days after they were closed, an open one never; the beats of processes that are no more."""
    for age, closed in ((200, None), (200, 91), (200, 89)):
        Incident.objects.create(
            problem=Problem.STALE,
            connection=place,
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


def test_the_tick_prunes_once_an_hour(clock, place):
    """And goes on at once where it had to stop."""
    newest(place)
    for minutes, pruned in ((0, True), (1, False), (58, False), (1, True)):
        clock.shift(timedelta(minutes=minutes))
        (run,) = runs(place, 1, 5 * DAY)
        newest(place)
        tick()
        assert left(run) == (0 if pruned else 1)


def test_a_tick_that_has_no_time_to_finish_leaves_the_rest_to_the_next(clock, place, monkeypatch):
    monkeypatch.setattr(retention, "RUNS_PER_BATCH", 10)
    runs(place, 25, 5 * DAY)
    newest(place)
    counts = []
    monkeypatch.setattr(retention, "MAX_PRUNE_SECONDS", 0.0)
    tick()
    counts.append(SyncRun.objects.exclude(state=State.QUEUED).count())
    monkeypatch.setattr(retention, "MAX_PRUNE_SECONDS", 10.0)
    clock.shift(60)
    tick()
    counts.append(SyncRun.objects.exclude(state=State.QUEUED).count())
    assert counts == [45, 20]


def test_the_command_says_how_much_went(clock, place, capsys):
    runs(place, 3, 5 * DAY)
    newest(place)
    call_command("prune")
    assert capsys.readouterr().out == "Deleted 3 runs and 0 incidents.\n"


def test_actions_are_kept_for_ninety_days_and_longer_while_they_are_open(connection):
    """T23: every change with its exchange, for as long as runs are."""
    old = now() - retention.RUNS_KEPT_FOR - timedelta(days=1)
    make.action(connection, asked_at=old)
    kept = [make.action(connection, asked_at=old, state="unknown", settle_at=now()), make.action(connection)]
    retention.prune()
    assert sorted(Action.objects.values_list("pk", flat=True)) == [one.pk for one in kept]
