"""The steps of the help page “Data looks out of date”, each with what Packr found."""

from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.workspaces.formatting import listed
from packr.workspaces.request_context import RequestContext

from ..status.page_status import page_status
from .causes import CallToAction, StaleCause
from .diagnose import Diagnosis


class StepResult(StrEnum):
    """The result of a step: nothing to do, something to do, or a question that only the person can answer."""

    OK = "ok"
    PROBLEM = "problem"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class ChecklistStep:
    """One step: its title, what Packr found and where to go. `connection`: the one to request a sync of."""

    title: str
    result: StepResult
    found: str
    action: CallToAction | None = None
    connection: Connection | None = None


def steps(context: RequestContext, entity: Entity, diagnosis: Diagnosis) -> list[ChecklistStep]:
    """Return the steps for `entity`, in the order of the help page."""
    contact = CallToAction("", "Contact support", f"{reverse('help_contact')}?entity={entity}")
    verify = f"Look up one of the {entity.label.lower()} in your WMS. If it shows the same there, Packr is up to date."
    return [
        _connection(context),
        _mapping(context, diagnosis),
        ChecklistStep("Verify the source", StepResult.OPEN, verify),
        _sync(context, entity),
        ChecklistStep(
            "If it’s still stale, contact support",
            StepResult.OPEN,
            "Packr adds what it found to your message.",
            contact,
        ),
    ]


def _connection(context: RequestContext) -> ChecklistStep:
    title, status = "Check the connection", page_status(context)
    see = CallToAction("", "See Integrations", reverse("integrations"))
    if context.brand and not status.connections:
        found = f"No account is linked to {context.brand}. The next step links one."
        return ChecklistStep(title, StepResult.OPEN, found, see)
    if not status.live:
        connect = CallToAction("", "Connect your WMS", reverse("catalogue")) if context.may_manage else see
        return ChecklistStep(title, StepResult.PROBLEM, "Your WMS isn’t connected.", connect)
    for connection in status.troubled:
        word = Status(connection.status).label.lower()
        found = f"{connection.name}: {word}. {connection.status_message}".strip()
        return ChecklistStep(title, StepResult.PROBLEM, found, see)
    return ChecklistStep(title, StepResult.OK, f"{_names(status.live)}: connected.", see)


def _mapping(context: RequestContext, diagnosis: Diagnosis) -> ChecklistStep:
    title = "Confirm the brand you’re viewing is mapped to the right warehouse account"
    if context.brand is None:
        see = CallToAction("", "Open mapping", reverse("brands"))
        return ChecklistStep(title, StepResult.OK, "You are viewing all brands, so no mapping applies.", see)
    edit = CallToAction("", "Open mapping", reverse("brand", args=[context.brand.pk]))
    connections = page_status(context).connections
    if not connections:
        return ChecklistStep(title, StepResult.PROBLEM, f"No warehouse account is linked to {context.brand}.", edit)
    for finding in diagnosis.findings:
        if finding.cause == StaleCause.OTHER_ACCOUNT:
            return ChecklistStep(title, StepResult.PROBLEM, finding.message, edit)
    found = f"{context.brand} is linked to {_names(connections)}. Compare the sample records there with yours."
    return ChecklistStep(title, StepResult.OPEN, found, edit)


def _sync(context: RequestContext, entity: Entity) -> ChecklistStep:
    """Return the step that says whether a sync is running or when the next one starts."""
    title, status = "Trigger a manual sync, then wait about a minute and reload the screen", page_status(context)
    states = status.of(entity)
    if not states:
        return ChecklistStep(title, StepResult.OPEN, f"There is no sync of {entity.label.lower()} here.")
    due = min((one.expected_run for one in states if one.expected_run and one.expected_run > now()), default=None)
    if any(state.run and state.run.is_active for state in states):
        found = "A sync is running. When it ends, the screen shows the new data."
    elif due:
        found = (
            f"The next sync starts automatically at about {due.astimezone(ZoneInfo(context.workspace.timezone)):%H:%M}."
        )
    else:
        found = "No sync is scheduled at the moment."
    connections = [state.connection for state in states]
    target = next((one for one in connections if one not in status.troubled), connections[0])
    if not context.may_sync:
        ask = CallToAction("", "Ask an admin", "", asks_admin=True)
        return ChecklistStep(title, StepResult.OPEN, f"{found} Only admins can start one.", ask, target)
    action = CallToAction("", "Sync now", f"{reverse('sync_window', args=[target.pk])}?entity={entity}")
    return ChecklistStep(title, StepResult.OPEN, found, action, target)


def _names(connections: list[Connection]) -> str:
    return listed([connection.name for connection in connections])
