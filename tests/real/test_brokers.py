"""Lost, duplicate and late wake-ups with each broker: every entity has one run, and nothing is lost."""

import contextlib
import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis as Client

from tests.kit.processes import PAGE, SMALL, Packr, Process, Sandbox, children, kill, until
from tests.real.steps import FIRST_RUN, connect, further, stop
from tests.real.test_concurrency import Browser, trigger
from tests.servers import Redis

pytestmark = pytest.mark.real

Tell = Callable[[str], None]

on_redis = pytest.mark.parametrize("packr", ["redis"], indirect=True)

QUEUE = "django_q:packr:q"
WAKE_UPS = "from syncs.process import wakeups; [wakeups.wake() for _ in range(3)]\n"
LISTS = {
    "orders": "/wms/orders",
    "inventory": "/wms/inventory",
    "products": "/wms/products",
    "customers": "/wms/warehouse-customers",
}


def runs(packr: Packr, where: str = "true") -> list[tuple[str, str]]:
    """Return entity and state of each run."""
    return packr.rows(f"SELECT entity, state FROM syncs_syncrun WHERE {where} ORDER BY id")


def entities(packr: Packr) -> set[str]:
    """Return the entities that have their own runs."""
    return {entity for entity, _ in runs(packr, "\"trigger\" = 'first'")}


def done(packr: Packr, seconds: float = 60) -> None:
    """Wait until no due run is left."""
    due = "state IN ('queued', 'running', 'waiting') AND (\"trigger\" <> 'schedule' OR due_at <= CURRENT_TIMESTAMP)"
    until(lambda: not runs(packr, due), "all that is due was done", seconds)


def once(packr: Packr, where: str) -> None:
    """Check that each entity has exactly one of these runs, and that it succeeded."""
    assert sorted(runs(packr, where)) == sorted((entity, "succeeded") for entity in entities(packr))


def complete(packr: Packr, wms: Sandbox, connection: str) -> None:
    """Check that the mirror equals the WMS's list, and that no two runs of one entity overlapped."""
    for exported, path in zip(packr.exports(connection, *LISTS), LISTS.values(), strict=True):
        mirrored = [record["external_id"] for record in exported]
        assert sorted(mirrored) == sorted(record["id"] for record in wms.listing(path))
    side_by_side = (
        "SELECT a.id, b.id FROM syncs_syncrun a JOIN syncs_syncrun b ON a.connection_id = b.connection_id"
        " AND a.entity = b.entity AND a.id < b.id"
        " WHERE a.started_at < b.completed_at AND b.started_at < a.completed_at"
    )
    assert packr.rows(side_by_side) == []


# --- Lost and duplicate messages -----------------------------------------------------------------------------------


class MessageThieves:
    """Threads that take messages from the cluster's queue and drop them.

    Each of the `count` threads pauses for `rests` seconds after a message.
    """

    def __init__(self, url: str, count: int, rests: float = 0) -> None:
        self.url, self.rests, self.lost, self._ended = url, rests, 0, threading.Event()
        # Each waits longer than the pusher, and their timeouts differ, so that some always wait ahead of it.
        self._threads = [threading.Thread(target=self._steal, args=(2 + 2 * one / count,)) for one in range(count)]

    def __enter__(self) -> "MessageThieves":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _steal(self, waits: float) -> None:
        with Client.from_url(self.url) as client:
            while not self._ended.is_set():
                if client.blpop([QUEUE], timeout=waits):
                    self.lost += 1
                    self._ended.wait(self.rests)


@on_redis
def test_lost_messages_lose_no_run(packr: Packr, small: Sandbox, redis: Redis, tell: Tell) -> None:
    with MessageThieves(redis.url, 30) as all_of_them:
        connection = connect(packr, small)
        packr.hasten(5)
        cluster = packr.start("qcluster")
        until(lambda: all_of_them.lost >= 6, "all messages were lost", 60)
        with Client.from_url(redis.url) as client:
            client.flushall()
        assert runs(packr, "started_at IS NOT NULL") == []
    scheduled = "\"trigger\" = 'schedule' AND state = 'succeeded'"
    with MessageThieves(redis.url, 1, rests=1.5) as every_other:
        until(lambda: {one for one, _ in runs(packr, scheduled)} == entities(packr), "every schedule ran", 90)
        until(lambda: every_other.lost >= 3, "messages were lost", 60)
    stop(packr, cluster)
    tell(f"{all_of_them.lost + every_other.lost} messages lost; {len(runs(packr))} runs")
    once(packr, "\"trigger\" = 'first'")
    assert {state for _, state in runs(packr)} <= {"succeeded", "queued", "running"}
    assert packr.rows("SELECT entity, due_at FROM syncs_syncrun GROUP BY 1, 2 HAVING count(*) > 1") == []
    complete(packr, small, connection)


@contextlib.contextmanager
def duplicated_messages(client: "Client[Any]") -> Iterator[list[str]]:
    """Repeat every message in the queue. Yield the repeated ones."""
    again: list[str] = []

    def listen() -> None:
        for heard in watched.listen():
            command, _, rest = heard["command"].partition(" ")
            if command == "ECHO":
                return
            if command == "RPUSH" and rest not in again:
                again.append(rest)
                client.rpush(QUEUE, rest.partition(" ")[2])

    with client.monitor() as watched:
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield again
        finally:
            client.echo("enough")
            thread.join()


@on_redis
def test_duplicate_messages_duplicate_no_run(packr: Packr, small: Sandbox, redis: Redis, tell: Tell) -> None:
    with Client.from_url(redis.url) as client, duplicated_messages(client) as again:
        connection = connect(packr, small)
        cluster = packr.start("qcluster")
        done(packr)
        for _ in range(2):
            packr.manage("sync", connection, *sorted(entities(packr)))
            done(packr)
        until(lambda: not client.llen(QUEUE), "every message was taken", 20)
    stop(packr, cluster)
    tell(f"{len(again)} messages delivered twice")
    assert len(again) >= 3
    once(packr, "\"trigger\" = 'first'")
    by_hand = Counter(runs(packr, "\"trigger\" = 'manual'"))
    assert by_hand == {(entity, "succeeded"): 2 for entity in entities(packr)}
    assert packr.rows(FIRST_RUN) == [("succeeded", SMALL / PAGE, SMALL, SMALL, 0)]
    asked = Counter(request["query"] for request in small.asked("/wms/orders"))
    assert max(asked.values()) == 1
    assert packr.rows("SELECT count(*) FROM django_q_ormq") == [(0,)]
    complete(packr, small, connection)


# --- Redis outages -------------------------------------------------------------------------------------------------


def check_runs_after_outage(packr: Packr, cluster: Process, *wanted: str) -> None:
    """Check that the running cluster carries out the runs requested during the outage."""
    # django-q2's pusher takes up to ten seconds to try again.
    done(packr)
    assert {(entity, "succeeded") for entity in wanted} <= set(runs(packr))
    cluster.signal(signal.SIGTERM)
    assert cluster.ends() == 0


@on_redis
@pytest.mark.parametrize("how", ["dead", "frozen"])
def test_requests_without_redis_are_run_later(packr: Packr, small: Sandbox, redis: Redis, how: str) -> None:
    connection = connect(packr, small, "--no-first-sync")
    cluster = packr.start("qcluster")
    packr.cluster()
    with Browser(packr.serve(), "anna") as browser:
        redis.kill() if how == "dead" else redis.freeze()
        packr.manage("sync", connection, "products")
        assert trigger(browser, connection).status_code == 202
    assert {("orders", "queued"), ("products", "queued")} <= set(runs(packr))
    cluster.waits_for("the broker can't be reached")
    redis.start() if how == "dead" else redis.thaw()
    check_runs_after_outage(packr, cluster, "orders", "products")


AWAY, BACK = "The message broker can't be reached", "The message broker is back; the cluster starts."


def wait_for_log(cluster: Process, words: str, times: int = 1) -> None:
    until(lambda: cluster.log.read_text().count(words) == times, f"the cluster tells {times} times: {words}", 30)


@on_redis
def test_cluster_started_without_redis_waits_for_it(packr: Packr, small: Sandbox, redis: Redis) -> None:
    small.fault(fault="latency", ms=300, path="/wms/orders")
    connect(packr, small)
    redis.kill()
    cluster = packr.start("qcluster")
    wait_for_log(cluster, AWAY)
    cluster.signal(signal.SIGTERM)
    assert cluster.ends() == 0

    cluster = packr.start("qcluster")
    wait_for_log(cluster, AWAY)
    redis.start()
    wait_for_log(cluster, BACK)
    further(packr, 0, 60)
    redis.kill()
    kill(*children(cluster.pid))
    wait_for_log(cluster, AWAY, 2)
    redis.start()
    wait_for_log(cluster, BACK, 2)
    check_runs_after_outage(packr, cluster, *LISTS)


# --- A day without workers -------------------------------------------------------------------------------------------

A_DAY_LATER = (
    "from datetime import timedelta; from django.db.models import F; from django_q.models import Schedule\n"
    "day = timedelta(days=1)\n"
    "EntitySchedule.objects.exclude(next_due_at=None).update(next_due_at=F('next_due_at') - day)\n"
    "SyncRun.objects.update(due_at=F('due_at') - day, ready_at=F('ready_at') - day, urgency=F('urgency') - day)\n"
    "Schedule.objects.update(next_run=F('next_run') - day)\n"
)
# What django-q2 does every half minute, without waiting for it.
PLAN = (
    "import json; from django.utils.timezone import now; from django_q.models import Schedule\n"
    "from django_q.scheduler import scheduler; from django_q.signals import pre_enqueue; from syncs import tasks\n"
    "sent = []; note = lambda task, **kwargs: sent.append(task['func']); pre_enqueue.connect(note)\n"
    "scheduler(); scheduler(); tasks.tick(); tasks.tick()\n"
    "print(json.dumps([sent, Schedule.objects.get().next_run > now()]))"
)


@pytest.mark.parametrize("packr", ["sqlite", "redis"], indirect=True)
def test_each_entity_runs_once_after_a_day_without_cluster(packr: Packr, small: Sandbox) -> None:
    connection = connect(packr, small)
    cluster = packr.start("qcluster")
    done(packr)
    stop(packr, cluster)
    packr.hasten(300)
    packr.shell(A_DAY_LATER + WAKE_UPS)
    ((last,),) = packr.rows("SELECT max(id) FROM syncs_syncrun WHERE state <> 'queued'")
    cluster = packr.start("qcluster")
    missed = f"id > {last} AND due_at < (SELECT min(started_at) FROM syncs_syncrun WHERE id > {last})"
    until(lambda: {one for one, _ in runs(packr, missed)} == entities(packr), "every entity was planned", 30)
    done(packr)
    sent, is_ahead = json.loads(packr.shell(PLAN).splitlines()[-1])
    # The cluster's own scheduler may have been faster. There are never 1,440 of them.
    assert sent in ([], ["syncs.tasks.tick"])
    assert is_ahead
    done(packr)
    stop(packr, cluster)
    once(packr, missed)
    complete(packr, small, connection)


# --- Priority --------------------------------------------------------------------------------------------------------


@on_redis
def test_requested_run_goes_before_all_queued_runs(packr: Packr, small: Sandbox) -> None:
    packr.env |= {"PACKR_WORKERS": "1", "PACKR_LANES": "1"}
    connection = connect(packr, small)
    small.fault(fault="latency", ms=500, path="/wms")
    packr.start("qcluster")
    until(lambda: runs(packr, "state = 'running'"), "a worker works", 30)
    packr.manage("sync", connection, "shipping-methods", "--as", "anna")
    mine = f"connection_id = {connection} AND entity = 'shipping-methods' AND \"trigger\" = 'first'"
    until(lambda: runs(packr, f"{mine} AND started_at IS NOT NULL"), "the person's run started", 60)
    asked = f"(SELECT urgency + interval '5 minutes' FROM syncs_syncrun WHERE {mine})"
    earlier = runs(packr, f"started_at > {asked} AND started_at < (SELECT started_at FROM syncs_syncrun WHERE {mine})")
    # One may have started at the moment of the request.
    assert len(earlier) <= 1
    assert runs(packr, "started_at IS NULL")
