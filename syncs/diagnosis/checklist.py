"""Data looks out of date: the steps to work through, each of them looked at already."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.urls import reverse

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.workspaces.request_context import Place

from ..status.page_status import Here, here
from .causes import Cause
from .diagnose import Diagnosis, first_due
from .remedies import Way

WELL, LOOK, OPEN = "well", "look", "open"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is asked, what Packr found, and where to go. `verdict`: well, look (there is something to do), or
    open (for the person to say). `connection`: of which a sync is asked for."""

    title: str
    verdict: str
    found: str
    way: Way | None = None
    connection: Connection | None = None


def steps(place: Place, entity: Entity, diagnosis: Diagnosis) -> list[Step]:
    """The seed's steps for the entity, in its order."""
    around = here(place)
    return [
        _connection(place, around),
        _mapping(place, around, diagnosis),
        _source(entity),
        _sync(place, around, entity),
        Step(
            "If it’s still stale, contact support",
            OPEN,
            "Support gets what is known about this with your words.",
            Way("", "Contact support", f"{reverse('help_contact')}?entity={entity}"),
        ),
    ]


def _connection(place: Place, around: Here) -> Step:
    title = "Check the connection"
    see = Way("", "See Integrations", reverse("integrations"))
    if not around.live:
        if place.brand and not around.connections:
            return Step(title, OPEN, f"No account is linked to {place.brand}; its link is the next step.", see)
        connect = Way("", "Connect your WMS", reverse("catalogue")) if place.may_manage else see
        return Step(title, LOOK, "Your WMS isn’t connected.", connect)
    for one in around.troubled:
        word = Status(one.status).label.lower()
        return Step(title, LOOK, f"{one.name}: {word}. {one.status_message}".strip(), see)
    names = " and ".join(one.name for one in around.live)
    return Step(title, WELL, f"{names}: connected.", see)


def _mapping(place: Place, around: Here, diagnosis: Diagnosis) -> Step:
    title = "Confirm the brand you’re viewing is mapped to the right warehouse account"
    brands = Way("", "Open mapping", reverse("brands"))
    if place.brand is None:
        return Step(title, WELL, "You are viewing all brands, so no mapping narrows what you see.", brands)
    mine = Way("", "Open mapping", reverse("brand", args=[place.brand.pk]))
    if not around.connections:
        return Step(title, LOOK, f"No warehouse account is linked to {place.brand}.", mine)
    for reason in diagnosis.reasons:
        if reason.cause == Cause.OTHER_ACCOUNT:
            return Step(title, LOOK, reason.words, mine)
    names = " and ".join(one.name for one in around.connections)
    return Step(title, OPEN, f"{place.brand} is linked to {names}. Compare the sample records there with yours.", mine)


def _source(entity: Entity) -> Step:
    return Step(
        "Verify the source",
        OPEN,
        f"Look one of the {entity.label.lower()} up in your WMS: if it says the same there, Packr is up to date.",
    )


def _sync(place: Place, around: Here, entity: Entity) -> Step:
    """What runs, or when the next one does, in place of a general “wait”."""
    title = "Trigger a manual sync, then wait about a minute and reload the screen"
    states = around.of(entity)
    if not states:
        return Step(title, OPEN, f"There is no sync of {entity.label.lower()} here.")
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
        asks = Way("", "Ask an admin", "", asks=True)
        return Step(title, OPEN, f"{found} Only admins may start one.", asks, target)
    way = Way("", "Sync now", f"{reverse('sync_window', args=[target.pk])}?entity={entity}")
    return Step(title, OPEN, found, way, target)
