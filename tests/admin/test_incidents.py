"""Incidents and daily totals in the admin."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import connection as database
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from syncs.models import DailyTally, Incident, Problem
from tests.kit import factories

LIST = "/admin/syncs/incident/"
TALLIES = "/admin/syncs/dailytally/"


def listed(desk: Client, url: str, **filters: Any) -> list[Any]:
    return list(desk.get(url, filters).context["cl"].result_list)


def test_incidents_are_filtered_by_state_problem_and_connection(desk: Client, connection: Connection) -> None:
    began = now() - timedelta(hours=2)
    ours = Incident.objects.create(problem=Problem.NO_WORKER, message="No worker.", opened_at=began)
    theirs = Incident.objects.create(
        problem=Problem.STALE, connection=connection, entity=Entity.ORDERS, message="Orders are old.", opened_at=began
    )
    over = Incident.objects.create(
        problem=Problem.STALE,
        connection=connection,
        entity=Entity.ORDERS,
        message="Orders were old.",
        opened_at=began,
        closed_at=began + timedelta(minutes=25),
    )
    assert set(listed(desk, LIST)) == {ours, theirs, over}
    assert set(listed(desk, LIST, state="open")) == {ours, theirs}
    assert listed(desk, LIST, state="closed") == [over]
    assert listed(desk, LIST, problem__exact="no_worker") == [ours]
    assert set(listed(desk, LIST, entity__exact="orders")) == {theirs, over}
    assert set(listed(desk, LIST, q="northbay")) == {theirs, over}
    words = desk.get(LIST).content.decode()
    for expected in ("Packr", "2 h so far", ">25 min<", "icon-no.svg", "icon-unknown.svg"):
        assert expected in words
    runs = f"?connection__id__exact={connection.pk}&amp;entity__exact=orders"
    assert runs in desk.get(f"{LIST}{theirs.pk}/change/").content.decode()
    assert runs not in desk.get(f"{LIST}{ours.pk}/change/").content.decode()


def test_daily_share_is_full_only_if_every_run_succeeded(desk: Client, connection: Connection) -> None:
    for entity, runs, succeeded in ((Entity.ORDERS, 288, 288), (Entity.INVENTORY, 288, 287), (Entity.BILLS, 0, 0)):
        DailyTally.objects.create(
            connection=connection, entity=entity, day="2026-03-02", runs=runs, succeeded=succeeded
        )
    words = desk.get(TALLIES).content.decode()
    assert (words.count(">100 %<"), words.count(">99 %<")) == (1, 1)
    other = factories.connection(factories.workspace("southbay"))
    tally = DailyTally.objects.create(connection=other, entity=Entity.ORDERS, day="2026-03-03")
    assert listed(desk, TALLIES, q="southbay") == [tally]
    assert listed(desk, TALLIES, day__year=2026, day__month=3, day__day=3) == [tally]


def test_migration_adds_and_removes_group_permissions(support_group: Group) -> None:
    name = "0004_support_group_incidents"
    migration = import_module(f"syncs.migrations.{name}")
    apps = MigrationLoader(database).project_state([("syncs", name)]).apps
    editor = SimpleNamespace(connection=database)
    new = {"view_incident", "view_beat", "view_dailytally"}

    def granted() -> set[str]:
        return set(support_group.permissions.values_list("codename", flat=True))

    before = granted()
    assert before > new
    migration.reduce_group(apps, editor)
    assert granted() == before - new
    Permission.objects.filter(codename__in=new).delete()  # as in a new database
    migration.extend_group(apps, editor)
    assert granted() == before
