"""The diagnosis of an entity: every cause that applies, the most important one first.

The same facts always give the same causes in the same order. The number of statements doesn't depend on the number of
connections, entities and runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from integrations.entities import Entity
from packr.workspaces.request_context import RequestContext

from ..status.freshness import WORST_FIRST
from ..status.page_status import page_status
from . import remedies
from .causes import INTERNAL_CAUSES, Finding, StaleCause
from .facts import EntityFacts, Facts
from .rules import find_connection_causes, find_entity_causes

CAUSES = list(StaleCause)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why an entity is not newer: at least one finding, the most important first."""

    entity: Entity
    findings: tuple[Finding, ...]

    @property
    def top(self) -> Finding:
        return self.findings[0]

    @property
    def others(self) -> tuple[Finding, ...]:
        return self.findings[1:]


def diagnose(
    context: RequestContext, entity: Entity, connection_id: int | None = None, *, thorough: bool = False
) -> Diagnosis:
    """Return why the visible data of `entity` is not newer, of one connection if it is given.

    `thorough` also checks whether the brand is linked to an account without such data.
    """
    findings: list[Finding] = []
    for finding in sorted(_find_causes(context, entity, connection_id, thorough), key=_rank):
        is_repeated = finding.cause in INTERNAL_CAUSES and any(one.cause == finding.cause for one in findings)
        if not is_repeated:
            findings.append(finding)
    return Diagnosis(entity, tuple(findings) or (_unknown(entity),))


def overview(context: RequestContext) -> list[Diagnosis]:
    """Return a diagnosis of each entity that the visible connections offer; of orders if there is no connection."""
    offered = {state.entity for state in page_status(context).all_states} or {Entity.ORDERS}
    return [diagnose(context, entity) for entity in Entity if entity in offered]


def _find_causes(
    context: RequestContext, entity: Entity, connection_id: int | None, thorough: bool
) -> Iterator[Finding]:
    status = page_status(context)
    connections = [one for one in status.connections if connection_id in (None, one.pk)]
    states = status.of(entity, connection_id=connection_id)
    if thorough or not status.connections:
        yield from find_connection_causes(Facts(context, entity, state=next(iter(states), None)))
    for connection in connections:
        if not connection.is_live:
            yield from find_connection_causes(Facts(context, entity, connection))
    if not states:
        # Once for each WMS, however many connections it has.
        for connection in {one.wms: one for one in connections if one.is_live}.values():
            yield from find_connection_causes(Facts(context, entity, connection))
    for state in states:
        yield from find_entity_causes(EntityFacts(context, entity, state.connection, state))


def _rank(finding: Finding) -> tuple[int, int]:
    """Return the sort key: the worst data first, then by cause. Without data, nothing connected is worst."""
    if finding.state:
        severity = WORST_FIRST.index(finding.state.freshness)
    else:
        severity = 0 if finding.cause in (StaleCause.UNMAPPED, StaleCause.NOT_CONNECTED) else len(WORST_FIRST)
    return severity, CAUSES.index(finding.cause)


def _unknown(entity: Entity) -> Finding:
    return Finding(
        StaleCause.UNKNOWN,
        remedies.contact_support,
        f"Packr found no reason why {entity.label.lower()} should be out of date.",
        "Contact support if they are.",
        "",
        entity,
        None,
        None,
    )
