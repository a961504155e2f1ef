"""Why data is not newer: a fixed list of questions, each answered from what is known, never from a guess.

The same facts always give the same reasons in the same order, the one to begin with first. Asking takes the same few
statements however many connections, entities and runs there are.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.visibility import seen_by
from packr.workspaces.formatting import day
from packr.workspaces.request_context import RequestContext

from ..status.freshness import WORST_FIRST, Freshness
from ..status.page_status import PageStatus, page_status, request_cache
from .causes import INTERNAL_CAUSES, Cause, Finding, Remedy
from .rules import Facts, RuleContext, load_facts, zone_of


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why an entity is not newer, the reason to begin with first; there is always one."""

    entity: Entity
    reasons: tuple[Finding, ...]

    @property
    def top(self) -> Finding:
        return self.reasons[0]

    @property
    def others(self) -> tuple[Finding, ...]:
        return self.reasons[1:]


def diagnose(
    place: RequestContext, entity: Entity, connection_id: int | None = None, *, thoroughly: bool = False
) -> Diagnosis:
    """Why what the place sees of an entity is not newer, of one connection if it is given.

    `thoroughly`: also whether the brand is linked to an account that has none of it.
    """
    found = _reasons(place, entity, connection_id)
    if thoroughly and (elsewhere := _other_account(place, entity)):
        found.append(elsewhere)
    found = sorted(found or [_unknown(entity)], key=_rank)
    # What is wrong with Packr itself is told once, not for each connection.
    told = {
        reason.cause if reason.cause in INTERNAL_CAUSES else number: reason
        for number, reason in reversed([*enumerate(found)])
    }
    return Diagnosis(entity, tuple(reversed(told.values())))


def overview(place: RequestContext) -> list[Diagnosis]:
    """The same for every entity that the place's connections offer, or one for all where there is no connection."""
    offered = {state.entity for states in page_status(place).states.values() for state in states}
    return [diagnose(place, entity) for entity in Entity if entity in (offered or {Entity.ORDERS})]


def _rank(reason: Finding) -> tuple[int, int]:
    """The worse the data the sooner; then by cause. What concerns no data that is read comes first or last by cause."""
    order = list(Cause)
    if reason.state is None:
        return (0 if reason.cause in (Cause.UNMAPPED, Cause.NOT_CONNECTED) else len(WORST_FIRST)), order.index(
            reason.cause
        )
    return WORST_FIRST.index(reason.state.freshness), order.index(reason.cause)


def _reasons(place: RequestContext, entity: Entity, connection_id: int | None) -> list[Finding]:
    around = page_status(place)
    if not around.connections:
        return [_nothing_linked(place, entity)]
    ours = [one for one in around.connections if connection_id in (None, one.pk)]
    reasons = [_disconnected(one, entity, place) for one in ours if not one.is_live]
    states = around.of(entity, connection_id=connection_id)
    live = [one for one in ours if one.is_live]
    if live and not states:
        reasons.append(_not_offered(live, entity))
    for state in states:
        known: Facts = request_cache(place, "diagnosis", lambda: load_facts(place, around))
        reasons += RuleContext(place, around, known, around.connection(state), state).reasons()
    return reasons


def _nothing_linked(place: RequestContext, entity: Entity) -> Finding:
    if place.brand:
        return Finding(
            Cause.UNMAPPED,
            Remedy.MAP,
            f"No warehouse account is linked to {place.brand} yet.",
            f"So there is nothing to show, and no {entity.label.lower()} of other brands are shown in their place.",
            entity=entity,
        )
    return Finding(
        Cause.NOT_CONNECTED,
        Remedy.CONNECT,
        "No WMS is connected.",
        "So there is nothing to sync, and nothing to show.",
        "Once one is connected, the first sync starts by itself.",
        entity=entity,
    )


def _disconnected(connection: Connection, entity: Entity, place: RequestContext) -> Finding:
    when = f" on {day(connection.disconnected_at, zone_of(place))}" if connection.disconnected_at else ""
    return Finding(
        Cause.DISCONNECTED,
        Remedy.CONNECT,
        f"{connection.name} was disconnected{when}.",
        "What is shown of it stays as it was then.",
        "Nothing is read from it until it is connected again.",
        entity=entity,
        connection=connection,
    )


def _not_offered(live: list[Connection], entity: Entity) -> Finding:
    names = " and ".join(dict.fromkeys(one.connector.label for one in live))
    offers = "do not offer" if " and " in names else "does not offer"
    return Finding(
        Cause.NOT_OFFERED,
        Remedy.CONNECTION,
        f"{names} {offers} {entity.label.lower()}.",
        "So there is nothing to sync; everything else is not affected.",
        entity=entity,
        connection=live[0],
    )


def _unknown(entity: Entity) -> Finding:
    return Finding(
        Cause.UNKNOWN,
        Remedy.SUPPORT,
        f"Packr knows of no reason why {entity.label.lower()} should be out of date.",
        "If they are, support needs to look at it.",
        entity=entity,
    )


def _other_account(place: RequestContext, entity: Entity) -> Finding | None:
    """A brand that sees nothing of an entity of which its connections have something."""
    around = page_status(place)
    if place.brand is None or entity not in TABLES or not around.connections:
        return None
    model = TABLES[entity].model
    everything = model._default_manager.filter(connection__in=around.connections, removed_at=None)
    if not everything.exists() or seen_by(everything, place).exists():
        return None
    names = " and ".join(one.name for one in around.connections)
    return Finding(
        Cause.OTHER_ACCOUNT,
        Remedy.MAP,
        f"The warehouse account that {place.brand} is linked to has no {entity.label.lower()}, while {names} has some.",
        f"{place.brand} may be linked to the wrong account.",
        entity=entity,
        state=next(iter(around.of(entity)), None),
    )


def first_due(around: PageStatus, entity: Entity) -> datetime | None:
    """When the next sync of an entity begins by itself; None when none is planned."""
    moments = [
        state.next_run
        for state in around.of(entity)
        if state.next_run
        and state.next_run > timezone.now()
        and state.freshness != Freshness.PAUSED
        and around.connection(state).status != Status.NEEDS_ATTENTION
    ]
    return min(moments, default=None)
