"""One slice of a run: its state, and the transaction in which it writes."""

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

# While no other run waits, a worker continues a run for this many slices at most: its task must end in time, and a WMS
# may take half a minute for the last response.
MAX_SLICES_BEFORE_YIELD = 3
COUNTER_FIELDS = ("pages", "seen", "created", "updated", "unchanged", "stale", "rejected", "removed", "processed")
REQUEST_FIELDS = ("since", "until", "border")
COST_FIELDS = ("requests", "waited_seconds")


class RunSlice:
    """One slice of a claimed run. Counters are kept on `run` and stored with each page.

    `schedule_state` is the state of the entity's `schedule` when the slice began.
    """

    def __init__(self, claimed: Claim) -> None:
        self.claimed = claimed
        self.run: SyncRun = claimed.run
        self.connection: Connection = self.run.connection
        self.entity = Entity(self.run.entity)
        self.resource: Resource = self.connection.connector.resources[self.entity]
        started = time.monotonic()
        self._slice_ends = started + settings.SLICE_SECONDS
        self._deadline = started + MAX_SLICES_BEFORE_YIELD * settings.SLICE_SECONDS
        self.checkpoint = claimed.checkpoint or Checkpoint(run=self.run)
        self.schedule_state = sql.get_schedule_state(self.connection.pk, self.entity)
        self.schedule = self.schedule_state.schedule
        self._client: Client | None = None
        self._uncounted_requests = 0

    @property
    def is_new(self) -> bool:
        """Whether nothing of the run is stored yet, so that its request may still change."""
        return self.checkpoint._state.adding

    @property
    def is_first_sync(self) -> bool:
        """Whether the entity was never synced completely."""
        return self.schedule.watermark is None

    @property
    def is_mostly_known(self) -> bool:
        """Whether the mirror already has most of the records: in a full run that is not the first sync."""
        return self.run.mode == Mode.FULL and not self.is_first_sync

    @property
    def deadline_reached(self) -> bool:
        """Whether nothing more may be started, even if no other run waits."""
        return shutdown.is_requested() or time.monotonic() >= self._deadline

    def should_yield(self) -> bool:
        """Return whether the run must give back its worker: at the deadline, or if others wait when the slice ends."""
        if self.deadline_reached:
            return True
        if time.monotonic() < self._slice_ends:
            return False
        if sql.does_another_wait(self.run.pk, self.run.lane_id, now()):
            return True
        self._slice_ends += settings.SLICE_SECONDS
        return False

    @property
    def fetch_request(self) -> FetchRequest:
        return FetchRequest(since=self.run.since, until=self.run.until, history_start=self.run.border, lazily=True)

    @property
    def cause(self) -> Cause:
        """The cause that the history gives for the changes of this run."""
        run = self.run
        text = f"{run.get_mode_display()} sync of {self.entity.label.lower()}"
        return Cause(CauseKind.RUN, run.pk, text, first=self.is_first_sync)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open a transaction, fenced by the lease, that also stores checkpoint and counters.

        Raises LeaseLost if another worker holds the lane, RunEnded or RunCancelled if the run is no longer wanted.
        """
        before = {name: getattr(self.run, name) for name in COUNTER_FIELDS}
        try:
            with transaction.atomic():
                fence(self.claimed)
                yield
                if self.run.is_active:
                    self._store_progress()
        except BaseException:
            for name, count in before.items():
                setattr(self.run, name, count)
            raise

    def count(self, **counts: int) -> None:
        """Add to the run's counters."""
        for name, count in counts.items():
            setattr(self.run, name, getattr(self.run, name) + count)

    def count_requests(self, client: Client) -> None:
        """Count the requests of this client from now on; earlier ones were sent for other runs."""
        self._client, self._uncounted_requests = client, client.requests_made - self.run.requests

    def store_request_count(self) -> None:
        """Set the run's number of requests to the current count."""
        if self._client:
            self.run.requests = self._client.requests_made - self._uncounted_requests

    def progress(self) -> dict[str, object]:
        """Return the values to store on the run's row. A written page is progress, so attempts start again at 0."""
        self.store_request_count()
        self._add_wait()
        stored = {name: getattr(self.run, name) for name in (*COUNTER_FIELDS, *REQUEST_FIELDS, *COST_FIELDS)}
        return stored | {"beat_at": now(), "claims": 0, "waits": 0, "waiting_since": None}

    def _add_wait(self) -> None:
        """Add the time spent waiting for the WMS before this page."""
        since, self.run.waiting_since = self.run.waiting_since, None
        if since:
            self.run.waited_seconds += max(0, int((now() - since).total_seconds()))

    def _store_progress(self) -> None:
        if not sql.update_claimed_run(self.run.pk, self.progress()):
            raise reason_not_to_write(self.run)
        self.checkpoint.save(force_insert=self.is_new)
