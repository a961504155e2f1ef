"""Saved views: private and shared ones, and the permission to change them."""

from typing import Any

import pytest
from django.test import Client

from packr.warehouse.models import SavedView
from packr.workspaces.services import save_workspace
from tests.kit import factories as make

from ...kit.html import main, page


def save(client: Client, name: str = "Urgent", address: str = "status=open", **more: str) -> Any:
    return client.post("/views/", {"screen": "orders", "name": name, "address": address, **more})


@pytest.fixture(autouse=True)
def _connected(connection: Any) -> None:
    """Save a view of a list."""


def tabs(client: Client, address: str = "/orders/") -> str:
    text = page(client, address)
    return text.split('aria-label="Saved views"')[1].split("</nav>")[0] if "Saved views" in text else ""


def test_view_is_saved_shown_renamed_and_deleted(admin: Client) -> None:
    assert "Save this view" not in page(admin, "/orders/"), "there is nothing to save yet"
    assert "Save this view" in page(admin, "/orders/?status=open&sort=-total_price")
    response = save(admin, "Urgent <b>", "sort=-total_price&status=open&nonsense=1&after=x&q=nb")
    assert (response.status_code, response["Location"]) == (303, "/orders/?q=nb&status=open&sort=-total_price")
    shown = tabs(admin, response["Location"])
    assert 'aria-current="page">\n' in shown or "aria-current" in shown
    assert "Urgent &lt;b&gt;" in shown
    view = SavedView.objects.get()
    assert "Rename or delete “Urgent &lt;b&gt;”" in page(admin, response["Location"])
    assert admin.post(f"/views/{view.pk}/", {"name": "Calm"}).status_code == 303
    assert "Calm" in tabs(admin)
    assert tabs(admin, "/inventory/") == "", "a view belongs to its list"
    assert admin.post(f"/views/{view.pk}/delete/").status_code == 303
    assert tabs(admin) == ""


def test_view_name_is_required_and_unique(admin: Client, member: Client) -> None:
    save(admin)
    for name in ("", " ", "x" * 61, " Urgent "):
        assert save(admin, name, "status=picked").status_code == 303
    assert "The view was not saved: enter a name" in main(admin, "/orders/")
    assert list(SavedView.objects.values_list("name", "address")) == [("Urgent", "status=open")]
    save(member)
    save(admin, "Other")
    other = SavedView.objects.get(name="Other")
    refused = admin.post(f"/views/{other.pk}/", {"name": "Urgent"})
    assert refused.status_code == 400
    assert "Another view has this name." in refused.content.decode()


def test_view_is_private_until_an_admin_shares_it(admin: Client, member: Client, elsewhere: Client) -> None:
    save(member, "Mine")
    assert save(member, "Everybody’s", shared="on").status_code == 403
    save(admin, "Ours", shared="on")
    assert ("Mine" in tabs(member), "Ours" in tabs(member)) == (True, True)
    assert ("Mine" in tabs(admin), "Ours" in tabs(admin)) == (False, True)
    assert tabs(elsewhere) == ""
    mine, ours = SavedView.objects.get(name="Mine"), SavedView.objects.get(name="Ours")
    for view, client, status in (
        (mine, admin, 404),
        (ours, member, 403),
        (ours, elsewhere, 404),
        (mine, elsewhere, 404),
    ):
        assert client.get(f"/views/{view.pk}/").status_code == status
        assert client.post(f"/views/{view.pk}/", {"name": "Taken"}).status_code == status
        assert client.post(f"/views/{view.pk}/delete/").status_code == status
    assert member.post(f"/views/{mine.pk}/", {"name": "Mine", "shared": "on"}).status_code == 403
    assert sorted(SavedView.objects.values_list("name", "shared")) == [("Mine", False), ("Ours", True)]
    assert admin.post(f"/views/{ours.pk}/", {"name": "Ours"}).status_code == 303, "shared no longer"
    assert "Ours" not in tabs(member)


def test_views_are_separate_by_workspace(admin: Client, admin_user: Any) -> None:
    save(admin)
    there = save_workspace("second", admins=[admin_user.username])
    make.connection(there, "Second depot")
    assert tabs(admin, "/orders/?workspace=second") == ""
    assert "Urgent" in tabs(admin, "/orders/?workspace=northbay")


def test_views_of_bills_need_the_bills_permission(admin: Client, member: Client) -> None:
    bills = {"screen": "bills", "name": "Big", "address": "sort=-amount"}
    assert member.post("/views/", bills).status_code == 403
    assert admin.post("/views/", bills)["Location"] == "/bills/?sort=-amount"
    assert admin.post("/views/", {**bills, "screen": "nothing"}).status_code == 404


def test_number_of_views_is_limited(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packr.warehouse.views.saved_views.MAX_VIEWS", 1)
    save(admin)
    save(admin, "One too many")
    assert "this list has 1 of your views already" in main(admin, "/orders/")
    assert SavedView.objects.count() == 1
