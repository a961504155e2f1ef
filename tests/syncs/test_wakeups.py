"""Wake-ups in the message queue: at most one waits, so none delays the tick."""

import pytest
from django_q.models import OrmQ

from syncs.process import wakeups

pytestmark = pytest.mark.django_db


def queued() -> list[str]:
    return [message.func() for message in OrmQ.objects.order_by("pk")]


def test_many_requests_queue_one_wake_up() -> None:
    for _ in range(100):
        wakeups.wake()
    wakeups.tick()
    assert queued() == ["syncs.tasks.work", "syncs.tasks.tick"]


def test_queued_wake_up_makes_worker_claim_runs() -> None:
    wakeups.tick()
    wakeups.wake()
    assert queued() == ["syncs.tasks.tick"]
    OrmQ.objects.all().delete()
    wakeups.wake()
    assert queued() == ["syncs.tasks.work"]
