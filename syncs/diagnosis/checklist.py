"""Data looks out of date: the steps to work through, each of them looked at already."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.urls import reverse

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.workspaces.request_context import RequestContext

from ..status.page_status import PageStatus, page_status
from .causes import Cause
from .diagnose import Diagnosis, first_due
from .remedies import CallToAction

WELL, LOOK, OPEN = "well", "look", "open"


@dataclass(frozen=True, slots=True)
class ChecklistStep:
    """One step: what is asked, what Packr found, and where to go. `verdict`: well, look (there is something to do), or
    open (for the person to say). `connection`: of which a sync is asked for."""

    title: str
    verdict: str
    found: str
    way: CallToAction | None = None
    connection: Connection | None = None


def steps(place: RequestContext, entity: Entity, diagnosis: Diagnosis) -> list[ChecklistStep]:
    """The seed's steps for the entity, in its order."""
    around = page_status(place)
    return [
        _connection(place, around),
        _mapping(place, around, diagnosis),
        _source(entity),
        _sync(place, around, entity),
        ChecklistStep(
            "If it’s still stale, contact support",
            OPEN,
            "Support gets what is known about this with your words.",
            CallToAction("", "Contact support", f"{reverse('help_contact')}?entity={entity}"),
        ),
    ]


def _connection(place: RequestContext, around: PageStatus) -> ChecklistStep:
    title = "Check the connection"
    see = CallToAction("", "See Integrations", reverse("integrations"))
    if not around.live:
        if place.brand and not around.connections:
            return ChecklistStep(title, OPEN, f"No account is linked to {place.brand}; its link is the next step.", see)
        connect = CallToAction("", "Connect your WMS", reverse("catalogue")) if place.may_manage else see
        return ChecklistStep(title, LOOK, "Your WMS isn’t connected.", connect)
    for one in around.troubled:
        word = Status(one.status).label.lower()
        return ChecklistStep(title, LOOK, f"{one.name}: {word}. {one.status_message}".strip(), see)
    names = " and ".join(one.name for one in around.live)
    return ChecklistStep(title, WELL, f"{names}: connected.", see)


def _mapping(place: RequestContext, around: PageStatus, diagnosis: Diagnosis) -> ChecklistStep:
    title = "Confirm the brand you’re viewing is mapped to the right warehouse account"
    brands = CallToAction("", "Open mapping", reverse("brands"))
    if place.brand is None:
        return ChecklistStep(title, WELL, "You are viewing all brands, so no mapping narrows what you see.", brands)
    mine = CallToAction("", "Open mapping", reverse("brand", args=[place.brand.pk]))
    if not around.connections:
        return ChecklistStep(title, LOOK, f"No warehouse account is linked to {place.brand}.", mine)
    for reason in diagnosis.reasons:
        if reason.cause == Cause.OTHER_ACCOUNT:
            return ChecklistStep(title, LOOK, reason.words, mine)
    names = " and ".join(one.name for one in around.connections)
    return ChecklistStep(
        title, OPEN, f"{place.brand} is linked to {names}. Compare the sample records there with yours.", mine
    )


def _source(entity: Entity) -> ChecklistStep:
    return ChecklistStep(
        "Verify the source",
        OPEN,
        f"Look one of the {entity.label.lower()} up in your WMS: if it says the same there, Packr is up to date.",
    )


def _sync(place: RequestContext, around: PageStatus, entity: Entity) -> ChecklistStep:
    """What runs, or when the next one does, in place of a general “wait”."""
    title = "Trigger a manual sync, then wait about a minute and reload the screen"
    states = around.of(entity)
    if not states:
        return ChecklistStep(title, OPEN, f"There is no sync of {entity.label.lower()} here.")
    running = next((state for state in states if state.run and state.run.is_active), None)
    due = first_due(around, entity)
    if running:
        found = "A sync is under way; when it ends the screen shows the new data."
    elif due:
        found = f"By itself the next sync begins about {due.astimezone(ZoneInfo(place.workspace.timezone)):%H:%M}."
    else:
        found = "No sync is planned at the moment."
    offering = [around.connection(state) for state in states]
    target = next((one for one in offering if one not in around.troubled), offering[0])
    if not place.may_sync:
        asks = CallToAction("", "Ask an admin", "", asks=True)
        return ChecklistStep(title, OPEN, f"{found} Only admins may start one.", asks, target)
    way = CallToAction("", "Sync now", f"{reverse('sync_window', args=[target.pk])}?entity={entity}")
    return ChecklistStep(title, OPEN, found, way, target)
