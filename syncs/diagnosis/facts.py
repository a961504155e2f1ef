"""The facts of a diagnosis, read once per request: predicates for the rules, and placeholders for their messages."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.utils.timezone import now

from integrations.bill_access import hidden_entities
from integrations.entities import Entity
from integrations.errors import Kind
from integrations.models import Connection
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.visibility import seen_by
from packr.workspaces.formatting import day, listed, named, span
from packr.workspaces.request_context import RequestContext

from ..models import ACTIVE, COMPLETE, EntitySchedule, Mode, State, SyncRun
from ..status.entity_state import EntityState
from ..status.freshness import BEHIND, fresh_for
from ..status.page_status import PageStatus, page_status

OVERDUE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The last ended and the last complete run of each entity of a connection, and the active run of each lane."""

    ended: dict[tuple[int, str], SyncRun]
    complete: dict[tuple[int, str], SyncRun]
    by_lane: dict[int, SyncRun]


def load_history(context: RequestContext) -> RunHistory:
    """Read the run history of the visible connections, in three statements."""
    live = page_status(context).live
    runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    ended = runs.exclude(state__in=ACTIVE).order_by("-pk")
    schedules = EntitySchedule.objects.filter(connection__in=live).annotate(
        ended=Subquery(ended.values("pk")[:1]),
        complete=Subquery(ended.filter(state__in=COMPLETE).values("pk")[:1]),
    )
    keys = list(schedules.values_list("connection", "entity", "ended", "complete"))
    found = SyncRun.objects.select_related("cancelled_by").in_bulk([pk for *_, a, b in keys for pk in (a, b) if pk])
    working = SyncRun.objects.filter(
        state__in=(State.RUNNING, State.WAITING),
        lane__account_key__in={connection.account_key for connection in live},
        connection__in=live,
    ).exclude(entity__in=hidden_entities(bills=context.may_view_bills))
    return RunHistory(
        ended={(connection, entity): found[pk] for connection, entity, pk, _ in keys if pk},
        complete={(connection, entity): found[pk] for connection, entity, _, pk in keys if pk},
        by_lane={run.lane_id: run for run in working.select_related("lane").order_by("-pk")},
    )


@dataclass(frozen=True)
class Facts:
    """The facts about one entity of one connection, or of all connections if `connection` is None."""

    context: RequestContext
    entity: Entity
    connection: Connection | None = None
    state: EntityState | None = None

    @property
    def status(self) -> PageStatus:
        return page_status(self.context)

    @property
    def data(self) -> str:
        return self.entity.label.lower()

    @property
    def wms(self) -> str:
        """The name of the WMS, with the connection's name where the person sees several."""
        assert self.connection is not None
        label = self.connection.connector.label
        return f"{label} ({self.connection.name})" if len(self.status.live) > 1 else label

    @property
    def connections(self) -> str:
        return listed([connection.name for connection in self.status.connections])

    def clock(self, moment: datetime) -> str:
        """Return a time in the workspace's time zone, with its date unless it is today."""
        zone = ZoneInfo(self.context.workspace.timezone)
        local = moment.astimezone(zone)
        is_today = local.date() == now().astimezone(zone).date()
        return f"{local:%H:%M}" if is_today else f"{day(moment, zone)}, {local:%H:%M}"

    def is_mapped_elsewhere(self) -> bool:
        """Return whether the brand sees none of the data while its connections have some."""
        connections, brand = self.status.connections, self.context.brand
        if brand is None or not connections or self.connection or self.entity not in TABLES:
            return False
        rows = TABLES[self.entity].model._default_manager.filter(connection__in=connections, removed_at=None)
        return rows.exists() and not seen_by(rows, self.context).exists()


@dataclass(frozen=True)
class EntityFacts(Facts):
    """The facts about an entity that a live connection's WMS offers."""

    connection: Connection
    state: EntityState

    @property
    def run(self) -> SyncRun | None:
        return self.state.run

    @property
    def history(self) -> RunHistory:
        return self.context.shared(load_history)

    @property
    def ended(self) -> SyncRun | None:
        """The last run that ended."""
        return self.history.ended.get((self.connection.pk, self.state.schedule.entity))

    @property
    def complete(self) -> SyncRun | None:
        """The last run that read all it was meant to read."""
        return self.history.complete.get((self.connection.pk, self.state.schedule.entity))

    @property
    def blocker(self) -> SyncRun | None:
        """The other run that is working in the lane of this entity's run."""
        blocker = self.history.by_lane.get(self.run.lane_id) if self.run else None
        return None if blocker == self.run else blocker

    @property
    def waiting(self) -> SyncRun | None:
        """The run that waits for the WMS: this entity's active run, or the one that blocks it."""
        runs = (self.run, self.blocker) if self.run and self.run.is_active else ()
        waiting = next((run for run in runs if run and run.state == State.WAITING), None)
        return waiting if waiting and _wait_end(waiting) > now() else None

    @property
    def waits_until(self) -> datetime | None:
        return _wait_end(self.waiting) if self.waiting else None

    @property
    def no_worker_since(self) -> datetime | None:
        return self.status.signs_of_life.no_worker_since(now())

    @property
    def no_plan_since(self) -> datetime | None:
        return self.status.signs_of_life.no_plan_since(now())

    # --- Predicates that several rules use, or that are longer than a line --------------------------------------------

    def is_in(self, state: State) -> bool:
        """Return whether the latest run is in `state`."""
        return self.run is not None and self.run.state == state

    def has_ended(self, state: State, *failures: str) -> bool:
        """Return whether no run is active and the last one ended in `state`, with one of `failures` if given."""
        if self.ended is None or (self.run and self.run.is_active):
            return False
        return self.ended.state == state and (not failures or self.ended.failure in failures)

    def got_empty_list(self) -> bool:
        """Return whether the last run was a full one that received nothing."""
        return (
            self.has_ended(State.PARTIAL)
            and self.ended is not None
            and (self.ended.mode, self.ended.seen) == (Mode.FULL, 0)
        )

    def is_overdue(self) -> bool:
        due = self.state.expected_run
        return due is not None and not (self.run and self.run.is_active) and now() - due >= OVERDUE_AFTER

    def is_source_old(self) -> bool:
        """Return whether a run read the data recently enough, but the WMS itself provided old data."""
        last = self.complete
        if self.state.freshness not in BEHIND or self.state.as_of is None or last is None or last.started_at is None:
            return False
        is_recent = now() - last.started_at <= fresh_for(self.state.cadence)
        return is_recent and last.state in (State.SUCCEEDED, State.PARTIAL)

    # --- Placeholders: sentences, and fragments of them that may be empty ---------------------------------------------

    @property
    def shown_as_of(self) -> str:
        as_of = self.state.as_of
        return f"What you see is as of {self.clock(as_of)}." if as_of else "It has never been read completely."

    @property
    def next_sync(self) -> str:
        due = self.state.expected_run
        if due is None:
            return ""
        return f"The next sync is due about {self.clock(due)}." if due > now() else "The next sync is due now."

    @property
    def off_reason(self) -> str:
        return self.state.schedule.off_reason or f"{self.wms} does not offer {self.data}."

    @property
    def login_rejected_at(self) -> str:
        last = self.ended
        is_known = last is not None and last.failure == Kind.CREDENTIALS
        return f" at {self.clock(last.completed_at)}" if last and is_known and last.completed_at else ""

    @property
    def progress(self) -> str:
        """` 20 s ago: 1,240 read so far`."""
        assert self.run is not None
        ago = f" {span(now() - self.run.started_at)} ago" if self.run.started_at else ""
        return f"{ago}: {self.run.seen:,} read so far"

    @property
    def starter(self) -> str:
        return named(self.run.requested_by) if self.run and self.run.requested_by else "Packr"

    @property
    def behind(self) -> str:
        return f" behind {Entity(self.blocker.entity).label.lower()}" if self.blocker else ""

    @property
    def cancelled_by(self) -> str:
        return f" by {named(self.ended.cancelled_by)}" if self.ended and self.ended.cancelled_by else ""


def _wait_end(run: SyncRun) -> datetime:
    return run.lane.waits_until or run.ready_at
