"""One entity of one connection on the table: a fixed list of questions, each answered from what is known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from integrations.entities import Entity
from integrations.errors import Kind
from integrations.models import Connection, Status
from packr.workspaces.formatting import day, named, span
from packr.workspaces.request_context import RequestContext

from ..models import ACTIVE, COMPLETE, EntitySchedule, Mode, State, SyncRun
from ..process import heartbeats
from ..status.freshness import EntityState, Freshness, displayed_state, fresh_for
from ..status.page_status import PageStatus, signs_of_life
from .causes import Cause, Finding, Remedy

# A sync that is due for this long and has not begun was not planned.
OVERDUE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is asked of the database: the last runs of each entity that ended, what is under way, signs of life."""

    signs: heartbeats.SignsOfLife
    ended: dict[tuple[int, str], SyncRun]
    complete: dict[tuple[int, str], SyncRun]
    working: dict[int, SyncRun]


def load_facts(place: RequestContext, around: PageStatus) -> Facts:
    live = [one.pk for one in around.live]
    runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    ended = runs.exclude(state__in=ACTIVE).order_by("-pk")
    newest = EntitySchedule.objects.filter(connection__in=live).annotate(
        ended=Subquery(ended.values("pk")[:1]),
        complete=Subquery(ended.filter(state__in=COMPLETE).values("pk")[:1]),
    )
    keys = list(newest.values_list("connection", "entity", "ended", "complete"))
    found = SyncRun.objects.select_related("cancelled_by").in_bulk([pk for *_, a, b in keys for pk in (a, b) if pk])
    lanes = {one.account_key for one in around.live}
    working = SyncRun.objects.filter(
        state__in=(State.RUNNING, State.WAITING), lane__account_key__in=lanes, connection__in=live
    )
    if not place.may_view_bills:
        working = working.exclude(entity=Entity.BILLS)
    return Facts(
        signs=signs_of_life(place),
        ended={(key, entity): found[a] for key, entity, a, _ in keys if a},
        complete={(key, entity): found[b] for key, entity, _, b in keys if b},
        working={run.lane_id: run for run in working.select_related("lane").order_by("-pk")},
    )


@dataclass(frozen=True, slots=True)
class RuleContext:
    """One entity of one connection, with what is known about it. Each question gives a reason, or none."""

    place: RequestContext
    around: PageStatus
    known: Facts
    connection: Connection
    state: EntityState

    def reasons(self) -> Iterator[Finding]:
        """Every reason that holds; that newer data is not due yet only where nothing else does."""
        found = {reason.cause: reason for question in reversed(RULES) if (reason := question(self))}
        yield from found.values() or [self.not_due() or _unknown_of(self)]

    # --- What it is about ---------------------------------------------------------------------------------------------

    @property
    def what(self) -> str:
        return self.state.entity.label.lower()

    @property
    def who(self) -> str:
        """The WMS as people know it, with the connection's name where there are several."""
        label = self.connection.connector.label
        return f"{label} ({self.connection.name})" if len(self.around.live) > 1 else label

    @property
    def run(self) -> SyncRun | None:
        return self.state.run

    @property
    def is_active(self) -> bool:
        return self.run is not None and self.run.state in ACTIVE

    @property
    def key(self) -> tuple[int, str]:
        return self.connection.pk, self.state.schedule.entity

    @property
    def last(self) -> SyncRun | None:
        """The last run that came to an end."""
        return self.known.ended.get(self.key)

    @property
    def as_of(self) -> str:
        as_of = self.state.as_of
        return f"What you see is as of {self.at(as_of)}." if as_of else "It was never read completely."

    @property
    def next_one(self) -> str:
        due = self.state.next_run
        if due is None or self.connection.status == Status.NEEDS_ATTENTION:
            return ""
        return f"The next sync is due about {self.at(due)}." if due > timezone.now() else "The next sync is due now."

    def at(self, moment: datetime) -> str:
        """A moment on the workspace's clock; with its day when that is not today."""
        zone = zone_of(self.place)
        local = moment.astimezone(zone)
        if local.date() == timezone.now().astimezone(zone).date():
            return f"{local:%H:%M}"
        return f"{day(moment, zone)}, {local:%H:%M}"

    def reason(
        self, cause: Cause, cure: Remedy, happened: str, means: str = "", goes_on: str = "", run: SyncRun | None = None
    ) -> Finding:
        return Finding(
            cause, cure, happened, means, goes_on, self.state.entity, self.connection, run or self.run, self.state
        )

    # --- Questions ----------------------------------------------------------------------------------------------------

    def off(self) -> Finding | None:
        """Is it meant to be read at all?"""
        if self.state.schedule.enabled:
            return None
        why = self.state.schedule.off_reason
        if self.state.freshness == Freshness.NOT_OFFERED:
            return self.reason(
                Cause.NOT_OFFERED,
                Remedy.SWITCH_ON,
                why or f"{self.who} does not offer {self.what}.",
                f"So the sync of {self.what} is switched off; everything else is not affected.",
                "Nothing is read until it is switched on again.",
            )
        return self.reason(
            Cause.OFF,
            Remedy.SWITCH_ON,
            f"The sync of {self.what} is switched off{f': {why}' if why else '.'}",
            self.as_of,
            "Nothing is read until it is switched on again.",
        )

    def credentials(self) -> Finding | None:
        """Does the WMS accept the login?"""
        if self.connection.status != Status.NEEDS_ATTENTION:
            return None
        last = self.last
        at = (
            f" at {self.at(last.completed_at)}"
            if last and last.failure == Kind.CREDENTIALS and last.completed_at
            else ""
        )
        return self.reason(
            Cause.CREDENTIALS,
            Remedy.RECONNECT,
            f"{self.who} refused the login{at}.",
            f"Nothing is updated until it is connected with a login that works. {self.as_of}",
            "Nothing is lost; after that syncs go on by themselves.",
        )

    def no_worker(self) -> Finding | None:
        """Does Packr work at all?"""
        since = self.known.signs.no_worker_since(timezone.now())
        if since is None:
            return None
        return self.reason(
            Cause.NO_WORKER,
            Remedy.SUPPORT,
            f"Packr itself has not run any sync since {self.at(since)}.",
            f"This is on our side, not yours. {self.as_of}",
            "Syncs go on where they stopped as soon as it works again.",
        )

    def forbidden(self) -> Finding | None:
        """May the account read it?"""
        last = self.last
        if last is None or last.failure not in (Kind.FORBIDDEN, Kind.NOT_OFFERED):
            return None
        return self.reason(
            Cause.FORBIDDEN,
            Remedy.SWITCH_ON,
            last.message or f"The account may not read {self.what}.",
            "Everything else is not affected.",
            f"Ask {self.who} for access, or switch the sync of {self.what} off.",
            last,
        )

    def review(self) -> Finding | None:
        """Does it wait for a person's decision?"""
        held = self.state.held
        if held is None:
            return None
        return self.reason(
            Cause.REVIEW,
            Remedy.REVIEW,
            f"{held.held or 'Many'} {self.what} are missing in the WMS all at once, so Packr removed none of them.",
            "They are still shown here.",
            "Nothing is removed until a person has looked at the list.",
            held,
        )

    def waiting(self) -> Finding | None:
        """Does the account wait, and for what?"""
        run = self.run
        if run is None or not self.is_active:
            return None
        ahead = self.known.working.get(run.lane_id, run)
        waits = run if run.state == State.WAITING else ahead if ahead.state == State.WAITING else None
        until = run.lane.waits_until or (waits.ready_at if waits else None)
        if waits is None or until is None or until <= timezone.now():
            return None
        if waits.failure == Kind.RATE_LIMITED:
            return self.reason(
                Cause.LIMITED,
                Remedy.WATCH,
                f"{self.who} is limiting requests.",
                f"The sync of {self.what} waits until {self.at(until)} and then continues by itself.",
            )
        return self._silent(f"Packr tries again by itself at {self.at(until)}.")

    def unreachable(self) -> Finding | None:
        """Does the WMS answer?"""
        last = self.last
        failed = last is not None and last.failure == Kind.UNREACHABLE and not self.is_active
        if self.connection.status != Status.UNREACHABLE and not failed:
            return None
        return self._silent("Packr tries again by itself.")

    def _silent(self, goes_on: str) -> Finding:
        return self.reason(Cause.UNREACHABLE, Remedy.CONNECTION, f"{self.who} does not answer.", self.as_of, goes_on)

    def stuck(self) -> Finding | None:
        """Does what is running move?"""
        run = self.run
        if run is None or displayed_state(run) != "interrupted":
            return None
        stopped = f" at {self.at(run.beat_at)}" if run.beat_at else ""
        return self.reason(
            Cause.STUCK,
            Remedy.SUPPORT,
            f"The sync of {self.what} stands still: what ran it stopped{stopped}.",
            "What it read so far is kept.",
            "Packr takes it up again by itself; tell support if it does not move within a few minutes.",
        )

    def under_way(self) -> Finding | None:
        """Is it being read right now?"""
        run = self.run
        if run is None or run.state not in (State.RUNNING, State.QUEUED):
            return None
        if run.state == State.QUEUED:
            return self._queued(run)
        for_so_long = f" {span(timezone.now() - run.started_at)} ago" if run.started_at else ""
        if self.state.as_of is None:
            return self.reason(
                Cause.FIRST_SYNC,
                Remedy.WATCH,
                f"The first sync of {self.what} started{for_so_long}: {run.seen:,} read so far.",
                "They appear as they arrive.",
            )
        began = named(run.requested_by) if run.requested_by else "Packr"
        return self.reason(
            Cause.RUNNING,
            Remedy.WATCH,
            f"{began} started a sync of {self.what}{for_so_long}: {run.seen:,} read so far.",
            "New data shows when you reload the screen after it has ended, usually within a minute.",
        )

    def _queued(self, run: SyncRun) -> Finding:
        ahead = self.known.working.get(run.lane_id)
        behind = f" behind {Entity(ahead.entity).label.lower()}" if ahead and ahead.pk != run.pk else ""
        first = "first " if self.state.as_of is None else ""
        return self.reason(
            Cause.QUEUED,
            Remedy.WATCH,
            f"The {first}sync of {self.what} waits for its turn{behind}.",
            "One sync at a time talks to an account.",
            "It begins by itself.",
        )

    def paused(self) -> Finding | None:
        """Was it paused?"""
        until = self.state.schedule.paused_until
        if self.state.freshness != Freshness.PAUSED or until is None:
            return None
        return self.reason(
            Cause.PAUSED,
            Remedy.SYNC,
            f"The sync of {self.what} is paused until {self.at(until)}.",
            self.as_of,
            "It goes on by itself then; a sync by hand works meanwhile.",
        )

    def no_plan(self) -> Finding | None:
        """Does Packr plan syncs?"""
        since = self.known.signs.no_plan_since(timezone.now())
        if since is None:
            return None
        return self.reason(
            Cause.NO_PLAN,
            Remedy.SYNC,
            f"Packr itself has not planned any sync since {self.at(since)}.",
            f"This is on our side, not yours. {self.as_of}",
            "A sync by hand works meanwhile.",
        )

    def failed(self) -> Finding | None:
        """How did the last one end?"""
        last = self.last
        if last is None or last.state not in (State.FAILED, State.CANCELLED) or self.is_active:
            return None
        at = f" at {self.at(last.completed_at)}" if last.completed_at else ""
        if last.state == State.CANCELLED:
            by = f" by {named(last.cancelled_by)}" if last.cancelled_by else ""
            happened = f"The last sync of {self.what} was cancelled{by}{at}."
            return self.reason(Cause.CANCELLED, Remedy.SYNC, happened, self.as_of, self.next_one, last)
        if last.failure in ("packr", ""):
            happened = f"The last sync of {self.what} failed{at} by a fault of Packr’s own; it is not your doing."
            return self.reason(Cause.OURS, Remedy.SUPPORT, happened, self.as_of, self.next_one, last)
        if last.failure not in (Kind.CONTRACT, Kind.RATE_LIMITED, Kind.CREDENTIALS):
            return None
        happened = f"The last sync of {self.what} failed{at}. {last.message}".strip()
        return self.reason(Cause.FAILED, Remedy.SYNC, happened, self.as_of, self.next_one, last)

    def empty_list(self) -> Finding | None:
        """Did the WMS send an empty list where there was none before?"""
        last = self.last
        if last is None or (last.state, last.mode, last.seen) != (State.PARTIAL, Mode.FULL, 0) or self.is_active:
            return None
        return self.reason(
            Cause.EMPTY_LIST,
            Remedy.SYNC,
            f"{self.who} sent an empty list of {self.what}, which had never been empty before.",
            "Packr did not believe it and removed nothing.",
            f"A second empty answer, at least 15 min later, is believed. {self.next_one}".strip(),
            last,
        )

    def overdue(self) -> Finding | None:
        """Was it planned at all?"""
        due = self.state.next_run
        working = self.connection.status != Status.NEEDS_ATTENTION and self.state.freshness != Freshness.PAUSED
        if due is None or self.is_active or not working or timezone.now() - due < OVERDUE_AFTER:
            return None
        return self.reason(
            Cause.OVERDUE,
            Remedy.SYNC,
            f"A sync of {self.what} was due at {self.at(due)} and has not begun.",
            f"This is on our side, not yours. {self.as_of}",
            "A sync by hand brings it up to date.",
        )

    def source(self) -> Finding | None:
        """Is what the WMS gives itself old?"""
        read = self.known.complete.get(self.key)
        late = self.state.freshness in (Freshness.LATE, Freshness.STALE)
        if not late or read is None or read.started_at is None or self.state.as_of is None:
            return None
        limit = fresh_for(self.state.cadence)
        if read.state not in (State.SUCCEEDED, State.PARTIAL) or timezone.now() - read.started_at > limit:
            return None
        return self.reason(
            Cause.SOURCE,
            Remedy.CONNECTION,
            f"Packr read {self.what} at {self.at(read.started_at)}, but what {self.who} gives is itself as of "
            f"{self.at(self.state.as_of)}.",
            "It passes on a copy of your warehouse’s data that is older than it should be.",
            f"Packr shows newer data as soon as {self.who} has it; ask its support why it does not.",
        )

    def rejected(self) -> Finding | None:
        """Was something left out?"""
        last = self.known.complete.get(self.key)
        if last is None or not last.rejected or last.state != State.PARTIAL:
            return None
        kept = "1 record" if last.rejected == 1 else f"{last.rejected:,} records"
        return self.reason(
            Cause.REJECTED,
            Remedy.REJECTED,
            f"{kept} of the last sync of {self.what} could not be understood.",
            "Everything else is up to date; these show as they were before.",
            "Packr reads each again when the WMS sends it again.",
            last,
        )

    def not_due(self) -> Finding | None:
        """Is newer data due at all?"""
        if self.state.freshness not in (Freshness.FRESH, Freshness.LATE, Freshness.NEVER):
            return None
        if self.state.as_of is None:
            happened = f"The first sync of {self.what} is due."
        else:
            happened = f"The last sync of {self.what} read everything as of {self.at(self.state.as_of)}."
        return self.reason(
            Cause.NOT_DUE,
            Remedy.SYNC,
            happened,
            "What changed in the WMS since then shows after the next one.",
            self.next_one,
        )


RULES: tuple[Callable[[RuleContext], Finding | None], ...] = (
    RuleContext.off,
    RuleContext.credentials,
    RuleContext.no_worker,
    RuleContext.forbidden,
    RuleContext.review,
    RuleContext.waiting,
    RuleContext.unreachable,
    RuleContext.stuck,
    RuleContext.under_way,
    RuleContext.paused,
    RuleContext.no_plan,
    RuleContext.failed,
    RuleContext.empty_list,
    RuleContext.overdue,
    RuleContext.source,
    RuleContext.rejected,
)


def _unknown_of(case: RuleContext) -> Finding:
    return case.reason(
        Cause.UNKNOWN,
        Remedy.SYNC,
        f"No sync of {case.what} has come to its end in time, and Packr knows of no reason.",
        case.as_of,
        f"{case.next_one} Contact support if a sync by hand changes nothing.".strip(),
    )


def zone_of(place: RequestContext) -> ZoneInfo:
    return ZoneInfo(place.workspace.timezone)
