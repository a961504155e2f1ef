"""Every admin page opens, runs a constant number of queries and shows no secrets."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, User
from django.db import connection as database
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.encryption import encrypt
from integrations.models import Action, Connection
from packr.warehouse.models import Order, Product
from packr.workspaces.models import Brand, Workspace
from syncs.models import EntitySchedule, SyncRun

from .conftest import fill

SHOWN = [model for model in admin.site._registry if model is not Group]
NAMES = [model.__name__ for model in SHOWN]
EDITABLE = {"Workspace", "Brand", "BrandMapping", "EntitySchedule"}
READ_ONLY = [model for model in SHOWN if model.__name__ not in EDITABLE and model is not User]


def address(model: type[Model], page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=[quote(one) for one in args])


@pytest.fixture
def filled(db: None, support: User) -> Connection:
    made = fill("northbay")
    admin.site.get_model_admin(Brand).log_change(_request(support), made.workspace, "Renamed.")
    return made


def _request(user: User) -> Any:
    return type("Request", (), {"user": user})()


def queries(browser: Client, url: str) -> int:
    with CaptureQueriesContext(database) as seen:
        assert browser.get(url).status_code == 200
    return len(seen)


@pytest.mark.parametrize("model", SHOWN, ids=NAMES)
def test_support_opens_every_list_and_object(desk: Client, filled: Connection, model: type[Model]) -> None:
    rows = list(model._default_manager.all()[:20])
    assert rows, f"fill() makes no {model.__name__}"
    page = desk.get(address(model))
    assert page.status_code == 200
    assert address(model, "change", rows[0].pk) in page.content.decode()
    for row in rows:
        shown = desk.get(address(model, "change", row.pk))
        assert shown.status_code == 200
        assert "style=" not in shown.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", shown.content.decode())
    assert desk.get(address(model, "history", rows[0].pk)).status_code == 200


@pytest.mark.parametrize("model", SHOWN, ids=NAMES)
def test_search_accepts_any_text(desk: Client, filled: Connection, model: type[Model]) -> None:
    assert admin.site.get_model_admin(model).search_fields
    found = desk.get(address(model), {"q": "no such thing"}).context["cl"].result_count
    assert found == 0
    numbers = desk.get(address(model), {"q": "12345678901234567890"})
    assert numbers.status_code == 200


@pytest.mark.parametrize("model", SHOWN, ids=NAMES)
def test_list_uses_a_constant_number_of_queries(desk: Client, filled: Connection, model: type[Model]) -> None:
    desk.get(address(model))
    few = queries(desk, address(model))
    before = model._default_manager.count()
    person = User.objects.get(username="sam")
    for number in range(4):
        more = fill(f"workspace-{number}")
        admin.site.get_model_admin(Brand).log_change(_request(person), more.workspace, "Renamed.")
    assert model._default_manager.count() > before
    assert queries(desk, address(model)) == few


def test_front_page_uses_a_constant_number_of_queries(desk: Client, filled: Connection) -> None:
    desk.get("/admin/")
    few = queries(desk, "/admin/")
    for number in range(4):
        fill(f"workspace-{number}")
    assert queries(desk, "/admin/") == few


@pytest.mark.parametrize("model", READ_ONLY, ids=[model.__name__ for model in READ_ONLY])
@pytest.mark.parametrize("who", ["desk", "root"])
def test_history_and_mirror_are_read_only(
    request: pytest.FixtureRequest, filled: Connection, model: type[Model], who: str
) -> None:
    browser: Client = request.getfixturevalue(who)
    row = model._default_manager.all()[0]
    before = model._default_manager.filter(pk=row.pk).values().get()
    count = model._default_manager.count()
    assert browser.get(address(model, "add")).status_code == 403
    assert browser.post(address(model, "add"), {}).status_code == 403
    assert browser.post(address(model, "change", row.pk), {"name": "mine", "state": "failed"}).status_code == 403
    assert browser.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    browser.post(address(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert model._default_manager.filter(pk=row.pk).values().get() == before
    assert model._default_manager.count() == count


@pytest.mark.parametrize("model", [Workspace, EntitySchedule], ids=["Workspace", "EntitySchedule"])
def test_workspaces_and_schedules_cannot_be_deleted(root: Client, filled: Connection, model: type[Model]) -> None:
    row = model._default_manager.all()[0]
    assert root.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


def test_schedules_cannot_be_added(root: Client, filled: Connection) -> None:
    assert root.post(address(EntitySchedule, "add"), {"entity": "orders"}).status_code == 403


def test_credentials_are_never_shown(root: Client, desk: Client, filled: Connection) -> None:
    filled.sealed_credentials = encrypt({"api_key": "open-sesame", "access_token": "tell-no-one"})
    filled.learned = {"session": "session-of-theirs"}
    filled.save()
    secrets = ["open-sesame", "tell-no-one", "session-of-theirs", filled.sealed_credentials[:30]]
    pages = [
        address(Connection),
        address(Connection, "change", filled.pk),
        address(Connection, "history", filled.pk),
        "/admin/",
    ]
    for browser in (root, desk):
        for page in pages:
            words = browser.get(page).content.decode()
            assert [secret for secret in secrets if secret in words] == []
    assert "never shown" in desk.get(address(Connection, "change", filled.pk)).content.decode()


def test_filter_by_credentials_is_rejected(desk: Client, filled: Connection) -> None:
    answer = desk.get(address(EntitySchedule), {"connection__sealed_credentials__startswith": "g"})
    assert answer.status_code == 400


def test_wms_values_are_escaped(desk: Client, filled: Connection) -> None:
    words = desk.get(address(Order, "change", Order.objects.get().pk)).content.decode()
    assert "&lt;b&gt;fragile&lt;/b&gt;" in words
    assert "SKU-1" in words


def test_mirror_lists_filter_removed_rows(desk: Client, filled: Connection) -> None:
    def count(removed: str) -> int:
        return int(desk.get(address(Product), {"removed": removed}).context["cl"].result_count)

    assert (count("no"), count("yes")) == (1, 0)
    Product.objects.update(removed_at=filled.connected_at)
    assert (count("no"), count("yes")) == (0, 1)


def test_run_is_found_by_its_number(desk: Client, filled: Connection) -> None:
    run = SyncRun.objects.earliest("pk")
    assert [row.pk for row in desk.get(address(SyncRun), {"q": str(run.pk)}).context["cl"].result_list] == [run.pk]
    assert desk.get(address(SyncRun), {"q": "northbay"}).context["cl"].result_count == SyncRun.objects.count()


def test_support_exports_an_actions_exchanges(desk: Client, filled: Connection) -> None:
    """The export is a JSON file of requests and responses; the page escapes them."""
    action = Action.objects.get()
    chosen = {"action": "export", "_selected_action": [action.pk]}
    answer = desk.post(address(Action), chosen)
    (trace,) = answer.json()
    assert (trace["reference"], trace["exchanges"]) == (action.reference, action.exchanges)
    assert "attachment" in answer["Content-Disposition"]
    assert "&lt;b&gt;" in desk.get(address(Action, "change", action.pk)).content.decode()
