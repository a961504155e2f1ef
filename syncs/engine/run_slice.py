"""A worker's turn with one run: what it has in hands, and the one way it writes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from integrations.connectors.base import FetchRequest, Resource
from integrations.entities import Entity
from integrations.http.client import Client
from integrations.models import Connection
from packr.warehouse.models.change_causes import Cause, CauseKind

from ..models import Checkpoint, Mode, SyncRun
from ..process import shutdown
from ..runs import sql
from ..runs.claims import Claim, fence, reason_not_to_write

# So many slices in a row at most, while nobody waits: the task that works them off has to end in time, and a WMS may
# take half a minute for the last answer.
MAX_SLICES_BEFORE_YIELD = 3
COUNTER_FIELDS = ("pages", "seen", "created", "updated", "unchanged", "stale", "rejected", "removed", "processed")
REQUEST_FIELDS = ("since", "until", "border")
COST_FIELDS = ("requests", "waited_seconds")


class RunSlice:
    """One slice of a claimed run. What it counts and asks for is in `run`, and stored with each page.

    `schedule_state` is that of the entity's `schedule` as the slice began.
    """

    def __init__(self, claimed: Claim) -> None:
        self.claimed = claimed
        self.run: SyncRun = claimed.run
        self.connection: Connection = self.run.connection
        self.entity = Entity(self.run.entity)
        self.resource: Resource = self.connection.connector.resources[self.entity]
        began = time.monotonic()
        self._ends, self._latest = (
            began + settings.SLICE_SECONDS,
            began + MAX_SLICES_BEFORE_YIELD * settings.SLICE_SECONDS,
        )
        self.checkpoint = claimed.checkpoint or Checkpoint(run=self.run)
        self.schedule_state = sql.get_schedule_state(self.connection.pk, self.entity)
        self.schedule = self.schedule_state.schedule
        self._client: Client | None = None
        self._asked_before = 0

    @property
    def is_new(self) -> bool:
        """Whether nothing of the run was stored yet, so that it may still be fixed what it asks for."""
        return self.checkpoint._state.adding

    @property
    def deadline_reached(self) -> bool:
        """Whether nothing more may be begun, whoever waits or not."""
        return shutdown.is_requested() or time.monotonic() >= self._latest

    def gives_way(self) -> bool:
        """Whether others go first from here: the slice is over and somebody waits, or it has to end."""
        if self.deadline_reached:
            return True
        if time.monotonic() < self._ends:
            return False
        if sql.does_another_wait(self.run.pk, self.run.lane_id, now()):
            return True
        self._ends += settings.SLICE_SECONDS
        return False

    @property
    def ask(self) -> FetchRequest:
        return FetchRequest(since=self.run.since, until=self.run.until, history_start=self.run.border, lazily=True)

    @property
    def is_known(self) -> bool:
        """Whether most of what is read lies in the mirror already: a full that is not the first."""
        return self.run.mode == Mode.FULL and self.schedule.watermark is not None

    @property
    def cause(self) -> Cause:
        """What stands in the history of the records that this run changes."""
        run = self.run
        text = f"{run.get_mode_display()} sync of {self.entity.label.lower()}"
        return Cause(CauseKind.RUN, run.pk, text, first=self.schedule.watermark is None)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, fenced by the lease: what is written in it, the checkpoint and the counters, or nothing.

        Raises LeaseLost when the lane is another worker's, Gone and Cancelled when the run is no longer wanted.
        """
        before = {name: getattr(self.run, name) for name in COUNTER_FIELDS}
        try:
            with transaction.atomic():
                fence(self.claimed)
                yield
                if self.run.is_active:
                    self._keep_progress()
        except BaseException:
            for name, count in before.items():
                setattr(self.run, name, count)
            raise

    def count(self, **counts: int) -> None:
        """Add to the run's counters."""
        for name, count in counts.items():
            setattr(self.run, name, getattr(self.run, name) + count)

    def meter(self, client: Client) -> None:
        """Count what is asked by this client, which may have asked for other runs before."""
        self._client, self._asked_before = client, client.requests_made - self.run.requests

    def store_request_count(self) -> None:
        """Note on the run how many questions it has asked the WMS by now."""
        if self._client:
            self.run.requests = self._client.requests_made - self._asked_before

    def progress(self) -> dict[str, object]:
        """What the run's row should hold by now. A written page is progress, so the attempts start anew."""
        self.store_request_count()
        self._add_wait()
        stands = {name: getattr(self.run, name) for name in (*COUNTER_FIELDS, *REQUEST_FIELDS, *COST_FIELDS)}
        return stands | {"beat_at": now(), "claims": 0, "waits": 0, "waiting_since": None}

    def _add_wait(self) -> None:
        """A page is there, so the wait before it is over."""
        since, self.run.waiting_since = self.run.waiting_since, None
        if since:
            self.run.waited_seconds += max(0, int((now() - since).total_seconds()))

    def _keep_progress(self) -> None:
        """Store where the run stands."""
        if not sql.update_claimed_run(self.run.pk, self.progress()):
            raise reason_not_to_write(self.run)
        self.checkpoint.save(force_insert=self.is_new)
