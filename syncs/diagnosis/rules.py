"""The rules of “Why is this stale?”: for each cause, when it applies, what to tell the person, and the remedy.

A placeholder in a message is an attribute of the facts; times are in the workspace's time zone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from typing import Any, Generic, TypeVar

from integrations.errors import Kind
from integrations.models import Status

from ..models import State
from ..status.freshness import Freshness
from ..status.run_states import INTERRUPTED, displayed_state
from . import remedies
from .causes import Finding, Remedy, StaleCause
from .facts import EntityFacts, Facts

F = TypeVar("F", bound=Facts)

SWITCH_ON = "Nothing is read until it is switched on again."
OUR_SIDE = "This is on our side, not yours. {shown_as_of}"


@dataclass(frozen=True, slots=True)
class Rule(Generic[F]):
    """A cause and its message: what happened, what it means, what happens next automatically."""

    cause: StaleCause
    applies: Callable[[F], bool]
    remedy: Remedy
    happened: str
    meaning: str = ""
    next_step: str = ""

    def finding(self, facts: F) -> Finding:
        """Return the finding with its message filled in."""
        fill = _MessageFormatter(facts).fill
        return Finding(
            cause=self.cause,
            remedy=self.remedy,
            happened=fill(self.happened),
            meaning=fill(self.meaning),
            next_step=fill(self.next_step),
            entity=facts.entity,
            connection=facts.connection,
            state=facts.state,
        )


class _MessageFormatter(Formatter):
    """Fills the placeholders of a message with attributes of the facts."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def fill(self, template: str) -> str:
        return self.format(template).strip()

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        return getattr(self.facts, str(key))

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "an unknown time"
        return self.facts.clock(value) if isinstance(value, datetime) else super().format_field(value, format_spec)


# Rules about the workspace and its connections.
CONNECTION_RULES: tuple[Rule[Facts], ...] = (
    Rule(
        StaleCause.UNMAPPED,
        lambda facts: not facts.status.connections and facts.context.brand is not None,
        remedies.open_mapping,
        "No warehouse account is linked to {context.brand} yet.",
        "There is nothing to show, and {data} of other brands are not shown instead.",
    ),
    Rule(
        StaleCause.NOT_CONNECTED,
        lambda facts: not facts.status.connections and facts.context.brand is None,
        remedies.connect,
        "No WMS is connected.",
        "There is nothing to sync or to show.",
        "After one is connected, the first sync starts automatically.",
    ),
    Rule(
        StaleCause.DISCONNECTED,
        lambda facts: facts.connection is not None and not facts.connection.is_live,
        remedies.connect,
        "{connection.name} was disconnected on {connection.disconnected_at}.",
        "Its data stays as it was then.",
        "Nothing is read from it until it is connected again.",
    ),
    Rule(
        StaleCause.NOT_OFFERED,
        lambda facts: facts.connection is not None and facts.connection.is_live,
        remedies.see_connection,
        "{wms} does not offer {data}.",
        "There is nothing to sync; everything else is not affected.",
    ),
    Rule(
        StaleCause.OTHER_ACCOUNT,
        Facts.is_mapped_elsewhere,
        remedies.open_mapping,
        "The warehouse account linked to {context.brand} has no {data}, while {connections} has some.",
        "{context.brand} may be linked to the wrong account.",
    ),
)

# Rules about an entity of a live connection. More than one may apply.
ENTITY_RULES: tuple[Rule[EntityFacts], ...] = (
    Rule(
        StaleCause.NOT_OFFERED,
        lambda facts: facts.state.freshness == Freshness.NOT_OFFERED,
        remedies.switch_on,
        "{off_reason}",
        "The sync of {data} is switched off; everything else is not affected.",
        SWITCH_ON,
    ),
    Rule(
        StaleCause.OFF,
        lambda facts: facts.state.freshness == Freshness.OFF,
        remedies.switch_on,
        "The sync of {data} is switched off. {state.schedule.off_reason}",
        "{shown_as_of}",
        SWITCH_ON,
    ),
    Rule(
        StaleCause.CREDENTIALS,
        lambda facts: facts.connection.status == Status.NEEDS_ATTENTION,
        remedies.reconnect,
        "{wms} rejected the login{login_rejected_at}.",
        "Syncing is paused. {shown_as_of}",
        "It resumes automatically after an admin reconnects; no data is lost.",
    ),
    Rule(
        StaleCause.NO_WORKER,
        lambda facts: facts.no_worker_since is not None,
        remedies.contact_support,
        "Packr has not run any syncs since {no_worker_since}.",
        OUR_SIDE,
        "Syncs resume automatically where they stopped.",
    ),
    Rule(
        StaleCause.FORBIDDEN,
        lambda facts: facts.ended is not None and facts.ended.failure in (Kind.FORBIDDEN, Kind.NOT_OFFERED),
        remedies.switch_on,
        "{ended.message}",
        "Everything else is not affected.",
        "Ask {wms} for access, or switch off the sync of {data}.",
    ),
    Rule(
        StaleCause.REVIEW,
        lambda facts: facts.state.run_to_review is not None,
        remedies.review,
        "{state.run_to_review.held:,} {data} are missing in {wms}, too many to remove without a review.",
        "They are still shown here.",
        "Nothing is removed until an admin has reviewed the list.",
    ),
    Rule(
        StaleCause.LIMITED,
        lambda facts: facts.waiting is not None and facts.waiting.failure == Kind.RATE_LIMITED,
        remedies.watch,
        "{wms} is limiting requests.",
        "The sync of {data} resumes automatically at {waits_until}.",
    ),
    Rule(
        StaleCause.UNREACHABLE,
        lambda facts: facts.waiting is not None and facts.waiting.failure != Kind.RATE_LIMITED,
        remedies.see_connection,
        "{wms} does not respond.",
        "{shown_as_of}",
        "Packr tries again automatically at {waits_until}.",
    ),
    Rule(
        StaleCause.UNREACHABLE,
        lambda facts: facts.connection.status == Status.UNREACHABLE or facts.has_ended(State.FAILED, Kind.UNREACHABLE),
        remedies.see_connection,
        "{wms} does not respond.",
        "{shown_as_of}",
        "Packr tries again automatically.",
    ),
    Rule(
        StaleCause.STUCK,
        lambda facts: facts.run is not None and displayed_state(facts.run) == INTERRUPTED,
        remedies.contact_support,
        "The sync of {data} was interrupted: its worker stopped at {run.beat_at}.",
        "What it has read so far is kept.",
        "Packr resumes it automatically. Contact support if it has not continued in a few minutes.",
    ),
    Rule(
        StaleCause.FIRST_SYNC,
        lambda facts: facts.is_in(State.RUNNING) and facts.state.as_of is None,
        remedies.watch,
        "The first sync of {data} started{progress}.",
        "They appear as they arrive.",
    ),
    Rule(
        StaleCause.RUNNING,
        lambda facts: facts.is_in(State.RUNNING) and facts.state.as_of is not None,
        remedies.watch,
        "{starter} started a sync of {data}{progress}.",
        "Reload the screen after it ends, usually within a minute, to see new data.",
    ),
    Rule(
        StaleCause.QUEUED,
        lambda facts: facts.is_in(State.QUEUED),
        remedies.watch,
        "The sync of {data} is queued{behind}.",
        "Packr runs one sync at a time per WMS account.",
        "It starts automatically.",
    ),
    Rule(
        StaleCause.PAUSED,
        lambda facts: facts.state.freshness == Freshness.PAUSED,
        remedies.sync_now,
        "The sync of {data} is paused until {state.schedule.paused_until}.",
        "{shown_as_of}",
        "It resumes automatically then; a manual sync works in the meantime.",
    ),
    Rule(
        StaleCause.NO_PLAN,
        lambda facts: facts.no_plan_since is not None,
        remedies.sync_now,
        "Packr has not scheduled any syncs since {no_plan_since}.",
        OUR_SIDE,
        "A manual sync works in the meantime.",
    ),
    Rule(
        StaleCause.OURS,
        lambda facts: facts.has_ended(State.FAILED, "packr", ""),
        remedies.contact_support,
        "The last sync of {data} failed at {ended.completed_at} because of an error in Packr, not in your setup.",
        "{shown_as_of}",
        "{next_sync}",
    ),
    Rule(
        StaleCause.FAILED,
        lambda facts: facts.has_ended(State.FAILED, Kind.CONTRACT, Kind.RATE_LIMITED, Kind.CREDENTIALS),
        remedies.sync_now,
        "The last sync of {data} failed at {ended.completed_at}. {ended.message}",
        "{shown_as_of}",
        "{next_sync}",
    ),
    Rule(
        StaleCause.EMPTY_LIST,
        EntityFacts.got_empty_list,
        remedies.sync_now,
        "{wms} sent an empty list of {data}, which was never empty before.",
        "Packr removed nothing.",
        "It accepts an empty list only if a second one follows after at least 15 min. {next_sync}",
    ),
    Rule(
        StaleCause.CANCELLED,
        lambda facts: facts.has_ended(State.CANCELLED),
        remedies.sync_now,
        "The last sync of {data} was cancelled{cancelled_by} at {ended.completed_at}.",
        "{shown_as_of}",
        "{next_sync}",
    ),
    Rule(
        StaleCause.OVERDUE,
        EntityFacts.is_overdue,
        remedies.sync_now,
        "A sync of {data} was due at {state.next_run} and has not started.",
        OUR_SIDE,
        "A manual sync updates the data.",
    ),
    Rule(
        StaleCause.SOURCE,
        EntityFacts.is_source_old,
        remedies.see_connection,
        "Packr read {data} at {complete.started_at}, but {wms} provided data as of {state.as_of}.",
        "{wms} provides a copy of your warehouse’s data, and that copy is older than it should be.",
        "Packr shows newer data as soon as {wms} has it. Ask its support about the delay.",
    ),
    Rule(
        StaleCause.REJECTED,
        lambda facts: (
            facts.complete is not None and bool(facts.complete.rejected) and facts.complete.state == State.PARTIAL
        ),
        remedies.see_rejected,
        "Packr rejected {complete.rejected:,} of {complete.seen:,} records in the last sync of {data}.",
        "Everything else is up to date; rejected records show their earlier values.",
        "Packr reads each one again when {wms} sends it again.",
    ),
)

# Rules for an entity that no other rule explains. The first that applies counts.
FALLBACK_RULES: tuple[Rule[EntityFacts], ...] = (
    Rule(
        StaleCause.NOT_DUE,
        lambda facts: facts.state.freshness == Freshness.NEVER,
        remedies.sync_now,
        "The first sync of {data} is due.",
        "Data appears here after it.",
        "{next_sync}",
    ),
    Rule(
        StaleCause.NOT_DUE,
        lambda facts: facts.state.freshness in (Freshness.FRESH, Freshness.LATE),
        remedies.sync_now,
        "The last sync of {data} read everything as of {state.as_of}.",
        "Later changes in {wms} appear after the next sync.",
        "{next_sync}",
    ),
    Rule(
        StaleCause.UNKNOWN,
        lambda facts: True,
        remedies.sync_now,
        "No sync of {data} has completed in time, and Packr found no reason.",
        "{shown_as_of}",
        "{next_sync} Contact support if a manual sync does not help.",
    ),
)


def find_connection_causes(facts: Facts) -> Iterator[Finding]:
    """Yield a finding for each rule about the workspace and its connections that applies."""
    return (rule.finding(facts) for rule in CONNECTION_RULES if rule.applies(facts))


def find_entity_causes(facts: EntityFacts) -> Iterator[Finding]:
    """Yield a finding for each rule about an entity that applies, one per cause; at least one in all."""
    applying = {rule.cause: rule for rule in reversed(ENTITY_RULES) if rule.applies(facts)}
    found = list(applying.values()) or [next(rule for rule in FALLBACK_RULES if rule.applies(facts))]
    return (rule.finding(facts) for rule in found)
