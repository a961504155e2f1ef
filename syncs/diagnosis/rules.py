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
from .causes import Cause, Finding, Remedy
from .facts import EntityFacts, Facts

F = TypeVar("F", bound=Facts)

SWITCH_ON = "Nothing is read until it is switched on again."
OUR_SIDE = "This is on our side, not yours. {shown_as_of}"


@dataclass(frozen=True, slots=True)
class Rule(Generic[F]):
    """A cause and its message: what happened, what it means, what happens next automatically."""

    cause: Cause
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
        Cause.UNMAPPED,
        lambda facts: not facts.status.connections and facts.context.brand is not None,
        Remedy.MAP,
        "No warehouse account is linked to {context.brand} yet.",
        "There is nothing to show, and {data} of other brands are not shown instead.",
    ),
    Rule(
        Cause.NOT_CONNECTED,
        lambda facts: not facts.status.connections and facts.context.brand is None,
        Remedy.CONNECT,
        "No WMS is connected.",
        "There is nothing to sync or to show.",
        "After one is connected, the first sync starts automatically.",
    ),
    Rule(
        Cause.DISCONNECTED,
        lambda facts: facts.connection is not None and not facts.connection.is_live,
        Remedy.CONNECT,
        "{connection.name} was disconnected on {connection.disconnected_at}.",
        "Its data stays as it was then.",
        "Nothing is read from it until it is connected again.",
    ),
    Rule(
        Cause.NOT_OFFERED,
        lambda facts: facts.connection is not None and facts.connection.is_live,
        Remedy.CONNECTION,
        "{wms} does not offer {data}.",
        "There is nothing to sync; everything else is not affected.",
    ),
    Rule(
        Cause.OTHER_ACCOUNT,
        Facts.is_mapped_elsewhere,
        Remedy.MAP,
        "The warehouse account linked to {context.brand} has no {data}, while {connections} has some.",
        "{context.brand} may be linked to the wrong account.",
    ),
)

# Rules about an entity of a live connection. More than one may apply.
ENTITY_RULES: tuple[Rule[EntityFacts], ...] = (
    Rule(
        Cause.NOT_OFFERED,
        lambda facts: facts.state.freshness == Freshness.NOT_OFFERED,
        Remedy.SWITCH_ON,
        "{off_reason}",
        "The sync of {data} is switched off; everything else is not affected.",
        SWITCH_ON,
    ),
    Rule(
        Cause.OFF,
        lambda facts: facts.state.freshness == Freshness.OFF,
        Remedy.SWITCH_ON,
        "The sync of {data} is switched off. {state.schedule.off_reason}",
        "{shown_as_of}",
        SWITCH_ON,
    ),
    Rule(
        Cause.CREDENTIALS,
        lambda facts: facts.connection.status == Status.NEEDS_ATTENTION,
        Remedy.RECONNECT,
        "{wms} rejected the login{login_rejected_at}.",
        "Syncing is paused. {shown_as_of}",
        "It resumes automatically after an admin reconnects; no data is lost.",
    ),
    Rule(
        Cause.NO_WORKER,
        lambda facts: facts.no_worker_since is not None,
        Remedy.SUPPORT,
        "Packr has not run any syncs since {no_worker_since}.",
        OUR_SIDE,
        "Syncs resume automatically where they stopped.",
    ),
    Rule(
        Cause.FORBIDDEN,
        lambda facts: facts.ended is not None and facts.ended.failure in (Kind.FORBIDDEN, Kind.NOT_OFFERED),
        Remedy.SWITCH_ON,
        "{ended.message}",
        "Everything else is not affected.",
        "Ask {wms} for access, or switch off the sync of {data}.",
    ),
    Rule(
        Cause.REVIEW,
        lambda facts: facts.state.run_to_review is not None,
        Remedy.REVIEW,
        "{state.run_to_review.held:,} {data} are missing in {wms}, too many to remove without a review.",
        "They are still shown here.",
        "Nothing is removed until an admin has reviewed the list.",
    ),
    Rule(
        Cause.LIMITED,
        lambda facts: facts.waiting is not None and facts.waiting.failure == Kind.RATE_LIMITED,
        Remedy.WATCH,
        "{wms} is limiting requests.",
        "The sync of {data} resumes automatically at {waits_until}.",
    ),
    Rule(
        Cause.UNREACHABLE,
        lambda facts: facts.waiting is not None and facts.waiting.failure != Kind.RATE_LIMITED,
        Remedy.CONNECTION,
        "{wms} does not respond.",
        "{shown_as_of}",
        "Packr tries again automatically at {waits_until}.",
    ),
    Rule(
        Cause.UNREACHABLE,
        lambda facts: facts.connection.status == Status.UNREACHABLE or facts.has_ended(State.FAILED, Kind.UNREACHABLE),
        Remedy.CONNECTION,
        "{wms} does not respond.",
        "{shown_as_of}",
        "Packr tries again automatically.",
    ),
    Rule(
        Cause.STUCK,
        lambda facts: facts.run is not None and displayed_state(facts.run) == INTERRUPTED,
        Remedy.SUPPORT,
        "The sync of {data} was interrupted: its worker stopped at {run.beat_at}.",
        "What it has read so far is kept.",
        "Packr resumes it automatically. Contact support if it has not continued in a few minutes.",
    ),
    Rule(
        Cause.FIRST_SYNC,
        lambda facts: facts.is_in(State.RUNNING) and facts.state.as_of is None,
        Remedy.WATCH,
        "The first sync of {data} started{progress}.",
        "They appear as they arrive.",
    ),
    Rule(
        Cause.RUNNING,
        lambda facts: facts.is_in(State.RUNNING) and facts.state.as_of is not None,
        Remedy.WATCH,
        "{starter} started a sync of {data}{progress}.",
        "Reload the screen after it ends, usually within a minute, to see new data.",
    ),
    Rule(
        Cause.QUEUED,
        lambda facts: facts.is_in(State.QUEUED),
        Remedy.WATCH,
        "The sync of {data} is queued{behind}.",
        "Packr runs one sync at a time per WMS account.",
        "It starts automatically.",
    ),
    Rule(
        Cause.PAUSED,
        lambda facts: facts.state.freshness == Freshness.PAUSED,
        Remedy.SYNC,
        "The sync of {data} is paused until {state.schedule.paused_until}.",
        "{shown_as_of}",
        "It resumes automatically then; a manual sync works in the meantime.",
    ),
    Rule(
        Cause.NO_PLAN,
        lambda facts: facts.no_plan_since is not None,
        Remedy.SYNC,
        "Packr has not scheduled any syncs since {no_plan_since}.",
        OUR_SIDE,
        "A manual sync works in the meantime.",
    ),
    Rule(
        Cause.OURS,
        lambda facts: facts.has_ended(State.FAILED, "packr", ""),
        Remedy.SUPPORT,
        "The last sync of {data} failed at {ended.completed_at} because of an error in Packr, not in your setup.",
        "{shown_as_of}",
        "{next_sync}",
    ),
    Rule(
        Cause.FAILED,
        lambda facts: facts.has_ended(State.FAILED, Kind.CONTRACT, Kind.RATE_LIMITED, Kind.CREDENTIALS),
        Remedy.SYNC,
        "The last sync of {data} failed at {ended.completed_at}. {ended.message}",
        "{shown_as_of}",
        "{next_sync}",
    ),
    Rule(
        Cause.EMPTY_LIST,
        EntityFacts.got_empty_list,
        Remedy.SYNC,
        "{wms} sent an empty list of {data}, which was never empty before.",
        "Packr removed nothing.",
        "It accepts an empty list only if a second one follows after at least 15 min. {next_sync}",
    ),
    Rule(
        Cause.CANCELLED,
        lambda facts: facts.has_ended(State.CANCELLED),
        Remedy.SYNC,
        "The last sync of {data} was cancelled{cancelled_by} at {ended.completed_at}.",
        "{shown_as_of}",
        "{next_sync}",
    ),
    Rule(
        Cause.OVERDUE,
        EntityFacts.is_overdue,
        Remedy.SYNC,
        "A sync of {data} was due at {state.next_run} and has not started.",
        OUR_SIDE,
        "A manual sync updates the data.",
    ),
    Rule(
        Cause.SOURCE,
        EntityFacts.is_source_old,
        Remedy.CONNECTION,
        "Packr read {data} at {complete.started_at}, but {wms} provided data as of {state.as_of}.",
        "{wms} provides a copy of your warehouse’s data, and that copy is older than it should be.",
        "Packr shows newer data as soon as {wms} has it. Ask its support about the delay.",
    ),
    Rule(
        Cause.REJECTED,
        lambda facts: (
            facts.complete is not None and bool(facts.complete.rejected) and facts.complete.state == State.PARTIAL
        ),
        Remedy.REJECTED,
        "Packr rejected {complete.rejected:,} of {complete.seen:,} records in the last sync of {data}.",
        "Everything else is up to date; rejected records show their earlier values.",
        "Packr reads each one again when {wms} sends it again.",
    ),
)

# Rules for an entity that no other rule explains. The first that applies counts.
FALLBACK_RULES: tuple[Rule[EntityFacts], ...] = (
    Rule(
        Cause.NOT_DUE,
        lambda facts: facts.state.freshness == Freshness.NEVER,
        Remedy.SYNC,
        "The first sync of {data} is due.",
        "Data appears here after it.",
        "{next_sync}",
    ),
    Rule(
        Cause.NOT_DUE,
        lambda facts: facts.state.freshness in (Freshness.FRESH, Freshness.LATE),
        Remedy.SYNC,
        "The last sync of {data} read everything as of {state.as_of}.",
        "Later changes in {wms} appear after the next sync.",
        "{next_sync}",
    ),
    Rule(
        Cause.UNKNOWN,
        lambda facts: True,
        Remedy.SYNC,
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
