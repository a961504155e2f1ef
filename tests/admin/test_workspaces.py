"""Workspaces, people, brands and mappings in the admin."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from integrations.models import BrandMapping, Connection
from packr.workspaces import access
from packr.workspaces.models import TRIGGER_SYNC, Brand, Membership, Role, Workspace
from tests.kit import factories


def form(workspace: Workspace | None = None, people: tuple[Any, ...] = (), **fields: Any) -> dict[str, Any]:
    """Return the workspace form's data; `people` are (membership or None, user, role, delete)."""
    sent: dict[str, Any] = {
        "name": workspace.name if workspace else "Northbay",
        "timezone": workspace.timezone if workspace else "Europe/Berlin",
        "brands-TOTAL_FORMS": 0,
        "brands-INITIAL_FORMS": 0,
        "memberships-TOTAL_FORMS": len(people),
        "memberships-INITIAL_FORMS": sum(1 for membership, *_ in people if membership),
        **fields,
    }
    for number, (membership, user, role, delete) in enumerate(people):
        row = {"id": membership.pk if membership else "", "user": user.pk, "role": role, "workspace": ""}
        row["workspace"] = workspace.pk if workspace else ""
        sent |= {f"memberships-{number}-{name}": value for name, value in row.items()}
        if delete:
            sent[f"memberships-{number}-DELETE"] = "on"
    return sent


def test_new_workspace_gets_groups_people_and_brands(desk: Client) -> None:
    dana, lee = factories.person("dana"), factories.person("lee")
    people = ((None, dana, Role.ADMIN, False), (None, lee, Role.MEMBER, False))
    brand = {"brands-TOTAL_FORMS": 1, "brands-0-name": "Acme", "brands-0-slug": "acme", "brands-0-id": ""}
    answer = desk.post("/admin/workspaces/workspace/add/", form(people=people, slug="northbay", **brand))
    assert answer.status_code == 302
    workspace = Workspace.objects.get()
    assert (workspace.slug, workspace.timezone) == ("northbay", "Europe/Berlin")
    assert access.allows(dana, TRIGGER_SYNC, workspace)
    assert not access.allows(lee, TRIGGER_SYNC, workspace)
    assert lee.groups.get() == workspace.members
    assert workspace.brands.get().name == "Acme"


def change(desk: Client, workspace: Workspace, *people: Any, **fields: Any) -> Any:
    return desk.post(f"/admin/workspaces/workspace/{workspace.pk}/change/", form(workspace, people, **fields))


def test_rights_follow_the_role_and_end_with_the_membership(desk: Client, connection: Connection) -> None:
    workspace = connection.workspace
    dana = factories.person("dana", in_=workspace)
    membership = Membership.objects.get()
    assert change(desk, workspace, (membership, dana, Role.ADMIN, False)).status_code == 302
    assert access.allows(_reload(dana), TRIGGER_SYNC, workspace)
    assert change(desk, workspace, (membership, dana, Role.MEMBER, False)).status_code == 302
    assert not access.allows(_reload(dana), TRIGGER_SYNC, workspace)
    assert change(desk, workspace, (membership, dana, Role.MEMBER, True)).status_code == 302
    assert not Membership.objects.exists()
    assert not dana.groups.exists()


def test_membership_keeps_its_person(desk: Client, connection: Connection) -> None:
    dana, lee = factories.person("dana", in_=connection.workspace), factories.person("lee")
    membership = Membership.objects.get()
    assert change(desk, connection.workspace, (membership, lee, Role.ADMIN, False)).status_code == 302
    assert [(one.user, one.role) for one in Membership.objects.all()] == [(dana, Role.ADMIN)]
    assert not lee.groups.exists()


def _reload(person: User) -> User:
    return User.objects.get(pk=person.pk)


def test_time_zone_is_validated_and_slug_is_fixed(desk: Client, connection: Connection) -> None:
    workspace = connection.workspace
    answer = change(desk, workspace, timezone="Mars/Olympus")
    assert "is not a time zone" in " ".join(str(error) for error in answer.context["errors"])
    assert change(desk, workspace, timezone="America/New_York", name="North", slug="other").status_code == 302
    workspace.refresh_from_db()
    assert (workspace.timezone, workspace.name, workspace.slug) == ("America/New_York", "North", "northbay")


def test_duplicate_slug_changes_nothing(desk: Client, connection: Connection) -> None:
    answer = desk.post("/admin/workspaces/workspace/add/", form(slug="northbay", name="Mine"))
    assert answer.status_code == 200
    connection.workspace.refresh_from_db()
    assert connection.workspace.name == "Northbay"


def test_mapping_across_workspaces_is_refused(desk: Client, connection: Connection) -> None:
    ours = factories.brand(connection.workspace, "Acme")
    theirs = factories.brand(factories.workspace("southbay"), "Bolt")
    add = "/admin/integrations/brandmapping/add/"
    answer = desk.post(add, {"brand": theirs.pk, "connection": connection.pk, "customer_id": ""})
    assert "different workspaces" in answer.content.decode()
    assert not BrandMapping.objects.exists()
    sent = {"brand": ours.pk, "connection": connection.pk, "customer_id": "c-1"}
    assert desk.post(add, sent).status_code == 302
    assert BrandMapping.objects.get().customer_id == "c-1"
    assert "already exists" in desk.post(add, sent).content.decode()


def test_mapped_brand_keeps_its_workspace(desk: Client, connection: Connection) -> None:
    brand = factories.brand(connection.workspace, "Acme", (connection, ""))
    other = factories.workspace("southbay")
    sent = {"workspace": other.pk, "name": "Acme Ltd", "slug": "acme"}
    assert desk.post(f"/admin/workspaces/brand/{brand.pk}/change/", sent).status_code == 302
    brand.refresh_from_db()
    assert (brand.name, brand.workspace) == ("Acme Ltd", connection.workspace)


def test_forms_autocomplete_related_objects(desk: Client, connection: Connection) -> None:
    factories.brand(connection.workspace, "Acme")
    for model, field, app, term in (
        ("brand", "workspace", "workspaces", "north"),
        ("brandmapping", "brand", "integrations", "acm"),
        ("brandmapping", "connection", "integrations", "sand"),
        ("membership", "user", "workspaces", "sam"),
    ):
        query = {"app_label": app, "model_name": model, "field_name": field, "term": term}
        found = desk.get("/admin/autocomplete/", query).json()["results"]
        assert len(found) == 1, (model, field)
    assert Brand.objects.count() == 1
