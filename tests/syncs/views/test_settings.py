"""Sync settings: everybody sees what is synced and how often; admins switch entities and change the lookback."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now
from guardian.shortcuts import remove_perm

from integrations.entities import Entity
from integrations.models import Connection, Event, EventKind, Status
from packr.workspaces.models import VIEW_BILLS
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from syncs.status.entity_state import EntityState, sync_state
from syncs.status.freshness import Freshness
from tests.kit import factories as make

from ...integrations.views.test_overview import page, words


@pytest.fixture
def address(connection: Any) -> str:
    return f"/settings/integrations/{connection.pk}/settings/"


def on(connection: Any, *without: str) -> list[str]:
    """Return the entities that can be switched, without some."""
    return [entity.value for entity in connection.connector.resources if entity not in without]


def state_of(connection: Any, entity: Entity) -> EntityState:
    return next(state for state in sync_state(connection) if state.entity == entity)


def schedule(entity: str) -> EntitySchedule:
    return EntitySchedule.objects.get(entity=entity)


def test_everybody_sees_every_cadence(admin: Client, member: Client, connection: Any, address: str) -> None:
    """A member sees what an admin can change."""
    for client in (admin, member):
        html = words(page(client, address))
        for text in ("every 5 min", "every 15 min", "every hour", "daily at", "With orders"):
            assert text in html
    theirs = page(member, address)
    assert 'type="checkbox"' not in theirs
    assert "History goes back 30 days" in words(theirs)
    assert "Only workspace admins can change these settings: Dana." in words(theirs)
    assert f'href="{address}">Sync Settings</a>' in page(member)


def test_only_workspace_admins_change_settings(
    member: Client, elsewhere: Client, client: Client, connection: Any, address: str
) -> None:
    given = {"entities": [], "lookback_days": 90}
    assert member.post(address, given).status_code == 403
    assert elsewhere.get(address).status_code == elsewhere.post(address, given).status_code == 404
    assert client.post(address, given).headers["Location"].startswith("/accounts/login/")
    assert not EntitySchedule.objects.filter(enabled=False).exists()
    assert Connection.objects.get().lookback_days == 30


def test_switching_off_keeps_the_data_and_names_the_person(admin: Client, connection: Any, address: str) -> None:
    """No run falls due any more, and people who miss the data see why."""
    make.synced(connection, Entity.PRODUCTS)
    response = admin.post(address, {"entities": on(connection, "products"), "lookback_days": 30})
    assert (response.status_code, response.headers["Location"]) == (303, address)
    products = schedule("products")
    assert (products.enabled, products.off_reason) == (False, "Dana switched it off.")
    state = state_of(connection, Entity.PRODUCTS)
    assert (state.freshness, state.next_run) == (Freshness.OFF, None)
    html = words(page(admin, address))
    assert "Off: products. Earlier data stays." in html
    assert "Dana switched it off." in html
    assert EntitySchedule.objects.filter(enabled=False).count() == 1
    assert not SyncRun.objects.filter(state=State.QUEUED).exists()


def test_never_synced_entity_is_off_when_switched_off(admin: Client, connection: Any, address: str) -> None:
    admin.post(address, {"entities": on(connection, "products"), "lookback_days": 30})
    state = state_of(connection, Entity.PRODUCTS)
    assert state.freshness == Freshness.OFF


def test_switching_on_syncs_immediately(admin: Client, admin_user: Any, connection: Any, address: str) -> None:
    """Also an entity that the WMS once did not offer, in case it does now."""
    EntitySchedule.objects.filter(entity="products").update(enabled=False, off_reason="No such thing.", offered=False)
    admin.post(address, {"entities": on(connection), "lookback_days": 30})
    products = schedule("products")
    assert (products.enabled, products.off_reason, products.offered) == (True, "", True)
    run = SyncRun.objects.get()
    assert (run.entity, run.trigger, run.requested_by) == ("products", Trigger.MANUAL, admin_user)
    assert products.next_due_at
    assert products.next_due_at > now() - timedelta(minutes=1)
    assert "On, syncing now: products." in words(page(admin, address))


def test_unchanged_settings_are_left_alone(admin: Client, connection: Any, address: str) -> None:
    """An interval set by support, a pause and the off reason of another entity stay."""
    EntitySchedule.objects.filter(entity="orders").update(every_seconds=600, paused_until=now() + timedelta(hours=1))
    EntitySchedule.objects.filter(entity="inventory").update(enabled=False, off_reason="Too many calls.")
    before = list(EntitySchedule.objects.order_by("pk").values())
    admin.post(address, {"entities": on(connection, "inventory"), "lookback_days": 30})
    assert list(EntitySchedule.objects.order_by("pk").values()) == before
    assert "No changes." in page(admin, address)


def test_disconnected_connection_can_be_configured(admin: Client, connection: Any, address: str) -> None:
    Connection.objects.update(status=Status.DISCONNECTED, disconnected_at=now())
    EntitySchedule.objects.filter(entity="orders").update(enabled=False, off_reason="Not now.")
    assert admin.post(address, {"entities": on(connection), "lookback_days": 30}).status_code == 303
    assert schedule("orders").enabled
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("days", ["0", "3651", "", "many"])
def test_invalid_lookback_is_refused(admin: Client, connection: Any, address: str, days: str) -> None:
    response = admin.post(address, {"entities": on(connection, "products"), "lookback_days": days})
    assert response.status_code == 400
    html = response.content.decode()
    assert "Enter 1 to 3,650 days." in html
    assert schedule("products").enabled, "nothing of the form was followed"
    assert " checked" not in html.split('value="products"')[1].split(">")[0], "what was ticked stays as it was sent"


def test_longer_lookback_reads_the_missing_history(
    admin: Client, admin_user: Any, connection: Any, address: str
) -> None:
    """The change is recorded in the history; other settings stay."""
    make.synced(connection, Entity.ORDERS)
    SyncRun.objects.all().delete()
    border = connection.border
    response = admin.post(address, {"entities": on(connection), "lookback_days": 90})
    assert response.status_code == 303
    stored = Connection.objects.get()
    assert (stored.lookback_days, stored.border) == (90, border - timedelta(days=60))
    run = SyncRun.objects.get(entity="orders")
    assert (run.mode, run.border, run.until) == (Mode.WINDOW, stored.border, border)
    assert [event.text for event in stored.events.all()] == ["Days of history were raised from 30 to 90."]
    assert "Older history is read next" in page(admin, address)
    assert 'min="90"' in page(admin, address)


def test_shorter_lookback_is_refused_with_a_reason(admin: Client, connection: Any, address: str) -> None:
    """The rest of the form is not applied either."""
    response = admin.post(address, {"entities": on(connection, "products"), "lookback_days": 7})
    html = response.content.decode()
    assert response.status_code == 400
    assert "Choose 30 to 3,650 days." in html
    assert 'aria-invalid="true"' in html.split('name="lookback_days"')[1].split(">")[0]
    assert schedule("products").enabled


def test_hidden_entities_are_not_switched_off(admin: Client, connection: Any, address: str) -> None:
    """The form of a person who may not see bills lacks them, which must not switch them off."""
    remove_perm(VIEW_BILLS, connection.workspace.admins, connection.workspace)
    hidden = schedule("bills")
    assert "Bills" not in page(admin, address)
    admin.post(address, {"entities": on(connection, "products", "bills"), "lookback_days": 30})
    hidden.refresh_from_db()
    assert hidden.enabled
    assert not schedule("products").enabled


def test_switching_is_recorded_as_an_event(admin: Client, admin_user: Any, connection: Any, address: str) -> None:
    EntitySchedule.objects.filter(entity="orders").update(enabled=False, off_reason="Not now.")
    admin.post(address, {"entities": on(connection, "products", "customers"), "lookback_days": 30})
    noted = [(event.text, event.kind, event.person) for event in Event.objects.order_by("pk")]
    assert noted == [
        ("Switched on: orders.", EventKind.CONFIGURATION, admin_user),
        ("Switched off: products, customers.", EventKind.CONFIGURATION, admin_user),
    ]


def test_entity_read_with_another_is_not_switched(admin: Client, connection: Any, address: str) -> None:
    response = admin.post(address, {"entities": [*on(connection), "order-shipments"], "lookback_days": 30})
    assert response.status_code == 400
    assert schedule("order-shipments").enabled
