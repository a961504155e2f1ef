"""The support report: the state of a workspace's connections and syncs, without secrets or data."""

import platform
from collections.abc import Iterator
from datetime import datetime

import django
from django.conf import settings
from django.db import connection as database
from django.utils.timezone import now

from integrations.bill_access import hidden_entities
from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.mirror.export import format_stamp
from packr.workspaces.request_context import RequestContext
from syncs.diagnosis.diagnose import overview
from syncs.models import Incident, SyncRun
from syncs.process import heartbeats
from syncs.status.entity_state import EntityState, sync_states
from syncs.status.run_states import displayed_state

LATEST_RUNS = 10


def diagnosis(place: RequestContext, *, about: Entity | None = None) -> str:
    """Return the state of the workspace as plain text, one fact per line, times in UTC."""
    return "\n".join(_lines(place, about))


def _lines(place: RequestContext, about: Entity | None) -> Iterator[str]:
    moment = now()
    connections = sorted(place.workspace.connections.order_by("name"), key=lambda one: not one.is_live)
    states = sync_states([one for one in connections if one.is_live], bills=place.may_view_bills)
    yield f"Workspace: {place.workspace.name} ({place.workspace.slug}), {place.workspace.timezone}"
    yield f"Brand: {place.brand or 'all'}"
    if about:
        yield f"About: {about.label}"
    yield f"Created: {_time(moment)}"
    python = platform.python_version()
    yield f"Packr {settings.VERSION}, Django {django.__version__}, Python {python}, {database.vendor}"
    yield f"Workers: {'alive' if heartbeats.is_any_alive(moment) else 'none seen within the last minute'}"
    if not connections:
        yield "\nNo WMS is connected."
    for connection in connections:
        yield from _connection(connection, states.get(connection.pk, []))
    yield from _reasons(place)
    yield from _incidents(connections)
    yield from _runs(connections, place)


def _connection(connection: Connection, states: list[EntityState]) -> Iterator[str]:
    yield f"\nConnection {connection.pk}: {connection.connector.label} · {connection.name}"
    yield f"  {connection.get_status_display()}. {connection.status_message}".rstrip()
    yield f"  connected {_time(connection.connected_at)}, checked {_time(connection.checked_at)}"
    if connection.disconnected_at:
        yield f"  disconnected {_time(connection.disconnected_at)}"
    for state in states:
        last = f"run {state.run.pk} {displayed_state(state.run)}" if state.run else "never run"
        every = f"every {int(state.cadence.total_seconds())} s"
        yield (
            f"  {state.entity.label}: {state.freshness.label.lower()}, as of {_time(state.as_of)}, {every}, "
            f"next {_time(state.next_run)}, {last}"
        )


def _reasons(place: RequestContext) -> Iterator[str]:
    """Yield why each type of data is not newer, unless its next sync is simply not due yet."""
    found = [one for one in overview(place) if not one.top.is_expected]
    if found:
        yield "\nWhy data is stale"
    for one in found:
        yield f"  {one.entity.label}: {one.top.message}"


def _incidents(connections: list[Connection]) -> Iterator[str]:
    known = Incident.objects.filter(closed_at=None, connection__in=connections)
    ours = Incident.objects.filter(closed_at=None, connection=None)
    for incident in (known | ours).order_by("opened_at"):
        yield f"\nIncident since {_time(incident.opened_at)}: {incident.message}"


def _runs(connections: list[Connection], place: RequestContext) -> Iterator[str]:
    runs = SyncRun.objects.filter(connection__in=connections).exclude(started_at=None)
    runs = runs.exclude(entity__in=hidden_entities(bills=place.may_view_bills))
    yield "\nLatest runs"
    for run in runs.select_related("lane").order_by("-id")[:LATEST_RUNS]:
        counts = f"{run.seen} read, {run.created} created, {run.updated} updated, {run.rejected} rejected"
        yield (
            f"  {run.pk} {Entity(run.entity).label}, {run.mode}, {run.trigger}: {displayed_state(run)}, "
            f"{_time(run.started_at)} to {_time(run.completed_at)}, {counts}. {run.message}".rstrip()
        )


def _time(moment: datetime | None) -> str:
    return (format_stamp(moment.replace(microsecond=0)) or "") if moment else "never"
