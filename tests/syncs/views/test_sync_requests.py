"""Ask an admin: who may ask, who sees the request, who decides, and the outcome."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.models import Status
from packr.workspaces.errors import Refused
from packr.workspaces.models import Role
from syncs.models import State, SyncRequest, SyncRun, Trigger
from syncs.sync_requests import approve, request_sync
from tests.kit import factories as make

INTEGRATIONS = "/settings/integrations/"
ORDERS = Entity.ORDERS


@pytest.fixture
def stale(connection: Any) -> Any:
    make.order(connection)
    make.synced(connection, at=now() - timedelta(hours=1))
    return connection


def asking(connection: Any, client: Client, **fields: str) -> Any:
    return client.post(f"{INTEGRATIONS}{connection.pk}/ask/", {"entity": "orders", **fields})


def flat(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_member_asks_where_an_admin_has_a_button(admin: Client, member: Client, stale: Any) -> None:
    """The banner and the diagnosis then show the request."""
    for address in ("/orders/", "/settings/integrations/why/orders/"):
        assert "Ask an admin" in flat(member.get(address))
        assert "Ask an admin" not in flat(admin.get(address))
    response = asking(stale, member, next="/orders/", note="The pickers wait.")
    assert (response.status_code, response.headers["Location"]) == (303, "/orders/")
    page = flat(member.get("/orders/"))
    assert "The admins now see your request to sync orders." in page
    assert "asked an admin to sync orders" in page
    assert "Ask an admin" not in page
    asked = SyncRequest.objects.get()
    assert (asked.entity, asked.note, asked.decision) == ("orders", "The pickers wait.", "")
    assert SyncRun.objects.filter(trigger=Trigger.MANUAL).count() == 0, "nothing starts until an admin says so"


def test_admin_sees_the_request_on_every_page_and_approves_with_one_click(
    admin: Client, member: Client, admin_user: Any, stale: Any
) -> None:
    """The widget is on every page, and the run names the admin."""
    asking(stale, member, note="The pickers wait.")
    asked = SyncRequest.objects.get()
    widget = flat(admin.get("/products/")).split('id="widget-panel"')[1].split("<main")[0]
    assert "lee asks for orders" in widget
    assert "Needs attention (2)" in widget
    assert f'action="/settings/integrations/asked/{asked.pk}/approve/"' in widget
    assert "asks for orders" not in flat(member.get("/products/"))
    response = admin.post(f"{INTEGRATIONS}asked/{asked.pk}/approve/")
    run = SyncRun.objects.get(trigger=Trigger.MANUAL)
    assert (response.status_code, response.headers["Location"]) == (
        303,
        f"{INTEGRATIONS}{stale.pk}/sync/?run={run.pk}",
    )
    assert (run.entity, run.requested_by, run.state) == ("orders", admin_user, State.QUEUED)
    asked.refresh_from_db()
    assert (asked.decision, asked.decided_by, asked.run) == ("approved", admin_user, run)
    assert "asks for orders" not in flat(admin.get("/products/"))
    SyncRun.objects.filter(pk=run.pk).update(state=State.FAILED, completed_at=now())
    page = flat(member.get("/settings/integrations/why/orders/"))
    assert "Dana started the sync of orders you asked for" in page


def test_approval_attaches_to_a_running_sync(admin: Client, member: Client, stale: Any) -> None:
    asking(stale, member)
    run = make.run(stale, state=State.RUNNING)
    admin.post(f"{INTEGRATIONS}asked/{SyncRequest.objects.get().pk}/approve/")
    assert SyncRequest.objects.get().run == run
    assert SyncRun.objects.filter(state=State.RUNNING).count() == 1


def test_decline_is_shown_to_the_person_who_asked(admin: Client, member: Client, stale: Any) -> None:
    asking(stale, member)
    asked = SyncRequest.objects.get()
    response = admin.post(f"{INTEGRATIONS}asked/{asked.pk}/decline/", {"next": "/orders/"})
    assert (response.status_code, response.headers["Location"]) == (303, "/orders/")
    assert SyncRun.objects.filter(trigger=Trigger.MANUAL).count() == 0
    page = flat(member.get("/orders/"))
    assert "Dana declined the sync of orders you asked for" in page
    assert "Ask an admin" in page, "one may ask again"
    assert "This request was already declined by Dana." in flat(
        admin.post(f"{INTEGRATIONS}asked/{asked.pk}/approve/", follow=True)
    )
    assert SyncRun.objects.filter(trigger=Trigger.MANUAL).count() == 0


def test_each_entity_has_one_open_request(admin: Client, member: Client, workspace: Any, stale: Any) -> None:
    asking(stale, member)
    other = Client()
    other.force_login(make.person("ann", in_=workspace))
    assert "lee already asked for a sync of orders" in flat(
        other.post(f"{INTEGRATIONS}{stale.pk}/ask/", {"entity": "order-shipments"}, follow=True)
    ), "they are read with orders"
    asking(stale, other, entity="products")
    assert SyncRequest.objects.count() == 2
    admin.post(f"{INTEGRATIONS}asked/{SyncRequest.objects.get(entity='orders').pk}/approve/")
    asking(stale, other)
    assert SyncRequest.objects.filter(entity="orders", decision="").count() == 1


def test_request_for_unsyncable_data_is_refused(member: Client, stale: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = {entity: one for entity, one in Trackstar.resources.items() if entity != Entity.SUPPLIERS}
    monkeypatch.setattr(Trackstar, "resources", offered)
    for entity, words in (
        ("suppliers", "does not offer suppliers"),
        ("unicorns", "Choose the data that looks out of date."),
        ("", "Choose the data that looks out of date."),
    ):
        response = member.post(f"{INTEGRATIONS}{stale.pk}/ask/", {"entity": entity, "next": "/orders/"}, follow=True)
        assert words in flat(response)
    type(stale).objects.update(status=Status.DISCONNECTED)
    assert "is disconnected, so nothing can be synced" in flat(
        member.post(f"{INTEGRATIONS}{stale.pk}/ask/", {"entity": "orders", "next": "/orders/"}, follow=True)
    )
    assert SyncRequest.objects.count() == 0


def test_only_people_who_may_view_bills_request_them(
    admin: Client, member: Client, stale: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = Trackstar.resources[Entity.PRODUCTS]
    monkeypatch.setattr(Trackstar, "resources", {**Trackstar.resources, Entity.BILLS: products})
    assert 'value="bills"' not in flat(member.get(INTEGRATIONS))
    assert "Choose the data that looks out of date." in flat(
        member.post(f"{INTEGRATIONS}{stale.pk}/ask/", {"entity": "bills"}, follow=True)
    )
    asking(stale, admin, entity="bills")
    assert SyncRequest.objects.get().entity == "bills"


def test_approval_of_an_impossible_request_is_refused(admin: Client, member: Client, stale: Any) -> None:
    asking(stale, member)
    type(stale).objects.update(status=Status.DISCONNECTED)
    asked = SyncRequest.objects.get()
    response = admin.post(f"{INTEGRATIONS}asked/{asked.pk}/approve/", {"next": "/orders/"}, follow=True)
    assert "is disconnected, so nothing can be synced" in flat(response)
    asked.refresh_from_db()
    assert asked.decision == ""


@pytest.mark.parametrize("doing", ["approve", "decline"])
def test_only_admins_of_the_workspace_decide(
    client: Client, member: Client, elsewhere: Client, support: Client, stale: Any, doing: str
) -> None:
    """403 for members, 404 for other workspaces, the sign-in page for anonymous users."""
    asking(stale, member)
    address = f"{INTEGRATIONS}asked/{SyncRequest.objects.get().pk}/{doing}/"
    assert member.post(address).status_code == 403
    assert elsewhere.post(address).status_code == support.post(address).status_code == 404
    assert client.post(address).headers["Location"].startswith("/accounts/login/")
    assert member.get(address).status_code == 405
    assert SyncRequest.objects.get().decision == ""


def test_only_members_of_the_workspace_ask(client: Client, elsewhere: Client, stale: Any) -> None:
    assert asking(stale, elsewhere).status_code == 404
    assert asking(stale, client).headers["Location"].startswith("/accounts/login/")
    assert SyncRequest.objects.count() == 0


def test_redirect_stays_on_this_site(member: Client, stale: Any) -> None:
    for there in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""):
        assert asking(stale, member, next=there).headers["Location"] == INTEGRATIONS


def test_note_is_bounded_and_escaped(admin: Client, member: Client, stale: Any) -> None:
    asking(stale, member, note="<b>now</b>\0" + "x" * 600)
    assert len(SyncRequest.objects.get().note) == 500
    assert "\0" not in SyncRequest.objects.get().note


def test_query_count_is_independent_of_the_number_of_requests(admin: Client, workspace: Any, stale: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(database) as asked:
            admin.get("/products/")
        return len(asked)

    person = make.person("ann", in_=workspace, role=Role.MEMBER)
    request_sync(stale, ORDERS, person=person)
    few = cost()
    for entity in ("products", "inventory", "customers"):
        request_sync(stale, Entity(entity), person=person)
    assert cost() == few


@pytest.mark.django_db(transaction=True)
def test_concurrent_approvals_start_one_sync(workspace: Any, admin_user: Any, member_user: Any) -> None:
    connection = make.connection(workspace)
    asked, _ = request_sync(connection, ORDERS, person=member_user)
    barrier, refused = Barrier(2), []

    def click() -> None:
        barrier.wait()
        try:
            approve(asked, person=admin_user)
        except Refused as error:
            refused.append(str(error))
        finally:
            database.close()

    threads = [Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert SyncRun.objects.count() == 1
